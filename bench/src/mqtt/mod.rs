//! The broker beside mosquitto: CPU per message, memory per connection, the price of durability and of many filters.

mod load;
mod peers;
mod tls;

use anyhow::Context;

use crate::machine;
use crate::report::{Report, Row, Target};
use load::Outcome;
use peers::Server;
use tls::Identity;

/// Messages a CPU second, and CPU microseconds a message.
struct Cost {
    per_second: f64,
    microseconds: f64,
    outcome: Outcome,
}

async fn cost(server: &Server, load: impl Future<Output = anyhow::Result<Outcome>>) -> anyhow::Result<Cost> {
    let before = machine::cpu_time(server.pid())?;
    let outcome = load.await?;
    let spent = machine::cpu_time(server.pid())?.saturating_sub(before).as_secs_f64().max(0.01);
    let received = outcome.received as f64;
    Ok(Cost { per_second: received / spent, microseconds: spent * 1e6 / received.max(1.0), outcome })
}

fn delivered(cost: &Cost) -> String {
    format!("{:.1} %", 100.0 * cost.outcome.received as f64 / cost.outcome.sent as f64)
}

/// Runs everything; about two minutes, or half a minute when quick.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(Report::new("mqtt", runtime.block_on(rows(quick))?))
}

async fn rows(quick: bool) -> anyhow::Result<Vec<Row>> {
    peers::build()?;
    let name = peers::mosquitto_version()?;
    let mut rows = Vec::new();
    for (qos, each) in [(0, if quick { 800 } else { 4_000 }), (1, if quick { 400 } else { 1_000 })] {
        let theirs = Server::mosquitto()?;
        let theirs = cost(&theirs, load::pairs(theirs.address, 200, qos, each)).await?;
        let ours = Server::ours(None)?;
        let ours = cost(&ours, load::pairs(ours.address, 200, qos, each * 4)).await?;
        let metric = format!("200 pairs, batched, QoS {qos} ({} / {} delivered)", delivered(&ours), delivered(&theirs));
        let target = Target::RatioAtLeast(4.0);
        rows.push(Row::beside(metric, "messages/CPU s", ours.per_second, &name, theirs.per_second, target));
    }
    for (qos, target) in [(1, 1.0), (0, 1.2)] {
        let each = if quick { 40 } else { 100 };
        let theirs = Server::mosquitto()?;
        let theirs = cost(&theirs, load::fan_in(theirs.address, 1000, qos, each)).await?;
        let ours = Server::ours(None)?;
        let ours = cost(&ours, load::fan_in(ours.address, 1000, qos, each)).await?;
        let metric = format!("1,000 paced to 1, QoS {qos} ({} / {} delivered)", delivered(&ours), delivered(&theirs));
        let target = Target::RatioAtMost(target);
        rows.push(Row::beside(metric, "CPU µs/message", ours.microseconds, &name, theirs.microseconds, target));
    }
    rows.extend(idle_rows(&name, if quick { 1_000 } else { 4_000 }).await?);
    rows.push(wildcard_row(quick).await?);
    rows.push(durable_row(quick).await?);
    Ok(rows)
}

/// What an idle connection costs, plain and over TLS.
async fn idle_rows(name: &str, count: usize) -> anyhow::Result<Vec<Row>> {
    let (theirs, ours) = (Server::mosquitto()?, Server::ours(None)?);
    let theirs = idle_kilobytes(&theirs, count, async || load::dial(theirs.address).await).await?;
    let ours = idle_kilobytes(&ours, count, async || load::dial(ours.address).await).await?;
    let identity = Identity::new()?;
    let (theirs_tls, ours_tls) = (Server::mosquitto_over_tls(&identity)?, Server::ours_over_tls(&identity)?);
    let theirs_tls = idle_kilobytes(&theirs_tls, count, async || identity.dial(theirs_tls.address).await).await?;
    let ours_tls = idle_kilobytes(&ours_tls, count, async || identity.dial(ours_tls.address).await).await?;
    let row = |metric: &str, ours: f64, theirs, most: f64| {
        let row = Row::beside(metric, "KB", ours, name, theirs, Target::None);
        Row { target: format!("≤ {most}"), met: Some(ours <= most), ..row }
    };
    Ok(vec![
        row("idle connection with one subscription", ours, theirs, 5.0),
        row("idle connection with one subscription, TLS", ours_tls, theirs_tls, 25.0),
    ])
}

/// KB of resident memory an idle connection adds. The first hundred pay for what all share.
async fn idle_kilobytes<S: load::Stream>(
    server: &Server,
    count: usize,
    dial: impl AsyncFn() -> anyhow::Result<S>,
) -> anyhow::Result<f64> {
    let first = load::idle(&dial, 0, 100).await?;
    let before = machine::resident_bytes(server.pid())?;
    let more = load::idle(&dial, 100, count).await?;
    let after = machine::resident_bytes(server.pid())?;
    drop((first, more));
    Ok(after.saturating_sub(before) as f64 / 1024.0 / count as f64)
}

async fn wildcard_row(quick: bool) -> anyhow::Result<Row> {
    let count = if quick { 200_000 } else { 1_000_000 };
    let mut costs = Vec::new();
    for filters in [100, 100_000] {
        let server = Server::ours(None)?;
        let clients = load::wildcards(server.address, filters).await?;
        costs.push(cost(&server, load::one_topic(server.address, "dev/x/y", count)).await?.microseconds);
        drop(clients);
    }
    let [few, many] = costs[..] else { anyhow::bail!("two costs were measured") };
    let metric = "publishing beside 100,000 filters dev/ID/#";
    Ok(Row::beside(metric, "CPU µs/message", many, "itself beside 100", few, Target::RatioAtMost(1.5)))
}

async fn durable_row(quick: bool) -> anyhow::Result<Row> {
    let each = if quick { 500 } else { 2_000 };
    let folder = tempfile::tempdir().context("a folder for the log")?;
    let mut rates = Vec::new();
    for state in [None, Some(folder.path())] {
        let server = Server::ours(state)?;
        let outcome = load::pairs(server.address, 200, 1, each).await?;
        rates.push(outcome.received as f64 / outcome.elapsed.as_secs_f64());
    }
    let [memory, disk] = rates[..] else { anyhow::bail!("two rates were measured") };
    let metric = "200 pairs, QoS 1, through the durable log";
    Ok(Row::beside(metric, "messages/s", disk, "itself in memory", memory, Target::RatioAtLeast(0.3)))
}
