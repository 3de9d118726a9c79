//! Linear regression that forgets, solved whole: small, exact, and stable for as long as it runs.

use serde::{Deserialize, Serialize};

/// The penalty on each coefficient, in shares of its own feature's weight, so that units do not matter.
const PENALTY: f64 = 0.01;
/// The weight of this many samples stands for "the coefficient is zero".
const PRIOR_SAMPLES: f64 = 8.0;
/// Residuals below this share of the typical one weigh the same: the fit is by absolute errors otherwise.
const FLAT_SHARE: f64 = 0.25;

/// Weighted normal equations with forgetting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ridge {
    size: usize,
    keep: f64,
    /// Lower triangle of the weighted sums of products, row after row.
    products: Vec<f64>,
    targets: Vec<f64>,
    coefficients: Vec<f64>,
    weight: f64,
    typical: f64,
}

impl Ridge {
    /// A regression on `size` features that keeps the share `keep` of what it knows at each sample.
    pub(super) fn new(size: usize, keep: f64) -> Self {
        Self {
            size,
            keep,
            products: vec![0.0; size * (size + 1) / 2],
            targets: vec![0.0; size],
            coefficients: vec![0.0; size],
            weight: 0.0,
            typical: 0.0,
        }
    }

    /// What is expected for these features.
    pub(super) fn predict(&self, features: &[f64]) -> f64 {
        features.iter().zip(&self.coefficients).map(|(feature, coefficient)| feature * coefficient).sum()
    }

    /// Takes one sample in. Large errors weigh less, which makes it a fit of the median rather than of the mean.
    pub(super) fn learn(&mut self, features: &[f64], target: f64) {
        let error = (target - self.predict(features)).abs();
        self.typical = if self.weight == 0.0 { error } else { self.typical + 0.02 * (error - self.typical) };
        let weight = if self.typical > 0.0 { 1.0 / (error / self.typical).max(FLAT_SHARE) } else { 1.0 };
        self.weight = self.weight * self.keep + weight;
        let mut at = 0;
        for row in 0..self.size {
            let scaled = weight * features[row];
            for (product, feature) in self.products[at..=at + row].iter_mut().zip(features) {
                *product = *product * self.keep + scaled * feature;
            }
            at += row + 1;
            self.targets[row] = self.targets[row] * self.keep + scaled * target;
        }
    }

    /// Finds the coefficients anew.
    pub(super) fn solve(&mut self) {
        let size = self.size;
        let mut factor = vec![0.0; self.products.len()];
        let mut solution = self.targets.clone();
        let penalty = PENALTY + PRIOR_SAMPLES / self.weight.max(1.0);
        let row_at = |row: usize| row * (row + 1) / 2;
        for row in 0..size {
            for column in 0..=row {
                let (row_start, column_start) = (row_at(row), row_at(column));
                let mut sum = self.products[row_start + column];
                if row == column {
                    sum += penalty * sum + f64::MIN_POSITIVE;
                }
                for inner in 0..column {
                    sum -= factor[row_start + inner] * factor[column_start + inner];
                }
                factor[row_start + column] = if row != column {
                    sum / factor[column_start + column]
                } else if sum > 1e-12 * self.products[row_start + row].max(1e-30) {
                    sum.sqrt()
                } else {
                    // A feature that says nothing of its own gets no coefficient.
                    f64::INFINITY
                };
            }
        }
        for row in 0..size {
            let start = row_at(row);
            for inner in 0..row {
                solution[row] -= factor[start + inner] * solution[inner];
            }
            solution[row] /= factor[start + row];
        }
        for row in (0..size).rev() {
            for below in row + 1..size {
                solution[row] -= factor[row_at(below) + row] * solution[below];
            }
            solution[row] /= factor[row_at(row) + row];
        }
        if solution.iter().all(|coefficient| coefficient.is_finite()) {
            self.coefficients = solution;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_among_outliers_and_idle_features() {
        let mut ridge = Ridge::new(4, 0.999);
        for step in 0..2_000_u32 {
            let x = f64::from(step * 37 % 101) / 10.0 - 5.0;
            let outlier = if step % 20 == 0 { 400.0 } else { 0.0 };
            ridge.learn(&[1.0, x, 0.0, x], 3.0 + 2.0 * x + outlier);
            if step % 10 == 0 {
                ridge.solve();
            }
        }
        let at = |x: f64| ridge.predict(&[1.0, x, 0.0, x]);
        assert!((at(0.0) - 3.0).abs() < 0.5, "{}", at(0.0));
        assert!((at(4.0) - 11.0).abs() < 0.7, "{}", at(4.0));
    }
}
