//! Weighted least squares of a few unknowns, solved whole by their normal equations.

/// The normal equations of `N` unknowns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Normal<const N: usize> {
    pub(crate) products: [[f64; N]; N],
    pub(crate) targets: [f64; N],
}

impl<const N: usize> Normal<N> {
    pub(crate) fn new() -> Self {
        Self { products: [[0.0; N]; N], targets: [0.0; N] }
    }

    /// Takes a row in.
    pub(crate) fn add(&mut self, features: &[f64; N], target: f64, weight: f64) {
        for (row, feature) in features.iter().enumerate() {
            let scaled = weight * feature;
            for (product, other) in self.products[row].iter_mut().zip(features) {
                *product += scaled * other;
            }
            self.targets[row] += scaled * target;
        }
    }

    /// The unknowns; `None` when the rows do not determine them.
    pub(crate) fn solve(&self) -> Option<[f64; N]> {
        let factor = factor(&self.products)?;
        Some(backward(&factor, &forward(&factor, &self.targets)))
    }
}

/// The inverse of a symmetric positive definite matrix.
pub(crate) fn inverse<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let factor = factor(matrix)?;
    let mut inverse = [[0.0; N]; N];
    for (column, row) in inverse.iter_mut().enumerate() {
        let mut unit = [0.0; N];
        unit[column] = 1.0;
        *row = backward(&factor, &forward(&factor, &unit));
    }
    Some(inverse)
}

/// The lower triangle of Cholesky's factor.
fn factor<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut factor = [[0.0; N]; N];
    for row in 0..N {
        for column in 0..=row {
            let inner: f64 = (0..column).map(|at| factor[row][at] * factor[column][at]).sum();
            let rest = matrix[row][column] - inner;
            if row != column {
                factor[row][column] = rest / factor[column][column];
            } else if rest > 1e-13 * matrix[row][row] && rest.is_finite() {
                factor[row][row] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(factor)
}

fn forward<const N: usize>(factor: &[[f64; N]; N], right: &[f64; N]) -> [f64; N] {
    let mut solution = *right;
    for row in 0..N {
        let inner: f64 = (0..row).map(|at| factor[row][at] * solution[at]).sum();
        solution[row] = (solution[row] - inner) / factor[row][row];
    }
    solution
}

fn backward<const N: usize>(factor: &[[f64; N]; N], right: &[f64; N]) -> [f64; N] {
    let mut solution = *right;
    for row in (0..N).rev() {
        let inner: f64 = (row + 1..N).map(|at| factor[at][row] * solution[at]).sum();
        solution[row] = (solution[row] - inner) / factor[row][row];
    }
    solution
}

/// The middle of some numbers; `None` of none. Their order is lost.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_determine_unknowns_or_say_that_they_do_not() {
        let mut normal = Normal::<2>::new();
        normal.add(&[1.0, 2.0], 8.0, 1.0);
        assert_eq!(normal.solve(), None);
        normal.add(&[1.0, -1.0], -1.0, 2.0);
        let [a, b] = normal.solve().unwrap();
        assert!((a - 2.0).abs() < 1e-12 && (b - 3.0).abs() < 1e-12);
        let inverse = inverse(&[[4.0, 2.0], [2.0, 3.0]]).unwrap();
        assert!((inverse[0][0] - 0.375).abs() < 1e-12 && (inverse[0][1] + 0.25).abs() < 1e-12);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
    }
}
