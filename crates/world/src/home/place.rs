//! Where the home stands, what time it is there and where the sun is.

use model::Timestamp;
use serde::{Deserialize, Serialize};

const DAY_SECONDS: f64 = 86_400.0;
const YEAR_DAYS: f64 = 365.2425;

/// Where a home stands on Earth, and by which clock its people live.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north.
    pub latitude_degrees: f64,
    /// Degrees east.
    pub longitude_degrees: f64,
    /// Minutes that the clock on the wall is ahead of UTC. The home keeps this all year.
    pub utc_offset_minutes: i32,
}

impl Place {
    /// A place in a temperate climate whose wall clock is so many minutes ahead of UTC, in the middle of its zone.
    pub fn in_zone(utc_offset_minutes: i32) -> Self {
        let longitude_degrees = f64::from(utc_offset_minutes) / 4.0;
        Self { latitude_degrees: 41.0, longitude_degrees, utc_offset_minutes }
    }
}

/// A moment as the people of a place see it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The moment itself.
    pub time: Timestamp,
    /// Local days since 1970-01-01.
    pub day: i64,
    /// Seconds since local midnight.
    pub second: f64,
    /// 0 on New Year, 1 a year later.
    pub year_part: f64,
    /// How high the sun stands, in degrees; negative at night.
    pub sun_elevation_degrees: f64,
    /// The cosine of the angle between the sun and a surface that leans 35 degrees to the south; 0 behind it.
    pub sun_on_south_roof: f64,
    /// The same for vertical windows to the east, south and west.
    pub sun_on_windows: [f64; 3],
}

/// The day of the week; 0 is Monday.
pub fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

impl Moment {
    /// The moment `time` at `place`.
    pub fn new(time: Timestamp, place: &Place) -> Self {
        let local = time.seconds() + f64::from(place.utc_offset_minutes) * 60.0;
        let day = libm::floor(local / DAY_SECONDS);
        let year_part = (local / DAY_SECONDS / YEAR_DAYS).rem_euclid(1.0);
        let declination = -(23.44_f64.to_radians()) * libm::cos(std::f64::consts::TAU * (year_part + 10.0 / YEAR_DAYS));
        let solar_seconds = (time.seconds() + place.longitude_degrees * 240.0).rem_euclid(DAY_SECONDS);
        let hour_angle = (solar_seconds / DAY_SECONDS - 0.5) * std::f64::consts::TAU;
        let latitude = place.latitude_degrees.to_radians();
        let (sin_latitude, cos_latitude) = (libm::sin(latitude), libm::cos(latitude));
        let (sin_declination, cos_declination) = (libm::sin(declination), libm::cos(declination));
        // The direction of the sun: up, south and west.
        let up = sin_latitude * sin_declination + cos_latitude * cos_declination * libm::cos(hour_angle);
        let south = sin_latitude * cos_declination * libm::cos(hour_angle) - cos_latitude * sin_declination;
        let west = cos_declination * libm::sin(hour_angle);
        let lean = 35.0_f64.to_radians();
        let shines = |cosine: f64| if up > 0.0 { cosine.max(0.0) } else { 0.0 };
        Self {
            time,
            day: day as i64,
            second: local - day * DAY_SECONDS,
            year_part,
            sun_elevation_degrees: libm::asin(up.clamp(-1.0, 1.0)).to_degrees(),
            sun_on_south_roof: shines(up * libm::cos(lean) + south * libm::sin(lean)),
            sun_on_windows: [shines(-west), shines(south), shines(west)],
        }
    }

    /// Hours since local midnight.
    pub fn hour(&self) -> f64 {
        self.second / 3_600.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_stands_where_it_should() {
        let place = Place::in_zone(60);
        let at = |text: &str| Moment::new(Timestamp::parse(text).unwrap(), &place);
        let noon = at("2026-06-21T11:00:00Z");
        assert!((noon.sun_elevation_degrees - 72.4).abs() < 0.5, "{noon:?}");
        assert!((at("2026-12-21T11:00:00Z").sun_elevation_degrees - 25.6).abs() < 0.5);
        assert!(at("2026-06-21T23:00:00Z").sun_elevation_degrees < -20.0);
        let morning = at("2026-06-21T06:00:00Z");
        assert!(morning.sun_on_windows[0] > 0.7 && morning.sun_on_windows[2] == 0.0, "{morning:?}");
        assert_eq!((noon.hour(), weekday(noon.day)), (12.0, 6), "a Sunday");
    }
}
