//! Steps of equal length into the future.

use model::Timestamp;

/// Most steps that a plan looks ahead: three days of quarters of an hour.
pub const STEPS_MAX: usize = 288;

/// Steps of equal length. They are lengths of time, not of the wall clock: a day of 23 or 25 hours has 92 or 100 quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// When the first step begins.
    pub start: Timestamp,
    /// How long each step is.
    pub step_seconds: u32,
    /// How many there are, up to [`STEPS_MAX`].
    pub steps: usize,
}

impl Horizon {
    /// The length of a step in hours, which turns power into energy.
    pub fn step_hours(&self) -> f64 {
        f64::from(self.step_seconds) / 3_600.0
    }

    /// When a step begins; the end of the horizon for the step behind the last.
    pub fn begin(&self, step: usize) -> Timestamp {
        self.start + std::time::Duration::from_secs(u64::from(self.step_seconds) * step as u64)
    }

    /// The step that a moment falls into; none before the start or behind the end.
    pub fn step_at(&self, time: Timestamp) -> Option<usize> {
        if time < self.start {
            return None;
        }
        let step = (time.since(self.start).as_secs() / u64::from(self.step_seconds)) as usize;
        (step < self.steps).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_belongs_to_the_step_that_it_falls_into() {
        let start = Timestamp::from_seconds(1_790_000_000);
        let horizon = Horizon { start, step_seconds: 900, steps: 4 };
        let at = |seconds: i64| horizon.step_at(Timestamp::from_seconds(1_790_000_000 + seconds));
        assert_eq!(
            [at(-1), at(0), at(899), at(900), at(3_599), at(3_600)],
            [None, Some(0), Some(0), Some(1), Some(3), None]
        );
        assert_eq!(horizon.begin(4), Timestamp::from_seconds(1_790_003_600));
    }
}
