//! Why a rule does not run: which trigger came near, and which condition does not hold.

use std::time::Duration;

use model::Timestamp;

use super::Engine;
use super::condition::{self, Look, Within};
use super::state::Running;
use crate::calendar::span_words;
use crate::expression::{Scope, number_text};
use crate::rule::TriggerKind;
use crate::trace::{WhyNot, WhyTrigger};
use crate::words;

impl Engine {
    /// Why a rule does not run at this moment, with what things reported last.
    pub fn why_not(&self, id: &str, now: Timestamp) -> Option<WhyNot> {
        let running = self.running_rule(id)?;
        let variables =
            running.program.rule.variables.iter().fold(running.program.constants.clone(), |mut known, it| {
                let scope = Scope { now, ..self.scope(running, &running.program.constants, None, None) };
                if let Ok(value) = it.value.evaluate(&Scope { variables: &known, ..scope }) {
                    known.insert(it.name.clone(), value);
                }
                known
            });
        let scope = Scope { now, ..self.scope(running, &variables, None, None) };
        let look = Look { scope, program: &running.program, trackers: &running.state.trackers, explains: true };
        let own = 0..running.program.own_triggers;
        let triggers: Vec<WhyTrigger> = own.map(|index| Self::why_trigger(running, index, &look.scope)).collect();
        let conditions: Vec<_> = running.program.rule.conditions.iter().map(|it| look.why(it)).collect();
        let missed = conditions.iter().find(|condition| !condition.held);
        let words = match (running.state.runs.first(), missed) {
            (Some(run), _) => format!("It is running, for {}.", span_words(now.since(run.began))),
            (None, Some(missed)) => {
                let off_by = missed.off_by.as_ref().map(|off_by| format!(": {off_by}")).unwrap_or_default();
                format!("A condition does not hold: {}{off_by}.", missed.words.trim_end_matches('.'))
            }
            (None, None) => {
                let nearest = triggers.iter().max_by(|a, b| a.near.total_cmp(&b.near));
                let off_by = nearest.and_then(|trigger| trigger.off_by.as_ref());
                format!(
                    "No trigger fired{}.",
                    off_by.map(|off_by| format!("; the nearest: {off_by}")).unwrap_or_default()
                )
            }
        };
        Some(WhyNot { at: now, words, triggers, conditions })
    }

    fn why_trigger(running: &Running, index: usize, scope: &Scope<'_>) -> WhyTrigger {
        let trigger = &running.program.triggers[index];
        let state = &running.state.triggers[index];
        let (off_by, near) = match &state.armed {
            Some(armed) => {
                let (lasted, hold) = (scope.now.since(armed.since), trigger.hold.unwrap_or_default());
                let near = lasted.as_secs_f64() / hold.as_secs_f64().max(f64::MIN_POSITIVE);
                (Some(format!("it has been so for {} of {}", span_words(lasted), span_words(hold))), near.min(1.0))
            }
            None => Self::off_by(running, index, scope),
        };
        WhyTrigger {
            words: words::trigger(trigger),
            line: trigger.spot.line,
            fired: state.last.is_some(),
            last: state.last,
            off_by,
            near,
        }
    }

    fn off_by(running: &Running, index: usize, scope: &Scope<'_>) -> (Option<String>, f64) {
        let trigger = &running.program.triggers[index];
        let state = &running.state.triggers[index];
        let reading = |slot: u32| scope.reading(slot);
        match &trigger.kind {
            TriggerKind::Range { of, range } => {
                if state.on {
                    return (Some("it is so already, and fires when it becomes so again".to_owned()), 1.0);
                }
                let Some(number) = reading(of.slot).and_then(|reading| reading.value.as_f64()) else {
                    return (Some(format!("{of} is not known yet")), 0.0);
                };
                let Ok(within) = condition::within(range, number, scope) else { return (None, 0.0) };
                let words = within.words(number).unwrap_or_default();
                match state.closest.filter(|(_, off, _)| *off < within.off()) {
                    Some((value, off, at)) => {
                        let ago = span_words(scope.now.since(at));
                        let words = format!("{words}; it came nearest {ago} ago, at {}", number_text(value));
                        (Some(words), near_of(within, off))
                    }
                    None => (Some(words), within.near()),
                }
            }
            TriggerKind::Forecast { .. } => match state.closest {
                Some((value, off, _)) => {
                    let near = 1.0 - off / value.abs().max(off).max(f64::MIN_POSITIVE);
                    (
                        Some(format!("the forecast comes to {} at most, {} off", number_text(value), number_text(off))),
                        near,
                    )
                }
                None => (None, if state.on { 1.0 } else { 0.0 }),
            },
            TriggerKind::Change { of, to, .. } | TriggerKind::Presence { of, to } => match reading(of.slot) {
                None => (Some(format!("{of} is not known yet")), 0.0),
                Some(reading) => {
                    let ago = span_words(scope.now.since(reading.since));
                    let is_so = to.iter().any(|value| crate::expression::equal(value, &reading.value));
                    let already = if is_so { ", and fires when it becomes so again" } else { "" };
                    (Some(format!("it has been {} for {ago}{already}", reading.value)), f64::from(u8::from(is_so)))
                }
            },
            TriggerKind::Expression { expression } => match expression.holds(scope) {
                Ok(true) => (Some("it is true already, and fires when it becomes so again".to_owned()), 1.0),
                Ok(false) => (Some(format!("{} is false", expression.text)), 0.0),
                Err(error) => (Some(error.message), 0.0),
            },
            TriggerKind::Time { .. }
            | TriggerKind::Every { .. }
            | TriggerKind::Sun { .. }
            | TriggerKind::Calendar { .. } => {
                let wait = state.schedule.map(|due| due.since(scope.now));
                let near = wait.map_or(0.0, |wait| 1.0 - (wait.as_secs_f64() / 86_400.0).min(1.0));
                let next = wait.map_or_else(
                    || "it does not come within a year".to_owned(),
                    |wait| format!("it comes in {}", span_words(wait.max(Duration::from_secs(1)))),
                );
                let missed = state.missed.map(|missed| {
                    format!(
                        "; {} ago it was passed over, because it was noticed too late",
                        span_words(scope.now.since(missed))
                    )
                });
                (Some(next + missed.as_deref().unwrap_or_default()), near)
            }
            TriggerKind::Event { of, .. } | TriggerKind::Insight { of, .. } => match reading(of.slot) {
                Some(reading) => {
                    let ago = span_words(scope.now.since(reading.time));
                    let trouble = running.state.trouble.as_ref().map(|it| format!("; {it}")).unwrap_or_default();
                    (Some(format!("the last one came {ago} ago{trouble}")), 0.0)
                }
                None => (Some("none came".to_owned()), 0.0),
            },
            TriggerKind::Webhook { .. } => (Some("nobody called".to_owned()), 0.0),
        }
    }
}

fn near_of(now: Within, off: f64) -> f64 {
    match now {
        Within::Inside => 1.0,
        Within::Below(bound, _) => Within::Below(bound, off).near(),
        Within::Above(bound, _) => Within::Above(bound, off).near(),
    }
}
