//! A program as the solver wants it: equalities over variables that have room between their limits, all of about the same size.

use super::{BOUNDLESS, Program};

/// Rounds of scaling; each takes the root of what rows and columns are apart in size.
const SCALINGS: usize = 4;

/// `½·Σ w·x² + Σ c·x` is least, with `Σ column·x = right` and every variable between its limits.
pub(super) struct Standard {
    pub(super) rows: usize,
    /// Columns, one after the other: the variables that are not fixed, then what is free in rows that are no equalities.
    pub(super) begin: Vec<usize>,
    pub(super) row: Vec<u32>,
    pub(super) factor: Vec<f64>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) cost: Vec<f64>,
    pub(super) weight: Vec<f64>,
    pub(super) right: Vec<f64>,
    /// The variable of each column; none for what is free in a row.
    variable: Vec<Option<usize>>,
    column_scale: Vec<f64>,
    row_scale: Vec<f64>,
    cost_scale: f64,
    fixed: Vec<f64>,
}

impl Standard {
    pub(super) fn of(program: &Program) -> Self {
        let mut columns: Vec<Vec<(u32, f64)>> = vec![Vec::new(); program.variables()];
        let (mut right, mut slacks) = (Vec::with_capacity(program.rows()), Vec::new());
        for row in 0..program.rows() {
            let mut by_fixed = 0.0;
            for (variable, factor) in program.terms(row) {
                let index = *variable as usize;
                if program.lower[index] == program.upper[index] {
                    by_fixed += factor * program.lower[index];
                } else if *factor != 0.0 {
                    columns[index].push((row as u32, *factor));
                }
            }
            let (lower, upper) = (program.row_lower[row], program.row_upper[row]);
            let equality = lower == upper;
            right.push(if equality { lower } else { 0.0 } - by_fixed);
            if !equality {
                slacks.push((row as u32, lower, upper));
            }
        }
        let mut standard = Self {
            rows: program.rows(),
            begin: vec![0],
            row: Vec::new(),
            factor: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            cost: Vec::new(),
            weight: Vec::new(),
            right,
            variable: Vec::new(),
            column_scale: Vec::new(),
            row_scale: vec![1.0; program.rows()],
            cost_scale: 1.0,
            fixed: program.lower.clone(),
        };
        for (variable, column) in columns.into_iter().enumerate() {
            let (lower, upper) = (program.lower[variable], program.upper[variable]);
            if lower < upper {
                standard.column(
                    &column,
                    lower,
                    upper,
                    (program.cost[variable], program.weight[variable]),
                    Some(variable),
                );
            }
        }
        for (row, lower, upper) in slacks {
            standard.column(&[(row, -1.0)], lower, upper, (0.0, 0.0), None);
        }
        standard.scale();
        standard
    }

    fn column(
        &mut self,
        entries: &[(u32, f64)],
        lower: f64,
        upper: f64,
        (cost, weight): (f64, f64),
        variable: Option<usize>,
    ) {
        let limit = |limit: f64| if limit.abs() < BOUNDLESS { limit } else { f64::INFINITY.copysign(limit) };
        self.row.extend(entries.iter().map(|entry| entry.0));
        self.factor.extend(entries.iter().map(|entry| entry.1));
        self.begin.push(self.row.len());
        self.lower.push(limit(lower));
        self.upper.push(limit(upper));
        self.cost.push(cost);
        self.weight.push(weight);
        self.variable.push(variable);
        self.column_scale.push(1.0);
    }

    pub(super) fn columns(&self) -> usize {
        self.cost.len()
    }

    pub(super) fn entries(&self, column: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.begin[column]..self.begin[column + 1];
        self.row[range.clone()].iter().map(|row| *row as usize).zip(self.factor[range].iter().copied())
    }

    /// Makes the largest factors of rows and columns about 1, and the usual cost.
    fn scale(&mut self) {
        for _ in 0..SCALINGS {
            let mut rows = vec![0.0_f64; self.rows];
            let mut columns = vec![0.0_f64; self.columns()];
            for (column, largest) in columns.iter_mut().enumerate() {
                for (row, factor) in self.entries(column) {
                    *largest = largest.max(factor.abs());
                    rows[row] = rows[row].max(factor.abs());
                }
            }
            let by = |size: &mut f64| *size = if *size > 0.0 { 1.0 / size.sqrt() } else { 1.0 };
            rows.iter_mut().for_each(by);
            columns.iter_mut().for_each(by);
            for (column, by) in columns.iter().enumerate() {
                let range = self.begin[column]..self.begin[column + 1];
                for (factor, row) in self.factor[range.clone()].iter_mut().zip(&self.row[range]) {
                    *factor *= by * rows[*row as usize];
                }
                self.column_scale[column] *= by;
            }
            self.row_scale.iter_mut().zip(&rows).for_each(|(scale, by)| *scale *= by);
        }
        for (row, scale) in self.row_scale.iter().enumerate() {
            self.right[row] *= scale;
        }
        for (column, scale) in self.column_scale.iter().enumerate() {
            self.lower[column] /= scale;
            self.upper[column] /= scale;
            self.cost[column] *= scale;
            self.weight[column] *= scale * scale;
        }
        let mut sizes: Vec<f64> = self.cost.iter().map(|cost| cost.abs()).filter(|size| *size > 0.0).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        self.cost_scale = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
        self.cost.iter_mut().chain(&mut self.weight).for_each(|cost| *cost /= self.cost_scale);
    }

    /// What the program's variables are, and the prices of its rows.
    pub(super) fn back(&self, values: &[f64], prices: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut all = self.fixed.clone();
        for (column, variable) in self.variable.iter().enumerate() {
            if let Some(variable) = variable {
                all[*variable] = values[column] * self.column_scale[column];
            }
        }
        let prices = prices.iter().zip(&self.row_scale).map(|(price, scale)| price * scale * self.cost_scale);
        (all, prices.collect())
    }
}
