//! The state of one thing: what it reports, what is desired of it, whether it is there, what went wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::thing_model::AFFORDANCES_MAX;
use model::{Cause, Name, Position, Quality, Record, ThingModel, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::history::SeriesId;

use crate::diagnostics::Diagnostics;
use crate::presence::{Presence, PresenceState};
use crate::recent::Recent;
use crate::reported::{Folded, Reported, Rule};

/// From how many properties on a twin keeps an index of them; below, looking at each is faster.
const INDEX_FROM: usize = 24;

/// What somebody wants a property to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// The wish.
    pub value: Value,
    /// Grows by one with every new wish for this property.
    pub version: u64,
    /// When it was wished.
    pub time: Timestamp,
    /// Who wished it, and why.
    pub cause: Cause,
    /// True once the thing reported it so. A wish that came true and was then overridden at the thing is over.
    #[serde(default)]
    pub reached: bool,
}

/// What a property record did to a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// What it did to the reported state.
    pub folded: Folded,
    /// Which of the twin's properties it was.
    pub property: usize,
    /// The model was only inferred, and this record may teach it something.
    pub teaches: bool,
    /// The value fits the model's type: it belongs into the history.
    pub fits: bool,
    /// A wish was overridden at the thing and is over: what is desired changed.
    pub desired_changed: bool,
}

/// The state of one thing. See [`Checkpoint`] for the part that is kept on disk.
#[derive(Debug, Clone)]
pub struct Twin {
    properties: Vec<Reported>,
    index: Option<HashMap<Name, u32, ahash::RandomState>>,
    /// Where the next record's property probably is: things report their properties in the same order every time.
    next: usize,
    /// How many properties are of bad quality.
    bad: u32,
    desired: BTreeMap<Name, Desired>,
    presence: Presence,
    /// True once the thing's presence was stated; until then, speaking is presence.
    presence_stated: bool,
    diagnostics: Option<Box<Diagnostics>>,
    recent: Recent,
    applied: Position,
    last_seen: Option<Timestamp>,
    /// True when the checkpoint on disk is older.
    pub changed: bool,
}

/// What is kept of a twin on disk, together with the position up to which it has been folded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Everything up to here, inclusive, has been folded in.
    pub applied: Position,
    /// When the thing last said anything.
    #[serde(default)]
    pub last_seen: Option<Timestamp>,
    /// What it reports.
    pub properties: Vec<Reported>,
    /// What is desired of it.
    #[serde(default)]
    pub desired: BTreeMap<Name, Desired>,
    /// Whether it is there.
    pub presence: Presence,
    /// Whether that was stated.
    #[serde(default)]
    pub presence_stated: bool,
    /// What went wrong.
    #[serde(default)]
    pub diagnostics: Diagnostics,
}

impl Twin {
    /// A thing that has said nothing since `after`.
    pub fn new(created: Timestamp, after: Position) -> Self {
        Self {
            properties: Vec::new(),
            index: None,
            next: 0,
            bad: 0,
            desired: BTreeMap::new(),
            presence: Presence::unknown(created),
            presence_stated: false,
            diagnostics: None,
            recent: Recent::starting_after(after),
            applied: after,
            last_seen: None,
            changed: true,
        }
    }

    /// Goes on from a checkpoint.
    pub fn restore(checkpoint: Checkpoint, model: &ThingModel) -> Self {
        let mut twin = Self::new(Timestamp::EPOCH, checkpoint.applied);
        twin.properties = checkpoint.properties;
        twin.desired = checkpoint.desired;
        twin.presence = checkpoint.presence;
        twin.presence_stated = checkpoint.presence_stated;
        twin.diagnostics = (!checkpoint.diagnostics.is_empty()).then(|| Box::new(checkpoint.diagnostics));
        twin.last_seen = checkpoint.last_seen;
        twin.changed = false;
        twin.properties.shrink_to_fit();
        twin.bad = twin.properties.iter().filter(|property| property.quality == Quality::Bad).count() as u32;
        twin.reindex();
        twin.model_changed(model);
        twin
    }

