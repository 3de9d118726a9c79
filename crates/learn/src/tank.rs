//! What a tank of hot water holds, loses and gives, found from its temperature and its heater.
//!
//! Between draws the temperature follows `C · dT/dt = heat - U (T - room)`; a draw only ever cools it. Draws are thus found as falls
//! that standing cannot explain, and capacity and loss from the stretches between them, each with a level of its own, because a
//! sensor of half a degree says nothing of a quarter of an hour and much of a night (least squares with trimming; Rousseeuw and
//! Leroy, "Robust regression and outlier detection", 1987). What was drawn is what is missing afterwards, summed up by the hour of the local day
//! and by workday or weekend.
//!
//! A bounded window of two weeks is kept; nothing else.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::normal::{Normal, inverse, median};
use crate::slots::{SLOT_HOURS, SLOT_SECONDS, SLOTS_PER_DAY};

/// The most slots that are looked back on.
pub const WINDOW_SLOTS: usize = 14 * SLOTS_PER_DAY;
/// The fewest days with temperature and heat.
pub const DAYS_MIN: f64 = 3.0;
/// The relative standard error that the capacity may have.
pub const UNSURE_MAX: f64 = 0.15;
/// Parts of the day that draws are told for.
pub const HOURS: usize = 24;
/// A fall of this much more than standing explains is a draw, in usual errors and in kelvin.
const DRAW: (f64, f64) = (3.0, 0.25);
/// The shortest stretch between draws that says anything, in slots.
const STRETCH_MIN: usize = 4;
/// So many slots of a stretch count as one.
const TOGETHER: f64 = 8.0;
/// Rounds of finding draws and finding the tank.
const ROUNDS: usize = 6;
/// What tanks lose when it cannot be told, in kelvin an hour for each degree above the room.
const LOSS_TYPICAL: f64 = 0.01;
/// Noise of a sensor, in kelvin.
const NOISE_MIN: f64 = 0.05;

/// What was measured in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// The tank at the end of the slot.
    pub celsius: Option<f64>,
    /// What heats it. When only the heater's electricity is known, capacity and draws come out in that.
    pub heat_watts: Option<f64>,
    /// The room that it stands in; 20 °C when nobody says.
    pub room_celsius: Option<f64>,
}

/// A tank as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TankModel {
    /// Heat for a degree.
    pub kilowatt_hours_per_kelvin: f64,
    /// Its relative standard error.
    pub capacity_unsure: f64,
    /// What it loses for each degree above its room.
    pub loss_watts_per_kelvin: f64,
    /// Mean heat drawn in each hour of workdays and of weekends.
    pub drawn_watts: [[f64; HOURS]; 2],
    /// By how much a stretch between draws is missed, in kelvin.
    pub error_kelvin: f64,
    /// Over how many days.
    pub days: f64,
}

/// Why a tank is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum NotKnown {
    /// Too little was measured.
    #[error("{days:.1} days with temperature and heat are too few, {DAYS_MIN} are needed")]
    TooShort {
        /// How many there are.
        days: f64,
    },
    /// It was not heated enough.
    #[error("what it stores is only known to {percent:.0} %")]
    Unsure {
        /// The relative standard error.
        percent: f64,
    },
}

/// One slot: tank, heat and room.
type Row = [Option<f32>; 3];

/// Learns a tank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tank {
    utc_offset_s: i64,
    rows: VecDeque<Row>,
    newest: Option<i64>,
    late: u64,
}

impl Tank {
    /// Nothing measured yet; local time is so many seconds ahead of UTC.
    pub fn new(utc_offset_s: i64) -> Self {
        Self { utc_offset_s, rows: VecDeque::new(), newest: None, late: 0 }
    }

    /// Takes in what was measured in a slot; what comes for a slot that is over is left out and counted.
    pub fn observe(&mut self, slot: i64, reading: &Reading) {
        let missing = match self.newest {
            Some(newest) if slot <= newest => {
                self.late += 1;
                return;
            }
            Some(newest) => usize::try_from(slot - newest - 1).unwrap_or(usize::MAX).min(WINDOW_SLOTS),
            None => 0,
        };
        self.newest = Some(slot);
        let number = |value: Option<f64>, low: f64, high: f64| {
            value.filter(|value| (low..=high).contains(value)).map(|value| value as f32)
        };
        self.rows.extend(std::iter::repeat_n([None; 3], missing));
        self.rows.push_back([
            number(reading.celsius, 0.0, 110.0),
            number(reading.heat_watts, 0.0, 100_000.0),
            number(reading.room_celsius, -40.0, 60.0),
        ]);
        let over = self.rows.len().saturating_sub(WINDOW_SLOTS);
        self.rows.drain(..over);
    }

