//! Where a site is and how it counts its days. A time that a day does not have (the clock jumps ahead) is taken as the
//! next moment there is; one that a day has twice (the clock is set back) as the first of the two.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// Where a site is, and in which time zone.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) zone: TimeZone,
    /// Degrees north and east; `None` when nobody said, and then there is no sun.
    pub coordinates: Option<Coordinates>,
}

/// Degrees on the globe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Degrees north of the equator, -90 to 90.
    pub latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude: f64,
}

/// Why a place is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlaceError {
    /// There is no such time zone.
    #[error("there is no time zone {name:?}{}", hint.as_ref().map(|hint| format!("\nhint: did you mean {hint}?")).unwrap_or_default())]
    Zone {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// The coordinates are not on the globe.
    #[error(
        "latitude {latitude} and longitude {longitude} are not on the globe\nhint: latitude is -90 to 90, longitude -180 to 180"
    )]
    Coordinates {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
}

impl Place {
    /// A place in an IANA time zone (`Europe/Berlin`), with coordinates in degrees when they are known.
    pub fn new(zone: &str, coordinates: Option<(f64, f64)>) -> Result<Self, PlaceError> {
        let zones = TimeZoneDatabase::bundled();
        let zone = zones.get(zone).map_err(|_| PlaceError::Zone { name: zone.to_owned(), hint: None })?;
        let coordinates = match coordinates {
            None => None,
            Some((latitude, longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                Some(Coordinates { latitude, longitude })
            }
            Some((latitude, longitude)) => return Err(PlaceError::Coordinates { latitude, longitude }),
        };
        Ok(Self { zone, coordinates })
    }

    /// A place that counts its days in UTC and has no sun.
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC, coordinates: None }
    }
}

/// A time of day, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// Seconds since midnight as the clock on the wall counts them.
    pub second: u32,
}

/// A date with a time of day, in the site's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub(crate) jiff::civil::DateTime);

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(pub(crate) u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0b0111_1111);
}
