//! An engine as plain data, so that a restart goes on where it stood.

use std::collections::HashMap;
use std::sync::Arc;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{Answer, RuleState};
use super::{Counters, Engine, Enlisted, Options, SeriesKey};
use crate::calendar::Place;
use crate::expression::Reading;
use crate::view::View;

/// What an engine knows beside its rules: as plain data, to go on after a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    now: Timestamp,
    next_run: u64,
    counters: Counters,
    readings: Vec<(SeriesKey, Reading)>,
    answers: Vec<(SeriesKey, Answer)>,
    rules: Vec<SavedRule>,
}

/// One rule of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedRule {
    id: Arc<str>,
    version: u64,
    state: RuleState,
}

impl Engine {
    /// What is needed to go on. Traces that wait to be taken are not in it.
    pub fn save(&self) -> Saved {
        let keys = || self.table.keys.iter().cloned();
        let mut answers: Vec<(SeriesKey, Answer)> = self
            .answers
            .iter()
            .map(|(series, answer)| (self.table.keys[series.0 as usize].clone(), answer.clone()))
            .collect();
        answers.sort_by(|(a, _), (b, _)| (a.kind, &a.thing, &a.name).cmp(&(b.kind, &b.thing, &b.name)));
        let rules = self.rules.iter().flatten().map(|running| SavedRule {
            id: Arc::clone(&running.enlisted.id),
            version: running.enlisted.version,
            state: running.state.clone(),
        });
        Saved {
            now: self.now,
            next_run: self.next_run,
            counters: self.counters,
            readings: keys().zip(self.table.readings.iter().cloned()).collect(),
            answers,
            rules: rules.collect(),
        }
    }

    /// An engine that goes on where another was saved. Runs of rules that have another version now are gone; a rule
    /// that is not given is forgotten. What the view knows counts for series that were not known; follow with
    /// [`Engine::catch_up`] to tell what has changed since.
    pub fn restore(place: Place, options: Options, rules: Vec<Enlisted>, saved: Saved, view: &dyn View) -> Self {
        let mut engine = Self::new(place, options);
        engine.now = saved.now;
        engine.next_run = saved.next_run;
        engine.counters = saved.counters;
        let places: HashMap<&str, usize, ahash::RandomState> =
            saved.rules.iter().enumerate().map(|(at, known)| (&*known.id, at)).collect();
        let place_of = |rule: &Enlisted| places.get(&*rule.id).copied();
        let mut rules = rules;
        rules.sort_by_key(|rule| place_of(rule).unwrap_or(usize::MAX));
        let mut prepared = Vec::with_capacity(rules.len());
        for rule in rules {
            engine.rules.push(None);
            prepared.push(engine.prepare(rule, view));
        }
        for (key, reading) in saved.readings {
            if let Some(series) = engine.table.find(key.kind, key.thing.as_str(), key.name.as_str()) {
                engine.table.readings[series.0 as usize] = reading;
            }
        }
        for (key, answer) in saved.answers {
            if let Some(series) = engine.table.find(key.kind, key.thing.as_str(), key.name.as_str()) {
                engine.answers.insert(series, answer);
            }
        }
        for (at, mut running) in prepared.into_iter().enumerate() {
            let known = place_of(&running.enlisted).and_then(|at| saved.rules.get(at));
            let fits = |state: &RuleState| {
                state.triggers.len() == running.program.triggers.len()
                    && state.trackers.len() == running.program.trackers.len()
                    && state.runs.iter().all(|run| run.at <= running.program.operations.len())
            };
            match known.filter(|known| known.version == running.enlisted.version && fits(&known.state)) {
                Some(known) => running.state = known.state.clone(),
                None => engine.start_from_what_is(&mut running),
            }
            engine.install(at as u32, running);
        }
        engine
    }
}
