//! A fleet in operation does the same whether messages are handed over by a call or go over links and a broker: the same seed
//! gives the same ways, to the last bit. And what it does is about what the simulated shift says.
//!
//! Both roll-outs say and hear VDA 5050 as it is on the wire: the standard's form rounds and leaves out, so it is part of
//! what robots and master control know. Time is a stepped clock; in a step all robots move, then everything that they said
//! arrives, then master control takes its turn, then everything that it said arrives. Within a step links know no order
//! among each other: messages are taken by the robots' numbers, each robot's in the order in which it said them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail where they do")]

use std::sync::Arc;
use std::time::Duration;

use connect::Message;
use connect::vda5050::{self, Address, Kind, Topic, Version};
use fleet::floor::{Floor, Fulfilment};
use fleet::operation::{Operation, Saved};
use fleet::orders::{OrderState, Wanted};
use fleet::vehicle::{Pose, Settings, Troubles, Vehicle};
use fleet::warehouse::{Demand, FloorSource, OrderRow, Policy, Robots, Shift, Warehouse};
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use model::access::{TopicGrant, TopicRules};
use model::{Cause, CauseKind, Clock, Principal, SteppedClock, ThingId, Timestamp};
use mqtt::{Broker, Config, Everybody, Nobody, Parts, Publish};
use plan::Random;
use site::run::{Mode, Quiet};
use store::log::MemoryLog;
use store::state::MemoryState;
use tokio::io::DuplexStream;
use world::live::{Handle, Heard, Link};
use world::native;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const STEP: Duration = Duration::from_millis(250);
/// How long a test waits for a message that must come.
const PATIENCE: Duration = Duration::from_secs(60);
const MASTER: &str = "master";

/// A message, and the robot that said it or is to hear it.
type Said = (usize, String, Vec<u8>);

/// How messages get from one to the other within a step.
trait Links {
    /// A robot's link comes up, with its last will.
    async fn up(&mut self, robot: usize, vehicle: &Vehicle, will: Message);
    /// It breaks: what is left of the robot is its will.
    fn cut(&mut self, robot: usize);
    fn say(&mut self, robot: usize, message: Message);
    /// Everything that robots have said.
    async fn heard(&mut self) -> Vec<Said>;
    fn tell(&mut self, message: Message);
    /// Everything that robots are told, but to those whose link is down.
    async fn told(&mut self) -> Vec<Said>;
}

fn robot_of(topic: &str) -> Option<usize> {
    Topic::parse(topic)?.serial_number.parse().ok()
}

/// By a call.
#[derive(Default)]
struct Direct {
    wills: Vec<Option<Message>>,
    above: Vec<Said>,
    below: Vec<Said>,
}

impl Links for Direct {
    async fn up(&mut self, robot: usize, _vehicle: &Vehicle, will: Message) {
        self.wills.resize(self.wills.len().max(robot + 1), None);
        self.wills[robot] = Some(will);
    }

    fn cut(&mut self, robot: usize) {
        let will = self.wills[robot].take().expect("only what is up breaks");
        self.say(robot, will);
    }

    fn say(&mut self, robot: usize, message: Message) {
        self.above.push((robot, message.topic, message.payload.to_vec()));
    }

    async fn heard(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.above)
    }

    fn tell(&mut self, message: Message) {
        let Some(robot) = robot_of(&message.topic) else { return };
        if self.wills.get(robot).is_some_and(Option::is_some) {
            self.below.push((robot, message.topic, message.payload.to_vec()));
        }
    }

    async fn told(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.below)
    }
}

/// Over the broker, each robot on a link of its own, and master control on another.
struct Linked {
    broker: Broker,
    clock: Arc<SteppedClock>,
    robots: Vec<Handle>,
    is_up: Vec<bool>,
    links: SelectAll<Link<DuplexStream>>,
    master: Link<DuplexStream>,
    _handle: Handle,
    /// How many messages are on their way up and down.
    above: usize,
    below: usize,
}

