//! What many rules do to each other, found without running them.
//!
//! What is found can happen; whether it does depends on what things report. A rule that writes what it worked out is
//! taken to write anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Name, ThingId, Value};
use serde::{Deserialize, Serialize};

use crate::expression::equal;
use crate::problem::ProblemSeverity;
use crate::rule::{
    Action, ActionKind, Condition, ConditionKind, Operand, Range, Reference, Rounds, Rule, Trigger, TriggerKind,
};
use crate::{walk, words};

/// From so many commands a minute on, a thing is flooded.
const COMMANDS_PER_MINUTE_FLOOD: f64 = 30.0;
/// The most writes of one property that are compared with each other.
const WRITES_COMPARED_MAX: usize = 200;
/// The most conflicts that are told.
const CONFLICTS_MAX: usize = 1_000;

/// The sorts of conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleConflictKind))]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two rules set a property to different values at the same moment.
    Contradiction,
    /// Rules set each other off in a circle.
    Loop,
    /// A rule may give more commands than a thing should take.
    Flood,
    /// A rule does nothing that another one does not do.
    Shadowed,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleConflict))]
pub struct Conflict {
    /// The sort.
    pub kind: ConflictKind,
    /// The rules, in the order of the circle for a loop.
    pub rules: Vec<String>,
    /// About which thing, if about one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// About which property, if about one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub name: Option<Name>,
    /// In a sentence.
    pub words: String,
    /// How bad it is.
    pub severity: ProblemSeverity,
}

/// Whether so many commands within a minute are more than a thing should take.
pub(crate) fn flood_of(commands: usize) -> bool {
    commands as f64 > COMMANDS_PER_MINUTE_FLOOD
}

/// The conflicts among rules, by id.
pub fn find(rules: &[(Arc<str>, Arc<Rule>)]) -> Vec<Conflict> {
    let views: Vec<Seen<'_>> = rules.iter().map(|(id, rule)| Seen::new(id, rule)).collect();
    let mut found = contradictions(&views);
    found.extend(loops(&views));
    found.extend(views.iter().filter_map(flood));
    found.extend(shadowed(&views));
    found.truncate(CONFLICTS_MAX);
    found
}

/// What one rule does to itself, in words.
pub(crate) fn of_one(rule: &Rule) -> Vec<String> {
    let seen = [Seen::new("this rule", rule)];
    let found = loops(&seen).into_iter().chain(flood(&seen[0]));
    found.map(|conflict| conflict.words.trim_end_matches('.').to_owned()).collect()
}

type Property<'r> = (&'r ThingId, &'r Name);

/// A rule as it is looked at here.
struct Seen<'r> {
    id: &'r str,
    rule: &'r Rule,
    writes: Vec<Write<'r>>,
}

/// A property that a rule writes.
struct Write<'r> {
    of: Property<'r>,
    /// What, when it is written down.
    value: Option<&'r Value>,
    /// What holds when it does, beside the rule's own conditions.
    under: Vec<&'r Condition>,
    /// Whether time may have passed since the rule was set off.
    later: bool,
}

impl<'r> Seen<'r> {
    fn new(id: &'r str, rule: &'r Rule) -> Self {
        let mut writes = Vec::new();
        collect(&rule.actions, &mut Vec::new(), &mut false, &mut writes);
        Self { id, rule, writes }
    }
}

fn collect<'r>(actions: &'r [Action], under: &mut Vec<&'r Condition>, later: &mut bool, out: &mut Vec<Write<'r>>) {
    for action in actions {
        match &action.kind {
            ActionKind::Set(sets) => out.extend(sets.iter().map(|(of, value)| Write {
                of: (&of.thing, &of.name),
                value: value.literal(),
                under: under.clone(),
                later: *later,
            })),
            ActionKind::Delay(_) | ActionKind::Wait { .. } => *later = true,
            ActionKind::Choose { branches, otherwise } => {
                let before = under.len();
                for branch in branches {
                    under.extend(&branch.conditions);
                    collect(&branch.actions, under, later, out);
                    under.truncate(before);
                }
                collect(otherwise, under, later, out);
            }
            ActionKind::Repeat { actions, .. } => collect(actions, under, later, out),
            _ => {}
        }
    }
}

