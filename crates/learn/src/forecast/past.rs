//! The last weeks of one series, slot by slot, and what stood out in them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// So many days are looked back on, or, on a grid of days, so many slots.
pub(super) const DAYS: usize = 28;

/// What is kept of one slot.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Moment {
    /// The value less the series' centre; what a gap most likely hid.
    pub(super) value: f32,
    /// Whether it was seen.
    pub(super) is_known: bool,
}

/// How far the latest values were from what is usual at their time.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Deviation {
    /// Of this slot alone.
    pub(super) now: f32,
    /// Over the last hours.
    pub(super) hours: f32,
    /// Over the last days.
    pub(super) days: f32,
    /// Where in their usual range the values of the last hours lay: 0 at its lower edge, 1 at its upper.
    pub(super) fill_hours: f32,
    /// The same over the last day.
    pub(super) fill_day: f32,
    /// The mean height of the values over the lower edge in the last hours and the last day, and of the range.
    pub(super) heights: [f32; 2],
    pub(super) ranges: [f32; 2],
}

/// The ring of slots.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Past {
    /// The slot behind the newest.
    next: i64,
    moments: VecDeque<Moment>,
    deviations: VecDeque<Deviation>,
}

impl Past {
    /// How many slots are kept when a day has `per_day`.
    pub(super) fn capacity(per_day: usize) -> usize {
        (DAYS * per_day).max(2 * DAYS)
    }

    /// The newest slot.
    pub(super) fn newest(&self) -> Option<i64> {
        (!self.moments.is_empty()).then(|| self.next - 1)
    }

    pub(super) fn len(&self) -> usize {
        self.moments.len()
    }

    /// The slot's value, when it is still remembered; gaps are filled.
    pub(super) fn at(&self, slot: i64) -> Option<f64> {
        self.moment(slot).map(|moment| f64::from(moment.value))
    }

    /// The slot's value, when it was seen.
    pub(super) fn known(&self, slot: i64) -> Option<f64> {
        self.moment(slot).filter(|moment| moment.is_known).map(|moment| f64::from(moment.value))
    }

    fn moment(&self, slot: i64) -> Option<&Moment> {
        let back = usize::try_from(self.next - 1 - slot).ok()?;
        self.moments.get(self.moments.len().checked_sub(back + 1)?)
    }

    /// How far the values up to `slot` were from the usual.
    pub(super) fn deviation(&self, slot: i64) -> Deviation {
        usize::try_from(self.next - 1 - slot)
            .ok()
            .and_then(|back| self.deviations.len().checked_sub(back + 1))
            .and_then(|at| self.deviations.get(at).copied())
            .unwrap_or_default()
    }

    /// Appends the slot after the newest.
    pub(super) fn push(&mut self, slot: i64, moment: Moment, deviation: Deviation, per_day: usize) {
        self.next = slot + 1;
        self.moments.push_back(moment);
        self.deviations.push_back(deviation);
        if self.moments.len() > Self::capacity(per_day) {
            self.moments.pop_front();
        }
        // Forecasts are learnt at most this far after the slot that they were made in.
        if self.deviations.len() > super::horizon_max(per_day) + 2 {
            self.deviations.pop_front();
        }
    }
}
