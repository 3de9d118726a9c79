//! Our own sensor net: which appliance a meter's hour of power is of. It is trained on homes of the demo world, of fixed
//! seeds, and judged on homes that it has not seen.

mod net;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use learn::inference::{Golden, Input, Manifest, Meaning, Preparation, Rten, Source, Tensor, install};
use model::{RecordKind, Timestamp, WallClock};
use rand::rngs::OsRng;
use rand::{Rng as _, SeedableRng as _, TryRngCore as _};
use rand_chacha::ChaCha8Rng;

use self::net::{Net, WINDOW};
use crate::report::{Report, Row, Target};

/// Things with a meter, and what the net calls them.
const APPLIANCES: [(&str, &str); 8] = [
    ("fridge", "fridge"),
    ("washing-machine", "washing machine"),
    ("dishwasher", "dishwasher"),
    ("heat-pump", "heat pump"),
    ("ev-charger", "car charger"),
    ("plug-television", "television"),
    ("plug-coffee-machine", "coffee machine"),
    ("plug-desk", "desk"),
];
/// What it calls a window in which nothing happens.
const OFF: &str = "off";
/// Below so many watts an appliance is off; a window that never goes as high as the second is of no appliance.
const OFF_WATTS: f32 = 5.0;
const ON_WATTS: f32 = 20.0;
/// Days of each home.
const DAYS: i64 = 28;
/// The most windows of a class and a home.
const WINDOWS_MAX: usize = 60;
/// Appliances of other makes take less or more than those of the demo world, by a factor between these.
const MAKES: (f32, f32) = (0.75, 1.35);
/// Homes that are learned from.
const LEARNED: std::ops::Range<u64> = 1..9;
/// Homes that the card is about.
const JUDGED: std::ops::Range<u64> = 101..105;
/// What chance is drawn from in training.
const SEED: u64 = 7;
/// The share of right answers that the net must reach on homes it has not seen.
const RIGHT: f64 = 0.9;

type Windows = Vec<(Vec<f32>, usize)>;

fn labels() -> Vec<String> {
    let named = APPLIANCES.iter().map(|(_, name)| (*name).to_owned());
    named.chain([OFF.to_owned()]).collect()
}

/// What each meter of a home tells, minute by minute, in watts.
fn meters(seed: u64) -> Vec<Vec<f32>> {
    let start = Timestamp::from_seconds(1_767_225_600 + (seed % 365) as i64 * 86_400);
    let mut home = world::home(seed, start);
    let minutes = (DAYS * 1_440) as usize;
    let mut told: BTreeMap<String, Vec<(i64, f32)>> = BTreeMap::new();
    let until = start + Duration::from_mins(minutes as u64);
    let done: Result<(), ()> = world::backfill(&mut home.world, until, |batch| {
        for point in
            batch.points.iter().filter(|point| point.kind == RecordKind::Property && point.name.as_str() == "power")
        {
            if let Some(watts) = point.value.as_f64() {
                told.entry(point.thing.to_string()).or_default().push((point.time.micros(), watts as f32));
            }
        }
        Ok(())
    });
    done.expect("nothing refuses the past");
    let minute = |at: usize| (start + Duration::from_mins(at as u64)).micros();
    APPLIANCES
        .iter()
        .map(|(thing, _)| {
            let (points, mut next, mut known) = (told.get(*thing).map_or(&[][..], Vec::as_slice), 0, 0.0);
            let knows = |at: usize| {
                while next < points.len() && points[next].0 <= minute(at) {
                    known = points[next].1;
                    next += 1;
                }
                known
            };
            (0..minutes).map(knows).collect()
        })
        .collect()
}

