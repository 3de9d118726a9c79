//! VDA 5050: the messages between master control and mobile robots, in versions 2.0, 2.1 and 3.0.
//!
//! [`read`] is tolerant, because real robots are not strict: a robot is identified by the topic, null counts as absent, a
//! time without zone as UTC, a number may come as text, unknown fields are left alone. Every departure is told as a
//! [`Violation`]. [`write`] is strict: what it gives is valid by the schemas of its version.
//!
//! [`Vda5050`] decodes what robots say into records of things. Master control itself lives in the fleet.

mod adapter;
pub mod factsheet;
mod json;
pub mod order;
pub mod state;
#[cfg(test)]
mod tests;
mod thing_model;
mod topic;
pub mod wire;
pub mod zone;

use bytes::Bytes;
use model::Timestamp;
use serde::{Deserialize, Serialize};

pub use adapter::{ROBOTS_MAX, Vda5050, thing_of};
pub use factsheet::Factsheet;
pub use order::{Action, InstantActions, Order, WriteError};
pub use state::{Connection, State, Visualization};
pub use topic::{Address, Kind, Topic};
pub use wire::{Problem, Version, Violation};
pub use zone::{Responses, ZoneSetMessage};

use json::{Heard, Writer};
use wire::{Notes, Place, Wire, message};

/// The largest message that is read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

message! {
    /// What every message begins with.
    Header {
        /// Counts the messages on a topic, and wraps.
        header_id: u32 = "headerId",
        /// When it was said.
        timestamp: Timestamp = "timestamp",
        /// The version of the protocol as it was said.
        version: String = "version",
        /// Who made the robot.
        manufacturer: String = "manufacturer",
        /// Which robot.
        serial_number: String = "serialNumber",
    }
}

/// What a message says beyond its header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// Where to go.
    Order(Order),
    /// What to do at once.
    InstantActions(InstantActions),
    /// Everything about the robot.
    State(Box<State>),
    /// Where it is.
    Visualization(Visualization),
    /// Whether it is there.
    Connection(Connection),
    /// What it can do.
    Factsheet(Box<Factsheet>),
    /// Zones.
    ZoneSet(ZoneSetMessage),
    /// Answers to requests.
    Responses(Responses),
}

impl Body {
    /// The topic that it belongs on.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Order(_) => Kind::Order,
            Self::InstantActions(_) => Kind::InstantActions,
            Self::State(_) => Kind::State,
            Self::Visualization(_) => Kind::Visualization,
            Self::Connection(_) => Kind::Connection,
            Self::Factsheet(_) => Kind::Factsheet,
            Self::ZoneSet(_) => Kind::ZoneSet,
            Self::Responses(_) => Kind::Responses,
        }
    }
}

/// A message that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The version that it was read as.
    pub version: Version,
    /// Its header.
    pub header: Header,
    /// What it says.
    pub body: Body,
    /// Where it departs from the standard; the first [`wire::VIOLATIONS_PER_MESSAGE_MAX`].
    pub violations: Vec<Violation>,
    /// How many more violations there are.
    pub further_violations: usize,
}

/// Why a payload is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is too large.
    #[error("{0} bytes, at most {MESSAGE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It is JSON, but no object.
    #[error("{0}, expected an object")]
    Shape(&'static str),
}

/// Reads the message on a topic.
pub fn read(topic: &Topic<'_>, payload: &[u8]) -> Result<Read, ReadError> {
    if payload.len() > MESSAGE_BYTES_MAX {
        return Err(ReadError::TooLarge(payload.len()));
    }
    let json: Heard<'_> = serde_json::from_slice(payload).map_err(|error| ReadError::Json(error.to_string()))?;
    if !matches!(json, Heard::Object(_)) {
        return Err(ReadError::Shape(json.kind()));
    }
    let claimed = json.get("version").and_then(Heard::as_text).and_then(Version::of_header);
    let version = claimed.or_else(|| Version::of_header(topic.major)).unwrap_or_default();
    let notes = Notes { version, ..Notes::default() };
    let at = Place::root(&notes);
    let header = Header::read(&json, &at).unwrap_or_default();
    note_address(topic, &header, &at);
    let body = match topic.kind {
        Kind::Order => Order::read(&json, &at).map(|order| Body::Order(order.with_ends())),
        Kind::InstantActions => InstantActions::read(&json, &at).map(Body::InstantActions),
        Kind::State => State::read(&json, &at).map(|state| Body::State(Box::new(state))),
        Kind::Visualization => Visualization::read(&json, &at).map(Body::Visualization),
        Kind::Connection => Connection::read(&json, &at).map(Body::Connection),
        Kind::Factsheet => Factsheet::read(&json, &at).map(|sheet| Body::Factsheet(Box::new(sheet))),
        Kind::ZoneSet => ZoneSetMessage::read(&json, &at).map(Body::ZoneSet),
        Kind::Responses => Responses::read(&json, &at).map(Body::Responses),
    };
    let body = body.expect("an object is read, whatever is in it");
    let further_violations = notes.further.get();
    Ok(Read { version, header, body, violations: notes.violations.into_inner(), further_violations })
}

/// Notes a header that speaks for somebody else, and a version that is none.
fn note_address(topic: &Topic<'_>, header: &Header, at: &Place<'_>) {
    let at = at.child("header");
    for (said, is) in [(&header.manufacturer, topic.manufacturer), (&header.serial_number, topic.serial_number)] {
        if !said.is_empty() && said != is {
            at.note(Problem::Address(crate::text::shortened(said)));
        }
    }
    if !header.version.is_empty() && Version::of_header(&header.version).is_none() {
        at.note(Problem::Word(crate::text::shortened(&header.version)));
    }
}

/// Writes a message, valid by the schema of the version.
pub fn write(version: Version, address: &Address, stamp: Stamp, body: &Body) -> Result<Bytes, WriteError> {
    let header = Header {
        header_id: stamp.header_id,
        timestamp: stamp.timestamp,
        version: version.as_str().to_owned(),
        manufacturer: address.manufacturer.clone(),
        serial_number: address.serial_number.clone(),
    };
    let mut to = Writer::default();
    to.open(b'{');
    header.write_members(version, &mut to);
    match body {
        Body::Order(order) => {
            order.check(version)?;
            order.write_members(version, &mut to);
        }
        Body::InstantActions(actions) => actions.write_strictly(version, &mut to),
        Body::State(state) => state.write_strictly(version, &mut to),
        Body::Visualization(visualization) => visualization.write_members(version, &mut to),
        Body::Connection(connection) => connection.write_members(version, &mut to),
        Body::Factsheet(factsheet) => factsheet.write_members(version, &mut to),
        Body::ZoneSet(zone_set) => zone_set.write_members(version, &mut to),
        Body::Responses(responses) => responses.write_members(version, &mut to),
    }
    to.close(b'}');
    to.finish().map(Bytes::from).map_err(WriteError::NotFinite)
}

/// What tells a message from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its number on its topic.
    pub header_id: u32,
    /// When it is said.
    pub timestamp: Timestamp,
}
