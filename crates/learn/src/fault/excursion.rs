//! What becomes of a value that jumped: it returns, goes on, stays, or is restless.
//!
//! One sample cannot tell a spike from the first step of a drift or from a new level; those that follow do. So a jump is
//! held back until it has shown what it is.

use super::{Fault, FaultOrShift};
use crate::codec::packed;

/// A value is away while it is further from where it jumped than this share of the jump.
const AWAY_SHARE: f64 = 0.5;
/// It goes on when it is further away by more than this share.
const ADVANCE_SHARE: f64 = 0.05;
/// So many steps further in a row are a drift.
const ADVANCES: u8 = 3;
/// After so many samples away it stays.
const STAYS: u8 = 4;
/// After so many calm samples it has returned for good.
const CALM_SAMPLES: u8 = 3;
/// Or after so long, with the first sample that is back.
const CALM_MICROSECONDS: i64 = 60_000_000;
/// Going and returning more often than this is restless.
const CROSSINGS_MAX: u8 = 2;
/// After so many samples it is called by its name, whatever it is.
const SAMPLES_MAX: u8 = 20;

/// A jump that has not shown yet what it is.
#[derive(Debug, Clone)]
pub(super) struct Excursion {
    pub(super) since_microseconds: i64,
    pub(super) rarity: f64,
    pub(super) deviation: f64,
    /// The value before.
    pub(super) base: f64,
    /// The furthest value.
    pub(super) peak: f64,
    is_away: bool,
    samples: u8,
    advances: u8,
    stays: u8,
    calm: u8,
    crossings: u8,
}

packed!(Excursion {
    since_microseconds,
    rarity,
    deviation,
    base,
    peak,
    is_away,
    samples,
    advances,
    stays,
    calm,
    crossings
});

impl Excursion {
    pub(super) fn new(time: i64, (base, value): (f64, f64), rarity: f64, deviation: f64) -> Self {
        Self {
            since_microseconds: time,
            rarity,
            deviation,
            base,
            peak: value,
            is_away: true,
            samples: 0,
            advances: 0,
            stays: 0,
            calm: 0,
            crossings: 0,
        }
    }

    /// Takes the next sample; what it was, once that is known.
    pub(super) fn observe(&mut self, time: i64, value: f64) -> Option<FaultOrShift> {
        self.samples += 1;
        let travelled = (value - self.base) / (self.peak - self.base);
        let is_away = travelled.abs() > AWAY_SHARE;
        if is_away != self.is_away {
            self.crossings += 1;
            self.is_away = is_away;
        }
        if travelled > 1.0 + ADVANCE_SHARE {
            self.advances += 1;
            self.peak = value;
        } else if is_away {
            self.stays += 1;
        }
        self.calm = if is_away { 0 } else { self.calm + 1 };
        let has_time_passed = time - self.since_microseconds >= CALM_MICROSECONDS;
        if self.crossings > CROSSINGS_MAX {
            // The window of the scatter names it: noise, or an oscillation.
            return (self.samples >= SAMPLES_MAX).then_some(FaultOrShift::Fault(Fault::Noise));
        }
        if !is_away && (self.calm >= CALM_SAMPLES || has_time_passed) {
            return Some(FaultOrShift::Fault(Fault::Spike));
        }
        if self.crossings == 0 && self.advances >= ADVANCES {
            return Some(FaultOrShift::Fault(Fault::Drift));
        }
        if self.stays >= STAYS && self.crossings == 0 || self.samples >= SAMPLES_MAX {
            return Some(if self.peak > self.base { FaultOrShift::ShiftedUp } else { FaultOrShift::ShiftedDown });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is told to be that jumps from 0 to the first of these values, one a second; and after how many samples.
    fn named(values: &[f64]) -> Option<(FaultOrShift, usize)> {
        let mut excursion = Excursion::new(0, (0.0, values[0]), 5.0, 1.0);
        let mut next = values.iter().enumerate().skip(1);
        next.find_map(|(at, value)| Some((excursion.observe(at as i64 * 1_000_000, *value)?, at)))
    }

    #[test]
    fn a_jump_is_named_by_what_follows() {
        let spike = FaultOrShift::Fault(Fault::Spike);
        assert_eq!(named(&[9.0, 0.1, 0.0, 0.1]), Some((spike, 3)));
        assert_eq!(named(&[9.0, 8.0, 0.0, 0.1, -0.1]), Some((spike, 4)), "two samples are a spike, too");
        assert_eq!(named(&[1.0, 2.1, 2.9, 4.2]), Some((FaultOrShift::Fault(Fault::Drift), 3)));
        assert_eq!(named(&[-1.0, -2.1, -2.9, -4.2]), Some((FaultOrShift::Fault(Fault::Drift), 3)));
        assert_eq!(named(&[9.0, 8.9, 9.1, 9.0, 8.8]), Some((FaultOrShift::ShiftedUp, 4)));
        assert_eq!(named(&[-9.0, -8.9, -9.1, -9.0, -8.8]), Some((FaultOrShift::ShiftedDown, 4)));
        let restless: Vec<f64> = (0..30).map(|at| if at % 2 == 0 { 9.0 } else { 0.0 }).collect();
        assert_eq!(named(&restless).map(|(name, _)| name), Some(FaultOrShift::Fault(Fault::Noise)));
    }

    #[test]
    fn a_slow_stream_does_not_wait_for_long() {
        let mut excursion = Excursion::new(0, (0.0, 9.0), 5.0, 1.0);
        assert_eq!(excursion.observe(900_000_000, 0.2), Some(FaultOrShift::Fault(Fault::Spike)));
    }
}
