//! What the mind finds: on the log, in the records, in the book, over restarts; and what it must not do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{CauseKind, Position, RecordKind, Value};
use site::mind::{
    Expected, HealthLevel, Insight, InsightKind, InsightSeverity, InsightState, MindSettings, News, Seen, StreamState,
    Verdict, Watch,
};
use site::{InsightQuery, MindOptions, Site, SiteError};

use crate::common::{Bench, accept_all, id, name};

/// Finds a spike in everything above 100 and calls 7 stuck for as long as it is said; panics over 666.
struct Simple {
    taken: u64,
    normal: u64,
    stuck: bool,
    lessons: Arc<AtomicUsize>,
}

fn verdict(kind: InsightKind, seen: Seen) -> News {
    let expected = Some(Expected { value: 20.0, low: 10.0, high: 30.0 });
    News::Found(Verdict { kind, began: seen.time, time: seen.time, expected, came: Some(seen.value), score: 6.5 })
}

impl Watch for Simple {
    fn take(&mut self, seen: Seen, news: &mut Vec<News>) {
        assert!(seen.value < 666.0, "this detector has a fault");
        self.taken += 1;
        let was_stuck = std::mem::replace(&mut self.stuck, seen.value.to_bits() == 7_f64.to_bits());
        match (was_stuck, self.stuck) {
            (_, true) => news.push(verdict(InsightKind::Stuck, seen)),
            (true, false) => news.push(News::Over { kind: InsightKind::Stuck, time: seen.time }),
            (false, false) => {}
        }
        if seen.value > 100.0 {
            news.push(verdict(InsightKind::Spike, seen));
        }
    }

    fn normal(&mut self, _kind: InsightKind) {
        self.normal += 1;
        self.lessons.fetch_add(1, Ordering::Relaxed);
    }

    fn set_rate(&mut self, _false_alarms_a_month: f64) {}

    fn learned_share(&self) -> f64 {
        1.0
    }

    fn state_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn save(&self) -> Vec<u8> {
        format!("{} {}", self.taken, self.normal).into_bytes()
    }
}

/// What the detectors of a site did.
#[derive(Default)]
struct Made {
    anew: Arc<AtomicUsize>,
    restored: Arc<AtomicUsize>,
    lessons: Arc<AtomicUsize>,
}

impl Made {
    fn options(&self) -> MindOptions {
        let Self { anew, restored, lessons } = self;
        let (anew, restored, lessons) = (Arc::clone(anew), Arc::clone(restored), Arc::clone(lessons));
        MindOptions {
            watch: Some(Arc::new(move |_about, state| {
                let saved = state.map(|state| String::from_utf8(state.to_vec()).unwrap());
                let taken = saved.as_ref().map(|saved| saved.split(' ').next().unwrap().parse().unwrap());
                if taken.is_some() { &restored } else { &anew }.fetch_add(1, Ordering::Relaxed);
                let lessons = Arc::clone(&lessons);
                Box::new(Simple { taken: taken.unwrap_or(0), normal: 0, stuck: false, lessons })
            })),
            ..MindOptions::default()
        }
    }
}

fn bench() -> (Bench, Made) {
    let (mut bench, made) = (Bench::new(), Made::default());
    bench.options.mind = made.options();
    (bench, made)
}

fn all(site: &Site) -> Vec<Insight> {
    site.insights(&InsightQuery { limit: 100, ..InsightQuery::default() }).items
}

fn figure(site: &Site, name: &str) -> f64 {
    site.figures().into_iter().find(|figure| figure.name == name).unwrap().value
}

/// Somebody says a temperature every ten seconds.
fn say_many(bench: &Bench, thing: &str, count: usize) {
    for number in 0..count {
        bench.say(&format!("things/{thing}/properties/temperature"), &(20 + number % 3).to_string());
        bench.pass(Duration::from_secs(10));
    }
}

