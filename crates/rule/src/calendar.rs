//! Where a site is and how it counts its days.
//!
//! A time that a day does not have, because the clock jumps ahead, is taken as the next moment there is. One that a day
//! has twice, because the clock is set back, is taken as the first of the two, and so comes once. A day may have 23 or
//! 25 hours: intervals that divide a day are counted in hours that really pass since midnight, and begin anew at the
//! next one.

use jiff::ToSpan;
use jiff::civil::{self, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::hint::nearest;

/// How many days ahead a date is looked for: the 29th of February comes within eight years.
const DAYS_AHEAD_MAX: usize = 366 * 8 + 2;
/// The seconds of an ordinary day.
const DAY_SECONDS: u32 = 86_400;

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
    #[error("there is no time zone {name:?}\nhint: {hint}")]
    Zone {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        hint: String,
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
    /// A place in an IANA time zone (`Europe/Berlin`), with degrees north and east when they are known.
    pub fn new(zone: &str, coordinates: Option<(f64, f64)>) -> Result<Self, PlaceError> {
        let zones = TimeZoneDatabase::bundled();
        let zone = zones.get(zone).map_err(|_| {
            let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
            let near = nearest(zone, names.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "a time zone is named by its continent and city: Europe/Berlin, Asia/Seoul".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            PlaceError::Zone { name: zone.to_owned(), hint }
        })?;
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

    /// The name of its time zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// How many seconds the clock on the wall is ahead of UTC at a moment.
    pub fn utc_offset_seconds(&self, moment: Timestamp) -> i64 {
        let moment = jiff::Timestamp::from_microsecond(moment.micros());
        moment.map_or(0, |moment| i64::from(self.zone.to_offset(moment).seconds()))
    }

    /// The day that the calendar on the wall shows, counted from 1970, and the seconds since its midnight.
    pub fn day_and_second(&self, moment: Timestamp) -> (i64, i64) {
        let second = moment.micros().div_euclid(1_000_000) + self.utc_offset_seconds(moment);
        (second.div_euclid(86_400), second.rem_euclid(86_400))
    }

    /// What the clock on the wall and the calendar show. A moment outside of the calendar shows its nearest end.
    pub(crate) fn local(&self, moment: Timestamp) -> civil::DateTime {
        let nearest = if moment.micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let moment = jiff::Timestamp::from_microsecond(moment.micros()).unwrap_or(nearest);
        self.zone.to_datetime(moment)
    }

    /// When the sun rises and sets on a day, counted from 1970, in seconds since midnight on the clock on the wall.
    /// `None` when it does not, or when nobody said where the site is.
    pub fn sun_of_day(&self, day: i64) -> Option<(i64, i64)> {
        let date = civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(day).ok()?).ok()?;
        let at = |event| {
            let moment = crate::sun::event_on(self, date, event)?;
            Some(i64::from(seconds_of_day(self.local(moment))))
        };
        Some((at(crate::sun::SunEvent::Sunrise)?, at(crate::sun::SunEvent::Sunset)?))
    }

    /// The moment at which the clock on the wall shows this.
    pub fn moment(&self, date: Date) -> Timestamp {
        let ambiguous = self.zone.to_ambiguous_timestamp(date.0);
        let in_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let Ok(moment) = ambiguous.compatible() else { return Timestamp::MAX };
        if in_gap {
            // The gap's end is the last change of the zone up to then.
            let after = jiff::Timestamp::from_microsecond(moment.as_microsecond() + 1).unwrap_or(moment);
            let change = self.zone.preceding(after).next();
            return change.map_or(Timestamp(moment.as_microsecond()), |it| Timestamp(it.timestamp().as_microsecond()));
        }
        Timestamp(moment.as_microsecond())
    }

    /// The first moment after `after` that has one of these times of day, on these weekdays, months and days of the
    /// month (empty for all).
    pub(crate) fn next_time(&self, after: Timestamp, times: &[TimeOfDay], days: &Days<'_>) -> Option<Timestamp> {
        let mut date = self.local(after).date();
        for _ in 0..DAYS_AHEAD_MAX {
            if days.has(date) {
                let moments = times.iter().map(|time| self.moment(Date(date.to_datetime(time.civil()))));
                if let Some(moment) = moments.filter(|moment| *moment > after).min() {
                    return Some(moment);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The first moment after `after` of those that lie `interval` apart.
    pub(crate) fn next_interval(&self, after: Timestamp, interval: Duration) -> Timestamp {
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).max(1);
        let day = i64::from(DAY_SECONDS) * 1_000_000;
        if day % interval != 0 {
            return Timestamp(after.micros().div_euclid(interval).saturating_add(1).saturating_mul(interval));
        }
        let today = self.local(after).date();
        let midnight = self.moment(Date(today.to_datetime(civil::Time::midnight())));
        let passed = (after.micros() - midnight.micros()).div_euclid(interval) + 1;
        let next = Timestamp(midnight.micros() + passed * interval);
        let tomorrow = today.tomorrow().map(|date| self.moment(Date(date.to_datetime(civil::Time::midnight()))));
        tomorrow.map_or(next, |tomorrow| if after < tomorrow { next.min(tomorrow) } else { next })
    }
}

/// A time of day, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// Seconds since midnight as the clock on the wall counts them.
    pub second: u32,
}

impl TimeOfDay {
    /// Reads `07:30` and `07:30:15`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut part = |most: u32| {
            let text = parts.next()?;
            let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|number| is_number && *number <= most)
        };
        let (hour, minute) = (part(23)?, part(59)?);
        let second = if text.matches(':').count() > 1 { part(59)? } else { 0 };
        (text.matches(':').count() <= 2).then_some(Self { second: hour * 3_600 + minute * 60 + second })
    }

    pub(crate) fn civil(self) -> civil::Time {
        let part = |number: u32| number as i8;
        civil::time(part(self.second / 3_600), part(self.second / 60 % 60), part(self.second % 60), 0)
    }
}

pub(crate) fn seconds_of_day(time: civil::DateTime) -> u32 {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    u32::from(hour.unsigned_abs()) * 3_600 + u32::from(minute.unsigned_abs()) * 60 + u32::from(second.unsigned_abs())
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.second / 3_600, self.second / 60 % 60)?;
        if !self.second.is_multiple_of(60) { write!(f, ":{:02}", self.second % 60) } else { Ok(()) }
    }
}

