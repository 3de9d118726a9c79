//! Topics: `interface/majorVersion/manufacturer/serialNumber/kind`.

use std::fmt;

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
