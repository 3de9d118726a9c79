//! What is broken behind a stream, by name.
//!
//! Each kind of fault has one figure that grows with it: samples without change, seconds without a sample, and so on.
//! The figure is calibrated by the stream's own past ([`crate::calibrate`]): a sensor that often stands still for an
//! hour is not stuck after one.

use serde::{Deserialize, Serialize};

use crate::calibrate::Peaks;
use crate::codec::packed;

/// How many figures there are.
pub(crate) const FIGURES: usize = 7;
/// Values of the recent window.
const WINDOW: usize = 32;
/// A value is stuck after so many samples alike, at least.
const STUCK_SAMPLES_MIN: u32 = 8;
/// A gap is so many usual intervals long, at least.
const GAP_INTERVALS_MIN: f64 = 5.0;
/// A clock is wrong by so much, at least.
const SKEW_SECONDS_MIN: f64 = 5.0;
/// The autocorrelation that makes noise an oscillation, and the trough before it.
const OSCILLATION_PEAK: f64 = 0.5;
const OSCILLATION_TROUGH: f64 = -0.3;
/// A share of the mean is added to each figure, so that next to nothing is not rare beside nothing.
const FLOOR_SHARE: f64 = 0.2;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A value far from those around it.
    Spike,
    /// The same value again and again.
    Stuck,
    /// No samples.
    Dropout,
    /// Slowly away from what is expected.
    Drift,
    /// More noise than usual.
    Noise,
    /// Up and down in even periods.
    Oscillation,
    /// The thing's clock runs away from ours.
    ClockSkew,
}

/// The figures, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Jump,
    Still,
    Gap,
    Slow,
    Agitation,
    Swing,
    Skew,
}

impl Figure {
    const ALL: [Self; FIGURES] =
        [Self::Jump, Self::Still, Self::Gap, Self::Slow, Self::Agitation, Self::Swing, Self::Skew];
}

/// A sample, as the faults see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) time_microseconds: i64,
    /// When it arrived here, by our clock.
    pub(crate) received_microseconds: Option<i64>,
    pub(crate) value: f64,
    /// What was expected instead.
    pub(crate) expected: f64,
}

/// A fault that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) fault: Fault,
    /// See [`Peaks::rarity`].
    pub(crate) rarity: f64,
    pub(crate) deviation: f64,
    pub(crate) since_microseconds: i64,
}

/// The figures of one stream, and how large they usually get.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    warmup_steps: u32,
    peaks: Vec<Peaks>,
    /// The largest of each figure since the last step.
    largest: [f32; FIGURES],
    /// The mean of each figure.
    usual: [f32; FIGURES],
    quiet_steps: [u32; FIGURES],
    steps: u32,
    last_microseconds: i64,
    last_value: f64,
    samples: u32,
    unchanged: u32,
    changed_microseconds: i64,
    /// Where the stream stood still the longest while it was learned, and for how many samples: there it rests.
    resting: f64,
    resting_samples: u32,
    /// The usual seconds between samples.
    interval_seconds: f64,
    slow: f64,
    slow_since_microseconds: i64,
    offset_seconds: Option<f64>,
    offset_baseline_seconds: f64,
    window: Vec<f32>,
    place: u8,
    skew_since_microseconds: i64,
}

packed!(Faults {
    warmup_steps,
    peaks,
    largest,
    usual,
    quiet_steps,
    steps,
    last_microseconds,
    last_value,
    samples,
    unchanged,
    changed_microseconds,
    resting,
    resting_samples,
    interval_seconds,
    slow,
    slow_since_microseconds,
    offset_seconds,
    offset_baseline_seconds,
    window,
    place,
    skew_since_microseconds
});

impl Faults {
    pub(crate) fn new(warmup_steps: u32) -> Self {
        Self {
            warmup_steps,
            peaks: Figure::ALL.iter().map(|_| Peaks::new(warmup_steps, true)).collect(),
            largest: [0.0; FIGURES],
            usual: [0.0; FIGURES],
            quiet_steps: [0; FIGURES],
            steps: 0,
            last_microseconds: 0,
            last_value: 0.0,
            samples: 0,
            unchanged: 0,
            changed_microseconds: 0,
            resting: 0.0,
            resting_samples: 0,
            interval_seconds: 0.0,
            slow: 0.0,
            slow_since_microseconds: 0,
            offset_seconds: None,
            offset_baseline_seconds: 0.0,
            window: Vec::new(),
            place: 0,
            skew_since_microseconds: 0,
        }
    }

