//! The state: rows looked up by id. Documents with a revision, in tables that are all of one shape.
//!
//! Two engines: [`SqliteState`] on disk and [`MemoryState`] for tests and throw-away sites. One conformance suite
//! runs on both.

mod memory;
mod migrations;
mod sqlite;
mod sqlite_writer;

use model::Timestamp;
use serde::{Deserialize, Serialize};

pub use memory::MemoryState;
pub use sqlite::SqliteState;

/// The tables. One shape for all: `id`, `rev`, `updated`, one optional indexed text column `key`, and the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Things: registry rows; `key` is the status.
    Thing,
    /// Twins: checkpoints of the fold; `key` unused.
    Twin,
    /// Thing models; `key` is the kind.
    Model,
    /// Spaces; `key` is the parent.
    Space,
    /// Commands that are not over, and the newest that are; `key` is the thing.
    Command,
    /// Persistent MQTT sessions; `key` unused.
    Session,
    /// Messages in flight of persistent sessions; `key` is the session.
    InFlight,
    /// Retained messages: `id` is the topic.
    Retained,
    /// Small states of adapters.
    Adapter,
    /// Credentials of things; `key` is the thing.
    Credential,
    /// People; `key` is the name they sign in with.
    User,
    /// Sign-ins of people (hash of the cookie); `key` is the user.
    SignIn,
    /// Tokens of programs; `key` is the hash.
    Token,
    /// What people did; `id` sorts by time.
    Audit,
    /// Single settings and checkpoints by name.
    Setting,
    /// Runs of policies; `key` is the domain.
    Run,
    /// What runs looked like, in pieces; `key` is the run.
    Recording,
    /// Searches over candidates; `key` is the domain.
    Plan,
    /// Orders of fleets; `key` unused.
    FleetOrder,
    /// Robots of fleets; `key` unused.
    FleetRobot,
    /// What the mind found; `key` is the thing.
    Insight,
    /// What the detectors of streams have learned; `key` is the thing.
    Detector,
    /// Rules; `key` is their state.
    Rule,
    /// Versions of rules' texts; `key` is the rule.
    RuleVersion,
    /// What runs of rules did, step by step; `key` is the rule.
    RuleTrace,
    /// Cards of rules over the past; `key` is the rule.
    RuleBacktest,
    /// What rules in shadow would have done; `key` is the rule.
    RuleDecision,
    /// Scenes; `key` unused.
    Scene,
    /// Alarms; `key` unused.
    Alarm,
    /// Notifications; `key` unused.
    Notification,
    /// Commands of people and rules, as habits are looked for among them; `key` unused.
    HabitNote,
    /// Rules that are suggested; `key` unused.
    Suggestion,
    /// Browsers that are told what people shall know; `key` unused.
    PushSubscription,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 33] = [
        Self::Thing,
        Self::Twin,
        Self::Model,
        Self::Space,
        Self::Command,
        Self::Session,
        Self::InFlight,
        Self::Retained,
        Self::Adapter,
        Self::Credential,
        Self::User,
        Self::SignIn,
        Self::Token,
        Self::Audit,
        Self::Setting,
        Self::Run,
        Self::Recording,
        Self::Plan,
        Self::FleetOrder,
        Self::FleetRobot,
        Self::Insight,
        Self::Detector,
        Self::Rule,
        Self::RuleVersion,
        Self::RuleTrace,
        Self::RuleBacktest,
        Self::RuleDecision,
        Self::Scene,
        Self::Alarm,
        Self::Notification,
        Self::HabitNote,
        Self::Suggestion,
        Self::PushSubscription,
    ];

    /// The table's name in a database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thing => "thing",
            Self::Twin => "twin",
            Self::Model => "model",
            Self::Space => "space",
            Self::Command => "command",
            Self::Session => "session",
            Self::InFlight => "in_flight",
            Self::Retained => "retained",
            Self::Adapter => "adapter",
            Self::Credential => "credential",
            Self::User => "user",
            Self::SignIn => "sign_in",
            Self::Token => "token",
            Self::Audit => "audit",
            Self::Setting => "setting",
            Self::Run => "run",
            Self::Recording => "recording",
            Self::Plan => "plan",
            Self::FleetOrder => "fleet_order",
            Self::FleetRobot => "fleet_robot",
            Self::Insight => "insight",
            Self::Detector => "detector",
            Self::Rule => "rule",
            Self::RuleVersion => "rule_version",
            Self::RuleTrace => "rule_trace",
            Self::RuleBacktest => "rule_backtest",
            Self::RuleDecision => "rule_decision",
            Self::Scene => "scene",
            Self::Alarm => "alarm",
            Self::Notification => "notification",
            Self::HabitNote => "habit_note",
            Self::Suggestion => "suggestion",
            Self::PushSubscription => "push_subscription",
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Unique in the table.
    pub id: String,
    /// Grows by one with every change; 1 when new. The API's ETag.
    pub rev: i64,
    /// When it last changed.
    pub updated: Timestamp,
    /// The indexed column of the table, if it uses one.
    pub key: Option<String>,
    /// The document: JSON text or bytes of the table's owner.
    pub document: Vec<u8>,
}

