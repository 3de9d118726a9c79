//! The tests beside a rule, run with a virtual clock and virtual things: what a rule sets is what the thing reports.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Position, Quality, RecordKind, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::calendar::{Date, Days, Place, Weekdays};
use crate::effect::{Effect, What};
use crate::engine::{Engine, Enlisted, Options, Pace, TraceLevel};
use crate::expression::equal;
use crate::rule::{ExpectedKind, Happening, Reference, Rule, Test};
use crate::trace::{Outcome, Trace};
use crate::view::{Latest, RecordView, Said, View};
use crate::words;

/// The most things that a test may let a rule do.
const EFFECTS_MAX: usize = 1_000;
/// The most moments at which something happens in a test.
const MOMENTS_MAX: usize = 20_000;

/// How one test went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleTestResult))]
pub struct TestResult {
    /// What people call it.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Whether what came is what was expected.
    pub passed: bool,
    /// What was expected.
    pub expected: Vec<String>,
    /// What came.
    pub came: Vec<String>,
    /// The last run that began, or else the last one that was kept from running.
    #[cfg_attr(feature = "schema", schema(required))]
    pub trace: Option<Trace>,
}

/// Runs all tests of a rule.
pub fn run(rule: &Arc<Rule>, place: &Place) -> Vec<TestResult> {
    rule.tests.iter().map(|test| run_one(rule, test, place)).collect()
}

/// What is given before a test begins.
struct Given {
    values: HashMap<(String, String), Value>,
    since: Timestamp,
}

impl View for Given {
    fn latest(&self, kind: RecordKind, thing: &str, name: &str) -> Option<Latest> {
        if kind == RecordKind::Presence {
            return Some(Latest { value: Value::text("online"), time: self.since, since: self.since });
        }
        let value = self.values.get(&(thing.to_owned(), name.to_owned()))?.clone();
        Some(Latest { value, time: self.since, since: self.since })
    }
}

struct Stage<'a> {
    place: &'a Place,
    engine: Engine,
    now: Timestamp,
    came: Vec<Effect>,
    findings: usize,
    moments: usize,
}

fn run_one(rule: &Arc<Rule>, test: &Test, place: &Place) -> TestResult {
    let noon = Date::parse("2026-03-02T12:00").expect("a date");
    let now = place.moment(test.at.unwrap_or(noon));
    let values = test.given.iter().map(|(of, value)| ((of.thing.to_string(), of.name.to_string()), value.clone()));
    let given = Given { values: values.collect(), since: now - Duration::from_hours(24) };
    let mut engine = Engine::new(place.clone(), Options { pace: Pace::Replay, traces: TraceLevel::All });
    let id = Arc::from("test");
    engine.enlist(Enlisted { id, version: 1, rule: Arc::clone(rule), shadow: false }, &given, now);
    let mut stage = Stage { place, engine, now, came: Vec::new(), findings: 0, moments: 0 };
    for happening in &test.when {
        stage.happen(happening);
    }
    let expected = test.then.iter().filter(|expected| expected.kind != ExpectedKind::Nothing);
    let expected: Vec<&ExpectedKind> = expected.map(|expected| &expected.kind).collect();
    let fits = expected.iter().zip(&stage.came).all(|(expected, came)| is_expected(expected, &came.what));
    let mut traces = stage.engine.take_traces();
    traces.extend(stage.engine.running(stage.now));
    let ran = traces.iter().rposition(|trace| trace.summary.outcome != Outcome::KeptFromRunning);
    let last = ran.or_else(|| traces.len().checked_sub(1));
    let failed = traces.iter().any(|trace| trace.summary.outcome == Outcome::Failed);
    TestResult {
        name: test.name.clone(),
        line: test.spot.line,
        passed: fits && expected.len() == stage.came.len() && !failed,
        expected: or_nothing(expected.iter().map(|expected| expected_words(expected)).collect()),
        came: or_nothing(stage.came.iter().map(|effect| what_words(&effect.what)).collect()),
        trace: last.map(|last| traces.swap_remove(last)),
    }
}

