//! A fleet in operation: a floor, robots, the order book, and whoever decides; messages and time go in, messages and changes
//! come out. No IO.
//!
//! Orders wait in the [`Book`]; [`crate::dispatch`] gives them to robots, the planner finds ways, and [`Master`] says it to
//! robots. In shadow the same is tried on a copy and told, not sent.
//!
//! What takes long is asked of a [`Thinker`], which has no hold on the operation: [`Operation::turn`] gives the question and
//! takes the thought.
//!
//! **Invariant:** what is said to robots is said after it can be written down: whoever runs an operation writes
//! [`Operation::unsaved`] before it sends what [`Operation::turn`] gave.

mod called_off;
mod hands;
mod places;
mod planner;
mod show;
#[cfg(test)]
mod tests;
mod think;
mod turn;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use connect::vda5050::{self, Address, Body, Read, Topic, Version};
use model::{ThingId, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;
use site::run::Complaint;

use crate::floor::{Floor, Network, NodeIndex};
use crate::master::{Finding, Master, MasterError, Settings};
use crate::orders::{Book, Created, Order, OrderChange, OrderError, OrderState, Wanted};
use crate::traffic::Robot;
pub use hands::Hand;
use places::{Places, order_of};
pub use show::{Figures, RobotState, RobotView, WAY_MAX};
pub use think::{Question, Think, Thinker, Thought};

/// The most robots of one fleet.
pub const ROBOTS_MAX: usize = 10_000;
/// How many findings are kept; the oldest is forgotten.
pub const FINDINGS_MAX: usize = 50;

/// Plans are made at most so often.
const PLAN_EVERY: Duration = Duration::from_secs(1);
/// Orders are given out at most so often.
const DISPATCH_EVERY: Duration = Duration::from_secs(1);
/// How often a policy in shadow is asked what it would do.
const SHADOW_EVERY: Duration = Duration::from_secs(5);
/// A robot that cannot move for so long gives back an order that it has not begun.
const PATIENCE: Duration = Duration::from_secs(60);
/// A plan is wanted when a robot that wants to go on has fewer nodes planned.
const HORIZON_LEAST: usize = 3;

/// A node of another floor this near is the same place.
const SAME_PLACE_METRES: f64 = 0.05;

/// A finding, and when it was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What has to be written down before anything is sent or acknowledged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unsaved {
    /// Orders as they are now, or nothing once they are forgotten.
    pub orders: Vec<OrderChange>,
    /// Robots as they are now, or nothing once they are let go.
    pub robots: Vec<(Robot, Option<Json>)>,
}

/// What was written down.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// All orders.
    pub orders: Vec<Order>,
    /// All robots.
    pub robots: Vec<(Robot, Json)>,
}

/// A fleet in operation.
#[derive(Debug)]
pub struct Operation {
    floor: Floor,
    network: Arc<Network>,
    places: Places,
    master: Master,
    book: Book,
    findings: VecDeque<Told>,
    /// Robots that have refused what they were to do, by their factsheets.
    unable: BTreeSet<Robot>,
    /// Since when robots with an order cannot move.
    halted: BTreeMap<Robot, Timestamp>,
    /// When robots began with what they are at, for people.
    since: BTreeMap<Robot, (RobotState, Timestamp)>,
    /// Who wanted to go somewhere and got no way at all by the last plan.
    stuck: Vec<Robot>,
    is_plan_wanted: bool,
    planned: Timestamp,
    dispatched: Timestamp,
    shadowed: Timestamp,
    /// What a policy in shadow was last said to do, so that it is said once.
    would: BTreeMap<Robot, Json>,
    /// Counts what pages show.
    revision: u64,
}

impl Operation {
    /// Operation of a floor, going on from what was written down. The floor has no faults: look with [`Floor::network`].
    pub fn open(floor: Floor, network: Network, saved: Saved, now: Timestamp) -> Result<Self, serde_json::Error> {
        let network = Arc::new(network);
        let master = Master::restore(Settings::default(), &floor.map, Arc::clone(&network), saved.robots, now)?;
        let mut operation = Self {
            places: Places::of(&floor, &network),
            floor,
            network,
            master,
            book: Book::restore(saved.orders),
            findings: VecDeque::new(),
            unable: BTreeSet::new(),
            halted: BTreeMap::new(),
            since: BTreeMap::new(),
            stuck: Vec::new(),
            is_plan_wanted: true,
            planned: Timestamp::EPOCH,
            dispatched: Timestamp::EPOCH,
            shadowed: Timestamp::EPOCH,
            would: BTreeMap::new(),
            revision: 0,
        };
        operation.master.equip(&operation.floor);
        operation.reconcile(now);
        Ok(operation)
    }

    /// Orders and missions are written down together; should they differ all the same, no order is lost.
    fn reconcile(&mut self, now: Timestamp) {
        let missions: BTreeSet<&str> =
            self.master.robots().filter_map(|(_, unit)| order_of(&unit.mission.as_ref()?.id)).collect();
        let lost: Vec<(String, OrderState)> = self
            .book
            .open()
            .filter(|order| order.state != OrderState::Waiting && order.called_off.is_none())
            .filter(|order| !missions.contains(order.id.as_str()))
            .map(|order| (order.id.clone(), order.state))
            .collect();
        for (id, state) in lost {
            let why = "its robot no longer knew of it after a restart";
            let changed = match state {
                OrderState::Assigned => self.book.give_back(&id, why, false, now),
                _ => self.book.fail(&id, why, now),
            };
            changed.expect("an open order can be given back or fail");
        }
    }

    /// What has to be written down; say [`Operation::saved`] when it is.
    pub fn unsaved(&self) -> Unsaved {
        Unsaved { orders: self.book.changes(), robots: self.master.unsaved() }
    }

