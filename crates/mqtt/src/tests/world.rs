//! A broker with a stepped clock, a log whose disk obeys, and clients that are driven by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::access::{TopicGrant, TopicRules};
use model::{Clock, Entry, Position, Principal, SteppedClock, Timestamp};
use parking_lot::Mutex;
use store::Log;
use store::log::{Backwards, Bounds, LogError, MemoryLog, Retention, Urgency};
use store::state::MemoryState;
use tokio::sync::watch;

use crate::broker::Parts;
use crate::channel::{Channel, Progress};
use crate::codec::{
    Connect, Disconnect, Packet, Properties, PropertyBuffer, PropertyId, PropertyValue, Publish, ReasonCode, Subscribe,
    Unsubscribe, Version, decode, encode, frame,
};
use crate::config::Config;
use crate::core::Core;
use crate::hooks::{Client as ClientInfo, Ending, Observe, Peer, Transport};

/// A log whose entries become durable when the test says so.
#[derive(Debug)]
pub(crate) struct GateLog {
    inner: MemoryLog,
    durable: watch::Sender<Position>,
    /// Entries become durable at once.
    pub(crate) open: AtomicBool,
    pub(crate) full: AtomicBool,
    pub(crate) broken: AtomicBool,
}

impl Default for GateLog {
    fn default() -> Self {
        Self {
            inner: MemoryLog::default(),
            durable: watch::Sender::new(Position(1)),
            open: AtomicBool::new(true),
            full: AtomicBool::default(),
            broken: AtomicBool::default(),
        }
    }
}

impl GateLog {
    /// Makes everything durable that was appended.
    pub(crate) fn flush(&self) {
        self.durable.send_replace(self.inner.bounds().next);
    }

    pub(crate) fn all(&self) -> Vec<Entry> {
        self.inner.read(Position::START, usize::MAX >> 8).unwrap()
    }
}

impl Log for GateLog {
    fn append(&self, entry: Entry, urgency: Urgency) -> Result<Position, LogError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(LogError::Full { bytes: 1 });
        }
        if self.broken.load(Ordering::Relaxed) {
            return Err(LogError::Broken("on purpose".to_owned()));
        }
        let position = self.inner.append(entry, urgency)?;
        if self.open.load(Ordering::Relaxed) {
            self.flush();
        }
        Ok(position)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.subscribe()
    }

    fn read(&self, from: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
        let mut entries = self.inner.read(from, limit)?;
        let durable = *self.durable.borrow();
        entries.retain(|entry| entry.position < durable);
        Ok(entries)
    }

    fn read_back(
        &self,
        before: Position,
        limit: usize,
        budget_bytes: usize,
        wanted: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<Backwards, LogError> {
        self.inner.read_back(before, limit, budget_bytes, wanted)
    }

    fn bounds(&self) -> Bounds {
        Bounds { durable: *self.durable.borrow(), ..self.inner.bounds() }
    }

    fn sync(&self) -> Result<(), LogError> {
        self.flush();
        Ok(())
    }

    fn retain(&self, policy: &Retention) -> Result<u64, LogError> {
        self.inner.retain(policy)
    }
}

/// Writes down who came and went.
#[derive(Debug, Default)]
pub(crate) struct Guestbook(pub(crate) Mutex<Vec<String>>);

impl Observe for Guestbook {
    fn connected(&self, client: &ClientInfo) {
        self.0.lock().push(format!("{} came", client.client_id));
    }

    fn disconnected(&self, client: &ClientInfo, ending: Ending, _at: Timestamp) {
        self.0.lock().push(format!("{} went: {ending:?}", client.client_id));
    }
}

pub(crate) struct World {
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) log: Arc<GateLog>,
    pub(crate) state: Arc<MemoryState>,
    pub(crate) guests: Arc<Guestbook>,
    pub(crate) config: Config,
}

