//! Many streams under the mind's eyes: what the whole way costs at one value a second of each, and what the mind adds.

use std::time::{Duration, Instant};

use anyhow::ensure;
use model::Position;
use site::Options;
use site::mind::MindSettings;

use super::STUCK;
use super::client::Publisher;
use super::stand::Stand;
use crate::machine;
use crate::report::{Row, Target};

/// Values of one report.
const PROPERTIES: usize = 10;

/// Lets so many streams say a value each second, with the mind and without it.
pub(super) async fn measure(streams: usize, duration: Duration, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut busy = Vec::new();
    for enabled in [true, false] {
        let mut options = Options::default();
        let things = streams / PROPERTIES;
        options.registry.inbox = things;
        let stand = Stand::start(options).await?;
        stand.site.set_mind_settings(MindSettings { enabled, ..MindSettings::default() })?;
        let publisher = Publisher::connect(stand.address).await?;
        let publisher = tokio::task::spawn_blocking(move || publisher.flood(things, PROPERTIES, things)).await??;
        stand.wait_for(Position(things as u64), STUCK).await?;
        let figure = |name: &str| {
            stand.site.figures().into_iter().find(|figure| figure.name == name).map_or(0.0, |figure| figure.value)
        };
        let began = Instant::now();
        while enabled && (figure("mind_streams") < 0.99 * streams as f64 || figure("mind_streams_learning") > 0.0) {
            ensure!(began.elapsed() < STUCK, "the mind does not meet all streams");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let messages = (duration.as_secs_f64() * things as f64) as usize;
        let process = std::process::id();
        let (taken, cpu, began) = (figure("mind_samples"), machine::cpu_time(process)?, Instant::now());
        let publisher =
            tokio::task::spawn_blocking(move || publisher.pace(things, PROPERTIES, messages, things as f64));
        let publisher = publisher.await??;
        stand.wait_for(Position((things + messages) as u64), STUCK).await?;
        let seconds = began.elapsed().as_secs_f64();
        busy.push(machine::cpu_time(process)?.saturating_sub(cpu).as_secs_f64() / seconds);
        publisher.close();
        if enabled {
            let what = format!("{streams} streams at 1 Hz");
            let pace = (messages * PROPERTIES) as f64 / seconds;
            rows.push(Row::absolute(format!("{what}: points folded"), "1/s", pace, Target::None));
            let seen = 100.0 * (figure("mind_samples") - taken) / (messages * PROPERTIES) as f64;
            rows.push(Row::absolute(format!("{what}: of them seen by the mind"), "%", seen, Target::None));
            let dropped = figure("mind_samples_dropped");
            rows.push(Row::absolute(format!("{what}: dropped by the mind"), "samples", dropped, Target::AtMost(0.0)));
            let bytes = machine::resident_bytes(process)? as f64 / 1e6;
            rows.push(Row::absolute(format!("{what}: resident memory"), "MB", bytes, Target::None));
        }
        stand.stop().await?;
    }
    let what = "processors busy at that pace, publisher included";
    rows.push(Row::absolute(what, "cores", busy[0], Target::AtMost(1.0)));
    rows.push(Row::absolute("the same with the mind off", "cores", busy[1], Target::None));
    Ok(())
}