#[test]
fn a_finding_is_on_the_log_in_the_records_in_the_book_and_survives() {
    let (bench, made) = bench();
    let site = bench.open();
    let model = r#"{"id":"m","kind":"sensor","title":"M","properties":{"temperature":{"type":"number","unit":"°C","title":"Temperature"}}}"#;
    bench.say("things/room/model", model);
    say_many(&bench, "room", 30);
    site.turn().unwrap();
    accept_all(&site);
    assert_eq!(site.health(&id("room")).unwrap().level, HealthLevel::Good);
    let led = bench.say("things/room/properties/temperature", "150.5");
    site.turn().unwrap();
    let found = all(&site).pop().unwrap();
    assert_eq!(
        (found.kind, found.state, found.severity),
        (InsightKind::Spike, InsightState::Open, InsightSeverity::Warning)
    );
    assert_eq!((found.came, found.unit.as_ref().map(model::Unit::as_str)), (Some(150.5), Some("°C")));
    assert!(found.words.starts_with("Temperature of ") && found.words.contains("150.5 °C"), "{}", found.words);
    // It is on the log, follows the entry that led to it, and comes back as a record.
    site.turn().unwrap();
    let record = site.records(&id("room"), None, 1).unwrap().records.pop().unwrap();
    assert_eq!((record.kind, record.name.as_str()), (RecordKind::Insight, "temperature"));
    assert_eq!((record.cause.kind, record.cause.position), (CauseKind::System, Some(led)));
    let Value::Json(said) = &record.value else { panic!("{record:?}") };
    assert_eq!(serde_json::from_value::<Insight>((**said).clone()).unwrap(), found);
    let chain = site.entry(record.position).unwrap().unwrap().chain;
    assert_eq!(chain.iter().map(|link| link.position).collect::<Vec<_>>(), [record.position, led]);
    let health = site.health(&id("room")).unwrap();
    assert_eq!((health.score, health.level), (75, HealthLevel::Fair));
    assert_eq!((health.streams[0].state, health.streams[0].insight.as_ref()), (StreamState::Finding, Some(&found.id)));
    assert_eq!(site.overview().totals.insights_open, 1);
    // Somebody has seen it.
    let seen = site.acknowledge_insight(&found.id, "kim", Some("the oven")).unwrap();
    assert_eq!((seen.state, seen.acknowledged_by.as_deref()), (InsightState::Acknowledged, Some("kim")));
    assert_eq!(site.health(&id("room")).unwrap().score, 88);
    // It survives.
    drop(site);
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(all(&site), [seen]);
    // Somebody says that it is normal: the detector learns it, once.
    let normal = site.call_insight_normal(&found.id, "lee", None).unwrap();
    assert_eq!((normal.state, normal.ended.is_some()), (InsightState::Normal, true));
    site.call_insight_normal(&found.id, "lee", None).unwrap();
    assert_eq!(made.lessons.load(Ordering::Relaxed), 1);
    assert!(matches!(site.acknowledge_insight(&found.id, "kim", None), Err(SiteError::CalledNormal(_))));
    assert!(matches!(site.acknowledge_insight("insight-0", "kim", None), Err(SiteError::UnknownInsight(_))));
    // What comes again is a new finding, and what is stuck is over when it moves.
    for value in ["7", "7", "7", "21"] {
        bench.pass(Duration::from_secs(10));
        bench.say("things/room/properties/temperature", value);
    }
    site.turn().unwrap();
    let stuck = all(&site).remove(0);
    assert_eq!((stuck.kind, stuck.state, stuck.count), (InsightKind::Stuck, InsightState::Over, 3));
    assert_eq!(site.health(&id("room")).unwrap().level, HealthLevel::Good);
}

