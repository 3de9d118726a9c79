//! What one batch of entries does to twins, history and live views.

use std::sync::Arc;

use connect::{CommandStep, Decoded, Diagnostic, Discovered, infer};
use model::{
    Cause, CauseKind, Command, Entry, Name, Position, Quality, Record, RecordKind, ThingId, ThingModel, Timestamp,
    Value,
};
use store::history::{Batch, SeriesKey};
use twin::{Folded, PresenceState, Step, Thing, ThingIndex, ThingStatus};

use crate::counters::count;
use crate::fold::{Afterwards, Heard};
use crate::inference::is_said_by_model;
use crate::mind::{Gathered, Sample, number_of};
use crate::site::Site;
use crate::things::Things;

/// The name under which presence is recorded.
const PRESENCE: &str = "presence";

/// The records of one entry about one thing.
struct Group {
    thing: ThingId,
    index: ThingIndex,
    model: Arc<ThingModel>,
    /// The twin has not seen this entry.
    is_new: bool,
    /// A report could be the effect of a command.
    watched: bool,
    /// The inferred model with what this entry taught it.
    learned: Option<ThingModel>,
    /// The last record, to make one of presence from if the thing turns out to be there.
    received: Timestamp,
    cause: Arc<Cause>,
}

/// Where that goes which comes of a batch.
pub(crate) struct Made<'a> {
    /// To the history.
    pub(crate) batch: &'a mut Batch,
    /// To the mind.
    pub(crate) gathered: &'a mut Gathered,
    /// To live clients.
    pub(crate) live: &'a mut Vec<Record>,
    /// To the rules alone: what the twins had seen before a restart, and the rules had not.
    pub(crate) again: &'a mut Vec<Record>,
}

/// One batch being applied.
pub(crate) struct Apply<'a> {
    site: &'a Site,
    things: &'a mut Things,
    adapters: &'a [Arc<str>],
    in_history: Position,
    made: Made<'a>,
    afterwards: Afterwards,
    /// Things that the current entry is about.
    touched: Vec<ThingIndex>,
    presence: Name,
}

impl<'a> Apply<'a> {
    pub(crate) fn new(
        site: &'a Site,
        things: &'a mut Things,
        adapters: &'a [Arc<str>],
        in_history: Position,
        made: Made<'a>,
    ) -> Self {
        let presence = Name::new(PRESENCE).expect("a plain word is a name");
        let (afterwards, touched) = (Afterwards::default(), Vec::new());
        Self { site, things, adapters, in_history, made, afterwards, touched, presence }
    }

    /// Applies entries in order.
    pub(crate) fn entries(&mut self, entries: &[Entry], heard: &[Heard], decoded: Decoded) {
        let mut records = decoded.records.into_iter();
        let mut discovered = decoded.discovered.into_iter();
        let mut removed = decoded.removed.into_iter();
        let mut steps = decoded.command_steps.into_iter();
        let mut diagnostics = decoded.diagnostics.into_iter();
        let start = Heard { adapter: None, records: 0, discovered: 0, removed: 0, steps: 0, diagnostics: 0 };
        let mut before = start;
        for (entry, now) in entries.iter().zip(heard) {
            let adapter = now.adapter.map_or(0, |adapter| adapter);
            for found in discovered.by_ref().take(now.discovered - before.discovered) {
                if self.may_speak(entry, adapter, &found.thing) {
                    self.discover(entry, adapter, found);
                }
            }
            self.records(entry, adapter, records.by_ref().take(now.records - before.records));
            for step in steps.by_ref().take(now.steps - before.steps) {
                if self.may_speak(entry, adapter, &step.thing) {
                    self.step(entry, &step);
                }
            }
            for thing in removed.by_ref().take(now.removed - before.removed) {
                if self.may_speak(entry, adapter, &thing) {
                    self.withdraw(entry, &thing);
                }
            }
            for diagnostic in diagnostics.by_ref().take(now.diagnostics - before.diagnostics) {
                self.diagnose(entry, &diagnostic);
            }
            for index in self.touched.drain(..) {
                self.things.registry.slot_mut(index).twin.advance(entry.position, entry.received);
                self.things.registry.chart(index);
            }
            self.things.applied = entry.position.max(self.things.applied);
            before = *now;
        }
    }

    /// What is left to be done.
    pub(crate) fn finish(self) -> Afterwards {
        self.afterwards
    }

    fn records(&mut self, entry: &Entry, adapter: usize, records: impl Iterator<Item = Record>) {
        let mut group: Option<Group> = None;
        for mut record in records {
            if record.kind == RecordKind::Insight {
                self.insight(entry, record);
                continue;
            }
            if group.as_ref().is_none_or(|group| group.thing != record.thing) {
                if let Some(done) = group.take() {
                    self.close(entry, done);
                }
                group = self.open(entry, adapter, &record);
            }
            let Some(group) = &mut group else { continue };
            self.judge_time(&mut record);
            if group.is_new {
                self.record(group, record);
                continue;
            }
            self.again(group, &record);
            if entry.position > self.in_history {
                self.history_only(group, record);
            }
        }
        if let Some(done) = group {
            self.close(entry, done);
        }
    }

