//! What rules did lately: counts by the hour, and what those in shadow would have done.

use std::collections::VecDeque;

use model::{Name, ThingId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::state::Table;

use super::error::RuleError;
use super::shelf::Kept;
use crate::site::Site;

/// The most values that are remembered of what one rule in shadow would have done; the oldest go.
pub const WOULD_HAVE_MAX: usize = 1_000;

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// How many hours a day has.
const HOURS: i64 = 24;

/// Something that a rule in shadow would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WouldHave {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// To which thing.
    pub thing: ThingId,
    /// Which property or action.
    pub name: Name,
    /// The value, or the input of an action.
    pub value: Value,
    /// In which run.
    pub run: String,
    /// By which version.
    pub version: u64,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) fired: u64,
    pub(super) failed: u64,
    pub(super) would_have: u64,
}

/// What one rule did lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Activity {
    pub(super) rule: String,
    pub(super) last_fired: Option<Timestamp>,
    /// The hours since 1970 in which something happened, oldest first.
    hours: VecDeque<(i64, Counts)>,
    would_have: VecDeque<WouldHave>,
}

impl Kept for Activity {
    const TABLE: Table = Table::RuleDecision;

    fn id(&self) -> &str {
        &self.rule
    }

    fn key(&self) -> Option<String> {
        Some(self.rule.clone())
    }
}

impl Activity {
    pub(super) fn new(rule: &str) -> Self {
        Self { rule: rule.to_owned(), last_fired: None, hours: VecDeque::new(), would_have: VecDeque::new() }
    }

    /// Counts something that happened.
    pub(super) fn count(&mut self, time: Timestamp, count: impl FnOnce(&mut Counts)) {
        let hour = time.micros().div_euclid(HOUR_US);
        let at = self.hours.partition_point(|(earlier, _)| *earlier < hour);
        if self.hours.get(at).is_none_or(|(found, _)| *found != hour) {
            self.hours.insert(at, (hour, Counts::default()));
        }
        count(&mut self.hours[at].1);
        while self.hours.len() > HOURS as usize + 1 {
            self.hours.pop_front();
        }
    }

    pub(super) fn would_have(&mut self, one: WouldHave) {
        self.would_have.push_back(one);
        while self.would_have.len() > WOULD_HAVE_MAX {
            self.would_have.pop_front();
        }
    }

    /// The sums of the last 24 hours, by the hour.
    pub(super) fn day(&self, now: Timestamp) -> Counts {
        let hour = now.micros().div_euclid(HOUR_US);
        let recent = self.hours.iter().filter(|(found, _)| (hour - HOURS + 1..=hour).contains(found));
        recent.fold(Counts::default(), |sum, (_, counts)| Counts {
            fired: sum.fired + counts.fired,
            failed: sum.failed + counts.failed,
            would_have: sum.would_have + counts.would_have,
        })
    }
}

impl Site {
    /// What a rule in shadow would have done within a span, oldest first.
    pub fn would_have(&self, rule: &str, from: Timestamp, to: Timestamp) -> Result<Vec<WouldHave>, RuleError> {
        self.rules.row(rule)?;
        let activity = self.rules.activity.lock();
        let all = activity.get(rule).into_iter().flat_map(|activity| &activity.would_have);
        Ok(all.filter(|one| one.time >= from && one.time < to).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_by_the_hour_and_forgotten() {
        let mut activity = Activity::new("r");
        for hour in 0..40 {
            activity.count(Timestamp(hour * HOUR_US + 5), |counts| counts.fired += 1);
        }
        assert_eq!(activity.day(Timestamp(39 * HOUR_US + 9)).fired, 24);
        assert_eq!(activity.day(Timestamp(50 * HOUR_US)).fired, 13);
        assert_eq!(activity.day(Timestamp(80 * HOUR_US)).fired, 0);
        assert!(activity.hours.len() <= 25);
    }
}
