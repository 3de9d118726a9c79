//! What is said becomes twins and history.

use std::time::Duration;

use model::{Quality, RecordKind, Timestamp, Value};
use site::{Selection, ThingQuery, Window};
use store::history::SeriesKey;
use twin::{PresenceState, ThingStatus};

use crate::common::{Bench, LAMP, START, accept_all, id, name, reported};

fn figure(site: &site::Site, wanted: &str) -> f64 {
    site.figures().into_iter().find(|figure| figure.name == wanted).unwrap().value
}

#[test]
fn a_thing_that_speaks_waits_in_the_inbox_with_its_values_and_history() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/meter/properties", r#"{"power": 120, "voltage_v": 230.5, "door": "open"}"#);
    bench.pass(Duration::from_secs(1));
    bench.say("things/meter/properties", r#"{"power": 121.5, "voltage_v": 230.5, "door": "closed"}"#);
    bench.say("things/meter/events/tripped", r#"{"phase": 2}"#);
    assert_eq!(site.turn().unwrap(), 3);
    let detail = site.thing(&id("meter")).unwrap();
    assert_eq!(detail.summary.thing.status, ThingStatus::Inbox);
    assert_eq!((detail.summary.presence.state, &*detail.summary.presence.reason), (PresenceState::Online, "it speaks"));
    assert_eq!(reported(&site, "meter", "power"), Some(Value::Float(121.5)));
    let model = &detail.summary.thing.model;
    assert!(model.inferred && model.events.contains_key("tripped"));
    assert_eq!(model.properties["voltage_v"].unit.as_ref().unwrap().as_str(), "V");
    assert_eq!(detail.summary.thing.model_of_its_own().id, "meter");

    let key = SeriesKey { thing: id("meter"), name: name("power") };
    let window = Window { from: START, to: START + Duration::from_mins(1), pixels: 100 };
    let (_, history) = site.history(&[key], window).unwrap();
    let site::HistoryPoints::Buckets(buckets) = &history[0].points else { panic!("power is a number") };
    assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 2);
    assert_eq!(site.series(Some(&id("meter"))).len(), 4);

    assert_eq!(accept_all(&site), 1);
    assert_eq!(site.things(&ThingQuery::default()).total, 1);
}