fn native(message: Message) -> native::Message {
    let Message { topic, payload, qos, retain } = message;
    native::Message { topic, payload: payload.to_vec(), qos, retain }
}

impl Linked {
    async fn new(robots: usize) -> Self {
        let clock = Arc::new(SteppedClock::new(START));
        let parts = Parts {
            log: Arc::new(MemoryLog::new(256 << 20)),
            state: Arc::new(MemoryState::new()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authenticate: Arc::new(Everybody(Principal::anonymous())),
            observe: Arc::new(Nobody),
        };
        let broker = Broker::start(Config::default(), parts).unwrap();
        let handle = Handle::default();
        let mut master = handle.attach(ThingId::new(MASTER).unwrap(), broker.connect_local(Principal::System));
        let filters = ["state", "connection", "factsheet"].map(|kind| format!("+/+/+/+/{kind}"));
        handle.with(|client| client.open(MASTER, None, &filters));
        assert!(matches!(within(master.next()).await, Some((_, Heard::Up))));
        Self {
            broker,
            clock,
            robots: (0..robots).map(|_| Handle::default()).collect(),
            is_up: vec![false; robots],
            links: SelectAll::new(),
            master,
            _handle: handle,
            above: 0,
            below: 0,
        }
    }
}

async fn within<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, coming).await.expect("a message is lost on a link")
}

impl Links for Linked {
    async fn up(&mut self, robot: usize, vehicle: &Vehicle, will: Message) {
        let name = ThingId::new(format!("robot-{robot}")).unwrap();
        let grant = TopicGrant { filter: format!("{}/#", vehicle.address()), publish: true, subscribe: true };
        let rules = TopicRules { grants: vec![grant], ..TopicRules::default() };
        let stream = self.broker.connect_local(Principal::Thing { id: name.clone(), rules: Arc::new(rules) });
        self.links.push(self.robots[robot].attach(name.clone(), stream));
        let filters = [Kind::Order, Kind::InstantActions].map(|kind| vehicle.address().topic(kind));
        self.robots[robot].with(|client| client.open(name.as_str(), Some(&native(will)), &filters));
        let heard = within(self.links.next()).await;
        assert!(matches!(heard, Some((_, Heard::Up))), "{heard:?}");
        self.is_up[robot] = true;
    }

    fn cut(&mut self, robot: usize) {
        self.robots[robot].cut();
        self.is_up[robot] = false;
        self.above += 1;
    }

    fn say(&mut self, robot: usize, message: Message) {
        self.robots[robot].with(|client| client.publish(native(message)));
        self.above += 1;
    }

    async fn heard(&mut self) -> Vec<Said> {
        let mut heard = Vec::new();
        while heard.len() < self.above {
            // Links move bytes only while somebody looks at them.
            let next = async {
                tokio::select! {
                    next = self.master.next() => next,
                    Some(other) = self.links.next() => panic!("nobody was told anything: {other:?}"),
                }
            };
            let Some((_, Heard::Message { topic, payload })) = within(next).await else {
                panic!("master control is cut off")
            };
            heard.push((robot_of(&topic).unwrap(), topic, payload));
        }
        self.above = 0;
        heard.sort_by_key(|(robot, ..)| *robot);
        heard
    }

    fn tell(&mut self, message: Message) {
        let Some(robot) = robot_of(&message.topic) else { return };
        self.below += usize::from(self.is_up[robot]);
        let Message { topic, payload, qos, retain } = message;
        let message = Publish { topic: topic.into(), payload, qos, retain, expiry_seconds: None };
        self.broker.publish(message, Cause::new(CauseKind::System, MASTER)).unwrap();
    }

