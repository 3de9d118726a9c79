//! The life of a rule: written, shown on the past, tried in shadow, taken live in stages, taken back, asked why.

use std::sync::Arc;
use std::time::Duration;

use model::{CauseKind, CommandState, Space, SpaceId, SpaceKind, Value};
use rule::Outcome;
use site::rules::{BacktestAsked, Promotion, RuleGuard, RuleQuery, RuleStage, RuleState, TraceQuery};
use site::{RuleError, Site};

use crate::common::{Bench, LAMP, accept_all, id, kim, name};

pub(crate) const MOTION: &str = r#"{"id":"motion","kind":"motion_sensor","title":"Motion","properties":{
    "occupancy":{"type":"boolean","role":"primary"}}}"#;

pub(crate) const CLIMATE: &str = r#"{"id":"climate","kind":"sensor","title":"Climate","properties":{
    "humidity":{"type":"number","unit":"%","role":"primary"},"temperature":{"type":"number","unit":"°C"}}}"#;

pub(crate) const DOOR: &str = r#"{"id":"door","kind":"lock","title":"Door","properties":{
    "locked":{"type":"boolean","role":"primary"}},
    "actions":{"unlock":{"hold":true},"lock":{}},"events":{"rung":{}}}"#;

pub(crate) const COMES: &str = "rule: Light when somebody comes
# who comes in the dark needs light
triggers:
  - property: motion/occupancy
    to: true
conditions:
  - property: lamp/on
    is: false
actions:
  - set: lamp/on
    to: true
";

