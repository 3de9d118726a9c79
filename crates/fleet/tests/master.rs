//! Robots under master control, over real messages: whatever happens, nobody collides and nothing is lost.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::VecDeque;
use std::sync::Arc;

use connect::vda5050::order::BlockingType;
use connect::vda5050::state::{ErrorLevel, OperatingMode};
use connect::vda5050::{self, Address, Body, Kind, Topic, Version};
use fleet::floor::{Floor, Fulfilment, GridGround, Ground, Network, NodeIndex, Point};
use fleet::master::routes::routes;
use fleet::master::{Finding, Master, Mission, Output, Phase, Settings, Stop, Task};
use fleet::vehicle::{self, Pose, Troubles, Vehicle};
use model::Timestamp;
use plan::Random;

const TICK_SECONDS: f64 = 0.2;

/// Changes what a robot says.
type Lie = fn(&mut serde_json::Value);

/// How bad the links are.
#[derive(Clone, Copy, Default)]
struct Link {
    lost: f64,
    doubled: f64,
    late_seconds: f64,
}

struct World {
    network: Arc<Network>,
    master: Master,
    vehicles: Vec<Vehicle>,
    linked: Vec<bool>,
    now: Timestamp,
    random: Random,
    link: Link,
    up: Vec<(Timestamp, String, Vec<u8>)>,
    down: Vec<(Timestamp, String, Vec<u8>)>,
    waiting: VecDeque<Mission>,
    done: Vec<String>,
    failed: Vec<(u32, String)>,
    findings: Vec<Finding>,
    doors: Vec<(usize, bool)>,
    charge_wanted: Vec<u32>,
    orders_sent: Vec<vda5050::Order>,
    turn: usize,
    plan_due: bool,
    planned: Timestamp,
    /// Whether what robots say is changed on the way.
    tamper: Option<Lie>,
}

fn grid(rows: &[&str]) -> Floor {
    let ground = GridGround {
        cell_metres: 1.0,
        lower_left: Point::default(),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        speed_limit: None,
        lanes: Vec::new(),
        walls: Vec::new(),
    };
    Floor::new("test", Ground::Grid(ground))
}

impl World {
    fn new(floor: &Floor, nodes: &[&str], settings: &vehicle::Settings, seed: u64) -> Self {
        let network = Arc::new(floor.network().unwrap());
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut master = Master::new(Settings::default(), &floor.map, network.clone(), now);
        let vehicles = nodes.iter().enumerate().map(|(index, id)| {
            let version = Version::ALL[index % 3];
            let address = Address::new("uagv", version, "maker", &format!("{index:04}"));
            master.add_robot(index as u32, address.clone(), version).unwrap();
            let point = network.point(network.node(id).unwrap());
            let pose = Pose { x: point.x, y: point.y, theta: 0.0, map: floor.map.clone(), node: String::new() };
            Vehicle::new(vehicle::Settings { version, ..settings.clone() }, address, pose)
        });
        let vehicles: Vec<Vehicle> = vehicles.collect();
        Self {
            network,
            master,
            linked: vec![false; vehicles.len()],
            vehicles,
            now,
            random: Random::new(seed),
            link: Link::default(),
            up: Vec::new(),
            down: Vec::new(),
            waiting: VecDeque::new(),
            done: Vec::new(),
            failed: Vec::new(),
            findings: Vec::new(),
            doors: Vec::new(),
            charge_wanted: Vec::new(),
            orders_sent: Vec::new(),
            turn: 0,
            plan_due: true,
            planned: Timestamp::EPOCH,
            tamper: None,
        }
    }

    fn node(&self, id: &str) -> NodeIndex {
        self.network.node(id).unwrap()
    }

    fn pass(&mut self, topic: String, payload: Vec<u8>, is_up: bool) {
        // The last word on a connection is sent with acknowledgement; all else may be lost.
        let is_sure = topic.ends_with("/connection");
        let copies = match self.random.unit() {
            draw if is_sure || draw >= self.link.lost + self.link.doubled => 1,
            draw if draw < self.link.lost => 0,
            _ => 2,
        };
        for _ in 0..copies {
            let late = if is_sure { 0.0 } else { self.link.late_seconds * self.random.unit() };
            let due = self.now + std::time::Duration::from_secs_f64(late);
            let queue = if is_up { &mut self.up } else { &mut self.down };
            queue.push((due, topic.clone(), payload.clone()));
        }
    }

