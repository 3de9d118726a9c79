//! Many homes behind one feeder: each is planned alone, and where all of them together are too much, one program of all homes shares what the feeder carries.
//!
//! The homes meet only in the rows of the steps that may be too full: the program is solved nearly as fast as the homes one by one. What is on or off
//! stays as each home chose it alone.

use std::sync::Arc;

use plan::linear::{Row, Variable};

use super::build::{Builder, WATTS};
use super::choices::EFFORT_GROUP_MAX;
use super::solve::{Home, ITERATIONS_MAX, Settled, Solved, needed};
use super::{PlanFailed, finish, validate};
use crate::device::Device;
use crate::outlook::{Aims, Outlook};
use crate::reason::{self, Missing, Relaxation};
use crate::schedule::{Schedule, Shortfall};

/// Most homes of a group.
pub const HOMES_MAX: usize = 1_000;

/// Steps that are filled beyond this part of what the feeder carries are looked at from the begin: a row more costs little, and a
/// program solved again because what was shifted fills other steps costs as much as the first.
const FULL: f64 = 0.1;

/// Most times that further steps are taken in, when what was shifted fills them.
const ROUNDS_MAX: usize = 8;

/// What may be above the feeder's limit, as a part of it.
const OVER: f64 = 1e-4;

/// One home of a group.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// What can be decided about.
    pub devices: &'a [Device],
    /// What is expected; all homes of a group have the same horizon. Scenarios count for what is on or off only.
    pub outlook: &'a Outlook,
    /// What is worth how much to this home.
    pub aims: &'a Aims,
}

/// What the homes share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feeder {
    /// The most that all homes may take together.
    pub import_watts_max: f64,
    /// The most that they may feed in together.
    pub export_watts_max: f64,
}

/// A plan for a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPlan {
    /// In the order of the homes.
    pub homes: Vec<Schedule>,
    /// What all take together in each step; negative while they feed in.
    pub grid_watts: Vec<f64>,
    /// What it would save in each step if the feeder carried a kilowatt hour more.
    pub feeder_prices: Vec<f64>,
    /// What the feeder cannot carry, whatever is shifted.
    pub shortfalls: Vec<Shortfall>,
}

