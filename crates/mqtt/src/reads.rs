//! Consumers that are behind read the log: sessions that were away or slow, and groups without a member with room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Entry, Position, Timestamp};
use parking_lot::{Condvar, Mutex};
use store::log::LogError;

use crate::core::Core;
use crate::counters::{add, count};
use crate::message::Message;
use crate::session::Session;
use crate::share::Group;

/// Entries read at a time.
const READ_ENTRIES: usize = 512;

/// Consumers that want to read. Each is at most once in the queue, so there are never more than consumers.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: Mutex<Queue>,
    changed: Condvar,
    behind_count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Reader>,
    /// Groups that are behind, until they are read for.
    behind: Vec<Arc<Group>>,
    closed: bool,
}

#[derive(Debug)]
enum Reader {
    Session(Arc<Session>),
    Group(Arc<Group>),
}

impl Reads {
    /// Queues a session; its `reading` flag is set already.
    pub(crate) fn push_session(&self, session: &Arc<Session>) {
        self.queue.lock().waiting.push_back(Reader::Session(Arc::clone(session)));
        self.changed.notify_one();
    }

    /// Notes a group that is behind; it is read for when a member gets room.
    pub(crate) fn group_fell_behind(&self, group: &Arc<Group>) {
        let mut queue = self.queue.lock();
        if !queue.behind.iter().any(|known| Arc::ptr_eq(known, group)) {
            queue.behind.push(Arc::clone(group));
            self.behind_count.store(queue.behind.len(), Ordering::Release);
        }
    }

    /// Some session has room: groups that are behind may go on.
    pub(crate) fn wake_groups(&self) {
        if self.behind_count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut queue = self.queue.lock();
        let behind = std::mem::take(&mut queue.behind);
        self.behind_count.store(0, Ordering::Release);
        queue.waiting.extend(behind.into_iter().map(Reader::Group));
        self.changed.notify_one();
    }

    /// Lets [`Core::serve_reads`] return.
    pub(crate) fn close(&self) {
        self.queue.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Core {
    /// Reads for whoever wants to until the broker closes. Blocks; runs on a thread of its own.
    pub(crate) fn serve_reads(&self) {
        loop {
            let reader = {
                let mut queue = self.reads.queue.lock();
                loop {
                    if queue.closed {
                        return;
                    }
                    match queue.waiting.pop_front() {
                        Some(reader) => break reader,
                        None => self.reads.changed.wait(&mut queue),
                    }
                }
            };
            self.read_for(reader, self.clock.now());
        }
    }

    /// Reads for everybody who wants to now.
    #[cfg(test)]
    pub(crate) fn run_reads(&self, now: Timestamp) {
        loop {
            let Some(reader) = self.reads.queue.lock().waiting.pop_front() else { return };
            self.read_for(reader, now);
        }
    }

    fn read_for(&self, reader: Reader, now: Timestamp) {
        match reader {
            Reader::Session(session) => while self.read_session(&session, now) {},
            Reader::Group(group) => while self.read_group(&group, now) {},
        }
    }

    /// Entries from `next` on, and where the next read starts. What is gone is skipped and counted.
    fn read_from(&self, next: Position) -> Option<(Vec<Entry>, Position)> {
        match self.log.read(next, READ_ENTRIES) {
            Ok(entries) => {
                let after = entries.last().map_or(next, |entry| entry.position.next());
                Some((entries, after))
            }
            Err(LogError::Gone { first, .. }) => {
                add(&self.counters.dropped_behind, usize::try_from(first.0.saturating_sub(next.0)).unwrap_or(0));
                Some((Vec::new(), first))
            }
            Err(problem) => {
                count(&self.counters.log_errors);
                tracing::error!(%problem, "the log cannot be read for sessions that are behind");
                None
            }
        }
    }

    /// Queues the next entries for a session; false when it is done for now.
    fn read_session(&self, session: &Arc<Session>, now: Timestamp) -> bool {
        let (next, connection) = {
            let mut state = session.state.lock();
            let connection = state.attached().map(|online| online.link.id);
            let full = state.outbound.queue.len() > self.config.limits.queued_messages / 2;
            if connection.is_none() || state.over || state.outbound.live || full {
                state.outbound.reading = false;
                return false;
            }
            (state.outbound.next, connection)
        };
        let Some((entries, after)) = self.read_from(next) else {
            session.state.lock().outbound.reading = false;
            return false;
        };
        let at_end = entries.is_empty() && after == next;
        // Whether the session has seen everything is decided while nothing can be routed.
        let routing = at_end.then(|| self.routing.lock());
        let mut state = session.state.lock();
        if state.attached().map(|online| online.link.id) != connection || state.outbound.next != next {
            return true;
        }
        if routing.is_some() && next >= self.routed_next() {
            state.outbound.live = true;
            state.outbound.reading = false;
            return false;
        }
        drop(routing);
        let oldest = now - self.config.limits.queued_age;
        for entry in entries.iter().filter(|entry| entry.qos > 0) {
            let message = Arc::new(Message::from_entry(entry).0);
            if message.received < oldest {
                count(&self.counters.dropped_behind);
            } else if message.is_expired(now) {
                count(&self.counters.dropped_expired);
            } else if let Some(delivery) = self.wanted(session, &state, &message) {
                state.outbound.push(delivery);
            }
        }
        state.outbound.next = after;
        self.pump(session, &mut state, now);
        true
    }

    /// Gives the next entries to members of a group; false when it is done for now.
    fn read_group(&self, group: &Arc<Group>, now: Timestamp) -> bool {
        let next = {
            let state = group.state.lock();
            if state.live || state.members.is_empty() {
                return false;
            }
            state.next
        };
        let Some((entries, after)) = self.read_from(next) else { return false };
        let at_end = entries.is_empty() && after == next;
        let routing = at_end.then(|| self.routing.lock());
        let mut state = group.state.lock();
        if state.next != next || state.live {
            return true;
        }
        if routing.is_some() && next >= self.routed_next() {
            state.live = true;
            return false;
        }
        drop(routing);
        for entry in entries {
            let (message, _) = Message::from_entry(&entry);
            let done = message.qos == 2 && message.position < state.exactly_next;
            let wanted = message.qos > 0 && !done && !message.is_expired(now);
            if wanted && model::topic::matches(&group.filter, &message.topic) {
                let message = Arc::new(message);
                if !self.give(&mut state, &message, Some(&message), now) {
                    state.next = entry.position;
                    self.reads.group_fell_behind(group);
                    return false;
                }
            }
            state.next = entry.position.next();
        }
        state.next = state.next.max(after);
        true
    }
}
