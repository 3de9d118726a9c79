//! A month of two hundred things on disk through fifty rules: the replay of the site's backtest.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use model::{Name, Position, SteppedClock, ThingId, Timestamp, Value};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rule::{Enlisted, Place, Rule, TraceLevel};
use site::rules::{Replay, Replayed};
use store::History;
use store::history::{Batch, HistoryOptions, Retention, SegmentHistory, SeriesId, SeriesKey};

use crate::machine;
use crate::report::{Row, Target};

const THINGS: usize = 200;
const RULES: usize = 50;
const DAYS: i64 = 30;
/// 2026-03-01T00:00:00Z in microseconds.
const START: i64 = 1_772_323_200_000_000;
/// One point in this many is one of a switch.
const SWITCHED: usize = 5;
/// How often it is measured; the median counts.
const TIMES: usize = 5;
/// Threads of the replay.
const THREADS: usize = 2;

/// A home's worth of rules: each reads four things, all together read everything.
fn rule_text(at: usize) -> String {
    let thing = |offset: usize| format!("thing{:03}", (at * 4 + offset) % THINGS);
    let (a, b, c, d) = (thing(0), thing(1), thing(2), thing(3));
    format!(
        r#"rule: rule {at}
mode: {mode}
variables: {{ limit: {limit} }}
triggers:
  - {{ property: {a}/value, above: {limit}, for: 5 min }}
  - {{ property: {b}/on, to: true }}
  - {{ property: {c}/value, below: 12, id: low }}
  - {{ expression: "${{ value('{d}/value', 0) - value('{a}/value', 0) > 60 }}" }}
  - {{ time: "06:{minute:02}", on: [mon, tue, wed, thu, fri] }}
conditions:
  - any:
      - {{ property: {a}/on, is: true }}
      - {{ property: {c}/on, is: true }}
      - {{ property: {b}/value, above: 50 }}
      - {{ expression: "${{ value('{c}/value', 0) + value('{d}/value', 0) > 2 * limit - 60 }}" }}
  - {{ time: {{ after: "05:00", before: "23:30" }} }}
  - {{ not: [{{ property: {d}/on, is: true, for: 10 min }}] }}
actions:
  - {{ set: {a}/setting, to: "${{ round(value('{a}/value', 20) / 2, 1) }}" }}
  - choose:
      - {{ if: [{{ trigger: low }}], do: [{{ set: {b}/on, to: false }}] }}
    otherwise:
      - {{ delay: 2 min }}
      - {{ set: {a}/setting, to: 0 }}
"#,
        mode = ["single", "restart", "queued", "parallel"][at % 4],
        limit = 60 + at % 20,
        minute = at % 60,
    )
}

fn keep_all() -> Retention {
    let never = Timestamp::MIN;
    Retention { raw_before: never, minute_before: never, hour_before: never, bytes_max: u64::MAX }
}

/// Each thing tells a number and, more seldom, whether it is on; nobody at the same time.
fn fill(history: &SegmentHistory, points: usize) -> anyhow::Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let series = |name: &str| -> anyhow::Result<Vec<SeriesId>> {
        let key = |at| Ok(SeriesKey { thing: ThingId::new(format!("thing{at:03}"))?, name: Name::new(name)? });
        (0..THINGS).map(|at| Ok(history.series(&key(at).map_err(|it: anyhow::Error| it)?)?)).collect()
    };
    let (values, switches) = (series("value")?, series("on")?);
    let mut walks: Vec<f64> = (0..THINGS).map(|_| random.random_range(20.0..70.0)).collect();
    let span = DAYS * 86_400_000_000;
    let mut batch = Batch::default();
    for at in 0..points {
        let thing = at % THINGS;
        let time = Timestamp(START + (at as i128 * i128::from(span) / points as i128) as i64);
        let point = if (at / THINGS).is_multiple_of(SWITCHED) {
            (switches[thing], time, Value::Boolean(random.random_bool(0.3)))
        } else {
            let walk = &mut walks[thing];
            *walk = (*walk + random.random_range(-2.0..2.0)).clamp(0.0, 100.0);
            (values[thing], time, Value::Float((*walk * 10.0).round() / 10.0))
        };
        batch.points.push(point);
        if batch.points.len() == 20_000 || at + 1 == points {
            history.append(&batch, Position(at as u64 + 1))?;
            batch.points.clear();
        }
    }
    Ok(history.sync()?)
}

