//! Whether conditions hold, and by how much they are missed.

use std::time::Duration;

use model::{Timestamp, Value};

use super::program::Program;
use crate::calendar::{TimeOfDay, Weekdays, seconds_of_day, span_words, yesterday};
use crate::expression::{EvaluateError, Scope, equal, number_text};
use crate::rule::{Condition, ConditionKind, Operand, Range, Reference};
use crate::sun::{self, SunEvent};
use crate::trace::{Step, StepOutcome, WhyCondition};

/// What a condition is looked at with.
pub(super) struct Look<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) program: &'a Program,
    pub(super) trackers: &'a [Option<Timestamp>],
    /// Whether it is worked out by how much it is missed.
    pub(super) explains: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) held: bool,
    /// Set when it could not be worked out because of a mistake.
    pub(super) failed: bool,
    pub(super) value: Value,
    pub(super) off_by: Option<String>,
}

impl Verdict {
    fn of(held: bool, value: Value) -> Self {
        Self { held, value, ..Self::default() }
    }

    fn error(error: &EvaluateError) -> Self {
        Self { failed: !error.unknown, off_by: Some(error.message.clone()), ..Self::default() }
    }
}

/// How a number lies to a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Within {
    Inside,
    /// By so much below or above the bound.
    Below(f64, f64),
    Above(f64, f64),
}

impl Within {
    /// By how much it is missed, in words.
    pub(super) fn words(self, value: f64) -> Option<String> {
        match self {
            Self::Inside => None,
            Self::Below(bound, 0.0) => Some(format!("{} is not above {}", number_text(value), number_text(bound))),
            Self::Above(bound, 0.0) => Some(format!("{} is not below {}", number_text(value), number_text(bound))),
            Self::Below(bound, off) => {
                Some(format!("{} is {} short of {}", number_text(value), number_text(off), number_text(bound)))
            }
            Self::Above(bound, off) => {
                Some(format!("{} is {} over {}", number_text(value), number_text(off), number_text(bound)))
            }
        }
    }

    /// By how much it is missed.
    pub(super) fn off(self) -> f64 {
        match self {
            Self::Inside => 0.0,
            Self::Below(_, off) | Self::Above(_, off) => off,
        }
    }

    /// How near it is: 1 is there.
    pub(super) fn near(self) -> f64 {
        match self {
            Self::Inside => 1.0,
            Self::Below(bound, off) | Self::Above(bound, off) => {
                (1.0 - off / bound.abs().max(off).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
            }
        }
    }
}

/// How a number lies to a range.
pub(super) fn within(range: &Range, value: f64, scope: &Scope<'_>) -> Result<Within, EvaluateError> {
    let bound = |operand: &Operand| match operand {
        Operand::Number(number) => Ok(*number),
        Operand::Expression(expression) => expression.number(scope),
    };
    if let Some(above) = &range.above {
        let above = bound(above)?;
        if value <= above {
            return Ok(Within::Below(above, above - value));
        }
    }
    if let Some(below) = &range.below {
        let below = bound(below)?;
        if value >= below {
            return Ok(Within::Above(below, value - below));
        }
    }
    Ok(Within::Inside)
}

impl Look<'_> {
    /// Whether all hold; each that is looked at is noted. An error when one could not be worked out.
    pub(super) fn all(&self, conditions: &[Condition], mut steps: Option<&mut Vec<Step>>) -> Result<bool, String> {
        let mut held = true;
        for condition in conditions {
            if !held {
                match &mut steps {
                    Some(steps) => steps.push(self.step(condition, Verdict::default(), Some(StepOutcome::Skipped))),
                    None => break,
                }
                continue;
            }
            let verdict = self.condition(condition, steps.as_deref_mut());
            if verdict.failed {
                let message = verdict.off_by.clone().unwrap_or_default();
                if let Some(steps) = steps {
                    steps.push(self.step(condition, verdict, None));
                }
                return Err(message);
            }
            held = verdict.held;
            if let Some(steps) = &mut steps {
                steps.push(self.step(condition, verdict, None));
            }
        }
        Ok(held)
    }

    fn step(&self, condition: &Condition, verdict: Verdict, outcome: Option<StepOutcome>) -> Step {
        let outcome = outcome.unwrap_or(match verdict {
            Verdict { failed: true, .. } => StepOutcome::Failed,
            Verdict { held: true, .. } => StepOutcome::Passed,
            _ => StepOutcome::Held,
        });
        Step {
            path: condition.spot.path.clone(),
            line: condition.spot.line,
            words: self.program.words(&condition.spot.path),
            began: self.scope.now,
            seconds: 0.0,
            outcome,
            value: verdict.value,
            detail: verdict.off_by,
        }
    }

    /// Why a condition holds or not.
    pub(super) fn why(&self, condition: &Condition) -> WhyCondition {
        let verdict = self.condition(condition, None);
        WhyCondition {
            words: self.program.words(&condition.spot.path).to_string(),
            line: condition.spot.line,
            held: verdict.held,
            value: verdict.value,
            off_by: if verdict.held { None } else { verdict.off_by },
        }
    }

