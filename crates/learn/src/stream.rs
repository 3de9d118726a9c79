//! One stream under watch: samples in, findings out.

use serde::{Deserialize, Serialize};

use crate::anomaly::{Detector, View};
use crate::codec::{CodecError, from_bytes, packed, to_bytes};
use crate::fault::{Fault, FaultOrShift, Faults, Found, Sample};

/// The version of the bytes.
const VERSION: u8 = 2;
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
/// How the alarms that are allowed are shared: the figures of faults mostly find the same things together, and what they
/// judge by is cautious, so that they may have nearly all. What has no name of its own must be rarer.
const FAULT_SHARE: f64 = 0.6;
const ANOMALY_SHARE: f64 = 0.25;
/// What is unusual so many steps after a fault was found is explained by it.
const EXPLAINED_STEPS: i64 = 4;
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
    /// What a counter grew in its last whole step.
    ended: f64,
    /// The value that all others are taken from, so that small changes of large values are not lost.
    zero: f64,
    detector: Detector,
    faults: Faults,
    step: i64,
    sum: f64,
    count: u32,
    /// What the stream is while it says nothing.
    last: f64,
    /// Since when steps have not been ordinary.
    shape_since_microseconds: i64,
    /// Until which step what is unusual has an explanation.
    explained_until: i64,
    /// What was unusual while a jump had not shown yet what it is.
    held: Option<Unusual>,
}

packed!(Watch {
    step_microseconds,
    warmup_steps,
    counter,
    direction,
    growth,
    ended,
    zero,
    detector,
    faults,
    step,
    sum,
    count,
    last,
    shape_since_microseconds,
    explained_until,
    held
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
        let reading = if watch.counter { value } else { value - watch.zero };
        let value = if watch.counter {
            // A reset says nothing about how fast it counts: that has not changed.
            if change * watch.direction >= 0.0 {
                watch.growth = change;
            }
            watch.growth
        } else {
            value - watch.zero
        };
        let thresholds = watch.thresholds(self.settings);
        let found = watch.observe((time_microseconds, received_microseconds), value, reading, thresholds);
        let came = if watch.counter { watch.ended } else { value };
        let finding = found.map(|found| watch.tell(&found, time_microseconds, came));
        self.turn_into_counter();
        finding.filter(|_| self.ready())
    }

    /// Says that it is now, and nothing has come: a dropout is found while it lasts.
    pub fn tick(&mut self, now_microseconds: i64) -> Option<Finding> {
        if !self.ready() {
            return None;
        }
        let watch = self.watch.as_mut()?;
        let [threshold, _] = watch.thresholds(self.settings);
        let found = watch.faults.silence(now_microseconds, threshold)?;
        let found = Noticed::from(&found);
        let value = if watch.counter { 0.0 } else { self.last_value - watch.zero };
        Some(watch.tell(&found, now_microseconds, value))
    }

    /// A person said of a finding that it was ordinary, or that it was not. The last word counts: saying that it is
    /// not ordinary after it was said to be takes the tolerance back.
    pub fn label(&mut self, finding: &Finding, ordinary: bool) {
        let Some(watch) = &mut self.watch else { return };
        let deviation = finding.deviation;
        match finding.kind {
            Kind::Fault(fault) => {
                watch.faults.label(fault, deviation, ordinary);
                let is_of_values = !matches!(fault, Fault::Stuck | Fault::Dropout | Fault::ClockSkew);
                let views = View::ALL.into_iter().filter(|view| is_of_values && *view != View::Pattern);
                views.for_each(|view| watch.detector.label(view, deviation, ordinary));
            }
            Kind::Anomaly(view) => {
                watch.detector.label(view, deviation, ordinary);
                if matches!(view, View::ShiftedUp | View::ShiftedDown) {
                    watch.faults.label(Fault::Drift, deviation, ordinary);
                }
            }
        }
    }

    /// What is expected at a time, with the edges of what would be ordinary; `None` while it is being learned.
    pub fn expected(&self, time_microseconds: i64) -> Option<(f64, f64, f64)> {
        let watch = self.watch.as_ref().filter(|watch| watch.detector.ready())?;
        let (expected, low, high) = watch.detector.expected(time_microseconds);
        Some((expected + watch.zero, low + watch.zero, high + watch.zero))
    }

    /// What was watched last: the value, or what a counter grew in its last whole step.
    pub fn watched(&self) -> f64 {
        match &self.watch {
            Some(watch) if watch.counter => watch.ended,
            _ => self.last_value,
        }
    }

    /// Whether its growth is watched instead of its value.
    pub fn counts(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.counter)
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
                fresh.zero = 0.0;
            }
            self.watch = Some(fresh);
        }
    }
}

