//! How fast records are fed. Nothing is asserted about time: run it by hand, in a release build, with `--nocapture`.

use std::sync::Arc;

use model::{Position, Quality, RecordKind, Timestamp, Value};
use rule::view::Nothing;
use rule::{Engine, Enlisted, Options, Pace, Place, Rule, Said, TraceLevel};

fn rule(text: &str) -> Arc<Rule> {
    Rule::parse(text).rule.expect("a rule")
}

/// Seconds since the start, by the clock of the test and not of the product.
#[expect(clippy::disallowed_methods, reason = "this measures")]
fn seconds(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

#[test]
#[ignore = "a measurement"]
fn live_ten_thousand_rules_over_a_hundred_thousand_things() {
    let mut engine = Engine::new(Place::utc(), Options { pace: Pace::Live, traces: TraceLevel::All });
    let start = Timestamp::from_seconds(1_780_000_000);
    let enlisting = seconds(|| {
        for at in 0..10_000 {
            let text = format!(
                "rule: r{at}\ntriggers: [{{ property: thing-{at}/value, above: 70 }}, {{ property: thing-{at}/on, to: true, for: 1 min }}]\nconditions: [{{ property: thing-{}/value, below: 1000 }}]\nactions: [{{ set: thing-{at}/fan, to: true }}]",
                at + 1
            );
            let enlisted = Enlisted { id: format!("rule-{at}").into(), version: 1, rule: rule(&text), shadow: false };
            engine.enlist(enlisted, &Nothing, start);
        }
    });
    let things: Vec<String> = (0..100_000).map(|at| format!("thing-{at}")).collect();
    let mut effects = Vec::new();
    let mut random = 7u64;
    let records = 2_000_000;
    let feeding = seconds(|| {
        for at in 0..records {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let thing = &things[(random >> 33) as usize % things.len()];
            let value = Value::Float(((random >> 20) % 80) as f64);
            let now = Timestamp(start.micros() + i64::from(at) * 20);
            let said = Said {
                value: &value,
                quality: Quality::Good,
                time: now,
                received: now,
                position: Position(1),
                cause: None,
            };
            let record = rule::RecordView { thing, name: "value", kind: RecordKind::Property, said };
            engine.feed(&record, &mut effects);
            if at % 10_000 == 0 {
                engine.take_traces();
            }
        }
    });
    println!(
        "10,000 rules enlisted in {enlisting:.2} s; {:.0} records/s over 100,000 things, {} effects",
        f64::from(records) / feeding,
        effects.len()
    );
}

#[test]
#[ignore = "a measurement"]
fn backtest_ten_million_records_through_fifty_rules() {
    let start = Timestamp::from_seconds(1_780_000_000);
    let run = |rules: std::ops::Range<usize>| {
        let mut engine = Engine::new(Place::utc(), Options { pace: Pace::Replay, traces: TraceLevel::Off });
        for at in rules {
            let text = format!(
                "rule: r{at}\ntriggers: [{{ property: thing-{}/value, above: 70, for: 1 min }}, {{ property: thing-{}/value, below: 5 }}, {{ time: '07:30' }}]\nconditions: [{{ expression: \"${{ value('thing-{}/value', 0) > 20 }}\" }}]\nactions: [{{ set: thing-{at}/fan, to: true }}, {{ delay: 2 min }}, {{ set: thing-{at}/fan, to: false }}]",
                at * 4,
                at * 4 + 1,
                at * 4 + 2
            );
            let enlisted = Enlisted { id: format!("rule-{at}").into(), version: 1, rule: rule(&text), shadow: false };
            engine.enlist(enlisted, &Nothing, start);
        }
        let series: Vec<Option<rule::SeriesId>> =
            (0..200).map(|at| engine.series(RecordKind::Property, &format!("thing-{at}"), "value")).collect();
        let mut effects = Vec::new();
        let mut commands = 0;
        let mut random = 7u64;
        for at in 0..10_000_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let Some(series) = series[(random >> 33) as usize % 200] else { continue };
            let value = Value::Float(((random >> 20) % 8_000) as f64 / 100.0);
            // Thirty days.
            let now = Timestamp(start.micros() + (at * 259_200) as i64);
            let said = Said {
                value: &value,
                quality: Quality::Good,
                time: now,
                received: now,
                position: Position(at),
                cause: None,
            };
            engine.feed_bound(series, &said, &mut effects);
            commands += effects.len();
            effects.clear();
        }
        (commands, engine.counters())
    };
    let mut told = String::new();
    let one = seconds(|| told = format!("{:?}", run(0..50)));
    println!("one core: 10,000,000 records x 50 rules in {one:.2} s ({told})");
    let two = seconds(|| {
        std::thread::scope(|scope| {
            let half = scope.spawn(|| run(0..25));
            run(25..50);
            half.join().expect("the other half");
        });
    });
    println!("two cores, half of the rules each: {two:.2} s");
}
