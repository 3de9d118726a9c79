//! The broker without sockets: bytes and ticks come in, output buffers fill up, jobs for the disk are queued.
//!
//! Locks are taken in this order, and each may be left out: registry, groups, routing, router, group, session, link.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use model::{Cause, Clock, Position, Timestamp};
use parking_lot::Mutex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use store::log::{LogError, Urgency};
use store::{Log, State};
use tokio::sync::{Notify, watch};

use crate::broker::{Parts, StartError};
use crate::codec::{ReasonCode, Version, acknowledge};
use crate::config::Config;
use crate::counters::{Counters, count};
use crate::deliver::Routed;
use crate::hooks::{Ending, Observe};
use crate::link::Link;
use crate::message::Message;
use crate::persist::Jobs;
use crate::rate::Rates;
use crate::reads::Reads;
use crate::registry::Registry;
use crate::retained::{Retained, Verdict};
use crate::router::Router;
use crate::session::{Received, Session, SessionState};
use crate::share::Group;
use crate::timers::Timers;

/// Everything that the connections share.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observe: Arc<dyn Observe>,
    pub(crate) counters: Counters,
    pub(crate) router: Router,
    pub(crate) retained: Retained,
    pub(crate) registry: Mutex<Registry>,
    /// Groups of shared subscriptions by the id of their row.
    pub(crate) groups: Mutex<AHashMap<String, Arc<Group>>>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) jobs: Jobs,
    pub(crate) reads: Reads,
    pub(crate) rates: Rates,
    pub(crate) random: Mutex<ChaCha8Rng>,
    /// Entries that were appended and wait to be durable, in log order.
    pending: Mutex<VecDeque<Pending>>,
    pending_count: AtomicUsize,
    /// Held while durable entries are routed, so that it happens in log order.
    pub(crate) routing: Mutex<()>,
    /// Every entry below this that waits for nothing was routed.
    routed_next: AtomicU64,
    durable: watch::Receiver<Position>,
    /// Where the last checkpoint stands.
    pub(crate) saved_checkpoint: AtomicU64,
    /// Woken when something was appended that is not durable yet.
    pub(crate) appended: Notify,
    /// Connections that stopped reading until the log or an acknowledgement catches up.
    blocked: Mutex<Vec<Arc<Link>>>,
    dirty: Mutex<Vec<Arc<Session>>>,
    last_id: AtomicU64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What happens later unless it does not matter any more.
#[derive(Debug)]
pub(crate) enum Timer {
    /// No CONNECT so far.
    Connect(Weak<Link>),
    /// The client may have been silent for too long.
    KeepAlive(Weak<Link>, Duration),
    /// The session may have been offline for long enough (since then).
    SessionExpiry(Weak<Session>, Timestamp),
    /// The will is due if the session has been offline since then.
    Will(Weak<Session>, Timestamp),
    /// A will that the log did not take: once more.
    WillAgain(Box<crate::session::Will>),
}

/// An entry that waits to be durable.
#[derive(Debug)]
struct Pending {
    message: Arc<Message>,
    acknowledge: Option<Acknowledge>,
}

/// Who gets the acknowledgement of an entry.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub(crate) session: Arc<Session>,
    pub(crate) link: Arc<Link>,
    pub(crate) packet_id: u16,
}

/// How many entries are taken out of the queue of pending ones at a time.
const ROUTE_BATCH: usize = 64;

impl Core {
    pub(crate) fn new(config: Config, parts: Parts) -> Result<Arc<Self>, StartError> {
        let durable = parts.log.durable();
        let now = parts.clock.now();
        let mut seed = config.seed;
        for (byte, time) in seed.iter_mut().zip(now.0.to_le_bytes()) {
            *byte ^= time;
        }
        let routed_next = durable.borrow().0;
        let core = Arc::new(Self {
            log: parts.log,
            state: parts.state,
            clock: parts.clock,
            observe: parts.observe,
            counters: Counters::default(),
            router: Router::default(),
            retained: Retained::default(),
            registry: Mutex::default(),
            groups: Mutex::default(),
            timers: Timers::default(),
            jobs: Jobs::default(),
            reads: Reads::default(),
            rates: Rates::default(),
            random: Mutex::new(ChaCha8Rng::from_seed(seed)),
            pending: Mutex::default(),
            pending_count: AtomicUsize::new(0),
            routing: Mutex::new(()),
            routed_next: AtomicU64::new(routed_next),
            durable,
            saved_checkpoint: AtomicU64::new(0),
            appended: Notify::new(),
            blocked: Mutex::default(),
            dirty: Mutex::default(),
            last_id: AtomicU64::new(0),
            config,
        });
        core.restore(now)?;
        Ok(core)
    }

