//! Robots that nobody here wrote carry out orders under our master control, are killed and come back, and find the program
//! gone and started again. Ignored unless asked for, because they have to be installed first: `cargo xtask test` does that
//! for those of the package registries, `cargo xtask interop vehicles DIR` for NVIDIA's.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this drives other processes, and fails where they do"
)]

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::process::Server;
use serde_json::{Value, json};

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(240);

/// Columns and rows of the floor, in cells of a metre.
const COLUMNS: usize = 20;
const ROWS: usize = 12;

/// A robot's process, killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended by itself needs no end.
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the robots' program is installed"))
    }

    /// kill -9.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn variable(name: &str) -> PathBuf {
    let hint = "cargo xtask test, or cargo xtask interop vehicles DIR";
    std::env::var_os(name).map_or_else(|| panic!("{name} is not set; hint: {hint}"), PathBuf::from)
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vehicles").join(name)
}

/// A robot of the fleet, and where it begins.
struct Robot {
    manufacturer: &'static str,
    serial: String,
    x: f64,
    y: f64,
    node: String,
}

/// A program with an empty floor, stations along two of its sides, and robots in its middle.
struct Site {
    folder: tempfile::TempDir,
    server: Option<Server>,
    robots: Vec<Robot>,
    orders: usize,
    /// What master control noticed, by its stable words; a restart forgets it.
    noticed: RefCell<BTreeSet<String>>,
}