    fn tick(&mut self) {
        self.now = self.now + std::time::Duration::from_secs_f64(TICK_SECONDS);
        for index in 0..self.vehicles.len() {
            let mut said = self.vehicles[index].step(TICK_SECONDS, self.now, &mut self.random);
            let is_linked = self.vehicles[index].is_linked();
            if std::mem::replace(&mut self.linked[index], is_linked) && !is_linked {
                said.push(self.vehicles[index].will());
            }
            for message in said {
                let mut payload = message.payload.to_vec();
                if let Some(tamper) = self.tamper.filter(|_| index == 0) {
                    let mut json = serde_json::from_slice(&payload).unwrap();
                    tamper(&mut json);
                    payload = json.to_string().into_bytes();
                }
                self.pass(message.topic, payload, true);
            }
        }
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.up).into_iter().partition(|(at, ..)| *at <= now);
        self.up = later;
        for (_, topic, payload) in due {
            let topic = Topic::parse(&topic).unwrap();
            let read = vda5050::read(&topic, &payload).unwrap();
            assert!(self.master.hear(&topic, &read, now));
        }
        self.dispatch();
        for output in self.master.tick(now) {
            self.take(output);
        }
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.down).into_iter().partition(|(at, ..)| *at <= now);
        self.down = later;
        for (_, topic, payload) in due {
            let serial = Topic::parse(&topic).unwrap().serial_number.parse::<usize>().unwrap();
            self.vehicles[serial].hear(&topic, &payload);
        }
        if self.plan_due && now.since(self.planned).as_secs_f64() >= 1.0 {
            (self.plan_due, self.planned, self.turn) = (false, now, self.turn + 1);
            let problem = self.master.problem();
            let paths = routes(&self.network, &problem, self.turn / 12);
            let kept = self.master.plan(&paths).unwrap();
            assert_eq!(kept.cut, 0, "these plans have neither swaps nor rings");
        }
        self.check();
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Send(message) => {
                let topic = Topic::parse(&message.topic).unwrap();
                let read = vda5050::read(&topic, &message.payload).unwrap();
                assert_eq!(read.violations, Vec::new(), "what we send is clean");
                if let Body::Order(order) = read.body {
                    self.orders_sent.push(order);
                }
                self.pass(message.topic.clone(), message.payload.to_vec(), false);
            }
            Output::Finding(finding) => self.findings.push(finding),
            Output::PlanWanted => self.plan_due = true,
            Output::MissionDone { mission, .. } => self.done.push(mission),
            Output::MissionFailed { robot, mission, .. } => {
                self.failed.push((robot, mission.id.clone()));
                self.waiting.push_back(mission);
            }
            Output::Door { door, open } => self.doors.push((door, open)),
            Output::ChargeWanted(robot) => self.charge_wanted.push(robot),
        }
    }

    fn dispatch(&mut self) {
        let is_free = |(_, unit): &(u32, &fleet::master::Unit)| unit.mission.is_none() && unit.is_movable();
        let free: Vec<u32> = self.master.robots().filter(is_free).map(|(robot, _)| robot).collect();
        for robot in free {
            let Some(mission) = self.waiting.pop_front() else { return };
            self.master.assign(robot, mission).unwrap();
        }
    }

    /// Nobody holds what another holds, and nobody is where another is.
    fn check(&self) {
        assert_eq!(self.master.traffic().conflicts(), Vec::new());
        for (index, a) in self.vehicles.iter().enumerate() {
            for (other, b) in self.vehicles.iter().enumerate().skip(index + 1) {
                let metres = (a.pose().x - b.pose().x).hypot(a.pose().y - b.pose().y);
                assert!(metres > 0.69, "robots {index} and {other} are {metres:.2} m apart at {}", self.now);
            }
        }
    }

    fn run(&mut self, seconds: f64, mut until: impl FnMut(&Self) -> bool) -> bool {
        for _ in 0..(seconds / TICK_SECONDS) as usize {
            if until(self) {
                return true;
            }
            self.tick();
        }
        until(self)
    }

    fn has_found(&self, robot: u32, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.robot == robot && finding.code == code)
    }

    fn go(&mut self, id: &str, node: &str) {
        let node = self.node(node);
        self.waiting.push_back(Mission { id: id.to_owned(), stops: vec![Stop { node, tasks: Vec::new() }] });
    }
}

