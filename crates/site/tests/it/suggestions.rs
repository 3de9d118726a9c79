//! Habits: from what people do by hand to a rule that they took, and back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use learn::habit::home::{Chance, made_up};
use model::{Cause, CauseKind, Clock, Position, Timestamp, Value};
use rule::Place;
use site::rules::{RuleState, Suggestion, SuggestionState};
use site::{Asked, RuleError, Site};
use store::history::{Batch, SeriesKey};

use crate::common::{Bench, LAMP, START, accept_all, id, kim, name};

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

fn switch(thing: &str, property: &str, writable: bool) -> String {
    format!(
        r#"{{"id":"{thing}","kind":"switch","title":"{thing}","properties":{{"{property}":{{"type":"boolean","writable":{writable}}}}}}}"#
    )
}

/// Points of a switch, in any order of things, as its history.
fn tell(site: &Site, thing: &str, property: &str, points: &[(Timestamp, bool)]) {
    let history = site.history_engine();
    let series = history.series(&SeriesKey { thing: id(thing), name: name(property) }).unwrap();
    let points = points.iter().map(|(time, on)| (series, *time, Value::Boolean(*on))).collect();
    history.append(&Batch { points }, Position::START).unwrap();
}

/// A home that was made up, with its history: what somebody switches does not stay so for ever.
fn home(bench: &Bench, seed: u64, days: i64) -> (Arc<Site>, BTreeSet<String>) {
    let home = made_up(seed, days);
    let site = bench.open();
    for lamp in 0..10 {
        bench.say(&format!("things/lamp-{lamp}/model"), &switch(&format!("lamp-{lamp}"), "on", true));
    }
    for sensor in 0..6 {
        bench.say(&format!("things/sensor-{sensor}/model"), &switch(&format!("sensor-{sensor}"), "seen", false));
    }
    site.turn().unwrap();
    accept_all(&site);
    // The history takes nothing of the future.
    bench.pass(DAY * days as u32);
    let mut chance = Chance::new(seed ^ 0xabcd);
    for lamp in 0..10 {
        let thing = id(&format!("lamp-{lamp}"));
        let acts: Vec<_> = home.acts.iter().filter(|act| act.thing == thing).collect();
        let mut points = vec![(START, false)];
        for (at, act) in acts.iter().enumerate() {
            let on = act.value == Value::Boolean(true);
            // It was the other way round before, since some time after the last act.
            if points.last().is_some_and(|(_, was)| *was == on) {
                let earliest = points.last().map_or(START, |(time, _)| *time);
                let gap = act.time.since(earliest);
                points.push((earliest + gap.mul_f64(0.1 + 0.8 * chance.unit()), !on));
            }
            points.push((act.time, on));
            assert!(at == 0 || act.time >= acts[at - 1].time);
        }
        tell(&site, thing.as_str(), "on", &points);
    }
    for sensor in 0..6 {
        let thing = id(&format!("sensor-{sensor}"));
        let mut points = vec![(START, false)];
        for seen in home.happenings.iter().filter(|seen| seen.thing == thing) {
            points.extend([(seen.time, true), (seen.time + Duration::from_secs(2), false)]);
        }
        tell(&site, thing.as_str(), "seen", &points);
    }
    let planted =
        home.planted.iter().map(|planted| format!("set: {}/on\n    to: {}", planted.act.thing, planted.act.value));
    (site, planted.collect())
}

fn at_place(bench: &mut Bench) {
    // About where the sun of the homes that are made up goes.
    bench.options.place = Place::new("UTC", Some((50.0, -7.5))).unwrap();
}