    async fn told(&mut self) -> Vec<Said> {
        let mut told = Vec::new();
        while told.len() < self.below {
            let Some((_, Heard::Message { topic, payload })) = within(self.links.next()).await else {
                panic!("a robot is cut off")
            };
            told.push((robot_of(&topic).unwrap(), topic, payload));
        }
        self.below = 0;
        told.sort_by_key(|(robot, ..)| *robot);
        self.clock.advance(STEP);
        told
    }
}

/// What is rolled out.
struct Setup {
    floor: Floor,
    vehicle: Settings,
    seconds: u64,
    orders: Vec<OrderRow>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// A digest of all poses after each second, so that it can be seen when two part.
    traces: Vec<u64>,
    done: usize,
    lost_links: usize,
}

async fn roll_out(setup: &Setup, links: &mut impl Links) -> Outcome {
    let network = setup.floor.network().unwrap();
    let vehicle = |(index, start): (usize, &fleet::floor::RobotStart)| {
        let point = network.point(network.node(&start.node).unwrap());
        let pose =
            Pose { x: point.x, y: point.y, theta: start.theta, map: setup.floor.map.clone(), node: String::new() };
        let address = Address::new("uagv", Version::V2_1, "maker", &index.to_string());
        Vehicle::new(setup.vehicle.clone(), address, pose)
    };
    let mut vehicles: Vec<Vehicle> = setup.floor.robots.iter().enumerate().map(vehicle).collect();
    let mut operation = Operation::open(setup.floor.clone(), network, Saved::default(), 1, START).unwrap();
    for vehicle in &vehicles {
        operation.add_robot(vehicle.address().clone(), Version::V2_1).unwrap();
    }
    let mut random = Random::new(1);
    let (mut is_up, mut lost_links) = (vec![false; vehicles.len()], 0);
    let mut orders = setup.orders.iter().enumerate().peekable();
    let (mut trace, mut traces, mut done) = (1_u64, Vec::new(), 0);
    let steps = setup.seconds * 4;
    for step in 0..steps {
        let now = START + STEP * (step as u32 + 1);
        while let Some((number, row)) = orders.next_if(|(_, row)| row.second <= step as f64 / 4.0) {
            let wanted =
                Wanted { from: row.from.clone(), to: row.to.clone(), priority: 0, due: None, not_before: None };
            operation.create(Some(&number.to_string()), wanted, "test", now).unwrap();
        }
        for (robot, vehicle) in vehicles.iter_mut().enumerate() {
            let said = vehicle.step(STEP.as_secs_f64(), now, &mut random);
            match (is_up[robot], vehicle.is_linked()) {
                (false, true) => {
                    let will = vehicle.will();
                    links.up(robot, vehicle, will).await;
                }
                (true, false) => {
                    lost_links += 1;
                    links.cut(robot);
                }
                _ => {}
            }
            is_up[robot] = vehicle.is_linked();
            said.into_iter().for_each(|message| links.say(robot, message));
        }
        for (_, topic, payload) in links.heard().await {
            let topic = Topic::parse(&topic).unwrap();
            operation.hear(&topic, &vda5050::read(&topic, &payload).unwrap(), now);
        }
        let messages = operation.turn(now, Some((Mode::Operate, Policy::default())));
        done += operation
            .unsaved()
            .orders
            .iter()
            .filter(|(_, it)| it.as_ref().is_some_and(|it| it.state == OrderState::Done))
            .count();
        operation.saved();
        messages.into_iter().for_each(|message| links.tell(message));
        for (robot, topic, payload) in links.told().await {
            assert!(vehicles[robot].hear(&topic, &payload));
        }
        for vehicle in &vehicles {
            let pose = vehicle.pose();
            let said = pose.x.to_bits() ^ pose.y.to_bits().rotate_left(17) ^ pose.theta.to_bits().rotate_left(39);
            trace = (trace ^ said).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
        }
        if step % 4 == 3 {
            traces.push(trace);
        }
    }
    Outcome { traces, done, lost_links }
}

