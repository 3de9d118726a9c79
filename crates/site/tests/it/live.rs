//! Live views.

use std::collections::HashSet;

use model::{Position, RecordKind, Space, SpaceId, SpaceKind, Value};
use site::Filter;
use twin::ThingEdit;

use crate::common::{Bench, id};

#[test]
fn everybody_shares_what_they_all_see_and_filters_what_they_do_not() {
    let bench = Bench::new();
    let site = bench.open();
    let mut all = site.subscribe(Filter::default(), None);
    let mut other = site.subscribe(Filter::default(), None);
    let only_a = Filter { things: Some(HashSet::from([id("a")])), ..Filter::default() };
    let mut a = site.subscribe(only_a, None);
    let events = Filter { kinds: Some(vec![RecordKind::Event]), ..Filter::default() };
    let mut events = site.subscribe(events, None);
    bench.say("things/a/properties", r#"{"x": 1, "y": 2}"#);
    bench.say("things/b/properties", r#"{"x": 1}"#);
    bench.say("things/b/events/bell", "");
    site.turn().unwrap();
    let batch = all.try_next().unwrap();
    assert_eq!((batch.records.len(), batch.newest, batch.gap), (6, Position(3), false));
    assert_eq!(batch.shared, other.try_next().unwrap().shared);
    assert_eq!(a.try_next().unwrap().records.len(), 3, "x, y and that it is there");
    assert_eq!(events.try_next().unwrap().records.len(), 1);
    assert!(all.try_next().is_none() && a.try_next().is_none());
    assert_eq!(a.newest(), Position(3));
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_or_a_gap() {
    let mut bench = Bench::new();
    bench.options.live_records = 20;
    let site = bench.open();
    for number in 0..10 {
        bench.say("things/a/properties/x", &number.to_string());
        site.turn().unwrap();
    }
    let mut back = site.subscribe(Filter::default(), Some(Position(7)));
    let batch = back.try_next().unwrap();
    assert_eq!((batch.gap, batch.newest), (false, Position(10)));
    assert_eq!(batch.records.last().unwrap().value, Value::Float(9.0));
    assert!(batch.records.iter().all(|record| record.position > Position(7)));
    let mut current = site.subscribe(Filter::default(), Some(Position(10)));
    assert!(current.try_next().is_none());
    for number in 10..60 {
        bench.say("things/a/properties/x", &number.to_string());
        site.turn().unwrap();
    }
    let mut lost = site.subscribe(Filter::default(), Some(Position(7)));
    let batch = lost.try_next().unwrap();
    assert!(batch.gap && batch.records.is_empty());
}

#[test]
fn a_slow_client_gets_the_newest_of_everything_in_little_memory() {
    let mut bench = Bench::new();
    bench.options.live_records = 500;
    let site = bench.open();
    let mut slow = site.subscribe(Filter::default(), None);
    let mut fast = site.subscribe(Filter::default(), None);
    let mut seen = 0;
    for number in 0..2_000 {
        bench.say(&format!("things/t{}/properties", number % 20), &format!(r#"{{"x": {number}, "y": 0}}"#));
        if number % 50 == 49 {
            site.turn().unwrap();
            while let Some(batch) = fast.try_next() {
                assert!(!batch.gap);
                seen += batch.records.len();
            }
        }
    }
    assert_eq!(seen, 4_020);
    let batch = slow.try_next().unwrap();
    assert!(batch.gap, "presence went by");
    let properties = batch.records.iter().filter(|record| record.kind == RecordKind::Property);
    assert_eq!(properties.clone().count(), 40);
    let newest = properties.filter(|record| record.name.as_str() == "x").map(|record| record.value.as_f64().unwrap());
    assert_eq!(newest.sum::<f64>(), (1_980..2_000).map(f64::from).sum::<f64>());
    assert!(slow.try_next().is_none());
    let queue = site.queues().into_iter().find(|queue| queue.name == "live records").unwrap();
    assert!(queue.length <= queue.limit && queue.dropped > 0);
}

#[test]
fn a_client_that_is_a_little_behind_gets_merged_properties_and_every_event() {
    let bench = Bench::new();
    let site = bench.open();
    let mut client = site.subscribe(Filter::default(), None);
    for number in 0..30 {
        bench.say("things/a/properties/x", &number.to_string());
        bench.say("things/a/events/tick", &number.to_string());
        site.turn().unwrap();
    }
    let batch = client.try_next().unwrap();
    let count = |kind| batch.records.iter().filter(|record| record.kind == kind).count();
    assert_eq!((count(RecordKind::Property), count(RecordKind::Event), batch.gap), (1, 30, false));
}

#[test]
fn a_space_is_what_stands_in_it_now() {
    let bench = Bench::new();
    let site = bench.open();
    let kitchen = SpaceId::new("kitchen").unwrap();
    let space = Space::new(kitchen.clone(), None, SpaceKind::Room, "Kitchen");
    site.add_space(space).unwrap();
    let mut client = site.subscribe(Filter { spaces: Some(vec![kitchen.clone()]), ..Filter::default() }, None);
    bench.say("things/a/properties/x", "1");
    site.turn().unwrap();
    assert!(client.try_next().is_none());
    site.edit_thing(&id("a"), None, ThingEdit { space: Some(Some(kitchen)), ..ThingEdit::default() }).unwrap();
    bench.say("things/a/properties/x", "2");
    site.turn().unwrap();
    assert_eq!(client.try_next().unwrap().records[0].value, Value::Float(2.0));
}

#[tokio::test]
async fn waiting_loses_nothing_when_it_is_cancelled() {
    let bench = Bench::new();
    let site = bench.open();
    let mut client = site.subscribe(Filter::default(), None);
    tokio::select! {
        biased;
        _ = client.next() => panic!("nothing was said"),
        () = std::future::ready(()) => {}
    }
    bench.say("things/a/properties/x", "1");
    site.turn().unwrap();
    assert_eq!(client.next().await.records.len(), 2);
}
