//! What a planner of cells sees of a floor, and how its steps become metres.

use plan::{Cell, Grid, Heading};

use super::{Fault, FloorError, Network, NodeIndex, Point, Severity};

/// How far off its place on the grid a node may lie, as a share of a step.
const SNAP_SHARE: f64 = 0.05;

/// The most places of the grid for each node, so that two far-off nodes do not make a huge empty grid.
const PLACES_PER_NODE_MAX: usize = 64;

/// The grid that a network lies on. A grid floor gives one; so does a graph whose nodes stand in rows and columns.
#[derive(Debug, Clone)]
pub struct GridView {
    /// The planner's grid.
    pub grid: Grid,
    /// The length of a step, in metres.
    pub step_metres: f64,
    node_of: Vec<NodeIndex>,
    cell_of: Vec<Cell>,
}

fn fault(place: impl ToString, problem: String) -> FloorError {
    FloorError::Faults(vec![Fault {
        severity: Severity::Error,
        place: place.to_string(),
        problem,
        hint: "planning by cells needs nodes in rows and columns, one step apart".to_owned(),
    }])
}

impl GridView {
    /// The grid of a network, or why it has none.
    pub fn of(network: &Network) -> Result<Self, FloorError> {
        if network.is_empty() {
            return Err(fault("floor", "it has no node".to_owned()));
        }
        let nodes = 0..network.len() as NodeIndex;
        let lengths = nodes.clone().flat_map(|node| network.ways(node)).map(|way| way.length);
        let step = lengths.fold(f64::INFINITY, f64::min);
        let step_metres = if step.is_finite() { step } else { 1.0 };
        let points = || nodes.clone().map(|node| network.point(node));
        let left = points().map(|point| point.x).fold(f64::INFINITY, f64::min);
        let top = points().map(|point| point.y).fold(f64::NEG_INFINITY, f64::max);
        let mut places = Vec::with_capacity(network.len());
        for node in nodes.clone() {
            let Point { x, y } = network.point(node);
            let (column, row) = ((x - left) / step_metres, (top - y) / step_metres);
            if (column - column.round()).abs().max((row - row.round()).abs()) > SNAP_SHARE {
                return Err(fault(format!("node {}", network.id(node)), "it lies between the cells".to_owned()));
            }
            places.push((row.round() as usize, column.round() as usize));
        }
        let rows = places.iter().map(|(row, _)| row + 1).max().unwrap_or(0);
        let columns = places.iter().map(|(_, column)| column + 1).max().unwrap_or(0);
        if rows.saturating_mul(columns) > network.len().saturating_mul(PLACES_PER_NODE_MAX) {
            return Err(fault("floor", format!("its nodes are spread over {rows} rows and {columns} columns")));
        }
        let mut node_at = vec![None; rows * columns];
        for (node, (row, column)) in nodes.zip(&places) {
            if let Some(other) = node_at[row * columns + column].replace(node) {
                let problem = format!("it lies on the same cell as {}", network.id(other));
                return Err(fault(format!("node {}", network.id(node)), problem));
            }
        }
        let grid = Grid::new(rows, columns, |row, column| node_at[row * columns + column].is_some())
            .map_err(|error| fault("floor", error.to_string()))?;
        let cells = places.iter().map(|(row, column)| grid.cell(*row, *column));
        let cell_of: Vec<Cell> = cells.map(|cell| cell.expect("each node's place was made free")).collect();
        let mut node_of = vec![0; grid.len()];
        for (node, cell) in cell_of.iter().enumerate() {
            node_of[*cell as usize] = node as NodeIndex;
        }
        let mut view = Self { grid, step_metres, node_of, cell_of };
        view.close_missing_ways(network)?;
        Ok(view)
    }

    fn close_missing_ways(&mut self, network: &Network) -> Result<(), FloorError> {
        for node in 0..network.len() as NodeIndex {
            let cell = self.cell(node);
            let mut open = [false; 4];
            for way in network.ways(node) {
                let there = self.cell(way.to);
                let Some(heading) = Heading::ALL.into_iter().find(|heading| self.grid.ahead(cell, *heading) == there)
                else {
                    return Err(fault(format!("edge {}", way.id), "it does not join neighbouring cells".to_owned()));
                };
                open[heading.index()] = true;
            }
            for heading in Heading::ALL.into_iter().filter(|heading| !open[heading.index()]) {
                self.grid.close(cell, heading);
            }
        }
        Ok(())
    }

    /// The cell of a node.
    pub fn cell(&self, node: NodeIndex) -> Cell {
        self.cell_of[node as usize]
    }

    /// The node of a cell.
    pub fn node(&self, cell: Cell) -> NodeIndex {
        self.node_of[cell as usize]
    }

    /// The heading on the map, in radians from -π to π.
    pub fn theta(heading: Heading) -> f64 {
        use std::f64::consts::{FRAC_PI_2, PI};
        match heading {
            Heading::East => 0.0,
            Heading::South => -FRAC_PI_2,
            Heading::West => PI,
            Heading::North => FRAC_PI_2,
        }
    }

    /// The planner's heading that is nearest to one on the map.
    pub fn heading(theta: f64) -> Heading {
        let quarters = (-theta / std::f64::consts::FRAC_PI_2).round().rem_euclid(4.0);
        Heading::of(quarters as usize)
    }

    /// Seconds that a step of the plan takes a robot that drives and turns at these speeds: the slower of the two, so that
    /// nobody falls behind the plan by driving as it should.
    pub fn step_seconds(&self, metres_per_second: f64, radians_per_second: f64) -> f64 {
        let turn = std::f64::consts::FRAC_PI_2 / radians_per_second.max(1e-3);
        (self.step_metres / metres_per_second.max(1e-3)).max(turn)
    }
}