/// A home with a lamp, a sensor of motion, one of the climate, and a door.
pub(crate) fn home(bench: &Bench) -> Arc<Site> {
    let site = bench.open();
    for (thing, model) in [("lamp", LAMP), ("motion", MOTION), ("climate", CLIMATE), ("door", DOOR)] {
        bench.say(&format!("things/{thing}/model"), model);
    }
    bench.say("things/lamp/properties", r#"{"on": false, "level": 10, "power": 0.5}"#);
    bench.say("things/motion/properties/occupancy", "false");
    bench.say("things/climate/properties", r#"{"humidity": 50, "temperature": 20}"#);
    bench.say("things/door/properties/locked", "true");
    site.turn().unwrap();
    accept_all(&site);
    site
}

pub(crate) fn forced() -> Promotion {
    Promotion { force: true, ..Promotion::default() }
}

/// A rule that is live at once.
pub(crate) fn live(site: &Site, text: &str) -> String {
    let rule = site.add_rule(text, None, "kim").unwrap();
    site.promote_rule(&rule, forced(), "kim").unwrap_or_else(|error| panic!("{error}"));
    rule
}

/// The runs of a rule, the newest first.
pub(crate) fn runs(site: &Site, rule: &str) -> Vec<Arc<rule::Trace>> {
    site.rule_traces(rule, &TraceQuery { limit: 500, ..TraceQuery::default() }).unwrap().0
}

pub(crate) fn outcomes(site: &Site, rule: &str) -> Vec<Outcome> {
    runs(site, rule).iter().map(|trace| trace.summary.outcome).collect()
}

/// What a thing was sent, the newest first: the property or action, and its input.
pub(crate) fn sent(site: &Site, thing: &str) -> Vec<(String, Value)> {
    let commands = site.commands(&id(thing), None, 1_000);
    commands.into_iter().map(|row| (row.command.action.to_string(), row.command.input)).collect()
}

pub(crate) fn move_to(bench: &Bench, site: &Site, is_there: bool) {
    bench.say("things/motion/properties/occupancy", if is_there { "true" } else { "false" });
    site.turn().unwrap();
}

fn standing(site: &Site, rule: &str) -> (RuleState, Option<u64>, Option<u64>) {
    let summary = site.rule(rule).unwrap().summary;
    (summary.state, summary.live_version, summary.shadow_version)
}

#[test]
fn a_draft_is_checked_and_says_what_it_means_and_what_is_wrong() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    assert_eq!(rule, "light-when-somebody-comes");
    let detail = site.rule(&rule).unwrap();
    assert_eq!((detail.summary.state, detail.problem_list.len(), detail.text.as_str()), (RuleState::Draft, 0, COMES));
    assert!(detail.words.len() >= 3 && detail.graph.nodes.len() >= 3, "{detail:?}");
    assert_eq!(detail.summary.things, [id("lamp"), id("motion")], "what it commands comes first");

    let wrong = site.check_rule(&COMES.replace("lamp/on", "lamp/om"), None);
    let worst = wrong.problems.iter().find(|problem| problem.is_error()).unwrap();
    assert!(worst.line > 1 && worst.hint.as_ref().unwrap().contains("on"), "{worst:?}");
    let broken = site.add_rule("rule: [", Some("broken"), "kim").unwrap();
    assert!(site.rule(&broken).unwrap().summary.problems > 0, "what cannot be read is kept as a draft");
    assert!(matches!(site.promote_rule(&broken, forced(), "kim"), Err(RuleError::CannotRun { .. })));
    assert!(matches!(site.shadow_rule(&broken), Err(RuleError::CannotRun { .. })));

    let (found, next) = site.rules(&RuleQuery { thing: Some(id("motion")), limit: 10, ..RuleQuery::default() });
    assert_eq!((found.len(), next), (1, None));
    move_to(&bench, &site, true);
    assert!(sent(&site, "lamp").is_empty(), "a draft does nothing");
}

#[test]
fn tests_beside_a_rule_run_whenever_it_is_looked_at() {
    let bench = Bench::new();
    let site = home(&bench);
    let tested = format!(
        "{COMES}tests:
  - name: it comes on
    given: {{ lamp/on: false, motion/occupancy: false }}
    when:
      - set: {{ motion/occupancy: true }}
    then:
      - set: lamp/on
        to: true
  - name: nothing is done when it is on
    given: {{ lamp/on: true, motion/occupancy: false }}
    when:
      - set: {{ motion/occupancy: true }}
    then:
      - none: true
"
    );
    let passed = |text: &str| site.check_rule(text, None).tests.iter().map(|test| test.passed).collect::<Vec<bool>>();
    assert_eq!(passed(&tested), [true, true]);
    let off = tested.replacen("to: true\nconditions", "to: false\nconditions", 1);
    assert_eq!(passed(&off), [false, true], "the first expects what does not come");
}

#[test]
fn a_live_rule_commands_within_the_turn_of_its_record_and_says_why() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    bench.pass(Duration::from_mins(1));
    let record = bench.say("things/motion/properties/occupancy", "true");
    site.turn().unwrap();
    assert_eq!(sent(&site, "lamp"), [("on".to_owned(), Value::Boolean(true))]);
    let command = &site.commands(&id("lamp"), None, 1)[0].command;
    assert_eq!(
        (command.cause.kind, &*command.cause.id, command.cause.position),
        (CauseKind::Rule, &*rule, Some(record))
    );
    let run = site.rule_trace(command.cause.run.as_deref().unwrap()).unwrap();
    assert_eq!((run.summary.outcome, run.summary.began), (Outcome::Finished, model::Clock::now(&*bench.clock)));

    // The lamp answers, and why it is on leads over the rule to who moved.
    bench.say("things/lamp/properties/on", "true");
    site.turn().unwrap();
    assert_eq!(site.commands(&id("lamp"), None, 1)[0].command.state, CommandState::Finished);
    let on = site.thing(&id("lamp")).unwrap().properties[0].0.clone();
    let chain = site.entry(on.position).unwrap().unwrap().chain;
    let kinds: Vec<CauseKind> = chain.iter().map(|link| link.cause.kind).collect();
    assert_eq!(kinds, [CauseKind::Device, CauseKind::Rule, CauseKind::Device], "{chain:?}");

    // It is on already: kept from running, which is told and counts as no firing.
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(outcomes(&site, &rule), [Outcome::KeptFromRunning, Outcome::Finished]);
    let summary = site.rule(&rule).unwrap().summary;
    assert_eq!((summary.fired_day, summary.failed_day, summary.would_have_fired_day), (1, 0, 0));
    assert!(summary.last_fired.is_some());
}

