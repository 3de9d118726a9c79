//! The shapes of things, records and commands in the API. Times are microseconds since 1970 UTC.

use std::collections::BTreeMap;

use model::{
    Cause, CommandId, CommandState, Coordinates, Name, Position, Quality, RecordKind, Role, SpaceId, ThingId,
    ThingModel, Timestamp, Unit, Value,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a thing stands in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThingStatus {
    /// Part of the site.
    Accepted,
    /// Seen, waiting for somebody to accept or ignore it.
    Inbox,
    /// Seen, and not wanted.
    Ignored,
}

/// Whether a thing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is connected, or spoke within its window.
    Online,
    /// It left, or has been silent for too long.
    Offline,
    /// Nobody knows.
    Unknown,
}

/// Whether a thing is made of matter. Only people see this; policies cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A real one.
    Physical,
    /// One that this server plays.
    Virtual,
}

/// One headline property of a thing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Headline {
    /// The property.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// What it is now.
    pub value: Value,
    /// The unit, if it has one.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// Digits after the point that are worth showing, if the model says so.
    #[schema(required)]
    pub decimals: Option<u8>,
    /// Whether it can be written.
    pub writable: bool,
    /// When it was so.
    #[schema(value_type = Option<i64>, required)]
    pub time: Option<Timestamp>,
}

/// A thing in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ThingSummary {
    /// Unique in the site.
    pub id: ThingId,
    /// What people call it.
    pub title: String,
    /// The kind in one word: `light`, `meter`.
    pub kind: String,
    /// Where it stands in the registry.
    pub status: ThingStatus,
    /// Whether it is there.
    pub presence: Presence,
    /// Since when.
    #[schema(required)]
    pub presence_since_us: Option<i64>,
    /// Where it is.
    #[schema(required)]
    pub space: Option<SpaceId>,
    /// Where on the earth it is: where it says it is, or else where people put it.
    #[schema(required)]
    pub location: Option<Coordinates>,
    /// What people sort it by.
    pub tags: Vec<String>,
    /// The gateway through which it speaks.
    #[schema(required)]
    pub via: Option<ThingId>,
    /// The protocol it speaks: `native`, `home-assistant`, `http`.
    pub adapter: String,
    /// Whether it is made of matter.
    pub origin: Origin,
    /// When it last spoke.
    #[schema(required)]
    pub last_seen_us: Option<i64>,
    /// The revision of its registry row, also the ETag.
    pub rev: i64,
    /// At most three headline properties.
    pub primary: Vec<Headline>,
    /// How well it is; null before it has said anything.
    #[schema(required)]
    pub health: Option<site::Health>,
}

/// What a property is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PropertyState {
    /// The property.
    pub name: Name,
    /// What it is.
    pub value: Value,
    /// The unit, if it has one.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// How far the value can be trusted.
    pub quality: Quality,
    /// The thing's claim of when it was so.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// When it was received.
    #[schema(value_type = i64)]
    pub received: Timestamp,
    /// When the value last became another.
    pub changed_us: i64,
    /// Who or what led to it.
    pub cause: Cause,
    /// The entry of the log that said so.
    #[schema(value_type = u64)]
    pub position: Position,
}

/// What somebody wants a property to be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DesiredState {
    /// What it shall be.
    pub value: Value,
    /// Grows by one with every change of this property's wish.
    pub version: u64,
    /// When it was wished.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// Who wished it.
    pub cause: Cause,
}

/// Something that could not be made sense of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiagnosticCount {
    /// A stable short word: `bad_json`.
    pub code: String,
    /// The newest case, in words.
    pub detail: String,
    /// How many cases.
    pub count: u64,
    /// When the newest was.
    pub last_us: i64,
}

/// How a thing signs in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CredentialInfo {
    /// The MQTT username: the thing's id.
    pub username: String,
    /// When the secret was made.
    pub rotated_us: i64,
}

