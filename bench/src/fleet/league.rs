//! Instances of the League, run under its rules on this machine, and its published best solutions, replayed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use fleet::league::{Instance, Outcome, PREPARATION, Progress, RunSettings, check, run};
use model::WallClock;

use crate::machine;
use crate::report::{Row, Target};

/// The fewest steps that say anything.
const STEPS_MIN: usize = 20;

/// The steps of the long run of ten thousand robots.
const LONG_STEPS: usize = 1_000;

/// The time between two lines that say how far a run is.
const TOLD: Duration = Duration::from_secs(30);

/// An instance, with what is known and what is aimed at.
struct Known {
    /// Its file within the folder of rounds.
    file: &'static str,
    /// The steps of the round.
    steps: usize,
    /// The best known result, on the League's 32 cores.
    best: f64,
    /// What we aim at on two.
    target: f64,
}

impl Known {
    fn name(&self) -> &'static str {
        self.file.rsplit('/').next().unwrap_or_default().trim_end_matches(".json")
    }
}

const fn known(file: &'static str, steps: usize, best: f64, target: f64) -> Known {
    Known { file, steps, best, target }
}

const KNOWN: [Known; 11] = [
    known("MR24/random.domain/RANDOM-01.json", 600, 696.0, 696.0),
    known("MR24/random.domain/RANDOM-02.json", 600, 1_260.0, 1_250.0),
    known("MR24/random.domain/RANDOM-04.json", 1_000, 2_585.0, 2_585.0),
    known("MR24/city.domain/CITY-01.json", 3_000, 8_445.0, 8_445.0),
    known("MR24/warehouse.domain/SORTATION.json", 5_000, 152_714.0, 145_000.0),
    known("MR24/game.domain/GAME.json", 5_000, 23_274.0, 20_000.0),
    known("MR23/city.domain/MR23-I-01.json", 1_500, 10_385.0, 10_340.0),
    known("MR23/random.domain/MR23-I-03.json", 500, 3_042.0, 2_950.0),
    known("MR23/random.domain/MR23-I-05.json", 1_000, 7_432.0, 7_000.0),
    known("MR23/warehouse.domain/MR23-I-06.json", 5_000, 197_275.0, 195_000.0),
    known("MR23/random.domain/MR23-I-07.json", 1_000, 5_914.0, 5_500.0),
];

/// What the code that won in 2024 finishes on two cores: the instance, steps, milliseconds a step, tasks.
const WINNER: [(&str, usize, u64, f64); 3] = [
    ("MR24/random.domain/RANDOM-01.json", 600, 200, 658.0),
    ("MR24/random.domain/RANDOM-02.json", 600, 200, 1_175.0),
    ("MR24/random.domain/RANDOM-04.json", 300, 300, 763.0),
];

fn read(path: &Path) -> anyhow::Result<Instance> {
    let folder = path.parent().context("an instance lies in a folder")?.to_owned();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}\nhint: --instances names the folder of the League's rounds", path.display()))?;
    let open = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    Instance::read(&text, &open).with_context(|| path.display().to_string())
}

#[expect(clippy::print_stderr, reason = "a run takes long and says how far it is")]
fn play(instance: &Instance, steps: usize, step_ms: u64) -> anyhow::Result<Outcome> {
    let settings = RunSettings {
        steps,
        preparation: PREPARATION,
        step_time: Duration::from_millis(step_ms),
        planner: plan::Settings::default(),
    };
    let mut told = Instant::now();
    let mut tell = |progress: Progress| {
        if told.elapsed() >= TOLD {
            told = Instant::now();
            let Progress { step, finished, late, .. } = progress;
            eprintln!("  {step} of {steps} steps, {finished} tasks finished, {late} steps late");
        }
    };
    let outcome = run(instance, settings, &WallClock, &mut tell).map_err(|error| anyhow!("{error}"))?;
    ensure!(outcome.errors.is_empty(), "an illegal plan: {}", outcome.errors[0]);
    Ok(outcome)
}

/// When the tasks of each published best solution were finished, by the name of the instance.
type Published = HashMap<String, Vec<usize>>;

/// Ten thousand robots, the judge, the winner's budget, then every instance for a share of its steps at a second each.
pub(super) fn rows(folder: &Path, share: f64, quick: bool, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    ten_thousand(folder, if quick { STEPS_MIN } else { LONG_STEPS })?.into_iter().for_each(&mut *add);
    let (replayed, published) = replays(folder)?;
    add(replayed);
    if !quick {
        for (file, steps, step_ms, winner) in WINNER {
            let instance = read(&folder.join(file))?;
            let outcome = play(&instance, steps, step_ms)?;
            let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
            let metric = format!("{name}: {} robots, {steps} steps of {step_ms} ms", instance.starts.len());
            let peer = "winner of 2024, 2 cores, measured before";
            add(Row::beside(metric, "tasks", outcome.finished as f64, peer, winner, Target::RatioAtLeast(1.0)));
        }
    }
    all_beside_best(folder, &KNOWN, share, &published, add)
}

