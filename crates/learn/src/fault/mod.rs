//! What is broken behind a stream, by name.
//!
//! Each kind of fault has one figure that grows with it: samples without change, seconds without a sample, and so on.
//! The figure is calibrated by the stream's own past ([`crate::calibrate`]): a sensor that often stands still for an
//! hour is not stuck after one. What jumps is held back for a few samples, until it has shown what it is
//! ([`excursion`]).

mod course;
mod excursion;
mod still;

use serde::{Deserialize, Serialize};

use crate::calibrate::Peaks;
use crate::codec::packed;
use course::Course;
use course::Shape;
use excursion::Excursion;
use still::Stillness;

/// How many figures there are.
pub(crate) const FIGURES: usize = 7;
/// Values of the recent window.
const WINDOW: usize = 32;
/// A run of repeats is next to nothing below this, as the negative decimal logarithm of its chance.
const STILL_MIN: f64 = 2.0;
/// A gap is so many usual intervals long, at least.
const GAP_INTERVALS_MIN: f64 = 5.0;
/// A clock is wrong by so much, at least.
const SKEW_SECONDS_MIN: f64 = 5.0;
/// The autocorrelation that makes noise an oscillation, and the trough before it.
const OSCILLATION_PEAK: f64 = 0.5;
const OSCILLATION_TROUGH: f64 = -0.3;
/// How fast the pace of the last samples follows.
const PACE_RATE: f64 = 1.0 / 8.0;
/// More chances than usual to be large count for no more than this, as a decimal logarithm.
const CROWD_MAX: f64 = 1.5;
/// So many steps in one direction are a slope rather than a jump, when none of them is this share of the way.
const SLOPE_STEPS: usize = 4;
const SLOPE_STEP_SHARE: f64 = 0.6;
/// What is away in no more than so many of the last samples, and back, has spiked.
const SPIKE_WINDOW: usize = 12;
const SPIKE_SAMPLES_MAX: usize = 3;
/// And further than so many times what is usual among them.
const SPIKE_MEDIANS: f64 = 4.0;
/// The window is restless for so many samples before that is called noise: an oscillation needs its periods to show.
const RESTLESS_SAMPLES: u8 = 6;
/// In half a window the periods must be more even to be believed.
const OSCILLATION_PEAK_HALF: f64 = 0.75;
/// The share of the learning period that the slow mean remembers.
const SLOW_SHARE: f64 = 0.25;
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
    /// What was read; the same as `value`, but for a counter.
    pub(crate) reading: f64,
    pub(crate) time_microseconds: i64,
    /// When it arrived here, by our clock.
    pub(crate) received_microseconds: Option<i64>,
    /// What is watched: the value, or how far a counter has come in this step.
    pub(crate) value: f64,
    /// What was expected instead.
    pub(crate) expected: f64,
}

/// What something that was found is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultOrShift {
    /// Something is broken.
    Fault(Fault),
    /// The value jumped up and stays there.
    ShiftedUp,
    /// The value jumped down and stays there.
    ShiftedDown,
}

/// A fault that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) name: FaultOrShift,
    /// See [`Peaks::rarity`].
    pub(crate) rarity: f64,
    pub(crate) deviation: f64,
    pub(crate) since_microseconds: i64,
    /// What came, if that is not the last sample.
    pub(crate) came: Option<f64>,
}

