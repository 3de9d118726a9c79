//! How heat moves within a step, exactly, while power, sun and outside air stay the same: stores of water, and rooms with what they stand in (2R2C).

use crate::device::{Tank, Zone};
use crate::horizon::Horizon;

/// Terms of the exponential's series; more change nothing in double precision.
const TERMS: u32 = 14;

/// What a step does to a tank: `celsius' = keep · celsius + brings · watts + rest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TankStep {
    /// What is left of a degree.
    pub keep: f64,
    /// What a watt of the heater brings, in degrees.
    pub brings: f64,
    /// What standing and drawing do, in degrees.
    pub rest: f64,
}

/// What a step does to a zone, for `(air, mass)`: `next = keep · before + brings · watts + rest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoneStep {
    /// What is left of a degree of air and mass, in air (first row) and mass.
    pub keep: [[f64; 2]; 2],
    /// What a watt of the heater brings to air and mass, in degrees.
    pub brings: [f64; 2],
    /// What outside air and gains do to air and mass, in degrees.
    pub rest: [f64; 2],
}

/// The steps of a tank.
pub fn tank_steps(tank: &Tank, horizon: &Horizon) -> Vec<TankStep> {
    let (hours, heat, loss) =
        (horizon.step_hours(), tank.kilowatt_hours_per_kelvin * 1_000.0, tank.loss_watts_per_kelvin);
    let keep = (-loss * hours / heat).exp();
    // A watt of heat for the step: it leaks while it comes.
    let warms = if loss * hours / heat > 1e-9 { (1.0 - keep) / loss } else { hours / heat };
    let of = |(performance, drawn): (&f64, &f64)| TankStep {
        keep,
        brings: performance * warms,
        rest: (1.0 - keep) * tank.ambient_celsius - drawn * warms,
    };
    tank.performance.iter().zip(&tank.drawn_watts).map(of).collect()
}

/// The steps of a zone under so much outside air.
pub fn zone_steps(zone: &Zone, outdoor_celsius: &[f64], horizon: &Horizon) -> Vec<ZoneStep> {
    let hours = horizon.step_hours();
    let air = hours / (zone.air_kilowatt_hours_per_kelvin * 1_000.0);
    let mass = hours / (zone.mass_kilowatt_hours_per_kelvin * 1_000.0);
    let (inner, outer) = (zone.inner_watts_per_kelvin, zone.outer_watts_per_kelvin);
    // The third place stands for a watt of heat into the air.
    let change = [[-(inner + outer) * air, inner * air, air], [inner * mass, -inner * mass, 0.0], [0.0; 3]];
    let [[air_of_air, air_of_mass, air_of_watt], [mass_of_air, mass_of_mass, mass_of_watt], _] = exponential(change);
    let of = |(step, performance): (usize, &f64)| {
        let from_outside = outer * outdoor_celsius[step] + zone.gain_watts[step];
        ZoneStep {
            keep: [[air_of_air, air_of_mass], [mass_of_air, mass_of_mass]],
            brings: [air_of_watt * performance, mass_of_watt * performance],
            rest: [air_of_watt * from_outside, mass_of_watt * from_outside],
        }
    };
    zone.performance.iter().enumerate().map(of).collect()
}

impl TankStep {
    /// The temperature after the step.
    pub fn after(&self, celsius: f64, watts: f64) -> f64 {
        self.keep * celsius + self.brings * watts + self.rest
    }
}

impl ZoneStep {
    /// Air and mass after the step.
    pub fn after(&self, [air, mass]: [f64; 2], watts: f64) -> [f64; 2] {
        let of = |place: usize| {
            self.keep[place][0] * air + self.keep[place][1] * mass + self.brings[place] * watts + self.rest[place]
        };
        [of(0), of(1)]
    }
}

type Matrix = [[f64; 3]; 3];

