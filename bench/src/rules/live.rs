//! Ten thousand rules over a hundred thousand things: how long a record takes to the command that it leads to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use model::{Position, Quality, RecordKind, Timestamp, Value};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rule::view::Nothing;
use rule::{Engine, Enlisted, Options, Place, RecordView, Rule, Said};
use site::rules::Promotion;

use super::quantile;
use crate::machine;
use crate::pipeline::Stand;
use crate::pipeline::client::{self, Publisher};
use crate::report::{Row, Target};

const THINGS: usize = 100_000;
const RULES: usize = 10_000;
const RECORDS_PER_SECOND: f64 = 50_000.0;
/// The most that p99 may be, in milliseconds.
const DELAY_MS: f64 = 10.0;

fn rule_text(at: usize) -> String {
    let (thing, other) = (format!("thing{at}"), format!("thing{}", at + RULES));
    format!(
        r#"rule: rule {at}
triggers:
  - {{ property: {thing}/value, above: 50 }}
  - {{ property: {other}/value, below: 10, for: 1 min }}
  - {{ time: "07:{minute:02}" }}
conditions:
  - {{ property: {thing}/value, below: 1000 }}
  - {{ expression: "${{ value('{other}/value', 20) >= 0 }}" }}
actions:
  - {{ set: {thing}/fan, to: true }}
"#,
        minute = at % 60,
    )
}

/// The engine alone, on one thread: records come evenly, and each command is counted from when its record was due.
pub(super) fn engine(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let start = Timestamp::from_seconds(1_780_000_000);
    let mut engine = Engine::new(Place::utc(), Options::default());
    let began = Instant::now();
    for at in 0..RULES {
        let rule = Rule::parse(&rule_text(at)).rule.context("no rule")?;
        engine.enlist(Enlisted { id: format!("rule-{at}").into(), version: 1, rule, shadow: false }, &Nothing, start);
    }
    rows.push(Row::absolute(
        format!("{RULES} rules read and enlisted"),
        "s",
        began.elapsed().as_secs_f64(),
        Target::None,
    ));
    let things: Vec<String> = (0..THINGS).map(|at| format!("thing{at}")).collect();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut effects = Vec::new();
    let mut feed = |engine: &mut Engine, at: usize, now: Timestamp, effects: &mut Vec<_>| {
        let value = Value::Float(f64::from(random.random_range(0..1_000_u32)) / 10.0);
        let position = Position(at as u64 + 1);
        let said = Said { value: &value, quality: Quality::Good, time: now, received: now, position, cause: None };
        let thing = &things[random.random_range(0..THINGS)];
        engine.feed(&RecordView { thing, name: "value", kind: RecordKind::Property, said }, effects);
    };

    let records = (RECORDS_PER_SECOND * if quick { 5.0 } else { 30.0 }) as usize;
    let (mut delays, began) = (Vec::new(), Instant::now());
    let mut busy = Duration::ZERO;
    for at in 0..records {
        let due = Duration::from_secs_f64(at as f64 / RECORDS_PER_SECOND);
        while began.elapsed() < due {
            std::hint::spin_loop();
        }
        let now = start + due;
        let took = began.elapsed();
        feed(&mut engine, at, now, &mut effects);
        if at % 1_000 == 0 {
            engine.take_traces();
        }
        let done = began.elapsed();
        busy += done.saturating_sub(took);
        delays.extend(effects.drain(..).map(|_| done.saturating_sub(due).as_secs_f64() * 1e3));
    }
    ensure!(delays.len() > 1_000, "only {} commands came out", delays.len());
    let commands = delays.len();
    delays.sort_by(f64::total_cmp);
    let what = format!("{RULES} rules over {THINGS} things at {RECORDS_PER_SECOND} records/s, one thread");
    rows.push(Row::absolute(format!("{what}: record to command, median"), "ms", quantile(&delays, 0.5), Target::None));
    let target = Target::AtMost(DELAY_MS);
    rows.push(Row::absolute(format!("{what}: record to command, 99 %"), "ms", quantile(&delays, 0.99), target));
    rows.push(Row::absolute("commands in it", "", commands as f64, Target::None));
    let share = busy.as_secs_f64() / began.elapsed().as_secs_f64();
    rows.push(Row::absolute("share of the core that the rules took", "", share, Target::None));

    let (end, flood) = (start + Duration::from_secs_f64(records as f64 / RECORDS_PER_SECOND), 2_000_000);
    let began = Instant::now();
    for at in 0..flood {
        feed(&mut engine, at, end + Duration::from_micros(at as u64 * 20), &mut effects);
        if at % 1_000 == 0 {
            engine.take_traces();
            effects.clear();
        }
    }
    let rate = f64::from(flood as u32) / began.elapsed().as_secs_f64();
    rows.push(Row::absolute("the same, as fast as it goes", "records/s", rate, Target::AtLeast(RECORDS_PER_SECOND)));
    rows.iter().for_each(Row::tell);
    Ok(())
}

/// Properties of one report.
const PROPERTIES: usize = 5;

/// How long anything may take before it counts as stuck.
const STUCK: Duration = Duration::from_mins(5);

/// What a thing says of itself, so that its fan can be commanded.
fn model() -> String {
    let values: Vec<String> = (1..PROPERTIES).map(|at| format!(r#""value_{at}":{{"type":"number"}}"#)).collect();
    let sent = client::SENT;
    format!(
        r#"{{"properties":{{"fan":{{"type":"boolean","writable":true}},"{sent}":{{"type":"integer"}},{}}}}}"#,
        values.join(",")
    )
}

/// The whole way: published over loopback, kept on the log, folded, through the rules, down as a command.
pub(super) async fn whole_way(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
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
    let seen = tokio::spawn(async move {
        let mut delays = Vec::new();
        loop {
            let batch = live.next().await;
            let decided = batch.records.iter().filter(|record| record.kind == RecordKind::Decision);
            delays.extend(decided.map(|record| record.received.since(record.time).as_secs_f64() * 1e3));
            if batch.newest >= last {
                return delays;
            }
        }
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
    rows.push(Row::absolute("processors busy at that pace, publisher included", "cores", busy, Target::None));
    rows.iter().for_each(Row::tell);
    stand.stop().await
}