    /// What to keep on disk.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            applied: self.applied,
            last_seen: self.last_seen,
            properties: self.properties.clone(),
            desired: self.desired.clone(),
            presence: self.presence.clone(),
            presence_stated: self.presence_stated,
            diagnostics: self.diagnostics.as_deref().cloned().unwrap_or_default(),
        }
    }

    /// The model changed: what it expects is looked up again.
    pub fn model_changed(&mut self, model: &ThingModel) {
        for property in &mut self.properties {
            property.rule = Rule::of(model.properties.get(&property.name));
        }
    }

    /// Takes in a property record: judges it by the model, brings its value to the model's type and folds it in.
    /// `None` when the thing has more properties than a model may have; the complaint is counted.
    pub fn report(&mut self, record: &mut Record, model: &ThingModel) -> Option<Applied> {
        let found = self.find(&record.name);
        let rule = match found {
            Some(at) => self.properties[at].rule,
            None => Rule::of(model.properties.get(&record.name)),
        };
        let judged = rule.judge(&record.name, &mut record.value, model);
        let widens = model.inferred && judged.complaint.is_some();
        let fits = widens || judged.quality < Quality::Bad;
        if !widens {
            record.quality = record.quality.max(judged.quality);
            if let Some((code, detail)) = judged.complaint {
                self.diagnose(code, &detail, record.received);
            }
        }
        let was_bad = found.is_some_and(|at| self.properties[at].quality == Quality::Bad);
        let (property, folded) = match found {
            Some(at) => (at, self.properties[at].apply(record)),
            None => (self.add(record, rule)?, Folded::Changed),
        };
        self.bad += u32::from(self.properties[property].quality == Quality::Bad);
        self.bad -= u32::from(was_bad);
        self.next = property + 1;
        self.changed = true;
        let teaches = model.inferred && self.properties[property].teaches(widens, &record.value);
        let desired_changed = folded != Folded::Late && !self.desired.is_empty() && self.settle(property, model);
        Some(Applied { folded, property, teaches, fits, desired_changed })
    }

    /// Brings a record's value to the model's type without folding it in: for a record that the twin has seen and the
    /// history has not. Returns whether it belongs into the history.
    pub fn bring_to_type(&self, record: &mut Record, model: &ThingModel) -> bool {
        let rule = Rule::of(model.properties.get(&record.name));
        let judged = rule.judge(&record.name, &mut record.value, model);
        model.inferred || judged.quality < Quality::Bad
    }

    /// Compares a wish with what is now reported. True when the wish is over.
    fn settle(&mut self, property: usize, model: &ThingModel) -> bool {
        let reported = &self.properties[property];
        let Some(desired) = self.desired.get_mut(&reported.name) else { return false };
        if reported.is(&desired.value, model) {
            desired.reached = true;
            return false;
        }
        desired.reached && self.desired.remove(&reported.name).is_some()
    }

    fn find(&mut self, name: &Name) -> Option<usize> {
        if self.next >= self.properties.len() {
            self.next = 0;
        }
        if self.properties.get(self.next).is_some_and(|property| property.name == *name) {
            return Some(self.next);
        }
        match &self.index {
            Some(index) => index.get(name).map(|at| *at as usize),
            None => self.properties.iter().position(|property| property.name == *name),
        }
    }

    fn add(&mut self, record: &Record, rule: Rule) -> Option<usize> {
        if self.properties.len() >= AFFORDANCES_MAX {
            let detail = format!("{} is one property too many, {AFFORDANCES_MAX} are kept", record.name);
            self.diagnose("too_many_properties", &detail, record.received);
            return None;
        }
        let at = self.properties.len();
        self.properties.push(Reported { rule, ..Reported::first(record) });
        match &mut self.index {
            Some(index) => drop(index.insert(record.name.clone(), at as u32)),
            None => self.reindex(),
        }
        Some(at)
    }

    fn reindex(&mut self) {
        if self.properties.len() >= INDEX_FROM {
            let names = self.properties.iter().enumerate();
            self.index = Some(names.map(|(at, property)| (property.name.clone(), at as u32)).collect());
        }
    }

    /// Whether an entry has not been folded in yet.
    pub fn is_new(&self, position: Position) -> bool {
        position > self.applied
    }

    /// Everything up to `position` is folded in, the thing having been heard at `received`.
    pub fn advance(&mut self, position: Position, received: Timestamp) {
        self.applied = self.applied.max(position);
        self.last_seen = Some(self.last_seen.map_or(received, |seen| seen.max(received)));
        self.changed = true;
    }

    /// The thing's presence was stated. Returns whether it changed.
    pub fn present(&mut self, state: PresenceState, time: Timestamp, reason: &str) -> bool {
        self.presence_stated = true;
        self.changed = true;
        self.presence.apply(state, time, reason)
    }

    /// The thing said something: unless its presence was ever stated, that means it is there. Returns whether it
    /// changed.
    pub fn speaks(&mut self, received: Timestamp) -> bool {
        !self.presence_stated
            && self.presence.state != PresenceState::Online
            && self.presence.apply(PresenceState::Online, received, "it speaks")
    }

    /// Counts something that was not understood.
    pub fn diagnose(&mut self, code: &str, detail: &str, time: Timestamp) {
        self.changed = true;
        self.diagnostics.get_or_insert_default().add(code, detail, time);
    }

    /// Keeps a record among the newest; `limit` is the thing's share.
    pub fn remember(&mut self, record: Record, limit: usize) {
        self.recent.push(record, limit);
    }

    /// Somebody wants a property to be something.
    pub fn desire(&mut self, name: &Name, value: Value, time: Timestamp, cause: Cause, model: &ThingModel) -> &Desired {
        let reached = self.property(name).is_some_and(|reported| reported.is(&value, model));
        let version = self.desired.get(name).map_or(1, |desired| desired.version + 1);
        let desired = Desired { value, version, time, cause, reached };
        self.changed = true;
        self.desired.insert(name.clone(), desired);
        &self.desired[name]
    }

    /// Takes a wish back, if there is one.
    pub fn undesire(&mut self, name: &Name) -> bool {
        self.changed = true;
        self.desired.remove(name).is_some()
    }

    /// Properties that have a value although their thing promised to say it again within a time that is over.
    pub fn expired(&self, after: &BTreeMap<Name, Duration>, now: Timestamp) -> Vec<&Reported> {
        let found = after.iter().filter_map(|(name, after)| Some((self.property(name)?, *after)));
        let is_over = |reported: &Reported, after| now.since(reported.received) > after;
        let expired = found.filter(|(reported, after)| reported.value != Value::Null && is_over(reported, *after));
        expired.map(|(reported, _)| reported).collect()
    }

    /// What is desired.
    pub fn desired(&self) -> &BTreeMap<Name, Desired> {
        &self.desired
    }

    /// What is desired and not so.
    pub fn delta<'a>(&'a self, model: &'a ThingModel) -> impl Iterator<Item = (&'a Name, &'a Desired)> {
        self.desired.iter().filter(move |(name, desired)| {
            !self.property(name).is_some_and(|reported| reported.is(&desired.value, model))
        })
    }

    /// What is reported, in the order in which the properties first came.
    pub fn properties(&self) -> &[Reported] {
        &self.properties
    }

    /// What is reported and known to be wrong or missing.
    pub fn bad(&self) -> impl Iterator<Item = &Reported> {
        // Most twins have none, and are not looked through.
        let looked_at = if self.bad == 0 { &[] } else { &self.properties[..] };
        looked_at.iter().filter(|property| property.quality == Quality::Bad)
    }

    /// What is reported of one property.
    pub fn property(&self, name: &Name) -> Option<&Reported> {
        match &self.index {
            Some(index) => index.get(name).map(|at| &self.properties[*at as usize]),
            None => self.properties.iter().find(|property| property.name == *name),
        }
    }

    /// Keeps the history series of a property close at hand.
    pub fn set_series(&mut self, property: usize, series: SeriesId) {
        self.properties[property].series = Some(series);
    }

    /// Links the newest report of a property to what led to it.
    pub fn set_cause(&mut self, property: usize, cause: &Arc<Cause>) {
        self.properties[property].cause = Arc::clone(cause);
    }

    /// Whether the thing is there.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// What was not understood.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        self.diagnostics.as_deref()
    }

    /// The newest records.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Everything up to here has been folded in.
    pub fn applied(&self) -> Position {
        self.applied
    }

    /// When the thing last said anything.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }
}
