//! The way from the fold to the models and back: two bounded queues, one lock a batch, and nothing at all while no model
//! is bound to anything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use learn::inference::Outcome;
use model::{Entry, Name, Position, Record, RecordKind, ThingId, Timestamp, Value, topic};
use parking_lot::{Condvar, Mutex, RwLock};

/// The most messages and values that wait for models. When there are more the oldest go, and are counted: what matters
/// is now.
pub const TAPPED_MAX: usize = 65_536;
/// The most bytes of messages that wait; the oldest go as well.
pub const TAPPED_BYTES_MAX: usize = 64 << 20;
/// The most answers of models that wait to be told. When there are more the oldest go, and are counted.
pub const ANSWERS_MAX: usize = 4_096;

/// What the streams of bindings come from.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) things: HashMap<ThingId, HashSet<Name>>,
    pub(crate) filters: Vec<String>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.things.is_empty() && self.filters.is_empty()
    }
}

/// What was said, on its way to a model.
#[derive(Debug)]
pub(crate) enum Said {
    /// A property or an event.
    Value { thing: ThingId, name: Name, value: Value },
    /// A message as it was.
    Message { topic: Arc<str>, payload: Bytes },
}

/// One piece.
#[derive(Debug)]
pub(crate) struct Tapped {
    pub(crate) time: Timestamp,
    pub(crate) position: Position,
    pub(crate) said: Said,
}

impl Tapped {
    fn bytes(&self) -> usize {
        if let Said::Message { payload, .. } = &self.said { payload.len() } else { 0 }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    tapped: VecDeque<Tapped>,
    bytes: usize,
    answers: VecDeque<(Arc<str>, Outcome)>,
    tapped_dropped: u64,
    answers_dropped: u64,
}

/// The queues.
#[derive(Debug, Default)]
pub(crate) struct Post {
    wanted: RwLock<Arc<Wanted>>,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

impl Post {
    /// From now on this is wanted.
    pub(crate) fn want(&self, wanted: Wanted) {
        *self.wanted.write() = Arc::new(wanted);
    }

    /// Takes what is wanted of a batch of the fold.
    pub(crate) fn tap(&self, entries: &[Entry], records: &[Record]) {
        let wanted = Arc::clone(&self.wanted.read());
        if wanted.is_empty() {
            return;
        }
        let is_wanted = |record: &&Record| {
            matches!(record.kind, RecordKind::Property | RecordKind::Event)
                && wanted.things.get(&record.thing).is_some_and(|names| names.contains(&record.name))
        };
        let values = records.iter().filter(is_wanted).map(|record| {
            let (thing, name, value) = (record.thing.clone(), record.name.clone(), record.value.clone());
            Tapped { time: record.time, position: record.position, said: Said::Value { thing, name, value } }
        });
        let of_filters = |entry: &&Entry| wanted.filters.iter().any(|filter| topic::matches(filter, &entry.topic));
        let messages = if wanted.filters.is_empty() { &[] } else { entries };
        let messages = messages.iter().filter(of_filters).map(|entry| {
            let (topic, payload) = (Arc::clone(&entry.topic), entry.payload.clone());
            Tapped { time: entry.received, position: entry.position, said: Said::Message { topic, payload } }
        });
        let tapped: Vec<Tapped> = values.chain(messages).collect();
        if tapped.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        let waiting = &mut *waiting;
        waiting.bytes += tapped.iter().map(Tapped::bytes).sum::<usize>();
        waiting.tapped.extend(tapped);
        while waiting.tapped.len() > TAPPED_MAX || waiting.bytes > TAPPED_BYTES_MAX {
            let Some(oldest) = waiting.tapped.pop_front() else { break };
            waiting.bytes -= oldest.bytes();
            waiting.tapped_dropped += 1;
        }
        self.news.notify_one();
    }

    /// A model has an answer.
    pub(crate) fn answer(&self, model: &Arc<str>, outcome: Outcome) {
        let mut waiting = self.waiting.lock();
        waiting.answers.push_back((Arc::clone(model), outcome));
        if waiting.answers.len() > ANSWERS_MAX {
            waiting.answers.pop_front();
            waiting.answers_dropped += 1;
        }
        self.news.notify_one();
    }

    /// What waits for models.
    pub(crate) fn take_tapped(&self) -> VecDeque<Tapped> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.tapped)
    }

    /// What models said.
    pub(crate) fn take_answers(&self) -> VecDeque<(Arc<str>, Outcome)> {
        std::mem::take(&mut self.waiting.lock().answers)
    }

    /// Waits until something is there, at most so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.tapped.is_empty() && waiting.answers.is_empty() {
            self.news.wait_for(&mut waiting, at_most);
        }
    }

    /// How much waits for models and how much had to go; the same of answers.
    pub(crate) fn fill(&self) -> [(usize, u64); 2] {
        let waiting = self.waiting.lock();
        [(waiting.tapped.len(), waiting.tapped_dropped), (waiting.answers.len(), waiting.answers_dropped)]
    }
}
