//! A rule in plain English sentences.

use std::time::Duration;

use model::Value;

use crate::calendar::{TimeOfDay, Weekdays, span_words};
use crate::expression::{Fired, Template, number_text};
use crate::rule::{
    Action, ActionKind, AfterTimeout, Condition, ConditionKind, Delay, Mode, Operand, Range, Rounds, Rule, Trigger,
    TriggerKind,
};
use crate::sun::SunEvent;

/// One sentence for each trigger, condition and action, in order.
pub fn sentences(rule: &Rule) -> Vec<String> {
    let mut sentences: Vec<String> =
        rule.triggers.iter().map(|trigger| sentence("When", &self::trigger(trigger))).collect();
    if !rule.conditions.is_empty() {
        let all: Vec<String> = rule.conditions.iter().map(condition).collect();
        sentences.push(sentence("Only if", &list(&all, "and")));
    }
    sentences.extend(rule.actions.iter().map(|action| sentence("", &self::action(action))));
    match rule.mode {
        Mode::Single => {}
        Mode::Restart => sentences.push("Set off again, it begins anew.".to_owned()),
        Mode::Queued => sentences.push(format!("Set off again, up to {} runs wait their turn.", rule.max)),
        Mode::Parallel => sentences.push(format!("Up to {} runs go on beside each other.", rule.max)),
    }
    sentences
}