    /// Takes a sample; what it shows, if that is rarer than `threshold`.
    pub(crate) fn observe(&mut self, sample: &Sample, threshold: f64) -> Option<Found> {
        let now = sample.time_microseconds;
        if self.samples == 0 {
            (self.last_microseconds, self.last_value, self.changed_microseconds) = (now, sample.value, now);
        }
        self.samples = self.samples.saturating_add(1);
        let gap_seconds = (now - self.last_microseconds) as f64 / 1e6;
        let agitation = self.agitation(sample.value);
        let figures = [
            self.jump(sample),
            self.still(sample),
            self.gap(gap_seconds),
            self.slow_residual(sample),
            agitation,
            self.swing(agitation, threshold),
            self.skew(sample),
        ];
        (self.last_microseconds, self.last_value) = (now, sample.value);
        let mut found: Option<Found> = None;
        for (figure, value) in Figure::ALL.into_iter().zip(figures) {
            let place = figure as usize;
            self.largest[place] = self.largest[place].max(value as f32);
            let Some(next) = self.judge(figure, value, now, gap_seconds, threshold) else { continue };
            if found.is_none_or(|found| next.rarity > found.rarity) {
                found = Some(next);
            }
        }
        found
    }

    /// Nothing has come until now: whether that is a dropout.
    pub(crate) fn silence(&mut self, now_microseconds: i64, threshold: f64) -> Option<Found> {
        if self.samples < 2 {
            return None;
        }
        let gap_seconds = (now_microseconds - self.last_microseconds) as f64 / 1e6;
        if gap_seconds < GAP_INTERVALS_MIN * self.interval_seconds {
            return None;
        }
        self.judge(Figure::Gap, gap_seconds, now_microseconds, gap_seconds, threshold)
    }

    /// A step has ended: its largest figures are learned.
    pub(crate) fn learn(&mut self) {
        self.steps = self.steps.saturating_add(1);
        let weight = 1.0 / self.steps.min(4 * self.warmup_steps) as f32;
        for place in 0..self.peaks.len() {
            let largest = std::mem::take(&mut self.largest[place]);
            self.usual[place] += (largest - self.usual[place]) * weight;
            let figure = f64::from(largest) + self.floor(place);
            self.peaks[place].learn(figure);
            self.quiet_steps[place] = self.quiet_steps[place].saturating_sub(1);
        }
    }

    /// Somebody said that a fault was none, or was one after all.
    pub(crate) fn label(&mut self, fault: Fault, deviation: f64, ordinary: bool) {
        let peaks = &mut self.peaks[figure_of(fault) as usize];
        if ordinary { peaks.tolerate(deviation) } else { peaks.forbid(deviation) }
    }

    fn floor(&self, place: usize) -> f64 {
        let least = match Figure::ALL[place] {
            Figure::Still => f64::from(STUCK_SAMPLES_MIN),
            Figure::Skew => SKEW_SECONDS_MIN,
            _ => 0.0,
        };
        least + FLOOR_SHARE * f64::from(self.usual[place])
    }

    fn judge(&mut self, figure: Figure, value: f64, now: i64, gap_seconds: f64, threshold: f64) -> Option<Found> {
        let place = figure as usize;
        if value <= 0.0 || self.steps < self.warmup_steps {
            return None;
        }
        let deviation = value + self.floor(place);
        // An oscillation is as rare as the agitation that it is, until its own peaks say otherwise.
        let judge =
            if figure == Figure::Swing && self.usual[place] == 0.0 { Figure::Agitation as usize } else { place };
        let rarity = self.peaks[judge].rarity(value + self.floor(judge));
        if rarity < threshold {
            return None;
        }
        let quiet = std::mem::replace(&mut self.quiet_steps[place], self.warmup_steps / 4);
        if quiet > 0 {
            return None;
        }
        let seconds_ago = |seconds: f64| now - (seconds * 1e6) as i64;
        let (fault, since_microseconds) = match figure {
            Figure::Jump => (Fault::Spike, now),
            Figure::Still => (Fault::Stuck, self.changed_microseconds),
            Figure::Gap => (Fault::Dropout, seconds_ago(gap_seconds)),
            Figure::Slow => (Fault::Drift, self.slow_since_microseconds),
            Figure::Agitation => (Fault::Noise, seconds_ago(WINDOW as f64 * self.interval_seconds)),
            Figure::Swing => (Fault::Oscillation, seconds_ago(WINDOW as f64 * self.interval_seconds)),
            Figure::Skew => (Fault::ClockSkew, self.skew_since_microseconds),
        };
        Some(Found { fault, rarity, deviation, since_microseconds })
    }

    /// How far the value is from both the one before and the expected one.
    fn jump(&self, sample: &Sample) -> f64 {
        (sample.value - self.last_value).abs().min((sample.value - sample.expected).abs())
    }

    /// Samples without change. Samples, not seconds: a thing that tells only changes stands still without a fault.
    fn still(&mut self, sample: &Sample) -> f64 {
        if sample.value != self.last_value {
            self.unchanged = 0;
            self.changed_microseconds = sample.time_microseconds;
            return 0.0;
        }
        self.unchanged = self.unchanged.saturating_add(1);
        if self.steps < self.warmup_steps && self.unchanged > self.resting_samples {
            (self.resting, self.resting_samples) = (sample.value, self.unchanged);
        }
        let rests = sample.value == self.resting && self.resting_samples >= STUCK_SAMPLES_MIN;
        if self.unchanged >= STUCK_SAMPLES_MIN && !rests { f64::from(self.unchanged) } else { 0.0 }
    }

