//! The way out: how the site says something over MQTT.

use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Position};

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is retained. An empty payload clears what was retained.
    pub retain: bool,
    /// Who or what led to it.
    pub cause: Cause,
}

/// A message that is retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedMessage {
    /// Where.
    pub topic: Arc<str>,
    /// What.
    pub payload: Bytes,
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{topic} was not published: {problem}")]
pub struct NotPublished {
    /// Where it should have gone.
    pub topic: String,
    /// What went wrong.
    pub problem: String,
}

/// Publishes messages of ours: appends them to the log and hands them to their subscribers. Implemented over the
/// broker by whoever assembles the program.
pub trait Publish: Send + Sync {
    /// Publishes without waiting for the disk. Returns the position of the message's entry.
    fn publish(&self, message: Outgoing) -> Result<Position, NotPublished>;

    /// The messages that are retained on topics that match a filter. A way out that retains nothing has none.
    fn retained(&self, filter: &str) -> Vec<RetainedMessage> {
        let _ = filter;
        Vec::new()
    }

    /// The oldest entry of the log that is still to be delivered to somebody.
    fn needed_from(&self) -> Position;
}
