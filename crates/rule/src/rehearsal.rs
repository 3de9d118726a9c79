//! What rules do to each other when they run together: a simulation over virtual things that do as they are told. Each
//! trigger that can be brought about is brought about, at some hours of a day, after the conditions of its rule were
//! made to hold as far as they can be.
//!
//! It sees what [`crate::conflicts::find`] cannot: values that are worked out, and what follows from what follows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{Cause, Name, Position, Quality, RecordKind, ThingId, Timestamp, Value};

use crate::calendar::{Date, Place};
use crate::conflicts::{Conflict, ConflictKind, flood_of};
use crate::effect::{AlarmSeverity, Effect, What};
use crate::engine::{Engine, Enlisted, Options, Pace, TraceLevel};
use crate::expression::{Template, equal};
use crate::problem::ProblemSeverity;
use crate::rule::{Condition, ConditionKind, Operand, Range, Reference, Rule, Trigger, TriggerKind};
use crate::view::{Nothing, RecordView, Said};
use crate::words;

/// The most triggers that are brought about.
const TRIGGERS_MAX: usize = 20_000;
/// The most rules that are let run with one that is looked at.
const NEAR_MAX: usize = 200;
/// The most commands that are looked at.
const COMMANDS_MAX: usize = 200_000;
/// The most commands that follow from one trigger at once.
const COMMANDS_AT_ONCE_MAX: usize = 1_000;
/// The most conflicts that are told.
const CONFLICTS_MAX: usize = 1_000;
/// The hours of the day at which triggers are brought about.
const HOURS: [&str; 3] = ["2026-03-04T03:00", "2026-03-04T12:00", "2026-03-04T20:30"];
/// How long rules are left alone after a trigger, at least and at most: what is to be done is done in about so many hours.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(2));
const HOURS_OF_REST: Duration = Duration::from_hours(8);
/// The most moments of clocks in a day that are looked at. Rules beyond that take no part.
const MOMENTS_MAX: u64 = 300_000;
/// Commands to one property that lie nearer together than this contradict each other.
const SAME_MOMENT: Duration = Duration::from_secs(1);

type Property = (ThingId, Name);

/// What rules do to each other: what can be found in their texts, and what a simulation shows beside.
pub fn all(rules: &[(Arc<str>, Arc<Rule>)], place: &Place) -> Vec<Conflict> {
    beside(crate::conflicts::find(rules), conflicts(rules, place))
}

/// What one of the rules does to the others, and they to it. The simulation is of those that share a thing with it.
pub fn of_one(id: &str, rules: &[(Arc<str>, Arc<Rule>)], place: &Place) -> Vec<Conflict> {
    let things = |rule: &Rule| rule.references.iter().map(|of| of.thing.clone()).collect::<BTreeSet<ThingId>>();
    let own = rules.iter().find(|(other, _)| **other == *id).map(|(_, rule)| things(rule)).unwrap_or_default();
    let near = rules.iter().filter(|(other, rule)| **other == *id || !things(rule).is_disjoint(&own));
    let near: Vec<_> = near.take(NEAR_MAX).cloned().collect();
    let concerns = |conflict: &Conflict| conflict.rules.iter().any(|rule| rule == id);
    let mut found = beside(crate::conflicts::find(rules), conflicts(&near, place));
    found.retain(concerns);
    found
}

/// What a simulation shows beside what is known.
fn beside(mut known: Vec<Conflict>, seen: Vec<Conflict>) -> Vec<Conflict> {
    let rules = |conflict: &Conflict| conflict.rules.iter().cloned().collect::<BTreeSet<String>>();
    let keys: BTreeSet<_> = known.iter().map(|conflict| (conflict.kind, rules(conflict))).collect();
    known.extend(seen.into_iter().filter(|conflict| !keys.contains(&(conflict.kind, rules(conflict)))));
    known
}

