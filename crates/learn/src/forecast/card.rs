//! What a forecaster has learnt, and how good it is.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::models::Model;
use super::{DAY_US, Forecaster};

/// Why a series is learnt afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// It was silent for long, or its clock was set.
    Time,
    /// Its values left everything that was ever seen, for hours: another unit, another meter.
    Values,
}

/// How good forecasts are at one distance ahead. Errors are absolute, in the unit of the series, over about the last month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    /// How far ahead.
    pub distance: Duration,
    /// The model that is best at it lately.
    pub champion: Model,
    /// The typical error of what was issued.
    pub error: f64,
    /// The typical error of "as a day before" or "as a week before", whichever is better.
    pub naive_error: f64,
    /// The share of values within the band from the quantile 0.1 to the quantile 0.9; 0.8 is right.
    pub coverage: f64,
    /// The typical error over the last day, as a multiple of the usual one: above 2 the series behaves differently.
    pub drift: f64,
    /// Comparisons that these figures stand on; old ones count less.
    pub comparisons: f64,
}

/// Facts about what was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The length of a slot.
    pub step: Duration,
    /// Since when this was learnt.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Slots with a value.
    pub slots_seen: u64,
    /// Slots without.
    pub slots_missed: u64,
    /// Samples that were refused: out of order, from another time, or not finite.
    pub samples_refused: u64,
    /// How many times learning began afresh.
    pub restarts: u32,
    /// The last time it did, and why.
    pub last_restart: Option<(Timestamp, Restart)>,
    /// How good it is, by distance; empty until forecasts could be compared.
    pub ahead: Vec<Ahead>,
}

impl Forecaster {
    /// What was learnt; `None` while the grid is not known.
    pub fn card(&self) -> Option<ModelCard> {
        let engine = self.engine.as_ref()?;
        let step_us = engine.calendar.step_us;
        let duration = |slots: usize| Duration::from_micros(slots as u64 * step_us.clamp(0, DAY_US) as u64);
        let ahead = engine.knots.iter().filter(|knot| knot.weight > 0.0);
        Some(ModelCard {
            step: duration(1),
            since: Timestamp(engine.first? * step_us),
            until: Timestamp((engine.past.newest()? + 1) * step_us),
            slots_seen: engine.slots_seen,
            slots_missed: engine.slots_missed,
            samples_refused: self.sampler.refused,
            restarts: self.restarts,
            last_restart: self.last_restart,
            ahead: ahead
                .map(|knot| Ahead {
                    distance: duration(knot.ahead),
                    champion: knot.champion,
                    error: knot.issued_error,
                    naive_error: knot.naive_error(),
                    coverage: knot.coverage,
                    drift: if knot.issued_error > 0.0 { knot.day_error / knot.issued_error } else { 1.0 },
                    comparisons: knot.weight,
                })
                .collect(),
        })
    }
}
