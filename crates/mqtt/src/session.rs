//! A session: what the broker remembers of one client id, connected or not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{Cause, Position, Principal, Timestamp};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::hooks::Client;
use crate::link::Link;
use crate::message::Message;

/// A session. Its key tells it from earlier and later sessions with the same client id.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: u64,
    pub(crate) client_id: Arc<str>,
    /// Whom it belongs to, in words: another principal never gets to see it.
    pub(crate) owner: Arc<str>,
    pub(crate) state: Mutex<SessionState>,
}

/// The part of a session that changes.
#[derive(Debug)]
pub(crate) struct SessionState {
    /// The connection, from CONNECT on.
    pub(crate) online: Option<Online>,
    /// Seconds that it outlives its connection; 0 is not at all.
    pub(crate) expiry_seconds: u32,
    /// When the connection ended.
    pub(crate) offline_since: Option<Timestamp>,
    /// Filters in the order in which they were made.
    pub(crate) subscriptions: Vec<Subscription>,
    /// Inbound QoS 2 messages between PUBLISH and PUBREL.
    pub(crate) received: BTreeMap<u16, Received>,
    /// PUBRELs whose effect is not durable yet: packet ids, and the connections that get PUBCOMP.
    pub(crate) completing: Vec<(u16, u64)>,
    /// Entries of this client below this are accounted for in `received`.
    pub(crate) received_through: Position,
    pub(crate) outbound: Outbound,
    pub(crate) will: Option<Box<Will>>,
    /// The session is over; whoever still holds it must leave it alone.
    pub(crate) over: bool,
    /// A write of the in-flight row is under way or asked for.
    pub(crate) flights_asked: bool,
    /// Something changed since the rows were last written.
    pub(crate) dirty: bool,
}

/// The connection of a session.
#[derive(Debug)]
pub(crate) struct Online {
    pub(crate) link: Arc<Link>,
    pub(crate) client: Arc<Client>,
    /// QoS 1 and 2 messages that may be in flight.
    pub(crate) window: u16,
    /// Whether single deliveries must be decided; see [`Principal::is_filtered`].
    pub(crate) filtered: bool,
    /// CONNACK was said; messages may be sent.
    pub(crate) attached: bool,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// The filter as the client wrote it, `$share/...` included.
    pub(crate) filter: Arc<str>,
    pub(crate) options: Options,
    /// 0 for none.
    pub(crate) id: u32,
    /// The first entry that it may match.
    pub(crate) since: Position,
}

/// Subscription options as on the wire of MQTT 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options(pub(crate) u8);

impl Options {
    pub(crate) fn qos(self) -> u8 {
        self.0 & 0b11
    }

    pub(crate) fn no_local(self) -> bool {
        self.0 & 0b100 != 0
    }

    pub(crate) fn retain_as_published(self) -> bool {
        self.0 & 0b1000 != 0
    }

    pub(crate) fn retain_handling(self) -> u8 {
        self.0 >> 4 & 0b11
    }
}

/// Where an inbound QoS 2 message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// It waits for the disk; PUBREC goes to the connection with this id.
    Appending(u64),
    /// PUBREC was said.
    Kept,
}

/// A will.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    /// Its `received` is set when it is published.
    pub(crate) message: Message,
    pub(crate) delay_seconds: u32,
    pub(crate) cause: Cause,
}

/// Numbers of the subscriptions that a message came by.
pub(crate) type SubscriptionIds = SmallVec<[u32; 2]>;

/// How a message came to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In log order, by a subscription of its own.
    Stream,
    /// As a retained message, for a new subscription.
    Retained,
    /// As its share of a shared subscription.
    Share,
}

/// A message that a session is to get with QoS 1 or 2.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) way: Way,
    pub(crate) subscription_ids: SubscriptionIds,
}

/// Where a message in flight stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its packet id is not durable yet; not sent.
    Assigned,
    /// A write with its packet id is under way; not sent.
    Committing,
    /// It may be sent, but was not yet on this connection.
    Unsent,
    /// Sent.
    Published,
    /// PUBREC came; that is not durable yet, PUBREL not sent.
    Received,
    /// A write with that is under way.
    Releasing,
    /// PUBREL sent.
    Released,
}

/// A message in flight.
#[derive(Debug, Clone)]
pub(crate) struct InFlight {
    pub(crate) packet_id: u16,
    pub(crate) phase: Phase,
    /// Position on the log, still known when the message itself is not needed any more.
    pub(crate) position: Position,
    /// None once PUBREC came.
    pub(crate) delivery: Option<Delivery>,
}

