//! Whether a zone still behaves as its model says: a window that stays open, a wall that was insulated, a heater that ails.

use serde::{Deserialize, Serialize};

/// A day that is so many times as far off as days usually are begins to count.
const SLACK: f64 = 0.5;
/// The sum of what counts at which the zone has changed (a cumulative sum after Page, "Continuous inspection schemes", Biometrika 41,
/// 1954): one day that is wildly off is no change, three that are far off are.
const ALARM: f64 = 6.0;
/// What one day counts at most, so that it takes two.
const DAY_MAX: f64 = 3.5;
/// How far days differ from each other at least, in logarithms of their error.
const SPREAD_MIN: f64 = 0.25;

/// Follows the errors of whole days.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drift {
    usual: Option<Usual>,
    sum: f64,
    /// The slot at which the sum left zero last.
    rose: Option<i64>,
    since: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Usual {
    mean: f64,
    spread: f64,
}

impl Drift {
    /// Begins anew with how far a model is off on days that it has not seen, in kelvin.
    pub(super) fn reset(&mut self, errors: &[f64]) {
        let logs: Vec<f64> = errors.iter().map(|error| error.max(0.02).ln()).collect();
        let count = logs.len() as f64;
        *self = Self::default();
        if logs.len() >= 3 {
            let mean = logs.iter().sum::<f64>() / count;
            let spread = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
            self.usual = Some(Usual { mean, spread: spread.max(SPREAD_MIN) });
        }
    }

    /// Takes in the error of the day that ends with a slot.
    pub(super) fn observe(&mut self, slot: i64, error: Option<f64>) {
        let (Some(usual), Some(error)) = (self.usual, error) else { return };
        let score = (error.max(0.02).ln() - usual.mean) / usual.spread;
        self.sum = (self.sum + (score - SLACK).min(DAY_MAX)).max(0.0);
        if self.sum == 0.0 {
            (self.rose, self.since) = (None, None);
            return;
        }
        let rose = *self.rose.get_or_insert(slot);
        if self.sum >= ALARM {
            self.since = Some(rose);
            self.sum = self.sum.min(2.0 * ALARM);
        }
    }

    /// Since which slot it behaves in another way.
    pub fn since(&self) -> Option<i64> {
        self.since
    }
}
