//! What a kilowatt hour costs, or emits, in every step of a horizon.
//!
//! Time of use goes by the wall clock of the home: on the day on which an hour is missing or comes twice, its windows are as
//! much shorter or longer. Dynamic prices are taken as they were told, each for as long as it says, and never guessed: where
//! nothing was told, the price that the contract holds for that is taken, and the step is marked as not known.

use model::Timestamp;
use rule::Place;
use serde_json::Value as Json;
use site::run::Complaint;

use crate::calendar::{DAY_MINUTES, WallClock, Window, complaint, minutes};
use crate::horizon::Horizon;
use crate::tariff::{Price, PriceWindow, Tariff};

/// The most windows of a price.
pub const WINDOWS_MAX: usize = 96;

/// The most prices that are taken of one document.
pub const TOLD_MAX: usize = 2_000;

/// How long a price holds that does not say: an hour, unless the next begins earlier.
const HOUR_SECONDS: i64 = 3_600;

/// The largest price that is one: a thousand of any currency for a kilowatt hour is a mistake in the unit, even in won.
const PRICE_MAX: f64 = 100_000.0;

/// A price that was told for a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// What it is.
    pub value: f64,
}

/// Values of a horizon.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Priced {
    /// One a step.
    pub values: Vec<f64>,
    /// For each step whether it is known, or stands in for what is not.
    pub known: Vec<bool>,
}

impl Price {
    /// The price in every step, at its begin. `told` are the dynamic prices that are known, in any order; of two for the same
    /// time the later one in the list holds.
    pub fn over(&self, horizon: &Horizon, place: &Place, told: &[Told]) -> Priced {
        let steps = (0..horizon.steps).map(|step| self.at(horizon.begin(step), place, told));
        let (values, known) = steps.unzip();
        Priced { values, known }
    }

    /// The price at a moment, and whether it is known.
    pub fn at(&self, moment: Timestamp, place: &Place, told: &[Told]) -> (f64, bool) {
        match self {
            Self::Flat { price } => (*price, true),
            Self::TimeOfUse { otherwise, windows } => {
                let clock = WallClock::at(moment, place);
                let window = windows.iter().find(|window| clock.is_in(&window.when()));
                let price = window.map(|window| window.price).or(*otherwise);
                // A contract without a hole always has one.
                (price.unwrap_or_default(), price.is_some())
            }
            Self::Dynamic { factor, plus, otherwise, .. } => {
                let told = told.iter().rev().find(|told| (told.from..told.to).contains(&moment));
                told.map_or((*otherwise, false), |told| (told.value * factor + plus, true))
            }
        }
    }

    /// Everything that is wrong with it; `place` is where it stands in the settings.
    pub fn check(&self, place: &str) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut number = |at: String, value: f64| {
            if !value.is_finite() || value.abs() > PRICE_MAX {
                complaints.push(complaint(
                    at,
                    format!("{value} is no price for a kilowatt hour"),
                    "give it in the currency, not in cents",
                ));
            }
        };
        match self {
            Self::Flat { price } => number(format!("{place}/price"), *price),
            Self::Dynamic { factor, plus, otherwise, property } => {
                number(format!("{place}/factor"), *factor);
                number(format!("{place}/plus"), *plus);
                number(format!("{place}/otherwise"), *otherwise);
                if property
                    .split_once('/')
                    .is_none_or(|(thing, name)| model::ThingId::new(thing).is_err() || model::Name::new(name).is_err())
                {
                    complaints.push(complaint(
                        format!("{place}/property"),
                        format!("{property:?} is no property"),
                        "name the thing and its property, as in tariff/price",
                    ));
                }
            }
            Self::TimeOfUse { otherwise, windows } => {
                otherwise.iter().for_each(|price| number(format!("{place}/otherwise"), *price));
                windows.iter().enumerate().for_each(|(index, window)| {
                    number(format!("{place}/windows/{index}/price"), window.price);
                });
                complaints.extend(check_windows(place, *otherwise, windows));
            }
        }
        complaints
    }
}

impl PriceWindow {
    fn when(&self) -> Window<'_> {
        Window { days: &self.days, months: &self.months, from_minute: self.from_minute, to_minute: self.to_minute }
    }
}