/// What goes to the client.
#[derive(Debug)]
pub(crate) struct Outbound {
    /// In the order in which they were sent.
    pub(crate) in_flight: VecDeque<InFlight>,
    /// How many of them are [`Phase::Unsent`].
    pub(crate) unsent: usize,
    last_packet_id: u16,
    /// What waits for room in flight.
    pub(crate) queue: VecDeque<Delivery>,
    pub(crate) queued_bytes: usize,
    /// Entries below this were handled: sent, queued or passed over.
    pub(crate) next: Position,
    /// Whether messages come as they are routed; otherwise they are read from the log, from `next` on.
    pub(crate) live: bool,
    /// Somebody is reading the log for this session.
    pub(crate) reading: bool,
    /// Deliveries with QoS 2 below this were assigned packet ids, durably.
    pub(crate) exactly_next: Position,
}

impl Outbound {
    pub(crate) fn new(next: Position, live: bool) -> Self {
        Self {
            in_flight: VecDeque::new(),
            unsent: 0,
            last_packet_id: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            next,
            live,
            reading: false,
            exactly_next: Position::START,
        }
    }

    /// A packet id that is not in use. There always is one: far fewer messages are in flight than there are ids.
    pub(crate) fn assign(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
            let id = self.last_packet_id;
            if !self.in_flight.iter().any(|flight| flight.packet_id == id) {
                return id;
            }
        }
    }

    pub(crate) fn find(&self, packet_id: u16) -> Option<usize> {
        self.in_flight.iter().position(|flight| flight.packet_id == packet_id)
    }

    /// Takes a message out of flight.
    pub(crate) fn remove(&mut self, index: usize) {
        if let Some(flight) = self.in_flight.remove(index) {
            self.unsent -= usize::from(flight.phase == Phase::Unsent);
        }
        if self.in_flight.is_empty() && self.in_flight.capacity() > 8 && self.queue.is_empty() {
            self.in_flight = VecDeque::new();
        }
    }

    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.queued_bytes += delivery.message.weight();
        self.queue.push_back(delivery);
    }

    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.queue.pop_front()?;
        self.queued_bytes -= delivery.message.weight();
        if self.queue.is_empty() {
            // An idle session keeps no queue.
            self.queue = VecDeque::new();
        }
        Some(delivery)
    }

    /// Goes on from the log: forgets what was queued of the stream, which is on the log.
    pub(crate) fn fall_behind(&mut self, routed_next: Position) {
        let queued = self.queue.iter().find(|delivery| delivery.way == Way::Stream && delivery.message.is_logged());
        self.next = match queued {
            Some(delivery) => delivery.message.position,
            None if self.live => self.next.max(routed_next),
            None => self.next,
        };
        self.live = false;
        self.queue.retain(|delivery| delivery.way != Way::Stream || !delivery.message.is_logged());
        self.queued_bytes = self.queue.iter().map(|delivery| delivery.message.weight()).sum();
    }

    /// The entry that a restart has to go on from.
    pub(crate) fn cursor(&self, routed_next: Position) -> Position {
        let queued = self.queue.iter().find(|delivery| delivery.way == Way::Stream && delivery.message.is_logged());
        match queued {
            Some(delivery) => delivery.message.position,
            None if self.live => self.next.max(routed_next),
            None => self.next,
        }
    }
}

impl Session {
    pub(crate) fn new(key: u64, client_id: Arc<str>, owner: Arc<str>, outbound: Outbound) -> Self {
        let state = SessionState {
            online: None,
            expiry_seconds: 0,
            offline_since: None,
            subscriptions: Vec::new(),
            received: BTreeMap::new(),
            completing: Vec::new(),
            received_through: Position::START,
            outbound,
            will: None,
            over: false,
            flights_asked: false,
            dirty: false,
        };
        Self { key, client_id, owner, state: Mutex::new(state) }
    }
}

impl SessionState {
    /// The connection, once messages may be sent on it.
    pub(crate) fn attached(&self) -> Option<&Online> {
        self.online.as_ref().filter(|online| online.attached)
    }

    /// Whether the connection is this one.
    pub(crate) fn is_on(&self, link: &Link) -> bool {
        self.online.as_ref().is_some_and(|online| online.link.id == link.id)
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.expiry_seconds > 0
    }

    pub(crate) fn subscription(&self, filter: &str) -> Option<usize> {
        self.subscriptions.iter().position(|subscription| &*subscription.filter == filter)
    }
}

/// Whom a session belongs to, in words.
pub(crate) fn owner(principal: &Principal) -> Arc<str> {
    Arc::from(principal.to_string())
}
