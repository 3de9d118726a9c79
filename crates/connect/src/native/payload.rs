//! Payloads of properties and events, read straight into records.
//!
//! The rule:
//! - A **value** is any JSON value. An object with a member `value` and otherwise only `time` and `command` is an
//!   envelope: the value, when it was so, and the id of the command that brought it about.
//! - A **report** is an object of values by property name. Two of its members are not properties: `time` says when all
//!   of them were so, and `properties`, if it is an object, holds (more) values by name. Beside such a `properties`
//!   object a text member `command` is the id of the command that brought all of them about.
//! - A **batch** is an array of reports.

use std::fmt;
use std::sync::Arc;

use model::{Cause, Entry, Name, Quality, Record, RecordKind, ThingId, Timestamp, Value};
use serde::Deserialize as _;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::commands::CommandCauses;
use super::repair;
use crate::intern::Names;
use crate::sink::Sink;
use crate::{moment, text};

/// The most values that one payload may carry; the rest is counted and left out.
pub const VALUES_PER_PAYLOAD_MAX: usize = 10_000;

/// Marks a record whose time is that of the report around it, while that is being read.
const TIME_OF_REPORT: Timestamp = Timestamp::MIN;

/// Everything that reading one entry's payload needs.
pub(crate) struct Reader<'a, 's> {
    pub(crate) entry: &'a Entry,
    pub(crate) thing: &'a ThingId,
    pub(crate) cause: &'a Arc<Cause>,
    pub(crate) names: &'a mut Names,
    pub(crate) commands: &'a CommandCauses,
    pub(crate) sink: &'a mut Sink<'s>,
    pub(crate) values: usize,
}

/// A value, perhaps with what an envelope says of it.
pub(crate) struct Said {
    pub(crate) value: Value,
    pub(crate) time: Option<Json>,
    pub(crate) command: Option<String>,
}

impl Said {
    fn bare(value: Value) -> Self {
        Self { value, time: None, command: None }
    }
}

impl Reader<'_, '_> {
    pub(crate) fn diagnose(&mut self, code: &'static str, detail: impl Into<String>) {
        self.sink.diagnose(Some(self.thing), code, detail);
    }

    /// Reads a report or a batch of them.
    pub(crate) fn reports(&mut self, payload: &[u8]) {
        let first_record = self.sink.out.records.len();
        self.parse_or_repair(payload, |reader, bytes| {
            reader.sink.out.records.truncate(first_record);
            reader.values = 0;
            let mut deserializer = serde_json::Deserializer::from_slice(bytes);
            let outcome = Document(reader).deserialize(&mut deserializer).and_then(|()| deserializer.end());
            if outcome.is_err() {
                reader.sink.out.records.truncate(first_record);
            }
            outcome
        });
        if self.values > VALUES_PER_PAYLOAD_MAX {
            let values = self.values;
            self.diagnose(
                "too_many_values",
                format!("{values} values, the first {VALUES_PER_PAYLOAD_MAX} of them are used"),
            );
        }
    }

    /// Reads one value: JSON, or bare text when it is not JSON. `None` when there is no value to use.
    pub(crate) fn value(&mut self, payload: &[u8], what: &str) -> Option<Said> {
        let payload = payload.trim_ascii();
        let first = *payload.first()?;
        let structured = matches!(first, b'{' | b'[' | b'"');
        let mut said = None;
        let read = |reader: &mut Self, bytes: &[u8]| {
            let mut deserializer = serde_json::Deserializer::from_slice(bytes);
            said = ValueOf { reader, what }.deserialize(&mut deserializer).and_then(|said| {
                deserializer.end()?;
                Ok(said)
            })?;
            Ok(())
        };
        if structured {
            self.parse_or_repair(payload, read);
            return said;
        }
        let mut read = read;
        if read(self, payload).is_ok() {
            return said;
        }
        match std::str::from_utf8(payload) {
            Ok(text) if text.parse::<f64>().is_ok_and(|number| !number.is_finite()) => {
                self.diagnose("not_finite", format!("{what} is {}, which is no finite number", text::shortened(text)));
                None
            }
            Ok(text) => Some(Said::bare(Value::text(text))),
            Err(error) => {
                self.diagnose("bad_utf8", format!("{what} is neither JSON nor UTF-8 text: {error}"));
                None
            }
        }
    }

    /// Reads the payload; when it cannot be read, reads it again with what is broken replaced by marks.
    fn parse_or_repair(
        &mut self,
        payload: &[u8],
        mut read: impl FnMut(&mut Self, &[u8]) -> Result<(), serde_json::Error>,
    ) {
        let mark = self.sink.mark();
        let Err(error) = read(self, payload) else { return };
        self.sink.roll_back(mark);
        let repaired = repair::repaired(payload);
        if repaired.is_none_or(|repaired| read(self, &repaired).is_err()) {
            self.diagnose("bad_json", error.to_string());
        }
    }

