//! A fleet in operation: a floor, robots, the order book, and whoever decides; messages and time go in, messages and changes
//! come out. No IO.
//!
//! Orders wait in the [`Book`]; [`crate::dispatch`] gives them to robots, the planner finds ways, and [`Master`] says it to
//! robots. In shadow the same is tried on a copy and told, not sent.
//!
//! **Invariant:** what is said to robots is said after it can be written down: whoever runs an operation writes
//! [`Operation::unsaved`] before it sends what [`Operation::turn`] gave.

mod places;
mod planner;
mod show;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use connect::Message;
use connect::vda5050::{self, Address, Body, Kind, Read, Topic, Version};
use model::{ThingId, Timestamp};
use serde::Serialize;
use serde_json::{Value as Json, json};
use site::run::{Complaint, Mode};

use crate::dispatch::Dispatcher;
use crate::effort::Effort;
use crate::floor::{Floor, Network};
use crate::master::{Finding, Master, MasterError, Mission, Output, Settings, Weight};
use crate::orders::{Book, Created, Order, OrderChange, OrderError, OrderState, Wanted};
use crate::traffic::Robot;
use crate::warehouse::Policy;
use places::{Places, is_charging, order_of};
use planner::Planner;
pub use show::{Figures, RobotState, RobotView};

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
    planner: Planner,
    dispatcher: Dispatcher,
    effort: Effort,
    findings: VecDeque<Told>,
    /// Robots that have refused what they were to do, by their factsheets.
    unable: BTreeSet<Robot>,
    /// Since when robots with an order cannot move.
    halted: BTreeMap<Robot, Timestamp>,
    /// When robots began with what they are at, for people.
    since: BTreeMap<Robot, (RobotState, Timestamp)>,
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
    pub fn open(
        floor: Floor,
        network: Network,
        saved: Saved,
        seed: u64,
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let network = Arc::new(network);
        let master = Master::restore(Settings::default(), &floor.map, Arc::clone(&network), saved.robots, now)?;
        let mut operation = Self {
            places: Places::of(&floor, &network),
            planner: Planner::new(&network, seed),
            floor,
            network,
            master,
            book: Book::restore(saved.orders),
            dispatcher: Dispatcher::new(seed),
            effort: Effort::default(),
            findings: VecDeque::new(),
            unable: BTreeSet::new(),
            halted: BTreeMap::new(),
            since: BTreeMap::new(),
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
            .filter(|order| order.state != OrderState::Waiting && !missions.contains(order.id.as_str()))
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

    /// Whether anything has to be written down.
    pub fn is_unsaved(&self) -> bool {
        self.book.is_changed() || self.master.is_unsaved()
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
        let old = Arc::clone(&self.network);
        let places = Places::of(&floor, &network);
        let node_of = |node| {
            let point = old.point(node);
            network.nearest(point.x, point.y).filter(|(_, metres)| *metres < 0.05).map(|(node, _)| node)
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
            let wanted = [&order.wanted.from, &order.wanted.to];
            wanted.into_iter().find(|place| places.get(place).is_none()).map(|place| (order, place))
        });
        complaints.extend(gone.map(|(order, place)| Complaint {
            place: format!("/source place {place}"),
            problem: format!("order {} is being carried out and needs it", order.id),
            hint: "keep the station or storage until the order is done".to_owned(),
        }));
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let network = Arc::new(network);
        self.master.set_network(&floor.map, Arc::clone(&network), |node| {
            let point = old.point(node);
            network.nearest(point.x, point.y).filter(|(_, metres)| *metres < 0.05).map(|(node, _)| node)
        });
        self.master.equip(&floor);
        (self.floor, self.network, self.places) = (floor, network, places);
        self.planner = Planner::new(&self.network, 1);
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
            self.hand_back(&id, "its robot was taken out of the fleet", false, now);
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

    /// Calls an order off, and its robot.
    pub fn cancel(&mut self, id: &str, by: &str, now: Timestamp) -> Result<Order, OrderError> {
        let state = self.book.get(id).map(|order| order.state);
        let order = self.book.cancel(id, &format!("called off by {by}"), now)?;
        if matches!(state, Some(OrderState::Assigned | OrderState::UnderWay))
            && let Some(robot) = order.robot
            && self.master.unit(robot).and_then(|unit| order_of(&unit.mission.as_ref()?.id)) == Some(id)
        {
            self.master.withdraw(robot);
            self.is_plan_wanted = true;
        }
        Ok(order)
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

    /// Lets time pass, and tells what is to be published. `live` is who decides, and whether it counts; with nobody the
    /// robots drive to the end of what they were released, and stand.
    pub fn turn(&mut self, now: Timestamp, live: Option<(Mode, Policy)>) -> Vec<Message> {
        let mut said = Vec::new();
        match live {
            Some((Mode::Operate, policy)) => {
                self.follow(now);
                if now.since(self.dispatched) >= DISPATCH_EVERY {
                    self.dispatched = now;
                    for (robot, mission) in self.give_out(policy, now) {
                        let decision = self.decision(Mode::Operate, &mission);
                        said.extend(self.note(robot, "decisions/order", &decision));
                    }
                }
                let outputs = self.master.tick(now);
                self.take(outputs, true, now, &mut said);
                self.is_plan_wanted |= self.is_somebody_short();
                if self.is_plan_wanted && now.since(self.planned) >= PLAN_EVERY {
                    self.plan(policy, now);
                }
            }
            Some((Mode::Shadow, policy)) => {
                self.listen(now, &mut said);
                if now.since(self.shadowed) >= SHADOW_EVERY {
                    self.shadowed = now;
                    self.shadow(policy, now, &mut said);
                }
            }
            _ => self.listen(now, &mut said),
        }
        self.note_states(now);
        said
    }

    /// Takes note of what robots told, and sends nothing.
    fn listen(&mut self, now: Timestamp, said: &mut Vec<Message>) {
        self.follow(now);
        let outputs = self.master.told();
        self.take(outputs, false, now, said);
    }

    fn take(&mut self, outputs: Vec<Output>, sends: bool, now: Timestamp, said: &mut Vec<Message>) {
        for output in outputs {
            match output {
                Output::Send(message) if sends => said.push(message),
                Output::PlanWanted => self.is_plan_wanted = true,
                Output::Finding(finding) => self.find(finding, now, said),
                Output::MissionDone { robot, mission } => {
                    if let Some(id) = order_of(&mission) {
                        said.extend(self.note(robot, "events/order_done", &json!(id)));
                        // Somebody may have called it off in the last moment.
                        drop(self.book.finish(id, now));
                    }
                    self.dispatched = Timestamp::EPOCH;
                    self.revision += 1;
                }
                Output::MissionFailed { robot, mission, why } => {
                    if let Some(id) = order_of(&mission.id) {
                        said.extend(self.note(robot, "events/order_failed", &json!({"order": id, "why": why})));
                        if mission.stops.len() < 2 {
                            let why = format!("{why}; the load is on robot {robot}");
                            drop(self.book.fail(id, &why, now));
                        } else {
                            drop(self.book.give_back(id, &why, true, now));
                        }
                    }
                    self.revision += 1;
                }
                Output::Door { door, open } if sends => said.extend(self.open_door(door, open)),
                // Who keeps their hands off sends nothing; batteries are looked at when robots get work.
                Output::Send(_) | Output::Door { .. } | Output::ChargeWanted(_) => {}
            }
        }
    }

    fn find(&mut self, finding: Finding, now: Timestamp, said: &mut Vec<Message>) {
        // What is only worth knowing is left out.
        if finding.weight > Weight::Information {
            let value = json!({"code": finding.code, "weight": finding.weight, "words": finding.words});
            said.extend(self.note(finding.robot, "events/finding", &value));
        }
        if self.findings.len() >= FINDINGS_MAX {
            self.findings.pop_front();
        }
        self.findings.push_back(Told { at: now, finding });
        self.revision += 1;
    }

    /// The thing that a door is, told to open or to close.
    fn open_door(&self, door: usize, open: bool) -> Option<Message> {
        let topic = format!("things/{}/desired", ThingId::new(self.floor.doors.get(door)?.id.clone()).ok()?);
        Some(Message { topic, payload: json!({"open": open}).to_string().into(), qos: 1, retain: true })
    }

    /// Hears whether the thing that a door is stands open.
    pub fn hear_door(&mut self, thing: &str, is_open: bool) {
        if let Some(door) = self.floor.doors.iter().position(|door| door.id == thing) {
            self.master.door(door, is_open);
        }
    }

    /// Orders follow their robots: those whose load is taken are under way, and robots that cannot move give back what they
    /// have not begun.
    fn follow(&mut self, now: Timestamp) {
        let (mut begun, mut stuck) = (Vec::new(), Vec::new());
        for (robot, unit) in self.master.robots() {
            let Some(mission) = &unit.mission else {
                self.halted.remove(&robot);
                continue;
            };
            let order = order_of(&mission.id).and_then(|id| self.book.get(id));
            if let Some(order) = order.filter(|it| it.state == OrderState::Assigned && mission.stops.len() < 2) {
                begun.push(order.id.clone());
            }
            if unit.is_movable() {
                self.halted.remove(&robot);
            } else if now.since(*self.halted.entry(robot).or_insert(now)) >= PATIENCE
                && (is_charging(mission)
                    || order.is_some_and(|it| it.state == OrderState::Assigned && mission.stops.len() > 1))
            {
                stuck.push((robot, order.map(|order| order.id.clone())));
            }
        }
        for id in begun {
            drop(self.book.begin(&id, now));
            self.revision += 1;
        }
        for (robot, order) in stuck {
            self.master.withdraw(robot);
            self.halted.remove(&robot);
            if let Some(id) = order {
                drop(self.book.give_back(&id, &format!("robot {robot} cannot move"), false, now));
            }
            self.revision += 1;
        }
    }

    /// An order leaves its robot for good.
    fn hand_back(&mut self, id: &str, why: &str, counts: bool, now: Timestamp) {
        let is_begun = self.book.get(id).is_some_and(|order| order.state == OrderState::UnderWay);
        let changed = if is_begun { self.book.fail(id, why, now) } else { self.book.give_back(id, why, counts, now) };
        // An order that is over by now needs no other robot.
        drop(changed);
    }

    /// Whether somebody who wants to go on has little planned.
    fn is_somebody_short(&self) -> bool {
        let traffic = self.master.traffic();
        self.master.robots().any(|(robot, unit)| {
            let goal = unit.goal();
            let end = traffic.horizon(robot).last().or_else(|| traffic.base(robot).last()).map(|visit| visit.cell);
            unit.is_movable() && goal.is_some() && goal != end && traffic.horizon(robot).len() < HORIZON_LEAST
        })
    }

    /// Ways for everybody.
    fn plan(&mut self, policy: Policy, now: Timestamp) {
        (self.is_plan_wanted, self.planned) = (false, now);
        let problem = self.master.problem();
        let paths = self.planner.paths(&self.network, &problem, policy);
        if let Err(error) = self.master.plan(&paths) {
            let finding = Finding {
                robot: 0,
                code: "plan_unfit".to_owned(),
                weight: Weight::Warning,
                words: format!("a plan does not fit: {error}"),
            };
            self.find(finding, now, &mut Vec::new());
        }
        let traffic = self.master.traffic();
        let stuck = problem.starts.iter().filter(|start| {
            let wants = start.is_movable && !start.is_busy && start.goal.is_some_and(|goal| goal != start.node);
            wants && start.holds.len() == 1 && traffic.horizon(start.robot).is_empty()
        });
        self.planner.judge(stuck.map(|start| start.robot));
    }

    /// Tells what would be sent, as far as it was not told before: tried on a copy, of which nothing is kept or sent.
    fn shadow(&mut self, policy: Policy, now: Timestamp, said: &mut Vec<Message>) {
        let mut master = self.master.clone();
        for (robot, mission, _) in self.decide(policy, now) {
            // Who could not take it would not get it.
            drop(mission.map(|mission| master.exchange(robot, Some(mission))));
        }
        let paths = self.planner.paths(&self.network, &master.problem(), policy);
        drop(master.plan(&paths));
        let sent = master.tick(now);
        let mut decisions = Vec::new();
        for (robot, unit) in master.robots() {
            let way = way(&unit.address.topic(Kind::Order), &sent);
            let Some(mission) = unit.mission.as_ref().filter(|_| !way.is_empty()) else { continue };
            let mut decision = self.decision(Mode::Shadow, mission);
            decision["way"] = json!(way);
            decisions.push((robot, decision));
        }
        for (robot, decision) in decisions {
            if self.would.get(&robot) != Some(&decision) {
                said.extend(self.note(robot, "decisions/order", &decision));
                self.would.insert(robot, decision);
            }
        }
    }

    fn decision(&self, mode: Mode, mission: &Mission) -> Json {
        let stops: Vec<&str> = mission.stops.iter().map(|stop| self.network.id(stop.node)).collect();
        json!({"mode": mode, "order": order_of(&mission.id).unwrap_or(&mission.id), "stops": stops})
    }

    /// The thing that a robot is.
    pub fn thing(&self, robot: Robot) -> Option<ThingId> {
        let address = &self.master.unit(robot)?.address;
        vda5050::thing_of(&address.manufacturer, &address.serial_number).ok()
    }

    /// Tells a fact about a robot: on `decisions/...` or `events/...` of its thing.
    fn note(&self, robot: Robot, what: &str, value: &Json) -> Option<Message> {
        let topic = format!("things/{}/{what}", self.thing(robot)?);
        Some(Message { topic, payload: value.to_string().into(), qos: 1, retain: false })
    }
}

/// The released nodes of the order that is among the messages for a topic.
fn way(order_topic: &str, outputs: &[Output]) -> Vec<String> {
    let message = outputs.iter().find_map(|output| match output {
        Output::Send(message) if message.topic == order_topic => Some(message),
        _ => None,
    });
    let read = message.and_then(|it| vda5050::read(&Topic::parse(&it.topic)?, &it.payload).ok());
    match read.map(|read| read.body) {
        Some(Body::Order(order)) => {
            order.nodes.into_iter().filter(|node| node.released).map(|node| node.node_id).collect()
        }
        _ => Vec::new(),
    }
}
