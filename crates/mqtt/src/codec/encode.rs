//! From packets to bytes.

use super::packet::{Ack, Connect, ConnectAck, Disconnect, Packet, Subscribe, SubscribeAck, Unsubscribe};
use super::property::{Properties, PropertyId};
use super::{ReasonCode, Version};

/// A variable byte integer and its length. Values beyond four bytes cannot occur in a packet that has a length.
pub(super) fn variable(mut value: u32) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let mut length = 0;
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        let more = value != 0 && length < 3;
        bytes[length] = if more { low | 0x80 } else { low };
        length += 1;
        if !more {
            return (bytes, length);
        }
    }
}

/// How many bytes a variable byte integer takes.
pub fn variable_length_bytes(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

fn put_variable(out: &mut Vec<u8>, value: usize) {
    let (bytes, length) = variable(value as u32);
    out.extend_from_slice(&bytes[..length]);
}

fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn put_properties(out: &mut Vec<u8>, properties: Properties<'_>) {
    put_variable(out, properties.raw().len());
    out.extend_from_slice(properties.raw());
}

/// A PUBLISH on its way out, with the properties that the server sets apart from those that it forwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) duplicate: bool,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) topic: &'a str,
    pub(crate) packet_id: u16,
    pub(crate) alias: Option<u16>,
    pub(crate) expiry_seconds: Option<u32>,
    pub(crate) subscription_ids: &'a [u32],
    pub(crate) forwarded: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Outgoing<'_> {
    fn properties_bytes(&self) -> usize {
        let ids: usize = self.subscription_ids.iter().map(|id| 1 + variable_length_bytes(*id as usize)).sum();
        let alias = if self.alias.is_some() { 3 } else { 0 };
        let expiry = if self.expiry_seconds.is_some() { 5 } else { 0 };
        ids + alias + expiry + self.forwarded.len()
    }

    fn remaining(&self, version: Version) -> usize {
        let properties = if version == Version::V5 {
            let bytes = self.properties_bytes();
            bytes + variable_length_bytes(bytes)
        } else {
            0
        };
        2 + self.topic.len() + if self.qos > 0 { 2 } else { 0 } + properties + self.payload.len()
    }

    /// Bytes of the whole packet.
    pub(crate) fn bytes(&self, version: Version) -> usize {
        let remaining = self.remaining(version);
        1 + variable_length_bytes(remaining) + remaining
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let remaining = self.remaining(version);
        out.reserve(remaining + 5);
        out.push(0x30 | u8::from(self.duplicate) << 3 | self.qos << 1 | u8::from(self.retain));
        put_variable(out, remaining);
        put_binary(out, self.topic.as_bytes());
        if self.qos > 0 {
            out.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        if version == Version::V5 {
            put_variable(out, self.properties_bytes());
            if let Some(alias) = self.alias {
                out.push(PropertyId::TopicAlias as u8);
                out.extend_from_slice(&alias.to_be_bytes());
            }
            if let Some(expiry) = self.expiry_seconds {
                out.push(PropertyId::MessageExpiry as u8);
                out.extend_from_slice(&expiry.to_be_bytes());
            }
            for id in self.subscription_ids {
                out.push(PropertyId::SubscriptionId as u8);
                put_variable(out, *id as usize);
            }
            out.extend_from_slice(self.forwarded);
        }
        out.extend_from_slice(self.payload);
    }
}

/// PUBACK (4), PUBREC (5), PUBREL (6) or PUBCOMP (7) without properties.
pub(crate) fn acknowledge(kind: u8, packet_id: u16, reason: ReasonCode, version: Version, out: &mut Vec<u8>) {
    let first = kind << 4 | if kind == 6 { 0b0010 } else { 0 };
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V5 && reason != ReasonCode::Success {
        out.extend_from_slice(&[first, 3, high, low, reason as u8]);
    } else {
        out.extend_from_slice(&[first, 2, high, low]);
    }
}

/// Appends a packet to `out`. The version is that of the connection; a CONNECT brings its own.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    match packet {
        Packet::Connect(packet) => connect(packet, out),
        Packet::ConnectAck(packet) => connect_ack(packet, version, out),
        Packet::Publish(packet) => Outgoing {
            duplicate: packet.duplicate,
            qos: packet.qos,
            retain: packet.retain,
            topic: packet.topic,
            packet_id: packet.packet_id,
            alias: None,
            expiry_seconds: None,
            subscription_ids: &[],
            forwarded: packet.properties.raw(),
            payload: packet.payload,
        }
        .encode(version, out),
        Packet::PublishAck(packet) => ack(4, packet, version, out),
        Packet::PublishReceived(packet) => ack(5, packet, version, out),
        Packet::PublishRelease(packet) => ack(6, packet, version, out),
        Packet::PublishComplete(packet) => ack(7, packet, version, out),
        Packet::Subscribe(Subscribe { packet_id, properties, body }) => {
            with_packet_id(0x82, *packet_id, *properties, body, version, out);
        }
        Packet::Unsubscribe(Unsubscribe { packet_id, properties, body }) => {
            with_packet_id(0xA2, *packet_id, *properties, body, version, out);
        }
        Packet::SubscribeAck(SubscribeAck { packet_id, properties, codes }) => {
            with_packet_id(0x90, *packet_id, *properties, codes, version, out);
        }
        Packet::UnsubscribeAck(SubscribeAck { packet_id, properties, codes }) => {
            with_packet_id(0xB0, *packet_id, *properties, codes, version, out);
        }
        Packet::PingRequest => out.extend_from_slice(&[0xC0, 0]),
        Packet::PingResponse => out.extend_from_slice(&[0xD0, 0]),
        Packet::Disconnect(packet) => disconnect(0xE0, packet, version, out),
        Packet::Auth(packet) => disconnect(0xF0, packet, version, out),
    }
}

