//! What is unusual in a stream, without being told what to look for.
//!
//! Three views look at every step: how far the value is from what is expected, how far its recent mean is, and how new
//! the last pattern is. Each is calibrated by its own past ([`crate::calibrate`]), so that they can be added up: a
//! view that is sure speaks alone, and two that are half sure speak together. What comes out is how long one would
//! wait for such a thing to come by chance, and the one knob is how often that may happen.

mod expect;
mod pattern;

use serde::{Deserialize, Serialize};

use crate::calibrate::Peaks;
use crate::codec::packed;
use expect::Expectation;
use pattern::Patterns;

/// The recent mean covers this share of the learning period.
const RECENT_SHARE: f64 = 0.06;
/// Quiet after an alarm, as a share of the learning period.
const QUIET_SHARE: f64 = 0.2;
/// What comes in the quiet is told when it is rarer than what was told, by so much.
const QUIET_MARGIN: f64 = 0.5;
/// What is nearly as rare as what was told keeps the quiet up.
const QUIET_SUSTAIN: f64 = 0.7;
/// The mean residual is added to deviations by this share, so that next to nothing is not rare beside nothing.
const FLOOR_SHARE: f64 = 0.1;
/// How much the pattern's word weighs beside the value's.
const PATTERN_WEIGHT: f64 = 1.5;
/// A month.
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;

/// Which view was the most surprised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The value is higher than expected.
    High,
    /// The value is lower than expected.
    Low,
    /// The recent mean is higher than expected.
    ShiftedUp,
    /// The recent mean is lower than expected.
    ShiftedDown,
    /// The last stretch looks like nothing before.
    Pattern,
}

impl View {
    pub(crate) const ALL: [Self; 5] = [Self::High, Self::Low, Self::ShiftedUp, Self::ShiftedDown, Self::Pattern];
}

/// What a step was judged to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The decimal logarithm of the time between such steps, in learning periods; 0 is ordinary.
    pub rarity: f64,
    /// The same, or 0 while an earlier alarm already stands for it.
    pub alarm: f64,
    /// What was expected.
    pub expected: f64,
    /// Who was surprised the most.
    pub view: View,
    /// By how much, in the view's own measure.
    pub deviation: f64,
}

/// The three views on one stream of even steps.
#[derive(Debug, Clone)]
pub struct Detector {
    warmup_steps: u32,
    steps: u32,
    expectation: Expectation,
    /// The mean of the recent residuals.
    recent: f64,
    patterns: Patterns,
    /// The pattern's word holds until its next block.
    pattern_rarity: f64,
    pattern_novelty: f64,
    /// In the order of [`View::ALL`].
    peaks: Vec<Peaks>,
    quiet_steps: u32,
    told: f64,
}

packed!(Detector {
    warmup_steps,
    steps,
    expectation,
    recent,
    patterns,
    pattern_rarity,
    pattern_novelty,
    peaks,
    quiet_steps,
    told
});

impl Detector {
    /// A detector that learns for so many steps before it judges. A cautious one calls only what is rare whatever the
    /// tail may be, for people to act on; the other ranks by its best estimate.
    pub fn new(warmup_steps: u32, cautious: bool) -> Self {
        let patterns = Patterns::new(warmup_steps);
        let blocks = warmup_steps / patterns.block_steps();
        let peaks = View::ALL
            .iter()
            .map(|view| Peaks::new(if *view == View::Pattern { blocks } else { warmup_steps }, cautious));
        Self {
            warmup_steps,
            steps: 0,
            expectation: Expectation::new(warmup_steps),
            recent: 0.0,
            peaks: peaks.collect(),
            patterns,
            pattern_rarity: 0.0,
            pattern_novelty: 0.0,
            quiet_steps: 0,
            told: 0.0,
        }
    }

    /// How many steps it has seen.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether it has seen enough to judge.
    pub fn ready(&self) -> bool {
        self.steps >= self.warmup_steps
    }

    /// The rarity that comes by chance so many times a month, when steps are so long.
    pub fn rarity_of(&self, alarms_per_month: f64, step_seconds: f64) -> f64 {
        let periods = MONTH_SECONDS / (step_seconds.max(1e-6) * f64::from(self.warmup_steps));
        (periods / alarms_per_month.max(1e-6)).log10().max(0.0)
    }

