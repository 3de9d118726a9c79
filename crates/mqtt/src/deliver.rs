//! From a routed message to the clients that subscribed to it.

use std::sync::Arc;

use model::{Position, Resource, Right, Timestamp, decide};
use smallvec::SmallVec;

use crate::codec::{ReasonCode, acknowledge};
use crate::core::Core;
use crate::counters::count;
use crate::link::{Link, Sent, Shape};
use crate::message::Message;
use crate::persist::Job;
use crate::router::{Subscriber, Subscribers};
use crate::session::{Delivery, InFlight, Online, Phase, Session, SessionState, SubscriptionIds, Way};
use crate::share::{Group, GroupState};

/// A message to route; `shared` is the same one for queues to keep, which QoS 0 never needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routed<'a> {
    pub(crate) message: &'a Message,
    pub(crate) shared: Option<&'a Arc<Message>>,
}

/// What the subscriptions of one session that match a message come to.
#[derive(Debug, Clone, Default)]
struct Merged {
    matched: bool,
    qos: u8,
    retain_as_published: bool,
    ids: SubscriptionIds,
}

impl Merged {
    fn add(&mut self, subscriber: &Subscriber, message: &Message) {
        let options = subscriber.options;
        if options.no_local() && subscriber.session.client_id == message.client {
            return;
        }
        self.matched = true;
        self.qos = self.qos.max(options.qos());
        self.retain_as_published |= options.retain_as_published();
        if subscriber.id != 0 {
            self.ids.push(subscriber.id);
        }
    }
}

impl Core {
    /// Sends a message to everybody who subscribed to it; true when somebody had.
    pub(crate) fn route(&self, routed: Routed<'_>, now: Timestamp) -> bool {
        self.router.matching(&routed.message.topic, |found| {
            match found {
                [] => {}
                [one] => {
                    for subscriber in &one.own {
                        let mut merged = Merged::default();
                        merged.add(subscriber, routed.message);
                        self.offer(&subscriber.session, routed, &merged, now);
                    }
                }
                many => self.route_merged(many, routed, now),
            }
            for group in found.iter().flat_map(|subscribers| &subscribers.groups) {
                self.offer_group(group, routed, now);
            }
            !found.is_empty()
        })
    }

    /// Several filters match: each session gets the message once, by all of its subscriptions.
    fn route_merged(&self, found: &[&Subscribers], routed: Routed<'_>, now: Timestamp) {
        let mut all: SmallVec<[&Subscriber; 32]> = found.iter().flat_map(|subscribers| &subscribers.own).collect();
        all.sort_by_key(|subscriber| subscriber.session.key);
        for one in all.chunk_by(|a, b| a.session.key == b.session.key) {
            let mut merged = Merged::default();
            for subscriber in one {
                merged.add(subscriber, routed.message);
            }
            self.offer(&one[0].session, routed, &merged, now);
        }
    }

    fn offer(&self, session: &Arc<Session>, routed: Routed<'_>, merged: &Merged, now: Timestamp) {
        if !merged.matched {
            return;
        }
        let message = routed.message;
        let qos = merged.qos.min(message.qos);
        let retain = merged.retain_as_published && message.retain;
        let mut state = session.state.lock();
        if state.over || !self.may_receive(&state, message) {
            return;
        }
        let Some(shared) = routed.shared.filter(|_| qos > 0) else {
            if let Some(online) = state.attached() {
                self.send_once(online, message, retain, &merged.ids, now);
            }
            return;
        };
        let delivery = Delivery {
            message: Arc::clone(shared),
            qos,
            retain,
            way: Way::Stream,
            subscription_ids: merged.ids.clone(),
        };
        if message.is_logged() {
            if !state.outbound.live || message.position < state.outbound.next {
                return;
            }
            state.outbound.next = message.position.next();
        }
        self.enqueue(session, &mut state, delivery, now);
    }

    /// Whether the principal behind a session may get this message.
    pub(crate) fn may_receive(&self, state: &SessionState, message: &Message) -> bool {
        let Some(online) = state.online.as_ref().filter(|online| online.filtered) else { return true };
        let may = decide(&online.client.principal, Right::Receive, Resource::Topic(&message.topic)).is_allowed();
        if !may {
            count(&self.counters.deliveries_denied);
        }
        may
    }

