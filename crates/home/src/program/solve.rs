//! Builds the program of a home and solves it, in rounds where prices make the linear program cheat: charging and discharging at once, or taking and feeding in.

use std::sync::Arc;

use plan::linear::{Row, Solution, Variable};

use super::PlanFailed;
use super::build::{Builder, Grid, Slopes, WATTS};
use super::choices::{Starts, Stretches};
use super::heat::Heated;
use super::stores::Store;
use super::worth::Worth;
use crate::device::{Device, DeviceKind};
use crate::heat::{self, TankStep, ZoneStep};
use crate::outlook::{Aims, Outlook};

/// Most iterations of the solver.
pub(super) const ITERATIONS_MAX: u32 = 200;

/// Most rounds until nothing cheats.
const ROUNDS_MAX: usize = 12;

/// A home to plan for.
pub(super) struct Home<'a> {
    pub(super) devices: &'a [Device],
    pub(super) outlook: &'a Outlook,
    pub(super) aims: &'a Aims,
    pub(super) worth: Worth,
    /// How heat moves, for each device that is heated.
    pub(super) steps: Vec<Steps>,
    /// Most programs that are solved for other choices of what is on or off.
    pub(super) effort_max: usize,
}

/// How heat moves in a device.
#[derive(Debug, Clone)]
pub(super) enum Steps {
    Tank(Vec<TankStep>),
    Zone(Vec<ZoneStep>),
    None,
}

/// The variables and rows of a device.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Store(Store),
    Heated(Heated),
    Starts(Starts),
    Stretches(Stretches),
    /// What was chosen, in kilowatts.
    Fixed(Vec<f64>),
}

/// A program with its solution.
pub(super) struct Solved {
    pub(super) parts: Vec<Part>,
    pub(super) grid: Grid,
    pub(super) solution: Arc<Solution>,
}

/// What is settled before a program is solved.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    slopes: Slopes,
    /// Device, step and whether it may charge there; if not it may discharge.
    one_way: Vec<(usize, usize, bool)>,
    /// What each device takes in the first step, in kilowatts; empty while that is open.
    first: Vec<f64>,
    /// What each device takes that is on or off, in kilowatts, once that is chosen.
    pub(super) fixed: Vec<Option<Vec<f64>>>,
    /// The steps in which each car charges that cannot charge slowly, once they are chosen.
    pub(super) charging: Vec<Option<Vec<bool>>>,
}

impl<'a> Home<'a> {
    pub(super) fn new(devices: &'a [Device], outlook: &'a Outlook, aims: &'a Aims, effort_max: usize) -> Self {
        let wear = devices.iter().map(|device| match &device.kind {
            DeviceKind::Battery(battery) => battery.wear_per_kilowatt_hour,
            DeviceKind::Car(car) => car.battery.wear_per_kilowatt_hour,
            _ => 0.0,
        });
        let steps = devices.iter().map(|device| match &device.kind {
            DeviceKind::Tank(tank) => Steps::Tank(heat::tank_steps(tank, &outlook.horizon)),
            DeviceKind::Zone(zone) => Steps::Zone(heat::zone_steps(zone, &outlook.outdoor_celsius, &outlook.horizon)),
            _ => Steps::None,
        });
        let worth = Worth::of(outlook, aims, wear.fold(0.0, f64::max));
        Self { devices, outlook, aims, worth, steps: steps.collect(), effort_max }
    }

    /// The plan for what is expected; where there are scenarios, with their common first step.
    pub(super) fn solve(&self) -> Result<(Settled, Solved), PlanFailed> {
        let needed = needed(&self.outlook.load_watts, &self.outlook.solar_watts);
        let mut settled = Settled {
            slopes: Slopes::guessed(&self.worth, &needed),
            one_way: Vec::new(),
            first: Vec::new(),
            fixed: vec![None; self.devices.len()],
            charging: vec![None; self.devices.len()],
        };
        let solved = self.choose(&needed, &mut settled)?;
        if self.outlook.scenarios.is_empty() {
            return Ok((settled, solved));
        }
        settled.first = self.first_step(&settled)?;
        // Which way a store goes in the first step is decided now, by all that may come.
        settled.one_way.retain(|(_, step, _)| *step > 0);
        let solved = self.rounds(&needed, &mut settled)?;
        Ok((settled, solved))
    }

