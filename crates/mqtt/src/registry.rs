//! Which sessions there are: connecting, taking over, leaving, expiring.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ahash::AHashMap;
use model::{Position, Principal, Resource, Right, Timestamp, decide};
use store::state::StateError;

use crate::codec::ReasonCode;
use crate::core::{Core, Timer};
use crate::counters::{add, count, sub};
use crate::hooks::{Client, Ending};
use crate::link::Link;
use crate::persist::{Job, Then};
use crate::router::Subscriber;
use crate::rows::{GroupRow, group_id};
use crate::session::{Online, Outbound, Session, SessionState, Subscription, Will};
use crate::share::{self, Group};

/// Never expires, as an expiry interval.
pub(crate) const NEVER: u32 = u32::MAX;

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: AHashMap<Arc<str>, Arc<Session>>,
    /// Persistent sessions without a connection, the longest offline first.
    offline: BTreeMap<(Timestamp, u64), Arc<str>>,
    owners: AHashMap<Arc<str>, Owned>,
}

/// What one principal has.
#[derive(Debug, Default)]
struct Owned {
    connections: usize,
    persistent: usize,
}

/// A CONNECT that was authenticated.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) client: Client,
    pub(crate) owner: Arc<str>,
    pub(crate) clean_start: bool,
    pub(crate) expiry_seconds: u32,
    pub(crate) window: u16,
    pub(crate) will: Option<Box<Will>>,
}

