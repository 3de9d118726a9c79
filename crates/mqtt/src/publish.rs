//! PUBLISH and PUBREL from a client.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::{Position, Principal, Resource, Right, Timestamp, decide, topic};
use store::log::LogError;

use crate::channel::{Flow, Speaker};
use crate::codec::{PropertyId, Publish, ReasonCode, acknowledge};
use crate::core::{Acknowledge, Core};
use crate::counters::count;
use crate::hooks::Ending;
use crate::link::Link;
use crate::message::{Message, forwarded};
use crate::session::{Received, Session};

/// Bytes of one read, shared by the payloads in it: one allocation instead of one per message.
#[derive(Debug)]
pub(crate) struct Shared {
    bytes: Bytes,
    /// How long the rest of the read was when it was copied.
    length: usize,
}

/// The payload as a part of the shared copy of `rest`, which begins with its packet. Large payloads get their own.
fn payload(rest: &[u8], payload: &[u8], packet_bytes: usize, shared: &mut Option<Shared>) -> Bytes {
    if payload.is_empty() {
        return Bytes::new();
    }
    // Alone in its read, or large: nothing to share.
    if shared.is_none() && packet_bytes * 2 > rest.len() {
        return Bytes::copy_from_slice(payload);
    }
    let shared = shared.get_or_insert_with(|| Shared { bytes: Bytes::copy_from_slice(rest), length: rest.len() });
    let start = shared.length - rest.len() + packet_bytes - payload.len();
    shared.bytes.slice(start..start + payload.len())
}

/// What is refused, and how.
enum Refusal {
    /// The connection ends.
    End(ReasonCode),
    /// The message is not taken; the client is told if it can be.
    Drop(ReasonCode),
}

impl Speaker {
    pub(crate) fn publish(
        &mut self,
        core: &Core,
        link: &Arc<Link>,
        packet: Publish<'_>,
        rest: &[u8],
        packet_bytes: usize,
        shared: &mut Option<Shared>,
        now: Timestamp,
    ) -> Flow {
        let topic = match self.topic(core, &packet) {
            Ok(topic) => topic,
            Err(Refusal::End(reason)) => {
                count(&core.counters.protocol_errors);
                return Flow::End(Ending::Server(reason));
            }
            Err(Refusal::Drop(reason)) => {
                count(&core.counters.publishes_denied);
                reply(link, packet.qos, packet.packet_id, reason);
                return Flow::Next;
            }
        };
        if packet.qos == 2 && self.is_known(link, packet.packet_id) {
            return Flow::Next;
        }
        let is_v5 = link.is_v5();
        let mut acknowledge = None;
        if packet.qos > 0 {
            if link.unacknowledged.load(Ordering::Relaxed) >= u32::from(core.config.limits.receive_maximum) {
                if is_v5 {
                    return Flow::End(Ending::Server(ReasonCode::ReceiveMaximumExceeded));
                }
                core.block(link);
                if link.unacknowledged.load(Ordering::Acquire) >= u32::from(core.config.limits.receive_maximum) {
                    return Flow::Again;
                }
            }
            let (session, link, packet_id) = (Arc::clone(&self.session), Arc::clone(link), packet.packet_id);
            acknowledge = Some(Acknowledge { session, link, packet_id });
        }
        let (properties, expiry_seconds) = forwarded(packet.properties);
        let message = Message {
            position: Position::START,
            topic,
            payload: payload(rest, packet.payload, packet_bytes, shared),
            qos: packet.qos,
            retain: packet.retain,
            received: now,
            expiry_seconds,
            properties,
            client: Arc::clone(&self.session.client_id),
        };
        self.take_in(core, link, &packet, message, acknowledge, now)
    }

    fn take_in(
        &mut self,
        core: &Core,
        link: &Arc<Link>,
        packet: &Publish<'_>,
        message: Message,
        acknowledge: Option<Acknowledge>,
        now: Timestamp,
    ) -> Flow {
        if packet.qos > 0 {
            link.unacknowledged.fetch_add(1, Ordering::AcqRel);
        }
        if packet.qos == 2 {
            self.session.state.lock().received.insert(packet.packet_id, Received::Appending(link.id));
        }
        let Err(problem) = core.accept(message, self.cause.clone(), acknowledge, now) else {
            count(&core.counters.messages_received);
            return Flow::Next;
        };
        if packet.qos > 0 {
            link.acknowledged();
        }
        if packet.qos == 2 {
            self.session.state.lock().received.remove(&packet.packet_id);
        }
        if let LogError::Full { .. } = problem {
            core.block(link);
            return Flow::Again;
        }
        count(&core.counters.log_errors);
        tracing::warn!(client = &*self.session.client_id, %problem, "a message was not taken");
        if packet.qos > 0 && !link.is_v5() {
            // 3.1.1 has no way to refuse a message: no acknowledgement, and the client tries elsewhere or again.
            return Flow::End(Ending::Server(ReasonCode::Unspecified));
        }
        let reason = match problem {
            LogError::TooLarge { .. } => ReasonCode::QuotaExceeded,
            _ => ReasonCode::Unspecified,
        };
        reply(link, packet.qos, packet.packet_id, reason);
        Flow::Next
    }