/// The exponential of a matrix, by halving it until its series converges at once.
fn exponential(matrix: Matrix) -> Matrix {
    let size = matrix.iter().flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
    let halvings = size.max(1.0).log2().ceil() as i32 + 2;
    let small = matrix.map(|row| row.map(|value| value * 0.5_f64.powi(halvings)));
    let mut term = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let mut sum = term;
    for order in 1..=TERMS {
        term = product(&term, &small).map(|row| row.map(|value| value / f64::from(order)));
        for (row, terms) in sum.iter_mut().zip(&term) {
            row.iter_mut().zip(terms).for_each(|(value, term)| *value += term);
        }
    }
    (0..halvings).fold(sum, |sum, _| product(&sum, &sum))
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let mut product = [[0.0; 3]; 3];
    for (row, values) in product.iter_mut().enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            *value = (0..3).map(|inner| left[row][inner] * right[inner][column]).sum();
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn horizon(step_seconds: u32) -> Horizon {
        Horizon { start: Timestamp::from_seconds(0), step_seconds, steps: 1 }
    }

    fn tank() -> Tank {
        Tank {
            celsius: 50.0,
            celsius_min: 45.0,
            celsius_max: 60.0,
            kilowatt_hours_per_kelvin: 0.35,
            loss_watts_per_kelvin: 2.0,
            ambient_celsius: 20.0,
            watts_max: 2_000.0,
            performance: vec![3.0],
            drawn_watts: vec![1_500.0],
        }
    }

    fn zone() -> Zone {
        Zone {
            air_celsius: 20.0,
            mass_celsius: 19.0,
            air_kilowatt_hours_per_kelvin: 0.5,
            mass_kilowatt_hours_per_kelvin: 10.0,
            inner_watts_per_kelvin: 400.0,
            outer_watts_per_kelvin: 150.0,
            gain_watts: vec![300.0],
            celsius_min: vec![20.0],
            celsius_max: vec![22.0],
            discomfort_per_kelvin_hour: 1.0,
            watts_max: 2_500.0,
            performance: vec![3.5],
        }
    }

    /// Small steps of the equations themselves.
    fn slowly(seconds: u32, mut state: [f64; 2], change: impl Fn([f64; 2]) -> [f64; 2]) -> [f64; 2] {
        let parts = seconds * 10;
        for _ in 0..parts {
            let by = change(state);
            state = [state[0] + by[0] / 36_000.0, state[1] + by[1] / 36_000.0];
        }
        state
    }

    #[test]
    fn a_step_does_what_the_equations_do() {
        for seconds in [900, 3_600] {
            let (tank, zone) = (tank(), zone());
            let step = tank_steps(&tank, &horizon(seconds))[0];
            let watts = 800.0;
            let heat = |celsius: f64| (3.0 * watts - 2.0 * (celsius - 20.0) - 1_500.0) / 350.0;
            let slow = slowly(seconds, [50.0, 0.0], |[celsius, _]| [heat(celsius), 0.0]);
            assert!((step.after(50.0, watts) - slow[0]).abs() < 1e-3);

            let step = zone_steps(&zone, &[-5.0], &horizon(seconds))[0];
            let slow = slowly(seconds, [20.0, 19.0], |[air, mass]| {
                let into_air = 400.0 * (mass - air) + 150.0 * (-5.0 - air) + 300.0 + 3.5 * watts;
                [into_air / 500.0, 400.0 * (air - mass) / 10_000.0]
            });
            let exact = step.after([20.0, 19.0], watts);
            assert!((exact[0] - slow[0]).abs() < 1e-2 && (exact[1] - slow[1]).abs() < 1e-3, "{exact:?} {slow:?}");
        }
    }

    #[test]
    fn what_loses_nothing_keeps_everything() {
        let tank = Tank { loss_watts_per_kelvin: 0.0, drawn_watts: vec![0.0], ..tank() };
        let step = tank_steps(&tank, &horizon(3_600))[0];
        assert!((step.after(50.0, 350.0) - 53.0).abs() < 1e-9);
    }
}
