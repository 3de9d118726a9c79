//! How far every state is from a goal, turns included.
//!
//! A turn costs one, a step costs what the grid says, so from any heading a cell is at most two turns worse than from its
//! best one. A field therefore keeps one distance a cell and two bits a heading: three bytes instead of eight.

use std::sync::Arc;

use crate::grid::{Cell, Grid, Heading, NO_CELL, STEP_COST, State};

/// Farther than anything that can be reached; also the distance of what cannot be reached.
pub const UNREACHABLE: u16 = u16::MAX;

/// The largest cost of one step that the buckets hold.
const BUCKETS: usize = 256;

/// The distances of all states to one goal. A clone is the same field, not another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    distances: Arc<[u16]>,
    turns: Arc<[u8]>,
}

impl Field {
    /// The cost of the cheapest way from a state to the goal, [`UNREACHABLE`] when there is none or it
    /// is longer than a `u16` can say.
    pub fn distance(&self, state: State) -> u16 {
        let cell = state.cell as usize;
        let extra = (self.turns[cell] >> (2 * state.heading.index())) & 3;
        self.distances[cell].saturating_add(u16::from(extra))
    }

    /// The cost of the cheapest way from a cell, looking the best way.
    pub fn nearest(&self, cell: Cell) -> u16 {
        self.distances[cell as usize]
    }

    /// Gives a cell the distances of its four headings.
    pub(crate) fn set(&mut self, cell: Cell, states: [u16; 4]) {
        let (best, turns) = pack(states);
        Arc::make_mut(&mut self.distances)[cell as usize] = best;
        Arc::make_mut(&mut self.turns)[cell as usize] = turns;
    }

    /// Whether it is the same field, not only an equal one.
    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.distances, &other.distances)
    }

    /// The bytes that a field of so many cells takes.
    pub const fn bytes(cells: usize) -> usize {
        cells * 3 + 64
    }
}

/// Works out fields; keeps its scratch space between two of them.
#[derive(Debug)]
pub struct FieldMaker(Maker);

#[derive(Debug)]
enum Maker {
    /// Every step costs as much as a turn.
    Even(Rings),
    /// Some steps cost more.
    Uneven(Buckets),
}

impl FieldMaker {
    /// A maker for one floor.
    pub fn new(grid: &Grid) -> Self {
        let reversed = grid.reversed();
        let is_even = reversed.iter().flatten().all(|(before, cost)| *before == NO_CELL || *cost == STEP_COST);
        Self(if is_even { Maker::Even(Rings::new(&reversed)) } else { Maker::Uneven(Buckets::new(reversed)) })
    }

    /// The field of one goal: the shortest ways to all states at once, backwards from the goal.
    pub fn make(&mut self, goal: Cell) -> Field {
        match &mut self.0 {
            Maker::Even(rings) => rings.make(goal),
            Maker::Uneven(buckets) => buckets.make(goal),
        }
    }
}

/// One bit for each heading.
const ALL_HEADINGS: u8 = 0b1111;

/// Ring after ring of states at equal distance, all headings of a cell at once.
#[derive(Debug)]
struct Rings {
    before: Vec<[Cell; 4]>,
    /// The headings of each cell that have their distance.
    settled: Vec<u8>,
    now: Ring,
    next: Ring,
}

/// Cells, and with which headings each of them is meant.
#[derive(Debug, Clone)]
struct Ring {
    cells: Vec<Cell>,
    headings: Vec<u8>,
}

impl Ring {
    fn add(&mut self, cell: Cell, headings: u8) {
        let there = &mut self.headings[cell as usize];
        if *there == 0 {
            self.cells.push(cell);
        }
        *there |= headings;
    }
}

impl Rings {
    fn new(reversed: &[[(Cell, u8); 4]]) -> Self {
        let ring = Ring { cells: Vec::new(), headings: vec![0; reversed.len()] };
        Self {
            before: reversed.iter().map(|ways| ways.map(|(before, _)| before)).collect(),
            settled: vec![0; reversed.len()],
            now: ring.clone(),
            next: ring,
        }
    }

