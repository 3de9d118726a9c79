//! The newest records of a thing, so that "what happened, and why" needs no disk.

use std::collections::VecDeque;

use model::{Position, Record};

/// The most records kept of one thing.
pub const RECENT_PER_THING_MAX: usize = 64;

/// The most records kept of all things together; with many things each keeps fewer.
pub const RECENT_TOTAL_MAX: usize = 131_072;

/// How many records each of `things` things may keep.
pub fn share(things: usize) -> usize {
    (RECENT_TOTAL_MAX / things.max(1)).clamp(1, RECENT_PER_THING_MAX)
}

/// The newest records of one thing, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    records: VecDeque<Record>,
    /// Everything the thing said after this position is in the ring.
    complete_after: Position,
}

impl Recent {
    /// Nothing yet; what was said up to `after` was not seen.
    pub fn starting_after(after: Position) -> Self {
        Self { records: VecDeque::new(), complete_after: after }
    }

    /// Adds a record and lets go of the oldest ones over `limit`.
    pub fn push(&mut self, record: Record, limit: usize) {
        while self.records.len() >= limit.max(1) {
            if let Some(gone) = self.records.pop_front() {
                self.complete_after = gone.position;
            }
        }
        self.records.push_back(record);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Every record of the thing with a position greater than this is in the ring.
    pub fn complete_after(&self) -> Position {
        self.complete_after
    }
}