    /// The value of a JSON object or array: itself, or what an envelope holds.
    fn compound(&mut self, what: &str, json: Json) -> Option<Said> {
        if let Some(code) = repair::problem(&json, 1) {
            self.unusable(what, code);
            return None;
        }
        let Json::Object(mut members) = json else { return Some(Said::bare(Value::from_json(json))) };
        let is_envelope = members.contains_key("value")
            && members.iter().all(|(key, member)| match key.as_str() {
                "value" | "time" => true,
                "command" => member.is_string(),
                _ => false,
            });
        if !is_envelope {
            return Some(Said::bare(Value::from_json(Json::Object(members))));
        }
        let command = members.get("command").and_then(Json::as_str).map(str::to_owned);
        let value = Value::from_json(members.remove("value").unwrap_or_default());
        let time = members.remove("time").filter(|time| !time.is_null());
        Some(Said { value, time, command })
    }

    fn unusable(&mut self, what: &str, code: &'static str) {
        let problem = match code {
            "not_finite" => "holds a number that is not finite",
            "bad_utf8" => "holds text that is not UTF-8",
            _ => "is nested too deep",
        };
        self.diagnose(code, format!("{what} {problem}"));
    }

    /// The time that was claimed, and how far it can be trusted.
    pub(crate) fn time(&mut self, what: &str, claimed: &Json) -> (Timestamp, Quality) {
        match moment::from_json(claimed) {
            Ok(time) => (time, Quality::Good),
            Err(problem) => {
                self.diagnose("bad_time", format!("{what}: {problem}; the time of reception is used"));
                (self.entry.received, Quality::Uncertain)
            }
        }
    }

    /// The cause of what a command brought about, if the command is still remembered.
    fn cause_of(&self, command: Option<&str>) -> Arc<Cause> {
        command.and_then(|id| self.commands.get(self.thing, id)).unwrap_or(self.cause).clone()
    }

    /// Adds a record of what was said. Without a time of its own it gets `time`.
    pub(crate) fn push(&mut self, kind: RecordKind, name: Name, said: Said, time: Timestamp) {
        let (time, quality) = match said.time {
            None => (time, Quality::Good),
            Some(claimed) => self.time(name.as_str(), &claimed),
        };
        let cause = self.cause_of(said.command.as_deref());
        self.sink.out.records.push(Record {
            position: self.entry.position,
            time,
            received: self.entry.received,
            thing: self.thing.clone(),
            kind,
            name,
            value: said.value,
            quality,
            cause,
        });
    }

    /// Reads the members of a report. Records without a time of their own are left with [`TIME_OF_REPORT`].
    fn report<'de, A: MapAccess<'de>>(&mut self, mut members: A, outermost: bool) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        while let Some(key) = members.next_key_seed(KeyOf { names: self.names, outermost })? {
            match key {
                Key::Name(name) => self.member(name, &mut members)?,
                Key::Time => claims.time = members.next_value()?,
                Key::Properties => {
                    let seed = NestedOf(self);
                    claims.nested |= members.next_value_seed(seed)?;
                }
                Key::Command(name) => {
                    let before = self.sink.out.records.len();
                    self.member(name, &mut members)?;
                    claims.command = (self.sink.out.records.len() > before).then_some(before);
                }
                Key::Bad(problem) => {
                    members.next_value::<IgnoredAny>()?;
                    self.diagnose("bad_name", problem);
                }
            }
        }
        Ok(claims)
    }

    fn member<'de, A: MapAccess<'de>>(&mut self, name: Name, members: &mut A) -> Result<(), A::Error> {
        let said = members.next_value_seed(ValueOf { reader: self, what: name.as_str() })?;
        self.values += 1;
        if let Some(said) = said
            && self.values <= VALUES_PER_PAYLOAD_MAX
        {
            self.push(RecordKind::Property, name, said, TIME_OF_REPORT);
        }
        Ok(())
    }

    /// Applies what a report says of all its values, from record `first` on.
    fn settle(&mut self, first: usize, claims: Claims) {
        let (time, quality) = match &claims.time {
            None => (self.entry.received, Quality::Good),
            Some(claimed) => self.time("report", claimed),
        };
        let mut cause = None;
        if let (true, Some(index)) = (claims.nested, claims.command)
            && let Value::Text(id) = &self.sink.out.records[index].value
        {
            cause = self.commands.get(self.thing, id).cloned();
            self.sink.out.records.remove(index);
        }
        for record in &mut self.sink.out.records[first..] {
            if record.time == TIME_OF_REPORT {
                record.time = time;
                record.quality = quality;
            }
            if let Some(cause) = &cause {
                record.cause = cause.clone();
            }
        }
    }
}

/// What a report says of all its values.
#[derive(Default)]
struct Claims {
    time: Option<Json>,
    /// Whether there was a `properties` object.
    nested: bool,
    /// The record made of a member `command`, which is no property after all when there is a `properties` object.
    command: Option<usize>,
}

