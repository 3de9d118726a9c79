//! Everything that can be wrong with a floor: what, where, and what to do about it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::network::Network;
use super::{CellPlace, Floor, GraphGround, GridGround, Ground, NODES_MAX, ZoneRule};

/// The most faults that are told; a floor with more of them is told about these first.
const FAULTS_MAX: usize = 200;

/// The longest id, as the model of things has it.
const ID_BYTES_MAX: usize = model::id::ID_BYTES_MAX;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The floor works, but not as it may be meant.
    Warning,
    /// The floor cannot be used.
    Error,
}

/// Something wrong with a floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// Where: `station pick-1`, `edge e7`.
    pub place: String,
    /// What.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nhint: {}", self.place, self.problem, self.hint)
    }
}

impl std::error::Error for Fault {}

struct Checker<'a> {
    floor: &'a Floor,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, severity: Severity, place: impl fmt::Display, problem: impl fmt::Display, hint: &str) {
        if self.faults.len() < FAULTS_MAX {
            let (place, problem) = (place.to_string(), problem.to_string());
            self.faults.push(Fault { severity, place, problem, hint: hint.to_owned() });
        }
    }

    fn error(&mut self, place: impl fmt::Display, problem: impl fmt::Display, hint: &str) {
        self.fault(Severity::Error, place, problem, hint);
    }

    fn positive(&mut self, place: &str, what: &str, value: f64) {
        if !(value.is_finite() && value > 0.0) {
            self.error(place, format!("{what} is {value}"), "it must be a number above 0");
        }
    }

    fn not_negative(&mut self, place: &str, what: &str, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            self.error(place, format!("{what} is {value}"), "it must be 0 or more");
        }
    }

    fn finite(&mut self, place: &str, values: &[f64]) {
        if values.iter().any(|value| !value.is_finite()) {
            self.error(place, "its position is not finite", "give every coordinate a number");
        }
    }

    fn ids<'i>(&mut self, what: &str, ids: impl Iterator<Item = &'i str>) {
        let mut seen = HashSet::new();
        for id in ids {
            if id.is_empty()
                || id.len() > ID_BYTES_MAX
                || id.contains(['/', '+', '#'])
                || id.chars().any(char::is_control)
            {
                let hint = format!("use 1 to {ID_BYTES_MAX} bytes without /, + and #");
                self.error(format!("{what} {id:?}"), "this cannot be an id", &hint);
            }
            if !seen.insert(id) {
                self.error(format!("{what} {id}"), "there are two with this id", "give one of them another id");
            }
        }
    }

    fn grid(&mut self, ground: &GridGround) {
        self.positive("grid", "the side of a cell", ground.cell_metres);
        self.finite("grid", &[ground.lower_left.x, ground.lower_left.y]);
        if let Some(limit) = ground.speed_limit {
            self.positive("grid", "the speed limit", limit);
        }
        let columns = ground.columns();
        if columns == 0 || ground.rows.len().saturating_mul(columns) > NODES_MAX {
            let problem = format!("it has {} rows of {columns} cells", ground.rows.len());
            self.error("grid", problem, &format!("use at least one cell and at most {NODES_MAX}"));
        }
        for (row, text) in ground.rows.iter().enumerate() {
            let length = text.chars().count();
            if length != columns {
                let hint = "make all rows as long as the first";
                self.error(format!("row {row}"), format!("it has {length} cells, the first has {columns}"), hint);
            }
            if let Some(unknown) =
                text.chars().find(|c| !GridGround::is_free(*c) && !matches!(c, '@' | 'T' | 'O' | 'W'))
            {
                self.error(format!("row {row}"), format!("{unknown:?} is no kind of cell"), "use . @ T E and S");
            }
        }
        let outside = |(row, column): CellPlace| row >= ground.rows.len() || column >= columns;
        for (number, lane) in ground.lanes.iter().enumerate() {
            if outside(lane.from) || outside(lane.to) {
                self.error(format!("lane {number}"), "it lies outside the grid", "move or delete it");
            }
        }
        for (number, wall) in ground.walls.iter().enumerate() {
            if outside(wall.a) || outside(wall.b) || wall.a.0.abs_diff(wall.b.0) + wall.a.1.abs_diff(wall.b.1) != 1 {
                let hint = "name two cells of the grid that share a side";
                self.error(format!("wall {number}"), "it does not stand between two neighbours", hint);
            }
        }
    }

    fn graph(&mut self, ground: &GraphGround) {
        self.ids("node", ground.nodes.iter().map(|node| node.id.as_str()));
        self.ids("edge", ground.edges.iter().map(|edge| edge.id.as_str()));
        if ground.nodes.is_empty() || ground.nodes.len() > NODES_MAX {
            let hint = format!("use at least one node and at most {NODES_MAX}");
            self.error("graph", format!("it has {} nodes", ground.nodes.len()), &hint);
        }
        let nodes: HashSet<&str> = ground.nodes.iter().map(|node| node.id.as_str()).collect();
        for node in &ground.nodes {
            self.finite(&format!("node {}", node.id), &[node.x, node.y, node.theta.unwrap_or(0.0)]);
        }
        let mut joined = HashSet::new();
        for edge in &ground.edges {
            let place = format!("edge {}", edge.id);
            for end in [&edge.from, &edge.to] {
                if !nodes.contains(end.as_str()) {
                    self.error(
                        &place,
                        format!("there is no node {end:?}"),
                        "name a node of the floor, or delete the edge",
                    );
                }
            }
            if edge.from == edge.to {
                self.error(&place, "it begins and ends on one node", "delete it");
            }
            if !joined.insert((&edge.from, &edge.to)) {
                let problem = format!("there is another edge from {} to {}", edge.from, edge.to);
                self.error(&place, problem, "delete one of them");
            }
            for (what, value) in [("the speed limit", edge.speed_limit), ("the width", edge.width)] {
                if let Some(value) = value {
                    self.positive(&place, what, value);
                }
            }
            if edge.orientation.is_some_and(|angle| !(-std::f64::consts::PI..=std::f64::consts::PI).contains(&angle)) {
                self.error(&place, "its orientation is out of range", "use radians from -π to π");
            }
        }
    }

    /// The places: what they are called, and the nodes that they name.
    fn named(&self) -> Vec<(String, Vec<&str>, bool)> {
        let floor = self.floor;
        let one = |what: &str, id: &str| format!("{what} {id}");
        let stations = floor.stations.iter().map(|station| {
            let nodes = station.nodes.iter().chain(&station.queue).map(String::as_str).collect();
            (one("station", &station.id), nodes, true)
        });
        let storages = floor.storages.iter().map(|it| (one("storage", &it.id), vec![it.node.as_str()], true));
        let chargers = floor.chargers.iter().map(|it| (one("charger", &it.id), vec![it.node.as_str()], true));
        let parkings = floor.parkings.iter().map(|it| (one("parking", &it.id), vec![it.node.as_str()], true));
        let robots = floor.robots.iter().map(|it| (one("robot", &it.id), vec![it.node.as_str()], true));
        let doors = floor.doors.iter().map(|it| (one("door", &it.id), vec![it.a.as_str(), it.b.as_str()], false));
        stations.chain(storages).chain(chargers).chain(parkings).chain(robots).chain(doors).collect()
    }

    fn places(&mut self) {
        let floor = self.floor;
        self.ids("station", floor.stations.iter().map(|it| it.id.as_str()));
        self.ids("storage", floor.storages.iter().map(|it| it.id.as_str()));
        self.ids("charger", floor.chargers.iter().map(|it| it.id.as_str()));
        self.ids("parking", floor.parkings.iter().map(|it| it.id.as_str()));
        self.ids("door", floor.doors.iter().map(|it| it.id.as_str()));
        self.ids("zone", floor.zones.iter().map(|it| it.id.as_str()));
        self.ids("robot", floor.robots.iter().map(|it| it.id.as_str()));
        for station in &floor.stations {
            let place = format!("station {}", station.id);
            if station.nodes.is_empty() {
                self.error(&place, "it has no node", "name the node where robots stand to be served");
            }
            self.not_negative(&place, "the service time", station.service_seconds);
            self.not_negative(&place, "the deviation of the service time", station.service_deviation_seconds);
        }
        for charger in &floor.chargers {
            self.positive(&format!("charger {}", charger.id), "its rate", charger.percent_per_hour);
        }
        for door in &floor.doors {
            self.not_negative(&format!("door {}", door.id), "the opening time", door.opening_seconds);
        }
        for zone in &floor.zones {
            let place = format!("zone {}", zone.id);
            self.finite(&place, &[zone.from.x, zone.from.y, zone.to.x, zone.to.y]);
            if let ZoneRule::SpeedLimit(limit) = zone.rule {
                self.positive(&place, "the speed limit", limit);
            }
        }
        let mut taken: HashMap<&str, &str> = HashMap::new();
        for robot in &floor.robots {
            if let Some(other) = taken.insert(&robot.node, &robot.id) {
                let problem = format!("robot {other} stands on {} already", robot.node);
                self.error(format!("robot {}", robot.id), problem, "put one of them on another node");
            }
        }
        let mut serving: HashMap<&str, &str> = HashMap::new();
        for station in &floor.stations {
            for node in &station.nodes {
                if let Some(other) = serving.insert(node, &station.id).filter(|other| *other != station.id) {
                    let problem = format!("station {other} serves on {node} too");
                    self.fault(Severity::Warning, format!("station {}", station.id), problem, "give each its own node");
                }
            }
        }
    }

    /// Places that nobody can reach, or that nobody gets away from.
    fn reach(&mut self) {
        let network = Network::of(self.floor);
        let (component, sizes) = network.components();
        let largest = largest_of(&sizes);
        let mut found = Vec::new();
        for (place, nodes, must_be_reached) in self.named() {
            for node in nodes {
                match network.node(node) {
                    None => found.push((
                        place.clone(),
                        format!("{node} is no place to stand on"),
                        "name a free cell or a node outside closed zones",
                    )),
                    Some(index) if must_be_reached && Some(component[index as usize]) != largest => found.push((
                        place.clone(),
                        format!("{node} cannot be reached from the rest of the floor, or cannot be left"),
                        "open a way to it and back: remove a wall, or turn or add an edge or lane",
                    )),
                    Some(_) => {}
                }
            }
        }
        for door in &self.floor.doors {
            if let (Some(a), Some(b)) = (network.node(&door.a), network.node(&door.b))
                && network.way(a, b).is_none()
                && network.way(b, a).is_none()
            {
                let problem = format!("there is no way between {} and {}", door.a, door.b);
                found.push((format!("door {}", door.id), problem, "put it between two neighbours"));
            }
        }
        for (place, problem, hint) in found {
            self.error(place, problem, hint);
        }
        let stranded = network.len() - largest.map_or(0, |number| sizes[number as usize]);
        if stranded > 0 && !network.is_empty() {
            let problem = format!("{stranded} of {} nodes cannot be reached and left again", network.len());
            self.fault(Severity::Warning, "floor", problem, "close them, or open a way to them and back");
        }
    }
}

