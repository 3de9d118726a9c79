//! Virtual robots on a floor and the links through which they speak: what tests and soaks drive in place of real ones.
//!
//! **Invariant:** master control has nothing but the messages; who comes near whom is measured where the robots really are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use connect::Message;
use connect::vda5050::{Address, Topic};
use model::Timestamp;
use plan::Random;

use super::{Pose, Settings, Vehicle};
use crate::floor::{Floor, Network, Point};

/// How bad links are. Words about connections are never lost or late: brokers keep them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Links {
    /// The share of messages that are lost.
    pub lost: f64,
    /// The share of messages that come twice.
    pub doubled: f64,
    /// The longest that a message takes, in seconds.
    pub late_seconds: f64,
}

/// A message on its way: when it arrives, a number that keeps the order of equals, its topic and its payload.
type OnWay = Reverse<(Timestamp, u64, String, Bytes)>;

/// Two robots that are near each other: their indices, and how far their middles are apart in metres.
pub type Near = (usize, usize, f64);

/// Robots that really drive, as far as virtual robots do.
#[derive(Debug)]
pub struct Hall {
    vehicles: Vec<Vehicle>,
    linked: Vec<bool>,
    links: Links,
    up: BinaryHeap<OnWay>,
    down: BinaryHeap<OnWay>,
    sent: u64,
    links_lost: u64,
    now: Timestamp,
    random: Random,
    squares: HashMap<(i32, i32), Vec<u32>>,
}

impl Hall {
    /// The robots of a floor where they start. Their serial numbers are their indices; `settings` tells how each is built.
    ///
    /// # Panics
    ///
    /// Panics when a robot of the floor starts on a node that is not there.
    pub fn new(
        floor: &Floor,
        network: &Network,
        links: Links,
        seed: u64,
        now: Timestamp,
        settings: impl Fn(usize) -> Settings,
    ) -> Self {
        let vehicle = |(index, start): (usize, &crate::floor::RobotStart)| {
            let node = network.node(&start.node).expect("robots start on the floor");
            let Point { x, y } = network.point(node);
            let pose = Pose { x, y, theta: start.theta, map: floor.map.clone(), node: String::new() };
            let settings = settings(index);
            let address = Address::new("uagv", settings.version, "maker", &index.to_string());
            Vehicle::new(settings, address, pose)
        };
        let vehicles: Vec<Vehicle> = floor.robots.iter().enumerate().map(vehicle).collect();
        Self {
            linked: vec![false; vehicles.len()],
            vehicles,
            links,
            up: BinaryHeap::new(),
            down: BinaryHeap::new(),
            sent: 0,
            links_lost: 0,
            now,
            random: Random::new(seed),
            squares: HashMap::new(),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The robots, in the order of their indices.
    pub fn vehicles(&self) -> &[Vehicle] {
        &self.vehicles
    }

    /// A robot, to do something to it.
    pub fn vehicle(&mut self, index: usize) -> &mut Vehicle {
        &mut self.vehicles[index]
    }

    /// How often a link broke.
    pub fn links_lost(&self) -> u64 {
        self.links_lost
    }

    /// Lets the robots drive for a while, and speak.
    pub fn drive(&mut self, time: Duration) {
        self.now = self.now + time;
        for index in 0..self.vehicles.len() {
            let vehicle = &mut self.vehicles[index];
            let mut said = vehicle.step(time.as_secs_f64(), self.now, &mut self.random);
            if self.linked[index] && !vehicle.is_linked() {
                said.push(vehicle.will());
                self.links_lost += 1;
            }
            self.linked[index] = vehicle.is_linked();
            for message in said {
                self.pass(message, true);
            }
        }
    }

    /// What has arrived from robots: topics and payloads.
    pub fn heard(&mut self) -> Vec<(String, Bytes)> {
        arrived(&mut self.up, self.now)
    }

    /// What a broker would still tell of links that are lost.
    pub fn wills(&mut self) -> Vec<(String, Bytes)> {
        let is_lost = |(vehicle, is_linked): (&mut Vehicle, &bool)| (!is_linked).then(|| vehicle.will());
        let wills = self.vehicles.iter_mut().zip(&self.linked).filter_map(is_lost);
        wills.map(|message| (message.topic, message.payload)).collect()
    }

    /// Puts messages to robots on their way, and hands over what has arrived. What is not for robots is left out.
    pub fn send(&mut self, messages: impl IntoIterator<Item = Message>) {
        for message in messages {
            if Topic::parse(&message.topic).is_some() {
                self.pass(message, false);
            }
        }
        for (name, payload) in arrived(&mut self.down, self.now) {
            let number = Topic::parse(&name).and_then(|topic| topic.serial_number.parse::<usize>().ok());
            if let Some(vehicle) = number.and_then(|index| self.vehicles.get_mut(index)) {
                vehicle.hear(&name, &payload);
            }
        }
    }

    /// Puts a message on its way, once, twice or not at all.
    fn pass(&mut self, message: Message, is_up: bool) {
        let Links { lost, doubled, late_seconds } = self.links;
        let is_sure = message.topic.ends_with("/connection");
        let copies = match self.random.unit() {
            draw if is_sure || draw >= lost + doubled => 1,
            draw if draw < lost => 0,
            _ => 2,
        };
        let queue = if is_up { &mut self.up } else { &mut self.down };
        for _ in 0..copies {
            let late = if is_sure { 0.0 } else { late_seconds * self.random.unit() };
            self.sent += 1;
            let due = self.now + Duration::from_secs_f64(late);
            queue.push(Reverse((due, self.sent, message.topic.clone(), message.payload.clone())));
        }
    }

    /// The pairs of robots whose middles are nearer than that; at most a metre.
    pub fn near(&mut self, metres: f64) -> Vec<Near> {
        let mut found = Vec::new();
        self.squares.values_mut().for_each(Vec::clear);
        for (index, vehicle) in self.vehicles.iter().enumerate() {
            let pose = vehicle.pose();
            let (column, row) = (pose.x.floor() as i32, pose.y.floor() as i32);
            for near in (-1..=1).flat_map(|x| (-1..=1).map(move |y| (column + x, row + y))) {
                for other in self.squares.get(&near).into_iter().flatten() {
                    let there = self.vehicles[*other as usize].pose();
                    let apart = (pose.x - there.x).hypot(pose.y - there.y);
                    if apart < metres.min(1.0) {
                        found.push((*other as usize, index, apart));
                    }
                }
            }
            self.squares.entry((column, row)).or_default().push(index as u32);
        }
        found
    }
}

fn arrived(queue: &mut BinaryHeap<OnWay>, now: Timestamp) -> Vec<(String, Bytes)> {
    let mut arrived = Vec::new();
    while queue.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
        if let Some(Reverse((_, _, topic, payload))) = queue.pop() {
            arrived.push((topic, payload));
        }
    }
    arrived
}
