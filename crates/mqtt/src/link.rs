//! The outgoing side of one connection: a buffer that many write to and one task flushes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::task::Waker;

use ahash::AHashMap;
use model::Timestamp;
use parking_lot::Mutex;

use crate::codec::{
    Disconnect, Outgoing, Packet, PropertyBuffer, PropertyId, PropertyValue, ReasonCode, Version, encode,
};
use crate::hooks::Ending;
use crate::message::Message;

/// One connection as the rest of the broker sees it.
#[derive(Debug)]
pub(crate) struct Link {
    /// Counts connections.
    pub(crate) id: u64,
    out: Mutex<Out>,
    /// When something was last heard, in microseconds.
    heard: AtomicI64,
    /// QoS 1 and 2 messages of the client that are not acknowledged to the end.
    pub(crate) unacknowledged: AtomicU32,
    /// Whether CONNACK was said.
    attached: AtomicBool,
    /// Something that held up reading may have gone.
    resume: AtomicBool,
    /// Requests of the client whose answer waits for the state.
    saving: AtomicU32,
    /// Messages wait for the buffer to be flushed.
    hungry: AtomicBool,
}

/// What a client said in CONNECT about what it accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepts {
    pub(crate) version: Version,
    /// Largest packet.
    pub(crate) packet_bytes: u32,
    /// Topic aliases that we may set.
    pub(crate) aliases: u16,
    /// Whether it wants reason strings.
    pub(crate) problem_information: bool,
}

#[derive(Debug)]
struct Out {
    buffer: Vec<u8>,
    /// The flushing task, when it sleeps.
    waker: Option<Waker>,
    accepts: Accepts,
    aliases: Option<Box<AHashMap<Arc<str>, u16>>>,
    ending: Option<Ending>,
}

/// What became of a message given to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the buffer.
    Yes,
    /// The client does not accept packets of that size.
    TooLarge,
    /// Too much waits for the network.
    Slow,
    /// It expired.
    Expired,
}

/// How a message is to be sent to one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    pub(crate) packet_id: u16,
    pub(crate) subscription_ids: &'a [u32],
}

/// Requests of one connection that may wait for the state; beyond, it is not read from.
const SAVING_MAX: u32 = 16;

/// The first allocation of an output buffer, in bytes.
const BUFFER_BYTES: usize = 256;

impl Link {
    pub(crate) fn new(id: u64, now: Timestamp) -> Self {
        let accepts = Accepts { version: Version::V311, packet_bytes: u32::MAX, aliases: 0, problem_information: true };
        Self {
            id,
            out: Mutex::new(Out { buffer: Vec::new(), waker: None, accepts, aliases: None, ending: None }),
            heard: AtomicI64::new(now.0),
            unacknowledged: AtomicU32::new(0),
            attached: AtomicBool::new(false),
            resume: AtomicBool::new(false),
            saving: AtomicU32::new(0),
            hungry: AtomicBool::new(false),
        }
    }

    pub(crate) fn hear(&self, now: Timestamp) {
        self.heard.store(now.0, Ordering::Relaxed);
    }

    pub(crate) fn heard(&self) -> Timestamp {
        Timestamp(self.heard.load(Ordering::Relaxed))
    }

    pub(crate) fn accept(&self, accepts: Accepts) {
        self.out.lock().accepts = accepts;
    }