/// Windows of homes with the class of each, as of other makes.
fn windows(homes: impl Iterator<Item = u64>) -> Windows {
    let mut windows = Windows::new();
    for seed in homes {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut counts = [0; APPLIANCES.len() + 1];
        let meters = meters(seed);
        for (class, watts) in meters.iter().enumerate() {
            for _ in 0..20 * WINDOWS_MAX {
                let from = chance.random_range(0..watts.len() - WINDOW);
                let window = &watts[from..from + WINDOW];
                let peak = window.iter().copied().fold(0.0, f32::max);
                let class = if peak < OFF_WATTS { APPLIANCES.len() } else { class };
                let is_clear = !(OFF_WATTS..ON_WATTS).contains(&peak);
                if is_clear && counts[class] < WINDOWS_MAX {
                    counts[class] += 1;
                    let factor = chance.random_range(MAKES.0..MAKES.1);
                    windows.push((window.iter().map(|watts| watts * factor).collect(), class));
                }
            }
        }
    }
    windows
}

/// Rows are what it was, columns what was said.
struct Confusion(Vec<Vec<u32>>);

impl Confusion {
    fn of(windows: &Windows, says: impl Fn(&[f32]) -> usize) -> Self {
        let mut counts = vec![vec![0; APPLIANCES.len() + 1]; APPLIANCES.len() + 1];
        windows.iter().for_each(|(window, class)| counts[*class][says(window)] += 1);
        Self(counts)
    }

    fn right(&self) -> f64 {
        let right: u32 = (0..self.0.len()).map(|at| self.0[at][at]).sum();
        f64::from(right) / f64::from(self.0.iter().flatten().sum::<u32>().max(1))
    }

    fn recall(&self, class: usize) -> Option<f64> {
        let of: u32 = self.0[class].iter().sum();
        (of > 0).then(|| f64::from(self.0[class][class]) / f64::from(of))
    }

    fn table(&self) -> String {
        let labels = labels();
        let mut text =
            format!("| it was | {} | found |\n|---|{}---:|\n", labels.join(" | "), "---:|".repeat(labels.len()));
        for (class, label) in labels.iter().enumerate() {
            let counts: Vec<String> = self.0[class].iter().map(ToString::to_string).collect();
            let found = self.recall(class).map_or_else(|| "-".to_owned(), |found| format!("{:.1} %", 100.0 * found));
            writeln!(text, "| {label} | {} | {found} |", counts.join(" | ")).expect("text takes what is written");
        }
        text
    }
}

fn best(scores: &[f32]) -> usize {
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0)
}

/// The baseline: the class whose usual mean and peak are the nearest, both as logarithms.
struct Nearest(Vec<[f32; 2]>);

impl Nearest {
    fn features(window: &[f32]) -> [f32; 2] {
        let mean = window.iter().sum::<f32>() / window.len() as f32;
        [mean.max(0.0).ln_1p(), window.iter().copied().fold(0.0, f32::max).ln_1p()]
    }

    fn train(windows: &Windows) -> Self {
        let mut sums = vec![([0.0; 2], 0.0_f32); APPLIANCES.len() + 1];
        for (window, class) in windows {
            let (sum, count) = &mut sums[*class];
            sum.iter_mut().zip(Self::features(window)).for_each(|(sum, feature)| *sum += feature);
            *count += 1.0;
        }
        Self(sums.into_iter().map(|(sum, count)| sum.map(|it| it / count.max(1.0))).collect())
    }

    fn says(&self, window: &[f32]) -> usize {
        let own = Self::features(window);
        let near = |usual: &[f32; 2]| -usual.iter().zip(own).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        best(&self.0.iter().map(near).collect::<Vec<f32>>())
    }
}

fn manifest(net: &Net, file: &[u8], judged: &Windows) -> Manifest {
    let labels = labels();
    let golden = (0..labels.len()).filter_map(|class| judged.iter().find(|(_, of)| *of == class));
    let golden = golden.map(|(window, _)| Golden {
        inputs: vec![Tensor::float(&[1, 1, WINDOW], window.clone())],
        outputs: vec![Tensor::float(&[1, labels.len()], net.scores(window))],
    });
    let hour = Preparation { window: WINDOW, every_us: Some(60_000_000), ..Preparation::plain(&[1, 1, WINDOW]) };
    Manifest {
        name: "appliance".to_owned(),
        version: "1".to_owned(),
        description: "Which appliance an hour of a meter's power, in watts, is of.".to_owned(),
        source: "trained here: cargo xtask models".to_owned(),
        licence: "Apache-2.0".to_owned(),
        sha256: store::blobs::sha256(file),
        inputs: vec![Input { name: "watts".to_owned(), from: Source::Streams(hour) }],
        outputs: vec!["scores".to_owned()],
        answer: None,
        golden: golden.collect(),
        meaning: Meaning::Labels { labels, is_softmax: true, score_min: 0.6 },
        memory_bytes_max: 1_000_000,
        run_us_max: 10_000,
    }
}

