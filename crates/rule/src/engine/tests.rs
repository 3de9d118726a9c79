//! Tests of the engine.

use std::sync::Arc;
use std::time::Duration;

use model::{Cause, CauseKind, Position, Quality, RecordKind, Timestamp, Value};
use proptest::prelude::*;

use super::*;
use crate::effect::{Effect, What};
use crate::rule::Rule;
use crate::trace::{Outcome, StepOutcome};
use crate::view::{Latest, Nothing, RecordView, Said};

struct Stage {
    engine: Engine,
    now: Timestamp,
    effects: Vec<Effect>,
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn place() -> Place {
    Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap()
}

fn rule(text: &str) -> Arc<Rule> {
    let parsed = Rule::parse(&format!("rule: r\n{text}"));
    parsed.rule.unwrap_or_else(|| panic!("{text}\n{:?}", parsed.problems))
}

fn enlisted(id: &str, text: &str) -> Enlisted {
    Enlisted { id: id.into(), version: 1, rule: rule(text), shadow: false }
}

impl Stage {
    fn new(rules: &[&str]) -> Self {
        Self::at("2026-03-02T12:00:00+01:00", Pace::Replay, rules)
    }

    fn at(at: &str, pace: Pace, rules: &[&str]) -> Self {
        let now = time(at);
        let mut engine = Engine::new(place(), Options { pace, traces: TraceLevel::All });
        for (index, text) in rules.iter().enumerate() {
            engine.enlist(enlisted(["one", "two", "three"][index], text), &Nothing, now);
        }
        Self { engine, now, effects: Vec::new() }
    }

    fn say(&mut self, what: &str, value: impl Into<Value>) -> &mut Self {
        self.say_of(RecordKind::Property, what, &value.into(), None)
    }

    fn say_of(&mut self, kind: RecordKind, what: &str, value: &Value, cause: Option<&Cause>) -> &mut Self {
        let (thing, name) = what.split_once('/').unwrap();
        let (time, received) = (self.now, self.now);
        let said = Said { value, quality: Quality::Good, time, received, position: Position(7), cause };
        self.engine.feed(&RecordView { thing, name, kind, said }, &mut self.effects);
        self
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self.engine.tick(self.now, &mut self.effects);
        self
    }