    /// Sends with QoS 0.
    fn send_once(&self, online: &Online, message: &Message, retain: bool, ids: &[u32], now: Timestamp) -> Sent {
        let shape = Shape { qos: 0, retain, duplicate: false, packet_id: 0, subscription_ids: ids };
        let sent = online.link.publish(message, shape, now, self.config.limits.outgoing_bytes);
        self.count_sent(sent);
        sent
    }

    fn count_sent(&self, sent: Sent) {
        count(match sent {
            Sent::Yes => &self.counters.messages_sent,
            Sent::TooLarge => &self.counters.dropped_too_large,
            Sent::Slow => &self.counters.dropped_slow,
            Sent::Expired => &self.counters.dropped_expired,
        });
    }

    /// Sends at once if there is room in flight, queues otherwise, and falls behind when the queue is full.
    fn enqueue(&self, session: &Arc<Session>, state: &mut SessionState, delivery: Delivery, now: Timestamp) {
        let limits = &self.config.limits;
        let outbound = &mut state.outbound;
        let weight = delivery.message.weight();
        let fits =
            outbound.queue.len() < limits.queued_messages && outbound.queued_bytes + weight <= limits.queued_bytes;
        if outbound.queue.is_empty() || fits {
            outbound.push(delivery);
            self.pump(session, state, now);
        } else if delivery.message.is_logged() {
            // The queue stays as it is; what comes from here on is read from the log when there is room.
            outbound.next = delivery.message.position;
            outbound.live = false;
            count(&self.counters.sessions_fell_behind);
        } else {
            count(&self.counters.dropped_queue_full);
        }
    }

    /// Queues a retained message for a new subscription, whatever its QoS: nothing of it is dropped.
    pub(crate) fn enqueue_retained(&self, state: &mut SessionState, delivery: Delivery) {
        if self.may_receive(state, &delivery.message) {
            state.outbound.push(delivery);
        }
    }

    /// Sends what waits, as far as there is room in flight; then asks for more from the log if the session is behind.
    pub(crate) fn pump(&self, session: &Arc<Session>, state: &mut SessionState, now: Timestamp) {
        let Some(online) = state.online.as_ref().filter(|online| online.attached) else { return };
        let link = Arc::clone(&online.link);
        let window = usize::from(online.window);
        let persistent = state.is_persistent();
        self.resend(state, &link, window, now);
        while let Some(delivery) = state.outbound.queue.front() {
            if delivery.qos == 0 {
                if link.waiting_bytes() > self.config.limits.outgoing_bytes / 2 {
                    link.set_hungry();
                    break;
                }
                let Some(delivery) = state.outbound.pop() else { break };
                let shape = Shape {
                    qos: 0,
                    retain: delivery.retain,
                    duplicate: false,
                    packet_id: 0,
                    subscription_ids: &delivery.subscription_ids,
                };
                self.count_sent(link.publish(&delivery.message, shape, now, usize::MAX));
                continue;
            }
            if state.outbound.in_flight.len() >= window {
                break;
            }
            let Some(delivery) = state.outbound.pop() else { break };
            if delivery.message.is_expired(now) {
                count(&self.counters.dropped_expired);
                continue;
            }
            self.start(session, state, &link, delivery, persistent, now);
        }
        if persistent {
            self.mark_dirty(session, state);
        }
        let outbound = &mut state.outbound;
        let room = outbound.queue.len() <= self.config.limits.queued_messages / 2;
        if !outbound.live && !outbound.reading && room {
            outbound.reading = true;
            self.reads.push_session(session);
        }
    }

    /// Puts a message in flight. With QoS 2 its packet id must be durable before it is sent.
    fn start(
        &self,
        session: &Arc<Session>,
        state: &mut SessionState,
        link: &Link,
        delivery: Delivery,
        persistent: bool,
        now: Timestamp,
    ) {
        let packet_id = state.outbound.assign();
        let position = delivery.message.position;
        let mut flight = InFlight { packet_id, phase: Phase::Published, position, delivery: Some(delivery) };
        if persistent && flight.delivery.as_ref().is_some_and(|delivery| delivery.qos == 2) {
            flight.phase = Phase::Assigned;
            state.outbound.in_flight.push_back(flight);
            self.ask_flights(session, state);
        } else if self.send_flight(&flight, link, false, now) {
            state.outbound.in_flight.push_back(flight);
        }
    }