/// A thing with everything that is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Thing {
    /// What lists show.
    #[serde(flatten)]
    pub summary: ThingSummary,
    /// What it can tell and do.
    pub model: ThingModel,
    /// What its properties are now, in order of name.
    pub properties: Vec<PropertyState>,
    /// What its properties shall be.
    pub desired: BTreeMap<Name, DesiredState>,
    /// Wishes that have not come true yet.
    pub delta: BTreeMap<Name, Value>,
    /// Things that speak through this one.
    pub sub_things: Vec<ThingId>,
    /// How it signs in, if it has a credential.
    #[schema(required)]
    pub credential: Option<CredentialInfo>,
    /// What could not be made sense of.
    pub diagnostics: Vec<DiagnosticCount>,
}

/// A secret, shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewCredential {
    /// The MQTT username.
    pub username: String,
    /// The MQTT password. It is not kept and cannot be shown again.
    pub secret: String,
}

/// One invocation of an action, or one write of a property.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Command {
    /// Unique.
    pub id: CommandId,
    /// Who shall act.
    pub thing: ThingId,
    /// The action, or the property to write.
    pub action: Name,
    /// True when this writes a property.
    pub write: bool,
    /// What the action gets.
    pub input: Value,
    /// Where it stands.
    pub state: CommandState,
    /// What the thing answered.
    pub output: Value,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<String>,
    /// When it was asked for.
    pub created_us: i64,
    /// When it becomes `timed_out`.
    pub deadline_us: i64,
    /// When its state last changed.
    pub updated_us: i64,
    /// Who asked.
    pub cause: Cause,
}

impl From<model::Command> for Command {
    fn from(command: model::Command) -> Self {
        Self {
            id: command.id,
            thing: command.thing,
            action: command.action,
            write: command.write,
            input: command.input,
            state: command.state,
            output: command.output,
            error: command.error,
            created_us: command.created.micros(),
            deadline_us: command.deadline.micros(),
            updated_us: command.updated.micros(),
            cause: command.cause,
        }
    }
}

/// One fact about one thing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Record {
    /// The entry of the log that it was decoded from.
    #[schema(value_type = u64)]
    pub position: Position,
    /// The thing's claim of when it was so.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// When it was received.
    #[schema(value_type = i64)]
    pub received: Timestamp,
    /// Whom it is about.
    pub thing: ThingId,
    /// The sort of fact.
    pub kind: RecordKind,
    /// The property, event or action.
    pub name: Name,
    /// What is so.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Who or what led to it.
    pub cause: Cause,
}

impl From<model::Record> for Record {
    fn from(record: model::Record) -> Self {
        Self {
            position: record.position,
            time: record.time,
            received: record.received,
            thing: record.thing,
            kind: record.kind,
            name: record.name,
            value: record.value,
            quality: record.quality,
            cause: (*record.cause).clone(),
        }
    }
}

/// One message as it was said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message {
    /// Its place on the log.
    #[schema(value_type = u64)]
    pub position: Position,
    /// When it was received.
    #[schema(value_type = i64)]
    pub received: Timestamp,
    /// Where it was said.
    pub topic: String,
    /// What was said, when it is UTF-8.
    #[schema(required)]
    pub payload: Option<String>,
    /// What was said, when it is not UTF-8.
    #[schema(required)]
    pub payload_base64: Option<String>,
    /// Its length.
    pub bytes: usize,
    /// MQTT quality of service.
    pub qos: u8,
    /// Whether it was to be retained.
    pub retain: bool,
    /// The MQTT client, or `http`, `manmul`.
    pub client: String,
    /// Who or what led to it.
    pub cause: Cause,
    /// Why no record came of it, if none did.
    #[schema(required)]
    pub undecodable: Option<String>,
}

/// What a model may be given as: a whole model, or the id of one that is known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ModelChoice {
    /// The id of a model that is known.
    Known(String),
    /// A model.
    Given(Box<ThingModel>),
}

/// A person, as everyone who may see the session sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionUser {
    /// Unique.
    pub id: String,
    /// What they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
}