    fn make(&mut self, goal: Cell) -> Field {
        let Self { before, settled, now, next } = self;
        let mut distances = vec![UNREACHABLE; before.len()];
        let mut turns = vec![0_u8; before.len()];
        settled.fill(0);
        next.add(goal, ALL_HEADINGS);
        let mut distance = 0;
        while !next.cells.is_empty() {
            std::mem::swap(now, next);
            for cell in now.cells.drain(..) {
                let place = cell as usize;
                let headings = std::mem::take(&mut now.headings[place]) & !settled[place];
                if headings == 0 {
                    continue;
                }
                if settled[place] == 0 {
                    distances[place] = distance;
                }
                settled[place] |= headings;
                // At most two turns lie between any two headings.
                let extra = (distance - distances[place]) as u8;
                for heading in (0..4).filter(|heading| headings >> heading & 1 == 1) {
                    turns[place] |= extra << (2 * heading);
                    let before = before[place][heading];
                    if before != NO_CELL && settled[before as usize] >> heading & 1 == 0 {
                        next.add(before, 1 << heading);
                    }
                }
                let turned = (headings << 1 | headings >> 3 | headings >> 1 | headings << 3) & ALL_HEADINGS;
                if turned & !settled[place] != 0 {
                    next.add(cell, turned & !settled[place]);
                }
            }
            distance = distance.saturating_add(1);
        }
        Field { distances: distances.into(), turns: turns.into() }
    }
}

/// States by their distance, in buckets that come round again.
#[derive(Debug)]
struct Buckets {
    reversed: Vec<[(Cell, u8); 4]>,
    states: Vec<u16>,
    waiting: Vec<Vec<u32>>,
}

impl Buckets {
    fn new(reversed: Vec<[(Cell, u8); 4]>) -> Self {
        let states = vec![UNREACHABLE; reversed.len() * 4];
        Self { reversed, states, waiting: vec![Vec::new(); BUCKETS] }
    }

    fn make(&mut self, goal: Cell) -> Field {
        self.states.fill(UNREACHABLE);
        for heading in 0..4 {
            self.states[goal as usize * 4 + heading] = 0;
            self.waiting[0].push(goal * 4 + heading as u32);
        }
        let mut count = 4_usize;
        let mut distance = 0_usize;
        while count > 0 {
            let mut bucket = std::mem::take(&mut self.waiting[distance % BUCKETS]);
            count -= bucket.len();
            for state in &bucket {
                if usize::from(self.states[*state as usize]) == distance {
                    count += self.settle(*state, distance);
                }
            }
            bucket.clear();
            // Every step costs something and less than there are buckets, so nothing was put into this one meanwhile.
            self.waiting[distance % BUCKETS] = bucket;
            distance += 1;
        }
        self.pack()
    }

    /// Passes a distance on to the states before this one; returns how many were put into buckets.
    fn settle(&mut self, state: u32, distance: usize) -> usize {
        let (cell, heading) = (state >> 2, state & 3);
        let (before, cost) = self.reversed[cell as usize][heading as usize];
        let mut pushed = 0;
        let mut offer = |state: u32, distance: usize| {
            if distance < usize::from(self.states[state as usize]) {
                self.states[state as usize] = distance as u16;
                self.waiting[distance % BUCKETS].push(state);
                pushed += 1;
            }
        };
        if before != NO_CELL {
            offer(before * 4 + heading, distance + usize::from(cost));
        }
        offer(cell * 4 + ((heading + 1) & 3), distance + 1);
        offer(cell * 4 + ((heading + 3) & 3), distance + 1);
        pushed
    }

    fn pack(&self) -> Field {
        let cells = self.reversed.len();
        let mut distances = Vec::with_capacity(cells);
        let mut turns = Vec::with_capacity(cells);
        for states in self.states.as_chunks().0 {
            let (best, extras) = pack(*states);
            distances.push(best);
            turns.push(extras);
        }
        Field { distances: distances.into(), turns: turns.into() }
    }
}

/// The least of the distances of a cell's headings, and how much farther each is, two bits a heading.
fn pack(states: [u16; 4]) -> (u16, u8) {
    let best = states.into_iter().min().unwrap_or(UNREACHABLE);
    let extra = |heading: usize| ((states[heading] - best).min(3) as u8) << (2 * heading);
    (best, extra(0) | extra(1) | extra(2) | extra(3))
}