    /// Sends a message in flight; false when it will never be sent.
    fn send_flight(&self, flight: &InFlight, link: &Link, duplicate: bool, now: Timestamp) -> bool {
        let Some(delivery) = &flight.delivery else { return false };
        let shape = Shape {
            qos: delivery.qos,
            retain: delivery.retain,
            duplicate,
            packet_id: flight.packet_id,
            subscription_ids: &delivery.subscription_ids,
        };
        let sent = link.publish(&delivery.message, shape, now, usize::MAX);
        self.count_sent(sent);
        sent == Sent::Yes
    }

    /// Repeats what an earlier connection left in flight, as far as there is room.
    fn resend(&self, state: &mut SessionState, link: &Link, window: usize, now: Timestamp) {
        if state.outbound.unsent == 0 {
            return;
        }
        let mut room = window.saturating_sub(state.outbound.in_flight.len() - state.outbound.unsent);
        let outbound = &mut state.outbound;
        let unsent = &mut outbound.unsent;
        outbound.in_flight.retain_mut(|flight| {
            if flight.phase != Phase::Unsent || room == 0 {
                return true;
            }
            room -= 1;
            *unsent -= 1;
            flight.phase = Phase::Published;
            self.send_flight(flight, link, true, now)
        });
    }

    /// Asks for the in-flight row to be written; what waits for that goes on afterwards.
    pub(crate) fn ask_flights(&self, session: &Arc<Session>, state: &mut SessionState) {
        if !state.flights_asked {
            state.flights_asked = true;
            self.jobs.push(Job::Flights(Arc::clone(session)));
        }
    }

    /// The in-flight row was written: sends what waited for it.
    pub(crate) fn flights_written(&self, session: &Arc<Session>, now: Timestamp) {
        let mut state = session.state.lock();
        let link = state.attached().map(|online| Arc::clone(&online.link));
        let outbound = &mut state.outbound;
        let mut unsent = 0;
        outbound.in_flight.retain_mut(|flight| match (flight.phase, &link) {
            (Phase::Committing, Some(link)) => {
                flight.phase = Phase::Published;
                self.send_flight(flight, link, false, now)
            }
            (Phase::Committing, None) => {
                flight.phase = Phase::Unsent;
                unsent += 1;
                true
            }
            (Phase::Releasing, link) => {
                flight.phase = Phase::Released;
                if let Some(link) = link {
                    link.write(|version, out| acknowledge(6, flight.packet_id, ReasonCode::Success, version, out));
                }
                true
            }
            _ => true,
        });
        outbound.unsent += unsent;
        for (packet_id, link_id) in std::mem::take(&mut state.completing) {
            if let Some(link) = link.as_ref().filter(|link| link.id == link_id) {
                link.write(|version, out| acknowledge(7, packet_id, ReasonCode::Success, version, out));
                link.acknowledged();
            }
        }
        self.pump(session, &mut state, now);
    }

    /// Gives a message to one member of a group, or leaves it on the log for later.
    fn offer_group(&self, group: &Arc<Group>, routed: Routed<'_>, now: Timestamp) {
        let message = routed.message;
        let mut state = group.state.lock();
        let Some(shared) = routed.shared else {
            self.give(&mut state, message, None, now);
            return;
        };
        if !message.is_logged() {
            if !self.give(&mut state, message, Some(shared), now) {
                count(&self.counters.dropped_queue_full);
            }
            return;
        }
        if !state.live || message.position < state.next {
            return;
        }
        if self.give(&mut state, message, Some(shared), now) {
            state.next = message.position.next();
        } else {
            state.next = message.position;
            state.live = false;
            self.reads.group_fell_behind(group);
        }
    }