    /// What is expected at a time, and the edges of what is ordinary.
    pub fn expected(&self, time_microseconds: i64) -> (f64, f64, f64) {
        let expected = self.expectation.at(time_microseconds);
        let floor = FLOOR_SHARE * self.expectation.spread();
        let edge = |view: View| (self.peaks[view as usize].ordinary() - floor).max(0.0);
        (expected, expected - edge(View::Low), expected + edge(View::High))
    }

    /// What is expected at a time, once anything is.
    pub fn expected_value(&self, time_microseconds: i64) -> Option<f64> {
        self.expectation.ready().then(|| self.expectation.at(time_microseconds))
    }

    /// Judges one step and learns from it. What is told is at least as rare as `threshold`.
    pub fn observe(&mut self, time_microseconds: i64, value: f64, threshold: f64) -> Judgement {
        self.steps = self.steps.saturating_add(1);
        let expected = if self.expectation.ready() { self.expectation.at(time_microseconds) } else { value };
        self.expectation.learn(time_microseconds, value);
        let residual = value - expected;
        let recent_steps = (RECENT_SHARE * f64::from(self.warmup_steps)).max(1.0);
        self.recent += (residual - self.recent) / recent_steps;
        let floor = FLOOR_SHARE * self.expectation.spread();
        let deviations =
            [residual.max(0.0), (-residual).max(0.0), self.recent.max(0.0), (-self.recent).max(0.0)].map(|d| d + floor);
        let mut rarities = [0.0; 5];
        for ((peaks, deviation), rarity) in self.peaks.iter_mut().zip(deviations).zip(&mut rarities) {
            *rarity = peaks.rarity(deviation);
            peaks.learn(deviation);
        }
        if let Some(novelty) = self.patterns.observe(value) {
            let deviation = novelty + FLOOR_SHARE * self.patterns.usual();
            let peaks = &mut self.peaks[View::Pattern as usize];
            (self.pattern_rarity, self.pattern_novelty) = (peaks.rarity(deviation), deviation);
            peaks.learn(deviation);
        }
        rarities[4] = self.pattern_rarity * PATTERN_WEIGHT;
        let value_rarity = together(rarities[0].max(rarities[1]), rarities[2].max(rarities[3]));
        let rarity = if self.ready() { together(value_rarity, rarities[4]) } else { 0.0 };
        let most = (0..rarities.len()).max_by(|a, b| rarities[*a].total_cmp(&rarities[*b])).unwrap_or(0);
        let deviation = if most < deviations.len() { deviations[most] } else { self.pattern_novelty };
        let alarm = self.tell(rarity, threshold);
        Judgement { rarity, alarm, expected, view: View::ALL[most], deviation }
    }

    /// The rarity if it is worth an alarm of its own.
    fn tell(&mut self, rarity: f64, threshold: f64) -> f64 {
        if self.quiet_steps > 0 {
            self.quiet_steps -= 1;
        } else {
            self.told = 0.0;
        }
        if rarity <= 0.0 || rarity < threshold {
            return 0.0;
        }
        let quiet = (QUIET_SHARE * f64::from(self.warmup_steps)) as u32;
        if rarity > self.told + QUIET_MARGIN {
            (self.told, self.quiet_steps) = (rarity, quiet);
            return rarity;
        }
        if rarity > QUIET_SUSTAIN * self.told {
            self.quiet_steps = self.quiet_steps.max(quiet / 2);
        }
        0.0
    }

    /// Somebody said that what was found is ordinary, or that it is not. The last word counts: a contradiction undoes
    /// what was said before about the same deviation.
    pub fn label(&mut self, view: View, deviation: f64, ordinary: bool) {
        let peaks = &mut self.peaks[view as usize];
        if ordinary { peaks.tolerate(deviation) } else { peaks.forbid(deviation) }
    }
}

/// Two rarities of one step: the larger, and more where both are there.
fn together(a: f64, b: f64) -> f64 {
    (2.0 * a.max(b) + a + b) / 3.0
}
