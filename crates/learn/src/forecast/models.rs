//! The models that compete: each gives one value for a slot to come.

use serde::{Deserialize, Serialize};

use super::view::View;

/// How many models there are.
pub(super) const MODELS: usize = 8;

/// A way to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// As a day before.
    Day,
    /// As a week before.
    Week,
    /// The median at this time of the day over four weeks.
    SimilarDays,
    /// The mean on this day of the week over four weeks.
    SameWeekday,
    /// Similar days, moved to the level of the last days.
    Level,
    /// A regression on lags, level and calendar.
    Ridge,
    /// The same with covariates.
    RidgeCovariates,
    /// The mean of the others, the better ones weighing more.
    Blend,
}

impl Model {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; MODELS] = [
        Self::Day,
        Self::Week,
        Self::SimilarDays,
        Self::SameWeekday,
        Self::Level,
        Self::Ridge,
        Self::RidgeCovariates,
        Self::Blend,
    ];
    /// Those that stand on nothing else.
    pub(super) const SIMPLE: &[Self] = Self::ALL.split_at(MODELS - 1).0;
}

/// What the models without a fit say.
pub(super) fn simple_points(view: &View, level: f64, hours: f64, hours_ahead: f64) -> [f64; 5] {
    let fading = (-hours_ahead / 3.0).exp();
    [
        view.day,
        view.week,
        view.similar,
        view.weekday,
        f64::midpoint(view.similar, view.weekday) + 0.6 * level * (1.0 - fading) + 0.6 * hours * fading,
    ]
}
