//! How rare a deviation is: the tail of a stream's own largest deviations.
//!
//! Deviations come in clusters, so each cluster counts once, by its peak. The largest peaks are kept; above them a
//! Pareto tail (Hill's estimator, held by a prior while there are few peaks) says how long one waits for a larger one.
//! Nothing is assumed of the body of the distribution, and the answer has a unit that people have a feeling for:
//! the time between two such events.

use crate::codec::packed;

/// Peaks that are kept.
pub(crate) const PEAKS_MAX: usize = 20;
/// The fewest peaks that make a tail: so often must something come before it is ordinary.
const PEAKS_MIN: usize = 4;
/// The tail that is assumed before any is seen: a peak is exceeded by a third now and then.
const TAIL_PRIOR: f64 = 0.3;
/// How many peaks that assumption weighs.
const TAIL_PRIOR_WEIGHT: f64 = 3.0;
/// No tail is taken to be thinner than this.
const TAIL_MIN: f64 = 0.02;
/// A cluster ends after so much of the learning period without a higher value.
const CLUSTER_SHARE: f64 = 0.05;
/// What is higher by less than this does not keep a cluster up: a figure that is always the same has clusters too.
const RISE_MIN: f32 = 1.001;

/// The largest deviations so far.
#[derive(Debug, Clone)]
pub(crate) struct Peaks {
    /// Descending.
    top: Vec<f32>,
    /// The peak of the cluster that has not ended.
    current: f32,
    /// Steps since that peak.
    since_steps: u16,
    /// Steps in all.
    steps: u32,
    /// Steps of the learning period.
    warmup_steps: u16,
    /// Whether what is not known of the tail makes large deviations more likely (the predictive distribution of the
    /// tail) or not (its estimate, which ranks better).
    cautious: bool,
}

packed!(Peaks { top, current, since_steps, steps, warmup_steps, cautious });

impl Peaks {
    pub(crate) fn new(warmup_steps: u32, cautious: bool) -> Self {
        let warmup_steps = warmup_steps.clamp(1, u32::from(u16::MAX)) as u16;
        Self { top: Vec::new(), current: 0.0, since_steps: 0, steps: 0, warmup_steps, cautious }
    }

    /// The decimal logarithm of the time until such a deviation comes again, in learning periods; 0 for what is
    /// ordinary, and while there is nothing to judge by.
    pub(crate) fn rarity(&self, deviation: f64) -> f64 {
        if self.steps < u32::from(self.warmup_steps) || self.top.len() < 2 {
            return 0.0;
        }
        let count = self.usual_count().min(self.top.len());
        let base = f64::from(self.top[count - 1]).max(1e-12);
        if deviation <= base {
            return 0.0;
        }
        let (weight, tail) = self.tail(count, base);
        let ratio = (deviation / base).ln() / tail;
        let excess = if self.cautious { weight * (ratio / weight).ln_1p() } else { ratio } / std::f64::consts::LN_10;
        ((self.periods() / count as f64).log10() + excess).max(0.0)
    }

    /// The largest deviation that is ordinary.
    pub(crate) fn ordinary(&self) -> f64 {
        let count = self.usual_count().min(self.top.len());
        if count < 2 { f64::INFINITY } else { f64::from(self.top[count - 1]) }
    }

    /// How many peaks speak for the tail, the assumed ones included, and how heavy it is.
    fn tail(&self, count: usize, base: f64) -> (f64, f64) {
        let logs: f64 = self.top[..count - 1].iter().map(|peak| (f64::from(*peak) / base).ln()).sum();
        let weight = count as f64 - 1.0 + TAIL_PRIOR_WEIGHT;
        (weight, ((logs + TAIL_PRIOR * TAIL_PRIOR_WEIGHT) / weight).max(TAIL_MIN))
    }

    /// How many learning periods have been seen.
    fn periods(&self) -> f64 {
        f64::from(self.steps) / f64::from(self.warmup_steps)
    }

    /// Takes the deviation of one step.
    pub(crate) fn learn(&mut self, deviation: f64) {
        self.steps = self.steps.saturating_add(1);
        let deviation = deviation as f32;
        let rises = deviation > self.current * RISE_MIN;
        self.current = self.current.max(deviation);
        self.since_steps = if rises { 0 } else { self.since_steps.saturating_add(1) };
        let gap_steps = ((CLUSTER_SHARE * f64::from(self.warmup_steps)) as u16).max(1);
        if self.since_steps >= gap_steps {
            let peak = std::mem::take(&mut self.current);
            self.insert(peak);
            self.since_steps = 0;
        }
    }

    /// Somebody said that this deviation is ordinary: it counts as often as ordinary things come.
    pub(crate) fn tolerate(&mut self, deviation: f64) {
        let count = self.usual_count();
        (0..count).for_each(|_| self.insert(deviation as f32));
    }

    /// Somebody said that this deviation is not ordinary: what is like it, or larger, is forgotten.
    pub(crate) fn forbid(&mut self, deviation: f64) {
        const ALIKE: f32 = 0.9;
        self.top.retain(|peak| *peak < deviation as f32 * ALIKE);
    }

    /// How often a thing has come by now that comes once in a learning period.
    fn usual_count(&self) -> usize {
        ((self.steps / u32::from(self.warmup_steps)) as usize).clamp(PEAKS_MIN, PEAKS_MAX)
    }

    fn insert(&mut self, peak: f32) {
        let place = self.top.partition_point(|other| *other >= peak);
        if place < PEAKS_MAX {
            self.top.insert(place, peak);
            self.top.truncate(PEAKS_MAX);
        }
    }
}