fn rules(from: usize, to: usize) -> anyhow::Result<Vec<Enlisted>> {
    let one = |at: usize| {
        let rule = Rule::parse(&rule_text(at)).rule.with_context(|| format!("rule {at} is no rule"))?;
        Ok(Enlisted { id: format!("rule-{at}").into(), version: 1, rule, shadow: true })
    };
    (from..to).map(one).collect()
}

fn told(replayed: &Replayed) -> (u64, u64) {
    let tallies = replayed.tallies.values();
    tallies.fold((0, 0), |(fired, commands), tally| (fired + tally.fired, commands + tally.commands))
}

/// Fills a history and lets the rules go through it.
pub(super) fn measure(points: usize, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let end = Timestamp(START + DAYS * 86_400_000_000);
    let clock = Arc::new(SteppedClock::new(end));
    let options = HistoryOptions::default();
    let history = SegmentHistory::open(folder.path(), options, Arc::clone(&clock) as Arc<dyn model::Clock>)?;
    fill(&history, points)?;
    clock.advance(Duration::from_hours(48));
    history.maintain(&keep_all())?;

    let place = Place::new("Europe/Berlin", Some((52.5, 13.4)))?;
    let replay = |traces| Replay {
        history: &history,
        place: &place,
        happened: &[],
        from: Timestamp(START - 1),
        to: end,
        traces,
    };
    let all = rules(0, RULES)?;
    // The median time, and what a run takes of the processors.
    let timed = |traces, rules: &[Enlisted], threads| -> anyhow::Result<(f64, f64, Replayed)> {
        let process = std::process::id();
        let (mut times, cpu) = (Vec::new(), machine::cpu_time(process)?);
        let mut replayed = Replayed::default();
        for _ in 0..TIMES {
            let began = Instant::now();
            replayed = replay(traces).run(rules, threads)?;
            times.push(began.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let cpu = machine::cpu_time(process)?.saturating_sub(cpu).as_secs_f64();
        Ok((times[TIMES / 2], cpu / TIMES as f64, replayed))
    };
    let (seconds, cpu, replayed) = timed(TraceLevel::All, &all, THREADS)?;
    let (fired, commands) = told(&replayed);
    ensure!(replayed.records == points as u64, "{} of {points} records were replayed", replayed.records);
    ensure!(fired > 0 && commands > 0, "the rules did nothing");
    let ids: HashSet<_> = replayed.tallies.iter().filter(|(_, tally)| tally.fired > 0).map(|(id, _)| id).collect();
    ensure!(ids.len() == RULES, "{} of {RULES} rules fired", ids.len());
    let what = format!("{DAYS} days of {THINGS} things ({points} records) through {RULES} rules");
    let target = Target::AtMost(3.0 * points as f64 / 10e6);
    rows.push(Row::absolute(format!("{what}, {THREADS} threads, with traces"), "s", seconds, target));
    rows.push(Row::absolute("processor time of it", "s", cpu, Target::None));
    rows.push(Row::absolute("runs that began in it", "", fired as f64, Target::None));
    rows.push(Row::absolute("commands that were given in it", "", commands as f64, Target::None));
    let (seconds, _, _) = timed(TraceLevel::All, &all, 1)?;
    rows.push(Row::absolute("the same on one thread", "s", seconds, Target::None));
    let one = rules(0, 1)?;
    let (seconds, _, replayed) = timed(TraceLevel::All, &one, 1)?;
    let what = format!("one rule over its four things ({} records)", replayed.records);
    rows.push(Row::absolute(what, "ms", seconds * 1e3, Target::None));
    rows.iter().for_each(Row::tell);
    Ok(())
}
