//! One stream under watch: samples in, findings out.

use serde::{Deserialize, Serialize};

use crate::anomaly::{Detector, View};
use crate::codec::{CodecError, from_bytes, packed, to_bytes};
use crate::fault::{FIGURES, Fault, Faults, Found, Sample};

/// The version of the bytes.
const VERSION: u8 = 1;
/// Nobody is told of anything before so many learning periods: one day is not enough to know the next.
const TOLD_AFTER_PERIODS: u32 = 3;
/// Samples that the length of a step is taken from.
const FIRST_SAMPLES: u16 = 16;
/// The shortest step. Samples that come faster are gathered.
const STEP_SECONDS_MIN: f64 = 120.0;
/// A learning period is a day, within these bounds.
const WARMUP_SECONDS: f64 = 86_400.0;
const WARMUP_STEPS_MIN: f64 = 150.0;
const WARMUP_STEPS_MAX: f64 = 720.0;
/// What shares the alarms that are allowed: the figures of faults, and the detector.
const TESTS: f64 = FIGURES as f64 + 1.0;
/// A sample that is so much later than the last one is a clock that jumped, not a gap.
const JUMP_SECONDS_MAX: f64 = 366.0 * 86_400.0;
/// A stream is judged after so many changes; one that only grew by then, or only fell, is a counter.
const CHANGES_MIN: u32 = 8;
/// Changes against its direction that a counter may have, of a hundred: each is a reset.
const RESETS_PERCENT: u32 = 5;

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "kind")]
pub enum Kind {
    /// Something is broken.
    Fault(Fault),
    /// Something is unusual.
    Anomaly(View),
}

/// Something that a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// When it was found.
    pub time_microseconds: i64,
    /// Since when it is so.
    pub since_microseconds: i64,
    /// What came.
    pub came: f64,
    /// What was expected.
    pub expected: f64,
    /// The least that would have been ordinary.
    pub low: f64,
    /// The most that would have been ordinary.
    pub high: f64,
    /// The negative decimal logarithm of the chance of such a step.
    pub surprise: f64,
    /// How often a month such a thing is to be expected by chance.
    pub per_month: f64,
    /// How large it is in its own measure; [`Stream::label`] takes it back.
    pub deviation: f64,
}

/// How a stream is watched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How many alarms by chance are borne in a month.
    pub alarms_per_month: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { alarms_per_month: 0.25 }
    }
}

packed!(Settings { alarms_per_month });

/// A stream under watch. Its bytes ([`Stream::to_bytes`]) are at most [`STATE_BYTES_MAX`].
#[derive(Debug, Clone)]
pub struct Stream {
    settings: Settings,
    /// How long a step is, once it is known, and what it is watched with.
    watch: Option<Watch>,
    first: Vec<i64>,
    last_microseconds: i64,
    last_value: f64,
    samples: u32,
    grew: u32,
    fell: u32,
    refused: u32,
}

packed!(Stream { settings, watch, first, last_microseconds, last_value, samples, grew, fell, refused });

/// The most bytes of a stream's state.
pub const STATE_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone)]
struct Watch {
    step_microseconds: i64,
    warmup_steps: u32,
    /// Whether the differences are watched instead of the values.
    counter: bool,
    /// Which way a counter counts, and how far it went last.
    direction: f64,
    growth: f64,
    /// The value that all others are taken from, so that small changes of large values are not lost.
    origin: f64,
    detector: Detector,
    faults: Faults,
    step: i64,
    sum: f64,
    count: u32,
    /// What the stream is while it says nothing.
    last: f64,
    /// Since when steps have not been ordinary.
    shape_since_microseconds: i64,
    /// When a value last jumped.
    jumped_microseconds: i64,
}

packed!(Watch {
    step_microseconds,
    warmup_steps,
    counter,
    direction,
    growth,
    origin,
    detector,
    faults,
    step,
    sum,
    count,
    last,
    shape_since_microseconds,
    jumped_microseconds
});

