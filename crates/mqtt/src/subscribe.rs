//! SUBSCRIBE and UNSUBSCRIBE.

use std::sync::Arc;

use model::{Principal, Timestamp, topic};
use smallvec::SmallVec;

use crate::channel::{Flow, Speaker};
use crate::codec::{
    Filter, Packet, Properties, PropertyBuffer, PropertyId, ReasonCode, Subscribe, SubscribeAck, Unsubscribe, Version,
    encode,
};
use crate::core::Core;
use crate::counters::count;
use crate::hooks::Ending;
use crate::link::Link;
use crate::persist::{Job, Then};
use crate::registry::may_subscribe;
use crate::session::{Delivery, Options, Session, Subscription, SubscriptionIds, Way};
use crate::share;

impl Core {
    pub(crate) fn subscribe(
        &self,
        speaker: &Speaker,
        link: &Arc<Link>,
        packet: Subscribe<'_>,
        version: Version,
        now: Timestamp,
    ) -> Flow {
        let id = packet.properties.number(PropertyId::SubscriptionId).unwrap_or(0);
        let mut codes: SmallVec<[u8; 16]> = SmallVec::new();
        let mut subscribed = Vec::new();
        for filter in packet.filters() {
            let shared = share::parse(filter.filter).is_some();
            if shared && version == Version::V5 && Options(filter.options).no_local() {
                count(&self.counters.protocol_errors);
                return Flow::End(Ending::Server(ReasonCode::ProtocolError));
            }
            let code = match self.subscribe_one(speaker, filter, id) {
                Ok((subscription, is_new)) => {
                    let granted = subscription.options.qos();
                    let handling = subscription.options.retain_handling();
                    if !shared && (handling == 0 || (handling == 1 && is_new)) {
                        subscribed.push(subscription);
                    }
                    granted
                }
                Err(_) if version != Version::V5 => ReasonCode::Unspecified as u8,
                Err(reason) => reason as u8,
            };
            codes.push(code);
        }
        let refused = codes.contains(&(ReasonCode::NotAuthorized as u8));
        let explained = if refused { link.reason_string("you may not subscribe there") } else { PropertyBuffer::new() };
        let properties = explained.as_properties();
        let packet = SubscribeAck { packet_id: packet.packet_id, properties, codes: &codes };
        let mut reply = Vec::with_capacity(8 + codes.len());
        encode(&Packet::SubscribeAck(packet), version, &mut reply);
        self.answer(&speaker.session, link, reply, subscribed, now);
        Flow::Next
    }

    /// Says SUBACK or UNSUBACK, once a persistent session is durable.
    fn answer(
        &self,
        session: &Arc<Session>,
        link: &Arc<Link>,
        reply: Vec<u8>,
        subscribed: Vec<Subscription>,
        now: Timestamp,
    ) {
        if session.state.lock().is_persistent() {
            link.saving();
            self.jobs.push(Job::Save(Arc::clone(session), Then::Reply(Arc::clone(link), reply, subscribed)));
        } else {
            self.reply(session, link, &reply, &subscribed, now);
        }
    }

    fn subscribe_one(
        &self,
        speaker: &Speaker,
        filter: Filter<'_>,
        id: u32,
    ) -> Result<(Subscription, bool), ReasonCode> {
        let plain = match share::parse(filter.filter) {
            None => filter.filter,
            Some(Some((_, plain))) => plain,
            Some(None) => return Err(ReasonCode::TopicFilterInvalid),
        };
        let limits = &self.config.limits;
        if !topic::is_filter(plain) || plain.split('/').nth(limits.topic_levels).is_some() {
            return Err(ReasonCode::TopicFilterInvalid);
        }
        if !may_subscribe(&speaker.principal, filter.filter) {
            count(&self.counters.subscribes_denied);
            return Err(match speaker.principal {
                // Nobody that we know is told no more than "no".
                Principal::Anonymous(_) => ReasonCode::Unspecified,
                _ => ReasonCode::NotAuthorized,
            });
        }
        let mut subscription = Subscription {
            filter: Arc::from(filter.filter),
            options: Options(filter.options),
            id,
            since: self.log.bounds().next,
        };
        let session = &speaker.session;
        let is_new = {
            let mut state = session.state.lock();
            match state.subscription(filter.filter) {
                Some(index) => {
                    subscription.since = state.subscriptions[index].since;
                    state.subscriptions[index] = subscription.clone();
                    false
                }
                None if state.subscriptions.len() >= limits.subscriptions_per_session => {
                    return Err(ReasonCode::QuotaExceeded);
                }
                None => {
                    state.subscriptions.reserve_exact(1);
                    state.subscriptions.push(subscription.clone());
                    true
                }
            }
        };
        if is_new {
            count(&self.counters.subscriptions);
        }
        self.route_to(session, &subscription);
        Ok((subscription, is_new))
    }

    /// Sends a reply, then the retained messages of new subscriptions.
    pub(crate) fn reply(
        &self,
        session: &Arc<Session>,
        link: &Link,
        reply: &[u8],
        subscribed: &[Subscription],
        now: Timestamp,
    ) {
        link.write(|_, out| out.extend_from_slice(reply));
        for subscription in subscribed {
            let found = self.retained.matching(&subscription.filter, now);
            if found.is_empty() {
                continue;
            }
            let mut state = session.state.lock();
            if !state.is_on(link) {
                return;
            }
            for message in found {
                if subscription.options.no_local() && message.client == session.client_id {
                    continue;
                }
                let delivery = Delivery {
                    qos: subscription.options.qos().min(message.qos),
                    message,
                    retain: true,
                    way: Way::Retained,
                    subscription_ids: Some(subscription.id)
                        .filter(|id| *id != 0)
                        .into_iter()
                        .collect::<SubscriptionIds>(),
                };
                self.enqueue_retained(&mut state, delivery);
            }
            self.pump(session, &mut state, now);
        }
    }

    pub(crate) fn unsubscribe(
        &self,
        speaker: &Speaker,
        link: &Arc<Link>,
        packet: Unsubscribe<'_>,
        version: Version,
        now: Timestamp,
    ) -> Flow {
        let session = &speaker.session;
        let mut codes: SmallVec<[u8; 16]> = SmallVec::new();
        for filter in packet.filters() {
            let mut state = session.state.lock();
            let known = state.subscription(filter);
            if let Some(index) = known {
                state.subscriptions.remove(index);
            }
            drop(state);
            if known.is_some() {
                self.unroute(session, filter);
            }
            codes.push(if known.is_some() { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted } as u8);
        }
        if version != Version::V5 {
            codes.clear();
        }
        let packet = SubscribeAck { packet_id: packet.packet_id, properties: Properties::default(), codes: &codes };
        let mut reply = Vec::with_capacity(8 + codes.len());
        encode(&Packet::UnsubscribeAck(packet), version, &mut reply);
        self.answer(session, link, reply, Vec::new(), now);
        Flow::Next
    }
}
