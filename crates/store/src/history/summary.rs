//! What is known of an interval without its points: least, greatest, first, last, sum and count.

use super::points::Points;
use super::{Bucket, Tier};
use model::Timestamp;

/// The numbers of some points, in order of time. Points that are no numbers are not in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Summary {
    #[inline]
    pub(crate) fn of(value: f64) -> Self {
        Self { minimum: value, maximum: value, first: value, last: value, sum: value, count: 1 }
    }

    /// Adds a later value.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.last = value;
        self.sum += value;
        self.count += 1;
    }

    /// Adds a later interval.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.minimum = self.minimum.min(later.minimum);
        self.maximum = self.maximum.max(later.maximum);
        self.last = later.last;
        self.sum += later.sum;
        self.count += later.count;
    }

    /// The summary of normalised points; `None` when none of them is a number.
    pub(crate) fn of_points(points: &Points) -> Option<Self> {
        let mut summary: Option<Self> = None;
        for index in 0..points.len() {
            if let Some(value) = points.number(index) {
                match &mut summary {
                    Some(summary) => summary.add(value),
                    None => summary = Some(Self::of(value)),
                }
            }
        }
        summary
    }

    pub(crate) fn bucket(&self, time: i64) -> Bucket {
        let Self { minimum, maximum, first, last, sum, count } = *self;
        Bucket { time: Timestamp(time), minimum, maximum, first, last, sum, count }
    }
}

impl Tier {
    /// The width of the tier's buckets in microseconds; 1 for raw points.
    pub(crate) const fn width(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// The start of the bucket that `time` lies in.
    pub(crate) fn floor(self, time: i64) -> i64 {
        time.saturating_sub(time.rem_euclid(self.width()))
    }
}

/// Buckets of one tier and one series, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rollup {
    /// The starts of the buckets, microseconds since 1970.
    pub(crate) starts: Vec<i64>,
    /// What lies in each.
    pub(crate) summaries: Vec<Summary>,
}

impl Rollup {
    /// Adds a later value.
    #[inline]
    pub(crate) fn add(&mut self, start: i64, value: f64) {
        match self.summaries.last_mut() {
            Some(summary) if self.starts.last() == Some(&start) => summary.add(value),
            _ => {
                self.starts.push(start);
                self.summaries.push(Summary::of(value));
            }
        }
    }

    /// Adds later, normalised points.
    pub(crate) fn add_points(&mut self, tier: Tier, points: &Points) {
        // Most points lie in the same bucket as the one before: no division for them.
        let (mut start, mut end) = (i64::MAX, i64::MIN);
        for index in 0..points.len() {
            let Some(value) = points.number(index) else { continue };
            let time = points.times[index];
            if time < start || time >= end {
                start = tier.floor(time);
                end = start.saturating_add(tier.width());
            }
            self.add(start, value);
        }
    }

    /// Everything in one.
    pub(crate) fn total(&self) -> Option<Summary> {
        let (first, rest) = self.summaries.split_first()?;
        Some(rest.iter().fold(*first, |mut total, summary| {
            total.merge(summary);
            total
        }))
    }
}