/// What is known of a property when something happens.
#[derive(Debug, Default, Clone)]
struct Known<'r> {
    /// One of these.
    values: Option<Vec<&'r Value>>,
    /// None of these.
    not: Vec<&'r Value>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Known<'_> {
    /// Whether both can be so at once.
    fn fits(&self, other: &Self) -> bool {
        let (low, high) = (self.low.into_iter().chain(other.low), self.high.into_iter().chain(other.high));
        let (low, high) = (low.fold(f64::NEG_INFINITY, f64::max), high.fold(f64::INFINITY, f64::min));
        if low >= high {
            return false;
        }
        let possible = |value: &Value| {
            let number = value.as_f64();
            number.is_none_or(|number| number > low && number < high)
                && !self.not.iter().chain(&other.not).any(|not| equal(not, value))
        };
        match (&self.values, &other.values) {
            (Some(a), Some(b)) => a.iter().any(|value| possible(value) && b.iter().any(|other| equal(value, other))),
            (Some(values), None) | (None, Some(values)) => values.iter().any(|value| possible(value)),
            (None, None) => true,
        }
    }
}

type Facts<'r> = BTreeMap<(&'r str, &'r str), Vec<Known<'r>>>;

fn fact<'r>(facts: &mut Facts<'r>, of: &'r Reference, known: Known<'r>) {
    facts.entry((of.thing.as_str(), of.name.as_str())).or_default().push(known);
}

fn in_range(range: &Range) -> Known<'_> {
    let bound = |operand: &Option<Operand>| match operand {
        Some(Operand::Number(number)) => Some(*number),
        _ => None,
    };
    Known { low: bound(&range.above), high: bound(&range.below), ..Known::default() }
}

/// What conditions say about properties, as far as it is written down.
fn facts_of<'r>(conditions: impl IntoIterator<Item = &'r Condition>, facts: &mut Facts<'r>) {
    for condition in conditions {
        match &condition.kind {
            ConditionKind::Is { of, values, .. } => {
                let values: Option<Vec<&Value>> = values.iter().map(|value| value.literal()).collect();
                fact(facts, of, Known { values, ..Known::default() });
            }
            ConditionKind::Presence { of, values, .. } => {
                fact(facts, of, Known { values: Some(values.iter().collect()), ..Known::default() });
            }
            ConditionKind::Range { of, range, .. } => fact(facts, of, in_range(range)),
            ConditionKind::All(inner) => facts_of(inner, facts),
            ConditionKind::Not(inner) => {
                for condition in inner {
                    if let ConditionKind::Is { of, values, hold: None } = &condition.kind {
                        let not = values.iter().filter_map(|value| value.literal()).collect();
                        fact(facts, of, Known { not, ..Known::default() });
                    }
                }
            }
            _ => {}
        }
    }
}

fn trigger_facts<'r>(trigger: &'r Trigger, facts: &mut Facts<'r>) {
    match &trigger.kind {
        TriggerKind::Change { of, to, .. } | TriggerKind::Presence { of, to } if !to.is_empty() => {
            fact(facts, of, Known { values: Some(to.iter().collect()), ..Known::default() });
        }
        TriggerKind::Range { of, range } => fact(facts, of, in_range(range)),
        _ => {}
    }
}

/// Whether two sets of facts can be so at once.
fn can_both(a: &Facts<'_>, b: &Facts<'_>) -> bool {
    a.iter().all(|(of, known)| {
        let other = b.get(of).map_or(&[][..], Vec::as_slice);
        known.iter().all(|known| other.iter().all(|other| known.fits(other)))
    })
}