/// Some instances by name, each for a share of its steps.
pub(super) fn only(folder: &Path, share: f64, names: &[String], add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let find = |name: &String| {
        KNOWN.into_iter().find(|known| known.name() == name).with_context(|| {
            let all: Vec<&str> = KNOWN.iter().map(Known::name).collect();
            format!("there is no instance {name:?}\nhint: there are {}", all.join(", "))
        })
    };
    let wanted = names.iter().map(find).collect::<anyhow::Result<Vec<Known>>>()?;
    let (_, published) = replays(folder)?;
    all_beside_best(folder, &wanted, share, &published, add)
}

fn all_beside_best(
    folder: &Path,
    wanted: &[Known],
    share: f64,
    published: &Published,
    add: &mut dyn FnMut(Row),
) -> anyhow::Result<()> {
    for known in wanted {
        add(beside_best(folder, known, share, published)?);
    }
    Ok(())
}

/// One instance beside the best known solution. The first tasks are finished late and the short ones early, so a
/// shortened run is compared with what the best solution had finished by the same step; pro rata only where the
/// published file does not tell.
fn beside_best(folder: &Path, known: &Known, share: f64, published: &Published) -> anyhow::Result<Row> {
    let instance = read(&folder.join(known.file))?;
    let steps = ((known.steps as f64 * share) as usize).clamp(STEPS_MIN.min(known.steps), known.steps);
    let outcome = play(&instance, steps, 1_000)?;
    let name = known.name();
    let (peer, best) = match published.get(name).filter(|finished| !finished.is_empty()) {
        Some(finished) => {
            ("best known by the same step, 32 cores", finished.iter().filter(|at| **at <= steps).count() as f64)
        }
        None => ("best known, 32 cores, pro rata", known.best * steps as f64 / known.steps as f64),
    };
    let percent = (100.0 * steps as f64 / known.steps as f64).round();
    let metric =
        format!("{name}: {} robots, {steps} of {} steps of 1 s ({percent} %)", instance.starts.len(), known.steps);
    let target = Target::RatioAtLeast((known.target / known.best * 1e3).round() / 1e3);
    Ok(Row::beside(metric, "tasks", outcome.finished as f64, peer, best, target))
}

/// Ten thousand robots with 300 ms for a step, judged in the end.
fn ten_thousand(folder: &Path, steps: usize) -> anyhow::Result<Vec<Row>> {
    let instance = read(&folder.join("MR24/warehouse.domain/SORTATION.json"))?;
    let outcome = play(&instance, steps, 300)?;
    let resident = machine::resident_bytes(std::process::id())? as f64 / 1e6;
    let report = check(outcome.file.as_bytes(), Some(&instance)).map_err(|error| anyhow!("{error}"))?;
    let shape = format!("10,000 robots, {steps} steps of 300 ms");
    let slowest_ms = outcome.slowest.as_secs_f64() * 1e3;
    Ok(vec![
        Row::absolute(format!("{shape}: late"), "steps", outcome.late as f64, Target::AtMost(0.0)),
        Row::absolute(format!("{shape}: the slowest"), "ms", slowest_ms, Target::AtMost(300.0)),
        Row::absolute(format!("{shape}: resident memory"), "MB", resident, Target::AtMost(2_000.0)),
        Row::absolute(
            format!("{shape}: collisions and other faults"),
            "",
            report.faults_total as f64,
            Target::AtMost(0.0),
        ),
        Row::absolute(format!("{shape}: tasks finished"), "", outcome.finished as f64, Target::None),
    ])
}

/// Replays every published solution with its own instance.
fn replays(folder: &Path) -> anyhow::Result<(Row, Published)> {
    let unpacked = tempfile::tempdir()?;
    let mut wrong = 0;
    let mut published = Published::new();
    let mut archives: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder.join("best_solutions"))? {
        let path = entry?.path();
        archives.extend(path.extension().is_some_and(|extension| extension == "zip").then_some(path));
    }
    ensure!(!archives.is_empty(), "{} has no published solutions", folder.display());
    for archive in &archives {
        let stem = archive.file_name().and_then(|name| name.to_str()).unwrap_or_default().trim_end_matches(".json.zip");
        let place = unpacked.path().join(stem);
        let python = std::env::var_os("BENCH_PYTHON").unwrap_or_else(|| "python3".into());
        let status =
            Command::new(python).args(["-m", "zipfile", "-e"]).arg(archive).arg(&place).status().context("python3")?;
        ensure!(status.success(), "{} cannot be unpacked", archive.display());
        let name = stem.trim_start_matches("MR24-");
        let known = KNOWN.iter().find(|known| known.name() == name);
        let known = known.with_context(|| format!("no instance belongs to {stem}"))?;
        let instance = read(&folder.join(known.file))?;
        for file in std::fs::read_dir(&place)? {
            let text = std::io::BufReader::new(std::fs::File::open(file?.path())?);
            let report = check(text, Some(&instance)).map_err(|error| anyhow!("{stem}: {error}"))?;
            let holds = report.faults_total == 0
                && report.count.finished() == report.stated
                && report.stated as f64 == known.best;
            wrong += usize::from(!holds);
            published.insert(name.to_owned(), report.finished_at);
        }
    }
    let metric = format!("{} published best solutions replayed: other counts, or faults", archives.len());
    Ok((Row::absolute(metric, "files", wrong as f64, Target::AtMost(0.0)), published))
}