    /// How many readings came for slots that were over.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The tank as it is known, or why it is not.
    pub fn known(&self) -> Result<TankModel, NotKnown> {
        let steps = self.steps();
        let days = steps.iter().flatten().count() as f64 / SLOTS_PER_DAY as f64;
        if days < DAYS_MIN {
            return Err(NotKnown::TooShort { days });
        }
        let mut found = Found::first(&steps);
        let mut draws = vec![false; steps.len()];
        for _ in 0..ROUNDS {
            draws = find_draws(&steps, &found);
            let Some(next) = Found::between(&steps, &draws) else { return Err(NotKnown::Unsure { percent: 999.0 }) };
            found = next;
        }
        if found.unsure.is_nan() || found.unsure > UNSURE_MAX || found.heats <= 0.0 {
            return Err(NotKnown::Unsure { percent: (100.0 * found.unsure).min(999.0) });
        }
        let kilowatt_hours_per_kelvin = 1.0 / found.heats;
        Ok(TankModel {
            kilowatt_hours_per_kelvin,
            capacity_unsure: found.unsure,
            loss_watts_per_kelvin: found.loss_per_hour * kilowatt_hours_per_kelvin * 1_000.0,
            drawn_watts: self.drawn(&steps, &draws, &found),
            error_kelvin: found.error,
            days,
        })
    }

    /// What happened from each slot to the next.
    fn steps(&self) -> Vec<Option<Step>> {
        let rows: Vec<&Row> = self.rows.iter().collect();
        let of = |pair: &[&Row]| {
            let [[before, ..], [after, heat, room]] = [*pair[0], *pair[1]];
            let (before, after) = (f64::from(before?), f64::from(after?));
            let above = before.midpoint(after) - room.map_or(20.0, f64::from);
            Some(Step {
                after,
                change: after - before,
                heat: f64::from(heat?) * SLOT_HOURS / 1_000.0,
                stood: above * SLOT_HOURS,
            })
        };
        rows.windows(2).map(of).collect()
    }

    fn drawn(&self, steps: &[Option<Step>], draws: &[bool], found: &Found) -> [[f64; HOURS]; 2] {
        let first = self.newest.unwrap_or(0) - steps.len() as i64 + 1;
        let (mut sums, mut counts) = ([[0.0; HOURS]; 2], [[0.0_f64; HOURS]; 2]);
        for (at, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            let second = (first + at as i64) * SLOT_SECONDS + self.utc_offset_s;
            let hour = second.rem_euclid(86_400) as usize / 3_600;
            // The first of January 1970 was a Thursday.
            let is_weekend = usize::from((second.div_euclid(86_400) + 3).rem_euclid(7) >= 5);
            counts[is_weekend][hour] += SLOT_HOURS;
            if draws[at] {
                sums[is_weekend][hour] += (found.expected(step) - step.change).max(0.0) / found.heats * 1_000.0;
            }
        }
        let both = |sums: &[[f64; HOURS]; 2], hour: usize| sums[0][hour] + sums[1][hour];
        std::array::from_fn(|day| {
            std::array::from_fn(|hour| {
                // A few days of one kind lean on those of the other.
                let mean = both(&sums, hour) / both(&counts, hour).max(1.0);
                (sums[day][hour] + 3.0 * mean) / (counts[day][hour] + 3.0)
            })
        })
    }
}

/// What happened within a slot.
#[derive(Debug, Clone, Copy)]
struct Step {
    after: f64,
    change: f64,
    /// Kilowatt hours that came.
    heat: f64,
    /// Degrees above the room times hours.
    stood: f64,
}

/// What is known of the tank between two rounds.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Degrees for a kilowatt hour.
    heats: f64,
    loss_per_hour: f64,
    /// The usual error of a slot's change.
    error: f64,
    unsure: f64,
}

