//! Master control with the orders that it works off: messages and time go in, messages and records come out. No IO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connect::Message;
use connect::vda5050::{self, Body, Kind, Read, Topic, Version};
use fleet::floor::{Floor, Network, NodeIndex};
use fleet::master::routes::routes;
use fleet::master::{Finding, Master, Mission, Output, Settings, Weight};
use fleet::traffic::Robot;
use fleet::warehouse::Policy;
use model::Timestamp;
use serde_json::{Value as Json, json};
use site::run::Mode;

use super::demand::{Demand, Places, stop};

/// Plans are made at most so often.
const PLAN_EVERY: Duration = Duration::from_secs(1);
/// After so many plans another robot is planned for first.
const PLANS_A_TURN: usize = 12;
/// How often a policy in shadow is asked what it would do.
const SHADOW_EVERY: Duration = Duration::from_secs(5);
/// Percent of the battery below which a robot is sent to a charger.
const CHARGE_BELOW_PERCENT: f64 = 30.0;
/// Percent of the battery with which a robot leaves the charger for work.
const CHARGE_UNTIL_PERCENT: f64 = 85.0;
/// What ids of missions to a charger begin with.
const CHARGE: &str = "charge-";

/// Master control at work.
#[derive(Clone)]
pub(super) struct Control {
    master: Master,
    network: Arc<Network>,
    places: Places,
    demand: Demand,
    is_plan_wanted: bool,
    planned: Timestamp,
    plans: usize,
    shadowed: Timestamp,
    /// What a policy in shadow was last said to do, so that it is said once.
    would: BTreeMap<Robot, Json>,
}

/// Tells a fact about a robot: on `decisions/...` or `events/...` of its thing.
fn note(robot: Robot, what: &str, value: &Json) -> Message {
    let topic = format!("things/{}/{what}", super::thing(robot as usize));
    Message { topic, payload: value.to_string().into(), qos: 1, retain: false }
}

impl Control {
    /// Control of a floor on which nothing has happened yet.
    pub(super) fn new(
        floor: &Floor,
        network: &Arc<Network>,
        robots: usize,
        seed: u64,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut master = Master::new(Settings::default(), &floor.map, Arc::clone(network), now);
        for index in 0..robots {
            let robot = Robot::try_from(index).context("too many robots")?;
            master.add_robot(robot, super::address(index), Version::V2_1)?;
        }
        Ok(Self::of(master, Demand::new(seed, now), floor, network))
    }

    /// Control as it was written down by [`Control::save`].
    pub(super) fn restore(
        master: Json,
        demand: Demand,
        floor: &Floor,
        network: &Arc<Network>,
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let master = Master::restore(master, Arc::clone(network), now)?;
        Ok(Self::of(master, demand, floor, network))
    }

    fn of(master: Master, demand: Demand, floor: &Floor, network: &Arc<Network>) -> Self {
        Self {
            master,
            network: Arc::clone(network),
            places: Places::of(floor, network),
            demand,
            is_plan_wanted: true,
            planned: Timestamp::EPOCH,
            plans: 0,
            shadowed: Timestamp::EPOCH,
            would: BTreeMap::new(),
        }
    }

    /// Everything that must survive a restart.
    pub(super) fn save(&self) -> (Json, Demand) {
        (self.master.save(), self.demand.clone())
    }

    /// Hears a message of a robot.
    pub(super) fn hear(&mut self, topic: &Topic<'_>, read: &Read, now: Timestamp) {
        // Robots that are not under control here may speak on the same topics.
        self.master.hear(topic, read, now);
    }

