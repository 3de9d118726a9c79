//! What is unusual across the properties of one thing: values that are ordinary one by one, and not together.
//!
//! The properties are brought to one scale and their few main directions are followed sample by sample (candid
//! covariance-free incremental principal components). Hotelling's T² says how far a sample is along these directions,
//! Q how far beside them. Both are calibrated by their own past. Which property does not fit is read from their covariance:
//! the one that is farthest from what the others say of it, in terms of how well they know. A sample of which one value is extreme by itself is left
//! to those who watch that value.

use crate::calibrate::Peaks;
use crate::codec::{CodecError, from_bytes, packed, to_bytes};

/// The version of the bytes.
const VERSION: u8 = 2;
/// The most properties that are watched together.
pub const PROPERTIES_MAX: usize = 16;
/// Directions that are followed.
const DIRECTIONS: usize = 3;
/// A value counts as no more than so many of its deviations.
const SCALED_MAX: f64 = 8.0;
/// A month.
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;
/// The properties that are named beside the one that does not fit.
const OTHERS_MAX: usize = 3;
/// How many learning periods are remembered.
const MEMORY_PERIODS: f64 = 8.0;

/// The properties of a thing together.
#[derive(Debug, Clone)]
pub struct Together {
    warmup_steps: u32,
    steps: u32,
    mean: Vec<f64>,
    variance: Vec<f64>,
    directions: Vec<Vec<f64>>,
    along: Peaks,
    beside: Peaks,
    /// How far the farthest value is by itself.
    alone: Peaks,
    /// Of the scaled values, row by row.
    covariance: Vec<f32>,
}

packed!(Together { warmup_steps, steps, mean, variance, directions, along, beside, alone, covariance });

/// What a sample of all properties was judged to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// The decimal logarithm of the time between such samples, in learning periods; 0 is ordinary.
    pub rarity: f64,
    /// Hotelling's T².
    pub along: f64,
    /// The squared distance from the main directions.
    pub beside: f64,
    /// The property that is farthest from what the others say of it.
    pub property: usize,
    /// What the others say of it.
    pub expected: f64,
    /// Those others that say the most of it, the one that says the most first.
    pub others: Vec<usize>,
}

impl Together {
    /// Watches so many properties, the first [`PROPERTIES_MAX`] of them, after so many samples of learning.
    pub fn new(properties: usize, warmup_steps: u32) -> Self {
        let properties = properties.min(PROPERTIES_MAX);
        Self {
            warmup_steps,
            steps: 0,
            mean: vec![0.0; properties],
            variance: vec![0.0; properties],
            directions: vec![vec![0.0; properties]; DIRECTIONS.min(properties.saturating_sub(1))],
            along: Peaks::new(warmup_steps, true),
            beside: Peaks::new(warmup_steps, true),
            alone: Peaks::new(warmup_steps, true),
            covariance: vec![0.0; properties * properties],
        }
    }

    /// Whether it has learned enough to judge.
    pub fn ready(&self) -> bool {
        self.steps >= 2 * self.warmup_steps
    }

    /// The rarity of what comes by chance so many times a month, when samples are so far apart.
    pub fn rarity_of(&self, alarms_per_month: f64, step_seconds: f64) -> f64 {
        let periods = MONTH_SECONDS / (step_seconds.max(1e-6) * f64::from(self.warmup_steps.max(1)));
        (periods / alarms_per_month.max(1e-6)).log10().max(0.0)
    }

    /// Like [`Together::observe`], and tells only what is at least as rare as `threshold`; what goes on, again.
    pub fn watch(&mut self, values: &[f64], threshold: f64) -> Option<Joint> {
        let joint = self.observe(values)?;
        (self.ready() && joint.rarity > 0.0 && joint.rarity >= threshold).then_some(joint)
    }

    /// Takes the values of all properties at one moment. `None` for a sample of another length, or with a value that is
    /// no number: neither is learned from.
    pub fn observe(&mut self, values: &[f64]) -> Option<Joint> {
        if values.len() < self.mean.len() || self.mean.is_empty() {
            return None;
        }
        let values = &values[..self.mean.len()];
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        self.steps = self.steps.saturating_add(1);
        let weight = 1.0 / f64::from(self.steps).min(MEMORY_PERIODS * f64::from(self.warmup_steps.max(1)));
        let scaled = self.scale(values, weight);
        let (along, rest) = self.project(&scaled);
        let beside: f64 = rest.iter().map(|value| value * value).sum();
        self.turn(&scaled, weight);
        let farthest = |values: &[f64]| {
            let places = values.iter().enumerate();
            places.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map_or(0, |(place, _)| place)
        };
        let alone = scaled[farthest(&scaled)].abs();
        let early = self.steps < self.warmup_steps / 2;
        let is_joint = !early && self.alone.rarity(alone) <= 0.0;
        let rarity = if is_joint { self.along.rarity(along).max(self.beside.rarity(beside)) } else { 0.0 };
        if !early {
            self.along.learn(along);
            self.beside.learn(beside);
            self.alone.learn(alone);
        }
        let mut joint = Joint { rarity, along, beside, property: 0, expected: values[0], others: Vec::new() };
        if rarity > 0.0 {
            self.name(&mut joint, values, &scaled);
        }
        self.learn_covariance(&scaled, weight);
        Some(joint)
    }

    fn learn_covariance(&mut self, scaled: &[f64], weight: f64) {
        let count = scaled.len();
        for (place, known) in self.covariance.iter_mut().enumerate() {
            let product = scaled[place / count] * scaled[place % count];
            *known += ((product - f64::from(*known)) * weight) as f32;
        }
    }

