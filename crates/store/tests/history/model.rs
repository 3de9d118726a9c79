//! The engine against a map: any order of appending, syncing, maintaining, reopening and crashing, all queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Position, SteppedClock, Timestamp, Value};
use proptest::prelude::*;
use store::History;
use store::history::{Batch, Bucket, HistoryOptions, Point, SegmentHistory, SeriesId, SeriesKey, Tier};

use crate::bed::{self, DAY, SECOND, START, keep_all};

const SERIES: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// A run of points of one series: when it begins after the start, how far apart the points are, how many, what.
    Append {
        series: u32,
        offset: i64,
        gap: i64,
        count: u8,
        kind: u8,
    },
    Sync,
    Maintain {
        later_days: u8,
    },
    Reopen,
    /// Drops the engine without a word; only what was synced counts.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![Just(SECOND), Just(10 * SECOND), Just(17 * SECOND + 3), Just(1_700 * SECOND)];
    let append =
        (0..SERIES, 0..6 * DAY / SECOND, gap, 1..200_u8, 0..6_u8).prop_map(|(series, offset, gap, count, kind)| {
            Step::Append { series, offset: offset / 100 * 100 * SECOND, gap, count, kind }
        });
    prop_oneof![
        6 => append,
        1 => Just(Step::Sync),
        2 => (0..4_u8).prop_map(|later_days| Step::Maintain { later_days }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

fn value(kind: u8, index: i64) -> Value {
    match kind {
        0 => Value::Integer(index * 3),
        1 => Value::Boolean(index % 3 == 0),
        2 if index % 5 == 0 => Value::text(format!("state {}", index % 4)),
        3 if index % 7 == 0 => Value::Null,
        _ => Value::Float((index * 37 % 1_000) as f64 / 100.0),
    }
}

type Model = BTreeMap<u32, BTreeMap<i64, Value>>;

struct Bed {
    folder: tempfile::TempDir,
    clock: Arc<SteppedClock>,
    history: Option<SegmentHistory>,
    model: Model,
    durable: Model,
    position: u64,
    durable_position: u64,
}

fn key(series: u32) -> SeriesKey {
    bed::key("thing", &format!("name{series}"))
}

fn open(folder: &std::path::Path, clock: &Arc<SteppedClock>) -> SegmentHistory {
    let options = HistoryOptions {
        head_bytes_max: 8_000,
        ahead_bytes_max: 12_000,
        head_age_max: Duration::from_hours(1),
        cache_bytes_max: 40_000,
        open_files_max: 4,
        ..HistoryOptions::default()
    };
    bed::open_with(folder, clock, options)
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SteppedClock::new(Timestamp(START + 9 * DAY)));
        let history = open(folder.path(), &clock);
        for series in 0..SERIES {
            assert_eq!(history.series(&key(series)).unwrap(), SeriesId(series));
        }
        history.append(&Batch::default(), Position(0)).unwrap();
        history.sync().unwrap();
        let (model, durable) = (Model::new(), Model::new());
        Self { folder, clock, history: Some(history), model, durable, position: 0, durable_position: 0 }
    }

    fn history(&self) -> &SegmentHistory {
        self.history.as_ref().unwrap()
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Append { series, offset, gap, count, kind } => {
                let points: Vec<_> = (0..i64::from(*count))
                    .map(|index| (SeriesId(*series), Timestamp(START + offset + index * gap), value(*kind, index)))
                    .collect();
                for (series, time, value) in &points {
                    self.model.entry(series.0).or_default().insert(time.0, value.clone());
                }
                self.position += 1;
                self.history().append(&Batch { points }, Position(self.position)).unwrap();
                self.note_durable();
            }
            Step::Sync => {
                self.history().sync().unwrap();
                assert_eq!(self.history().applied().0, self.position);
                self.note_durable();
            }
            Step::Maintain { later_days } => {
                self.clock.advance(Duration::from_secs(86_400 * u64::from(*later_days)));
                self.history().maintain(&keep_all()).unwrap();
                self.note_durable();
            }
            Step::Reopen => {
                self.history().sync().unwrap();
                self.note_durable();
                self.history = None;
                self.history = Some(open(self.folder.path(), &self.clock));
            }
            Step::Crash => {
                // Frames that were handed to the system survive the process; which is more than was promised.
                self.history = None;
                let history = open(self.folder.path(), &self.clock);
                let applied = history.applied().0;
                assert!(applied == self.durable_position, "{applied} is not what was promised");
                self.model = self.durable.clone();
                self.position = applied;
                self.history = Some(history);
            }
        }
    }

    /// A flush makes points durable without being asked.
    fn note_durable(&mut self) {
        if self.history().applied().0 == self.position {
            self.durable = self.model.clone();
            self.durable_position = self.position;
        }
    }
}