/// Whether what conditions say about the time of day excludes each other.
fn times_exclude(a: &[Condition], b: &[Condition]) -> bool {
    let windows = |conditions: &[Condition]| {
        let found = conditions.iter().filter_map(|condition| match &condition.kind {
            ConditionKind::Time { after, before, on } => {
                let (from, to) = (after.map_or(0, |it| it.second), before.map_or(86_400, |it| it.second));
                let spans = if from < to { vec![(from, to)] } else { vec![(from, 86_400), (0, to)] };
                Some((spans, *on, from < to))
            }
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    let overlap =
        |a: &[(u32, u32)], b: &[(u32, u32)]| a.iter().any(|(from, to)| b.iter().any(|(f, t)| from < t && f < to));
    let others = windows(b);
    windows(a).iter().any(|(spans, on, within_day)| {
        others.iter().any(|(other, other_on, other_within)| {
            !overlap(spans, other) || (*within_day && *other_within && !on.overlaps(*other_on))
        })
    }) || suns(a).iter().any(|day| suns(b).iter().any(|other| day != other))
}

/// Whether conditions want the day or the night.
fn suns(conditions: &[Condition]) -> Vec<bool> {
    let found = conditions.iter().filter_map(|condition| match &condition.kind {
        ConditionKind::Sun { after: Some((after, 0)), before: Some((before, 0)) } if after != before => {
            Some(*after == crate::sun::SunEvent::Sunrise)
        }
        _ => None,
    });
    found.collect()
}

/// Whether two triggers can fire at the same moment.
fn same_moment(a: &Trigger, b: &Trigger) -> bool {
    if a.hold != b.hold {
        return false;
    }
    let same = |a: &Reference, b: &Reference| a.thing == b.thing && a.name == b.name && a.kind == b.kind;
    let meet = |a: &[Value], b: &[Value]| {
        a.is_empty() || b.is_empty() || a.iter().any(|value| b.iter().any(|other| equal(value, other)))
    };
    match (&a.kind, &b.kind) {
        (TriggerKind::Change { of, from, to }, TriggerKind::Change { of: other, from: other_from, to: other_to }) => {
            same(of, other) && meet(to, other_to) && meet(from, other_from)
        }
        (TriggerKind::Presence { of, to }, TriggerKind::Presence { of: other, to: other_to }) => {
            same(of, other) && meet(to, other_to)
        }
        (TriggerKind::Range { of, range }, TriggerKind::Range { of: other, range: other_range }) => {
            same(of, other) && in_range(range).fits(&in_range(other_range))
        }
        (TriggerKind::Time { at, on }, TriggerKind::Time { at: other, on: other_on }) => {
            on.overlaps(*other_on) && at.iter().any(|time| other.contains(time))
        }
        (TriggerKind::Event { of, filter }, TriggerKind::Event { of: other, filter: other_filter }) => {
            let told_apart = matches!((filter, other_filter), (Some(a), Some(b)) if a.text != b.text);
            same(of, other) && !told_apart
        }
        (TriggerKind::Expression { expression }, TriggerKind::Expression { expression: other }) => {
            expression.text == other.text
        }
        (TriggerKind::Webhook { name }, TriggerKind::Webhook { name: other }) => name == other,
        (TriggerKind::Every { .. }, TriggerKind::Every { .. }) => true,
        (
            TriggerKind::Sun { event, offset_seconds },
            TriggerKind::Sun { event: other, offset_seconds: other_seconds },
        ) => event == other && offset_seconds == other_seconds,
        (TriggerKind::Calendar { .. }, TriggerKind::Calendar { .. })
        | (TriggerKind::Insight { .. }, TriggerKind::Insight { .. })
        | (TriggerKind::Forecast { .. }, TriggerKind::Forecast { .. }) => words::trigger(a) == words::trigger(b),
        _ => false,
    }
}

fn contradictions(rules: &[Seen<'_>]) -> Vec<Conflict> {
    let mut by_property: BTreeMap<Property<'_>, Vec<(usize, &Write<'_>)>> = BTreeMap::new();
    for (at, seen) in rules.iter().enumerate() {
        for write in seen.writes.iter().filter(|write| !write.later && write.value.is_some()) {
            by_property.entry(write.of).or_default().push((at, write));
        }
    }
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for ((thing, name), writes) in by_property {
        let writes = &writes[..writes.len().min(WRITES_COMPARED_MAX)];
        for (index, (a, one)) in writes.iter().enumerate() {
            for (b, other) in &writes[index + 1..] {
                let (Some(value), Some(against)) = (one.value, other.value) else { continue };
                if a == b || equal(value, against) || told.contains(&(*a, *b, name)) {
                    continue;
                }
                let (first, second) = (&rules[*a], &rules[*b]);
                let Some(trigger) = meeting(first, one, second, other) else { continue };
                told.insert((*a, *b, name));
                found.push(Conflict {
                    kind: ConflictKind::Contradiction,
                    rules: vec![first.id.to_owned(), second.id.to_owned()],
                    thing: Some(thing.clone()),
                    name: Some(name.clone()),
                    words: format!(
                        "{} sets {thing}/{name} to {}, and {} sets it to {}, both when {}.",
                        first.id,
                        words::value(value),
                        second.id,
                        words::value(against),
                        words::trigger(trigger)
                    ),
                    severity: ProblemSeverity::Warning,
                });
            }
        }
    }
    found
}

/// The trigger at which two rules write at the same moment.
fn meeting<'r>(a: &Seen<'r>, one: &Write<'r>, b: &Seen<'r>, other: &Write<'r>) -> Option<&'r Trigger> {
    if times_exclude(&a.rule.conditions, &b.rule.conditions) {
        return None;
    }
    a.rule.triggers.iter().find(|trigger| {
        b.rule.triggers.iter().any(|against| {
            let (mut facts, mut others) = (Facts::new(), Facts::new());
            facts_of(a.rule.conditions.iter().chain(one.under.iter().copied()), &mut facts);
            facts_of(b.rule.conditions.iter().chain(other.under.iter().copied()), &mut others);
            trigger_facts(trigger, &mut facts);
            trigger_facts(against, &mut others);
            same_moment(trigger, against) && can_both(&facts, &others)
        })
    })
}

/// Whether a trigger may fire when a property becomes a value; `None` is any value.
fn may_fire(trigger: &Trigger, of: Property<'_>, value: Option<&Value>) -> bool {
    let is = |reference: &Reference| (&reference.thing, &reference.name) == of;
    match &trigger.kind {
        TriggerKind::Change { of, to, .. } if is(of) => {
            value.is_none_or(|value| to.is_empty() || to.iter().any(|wanted| equal(wanted, value)))
        }
        TriggerKind::Range { of, range } if is(of) => {
            let values = value.map(|value| vec![value]);
            value.is_none_or(|_| in_range(range).fits(&Known { values, ..Known::default() }))
        }
        _ => false,
    }
}

/// Circles of writes: what one write sets off writes the next. A circle in which every property only ever becomes one
/// value comes to rest, and is none.
fn loops(rules: &[Seen<'_>]) -> Vec<Conflict> {
    let writes: Vec<(usize, &Write<'_>)> =
        rules.iter().enumerate().flat_map(|(at, seen)| seen.writes.iter().map(move |write| (at, write))).collect();
    // Which rules listen to which property.
    let mut listeners: BTreeMap<(&str, &str), Vec<(usize, &Trigger)>> = BTreeMap::new();
    let mut readers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, seen) in rules.iter().enumerate() {
        for trigger in &seen.rule.triggers {
            match &trigger.kind {
                TriggerKind::Change { of, .. } | TriggerKind::Range { of, .. } => {
                    listeners.entry((of.thing.as_str(), of.name.as_str())).or_default().push((at, trigger));
                }
                TriggerKind::Expression { expression } => {
                    for slot in expression.slots() {
                        let of = &seen.rule.references[slot as usize];
                        listeners.entry((of.thing.as_str(), of.name.as_str())).or_default().push((at, trigger));
                    }
                }
                _ => {}
            }
        }
    }
    for (index, (at, _)) in writes.iter().enumerate() {
        readers.entry(*at).or_default().push(index);
    }
    let next: Vec<Vec<usize>> = writes
        .iter()
        .map(|(_, write)| {
            let heard = listeners.get(&(write.of.0.as_str(), write.of.1.as_str())).map_or(&[][..], Vec::as_slice);
            let fired = heard.iter().filter(|(_, trigger)| {
                matches!(trigger.kind, TriggerKind::Expression { .. }) || may_fire(trigger, write.of, write.value)
            });
            let rules: BTreeSet<usize> = fired.map(|(rule, _)| *rule).collect();
            rules.iter().flat_map(|rule| readers.get(rule).into_iter().flatten().copied()).collect()
        })
        .collect();
    let circles = components(&next).into_iter().filter(|circle| {
        let goes_round = circle.len() > 1 || next[circle[0]].contains(&circle[0]);
        goes_round && {
            let mut values: BTreeMap<Property<'_>, Vec<Option<&Value>>> = BTreeMap::new();
            for index in circle {
                let (_, write) = &writes[*index];
                values.entry(write.of).or_default().push(write.value);
            }
            let moves = |values: &Vec<Option<&Value>>| {
                values.iter().any(Option::is_none)
                    || values
                        .windows(2)
                        .any(|pair| !equal(pair[0].unwrap_or(&Value::Null), pair[1].unwrap_or(&Value::Null)))
            };
            values.values().any(moves)
        }
    });
    circles
        .map(|circle| {
            let mut ids: Vec<String> = Vec::new();
            for index in &circle {
                let id = rules[writes[*index].0].id.to_owned();
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            let (thing, name) = writes[circle[0]].1.of;
            let what = match ids.as_slice() {
                [one] => format!("{one} sets itself off again through {thing}/{name}."),
                all => format!("{} set each other off in a circle through {thing}/{name}.", words::list(all, "and")),
            };
            Conflict {
                kind: ConflictKind::Loop,
                rules: ids,
                thing: Some(thing.clone()),
                name: Some(name.clone()),
                words: what,
                severity: ProblemSeverity::Warning,
            }
        })
        .collect()
}

/// The strongly connected components of a graph, by Kosaraju's two walks, without recursion.
fn components(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut order = Vec::with_capacity(next.len());
    let mut seen = vec![false; next.len()];
    for start in 0..next.len() {
        let mut stack = vec![(start, 0)];
        while let Some((node, at)) = stack.pop() {
            if at == 0 && std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match next[node].get(at) {
                Some(to) => {
                    stack.push((node, at + 1));
                    if !seen[*to] {
                        stack.push((*to, 0));
                    }
                }
                None => order.push(node),
            }
        }
    }
    let mut before = vec![Vec::new(); next.len()];
    for (from, tos) in next.iter().enumerate() {
        tos.iter().for_each(|to| before[*to].push(from));
    }
    let mut placed = vec![false; next.len()];
    let mut all = Vec::new();
    for start in order.into_iter().rev() {
        let mut component = Vec::new();
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if !std::mem::replace(&mut placed[node], true) {
                component.push(node);
                stack.extend(&before[node]);
            }
        }
        component.sort_unstable();
        if !component.is_empty() {
            all.push(component);
        }
    }
    all.sort();
    all
}

/// How many commands a row of actions gives at once, at most.
fn commands(actions: &[Action]) -> f64 {
    let of = |action: &Action| match &action.kind {
        ActionKind::Set(sets) => sets.len() as f64,
        ActionKind::Act { .. } => 1.0,
        ActionKind::Choose { branches, otherwise } => {
            branches.iter().map(|branch| commands(&branch.actions)).fold(commands(otherwise), f64::max)
        }
        ActionKind::Repeat { rounds, actions } => {
            let waits = {
                let mut waits = false;
                walk::actions(actions, &mut |action| {
                    waits |= matches!(action.kind, ActionKind::Delay(_) | ActionKind::Wait { .. });
                });
                waits
            };
            match rounds {
                _ if waits => commands(actions),
                Rounds::Times(times) => commands(actions) * f64::from(*times),
                Rounds::Each(items) => commands(actions) * items.len() as f64,
                Rounds::While(_) | Rounds::Until(_) => commands(actions),
            }
        }
        _ => 0.0,
    };
    actions.iter().map(of).sum()
}

fn flood(seen: &Seen<'_>) -> Option<Conflict> {
    let at_once = commands(&seen.rule.actions);
    let fastest = seen.rule.triggers.iter().filter_map(|trigger| match &trigger.kind {
        TriggerKind::Every { interval } => Some(60.0 / interval.as_secs_f64().max(1.0)),
        _ => None,
    });
    let per_minute = at_once * fastest.fold(1.0, f64::max);
    if per_minute <= COMMANDS_PER_MINUTE_FLOOD {
        return None;
    }
    let one = seen.writes.first().map(|write| write.of);
    Some(Conflict {
        kind: ConflictKind::Flood,
        rules: vec![seen.id.to_owned()],
        thing: one.map(|(thing, _)| thing.clone()),
        name: one.map(|(_, name)| name.clone()),
        words: format!("{} may give {} commands a minute.", seen.id, per_minute.round()),
        severity: ProblemSeverity::Warning,
    })
}

fn shadowed(rules: &[Seen<'_>]) -> Vec<Conflict> {
    struct Said {
        triggers: BTreeSet<String>,
        conditions: BTreeSet<String>,
        actions: Vec<String>,
    }
    let said: Vec<Said> = rules
        .iter()
        .map(|seen| Said {
            triggers: seen.rule.triggers.iter().map(words::trigger).collect(),
            conditions: seen.rule.conditions.iter().map(words::condition).collect(),
            actions: seen.rule.actions.iter().map(words::action).collect(),
        })
        .collect();
    let mut same_actions: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
    for (at, rule) in said.iter().enumerate() {
        same_actions.entry(&rule.actions).or_default().push(at);
    }
    let mut found = Vec::new();
    for group in same_actions.values() {
        for small in group {
            let covers = |big: &&usize| {
                let (big, small_said) = (**big, &said[*small]);
                let same = said[big].triggers == small_said.triggers && said[big].conditions == small_said.conditions;
                big != *small
                    && small_said.triggers.is_subset(&said[big].triggers)
                    && said[big].conditions.is_subset(&small_said.conditions)
                    && (!same || big < *small)
            };
            let Some(big) = group.iter().take(WRITES_COMPARED_MAX).find(covers) else { continue };
            let (small, big) = (rules[*small].id, rules[*big].id);
            found.push(Conflict {
                kind: ConflictKind::Shadowed,
                rules: vec![small.to_owned(), big.to_owned()],
                thing: None,
                name: None,
                words: format!("{small} does nothing that {big} does not do."),
                severity: ProblemSeverity::Notice,
            });
        }
    }
    found
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
        find(&rules).iter().map(|conflict| format!("{:?} {}", conflict.kind, conflict.words)).collect()
    }

    fn on(trigger: &str, conditions: &str, action: &str) -> String {
        format!("triggers: [{{ {trigger} }}]\nconditions: [{conditions}]\nactions: [{{ {action} }}]")
    }

    #[test]
    fn contradictions_need_the_same_moment() {
        let motion = "property: hall.motion/on, to: true";
        let (light, dark) = ("set: hall.lamp/on, to: true", "set: hall.lamp/on, to: false");
        let both = |a: &str, b: &str| found(&[&on(motion, a, light), &on(motion, b, dark)]).len();
        assert_eq!(
            found(&[&on(motion, "", light), &on(motion, "", dark)]),
            [
                "Contradiction one sets hall.lamp/on to true, and two sets it to false, both when hall.motion/on becomes true."
            ]
        );
        assert_eq!(both("{ property: a/b, is: 1 }", "{ property: a/b, is: 2 }"), 0);
        assert_eq!(both("{ property: a/b, is: [1, 2] }", "{ property: a/b, is: 2 }"), 1);
        assert_eq!(both("{ property: a/b, above: 5 }", "{ property: a/b, below: 3 }"), 0);
        assert_eq!(both("{ property: a/b, above: 5 }", "{ property: a/b, below: 9 }"), 1);
        assert_eq!(both("{ property: a/b, is: 1 }", "{ not: [{ property: a/b, is: 1 }] }"), 0);
        assert_eq!(
            both("{ time: { after: '22:00', before: '06:00' } }", "{ time: { after: '07:00', before: '21:00' } }"),
            0
        );
        assert_eq!(
            both("{ time: { after: '22:00', before: '06:00' } }", "{ time: { after: '05:00', before: '21:00' } }"),
            1
        );
        assert_eq!(
            both("{ sun: { after: sunset, before: sunrise } }", "{ sun: { after: sunrise, before: sunset } }"),
            0
        );
        let other = on("property: hall.motion/on, to: false", "", dark);
        assert_eq!(found(&[&on(motion, "", light), &other]).len(), 0);
        let same = on(motion, "", "set: hall.lamp/on, to: true");
        assert!(found(&[&on(motion, "", light), &same])[0].starts_with("Shadowed two does nothing"));
    }

    #[test]
    fn circles_that_do_not_rest_are_found() {
        let rule = |trigger: &str, value: &str, sets: &str, to: &str| {
            on(&format!("property: {trigger}, to: {value}"), "", &format!("set: {sets}, to: {to}"))
        };
        let resting = [rule("a/p", "true", "b/q", "true"), rule("b/q", "true", "a/p", "true")];
        assert_eq!(found(&[&resting[0], &resting[1]]), Vec::<String>::new());
        let moving = [
            rule("a/p", "true", "b/q", "true"),
            rule("b/q", "true", "a/p", "false"),
            rule("a/p", "false", "b/q", "false"),
            rule("b/q", "false", "a/p", "true"),
        ];
        assert_eq!(
            found(&[&moving[0], &moving[1], &moving[2], &moving[3]]),
            ["Loop one, two, three and four set each other off in a circle through b/q."]
        );
        let itself = on("property: a/b", "", "set: a/b, to: \"${ value('a/b') + 1 }\"");
        assert_eq!(found(&[&itself]), ["Loop one sets itself off again through a/b."]);
        assert_eq!(found(&[&on("property: a/b", "", "set: a/b, to: 5")]), Vec::<String>::new());
    }

    #[test]
    fn floods_are_found() {
        assert_eq!(found(&[&on("every: 1 s", "", "set: a/b, to: 1")]), ["Flood one may give 60 commands a minute."]);
        assert_eq!(found(&[&on("every: 1 min", "", "set: a/b, to: 1")]), Vec::<String>::new());
        let repeat = "repeat: { times: 100, do: [{ set: a/b, to: 1 }] }";
        assert_eq!(found(&[&on("webhook: x", "", repeat)]), ["Flood one may give 100 commands a minute."]);
        let slow = "repeat: { times: 100, do: [{ set: a/b, to: 1 }, { delay: 10 s }] }";
        assert_eq!(found(&[&on("webhook: x", "", slow)]), Vec::<String>::new());
    }
}
