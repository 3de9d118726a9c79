//! The packets as borrowed views.

use super::property::Properties;
use super::read::Reader;
use super::{DecodeError, ReasonCode, Version};

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// CONNACK.
    ConnectAck(ConnectAck<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK.
    PublishAck(Ack<'a>),
    /// PUBREC.
    PublishReceived(Ack<'a>),
    /// PUBREL.
    PublishRelease(Ack<'a>),
    /// PUBCOMP.
    PublishComplete(Ack<'a>),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// SUBACK.
    SubscribeAck(SubscribeAck<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK.
    UnsubscribeAck(SubscribeAck<'a>),
    /// PINGREQ.
    PingRequest,
    /// PINGRESP.
    PingResponse,
    /// DISCONNECT.
    Disconnect(Disconnect<'a>),
    /// AUTH.
    Auth(Disconnect<'a>),
}

/// CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version asked for.
    pub version: Version,
    /// Clean session (3.x) or clean start (5).
    pub clean_start: bool,
    /// Keepalive in seconds; 0 is none.
    pub keep_alive_seconds: u16,
    /// The client id; empty asks for one.
    pub client_id: &'a str,
    /// The will.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub username: Option<&'a str>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// Properties.
    pub properties: Properties<'a>,
}

/// The will of a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Where.
    pub topic: &'a str,
    /// What.
    pub payload: &'a [u8],
    /// Properties.
    pub properties: Properties<'a>,
}

/// CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectAck<'a> {
    /// Whether the server kept a session.
    pub session_present: bool,
    /// Return code (3.x) or reason code (5).
    pub code: u8,
    /// Properties.
    pub properties: Properties<'a>,
}

/// PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Sent again.
    pub duplicate: bool,
    /// 0, 1 or 2.
    pub qos: u8,
    /// To be retained, or sent because it was.
    pub retain: bool,
    /// Where; empty with a topic alias.
    pub topic: &'a str,
    /// 0 for QoS 0.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// What.
    pub payload: &'a [u8],
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Which message.
    pub packet_id: u16,
    /// How it went; success in 3.x.
    pub reason: ReasonCode,
    /// Properties.
    pub properties: Properties<'a>,
}

/// DISCONNECT and AUTH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// The reason code as it stands on the wire (AUTH has codes of its own).
    pub code: u8,
    /// Properties.
    pub properties: Properties<'a>,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Its id.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// Filters with options as on the wire; checked when decoded.
    pub body: &'a [u8],
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Its id.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// Filters as on the wire; checked when decoded.
    pub body: &'a [u8],
}

/// SUBACK and UNSUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeAck<'a> {
    /// Which request.
    pub packet_id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// One code for each filter.
    pub codes: &'a [u8],
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The filter.
    pub filter: &'a str,
    /// The options as on the wire.
    pub options: u8,
}

impl<'a> Subscribe<'a> {
    /// The filters.
    pub fn filters(&self) -> impl Iterator<Item = Filter<'a>> + use<'a> {
        let mut reader = Reader::new(self.body);
        std::iter::from_fn(move || Filter::read(&mut reader).ok())
    }

    pub(super) fn check(&self, version: Version) -> Result<(), DecodeError> {
        let mut reader = Reader::new(self.body);
        if reader.is_empty() {
            return Err(DecodeError::Protocol("a SUBSCRIBE without filters"));
        }
        let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
        while !reader.is_empty() {
            let Filter { options, .. } = Filter::read(&mut reader)?;
            if options & reserved != 0 || options & 0b11 == 0b11 {
                return Err(DecodeError::Malformed("reserved subscription options"));
            }
            if options & 0b11_0000 == 0b11_0000 {
                return Err(DecodeError::Protocol("retain handling 3"));
            }
        }
        Ok(())
    }
}

impl<'a> Filter<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { filter: reader.text()?, options: reader.byte()? })
    }
}

impl<'a> Unsubscribe<'a> {
    /// The filters.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new(self.body);
        std::iter::from_fn(move || reader.text().ok())
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let mut reader = Reader::new(self.body);
        if reader.is_empty() {
            return Err(DecodeError::Protocol("an UNSUBSCRIBE without filters"));
        }
        while !reader.is_empty() {
            reader.text()?;
        }
        Ok(())
    }
}