#[test]
fn steps_that_go_out_together_keep_their_order_and_one_that_is_refused_keeps_none_back() {
    let bench = Bench::new();
    let site = home(&bench);
    let text = "rule: Evening
triggers:
  - property: motion/occupancy
    to: true
actions:
  - set: lamp/on
    to: true
  - action: door/lock
  - set: lamp/level
    to: 40
  - set: lamp/level
    to: 80
";
    let rule = live(&site, text);
    let ignored = twin::ThingEdit { status: Some(twin::ThingStatus::Ignored), ..twin::ThingEdit::default() };
    site.edit_thing(&id("door"), None, ignored).unwrap();
    move_to(&bench, &site, true);
    let set = |name: &str, value| (name.to_owned(), value);
    let on = set("on", Value::Boolean(true));
    assert_eq!(
        sent(&site, "lamp"),
        [set("level", Value::Float(80.0)), set("level", Value::Float(40.0)), on],
        "each went out, the newest first"
    );
    assert!(sent(&site, "door").is_empty());
    assert_eq!(outcomes(&site, &rule), [Outcome::Failed]);
    let run = runs(&site, &rule).remove(0);
    let failed: Vec<&str> = run.steps.iter().filter_map(|step| step.detail.as_deref()).collect();
    assert!(failed.iter().any(|detail| detail.contains("door")), "{failed:?}");
    let rows = site.commands(&id("lamp"), None, 10);
    let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
    assert!(positions.iter().all(Option::is_some) && positions.is_sorted_by(|a, b| a > b), "{positions:?}");
    assert_eq!(rows[1].command.state, CommandState::Failed, "80 came after 40");
}

#[test]
fn a_rule_in_shadow_writes_down_what_it_would_have_done_and_sends_nothing() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule =
        site.add_rule(&format!("{COMES}  - notify: {{ message: somebody came }}\n  - alarm: thief\n"), None, "kim");
    let rule = rule.unwrap();
    site.shadow_rule(&rule).unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Shadow, None, Some(1)));
    bench.pass(Duration::from_mins(1));
    move_to(&bench, &site, true);
    assert!(sent(&site, "lamp").is_empty());
    assert!(site.alarms(None).is_empty() && site.notifications(&site::rules::Reader::default(), None, 10).is_empty());
    let would = site.would_have(&rule, crate::common::START, model::Timestamp::MAX).unwrap();
    assert_eq!(would.len(), 1);
    assert_eq!((&would[0].thing, &would[0].name, &would[0].value), (&id("lamp"), &name("on"), &Value::Boolean(true)));
    assert!(runs(&site, &rule)[0].summary.shadow);
    let summary = site.rule(&rule).unwrap().summary;
    assert_eq!((summary.fired_day, summary.would_have_fired_day), (0, 1));
    // The records of the thing tell it too.
    let records = site.records(&id("lamp"), None, 10).unwrap().records;
    assert!(records.iter().any(|record| record.kind == model::RecordKind::Decision), "{records:?}");
}

#[test]
fn a_new_version_runs_in_shadow_beside_the_old_one_that_is_live() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    site.change_rule(
        &rule,
        &COMES.replace("- set: lamp/on\n    to: true", "- set: lamp/level\n    to: 80"),
        1,
        "kim",
        None,
    )
    .unwrap();
    site.shadow_rule(&rule).unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(1), Some(2)));
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp"), [("on".to_owned(), Value::Boolean(true))], "only what is live acts");
    let would = site.would_have(&rule, crate::common::START, model::Timestamp::MAX).unwrap();
    assert_eq!((would.len(), would[0].name.as_str(), would[0].version), (1, "level", 2));

    site.promote_rule(&rule, Promotion::default(), "kim").unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(2), None));
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp")[0], ("level".to_owned(), Value::Float(80.0)));
    assert_eq!(sent(&site, "lamp").len(), 2);
}

#[test]
fn nothing_goes_live_without_evidence_of_this_very_version() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    let promote = |run: Option<&str>| {
        let run = run.map(str::to_owned);
        site.promote_rule(&rule, Promotion { run, ..Promotion::default() }, "kim")
    };
    assert!(matches!(promote(None), Err(RuleError::NothingToShow { version: 1, .. })));
    bench.pass(Duration::from_hours(1));
    let card = site.backtest_rule(&rule, &BacktestAsked::default()).unwrap();
    let other =
        site.backtest_rule(&rule, &BacktestAsked { text: Some(COMES.replace("true", "false")), ..<_>::default() });
    let other = other.unwrap();
    assert_eq!((card.version, other.version), (Some(1), None));
    assert!(matches!(promote(Some(&other.run)), Err(RuleError::ShowsAnother { .. })), "another text shows nothing");
    assert!(matches!(promote(Some("backtest-0")), Err(RuleError::ShowsAnother { .. })));
    promote(Some(&card.run)).unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(1), None));

    site.change_rule(&rule, &format!("{COMES}# new\n"), 1, "kim", Some("a word")).unwrap();
    assert!(matches!(promote(None), Err(RuleError::NothingToShow { version: 2, .. })));
    assert!(matches!(promote(Some(&card.run)), Err(RuleError::ShowsAnother { .. })));
    assert!(matches!(site.change_rule(&rule, COMES, 1, "lee", None), Err(RuleError::Changed { found: 2, .. })));
    site.promote_rule(&rule, forced(), "kim").unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(2), None));
}