/// A date with a time of day, in the site's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub(crate) civil::DateTime);

impl Date {
    /// Reads `2026-03-01T23:00`, with or without seconds.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<civil::DateTime>().ok().filter(|_| text.len() >= 16).map(Self)
    }
}

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0b0111_1111);
    /// No day.
    pub const NONE: Self = Self(0);
    /// The names of the days, from Monday.
    pub const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// With the day of this name too: `mon`, `monday`. `None` when there is no such day.
    pub fn with(self, name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let at =
            Self::NAMES.iter().position(|day| *day == name).or_else(|| long.iter().position(|day| *day == name))?;
        Some(Self(self.0 | 1 << at))
    }

    pub(crate) fn has(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_monday_zero_offset() != 0
    }

    /// Whether some day is in both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// `every day`, `on weekdays`, `on Saturday and Sunday`.
impl std::fmt::Display for Weekdays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LONG: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        match self.0 {
            0b0111_1111 => f.write_str("every day"),
            0b0001_1111 => f.write_str("on weekdays"),
            0b0110_0000 => f.write_str("on weekends"),
            bits => {
                let days: Vec<&str> =
                    LONG.iter().enumerate().filter(|(at, _)| bits & 1 << at != 0).map(|(_, day)| *day).collect();
                write!(f, "on {}", crate::words::list(&days, "and"))
            }
        }
    }
}

/// Which days count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days<'a> {
    pub(crate) months: &'a [u8],
    pub(crate) of_month: &'a [u8],
    pub(crate) on: Weekdays,
}

impl Days<'_> {
    fn has(&self, date: civil::Date) -> bool {
        let among = |list: &[u8], number: i8| list.is_empty() || list.contains(&number.unsigned_abs());
        self.on.has(date.weekday()) && among(self.months, date.month()) && among(self.of_month, date.day())
    }
}

/// The day before.
pub(crate) fn yesterday(date: civil::Date) -> civil::Date {
    date.checked_sub(1.day()).unwrap_or(date)
}

/// Reads `30 s`, `2 min`, `1 h 30 min`, `-1 d`: microseconds.
pub(crate) fn parse_span(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest.trim_start()),
        None => (1.0, text.strip_prefix('+').unwrap_or(text).trim_start()),
    };
    let mut sum = 0.0;
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1e3,
            "s" | "sec" | "second" | "seconds" => 1e6,
            "min" | "minute" | "minutes" => 60e6,
            "h" | "hour" | "hours" => 3_600e6,
            "d" | "day" | "days" => 86_400e6,
            "week" | "weeks" => 7.0 * 86_400e6,
            _ => return None,
        };
        sum += number * unit;
        any = true;
        rest = rest[letters..].trim_start();
    }
    (any && sum < 1e17).then(|| libm::round(sign * sum) as i64)
}