    /// A finding of ours. The thing has not spoken: it is not there because of it, and one that is gone does not come
    /// back.
    fn insight(&mut self, entry: &Entry, record: Record) {
        if entry.cause.kind != CauseKind::System {
            let detail = format!("{} is for the mind alone, and {} said it", entry.topic, entry.cause.id);
            return self.things.diagnostics.add("not_its_own", &detail, entry.received);
        }
        let is_new = entry.position > self.things.applied;
        match self.things.registry.find(&record.thing) {
            Some(index) if is_new => self.tell(index, record),
            Some(_) if self.site.rules.missed(entry.position) => self.made.again.push(record),
            _ => {}
        }
    }

    /// The twin has seen the record already, and the rules may not have.
    fn again(&mut self, group: &Group, record: &Record) {
        if !self.site.rules.missed(record.position) {
            return;
        }
        let mut record = record.clone();
        if record.kind == RecordKind::Property {
            self.things.registry.slot(group.index).twin.bring_to_type(&mut record, &group.model);
        }
        self.made.again.push(record);
    }

    /// Whether what a thing said about another one is heard. The broker proves who may use a topic, but some protocols
    /// name the thing in the payload: there a thing may bring in others and go on speaking for them, and never take
    /// over one that speaks through another adapter.
    fn may_speak(&mut self, entry: &Entry, adapter: usize, thing: &ThingId) -> bool {
        let Some(index) = self.things.registry.find(thing) else { return true };
        let ours = &self.things.registry.slot(index).thing.adapter;
        let (cause, theirs) = (&entry.cause, &self.adapters[adapter]);
        if ours == theirs || cause.kind != CauseKind::Device || *cause.id == *thing.as_str() || names(entry, thing) {
            return true;
        }
        count(&self.site.counters.claims_refused);
        let detail = format!("{} spoke of {thing} through {theirs}, but {thing} speaks through {ours}", cause.id);
        self.things.diagnostics.add("not_its_own", &detail, entry.received);
        false
    }

    /// Finds the thing of a record, or takes it into the inbox. `None` when its records are not wanted.
    fn open(&mut self, entry: &Entry, adapter: usize, record: &Record) -> Option<Group> {
        if !self.may_speak(entry, adapter, &record.thing) {
            return None;
        }
        let index = match self.things.registry.find(&record.thing) {
            Some(index) => index,
            None => self.take_in(entry, adapter, &record.thing, |_| {})?,
        };
        let slot = self.things.registry.slot(index);
        if slot.thing.status == ThingStatus::Ignored {
            count(&self.site.counters.records_ignored);
            return None;
        }
        let is_new = slot.twin.is_new(entry.position);
        let (thing, model) = (slot.thing.id.clone(), Arc::clone(&slot.thing.model));
        if is_new && !self.touched.contains(&index) {
            self.touched.push(index);
        }
        let watched = is_new && self.things.commands.watches(&thing, entry.received);
        let (received, cause) = (record.received, Arc::clone(&record.cause));
        Some(Group { thing, index, model, is_new, watched, learned: None, received, cause })
    }

    /// Adds a thing to the inbox, or counts it when there is no room.
    fn take_in(
        &mut self,
        entry: &Entry,
        adapter: usize,
        id: &ThingId,
        edit: impl FnOnce(&mut Thing),
    ) -> Option<ThingIndex> {
        let mut thing = Thing::new(id.clone(), ThingStatus::Inbox, &self.adapters[adapter], entry.received);
        edit(&mut thing);
        let after = Position(entry.position.0.saturating_sub(1));
        match self.things.registry.add(thing, after) {
            Ok(index) => {
                count(&self.site.counters.things_found);
                Some(index)
            }
            Err(_full) => {
                count(&self.site.counters.things_refused);
                count(&self.site.counters.records_refused);
                self.afterwards.refused.push(id.clone());
                None
            }
        }
    }

    /// Everything that an entry says about a thing was applied: what it taught is kept, and who speaks is there.
    fn close(&mut self, entry: &Entry, group: Group) {
        if let Some(mut learned) = group.learned
            && learned != *group.model
        {
            // Shared by all things that are alike: the id is the thing's own, see `Thing::model_of_its_own`.
            learned.id.clear();
            self.things.registry.change(group.index, |thing| thing.model = Arc::new(learned));
        }
        let twin = &mut self.things.registry.slot_mut(group.index).twin;
        // What a model says about a thing does not mean that the thing is there.
        let is_its_own = !is_said_by_model(&entry.cause);
        if group.is_new && is_its_own && twin.speaks(group.received) {
            let record = Record {
                position: entry.position,
                time: group.received,
                received: group.received,
                thing: group.thing,
                kind: RecordKind::Presence,
                name: self.presence.clone(),
                value: Value::text(PresenceState::Online.as_str()),
                quality: Quality::Good,
                cause: group.cause,
            };
            self.tell(group.index, record);
        }
    }

