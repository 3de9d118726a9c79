//! The InfluxDB line protocol, as Telegraf and many other programs send it over HTTP.
//!
//! A batch is checked when it comes in ([`check`]), kept on the log as it was said under [`topic`], and decoded from
//! there by [`Influx`].
//!
//! How a line becomes records:
//! - **Thing:** the value of the tag `thing`. Without it, every series is a thing of its own: the measurement, then the
//!   value of the first of the tags `device`, `device_id`, `id` and `host` that is there, then the values of all other
//!   tags in the order of their keys, joined by `-`. Characters that an id cannot have become `_`.
//! - **Property:** each field; a field named `value` takes the measurement's name, because many programs write
//!   `temperature,thing=a value=21`.
//! - **Time:** the timestamp in the batch's precision, or when the batch was received.

mod line;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Command, Entry, Quality, Record, RecordKind, ThingId};
use serde_json::{Map, Value as Json, json};

pub use line::{FIELDS_PER_LINE_MAX, Line, LineError, Lines, Precision, TAGS_PER_LINE_MAX, Tag};

use crate::intern::Names;
use crate::sink::{Counters, Sink};
use crate::{Adapter, Decoded, EncodeError, Encoded, Message};

/// The most things that the adapter knows; lines of further things are shown as `too_many_things`.
pub const THINGS_MAX: usize = 1_000_000;

/// The most series whose thing is kept at hand; the cache is emptied when it is full.
const SERIES_CACHED_MAX: usize = 65_536;

const TOPIC_PREFIX: &str = "ingest/influx/";

/// Tags that name the thing, best first.
const IDENTITY_TAGS: [&str; 4] = ["device", "device_id", "id", "host"];

/// The topic under which a batch is put on the log.
pub fn topic(precision: Precision) -> String {
    format!("{TOPIC_PREFIX}{precision}")
}

/// What of a batch can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The good lines, as they were said: the payload for the log.
    pub accepted: Bytes,
    /// How many good lines there are.
    pub lines: usize,
    /// Whom they are about, for deciding whether the sender may speak for them.
    pub things: BTreeSet<ThingId>,
    /// The lines that cannot be taken.
    pub refused: Vec<LineError>,
}

/// Sorts the good lines of a batch from the bad ones.
pub fn check(batch: &Bytes) -> Checked {
    let mut good = Vec::with_capacity(batch.len());
    let mut checked = Checked { accepted: Bytes::new(), lines: 0, things: BTreeSet::new(), refused: Vec::new() };
    let start = batch.as_ptr() as usize;
    for (bytes, outcome) in Lines::new(batch) {
        let outcome = outcome.and_then(|line| {
            thing_of(&line).map_err(|problem| {
                let first_byte = bytes.as_ptr() as usize - start;
                LineError { line: 1 + line::newlines(&batch[..first_byte]), column: 1, problem }
            })
        });
        match outcome {
            Ok(thing) => {
                checked.lines += 1;
                checked.things.insert(thing);
                good.extend_from_slice(bytes);
                good.push(b'\n');
            }
            Err(error) => checked.refused.push(error),
        }
    }
    checked.accepted = if checked.refused.is_empty() { batch.clone() } else { good.into() };
    checked
}

/// The thing that a line is about.
fn thing_of(line: &Line<'_>) -> Result<ThingId, String> {
    let tag = |key: &str| line.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref());
    let id = tag("thing").map_or_else(
        || {
            let identity = IDENTITY_TAGS.into_iter().find(|key| tag(key).is_some());
            let mut tags: Vec<_> = line.tags.iter().collect();
            tags.sort_unstable_by_key(|(key, _)| (Some(key.as_ref()) != identity, key));
            let values = tags.into_iter().map(|(_, value)| value.as_ref());
            std::iter::once(line.measurement.as_ref()).chain(values).collect::<Vec<_>>().join("-")
        },
        str::to_owned,
    );
    let id: String = id.chars().map(|c| if matches!(c, '/' | '+' | '#') || c.is_control() { '_' } else { c }).collect();
    ThingId::new(&id).map_err(|error| format!("the thing {:?}: {error}", crate::text::shortened(&id)))
}

