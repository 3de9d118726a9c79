//! Who does what: which order a robot takes, and which robot goes to charge. Pure decisions over plain data.
//!
//! The simulated warehouse and real master control decide by this same code: it knows positions, orders and places, and
//! neither how robots are moved nor how they are spoken to. Whoever uses it lays out a [`Situation`] and carries out what
//! [`Dispatcher`] decides; [`Bookings`] spread robots over the cells of a place.
//!
//! **Invariant:** the same situation, seed and history give the same decisions, on any machine.

mod bookings;
#[cfg(test)]
mod tests;

use model::Timestamp;
use plan::assign::{Assigner, Distances, Job, Worker as Candidate};
use plan::{Budget, Cell, State};
use serde::{Deserialize, Serialize};

pub use bookings::Bookings;

/// How many orders for each robot are looked at when orders are given out; the most urgent ones.
const LOOKED_AT: usize = 3;
/// How much cost one step of priority is worth.
const PRIORITY_WORTH: u32 = 200;
/// How much cost a minute is worth that an order has waited.
const MINUTE_WORTH: f64 = 10.0;
/// A robot that was not yet sent to charge may work down to this share of the limit.
const LOWER_SHARE: f64 = 0.8;

/// How to decide.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether an order may change its robot until it is taken up.
    pub reassign: bool,
    /// How many orders may be on robots for each cell of a place that has a limit; more wait.
    pub orders_per_cell: u32,
    /// Percent of the battery below which a free robot goes to charge.
    pub charge_below_percent: f64,
}

/// A place where something is done with a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where robots stand; at least one.
    pub cells: Vec<Cell>,
    /// Whether only so many orders may be on robots for it: a station, where robots queue.
    pub is_limited: bool,
}

/// An order that no robot has taken up yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task<'a, K> {
    /// What the caller knows it by.
    pub key: K,
    /// More urgent orders have a higher one.
    pub priority: u8,
    /// When it came.
    pub came: Timestamp,
    /// The places to go to, in order; at least one.
    pub stops: &'a [usize],
}

/// What a robot is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty<'a, K> {
    /// Nothing.
    Free,
    /// On its way to the first stop of an order, which may still be given to somebody else.
    Fetching(Task<'a, K>),
    /// Something that stands: an order that was taken up, with the stops that it still goes to; charging; a person has it.
    Busy(&'a [usize]),
}

/// A robot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worker<'a, K> {
    /// Where it is, or will be when what it was released to is driven.
    pub state: State,
    /// What it is at.
    pub duty: Duty<'a, K>,
    /// Percent of its battery.
    pub battery_percent: f64,
    /// Whether it can be sent anywhere: not stuck, broken down or without a link.
    pub is_fit: bool,
}

/// Everything that a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a, K> {
    /// When.
    pub now: Timestamp,
    /// By which rules.
    pub rules: Rules,
    /// All places; orders name them by their index.
    pub places: &'a [Place],
    /// Where robots are charged.
    pub chargers: &'a [Cell],
    /// The cells that robots are bound for.
    pub bookings: &'a Bookings,
    /// All robots.
    pub workers: &'a [Worker<'a, K>],
}

/// Decides. It remembers nothing but where its randomness is.
#[derive(Debug)]
pub struct Dispatcher {
    assigner: Assigner,
}

impl Dispatcher {
    /// One that draws from this seed.
    pub const fn new(seed: u64) -> Self {
        Self { assigner: Assigner::new(seed) }
    }