    /// Claims of time that cannot be are replaced.
    fn judge_time(&self, record: &mut Record) {
        let options = &self.site.options;
        if record.time > record.received + options.claims_ahead_max || record.time < options.claims_from {
            record.time = record.received;
            record.quality = record.quality.max(Quality::Uncertain);
            count(&self.site.counters.times_replaced);
        }
    }

    fn record(&mut self, group: &mut Group, record: Record) {
        match record.kind {
            RecordKind::Property => self.property(group, record),
            RecordKind::Event => {
                if group.model.inferred && !group.model.events.contains_key(&record.name) {
                    let learned = group.learned.get_or_insert_with(|| (*group.model).clone());
                    infer::observe(learned, &record);
                }
                self.event_point(group, &record);
                self.tell(group.index, record);
            }
            RecordKind::Presence => {
                let word = if let Value::Text(word) = &record.value { PresenceState::parse(word) } else { None };
                let state = word.unwrap_or_default();
                let ours = record.cause.kind == CauseKind::System;
                let reason = if ours { &*record.cause.id } else { "said so" };
                self.things.registry.slot_mut(group.index).twin.present(state, record.time, reason);
                self.tell(group.index, record);
            }
            // Findings never come here, see `insight`.
            RecordKind::Action | RecordKind::Decision | RecordKind::Insight => self.tell(group.index, record),
        }
    }

    fn property(&mut self, group: &mut Group, mut record: Record) {
        let twin = &mut self.things.registry.slot_mut(group.index).twin;
        let Some(applied) = twin.report(&mut record, &group.model) else { return };
        if applied.teaches {
            let learned = group.learned.get_or_insert_with(|| (*group.model).clone());
            infer::observe(learned, &record);
        }
        if applied.desired_changed {
            self.afterwards.desired_changed.push(group.thing.clone());
        }
        let late = applied.folded == Folded::Late;
        let moved = if group.watched && !late {
            let changed = applied.folded == Folded::Changed;
            self.follow_command(group, &mut record, applied.property, changed)
        } else {
            None
        };
        self.property_point(group, &record, applied.property, applied.fits);
        if late {
            count(&self.site.counters.records_late);
            self.things.remember(group.index, &record);
        } else {
            self.tell(group.index, record);
        }
        self.tell_command(moved.as_ref());
    }

    /// Finishes the write that a report answers, and links the report to the command that led to it.
    fn follow_command(
        &mut self,
        group: &Group,
        record: &mut Record,
        property: usize,
        changed: bool,
    ) -> Option<Command> {
        let Things { registry, commands, .. } = &mut *self.things;
        let decimals = group.model.properties.get(&record.name).and_then(|property| property.decimals);
        let value = &record.value;
        let matches = |wanted: &Value| twin::reported::same_value(value, wanted, decimals);
        let (position, received) = (record.position, record.received);
        let (led_here, moved) = commands.reported(&group.thing, &record.name, changed, position, received, &matches);
        if let (Some(command), None) = (led_here, record.cause.position) {
            record.cause = Arc::new((*record.cause).clone().following(command));
            registry.slot_mut(group.index).twin.set_cause(property, &record.cause);
        }
        moved
    }

    /// Keeps a record, and gives it to live clients.
    fn tell(&mut self, index: ThingIndex, record: Record) {
        self.things.remember(index, &record);
        self.made.live.push(record);
    }

    fn tell_command(&mut self, moved: Option<&Command>) {
        if let Some(record) = moved.and_then(|command| self.things.command_record(command)) {
            self.made.live.push(record);
        }
    }

    fn property_point(&mut self, group: &Group, record: &Record, property: usize, fits: bool) {
        if !fits {
            count(&self.site.counters.values_misfit);
            return;
        }
        if record.position <= self.in_history {
            return;
        }
        let twin = &mut self.things.registry.slot_mut(group.index).twin;
        let series = if let Some(series) = twin.properties()[property].series {
            series
        } else {
            let key = SeriesKey { thing: group.thing.clone(), name: record.name.clone() };
            let Some(series) = self.site.series_of(&key) else { return };
            twin.set_series(property, series);
            series
        };
        self.made.batch.points.push((series, record.time, record.value.clone()));
        let is_free_text = matches!(record.value, Value::Text(_)) && {
            let model = &self.things.registry.slot_mut(group.index).thing.model;
            model.properties.get(&record.name).is_none_or(|model| model.choices.is_empty())
        };
        if let Some(value) = number_of(&record.value).filter(|_| !is_free_text) {
            let Record { time, received, position, .. } = *record;
            let sample = Sample { series, time, received, value, position };
            self.made.gathered.add(sample, || (group.thing.clone(), record.name.clone()));
        }
    }