impl Tariff {
    /// Everything that is wrong with it; `place` is where it stands in the settings.
    pub fn check(&self, place: &str) -> Vec<Complaint> {
        let mut complaints = self.import.check(&format!("{place}/import"));
        complaints.extend(self.export.check(&format!("{place}/export")));
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let problem = format!("{:?} is no currency", self.currency);
            complaints.push(complaint(format!("{place}/currency"), problem, "three letters: EUR, KRW, USD"));
        }
        let peak = self.capacity_price_per_kilowatt_month;
        if !peak.is_finite() || !(0.0..=PRICE_MAX).contains(&peak) {
            let at = format!("{place}/capacity_price_per_kilowatt_month");
            complaints.push(complaint(at, format!("{peak} is no price for a kilowatt"), "0 when peaks cost nothing"));
        }
        complaints
    }
}

fn check_windows(place: &str, otherwise: Option<f64>, windows: &[PriceWindow]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if windows.len() > WINDOWS_MAX {
        let problem = format!("{} windows are more than {WINDOWS_MAX}", windows.len());
        return vec![complaint(format!("{place}/windows"), problem, "what holds otherwise needs no window")];
    }
    for (index, window) in windows.iter().enumerate() {
        let at = |name: &str| format!("{place}/windows/{index}/{name}");
        complaints.extend(window.when().check(&at));
    }
    if complaints.is_empty()
        && otherwise.is_none()
        && let Some(hole) = hole(windows)
    {
        let hint = "give a price that holds otherwise, or a window for that time";
        complaints.push(complaint(format!("{place}/windows"), format!("nothing says what holds {hole}"), hint));
    }
    complaints
}

/// The first minute of a year of all months and weekdays that no window has, in words.
fn hole(windows: &[PriceWindow]) -> Option<String> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    // Whether a minute is covered changes only where a window begins or ends.
    let mut borders: Vec<u16> = vec![0];
    borders.extend(windows.iter().flat_map(|window| [window.from_minute, window.to_minute % DAY_MINUTES]));
    borders.sort_unstable();
    borders.dedup();
    for month in 1..=12 {
        for weekday in 1..=7 {
            let free = |minute: &&u16| {
                let clock = WallClock { month, weekday, minute: **minute };
                !windows.iter().any(|window| clock.is_in(&window.when()))
            };
            let Some(from) = borders.iter().find(free).copied() else { continue };
            let to = borders.iter().copied().find(|border| *border > from).unwrap_or(DAY_MINUTES);
            let day = DAYS[usize::from(weekday) - 1];
            return Some(format!("on {day}s in month {month} from {} to {}", minutes(from), minutes(to)));
        }
    }
    None
}

/// Reads prices that a thing tells for the time to come, as such feeds tell them:
/// - a list of objects, each with a begin (`start`, `from`, `time`, ...), perhaps an end, and a value (`price`, `value`, ...);
/// - an object with `start`, `step_seconds` and `values`;
/// - an object with such a list at `prices`, `today`/`tomorrow`, `raw_today`/`raw_tomorrow`, `data`, `forecast`, ...
///
/// What cannot be read is left out. Times are RFC 3339, or numbers: seconds, milliseconds or microseconds since 1970.
pub fn read_told(document: &Json, scale: f64) -> Vec<Told> {
    let mut told = Vec::new();
    collect(document, scale, &mut told, 0);
    told.sort_by_key(|one| one.from);
    told.truncate(TOLD_MAX);
    close(&mut told);
    told
}

/// What a feed calls the begin of a price, its end, its value, and lists of them.
const STARTS: [&str; 9] =
    ["start", "from", "starts_at", "startsAt", "start_time", "valid_from", "time", "hour", "begin"];
const ENDS: [&str; 6] = ["end", "to", "ends_at", "end_time", "valid_to", "until"];
const VALUES: [&str; 8] = ["price", "value", "total", "marketprice", "value_inc_vat", "intensity", "carbon", "rate"];
const LISTS: [&str; 9] =
    ["prices", "today", "tomorrow", "raw_today", "raw_tomorrow", "data", "forecast", "results", "values"];

/// Lists lie at most so deep within documents.
const DEPTH_MAX: usize = 3;

