//! What the crate is told about the world: records as they come, what things report now, and what is known of them.

use std::sync::Arc;

use model::{Cause, Position, Quality, Record, RecordKind, ThingId, ThingModel, Timestamp, Value};

/// A record as the engine reads it. Borrowed, so that feeding copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// Whom it is about.
    pub thing: &'a str,
    /// The property, event or insight; `presence` for presence.
    pub name: &'a str,
    /// The sort of fact.
    pub kind: RecordKind,
    /// What was said, and when.
    pub said: Said<'a>,
}

/// What was said of a series, and when.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What is so.
    pub value: &'a Value,
    /// How far it can be trusted; what is [`Quality::Bad`] counts as unknown.
    pub quality: Quality,
    /// The thing's claim of when it was so.
    pub time: Timestamp,
    /// When we received it: the engine's time.
    pub received: Timestamp,
    /// The entry it was decoded from.
    pub position: Position,
    /// Who or what led to it.
    pub cause: Option<&'a Cause>,
}

impl<'a> From<&'a Record> for RecordView<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            thing: record.thing.as_str(),
            name: record.name.as_str(),
            kind: record.kind,
            said: Said {
                value: &record.value,
                quality: record.quality,
                time: record.time,
                received: record.received,
                position: record.position,
                cause: Some(&record.cause),
            },
        }
    }
}

/// The newest value of a property, or the presence of a thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// What is so.
    pub value: Value,
    /// When it was said last.
    pub time: Timestamp,
    /// Since when it has been so, if that is known; otherwise when it was said last.
    pub since: Timestamp,
}

/// What things report now: asked when a rule is enlisted or an engine is restored, so that rules start from what is.
pub trait View {
    /// The newest value of a property ([`RecordKind::Property`]) or the presence of a thing ([`RecordKind::Presence`]).
    fn latest(&self, kind: RecordKind, thing: &str, name: &str) -> Option<Latest>;
}

/// Knows nothing: for tests and for replays that start from nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl View for Nothing {
    fn latest(&self, _: RecordKind, _: &str, _: &str) -> Option<Latest> {
        None
    }
}

/// What is known of things, for the check of a rule.
pub trait Known {
    /// The model of a thing; `None` when there is no such thing.
    fn model(&self, thing: &str) -> Option<Arc<ThingModel>>;
    /// All things, for "did you mean".
    fn things(&self) -> Vec<ThingId>;
    /// The scenes by id and title; `None` when they are not known and therefore not checked.
    fn scenes(&self) -> Option<Vec<String>> {
        None
    }
    /// The policies; `None` when they are not known and therefore not checked.
    fn policies(&self) -> Option<Vec<String>> {
        None
    }
    /// Whether commands to a property or action pass through a guard that only a person may pass.
    fn is_held(&self, _thing: &str, _name: &str) -> bool {
        false
    }
}
