//! A site on a log in memory, whose way out leads back to the same log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use model::{Cause, CauseKind, Clock, Entry, Name, Position, SteppedClock, ThingId, Timestamp, Value};
use site::{Asked, MakeAdapters, NotPublished, Options, Outgoing, Parts, Publish, RetainedMessage, Site};
use store::history::{HistoryOptions, SegmentHistory};
use store::log::{MemoryLog, Urgency};
use store::state::MemoryState;
use store::{History, Log, State};

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

pub(crate) fn id(text: &str) -> ThingId {
    ThingId::new(text).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn adapters() -> MakeAdapters {
    Arc::new(|| {
        vec![
            Box::new(connect::Native::new()),
            Box::new(connect::HomeAssistant::new("homeassistant")),
            Box::new(Trap(connect::Native::new())),
        ]
    })
}

/// An adapter with a fault: it panics over the topic `trap`.
struct Trap(connect::Native);

impl connect::Adapter for Trap {
    fn name(&self) -> &'static str {
        "trap"
    }

    fn decode(&mut self, entry: &Entry, _out: &mut connect::Decoded) -> bool {
        assert_ne!(&*entry.topic, "trap");
        false
    }

    fn knows(&self, _thing: &ThingId) -> bool {
        false
    }

    fn encode(&self, command: &model::Command) -> Result<connect::Encoded, connect::EncodeError> {
        self.0.encode(command)
    }

    fn encode_desired(
        &self,
        _thing: &ThingId,
        _desired: &serde_json::Map<String, serde_json::Value>,
    ) -> Vec<connect::Message> {
        Vec::new()
    }

    fn is_about(&self, _thing: &ThingId, _topic: &str) -> bool {
        false
    }

    fn forget(&mut self, _thing: &ThingId) {}

    fn counters(&self) -> &connect::Counters {
        self.0.counters()
    }

    fn revision(&self) -> u64 {
        0
    }

    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _saved: serde_json::Value) {}
}

/// What survives a crash, and the world around.
pub(crate) struct Bench {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) state: Arc<MemoryState>,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: Options,
    pub(crate) out: Arc<Out>,
    pub(crate) rate: u32,
}

/// A way out that appends to the log.
pub(crate) struct Out {
    log: Arc<MemoryLog>,
    clock: Arc<SteppedClock>,
    retained: Mutex<BTreeMap<String, Bytes>>,
}

impl Publish for Out {
    fn publish(&self, message: Outgoing) -> Result<Position, NotPublished> {
        if message.retain {
            let mut retained = self.retained.lock().unwrap();
            if message.payload.is_empty() {
                retained.remove(&message.topic);
            } else {
                retained.insert(message.topic.clone(), message.payload.clone());
            }
        }
        let entry = Entry {
            position: Position::START,
            received: self.clock.now(),
            topic: Arc::from(message.topic.as_str()),
            payload: message.payload,
            qos: message.qos,
            retain: message.retain,
            client: Arc::from("manmul"),
            cause: message.cause,
            properties: Bytes::new(),
        };
        let problem = |error: store::log::LogError| NotPublished { topic: message.topic, problem: error.to_string() };
        self.log.append(entry, Urgency::Now).map_err(problem)
    }

    fn retained(&self, filter: &str) -> Vec<RetainedMessage> {
        let retained = self.retained.lock().unwrap();
        let found = retained.iter().filter(|(topic, _)| model::topic::matches(filter, topic));
        found.map(|(topic, payload)| RetainedMessage { topic: Arc::from(&**topic), payload: payload.clone() }).collect()
    }

    fn needed_from(&self) -> Position {
        Position(u64::MAX)
    }
}

impl Out {
    pub(crate) fn retain(&self, topic: &str, payload: &str) {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        self.retained.lock().unwrap().insert(topic.to_owned(), payload);
    }

    pub(crate) fn retained_topics(&self) -> Vec<String> {
        self.retained.lock().unwrap().keys().cloned().collect()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let log = Arc::new(MemoryLog::new(256 << 20));
        let clock = Arc::new(SteppedClock::new(START));
        let out = Arc::new(Out { log: Arc::clone(&log), clock: Arc::clone(&clock), retained: Mutex::default() });
        Self {
            log,
            state: Arc::default(),
            clock,
            folder: tempfile::tempdir().unwrap(),
            options: Options::default(),
            out,
            rate: 10_000,
        }
    }

    /// Opens the site on what there is; its threads do not run, so everything happens in [`Site::turn`].
    pub(crate) fn open(&self) -> Arc<Site> {
        self.open_on(|history| Arc::new(history))
    }

    /// Opens the site with the history that is made of its own.
    pub(crate) fn open_on(&self, make: impl FnOnce(SegmentHistory) -> Arc<dyn History>) -> Arc<Site> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let history = SegmentHistory::open(self.folder.path(), HistoryOptions::default(), clock).unwrap();
        let site = Site::open(Parts {
            log: self.log.clone() as Arc<dyn Log>,
            history: make(history),
            state: self.state.clone() as Arc<dyn State>,
            adapters: adapters(),
            guards: vec![Box::new(site::PersonGuard), Box::new(site::RateGuard::new(self.rate))],
            clock: self.clock.clone(),
            options: self.options.clone(),
        })
        .unwrap();
        site.publish_through(self.out.clone());
        site
    }

    /// Somebody says something.
    pub(crate) fn say(&self, topic: &str, payload: &str) -> Position {
        let client = topic.split('/').nth(1).unwrap_or("nobody");
        let entry = Entry {
            position: Position::START,
            received: self.clock.now(),
            topic: Arc::from(topic),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: 1,
            retain: false,
            client: Arc::from(client),
            cause: Cause::device(client),
            properties: Bytes::new(),
        };
        self.log.append(entry, Urgency::Now).unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

/// A user asks.
pub(crate) fn kim() -> Asked {
    Asked { cause: Cause::new(CauseKind::User, "kim"), timeout: None }
}

pub(crate) fn reported(site: &Site, thing: &str, property: &str) -> Option<Value> {
    let detail = site.thing(&id(thing))?;
    detail.properties.into_iter().find(|(one, _)| one.name.as_str() == property).map(|(one, _)| one.value)
}

pub(crate) fn accept_all(site: &Site) -> usize {
    site.accept(&site::Selection::All, None).unwrap()
}

pub(crate) const LAMP: &str = r#"{"id":"lamp","kind":"light","title":"Lamp","properties":{
    "on":{"type":"boolean","writable":true,"role":"primary"},
    "level":{"type":"number","unit":"%","minimum":0,"maximum":100,"decimals":0,"writable":true},
    "power":{"type":"number","unit":"W"}},
    "actions":{"fade":{"input":{"level":{"type":"number"}}}}}"#;
