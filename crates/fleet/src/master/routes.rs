//! Ways for everybody on any floor, grid or graph: one robot after the other, in space and time.
//!
//! On grids the planner of cells does better in a crowd; this one needs no grid, and is enough for tens of robots. Between
//! two robots on one node a step is left free, so that its plans have neither swaps nor rings.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use super::{Problem, Start};
use crate::floor::{Network, NodeIndex};
use crate::traffic::{PlannedStep, Robot};

/// The farthest that is planned, in steps.
pub const STEPS_MAX: u32 = 96;

/// The most states that one robot's search looks at, for each step and node of the window.
const STATES_MAX: usize = 400_000;

/// No way leads to the goal.
const FAR: u32 = u32::MAX;

/// Plans ways for everybody. `turn` changes from plan to plan, so that nobody is last for ever.
pub fn routes(network: &Network, problem: &Problem, turn: usize) -> Vec<(Robot, Vec<PlannedStep>)> {
    let mut order: Vec<&Start> = problem.starts.iter().filter(|start| start.is_movable).collect();
    let shift = if order.is_empty() { 0 } else { turn % order.len() };
    order.rotate_left(shift);
    order.sort_by_key(|start| start.goal.is_none());
    let mut distances = Distances::new(network);
    // Who finds no way goes first the next time.
    for _ in 0..=2 * order.len() {
        let mut table = Table::new(problem);
        let mut paths = Vec::new();
        let mut stuck = None;
        for (index, start) in order.iter().enumerate() {
            match search(network, problem, &table, distances.to(start.goal), start) {
                Some(path) => {
                    table.add(&path);
                    paths.push((start.robot, path));
                }
                None => {
                    stuck = Some(index);
                    break;
                }
            }
        }
        match stuck {
            Some(index) if index > 0 => order[..=index].rotate_right(1),
            _ => return paths.into_iter().map(|(robot, path)| (robot, steps(network, &path))).collect(),
        }
    }
    Vec::new()
}

fn steps(network: &Network, path: &[NodeIndex]) -> Vec<PlannedStep> {
    let theta = |from: NodeIndex, to: NodeIndex| {
        let (a, b) = (network.point(from), network.point(to));
        (b.y - a.y).atan2(b.x - a.x)
    };
    let ahead = |index: usize| path[index..].iter().find(|node| **node != path[index]).copied();
    let step = |(index, node): (usize, &NodeIndex)| PlannedStep {
        step: index as u32,
        cell: *node,
        theta: ahead(index).map_or(0.0, |next| theta(*node, next)),
    };
    path.iter().enumerate().map(step).collect()
}

/// Steps to goals, worked out once for each goal.
struct Distances<'a> {
    network: &'a Network,
    into: Vec<Vec<NodeIndex>>,
    known: HashMap<NodeIndex, Vec<u32>>,
}

impl<'a> Distances<'a> {
    fn new(network: &'a Network) -> Self {
        let mut into = vec![Vec::new(); network.len()];
        for node in 0..network.len() as NodeIndex {
            for way in network.ways(node) {
                into[way.to as usize].push(node);
            }
        }
        Self { network, into, known: HashMap::new() }
    }

    fn to(&mut self, goal: Option<NodeIndex>) -> Option<&[u32]> {
        let goal = goal?;
        let into = &self.into;
        let count = self.network.len();
        Some(self.known.entry(goal).or_insert_with(|| {
            let mut distances = vec![FAR; count];
            distances[goal as usize] = 0;
            let mut open = VecDeque::from([goal]);
            while let Some(node) = open.pop_front() {
                for before in &into[node as usize] {
                    if distances[*before as usize] == FAR {
                        distances[*before as usize] = distances[node as usize] + 1;
                        open.push_back(*before);
                    }
                }
            }
            distances
        }))
    }
}

/// Who is where and when.
struct Table {
    taken: HashSet<(NodeIndex, u32)>,
    /// Nodes that never become free.
    fixed: HashSet<NodeIndex>,
}

impl Table {
    fn new(problem: &Problem) -> Self {
        let held = problem.starts.iter().filter(|start| !start.is_movable).flat_map(|start| &start.holds);
        Self { taken: HashSet::new(), fixed: held.copied().collect() }
    }

    fn add(&mut self, path: &[NodeIndex]) {
        let last = path[path.len() - 1];
        for step in 0..=STEPS_MAX + 1 {
            self.taken.insert((*path.get(step as usize).unwrap_or(&last), step));
        }
    }

    fn is_free(&self, node: NodeIndex, step: u32) -> bool {
        let around = step.saturating_sub(1)..=step + 1;
        !self.fixed.contains(&node) && around.into_iter().all(|step| !self.taken.contains(&(node, step)))
    }

    fn is_free_from(&self, node: NodeIndex, step: u32) -> bool {
        (step..=STEPS_MAX).all(|step| self.is_free(node, step))
    }
}

/// A way for one robot through what is left: to its goal and to rest there, or as near as it gets.
fn search(
    network: &Network,
    problem: &Problem,
    table: &Table,
    distances: Option<&[u32]>,
    start: &Start,
) -> Option<Vec<NodeIndex>> {
    let far = |node: NodeIndex| distances.map_or(0, |distances| distances[node as usize].min(100_000));
    let mut before: HashMap<(NodeIndex, u32), NodeIndex> = HashMap::new();
    let mut open = BinaryHeap::from([Reverse((far(start.node), 0_u32, start.node))]);
    let mut best: Option<(u32, u32, NodeIndex)> = None;
    let path_to = |before: &HashMap<(NodeIndex, u32), NodeIndex>, node: NodeIndex, step: u32| {
        let mut path = vec![node];
        for at in (1..=step).rev() {
            path.push(before[&(path[path.len() - 1], at)]);
        }
        path.reverse();
        path
    };
    while let Some(Reverse((_, step, node))) = open.pop() {
        if before.len() > STATES_MAX {
            break;
        }
        let rests = table.is_free_from(node, step);
        if rests && far(node) == 0 {
            return Some(path_to(&before, node, step));
        }
        if rests || step == STEPS_MAX {
            best = best.min(Some((far(node), step, node))).or(Some((far(node), step, node)));
        }
        if step == STEPS_MAX {
            continue;
        }
        let here = std::iter::once((node, u32::from(distances.is_some())));
        for (to, cost) in here.chain(network.ways(node).iter().map(|way| (way.to, 1))) {
            let is_closed = to != node && problem.closed.contains(&to);
            if !is_closed && table.is_free(to, step + 1) && !before.contains_key(&(to, step + 1)) {
                before.insert((to, step + 1), node);
                open.push(Reverse((step + cost + far(to), step + 1, to)));
            }
        }
    }
    best.map(|(_, step, node)| path_to(&before, node, step))
}