impl Site {
    fn open(manufacturer: &'static str, count: usize, version: &str, parameters: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_closed(folder.path());
        let ground = json!({"grid": {"cell_metres": 1.0, "rows": vec![".".repeat(COLUMNS); ROWS]}});
        let side = |row: usize, kind: &str| {
            let station = move |index: usize| json!({"id": format!("{kind}{index}"), "nodes": [format!("r{row}c{}", 2 * index + 1)]});
            (0..COLUMNS / 2).map(station).collect::<Vec<Value>>()
        };
        let stations = [side(0, "in"), side(ROWS - 1, "out")].concat();
        let floor = json!({"version": 1, "name": "hall", "map": "hall", "ground": ground, "stations": stations});
        let (status, said) = server.ask("PUT", "/fleet/floor", &json!({"source": {"drawn": floor}}));
        assert_eq!(status, 200, "{said}");
        let robots = (0..count).map(|index| {
            // Two columns apart, in the rows of the middle, so that nobody begins in somebody's way.
            let (row, column) = (3 + 2 * (index / (COLUMNS / 2)), 2 * (index % (COLUMNS / 2)));
            // The first row of the drawing is the northern one.
            let (x, y) = (column as f64 + 0.5, (ROWS - 1 - row) as f64 + 0.5);
            Robot { manufacturer, serial: format!("{:04}", index + 1), x, y, node: format!("r{row}c{column}") }
        });
        let site =
            Self { robots: robots.collect(), folder, server: Some(server), orders: 0, noticed: RefCell::default() };
        for robot in &site.robots {
            let mut asked = json!({"manufacturer": manufacturer, "serial": robot.serial, "version": version});
            if !parameters.is_null() {
                asked["parameters"] = parameters.clone();
            }
            let (status, said) = site.server().ask("POST", "/fleet/robots", &asked);
            assert_eq!(status, 201, "{said}");
        }
        site.operate();
        site
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Takes the policy of a run live.
    fn operate(&self) {
        let run = ["simulate", "--hours", "0.05", "--seeds", "1", "--set", "/world/robots/count=4"];
        let run = self.server().json(&run).remove(0);
        self.server().json(&["operate", run["id"].as_str().unwrap()]);
    }

    /// A robot's credential, which is good for its own topics only.
    fn credential(&self, robot: &Robot) -> (String, String) {
        let Robot { manufacturer, serial, .. } = robot;
        let address = format!("uagv/v2/{manufacturer}/{serial}");
        let made =
            self.server().json(&["credential", &format!("{manufacturer}-{serial}"), "--robot", &address]).remove(0);
        (made["username"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// Wants so many more orders, each from another station to another.
    fn order(&mut self, count: usize) {
        let stations = COLUMNS / 2;
        for number in self.orders..self.orders + count {
            let (from, to) = (format!("in{}", (7 * number) % stations), format!("out{}", (3 * number + 5) % stations));
            let (status, said) =
                self.server().ask("POST", "/fleet/orders", &json!({"id": number.to_string(), "from": from, "to": to}));
            assert_eq!(status, 201, "{said}");
        }
        self.orders += count;
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let (status, mut said) = self.server().ask("GET", path, &Value::Null);
        assert_eq!(status, 200, "{said}");
        let Value::Array(items) = said["items"].take() else { panic!("no items: {said}") };
        items
    }

    /// Looks again and again until it is so. Meanwhile no two robots may be at the same node, and no order may fail.
    fn wait(&self, what: &str, is_so: impl Fn(&[Value], &[Value]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (robots, orders) = (self.list("/fleet/robots"), self.list("/fleet/orders?limit=500"));
            let nodes: Vec<&str> =
                robots.iter().filter_map(|robot| robot["node"].as_str()).filter(|it| !it.is_empty()).collect();
            assert_eq!(nodes.len(), nodes.iter().collect::<BTreeSet<_>>().len(), "two robots at one node: {nodes:?}");
            let ended = |order: &&Value| order["state"] == "failed" || order["state"] == "cancelled";
            assert_eq!(orders.iter().find(ended), None);
            let (_, fleet) = self.server().ask("GET", "/fleet", &Value::Null);
            let codes = fleet["findings"].as_array().unwrap().iter().filter_map(|finding| finding["code"].as_str());
            self.noticed.borrow_mut().extend(codes.map(str::to_owned));
            if is_so(&robots, &orders) {
                return;
            }
            assert!(Instant::now() <= deadline, "waited in vain for {what}: {robots:#?} {fleet:#}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn wait_for_links(&self) {
        self.wait("all robots", |robots, _| {
            robots.iter().all(|robot| robot["state"] != "unlinked" && !robot["x"].is_null())
        });
    }

    /// Waits until so many orders are done; with all of them, that none is there twice.
    fn wait_for_done(&self, count: usize) {
        let is_done = |order: &&Value| order["state"] == "done";
        self.wait(&format!("{count} orders"), |_, orders| orders.iter().filter(is_done).count() >= count);
        assert_eq!(self.list("/fleet/orders?limit=500").len(), self.orders);
    }

    /// kill -9 of the program, and starts it again.
    fn restart(&mut self) {
        self.server = self.server.take().map(Server::restart);
    }

    /// Tells how it went, and ends it.
    fn close(mut self, began: Instant) {
        let noticed = self.noticed.take();
        println!(
            "{} orders by {} robots in {:.0?}; noticed: {noticed:?}",
            self.orders,
            self.robots.len(),
            began.elapsed()
        );
        self.server.take().unwrap().stop();
    }
}

/// Robots of vda-5050-lib, as one process each five.
fn start_coaty(site: &Site, part: usize, robots: &[Robot], credentials: &[(String, String)]) -> Process {
    let vehicles = robots.iter().zip(credentials).map(|(robot, (username, password))| {
        let Robot { manufacturer, serial, x, y, node } = robot;
        json!({"manufacturer": manufacturer, "serial": serial, "username": username, "password": password,
            "x": x, "y": y, "map": "hall", "node": node})
    });
    let plan = json!({"broker": format!("mqtt://{}", site.server().mqtt), "interface": "uagv", "speed": 2,
        "folder": site.folder.path(), "vehicles": vehicles.collect::<Vec<_>>()});
    let path = site.folder.path().join(format!("vehicles-{part}.json"));
    std::fs::write(&path, plan.to_string()).unwrap();
    Process::start(
        Command::new("node").arg(file("vehicles.cjs")).arg(path).env("NODE_PATH", variable("PEERS_NODE_MODULES")),
    )
}

#[test]
#[ignore = "needs vda-5050-lib: cargo xtask test"]
fn twenty_virtual_vehicles_do_their_orders_whatever_is_killed() {
    const PER_PROCESS: usize = 5;
    let began = Instant::now();
    // Seconds that its actions take; five when it is not told.
    let mut site = Site::open("coaty", 20, "2.0", &json!({"duration": 1}));
    let credentials: Vec<_> = site.robots.iter().map(|robot| site.credential(robot)).collect();
    let start = |site: &Site, part: usize| {
        let of = part * PER_PROCESS..(part + 1) * PER_PROCESS;
        start_coaty(site, part, &site.robots[of.clone()], &credentials[of])
    };
    let mut processes: Vec<Process> = (0..4).map(|part| start(&site, part)).collect();
    site.wait_for_links();

    site.order(40);
    site.wait_for_done(6);
    processes.remove(0).kill();
    let is_unlinked = |robot: &&Value| robot["state"] == "unlinked";
    site.wait("five robots to be missed", |robots, _| robots.iter().filter(is_unlinked).count() == PER_PROCESS);
    processes.push(start(&site, 0));
    site.wait_for_links();

    site.wait_for_done(15);
    site.restart();
    site.wait_for_links();
    site.wait_for_done(40);
    drop(processes);
    site.close(began);
}

#[test]
#[ignore = "needs vda5050-sdk: cargo xtask test"]
fn vehicles_of_2_1_do_their_orders() {
    let began = Instant::now();
    let mut site = Site::open("sdk", 3, "2.1", &Value::Null);
    let start = |robot: &Robot| {
        let (user, password) = site.credential(robot);
        let broker = format!("mqtt://{}", site.server().mqtt);
        let mut command = Command::new(variable("PEERS_PYTHON"));
        command.arg(file("sdk_vehicle.py")).args([&broker, &user, &password, robot.manufacturer, &robot.serial]);
        Process::start(command.args([&robot.x.to_string(), &robot.y.to_string(), "hall", &robot.node]))
    };
    let processes: Vec<Process> = site.robots.iter().map(start).collect();
    site.wait_for_links();
    site.order(9);
    site.wait_for_done(3);
    site.restart();
    site.wait_for_done(9);
    drop(processes);
    site.close(began);
}

#[test]
#[ignore = "needs a checkout of isaac_mission_dispatch: cargo xtask interop vehicles DIR"]
fn nvidia_mission_clients_do_their_orders() {
    let began = Instant::now();
    // Its actions end well only when they are told to.
    let parameters = json!({"should_fail": "false", "time": "0.5"});
    let mut site = Site::open("RobotCompany", 4, "2.0", &parameters);
    // One connection serves all of them, and hears them all.
    let gateway = site.server().credential("gateway", &["uagv/v2/RobotCompany/#"]);
    let mut robots: Vec<String> =
        site.robots.iter().map(|robot| format!("{},{},{},0,hall,0,90", robot.serial, robot.x, robot.y)).collect();
    let (host, port) = (site.server().mqtt.ip().to_string(), site.server().mqtt.port().to_string());
    let start = |robots: &[String]| {
        let mut command = Command::new(variable("PEERS_NVIDIA_PYTHON"));
        command.current_dir(variable("PEERS_NVIDIA")).env("PYTHONPATH", ".");
        command.arg("packages/controllers/mission/tests/client.py").arg("--robots").args(robots);
        command.args(["--mqtt_host", &host, "--mqtt_port", &port, "--speed", "2"]);
        Process::start(command.args(["--mqtt_username", &gateway.0, "--mqtt_password", &gateway.1]))
    };
    let process = start(&robots);
    site.wait_for_links();
    site.order(12);
    site.wait_for_done(4);
    site.restart();
    site.wait_for_done(8);
    process.kill();
    site.wait("the robots to be missed", |robots, _| robots.iter().any(|robot| robot["state"] == "unlinked"));
    // Started again, they stand where they stood.
    robots.iter_mut().zip(site.list("/fleet/robots")).for_each(|(robot, at)| {
        *robot = format!("{},{},{},{},hall,0,90", robot.split(',').next().unwrap(), at["x"], at["y"], at["theta"]);
    });
    let process = start(&robots);
    site.wait_for_done(12);
    drop(process);
    site.close(began);
}
