//! Floors made from a few numbers, to start from: fulfilment, sortation and line-side supply.

use plan::Random;
use serde::{Deserialize, Serialize};

use super::{
    Charger, Direction, Door, Floor, GridGround, Ground, Lane, Parking, Point, RobotStart, Station, StationKind,
    Storage, Zone, ZoneRule, cell_id,
};

/// A fulfilment centre: blocks of shelves with one-way aisles between them, picking stations at the west and east sides,
/// chargers in the south, parking in the north.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fulfilment {
    /// Blocks of shelves from west to east.
    pub block_columns: usize,
    /// Blocks of shelves from north to south.
    pub block_rows: usize,
    /// The length of a block in cells.
    pub block_length: usize,
    /// Picking stations, shared by both sides.
    pub stations: usize,
    /// Chargers.
    pub chargers: usize,
    /// Robots.
    pub robots: usize,
    /// The speed limit where people work at stations, in centimetres a second; 0 is none.
    pub slow_centimetres_per_second: usize,
    /// Chance: storage sizes, service times and where robots stand.
    pub seed: u64,
}

/// A sortation centre: chutes in rows, inductions along the south, all cells between them free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sortation {
    /// Chutes from west to east.
    pub chute_columns: usize,
    /// Chutes from north to south.
    pub chute_rows: usize,
    /// Places where parcels come in.
    pub inductions: usize,
    /// Chargers.
    pub chargers: usize,
    /// Robots.
    pub robots: usize,
    /// Chance: service times and where robots stand.
    pub seed: u64,
}

/// Line-side supply: a supermarket of parts in the west, production cells along a one-way ring road.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineSide {
    /// Production cells, shared by both sides of the line.
    pub cells: usize,
    /// Places in the supermarket.
    pub storages: usize,
    /// Chargers.
    pub chargers: usize,
    /// Robots.
    pub robots: usize,
    /// Seconds that the gates between the supermarket and the line take to open; 0 is no gates.
    pub gate_seconds: usize,
    /// Chance: cycle times and where robots stand.
    pub seed: u64,
}

/// A grid that is being drawn.
struct Canvas {
    rows: Vec<Vec<char>>,
    lanes: Vec<Lane>,
}

impl Canvas {
    fn new(rows: usize, columns: usize) -> Self {
        Self { rows: vec![vec!['.'; columns]; rows], lanes: Vec::new() }
    }

    fn lane(&mut self, from: (usize, usize), to: (usize, usize), direction: Direction) {
        self.lanes.push(Lane { from, to, direction });
    }

    fn floor(self, name: &str, cell_metres: f64) -> Floor {
        let rows = self.rows.into_iter().map(|row| row.into_iter().collect()).collect();
        let ground = GridGround {
            cell_metres,
            lower_left: Point::default(),
            rows,
            speed_limit: None,
            lanes: self.lanes,
            walls: Vec::new(),
        };
        Floor::new(name, Ground::Grid(ground))
    }
}

/// `count` numbers spread evenly over `0..length`.
fn spread(count: usize, length: usize) -> impl Iterator<Item = usize> {
    let count = count.min(length);
    (0..count).map(move |index| (2 * index + 1) * length / (2 * count).max(1))
}

/// Puts robots on free cells that nothing else claims, drawn by chance.
fn place_robots(floor: &mut Floor, count: usize, random: &mut Random) {
    let Ground::Grid(ground) = &floor.ground else { return };
    let claimed: std::collections::HashSet<&str> = floor
        .stations
        .iter()
        .flat_map(|station| station.nodes.iter().chain(&station.queue))
        .chain(floor.chargers.iter().map(|charger| &charger.node))
        .map(String::as_str)
        .collect();
    let mut free: Vec<String> = Vec::new();
    for (row, text) in ground.rows.iter().enumerate() {
        for (column, character) in text.chars().enumerate() {
            let id = cell_id(row, column);
            if GridGround::is_free(character) && !claimed.contains(id.as_str()) {
                free.push(id);
            }
        }
    }
    random.shuffle(&mut free);
    let robots = free.into_iter().take(count).enumerate();
    floor.robots =
        robots.map(|(index, node)| RobotStart { id: format!("robot-{}", index + 1), node, theta: 0.0 }).collect();
}

fn chargers(nodes: impl Iterator<Item = String>) -> Vec<Charger> {
    let made = nodes.enumerate();
    made.map(|(index, node)| Charger { id: format!("charger-{}", index + 1), node, percent_per_hour: 60.0 }).collect()
}

