//! A small MQTT 3.1.1 client without IO: bytes in, bytes out. One per virtual thing.

use std::collections::VecDeque;

use mqtt::codec::{self, Ack, Connect, Packet, Properties, Publish, Subscribe, Will};
use mqtt::{ReasonCode, Version};

use crate::native::Message;

/// The most QoS 1 messages that are unacknowledged; more wait.
pub const IN_FLIGHT_MAX: usize = 32;
/// The most messages of one thing that wait for the link. Beyond, the oldest measurement (QoS 0) is dropped, or the
/// oldest message when there is none, and counted.
pub const WAITING_MAX: usize = 1_024;
/// Encoded bytes that wait for the link to take them; beyond, messages wait unencoded.
const OUT_BYTES_MAX: usize = 64 * 1_024;
/// The largest packet accepted.
const PACKET_BYTES_MAX: u32 = 1_024 * 1_024;
/// A thing that says nothing for so long is lost.
pub(crate) const KEEP_ALIVE_SECONDS: u16 = 1_800;

/// What a client learns from the link.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The session is open and the subscriptions are granted.
    Up,
    /// A message came.
    Message {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
    /// The link is of no more use.
    Lost,
}

/// The protocol state of one client over all its connections. What was not acknowledged is said again.
#[derive(Debug, Default)]
pub struct Client {
    up: bool,
    next_packet_id: u16,
    in_flight: VecDeque<(u16, Message)>,
    waiting: VecDeque<Message>,
    incoming: Vec<u8>,
    /// Bytes for the link.
    pub(crate) outgoing: Vec<u8>,
    /// Messages that were dropped because too many waited.
    pub(crate) dropped: u64,
}

