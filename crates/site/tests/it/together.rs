//! Things as a whole, streams of few values, and what of the mind outlives a restart.

use std::sync::Arc;
use std::time::Duration;

use model::{Position, Timestamp, Value};
use site::mind::{CardKind, CardQuery, Insight, InsightKind, InsightState};
use site::{InsightQuery, Site};
use store::history::{Batch, SeriesKey};

use crate::common::{Bench, START, accept_all, id, name};

const MINUTE: Duration = Duration::from_mins(1);

/// Puts a past of so many days into the history, in steps of so many minutes.
fn past(
    site: &Site,
    thing: &str,
    days: i64,
    step_minutes: i64,
    mut say: impl FnMut(i64) -> Vec<(&'static str, Value)>,
) {
    let history = site.history_engine();
    let mut points = Vec::new();
    for minute in (-days * 1_440..0).step_by(step_minutes as usize) {
        for (property, value) in say(minute) {
            let series = history.series(&SeriesKey { thing: id(thing), name: name(property) }).unwrap();
            points.push((series, Timestamp(START.micros() + minute * 60_000_000), value));
        }
    }
    history.append(&Batch { points }, Position::START).unwrap();
}

/// A machine whose load takes another level every half hour or so, and three measurements of it.
fn machine(minute: i64, seed: u64) -> [f64; 3] {
    let mixed = |number: i64| {
        let mut mixed = (number as u64 ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^= mixed >> 29;
        mixed = mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let load = 10.0 * mixed(minute.div_euclid(30));
    let noise = |which: i64| 0.2 * (mixed(minute * 3 + which + 1_000_000_000) - 0.5);
    [load + noise(0), 3.0 * load + noise(1), 50.0 - 2.0 * load + noise(2)]
}

const MACHINE: &str = r#"{"id":"machine","kind":"machine","title":"Press","properties":{
    "current":{"type":"number","unit":"A","title":"Current"},
    "force":{"type":"number","unit":"kN","title":"Force"},
    "pressure":{"type":"number","unit":"bar","title":"Pressure"}}}"#;

fn all(site: &Site) -> Vec<Insight> {
    site.insights(&InsightQuery { limit: 100, ..InsightQuery::default() }).items
}

/// A minute of the machine, with what is bent in it.
fn work(bench: &Bench, site: &Site, minutes: std::ops::Range<i64>, bend: impl Fn(i64, &mut [f64; 3])) {
    for minute in minutes {
        let mut values = machine(minute, 7);
        bend(minute, &mut values);
        let [current, force, pressure] = values;
        let payload = format!(r#"{{"current":{current},"force":{force},"pressure":{pressure}}}"#);
        bench.say("things/press/properties", &payload);
        bench.pass(MINUTE);
        site.turn().unwrap();
    }
}

fn press() -> (Bench, Arc<Site>) {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/press/model", MACHINE);
    site.turn().unwrap();
    accept_all(&site);
    past(&site, "press", 10, 5, |minute| {
        let [current, force, pressure] = machine(minute, 7).map(Value::Float);
        vec![("current", current), ("force", force), ("pressure", pressure)]
    });
    (bench, site)
}

#[test]
fn values_that_are_ordinary_and_do_not_fit_together_are_found_with_those_that_say_so() {
    let (bench, site) = press();
    work(&bench, &site, 0..180, |_, _| {});
    let quiet = all(&site);
    assert!(quiet.is_empty(), "{quiet:#?}");
    // The force is another load's, as large as ever.
    work(&bench, &site, 180..300, |minute, values| values[1] = machine(minute + 3_000, 7)[1]);
    let found = all(&site).into_iter().find(|insight| insight.kind == InsightKind::Joint);
    let found = found.unwrap_or_else(|| panic!("{:#?}", all(&site)));
    assert_eq!((found.thing.as_str(), found.name.as_str()), ("press", "force"));
    assert!(found.words.contains("Current") && found.words.contains("Pressure"), "{}", found.words);
    // It is over when they fit again, and what was learned is there after a restart.
    work(&bench, &site, 300..330, |_, _| {});
    let over = all(&site).into_iter().find(|insight| insight.kind == InsightKind::Joint).unwrap();
    assert_eq!(over.state, InsightState::Over);
    site.start(bench.out.clone()).stop().unwrap();
    drop(site);
    let site = bench.open();
    work(&bench, &site, 330..400, |_, _| {});
    work(&bench, &site, 400..520, |minute, values| values[1] = machine(minute + 3_000, 7)[1]);
    let joint = all(&site).into_iter().filter(|insight| insight.kind == InsightKind::Joint).count();
    assert!(joint >= 2, "{:#?}", all(&site));
}

#[test]
fn a_contact_that_chatters_is_found_and_one_of_free_text_is_not_watched() {
    let bench = Bench::new();
    let site = bench.open();
    let model = r#"{"id":"door","kind":"contact","title":"Door","properties":{
        "open":{"type":"boolean","title":"Open"},"note":{"type":"string"},
        "mode":{"type":"string","choices":["away","home"]}}}"#;
    bench.say("things/door/model", model);
    site.turn().unwrap();
    accept_all(&site);
    past(&site, "door", 10, 10, |minute| {
        let hour = minute.rem_euclid(1_440) / 60;
        let is_open = (8..20).contains(&hour) && minute.rem_euclid(70) < 30;
        vec![("open", Value::Boolean(is_open)), ("mode", Value::text(if hour < 8 { "home" } else { "away" }))]
    });
    for second in 0..60 {
        let open = second > 20 && second % 2 == 0;
        bench.say("things/door/properties", &format!(r#"{{"open":{open},"note":"{second}","mode":"home"}}"#));
        bench.pass(Duration::from_secs(1));
        site.turn().unwrap();
    }
    let found: Vec<(String, InsightKind)> =
        all(&site).into_iter().map(|insight| (insight.name.to_string(), insight.kind)).collect();
    assert_eq!(found, [("open".to_owned(), InsightKind::Oscillation)]);
    let health = site.health(&id("door")).unwrap();
    let streams: Vec<&str> = health.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(streams, ["mode", "open"]);
}

#[test]
fn a_forecaster_goes_on_after_a_restart() {
    let (bench, site) = press();
    work(&bench, &site, 0..3, |_, _| {});
    let foretold = site.forecast(&id("press"), &name("force"), 6, None).unwrap();
    let cards = |site: &Site| {
        let query = CardQuery { kind: Some(CardKind::Forecast), limit: 10, ..CardQuery::default() };
        site.model_cards(&query).0
    };
    let before = cards(&site);
    assert!(!before.is_empty());
    site.start(bench.out.clone()).stop().unwrap();
    drop(site);
    let site = bench.open();
    site.turn().unwrap();
    let after = cards(&site);
    assert_eq!(after.len(), before.len());
    let samples = |cards: &[site::mind::ModelCard]| cards.iter().map(|card| card.samples).max();
    assert!(samples(&after) >= samples(&before) && samples(&before) > Some(2_000), "{after:?}");
    let again = site.forecast(&id("press"), &name("force"), 6, None).unwrap();
    assert_eq!((again.start, again.median.len()), (foretold.start, foretold.median.len()));
    for (a, b) in again.median.iter().zip(&foretold.median) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}
