//! Linear and quadratic programs over sparse rows: the least of `½·Σ w·x² + Σ c·x` with every variable and every row between its limits.
//!
//! Every solution carries the price of each row: by how much the least would rise if the row's limits rose by one. Nothing is handed out that [`judge`] has not
//! found to be a solution, with its own arithmetic.

mod cholesky;
mod interior;
mod judge;
mod standard;

pub use judge::{Judgement, judge};

/// Most variables, rows and entries of the rows, each, that a program may have.
pub const SIZE_MAX: usize = 4_000_000;

/// Limits at or beyond this magnitude are none at all.
pub const BOUNDLESS: f64 = 1e15;

/// A variable of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(u32);

impl Variable {
    /// Its place among the values of a solution.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A row of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(u32);

impl Row {
    /// Its place among the prices of a solution.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is to be solved: variables and rows are added one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    lower: Vec<f64>,
    upper: Vec<f64>,
    cost: Vec<f64>,
    weight: Vec<f64>,
    row_lower: Vec<f64>,
    row_upper: Vec<f64>,
    row_end: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Program {
    /// A program of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A variable between two limits, either of which may be infinite, and what one of it costs.
    pub fn variable(&mut self, lower: f64, upper: f64, cost: f64) -> Variable {
        self.lower.push(lower);
        self.upper.push(upper);
        self.cost.push(cost);
        self.weight.push(0.0);
        Variable((self.cost.len() - 1) as u32)
    }

    /// Adds `½·weight·x²` to what a variable costs.
    pub fn square(&mut self, variable: Variable, weight: f64) {
        self.weight[variable.index()] += weight;
    }

    /// Adds to what one of a variable costs.
    pub fn charge(&mut self, variable: Variable, cost: f64) {
        self.cost[variable.index()] += cost;
    }

    /// Other limits for a variable.
    pub fn confine(&mut self, variable: Variable, lower: f64, upper: f64) {
        self.lower[variable.index()] = lower;
        self.upper[variable.index()] = upper;
    }

    /// The limits of a variable.
    pub fn limits(&self, variable: Variable) -> (f64, f64) {
        (self.lower[variable.index()], self.upper[variable.index()])
    }

    /// A row: the sum of its terms stays between two limits, either of which may be infinite. A variable may come several times.
    pub fn row(&mut self, lower: f64, upper: f64, terms: impl IntoIterator<Item = (Variable, f64)>) -> Row {
        let begin = self.entries.len();
        for (variable, factor) in terms {
            match self.entries[begin..].iter_mut().find(|entry| entry.0 == variable.0) {
                Some(entry) => entry.1 += factor,
                None => self.entries.push((variable.0, factor)),
            }
        }
        self.row_end.push(self.entries.len());
        self.row_lower.push(lower);
        self.row_upper.push(upper);
        Row((self.row_end.len() - 1) as u32)
    }

    /// Other limits for a row.
    pub fn confine_row(&mut self, row: Row, lower: f64, upper: f64) {
        self.row_lower[row.index()] = lower;
        self.row_upper[row.index()] = upper;
    }

    /// How many variables there are.
    pub fn variables(&self) -> usize {
        self.cost.len()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.row_end.len()
    }

    /// What a point costs.
    pub fn objective(&self, values: &[f64]) -> f64 {
        let of = |(index, value): (usize, &f64)| (self.cost[index] + 0.5 * self.weight[index] * value) * value;
        values.iter().enumerate().map(of).sum()
    }

    /// The least, within so many iterations; it has passed [`judge`].
    pub fn solve(&self, iterations_max: u32) -> Result<Solution, LinearError> {
        self.sound()?;
        let (values, prices, iterations) = interior::solve(self, iterations_max)?;
        let judgement = judge(self, &values, &prices);
        if !judgement.holds() {
            return Err(LinearError::Unproven(judgement));
        }
        let objective = self.objective(&values);
        let reduced_costs = judge::reduced_costs(self, &values, &prices);
        Ok(Solution { values, prices, reduced_costs, objective, iterations, judgement })
    }

    fn terms(&self, row: usize) -> &[(u32, f64)] {
        let begin = if row == 0 { 0 } else { self.row_end[row - 1] };
        &self.entries[begin..self.row_end[row]]
    }

    fn sound(&self) -> Result<(), LinearError> {
        let size = self.variables().max(self.rows()).max(self.entries.len());
        if size > SIZE_MAX {
            return Err(LinearError::TooLarge { size });
        }
        let fits = |lower: f64, upper: f64| lower <= upper && lower < f64::INFINITY && upper > f64::NEG_INFINITY;
        for index in 0..self.variables() {
            if !fits(self.lower[index], self.upper[index]) {
                return Err(LinearError::Limits { what: "variable", index });
            }
            if !(self.cost[index].is_finite() && self.weight[index].is_finite() && self.weight[index] >= 0.0) {
                return Err(LinearError::Cost { index });
            }
        }
        for index in 0..self.rows() {
            if !fits(self.row_lower[index], self.row_upper[index]) {
                return Err(LinearError::Limits { what: "row", index });
            }
            if self
                .terms(index)
                .iter()
                .any(|(variable, factor)| !factor.is_finite() || *variable as usize >= self.variables())
            {
                return Err(LinearError::Factor { row: index });
            }
        }
        Ok(())
    }
}

/// The least of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// What each variable is.
    pub values: Vec<f64>,
    /// By how much the least rises if a row's limits rise by one.
    pub prices: Vec<f64>,
    /// By how much it would rise for each of a variable that were added: 0 where the variable is between its limits.
    pub reduced_costs: Vec<f64>,
    /// The least.
    pub objective: f64,
    /// How many iterations it took.
    pub iterations: u32,
    /// How good it is.
    pub judgement: Judgement,
}

impl Solution {
    /// What a variable is.
    pub fn value(&self, variable: Variable) -> f64 {
        self.values[variable.index()]
    }

