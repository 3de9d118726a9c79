//! A crash at any moment leaves no trace in what was folded.

use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, Value};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use site::{Site, ThingQuery};

use crate::common::{Bench, LAMP, START, accept_all, id, kim, name};

/// Everything that the fold made, in words.
fn picture(site: &Site) -> String {
    let mut lines: Vec<String> = Vec::new();
    for status in [twin::ThingStatus::Inbox, twin::ThingStatus::Accepted] {
        let all = ThingQuery { status: Some(status), limit: 500, ..ThingQuery::default() };
        for summary in site.things(&all).items {
            let mut detail = site.thing(&summary.thing.id).unwrap();
            for (property, _) in &mut detail.properties {
                // Only a short way to the same series.
                property.series = None;
            }
            detail.properties.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            let id = &detail.summary.thing.id;
            lines.push(format!("{:?}", detail.summary));
            lines.extend(detail.properties.iter().map(|(property, _)| format!("{id} {property:?}")));
            lines.push(format!("{id} {:?} {:?}", detail.desired, detail.delta));
            lines.extend(detail.diagnostics.iter().map(|diagnostic| format!("{id} {diagnostic:?}")));
        }
    }
    for series in site.series(None) {
        lines.push(format!("{series:?}"));
        let key = store::history::SeriesKey { thing: series.thing, name: series.name };
        let id = site.history_engine().series(&key).unwrap();
        lines.push(format!("{:?}", site.history_engine().range(id, Timestamp(0), Timestamp::MAX, 100_000).unwrap()));
    }
    lines.join("\n")
}

fn say_something(bench: &Bench, random: &mut ChaCha8Rng) {
    let thing = format!("t{}", random.random_range(0..6));
    let number: i32 = random.random_range(0..50);
    let late = START.0 / 1_000 + i64::from(random.random_range(0..200_000));
    let (topic, payload) = match random.random_range(0..12) {
        0 => (format!("things/{thing}/events/bell"), number.to_string()),
        1 => (format!("things/{thing}/presence"), ["online", "offline"][number as usize % 2].to_owned()),
        2 => (format!("things/{thing}/properties"), "{broken".to_owned()),
        3 => (format!("things/{thing}/properties/x"), format!(r#"{{"value":{number},"time":{late}}}"#)),
        4 => (format!("things/{thing}/properties/mode"), format!("\"mode{}\"", number % 3)),
        5 => (format!("things/{thing}/properties/x"), ["null", "\"off\"", "true"][number as usize % 3].to_owned()),
        6 => ("things/lamp/properties/level".to_owned(), (number * 3).to_string()),
        7 => ("things/lamp/model".to_owned(), LAMP.to_owned()),
        _ => (format!("things/{thing}/properties"), format!(r#"{{"x":{number},"y":{number}.5}}"#)),
    };
    bench.say(&topic, &payload);
    bench.pass(Duration::from_millis(random.random_range(0..500)));
}

/// Runs the same words through a site that never crashes, and one that does, again and again.
fn same_after_crashes(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (steady, shaky) = (Bench::new(), Bench::new());
    let unbroken = steady.open();
    let mut broken = shaky.open();
    for site in [&unbroken, &broken] {
        let bench = if Arc::ptr_eq(site, &unbroken) { &steady } else { &shaky };
        bench.say("things/lamp/model", LAMP);
        site.turn().unwrap();
        accept_all(site);
    }
    for _ in 0..random.random_range(3..12) {
        for _ in 0..random.random_range(1..40) {
            let mut same = random.clone();
            say_something(&steady, &mut random);
            say_something(&shaky, &mut same);
        }
        unbroken.turn().unwrap();
        match random.random_range(0..4) {
            0 => {}
            1 => {
                broken.turn().unwrap();
                broken.checkpoint().unwrap();
            }
            2 => {
                broken.turn().unwrap();
                // The history may be ahead of the twins.
                broken.history_engine().sync().unwrap();
            }
            _ => {
                broken.turn().unwrap();
            }
        }
        if random.random_bool(0.5) {
            // Never reported: a wish that is over is told to the thing, after a crash perhaps once more.
            let wish = || vec![(name("level"), Value::Integer(31))];
            for site in [&unbroken, &broken] {
                site.turn().unwrap();
                site.write(&kim(), &id("lamp"), wish()).unwrap();
            }
        }
        if random.random_bool(0.5) {
            drop(broken);
            broken = shaky.open();
        }
    }
    broken.turn().unwrap();
    unbroken.turn().unwrap();
    let (broken, unbroken) = (picture(&broken), picture(&unbroken));
    if let Some((was, should_be)) = broken.lines().zip(unbroken.lines()).find(|(a, b)| a != b) {
        panic!("seed {seed}: after crashes\n{was}\nwithout\n{should_be}");
    }
    assert_eq!(broken.len(), unbroken.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn state_after_crashes_equals_state_without(seed in any::<u64>()) {
        same_after_crashes(seed);
    }
}

#[test]
fn replaying_everything_twice_is_replaying_it_once() {
    let bench = Bench::new();
    let site = bench.open();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..300 {
        say_something(&bench, &mut random);
    }
    site.turn().unwrap();
    site.checkpoint().unwrap();
    let once = picture(&site);
    drop(site);
    let fold = store::state::Change::delete(store::state::Table::Setting, "site.fold");
    store::State::commit(&*bench.state, vec![fold], START).unwrap();
    let site = bench.open();
    assert_eq!(site.turn().unwrap(), 300);
    assert!(picture(&site) == once);
}

#[test]
fn commands_and_wishes_survive() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": false}"#);
    site.turn().unwrap();
    accept_all(&site);
    let commands = site.write(&kim(), &id("lamp"), vec![(name("on"), Value::Boolean(true))]).unwrap();
    site.turn().unwrap();
    site.checkpoint().unwrap();
    drop(site);
    let site = bench.open();
    assert_eq!(site.thing(&id("lamp")).unwrap().delta, [(name("on"), Value::Boolean(true))]);
    bench.say("things/lamp/properties", r#"{"on": true}"#);
    site.turn().unwrap();
    let row = site.command(&commands[0].id).unwrap();
    assert_eq!((row.command.state, row.effects.len()), (model::CommandState::Finished, 1));
    assert!(site.thing(&id("lamp")).unwrap().properties[0].0.cause.position.is_some());
}
