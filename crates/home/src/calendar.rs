//! Times of the week and year as people of a home say them: by the clock on the wall.

use model::Timestamp;
use rule::Place;
use site::run::Complaint;

/// Minutes of an ordinary day.
pub(crate) const DAY_MINUTES: u16 = 1_440;

const MINUTE_US: i64 = 60_000_000;

/// What the clock on the wall shows, as windows count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock {
    /// January is 1.
    pub(crate) month: u8,
    /// Monday is 1.
    pub(crate) weekday: u8,
    /// Since midnight.
    pub(crate) minute: u16,
}

/// A time of the week that comes again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    /// Empty means every day.
    pub(crate) days: &'a [u8],
    /// Empty means all.
    pub(crate) months: &'a [u8],
    /// From this minute of the day.
    pub(crate) from_minute: u16,
    /// Up to this one; not after the other means over midnight.
    pub(crate) to_minute: u16,
}

impl WallClock {
    /// What it shows at a moment.
    pub(crate) fn at(moment: Timestamp, place: &Place) -> Self {
        let local = moment.micros().div_euclid(1_000_000) + place.utc_offset_seconds(moment);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // The first of January 1970 was a Thursday.
        let weekday = (days + 3).rem_euclid(7) as u8 + 1;
        Self { month: civil(days).1, weekday, minute: (second / 60) as u16 }
    }

    /// Whether it shows a time within a window.
    pub(crate) fn is_in(self, window: &Window<'_>) -> bool {
        let over_midnight = window.to_minute <= window.from_minute;
        let in_time = if over_midnight {
            self.minute >= window.from_minute || self.minute < window.to_minute
        } else {
            (window.from_minute..window.to_minute).contains(&self.minute)
        };
        // What goes over midnight belongs to the day on which it began.
        let began_yesterday = over_midnight && self.minute < window.to_minute;
        let day = if began_yesterday { (self.weekday + 5) % 7 + 1 } else { self.weekday };
        in_time
            && (window.days.is_empty() || window.days.contains(&day))
            && (window.months.is_empty() || window.months.contains(&self.month))
    }
}

impl Window<'_> {
    /// Everything that is wrong with it; `at` says where each of its fields stands.
    pub(crate) fn check(&self, at: &dyn Fn(&str) -> String) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for (name, minute, most) in
            [("from_minute", self.from_minute, DAY_MINUTES - 1), ("to_minute", self.to_minute, DAY_MINUTES)]
        {
            if minute > most {
                let problem = format!("minute {minute} is not within a day");
                complaints.push(complaint(at(name), problem, format!("0 to {most}; 07:30 is 450")));
            }
        }
        if self.from_minute == self.to_minute {
            let hint = "from 0 to 1440 is the whole day";
            complaints.push(complaint(at("to_minute"), "the window begins and ends at the same time", hint));
        }
        if self.days.iter().any(|day| !(1..=7).contains(day)) {
            complaints.push(complaint(at("days"), "a week has the days 1 to 7", "Monday is 1, Sunday is 7"));
        }
        if self.months.iter().any(|month| !(1..=12).contains(month)) {
            complaints.push(complaint(at("months"), "a year has the months 1 to 12", "January is 1"));
        }
        complaints
    }
}

/// One thing that is wrong with what somebody gave.
pub(crate) fn complaint(place: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Complaint {
    Complaint { place: place.into(), problem: problem.into(), hint: hint.into() }
}

/// A minute of the day as clocks show it.
pub(crate) fn minutes(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The year, month and day of a day counted from 1970 (the usual shift of the year's begin to March).
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
    let month = if shifted_month < 10 { shifted_month as u8 + 3 } else { shifted_month as u8 - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The date that the calendar of a place shows, as `2026-03-29`.
pub(crate) fn date(moment: Timestamp, place: &Place) -> String {
    let local = moment.micros().div_euclid(1_000_000) + place.utc_offset_seconds(moment);
    let (year, month, day) = civil(local.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The moment at which the day of a moment began: on days of 23 and 25 hours too.
pub(crate) fn midnight(moment: Timestamp, place: &Place) -> Timestamp {
    let since = |at: Timestamp| {
        let local = at.micros() + place.utc_offset_seconds(at) * 1_000_000;
        local.rem_euclid(86_400_000_000)
    };
    let guess = Timestamp(moment.micros() - since(moment));
    // The offset may have changed since: the guess is then an hour off to either side.
    let off = since(guess);
    if off == 0 {
        return guess;
    }
    let late = Timestamp(guess.micros() - off);
    let early = Timestamp(guess.micros() + 86_400_000_000 - off);
    let nearest = if off < 43_200_000_000 { late } else { early };
    if nearest <= moment { nearest } else { guess }
}

/// The next moments up to `until` at which the clock on the wall shows a minute of these days, quarter for quarter: a time
/// that a day does not have is taken when its clock has jumped over it.
pub(crate) fn occurrences(
    (days, minute): (&[u8], u16),
    after: Timestamp,
    until: Timestamp,
    place: &Place,
) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut day = midnight(after, place);
    while day < until {
        let next = midnight(Timestamp(day.micros() + 26 * 60 * MINUTE_US), place);
        let clock = WallClock::at(day, place);
        if days.is_empty() || days.contains(&clock.weekday) {
            // The first moment of the day at which the clock has come that far.
            let mut moment = day;
            while moment < next && WallClock::at(moment, place).minute < minute {
                moment = Timestamp(moment.micros() + MINUTE_US);
            }
            if moment > after && moment <= until && moment < next {
                found.push(moment);
            }
        }
        day = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn days_begin_at_midnight_also_when_the_clock_is_changed() {
        let berlin = Place::new("Europe/Berlin", None).unwrap();
        for (moment, begins) in [
            ("2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z"),
            ("2026-03-29T00:30:00Z", "2026-03-28T23:00:00Z"),
            ("2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z"),
            ("2026-10-25T22:59:00Z", "2026-10-24T22:00:00Z"),
            ("2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z"),
        ] {
            assert_eq!(midnight(at(moment), &berlin), at(begins), "{moment}");
        }
        assert_eq!(date(at("2026-12-31T23:30:00Z"), &berlin), "2027-01-01");
        assert_eq!(date(at("2024-02-29T12:00:00Z"), &Place::utc()), "2024-02-29");
    }

    #[test]
    fn what_comes_at_a_time_of_day_comes_once_a_day() {
        let berlin = Place::new("Europe/Berlin", None).unwrap();
        let times = |days: &[u8], minute: u16, after: &str, until: &str| {
            occurrences((days, minute), at(after), at(until), &berlin)
        };
        // The 27th is a Friday; half past two is not on the 29th.
        assert_eq!(
            times(&[], 150, "2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z"),
            [at("2026-03-28T01:30:00Z"), at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")]
        );
        assert_eq!(times(&[1], 450, "2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z"), [at("2026-03-30T05:30:00Z")]);
        assert_eq!(times(&[], 150, "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"), [at("2026-10-25T00:30:00Z")]);
    }
}
