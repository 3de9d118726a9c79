//! What robots have on board and what they may enter: maps, zones and doors, over real messages.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;
use std::time::Duration;

use connect::vda5050::state::{Enabled, RequestStatus};
use connect::vda5050::{self, Body, Topic, Version};
use fleet::floor::{Door, Floor, GridGround, Ground, Network, Point, RobotStart, Zone, ZoneRule};
use fleet::master::routes::routes;
use fleet::master::{Finding, Master, Mission, Output, Settings, Stop};
use fleet::traffic::Robot;
use fleet::vehicle::{self, Hall, Links};
use model::Timestamp;

const TICK: Duration = Duration::from_millis(200);

struct World {
    network: Arc<Network>,
    master: Master,
    hall: Hall,
    findings: Vec<Finding>,
    doors: Vec<(usize, bool)>,
    done: Vec<String>,
    orders: usize,
    ticks: u32,
    /// Whether answers to requests get lost.
    is_mute: bool,
}

fn floor(rows: &[&str], starts: &[&str]) -> Floor {
    let ground = GridGround {
        cell_metres: 1.0,
        lower_left: Point::default(),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        speed_limit: None,
        lanes: Vec::new(),
        walls: Vec::new(),
    };
    let mut floor = Floor::new("test", Ground::Grid(ground));
    let start = |id: &&str| RobotStart { id: (*id).to_owned(), node: (*id).to_owned(), theta: 0.0 };
    floor.robots = starts.iter().map(start).collect();
    floor
}

impl World {
    fn new(floor: &Floor, version: Version) -> Self {
        let network = Arc::new(floor.network().unwrap());
        let now = Timestamp::from_seconds(1_800_000_000);
        let settings = |_| vehicle::Settings { version, ..vehicle::Settings::default() };
        let hall = Hall::new(floor, &network, Links::default(), 1, now, settings);
        let mut master = Master::new(Settings::default(), &floor.map, network.clone(), now);
        for (index, vehicle) in hall.vehicles().iter().enumerate() {
            master.add_robot(index as Robot, vehicle.address().clone(), version).unwrap();
        }
        master.equip(floor);
        Self {
            network,
            master,
            hall,
            findings: Vec::new(),
            doors: Vec::new(),
            done: Vec::new(),
            orders: 0,
            ticks: 0,
            is_mute: false,
        }
    }

    fn go(&mut self, robot: Robot, id: &str, node: &str) {
        let node = self.network.node(node).unwrap();
        self.master
            .assign(robot, Mission { id: id.to_owned(), stops: vec![Stop { node, tasks: Vec::new() }] })
            .unwrap();
    }

    fn tick(&mut self) {
        self.hall.drive(TICK);
        self.ticks += 1;
        for (name, payload) in self.hall.heard() {
            let topic = Topic::parse(&name).unwrap();
            self.master.hear(&topic, &vda5050::read(&topic, &payload).unwrap(), self.hall.now());
        }
        if self.ticks.is_multiple_of(5) {
            let paths = routes(&self.network, &self.master.problem(), 0);
            self.master.plan(&paths).unwrap();
        }
        let mut sent = Vec::new();
        for output in self.master.tick(self.hall.now()) {
            match output {
                Output::Send(message) => {
                    let topic = Topic::parse(&message.topic).unwrap();
                    let read = vda5050::read(&topic, &message.payload).unwrap();
                    assert_eq!(read.violations, Vec::new(), "what we send is clean");
                    self.orders += usize::from(matches!(read.body, Body::Order(_)));
                    if !self.is_mute || !matches!(read.body, Body::Responses(_)) {
                        sent.push(message);
                    }
                }
                Output::Finding(finding) => self.findings.push(finding),
                Output::Door { door, open } => self.doors.push((door, open)),
                Output::MissionDone { mission, .. } => self.done.push(mission),
                _ => {}
            }
        }
        self.hall.send(sent);
        assert_eq!(self.hall.near(0.69), []);
    }

    fn run(&mut self, seconds: f64, mut until: impl FnMut(&Self) -> bool) -> bool {
        for _ in 0..(seconds / TICK.as_secs_f64()) as usize {
            if until(self) {
                return true;
            }
            self.tick();
        }
        until(self)
    }

