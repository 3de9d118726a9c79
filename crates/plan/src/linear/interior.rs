//! The interior-point method of Mehrotra: from well inside all limits towards the least, every step a sparse system whose pattern is known from the first.
//!
//! Between its limits every variable keeps room, and the product of room and what the limit costs falls alike for all. The systems are those of the rows alone
//! (normal equations), made definite by a little pull towards where the iteration stands, which changes the way and not the end.

use super::cholesky::Cholesky;
use super::standard::Standard;
use super::{LinearError, Program};

/// How strongly variables and prices are pulled to where they stand.
const PULL: f64 = 1e-9;

/// How far from its lower limit a variable starts at most.
const START_MAX: f64 = 10.0;

/// How much of the way to the nearest limit a step goes.
const WAY_MAX: f64 = 0.9995;

/// Rows are kept this well, and prices, of the size of what they are about.
const RESIDUAL_MAX: f64 = 1e-8;

/// How far above its bound the cost may stay, of its size, or of what one of a usual variable costs.
const GAP_MAX: f64 = 1e-7;

/// A system is solved when its rows are missed by no more than this, or this part of what they missed before,
const SOLVED: f64 = 1e-10;
const SOLVED_PART: f64 = 1e-4;

/// or this often.
const SOLVES_MAX: usize = 2;

/// Steps shorter than this lead nowhere.
const STEP_MIN: f64 = 1e-9;

/// How surely prices must prove that no point keeps all limits, of their size.
const PROOF_MIN: f64 = 1e-7;

/// Variables beyond this are on their way to infinity.
const FAR: f64 = 1e9;

pub(super) fn solve(program: &Program, iterations_max: u32) -> Result<(Vec<f64>, Vec<f64>, u32), LinearError> {
    let standard = Standard::of(program);
    let mut state = State::start(&standard);
    let mut system = System::of(&standard);
    let mut iterations = 0;
    let mut stalls = 0;
    loop {
        let residuals = Residuals::of(&standard, &state);
        if residuals.small() {
            break;
        }
        if state.proves_infeasible(&standard) {
            return Err(LinearError::Infeasible);
        }
        if state.runs_away(&standard) {
            return Err(LinearError::Unbounded);
        }
        if iterations == iterations_max || stalls == 3 || !residuals.gap.is_finite() {
            if residuals.useful() {
                break;
            }
            return Err(LinearError::NotConverged { iterations });
        }
        let length = step(&standard, &mut state, &mut system, &residuals);
        stalls = if length < STEP_MIN { stalls + 1 } else { 0 };
        iterations += 1;
    }
    let (values, prices) = standard.back(&state.values, &state.prices);
    Ok((values, prices, iterations))
}

/// Where the iteration stands.
struct State {
    values: Vec<f64>,
    prices: Vec<f64>,
    /// The room of each variable above its lower limit, and below its upper; kept beside the values, which rounding would take it from.
    below: Vec<f64>,
    above: Vec<f64>,
    /// What the lower limit of each variable costs, and the upper.
    at_lower: Vec<f64>,
    at_upper: Vec<f64>,
    /// How many limits there are.
    limits: f64,
}

impl State {
    fn start(standard: &Standard) -> Self {
        let columns = standard.columns();
        let mut state = Self {
            values: vec![0.0; columns],
            prices: vec![0.0; standard.rows],
            below: vec![f64::INFINITY; columns],
            above: vec![f64::INFINITY; columns],
            at_lower: vec![0.0; columns],
            at_upper: vec![0.0; columns],
            limits: 0.0,
        };
        for column in 0..columns {
            let (lower, upper, cost) = (standard.lower[column], standard.upper[column], standard.cost[column]);
            // What is dear starts near its limit, so that room and what the limit costs have much the same product everywhere.
            let room = (0.5 * (upper - lower)).min(START_MAX) / cost.abs().clamp(1.0, 10.0 * START_MAX);
            let value = match (lower.is_finite(), upper.is_finite()) {
                (true, true) if cost < 0.0 => upper - room,
                (true, _) => lower + room,
                (false, true) => upper - room,
                (false, false) => 0.0,
            };
            state.values[column] = value;
            if lower.is_finite() {
                (state.below[column], state.at_lower[column]) = (value - lower, cost.max(0.0) + 1.0);
                state.limits += 1.0;
            }
            if upper.is_finite() {
                (state.above[column], state.at_upper[column]) = (upper - value, (-cost).max(0.0) + 1.0);
                state.limits += 1.0;
            }
        }
        state
    }