impl Registry {
    pub(crate) fn find(&self, client_id: &str) -> Option<Arc<Session>> {
        self.sessions.get(client_id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.values().cloned().collect()
    }

    fn owned(&mut self, owner: &Arc<str>, change: impl FnOnce(&mut Owned)) {
        let owned = self.owners.entry(Arc::clone(owner)).or_default();
        change(owned);
        if owned.connections == 0 && owned.persistent == 0 {
            self.owners.remove(owner);
        }
    }
}

impl Core {
    /// Connects a client to its session, a new one if need be. `greet` makes the CONNACK, told whether there was a
    /// session. CONNACK is said once the session is durable.
    pub(crate) fn connect(
        self: &Arc<Self>,
        link: &Arc<Link>,
        hello: Hello,
        now: Timestamp,
        greet: impl FnOnce(bool) -> Vec<u8>,
    ) -> Result<Arc<Session>, ReasonCode> {
        let mut wills = Vec::new();
        let mut registry = self.registry.lock();
        let existing = registry.find(&hello.client.client_id);
        if let Some(existing) = &existing
            && existing.owner != hello.owner
            && existing.state.lock().online.is_some()
        {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        self.check_quota(&mut registry, &hello, existing.as_ref(), &mut wills)?;
        let mut stored = false;
        let mut kept = None;
        if let Some(existing) = existing {
            let mut state = existing.state.lock();
            // A session that was to end with its connection ends with it, also when that is taken over.
            let resumed = !hello.clean_start && state.is_persistent() && existing.owner == hello.owner;
            let gone = self.take_over(&mut state, resumed);
            let immediate = state.will.as_ref().is_some_and(|will| will.delay_seconds == 0 || !resumed);
            wills.extend(state.will.take().filter(|_| immediate).map(|will| *will));
            stored = state.is_persistent();
            registry.offline.remove(&(state.offline_since.unwrap_or(now), existing.key));
            drop(state);
            if let Some(client) = gone {
                self.left(&mut registry, &existing.owner, &client, Ending::TakenOver, now);
            }
            if resumed {
                kept = Some(existing);
            } else {
                self.end_session(&mut registry, &existing);
            }
        }
        let present = kept.is_some();
        let session = kept.unwrap_or_else(|| self.new_session(&mut registry, &hello));
        let owner = Arc::clone(&hello.owner);
        let saved = self.begin(&mut registry, &session, link, hello);
        registry.owned(&owner, |owned| owned.connections += 1);
        drop(registry);
        for will in wills {
            self.publish_will(Box::new(will), now);
        }
        let greeting = greet(present);
        if stored && !saved {
            self.jobs.push(Job::Forget(Arc::clone(&session.client_id)));
        }
        if stored || saved {
            self.jobs.push(Job::Save(Arc::clone(&session), Then::Attach(Arc::clone(link), greeting)));
        } else {
            self.attach(&session, link, &greeting, now);
        }
        Ok(session)
    }

    fn check_quota(
        &self,
        registry: &mut Registry,
        hello: &Hello,
        existing: Option<&Arc<Session>>,
        wills: &mut Vec<Will>,
    ) -> Result<(), ReasonCode> {
        let limits = &self.config.limits;
        let owned = registry.owners.get(&hello.owner);
        if owned.is_some_and(|owned| owned.connections >= limits.connections_per_principal) {
            return Err(ReasonCode::QuotaExceeded);
        }
        if hello.expiry_seconds == 0 || existing.is_some_and(|existing| existing.state.lock().is_persistent()) {
            return Ok(());
        }
        if owned.is_some_and(|owned| owned.persistent >= limits.sessions_per_principal) {
            return Err(ReasonCode::QuotaExceeded);
        }
        if self.counters.sessions.load(Ordering::Relaxed) < limits.sessions as u64 {
            return Ok(());
        }
        let Some((_, oldest)) = registry.offline.pop_first() else { return Err(ReasonCode::QuotaExceeded) };
        if let Some(session) = registry.find(&oldest) {
            count(&self.counters.sessions_evicted);
            wills.extend(session.state.lock().will.take().map(|will| *will));
            self.end_session(registry, &session);
            self.jobs.push(Job::Forget(oldest));
        }
        Ok(())
    }

    /// Closes the connection that a session has, because a newer one is there; returns whose it was.
    fn take_over(&self, state: &mut SessionState, resumed: bool) -> Option<Arc<Client>> {
        let online = state.online.take()?;
        count(&self.counters.takeovers);
        online.link.end(Ending::TakenOver);
        if resumed {
            self.go_offline(state);
        }
        Some(online.client)
    }

    /// A connection is gone: counts, and tells the observer, which may publish: no session may be locked.
    fn left(&self, registry: &mut Registry, owner: &Arc<str>, client: &Client, ending: Ending, now: Timestamp) {
        sub(&self.counters.clients, 1);
        registry.owned(owner, |owned| owned.connections = owned.connections.saturating_sub(1));
        self.observe.disconnected(client, ending, now);
    }

    /// From here on the session is a cursor into the log.
    fn go_offline(&self, state: &mut SessionState) {
        state.outbound.fall_behind(self.routed_next());
        let outbound = &mut state.outbound;
        for flight in &mut outbound.in_flight {
            if flight.phase == crate::session::Phase::Published {
                flight.phase = crate::session::Phase::Unsent;
                outbound.unsent += 1;
            }
        }
    }

    fn new_session(&self, registry: &mut Registry, hello: &Hello) -> Arc<Session> {
        let client_id = Arc::clone(&hello.client.client_id);
        let outbound = Outbound::new(Position::START, true);
        let session =
            Arc::new(Session::new(self.fresh_id(), Arc::clone(&client_id), Arc::clone(&hello.owner), outbound));
        registry.sessions.insert(client_id, Arc::clone(&session));
        session
    }

    /// Puts a session on its new connection; true when it has to be saved.
    fn begin(&self, registry: &mut Registry, session: &Arc<Session>, link: &Arc<Link>, hello: Hello) -> bool {
        let mut state = session.state.lock();
        self.set_persistent(registry, session, &mut state, hello.expiry_seconds);
        state.offline_since = None;
        state.will = hello.will;
        let principal = &hello.client.principal;
        let client = Arc::new(hello.client.clone());
        let refused: Vec<_> = state
            .subscriptions
            .extract_if(.., |subscription| !may_subscribe(principal, &subscription.filter))
            .collect();
        let filtered = principal.is_filtered();
        state.online = Some(Online {
            link: Arc::clone(link),
            client: Arc::clone(&client),
            window: hello.window,
            filtered,
            attached: false,
        });
        let saved = state.is_persistent();
        drop(state);
        for subscription in refused {
            count(&self.counters.subscribes_denied);
            self.unroute(session, &subscription.filter);
        }
        count(&self.counters.clients);
        self.observe.connected(&client);
        saved
    }

    fn set_persistent(
        &self,
        registry: &mut Registry,
        session: &Session,
        state: &mut SessionState,
        expiry_seconds: u32,
    ) {
        let (before, after) = (state.is_persistent(), expiry_seconds > 0);
        state.expiry_seconds = expiry_seconds;
        if before == after {
            return;
        }
        if after {
            count(&self.counters.sessions);
            registry.owned(&session.owner, |owned| owned.persistent += 1);
        } else {
            sub(&self.counters.sessions, 1);
            registry.owned(&session.owner, |owned| owned.persistent -= 1);
        }
    }

    /// Says CONNACK, then goes on where the session was.
    pub(crate) fn attach(&self, session: &Arc<Session>, link: &Arc<Link>, greeting: &[u8], now: Timestamp) {
        let mut state = session.state.lock();
        let Some(online) = state.online.as_mut().filter(|online| online.link.id == link.id) else { return };
        online.attached = true;
        link.write(|_, out| out.extend_from_slice(greeting));
        link.set_attached();
        self.skip_window(&mut state);
        let mut unfinished = false;
        for flight in &state.outbound.in_flight {
            use crate::session::Phase;
            match flight.phase {
                Phase::Released => link.write(|version, out| {
                    crate::codec::acknowledge(6, flight.packet_id, ReasonCode::Success, version, out);
                }),
                Phase::Assigned | Phase::Received => unfinished = true,
                _ => {}
            }
        }
        if unfinished {
            self.ask_flights(session, &mut state);
        }
        self.pump(session, &mut state, now);
        drop(state);
        self.reads.wake_groups();
    }

    /// Passes over what is further back than a session may be.
    fn skip_window(&self, state: &mut SessionState) {
        let oldest = self.routed_next().0.saturating_sub(self.config.limits.queued_window_entries);
        let behind = oldest.saturating_sub(state.outbound.next.0);
        if !state.outbound.live && behind > 0 {
            add(&self.counters.dropped_behind, usize::try_from(behind).unwrap_or(usize::MAX));
            state.outbound.next = Position(oldest);
        }
    }

    /// The connection of a session is gone. `expiry_seconds` is what the client asked for in DISCONNECT; `keep_will`
    /// is false when the client took its will back.
    pub(crate) fn detach(
        self: &Arc<Self>,
        session: &Arc<Session>,
        link: &Link,
        ending: Ending,
        expiry_seconds: Option<u32>,
        keep_will: bool,
        now: Timestamp,
    ) {
        let mut registry = self.registry.lock();
        let mut state = session.state.lock();
        if !state.is_on(link) {
            return;
        }
        let Some(online) = state.online.take() else { return };
        let was_persistent = state.is_persistent();
        if let Some(expiry_seconds) = expiry_seconds {
            self.set_persistent(&mut registry, session, &mut state, expiry_seconds);
        }
        if !keep_will {
            state.will = None;
        }
        let client = online.client;
        if state.is_persistent() {
            self.go_offline(&mut state);
            state.offline_since = Some(now);
            registry.offline.insert((now, session.key), Arc::clone(&session.client_id));
            let will = self.schedule(session, &mut state, now);
            drop(state);
            self.left(&mut registry, &session.owner, &client, ending, now);
            drop(registry);
            self.jobs.push(Job::Save(Arc::clone(session), Then::Nothing));
            if let Some(will) = will {
                self.publish_will(will, now);
            }
            return;
        }
        let will = state.will.take();
        drop(state);
        self.left(&mut registry, &session.owner, &client, ending, now);
        self.end_session(&mut registry, session);
        drop(registry);
        if was_persistent {
            self.jobs.push(Job::Forget(Arc::clone(&session.client_id)));
        }
        if let Some(will) = will {
            self.publish_will(will, now);
        }
    }

    /// Sets the timers of a session without connection; returns a will that is due at once.
    fn schedule(&self, session: &Arc<Session>, state: &mut SessionState, now: Timestamp) -> Option<Box<Will>> {
        let since = state.offline_since.unwrap_or(now);
        let at = |seconds: u32| Duration::from_secs(seconds.into()).saturating_sub(now.since(since));
        if state.expiry_seconds != NEVER {
            self.timers.set(now, at(state.expiry_seconds), Timer::SessionExpiry(Arc::downgrade(session), since));
        }
        let delay = state.will.as_ref()?.delay_seconds.min(state.expiry_seconds);
        if delay == 0 {
            return state.will.take();
        }
        self.timers.set(now, at(delay), Timer::Will(Arc::downgrade(session), since));
        None
    }

    /// Ends a session that has been offline since `since` for as long as it may.
    pub(crate) fn expire(self: &Arc<Self>, session: &Arc<Session>, since: Timestamp, now: Timestamp) {
        let mut registry = self.registry.lock();
        let mut state = session.state.lock();
        if state.over || state.online.is_some() || state.offline_since != Some(since) {
            return;
        }
        let left = Duration::from_secs(state.expiry_seconds.into()).saturating_sub(now.since(since));
        if !left.is_zero() {
            self.timers.set(now, left, Timer::SessionExpiry(Arc::downgrade(session), since));
            return;
        }
        count(&self.counters.sessions_expired);
        let will = state.will.take();
        drop(state);
        registry.offline.remove(&(since, session.key));
        self.end_session(&mut registry, session);
        drop(registry);
        self.jobs.push(Job::Forget(Arc::clone(&session.client_id)));
        if let Some(will) = will {
            self.publish_will(will, now);
        }
    }

    /// Publishes the will of a session that has been offline since `since` for as long as its will waits.
    pub(crate) fn will_is_due(&self, session: &Arc<Session>, since: Timestamp, now: Timestamp) {
        let mut state = session.state.lock();
        if state.over || state.online.is_some() || state.offline_since != Some(since) {
            return;
        }
        let Some(delay_seconds) = state.will.as_ref().map(|will| will.delay_seconds) else { return };
        let left = Duration::from_secs(delay_seconds.into()).saturating_sub(now.since(since));
        if !left.is_zero() {
            self.timers.set(now, left, Timer::Will(Arc::downgrade(session), since));
            return;
        }
        let will = state.will.take();
        drop(state);
        self.jobs.push(Job::Save(Arc::clone(session), Then::Nothing));
        if let Some(will) = will {
            self.publish_will(will, now);
        }
    }

    /// Takes a session out of everything. Its rows are the caller's business.
    fn end_session(&self, registry: &mut Registry, session: &Arc<Session>) {
        let mut state = session.state.lock();
        state.over = true;
        self.set_persistent(registry, session, &mut state, 0);
        if let Some(since) = state.offline_since {
            registry.offline.remove(&(since, session.key));
        }
        let subscriptions = std::mem::take(&mut state.subscriptions);
        state.outbound = Outbound::new(Position::START, true);
        drop(state);
        if registry.sessions.get(&session.client_id).is_some_and(|known| known.key == session.key) {
            registry.sessions.remove(&session.client_id);
        }
        sub(&self.counters.subscriptions, subscriptions.len());
        for subscription in subscriptions {
            self.unroute_counted(session, &subscription.filter);
        }
    }

    /// Takes in a session that was read from the state.
    pub(crate) fn adopt(self: &Arc<Self>, session: Arc<Session>, now: Timestamp) -> Result<(), StateError> {
        let subscriptions = session.state.lock().subscriptions.clone();
        for subscription in &subscriptions {
            self.restore_route(&session, subscription)?;
        }
        add(&self.counters.subscriptions, subscriptions.len());
        let mut registry = self.registry.lock();
        registry.sessions.insert(Arc::clone(&session.client_id), Arc::clone(&session));
        let mut state = session.state.lock();
        let since = state.offline_since.unwrap_or(now);
        registry.offline.insert((since, session.key), Arc::clone(&session.client_id));
        registry.owned(&session.owner, |owned| owned.persistent += 1);
        count(&self.counters.sessions);
        if let Some(will) = self.schedule(&session, &mut state, now) {
            self.timers.set(now, Duration::ZERO, Timer::WillAgain(will));
        }
        Ok(())
    }

    fn restore_route(&self, session: &Arc<Session>, subscription: &Subscription) -> Result<(), StateError> {
        let Some(Some((name, filter))) = share::parse(&subscription.filter) else {
            self.route_to(session, subscription);
            return Ok(());
        };
        let table = store::state::Table::InFlight;
        let row = self.state.get(table, &group_id(name, filter))?;
        let row = row.map(|row| row.parse::<GroupRow>(table)).transpose()?;
        let next = row.as_ref().map_or(self.routed_next(), |row| row.next);
        let make = || {
            let group = Group::new(name, filter, next, false);
            group.state.lock().exactly_next = row.map_or(Position::START, |row| row.exactly_next);
            group
        };
        let group = self.join_group(name, filter, subscriber(session, subscription), make);
        self.reads.group_fell_behind(&group);
        Ok(())
    }

    fn join_group(&self, name: &str, filter: &str, member: Subscriber, make: impl FnOnce() -> Group) -> Arc<Group> {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(&group_id(name, filter)) {
            group.join(member);
            return Arc::clone(group);
        }
        let group = Arc::new(make());
        group.join(member);
        groups.insert(group_id(name, filter), Arc::clone(&group));
        self.router.insert_group(filter, &group);
        group
    }

    fn leave_group(&self, name: &str, filter: &str, session_key: u64) {
        let mut groups = self.groups.lock();
        let id = group_id(name, filter);
        if groups.get(&id).is_some_and(|group| group.leave(session_key)) {
            groups.remove(&id);
            self.router.remove_group(filter, name);
            self.jobs.push(Job::ForgetGroup(id));
        }
    }

    /// Enters a subscription into the router.
    pub(crate) fn route_to(&self, session: &Arc<Session>, subscription: &Subscription) {
        match share::parse(&subscription.filter) {
            Some(Some((name, filter))) => {
                let make = || Group::new(name, filter, subscription.since, true);
                self.join_group(name, filter, subscriber(session, subscription), make);
            }
            Some(None) => {}
            None => self.router.insert(&subscription.filter, subscriber(session, subscription)),
        }
    }

    /// Takes a subscription out of the router.
    pub(crate) fn unroute(&self, session: &Session, filter: &str) {
        sub(&self.counters.subscriptions, 1);
        self.unroute_counted(session, filter);
    }

    fn unroute_counted(&self, session: &Session, filter: &str) {
        match share::parse(filter) {
            Some(Some((name, filter))) => self.leave_group(name, filter, session.key),
            Some(None) => {}
            None => self.router.remove(filter, session.key),
        }
    }
}

fn subscriber(session: &Arc<Session>, subscription: &Subscription) -> Subscriber {
    Subscriber { session: Arc::clone(session), options: subscription.options, id: subscription.id }
}

/// Whether a principal may subscribe; the group of a shared subscription does not matter.
pub(crate) fn may_subscribe(principal: &Principal, filter: &str) -> bool {
    let filter = match share::parse(filter) {
        Some(Some((_, filter))) => filter,
        Some(None) => return false,
        None => filter,
    };
    decide(principal, Right::Subscribe, Resource::Filter(filter)).is_allowed()
}
