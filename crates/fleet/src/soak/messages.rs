//! A fleet in operation on a bad day: virtual robots that it reaches over links that lose, double and delay messages.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Duration;

use connect::vda5050::{self, Address, Topic, Version};
use model::Timestamp;
use plan::Random;
use site::run::Mode;

use super::{Outcome, Soak, floor_for};
use crate::floor::{Floor, Point, RobotStart};
use crate::operation::{Operation, Saved, Thinker};
use crate::orders::{OrderState, Wanted};
use crate::vehicle::{Pose, Settings, Troubles, Vehicle};
use crate::warehouse::Policy;

/// How finely robots drive.
const TICK: Duration = Duration::from_millis(250);
/// The share of messages that a link loses, and the share that it doubles; last wills are never lost.
const LOST: f64 = 0.02;
const DOUBLED: f64 = 0.02;
/// The longest that a link takes.
const LATE_SECONDS: f64 = 0.5;
/// Two robots whose middles are nearer than this have run into each other: cells are one metre apart, and a robot that
/// leaves a cell is half a step away when the next one may begin to enter it.
const COLLISION_METRES: f64 = 0.69;
/// Ticks between two looks for lost orders.
const LOOK_TICKS: u64 = 240;

/// A message on its way: when it arrives, a number that keeps the order of equals, whether it goes up, and what it is.
type OnWay = Reverse<(Timestamp, u64, bool, String, Vec<u8>)>;

struct World {
    floor: Floor,
    operation: Operation,
    thinker: Thinker,
    vehicles: Vec<Vehicle>,
    linked: Vec<bool>,
    on_way: BinaryHeap<OnWay>,
    sent: u64,
    now: Timestamp,
    random: Random,
    outcome: Outcome,
    /// Orders that are known to be over.
    over: BTreeSet<String>,
    known: BTreeSet<String>,
    squares: HashMap<(i32, i32), Vec<u32>>,
}

/// Runs a fleet in operation and looks at every tick of it. `tell` is told the seconds that have passed.
///
/// # Panics
///
/// Panics when the soak asks for what no fleet can be.
pub fn messages(soak: &Soak, tell: &mut dyn FnMut(f64)) -> Outcome {
    let mut world = World::new(soak);
    let ticks = (soak.seconds / TICK.as_secs_f64()) as u64;
    let per_tick = soak.orders_per_hour / 3_600.0 * TICK.as_secs_f64();
    let mut done_at = 0;
    for tick in 0..ticks {
        if world.random.unit() < per_tick {
            world.order();
        }
        let done = world.outcome.done;
        world.tick();
        if world.outcome.done > done {
            done_at = tick;
        }
        let stalled = (tick - done_at) as f64 * TICK.as_secs_f64();
        world.outcome.stalled_seconds = world.outcome.stalled_seconds.max(stalled);
        if tick % LOOK_TICKS == 0 {
            world.look_for_lost();
        }
        tell(tick as f64 * TICK.as_secs_f64());
    }
    world.look_for_lost();
    world.outcome.open = world.operation.book().open_count() as u64;
    world.outcome
}

impl World {
    fn new(soak: &Soak) -> Self {
        let floor = floor_for(soak.robots, soak.seed).floor();
        let network = floor.network().expect("the soak's floor is sound");
        let now = Timestamp::from_seconds(1_800_000_000);
        let troubles = Troubles {
            delays_per_second: 20.0 / 3_600.0,
            delay_seconds_max: 20.0,
            breakdowns_per_hour: 0.5,
            repair_seconds: 300.0,
            link_losses_per_hour: 2.0,
            link_loss_seconds: 30.0,
            failed_handlings: 0.002,
        };
        let settings = Settings { troubles, ..Settings::default() };
        let vehicle = |(index, start): (usize, &RobotStart)| {
            let node = network.node(&start.node).expect("robots start on the floor");
            let Point { x, y } = network.point(node);
            let pose = Pose { x, y, theta: start.theta, map: floor.map.clone(), node: String::new() };
            let version = Version::ALL[index % Version::ALL.len()];
            let address = Address::new("uagv", version, "maker", &index.to_string());
            Vehicle::new(Settings { version, ..settings.clone() }, address, pose)
        };
        let vehicles: Vec<Vehicle> = floor.robots.iter().enumerate().map(vehicle).collect();
        let mut operation =
            Operation::open(floor.clone(), network, Saved::default(), now).expect("an empty record can be read");
        for (index, vehicle) in vehicles.iter().enumerate() {
            let version = Version::ALL[index % Version::ALL.len()];
            operation.add_robot(vehicle.address().clone(), version).expect("every address is another one");
        }
        Self {
            floor,
            operation,
            thinker: Thinker::new(soak.seed),
            linked: vec![false; vehicles.len()],
            vehicles,
            on_way: BinaryHeap::new(),
            sent: 0,
            now,
            random: Random::new(soak.seed),
            outcome: Outcome::default(),
            over: BTreeSet::new(),
            known: BTreeSet::new(),
            squares: HashMap::new(),
        }
    }

