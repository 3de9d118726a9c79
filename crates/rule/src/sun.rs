//! Where the sun stands, by the equations of NOAA's solar calculator, which follow Jean Meeus, Astronomical Algorithms
//! (<https://gml.noaa.gov/grad/solcalc/solareqns.PDF>, <https://gml.noaa.gov/grad/solcalc/calcdetails.html>). Good to
//! about a minute below 72 degrees of latitude.

use jiff::civil;
use model::Timestamp;

use crate::calendar::{Coordinates, Place};

/// The sun's centre stands so many degrees from the zenith when its edge is at the horizon, refraction included.
const ZENITH_AT_HORIZON: f64 = 90.833;
/// How many days ahead the sun is looked for: a polar night is shorter.
const DAYS_AHEAD_MAX: u32 = 400;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// What the sun does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SunEvent {
    /// Its upper edge appears.
    Sunrise,
    /// Its upper edge disappears.
    Sunset,
}

impl SunEvent {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sunrise => "sunrise",
            Self::Sunset => "sunset",
        }
    }
}

/// Where the sun stands in its own terms.
struct Solar {
    /// By how many minutes it is ahead of the clock.
    equation_of_time: f64,
    /// How many degrees north of the equator.
    declination: f64,
}

fn solar(moment: f64) -> Solar {
    let century = (moment / 86_400e6 + 2_440_587.5 - 2_451_545.0) / 36_525.0;
    let mean_longitude =
        (280.466_46 + century * (36_000.769_83 + century * 0.000_303_2)).rem_euclid(360.0).to_radians();
    let mean_anomaly = (357.529_11 + century * (35_999.050_29 - 0.000_153_7 * century)).to_radians();
    let eccentricity = 0.016_708_634 - century * (0.000_042_037 + 0.000_000_126_7 * century);
    let centre = libm::sin(mean_anomaly) * (1.914_602 - century * (0.004_817 + 0.000_014 * century))
        + libm::sin(2.0 * mean_anomaly) * (0.019_993 - 0.000_101 * century)
        + libm::sin(3.0 * mean_anomaly) * 0.000_289;
    let node = (125.04 - 1_934.136 * century).to_radians();
    let apparent = (mean_longitude.to_degrees() + centre - 0.005_69 - 0.004_78 * libm::sin(node)).to_radians();
    let mean_obliquity =
        23.0 + (26.0 + (21.448 - century * (46.815 + century * (0.000_59 - century * 0.001_813))) / 60.0) / 60.0;
    let obliquity = (mean_obliquity + 0.002_56 * libm::cos(node)).to_radians();
    let declination = libm::asin(libm::sin(obliquity) * libm::sin(apparent));
    let y = libm::tan(obliquity / 2.0) * libm::tan(obliquity / 2.0);
    let equation = y * libm::sin(2.0 * mean_longitude) - 2.0 * eccentricity * libm::sin(mean_anomaly)
        + 4.0 * eccentricity * y * libm::sin(mean_anomaly) * libm::cos(2.0 * mean_longitude)
        - 0.5 * y * y * libm::sin(4.0 * mean_longitude)
        - 1.25 * eccentricity * eccentricity * libm::sin(2.0 * mean_anomaly);
    Solar { equation_of_time: 4.0 * equation.to_degrees(), declination }
}

/// How many degrees the sun stands above the horizon, without refraction.
pub(crate) fn elevation(at: Coordinates, moment: Timestamp) -> f64 {
    let solar = solar(moment.micros() as f64);
    let minutes = moment.micros().rem_euclid(DAY_MICROS) as f64 / 60e6;
    let true_time = minutes + solar.equation_of_time + 4.0 * at.longitude;
    let hour_angle = (true_time / 4.0 - 180.0).to_radians();
    let latitude = at.latitude.to_radians();
    let sine = libm::sin(latitude) * libm::sin(solar.declination)
        + libm::cos(latitude) * libm::cos(solar.declination) * libm::cos(hour_angle);
    libm::asin(sine.clamp(-1.0, 1.0)).to_degrees()
}

