//! What the tests share: keys, a history in a folder, retention that keeps everything.

use std::path::Path;
use std::sync::Arc;

use model::{Name, Position, SteppedClock, ThingId, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryError, HistoryOptions, Retention, SegmentHistory, SeriesId, SeriesKey};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Not on a border of anything.
pub(crate) const START: i64 = 1_700_000_123 * SECOND;

pub(crate) fn key(thing: &str, name: &str) -> SeriesKey {
    SeriesKey { thing: ThingId::new(thing).unwrap(), name: Name::new(name).unwrap() }
}

pub(crate) fn clock(now: i64) -> Arc<SteppedClock> {
    Arc::new(SteppedClock::new(Timestamp(now)))
}

/// Opens a history. While another test starts a child, that child holds a copy of every lock for a moment; then this
/// tries again.
pub(crate) fn open_with(folder: &Path, clock: &Arc<SteppedClock>, options: HistoryOptions) -> SegmentHistory {
    for _ in 0..100 {
        match SegmentHistory::open(folder, options.clone(), Arc::clone(clock) as Arc<dyn model::Clock>) {
            Err(HistoryError::Io { source, .. }) if source.kind() == std::io::ErrorKind::ResourceBusy => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays locked", folder.display());
}

pub(crate) fn open(folder: &Path, clock: &Arc<SteppedClock>) -> SegmentHistory {
    open_with(folder, clock, HistoryOptions::default())
}

pub(crate) fn keep_all() -> Retention {
    let never = Timestamp::MIN;
    Retention { raw_before: never, minute_before: never, hour_before: never, bytes_max: u64::MAX }
}

pub(crate) fn append(history: &SegmentHistory, position: u64, points: Vec<(SeriesId, i64, Value)>) {
    let points = points.into_iter().map(|(series, time, value)| (series, Timestamp(time), value)).collect();
    history.append(&Batch { points }, Position(position)).unwrap();
}

/// So many floats of one series, ten seconds apart.
pub(crate) fn floats(series: SeriesId, from: i64, count: i64) -> Vec<(SeriesId, i64, Value)> {
    (0..count).map(|i| (series, from + i * 10 * SECOND, Value::Float((i * 37 % 1_000) as f64 / 100.0))).collect()
}

/// Everything of a series.
pub(crate) fn all(history: &SegmentHistory, series: SeriesId) -> Vec<(i64, Value)> {
    let points = history.range(series, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
    points.into_iter().map(|point| (point.time.0, point.value)).collect()
}
