//! Tanks and zones: heat is stored in water, air and walls.

use plan::linear::{Row, Solution, Variable};

use super::build::{Builder, WATTS};
use crate::device::{Tank, Zone};
use crate::heat::{TankStep, ZoneStep};

/// Degrees that what can be reached is widened by, so that rounding leaves room.
const SLACK_KELVIN: f64 = 1e-3;

/// The variables and rows of something that is heated.
#[derive(Debug, Clone)]
pub(super) struct Heated {
    power: Vec<Variable>,
    /// Their prices say what a degree at the end of the step is worth: of the water, or of the air.
    pub(super) rows: Vec<Row>,
}

impl Heated {
    pub(super) fn of_tank(builder: &mut Builder<'_>, tank: &Tank, steps: &[TankStep], end_price: f64) -> Self {
        let mut heated = Self { power: Vec::with_capacity(steps.len()), rows: Vec::with_capacity(steps.len()) };
        let (celsius_min, celsius_max) = ordered(tank.celsius_min, tank.celsius_max);
        let performance = tank.performance.iter().sum::<f64>() / tank.performance.len() as f64;
        let needs = tank.kilowatt_hours_per_kelvin / performance;
        let (mut before, mut alone, mut most) = (None::<Variable>, tank.celsius, tank.celsius);
        for (step, of) in steps.iter().enumerate() {
            let power = builder.power(tank.watts_max / WATTS, 0.0);
            builder.draw(step, power, 1.0);
            let brought = if before.is_none() { of.keep * alone } else { 0.0 } + of.rest;
            alone = of.after(alone, 0.0);
            most = of.after(most, tank.watts_max);
            let worth = if step + 1 == steps.len() { -needs * end_price } else { 0.0 };
            // What stands too hot cools by itself, and no faster.
            let celsius_max = celsius_max.max(alone);
            let celsius = builder.variable(alone - SLACK_KELVIN, celsius_max.min(most) + SLACK_KELVIN, worth);
            let terms = [(celsius, 1.0), (power, -of.brings * WATTS)].into_iter();
            let terms = terms.chain(before.map(|before| (before, -of.keep)));
            heated.rows.push(builder.program.row(brought, brought, terms));
            let drawn = |step: usize| tank.drawn_watts.get(step).is_some_and(|watts| *watts > 0.0);
            if drawn(step) || drawn(step + 1) {
                let below = builder.variable(0.0, f64::INFINITY, builder.worth.shortfall * needs);
                builder.program.row(celsius_min, f64::INFINITY, [(celsius, 1.0), (below, 1.0)]);
            }
            before = Some(celsius);
            heated.power.push(power);
        }
        heated
    }

    pub(super) fn of_zone(builder: &mut Builder<'_>, zone: &Zone, steps: &[ZoneStep]) -> Self {
        let mut heated = Self { power: Vec::with_capacity(steps.len()), rows: Vec::with_capacity(steps.len()) };
        let discomfort = zone.discomfort_per_kelvin_hour * builder.hours;
        let start = [zone.air_celsius, zone.mass_celsius];
        let (mut alone, mut most) = (start, start);
        let mut before: Option<([(Variable, f64); 3], Variable)> = None;
        for (step, of) in steps.iter().enumerate() {
            let power = builder.power(zone.watts_max / WATTS, 0.0);
            builder.draw(step, power, 1.0);
            (alone, most) = (of.after(alone, 0.0), of.after(most, zone.watts_max));
            // The air is what is inside the band, and what is above or below it.
            let (celsius_min, celsius_max) = band(zone, step + 1);
            let inside = builder.variable(celsius_min, celsius_max, 0.0);
            let above = builder.variable(0.0, f64::INFINITY, discomfort);
            let below = builder.variable(0.0, f64::INFINITY, discomfort);
            let (least, highest) = (alone[1].min(most[1]) - SLACK_KELVIN, alone[1].max(most[1]) + SLACK_KELVIN);
            let mass = builder.variable(least, highest, 0.0);
            let air = [(inside, 1.0), (above, 1.0), (below, -1.0)];
            for place in [0, 1] {
                let now = if place == 0 { air.to_vec() } else { vec![(mass, 1.0)] };
                let mut terms = now;
                terms.push((power, -of.brings[place] * WATTS));
                let brought = match &before {
                    None => of.keep[place][0] * start[0] + of.keep[place][1] * start[1],
                    Some((air, mass)) => {
                        terms.extend(air.iter().map(|(variable, sign)| (*variable, -of.keep[place][0] * sign)));
                        terms.push((*mass, -of.keep[place][1]));
                        0.0
                    }
                } + of.rest[place];
                let row = builder.program.row(brought, brought, terms);
                if place == 0 {
                    heated.rows.push(row);
                }
            }
            before = Some((air, mass));
            heated.power.push(power);
        }
        heated
    }

    /// What it takes in each step, in kilowatts.
    pub(super) fn kilowatts(&self, solution: &Solution) -> Vec<f64> {
        self.power.iter().map(|power| solution.value(*power)).collect()
    }

    /// What it takes in a step.
    pub(super) fn power(&self, step: usize) -> Variable {
        self.power[step]
    }
}

/// The band of comfort at the begin of a step; at the end of the horizon that of the last step.
pub(crate) fn band(zone: &Zone, step: usize) -> (f64, f64) {
    let step = step.min(zone.celsius_min.len() - 1);
    ordered(zone.celsius_min[step], zone.celsius_max[step])
}

/// Limits that contradict each other meet in their middle.
pub(crate) fn ordered(min: f64, max: f64) -> (f64, f64) {
    if min <= max { (min, max) } else { (f64::midpoint(min, max), f64::midpoint(min, max)) }
}
