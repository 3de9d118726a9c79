//! A district of straight streets, drawn from a few numbers, for tests and demonstrations.

use super::{Aspect, Edge, Interval, Lane, Link, Network, Programme, Signal, Turn};

/// Lanes of every road: the outer one for ahead and right, the inner one for left.
const LANES: usize = 2;
const LANE_WIDTH_METERS: f64 = 3.2;
/// From the middle of a junction to its stop lines.
const STOP_LINE_METERS: f64 = 12.0;

/// Junctions in rows and columns, each with roads in four directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct District {
    /// Junctions from west to east, 1 to 100.
    pub columns: usize,
    /// Junctions from south to north, 1 to 100.
    pub rows: usize,
    /// From junction to junction.
    pub block_meters: f64,
    /// How fast one may drive.
    pub speed_meters_per_second: f64,
}

impl Default for District {
    fn default() -> Self {
        Self { columns: 3, rows: 2, block_meters: 240.0, speed_meters_per_second: 13.9 }
    }
}

/// Directions of driving: north, east, south, west.
const DIRECTIONS: [[f64; 2]; 4] = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]];

/// What the programme shows the ways of one approach: right, ahead, left.
const PHASES: [([Aspect; 3], [Aspect; 3], f64); 8] = {
    use Aspect::{Green, Red, Yellow, Yielding};
    [
        ([Green, Green, Yielding], [Red; 3], 30.0),
        ([Yellow, Yellow, Yielding], [Red; 3], 5.0),
        ([Red, Red, Green], [Red; 3], 8.0),
        ([Red, Red, Yellow], [Red; 3], 5.0),
        ([Red; 3], [Green, Green, Yielding], 30.0),
        ([Red; 3], [Yellow, Yellow, Yielding], 5.0),
        ([Red; 3], [Red, Red, Green], 8.0),
        ([Red; 3], [Red, Red, Yellow], 5.0),
    ]
};

impl District {
    /// Draws it.
    pub fn network(&self) -> Network {
        let mut network = Network::default();
        let (columns, rows) = (self.columns.clamp(1, 100) as i64, self.rows.clamp(1, 100) as i64);
        let is_inside = |column: i64, row: i64| (0..columns).contains(&column) && (0..rows).contains(&row);
        // Roads by where they end and how they go: towards each junction, and out of the district.
        let mut roads = std::collections::BTreeMap::new();
        for row in -1..=rows {
            for column in -1..=columns {
                for (heading, direction) in DIRECTIONS.iter().enumerate() {
                    let from = (column - direction[0] as i64, row - direction[1] as i64);
                    if is_inside(column, row) || is_inside(from.0, from.1) {
                        roads.insert((column, row, heading), self.road(&mut network, (column, row), heading));
                    }
                }
            }
        }
        for row in 0..rows {
            for column in 0..columns {
                let into: [usize; 4] = std::array::from_fn(|heading| roads[&(column, row, heading)]);
                let out: [usize; 4] = std::array::from_fn(|heading| {
                    let direction = DIRECTIONS[heading];
                    roads[&(column + direction[0] as i64, row + direction[1] as i64, heading)]
                });
                junction(&mut network, &format!("junction-{column}-{row}"), &into, &out);
            }
        }
        let faults = network.close();
        debug_assert!(faults.is_empty(), "{faults:?}");
        network
    }

    fn road(&self, network: &mut Network, to: (i64, i64), heading: usize) -> usize {
        let edge = network.edges.len();
        let direction = DIRECTIONS[heading];
        let right = [direction[1], -direction[0]];
        let name = ["north", "east", "south", "west"][heading];
        let id = format!("{name}-to-{}-{}", to.0, to.1);
        let length_meters = (self.block_meters - 2.0 * STOP_LINE_METERS).max(STOP_LINE_METERS);
        let end = [0, 1].map(|axis| [to.0, to.1][axis] as f64 * self.block_meters - direction[axis] * STOP_LINE_METERS);
        let mut lanes = Vec::new();
        for lane in 0..LANES {
            let aside = (LANES - lane) as f64 * LANE_WIDTH_METERS - LANE_WIDTH_METERS / 2.0;
            let stop = [0, 1].map(|axis| end[axis] + right[axis] * aside);
            let begin = [0, 1].map(|axis| stop[axis] - direction[axis] * length_meters);
            lanes.push(network.lanes.len());
            network.lanes.push(Lane {
                id: format!("{id}-{lane}"),
                edge,
                length_meters,
                speed_meters_per_second: self.speed_meters_per_second,
                shape: vec![begin, stop],
                outgoing: Vec::new(),
                incoming: Vec::new(),
            });
        }
        network.edges.push(Edge { id, lanes });
        edge
    }
}

/// Twelve links: right, ahead and left of each approach; the place of a link is three times its heading, and so on.
fn junction(network: &mut Network, id: &str, into: &[usize; 4], out: &[usize; 4]) {
    let first = network.links.len();
    let signal = network.signals.len();
    for heading in 0..4 {
        for (place, turn) in [Turn::Right, Turn::Straight, Turn::Left].into_iter().enumerate() {
            let quarter = [1, 0, 3][place];
            let lane = usize::from(turn == Turn::Left);
            let from = network.edges[into[heading]].lanes[lane];
            let to = network.edges[out[(heading + quarter) % 4]].lanes[lane];
            let (foes, yields_to): (Vec<usize>, Vec<usize>) = (
                (0..12).filter(|other| cross(heading * 3 + place, *other)).collect(),
                (0..12).filter(|other| cross(heading * 3 + place, *other) && place == 2 && other % 3 != 2).collect(),
            );
            let named = |links: Vec<usize>| links.into_iter().map(|link| first + link).collect();
            let (foes, yields_to) = (named(foes), named(yields_to));
            network.links.push(Link { from, to, turn, signal: Some((signal, heading * 3 + place)), foes, yields_to });
        }
    }
    let interval = |(along, across, seconds): ([Aspect; 3], [Aspect; 3], f64)| Interval {
        seconds,
        aspects: [along, across, along, across].concat(),
    };
    let programme = Programme { offset_seconds: 0.0, intervals: PHASES.into_iter().map(interval).collect() };
    network.signals.push(Signal { id: id.to_owned(), links: vec![Vec::new(); 12], programme });
}

/// Whether two ways of a junction meet; a way is three times its heading plus 0 for right, 1 for ahead, 2 for left.
fn cross(one: usize, other: usize) -> bool {
    let ((heading, turn), (other_heading, other_turn)) = ((one / 3, one % 3), (other / 3, other % 3));
    match (other_heading + 4 - heading) % 4 {
        0 => false,
        // From the opposite side: who turns left meets who goes ahead; others use lanes of their own.
        2 => matches!((turn, other_turn), (2, 1) | (1, 2)),
        // From the sides: ahead and left meet each other; who turns right meets only who ends in its lane.
        1 => matches!((turn, other_turn), (1 | 2, 1 | 2) | (0, 1)),
        _ => matches!((turn, other_turn), (1 | 2, 1 | 2) | (1, 0)),
    }
}
