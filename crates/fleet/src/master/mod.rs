//! Master control over VDA 5050: missions and plans go in, orders come out, and nothing is driven that is not safe.
//!
//! [`Master`] is a state machine without IO: it hears messages, is told the time, and says what is to be sent. Who wants
//! something done gives a robot a [`Mission`]; whoever plans asks [`Master::problem`] and answers with [`Master::plan`].
//! All of it can be saved and restored, in the middle of a shift.
//!
//! **Invariant:** a robot's base is what traffic released to it; nothing of a base is ever taken back but by the robot's own
//! word that it has cancelled its order.
//! **Invariant:** what a robot says moves it on only as far as its position bears it out.

mod equip;
mod hear;
pub mod jams;
mod keep;
mod orders;
pub mod routes;
mod unit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use connect::Message;
use connect::vda5050::order::BlockingType;
use connect::vda5050::{Address, Version};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::floor::{Network, NodeIndex};
use crate::traffic::{Kept, PlannedStep, Robot, Traffic, TrafficError};
pub use unit::{Phase, Unit};

/// How master control behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How many nodes ahead of itself a robot is released at most.
    pub look_ahead_nodes: u64,
    /// How many nodes beyond its base a robot is told of.
    pub horizon_nodes: usize,
    /// How far off a node still counts as there, in metres; as told to robots.
    pub deviation_metres: f64,
    /// How far from its way a robot may say it is, in metres, and still be believed.
    pub belief_metres: f64,
    /// Seconds after which a message that was not acknowledged is sent again.
    pub resend_seconds: f64,
    /// Times that a message is sent before the robot counts as deaf.
    pub sends_max: u32,
    /// Seconds without a state after which one is asked for; the standard allows 30.
    pub silence_seconds: f64,
    /// Seconds without a link after which people are told.
    pub link_alarm_seconds: f64,
    /// Orders that a robot may refuse in a row before it is set aside.
    pub rejections_max: u32,
    /// Seconds to wait after a refusal.
    pub rejection_pause_seconds: f64,
    /// Percent of the battery below which a robot without a mission should be charged.
    pub charge_below_percent: f64,
    /// Seconds after which a door that stays closed is asked again.
    pub door_resend_seconds: f64,
    /// Seconds that a robot waits for a door before people are told.
    pub door_alarm_seconds: f64,
    /// Seconds by which a robot's clock may be off before people are told.
    pub clock_skew_seconds: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            look_ahead_nodes: 5,
            horizon_nodes: 5,
            deviation_metres: 0.2,
            belief_metres: 1.5,
            resend_seconds: 3.0,
            sends_max: 5,
            silence_seconds: 35.0,
            link_alarm_seconds: 60.0,
            rejections_max: 3,
            rejection_pause_seconds: 2.0,
            charge_below_percent: 30.0,
            door_resend_seconds: 10.0,
            door_alarm_seconds: 60.0,
            clock_skew_seconds: 30.0,
        }
    }
}

/// Something to do at a stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What: `pick`, `drop`, `startCharging`.
    pub action_type: String,
    /// What may happen meanwhile.
    pub blocking_type: BlockingType,
    /// How.
    pub parameters: Vec<(String, serde_json::Value)>,
}

/// A node to go to, and what to do there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Where.
    pub node: NodeIndex,
    /// What; nothing to just get there.
    pub tasks: Vec<Task>,
}

/// What a robot shall do: stops in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mission {
    /// Which one.
    pub id: String,
    /// The stops.
    pub stops: Vec<Stop>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing.
    Information,
    /// Wants a look.
    Warning,
    /// Wants a person.
    Alarm,
}

/// Something that master control noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// About whom.
    pub robot: Robot,
    /// A stable short word.
    pub code: String,
    /// How much it matters.
    pub weight: Weight,
    /// What, in words.
    pub words: String,
}