    /// A QoS 2 message that is here already is acknowledged once more, or when it is durable.
    fn is_known(&self, link: &Link, packet_id: u16) -> bool {
        let mut state = self.session.state.lock();
        match state.received.get_mut(&packet_id) {
            None => false,
            Some(Received::Appending(waiting)) => {
                *waiting = link.id;
                true
            }
            Some(Received::Kept) => {
                link.write(|version, out| acknowledge(5, packet_id, ReasonCode::Success, version, out));
                true
            }
        }
    }

    /// The topic of a PUBLISH, aliases resolved, if the client may publish there.
    fn topic(&mut self, core: &Core, packet: &Publish<'_>) -> Result<Arc<str>, Refusal> {
        let properties = packet.properties;
        let mut alias = None;
        if !properties.raw().is_empty() {
            if properties.number(PropertyId::SubscriptionId).is_some() {
                return Err(Refusal::End(ReasonCode::ProtocolError));
            }
            if properties.text(PropertyId::ResponseTopic).is_some_and(|topic| !topic::is_topic(topic)) {
                return Err(Refusal::End(ReasonCode::TopicNameInvalid));
            }
            alias = properties.number(PropertyId::TopicAlias).map(|alias| alias as u16);
        }
        if let Some(alias) = alias {
            return self.aliased(core, packet, alias);
        }
        if packet.topic.is_empty() {
            return Err(Refusal::End(ReasonCode::ProtocolError));
        }
        if let Some((topic, allowed)) = &self.last
            && **topic == *packet.topic
        {
            return if *allowed { Ok(Arc::clone(topic)) } else { Err(Refusal::Drop(ReasonCode::NotAuthorized)) };
        }
        self.checked(core, packet.topic)
    }

    fn checked(&mut self, core: &Core, text: &str) -> Result<Arc<str>, Refusal> {
        if !topic::is_topic(text) || text.split('/').nth(core.config.limits.topic_levels).is_some() {
            return Err(Refusal::End(ReasonCode::TopicNameInvalid));
        }
        let own = text.starts_with("$SYS/") && self.principal != Principal::System;
        let allowed = !own && decide(&self.principal, Right::Publish, Resource::Topic(text)).is_allowed();
        let topic: Arc<str> = Arc::from(text);
        self.last = Some((Arc::clone(&topic), allowed));
        if allowed { Ok(topic) } else { Err(Refusal::Drop(ReasonCode::NotAuthorized)) }
    }

    fn aliased(&mut self, core: &Core, packet: &Publish<'_>, alias: u16) -> Result<Arc<str>, Refusal> {
        if alias == 0 || alias > core.config.limits.topic_aliases {
            return Err(Refusal::End(ReasonCode::TopicAliasInvalid));
        }
        let index = usize::from(alias) - 1;
        if !packet.topic.is_empty() {
            let topic = self.checked(core, packet.topic)?;
            if self.aliases.len() <= index {
                self.aliases.resize(index + 1, None);
            }
            self.aliases[index] = Some(Arc::clone(&topic));
            return Ok(topic);
        }
        let known = self.aliases.get(index).cloned().flatten();
        known.ok_or(Refusal::End(ReasonCode::TopicAliasInvalid))
    }
}

/// Acknowledges a message that was not taken.
fn reply(link: &Link, qos: u8, packet_id: u16, reason: ReasonCode) {
    if qos > 0 {
        // 3.1.1 knows no reason: the message counts as delivered.
        link.write(|version, out| acknowledge(if qos == 1 { 4 } else { 5 }, packet_id, reason, version, out));
    }
}

impl Core {
    /// PUBREL: the packet id is free again. That must be durable before PUBCOMP.
    pub(crate) fn released(&self, session: &Arc<Session>, link: &Link, packet_id: u16) {
        let mut state = session.state.lock();
        let known = state.received.get(&packet_id) == Some(&Received::Kept);
        if !known {
            drop(state);
            link.write(|version, out| acknowledge(7, packet_id, ReasonCode::PacketIdentifierNotFound, version, out));
            return;
        }
        state.received.remove(&packet_id);
        if state.is_persistent() {
            state.completing.push((packet_id, link.id));
            self.ask_flights(session, &mut state);
            return;
        }
        drop(state);
        link.write(|version, out| acknowledge(7, packet_id, ReasonCode::Success, version, out));
        if link.is_v5() {
            link.acknowledged();
        }
    }
}
