//! What the narrowest places of a floor let through: a bound of throughput that no number of robots and no plan can pass.
//!
//! An order's robot goes from a place where loads come from to one where they are wanted, and back for the next one. Every
//! cell on its way is its own for at least a step. So no more orders can be done in a step than the least set of cells
//! through which all ways lead (a minimum cut, found as a maximum flow: Dinic, 1970) has cells.

use std::collections::VecDeque;

use plan::{Cell, Grid, Heading, NO_CELL};

use crate::floor::Pace;

/// One robot a step, in units of capacity that slow ways can be fractions of.
const ROBOT: u64 = 5_040;
/// Above so many cells no cuts are looked for: the flow would take longer than the shift.
const CELLS_MAX: usize = 200_000;
/// More than all cells together let through.
const ANY: u64 = u64::MAX / 4;

/// What the narrowest places let through.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cuts {
    /// Of those who are on their way with a load.
    forth: Cut,
    /// Of those who come back.
    back: Cut,
    /// Of both, where they pass the same cells.
    both: Cut,
}

/// The cells through which all ways lead, and how many robots they let through in a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    per_step: f64,
    pub(super) cells: Vec<Cell>,
}

impl Default for Cut {
    fn default() -> Self {
        Self { per_step: f64::INFINITY, cells: Vec::new() }
    }
}

/// Which ways are gone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ways {
    AsTheyAre,
    Both,
}

impl Cuts {
    /// The cuts between the cells where loads come from and those where they are wanted.
    pub(super) fn of(grid: &Grid, pace: &Pace, sources: &[Cell], targets: &[Cell]) -> Self {
        if grid.len() > CELLS_MAX || sources.is_empty() || targets.is_empty() {
            return Self::default();
        }
        let room = |cell: Cell| ROBOT.div_ceil(u64::from(least_steps(grid, pace, cell)));
        let mut is_end = vec![false; grid.len()];
        sources.iter().chain(targets).for_each(|cell| is_end[*cell as usize] = true);
        // Who is served on a cell passes it once, on the way there and back.
        let room_of_both = |cell: Cell| room(cell) * if is_end[cell as usize] { 2 } else { 1 };
        Self {
            forth: Flow::new(grid, Ways::AsTheyAre, room, sources, targets).cut(grid),
            back: Flow::new(grid, Ways::AsTheyAre, room, targets, sources).cut(grid),
            both: Flow::new(grid, Ways::Both, room_of_both, sources, targets).cut(grid),
        }
    }

    /// The most orders that can be done in so many steps by so many robots, and the cells that hold them back. A robot's first
    /// order needs no way back to it, and who stands on a cell at the start did not have to enter it.
    pub(super) fn orders(&self, steps: f64, robots: f64) -> (f64, &Cut) {
        let forth = (self.forth.per_step * steps + robots, &self.forth);
        let back = (self.back.per_step * steps + robots, &self.back);
        let both = (0.5 * (self.both.per_step * steps + robots), &self.both);
        let one = if forth.0 <= back.0 { forth } else { back };
        if both.0 <= one.0 { both } else { one }
    }
}

/// The least steps that somebody who enters a cell is on it.
fn least_steps(grid: &Grid, pace: &Pace, cell: Cell) -> u32 {
    let into = Heading::ALL.into_iter().filter_map(|heading| {
        let from = grid.beside(cell, heading.right().right());
        (from != NO_CELL && grid.ahead(from, heading) == cell).then(|| pace.steps(from, heading))
    });
    into.min().unwrap_or(1)
}

/// A residual arc: where it leads, what it still lets through, and the arc the other way.
struct Arc {
    to: u32,
    room: u64,
    back: u32,
}

/// A flow over a floor: every cell is an arc from its entry (2 n) to its exit (2 n + 1).
struct Flow {
    arcs: Vec<Vec<Arc>>,
    level: Vec<u32>,
    next: Vec<u32>,
    from: u32,
    to: u32,
}

impl Flow {
    fn new(grid: &Grid, ways: Ways, room: impl Fn(Cell) -> u64, sources: &[Cell], targets: &[Cell]) -> Self {
        let nodes = 2 * grid.len() + 2;
        let (from, to) = (nodes as u32 - 2, nodes as u32 - 1);
        let mut flow =
            Self { arcs: (0..nodes).map(|_| Vec::new()).collect(), level: Vec::new(), next: Vec::new(), from, to };
        for cell in 0..grid.len() as Cell {
            flow.join(2 * cell, 2 * cell + 1, room(cell));
            for heading in Heading::ALL {
                let there = grid.beside(cell, heading);
                let is_way = there != NO_CELL
                    && (grid.ahead(cell, heading) == there
                        || (ways == Ways::Both && grid.ahead(there, heading.right().right()) == cell));
                if is_way {
                    flow.join(2 * cell + 1, 2 * there, ANY);
                }
            }
        }
        sources.iter().for_each(|cell| flow.join(from, 2 * cell, ANY));
        targets.iter().for_each(|cell| flow.join(2 * cell + 1, to, ANY));
        flow
    }

    fn join(&mut self, from: u32, to: u32, room: u64) {
        let (there, here) = (self.arcs[to as usize].len() as u32, self.arcs[from as usize].len() as u32);
        self.arcs[from as usize].push(Arc { to, room, back: there });
        self.arcs[to as usize].push(Arc { to: from, room: 0, back: here });
    }

