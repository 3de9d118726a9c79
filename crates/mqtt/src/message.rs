//! A message on its way through the broker, and how it stands on the log.

use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Entry, Position, Timestamp};
use smallvec::SmallVec;

use crate::codec::{Properties, PropertyId};

/// One application message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its place on the log; [`Position::START`] for topics that are not logged.
    pub(crate) position: Position,
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// When it was received; its expiry counts from here.
    pub(crate) received: Timestamp,
    pub(crate) expiry_seconds: Option<u32>,
    /// MQTT 5 properties to forward, as on the wire.
    pub(crate) properties: Bytes,
    /// The client that published it, for "no local".
    pub(crate) client: Arc<str>,
}

impl Message {
    /// Whether the message is on the log.
    pub(crate) fn is_logged(&self) -> bool {
        self.position != Position::START
    }

    /// Bytes that it takes in memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.len() + size_of::<Self>()
    }

    /// Whole seconds left before it expires: `None` when it never does, `Some(0)` when it is over.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> Option<u32> {
        let expiry = self.expiry_seconds?;
        let waited = u32::try_from(now.since(self.received).as_secs()).unwrap_or(u32::MAX);
        Some(expiry.saturating_sub(waited))
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.seconds_left(now) == Some(0)
    }

    /// The entry to append; `packet_id` of a QoS 2 message lets a restart tell a repetition from news.
    pub(crate) fn to_entry(&self, cause: Cause, packet_id: u16) -> Entry {
        Entry {
            position: Position::START,
            received: self.received,
            topic: Arc::clone(&self.topic),
            payload: self.payload.clone(),
            qos: self.qos,
            retain: self.retain,
            client: Arc::clone(&self.client),
            cause,
            properties: self.pack(packet_id),
        }
    }

    /// What [`Message::from_entry`] reads back, with the packet id.
    pub(crate) fn pack(&self, packet_id: u16) -> Bytes {
        if self.expiry_seconds.is_none() && packet_id == 0 && self.properties.is_empty() {
            return Bytes::new();
        }
        let mut packed: SmallVec<[u8; 64]> = SmallVec::new();
        packed
            .push((u8::from(self.expiry_seconds.is_some()) * HAS_EXPIRY) | (u8::from(packet_id != 0) * HAS_PACKET_ID));
        if let Some(expiry) = self.expiry_seconds {
            packed.extend_from_slice(&expiry.to_be_bytes());
        }
        if packet_id != 0 {
            packed.extend_from_slice(&packet_id.to_be_bytes());
        }
        packed.extend_from_slice(&self.properties);
        Bytes::copy_from_slice(&packed)
    }

    /// The message of an entry, and the packet id that it was published with if that matters.
    pub(crate) fn from_entry(entry: &Entry) -> (Self, u16) {
        let packed = Packed::read(&entry.properties);
        let message = Self {
            position: entry.position,
            topic: Arc::clone(&entry.topic),
            payload: entry.payload.clone(),
            qos: entry.qos,
            retain: entry.retain,
            received: entry.received,
            expiry_seconds: packed.expiry_seconds,
            properties: packed.properties,
            client: Arc::clone(&entry.client),
        };
        (message, packed.packet_id)
    }
}

const HAS_EXPIRY: u8 = 1;
const HAS_PACKET_ID: u8 = 2;

/// The properties of an entry, read leniently: what others wrote there is forwarded by nobody.
#[derive(Default)]
struct Packed {
    expiry_seconds: Option<u32>,
    packet_id: u16,
    properties: Bytes,
}

impl Packed {
    fn read(packed: &Bytes) -> Self {
        let Some((&flags, mut rest)) = packed.split_first() else { return Self::default() };
        if flags > HAS_EXPIRY | HAS_PACKET_ID {
            return Self::default();
        }
        let mut read = Self::default();
        if flags & HAS_EXPIRY != 0 {
            let Some((expiry, after)) = rest.split_first_chunk() else { return Self::default() };
            read.expiry_seconds = Some(u32::from_be_bytes(*expiry));
            rest = after;
        }
        if flags & HAS_PACKET_ID != 0 {
            let Some((id, after)) = rest.split_first_chunk() else { return Self::default() };
            read.packet_id = u16::from_be_bytes(*id);
            rest = after;
        }
        read.properties = packed.slice(packed.len() - rest.len()..);
        read
    }
}

/// Splits the properties of a PUBLISH or will into those that are forwarded as they are, and the expiry.
pub(crate) fn forwarded(properties: Properties<'_>) -> (Bytes, Option<u32>) {
    if properties.raw().is_empty() {
        return (Bytes::new(), None);
    }
    let mut kept: SmallVec<[u8; 128]> = SmallVec::new();
    for (raw, property) in properties.iter_raw() {
        if matches!(
            property.id,
            PropertyId::PayloadFormat
                | PropertyId::ContentType
                | PropertyId::ResponseTopic
                | PropertyId::CorrelationData
                | PropertyId::UserProperty
        ) {
            kept.extend_from_slice(raw);
        }
    }
    (Bytes::copy_from_slice(&kept), properties.number(PropertyId::MessageExpiry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            position: Position(7),
            topic: Arc::from("a/b"),
            payload: Bytes::from_static(b"x"),
            qos: 2,
            retain: true,
            received: Timestamp::from_seconds(100),
            expiry_seconds: Some(10),
            properties: Bytes::from_static(&[1, 1]),
            client: Arc::from("c"),
        }
    }

    #[test]
    fn a_message_survives_the_log() {
        let message = message();
        let mut entry = message.to_entry(Cause::device("c"), 513);
        entry.position = Position(7);
        let (read, packet_id) = Message::from_entry(&entry);
        assert_eq!(packet_id, 513);
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
    }

    #[test]
    fn foreign_properties_are_ignored() {
        let mut entry = message().to_entry(Cause::device("c"), 1);
        for foreign in [&b"{\"a\":1}"[..], &[3, 0], &[1]] {
            entry.properties = Bytes::copy_from_slice(foreign);
            let (read, packet_id) = Message::from_entry(&entry);
            assert_eq!((read.expiry_seconds, packet_id, read.properties.len()), (None, 0, 0));
        }
    }

    #[test]
    fn expiry_counts_from_the_reception() {
        let message = message();
        assert_eq!(message.seconds_left(Timestamp::from_seconds(104)), Some(6));
        assert!(!message.is_expired(Timestamp::from_seconds(109)) && message.is_expired(Timestamp::from_seconds(110)));
    }
}
