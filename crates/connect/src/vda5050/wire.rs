//! How a field of a message is read and written: tolerant when reading, strict when writing, in every version.
//!
//! A message is declared once, with the name that each field has in each version ([`message!`]); reading and writing
//! both follow from the declaration.

use std::cell::{Cell, RefCell};
use std::fmt;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::json::{Heard, Writer};
use crate::text;

/// The most violations that reading one message tells of; more of them are only counted.
pub const VIOLATIONS_PER_MESSAGE_MAX: usize = 20;

/// A version of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Version {
    /// 2.0, of 2021.
    #[serde(rename = "2.0.0")]
    V2_0,
    /// 2.1, of 2024.
    #[default]
    #[serde(rename = "2.1.0")]
    V2_1,
    /// 3.0, of 2026.
    #[serde(rename = "3.0.0")]
    V3_0,
}

impl Version {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::V2_0, Self::V2_1, Self::V3_0];

    /// As it stands in a message's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0.0",
            Self::V2_1 => "2.1.0",
            Self::V3_0 => "3.0.0",
        }
    }

    /// As it stands in a topic.
    pub fn major(self) -> &'static str {
        match self {
            Self::V2_0 | Self::V2_1 => "v2",
            Self::V3_0 => "v3",
        }
    }

    /// The version whose words a header's version uses: 1.x is read as 2.0, what is newer as the newest of its kind.
    pub fn of_header(text: &str) -> Option<Self> {
        let mut parts = text.trim().trim_start_matches(['v', 'V']).split('.');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor = parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        match (major, minor) {
            (1, _) | (2, 0) => Some(Self::V2_0),
            (2, _) => Some(Self::V2_1),
            (3.., _) => Some(Self::V3_0),
            _ => None,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A required field is not there.
    Missing,
    /// A field is there and null; taken as absent.
    Null,
    /// A value that cannot be used.
    Type {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: &'static str,
    },
    /// A number or truth value as text; taken as what it means.
    Quoted,
    /// A field under a name that it has in another version.
    Name(String),
    /// A word that the version does not know, but whose meaning is plain.
    Spelling(String),
    /// A word without meaning.
    Word(String),
    /// A number that cannot be.
    Range(String),
    /// A time without its zone; taken as UTC.
    Zone,
    /// A text that is no time.
    Time(String),
    /// The header speaks for somebody else than the topic; the topic counts.
    Address(String),
}

impl Problem {
    /// A stable short word, for counting.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "vda5050_missing",
            Self::Null => "vda5050_null",
            Self::Type { .. } => "vda5050_type",
            Self::Quoted => "vda5050_quoted",
            Self::Name(_) => "vda5050_name",
            Self::Spelling(_) => "vda5050_spelling",
            Self::Word(_) => "vda5050_word",
            Self::Range(_) => "vda5050_range",
            Self::Zone => "vda5050_zone",
            Self::Time(_) => "vda5050_time",
            Self::Address(_) => "vda5050_address",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Null => f.write_str("is null; leave it out instead"),
            Self::Type { expected, got } => write!(f, "is {got}, expected {expected}"),
            Self::Quoted => f.write_str("is text, expected a bare value"),
            Self::Name(name) => write!(f, "is called {name:?} here"),
            Self::Spelling(word) => write!(f, "is spelled {word:?}"),
            Self::Word(word) => write!(f, "is {word:?}, which means nothing"),
            Self::Range(number) => write!(f, "is {number}, which is out of range"),
            Self::Zone => f.write_str("has no time zone; UTC is assumed"),
            Self::Time(text) => write!(f, "is {text:?}, which is no time"),
            Self::Address(said) => write!(f, "says {said:?}, which is not what the topic says"),
        }
    }
}

/// Where a message departs from the standard, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field: `nodeStates[2].nodeId`.
    pub place: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.problem)
    }
}

/// What was found while reading one message.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) version: Version,
    pub(crate) violations: RefCell<Vec<Violation>>,
    pub(crate) further: Cell<usize>,
}

/// Where in a message the reader is.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    name: &'a str,
    index: Option<usize>,
    notes: &'a Notes,
}

impl<'a> Place<'a> {
    pub(crate) fn root(notes: &'a Notes) -> Self {
        Self { parent: None, name: "", index: None, notes }
    }

    pub(super) fn child<'b>(&'b self, name: &'b str) -> Place<'b> {
        Place { parent: Some(self), name, index: None, notes: self.notes }
    }

