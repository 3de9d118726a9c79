//! Lists, the overview and the past.

use std::sync::Arc;
use std::time::Duration;

use model::{Position, Space, SpaceId, SpaceKind, Value};
use site::{Level, Site, SiteError, ThingQuery, ThingSort};
use twin::{RegistryError, ThingEdit};

use crate::common::{Bench, LAMP, START, accept_all, id, name};

fn house(bench: &Bench) -> Arc<Site> {
    let site = bench.open();
    for number in 0..25 {
        let thing = format!("t{number:02}");
        bench.say(&format!("things/{thing}/properties"), &format!(r#"{{"temperature_c": {number}}}"#));
        bench.pass(Duration::from_secs(1));
    }
    bench.say("things/t03/presence", "offline");
    site.turn().unwrap();
    accept_all(&site);
    let room = |name: &str, parent: Option<&str>| {
        let parent = parent.map(|parent| SpaceId::new(parent).unwrap());
        Space::new(SpaceId::new(name).unwrap(), parent, SpaceKind::Room, name.to_uppercase())
    };
    site.add_space(room("upstairs", None)).unwrap();
    site.add_space(room("study", Some("upstairs"))).unwrap();
    let edit = ThingEdit {
        space: Some(Some(SpaceId::new("study").unwrap())),
        tags: Some(vec!["north".into(), "north".into(), " ".into()]),
        title: Some("Übersicht".into()),
        ..ThingEdit::default()
    };
    site.edit_thing(&id("t07"), None, edit).unwrap();
    site
}

fn ids(page: &site::Page<site::ThingSummary>) -> Vec<&str> {
    page.items.iter().map(|summary| summary.thing.id.as_str()).collect()
}

#[test]
fn pages_cover_everything_once_in_any_order() {
    let bench = Bench::new();
    let site = house(&bench);
    for sort in [ThingSort::Title, ThingSort::LastSeen, ThingSort::Presence] {
        let mut query = ThingQuery { sort, limit: 10, ..ThingQuery::default() };
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = site.things(&query);
            assert_eq!(page.total, 25);
            found.extend(ids(&page).into_iter().map(str::to_owned));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((found.len(), sorted.len()), (25, 25), "{sort:?}");
        let first = match sort {
            ThingSort::Title => "t00",
            ThingSort::LastSeen | ThingSort::Presence => "t03",
        };
        assert_eq!(found[0], first, "{sort:?}");
    }
}

#[test]
fn a_list_is_jumped_into_and_goes_on_from_there() {
    let bench = Bench::new();
    let site = house(&bench);
    for sort in [ThingSort::Title, ThingSort::LastSeen] {
        let all = site.things(&ThingQuery { sort, limit: 100, ..ThingQuery::default() });
        let jumped = site.things(&ThingQuery { sort, offset: 12, limit: 5, ..ThingQuery::default() });
        assert_eq!((ids(&jumped), jumped.total), (ids(&all)[12..17].to_vec(), 25), "{sort:?}");
        let next = site.things(&ThingQuery { sort, cursor: jumped.next_cursor, limit: 5, ..ThingQuery::default() });
        assert_eq!(ids(&next), ids(&all)[17..22], "{sort:?}");
        let beyond = site.things(&ThingQuery { sort, offset: 99, limit: 5, ..ThingQuery::default() });
        assert_eq!((beyond.items.len(), beyond.next_cursor), (0, None), "{sort:?}");
    }
}

#[test]
fn what_stands_for_a_thing_answers_the_first_question() {
    let bench = Bench::new();
    let site = bench.open();
    let property = |name: &str, rest: &str| format!(r#""{name}":{{"role":"primary",{rest}}}"#);
    let things = [
        ("lamp", [property("brightness", r#""writable":true"#), property("on", r#""type":"boolean","writable":true"#)]),
        ("climate", [property("humidity", r#""unit":"%""#), property("temperature", r#""unit":"°C","decimals":1"#)]),
        ("valve", [property("target", r#""unit":"°C","writable":true"#), property("temperature", r#""unit":"°C""#)]),
        ("meter", [property("energy", r#""unit":"kWh""#), property("power", r#""unit":"W""#)]),
        ("washer", [property("power", r#""unit":"W""#), property("state", r#""type":"string","choices":["idle"]"#)]),
    ];
    for (thing, [first, second]) in &things {
        let title = thing.to_uppercase();
        bench.say(
            &format!("things/{thing}/model"),
            &format!(r#"{{"title":"{title}","properties":{{{first},{second}}}}}"#),
        );
    }
    bench.say("things/lamp/properties", r#"{"brightness": 40, "on": true}"#);
    bench.say("things/climate/properties", r#"{"humidity": 40, "temperature": 21.5}"#);
    bench.say("things/valve/properties", r#"{"target": 40, "temperature": 21.5}"#);
    bench.say("things/meter/properties", r#"{"energy": 40, "power": 21.5}"#);
    bench.say("things/washer/properties", r#"{"power": 40, "state": "idle"}"#);
    site.turn().unwrap();
    accept_all(&site);
    let overview = site.overview();
    let mut chosen: Vec<(&str, &str)> =
        overview.spaces[0].headline.iter().map(|one| (one.thing.as_str(), one.name.as_str())).collect();
    chosen.sort_unstable();
    let expected =
        [("climate", "temperature"), ("lamp", "on"), ("meter", "power"), ("valve", "temperature"), ("washer", "state")];
    assert_eq!(chosen, expected);
    let headline = |thing: &str| overview.spaces[0].headline.iter().find(|one| one.thing.as_str() == thing).unwrap();
    assert_eq!((headline("lamp").thing_title.as_str(), headline("lamp").writable), ("LAMP", true));
    assert_eq!((headline("climate").decimals, headline("climate").writable), (Some(1), false));
}

#[test]
fn lists_are_searched_and_filtered() {
    let bench = Bench::new();
    let site = house(&bench);
    let find = |query: ThingQuery| {
        let page = site.things(&ThingQuery { limit: 100, ..query });
        ids(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(find(ThingQuery { search: some("ÜBER north"), ..ThingQuery::default() }), ["t07"]);
    assert_eq!(find(ThingQuery { tag: some("north"), ..ThingQuery::default() }), ["t07"]);
    let upstairs = Some(SpaceId::new("upstairs").unwrap());
    assert_eq!(find(ThingQuery { space: upstairs, ..ThingQuery::default() }), ["t07"]);
    let offline = Some(twin::PresenceState::Offline);
    assert_eq!(find(ThingQuery { presence: offline, ..ThingQuery::default() }), ["t03"]);
    assert_eq!(find(ThingQuery { adapter: some("home-assistant"), ..ThingQuery::default() }), [""; 0]);
    assert_eq!(find(ThingQuery { cursor: some("nonsense"), ..ThingQuery::default() }).len(), 25);
}

#[test]
fn the_overview_rolls_up_and_points_out() {
    let bench = Bench::new();
    let site = house(&bench);
    let overview = site.overview();
    assert_eq!((overview.totals.things, overview.totals.online, overview.totals.inbox), (25, 24, 0));
    let space = |id: &str| overview.spaces.iter().find(|row| row.space.space.id.as_str() == id).unwrap();
    assert_eq!((space("upstairs").things, space("study").things, space("site").things), (1, 1, 25));
    assert_eq!(space("study").headline[0].value, Value::Float(7.0));
    assert_eq!(overview.attention.len(), 1);
    assert_eq!((overview.attention[0].thing.as_str(), overview.attention[0].level), ("t03", Level::Amber));
    assert_eq!(overview.attention[0].text, "offline: said so");
}

#[test]
fn changes_are_refused_when_somebody_else_was_faster_and_survive_when_not() {
    let bench = Bench::new();
    let site = house(&bench);
    let rev = site.thing_row(&id("t07")).unwrap().rev;
    let title = |title: &str| ThingEdit { title: Some(title.into()), ..ThingEdit::default() };
    let stale = site.edit_thing(&id("t07"), Some(rev - 1), title("x"));
    assert!(matches!(stale, Err(SiteError::Registry(RegistryError::Stale { .. }))));
    site.edit_thing(&id("t07"), Some(rev), title("Kept")).unwrap();
    let nowhere = ThingEdit { space: Some(Some(SpaceId::new("nowhere").unwrap())), ..ThingEdit::default() };
    assert!(matches!(site.edit_thing(&id("t07"), None, nowhere), Err(SiteError::UnknownSpace(_))));
    site.remove_space(&SpaceId::new("study").unwrap(), None).unwrap();
    assert_eq!(site.thing_row(&id("t07")).unwrap().space.as_ref().unwrap().as_str(), "upstairs");
    drop(site);
    let site = bench.open();
    let row = site.thing_row(&id("t07")).unwrap();
    assert_eq!((row.title.as_str(), row.space.as_ref().unwrap().as_str()), ("Kept", "upstairs"));
    assert_eq!(site.spaces().len(), 2);
}

#[test]
fn records_come_from_memory_and_then_from_the_log() {
    let bench = Bench::new();
    let site = bench.open();
    for number in 0..100 {
        bench.say("things/a/properties", &format!(r#"{{"x": {number}, "y": {number}}}"#));
        bench.say("things/b/properties/x", "1");
    }
    site.turn().unwrap();
    let mut values: Vec<f64> = Vec::new();
    let mut before: Option<Position> = None;
    loop {
        let page = site.records(&id("a"), before, 15).unwrap();
        let properties = page.records.iter().filter(|record| record.kind == model::RecordKind::Property);
        values.extend(properties.filter(|record| record.name.as_str() == "x").map(|r| r.value.as_f64().unwrap()));
        assert!(page.before < before || before.is_none() || page.before.is_none());
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(values, (0..100).rev().map(f64::from).collect::<Vec<_>>());
    let messages = site.messages(&id("a"), None, 500).unwrap();
    assert_eq!(messages.messages.len(), 100);
}

#[test]
fn raw_messages_say_what_was_not_understood() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/a/model", "not a model");
    bench.say("nobody/knows", "x");
    site.turn().unwrap();
    let messages = site.messages(&id("a"), None, 10).unwrap();
    assert!(messages.messages[0].undecodable.as_ref().unwrap().contains("model"));
    let entry = site.entry(Position(2)).unwrap().unwrap();
    assert_eq!(entry.message.undecodable.as_deref(), Some("no adapter knows this topic"));
    assert!(site.entry(Position(99)).unwrap().is_none() && site.entry(Position(0)).unwrap().is_none());
}

#[test]
fn the_past_is_read_in_the_words_of_the_model() {
    let bench = Bench::new();
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    for second in 0..10 {
        let on = second % 2 == 0;
        bench.say("things/lamp/properties", &format!(r#"{{"on": {on}, "level": {second}}}"#));
        bench.pass(Duration::from_secs(1));
    }
    site.turn().unwrap();
    let window = site::Window { from: START, to: START + Duration::from_secs(10), pixels: 5 };
    let key = |name: &str| store::history::SeriesKey { thing: id("lamp"), name: crate::common::name(name) };
    let (_, series) = site.history(&[key("level"), key("on")], window).unwrap();
    assert_eq!(series[0].series.unit.as_ref().unwrap().as_str(), "%");
    let site::HistoryPoints::Buckets(buckets) = &series[0].points else { panic!("level is a number") };
    assert_eq!((buckets.len(), buckets[0].maximum, buckets[4].minimum), (5, 1.0, 8.0));
    assert!(site.history(&[key("nothing")], window).is_err());
    let state = site.state_at(START + Duration::from_millis(3_500)).unwrap();
    assert_eq!(state.iter().find(|row| row.key.name == name("level")).unwrap().point.value, Value::Float(3.0));
    let mut csv = Vec::new();
    let selection = site.export(Some(&id("lamp")), None, window.from, window.to);
    store::history::export_csv(site.history_engine(), &selection, &mut csv, &mut |_| {}).unwrap();
    assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 21);
}