    /// Lets time pass, and tells what is to be published. `live` is who decides, and whether it counts; with nobody the
    /// robots drive to the end of what they were released, and stand.
    pub(super) fn turn(&mut self, now: Timestamp, live: Option<(Mode, Policy)>) -> Vec<Message> {
        let mut said = Vec::new();
        match live {
            Some((Mode::Operate, policy)) => {
                self.demand.grow(&self.places, self.master.robots().count(), now);
                for (robot, mission) in self.dispatch(policy) {
                    said.push(note(robot, "decisions/order", &self.decision(Mode::Operate, &mission)));
                }
                let outputs = self.master.tick(now);
                self.take(outputs, true, &mut said);
                if self.is_plan_wanted && now.since(self.planned) >= PLAN_EVERY {
                    self.plan(now);
                }
            }
            Some((_, policy)) => {
                self.demand.grow(&self.places, self.master.robots().count(), now);
                self.listen(&mut said);
                if now.since(self.shadowed) >= SHADOW_EVERY {
                    self.shadowed = now;
                    self.shadow(now, policy, &mut said);
                }
            }
            None => self.listen(&mut said),
        }
        said
    }

    /// Takes note of what robots told, and sends nothing.
    fn listen(&mut self, said: &mut Vec<Message>) {
        let outputs = self.master.told();
        self.take(outputs, false, said);
    }

    fn take(&mut self, outputs: Vec<Output>, sends: bool, said: &mut Vec<Message>) {
        for output in outputs {
            match output {
                Output::Send(message) if sends => said.push(message),
                Output::PlanWanted => self.is_plan_wanted = true,
                Output::Finding(finding) => said.extend(told(&finding)),
                Output::MissionDone { robot, mission } => {
                    said.push(note(robot, "events/mission_done", &json!(mission)));
                }
                Output::MissionFailed { robot, mission, why } => {
                    said.push(note(robot, "events/mission_failed", &json!({"mission": mission.id, "why": why})));
                    if !mission.id.starts_with(CHARGE) {
                        self.demand.waiting.push_front(mission);
                    }
                }
                // Who keeps their hands off sends nothing; the floor has no doors; batteries are looked at when robots
                // get work.
                Output::Send(_) | Output::Door { .. } | Output::ChargeWanted(_) => {}
            }
        }
    }

    /// Ways for everybody.
    fn plan(&mut self, now: Timestamp) {
        (self.is_plan_wanted, self.planned, self.plans) = (false, now, self.plans + 1);
        let paths = routes(&self.network, &self.master.problem(), self.plans / PLANS_A_TURN);
        if let Err(error) = self.master.plan(&paths) {
            tracing::error!(%error, "a plan for the demo warehouse does not fit");
        }
    }

    /// Gives robots without a mission something to do.
    fn dispatch(&mut self, policy: Policy) -> Vec<(Robot, Mission)> {
        let mut given = Vec::new();
        let mut free: BTreeSet<Robot> = BTreeSet::new();
        for robot in self.idle() {
            match self.charging(robot) {
                Some(mission) => self.give(robot, mission, &mut given),
                None => free.extend(self.is_fit(robot).then_some(robot)),
            }
        }
        let mut index = 0;
        while let Some(order) = self.demand.waiting.get(index).filter(|_| !free.is_empty()) {
            let nearest = free.iter().copied().min_by(|a, b| {
                let first = order.stops.first().map(|stop| stop.node);
                let metres = |robot: Robot| first.map_or(0.0, |node| self.metres(robot, node));
                metres(*a).total_cmp(&metres(*b))
            });
            let Some(robot) = nearest.filter(|_| self.has_room(order, policy)) else {
                index += 1;
                continue;
            };
            let Some(order) = self.demand.waiting.remove(index) else { break };
            free.remove(&robot);
            self.give(robot, order, &mut given);
        }
        given
    }

    fn give(&mut self, robot: Robot, mission: Mission, given: &mut Vec<(Robot, Mission)>) {
        match self.master.assign(robot, mission.clone()) {
            Ok(()) => given.push((robot, mission)),
            Err(error) => tracing::error!(%error, "a mission of the demo warehouse was not taken"),
        }
    }

    /// Robots that can be sent and have no mission.
    fn idle(&self) -> Vec<Robot> {
        let idle = self.master.robots().filter(|(_, unit)| unit.mission.is_none() && unit.is_movable());
        idle.map(|(robot, _)| robot).collect()
    }

