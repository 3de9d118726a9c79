//! How sessions, messages in flight and retained messages stand in the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use model::{Cause, Position, Timestamp};
use serde::{Deserialize, Serialize};
use store::state::{Change, Table};

use crate::message::Message;
use crate::session::{Options, Phase, Received, Session, SessionState, Subscription, Way, Will};
use crate::share::{Group, GroupState};

/// The `Setting` row with the broker's checkpoint.
pub(crate) const CHECKPOINT: &str = "mqtt/checkpoint";

/// Everything below `position` is accounted for in the rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointRow {
    pub(crate) position: Position,
}

/// A persistent session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) owner: String,
    pub(crate) expiry_seconds: u32,
    /// None while it was connected.
    pub(crate) offline_since: Option<Timestamp>,
    pub(crate) subscriptions: Vec<SubscriptionRow>,
    pub(crate) will: Option<WillRow>,
}

/// One subscription of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SubscriptionRow {
    filter: String,
    options: u8,
    id: u32,
    since: Position,
}

/// Its will.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WillRow {
    delay_seconds: u32,
    cause: Cause,
    message: Vec<u8>,
    topic: String,
}

/// The part of a session that changes with its messages.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FlightsRow {
    pub(crate) next: Position,
    pub(crate) exactly_next: Position,
    pub(crate) in_flight: Vec<FlightRow>,
    pub(crate) received: Vec<u16>,
    pub(crate) received_through: Position,
}

/// One message in flight. Its content is on the log (or retained).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FlightRow {
    pub(crate) packet_id: u16,
    pub(crate) position: Position,
    /// PUBREC came.
    pub(crate) released: bool,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) subscription_ids: Vec<u32>,
    /// Set for a message that came because it was retained.
    pub(crate) retained_topic: Option<String>,
}

/// How far a group is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    pub(crate) next: Position,
    pub(crate) exactly_next: Position,
}

impl SessionRow {
    pub(crate) fn of(session: &Session, state: &SessionState) -> Self {
        let subscriptions = state.subscriptions.iter().map(|subscription| SubscriptionRow {
            filter: subscription.filter.to_string(),
            options: subscription.options.0,
            id: subscription.id,
            since: subscription.since,
        });
        let will = state.will.as_ref().map(|will| WillRow {
            delay_seconds: will.delay_seconds,
            cause: will.cause.clone(),
            message: encode_message(&will.message),
            topic: will.message.topic.to_string(),
        });
        Self {
            owner: session.owner.to_string(),
            expiry_seconds: state.expiry_seconds,
            offline_since: state.offline_since,
            subscriptions: subscriptions.collect(),
            will,
        }
    }

    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        let rows = self.subscriptions.iter().map(|row| Subscription {
            filter: Arc::from(row.filter.as_str()),
            options: Options(row.options),
            id: row.id,
            since: row.since,
        });
        rows.collect()
    }

    pub(crate) fn will(&self) -> Option<Box<Will>> {
        let row = self.will.as_ref()?;
        let message = decode_message(&row.topic, &row.message)?;
        Some(Box::new(Will { message, delay_seconds: row.delay_seconds, cause: row.cause.clone() }))
    }

    pub(crate) fn put(&self, client_id: &str) -> Change {
        Change::put(Table::Session, client_id, None, self)
    }
}

impl FlightsRow {
    /// What is to be written; `routed_next` is where a live session's cursor stands.
    pub(crate) fn of(state: &SessionState, routed_next: Position) -> Self {
        let outbound = &state.outbound;
        let mut exactly_next = outbound.exactly_next;
        let mut in_flight = Vec::with_capacity(outbound.in_flight.len());
        for flight in &outbound.in_flight {
            let delivery = flight.delivery.as_ref();
            if delivery.is_some_and(|delivery| delivery.qos == 2 && delivery.way == Way::Stream) {
                exactly_next = exactly_next.max(flight.position.next());
            }
            // What is neither on the log nor retained cannot be found again.
            let findable = flight.position != Position::START || delivery.is_none();
            if !findable {
                continue;
            }
            let topic = delivery.filter(|delivery| delivery.way == Way::Retained).map(|d| d.message.topic.to_string());
            in_flight.push(FlightRow {
                packet_id: flight.packet_id,
                position: flight.position,
                released: matches!(flight.phase, Phase::Received | Phase::Releasing | Phase::Released),
                qos: delivery.map_or(2, |delivery| delivery.qos),
                retain: delivery.is_some_and(|delivery| delivery.retain),
                subscription_ids: delivery.map(|delivery| delivery.subscription_ids.to_vec()).unwrap_or_default(),
                retained_topic: topic,
            });
        }
        let kept = state.received.iter().filter(|(_, received)| **received == Received::Kept);
        Self {
            next: outbound.cursor(routed_next),
            exactly_next,
            in_flight,
            received: kept.map(|(packet_id, _)| *packet_id).collect(),
            received_through: state.received_through,
        }
    }

