//! Who does what: the situation of the fleet laid out for [`crate::dispatch`], and its choices carried out.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Timestamp;
use plan::assign::{Distances, OnGrid};
use plan::{Cell, State};

use super::Operation;
use super::places::{charging, is_charging, mission, order_of};
use crate::dispatch::{Bookings, Dispatcher, Duty, Place, Rules, Situation, Task, Worker, to_charge};
use crate::effort::Effort;
use crate::floor::{GridView, Network, NodeIndex};
use crate::master::{Finding, MasterError, Mission, Unit, Weight};
use crate::orders::{Order, OrderState};
use crate::traffic::Robot;
use crate::warehouse::Policy;

/// Percent of the battery below which a robot is sent to a charger.
const CHARGE_BELOW_PERCENT: f64 = 30.0;
/// Percent of the battery with which a robot leaves the charger for work.
const CHARGE_UNTIL_PERCENT: f64 = 85.0;

/// What a robot shall do from now on: who, its mission or none, and the order that it carries out.
pub(super) type Decision = (Robot, Option<Mission>, Option<String>);

/// Something else for a robot to do.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    robot: Robot,
    /// The mission that it had when it was asked what it shall do.
    had: Option<String>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Nothing,
    /// The order with this number.
    Order(u64),
    /// To be charged there.
    Charge(NodeIndex),
}

/// The situation of a fleet, for whoever has no hold on it.
#[derive(Debug)]
pub(super) struct Layout {
    now: Timestamp,
    policy: Policy,
    places: Arc<[Place]>,
    chargers: Arc<[NodeIndex]>,
    bookings: Bookings,
    /// Orders that may be given out, the most urgent first.
    open: Vec<Open>,
    /// Robots, and the missions that they have.
    robots: Vec<(Robot, Option<String>)>,
    /// The same robots as the dispatcher sees them.
    workers: Vec<Laid>,
}

/// An order as the dispatcher sees it.
#[derive(Debug, Clone, Copy)]
struct Open {
    number: u64,
    priority: u8,
    came: Timestamp,
    stops: [usize; 2],
}

impl Open {
    fn task(&self) -> Task<'_, u64> {
        Task { key: self.number, priority: self.priority, came: self.came, stops: &self.stops }
    }
}

#[derive(Debug)]
struct Laid {
    state: State,
    doing: Doing,
    battery_percent: f64,
    is_fit: bool,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    Fetching(Open),
    /// Something that stands, with the places that it still goes to.
    Busy(Vec<usize>),
}

impl Laid {
    fn worker(&self) -> Worker<'_, u64> {
        let duty = match &self.doing {
            Doing::Nothing => Duty::Free,
            Doing::Fetching(order) => Duty::Fetching(order.task()),
            Doing::Busy(stops) => Duty::Busy(stops),
        };
        Worker { state: self.state, duty, battery_percent: self.battery_percent, is_fit: self.is_fit }
    }
}

/// How far it is on a floor of nodes: on a grid as its planner knows it, else as the crow flies.
struct Ways<'a> {
    network: &'a Network,
    grid: Option<(&'a GridView, OnGrid<'a>)>,
}

impl Distances for Ways<'_> {
    fn distance(&self, from: State, to: Cell) -> u32 {
        match &self.grid {
            Some((view, grid)) => grid.distance(State { cell: view.cell(from.cell), ..from }, view.cell(to)),
            None => self.between(from.cell, to),
        }
    }

    fn place(&self, cell: Cell) -> (usize, usize) {
        match &self.grid {
            Some((view, grid)) => grid.place(view.cell(cell)),
            None => {
                let point = self.network.point(cell);
                (point.y.abs() as usize, point.x.abs() as usize)
            }
        }
    }

    fn between(&self, from: Cell, to: Cell) -> u32 {
        match &self.grid {
            Some((view, grid)) => grid.between(view.cell(from), view.cell(to)),
            None => {
                let (a, b) = (self.network.point(from), self.network.point(to));
                (a.x - b.x).hypot(a.y - b.y) as u32
            }
        }
    }
}