impl Stage<'_> {
    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Set(values) => {
                for (of, value) in values {
                    self.say(of, value);
                }
            }
            Happening::Event(of, value) | Happening::Presence(of, value) => self.say(of, value),
            Happening::Insight(of, sort, severity) => {
                self.findings += 1;
                let found = serde_json::json!({
                    "id": format!("finding-{}", self.findings),
                    "kind": **sort,
                    "severity": severity.as_str(),
                    "state": "open",
                });
                self.say(of, &Value::from_json(found));
            }
            Happening::Webhook(name, body) => {
                let mut effects = Vec::new();
                self.engine.webhook(name, body.clone(), self.now, &mut effects);
                self.answer(effects);
            }
            Happening::Forecast(of, value, within) => {
                let point = (self.now + (*within).max(Duration::from_secs(1)), *value);
                let mut effects = Vec::new();
                self.engine.forecast(of.thing.as_str(), of.name.as_str(), &[point], self.now, &mut effects);
                self.answer(effects);
            }
            Happening::Wait(duration) => self.pass_until(self.now + *duration),
            Happening::Time(time) => {
                let days = Days { months: &[], of_month: &[], on: Weekdays::ALL };
                if let Some(next) = self.place.next_time(self.now, &[*time], &days) {
                    self.pass_until(next);
                }
            }
        }
    }

    /// Time passes, moment by moment at which something happens.
    fn pass_until(&mut self, until: Timestamp) {
        while self.moments < MOMENTS_MAX
            && let Some(due) = self.engine.next_wake().filter(|due| *due <= until)
        {
            self.moments += 1;
            self.now = self.now.max(due);
            let mut effects = Vec::new();
            self.engine.tick(self.now, &mut effects);
            self.answer(effects);
        }
        self.now = self.now.max(until);
        let mut effects = Vec::new();
        self.engine.tick(self.now, &mut effects);
        self.answer(effects);
    }

    fn say(&mut self, of: &Reference, value: &Value) {
        let mut effects = Vec::new();
        self.tell(of.kind, of.thing.as_str(), of.name.as_str(), value, None, &mut effects);
        self.answer(effects);
    }

    fn tell(
        &mut self,
        kind: RecordKind,
        thing: &str,
        name: &str,
        value: &Value,
        cause: Option<&model::Cause>,
        effects: &mut Vec<Effect>,
    ) {
        let said = Said {
            value,
            quality: Quality::Good,
            time: self.now,
            received: self.now,
            position: Position::START,
            cause,
        };
        self.engine.feed(&RecordView { thing, name, kind, said }, effects);
    }

    /// Virtual things report what they are set to, which may set the rule off again.
    fn answer(&mut self, effects: Vec<Effect>) {
        let mut waiting = std::collections::VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            if self.came.len() >= EFFECTS_MAX {
                return;
            }
            let cause = effect.cause();
            if let What::Set { thing, name, value } = &effect.what {
                let mut more = Vec::new();
                let (thing, name) = (thing.as_str(), name.as_str());
                self.tell(RecordKind::Property, thing, name, value, Some(&cause), &mut more);
                waiting.extend(more);
            }
            self.came.push(effect);
        }
    }
}

fn is_expected(expected: &ExpectedKind, came: &What) -> bool {
    let fits = |wanted: &Option<Value>, value: &Value| wanted.as_ref().is_none_or(|wanted| equal(wanted, value));
    match (expected, came) {
        (ExpectedKind::Set(of, wanted), What::Set { thing, name, value }) => {
            of.thing == *thing && of.name == *name && fits(wanted, value)
        }
        (ExpectedKind::Act(of, wanted), What::Act { thing, name, input }) => {
            of.thing == *thing && of.name == *name && fits(wanted, input)
        }
        (ExpectedKind::Scene(wanted), What::Scene { scene }) => wanted == scene,
        (ExpectedKind::Notify(part), What::Notify { title, message, .. }) => {
            message.contains(part.as_str()) || title.contains(part.as_str())
        }
        (ExpectedKind::Alarm(wanted), What::Alarm { name, .. }) => wanted == name,
        (ExpectedKind::Policy(wanted), What::CallPolicy { policy, .. }) => wanted == policy,
        _ => false,
    }
}

fn or_nothing(words: Vec<String>) -> Vec<String> {
    if words.is_empty() { vec!["nothing".to_owned()] } else { words }
}

