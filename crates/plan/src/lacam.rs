//! One-shot plans: everybody from where it is to its goal, once. For parking all, for restarts, and out of deadlocks.
//!
//! The search goes over whole configurations, depth first, and adds constraints on single agents only when it comes back
//! to a configuration (LaCAM); the next configuration is made by priority inheritance (PIBT). It finds a way whenever
//! there is one, given time. It does not know headings: the cells that everybody passes are then driven with turns, each
//! cell entered in the order of the plan, so nobody waits for more than it must.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::budget::Budget;
use crate::check::check_step;
use crate::field::Field;
use crate::grid::{Action, Cell, Grid, NO_CELL, State};
use crate::random::Random;
use crate::{FieldMaker, PlanError, Planner};

/// Who shall go where, once.
#[derive(Debug, Clone, Copy)]
pub struct OneShot<'a> {
    /// The floor.
    pub grid: &'a Grid,
    /// Where everybody is.
    pub states: &'a [State],
    /// Where everybody shall end, all on different cells; none for those who only make way.
    pub goals: &'a [Option<Cell>],
}

/// A one-shot planner.
#[derive(Debug)]
pub struct Lacam {
    random: Random,
}

/// What each agent does in each step, by step.
pub type Actions = Vec<Vec<Action>>;

/// Nobody.
const NOBODY: u32 = u32::MAX;

/// The constraints that lead to one successor: the first agents of the node's order, and where they go.
type Constraints = Vec<(u32, Cell)>;

struct Node {
    cells: Rc<[Cell]>,
    parent: Option<usize>,
    order: Vec<u32>,
    open: VecDeque<Constraints>,
}

struct Search<'a> {
    grid: &'a Grid,
    goals: &'a [Option<Cell>],
    fields: Vec<Option<Rc<Field>>>,
    was_on: Vec<u32>,
    is_on: Vec<u32>,
    next: Vec<Cell>,
    random: &'a mut Random,
}

impl Lacam {
    /// A planner that draws from this seed.
    pub const fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }
}

impl Planner for Lacam {
    type Problem<'a> = OneShot<'a>;
    type Solution = Actions;

    fn solve(&mut self, problem: OneShot<'_>, budget: Budget<'_>) -> Result<Actions, PlanError> {
        if problem.states.len() != problem.goals.len() {
            return Err(PlanError::Goals { agents: problem.states.len(), goals: problem.goals.len() });
        }
        let mut is_goal = vec![false; problem.grid.len()];
        for goal in problem.goals.iter().flatten() {
            if std::mem::replace(&mut is_goal[*goal as usize], true) {
                return Err(PlanError::SharedGoal { cell: *goal });
            }
        }
        let starts: Rc<[Cell]> = problem.states.iter().map(|state| state.cell).collect();
        let mut search = Search::new(problem, &mut self.random);
        let configurations = search.run(starts, budget)?;
        let actions = drive(problem.grid, problem.states, &configurations);
        judge(problem, &actions)?;
        Ok(actions)
    }
}

/// Passes the plan through the judge of every step, and sees that everybody has arrived.
fn judge(problem: OneShot<'_>, actions: &Actions) -> Result<(), PlanError> {
    let mut states = problem.states.to_vec();
    for step in actions {
        check_step(problem.grid, &states, step)?;
        for (state, action) in states.iter_mut().zip(step) {
            *state = problem.grid.after(*state, *action).unwrap_or(*state);
        }
    }
    let arrived = states.iter().zip(problem.goals).all(|(state, goal)| goal.is_none_or(|goal| goal == state.cell));
    if arrived { Ok(()) } else { Err(PlanError::Unsolvable) }
}

impl<'a> Search<'a> {
    fn new(problem: OneShot<'a>, random: &'a mut Random) -> Self {
        let mut maker = FieldMaker::new(problem.grid);
        let fields = problem.goals.iter().map(|goal| goal.map(|goal| Rc::new(maker.make(goal)))).collect();
        Self {
            grid: problem.grid,
            goals: problem.goals,
            fields,
            was_on: vec![NOBODY; problem.grid.len()],
            is_on: vec![NOBODY; problem.grid.len()],
            next: vec![NO_CELL; problem.states.len()],
            random,
        }
    }

    fn distance(&self, agent: u32, cell: Cell) -> u32 {
        self.fields[agent as usize].as_ref().map_or(0, |field| u32::from(field.nearest(cell)))
    }

    fn node(&self, cells: Rc<[Cell]>, parent: Option<usize>) -> Node {
        let mut order: Vec<u32> = (0..cells.len() as u32).collect();
        order.sort_by_key(|agent| std::cmp::Reverse(self.distance(*agent, cells[*agent as usize])));
        Node { cells, parent, order, open: VecDeque::from([Vec::new()]) }
    }