fn collect(document: &Json, scale: f64, told: &mut Vec<Told>, depth: usize) {
    if depth > DEPTH_MAX || told.len() >= TOLD_MAX {
        return;
    }
    match document {
        Json::Array(list) => list.iter().for_each(|one| collect(one, scale, told, depth)),
        Json::Object(object) => {
            let get = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
            let start = get(&STARTS).and_then(moment);
            if let (Some(from), Some(value)) = (start, get(&VALUES).and_then(Json::as_f64)) {
                let to = get(&ENDS).and_then(moment).filter(|to| *to > from);
                // An end that is not told is found when all are.
                told.push(Told { from, to: to.unwrap_or(from), value: value * scale });
                return;
            }
            let step = object.get("step_seconds").and_then(Json::as_i64).filter(|step| (60..=86_400).contains(step));
            if let (Some(from), Some(step), Some(values)) =
                (start, step, get(&["values", "prices"]).and_then(Json::as_array))
            {
                for (index, value) in values.iter().take(TOLD_MAX).enumerate() {
                    let at = |index: usize| Timestamp(from.micros() + index as i64 * step * 1_000_000);
                    if let Some(value) = value.as_f64() {
                        told.push(Told { from: at(index), to: at(index + 1), value: value * scale });
                    }
                }
                return;
            }
            LISTS.iter().filter_map(|name| object.get(*name)).for_each(|list| collect(list, scale, told, depth + 1));
        }
        _ => {}
    }
}

/// A price without an end holds until the next, and for an hour at most.
fn close(told: &mut [Told]) {
    for index in 0..told.len() {
        let next = told.get(index + 1).map(|next| next.from);
        let one = &mut told[index];
        if one.to == one.from {
            let hour = Timestamp(one.from.micros() + HOUR_SECONDS * 1_000_000);
            one.to = next.map_or(hour, |next| next.min(hour));
        }
    }
}