fn expected_words(expected: &ExpectedKind) -> String {
    let with = |value: &Option<Value>, word: &str| {
        value.as_ref().map(|value| format!(" {word} {}", words::value(value))).unwrap_or_default()
    };
    match expected {
        ExpectedKind::Set(of, value) => format!("set {of}{}", with(value, "to")),
        ExpectedKind::Act(of, input) => format!("let {} do {}{}", of.thing, of.name, with(input, "with")),
        ExpectedKind::Scene(scene) => format!("apply the scene {scene}"),
        ExpectedKind::Notify(part) => format!("tell \"{part}\""),
        ExpectedKind::Alarm(name) => format!("raise the alarm {name}"),
        ExpectedKind::Policy(policy) => format!("call the policy {policy}"),
        ExpectedKind::Nothing => "nothing".to_owned(),
    }
}

/// An effect in words.
fn what_words(what: &What) -> String {
    match what {
        What::Set { thing, name, value } => format!("set {thing}/{name} to {}", words::value(value)),
        What::Act { thing, name, input: Value::Null } => format!("let {thing} do {name}"),
        What::Act { thing, name, input } => format!("let {thing} do {name} with {}", words::value(input)),
        What::Scene { scene } => format!("apply the scene {scene}"),
        What::Notify { message, .. } => format!("tell \"{message}\""),
        What::Alarm { name, .. } => format!("raise the alarm {name}"),
        What::CallPolicy { policy, .. } => format!("call the policy {policy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(text: &str) -> Vec<TestResult> {
        let parsed = Rule::parse(text);
        let rule = parsed.rule.unwrap_or_else(|| panic!("{:?}", parsed.problems));
        run(&rule, &Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap())
    }

    const LIGHT: &str = "\
rule: Light when somebody comes
mode: restart
triggers:
  - property: hall.motion/occupancy
    to: true
conditions:
  - sun: { after: sunset, before: sunrise }
actions:
  - set: hall.lamp/on
    to: true
  - delay: 2 min
  - set: hall.lamp/on
    to: false
tests:
";

    #[test]
    fn what_comes_is_compared_with_what_is_expected() {
        let tests = "  - name: it comes on at night
    at: 2026-03-01T23:00
    given: { hall.motion/occupancy: false }
    when:
      - set: { hall.motion/occupancy: true }
    then:
      - set: hall.lamp/on
        to: true
  - name: and goes off
    at: 2026-03-01T23:00
    when:
      - set: { hall.motion/occupancy: true }
      - wait: 2 min
    then:
      - set: { hall.lamp/on: true }
      - set: { hall.lamp/on: false }
  - name: not by day
    at: 2026-03-01T12:00
    when:
      - set: { hall.motion/occupancy: true }
    then:
      - none: true
  - name: a wrong one
    at: 2026-03-01T12:00
    when:
      - set: { hall.motion/occupancy: true }
    then:
      - set: hall.lamp/on
";
        let results = results(&format!("{LIGHT}{tests}"));
        let passed: Vec<bool> = results.iter().map(|result| result.passed).collect();
        assert_eq!(passed, [true, true, true, false]);
        assert_eq!(results[3].came, ["nothing"]);
        let trace = results[3].trace.as_ref().unwrap();
        assert_eq!(trace.summary.outcome, Outcome::KeptFromRunning);
        assert!(trace.steps[0].detail.as_ref().unwrap().starts_with("the sun stands"));
    }

    #[test]
    fn a_rule_that_answers_itself_ends() {
        let text = "\
rule: Circle
triggers:
  - property: a/b
actions:
  - set: a/b
    to: ${ value('a/b') + 1 }
tests:
  - name: it goes round
    given: { a/b: 0 }
    when: [ { set: { a/b: 1 } } ]
    then: [ { none: true } ]
";
        let result = &results(text)[0];
        assert_eq!((result.passed, result.came.len()), (false, 11));
        let trace = result.trace.as_ref().unwrap();
        let detail = trace.steps[0].detail.as_ref().unwrap();
        assert!(
            detail.starts_with("stopped: what it did set it off again 10 times within a minute (test → test)"),
            "{detail}"
        );
    }
}
