//! Who does what: the situation of the fleet laid out for [`crate::dispatch`], and its decisions carried out.

use std::collections::{BTreeSet, HashMap};

use model::Timestamp;
use plan::assign::{Distances, OnGrid};
use plan::{Cell, State};

use super::Operation;
use super::places::{charging, is_charging, mission, order_of};
use crate::dispatch::{Bookings, Dispatcher, Duty, Place, Rules, Situation, Task, Worker, to_charge};
use crate::floor::{GridView, Network};
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

/// The stops of orders on robots, as numbers of places.
type Stops = HashMap<String, [usize; 2]>;

impl Operation {
    /// Gives out orders and sends robots to charge; tells the missions that robots got.
    pub(super) fn give_out(&mut self, policy: Policy, now: Timestamp) -> Vec<(Robot, Mission)> {
        let decisions = self.decide(policy, now);
        // Orders that nobody has any more wait again, before others are given out.
        for (robot, ..) in &decisions {
            let held = self.master.unit(*robot).and_then(|unit| unit.mission.as_ref());
            let held = held.and_then(|mission| order_of(&mission.id)).map(str::to_owned);
            if let Some(id) = held {
                drop(self.book.give_back(&id, "another robot is nearer", false, now));
            }
        }
        let mut given = Vec::new();
        for (robot, mission, order) in decisions {
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

    /// What robots shall do from now on, as far as it is something else than now.
    pub(super) fn decide(&mut self, policy: Policy, now: Timestamp) -> Vec<Decision> {
        let mut dispatcher = std::mem::replace(&mut self.dispatcher, Dispatcher::new(0));
        let decisions = self.decide_with(&mut dispatcher, policy, now);
        self.dispatcher = dispatcher;
        decisions
    }

    fn decide_with(&self, dispatcher: &mut Dispatcher, policy: Policy, now: Timestamp) -> Vec<Decision> {
        let (names, places) = self.list_places();
        let numbers: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let stops_of = |order: &Order| {
            let at = |name: &String| numbers.get(name.as_str()).copied();
            Some([at(&order.wanted.from)?, at(&order.wanted.to)?])
        };
        let on_robots = self.book.open().filter(|order| order.state != OrderState::Waiting);
        let stops: Stops = on_robots.filter_map(|order| Some((order.id.clone(), stops_of(order)?))).collect();
        let mut open: Vec<(&Order, [usize; 2])> = self
            .book
            .open()
            .filter(|order| {
                order.state == OrderState::Waiting && order.wanted.not_before.is_none_or(|moment| moment <= now)
            })
            .filter_map(|order| Some((order, stops_of(order)?)))
            .collect();
        open.sort_by_key(|(order, _)| {
            (u8::MAX - order.priority, order.wanted.due.unwrap_or(Timestamp::MAX), order.number)
        });
        let (robots, workers) = self.list_workers(&stops);
        let bookings = self.bookings();
        let situation = Situation {
            now,
            rules: Rules {
                reassign: policy.reassign,
                orders_per_cell: policy.robots_per_station,
                charge_below_percent: CHARGE_BELOW_PERCENT,
            },
            places: &places,
            chargers: &self.places.chargers,
            bookings: &bookings,
            workers: &workers,
        };
        let ways = Ways { network: &self.network, grid: self.planner.distances() };
        let sent = to_charge(&situation, &ways);
        let mut decisions: Vec<Decision> = sent
            .iter()
            .map(|(worker, charger)| (robots[*worker], Some(charging(self.places.chargers[*charger])), None))
            .collect();
        let charged: BTreeSet<usize> = sent.iter().map(|(worker, _)| *worker).collect();
        let tasks = open.iter().map(|(order, stops)| task(order, stops));
        let budget = self.effort.for_orders(workers.len());
        let taken = dispatcher.orders(&situation, tasks, &ways, budget);
        let mut bookings = bookings.clone();
        for (worker, key) in taken.into_iter().filter(|(worker, _)| !charged.contains(worker)) {
            let holds = match workers[worker].duty {
                Duty::Fetching(task) => Some(task.key),
                _ => None,
            };
            if key == holds {
                continue;
            }
            let order = key.and_then(|number| self.book.numbered(number));
            let made = order.and_then(|order| {
                let [from, to] = stops_of(order)?;
                let mut node = |place: usize| {
                    let node = bookings.emptiest(&places[place].cells)?;
                    bookings.add(node);
                    Some(node)
                };
                Some(mission(order, node(from)?, node(to)?))
            });
            let id = order.filter(|_| made.is_some()).map(|order| order.id.clone());
            decisions.push((robots[worker], made, id));
        }
        decisions
    }

    /// All places with their nodes, and their names.
    fn list_places(&self) -> (Vec<String>, Vec<Place>) {
        let all = self.places.all();
        all.map(|(name, place)| (name.clone(), Place { cells: place.nodes.clone(), is_limited: place.is_station }))
            .unzip()
    }

    /// All robots on the floor as the dispatcher sees them.
    fn list_workers<'a>(&'a self, stops: &'a Stops) -> (Vec<Robot>, Vec<Worker<'a, u64>>) {
        let workers = self.master.robots().filter_map(|(robot, unit)| {
            let end = self.master.traffic().base(robot).last()?;
            let state = State { cell: end.cell, heading: GridView::heading(end.theta) };
            let supply = unit.state.as_ref().map(|state| &state.power_supply);
            let battery_percent = supply.map_or(0.0, |supply| supply.state_of_charge);
            let is_charging = supply.is_some_and(|supply| supply.charging) && battery_percent < CHARGE_UNTIL_PERCENT;
            let duty = match &unit.mission {
                None if is_charging => Duty::Busy(&[]),
                None => Duty::Free,
                Some(mission) => self.duty(unit, mission, stops),
            };
            let is_fit = unit.is_movable() && !self.unable.contains(&robot);
            Some((robot, Worker { state, duty, battery_percent, is_fit }))
        });
        workers.unzip()
    }

    fn duty<'a>(&'a self, unit: &Unit, mission: &Mission, stops: &'a Stops) -> Duty<'a, u64> {
        let order = order_of(&mission.id).and_then(|id| self.book.get(id));
        let Some((order, stops)) = order.and_then(|order| Some((order, stops.get(&order.id)?))) else {
            return Duty::Busy(&[]);
        };
        if order.state == OrderState::Assigned && mission.stops.len() == stops.len() && unit.may_change() {
            return Duty::Fetching(task(order, stops));
        }
        Duty::Busy(&stops[stops.len() - mission.stops.len().min(stops.len())..])
    }

    /// How many robots are bound for each node.
    fn bookings(&self) -> Bookings {
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

fn task<'a>(order: &Order, stops: &'a [usize; 2]) -> Task<'a, u64> {
    Task { key: order.number, priority: order.priority, came: order.created, stops }
}
