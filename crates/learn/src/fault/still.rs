//! Whether a stream repeats itself for longer than chance allows.
//!
//! How often a reading repeats the one before is counted by the length of the interval between them: a meter that is
//! read every second repeats itself more than one that is read every hour, and a thing that tells only changes repeats
//! itself when it has been asked, or after long silence. A run of repeats is as unlikely as the product of its chances.

use crate::codec::packed;

/// Intervals are told apart by powers of two seconds.
const CLASSES: usize = 12;
/// So many readings at an interval say how often they repeat.
const READINGS_MIN: f32 = 32.0;
/// Readings that are counted before older ones weigh half.
const READINGS_MAX: f32 = 4096.0;
/// Where no more than this share repeats, readings are new because they are told or measured anew, and would be new after
/// any interval. Where more does, they are new because time has passed, and less of it leaves them alike.
const NEWS_SHARE: f32 = 0.03;
/// A value is stuck after so many repeats, at least.
pub(super) const REPEATS_MIN: u32 = 8;

/// How often readings repeat, and the run of repeats that goes on.
#[derive(Debug, Clone)]
pub(super) struct Stillness {
    readings: [f32; CLASSES],
    repeats: [f32; CLASSES],
    /// Repeats where the stream rests: they say nothing about other values.
    rested: [f32; CLASSES],
    /// Repeats of this run, by interval. They are learned when it ends: what is stuck must not make itself ordinary.
    run: [u16; CLASSES],
    run_length: u32,
    value: f64,
    /// The negative decimal logarithm of the chance of this run.
    evidence: f64,
    since_microseconds: i64,
    /// Where the stream stood still the longest while it was learned, and for how many readings: there it rests.
    resting: f64,
    resting_length: u32,
}

packed!(Stillness {
    readings,
    repeats,
    rested,
    run,
    run_length,
    value,
    evidence,
    since_microseconds,
    resting,
    resting_length
});

impl Stillness {
    pub(super) fn new() -> Self {
        Self {
            readings: [0.0; CLASSES],
            repeats: [0.0; CLASSES],
            rested: [0.0; CLASSES],
            run: [0; CLASSES],
            run_length: 0,
            value: 0.0,
            evidence: 0.0,
            since_microseconds: 0,
            resting: 0.0,
            resting_length: 0,
        }
    }

    /// Since when the value is what it is.
    pub(super) fn since_microseconds(&self) -> i64 {
        self.since_microseconds
    }

    /// Whether the run is long enough to be called one.
    pub(super) fn is_run(&self) -> bool {
        self.run_length >= REPEATS_MIN
    }

    /// Whether this is where the stream rests.
    pub(super) fn rests(&self, value: f64) -> bool {
        value == self.resting && self.resting_length >= REPEATS_MIN
    }

    /// Takes a reading; how unlikely the run is that it belongs to.
    pub(super) fn observe(&mut self, time: i64, seconds: f64, value: f64, is_repeat: bool, learning: bool) -> f64 {
        let class = (seconds.max(1.0).log2() as usize).min(CLASSES - 1);
        if !is_repeat {
            self.end_run(self.rests(self.value));
            self.value = value;
            self.readings[class] += 1.0;
            self.since_microseconds = time;
            return 0.0;
        }
        self.run_length = self.run_length.saturating_add(1);
        if learning && self.run_length > self.resting_length {
            (self.resting, self.resting_length) = (value, self.run_length);
        }
        self.run[class] = self.run[class].saturating_add(1);
        self.evidence -= self.repeat_chance(class, seconds, self.rests(value)).log10();
        self.evidence
    }

    fn end_run(&mut self, was_rest: bool) {
        for class in 0..CLASSES {
            let repeats = f32::from(std::mem::take(&mut self.run[class]));
            if was_rest {
                self.rested[class] += repeats;
                continue;
            }
            self.repeats[class] += repeats;
            self.readings[class] += repeats;
            if self.readings[class] > READINGS_MAX {
                self.readings[class] /= 2.0;
                self.repeats[class] /= 2.0;
                self.rested[class] /= 2.0;
            }
        }
        (self.run_length, self.evidence) = (0, 0.0);
    }

    /// The chance that a reading repeats the one before after such an interval. Where such intervals were not seen often
    /// enough, the next longer ones speak for them, and then the next shorter ones. Where the stream rests, and is known to
    /// do so at this pace, nothing is unlikely.
    fn repeat_chance(&self, class: usize, seconds: f64, rests: bool) -> f64 {
        let (mut readings, mut repeats, mut rested, mut longest) = (0.0, 0.0, 0.0, class);
        for known in (class..CLASSES).chain((0..class).rev()) {
            if readings >= READINGS_MIN {
                break;
            }
            readings += self.readings[known];
            repeats += self.repeats[known];
            rested += self.rested[known];
            if self.readings[known] > 0.0 {
                longest = longest.max(known);
            }
        }
        if readings < READINGS_MIN || (rests && rested >= READINGS_MIN) {
            return 1.0;
        }
        let chance = (f64::from(repeats) + 0.5) / (f64::from(readings) + 1.0);
        if longest > class && repeats > NEWS_SHARE * readings {
            return chance.powf(seconds.max(1.0) / f64::from(1_u32 << longest));
        }
        chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const SECOND: i64 = 1_000_000;

    /// How unlikely a run of so many repeats is, one a second, after a past in which readings came every `seconds` and
    /// repeated themselves with a chance.
    fn evidence_after(seconds: i64, chance: f64, repeats: usize) -> f64 {
        let (mut still, mut random, mut time) = (Stillness::new(), Chance::new(3), 0);
        for number in 0..2_000 {
            time += seconds * SECOND;
            still.observe(time, seconds as f64, f64::from(number), random.unit() < chance, false);
        }
        still.observe(time + SECOND, 1.0, -1.0, false, false);
        (0..repeats).map(|_| still.observe(time, 1.0, -1.0, true, false)).last().unwrap()
    }

    #[test]
    fn what_never_repeats_is_stuck_soon_and_what_changes_with_time_is_given_time() {
        assert!(evidence_after(60, 0.0, 8) > 20.0, "only changes were told");
        assert!(evidence_after(1, 0.1, 12) > 10.0, "one in ten repeats at this pace");
        assert!(evidence_after(1, 0.9, 12) < 1.0, "it mostly repeats");
        assert!(evidence_after(60, 0.3, 30) < 1.0, "half a minute is nothing to what changes every minute");
        assert!(evidence_after(60, 0.3, 1_800) > 10.0, "half an hour is");
    }

    #[test]
    fn where_it_rests_it_is_not_stuck_and_a_long_run_teaches_when_it_ends() {
        let mut still = Stillness::new();
        let mut value = 0.0;
        for number in 0..1_000_i64 {
            let rests = number % 100 < 40;
            value = if rests { 0.0 } else { number as f64 };
            still.observe(number * SECOND, 1.0, value, rests && number % 100 > 0, true);
        }
        still.observe(1_001 * SECOND, 1.0, 0.0, false, false);
        let rest = (0..500).map(|_| still.observe(0, 1.0, 0.0, true, false)).last();
        assert_eq!(rest, Some(0.0));
        still.observe(0, 1.0, value, false, false);
        let stuck = (0..30).map(|_| still.observe(0, 1.0, value, true, false)).last().unwrap();
        assert!(stuck > 20.0, "{stuck}");
        still.observe(0, 1.0, 5.0, false, false);
        let again = (0..30).map(|_| still.observe(0, 1.0, 5.0, true, false)).last().unwrap();
        assert!(again < stuck, "{again}");
    }
}
