//! How far off forecasts are: online conformal quantiles of the errors as they were made, by how far ahead and by the time of the day.

use serde::{Deserialize, Serialize};

/// The quantiles that are tracked; others are read between them.
pub(super) const LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];
/// Where a quantile of the errors starts, in typical errors (those of a Laplace distribution).
const START: [f32; 9] = [-3.0, -2.3, -1.6, -0.7, 0.0, 0.7, 1.6, 2.3, 3.0];
/// A tracked quantile never moves less than this share of a typical error, so that it follows for ever.
const PACE_MIN: f32 = 0.02;

/// The quantiles of the errors this far ahead, in typical errors of the time of the day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tracker {
    quantiles: [f32; 9],
    seen: u32,
}

impl Default for Tracker {
    fn default() -> Self {
        Self { quantiles: START, seen: 0 }
    }
}

impl Tracker {
    /// Takes an error in, in typical errors.
    pub(super) fn learn(&mut self, error: f64) {
        self.seen = self.seen.saturating_add(1);
        let pace = (2.0 / (self.seen as f32).sqrt()).clamp(PACE_MIN, 0.5);
        for (quantile, level) in self.quantiles.iter_mut().zip(LEVELS) {
            let is_below = error <= f64::from(*quantile);
            *quantile += pace * (level as f32 - f32::from(u8::from(is_below)));
        }
    }

    /// The quantile of the errors at `level`.
    pub(super) fn at(&self, level: f64) -> f64 {
        let above = LEVELS.partition_point(|tracked| *tracked < level).clamp(1, LEVELS.len() - 1);
        let share = ((level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1])).clamp(0.0, 1.0);
        let mut sorted = self.quantiles;
        sorted.sort_unstable_by(f32::total_cmp);
        f64::from(sorted[above - 1]) * (1.0 - share) + f64::from(sorted[above]) * share
    }
}
