//! From samples at any moment to one value a slot of a regular grid; what was not seen is a gap.

use std::cmp::Ordering;

use model::Timestamp;
use serde::{Deserialize, Serialize};

const MINUTE_US: i64 = 60 * 1_000_000;
/// The steps that a grid can have, in microseconds: a quarter of an hour, an hour, a day.
const STEPS_US: [i64; 3] = [15 * MINUTE_US, 60 * MINUTE_US, 24 * 60 * MINUTE_US];
/// So many intervals between samples decide on the step.
const INTERVALS: usize = 8;
/// A sample is held to be true for so many typical intervals, and for one step at least.
const HOLD_INTERVALS: i64 = 3;
/// A slot of which less than this share was seen is a gap.
const SEEN_SHARE_MIN: f64 = 0.25;
/// A stream that was silent for longer starts again: its last values say nothing about now.
const SILENCE_US_MAX: i64 = 8 * super::DAY_US;
/// So many samples in a row must agree on a time far off before it is believed.
const WITNESSES: u8 = 3;

/// One slot that has come to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    /// Its number: the time of its start divided by the step.
    pub(super) index: i64,
    /// The mean over its time; `None` for a gap.
    pub(super) mean: Option<f64>,
}

/// What a sample brought about.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    /// The slots that ended, in order.
    pub(super) slots: Vec<Slot>,
    /// The past before these slots is too far away to be of use: the stream was silent for long, or its clock was set.
    pub(super) jumped: bool,
}

/// A time far from the others, and how many samples have told it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Elsewhere {
    last_us: i64,
    witnesses: u8,
}

/// Resamples one stream. Each sample is held until the next one, but not for long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sampler {
    step_us: Option<i64>,
    typical_us: i64,
    /// The first samples, until the step is known.
    first: Vec<(i64, f64)>,
    last: Option<(i64, f64)>,
    /// Until when slots are filled.
    filled_us: i64,
    weighted: f64,
    seen_us: i64,
    elsewhere: Option<Elsewhere>,
    /// Samples that came too late, or from another time.
    pub(super) refused: u64,
}

impl Sampler {
    pub(super) fn new(step_us: Option<i64>) -> Self {
        Self {
            step_us,
            typical_us: step_us.unwrap_or(0),
            first: Vec::new(),
            last: None,
            filled_us: 0,
            weighted: 0.0,
            seen_us: 0,
            elsewhere: None,
            refused: 0,
        }
    }

    /// The length of a slot, once it is known.
    pub(super) fn step_us(&self) -> Option<i64> {
        self.step_us
    }

    /// Takes a sample in.
    pub(super) fn observe(&mut self, time: Timestamp, value: f64) -> Sampled {
        let time_us = time.micros();
        if self.step_us.is_none() {
            return self.decide(time_us, value);
        }
        let mut sampled = Sampled::default();
        if self.is_elsewhere(time_us) {
            if !self.believe(time_us) {
                self.refused += 1;
                return sampled;
            }
            sampled.jumped = true;
            self.last = None;
        }
        self.elsewhere = None;
        match self.last {
            Some((last_us, _)) if time_us < last_us => {
                self.refused += 1;
                return sampled;
            }
            Some(_) => self.fill(time_us, &mut sampled.slots),
            None => {
                self.filled_us = time_us;
                self.weighted = 0.0;
                self.seen_us = 0;
            }
        }
        self.last = Some((time_us, value));
        sampled
    }

    /// Ends the slots that are over at `now`, without a sample.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<Slot> {
        let mut slots = Vec::new();
        if self.step_us.is_some() && self.last.is_some() && !self.is_elsewhere(now.micros()) {
            self.fill(now.micros(), &mut slots);
        }
        slots
    }

    fn decide(&mut self, time_us: i64, value: f64) -> Sampled {
        match self.first.last().map(|(last_us, _)| time_us.cmp(last_us)) {
            Some(Ordering::Equal) => return Sampled::default(),
            Some(Ordering::Less) => {
                self.refused += 1;
                // A clock that was set back: what came before cannot be compared with what comes.
                self.first.clear();
            }
            _ => {}
        }
        self.first.push((time_us, value));
        let mut sampled = Sampled::default();
        if self.first.len() <= INTERVALS {
            return sampled;
        }
        let mut intervals: Vec<i64> = self.first.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect();
        intervals.sort_unstable();
        self.typical_us = intervals[INTERVALS / 2];
        let longest = STEPS_US[STEPS_US.len() - 1];
        // A little over the step is the step still: clocks drift.
        let step_us = STEPS_US.into_iter().find(|step| self.typical_us <= step + step / 10).unwrap_or(longest);
        self.step_us = Some(step_us);
        for (time_us, value) in std::mem::take(&mut self.first) {
            let more = self.observe(Timestamp(time_us), value);
            sampled.slots.extend(more.slots);
        }
        sampled
    }

    /// Whether a time is so far from the last one that it starts another story.
    fn is_elsewhere(&self, time_us: i64) -> bool {
        self.last.is_some_and(|(last_us, _)| {
            let ahead_us = time_us.saturating_sub(last_us);
            !(-super::DAY_US..=SILENCE_US_MAX).contains(&ahead_us)
        })
    }

    fn believe(&mut self, time_us: i64) -> bool {
        let witnesses = match self.elsewhere {
            Some(other) if (0..=super::DAY_US.max(3 * self.typical_us)).contains(&(time_us - other.last_us)) => {
                other.witnesses + 1
            }
            _ => 1,
        };
        self.elsewhere = Some(Elsewhere { last_us: time_us, witnesses });
        witnesses >= WITNESSES
    }

    /// Holds the last value until `until_us`, and ends the slots on the way.
    fn fill(&mut self, until_us: i64, slots: &mut Vec<Slot>) {
        let (Some(step_us), Some((last_us, value))) = (self.step_us, self.last) else { return };
        let held_until_us = last_us.saturating_add(step_us.max(HOLD_INTERVALS * self.typical_us));
        while self.filled_us < until_us {
            let index = self.filled_us.div_euclid(step_us);
            let end_us = (index + 1) * step_us;
            let part_end_us = end_us.min(until_us);
            let held_us = (part_end_us.min(held_until_us) - self.filled_us).max(0);
            self.weighted += value * held_us as f64;
            self.seen_us += held_us;
            self.filled_us = part_end_us;
            if part_end_us == end_us {
                let share = self.seen_us as f64 / step_us as f64;
                let mean = (share >= SEEN_SHARE_MIN).then(|| self.weighted / self.seen_us as f64);
                slots.push(Slot { index, mean });
                self.weighted = 0.0;
                self.seen_us = 0;
            }
        }
    }
}