impl Row {
    /// Reads the document as JSON.
    pub fn parse<T: for<'de> Deserialize<'de>>(&self, table: Table) -> Result<T, StateError> {
        serde_json::from_slice(&self.document).map_err(|error| StateError::Document {
            table,
            id: self.id.clone(),
            problem: error.to_string(),
        })
    }
}

/// What a change expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything: insert or replace.
    Any,
    /// No such row yet.
    Absent,
    /// A row with this `rev`.
    Rev(i64),
}

/// One change of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Inserts or replaces a row.
    Put {
        /// Where.
        table: Table,
        /// Which.
        id: String,
        /// The indexed column.
        key: Option<String>,
        /// The document.
        document: Vec<u8>,
        /// What must be there.
        expect: Expect,
    },
    /// Removes a row; removing what is not there is fine unless a `rev` was expected.
    Delete {
        /// Where.
        table: Table,
        /// Which.
        id: String,
        /// What must be there.
        expect: Expect,
    },
    /// Removes every row of a table with this key.
    DeleteKey {
        /// Where.
        table: Table,
        /// The key.
        key: String,
    },
}

impl Change {
    /// Puts a JSON document, whatever was there.
    pub fn put<T: Serialize>(table: Table, id: impl Into<String>, key: Option<String>, document: &T) -> Self {
        let document = serde_json::to_vec(document).expect("our own documents are valid JSON");
        Self::Put { table, id: id.into(), key, document, expect: Expect::Any }
    }

    /// Deletes a row, whatever was there.
    pub fn delete(table: Table, id: impl Into<String>) -> Self {
        Self::Delete { table, id: id.into(), expect: Expect::Any }
    }

    /// The same change, with an expectation.
    pub fn expecting(mut self, expected: Expect) -> Self {
        match &mut self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } => *expect = expected,
            Self::DeleteKey { .. } => {}
        }
        self
    }
}

/// Why the state could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else changed the row in between.
    #[error("{table:?} {id}: expected rev {expected:?}, found {found:?}")]
    Conflict {
        /// Where.
        table: Table,
        /// Which.
        id: String,
        /// What was expected; `None` for absent.
        expected: Option<i64>,
        /// What was found; `None` for absent.
        found: Option<i64>,
    },
    /// A document is not what the table's owner writes.
    #[error("{table:?} {id}: {problem}")]
    Document {
        /// Where.
        table: Table,
        /// Which.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// The file was written by a newer Manmul.
    #[error(
        "the state file has schema {found}, this program knows schemas up to {known}\nhint: start the newer version, or restore a backup"
    )]
    Newer {
        /// The file's schema version.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// The file is damaged, or is no state file at all.
    #[error(
        "{place}: the state is damaged: {problem}\nhint: restore a backup of the state; the file was left as it is"
    )]
    Damaged {
        /// The file.
        place: String,
        /// What the engine said.
        problem: String,
    },
    /// The engine failed.
    #[error("{place}: {problem}")]
    Engine {
        /// The file or statement.
        place: String,
        /// What the engine said.
        problem: String,
    },
}

/// The state. One writer; readers never wait for it. Calls block for at most a commit (a few ms on a disk).
pub trait State: Send + Sync + std::fmt::Debug {
    /// One row.
    fn get(&self, table: Table, id: &str) -> Result<Option<Row>, StateError>;

    /// Rows in order of id, from after `after`, at most `limit`; with `key` only those rows.
    fn list(&self, table: Table, key: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<Row>, StateError>;

    /// How many rows a table has; with `key` only those rows.
    fn count(&self, table: Table, key: Option<&str>) -> Result<u64, StateError>;

    /// Makes all changes or none, durably, and returns the new `rev` of each `Put` (0 for the others). Concurrent
    /// calls share a disk write.
    fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<Vec<i64>, StateError>;

    /// How often the engine could not write, as on a full disk. Whoever asked was told, and nothing of it was kept.
    fn failures(&self) -> u64 {
        0
    }

    /// A consistent copy into one file.
    fn backup(&self, file: &std::path::Path) -> Result<(), StateError>;
}
