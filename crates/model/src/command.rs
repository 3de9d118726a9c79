//! One invocation of an action, from the moment it is asked for until it is over.

use serde::{Deserialize, Serialize};

use crate::{Cause, CommandId, Name, ThingId, Timestamp, Value};

/// Where a command stands. `Finished`, `Failed` and `TimedOut` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Handed to the link; the thing has not answered.
    Sent,
    /// The thing has it.
    Accepted,
    /// The thing is at it.
    Running,
    /// Done.
    Finished,
    /// The thing refused or gave up.
    Failed,
    /// The deadline passed without a final answer.
    TimedOut,
}

impl CommandState {
    /// True when nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::TimedOut)
    }

    /// Whether `next` may follow: states only move forwards, and nothing follows a final one.
    pub fn may_become(self, next: Self) -> bool {
        let rank = |state| match state {
            Self::Sent => 0,
            Self::Accepted => 1,
            Self::Running => 2,
            Self::Finished | Self::Failed | Self::TimedOut => 3,
        };
        !self.is_final() && rank(next) > rank(self)
    }
}

/// One invocation of an action, or the write of a property (then `action` names the property and `write` is true).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Made by us, unique.
    pub id: CommandId,
    /// Who shall act.
    pub thing: ThingId,
    /// The action, or the property to write.
    pub action: Name,
    /// True when this writes a property.
    #[serde(default)]
    pub write: bool,
    /// What the action gets.
    pub input: Value,
    /// Where it stands.
    pub state: CommandState,
    /// What the thing answered.
    #[serde(default)]
    pub output: Value,
    /// Why it failed, in words.
    #[serde(default)]
    pub error: Option<String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it becomes [`CommandState::TimedOut`].
    pub deadline: Timestamp,
    /// When its state last changed.
    pub updated: Timestamp,
    /// Who asked, and why.
    pub cause: Cause,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_move_forwards_only() {
        use CommandState::*;
        assert!(Sent.may_become(Finished) && Sent.may_become(Accepted) && Running.may_become(Failed));
        assert!(!Running.may_become(Accepted) && !Finished.may_become(Failed) && !TimedOut.may_become(Finished));
    }
}