/// A guess of the cost between two states that needs no field: rows plus columns plus the turns that are sure.
pub fn guess(grid: &Grid, state: State, goal: Cell) -> u16 {
    let (row, column) = grid.place(state.cell);
    let (goal_row, goal_column) = grid.place(goal);
    let across = column.abs_diff(goal_column);
    let along = row.abs_diff(goal_row);
    let horizontal = if goal_column > column { Heading::East } else { Heading::West };
    let vertical = if goal_row > row { Heading::South } else { Heading::North };
    let turns = match (across, along) {
        (0, 0) => 0,
        (0, _) => state.heading.turns_to(vertical),
        (_, 0) => state.heading.turns_to(horizontal),
        _ => 1 + state.heading.turns_to(vertical).min(state.heading.turns_to(horizontal)),
    };
    (across + along + turns as usize).min(usize::from(UNREACHABLE) - 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Action;
    use proptest::prelude::*;

    /// Distances by plain relaxation until nothing changes.
    fn relaxed(grid: &Grid, goal: Cell) -> Vec<u32> {
        let mut distances = vec![u32::from(UNREACHABLE); grid.len() * 4];
        (0..4).for_each(|heading| distances[goal as usize * 4 + heading] = 0);
        loop {
            let mut changed = false;
            for cell in 0..grid.len() as Cell {
                for heading in Heading::ALL {
                    for action in [Action::Forward, Action::TurnLeft, Action::TurnRight] {
                        let Some(after) = grid.after(State { cell, heading }, action) else { continue };
                        let cost = if action == Action::Forward { grid.costs(cell)[heading.index()] } else { 1 };
                        let through = distances[after.cell as usize * 4 + after.heading.index()] + u32::from(cost);
                        let own = &mut distances[cell as usize * 4 + heading.index()];
                        if through < *own {
                            *own = through;
                            changed = true;
                        }
                    }
                }
            }
            if !changed {
                return distances;
            }
        }
    }

    proptest! {
        #[test]
        fn fields_equal_plain_relaxation(
            free in proptest::collection::vec(proptest::bool::weighted(0.8), 56),
            costs in proptest::collection::vec(1_u8..9, 56 * 4),
            is_even in proptest::bool::ANY,
            goal in 0_usize..56,
        ) {
            let mut grid = Grid::new(7, 8, |row, column| free[row * 8 + column]).unwrap();
            prop_assume!(!grid.is_empty());
            for cell in 0..grid.len() as Cell {
                for heading in Heading::ALL {
                    let cost = costs[cell as usize * 4 + heading.index()];
                    if cost == 8 {
                        grid.close(cell, heading);
                    } else if !is_even {
                        grid.set_cost(cell, heading, cost);
                    }
                }
            }
            let goal = (goal % grid.len()) as Cell;
            let field = FieldMaker::new(&grid).make(goal);
            let expected = relaxed(&grid, goal);
            for cell in 0..grid.len() as Cell {
                for heading in Heading::ALL {
                    let found = u32::from(field.distance(State { cell, heading }));
                    prop_assert_eq!(found, expected[cell as usize * 4 + heading.index()]);
                }
            }
        }
    }

    #[test]
    fn a_maker_leaves_nothing_of_one_goal_to_the_next() {
        let grid = Grid::new(4, 4, |_, _| true).unwrap();
        let mut maker = FieldMaker::new(&grid);
        let first = maker.make(3);
        maker.make(12);
        assert_eq!(maker.make(3), first);
    }

    #[test]
    fn the_guess_is_exact_on_an_open_floor() {
        let grid = Grid::new(9, 9, |_, _| true).unwrap();
        let goal = grid.cell(6, 2).unwrap();
        let field = FieldMaker::new(&grid).make(goal);
        for cell in 0..grid.len() as Cell {
            for heading in Heading::ALL {
                let state = State { cell, heading };
                assert_eq!(guess(&grid, state, goal), field.distance(state), "{:?} {heading:?}", grid.place(cell));
            }
        }
    }
}