    /// Says which property does not fit, what the others say of it, and which of them say the most.
    fn name(&self, joint: &mut Joint, values: &[f64], scaled: &[f64]) {
        let count = scaled.len();
        let precision = inverse(self.covariance.iter().map(|known| f64::from(*known)).collect(), count);
        // How far a value is from what the others say of it, and in terms of how well they know.
        let away = |place: usize| dot(&precision[place * count..][..count], scaled) / precision[place * count + place];
        let misfit = |place: usize| away(place).powi(2) * precision[place * count + place];
        let property = (0..count).max_by(|a, b| misfit(*a).total_cmp(&misfit(*b))).unwrap_or(0);
        let mut others: Vec<usize> = (0..count).filter(|other| *other != property).collect();
        let says = |other: usize| {
            let own = precision[other * count + other] * precision[property * count + property];
            precision[property * count + other].abs() / own.max(1e-12).sqrt()
        };
        others.sort_by(|a, b| says(*b).total_cmp(&says(*a)));
        others.truncate(OTHERS_MAX);
        joint.property = property;
        joint.expected = values[property] - away(property) * self.variance[property].sqrt();
        joint.others = others;
    }

    /// The whole state.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(VERSION, self)
    }

    /// From its state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        from_bytes(VERSION, bytes)
    }

    /// Brings the values to one scale by what came before, and learns the scale.
    fn scale(&mut self, values: &[f64], weight: f64) -> Vec<f64> {
        let moments = self.mean.iter_mut().zip(&mut self.variance);
        let scale = |(value, (mean, variance)): (&f64, (&mut f64, &mut f64))| {
            let away = value - *mean;
            let scaled = if *variance > 0.0 { away / variance.sqrt() } else { 0.0 };
            *mean += away * weight;
            *variance += (away * (value - *mean) - *variance) * weight;
            scaled.clamp(-SCALED_MAX, SCALED_MAX)
        };
        values.iter().zip(moments).map(scale).collect()
    }

    /// T², and what the main directions leave over.
    fn project(&self, scaled: &[f64]) -> (f64, Vec<f64>) {
        let mut rest = scaled.to_vec();
        let mut along = 0.0;
        for direction in &self.directions {
            // Their lengths are the variances along them.
            let length = norm(direction);
            if length <= 1e-12 {
                continue;
            }
            let share = dot(&rest, direction) / length;
            along += share * share / length;
            for (value, part) in rest.iter_mut().zip(direction) {
                *value -= share * part / length;
            }
        }
        (along, rest)
    }

    /// Turns the directions towards the sample.
    fn turn(&mut self, scaled: &[f64], weight: f64) {
        let mut rest = scaled.to_vec();
        for direction in &mut self.directions {
            let length = norm(direction);
            if length <= 1e-12 {
                direction.copy_from_slice(&rest);
                return;
            }
            let share = dot(&rest, direction) / length;
            for (part, value) in direction.iter_mut().zip(&rest) {
                *part += weight * (share * value - *part);
            }
            let length = norm(direction).max(1e-12);
            let share = dot(&rest, direction) / length;
            for (value, part) in rest.iter_mut().zip(direction.iter()) {
                *value -= share * part / length;
            }
        }
    }
}

/// The inverse of a covariance, row by row (Gauss and Jordan), with a little added to its diagonal so that there is one.
fn inverse(mut matrix: Vec<f64>, count: usize) -> Vec<f64> {
    const RIDGE: f64 = 1e-3;
    let mut inverse = vec![0.0; count * count];
    for place in 0..count {
        matrix[place * count + place] += RIDGE;
        inverse[place * count + place] = 1.0;
    }
    for pivot in 0..count {
        let scale = 1.0 / matrix[pivot * count + pivot].max(RIDGE / 10.0);
        for column in 0..count {
            matrix[pivot * count + column] *= scale;
            inverse[pivot * count + column] *= scale;
        }
        for row in (0..count).filter(|row| *row != pivot) {
            let share = matrix[row * count + pivot];
            for column in 0..count {
                matrix[row * count + column] -= share * matrix[pivot * count + column];
                inverse[row * count + column] -= share * inverse[pivot * count + column];
            }
        }
    }
    inverse
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn values_that_do_not_fit_together_are_found_and_the_one_that_lies_is_named() {
        let mut chance = Chance::new(5);
        let mut together = Together::new(4, 300);
        let mut sample = |day: f64| {
            let load = day.sin();
            [load, 2.0 * load, 20.0 - load, 5.0].map(|value| value + 0.05 * chance.normal())
        };
        for step in 0..3_000 {
            together.observe(&sample(f64::from(step) / 20.0)).unwrap();
        }
        let mut odd = sample(1.5);
        let true_value = odd[1];
        odd[1] = -2.0; // Ordinary by itself, at another load.
        let joint = together.watch(&odd, 1.5).unwrap();
        assert_eq!((joint.property, joint.others.len()), (1, 3), "{joint:?}");
        assert_eq!(joint.others[2], 3, "the last one has nothing to do with it: {joint:?}");
        assert!((joint.expected - true_value).abs() < (odd[1] - true_value).abs() / 2.0, "{joint:?}");
        assert_eq!(together.watch(&sample(1.5), 1.5), None);
        let mut far = sample(1.5);
        far[1] = 50.0;
        assert_eq!(together.watch(&far, 1.5), None, "what is extreme by itself is not joint");
    }

    #[test]
    fn bad_samples_are_not_learned_from() {
        let mut together = Together::new(3, 10);
        assert_eq!(together.observe(&[1.0, 2.0]), None);
        assert_eq!(together.observe(&[1.0, f64::NAN, 2.0]), None);
        let bytes = together.to_bytes();
        assert_eq!(Together::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    }
}