    /// By how much the least rises if the row's limits rise by one.
    pub fn price(&self, row: Row) -> f64 {
        self.prices[row.index()]
    }

    /// By how much it would rise for each of a variable that were added.
    pub fn reduced_cost(&self, variable: Variable) -> f64 {
        self.reduced_costs[variable.index()]
    }
}

/// Why a program has no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// It is larger than what is solved here.
    #[error(
        "a program with {size} variables, rows or entries is larger than {SIZE_MAX}\nhint: plan fewer steps or devices at once"
    )]
    TooLarge {
        /// The largest of the three.
        size: usize,
    },
    /// A lower limit above its upper one, or not a number.
    #[error("the limits of {what} {index} contradict each other or are not numbers")]
    Limits {
        /// Variable or row.
        what: &'static str,
        /// Which.
        index: usize,
    },
    /// A cost that is not a number, or a weight below 0.
    #[error("the cost of variable {index} is not a number, or its weight is below 0")]
    Cost {
        /// Which.
        index: usize,
    },
    /// An entry that is not a number, or of a variable that there is not.
    #[error("row {row} has an entry that is not a number or of no variable")]
    Factor {
        /// Which.
        row: usize,
    },
    /// No point keeps all limits.
    #[error("no point keeps all limits\nhint: let the rows that may give have a variable of their own that costs")]
    Infeasible,
    /// There is no least.
    #[error("the cost falls without end\nhint: give the variables that earn an upper limit")]
    Unbounded,
    /// The iterations were out.
    #[error("no solution within {iterations} iterations")]
    NotConverged {
        /// How many there were.
        iterations: u32,
    },
    /// What the solver gave is not a solution.
    #[error("what was found is no solution: {0}")]
    Unproven(Judgement),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITERATIONS: u32 = 100;

    #[test]
    fn the_least_and_its_prices() {
        // Two ways to serve 10: one costs 1 and gives at most 6, the other costs 3.
        let mut program = Program::new();
        let cheap = program.variable(0.0, 6.0, 1.0);
        let dear = program.variable(0.0, f64::INFINITY, 3.0);
        let demand = program.row(10.0, 10.0, [(cheap, 1.0), (dear, 1.0)]);
        let solution = program.solve(ITERATIONS).expect("it has one");
        assert!((solution.value(cheap) - 6.0).abs() < 1e-5 && (solution.value(dear) - 4.0).abs() < 1e-5);
        assert!((solution.objective - 18.0).abs() < 1e-5);
        assert!((solution.price(demand) - 3.0).abs() < 1e-5, "one more comes from the dear one");
        assert!((solution.reduced_cost(cheap) + 2.0).abs() < 1e-5, "one more of the cheap one would save 2");
    }

    #[test]
    fn a_square_spreads_what_is_equally_dear() {
        let mut program = Program::new();
        let parts: Vec<Variable> = (0..4).map(|_| program.variable(0.0, 10.0, 1.0)).collect();
        for part in &parts {
            program.square(*part, 0.1);
        }
        program.row(8.0, f64::INFINITY, parts.iter().map(|part| (*part, 1.0)));
        let solution = program.solve(ITERATIONS).expect("it has one");
        assert!(parts.iter().all(|part| (solution.value(*part) - 2.0).abs() < 1e-4), "{solution:?}");
    }

    #[test]
    fn a_row_between_two_limits_and_a_variable_without_any() {
        let mut program = Program::new();
        let free = program.variable(f64::NEG_INFINITY, f64::INFINITY, 1.0);
        let row = program.row(-3.0, 5.0, [(free, 2.0)]);
        let solution = program.solve(ITERATIONS).expect("it has one");
        assert!((solution.value(free) + 1.5).abs() < 1e-5);
        assert!((solution.price(row) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn what_has_no_least_says_why() {
        let mut program = Program::new();
        let one = program.variable(0.0, 1.0, 1.0);
        program.row(2.0, 3.0, [(one, 1.0)]);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Infeasible));

        let mut program = Program::new();
        program.variable(0.0, f64::INFINITY, -1.0);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Unbounded));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let mut program = Program::new();
        program.variable(1.0, 0.0, 0.0);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Limits { what: "variable", index: 0 }));
        let mut program = Program::new();
        program.variable(0.0, 1.0, f64::NAN);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Cost { index: 0 }));
        let mut program = Program::new();
        let variable = program.variable(0.0, 1.0, 0.0);
        program.row(0.0, 1.0, [(variable, f64::INFINITY)]);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Factor { row: 0 }));
        let mut program = Program::new();
        let variable = program.variable(0.0, 1.0, 0.0);
        program.row(f64::NAN, 1.0, [(variable, 1.0)]);
        assert_eq!(program.solve(ITERATIONS), Err(LinearError::Limits { what: "row", index: 0 }));
    }

    #[test]
    fn nothing_to_decide_costs_nothing() {
        assert_eq!(Program::new().solve(ITERATIONS).expect("nothing is something").objective, 0.0);
    }
}