/// The figures of one stream, and how large they usually get.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    warmup_steps: u32,
    step_seconds: f64,
    /// Whether samples are of a counter: what it has come to in a step, of which only the ends are like each other.
    counter: bool,
    peaks: Vec<Peaks>,
    /// The largest of each figure since the last step.
    largest: [f32; FIGURES],
    /// The mean of each figure.
    usual: [f32; FIGURES],
    quiet_steps: [u32; FIGURES],
    steps: u32,
    last_microseconds: i64,
    /// What was read last, and the value that the next one is compared with.
    last_reading: f64,
    last_value: f64,
    /// The value about a usual interval ago, and the one that will be it.
    earlier: [f64; 2],
    earlier_microseconds: i64,
    samples: u32,
    step_changes: u32,
    still: Stillness,
    excursion: Option<Excursion>,
    /// The usual seconds between samples, but for gaps, and lately.
    interval_seconds: f64,
    pace_seconds: f64,
    /// Changes in a step, on the mean, and how many seconds lie between them lately.
    usual_changes: f64,
    change_seconds: f64,
    changed_microseconds: i64,
    restless: u8,
    slow: f64,
    slow_since_microseconds: i64,
    course: Course,
    offset_seconds: Option<f64>,
    offset_baseline_seconds: f64,
    window: Vec<f32>,
    place: u8,
    skew_since_microseconds: i64,
}

packed!(Faults {
    warmup_steps,
    step_seconds,
    counter,
    peaks,
    largest,
    usual,
    quiet_steps,
    steps,
    last_microseconds,
    last_reading,
    last_value,
    earlier,
    earlier_microseconds,
    samples,
    step_changes,
    still,
    excursion,
    interval_seconds,
    pace_seconds,
    usual_changes,
    change_seconds,
    changed_microseconds,
    restless,
    slow,
    slow_since_microseconds,
    course,
    offset_seconds,
    offset_baseline_seconds,
    window,
    place,
    skew_since_microseconds
});

impl Faults {
    pub(crate) fn new(warmup_steps: u32, step_seconds: f64, counter: bool) -> Self {
        Self {
            warmup_steps,
            step_seconds,
            counter,
            peaks: Figure::ALL.iter().map(|_| Peaks::new(warmup_steps, true)).collect(),
            largest: [0.0; FIGURES],
            usual: [0.0; FIGURES],
            quiet_steps: [0; FIGURES],
            steps: 0,
            last_microseconds: 0,
            last_reading: 0.0,
            last_value: 0.0,
            earlier: [0.0; 2],
            earlier_microseconds: 0,
            samples: 0,
            step_changes: 0,
            still: Stillness::new(),
            excursion: None,
            interval_seconds: 0.0,
            pace_seconds: 0.0,
            usual_changes: 0.0,
            change_seconds: 0.0,
            changed_microseconds: 0,
            restless: 0,
            slow: 0.0,
            slow_since_microseconds: 0,
            course: Course::new(warmup_steps),
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
            (self.last_microseconds, self.changed_microseconds, self.earlier_microseconds) = (now, now, now);
            (self.last_reading, self.last_value) = (sample.reading, sample.value);
            self.earlier = [sample.value; 2];
        }
        self.samples = self.samples.saturating_add(1);
        let gap_seconds = (now - self.last_microseconds) as f64 / 1e6;
        let still = self.still(sample, gap_seconds);
        let jump = self.jump(sample);
        let found = self.excursion(sample, jump, threshold);
        let mut figures = [0.0; FIGURES];
        figures[Figure::Still as usize] = still;
        figures[Figure::Gap as usize] = self.gap(gap_seconds);
        figures[Figure::Skew as usize] = self.skew(sample);
        self.largest[Figure::Jump as usize] = self.largest[Figure::Jump as usize].max(jump as f32);
        (self.last_reading, self.last_microseconds) = (sample.reading, now);
        if !self.counter {
            self.last_value = sample.value;
            self.scatter(sample.value, &mut figures, threshold);
        }
        let judged = self.judge_all(&figures, now, gap_seconds, threshold);
        found.or(judged)
    }

    /// Takes what a counter has come to in a whole step.
    pub(crate) fn observe_whole(&mut self, now: i64, value: f64, threshold: f64) -> Option<Found> {
        let mut figures = [0.0; FIGURES];
        self.last_value = value;
        self.scatter(value, &mut figures, threshold);
        self.judge_all(&figures, now, 0.0, threshold)
    }

