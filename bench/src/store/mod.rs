//! `bench store`: the history engine beside SQLite, PostgreSQL, DuckDB and VictoriaMetrics on the same data.

mod data;
mod measure;
mod ours;
mod peers;

use anyhow::Context;

use crate::report::{Report, Row, Target};
use data::Data;
use ours::Ours;
use peers::{Peer, millions};

const SERIES: usize = 1_000;

/// Thirty hours of ticks.
const TICKS: usize = 10_800;

/// Measures everything; `quick` gives the row engines fewer points and the month fewer days.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("manmul-bench").tempdir()?;
    let at = |name: &str| -> anyhow::Result<std::path::PathBuf> {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    };
    let data = Data::random_walks(SERIES, TICKS, 1);
    let row_points = if quick { 1_000_000 } else { 3_000_000 };
    let server_points = if quick { 2_880_000 } else { data.points() };
    let days = 30;

    let ours = ours::measure(&at("ours")?, &data).context("our engine")?;
    let month_ms = ours::measure_month(&at("month")?, days).context("our engine, thirty days")?;
    let sqlite = peers::sqlite(&at("sqlite")?, &data, row_points).context("SQLite")?;
    let duckdb = peers::duckdb(&at("duckdb")?, &data, data.points()).context("DuckDB")?;
    let postgres = peers::postgres(folder.path(), &data, row_points).context("PostgreSQL")?;
    let victoria = peers::victoria_metrics(&at("victoria")?, &data, server_points).context("VictoriaMetrics")?;
    Ok(Report::new("store", rows(&ours, month_ms, &Peers { sqlite, duckdb, postgres, victoria })))
}

struct Peers {
    sqlite: Peer,
    duckdb: Peer,
    postgres: Peer,
    victoria: Peer,
}

fn per_second(points: f64, cost: measure::Cost) -> f64 {
    points / cost.cpu.as_secs_f64()
}

fn rows(ours: &Ours, month_ms: f64, peers: &Peers) -> Vec<Row> {
    let Peers { sqlite, duckdb, postgres, victoria } = peers;
    let shape = format!("{} points of {SERIES} series", millions(ours.points as usize));
    let speed = per_second(ours.points, ours.ingest);
    let mut both = ours.ingest;
    both += ours.compaction;
    let metric = format!("ingest, durable every 20,000 points, {shape}");
    let mut rows = vec![Row::absolute(metric.clone(), "points/CPU-s", speed, Target::AtLeast(2e6))];
    let targets = [
        (sqlite, Target::RatioAtLeast(5.0)),
        (postgres, Target::RatioAtLeast(4.0)),
        (victoria, Target::None),
        (duckdb, Target::None),
    ];
    for (peer, target) in targets {
        let theirs = per_second(peer.points, peer.ingest);
        rows.push(Row::beside(metric.clone(), "points/CPU-s", speed, &peer.name, theirs, target));
    }
    let wall = ours.points / ours.ingest.wall.as_secs_f64();
    rows.push(Row::absolute("ingest, wall time (depends on the disk)", "points/s", wall, Target::None));
    rows.push(Row::absolute(
        "ingest with compaction and roll-ups",
        "points/CPU-s",
        per_second(ours.points, both),
        Target::None,
    ));

    let size = ours.raw_bytes / ours.points;
    rows.push(Row::absolute("size of raw points, compacted", "B/point", size, Target::AtMost(1.5)));
    let targets = [
        (victoria, Target::RatioAtMost(1.2)),
        (postgres, Target::RatioAtMost(0.025)),
        (sqlite, Target::None),
        (duckdb, Target::None),
    ];
    for (peer, target) in targets {
        let theirs = peer.bytes / peer.points;
        rows.push(Row::beside("size of raw points, compacted", "B/point", size, &peer.name, theirs, target));
    }
    rows.push(Row::absolute(
        "size with minutes, hours and all else",
        "B/point",
        ours.all_bytes / ours.points,
        Target::None,
    ));

    rows.push(Row::absolute("last value of a series", "CPU ms", ours.last_ms, Target::AtMost(0.1)));
    rows.push(Row::absolute("1 h of one series, at random", "CPU ms", ours.hour_ms, Target::AtMost(0.1)));
    rows.push(Row::absolute(
        "1 h of one series, at random, no cache",
        "CPU ms",
        ours.hour_cold_ms,
        Target::AtMost(0.1),
    ));
    for (name, ours, of) in [
        ("last value of a series", ours.last_ms, (|peer| peer.last_ms) as fn(&Peer) -> Option<f64>),
        ("1 h of one series, at random", ours.hour_ms, |peer| peer.hour_ms),
    ] {
        for peer in [sqlite, postgres, victoria, duckdb] {
            let Some(theirs) = of(peer) else { continue };
            // Only SQLite answers in the process; of the servers the time includes the way there and back.
            let target = if std::ptr::eq(peer, sqlite) { Target::RatioAtMost(1.0) } else { Target::None };
            rows.push(Row::beside(name, "ms", ours, &peer.name, theirs, target));
        }
    }
    let by_hour = "24 h of 1,000 series by hour";
    rows.push(Row::absolute(format!("{by_hour}, cached"), "CPU ms", ours.by_hour_ms, Target::AtMost(50.0)));
    rows.push(Row::absolute(
        format!("{by_hour}, from the segments"),
        "CPU ms",
        ours.by_hour_cold_ms,
        Target::AtMost(50.0),
    ));
    for (peer, target) in [(duckdb, Target::RatioAtMost(1.0)), (victoria, Target::None)] {
        let Some(theirs) = peer.by_hour_ms else { continue };
        let metric = format!("{by_hour}, from the segments");
        rows.push(Row::beside(metric, "CPU ms", ours.by_hour_cold_ms, &peer.name, theirs, target));
    }
    let month = "30 days of 10 series to 1,000 pixels, from the segments";
    rows.push(Row::absolute(month, "CPU ms", month_ms, Target::AtMost(50.0)));
    rows.push(Row::absolute("state of 1,000 series at a past moment", "CPU ms", ours.state_ms, Target::None));
    rows.push(Row::absolute(
        "start: points of the write-ahead log",
        "points/CPU-s",
        ours.replay_speed,
        Target::AtLeast(5e6),
    ));
    rows
}
