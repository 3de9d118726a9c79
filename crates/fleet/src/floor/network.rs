//! What a floor comes to: numbered nodes and the ways between them.

use std::collections::HashMap;

use super::{Direction, Floor, GraphGround, GridGround, Ground, Point, ZoneRule, cell_id};

/// The number of a node.
pub type NodeIndex = u32;

/// A way from a node to a neighbour.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// The edge's id.
    pub id: String,
    /// Where it leads.
    pub to: NodeIndex,
    /// Metres.
    pub length: f64,
    /// Metres a second.
    pub speed_limit: Option<f64>,
    /// The robot's heading against the edge's, in radians.
    pub orientation: Option<f64>,
    /// The door on the way, by its number in the floor.
    pub door: Option<usize>,
}

/// The nodes of a floor and the ways between them. Closed zones have no nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    ids: Vec<String>,
    points: Vec<Point>,
    thetas: Vec<Option<f64>>,
    ways: Vec<Vec<Way>>,
    by_id: HashMap<String, NodeIndex>,
}

/// The cells of a grid that can be driven on, by row and column.
fn free_cells(ground: &GridGround) -> impl Iterator<Item = (usize, usize)> {
    ground.rows.iter().enumerate().flat_map(|(row, text)| {
        let cells = text.chars().enumerate();
        cells.filter(|(_, character)| GridGround::is_free(*character)).map(move |(column, _)| (row, column))
    })
}

impl Direction {
    const ALL: [(Self, isize, isize); 4] =
        [(Self::East, 0, 1), (Self::South, 1, 0), (Self::West, 0, -1), (Self::North, -1, 0)];

    fn opposite(self) -> Self {
        match self {
            Self::East => Self::West,
            Self::South => Self::North,
            Self::West => Self::East,
            Self::North => Self::South,
        }
    }
}

impl Network {
    /// The network of a floor; what is faulty on it is left out.
    pub(super) fn of(floor: &Floor) -> Self {
        let mut network = Self::default();
        match &floor.ground {
            Ground::Grid(ground) => network.add_grid(ground, floor),
            Ground::Graph(ground) => network.add_graph(ground, floor),
        }
        network.limit_speeds(floor);
        for (number, door) in floor.doors.iter().enumerate() {
            for (from, to) in [(&door.a, &door.b), (&door.b, &door.a)] {
                let (Some(from), Some(to)) = (network.node(from), network.node(to)) else { continue };
                for way in network.ways[from as usize].iter_mut().filter(|way| way.to == to) {
                    way.door = Some(number);
                }
            }
        }
        network
    }

    fn add_node(&mut self, floor: &Floor, id: String, point: Point, theta: Option<f64>) {
        let is_closed = |zone: &super::Zone| zone.rule == ZoneRule::Closed && zone.contains(point.x, point.y);
        if floor.zones.iter().any(is_closed) || self.by_id.contains_key(&id) {
            return;
        }
        self.by_id.insert(id.clone(), self.ids.len() as NodeIndex);
        self.ids.push(id);
        self.points.push(point);
        self.thetas.push(theta);
        self.ways.push(Vec::new());
    }

    fn add_grid(&mut self, ground: &GridGround, floor: &Floor) {
        for (row, column) in free_cells(ground) {
            self.add_node(floor, cell_id(row, column), ground.middle(row, column), None);
        }
        for (row, column) in free_cells(ground) {
            let Some(from) = self.node(&cell_id(row, column)) else { continue };
            for (direction, down, right) in Direction::ALL {
                let next = (row.checked_add_signed(down), column.checked_add_signed(right));
                let (Some(to_row), Some(to_column)) = next else { continue };
                let Some(to) = self.node(&cell_id(to_row, to_column)) else { continue };
                let (here, there) = ((row, column), (to_row, to_column));
                let is_walled =
                    ground.walls.iter().any(|wall| [(wall.a, wall.b), (wall.b, wall.a)].contains(&(here, there)));
                let is_against = ground.lanes.iter().any(|lane| {
                    let inside = |(row, column): (usize, usize)| {
                        (lane.from.0.min(lane.to.0)..=lane.from.0.max(lane.to.0)).contains(&row)
                            && (lane.from.1.min(lane.to.1)..=lane.from.1.max(lane.to.1)).contains(&column)
                    };
                    lane.direction.opposite() == direction && (inside(here) || inside(there))
                });
                if is_walled || is_against {
                    continue;
                }
                self.ways[from as usize].push(Way {
                    id: format!("{}-{}", cell_id(row, column), cell_id(to_row, to_column)),
                    to,
                    length: ground.cell_metres,
                    speed_limit: ground.speed_limit,
                    orientation: None,
                    door: None,
                });
            }
        }
    }