/// A day on which somebody comes every hour; the lamp goes on by hand every other time.
fn a_day(bench: &Bench, site: &Site) {
    for hour in 0..24 {
        bench.pass(Duration::from_mins(30));
        move_to(bench, site, true);
        if hour % 2 == 0 {
            bench.pass(Duration::from_secs(20));
            bench.say("things/lamp/properties", r#"{"on": true, "power": 10}"#);
            site.turn().unwrap();
        }
        bench.pass(Duration::from_mins(10));
        bench.say("things/lamp/properties", r#"{"on": false, "power": 0}"#);
        move_to(bench, site, false);
        bench.pass(Duration::from_mins(20));
        site.turn().unwrap();
    }
}

#[test]
fn a_backtest_shows_what_it_would_have_done_beside_what_happened() {
    let bench = Bench::new();
    let site = home(&bench);
    a_day(&bench, &site);
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    let card = site.backtest_rule(&rule, &BacktestAsked::default()).unwrap();
    assert_eq!((card.fired, card.failed, card.commands, card.kept_from_running), (24, 0, 24, 0), "{card:?}");
    assert_eq!((card.differences.same, card.differences.only_rule, card.differences.only_history), (12, 12, 0));
    assert_eq!(card.timeline.len(), 24);
    assert_eq!(card.per_day.iter().map(|day| day.commands).sum::<u64>(), 24);
    assert!(
        card.timeline.iter().all(|moment| moment.fired && moment.why.contains("occupancy")),
        "{:?}",
        card.timeline[0]
    );
    // Ten watts: twenty seconds more the first time, then every other time until somebody switches it an hour later, and
    // at last until the end.
    let more = card.energy_kilowatt_hours.unwrap();
    assert!((more - 0.01 * (20.0 + 11.0 * 3_620.0 + 1_800.0) / 3_600.0).abs() < 0.000_1, "{more}");
    assert!(card.shaped_by.is_none());
    assert!(sent(&site, "lamp").is_empty(), "the past is not commanded");

    site.promote_rule(&rule, Promotion::default(), "kim").unwrap();
    a_day(&bench, &site);
    let again = site.backtest_rule(&rule, &BacktestAsked::default()).unwrap();
    assert!(again.shaped_by.as_ref().unwrap().contains("version 1"), "{:?}", again.shaped_by);
    assert_eq!(site.backtests(&rule).unwrap().len(), 2);
    let future = BacktestAsked { to: Some(model::Timestamp::MAX), ..BacktestAsked::default() };
    assert!(matches!(site.backtest_rule(&rule, &future), Err(RuleError::Span)));
}

#[test]
fn a_stage_keeps_the_rest_of_the_things_in_shadow() {
    let bench = Bench::new();
    let site = home(&bench);
    let attic = Space::new(SpaceId::new("attic").unwrap(), None, SpaceKind::Room, "Attic");
    let attic = Space { parent: Some(site.spaces()[0].0.space.id.clone()), ..attic };
    site.add_space(attic.clone()).unwrap();
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    let stage = Some(RuleStage { spaces: vec![attic.id.clone()], share: 1.0 });
    site.promote_rule(&rule, Promotion { force: true, stage, ..Promotion::default() }, "kim").unwrap();
    move_to(&bench, &site, true);
    assert!(sent(&site, "lamp").is_empty(), "the lamp does not stand there");
    assert_eq!(site.would_have(&rule, crate::common::START, model::Timestamp::MAX).unwrap().len(), 1);
    let moved = twin::ThingEdit { space: Some(Some(attic.id)), ..twin::ThingEdit::default() };
    site.edit_thing(&id("lamp"), None, moved).unwrap();
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 1, "now it does");

    let none = Some(RuleStage { spaces: Vec::new(), share: 0.0 });
    let refused = site.promote_rule(&rule, Promotion { force: true, stage: none, ..Promotion::default() }, "kim");
    assert!(matches!(refused, Err(RuleError::Promotion { place: "stage.share", .. })));
    let gone = Some(RuleStage { spaces: vec![SpaceId::new("nowhere").unwrap()], share: 1.0 });
    assert!(site.promote_rule(&rule, Promotion { force: true, stage: gone, ..Promotion::default() }, "kim").is_err());
}

#[test]
fn a_guard_takes_a_version_back_and_the_one_before_is_live_again() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    site.change_rule(&rule, &format!("{COMES}  - set: lamp/level\n    to: 100\n"), 1, "kim", None).unwrap();
    let guard = RuleGuard {
        property: "climate/temperature".to_owned(),
        above: Some(25.0),
        below: None,
        hold: Some("5 min".to_owned()),
    };
    let promotion = Promotion { force: true, guard: Some(guard.clone()), ..Promotion::default() };
    site.promote_rule(&rule, promotion.clone(), "kim").unwrap();
    bench.say("things/climate/properties/temperature", "26");
    site.turn().unwrap();
    bench.pass(Duration::from_mins(4));
    site.turn().unwrap();
    assert_eq!(standing(&site, &rule).1, Some(2), "not for so long yet");
    bench.pass(Duration::from_mins(2));
    site.turn().unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(1), None));
    let told = site.notifications(&site::rules::Reader::default(), None, 10);
    assert!(
        told[0].title.contains("was taken back") && told[0].message.contains("version 1 is live again"),
        "{told:?}"
    );

    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 1, "the version before acts");
    // With nothing before, it is off.
    let other = site.add_rule(&COMES.replace("rule: Light", "rule: Lamp"), None, "kim").unwrap();
    site.promote_rule(&other, Promotion { guard: Some(RuleGuard { hold: None, ..guard }), ..promotion }, "kim")
        .unwrap();
    site.turn().unwrap();
    assert_eq!(standing(&site, &other), (RuleState::Off, None, None), "it was out of bounds already");
}