    /// The figures of the window that the value comes into.
    fn scatter(&mut self, value: f64, figures: &mut [f64; FIGURES], threshold: f64) {
        let agitation = self.agitation(value);
        let is_restless = self.rarity(Figure::Agitation, agitation) >= threshold / 2.0;
        self.restless = if is_restless { self.restless.saturating_add(1) } else { 0 };
        figures[Figure::Agitation as usize] = agitation;
        // An oscillation that is part of how the thing works comes again, and its peaks make it ordinary.
        figures[Figure::Swing as usize] = if is_restless && self.oscillates() { agitation } else { 0.0 };
    }

    /// Judges what was measured; the rarest of what is found.
    fn judge_all(&mut self, figures: &[f64; FIGURES], now: i64, gap_seconds: f64, threshold: f64) -> Option<Found> {
        let mut found: Option<Found> = None;
        for (figure, value) in Figure::ALL.into_iter().zip(*figures) {
            let place = figure as usize;
            self.largest[place] = self.largest[place].max(value as f32);
            let Some(next) = self.judge(figure, value, now, gap_seconds, threshold) else { continue };
            // What swings is noisy, too, and the name that says more is told.
            let says_more = |found: &Found| next.rarity > found.rarity || figure == Figure::Swing;
            if found.as_ref().is_none_or(says_more) {
                found = Some(next);
            }
        }
        found
    }

    /// Whether a jump has not shown yet what it is, or a value is stuck: what is unusual has an explanation.
    pub(crate) fn explains(&self) -> bool {
        self.excursion.is_some() || (self.still.is_run() && self.quiet_steps[Figure::Still as usize] > 0)
    }

    /// What the last samples look like.
    pub(crate) fn shown(&self) -> Option<Fault> {
        if self.restless >= RESTLESS_SAMPLES / 2 {
            return Some(if self.oscillates() { Fault::Oscillation } else { Fault::Noise });
        }
        if self.has_spiked() {
            return Some(Fault::Spike);
        }
        (self.shape() == Shape::Slope).then_some(Fault::Drift)
    }

    /// The way that the last samples took, and if that is not clear, the mean residual over a longer time.
    fn shape(&self) -> Shape {
        match course::shape(&self.newest(self.window.len())) {
            Shape::Unclear => self.course.shape(),
            shape => shape,
        }
    }

    /// Whether the last samples were away and came back: one or a few of them far from all others.
    fn has_spiked(&self) -> bool {
        let values = self.newest(SPIKE_WINDOW.min(self.window.len()));
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let (Some(middle), Some(last)) = (median(values.clone()), values.last()) else { return false };
        let away: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        let furthest = away.iter().copied().fold(0.0, f64::max);
        if furthest <= SPIKE_MEDIANS * median(away).unwrap_or(0.0) {
            return false;
        }
        let is_away = |value: &f64| (value - middle).abs() > furthest / 2.0;
        !is_away(last) && values.iter().filter(|value| is_away(value)).count() <= SPIKE_SAMPLES_MAX
    }

    /// Whether the stream is where it rests.
    pub(crate) fn rests(&self) -> bool {
        if self.counter { self.last_value == 0.0 } else { self.still.rests(self.last_reading) }
    }