impl Layout {
    /// What robots shall do, as far as it is something else than now.
    pub(super) fn choices(
        &self,
        network: &Network,
        grid: Option<(&GridView, OnGrid<'_>)>,
        dispatcher: &mut Dispatcher,
        effort: &Effort,
    ) -> Vec<Choice> {
        let workers: Vec<Worker<'_, u64>> = self.workers.iter().map(Laid::worker).collect();
        let situation = Situation {
            now: self.now,
            rules: Rules {
                reassign: self.policy.reassign,
                orders_per_cell: self.policy.robots_per_station,
                charge_below_percent: CHARGE_BELOW_PERCENT,
            },
            places: &self.places,
            chargers: &self.chargers,
            bookings: &self.bookings,
            workers: &workers,
        };
        let ways = Ways { network, grid };
        let sent = to_charge(&situation, &ways);
        let charged: BTreeSet<usize> = sent.iter().map(|(worker, _)| *worker).collect();
        let budget = effort.for_orders(workers.len());
        let taken = dispatcher.orders(&situation, self.open.iter().map(Open::task), &ways, budget);
        let holds = |worker: usize| match workers[worker].duty {
            Duty::Fetching(task) => Some(task.key),
            Duty::Free | Duty::Busy(_) => None,
        };
        let others = taken.into_iter().filter(|(worker, key)| !charged.contains(worker) && *key != holds(*worker));
        let others = others.map(|(worker, key)| (worker, key.map_or(What::Nothing, What::Order)));
        let charges = sent.iter().map(|(worker, charger)| (*worker, What::Charge(self.chargers[*charger])));
        let choice = |(worker, what)| {
            let (robot, had): &(Robot, Option<String>) = &self.robots[worker];
            Choice { robot: *robot, had: had.clone(), what }
        };
        charges.chain(others).map(choice).collect()
    }
}

impl Operation {
    /// The situation of the fleet.
    pub(super) fn lay_out(&self, policy: Policy, now: Timestamp) -> Layout {
        let may_begin = |order: &&Order| {
            order.state == OrderState::Waiting && order.wanted.not_before.is_none_or(|moment| moment <= now)
        };
        let mut open: Vec<(&Order, Open)> =
            self.book.open().filter(may_begin).filter_map(|order| Some((order, self.opened(order)?))).collect();
        open.sort_by_key(|(order, _)| {
            (u8::MAX - order.priority, order.wanted.due.unwrap_or(Timestamp::MAX), order.number)
        });
        let returning = self.returning();
        let (robots, workers) =
            self.master.robots().filter_map(|(robot, unit)| self.lay(robot, unit, returning.contains(&robot))).unzip();
        Layout {
            now,
            policy,
            places: Arc::clone(&self.places.all),
            chargers: Arc::clone(&self.places.chargers),
            bookings: self.bookings(),
            open: open.into_iter().map(|(_, open)| open).collect(),
            robots,
            workers,
        }
    }

    fn opened(&self, order: &Order) -> Option<Open> {
        let stops = self.places.stops(order)?;
        Some(Open { number: order.number, priority: order.priority, came: order.created, stops })
    }

    /// A robot on the floor as the dispatcher sees it.
    fn lay(&self, robot: Robot, unit: &Unit, is_returning: bool) -> Option<((Robot, Option<String>), Laid)> {
        let end = self.master.traffic().base(robot).last()?;
        let state = State { cell: end.cell, heading: GridView::heading(end.theta) };
        let supply = unit.state.as_ref().map(|state| &state.power_supply);
        let battery_percent = supply.map_or(0.0, |supply| supply.state_of_charge);
        let is_charging = supply.is_some_and(|supply| supply.charging) && battery_percent < CHARGE_UNTIL_PERCENT;
        let doing = match &unit.mission {
            _ if is_returning => Doing::Busy(Vec::new()),
            None if is_charging => Doing::Busy(Vec::new()),
            None => Doing::Nothing,
            Some(mission) => self.doing(unit, mission),
        };
        let is_fit = unit.is_movable() && !self.unable.contains(&robot);
        let had = unit.mission.as_ref().map(|mission| mission.id.clone());
        Some(((robot, had), Laid { state, doing, battery_percent, is_fit }))
    }

