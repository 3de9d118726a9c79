//! Whether a thing is there.

use std::sync::Arc;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known about a thing being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    /// It is there.
    Online,
    /// It is not, and said so, or its link broke.
    Offline,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl PresenceState {
    /// The word of records and of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }

    /// The state that a presence record names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Online, Self::Offline, Self::Unknown].into_iter().find(|state| state.as_str() == word)
    }
}

/// Whether a thing is there, since when, and how we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// What is known.
    pub state: PresenceState,
    /// Since when it is so.
    pub since: Timestamp,
    /// How we know, in words: `said so`, `connection lost`, `it speaks`.
    pub reason: Arc<str>,
}

impl Presence {
    /// Nothing is known yet.
    pub fn unknown(since: Timestamp) -> Self {
        Self { state: PresenceState::Unknown, since, reason: Arc::from("") }
    }

    /// Takes in a newer statement. `since` moves only when the state changes. Returns whether it changed.
    pub fn apply(&mut self, state: PresenceState, time: Timestamp, reason: &str) -> bool {
        let changed = self.state != state;
        if changed {
            self.state = state;
            self.since = time;
        }
        if *self.reason != *reason {
            self.reason = Arc::from(reason);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_moves_only_with_the_state() {
        let mut presence = Presence::unknown(Timestamp(1));
        assert!(presence.apply(PresenceState::Online, Timestamp(5), "said so"));
        assert!(!presence.apply(PresenceState::Online, Timestamp(9), "it speaks"));
        assert_eq!((presence.since, &*presence.reason), (Timestamp(5), "it speaks"));
        assert_eq!(PresenceState::parse("offline"), Some(PresenceState::Offline));
        assert_eq!(PresenceState::parse("away"), None);
    }
}
