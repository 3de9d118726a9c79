//! The properties of MQTT 5: checked once when a packet is decoded, kept as the bytes they are.

use smallvec::SmallVec;

use super::read::Reader;
use super::{DecodeError, encode};

macro_rules! properties {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal $kind:ident),+ $(,)?) => {
        /// The name of a property.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PropertyId {
            $($(#[doc = $doc])+ $name = $id,)+
        }

        impl PropertyId {
            fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($id => Some(Self::$name),)+
                    _ => None,
                }
            }

            fn read<'a>(self, reader: &mut Reader<'a>) -> Result<PropertyValue<'a>, DecodeError> {
                match self {
                    $(Self::$name => properties!(@read reader $kind),)+
                }
            }

            /// This property alone, as a set.
            pub(super) const fn bit(self) -> u64 {
                1 << self as u8
            }
        }
    };
    (@read $reader:ident Byte) => { $reader.byte().map(PropertyValue::Byte) };
    (@read $reader:ident Two) => { $reader.two().map(PropertyValue::Two) };
    (@read $reader:ident Four) => { $reader.four().map(PropertyValue::Four) };
    (@read $reader:ident Variable) => { $reader.variable().map(PropertyValue::Variable) };
    (@read $reader:ident Text) => { $reader.text().map(PropertyValue::Text) };
    (@read $reader:ident Binary) => { $reader.binary().map(PropertyValue::Binary) };
    (@read $reader:ident Pair) => { Ok(PropertyValue::Pair($reader.text()?, $reader.text()?)) };
}

properties! {
    /// Whether the payload is text.
    PayloadFormat = 0x01 Byte,
    /// Seconds after which the message is not delivered any more.
    MessageExpiry = 0x02 Four,
    /// The MIME type of the payload.
    ContentType = 0x03 Text,
    /// Where the answer goes.
    ResponseTopic = 0x08 Text,
    /// What links answer and request.
    CorrelationData = 0x09 Binary,
    /// The number of a subscription.
    SubscriptionId = 0x0B Variable,
    /// Seconds that the session outlives the connection.
    SessionExpiry = 0x11 Four,
    /// The client id that the server chose.
    AssignedClientId = 0x12 Text,
    /// The keepalive that the server chose.
    ServerKeepAlive = 0x13 Two,
    /// How enhanced authentication is done.
    AuthenticationMethod = 0x15 Text,
    /// Data of enhanced authentication.
    AuthenticationData = 0x16 Binary,
    /// Whether reason strings are wanted.
    RequestProblemInformation = 0x17 Byte,
    /// Seconds that the will waits.
    WillDelay = 0x18 Four,
    /// Whether response information is wanted.
    RequestResponseInformation = 0x19 Byte,
    /// The base of response topics.
    ResponseInformation = 0x1A Text,
    /// Another server.
    ServerReference = 0x1C Text,
    /// A reason for people.
    ReasonString = 0x1F Text,
    /// How many QoS 1 and 2 messages may be unacknowledged.
    ReceiveMaximum = 0x21 Two,
    /// How many topic aliases may be used.
    TopicAliasMaximum = 0x22 Two,
    /// The number that stands for the topic.
    TopicAlias = 0x23 Two,
    /// The highest quality of service.
    MaximumQos = 0x24 Byte,
    /// Whether messages are retained.
    RetainAvailable = 0x25 Byte,
    /// A name and a value of the application.
    UserProperty = 0x26 Pair,
    /// The largest packet accepted.
    MaximumPacketSize = 0x27 Four,
    /// Whether wildcards are allowed.
    WildcardSubscriptionAvailable = 0x28 Byte,
    /// Whether subscription identifiers are allowed.
    SubscriptionIdAvailable = 0x29 Byte,
    /// Whether shared subscriptions are allowed.
    SharedSubscriptionAvailable = 0x2A Byte,
}

/// The value of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyValue<'a> {
    /// One byte.
    Byte(u8),
    /// Two bytes.
    Two(u16),
    /// Four bytes.
    Four(u32),
    /// A variable byte integer.
    Variable(u32),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// Two texts.
    Pair(&'a str, &'a str),
}

/// One property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property<'a> {
    /// Its name.
    pub id: PropertyId,
    /// Its value.
    pub value: PropertyValue<'a>,
}

/// The properties of one packet, as they stand on the wire (without their length).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Properties<'a> {
    raw: &'a [u8],
}

