//! What is on or off: programmes that start once, loads that run in stretches, cars that charge at no less than a least power.
//!
//! The linear program may split them, which gives a bound. What is chosen starts from its split and is improved by solving for other choices, until the bound proves
//! that none is better by more than [`GAP`], or the effort is spent.

use plan::linear::{Row, Solution, Variable};

use super::PlanFailed;
use super::build::{Builder, WATTS};
use super::solve::{Home, Part, Settled, Solved};
use crate::device::{Appliance, Car, DeviceKind, Switched};

/// Most programs that are solved for other choices, for a home alone and for one of a group.
pub(super) const EFFORT_MAX: usize = 12;
pub(super) const EFFORT_GROUP_MAX: usize = 2;

/// A choice is good enough when it costs this part more than the bound.
const GAP: f64 = 5e-4;

/// The variables of a machine that may be split among its starts.
#[derive(Debug, Clone)]
pub(super) struct Starts {
    possible: Vec<(usize, Variable)>,
    steps: usize,
    programme_kilowatts: Vec<f64>,
}

impl Starts {
    pub(super) fn of(builder: &mut Builder<'_>, appliance: &Appliance) -> Self {
        let programme_kilowatts: Vec<f64> = appliance.programme_watts.iter().map(|watts| watts / WATTS).collect();
        let possible = possible_starts(appliance, builder.steps);
        let possible: Vec<(usize, Variable)> = possible.map(|start| (start, builder.variable(0.0, 1.0, 0.0))).collect();
        for (start, variable) in &possible {
            for (at, kilowatts) in programme_kilowatts.iter().enumerate().filter(|(_, kilowatts)| **kilowatts > 0.0) {
                builder.draw(start + at, *variable, *kilowatts);
            }
        }
        if !possible.is_empty() {
            builder.program.row(1.0, 1.0, possible.iter().map(|(_, variable)| (*variable, 1.0)));
        }
        Self { possible, steps: builder.steps, programme_kilowatts }
    }

    pub(super) fn kilowatts(&self, solution: &Solution) -> Vec<f64> {
        let mut kilowatts = vec![0.0; self.steps];
        for (start, variable) in &self.possible {
            add(&mut kilowatts, &self.programme_kilowatts, *start, solution.value(*variable));
        }
        kilowatts
    }

    /// Ways to run it, by what the split says of them, the most promising first; only those that can be better than what costs so much.
    fn ways(&self, solution: &Solution, cost_max: f64) -> Vec<Vec<f64>> {
        let room = cost_max - solution.objective;
        let mut starts: Vec<(f64, f64, usize)> = self
            .possible
            .iter()
            .map(|(start, variable)| (solution.reduced_cost(*variable).max(0.0), -solution.value(*variable), *start))
            .collect();
        starts.retain(|(dearer, _, _)| *dearer <= room);
        // Splits below this tell nothing; then what is cheaper goes first, and among equals the earlier.
        starts.sort_by(|a, b| {
            let split = |share: f64| (share * 100.0).round();
            split(a.1).total_cmp(&split(b.1)).then(a.0.total_cmp(&b.0)).then(a.2.cmp(&b.2))
        });
        let of = |(_, _, start): &(f64, f64, usize)| {
            let mut kilowatts = vec![0.0; self.steps];
            add(&mut kilowatts, &self.programme_kilowatts, *start, 1.0);
            kilowatts
        };
        starts.iter().map(of).collect()
    }
}

/// The steps that a machine may start in.
pub(crate) fn possible_starts(appliance: &Appliance, steps: usize) -> std::ops::Range<usize> {
    let last = appliance.latest_end.min(steps).checked_sub(appliance.programme_watts.len());
    appliance.earliest_start..last.map_or(0, |last| last + 1)
}

fn add(kilowatts: &mut [f64], programme: &[f64], start: usize, share: f64) {
    kilowatts[start..].iter_mut().zip(programme).for_each(|(total, part)| *total += share * part);
}

/// The variables of a load that may be on in part.
#[derive(Debug, Clone)]
pub(super) struct Stretches {
    on: Vec<Variable>,
    kilowatts: f64,
    steps_on: usize,
    run: usize,
    allowed: Vec<bool>,
}

