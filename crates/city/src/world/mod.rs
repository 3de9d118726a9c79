//! Streets as queues, fast enough to try a policy for an hour in a fraction of a second.
//!
//! Vehicles drive a lane in its free time, stand in a vertical queue at its end, leave it at its saturation flow when their
//! signal lets them go and the next lane has room (spill-back), and turn by shares. Every vehicle is followed, so that what
//! detectors would count is counted, and nothing else is shown to whoever decides.

mod demand;
mod totals;

pub use demand::Demand;
pub use totals::Totals;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plan::Random;

use crate::network::{Aspect, Network, Turn};
use crate::policy::{City, Policy};
use crate::signal::{
    EXIT_METERS, ExitCount, LaneCount, Limits, REACH_METERS, Showing, VEHICLE_METERS, ZONE_METERS, Zone,
};

/// Seconds from vehicle to vehicle of a queue that discharges.
const HEADWAY_SECONDS: f64 = 2.0;
/// Until the first vehicle of a queue moves after its light has become green.
const START_UP_SECONDS: f64 = 1.5;
/// What a stop costs besides the waiting: braking and accelerating.
const STOP_SECONDS: f64 = 4.0;
/// The gap that somebody needs who yields, in seconds of free driving of whoever is in the way.
const GAP_SECONDS: f64 = 4.0;
/// The most vehicles that wait to enter at one lane; more are refused and counted.
const WAITING_MAX: usize = 2_000;

/// A vehicle on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Vehicle {
    /// When it wanted to enter.
    wanted: f64,
    /// When it entered the lane that it is on, and when it can be at its end.
    entered: f64,
    arrives: f64,
    /// The link that it takes next; `None` where the streets end.
    link: Option<usize>,
    /// Driving without anybody in the way so far.
    free_seconds: f64,
    /// Whether it has stood on this lane.
    has_stood: bool,
}

/// A lane with who is on it, the first one first.
#[derive(Debug, Clone, Default)]
struct Road {
    vehicles: VecDeque<Vehicle>,
    room: usize,
    free_seconds: f64,
    /// When the next vehicle can leave.
    ready: f64,
    passed: u64,
    entered: u64,
    /// Whoever wants to enter and has no room.
    waiting: VecDeque<f64>,
}

/// A world of queues, with its signals.
#[derive(Debug)]
pub struct World {
    network: Arc<Network>,
    city: City,
    roads: Vec<Road>,
    demand: Demand,
    chance: Random,
    totals: Totals,
    begin: f64,
    now: f64,
    /// Lanes whose detectors say nothing.
    silent: Vec<bool>,
    /// A digest of every departure.
    trace: u64,
}

impl World {
    /// Empty streets at a second of the day. `dead_share` of the detectors say nothing.
    pub fn new(network: Arc<Network>, limits: Limits, demand: Demand, dead_share: f64, seed: u64, second: f64) -> Self {
        let road = |lane: &crate::network::Lane| Road {
            room: ((lane.length_meters / VEHICLE_METERS) as usize).max(1),
            free_seconds: lane.length_meters / lane.speed_meters_per_second,
            ready: second,
            ..Road::default()
        };
        let mut chance = Random::new(seed);
        let silent = network.lanes.iter().map(|_| chance.unit() < dead_share).collect();
        Self {
            roads: network.lanes.iter().map(road).collect(),
            city: City::new(network.clone(), limits, second),
            totals: Totals::new(network.signals.len()),
            begin: second,
            now: second,
            demand,
            chance,
            silent,
            trace: seed,
            network,
        }
    }

    /// One second: detectors tell, the policy decides, signals change, vehicles drive.
    pub fn step(&mut self, policy: &mut dyn Policy) {
        self.tell();
        self.city.second = self.now;
        let wishes = self.city.decide(policy);
        for (junction, wish) in self.city.junctions.iter_mut().zip(wishes) {
            let current = match junction.controller.showing() {
                Showing::Green { phase, .. } => phase,
                Showing::Changing { to, .. } => to,
            };
            self.totals.refused +=
                u64::from(junction.controller.step(self.now, Some(wish.unwrap_or(current))).is_err());
        }
        self.come();
        self.drive();
        self.now += 1.0;
    }