/// Lets rules run together, and tells what they do to each other.
pub fn conflicts(rules: &[(Arc<str>, Arc<Rule>)], place: &Place) -> Vec<Conflict> {
    let mut moments = MOMENTS_MAX;
    let takes_part = |(_, rule): &&(Arc<str>, Arc<Rule>)| {
        let left = moments.checked_sub(moments_of_a_day(rule));
        moments = left.unwrap_or(moments);
        left.is_some()
    };
    let rules: Vec<_> = rules.iter().filter(takes_part).cloned().collect();
    let triggers = || rules.iter().flat_map(|(_, rule)| &rule.triggers);
    let count = triggers().count().max(1) as u32;
    let rest = (HOURS_OF_REST / count).clamp(REST.0, REST.1);
    let holds: Duration = triggers().filter_map(|trigger| trigger.hold).sum();
    let mut stage = Stage::new(&rules, place);
    let mut left = TRIGGERS_MAX;
    for hour in HOURS {
        let begin = Date::parse(hour).map_or(stage.now, |date| place.moment(date));
        stage.pass_until(begin.max(stage.now));
        for (_, rule) in &rules {
            for trigger in &rule.triggers {
                if left == 0 || stage.commands >= COMMANDS_MAX {
                    return stage.told();
                }
                left -= 1;
                rule.conditions.iter().for_each(|condition| stage.make_hold(condition));
                stage.bring_about(trigger);
                let hold = trigger.hold.filter(|_| holds <= HOURS_OF_REST).unwrap_or_default();
                stage.pass_until(stage.now + hold + rest);
            }
        }
    }
    stage.told()
}

/// How many moments of the clock a rule looks at within a day.
fn moments_of_a_day(rule: &Rule) -> u64 {
    let moments = |trigger: &Trigger| match &trigger.kind {
        TriggerKind::Every { interval } => 86_400 / interval.as_secs().max(1),
        TriggerKind::Expression { expression } if expression.reads_time() => 1_440,
        _ => 1,
    };
    rule.triggers.iter().map(moments).sum()
}

/// A command of a rule.
struct Command {
    time: Timestamp,
    rule: Arc<str>,
    value: Value,
}

struct Stage {
    engine: Engine,
    now: Timestamp,
    /// The latest commands to each property.
    latest: BTreeMap<Property, VecDeque<Command>>,
    commands: usize,
    /// Which rules contradict each other about what.
    told: BTreeSet<(Arc<str>, Arc<str>, Property)>,
    flooded: BTreeSet<Property>,
    found: Vec<Conflict>,
}

