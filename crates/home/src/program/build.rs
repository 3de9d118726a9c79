//! The rows of a home: what its devices take, what nobody can shift and what the sun gives meet at the grid.

use plan::linear::{Program, Row, Solution, Variable};

use super::worth::Worth;
use crate::outlook::Aims;

/// Powers of a program are in kilowatts.
pub(super) const WATTS: f64 = 1_000.0;

/// A program that devices add their rows to.
#[derive(Debug, Clone)]
pub(super) struct Builder<'a> {
    pub(super) program: Program,
    pub(super) steps: usize,
    pub(super) hours: f64,
    pub(super) worth: &'a Worth,
    /// How likely what is built now is: it multiplies every cost.
    pub(super) chance: f64,
    /// What devices take in each step.
    draws: Vec<Vec<(Variable, f64)>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(steps: usize, hours: f64, worth: &'a Worth) -> Self {
        Self { program: Program::new(), steps, hours, worth, chance: 1.0, draws: vec![Vec::new(); steps] }
    }

    /// Begins another course of events beside what was built, which is so likely.
    pub(super) fn another(&mut self, chance: f64) {
        self.chance = chance;
        self.draws = vec![Vec::new(); self.steps];
    }

    /// Begins another home beside what was built.
    pub(super) fn home(&mut self, worth: &'a Worth) {
        self.worth = worth;
        self.another(1.0);
    }

    /// A variable that costs so much.
    pub(super) fn variable(&mut self, lower: f64, upper: f64, cost: f64) -> Variable {
        self.program.variable(lower, upper, cost * self.chance)
    }

    /// A power in kilowatts that costs so much for each kilowatt hour.
    pub(super) fn power(&mut self, kilowatts_max: f64, price: f64) -> Variable {
        let variable = self.variable(0.0, kilowatts_max, price * self.hours);
        self.program.square(variable, self.worth.smoothing(kilowatts_max) * self.chance);
        variable
    }

    /// Says that one of a variable takes so many kilowatts in a step.
    pub(super) fn draw(&mut self, step: usize, variable: Variable, kilowatts: f64) {
        self.draws[step].push((variable, kilowatts));
    }

    /// Closes the balance of every step over what is needed beside the devices.
    pub(super) fn grid(&mut self, needed_kilowatts: &[f64], aims: &Aims, slopes: &Slopes) -> Grid {
        let (import_max, export_max) = (aims.import_watts_max / WATTS, aims.export_watts_max / WATTS);
        let mut grid = Grid { flows: Vec::with_capacity(self.steps), balances: Vec::with_capacity(self.steps) };
        for (step, needed) in needed_kilowatts.iter().copied().enumerate() {
            let draws = std::mem::take(&mut self.draws[step]);
            let most = |(variable, kilowatts): &(Variable, f64)| kilowatts.abs() * self.program.limits(*variable).1;
            let reach = 1.0 + needed.abs() + draws.iter().map(most).sum::<f64>();
            let flow = self.flow(step, import_max, export_max, slopes.of(step).map(|slope| (slope, reach)));
            let terms = flow.terms().chain(draws.into_iter().map(|(variable, kilowatts)| (variable, -kilowatts)));
            grid.balances.push(self.program.row(needed, needed, terms));
            grid.flows.push(flow);
        }
        self.peaks(&grid, aims);
        self.ramps(&grid, aims);
        grid
    }

    /// What flows in a step; with a slope, both ways at that price and no further than the home can reach.
    fn flow(&mut self, step: usize, import_max: f64, export_max: f64, slope: Option<(f64, f64)>) -> Flow {
        let (hours, worth) = (self.hours, self.worth);
        let (import, export) = match slope {
            Some((slope, reach)) => (self.variable(-export_max.min(reach), import_max.min(reach), slope * hours), None),
            None => {
                let import = self.variable(0.0, import_max, worth.import[step] * hours);
                (import, Some(self.variable(0.0, export_max, -worth.export[step] * hours)))
            }
        };
        let over = |builder: &mut Self, limit: f64| {
            limit.is_finite().then(|| builder.variable(0.0, f64::INFINITY, worth.overload * hours))
        };
        Flow { import, export, over_import: over(self, import_max), over_export: over(self, export_max) }
    }

    /// A peak costs what it is above the one that has been paid for.
    fn peaks(&mut self, grid: &Grid, aims: &Aims) {
        if aims.peak_price_per_kilowatt <= 0.0 {
            return;
        }
        let so_far = aims.peak_watts_so_far / WATTS;
        // The highest so far grows from step to step: one variable in every row would make the program dense.
        let mut highest: Option<Variable> = None;
        for (step, flow) in grid.flows.iter().enumerate() {
            let price = if step + 1 == self.steps { aims.peak_price_per_kilowatt } else { 0.0 };
            let above = self.variable(0.0, f64::INFINITY, price);
            self.program.row(f64::NEG_INFINITY, so_far, [(flow.import, 1.0), (above, -1.0)]);
            if let Some(highest) = highest {
                self.program.row(0.0, f64::INFINITY, [(above, 1.0), (highest, -1.0)]);
            }
            highest = Some(above);
        }
    }

    /// What changes from one step to the next is split into up and down, which both cost.
    fn ramps(&mut self, grid: &Grid, aims: &Aims) {
        if aims.ramp_price_per_kilowatt <= 0.0 {
            return;
        }
        for pair in grid.flows.windows(2) {
            let up = self.variable(0.0, f64::INFINITY, aims.ramp_price_per_kilowatt);
            let down = self.variable(0.0, f64::INFINITY, aims.ramp_price_per_kilowatt);
            let before = pair[0].terms().map(|(variable, factor)| (variable, -factor));
            let terms = pair[1].terms().chain(before).chain([(up, -1.0), (down, 1.0)]);
            self.program.row(0.0, 0.0, terms);
        }
    }
}

