//! Floors: where robots drive, and the places that they drive to.
//!
//! A [`Floor`] is a document that people edit, import and export; its ground is a grid of cells or a graph of nodes and
//! edges. [`Floor::check`] tells everything that is wrong with it; [`Network`] is what it comes to, the same for both kinds of
//! ground; [`GridView`] is what the planner of cells sees of it.

mod check;
mod generate;
mod grid_view;
mod lif;
mod movingai;
mod network;
mod pace;

use serde::{Deserialize, Serialize};

pub use check::{Fault, Severity};
pub use generate::{Fulfilment, LineSide, Sortation};
pub use grid_view::GridView;
pub use lif::{LifError, export_lif, import_lif};
pub use movingai::{MapError, export_map, import_map};
pub use network::{Network, NodeIndex, Way};
pub use pace::{Doorway, Pace};

/// The version of the JSON form that is written; older ones are read.
pub const FLOOR_VERSION: u32 = 1;

/// The most nodes or cells of a floor.
pub const NODES_MAX: usize = 2_000_000;

/// A floor as a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The version of this form: [`FLOOR_VERSION`].
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// The map that robots know it by.
    #[serde(default = "default_map")]
    pub map: String,
    /// The version of that map; empty when it does not matter.
    #[serde(default)]
    pub map_version: String,
    /// Where robots get that map by themselves; empty when somebody gives it to them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub map_link: String,
    /// The version of the layout file that it came from; robots know nothing of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub layout_version: String,
    /// What is driven on.
    pub ground: Ground,
    /// Where people or machines work.
    #[serde(default)]
    pub stations: Vec<Station>,
    /// Where loads are kept.
    #[serde(default)]
    pub storages: Vec<Storage>,
    /// Where robots are charged.
    #[serde(default)]
    pub chargers: Vec<Charger>,
    /// Where robots wait for work.
    #[serde(default)]
    pub parkings: Vec<Parking>,
    /// Doors, gates and lifts on the way.
    #[serde(default)]
    pub doors: Vec<Door>,
    /// Areas with a rule.
    #[serde(default)]
    pub zones: Vec<Zone>,
    /// Where robots stand at the start.
    #[serde(default)]
    pub robots: Vec<RobotStart>,
}

fn default_map() -> String {
    "map".to_owned()
}

/// What is driven on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Square cells.
    Grid(GridGround),
    /// Nodes and edges.
    Graph(GraphGround),
}

/// Square cells, written row by row from the top (the north): `.` free, `@` and `T` closed, `E` and `S` free with a meaning
/// to the League of Robot Runners (emitter and service point).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridGround {
    /// The side of a cell in metres.
    pub cell_metres: f64,
    /// Where the lower left corner of the lowest row lies, in metres.
    #[serde(default)]
    pub lower_left: Point,
    /// The rows, all of the same length.
    pub rows: Vec<String>,
    /// The speed limit everywhere, in metres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_limit: Option<f64>,
    /// Lanes that are driven one way.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// Walls between neighbouring cells.
    #[serde(default)]
    pub walls: Vec<Wall>,
}

/// A point of a map, in metres; y grows to the north.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// To the east.
    pub x: f64,
    /// To the north.
    pub y: f64,
}

/// A row and a column of a grid, from the top left.
pub type CellPlace = (usize, usize);

/// A rectangle of cells in which nobody drives against a direction; crossing is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// One corner: row and column.
    pub from: CellPlace,
    /// The opposite corner.
    pub to: CellPlace,
    /// The way that is driven.
    pub direction: Direction,
}

/// A direction on a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards higher columns.
    East,
    /// Towards higher rows.
    South,
    /// Towards lower columns.
    West,
    /// Towards lower rows.
    North,
}

impl From<Direction> for plan::Heading {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::East => Self::East,
            Direction::South => Self::South,
            Direction::West => Self::West,
            Direction::North => Self::North,
        }
    }
}

/// A wall between two neighbouring cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wall {
    /// The cell on one side.
    pub a: CellPlace,
    /// The cell on the other side.
    pub b: CellPlace,
}

/// Nodes and edges.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphGround {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The edges, each driven one way.
    pub edges: Vec<Edge>,
}

/// A place to stand on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique on the floor.
    pub id: String,
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// The heading that robots must have here, in radians; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta: Option<f64>,
}

/// A way from a node to another; the way back is an edge of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Unique on the floor.
    pub id: String,
    /// The node where it begins.
    pub from: String,
    /// The node where it ends.
    pub to: String,
    /// Metres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_limit: Option<f64>,
    /// How much room there is, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// The robot's heading against the edge's, in radians: 0 forwards, π backwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<f64>,
}

/// What is done at a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StationKind {
    /// People or arms take goods from loads.
    #[default]
    Picking,
    /// A cell of a production line takes parts and gives products.
    Production,
    /// Goods come in.
    Induction,
    /// Goods go out.
    Delivery,
}

