//! Shared subscriptions: the members of a group share the messages of a filter.
//!
//! A group is a consumer of the log like a session: while no member has room it is behind, and its messages are read
//! from the log as soon as one has.

use std::sync::Arc;

use model::Position;
use parking_lot::Mutex;

use crate::router::Subscriber;

/// A group of sessions at one filter.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    pub(crate) filter: Arc<str>,
    pub(crate) state: Mutex<GroupState>,
}

#[derive(Debug)]
pub(crate) struct GroupState {
    pub(crate) members: Vec<Subscriber>,
    /// Whose turn it is among equals.
    pub(crate) turn: usize,
    /// Entries below this were given to somebody.
    pub(crate) next: Position,
    pub(crate) live: bool,
    /// Entries with QoS 2 below this were given to somebody, durably.
    pub(crate) exactly_next: Position,
    /// `next` as it was written down last.
    pub(crate) saved_next: Position,
}

impl Group {
    pub(crate) fn new(name: &str, filter: &str, next: Position, live: bool) -> Self {
        let state =
            GroupState { members: Vec::new(), turn: 0, next, live, exactly_next: Position::START, saved_next: next };
        Self { name: Arc::from(name), filter: Arc::from(filter), state: Mutex::new(state) }
    }

    /// Adds or replaces a member.
    pub(crate) fn join(&self, subscriber: Subscriber) {
        let mut state = self.state.lock();
        state.members.retain(|member| member.session.key != subscriber.session.key);
        state.members.push(subscriber);
    }

    /// Removes a member; true when the group is empty now.
    pub(crate) fn leave(&self, session_key: u64) -> bool {
        let mut state = self.state.lock();
        state.members.retain(|member| member.session.key != session_key);
        state.members.is_empty()
    }
}

/// Splits `$share/{name}/{filter}`; `None` for an ordinary filter, `Some(None)` when it is wrong.
#[expect(clippy::option_option, reason = "not shared, shared wrongly and shared rightly are three answers")]
pub(crate) fn parse(filter: &str) -> Option<Option<(&str, &str)>> {
    let rest = filter.strip_prefix("$share/")?;
    let parts = rest.split_once('/');
    Some(parts.filter(|(name, filter)| !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_filters_are_told_apart() {
        assert_eq!(parse("a/b"), None);
        assert_eq!(parse("$share/g/a/+"), Some(Some(("g", "a/+"))));
        assert_eq!(parse("$share/g//a"), Some(Some(("g", "/a"))));
        for wrong in ["$share/", "$share/g", "$share//a", "$share/g+/a", "$share/g/"] {
            assert_eq!(parse(wrong), Some(None), "{wrong}");
        }
    }
}