    /// What came of it so far, those who are still on their way included.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        for road in &self.roads {
            for vehicle in &road.vehicles {
                totals.unfinished += 1;
                let gone = (self.now - vehicle.entered).min(vehicle.arrives - vehicle.entered);
                totals.delay_seconds += (self.now - vehicle.wanted - vehicle.free_seconds - gone).max(0.0);
            }
            totals.unfinished += road.waiting.len() as u64;
            totals.delay_seconds += road.waiting.iter().map(|wanted| self.now - wanted).sum::<f64>();
        }
        totals
    }

    /// A digest of everything that happened.
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// The signals.
    pub const fn city(&self) -> &City {
        &self.city
    }

    fn tell(&mut self) {
        for junction in &mut self.city.junctions {
            let lanes = junction.seen.reaches().iter().flat_map(|reach| &reach.parts).map(|part| part.lane);
            let counts: BTreeMap<usize, LaneCount> = lanes
                .filter(|lane| !self.silent[*lane])
                .map(|lane| (lane, count(&self.roads[lane], &self.network.lanes[lane], self.now)))
                .collect();
            let exit = |lane: &usize| (*lane, exit_count(&self.roads[*lane], &self.network.lanes[*lane], self.now));
            let exits = junction.layout().exits.iter().map(exit).collect();
            let shown = junction.controller.aspects();
            junction.seen.tell(&self.network, counts, exits, &shown);
        }
    }

    /// Vehicles come to where streets begin.
    fn come(&mut self) {
        for (lane, per_second) in self.demand.at(self.now - self.begin) {
            if self.chance.unit() < per_second {
                let waiting = &mut self.roads[lane].waiting;
                if waiting.len() < WAITING_MAX {
                    waiting.push_back(self.now);
                } else {
                    self.totals.turned_away += 1;
                }
            }
        }
        for lane in 0..self.roads.len() {
            while self.roads[lane].vehicles.len() < self.roads[lane].room {
                let Some(wanted) = self.roads[lane].waiting.pop_front() else { break };
                self.enter(lane, wanted, 0.0);
            }
        }
    }

    fn enter(&mut self, lane: usize, wanted: f64, free_seconds: f64) {
        let link = self.turn(lane);
        let road = &mut self.roads[lane];
        road.entered += 1;
        let arrives = self.now + road.free_seconds;
        let (entered, has_stood) = (self.now, false);
        road.vehicles.push_back(Vehicle { wanted, entered, arrives, link, free_seconds, has_stood });
    }

    /// The link that a vehicle takes at the end of a lane.
    fn turn(&mut self, lane: usize) -> Option<usize> {
        let links = &self.network.lanes[lane].outgoing;
        let share = |link: &usize| self.demand.turn_share(*link, self.network.links[*link].turn);
        let all: f64 = links.iter().map(share).sum();
        let mut drawn = self.chance.unit() * all;
        links
            .iter()
            .copied()
            .find(|link| {
                drawn -= share(link);
                drawn < 0.0
            })
            .or(links.last().copied())
    }

    fn drive(&mut self) {
        let shown: Vec<Vec<Aspect>> =
            self.city.junctions.iter().map(|junction| junction.controller.aspects()).collect();
        for lane in 0..self.roads.len() {
            let Some(first) = self.roads[lane].vehicles.front().copied() else {
                continue;
            };
            if first.arrives > self.now {
                continue;
            }
            let may = first.link.is_none_or(|link| self.may_go(link, &shown));
            if !may {
                self.roads[lane].ready = self.now + START_UP_SECONDS;
                self.stand(lane);
                continue;
            }
            if self.roads[lane].ready > self.now {
                self.stand(lane);
                continue;
            }
            self.leave(lane, first);
        }
    }

    /// Whether a vehicle may take a link now: its signal, whom it yields to, and room behind.
    fn may_go(&self, link: usize, shown: &[Vec<Aspect>]) -> bool {
        let drawn = &self.network.links[link];
        let behind = &self.roads[drawn.to];
        if behind.vehicles.len() >= behind.room {
            return false;
        }
        let aspect = drawn.signal.map_or(Aspect::Yielding, |(signal, place)| shown[signal][place]);
        match aspect {
            Aspect::Green => true,
            Aspect::Red | Aspect::Yellow => false,
            Aspect::Yielding | Aspect::AfterStop => {
                !drawn.yields_to.iter().any(|other| self.is_in_the_way(*other, shown))
            }
        }
    }

    fn is_in_the_way(&self, link: usize, shown: &[Vec<Aspect>]) -> bool {
        let drawn = &self.network.links[link];
        let goes = drawn.signal.is_none_or(|(signal, place)| shown[signal][place].is_green());
        goes && self.roads[drawn.from]
            .vehicles
            .front()
            .is_some_and(|first| first.link == Some(link) && first.arrives <= self.now + GAP_SECONDS)
    }

    /// Whoever has arrived and does not go has stopped.
    fn stand(&mut self, lane: usize) {
        let now = self.now;
        for vehicle in self.roads[lane].vehicles.iter_mut().take_while(|vehicle| vehicle.arrives <= now) {
            if !vehicle.has_stood {
                vehicle.has_stood = true;
                self.totals.stops += 1;
                self.totals.delay_seconds += STOP_SECONDS;
            }
        }
    }

    fn leave(&mut self, lane: usize, vehicle: Vehicle) {
        let road = &mut self.roads[lane];
        road.vehicles.pop_front();
        road.passed += 1;
        road.ready = self.now + HEADWAY_SECONDS;
        self.trace = (self.trace ^ lane as u64 ^ self.now.to_bits()).wrapping_mul(0x0100_0000_01B3).rotate_left(5);
        let free_seconds = vehicle.free_seconds + road.free_seconds;
        if let Some((signal, _)) = vehicle.link.and_then(|link| self.network.links[link].signal) {
            self.totals.wait(signal, self.now - vehicle.arrives);
        }
        match vehicle.link {
            Some(link) => {
                let to = self.network.links[link].to;
                self.enter(to, vehicle.wanted, free_seconds);
            }
            None => {
                self.totals.finished += 1;
                self.totals.delay_seconds += (self.now - vehicle.wanted - free_seconds).max(0.0);
            }
        }
    }
}

