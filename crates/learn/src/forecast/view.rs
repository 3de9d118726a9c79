//! What the past says about one slot to come: the ground on which every model stands.

use serde::{Deserialize, Serialize};

use super::outlook::Covariates;
use super::past::{DAYS, Past};

/// How many features a slot has without covariates.
pub(super) const FEATURES: usize = 19;
/// How many each covariate adds.
const COVARIATE_FEATURES: usize = 3;

/// The range of usual values is taken from so many days.
const RANGE_DAYS: usize = 14;

/// The calendar of a grid.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Calendar {
    pub(super) step_us: i64,
    pub(super) offset_us: i64,
    pub(super) per_day: usize,
}

impl Calendar {
    fn local(self, slot: i64) -> i64 {
        (slot + self.offset_us.div_euclid(self.step_us)).rem_euclid(7 * self.per_day as i64)
    }

    /// Which slot of the local day it is.
    pub(super) fn slot_of_day(self, slot: i64) -> usize {
        self.slot_of_week(slot) % self.per_day
    }

    /// Which slot of the week it is; the first one belongs to a Thursday, as 1970 began.
    pub(super) fn slot_of_week(self, slot: i64) -> usize {
        usize::try_from(self.local(slot)).expect("a remainder is not negative")
    }

    fn is_weekend(self, slot: i64) -> bool {
        matches!(self.slot_of_week(slot) / self.per_day, 2 | 3)
    }
}

/// One slot to come, seen from an earlier one.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The value a day earlier, or the latest that is at the same time of the day.
    pub(super) day: f64,
    /// The value a week earlier.
    pub(super) week: f64,
    /// The median at this time of the day over the last weeks.
    pub(super) similar: f64,
    /// The mean on this day of the week over the last weeks.
    pub(super) weekday: f64,
    /// The lower edge of the range of the last two weeks at this time of the day.
    pub(super) low: f64,
    /// Its upper edge.
    pub(super) high: f64,
    /// All values at this time of the day have been the same for a week at least.
    pub(super) is_constant: bool,
    /// For the regressions: the first [`FEATURES`], then those of covariates.
    pub(super) features: Vec<f64>,
}

/// Looks from the slot `origin` at the later slot `target`. There must be a past.
pub(super) fn view(past: &Past, covariates: Option<&Covariates>, calendar: Calendar, origin: i64, target: i64) -> View {
    let day_slots = calendar.per_day as i64;
    let first_back = (target - origin + day_slots - 1) / day_slots;
    let latest = past.at(origin).unwrap_or(0.0);
    let mut similar = [0.0; DAYS];
    let mut count = 0;
    for back in first_back..first_back + DAYS as i64 {
        if let Some(value) = past.known(target - back * day_slots) {
            similar[count] = value;
            count += 1;
        }
    }
    let similar = &mut similar[..count];
    let newest = similar.first().copied();
    let mut recent = [0.0; RANGE_DAYS];
    let recent_count = count.min(RANGE_DAYS);
    recent[..recent_count].copy_from_slice(&similar[..recent_count]);
    similar.sort_unstable_by(f64::total_cmp);
    let is_constant = count >= 7 && similar[0] == similar[count - 1];
    let median = if count == 0 { latest } else { f64::midpoint(similar[(count - 1) / 2], similar[count / 2]) };
    let (low, high) = recent_range(&mut recent[..recent_count]).unwrap_or((median, median));
    let spread = high - low;

    let day = past.at(target - first_back * day_slots).or(newest).unwrap_or(latest);
    let day_before = past.at(target - (first_back + 1) * day_slots).unwrap_or(day);
    let weeks_back = (first_back + 6) / 7;
    let week = past.at(target - weeks_back * 7 * day_slots).unwrap_or(day);
    let (mut sum, mut weeks) = (0.0, 0.0);
    for back in weeks_back..weeks_back + 4 {
        if let Some(value) = past.known(target - back * 7 * day_slots) {
            sum += value;
            weeks += 1.0;
        }
    }
    let weekday = if weeks > 0.0 { sum / weeks } else { week };

    let deviation = past.deviation(origin);
    let before = past.deviation(origin - 1);
    let angle = std::f64::consts::TAU * calendar.slot_of_day(target) as f64 / calendar.per_day as f64;
    let mut features = vec![
        1.0,
        median,
        day - median,
        day_before - median,
        week - median,
        weekday - median,
        f64::from(deviation.now),
        f64::from(before.now),
        f64::from(deviation.hours),
        f64::from(deviation.days),
        angle.sin(),
        angle.cos(),
        (2.0 * angle).sin(),
        (2.0 * angle).cos(),
        f64::from(u8::from(calendar.is_weekend(target))),
        high - median,
        low - median,
        spread * f64::from(deviation.fill_hours),
        spread * f64::from(deviation.fill_day),
    ];
    if let Some(covariates) = covariates {
        let of_day = calendar.slot_of_day(target);
        for which in 0..covariates.count {
            let outlook = covariates.at(which, target, of_day, calendar.per_day);
            features.push(outlook.deviation);
            features.push(outlook.deviation * outlook.usual);
            features.push(outlook.deviation * median);
        }
    }
    View { day, week, similar: median, weekday, low, high, is_constant, features }
}

/// The range that three quarters of the values lie in.
fn recent_range(values: &mut [f64]) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let edge = values.len() / 7;
    Some((*values.get(edge)?, *values.get(values.len() - 1 - edge)?))
}

/// How many features a slot has with so many covariates.
pub(super) fn features(covariates: usize) -> usize {
    FEATURES + COVARIATE_FEATURES * covariates
}
