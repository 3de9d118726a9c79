//! Native MQTT: the topics that Manmul's own things, its HTTP ingest and its simulated things speak.
//!
//! | topic | direction | payload |
//! |---|---|---|
//! | `things/{thing}/properties/{name}` | up | a value: JSON, or bare text when it is not JSON |
//! | `things/{thing}/properties` | up | a report, or an array of reports |
//! | `things/{thing}/events/{name}` | up | a value; empty for none |
//! | `things/{thing}/presence` | up | `online`, `offline` or `unknown` |
//! | `things/{thing}/model` | up | a ThingModel, or a W3C WoT Thing Model or Thing Description |
//! | `things/{thing}/actions/{name}` | down | `{"id", "input", "deadline"}`, the deadline in milliseconds since 1970 |
//! | `things/{thing}/actions/{name}/status` | up | `{"id", "state", "output", "error"}`; or the state alone, as text |
//! | `things/{thing}/decisions/{name}` | ours | what a policy decided about the thing, as a value |
//! | `things/{thing}/insights/{name}` | ours | what the mind found about a property of the thing, as a value |
//! | `things/{thing}/desired` | down, retained | an object of all desired values |
//!
//! Values and reports are defined in [`payload`], times in `moment`. An empty payload (a cleared retained message)
//! says nothing, except as an event.

mod commands;
pub mod payload;
mod repair;
mod status;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Command, Entry, Name, RecordKind, ThingId, ThingModel, Value};
use serde_json::{Map, Value as Json, json};

use crate::intern::Names;
use crate::sink::{Counters, Sink};
use crate::{Adapter, Decoded, Discovered, EncodeError, Encoded, Message, text};
use commands::CommandCauses;
use payload::Reader;

/// The largest payload that is decoded, in bytes. A larger one stays on the log and is shown as `too_large`.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// The most things that one adapter keeps; what further things say is left undecoded and shown as `too_many_things`.
pub const THINGS_MAX: usize = 1_000_000;

/// The property name under which presence is recorded.
const PRESENCE: &str = "presence";

/// A thing that spoke, with the cause of what it said last: mostly itself, over and over.
#[derive(Debug)]
struct Known {
    id: ThingId,
    cause: Arc<Cause>,
}

/// The native protocol.
#[derive(Debug, Default)]
pub struct Native {
    things: HashMap<ThingId, Known, ahash::RandomState>,
    names: Names,
    commands: CommandCauses,
    counters: Counters,
    revision: u64,
}

impl Native {
    /// An adapter that knows no thing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gets the thing's id and shared cause, learning of the thing if it is new.
    fn thing(&mut self, id: &str, entry: &Entry) -> Result<(ThingId, Arc<Cause>), (&'static str, String)> {
        if let Some(known) = self.things.get_mut(id) {
            if *known.cause != entry.cause {
                known.cause = Arc::new(entry.cause.clone());
            }
            return Ok((known.id.clone(), known.cause.clone()));
        }
        let id = ThingId::new(id)
            .map_err(|error| ("bad_thing", format!("{:?} is no id of a thing: {error}", text::shortened(id))))?;
        if self.things.len() >= THINGS_MAX {
            return Err(("too_many_things", format!("{id} spoke, but {THINGS_MAX} things are known already")));
        }
        let cause = Arc::new(entry.cause.clone());
        self.things.insert(id.clone(), Known { id: id.clone(), cause: cause.clone() });
        self.revision += 1;
        Ok((id, cause))
    }

    fn name(&mut self, name: &str, thing: &ThingId, sink: &mut Sink<'_>) -> Option<Name> {
        self.names
            .get(name)
            .map_err(|error| {
                sink.diagnose(Some(thing), "bad_name", format!("{:?}: {error}", text::shortened(name)));
            })
            .ok()
    }

