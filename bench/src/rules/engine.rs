//! Ten thousand rules over a hundred thousand things: how long a record takes to the command that it leads to, in the
//! engine alone.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use model::{Position, Quality, RecordKind, Timestamp, Value};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rule::view::Nothing;
use rule::{Engine, Enlisted, Options, Place, RecordView, Rule, Said};

use super::quantile;
use crate::machine;
use crate::report::{Row, Target};

pub(super) const THINGS: usize = 100_000;
pub(super) const RULES: usize = 10_000;
pub(super) const RECORDS_PER_SECOND: f64 = 50_000.0;
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
pub(super) fn measure(quick: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
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
    let (cpu, process) = (machine::cpu_time(std::process::id())?, std::process::id());
    for at in 0..flood {
        feed(&mut engine, at, end + Duration::from_micros(at as u64 * 20), &mut effects);
        if at % 1_000 == 0 {
            engine.take_traces();
            effects.clear();
        }
    }
    let rate = f64::from(flood as u32) / machine::cpu_time(process)?.saturating_sub(cpu).as_secs_f64();
    rows.push(Row::absolute(
        "the same, as fast as it goes",
        "records/CPU s",
        rate,
        Target::AtLeast(RECORDS_PER_SECOND),
    ));
    rows.iter().for_each(Row::tell);
    Ok(())
}
