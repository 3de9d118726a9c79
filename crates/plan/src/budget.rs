//! The time that a solver may take, told by a clock that is passed in.

use std::time::Duration;

use model::{Clock, Timestamp};

/// A moment by which a solver shall have answered. Solvers look at it often and stop soon after it.
#[derive(Debug, Clone, Copy)]
pub struct Budget<'a> {
    clock: &'a dyn Clock,
    end: Timestamp,
}

impl<'a> Budget<'a> {
    /// So much time from now.
    pub fn new(clock: &'a dyn Clock, time: Duration) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self { clock, end: Timestamp(clock.now().0.saturating_add(micros)) }
    }

    /// Whether the time is out.
    pub fn is_over(&self) -> bool {
        self.clock.now() >= self.end
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.end.0 - self.clock.now().0).unwrap_or(0))
    }

    /// A budget within this one: a share of what is left now.
    pub fn share(&self, share: f64) -> Self {
        let left = (self.end.0 - self.clock.now().0).max(0) as f64;
        Self { clock: self.clock, end: Timestamp(self.end.0 - (left * (1.0 - share.clamp(0.0, 1.0))) as i64) }
    }

    /// A budget within this one: so much time from now, or what is left when that is less.
    pub fn at_most(&self, time: Duration) -> Self {
        let own = Self::new(self.clock, time);
        if own.end < self.end { own } else { *self }
    }
}