impl Found {
    fn expected(&self, step: &Step) -> f64 {
        self.heats * step.heat - self.loss_per_hour * step.stood
    }

    /// Slots with much heat and no draw rise the most: those in the upper half say what heat does.
    fn first(steps: &[Option<Step>]) -> Self {
        let most = steps.iter().flatten().map(|step| step.heat).fold(0.0, f64::max);
        let mut rises: Vec<f64> = steps
            .iter()
            .flatten()
            .filter(|step| step.heat > 0.6 * most && step.heat > 0.0)
            .map(|step| (step.change + LOSS_TYPICAL * step.stood) / step.heat)
            .collect();
        rises.sort_by(f64::total_cmp);
        let heats = rises.get(rises.len() * 7 / 10).copied().unwrap_or(0.0).max(1e-3);
        Self { heats, loss_per_hour: LOSS_TYPICAL, error: 0.3, unsure: f64::NAN }
    }

    /// From all stretches between draws: levels, each stretch around its own.
    fn between(steps: &[Option<Step>], draws: &[bool]) -> Option<Self> {
        let (mut normal, mut rows, mut stretches) = (Normal::<2>::new(), Vec::new(), 0.0);
        let mut at = 0;
        while at < steps.len() {
            let run = (at..steps.len()).take_while(|at| steps[*at].is_some() && !draws[*at]).count();
            if run >= STRETCH_MIN {
                stretches += 1.0;
                rows.extend(levels(steps[at..at + run].iter().flatten()));
            }
            at += run.max(1);
        }
        rows.iter().for_each(|(features, level)| normal.add(features, *level, 1.0));
        // Tanks lose something; how much may take long to see.
        let pull = 1e-3 * rows.len() as f64 + 20.0;
        normal.products[1][1] += pull;
        normal.targets[1] += pull * LOSS_TYPICAL;
        let [heats, loss_per_hour] = normal.solve()?;
        let loss_per_hour = loss_per_hour.clamp(0.0, 0.2);
        let mut errors: Vec<f64> = rows
            .iter()
            .map(|(features, level)| (level - heats * features[0] - loss_per_hour * features[1]).abs())
            .collect();
        let level_error = (1.4826 * median(&mut errors)?).max(NOISE_MIN);
        // Errors within a stretch hang together: some slots count as one.
        let rows_of_a_stretch = (rows.len() as f64 / f64::max(stretches, 1.0)).min(TOGETHER);
        let spread = inverse(&normal.products)?[0][0] * rows_of_a_stretch;
        let mut changes: Vec<f64> = steps
            .iter()
            .zip(draws)
            .filter_map(|(step, draw)| step.as_ref().filter(|_| !draw))
            .map(|step| (step.change - heats * step.heat + loss_per_hour * step.stood).abs())
            .collect();
        let error = (1.4826 * median(&mut changes)?).max(NOISE_MIN);
        Some(Self { heats, loss_per_hour, error, unsure: level_error * spread.sqrt() / heats.abs().max(1e-9) })
    }
}

/// Levels of a stretch around their mean, with what explains them.
fn levels<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<([f64; 2], f64)> {
    let mut sums = [0.0; 2];
    let rows: Vec<([f64; 2], f64)> = steps
        .map(|step| {
            sums = [sums[0] + step.heat, sums[1] - step.stood];
            (sums, step.after)
        })
        .collect();
    let count = rows.len() as f64;
    let middle: [f64; 2] = std::array::from_fn(|at| rows.iter().map(|(sums, _)| sums[at]).sum::<f64>() / count);
    let level = rows.iter().map(|(_, after)| after).sum::<f64>() / count;
    rows.into_iter().map(|([heat, stood], after)| ([heat - middle[0], stood - middle[1]], after - level)).collect()
}

/// The smallest change that the sensor tells, or near it: one such step down is no draw.
fn resolution(steps: &[Option<Step>]) -> f64 {
    let mut changes: Vec<f64> =
        steps.iter().flatten().map(|step| step.change.abs()).filter(|change| *change > 1e-3).collect();
    let at = changes.len() / 50;
    if changes.is_empty() { 0.0 } else { (*changes.select_nth_unstable_by(at, f64::total_cmp).1).min(1.0) }
}