fn sentence(begin: &str, rest: &str) -> String {
    let text = if begin.is_empty() { rest.to_owned() } else { format!("{begin} {rest}") };
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// What sets a rule off: `hall.motion/occupancy becomes true`.
pub(crate) fn trigger(trigger: &Trigger) -> String {
    let text = match &trigger.kind {
        TriggerKind::Change { of, from, to } => {
            let from = if from.is_empty() { String::new() } else { format!(" from {}", values(from)) };
            let what = if to.is_empty() { "changes".to_owned() } else { format!("becomes {}", values(to)) };
            format!("{of} {what}{from}")
        }
        TriggerKind::Range { of, range } => {
            format!("{of} {}", range_words(range, "rises above", "falls below", "comes between"))
        }
        TriggerKind::Time { at, on } => format!("it is {}{}", times(at), days(*on)),
        TriggerKind::Every { interval } => format!("{} have passed, again and again", span_words(*interval)),
        TriggerKind::Sun { event, offset_seconds } => match event {
            SunEvent::Sunrise => format!("the sun rises{}", offset(*offset_seconds)),
            SunEvent::Sunset => format!("the sun sets{}", offset(*offset_seconds)),
        },
        TriggerKind::Calendar { months, days: numbers, on, at } => {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let months: Vec<&str> = months.iter().map(|month| MONTHS[usize::from(*month - 1) % 12]).collect();
            let of_month = if months.is_empty() { "the month".to_owned() } else { list(&months, "and") };
            let date = match numbers.is_empty() {
                true if months.is_empty() => String::new(),
                true => format!(" in {of_month}"),
                false => format!(" on day {} of {of_month}", list(&numbers, "and")),
            };
            format!("it is {}{date}{}", times(at), days(*on))
        }
        TriggerKind::Event { of, filter } => match filter {
            Some(filter) => format!("{of} happens and {}", filter.text),
            None => format!("{of} happens"),
        },
        TriggerKind::Insight { of, sort, severity } => {
            let what = if of.name.as_str() == crate::rule::ANY_NAME { of.thing.to_string() } else { of.to_string() };
            let sort = sort.as_ref().map_or("something unusual".to_owned(), |sort| format!("\"{sort}\""));
            format!("{sort} is found in {what} ({} or worse)", severity.as_str())
        }
        TriggerKind::Forecast { of, range, within } => {
            let range = range_words(range, "above", "below", "between");
            format!("{of} is forecast to be {range} within {}", span_words(*within))
        }
        TriggerKind::Webhook { name } => format!("a program calls {name}"),
        TriggerKind::Presence { of, to } if to.is_empty() => format!("{of} comes or goes"),
        TriggerKind::Presence { of, to } => format!("{of} becomes {}", values(to)),
        TriggerKind::Expression { expression } => format!("{} becomes true", expression.text),
    };
    text + &held(trigger.hold)
}

/// What must hold: `hall.lamp/on is false`.
pub(crate) fn condition(condition: &Condition) -> String {
    match &condition.kind {
        ConditionKind::Is { of, values, hold } => {
            let values: Vec<String> = values.iter().map(template).collect();
            format!("{of} is {}{}", list(&values, "or"), held(*hold))
        }
        ConditionKind::Presence { of, values, hold } => format!("{of} is {}{}", self::values(values), held(*hold)),
        ConditionKind::Range { of, range, hold } => {
            format!("{of} is {}{}", range_words(range, "above", "below", "between"), held(*hold))
        }
        ConditionKind::Time { after, before, on } => {
            let time = match (after, before) {
                (Some(after), Some(before)) => format!("it is between {after} and {before}"),
                (Some(after), None) => format!("it is after {after}"),
                (None, Some(before)) => format!("it is before {before}"),
                (None, None) => return format!("it is a day {on}").replace("a day on ", ""),
            };
            time + &days(*on)
        }
        ConditionKind::Sun { after, before } => {
            let edge = |(event, seconds): (SunEvent, i64)| format!("{}{}", event.as_str(), offset(seconds));
            match (after, before) {
                (Some(after), Some(before)) => format!("it is after {} and before {}", edge(*after), edge(*before)),
                (Some(after), None) => format!("it is after {}", edge(*after)),
                (None, Some(before)) => format!("it is before {}", edge(*before)),
                (None, None) => "the sun shines or not".to_owned(),
            }
        }
        ConditionKind::Trigger { ids } => format!("the trigger is {}", list(ids, "or")),
        ConditionKind::All(inner) => group(inner, "and"),
        ConditionKind::Any(inner) => group(inner, "or"),
        ConditionKind::Not(inner) => format!("not {}", group(inner, "or")),
        ConditionKind::Expression(expression) => expression.text.to_string(),
    }
}

fn group(inner: &[Condition], word: &str) -> String {
    let inner: Vec<String> = inner.iter().map(condition).collect();
    format!("({})", inner.join(&format!(" {word} ")))
}

/// What is done: `set hall.lamp/on to true`.
pub(crate) fn action(action: &Action) -> String {
    match &action.kind {
        ActionKind::Set(sets) => {
            let sets: Vec<String> = sets.iter().map(|(of, value)| format!("{of} to {}", template(value))).collect();
            format!("set {}", list(&sets, "and"))
        }
        ActionKind::Act { of, input: None } => format!("let {} do {}", of.thing, of.name),
        ActionKind::Act { of, input: Some(input) } => {
            format!("let {} do {} with {}", of.thing, of.name, template(input))
        }
        ActionKind::Scene(scene) => format!("apply the scene {scene}"),
        ActionKind::Notify { message, to, .. } => {
            let whom = if to.is_empty() { "everybody".to_owned() } else { list(to, "and") };
            format!("tell {whom} \"{}\"", template(message).trim_matches('"'))
        }
        ActionKind::Alarm { name, severity, .. } => format!("raise the alarm {name} ({})", severity.as_str()),
        ActionKind::Delay(Delay::Fixed(duration)) => format!("wait {}", span_words(*duration)),
        ActionKind::Delay(Delay::Seconds(seconds)) => format!("wait {} seconds", seconds.text),
        ActionKind::Wait { triggers, timeout, then } => {
            let triggers: Vec<String> = triggers.iter().map(trigger).collect();
            let timeout = timeout.map(|timeout| {
                let after = if *then == AfterTimeout::Stop { "then stop" } else { "then go on" };
                format!(", for {} at most, {after}", span_words(timeout))
            });
            format!("wait until {}{}", list(&triggers, "or"), timeout.unwrap_or_default())
        }
        ActionKind::Choose { branches, otherwise } => {
            let branches: Vec<String> = branches
                .iter()
                .map(|branch| format!("if {}: {}", group_words(&branch.conditions), actions(&branch.actions)))
                .collect();
            let otherwise =
                if otherwise.is_empty() { String::new() } else { format!("; otherwise {}", actions(otherwise)) };
            branches.join("; else ") + &otherwise
        }
        ActionKind::Repeat { rounds, actions } => {
            let how = match rounds {
                Rounds::Times(1) => "once".to_owned(),
                Rounds::Times(times) => format!("{times} times"),
                Rounds::While(conditions) => format!("while {}", group_words(conditions)),
                Rounds::Until(conditions) => format!("until {}", group_words(conditions)),
                Rounds::Each(items) => {
                    format!("for each of {}", list(&items.iter().map(value).collect::<Vec<_>>(), "and"))
                }
            };
            format!("repeat {how}: {}", self::actions(actions))
        }
        ActionKind::Policy { name, input: None } => format!("call the policy {name}"),
        ActionKind::Policy { name, input: Some(input) } => format!("call the policy {name} with {}", template(input)),
        ActionKind::Variables(variables) => {
            let names: Vec<String> =
                variables.iter().map(|it| format!("{} be {}", it.name, template(&it.value))).collect();
            format!("let {}", list(&names, "and"))
        }
        ActionKind::Stop(None) => "stop".to_owned(),
        ActionKind::Stop(Some(reason)) => format!("stop: {}", template(reason).trim_matches('"')),
    }
}

fn actions(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "do nothing".to_owned();
    }
    list(&actions.iter().map(action).collect::<Vec<_>>(), "then")
}