/// What master control wants from the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Publish this.
    Send(Message),
    /// Show this.
    Finding(Finding),
    /// Somebody needs a way: plan soon.
    PlanWanted,
    /// A robot has done all that its mission asked.
    MissionDone {
        /// Who.
        robot: Robot,
        /// Which mission.
        mission: String,
    },
    /// A robot cannot do its mission; give it to somebody else, or ask a person.
    MissionFailed {
        /// Who.
        robot: Robot,
        /// What is left of it, the stop that failed first.
        mission: Mission,
        /// Why.
        why: String,
    },
    /// Open or close a door, by its number on the floor.
    Door {
        /// Which.
        door: usize,
        /// Open, or close.
        open: bool,
    },
    /// A robot without a mission should be charged.
    ChargeWanted(Robot),
}

/// Where a robot stands for the planner.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Who.
    pub robot: Robot,
    /// Where its base ends: plans begin here.
    pub node: NodeIndex,
    /// Its heading there, in radians.
    pub theta: f64,
    /// Where it wants to go; `None` when it has nothing to do.
    pub goal: Option<NodeIndex>,
    /// Where it wants to go after that.
    pub next_goal: Option<NodeIndex>,
    /// Whether it can be sent anywhere. One that cannot holds its base until somebody helps it.
    pub is_movable: bool,
    /// Whether something is still to be done where its base ends.
    pub is_busy: bool,
    /// The nodes that it holds, its base.
    pub holds: Vec<NodeIndex>,
}

/// What a planner needs to know.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Problem {
    /// The robots on the floor.
    pub starts: Vec<Start>,
    /// Nodes that nobody may enter.
    pub closed: BTreeSet<NodeIndex>,
}

/// A door as master control knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct DoorState {
    is_open: bool,
    /// Since when it is asked to be open, and when it was asked last.
    asked: Option<(Timestamp, Timestamp)>,
}

/// Why master control does not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterError {
    /// There is no such robot.
    #[error("there is no robot {0}")]
    Unknown(Robot),
    /// There is one already.
    #[error("robot {0} is under control already")]
    Twice(Robot),
    /// The robot has another mission.
    #[error("robot {robot} has mission {mission}\nhint: withdraw it first")]
    Busy {
        /// Who.
        robot: Robot,
        /// Its mission.
        mission: String,
    },
    /// The mission names a node that is not there.
    #[error("mission {mission} goes to node {node}, which is not on the floor")]
    Node {
        /// Which mission.
        mission: String,
        /// Which node.
        node: NodeIndex,
    },
    /// The robot cannot do that.
    #[error("robot {robot} cannot do {action}, says its factsheet")]
    Action {
        /// Who.
        robot: Robot,
        /// What.
        action: String,
    },
    /// The plan does not fit.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
}

/// Master control of one floor.
#[derive(Debug, Clone)]
pub struct Master {
    settings: Settings,
    map: String,
    network: Arc<Network>,
    traffic: Traffic,
    units: BTreeMap<Robot, Unit>,
    /// Robots by manufacturer and serial number.
    by_name: HashMap<(String, String), Robot>,
    closed: BTreeSet<NodeIndex>,
    equipment: equip::Equipment,
    doors: BTreeMap<usize, DoorState>,
    now: Timestamp,
    last_id: u64,
    outputs: Vec<Output>,
    is_plan_wanted: bool,
    /// Robots of which something has to be written down.
    unsaved: BTreeSet<Robot>,
}

impl Master {
    /// Master control of a floor without robots. `map` is what robots call the floor.
    pub fn new(settings: Settings, map: &str, network: Arc<Network>, now: Timestamp) -> Self {
        Self {
            settings,
            map: map.to_owned(),
            network,
            traffic: Traffic::new(),
            units: BTreeMap::new(),
            by_name: HashMap::new(),
            closed: BTreeSet::new(),
            equipment: equip::Equipment::default(),
            doors: BTreeMap::new(),
            now,
            last_id: 0,
            outputs: Vec::new(),
            is_plan_wanted: false,
            unsaved: BTreeSet::new(),
        }
    }

