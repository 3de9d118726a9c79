//! Champion and challengers: every model's forecasts are kept until they can be compared with what came.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::interval::Tracker;
use super::models::{MODELS, Model};

/// How many distances ahead are judged.
pub(super) const KNOTS: usize = 5;
/// Errors of so many days ago count half.
const HALF_LIFE_DAYS: f64 = 14.0;
/// A challenger must be this much better than the champion to take its place.
const LEAD: f64 = 0.98;
/// How sharply the blend leans to the better models.
const SHARPNESS: i32 = 4;

/// The distances ahead, in slots, that are judged when a day has `per_day` slots.
pub(super) fn knots(per_day: usize) -> [usize; KNOTS] {
    match per_day {
        1 => [1, 2, 3, 7, 14],
        _ => [1, 3, 6, 12, 24].map(|hours| hours * per_day / 24),
    }
}

/// What was said about one slot: by each model, and as it was issued.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) points: [f32; MODELS],
    pub(super) champion: f32,
    /// The champion, moved to the median of its errors.
    pub(super) moved: f32,
    pub(super) issued: f32,
}

/// One distance ahead.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Knot {
    /// How many slots ahead.
    pub(super) ahead: usize,
    /// What was said about the slots to come, the next one first; `None` while there was no ground to say anything.
    said: VecDeque<Option<Said>>,
    /// Each model's typical error.
    pub(super) errors: [f64; MODELS],
    /// The typical error of the champions, whoever it was.
    champion_error: f64,
    /// The same, moved to the median of their errors.
    moved_error: f64,
    /// The typical error of what was issued.
    pub(super) issued_error: f64,
    /// The same, over about a day.
    pub(super) day_error: f64,
    /// The share of values that came within the band from a tenth to nine tenths.
    pub(super) coverage: f64,
    /// Where the next error would lie.
    pub(super) tracker: Tracker,
    pub(super) champion: Model,
    /// How much of the past is in the errors, in slots.
    pub(super) weight: f64,
}

impl Knot {
    pub(super) fn new(ahead: usize) -> Self {
        Self {
            ahead,
            said: std::iter::repeat_n(None, ahead).collect(),
            errors: [0.0; MODELS],
            champion_error: 0.0,
            moved_error: 0.0,
            issued_error: 0.0,
            day_error: 0.0,
            coverage: 0.8,
            tracker: Tracker::default(),
            champion: Model::Day,
            weight: 0.0,
        }
    }

    /// Notes what is said now about the slot `ahead` slots from here.
    pub(super) fn say(&mut self, said: Option<Said>) {
        self.said.push_back(said);
    }

    /// What was said about the slot that has just ended; to be called once a slot.
    pub(super) fn due(&mut self) -> Option<Said> {
        self.said.pop_front().flatten()
    }

    /// Compares what was said with what came. `typical` is the typical error at this time of the day.
    pub(super) fn score(&mut self, said: &Said, came: f64, typical: f64, per_day: usize) {
        let keep = (-std::f64::consts::LN_2 / (HALF_LIFE_DAYS * per_day as f64)).exp();
        self.weight = self.weight * keep + 1.0;
        let pace = 1.0 / self.weight;
        for (error, point) in self.errors.iter_mut().zip(said.points) {
            *error += pace * ((came - f64::from(point)).abs() - *error);
        }
        let issued = (came - f64::from(said.issued)).abs();
        self.champion_error += pace * ((came - f64::from(said.champion)).abs() - self.champion_error);
        self.moved_error += pace * ((came - f64::from(said.moved)).abs() - self.moved_error);
        self.issued_error += pace * (issued - self.issued_error);
        self.day_error += pace.max(1.0 / per_day.max(3) as f64) * (issued - self.day_error);
        if typical > 0.0 {
            let error = (came - f64::from(said.champion)) / typical;
            let is_within = (self.tracker.at(0.1)..=self.tracker.at(0.9)).contains(&error);
            self.coverage += pace.max(0.001) * (f64::from(u8::from(is_within)) - self.coverage);
            self.tracker.learn(error);
        }
        let best = Model::ALL.into_iter().min_by(|a, b| self.errors[*a as usize].total_cmp(&self.errors[*b as usize]));
        if let Some(best) = best
            && self.errors[best as usize] < self.errors[self.champion as usize] * LEAD
        {
            self.champion = best;
        }
    }

    /// What to issue: the champion, moved where that has helped; the better naive model where neither has been as good.
    pub(super) fn issue(&self, points: &[f64; MODELS], moved: f64) -> f64 {
        let (day, week) = (Model::Day as usize, Model::Week as usize);
        if self.champion_error.min(self.moved_error) > self.naive_error() {
            points[if self.errors[day] <= self.errors[week] { day } else { week }]
        } else if self.moved_error < self.champion_error {
            moved
        } else {
            points[self.champion as usize]
        }
    }

    /// The better naive model's typical error.
    pub(super) fn naive_error(&self) -> f64 {
        self.errors[Model::Day as usize].min(self.errors[Model::Week as usize])
    }

    /// The mean of the models, the better ones weighing more.
    pub(super) fn blend(&self, points: &[f64; MODELS]) -> f64 {
        let simple = Model::SIMPLE;
        let best = simple.iter().map(|model| self.errors[*model as usize]).fold(f64::INFINITY, f64::min);
        let (mut sum, mut weights) = (0.0, 0.0);
        for model in simple {
            let error = self.errors[*model as usize];
            let weight = if error > 0.0 { (best / error).powi(SHARPNESS) } else { 1.0 };
            sum += weight * points[*model as usize];
            weights += weight;
        }
        sum / weights
    }
}