impl Stretches {
    pub(super) fn of(builder: &mut Builder<'_>, switched: &Switched) -> Self {
        let kilowatts = switched.watts / WATTS;
        let of = |(step, allowed): (usize, &bool)| {
            let on = builder.variable(0.0, f64::from(u8::from(*allowed)), 0.0);
            builder.draw(step, on, kilowatts);
            on
        };
        let on: Vec<Variable> = switched.allowed.iter().enumerate().map(of).collect();
        let run = switched.run_steps_min.max(1);
        let steps_on = runnable(&switched.allowed, run, switched.steps_on);
        builder.program.row(steps_on as f64, steps_on as f64, on.iter().map(|on| (*on, 1.0)));
        Self { on, kilowatts, steps_on, run, allowed: switched.allowed.clone() }
    }

    pub(super) fn kilowatts(&self, solution: &Solution) -> Vec<f64> {
        self.on.iter().map(|on| solution.value(*on) * self.kilowatts).collect()
    }

    /// Ways to run it: near to how the program splits it, and where a kilowatt costs least by the prices of steps.
    fn ways(&self, solution: &Solution, balances: &[Row]) -> Vec<Vec<f64>> {
        let prices: Vec<f64> = balances.iter().map(|row| solution.price(*row)).collect();
        let level = prices.iter().fold(1e-6_f64, |most, price| most.max(price.abs()));
        let split = self.on.iter().zip(&prices).map(|(on, price)| 1e-3 * price / level - solution.value(*on)).collect();
        let mut ways: Vec<Vec<f64>> = Vec::new();
        for costs in [split, prices] {
            let on = stretches(&costs, &self.allowed, self.run, self.steps_on);
            let way = on.iter().map(|on| if *on { self.kilowatts } else { 0.0 }).collect();
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        ways
    }
}

/// How many steps a load can be on: as many as asked for, or the nearest number that stretches of the least length add up to, rather more than fewer.
pub(crate) fn runnable(allowed: &[bool], run: usize, wanted: usize) -> usize {
    let lengths = allowed.split(|allowed| !allowed).map(<[bool]>::len).filter(|length| *length >= run);
    let most: usize = lengths.sum();
    if wanted == 0 { 0 } else { wanted.max(run).min(most) }
}

/// The cheapest steps to be on in, so many in all and each stretch long enough, by dynamic programming.
fn stretches(costs: &[f64], allowed: &[bool], run: usize, steps_on: usize) -> Vec<bool> {
    let steps = costs.len();
    let width = steps_on + 1;
    // The least cost with so many steps on among the first, off or on at the last of them, and how it came about.
    let mut least = vec![[f64::INFINITY; 2]; (steps + 1) * width];
    let mut begun = vec![[0_u16; 2]; (steps + 1) * width];
    least[0][0] = 0.0;
    for step in 0..steps {
        for count in 0..width {
            let here = step * width + count;
            let [off, on] = least[here];
            improve(&mut least, &mut begun, here + width, 0, off, 0);
            improve(&mut least, &mut begun, here + width, 0, on, 1);
            if on.is_finite() && allowed[step] && count + 1 < width {
                improve(&mut least, &mut begun, here + width + 1, 1, on + costs[step], 1);
            }
            let end = step + run;
            if off.is_finite()
                && end <= steps
                && count + run < width
                && allowed[step..end].iter().all(|allowed| *allowed)
            {
                let cost = off + costs[step..end].iter().sum::<f64>();
                improve(&mut least, &mut begun, end * width + count + run, 1, cost, run as u16 + 1);
            }
        }
    }
    let (mut step, mut count) = (steps, steps_on);
    let mut mode = usize::from(least[step * width + count][1] < least[step * width + count][0]);
    let mut on = vec![false; steps];
    while step > 0 && least[step * width + count][mode].is_finite() {
        match (mode, usize::from(begun[step * width + count][mode])) {
            (0, before) => (step, mode) = (step - 1, before),
            (_, 1) => {
                (step, count) = (step - 1, count - 1);
                on[step] = true;
            }
            (_, length) => {
                (step, count, mode) = (step - (length - 1), count - (length - 1), 0);
                on[step..step + length - 1].fill(true);
            }
        }
    }
    on
}

fn improve(least: &mut [[f64; 2]], begun: &mut [[u16; 2]], place: usize, mode: usize, cost: f64, how: u16) {
    if cost < least[place][mode] {
        least[place][mode] = cost;
        begun[place][mode] = how;
    }
}

/// The steps in which a car charges, when it cannot charge slowly: what is spread below its least power is gathered in as many steps as the energy needs.
fn charging_steps(car: &Car, kilowatts: &[f64], prices: &[f64], hours: f64) -> Vec<bool> {
    let least = car.charge_watts_min / WATTS;
    let room = (car.battery.capacity_kilowatt_hours - car.battery.stored_kilowatt_hours).max(0.0);
    let mut most = (room / (least * hours * car.battery.charge_efficiency) + 1e-6) as usize;
    let mut on = vec![false; kilowatts.len()];
    let mut ends: Vec<usize> = car.departures.iter().map(|departure| departure.step).collect();
    ends.extend((1..kilowatts.len()).filter(|step| car.plugged[*step] != car.plugged[*step - 1]));
    ends.push(kilowatts.len());
    ends.sort_unstable();
    let mut begin = 0;
    for end in ends {
        let mut slow: Vec<usize> = (begin..end).filter(|step| kilowatts[*step] > 1e-3).collect();
        let fast = slow.iter().filter(|step| kilowatts[**step] >= least - 1e-6).count();
        let energy: f64 = slow.iter().map(|step| kilowatts[*step]).filter(|power| *power < least - 1e-6).sum();
        slow.sort_by(|a, b| {
            let power = |step: &usize| (kilowatts[*step].min(least) / least * 20.0).round();
            power(b).total_cmp(&power(a)).then(prices[*a].total_cmp(&prices[*b])).then(a.cmp(b))
        });
        let wanted = fast + (energy / least - 1e-3).ceil().max(0.0) as usize;
        for step in slow.into_iter().take(wanted.min(most)) {
            on[step] = true;
            most -= 1;
        }
        begin = end;
    }
    on
}

impl Home<'_> {
    /// Settles what is on or off, from a program that may split it.
    pub(super) fn choose(&self, needed: &[f64], settled: &mut Settled) -> Result<Solved, PlanFailed> {
        let split = self.rounds(needed, settled)?;
        let places: Vec<usize> = (0..self.devices.len()).filter(|place| split.parts[*place].is_choice()).collect();
        let slow = self
            .devices
            .iter()
            .any(|device| matches!(&device.kind, DeviceKind::Car(car) if car.charge_watts_min > 0.0));
        if places.is_empty() && !slow {
            return Ok(split);
        }
        for place in &places {
            settled.fixed[*place] = split.parts[*place].ways(&split, f64::INFINITY).into_iter().next();
        }
        if slow {
            let before = if places.is_empty() { None } else { Some(self.rounds(needed, settled)?) };
            self.gather(before.as_ref().unwrap_or(&split), settled);
        }
        let best = self.rounds(needed, settled)?;
        self.improve(needed, &split, &places, settled, best)
    }

