//! Batteries, and cars, which are batteries that drive away.

use plan::linear::{Row, Solution, Variable};

use super::build::{Builder, WATTS};
use crate::device::{Battery, Car};

/// What charging and discharging at once may waste before it counts, in kilowatt hours.
const WASTE_MAX: f64 = 1e-4;

/// The variables and rows of a store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    charge: Vec<Variable>,
    discharge: Vec<Variable>,
    /// What is in it at the end of each step.
    stored: Vec<Variable>,
    /// What is in it at the begin, and the part of it that is left after a step.
    begin: f64,
    keep: f64,
    /// What a kilowatt of charging brings into it in a step, and what one of discharging takes out.
    brings: f64,
    takes: f64,
    /// Their prices say what a kilowatt hour in the store is worth.
    pub(super) rows: Vec<Row>,
    /// The rows that ask for something by the begin of a step.
    pub(super) departures: Vec<(usize, Row)>,
}

/// In which steps a store can be moved by how much, in watts: the least and most that it charges, and the most that it gives.
#[derive(Clone, Copy)]
struct Ranges<'a> {
    charge: &'a dyn Fn(usize) -> (f64, f64),
    discharge: &'a dyn Fn(usize) -> f64,
}

impl Store {
    pub(super) fn of_battery(builder: &mut Builder<'_>, battery: &Battery, end_price: f64) -> Self {
        let ranges =
            Ranges { charge: &|_| (0.0, battery.charge_watts_max), discharge: &|_| battery.discharge_watts_max };
        Self::build(builder, battery, ranges, end_price)
    }

    /// A car; `charging` are the steps in which one charges that cannot charge slowly, once they are chosen.
    pub(super) fn of_car(builder: &mut Builder<'_>, car: &Car, charging: Option<&[bool]>, end_price: f64) -> Self {
        let charge = |step: usize| match charging.map(|charging| charging[step]) {
            _ if !car.plugged[step] => (0.0, 0.0),
            None => (0.0, car.battery.charge_watts_max),
            Some(true) => (car.charge_watts_min, car.battery.charge_watts_max),
            Some(false) => (0.0, 0.0),
        };
        let discharge = |step: usize| match charging.map(|charging| charging[step]) {
            Some(true) => 0.0,
            _ if !car.plugged[step] => 0.0,
            _ => car.battery.discharge_watts_max,
        };
        let ranges = Ranges { charge: &charge, discharge: &discharge };
        let mut store = Self::build(builder, &car.battery, ranges, end_price);
        let price = builder.worth.shortfall;
        for departure in car.departures.iter().filter(|departure| departure.step > 0) {
            let missing = builder.variable(0.0, f64::INFINITY, price);
            let terms = [(store.stored[departure.step - 1], 1.0), (missing, 1.0)];
            let row = builder.program.row(departure.kilowatt_hours, f64::INFINITY, terms);
            store.departures.push((departure.step, row));
        }
        store
    }

    fn build(builder: &mut Builder<'_>, battery: &Battery, ranges: Ranges<'_>, end_price: f64) -> Self {
        let (hours, steps) = (builder.hours, builder.steps);
        let keep = (1.0 - battery.loss_per_hour).powf(hours);
        let mut alone = battery.stored_kilowatt_hours.min(battery.capacity_kilowatt_hours);
        let mut store = Self {
            charge: Vec::with_capacity(steps),
            discharge: Vec::with_capacity(steps),
            stored: Vec::with_capacity(steps),
            begin: alone,
            keep,
            brings: hours * battery.charge_efficiency,
            takes: hours / battery.discharge_efficiency,
            rows: Vec::with_capacity(steps),
            departures: Vec::new(),
        };
        for step in 0..steps {
            let (least, most) = (ranges.charge)(step);
            let charge = builder.power(most / WATTS, 0.0);
            builder.program.confine(charge, least / WATTS, most / WATTS);
            let discharge = builder.power((ranges.discharge)(step) / WATTS, battery.wear_per_kilowatt_hour);
            builder.draw(step, charge, 1.0);
            builder.draw(step, discharge, -1.0);
            let before = store.stored.last().copied();
            let brought = if before.is_none() { keep * alone } else { 0.0 };
            alone *= keep;
            let worth = if step + 1 == steps { -end_price } else { 0.0 };
            let reserve = battery.reserve_kilowatt_hours;
            let stored = builder.variable(reserve.min(alone), battery.capacity_kilowatt_hours, worth);
            let terms = [(stored, 1.0), (charge, -store.brings), (discharge, store.takes)];
            let terms = terms.into_iter().chain(before.map(|before| (before, -keep)));
            store.rows.push(builder.program.row(brought, brought, terms));
            if alone < reserve {
                // It stands below its reserve: it is filled as soon as can be, and what is missing until then costs.
                let below = builder.variable(0.0, f64::INFINITY, builder.worth.shortfall * hours);
                builder.program.row(reserve, f64::INFINITY, [(stored, 1.0), (below, 1.0)]);
            }
            store.charge.push(charge);
            store.discharge.push(discharge);
            store.stored.push(stored);
        }
        store
    }

    /// What it takes in each step, in kilowatts: what brings it from state to state. Where the solution charges and discharges a
    /// little at once, that is not the difference of both, which would be off by more with every step.
    pub(super) fn kilowatts(&self, solution: &Solution) -> Vec<f64> {
        let mut before = self.begin;
        let of = |stored: &Variable| {
            let stored = solution.value(*stored);
            let brought = stored - self.keep * before;
            before = stored;
            if brought > 0.0 { brought / self.brings } else { brought / self.takes }
        };
        self.stored.iter().map(of).collect()
    }

    /// Steps in which it charges and discharges at once, which wastes energy and which no battery can, each with whether charging outweighs.
    pub(super) fn both(&self, solution: &Solution, battery: &Battery, hours: f64) -> Vec<(usize, bool)> {
        let wasted = hours * (1.0 / battery.discharge_efficiency - battery.charge_efficiency);
        let of = |(step, (charge, discharge)): (usize, (&Variable, &Variable))| {
            let (charge, discharge) = (solution.value(*charge), solution.value(*discharge));
            (charge.min(discharge) * wasted > WASTE_MAX).then_some((step, charge >= discharge))
        };
        self.charge.iter().zip(&self.discharge).enumerate().filter_map(of).collect()
    }

    /// Lets it only charge, or only discharge, in a step.
    pub(super) fn one_way(&self, builder: &mut Builder<'_>, step: usize, charges: bool) {
        let closed = if charges { self.discharge[step] } else { self.charge[step] };
        builder.program.confine(closed, 0.0, 0.0);
    }

    /// The variables of a step with their signs, which add up to what it takes.
    pub(super) fn power(&self, step: usize) -> [(Variable, f64); 2] {
        [(self.charge[step], 1.0), (self.discharge[step], -1.0)]
    }
}
