//! Our engine on the benchmark's data.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::{Name, Position, SteppedClock, ThingId, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryOptions, Retention, SegmentHistory, SeriesId, SeriesKey};

use super::data::{Data, START, TICK};
use super::measure::{Cost, cpu, cpu_each};

const HOUR: i64 = 3_600_000_000;

/// What was measured of us.
#[derive(Debug)]
pub(super) struct Ours {
    /// Write-ahead log, head, flushes and syncs.
    pub(super) ingest: Cost,
    /// Merging and roll-ups.
    pub(super) compaction: Cost,
    pub(super) points: f64,
    pub(super) raw_bytes: f64,
    pub(super) all_bytes: f64,
    /// Points of the write-ahead log that a start reads in a CPU-second.
    pub(super) replay_speed: f64,
    pub(super) last_ms: f64,
    pub(super) hour_cold_ms: f64,
    pub(super) hour_ms: f64,
    pub(super) by_hour_cold_ms: f64,
    pub(super) by_hour_ms: f64,
    pub(super) state_ms: f64,
}

fn keep_all() -> Retention {
    let never = Timestamp::MIN;
    Retention { raw_before: never, minute_before: never, hour_before: never, bytes_max: u64::MAX }
}

fn open(folder: &Path, clock: &Arc<SteppedClock>, cache_bytes_max: usize) -> anyhow::Result<SegmentHistory> {
    let options = HistoryOptions { cache_bytes_max, ..HistoryOptions::default() };
    Ok(SegmentHistory::open(folder, options, Arc::clone(clock) as Arc<dyn model::Clock>)?)
}

fn series(history: &SegmentHistory, count: usize) -> anyhow::Result<Vec<SeriesId>> {
    let key = |index| -> anyhow::Result<SeriesKey> {
        Ok(SeriesKey { thing: ThingId::new(format!("thing{index:04}"))?, name: Name::new("value")? })
    };
    (0..count).map(|index| Ok(history.series(&key(index)?)?)).collect()
}

fn batches(data: &Data) -> impl Iterator<Item = Batch> {
    data.commits(data.points()).map(|commit| Batch {
        points: commit
            .into_iter()
            .map(|(series, time, value)| (SeriesId(series), Timestamp(time), Value::Float(value)))
            .collect(),
    })
}

/// Appends everything, with a sync a commit; the batches are made outside of what is measured.
fn ingest(history: &SegmentHistory, data: &Data) -> anyhow::Result<Cost> {
    let mut cost = Cost::default();
    let mut position = 0;
    let mut batches = batches(data);
    loop {
        // Some batches at once, because CPU time is counted in ticks of 10 ms.
        let some: Vec<Batch> = batches.by_ref().take(100).collect();
        if some.is_empty() {
            return Ok(cost);
        }
        cost += cpu(|| -> anyhow::Result<()> {
            for batch in &some {
                position += 1;
                history.append(batch, Position(position))?;
                history.sync()?;
            }
            Ok(())
        })?;
    }
}

pub(super) fn measure(folder: &Path, data: &Data) -> anyhow::Result<Ours> {
    let end = START + data.ticks as i64 * TICK;
    let clock = Arc::new(SteppedClock::new(Timestamp(end)));
    let history = open(folder, &clock, 64 << 20)?;
    let ids = series(&history, data.series)?;
    let ingest = ingest(&history, data)?;
    let replayed = history.statistics().points;
    drop(history);
    let mut history = None;
    let replay = cpu(|| {
        history = Some(open(folder, &clock, 64 << 20)?);
        Ok(())
    })?;
    let history = history.context("the history was opened")?;
    let in_ahead = history.recovery().points;
    anyhow::ensure!(history.statistics().points == replayed, "a restart changed the number of points");
    // Two days later everything is over and is merged.
    clock.advance(Duration::from_hours(48));
    let compaction = cpu(|| history.maintain(&keep_all()).context("compaction"))?;
    let statistics = history.statistics();
    anyhow::ensure!(statistics.points == data.points() as u64, "points are missing");

    let (from, to) = (Timestamp(end - 24 * HOUR - 2 * HOUR), Timestamp(end - 2 * HOUR));
    let by_hour = |history: &SegmentHistory| -> anyhow::Result<()> {
        let (_, buckets) = history.aggregate(&ids, from, to, 24)?;
        let count: u64 = buckets.iter().flatten().map(|bucket| bucket.count).sum();
        let span = (to.0.min(end) - from.0.max(START)) / TICK;
        anyhow::ensure!(count == span as u64 * ids.len() as u64, "{count} points instead of all");
        Ok(())
    };
    let hour = |history: &SegmentHistory, index: usize| -> anyhow::Result<()> {
        let id = ids[index * 7919 % ids.len()];
        let from = START + (index as i64 * 1_234_567 % (end - START - HOUR)).max(0);
        let points = history.range(id, Timestamp(from), Timestamp(from + HOUR), usize::MAX)?;
        anyhow::ensure!(points.len() == 360, "{} points instead of an hour's", points.len());
        Ok(())
    };
    let cold = {
        drop(history);
        open(folder, &clock, 0)?
    };
    let by_hour_cold_ms = cpu_each(20, |_| by_hour(&cold))?;
    let hour_cold_ms = cpu_each(5_000, |index| hour(&cold, index))?;
    drop(cold);
    let history = open(folder, &clock, 64 << 20)?;
    by_hour(&history)?;
    let by_hour_ms = cpu_each(50, |_| by_hour(&history))?;
    let hour_ms = cpu_each(20_000, |index| hour(&history, index))?;
    let last_ms = cpu_each(1_000_000, |index| {
        anyhow::ensure!(history.last(ids[index % ids.len()]).is_some());
        Ok(())
    })?;
    let state_ms = cpu_each(10, |index| {
        let state = history.state_at(Timestamp(START + (end - START) / 2 + index as i64 * TICK))?;
        anyhow::ensure!(state.len() == ids.len());
        Ok(())
    })?;
    Ok(Ours {
        ingest,
        compaction,
        points: data.points() as f64,
        raw_bytes: statistics.raw_bytes as f64,
        all_bytes: statistics.bytes as f64,
        replay_speed: in_ahead as f64 / replay.cpu.as_secs_f64(),
        last_ms,
        hour_cold_ms,
        hour_ms,
        by_hour_cold_ms,
        by_hour_ms,
        state_ms,
    })
}

/// Thirty days of ten series to a thousand pixels, without a cache.
pub(super) fn measure_month(folder: &Path, days: usize) -> anyhow::Result<f64> {
    let data = Data::random_walks(10, days * 8_640, 30);
    let end = Timestamp(START + data.ticks as i64 * TICK);
    let clock = Arc::new(SteppedClock::new(end));
    let history = open(folder, &clock, 0)?;
    let ids = series(&history, data.series)?;
    ingest(&history, &data)?;
    clock.advance(Duration::from_hours(240));
    history.maintain(&keep_all())?;
    cpu_each(10, |_| {
        let (_, buckets) = history.aggregate(&ids, Timestamp(START), end, 1_000)?;
        let count: u64 = buckets.iter().flatten().map(|bucket| bucket.count).sum();
        anyhow::ensure!(count == data.points() as u64 && buckets[0].len() > 900);
        Ok(())
    })
}