    fn element(&self, index: usize) -> Place<'_> {
        Place { parent: Some(self), name: "", index: Some(index), notes: self.notes }
    }

    /// The version that the message claims.
    pub(crate) fn version(&self) -> Version {
        self.notes.version
    }

    pub(crate) fn note(&self, problem: Problem) {
        let mut violations = self.notes.violations.borrow_mut();
        if violations.len() < VIOLATIONS_PER_MESSAGE_MAX {
            violations.push(Violation { place: self.to_string(), problem });
        } else {
            self.notes.further.set(self.notes.further.get() + 1);
        }
    }

    fn misfit<T>(&self, expected: &'static str, json: &Heard<'_>) -> Option<T> {
        self.note(Problem::Type { expected, got: json.kind() });
        None
    }

    /// The members of an object.
    pub(crate) fn fields<'b>(&'b self, json: &'b Heard<'b>) -> Option<Fields<'b>> {
        match json {
            Heard::Object(_) => Some(Fields { object: json, at: self }),
            other => self.misfit("an object", other),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() && self.index.is_none() {
                f.write_str(".")?;
            }
        }
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => f.write_str(self.name),
        }
    }
}

/// The name of a field in 2.0, 2.1 and 3.0; empty where the version does not have it.
pub(crate) type Names = [&'static str; 3];

/// Names outside all versions under which a field is met in the wild.
const ALIASES: &[(&str, &str)] =
    &[("actionType", "actionName"), ("actions", "instantActions"), ("maxWeight", "maxWeigth")];

/// The members of one object.
pub(crate) struct Fields<'a> {
    object: &'a Heard<'a>,
    at: &'a Place<'a>,
}

impl<'a> Fields<'a> {
    /// The value of a field; its default when it is absent or cannot be used.
    pub(crate) fn get<T: Wire>(&self, names: Names) -> T {
        let name = names[self.at.version().index()];
        if name.is_empty() {
            return T::default();
        }
        let place = self.at.child(name);
        match self.find(name, names) {
            Some((_, Heard::Null)) => {
                place.note(Problem::Null);
                T::default()
            }
            Some((found, json)) => {
                if found != name {
                    place.note(Problem::Name(found.to_owned()));
                }
                T::read(json, &place).unwrap_or_default()
            }
            None => {
                if T::REQUIRED {
                    place.note(Problem::Missing);
                }
                T::default()
            }
        }
    }

    fn find(&self, name: &'static str, names: Names) -> Option<(&'static str, &'a Heard<'a>)> {
        if let Some(json) = self.object.get(name) {
            return Some((name, json));
        }
        let aliases = ALIASES.iter().filter(|(known, _)| *known == name).map(|(_, alias)| *alias);
        let others = names.into_iter().filter(|other| !other.is_empty() && *other != name);
        others.chain(aliases).find_map(|name| self.object.get(name).map(|json| (name, json)))
    }
}

/// A value of a message.
pub trait Wire: Sized + Default {
    /// Whether a message without it is wrong.
    const REQUIRED: bool = true;

    /// The value that JSON means; `None`, after a note, when it means none.
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self>;

    /// Writes the value as this version has it; false, and nothing is written, when it is left out.
    fn write(&self, version: Version, to: &mut Writer) -> bool;
}

/// Writes one field.
pub(crate) fn put<T: Wire>(to: &mut Writer, names: Names, value: &T, version: Version) {
    let name = names[version.index()];
    if !name.is_empty() {
        to.member(name, |to| value.write(version, to));
    }
}

impl<T: Wire> Wire for Option<T> {
    const REQUIRED: bool = false;

    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        T::read(json, at).map(Some)
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        self.as_ref().is_some_and(|value| value.write(version, to))
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        let Heard::Array(items) = json else { return at.misfit("an array", json) };
        Some(items.iter().enumerate().filter_map(|(index, item)| T::read(item, &at.element(index))).collect())
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        to.open(b'[');
        for item in self {
            to.part();
            item.write(version, to);
        }
        to.close(b']');
        true
    }
}

impl Wire for String {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        match json {
            Heard::Text(text) => Some(text.to_string()),
            // A serial number or node id that is a number elsewhere in the vehicle.
            Heard::Number(number) => {
                at.note(Problem::Type { expected: "text", got: "a number" });
                Some(number.to_string())
            }
            other => at.misfit("text", other),
        }
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.text(self);
        true
    }
}

impl Wire for bool {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        let said = match json {
            Heard::Bool(value) => return Some(*value),
            Heard::Text(text) if text.eq_ignore_ascii_case("true") => true,
            Heard::Text(text) if text.eq_ignore_ascii_case("false") => false,
            other => return at.misfit("true or false", other),
        };
        at.note(Problem::Quoted);
        Some(said)
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.plain(self);
        true
    }
}

impl Wire for f64 {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        let number = match json {
            Heard::Number(number) => number.as_f64(),
            Heard::Text(text) => {
                let number: Option<f64> = text.trim().parse().ok();
                if number.is_some() {
                    at.note(Problem::Quoted);
                }
                number
            }
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() => Some(number),
            Some(number) => {
                at.note(Problem::Range(number.to_string()));
                None
            }
            None => at.misfit("a number", json),
        }
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.number(*self);
        true
    }
}

