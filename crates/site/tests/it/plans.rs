//! Plans: a dry run first, applied once, and commands that wait for their time.

use std::sync::Arc;
use std::time::Duration;

use model::{Cause, CauseKind, Clock, CommandState, ThingId, Value};
use site::Site;
use site::plans::{Asking, PLAN_LIFE, PLANS_MAX, PlanError, PlanState, Refuser, Rights, TimedState, WantedCommand};
use site::rules::SceneSet;

use crate::common::{Bench, LAMP, accept_all, id, kim, name};

#[expect(clippy::unnecessary_wraps, reason = "it has the shape of a decision")]
fn anybody(_: &ThingId) -> Result<(), String> {
    Ok(())
}

fn nobody(_: &ThingId) -> Result<(), String> {
    Err("your role does not include this".to_owned())
}

/// Kim may command, and nobody else.
struct OnlyKim;

impl Rights for OnlyKim {
    fn may_command(&self, cause: &Cause, _thing: &ThingId) -> Result<(), String> {
        if &*cause.id == "kim" { Ok(()) } else { Err("gone".to_owned()) }
    }
}

fn lamp(bench: &Bench) -> Arc<Site> {
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": false, "level": 10, "power": 0.5}"#);
    site.turn().unwrap();
    accept_all(&site);
    site
}

fn ask(site: &Site, plan: &str, text: &str) -> site::plans::Asked {
    let asking = Asking { text, language: None, space: None, utc_offset_s: &|_| 0, by: "kim", may: &anybody };
    site.ask(plan.to_owned(), &asking).unwrap()
}

fn wanted(value: Value) -> WantedCommand {
    WantedCommand { thing: id("lamp"), name: name("level"), write: true, input: value, at: None }
}

fn commands(site: &Site) -> usize {
    site.commands(&id("lamp"), None, 100).len()
}

#[test]
fn a_sentence_becomes_a_plan_and_the_plan_a_command_with_its_cause() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let plan = ask(&site, "p1", "turn on the lamp").plan.unwrap();
    assert_eq!((plan.commands.len(), plan.state, &*plan.by), (1, PlanState::Open, "kim"));
    assert_eq!((&plan.commands[0].input, plan.commands[0].at), (&Value::Boolean(true), None));
    assert_eq!(commands(&site), 0, "a plan sends nothing");

    let applied = site.apply_plan("p1", &kim(), &anybody).unwrap();
    let sent = applied[0].command.as_ref().unwrap();
    assert_eq!((sent.state, sent.cause.kind, &*sent.cause.id), (CommandState::Sent, CauseKind::User, "kim"));
    assert_eq!(sent.cause.run.as_deref(), Some("p1"), "it leads back to its plan");
    assert!(matches!(site.apply_plan("p1", &kim(), &anybody), Err(PlanError::Applied(_))));
    assert!(matches!(site.apply_plan("p2", &kim(), &anybody), Err(PlanError::Unknown(_))));
    assert_eq!((commands(&site), site.command_plan("p1").unwrap().state), (1, PlanState::Applied));
}

#[test]
fn questions_are_answered_and_what_is_unclear_is_said() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let answer = ask(&site, "p", "is the lamp on?").answer.unwrap();
    assert!(answer.starts_with("No."), "{answer}");
    let unclear = ask(&site, "p", "turn on the chandelier");
    assert!(!unclear.understood && unclear.plan.is_none(), "{unclear:?}");
    assert!(unclear.answer.unwrap().contains("chandelier"));
    let guessed = ask(&site, "p", "turn on the lanp").plan.unwrap();
    assert_eq!(guessed.confirm.len(), 1, "{guessed:?}");
    assert_eq!(ask(&site, "p", "raise the level of the lamp by 5").plan.unwrap().commands[0].input, Value::Float(15.0));
}

#[test]
fn what_would_be_refused_is_told_before_and_refused_after() {
    let bench = Bench { rate: 2, ..Bench::new() };
    let site = lamp(&bench);
    let many = || vec![wanted(Value::Integer(20)), wanted(Value::Integer(20_000)), wanted(Value::text("much"))];
    let plan = site.plan_commands("p1".into(), many(), "kim", &nobody).unwrap();
    let by: Vec<Refuser> = plan.refusals.iter().map(|refusal| refusal.by).collect();
    assert_eq!((by, plan.commands.len()), (vec![Refuser::Access, Refuser::Model, Refuser::Model], 1));
    let applied = site.apply_plan("p1", &kim(), &nobody).unwrap();
    assert_eq!((applied[0].error.as_deref(), commands(&site)), (Some("your role does not include this"), 0));

    // Planning counts for no guard: only what goes out does.
    for number in 0..10 {
        let plan = site.plan_commands(format!("q{number}"), vec![wanted(Value::Integer(30))], "kim", &anybody).unwrap();
        assert!(plan.refusals.is_empty(), "{plan:?}");
    }
    site.apply_plan("q0", &kim(), &anybody).unwrap();
    site.apply_plan("q1", &kim(), &anybody).unwrap();
    let late = site.apply_plan("q2", &kim(), &anybody).unwrap();
    assert!(late[0].error.as_ref().unwrap().contains("rate guard"), "{late:?}");
    let planned = site.plan_commands("q99".into(), vec![wanted(Value::Integer(40))], "kim", &anybody);
    assert_eq!(planned.unwrap().refusals[0].by, Refuser::Guard);
    assert!(matches!(site.apply_plan("q99", &kim(), &anybody), Err(PlanError::Empty)));
}

