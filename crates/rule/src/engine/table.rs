//! The series that rules read, as numbers: what is known of each, and who listens.

use std::collections::HashMap;

use model::{Name, RecordKind, ThingId};

use super::state::Listener;
use super::{SeriesId, SeriesKey};
use crate::expression::Reading;
use crate::rule::ANY_NAME;

/// The names of a thing that rules read.
type Names = Vec<(RecordKind, Name, SeriesId)>;

/// The series that rules read.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) keys: Vec<SeriesKey>,
    pub(super) readings: Vec<Reading>,
    pub(super) listeners: Vec<Vec<Listener>>,
    /// Rules with a trigger on what is forecast of the series.
    pub(super) forecasts: Vec<Vec<(u32, u32)>>,
    by_thing: HashMap<ThingId, Names, ahash::RandomState>,
}

impl Table {
    /// The number of a series; a new one when nobody read it before.
    pub(super) fn intern(&mut self, key: SeriesKey) -> SeriesId {
        if let Some(known) = self.find(key.kind, key.thing.as_str(), key.name.as_str()) {
            return known;
        }
        let id = SeriesId(self.keys.len() as u32);
        self.by_thing.entry(key.thing.clone()).or_default().push((key.kind, key.name.clone(), id));
        self.keys.push(key);
        self.readings.push(Reading::default());
        self.listeners.push(Vec::new());
        self.forecasts.push(Vec::new());
        id
    }

    /// The number of a series, if anybody reads it.
    pub(super) fn find(&self, kind: RecordKind, thing: &str, name: &str) -> Option<SeriesId> {
        let names = self.by_thing.get(thing)?;
        names.iter().find(|(of, known, _)| *of == kind && known.as_str() == name).map(|(_, _, id)| *id)
    }

    /// The series that a record is told to: for findings also the one of all that is found about the thing.
    pub(super) fn told(&self, kind: RecordKind, thing: &str, name: &str) -> (Option<SeriesId>, Option<SeriesId>) {
        let Some(names) = self.by_thing.get(thing) else { return (None, None) };
        let find = |name: &str| {
            names.iter().find(|(of, known, _)| *of == kind && known.as_str() == name).map(|(_, _, id)| *id)
        };
        (find(name), if kind == RecordKind::Insight { find(ANY_NAME) } else { None })
    }

    /// Adds a listener, in an order that does not depend on when it came.
    pub(super) fn listen(&mut self, series: SeriesId, listener: Listener) {
        let listeners = &mut self.listeners[series.0 as usize];
        if let Err(at) = listeners.binary_search(&listener) {
            listeners.insert(at, listener);
        }
    }

    /// Takes all listeners of a rule away.
    pub(super) fn forget(&mut self, rule: u32, series: &[SeriesId]) {
        for series in series {
            self.listeners[series.0 as usize].retain(|listener| listener.rule() != rule);
            self.forecasts[series.0 as usize].retain(|(listener, _)| *listener != rule);
        }
    }
}
