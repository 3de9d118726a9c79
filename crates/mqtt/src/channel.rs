//! One connection as a state machine: bytes in; what is to be written comes out of its [`Link`].

use std::sync::Arc;

use model::{Cause, Principal, Timestamp};

use crate::codec::{
    ConnectAck, DecodeError, Disconnect, Packet, Properties, PropertyId, ReasonCode, Version, decode, encode, frame,
};
use crate::core::{Core, Timer};
use crate::counters::{add, count, sub};
use crate::hooks::{Credentials, Ending, Peer};
use crate::link::Link;
use crate::opening::Opening;
use crate::publish::Shared;
use crate::session::Session;

/// What the connection needs from whoever drives it.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More bytes.
    Read,
    /// An answer by [`Channel::authenticated`].
    Authenticate(Box<Credentials>),
    /// [`Channel::resume`] when the link says so, before more bytes.
    Wait,
}

/// One connection.
pub(crate) struct Channel {
    pub(crate) core: Arc<Core>,
    pub(crate) link: Arc<Link>,
    pub(crate) peer: Peer,
    pub(crate) version: Version,
    /// Bytes of packets that are not complete or could not be handled yet.
    partial: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// No CONNECT yet.
    New,
    /// CONNECT came, somebody decides on it.
    Authenticating(Box<Opening>),
    Connected(Box<Speaker>),
    /// Nothing more is read.
    Ended,
}

/// A connected client.
pub(crate) struct Speaker {
    pub(crate) session: Arc<Session>,
    pub(crate) principal: Principal,
    pub(crate) cause: Cause,
    /// The session expiry that CONNECT asked for.
    pub(crate) expiry_seconds: u32,
    pub(crate) aliases: Vec<Option<Arc<str>>>,
    /// The topic of the last PUBLISH and whether it was allowed.
    pub(crate) last: Option<(Arc<str>, bool)>,
    /// What DISCONNECT said.
    goodbye: Option<Goodbye>,
}

#[derive(Debug, Clone, Copy)]
struct Goodbye {
    expiry_seconds: Option<u32>,
    keep_will: bool,
}

/// What to do after a packet.
pub(crate) enum Flow {
    Next,
    /// Leave the packet where it is and wait.
    Again,
    /// It is done, but nothing more may be handled now.
    Pause(Progress),
    End(Ending),
}

impl Channel {
    pub(crate) fn new(core: &Arc<Core>, peer: Peer, now: Timestamp) -> Self {
        let link = Arc::new(Link::new(core.fresh_id(), now));
        let patience = std::time::Duration::from_secs(core.config.limits.connect_seconds.into());
        core.timers.set(now, patience, Timer::Connect(Arc::downgrade(&link)));
        count(&core.counters.connections);
        count(&core.counters.connections_opened);
        Self { core: Arc::clone(core), link, peer, version: Version::V311, partial: Vec::new(), stage: Stage::New }
    }

    /// Handles bytes from the client.
    pub(crate) fn feed(&mut self, input: &[u8], now: Timestamp) -> Progress {
        add(&self.core.counters.bytes_received, input.len());
        self.link.hear(now);
        if self.partial.is_empty() {
            let (used, progress) = self.consume(input, now);
            self.partial.extend_from_slice(&input[used..]);
            return progress;
        }
        self.partial.extend_from_slice(input);
        self.resume(now)
    }

    /// Handles what could not be handled before.
    pub(crate) fn resume(&mut self, now: Timestamp) -> Progress {
        if matches!(self.stage, Stage::Authenticating(_)) {
            return Progress::Wait;
        }
        // Whoever is kept waiting by us is not silent.
        self.link.hear(now);
        let mut bytes = std::mem::take(&mut self.partial);
        let (used, progress) = self.consume(&bytes, now);
        if used < bytes.len() {
            bytes.drain(..used);
            self.partial = bytes;
        }
        progress
    }

