//! Injected faults in telemetry of the demo home, with seeds that are new in every run: weeks of it with the mind's own
//! detectors, and its sensors broken while it lives, as a person would break them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use learn::multivariate::{PROPERTIES_MAX, Together};
use model::{DataType, Name, RecordKind, ThingId, Timestamp};
use site::MindOptions;
use site::mind::{MakeWatch, News, Seen, Silence, StreamAbout, Watch};
use world::{DemoHome, FaultKind, Said, World};

use super::injected::{Chance, DAY, Injected, Judged, LEARNING, Score, Telemetry, judge};
use crate::report::{Row, Target};

/// Days that a home is watched for, quickly and in full; the first ones are learned from.
const DAYS: [u64; 2] = [20, 40];
/// Homes.
const HOMES: [u64; 2] = [1, 3];
/// False alarms that are borne of a thing in a month, as the mind is set at first.
const BEARABLE: f64 = 1.0;
/// In the living home: before anything is broken, for how long it is, and within what it is to be found.
const QUIET_SECONDS: u32 = 900;
const BROKEN_SECONDS: u32 = 60;
const SOON_SECONDS: i64 = 20;
/// Samples of a thing as a whole.
const COLUMN: i64 = DAY / 288;
/// How long the values of one property are those of another time.
const MISFIT_COLUMNS: usize = 36;

/// A property of a thing.
type Key = (ThingId, Name);

/// A stream as the mind watches it.
struct Mind {
    make: MakeWatch,
    watch: Box<dyn Watch>,
    silence: Silence,
    rate: f64,
    going_on: BTreeSet<String>,
}

fn about() -> StreamAbout {
    StreamAbout { data_type: DataType::Number, unit: None }
}

impl Mind {
    fn new(rate: f64) -> Self {
        let make = MindOptions::default().watch.expect("the mind has detectors");
        let mut watch = make(&about(), None);
        watch.set_rate(rate);
        Self { make, watch, silence: Silence::default(), rate, going_on: BTreeSet::new() }
    }

    fn note(&mut self, news: Vec<News>) -> Option<String> {
        let mut found = None;
        for news in news {
            let name = |kind| serde_json::to_value(kind).map(|kind| kind.as_str().unwrap_or_default().to_owned());
            match news {
                News::Found(verdict) => {
                    let name = name(verdict.kind).unwrap_or_default();
                    if self.going_on.insert(name.clone()) || !verdict.kind.lasts() {
                        found = Some(name);
                    }
                }
                News::Over { kind, .. } => drop(name(kind).map(|name| self.going_on.remove(&name))),
            }
        }
        found
    }
}

impl Judged for Mind {
    fn take(&mut self, time: i64, received: Option<i64>, value: f64) -> Option<String> {
        let mut news = Vec::new();
        self.silence.heard(Timestamp(received.unwrap_or(time)), Timestamp(0), &mut news);
        let seen = Seen { time: Timestamp(time), received: received.map(Timestamp), value };
        self.watch.take(seen, &mut news);
        self.note(news)
    }

    fn look(&mut self, now: i64) -> Option<String> {
        let mut news = Vec::new();
        self.silence.look(Timestamp(now), Timestamp(0), self.rate, &mut news);
        self.note(news)
    }

    fn copy(&self) -> Box<dyn Judged> {
        let mut watch = (self.make)(&about(), Some(&self.watch.save()));
        watch.set_rate(self.rate);
        let (make, silence) = (self.make.clone(), self.silence.clone());
        Box::new(Self { make, watch, silence, rate: self.rate, going_on: self.going_on.clone() })
    }

    fn is_ready(&self) -> bool {
        self.watch.learned_share() >= 1.0
    }
}

/// A home with its past.
struct Home {
    demo: DemoHome,
    streams: BTreeMap<Key, Telemetry>,
    /// How many streams each thing has.
    things: BTreeMap<String, usize>,
}

impl Home {
    fn new(seed: u64, days: u64) -> Self {
        let start = Timestamp::from_seconds(1_767_225_600 + (seed % 365) as i64 * 86_400);
        let mut demo = world::home(seed, start);
        let mut streams: BTreeMap<Key, Telemetry> = BTreeMap::new();
        for thing in &demo.things {
            for (name, property) in &thing.model.properties {
                let is_number = matches!(property.data_type, DataType::Number | DataType::Integer);
                if is_number && !property.writable && property.choices.is_empty() {
                    let stream = Telemetry { thing: thing.id.to_string(), points: Vec::new() };
                    streams.insert((thing.id.clone(), name.clone()), stream);
                }
            }
        }
        let until = start + Duration::from_secs(days * 86_400);
        let told: Result<(), ()> = world::backfill(&mut demo.world, until, |batch| {
            for point in batch.points.iter().filter(|point| point.kind == RecordKind::Property) {
                let key = (point.thing.clone(), point.name.clone());
                let Some((stream, value)) = streams.get_mut(&key).zip(point.value.as_f64()) else { continue };
                stream.points.push((point.time.micros(), value));
            }
            Ok(())
        });
        told.expect("nothing refuses the past");
        streams.retain(|_, stream| !stream.points.is_empty());
        let mut things = BTreeMap::new();
        streams.values().for_each(|stream| *things.entry(stream.thing.clone()).or_insert(0) += 1);
        Self { demo, streams, things }
    }

