//! What is learnt once the grid is known: slots in, forecasts out.

use serde::{Deserialize, Serialize};

use super::horizon_max;
use super::judge::{KNOTS, Knot, Said, knots};
use super::models::{MODELS, Model, simple_points};
use super::outlook::Covariates;
use super::past::{Deviation, Moment, Past};
use super::ridge::Ridge;
use super::view::{Calendar, View, features, view};

/// Samples of so many days ago count half in the regressions.
const RIDGE_HALF_LIFE_DAYS: f64 = 60.0;
/// Distances ahead that each regression learns from at each slot.
const LESSONS: u64 = 2;

/// A value is wild when it lies so many times the range of all values outside of that range,
const WILD_RANGES: f64 = 3.0;
/// once so many days were seen.
const WILD_AFTER_DAYS: usize = 3;

/// The regressions for one range of distances ahead.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pair {
    plain: Ridge,
    with_covariates: Option<Ridge>,
}

/// A series on its grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Engine {
    pub(super) calendar: Calendar,
    /// Values are kept less this, so that single precision is enough for them.
    centre: Option<f64>,
    /// The least and the greatest value ever seen.
    seen: Option<(f64, f64)>,
    pub(super) past: Past,
    pub(super) covariates: Option<Covariates>,
    pairs: Vec<Pair>,
    pub(super) knots: Vec<Knot>,
    /// The typical error at each slot of the day.
    typical: Vec<f32>,
    pub(super) slots_seen: u64,
    pub(super) slots_missed: u64,
    /// Gaps since the newest value.
    pub(super) slots_silent: usize,
    /// Values in a row that were far outside everything seen.
    slots_wild: usize,
    /// The slot that learning began with.
    pub(super) first: Option<i64>,
}

impl Engine {
    pub(super) fn new(calendar: Calendar, covariates: usize) -> Self {
        let keep = (-std::f64::consts::LN_2 / (RIDGE_HALF_LIFE_DAYS * calendar.per_day as f64)).exp();
        let keep = keep.powf(1.0 / LESSONS as f64);
        let pair = Pair {
            plain: Ridge::new(features(0), keep),
            with_covariates: (covariates > 0).then(|| Ridge::new(features(covariates), keep)),
        };
        Self {
            calendar,
            centre: None,
            seen: None,
            past: Past::default(),
            covariates: (covariates > 0).then(|| Covariates::new(covariates, calendar.per_day)),
            pairs: vec![pair; KNOTS],
            knots: knots(calendar.per_day).into_iter().map(Knot::new).collect(),
            typical: vec![0.0; calendar.per_day],
            slots_seen: 0,
            slots_missed: 0,
            slots_silent: 0,
            slots_wild: 0,
            first: None,
        }
    }

    fn view(&self, origin: i64, target: i64) -> View {
        view(&self.past, self.covariates.as_ref(), self.calendar, origin, target)
    }

    /// Takes the slot after the newest in; `None` for a gap.
    pub(super) fn close(&mut self, slot: i64, mean: Option<f64>) {
        let per_day = self.calendar.per_day;
        self.first.get_or_insert(slot);
        let is_wild = mean.is_some_and(|mean| self.is_wild(mean));
        self.slots_wild = if is_wild { self.slots_wild + 1 } else { self.slots_wild * usize::from(mean.is_none()) };
        let mean = mean.filter(|_| !is_wild);
        if let (None, Some(mean)) = (self.centre, mean) {
            self.centre = Some(mean);
        }
        let centre = self.centre.unwrap_or(0.0);
        let value = mean.map(|mean| mean - centre);
        let due: Vec<Option<Said>> = self.knots.iter_mut().map(Knot::due).collect();
        if let (Some(value), Some(mean)) = (value, mean) {
            let (least, greatest) = self.seen.unwrap_or((mean, mean));
            self.seen = Some((least.min(mean), greatest.max(mean)));
            self.slots_seen += 1;
            self.slots_silent = 0;
            self.score(slot, value, &due);
            self.learn(slot, value);
        } else {
            self.slots_missed += 1;
            self.slots_silent += 1;
        }
        let (usual, deviation) = self.stand(slot, value);
        let moment = Moment { value: value.unwrap_or(usual) as f32, is_known: value.is_some() };
        self.past.push(slot, moment, deviation, per_day);
        let slot_of_day = self.calendar.slot_of_day(slot);
        if let Some(covariates) = &mut self.covariates {
            covariates.learn(slot, slot_of_day);
        }
        for at in 0..KNOTS {
            let said = (self.past.len() >= per_day).then(|| {
                let target = slot + self.knots[at].ahead as i64;
                let (points, champion) = self.points(slot, target);
                let moved = self.bounded(champion + self.offset(slot, target, 0.5));
                let issued = self.knots[at].issue(&points, moved) as f32;
                let points = points.map(|point| point as f32);
                Said { points, champion: champion as f32, moved: moved as f32, issued }
            });
            self.knots[at].say(said);
        }
    }

