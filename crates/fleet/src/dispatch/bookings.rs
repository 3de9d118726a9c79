//! How many robots are bound for each cell.

use plan::Cell;
use serde::{Deserialize, Serialize};

/// How many robots are on their way to each cell, or at work there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bookings {
    by_cell: Vec<u32>,
}

impl Bookings {
    /// None yet, on a floor of so many cells.
    pub fn new(cells: usize) -> Self {
        Self { by_cell: vec![0; cells] }
    }

    /// How many robots are bound for a cell.
    pub fn of(&self, cell: Cell) -> u32 {
        self.by_cell[cell as usize]
    }

    /// Another robot is bound for a cell.
    pub fn add(&mut self, cell: Cell) {
        self.by_cell[cell as usize] += 1;
    }

    /// A robot has left a cell, or goes elsewhere.
    pub fn remove(&mut self, cell: Cell) {
        let count = &mut self.by_cell[cell as usize];
        *count = count.saturating_sub(1);
    }

    /// The cell to which the fewest robots are bound; the first of several. None of no cells.
    pub fn emptiest(&self, cells: &[Cell]) -> Option<Cell> {
        cells.iter().copied().min_by_key(|cell| self.of(*cell))
    }
}