    fn decode_topic(&mut self, rest: &str, entry: &Entry, sink: &mut Sink<'_>) {
        if entry.payload.len() > PAYLOAD_BYTES_MAX {
            let detail =
                format!("{} bytes on {}, at most {PAYLOAD_BYTES_MAX} are decoded", entry.payload.len(), entry.topic);
            return sink.diagnose(None, "too_large", detail);
        }
        let mut levels = rest.splitn(5, '/');
        let levels = [(); 4].map(|()| levels.next());
        let (thing, cause) = match self.thing(levels[0].unwrap_or_default(), entry) {
            Ok(known) => known,
            Err((code, detail)) => return sink.diagnose(None, code, detail),
        };
        match levels[1..] {
            [Some("properties"), None, None] => {
                if !entry.payload.trim_ascii().is_empty() {
                    self.reader(entry, &thing, &cause, sink).reports(&entry.payload);
                }
            }
            [Some("properties"), Some(name), None] => {
                if let Some(name) = self.name(name, &thing, sink) {
                    let mut reader = self.reader(entry, &thing, &cause, sink);
                    if let Some(said) = reader.value(&entry.payload, name.as_str()) {
                        reader.push(RecordKind::Property, name, said, entry.received);
                    }
                }
            }
            [Some("events"), Some(name), None] => self.happening(RecordKind::Event, name, entry, &thing, &cause, sink),
            [Some("decisions"), Some(name), None] => {
                self.happening(RecordKind::Decision, name, entry, &thing, &cause, sink);
            }
            [Some("insights"), Some(name), None] => {
                self.happening(RecordKind::Insight, name, entry, &thing, &cause, sink);
            }
            [Some("presence"), None, None] => self.presence(entry, &thing, &cause, sink),
            [Some("model"), None, None] => decode_model(entry, &thing, sink),
            [Some("actions"), Some(_), None] => self.remember_command(entry, &thing),
            [Some("actions"), Some(name), Some("status")] => {
                if let Some(name) = self.name(name, &thing, sink) {
                    status::decode(&thing, &name, &entry.payload, sink);
                }
            }
            [Some("desired"), None, None] => {}
            _ => sink.diagnose(Some(&thing), "unknown_topic", format!("nothing is defined for {}", entry.topic)),
        }
    }

    fn reader<'a, 's>(
        &'a mut self,
        entry: &'a Entry,
        thing: &'a ThingId,
        cause: &'a Arc<Cause>,
        sink: &'a mut Sink<'s>,
    ) -> Reader<'a, 's> {
        Reader { entry, thing, cause, names: &mut self.names, commands: &self.commands, sink, values: 0 }
    }

    fn happening(
        &mut self,
        kind: RecordKind,
        name: &str,
        entry: &Entry,
        thing: &ThingId,
        cause: &Arc<Cause>,
        sink: &mut Sink<'_>,
    ) {
        let Some(name) = self.name(name, thing, sink) else { return };
        let mut reader = self.reader(entry, thing, cause, sink);
        let payload: &[u8] = if entry.payload.trim_ascii().is_empty() { b"null" } else { &entry.payload };
        if let Some(said) = reader.value(payload, name.as_str()) {
            reader.push(kind, name, said, entry.received);
        }
    }

    fn presence(&mut self, entry: &Entry, thing: &ThingId, cause: &Arc<Cause>, sink: &mut Sink<'_>) {
        let Some(name) = self.name(PRESENCE, thing, sink) else { return };
        let mut reader = self.reader(entry, thing, cause, sink);
        let Some(mut said) = reader.value(&entry.payload, PRESENCE) else { return };
        let word = match &said.value {
            Value::Text(text) => ["online", "offline", "unknown"].into_iter().find(|word| *word == &**text),
            Value::Boolean(true) => Some("online"),
            Value::Boolean(false) => Some("offline"),
            _ => None,
        };
        let Some(word) = word else {
            let detail = format!("{:?} is not online, offline or unknown", text::shortened(&said.value.to_string()));
            return reader.diagnose("bad_presence", detail);
        };
        said.value = Value::text(word);
        reader.push(RecordKind::Presence, name, said, entry.received);
    }

