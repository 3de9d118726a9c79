//! The same the whole way: published over loopback, kept on the log, folded, through the rules, down as a command.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use model::{Position, RecordKind};
use site::rules::Promotion;

use super::engine::{RECORDS_PER_SECOND, RULES, THINGS};
use super::quantile;
use crate::machine;
use crate::pipeline::Stand;
use crate::pipeline::client::{self, Publisher};
use crate::report::{Row, Target};

/// Properties of one report.
const PROPERTIES: usize = 5;

/// How long anything may take before it counts as stuck.
const STUCK: Duration = Duration::from_mins(5);

/// How long nothing is decided when everything is.
const SETTLED: Duration = Duration::from_secs(2);

/// What a thing says of itself, so that its fan can be commanded.
fn model() -> String {
    let values: Vec<String> = (1..PROPERTIES).map(|at| format!(r#""value_{at}":{{"type":"number"}}"#)).collect();
    let sent = client::SENT;
    format!(
        r#"{{"properties":{{"fan":{{"type":"boolean","writable":true}},"{sent}":{{"type":"integer"}},{}}}}}"#,
        values.join(",")
    )
}

/// Promotes the rules one by one, and publishes at a steady pace.
pub(super) async fn measure(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let (things, rules) = if quick { (THINGS / 5, RULES / 5) } else { (THINGS, RULES) };
    let mut options = site::Options::default();
    options.registry.inbox = things;
    let stand = Stand::start(options).await?;
    let mut publisher = Publisher::connect(stand.address).await?;
    let publisher = tokio::task::spawn_blocking(move || {
        let model = model();
        publisher.say((0..rules).map(|at| (format!("things/{}/model", client::thing(at)), model.as_str())))?;
        publisher.flood(things, PROPERTIES, things)
    });
    let publisher = publisher.await??;
    stand.wait_for(Position((things + rules) as u64), STUCK).await?;
    stand.site.accept(&site::Selection::All, None)?;

    let site = Arc::clone(&stand.site);
    let began = Instant::now();
    let promote = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        for at in 0..rules {
            let thing = client::thing(at);
            let text = format!(
                "rule: rule {at}\ntriggers: [{{ property: {thing}/value_1, above: 25 }}]\nconditions: [{{ property: {thing}/value_2, below: 1000 }}]\nactions: [{{ set: {thing}/fan, to: true }}]\n"
            );
            let id = site.add_rule(&text, None, "owner")?;
            site.promote_rule(&id, Promotion { force: true, ..Promotion::default() }, "owner")?;
        }
        Ok(())
    });
    promote.await??;
    let seconds = began.elapsed().as_secs_f64();
    rows.push(Row::absolute(format!("{rules} rules kept and promoted one by one"), "s", seconds, Target::None));

    let per_second = RECORDS_PER_SECOND / PROPERTIES as f64;
    let messages = (per_second * if quick { 10.0 } else { 60.0 }) as usize;
    let before = stand.site.applied();
    let mut live = stand.site.subscribe(site::Filter::default(), None);
    let last = Position(before.0 + messages as u64);
    // Commands may come after the last report: it is over when nothing was decided for a while.
    let seen = tokio::spawn(async move {
        let (mut delays, mut decided_last) = (Vec::new(), Instant::now());
        let mut newest = before;
        while newest < last || decided_last.elapsed() < SETTLED {
            let Ok(batch) = tokio::time::timeout(SETTLED, live.next()).await else { continue };
            newest = batch.newest;
            for record in batch.records.iter().filter(|record| record.kind == RecordKind::Decision) {
                delays.push(record.received.since(record.time).as_secs_f64() * 1e3);
                decided_last = Instant::now();
            }
        }
        delays
    });
    let process = std::process::id();
    let (cpu, began) = (machine::cpu_time(process)?, Instant::now());
    let paced = tokio::task::spawn_blocking(move || publisher.pace(things, PROPERTIES, messages, per_second));
    let publisher = paced.await??;
    let took = began.elapsed().as_secs_f64();
    stand.wait_for(last, STUCK).await?;
    let mut delays = tokio::time::timeout(STUCK, seen).await.context("the live subscriber is stuck")??;
    let busy = machine::cpu_time(process)?.saturating_sub(cpu).as_secs_f64() / took;
    publisher.close();
    ensure!(delays.len() > 100, "only {} commands came out", delays.len());
    let figure = |name: &str| {
        stand.site.figures().into_iter().find(|figure| figure.name == name).map_or(f64::NAN, |figure| figure.value)
    };
    delays.sort_by(f64::total_cmp);
    let what = format!("published: {rules} rules over {things} things at {RECORDS_PER_SECOND} records/s");
    let pace = (messages * PROPERTIES) as f64 / took;
    rows.push(Row::absolute(format!("{what}: records that came"), "1/s", pace, Target::None));
    let row = |of: &str, share| {
        Row::absolute(format!("{what}: received to commanded, {of}"), "ms", quantile(&delays, share), Target::None)
    };
    rows.extend([row("median", 0.5), row("99 %", 0.99), row("worst", 1.0)]);
    rows.push(Row::absolute("commands in it", "", figure("rule_commands"), Target::None));
    rows.push(Row::absolute("refused", "", figure("rule_commands_refused"), Target::AtMost(0.0)));
    rows.push(Row::absolute("processors busy at that pace, publisher included", "cores", busy, Target::None));
    rows.iter().for_each(Row::tell);
    stand.stop().await
}
