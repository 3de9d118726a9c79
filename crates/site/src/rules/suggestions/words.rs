//! A habit in words: a title for the rule, and what speaks for it.

use learn::habit::{Candidate, Sun, Trigger, Weekdays, What};
use model::Value;

use super::Evidence;
use crate::site::Site;

/// The longest name of a thing in a title, in characters; what is longer is cut.
const NAME_MAX: usize = 60;

/// The most times that are kept as evidence; the newest.
const TIMES_MAX: usize = 200;

/// Times are said in steps of five minutes, as they are written in the rule.
const STEP_S: i64 = 300;

fn clock(second: i64) -> String {
    let second = second.rem_euclid(86_400);
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}

fn to_step(second: i64) -> i64 {
    (second + STEP_S / 2).div_euclid(STEP_S) * STEP_S
}

/// `20 min before sunset`, `at sunset`.
fn beside_sun(sun: Sun, offset_s: i64) -> String {
    let name = if sun == Sun::Rise { "sunrise" } else { "sunset" };
    match offset_s.div_euclid(60) {
        0 => format!("at {name}"),
        minutes if minutes < 0 => format!("{} min before {name}", -minutes),
        minutes => format!("{minutes} min after {name}"),
    }
}

fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    clean.trim().chars().take(NAME_MAX).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => one_line(text),
        value => value.to_json().to_string(),
    }
}

/// On which days, in a title and after a number.
fn days(days: Weekdays) -> (&'static str, &'static str) {
    const ONE: [(&str, &str); 7] = [
        (" on Mondays", "Mondays"),
        (" on Tuesdays", "Tuesdays"),
        (" on Wednesdays", "Wednesdays"),
        (" on Thursdays", "Thursdays"),
        (" on Fridays", "Fridays"),
        (" on Saturdays", "Saturdays"),
        (" on Sundays", "Sundays"),
    ];
    match days {
        Weekdays::ALL => ("", "days"),
        Weekdays::WORK => (" on weekdays", "weekdays"),
        Weekdays::WEEKEND => (" at weekends", "days of weekends"),
        one => (0..7_u8).find(|day| Weekdays::only(*day) == one).map_or(("", "days"), |day| ONE[usize::from(day)]),
    }
}

impl Site {
    /// What a thing is called, and its property.
    fn called(&self, what: &What) -> (String, String) {
        let row = self.thing_row(&what.thing);
        let title = row.as_ref().map_or_else(|| what.thing.to_string(), |row| one_line(&row.title));
        let model = row.as_ref().map(|row| &row.model);
        let name = model.and_then(|model| {
            let property = model.properties.get(&what.name).map(|property| &property.title);
            property.or_else(|| model.events.get(&what.name).map(|event| &event.title))
        });
        let name = name.map(|name| one_line(name)).filter(|name| !name.is_empty());
        (title, name.unwrap_or_else(|| what.name.to_string()))
    }

    /// `Hall lamp off`, `Hall lamp was switched off`.
    fn act_words(&self, what: &What) -> (String, String) {
        let (thing, name) = self.called(what);
        match &what.value {
            Value::Boolean(on) if what.name.as_str() == "on" => {
                let on = if *on { "on" } else { "off" };
                (format!("{thing} {on}"), format!("{thing} was switched {on}"))
            }
            value => {
                let value = plain(value);
                (format!("{thing}: {name} to {value}"), format!("{name} of {thing} was set to {value}"))
            }
        }
    }

    /// `Door bell: pressed`.
    fn reason_words(&self, what: &What) -> String {
        let (thing, name) = self.called(what);
        match &what.value {
            value if what.is_event || *value == Value::Boolean(true) => format!("{thing}: {name}"),
            Value::Boolean(false) => format!("{thing}: no longer {name}"),
            value => format!("{thing}: {name} {}", plain(value)),
        }
    }

    /// The title of the rule.
    pub(super) fn habit_title(&self, candidate: &Candidate) -> String {
        let (act, _) = self.act_words(&candidate.act);
        let (on_days, _) = days(candidate.days);
        match &candidate.trigger {
            Trigger::Clock { second } => format!("{act} at {}{on_days}", clock(to_step(*second))),
            Trigger::Sun { sun, offset_s } => format!("{act} {}{on_days}", beside_sun(*sun, to_step(*offset_s))),
            Trigger::After { what, dark } => {
                let dark = if *dark { " in the dark" } else { "" };
                format!("{act} after {}{dark}{on_days}", self.reason_words(what))
            }
        }
    }

    /// What speaks for it.
    pub(super) fn evidence_of(&self, candidate: &Candidate, observed_days: usize) -> Evidence {
        let (_, act) = self.act_words(&candidate.act);
        let (_, of_days) = days(candidate.days);
        let cases = |times: usize| (times as f64 / candidate.precision.max(f64::MIN_POSITIVE)).round() as usize;
        let place = self.place();
        let newest = candidate.times.len().saturating_sub(TIMES_MAX);
        let times = candidate.times[newest..].to_vec();
        let evidence = |words, days, support| Evidence { words, days, times, precision: candidate.precision, support };
        let done = candidate.support;
        match &candidate.trigger {
            Trigger::Clock { second } => {
                let off = candidate.times.iter().map(|time| {
                    let apart = (place.day_and_second(*time).1 - second).rem_euclid(86_400);
                    if apart > 43_200 { apart - 86_400 } else { apart }
                });
                let (first, last) = (off.clone().min().unwrap_or(0), off.max().unwrap_or(0));
                let days = cases(done);
                let between = format!("between {} and {}", clock(second + first), clock(second + last));
                evidence(format!("On {done} of {days} {of_days} {act} {between}."), days, done)
            }
            Trigger::Sun { sun, .. } => {
                let off = candidate.times.iter().filter_map(|time| {
                    let (day, second) = place.day_and_second(*time);
                    let (rise, set) = place.sun_of_day(day)?;
                    Some(second - if *sun == Sun::Rise { rise } else { set })
                });
                let (first, last) = (off.clone().min().unwrap_or(0), off.max().unwrap_or(0));
                let days = cases(done);
                let between = format!("between {} and {}", beside_sun(*sun, first), beside_sun(*sun, last));
                let between = between.replace("between at ", "between ").replace("and at ", "and ");
                evidence(format!("On {done} of {days} {of_days} {act} {between}."), days, done)
            }
            Trigger::After { what, dark } => {
                let followed = candidate.times.len();
                let (all, reason) = (cases(followed), self.reason_words(what));
                let dark = if *dark { " in the dark" } else { "" };
                let words = format!("{followed} of {all} times {act} within five minutes after {reason}{dark}.");
                evidence(words, observed_days, followed)
            }
        }
    }
}
