//! Days of a family in a temperate climate, for homes that have no past yet: always the same ones.

use std::sync::OnceLock;

use super::settings::PastDay;
use crate::chance::Chance;

/// The days of a sample year.
const DAYS: u16 = 365;
/// What the sample's chance begins with.
const SEED: u64 = 0x5EED_0FDA;

/// A year of days. They are made up: a plan that rests on them says nothing of a particular home.
pub fn sample_days() -> &'static [PastDay] {
    static DAYS_MADE: OnceLock<Vec<PastDay>> = OnceLock::new();
    DAYS_MADE.get_or_init(make)
}

fn make() -> Vec<PastDay> {
    let mut chance = Chance::new(SEED, 0);
    let (mut warmth, mut clearness) = (0.0, 0.0);
    (1..=DAYS)
        .map(|day_of_year| {
            // Weather of a day resembles that of the day before.
            warmth = 0.75 * warmth + 0.66 * chance.normal();
            clearness = 0.5 * clearness + 0.87 * chance.normal();
            day(day_of_year, warmth, clearness, &mut chance)
        })
        .collect()
}

fn day(day_of_year: u16, warmth: f64, clearness: f64, chance: &mut Chance) -> PastDay {
    let season = -wave((f64::from(day_of_year) - 20.0) / 365.0);
    let weekday = ((day_of_year + 3) % 7) as u8 + 1;
    let is_weekend = weekday >= 6;
    let sky = (0.5 + 0.22 * clearness + 0.08 * season).clamp(0.08, 1.0);
    let light_hours = 12.2 + 4.2 * season;
    let mut made = PastDay { day_of_year, weekday, ..PastDay::default() };
    for quarter in 0..96 {
        let hour = f64::from(quarter) / 4.0 + 0.125;
        let outdoor = 9.5 + 9.5 * season + 3.0 * warmth + (2.0 + 3.5 * sky) * wave((hour - 15.0) / 24.0);
        let height = (wave((hour - 12.75) / (2.0 * light_hours))
            * f64::from(u8::from((hour - 12.75).abs() < light_hours / 2.0)))
        .max(0.0);
        let passing = (sky + 0.15 * (1.0 - (2.0 * sky - 1.0).abs()) * chance.normal()).clamp(0.05, 1.0);
        let sun = (780.0 + 80.0 * season) * height * height.sqrt() * passing;
        let at_home = if is_weekend { 1.0 } else { 0.55 };
        let bump = |middle: f64, width: f64| (1.0 - ((hour - middle) / width).powi(2)).max(0.0);
        let load = 180.0
            + 60.0 * chance.unit()
            + 420.0 * bump(7.3, 1.4)
            + 380.0 * at_home * bump(12.5, 1.8)
            + 900.0 * bump(18.9, 2.2)
            + (260.0 - 80.0 * season) * bump(21.0, 2.6)
            + if chance.unit() < 0.04 { 1_400.0 * chance.unit() } else { 0.0 };
        // Prices fall with the sun and rise in the evening; so does what the grid emits.
        let evening = bump(19.0, 3.0);
        let price =
            0.085 - 0.055 * sky * bump(13.0, 5.0) * (1.0 + season) / 1.5 + 0.085 * evening + 0.012 * bump(8.0, 2.0);
        let carbon = 380.0 - 170.0 * sky * bump(13.0, 5.0) + 70.0 * evening - 40.0 * warmth.clamp(-1.0, 1.0);
        made.outdoor_celsius.push(outdoor as f32);
        made.sun_watts_per_kilowatt.push(sun.max(0.0) as f32);
        made.load_watts.push(load as f32);
        made.price.push(price as f32);
        made.carbon_grams.push(carbon.max(50.0) as f32);
    }
    made
}

/// A cosine of whole turns, the same on every machine (its series, folded to a quarter of a turn).
fn wave(turns: f64) -> f64 {
    let part = (turns - turns.round()).abs();
    let (angle, sign) = if part > 0.25 { (0.5 - part, -1.0) } else { (part, 1.0) };
    let square = (angle * std::f64::consts::TAU).powi(2);
    sign * (1.0
        - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0 * (1.0 - square / 90.0)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_year_is_like_a_year() {
        let days = sample_days();
        let sum = |of: fn(&PastDay) -> &Vec<f32>, range: std::ops::Range<usize>| {
            let values: Vec<f64> =
                days[range].iter().flat_map(|day| of(day).iter().map(|value| f64::from(*value))).collect();
            (values.iter().sum::<f64>() / 4_000.0, values.iter().sum::<f64>() / values.len() as f64)
        };
        let (sun, _) = sum(|day| &day.sun_watts_per_kilowatt, 0..365);
        assert!((750.0..1_250.0).contains(&sun), "{sun} kWh for each kilowatt");
        let (load, _) = sum(|day| &day.load_watts, 0..365);
        assert!((2_500.0..5_500.0).contains(&load), "{load} kWh");
        let (january, july) = (sum(|day| &day.outdoor_celsius, 0..31).1, sum(|day| &day.outdoor_celsius, 181..212).1);
        assert!((-5.0..5.0).contains(&january) && (15.0..24.0).contains(&july), "{january} {july}");
        assert_eq!(make(), days);
        for part in 0..40 {
            let turns = f64::from(part) * 0.05 - 1.0;
            assert!((wave(turns) - (turns * std::f64::consts::TAU).cos()).abs() < 1e-6);
        }
    }
}