fn model_buckets(points: &BTreeMap<i64, Value>, from: i64, to: i64, columns: i64) -> Vec<Bucket> {
    let width = (to - from + columns - 1) / columns;
    let snap = match width {
        width if width >= 3_600 * SECOND => 3_600 * SECOND,
        width if width >= 60 * SECOND => 60 * SECOND,
        _ => 1,
    };
    let ceil = |time: i64| (time + snap - 1).div_euclid(snap) * snap;
    let mut buckets: Vec<Bucket> = Vec::new();
    for (time, value) in points.range(from..to) {
        let Some(value) = value.as_f64() else { continue };
        let column = ((time.div_euclid(snap) * snap).max(from) - from) / width;
        let start = Timestamp(if column == 0 { from } else { ceil(from + column * width) });
        match buckets.last_mut() {
            Some(bucket) if bucket.time == start => {
                bucket.minimum = bucket.minimum.min(value);
                bucket.maximum = bucket.maximum.max(value);
                bucket.last = value;
                bucket.sum += value;
                bucket.count += 1;
            }
            _ => buckets.push(Bucket {
                time: start,
                minimum: value,
                maximum: value,
                first: value,
                last: value,
                sum: value,
                count: 1,
            }),
        }
    }
    buckets
}

fn check(bed: &Bed, probes: &[(i64, i64, i64)]) {
    let history = bed.history();
    let empty = BTreeMap::new();
    let point = |(time, value): (&i64, &Value)| Point { time: Timestamp(*time), value: value.clone() };
    for series in 0..SERIES {
        let (id, expected) = (SeriesId(series), bed.model.get(&series).unwrap_or(&empty));
        assert_eq!(history.last(id), expected.last_key_value().map(point), "last of {series}");
        let all = history.range(id, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
        assert_eq!(all, expected.iter().map(point).collect::<Vec<_>>(), "all of {series}");
        for (offset, length, columns) in probes {
            let (from, to) = (START + offset, START + offset + length);
            let range = history.range(id, Timestamp(from), Timestamp(to), 50).unwrap();
            assert_eq!(range, expected.range(from..to).take(50).map(point).collect::<Vec<_>>());
            let (mut scan, mut scanned) = (history.scan(id, Timestamp(from), Timestamp(to)).unwrap(), Vec::new());
            while let Some(block) = scan.next().unwrap() {
                scanned.extend((0..block.len()).map(|at| Point { time: block.time(at), value: block.value(at) }));
            }
            assert_eq!(scanned, expected.range(from..to).map(point).collect::<Vec<_>>());
            let at = history.last_at(id, Timestamp(from)).unwrap();
            assert_eq!(at, expected.range(..=from).next_back().map(point), "{series} at {from}");
            let (_, buckets) = history.buckets(id, Timestamp(from), Timestamp(to), *columns as usize).unwrap();
            let wanted = model_buckets(expected, from, to, *columns);
            assert_eq!(buckets.len(), wanted.len(), "{series} {from} {to} {columns}: {buckets:?} {wanted:?}");
            for (ours, theirs) in buckets.iter().zip(&wanted) {
                assert!((ours.sum - theirs.sum).abs() < 1e-6 * theirs.sum.abs().max(1.0));
                assert_eq!(Bucket { sum: 0.0, ..*ours }, Bucket { sum: 0.0, ..*theirs }, "{series}");
            }
        }
    }
    for (offset, ..) in probes {
        let at = START + offset;
        let state: BTreeMap<String, Point> = history
            .state_at(Timestamp(at))
            .unwrap()
            .into_iter()
            .map(|(key, point)| (key.name.to_string(), point))
            .collect();
        let expected: BTreeMap<String, Point> = bed
            .model
            .iter()
            .filter_map(|(series, points)| Some((format!("name{series}"), points.range(..=at).next_back().map(point)?)))
            .collect();
        assert_eq!(state, expected);
    }
    for info in history.list(None) {
        let expected = &bed.model[&info.id.0];
        assert_eq!((info.last.0, info.first.0), (*expected.keys().last().unwrap(), *expected.keys().next().unwrap()));
        assert!(info.points >= expected.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_engine_is_a_map(
        steps in prop::collection::vec(step(), 1..40),
        probes in prop::collection::vec((0..6 * DAY, 1..8 * DAY, 1..500_i64), 6),
        aligned in prop::collection::vec((0..140_i64, 1..140_i64), 3),
    ) {
        let mut bed = Bed::new();
        for step in &steps {
            bed.run(step);
        }
        let midnight = START.rem_euclid(3_600 * SECOND);
        let mut probes = probes;
        probes.extend(aligned.iter().map(|(hour, hours)| {
            (hour * 3_600 * SECOND - midnight, hours * 3_600 * SECOND, *hours)
        }));
        check(&bed, &probes);
        // Everything is over, merged and rolled up: nothing may look different, and now the counts are exact.
        bed.run(&Step::Maintain { later_days: 30 });
        bed.run(&Step::Maintain { later_days: 1 });
        check(&bed, &probes);
        let points: usize = bed.model.values().map(BTreeMap::len).sum();
        prop_assert_eq!(bed.history().statistics().points, points as u64);
        bed.run(&Step::Reopen);
        check(&bed, &probes);
        prop_assert!(bed.history().recovery().cut.is_empty());
    }
}

#[test]
fn hours_are_read_from_the_hour_tier() {
    let bed = Bed::new();
    let points = (0..10_000).map(|i| (SeriesId(0), Timestamp(START + i * 10 * SECOND), Value::Float(i as f64)));
    bed.history().append(&Batch { points: points.collect() }, Position(1)).unwrap();
    bed.history().maintain(&keep_all()).unwrap();
    let tier =
        |columns| bed.history().buckets(SeriesId(0), Timestamp(START), Timestamp(START + DAY), columns).unwrap().0;
    assert_eq!((tier(24), tier(25), tier(1_440), tier(1_441)), (Tier::Hour, Tier::Minute, Tier::Minute, Tier::Raw));
}
