//! What a stream is expected to say now: its centre, and the hour of the day where that explains it.

use crate::codec::packed;

/// Bins of a day.
const BINS: usize = 96;
/// A day.
const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// The slowest a bin learns: some fifty days.
const BIN_RATE: f64 = 0.02;
/// The hour is used where it explains this share of the variance.
const EXPLAINED_MIN: f64 = 0.6;
/// How many learning periods the centre remembers.
const CENTRE_PERIODS: f64 = 4.0;
/// A value changes a bin by no more than so many mean deviations.
const BIN_CLAMP: f64 = 5.0;
/// Values beyond so many interquartile ranges do not count in how well the hour explains.
const FIT_CLAMP: f64 = 4.0;

/// The expected value of a stream, and how far it usually is off.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    /// The first values, until there are enough to take quartiles of.
    first: Vec<f32>,
    /// The quartiles.
    quartiles: [f32; 3],
    width: f32,
    steps: u32,
    warmup_steps: u32,
    /// The mean of each part of the day, and how many values it has seen.
    bins: Vec<f32>,
    counts: Vec<u8>,
    /// Second moments of value and profile around the centre.
    profile_profile: f32,
    profile_value: f32,
    value_value: f32,
    /// The mean absolute residual.
    spread: f32,
}

packed!(Expectation {
    first,
    quartiles,
    width,
    steps,
    warmup_steps,
    bins,
    counts,
    profile_profile,
    profile_value,
    value_value,
    spread
});

impl Expectation {
    pub(super) fn new(warmup_steps: u32) -> Self {
        Self {
            first: Vec::new(),
            quartiles: [0.0; 3],
            width: 0.0,
            steps: 0,
            warmup_steps,
            bins: vec![0.0; BINS],
            counts: vec![0; BINS],
            profile_profile: 0.0,
            profile_value: 0.0,
            value_value: 0.0,
            spread: 0.0,
        }
    }

    fn first_steps(&self) -> u32 {
        (self.warmup_steps / 3).max(10)
    }

    /// Whether there is an expectation at all.
    pub(super) fn ready(&self) -> bool {
        self.steps >= self.first_steps()
    }

    /// The mean absolute residual.
    pub(super) fn spread(&self) -> f64 {
        f64::from(self.spread)
    }

    /// What is expected at a time.
    pub(super) fn at(&self, time_microseconds: i64) -> f64 {
        let centre = f64::from(self.quartiles[1]);
        centre + self.weight() * self.profile(bin(time_microseconds))
    }

    /// How far a part of the day is from the centre.
    fn profile(&self, bin: usize) -> f64 {
        if self.counts[bin] >= 2 { f64::from(self.bins[bin] - self.quartiles[1]) } else { 0.0 }
    }

    /// How much of the day's profile is believed.
    fn weight(&self) -> f64 {
        let (pp, pv, vv) = (self.profile_profile, self.profile_value, self.value_value);
        if pp <= 0.0
            || vv <= 0.0
            || pv <= 0.0
            || f64::from(pv) * f64::from(pv) < EXPLAINED_MIN * f64::from(pp) * f64::from(vv)
        {
            return 0.0;
        }
        f64::from(pv / pp).clamp(0.0, 1.0)
    }

    /// Takes the value of one step.
    pub(super) fn learn(&mut self, time_microseconds: i64, value: f64) {
        self.centre(value);
        let bin = bin(time_microseconds);
        if self.ready() {
            let residual = (value - self.at(time_microseconds)).abs();
            let limit = FIT_CLAMP * f64::from(self.quartiles[2] - self.quartiles[0]).max(1e-9);
            let value = (value - f64::from(self.quartiles[1])).clamp(-limit, limit) as f32;
            let profile = self.profile(bin).clamp(-limit, limit) as f32;
            let keep = 1.0 - 1.0 / self.warmup_steps as f32;
            self.profile_profile = self.profile_profile * keep + profile * profile;
            self.profile_value = self.profile_value * keep + profile * value;
            self.value_value = self.value_value * keep + value * value;
            let count =
                f64::from(self.steps - self.first_steps() + 1).min(CENTRE_PERIODS * 2.0 * f64::from(self.warmup_steps));
            self.spread += ((residual - f64::from(self.spread)) / count) as f32;
        }
        self.counts[bin] = self.counts[bin].saturating_add(1);
        let rate = BIN_RATE.max(1.0 / f64::from(self.counts[bin])) as f32;
        let mut change = value as f32 - self.bins[bin];
        if self.counts[bin] > 3 && self.spread > 0.0 {
            let limit = BIN_CLAMP as f32 * self.spread;
            change = change.clamp(-limit, limit);
        }
        self.bins[bin] += rate * change;
    }

    /// Moves the quartiles towards the value.
    fn centre(&mut self, value: f64) {
        self.steps = self.steps.saturating_add(1);
        let first = self.first_steps();
        if self.steps <= first {
            self.first.push(value as f32);
            if self.steps == first {
                let mut sorted = std::mem::take(&mut self.first);
                sorted.sort_by(f32::total_cmp);
                let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
                self.quartiles = [at(0.25), at(0.5), at(0.75)];
                self.width = (self.quartiles[2] - self.quartiles[0]).max(1e-9 * self.quartiles[1].abs()).max(1e-12);
            }
            return;
        }
        let memory = f64::from(self.steps).min(CENTRE_PERIODS * f64::from(self.warmup_steps));
        let gain = f64::from(self.width) / memory * 2.0;
        for (quartile, share) in self.quartiles.iter_mut().zip([0.25, 0.5, 0.75]) {
            let below = f64::from(u8::from(value < f64::from(*quartile)));
            *quartile += (gain * (share - below)) as f32;
        }
        self.quartiles[0] = self.quartiles[0].min(self.quartiles[1]);
        self.quartiles[2] = self.quartiles[2].max(self.quartiles[1]);
        self.width = (self.quartiles[2] - self.quartiles[0]).max(self.width * 0.999);
    }
}

fn bin(time_microseconds: i64) -> usize {
    (time_microseconds.rem_euclid(DAY_MICROSECONDS) as usize * BINS) / DAY_MICROSECONDS as usize
}