    /// What was done since this was asked last.
    fn done(&mut self) -> String {
        let done = self.effects.drain(..).map(|effect| match effect.what {
            What::Set { thing, name, value } => format!("{thing}/{name}={value}"),
            What::Act { thing, name, input } => format!("{thing}.{name}({input})"),
            What::Scene { scene } => scene.to_string(),
            What::Notify { message, .. } => message,
            What::Alarm { name, message, .. } => format!("{name}: {message}"),
            What::CallPolicy { policy, .. } => policy.to_string(),
        });
        done.collect::<Vec<_>>().join(" ")
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        self.engine.take_traces().iter().map(|trace| trace.summary.outcome).collect()
    }
}

fn simple(trigger: &str) -> String {
    format!("triggers: [{{ {trigger} }}]\nactions: [{{ scene: x }}]")
}

#[test]
fn changes_fire_once_when_they_come() {
    let mut stage = Stage::new(&[&simple("property: a/b, to: true")]);
    assert_eq!(stage.say("a/b", true).done(), "x", "what was not known and is so now has become so");
    assert_eq!(stage.wait(1).say("a/b", true).done(), "");
    assert_eq!(stage.wait(1).say("a/b", false).wait(1).say("a/b", true).done(), "x");
    let mut stage = Stage::new(&[&simple("property: a/b")]);
    assert_eq!(stage.say("a/b", 1).say("a/b", 1).done(), "", "what becomes known has not changed");
    assert_eq!(stage.say("a/b", 2).done(), "x");
    let mut stage = Stage::new(&[&simple("property: a/b, from: [1, 2], to: 3")]);
    assert_eq!(stage.say("a/b", 1).say("a/b", 2).say("a/b", 3).done(), "x");
    assert_eq!(stage.say("a/b", 4).say("a/b", 3).done(), "");
    let mut stage = Stage::new(&[&simple("property: a/b, to: [1, 2]")]);
    assert_eq!(stage.say("a/b", 1).say("a/b", 2).say("a/b", 2).done(), "x x", "it becomes one, and then the other");
    let mut stage = Stage::new(&[&simple("property: a/b, to: [1, 2], for: 10 s")]);
    assert_eq!(stage.say("a/b", 1).wait(6).say("a/b", 2).wait(4).done(), "x", "it stays one of them");
}

#[test]
fn ranges_fire_when_they_are_entered() {
    let mut stage = Stage::new(&[&simple("property: a/b, above: 70")]);
    assert_eq!(stage.say("a/b", 60).say("a/b", 71).say("a/b", 90).done(), "x");
    assert_eq!(stage.say("a/b", 70).say("a/b", 70).say("a/b", 72).done(), "x");
    let mut stage = Stage::new(&[
        "variables: { least: 5 }\ntriggers: [{ property: a/b, above: \"${ value('a/limit') + least }\" }]\nactions: [{ scene: x }]",
    ]);
    assert_eq!(stage.say("a/b", 20).done(), "", "the limit is not known");
    assert_eq!(stage.say("a/limit", 10).done(), "x", "the limit came, and it is above it");
}

#[test]
fn what_must_last_is_waited_for() {
    let mut stage = Stage::new(&[&simple("property: a/b, above: 70, for: 5 min")]);
    stage.say("a/b", 71).wait(200).say("a/b", 80).wait(99);
    assert_eq!(stage.done(), "");
    assert_eq!(stage.wait(1).done(), "x");
    stage.say("a/b", 60).wait(1).say("a/b", 71).wait(299).say("a/b", 69).wait(600);
    assert_eq!(stage.done(), "");
    let mut stage = Stage::new(&[&simple("property: a/b, for: 1 min")]);
    stage.say("a/b", 1).say("a/b", 2).wait(30).say("a/b", 3).wait(59);
    assert_eq!(stage.done(), "", "it changed again");
    assert_eq!(stage.wait(1).done(), "x");
}

#[test]
fn late_and_bad_values_set_nothing_off() {
    let mut stage = Stage::new(&[&simple("property: a/b, to: true")]);
    stage.say("a/b", false);
    let value = Value::Boolean(true);
    let said =
        |time, quality, received| Said { value: &value, quality, time, received, position: Position(1), cause: None };
    let record = |said| RecordView { thing: "a", name: "b", kind: RecordKind::Property, said };
    let late = said(stage.now - Duration::from_secs(9), Quality::Good, stage.now);
    stage.engine.feed(&record(late), &mut stage.effects);
    let bad = said(stage.now, Quality::Bad, stage.now);
    stage.engine.feed(&record(bad), &mut stage.effects);
    assert_eq!((stage.done(), stage.engine.counters().records_late), (String::new(), 1));
}

#[test]
fn events_findings_calls_forecasts_and_comings_fire() {
    let triggers = "\
triggers:
  - event: door.button/pressed
    where: ${ trigger.value == 'double' }
    id: button
  - insight: boiler.flow/temperature
    kind: stuck
    severity: warning
  - insight: boiler.flow
    kind: drift
  - forecast: grid.meter/power
    above: 5000
    within: 3 h
  - webhook: bell
  - presence: hall.lamp
    to: offline
    for: 1 min
mode: parallel
actions:
  - notify: \"${ trigger.kind } ${ trigger.id | default('-') } ${ trigger.body | default('-') }\"
";
    let mut stage = Stage::new(&[triggers]);
    stage.say_of(RecordKind::Event, "door.button/pressed", &Value::text("single"), None);
    stage.say_of(RecordKind::Event, "door.button/pressed", &Value::text("double"), None);
    stage.say_of(RecordKind::Event, "door.button/pressed", &Value::text("double"), None);
    assert_eq!(stage.done(), "event button - event button -");
    let finding = |kind: &str, severity: &str, id: &str| {
        Value::from_json(serde_json::json!({"kind": kind, "severity": severity, "id": id, "state": "open"}))
    };
    for (kind, severity, id) in
        [("stuck", "notice", "1"), ("stuck", "alarm", "1"), ("stuck", "alarm", "1"), ("drift", "notice", "2")]
    {
        stage.say_of(RecordKind::Insight, "boiler.flow/temperature", &finding(kind, severity, id), None);
    }
    assert_eq!(stage.done(), "insight - - insight - -", "once for each finding");
    let hour = |hours: u64, now: Timestamp| now + Duration::from_hours(hours);
    for points in
        [vec![(hour(2, stage.now), 4_000.0), (hour(5, stage.now), 9_000.0)], vec![(hour(1, stage.now), 6_000.0)]]
    {
        stage.engine.forecast("grid.meter", "power", &points, stage.now, &mut stage.effects);
    }
    assert_eq!(stage.done(), "forecast - -");
    assert_eq!(stage.engine.webhook("bell", Value::Integer(5), stage.now, &mut stage.effects), 1);
    assert_eq!(stage.engine.webhook("nobody", Value::Null, stage.now, &mut stage.effects), 0);
    assert_eq!(stage.done(), "webhook - 5");
    stage.say_of(RecordKind::Presence, "hall.lamp/presence", &Value::text("offline"), None);
    assert_eq!(stage.wait(60).done(), "presence - -");
}

#[test]
fn expressions_fire_when_they_become_true() {
    let mut stage = Stage::new(&[&simple("expression: \"${ value('a/b') + value('c/d', 0) > 10 }\"")]);
    assert_eq!(stage.say("a/b", 5).say("c/d", 5).done(), "");
    assert_eq!(stage.say("c/d", 6).say("a/b", 9).done(), "x");
    let mut stage = Stage::new(&[&simple("expression: \"${ now.hour == 13 and value('a/b') }\"")]);
    stage.say("a/b", true);
    assert_eq!(stage.wait(3_599).done(), "");
    assert_eq!(stage.wait(1).done(), "x", "the time is looked at every minute");
}

#[test]
fn clocks_calendars_and_the_sun_fire() {
    let rules = [
        simple("time: ['07:30', '12:30'], on: weekdays"),
        "triggers: [{ sun: sunset, offset: -30 min }]\nactions: [{ scene: dusk }]".to_owned(),
        "triggers: [{ calendar: { months: [3], days: [4], at: '18:00' } }, { every: 6 h }]\nactions: [{ notify: \"${ now.day } ${ now.hour }\" }]".to_owned(),
    ];
    let mut stage = Stage::new(&rules.each_ref().map(String::as_str));
    stage.wait(60 * 3_600);
    assert_eq!(
        stage.done(),
        "x dusk 2 18 3 0 3 6 x 3 12 x dusk 3 18 4 0 4 6 x 4 12 x dusk 4 18 4 18 5 0",
        "18:00 on the fourth comes by the calendar and by the interval"
    );
}

#[test]
fn conditions_hold_runs_back() {
    let rule = "\
triggers: [{ webhook: go, id: go }, { webhook: other }]
conditions:
  - property: a/on
    is: true
    for: 1 min
  - property: a/level
    above: 5
  - time: { after: '22:00', before: '06:00', on: [mon] }
  - trigger: go
  - any:
      - not: [{ property: a/mode, is: night }]
      - ${ value('a/level') > 100 }
actions: [{ scene: x }]
";
    let mut stage = Stage::at("2026-03-03T01:00:00+01:00", Pace::Replay, &[rule]);
    let go = |stage: &mut Stage, name: &str| {
        stage.engine.webhook(name, Value::Null, stage.now, &mut stage.effects);
        let trace = stage.engine.take_traces().pop().unwrap();
        if trace.summary.outcome == Outcome::Finished {
            return "ran".to_owned();
        }
        let held = trace.steps.iter().filter(|step| step.outcome == StepOutcome::Held);
        let mut held = held.map(|step| format!("{} ({})", step.words, step.detail.clone().unwrap_or_default()));
        held.next_back().unwrap()
    };
    let said = go(&mut stage, "go");
    assert_eq!(said, "a/on is true for 1 min (a/on is not known yet)");
    stage.say("a/on", true).wait(30);
    assert_eq!(go(&mut stage, "go"), "a/on is true for 1 min (it has been so for 30 s of 1 min)");
    stage.wait(30).say("a/level", Value::Float(4.5)).say("a/mode", "night");
    assert_eq!(go(&mut stage, "go"), "a/level is above 5 (4.5 is 0.5 short of 5)");
    stage.say("a/level", 6);
    let any = "(not (a/mode is \"night\") or value('a/level') > 100)";
    assert_eq!(go(&mut stage, "go"), format!("{any} (a/mode is \"night\" holds; value('a/level') > 100 is false)"));
    stage.say("a/mode", "day");
    assert_eq!(go(&mut stage, "other"), "the trigger is go (another trigger set it off)");
    assert_eq!(go(&mut stage, "go"), "ran");
    stage.wait(5 * 3_600);
    let window = "it is between 22:00 and 06:00 on Monday";
    assert_eq!(go(&mut stage, "go"), format!("{window} (it is 06:01, 1 min past 06:00)"));
    stage.wait(17 * 3_600);
    assert_eq!(go(&mut stage, "go"), format!("{window} (it is a Tuesday)"));
}

#[test]
fn actions_run_in_order_with_delays_branches_rounds_and_waits() {
    let rule = "\
variables: { limit: 2, double: \"${ limit * 2 }\" }
triggers: [{ webhook: go }]
mode: restart
actions:
  - set: { a/on: true, a/level: \"${ double + 1 }\" }
  - delay: ${ limit }
  - choose:
      - if: [{ property: a/mode, is: night }]
        do: [{ scene: night }]
      - if: ${ double == 4 }
        do: [{ scene: four }]
    otherwise: [{ scene: none }]
  - repeat:
      times: 2
      do:
        - repeat: { each: [p, q], do: [{ notify: \"${ repeat.item }\" }] }
        - notify: ${ repeat.index }
  - variables: { n: 0 }
  - repeat:
      while: [\"${ n < 2 }\"]
      do: [{ variables: { n: \"${ n + 1 }\" } }, { delay: 1 s }]
  - repeat:
      until: [\"${ n >= 4 }\"]
      do: [{ variables: { n: \"${ n + 1 }\" } }]
  - wait: { for: [{ property: a/done, to: true }], timeout: 1 min }
  - notify: ${ waited } ${ n }
  - action: door.lock/lock
    input: { by: \"${ trigger.kind }\" }
  - alarm: { name: flood, message: \"n is ${ n }\" }
  - policy: energy
  - stop: enough
  - scene: never
";
    let mut stage = Stage::new(&[rule]);
    let go = |stage: &mut Stage| stage.engine.webhook("go", Value::Null, stage.now, &mut stage.effects);
    go(&mut stage);
    assert_eq!(stage.done(), "a/on=true a/level=5");
    assert_eq!(stage.wait(2).done(), "four p q 1 p q 2");
    stage.wait(2);
    assert_eq!(stage.wait(59).done(), "");
    let end = "door.lock.lock({\"by\":\"webhook\"}) flood: n is 4 energy";
    assert_eq!(stage.wait(1).done(), format!("false 4 {end}"));
    assert_eq!(stage.outcomes(), [Outcome::Stopped]);
    go(&mut stage);
    stage.wait(1);
    go(&mut stage);
    stage.done();
    stage.wait(4).say("a/done", true);
    assert!(stage.done().ends_with(&format!("true 4 {end}")));
    assert_eq!(stage.outcomes(), [Outcome::Stopped, Outcome::Stopped], "the first was stopped by the second");
}

#[test]
fn modes_say_what_happens_when_it_is_set_off_again() {
    use Outcome::{Finished, KeptFromRunning, Stopped};
    let text = |mode: &str| {
        format!(
            "mode: {mode}\nmax: 2\ntriggers: [{{ webhook: go }}]\nactions: [{{ scene: a }}, {{ delay: 10 s }}, {{ scene: b }}]"
        )
    };
    let run = |mode: &str| {
        let mut stage = Stage::new(&[&text(mode)]);
        for _ in 0..3 {
            stage.engine.webhook("go", Value::Null, stage.now, &mut stage.effects);
            stage.wait(4);
        }
        stage.wait(60);
        (stage.done(), stage.outcomes())
    };
    assert_eq!(run("single"), ("a b".to_owned(), vec![KeptFromRunning, KeptFromRunning, Finished]));
    assert_eq!(run("restart"), ("a a a b".to_owned(), vec![Stopped, Stopped, Finished]));
    assert_eq!(run("queued"), ("a b a b".to_owned(), vec![KeptFromRunning, Finished, Finished]));
    assert_eq!(run("parallel"), ("a a b b".to_owned(), vec![KeptFromRunning, Finished, Finished]));
}

#[test]
fn what_goes_wrong_fails_with_its_reason() {
    let fail = |actions: &str| {
        let mut stage = Stage::new(&[&format!("triggers: [{{ webhook: go }}]\nactions: {actions}")]);
        stage.engine.webhook("go", Value::Null, stage.now, &mut stage.effects);
        let trace = stage.engine.take_traces().pop().unwrap();
        assert_eq!(trace.summary.outcome, Outcome::Failed);
        let step = trace.steps.last().unwrap();
        assert_eq!(step.outcome, StepOutcome::Failed);
        (step.detail.clone().unwrap(), stage.effects.len())
    };
    assert_eq!(fail("[{ set: a/b, to: \"${ 1 / value('c/d', 0) }\" }]"), ("a/b: division by zero".to_owned(), 0));
    assert_eq!(fail("[{ set: { a/x: 1, a/b: \"${ value('c/d') }\" } }]").0, "a/b: c/d is not known yet");
    assert_eq!(fail("[{ delay: \"${ 0 - 5 }\" }]").0, "-5 seconds cannot be waited for");
    let (message, _) = fail("[{ repeat: { while: [\"${ true }\"], do: [{ variables: { x: 1 } }] } }]");
    assert_eq!(message, "the repeat takes more than 1000 rounds");
    let flood = "[{ repeat: { times: 1000, do: [{ set: { a/b: 1, a/c: 2 } }] } }]";
    let (message, effects) = fail(flood);
    assert!(message.starts_with("the rule gave more than 600 commands within a minute\nhint:"), "{message}");
    assert!((600..=602).contains(&effects));
    let nested = "[{ repeat: { times: 1000, do: [{ repeat: { times: 1000, do: [{ variables: { x: 1 } }] } }] } }]";
    assert!(fail(nested).0.contains("more than 10000 steps without standing still"));
    let still = nested.replace("variables: { x: 1 }", "delay: 0 s");
    assert!(fail(&still).0.contains("more than 10000 steps without standing still"), "a delay of nothing is none");
    let calls = "[{ repeat: { times: 700, do: [{ action: a/press }] } }]";
    assert_eq!(fail(calls).1, 601, "actions are commands, too");
}

#[test]
fn a_run_that_goes_round_for_ever_in_tiny_delays_ends() {
    let text = "triggers: [{ webhook: go }]\nactions: [{ repeat: { times: 1000, do: [{ repeat: { times: 1000, do: [{ delay: 1 ms }] } }] } }]";
    let mut stage = Stage::new(&[text]);
    stage.engine.webhook("go", Value::Null, stage.now, &mut stage.effects);
    stage.wait(3_600);
    let trace = stage.engine.take_traces().pop().unwrap();
    assert_eq!(trace.summary.outcome, Outcome::Failed);
    let detail = trace.steps.last().unwrap().detail.clone().unwrap();
    assert!(detail.starts_with("the run takes more than 200000 steps\nhint:"), "{detail}");
    assert!(trace.steps.len() <= crate::limits::TRACE_STEPS_MAX + 1);
}

#[test]
fn rules_that_set_each_other_off_are_stopped() {
    let mut stage = Stage::new(&[
        "triggers: [{ property: a/p }]\nmode: parallel\nactions: [{ set: b/q, to: \"${ trigger.value }\" }]",
        "triggers: [{ property: b/q }]\nmode: parallel\nactions: [{ set: a/p, to: \"${ trigger.value + 1 }\" }]",
    ]);
    stage.say("a/p", 0).say("b/q", -1).say("a/p", 1);
    let mut rounds = 0;
    while let Some(effect) = (!stage.effects.is_empty()).then(|| stage.effects.remove(0)) {
        rounds += 1;
        assert!(rounds < 100, "it does not end");
        let What::Set { thing, name, value } = effect.what else { panic!("a set") };
        stage.wait(1).say(&format!("{thing}/{name}"), value);
    }
    let failed: Vec<String> = stage
        .engine
        .take_traces()
        .iter()
        .filter(|trace| trace.summary.outcome == Outcome::Failed)
        .map(|trace| trace.steps[0].detail.clone().unwrap())
        .collect();
    assert_eq!(failed.len(), 1, "it is told once");
    assert!(failed[0].contains("(one → two → one)") || failed[0].contains("(two → one → two)"), "{failed:?}");
    assert_eq!(stage.engine.counters().loops_stopped, 1);
    assert!(rounds > 15);
}

#[test]
fn a_cause_that_is_a_rule_counts_as_its_doing() {
    let mut stage = Stage::new(&["triggers: [{ property: a/b }]\nactions: [{ scene: x }]"]);
    stage.say("a/b", 0);
    let cause = Cause::new(CauseKind::Rule, "one");
    for value in 1..30i64 {
        stage.say_of(RecordKind::Property, "a/b", &Value::Integer(value), Some(&cause));
    }
    assert_eq!(stage.effects.len(), 10);
    let effect = &stage.effects[0];
    assert_eq!(effect.cause().position, Some(Position(7)));
    assert_eq!(effect.cause().run.as_deref(), Some(&*effect.run));
}

#[test]
fn days_with_23_and_25_hours_fire_once() {
    let text = simple("time: '02:30'");
    let mut spring = Stage::at("2026-03-28T12:00:00+01:00", Pace::Replay, &[&text]);
    assert_eq!(spring.wait(24 * 3_600).done(), "x");
    let fired = spring.engine.standing("one").unwrap().last_fired.unwrap();
    assert_eq!(fired.to_string(), "2026-03-29T01:00:00Z", "03:00, the next moment there is");
    let mut autumn = Stage::at("2026-10-24T12:00:00+02:00", Pace::Replay, &[&text]);
    assert_eq!(autumn.wait(25 * 3_600).done(), "x");
    let fired = autumn.engine.standing("one").unwrap().last_fired.unwrap();
    assert_eq!(fired.to_string(), "2026-10-25T00:30:00Z", "the first of the two");
}

#[test]
fn a_clock_that_jumps_ahead_passes_over_what_is_long_past() {
    let mut stage = Stage::at(
        "2026-03-02T07:00:00+01:00",
        Pace::Live,
        &[&simple("time: ['07:30', '08:00']"), &simple("every: 1 s")],
    );
    stage.wait(1);
    assert_eq!(stage.done(), "x");
    stage.wait(3_600 + 2 * 60);
    assert_eq!(stage.done(), "x x", "08:00 was two minutes ago, 07:30 is too long ago; a second comes once");
    assert_eq!(stage.engine.counters().moments_missed, 1);
    let why = stage.engine.why_not("one", stage.now).unwrap();
    assert!(why.triggers[0].off_by.as_ref().unwrap().contains("passed over"), "{why:?}");
}

#[test]
fn a_clock_that_is_set_back_fires_nothing_twice_and_keeps_delays() {
    let delayed = "triggers: [{ webhook: go }]\nactions: [{ delay: 10 min }, { scene: late }]";
    let rules = [&simple("time: '07:30'")[..], delayed, &simple("property: a/b, to: 1, for: 10 min")];
    let mut stage = Stage::at("2026-03-02T07:29:00+01:00", Pace::Live, &rules);
    stage.wait(61);
    assert_eq!(stage.done(), "x");
    stage.engine.webhook("go", Value::Null, stage.now, &mut stage.effects);
    stage.say("a/b", 1).wait(60);
    stage.now = stage.now - Duration::from_secs(1_800);
    stage.wait(0);
    assert_eq!(stage.wait(9 * 60 - 1).done(), "", "07:09");
    assert_eq!(stage.wait(1).done(), "late x", "ten minutes after it began, whatever the clock says");
    assert_eq!(stage.wait(3_600).done(), "", "07:30 was already");
    stage.now = stage.now - Duration::from_hours(24 * 400);
    stage.wait(0);
    assert_eq!(stage.wait(24 * 3_600 - 1).done(), "", "noticed too late");
    let next = stage.engine.standing("one").unwrap().next.unwrap();
    assert!(next.since(stage.now) < Duration::from_hours(24), "schedules begin anew");
}

#[test]
fn what_is_so_already_does_not_set_a_new_rule_off() {
    struct View1;
    impl View for View1 {
        fn latest(&self, _: RecordKind, _: &str, _: &str) -> Option<Latest> {
            let since = Timestamp::parse("2026-03-02T10:00:00Z").unwrap();
            Some(Latest { value: Value::Integer(80), time: since, since })
        }
    }
    let now = time("2026-03-02T11:00:00Z");
    let mut engine = Engine::new(place(), Options::default());
    let text = "triggers: [{ property: a/b, above: 70 }, { webhook: go }]\nconditions: [{ property: a/b, above: 70, for: 1 h }]\nactions: [{ scene: x }]";
    engine.enlist(enlisted("one", text), &View1, now);
    let mut stage = Stage { engine, now, effects: Vec::new() };
    assert_eq!(stage.say("a/b", 81).done(), "");
    stage.engine.webhook("go", Value::Null, now, &mut stage.effects);
    assert_eq!(stage.done(), "x", "it has been so for an hour");
}

#[test]
fn a_restart_in_the_middle_of_a_delay_goes_on() {
    let text = "triggers: [{ webhook: go }]\nvariables: { x: \"${ trigger.body }\" }\nactions: [{ delay: 10 min }, { notify: \"${ x }\" }]";
    let mut stage = Stage::new(&[text]);
    stage.engine.webhook("go", Value::text("hello"), stage.now, &mut stage.effects);
    stage.wait(300);
    let saved = serde_json::to_string(&stage.engine.save()).unwrap();
    let saved: Saved = serde_json::from_str(&saved).unwrap();
    let options = Options { pace: Pace::Live, traces: TraceLevel::All };
    let rules = vec![enlisted("one", text)];
    stage.engine = Engine::restore(place(), options, rules.clone(), saved.clone(), &Nothing);
    assert_eq!(stage.wait(299).done(), "");
    assert_eq!(stage.wait(1).done(), "hello");
    assert_eq!(stage.outcomes(), [Outcome::Finished]);
    let newer = Enlisted { version: 2, ..rules[0].clone() };
    stage.engine = Engine::restore(place(), options, vec![newer], saved, &Nothing);
    assert_eq!(stage.wait(600).done(), "", "another version does not go on where the old one stood");
}

#[test]
fn a_rule_can_be_changed_switched_and_taken_away() {
    let mut stage = Stage::new(&[&simple("property: a/b, to: true")]);
    let newer = Enlisted {
        version: 2,
        shadow: true,
        ..enlisted("one", "triggers: [{ property: a/b, to: 5 }]\nactions: [{ scene: y }]")
    };
    stage.engine.enlist(newer.clone(), &Nothing, stage.now);
    assert_eq!(stage.say("a/b", true).done(), "");
    stage.say("a/b", 5);
    assert!(stage.effects[0].shadow && stage.effects[0].version == 2);
    stage.engine.enlist(Enlisted { shadow: false, ..newer }, &Nothing, stage.now);
    stage.done();
    stage.say("a/b", 1).say("a/b", 5);
    assert!(!stage.effects[0].shadow);
    assert_eq!(stage.engine.rules().count(), 1);
    stage.engine.dismiss("one", stage.now);
    stage.done();
    assert_eq!(stage.say("a/b", 1).say("a/b", 5).done(), "");
    assert_eq!(stage.engine.rules().count(), 0);
}

#[test]
fn why_a_rule_did_not_run_is_said_with_numbers() {
    let text = "\
triggers:
  - property: bath.climate/humidity
    above: 70
  - property: hall.motion/on
    to: true
    for: 2 min
  - time: '07:30'
conditions:
  - property: hall.lamp/on
    is: false
  - time: { after: '22:00' }
actions: [{ scene: x }]
";
    let mut stage = Stage::new(&[text]);
    stage
        .say("bath.climate/humidity", Value::Float(69.2))
        .wait(600)
        .say("bath.climate/humidity", 50)
        .say("hall.motion/on", true);
    stage.say("hall.lamp/on", true).wait(80);
    let why = stage.engine.why_not("one", stage.now).unwrap();
    let mut lines = vec![why.words.clone()];
    lines.extend(
        why.triggers
            .iter()
            .map(|it| format!("{}: {} ({:.2})", it.words, it.off_by.clone().unwrap_or_default(), it.near)),
    );
    lines.extend(
        why.conditions.iter().map(|it| format!("{}: {} {}", it.words, it.held, it.off_by.clone().unwrap_or_default())),
    );
    insta::assert_snapshot!(lines.join("\n"), @r###"
A condition does not hold: hall.lamp/on is false: it is true.
bath.climate/humidity rises above 70: 50 is 20 short of 70; it came nearest 11 min 20 s ago, at 69.2 (0.99)
hall.motion/on becomes true for 2 min: it has been so for 1 min 20 s of 2 min (0.67)
it is 07:30: it comes in 19 h 18 min (0.20)
hall.lamp/on is false: false it is true
it is after 22:00: false it is 12:11:20, 9 h 48 min before 22:00
"###);
}

/// Rules that use most of what an engine has to remember.
const REMEMBERING: [&str; 3] = [
    "triggers: [{ property: a/p, to: 1, for: 7 s }, { property: a/q, above: 2 }]\nmode: queued\nconditions: [{ property: b/r, below: 3, for: 5 s }]\nactions: [{ set: b/r, to: \"${ value('a/q', 0) }\" }, { delay: 4 s }, { set: a/p, to: 2 }]",
    "triggers: [{ every: 10 s }, { property: b/r }]\nmode: restart\nactions: [{ wait: { for: [{ property: a/p, to: 2 }], timeout: 8 s } }, { notify: \"${ waited } ${ trigger.kind }\" }, { repeat: { times: 3, do: [{ delay: 1 s }, { set: a/q, to: \"${ repeat.index }\" }] } }]",
    "triggers: [{ expression: \"${ value('a/p', 0) + value('a/q', 0) > 3 }\" }]\nmode: parallel\nmax: 3\nactions: [{ scene: x }, { delay: 3 s }, { scene: y }]",
];

fn play(steps: &[(u8, i64, u64)], restart_at: Option<usize>) -> (Vec<Effect>, Saved) {
    let mut stage = Stage::new(&REMEMBERING);
    for (index, (what, value, seconds)) in steps.iter().enumerate() {
        if restart_at == Some(index) {
            let saved = serde_json::to_vec(&stage.engine.save()).unwrap();
            let saved: Saved = serde_json::from_slice(&saved).unwrap();
            let options = Options { pace: Pace::Replay, traces: TraceLevel::All };
            let ids = ["one", "two", "three"];
            // Rules may be given in any order.
            let rules = (0..3).rev().map(|at| enlisted(ids[at], REMEMBERING[at])).collect();
            stage.engine = Engine::restore(place(), options, rules, saved, &Nothing);
        }
        stage.wait(*seconds);
        stage.say(["a/p", "a/q", "b/r"][usize::from(*what % 3)], *value);
    }
    stage.wait(30);
    let saved = stage.engine.save();
    (stage.effects, saved)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_restart_at_any_point_changes_nothing(
        steps in proptest::collection::vec((any::<u8>(), 0i64..5, 0u64..6), 1..40),
        at in 0usize..40,
    ) {
        let (straight, saved) = play(&steps, None);
        let (restarted, saved_after) = play(&steps, Some(at % steps.len()));
        prop_assert_eq!(&straight, &restarted);
        let text = |saved: &Saved| serde_json::to_string(saved).unwrap();
        prop_assert_eq!(text(&saved), text(&saved_after));
        let (again, saved_again) = play(&steps, None);
        prop_assert_eq!((straight, text(&saved)), (again, text(&saved_again)));
    }

    #[test]
    fn bound_and_named_feeding_are_the_same(values in proptest::collection::vec(-10i64..10, 0..40)) {
        let rule = simple("property: a/b, above: 3, for: 2 s");
        let (mut named, mut bound) = (Stage::new(&[&rule]), Stage::new(&[&rule]));
        let series = bound.engine.series(RecordKind::Property, "a", "b").unwrap();
        for value in values {
            named.wait(1).say("a/b", value);
            bound.wait(1);
            let (value, now) = (Value::Integer(value), bound.now);
            let said = Said { value: &value, quality: Quality::Good, time: now, received: now, position: Position(7), cause: None };
            bound.engine.feed_bound(series, &said, &mut bound.effects);
        }
        prop_assert_eq!(&named.effects, &bound.effects);
    }
}

#[test]
fn a_replay_traces_so_many_runs_and_counts_the_others() {
    let text = "triggers: [{ property: a/b }]\nconditions: [{ property: a/b, above: 0 }]\nmode: parallel\nactions: [{ scene: x }]";
    let mut stage = Stage::new(&[text]);
    stage.say("a/b", 0);
    for round in 0..i64::from(crate::limits::REPLAY_TRACES_MAX) + 5 {
        stage.wait(60).say("a/b", round + 1).wait(60).say("a/b", -round - 1);
    }
    let count = |outcomes: &[Outcome], wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let told = stage.outcomes();
    let untold: Vec<Outcome> = stage.engine.take_untold().map(|run| run.outcome).collect();
    let most = crate::limits::REPLAY_TRACES_MAX as usize;
    for (outcome, left) in [(Outcome::Finished, 5), (Outcome::KeptFromRunning, 5)] {
        assert_eq!((count(&told, outcome), count(&untold, outcome)), (most, left), "{outcome:?}");
    }
    assert_eq!(stage.effects.len(), most + 5);
}
