//! Adapters: one file or folder per protocol. An adapter turns entries of the log into records, and commands into
//! messages.
//!
//! Read [`Adapter`] first.
//!
//! **Invariant:** an adapter is pure: entries in, records out, with its own small state. It has no clock, no IO and no
//! other door into the system, so a repaired adapter can be replayed over the past.
//!
//! **Invariant:** no vendor format leaks above this crate.

pub mod home_assistant;
pub mod http_ingest;
pub mod infer;
pub mod influx;
pub mod native;
pub mod vda5050;

mod intern;
mod moment;
mod sink;
#[cfg(test)]
mod testing;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Command, Entry, Name, Record, ThingId, ThingModel, Value};

pub use home_assistant::HomeAssistant;
pub use influx::Influx;
pub use native::Native;
pub use sink::{Counters, DIAGNOSTICS_PER_ENTRY_MAX};
pub use vda5050::Vda5050;

/// A thing that an adapter learned of, or learned more about.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    /// Which thing.
    pub thing: ThingId,
    /// What people call it; empty when the adapter does not know.
    pub title: String,
    /// What it can tell and do.
    pub model: ThingModel,
    /// The gateway through which it speaks.
    pub via: Option<ThingId>,
    /// The room that the producer suggests.
    pub suggested_space: Option<String>,
    /// Properties whose value is unknown once they have not been reported for this long.
    pub expires_after: BTreeMap<Name, Duration>,
}

/// Something that an adapter could not make sense of. Shown on the thing's page, counted, never silently dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The thing, when it is known.
    pub thing: Option<ThingId>,
    /// A stable short word: `bad_json`, `unsupported_template`, `not_finite`.
    pub code: &'static str,
    /// What and where, in words.
    pub detail: String,
}

/// What an adapter made of an entry, or of several one after another. Adapters only append, so that the lengths between
/// two entries tell them apart; but a [`Discovered`] may be replaced in its place by a later one about the same thing, so
/// that a storm of discovery messages tells of each thing once.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Facts.
    pub records: Vec<Record>,
    /// Things found or found out more about.
    pub discovered: Vec<Discovered>,
    /// Things that the producer withdrew.
    pub removed: Vec<ThingId>,
    /// Steps in the life of commands: id, state word and answer.
    pub command_steps: Vec<CommandStep>,
    /// What made no sense.
    pub diagnostics: Vec<Diagnostic>,
    /// Topics that belong to things since this entry. A message that is retained on one of them may have been said
    /// before anybody knew what it was about, and should be decoded now.
    pub retained_wanted: Vec<Arc<str>>,
}

/// A thing's answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandStep {
    /// Which command; `None` when the thing's protocol has no ids: then it answers the oldest open one of this action.
    pub command: Option<model::CommandId>,
    /// Whose.
    pub thing: ThingId,
    /// Which action or, for a write, property.
    pub action: Name,
    /// Where it stands now.
    pub state: model::CommandState,
    /// What it answered.
    pub output: Value,
    /// Why it failed.
    pub error: Option<String>,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
}

/// How a command goes out, and how its end is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// What to publish, in this order.
    pub messages: Vec<Message>,
    /// True when the thing answers with status messages; false when a matching property report (or nothing) is all
    /// that will come, so the command counts as finished when the property shows the value, or at once for an action.
    pub answers: bool,
}

/// Why a command cannot be put into the thing's protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The thing has no such action or writable property in this protocol.
    #[error("{thing} takes no command {action}")]
    Unsupported {
        /// Whom.
        thing: ThingId,
        /// What.
        action: Name,
    },
    /// The value cannot be put into the thing's format.
    #[error("{action} of {thing}: {problem}")]
    Format {
        /// Whom.
        thing: ThingId,
        /// What.
        action: Name,
        /// What is wrong.
        problem: String,
    },
}

/// A protocol: what its entries mean, and how its things are commanded.
pub trait Adapter: Send {
    /// A stable short name: `native`, `home-assistant`, `http`.
    fn name(&self) -> &'static str;

    /// Makes sense of an entry. Returns false, and touches nothing, when the entry is none of its business.
    fn decode(&mut self, entry: &Entry, out: &mut Decoded) -> bool;

    /// Whether this adapter speaks for the thing.
    fn knows(&self, thing: &ThingId) -> bool;

    /// The messages of a command (an action, or the write of a property when `command.write`).
    fn encode(&self, command: &Command) -> Result<Encoded, EncodeError>;

    /// The desired properties of a thing changed: messages that tell it (native: retained `desired`), if any.
    fn encode_desired(&self, thing: &ThingId, desired: &serde_json::Map<String, serde_json::Value>) -> Vec<Message>;

    /// Whether an entry on `topic` is about the thing, for showing its raw messages.
    fn is_about(&self, thing: &ThingId, topic: &str) -> bool;

    /// Forgets a thing that was deleted.
    fn forget(&mut self, thing: &ThingId);

    /// How often each diagnostic occurred, also those that were too many to show.
    fn counters(&self) -> &Counters;

    /// Grows whenever [`Adapter::save`] would give something new, so that an unchanged state need not be written again.
    fn revision(&self) -> u64;

    /// The adapter's small state as JSON, to be kept beside the log position up to which it has decoded.
    fn save(&self) -> serde_json::Value;

    /// Goes on from a saved state.
    fn restore(&mut self, saved: serde_json::Value);
}
