//! What electricity costs and emits on the grid that the demo home hangs on: known for the day, and from early afternoon for
//! the next day too.

use model::Value;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::home::place::{Moment, weekday};
use crate::random::{mix, smooth};

/// The hour of the day at which the next day becomes known.
const KNOWN_HOUR: f64 = 13.0;
const HOUR_SECONDS: i64 = 3_600;

/// What is known of prices and emissions, hour by hour.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Market {
    seed: u64,
    /// The begin of the first hour, in seconds since 1970.
    first: i64,
    /// For a kilowatt hour, taxes and fees included.
    prices: Vec<f64>,
    /// Grams of carbon dioxide for a kilowatt hour.
    carbon: Vec<f64>,
    /// The hour of now among them.
    now: usize,
}

impl Market {
    /// The market of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed, 0x0E75), ..Self::default() }
    }

    /// Time passes.
    pub fn step(&mut self, moment: &Moment) {
        let first = libm::floor(moment.time.seconds() - moment.second) as i64;
        let hours = if moment.hour() >= KNOWN_HOUR { 48 } else { 24 };
        self.now = (moment.hour() as usize).min(23);
        if (self.first, self.prices.len()) == (first, hours) {
            return;
        }
        self.first = first;
        let hours = (0..hours as i64).map(|hour| self.at(moment.day, hour));
        (self.prices, self.carbon) = hours.unzip();
    }

    /// Cheap and clean while the sun shines and wind blows at night, dear and dirty on winter evenings.
    fn at(&self, day: i64, hour: i64) -> (f64, f64) {
        let (day, hour) = (day + hour / 24, (hour % 24) as f64);
        let hours = day as f64 * 24.0 + hour;
        let bump = |centre: f64, width: f64| libm::exp(-((hour - centre) / width) * ((hour - centre) / width));
        let wind = smooth(mix(self.seed, 1), hours / 29.0);
        let sun = (0.75 + 0.5 * smooth(mix(self.seed, 2), hours / 24.0)) * bump(13.0, 3.2);
        let demand = 0.7 * bump(8.0, 2.0) + bump(19.0, 2.6) - 0.55 * bump(3.0, 3.0);
        let demand = if weekday(day) >= 5 { demand * 0.75 } else { demand };
        let tight = demand - 0.9 * sun - 0.35 * wind;
        let price = 0.285 + 0.115 * tight + 0.008 * smooth(mix(self.seed, 3), hours / 1.7);
        let grams = 340.0 + 165.0 * tight;
        let round = |value: f64, digits: f64| libm::round(value * digits) / digits;
        (round(price.max(0.05), 1e4), round(grams.max(40.0), 1.0))
    }

    /// What a kilowatt hour costs now.
    pub fn price(&self) -> f64 {
        self.prices.get(self.now).copied().unwrap_or_default()
    }

    /// What one emits now, in grams.
    pub fn carbon(&self) -> f64 {
        self.carbon.get(self.now).copied().unwrap_or_default()
    }

    /// What it will cost, as far as that is known.
    pub fn prices_ahead(&self) -> Value {
        self.told(&self.prices)
    }

    /// What it will emit, as far as that is known.
    pub fn carbon_ahead(&self) -> Value {
        self.told(&self.carbon)
    }

    fn told(&self, values: &[f64]) -> Value {
        Value::from_json(json!({"start": self.first, "step_seconds": HOUR_SECONDS, "values": values}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::place::Place;
    use model::Timestamp;

    #[test]
    fn tomorrow_is_known_from_early_afternoon_and_does_not_change() {
        let mut market = Market::new(7);
        let mut step = |text: &str| {
            market.step(&Moment::new(Timestamp::parse(text).unwrap(), &Place::in_zone(60)));
            (market.price(), market.prices.clone())
        };
        let (_, morning) = step("2026-06-01T08:10:00Z");
        let (_, afternoon) = step("2026-06-01T12:10:00Z");
        let (price, tomorrow) = step("2026-06-02T08:10:00Z");
        assert_eq!((morning.len(), afternoon.len(), tomorrow.len()), (24, 48, 24));
        assert_eq!((&afternoon[..24], &afternoon[24..]), (&morning[..], &tomorrow[..]));
        assert_eq!(price, tomorrow[9]);
        let (least, most) = afternoon.iter().fold((f64::MAX, 0.0_f64), |(a, b), price| (a.min(*price), b.max(*price)));
        assert!(least >= 0.05 && most <= 0.6 && most - least > 0.1, "{least} to {most}");
    }
}