fn task(action_type: &str) -> Task {
    Task { action_type: action_type.to_owned(), blocking_type: BlockingType::Hard, parameters: Vec::new() }
}

fn carry(id: usize, from: NodeIndex, to: NodeIndex) -> Mission {
    let stops = vec![Stop { node: from, tasks: vec![task("pick")] }, Stop { node: to, tasks: vec![task("drop")] }];
    Mission { id: format!("m{id}"), stops }
}

/// A small warehouse with robots and missions.
fn warehouse(robots: usize, missions: usize, troubles: Troubles, seed: u64) -> World {
    let least = Fulfilment { block_columns: 2, block_rows: 2, block_length: 4, stations: 4, ..Fulfilment::default() };
    let plan = Fulfilment { chargers: 2, robots, seed, ..least };
    let floor = plan.floor();
    let starts: Vec<&str> = floor.robots.iter().map(|robot| robot.node.as_str()).collect();
    let settings = vehicle::Settings { pick_seconds: 2.0, drop_seconds: 2.0, troubles, ..vehicle::Settings::default() };
    let mut world = World::new(&floor, &starts, &settings, seed);
    for id in 0..missions {
        let from = world.random.index(floor.storages.len());
        let to = world.random.index(floor.stations.len());
        let mission = carry(id, world.node(&floor.storages[from].node), world.node(&floor.stations[to].nodes[0]));
        world.waiting.push_back(mission);
    }
    world
}

fn aisle() -> (Floor, vehicle::Settings) {
    (grid(&["........", "........", "........"]), vehicle::Settings::default())
}

#[test]
fn a_shift_without_trouble_has_no_refusal() {
    let mut world = warehouse(5, 12, Troubles::default(), 3);
    let is_done = world.run(900.0, |world| world.done.len() == 12);
    assert!(is_done, "{} done; {:?}", world.done.len(), world.findings);
    for vehicle in &world.vehicles {
        assert_eq!(vehicle.errors(), []);
    }
    let bad: Vec<&Finding> = world.findings.iter().filter(|it| it.code != "stop_charging").collect();
    assert_eq!(bad, Vec::<&Finding>::new());
    // Bases were extended while robots drove: orders have updates.
    assert!(world.orders_sent.iter().any(|order| order.order_update_id > 2));
}

#[test]
fn a_bad_shift_loses_nothing() {
    for seed in 0..4 {
        let troubles = Troubles {
            delays_per_second: 0.02,
            delay_seconds_max: 5.0,
            breakdowns_per_hour: 60.0,
            repair_seconds: 15.0,
            link_losses_per_hour: 60.0,
            link_loss_seconds: 10.0,
            failed_handlings: 0.05,
        };
        let mut world = warehouse(5, 12, troubles, seed);
        world.link = Link { lost: 0.05, doubled: 0.05, late_seconds: 0.7 };
        let is_done = world.run(2_500.0, |world| world.done.len() >= 12);
        let state: Vec<String> = world
            .master
            .robots()
            .filter(|(_, unit)| unit.mission.is_some())
            .map(|(robot, unit)| format!("{robot} {unit:?} {:?}", world.master.traffic().progress(robot)))
            .collect();
        assert!(is_done, "seed {seed}: {} done; {state:#?}", world.done.len());
        assert!(world.has_any("unlinked") && world.has_any("broken"));
    }
}