/// In which slots the tank fell by more than standing explains.
fn find_draws(steps: &[Option<Step>], found: &Found) -> Vec<bool> {
    let (errors, kelvin) = DRAW;
    let limit = (errors * found.error).max(kelvin).max(1.25 * resolution(steps));
    steps.iter().map(|step| step.as_ref().is_some_and(|step| found.expected(step) - step.change > limit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// A tank that is kept at 51 °C, with showers in the morning and, on weekends, at noon.
    fn simulate(seed: u64, capacity: f64, loss: f64, resolution: f64) -> (Vec<Reading>, f64) {
        let mut chance = Chance::new(seed);
        let (mut celsius, mut heating, mut drawn) = (48.0, false, 0.0);
        let mut readings = Vec::new();
        for slot in 0..14 * SLOTS_PER_DAY {
            let hour = (slot % SLOTS_PER_DAY) as f64 / 4.0;
            let is_weekend = (slot / SLOTS_PER_DAY + 3) % 7 >= 5;
            let mut heat = 0.0;
            let draws = if is_weekend { hour == 12.0 } else { hour == 6.5 || hour == 7.0 };
            let draw = if draws && chance.unit() < 0.9 { 1.0 + 1.5 * chance.unit() } else { 0.0 };
            drawn += draw;
            for _ in 0..15 {
                heating = if heating { celsius < 51.5 } else { celsius < 46.0 };
                let watts = if heating { 6_000.0 } else { 0.0 };
                heat += watts / 15.0;
                let change = watts - loss * (celsius - 19.0) - draw * 4_000.0;
                celsius += change / 60.0 / 1_000.0 / capacity;
            }
            let told = ((celsius + 0.05 * chance.normal()) / resolution).round() * resolution;
            readings.push(Reading { celsius: Some(told), heat_watts: Some(heat), room_celsius: Some(19.0) });
        }
        (readings, drawn)
    }

    fn learn(readings: &[Reading]) -> Tank {
        let mut tank = Tank::new(0);
        readings.iter().enumerate().for_each(|(slot, reading)| tank.observe(slot as i64, reading));
        tank
    }

    #[test]
    fn capacity_loss_and_draws_are_found() {
        for (seed, capacity, loss, resolution) in
            [(1, 0.256, 2.3, 0.1), (2, 0.35, 1.6, 0.5), (3, 0.18, 3.0, 0.1), (4, 0.58, 2.0, 0.5)]
        {
            let (readings, drawn) = simulate(seed, capacity, loss, resolution);
            let model = learn(&readings).known().unwrap();
            assert!((model.kilowatt_hours_per_kelvin / capacity - 1.0).abs() < 0.12, "{seed}: {model:?}");
            assert!((model.loss_watts_per_kelvin / loss - 1.0).abs() < 0.4, "{seed}: {model:?}");
            let day = |kind: usize| model.drawn_watts[kind].iter().sum::<f64>() / 1_000.0;
            let found = 10.0 * day(0) + 4.0 * day(1);
            assert!((found / drawn - 1.0).abs() < 0.25, "{seed}: {found} of {drawn}");
            assert!(
                model.drawn_watts[0][6] > 300.0 && model.drawn_watts[0][6] > 3.0 * model.drawn_watts[0][12],
                "{model:?}"
            );
            assert!(model.drawn_watts[1][12] > 300.0, "{model:?}");
        }
    }

    #[test]
    fn a_tank_that_is_cold_or_hardly_seen_is_not_known() {
        let (readings, _) = simulate(5, 0.256, 2.3, 0.1);
        assert!(matches!(learn(&readings[..200]).known(), Err(NotKnown::TooShort { .. })));
        let unheated: Vec<Reading> =
            readings.iter().map(|reading| Reading { heat_watts: Some(0.0), ..*reading }).collect();
        assert!(matches!(learn(&unheated).known(), Err(NotKnown::Unsure { .. })));
        let mut holed = readings;
        let mut chance = Chance::new(2);
        holed.iter_mut().filter(|_| chance.unit() < 0.05).for_each(|reading| reading.celsius = Some(f64::NAN));
        let model = learn(&holed).known().unwrap();
        assert!((model.kilowatt_hours_per_kelvin / 0.256 - 1.0).abs() < 0.15, "{model:?}");
    }
}