    /// Seconds without a sample.
    fn gap(&mut self, gap_seconds: f64) -> f64 {
        if self.samples < 2 {
            return 0.0;
        }
        let long = self.interval_seconds > 0.0 && gap_seconds > GAP_INTERVALS_MIN * self.interval_seconds;
        if !long {
            let count = f64::from(self.samples.min(256) - 1);
            self.interval_seconds += (gap_seconds - self.interval_seconds) / count;
        }
        gap_seconds
    }

    /// The slow mean of the residual.
    fn slow_residual(&mut self, sample: &Sample) -> f64 {
        let before = self.slow;
        let samples_per_warmup = (f64::from(self.samples) * f64::from(self.warmup_steps)
            / f64::from(self.steps.max(1)))
        .clamp(f64::from(self.warmup_steps), 1e6);
        self.slow += (sample.value - sample.expected - self.slow) / (samples_per_warmup / 4.0);
        if before.signum() != self.slow.signum() {
            self.slow_since_microseconds = sample.time_microseconds;
        }
        self.slow.abs()
    }

    /// How much the recent window moves around its own line.
    fn agitation(&mut self, value: f64) -> f64 {
        if self.window.len() < WINDOW {
            self.window.push(value as f32);
        } else {
            self.window[usize::from(self.place)] = value as f32;
        }
        self.place = (self.place + 1) % WINDOW as u8;
        if self.window.len() < WINDOW {
            return 0.0;
        }
        // A high quantile of the steps between neighbours: a jump or two do not move it, a noisy window does.
        let place = usize::from(self.place);
        let mut steps: [f32; WINDOW - 1] = std::array::from_fn(|index| {
            let (a, b) = (self.window[(place + index) % WINDOW], self.window[(place + index + 1) % WINDOW]);
            (a - b).abs()
        });
        let (_, step, _) = steps.select_nth_unstable_by(WINDOW * 2 / 3, f32::total_cmp);
        f64::from(*step)
    }

    /// The agitation where it is rare and has even periods. An oscillation that is part of how the thing works comes
    /// again, and its peaks make it ordinary.
    fn swing(&self, agitation: f64, threshold: f64) -> f64 {
        let place = Figure::Agitation as usize;
        let rare = self.peaks[place].rarity(agitation + self.floor(place)) >= threshold / 2.0;
        if rare && self.oscillates() { agitation } else { 0.0 }
    }

    /// Whether the recent window goes up and down in even periods.
    fn oscillates(&self) -> bool {
        if self.window.len() < WINDOW {
            return false;
        }
        let place = usize::from(self.place);
        let mean = self.window.iter().map(|value| f64::from(*value)).sum::<f64>() / WINDOW as f64;
        let values: Vec<f64> = (0..WINDOW).map(|i| f64::from(self.window[(place + i) % WINDOW]) - mean).collect();
        let energy: f64 = values.iter().map(|value| value * value).sum::<f64>() / WINDOW as f64;
        if energy <= 0.0 {
            return false;
        }
        let correlation = |lag: usize| {
            let products = values.iter().zip(&values[lag..]).map(|(a, b)| a * b);
            products.sum::<f64>() / ((WINDOW - lag) as f64 * energy)
        };
        let mut trough = f64::MAX;
        (1..=WINDOW / 2).any(|lag| {
            let here = correlation(lag);
            trough = trough.min(here);
            trough < OSCILLATION_TROUGH && here > OSCILLATION_PEAK
        })
    }

    /// Seconds that the thing's clock is away from where it usually is.
    fn skew(&mut self, sample: &Sample) -> f64 {
        let Some(received) = sample.received_microseconds else { return 0.0 };
        let offset = (received - sample.time_microseconds) as f64 / 1e6;
        let smooth = self.offset_seconds.map_or(offset, |smooth| smooth + (offset - smooth) / 8.0);
        self.offset_seconds = Some(smooth);
        if self.samples == 1 {
            self.offset_baseline_seconds = offset;
        }
        let away = smooth - self.offset_baseline_seconds;
        let samples = f64::from(self.samples).clamp(1.0, 4.0 * f64::from(self.warmup_steps));
        self.offset_baseline_seconds += away / samples;
        if away.abs() < SKEW_SECONDS_MIN {
            self.skew_since_microseconds = sample.time_microseconds;
            return 0.0;
        }
        away.abs()
    }
}

fn figure_of(fault: Fault) -> Figure {
    match fault {
        Fault::Spike => Figure::Jump,
        Fault::Stuck => Figure::Still,
        Fault::Dropout => Figure::Gap,
        Fault::Drift => Figure::Slow,
        Fault::Noise => Figure::Agitation,
        Fault::Oscillation => Figure::Swing,
        Fault::ClockSkew => Figure::Skew,
    }
}
