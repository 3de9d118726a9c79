//! What comes in: records, forecasts, calls.

use std::sync::Arc;

use model::{CauseKind, Quality, RecordKind, Timestamp, Value};

use super::condition;
use super::state::{Lead, Listener, Running};
use super::{Engine, SeriesId};
use crate::effect::Effect;
use crate::expression::{Fired, equal};
use crate::limits::ANSWER_WITHIN;
use crate::rule::TriggerKind;
use crate::view::{RecordView, Said, View};

/// What a record did to a series.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) series: SeriesId,
    /// Null when it is not known any more.
    pub(super) value: &'a Value,
    /// What it was before; the same when it did not change.
    pub(super) old: &'a Value,
    pub(super) said: &'a Said<'a>,
}

impl Engine {
    /// Tells a record. First everything happens that is due by then.
    pub fn feed(&mut self, record: &RecordView<'_>, effects: &mut Vec<Effect>) {
        let (series, whole) = self.table.told(record.kind, record.thing, record.name);
        if let Some(series) = series {
            self.feed_bound(series, &record.said, effects);
        }
        if let Some(whole) = whole {
            self.feed_bound(whole, &record.said, effects);
        }
    }

    /// The same where the caller has the number of the series.
    pub fn feed_bound(&mut self, series: SeriesId, said: &Said<'_>, effects: &mut Vec<Effect>) {
        self.advance(said.received, effects);
        self.counters.records += 1;
        let at = series.0 as usize;
        let Some(kind) = self.table.keys.get(at).map(|key| key.kind) else { return };
        let value = if said.quality == Quality::Bad { &Value::Null } else { said.value };
        let reading = &mut self.table.readings[at];
        // A property is what was said of it last; an event is news each time.
        let lasts = matches!(kind, RecordKind::Property | RecordKind::Presence);
        if lasts && said.time < reading.time {
            self.counters.records_late += 1;
            return;
        }
        let time = said.time.min(self.now);
        reading.time = time;
        let old = match equal(&reading.value, value) {
            true if lasts => return,
            true => value.clone(),
            false => {
                let old = std::mem::replace(&mut reading.value, value.clone());
                if old != Value::Null {
                    reading.previous = old.clone();
                }
                reading.since = time;
                old
            }
        };
        let change = Change { series, value, old: &old, said };
        let mut next = 0;
        while let Some(listener) = self.table.listeners[at].get(next).copied() {
            next += 1;
            self.with(listener.rule(), |engine, running| match listener {
                Listener::Tracker { index, .. } => engine.track(running, index as usize),
                Listener::Trigger { rule, index } => engine.changed(rule, index as usize, running, &change, effects),
            });
        }
    }

    /// Tells a rule what has changed while nobody looked: what the view reports newer than what is known is told as if
    /// it had been said now.
    pub fn catch_up(&mut self, view: &dyn View, now: Timestamp, effects: &mut Vec<Effect>) {
        for at in 0..self.table.keys.len() {
            let key = self.table.keys[at].clone();
            if !matches!(key.kind, RecordKind::Property | RecordKind::Presence) {
                continue;
            }
            let Some(latest) = view.latest(key.kind, key.thing.as_str(), key.name.as_str()) else { continue };
            let said = Said {
                value: &latest.value,
                quality: Quality::Good,
                time: latest.time,
                received: now,
                position: model::Position::START,
                cause: None,
            };
            self.feed_bound(SeriesId(at as u32), &said, effects);
        }
    }

    /// A followed condition may have begun to hold, or ended.
    fn track(&self, running: &mut Running, index: usize) {
        let tracker = &running.program.trackers[index];
        let holds = condition::is_so(tracker, &self.look(running, &running.program.constants, None, false));
        let tracked = &mut running.state.trackers[index];
        match (holds, &tracked) {
            (true, None) => *tracked = Some(self.now),
            (false, Some(_)) => *tracked = None,
            _ => {}
        }
    }

