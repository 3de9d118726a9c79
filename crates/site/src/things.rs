//! The state of the site now, as the fold makes it and everybody else reads it.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Name, Position, Record, RecordKind, SpaceId, ThingId};
use store::history::SeriesId;
use twin::{CommandBook, Diagnostics, Registry, Spaces, Thing, ThingIndex, ThingStatus, recent};

use crate::error::SiteError;

/// Everything that is behind the one lock.
#[derive(Debug)]
pub(crate) struct Things {
    pub(crate) registry: Registry,
    pub(crate) spaces: Spaces,
    pub(crate) commands: CommandBook,
    /// The history series of events; those of properties are kept with the property.
    pub(crate) event_series: HashMap<(ThingIndex, Name), SeriesId, ahash::RandomState>,
    /// What could not be understood and is about no thing that is known.
    pub(crate) diagnostics: Diagnostics,
    /// Everything up to here has been folded in.
    pub(crate) applied: Position,
}

impl Things {
    /// Keeps a record among the newest of its thing.
    pub(crate) fn remember(&mut self, index: ThingIndex, record: &Record) {
        let share = recent::share(self.registry.len());
        self.registry.slot_mut(index).twin.remember(record.clone(), share);
    }

    /// Takes a thing out of everything that is in memory.
    pub(crate) fn forget(&mut self, id: &ThingId, expected: Option<i64>) -> Result<Arc<Thing>, SiteError> {
        let index = self.registry.find(id);
        let thing = self.registry.remove(id, expected)?;
        self.commands.remove_thing(id);
        self.event_series.retain(|(of, _), _| Some(*of) != index);
        Ok(thing)
    }

    /// How many accepted things stand in each space or within it.
    pub(crate) fn counts_by_space(&self) -> HashMap<SpaceId, usize> {
        let mut direct: HashMap<&SpaceId, usize> = HashMap::new();
        for (_, slot) in self.registry.iter() {
            if slot.thing.status == ThingStatus::Accepted {
                *direct.entry(slot.thing.space.as_ref().unwrap_or(&self.spaces.root().space.id)).or_default() += 1;
            }
        }
        let mut counts = HashMap::new();
        for (space, count) in direct {
            for around in self.spaces.path(space) {
                *counts.entry(around.clone()).or_default() += count;
            }
        }
        counts
    }

    /// A record of our own about a command: what became of it.
    pub(crate) fn command_record(&mut self, command: &model::Command) -> Option<Record> {
        let position = self.commands.get(&command.id).and_then(|row| row.position);
        let index = self.registry.find(&command.thing)?;
        let cause = match position {
            Some(position) => command.cause.clone().following(position),
            None => command.cause.clone(),
        };
        let record = Record {
            position: self.applied.max(position.unwrap_or_default()),
            time: command.updated,
            received: command.updated,
            thing: command.thing.clone(),
            kind: RecordKind::Action,
            name: command.action.clone(),
            value: command_value(command),
            quality: model::Quality::Good,
            cause: Arc::new(cause),
        };
        self.remember(index, &record);
        Some(record)
    }
}

/// What a record says about a command.
fn command_value(command: &model::Command) -> model::Value {
    let mut value = serde_json::json!({ "id": command.id, "state": command.state, "write": command.write });
    for (key, part) in [("input", &command.input), ("output", &command.output)] {
        if *part != model::Value::Null {
            value[key] = part.to_json();
        }
    }
    if let Some(error) = &command.error {
        value["error"] = error.as_str().into();
    }
    model::Value::from_json(value)
}