#[test]
fn routines_of_homes_that_were_made_up_become_suggestions_and_nothing_else_happens() {
    let (mut planted_all, mut found, mut proposed, mut right) = (0, 0, 0, 0);
    for seed in 1..=2 {
        let mut bench = Bench::new();
        at_place(&mut bench);
        let (site, planted) = home(&bench, seed, 42);
        let looked = site.look_for_habits().unwrap();
        let (suggestions, kept) = site.suggestions();
        assert_eq!((kept.as_ref(), looked.suggested), (Some(&looked), suggestions.len()));
        planted_all += planted.len();
        let says = |suggestion: &Suggestion, act: &String| suggestion.text.contains(act.as_str());
        found += planted.iter().filter(|act| suggestions.iter().any(|one| says(one, act))).count();
        proposed += suggestions.len();
        right += suggestions.iter().filter(|one| planted.iter().any(|act| says(one, act))).count();
        for one in &suggestions {
            assert_eq!((one.state, &one.rule), (SuggestionState::New, &None));
            assert!(one.evidence.support >= 8 && one.evidence.precision >= 0.6, "{:?}", one.evidence);
            let past = one.backtest.as_ref().expect("each has its thirty days");
            assert!(past.fired > 0 && past.differences.same > 0, "{}: {past:?}", one.title);
            assert_eq!(site.check_rule(&one.text, None).problems.iter().filter(|one| one.is_error()).count(), 0);
        }
        assert!(
            site.rules(&site::rules::RuleQuery { limit: 10, ..Default::default() }).0.is_empty(),
            "no rule is made unasked"
        );
        assert_eq!(bench.out.retained_topics(), Vec::<String>::new(), "nothing was commanded");
        // Looking again finds the same and suggests nothing twice.
        let again = site.look_for_habits().unwrap();
        assert_eq!((again.suggested, site.suggestions().0.len()), (0, suggestions.len()));
    }
    let (precision, recall) = (right as f64 / proposed as f64, found as f64 / planted_all as f64);
    assert!(precision >= 0.8 && recall >= 0.5, "{right} of {proposed} right, {found} of {planted_all} found");
}

fn lamp(bench: &Bench) -> Arc<Site> {
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": false, "level": 10, "power": 0.5}"#);
    site.turn().unwrap();
    accept_all(&site);
    site
}

/// Lets time pass, minute by minute about seven in the evening, when rules of habits have to be awake.
fn live(bench: &Bench, site: &Site, time: Duration) {
    let end = bench.clock.now() + time;
    loop {
        let now = bench.clock.now();
        if now >= end {
            break;
        }
        let of_day = Duration::from_micros(now.micros().rem_euclid(86_400_000_000) as u64);
        let (from, to) = (MINUTE * (18 * 60 + 50), MINUTE * (19 * 60 + 30));
        let step = match of_day {
            of_day if of_day < from => from.saturating_sub(of_day),
            of_day if of_day < to => MINUTE,
            of_day => DAY.saturating_sub(of_day),
        };
        bench.pass(step.min(end.since(now)));
        site.turn().unwrap();
    }
}

