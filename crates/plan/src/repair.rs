//! Distances that follow a floor whose ways are closed, opened or made dearer: only what is no longer true is worked out
//! anew.
//!
//! After Ramalingam and Reps, "An incremental algorithm for a generalization of the shortest-path problem" (1996): first
//! the states whose way was lost are found, nearest first, then they are given distances again from those beside them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::field::{Field, UNREACHABLE};
use crate::grid::{Cell, Grid, Heading, NO_CELL, State};

/// A cell and a heading in one number.
type Place = u32;

/// The ways between states, forwards and backwards.
#[derive(Debug)]
pub(crate) struct Ways {
    into: Vec<[(Cell, u8); 4]>,
    ahead: Vec<[(Cell, u8); 4]>,
}

impl Ways {
    pub(crate) fn new(grid: &Grid) -> Self {
        let into = grid.reversed();
        let mut ahead = vec![[(NO_CELL, 0); 4]; into.len()];
        for (cell, ways) in into.iter().enumerate() {
            for (heading, (before, cost)) in ways.iter().enumerate().filter(|(_, (before, _))| *before != NO_CELL) {
                ahead[*before as usize][heading] = (cell as Cell, *cost);
            }
        }
        Self { into, ahead }
    }

    /// The states from which the step ahead is another one than in `other`.
    pub(crate) fn changed_from(&self, other: &Self) -> Vec<Place> {
        let cells = self.ahead.iter().zip(&other.ahead).enumerate().filter(|(_, (now, before))| now != before);
        cells
            .flat_map(|(cell, (now, before))| {
                (0..4)
                    .filter(|heading| now[*heading] != before[*heading])
                    .map(move |heading| (cell * 4 + heading) as Place)
            })
            .collect()
    }

    /// Where a state leads, and what that costs.
    fn after(&self, place: Place) -> impl Iterator<Item = (Place, u16)> + use<> {
        beside(&self.ahead, place)
    }

    /// From where a state is reached, and what that costs.
    fn before(&self, place: Place) -> impl Iterator<Item = (Place, u16)> + use<> {
        beside(&self.into, place)
    }
}

fn beside(ways: &[[(Cell, u8); 4]], place: Place) -> impl Iterator<Item = (Place, u16)> + use<> {
    let (cell, heading) = (place >> 2, place & 3);
    let (to, cost) = ways[cell as usize][heading as usize];
    let step = (to != NO_CELL).then(|| (to * 4 + heading, u16::from(cost)));
    let turns = [1, 3].map(|turn| (cell * 4 + ((heading + turn) & 3), 1));
    step.into_iter().chain(turns)
}

/// Repairs fields; keeps its scratch space between two of them.
#[derive(Debug)]
pub(crate) struct Repairer {
    /// The distances of cells that are touched.
    distances: Vec<u16>,
    is_touched: Vec<bool>,
    touched: Vec<Cell>,
    is_lost: Vec<bool>,
    lost: Vec<Place>,
    open: BinaryHeap<Reverse<(u16, Place)>>,
}

impl Repairer {
    pub(crate) fn new(cells: usize) -> Self {
        Self {
            distances: vec![UNREACHABLE; cells * 4],
            is_touched: vec![false; cells],
            touched: Vec::new(),
            is_lost: vec![false; cells * 4],
            lost: Vec::new(),
            open: BinaryHeap::new(),
        }
    }

    /// Makes the field of a goal true for these ways again, which have changed at the states given.
    pub(crate) fn repair(&mut self, field: &mut Field, goal: Cell, ways: &Ways, changed: &[Place]) {
        self.lose(field, goal, ways, changed);
        self.find_again(field, ways, changed);
        for place in self.lost.drain(..) {
            self.is_lost[place as usize] = false;
        }
        for cell in self.touched.drain(..) {
            let at = cell as usize * 4;
            self.is_touched[cell as usize] = false;
            field.set(cell, [0, 1, 2, 3].map(|heading| self.distances[at + heading]));
        }
    }