/// How far in front of its lane's end each vehicle is, and whether it stands.
fn places(road: &Road, lane: &crate::network::Lane, now: f64) -> impl Iterator<Item = (f64, bool)> {
    let mut standing = 0.0;
    road.vehicles.iter().map(move |vehicle| {
        let queue_end = standing * VEHICLE_METERS;
        let away = (vehicle.arrives - now).max(0.0) * lane.speed_meters_per_second;
        if away <= queue_end && vehicle.arrives <= now || away < queue_end {
            standing += 1.0;
            (queue_end.min(lane.length_meters), true)
        } else {
            (away.min(lane.length_meters), false)
        }
    })
}

fn count(road: &Road, lane: &crate::network::Lane, now: f64) -> LaneCount {
    let zones = (lane.length_meters.min(REACH_METERS) / ZONE_METERS) as usize + 1;
    let mut counted = vec![Zone::default(); zones];
    for (away, stands) in places(road, lane, now) {
        if let Some(zone) = counted.get_mut((away / ZONE_METERS) as usize) {
            if stands {
                zone.standing += 1.0;
            } else {
                zone.moving += 1.0;
            }
        }
    }
    LaneCount { zones: counted, passed: road.passed }
}

fn exit_count(road: &Road, lane: &crate::network::Lane, now: f64) -> ExitCount {
    let mut count = ExitCount { entered: road.entered, ..ExitCount::default() };
    for (away, stands) in places(road, lane, now) {
        let from_begin = lane.length_meters - away;
        count.vehicles += f64::from(u8::from(from_begin <= REACH_METERS));
        count.standing += f64::from(u8::from(stands && from_begin <= EXIT_METERS));
    }
    count
}

/// What is usual where nothing else is known.
fn usual_share(turn: Turn) -> f64 {
    match turn {
        Turn::Straight => 1.0,
        Turn::Left | Turn::Right => 0.4,
        Turn::Around => 0.02,
    }
}

#[cfg(test)]
mod tests;