    /// A number that nothing else in this process has: connections and sessions.
    pub(crate) fn fresh_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn routed_next(&self) -> Position {
        Position(self.routed_next.load(Ordering::Acquire))
    }

    pub(crate) fn durable(&self) -> watch::Receiver<Position> {
        self.durable.clone()
    }

    /// Whether entries wait to be durable.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending_count.load(Ordering::Acquire) > 0
    }

    /// Notes that a persistent session differs from its rows.
    pub(crate) fn mark_dirty(&self, session: &Arc<Session>, state: &mut SessionState) {
        if !state.dirty && state.is_persistent() {
            state.dirty = true;
            self.dirty.lock().push(Arc::clone(session));
        }
    }

    pub(crate) fn take_dirty(&self) -> Vec<Arc<Session>> {
        std::mem::take(&mut *self.dirty.lock())
    }

    /// Takes a message in: appends it to the log, and routes it now (QoS 0) or when it is durable. Returns its position.
    /// Call [`Core::route_durable`] after a batch.
    pub(crate) fn accept(
        &self,
        mut message: Message,
        cause: Cause,
        acknowledge: Option<Acknowledge>,
        now: Timestamp,
    ) -> Result<Position, LogError> {
        if message.topic.starts_with('$') {
            let message = Arc::new(message);
            let matched = self.route_one(&message, now);
            if let Some(acknowledge) = acknowledge {
                self.acknowledge(&acknowledge, &message, matched);
            }
            return Ok(Position::START);
        }
        if message.qos == 0 && !message.retain {
            message.position = self.log.append(message.to_entry(cause, 0), Urgency::Lazy)?;
            self.route(Routed { message: &message, shared: None }, now);
            return Ok(message.position);
        }
        let packet_id = acknowledge.as_ref().filter(|_| message.qos == 2).map_or(0, |ack| ack.packet_id);
        let entry = message.to_entry(cause, packet_id);
        // Appended and queued under one lock, so that the queue is in log order.
        let mut pending = self.pending.lock();
        message.position = self.log.append(entry, Urgency::Now)?;
        let position = message.position;
        pending.push_back(Pending { message: Arc::new(message), acknowledge });
        self.pending_count.fetch_add(1, Ordering::AcqRel);
        Ok(position)
    }

    /// Routes and acknowledges whatever has become durable, in log order.
    pub(crate) fn route_durable(&self, now: Timestamp) {
        if !self.has_pending() {
            return;
        }
        let routing = self.routing.lock();
        let mut batch = Vec::new();
        loop {
            {
                let durable = *self.durable.borrow();
                let mut pending = self.pending.lock();
                while batch.len() < ROUTE_BATCH && pending.front().is_some_and(|next| next.message.position < durable) {
                    batch.extend(pending.pop_front());
                }
                self.pending_count.fetch_sub(batch.len(), Ordering::AcqRel);
            }
            if batch.is_empty() {
                break;
            }
            for Pending { message, acknowledge } in batch.drain(..) {
                let matched = self.route_one(&message, now);
                self.routed_next.store(message.position.next().0, Ordering::Release);
                if let Some(acknowledge) = acknowledge {
                    self.acknowledge(&acknowledge, &message, matched);
                }
            }
        }
        drop(routing);
        if self.has_pending() {
            self.appended.notify_one();
        }
        self.resume_blocked();
    }

    fn route_one(&self, message: &Arc<Message>, now: Timestamp) -> bool {
        if message.retain {
            self.keep(message);
        }
        self.route(Routed { message, shared: Some(message).filter(|message| message.qos > 0) }, now)
    }

    /// Retains a message.
    pub(crate) fn keep(&self, message: &Message) {
        if self.retained.apply(message, &self.config.limits) == Verdict::Full {
            count(&self.counters.retained_dropped);
        }
    }

    fn acknowledge(&self, to: &Acknowledge, message: &Message, matched: bool) {
        let reason = if matched { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
        if message.qos == 1 {
            to.link.write(|version, out| acknowledge(4, to.packet_id, reason, version, out));
            to.link.acknowledged();
            return;
        }
        let mut state = to.session.state.lock();
        if message.is_logged() {
            state.received_through = state.received_through.max(message.position.next());
        }
        self.mark_dirty(&to.session, &mut state);
        let Some(received) = state.received.get_mut(&to.packet_id) else { return };
        let Received::Appending(link_id) = *received else { return };
        *received = Received::Kept;
        if let Some(online) = state.online.as_ref().filter(|online| online.link.id == link_id && online.attached) {
            let mut is_v5 = false;
            online.link.write(|version, out| {
                is_v5 = version == Version::V5;
                acknowledge(5, to.packet_id, reason, version, out);
            });
            if !is_v5 {
                online.link.acknowledged();
            }
        }
    }

    /// Lets a connection know when it may try again.
    pub(crate) fn block(&self, link: &Arc<Link>) {
        count(&self.counters.reads_held_up);
        self.blocked.lock().push(Arc::clone(link));
    }

    pub(crate) fn resume_blocked(&self) {
        let blocked = std::mem::take(&mut *self.blocked.lock());
        for link in blocked {
            link.resume();
        }
    }

    /// Publishes a will; tries again later if the log takes nothing now.
    pub(crate) fn publish_will(&self, mut will: Box<crate::session::Will>, now: Timestamp) {
        will.message.received = now;
        match self.accept(will.message.clone(), will.cause.clone(), None, now) {
            Ok(_) => {
                count(&self.counters.wills_published);
                self.route_durable(now);
            }
            Err(LogError::Full { .. }) => self.timers.set(now, Duration::from_secs(1), Timer::WillAgain(will)),
            Err(problem) => {
                count(&self.counters.log_errors);
                tracing::warn!(topic = &*will.message.topic, %problem, "a will was not published");
            }
        }
    }

    /// Does what is due by now.
    pub(crate) fn tick(self: &Arc<Self>, now: Timestamp) {
        for timer in self.timers.due(now) {
            match timer {
                Timer::Connect(link) => {
                    if let Some(link) = link.upgrade().filter(|link| !link.is_attached()) {
                        link.end(Ending::Silent);
                    }
                }
                Timer::KeepAlive(link, limit) => {
                    let Some(link) = link.upgrade() else { continue };
                    let silent = now.since(link.heard());
                    if silent >= limit {
                        count(&self.counters.keepalive_timeouts);
                        link.end(Ending::Silent);
                    } else {
                        self.timers.set(
                            now,
                            limit.saturating_sub(silent),
                            Timer::KeepAlive(Arc::downgrade(&link), limit),
                        );
                    }
                }
                Timer::SessionExpiry(session, since) => {
                    if let Some(session) = session.upgrade() {
                        self.expire(&session, since, now);
                    }
                }
                Timer::Will(session, since) => {
                    if let Some(session) = session.upgrade() {
                        self.will_is_due(&session, since, now);
                    }
                }
                Timer::WillAgain(will) => self.publish_will(will, now),
            }
        }
        // Whoever waits for something that the log did not announce tries again.
        self.resume_blocked();
        self.reads.wake_groups();
        self.rates.forget(now);
    }

    /// A message of the broker itself about itself: neither logged nor stored.
    pub(crate) fn publish_system(&self, topic: &str, payload: Bytes, now: Timestamp) {
        let message = Message {
            position: Position::START,
            topic: Arc::from(topic),
            payload,
            qos: 0,
            retain: true,
            received: now,
            expiry_seconds: None,
            properties: Bytes::new(),
            client: Arc::from(""),
        };
        self.keep(&message);
        self.route(Routed { message: &message, shared: None }, now);
    }
}
