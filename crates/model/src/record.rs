//! The log's entries as they were said, and the records that adapters decode from them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::{Name, ThingId, Timestamp, Value};

/// A place on the log. Positions grow, and are never given twice; they may skip numbers after a crash. 0 means "before
/// everything".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// The least position that can follow this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What sort of actor caused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CauseKind {
    /// A thing spoke of its own accord.
    Device = 0,
    /// A person.
    User = 1,
    /// A rule.
    Rule = 2,
    /// A run of a policy.
    Policy = 3,
    /// Data brought in from elsewhere.
    Import = 4,
    /// Manmul itself.
    System = 5,
    /// A program with a token.
    Token = 6,
}

impl CauseKind {
    /// The kind of a code written with `as u8`.
    pub fn from_code(code: u8) -> Option<Self> {
        const KINDS: [CauseKind; 7] = [
            CauseKind::Device,
            CauseKind::User,
            CauseKind::Rule,
            CauseKind::Policy,
            CauseKind::Import,
            CauseKind::System,
            CauseKind::Token,
        ];
        KINDS.get(usize::from(code)).copied()
    }
}

/// Who or what led to an entry or record, and from which earlier record it followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cause {
    /// The sort of actor.
    pub kind: CauseKind,
    /// Which one: a thing, user, rule, policy or token id.
    pub id: Arc<str>,
    /// The run in which it was decided, for rules and policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Arc<str>>,
    /// The entry that led to this one: a command's entry for the state change that it brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

impl Cause {
    /// A cause of this kind with nothing before it.
    pub fn new(kind: CauseKind, id: impl AsRef<str>) -> Self {
        Self { kind, id: Arc::from(id.as_ref()), run: None, position: None }
    }

    /// A thing that spoke of its own accord.
    pub fn device(thing: impl AsRef<str>) -> Self {
        Self::new(CauseKind::Device, thing)
    }

    /// The same cause, following from the entry at `position`.
    pub fn following(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}

/// One entry of the log: a message as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place on the log; [`Position::START`] until the log has given one.
    pub position: Position,
    /// When we received it.
    pub received: Timestamp,
    /// Where it was said.
    pub topic: Arc<str>,
    /// What was said.
    pub payload: Bytes,
    /// MQTT quality of service it was published with: 0, 1 or 2.
    pub qos: u8,
    /// Whether it was to be retained.
    pub retain: bool,
    /// The MQTT client, or `http`, `manmul`, ... for what came another way.
    pub client: Arc<str>,
    /// Who or what led to it.
    pub cause: Cause,
    /// MQTT 5 properties to forward, encoded by the broker; empty for none. Opaque to everyone else.
    pub properties: Bytes,
}

/// The sort of fact a record states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RecordKind {
    /// A property's value.
    Property = 0,
    /// Something that happened.
    Event = 1,
    /// A step in the life of a command.
    Action = 2,
    /// A thing came or went: `value` is text `online`, `offline` or `unknown`.
    Presence = 3,
    /// What a policy decided.
    Decision = 4,
    /// What a detector or forecaster found.
    Insight = 5,
}

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Quality {
    /// As the thing reported it.
    #[default]
    Good = 0,
    /// Doubtful: its time was corrected, or it lies outside the model's range.
    Uncertain = 1,
    /// Known to be wrong or missing.
    Bad = 2,
}

/// One fact about one thing, decoded from an entry. The twin, history, live view and policies are folds of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The entry it was decoded from.
    pub position: Position,
    /// The thing's claim of when it was so.
    pub time: Timestamp,
    /// When we received it.
    pub received: Timestamp,
    /// Whom it is about.
    pub thing: ThingId,
    /// The sort of fact.
    pub kind: RecordKind,
    /// The property, event or action; `presence` for presence.
    pub name: Name,
    /// What is so.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Who or what led to it. Shared, because an entry of many properties has one cause.
    pub cause: Arc<Cause>,
}