    fn condition(&self, condition: &Condition, mut steps: Option<&mut Vec<Step>>) -> Verdict {
        match &condition.kind {
            ConditionKind::Is { of, values, hold } => {
                let mut wanted = Vec::with_capacity(values.len());
                for value in values {
                    match value.evaluate(&self.scope) {
                        Ok(value) => wanted.push(value),
                        Err(error) => return Verdict::error(&error),
                    }
                }
                self.held_for(condition, self.is_one_of(of, &wanted), *hold)
            }
            ConditionKind::Presence { of, values, hold } => self.held_for(condition, self.is_one_of(of, values), *hold),
            ConditionKind::Range { of, range, hold } => self.held_for(condition, self.range(of, range), *hold),
            ConditionKind::Time { after, before, on } => self.time(*after, *before, *on),
            ConditionKind::Sun { after, before } => self.sun(*after, *before),
            ConditionKind::Trigger { ids } => {
                let id = self.scope.fired.and_then(|fired| fired.id.as_ref());
                let value = id.map_or(Value::Null, |id| Value::Text(id.clone()));
                let held = id.is_some_and(|id| ids.contains(id));
                let mut verdict = Verdict::of(held, value);
                if !held && self.explains {
                    let which = id.map_or("another trigger".to_owned(), |id| format!("the trigger {id}"));
                    verdict.off_by = Some(format!("{which} set it off"));
                }
                verdict
            }
            ConditionKind::All(inner) => self.group(inner, steps.take(), false, |held| held),
            ConditionKind::Any(inner) => self.group(inner, steps.take(), true, |held| held),
            ConditionKind::Not(inner) => self.group(inner, steps.take(), true, |held| !held),
            ConditionKind::Expression(expression) => match expression.evaluate(&self.scope) {
                Ok(Value::Boolean(held)) => {
                    let mut verdict = Verdict::of(held, Value::Boolean(held));
                    verdict.off_by = (!held && self.explains).then(|| format!("{} is false", expression.text));
                    verdict
                }
                Ok(other) => Verdict {
                    failed: true,
                    off_by: Some(format!("{} comes to {other}, and not to true or false", expression.text)),
                    value: other,
                    ..Verdict::default()
                },
                Err(error) => Verdict::error(&error),
            },
        }
    }

    /// Goes through a group until one of them comes to `until`.
    fn group(
        &self,
        inner: &[Condition],
        mut steps: Option<&mut Vec<Step>>,
        until: bool,
        turn: fn(bool) -> bool,
    ) -> Verdict {
        let mut missed = Vec::new();
        for condition in inner {
            let verdict = self.condition(condition, steps.as_deref_mut());
            let (failed, held) = (verdict.failed, verdict.held);
            if self.explains {
                missed.extend(verdict.off_by.clone());
            }
            if let Some(steps) = &mut steps {
                steps.push(self.step(condition, verdict, None));
            }
            if failed || held == until {
                let verdict = Verdict::of(!failed && turn(until), Value::Boolean(turn(until)));
                let off_by = match turn(until) {
                    true => None,
                    false if until => Some(format!("{} holds", self.program.words(&condition.spot.path))),
                    false => missed.pop(),
                };
                return Verdict { failed, off_by: if failed { missed.pop() } else { off_by }, ..verdict };
            }
        }
        let held = turn(!until);
        let off_by = (!held && self.explains && !missed.is_empty()).then(|| missed.join("; "));
        Verdict { off_by, ..Verdict::of(held, Value::Boolean(held)) }
    }

    fn is_one_of(&self, of: &Reference, values: &[Value]) -> Verdict {
        let Some(reading) = self.scope.reading(of.slot) else {
            let held = values.contains(&Value::Null);
            let off_by = (!held && self.explains).then(|| format!("{of} is not known yet"));
            return Verdict { off_by, ..Verdict::of(held, Value::Null) };
        };
        let held = values.iter().any(|value| equal(value, &reading.value));
        let mut verdict = Verdict::of(held, reading.value.clone());
        verdict.off_by = (!held && self.explains).then(|| format!("it is {}", reading.value));
        verdict
    }

    fn range(&self, of: &Reference, range: &Range) -> Verdict {
        let Some(reading) = self.scope.reading(of.slot) else {
            let off_by = self.explains.then(|| format!("{of} is not known yet"));
            return Verdict { off_by, ..Verdict::default() };
        };
        let Some(number) = reading.value.as_f64() else {
            let off_by = self.explains.then(|| format!("{} is no number", reading.value));
            return Verdict { off_by, ..Verdict::of(false, reading.value.clone()) };
        };
        match within(range, number, &self.scope) {
            Ok(within) => {
                let mut verdict = Verdict::of(within == Within::Inside, reading.value.clone());
                verdict.off_by = if self.explains { within.words(number) } else { None };
                verdict
            }
            Err(error) => Verdict::error(&error),
        }
    }