impl World {
    fn has_any(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

#[test]
fn a_restart_in_the_middle_goes_on() {
    for seconds in [3.0, 17.0, 30.0] {
        let mut world = warehouse(4, 8, Troubles::default(), 8);
        world.run(seconds, |_| false);
        let robots: Vec<u32> = world.master.robots().map(|(robot, _)| robot).collect();
        let saved: Vec<_> = robots.iter().map(|robot| (*robot, world.master.record(*robot).unwrap())).collect();
        // What was on its way is lost, and the robots drive on meanwhile.
        (world.up, world.down) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            for vehicle in &mut world.vehicles {
                vehicle.step(TICK_SECONDS, world.now, &mut world.random);
            }
            world.now = world.now + std::time::Duration::from_millis(200);
        }
        world.master = Master::restore(Settings::default(), "map", world.network.clone(), saved, world.now).unwrap();
        world.plan_due = true;
        assert!(world.run(900.0, |world| world.done.len() == 8), "{} done; {:?}", world.done.len(), world.findings);
    }
}

#[test]
fn a_robot_that_refuses_everything_is_set_aside() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0"], &settings, 1);
    let node = world.node("r0c5");
    world.waiting.push_back(Mission { id: "m".to_owned(), stops: vec![Stop { node, tasks: vec![task("juggle")] }] });
    // The task is at the end: the order is taken, and the update that has the task is refused.
    assert!(world.run(200.0, |world| world.has_found(0, "set_aside")), "{:?}", world.findings);
    assert_eq!(world.failed, [(0, "m".to_owned())]);
    let orders = world.orders_sent.len();
    world.run(60.0, |_| false);
    assert_eq!(world.orders_sent.len(), orders, "it is left alone");
    world.waiting.clear();
    world.master.reinstate(0);
    world.go("again", "r1c1");
    assert!(world.run(100.0, |world| world.done == ["again"]), "{:?}", world.findings);
}

#[test]
fn a_withdrawn_mission_is_cancelled_and_another_begins() {
    for (seconds, version) in [(0.5, 0), (2.0, 1), (4.1, 2), (5.3, 0), (6.6, 1)] {
        let (floor, settings) = aisle();
        let mut world = World::new(&floor, &["r0c0", "r1c0", "r2c0"], &settings, 1);
        for row in 0..3 {
            world.go(&format!("m{row}"), &format!("r{row}c7"));
        }
        world.run(seconds, |_| false);
        let left = world.master.withdraw(version);
        if let Some(mission) = left {
            assert_eq!(mission.id, format!("m{version}"));
        }
        world.waiting.push_back(carry(9, world.node("r1c2"), world.node("r0c1")));
        assert!(
            world.run(120.0, |world| world.done.len() >= 3 && world.done.contains(&"m9".to_owned())),
            "{seconds}: {:?} {:?}",
            world.done,
            world.findings
        );
    }
}

#[test]
fn a_robot_that_is_taken_over_and_carried_away_goes_on_from_there() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0", "r2c0"], &settings, 1);
    world.go("a", "r0c7");
    world.go("b", "r2c7");
    world.run(4.0, |_| false);
    world.vehicles[0].set_mode(OperatingMode::Manual);
    world.run(5.0, |world| world.has_found(0, "manual"));
    assert_eq!(world.master.unit(0).unwrap().phase, Phase::Manual);
    let at = world.network.point(world.node("r1c3"));
    world.vehicles[0].relocate(Pose { x: at.x, y: at.y, theta: 1.0, map: "map".to_owned(), node: String::new() });
    world.run(20.0, |_| false);
    assert_eq!(world.master.unit(0).unwrap().intrudes, Some(world.node("r1c3")));
    world.vehicles[0].set_mode(OperatingMode::Automatic);
    assert!(world.run(100.0, |world| world.done.len() == 2), "{:?}", world.findings);
}

#[test]
fn a_broken_robot_is_gone_around() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r1c3", "r1c0"], &settings, 1);
    world.run(2.0, |_| false);
    world.vehicles[0].break_down(1_000.0);
    world.run(2.0, |world| world.has_found(0, "broken"));
    world.go("past", "r1c7");
    assert!(world.run(60.0, |world| world.done == ["past"]), "{:?}", world.findings);
    assert!((world.vehicles[0].pose().x - 3.5).abs() < 1e-9, "it has not moved");
}

