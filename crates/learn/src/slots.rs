//! Series on a grid of quarters of an hour: what things tell at any time becomes one mean a slot, or a gap.

use std::ops::Range;

use model::Timestamp;

/// The length of a slot.
pub const SLOT_SECONDS: i64 = 900;
/// Slots of an ordinary day.
pub const SLOTS_PER_DAY: usize = 96;
/// The length of a slot in hours.
pub const SLOT_HOURS: f64 = 0.25;
/// The most slots that are made at once: two years.
pub const SLOTS_MAX: usize = 2 * 366 * SLOTS_PER_DAY;

const SLOT_US: i64 = SLOT_SECONDS * 1_000_000;

/// The slot that a moment falls into.
pub fn slot_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(SLOT_US)
}

/// When a slot begins.
pub fn begin_of(slot: i64) -> Timestamp {
    Timestamp(slot.saturating_mul(SLOT_US))
}

/// A range of slots, cut to what is made at once; the newest stay.
fn cut(slots: &Range<i64>) -> Range<i64> {
    let most = slots.end.saturating_sub(SLOTS_MAX as i64);
    slots.start.max(most)..slots.end
}

/// The mean of a quantity in each slot. A sample holds until the next one, and for `hold_seconds` at most; what is not finite or
/// comes before its predecessor is left out. A slot that is covered by less than half is a gap.
pub fn means(samples: &[(Timestamp, f64)], slots: &Range<i64>, hold_seconds: f64) -> Vec<Option<f64>> {
    let slots = cut(slots);
    let mut sums = Sums::new(&slots);
    let hold_us = (hold_seconds.max(0.0) * 1e6) as i64;
    let mut last: Option<(i64, f64)> = None;
    for (time, value) in samples {
        let time = time.micros();
        if let Some((from, held)) = last {
            if time < from {
                continue;
            }
            sums.add(from, time.min(from.saturating_add(hold_us)), held);
        }
        last = value.is_finite().then_some((time, *value));
    }
    if let Some((from, held)) = last {
        sums.add(from, from.saturating_add(hold_us).min(slots.end.saturating_mul(SLOT_US)), held);
    }
    sums.means()
}

/// What a counter of energy says.
#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    /// Mean power in each slot, in watts.
    pub watts: Vec<Option<f64>>,
    /// How often the counter ran backwards or began anew: what lies between is a gap.
    pub backwards: u32,
    /// How often it jumped further than the power allows: what lies between is a gap.
    pub jumps: u32,
}

/// The power behind a counter of kilowatt hours. Two readings further apart than `hold_seconds` leave a gap, and so do those
/// between which it ran backwards or faster than `watts_max`.
pub fn from_counter(readings: &[(Timestamp, f64)], slots: &Range<i64>, hold_seconds: f64, watts_max: f64) -> Metered {
    let slots = cut(slots);
    let mut sums = Sums::new(&slots);
    let hold_us = (hold_seconds.max(0.0) * 1e6) as i64;
    let (mut backwards, mut jumps) = (0, 0);
    let mut last: Option<(i64, f64)> = None;
    for (time, value) in readings.iter().filter(|(_, value)| value.is_finite()) {
        let time = time.micros();
        let Some((from, before)) = last else {
            last = Some((time, *value));
            continue;
        };
        if time <= from {
            continue;
        }
        let watts = (value - before) * 3.6e12 / (time - from) as f64;
        if watts < 0.0 {
            backwards += 1;
        } else if watts > watts_max {
            jumps += 1;
        } else if time - from <= hold_us {
            sums.add(from, time, watts);
        }
        last = Some((time, *value));
    }
    Metered { watts: sums.means(), backwards, jumps }
}

/// Sums of value times time, and the time covered, for each slot.
struct Sums {
    first: i64,
    totals: Vec<f64>,
    covered_us: Vec<i64>,
}

impl Sums {
    fn new(slots: &Range<i64>) -> Self {
        let count = usize::try_from(slots.end - slots.start).unwrap_or(0);
        Self { first: slots.start, totals: vec![0.0; count], covered_us: vec![0; count] }
    }

    /// The value held from one moment to another.
    fn add(&mut self, from: i64, to: i64, value: f64) {
        let (begin, end) = (self.first * SLOT_US, (self.first + self.totals.len() as i64) * SLOT_US);
        let (mut from, to) = (from.max(begin), to.min(end));
        while from < to {
            let slot = from.div_euclid(SLOT_US);
            let until = ((slot + 1) * SLOT_US).min(to);
            let at = (slot - self.first) as usize;
            self.totals[at] += value * (until - from) as f64;
            self.covered_us[at] += until - from;
            from = until;
        }
    }

    fn means(self) -> Vec<Option<f64>> {
        let mean = |(sum, covered): (f64, i64)| (covered * 2 >= SLOT_US).then(|| sum / covered as f64);
        self.totals.into_iter().zip(self.covered_us).map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn samples_hold_until_the_next_and_not_for_ever() {
        let samples = [(at(0), 100.0), (at(450), 300.0), (at(900), 50.0), (at(800), 9_999.0), (at(5_400), 7.0)];
        let means = means(&samples, &(0..8), 1_800.0);
        assert_eq!(means, [Some(200.0), Some(50.0), Some(50.0), None, None, None, Some(7.0), Some(7.0)]);
        assert_eq!(super::means(&[(at(0), f64::NAN)], &(0..1), 900.0), [None]);
    }

    #[test]
    fn a_counter_that_jumps_or_runs_backwards_leaves_gaps() {
        let readings = [
            (at(0), 10.0),
            (at(900), 10.5),
            (at(1_800), 10.25),
            (at(2_700), 10.75),
            (at(3_600), 900.0),
            (at(4_500), 900.25),
        ];
        let metered = from_counter(&readings, &(0..6), 3_600.0, 20_000.0);
        assert_eq!(metered.watts, [Some(2_000.0), None, Some(2_000.0), None, Some(1_000.0), None]);
        assert_eq!((metered.backwards, metered.jumps), (1, 1));
    }
}
