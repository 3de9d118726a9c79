//! Topics: `interface/majorVersion/manufacturer/serialNumber/kind`.

use std::fmt;

use model::access::{TopicGrant, TopicRules};
use serde::{Deserialize, Serialize};

use super::wire::Version;

/// What a message is about, by the last level of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// To the robot: where to go.
    Order,
    /// To the robot: what to do at once.
    InstantActions,
    /// From the robot: everything about it.
    State,
    /// From the robot: where it is.
    Visualization,
    /// From the robot or its broker: whether it is there.
    Connection,
    /// From the robot: what it can do.
    Factsheet,
    /// To the robot: zones.
    ZoneSet,
    /// To the robot: answers to its requests.
    Responses,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Order,
        Self::InstantActions,
        Self::State,
        Self::Visualization,
        Self::Connection,
        Self::Factsheet,
        Self::ZoneSet,
        Self::Responses,
    ];

    /// The last level of the topic.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::InstantActions => "instantActions",
            Self::State => "state",
            Self::Visualization => "visualization",
            Self::Connection => "connection",
            Self::Factsheet => "factsheet",
            Self::ZoneSet => "zoneSet",
            Self::Responses => "responses",
        }
    }

    /// Whether robots say it; the others are said to them.
    pub fn is_from_robot(self) -> bool {
        matches!(self, Self::State | Self::Visualization | Self::Connection | Self::Factsheet)
    }

    /// The quality of service that the standard asks for.
    pub fn qos(self) -> u8 {
        u8::from(self == Self::Connection)
    }

    /// Whether the standard wants it retained.
    pub fn is_retained(self) -> bool {
        self == Self::Connection
    }
}

/// A topic of the standard, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic<'a> {
    /// The interface's name; it may have several levels.
    pub interface: &'a str,
    /// `v2`, `v3`.
    pub major: &'a str,
    /// Who made the robot.
    pub manufacturer: &'a str,
    /// Which robot.
    pub serial_number: &'a str,
    /// What the message is about.
    pub kind: Kind,
}

impl<'a> Topic<'a> {
    /// Takes a topic apart; `None` when it is not one of the standard.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let mut levels = topic.rsplitn(5, '/');
        let last = levels.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == last)?;
        let (serial_number, manufacturer, major) = (levels.next()?, levels.next()?, levels.next()?);
        let interface = levels.next()?;
        let is_version = major
            .strip_prefix('v')
            .is_some_and(|digits| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_version || serial_number.is_empty() || manufacturer.is_empty() || interface.starts_with('$') {
            return None;
        }
        Some(Self { interface, major, manufacturer, serial_number, kind })
    }

    /// The robot that it is of.
    pub fn address(&self) -> Address {
        Address {
            interface: self.interface.to_owned(),
            major: self.major.to_owned(),
            manufacturer: self.manufacturer.to_owned(),
            serial_number: self.serial_number.to_owned(),
        }
    }
}

/// Where a robot is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The interface's name.
    pub interface: String,
    /// `v2`, `v3`.
    pub major: String,
    /// Who made the robot.
    pub manufacturer: String,
    /// Which robot.
    pub serial_number: String,
}

impl Address {
    /// The address of a robot of this version.
    pub fn new(interface: &str, version: Version, manufacturer: &str, serial_number: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            major: version.major().to_owned(),
            manufacturer: manufacturer.to_owned(),
            serial_number: serial_number.to_owned(),
        }
    }

    /// Reads `interface/v2/manufacturer/serialNumber`; `None` when it is no address of one robot.
    pub fn parse(text: &str) -> Option<Self> {
        let topic = format!("{text}/{}", Kind::State.as_str());
        let address = Topic::parse(&topic)?.address();
        (!text.contains(['+', '#'])).then_some(address)
    }

    /// What the robot's own credential opens: it speaks for itself, and hears what is said to it.
    pub fn rules(&self) -> TopicRules {
        let grant = |kind: Kind| TopicGrant {
            filter: self.topic(kind),
            publish: kind.is_from_robot(),
            subscribe: !kind.is_from_robot(),
        };
        TopicRules { grants: Kind::ALL.into_iter().map(grant).collect(), ..TopicRules::default() }
    }

    /// The topic of a kind of message.
    pub fn topic(&self, kind: Kind) -> String {
        format!("{self}/{}", kind.as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.interface, self.major, self.manufacturer, self.serial_number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::ThingId;
    use model::access::{Principal, Resource, Right, decide};

    use super::*;

    #[test]
    fn a_robot_speaks_only_for_itself_and_hears_only_what_is_said_to_it() {
        let address = Address::parse("site/hall/v2/KIT/0001").unwrap();
        assert_eq!((address.interface.as_str(), address.serial_number.as_str()), ("site/hall", "0001"));
        let id = ThingId::new("KIT-0001").unwrap();
        let robot = Principal::Thing { id, rules: Arc::new(address.rules()) };
        let publish = |topic: &str| decide(&robot, Right::Publish, Resource::Topic(topic)).is_allowed();
        let subscribe = |filter: &str| decide(&robot, Right::Subscribe, Resource::Filter(filter)).is_allowed();
        for kind in Kind::ALL {
            let (own, other) = (address.topic(kind), format!("site/hall/v2/KIT/0002/{}", kind.as_str()));
            assert_eq!((publish(&own), subscribe(&own)), (kind.is_from_robot(), !kind.is_from_robot()), "{own}");
            assert!(!publish(&other) && !subscribe(&other), "{other}");
        }
        assert!(!subscribe("site/hall/v2/KIT/+/order") && !subscribe("site/hall/v2/KIT/0001/#"));
        assert_eq!(
            ["uagv/v2/KIT/+", "uagv/v2/#/1", "v2/KIT/1", "uagv/2/KIT/1"].map(Address::parse),
            [const { None }; 4]
        );
    }
}