    /// Settles in which steps cars charge that cannot charge slowly.
    fn gather(&self, solved: &Solved, settled: &mut Settled) {
        let prices: Vec<f64> = solved.grid.balances.iter().map(|row| solved.solution.price(*row)).collect();
        for (place, device) in self.devices.iter().enumerate() {
            if let DeviceKind::Car(car) = &device.kind
                && car.charge_watts_min > 0.0
            {
                let kilowatts = solved.parts[place].kilowatts(&solved.solution);
                settled.charging[place] =
                    Some(charging_steps(car, &kilowatts, &prices, self.outlook.horizon.step_hours()));
            }
        }
    }

    /// Tries other choices while they can be better than what was found.
    fn improve(
        &self,
        needed: &[f64],
        split: &Solved,
        places: &[usize],
        settled: &mut Settled,
        mut best: Solved,
    ) -> Result<Solved, PlanFailed> {
        let mut effort = 0;
        loop {
            let before = best.solution.objective;
            for place in places {
                let room = GAP * self.worth.size(&best.grid, &best.solution);
                if best.solution.objective - split.solution.objective <= room {
                    return Ok(best);
                }
                for way in split.parts[*place].ways(split, best.solution.objective - room) {
                    if effort == self.effort_max {
                        return Ok(best);
                    }
                    if settled.fixed[*place].as_ref() == Some(&way) {
                        continue;
                    }
                    effort += 1;
                    let mut other = settled.clone();
                    other.fixed[*place] = Some(way);
                    let solved = self.rounds(needed, &mut other)?;
                    if solved.solution.objective < best.solution.objective {
                        (*settled, best) = (other, solved);
                    }
                }
            }
            if best.solution.objective >= before {
                return Ok(best);
            }
        }
    }
}

impl Part {
    fn is_choice(&self) -> bool {
        matches!(self, Self::Starts(_) | Self::Stretches(_))
    }

    /// Ways to run what is on or off.
    fn ways(&self, split: &Solved, cost_max: f64) -> Vec<Vec<f64>> {
        match self {
            Self::Starts(starts) => starts.ways(&split.solution, cost_max),
            Self::Stretches(stretches) => stretches.ways(&split.solution, &split.grid.balances),
            _ => Vec::new(),
        }
    }
}
