//! Ways for everybody on any floor, grid or graph: one robot after the other, in space and time.
//!
//! On grids the planner of cells does better in a crowd; this one needs no grid, and is enough for tens of robots. Between
//! two robots on one node a step is left free, so that its plans have neither swaps nor rings.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use super::{Problem, Start};
use crate::floor::{Network, NodeIndex};
use crate::traffic::{PlannedStep, Robot};

/// The farthest that is planned, in steps.
pub const STEPS_MAX: u32 = 64;

/// How often somebody who found no way is put first and all ways are looked for anew.
const ROUNDS_MAX: usize = 8;

/// The most places, each at a step, that are looked at for one way; then the best that was found is it.
const LOOKS_MAX: usize = 30_000;

/// No way leads to the goal.
const FAR: u32 = u32::MAX;

/// Plans ways for everybody; none where no order of robots was found in which each finds one. `turn` should change now and then, so that nobody is last for ever; not with every plan, or
/// robots would turn round all the time.
pub fn routes(network: &Network, problem: &Problem, turn: usize) -> Vec<(Robot, Vec<PlannedStep>)> {
    let mut order: Vec<&Start> = problem.starts.iter().filter(|start| start.is_movable).collect();
    let shift = if order.is_empty() { 0 } else { turn % order.len() };
    order.rotate_left(shift);
    order.sort_by_key(|start| start.goal.is_none());
    let mut distances = Distances::new(network, problem);
    let mut tree = Tree::new(network);
    // Who finds no way goes first the next time.
    for _ in 0..=order.len().min(ROUNDS_MAX) {
        let mut table = Table::new(network, problem);
        let mut paths = Vec::new();
        let mut stuck = None;
        for (index, start) in order.iter().enumerate() {
            match search(network, &table, distances.to(start.goal, start.node), start, &mut tree) {
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

/// The same for some robots that are stuck and the `most` who can be sent and are next to them: everybody else stands where
/// their base is, and is gone around. A jam has a way out by that which a plan for everybody does not find.
pub fn routes_around(
    network: &Network,
    problem: &Problem,
    stuck: &BTreeSet<Robot>,
    most: usize,
    turn: usize,
) -> Vec<(Robot, Vec<PlannedStep>)> {
    let centres: Vec<_> = problem.starts.iter().filter(|start| stuck.contains(&start.robot)).collect();
    let metres = |start: &Start| {
        let here = network.point(start.node);
        let far = centres.iter().map(|centre| {
            let there = network.point(centre.node);
            (here.x - there.x).hypot(here.y - there.y)
        });
        far.fold(f64::INFINITY, f64::min)
    };
    let mut near: Vec<(f64, Robot)> =
        problem.starts.iter().filter(|start| start.is_movable).map(|start| (metres(start), start.robot)).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let group: BTreeSet<Robot> = near.into_iter().take(most).map(|(_, robot)| robot).collect();
    let mut around = problem.clone();
    for start in around.starts.iter_mut().filter(|start| !group.contains(&start.robot)) {
        start.is_movable = false;
    }
    let paths = routes(network, &around, turn);
    if !paths.is_empty() || centres.is_empty() {
        return paths;
    }
    // Not everybody can get where they want: one of them does, and the others make room.
    let first = centres[turn % centres.len()].robot;
    for start in around.starts.iter_mut().filter(|start| start.robot != first) {
        (start.goal, start.next_goal) = (None, None);
    }
    routes(network, &around, turn)
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

/// Steps to goals: around those who stand where that leads there, else as if nobody stood.
struct Distances {
    around: Steps,
    through: Steps,
}

impl Distances {
    fn new(network: &Network, problem: &Problem) -> Self {
        let mut is_taken = vec![false; network.len()];
        let held = problem.starts.iter().filter(|start| !start.is_movable).flat_map(|start| &start.holds);
        problem.closed.iter().chain(held).for_each(|node| is_taken[*node as usize] = true);
        Self { around: Steps::new(network, |node| !is_taken[node as usize]), through: Steps::new(network, |_| true) }
    }

    /// The steps to a goal.
    fn to(&mut self, goal: Option<NodeIndex>, from: NodeIndex) -> Option<&[u32]> {
        let goal = goal?;
        let around = self.around.to(goal);
        Some(if around[from as usize] < FAR { around } else { self.through.to(goal) })
    }
}

/// Steps to goals over nodes that may be entered, worked out once for each goal.
struct Steps {
    /// From where each node is entered.
    into: Vec<Vec<NodeIndex>>,
    known: HashMap<NodeIndex, Vec<u32>>,
}

impl Steps {
    fn new(network: &Network, may_be_entered: impl Fn(NodeIndex) -> bool) -> Self {
        let mut into = vec![Vec::new(); network.len()];
        for node in 0..network.len() as NodeIndex {
            for way in network.ways(node).iter().filter(|way| may_be_entered(way.to)) {
                into[way.to as usize].push(node);
            }
        }
        Self { into, known: HashMap::new() }
    }

    fn to(&mut self, goal: NodeIndex) -> &[u32] {
        let into = &self.into;
        self.known.entry(goal).or_insert_with(|| {
            let mut distances = vec![FAR; into.len()];
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
        })
    }
}

/// Who is where and when.
struct Table {
    /// By step and node.
    taken: Vec<bool>,
    nodes: usize,
    /// The last step in which a node is taken; the end of time for those that never become free.
    last_taken: Vec<Option<u32>>,
    /// Whether somebody wants to go to a node.
    wanted: Vec<bool>,
    /// Whether nobody may enter a node.
    closed: Vec<bool>,
}

impl Table {
    fn new(network: &Network, problem: &Problem) -> Self {
        let nodes = network.len();
        let mut last_taken = vec![None; nodes];
        for start in problem.starts.iter().filter(|start| !start.is_movable) {
            for node in &start.holds {
                last_taken[*node as usize] = Some(u32::MAX - 1);
            }
        }
        let mut wanted = vec![false; nodes];
        problem.starts.iter().filter_map(|start| start.goal).for_each(|goal| wanted[goal as usize] = true);
        let mut closed = vec![false; nodes];
        problem.closed.iter().for_each(|node| closed[*node as usize] = true);
        Self { taken: vec![false; nodes * (STEPS_MAX as usize + 1)], nodes, last_taken, wanted, closed }
    }

    fn add(&mut self, path: &[NodeIndex]) {
        let last = path[path.len() - 1];
        for step in 0..=STEPS_MAX {
            let node = *path.get(step as usize).unwrap_or(&last);
            self.taken[step as usize * self.nodes + node as usize] = true;
            self.last_taken[node as usize] = self.last_taken[node as usize].max(Some(step));
        }
    }

    fn is_free(&self, node: NodeIndex, step: u32) -> bool {
        let is_fixed = self.last_taken[node as usize] == Some(u32::MAX - 1);
        let mut around = step.saturating_sub(1)..=(step + 1).min(STEPS_MAX);
        !is_fixed && around.all(|step| !self.taken[step as usize * self.nodes + node as usize])
    }

    fn is_free_from(&self, node: NodeIndex, step: u32) -> bool {
        self.last_taken[node as usize].is_none_or(|last| step > last + 1)
    }
}

/// From where each node was reached in each step of a search; kept from one to the next.
struct Tree {
    nodes: usize,
    before: Vec<NodeIndex>,
    reached: Vec<usize>,
}

impl Tree {
    fn new(network: &Network) -> Self {
        let nodes = network.len();
        Self { nodes, before: vec![NodeIndex::MAX; nodes * (STEPS_MAX as usize + 1)], reached: Vec::new() }
    }

    fn clear(&mut self) {
        for place in self.reached.drain(..) {
            self.before[place] = NodeIndex::MAX;
        }
    }

    /// Takes note that a node is reached in a step from another one, unless it was before.
    fn reach(&mut self, node: NodeIndex, step: u32, from: NodeIndex) -> bool {
        let place = step as usize * self.nodes + node as usize;
        let is_new = self.before[place] == NodeIndex::MAX;
        if is_new {
            self.before[place] = from;
            self.reached.push(place);
        }
        is_new
    }

    /// The way to a node in a step.
    fn path(&self, node: NodeIndex, step: u32) -> Vec<NodeIndex> {
        let mut path = vec![node];
        for step in (1..=step).rev() {
            path.push(self.before[step as usize * self.nodes + path[path.len() - 1] as usize]);
        }
        path.reverse();
        path
    }
}

/// A way for one robot through what is left: to its goal and to rest there, or as near as it gets.
fn search(
    network: &Network,
    table: &Table,
    distances: Option<&[u32]>,
    start: &Start,
    tree: &mut Tree,
) -> Option<Vec<NodeIndex>> {
    // Who has nowhere to go does not rest where others want to go.
    let is_wanted = |node: NodeIndex| table.wanted[node as usize];
    let far = |node: NodeIndex| match distances {
        Some(distances) => distances[node as usize].min(100_000),
        None => u32::from(is_wanted(node)),
    };
    tree.clear();
    let mut open = BinaryHeap::from([Reverse((far(start.node), 0_u32, start.node))]);
    let mut best: Option<(u32, u32, NodeIndex)> = None;
    let mut looks = 0;
    while let Some(Reverse((_, step, node))) = open.pop() {
        let rests = table.is_free_from(node, step);
        if rests || step == STEPS_MAX {
            let found = (far(node), step, node);
            best = Some(best.map_or(found, |best| best.min(found)));
            if rests && found.0 == 0 {
                break;
            }
        }
        if step == STEPS_MAX {
            continue;
        }
        looks += 1;
        if looks > LOOKS_MAX {
            break;
        }
        let here = std::iter::once((node, u32::from(distances.is_some())));
        for (to, cost) in here.chain(network.ways(node).iter().map(|way| (way.to, 1))) {
            let is_closed = to != node && table.closed[to as usize];
            if !is_closed && table.is_free(to, step + 1) && tree.reach(to, step + 1, node) {
                open.push(Reverse((step + cost + far(to), step + 1, to)));
            }
        }
    }
    best.map(|(_, step, node)| tree.path(node, step))
}
