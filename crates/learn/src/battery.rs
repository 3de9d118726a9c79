//! What a battery holds and loses, found from its charge and its power.
//!
//! Over a day the charge is `s(t) = s(0) + a·charged(t) - b·discharged(t) - c·stood(t)`, where charged and discharged are what the
//! meter counted and stood is the time, weighted with the charge. The three factors are found by least squares over days of their
//! own level each, so that the battery's habit of correcting its charge now and then costs one day, with weights against outliers
//! (Huber, "Robust estimation of a location parameter", 1964). Measured levels instead of differences, because a charge in whole
//! percent says little about a quarter of an hour and much about a day.
//!
//! From outside only two of capacity and the two efficiencies can be told: `a = charging / capacity` and
//! `b = 1 / (discharging · capacity)`. Unless a capacity is said, both ways are taken to lose alike. The days are summed up as they
//! pass: the state is of fixed size, and older days are forgotten with a half-life.

use serde::{Deserialize, Serialize};

use crate::normal::{Normal, inverse};
use crate::slots::{SLOT_HOURS, SLOTS_PER_DAY};

/// After so many days a day weighs half.
const HALF_LIFE_DAYS: f64 = 60.0;
/// The fewest days with charge and power.
pub const DAYS_MIN: u32 = 4;
/// The relative standard error that the capacity may have.
pub const UNSURE_MAX: f64 = 0.1;
/// A round trip may keep so much.
const ROUND_TRIP: std::ops::RangeInclusive<f64> = 0.4..=1.0;
/// Charge is told in parts; this is the noise that it has at least, half a percent.
const NOISE_MIN: f64 = 0.003;
/// The noise of a charge before anything is known.
const NOISE_FIRST: f64 = 0.02;
/// Days beyond so many usual errors weigh less.
const OUTLYING: f64 = 2.0;
/// The charge does not change by more in a slot; a battery that does has corrected its count.
const JUMP: f64 = 0.35;

/// What was measured in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// How full it is at the end of the slot, in percent.
    pub charge_percent: Option<f64>,
    /// The mean of what it takes while it takes, in watts.
    pub charge_watts: Option<f64>,
    /// The mean of what it gives while it gives, in watts.
    pub discharge_watts: Option<f64>,
}

impl Reading {
    /// Of a power that is positive while it charges.
    pub fn of(charge_percent: Option<f64>, watts: Option<f64>) -> Self {
        let (charge_watts, discharge_watts) = (watts.map(|watts| watts.max(0.0)), watts.map(|watts| (-watts).max(0.0)));
        Self { charge_percent, charge_watts, discharge_watts }
    }
}

/// A battery as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatteryModel {
    /// What it holds when full.
    pub capacity_kilowatt_hours: f64,
    /// Its relative standard error.
    pub capacity_unsure: f64,
    /// The part of what it takes that is stored.
    pub charge_efficiency: f64,
    /// The part of what leaves the store that it gives.
    pub discharge_efficiency: f64,
    /// The part that it loses in an hour by standing.
    pub loss_per_hour: f64,
    /// The most that it was seen to take for a quarter of an hour. It may be able to take more.
    pub charge_watts_seen: f64,
    /// The most that it was seen to give for a quarter of an hour.
    pub discharge_watts_seen: f64,
    /// The lowest charge that it was seen at, in percent.
    pub charge_percent_least: f64,
    /// By how much a day's charge is missed, in percent.
    pub error_percent: f64,
    /// Over how many days.
    pub days: u32,
}

/// Why a battery is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum NotKnown {
    /// Too little was measured.
    #[error("{days} days with charge and power are too few, {DAYS_MIN} are needed")]
    TooShort {
        /// How many there are.
        days: u32,
    },
    /// It was neither charged nor discharged enough.
    #[error("it was hardly used: what it holds is only known to {percent:.0} %")]
    Unsure {
        /// The relative standard error.
        percent: f64,
    },
    /// Power and charge do not belong together.
    #[error("its power and its charge do not fit together: {percent:.0} % of what it took came back")]
    Contradicts {
        /// The round trip.
        percent: f64,
    },
}

/// One slot of the day that is not over yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Point {
    charge: f64,
    /// Sums since midnight: kilowatt hours taken, given, and hours weighted with the charge.
    sums: [f64; 3],
}