    fn event_point(&mut self, group: &Group, record: &Record) {
        if record.position <= self.in_history {
            return;
        }
        let key = (group.index, record.name.clone());
        let series = if let Some(series) = self.things.event_series.get(&key) {
            *series
        } else {
            let name = SeriesKey { thing: group.thing.clone(), name: record.name.clone() };
            let Some(series) = self.site.series_of(&name) else { return };
            self.things.event_series.insert(key, series);
            series
        };
        self.made.batch.points.push((series, record.time, record.value.clone()));
    }

    /// The twin has seen the record already, the history has not.
    fn history_only(&mut self, group: &Group, mut record: Record) {
        match record.kind {
            RecordKind::Property => {
                let twin = &self.things.registry.slot(group.index).twin;
                let fits = twin.bring_to_type(&mut record, &group.model);
                let property = twin.properties().iter().position(|property| property.name == record.name);
                if let Some(property) = property {
                    self.property_point(group, &record, property, fits);
                }
            }
            RecordKind::Event => self.event_point(group, &record),
            _ => {}
        }
    }

    fn discover(&mut self, entry: &Entry, adapter: usize, found: Discovered) {
        let adapter_name = Arc::clone(&self.adapters[adapter]);
        let learn = |thing: &mut Thing| {
            if !thing.named && !found.title.trim().is_empty() {
                thing.title.clone_from(&found.title);
            }
            if !thing.corrected {
                thing.model = Arc::new(found.model.clone());
            }
            thing.via.clone_from(&found.via);
            thing.suggested_space.clone_from(&found.suggested_space);
            thing.expires_after.clone_from(&found.expires_after);
            thing.adapter = adapter_name;
        };
        match self.things.registry.find(&found.thing) {
            Some(index) => {
                let slot = self.things.registry.slot(index);
                if slot.twin.is_new(entry.position) {
                    self.things.registry.change(index, learn);
                    self.touched.push(index);
                }
            }
            None => {
                if let Some(index) = self.take_in(entry, adapter, &found.thing, learn) {
                    self.touched.push(index);
                }
            }
        }
    }

    /// The producer withdrew a thing: out of the inbox it goes; one that was accepted stays, and is not there.
    fn withdraw(&mut self, entry: &Entry, thing: &ThingId) {
        let Some(index) = self.things.registry.find(thing) else { return };
        let slot = self.things.registry.slot_mut(index);
        if !slot.twin.is_new(entry.position) {
            return;
        }
        if slot.thing.status == ThingStatus::Inbox {
            self.touched.retain(|touched| *touched != index);
            self.things.forget(thing, None).expect("the thing was just found");
            return;
        }
        slot.twin.present(PresenceState::Offline, entry.received, "withdrawn by its producer");
        self.touched.push(index);
        let record = Record {
            position: entry.position,
            time: entry.received,
            received: entry.received,
            thing: thing.clone(),
            kind: RecordKind::Presence,
            name: self.presence.clone(),
            value: Value::text(PresenceState::Offline.as_str()),
            quality: Quality::Good,
            cause: Arc::new(entry.cause.clone()),
        };
        self.tell(index, record);
    }

    fn step(&mut self, entry: &Entry, step: &CommandStep) {
        let said = Step {
            command: step.command.as_ref(),
            thing: &step.thing,
            action: &step.action,
            state: step.state,
            output: &step.output,
            error: step.error.as_deref(),
        };
        let moved = self.things.commands.step(&said, entry.received);
        self.tell_command(moved.as_ref());
    }

    fn diagnose(&mut self, entry: &Entry, diagnostic: &Diagnostic) {
        let index = diagnostic.thing.as_ref().and_then(|thing| self.things.registry.find(thing));
        let Some(index) = index else {
            return self.things.diagnostics.add(diagnostic.code, &diagnostic.detail, entry.received);
        };
        let twin = &mut self.things.registry.slot_mut(index).twin;
        if twin.is_new(entry.position) {
            twin.diagnose(diagnostic.code, &diagnostic.detail, entry.received);
            self.touched.push(index);
        }
    }
}

/// Whether the topic, which the broker allowed, is one of the thing's own.
fn names(entry: &Entry, thing: &ThingId) -> bool {
    let rest = entry.topic.strip_prefix("things/").and_then(|rest| rest.strip_prefix(thing.as_str()));
    rest.is_some_and(|rest| rest.starts_with('/'))
}