/// Plans all homes of a group within what their feeder carries, at the least cost of all together.
pub fn plan_group(members: &[Member<'_>], feeder: &Feeder) -> Result<GroupPlan, PlanFailed> {
    let horizon = of_one_horizon(members, feeder)?;
    let homes: Vec<Home<'_>> =
        members.iter().map(|member| Home::new(member.devices, member.outlook, member.aims, EFFORT_GROUP_MAX)).collect();
    let mut alone = in_parallel(&homes, Home::solve)?;
    let mut prices = vec![0.0; horizon.steps];
    let mut full = vec![false; horizon.steps];
    for round in 0..ROUNDS_MAX {
        let total = total(alone.iter().map(|(_, solved)| solved), horizon.steps);
        let fills = if round == 0 { FULL } else { 1.0 + OVER };
        let fuller = mark(&total, feeder, fills, &mut full);
        let over = total.iter().any(|kilowatts| too_much(*kilowatts, feeder, 1.0 + OVER));
        if !over || !fuller {
            break;
        }
        prices = together(&homes, &mut alone, feeder, &full, horizon.step_hours())?;
    }
    let pairs: Vec<(&Home<'_>, &Solved)> = homes.iter().zip(alone.iter().map(|(_, solved)| solved)).collect();
    let schedules = in_parallel(&pairs, |(home, solved)| finish(home, solved))?;
    let grid_watts: Vec<f64> =
        (0..horizon.steps).map(|step| schedules.iter().map(|schedule| schedule.grid_watts[step]).sum()).collect();
    let mut shortfalls = shortfalls(members, feeder, &grid_watts);
    reason::tell_shortfalls(&mut shortfalls, &reason::English::default());
    Ok(GroupPlan { homes: schedules, grid_watts, feeder_prices: prices, shortfalls })
}

fn of_one_horizon(members: &[Member<'_>], feeder: &Feeder) -> Result<crate::horizon::Horizon, PlanFailed> {
    if members.len() > HOMES_MAX {
        return Err(PlanFailed::TooMany { what: "homes", found: members.len(), most: HOMES_MAX });
    }
    let first = members.first().ok_or(PlanFailed::Horizon { steps: 0, step_seconds: 0 })?.outlook.horizon;
    for member in members {
        validate::validate(member.devices, member.outlook, member.aims)?;
        if member.outlook.horizon != first {
            return Err(PlanFailed::Horizons);
        }
    }
    for (what, value) in [("import_watts_max", feeder.import_watts_max), ("export_watts_max", feeder.export_watts_max)]
    {
        if value.is_nan() || value < 0.0 {
            let whose = "the feeder".to_owned();
            return Err(PlanFailed::OutOfRange { whose, what, value, least: 0.0, most: f64::INFINITY });
        }
    }
    Ok(first)
}

/// What all homes take together, in kilowatts.
fn total<'a>(solved: impl Iterator<Item = &'a Solved>, steps: usize) -> Vec<f64> {
    let mut total = vec![0.0; steps];
    for solved in solved {
        let flows = solved.grid.flows.iter().map(|flow| flow.kilowatts(&solved.solution));
        total.iter_mut().zip(flows).for_each(|(total, kilowatts)| *total += kilowatts);
    }
    total
}

fn too_much(kilowatts: f64, feeder: &Feeder, part: f64) -> bool {
    kilowatts > part * feeder.import_watts_max / WATTS || -kilowatts > part * feeder.export_watts_max / WATTS
}

/// Marks the steps that are filled so far; whether there are more than before.
fn mark(total: &[f64], feeder: &Feeder, part: f64, full: &mut [bool]) -> bool {
    let mut more = false;
    for (full, kilowatts) in full.iter_mut().zip(total) {
        let now = !*full && too_much(*kilowatts, feeder, part);
        *full |= now;
        more |= now;
    }
    more
}

/// One program of all homes, with rows for the steps that are full; what a kilowatt hour more through the feeder would save.
fn together(
    homes: &[Home<'_>],
    alone: &mut [(Settled, Solved)],
    feeder: &Feeder,
    full: &[bool],
    hours: f64,
) -> Result<Vec<f64>, PlanFailed> {
    for _ in 0..ROUNDS_MAX {
        let mut builder = Builder::new(full.len(), hours, &homes[0].worth);
        let mut built = Vec::with_capacity(homes.len());
        for (home, (settled, _)) in homes.iter().zip(alone.iter()) {
            builder.home(&home.worth);
            let needed = needed(&home.outlook.load_watts, &home.outlook.solar_watts);
            built.push(home.add(&mut builder, &needed, settled));
        }
        let overload = homes.iter().map(|home| home.worth.overload).fold(0.0, f64::max);
        let mut rows: Vec<Option<Row>> = Vec::with_capacity(full.len());
        for (step, full) in full.iter().enumerate() {
            let row = full.then(|| {
                let flows: Vec<(Variable, f64)> = built.iter().flat_map(|(_, grid)| grid.flows[step].terms()).collect();
                let over = builder.program.variable(0.0, f64::INFINITY, overload * hours);
                let under = builder.program.variable(0.0, f64::INFINITY, overload * hours);
                let (least, most) = (-feeder.export_watts_max / WATTS, feeder.import_watts_max / WATTS);
                builder.program.row(least, most, flows.into_iter().chain([(over, -1.0), (under, 1.0)]))
            });
            rows.push(row);
        }
        let solution = Arc::new(builder.program.solve(ITERATIONS_MAX)?);
        let mut cheats = false;
        for ((home, (settled, solved)), (parts, grid)) in homes.iter().zip(alone.iter_mut()).zip(built) {
            *solved = Solved { parts, grid, solution: Arc::clone(&solution) };
            cheats |= home.correct(solved, settled);
        }
        if !cheats {
            let price = |row: &Option<Row>| row.map_or(0.0, |row| solution.price(row).abs() / hours);
            return Ok(rows.iter().map(price).collect());
        }
    }
    Ok(vec![0.0; full.len()])
}

fn shortfalls(members: &[Member<'_>], feeder: &Feeder, grid_watts: &[f64]) -> Vec<Shortfall> {
    let Some(member) = members.first() else { return Vec::new() };
    let limits = Aims {
        import_watts_max: feeder.import_watts_max * (1.0 + OVER),
        export_watts_max: feeder.export_watts_max * (1.0 + OVER),
        ..*member.aims
    };
    let of = |what: (Missing, Relaxation)| Shortfall {
        thing: None,
        words: String::new(),
        relaxation: String::new(),
        what: Some(what),
    };
    reason::connection(member.outlook, &limits, grid_watts).into_iter().map(of).collect()
}

/// Does the same for each of many, on all processors; the results are in order and do not depend on how many there are.
fn in_parallel<T: Sync, R: Send>(
    of: &[T],
    what: impl Fn(&T) -> Result<R, PlanFailed> + Sync,
) -> Result<Vec<R>, PlanFailed> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(of.len().max(1));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match of.get(place) {
                Some(one) => done.push((place, what(one))),
                None => return done,
            }
        }
    };
    let mut done: Vec<(usize, Result<R, PlanFailed>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for worker in workers {
            done.extend(worker.join().expect("planning does not panic"));
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
