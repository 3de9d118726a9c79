//! A clock that goes on with every look: it measures effort instead of time.

use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, Timestamp};

/// Counts looks at the clock, so that the same problem always comes out the same, however busy the machine is.
#[derive(Debug, Default)]
pub(crate) struct Effort(AtomicI64);

impl Clock for Effort {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