#[test]
fn going_back_is_a_version_too_and_live_at_once_when_it_was_shown() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    let other = COMES.replace("is: false", "is: true");
    site.change_rule(&rule, &other, 1, "lee", Some("the other way round")).unwrap();
    site.promote_rule(&rule, forced(), "lee").unwrap();
    bench.pass(Duration::from_secs(1));
    site.revert_rule(&rule, 1, "kim").unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(3), None));
    assert_eq!(site.rule(&rule).unwrap().text, COMES, "comments and all");
    let versions = site.rule_versions(&rule).unwrap();
    let told: Vec<(u64, &str, Option<&str>, bool)> = versions
        .iter()
        .map(|version| (version.version, &*version.by, version.note.as_deref(), version.live_to.is_none()))
        .collect();
    assert_eq!(
        told,
        [
            (3, "kim", Some("as version 1"), true),
            (2, "lee", Some("the other way round"), false),
            (1, "kim", None, false)
        ]
    );
    assert!(matches!(site.revert_rule(&rule, 9, "kim"), Err(RuleError::UnknownVersion { version: 9, .. })));
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 1);

    // Off is off, and what was shown before may go live again without more ado.
    site.switch_off_rule(&rule).unwrap();
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!((sent(&site, "lamp").len(), standing(&site, &rule).0), (1, RuleState::Off));
    site.remove_rule(&rule).unwrap();
    assert!(matches!(site.rule(&rule), Err(RuleError::UnknownRule(_))));
    assert!(site.rule_traces(&rule, &TraceQuery::default()).is_err());
}

#[test]
fn the_text_of_a_version_that_was_shown_needs_no_new_evidence() {
    let bench = Bench::new();
    let site = home(&bench);
    bench.pass(Duration::from_hours(1));
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    site.backtest_rule(&rule, &BacktestAsked::default()).unwrap();
    site.change_rule(&rule, &format!("{COMES}# worse\n"), 1, "kim", None).unwrap();
    site.revert_rule(&rule, 1, "kim").unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Draft, None, None), "what was not live does not become live");
    site.promote_rule(&rule, Promotion::default(), "kim").unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(3), None));
}