#[test]
fn plans_expire_and_are_bounded() {
    let bench = Bench::new();
    let site = lamp(&bench);
    ask(&site, "old", "turn on the lamp");
    bench.pass(PLAN_LIFE);
    assert!(matches!(site.apply_plan("old", &kim(), &anybody), Err(PlanError::Expired(_))));
    assert_eq!(site.command_plan("old").unwrap().state, PlanState::Expired);
    for number in 0..PLANS_MAX {
        ask(&site, &format!("n{number}"), "turn on the lamp");
    }
    assert!(matches!(site.command_plan("old"), Err(PlanError::Unknown(_))));
    assert_eq!((site.command_plans().len(), &*site.command_plans()[0].id), (PLANS_MAX, "n499"));
    assert_eq!(commands(&site), 0);
}

#[test]
fn a_command_that_was_put_off_survives_a_restart_and_goes_out_once() {
    let bench = Bench::new();
    let site = lamp(&bench);
    site.decide_by(Arc::new(OnlyKim));
    let plan = ask(&site, "p1", "turn on the lamp in ten minutes").plan.unwrap();
    assert_eq!(plan.commands[0].at, Some(bench.clock.now() + Duration::from_mins(10)));
    let applied = site.apply_plan("p1", &kim(), &anybody).unwrap();
    assert!(applied[0].command.is_none() && applied[0].timed.is_some());
    site.send_timed().unwrap();
    assert_eq!(commands(&site), 0, "not before its time");
    site.checkpoint().unwrap();
    drop(site);

    let site = bench.open();
    site.turn().unwrap();
    site.decide_by(Arc::new(OnlyKim));
    bench.pass(Duration::from_mins(10));
    site.send_timed().unwrap();
    site.send_timed().unwrap();
    assert_eq!(commands(&site), 1);
    let row = &site.timed_commands()[0];
    assert_eq!((row.state, row.reason.as_deref()), (TimedState::Sent, None));
    assert!(matches!(site.cancel_timed(&row.id), Err(PlanError::NotWaiting(_))));
    drop(site);
    let site = bench.open();
    site.decide_by(Arc::new(OnlyKim));
    site.send_timed().unwrap();
    assert_eq!(site.timed_commands()[0].state, TimedState::Sent, "and not again after another restart");
}

#[test]
fn whoever_lost_their_rights_meanwhile_is_refused_and_what_is_long_past_is_given_up() {
    let bench = Bench::new();
    let site = lamp(&bench);
    site.decide_by(Arc::new(OnlyKim));
    let lee = site::Asked { cause: Cause::new(CauseKind::User, "lee"), timeout: None };
    ask(&site, "p1", "turn on the lamp in ten minutes");
    site.apply_plan("p1", &lee, &anybody).unwrap();
    bench.pass(Duration::from_mins(11));
    site.send_timed().unwrap();
    let row = &site.timed_commands()[0];
    assert_eq!((row.state, row.reason.as_deref()), (TimedState::Refused, Some("gone")));

    ask(&site, "p2", "turn on the lamp in ten minutes");
    let timed = site.apply_plan("p2", &kim(), &anybody).unwrap().remove(0).timed.unwrap();
    assert_eq!(site.cancel_timed(&timed).unwrap().state, TimedState::Cancelled);
    ask(&site, "p3", "turn on the lamp in ten minutes");
    site.apply_plan("p3", &kim(), &anybody).unwrap();
    bench.pass(Duration::from_hours(3));
    site.send_timed().unwrap();
    assert_eq!(site.timed_commands().last().unwrap().state, TimedState::Missed);
    assert_eq!(commands(&site), 0);
    assert!(ask(&site, "p4", "turn on the lamp today at 1 am").plan.unwrap().commands.is_empty(), "that has passed");
}

#[test]
fn a_scene_is_planned_as_what_it_sets_now() {
    let bench = Bench::new();
    let site = lamp(&bench);
    assert!(!ask(&site, "p", "apply movie night").understood, "there is no such scene yet");
    let set = |property: &str, value| SceneSet { thing: id("lamp"), name: name(property), value };
    let sets = vec![set("on", Value::Boolean(true)), set("level", Value::Integer(20))];
    let english = site.add_scene(None, "Movie night", sets.clone()).unwrap();
    site.add_scene(None, "영화", vec![set("level", Value::Integer(5))]).unwrap();

    for sentence in ["apply movie night", "start the movie night scene", "set movie night"] {
        let plan = ask(&site, "p1", sentence).plan.unwrap();
        let writes: Vec<_> =
            plan.commands.iter().map(|one| (one.name.to_string(), one.write, one.input.as_f64())).collect();
        assert_eq!(writes, [("on".to_owned(), true, Some(1.0)), ("level".to_owned(), true, Some(20.0))], "{sentence}");
    }
    let korean = ask(&site, "p2", "영화 장면 적용해 줘").plan.unwrap();
    assert_eq!(korean.commands.iter().map(|one| one.input.as_f64()).collect::<Vec<_>>(), [Some(5.0)]);
    assert_eq!(commands(&site), 0, "a plan sends nothing");
    site.apply_plan("p1", &kim(), &anybody).unwrap();
    assert_eq!(commands(&site), 2);

    // A scene is asked for as it is now, and a value that does not fit is refused in the plan.
    site.change_scene(&english.id, "Movie night", vec![sets[0].clone(), set("level", Value::Integer(900))]).unwrap();
    let changed = ask(&site, "p3", "apply movie night").plan.unwrap();
    assert_eq!((changed.commands.len(), changed.refusals.len()), (1, 1), "{changed:?}");
    let later = ask(&site, "p4", "영화 장면 10분 뒤에 적용해 줘").plan.unwrap();
    assert_eq!(later.commands[0].at, Some(bench.clock.now() + Duration::from_mins(10)));
}