    fn has_found(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

#[test]
fn a_robot_gets_the_floors_map_before_it_gets_orders() {
    for version in [Version::V2_1, Version::V3_0] {
        let mut floor = floor(&["......"], &["r0c0"]);
        (floor.map_version, floor.map_link) = ("2".to_owned(), "https://maps.example/2".to_owned());
        let mut world = World::new(&floor, version);
        world.hall.vehicle(0).give_map("map", "1");
        assert!(world.run(10.0, |world| world.has_found("map_version")));
        world.go(0, "a", "r0c5");
        let has_map = |world: &World| {
            let mut maps = world.hall.vehicles()[0].maps().iter();
            maps.any(|map| map.map_version == "2" && map.map_status == Enabled::Enabled)
        };
        assert!(world.run(60.0, |world| has_map(world)));
        assert_eq!(world.orders, 0, "no order before it has the map");
        assert!(world.run(60.0, |world| world.done == ["a"]), "{:?}", world.findings);
        // The old one is not kept.
        assert!(world.run(20.0, |world| world.hall.vehicles()[0].maps().len() == 1));
        assert!(!world.has_found("map_stuck"));
    }
}

#[test]
fn a_robot_that_cannot_get_the_map_is_left_out_and_told_of() {
    let mut floor = floor(&["......"], &["r0c0"]);
    floor.map_version = "2".to_owned();
    let mut world = World::new(&floor, Version::V2_1);
    world.hall.vehicle(0).give_map("map", "1");
    assert!(world.run(10.0, |world| world.has_found("map_stuck")));
    world.go(0, "a", "r0c5");
    world.run(30.0, |_| false);
    assert_eq!((world.orders, world.done.len()), (0, 0));
    // Somebody gives it the map.
    world.hall.vehicle(0).give_map("map", "2");
    assert!(world.run(60.0, |world| world.done == ["a"]), "{:?}", world.findings);
}

#[test]
fn a_robot_of_3_0_asks_before_it_enters_and_waits_until_it_may() {
    let mut floor = floor(&["........", "........"], &["r0c0", "r1c0"]);
    let corner = |x, y| Point { x, y };
    let rule = ZoneRule::Release;
    floor.zones.push(Zone { id: "gate".to_owned(), from: corner(3.0, 0.0), to: corner(5.0, 2.0), rule });
    floor.zones.push(Zone {
        id: "slow".to_owned(),
        from: corner(5.2, 0.0),
        to: corner(8.0, 2.0),
        rule: ZoneRule::SpeedLimit(0.5),
    });
    let mut world = World::new(&floor, Version::V3_0);
    let is_inside = |world: &World, index: usize| (3.0..=5.0).contains(&world.hall.vehicles()[index].pose().x);
    let is_equipped = |world: &World| {
        let mut sets = world.hall.vehicles().iter().map(|vehicle| vehicle.state().zone_sets.unwrap_or_default());
        sets.all(|sets| sets.iter().any(|set| set.zone_set_status == Enabled::Enabled))
    };
    assert!(world.run(30.0, is_equipped), "{:?}", world.findings);
    world.is_mute = true;
    world.go(0, "a", "r0c7");
    world.go(1, "b", "r1c7");
    world.run(40.0, |_| false);
    let asked = |world: &World, index: usize| world.hall.vehicles()[index].state().zone_requests.unwrap_or_default();
    assert_eq!(asked(&world, 0).len() + asked(&world, 1).len(), 1, "only one of them was released up to there");
    assert!(!is_inside(&world, 0) && !is_inside(&world, 1), "it waits for leave");
    world.is_mute = false;
    let mut were_inside = [false; 2];
    let is_done = world.run(90.0, |world| {
        let inside = [0, 1].map(|index| is_inside(world, index));
        assert_ne!(inside, [true, true], "one at a time");
        for index in [0, 1].into_iter().filter(|index| inside[*index]) {
            let requests = asked(world, index);
            assert!(requests.iter().any(|it| it.request_status == RequestStatus::Granted), "{requests:?}");
            were_inside[index] = true;
        }
        world.done.len() == 2
    });
    assert!(is_done && were_inside == [true, true], "{:?} {:?}", world.done, world.findings);
    assert!(world.run(20.0, |world| asked(world, 0).is_empty() && asked(world, 1).is_empty()));
}

#[test]
fn robots_that_know_no_zones_keep_to_them_all_the_same() {
    let mut floor = floor(&["........", "........"], &["r0c0", "r1c0"]);
    let (from, to) = (Point { x: 3.0, y: 0.0 }, Point { x: 5.0, y: 2.0 });
    floor.zones.push(Zone { id: "gate".to_owned(), from, to, rule: ZoneRule::Release });
    let mut world = World::new(&floor, Version::V2_0);
    world.run(5.0, |_| false);
    world.go(0, "a", "r0c7");
    world.go(1, "b", "r1c7");
    let is_done = world.run(120.0, |world| {
        let inside = world.hall.vehicles().iter().filter(|it| (3.0..=5.0).contains(&it.pose().x)).count();
        assert!(inside < 2, "one at a time");
        world.done.len() == 2
    });
    assert!(is_done, "{:?} {:?}", world.done, world.findings);
}

#[test]
fn a_door_that_stays_closed_is_asked_again_and_told_of() {
    let mut floor = floor(&["......"], &["r0c0"]);
    let (a, b) = ("r0c2".to_owned(), "r0c3".to_owned());
    floor.doors.push(Door { id: "d".to_owned(), a, b, opening_seconds: 1.0 });
    let mut world = World::new(&floor, Version::V2_1);
    world.run(5.0, |_| false);
    world.go(0, "a", "r0c5");
    world.run(50.0, |_| false);
    assert!(world.doors.len() > 2 && world.doors.iter().all(|door| *door == (0, true)), "{:?}", world.doors);
    assert!(!world.has_found("door"));
    assert!(world.run(30.0, |world| world.has_found("door")));
    assert!(world.hall.vehicles()[0].pose().x < 3.0, "it waits before the door");
    world.master.door(0, true);
    assert!(world.run(30.0, |world| world.done == ["a"]), "{:?}", world.findings);
    assert!(world.run(5.0, |world| world.doors.last() == Some(&(0, false))));
}
