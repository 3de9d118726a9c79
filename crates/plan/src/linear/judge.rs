//! Whether what a solver gave is the least: limits kept, and a lower bound from the prices that meets it. It shares no arithmetic with the solver.

use std::fmt;

use super::{BOUNDLESS, Program};

/// How far a limit may be missed, of the size of what is limited.
const LIMIT_MISSED_MAX: f64 = 1e-5;

/// How far cost and lower bound may be apart, of their size: of all that is paid and earned, and where that is next to nothing, of
/// what one of a usual variable costs.
const GAP_MAX: f64 = 1e-4;

/// How good a solution is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The most that a limit is missed by, of the size of what is limited.
    pub limit_missed: f64,
    /// How far the cost is above what the prices prove to be the least possible, of the size of what is paid and earned.
    pub gap: f64,
}

impl Judgement {
    /// Whether it is good enough to act by.
    pub fn holds(&self) -> bool {
        self.limit_missed <= LIMIT_MISSED_MAX && self.gap <= GAP_MAX
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limits are missed by {:.1e} and the cost is {:.1e} above its bound", self.limit_missed, self.gap)
    }
}

/// Judges a point by the limits, and by the lower bound that the prices of the rows prove.
pub fn judge(program: &Program, values: &[f64], prices: &[f64]) -> Judgement {
    let mut missed = 0.0_f64;
    let mut miss = |value: f64, lower: f64, upper: f64, size: f64| {
        let by = (lower - value).max(value - upper).max(0.0) / size.max(1.0);
        missed = if by.is_nan() { f64::INFINITY } else { missed.max(by) };
    };
    for (index, value) in values.iter().enumerate() {
        miss(*value, program.lower[index], program.upper[index], value.abs());
    }
    for row in 0..program.rows() {
        let parts = program.terms(row).iter().map(|(variable, factor)| factor * values[*variable as usize]);
        let (sum, size) = parts.fold((0.0, 0.0), |(sum, size), part| (sum + part, size + f64::abs(part)));
        miss(sum, program.row_lower[row], program.row_upper[row], size);
    }
    let cost = program.objective(values);
    let size = values.iter().enumerate().map(|(index, value)| (program.cost[index] * value).abs()).sum::<f64>();
    let gap = (cost - bound(program, values, prices)) / size.max(usual_cost(program));
    Judgement { limit_missed: missed, gap: if gap.is_nan() { f64::INFINITY } else { gap.abs() } }
}

/// What one of a usual variable costs: the median of those that cost anything.
fn usual_cost(program: &Program) -> f64 {
    let mut costs: Vec<f64> = program.cost.iter().map(|cost| cost.abs()).filter(|cost| *cost > 0.0).collect();
    let middle = costs.len() / 2;
    if costs.is_empty() { 1.0 } else { *costs.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

/// What one more of each variable would cost, less what it is worth in its rows.
pub(super) fn reduced_costs(program: &Program, values: &[f64], prices: &[f64]) -> Vec<f64> {
    let mut reduced: Vec<f64> =
        (0..program.variables()).map(|index| program.cost[index] + program.weight[index] * values[index]).collect();
    for (row, price) in prices.iter().enumerate() {
        for (variable, factor) in program.terms(row) {
            reduced[*variable as usize] -= factor * price;
        }
    }
    reduced
}

/// The least that any point within the limits can cost, by the prices: Lagrange's bound, where what has no limit on the side that it is pulled to counts as far away
/// as it is now.
fn bound(program: &Program, values: &[f64], prices: &[f64]) -> f64 {
    let mut bound = 0.0;
    for (row, price) in prices.iter().enumerate() {
        let limit = if *price > 0.0 { program.row_lower[row] } else { program.row_upper[row] };
        if limit.abs() < BOUNDLESS {
            bound += price * limit;
        } else {
            let sum: f64 =
                program.terms(row).iter().map(|(variable, factor)| factor * values[*variable as usize]).sum();
            bound -= (price * sum).abs() + price.abs();
        }
    }
    for (index, reduced) in reduced_costs(program, values, prices).into_iter().enumerate() {
        let limit = if reduced > 0.0 { program.lower[index] } else { program.upper[index] };
        let away =
            if limit.abs() < BOUNDLESS { limit * reduced } else { -(reduced * values[index]).abs() - reduced.abs() };
        bound += away - 0.5 * program.weight[index] * values[index] * values[index];
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_two() -> Program {
        let mut program = Program::new();
        let cheap = program.variable(0.0, 6.0, 1.0);
        let dear = program.variable(0.0, f64::INFINITY, 3.0);
        program.row(10.0, 10.0, [(cheap, 1.0), (dear, 1.0)]);
        program
    }

    #[test]
    fn the_least_holds() {
        assert!(judge(&of_two(), &[6.0, 4.0], &[3.0]).holds());
    }

    #[test]
    fn what_costs_nothing_is_measured_by_what_it_could_cost() {
        let mut program = Program::new();
        let free = program.variable(0.0, 6.0, 0.0);
        let dear = program.variable(0.0, f64::INFINITY, 0.3);
        program.row(5.0, 5.0, [(free, 1.0), (dear, 1.0)]);
        assert!(judge(&program, &[5.0, 0.0], &[1e-6]).holds(), "a price of nearly nothing");
        assert!(!judge(&program, &[4.99, 0.01], &[0.0]).holds(), "what need not be paid");
    }

    #[test]
    fn what_is_not_the_least_misses_a_limit_or_its_bound() {
        assert!(judge(&of_two(), &[7.0, 3.0], &[3.0]).limit_missed > 0.1, "a variable's limit");
        assert!(judge(&of_two(), &[6.0, 3.0], &[3.0]).limit_missed > 0.05, "a row's limit");
        assert!(judge(&of_two(), &[5.0, 5.0], &[3.0]).gap > 0.05, "dearer than need be");
        assert!(judge(&of_two(), &[6.0, 4.0], &[1.0]).gap > 0.05, "prices that prove nothing");
        assert!(!judge(&of_two(), &[f64::NAN, 4.0], &[3.0]).holds());
    }
}