impl Stream {
    /// A stream of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            watch: None,
            first: Vec::new(),
            last_microseconds: i64::MIN,
            last_value: 0.0,
            samples: 0,
            grew: 0,
            fell: 0,
            refused: 0,
        }
    }

    /// Takes a sample. `received_microseconds` is when it arrived, by our clock, if that is known.
    ///
    /// Values that are not numbers and samples that are older than the last one are counted and not learned from.
    pub fn observe(
        &mut self,
        time_microseconds: i64,
        received_microseconds: Option<i64>,
        value: f64,
    ) -> Option<Finding> {
        if !value.is_finite() || value.abs() > 1e30 || time_microseconds <= self.last_microseconds {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        let seconds = time_microseconds.saturating_sub(self.last_microseconds) as f64 / 1e6;
        let jumped = self.samples > 0 && seconds > JUMP_SECONDS_MAX;
        let change = if self.samples > 0 { value - self.last_value } else { 0.0 };
        self.last_microseconds = time_microseconds;
        self.last_value = value;
        self.samples = self.samples.saturating_add(1);
        if jumped {
            // The past says nothing about what comes after so long a silence.
            *self = Self { refused: self.refused, ..Self::new(self.settings) };
            return None;
        }
        self.count_growth(change);
        let Some(watch) = &mut self.watch else {
            self.begin(time_microseconds, value);
            return None;
        };
        let value = if watch.counter {
            // A reset says nothing about how fast it counts: that has not changed.
            if change * watch.direction >= 0.0 {
                watch.growth = change;
            }
            watch.growth
        } else {
            value - watch.origin
        };
        let threshold = watch.threshold(self.settings);
        let found = watch.observe(time_microseconds, received_microseconds, value, threshold);
        let finding = found.map(|found| watch.tell(found, time_microseconds, value));
        self.turn_into_counter();
        finding.filter(|_| self.ready())
    }

    /// Says that it is now, and nothing has come: a dropout is found while it lasts.
    pub fn tick(&mut self, now_microseconds: i64) -> Option<Finding> {
        if !self.ready() {
            return None;
        }
        let watch = self.watch.as_mut()?;
        let threshold = watch.threshold(self.settings);
        let found = watch.faults.silence(now_microseconds, threshold)?;
        let value = if watch.counter { 0.0 } else { self.last_value - watch.origin };
        Some(watch.tell(Noticed::Fault(found), now_microseconds, value))
    }

    /// A person said of a finding that it was ordinary, or that it was not. The last word counts: saying that it is
    /// not ordinary after it was said to be takes the tolerance back.
    pub fn label(&mut self, finding: &Finding, ordinary: bool) {
        let Some(watch) = &mut self.watch else { return };
        match finding.kind {
            Kind::Fault(fault) => {
                watch.faults.label(fault, finding.deviation, ordinary);
                if fault == Fault::Drift {
                    watch.detector.label(View::ShiftedUp, finding.deviation, ordinary);
                    watch.detector.label(View::ShiftedDown, finding.deviation, ordinary);
                }
            }
            Kind::Anomaly(view) => watch.detector.label(view, finding.deviation, ordinary),
        }
    }

    /// What is expected at a time, with the edges of what would be ordinary; `None` while it is being learned.
    pub fn expected(&self, time_microseconds: i64) -> Option<(f64, f64, f64)> {
        let watch = self.watch.as_ref().filter(|watch| watch.detector.ready())?;
        let (expected, low, high) = watch.detector.expected(time_microseconds);
        Some((expected + watch.origin, low + watch.origin, high + watch.origin))
    }

    /// Whether enough has been seen to judge.
    pub fn ready(&self) -> bool {
        let knows = |watch: &Watch| watch.detector.steps() >= TOLD_AFTER_PERIODS * watch.warmup_steps;
        self.grew.saturating_add(self.fell) >= CHANGES_MIN && self.watch.as_ref().is_some_and(knows)
    }

    /// How often alarms by chance are borne from now on.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Samples that were not learned from: no numbers, or older than what had come.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// The whole state.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(VERSION, self)
    }

    /// A stream from its state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        from_bytes(VERSION, bytes)
    }

    fn count_growth(&mut self, change: f64) {
        self.grew = self.grew.saturating_add(u32::from(change > 0.0));
        self.fell = self.fell.saturating_add(u32::from(change < 0.0));
    }

    /// The length of a step is known after some samples.
    fn begin(&mut self, time_microseconds: i64, value: f64) {
        self.first.push(time_microseconds);
        if self.first.len() < usize::from(FIRST_SAMPLES) {
            return;
        }
        let first = std::mem::take(&mut self.first);
        let mut intervals: Vec<i64> = first.windows(2).map(|pair| pair[1] - pair[0]).collect();
        intervals.sort_unstable();
        let step_seconds = (intervals[intervals.len() / 2] as f64 / 1e6).max(STEP_SECONDS_MIN);
        self.watch = Some(Watch::new(time_microseconds, (step_seconds * 1e6) as i64, value, false));
    }

    /// A stream that has only grown, or only fallen, is watched by how fast it does.
    fn turn_into_counter(&mut self) {
        let Some(watch) = &self.watch else { return };
        let (most, least) = (self.grew.max(self.fell), self.grew.min(self.fell));
        let counts = most + least >= CHANGES_MIN && least * 100 <= most * RESETS_PERCENT;
        if counts != watch.counter && most + least >= CHANGES_MIN {
            let mut fresh = Watch::new(self.last_microseconds, watch.step_microseconds, self.last_value, counts);
            fresh.direction = if self.grew >= self.fell { 1.0 } else { -1.0 };
            if counts {
                fresh.origin = 0.0;
            }
            self.watch = Some(fresh);
        }
    }
}