    /// The configurations from the start to the goals.
    fn run(&mut self, starts: Rc<[Cell]>, budget: Budget<'_>) -> Result<Vec<Rc<[Cell]>>, PlanError> {
        let mut nodes = vec![self.node(Rc::clone(&starts), None)];
        let mut known: HashMap<Rc<[Cell]>, usize> = HashMap::from([(starts, 0)]);
        let mut stack = vec![0];
        while let Some(top) = stack.last().copied() {
            let is_there = |(cell, goal): (&Cell, &Option<Cell>)| goal.is_none_or(|goal| goal == *cell);
            if nodes[top].cells.iter().zip(self.goals).all(is_there) {
                return Ok(way_to(&nodes, top));
            }
            if budget.is_over() {
                return Err(PlanError::Late);
            }
            let Some(constraints) = nodes[top].open.pop_front() else {
                stack.pop();
                continue;
            };
            self.constrain(&mut nodes[top], &constraints);
            let Some(cells) = self.successor(&nodes[top], &constraints) else { continue };
            match known.get(&cells) {
                Some(known) => stack.push(*known),
                None => {
                    known.insert(Rc::clone(&cells), nodes.len());
                    stack.push(nodes.len());
                    let node = self.node(cells, Some(top));
                    nodes.push(node);
                }
            }
        }
        Err(PlanError::Unsolvable)
    }

    /// Puts one more agent under constraint in every way.
    fn constrain(&mut self, node: &mut Node, constraints: &Constraints) {
        let Some(agent) = node.order.get(constraints.len()).copied() else { return };
        let from = node.cells[agent as usize];
        let mut ways: Vec<Cell> = self.grid.neighbours(from).iter().copied().filter(|cell| *cell != NO_CELL).collect();
        ways.push(from);
        self.random.shuffle(&mut ways);
        for to in ways {
            let mut more = constraints.clone();
            more.push((agent, to));
            node.open.push_back(more);
        }
    }

    /// The next configuration under constraints, when there is one.
    fn successor(&mut self, node: &Node, constraints: &Constraints) -> Option<Rc<[Cell]>> {
        for (agent, cell) in node.cells.iter().enumerate() {
            self.was_on[*cell as usize] = agent as u32;
        }
        self.next.fill(NO_CELL);
        let done = self.place_all(node, constraints);
        let cells: Option<Rc<[Cell]>> = done.then(|| self.next.as_slice().into());
        for cell in node.cells.iter() {
            self.was_on[*cell as usize] = NOBODY;
        }
        for cell in &self.next {
            if *cell != NO_CELL {
                self.is_on[*cell as usize] = NOBODY;
            }
        }
        cells
    }

    fn place_all(&mut self, node: &Node, constraints: &Constraints) -> bool {
        for (agent, to) in constraints {
            if !self.is_free_for(*agent, node.cells[*agent as usize], *to) {
                return false;
            }
            self.next[*agent as usize] = *to;
            self.is_on[*to as usize] = *agent;
        }
        node.order.iter().all(|agent| self.next[*agent as usize] != NO_CELL || self.inherit(*agent, &node.cells))
    }

    fn is_free_for(&self, agent: u32, from: Cell, to: Cell) -> bool {
        let other = self.was_on[to as usize];
        let swaps = other != NOBODY && other != agent && self.next[other as usize] == from;
        self.is_on[to as usize] == NOBODY && !swaps
    }

    /// Moves an agent to the best cell that it can have, and whoever is there away from it.
    fn inherit(&mut self, agent: u32, cells: &Rc<[Cell]>) -> bool {
        let from = cells[agent as usize];
        let mut ways: Vec<(u32, u64, Cell)> = Vec::with_capacity(5);
        for to in self.grid.neighbours(from).iter().copied().chain([from]).filter(|cell| *cell != NO_CELL) {
            let idle = u64::from(self.fields[agent as usize].is_none() && to != from) << 63;
            let is_taken = u64::from(self.was_on[to as usize] != NOBODY) << 62;
            ways.push((self.distance(agent, to), idle | is_taken | (self.random.bits() >> 2), to));
        }
        ways.sort_unstable();
        for (_, _, to) in ways {
            if !self.is_free_for(agent, from, to) {
                continue;
            }
            self.next[agent as usize] = to;
            self.is_on[to as usize] = agent;
            let other = self.was_on[to as usize];
            if other != NOBODY && self.next[other as usize] == NO_CELL && !self.inherit(other, cells) {
                continue;
            }
            return true;
        }
        self.next[agent as usize] = from;
        self.is_on[from as usize] = agent;
        false
    }
}

fn way_to(nodes: &[Node], last: usize) -> Vec<Rc<[Cell]>> {
    let mut way = vec![Rc::clone(&nodes[last].cells)];
    let mut at = last;
    while let Some(parent) = nodes[at].parent {
        way.push(Rc::clone(&nodes[parent].cells));
        at = parent;
    }
    way.reverse();
    way
}