#[test]
fn a_lost_link_keeps_what_was_released() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r1c0", "r0c7"], &settings, 1);
    world.go("a", "r1c7");
    world.run(3.0, |_| false);
    world.vehicles[0].lose_link(90.0);
    world.run(1.0, |_| false);
    let held = world.master.traffic().base(0).len();
    assert!(held > 1);
    world.go("b", "r1c1");
    // The other one goes around what is held; this one drives its base to the end and waits.
    assert!(world.run(80.0, |world| world.done == ["b"]), "{:?}", world.findings);
    assert_eq!(world.master.traffic().base(0).len(), held);
    assert!(world.has_found(0, "unlinked") && world.run(70.0, |world| world.has_found(0, "unlinked_long")));
    assert!(world.run(60.0, |world| world.done.len() == 2), "{:?}", world.findings);
}

#[test]
fn liars_are_not_believed() {
    let lies: [(&str, Lie); 4] = [
        ("jump", |json| {
            let header = json["headerId"].as_u64().unwrap_or(0);
            if header % 2 == 0 && header > 3 && json.get("agvPosition").is_some() {
                json["agvPosition"]["x"] = 40.0.into();
            }
        }),
        ("ahead", |json| {
            if json["nodeStates"].as_array().is_some_and(|nodes| !nodes.is_empty()) {
                json["lastNodeSequenceId"] = 60.into();
            }
        }),
        ("other_node", |json| {
            if json["nodeStates"].as_array().is_some_and(|nodes| !nodes.is_empty()) {
                json["lastNodeId"] = "r2c7".into();
            }
        }),
        ("wrong_name", |json| json["serialNumber"] = "carter01".into()),
    ];
    for (code, lie) in lies {
        let (floor, settings) = aisle();
        let mut world = World::new(&floor, &["r0c0", "r2c0"], &settings, 1);
        world.tamper = Some(lie);
        world.go("a", "r0c7");
        world.go("b", "r2c7");
        world.run(60.0, |_| false);
        assert!(world.has_found(0, code), "{code}: {:?}", world.findings);
        assert!(world.done.contains(&"b".to_owned()), "{code}: the other one goes on");
        // Once it says the truth it is believed again.
        world.tamper = None;
        assert!(world.run(120.0, |world| world.done.len() == 2), "{code}: {:?}", world.findings);
    }
}

#[test]
fn old_news_is_dropped_and_a_restarted_robot_is_heard() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0"], &settings, 1);
    world.link = Link { lost: 0.0, doubled: 0.3, late_seconds: 3.0 };
    world.go("a", "r0c7");
    assert!(world.run(200.0, |world| world.done.len() == 1), "{:?}", world.findings);
    assert!(world.master.unit(0).unwrap().stale_states > 0);
    // A robot that restarts counts from 0 again and has forgotten its order.
    world.link = Link::default();
    world.go("b", "r2c0");
    world.run(5.0, |_| false);
    let pose = world.vehicles[0].pose().clone();
    let at = world.network.nearest(pose.x, pose.y).unwrap().0;
    let point = world.network.point(at);
    let pose = Pose { x: point.x, y: point.y, node: String::new(), ..pose };
    world.vehicles[0] = Vehicle::new(settings, world.vehicles[0].address().clone(), pose);
    assert!(world.run(200.0, |world| world.done.len() == 2), "{:?}", world.findings);
    assert!(world.has_found(0, "order_lost"));
}

#[test]
fn pauses_closed_nodes_and_doors_hold_robots_back() {
    let mut floor = grid(&["........"]);
    floor.doors.push(fleet::floor::Door {
        id: "d".to_owned(),
        a: "r0c3".to_owned(),
        b: "r0c4".to_owned(),
        opening_seconds: 1.0,
    });
    let mut world = World::new(&floor, &["r0c0"], &vehicle::Settings::default(), 1);
    world.go("a", "r0c7");
    world.run(30.0, |world| !world.doors.is_empty());
    assert_eq!(world.doors, [(0, true)]);
    world.run(10.0, |_| false);
    assert!((world.vehicles[0].pose().x - 3.5).abs() < 1e-9, "it waits at the door");
    world.master.close(world.node("r0c6"), true);
    world.master.door(0, true);
    world.run(20.0, |_| false);
    assert!(world.vehicles[0].pose().x < 6.0, "it waits before the closed node");
    world.master.pause(0, true);
    world.master.close(world.node("r0c6"), false);
    world.run(10.0, |_| false);
    assert!(world.vehicles[0].pose().x < 6.0, "it is paused");
    world.master.pause(0, false);
    assert!(world.run(60.0, |world| world.done == ["a"]), "{:?}", world.findings);
    world.run(2.0, |_| false);
    assert_eq!(world.doors, [(0, true), (0, false)]);
}