/// The number of the largest set of nodes that can all reach each other.
fn largest_of(sizes: &[usize]) -> Option<u32> {
    sizes.iter().enumerate().max_by_key(|(_, size)| **size).map(|(number, _)| number as u32)
}

impl Floor {
    /// The nodes that cannot be reached from the most of the floor, or cannot be left; what is faulty is left out.
    pub fn stranded(&self) -> Vec<String> {
        let network = Network::of(self);
        let (component, sizes) = network.components();
        let largest = largest_of(&sizes);
        let nodes = component.iter().enumerate().filter(|(_, number)| Some(**number) != largest);
        nodes.map(|(node, _)| network.id(node as super::NodeIndex).to_owned()).collect()
    }

    /// Everything that is wrong with the floor, errors first; at most the first 200 of them.
    pub fn check(&self) -> Vec<Fault> {
        let mut checker = Checker { floor: self, faults: Vec::new() };
        match &self.ground {
            Ground::Grid(ground) => checker.grid(ground),
            Ground::Graph(ground) => checker.graph(ground),
        }
        checker.places();
        // On broken ground, what can be reached says nothing.
        if checker.faults.iter().all(|fault| fault.severity != Severity::Error) {
            checker.reach();
        }
        checker.faults.sort_by_key(|fault| std::cmp::Reverse(fault.severity));
        checker.faults
    }
}