/// Where feeding in pays more than taking costs: the one price that both are counted at, since otherwise doing both at once would pay.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slopes(Vec<Option<f64>>);

impl Slopes {
    /// As if the grid's power had the sign that it has without any device.
    pub(super) fn guessed(worth: &Worth, needed_kilowatts: &[f64]) -> Self {
        Self((0..needed_kilowatts.len()).map(|step| slope(worth, step, needed_kilowatts[step])).collect())
    }

    /// As the grid's power has come out, and whether that is something else than before.
    pub(super) fn follow(&mut self, worth: &Worth, grid_kilowatts: impl Iterator<Item = f64>) -> bool {
        let mut changed = false;
        for (step, kilowatts) in grid_kilowatts.enumerate() {
            if self.0[step].is_some() && kilowatts.abs() > 1e-3 {
                let slope = slope(worth, step, kilowatts);
                changed |= slope != self.0[step];
                self.0[step] = slope;
            }
        }
        changed
    }

    fn of(&self, step: usize) -> Option<f64> {
        self.0.get(step).copied().flatten()
    }
}

fn slope(worth: &Worth, step: usize, kilowatts: f64) -> Option<f64> {
    let (import, export) = (worth.import[step], worth.export[step]);
    (import <= export).then_some(if kilowatts < 0.0 { export } else { import })
}

/// What flows between home and grid in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// Taken; the whole flow of both signs where there is no `export`.
    import: Variable,
    export: Option<Variable>,
    over_import: Option<Variable>,
    over_export: Option<Variable>,
}

impl Flow {
    pub(super) fn terms(self) -> impl Iterator<Item = (Variable, f64)> {
        let plus = [Some(self.import), self.over_import].into_iter().flatten().map(|variable| (variable, 1.0));
        plus.chain([self.export, self.over_export].into_iter().flatten().map(|variable| (variable, -1.0)))
    }

    pub(super) fn kilowatts(self, solution: &Solution) -> f64 {
        self.terms().map(|(variable, sign)| sign * solution.value(variable)).sum()
    }
}

/// The rows at the grid.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) flows: Vec<Flow>,
    /// Their prices say what a kilowatt more in the step costs.
    pub(super) balances: Vec<Row>,
}
