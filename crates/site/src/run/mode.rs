//! The four modes of a run.

use serde::{Deserialize, Serialize};

/// What answers a policy, and what becomes of its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Recorded history answers; commands are counted and compared with what really happened.
    Backtest,
    /// A world model answers, in virtual time; commands are applied to it.
    Simulate,
    /// The real things answer; commands are recorded as "would have done" and not sent.
    Shadow,
    /// The real things answer; commands are sent, acknowledged and audited.
    Operate,
}

impl Mode {
    /// The word of the API and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backtest => "backtest",
            Self::Simulate => "simulate",
            Self::Shadow => "shadow",
            Self::Operate => "operate",
        }
    }
}