/// Somebody who may do everything but subscribe to `forbidden/#` and publish to `readonly/#`.
pub(crate) fn anybody() -> Principal {
    let all = TopicGrant { filter: "#".to_owned(), publish: true, subscribe: true };
    let own = TopicGrant { filter: "$own/#".to_owned(), publish: true, subscribe: true };
    Principal::Anonymous(Arc::new(TopicRules {
        grants: vec![all, own],
        deny_publish: vec!["readonly/#".to_owned()],
        deny_subscribe: vec!["forbidden/#".to_owned()],
    }))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let clock = Arc::new(SteppedClock::new(Timestamp::from_seconds(1_000_000)));
        Self::build(config, clock, Arc::default(), Arc::default())
    }

    fn build(config: Config, clock: Arc<SteppedClock>, log: Arc<GateLog>, state: Arc<MemoryState>) -> Self {
        let guests = Arc::new(Guestbook::default());
        let parts = Parts {
            log: log.clone(),
            state: state.clone(),
            clock: clock.clone(),
            authenticate: Arc::new(crate::Everybody(anybody())),
            observe: guests.clone(),
        };
        let core = Core::new(config.clone(), parts).unwrap();
        Self { core, clock, log, state, guests, config }
    }

    /// The process dies and starts again: only what log and state hold is left.
    pub(crate) fn restart(self) -> Self {
        Self::build(self.config, self.clock, self.log, self.state)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does everything that does not wait for anything.
    pub(crate) fn settle(&self) {
        for _ in 0..4 {
            self.core.route_durable(self.now());
            self.core.run_jobs(self.now());
            self.core.run_reads(self.now());
        }
    }

    pub(crate) fn wait(&self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.clock.advance(Duration::from_millis(500));
            self.core.tick(self.now());
            self.settle();
        }
    }

    pub(crate) fn open(&self, version: Version) -> Client<'_> {
        let peer = Peer { address: None, transport: Transport::Local, certificate: None, principal: None };
        let channel = Channel::new(&self.core, peer, self.now());
        Client { world: self, channel, version, unread: Vec::new() }
    }

    /// A client that has connected; its CONNACK is read.
    pub(crate) fn client(&self, id: &str) -> Client<'_> {
        let mut client = self.open(Version::V5);
        client.connect(id, &Options::default());
        assert_eq!(client.read(), ["CONNACK 0x00"]);
        client
    }

    /// A client with a session that stays; returns what its CONNACK said as well.
    pub(crate) fn persistent(&self, id: &str) -> (Client<'_>, Vec<String>) {
        let mut client = self.open(Version::V5);
        client.connect(id, &Options { clean: false, expiry: 3600, ..Options::default() });
        let read = client.read();
        (client, read)
    }

    pub(crate) fn counted(&self, name: &str) -> u64 {
        let figures = self.core.counters.snapshot();
        figures.iter().find(|figure| figure.name == name).unwrap().value
    }
}

/// What CONNECT says besides the client id.
#[derive(Debug, Clone)]
pub(crate) struct Options<'a> {
    pub(crate) clean: bool,
    pub(crate) expiry: u32,
    pub(crate) keep_alive: u16,
    pub(crate) will: Option<(&'a str, &'a str, u32)>,
    pub(crate) properties: Vec<(PropertyId, PropertyValue<'a>)>,
    pub(crate) principal: Option<Principal>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { clean: true, expiry: 0, keep_alive: 0, will: None, properties: Vec::new(), principal: None }
    }
}

pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) channel: Channel,
    pub(crate) version: Version,
    unread: Vec<u8>,
}

