//! Retained messages: the newest retained message of every topic, a fold of the log.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use model::{Position, Timestamp, topic};
use parking_lot::RwLock;

use crate::config::Limits;
use crate::message::Message;

/// All retained messages, with those changed since the last checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: BTreeMap<Arc<str>, Arc<Message>>,
    bytes: usize,
    /// Topics changed since the last checkpoint.
    dirty: AHashMap<Arc<str>, ()>,
}

/// Whether a message was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was, or it removed one.
    Yes,
    /// There were too many.
    Full,
}

fn cost(message: &Message) -> usize {
    2 * message.topic.len() + message.payload.len() + message.properties.len() + size_of::<Message>()
}

impl Retained {
    /// Keeps a message as the one of its topic; an empty payload removes it. Messages must come in log order.
    pub(crate) fn apply(&self, message: &Message, limits: &Limits) -> Verdict {
        let mut kept = self.kept.write();
        let Kept { messages, bytes, dirty } = &mut *kept;
        let before = messages.get(&message.topic).map_or(0, |before| cost(before));
        if message.payload.is_empty() {
            if messages.remove(&message.topic).is_some() {
                *bytes -= before;
                dirty.insert(Arc::clone(&message.topic), ());
            }
            return Verdict::Yes;
        }
        let after = *bytes - before + cost(message);
        if after > limits.retained_bytes || (before == 0 && messages.len() >= limits.retained_messages) {
            return Verdict::Full;
        }
        *bytes = after;
        // A copy: the payload may be a slice of a much larger read buffer.
        let own = Message { payload: Bytes::copy_from_slice(&message.payload), ..message.clone() };
        messages.insert(Arc::clone(&message.topic), Arc::new(own));
        if message.is_logged() {
            dirty.insert(Arc::clone(&message.topic), ());
        }
        Verdict::Yes
    }

    /// Messages that match a filter, oldest first, without those that expired.
    pub(crate) fn matching(&self, filter: &str, now: Timestamp) -> Vec<Arc<Message>> {
        let kept = self.kept.read();
        if !filter.contains(['+', '#']) {
            return kept.messages.get(filter).filter(|found| !found.is_expired(now)).cloned().into_iter().collect();
        }
        let wildcard = filter.find(['+', '#']).unwrap_or(filter.len());
        // `a/#` matches `a` too, so the level separator is not part of the common prefix.
        let prefix = filter[..wildcard].trim_end_matches('/');
        let start = (Bound::Included(prefix), Bound::Unbounded);
        let mut found: Vec<_> = kept
            .messages
            .range::<str, _>(start)
            .take_while(|(topic, _)| topic.starts_with(prefix))
            .filter(|(topic, message)| topic::matches(filter, topic) && !message.is_expired(now))
            .map(|(_, message)| Arc::clone(message))
            .collect();
        found.sort_by_key(|message| message.position);
        found
    }

    /// The message of a topic.
    pub(crate) fn get(&self, topic: &str) -> Option<Arc<Message>> {
        self.kept.read().messages.get(topic).cloned()
    }

    /// How many there are, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let kept = self.kept.read();
        (kept.messages.len(), kept.bytes)
    }

    /// Takes what changed since the last call: topics with their message, or none when it was removed.
    pub(crate) fn take_changes(&self) -> Vec<(Arc<str>, Option<Arc<Message>>)> {
        let mut kept = self.kept.write();
        let dirty = std::mem::take(&mut kept.dirty);
        dirty.into_keys().map(|topic| (Arc::clone(&topic), kept.messages.get(&topic).cloned())).collect()
    }

    /// Marks changes as not written after all.
    pub(crate) fn give_back<'a>(&self, topics: impl Iterator<Item = &'a Arc<str>>) {
        self.kept.write().dirty.extend(topics.map(|topic| (Arc::clone(topic), ())));
    }

    /// Drops expired messages.
    pub(crate) fn expire(&self, now: Timestamp) {
        let mut kept = self.kept.write();
        let Kept { messages, bytes, dirty } = &mut *kept;
        messages.retain(|topic, message| {
            let stays = !message.is_expired(now);
            if !stays {
                *bytes -= cost(message);
                if message.position != Position::START {
                    dirty.insert(Arc::clone(topic), ());
                }
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(topic: &str, payload: &str, position: u64) -> Message {
        Message {
            position: Position(position),
            topic: Arc::from(topic),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: 1,
            retain: true,
            received: Timestamp::EPOCH,
            expiry_seconds: None,
            properties: Bytes::new(),
            client: Arc::from("c"),
        }
    }

    #[test]
    fn the_newest_stays_and_an_empty_one_removes() {
        let retained = Retained::default();
        let limits = Limits { retained_messages: 2, ..Limits::default() };
        for (topic, payload) in [("a", "1"), ("a", "2"), ("b", "1")] {
            assert_eq!(retained.apply(&message(topic, payload, 1), &limits), Verdict::Yes);
        }
        assert_eq!(retained.apply(&message("c", "1", 1), &limits), Verdict::Full);
        assert_eq!(retained.get("a").unwrap().payload, "2");
        retained.apply(&message("a", "", 2), &limits);
        assert_eq!(retained.size().0, 1);
        let mut changes: Vec<_> =
            retained.take_changes().into_iter().map(|(t, m)| (t.to_string(), m.is_some())).collect();
        changes.sort();
        assert_eq!(changes, [("a".to_owned(), false), ("b".to_owned(), true)]);
        retained.apply(&message("b", "", 3), &limits);
        assert_eq!(retained.size(), (0, 0));
    }

    #[test]
    fn expired_ones_are_not_given_out() {
        let retained = Retained::default();
        let limited = Message { expiry_seconds: Some(5), ..message("a", "1", 1) };
        retained.apply(&limited, &Limits::default());
        assert_eq!(retained.matching("#", Timestamp::from_seconds(4)).len(), 1);
        assert!(retained.matching("a", Timestamp::from_seconds(5)).is_empty());
        retained.expire(Timestamp::from_seconds(5));
        assert_eq!(retained.size(), (0, 0));
    }

    proptest! {
        #[test]
        fn the_range_finds_what_matching_finds(
            topics in proptest::collection::btree_set("[$ab/]{1,6}", 0..30),
            filter in "(([ab]|\\+)?/){0,3}([ab]|\\+|#)",
        ) {
            let retained = Retained::default();
            for topic in &topics {
                retained.apply(&message(topic, "1", 1), &Limits::default());
            }
            let mut found: Vec<_> = retained.matching(&filter, Timestamp::EPOCH).iter().map(|m| m.topic.to_string()).collect();
            found.sort();
            let expected: Vec<_> = topics.iter().filter(|topic| topic::matches(&filter, topic)).cloned().collect();
            prop_assert_eq!(found, expected);
        }
    }
}
