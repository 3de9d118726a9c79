//! The model itself, and its exact steps.

use serde::{Deserialize, Serialize};

/// In how many parts of the day gains may differ.
pub const GAIN_BINS: usize = 8;

/// Terms of the exponential's series; more change nothing in double precision.
const TERMS: u32 = 12;

/// A zone: two stores of heat, and what goes between them and the outside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZoneModel {
    /// Heat for a degree of the air and what goes with it at once.
    pub air_kilowatt_hours_per_kelvin: f64,
    /// Heat for a degree of walls, floors and furniture.
    pub mass_kilowatt_hours_per_kelvin: f64,
    /// What goes from the mass to the air, for each degree.
    pub inner_watts_per_kelvin: f64,
    /// What goes from the air to the outside, for each degree.
    pub outer_watts_per_kelvin: f64,
    /// The windows, as if all of the sun on a level surface came through so many square metres.
    pub sun_square_metres: f64,
    /// What people and devices give, in each of [`GAIN_BINS`] equal parts of the local day.
    pub gain_watts: [f64; GAIN_BINS],
}

impl ZoneModel {
    /// What people and devices give at a second of the local day.
    pub fn gain_at(&self, second_of_day: i64) -> f64 {
        self.gain_watts[second_of_day.rem_euclid(86_400) as usize * GAIN_BINS / 86_400]
    }

    /// Its steps of a length.
    pub fn steps_of(&self, seconds: f64) -> Discrete {
        let hours = seconds / 3_600.0;
        let air = hours / (self.air_kilowatt_hours_per_kelvin * 1_000.0);
        let mass = hours / (self.mass_kilowatt_hours_per_kelvin * 1_000.0);
        let (inner, outer) = (self.inner_watts_per_kelvin, self.outer_watts_per_kelvin);
        // The third place stands for a watt of heat into the air.
        let change = [[-(inner + outer) * air, inner * air, air], [inner * mass, -inner * mass, 0.0], [0.0; 3]];
        let [[air_of_air, air_of_mass, air_of_watt], [mass_of_air, mass_of_mass, mass_of_watt], _] =
            exponential(change);
        Discrete {
            keep: [[air_of_air, air_of_mass], [mass_of_air, mass_of_mass]],
            brings: [air_of_watt, mass_of_watt],
            outer_watts_per_kelvin: outer,
        }
    }
}

/// What a step of a fixed length does, exactly, while everything that acts stays the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discrete {
    keep: [[f64; 2]; 2],
    brings: [f64; 2],
    outer_watts_per_kelvin: f64,
}

impl Discrete {
    /// Air and mass after a step; `watts` is all heat into the air but what comes from outside.
    pub fn after(&self, [air, mass]: [f64; 2], outdoor_celsius: f64, watts: f64) -> [f64; 2] {
        let heat = watts + self.outer_watts_per_kelvin * outdoor_celsius;
        let of = |place: usize| self.keep[place][0] * air + self.keep[place][1] * mass + self.brings[place] * heat;
        [of(0), of(1)]
    }
}

type Matrix = [[f64; 3]; 3];

/// The exponential of a matrix, by halving it until its series converges at once.
fn exponential(matrix: Matrix) -> Matrix {
    let size = matrix.iter().flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
    let halvings = (0..20).find(|count| size <= 0.5 * f64::from(1_u32 << count)).unwrap_or(20);
    let small = matrix.map(|row| row.map(|value| value / f64::from(1_u32 << halvings)));
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
    use super::*;

    #[test]
    fn a_step_does_what_the_equations_do() {
        let model = ZoneModel {
            air_kilowatt_hours_per_kelvin: 0.5,
            mass_kilowatt_hours_per_kelvin: 10.0,
            inner_watts_per_kelvin: 400.0,
            outer_watts_per_kelvin: 150.0,
            sun_square_metres: 0.0,
            gain_watts: [0.0; GAIN_BINS],
        };
        let (mut air, mut mass) = (20.0, 19.0);
        for _ in 0..36_000 {
            let into_air = 400.0 * (mass - air) + 150.0 * (-5.0 - air) + 3_000.0;
            (air, mass) = (air + into_air / 500.0 / 10.0 / 3_600.0, mass + 400.0 * (air - mass) / 10_000.0 / 36_000.0);
        }
        let [exact_air, exact_mass] = model.steps_of(3_600.0).after([20.0, 19.0], -5.0, 3_000.0);
        assert!(
            (exact_air - air).abs() < 2e-3 && (exact_mass - mass).abs() < 2e-3,
            "{exact_air} {air} {exact_mass} {mass}"
        );
        let half = model.steps_of(1_800.0);
        let twice = half.after(half.after([20.0, 19.0], -5.0, 3_000.0), -5.0, 3_000.0);
        assert!((twice[0] - exact_air).abs() < 1e-9, "two halves are a whole");
    }
}
