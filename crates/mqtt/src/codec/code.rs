//! Versions and reason codes.

use std::fmt;

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Version {
    /// MQTT 3.1.
    V31 = 3,
    /// MQTT 3.1.1.
    V311 = 4,
    /// MQTT 5.
    V5 = 5,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// The reason codes of MQTT 5 that the broker says or hears.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl ReasonCode {
            /// The reason of a code on the wire.
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// All well; also "granted QoS 0" and "normal disconnection".
    Success = 0x00,
    /// Granted QoS 1.
    GrantedQos1 = 0x01,
    /// Granted QoS 2.
    GrantedQos2 = 0x02,
    /// The client leaves and wants its will published.
    DisconnectWithWill = 0x04,
    /// Accepted, but nobody subscribed to it.
    NoMatchingSubscribers = 0x10,
    /// There was no such subscription.
    NoSubscriptionExisted = 0x11,
    /// Unspecified error.
    Unspecified = 0x80,
    /// The packet does not follow the format.
    MalformedPacket = 0x81,
    /// The packet is well formed but not allowed here.
    ProtocolError = 0x82,
    /// Not accepted for a reason of our own.
    ImplementationSpecific = 0x83,
    /// We do not speak that version.
    UnsupportedProtocolVersion = 0x84,
    /// The client id is not acceptable.
    ClientIdentifierNotValid = 0x85,
    /// User name or password is wrong.
    BadUserNameOrPassword = 0x86,
    /// The client may not do that.
    NotAuthorized = 0x87,
    /// The server is not available.
    ServerUnavailable = 0x88,
    /// The server is busy; try again later.
    ServerBusy = 0x89,
    /// The client is banned.
    Banned = 0x8A,
    /// The server is shutting down.
    ServerShuttingDown = 0x8B,
    /// The authentication method is not supported.
    BadAuthenticationMethod = 0x8C,
    /// Nothing was heard for longer than the keepalive.
    KeepAliveTimeout = 0x8D,
    /// Another connection uses the same client id.
    SessionTakenOver = 0x8E,
    /// The topic filter is not accepted.
    TopicFilterInvalid = 0x8F,
    /// The topic name is not accepted.
    TopicNameInvalid = 0x90,
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91,
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92,
    /// More unacknowledged messages than agreed.
    ReceiveMaximumExceeded = 0x93,
    /// The topic alias is not valid.
    TopicAliasInvalid = 0x94,
    /// The packet is larger than agreed.
    PacketTooLarge = 0x95,
    /// Messages come too fast.
    MessageRateTooHigh = 0x96,
    /// A limit was reached.
    QuotaExceeded = 0x97,
    /// An administrator ended it.
    AdministrativeAction = 0x98,
    /// The payload does not have the format it claims.
    PayloadFormatInvalid = 0x99,
    /// Retained messages are not supported.
    RetainNotSupported = 0x9A,
    /// The quality of service is not supported.
    QosNotSupported = 0x9B,
    /// Use another server for now.
    UseAnotherServer = 0x9C,
    /// The server moved for good.
    ServerMoved = 0x9D,
    /// Shared subscriptions are not supported.
    SharedSubscriptionsNotSupported = 0x9E,
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9F,
    /// Connected for as long as allowed.
    MaximumConnectTime = 0xA0,
    /// Subscription identifiers are not supported.
    SubscriptionIdentifiersNotSupported = 0xA1,
    /// Wildcard subscriptions are not supported.
    WildcardSubscriptionsNotSupported = 0xA2,
}

impl ReasonCode {
    /// Whether it says that something failed.
    pub fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// The return code of a 3.1.1 CONNACK that says the same.
    pub(crate) fn connect_return_code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::UnsupportedProtocolVersion => 1,
            Self::ClientIdentifierNotValid => 2,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorized | Self::Banned | Self::BadAuthenticationMethod => 5,
            _ => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_wire() {
        for code in 0..=u8::MAX {
            assert!(ReasonCode::from_code(code).is_none_or(|reason| reason as u8 == code));
        }
        assert_eq!(ReasonCode::from_code(0x8E), Some(ReasonCode::SessionTakenOver));
    }
}
