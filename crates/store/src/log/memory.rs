//! The log in memory: a bounded ring for tests and throw-away sites. What is appended is "durable" at once.

use model::{Entry, Position};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::tail::{Search, Tail, weight};
use super::{Backwards, Bounds, ENTRY_BYTES_MAX, Log, LogError, Retention, Urgency};

/// How many bytes a [`MemoryLog`] keeps unless told otherwise.
const MEMORY_BYTES_DEFAULT: usize = 64 * 1024 * 1024;

/// How many entries [`Log::read_back`] takes out of the ring at a time, so that its predicate runs unlocked.
const BACK_ENTRIES: usize = 512;

/// A log that forgets its oldest entries when it is full, and everything when the process ends.
#[derive(Debug)]
pub struct MemoryLog {
    ring: Mutex<Ring>,
    durable: watch::Sender<Position>,
}

#[derive(Debug)]
struct Ring {
    entries: Tail,
    next: Position,
}

impl Ring {
    fn first(&self) -> Position {
        self.entries.front().map_or(self.next, |entry| entry.position)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new(MEMORY_BYTES_DEFAULT)
    }
}

impl MemoryLog {
    /// An empty log that keeps about `bytes_max` bytes of entries.
    pub fn new(bytes_max: usize) -> Self {
        let next = Position::START.next();
        Self { ring: Mutex::new(Ring { entries: Tail::new(bytes_max), next }), durable: watch::Sender::new(next) }
    }
}

impl Log for MemoryLog {
    fn append(&self, mut entry: Entry, _urgency: Urgency) -> Result<Position, LogError> {
        let bytes = weight(&entry);
        if bytes > ENTRY_BYTES_MAX {
            return Err(LogError::TooLarge { bytes, limit: ENTRY_BYTES_MAX });
        }
        let mut ring = self.ring.lock();
        let position = ring.next;
        entry.position = position;
        ring.next = position.next();
        ring.entries.push(entry);
        // Under the lock, so that the watched value never goes backwards.
        self.durable.send_replace(position.next());
        Ok(position)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.subscribe()
    }

    fn read(&self, from: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
        let ring = self.ring.lock();
        let first = ring.first();
        let from = if from == Position::START { first } else { from };
        if from < first {
            return Err(LogError::Gone { asked: from, first });
        }
        Ok(ring.entries.read(from, limit).unwrap_or_default())
    }

    fn read_back(
        &self,
        before: Position,
        limit: usize,
        budget_bytes: usize,
        wanted: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<Backwards, LogError> {
        let mut search = Search::new(before, limit, budget_bytes, wanted);
        while !search.is_over() {
            let found = self.ring.lock().entries.before(search.before, BACK_ENTRIES);
            if found.is_empty() {
                break;
            }
            for entry in found {
                if !search.look(entry) {
                    break;
                }
            }
        }
        Ok(search.finish(self.ring.lock().first()))
    }

    fn bounds(&self) -> Bounds {
        let ring = self.ring.lock();
        Bounds { first: ring.first(), next: ring.next, durable: ring.next, bytes: ring.entries.bytes() as u64 }
    }

    fn sync(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn retain(&self, policy: &Retention) -> Result<u64, LogError> {
        let mut ring = self.ring.lock();
        let mut gone = 0;
        while let Some(oldest) = ring.entries.front() {
            let unwanted = oldest.received < policy.received_before || ring.entries.bytes() as u64 > policy.bytes_max;
            if !unwanted || oldest.position >= policy.needed_from {
                break;
            }
            ring.entries.pop();
            gone += 1;
        }
        Ok(gone)
    }
}
