//! Home Assistant's MQTT discovery, as a consumer: what its many producers announce becomes things.
//!
//! - One *device* becomes one thing, its *entities* become properties, events and actions of it; an entity without a
//!   device is a thing of its own. Devices that share an identifier or connection are the same thing.
//! - An entity's main property is named after the producer's short name for it (`temperature`), its aspects follow
//!   (`light_brightness`). Names stay for as long as the entity is known.
//! - States are routed by topic; templates are checked when a thing is discovered, and one that we cannot render
//!   as Home Assistant does leaves a diagnostic and its property without values, never with wrong ones.
//! - A discovery message that says what it said before costs a comparison.
//!
//! Not followed: wildcards in state topics, pictures, and what templates ask of other entities or of the clock.

mod abbreviations;
mod config;
mod device;
mod discovery;
mod entity;
mod filters;
mod kinds;
mod lexer;
mod python;
mod registry;
mod template;
mod thing;

use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Command, DataType, Entry, Name, Quality, Record, RecordKind, ThingId, Value};
use serde_json::{Map, Value as Json};

pub use registry::{ENTITIES_MAX, ENTITIES_PER_THING_MAX, THINGS_MAX};
pub use template::{TEMPLATE_BYTES_MAX, TEMPLATE_FUEL, TEMPLATES_MAX};

use crate::sink::{Counters, Sink};
use crate::{Adapter, Decoded, EncodeError, Encoded, Message};
use discovery::{Component, Place};
use entity::{Meaning, Outcome, Step};
use registry::Registry;
use template::Payload;

/// The largest discovery message that is read, in bytes.
pub const DISCOVERY_BYTES_MAX: usize = 4 << 20;

/// The largest state message that is read, in bytes.
pub const STATE_BYTES_MAX: usize = 1 << 20;

/// The prefix of discovery topics unless a site has another one.
pub const DISCOVERY_PREFIX: &str = "homeassistant";

/// The message that makes producers announce their things again: published when Manmul has started.
pub fn birth_message(prefix: &str) -> Message {
    Message { topic: format!("{prefix}/status"), payload: Bytes::from_static(b"online"), qos: 1, retain: false }
}

/// The message to leave behind as Manmul stops.
pub fn will_message(prefix: &str) -> Message {
    Message { payload: Bytes::from_static(b"offline"), ..birth_message(prefix) }
}

/// The adapter.
#[derive(Debug)]
pub struct HomeAssistant {
    prefix: String,
    registry: Registry,
    counters: Counters,
}

impl Default for HomeAssistant {
    fn default() -> Self {
        Self::new(DISCOVERY_PREFIX)
    }
}