    /// What is borne of one of a thing's streams; where there are several, they are watched together, too.
    fn rate(&self, stream: &Telemetry) -> f64 {
        let streams = self.things[&stream.thing];
        BEARABLE / (streams + usize::from(streams > 1)) as f64
    }
}

/// The table's rows. `quick` takes one home and half the time.
pub(super) fn rows(quick: bool) -> Vec<Row> {
    let (days, homes) = (DAYS[usize::from(!quick)], HOMES[usize::from(!quick)]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
    let seed = now % 1_000_000;
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (mut score, mut joint, mut live) = (Score::default(), JointScore::default(), BTreeMap::new());
    let mut thing_months = 0.0;
    for home in 0..homes {
        let mut home = Home::new(seed + home, days);
        for stream in home.streams.values() {
            judge(stream, Box::new(Mind::new(home.rate(stream))), &mut chance, &mut score);
        }
        for thing in home.things.keys() {
            let streams: Vec<&Telemetry> = home.streams.values().filter(|stream| stream.thing == *thing).collect();
            judge_together(&streams, &mut chance, &mut joint);
        }
        break_live(&mut home, &mut live);
        thing_months += (days as f64 - LEARNING as f64 / DAY as f64) / 30.0 * home.things.len() as f64;
    }
    let mut rows = told(&score, &joint, thing_months, seed, (homes, days));
    for (fault, soon) in live {
        let share = 100.0 * soon.0 as f64 / soon.1.max(1) as f64;
        let metric = format!("living demo, {fault}: named within {SOON_SECONDS} s, of {} sensors", soon.1);
        rows.push(Row::absolute(metric, "%", share, Target::None));
    }
    rows
}

fn told(score: &Score, joint: &JointScore, months: f64, seed: u64, (homes, days): (u64, u64)) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut recall, mut named) = (0.0, 0.0);
    for (injected, outcome) in &score.by_kind {
        let of = outcome.injected.max(1) as f64;
        let shares = [outcome.found as f64 / of, outcome.named as f64 / of];
        (recall, named) = (recall + shares[0], named + shares[1]);
        let what = format!("{}, {} times", injected.words(), outcome.injected);
        rows.push(Row::absolute(format!("{what}: found"), "%", 100.0 * shares[0], Target::None));
        rows.push(Row::absolute(format!("{what}: named"), "%", 100.0 * shares[1], Target::None));
    }
    let kinds = Injected::ALL.len() as f64;
    let false_alarms = score.false_alarms.values().sum::<usize>() + joint.false_alarms;
    let what = format!("{homes} homes of {days} days, seed {seed}");
    rows.extend([
        Row::absolute(
            format!("injected faults, {what}: recall, mean of kinds"),
            "",
            recall / kinds,
            Target::AtLeast(0.95),
        ),
        Row::absolute("injected faults: named rightly, mean of kinds", "", named / kinds, Target::None),
        Row::absolute("false alarms a thing and month", "", false_alarms as f64 / months, Target::AtMost(BEARABLE)),
        Row::absolute("of them by things as a whole", "", joint.false_alarms as f64 / months, Target::None),
    ]);
    rows.extend(score.false_alarms.iter().map(|(found, times)| {
        Row::absolute(format!("of them called {found}"), "", *times as f64 / months, Target::None)
    }));
    let share = 100.0 * joint.found as f64 / joint.injected.max(1) as f64;
    let what = format!("a property as it was at another time for 3 h, {} times: found as joint", joint.injected);
    rows.push(Row::absolute(what, "%", share, Target::None));
    rows
}

/// What came of watching things as a whole.
#[derive(Default)]
struct JointScore {
    false_alarms: usize,
    injected: usize,
    found: usize,
}

/// Means over a few minutes; what says nothing is what it last was. Counters are left out.
fn columns(streams: &[&Telemetry]) -> Vec<Vec<f64>> {
    let values = streams.iter().filter(|stream| {
        let steps = stream.points.windows(2).map(|pair| pair[1].1 - pair[0].1);
        let (grew, fell) =
            steps.fold((0, 0), |(grew, fell), step| (grew + u32::from(step > 0.0), fell + u32::from(step < 0.0)));
        grew + fell > 8 && grew.min(fell) * 20 > grew.max(fell)
    });
    let end = streams.iter().filter_map(|stream| stream.points.last()).map(|point| point.0).max().unwrap_or(0);
    let start = streams.iter().filter_map(|stream| stream.points.first()).map(|point| point.0).max().unwrap_or(0);
    values
        .take(PROPERTIES_MAX)
        .map(|stream| {
            let mut last = stream.points[0].1;
            let mut at = 0;
            (0..((end - start) / COLUMN).max(0))
                .map(|column| {
                    let (from, to) = (start + column * COLUMN, start + (column + 1) * COLUMN);
                    let (mut sum, mut count) = (0.0, 0.0);
                    while at < stream.points.len() && stream.points[at].0 < to {
                        if stream.points[at].0 >= from {
                            (sum, count) = (sum + stream.points[at].1, count + 1.0);
                        }
                        last = stream.points[at].1;
                        at += 1;
                    }
                    if count > 0.0 { sum / count } else { last }
                })
                .collect()
        })
        .collect()
}

