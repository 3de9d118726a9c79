//! What each agent could do in the window, best first, and how much worse than its best each choice is.

use crate::field::Field;
use crate::fields::Way;
use crate::grid::{Cell, Grid, NO_CELL, State};
use crate::operations::{OperationTable, STAY};

/// One unit of distance in the measure that choices are compared by; below it lies what breaks ties.
pub(crate) const UNIT: i32 = 32;

/// The most that one choice can be worse than another, before weights.
const LOSS_MAX: i32 = 4_096 * UNIT;

/// Courses are alike whose first so many steps are the same.
const ALIKE: usize = 6;

/// How many of the courses that are alike are choices.
const ALIKE_KEPT: usize = 2;

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
    /// The course that it was on until now, one cell a step; nothing when it had none.
    pub(crate) course: &'a [Cell],
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
            choices.prune(first, wish);
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

    /// Of the courses that begin alike only the best are left, besides those that a plan can start from. What is done far
    /// ahead is decided again in the next steps; what is done first must offer every way round.
    fn prune(&mut self, first: usize, wish: &Wish<'_>) {
        if D <= ALIKE {
            return;
        }
        let rest = rest_of::<D>(wish.course);
        let waiting = [wish.state.cell; D];
        let (mut from, mut kept) = (first, first);
        while from < self.list.len() {
            let begin = self.list[from].cells;
            let more = self.list[from..].iter().take_while(|choice| choice.cells[..ALIKE] == begin[..ALIKE]).count();
            self.list[from..from + more].sort_by_key(|choice| choice.loss);
            for number in 0..more {
                let choice = self.list[from + number];
                if number < ALIKE_KEPT || choice.cells == waiting || Some(choice.cells) == rest {
                    self.list[kept] = choice;
                    kept += 1;
                }
            }
            from += more;
        }
        self.list.truncate(kept);
    }

    /// The choices of one agent: first and one past the last in the list.
    pub(crate) fn of_agent(&self, agent: usize) -> std::ops::Range<usize> {
        self.starts[agent] as usize..self.starts[agent + 1] as usize
    }
}

/// What is left of a course after its first step, ended by standing.
pub(crate) fn rest_of<const D: usize>(course: &[Cell]) -> Option<[Cell; D]> {
    (course.len() == D).then(|| std::array::from_fn(|step| course[(step + 1).min(D - 1)]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Heading;

    #[test]
    fn of_courses_that_begin_alike_few_are_left_besides_waiting_and_the_own_one() {
        let grid = Grid::new(20, 20, |_, _| true).unwrap();
        let state = State { cell: 210, heading: Heading::East };
        // A course that nobody would choose: ahead, and then nothing.
        let course = [210, 211, 211, 211, 211, 211, 211, 211];
        let wish =
            Wish { state, goal: Some(Way::unknown(399)), next: None, weight: 1, course: &course, is_fixed: false };
        let choices = Choices::<8>::work_out(&grid, &OperationTable::new(), &[wish], 1);
        let has = |cells: [Cell; 8]| choices.list.iter().any(|choice| choice.cells == cells);
        assert!(has([210; 8]) && has(rest_of(&course).unwrap()));
        assert!((385..=385 * ALIKE_KEPT + 2).contains(&choices.list.len()), "{}", choices.list.len());
    }
}