impl Client<'_> {
    pub(crate) fn connect(&mut self, id: &str, options: &Options<'_>) {
        let mut properties = PropertyBuffer::new();
        if options.expiry > 0 {
            properties.put(PropertyId::SessionExpiry, PropertyValue::Four(options.expiry));
        }
        for (id, value) in &options.properties {
            properties.put(*id, *value);
        }
        let mut will_properties = PropertyBuffer::new();
        if let Some((_, _, delay)) = options.will.filter(|(_, _, delay)| *delay > 0) {
            will_properties.put(PropertyId::WillDelay, PropertyValue::Four(delay));
        }
        let will = options.will.map(|(topic, payload, _)| crate::codec::Will {
            qos: 1,
            retain: false,
            topic,
            payload: payload.as_bytes(),
            properties: will_properties.as_properties(),
        });
        self.send(&Packet::Connect(Connect {
            version: self.version,
            clean_start: options.clean,
            keep_alive_seconds: options.keep_alive,
            client_id: id,
            will,
            username: None,
            password: None,
            properties: properties.as_properties(),
        }));
        let principal = options.principal.clone().unwrap_or_else(anybody);
        self.channel.authenticated(Ok(principal), self.world.now());
        self.world.settle();
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes);
        self.send_raw(&bytes);
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        if let Progress::Authenticate(_) = self.channel.feed(bytes, self.world.now()) {
            return;
        }
        self.world.settle();
    }

    /// Publishes; the packet id is 10 for QoS 1 and 20 for QoS 2.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str, qos: u8) {
        self.publish_with(topic, payload, qos, false, &[]);
    }

    pub(crate) fn retain(&mut self, topic: &str, payload: &str, qos: u8) {
        self.publish_with(topic, payload, qos, true, &[]);
    }

    pub(crate) fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: u8,
        retain: bool,
        properties: &[(PropertyId, PropertyValue<'_>)],
    ) {
        let mut buffer = PropertyBuffer::new();
        for (id, value) in properties {
            buffer.put(*id, *value);
        }
        self.send(&Packet::Publish(Publish {
            duplicate: false,
            qos,
            retain,
            topic,
            packet_id: u16::from(qos) * 10,
            properties: buffer.as_properties(),
            payload: payload.as_bytes(),
        }));
    }

    pub(crate) fn subscribe(&mut self, filter: &str, options: u8) {
        self.subscribe_with(filter, options, 0);
    }

    pub(crate) fn subscribe_with(&mut self, filter: &str, options: u8, id: u32) {
        let mut properties = PropertyBuffer::new();
        if id > 0 {
            properties.put(PropertyId::SubscriptionId, PropertyValue::Variable(id));
        }
        let mut body = (filter.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(filter.as_bytes());
        body.push(options);
        let packet = Subscribe { packet_id: 1, properties: properties.as_properties(), body: &body };
        self.send(&Packet::Subscribe(packet));
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let mut body = (filter.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(filter.as_bytes());
        let packet = Unsubscribe { packet_id: 2, properties: Properties::default(), body: &body };
        self.send(&Packet::Unsubscribe(packet));
    }

    pub(crate) fn ack(&mut self, kind: u8, packet_id: u16) {
        let mut bytes = Vec::new();
        crate::codec::acknowledge(kind, packet_id, ReasonCode::Success, self.version, &mut bytes);
        self.send_raw(&bytes);
    }

    pub(crate) fn disconnect(mut self) {
        self.send(&Packet::Disconnect(Disconnect { code: 0, properties: Properties::default() }));
    }

    /// The connection breaks.
    pub(crate) fn vanish(self) {
        let world = self.world;
        drop(self);
        world.settle();
    }

    /// Everything that was sent to the client since the last call, in words.
    pub(crate) fn read(&mut self) -> Vec<String> {
        self.world.settle();
        let (bytes, _) = self.channel.link.take_output(None);
        self.unread.extend(bytes);
        let mut said = Vec::new();
        let mut used = 0;
        while let Some(found) = frame(&self.unread[used..], u32::MAX).unwrap() {
            used += found.length;
            said.push(describe(&decode(found, self.version).unwrap()));
        }
        self.unread.drain(..used);
        said
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.channel.link.ending().is_some()
    }
}

/// A packet in one line.
pub(crate) fn describe(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnectAck(ack) => {
            format!("CONNACK {:#04x}{}", ack.code, if ack.session_present { " present" } else { "" })
        }
        Packet::Publish(publish) => {
            let mut text = format!("PUBLISH {} {}", publish.topic, String::from_utf8_lossy(publish.payload));
            if publish.qos > 0 {
                text.extend([" qos", &publish.qos.to_string(), " #", &publish.packet_id.to_string()]);
            }
            for (flag, name) in [(publish.retain, " retain"), (publish.duplicate, " dup")] {
                text += if flag { name } else { "" };
            }
            for property in publish.properties.iter() {
                let named = format!(" {:?}={:?}", property.id, property.value);
                text.push_str(&named);
            }
            text
        }
        Packet::PublishAck(ack) => format!("PUBACK #{} {:#04x}", ack.packet_id, ack.reason as u8),
        Packet::PublishReceived(ack) => format!("PUBREC #{} {:#04x}", ack.packet_id, ack.reason as u8),
        Packet::PublishRelease(ack) => format!("PUBREL #{} {:#04x}", ack.packet_id, ack.reason as u8),
        Packet::PublishComplete(ack) => format!("PUBCOMP #{} {:#04x}", ack.packet_id, ack.reason as u8),
        Packet::SubscribeAck(ack) => format!("SUBACK {:02x?}", ack.codes),
        Packet::UnsubscribeAck(ack) => format!("UNSUBACK {:02x?}", ack.codes),
        Packet::Disconnect(packet) => format!("DISCONNECT {:#04x}", packet.code),
        other => format!("{other:?}"),
    }
}
