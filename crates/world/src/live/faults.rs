//! Faults between a thing and its link, by seed: what radios and cheap firmware do.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use crate::native::Message;
use crate::random::Random;

/// The most messages of one thing that are held back; beyond, the oldest goes out at once.
pub const HELD_MAX: usize = 256;

/// How often what goes wrong. The default is never.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Decides when.
    pub seed: u64,
    /// The part of messages that is never sent.
    pub drop: f64,
    /// The part of messages that is sent twice.
    pub duplicate: f64,
    /// The part of messages that is held back; what the thing says after one waits behind it.
    pub delay: f64,
    /// How long a message is held back at most.
    pub delay_most: Duration,
    /// How often a thing loses its power and its memory.
    pub reboots_per_hour: f64,
}

/// The faults of all links, as they happen.
#[derive(Debug)]
pub(crate) struct Injector {
    faults: Faults,
    random: Random,
}

impl Injector {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { random: Random::new(faults.seed, "faults"), faults }
    }

    /// Whether a thing reboots within a step.
    pub(crate) fn reboots(&mut self, dt_seconds: f64) -> bool {
        self.faults.reboots_per_hour > 0.0 && self.random.happens(self.faults.reboots_per_hour, dt_seconds)
    }

    /// How often a message is sent.
    pub(crate) fn copies(&mut self) -> usize {
        if self.faults.drop == 0.0 && self.faults.duplicate == 0.0 {
            return 1;
        }
        match (self.random.unit() < self.faults.drop, self.random.unit() < self.faults.duplicate) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    /// When a message of `now` is sent.
    pub(crate) fn release(&mut self, now: Timestamp) -> Timestamp {
        if self.faults.delay == 0.0 || self.random.unit() >= self.faults.delay {
            return now;
        }
        now + self.faults.delay_most.mul_f64(self.random.unit())
    }
}

/// Messages of one thing that are held back, in order.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<(Timestamp, Message)>);

impl Held {
    /// Holds a message back until `release`, and at least as long as the one before it.
    pub(crate) fn push(&mut self, release: Timestamp, message: Message) {
        let release = self.0.back().map_or(release, |(before, _)| release.max(*before));
        self.0.push_back((release, message));
    }

    /// The next message that may go out at `now`.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Message> {
        let is_due = self.0.len() > HELD_MAX || self.0.front().is_some_and(|(release, _)| *release <= now);
        if is_due { self.0.pop_front().map(|(_, message)| message) } else { None }
    }

    /// A reboot forgets what was held back.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_behind_a_delay_and_the_queue_is_bounded() {
        let message = |text: &str| Message { topic: text.to_owned(), payload: Vec::new(), qos: 0, retain: false };
        let mut held = Held::default();
        held.push(Timestamp(10), message("late"));
        held.push(Timestamp(3), message("after"));
        assert_eq!(held.pop(Timestamp(9)), None);
        assert_eq!(held.pop(Timestamp(10)).unwrap().topic, "late");
        assert_eq!(held.pop(Timestamp(10)).unwrap().topic, "after");
        for _ in 0..=HELD_MAX {
            held.push(Timestamp(99), message("x"));
        }
        assert!(held.pop(Timestamp(0)).is_some() && held.pop(Timestamp(0)).is_none());
    }

    #[test]
    fn faults_come_as_often_as_asked_and_by_seed() {
        let faults = Faults { seed: 4, drop: 0.2, duplicate: 0.1, ..Faults::default() };
        let draw = || {
            let mut injector = Injector::new(faults);
            (0..10_000).map(|_| injector.copies()).collect::<Vec<_>>()
        };
        let copies = draw();
        let count = |n: usize| copies.iter().filter(|copies| **copies == n).count();
        assert!((1_800..2_200).contains(&count(0)) && (650..950).contains(&count(2)));
        assert_eq!(copies, draw());
        assert_eq!(Injector::new(Faults::default()).copies(), 1);
    }
}
