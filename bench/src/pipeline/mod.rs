//! The whole way of a message on one machine: MQTT publish over loopback, through the broker and the log, into twins,
//! history and a live subscriber, with every engine on disk.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time and configures what it measures")]

pub(crate) mod client;
mod mind;
pub(crate) mod program;
mod scale;
pub(crate) mod stand;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use model::Position;

use crate::machine;
use crate::report::{Report, Row, Target};
use client::Publisher;
pub(crate) use stand::Stand;

/// Things that report.
const THINGS: usize = 500;

/// Properties of one report.
const PROPERTIES: usize = 10;

/// Points a second at which delay is measured.
const STEADY_POINTS: f64 = 20_000.0;

/// How long a run may take before it counts as stuck.
const STUCK: Duration = Duration::from_mins(5);

/// Measures the pipeline.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    program::find()?;
    let mut rows = Vec::new();
    let (messages, steady) = if quick { (60_000, 5) } else { (600_000, 30) };
    runtime.block_on(throughput(messages, &mut rows))?;
    runtime.block_on(delay(Duration::from_secs(steady), &mut rows))?;
    runtime.block_on(scale::measure(if quick { 20_000 } else { 100_000 }, &mut rows))?;
    runtime.block_on(mind::measure(if quick { 20_000 } else { 100_000 }, Duration::from_secs(steady), &mut rows))?;
    runtime.block_on(program::measure(Duration::from_secs(steady), &mut rows))?;
    Ok(Report::new("pipeline", rows))
}

/// Publishes as fast as the broker takes it, and waits until everything is folded and in the history.
async fn throughput(messages: usize, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let stand = Stand::start(site::Options::default()).await?;
    let mut live = stand.site.subscribe(site::Filter::default(), None);
    let seen = tokio::spawn(async move {
        let (mut records, mut conflated) = (0u64, false);
        loop {
            let batch = live.next().await;
            records += batch.records.len() as u64;
            conflated |= batch.gap;
            if batch.newest >= Position(messages as u64) {
                return (records, conflated);
            }
        }
    });
    // Things are known before the clock starts: finding them is measured by itself.
    let publisher = Publisher::connect(stand.address).await?;
    let process = std::process::id();
    let (cpu, began) = (machine::cpu_time(process)?, Instant::now());
    let sent = tokio::task::spawn_blocking(move || publisher.flood(THINGS, PROPERTIES, messages));
    let publisher = sent.await??;
    let published = began.elapsed();
    stand.wait_for(Position(messages as u64), STUCK).await?;
    let took = began.elapsed();
    let cpu = machine::cpu_time(process)?.saturating_sub(cpu);
    let points = (messages * PROPERTIES) as f64;
    let (live_records, _) = tokio::time::timeout(STUCK, seen).await.context("the live subscriber is stuck")??;
    ensure!(live_records > 0, "the live subscriber saw nothing");
    publisher.close();
    stand.site.checkpoint()?;
    let kept = stand.site.history_engine().statistics();
    let lost = points - (kept.points + kept.replaced) as f64;
    rows.push(Row::absolute("points published", "1/s", points / published.as_secs_f64(), Target::None));
    let target = Target::AtLeast(150_000.0);
    rows.push(Row::absolute("points into twins and history", "1/s", points / took.as_secs_f64(), target));
    let micros = cpu.as_secs_f64() * 1e6 / points;
    rows.push(Row::absolute("processor time a point, publisher included", "us", micros, Target::None));
    rows.push(Row::absolute("points lost", "points", lost, Target::AtMost(0.0)));
    rows.push(Row::absolute(
        "live records of those points, conflated while behind",
        "records",
        live_records as f64,
        Target::None,
    ));
    let resident = machine::resident_bytes(process)? as f64 / 1e6;
    rows.push(Row::absolute("resident memory after the flood", "MB", resident, Target::None));
    stand.stop().await
}

/// Publishes at a steady pace, and measures how long a message takes to a live subscriber.
async fn delay(duration: Duration, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let stand = Stand::start(site::Options::default()).await?;
    let mut live = stand.site.subscribe(site::Filter::default(), None);
    let pace = STEADY_POINTS / PROPERTIES as f64;
    let messages = (duration.as_secs_f64() * pace) as usize;
    let (clock, sent_property) = (stand.clock.clone(), model::Name::new(client::SENT)?);
    let seen = tokio::spawn(async move {
        let mut delays: Vec<f64> = Vec::with_capacity(messages);
        loop {
            let batch = live.next().await;
            let now = model::Clock::now(&*clock).micros() as f64;
            let sent = batch.records.iter().filter(|record| record.name == sent_property);
            delays.extend(sent.filter_map(|record| record.value.as_f64()).map(|sent| (now - sent) / 1e3));
            if batch.newest >= Position(messages as u64) {
                return delays;
            }
        }
    });
    let publisher = Publisher::connect(stand.address).await?;
    let process = std::process::id();
    let (cpu, began) = (machine::cpu_time(process)?, Instant::now());
    let publisher = tokio::task::spawn_blocking(move || publisher.pace(THINGS, PROPERTIES, messages, pace)).await??;
    let mut delays = tokio::time::timeout(STUCK, seen).await.context("the live subscriber is stuck")??;
    let share = machine::cpu_time(process)?.saturating_sub(cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    publisher.close();
    ensure!(!delays.is_empty(), "no delay was measured");
    delays.sort_by(f64::total_cmp);
    let at = |quantile: f64| delays[((delays.len() - 1) as f64 * quantile) as usize];
    let shape = format!("publish to live at {STEADY_POINTS} points/s");
    rows.push(Row::absolute(format!("{shape}, median"), "ms", at(0.5), Target::None));
    rows.push(Row::absolute(format!("{shape}, 99 %"), "ms", at(0.99), Target::AtMost(50.0)));
    rows.push(Row::absolute(format!("{shape}, worst"), "ms", at(1.0), Target::None));
    rows.push(Row::absolute("processors busy at that pace, publisher included", "cores", share, Target::None));
    stand.stop().await
}
