//! Covariates along time: as they were, and as they are foreseen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// At most so many covariates are used; more are not looked at.
pub const COVARIATES_MAX: usize = 6;

/// What a covariate is expected to be, and how far that is from usual.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outlook {
    /// What is usual at that time of the day.
    pub(super) usual: f64,
    /// How far from it.
    pub(super) deviation: f64,
}

/// A table from yesterday to the furthest slot that can be forecast, one row a slot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Covariates {
    pub(super) count: usize,
    /// The slot of the first row.
    first: i64,
    rows: VecDeque<Option<[f32; COVARIATES_MAX]>>,
    /// The usual value at each slot of the day, and how often it was seen.
    usual: Vec<[f32; COVARIATES_MAX]>,
    days_seen: Vec<u16>,
}

impl Covariates {
    pub(super) fn new(count: usize, per_day: usize) -> Self {
        Self {
            count: count.min(COVARIATES_MAX),
            first: 0,
            rows: VecDeque::new(),
            usual: vec![[0.0; COVARIATES_MAX]; per_day],
            days_seen: vec![0; per_day],
        }
    }

    /// Notes what was seen or is foreseen for a slot; what is not finite is not looked at.
    pub(super) fn note(&mut self, slot: i64, values: &[f64], now: i64, per_day: usize) {
        let (from, to) = (now - per_day as i64, now + super::horizon_max(per_day) as i64 + 1);
        if values.len() < self.count || !(from..=to).contains(&slot) {
            return;
        }
        let mut row = [0.0; COVARIATES_MAX];
        for (place, value) in row.iter_mut().zip(&values[..self.count]) {
            if !value.is_finite() || value.abs() > f64::from(f32::MAX) {
                return;
            }
            *place = *value as f32;
        }
        while self.first < from && !self.rows.is_empty() {
            self.rows.pop_front();
            self.first += 1;
        }
        if self.rows.is_empty() {
            self.first = slot.min(now).max(from);
        }
        let Ok(at) = usize::try_from(slot - self.first) else { return };
        while self.rows.len() <= at {
            self.rows.push_back(None);
        }
        self.rows[at] = Some(row);
    }

    /// Learns what is usual from a slot that has come to its end.
    pub(super) fn learn(&mut self, slot: i64, slot_of_day: usize) {
        let Some(row) = self.row(slot) else { return };
        let days = &mut self.days_seen[slot_of_day];
        *days = (*days + 1).min(super::past::DAYS as u16);
        for (usual, value) in self.usual[slot_of_day].iter_mut().zip(row).take(self.count) {
            *usual += (value - *usual) / f32::from(*days);
        }
    }

    fn row(&self, slot: i64) -> Option<[f32; COVARIATES_MAX]> {
        usize::try_from(slot - self.first).ok().and_then(|at| self.rows.get(at).copied()).flatten()
    }

    /// One covariate at a slot: what was noted for it, or else what it was a day earlier.
    pub(super) fn at(&self, which: usize, slot: i64, slot_of_day: usize, per_day: usize) -> Outlook {
        let day = per_day as i64;
        let usual = self.usual[slot_of_day][which];
        let value = (0..3).find_map(|days| self.row(slot - days * day)).map_or(usual, |row| row[which]);
        let deviation = if self.days_seen[slot_of_day] == 0 { 0.0 } else { f64::from(value - usual) };
        Outlook { usual: f64::from(usual), deviation }
    }
}