    /// Everything is written down.
    pub fn saved(&mut self) {
        self.book.saved();
        self.master.saved();
    }

    /// Takes back changes of the book that could not be written down.
    pub fn undo_orders(&mut self, now: Timestamp) {
        self.book.undo();
        self.reconcile(now);
    }

    /// The floor.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// The nodes of the floor.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The order book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Master control.
    pub fn master(&self) -> &Master {
        &self.master
    }

    /// What was noticed last, the newest first.
    pub fn findings(&self) -> impl Iterator<Item = &Told> {
        self.findings.iter().rev()
    }

    /// Grows with everything that pages show.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Puts another floor under the fleet. Robots with work must stand on it as on the old one.
    pub fn set_floor(&mut self, floor: Floor, network: Network) -> Result<(), Vec<Complaint>> {
        let (old, network) = (Arc::clone(&self.network), Arc::new(network));
        let places = Places::of(&floor, &network);
        let node_of = |node: NodeIndex| {
            let point = old.point(node);
            network.nearest(point.x, point.y).filter(|(_, metres)| *metres < SAME_PLACE_METRES).map(|(node, _)| node)
        };
        let mut complaints = Vec::new();
        for (robot, unit) in self.master.robots().filter(|(_, unit)| unit.mission.is_some()) {
            let held = self.master.traffic().base(robot).iter().map(|visit| visit.cell);
            let stops = unit.mission.iter().flat_map(|mission| mission.stops.iter().map(|stop| stop.node));
            let lost: BTreeSet<&str> =
                held.chain(stops).filter(|it| node_of(*it).is_none()).map(|it| old.id(it)).collect();
            if let Some(first) = lost.first() {
                complaints.push(Complaint {
                    place: format!("/source robot {robot}"),
                    problem: format!("it is at work and needs {first}, which the floor would no longer have"),
                    hint: "let it finish its order, or keep the place".to_owned(),
                });
            }
        }
        let gone = self.book.open().filter(|order| order.state != OrderState::Waiting).find_map(|order| {
            let wanted = [&order.wanted.from, &order.wanted.to].into_iter();
            wanted
                .chain(order.called_off.iter().map(|off| &off.to))
                .find(|place| places.get(place).is_none())
                .map(|place| (order, place))
        });
        complaints.extend(gone.map(|(order, place)| Complaint {
            place: format!("/source place {place}"),
            problem: format!("order {} is being carried out and needs it", order.id),
            hint: "keep the station or storage until the order is done".to_owned(),
        }));
        if !complaints.is_empty() {
            return Err(complaints);
        }
        self.master.set_network(&floor.map, Arc::clone(&network), node_of);
        self.master.equip(&floor);
        (self.floor, self.network, self.places) = (floor, network, places);
        self.stuck.clear();
        (self.is_plan_wanted, self.planned) = (true, Timestamp::EPOCH);
        self.revision += 1;
        Ok(())
    }

    /// Takes a robot into the fleet, and gives its number. One that is there already keeps its own.
    pub fn add_robot(&mut self, address: Address, version: Version) -> Result<(Robot, bool), MasterError> {
        if let Some(robot) = self.master.robot_at(&address.manufacturer, &address.serial_number) {
            return Ok((robot, false));
        }
        let robot = self.master.robots().last().map_or(1, |(last, _)| last + 1);
        self.master.add_robot(robot, address, version)?;
        self.revision += 1;
        Ok((robot, true))
    }

    /// What a robot's maker wants to be told with every action, beside what the action itself is told.
    pub fn set_parameters(&mut self, robot: Robot, parameters: BTreeMap<String, Json>) -> Result<(), MasterError> {
        self.revision += 1;
        self.master.set_parameters(robot, parameters)
    }

    /// Lets go of a robot. An order that it has not begun is given to another; one that it has begun has failed.
    pub fn remove_robot(&mut self, robot: Robot, now: Timestamp) -> Result<(), MasterError> {
        let unit = self.master.unit(robot).ok_or(MasterError::Unknown(robot))?;
        let order = unit.mission.as_ref().and_then(|mission| order_of(&mission.id)).map(str::to_owned);
        if let Some(id) = order {
            self.hand_back(&id, "its robot was taken out of the fleet", now);
        }
        self.master.remove_robot(robot);
        self.unable.remove(&robot);
        self.since.remove(&robot);
        self.revision += 1;
        Ok(())
    }

    /// Takes an order into the book.
    pub fn create(
        &mut self,
        id: Option<&str>,
        wanted: Wanted,
        by: &str,
        now: Timestamp,
    ) -> Result<Created, OrderError> {
        let places = &self.places;
        self.book.create(id, wanted, |place| places.get(place).is_some(), by, now)
    }

    /// Changes how urgent an order is.
    pub fn set_priority(&mut self, id: &str, priority: u8, now: Timestamp) -> Result<Order, OrderError> {
        self.book.set_priority(id, priority, now)
    }

    /// Hears a message of a robot. False when it is not one of this fleet.
    pub fn hear(&mut self, topic: &Topic<'_>, read: &Read, now: Timestamp) -> bool {
        let is_ours = self.master.hear(topic, read, now);
        if is_ours && let Body::Factsheet(_) = &read.body {
            self.unable.retain(|robot| self.master.unit(*robot).is_some_and(|unit| unit.factsheet.is_none()));
        }
        self.revision += u64::from(is_ours);
        is_ours
    }

    /// The thing that a robot is.
    pub fn thing(&self, robot: Robot) -> Option<ThingId> {
        let address = &self.master.unit(robot)?.address;
        vda5050::thing_of(&address.manufacturer, &address.serial_number).ok()
    }
}