    fn add_graph(&mut self, ground: &GraphGround, floor: &Floor) {
        for node in &ground.nodes {
            self.add_node(floor, node.id.clone(), Point { x: node.x, y: node.y }, node.theta);
        }
        for edge in &ground.edges {
            let (Some(from), Some(to)) = (self.node(&edge.from), self.node(&edge.to)) else { continue };
            let (a, b) = (self.point(from), self.point(to));
            self.ways[from as usize].push(Way {
                id: edge.id.clone(),
                to,
                length: (a.x - b.x).hypot(a.y - b.y),
                speed_limit: edge.speed_limit,
                orientation: edge.orientation,
                door: None,
            });
        }
    }

    fn limit_speeds(&mut self, floor: &Floor) {
        for zone in &floor.zones {
            let ZoneRule::SpeedLimit(limit) = zone.rule else { continue };
            let inside: Vec<bool> = self.points.iter().map(|point| zone.contains(point.x, point.y)).collect();
            for (from, ways) in self.ways.iter_mut().enumerate() {
                for way in ways.iter_mut().filter(|way| inside[from] || inside[way.to as usize]) {
                    way.speed_limit = Some(way.speed_limit.map_or(limit, |other| other.min(limit)));
                }
            }
        }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The number of a node.
    pub fn node(&self, id: &str) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// The id of a node.
    pub fn id(&self, node: NodeIndex) -> &str {
        &self.ids[node as usize]
    }

    /// Where a node lies.
    pub fn point(&self, node: NodeIndex) -> Point {
        self.points[node as usize]
    }

    /// The heading that robots must have on a node.
    pub fn theta(&self, node: NodeIndex) -> Option<f64> {
        self.thetas[node as usize]
    }

    /// The ways from a node.
    pub fn ways(&self, node: NodeIndex) -> &[Way] {
        &self.ways[node as usize]
    }

    /// The way from a node to a neighbour.
    pub fn way(&self, from: NodeIndex, to: NodeIndex) -> Option<&Way> {
        self.ways(from).iter().find(|way| way.to == to)
    }

    /// The node nearest to a point, and how far it is, in metres.
    pub fn nearest(&self, x: f64, y: f64) -> Option<(NodeIndex, f64)> {
        let distances = self.points.iter().map(|point| (point.x - x).hypot(point.y - y));
        distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(node, metres)| (node as NodeIndex, metres))
    }

    /// A shortest way in seconds at `speed`, as nodes from `from` to `to`, around nodes that are `closed`.
    pub fn route(
        &self,
        from: NodeIndex,
        to: NodeIndex,
        speed: f64,
        closed: impl Fn(NodeIndex) -> bool,
    ) -> Option<Vec<NodeIndex>> {
        use std::cmp::Reverse;
        let mut before: Vec<Option<(u64, NodeIndex)>> = vec![None; self.len()];
        let mut open = std::collections::BinaryHeap::from([Reverse((0_u64, from, from))]);
        while let Some(Reverse((micros, node, came_from))) = open.pop() {
            if before[node as usize].is_some() {
                continue;
            }
            before[node as usize] = Some((micros, came_from));
            if node == to {
                let mut path = vec![to];
                while let Some((_, previous)) = before[path[path.len() - 1] as usize] {
                    if previous == path[path.len() - 1] {
                        break;
                    }
                    path.push(previous);
                }
                path.reverse();
                return Some(path);
            }
            for way in self.ways(node).iter().filter(|way| !closed(way.to) && before[way.to as usize].is_none()) {
                let seconds = way.length / way.speed_limit.map_or(speed, |limit| limit.min(speed)).max(1e-3);
                open.push(Reverse((micros + (seconds * 1e6).round().max(1.0) as u64, way.to, node)));
            }
        }
        None
    }

    /// For each node, the number of the set of nodes that can all reach each other, and the size of every set.
    pub(super) fn components(&self) -> (Vec<u32>, Vec<usize>) {
        const NONE: u32 = u32::MAX;
        let (mut order, mut low) = (vec![NONE; self.len()], vec![0_u32; self.len()]);
        let (mut component, mut sizes) = (vec![NONE; self.len()], Vec::new());
        let (mut stack, mut next) = (Vec::new(), 0_u32);
        // Tarjan's algorithm with its call stack written out: floors are deeper than ours.
        for root in 0..self.len() {
            if order[root] != NONE {
                continue;
            }
            let mut calls = vec![(root, 0_usize)];
            while let Some((node, way)) = calls.pop() {
                if way == 0 {
                    (order[node], low[node]) = (next, next);
                    next += 1;
                    stack.push(node);
                }
                if let Some(target) = self.ways[node].get(way).map(|way| way.to as usize) {
                    calls.push((node, way + 1));
                    if order[target] == NONE {
                        calls.push((target, 0));
                    } else if component[target] == NONE {
                        low[node] = low[node].min(order[target]);
                    }
                    continue;
                }
                if low[node] == order[node] {
                    let mut size = 0;
                    while let Some(member) = stack.pop() {
                        component[member] = sizes.len() as u32;
                        size += 1;
                        if member == node {
                            break;
                        }
                    }
                    sizes.push(size);
                }
                if let Some((parent, _)) = calls.last() {
                    low[*parent] = low[*parent].min(low[node]);
                }
            }
        }
        (component, sizes)
    }
}