    /// What led to a record: its cause, and the rules whose effects it answers.
    pub(super) fn lead(&self, change: &Change<'_>) -> Lead {
        let answer = self.answers.get(&change.series);
        let answered =
            answer.filter(|answer| self.now.since(answer.at) <= ANSWER_WITHIN && equal(&answer.value, change.value));
        let chain = match (answered, change.said.cause) {
            (Some(answer), _) => answer.chain.clone(),
            (None, Some(cause)) if cause.kind == CauseKind::Rule => vec![Arc::clone(&cause.id)],
            _ => Vec::new(),
        };
        Lead { position: change.said.position, cause: change.said.cause.cloned(), chain }
    }

    /// What a record is to a run that it sets off.
    pub(super) fn fired_by(&self, running: &Running, index: usize, change: &Change<'_>) -> Fired {
        let key = &self.table.keys[change.series.0 as usize];
        let trigger = &running.program.triggers[index];
        Fired {
            index: index as u32,
            id: trigger.id.clone(),
            kind: trigger.sort().into(),
            thing: Some(Arc::from(key.thing.as_str())),
            name: Some(Arc::from(key.name.as_str())),
            value: change.value.clone(),
            previous: change.old.clone(),
            body: Value::Null,
        }
    }

    /// A program calls. How many rules it set off or let go on.
    pub fn webhook(&mut self, name: &str, body: Value, now: Timestamp, effects: &mut Vec<Effect>) -> usize {
        self.advance(now, effects);
        let listeners = self.webhooks.get(name).cloned().unwrap_or_default();
        for (rule, index) in &listeners {
            self.with(*rule, |engine, running| {
                let trigger = &running.program.triggers[*index as usize];
                let (id, kind) = (trigger.id.clone(), trigger.sort().into());
                let fired = Fired { index: *index, id, kind, body: body.clone(), ..Fired::default() };
                engine.fire(*rule, running, fired, Lead::default(), effects);
            });
        }
        listeners.len()
    }

    /// Tells a forecast: what a property will be, at these moments.
    pub fn forecast(
        &mut self,
        thing: &str,
        name: &str,
        points: &[(Timestamp, f64)],
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.advance(now, effects);
        let Some(series) = self.table.find(RecordKind::Property, thing, name) else { return };
        let listeners = self.table.forecasts[series.0 as usize].clone();
        for (rule, index) in listeners {
            self.with(rule, |engine, running| {
                engine.forecast_trigger(rule, index as usize, running, points, effects);
            });
        }
    }

    fn forecast_trigger(
        &mut self,
        rule: u32,
        index: usize,
        running: &mut Running,
        points: &[(Timestamp, f64)],
        effects: &mut Vec<Effect>,
    ) {
        let TriggerKind::Forecast { of, range, within } = &running.program.triggers[index].kind else { return };
        let until = self.now + *within;
        let scope = self.constants_scope(running);
        let ahead = points.iter().filter(|(time, _)| *time > self.now && *time <= until);
        let looked = ahead.map(|(time, value)| (*time, *value, condition::within(range, *value, &scope)));
        let mut closest: Option<(f64, f64, Timestamp)> = None;
        let mut found = None;
        for (time, value, within) in looked {
            match within {
                Ok(condition::Within::Inside) if found.is_none() => found = Some(value),
                Ok(within) if closest.is_none_or(|(_, off, _)| within.off() < off) => {
                    closest = Some((value, within.off(), time));
                }
                Ok(_) => {}
                Err(error) => {
                    running.state.trouble = Some(error.message);
                    return;
                }
            }
        }
        let (thing, name) = (Arc::from(of.thing.as_str()), Arc::from(of.name.as_str()));
        let state = &mut running.state.triggers[index];
        let was = std::mem::replace(&mut state.on, found.is_some());
        let Some(value) = found else {
            state.closest = closest;
            return;
        };
        if !was {
            let trigger = &running.program.triggers[index];
            let fired = Fired {
                index: index as u32,
                id: trigger.id.clone(),
                kind: trigger.sort().into(),
                thing: Some(thing),
                name: Some(name),
                value: Value::Float(value),
                ..Fired::default()
            };
            self.fire(rule, running, fired, Lead::default(), effects);
        }
    }
}