/// A fulfilment centre, and loads from its storages to its stations.
fn setup(robots: usize, seconds: u64, orders_per_hour: f64, vehicle: Settings) -> Setup {
    let mut floor = Fulfilment { robots, ..Fulfilment::default() }.floor();
    for station in &mut floor.stations {
        (station.service_seconds, station.service_deviation_seconds) = (vehicle.drop_seconds, 0.0);
    }
    let mut random = Random::new(7);
    let count = (orders_per_hour * seconds as f64 / 3_600.0) as usize;
    let orders = (0..count).map(|number| OrderRow {
        second: (number as f64 * 3_600.0 / orders_per_hour).floor(),
        from: floor.storages[random.index(floor.storages.len())].id.clone(),
        to: floor.stations[random.index(floor.stations.len())].id.clone(),
        priority: 0,
        due: None,
    });
    Setup { orders: orders.collect(), floor, vehicle, seconds }
}

/// Rolls a bad day out in both ways; gives what came of it.
async fn both(robots: usize, seconds: u64) -> Outcome {
    let troubles = Troubles {
        delays_per_second: 0.003,
        delay_seconds_max: 5.0,
        breakdowns_per_hour: 0.5,
        repair_seconds: 60.0,
        link_losses_per_hour: 3.0,
        link_loss_seconds: 10.0,
        failed_handlings: 0.01,
    };
    let bad_day = setup(robots, seconds, 600.0, Settings { troubles, ..Settings::default() });
    let direct = roll_out(&bad_day, &mut Direct::default()).await;
    let linked = roll_out(&bad_day, &mut Linked::new(robots).await).await;
    let parted = direct.traces.iter().zip(&linked.traces).position(|(direct, linked)| direct != linked);
    assert_eq!(parted, None, "the second in which the ways part");
    assert_eq!(direct, linked);
    direct
}

#[tokio::test]
async fn the_same_seed_drives_the_same_ways_directly_and_over_links() {
    let outcome = both(30, 180).await;
    assert!(outcome.done > 0 && outcome.lost_links > 0, "{} done, {} links lost", outcome.done, outcome.lost_links);
}

#[tokio::test]
#[ignore = "twenty minutes of thirty robots take a minute or two in a build that is not optimised"]
async fn twenty_minutes_are_the_same_directly_and_over_links() {
    let outcome = both(30, 1_200).await;
    assert!(outcome.done > 50 && outcome.lost_links > 10, "{} done, {} links lost", outcome.done, outcome.lost_links);
}

#[tokio::test]
#[ignore = "half an hour of twenty robots takes a minute or two in a build that is not optimised"]
async fn the_simulated_shift_does_about_what_the_operation_does() {
    let calm = setup(20, 1_800, 2_000.0, Settings::default());
    let operation = roll_out(&calm, &mut Direct::default()).await.done as f64;
    let none =
        fleet::warehouse::Troubles { stops_per_robot_hour: 0.0, breakdowns_per_robot_day: 0.0, ..Default::default() };
    let vehicle = &calm.vehicle;
    let warehouse = Warehouse {
        floor: FloorSource::Drawn(Box::new(calm.floor.clone())),
        robots: Robots { count: 20, speed: vehicle.speed, load_seconds: vehicle.pick_seconds, ..Robots::default() },
        demand: Demand { orders_per_hour: 0.0, list: calm.orders.clone(), ..Demand::default() },
        troubles: none,
        ..Warehouse::default()
    };
    let mut shift = Shift::new(&warehouse, Policy::default(), 1).unwrap();
    assert!(shift.run(calm.seconds as f64, &mut Quiet));
    let simulated = shift.tally().done as f64;
    println!("in half an hour 20 robots do {simulated} orders in the simulated shift, {operation} in operation");
    let share = simulated / operation;
    assert!((0.8..1.25).contains(&share), "the simulated shift does {share:.2} of what the operation does");
}