    /// Gives a message to the member with the least in flight that has room; false when nobody has.
    pub(crate) fn give(
        &self,
        group: &mut GroupState,
        message: &Message,
        shared: Option<&Arc<Message>>,
        now: Timestamp,
    ) -> bool {
        let count_members = group.members.len();
        let mut best: Option<(usize, usize)> = None;
        for step in 0..count_members {
            let index = (group.turn + step) % count_members;
            let state = group.members[index].session.state.lock();
            let Some(online) = state.attached() else { continue };
            let load = state.outbound.in_flight.len();
            let has_room = shared.is_none() || (load < usize::from(online.window) && state.outbound.queue.is_empty());
            if has_room && !state.over && best.is_none_or(|(_, least)| load < least) {
                best = Some((index, load));
                if load == 0 {
                    break;
                }
            }
        }
        let Some((index, _)) = best else { return false };
        group.turn = index + 1;
        let member = &group.members[index];
        let qos = member.options.qos().min(message.qos);
        let retain = member.options.retain_as_published() && message.retain;
        let subscription_ids: SubscriptionIds = (member.id != 0).then_some(member.id).into_iter().collect();
        let mut state = member.session.state.lock();
        if !self.may_receive(&state, message) {
            return true;
        }
        match shared.filter(|_| qos > 0) {
            Some(shared) => {
                let message = Arc::clone(shared);
                let delivery = Delivery { message, qos, retain, way: Way::Share, subscription_ids };
                state.outbound.push(delivery);
                self.pump(&member.session, &mut state, now);
            }
            None => {
                if let Some(online) = state.attached() {
                    self.send_once(online, message, retain, &subscription_ids, now);
                }
            }
        }
        true
    }

    /// PUBACK, or a PUBREC that refuses.
    pub(crate) fn delivered(&self, session: &Arc<Session>, packet_id: u16, now: Timestamp) {
        let mut state = session.state.lock();
        if let Some(index) = state.outbound.find(packet_id) {
            state.outbound.remove(index);
            self.pump(session, &mut state, now);
        }
        drop(state);
        self.reads.wake_groups();
    }

    /// PUBREC.
    pub(crate) fn received(&self, session: &Arc<Session>, link: &Link, packet_id: u16) {
        let mut state = session.state.lock();
        let persistent = state.is_persistent();
        let Some(index) = state.outbound.find(packet_id) else {
            link.write(|version, out| acknowledge(6, packet_id, ReasonCode::PacketIdentifierNotFound, version, out));
            return;
        };
        let unsent = state.outbound.in_flight[index].phase == Phase::Unsent;
        state.outbound.unsent -= usize::from(unsent);
        let flight = &mut state.outbound.in_flight[index];
        flight.delivery = None;
        match flight.phase {
            Phase::Published | Phase::Unsent if persistent => {
                flight.phase = Phase::Received;
                self.ask_flights(session, &mut state);
            }
            Phase::Published | Phase::Unsent | Phase::Released => {
                flight.phase = Phase::Released;
                link.write(|version, out| acknowledge(6, packet_id, ReasonCode::Success, version, out));
            }
            Phase::Assigned | Phase::Committing | Phase::Received | Phase::Releasing => {}
        }
    }

    /// Whether a session is to get an entry of the log, by which subscriptions, and how.
    pub(crate) fn wanted(&self, session: &Session, state: &SessionState, message: &Arc<Message>) -> Option<Delivery> {
        let mut qos = 0;
        let mut retain = false;
        let mut subscription_ids = SubscriptionIds::new();
        for subscription in &state.subscriptions {
            let skipped = message.position < subscription.since
                || (subscription.options.no_local() && session.client_id == message.client)
                || !model::topic::matches(&subscription.filter, &message.topic);
            if skipped {
                continue;
            }
            qos = qos.max(subscription.options.qos().min(message.qos));
            retain |= subscription.options.retain_as_published() && message.retain;
            if subscription.id != 0 {
                subscription_ids.push(subscription.id);
            }
        }
        let done = qos == 2 && message.position < state.outbound.exactly_next;
        if qos == 0 || done || message.position == Position::START || !self.may_receive(state, message) {
            return None;
        }
        Some(Delivery { message: Arc::clone(message), qos, retain, way: Way::Stream, subscription_ids })
    }
}