/// By how many seconds an event may be found too early.
const SECONDS_OFF_MAX: i64 = 30;

/// Whether any of the sun stands above the horizon.
pub(crate) fn is_up(at: Coordinates, moment: Timestamp) -> bool {
    elevation(at, moment) > 90.0 - ZENITH_AT_HORIZON
}

/// The event of the solar day whose noon falls on this date at the meridian; `None` on polar days and nights.
fn event_near(at: Coordinates, date: civil::Date, event: SunEvent) -> Option<Timestamp> {
    let days = date.since(civil::date(1970, 1, 1)).ok()?.get_days();
    let midnight = i64::from(days) as f64 * DAY_MICROS as f64;
    let latitude = at.latitude.to_radians();
    let mut minutes = 720.0 - 4.0 * at.longitude;
    // Each round takes the sun's place of the time found in the one before.
    for _ in 0..3 {
        let solar = solar(midnight + minutes * 60e6);
        let cosine = libm::cos(ZENITH_AT_HORIZON.to_radians()) / (libm::cos(latitude) * libm::cos(solar.declination))
            - libm::tan(latitude) * libm::tan(solar.declination);
        if !(-1.0..=1.0).contains(&cosine) {
            return None;
        }
        let half_day = libm::acos(cosine).to_degrees();
        let hour_angle = if event == SunEvent::Sunrise { half_day } else { -half_day };
        minutes = 720.0 - 4.0 * (at.longitude + hour_angle) - solar.equation_of_time;
    }
    // The next whole second at which whoever asks finds the sun up, or down.
    let second = libm::ceil((midnight + minutes * 60e6) / 1e6) as i64;
    let is_so = |second: &i64| is_up(at, Timestamp::from_seconds(*second)) == (event == SunEvent::Sunrise);
    Some(Timestamp::from_seconds((second..second + SECONDS_OFF_MAX).find(is_so).unwrap_or(second)))
}

/// The event on a date of the site's calendar; `None` on polar days and nights and without coordinates.
pub(crate) fn event_on(place: &Place, date: civil::Date, event: SunEvent) -> Option<Timestamp> {
    let at = place.coordinates?;
    let near = [Some(date), date.yesterday().ok(), date.tomorrow().ok()];
    let found = near.into_iter().flatten().filter_map(|date| event_near(at, date, event));
    found.into_iter().find(|moment| place.local(*moment).date() == date)
}