impl Stage {
    fn new(rules: &[(Arc<str>, Arc<Rule>)], place: &Place) -> Self {
        let now = Date::parse("2026-03-04T00:00").map_or(Timestamp::from_seconds(0), |date| place.moment(date));
        let mut engine = Engine::new(place.clone(), Options { pace: Pace::Replay, traces: TraceLevel::Off });
        for (id, rule) in rules {
            let enlisted = Enlisted { id: Arc::clone(id), version: 1, rule: Arc::clone(rule), shadow: false };
            engine.enlist(enlisted, &Nothing, now);
        }
        Self {
            engine,
            now,
            latest: BTreeMap::new(),
            commands: 0,
            told: BTreeSet::new(),
            flooded: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn told(mut self) -> Vec<Conflict> {
        for mut circle in self.engine.take_circles() {
            let first = (0..circle.len()).min_by_key(|at| Arc::clone(&circle[*at])).unwrap_or(0);
            circle.rotate_left(first);
            let ids: Vec<String> = circle.iter().map(ToString::to_string).collect();
            let words = match ids.as_slice() {
                [one] => format!("{one} sets itself off again and again: seen in a simulation."),
                all => format!("{} set each other off again and again: seen in a simulation.", words::list(all, "and")),
            };
            self.tell(ConflictKind::Loop, ids, None, words);
        }
        self.found.truncate(CONFLICTS_MAX);
        self.found
    }

    fn tell(&mut self, kind: ConflictKind, rules: Vec<String>, of: Option<&Property>, words: String) {
        let (thing, name) = (of.map(|(thing, _)| thing.clone()), of.map(|(_, name)| name.clone()));
        self.found.push(Conflict { kind, rules, thing, name, words, severity: ProblemSeverity::Warning });
    }

    fn say(&mut self, of: &Reference, value: &Value) {
        let mut effects = Vec::new();
        self.tell_engine(of.kind, (of.thing.as_str(), of.name.as_str()), value, None, &mut effects);
        self.answer(effects);
    }

    fn tell_engine(
        &mut self,
        kind: RecordKind,
        (thing, name): (&str, &str),
        value: &Value,
        cause: Option<&Cause>,
        effects: &mut Vec<Effect>,
    ) {
        let (time, position) = (self.now, Position::START);
        let said = Said { value, quality: Quality::Good, time, received: time, position, cause };
        self.engine.feed(&RecordView { thing, name, kind, said }, effects);
    }

    /// Things do as they are told, which may set rules off again.
    fn answer(&mut self, effects: Vec<Effect>) {
        let mut waiting = VecDeque::from(effects);
        let mut at_once = 0;
        while let Some(effect) = waiting.pop_front() {
            let What::Set { thing, name, value } = &effect.what else { continue };
            at_once += 1;
            self.commands += 1;
            if at_once > COMMANDS_AT_ONCE_MAX || self.commands > COMMANDS_MAX {
                return;
            }
            self.look_at((thing.clone(), name.clone()), &effect.rule, value);
            let mut more = Vec::new();
            let cause = effect.cause();
            self.tell_engine(RecordKind::Property, (thing.as_str(), name.as_str()), value, Some(&cause), &mut more);
            waiting.extend(more);
        }
    }

    /// Compares a command with those before it.
    fn look_at(&mut self, of: Property, rule: &Arc<str>, value: &Value) {
        let now = self.now;
        let before = self.latest.entry(of.clone()).or_default();
        while before.front().is_some_and(|command| now.since(command.time) >= Duration::from_mins(1)) {
            before.pop_front();
        }
        let against = before.iter().rev().take_while(|command| now.since(command.time) < SAME_MOMENT);
        let against = against
            .filter(|command| command.rule != *rule && !equal(&command.value, value))
            .map(|command| (Arc::clone(&command.rule), command.value.clone()))
            .next();
        before.push_back(Command { time: now, rule: Arc::clone(rule), value: value.clone() });
        let count = before.len();
        let rules: BTreeSet<String> = before.iter().map(|command| command.rule.to_string()).collect();
        let place = format!("{}/{}", of.0, of.1);
        if let Some((other, was)) = against {
            let (first, second) = if other < *rule { (&other, rule) } else { (rule, &other) };
            if self.told.insert((Arc::clone(first), Arc::clone(second), of.clone())) {
                let words = format!(
                    "{other} sets {place} to {}, and {rule} sets it to {} at the same moment: seen in a simulation.",
                    words::value(&was),
                    words::value(value)
                );
                self.tell(ConflictKind::Contradiction, vec![other.to_string(), rule.to_string()], Some(&of), words);
            }
        }
        if flood_of(count) && self.flooded.insert(of.clone()) {
            let rules: Vec<String> = rules.into_iter().collect();
            let words = format!(
                "{} gave {place} more than {} commands within a minute: seen in a simulation.",
                words::list(&rules, "and"),
                count - 1
            );
            self.tell(ConflictKind::Flood, rules, Some(&of), words);
        }
    }

    fn pass_until(&mut self, until: Timestamp) {
        while let Some(due) = self.engine.next_wake().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let mut effects = Vec::new();
            self.engine.tick(self.now, &mut effects);
            self.answer(effects);
            if self.commands > COMMANDS_MAX {
                break;
            }
        }
        self.now = self.now.max(until);
    }

    /// Makes a condition hold, as far as that is in the power of things.
    fn make_hold(&mut self, condition: &Condition) {
        match &condition.kind {
            ConditionKind::Is { of, values, .. } => {
                if let Some(value) = values.first().and_then(Template::literal) {
                    self.say(of, value);
                }
            }
            ConditionKind::Range { of, range, .. } => {
                if let Some(inside) = inside(range) {
                    self.say(of, &inside);
                }
            }
            ConditionKind::Presence { of, values, .. } => {
                if let Some(value) = values.first() {
                    self.say(of, value);
                }
            }
            ConditionKind::All(inner) => inner.iter().for_each(|condition| self.make_hold(condition)),
            ConditionKind::Any(inner) => {
                if let Some(condition) = inner.first() {
                    self.make_hold(condition);
                }
            }
            ConditionKind::Not(_)
            | ConditionKind::Time { .. }
            | ConditionKind::Sun { .. }
            | ConditionKind::Trigger { .. }
            | ConditionKind::Expression(_) => {}
        }
    }

    /// Lets happen what a trigger looks for. Clocks fire as time passes, expressions when what they read changes.
    fn bring_about(&mut self, trigger: &Trigger) {
        match &trigger.kind {
            TriggerKind::Change { of, from, to } => {
                let (before, after) = two_values(from, to);
                self.say(of, &before);
                self.say(of, &after);
            }
            TriggerKind::Presence { of, to } => {
                let to = to.first().cloned().unwrap_or_else(|| Value::text("offline"));
                let before = if to == Value::text("online") { "offline" } else { "online" };
                self.say(of, &Value::text(before));
                self.say(of, &to);
            }
            TriggerKind::Range { of, range } => {
                if let (Some(outside), Some(inside)) = (outside(range), inside(range)) {
                    self.say(of, &outside);
                    self.say(of, &inside);
                }
            }
            TriggerKind::Event { of, .. } => self.say(of, &Value::Null),
            TriggerKind::Insight { of, sort, .. } => {
                let found = serde_json::json!({
                    "kind": sort.as_deref().unwrap_or("anomaly"), "severity": AlarmSeverity::Alarm.as_str(), "state": "open",
                });
                self.say(of, &Value::from_json(found));
            }
            TriggerKind::Forecast { of, range, within } => {
                let Some(value) = inside(range).and_then(|value| value.as_f64()) else { return };
                let mut effects = Vec::new();
                let soon = self.now + (*within).min(Duration::from_mins(1));
                for points in [&[][..], &[(soon, value)]] {
                    self.engine.forecast(of.thing.as_str(), of.name.as_str(), points, self.now, &mut effects);
                }
                self.answer(effects);
            }
            TriggerKind::Webhook { name } => {
                let mut effects = Vec::new();
                self.engine.webhook(name, Value::Null, self.now, &mut effects);
                self.answer(effects);
            }
            TriggerKind::Time { .. }
            | TriggerKind::Every { .. }
            | TriggerKind::Sun { .. }
            | TriggerKind::Calendar { .. }
            | TriggerKind::Expression { .. } => {}
        }
    }
}

/// Something that a property was, and something else that it becomes.
fn two_values(from: &[Value], to: &[Value]) -> (Value, Value) {
    let after = to.first().cloned();
    let before = from.first().cloned();
    let other = |value: &Value| match value {
        Value::Boolean(value) => Value::Boolean(!value),
        Value::Integer(number) => Value::Integer(number.saturating_sub(1)),
        Value::Float(number) => Value::Float(number - 1.0),
        _ => Value::text("something else"),
    };
    match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(after)) => (other(&after), after),
        (Some(before), None) => (before.clone(), other(&before)),
        // Numbers suit most of what rules work out.
        (None, None) => (Value::Integer(0), Value::Integer(1)),
    }
}

