//! What each agent could do in the window, best first, and how much worse than its best each choice is.

use crate::field::Field;
use crate::fields::Way;
use crate::grid::{Cell, Grid, NO_CELL, State};
use crate::operations::{OperationTable, STAY};

/// One unit of distance in the measure that choices are compared by; below it lies what breaks ties.
pub(crate) const UNIT: i32 = 32;

/// The most that one choice can be worse than another, before weights.
const LOSS_MAX: i32 = 4_096 * UNIT;

/// One course that an agent can take from where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<const D: usize> {
    /// Where it is after each step.
    pub(crate) cells: [Cell; D],
    /// How much worse it is than the agent's best choice, times the agent's weight.
    pub(crate) loss: i32,
    /// The operation of the table that does it best.
    pub(crate) operation: u16,
}

/// What an agent wants, with the fields to tell how far it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) state: State,
    /// The way to its goal.
    pub(crate) goal: Option<Way<'a>>,
    /// The distances to the goal after this one.
    pub(crate) next: Option<&'a Field>,
    /// How much a loss of this agent counts; at least 1.
    pub(crate) weight: i32,
    /// Whether staying is its only choice.
    pub(crate) is_fixed: bool,
}

/// The choices of all agents, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Choices<const D: usize> {
    pub(crate) list: Vec<Choice<D>>,
    /// Where each agent's choices begin in the list; one more entry for the end.
    pub(crate) starts: Vec<u32>,
}

impl<const D: usize> Choices<D> {
    /// Works out all choices on so many threads.
    pub(crate) fn work_out(grid: &Grid, table: &OperationTable<D>, wishes: &[Wish<'_>], threads: usize) -> Self {
        let chunk = wishes.len().div_ceil(threads.max(1)).max(64);
        if wishes.len() <= chunk {
            return Self::of(grid, table, wishes);
        }
        let parts: Vec<Self> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                wishes.chunks(chunk).map(|wishes| scope.spawn(move || Self::of(grid, table, wishes))).collect();
            workers.into_iter().map(|worker| worker.join().expect("choices cannot panic")).collect()
        });
        let mut all = Self::default();
        for part in parts {
            let offset = all.list.len() as u32;
            all.starts.pop();
            all.starts.extend(part.starts.iter().map(|start| start + offset));
            all.list.extend(part.list);
        }
        all
    }

    fn of(grid: &Grid, table: &OperationTable<D>, wishes: &[Wish<'_>]) -> Self {
        let mut choices = Self { list: Vec::with_capacity(wishes.len() * 32), starts: vec![0] };
        for wish in wishes {
            let first = choices.list.len();
            choices.add(grid, table, wish);
            let own = &mut choices.list[first..];
            let best = own.iter().map(|choice| choice.loss).min().unwrap_or(0);
            for choice in own.iter_mut() {
                choice.loss = (choice.loss - best).min(LOSS_MAX) * wish.weight;
            }
            own.sort_by_key(|choice| choice.loss);
            choices.starts.push(choices.list.len() as u32);
        }
        choices
    }

    /// Adds the choices of one agent, with their cost where later their loss will be.
    fn add(&mut self, grid: &Grid, table: &OperationTable<D>, wish: &Wish<'_>) {
        let mut cells = [wish.state.cell; D];
        // The first step that cannot be done; courses that share it with the one before cannot be done either.
        let mut blocked = D;
        for course in &table.courses[wish.state.heading.index()] {
            if course.shared > blocked || (wish.is_fixed && course.moves != [STAY; D]) {
                continue;
            }
            blocked = D;
            for step in course.shared..D {
                let from = if step == 0 { wish.state.cell } else { cells[step - 1] };
                let towards = course.moves[step];
                let to = if towards == STAY { from } else { grid.neighbours(from)[usize::from(towards)] };
                if to == NO_CELL {
                    blocked = step;
                    break;
                }
                cells[step] = to;
            }
            if blocked < D {
                continue;
            }
            let (first, last) = course.operations;
            let best = (first..last).filter_map(|operation| {
                let heading = table.operations[usize::from(operation)].heading;
                let can_look = !wish.is_fixed || heading == wish.state.heading;
                can_look.then(|| (wish.cost(grid, &cells, State { cell: cells[D - 1], heading }), operation))
            });
            let (cost, operation) = best.min().expect("every course has an operation, and staying one for every look");
            self.list.push(Choice { cells, loss: cost + dawdling(&course.moves), operation });
        }
    }

    /// The choices of one agent: first and one past the last in the list.
    pub(crate) fn of_agent(&self, agent: usize) -> std::ops::Range<usize> {
        self.starts[agent] as usize..self.starts[agent + 1] as usize
    }
}

/// Less than one unit: standing early is worse than standing late.
fn dawdling<const D: usize>(moves: &[u8; D]) -> i32 {
    moves.iter().enumerate().map(|(step, towards)| if *towards == STAY { (D - step) as i32 } else { 0 }).sum()
}

impl Wish<'_> {
    /// What remains to be gone after passing these cells and ending in that state.
    fn cost<const D: usize>(&self, grid: &Grid, cells: &[Cell; D], end: State) -> i32 {
        let Some(way) = self.goal else {
            // Who wants nothing stays, unless somebody else gains by its moving.
            let moves =
                cells.windows(2).filter(|pair| pair[0] != pair[1]).count() + usize::from(cells[0] != self.state.cell);
            return moves as i32 * UNIT;
        };
        let reached = cells.iter().position(|cell| *cell == way.goal());
        match (reached, self.next) {
            (Some(_), Some(next)) => (i32::from(next.distance(end)) - i32::from(next.nearest(way.goal()))) * UNIT,
            (Some(step), None) => (step as i32 + 1 - D as i32) * UNIT,
            (None, _) => i32::from(way.distance(grid, end)) * UNIT,
        }
    }
}