    /// Whether the prices prove that no point within the limits keeps the rows: what the rows ask for is more than the variables can come to.
    fn proves_infeasible(&self, standard: &Standard) -> bool {
        let size = self.prices.iter().fold(0.0_f64, |most, price| most.max(price.abs()));
        if size < 1e3 {
            return false;
        }
        let mut proof: f64 = standard.right.iter().zip(&self.prices).map(|(right, price)| right * price / size).sum();
        for column in 0..standard.columns() {
            let pull: f64 = standard.entries(column).map(|(row, factor)| factor * self.prices[row] / size).sum();
            if pull.abs() < PROOF_MIN * 1e-2 {
                continue;
            }
            proof -= pull * if pull > 0.0 { standard.upper[column] } else { standard.lower[column] };
        }
        proof > PROOF_MIN
    }

    /// Whether the cost falls along a way that no row and no limit ends.
    fn runs_away(&self, standard: &Standard) -> bool {
        let size = self.values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let mut rows = vec![0.0; standard.rows];
        let mut cost = 0.0;
        for (column, value) in self.values.iter().enumerate().filter(|_| size > FAR) {
            cost += standard.cost[column] * value / size + standard.weight[column] * value.abs() / size;
            standard.entries(column).for_each(|(row, factor)| rows[row] += factor * value / size);
        }
        cost < -1e-6 && rows.iter().all(|row| row.abs() < 1e-6)
    }
}

/// What is still missing.
struct Residuals {
    /// Right side less rows.
    rows: Vec<f64>,
    /// What a variable costs less what its rows and limits pay for it.
    columns: Vec<f64>,
    /// The usual product of room and what the limit costs.
    product: f64,
    rows_missed: f64,
    columns_missed: f64,
    gap: f64,
}

impl Residuals {
    fn of(standard: &Standard, state: &State) -> Self {
        let mut rows = standard.right.clone();
        let mut columns = Vec::with_capacity(standard.columns());
        let (mut products, mut size, mut largest) = (0.0, 0.0, 1.0_f64);
        for (column, value) in state.values.iter().enumerate() {
            let mut paid = state.at_lower[column] - state.at_upper[column];
            for (row, factor) in standard.entries(column) {
                rows[row] -= factor * value;
                paid += factor * state.prices[row];
            }
            columns.push(standard.cost[column] + standard.weight[column] * value - paid);
            if state.at_lower[column] > 0.0 {
                products += state.at_lower[column] * state.below[column];
            }
            if state.at_upper[column] > 0.0 {
                products += state.at_upper[column] * state.above[column];
            }
            size += (standard.cost[column] * value).abs();
            largest = largest.max(value.abs());
        }
        let most = |values: &[f64]| values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        Self {
            rows_missed: most(&rows) / (1.0 + most(&standard.right)),
            columns_missed: most(&columns),
            gap: products / size.max(1.0),
            product: if state.limits > 0.0 { products / state.limits } else { 0.0 },
            rows,
            columns,
        }
    }

    fn small(&self) -> bool {
        self.rows_missed < RESIDUAL_MAX && self.columns_missed < RESIDUAL_MAX && self.gap < GAP_MAX
    }

    /// Whether it is worth judging although it did not arrive.
    fn useful(&self) -> bool {
        self.rows_missed < 1e3 * RESIDUAL_MAX && self.gap < 1e3 * GAP_MAX
    }
}

