//! The fields that are in use, worked out when they are first needed and forgotten when memory is short.
//!
//! Planners of the same floor can share a [`Shelf`], so that each field is worked out once. What a planner knows does not
//! depend on it: a field from the shelf costs as much of a budget as one that is made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::budget::Budget;
use crate::field::{Field, FieldMaker, UNREACHABLE, guess};
use crate::grid::{Cell, Grid, Heading, NO_CELL, State};
use crate::random::Random;
use crate::repair::{Repairer, Ways};

/// The memory that fields may take unless said otherwise.
pub const FIELD_BYTES_MAX: usize = 1_300 << 20;

/// The share of the memory that fields of landmarks may take.
const LANDMARK_SHARE: f64 = 0.125;

/// The best that is known of the ways to one goal: its own field, that of a landmark near it, or a guess.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    goal: Cell,
    /// A field, with the cell that it leads to.
    field: Option<(&'a Field, Cell)>,
}

impl Way<'_> {
    /// A way of which nothing is known.
    pub const fn unknown(goal: Cell) -> Self {
        Self { goal, field: None }
    }

    /// Where it leads.
    pub const fn goal(&self) -> Cell {
        self.goal
    }

    /// Whether its distances are exact.
    pub fn is_exact(&self) -> bool {
        self.field.is_some_and(|(_, end)| end == self.goal)
    }

    /// The cost of the way from a state to the goal.
    pub fn distance(&self, grid: &Grid, from: State) -> u16 {
        match self.field {
            Some((field, end)) if end == self.goal => field.distance(from),
            Some((field, end)) if field.distance(from) < UNREACHABLE => {
                // As far as the landmark, and the difference that it would make if nothing were in the way.
                let (to_goal, to_end) = (guess(grid, from, self.goal), guess(grid, from, end));
                (field.distance(from).saturating_add(to_goal)).saturating_sub(to_end).max(to_goal)
            }
            _ => guess(grid, from, self.goal),
        }
    }

    /// The cost of the way from a cell, looking the best way.
    pub fn nearest(&self, grid: &Grid, from: Cell) -> u16 {
        match self.field {
            Some((field, end)) if end == self.goal => field.nearest(from),
            _ => Heading::ALL
                .map(|heading| self.distance(grid, State { cell: from, heading }))
                .into_iter()
                .min()
                .expect("there are four"),
        }
    }
}

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
    /// The landmark nearest to each cell, [`NO_CELL`] where there is none. Fields of landmarks are never forgotten.
    landmarks: Vec<Cell>,
    /// The ways of the floor that fields are of.
    ways: Ways,
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
            landmarks: vec![NO_CELL; grid.len()],
            ways: Ways::new(grid),
        }
    }

    /// Takes to a floor with the same cells on which other ways are closed, or cost more. The fields that were wanted last
    /// are repaired, the others forgotten.
    pub fn follow(&mut self, grid: &Grid) {
        let ways = Ways::new(grid);
        let changed = ways.changed_from(&self.ways);
        if changed.is_empty() {
            return;
        }
        self.ways = ways;
        // Fields on a shelf are those of the floor as it was.
        self.shelf = None;
        let threads = self.makers.len();
        self.makers = (0..threads).map(|_| FieldMaker::new(grid)).collect();
        let mut repairer = Repairer::new(grid.len());
        let is_wanted = |goal: Cell| self.used[goal as usize] == self.round;
        for goal in self.kept.extract_if(.., |goal| !is_wanted(*goal)) {
            self.by_goal[goal as usize] = None;
        }
        for (goal, field) in self.by_goal.iter_mut().enumerate() {
            if let Some(field) = field {
                repairer.repair(field, goal as Cell, &self.ways, &changed);
            }
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

    /// The best that is known of the ways to a goal.
    pub fn way(&self, goal: Cell) -> Way<'_> {
        let landmark = self.landmarks[goal as usize];
        let near = || self.by_goal.get(landmark as usize)?.as_ref().map(|field| (field, landmark));
        Way { goal, field: self.get(goal).map(|field| (field, goal)).or_else(near) }
    }

    /// Works out the fields of landmarks all over the floor, as many as a share of the memory holds and the time allows,
    /// so that afterwards every way is known roughly. Does so once, before anything else is prepared.
    pub fn survey(&mut self, grid: &Grid, budget: Budget<'_>) {
        let count_max = ((self.count_max as f64 * LANDMARK_SHARE) as usize).max(1);
        let mut landmarks = spread(grid, count_max);
        // When the time is out before all are made, those that are should lie everywhere.
        Random::new(1).shuffle(&mut landmarks);
        let made = self.make(&landmarks, budget);
        self.count_max -= made;
        self.kept.clear();
        let mut ring: Vec<Cell> =
            landmarks.into_iter().filter(|landmark| self.by_goal[*landmark as usize].is_some()).collect();
        ring.iter().for_each(|landmark| self.landmarks[*landmark as usize] = *landmark);
        while !ring.is_empty() {
            let mut next = Vec::new();
            for cell in ring {
                for beside in grid.neighbours(cell).iter().copied().filter(|beside| *beside != NO_CELL) {
                    if self.landmarks[beside as usize] == NO_CELL {
                        self.landmarks[beside as usize] = self.landmarks[cell as usize];
                        next.push(beside);
                    }
                }
            }
            ring = next;
        }
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
            if self.used[goal as usize] != self.round && self.landmarks[goal as usize] != goal {
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

/// No more than so many cells, spread evenly: those nearest to the middle of each square of the floor.
fn spread(grid: &Grid, count_max: usize) -> Vec<Cell> {
    let mut side = (grid.len() as f64 / count_max as f64).sqrt().ceil().max(1.0) as usize;
    loop {
        let mut nearest: BTreeMap<(usize, usize), (usize, Cell)> = BTreeMap::new();
        for cell in 0..grid.len() as Cell {
            let (row, column) = grid.place(cell);
            let off = (row % side).abs_diff(side / 2) + (column % side).abs_diff(side / 2);
            let there = nearest.entry((row / side, column / side)).or_insert((off, cell));
            *there = (off, cell).min(*there);
        }
        if nearest.len() <= count_max {
            return nearest.into_values().map(|(_, cell)| cell).collect();
        }
        side += 1;
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
    fn after_a_survey_every_way_is_known_roughly_and_landmarks_stay() {
        // A wall with one door: rows plus columns say little about the other side.
        let grid = Grid::new(24, 24, |row, column| column != 12 || row == 0).unwrap();
        let budget = Budget::new(&WallClock, Duration::from_secs(60));
        let bytes = |fields: usize| fields * Field::bytes(grid.len());
        let (mut fields, mut all) = (Fields::new(&grid, 2, bytes(512)), Fields::new(&grid, 2, bytes(6_000)));
        let (goal, from) =
            (grid.cell(20, 3).unwrap(), State { cell: grid.cell(20, 20).unwrap(), heading: Heading::West });
        assert_eq!(fields.way(goal).distance(&grid, from), guess(&grid, from, goal));
        fields.survey(&grid, budget);
        all.survey(&grid, budget);
        assert!(all.way(goal).is_exact() && !fields.way(goal).is_exact());
        let exact = all.way(goal).distance(&grid, from);
        assert!(exact > guess(&grid, from, goal) + 20);
        assert!(fields.way(goal).distance(&grid, from).abs_diff(exact) <= 4);
        assert!(fields.way(goal).nearest(&grid, from.cell).abs_diff(all.way(goal).nearest(&grid, from.cell)) <= 4);
        let landmark = fields.landmarks[goal as usize];
        for round in 0..20 {
            fields.prepare((0..500).map(|cell| (cell + 50 * round) % grid.len() as Cell), budget);
        }
        assert!(fields.evicted() > 0 && fields.way(landmark).is_exact());
        assert!(fields.by_goal.iter().flatten().count() <= 512);
    }

    #[test]
    fn on_another_floor_fields_that_are_wanted_are_repaired_and_others_forgotten() {
        let mut grid = Grid::new(8, 8, |_, _| true).unwrap();
        let budget = Budget::new(&WallClock, Duration::from_secs(60));
        let mut fields = Fields::new(&grid, 1, 20 * Field::bytes(64));
        fields.share(Arc::new(Shelf::new(&grid, 20 * Field::bytes(64))));
        fields.prepare([3, 9].into_iter(), budget);
        fields.prepare([9, 12].into_iter(), budget);
        Heading::ALL.into_iter().for_each(|heading| grid.close(10, heading));
        fields.follow(&grid);
        assert_eq!(fields.get(3), None);
        let mut maker = FieldMaker::new(&grid);
        fields.prepare([3, 9].into_iter(), budget);
        for goal in [3, 9, 12] {
            assert_eq!(fields.get(goal), Some(&maker.make(goal)));
        }
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
