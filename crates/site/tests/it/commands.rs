//! Commands: out through the adapter and the log, and back as what they brought about.

use std::time::Duration;

use model::{CauseKind, CommandState, RecordKind, Value};
use site::{Selection, SiteError};

use crate::common::{Bench, LAMP, accept_all, id, kim, name};

fn lamp(bench: &Bench) -> std::sync::Arc<site::Site> {
    let site = bench.open();
    bench.say("things/lamp/model", LAMP);
    bench.say("things/lamp/properties", r#"{"on": false, "level": 10, "power": 0.5}"#);
    site.turn().unwrap();
    accept_all(&site);
    site
}

#[test]
fn a_write_is_desired_until_reported_and_why_leads_to_the_user() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let commands = site.write(&kim(), &id("lamp"), vec![(name("on"), Value::Boolean(true))]).unwrap();
    assert_eq!(commands[0].state, CommandState::Sent);
    let detail = site.thing(&id("lamp")).unwrap();
    assert_eq!(detail.delta, [(name("on"), Value::Boolean(true))]);
    assert_eq!(bench.out.retained_topics(), ["things/lamp/desired"]);

    bench.pass(Duration::from_secs(1));
    let report = bench.say("things/lamp/properties", r#"{"on": true, "level": 10, "power": 8.5}"#);
    site.turn().unwrap();
    assert_eq!(site.command(&commands[0].id).unwrap().command.state, CommandState::Finished);
    let detail = site.thing(&id("lamp")).unwrap();
    assert!(detail.delta.is_empty() && detail.desired[0].1.reached);

    let on = &detail.properties[0].0;
    let command = site.command(&commands[0].id).unwrap().position.unwrap();
    assert_eq!((on.cause.kind, on.cause.position), (CauseKind::Device, Some(command)));
    let chain = site.entry(report).unwrap().unwrap().chain;
    assert_eq!((chain.len(), chain[1].cause.kind, &*chain[1].cause.id), (2, CauseKind::User, "kim"));

    let states: Vec<String> = site
        .records(&id("lamp"), None, 50)
        .unwrap()
        .records
        .into_iter()
        .filter(|record| record.kind == RecordKind::Action)
        .map(|record| record.value.to_json()["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["finished", "sent"]);
}

#[test]
fn a_wish_that_came_true_is_over_when_somebody_turns_the_switch() {
    let bench = Bench::new();
    let site = lamp(&bench);
    site.write(&kim(), &id("lamp"), vec![(name("on"), Value::Boolean(true))]).unwrap();
    bench.say("things/lamp/properties/on", "true");
    site.turn().unwrap();
    bench.say("things/lamp/properties/on", "false");
    site.turn().unwrap();
    assert!(site.thing(&id("lamp")).unwrap().desired.is_empty());
    let last = site.messages(&id("lamp"), None, 1).unwrap().messages.remove(0).entry;
    site.turn().unwrap();
    assert_eq!((&*last.topic, &last.payload[..]), ("things/lamp/desired", &b"{}"[..]));
}

#[test]
fn an_action_runs_its_course_and_its_effects_are_linked() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let input = Value::from_json(serde_json::json!({"level": 80}));
    let command = site.invoke(&kim(), &id("lamp"), &name("fade"), input).unwrap();
    site.turn().unwrap();
    for state in ["accepted", "running"] {
        let status = format!(r#"{{"id":"{}","state":"{state}"}}"#, command.id);
        bench.say("things/lamp/actions/fade/status", &status);
    }
    bench.say("things/lamp/properties/level", "80");
    site.turn().unwrap();
    assert_eq!(site.command(&command.id).unwrap().command.state, CommandState::Running);
    let level = site.thing(&id("lamp")).unwrap().properties[1].0.clone();
    assert!(level.cause.position.is_some());
    let done = format!(r#"{{"id":"{}","state":"finished","output":{{"took":3}}}}"#, command.id);
    bench.say("things/lamp/actions/fade/status", &done);
    site.turn().unwrap();
    let row = site.command(&command.id).unwrap().command;
    assert_eq!((row.state, row.output.to_json()["took"].as_i64()), (CommandState::Finished, Some(3)));
    assert_eq!(site.commands(&id("lamp"), None, 10).len(), 1);
}

#[test]
fn no_answer_is_an_answer_also_after_a_restart() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let asked = site::Asked { timeout: Some(Duration::from_secs(5)), ..kim() };
    let command = site.invoke(&asked, &id("lamp"), &name("fade"), Value::Null).unwrap();
    bench.pass(Duration::from_secs(4));
    site.turn().unwrap();
    assert_eq!(site.command(&command.id).unwrap().command.state, CommandState::Sent);
    drop(site);
    bench.pass(Duration::from_secs(2));
    let site = bench.open();
    site.turn().unwrap();
    let row = site.command(&command.id).unwrap().command;
    assert_eq!((row.state, row.error.as_deref()), (CommandState::TimedOut, Some("no answer before the deadline")));
}

#[test]
fn an_answer_that_was_on_the_log_counts_although_the_deadline_passed_meanwhile() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let asked = site::Asked { timeout: Some(Duration::from_secs(5)), ..kim() };
    let command = site.invoke(&asked, &id("lamp"), &name("fade"), Value::Null).unwrap();
    bench.say("things/lamp/actions/fade/status", &format!(r#"{{"id":"{}","state":"finished"}}"#, command.id));
    drop(site);
    bench.pass(Duration::from_mins(1));
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(site.command(&command.id).unwrap().command.state, CommandState::Finished);
}

#[test]
fn what_does_not_fit_or_is_guarded_never_goes_out() {
    let mut bench = Bench::new();
    bench.rate = 2;
    let site = lamp(&bench);
    let lamp = id("lamp");
    let before = store::Log::bounds(&*bench.log).next;
    let says = |result: Result<Vec<model::Command>, SiteError>| result.unwrap_err().to_string();
    let write = |name: &str, value: Value| site.write(&kim(), &lamp, vec![(crate::common::name(name), value)]);
    assert_eq!(says(write("level", Value::Integer(101))), "level: 101 is outside 0 to 100");
    assert_eq!(says(write("power", Value::Integer(1))), "power: power cannot be written");
    assert_eq!(says(write("hue", Value::Integer(1))), "hue: there is no property \"hue\"");
    assert!(matches!(site.write(&kim(), &id("ghost"), vec![]), Err(SiteError::Registry(_))));
    assert!(site.invoke(&kim(), &lamp, &name("fly"), Value::Null).is_err());
    let both = vec![(name("on"), Value::Boolean(true)), (name("level"), Value::Integer(500))];
    assert!(site.write(&kim(), &lamp, both).is_err(), "all or none");
    assert_eq!(store::Log::bounds(&*bench.log).next, before);
    assert!(site.thing(&lamp).unwrap().desired.is_empty());

    assert!(write("level", Value::Integer(1)).is_ok() && write("level", Value::Integer(2)).is_ok());
    let refused = says(write("level", Value::Integer(3)));
    assert!(refused.starts_with("rate guard refused level of lamp: more than 2 commands in a minute"), "{refused}");
    site.ignore(&Selection::Things(vec![lamp.clone()])).unwrap();
    assert!(matches!(write("level", Value::Integer(1)), Err(SiteError::NotAccepted(_))));
}

#[test]
fn writing_what_is_already_so_is_done_at_once() {
    let bench = Bench::new();
    let site = lamp(&bench);
    let commands = site.write(&kim(), &id("lamp"), vec![(name("level"), Value::Float(10.2))]).unwrap();
    assert_eq!(commands[0].state, CommandState::Finished, "10.2 is 10 to a model without decimals");
}