    fn doing(&self, unit: &Unit, mission: &Mission) -> Doing {
        let order = order_of(&mission.id).and_then(|id| self.book.get(id)).filter(|order| !order.state.is_over());
        let Some((order, open)) = order.and_then(|order| Some((order, self.opened(order)?))) else {
            return Doing::Busy(Vec::new());
        };
        if is_fetching(order, unit) {
            return Doing::Fetching(open);
        }
        let stops = &open.stops;
        Doing::Busy(stops[stops.len() - mission.stops.len().min(stops.len())..].to_vec())
    }

    /// Carries choices out; tells the missions that robots got.
    pub(super) fn give_out(&mut self, choices: Vec<Choice>, now: Timestamp) -> Vec<(Robot, Mission)> {
        let choices = self.still_right(choices);
        // Orders that nobody has any more wait again, before others are given out.
        for Choice { had, .. } in &choices {
            if let Some(id) = had.as_deref().and_then(order_of) {
                drop(self.book.give_back(id, "another robot is nearer", false, now));
            }
        }
        let mut given = Vec::new();
        for (robot, mission, order) in self.decisions(&choices, |order| order.state == OrderState::Waiting) {
            match self.master.exchange(robot, mission.clone()) {
                Ok(()) => {
                    if let Some(id) = order {
                        drop(self.book.assign(&id, robot, now));
                    }
                    given.extend(mission.map(|mission| (robot, mission)));
                }
                Err(error) => {
                    if matches!(error, MasterError::Action { .. }) {
                        self.unable.insert(robot);
                    }
                    let words = error.to_string();
                    let finding = Finding { robot, code: "unable".to_owned(), weight: Weight::Warning, words };
                    self.find(finding, now, &mut Vec::new());
                }
            }
            self.revision += 1;
        }
        given
    }

    /// The choices for robots that are where they were when it was asked what they shall do.
    fn still_right(&self, mut choices: Vec<Choice>) -> Vec<Choice> {
        choices.retain(|choice| {
            let Some(unit) = self.master.unit(choice.robot).filter(|unit| unit.is_movable()) else { return false };
            let order = choice.had.as_deref().and_then(order_of).and_then(|id| self.book.get(id));
            let is_same = unit.mission.as_ref().map(|mission| &mission.id) == choice.had.as_ref();
            is_same && order.map_or(choice.had.is_none(), |order| is_fetching(order, unit))
        });
        choices
    }

    /// The missions of choices, for orders that `may_have`.
    pub(super) fn decisions(&self, choices: &[Choice], may_have: impl Fn(&Order) -> bool) -> Vec<Decision> {
        let mut bookings = self.bookings();
        let decision = |choice: &Choice| {
            let order = match choice.what {
                What::Charge(charger) => return (choice.robot, Some(charging(charger)), None),
                What::Order(number) => self.book.numbered(number).filter(|order| may_have(order)),
                What::Nothing => None,
            };
            let made = order.and_then(|order| {
                let mut node = |place: usize| {
                    let node = bookings.emptiest(&self.places.all[place].cells)?;
                    bookings.add(node);
                    Some(node)
                };
                let [from, to] = self.places.stops(order)?;
                Some(mission(order, node(from)?, node(to)?))
            });
            let id = order.filter(|_| made.is_some()).map(|order| order.id.clone());
            (choice.robot, made, id)
        };
        choices.iter().map(decision).collect()
    }

    /// How many robots are bound for each node.
    pub(super) fn bookings(&self) -> Bookings {
        let mut bookings = Bookings::new(self.network.len());
        for (robot, unit) in self.master.robots() {
            let stops = unit.mission.iter().flat_map(|mission| &mission.stops);
            stops.for_each(|stop| bookings.add(stop.node));
            let is_charging_now = unit.state.as_ref().is_some_and(|state| state.power_supply.charging);
            let is_bound_here = unit.mission.as_ref().is_some_and(is_charging);
            if (is_charging_now || !unit.is_movable()) && !is_bound_here {
                self.master.traffic().base(robot).iter().for_each(|visit| bookings.add(visit.cell));
            }
        }
        bookings
    }
}

/// Whether a robot is on its way to take an order, which may still be given to somebody else.
fn is_fetching(order: &Order, unit: &Unit) -> bool {
    let stops = unit.mission.as_ref().map_or(0, |mission| mission.stops.len());
    order.state == OrderState::Assigned && order.called_off.is_none() && stops == 2 && unit.may_change()
}
