//! What rules tell people: alarms through their life, scenes, notifications and who may read them.

use std::time::Duration;

use model::{Clock, Name, Value};
use rule::Outcome;
use rule::effect::AlarmSeverity;
use site::RuleError;
use site::rules::{
    AlarmState, ESCALATIONS_MAX, NOTIFICATIONS_PER_MINUTE_MAX, OVER_AFTER, Reader, SHELVED_MAX, SceneSet,
};

use crate::common::{Bench, id, kim};
use crate::rules::{home, live, move_to, outcomes, runs, sent};

const FLOOD: &str = "rule: Flood
triggers:
  - property: motion/occupancy
    to: true
actions:
  - alarm: { name: flood, severity: alarm, message: \"humidity is ${ value('climate/humidity') } %\" }
";

fn told(site: &site::Site) -> Vec<String> {
    site.notifications(&Reader::default(), None, 500).into_iter().map(|one| one.title).collect()
}

/// Once more, a minute later.
fn again(bench: &Bench, site: &site::Site) {
    bench.pass(Duration::from_mins(1));
    move_to(bench, site, false);
    move_to(bench, site, true);
}

#[test]
fn an_alarm_is_one_however_often_it_is_raised_until_somebody_looks_after_it() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, FLOOD);
    move_to(&bench, &site, true);
    again(&bench, &site);
    let alarms = site.alarms(Some(AlarmState::Active));
    assert_eq!((alarms.len(), alarms[0].count, alarms[0].severity), (1, 2, AlarmSeverity::Alarm));
    assert_eq!(
        (&*alarms[0].message, &*alarms[0].rule, alarms[0].thing.as_ref()),
        ("humidity is 50 %", &*rule, Some(&id("motion")))
    );
    assert_eq!(told(&site), ["flood"], "people hear of it once");

    let alarm = &alarms[0].id;
    let seen = site.acknowledge_alarm(alarm, "kim", Some("on my way")).unwrap();
    assert_eq!(
        (seen.state, seen.acknowledged_by.as_deref(), seen.note.as_deref()),
        (AlarmState::Acknowledged, Some("kim"), Some("on my way"))
    );
    bench.pass(OVER_AFTER.saturating_sub(Duration::from_mins(5)));
    site.turn().unwrap();
    again(&bench, &site);
    assert_eq!(site.alarm(alarm).unwrap().count, 3, "it goes on");
    bench.pass(OVER_AFTER);
    site.turn().unwrap();
    assert_eq!(site.alarm(alarm).unwrap().state, AlarmState::Over);
    assert!(matches!(site.acknowledge_alarm(alarm, "kim", None), Err(RuleError::AlarmOver(_))));
    again(&bench, &site);
    assert_eq!((site.alarms(None).len(), told(&site).len()), (2, 2), "it comes again as a new one");
}

#[test]
fn nobody_who_looks_is_told_again_at_growing_distances() {
    let bench = Bench::new();
    let site = home(&bench);
    live(&site, FLOOD);
    move_to(&bench, &site, true);
    let minutes: Vec<usize> = (0..24 * 60)
        .filter(|_| {
            let before = told(&site).len();
            bench.pass(Duration::from_mins(1));
            site.turn().unwrap();
            told(&site).len() > before
        })
        .map(|minute| minute + 1)
        .collect();
    assert_eq!(minutes, [10, 30, 70, 150]);
    assert_eq!(site.alarms(None)[0].escalated, ESCALATIONS_MAX);
    assert!(told(&site)[0].contains("still not looked after"));
}

#[test]
fn a_shelved_alarm_is_quiet_until_its_time_over_a_restart() {
    let bench = Bench::new();
    let site = home(&bench);
    live(&site, FLOOD);
    move_to(&bench, &site, true);
    let alarm = site.alarms(None)[0].id.clone();
    let now = bench.clock.now();
    assert!(matches!(site.shelve_alarm(&alarm, now), Err(RuleError::ShelvedFor)));
    assert!(matches!(
        site.shelve_alarm(&alarm, now + SHELVED_MAX + Duration::from_secs(1)),
        Err(RuleError::ShelvedFor)
    ));
    site.shelve_alarm(&alarm, now + Duration::from_hours(2)).unwrap();
    bench.pass(Duration::from_hours(1));
    site.turn().unwrap();
    assert_eq!((site.alarm(&alarm).unwrap().state, told(&site).len()), (AlarmState::Shelved, 1));
    drop(site);
    let site = bench.open();
    bench.pass(Duration::from_hours(1));
    site.turn().unwrap();
    assert_eq!(site.alarm(&alarm).unwrap().state, AlarmState::Active);
    site.shelve_alarm(&alarm, bench.clock.now() + Duration::from_hours(1)).unwrap();
    assert_eq!(site.unshelve_alarm(&alarm).unwrap().state, AlarmState::Active);
}