#[test]
fn late_records_correct_the_history_and_leave_the_twin() {
    let bench = Bench::new();
    let site = bench.open();
    let at = |seconds: u64| (START + Duration::from_secs(seconds)).0 / 1_000;
    bench.pass(Duration::from_secs(100));
    for (value, seconds) in [(1, 50), (2, 90), (3, 70)] {
        bench.say("things/meter/properties/power", &format!(r#"{{"value":{value},"time":{}}}"#, at(seconds)));
    }
    site.turn().unwrap();
    assert_eq!(reported(&site, "meter", "power"), Some(Value::Float(2.0)));
    let series = site.series(Some(&id("meter")));
    assert_eq!(series[0].points, 3);
    assert_eq!(figure(&site, "records_late"), 1.0);
}

#[test]
fn claims_of_time_that_cannot_be_are_replaced() {
    let bench = Bench::new();
    let site = bench.open();
    let far = (START + Duration::from_hours(25)).0 / 1_000;
    bench.say("things/meter/properties/power", &format!(r#"{{"value":1,"time":{far}}}"#));
    bench.say("things/meter/properties/energy", r#"{"value":1,"time":"1999-12-31T23:59:59Z"}"#);
    site.turn().unwrap();
    for (property, _) in site.thing(&id("meter")).unwrap().properties {
        assert_eq!((property.time, property.quality), (START, Quality::Uncertain), "{}", property.name);
    }
    assert_eq!(figure(&site, "times_replaced"), 2.0);
}

#[test]
fn a_declared_model_judges_values() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": "maybe", "level": 140, "power": 7, "hue": 3}"#);
    site.turn().unwrap();
    let detail = site.thing(&id("lamp")).unwrap();
    let quality = |wanted: &str| {
        detail.properties.iter().find(|(property, _)| property.name.as_str() == wanted).unwrap().0.quality
    };
    assert_eq!((quality("on"), quality("level")), (Quality::Bad, Quality::Uncertain));
    assert_eq!((quality("power"), quality("hue")), (Quality::Good, Quality::Good));
    let codes: Vec<&str> = detail.diagnostics.iter().map(|(code, _)| &**code).collect();
    assert_eq!(codes, ["not_in_model", "out_of_range", "wrong_type"]);
    let names: Vec<String> = site.series(Some(&id("lamp"))).iter().map(|series| series.name.to_string()).collect();
    assert_eq!(names, ["hue", "level", "power"], "a value of the wrong type is not drawn");
    assert_eq!(detail.summary.thing.title, "Lamp");
}

#[test]
fn ignored_things_are_counted_and_not_kept() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/spy/properties/x", "1");
    site.turn().unwrap();
    assert_eq!(site.ignore(&Selection::All).unwrap(), 1);
    bench.say("things/spy/properties/x", "2");
    site.turn().unwrap();
    assert_eq!(reported(&site, "spy", "x"), None);
    assert_eq!((site.series(Some(&id("spy")))[0].points, figure(&site, "records_ignored")), (1, 1.0));
    site.accept(&Selection::Things(vec![id("spy")]), None).unwrap();
    bench.say("things/spy/properties/x", "3");
    site.turn().unwrap();
    assert_eq!(reported(&site, "spy", "x"), Some(Value::Float(3.0)));
}

#[test]
fn presence_is_said_or_comes_from_connections() {
    let bench = Bench::new();
    let site = bench.open();
    let presence = |thing: &str| {
        let presence = site.thing(&id(thing)).unwrap().summary.presence;
        (presence.state, presence.reason.to_string())
    };
    bench.say("things/a/properties/x", "1");
    bench.say("things/a/presence", "offline");
    site.turn().unwrap();
    assert_eq!(presence("a"), (PresenceState::Offline, "said so".to_owned()));
    bench.say("things/a/properties/x", "2");
    site.turn().unwrap();
    assert_eq!(presence("a").0, PresenceState::Offline, "what was stated counts until something else is stated");

    site.connected(&id("a"));
    site.connected(&id("a"));
    site.turn().unwrap();
    site.turn().unwrap();
    assert_eq!(presence("a").0, PresenceState::Online);
    site.disconnected(&id("a"), "connection lost");
    site.turn().unwrap();
    site.turn().unwrap();
    assert_eq!(presence("a").0, PresenceState::Online, "one of two connections is left");
    site.disconnected(&id("a"), "connection lost");
    site.turn().unwrap();
    site.turn().unwrap();
    assert_eq!(presence("a"), (PresenceState::Offline, "connection lost".to_owned()));
    let page = site.records(&id("a"), None, 10).unwrap();
    assert_eq!(page.records.iter().filter(|record| record.kind == RecordKind::Presence).count(), 4);
}

#[test]
fn a_million_made_up_things_take_no_more_room_than_the_inbox_has() {
    let mut bench = Bench::new();
    bench.options.registry.inbox = 100;
    let site = bench.open();
    let many: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    for number in 0..many {
        let thing = number.wrapping_mul(2_654_435_761);
        bench.say(&format!("things/t{thing:08x}/properties/x"), "1");
        if number % 8_192 == 0 {
            site.turn().unwrap();
        }
    }
    site.turn().unwrap();
    assert_eq!(figure(&site, "things_inbox"), 100.0);
    assert_eq!(figure(&site, "things_refused"), f64::from(many - 100));
    assert_eq!(site.series(None).len(), 100);
    site.checkpoint().unwrap();
    let saved = store::State::get(&*bench.state, store::state::Table::Adapter, "native").unwrap().unwrap();
    assert!(saved.document.len() < 10_000, "the adapter forgets what was refused: {} bytes", saved.document.len());
}

#[test]
fn ten_thousand_discoveries_come_once() {
    let bench = Bench::new();
    let site = bench.open();
    let say_all = || {
        for number in 0..10_000 {
            let config = format!(
                r#"{{"name":"Power","unique_id":"p{number}","state_topic":"z/{number}","unit_of_measurement":"W",
                   "device":{{"identifiers":["d{number}"],"name":"Plug {number}"}}}}"#
            );
            bench.say(&format!("homeassistant/sensor/plug{number}/power/config"), &config);
        }
    };
    say_all();
    site.turn().unwrap();
    let all = ThingQuery { status: Some(ThingStatus::Inbox), limit: 1, ..ThingQuery::default() };
    let first = site.things(&all);
    assert_eq!(first.total, 10_000);
    let rev = first.items[0].thing.rev;
    say_all();
    site.turn().unwrap();
    let again = site.things(&all);
    assert_eq!((again.total, again.items[0].thing.rev), (10_000, rev), "the same again changes nothing");
}

#[test]
fn what_was_retained_before_its_discovery_is_decoded_with_it_and_expires() {
    let bench = Bench::new();
    let site = bench.open();
    bench.out.retain("z/plug", "42");
    let config = r#"{"name":"Power","unique_id":"p","state_topic":"z/plug","unit_of_measurement":"W","expire_after":60,
        "device":{"identifiers":["plug"],"name":"Plug"}}"#;
    bench.say("homeassistant/sensor/plug/power/config", config);
    site.turn().unwrap();
    let all = ThingQuery { status: Some(ThingStatus::Inbox), limit: 1, ..ThingQuery::default() };
    let thing = site.things(&all).items[0].thing.id.clone();
    let value = || site.thing(&thing).unwrap().properties[0].0.clone();
    assert_eq!(value().value, Value::Float(42.0));
    bench.pass(Duration::from_secs(61));
    site.turn().unwrap();
    assert_eq!((value().value, value().quality), (Value::Null, Quality::Bad));
    bench.say("z/plug", "43");
    site.turn().unwrap();
    assert_eq!((value().value, value().quality), (Value::Float(43.0), Quality::Good));
    let state = site.state_at(Timestamp(START.0 + 61_500_000)).unwrap();
    assert_eq!(state.len(), 1);
}