    /// The greatest flow, and the cells that it fills.
    fn cut(mut self, grid: &Grid) -> Cut {
        let mut through = 0;
        while self.measure() {
            self.next = vec![0; self.arcs.len()];
            loop {
                let more = self.push();
                if more == 0 {
                    break;
                }
                through += more;
            }
        }
        let is_reached = |node: u32| self.level[node as usize] != u32::MAX;
        let cells = (0..grid.len() as Cell).filter(|cell| is_reached(2 * cell) && !is_reached(2 * cell + 1)).collect();
        Cut { per_step: through as f64 / ROBOT as f64, cells }
    }

    /// How far every node is from the start; whether the end can be reached.
    fn measure(&mut self) -> bool {
        self.level = vec![u32::MAX; self.arcs.len()];
        self.level[self.from as usize] = 0;
        let mut open = VecDeque::from([self.from]);
        while let Some(node) = open.pop_front() {
            for arc in self.arcs[node as usize].iter().filter(|arc| arc.room > 0) {
                if self.level[arc.to as usize] == u32::MAX {
                    self.level[arc.to as usize] = self.level[node as usize] + 1;
                    open.push_back(arc.to);
                }
            }
        }
        self.level[self.to as usize] != u32::MAX
    }

    /// Pushes flow along one shortest way: how much; 0 when there is none.
    fn push(&mut self) -> u64 {
        let mut way: Vec<(u32, u32)> = Vec::new();
        let mut node = self.from;
        while node != self.to {
            let at = self.next[node as usize];
            match self.arcs[node as usize].get(at as usize) {
                Some(arc) if arc.room > 0 && self.level[arc.to as usize] == self.level[node as usize] + 1 => {
                    way.push((node, at));
                    node = arc.to;
                }
                Some(_) => self.next[node as usize] += 1,
                // A dead end: the way back, and the next arc from there.
                None => match way.pop() {
                    Some((before, _)) => {
                        self.next[before as usize] += 1;
                        node = before;
                    }
                    None => return 0,
                },
            }
        }
        let most = way.iter().map(|(node, arc)| self.arcs[*node as usize][*arc as usize].room).min().unwrap_or(0);
        for (node, arc) in way {
            let Arc { to, back, .. } = self.arcs[node as usize][arc as usize];
            self.arcs[node as usize][arc as usize].room -= most;
            self.arcs[to as usize][back as usize].room += most;
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(rows: &[&str], change: impl Fn(&mut Grid), sources: &[(usize, usize)], targets: &[(usize, usize)]) -> Cuts {
        let is_free = |row: usize, column: usize| rows[row].as_bytes()[column] == b'.';
        let mut grid = Grid::new(rows.len(), rows[0].len(), is_free).unwrap();
        change(&mut grid);
        let cells = |places: &[(usize, usize)]| -> Vec<Cell> {
            places.iter().map(|(row, column)| grid.cell(*row, *column).unwrap()).collect()
        };
        Cuts::of(&grid, &Pace::plain(1.0), &cells(sources), &cells(targets))
    }

    const SOURCES: [(usize, usize); 3] = [(0, 0), (1, 0), (2, 0)];
    const TARGETS: [(usize, usize); 3] = [(0, 4), (1, 4), (2, 4)];

    #[test]
    fn a_corridor_is_passed_there_and_back() {
        let narrow = cuts(&["..@..", ".....", "..@.."], |_| (), &SOURCES, &TARGETS);
        assert_eq!((narrow.forth.per_step, narrow.back.per_step, narrow.both.per_step), (1.0, 1.0, 1.0));
        assert_eq!(narrow.both.cells.len(), 1);
        assert_eq!(narrow.orders(100.0, 4.0).0, 52.0);
        let wide = cuts(&[".....", ".....", "....."], |_| (), &SOURCES, &TARGETS);
        assert_eq!(wide.orders(100.0, 4.0).0, 152.0);
    }

    #[test]
    fn lanes_are_passed_as_they_go() {
        // Row 0 goes east, rows 1 and 2 go west: one way there, two ways back.
        let lanes = |grid: &mut Grid| {
            for cell in 0..grid.len() as Cell {
                grid.close(cell, if grid.place(cell).0 == 0 { Heading::West } else { Heading::East });
            }
        };
        let found = cuts(&[".....", ".....", "....."], lanes, &SOURCES, &TARGETS);
        assert_eq!((found.forth.per_step, found.back.per_step, found.both.per_step), (1.0, 2.0, 3.0));
        assert_eq!(found.orders(100.0, 0.0).0, 100.0);
        assert!(!found.orders(100.0, 0.0).1.cells.is_empty());
    }

    #[test]
    fn a_single_station_is_not_passed_twice() {
        let one = cuts(&["....."], |_| (), &[(0, 0)], &[(0, 4)]);
        assert_eq!(one.both.per_step, 1.0, "the cells between are");
        let beside = cuts(&[".."], |_| (), &[(0, 0)], &[(0, 1)]);
        assert_eq!(beside.both.per_step, 2.0);
    }

    #[test]
    fn nothing_is_said_of_places_that_are_not_there() {
        assert_eq!(cuts(&["..."], |_| (), &[], &[(0, 1)]).orders(10.0, 1.0).0, f64::INFINITY);
        let apart = cuts(&[".@."], |_| (), &[(0, 0)], &[(0, 2)]);
        assert_eq!(apart.orders(10.0, 0.0).0, 0.0);
    }
}