/// Where people or machines work on what robots bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Unique on the floor.
    pub id: String,
    /// What people call it; empty to show the id.
    #[serde(default)]
    pub name: String,
    /// What is done.
    #[serde(default)]
    pub kind: StationKind,
    /// The nodes where robots stand to be served.
    pub nodes: Vec<String>,
    /// How long one robot is served, in seconds on average.
    #[serde(default = "default_service_seconds")]
    pub service_seconds: f64,
    /// By how much that varies, as a standard deviation in seconds.
    #[serde(default)]
    pub service_deviation_seconds: f64,
    /// How many loads can stand at the station besides those on robots.
    #[serde(default)]
    pub buffer: u32,
    /// The nodes where robots wait for the station, the nearest first.
    #[serde(default)]
    pub queue: Vec<String>,
}

fn default_service_seconds() -> f64 {
    10.0
}

/// Where loads are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Unique on the floor.
    pub id: String,
    /// The node from which it is reached.
    pub node: String,
    /// How many loads it holds.
    #[serde(default = "default_capacity")]
    pub capacity: u32,
}

fn default_capacity() -> u32 {
    1
}

/// Where robots are charged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charger {
    /// Unique on the floor.
    pub id: String,
    /// The node on which a robot stands to be charged.
    pub node: String,
    /// How fast, in percent of a full battery an hour.
    #[serde(default = "default_charging_rate")]
    pub percent_per_hour: f64,
}

fn default_charging_rate() -> f64 {
    60.0
}

/// Where a robot waits for work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parking {
    /// Unique on the floor.
    pub id: String,
    /// The node.
    pub node: String,
}

/// A door, gate or lift between two nodes: to be open before a robot may pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// Unique on the floor; the thing that opens it has the same id.
    pub id: String,
    /// The node on one side.
    pub a: String,
    /// The node on the other side.
    pub b: String,
    /// Seconds that it takes to open.
    #[serde(default)]
    pub opening_seconds: f64,
}

/// An area with a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Unique on the floor.
    pub id: String,
    /// One corner, in metres.
    pub from: Point,
    /// The opposite corner, in metres.
    pub to: Point,
    /// The rule.
    pub rule: ZoneRule,
}

/// The rule of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneRule {
    /// Nobody drives faster, in metres a second.
    SpeedLimit(f64),
    /// Nobody drives.
    Closed,
    /// One robot at a time, with leave.
    Release,
}

impl Zone {
    /// Whether a point lies in it, its border included.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        let between = |value: f64, a: f64, b: f64| (a.min(b)..=a.max(b)).contains(&value);
        between(x, self.from.x, self.to.x) && between(y, self.from.y, self.to.y)
    }
}

/// Where a robot stands at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotStart {
    /// Unique on the floor.
    pub id: String,
    /// The node.
    pub node: String,
    /// Its heading in radians.
    #[serde(default)]
    pub theta: f64,
}

/// Why a document is no floor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FloorError {
    /// It is not JSON of this form.
    #[error("the floor cannot be read: {0}\nhint: compare with a floor that was exported")]
    Form(String),
    /// It was written by a newer program.
    #[error("the floor has version {0}, at most {FLOOR_VERSION} can be read\nhint: update this program")]
    Version(u32),
    /// Something is wrong with it.
    #[error("{} of the floor's parts are wrong; the first: {}", .0.len(), .0[0])]
    Faults(Vec<Fault>),
}

impl Floor {
    /// An empty floor on this ground.
    pub fn new(name: &str, ground: Ground) -> Self {
        Self {
            version: FLOOR_VERSION,
            name: name.to_owned(),
            map: default_map(),
            map_version: String::new(),
            layout_version: String::new(),
            map_link: String::new(),
            ground,
            stations: Vec::new(),
            storages: Vec::new(),
            chargers: Vec::new(),
            parkings: Vec::new(),
            doors: Vec::new(),
            zones: Vec::new(),
            robots: Vec::new(),
        }
    }

    /// Reads the JSON form. The floor may still have faults: see [`Floor::check`].
    pub fn from_json(text: &str) -> Result<Self, FloorError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let form = |error: serde_json::Error| FloorError::Form(error.to_string());
        let Versioned { version } = serde_json::from_str(text).map_err(form)?;
        if version > FLOOR_VERSION {
            return Err(FloorError::Version(version));
        }
        serde_json::from_str(text).map_err(form)
    }

    /// Writes the JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a floor has text keys only")
    }

    /// What the floor comes to, or everything that is wrong with it.
    pub fn network(&self) -> Result<Network, FloorError> {
        let faults: Vec<Fault> = self.check().into_iter().filter(|fault| fault.severity == Severity::Error).collect();
        if !faults.is_empty() {
            return Err(FloorError::Faults(faults));
        }
        Ok(Network::of(self))
    }
}

/// The id of the node that a cell is.
pub fn cell_id(row: usize, column: usize) -> String {
    format!("r{row}c{column}")
}

impl GridGround {
    /// Whether a character stands for a cell that can be driven on.
    pub fn is_free(character: char) -> bool {
        matches!(character, '.' | 'E' | 'S' | 'G')
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.rows.first().map_or(0, |row| row.chars().count())
    }

    /// The middle of a cell.
    pub fn middle(&self, row: usize, column: usize) -> Point {
        let rows_below = (self.rows.len() - 1 - row) as f64;
        Point {
            x: self.lower_left.x + (column as f64 + 0.5) * self.cell_metres,
            y: self.lower_left.y + (rows_below + 0.5) * self.cell_metres,
        }
    }
}
