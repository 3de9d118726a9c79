//! A clock that runs faster or slower than another one.

use std::sync::Arc;

use model::{Clock, Timestamp};

/// Virtual time in proportion to another clock's: with it a world lives an hour in a minute.
#[derive(Debug)]
pub struct ScaledClock {
    clock: Arc<dyn Clock>,
    begun: Timestamp,
    start: Timestamp,
    speed: f64,
}

impl ScaledClock {
    /// A clock that shows `start` now and goes `speed` times as fast as `clock`.
    pub fn new(clock: Arc<dyn Clock>, start: Timestamp, speed: f64) -> Self {
        Self { begun: clock.now(), clock, start, speed }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let passed = self.clock.now().0.saturating_sub(self.begun.0);
        Timestamp(self.start.0.saturating_add((passed as f64 * self.speed) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SteppedClock;
    use std::time::Duration;

    #[test]
    fn an_hour_passes_in_a_minute() {
        let wall = Arc::new(SteppedClock::new(Timestamp::from_seconds(9_000)));
        let clock = ScaledClock::new(Arc::clone(&wall) as Arc<dyn Clock>, Timestamp::from_seconds(50), 60.0);
        wall.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(50 + 3_600));
    }
}