    /// An order, or none, for every robot that can take one, when there are orders to take; robots that are not named keep
    /// what they have. `open` are the
    /// orders that nobody has, the most urgent first.
    pub fn orders<'a, K: Copy>(
        &mut self,
        situation: &Situation<'a, K>,
        open: impl Iterator<Item = Task<'a, K>>,
        distances: &impl Distances,
        budget: Budget<'_>,
    ) -> Vec<(usize, Option<K>)> {
        let rules = situation.rules;
        let lowest = rules.charge_below_percent * LOWER_SHARE;
        let may_work = |worker: &Worker<'_, K>| {
            matches!(worker.duty, Duty::Free) && worker.battery_percent >= lowest && worker.is_fit
        };
        let mut open = open.peekable();
        if open.peek().is_none() || !situation.workers.iter().any(may_work) {
            return Vec::new();
        }
        let may_change =
            |worker: &Worker<'_, K>| rules.reassign && matches!(worker.duty, Duty::Fetching(_)) && worker.is_fit;
        let looked_at: Vec<usize> = (0..situation.workers.len())
            .filter(|number| may_work(&situation.workers[*number]) || may_change(&situation.workers[*number]))
            .collect();
        // Orders that may change their robot stand first, so that their robots can hold them.
        let mut pool = Vec::new();
        let candidates: Vec<Candidate> = looked_at
            .iter()
            .map(|number| {
                let worker = &situation.workers[*number];
                let holds = match worker.duty {
                    Duty::Fetching(task) => {
                        pool.push(task);
                        Some(pool.len() - 1)
                    }
                    Duty::Free | Duty::Busy(_) => None,
                };
                Candidate { state: worker.state, holds }
            })
            .collect();
        let held = pool.len();
        draw(situation, &mut pool, open, held + LOOKED_AT * looked_at.len());
        if pool.len() == held {
            return Vec::new();
        }
        let jobs: Vec<Job> = pool.iter().map(|task| job(situation, task, distances)).collect();
        let taken = self.assigner.assign(distances, &candidates, &jobs, budget);
        let key = |job: usize| pool[job].key;
        looked_at.into_iter().zip(taken).map(|(number, job)| (number, job.map(key))).collect()
    }
}

/// The free robots that shall go to charge now, and to which charger each.
pub fn to_charge<K>(situation: &Situation<'_, K>, distances: &impl Distances) -> Vec<(usize, usize)> {
    let mut free: Vec<usize> =
        (0..situation.chargers.len()).filter(|at| situation.bookings.of(situation.chargers[*at]) == 0).collect();
    let mut sent = Vec::new();
    for (number, worker) in situation.workers.iter().enumerate() {
        let is_low = worker.battery_percent < situation.rules.charge_below_percent;
        if !matches!(worker.duty, Duty::Free) || !is_low {
            continue;
        }
        let nearest = (0..free.len()).min_by_key(|at| distances.distance(worker.state, situation.chargers[free[*at]]));
        if let Some(at) = nearest {
            sent.push((number, free.remove(at)));
        }
    }
    sent
}

/// Adds the most urgent open orders whose places have room.
fn draw<'a, K: Copy>(
    situation: &Situation<'a, K>,
    pool: &mut Vec<Task<'a, K>>,
    open: impl Iterator<Item = Task<'a, K>>,
    most: usize,
) {
    let mut planned = vec![0_u32; situation.places.len()];
    for worker in situation.workers {
        let stops = match worker.duty {
            Duty::Free => &[],
            Duty::Fetching(task) => task.stops,
            Duty::Busy(stops) => stops,
        };
        stops.iter().for_each(|stop| planned[*stop] += 1);
    }
    for task in open {
        if pool.len() >= most {
            break;
        }
        let has_room = task.stops.iter().all(|stop| {
            let place = &situation.places[*stop];
            !place.is_limited || planned[*stop] < situation.rules.orders_per_cell * place.cells.len() as u32
        });
        if has_room {
            task.stops.iter().for_each(|stop| planned[*stop] += 1);
            pool.push(task);
        }
    }
}

fn job<K>(situation: &Situation<'_, K>, task: &Task<'_, K>, distances: &impl Distances) -> Job {
    let cell = |stop: &usize| situation.places[*stop].cells[0];
    let length = task.stops.windows(2).map(|pair| distances.between(cell(&pair[0]), cell(&pair[1]))).sum();
    let waited = (situation.now.since(task.came).as_secs_f64() / 60.0 * MINUTE_WORTH) as u32;
    Job { first: cell(&task.stops[0]), length, advance: u32::from(task.priority) * PRIORITY_WORTH + waited }
}