impl HomeAssistant {
    /// An adapter of the discovery topics under this prefix, that knows no thing yet.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: format!("{}/", prefix.trim_end_matches('/')),
            registry: Registry::new(),
            counters: Counters::default(),
        }
    }

    fn discover(&mut self, entry: &Entry, place: &Place<'_>, sink: &mut Sink<'_>) {
        if self.registry.is_unchanged(&entry.topic, &entry.payload) {
            return;
        }
        if entry.payload.trim_ascii().is_empty() {
            self.registry.withdraw(&entry.topic, sink);
            return;
        }
        if entry.payload.len() > DISCOVERY_BYTES_MAX {
            let detail =
                format!("{}: {} bytes, at most {DISCOVERY_BYTES_MAX} are read", entry.topic, entry.payload.len());
            return sink.diagnose(None, "too_large", detail);
        }
        match discovery::parse(place, &entry.payload) {
            Ok(discovery::Message::Components(components)) => {
                let changed = self.registry.describe(&entry.topic, &entry.payload, components, sink);
                for thing in changed {
                    self.registry.announce(&thing, sink);
                    self.tell_presence(&thing, entry, &Arc::new(entry.cause.clone()), sink);
                }
            }
            Ok(discovery::Message::Migration) => {}
            Err((code, detail)) => sink.diagnose(None, code, format!("{}: {detail}", entry.topic)),
        }
    }

    fn tell_presence(&mut self, thing: &ThingId, entry: &Entry, cause: &Arc<Cause>, sink: &mut Sink<'_>) {
        if let Some(present) = self.registry.presence_change(thing) {
            let name = Name::new("presence").expect("presence is a valid name");
            let value = Value::text(if present { "online" } else { "offline" });
            sink.out.records.push(record(entry, thing, RecordKind::Presence, name, value, cause));
        }
    }

    /// A message on a topic that components are read from.
    fn read(&mut self, entry: &Entry, sink: &mut Sink<'_>) {
        if entry.payload.len() > STATE_BYTES_MAX {
            let detail = format!("{}: {} bytes, at most {STATE_BYTES_MAX} are read", entry.topic, entry.payload.len());
            return sink.diagnose(None, "too_large", detail);
        }
        let text = match std::str::from_utf8(&entry.payload) {
            Ok(text) => text,
            Err(error) => return sink.diagnose(None, "bad_utf8", format!("{}: {error}", entry.topic)),
        };
        let payload = Payload::new(text);
        let cause = Arc::new(entry.cause.clone());
        for thing in self.registry.hear_availability(&entry.topic, &payload, sink) {
            self.tell_presence(&thing, entry, &cause, sink);
        }
        let Some(routes) = self.registry.routes(&entry.topic) else { return };
        for (key, index) in routes.iter() {
            self.read_one(key, *index, &payload, entry, &cause, sink);
        }
    }

    fn read_one(
        &mut self,
        key: &Arc<str>,
        index: usize,
        payload: &Payload<'_>,
        entry: &Entry,
        cause: &Arc<Cause>,
        sink: &mut Sink<'_>,
    ) {
        let Some(member) = self.registry.member(key) else { return };
        let Some(reader) = member.entity.readers.get(index) else { return };
        let kind = match reader.meaning {
            Meaning::Event(_) | Meaning::Trigger(_) => RecordKind::Event,
            _ => RecordKind::Property,
        };
        let (name, thing) = (reader.name.clone(), member.thing.clone());
        let untyped = reader.meaning == Meaning::Untyped;
        match reader.read(payload, self.registry.templates()) {
            Outcome::Nothing => {}
            Outcome::Value(value) => {
                let value = if untyped { self.settle_type(key, &name, value, sink) } else { value };
                sink.out.records.push(record(entry, &thing, kind, name, value, cause));
            }
            Outcome::Problem(code, detail) => sink.diagnose(Some(&thing), code, format!("{name}: {detail}")),
        }
    }

    /// A sensor that did not say whether it says numbers or words is a number until it says a word.
    fn settle_type(&mut self, key: &Arc<str>, name: &Name, value: Value, sink: &mut Sink<'_>) -> Value {
        let said = match value {
            Value::Float(_) => DataType::Number,
            Value::Null => return value,
            _ => DataType::String,
        };
        let (settled, changed) = self.registry.settle_type(key, name, said);
        if let Some(thing) = changed {
            self.registry.announce(&thing, sink);
        }
        match (settled, &value) {
            (DataType::String, Value::Float(_)) => Value::text(value.to_string()),
            _ => value,
        }
    }
}

fn record(entry: &Entry, thing: &ThingId, kind: RecordKind, name: Name, value: Value, cause: &Arc<Cause>) -> Record {
    Record {
        position: entry.position,
        time: entry.received,
        received: entry.received,
        thing: thing.clone(),
        kind,
        name,
        value,
        quality: Quality::Good,
        cause: cause.clone(),
    }
}

impl Adapter for HomeAssistant {
    fn name(&self) -> &'static str {
        "home-assistant"
    }

    fn decode(&mut self, entry: &Entry, out: &mut Decoded) -> bool {
        let place = entry.topic.strip_prefix(self.prefix.as_str()).and_then(Place::parse);
        if place.is_none() && !self.registry.listens_to(&entry.topic) {
            return false;
        }
        let mut counters = std::mem::take(&mut self.counters);
        let mut sink = Sink::new(out, &mut counters);
        match place {
            Some(place) => self.discover(entry, &place, &mut sink),
            None => self.read(entry, &mut sink),
        }
        self.counters = counters;
        true
    }

    fn knows(&self, thing: &ThingId) -> bool {
        self.registry.knows(thing)
    }

    fn encode(&self, command: &Command) -> Result<Encoded, EncodeError> {
        let steps: &[Step] = self
            .registry
            .steps(&command.thing, &command.action, command.write)
            .ok_or_else(|| EncodeError::Unsupported { thing: command.thing.clone(), action: command.action.clone() })?;
        let mut messages = Vec::with_capacity(steps.len());
        for step in steps {
            let message = step.message(&command.input, self.registry.templates()).map_err(|problem| {
                EncodeError::Format { thing: command.thing.clone(), action: command.action.clone(), problem }
            })?;
            messages.extend(message);
        }
        Ok(Encoded { messages, answers: false })
    }

    fn encode_desired(&self, _thing: &ThingId, _desired: &Map<String, Json>) -> Vec<Message> {
        Vec::new()
    }

    fn is_about(&self, thing: &ThingId, topic: &str) -> bool {
        self.registry.is_about(thing, topic)
    }

    fn forget(&mut self, thing: &ThingId) {
        self.registry.forget(thing);
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn revision(&self) -> u64 {
        self.registry.revision()
    }

    fn save(&self) -> Json {
        self.registry.save()
    }

    fn restore(&mut self, saved: Json) {
        self.registry.restore(&saved, &self.prefix);
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