    /// Handles whole packets; returns how many bytes they had.
    fn consume(&mut self, bytes: &[u8], now: Timestamp) -> (usize, Progress) {
        let mut used = 0;
        let mut shared = None;
        let limit = self.core.config.limits.packet_bytes;
        let progress = loop {
            if matches!(self.stage, Stage::Ended) {
                used = bytes.len();
                break Progress::Read;
            }
            if matches!(self.stage, Stage::Connected(_)) && (!self.link.is_attached() || self.link.is_saving_much()) {
                break Progress::Wait;
            }
            let found = match frame(&bytes[used..], limit) {
                Ok(Some(found)) => found,
                Ok(None) => break Progress::Read,
                Err(problem) => {
                    self.broken(problem);
                    continue;
                }
            };
            let flow = match decode(found, self.version) {
                Ok(packet) => self.handle(packet, &bytes[used..], found.length, &mut shared, now),
                Err(problem) => {
                    self.broken(problem);
                    continue;
                }
            };
            match flow {
                Flow::Next => used += found.length,
                Flow::Again => break Progress::Wait,
                Flow::Pause(progress) => {
                    used += found.length;
                    break progress;
                }
                Flow::End(ending) => self.end(ending),
            }
        };
        self.core.route_durable(now);
        (used, progress)
    }

    /// Handles a packet, which is the first `length` bytes of `bytes`.
    fn handle(
        &mut self,
        packet: Packet<'_>,
        bytes: &[u8],
        length: usize,
        shared: &mut Option<Shared>,
        now: Timestamp,
    ) -> Flow {
        let speaker = match &mut self.stage {
            Stage::New => return self.first(packet),
            Stage::Authenticating(_) | Stage::Ended => return Flow::Again,
            Stage::Connected(speaker) => speaker,
        };
        match packet {
            Packet::Publish(publish) => {
                let link = Arc::clone(&self.link);
                speaker.publish(&self.core, &link, publish, bytes, length, shared, now)
            }
            Packet::PublishAck(ack) => {
                self.core.delivered(&speaker.session, ack.packet_id, now);
                Flow::Next
            }
            Packet::PublishReceived(ack) if ack.reason.is_error() => {
                self.core.delivered(&speaker.session, ack.packet_id, now);
                Flow::Next
            }
            Packet::PublishReceived(ack) => {
                self.core.received(&speaker.session, &self.link, ack.packet_id);
                Flow::Next
            }
            Packet::PublishComplete(ack) => {
                self.core.delivered(&speaker.session, ack.packet_id, now);
                Flow::Next
            }
            Packet::PublishRelease(ack) => {
                self.core.released(&speaker.session, &self.link, ack.packet_id);
                Flow::Next
            }
            Packet::Subscribe(packet) => self.core.subscribe(speaker, &self.link, packet, self.version, now),
            Packet::Unsubscribe(packet) => self.core.unsubscribe(speaker, &self.link, packet, self.version, now),
            Packet::PingRequest => {
                self.link.packet(&Packet::PingResponse);
                Flow::Next
            }
            Packet::Disconnect(packet) => speaker.disconnect(packet),
            Packet::Connect(_)
            | Packet::ConnectAck(_)
            | Packet::SubscribeAck(_)
            | Packet::UnsubscribeAck(_)
            | Packet::PingResponse
            | Packet::Auth(_) => {
                count(&self.core.counters.protocol_errors);
                Flow::End(Ending::Server(ReasonCode::ProtocolError))
            }
        }
    }

    fn first(&mut self, packet: Packet<'_>) -> Flow {
        let Packet::Connect(connect) = packet else {
            count(&self.core.counters.protocol_errors);
            return Flow::End(Ending::Server(ReasonCode::ProtocolError));
        };
        self.version = connect.version;
        let opening = match Opening::read(&connect, &self.core) {
            Ok(opening) => opening,
            Err(reason) => {
                self.refuse(reason);
                return Flow::End(Ending::Server(reason));
            }
        };
        let credentials = Credentials {
            client_id: Arc::from(connect.client_id),
            username: connect.username.map(str::to_owned),
            password: connect.password.map(<[u8]>::to_vec),
            version: connect.version,
            peer: self.peer.clone(),
        };
        self.stage = Stage::Authenticating(Box::new(opening));
        Flow::Pause(Progress::Authenticate(Box::new(credentials)))
    }