    /// The last values of the window, oldest first.
    fn newest(&self, count: usize) -> Vec<f64> {
        let length = self.window.len();
        let from = if length < WINDOW { length } else { usize::from(self.place) + WINDOW };
        (0..count).map(|index| f64::from(self.window[(from - count + index) % length.max(1)])).collect()
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

    /// A step has ended, with so much between its value and the expected one: its largest figures are learned.
    pub(crate) fn learn(&mut self, time: i64, residual: f64, threshold: f64) -> Option<Found> {
        self.steps = self.steps.saturating_add(1);
        let weight = 1.0 / self.steps.min(4 * self.warmup_steps) as f32;
        let changes = f64::from(std::mem::take(&mut self.step_changes));
        self.usual_changes += (changes - self.usual_changes) * f64::from(weight);
        self.course.observe(residual);
        let slow = self.slow_residual(time, residual);
        self.largest[Figure::Slow as usize] = slow as f32;
        let found = self.judge(Figure::Slow, slow, time, 0.0, threshold);
        for place in 0..self.peaks.len() {
            let largest = std::mem::take(&mut self.largest[place]);
            self.usual[place] += (largest - self.usual[place]) * weight;
            let figure = f64::from(largest) + self.floor(place);
            self.peaks[place].learn(figure);
            self.quiet_steps[place] = self.quiet_steps[place].saturating_sub(1);
        }
        found
    }

    /// Somebody said that a fault was none, or was one after all. What began with a jump is told by its jump.
    pub(crate) fn label(&mut self, fault: Fault, deviation: f64, ordinary: bool) {
        let mut figures = vec![figure_of(fault)];
        if matches!(fault, Fault::Drift | Fault::Noise | Fault::Oscillation) {
            figures.push(Figure::Jump);
        }
        for figure in figures {
            let peaks = &mut self.peaks[figure as usize];
            if ordinary { peaks.tolerate(deviation) } else { peaks.forbid(deviation) }
        }
    }

    fn floor(&self, place: usize) -> f64 {
        let least = match Figure::ALL[place] {
            Figure::Still => STILL_MIN,
            Figure::Skew => SKEW_SECONDS_MIN,
            _ => 0.0,
        };
        least + FLOOR_SHARE * f64::from(self.usual[place])
    }

    /// How rare a figure is. More samples than usual have more chances to be large.
    fn rarity(&self, figure: Figure, value: f64) -> f64 {
        let rarity = self.peaks[figure as usize].rarity(value + self.floor(figure as usize));
        match figure {
            Figure::Still => {
                let period_seconds = f64::from(self.warmup_steps) * self.step_seconds;
                let readings = (period_seconds / self.pace_seconds.max(0.1)).max(1.0);
                if self.still.is_run() { rarity.min(value - readings.log10()) } else { 0.0 }
            }
            Figure::Jump | Figure::Agitation | Figure::Swing => rarity - self.crowd(),
            _ => rarity,
        }
    }

    /// How many more changes there are than usual, each of them a chance to be large; as a decimal logarithm.
    fn crowd(&self) -> f64 {
        let changes = self.step_seconds / self.change_seconds.max(1e-3);
        if self.change_seconds <= 0.0 || self.usual_changes <= 0.0 {
            return 0.0;
        }
        (changes / self.usual_changes).log10().clamp(0.0, CROWD_MAX)
    }

    fn judge(&mut self, figure: Figure, value: f64, now: i64, gap_seconds: f64, threshold: f64) -> Option<Found> {
        let place = figure as usize;
        if value <= 0.0 || self.steps < self.warmup_steps {
            return None;
        }
        let deviation = value + self.floor(place);
        // An oscillation is as rare as the agitation that it is, until its own peaks say otherwise.
        let judge = if figure == Figure::Swing && self.usual[place] == 0.0 { Figure::Agitation } else { figure };
        let rarity = self.rarity(judge, value);
        if rarity < threshold || (figure == Figure::Agitation && self.restless < RESTLESS_SAMPLES) {
            return None;
        }
        let quiet = std::mem::replace(&mut self.quiet_steps[place], self.warmup_steps / 4);
        if quiet > 0 {
            return None;
        }
        if matches!(figure, Figure::Agitation | Figure::Swing) {
            // Its jumps are told by this.
            self.excursion = None;
            for told in [Figure::Jump, Figure::Agitation, Figure::Swing] {
                self.quiet_steps[told as usize] = self.warmup_steps / 4;
            }
        }
        let seconds_ago = |seconds: f64| now - (seconds * 1e6) as i64;
        let (fault, since_microseconds) = match figure {
            Figure::Jump => (Fault::Spike, now),
            Figure::Still => (Fault::Stuck, self.still.since_microseconds()),
            Figure::Gap => (Fault::Dropout, seconds_ago(gap_seconds)),
            Figure::Slow => (Fault::Drift, self.slow_since_microseconds),
            Figure::Agitation => (Fault::Noise, seconds_ago(WINDOW as f64 * self.pace_seconds)),
            Figure::Swing => (Fault::Oscillation, seconds_ago(WINDOW as f64 * self.pace_seconds)),
            Figure::Skew => (Fault::ClockSkew, self.skew_since_microseconds),
        };
        Some(Found { name: FaultOrShift::Fault(fault), rarity, deviation, since_microseconds, came: None })
    }

    /// Follows a jump until it has shown what it is.
    fn excursion(&mut self, sample: &Sample, jump: f64, threshold: f64) -> Option<Found> {
        let now = sample.time_microseconds;
        let Some(excursion) = &mut self.excursion else {
            // What has come along a slope had no more chances than usual: the way of a usual interval is looked at.
            let is_sudden = self.counter || (sample.value - self.last_value).abs() > jump / 2.0;
            let slope = if is_sudden { None } else { self.came_along_a_slope(sample) };
            let crowd = if slope.is_some() { self.crowd() } else { 0.0 };
            let rarity = self.rarity(Figure::Jump, jump) + crowd;
            let is_heard = self.quiet_steps[Figure::Jump as usize] == 0 && self.steps >= self.warmup_steps;
            if jump <= 0.0 || !is_heard || rarity < threshold {
                return None;
            }
            let deviation = jump + self.floor(Figure::Jump as usize);
            if let Some(since_microseconds) = slope {
                self.quiet_steps[Figure::Jump as usize] = self.warmup_steps / 4;
                let name = FaultOrShift::Fault(Fault::Drift);
                return Some(Found { name, rarity, deviation, since_microseconds, came: None });
            }
            let base = if is_sudden { self.last_reading } else { self.earlier[0] };
            self.excursion = Some(Excursion::new(now, (base, sample.reading), rarity, deviation));
            return None;
        };
        let mut name = excursion.observe(now, sample.reading)?;
        let Excursion { rarity, deviation, since_microseconds, peak, base, .. } = *excursion;
        self.excursion = None;
        self.quiet_steps[Figure::Jump as usize] = self.warmup_steps / 4;
        if name == FaultOrShift::Fault(Fault::Noise) {
            let is_even = self.oscillates();
            name = FaultOrShift::Fault(if is_even { Fault::Oscillation } else { Fault::Noise });
            self.quiet_steps[Figure::Agitation as usize] = self.warmup_steps / 4;
        }
        let came = match name {
            _ if self.counter => Some(peak - base),
            FaultOrShift::Fault(Fault::Spike) => Some(peak),
            _ => None,
        };
        Some(Found { name, rarity, deviation, since_microseconds, came })
    }

    /// Whether the last samples all went the way that is too far, in steps none of which is the most of it; since when.
    fn came_along_a_slope(&self, sample: &Sample) -> Option<i64> {
        if self.window.len() < WINDOW {
            return None;
        }
        let way = sample.value - self.earlier[0];
        let before = |ago: usize| f64::from(self.window[(usize::from(self.place) + WINDOW - ago) % WINDOW]);
        let mut steps = (0..WINDOW - 1).map(|ago| {
            let to = if ago == 0 { sample.value } else { before(ago) };
            (to - before(ago + 1)) / way
        });
        let is_slope = |step: &f64| *step > 0.0 && *step < SLOPE_STEP_SHARE;
        let count = steps.by_ref().take_while(is_slope).count();
        let since = sample.time_microseconds - (count as f64 * self.pace_seconds * 1e6) as i64;
        (way != 0.0 && count >= SLOPE_STEPS).then_some(since)
    }

    /// How far the value is from both the expected one and either the one before or the one a usual interval ago: what
    /// comes in small steps, more often than usual, has come as far.
    fn jump(&mut self, sample: &Sample) -> f64 {
        let Sample { value, expected, time_microseconds: now, .. } = *sample;
        if self.counter {
            return (value - self.last_value.max(expected)).max(0.0);
        }
        let way = (value - self.last_value).abs().max((value - self.earlier[0]).abs());
        let usual_seconds = self.step_seconds / self.usual_changes.max(1e-3);
        if (now - self.earlier_microseconds) as f64 / 1e6 >= usual_seconds.min(self.step_seconds) / 2.0 {
            self.earlier = [self.earlier[1], value];
            self.earlier_microseconds = now;
        }
        way.min((value - expected).abs())
    }

    /// How unlikely it is that what is read has stood still for so long.
    fn still(&mut self, sample: &Sample, gap_seconds: f64) -> f64 {
        let now = sample.time_microseconds;
        let is_repeat = self.samples > 1 && sample.reading == self.last_reading;
        if !is_repeat && self.samples > 1 {
            let seconds = (now - std::mem::replace(&mut self.changed_microseconds, now)) as f64 / 1e6;
            let rate = if self.change_seconds > 0.0 { PACE_RATE } else { 1.0 };
            self.change_seconds += (seconds - self.change_seconds) * rate;
            self.step_changes = self.step_changes.saturating_add(1);
        }
        let learning = self.steps < self.warmup_steps;
        self.still.observe(now, gap_seconds, sample.reading, is_repeat, learning)
    }

    /// Seconds without a sample.
    fn gap(&mut self, gap_seconds: f64) -> f64 {
        if self.samples < 2 {
            return 0.0;
        }
        let rate = if self.pace_seconds > 0.0 { PACE_RATE } else { 1.0 };
        self.pace_seconds += (gap_seconds - self.pace_seconds) * rate;
        let long = self.interval_seconds > 0.0 && gap_seconds > GAP_INTERVALS_MIN * self.interval_seconds;
        if !long {
            let count = f64::from(self.samples.min(256) - 1);
            self.interval_seconds += (gap_seconds - self.interval_seconds) / count;
        }
        gap_seconds
    }

    /// The slow mean of the residual.
    fn slow_residual(&mut self, time: i64, residual: f64) -> f64 {
        let before = self.slow;
        self.slow += (residual - self.slow) / (SLOW_SHARE * f64::from(self.warmup_steps)).max(1.0);
        if before.signum() != self.slow.signum() {
            self.slow_since_microseconds = time;
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
        // The median change of the steps between neighbours: neither some jumps nor a slope move it, a noisy window does.
        let place = usize::from(self.place);
        let at = |index: usize| self.window[(place + index) % WINDOW];
        let mut turns: [f32; WINDOW - 2] =
            std::array::from_fn(|index| (at(index) - 2.0 * at(index + 1) + at(index + 2)).abs());
        let (_, turn, _) = turns.select_nth_unstable_by(WINDOW / 2 - 1, f32::total_cmp);
        f64::from(*turn)
    }

    /// Whether the recent window, or the newer half of it, goes up and down in even periods.
    fn oscillates(&self) -> bool {
        self.window.len() == WINDOW
            && (is_even(&self.newest(WINDOW), OSCILLATION_PEAK)
                || is_even(&self.newest(WINDOW / 2), OSCILLATION_PEAK_HALF))
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

/// Whether values go up and down in even periods: their autocorrelation falls, and then peaks.
fn is_even(values: &[f64], least_peak: f64) -> bool {
    let count = values.len();
    let mean = values.iter().sum::<f64>() / count as f64;
    let values: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let energy: f64 = values.iter().map(|value| value * value).sum::<f64>() / count as f64;
    if energy <= 0.0 {
        return false;
    }
    let correlation = |lag: usize| {
        let products = values.iter().zip(&values[lag..]).map(|(a, b)| a * b);
        products.sum::<f64>() / ((count - lag) as f64 * energy)
    };
    let mut trough = f64::MAX;
    (1..=count / 2).any(|lag| {
        let here = correlation(lag);
        trough = trough.min(here);
        trough < OSCILLATION_TROUGH && here > least_peak
    })
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
