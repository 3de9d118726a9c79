//! Whether a change fires a trigger.

use std::sync::Arc;

use model::{Timestamp, Value};

use super::Engine;
use super::condition::{self, Within};
use super::feed::Change;
use super::state::{Armed, FINDINGS_REMEMBERED, Lead, Running, Timer, TimerWhat};
use crate::effect::{AlarmSeverity, Effect};
use crate::expression::{EvaluateError, Fired, equal};
use crate::rule::{Trigger, TriggerKind};

impl Trigger {
    /// Its sort in one word: what `trigger.kind` says.
    pub(crate) fn sort(&self) -> &'static str {
        match self.kind {
            TriggerKind::Change { .. } | TriggerKind::Range { .. } => "property",
            TriggerKind::Time { .. } => "time",
            TriggerKind::Every { .. } => "every",
            TriggerKind::Sun { .. } => "sun",
            TriggerKind::Calendar { .. } => "calendar",
            TriggerKind::Event { .. } => "event",
            TriggerKind::Insight { .. } => "insight",
            TriggerKind::Forecast { .. } => "forecast",
            TriggerKind::Webhook { .. } => "webhook",
            TriggerKind::Presence { .. } => "presence",
            TriggerKind::Expression { .. } => "expression",
        }
    }
}

/// What a change is to a trigger.
enum Met {
    /// It fires, or begins to wait for its `for`.
    Fires,
    /// It is as it was.
    Stays,
    /// It is not so any more.
    Ends,
}

impl Engine {
    /// Whether a trigger that looks at a state finds it so at this moment.
    pub(super) fn is_on(&self, running: &Running, index: usize) -> Result<bool, EvaluateError> {
        let scope = self.constants_scope(running);
        match &running.program.triggers[index].kind {
            TriggerKind::Range { of, range } => {
                let number = scope.reading(of.slot).and_then(|reading| reading.value.as_f64());
                number.map_or(Ok(false), |number| Ok(condition::within(range, number, &scope)? == Within::Inside))
            }
            TriggerKind::Expression { expression } => expression.holds(&scope),
            _ => Ok(false),
        }
    }

    /// A series that a trigger listens to has changed.
    pub(super) fn changed(
        &mut self,
        rule: u32,
        index: usize,
        running: &mut Running,
        change: &Change<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let met = match &running.program.triggers[index].kind {
            TriggerKind::Change { from, to, .. } => change_met(running, index, from, to, change),
            TriggerKind::Presence { to, .. } => change_met(running, index, &[], to, change),
            TriggerKind::Range { .. } => self.range_met(running, index),
            TriggerKind::Expression { .. } => {
                return self.expression_trigger(rule, index, running, Some(change), effects);
            }
            TriggerKind::Event { filter, .. } => match filter {
                None => Met::Fires,
                Some(filter) => {
                    let fired = self.fired_by(running, index, change);
                    let scope = self.scope(running, &running.program.constants, Some(&fired), None);
                    match filter.holds(&scope) {
                        Ok(true) => Met::Fires,
                        Ok(false) => Met::Stays,
                        Err(error) => {
                            running.state.trouble = Some(error.message);
                            Met::Stays
                        }
                    }
                }
            },
            TriggerKind::Insight { sort, severity, .. } => {
                let sort = sort.clone();
                finding_met(running, index, sort.as_deref(), *severity, change)
            }
            _ => Met::Stays,
        };
        match met {
            Met::Stays => {}
            Met::Ends => running.state.triggers[index].armed = None,
            Met::Fires => {
                let fired = self.fired_by(running, index, change);
                let lead = self.lead(change);
                self.met(rule, index, running, fired, lead, effects);
            }
        }
    }

    /// A trigger is so: it fires, or waits for its `for`.
    fn met(
        &mut self,
        rule: u32,
        index: usize,
        running: &mut Running,
        fired: Fired,
        lead: Lead,
        effects: &mut Vec<Effect>,
    ) {
        let Some(hold) = running.program.triggers[index].hold.filter(|hold| !hold.is_zero()) else {
            return self.fire(rule, running, fired, lead, effects);
        };
        let due = self.now + hold;
        let state = &mut running.state.triggers[index];
        state.armed = Some(Box::new(Armed { since: self.now, due, fired, lead }));
        if state.queued.is_none_or(|queued| queued > due) {
            state.queued = Some(due);
            self.push_timer(Timer { due, rule, what: TimerWhat::Trigger(index as u32) });
        }
    }