pub(crate) fn group_words(conditions: &[Condition]) -> String {
    list(&conditions.iter().map(condition).collect::<Vec<_>>(), "and")
}

/// What set a run off: `hall.motion/occupancy became true`.
pub(crate) fn fired(trigger: &Trigger, fired: &Fired) -> String {
    let held = held(trigger.hold);
    match &trigger.kind {
        TriggerKind::Change { of, .. } | TriggerKind::Range { of, .. } | TriggerKind::Presence { of, .. } => {
            format!("{of} became {}{held}", value(&fired.value))
        }
        TriggerKind::Event { of, .. } if fired.value == Value::Null => format!("{of} happened"),
        TriggerKind::Event { of, .. } => format!("{of} happened: {}", value(&fired.value)),
        TriggerKind::Webhook { name } => format!("a program called {name}"),
        _ => self::trigger(trigger),
    }
}

/// A value as it is written.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Float(number) => number_text(*number),
        other => other.to_string(),
    }
}

fn values(all: &[Value]) -> String {
    list(&all.iter().map(value).collect::<Vec<_>>(), "or")
}

/// A template as it is written.
pub(crate) fn template(template: &Template) -> String {
    use crate::expression::Part;
    match template {
        Template::Literal(literal) => value(literal),
        Template::Expression(expression) => expression.text.to_string(),
        Template::Text(parts) => {
            let parts = parts.iter().map(|part| match part {
                Part::Text(text) => text.to_string(),
                Part::Hole(expression) => format!("${{ {} }}", expression.text),
            });
            format!("\"{}\"", parts.collect::<String>())
        }
        Template::List(items) => format!("[{}]", items.iter().map(self::template).collect::<Vec<_>>().join(", ")),
        Template::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, item)| format!("{key}: {}", self::template(item))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn range_words(range: &Range, above: &str, below: &str, between: &str) -> String {
    let bound = |operand: &Operand| match operand {
        Operand::Number(number) => number_text(*number),
        Operand::Expression(expression) => expression.text.to_string(),
    };
    match (&range.above, &range.below) {
        (Some(low), Some(high)) => format!("{between} {} and {}", bound(low), bound(high)),
        (Some(low), None) => format!("{above} {}", bound(low)),
        (None, Some(high)) => format!("{below} {}", bound(high)),
        (None, None) => "anything".to_owned(),
    }
}

fn held(hold: Option<Duration>) -> String {
    hold.map_or_else(String::new, |hold| format!(" for {}", span_words(hold)))
}

fn offset(seconds: i64) -> String {
    let span = span_words(Duration::from_secs(seconds.unsigned_abs()));
    match seconds {
        0 => String::new(),
        later if later > 0 => format!(" plus {span}"),
        _ => format!(" minus {span}"),
    }
}

fn times(at: &[TimeOfDay]) -> String {
    list(&at.iter().map(ToString::to_string).collect::<Vec<_>>(), "or")
}

fn days(on: Weekdays) -> String {
    if on == Weekdays::ALL { String::new() } else { format!(" {on}") }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[impl AsRef<str>], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", first.join(", "), last.as_ref())
        }
    }
}