enum Key {
    Name(Name),
    Time,
    Properties,
    Command(Name),
    Bad(String),
}

struct KeyOf<'a> {
    names: &'a mut Names,
    outermost: bool,
}

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a property")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(match (key, self.names.get(key)) {
            ("time", _) if self.outermost => Key::Time,
            ("properties", _) if self.outermost => Key::Properties,
            ("command", Ok(name)) if self.outermost => Key::Command(name),
            (_, Ok(name)) => Key::Name(name),
            (_, Err(error)) => Key::Bad(format!("{:?} is no name of a property: {error}", text::shortened(key))),
        })
    }
}

/// One value. Yields `None` after a diagnostic when it cannot be used.
struct ValueOf<'r, 'a, 's, 'w> {
    reader: &'r mut Reader<'a, 's>,
    what: &'w str,
}

impl<'de> DeserializeSeed<'de> for ValueOf<'_, '_, '_, '_> {
    type Value = Option<Said>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Said>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueOf<'_, '_, '_, '_> {
    type Value = Option<Said>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Option<Said>, E> {
        Ok(Some(Said::bare(Value::Null)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Said>, E> {
        Ok(Some(Said::bare(Value::Boolean(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Said>, E> {
        Ok(Some(Said::bare(Value::Integer(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Said>, E> {
        Ok(Some(Said::bare(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Said>, E> {
        Ok(Value::float(value).map(Said::bare))
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Said>, E> {
        if let Some(code) = repair::marked(value) {
            self.reader.unusable(self.what, code);
            return Ok(None);
        }
        Ok(Some(Said::bare(Value::text(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Option<Said>, A::Error> {
        let json = Json::deserialize(SeqAccessDeserializer::new(items))?;
        Ok(self.reader.compound(self.what, json))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Option<Said>, A::Error> {
        let json = Json::deserialize(MapAccessDeserializer::new(members))?;
        Ok(self.reader.compound(self.what, json))
    }
}

/// The member `properties` of a report: an object of more values, which yields true, or else an ordinary property.
struct NestedOf<'r, 'a, 's>(&'r mut Reader<'a, 's>);

/// The visitor methods for everything that is not an object or array, each of which does the same.
macro_rules! scalars {
    ($output:ty, $then:expr) => {
        fn visit_unit<E>(self) -> Result<$output, E> {
            Ok($then(self, Json::Null))
        }
        fn visit_bool<E>(self, value: bool) -> Result<$output, E> {
            Ok($then(self, value.into()))
        }
        fn visit_i64<E>(self, value: i64) -> Result<$output, E> {
            Ok($then(self, value.into()))
        }
        fn visit_u64<E>(self, value: u64) -> Result<$output, E> {
            Ok($then(self, value.into()))
        }
        fn visit_f64<E>(self, value: f64) -> Result<$output, E> {
            Ok($then(self, value.into()))
        }
        fn visit_str<E>(self, value: &str) -> Result<$output, E> {
            Ok($then(self, value.into()))
        }
    };
}

impl NestedOf<'_, '_, '_> {
    fn ordinary(self, value: Json) -> bool {
        if let (Ok(name), Some(said)) = (self.0.names.get("properties"), self.0.scalar_or_compound("properties", value))
        {
            self.0.push(RecordKind::Property, name, said, TIME_OF_REPORT);
        }
        false
    }
}

impl Reader<'_, '_> {
    fn scalar_or_compound(&mut self, what: &str, json: Json) -> Option<Said> {
        self.values += 1;
        match (json.as_str().and_then(repair::marked), json) {
            (Some(code), _) => {
                self.unusable(what, code);
                None
            }
            (None, json) => self.compound(what, json),
        }
    }
}

impl<'de> DeserializeSeed<'de> for NestedOf<'_, '_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NestedOf<'_, '_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    scalars!(bool, NestedOf::ordinary);

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<bool, A::Error> {
        let json = Json::deserialize(SeqAccessDeserializer::new(items))?;
        Ok(self.ordinary(json))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<bool, A::Error> {
        self.0.report(members, false)?;
        Ok(true)
    }
}

/// The whole payload of `things/{thing}/properties`.
struct Document<'r, 'a, 's>(&'r mut Reader<'a, 's>);

/// One element of a batch.
struct Element<'r, 'a, 's>(&'r mut Reader<'a, 's>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties, or an array of such objects")
    }

    scalars!((), |document: Self, value| Element(document.0).misfit(&value));

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Element(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        Element(self.0).visit_map(members)
    }
}

impl Element<'_, '_, '_> {
    fn misfit(self, value: &Json) {
        let kind = text::json_kind(value);
        self.0.diagnose("bad_shape", format!("expected an object of properties, got {kind}"));
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    scalars!((), |element: Self, value| element.misfit(&value));

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.misfit(&Json::Array(Vec::new()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        let first = self.0.sink.out.records.len();
        let claims = self.0.report(members, true)?;
        self.0.settle(first, claims);
        Ok(())
    }
}