    /// Whether a value is so far outside everything seen that it is not learnt from.
    fn is_wild(&self, mean: f64) -> bool {
        let Some((least, greatest)) = self.seen else { return false };
        let room = WILD_RANGES * (greatest - least);
        room > 0.0
            && self.slots_seen >= (WILD_AFTER_DAYS * self.calendar.per_day) as u64
            && !(least - room..=greatest + room).contains(&mean)
    }

    /// Whether values have been wild for so long that this is another series now.
    pub(super) fn is_changed(&self) -> bool {
        self.slots_wild > self.calendar.per_day / 4
    }

    /// How a value stands to what is usual at its time.
    fn stand(&self, slot: i64, value: Option<f64>) -> (f64, Deviation) {
        let Some(newest) = self.past.newest() else { return (0.0, Deviation::default()) };
        let view = self.view(newest, slot);
        let usual = view.similar;
        let before = self.past.deviation(newest);
        let per_day = self.calendar.per_day as f32;
        let Some(value) = value else { return (usual, Deviation { now: 0.0, ..before }) };
        let now = (value - usual) as f32;
        let (hours, days) = ((8.0 / per_day).min(1.0), (0.7 / per_day).min(0.5));
        let (mut heights, mut ranges) = (before.heights, before.ranges);
        for (at, pace) in [hours, (1.5 / per_day).min(1.0)].into_iter().enumerate() {
            heights[at] += pace * ((value - view.low) as f32 - heights[at]);
            ranges[at] += pace * ((view.high - view.low) as f32 - ranges[at]);
        }
        let fill = |at: usize| if ranges[at] > 0.0 { (heights[at] / ranges[at]).clamp(-1.0, 2.0) } else { 0.0 };
        let deviation = Deviation {
            fill_hours: fill(0),
            fill_day: fill(1),
            heights,
            ranges,
            now,
            hours: before.hours + hours * (now - before.hours),
            days: before.days + days * (now - before.days),
        };
        (usual, deviation)
    }

    fn score(&mut self, slot: i64, value: f64, due: &[Option<Said>]) {
        let slot_of_day = self.calendar.slot_of_day(slot);
        let typical = f64::from(self.typical[slot_of_day]);
        let (mut sum, mut count) = (0.0, 0.0);
        for (knot, said) in self.knots.iter_mut().zip(due) {
            if let Some(said) = said {
                knot.score(said, value, typical, self.calendar.per_day);
                sum += (value - f64::from(said.champion)).abs();
                count += 1.0;
            }
        }
        if count > 0.0 {
            let days = self.slots_seen as f32 / self.calendar.per_day as f32;
            let place = &mut self.typical[slot_of_day];
            *place += (1.0 / days.max(1.0)).max(0.06) * ((sum / count) as f32 - *place);
        }
    }

