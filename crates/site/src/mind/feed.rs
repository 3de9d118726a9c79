//! The way from the fold to the mind: a bounded queue, one lock a batch.

use std::collections::VecDeque;
use std::time::Duration;

use model::{Name, Position, ThingId, Timestamp, Value};
use parking_lot::{Condvar, Mutex};
use store::history::SeriesId;

/// The most samples that wait for the mind, unless the options say otherwise. When it is full the oldest go, and are counted: the history has them, and
/// the detectors see a gap.
pub const SAMPLES_MAX: usize = 262_144;

/// One sample on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) series: SeriesId,
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) value: f64,
    /// The entry that said so.
    pub(crate) position: Position,
}

/// The number that stands for a value: itself, or of words one that is the same for the same words.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    let Value::Text(text) = value else { return value.as_f64() };
    let mix = |mixed: u32, byte: &u8| (mixed ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    Some(f64::from(text.as_bytes().iter().fold(0x811C_9DC5, mix)))
}

/// A series that the fold meets for the first time since the site was opened.
#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    pub(crate) series: SeriesId,
    pub(crate) thing: ThingId,
    pub(crate) name: Name,
}

/// What one batch of the fold has for the mind.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    samples: Vec<Sample>,
    newcomers: Vec<Newcomer>,
    /// By series, whether it was met.
    met: Vec<bool>,
}

impl Gathered {
    /// Adds a sample; `who` is asked for the first one of a series.
    pub(crate) fn add(&mut self, sample: Sample, who: impl FnOnce() -> (ThingId, Name)) {
        let at = sample.series.0 as usize;
        if self.met.len() <= at {
            self.met.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.met[at], true) {
            let (thing, name) = who();
            self.newcomers.push(Newcomer { series: sample.series, thing, name });
        }
        self.samples.push(sample);
    }
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) samples: VecDeque<Sample>,
    /// Bounded by the number of series of the history: each comes once.
    pub(crate) newcomers: Vec<Newcomer>,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Feed {
    limit: usize,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

impl Feed {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, waiting: Mutex::default(), news: Condvar::new() }
    }

    /// Takes over what a batch gathered. Returns how many of the oldest samples had to go for it.
    pub(crate) fn push(&self, gathered: &mut Gathered) -> usize {
        if gathered.samples.is_empty() {
            return 0;
        }
        let mut waiting = self.waiting.lock();
        waiting.newcomers.append(&mut gathered.newcomers);
        waiting.samples.extend(gathered.samples.drain(..));
        let over = waiting.samples.len().saturating_sub(self.limit);
        waiting.samples.drain(..over);
        drop(waiting);
        self.news.notify_one();
        over
    }

    /// Everything that waits.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// How much waits, and how much may.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.waiting.lock().samples.len(), self.limit)
    }

    /// Waits until something is there, at most so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.samples.is_empty() {
            self.news.wait_for(&mut waiting, at_most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(series: u32, number: usize) -> Sample {
        let time = Timestamp(number as i64);
        Sample { series: SeriesId(series), time, received: time, value: 0.0, position: Position(number as u64) }
    }

    #[test]
    fn a_series_is_introduced_once_and_the_oldest_samples_go_first() {
        const LIMIT: usize = 5_000;
        let (feed, mut gathered) = (Feed::new(LIMIT), Gathered::default());
        let who = || (ThingId::new("a").expect("an id"), Name::new("x").expect("a name"));
        let mut dropped = 0;
        for number in 0..LIMIT + 10 {
            gathered.add(sample(3, number), who);
            if number % 1_000 == 0 {
                dropped += feed.push(&mut gathered);
            }
        }
        dropped += feed.push(&mut gathered);
        assert_eq!((dropped, feed.fill()), (10, (LIMIT, LIMIT)));
        let waiting = feed.take();
        assert_eq!(waiting.newcomers.len(), 1);
        assert_eq!(waiting.samples.front().map(|sample| sample.time), Some(Timestamp(10)));
        assert_eq!(feed.push(&mut gathered), 0);
    }
}