fn card(net: &Net, trained: usize, judged: &Confusion, nearest: &Confusion) -> String {
    format!(
        "# Appliance\n\n\
         Tells from {WINDOW} minutes of a meter's power which appliance hangs behind it. A convolutional net of {} numbers, made by\n\
         `cargo xtask models` with fixed seeds: {trained} windows of {} homes of the demo world, {DAYS} days each; each window's power is\n\
         multiplied by a factor from {} to {}, as of another make.\n\n\
         Judged on {} homes that it has not seen: **{:.1} %** right. The baseline, whose usual mean and peak are the nearest, has {:.1} %.\n\
         `cargo xtask bench nets` trains it again and judges it on homes of seeds that are drawn at the moment.\n\n{}\n\
         What it has not seen it takes for what is most alike: it knows simulated appliances only, and should be tried in shadow\n\
         on real ones before anything depends on it.\n",
        net.size(),
        LEARNED.count(),
        MAKES.0,
        MAKES.1,
        JUDGED.count(),
        100.0 * judged.right(),
        100.0 * nearest.right(),
        judged.table()
    )
}

/// Trains the net and judges it: for its card on homes of fixed seeds, for the table on homes of fresh ones. With a
/// folder, the net is written there with its manifest and card.
pub fn run(quick: bool, folder: Option<&Path>) -> anyhow::Result<Report> {
    let learned = windows(LEARNED);
    let (net, nearest) = (Net::train(&learned, APPLIANCES.len() + 1, SEED), Nearest::train(&learned));
    let by_net = |windows: &Windows| Confusion::of(windows, |window| best(&net.scores(window)));
    let by_nearest = |windows: &Windows| Confusion::of(windows, |window| nearest.says(window));
    let file = net.file();
    let known = windows(JUDGED);
    let described = manifest(&net, &file, &known);
    let text = serde_json::to_string(&described).context("a manifest is valid JSON")?;
    let installed = install(described, &file, &[Box::new(Rten::new())], &WallClock)?;
    if let Some(folder) = folder {
        let folder = folder.join("appliance-1");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        std::fs::write(folder.join("model.onnx"), &file)?;
        std::fs::write(folder.join("model.json"), text + "\n")?;
        std::fs::write(folder.join("card.md"), card(&net, learned.len(), &by_net(&known), &by_nearest(&known)))?;
    }
    let first = OsRng.try_next_u64().context("no fresh seed")? >> 16;
    let homes = if quick { 2 } else { 8 };
    let fresh = windows(first..first + homes);
    ensure!(!fresh.is_empty(), "homes from seed {first} have no windows");
    let (ours, theirs) = (by_net(&fresh), by_nearest(&fresh));
    let of = format!("{} windows of {homes} homes from seed {first}", fresh.len());
    let mut rows = vec![
        Row::beside(
            format!("appliances told right ({of})"),
            "share",
            ours.right(),
            "nearest mean and peak",
            theirs.right(),
            Target::AtLeast(RIGHT),
        ),
        Row::absolute("golden vectors, greatest difference", "", f64::from(installed.distance), Target::AtMost(1e-4)),
        Row::absolute("a window", "us", installed.run_us, Target::None),
    ];
    for (class, label) in labels().into_iter().enumerate() {
        if let (Some(ours), Some(theirs)) = (ours.recall(class), theirs.recall(class)) {
            rows.push(Row::beside(format!("{label}: found"), "share", ours, "nearest", theirs, Target::None));
        }
    }
    Ok(Report::new("nets", rows))
}