    /// Teaches the regressions what came, seen from some of the slots before.
    fn learn(&mut self, slot: i64, value: f64) {
        let mut nearest = 1;
        for at in 0..KNOTS {
            let furthest = self.knots[at].ahead;
            for lesson in 0..LESSONS {
                // Scattered and yet the same on every run: a walk in steps of the golden ratio.
                let place =
                    (slot as u64).wrapping_mul(LESSONS).wrapping_add(lesson).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let ahead = nearest + ((place >> 32) % (furthest - nearest + 1) as u64) as usize;
                let origin = slot - ahead as i64;
                if self.past.at(origin).is_none() {
                    continue;
                }
                let view = self.view(origin, slot);
                if view.is_constant {
                    continue;
                }
                let pair = &mut self.pairs[at];
                let target = value - view.similar;
                pair.plain.learn(&view.features[..features(0)], target);
                if let Some(ridge) = &mut pair.with_covariates {
                    ridge.learn(&view.features, target);
                }
            }
            nearest = furthest + 1;
            let pair = &mut self.pairs[at];
            pair.plain.solve();
            if let Some(ridge) = &mut pair.with_covariates {
                ridge.solve();
            }
        }
    }

    /// Which judged distance stands for this one.
    fn knot_of(&self, ahead: usize) -> usize {
        self.knots.iter().position(|knot| ahead <= knot.ahead).unwrap_or(KNOTS - 1)
    }

    /// What every model says, and the champion.
    fn points(&self, origin: i64, target: i64) -> ([f64; MODELS], f64) {
        let ahead = (target - origin) as usize;
        let at = self.knot_of(ahead);
        let view = self.view(origin, target);
        let deviation = self.past.deviation(origin);
        let hours_ahead = ahead as f64 * 24.0 / self.calendar.per_day as f64;
        let simple = simple_points(&view, f64::from(deviation.days), f64::from(deviation.hours), hours_ahead);
        let mut points = [0.0; MODELS];
        points[..simple.len()].copy_from_slice(&simple);
        let pair = &self.pairs[at];
        let ridge = view.similar + pair.plain.predict(&view.features[..features(0)]);
        points[Model::Ridge as usize] = ridge;
        points[Model::RidgeCovariates as usize] =
            pair.with_covariates.as_ref().map_or(ridge, |ridge| view.similar + ridge.predict(&view.features));
        for point in &mut points {
            *point = if view.is_constant { view.similar } else { self.bounded(*point) };
        }
        points[Model::Blend as usize] = self.knots[at].blend(&points);
        (points, points[self.knots[at].champion as usize])
    }

    /// How far the quantile at `level` lies from the champion.
    fn offset(&self, origin: i64, target: i64, level: f64) -> f64 {
        let ahead = (target - origin) as usize;
        let at = self.knot_of(ahead);
        let typical = f64::from(self.typical[self.calendar.slot_of_day(target)]);
        let here = self.knots[at].tracker.at(level);
        let quantile = match at.checked_sub(1) {
            Some(before) if ahead < self.knots[at].ahead => {
                let (near, far) = (self.knots[before].ahead, self.knots[at].ahead);
                let share = (ahead - near) as f64 / (far - near) as f64;
                self.knots[before].tracker.at(level) * (1.0 - share) + here * share
            }
            _ => here,
        };
        typical * quantile
    }

    /// No forecast leaves by far what was ever seen, and none is below zero where nothing ever was.
    fn bounded(&self, point: f64) -> f64 {
        let (Some((least, greatest)), Some(centre)) = (self.seen, self.centre) else { return point };
        let room = (greatest - least) / 2.0;
        let floor = if least >= 0.0 { (least - room).max(0.0) } else { least - room };
        point.clamp(floor - centre, greatest + room - centre)
    }

    /// The champion's value and the quantiles at `levels`, `ahead` slots after the newest.
    pub(super) fn forecast(&self, ahead: usize, levels: &[f64], quantiles: &mut Vec<f64>) -> Option<f64> {
        let origin = self.past.newest()?;
        if self.past.len() < self.calendar.per_day || ahead == 0 || ahead > horizon_max(self.calendar.per_day) {
            return None;
        }
        let target = origin + ahead as i64;
        let (points, champion) = self.points(origin, target);
        let centre = self.centre.unwrap_or(0.0);
        quantiles.clear();
        for level in levels {
            quantiles.push(centre + self.bounded(champion + self.offset(origin, target, *level)));
        }
        let moved = self.bounded(champion + self.offset(origin, target, 0.5));
        Some(centre + self.knots[self.knot_of(ahead)].issue(&points, moved))
    }
}