fn moment(json: &Json) -> Option<Timestamp> {
    if let Some(text) = json.as_str() {
        return Timestamp::parse(text);
    }
    let number = json.as_i64()?;
    // Which unit it is shows in how many there are: all three are of this century.
    match number {
        946_684_800..=9_999_999_999 => Some(Timestamp::from_seconds(number)),
        946_684_800_000..=9_999_999_999_999 => Some(Timestamp::from_millis(number)),
        946_684_800_000_000..=9_999_999_999_999_999 => Some(Timestamp(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn berlin() -> Place {
        Place::new("Europe/Berlin", None).unwrap()
    }

    fn window(from: &str, to: &str, price: f64) -> PriceWindow {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':').unwrap();
            hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
        };
        PriceWindow { days: vec![], months: vec![], from_minute: minute(from), to_minute: minute(to), price }
    }

    fn quarters(start: &str, steps: usize) -> Horizon {
        Horizon { start: at(start), step_seconds: 900, steps }
    }

    /// How many steps have each price, in the order in which they come.
    fn runs(priced: &Priced) -> Vec<(f64, usize)> {
        let mut runs: Vec<(f64, usize)> = Vec::new();
        for value in &priced.values {
            match runs.last_mut() {
                Some((last, count)) if last == value => *count += 1,
                _ => runs.push((*value, 1)),
            }
        }
        runs
    }

    #[test]
    fn windows_go_by_the_wall_clock_on_days_of_23_and_25_hours() {
        let night = Price::TimeOfUse { otherwise: Some(0.4), windows: vec![window("22:00", "06:00", 0.2)] };
        // Midnight to midnight, local.
        let short = night.over(&quarters("2026-03-28T23:00:00Z", 92), &berlin(), &[]);
        assert_eq!(runs(&short), [(0.2, 5 * 4), (0.4, 16 * 4), (0.2, 2 * 4)]);
        let long = night.over(&quarters("2026-10-24T22:00:00Z", 100), &berlin(), &[]);
        assert_eq!(runs(&long), [(0.2, 7 * 4), (0.4, 16 * 4), (0.2, 2 * 4)]);
        let ordinary = night.over(&quarters("2026-06-01T22:00:00Z", 96), &berlin(), &[]);
        assert_eq!(runs(&ordinary), [(0.2, 6 * 4), (0.4, 16 * 4), (0.2, 2 * 4)]);
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_began() {
        let weekdays = PriceWindow { days: vec![5], ..window("22:00", "06:00", 0.1) };
        let price = Price::TimeOfUse { otherwise: Some(0.3), windows: vec![weekdays] };
        // The 27th of March 2026 is a Friday.
        let value = |text: &str| price.at(at(text), &Place::utc(), &[]).0;
        assert_eq!(
            [
                value("2026-03-27T05:00:00Z"),
                value("2026-03-27T23:00:00Z"),
                value("2026-03-28T05:00:00Z"),
                value("2026-03-28T23:00:00Z")
            ],
            [0.3, 0.1, 0.1, 0.3]
        );
    }

    #[test]
    fn holes_are_found_and_said() {
        let says = |windows: Vec<PriceWindow>, otherwise| {
            let complaints = Price::TimeOfUse { otherwise, windows }.check("/tariff/import");
            complaints.into_iter().map(|one| format!("{} {}", one.place, one.problem)).collect::<Vec<_>>()
        };
        let (day, night) = (window("06:00", "22:00", 0.4), window("22:00", "06:00", 0.2));
        assert_eq!(says(vec![day.clone(), night.clone()], None), [""; 0]);
        assert_eq!(says(vec![day.clone()], Some(0.2)), [""; 0]);
        assert_eq!(
            says(vec![day.clone()], None),
            ["/tariff/import/windows nothing says what holds on Mondays in month 1 from 00:00 to 06:00"]
        );
        // Nights that begin on weekdays only leave the nights of Saturday and Sunday, up to Monday morning.
        let weekday_nights = PriceWindow { days: vec![1, 2, 3, 4, 5], ..night };
        assert_eq!(
            says(vec![day.clone(), weekday_nights], None),
            ["/tariff/import/windows nothing says what holds on Mondays in month 1 from 00:00 to 06:00"]
        );
        let winter = PriceWindow { months: vec![1, 2, 11, 12], ..window("00:00", "24:00", 0.3) };
        assert!(says(vec![winter], None)[0].contains("in month 3"));
        assert!(says(vec![window("06:00", "06:00", 0.4)], Some(0.1))[0].contains("begins and ends"));
        assert!(says(vec![PriceWindow { to_minute: 1_441, ..day }], Some(0.1))[0].contains("minute 1441"));
    }

    #[test]
    fn dynamic_prices_are_never_guessed() {
        let price = Price::Dynamic { property: "tariff/price".into(), factor: 1.2, plus: 0.1, otherwise: 0.5 };
        let told = [Told { from: at("2026-06-01T00:00:00Z"), to: at("2026-06-01T01:00:00Z"), value: 0.1 }];
        let priced = price.over(&quarters("2026-06-01T00:30:00Z", 4), &Place::utc(), &told);
        assert_eq!(priced.values, [0.22, 0.22, 0.5, 0.5]);
        assert_eq!(priced.known, [true, true, false, false]);
        let said = price.check("/p");
        assert_eq!(said, []);
        let wrong = Price::Dynamic { property: "tariff".into(), factor: f64::NAN, plus: 0.0, otherwise: 0.0 };
        let places: Vec<String> = wrong.check("/p").into_iter().map(|one| one.place).collect();
        assert_eq!(places, ["/p/factor", "/p/property"]);
    }

    #[test]
    fn feeds_of_several_shapes_are_read() {
        let expected = [
            Told { from: at("2026-06-01T00:00:00Z"), to: at("2026-06-01T01:00:00Z"), value: 0.25 },
            Told { from: at("2026-06-01T01:00:00Z"), to: at("2026-06-01T02:00:00Z"), value: 0.5 },
        ];
        for (document, scale) in [
            (
                json!([{"start": "2026-06-01T02:00:00+02:00", "price": 0.25}, {"start": "2026-06-01T01:00:00Z", "price": 0.5}]),
                1.0,
            ),
            (json!({"start": "2026-06-01T00:00:00Z", "step_seconds": 3600, "values": [25, 50]}), 0.01),
            (
                json!({"data": [
                {"start_timestamp": 0, "time": 1_780_272_000_000_i64, "end": 1_780_275_600_000_i64, "marketprice": 250},
                {"time": 1_780_275_600_000_i64, "end": 1_780_279_200_000_i64, "marketprice": 500}]}),
                0.001,
            ),
            (
                json!({"raw_today": [{"startsAt": "2026-06-01T00:00:00Z", "total": 0.25}],
                "raw_tomorrow": [{"startsAt": "2026-06-01T01:00:00Z", "total": 0.5}]}),
                1.0,
            ),
        ] {
            assert_eq!(read_told(&document, scale), expected, "{document}");
        }
        assert_eq!(read_told(&json!({"price": "a lot"}), 1.0), []);
        // Quarters hold until the next begins.
        let quarters =
            read_told(&json!([{"from": 1_780_272_000, "value": 1}, {"from": 1_780_272_900, "value": 2}]), 1.0);
        assert_eq!(quarters[0].to, quarters[1].from);
    }
}