    /// Finds the states whose way led over one that is gone. What supports a state is nearer than it, so it is known by
    /// the time that the state is looked at.
    fn lose(&mut self, field: &Field, goal: Cell, ways: &Ways, changed: &[Place]) {
        let known = changed.iter().map(|place| (far(field, *place), *place));
        self.open.extend(known.filter(|(distance, _)| *distance < UNREACHABLE).map(Reverse));
        while let Some(Reverse((distance, place))) = self.open.pop() {
            if self.is_lost[place as usize] || place >> 2 == goal {
                continue;
            }
            let mut after = ways.after(place);
            if after.any(|(to, cost)| !self.is_lost[to as usize] && add(far(field, to), cost) <= distance) {
                continue;
            }
            self.is_lost[place as usize] = true;
            self.lost.push(place);
            let led = ways.before(place).map(|(from, cost)| (far(field, from), from, cost));
            let led = led.filter(|(from, _, cost)| *from == add(distance, *cost) && *from < UNREACHABLE);
            self.open.extend(led.map(|(distance, from, _)| Reverse((distance, from))));
        }
    }

    /// Gives distances to what was lost, and shorter ones to what has a shorter way now.
    fn find_again(&mut self, field: &Field, ways: &Ways, changed: &[Place]) {
        let lost = std::mem::take(&mut self.lost);
        for place in &lost {
            self.set(field, *place, UNREACHABLE);
        }
        for place in lost.iter().chain(changed) {
            let best = ways.after(*place).map(|(to, cost)| add(self.far(field, to), cost)).min();
            self.offer(field, *place, best.unwrap_or(UNREACHABLE));
        }
        self.lost = lost;
        while let Some(Reverse((distance, place))) = self.open.pop() {
            if self.far(field, place) == distance {
                for (from, cost) in ways.before(place) {
                    self.offer(field, from, add(distance, cost));
                }
            }
        }
    }

    fn offer(&mut self, field: &Field, place: Place, distance: u16) {
        if distance < self.far(field, place) {
            self.set(field, place, distance);
            self.open.push(Reverse((distance, place)));
        }
    }

    fn far(&self, field: &Field, place: Place) -> u16 {
        if self.is_touched[place as usize >> 2] { self.distances[place as usize] } else { far(field, place) }
    }

    fn set(&mut self, field: &Field, place: Place, distance: u16) {
        let cell = place >> 2;
        if !std::mem::replace(&mut self.is_touched[cell as usize], true) {
            self.touched.push(cell);
            for other in cell * 4..cell * 4 + 4 {
                self.distances[other as usize] = far(field, other);
            }
        }
        self.distances[place as usize] = distance;
    }
}

/// The distance of a state as a field has it.
fn far(field: &Field, place: Place) -> u16 {
    field.distance(State { cell: place >> 2, heading: Heading::ALL[place as usize & 3] })
}

/// Farther by a cost; what is too far to say cannot be reached.
fn add(distance: u16, cost: u16) -> u16 {
    distance.saturating_add(cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::FieldMaker;
    use proptest::prelude::*;

    const ROWS: usize = 6;
    const COLUMNS: usize = 8;

    /// An open floor on which some ways are closed and others dear.
    fn floor(free: &[bool], costs: &[u8]) -> Grid {
        let mut grid = Grid::new(ROWS, COLUMNS, |row, column| free[row * COLUMNS + column]).unwrap();
        for cell in 0..grid.len() as Cell {
            for heading in Heading::ALL {
                match costs[cell as usize * 4 + heading.index()] {
                    0..5 => {}
                    8 => grid.close(cell, heading),
                    cost => grid.set_cost(cell, heading, cost),
                }
            }
        }
        grid
    }

    proptest! {
        #[test]
        fn repaired_fields_equal_new_ones(
            free in proptest::collection::vec(proptest::bool::weighted(0.85), ROWS * COLUMNS),
            floors in proptest::collection::vec(proptest::collection::vec(0_u8..9, ROWS * COLUMNS * 4), 2..5),
            goal in 0_usize..ROWS * COLUMNS,
        ) {
            let grids: Vec<Grid> = floors.iter().map(|costs| floor(&free, costs)).collect();
            prop_assume!(!grids[0].is_empty());
            let goal = (goal % grids[0].len()) as Cell;
            let mut field = FieldMaker::new(&grids[0]).make(goal);
            let mut repairer = Repairer::new(grids[0].len());
            for pair in grids.windows(2) {
                let (before, now) = (Ways::new(&pair[0]), Ways::new(&pair[1]));
                repairer.repair(&mut field, goal, &now, &now.changed_from(&before));
                prop_assert_eq!(&field, &FieldMaker::new(&pair[1]).make(goal));
            }
        }
    }
}
