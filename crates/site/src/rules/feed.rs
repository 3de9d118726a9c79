//! The way from the fold to the rules: a bounded queue of what live views get, one lock a batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{Position, Record};
use parking_lot::{Condvar, Mutex};

/// The most records that wait for the rules. When there are more the oldest go, and are counted: what they said is known
/// from the twins, but no rule fires for them.
pub const RECORDS_MAX: usize = 262_144;

/// What one batch of the fold made.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// Everything up to here has been folded.
    pub(crate) newest: Position,
    /// In the order of the log.
    pub(crate) records: Arc<[Record]>,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    records: usize,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// Whether anybody wants records: no rule is live or in shadow otherwise.
    is_wanted: AtomicBool,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

impl Feed {
    /// Whether records are wanted.
    pub(crate) fn want(&self, is_wanted: bool) {
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// Takes what a batch made. Returns how many of the oldest records had to go for it.
    pub(crate) fn push(&self, newest: Position, records: &Arc<[Record]>) -> usize {
        if records.is_empty() || !self.is_wanted.load(Ordering::Relaxed) {
            return 0;
        }
        let mut waiting = self.waiting.lock();
        waiting.records += records.len();
        waiting.batches.push_back(Batch { newest, records: Arc::clone(records) });
        let mut dropped = 0;
        while waiting.records > RECORDS_MAX
            && waiting.batches.len() > 1
            && let Some(gone) = waiting.batches.pop_front()
        {
            waiting.records -= gone.records.len();
            dropped += gone.records.len();
        }
        drop(waiting);
        self.news.notify_one();
        dropped
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> VecDeque<Batch> {
        let mut waiting = self.waiting.lock();
        waiting.records = 0;
        std::mem::take(&mut waiting.batches)
    }

    /// How many records wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().records
    }

    /// Wakes whoever waits: something other than a record came.
    pub(crate) fn wake(&self) {
        self.news.notify_one();
    }

    /// Waits until something is there, at most so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.batches.is_empty() {
            self.news.wait_for(&mut waiting, at_most);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Cause, Name, Quality, RecordKind, ThingId, Timestamp, Value};

    use super::*;

    #[test]
    fn nothing_waits_when_nobody_wants_it_and_the_oldest_go_when_there_is_too_much() {
        let record = Record {
            position: Position(1),
            time: Timestamp(1),
            received: Timestamp(1),
            thing: ThingId::new("a").unwrap(),
            kind: RecordKind::Property,
            name: Name::new("x").unwrap(),
            value: Value::Null,
            quality: Quality::Good,
            cause: Arc::new(Cause::device("a")),
        };
        let records: Arc<[Record]> = vec![record; RECORDS_MAX / 4].into();
        let feed = Feed::default();
        assert_eq!((feed.push(Position(1), &records), feed.len()), (0, 0));
        feed.want(true);
        let dropped: usize = (1..=6).map(|position| feed.push(Position(position), &records)).sum();
        assert_eq!((dropped, feed.len()), (RECORDS_MAX / 2, RECORDS_MAX));
        let positions: Vec<u64> = feed.take().iter().map(|batch| batch.newest.0).collect();
        assert_eq!((positions, feed.len()), (vec![3, 4, 5, 6], 0));
    }
}