#[test]
fn silence_is_one_finding_and_does_not_bring_the_thing_back() {
    let (bench, _made) = bench();
    let site = bench.open();
    for number in 0..60 {
        let both = format!(r#"{{"temperature":{},"humidity":{}}}"#, 20 + number % 3, 50 + number % 4);
        bench.say("things/room/properties", &both);
        bench.pass(Duration::from_secs(10));
    }
    site.turn().unwrap();
    accept_all(&site);
    let seen = site.thing(&id("room")).unwrap().summary.last_seen;
    bench.pass(Duration::from_mins(5));
    site.turn().unwrap();
    site.turn().unwrap();
    let found = all(&site);
    assert_eq!(found.iter().map(|insight| insight.kind).collect::<Vec<_>>(), [InsightKind::Dropout]);
    assert!(found[0].words.contains("has not been reported since"), "{}", found[0].words);
    assert_eq!(figure(&site, "mind_dropouts_merged"), 1.0);
    assert_eq!(site.records(&id("room"), None, 1).unwrap().records[0].kind, RecordKind::Insight);
    assert_eq!(site.thing(&id("room")).unwrap().summary.last_seen, seen, "the thing itself said nothing");
    bench.say("things/room/properties", r#"{"temperature":20,"humidity":50}"#);
    site.turn().unwrap();
    assert_eq!(all(&site)[0].state, InsightState::Over);
    // A message about a thing that was deleted makes no new one.
    bench.pass(Duration::from_mins(5));
    site.turn().unwrap();
    assert_eq!(all(&site)[0].state, InsightState::Open);
    site.remove_thing(&id("room"), None).unwrap();
    site.turn().unwrap();
    assert!(site.thing(&id("room")).is_none());
    assert_eq!((all(&site)[0].state, figure(&site, "mind_streams")), (InsightState::Over, 0.0));
}

#[test]
fn only_the_mind_says_what_it_found() {
    let (bench, _made) = bench();
    let site = bench.open();
    say_many(&bench, "room", 3);
    bench.say("things/room/insights/temperature", r#"{"kind":"alarm"}"#);
    bench.say("things/other/insights/temperature", r#"{"kind":"alarm"}"#);
    site.turn().unwrap();
    let records = site.records(&id("room"), None, 100).unwrap().records;
    assert!(records.iter().all(|record| record.kind != RecordKind::Insight));
    assert!(site.thing(&id("other")).is_none());
    assert!(site.system().diagnostics.iter().any(|(code, _)| &**code == "not_its_own"));
}

#[test]
fn detectors_go_on_after_a_restart_and_see_what_came_meanwhile() {
    let (bench, made) = bench();
    let site = bench.open();
    say_many(&bench, "room", 20);
    site.turn().unwrap();
    let running = site.start(bench.out.clone());
    running.stop().unwrap();
    drop(site);
    // These are folded by a site whose mind is off, and are in the history.
    let site = bench.open();
    site.set_mind_settings(MindSettings { enabled: false, ..MindSettings::default() }).unwrap();
    say_many(&bench, "room", 10);
    site.turn().unwrap();
    site.checkpoint().unwrap();
    drop(site);
    let site = bench.open();
    site.set_mind_settings(MindSettings::default()).unwrap();
    site.turn().unwrap();
    assert_eq!((made.anew.load(Ordering::Relaxed), made.restored.load(Ordering::Relaxed)), (1, 2));
    let (cards, _) = site.model_cards(&site::mind::CardQuery { limit: 10, ..site::mind::CardQuery::default() });
    assert_eq!((cards.len(), cards[0].samples), (1, 30), "{cards:?}");
    let wrong = MindSettings { false_alarms_a_month: 0.0, enabled: true };
    assert!(matches!(site.set_mind_settings(wrong), Err(SiteError::FalseAlarms(_))));
}

#[test]
fn a_stream_of_another_unit_begins_anew_and_what_people_set_is_not_watched() {
    let (bench, made) = bench();
    let site = bench.open();
    let model = |unit: &str| {
        format!(
            r#"{{"id":"m","kind":"k","title":"M","properties":{{"temperature":{{"type":"number","unit":"{unit}"}},
            "target":{{"type":"number","writable":true}}}}}}"#
        )
    };
    bench.say("things/room/model", &model("°C"));
    bench.say("things/room/properties/target", "21");
    say_many(&bench, "room", 5);
    site.turn().unwrap();
    assert_eq!((made.anew.load(Ordering::Relaxed), figure(&site, "mind_streams")), (1, 1.0));
    bench.say("things/room/model", &model("°F"));
    bench.pass(Duration::from_secs(10));
    site.turn().unwrap();
    bench.pass(Duration::from_secs(10));
    site.turn().unwrap();
    assert_eq!((made.anew.load(Ordering::Relaxed), figure(&site, "mind_streams_anew")), (2, 1.0));
}

#[test]
fn a_detector_that_panics_is_put_away_and_nobody_else_notices() {
    let (bench, _made) = bench();
    let site = bench.open();
    say_many(&bench, "good", 3);
    for _ in 0..5 {
        bench.say("things/bad/properties/temperature", "666");
        bench.pass(Duration::from_secs(1));
        site.turn().unwrap();
    }
    bench.say("things/bad/properties/temperature", "150");
    let spike = bench.say("things/good/properties/temperature", "150");
    site.turn().unwrap();
    assert_eq!(figure(&site, "mind_failures"), 3.0, "it was made anew, and then no more");
    let found = all(&site);
    assert_eq!((found.len(), found[0].thing.as_str()), (1, "good"));
    assert!(site.applied() >= spike);
}

#[test]
fn a_flood_is_folded_whole_and_what_the_mind_cannot_take_is_counted() {
    const VALUES: usize = 500;
    const WAITING: usize = 10_000;
    let (mut bench, _made) = bench();
    bench.options.mind.samples_max = WAITING;
    let site = bench.open();
    let messages = WAITING / VALUES + 20;
    bench.say("things/flood/properties/x", "1");
    site.turn().unwrap();
    let mut last = Position::START;
    for message in 0..messages {
        let reports: Vec<String> = (0..VALUES)
            .map(|number| format!(r#"{{"x":{},"time":{}}}"#, number % 50, 1_767_225_601 + message * VALUES + number))
            .collect();
        bench.pass(Duration::from_secs(VALUES as u64));
        last = bench.say("things/flood/properties", &format!("[{}]", reports.join(",")));
    }
    site.turn().unwrap();
    let (points, taken, dropped) =
        (figure(&site, "points"), figure(&site, "mind_samples"), figure(&site, "mind_samples_dropped"));
    let said = (messages * VALUES + 1) as f64;
    assert_eq!((points, taken + dropped), (said, said), "the fold took everything");
    assert!(dropped >= (20 * VALUES) as f64 && site.applied() >= last);
    let queue = site.queues().into_iter().find(|queue| queue.name == "samples for the mind").unwrap();
    assert_eq!((queue.dropped as f64, queue.length, queue.limit), (dropped, 0, WAITING as u64));
    assert_eq!(site.history_engine().list(Some(&id("flood")))[0].key.name, name("x"));
}
