//! A fleet in operation with virtual robots, a disk, and whatever goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connect::Message;
use connect::vda5050::{self, Topic, Version};
use model::Timestamp;
use plan::Random;
use serde_json::Value as Json;
use site::run::Mode;

use super::{Hand, Operation, RobotState, Saved, Thinker};
use crate::floor::{Floor, Fulfilment};
use crate::orders::{Order, OrderState, Wanted};
use crate::traffic::Robot;
use crate::vehicle::{Hall, Links, Near, Pose, Settings, Troubles};
use crate::warehouse::Policy;

const TICK: Duration = Duration::from_millis(250);

/// Two robots whose middles are nearer than this have run into each other.
const COLLISION_METRES: f64 = 0.75;

struct World {
    floor: Floor,
    operation: Operation,
    thinker: Thinker,
    hall: Hall,
    orders_on_disk: BTreeMap<String, Order>,
    robots_on_disk: BTreeMap<Robot, Json>,
    now: Timestamp,
    random: Random,
    mode: Mode,
    collisions: Vec<Near>,
    sent: Vec<Message>,
}

fn shape(robots: usize) -> Fulfilment {
    let least = Fulfilment { block_columns: 3, block_rows: 3, block_length: 4, stations: 4, ..Fulfilment::default() };
    Fulfilment { chargers: 3, robots, seed: 3, ..least }
}

