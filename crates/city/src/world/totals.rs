//! What came of a run.

/// Sums over all vehicles.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Trips that are over.
    pub finished: u64,
    /// Trips that have begun, or could not begin, and are not over.
    pub unfinished: u64,
    /// Vehicles for which there was no place to wait.
    pub turned_away: u64,
    /// Time beyond free driving, late departure included, in seconds (RESCO's delay: time loss and departure delay).
    pub delay_seconds: f64,
    /// How often somebody had to stop.
    pub stops: u64,
    /// Wishes that the safety layer refused.
    pub refused: u64,
    /// For each signal: how long all waited in front of it, how many, and how long the last to go waited at the longest.
    pub waits: Vec<(f64, u64, f64)>,
}

impl Totals {
    pub(super) fn new(signals: usize) -> Self {
        Self { waits: vec![(0.0, 0, 0.0); signals], ..Self::default() }
    }

    pub(super) fn wait(&mut self, signal: usize, seconds: f64) {
        let (sum, count, longest) = &mut self.waits[signal];
        *sum += seconds;
        *count += 1;
        *longest = longest.max(seconds);
    }

    /// The mean delay over all vehicles that wanted to drive, in seconds.
    pub fn delay_mean(&self) -> f64 {
        self.delay_seconds / (self.finished + self.unfinished).max(1) as f64
    }

    /// The longest that anybody waited in front of a signal, in seconds.
    pub fn wait_longest(&self) -> f64 {
        self.waits.iter().map(|(_, _, longest)| *longest).fold(0.0, f64::max)
    }
}