    /// Solves until nothing cheats.
    pub(super) fn rounds(&self, needed: &[f64], settled: &mut Settled) -> Result<Solved, PlanFailed> {
        for _ in 1..ROUNDS_MAX {
            let solved = self.once(needed, settled)?;
            if !self.correct(&solved, settled) {
                return Ok(solved);
            }
        }
        self.once(needed, settled)
    }

    /// Settles what a solution cheated with; whether there was anything.
    pub(super) fn correct(&self, solved: &Solved, settled: &mut Settled) -> bool {
        let both = self.both(solved);
        let flows = solved.grid.flows.iter().map(|flow| flow.kilowatts(&solved.solution));
        let changed = settled.slopes.follow(&self.worth, flows);
        let cheats = changed || !both.is_empty();
        settled.one_way.extend(both);
        cheats
    }

    fn once(&self, needed: &[f64], settled: &Settled) -> Result<Solved, PlanFailed> {
        let mut builder = Builder::new(needed.len(), self.outlook.horizon.step_hours(), &self.worth);
        let (parts, grid) = self.add(&mut builder, needed, settled);
        for (part, kilowatts) in parts.iter().zip(&settled.first) {
            if let power @ [_, ..] = &*part.power(0) {
                // It gives where what it is to be is a rounding away from what can be.
                let price = self.worth.shortfall * builder.hours;
                let (more, less) =
                    (builder.variable(0.0, f64::INFINITY, price), builder.variable(0.0, f64::INFINITY, price));
                let terms = power.iter().copied().chain([(more, -1.0), (less, 1.0)]);
                builder.program.row(*kilowatts, *kilowatts, terms);
            }
        }
        let solution = Arc::new(builder.program.solve(ITERATIONS_MAX)?);
        Ok(Solved { parts, grid, solution })
    }

    /// Adds the home to a program.
    pub(super) fn add(&self, builder: &mut Builder<'_>, needed: &[f64], settled: &Settled) -> (Vec<Part>, Grid) {
        let parts = self.parts(builder, settled);
        for (device, step, charges) in &settled.one_way {
            if let Part::Store(store) = &parts[*device] {
                store.one_way(builder, *step, *charges);
            }
        }
        let grid = builder.grid(&with_fixed(needed, &parts), self.aims, &settled.slopes);
        (parts, grid)
    }

    /// What every device does in the first step, when every scenario may do as it likes from the second on.
    fn first_step(&self, settled: &Settled) -> Result<Vec<f64>, PlanFailed> {
        let mut builder = Builder::new(self.outlook.horizon.steps, self.outlook.horizon.step_hours(), &self.worth);
        let mut shared: Option<Vec<Part>> = None;
        for scenario in self.outlook.scenarios.iter().filter(|scenario| scenario.chance > 0.0) {
            builder.another(scenario.chance);
            let parts = self.parts(&mut builder, settled);
            let needed = with_fixed(&needed(&scenario.load_watts, &scenario.solar_watts), &parts);
            builder.grid(&needed, self.aims, &Slopes::guessed(&self.worth, &needed));
            let Some(first) = &shared else {
                shared = Some(parts);
                continue;
            };
            for (part, first) in parts.iter().zip(first) {
                let power = part.power(0);
                let less = first.power(0).into_iter().map(|(variable, sign)| (variable, -sign));
                if !power.is_empty() {
                    builder.program.row(0.0, 0.0, power.into_iter().chain(less));
                }
            }
        }
        let solution = builder.program.solve(ITERATIONS_MAX)?;
        Ok(shared.unwrap_or_default().iter().map(|part| part.kilowatts(&solution)[0]).collect())
    }