impl World {
    fn new(robots: usize, troubles: Troubles) -> Self {
        let floor = shape(robots).floor();
        let network = floor.network().unwrap();
        let now = Timestamp::from_seconds(1_800_000_000);
        let settings = |_| Settings { troubles: troubles.clone(), ..Settings::default() };
        let hall = Hall::new(&floor, &network, Links::default(), 5, now, settings);
        assert_eq!(hall.vehicles().len(), robots);
        let mut operation = Operation::open(floor.clone(), network, Saved::default(), now).unwrap();
        for vehicle in hall.vehicles() {
            operation.add_robot(vehicle.address().clone(), Version::V2_1).unwrap();
        }
        Self {
            floor,
            operation,
            thinker: Thinker::new(1),
            hall,
            orders_on_disk: BTreeMap::new(),
            robots_on_disk: BTreeMap::new(),
            now,
            random: Random::new(5),
            mode: Mode::Operate,
            collisions: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Orders between storages and stations, there and back.
    fn order(&mut self, count: usize) {
        for _ in 0..count {
            let storage = self.floor.storages[self.random.index(self.floor.storages.len())].id.clone();
            let station = self.floor.stations[self.random.index(self.floor.stations.len())].id.clone();
            let (from, to) = if self.random.index(2) == 0 { (storage, station) } else { (station, storage) };
            let wanted = Wanted { from, to, priority: 0, due: None, not_before: None };
            self.operation.create(None, wanted, "test", self.now).unwrap();
        }
        self.write();
    }

    fn write(&mut self) {
        let unsaved = self.operation.unsaved();
        for (id, order) in unsaved.orders {
            match order {
                Some(order) => self.orders_on_disk.insert(id, order),
                None => self.orders_on_disk.remove(&id),
            };
        }
        for (robot, record) in unsaved.robots {
            match record {
                Some(record) => self.robots_on_disk.insert(robot, record),
                None => self.robots_on_disk.remove(&robot),
            };
        }
        self.operation.saved();
    }

    fn tell(&mut self, name: &str, payload: &[u8]) {
        let topic = Topic::parse(name).unwrap();
        let read = vda5050::read(&topic, payload).unwrap();
        self.operation.hear(&topic, &read, self.now);
    }

    /// Lets the robots drive for a tick; what they say is heard unless nobody `listens`.
    fn drive(&mut self, listens: bool) {
        self.hall.drive(TICK);
        self.now = self.hall.now();
        for (topic, payload) in self.hall.heard().iter().filter(|_| listens) {
            self.tell(topic, payload);
        }
        self.collisions.extend(self.hall.near(COLLISION_METRES));
    }

    fn turn(&mut self) {
        let messages = self.operation.whole_turn(&mut self.thinker, self.now, Some((self.mode, Policy::default())));
        self.write();
        self.hall.send(messages.iter().cloned());
        self.sent.extend(messages);
        assert_eq!(self.operation.master().traffic().conflicts(), []);
    }

    fn tick(&mut self) {
        self.drive(true);
        self.turn();
    }

    /// Ends the program at any moment and starts it again on what is on disk, after a while.
    fn kill(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.drive(false);
        }
        let saved = Saved {
            orders: self.orders_on_disk.values().cloned().collect(),
            robots: self.robots_on_disk.iter().map(|(robot, record)| (*robot, record.clone())).collect(),
        };
        let network = self.floor.network().unwrap();
        self.operation = Operation::open(self.floor.clone(), network, saved, self.now).unwrap();
        // Links are told of by what the broker has retained.
        for (topic, payload) in self.hall.wills() {
            self.tell(&topic, &payload);
        }
        assert_eq!(self.operation.master().traffic().conflicts(), []);
    }

    fn open(&self) -> usize {
        self.operation.book().open_count()
    }

    fn count(&self, state: OrderState) -> u64 {
        self.operation.book().count(state)
    }

    fn until(&mut self, seconds: u64, is_so: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..seconds * 4 {
            if is_so(self) {
                return true;
            }
            self.tick();
        }
        is_so(self)
    }
}

#[test]
fn a_shift_is_worked_off_without_a_collision() {
    let mut world = World::new(16, Troubles { delays_per_second: 0.01, delay_seconds_max: 5.0, ..Troubles::default() });
    world.order(48);
    let is_done = world.until(3_600, |world| world.open() == 0);
    let stuck: Vec<_> = world.operation.robots().filter(|robot| robot.order.is_some()).collect();
    assert!(is_done, "{} are open after an hour: {stuck:?}", world.open());
    assert_eq!(world.count(OrderState::Done), 48);
    assert_eq!(world.collisions, []);
}

#[test]
fn whenever_it_is_killed_nothing_is_lost_and_nobody_collides() {
    for seed in 0..3 {
        let troubles = Troubles { link_losses_per_hour: 6.0, link_loss_seconds: 20.0, ..Troubles::default() };
        let mut world = World::new(6, troubles);
        world.random = Random::new(seed);
        world.order(16);
        for _ in 0..12 {
            for _ in 0..world.random.index(120) {
                world.tick();
            }
            // The end may come between what is written down and what is sent.
            if world.random.index(2) == 0 {
                world.operation.whole_turn(&mut world.thinker, world.now, Some((Mode::Operate, Policy::default())));
                if world.random.index(2) == 0 {
                    world.write();
                }
            }
            let ticks = world.random.index(40);
            world.kill(ticks);
        }
        let is_done = world.until(3_600, |world| world.open() == 0);
        let stuck: Vec<_> = world.operation.robots().filter(|robot| robot.order.is_some()).collect();
        assert!(is_done, "seed {seed}: {} are open: {stuck:?}", world.open());
        let (done, failed) = (world.count(OrderState::Done), world.count(OrderState::Failed));
        assert_eq!((done, failed), (16, 0), "seed {seed}");
        assert_eq!(world.collisions, [], "seed {seed}");
    }
}

#[test]
fn in_shadow_nothing_is_sent_and_what_would_be_is_told_once() {
    let mut world = World::new(4, Troubles::default());
    world.mode = Mode::Shadow;
    world.order(8);
    for _ in 0..200 {
        world.tick();
    }
    let decisions: Vec<&Message> = world.sent.iter().filter(|it| it.topic.ends_with("/decisions/order")).collect();
    let robots: BTreeSet<&str> = decisions.iter().map(|it| it.topic.as_str()).collect();
    assert_eq!((world.sent.len(), robots.len()), (decisions.len(), 4));
    assert_eq!(world.count(OrderState::Waiting), 8);
    let said: Json = serde_json::from_slice(&decisions[0].payload).unwrap();
    assert!(said["mode"] == "shadow" && said["way"].as_array().is_some_and(|way| !way.is_empty()), "{said}");
}

#[test]
fn an_order_that_is_called_off_leaves_its_robot() {
    let mut world = World::new(2, Troubles::default());
    world.order(1);
    assert!(world.until(120, |world| world.count(OrderState::Assigned) == 1
        && world.sent.iter().any(|it| it.topic.ends_with("/order"))));
    world.operation.cancel("order-1", None, "kim", world.now).unwrap();
    world.order(1);
    assert!(world.until(600, |world| world.count(OrderState::Done) == 1));
    assert_eq!((world.count(OrderState::Cancelled), world.open()), (1, 0));
    let order = world.operation.book().get("order-1").unwrap();
    assert_eq!(order.why.as_deref(), Some("called off by kim"));
}

/// A world in which a robot has order-1 under way, and its number.
fn under_way() -> (World, Robot) {
    let mut world = World::new(2, Troubles::default());
    world.order(1);
    assert!(world.until(600, |world| world.count(OrderState::UnderWay) == 1));
    let robot = world.operation.book().get("order-1").unwrap().robot.unwrap();
    (world, robot)
}

fn loads(world: &World, robot: Robot) -> usize {
    world.hall.vehicles()[robot as usize - 1].state().loads.unwrap().len()
}

/// Whether the load was put down by something that was done at a place, the last that was.
fn was_put_down_at(world: &World, place: &str) -> bool {
    let drops = world.sent.iter().filter_map(|message| {
        let topic = Topic::parse(&message.topic)?;
        let vda5050::Body::Order(order) = vda5050::read(&topic, &message.payload).unwrap().body else { return None };
        let drop = order.nodes.into_iter().flat_map(|node| node.actions).find(|action| action.action_type == "drop")?;
        drop.parameter("stationName").cloned()
    });
    drops.last() == Some(Json::from(place))
}

#[test]
fn a_load_that_is_on_its_way_is_brought_back_before_its_order_is_cancelled() {
    for is_killed in [false, true] {
        let (mut world, robot) = under_way();
        let order = world.operation.cancel("order-1", None, "kim", world.now).unwrap();
        assert_eq!((order.state, loads(&world, robot)), (OrderState::UnderWay, 1));
        assert!(order.why.unwrap().contains(&order.wanted.from));
        world.write();
        // Whoever calls it off again changes nothing, and its robot gets no other load.
        world.operation.cancel("order-1", None, "lee", world.now).unwrap();
        world.order(2);
        if is_killed {
            for _ in 0..8 {
                world.tick();
            }
            world.kill(8);
        }
        assert!(world.until(900, |world| world.count(OrderState::Cancelled) == 1));
        assert_eq!(loads(&world, robot), 0);
        let order = world.operation.book().get("order-1").unwrap();
        assert_eq!(order.why.as_deref(), Some("called off by kim"));
        assert!(world.until(900, |world| world.open() == 0));
        assert_eq!((world.count(OrderState::Done), loads(&world, robot)), (2, 0));
        assert_eq!(world.collisions, []);
    }
}

#[test]
fn a_load_is_brought_to_the_place_that_was_chosen() {
    let (mut world, robot) = under_way();
    assert!(world.operation.cancel("order-1", Some("nowhere"), "kim", world.now).is_err());
    let wanted = world.operation.book().get("order-1").unwrap().wanted.clone();
    let elsewhere =
        world.floor.storages.iter().map(|it| it.id.clone()).find(|id| ![&wanted.from, &wanted.to].contains(&id));
    let elsewhere = elsewhere.unwrap();
    world.operation.cancel("order-1", Some(&elsewhere), "kim", world.now).unwrap();
    assert!(world.until(900, |world| world.open() == 0));
    assert_eq!((world.count(OrderState::Cancelled), loads(&world, robot)), (1, 0));
    assert!(was_put_down_at(&world, &elsewhere));
}

#[test]
fn an_order_that_is_called_off_while_its_load_is_taken_is_wound_up() {
    let mut world = World::new(2, Troubles::default());
    world.order(1);
    assert!(world.until(600, |world| world.operation.robots().any(|it| it.state == super::RobotState::Serving)));
    let order = world.operation.cancel("order-1", None, "kim", world.now).unwrap();
    assert_eq!(order.state, OrderState::Assigned);
    assert!(world.until(900, |world| world.open() == 0));
    let robot = order.robot.unwrap();
    assert_eq!((world.count(OrderState::Cancelled), loads(&world, robot)), (1, 0));
    assert!(was_put_down_at(&world, &order.wanted.from));
}

#[test]
fn a_robot_that_cannot_put_its_load_down_is_set_aside() {
    let (mut world, robot) = under_way();
    let vehicle = world.hall.vehicle(robot as usize - 1);
    let mut record = serde_json::to_value(&*vehicle).unwrap();
    record["settings"]["troubles"]["failed_handlings"] = Json::from(1.0);
    *vehicle = serde_json::from_value(record).unwrap();
    world.operation.cancel("order-1", None, "kim", world.now).unwrap();
    assert!(world.until(900, |world| world.open() == 0));
    assert_eq!((world.count(OrderState::Failed), loads(&world, robot)), (1, 1));
    let view = world.operation.robot(robot).unwrap();
    assert_eq!(view.state, super::RobotState::SetAside);
    assert!(view.problem.unwrap().contains("the load of order order-1 is on it"));
    // What comes now is for the other one.
    world.order(2);
    assert!(world.until(60, |world| world.count(OrderState::Assigned) == 1));
    assert!(world.operation.book().open().all(|order| order.robot != Some(robot)));
}

#[test]
fn a_robot_that_stays_away_gives_back_what_it_has_not_begun() {
    let mut world = World::new(2, Troubles::default());
    world.order(1);
    assert!(world.until(60, |world| world.count(OrderState::Assigned) == 1));
    let robot = world.operation.book().get("order-1").unwrap().robot.unwrap();
    world.hall.vehicle(robot as usize - 1).lose_link(1e6);
    assert!(world.until(900, |world| world.count(OrderState::Done) == 1));
    assert_ne!(world.operation.book().get("order-1").unwrap().robot, Some(robot));
}

#[test]
fn robots_that_are_low_are_charged_and_come_back() {
    let mut world = World::new(3, Troubles::default());
    world.hall.vehicle(0).set_battery(12.0);
    assert!(world.until(300, |world| world.operation.figures(world.now).charging == 1));
    world.hall.vehicle(0).set_battery(90.0);
    world.order(6);
    assert!(world.until(900, |world| world.open() == 0));
}

#[test]
fn another_floor_keeps_robots_at_work_or_is_refused() {
    let mut world = World::new(4, Troubles::default());
    world.order(4);
    assert!(world.until(60, |world| world.count(OrderState::Assigned) == 4));
    let elsewhere = Fulfilment { block_columns: 1, block_rows: 1, ..shape(1) }.floor();
    let network = elsewhere.network().unwrap();
    let complaints = world.operation.set_floor(elsewhere, network).unwrap_err();
    assert!(!complaints.is_empty());
    // The same floor with another charger less is fine.
    let mut other = world.floor.clone();
    other.chargers.pop();
    let network = other.network().unwrap();
    world.operation.set_floor(other.clone(), network).unwrap();
    world.floor = other;
    assert!(world.until(900, |world| world.open() == 0));
    assert_eq!(world.collisions, []);
}

#[test]
fn a_robot_that_leaves_the_fleet_leaves_its_order() {
    let mut world = World::new(2, Troubles::default());
    world.order(1);
    assert!(world.until(60, |world| world.count(OrderState::Assigned) == 1));
    let robot = world.operation.book().get("order-1").unwrap().robot.unwrap();
    world.operation.remove_robot(robot, world.now).unwrap();
    assert_eq!(world.count(OrderState::Waiting), 1);
    assert!(world.operation.remove_robot(robot, world.now).is_err());
    // It is taken to have left the floor.
    let away = Pose { x: -99.0, y: -99.0, theta: 0.0, map: String::new(), node: String::new() };
    world.hall.vehicle(robot as usize - 1).relocate(away);
    world.hall.vehicle(robot as usize - 1).lose_link(1e6);
    assert!(world.until(900, |world| world.open() == 0));
}

#[test]
fn people_stop_robots_set_them_aside_and_put_them_to_work_again() {
    let mut world = World::new(4, Troubles::default());
    world.order(12);
    let at_work =
        |world: &World| world.operation.robots().find(|it| it.state == RobotState::Moving && it.order.is_some());
    while at_work(&world).is_none() {
        world.tick();
    }
    let robot = at_work(&world).unwrap().number;
    world.operation.take_in_hand(robot, Hand::Pause, "", world.now).unwrap();
    (0..80).for_each(|_| world.tick());
    let (here, order) = (world.operation.robot(robot).unwrap(), world.operation.robot(robot).unwrap().order);
    (0..80).for_each(|_| world.tick());
    let stands = world.operation.robot(robot).unwrap();
    assert!(stands.is_paused && (stands.x, stands.y) == (here.x, here.y) && stands.order == order);
    world.operation.take_in_hand(robot, Hand::Resume, "", world.now).unwrap();
    world.operation.take_in_hand(robot, Hand::SetAside, "a wheel squeaks", world.now).unwrap();
    (0..40).for_each(|_| world.tick());
    let aside = world.operation.robot(robot).unwrap();
    assert_eq!((aside.state, aside.order), (RobotState::SetAside, None));
    assert!(aside.problem.unwrap().starts_with("a wheel squeaks"));
    world.operation.take_in_hand(robot, Hand::Reinstate, "", world.now).unwrap();
    for _ in 0..4 * 1_800 {
        world.tick();
        if world.operation.book().open_count() == 0 {
            break;
        }
    }
    assert_eq!(world.operation.book().open_count(), 0);
    assert!(world.operation.take_in_hand(99, Hand::Pause, "", world.now).is_err());
    world.order(8);
    let works = |world: &World| world.operation.robot(robot).unwrap().order.is_some();
    assert!((0..4_000).any(|_| {
        world.tick();
        works(&world)
    }));
    assert_eq!(world.collisions, []);
}
