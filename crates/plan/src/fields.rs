//! The fields that are in use, worked out when they are first needed and forgotten when memory is short.
//!
//! Planners of the same floor can share a [`Shelf`], so that each field is worked out once. What a planner knows does not
//! depend on it: a field from the shelf costs as much of a budget as one that is made.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::budget::Budget;
use crate::field::{Field, FieldMaker};
use crate::grid::{Cell, Grid};

/// The memory that fields may take unless said otherwise.
pub const FIELD_BYTES_MAX: usize = 1_300 << 20;

/// Fields that planners of one floor share.
#[derive(Debug)]
pub struct Shelf {
    by_goal: Vec<OnceLock<Field>>,
    /// How many more are kept.
    room: AtomicUsize,
}

impl Shelf {
    /// An empty shelf for a floor, on which fields of so many bytes have room. What comes later is not kept.
    pub fn new(grid: &Grid, bytes_max: usize) -> Self {
        let room = AtomicUsize::new(bytes_max / Field::bytes(grid.len()));
        Self { by_goal: (0..grid.len()).map(|_| OnceLock::new()).collect(), room }
    }

    fn keep(&self, goal: Cell, field: &Field) {
        let has_room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1)).is_ok();
        // Whoever was faster has put the same field there.
        if has_room && self.by_goal[goal as usize].set(field.clone()).is_err() {
            self.room.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The fields of one floor by goal.
#[derive(Debug)]
pub struct Fields {
    by_goal: Vec<Option<Field>>,
    used: Vec<u32>,
    kept: Vec<Cell>,
    makers: Vec<FieldMaker>,
    round: u32,
    count_max: usize,
    evicted: u64,
    shelf: Option<Arc<Shelf>>,
}

impl Fields {
    /// Fields of a floor, worked out on so many threads, that together take no more than `bytes_max` (but at least as
    /// much as one round of work on them needs).
    pub fn new(grid: &Grid, threads: usize, bytes_max: usize) -> Self {
        Self {
            by_goal: (0..grid.len()).map(|_| None).collect(),
            used: vec![0; grid.len()],
            kept: Vec::new(),
            makers: (0..threads.max(1)).map(|_| FieldMaker::new(grid)).collect(),
            round: 0,
            count_max: (bytes_max / Field::bytes(grid.len())).max(16),
            evicted: 0,
            shelf: None,
        }
    }

    /// Takes fields from a shelf of the same floor when they are there, and puts those on it that are made.
    pub fn share(&mut self, shelf: Arc<Shelf>) {
        assert_eq!(shelf.by_goal.len(), self.by_goal.len(), "a shelf belongs to one floor");
        self.shelf = Some(shelf);
    }

    /// The threads that work.
    pub fn threads(&self) -> usize {
        self.makers.len()
    }

    /// The field of a goal, when there is one.
    pub fn get(&self, goal: Cell) -> Option<&Field> {
        self.by_goal[goal as usize].as_ref()
    }

    /// How many fields were forgotten for want of memory so far.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Works out the fields of these goals that are not there, in this order, until the time is out or the memory is
    /// full of fields that are wanted now. Returns how many of them are missing.
    pub fn prepare(&mut self, goals: impl Iterator<Item = Cell>, budget: Budget<'_>) -> usize {
        self.round += 1;
        let mut missing = Vec::new();
        let mut wanted = 0;
        for goal in goals {
            if self.used[goal as usize] != self.round {
                self.used[goal as usize] = self.round;
                wanted += 1;
                if self.by_goal[goal as usize].is_none() {
                    missing.push(goal);
                }
            }
        }
        let room = (self.count_max + missing.len()).saturating_sub(wanted);
        let (now, later) = missing.split_at(missing.len().min(room));
        self.make_room(now.len());
        let made = self.make(now, budget);
        later.len() + now.len() - made
    }

    /// Works out fields as [`Fields::prepare`] does, without marking the goals as the only ones wanted: for those who ask
    /// in the middle of a round.
    pub fn prepare_more(&mut self, goals: impl Iterator<Item = Cell>, budget: Budget<'_>) -> usize {
        let missing: Vec<Cell> = goals.filter(|goal| self.by_goal[*goal as usize].is_none()).collect();
        let room = self.count_max.saturating_sub(self.kept.len());
        let now = &missing[..missing.len().min(room)];
        for goal in now {
            self.used[*goal as usize] = self.round;
        }
        missing.len() - self.make(now, budget)
    }

    /// Forgets the fields that were not wanted for the longest time until so many more have room.
    fn make_room(&mut self, more: usize) {
        let excess = (self.kept.len() + more).saturating_sub(self.count_max);
        if excess == 0 {
            return;
        }
        // A few more than needed, so that the next rounds need not sort again.
        let count = (excess + self.count_max / 16).min(self.kept.len());
        let used = &self.used;
        self.kept.sort_unstable_by_key(|goal| std::cmp::Reverse(used[*goal as usize]));
        for _ in 0..count {
            let Some(oldest) = self.kept.last().copied().filter(|goal| self.used[*goal as usize] < self.round) else {
                break;
            };
            self.kept.pop();
            self.by_goal[oldest as usize] = None;
            self.evicted += 1;
        }
    }

    fn make(&mut self, goals: &[Cell], budget: Budget<'_>) -> usize {
        if goals.is_empty() {
            return 0;
        }
        let next = AtomicUsize::new(0);
        let made = Mutex::new(Vec::with_capacity(goals.len()));
        let shelf = self.shelf.as_deref();
        let work = |maker: &mut FieldMaker| {
            while !budget.is_over() {
                let Some(goal) = goals.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let known = shelf.and_then(|shelf| shelf.by_goal[*goal as usize].get());
                let field = known.cloned().unwrap_or_else(|| {
                    let field = maker.make(*goal);
                    shelf.inspect(|shelf| shelf.keep(*goal, &field));
                    field
                });
                made.lock().expect("no worker panics").push((*goal, field));
            }
        };
        if goals.len() == 1 || self.makers.len() == 1 {
            work(&mut self.makers[0]);
        } else {
            std::thread::scope(|scope| {
                for maker in &mut self.makers {
                    scope.spawn(|| work(maker));
                }
            });
        }
        let made = made.into_inner().expect("no worker panics");
        for (goal, field) in &made {
            debug_assert!(self.by_goal[*goal as usize].is_none(), "{field:p} is made once");
        }
        let count = made.len();
        for (goal, field) in made {
            if self.by_goal[goal as usize].replace(field).is_none() {
                self.kept.push(goal);
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::WallClock;
    use std::time::Duration;

    #[test]
    fn memory_is_kept_by_forgetting_what_was_not_wanted_longest() {
        let grid = Grid::new(8, 8, |_, _| true).unwrap();
        let budget = Budget::new(&WallClock, Duration::from_secs(60));
        let mut fields = Fields::new(&grid, 2, 20 * Field::bytes(64));
        assert_eq!(fields.prepare(0..12, budget), 0);
        assert_eq!(fields.prepare(6..20, budget), 0);
        assert_eq!(fields.prepare(30..40, budget), 0);
        assert!(fields.get(0).is_none() && fields.get(35).is_some());
        assert!(fields.kept.len() <= 20);
        assert_eq!(fields.prepare(0..64, budget), 44, "no more than fit");
        assert!(fields.kept.len() <= 20);
    }

    #[test]
    fn a_shared_field_is_made_once_and_counts_as_made() {
        let grid = Grid::new(8, 8, |_, _| true).unwrap();
        let shelf = Arc::new(Shelf::new(&grid, 2 * Field::bytes(64)));
        let fields = || {
            let mut fields = Fields::new(&grid, 1, 20 * Field::bytes(64));
            fields.share(shelf.clone());
            let budget = Budget::new(&WallClock, Duration::from_secs(60));
            assert_eq!(fields.prepare(0..3, budget), 0);
            fields
        };
        let (one, other) = (fields(), fields());
        let is_same = |goal| one.get(goal).unwrap().is_same(other.get(goal).unwrap());
        assert_eq!([0, 1, 2].map(is_same), [true, true, false], "two have room on the shelf");
        assert_eq!(one.get(2), other.get(2));
    }
}