    /// Remembers who asked for an action, from the message that asks the thing.
    fn remember_command(&mut self, entry: &Entry, thing: &ThingId) {
        #[derive(serde::Deserialize)]
        struct Asked<'a> {
            #[serde(borrow)]
            id: std::borrow::Cow<'a, str>,
        }
        if let Ok(asked) = serde_json::from_slice::<Asked<'_>>(&entry.payload) {
            self.commands.remember(thing, &asked.id, entry.cause.clone().following(entry.position));
        }
    }
}

/// Reads what a thing tells of itself.
fn decode_model(entry: &Entry, thing: &ThingId, sink: &mut Sink<'_>) {
    if entry.payload.trim_ascii().is_empty() {
        return;
    }
    let document: Json = match serde_json::from_slice(&entry.payload) {
        Ok(document) => document,
        Err(error) => return sink.diagnose(Some(thing), "bad_json", format!("model: {error}")),
    };
    let is_wot = document.get("@context").is_some() || document.get("@type").is_some();
    let model = if is_wot {
        ThingModel::from_wot(&document).map_err(|error| error.to_string())
    } else {
        serde_json::from_value(document).map_err(|error| error.to_string())
    };
    let mut model: ThingModel = match model {
        Ok(model) => model,
        Err(problem) => return sink.diagnose(Some(thing), "bad_model", problem),
    };
    for (what, count) in
        [("properties", model.properties.len()), ("events", model.events.len()), ("actions", model.actions.len())]
    {
        let most = model::thing_model::AFFORDANCES_MAX;
        if count > most {
            return sink.diagnose(Some(thing), "bad_model", format!("{count} {what}, at most {most} are accepted"));
        }
    }
    model.inferred = false;
    if model.id.is_empty() {
        thing.as_str().clone_into(&mut model.id);
    }
    let title = model.title.clone();
    sink.out.discovered.push(Discovered {
        thing: thing.clone(),
        title,
        model,
        via: None,
        suggested_space: None,
        expires_after: BTreeMap::new(),
    });
}

impl Adapter for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn decode(&mut self, entry: &Entry, out: &mut Decoded) -> bool {
        let Some(rest) = entry.topic.strip_prefix("things/") else { return false };
        let mut counters = std::mem::take(&mut self.counters);
        self.decode_topic(rest, entry, &mut Sink::new(out, &mut counters));
        self.counters = counters;
        true
    }

    fn knows(&self, thing: &ThingId) -> bool {
        self.things.contains_key(thing)
    }

    fn encode(&self, command: &Command) -> Result<Encoded, EncodeError> {
        if command.write {
            // The retained `desired` carries every write, see `encode_desired`.
            return Ok(Encoded { messages: Vec::new(), answers: false });
        }
        let payload = json!({
            "id": command.id,
            "input": command.input,
            "deadline": command.deadline.micros().div_euclid(1_000),
        });
        let message = Message {
            topic: format!("things/{}/actions/{}", command.thing, command.action),
            payload: Bytes::from(payload.to_string()),
            qos: 1,
            retain: false,
        };
        Ok(Encoded { messages: vec![message], answers: true })
    }

    fn encode_desired(&self, thing: &ThingId, desired: &Map<String, Json>) -> Vec<Message> {
        let payload = serde_json::to_vec(desired).expect("an object with text keys is JSON");
        vec![Message { topic: format!("things/{thing}/desired"), payload: payload.into(), qos: 1, retain: true }]
    }

    fn is_about(&self, thing: &ThingId, topic: &str) -> bool {
        topic.strip_prefix("things/").and_then(|rest| rest.split('/').next()) == Some(thing.as_str())
    }

    fn forget(&mut self, thing: &ThingId) {
        if self.things.remove(thing).is_some() {
            self.revision += 1;
        }
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn save(&self) -> Json {
        let mut things: Vec<&ThingId> = self.things.keys().collect();
        things.sort_unstable();
        json!({ "things": things })
    }

    fn restore(&mut self, saved: Json) {
        let ids = saved.get("things").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for id in ids.filter_map(|id| ThingId::new(id).ok()).take(THINGS_MAX) {
            let cause = Arc::new(Cause::device(&id));
            self.things.insert(id.clone(), Known { id, cause });
        }
    }
}

#[cfg(test)]
mod tests;
