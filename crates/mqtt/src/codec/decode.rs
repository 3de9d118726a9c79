//! From bytes to packets.

use super::packet::{
    Ack, Connect, ConnectAck, Disconnect, Packet, Publish, Subscribe, SubscribeAck, Unsubscribe, Will,
};
use super::property::{Properties, PropertyId as Id};
use super::read::{Reader, variable};
use super::{ReasonCode, Version};

/// Why bytes are not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They do not follow the format.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// They follow the format but say what must not be said.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The packet is larger than accepted.
    #[error("a packet of {0} bytes is too large")]
    TooLarge(usize),
    /// The CONNECT asks for a version that we do not speak.
    #[error("protocol version {0} is not supported")]
    Version(u8),
}

impl DecodeError {
    /// The reason code that tells the other side.
    pub fn reason(self) -> ReasonCode {
        match self {
            Self::Malformed(_) => ReasonCode::MalformedPacket,
            Self::Protocol(_) => ReasonCode::ProtocolError,
            Self::TooLarge(_) => ReasonCode::PacketTooLarge,
            Self::Version(_) => ReasonCode::UnsupportedProtocolVersion,
        }
    }
}

/// One whole packet, not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Packet type and flags.
    pub first: u8,
    /// What follows the remaining length.
    pub body: &'a [u8],
    /// Bytes of the whole packet.
    pub length: usize,
}

/// The packet at the front of `bytes`; `None` while it is not complete. Packets of more than `limit` bytes and
/// impossible first bytes are refused as soon as they show.
pub fn frame(bytes: &[u8], limit: u32) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    check_flags(first)?;
    let Some((remaining, header)) = variable(rest)? else { return Ok(None) };
    let length = 1 + header + remaining as usize;
    if length > limit as usize {
        return Err(DecodeError::TooLarge(length));
    }
    Ok(bytes.get(1 + header..length).map(|body| Frame { first, body, length }))
}

fn check_flags(first: u8) -> Result<(), DecodeError> {
    let flags = first & 0x0F;
    let right = match first >> 4 {
        0 => return Err(DecodeError::Malformed("packet type 0")),
        3 => flags & 0b0110 != 0b0110,
        6 | 8 | 10 => flags == 0b0010,
        _ => flags == 0,
    };
    if right { Ok(()) } else { Err(DecodeError::Malformed("reserved flags of the first byte")) }
}

/// Decodes a frame. The version is that of the connection; a CONNECT brings its own.
pub fn decode(frame: Frame<'_>, version: Version) -> Result<Packet<'_>, DecodeError> {
    let mut reader = Reader::new(frame.body);
    let packet = match frame.first >> 4 {
        1 => Packet::Connect(connect(&mut reader)?),
        2 => Packet::ConnectAck(connect_ack(&mut reader, version)?),
        3 => return publish(frame.first, reader, version).map(Packet::Publish),
        4 => Packet::PublishAck(ack(&mut reader, version)?),
        5 => Packet::PublishReceived(ack(&mut reader, version)?),
        6 => Packet::PublishRelease(ack(&mut reader, version)?),
        7 => Packet::PublishComplete(ack(&mut reader, version)?),
        8 => {
            let packet_id = reader.packet_id()?;
            let properties = properties(&mut reader, version, Id::SubscriptionId.bit() | USER)?;
            let packet = Subscribe { packet_id, properties, body: reader.rest() };
            packet.check(version)?;
            return Ok(Packet::Subscribe(packet));
        }
        9 => return subscribe_ack(reader, version, true).map(Packet::SubscribeAck),
        10 => {
            let packet_id = reader.packet_id()?;
            let properties = properties(&mut reader, version, USER)?;
            let packet = Unsubscribe { packet_id, properties, body: reader.rest() };
            packet.check()?;
            return Ok(Packet::Unsubscribe(packet));
        }
        11 => return subscribe_ack(reader, version, version == Version::V5).map(Packet::UnsubscribeAck),
        12 => Packet::PingRequest,
        13 => Packet::PingResponse,
        14 => Packet::Disconnect(disconnect(&mut reader, version, DISCONNECT)?),
        _ if version == Version::V5 => Packet::Auth(disconnect(&mut reader, version, AUTH)?),
        _ => return Err(DecodeError::Malformed("packet type 15")),
    };
    if reader.is_empty() { Ok(packet) } else { Err(DecodeError::Malformed("the packet is longer than its content")) }
}

const USER: u64 = Id::UserProperty.bit();
const REASON: u64 = Id::ReasonString.bit() | USER;
const DISCONNECT: u64 = REASON | Id::SessionExpiry.bit() | Id::ServerReference.bit();
const AUTH: u64 = REASON | Id::AuthenticationMethod.bit() | Id::AuthenticationData.bit();
const MESSAGE: u64 = USER
    | Id::PayloadFormat.bit()
    | Id::MessageExpiry.bit()
    | Id::ContentType.bit()
    | Id::ResponseTopic.bit()
    | Id::CorrelationData.bit();
const PUBLISH: u64 = MESSAGE | Id::SubscriptionId.bit() | Id::TopicAlias.bit();
const WILL: u64 = MESSAGE | Id::WillDelay.bit();
const CONNECT: u64 = USER
    | Id::SessionExpiry.bit()
    | Id::ReceiveMaximum.bit()
    | Id::MaximumPacketSize.bit()
    | Id::TopicAliasMaximum.bit()
    | Id::RequestResponseInformation.bit()
    | Id::RequestProblemInformation.bit()
    | Id::AuthenticationMethod.bit()
    | Id::AuthenticationData.bit();
const CONNECT_ACK: u64 = REASON
    | Id::SessionExpiry.bit()
    | Id::ReceiveMaximum.bit()
    | Id::MaximumQos.bit()
    | Id::RetainAvailable.bit()
    | Id::MaximumPacketSize.bit()
    | Id::AssignedClientId.bit()
    | Id::TopicAliasMaximum.bit()
    | Id::WildcardSubscriptionAvailable.bit()
    | Id::SubscriptionIdAvailable.bit()
    | Id::SharedSubscriptionAvailable.bit()
    | Id::ServerKeepAlive.bit()
    | Id::ResponseInformation.bit()
    | Id::ServerReference.bit()
    | Id::AuthenticationMethod.bit()
    | Id::AuthenticationData.bit();

/// Properties where MQTT 5 has them.
fn properties<'a>(reader: &mut Reader<'a>, version: Version, allowed: u64) -> Result<Properties<'a>, DecodeError> {
    if version == Version::V5 { Properties::read(reader, allowed, USER) } else { Ok(Properties::default()) }
}