/// The system of the rows: `Σ column·column'/d + pull`.
struct System {
    cholesky: Cholesky,
    /// For each pair of entries of each column the place in the matrix.
    positions: Vec<u32>,
    diagonal: Vec<u32>,
    /// What stands below each column: the curvature of its cost, its limits and the pull.
    curvature: Vec<f64>,
}

impl System {
    fn of(standard: &Standard) -> Self {
        let pairs_of = |column: usize| {
            let rows = &standard.row[standard.begin[column]..standard.begin[column + 1]];
            rows.iter().enumerate().flat_map(move |(at, one)| rows[..=at].iter().map(move |other| (*one, *other)))
        };
        let pairs = (0..standard.columns()).flat_map(pairs_of).collect();
        let cholesky = Cholesky::of(standard.rows, pairs);
        let position = |(one, other): (u32, u32)| cholesky.position(one as usize, other as usize) as u32;
        let positions = (0..standard.columns()).flat_map(pairs_of).map(position).collect();
        let diagonal = (0..standard.rows as u32).map(|row| position((row, row))).collect();
        Self { cholesky, positions, diagonal, curvature: vec![0.0; standard.columns()] }
    }

    fn prepare(&mut self, standard: &Standard, state: &State) {
        let numbers = self.cholesky.numbers();
        numbers.fill(0.0);
        let mut at = 0;
        for column in 0..standard.columns() {
            let mut curvature = standard.weight[column] + PULL;
            if state.at_lower[column] > 0.0 {
                curvature += state.at_lower[column] / state.below[column];
            }
            if state.at_upper[column] > 0.0 {
                curvature += state.at_upper[column] / state.above[column];
            }
            self.curvature[column] = curvature;
            let factors = &standard.factor[standard.begin[column]..standard.begin[column + 1]];
            for (place, one) in factors.iter().enumerate() {
                let scaled = one / curvature;
                for other in &factors[..=place] {
                    numbers[self.positions[at] as usize] += scaled * other;
                    at += 1;
                }
            }
        }
        self.diagonal.iter().for_each(|position| numbers[*position as usize] += PULL);
        self.cholesky.factor();
    }

    /// The step of values and prices that would end all residuals, `wanted` being those of the columns.
    fn solve(&mut self, standard: &Standard, missing: &[f64], wanted: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut prices = vec![0.0; standard.rows];
        let mut values: Vec<f64> =
            wanted.iter().zip(&self.curvature).map(|(wanted, curvature)| wanted / curvature).collect();
        let mut right = missing.to_vec();
        for (column, value) in values.iter().enumerate() {
            standard.entries(column).for_each(|(row, factor)| right[row] -= factor * value);
        }
        let enough = SOLVED + SOLVED_PART * missing.iter().fold(0.0_f64, |most, missing| most.max(missing.abs()));
        for _ in 0..SOLVES_MAX {
            self.cholesky.solve(&mut right);
            prices.iter_mut().zip(&right).for_each(|(price, by)| *price += by);
            right
                .iter_mut()
                .zip(missing.iter().zip(&prices))
                .for_each(|(right, (missing, price))| *right = missing - PULL * price);
            for (column, value) in values.iter_mut().enumerate() {
                let by_prices: f64 = standard.entries(column).map(|(row, factor)| factor * prices[row]).sum();
                *value = (wanted[column] + by_prices) / self.curvature[column];
                standard.entries(column).for_each(|(row, factor)| right[row] -= factor * *value);
            }
            // What rounding left is taken away once more where it counts.
            if right.iter().all(|left| left.abs() < enough) {
                break;
            }
        }
        (values, prices)
    }
}

/// A way to go: values, prices, and what the limits cost.
struct Way {
    values: Vec<f64>,
    prices: Vec<f64>,
    at_lower: Vec<f64>,
    at_upper: Vec<f64>,
}