impl<'a> Properties<'a> {
    /// The bytes on the wire.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// All of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Property<'a>> {
        let mut reader = Reader::new(self.raw);
        std::iter::from_fn(move || read_one(&mut reader).ok()).map(|(_, property)| property)
    }

    /// All of them with their bytes on the wire.
    pub(crate) fn iter_raw(self) -> impl Iterator<Item = (&'a [u8], Property<'a>)> {
        let mut reader = Reader::new(self.raw);
        std::iter::from_fn(move || read_one(&mut reader).ok())
    }

    fn find(self, id: PropertyId) -> Option<PropertyValue<'a>> {
        if self.raw.is_empty() {
            return None;
        }
        self.iter().find(|property| property.id == id).map(|property| property.value)
    }

    /// A property that is a number.
    pub fn number(self, id: PropertyId) -> Option<u32> {
        match self.find(id)? {
            PropertyValue::Byte(value) => Some(value.into()),
            PropertyValue::Two(value) => Some(value.into()),
            PropertyValue::Four(value) | PropertyValue::Variable(value) => Some(value),
            PropertyValue::Text(_) | PropertyValue::Binary(_) | PropertyValue::Pair(..) => None,
        }
    }

    /// A property that is text.
    pub fn text(self, id: PropertyId) -> Option<&'a str> {
        match self.find(id)? {
            PropertyValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads length and properties; only those of `allowed` may occur, and only those of `repeatable` twice.
    pub(super) fn read(reader: &mut Reader<'a>, allowed: u64, repeatable: u64) -> Result<Self, DecodeError> {
        let length = reader.variable()?;
        let raw = reader.take(length as usize)?;
        let mut inner = Reader::new(raw);
        let mut seen = 0;
        while !inner.is_empty() {
            let (_, property) = read_one(&mut inner)?;
            let bit = property.id.bit();
            if allowed & bit == 0 {
                return Err(DecodeError::Protocol("a property that this packet does not have"));
            }
            if seen & bit & !repeatable != 0 {
                return Err(DecodeError::Protocol("a property twice"));
            }
            seen |= bit;
            check(property)?;
        }
        Ok(Self { raw })
    }
}

fn read_one<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Property<'a>), DecodeError> {
    let before = reader.rest();
    let id = PropertyId::from_code(reader.byte()?).ok_or(DecodeError::Malformed("an unknown property"))?;
    let value = id.read(reader)?;
    let raw = &before[..before.len() - reader.rest().len()];
    Ok((raw, Property { id, value }))
}

/// Values that no packet may carry.
fn check(property: Property<'_>) -> Result<(), DecodeError> {
    match (property.id, property.value) {
        (
            PropertyId::PayloadFormat
            | PropertyId::RequestProblemInformation
            | PropertyId::RequestResponseInformation
            | PropertyId::MaximumQos
            | PropertyId::RetainAvailable
            | PropertyId::WildcardSubscriptionAvailable
            | PropertyId::SubscriptionIdAvailable
            | PropertyId::SharedSubscriptionAvailable,
            PropertyValue::Byte(2..),
        ) => Err(DecodeError::Protocol("a property that is neither 0 nor 1")),
        (PropertyId::ReceiveMaximum, PropertyValue::Two(0))
        | (PropertyId::MaximumPacketSize, PropertyValue::Four(0))
        | (PropertyId::SubscriptionId, PropertyValue::Variable(0)) => {
            Err(DecodeError::Protocol("a property that must not be 0"))
        }
        _ => Ok(()),
    }
}

/// Properties in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: SmallVec<[u8; 64]>,
}

impl PropertyBuffer {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. The value must have the type of the property.
    pub fn put(&mut self, id: PropertyId, value: PropertyValue<'_>) -> &mut Self {
        self.bytes.push(id as u8);
        match value {
            PropertyValue::Byte(value) => self.bytes.push(value),
            PropertyValue::Two(value) => self.bytes.extend_from_slice(&value.to_be_bytes()),
            PropertyValue::Four(value) => self.bytes.extend_from_slice(&value.to_be_bytes()),
            PropertyValue::Variable(value) => {
                let (bytes, length) = encode::variable(value);
                self.bytes.extend_from_slice(&bytes[..length]);
            }
            PropertyValue::Text(text) => self.put_binary(text.as_bytes()),
            PropertyValue::Binary(bytes) => self.put_binary(bytes),
            PropertyValue::Pair(name, value) => {
                self.put_binary(name.as_bytes());
                self.put_binary(value.as_bytes());
            }
        }
        self
    }

    fn put_binary(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
        self.bytes.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// As they stand in a packet.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { raw: &self.bytes }
    }
}