impl Wire for u32 {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        let number = f64::read(json, at)?;
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            at.note(Problem::Range(number.to_string()));
            return None;
        }
        Some(number as Self)
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.plain(self);
        true
    }
}

impl Wire for Timestamp {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        let Heard::Text(said) = json else { return at.misfit("a time as text", json) };
        let trimmed = said.trim();
        if let Some(moment) = Self::parse(trimmed) {
            return Some(moment);
        }
        let moment = Self::parse(&format!("{trimmed}Z"));
        at.note(if moment.is_some() { Problem::Zone } else { Problem::Time(text::shortened(said)) });
        moment
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.text(&self.to_string());
        true
    }
}

/// JSON that is passed on as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Free(pub Map<String, Json>);

impl Wire for Free {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        match json {
            Heard::Object(members) => {
                Some(Self(members.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect()))
            }
            other => at.misfit("an object", other),
        }
    }

    fn write(&self, _: Version, to: &mut Writer) -> bool {
        to.object(&self.0);
        true
    }
}

/// A number that 2.x wants whole and 3.0 does not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rounded(pub f64);

impl Wire for Rounded {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        f64::read(json, at).map(Self)
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        match version {
            Version::V2_0 | Version::V2_1 => to.plain(&(self.0.round() as i64)),
            Version::V3_0 => to.number(self.0),
        }
        true
    }
}

/// Whether two spellings differ in case and underscores only.
pub(crate) fn reads_alike(left: &str, right: &str) -> bool {
    let plain = |text: &str| text.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_uppercase()).collect();
    let (left, right): (Vec<u8>, Vec<u8>) = (plain(left), plain(right));
    left == right
}

/// The index of the variant that a word means, given the variants' spellings.
pub(crate) fn variant(json: &Heard<'_>, at: &Place<'_>, spellings: &[Names]) -> Option<usize> {
    let Heard::Text(word) = json else { return at.misfit("a word", json) };
    let index = at.version().index();
    if let Some(found) = spellings.iter().position(|names| names[index] == word) {
        return Some(found);
    }
    let found = spellings.iter().position(|names| names.iter().any(|name| reads_alike(name, word)));
    let word = text::shortened(word);
    at.note(if found.is_some() { Problem::Spelling(word) } else { Problem::Word(word) });
    found
}

/// One name for all versions, one for 2.x and one for 3.0, or one for each of 2.0, 2.1 and 3.0.
macro_rules! names {
    ([$both:literal, $new:literal]) => {
        [$both, $both, $new]
    };
    ([$first:literal, $second:literal, $new:literal]) => {
        [$first, $second, $new]
    };
    ($all:literal) => {
        [$all, $all, $all]
    };
}

/// Declares an object of a message: its fields, and what each is called on the wire.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $names:tt),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl $crate::vda5050::wire::Wire for $name {
            fn read(json: &$crate::vda5050::json::Heard<'_>, at: &$crate::vda5050::wire::Place<'_>) -> Option<Self> {
                let fields = at.fields(json)?;
                Some(Self { $($field: fields.get($crate::vda5050::wire::names!($names))),* })
            }

            fn write(
                &self,
                version: $crate::vda5050::wire::Version,
                to: &mut $crate::vda5050::json::Writer,
            ) -> bool {
                to.open(b'{');
                self.write_members(version, to);
                to.close(b'}');
                true
            }
        }

        impl $name {
            /// Writes its members into an object that is open.
            pub(in $crate::vda5050) fn write_members(
                &self,
                version: $crate::vda5050::wire::Version,
                to: &mut $crate::vda5050::json::Writer,
            ) {
                $($crate::vda5050::wire::put(to, $crate::vda5050::wire::names!($names), &self.$field, version);)*
            }
        }
    };
}

/// Declares an enumeration of a message: its variants, and how each is spelled. The first that fits a word is meant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $names:tt),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            const SPELLINGS: &'static [$crate::vda5050::wire::Names] =
                &[$($crate::vda5050::wire::names!($names)),*];
            const VARIANTS: &'static [Self] = &[$(Self::$variant),*];

            /// How the version spells it.
            pub fn as_str(self, version: $crate::vda5050::wire::Version) -> &'static str {
                Self::SPELLINGS[self as usize][version as usize]
            }
        }

        impl $crate::vda5050::wire::Wire for $name {
            fn read(json: &$crate::vda5050::json::Heard<'_>, at: &$crate::vda5050::wire::Place<'_>) -> Option<Self> {
                $crate::vda5050::wire::variant(json, at, Self::SPELLINGS).map(|index| Self::VARIANTS[index])
            }

            fn write(
                &self,
                version: $crate::vda5050::wire::Version,
                to: &mut $crate::vda5050::json::Writer,
            ) -> bool {
                to.text(self.as_str(version));
                true
            }
        }
    };
}

pub(crate) use {message, names, words};
