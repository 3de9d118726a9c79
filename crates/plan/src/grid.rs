//! The floor that agents move on: cells with up to four neighbours, and what it costs to go from one to the next.
//!
//! Only the cells that can be stood on are numbered, in rows from the top left, so that every table over cells is dense.

use crate::PlanError;

/// The number of a cell; [`NO_CELL`] where there is none.
pub type Cell = u32;

/// There is no cell here.
pub const NO_CELL: Cell = u32::MAX;

/// The largest floor, in cells that can be stood on.
pub const CELLS_MAX: usize = 4_000_000;

/// What one step forward costs where nothing else is said; a turn and a wait always cost as much.
pub const STEP_COST: u8 = 1;

/// Where an agent looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Heading {
    /// Towards higher columns.
    #[default]
    East,
    /// Towards higher rows.
    South,
    /// Towards lower columns.
    West,
    /// Towards lower rows.
    North,
}

impl Heading {
    /// All headings, clockwise.
    pub const ALL: [Self; 4] = [Self::East, Self::South, Self::West, Self::North];

    /// The heading with this number, counted clockwise from east; numbers wrap.
    pub const fn of(index: usize) -> Self {
        Self::ALL[index & 3]
    }

    /// The number of this heading, counted clockwise from east.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// After a quarter turn clockwise.
    pub const fn right(self) -> Self {
        Self::of(self.index() + 1)
    }

    /// After a quarter turn against the clock.
    pub const fn left(self) -> Self {
        Self::of(self.index() + 3)
    }

    /// How many rows down and columns to the right lies the cell ahead.
    pub const fn offset(self) -> (isize, isize) {
        match self {
            Self::East => (0, 1),
            Self::South => (1, 0),
            Self::West => (0, -1),
            Self::North => (-1, 0),
        }
    }

    /// The quarter turns from here to another heading: 0, 1 or 2.
    pub const fn turns_to(self, other: Self) -> u32 {
        let clockwise = (other.index() + 4 - self.index()) & 3;
        if clockwise == 3 { 1 } else { clockwise as u32 }
    }
}

/// What an agent does in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// One cell ahead.
    Forward,
    /// A quarter turn clockwise.
    TurnRight,
    /// A quarter turn against the clock.
    TurnLeft,
    /// Nothing.
    #[default]
    Wait,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Forward, Self::TurnRight, Self::TurnLeft, Self::Wait];

    /// The heading after the action.
    pub const fn turn(self, heading: Heading) -> Heading {
        match self {
            Self::TurnRight => heading.right(),
            Self::TurnLeft => heading.left(),
            Self::Forward | Self::Wait => heading,
        }
    }
}

/// Where an agent is and where it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// The cell it stands on.
    pub cell: Cell,
    /// Where it looks.
    pub heading: Heading,
}

/// A floor of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    rows: usize,
    columns: usize,
    cell_at: Vec<Cell>,
    place_of: Vec<u32>,
    neighbours: Vec<[Cell; 4]>,
    costs: Vec<[u8; 4]>,
}

impl Grid {
    /// A floor of `rows` times `columns` places, of which those that `is_free(row, column)` can be stood on.
    pub fn new(rows: usize, columns: usize, is_free: impl Fn(usize, usize) -> bool) -> Result<Self, PlanError> {
        let places = rows.checked_mul(columns).filter(|places| u32::try_from(*places).is_ok());
        let places = places.ok_or(PlanError::TooManyCells { cells: usize::MAX })?;
        let mut cell_at = vec![NO_CELL; places];
        let mut place_of = Vec::new();
        for (place, cell) in cell_at.iter_mut().enumerate() {
            if is_free(place / columns, place % columns) {
                *cell = place_of.len() as Cell;
                place_of.push(place as u32);
            }
        }
        if place_of.len() > CELLS_MAX {
            return Err(PlanError::TooManyCells { cells: place_of.len() });
        }
        let at = |row: Option<usize>, column: Option<usize>| match (row, column) {
            (Some(row), Some(column)) if row < rows && column < columns => cell_at[row * columns + column],
            _ => NO_CELL,
        };
        let neighbours: Vec<[Cell; 4]> = place_of
            .iter()
            .map(|place| {
                let (row, column) = (*place as usize / columns, *place as usize % columns);
                [
                    at(Some(row), column.checked_add(1)),
                    at(row.checked_add(1), Some(column)),
                    at(Some(row), column.checked_sub(1)),
                    at(row.checked_sub(1), Some(column)),
                ]
            })
            .collect();
        let costs = vec![[STEP_COST; 4]; place_of.len()];
        Ok(Self { rows, columns, cell_at, place_of, neighbours, costs })
    }

    /// The rows of the floor.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of the floor.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// How many cells can be stood on.
    pub fn len(&self) -> usize {
        self.place_of.len()
    }

    /// Whether nothing can be stood on.
    pub fn is_empty(&self) -> bool {
        self.place_of.is_empty()
    }