    /// The mission to a charger that a robot needs, if one is to be had.
    fn charging(&self, robot: Robot) -> Option<Mission> {
        let supply = &self.master.unit(robot)?.state.as_ref()?.power_supply;
        if supply.charging || supply.state_of_charge >= CHARGE_BELOW_PERCENT {
            return None;
        }
        let taken: BTreeSet<NodeIndex> = self.goals().chain(self.stands(robot)).collect();
        let free = self.places.chargers.iter().copied().filter(|node| !taken.contains(node));
        let nearest = free.min_by(|a, b| self.metres(robot, *a).total_cmp(&self.metres(robot, *b)))?;
        Some(Mission { id: format!("{CHARGE}{robot}"), stops: vec![stop(nearest, &["startCharging"])] })
    }

    /// Whether its battery is good for an order: above the low mark, and well above it when it is being charged.
    fn is_fit(&self, robot: Robot) -> bool {
        let state = self.master.unit(robot).and_then(|unit| unit.state.as_ref());
        state.is_some_and(|state| {
            let least = if state.power_supply.charging { CHARGE_UNTIL_PERCENT } else { CHARGE_BELOW_PERCENT };
            state.power_supply.state_of_charge >= least
        })
    }

    /// Whether the station of an order can take another robot.
    fn has_room(&self, order: &Mission, policy: Policy) -> bool {
        let is_station = |node: &NodeIndex| self.places.stations.contains(node);
        let Some(station) = order.stops.iter().map(|stop| stop.node).find(is_station) else { return true };
        self.goals().filter(|goal| *goal == station).count() < policy.robots_per_station as usize
    }

    /// Where robots on missions still go.
    fn goals(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        let missions = self.master.robots().filter_map(|(_, unit)| unit.mission.as_ref());
        missions.flat_map(|mission| mission.stops.iter().map(|stop| stop.node))
    }

    /// Where the others stand.
    fn stands(&self, robot: Robot) -> impl Iterator<Item = NodeIndex> + '_ {
        let others = self.master.robots().filter(move |(other, _)| *other != robot);
        others.filter_map(|(other, _)| self.master.traffic().base(other).first().map(|visit| visit.cell))
    }

    /// How far a robot is from a node, as the crow flies.
    fn metres(&self, robot: Robot, node: NodeIndex) -> f64 {
        let Some(here) = self.master.traffic().base(robot).first() else { return f64::INFINITY };
        let (a, b) = (self.network.point(here.cell), self.network.point(node));
        (a.x - b.x).hypot(a.y - b.y)
    }

    fn decision(&self, mode: Mode, mission: &Mission) -> Json {
        let stops: Vec<&str> = mission.stops.iter().map(|stop| self.network.id(stop.node)).collect();
        json!({"mode": mode, "order": mission.id, "stops": stops})
    }

    /// Tells what would be sent, as far as it was not told before: tried on a copy, of which nothing is kept or sent.
    fn shadow(&mut self, now: Timestamp, policy: Policy, said: &mut Vec<Message>) {
        let mut other = self.clone();
        other.dispatch(policy);
        other.plan(now);
        let sent = other.master.tick(now);
        for (robot, unit) in other.master.robots() {
            let way = way(&unit.address.topic(Kind::Order), &sent);
            let Some(mission) = unit.mission.as_ref().filter(|_| !way.is_empty()) else { continue };
            let mut decision = self.decision(Mode::Shadow, mission);
            decision["way"] = json!(way);
            if self.would.get(&robot) != Some(&decision) {
                said.push(note(robot, "decisions/order", &decision));
                self.would.insert(robot, decision);
            }
        }
    }
}

/// A finding as an event of its robot; what is only worth knowing is left out.
fn told(finding: &Finding) -> Option<Message> {
    let value = json!({"code": finding.code, "weight": finding.weight, "words": finding.words});
    (finding.weight > Weight::Information).then(|| note(finding.robot, "events/finding", &value))
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