    /// Says why a CONNECT is refused.
    fn refuse(&self, reason: ReasonCode) {
        count(&self.core.counters.connects_refused);
        let code = if self.version == Version::V5 { reason as u8 } else { reason.connect_return_code() };
        let packet = ConnectAck { session_present: false, code, properties: Properties::default() };
        let version = self.version;
        self.link.write(|_, out| encode(&Packet::ConnectAck(packet), version, out));
    }

    fn broken(&mut self, problem: DecodeError) {
        count(&self.core.counters.protocol_errors);
        tracing::debug!(peer = ?self.peer.address, %problem, "a client broke the protocol");
        if let (Stage::New, DecodeError::Version(level)) = (&self.stage, problem) {
            self.version = if level > 5 { Version::V5 } else { Version::V311 };
            self.refuse(ReasonCode::UnsupportedProtocolVersion);
        }
        self.link.end_because(Ending::Server(problem.reason()), &problem.to_string());
        self.end(Ending::Server(problem.reason()));
    }

    /// Ends the connection from our side of it; nothing more is read.
    pub(crate) fn end(&mut self, ending: Ending) {
        self.link.end(ending);
        self.partial = Vec::new();
        if let Stage::Connected(speaker) = std::mem::replace(&mut self.stage, Stage::Ended) {
            self.leave(*speaker, ending);
        }
    }

    fn leave(&self, speaker: Speaker, ending: Ending) {
        let now = self.core.clock.now();
        // The first ending counts: a connection that was taken over did not end because its socket was closed.
        let ending = self.link.ending().unwrap_or(ending);
        let goodbye = speaker.goodbye;
        let keep_will = goodbye.map_or(ending != Ending::Server(ReasonCode::ServerShuttingDown), |said| said.keep_will);
        let expiry_seconds = goodbye.and_then(|said| said.expiry_seconds);
        self.core.detach(&speaker.session, &self.link, ending, expiry_seconds, keep_will, now);
    }

    /// Goes on after [`Progress::Authenticate`].
    pub(crate) fn authenticated(&mut self, verdict: Result<Principal, ReasonCode>, now: Timestamp) -> Progress {
        let Stage::Authenticating(opening) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return Progress::Read;
        };
        match verdict.and_then(|principal| opening.welcome(&self.core, &self.link, &self.peer, principal, now)) {
            Ok(speaker) => {
                self.stage = Stage::Connected(Box::new(speaker));
                self.resume(now)
            }
            Err(reason) => {
                self.refuse(reason);
                self.end(Ending::Server(reason));
                Progress::Read
            }
        }
    }

    /// The buffer was flushed: what waited for that goes on.
    pub(crate) fn flushed(&self, now: Timestamp) {
        if let Stage::Connected(speaker) = &self.stage
            && self.link.take_hungry()
        {
            let mut state = speaker.session.state.lock();
            if state.is_on(&self.link) {
                self.core.pump(&speaker.session, &mut state, now);
            }
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.end(Ending::Lost);
        sub(&self.core.counters.connections, 1);
    }
}

impl Speaker {
    /// A client that was just accepted.
    pub(crate) fn new(session: Arc<Session>, principal: Principal, cause: Cause, expiry_seconds: u32) -> Self {
        Self { session, principal, cause, expiry_seconds, aliases: Vec::new(), last: None, goodbye: None }
    }

    fn disconnect(&mut self, packet: Disconnect<'_>) -> Flow {
        let expiry_seconds = packet.properties.number(PropertyId::SessionExpiry);
        if self.expiry_seconds == 0 && expiry_seconds.is_some_and(|seconds| seconds > 0) {
            return Flow::End(Ending::Server(ReasonCode::ProtocolError));
        }
        let keep_will = packet.code != ReasonCode::Success as u8;
        self.goodbye = Some(Goodbye { expiry_seconds, keep_will });
        Flow::End(Ending::Client)
    }
}