    /// Takes a robot under control. It is on the floor once it has said where it is.
    pub fn add_robot(&mut self, robot: Robot, address: Address, version: Version) -> Result<(), MasterError> {
        if self.units.contains_key(&robot) {
            return Err(MasterError::Twice(robot));
        }
        self.by_name.insert((address.manufacturer.clone(), address.serial_number.clone()), robot);
        self.units.insert(robot, Unit::new(address, version, self.now));
        self.unsaved.insert(robot);
        self.ask(robot, "factsheetRequest");
        self.ask(robot, "stateRequest");
        Ok(())
    }

    /// What a robot's maker wants to be told with every action of an order, beside what the action itself is told.
    pub fn set_parameters(
        &mut self,
        robot: Robot,
        parameters: BTreeMap<String, serde_json::Value>,
    ) -> Result<(), MasterError> {
        self.units.get_mut(&robot).ok_or(MasterError::Unknown(robot))?.parameters = parameters;
        self.unsaved.insert(robot);
        Ok(())
    }

    /// Lets go of a robot; it is taken to have left the floor.
    pub fn remove_robot(&mut self, robot: Robot) {
        if let Some(unit) = self.units.remove(&robot) {
            self.by_name.remove(&(unit.address.manufacturer, unit.address.serial_number));
        }
        self.traffic.remove(robot);
        self.unsaved.insert(robot);
        self.is_plan_wanted = true;
    }

    /// The robot that is spoken to at an address.
    pub fn robot_at(&self, manufacturer: &str, serial_number: &str) -> Option<Robot> {
        self.by_name.get(&(manufacturer.to_owned(), serial_number.to_owned())).copied()
    }

    /// A robot as master control knows it.
    pub fn unit(&self, robot: Robot) -> Option<&Unit> {
        self.units.get(&robot)
    }

    /// All robots.
    pub fn robots(&self) -> impl Iterator<Item = (Robot, &Unit)> {
        self.units.iter().map(|(robot, unit)| (*robot, unit))
    }

    /// What is held and planned.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Gives a robot a mission.
    pub fn assign(&mut self, robot: Robot, mission: Mission) -> Result<(), MasterError> {
        let unit = self.units.get(&robot).ok_or(MasterError::Unknown(robot))?;
        if let Some(current) = &unit.mission {
            return Err(MasterError::Busy { robot, mission: current.id.clone() });
        }
        self.exchange(robot, Some(mission))
    }

    /// Gives a robot another mission than it has, or none, while it is still on its way: its order goes on, to somewhere
    /// else. Not once it was released to the first stop, see [`Unit::may_change`].
    pub fn exchange(&mut self, robot: Robot, mission: Option<Mission>) -> Result<(), MasterError> {
        let unit = self.units.get_mut(&robot).ok_or(MasterError::Unknown(robot))?;
        if let Some(current) = unit.mission.as_ref().filter(|_| !unit.may_change()) {
            return Err(MasterError::Busy { robot, mission: current.id.clone() });
        }
        for (mission, stop) in mission.iter().flat_map(|mission| mission.stops.iter().map(move |stop| (mission, stop)))
        {
            if stop.node as usize >= self.network.len() {
                return Err(MasterError::Node { mission: mission.id.clone(), node: stop.node });
            }
            let unknown = stop.tasks.iter().find(|task| !unit.can_do(&task.action_type));
            if let Some(task) = unknown {
                return Err(MasterError::Action { robot, action: task.action_type.clone() });
            }
        }
        unit.mission = mission;
        self.unsaved.insert(robot);
        self.is_plan_wanted = true;
        Ok(())
    }

    /// Takes a mission from a robot: its order is cancelled, and what is left of the mission is given back.
    pub fn withdraw(&mut self, robot: Robot) -> Option<Mission> {
        let mission = self.units.get_mut(&robot)?.mission.take()?;
        self.unsaved.insert(robot);
        self.cancel(robot);
        Some(mission)
    }