/// The first moment after `after` that lies so many seconds after the event.
pub(crate) fn next_event(place: &Place, after: Timestamp, event: SunEvent, offset_seconds: i64) -> Option<Timestamp> {
    let at = place.coordinates?;
    let offset = offset_seconds.saturating_mul(1_000_000);
    let from = Timestamp(after.micros().saturating_sub(offset));
    let mut date = place.local(from).date();
    for _ in 0..2 {
        date = date.yesterday().unwrap_or(date);
    }
    for _ in 0..DAYS_AHEAD_MAX {
        let moment = event_near(at, date, event).map(|moment| Timestamp(moment.micros().saturating_add(offset)));
        if let Some(moment) = moment.filter(|moment| *moment > after) {
            return Some(moment);
        }
        date = date.tomorrow().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Place;

    /// By how many seconds at most the sun is off on a date, against the times given.
    fn off(zone: &str, at: (f64, f64), date: &str, times: [&str; 2]) -> f64 {
        let place = Place::new(zone, Some(at)).unwrap();
        let date: civil::Date = date.parse().unwrap();
        let off = [SunEvent::Sunrise, SunEvent::Sunset].iter().zip(times).map(|(event, time)| {
            let found = event_on(&place, date, *event).unwrap();
            let wanted = place.moment(crate::calendar::Date(date.to_datetime(time.parse().unwrap())));
            found.since(wanted).max(wanted.since(found)).as_secs_f64()
        });
        off.fold(0.0, f64::max)
    }

    #[test]
    fn the_sun_rises_and_sets_when_another_program_says() {
        // Worked out by PyEphem 4 (VSOP87): the sun's centre at 50 arc minutes below the horizon, no refraction.
        for (zone, at, date, times) in [
            ("Europe/Berlin", (52.52, 13.405), "2026-06-21", ["04:43:05", "21:33:16"]),
            ("Europe/Berlin", (52.52, 13.405), "2026-12-21", ["08:14:54", "15:53:56"]),
            ("Asia/Seoul", (37.5665, 126.978), "2026-03-20", ["06:36:22", "18:43:29"]),
            ("Pacific/Auckland", (-36.8485, 174.7633), "2026-12-21", ["05:58:00", "20:39:33"]),
            ("Europe/Oslo", (69.65, 18.96), "2026-04-10", ["05:06:55", "20:26:50"]),
            // Kiritimati counts its days fourteen hours ahead of Greenwich, and lies 157 degrees to the west of it.
            ("Pacific/Kiritimati", (1.87, -157.4), "2026-03-20", ["06:33:59", "18:40:25"]),
        ] {
            let off = off(zone, at, date, times);
            assert!(off < 20.0, "{zone} {date}: {off} s");
        }
    }

    #[test]
    fn the_sun_is_found_as_its_events_say() {
        for (zone, at) in [("Europe/Berlin", (52.52, 13.405)), ("Asia/Seoul", (37.57, 126.98)), ("UTC", (-33.9, 18.4))]
        {
            let place = Place::new(zone, Some(at)).unwrap();
            let mut moment = Timestamp::from_seconds(1_772_000_000);
            for _ in 0..400 {
                for (event, is_rise) in [(SunEvent::Sunrise, true), (SunEvent::Sunset, false)] {
                    let next = next_event(&place, moment, event, 0).unwrap();
                    assert_eq!(is_up(place.coordinates.unwrap(), next), is_rise, "{zone} {next}");
                }
                moment = moment + std::time::Duration::from_hours(24);
            }
        }
    }

    #[test]
    fn polar_days_and_nights_have_none() {
        let place = Place::new("Arctic/Longyearbyen", Some((78.22, 15.65))).unwrap();
        for date in [civil::date(2026, 6, 21), civil::date(2026, 12, 21)] {
            assert_eq!(event_on(&place, date, SunEvent::Sunrise), None);
            assert_eq!(event_on(&place, date, SunEvent::Sunset), None);
        }
        let midsummer = Timestamp::parse("2026-06-21T00:00:00Z").unwrap();
        assert!(is_up(place.coordinates.unwrap(), midsummer));
        let next = next_event(&place, midsummer, SunEvent::Sunset, 0).unwrap();
        assert_eq!(place.local(next).month(), 8, "the midnight sun ends in August");
        let night = Timestamp::parse("2026-12-21T12:00:00Z").unwrap();
        assert!(!is_up(place.coordinates.unwrap(), night));
        assert_eq!(place.local(next_event(&place, night, SunEvent::Sunrise, 0).unwrap()).month(), 2);
    }

    #[test]
    fn events_follow_each_other_day_by_day() {
        let place = Place::new("America/Los_Angeles", Some((34.05, -118.24))).unwrap();
        let mut at = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        for _ in 0..400 {
            let next = next_event(&place, at, SunEvent::Sunset, -1_800).unwrap();
            let hours = next.since(at).as_secs_f64() / 3_600.0;
            assert!(at.to_string().starts_with("2026-01-01") || (23.9..24.1).contains(&hours), "{hours} after {at}");
            at = next;
        }
        assert_eq!(next_event(&Place::utc(), at, SunEvent::Sunset, 0), None);
    }

    #[test]
    fn poles_and_far_years_do_no_harm() {
        for latitude in [-90.0, 90.0] {
            let place = Place::new("UTC", Some((latitude, 0.0))).unwrap();
            assert!(elevation(place.coordinates.unwrap(), Timestamp::MAX).is_finite());
            let _event = next_event(&place, Timestamp::EPOCH, SunEvent::Sunrise, i64::MIN);
            assert_eq!(event_on(&place, civil::date(2026, 6, 21), SunEvent::Sunrise), None);
        }
    }
}
