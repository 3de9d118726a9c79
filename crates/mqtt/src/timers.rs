//! One wheel of timers for the whole broker: no task and no system timer per connection.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use parking_lot::Mutex;

/// Timers are rounded up to this many microseconds.
const SLOT_US: i64 = 100_000;

/// No timer runs longer.
const LONGEST: Duration = Duration::from_mins(2);

/// Things that are due at some time. Cancelling is lazy: whoever gets a timer checks whether it still matters.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    slots: Mutex<BTreeMap<i64, Vec<T>>>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T> Timers<T> {
    /// Sets a timer `delay` after `now`, or after [`LONGEST`]: whoever gets it early sets it again. So what nobody
    /// waits for any more is soon forgotten, however far away it was.
    pub(crate) fn set(&self, now: Timestamp, delay: Duration, timer: T) {
        let slot = (now + delay.min(LONGEST)).0.saturating_add(SLOT_US - 1).div_euclid(SLOT_US);
        self.slots.lock().entry(slot).or_default().push(timer);
    }

    /// Takes everything that is due.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<T> {
        let end = now.0.div_euclid(SLOT_US);
        let mut slots = self.slots.lock();
        let mut due = Vec::new();
        while let Some(slot) = slots.first_entry().filter(|slot| *slot.key() <= end) {
            due.append(&mut slot.remove());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_never_early() {
        let timers = Timers::default();
        let start = Timestamp::from_seconds(1);
        timers.set(start, Duration::from_millis(250), "b");
        timers.set(start, Duration::from_millis(150), "a");
        timers.set(start, Duration::from_secs(9), "c");
        assert!(timers.due(start + Duration::from_millis(149)).is_empty());
        assert_eq!(timers.due(start + Duration::from_millis(300)), ["a", "b"]);
        assert_eq!(timers.due(start + Duration::from_secs(9)), ["c"]);
    }
}