fn station(index: usize, kind: StationKind, node: String, seconds: f64, random: &mut Random) -> Station {
    Station {
        id: format!("station-{}", index + 1),
        kind,
        nodes: vec![node],
        service_seconds: (seconds * (0.8 + 0.4 * random.unit())).round(),
        service_deviation_seconds: (seconds * 0.2).round(),
        buffer: 2,
        ..Station::default()
    }
}

impl Default for Fulfilment {
    fn default() -> Self {
        Self {
            block_columns: 6,
            block_rows: 4,
            block_length: 8,
            stations: 8,
            chargers: 10,
            robots: 40,
            slow_centimetres_per_second: 0,
            seed: 1,
        }
    }
}

impl Fulfilment {
    /// Cells between the outer wall and the shelves on every side.
    const MARGIN: usize = 3;

    /// Rows and columns. Each block is two shelves deep, with an aisle of one cell to its east and another to its south.
    fn size(&self) -> (usize, usize) {
        let (across, down, length) = (self.block_columns.max(1), self.block_rows.max(1), self.block_length.max(1));
        let margins = 2 * Self::MARGIN - 1;
        let columns = across.saturating_mul(length.saturating_add(1)).saturating_add(margins);
        (down.saturating_mul(3).saturating_add(margins), columns)
    }

    /// How many cells the floor has.
    pub fn cells(&self) -> usize {
        let (rows, columns) = self.size();
        rows.saturating_mul(columns)
    }

    /// Draws the floor.
    pub fn floor(&self) -> Floor {
        let mut random = Random::new(self.seed);
        let (across, down, length) = (self.block_columns.max(1), self.block_rows.max(1), self.block_length.max(1));
        let margin = Self::MARGIN;
        let (rows, columns) = self.size();
        let mut canvas = Canvas::new(rows, columns);
        let mut storages = Vec::new();
        for block in 0..across * down {
            let (block_row, block_column) = (block / across, block % across);
            let (top, left) = (margin + block_row * 3, margin + block_column * (length + 1));
            for column in left..left + length {
                for (row, aisle) in [(top, top - 1), (top + 1, top + 2)] {
                    canvas.rows[row][column] = '@';
                    storages.push(Storage {
                        id: format!("shelf-r{row}c{column}"),
                        node: cell_id(aisle, column),
                        capacity: 1 + random.index(4) as u32,
                    });
                }
            }
        }
        for block_row in 0..=down {
            let row = margin + block_row * 3 - 1;
            let direction = if block_row % 2 == 0 { Direction::East } else { Direction::West };
            canvas.lane((row, margin), (row, columns - margin - 1), direction);
        }
        for block_column in 1..across {
            let column = margin + block_column * (length + 1) - 1;
            let direction = if block_column % 2 == 0 { Direction::North } else { Direction::South };
            canvas.lane((margin, column), (rows - margin - 1, column), direction);
        }
        let mut floor = canvas.floor("Fulfilment", 1.0);
        floor.storages = storages;
        let west = self.stations.div_ceil(2);
        let sides = [(0, west), (columns - 1, self.stations - west)];
        let places =
            sides.into_iter().flat_map(|(column, count)| spread(count, rows - 4).map(move |row| (row + 2, column)));
        floor.stations = places
            .enumerate()
            .map(|(index, (row, column))| {
                let made = station(index, StationKind::Picking, cell_id(row, column), 12.0, &mut random);
                let inner = if column == 0 { 1 } else { column - 1 };
                Station { queue: vec![cell_id(row, inner)], ..made }
            })
            .collect();
        floor.chargers = chargers(spread(self.chargers, columns - 4).map(|column| cell_id(rows - 1, column + 2)));
        floor.parkings = spread(self.robots, columns - 4)
            .enumerate()
            .map(|(index, column)| Parking { id: format!("parking-{}", index + 1), node: cell_id(0, column + 2) })
            .collect();
        floor.zones = self.slow_zones(rows as f64, columns as f64);
        place_robots(&mut floor, self.robots, &mut random);
        floor
    }

    /// The strips along the stations in the west and east.
    fn slow_zones(&self, rows: f64, columns: f64) -> Vec<Zone> {
        let limit = self.slow_centimetres_per_second as f64 / 100.0;
        let strips = [("west", 0.0, 2.0), ("east", columns - 2.0, columns)].into_iter().filter(|_| limit > 0.0);
        let zone = |(side, from, to)| Zone {
            id: format!("people-{side}"),
            from: Point { x: from, y: 0.0 },
            to: Point { x: to, y: rows },
            rule: ZoneRule::SpeedLimit(limit),
        };
        strips.map(zone).collect()
    }
}