/// A number beside a range, if its bounds are written down.
fn outside(range: &Range) -> Option<Value> {
    let (above, below) = bounds(range);
    let beside = above.map(|above| above - margin(above)).or_else(|| below.map(|below| below + margin(below)));
    beside.map(Value::Float)
}

fn margin(bound: f64) -> f64 {
    bound.abs().max(1.0) / 10.0
}

/// The bounds that are written down.
fn bounds(range: &Range) -> (Option<f64>, Option<f64>) {
    let number = |operand: &Option<Operand>| match operand {
        Some(Operand::Number(number)) => Some(*number),
        _ => None,
    };
    (number(&range.above), number(&range.below))
}

/// A number within a range, if its bounds are written down.
fn inside(range: &Range) -> Option<Value> {
    Some(Value::Float(match bounds(range) {
        (Some(above), Some(below)) => f64::midpoint(above, below),
        (Some(above), None) => above + margin(above),
        (None, Some(below)) => below - margin(below),
        (None, None) => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rules: &[&str]) -> Vec<String> {
        let parse = |(at, text): (usize, &&str)| {
            let parsed = Rule::parse(&format!("rule: r\n{text}"));
            let rule = parsed.rule.unwrap_or_else(|| panic!("{:?}", parsed.problems));
            (Arc::from(["one", "two", "three", "four"][at]), rule)
        };
        let rules: Vec<_> = rules.iter().enumerate().map(parse).collect();
        let place = Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap();
        conflicts(&rules, &place).iter().map(|conflict| format!("{:?} {}", conflict.kind, conflict.words)).collect()
    }

    #[test]
    fn contradictions_through_what_is_worked_out_are_seen() {
        let light =
            "triggers: [{ property: a/motion, to: true }]\nactions: [{ set: lamp/level, to: \"${ 40 + 40 }\" }]";
        let dim = "triggers: [{ property: a/motion, to: true }]\nactions: [{ set: lamp/level, to: \"${ 100 - 50 }\" }]";
        assert_eq!(
            found(&[light, dim]),
            [
                "Contradiction one sets lamp/level to 80, and two sets it to 50 at the same moment: seen in a simulation."
            ]
        );
        let same = dim.replace("100 - 50", "100 - 20");
        assert_eq!(found(&[light, &same]), Vec::<String>::new());
    }

    #[test]
    fn what_follows_from_what_follows_is_seen() {
        let first = "triggers: [{ property: a/door, to: open }]\nactions: [{ set: b/mode, to: alert }]";
        let second =
            "triggers: [{ expression: \"${ value('b/mode') == 'alert' }\" }]\nactions: [{ set: siren/on, to: true }]";
        let third = "triggers: [{ property: a/door }]\nactions: [{ set: siren/on, to: \"${ 1 > 2 }\" }]";
        let found = found(&[first, second, third]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("siren/on"), "{found:?}");
    }

    #[test]
    fn circles_and_floods_are_seen_and_what_rests_is_not() {
        let up = "mode: parallel\ntriggers: [{ property: a/p }]\nactions: [{ set: b/q, to: \"${ trigger.value }\" }]";
        let down =
            "mode: parallel\ntriggers: [{ property: b/q }]\nactions: [{ set: a/p, to: \"${ trigger.value + 1 }\" }]";
        let seen = found(&[up, down]);
        assert!(seen.iter().any(|it| it.starts_with("Loop one and two set each other off")), "{seen:?}");
        let rests = "triggers: [{ property: b/q }]\nactions: [{ set: a/p, to: 5 }]";
        assert_eq!(found(&[up, rests]), Vec::<String>::new());
        let often = "triggers: [{ every: 1 s }]\nactions: [{ set: a/p, to: \"${ now.second }\" }]";
        assert_eq!(
            found(&[often]),
            ["Flood one gave a/p more than 30 commands within a minute: seen in a simulation."]
        );
    }

    #[test]
    fn what_the_texts_show_is_not_told_twice() {
        let rule = |id: &str, to: &str| {
            let text = format!("rule: r\ntriggers: [{{ property: a/b, to: 1 }}]\nactions: [{{ set: c/d, to: {to} }}]");
            (Arc::from(id), Rule::parse(&text).rule.unwrap())
        };
        let far = Rule::parse("rule: r\ntriggers: [{ every: 1 s }]\nactions: [{ set: x/y, to: 1 }]").rule.unwrap();
        let rules = [rule("one", "1"), rule("two", "2"), (Arc::from("far"), far)];
        let place = Place::utc();
        let kinds = |found: Vec<Conflict>| found.iter().map(|it| it.kind).collect::<Vec<ConflictKind>>();
        assert_eq!(kinds(all(&rules, &place)), [ConflictKind::Contradiction, ConflictKind::Flood]);
        assert_eq!(kinds(of_one("one", &rules, &place)), [ConflictKind::Contradiction]);
    }

    #[test]
    fn conditions_are_made_to_hold() {
        let rule = |sets: &str| {
            format!(
                "triggers: [{{ webhook: go }}, {{ time: '12:01' }}]\nconditions: [{{ property: a/home, is: true }}, {{ property: a/lux, below: 10 }}, {{ time: {{ after: '10:00', before: '15:00' }} }}]\nactions: [{{ set: b/on, to: {sets} }}]"
            )
        };
        let (on, off) = (rule("\"${ 1 == 1 }\""), rule("false"));
        assert_eq!(found(&[&on, &off]).len(), 1);
        let elsewhere = off.replace("a/home, is: true", "a/home, is: false");
        assert_eq!(found(&[&on, &elsewhere]), Vec::<String>::new());
    }
}