/// Days on which the lamp is commanded on at about seven in the evening, and goes off by hand at any time of the night.
fn evenings(bench: &Bench, site: &Site, asked: &Asked, days: u32, chance: &mut Chance) {
    for _ in 0..days {
        let midnight = bench.clock.now();
        live(bench, site, Duration::from_hours(19) + MINUTE.mul_f64(12.0 * chance.unit()));
        site.write(asked, &id("lamp"), vec![(name("on"), Value::Boolean(true))]).unwrap();
        bench.pass(Duration::from_secs(1));
        bench.say("things/lamp/properties", r#"{"on": true}"#);
        site.turn().unwrap();
        live(bench, site, MINUTE.mul_f64(20.0 + 200.0 * chance.unit()));
        bench.say("things/lamp/properties", r#"{"on": false}"#);
        site.turn().unwrap();
        let passed = bench.clock.now().since(midnight);
        live(bench, site, DAY.saturating_sub(passed));
    }
    site.turn().unwrap();
}

fn on_at_seven(site: &Site) -> Option<Suggestion> {
    site.suggestions().0.into_iter().find(|one| one.text.contains("set: lamp/on\n    to: true"))
}

#[test]
fn what_rules_and_timers_do_is_no_habit_of_people() {
    let by_rule = Asked { cause: Cause::new(CauseKind::Rule, "evening"), timeout: None };
    for (asked, is_habit) in [(by_rule, false), (kim(), true)] {
        let bench = Bench::new();
        let site = lamp(&bench);
        evenings(&bench, &site, &asked, 30, &mut Chance::new(7));
        // A restart forgets nobody.
        drop(site);
        let site = bench.open();
        site.turn().unwrap();
        site.look_for_habits().unwrap();
        assert_eq!(on_at_seven(&site).is_some(), is_habit, "{:?}", asked.cause);
    }
    // A switch with a timer of its own is on time to the second.
    let bench = Bench::new();
    let site = lamp(&bench);
    let days = (0..40_u32).map(|day| START + DAY * day);
    let mut chance = Chance::new(3);
    let points: Vec<(Timestamp, bool)> = days
        .flat_map(|day| {
            let off = day + Duration::from_hours(20) + MINUTE.mul_f64(180.0 * chance.unit());
            [(day + Duration::from_hours(18), true), (off, false)]
        })
        .collect();
    bench.pass(DAY * 40);
    tell(&site, "lamp", "on", &points);
    let looked = site.look_for_habits().unwrap();
    assert!(looked.acts >= 78 && on_at_seven(&site).is_none(), "{looked:?}");
}

/// A habit of thirty evenings, suggested.
fn suggested(bench: &Bench) -> (Arc<Site>, Suggestion, Chance) {
    let site = lamp(bench);
    let mut chance = Chance::new(11);
    evenings(bench, &site, &kim(), 30, &mut chance);
    site.look_for_habits().unwrap();
    let suggestion = on_at_seven(&site).expect("thirty evenings are a habit");
    (site, suggestion, chance)
}

#[test]
fn a_suggestion_runs_in_shadow_for_a_week_then_somebody_is_asked_and_only_then_it_goes_live() {
    let bench = Bench::new();
    let (site, suggestion, mut chance) = suggested(&bench);
    assert!(
        suggestion.title.contains("Lamp on at 19:") && suggestion.evidence.words.contains("of 30 days"),
        "{suggestion:?}"
    );
    let told = |site: &Site| site.notifications(&site::rules::Reader::default(), None, 100);
    assert_eq!(told(&site).len(), 1, "it is said once that a habit was noticed");

    let shadowed = site.shadow_suggestion(&suggestion.id, "kim").unwrap();
    let rule = shadowed.rule.clone().unwrap();
    assert_eq!((shadowed.state, site.rule(&rule).unwrap().summary.state), (SuggestionState::Shadow, RuleState::Shadow));
    assert_eq!(site.shadow_suggestion(&suggestion.id, "kim").unwrap().rule, Some(rule.clone()), "once");
    let commands = site.commands(&id("lamp"), None, 1_000).len();
    evenings(&bench, &site, &kim(), 6, &mut chance);
    site.look_after_suggestions().unwrap();
    assert_eq!(told(&site).len(), 1, "the week is not over");
    evenings(&bench, &site, &kim(), 2, &mut chance);
    site.look_after_suggestions().unwrap();
    site.look_after_suggestions().unwrap();
    let asked = told(&site);
    assert_eq!(asked.len(), 2, "it is asked once: {asked:?}");
    assert!(
        asked[0].title.starts_with("Shall this go live?") && asked[0].message.contains("8 of 8 times"),
        "{asked:?}"
    );
    let by_rule = |site: &Site| {
        let all = site.commands(&id("lamp"), None, 1_000);
        all.iter().filter(|row| row.command.cause.kind == CauseKind::Rule).count()
    };
    assert_eq!(by_rule(&site), 0, "nothing was done unasked");
    assert!(site.commands(&id("lamp"), None, 1_000).len() >= commands.min(32));

    // All of it is still so after a restart.
    drop(site);
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(site.suggestions().0.iter().find(|one| one.id == suggestion.id).unwrap().state, SuggestionState::Shadow);
    let accepted = site.accept_suggestion(&suggestion.id, "kim").unwrap();
    assert_eq!((accepted.state, site.rule(&rule).unwrap().summary.state), (SuggestionState::Accepted, RuleState::Live));
    live(&bench, &site, Duration::from_hours(20));
    assert_eq!(by_rule(&site), 1, "now it does it by itself");
    assert!(matches!(site.dismiss_suggestion(&suggestion.id), Err(RuleError::Decided { .. })));
}

#[test]
fn what_was_dismissed_is_not_suggested_again_and_what_was_accepted_begins_in_shadow() {
    let bench = Bench::new();
    let (site, suggestion, mut chance) = suggested(&bench);
    assert!(matches!(site.accept_suggestion("none", "kim"), Err(RuleError::UnknownSuggestion(_))));
    site.dismiss_suggestion(&suggestion.id).unwrap();
    evenings(&bench, &site, &kim(), 10, &mut chance);
    site.look_for_habits().unwrap();
    let on = |one: &&Suggestion| one.text.contains("to: true");
    assert_eq!(site.suggestions().0.iter().filter(on).count(), 1, "{:?}", site.suggestions().0);
    assert_eq!(on_at_seven(&site).unwrap().state, SuggestionState::Dismissed);

    let bench = Bench::new();
    let (site, suggestion, _) = suggested(&bench);
    let accepted = site.accept_suggestion(&suggestion.id, "kim").unwrap();
    let rule = site.rule(accepted.rule.as_deref().unwrap()).unwrap();
    assert_eq!((accepted.state, rule.summary.state), (SuggestionState::Accepted, RuleState::Shadow));
    assert_eq!(site.backtests(&rule.summary.id).unwrap().len(), 1, "with something to show for it");
    site.promote_rule(&rule.summary.id, site::rules::Promotion::default(), "kim").unwrap();
}

#[test]
fn what_people_undo_again_and_again_is_retired_and_that_is_said() {
    let bench = Bench::new();
    let (site, suggestion, _) = suggested(&bench);
    let rule = site.accept_suggestion(&suggestion.id, "kim").unwrap().rule.unwrap();
    site.promote_rule(&rule, site::rules::Promotion::default(), "kim").unwrap();
    for day in 0..6 {
        assert_eq!(site.rule(&rule).unwrap().summary.state, RuleState::Live, "day {day}");
        live(&bench, &site, Duration::from_hours(19) + MINUTE * 11);
        bench.say("things/lamp/properties", r#"{"on": true}"#);
        site.turn().unwrap();
        live(&bench, &site, Duration::from_secs(20));
        // Somebody does not want it.
        bench.say("things/lamp/properties", r#"{"on": false}"#);
        site.turn().unwrap();
        live(&bench, &site, Duration::from_secs(5 * 3_600 - 11 * 60 - 20));
        if day < 3 {
            site.look_after_suggestions().unwrap();
        }
    }
    site.look_after_suggestions().unwrap();
    let retired = on_at_seven(&site).unwrap();
    assert_eq!((retired.state, site.rule(&rule).unwrap().summary.state), (SuggestionState::Dismissed, RuleState::Off));
    assert!(retired.note.as_ref().unwrap().starts_with("Retired: "), "{:?}", retired.note);
    let told = site.notifications(&site::rules::Reader::default(), None, 10);
    assert!(told[0].title.ends_with("was retired"), "{told:?}");
}

#[test]
fn a_shadow_that_nobody_follows_is_retired() {
    let bench = Bench::new();
    let (site, suggestion, _) = suggested(&bench);
    site.shadow_suggestion(&suggestion.id, "kim").unwrap();
    live(&bench, &site, DAY * 6);
    site.look_after_suggestions().unwrap();
    assert_eq!(on_at_seven(&site).unwrap().state, SuggestionState::Dismissed);
}

/// The family of the demo home switches lamps by hand; three weeks of it lead to suggestions that are worth a look.
#[test]
fn weeks_of_the_demo_home_lead_to_a_suggestion() {
    let mut bench = Bench::new();
    bench.options.place = Place::new("UTC", Some((41.0, 0.0))).unwrap();
    let site = bench.open();
    let world::DemoHome { spaces, things, mut world } = world::home(7, START);
    for space in spaces.into_iter().filter(|space| space.parent.is_some()) {
        site.add_space(model::Space { parent: None, ..space }).ok();
    }
    for thing in things {
        let model = Some((*thing.model).clone());
        let (id, title, tags, origin) = (thing.id, Some(thing.title), Vec::new(), <_>::default());
        site.create_thing(site::NewThing { id, title, model, space: None, location: None, tags, origin }).unwrap();
    }
    bench.pass(DAY * 21);
    let history = site.history_engine();
    world::backfill(&mut world, START + DAY * 21, |batch| {
        let told = batch.points.iter().filter(|point| point.kind != model::RecordKind::Presence);
        // Numbers are no switches: leaving them out makes this quick.
        let told = told.filter(|point| !matches!(point.value, Value::Integer(_) | Value::Float(_)));
        let points = told.map(|point| {
            let key = SeriesKey { thing: point.thing.clone(), name: point.name.clone() };
            (history.series(&key).unwrap(), point.time, point.value.clone())
        });
        history.append(&Batch { points: points.collect() }, Position::START)
    })
    .unwrap();
    let looked = site.look_for_habits().unwrap();
    let suggestions = site.suggestions().0;
    let said: Vec<String> = suggestions.iter().map(|one| format!("{}: {}", one.title, one.evidence.words)).collect();
    assert!(looked.acts > 100 && !suggestions.is_empty(), "{looked:?}");
    assert!(said.iter().any(|one| one.starts_with("Kitchen light on at 06:")), "{said:#?}");
    for one in &suggestions {
        let past = one.backtest.as_ref().unwrap();
        assert!(one.text.contains("set: light-") && past.fired > 0, "{one:#?}");
    }
}