    /// The same, and it must have been so for long enough.
    fn held_for(&self, condition: &Condition, verdict: Verdict, hold: Option<Duration>) -> Verdict {
        let Some(hold) = hold.filter(|_| verdict.held) else { return verdict };
        let index = self.program.trackers.iter().position(|tracker| tracker.spot.path == condition.spot.path);
        let since = index.and_then(|index| self.trackers.get(index).copied().flatten());
        let lasted = since.map_or(Duration::ZERO, |since| self.scope.now.since(since));
        if lasted >= hold {
            return verdict;
        }
        let off_by =
            self.explains.then(|| format!("it has been so for {} of {}", span_words(lasted), span_words(hold)));
        Verdict { held: false, off_by, ..verdict }
    }

    fn time(&self, after: Option<TimeOfDay>, before: Option<TimeOfDay>, on: Weekdays) -> Verdict {
        let local = self.scope.place.local(self.scope.now);
        let second = seconds_of_day(local);
        let (today, is_early) = (local.date(), before.is_some_and(|before| second < before.second));
        let is_late = after.is_some_and(|after| second >= after.second);
        // Over midnight, what comes before the end belongs to the day before.
        let over_midnight = matches!((after, before), (Some(after), Some(before)) if after >= before);
        let in_time = match (after, before) {
            (None, None) => true,
            (Some(_), None) => is_late,
            (None, Some(_)) => is_early,
            (Some(_), Some(_)) if over_midnight => is_late || is_early,
            (Some(_), Some(_)) => is_late && is_early,
        };
        let began = if over_midnight && !is_late && is_early { yesterday(today) } else { today };
        let held = in_time && on.has(began.weekday());
        let shown = TimeOfDay { second };
        let mut verdict = Verdict::of(held, Value::text(shown.to_string()));
        if !held && self.explains {
            let until = after.map(|after| ((i64::from(after.second) - i64::from(second)).rem_euclid(86_400), after));
            let since =
                before.map(|before| ((i64::from(second) - i64::from(before.second)).rem_euclid(86_400), before));
            let words = |seconds: i64| span_words(Duration::from_secs(seconds.unsigned_abs()));
            verdict.off_by = Some(match (in_time, until, since) {
                (true, ..) => format!("it is a {:?}", began.weekday()),
                (false, Some((wait, after)), since) if since.is_none_or(|(past, _)| wait <= past) => {
                    format!("it is {shown}, {} before {after}", words(wait))
                }
                (false, _, Some((past, before))) => format!("it is {shown}, {} past {before}", words(past)),
                (false, ..) => format!("it is {shown}"),
            });
        }
        verdict
    }

    fn sun(&self, after: Option<(SunEvent, i64)>, before: Option<(SunEvent, i64)>) -> Verdict {
        let (place, now) = (self.scope.place, self.scope.now);
        let Some(coordinates) = place.coordinates else {
            let off_by = Some("where the site lies is not known, and so the sun is not".to_owned());
            return Verdict { off_by, ..Verdict::default() };
        };
        let today = place.local(now).date();
        let edge = |edge: Option<(SunEvent, i64)>| {
            edge.map(|(event, seconds)| {
                let moment = sun::event_on(place, today, event)?;
                Some(Timestamp(moment.micros().saturating_add(seconds.saturating_mul(1_000_000))))
            })
        };
        let up = sun::is_up(coordinates, now);
        let held = match (edge(after), edge(before)) {
            (Some(None), _) | (_, Some(None)) => {
                // The sun stays up, or down: it is after sunrise and before sunset, or after sunset and before sunrise.
                let day = |event: SunEvent, is_after: bool| (event == SunEvent::Sunrise) == is_after;
                let fits =
                    |edge: Option<(SunEvent, i64)>, is_after| edge.is_none_or(|(event, _)| day(event, is_after) == up);
                fits(after, true) && fits(before, false)
            }
            (Some(Some(after)), Some(Some(before))) if after > before => now >= after || now < before,
            (after, before) => {
                after.flatten().is_none_or(|after| now >= after) && before.flatten().is_none_or(|before| now < before)
            }
        };
        let elevation = libm::round(sun::elevation(coordinates, now) * 10.0) / 10.0;
        let mut verdict = Verdict::of(held, Value::Float(elevation));
        verdict.off_by =
            (!held && self.explains).then(|| format!("the sun stands {} degrees high", number_text(elevation)));
        verdict
    }
}

/// Whether a followed condition is so at this moment, for as long as it may have been.
pub(super) fn is_so(condition: &Condition, look: &Look<'_>) -> bool {
    match &condition.kind {
        ConditionKind::Is { of, values, .. } => {
            let reading = look.scope.reading(of.slot);
            reading.is_some_and(|reading| {
                values.iter().any(|value| value.evaluate(&look.scope).is_ok_and(|value| equal(&value, &reading.value)))
            })
        }
        ConditionKind::Presence { of, values, .. } => look.is_one_of(of, values).held,
        ConditionKind::Range { of, range, .. } => look.range(of, range).held,
        _ => false,
    }
}
