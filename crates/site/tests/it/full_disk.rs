//! A history that has no room: the fold waits for it, and nothing is lost, also not in a crash meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Position, ThingId, Timestamp, Value};
use site::Site;
use store::History;
use store::history::{
    Batch, Bucket, HistoryError, Point, Retention, Scan, SegmentHistory, SeriesId, SeriesInfo, SeriesKey, Statistics,
    Tier,
};

use crate::common::{Bench, id, name, reported};

/// A history that takes points only while its disk has room.
#[derive(Debug)]
struct Narrow {
    inner: SegmentHistory,
    is_full: Arc<AtomicBool>,
}

impl Narrow {
    fn check(&self) -> Result<(), HistoryError> {
        let is_full = self.is_full.load(Ordering::Relaxed);
        if is_full { Err(HistoryError::NoRoom("on purpose".to_owned())) } else { Ok(()) }
    }
}

impl History for Narrow {
    fn series(&self, key: &SeriesKey) -> Result<SeriesId, HistoryError> {
        self.inner.series(key)
    }

    fn list(&self, thing: Option<&ThingId>) -> Vec<SeriesInfo> {
        self.inner.list(thing)
    }

    fn append(&self, batch: &Batch, applied: Position) -> Result<(), HistoryError> {
        self.check()?;
        self.inner.append(batch, applied)
    }

    fn applied(&self) -> Position {
        self.inner.applied()
    }

    fn sync(&self) -> Result<(), HistoryError> {
        self.check()?;
        self.inner.sync()
    }

    fn last(&self, series: SeriesId) -> Option<Point> {
        self.inner.last(series)
    }

    fn last_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>, HistoryError> {
        self.inner.last_at(series, at)
    }

    fn range(&self, series: SeriesId, from: Timestamp, to: Timestamp, most: usize) -> Result<Vec<Point>, HistoryError> {
        self.inner.range(series, from, to, most)
    }

    fn scan(&self, series: SeriesId, from: Timestamp, to: Timestamp) -> Result<Box<dyn Scan + '_>, HistoryError> {
        self.inner.scan(series, from, to)
    }

    fn buckets(
        &self,
        series: SeriesId,
        from: Timestamp,
        to: Timestamp,
        columns: usize,
    ) -> Result<(Tier, Vec<Bucket>), HistoryError> {
        self.inner.buckets(series, from, to, columns)
    }

    fn state_at(&self, at: Timestamp) -> Result<Vec<(Arc<SeriesKey>, Point)>, HistoryError> {
        self.inner.state_at(at)
    }

    fn remove(&self, thing: &ThingId) -> Result<(), HistoryError> {
        self.inner.remove(thing)
    }

    fn maintain(&self, retention: &Retention) -> Result<(), HistoryError> {
        self.inner.maintain(retention)
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}

fn open(bench: &Bench, is_full: &Arc<AtomicBool>) -> Arc<Site> {
    bench.open_on(|inner| Arc::new(Narrow { inner, is_full: Arc::clone(is_full) }))
}

/// The values of the counter in the history, oldest first.
fn kept(site: &Site) -> Vec<f64> {
    let history = site.history_engine();
    let series = history.series(&SeriesKey { thing: id("meter"), name: name("count") }).unwrap();
    let points = history.range(series, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
    points.into_iter().map(|point| point.value.as_f64().unwrap()).collect()
}

fn say(bench: &Bench, number: i64) {
    bench.say("things/meter/properties/count", &number.to_string());
    bench.pass(std::time::Duration::from_secs(1));
}

#[test]
fn the_fold_waits_for_the_history_and_skips_nothing() {
    for crashes in [false, true] {
        let bench = Bench::new();
        let is_full = Arc::new(AtomicBool::new(false));
        let mut site = open(&bench, &is_full);
        say(&bench, 1);
        site.turn().unwrap();
        site.checkpoint().unwrap();

        is_full.store(true, Ordering::Relaxed);
        say(&bench, 2);
        let folded = site.turn();
        assert!(folded.is_err(), "the next turn waits: {folded:?}");
        say(&bench, 3);
        for _ in 0..3 {
            let error = site.turn().unwrap_err().to_string();
            assert!(error.contains("hint: make room on the disk"), "{error}");
            assert!(site.checkpoint().is_err(), "what is written down is never ahead of the history");
        }
        let errors = site.figures().into_iter().find(|figure| figure.name == "history_errors").unwrap();
        assert_eq!(errors.value, 1.0, "one batch did not find room");
        assert_eq!(reported(&site, "meter", "count"), Some(Value::Float(2.0)), "and nothing after it was folded");
        assert_eq!(kept(&site), [1.0]);

        is_full.store(false, Ordering::Relaxed);
        if crashes {
            drop(site);
            site = open(&bench, &is_full);
        }
        say(&bench, 4);
        site.turn().unwrap();
        site.checkpoint().unwrap();
        assert_eq!(kept(&site), [1.0, 2.0, 3.0, 4.0], "crashes: {crashes}");
        assert_eq!(reported(&site, "meter", "count"), Some(Value::Float(4.0)));
    }
}