    /// A load from a storage to a station, or back.
    fn order(&mut self) {
        let storage = self.floor.storages[self.random.index(self.floor.storages.len())].id.clone();
        let station = self.floor.stations[self.random.index(self.floor.stations.len())].id.clone();
        let (from, to) = if self.random.index(2) == 0 { (storage, station) } else { (station, storage) };
        let priority = self.random.index(3) as u8;
        let wanted = Wanted { from, to, priority, due: None, not_before: None };
        let id = format!("soak-{}", self.outcome.came);
        self.operation.create(Some(&id), wanted, "soak", self.now).expect("the places are on the floor");
        self.known.insert(id);
        self.outcome.came += 1;
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
        for index in 0..self.vehicles.len() {
            let vehicle = &mut self.vehicles[index];
            let mut said = vehicle.step(TICK.as_secs_f64(), self.now, &mut self.random);
            if self.linked[index] && !vehicle.is_linked() {
                said.push(vehicle.will());
                self.outcome.troubles += 1;
            }
            self.linked[index] = vehicle.is_linked();
            for message in said {
                self.pass(message.topic, message.payload.to_vec(), true);
            }
        }
        self.deliver();
        let messages = self.operation.whole_turn(&mut self.thinker, self.now, Some((Mode::Operate, Policy::default())));
        self.write();
        for message in messages {
            if Topic::parse(&message.topic).is_some() {
                self.pass(message.topic, message.payload.to_vec(), false);
            }
        }
        self.deliver();
        self.look_for_collisions();
    }

    /// Puts a message on its way, once, twice or not at all.
    fn pass(&mut self, topic: String, payload: Vec<u8>, is_up: bool) {
        let is_sure = topic.ends_with("/connection");
        let copies = match self.random.unit() {
            draw if is_sure || draw >= LOST + DOUBLED => 1,
            draw if draw < LOST => 0,
            _ => 2,
        };
        for _ in 0..copies {
            let late = if is_sure { 0.0 } else { LATE_SECONDS * self.random.unit() };
            self.sent += 1;
            let due = self.now + Duration::from_secs_f64(late);
            self.on_way.push(Reverse((due, self.sent, is_up, topic.clone(), payload.clone())));
        }
    }

    /// Hands over what has arrived.
    fn deliver(&mut self) {
        while self.on_way.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
            let Some(Reverse((_, _, is_up, name, payload))) = self.on_way.pop() else { return };
            let Some(topic) = Topic::parse(&name) else { continue };
            if !is_up {
                let index: usize = topic.serial_number.parse().expect("robots are numbered");
                self.vehicles[index].hear(&name, &payload);
            } else if let Ok(read) = vda5050::read(&topic, &payload) {
                self.operation.hear(&topic, &read, self.now);
            }
        }
    }

    /// Takes note of what would be written down.
    fn write(&mut self) {
        for (id, order) in self.operation.unsaved().orders {
            let Some(order) = order else { continue };
            if order.state.is_over() && self.over.insert(id) {
                match order.state {
                    OrderState::Done => self.outcome.done += 1,
                    _ => self.outcome.failed += 1,
                }
            }
        }
        self.operation.saved();
    }

    /// Every order is over, waits, or is on a robot that knows of it.
    fn look_for_lost(&mut self) {
        let on_robots: BTreeSet<String> = self.operation.robots().filter_map(|robot| robot.order).collect();
        let book = self.operation.book();
        for id in self.known.difference(&self.over) {
            let is_kept =
                book.get(id).is_some_and(|order| order.state == OrderState::Waiting || on_robots.contains(id.as_str()));
            if !is_kept {
                self.outcome.lost.insert(id.clone());
            }
        }
    }

    fn look_for_collisions(&mut self) {
        self.squares.values_mut().for_each(Vec::clear);
        for (index, vehicle) in self.vehicles.iter().enumerate() {
            let pose = vehicle.pose();
            let (column, row) = (pose.x.floor() as i32, pose.y.floor() as i32);
            for near in (-1..=1).flat_map(|x| (-1..=1).map(move |y| (column + x, row + y))) {
                for other in self.squares.get(&near).into_iter().flatten() {
                    let there = self.vehicles[*other as usize].pose();
                    let metres = (pose.x - there.x).hypot(pose.y - there.y);
                    if metres < COLLISION_METRES {
                        let now = self.now;
                        self.outcome.collide(|| format!("robots {other} and {index} are {metres:.2} m apart at {now}"));
                    }
                }
            }
            self.squares.entry((column, row)).or_default().push(index as u32);
            let said = pose.x.to_bits() ^ pose.y.to_bits().rotate_left(17);
            self.outcome.trace = (self.outcome.trace ^ said).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
        }
        let conflicts = self.operation.master().traffic().conflicts();
        for (one, other, cell) in conflicts {
            self.outcome.collide(|| format!("robots {one} and {other} both hold node {cell}"));
        }
    }
}