/// Learns a battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Battery {
    capacity_told: Option<f64>,
    newest: Option<i64>,
    late: u64,
    today: Vec<Point>,
    sums: [f64; 3],
    /// Weighted sums of products of all days, each around its own level.
    products: [[f64; 3]; 3],
    targets: [f64; 3],
    weight: f64,
    error_squares: f64,
    days: u32,
    charge_watts_seen: f64,
    discharge_watts_seen: f64,
    least: f64,
}

impl Battery {
    /// Nothing measured yet. `capacity_told` is what its maker says it holds, in kilowatt hours.
    pub fn new(capacity_told: Option<f64>) -> Self {
        Self {
            capacity_told: capacity_told.filter(|capacity| capacity.is_finite() && *capacity > 0.0),
            newest: None,
            late: 0,
            today: Vec::new(),
            sums: [0.0; 3],
            products: [[0.0; 3]; 3],
            targets: [0.0; 3],
            weight: 0.0,
            error_squares: 0.0,
            days: 0,
            charge_watts_seen: 0.0,
            discharge_watts_seen: 0.0,
            least: 1.0,
        }
    }

    /// Takes in what was measured in a slot; what comes for a slot that is over is left out and counted.
    pub fn observe(&mut self, slot: i64, reading: &Reading) {
        if let Some(newest) = self.newest {
            if slot <= newest {
                self.late += 1;
                return;
            }
            if slot != newest + 1 {
                self.close();
            }
        }
        self.newest = Some(slot);
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0);
        let charge = finite(reading.charge_percent).filter(|percent| *percent <= 100.5).map(|percent| percent / 100.0);
        let (Some(charge), Some(taken), Some(given)) =
            (charge, finite(reading.charge_watts), finite(reading.discharge_watts))
        else {
            self.close();
            return;
        };
        if self.today.last().is_some_and(|last| (last.charge - charge).abs() > JUMP) {
            self.close();
        }
        self.charge_watts_seen = self.charge_watts_seen.max(taken);
        self.discharge_watts_seen = self.discharge_watts_seen.max(given);
        self.least = self.least.min(charge);
        if self.today.is_empty() {
            // The charge is that of the slot's end: what flowed in it has been counted.
            self.sums = [0.0; 3];
        } else {
            self.sums[0] += taken * SLOT_HOURS / 1_000.0;
            self.sums[1] += given * SLOT_HOURS / 1_000.0;
            self.sums[2] += charge * SLOT_HOURS;
        }
        self.today.push(Point { charge, sums: self.sums });
        if self.today.len() > SLOTS_PER_DAY {
            self.close();
        }
    }

    /// How many readings came for slots that were over.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Takes the stretch that is over into the sums.
    fn close(&mut self) {
        let points = std::mem::take(&mut self.today);
        if points.len() < SLOTS_PER_DAY / 4 {
            return;
        }
        let count = points.len() as f64;
        let level = points.iter().map(|point| point.charge).sum::<f64>() / count;
        let middle: [f64; 3] = std::array::from_fn(|at| points.iter().map(|point| point.sums[at]).sum::<f64>() / count);
        let mut day = Normal::<3>::new();
        let mut squares = 0.0;
        for point in &points {
            let signs = [1.0, -1.0, -1.0];
            let features = std::array::from_fn(|at| signs[at] * (point.sums[at] - middle[at]));
            day.add(&features, point.charge - level, 1.0 / count);
            squares += (point.charge - level).powi(2) / count;
        }
        // How far the day is from what is known decides how much it counts.
        let mut weight = 1.0;
        let mut error = NOISE_FIRST;
        if let Some(factors) = self.factors() {
            let explained: f64 =
                (0..3).map(|row| factors[row] * (2.0 * day.targets[row] - dot(&day.products[row], &factors))).sum();
            error = (squares - explained).max(0.0).sqrt();
            if self.days >= DAYS_MIN {
                weight = (OUTLYING * self.error().max(NOISE_MIN) / error.max(1e-9)).min(1.0);
            }
        }
        let keep = 0.5_f64.powf(count / SLOTS_PER_DAY as f64 / HALF_LIFE_DAYS);
        for (row, own) in self.products.iter_mut().zip(&day.products) {
            row.iter_mut().zip(own).for_each(|(sum, own)| *sum = *sum * keep + weight * own);
        }
        self.targets.iter_mut().zip(day.targets).for_each(|(sum, own)| *sum = *sum * keep + weight * own);
        self.weight = self.weight * keep + weight;
        self.error_squares = self.error_squares * keep + weight * error * error;
        self.days += 1;
    }

    fn error(&self) -> f64 {
        (self.error_squares / self.weight.max(1e-9)).sqrt()
    }

    /// The three factors, with a slight pull of the standing loss to nothing.
    fn factors(&self) -> Option<[f64; 3]> {
        let mut normal = Normal::<3> { products: self.products, targets: self.targets };
        normal.products[2][2] += self.loss_pull();
        if normal.products[0][0] <= 0.0 || normal.products[1][1] <= 0.0 {
            return None;
        }
        let factors = normal.solve()?;
        if factors[2] >= 0.0 {
            return Some(factors);
        }
        // Nothing gains charge by standing.
        normal.products[2] = [0.0, 0.0, 1.0];
        normal.products[0][2] = 0.0;
        normal.products[1][2] = 0.0;
        normal.targets[2] = 0.0;
        normal.solve()
    }

    /// As if one more day had said "none", with a doubt of a thousandth an hour.
    fn loss_pull(&self) -> f64 {
        (self.error().max(NOISE_MIN) / 1e-3).powi(2)
    }

    /// The battery as it is known, or why it is not.
    pub fn known(&self) -> Result<BatteryModel, NotKnown> {
        if self.days < DAYS_MIN {
            return Err(NotKnown::TooShort { days: self.days });
        }
        let unsure = Err(NotKnown::Unsure { percent: 999.0 });
        let Some([taken, given, loss_per_hour]) = self.factors() else { return unsure };
        let mut products = self.products;
        products[2][2] += self.loss_pull();
        let Some(inverse) = inverse(&products) else { return unsure };
        // Errors within a day hang together: a day counts as one.
        let error = self.error().max(NOISE_MIN);
        let relative = |at: usize, value: f64| error * inverse[at][at].sqrt() / value.abs().max(1e-9);
        let capacity_unsure = relative(0, taken).max(relative(1, given));
        if capacity_unsure > UNSURE_MAX || taken <= 0.0 || given <= 0.0 {
            return Err(NotKnown::Unsure { percent: (100.0 * capacity_unsure).min(999.0) });
        }
        let round_trip = taken / given;
        if !ROUND_TRIP.contains(&(round_trip - 2.0 * capacity_unsure)) && !ROUND_TRIP.contains(&round_trip.min(1.0))
            || round_trip > 1.0 + 3.0 * capacity_unsure
        {
            return Err(NotKnown::Contradicts { percent: 100.0 * round_trip });
        }
        let capacity = self.capacity_told.unwrap_or(1.0 / (taken * given).sqrt());
        Ok(BatteryModel {
            capacity_kilowatt_hours: capacity,
            capacity_unsure,
            charge_efficiency: (taken * capacity).clamp(0.3, 1.0),
            discharge_efficiency: (1.0 / (given * capacity)).clamp(0.3, 1.0),
            loss_per_hour: loss_per_hour.clamp(0.0, 0.05),
            charge_watts_seen: self.charge_watts_seen,
            discharge_watts_seen: self.discharge_watts_seen,
            charge_percent_least: 100.0 * self.least,
            error_percent: 100.0 * self.error(),
            days: self.days,
        })
    }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    struct Truth {
        capacity: f64,
        charge: f64,
        discharge: f64,
        loss: f64,
    }

    /// Readings of a battery that follows the sun by day and the house by night.
    fn readings(truth: &Truth, seed: u64, days: usize, use_of: f64) -> Vec<Reading> {
        let mut chance = Chance::new(seed);
        let mut stored = 0.4 * truth.capacity;
        let mut readings = Vec::new();
        for slot in 0..days * SLOTS_PER_DAY {
            let hour = (slot % SLOTS_PER_DAY) as f64 / 4.0;
            let wanted =
                if (9.0..16.0).contains(&hour) { 3_000.0 * chance.unit() } else { -1_400.0 * chance.unit() } * use_of;
            let into = (wanted.max(0.0) * truth.charge * 0.25 / 1_000.0).min(truth.capacity - stored);
            let out =
                ((-wanted).max(0.0) / truth.discharge * 0.25 / 1_000.0).min(stored - 0.05 * truth.capacity).max(0.0);
            stored += into - out - truth.loss * 0.25 * stored;
            let watts = (into / truth.charge - out * truth.discharge) * 4_000.0;
            let percent = (stored / truth.capacity * 100.0).round();
            readings.push(Reading::of(Some(percent), Some(watts * (1.0 + 0.01 * chance.normal()))));
        }
        readings
    }

    fn learn(readings: &[Reading], told: Option<f64>) -> Battery {
        let mut battery = Battery::new(told);
        for (slot, reading) in readings.iter().enumerate() {
            battery.observe(slot as i64, reading);
        }
        battery
    }

    #[test]
    fn capacity_and_losses_are_found_from_whole_percents() {
        for (seed, capacity, efficiency, loss) in
            [(1, 10.2, 0.955, 0.0), (2, 5.0, 0.9, 0.002), (3, 58.0, 0.92, 0.0005), (4, 13.5, 0.97, 0.001)]
        {
            let truth = Truth { capacity, charge: efficiency, discharge: efficiency, loss };
            let model = learn(&readings(&truth, seed, 25, capacity / 10.0), None).known().unwrap();
            assert!((model.capacity_kilowatt_hours / capacity - 1.0).abs() < 0.04, "{seed}: {model:?}");
            assert!((model.charge_efficiency - efficiency).abs() < 0.025, "{seed}: {model:?}");
            assert!((model.loss_per_hour - loss).abs() < 0.0015, "{seed}: {model:?}");
            assert!(
                (model.capacity_kilowatt_hours / capacity - 1.0).abs() < 4.0 * model.capacity_unsure,
                "{seed}: {model:?}"
            );
        }
    }

    #[test]
    fn a_capacity_that_is_told_parts_the_two_ways() {
        let truth = Truth { capacity: 10.0, charge: 0.98, discharge: 0.9, loss: 0.0 };
        let model = learn(&readings(&truth, 7, 25, 1.0), Some(10.0)).known().unwrap();
        assert!(
            (model.charge_efficiency - 0.98).abs() < 0.02 && (model.discharge_efficiency - 0.9).abs() < 0.02,
            "{model:?}"
        );
    }

    #[test]
    fn gaps_jumps_and_nonsense_cost_their_days_only() {
        let truth = Truth { capacity: 10.0, charge: 0.95, discharge: 0.95, loss: 0.0 };
        let mut readings = readings(&truth, 5, 40, 1.0);
        let mut chance = Chance::new(4);
        for (slot, reading) in readings.iter_mut().enumerate() {
            if chance.unit() < 0.004 {
                reading.charge_percent = Some(if chance.unit() < 0.5 { f64::NAN } else { 5_000.0 });
            }
            if slot == 1_000 {
                reading.charge_watts = None;
            }
            // The battery corrects its count for a day.
            if (1_600..1_640).contains(&slot) {
                reading.charge_percent = reading.charge_percent.map(|percent| (percent + 20.0).min(100.0));
            }
        }
        let mut battery = learn(&readings, None);
        battery.observe(3, &Reading::default());
        assert_eq!(battery.late(), 1);
        let model = battery.known().unwrap();
        assert!((model.capacity_kilowatt_hours / 10.0 - 1.0).abs() < 0.06, "{model:?}");
    }

    #[test]
    fn a_battery_that_stands_or_contradicts_itself_is_not_known() {
        let truth = Truth { capacity: 10.0, charge: 0.95, discharge: 0.95, loss: 0.0 };
        let used = readings(&truth, 6, 20, 1.0);
        assert_eq!(learn(&used[..150], None).known().unwrap_err(), NotKnown::TooShort { days: 1 });
        let idle: Vec<Reading> = used.iter().map(|_| Reading::of(Some(50.0), Some(0.0))).collect();
        assert!(matches!(learn(&idle, None).known(), Err(NotKnown::Unsure { .. })));
        // A meter that is mounted the wrong way round.
        let turned: Vec<Reading> = used
            .iter()
            .map(|own| Reading { charge_watts: own.discharge_watts, discharge_watts: own.charge_watts, ..*own })
            .collect();
        assert!(learn(&turned, None).known().is_err());
    }
}
