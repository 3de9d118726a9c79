//! Where things and spaces are on the earth: degrees of WGS 84, and shapes as GeoJSON (RFC 7946) has them.
//!
//! Shapes lie flat: nothing here crosses the antimeridian or contains a pole.

mod geometry;
mod measure;

use serde::{Deserialize, Serialize};

pub use geometry::{GEOMETRY_POINTS_MAX, Geometry, GeometryError};
pub use measure::{Bounds, EARTH_RADIUS_METRES};

/// How many units of a [`Coordinates`] make a degree: one unit is 11 mm on the ground.
const UNITS_PER_DEGREE: f64 = 1e7;

/// A point of the earth's surface, in degrees of WGS 84, kept to a ten-millionth of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Degrees", into = "Degrees")]
pub struct Coordinates {
    longitude: i32,
    latitude: i32,
}

/// A point of the earth's surface, in degrees of WGS 84, kept to a ten-millionth of a degree.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Degrees {
    /// Degrees east of Greenwich.
    longitude: f64,
    /// Degrees north of the equator.
    latitude: f64,
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Coordinates {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Degrees as utoipa::PartialSchema>::schema()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Coordinates {}

/// Why two numbers are no coordinates.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CoordinatesError {
    /// Not even a number.
    #[error("longitude and latitude are numbers")]
    NotFinite,
    /// The numbers fit the other way round.
    #[error(
        "latitude {latitude} is beyond 90 degrees\nhint: longitude comes first; {latitude}, {longitude} may be meant the other way round"
    )]
    Swapped {
        /// What stood first.
        longitude: f64,
        /// What stood second.
        latitude: f64,
    },
    /// Too large for degrees of any order.
    #[error(
        "{longitude}, {latitude} are no degrees: longitude goes to 180, latitude to 90\nhint: metres of a projection have to be converted to WGS 84 first"
    )]
    NotDegrees {
        /// What stood first.
        longitude: f64,
        /// What stood second.
        latitude: f64,
    },
}

impl Coordinates {
    /// The point of these degrees.
    pub fn new(longitude: f64, latitude: f64) -> Result<Self, CoordinatesError> {
        if !longitude.is_finite() || !latitude.is_finite() {
            return Err(CoordinatesError::NotFinite);
        }
        if longitude.abs() <= 180.0 && latitude.abs() <= 90.0 {
            let units = |degrees: f64| (degrees * UNITS_PER_DEGREE).round() as i32;
            return Ok(Self { longitude: units(longitude), latitude: units(latitude) });
        }
        Err(if longitude.abs() <= 90.0 && latitude.abs() <= 180.0 {
            CoordinatesError::Swapped { longitude, latitude }
        } else {
            CoordinatesError::NotDegrees { longitude, latitude }
        })
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude) / UNITS_PER_DEGREE
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude) / UNITS_PER_DEGREE
    }
}

impl TryFrom<Degrees> for Coordinates {
    type Error = CoordinatesError;

    fn try_from(degrees: Degrees) -> Result<Self, CoordinatesError> {
        Self::new(degrees.longitude, degrees.latitude)
    }
}

impl From<Coordinates> for Degrees {
    fn from(coordinates: Coordinates) -> Self {
        Self { longitude: coordinates.longitude(), latitude: coordinates.latitude() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_degrees_is_told_with_the_likely_reason() {
        let told = |longitude, latitude| Coordinates::new(longitude, latitude).unwrap_err().to_string();
        insta::assert_snapshot!(told(37.5, 127.0), @r"
        latitude 127 is beyond 90 degrees
        hint: longitude comes first; 127, 37.5 may be meant the other way round
        ");
        insta::assert_snapshot!(told(356_000.0, 5_645_000.0), @r"
        356000, 5645000 are no degrees: longitude goes to 180, latitude to 90
        hint: metres of a projection have to be converted to WGS 84 first
        ");
        assert_eq!(Coordinates::new(f64::NAN, 0.0), Err(CoordinatesError::NotFinite));
    }

    #[test]
    fn degrees_survive_being_written() {
        let seoul = Coordinates::new(126.978_021_3, 37.566_481_7).unwrap();
        let text = serde_json::to_string(&seoul).unwrap();
        assert_eq!(text, r#"{"longitude":126.9780213,"latitude":37.5664817}"#);
        assert_eq!(serde_json::from_str::<Coordinates>(&text).unwrap(), seoul);
    }
}
