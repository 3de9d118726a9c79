//! A fleet in operation on a bad day: virtual robots that it reaches over links that lose, double and delay messages.

use std::collections::BTreeSet;
use std::time::Duration;

use connect::vda5050::{self, Topic, Version};
use model::Timestamp;
use plan::Random;
use site::run::Mode;

use super::{Outcome, Soak, floor_for};
use crate::floor::Floor;
use crate::operation::{Operation, Saved, Thinker};
use crate::orders::{OrderState, Wanted};
use crate::vehicle::{Hall, Links, Settings, Troubles, Vehicle};
use crate::warehouse::Policy;

/// How finely robots drive.
const TICK: Duration = Duration::from_millis(250);
/// How bad the links are.
const LINKS: Links = Links { lost: 0.02, doubled: 0.02, late_seconds: 0.5 };
/// Two robots whose middles are nearer than this have run into each other: cells are one metre apart, and a robot that
/// leaves a cell is half a step away when the next one may begin to enter it.
const COLLISION_METRES: f64 = 0.69;
/// Ticks between two looks for lost orders.
const LOOK_TICKS: u64 = 240;
/// Keeps the chance of orders apart from that of robots.
const ORDERS: u64 = 0x6F72_6465_7273;

struct World {
    floor: Floor,
    operation: Operation,
    thinker: Thinker,
    hall: Hall,
    random: Random,
    outcome: Outcome,
    /// Orders that are known to be over.
    over: BTreeSet<String>,
    known: BTreeSet<String>,
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
    world.outcome.troubles = world.hall.links_lost();
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
        let version_of = |index: usize| Version::ALL[index % Version::ALL.len()];
        let settings =
            |index| Settings { version: version_of(index), troubles: troubles.clone(), ..Settings::default() };
        let hall = Hall::new(&floor, &network, LINKS, soak.seed, now, settings);
        let mut operation =
            Operation::open(floor.clone(), network, Saved::default(), now).expect("an empty record can be read");
        for (index, vehicle) in hall.vehicles().iter().enumerate() {
            operation.add_robot(vehicle.address().clone(), version_of(index)).expect("every address is another one");
        }
        Self {
            floor,
            operation,
            thinker: Thinker::new(soak.seed),
            hall,
            random: Random::new(soak.seed ^ ORDERS),
            outcome: Outcome::default(),
            over: BTreeSet::new(),
            known: BTreeSet::new(),
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
        self.operation.create(Some(&id), wanted, "soak", self.hall.now()).expect("the places are on the floor");
        self.known.insert(id);
        self.outcome.came += 1;
    }

    fn tick(&mut self) {
        self.hall.drive(TICK);
        let now = self.hall.now();
        for (name, payload) in self.hall.heard() {
            let Some(topic) = Topic::parse(&name) else { continue };
            if let Ok(read) = vda5050::read(&topic, &payload) {
                self.operation.hear(&topic, &read, now);
            }
        }
        let messages = self.operation.whole_turn(&mut self.thinker, now, Some((Mode::Operate, Policy::default())));
        self.write();
        self.hall.send(messages);
        self.look_for_collisions();
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
        let now = self.hall.now();
        for (one, other, metres) in self.hall.near(COLLISION_METRES) {
            self.outcome.collide(|| format!("robots {one} and {other} are {metres:.2} m apart at {now}"));
        }
        for pose in self.hall.vehicles().iter().map(Vehicle::pose) {
            let said = pose.x.to_bits() ^ pose.y.to_bits().rotate_left(17);
            self.outcome.trace = (self.outcome.trace ^ said).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
        }
        let conflicts = self.operation.master().traffic().conflicts();
        for (one, other, cell) in conflicts {
            self.outcome.collide(|| format!("robots {one} and {other} both hold node {cell} at {now}"));
        }
    }
}
