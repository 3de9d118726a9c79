//! What the engine asks for: commands, scenes, messages, alarms, policies. Carrying them out is the caller's.

use std::sync::Arc;

use model::{Cause, CauseKind, Name, Position, ThingId, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// One thing that a rule wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which rule.
    pub rule: Arc<str>,
    /// Which version of it.
    pub version: u64,
    /// True when it is only to be written down: the rule runs in shadow.
    pub shadow: bool,
    /// In which run.
    pub run: Arc<str>,
    /// The part of the rule: `actions[0]`.
    pub path: Arc<str>,
    /// Its line.
    pub line: u32,
    /// When.
    pub time: Timestamp,
    /// The record that set the run off; [`Position::START`] when none did.
    pub position: Position,
    /// What.
    pub what: What,
}

impl Effect {
    /// The cause of what follows from this: the rule, the run, and the record that set it off.
    pub fn cause(&self) -> Cause {
        Cause {
            kind: CauseKind::Rule,
            id: Arc::clone(&self.rule),
            run: Some(Arc::clone(&self.run)),
            position: (self.position != Position::START).then_some(self.position),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Write a property.
    Set {
        /// Of which thing.
        thing: ThingId,
        /// Which one.
        name: Name,
        /// What it shall be.
        value: Value,
    },
    /// Call an action.
    Act {
        /// Of which thing.
        thing: ThingId,
        /// Which one.
        name: Name,
        /// Its input; null for none.
        input: Value,
    },
    /// Apply a scene.
    Scene {
        /// Its id or title.
        scene: Arc<str>,
    },
    /// Tell people.
    Notify {
        /// In a few words.
        title: String,
        /// In a sentence.
        message: String,
        /// Whom: roles or names; empty for everybody.
        to: Vec<Arc<str>>,
    },
    /// Raise an alarm.
    Alarm {
        /// Its name: the same alarm raised again is counted, not doubled.
        name: Arc<str>,
        /// How bad it is.
        severity: AlarmSeverity,
        /// In a sentence.
        message: String,
        /// The thing that set the run off, if one did.
        thing: Option<ThingId>,
    },
    /// Call a policy.
    CallPolicy {
        /// Which one.
        policy: Arc<str>,
        /// Its input; null for none.
        input: Value,
    },
}

/// How bad an alarm or finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmSeverity {
    /// Worth knowing.
    Notice,
    /// Wants a look.
    #[default]
    Warning,
    /// Wants somebody to act.
    Alarm,
}

impl AlarmSeverity {
    /// All, from mild to bad.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Warning, Self::Alarm];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}
