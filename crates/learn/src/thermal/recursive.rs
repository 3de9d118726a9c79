//! The other way, to be measured beside: recursive least squares of a second order difference equation, with forgetting.
//!
//! `air[k+1] = a1·air[k] + a2·air[k-1] + inputs[k]·b + inputs[k-1]·c + d`: what a 2R2C zone is when it is seen at slots (Madsen
//! and Holst, "Estimation of continuous-time models for the heat dynamics of a building", Energy and Buildings 22, 1995).

const FEATURES: usize = 9;
/// Half of what is known is forgotten in two weeks.
const HALF_LIFE_SLOTS: f64 = 14.0 * 96.0;

pub(super) struct Recursive {
    coefficients: [f64; FEATURES],
    covariance: [[f64; FEATURES]; FEATURES],
    keep: f64,
}

/// What acts on the air in a slot: outside, heat in kilowatts, irradiance in kilowatts.
pub(super) type Inputs = [f64; 3];

fn features(air: [f64; 2], inputs: [Inputs; 2]) -> [f64; FEATURES] {
    let [[o0, h0, s0], [o1, h1, s1]] = inputs;
    [air[0], air[1], o0, o1, h0, h1, s0, s1, 1.0]
}

impl Recursive {
    pub(super) fn new() -> Self {
        let mut covariance = [[0.0; FEATURES]; FEATURES];
        (0..FEATURES).for_each(|at| covariance[at][at] = 10.0);
        let mut coefficients = [0.0; FEATURES];
        coefficients[0] = 1.0;
        Self { coefficients, covariance, keep: 0.5_f64.powf(1.0 / HALF_LIFE_SLOTS) }
    }

    /// The air after a slot; air and inputs of this slot and the one before.
    pub(super) fn predict(&self, air: [f64; 2], inputs: [Inputs; 2]) -> f64 {
        features(air, inputs).iter().zip(&self.coefficients).map(|(feature, own)| feature * own).sum()
    }

    pub(super) fn learn(&mut self, air: [f64; 2], inputs: [Inputs; 2], next: f64) {
        let features = features(air, inputs);
        let error = next - self.predict(air, inputs);
        let spread: [f64; FEATURES] =
            std::array::from_fn(|row| (0..FEATURES).map(|at| self.covariance[row][at] * features[at]).sum());
        let scale = self.keep + features.iter().zip(&spread).map(|(feature, spread)| feature * spread).sum::<f64>();
        for row in 0..FEATURES {
            self.coefficients[row] += spread[row] / scale * error;
            for column in 0..FEATURES {
                let reduced = self.covariance[row][column] - spread[row] * spread[column] / scale;
                self.covariance[row][column] = reduced / self.keep;
            }
        }
    }
}
