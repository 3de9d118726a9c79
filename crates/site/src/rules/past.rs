//! What a property really was over a span of the past, and for how long a switch was on.

use std::time::Duration;

use model::{Name, ThingId, Timestamp, Value};
use store::History;
use store::history::HistoryError;
use twin::reported::same_value;

use super::replay::series_of;

/// The most changes of one property that are looked at; later ones are left out.
const CHANGES_MAX: usize = 200_000;

/// When a property became what.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// What it was at the start, if it was known, and every change after that.
    points: Vec<(Timestamp, Value)>,
    has_start: bool,
}

impl Course {
    pub(super) fn read(
        history: &dyn History,
        thing: &ThingId,
        name: &Name,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, HistoryError> {
        let Some(series) = series_of(history, thing, name.as_str()) else { return Ok(Self::default()) };
        let start = history.last_at(series, from)?.map(|point| (from, point.value));
        let mut course = Self { has_start: start.is_some(), points: start.into_iter().collect() };
        let mut scan = history.scan(series, from + Duration::from_micros(1), to)?;
        while let Some(block) = scan.next()? {
            for at in 0..block.len() {
                let value = block.value(at);
                let is_new = course.points.last().is_none_or(|(_, last)| !same_value(last, &value, None));
                if is_new && course.points.len() < CHANGES_MAX {
                    course.points.push((block.time(at), value));
                }
            }
        }
        Ok(course)
    }

    /// What it was at a time.
    pub(super) fn at(&self, time: Timestamp) -> Option<&Value> {
        let after = self.points.partition_point(|(since, _)| *since <= time);
        self.points.get(after.checked_sub(1)?).map(|(_, value)| value)
    }

    /// What it became, without what it was at the start.
    pub(super) fn changes(&self) -> &[(Timestamp, Value)] {
        &self.points[usize::from(self.has_start)..]
    }

    /// What it became, each different from what was known before.
    pub(super) fn became(&self) -> &[(Timestamp, Value)] {
        self.points.get(1..).unwrap_or_default()
    }

    fn was_on(&self, time: Timestamp) -> bool {
        self.at(time) == Some(&Value::Boolean(true))
    }
}

/// A switch over a span.
#[derive(Debug)]
pub(super) struct OnTime<'a> {
    pub(super) course: &'a Course,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl OnTime<'_> {
    /// How many seconds longer it would have been on if it had been switched so beside what really happened: the last
    /// word counts, whoever said it. `switched` is in order of time.
    pub(super) fn longer_by(&self, switched: &[(Timestamp, bool)]) -> f64 {
        let really = self.course.points.iter().map(|(time, value)| (*time, *value == Value::Boolean(true)));
        let really: Vec<(Timestamp, bool)> = really.collect();
        let mut both: Vec<(Timestamp, bool)> = really.iter().chain(switched).copied().collect();
        both.sort_by_key(|(time, _)| *time);
        self.seconds_on(&both) - self.seconds_on(&really)
    }

    fn seconds_on(&self, points: &[(Timestamp, bool)]) -> f64 {
        let ends = points.iter().skip(1).map(|(time, _)| *time).chain([self.to]);
        let spans = points.iter().zip(ends).filter(|((_, on), _)| *on);
        spans.map(|((began, _), end)| end.min(self.to).since((*began).max(self.from)).as_secs_f64()).sum()
    }

    /// What a number of the thing was on average while the switch was on; `None` when it never was.
    pub(super) fn mean_while_on(
        &self,
        history: &dyn History,
        thing: &ThingId,
        name: &Name,
    ) -> Result<Option<f64>, HistoryError> {
        let Some(series) = series_of(history, thing, name.as_str()) else { return Ok(None) };
        let (mut sum, mut count) = (0.0, 0_u64);
        let mut scan = history.scan(series, self.from, self.to)?;
        while let Some(block) = scan.next()? {
            for at in 0..block.len() {
                if self.course.was_on(block.time(at))
                    && let Some(number) = block.value(at).as_f64()
                {
                    sum += number;
                    count += 1;
                }
            }
        }
        Ok((count > 0).then(|| sum / count as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_on_for_as_long_as_the_last_word_says() {
        let second = Timestamp::from_seconds;
        let course = Course {
            points: vec![
                (second(0), Value::Boolean(false)),
                (second(100), Value::Boolean(true)),
                (second(500), Value::Boolean(false)),
            ],
            has_start: true,
        };
        let on_time = OnTime { course: &course, from: second(0), to: second(1_000) };
        assert_eq!(on_time.longer_by(&[]), 0.0);
        assert_eq!(on_time.longer_by(&[(second(200), false)]), -300.0);
        assert_eq!(on_time.longer_by(&[(second(50), true)]), 50.0);
        assert_eq!(on_time.longer_by(&[(second(900), true)]), 100.0);
        assert_eq!(course.at(second(99)), Some(&Value::Boolean(false)));
        assert_eq!(course.changes().len(), 2);
        assert!(course.was_on(second(499)) && !course.was_on(second(500)));
    }
}