/// As people read it: `2 min`, `1 h 30 min`, `2.5 s`.
pub(crate) fn span_words(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 60_000_000 {
        let decimals = if micros < 10_000_000 { 3 } else { 1 };
        let text = format!("{:.decimals$}", micros as f64 / 1e6);
        return format!("{} s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    let seconds = (micros + 500_000) / 1_000_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .take(2)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn berlin() -> Place {
        Place::new("Europe/Berlin", None).unwrap()
    }

    fn time(text: &str) -> TimeOfDay {
        TimeOfDay::parse(text).unwrap()
    }

    const ANY: Days<'_> = Days { months: &[], of_month: &[], on: Weekdays::ALL };

    #[test]
    fn bad_places_are_refused_with_a_hint() {
        let said = |zone: &str, at| Place::new(zone, at).unwrap_err().to_string();
        assert_eq!(
            said("Europe/Berln", None),
            "there is no time zone \"Europe/Berln\"\nhint: did you mean Europe/Berlin?"
        );
        assert!(said("somewhere", None).contains("hint: a time zone is named by its continent"));
        assert!(said("Asia/Seoul", Some((91.0, 0.0))).starts_with("latitude 91 and longitude 0 are not on the globe"));
        assert!(said("Asia/Seoul", Some((f64::NAN, 0.0))).contains("not on the globe"));
    }

    #[test]
    fn a_day_of_23_hours_moves_what_it_does_not_have() {
        // On 2026-03-29 the clock jumps from 02:00 to 03:00.
        let place = berlin();
        let before = Timestamp::parse("2026-03-29T00:00:00+01:00").unwrap();
        let at = |text: &str| place.next_time(before, &[time(text)], &ANY).unwrap().to_string();
        assert_eq!(at("01:59"), "2026-03-29T00:59:00Z");
        assert_eq!(at("02:30"), "2026-03-29T01:00:00Z", "03:00 of that day");
        assert_eq!(at("03:30"), "2026-03-29T01:30:00Z");
        let after = Timestamp::parse("2026-03-29T01:00:00Z").unwrap();
        assert_eq!(place.next_time(after, &[time("02:30")], &ANY).unwrap().to_string(), "2026-03-30T00:30:00Z");
    }

    #[test]
    fn a_day_of_25_hours_has_everything_once() {
        // On 2026-10-25 the clock is set back from 03:00 to 02:00.
        let place = berlin();
        let mut after = Timestamp::parse("2026-10-25T00:00:00+02:00").unwrap();
        let mut fired = Vec::new();
        for _ in 0..2 {
            after = place.next_time(after, &[time("02:30")], &ANY).unwrap();
            fired.push(after.to_string());
        }
        assert_eq!(fired, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn intervals_follow_the_hours_that_pass() {
        let place = berlin();
        let count = |from: &str, to: &str, every: u64| {
            let (mut at, to) = (Timestamp::parse(from).unwrap(), Timestamp::parse(to).unwrap());
            let mut count = 0;
            loop {
                at = place.next_interval(at, Duration::from_secs(every));
                if at > to {
                    return count;
                }
                count += 1;
            }
        };
        assert_eq!(count("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 3_600), 23);
        assert_eq!(count("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 3_600), 25);
        assert_eq!(count("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", 600), 144);
        let next =
            place.next_interval(Timestamp::parse("2026-06-01T00:00:01+02:00").unwrap(), Duration::from_secs(7 * 3_600));
        assert_eq!(next.micros() % (7 * 3_600 * 1_000_000), 0, "what does not divide a day is counted from 1970");
    }

    #[test]
    fn rare_dates_are_found() {
        let place = berlin();
        let after = Timestamp::parse("2096-03-01T12:00:00Z").unwrap();
        let days = Days { months: &[2], of_month: &[29], on: Weekdays::ALL };
        assert_eq!(place.next_time(after, &[time("18:00")], &days).unwrap().to_string(), "2104-02-29T17:00:00Z");
        let never = Days { months: &[2], of_month: &[30], on: Weekdays::ALL };
        assert_eq!(place.next_time(after, &[time("18:00")], &never), None);
    }

    #[test]
    fn spans_and_times_are_read() {
        assert_eq!(parse_span("30 s"), Some(30_000_000));
        assert_eq!(parse_span("1 h 30 min"), Some(5_400_000_000));
        assert_eq!(parse_span("-30 min"), Some(-1_800_000_000));
        assert_eq!(parse_span("1.5h"), Some(5_400_000_000));
        for wrong in ["", "30", "s", "1 fortnight", "-", "1 h x", "1..5 s"] {
            assert_eq!(parse_span(wrong), None, "{wrong}");
        }
        assert_eq!(time("7:05:09").to_string(), "07:05:09");
        for wrong in ["24:00", "7", "07:60", "07:30:00:00", "a:b", "007:00"] {
            assert_eq!(TimeOfDay::parse(wrong), None, "{wrong}");
        }
        assert_eq!(span_words(Duration::from_millis(2_500)), "2.5 s");
        assert_eq!(span_words(Duration::from_millis(45_525)), "45.5 s");
        assert_eq!(span_words(Duration::from_secs(90_061)), "1 d 1 h");
    }

    proptest! {
        #[test]
        fn moments_lie_ahead_and_show_their_time(at in -2_000_000_000_000_000i64..4_000_000_000_000_000, second in 0u32..86_400) {
            let place = berlin();
            let wanted = TimeOfDay { second };
            let next = place.next_time(Timestamp(at), &[wanted], &ANY).unwrap();
            prop_assert!(next > Timestamp(at) && next.since(Timestamp(at)) <= Duration::from_hours(49));
            let shown = place.local(next);
            let exists = seconds_of_day(shown) == second;
            prop_assert!(exists || shown.minute() == 0 || shown.year() < 1950, "{shown} for {wanted}");
        }

        #[test]
        fn spans_survive_their_words(seconds in 0u64..200_000_000) {
            let words = span_words(Duration::from_secs(seconds));
            let read = parse_span(&words).unwrap();
            prop_assert!((read - (seconds * 1_000_000) as i64).abs() < 3_600_000_000);
        }
    }
}
