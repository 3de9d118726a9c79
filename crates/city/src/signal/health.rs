//! Which detectors can be believed.
//!
//! Traffic moves: a detector that tells the same moving vehicles for long is stuck, one whose counter runs backwards or
//! leaps tells nonsense, and one that says nothing is dead. Whoever was caught is not believed for a while.

use super::LaneCount;

/// Moving vehicles cannot be counted the same for so many seconds.
const SAME_MOVING_SECONDS_MAX: u32 = 15;
/// Vehicles that stand cannot be counted the same for so many seconds: nobody has red for so long. Shorter is no sign; who
/// waits for a gap may stand through a whole green.
const SAME_STANDING_SECONDS_MAX: u32 = 180;
/// No more vehicles than this pass the end of one lane in a second.
const PASSED_MAX: u64 = 5;
/// For how long a detector that was caught is not believed.
const DOUBT_SECONDS: u32 = 900;
/// A detector is dead after so many seconds of silence.
const SILENT_SECONDS_MAX: u32 = 3;

/// What is known of one detector.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Health {
    last: LaneCount,
    same_seconds: u32,
    silent_seconds: u32,
    doubt_seconds: u32,
}

impl Health {
    /// Takes in what was told in one second.
    pub(super) fn tell(&mut self, count: Option<&LaneCount>) {
        self.doubt_seconds = self.doubt_seconds.saturating_sub(1);
        let Some(count) = count else {
            self.silent_seconds = self.silent_seconds.saturating_add(1);
            return;
        };
        let is_first = self.silent_seconds == 0 && self.last.zones.is_empty();
        self.silent_seconds = 0;
        let leaps = count.passed < self.last.passed || count.passed > self.last.passed + PASSED_MAX;
        if leaps && !is_first {
            self.doubt_seconds = DOUBT_SECONDS;
        }
        if *count == self.last {
            self.same_seconds += 1;
        } else {
            self.same_seconds = 0;
            self.last = count.clone();
        }
        let moves = count.zones.iter().any(|zone| zone.moving > 0.0);
        let stands = count.zones.iter().any(|zone| zone.standing > 0.0);
        let is_stuck = (moves && self.same_seconds > SAME_MOVING_SECONDS_MAX)
            || (stands && self.same_seconds > SAME_STANDING_SECONDS_MAX);
        if is_stuck {
            self.doubt_seconds = DOUBT_SECONDS;
        }
    }

    /// Whether what it tells counts.
    pub(super) const fn is_believed(&self) -> bool {
        self.doubt_seconds == 0 && self.silent_seconds <= SILENT_SECONDS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::super::Zone;
    use super::*;

    fn count(passed: u64, moving: f64, standing: f64) -> LaneCount {
        LaneCount { zones: vec![Zone { moving, standing }], passed }
    }

    #[test]
    fn who_is_stuck_silent_or_leaps_is_not_believed() {
        let mut stuck = Health::default();
        let mut waiting = Health::default();
        let mut leaping = Health::default();
        let mut silent = Health::default();
        for second in 0..60 {
            stuck.tell(Some(&count(4, 2.0, 0.0)));
            // Who stands at red may well stand the same for a minute.
            waiting.tell(Some(&count(4, 0.0, 3.0)));
            leaping.tell(Some(&count(second * 37 % 90, 1.0, 0.0)));
            silent.tell(None);
        }
        assert!(!stuck.is_believed() && !leaping.is_believed() && !silent.is_believed());
        assert!(waiting.is_believed());
        for _ in 0..200 {
            waiting.tell(Some(&count(4, 0.0, 3.0)));
        }
        assert!(!waiting.is_believed(), "nobody stands the same for minutes");
    }
}