impl Client {
    /// Whether the session is open.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Whether everything was said and acknowledged.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty() && self.outgoing.is_empty()
    }

    /// Begins a session on a new link: CONNECT with the will if there is one, then SUBSCRIBE.
    pub fn open(&mut self, client_id: &str, will: Option<&Message>, filters: &[String]) {
        self.close();
        self.put(&Packet::Connect(Connect {
            version: Version::V311,
            clean_start: true,
            keep_alive_seconds: KEEP_ALIVE_SECONDS,
            client_id,
            will: will.map(|will| Will {
                qos: will.qos,
                retain: will.retain,
                topic: &will.topic,
                payload: &will.payload,
                properties: Properties::default(),
            }),
            username: None,
            password: None,
            properties: Properties::default(),
        }));
        let mut body = Vec::new();
        for filter in filters {
            body.extend_from_slice(&(filter.len() as u16).to_be_bytes());
            body.extend_from_slice(filter.as_bytes());
            body.push(1);
        }
        let packet_id = self.packet_id();
        self.put(&Packet::Subscribe(Subscribe { packet_id, properties: Properties::default(), body: &body }));
    }

    /// The link is gone: what it still owed goes to the front of what waits.
    pub(crate) fn close(&mut self) {
        self.up = false;
        self.incoming.clear();
        self.outgoing.clear();
        for (_, message) in self.in_flight.drain(..).rev() {
            self.waiting.push_front(message);
        }
    }

    /// Says something as soon as there is room for it, in order.
    pub fn publish(&mut self, message: Message) {
        if self.waiting.len() >= WAITING_MAX {
            let measurement = self.waiting.iter().position(|waiting| waiting.qos == 0);
            self.waiting.remove(measurement.unwrap_or(0));
            self.dropped += 1;
        }
        self.waiting.push_back(message);
        self.pump();
    }

    /// Keeps the session alive.
    pub fn ping(&mut self) {
        self.put(&Packet::PingRequest);
    }

    /// Ends the session in good order: the will is not published.
    pub(crate) fn say_goodbye(&mut self) {
        self.put(&Packet::Disconnect(codec::Disconnect { code: 0, properties: Properties::default() }));
    }

    /// Encodes what waits while there is room.
    pub(crate) fn pump(&mut self) {
        while self.up && self.outgoing.len() < OUT_BYTES_MAX && self.in_flight.len() < IN_FLIGHT_MAX {
            let Some(message) = self.waiting.pop_front() else { break };
            let packet_id = if message.qos == 0 { 0 } else { self.packet_id() };
            self.put(&Packet::Publish(Publish {
                duplicate: false,
                qos: message.qos,
                retain: message.retain,
                topic: &message.topic,
                packet_id,
                properties: Properties::default(),
                payload: &message.payload,
            }));
            if message.qos > 0 {
                self.in_flight.push_back((packet_id, message));
            }
        }
    }

    /// Takes bytes of the link.
    pub(crate) fn receive(&mut self, bytes: &[u8], heard: &mut VecDeque<Heard>) {
        let mut incoming = std::mem::take(&mut self.incoming);
        incoming.extend_from_slice(bytes);
        let mut used = 0;
        loop {
            match codec::frame(&incoming[used..], PACKET_BYTES_MAX) {
                Ok(Some(frame)) => {
                    used += frame.length;
                    match codec::decode(frame, Version::V311) {
                        Ok(packet) => self.take(&packet, heard),
                        Err(_) => return heard.push_back(Heard::Lost),
                    }
                }
                Ok(None) => break,
                Err(_) => return heard.push_back(Heard::Lost),
            }
        }
        incoming.drain(..used);
        self.incoming = incoming;
        self.pump();
    }

    fn take(&mut self, packet: &Packet<'_>, heard: &mut VecDeque<Heard>) {
        match packet {
            Packet::ConnectAck(answer) if answer.code == 0 => {}
            Packet::SubscribeAck(answer) if answer.codes.iter().all(|code| *code <= 2) => {
                self.up = true;
                heard.push_back(Heard::Up);
            }
            Packet::Publish(message) => {
                if message.qos > 0 {
                    let properties = Properties::default();
                    let ack = Ack { packet_id: message.packet_id, reason: ReasonCode::Success, properties };
                    self.put(&Packet::PublishAck(ack));
                }
                let (topic, payload) = (message.topic.to_owned(), message.payload.to_vec());
                heard.push_back(Heard::Message { topic, payload });
            }
            Packet::PublishAck(ack) => self.in_flight.retain(|(packet_id, _)| *packet_id != ack.packet_id),
            Packet::PingResponse => {}
            // A refusal, or something that a server does not say: nothing good will follow.
            _ => heard.push_back(Heard::Lost),
        }
    }

    fn put(&mut self, packet: &Packet<'_>) {
        codec::encode(packet, Version::V311, &mut self.outgoing);
    }

    fn packet_id(&mut self) -> u16 {
        loop {
            self.next_packet_id = self.next_packet_id.checked_add(1).unwrap_or(1);
            if !self.in_flight.iter().any(|(taken, _)| *taken == self.next_packet_id) {
                return self.next_packet_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, qos: u8) -> Message {
        Message { topic: "t".to_owned(), payload: text.into(), qos, retain: false }
    }

    /// What the client said since it was last asked, as (payload, packet id).
    fn said(client: &mut Client) -> Vec<(String, u16)> {
        let bytes = std::mem::take(&mut client.outgoing);
        let (mut used, mut all) = (0, Vec::new());
        while let Some(frame) = codec::frame(&bytes[used..], PACKET_BYTES_MAX).unwrap() {
            used += frame.length;
            if let Packet::Publish(publish) = codec::decode(frame, Version::V311).unwrap() {
                all.push((String::from_utf8(publish.payload.to_vec()).unwrap(), publish.packet_id));
            }
        }
        all
    }

    fn opened() -> Client {
        let mut client = Client::default();
        client.open("lamp", Some(&message("gone", 1)), &["a".to_owned()]);
        let mut heard = VecDeque::new();
        client.receive(&[0x20, 2, 0, 0, 0x90, 3, 0], &mut heard);
        assert!(heard.is_empty(), "half a packet says nothing");
        client.receive(&[1, 1], &mut heard);
        assert_eq!(heard, [Heard::Up]);
        client.outgoing.clear();
        client
    }

    #[test]
    fn what_was_not_acknowledged_is_said_again_in_order() {
        let mut client = opened();
        for (text, qos) in [("one", 1), ("two", 0), ("three", 1)] {
            client.publish(message(text, qos));
        }
        let first = said(&mut client);
        assert_eq!(first.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        let [high, low] = first[0].1.to_be_bytes();
        client.receive(&[0x40, 2, high, low], &mut VecDeque::new());
        client.close();
        client.publish(message("four", 0));
        assert!(said(&mut client).is_empty());
        client.up = true;
        client.pump();
        assert_eq!(said(&mut client).iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["three", "four"]);
    }

    #[test]
    fn queues_are_bounded_and_measurements_go_first() {
        let mut client = Client::default();
        client.publish(message("event", 1));
        for index in 0..WAITING_MAX + 9 {
            client.publish(message(&index.to_string(), 0));
        }
        assert_eq!((client.waiting.len(), client.dropped), (WAITING_MAX, 10));
        assert_eq!(client.waiting[0].payload, b"event");
        client.up = true;
        client.waiting.iter_mut().for_each(|waiting| waiting.qos = 1);
        client.pump();
        assert_eq!(client.in_flight.len(), IN_FLIGHT_MAX);
    }

    #[test]
    fn a_refusal_or_nonsense_ends_the_link() {
        for bytes in [&[0x20, 2, 0, 5][..], &[0x00, 0], &[0x90, 3, 0, 1, 0x80], &[0x30, 0xFF, 0xFF, 0xFF, 0xFF]] {
            let mut heard = VecDeque::new();
            Client::default().receive(bytes, &mut heard);
            assert_eq!(heard, [Heard::Lost], "{bytes:?}");
        }
    }
}
