//! One quantity along time: what was told, what others foresee, and what its own past lets expect.
//!
//! The past is learnt by the wall clock of the home, so on the day of 23 hours one slot is missing and on the day of 25 one is
//! not learnt from, and noon stays noon. What is foreseen is by moments, whatever clocks say.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::time::Duration;

use learn::forecast::{Forecaster, Settings as Learner};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::horizon::{Horizon, STEPS_MAX};

/// Most moments of the future that are remembered, beyond which the furthest are forgotten.
const FORESEEN_MAX: usize = 4 * STEPS_MAX;

/// The levels of the quantiles: the middles of fifths.
pub(super) const LEVELS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// What is expected of one quantity: for each step the quantiles of [`LEVELS`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Bands(pub(super) Vec<[f64; 5]>);

impl Bands {
    /// What is as likely to be exceeded as not.
    pub(super) fn medians(&self) -> Vec<f64> {
        self.0.iter().map(|band| band[2]).collect()
    }

    /// Adds so much in each step.
    pub(super) fn add(&mut self, more: &[f64]) {
        self.0.iter_mut().zip(more).for_each(|(band, more)| band.iter_mut().for_each(|value| *value += more));
    }

    /// The mean of each step's quantiles.
    pub(super) fn means(&self) -> Vec<f64> {
        self.0.iter().map(|band| band.iter().sum::<f64>() / band.len() as f64).collect()
    }
}

/// One quantity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Feed {
    forecaster: Forecaster,
    /// What is believed; anything else is refused.
    bounds: (f64, f64),
    last: Option<(Timestamp, f64)>,
    foreseen: BTreeMap<Timestamp, f64>,
    /// Values that were not believed.
    pub(super) refused: u64,
}

impl Feed {
    pub(super) fn new(bounds: (f64, f64), covariates: usize) -> Self {
        Self {
            forecaster: Forecaster::new(Learner { covariates, utc_offset_s: 0 }),
            bounds,
            last: None,
            foreseen: BTreeMap::new(),
            refused: 0,
        }
    }

    /// Takes a value in; whether it was believed.
    pub(super) fn tell(&mut self, time: Timestamp, offset_s: i64, value: f64, covariates: &[f64]) -> bool {
        if !value.is_finite() || !(self.bounds.0..=self.bounds.1).contains(&value) {
            self.refused += 1;
            return false;
        }
        self.forecaster.observe(wall(time, offset_s), value, covariates);
        if self.last.is_none_or(|(last, _)| time >= last) {
            self.last = Some((time, value));
        }
        true
    }

    /// Notes what somebody else expects from a moment on.
    pub(super) fn foresee(&mut self, from: Timestamp, value: f64) {
        if value.is_finite() && (self.bounds.0..=self.bounds.1).contains(&value) {
            self.foreseen.insert(from, value);
            if self.foreseen.len() > FORESEEN_MAX {
                self.foreseen.pop_last();
            }
        }
    }

    /// Notes the covariates of a moment.
    pub(super) fn expect_covariates(&mut self, time: Timestamp, offset_s: i64, covariates: &[f64]) {
        self.forecaster.expect_covariates(wall(time, offset_s), covariates);
    }

    /// Forgets what was foreseen for moments that are over; of those the newest is kept, for it may still hold.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        if let Some(holds) = self.foreseen.range(..=time).next_back().map(|(from, _)| *from) {
            self.foreseen = self.foreseen.split_off(&holds);
        }
    }

    /// What was told within a stretch of time, the newest of it.
    pub(super) fn told_within(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        self.last.filter(|(time, _)| (from..=to).contains(time)).map(|(_, value)| value)
    }

    /// What was told or foreseen for the step that a moment is in.
    pub(super) fn around(&self, time: Timestamp, step: Duration) -> Option<f64> {
        let step_us = (step.as_micros() as i64).max(1);
        let from = Timestamp(time.micros().div_euclid(step_us) * step_us);
        let foreseen = self.foreseen.range(from..from + step).next().map(|(_, value)| *value);
        self.last.filter(|(last, _)| (from..from + step).contains(last)).map(|(_, value)| value).or(foreseen)
    }

    /// The newest value and when it was told.
    pub(super) fn last(&self) -> Option<(Timestamp, f64)> {
        self.last
    }

    /// What is expected in each step. The first is what was told in it, where something was; the others are what was foreseen
    /// for their begin and, where nothing was, what the past lets expect. `None` when there is neither for some step.
    pub(super) fn ahead(&self, horizon: &Horizon, now: Timestamp, offset_s: i64) -> Option<Bands> {
        let step = Duration::from_secs(u64::from(horizon.step_seconds));
        let learnt = LazyCell::new(|| self.learnt(horizon, offset_s));
        let told = self.told_within(horizon.start, now);
        let (least, most) = self.bounds;
        (0..horizon.steps)
            .map(|at| {
                let begin = horizon.begin(at);
                if let Some(value) = told.filter(|_| at == 0) {
                    return Some([value; 5]);
                }
                if let Some((_, value)) = self.foreseen.range(begin..begin + step).next() {
                    return Some([*value; 5]);
                }
                let band = learnt.as_ref().and_then(|learnt| learnt.at(wall(begin, offset_s)))?;
                Some(band.map(|value| value.clamp(least, most)))
            })
            .collect::<Option<Vec<_>>>()
            .map(Bands)
    }

    fn learnt(&self, horizon: &Horizon, offset_s: i64) -> Option<Learnt> {
        let mut forecaster = self.forecaster.clone();
        // The step that has begun counts as what it looks like so far.
        forecaster.advance(wall(horizon.begin(1), offset_s));
        let slot = forecaster.forecast(1, &[])?.step.as_secs().max(1);
        let slots = horizon.begin(horizon.steps).since(horizon.start).as_secs().div_ceil(slot);
        let forecast = forecaster.forecast(slots as usize, &LEVELS)?;
        Some(Learnt { start: forecast.start, step: forecast.step, quantiles: forecast.quantiles })
    }
}

/// What a forecaster said, to be read at any moment of the wall clock.
struct Learnt {
    start: Timestamp,
    step: Duration,
    quantiles: Vec<Vec<f64>>,
}

impl Learnt {
    fn at(&self, time: Timestamp) -> Option<[f64; 5]> {
        let slot = (time.since(self.start).as_micros() / self.step.as_micros().max(1)) as usize;
        let newest = self.quantiles.first()?.len().checked_sub(1)?;
        // Behind the furthest slot a day repeats itself.
        let day = (86_400_000_000 / self.step.as_micros().max(1)).max(1) as usize;
        let slot = slot.saturating_sub(slot.saturating_sub(newest).div_ceil(day) * day);
        let mut band = [0.0; 5];
        for (place, row) in band.iter_mut().zip(&self.quantiles) {
            *place = *row.get(slot)?;
        }
        band.sort_unstable_by(f64::total_cmp);
        Some(band)
    }
}

/// What the clock on the wall says, as if it were UTC.
fn wall(time: Timestamp, offset_s: i64) -> Timestamp {
    Timestamp(time.micros().saturating_add(offset_s * 1_000_000))
}