    fn range_met(&self, running: &mut Running, index: usize) -> Met {
        let now = self.now;
        let looked = {
            let scope = self.constants_scope(running);
            let TriggerKind::Range { of, range } = &running.program.triggers[index].kind else { return Met::Stays };
            let number = scope.reading(of.slot).and_then(|reading| reading.value.as_f64());
            number.map(|number| (number, condition::within(range, number, &scope)))
        };
        let (number, within) = match looked {
            None => (0.0, None),
            Some((number, Ok(within))) => (number, Some(within)),
            Some((_, Err(error))) => {
                running.state.trouble = Some(error.message);
                (0.0, None)
            }
        };
        let state = &mut running.state.triggers[index];
        let was = std::mem::replace(&mut state.on, within == Some(Within::Inside));
        match within {
            Some(Within::Inside) if was => Met::Stays,
            Some(Within::Inside) => Met::Fires,
            Some(off) => {
                near(&mut state.closest, number, off.off(), now);
                Met::Ends
            }
            None => Met::Ends,
        }
    }

    /// An expression that fires when it becomes true.
    pub(super) fn expression_trigger(
        &mut self,
        rule: u32,
        index: usize,
        running: &mut Running,
        change: Option<&Change<'_>>,
        effects: &mut Vec<Effect>,
    ) {
        let holds = match self.is_on(running, index) {
            Ok(holds) => holds,
            Err(error) => {
                if !error.unknown {
                    running.state.trouble = Some(error.message);
                }
                false
            }
        };
        let state = &mut running.state.triggers[index];
        let was = std::mem::replace(&mut state.on, holds);
        if !holds {
            state.armed = None;
        }
        if !holds || was {
            return;
        }
        let (fired, lead) = match change {
            Some(change) => (self.fired_by(running, index, change), self.lead(change)),
            None => {
                let trigger = &running.program.triggers[index];
                let (id, kind) = (trigger.id.clone(), trigger.sort().into());
                (Fired { index: index as u32, id, kind, ..Fired::default() }, Lead::default())
            }
        };
        self.met(rule, index, running, fired, lead, effects);
    }
}

/// Whether a change is the one that a trigger looks for.
fn change_met(running: &Running, index: usize, from: &[Value], to: &[Value], change: &Change<'_>) -> Met {
    let is = |values: &[Value], value: &Value| values.iter().any(|wanted| equal(wanted, value));
    // Any change: to or from what is not known is none.
    let is_any_change = to.is_empty() && *change.value != Value::Null && *change.old != Value::Null;
    let fits = is_any_change || is(to, change.value);
    if !fits {
        return Met::Ends;
    }
    // Between two of them it stays what must last, and else becomes another one.
    let lasts = running.program.triggers[index].hold.is_some();
    let was = lasts && !to.is_empty() && is(to, change.old);
    let came_from = from.is_empty() || is(from, change.old);
    match (was, came_from) {
        (true, _) => Met::Stays,
        (false, true) => Met::Fires,
        (false, false) if running.state.triggers[index].armed.is_some() => Met::Ends,
        (false, false) => Met::Stays,
    }
}

/// The nearest miss of the last day.
fn near(closest: &mut Option<(f64, f64, Timestamp)>, value: f64, off: f64, now: Timestamp) {
    const DAY_MICROS: i64 = 86_400_000_000;
    let nearer = match closest {
        Some((_, least, at)) => off <= *least || now.micros().saturating_sub(at.micros()) > DAY_MICROS,
        None => true,
    };
    if nearer {
        *closest = Some((value, off, now));
    }
}

/// Whether something that was found is news to a trigger.
fn finding_met(
    running: &mut Running,
    index: usize,
    sort: Option<&str>,
    least: AlarmSeverity,
    change: &Change<'_>,
) -> Met {
    let Value::Json(found) = change.value else { return Met::Stays };
    let text = |key: &str| found.get(key).and_then(serde_json::Value::as_str);
    let severity = text("severity").and_then(|word| AlarmSeverity::ALL.into_iter().find(|it| it.as_str() == word));
    let fits = text("state").is_none_or(|state| state == "open")
        && sort.is_none_or(|sort| text("kind") == Some(sort))
        && severity.unwrap_or_default() >= least;
    if !fits {
        return Met::Stays;
    }
    if let Some(id) = text("id") {
        let seen = &mut running.state.triggers[index].seen;
        if seen.iter().any(|known| &**known == id) {
            return Met::Stays;
        }
        if seen.len() >= FINDINGS_REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(Arc::from(id));
    }
    Met::Fires
}
