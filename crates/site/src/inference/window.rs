//! The latest values of a stream, as many as its models look at.

use std::collections::VecDeque;
use std::time::Duration;

use learn::inference::Preparation;
use model::Timestamp;

/// The most values that a window keeps; the oldest go.
pub(crate) const WINDOW_VALUES_MAX: usize = 1 << 20;

/// What is kept of one stream of a binding.
#[derive(Debug)]
pub(crate) struct Window {
    values: VecDeque<(Timestamp, f32)>,
    count: usize,
    span: Duration,
    /// What was so until here came from the history.
    seeded: Timestamp,
}

impl Window {
    /// One that is long enough for each of `preparations`.
    pub(crate) fn new<'a>(preparations: impl Iterator<Item = &'a Preparation>) -> Self {
        let (mut count, mut span) = (1, Duration::ZERO);
        for preparation in preparations {
            match preparation.every_us {
                Some(every_us) => {
                    let span_us = every_us.saturating_mul(preparation.window as u64);
                    span = span.max(Duration::from_micros(span_us));
                }
                None => count = count.max(preparation.window),
            }
        }
        Self { values: VecDeque::new(), count, span, seeded: Timestamp::MIN }
    }

    /// How many values are looked at, as they came.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How far back is looked.
    pub(crate) fn span(&self) -> Duration {
        self.span
    }

    /// Takes what the history has, the oldest first.
    pub(crate) fn seed(&mut self, time: Timestamp, value: f32) {
        self.push(time, value);
        self.seeded = self.seeded.max(time);
    }

    /// Whether what was so at this time came from the history already.
    pub(crate) fn has(&self, time: Timestamp) -> bool {
        time <= self.seeded
    }

    /// Takes a value. Times never go back: what claims to be older than the newest is as old as that.
    pub(crate) fn push(&mut self, time: Timestamp, value: f32) {
        let time = self.values.back().map_or(time, |(last, _)| time.max(*last));
        self.values.push_back((time, value));
        let oldest = time - self.span;
        // One before the span is kept: it is what was known at its beginning.
        while self.values.len() > WINDOW_VALUES_MAX
            || (self.values.len() > self.count && self.values.get(1).is_some_and(|(second, _)| *second <= oldest))
        {
            self.values.pop_front();
        }
    }

    /// The values as a model wants them; `None` while there are too few.
    pub(crate) fn values(&self, preparation: &Preparation, at: Timestamp) -> Option<Vec<f32>> {
        let window = preparation.window;
        let Some(every_us) = preparation.every_us else {
            let start = self.values.len().checked_sub(window)?;
            return Some(self.values.range(start..).map(|(_, value)| *value).collect());
        };
        let mut values = vec![0.0; window];
        let mut place = self.values.len();
        for back in 0..window {
            let moment = at - Duration::from_micros(every_us.saturating_mul(back as u64));
            while place > 0 && self.values[place - 1].0 > moment {
                place -= 1;
            }
            values[window - 1 - back] = self.values[place.checked_sub(1)?].1;
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    #[test]
    fn the_latest_values_are_given_as_they_came_or_on_a_grid() {
        let plain = Preparation { window: 2, ..Preparation::plain(&[2]) };
        let grid = Preparation { window: 3, every_us: Some(10_000_000), ..Preparation::plain(&[3]) };
        let mut window = Window::new([&plain, &grid].into_iter());
        window.push(at(0), 1.0);
        assert_eq!((window.values(&plain, at(0)), window.values(&grid, at(5))), (None, None));
        for (second, value) in [(4, 2.0), (18, 3.0), (21, 4.0)] {
            window.push(at(second), value);
        }
        assert_eq!(window.values(&plain, at(21)), Some(vec![3.0, 4.0]));
        assert_eq!(window.values(&grid, at(21)), Some(vec![1.0, 2.0, 4.0]), "what was known 20, 10 and 0 s before");
        window.push(at(60), 5.0);
        assert_eq!(window.values.len(), 2, "what nobody looks at any more is gone");
        window.push(at(7), 6.0);
        assert_eq!(window.values(&grid, at(60)), Some(vec![4.0, 4.0, 6.0]), "times do not go back");
    }
}