fn judge_together(streams: &[&Telemetry], chance: &mut Chance, score: &mut JointScore) {
    let columns = columns(streams);
    let (count, length) = (columns.len(), columns.first().map_or(0, Vec::len));
    let learning = (LEARNING / COLUMN) as usize;
    if count < 2 || length < learning + 4 * MISFIT_COLUMNS {
        return;
    }
    let mut together = Together::new(count, 288);
    let threshold = together.rarity_of(BEARABLE / (streams.len() + 1) as f64, 300.0);
    let broken = learning + chance.below(length - learning - MISFIT_COLUMNS);
    let (property, mut calm) = (chance.below(count), 0);
    for column in 0..length {
        let values: Vec<f64> = columns.iter().map(|values| values[column]).collect();
        if column == broken {
            let mut copy = together.clone();
            let odd = (0..MISFIT_COLUMNS).any(|more| {
                let mut values: Vec<f64> = columns.iter().map(|values| values[column + more]).collect();
                values[property] = columns[property][column + more - 144];
                copy.watch(&values, threshold).is_some()
            });
            score.injected += 1;
            score.found += usize::from(odd);
        }
        calm += 1;
        if together.watch(&values, threshold).is_some() {
            // What is repeated within ten minutes is one finding.
            score.false_alarms += usize::from(calm > 2 && column >= learning);
            calm = 0;
        }
    }
}

/// Breaks all sensors of the living home at once, each way from the same moment, and counts those that are named soon, of
/// those that do not rest.
fn break_live(home: &mut Home, soon: &mut BTreeMap<&'static str, (usize, usize)>) {
    let mut learned: BTreeMap<Key, Mind> = BTreeMap::new();
    for (key, stream) in &home.streams {
        let mut mind = Mind::new(home.rate(stream));
        for (time, value) in &stream.points {
            mind.take(*time, None, *value);
        }
        if mind.is_ready() && !mind.watch.counts() {
            learned.insert(key.clone(), mind);
        }
    }
    live(&mut home.demo.world, QUIET_SECONDS, &mut |key, time, value| {
        if let Some(mind) = learned.get_mut(key) {
            mind.take(time, Some(time), value);
        }
    });
    let saved = home.demo.world.save();
    let rests = |key: &Key| {
        let points = &home.streams[key].points;
        let week = points.len().saturating_sub(10_000);
        let last = points.last().map_or(0.0, |point| point.1);
        points[week..].iter().filter(|point| point.1 == last).count() * 10 > points.len() - week
    };
    for (kind, name) in [(FaultKind::Stuck, "stuck"), (FaultKind::Drift, "drift"), (FaultKind::Spike, "spike")] {
        let world = &mut home.demo.world;
        world.restore(&saved).expect("it was saved by this world");
        live(world, 1, &mut |_, _, _| {});
        let began = world.time().micros();
        let mut minds: BTreeMap<&Key, Box<dyn Judged>> =
            learned.iter().filter(|(key, _)| !rests(key)).map(|(key, mind)| (key, mind.copy())).collect();
        for (thing, property) in minds.keys() {
            world.fault(thing, property, Some(kind)).expect("it tells numbers");
        }
        let mut found: BTreeSet<Key> = BTreeSet::new();
        live(world, BROKEN_SECONDS, &mut |key, time, value| {
            let Some(mind) = minds.get_mut(key) else { return };
            let is_it = mind.take(time, Some(time), value).is_some_and(|found| found == name);
            if is_it && time - began <= SOON_SECONDS * 1_000_000 {
                found.insert(key.clone());
            }
        });
        let counted = soon.entry(name).or_default();
        *counted = (counted.0 + found.len(), counted.1 + minds.len());
    }
}

/// Lets the world live, second by second.
fn live(world: &mut World, seconds: u32, told: &mut impl FnMut(&Key, i64, f64)) {
    let mut reports = Vec::new();
    for _ in 0..seconds {
        world.step(Duration::from_secs(1), &mut reports);
        for report in reports.drain(..) {
            let Said::Properties { values, .. } = report.said else { continue };
            for (name, value) in values {
                if let Some(value) = value.as_f64() {
                    told(&(report.thing.clone(), name), report.time.micros(), value);
                }
            }
        }
    }
}
