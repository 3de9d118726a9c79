//! JSON as it stands in a message: read without copying what need not be copied, written without a tree.
//!
//! Fleets say a message a second for each robot, both ways; what they say is read and written by this.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

/// A value of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard<'a> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Heard<'a>>),
    /// Members in the order in which they stand; of several with one name the last counts.
    Object(Vec<(Cow<'a, str>, Heard<'a>)>),
}

impl Heard<'_> {
    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rfind(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What sort of value it is, with its article.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The same, to be kept.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => Json::Number(number.clone()),
            Self::Text(text) => Json::String(text.to_string()),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(members) => {
                Json::Object(members.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect())
            }
        }
    }
}

/// A text that stays where it stands, unless something in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

impl<'de> Deserialize<'de> for Heard<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Heard<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Heard::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Heard::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Heard::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Heard::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(value).map_or(Heard::Null, Heard::Number))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Heard::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Heard::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Heard::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut object = Vec::new();
                while let Some((Text(name), value)) = members.next_entry()? {
                    object.push((name, value));
                }
                Ok(Heard::Object(object))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Writes a message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    has_null: bool,
}

impl Writer {
    /// What was written, or where a null stands in it: a number that is not finite becomes one, and no version allows any.
    pub(super) fn finish(self) -> Result<Vec<u8>, String> {
        if !self.has_null {
            return Ok(self.bytes);
        }
        let json: Json = serde_json::from_slice(&self.bytes).unwrap_or_default();
        null_in(&json).map_or(Ok(self.bytes), Err)
    }

    /// Begins an object or array.
    pub(super) fn open(&mut self, bracket: u8) {
        self.bytes.push(bracket);
    }

    /// Ends an object or array.
    pub(super) fn close(&mut self, bracket: u8) {
        self.bytes.push(bracket);
    }

    /// Begins an element of an array or a member of an object.
    pub(super) fn part(&mut self) {
        if !matches!(self.bytes.last(), Some(b'{' | b'[')) {
            self.bytes.push(b',');
        }
    }

    /// Writes a member, unless its value is left out. Names are plain.
    pub(super) fn member(&mut self, name: &str, value: impl FnOnce(&mut Self) -> bool) {
        let before = self.bytes.len();
        self.part();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        if !value(self) {
            self.bytes.truncate(before);
        }
    }

    /// Writes a text.
    pub(super) fn text(&mut self, text: &str) {
        self.plain(text);
    }

    /// Writes a number; one that is not finite is a fault.
    pub(super) fn number(&mut self, number: f64) {
        self.has_null |= !number.is_finite();
        self.plain(&number);
    }

    /// Writes something whose parts are all written as they are.
    pub(super) fn plain<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.bytes, value).expect("plain values have a JSON form");
    }

    /// Writes JSON as it is.
    pub(super) fn json(&mut self, json: &Json) {
        self.has_null |= null_in(json).is_some();
        self.plain(json);
    }

    /// Writes the members of an object as they are.
    pub(super) fn object(&mut self, members: &Map<String, Json>) {
        self.has_null |= members.values().any(|member| null_in(member).is_some());
        self.plain(members);
    }
}

/// Where a null stands.
fn null_in(json: &Json) -> Option<String> {
    match json {
        Json::Null => Some(String::new()),
        Json::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| null_in(item).map(|place| format!("[{index}]{place}")))
        }
        Json::Object(map) => {
            map.iter().find_map(|(name, member)| null_in(member).map(|place| format!(".{name}{place}")))
        }
        _ => None,
    }
}