impl Default for Sortation {
    fn default() -> Self {
        Self { chute_columns: 10, chute_rows: 6, inductions: 6, chargers: 8, robots: 40, seed: 1 }
    }
}

impl Sortation {
    /// Rows and columns.
    fn size(&self) -> (usize, usize) {
        let thrice = |count: usize, more| count.max(1).saturating_mul(3).saturating_add(more);
        (thrice(self.chute_rows, 4), thrice(self.chute_columns, 2))
    }

    /// How many cells the floor has.
    pub fn cells(&self) -> usize {
        let (rows, columns) = self.size();
        rows.saturating_mul(columns)
    }

    /// Draws the floor.
    pub fn floor(&self) -> Floor {
        let mut random = Random::new(self.seed);
        let (across, down) = (self.chute_columns.max(1), self.chute_rows.max(1));
        let (rows, columns) = self.size();
        let mut canvas = Canvas::new(rows, columns);
        let mut stations = Vec::new();
        for chute in 0..across * down {
            let (row, column) = (2 + (chute / across) * 3, 2 + (chute % across) * 3);
            canvas.rows[row][column] = '@';
            let made = station(chute, StationKind::Delivery, cell_id(row, column - 1), 2.0, &mut random);
            stations.push(Station { id: format!("chute-{}", chute + 1), ..made });
        }
        let mut floor = canvas.floor("Sortation", 0.6);
        let inductions = spread(self.inductions, columns - 2).enumerate().map(|(index, column)| {
            let made = station(index, StationKind::Induction, cell_id(rows - 1, column + 1), 4.0, &mut random);
            Station { id: format!("induction-{}", index + 1), queue: vec![cell_id(rows - 2, column + 1)], ..made }
        });
        stations.extend(inductions);
        floor.stations = stations;
        floor.chargers = chargers(spread(self.chargers, columns - 2).map(|column| cell_id(0, column + 1)));
        place_robots(&mut floor, self.robots, &mut random);
        floor
    }
}

impl Default for LineSide {
    fn default() -> Self {
        Self { cells: 12, storages: 16, chargers: 4, robots: 12, gate_seconds: 0, seed: 1 }
    }
}

impl LineSide {
    const ROWS: usize = 9;

    /// The column where the line begins, behind the supermarket in the west, and how many columns there are. The line is two
    /// lanes with a block of machines between them.
    fn size(&self) -> (usize, usize) {
        let line = self.storages.div_ceil(4).max(1) + 4;
        (line, self.cells.div_ceil(2).max(1).saturating_mul(3).saturating_add(line + 3))
    }

    /// How many cells the floor has.
    pub fn cells(&self) -> usize {
        self.size().1.saturating_mul(Self::ROWS)
    }

    /// Draws the floor.
    pub fn floor(&self) -> Floor {
        let mut random = Random::new(self.seed);
        let (line, columns) = self.size();
        let rows = Self::ROWS;
        let mut canvas = Canvas::new(rows, columns);
        for column in line..columns - 3 {
            for row in 3..6 {
                canvas.rows[row][column] = '@';
            }
        }
        canvas.lane((2, line), (2, columns - 4), Direction::East);
        canvas.lane((6, line), (6, columns - 4), Direction::West);
        let gates = if self.gate_seconds > 0 { &[2, 6][..] } else { &[] };
        for row in (0..rows).filter(|row| !gates.is_empty() && !gates.contains(row)) {
            canvas.rows[row][line - 2] = '@';
        }
        let mut floor = canvas.floor("Line-side supply", 1.2);
        let gate = |(index, row): (usize, &usize)| Door {
            id: format!("gate-{}", index + 1),
            a: cell_id(*row, line - 2),
            b: cell_id(*row, line - 1),
            opening_seconds: self.gate_seconds as f64,
        };
        floor.doors = gates.iter().enumerate().map(gate).collect();
        let cells = (0..self.cells).map(|index| {
            let column = line + 1 + (index / 2) * 3;
            // Robots stand beside the lane while they are served, so that others can pass.
            let row = if index % 2 == 0 { 1 } else { 7 };
            let made = station(index, StationKind::Production, cell_id(row, column), 20.0, &mut random);
            Station { id: format!("cell-{}", index + 1), ..made }
        });
        floor.stations = cells.collect();
        let places = (0..self.storages).map(|index| Storage {
            id: format!("supermarket-{}", index + 1),
            node: cell_id([0, 2, 6, 8][index % 4], 1 + index / 4),
            capacity: 4,
        });
        floor.storages = places.collect();
        floor.chargers = chargers(spread(self.chargers, rows).map(|row| cell_id(row, 0)));
        place_robots(&mut floor, self.robots, &mut random);
        floor
    }
}
