//! Forecasts with quantiles, for any series, from its first day on.
//!
//! Samples are put on a regular grid ([`Forecaster::observe`]); on it several models compete, from "as yesterday" to a
//! regression on lags, calendar and covariates. Each one's forecasts are kept until they can be compared with what
//! came; who was best lately at a distance ahead is issued there, and the naive models always run along, so that what
//! is issued is not worse than they are for long. The quantiles come from the errors as they were made.
//!
//! What happens when a stream misbehaves:
//! - it stops: its slots are gaps; after a day of them there is no forecast until it speaks again.
//! - it is silent for more than eight days, or its clock jumps: three samples that agree on the new time start afresh.
//! - a single value far outside everything that was seen: a gap. A quarter of a day of them: the series has changed (its
//!   unit, say), and is learnt afresh.
//! - samples out of order, from far off, or not finite: refused and counted.
//!
//! The state is bounded: [`STATE_BYTES_MAX`].

mod card;
mod engine;
mod interval;
mod judge;
mod models;
mod outlook;
mod past;
mod ridge;
mod sampler;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

pub use card::{Ahead, ModelCard, Restart};
pub use models::Model;
pub use outlook::COVARIATES_MAX;

use engine::Engine;
use sampler::Sampler;
use view::Calendar;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// What a forecaster holds at most: on a grid of a quarter of an hour, with all covariates.
pub const STATE_BYTES_MAX: usize = 128 * 1024;

/// The furthest slot that is forecast: two days, or two weeks on a grid of days.
pub(crate) fn horizon_max(per_day: usize) -> usize {
    if per_day == 1 { 14 } else { 2 * per_day }
}

/// What is known of a series before its first sample.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// How many covariates come with it.
    pub covariates: usize,
    /// How far local time is ahead of UTC, in seconds.
    pub utc_offset_s: i64,
}

/// A forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The start of the first slot.
    pub start: Timestamp,
    /// The length of a slot.
    pub step: Duration,
    /// What is as likely to be exceeded as not, a slot each.
    pub median: Vec<f64>,
    /// The levels of the quantiles.
    pub levels: Vec<f64>,
    /// The quantiles: one row a level, one column a slot.
    pub quantiles: Vec<Vec<f64>>,
}

/// Learns one series and forecasts it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forecaster {
    covariates: usize,
    utc_offset_s: i64,
    sampler: Sampler,
    engine: Option<Engine>,
    restarts: u32,
    last_restart: Option<(Timestamp, Restart)>,
}

impl Forecaster {
    /// A forecaster that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            covariates: settings.covariates.min(COVARIATES_MAX),
            utc_offset_s: settings.utc_offset_s,
            sampler: Sampler::new(None),
            engine: None,
            restarts: 0,
            last_restart: None,
        }
    }

    /// Takes a sample in, with the covariates at that moment.
    pub fn observe(&mut self, time: Timestamp, value: f64, covariates: &[f64]) {
        if !value.is_finite() || value.abs() > f64::from(f32::MAX) {
            self.sampler.refused += 1;
            return;
        }
        let sampled = self.sampler.observe(time, value);
        if sampled.jumped {
            self.restart(time, Restart::Time);
        }
        self.close(&sampled.slots);
        self.expect_covariates(time, covariates);
    }

    /// Notes what the covariates are, or are foreseen to be, at a moment.
    pub fn expect_covariates(&mut self, time: Timestamp, covariates: &[f64]) {
        let Some(engine) = &mut self.engine else { return };
        let (Some(table), Some(newest)) = (&mut engine.covariates, engine.past.newest()) else { return };
        let slot = time.micros().div_euclid(engine.calendar.step_us);
        table.note(slot, covariates, newest, engine.calendar.per_day);
    }

    /// Tells that it is `now`, so that slots end without a sample.
    pub fn advance(&mut self, now: Timestamp) {
        let slots = self.sampler.advance(now);
        self.close(&slots);
    }

    fn restart(&mut self, time: Timestamp, why: Restart) {
        self.engine = None;
        self.restarts += 1;
        self.last_restart = Some((time, why));
    }

    fn close(&mut self, slots: &[sampler::Slot]) {
        let Some(step_us) = self.sampler.step_us() else { return };
        for slot in slots {
            let covariates = self.covariates;
            let offset_us = self.utc_offset_s * 1_000_000;
            let engine = self.engine.get_or_insert_with(|| {
                let per_day = (DAY_US / step_us) as usize;
                Engine::new(Calendar { step_us, offset_us, per_day }, covariates)
            });
            engine.close(slot.index, slot.mean);
            if engine.is_changed() {
                self.restart(Timestamp((slot.index + 1) * step_us), Restart::Values);
            }
        }
    }

    /// Forecasts so many slots, two days at most (two weeks on a grid of days); `None` before the first day is over, and
    /// when nothing was heard for a day.
    pub fn forecast(&self, horizon_slots: usize, levels: &[f64]) -> Option<Forecast> {
        let engine = self.engine.as_ref()?;
        let per_day = engine.calendar.per_day;
        let newest = engine.past.newest()?;
        if engine.slots_silent > per_day {
            return None;
        }
        let mut median = Vec::new();
        let mut quantiles = vec![Vec::new(); levels.len()];
        let mut row = Vec::new();
        for ahead in 1..=horizon_slots.min(horizon_max(per_day)) {
            median.push(engine.forecast(ahead, levels, &mut row)?);
            for (column, value) in quantiles.iter_mut().zip(&row) {
                column.push(*value);
            }
        }
        Some(Forecast {
            start: Timestamp((newest + 1) * engine.calendar.step_us),
            step: Duration::from_micros(engine.calendar.step_us as u64),
            median,
            levels: levels.to_vec(),
            quantiles,
        })
    }
}
