//! CONNECT and CONNACK.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Cause, CauseKind, Position, Principal, Resource, Right, Timestamp, decide, topic};
use rand::Rng;

use crate::channel::Speaker;
use crate::codec::{
    Connect, ConnectAck, Packet, PropertyBuffer, PropertyId, PropertyValue, ReasonCode, Version, encode,
};
use crate::core::{Core, Timer};
use crate::counters::count;
use crate::hooks::{Client, Peer};
use crate::link::{Accepts, Link};
use crate::message::{Message, forwarded};
use crate::registry::{Hello, NEVER};
use crate::session::{Will, owner};

/// What a CONNECT said, while somebody decides on it.
#[derive(Debug)]
pub(crate) struct Opening {
    client_id: Arc<str>,
    /// The client left the choice of its id to us.
    assigned: bool,
    clean_start: bool,
    keep_alive_seconds: u16,
    /// The keepalive was changed by us.
    overridden: bool,
    expiry_seconds: u32,
    /// The expiry is not what the client asked for.
    shortened: bool,
    window: u16,
    accepts: Accepts,
    will: Option<Box<Will>>,
}

impl Opening {
    /// Reads a CONNECT, or says why it is not acceptable whoever sent it.
    pub(crate) fn read(connect: &Connect<'_>, core: &Core) -> Result<Self, ReasonCode> {
        let limits = &core.config.limits;
        let properties = connect.properties;
        if properties.text(PropertyId::AuthenticationMethod).is_some() {
            return Err(ReasonCode::BadAuthenticationMethod);
        }
        let id = connect.client_id;
        let needs_id = connect.version == Version::V31 || (connect.version == Version::V311 && !connect.clean_start);
        if (id.is_empty() && needs_id) || id.len() > limits.client_id_bytes || id.chars().any(char::is_control) {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        let client_id = if id.is_empty() { core.assign_client_id() } else { Arc::from(id) };
        let wish = match connect.version {
            Version::V5 => properties.number(PropertyId::SessionExpiry).unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => NEVER,
        };
        let expiry_seconds = wish.min(limits.session_expiry_seconds);
        let longest = core.config.keep_alive_seconds_max;
        let asked = connect.keep_alive_seconds;
        let overridden = connect.version == Version::V5 && longest > 0 && (asked == 0 || asked > longest);
        let window = properties.number(PropertyId::ReceiveMaximum).map_or(u16::MAX, |maximum| maximum as u16);
        let accepts = Accepts {
            version: connect.version,
            packet_bytes: properties.number(PropertyId::MaximumPacketSize).unwrap_or(u32::MAX),
            aliases: properties.number(PropertyId::TopicAliasMaximum).map_or(0, |maximum| maximum as u16),
            problem_information: properties.number(PropertyId::RequestProblemInformation) != Some(0),
        };
        Ok(Self {
            will: will(connect, &client_id)?,
            client_id,
            assigned: id.is_empty(),
            clean_start: connect.clean_start,
            keep_alive_seconds: if overridden { longest } else { asked },
            overridden,
            expiry_seconds,
            shortened: expiry_seconds != wish,
            window: window.min(limits.inflight),
            accepts: Accepts { aliases: accepts.aliases.min(limits.topic_aliases), ..accepts },
        })
    }

    /// Lets the client in as `principal`.
    pub(crate) fn welcome(
        mut self,
        core: &Arc<Core>,
        link: &Arc<Link>,
        peer: &Peer,
        principal: Principal,
        now: Timestamp,
    ) -> Result<Speaker, ReasonCode> {
        let cause = cause_of(&principal, &self.client_id);
        let may_will = |will: &Will| {
            decide(&principal, Right::Publish, Resource::Topic(&will.message.topic)).is_allowed()
                && (!will.message.topic.starts_with("$SYS") || principal == Principal::System)
        };
        if let Some(mut will) = self.will.take() {
            if may_will(&will) {
                will.cause = cause.clone();
                self.will = Some(will);
            } else {
                count(&core.counters.publishes_denied);
            }
        }
        let client = Client {
            client_id: Arc::clone(&self.client_id),
            principal: principal.clone(),
            connection: link.id,
            version: self.accepts.version,
            address: peer.address,
            transport: peer.transport,
            since: now,
            keep_alive_seconds: self.keep_alive_seconds,
            persistent: self.expiry_seconds > 0,
        };
        let hello = Hello {
            owner: owner(&principal),
            client,
            clean_start: self.clean_start,
            expiry_seconds: self.expiry_seconds,
            window: self.window,
            will: self.will.take(),
        };
        link.accept(self.accepts);
        let session = core.connect(link, hello, now, |present| self.greeting(core, present))?;
        if self.keep_alive_seconds > 0 {
            let limit = Duration::from_millis(u64::from(self.keep_alive_seconds) * 1500);
            core.timers.set(now, limit, Timer::KeepAlive(Arc::downgrade(link), limit));
        }
        Ok(Speaker::new(session, principal, cause, self.expiry_seconds))
    }

    /// The CONNACK that lets the client in.
    fn greeting(&self, core: &Core, session_present: bool) -> Vec<u8> {
        let limits = &core.config.limits;
        let version = self.accepts.version;
        let mut properties = PropertyBuffer::new();
        if version == Version::V5 {
            if self.shortened {
                properties.put(PropertyId::SessionExpiry, PropertyValue::Four(self.expiry_seconds));
            }
            properties.put(PropertyId::ReceiveMaximum, PropertyValue::Two(limits.receive_maximum));
            properties.put(PropertyId::MaximumPacketSize, PropertyValue::Four(limits.packet_bytes));
            if limits.topic_aliases > 0 {
                properties.put(PropertyId::TopicAliasMaximum, PropertyValue::Two(limits.topic_aliases));
            }
            if self.assigned {
                properties.put(PropertyId::AssignedClientId, PropertyValue::Text(&self.client_id));
            }
            if self.overridden {
                properties.put(PropertyId::ServerKeepAlive, PropertyValue::Two(self.keep_alive_seconds));
            }
        }
        let session_present = session_present && version != Version::V31;
        let packet = ConnectAck { session_present, code: 0, properties: properties.as_properties() };
        let mut bytes = Vec::with_capacity(64);
        encode(&Packet::ConnectAck(packet), version, &mut bytes);
        bytes
    }
}

fn will(connect: &Connect<'_>, client_id: &Arc<str>) -> Result<Option<Box<Will>>, ReasonCode> {
    let Some(will) = connect.will else { return Ok(None) };
    if !topic::is_topic(will.topic) {
        return Err(ReasonCode::TopicNameInvalid);
    }
    let (properties, expiry_seconds) = forwarded(will.properties);
    let message = Message {
        position: Position::START,
        topic: Arc::from(will.topic),
        payload: Bytes::copy_from_slice(will.payload),
        qos: will.qos,
        retain: will.retain,
        received: Timestamp::EPOCH,
        expiry_seconds,
        properties,
        client: Arc::clone(client_id),
    };
    let delay_seconds = will.properties.number(PropertyId::WillDelay).unwrap_or(0);
    // Who is behind it is known once the client is let in.
    Ok(Some(Box::new(Will { message, delay_seconds, cause: Cause::device(client_id) })))
}

/// Who is behind what a client publishes.
pub(crate) fn cause_of(principal: &Principal, client_id: &str) -> Cause {
    match principal {
        Principal::Anonymous(_) => Cause::device(client_id),
        Principal::Thing { id, .. } => Cause::device(id),
        Principal::User { id, .. } => Cause::new(CauseKind::User, id),
        Principal::Token { id, .. } => Cause::new(CauseKind::Token, id),
        Principal::System => Cause::new(CauseKind::System, principal.id()),
    }
}

impl Core {
    fn assign_client_id(&self) -> Arc<str> {
        let number: u128 = self.random.lock().random();
        Arc::from(format!("auto-{number:032x}"))
    }
}