#[test]
fn an_alarm_and_what_people_said_about_it_survive_a_crash_at_any_moment() {
    let bench = Bench::new();
    let site = home(&bench);
    live(&site, FLOOD);
    move_to(&bench, &site, true);
    let alarm = site.alarms(None)[0].id.clone();
    drop(site);
    let site = bench.open();
    assert_eq!((site.alarm(&alarm).unwrap().state, told(&site).len()), (AlarmState::Active, 1));
    site.turn().unwrap();
    assert_eq!((site.alarms(None).len(), told(&site).len()), (1, 1), "and it is not raised a second time");
    site.acknowledge_alarm(&alarm, "kim", None).unwrap();
    drop(site);
    assert_eq!(bench.open().alarm(&alarm).unwrap().state, AlarmState::Acknowledged);
}

fn evening() -> Vec<SceneSet> {
    let set =
        |thing: &str, name: &str, value: Value| SceneSet { thing: id(thing), name: Name::new(name).unwrap(), value };
    vec![
        set("lamp", "on", Value::Boolean(true)),
        set("lamp", "level", Value::Integer(30)),
        set("gone", "on", Value::Boolean(true)),
    ]
}

#[test]
fn a_scene_sets_what_can_be_set_by_hand_and_by_a_rule() {
    let bench = Bench::new();
    let site = home(&bench);
    let scene = site.add_scene(None, "Evening light", evening()).unwrap();
    assert_eq!(scene.id, "evening-light");
    let results = site.apply_scene(&kim(), &scene.id).unwrap();
    let done: Vec<bool> = results.iter().map(|result| result.command.is_some() && result.problem.is_none()).collect();
    assert_eq!(done, [true, true, false]);
    assert!(results[2].problem.as_ref().unwrap().contains("gone"));
    assert_eq!(sent(&site, "lamp").len(), 2);
    assert!(matches!(site.add_scene(None, "x", Vec::new()), Err(RuleError::NothingToSet)));
    assert!(matches!(site.add_scene(Some("evening-light"), "x", evening()), Err(RuleError::Taken(_))));

    let rule = live(
        &site,
        "rule: Comes\ntriggers:\n  - property: motion/occupancy\n    to: true\nactions:\n  - scene: Evening light\n",
    );
    assert!(site.rule(&rule).unwrap().problem_list.is_empty());
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 4);
    assert_eq!(outcomes(&site, &rule), [Outcome::Failed], "a thing of the scene is not there, which is told");
    let run = site.rule_trace(&runs(&site, &rule)[0].summary.id).unwrap();
    assert!(run.steps.iter().any(|step| step.detail.as_ref().is_some_and(|detail| detail.contains("gone"))), "{run:?}");

    site.change_scene(&scene.id, "Evening", evening()[..1].to_vec()).unwrap();
    assert!(site.rule(&rule).unwrap().problem_list.iter().any(|problem| problem.message.contains("Evening light")));
    site.remove_scene(&scene.id).unwrap();
    assert!(site.scenes().is_empty());
}

#[test]
fn notifications_reach_whom_they_are_for_and_are_read_by_each() {
    let bench = Bench::new();
    let site = home(&bench);
    live(
        &site,
        "rule: Comes\ntriggers:\n  - property: motion/occupancy\n    to: true\nactions:
  - notify: { title: Somebody, message: \"it is ${ value('climate/temperature') } degrees\", to: [owner] }
  - notify: everybody\n",
    );
    move_to(&bench, &site, true);
    let reader =
        |id: &str, role: &str| Reader { id: id.to_owned(), called: Some(vec![id.to_owned(), role.to_owned()]) };
    let (kim, lee) = (reader("kim", "owner"), reader("lee", "viewer"));
    let read =
        |reader: &Reader| site.notifications(reader, None, 10).into_iter().map(|one| one.message).collect::<Vec<_>>();
    assert_eq!(read(&kim), ["everybody", "it is 20 degrees"]);
    assert_eq!(read(&lee), ["everybody"]);
    let ids: Vec<String> = site.notifications(&kim, None, 10).into_iter().map(|one| one.id).collect();
    assert_eq!(site.read_notifications(&lee, &ids).unwrap(), 1, "what is not for lee stays unread");
    assert_eq!((site.notifications_unread(&kim), site.notifications_unread(&lee)), (2, 0));
}

#[test]
fn a_rule_that_floods_people_is_stopped_and_says_so() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(
        &site,
        "rule: Chatter\ntriggers:\n  - property: motion/occupancy\n    to: true\nactions:
  - repeat:\n      times: 50\n      do:\n        - notify: again\n",
    );
    move_to(&bench, &site, true);
    assert_eq!(told(&site).len(), NOTIFICATIONS_PER_MINUTE_MAX as usize);
    let run = runs(&site, &rule).remove(0);
    assert_eq!(run.summary.outcome, Outcome::Failed);
    let says = |step: &rule::Step| {
        step.detail.as_ref().is_some_and(|detail| detail.contains("notifications of one rule in a minute"))
    };
    assert!(run.steps.iter().any(says));
    bench.pass(Duration::from_mins(1));
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(told(&site).len(), 2 * NOTIFICATIONS_PER_MINUTE_MAX as usize, "the next minute is another one");
}