fn connect<'a>(reader: &mut Reader<'a>) -> Result<Connect<'a>, DecodeError> {
    let name = reader.binary()?;
    let level = reader.byte()?;
    let version = match (name, level) {
        (b"MQIsdp", 3) => Version::V31,
        (b"MQTT", 4) => Version::V311,
        (b"MQTT", 5) => Version::V5,
        (b"MQTT" | b"MQIsdp", other) => return Err(DecodeError::Version(other)),
        _ => return Err(DecodeError::Malformed("the protocol name is not MQTT")),
    };
    let flags = reader.byte()?;
    let has = |bit: u8| flags & bit != 0;
    let will_qos = flags >> 3 & 0b11;
    if has(1) {
        return Err(DecodeError::Malformed("the reserved flag of CONNECT"));
    }
    if will_qos == 3 || (!has(0b100) && (will_qos != 0 || has(0b10_0000))) {
        return Err(DecodeError::Malformed("the will flags of CONNECT"));
    }
    if version != Version::V5 && has(0b100_0000) && !has(0b1000_0000) {
        return Err(DecodeError::Malformed("a password without a user name"));
    }
    let keep_alive_seconds = reader.two()?;
    let properties = properties(reader, version, CONNECT)?;
    let client_id = reader.text()?;
    let will = if has(0b100) { Some(will(reader, version, will_qos, has(0b10_0000))?) } else { None };
    let username = if has(0b1000_0000) { Some(reader.text()?) } else { None };
    let password = if has(0b100_0000) { Some(reader.binary()?) } else { None };
    Ok(Connect { version, clean_start: has(0b10), keep_alive_seconds, client_id, will, username, password, properties })
}

fn will<'a>(reader: &mut Reader<'a>, version: Version, qos: u8, retain: bool) -> Result<Will<'a>, DecodeError> {
    let properties = properties(reader, version, WILL)?;
    Ok(Will { qos, retain, topic: reader.text()?, payload: reader.binary()?, properties })
}

fn connect_ack<'a>(reader: &mut Reader<'a>, version: Version) -> Result<ConnectAck<'a>, DecodeError> {
    let flags = reader.byte()?;
    if flags > 1 {
        return Err(DecodeError::Malformed("reserved flags of CONNACK"));
    }
    let code = reader.byte()?;
    let properties = if reader.is_empty() { Properties::default() } else { properties(reader, version, CONNECT_ACK)? };
    Ok(ConnectAck { session_present: flags == 1, code, properties })
}

fn publish(first: u8, mut reader: Reader<'_>, version: Version) -> Result<Publish<'_>, DecodeError> {
    let qos = first >> 1 & 0b11;
    let duplicate = first & 0b1000 != 0;
    if qos == 0 && duplicate {
        return Err(DecodeError::Malformed("a duplicate with QoS 0"));
    }
    let topic = reader.text()?;
    let packet_id = if qos == 0 { 0 } else { reader.packet_id()? };
    let properties = if version == Version::V5 {
        Properties::read(&mut reader, PUBLISH, USER | Id::SubscriptionId.bit())?
    } else {
        Properties::default()
    };
    Ok(Publish { duplicate, qos, retain: first & 1 != 0, topic, packet_id, properties, payload: reader.rest() })
}

fn ack<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Ack<'a>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let mut ack = Ack { packet_id, reason: ReasonCode::Success, properties: Properties::default() };
    if version == Version::V5 && !reader.is_empty() {
        ack.reason = ReasonCode::from_code(reader.byte()?).ok_or(DecodeError::Protocol("an unknown reason code"))?;
        if !reader.is_empty() {
            ack.properties = properties(reader, version, REASON)?;
        }
    }
    Ok(ack)
}

fn subscribe_ack(mut reader: Reader<'_>, version: Version, coded: bool) -> Result<SubscribeAck<'_>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = properties(&mut reader, version, REASON)?;
    let codes = reader.rest();
    if codes.is_empty() == coded {
        return Err(DecodeError::Malformed("the number of codes"));
    }
    Ok(SubscribeAck { packet_id, properties, codes })
}

fn disconnect<'a>(reader: &mut Reader<'a>, version: Version, allowed: u64) -> Result<Disconnect<'a>, DecodeError> {
    let mut packet = Disconnect { code: 0, properties: Properties::default() };
    if version == Version::V5 && !reader.is_empty() {
        packet.code = reader.byte()?;
        if !reader.is_empty() {
            packet.properties = properties(reader, version, allowed)?;
        }
    }
    Ok(packet)
}
