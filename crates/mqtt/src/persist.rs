//! What the broker writes to the state, and how it comes back after a restart.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Position, Timestamp};
use parking_lot::{Condvar, Mutex};
use store::log::LogError;
use store::state::{Change, StateError, Table};

use crate::broker::StartError;
use crate::codec::ReasonCode;
use crate::core::Core;
use crate::counters::{add, count};
use crate::hooks::Ending;
use crate::link::Link;
use crate::message::Message;
use crate::rows::{
    CHECKPOINT, CheckpointRow, FlightsRow, GroupRow, SessionRow, decode_message, encode_message, flights_id, group_id,
};
use crate::session::{Delivery, InFlight, Outbound, Phase, Received, Session, Subscription, Way};

/// Rows read or changed at a time.
const ROWS_BATCH: usize = 2_000;

/// Something for the state. At most a few per connection wait: see [`Link::saving`].
#[derive(Debug)]
pub(crate) enum Job {
    /// Writes a session's row and its in-flight row.
    Save(Arc<Session>, Then),
    /// Writes its in-flight row; what waits for that goes on.
    Flights(Arc<Session>),
    /// Deletes the rows of a client id.
    Forget(Arc<str>),
    /// Deletes the row of a group.
    ForgetGroup(String),
}

/// What happens once a session is durable.
#[derive(Debug)]
pub(crate) enum Then {
    Nothing,
    /// CONNACK is said.
    Attach(Arc<Link>, Vec<u8>),
    /// A reply is sent, then the retained messages of new subscriptions.
    Reply(Arc<Link>, Vec<u8>, Vec<Subscription>),
}

/// Jobs that wait for the thread that writes.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    checkpoint: bool,
    closed: bool,
}

impl Jobs {
    pub(crate) fn push(&self, job: Job) {
        self.queue.lock().waiting.push_back(job);
        self.changed.notify_one();
    }

    /// Asks for a checkpoint.
    pub(crate) fn checkpoint(&self) {
        self.queue.lock().checkpoint = true;
        self.changed.notify_one();
    }

    /// Lets [`Core::serve_jobs`] return once everything is written.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.checkpoint = true;
        queue.closed = true;
        self.changed.notify_one();
    }
}