    fn parts(&self, builder: &mut Builder<'_>, settled: &Settled) -> Vec<Part> {
        let end_price = self.aims.end_price_per_kilowatt_hour;
        let of = |(place, (device, steps)): (usize, (&Device, &Steps))| {
            if let Some(fixed) = &settled.fixed[place] {
                return Part::Fixed(fixed.clone());
            }
            match (&device.kind, steps) {
                (DeviceKind::Battery(battery), _) => Part::Store(Store::of_battery(builder, battery, end_price)),
                (DeviceKind::Car(car), _) => {
                    let charging = settled.charging[place].as_deref();
                    Part::Store(Store::of_car(builder, car, charging, end_price))
                }
                (DeviceKind::Tank(tank), Steps::Tank(steps)) => {
                    Part::Heated(Heated::of_tank(builder, tank, steps, end_price))
                }
                (DeviceKind::Zone(zone), Steps::Zone(steps)) => Part::Heated(Heated::of_zone(builder, zone, steps)),
                (DeviceKind::Appliance(appliance), _) => Part::Starts(Starts::of(builder, appliance)),
                (DeviceKind::Switched(switched), _) => Part::Stretches(Stretches::of(builder, switched)),
                (DeviceKind::Tank(_) | DeviceKind::Zone(_), _) => {
                    unreachable!("steps of heat are made for every device that is heated")
                }
            }
        };
        self.devices.iter().zip(&self.steps).enumerate().map(of).collect()
    }

    fn both(&self, solved: &Solved) -> Vec<(usize, usize, bool)> {
        let hours = self.outlook.horizon.step_hours();
        let mut both = Vec::new();
        for (place, (device, part)) in self.devices.iter().zip(&solved.parts).enumerate() {
            let battery = match &device.kind {
                DeviceKind::Battery(battery) => battery,
                DeviceKind::Car(car) => &car.battery,
                _ => continue,
            };
            if let Part::Store(store) = part {
                let of = store.both(&solved.solution, battery, hours);
                both.extend(of.into_iter().map(|(step, charges)| (place, step, charges)));
            }
        }
        both
    }
}

impl Part {
    /// What it takes in each step, in kilowatts.
    pub(super) fn kilowatts(&self, solution: &Solution) -> Vec<f64> {
        match self {
            Self::Store(store) => store.kilowatts(solution),
            Self::Heated(heated) => heated.kilowatts(solution),
            Self::Starts(starts) => starts.kilowatts(solution),
            Self::Stretches(stretches) => stretches.kilowatts(solution),
            Self::Fixed(kilowatts) => kilowatts.clone(),
        }
    }

    /// The rows whose prices say what is in store is worth.
    pub(super) fn stores(&self) -> &[Row] {
        match self {
            Self::Store(store) => &store.rows,
            Self::Heated(heated) => &heated.rows,
            Self::Starts(_) | Self::Stretches(_) | Self::Fixed(_) => &[],
        }
    }

    /// The variables that add up to what it takes in a step; none for what is not planned in fine degrees.
    fn power(&self, step: usize) -> Vec<(Variable, f64)> {
        match self {
            Self::Store(store) => store.power(step).to_vec(),
            Self::Heated(heated) => vec![(heated.power(step), 1.0)],
            Self::Starts(_) | Self::Stretches(_) | Self::Fixed(_) => Vec::new(),
        }
    }
}

/// What the home needs beside its devices, in kilowatts.
pub(super) fn needed(load_watts: &[f64], solar_watts: &[f64]) -> Vec<f64> {
    load_watts.iter().zip(solar_watts).map(|(load, solar)| (load - solar) / WATTS).collect()
}

/// What the home needs beside what is planned in fine degrees.
fn with_fixed(needed: &[f64], parts: &[Part]) -> Vec<f64> {
    let mut needed = needed.to_vec();
    for part in parts {
        if let Part::Fixed(kilowatts) = part {
            needed.iter_mut().zip(kilowatts).for_each(|(needed, kilowatts)| *needed += kilowatts);
        }
    }
    needed
}
