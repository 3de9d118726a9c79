//! What ways should cost, so that agents keep out of each other's way: lanes, and a search for the lanes that suit a floor.

use crate::grid::{Cell, Grid, Heading, NO_CELL, STEP_COST};
use crate::random::Random;

/// Lanes that alternate in their direction: `width` rows go one way, the next `width` the other; the same for columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// What a step against a lane costs; [`STEP_COST`] is no lanes at all.
    pub against: u8,
    /// How many rows beside each other go the same way.
    pub row_width: u8,
    /// How many columns beside each other go the same way.
    pub column_width: u8,
    /// By how many rows the pattern is moved.
    pub row_shift: u8,
    /// By how many columns the pattern is moved.
    pub column_shift: u8,
}

/// The largest cost, width and shift that the search tries.
const AGAINST_MAX: u8 = 6;
const WIDTH_MAX: u8 = 4;

impl Default for Lanes {
    fn default() -> Self {
        Self { against: 2, row_width: 1, column_width: 1, row_shift: 0, column_shift: 0 }
    }
}

impl Lanes {
    /// The floor with the costs of these lanes. Where there is only one way, as in a narrow corridor, both directions
    /// stay cheap.
    pub fn apply(&self, grid: &Grid) -> Grid {
        let mut guided = grid.clone();
        for cell in 0..grid.len() as Cell {
            let (row, column) = grid.place(cell);
            let along_row = if flips(row, self.row_shift, self.row_width) { Heading::West } else { Heading::East };
            let along_column =
                if flips(column, self.column_shift, self.column_width) { Heading::North } else { Heading::South };
            for with in [along_row, along_column] {
                let against = with.right().right();
                let has_room = is_wide(grid, cell, against);
                guided.set_cost(cell, with, STEP_COST);
                guided.set_cost(cell, against, if has_room { self.against } else { STEP_COST });
            }
        }
        guided
    }

    /// Searches the lanes that score highest, by changing the best ones so far a little: `rounds` rounds of `tries`.
    /// `score` plays some games on the floor it is given; it should be many different ones, or the lanes suit only one.
    pub fn learn(
        grid: &Grid,
        rounds: usize,
        tries: usize,
        seed: u64,
        mut score: impl FnMut(&Grid) -> f64,
    ) -> (Self, f64) {
        let mut random = Random::new(seed);
        let none = Self { against: STEP_COST, ..Self::default() };
        let mut best = (none, score(&none.apply(grid)));
        for _ in 0..rounds {
            let parent = best.0;
            for _ in 0..tries {
                let child = parent.changed(&mut random);
                if child == parent || child == best.0 {
                    continue;
                }
                let reached = score(&child.apply(grid));
                if reached > best.1 {
                    best = (child, reached);
                }
            }
        }
        best
    }

    fn changed(self, random: &mut Random) -> Self {
        let mut child = self;
        let draw = |random: &mut Random, most: u8| 1 + random.index(usize::from(most)) as u8;
        match random.index(4) {
            0 => child.against = draw(random, AGAINST_MAX),
            1 => child.row_width = draw(random, WIDTH_MAX),
            2 => child.column_width = draw(random, WIDTH_MAX),
            _ => {
                child.row_shift = draw(random, 2 * WIDTH_MAX) - 1;
                child.column_shift = draw(random, 2 * WIDTH_MAX) - 1;
            }
        }
        // Without a price there are no lanes, whatever their shape: whoever changes the shape wants some.
        child.against = child.against.max(if child.against == self.against { 2 } else { STEP_COST });
        child
    }
}

fn flips(line: usize, shift: u8, width: u8) -> bool {
    (line + usize::from(shift)) / usize::from(width.max(1)) % 2 == 1
}

/// Whether a way can also be gone beside itself, one line to the left or to the right.
fn is_wide(grid: &Grid, cell: Cell, heading: Heading) -> bool {
    [heading.left(), heading.right()].into_iter().any(|side| {
        let beside = grid.ahead(cell, side);
        beside != NO_CELL && grid.ahead(beside, heading) != NO_CELL
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_alternate_where_there_is_room() {
        let grid = Grid::new(3, 5, |row, column| row < 2 || column == 0).unwrap();
        let guided = Lanes { against: 3, ..Lanes::default() }.apply(&grid);
        let costs = |row, column| *guided.costs(guided.cell(row, column).unwrap());
        assert_eq!(costs(0, 1), [1, 3, 3, 1], "row 0 goes east, column 1 north");
        assert_eq!(costs(1, 2), [3, 1, 1, 3], "row 1 goes west, column 2 south");
        assert_eq!(costs(2, 0), [1, 1, 1, 1], "a dead end stays cheap both ways");
    }

    #[test]
    fn the_search_finds_what_scores() {
        let grid = Grid::new(6, 6, |_, _| true).unwrap();
        let east = |grid: &Grid| (0..36).filter(|cell| grid.costs(*cell)[0] > 3).count() as f64;
        let (lanes, score) = Lanes::learn(&grid, 12, 6, 1, east);
        assert!(lanes.against > 3 && score > 0.0, "{lanes:?}");
    }
}