/// A step that was unusual, in terms of the detector.
#[derive(Debug, Clone, Copy)]
struct Unusual {
    /// Its place in [`View::ALL`].
    view: u8,
    rarity: f64,
    deviation: f64,
    since_microseconds: i64,
}

packed!(Unusual { view, rarity, deviation, since_microseconds });

/// What was noticed at a sample.
#[derive(Debug, Clone, Copy)]
struct Noticed {
    kind: Kind,
    rarity: f64,
    deviation: f64,
    since_microseconds: i64,
    came: Option<f64>,
}

impl From<&Found> for Noticed {
    fn from(found: &Found) -> Self {
        let Found { name, rarity, deviation, since_microseconds, came } = *found;
        let kind = match name {
            FaultOrShift::Fault(fault) => Kind::Fault(fault),
            FaultOrShift::ShiftedUp => Kind::Anomaly(View::ShiftedUp),
            FaultOrShift::ShiftedDown => Kind::Anomaly(View::ShiftedDown),
        };
        Self { kind, rarity, deviation, since_microseconds, came }
    }
}

impl Watch {
    fn new(time_microseconds: i64, step_microseconds: i64, zero: f64, counter: bool) -> Self {
        let steps = WARMUP_SECONDS / (step_microseconds as f64 / 1e6);
        let warmup_steps = steps.clamp(WARMUP_STEPS_MIN, WARMUP_STEPS_MAX) as u32;
        Self {
            step_microseconds,
            warmup_steps,
            counter,
            direction: 1.0,
            growth: 0.0,
            ended: 0.0,
            zero,
            detector: Detector::new(warmup_steps, true),
            faults: Faults::new(warmup_steps, step_microseconds as f64 / 1e6, counter),
            step: time_microseconds / step_microseconds,
            sum: 0.0,
            count: 0,
            last: 0.0,
            explained_until: i64::MIN,
            held: None,
            shape_since_microseconds: time_microseconds,
        }
    }

    fn step_seconds(&self) -> f64 {
        self.step_microseconds as f64 / 1e6
    }

    /// How rare a fault, and something unusual, has to be.
    fn thresholds(&self, settings: Settings) -> [f64; 2] {
        [FAULT_SHARE, ANOMALY_SHARE]
            .map(|share| self.detector.rarity_of(settings.alarms_per_month * share, self.step_seconds()))
    }