    pub(crate) fn received(&self) -> BTreeMap<u16, Received> {
        self.received.iter().map(|packet_id| (*packet_id, Received::Kept)).collect()
    }

    pub(crate) fn put(&self, client_id: &str) -> Change {
        Change::put(Table::InFlight, flights_id(client_id), Some(client_id.to_owned()), self)
    }
}

/// The in-flight row of a session.
pub(crate) fn flights_id(client_id: &str) -> String {
    format!("session/{client_id}")
}

/// The in-flight row of a group.
pub(crate) fn group_id(name: &str, filter: &str) -> String {
    format!("group/{name}/{filter}")
}

impl GroupRow {
    pub(crate) fn put(group: &Group, state: &GroupState) -> Change {
        let row = Self { next: state.saved_next, exactly_next: state.exactly_next };
        Change::put(Table::InFlight, group_id(&group.name, &group.filter), Some("$share".to_owned()), &row)
    }
}

/// A retained message or will: everything but its topic.
pub(crate) fn encode_message(message: &Message) -> Vec<u8> {
    let packed = message.pack(0);
    let mut bytes = Vec::with_capacity(32 + message.client.len() + packed.len() + message.payload.len());
    bytes.put_u64(message.position.0);
    bytes.put_i64(message.received.0);
    bytes.put_u8(message.qos | u8::from(message.retain) << 2);
    bytes.put_u32(message.client.len() as u32);
    bytes.put_slice(message.client.as_bytes());
    bytes.put_u32(packed.len() as u32);
    bytes.put_slice(&packed);
    bytes.put_slice(&message.payload);
    bytes
}

/// Reads [`encode_message`]; `None` when it is something else.
pub(crate) fn decode_message(topic: &str, bytes: &[u8]) -> Option<Message> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    if bytes.len() < 21 {
        return None;
    }
    let position = Position(bytes.get_u64());
    let received = Timestamp(bytes.get_i64());
    let flags = bytes.get_u8();
    let take = |bytes: &mut Bytes| {
        let length = bytes.try_get_u32().ok()? as usize;
        (length <= bytes.len()).then(|| bytes.split_to(length))
    };
    let client = take(&mut bytes)?;
    let properties = take(&mut bytes)?;
    let client = std::str::from_utf8(&client).ok()?;
    let entry = model::Entry {
        position,
        received,
        topic: Arc::from(topic),
        payload: bytes,
        qos: flags & 0b11,
        retain: flags & 0b100 != 0,
        client: Arc::from(client),
        cause: Cause::device(client),
        properties,
    };
    Some(Message::from_entry(&entry).0)
}

/// Decodes bytes as everything binary that the state holds; for the fuzz targets.
pub fn decode_any_row(bytes: &[u8]) {
    drop(decode_message("a/b", bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retained_message_survives_its_row() {
        let message = Message {
            position: Position(3),
            topic: Arc::from("a/b"),
            payload: Bytes::from_static(b"on"),
            qos: 1,
            retain: true,
            received: Timestamp(5),
            expiry_seconds: Some(9),
            properties: Bytes::from_static(&[1, 1]),
            client: Arc::from("lamp"),
        };
        let bytes = encode_message(&message);
        let read = decode_message("a/b", &bytes).unwrap();
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
        for cut in 0..31 {
            assert!(decode_message("a/b", &bytes[..cut]).is_none(), "{cut}");
        }
    }
}