    pub(crate) fn is_v5(&self) -> bool {
        self.out.lock().accepts.version == Version::V5
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Acquire)
    }

    pub(crate) fn set_attached(&self) {
        self.attached.store(true, Ordering::Release);
        self.resume();
    }

    /// Lets the connection try again what it could not do.
    pub(crate) fn resume(&self) {
        self.resume.store(true, Ordering::Release);
        self.out.lock().wake();
    }

    /// Whether [`Link::resume`] was called since the last time.
    pub(crate) fn take_resume(&self) -> bool {
        self.resume.load(Ordering::Acquire) && self.resume.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_hungry(&self) {
        self.hungry.store(true, Ordering::Release);
    }

    /// Whether [`Link::set_hungry`] was called since the last time.
    pub(crate) fn take_hungry(&self) -> bool {
        self.hungry.load(Ordering::Acquire) && self.hungry.swap(false, Ordering::AcqRel)
    }

    /// One more request waits for the state.
    pub(crate) fn saving(&self) {
        self.saving.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether so many requests wait for the state that reading must wait.
    pub(crate) fn is_saving_much(&self) -> bool {
        self.saving.load(Ordering::Acquire) >= SAVING_MAX
    }

    /// A request was answered.
    pub(crate) fn saved(&self) {
        self.saving.fetch_sub(1, Ordering::AcqRel);
        self.resume();
    }

    /// One message of the client is acknowledged to the end.
    pub(crate) fn acknowledged(&self) {
        let before = self.unacknowledged.load(Ordering::Relaxed);
        self.unacknowledged.store(before.saturating_sub(1), Ordering::Relaxed);
    }

    /// Writes with `write` and wakes the flushing task.
    pub(crate) fn write(&self, write: impl FnOnce(Version, &mut Vec<u8>)) {
        let mut out = self.out.lock();
        if out.ending.is_none() {
            let version = out.accepts.version;
            write(version, &mut out.buffer);
            out.wake();
        }
    }

    /// Writes a packet.
    pub(crate) fn packet(&self, packet: &Packet<'_>) {
        self.write(|version, buffer| encode(packet, version, buffer));
    }

    /// A reason for people as a property, if the client wants one.
    pub(crate) fn reason_string(&self, text: &str) -> PropertyBuffer {
        let mut properties = PropertyBuffer::new();
        let accepts = self.out.lock().accepts;
        if accepts.version == Version::V5 && accepts.problem_information && accepts.packet_bytes > 256 {
            properties.put(PropertyId::ReasonString, PropertyValue::Text(text));
        }
        properties
    }

    /// Writes a PUBLISH. `room` is how much may wait for the network.
    pub(crate) fn publish(&self, message: &Message, shape: Shape<'_>, now: Timestamp, room: usize) -> Sent {
        let mut out = self.out.lock();
        let Out { buffer, accepts, aliases, .. } = &mut *out;
        if buffer.len() > room {
            return Sent::Slow;
        }
        let version = accepts.version;
        let mut expiry_seconds = message.seconds_left(now);
        if expiry_seconds == Some(0) {
            if !shape.duplicate {
                return Sent::Expired;
            }
            // Its delivery has begun and has to come to an end.
            expiry_seconds = Some(1);
        }
        let mut outgoing = Outgoing {
            duplicate: shape.duplicate,
            qos: shape.qos,
            retain: shape.retain,
            topic: &message.topic,
            packet_id: shape.packet_id,
            alias: None,
            expiry_seconds,
            subscription_ids: shape.subscription_ids,
            forwarded: &message.properties,
            payload: &message.payload,
        };
        if accepts.aliases > 0 && version == Version::V5 {
            let table = aliases.get_or_insert_default();
            if let Some(alias) = table.get(&message.topic) {
                outgoing.alias = Some(*alias);
                outgoing.topic = "";
            } else if table.len() < usize::from(accepts.aliases) {
                outgoing.alias = Some(table.len() as u16 + 1);
            }
        }
        if accepts.packet_bytes != u32::MAX && outgoing.bytes(version) > accepts.packet_bytes as usize {
            return Sent::TooLarge;
        }
        if let (Some(alias), Some(table), false) = (outgoing.alias, aliases.as_mut(), outgoing.topic.is_empty()) {
            table.insert(Arc::clone(&message.topic), alias);
        }
        if out.ending.is_none() {
            if out.buffer.capacity() == 0 {
                out.buffer.reserve(BUFFER_BYTES);
            }
            outgoing.encode(version, &mut out.buffer);
            out.wake();
        }
        Sent::Yes
    }

    /// Bytes that wait for the network.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.out.lock().buffer.len()
    }

    /// Ends the connection once what is in the buffer is flushed; the first ending counts. MQTT 5 clients are told.
    pub(crate) fn end(&self, ending: Ending) {
        self.end_because(ending, "");
    }

    /// The same, with a reason for people.
    pub(crate) fn end_because(&self, ending: Ending, text: &str) {
        let explained = if text.is_empty() { PropertyBuffer::new() } else { self.reason_string(text) };
        let mut out = self.out.lock();
        if out.ending.is_some() {
            return;
        }
        let told = match ending {
            Ending::Server(reason) => Some(reason),
            Ending::Silent => Some(ReasonCode::KeepAliveTimeout),
            Ending::TakenOver => Some(ReasonCode::SessionTakenOver),
            Ending::Client | Ending::Lost => None,
        };
        if let Some(reason) = told.filter(|_| out.accepts.version == Version::V5 && self.is_attached()) {
            let packet = Disconnect { code: reason as u8, properties: explained.as_properties() };
            encode(&Packet::Disconnect(packet), Version::V5, &mut out.buffer);
        }
        out.ending = Some(ending);
        out.wake();
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.out.lock().ending
    }

    /// Has `waker` woken when there is more to write, when the link ends or may resume.
    pub(crate) fn register(&self, waker: &Waker) {
        self.out.lock().register(waker);
    }

    /// Takes what is to be written. When there is nothing, `waker` is woken as soon as there is (or the link ends).
    pub(crate) fn take_output(&self, waker: Option<&Waker>) -> (Vec<u8>, Option<Ending>) {
        let mut out = self.out.lock();
        let buffer = std::mem::take(&mut out.buffer);
        if buffer.is_empty()
            && out.ending.is_none()
            && let Some(waker) = waker
        {
            out.register(waker);
        }
        (buffer, out.ending)
    }
}

impl Out {
    fn register(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