    /// Stops a robot where it is, or lets it go on. Its order is kept.
    pub fn pause(&mut self, robot: Robot, is_paused: bool) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        unit.is_pause_wanted = is_paused;
        self.unsaved.insert(robot);
        self.ask(robot, if is_paused { "startPause" } else { "stopPause" });
    }

    /// Puts a robot aside until a person has looked after it.
    pub fn set_aside(&mut self, robot: Robot, why: &str) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        unit.forget_order();
        (unit.phase, unit.mission, unit.why_aside) = (Phase::SetAside, None, Some(why.to_owned()));
        self.unsaved.insert(robot);
        self.find(robot, "set_aside", Weight::Alarm, true, || why.to_owned());
    }

    /// Puts a robot that was set aside to work again.
    pub fn reinstate(&mut self, robot: Robot) {
        let Some(unit) = self.units.get_mut(&robot).filter(|unit| unit.phase == Phase::SetAside) else { return };
        (unit.phase, unit.rejections, unit.why_aside) = (Phase::Lost, 0, None);
        self.unsaved.insert(robot);
        self.find(robot, "set_aside", Weight::Alarm, false, String::new);
        self.ask(robot, "stateRequest");
    }

    /// Closes a node to everybody, or opens it again. Who has it in its base may still pass.
    pub fn close(&mut self, node: NodeIndex, is_closed: bool) {
        if if is_closed { self.closed.insert(node) } else { self.closed.remove(&node) } {
            self.is_plan_wanted = true;
        }
    }

    /// The nodes that are closed.
    pub fn closed(&self) -> impl Iterator<Item = NodeIndex> {
        self.closed.iter().copied()
    }

    /// Hears that a door is open, or no longer.
    pub fn door(&mut self, door: usize, is_open: bool) {
        self.doors.entry(door).or_default().is_open = is_open;
    }

    /// What a planner needs to know now.
    pub fn problem(&self) -> Problem {
        let starts = self.units.iter().filter_map(|(robot, unit)| {
            let base = self.traffic.base(*robot);
            let end = base.last()?;
            let mut goals = unit.goals();
            Some(Start {
                robot: *robot,
                node: end.cell,
                theta: end.theta,
                goal: goals.next(),
                next_goal: goals.next(),
                is_movable: unit.is_movable(),
                is_busy: unit.pending.is_some(),
                holds: base.iter().map(|visit| visit.cell).collect(),
            })
        });
        let mut closed = self.closed.clone();
        closed.extend(self.units.values().filter_map(|unit| unit.intrudes));
        Problem { starts: starts.collect(), closed }
    }

    /// Takes a plan for everybody: paths from where bases end. What cannot be driven of it is cut off.
    pub fn plan(&mut self, paths: &[(Robot, Vec<PlannedStep>)]) -> Result<Kept, MasterError> {
        let movable: Vec<_> =
            paths.iter().filter(|(robot, _)| self.units.get(robot).is_some_and(Unit::is_movable)).cloned().collect();
        Ok(self.traffic.plan(&movable)?)
    }

    /// What it has to tell of what it heard, without letting time pass: nothing is released, sent again or planned. For
    /// whoever listens and keeps their hands off.
    pub fn told(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Lets time pass: releases, sends, asks again, and tells what it wants.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Output> {
        self.now = self.now.max(now);
        let robots: Vec<Robot> = self.units.keys().copied().collect();
        for robot in &robots {
            self.watch(*robot);
        }
        self.release();
        for robot in robots {
            self.send_orders(robot);
        }
        if std::mem::take(&mut self.is_plan_wanted) {
            self.outputs.push(Output::PlanWanted);
        }
        std::mem::take(&mut self.outputs)
    }

    /// Releases what may be driven.
    fn release(&mut self) {
        let mut traffic = std::mem::take(&mut self.traffic);
        let mut holders = self.equipment.holders(&self.units, &traffic);
        let (units, closed, network) = (&self.units, &self.closed, &self.network);
        let intruded: BTreeSet<NodeIndex> = units.values().filter_map(|unit| unit.intrudes).collect();
        let doors = &mut self.doors;
        let mut at_doors = BTreeMap::new();
        let look_ahead = self.settings.look_ahead_nodes.max(1);
        traffic.release(look_ahead, |robot, from, to| {
            let Some(unit) = units.get(&robot) else { return false };
            if !unit.may_go_on(from) || closed.contains(&to) || intruded.contains(&to) {
                return false;
            }
            let is_other = |(nodes, holders): &(&BTreeSet<NodeIndex>, BTreeSet<Robot>)| {
                nodes.contains(&to) && holders.iter().any(|holder| *holder != robot)
            };
            if holders.iter().any(is_other) {
                return false;
            }
            if let Some(door) = network.way(from, to).and_then(|way| way.door) {
                at_doors.insert(robot, door);
                if !doors.entry(door).or_default().is_open {
                    return false;
                }
            }
            for (_, holders) in holders.iter_mut().filter(|(nodes, _)| nodes.contains(&to)) {
                holders.insert(robot);
            }
            true
        });
        self.traffic = traffic;
        self.ask_doors(&at_doors);
        self.close_doors();
    }

    /// Has doors opened before which robots stand, and tells of those that stay closed.
    fn ask_doors(&mut self, at_doors: &BTreeMap<Robot, usize>) {
        let now = self.now;
        let seconds = |seconds: f64| std::time::Duration::from_secs_f64(seconds.max(0.0));
        let (again, alarm) = (seconds(self.settings.door_resend_seconds), seconds(self.settings.door_alarm_seconds));
        for door in at_doors.values() {
            let state = self.doors.entry(*door).or_default();
            let is_due = state.asked.is_none_or(|(_, last)| !state.is_open && now >= last + again);
            if is_due {
                state.asked = Some((state.asked.map_or(now, |(first, _)| first), now));
                self.outputs.push(Output::Door { door: *door, open: true });
            }
        }
        let robots: Vec<Robot> = if self.doors.is_empty() { Vec::new() } else { self.units.keys().copied().collect() };
        for robot in robots {
            let state = at_doors.get(&robot).and_then(|door| self.doors.get(door)).filter(|state| !state.is_open);
            let is_long = state.and_then(|state| state.asked).is_some_and(|(first, _)| now >= first + alarm);
            self.find(robot, "door", Weight::Alarm, is_long, || "it waits for a door that does not open".to_owned());
        }
    }

    /// Lets doors be closed through which nobody is going.
    fn close_doors(&mut self) {
        if self.doors.is_empty() {
            return;
        }
        let mut used = BTreeSet::new();
        for robot in self.units.keys() {
            let base = self.traffic.base(*robot);
            let pairs = base.iter().zip(base.iter().skip(1).chain(self.traffic.horizon(*robot).first()));
            used.extend(pairs.filter_map(|(from, to)| self.network.way(from.cell, to.cell)?.door));
        }
        for (door, state) in
            self.doors.iter_mut().filter(|(door, state)| state.asked.is_some() && !used.contains(*door))
        {
            state.asked = None;
            self.outputs.push(Output::Door { door: *door, open: false });
        }
    }

    /// An id that was never given: digits only, because some robots want that, and its last ones where they want it short.
    fn fresh_id(&mut self, length_max: Option<usize>) -> String {
        self.last_id = (self.last_id + 1).max(self.now.micros().unsigned_abs());
        let id = self.last_id.to_string();
        id[id.len() - length_max.unwrap_or(id.len()).min(id.len())..].to_owned()
    }

    /// Tells of something once, and again only after it was over.
    fn find(&mut self, robot: Robot, code: &str, weight: Weight, is_so: bool, words: impl FnOnce() -> String) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if !is_so {
            unit.told.remove(code);
        } else if unit.told.insert(code.to_owned()) {
            let finding = Finding { robot, code: code.to_owned(), weight, words: words() };
            self.outputs.push(Output::Finding(finding));
        }
    }
}