    /// Takes what is watched of a sample, and what was read.
    fn observe(
        &mut self,
        (time, received): (i64, Option<i64>),
        value: f64,
        reading: f64,
        thresholds: [f64; 2],
    ) -> Option<Noticed> {
        let [threshold, _] = thresholds;
        let (mut unusual, mut ended) = (None, None);
        let step = time / self.step_microseconds;
        if step != self.step {
            ended = (self.counter && self.count > 0).then_some(self.sum);
            unusual = self.end_step(thresholds);
            // What tells only changes is what it last was in between. A longer silence than a learning period teaches
            // no more than that.
            let silent = (step - self.step - 1).clamp(0, i64::from(self.warmup_steps));
            self.step = step - silent;
            for _ in 0..silent {
                unusual = unusual.or(self.end_step(thresholds));
                self.step += 1;
            }
        }
        self.last = if self.counter { 0.0 } else { value };
        self.sum += value;
        self.count += 1;
        // How much a counter grows between two samples depends on how often it tells; whole steps are alike.
        let watched = if self.counter { self.sum } else { value };
        let expected = self.detector.expected_value(time).unwrap_or(watched);
        let sample =
            Sample { time_microseconds: time, received_microseconds: received, reading, value: watched, expected };
        let of_step = ended.and_then(|value| {
            self.ended = value;
            self.faults.observe_whole(time, value, threshold)
        });
        let fault = self.faults.observe(&sample, threshold).or(of_step);
        if self.counter && fault.is_some_and(|found| found.name == FaultOrShift::Fault(Fault::Spike)) {
            // It has come back: it never went so far.
            self.sum = 0.0;
        }
        if let Some(found) = fault {
            self.held = None;
            self.explained_until = self.step + EXPLAINED_STEPS;
            return Some(Noticed::from(&found));
        }
        if self.faults.explains() {
            self.held = self.held.or(unusual);
            return None;
        }
        let unusual = self.held.take().or(unusual)?;
        (self.step > self.explained_until).then(|| self.name(unusual))
    }

    /// The value of the step goes to the detector: its mean, and of a counter the growth.
    fn end_step(&mut self, [fault, anomaly]: [f64; 2]) -> Option<Unusual> {
        let value = match (self.count, self.counter) {
            (0, _) => self.last,
            (_, true) => self.sum,
            (count, false) => self.sum / f64::from(count),
        };
        (self.sum, self.count) = (0.0, 0);
        let time = self.step * self.step_microseconds;
        let residual = value - self.detector.expected_value(time).unwrap_or(value);
        let slow = self.faults.learn(time, residual, fault);
        let judged = self.detector.observe(time, value, anomaly);
        if judged.rarity <= 0.0 {
            self.shape_since_microseconds = time + self.step_microseconds;
        }
        // Where it mostly is, a value is not far off by itself.
        let is_at_rest = matches!(judged.view, View::High | View::Low) && self.faults.rests();
        if judged.alarm > 0.0 && !is_at_rest {
            return Some(Unusual {
                view: judged.view as u8,
                rarity: judged.alarm,
                deviation: judged.deviation,
                since_microseconds: self.shape_since_microseconds.min(time),
            });
        }
        let Found { rarity, deviation, since_microseconds, .. } = slow?;
        let view = if residual > 0.0 { View::ShiftedUp } else { View::ShiftedDown } as u8;
        Some(Unusual { view, rarity, deviation, since_microseconds })
    }

    /// What is unusual has the name of the fault that the last samples look like, if they look like one.
    fn name(&self, unusual: Unusual) -> Noticed {
        let Unusual { view, rarity, deviation, since_microseconds } = unusual;
        let view = View::ALL[usize::from(view).min(View::ALL.len() - 1)];
        let kind = match self.faults.shown() {
            Some(Fault::Spike) if matches!(view, View::ShiftedUp | View::ShiftedDown) => Kind::Anomaly(view),
            Some(fault) => Kind::Fault(fault),
            None => Kind::Anomaly(view),
        };
        Noticed { kind, rarity, deviation, since_microseconds, came: None }
    }

    fn tell(&self, noticed: &Noticed, time: i64, value: f64) -> Finding {
        let Noticed { kind, rarity, deviation, since_microseconds, came } = *noticed;
        let (expected, low, high) = self.detector.expected(time);
        Finding {
            kind,
            time_microseconds: time,
            since_microseconds,
            came: came.unwrap_or(value) + self.zero,
            expected: expected + self.zero,
            low: low + self.zero,
            high: high + self.zero,
            surprise: rarity + f64::from(self.warmup_steps).log10(),
            per_month: 10f64.powf(self.detector.rarity_of(1.0, self.step_seconds()) - rarity),
            deviation,
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