    /// The cell at a row and a column, when there is one that can be stood on.
    pub fn cell(&self, row: usize, column: usize) -> Option<Cell> {
        if row >= self.rows || column >= self.columns {
            return None;
        }
        Some(self.cell_at[row * self.columns + column]).filter(|cell| *cell != NO_CELL)
    }

    /// The row and the column of a cell.
    pub fn place(&self, cell: Cell) -> (usize, usize) {
        let place = self.place_of[cell as usize] as usize;
        (place / self.columns, place % self.columns)
    }

    /// The cell ahead of one that looks this way, [`NO_CELL`] when the way is closed.
    pub fn ahead(&self, cell: Cell, heading: Heading) -> Cell {
        self.neighbours[cell as usize][heading.index()]
    }

    /// The cells ahead in all four headings.
    pub fn neighbours(&self, cell: Cell) -> &[Cell; 4] {
        &self.neighbours[cell as usize]
    }

    /// What it costs to go ahead in all four headings.
    pub fn costs(&self, cell: Cell) -> &[u8; 4] {
        &self.costs[cell as usize]
    }

    /// Closes the way from a cell into one direction: a wall on one side, or a lane that is driven the other way.
    pub fn close(&mut self, cell: Cell, heading: Heading) {
        self.neighbours[cell as usize][heading.index()] = NO_CELL;
    }

    /// The cell that lies beside one in this direction, whether the way there is open or closed.
    pub fn beside(&self, cell: Cell, heading: Heading) -> Cell {
        let (row, column) = self.place(cell);
        let (down, right) = heading.offset();
        let beside = row.checked_add_signed(down).zip(column.checked_add_signed(right));
        beside.and_then(|(row, column)| self.cell(row, column)).unwrap_or(NO_CELL)
    }

    /// Opens the way from a cell into one direction again; nothing where there is no cell.
    pub fn open(&mut self, cell: Cell, heading: Heading) {
        self.neighbours[cell as usize][heading.index()] = self.beside(cell, heading);
    }

    /// Rows plus columns between two cells: the least steps from one to the other.
    pub fn steps_between(&self, a: Cell, b: Cell) -> u32 {
        let (a, b) = (self.place(a), self.place(b));
        (a.0.abs_diff(b.0) + a.1.abs_diff(b.1)) as u32
    }

    /// Says what it costs to go ahead from a cell into one direction; at least [`STEP_COST`].
    pub fn set_cost(&mut self, cell: Cell, heading: Heading, cost: u8) {
        self.costs[cell as usize][heading.index()] = cost.max(STEP_COST);
    }

    /// The state after an action, none when the way is closed.
    pub fn after(&self, state: State, action: Action) -> Option<State> {
        let cell = if action == Action::Forward { self.ahead(state.cell, state.heading) } else { state.cell };
        (cell != NO_CELL).then(|| State { cell, heading: action.turn(state.heading) })
    }

    /// The floor with every way turned round: what distances to a goal are measured on.
    pub(crate) fn reversed(&self) -> Vec<[(Cell, u8); 4]> {
        let mut into = vec![[(NO_CELL, 0); 4]; self.len()];
        for cell in 0..self.len() {
            for (heading, (ahead, cost)) in self.neighbours[cell].iter().zip(&self.costs[cell]).enumerate() {
                if *ahead != NO_CELL {
                    into[*ahead as usize][heading] = (cell as Cell, *cost);
                }
            }
        }
        into
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbered_by_rows_and_know_their_neighbours() {
        let grid = Grid::new(2, 3, |row, column| (row, column) != (0, 1)).unwrap();
        assert_eq!(grid.len(), 5);
        let corner = grid.cell(0, 0).unwrap();
        assert_eq!(grid.cell(0, 1), None);
        assert_eq!(grid.ahead(corner, Heading::East), NO_CELL);
        assert_eq!(grid.ahead(corner, Heading::North), NO_CELL);
        assert_eq!(grid.place(grid.ahead(corner, Heading::South)), (1, 0));
    }

    #[test]
    fn a_closed_way_is_closed_one_way() {
        let mut grid = Grid::new(1, 2, |_, _| true).unwrap();
        grid.close(0, Heading::East);
        assert_eq!(grid.after(State { cell: 0, heading: Heading::East }, Action::Forward), None);
        let back = grid.after(State { cell: 1, heading: Heading::West }, Action::Forward);
        assert_eq!(back, Some(State { cell: 0, heading: Heading::West }));
        grid.open(0, Heading::East);
        grid.open(0, Heading::North);
        assert_eq!(grid, Grid::new(1, 2, |_, _| true).unwrap(), "what was closed is open, what is no cell stays none");
    }

    #[test]
    fn turns_are_counted_the_short_way() {
        assert_eq!(Heading::East.turns_to(Heading::North), 1);
        assert_eq!(Heading::East.turns_to(Heading::West), 2);
        assert_eq!(Heading::North.right(), Heading::East);
    }
}