/// The adapter of batches on the log.
#[derive(Debug, Default)]
pub struct Influx {
    things: HashSet<ThingId, ahash::RandomState>,
    series: HashMap<Box<str>, ThingId, ahash::RandomState>,
    names: Names,
    counters: Counters,
    revision: u64,
}

impl Influx {
    /// An adapter that knows no thing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn thing(&mut self, line: &Line<'_>) -> Result<ThingId, (&'static str, String)> {
        if let Some(thing) = self.series.get(line.series) {
            return Ok(thing.clone());
        }
        let thing = thing_of(line).map_err(|problem| ("bad_thing", problem))?;
        if !self.things.contains(&thing) {
            if self.things.len() >= THINGS_MAX {
                return Err(("too_many_things", format!("{thing}: {THINGS_MAX} things are known already")));
            }
            self.things.insert(thing.clone());
            self.revision += 1;
        }
        if self.series.len() >= SERIES_CACHED_MAX {
            self.series.clear();
        }
        self.series.insert(line.series.into(), thing.clone());
        Ok(thing)
    }

    fn decode_batch(&mut self, precision: Precision, entry: &Entry, sink: &mut Sink<'_>) {
        let cause: Arc<Cause> = Arc::new(entry.cause.clone());
        for (_, outcome) in Lines::new(&entry.payload) {
            let line = match outcome {
                Ok(line) => line,
                Err(error) => {
                    sink.diagnose(None, "bad_line", error.to_string());
                    continue;
                }
            };
            match self.thing(&line) {
                Ok(thing) => self.decode_line(&line, &thing, precision, entry, &cause, sink),
                Err((code, detail)) => sink.diagnose(None, code, detail),
            }
        }
    }

    fn decode_line(
        &mut self,
        line: &Line<'_>,
        thing: &ThingId,
        precision: Precision,
        entry: &Entry,
        cause: &Arc<Cause>,
        sink: &mut Sink<'_>,
    ) {
        let time = line.timestamp.map_or(entry.received, |count| precision.moment(count));
        for (field, value) in &line.fields {
            let name = if field == "value" { &line.measurement } else { field };
            match self.names.get(name) {
                Ok(name) => sink.out.records.push(Record {
                    position: entry.position,
                    time,
                    received: entry.received,
                    thing: thing.clone(),
                    kind: RecordKind::Property,
                    name,
                    value: value.clone(),
                    quality: Quality::Good,
                    cause: cause.clone(),
                }),
                Err(error) => {
                    let detail = format!("field {:?}: {error}", crate::text::shortened(name));
                    sink.diagnose(Some(thing), "bad_name", detail);
                }
            }
        }
    }
}

impl Adapter for Influx {
    fn name(&self) -> &'static str {
        "influx"
    }

    fn decode(&mut self, entry: &Entry, out: &mut Decoded) -> bool {
        let Some(precision) = entry.topic.strip_prefix(TOPIC_PREFIX) else { return false };
        let mut counters = std::mem::take(&mut self.counters);
        let mut sink = Sink::new(out, &mut counters);
        match Precision::parse(precision) {
            Some(precision) => self.decode_batch(precision, entry, &mut sink),
            None => sink.diagnose(None, "unknown_topic", format!("{:?} is no precision", entry.topic)),
        }
        self.counters = counters;
        true
    }

    fn knows(&self, thing: &ThingId) -> bool {
        self.things.contains(thing)
    }

    fn encode(&self, command: &Command) -> Result<Encoded, EncodeError> {
        Err(EncodeError::Unsupported { thing: command.thing.clone(), action: command.action.clone() })
    }

    fn encode_desired(&self, _thing: &ThingId, _desired: &Map<String, Json>) -> Vec<Message> {
        Vec::new()
    }

    fn is_about(&self, thing: &ThingId, topic: &str) -> bool {
        topic.starts_with(TOPIC_PREFIX) && self.knows(thing)
    }

    fn forget(&mut self, thing: &ThingId) {
        if self.things.remove(thing) {
            self.series.retain(|_, known| known != thing);
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
        let mut things: Vec<&ThingId> = self.things.iter().collect();
        things.sort_unstable();
        json!({ "things": things })
    }

    fn restore(&mut self, saved: Json) {
        let ids = saved.get("things").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        self.things.extend(ids.filter_map(|id| ThingId::new(id).ok()).take(THINGS_MAX));
    }
}

#[cfg(test)]
mod tests;