/// What was noticed at a sample.
#[derive(Debug, Clone, Copy)]
enum Noticed {
    Fault(Found),
    Anomaly { view: View, rarity: f64, deviation: f64, since_microseconds: i64 },
}

impl Watch {
    fn new(time_microseconds: i64, step_microseconds: i64, origin: f64, counter: bool) -> Self {
        let steps = WARMUP_SECONDS / (step_microseconds as f64 / 1e6);
        let warmup_steps = steps.clamp(WARMUP_STEPS_MIN, WARMUP_STEPS_MAX) as u32;
        Self {
            step_microseconds,
            warmup_steps,
            counter,
            direction: 1.0,
            growth: 0.0,
            origin,
            detector: Detector::new(warmup_steps, true),
            faults: Faults::new(warmup_steps),
            step: time_microseconds / step_microseconds,
            sum: 0.0,
            count: 0,
            last: 0.0,
            jumped_microseconds: i64::MIN,
            shape_since_microseconds: time_microseconds,
        }
    }

    fn step_seconds(&self) -> f64 {
        self.step_microseconds as f64 / 1e6
    }

    fn threshold(&self, settings: Settings) -> f64 {
        self.detector.rarity_of(settings.alarms_per_month / TESTS, self.step_seconds())
    }

    fn observe(&mut self, time: i64, received: Option<i64>, value: f64, threshold: f64) -> Option<Noticed> {
        let mut anomaly = None;
        let step = time / self.step_microseconds;
        if step != self.step {
            anomaly = self.end_step(threshold);
            // What tells only changes is what it last was in between. A longer silence than a learning period teaches
            // no more than that.
            let silent = (step - self.step - 1).clamp(0, i64::from(self.warmup_steps));
            self.step = step - silent;
            for _ in 0..silent {
                anomaly = anomaly.or(self.end_step(threshold));
                self.step += 1;
            }
        }
        self.last = if self.counter { 0.0 } else { value };
        self.sum += value;
        self.count += 1;
        let expected = self.detector.expected_value(time).unwrap_or(value);
        let sample = Sample { time_microseconds: time, received_microseconds: received, value, expected };
        let fault = self.faults.observe(&sample, threshold);
        if fault.is_some_and(|found| found.fault == Fault::Spike) {
            self.jumped_microseconds = time;
        }
        fault.map(Noticed::Fault).or(anomaly)
    }

    /// The value of the step goes to the detector: its mean, and of a counter the growth.
    fn end_step(&mut self, threshold: f64) -> Option<Noticed> {
        let value = match (self.count, self.counter) {
            (0, _) => self.last,
            (_, true) => self.sum,
            (count, false) => self.sum / f64::from(count),
        };
        (self.sum, self.count) = (0.0, 0);
        let time = self.step * self.step_microseconds;
        self.faults.learn();
        let judged = self.detector.observe(time, value, threshold);
        if judged.rarity <= 0.0 {
            self.shape_since_microseconds = time + self.step_microseconds;
        }
        (judged.alarm > 0.0).then_some(Noticed::Anomaly {
            view: judged.view,
            rarity: judged.alarm,
            deviation: judged.deviation,
            since_microseconds: self.shape_since_microseconds.min(time),
        })
    }

    /// A mean that moved away without a jump has drifted.
    fn drifted(&self, view: View, since_microseconds: i64) -> bool {
        matches!(view, View::ShiftedUp | View::ShiftedDown)
            && self.jumped_microseconds < since_microseconds - self.step_microseconds
    }

    fn tell(&self, noticed: Noticed, time: i64, value: f64) -> Finding {
        let (kind, rarity, deviation, since_microseconds) = match noticed {
            Noticed::Fault(found) => {
                (Kind::Fault(found.fault), found.rarity, found.deviation, found.since_microseconds)
            }
            Noticed::Anomaly { view, rarity, deviation, since_microseconds: since } if self.drifted(view, since) => {
                (Kind::Fault(Fault::Drift), rarity, deviation, since)
            }
            Noticed::Anomaly { view, rarity, deviation, since_microseconds } => {
                (Kind::Anomaly(view), rarity, deviation, since_microseconds)
            }
        };
        let (expected, low, high) = self.detector.expected(time);
        Finding {
            kind,
            time_microseconds: time,
            since_microseconds,
            came: value + self.origin,
            expected: expected + self.origin,
            low: low + self.origin,
            high: high + self.origin,
            surprise: rarity + f64::from(self.warmup_steps).log10(),
            per_month: 10f64.powf(self.detector.rarity_of(1.0, self.step_seconds()) - rarity),
            deviation,
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