#[test]
fn low_batteries_are_charged() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0"], &settings, 1);
    world.vehicles[0].set_battery(10.0);
    assert!(world.run(20.0, |world| world.charge_wanted == [0]));
    let node = world.node("r0c3");
    world
        .waiting
        .push_back(Mission { id: "charge".to_owned(), stops: vec![Stop { node, tasks: vec![task("startCharging")] }] });
    assert!(world.run(60.0, |world| world.done == ["charge"]), "{:?}", world.findings);
    world.run(3_600.0, |world| world.vehicles[0].battery_percent() > 40.0);
    assert!(world.vehicles[0].battery_percent() > 40.0);
    world.go("away", "r0c7");
    assert!(world.run(60.0, |world| world.done.len() == 2), "{:?}", world.findings);
}

#[test]
fn the_factsheets_limits_are_kept() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0"], &settings, 1);
    world.run(2.0, |_| false);
    let mut sheet = vda5050::Factsheet::default();
    sheet.protocol_limits.array_lengths.order_nodes = Some(3);
    sheet.protocol_limits.string_lengths.id = Some(8);
    sheet.protocol_limits.timing.minimum_order_interval = 1.0;
    sheet.protocol_features.actions.push(vda5050::factsheet::SupportedAction {
        action_type: "pick".to_owned(),
        action_scopes: vec![vda5050::factsheet::ActionScope::Node],
        ..Default::default()
    });
    let address = world.vehicles[0].address().clone();
    let stamp = vda5050::Stamp { header_id: 9, timestamp: world.now };
    let payload = vda5050::write(Version::V2_0, &address, stamp, &Body::Factsheet(Box::new(sheet))).unwrap();
    world.up.push((world.now, address.topic(Kind::Factsheet), payload.to_vec()));
    world.tick();
    let mission = carry(1, world.node("r0c5"), world.node("r0c0"));
    let error = world.master.assign(0, mission).unwrap_err();
    assert_eq!(error.to_string(), "robot 0 cannot do drop, says its factsheet");
    world.go("a", "r2c7");
    assert!(world.run(120.0, |world| world.done == ["a"]), "{:?}", world.findings);
    assert!(world.orders_sent.iter().all(|order| order.nodes.len() <= 3 && order.order_id.len() <= 8));
}

#[test]
fn orders_are_stitched_as_the_standard_says() {
    let mut world = warehouse(4, 12, Troubles::default(), 5);
    assert!(world.run(900.0, |world| world.done.len() == 12));
    let mut last: std::collections::HashMap<String, vda5050::Order> = std::collections::HashMap::new();
    for order in &world.orders_sent {
        if let Some(before) = last.insert(order.order_id.clone(), order.clone()) {
            if before.order_update_id == order.order_update_id {
                continue; // Sent again.
            }
            assert_eq!(order.order_update_id, before.order_update_id + 1);
            assert_eq!(before.base().last(), order.nodes.first(), "the decision point comes first, unchanged");
        } else {
            assert_eq!((order.order_update_id, order.nodes[0].sequence_id), (0, 0));
        }
    }
    assert!(last.len() >= 12);
}

#[test]
fn a_robot_with_a_foreign_order_on_another_map_is_not_moved() {
    let (floor, settings) = aisle();
    let mut world = World::new(&floor, &["r0c0", "r2c0"], &settings, 1);
    world.tamper = Some(|json| {
        for key in ["agvPosition", "mobileRobotPosition"] {
            if json.get(key).is_some() {
                json[key]["mapId"] = "elsewhere".into();
            }
        }
    });
    world.go("a", "r2c7");
    assert!(world.run(60.0, |world| world.done == ["a"]), "the other one does it");
    assert!(world.has_found(0, "other_map") && world.has_found(0, "off_floor"));
    assert_eq!(world.master.unit(0).unwrap().phase, Phase::Lost);
    assert!(!ErrorLevel::Warning.stops());
}