/// One step: first straight to the end to see how far it leads, then with what that showed. It returns how far it went.
fn step(standard: &Standard, state: &mut State, system: &mut System, residuals: &Residuals) -> f64 {
    system.prepare(standard, state);
    let straight = way(standard, state, system, residuals, 0.0, None);
    let after = product_after(standard, state, &straight, lengths(standard, state, &straight, 1.0));
    let centre = residuals.product * (after / residuals.product.max(1e-300)).clamp(0.0, 1.0).powi(3);
    let bent = way(standard, state, system, residuals, centre, Some(&straight));
    let (of_values, of_costs) = lengths(standard, state, &bent, WAY_MAX);
    for column in 0..standard.columns() {
        let moved = of_values * bent.values[column];
        state.values[column] += moved;
        state.below[column] += moved;
        state.above[column] -= moved;
        state.at_lower[column] += of_costs * bent.at_lower[column];
        state.at_upper[column] += of_costs * bent.at_upper[column];
    }
    state.prices.iter_mut().zip(&bent.prices).for_each(|(price, by)| *price += of_costs * by);
    of_values.max(of_costs)
}

/// The way to where every product of room and cost is `centre`; `first` tells by how much they bend on the way.
fn way(
    standard: &Standard,
    state: &State,
    system: &mut System,
    residuals: &Residuals,
    centre: f64,
    first: Option<&Way>,
) -> Way {
    let columns = standard.columns();
    let (mut lower, mut upper) = (vec![0.0; columns], vec![0.0; columns]);
    let mut wanted = Vec::with_capacity(columns);
    for column in 0..columns {
        let bend = |costs: &Way, at: &[f64], sign: f64| sign * costs.values[column] * at[column];
        if state.at_lower[column] > 0.0 {
            let bent = first.map_or(0.0, |first| bend(first, &first.at_lower, 1.0));
            lower[column] = (centre - bent) / state.below[column] - state.at_lower[column];
        }
        if state.at_upper[column] > 0.0 {
            let bent = first.map_or(0.0, |first| bend(first, &first.at_upper, -1.0));
            upper[column] = (centre - bent) / state.above[column] - state.at_upper[column];
        }
        wanted.push(lower[column] - upper[column] - residuals.columns[column]);
    }
    let (values, prices) = system.solve(standard, &residuals.rows, &wanted);
    for column in 0..columns {
        if state.at_lower[column] > 0.0 {
            lower[column] -= state.at_lower[column] / state.below[column] * values[column];
        }
        if state.at_upper[column] > 0.0 {
            upper[column] += state.at_upper[column] / state.above[column] * values[column];
        }
    }
    Way { values, prices, at_lower: lower, at_upper: upper }
}

/// How far a way leads until a room, or the cost of a limit, is used up to such a part.
fn lengths(standard: &Standard, state: &State, way: &Way, part: f64) -> (f64, f64) {
    let (mut of_values, mut of_costs) = (1.0_f64, 1.0_f64);
    let to = |room: f64, by: f64| if by < 0.0 { -part * room / by } else { f64::INFINITY };
    for column in 0..standard.columns() {
        if state.at_lower[column] > 0.0 {
            of_values = of_values.min(to(state.below[column], way.values[column]));
            of_costs = of_costs.min(to(state.at_lower[column], way.at_lower[column]));
        }
        if state.at_upper[column] > 0.0 {
            of_values = of_values.min(to(state.above[column], -way.values[column]));
            of_costs = of_costs.min(to(state.at_upper[column], way.at_upper[column]));
        }
    }
    (of_values, of_costs)
}

/// The usual product of room and cost so far along a way.
fn product_after(standard: &Standard, state: &State, way: &Way, (of_values, of_costs): (f64, f64)) -> f64 {
    let mut products = 0.0;
    for column in 0..standard.columns() {
        let moved = of_values * way.values[column];
        if state.at_lower[column] > 0.0 {
            products += (state.below[column] + moved) * (state.at_lower[column] + of_costs * way.at_lower[column]);
        }
        if state.at_upper[column] > 0.0 {
            products += (state.above[column] - moved) * (state.at_upper[column] + of_costs * way.at_upper[column]);
        }
    }
    products / state.limits.max(1.0)
}