/// Drives configurations with turns. Each cell is entered in the order of the configurations; a step is made as soon as
/// the one before has left the cell, or leaves it in the same step.
fn drive(grid: &Grid, states: &[State], configurations: &[Rc<[Cell]>]) -> Actions {
    let agents = states.len();
    let mut visits: Vec<VecDeque<u32>> = vec![VecDeque::new(); grid.len()];
    let mut ways: Vec<VecDeque<Cell>> = vec![VecDeque::new(); agents];
    for (agent, cell) in configurations[0].iter().enumerate() {
        visits[*cell as usize].push_back(agent as u32);
    }
    for pair in configurations.windows(2) {
        for agent in 0..agents {
            if pair[0][agent] != pair[1][agent] {
                ways[agent].push_back(pair[1][agent]);
                visits[pair[1][agent] as usize].push_back(agent as u32);
            }
        }
    }
    let mut states = states.to_vec();
    let mut actions = Actions::new();
    while ways.iter().any(|way| !way.is_empty()) {
        let step = drive_step(grid, &states, &ways, &visits);
        for (agent, action) in step.iter().enumerate() {
            if *action == Action::Forward {
                visits[states[agent].cell as usize].pop_front();
                ways[agent].pop_front();
            }
            states[agent] = grid.after(states[agent], *action).unwrap_or(states[agent]);
        }
        actions.push(step);
    }
    actions
}

fn drive_step(grid: &Grid, states: &[State], ways: &[VecDeque<Cell>], visits: &[VecDeque<u32>]) -> Vec<Action> {
    let mut step: Vec<Action> = states
        .iter()
        .zip(ways)
        .map(|(state, way)| way.front().map_or(Action::Wait, |to| towards(grid, *state, *to)))
        .collect();
    // Whoever moves only if somebody else moves waits when that one waits, until nothing changes; rings go on together.
    let mut is_changed = true;
    while is_changed {
        is_changed = false;
        for agent in 0..states.len() {
            let Some(to) = ways[agent].front().filter(|_| step[agent] == Action::Forward) else { continue };
            let queue = &visits[*to as usize];
            let is_first = queue.front() == Some(&(agent as u32));
            let is_next = queue.get(1) == Some(&(agent as u32))
                && queue.front().is_some_and(|first| {
                    states[*first as usize].cell == *to && step[*first as usize] == Action::Forward
                });
            if !is_first && !is_next {
                step[agent] = Action::Wait;
                is_changed = true;
            }
        }
    }
    step
}

/// The action that brings an agent nearer to the cell beside it.
fn towards(grid: &Grid, state: State, to: Cell) -> Action {
    let heading = crate::Heading::ALL.into_iter().find(|heading| grid.ahead(state.cell, *heading) == to);
    match heading {
        Some(heading) if heading == state.heading => Action::Forward,
        Some(heading) if heading == state.heading.left() => Action::TurnLeft,
        Some(_) => Action::TurnRight,
        None => Action::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Heading;
    use model::WallClock;
    use proptest::prelude::*;
    use std::time::Duration;

    fn solve(grid: &Grid, states: &[State], goals: &[Option<Cell>]) -> Result<Actions, PlanError> {
        let budget = Budget::new(&WallClock, Duration::from_secs(60));
        Lacam::new(3).solve(OneShot { grid, states, goals }, budget)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn everybody_arrives_on_any_open_floor(seed in 0_u64..10_000, share in 0.1_f64..0.9) {
            let grid = Grid::new(7, 9, |row, column| (row, column) != (3, 4)).unwrap();
            let mut random = Random::new(seed);
            let mut cells: Vec<Cell> = (0..grid.len() as Cell).collect();
            random.shuffle(&mut cells);
            let count = (cells.len() as f64 * share) as usize;
            let states: Vec<State> =
                cells[..count].iter().map(|cell| State { cell: *cell, heading: Heading::of(random.index(4)) }).collect();
            random.shuffle(&mut cells);
            let goals: Vec<Option<Cell>> = cells[..count].iter().map(|cell| (random.index(5) > 0).then_some(*cell)).collect();
            // The planner itself passes every step through the judge and sees that all have arrived.
            prop_assert!(solve(&grid, &states, &goals).is_ok());
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let grid = Grid::new(1, 3, |_, _| true).unwrap();
        let at = |cell| State { cell, heading: Heading::East };
        assert_eq!(solve(&grid, &[at(0), at(2)], &[Some(2), Some(0)]), Err(PlanError::Unsolvable));
        assert_eq!(solve(&grid, &[at(0), at(2)], &[Some(1), Some(1)]), Err(PlanError::SharedGoal { cell: 1 }));
        assert_eq!(solve(&grid, &[at(0)], &[]), Err(PlanError::Goals { agents: 1, goals: 0 }));
        assert_eq!(solve(&grid, &[at(0)], &[Some(2)]).unwrap().len(), 2);
    }
}
