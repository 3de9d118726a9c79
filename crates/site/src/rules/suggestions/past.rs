//! What people did by hand, and what else happened, out of the history and the notes.

use std::collections::HashMap;
use std::time::Duration;

use learn::habit::{Occurrence, is_plain};
use model::{DataType, Name, PropertyModel, ThingId, Timestamp, Value};
use twin::ThingStatus;

use super::super::error::RuleError;
use super::super::past::Course;
use super::noted::Note;
use crate::site::Site;

/// The most properties and events that are read; those of later things are left out, and counted.
const SERIES_MAX: usize = 5_000;

/// The most changes of one of them; the newest count.
const CHANGES_MAX: usize = 20_000;

/// The most words a property may choose from and still be a switch.
const CHOICES_MAX: usize = 32;

/// A change this long after a command, at most, is what the command brought about.
const BROUGHT_ABOUT: Duration = Duration::from_mins(1);

/// How far a thing's clock may lie before ours.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// Everything that is mined.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// From here on.
    pub(super) from: Timestamp,
    /// Done by hand, oldest first.
    pub(super) acts: Vec<Occurrence>,
    /// Anything that may be a reason, oldest first.
    pub(super) happenings: Vec<Occurrence>,
    /// What there was no room for.
    pub(super) series_left_out: usize,
}

/// Something with few values that is looked at.
struct Looked {
    thing: ThingId,
    name: Name,
    is_event: bool,
    /// People can switch it.
    writable: bool,
}

/// The commands by thing, in order of time.
pub(super) struct Commands<'a>(HashMap<&'a ThingId, Vec<&'a Note>>);

impl<'a> Commands<'a> {
    pub(super) fn new(notes: &'a [Note]) -> Self {
        let mut by_thing: HashMap<&ThingId, Vec<&Note>> = HashMap::new();
        for note in notes {
            by_thing.entry(&note.thing).or_default().push(note);
        }
        Self(by_thing)
    }

    /// Whether a change was made by hand: nothing but people commanded the thing just before.
    pub(super) fn is_by_hand(&self, thing: &ThingId, name: &Name, value: &Value, time: Timestamp) -> bool {
        let notes = self.0.get(thing).map_or(&[][..], Vec::as_slice);
        let last = notes.partition_point(|note| note.time <= time + CLOCKS_APART);
        let mut recent = notes[..last].iter().rev().take_while(|note| note.time + BROUGHT_ABOUT >= time);
        // Whoever switches off what a rule has just switched on did it by hand. What an action brings about is not known.
        let led = recent.find(|note| !note.write || (note.name == *name && note.value == *value));
        led.is_none_or(|note| note.by_hand)
    }
}

fn is_switch(property: &PropertyModel) -> bool {
    property.readable
        && match property.data_type {
            DataType::Boolean => true,
            DataType::String => (1..=CHOICES_MAX).contains(&property.choices.len()),
            _ => false,
        }
}

impl Site {
    /// Reads what is mined, from a time on.
    pub(super) fn past_of_people(&self, from: Timestamp, to: Timestamp) -> Result<Past, RuleError> {
        let (notes, from) = self.rules.suggestions.notes(from);
        let commands = Commands::new(&notes);
        let (looked, series_left_out) = self.looked_at();
        let mut past = Past { from, series_left_out, ..Past::default() };
        for one in looked {
            let changes = self.changes_of(&one, from, to)?;
            let newest = changes.len().saturating_sub(CHANGES_MAX);
            for (time, value) in changes.into_iter().skip(newest) {
                let (thing, name) = (one.thing.clone(), one.name.clone());
                let is_act = one.writable && commands.is_by_hand(&one.thing, &one.name, &value, time);
                let occurrence = Occurrence { time, thing, name, value, is_event: one.is_event };
                if is_act {
                    past.acts.push(occurrence.clone());
                }
                past.happenings.push(occurrence);
            }
        }
        past.acts.extend(self.numbers_set(&notes));
        past.acts.sort_by_key(|act| act.time);
        past.happenings.sort_by_key(|happening| happening.time);
        Ok(past)
    }

    fn looked_at(&self) -> (Vec<Looked>, usize) {
        let things = self.things.read();
        let mut looked = Vec::new();
        let mut left_out = 0;
        let accepted = things.registry.iter().map(|(_, slot)| &slot.thing);
        for thing in accepted.filter(|thing| thing.status == ThingStatus::Accepted) {
            let switches = thing.model.properties.iter().filter(|(_, property)| is_switch(property));
            let switches = switches.map(|(name, property)| (name, property.writable, false));
            let events = thing.model.events.keys().map(|name| (name, false, true));
            for (name, writable, is_event) in switches.chain(events) {
                if looked.len() >= SERIES_MAX {
                    left_out += 1;
                    continue;
                }
                looked.push(Looked { thing: thing.id.clone(), name: name.clone(), is_event, writable });
            }
        }
        (looked, left_out)
    }

    fn changes_of(&self, one: &Looked, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, Value)>, RuleError> {
        if !one.is_event {
            let course = Course::read(&*self.history, &one.thing, &one.name, from, to)?;
            return Ok(course.became().to_vec());
        }
        let Some(series) = super::super::replay::series_of(&*self.history, &one.thing, one.name.as_str()) else {
            return Ok(Vec::new());
        };
        let points = self.history.range(series, from, to, CHANGES_MAX)?;
        // A text that cannot stand in a rule is no reason for one.
        let is_usable = |value: &Value| match value {
            Value::Text(text) => is_plain(text),
            value => matches!(value, Value::Null | Value::Boolean(_) | Value::Integer(_)),
        };
        Ok(points.into_iter().filter(|point| is_usable(&point.value)).map(|point| (point.time, point.value)).collect())
    }

    /// Numbers that people set: of them only commands tell who it was.
    fn numbers_set(&self, notes: &[Note]) -> Vec<Occurrence> {
        let things = self.things.read();
        let is_known = |note: &&Note| {
            let model = things.registry.get(&note.thing).map(|slot| &slot.thing.model);
            model.is_some_and(|model| model.properties.get(&note.name).is_some_and(|property| !is_switch(property)))
        };
        let set = notes.iter().filter(|note| note.by_hand && note.write).filter(is_known);
        set.map(|note| Occurrence {
            time: note.time,
            thing: note.thing.clone(),
            name: note.name.clone(),
            value: note.value.clone(),
            is_event: false,
        })
        .collect()
    }
}