#[test]
fn why_it_did_not_run_is_answered_now_and_for_the_past_with_distances() {
    let bench = Bench::new();
    let site = home(&bench);
    let text = "rule: Fan when it is damp
triggers:
  - property: climate/humidity
    above: 70
    for: 5 min
conditions:
  - property: climate/temperature
    above: 18
actions:
  - set: lamp/on
    to: true
";
    let rule = live(&site, text);
    bench.pass(Duration::from_mins(1));
    bench.say("things/climate/properties/humidity", "64");
    site.turn().unwrap();
    bench.pass(Duration::from_secs(1));
    let far = model::Clock::now(&*bench.clock);
    let why = site.why_not(&rule, None).unwrap();
    let trigger = &why.triggers[0];
    assert!(!trigger.fired && trigger.near > 0.5 && trigger.near < 1.0, "{why:?}");
    assert!(trigger.off_by.as_ref().unwrap().contains('6') && why.conditions[0].held, "{why:?}");

    bench.pass(Duration::from_hours(2));
    bench.say("things/climate/properties", r#"{"humidity": 80, "temperature": 15}"#);
    site.turn().unwrap();
    bench.pass(Duration::from_mins(2));
    let why = site.why_not(&rule, None).unwrap();
    assert!(why.triggers[0].off_by.as_ref().unwrap().contains("2 min of 5 min"), "{why:?}");
    assert!(!why.conditions[0].held && why.conditions[0].off_by.as_ref().unwrap().contains('3'), "{why:?}");

    let then = site.why_not(&rule, Some(far)).unwrap();
    assert!(then.triggers[0].off_by.as_ref().unwrap().contains("64"), "{then:?}");
    assert!(then.conditions[0].held, "{then:?}");
    // Whoever asks about now with a clock that is a little ahead means now.
    let ahead = model::Clock::now(&*bench.clock) + Duration::from_secs(30);
    assert!(site.why_not(&rule, Some(ahead)).unwrap().triggers[0].off_by.as_ref().unwrap().contains("of 5 min"));
    // A draft can be asked as well.
    let draft = site.add_rule(&text.replace("Fan", "Vent"), None, "kim").unwrap();
    assert!(site.why_not(&draft, None).unwrap().triggers[0].off_by.is_some());
}

#[test]
fn rules_of_home_assistant_become_drafts_with_what_was_left_out() {
    let bench = Bench::new();
    let site = home(&bench);
    let text = "- alias: Lamp by motion
  triggers:
    - trigger: state
      entity_id: binary_sensor.motion
      to: 'on'
  actions:
    - action: light.turn_on
      target: { entity_id: light.lamp }
- alias: Something else
  triggers:
    - trigger: mqtt
      topic: a/b
  actions:
    - action: light.turn_off
      target: { entity_id: light.lamp }
";
    let looked = site.import_rules("home_assistant", text, false, "kim").unwrap();
    assert_eq!((looked.rules, site.rules(&RuleQuery { limit: 9, ..<_>::default() }).0.len()), (2, 0), "{looked:?}");
    let imported = site.import_rules("home_assistant", text, true, "kim").unwrap();
    let first = imported.items[0].id.clone().unwrap();
    let detail = site.rule(&first).unwrap();
    assert_eq!(
        (detail.summary.state, detail.summary.problems),
        (RuleState::Draft, 0),
        "{}\n{:?}",
        detail.text,
        detail.problem_list
    );
    site.promote_rule(&first, forced(), "kim").unwrap();
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp"), [("on".to_owned(), Value::Boolean(true))], "it works as it did there");
    let second = imported.items[1].id.clone().unwrap();
    assert!(!imported.items[1].guessed.is_empty(), "{:?}", imported.items[1]);
    assert!(
        matches!(site.promote_rule(&second, forced(), "kim"), Err(RuleError::CannotRun { .. })),
        "no thing is called a"
    );
    assert!(matches!(site.import_rules("openhab", text, true, "kim"), Err(RuleError::UnknownFormat(_))));
    assert!(site.import_rules("home_assistant", "[", true, "kim").is_err());
}

#[test]
fn everything_survives_a_restart() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    let shadowed = site.add_rule(&COMES.replace("Light", "Lamp"), None, "kim").unwrap();
    site.shadow_rule(&shadowed).unwrap();
    move_to(&bench, &site, true);
    let before = runs(&site, &rule);
    site.checkpoint().unwrap();
    drop(site);
    bench.pass(Duration::from_mins(1));
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(standing(&site, &rule), (RuleState::Live, Some(1), None));
    assert_eq!(standing(&site, &shadowed), (RuleState::Shadow, None, Some(1)));
    assert_eq!((runs(&site, &rule), sent(&site, "lamp").len()), (before, 1), "what was done is not done again");
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 2);
    assert_eq!(site.write(&kim(), &id("lamp"), vec![(name("on"), Value::Boolean(false))]).unwrap().len(), 1);
}