#[test]
fn a_gateway_cannot_take_over_a_thing_that_speaks_for_itself() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/lock/model", r#"{"id":"lock","title":"Front door","properties":{"locked":{"type":"boolean"}}}"#);
    bench.say("things/lock/properties", r#"{"locked": true}"#);
    site.turn().unwrap();
    let before = site.thing(&id("lock")).unwrap();

    let config = r#"{"name":"Locked","unique_id":"locked","object_id":"locked","state_topic":"z/state",
        "payload_on":"ON","payload_off":"OFF","device":{"identifiers":["lock"],"name":"lock"}}"#;
    bench.say("homeassistant/binary_sensor/lock/locked/config", config);
    bench.say("z/state", "OFF");
    site.turn().unwrap();
    let after = site.thing(&id("lock")).unwrap();
    assert_eq!(after.summary.thing, before.summary.thing, "neither its model nor who speaks for it");
    assert_eq!(reported(&site, "lock", "locked"), Some(Value::Boolean(true)));
    let refused = site.figures().into_iter().find(|figure| figure.name == "claims_refused").unwrap();
    assert!(refused.value >= 2.0, "{}", refused.value);
}

#[test]
fn a_removed_thing_leaves_nothing_and_may_come_back() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": false}"#);
    bench.out.retain("things/lamp/desired", "{}");
    bench.out.retain("things/other/desired", "{}");
    site.turn().unwrap();
    accept_all(&site);
    site.checkpoint().unwrap();
    site.remove_thing(&id("lamp"), None).unwrap();
    assert!(site.thing(&id("lamp")).is_none() && site.series(Some(&id("lamp"))).is_empty());
    assert_eq!(bench.out.retained_topics(), ["things/other/desired"]);
    site.turn().unwrap();
    bench.say("things/lamp/properties", r#"{"on": true}"#);
    site.turn().unwrap();
    assert_eq!(reported(&site, "lamp", "on"), Some(Value::Boolean(true)));
    assert_eq!(site.series(Some(&id("lamp")))[0].points, 1);
}

#[test]
fn an_adapter_that_fails_over_an_entry_does_not_stop_the_fold() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/a/properties/x", "1");
    bench.say("trap", "");
    bench.say("things/a/properties/x", "2");
    assert_eq!(site.turn().unwrap(), 3);
    assert_eq!(reported(&site, "a", "x"), Some(Value::Float(2.0)));
    let diagnostics = site.system().diagnostics;
    assert_eq!((&*diagnostics[0].0, diagnostics[0].1.count), ("adapter_failed", 1));
}

#[test]
fn entries_that_retention_took_are_counted() {
    let bench = Bench::new();
    for number in 0..10 {
        bench.say("things/a/properties/x", &number.to_string());
    }
    let site = bench.open();
    site.turn().unwrap();
    site.checkpoint().unwrap();
    drop(site);
    for number in 10..20 {
        bench.say("things/a/properties/x", &number.to_string());
    }
    let all = store::log::Retention { received_before: Timestamp::MAX, bytes_max: 0, needed_from: model::Position(16) };
    store::Log::retain(&*bench.log, &all).unwrap();
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(reported(&site, "a", "x"), Some(Value::Float(19.0)));
    assert_eq!(figure(&site, "entries_missed"), 5.0);
}