impl Core {
    /// Writes what there is to write until the broker closes. Blocks; runs on a thread of its own.
    pub(crate) fn serve_jobs(self: &Arc<Self>) {
        loop {
            let (jobs, checkpoint) = {
                let mut queue = self.jobs.queue.lock();
                while queue.waiting.is_empty() && !queue.checkpoint && !queue.closed {
                    self.jobs.changed.wait(&mut queue);
                }
                if queue.waiting.is_empty() && !queue.checkpoint {
                    return;
                }
                (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.checkpoint))
            };
            self.write(jobs, self.clock.now());
            if checkpoint {
                self.checkpoint(self.clock.now());
            }
        }
    }

    /// Writes everything that waits now.
    #[cfg(test)]
    pub(crate) fn run_jobs(self: &Arc<Self>, now: Timestamp) {
        loop {
            let jobs = std::mem::take(&mut self.jobs.queue.lock().waiting);
            if jobs.is_empty() {
                return;
            }
            self.write(jobs, now);
        }
    }

    fn write(self: &Arc<Self>, jobs: VecDeque<Job>, now: Timestamp) {
        if jobs.is_empty() {
            return;
        }
        let mut changes = Vec::new();
        for job in &jobs {
            match job {
                Job::Save(session, _) => self.session_changes(session, &mut changes),
                Job::Flights(session) => self.flight_changes(session, &mut changes),
                Job::Forget(client_id) => {
                    changes.push(Change::delete(Table::Session, &**client_id));
                    changes.push(Change::delete(Table::InFlight, flights_id(client_id)));
                }
                Job::ForgetGroup(id) => changes.push(Change::delete(Table::InFlight, id.clone())),
            }
        }
        match self.state.commit(changes, now) {
            Ok(_) => {
                for job in jobs {
                    self.written(job, now);
                }
            }
            Err(problem) => {
                count(&self.counters.state_errors);
                tracing::error!(%problem, "sessions could not be written");
                for job in &jobs {
                    not_written(job);
                }
            }
        }
    }

    fn session_changes(&self, session: &Session, changes: &mut Vec<Change>) {
        let routed_next = self.routed_next();
        let state = session.state.lock();
        if !state.over && state.is_persistent() {
            changes.push(SessionRow::of(session, &state).put(&session.client_id));
            changes.push(FlightsRow::of(&state, routed_next).put(&session.client_id));
        }
    }

    fn flight_changes(&self, session: &Session, changes: &mut Vec<Change>) {
        let routed_next = self.routed_next();
        let mut state = session.state.lock();
        state.flights_asked = false;
        let mut shared = false;
        for flight in &mut state.outbound.in_flight {
            match flight.phase {
                Phase::Assigned => {
                    flight.phase = Phase::Committing;
                    shared |= flight.delivery.as_ref().is_some_and(|delivery| delivery.way == Way::Share);
                }
                Phase::Received => flight.phase = Phase::Releasing,
                _ => {}
            }
        }
        if state.over || !state.is_persistent() {
            return;
        }
        let row = FlightsRow::of(&state, routed_next);
        state.outbound.exactly_next = row.exactly_next;
        changes.push(row.put(&session.client_id));
        let filters: Vec<_> = if shared { state.subscriptions.clone() } else { Vec::new() };
        drop(state);
        for (name, filter) in filters.iter().filter_map(|one| crate::share::parse(&one.filter)?) {
            if let Some(group) = self.groups.lock().get(&group_id(name, filter)) {
                let mut state = group.state.lock();
                state.exactly_next = state.next;
                changes.push(GroupRow::put(group, &state));
            }
        }
    }

    fn written(self: &Arc<Self>, job: Job, now: Timestamp) {
        match job {
            Job::Save(session, Then::Attach(link, greeting)) => self.attach(&session, &link, &greeting, now),
            Job::Save(session, Then::Reply(link, reply, subscribed)) => {
                self.reply(&session, &link, &reply, &subscribed, now);
                link.saved();
            }
            Job::Flights(session) => self.flights_written(&session, now),
            Job::Save(_, Then::Nothing) | Job::Forget(_) | Job::ForgetGroup(_) => {}
        }
    }

    /// Writes down what changed since the last time: cursors, retained messages, and how far that goes.
    pub(crate) fn checkpoint(&self, now: Timestamp) {
        // Taken first: what is routed later may be in the rows already, which does no harm.
        let position = self.routed_next();
        let retained = self.retained.take_changes();
        let sessions = self.take_dirty();
        if retained.is_empty() && sessions.is_empty() && self.saved_checkpoint.load(Ordering::Relaxed) == position.0 {
            return;
        }
        let mut changes = Vec::new();
        for session in &sessions {
            let mut state = session.state.lock();
            state.dirty = false;
            if !state.over && state.is_persistent() {
                let row = FlightsRow::of(&state, position);
                state.outbound.exactly_next = row.exactly_next;
                changes.push(row.put(&session.client_id));
            }
        }
        for group in self.groups.lock().values() {
            let mut state = group.state.lock();
            if state.saved_next != state.next {
                state.saved_next = state.next;
                changes.push(GroupRow::put(group, &state));
            }
        }
        changes.extend(retained.iter().map(|(topic, message)| match message {
            Some(message) => Change::Put {
                table: Table::Retained,
                id: topic.to_string(),
                key: None,
                document: encode_message(message),
                expect: store::state::Expect::Any,
            },
            None => Change::delete(Table::Retained, topic.to_string()),
        }));
        changes.push(Change::put(Table::Setting, CHECKPOINT, None, &CheckpointRow { position }));
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(ROWS_BATCH));
            let batch = std::mem::replace(&mut changes, rest);
            if let Err(problem) = self.state.commit(batch, now) {
                count(&self.counters.state_errors);
                tracing::error!(%problem, "the broker's checkpoint could not be written");
                self.retained.give_back(retained.iter().map(|(topic, _)| topic));
                for session in &sessions {
                    self.mark_dirty(session, &mut session.state.lock());
                }
                return;
            }
        }
        self.saved_checkpoint.store(position.0, Ordering::Relaxed);
    }

    /// Reads sessions and retained messages, and what the log says since they were written.
    pub(crate) fn restore(self: &Arc<Self>, now: Timestamp) -> Result<(), StartError> {
        let checkpoint = match self.state.get(Table::Setting, CHECKPOINT)? {
            Some(row) => row.parse::<CheckpointRow>(Table::Setting)?.position,
            None => Position::START,
        };
        self.saved_checkpoint.store(checkpoint.0, Ordering::Relaxed);
        self.each_row(Table::Retained, |row| {
            if let Some(message) = decode_message(&row.id, &row.document) {
                self.keep(&message);
            } else {
                tracing::warn!(topic = row.id, "a retained message cannot be read and is left out");
            }
            Ok(())
        })?;
        self.retained.take_changes();
        self.each_row(Table::Session, |row| {
            let session: SessionRow = row.parse(Table::Session)?;
            self.restore_session(&row.id, &session, now)
        })?;
        self.replay(checkpoint)?;
        self.retained.expire(now);
        Ok(())
    }

    fn each_row(
        &self,
        table: Table,
        mut each: impl FnMut(store::state::Row) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let mut after: Option<String> = None;
        loop {
            let rows = self.state.list(table, None, after.as_deref(), ROWS_BATCH)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id.clone());
            rows.into_iter().try_for_each(&mut each)?;
        }
    }

    fn restore_session(self: &Arc<Self>, client_id: &str, row: &SessionRow, now: Timestamp) -> Result<(), StateError> {
        let flights = match self.state.get(Table::InFlight, &flights_id(client_id))? {
            Some(row) => row.parse::<FlightsRow>(Table::InFlight)?,
            None => FlightsRow { next: self.routed_next(), ..FlightsRow::default() },
        };
        let mut outbound = Outbound::new(flights.next, false);
        outbound.exactly_next = flights.exactly_next;
        self.restore_flights(&flights, &mut outbound);
        let session =
            Arc::new(Session::new(self.fresh_id(), Arc::from(client_id), Arc::from(row.owner.as_str()), outbound));
        {
            let mut state = session.state.lock();
            state.expiry_seconds = row.expiry_seconds;
            state.offline_since = Some(row.offline_since.unwrap_or(now));
            state.subscriptions = row.subscriptions();
            state.received = flights.received();
            state.received_through = flights.received_through;
            state.will = row.will();
        }
        self.adopt(session, now)
    }

    /// Finds the content of messages in flight again.
    fn restore_flights(&self, row: &FlightsRow, outbound: &mut Outbound) {
        for flight in &row.in_flight {
            if flight.released {
                let phase = Phase::Released;
                let released =
                    InFlight { packet_id: flight.packet_id, phase, position: flight.position, delivery: None };
                outbound.in_flight.push_back(released);
                continue;
            }
            let found = self.log.read(flight.position, 1).ok().and_then(|entries| entries.into_iter().next());
            let found = found.filter(|entry| entry.position == flight.position).map(|e| Message::from_entry(&e).0);
            let topic = flight.retained_topic.as_deref();
            let retained = || {
                let message = self.retained.get(topic?)?;
                (message.position == flight.position).then(|| (*message).clone())
            };
            let Some(message) = found.or_else(retained) else {
                count(&self.counters.dropped_behind);
                continue;
            };
            let delivery = Delivery {
                message: Arc::new(message),
                qos: flight.qos,
                retain: flight.retain,
                way: if topic.is_some() { Way::Retained } else { Way::Stream },
                subscription_ids: flight.subscription_ids.iter().copied().collect(),
            };
            outbound.unsent += 1;
            outbound.in_flight.push_back(InFlight {
                packet_id: flight.packet_id,
                phase: Phase::Unsent,
                position: flight.position,
                delivery: Some(delivery),
            });
        }
    }

    /// Folds the log from the checkpoint on: retained messages, and packet ids of QoS 2 messages.
    fn replay(&self, checkpoint: Position) -> Result<(), LogError> {
        let mut next = checkpoint;
        loop {
            let entries = match self.log.read(next, ROWS_BATCH) {
                Ok(entries) => entries,
                Err(LogError::Gone { first, .. }) => {
                    add(&self.counters.dropped_behind, usize::try_from(first.0 - next.0).unwrap_or(0));
                    next = first;
                    continue;
                }
                Err(problem) => return Err(problem),
            };
            let Some(last) = entries.last() else { return Ok(()) };
            next = last.position.next();
            for entry in &entries {
                let (message, packet_id) = Message::from_entry(entry);
                if message.retain {
                    self.keep(&message);
                }
                if packet_id != 0 && message.qos == 2 {
                    self.restore_received(&message, packet_id);
                }
            }
        }
    }

    fn restore_received(&self, message: &Message, packet_id: u16) {
        let Some(session) = self.registry.lock().find(&message.client) else { return };
        let mut state = session.state.lock();
        if message.position >= state.received_through {
            state.received.insert(packet_id, Received::Kept);
            state.received_through = message.position.next();
            self.mark_dirty(&session, &mut state);
        }
    }
}

/// Whoever waits for what could not be written is disconnected; it will be tried again when they are back.
fn not_written(job: &Job) {
    match job {
        Job::Save(_, Then::Attach(link, _) | Then::Reply(link, ..)) => {
            link.end(Ending::Server(ReasonCode::ServerUnavailable));
        }
        Job::Flights(session) => {
            let mut state = session.state.lock();
            for flight in &mut state.outbound.in_flight {
                match flight.phase {
                    Phase::Committing => flight.phase = Phase::Assigned,
                    Phase::Releasing => flight.phase = Phase::Received,
                    _ => {}
                }
            }
            if let Some(online) = &state.online {
                online.link.end(Ending::Server(ReasonCode::ServerUnavailable));
            }
        }
        Job::Save(_, Then::Nothing) | Job::Forget(_) | Job::ForgetGroup(_) => {}
    }
}