fn framed(first: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    put_variable(out, body.len());
    out.extend_from_slice(body);
}

fn connect(packet: &Connect<'_>, out: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(128);
    put_binary(&mut body, if packet.version == Version::V31 { b"MQIsdp" } else { b"MQTT" });
    body.push(packet.version as u8);
    let will = packet.will.map_or(0, |will| 0b100 | will.qos << 3 | u8::from(will.retain) << 5);
    let clean = u8::from(packet.clean_start) << 1;
    let password = u8::from(packet.password.is_some()) << 6;
    body.push(clean | will | password | u8::from(packet.username.is_some()) << 7);
    body.extend_from_slice(&packet.keep_alive_seconds.to_be_bytes());
    if packet.version == Version::V5 {
        put_properties(&mut body, packet.properties);
    }
    put_binary(&mut body, packet.client_id.as_bytes());
    if let Some(will) = packet.will {
        if packet.version == Version::V5 {
            put_properties(&mut body, will.properties);
        }
        put_binary(&mut body, will.topic.as_bytes());
        put_binary(&mut body, will.payload);
    }
    if let Some(username) = packet.username {
        put_binary(&mut body, username.as_bytes());
    }
    if let Some(password) = packet.password {
        put_binary(&mut body, password);
    }
    framed(0x10, &body, out);
}

fn connect_ack(packet: &ConnectAck<'_>, version: Version, out: &mut Vec<u8>) {
    let mut body = vec![u8::from(packet.session_present), packet.code];
    if version == Version::V5 {
        put_properties(&mut body, packet.properties);
    }
    framed(0x20, &body, out);
}

fn ack(kind: u8, packet: &Ack<'_>, version: Version, out: &mut Vec<u8>) {
    if version != Version::V5 || packet.properties.raw().is_empty() {
        return acknowledge(kind, packet.packet_id, packet.reason, version, out);
    }
    let mut body = packet.packet_id.to_be_bytes().to_vec();
    body.push(packet.reason as u8);
    put_properties(&mut body, packet.properties);
    framed(kind << 4 | if kind == 6 { 0b0010 } else { 0 }, &body, out);
}

fn with_packet_id(
    first: u8,
    packet_id: u16,
    properties: Properties<'_>,
    rest: &[u8],
    version: Version,
    out: &mut Vec<u8>,
) {
    let mut body = Vec::with_capacity(8 + properties.raw().len() + rest.len());
    body.extend_from_slice(&packet_id.to_be_bytes());
    if version == Version::V5 {
        put_properties(&mut body, properties);
    }
    body.extend_from_slice(rest);
    framed(first, &body, out);
}

fn disconnect(first: u8, packet: &Disconnect<'_>, version: Version, out: &mut Vec<u8>) {
    if version != Version::V5 || (packet.code == 0 && packet.properties.raw().is_empty()) {
        return framed(first, &[], out);
    }
    let mut body = vec![packet.code];
    if !packet.properties.raw().is_empty() {
        put_properties(&mut body, packet.properties);
    }
    framed(first, &body, out);
}
