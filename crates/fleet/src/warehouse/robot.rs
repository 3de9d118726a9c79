//! A robot of the simulated warehouse.

use plan::{Cell, State};
use world::Random;

use super::demand::{Order, Urgency};
use super::settings::{Robots, Troubles};
use crate::dispatch::{Duty, Worker};

/// The share of a driving robot's power that one at rest takes.
const REST_POWER: f64 = 0.2;

/// Who did not get off its cell for so many seconds may let others pass, for so many seconds.
const PATIENCE_SECONDS: f64 = 15.0;
const COURTESY_SECONDS: f64 = 6.0;

/// An order on a robot.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) order: Order,
    pub(super) urgency: Urgency,
    /// Which of the order's stops is next.
    pub(super) stop: usize,
    /// The cell of that stop.
    pub(super) cell: Cell,
}

/// What a robot is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doing {
    /// Nothing.
    Free,
    /// On its way to the next stop of its order.
    Going,
    /// At a stop, until this second.
    Served(f64),
    /// On its way to a charger.
    ToCharger(usize),
    /// On a charger.
    Charging(usize),
}

#[derive(Debug, Clone)]
pub(super) struct Robot {
    pub(super) state: State,
    pub(super) doing: Doing,
    pub(super) carried: Option<Carried>,
    /// In percent.
    pub(super) battery: f64,
    /// How many seconds it is still on its way onto its cell, and how many it was when it began: it is slow there.
    pub(super) lag: (f64, f64),
    /// The door that it stands before and wants to pass.
    pub(super) before_door: Option<usize>,
    /// Since when it wants to get off its cell.
    held_since: f64,
    /// It only makes way until this second.
    yields_until: f64,
    /// It does not move before this second.
    pub(super) stuck_until: f64,
    /// Stops and breakdowns so far.
    pub(super) troubles: u32,
    /// The second of its next stop, and of its next breakdown.
    next_stop: f64,
    next_breakdown: f64,
    /// Its own chance, so that what happens to one does not change what happens to others.
    pub(super) random: Random,
}

/// A length that varies by chance, 1 on average.
fn lasting(random: &mut Random) -> f64 {
    -libm::log(1.0 - random.unit())
}

/// Seconds until something happens that happens so often.
fn wait(per_hour: f64, random: &mut Random) -> f64 {
    lasting(random) * 3_600.0 / per_hour
}

impl Robot {
    pub(super) fn new(state: State, troubles: &Troubles, number: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, &format!("robot {number}"));
        let battery = random.between(60.0, 100.0);
        let next_stop = wait(troubles.stops_per_robot_hour, &mut random);
        let next_breakdown = wait(troubles.breakdowns_per_robot_day / 24.0, &mut random);
        Self {
            state,
            doing: Doing::Free,
            carried: None,
            battery,
            lag: (0.0, 0.0),
            before_door: None,
            held_since: 0.0,
            yields_until: 0.0,
            stuck_until: 0.0,
            troubles: 0,
            next_stop,
            next_breakdown,
            random,
        }
    }

    /// Stops and breakdowns, as chance has them.
    pub(super) fn meet_trouble(&mut self, troubles: &Troubles, now: f64) {
        while now >= self.next_stop {
            self.stuck_until = self.stuck_until.max(now + lasting(&mut self.random) * troubles.stop_seconds);
            self.troubles += 1;
            self.next_stop += wait(troubles.stops_per_robot_hour, &mut self.random);
        }
        while now >= self.next_breakdown {
            self.stuck_until = self.stuck_until.max(now + lasting(&mut self.random) * troubles.repair_minutes * 60.0);
            self.troubles += 1;
            self.next_breakdown += wait(troubles.breakdowns_per_robot_day / 24.0, &mut self.random);
        }
    }

    /// Uses its battery, or fills it.
    pub(super) fn spend(
        &mut self,
        robots: &Robots,
        charging_percent_per_hour: Option<f64>,
        moved: bool,
        dt_seconds: f64,
    ) {
        let hours = dt_seconds / 3_600.0;
        let spent = hours * 100.0 / robots.battery_hours * if moved { 1.0 } else { REST_POWER };
        let gained = charging_percent_per_hour.map_or(0.0, |rate| rate * hours);
        self.battery = (self.battery - spent + gained).clamp(0.0, 100.0);
    }

    /// What dispatch sees of it. Who is stuck keeps what it has.
    pub(super) fn worker(&self, now: f64) -> Worker<'_, Urgency> {
        let is_fit = !self.is_stuck(now);
        let duty = match (&self.carried, self.doing) {
            (Some(carried), Doing::Going) if carried.stop == 0 && is_fit => {
                Duty::Fetching(carried.order.task(carried.urgency))
            }
            (Some(carried), _) => Duty::Busy(&carried.order.stops[carried.stop..]),
            (None, Doing::Free) => Duty::Free,
            (None, _) => Duty::Busy(&[]),
        };
        Worker { state: self.state, duty, battery_percent: self.battery, is_fit }
    }

    pub(super) fn is_stuck(&self, now: f64) -> bool {
        now < self.stuck_until || self.battery <= 0.0
    }

    /// Whether it is still on its way onto its cell for this step of so many seconds.
    pub(super) fn is_arriving(&self, dt_seconds: f64) -> bool {
        self.lag.0 >= dt_seconds - 1e-9
    }

    /// Gets onto a cell in more time than a step, or gets nearer to it. What is left of a step counts for the next way.
    pub(super) fn arrive(&mut self, more_seconds: f64, dt_seconds: f64) {
        if more_seconds > 0.0 {
            let left = self.lag.0 + more_seconds;
            self.lag = (left, left + dt_seconds);
        } else if self.is_arriving(dt_seconds) {
            self.lag.0 -= dt_seconds;
        }
    }

    /// The share of the way onto its cell that is still ahead of it.
    pub(super) fn share_ahead(&self, dt_seconds: f64) -> f64 {
        if self.is_arriving(dt_seconds) { self.lag.0 / self.lag.1 } else { 0.0 }
    }

    /// Hears whether it got off its cell, or did not want to.
    pub(super) fn note_move(&mut self, is_held: bool, now: f64) {
        if !is_held {
            self.held_since = now;
        }
    }

    /// Lets others pass for a while, by chance, when it waits for long. Where some ways cost much more than others, two robots
    /// that face each other may both find it cheaper to wait than to step aside.
    pub(super) fn consider_others(&mut self, now: f64) {
        if now - self.held_since >= PATIENCE_SECONDS {
            self.held_since = now;
            if self.random.unit() < 0.5 {
                self.yields_until = now + COURTESY_SECONDS;
            }
        }
    }

    /// Whether it only makes way for others now.
    pub(super) fn is_yielding(&self, now: f64) -> bool {
        now < self.yields_until
    }

    /// Whether it stays where it is, whatever others want.
    pub(super) fn is_fixed(&self, now: f64) -> bool {
        self.is_stuck(now) || matches!(self.doing, Doing::Served(_) | Doing::Charging(_))
    }

    /// Where it wants to be.
    pub(super) fn goal(&self, chargers: &[Cell], now: f64) -> Option<Cell> {
        match self.doing {
            _ if self.is_fixed(now) => Some(self.state.cell),
            Doing::Going => self.carried.as_ref().map(|carried| carried.cell),
            Doing::ToCharger(charger) => Some(chargers[charger]),
            _ => None,
        }
    }
}
