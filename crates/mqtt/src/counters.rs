//! What the broker counts, for `/metrics` and `$SYS`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// It only grows until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One figure with its name and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Snake case, without prefix.
    pub name: &'static str,
    /// The value now.
    pub value: u64,
    /// What it means, one line.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: CounterKind,
}

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $kind:ident $name:ident),+ $(,)?) => {
        /// Everything that the broker counts. Relaxed atomics: cheap, and exact once nothing moves.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $help])+ pub $name: AtomicU64,)+
        }

        impl Counters {
            /// All figures as they are now, in the order in which they are declared.
            pub fn snapshot(&self) -> Vec<Figure> {
                vec![$(Figure {
                    name: stringify!($name),
                    value: self.$name.load(Ordering::Relaxed),
                    help: concat!($($help),+).trim_ascii(),
                    kind: CounterKind::$kind,
                }),+]
            }
        }
    };
}

counters! {
    /// Connections that are open.
    Gauge connections,
    /// Connections that were opened.
    Counter connections_opened,
    /// Connections closed because there were too many, or too many new ones from one address.
    Counter connections_refused,
    /// CONNECT packets that were refused.
    Counter connects_refused,
    /// Connections closed because the client broke the protocol.
    Counter protocol_errors,
    /// Connections closed because the client was silent for too long.
    Counter keepalive_timeouts,
    /// Connections replaced by a newer one with the same client id.
    Counter takeovers,
    /// Clients with a session, online.
    Gauge clients,
    /// Persistent sessions, online or not.
    Gauge sessions,
    /// Sessions that expired.
    Counter sessions_expired,
    /// Offline sessions forgotten because there were too many.
    Counter sessions_evicted,
    /// Subscriptions of all sessions.
    Gauge subscriptions,
    /// Retained messages.
    Gauge retained_messages,
    /// Bytes of retained messages, topics included.
    Gauge retained_bytes,
    /// Retained messages not kept because there were too many.
    Counter retained_dropped,
    /// Bytes read from clients.
    Counter bytes_received,
    /// Bytes written to clients.
    Counter bytes_sent,
    /// PUBLISH packets accepted from clients.
    Counter messages_received,
    /// PUBLISH packets sent to clients.
    Counter messages_sent,
    /// PUBLISH packets refused because the client may not publish there.
    Counter publishes_denied,
    /// Subscriptions refused because the client may not subscribe there.
    Counter subscribes_denied,
    /// Messages kept from a client because it may not receive them.
    Counter deliveries_denied,
    /// QoS 0 messages dropped because the client reads too slowly.
    Counter dropped_slow,
    /// Messages dropped because the session's queue was full and they are not on the log.
    Counter dropped_queue_full,
    /// Messages not sent because they are larger than the client accepts.
    Counter dropped_too_large,
    /// Messages not delivered because they expired first.
    Counter dropped_expired,
    /// Entries that a session missed because the log no longer keeps them, or they were too old or too many.
    Counter dropped_behind,
    /// Times that a session's queue was full and it went on from the log.
    Counter sessions_fell_behind,
    /// Times that a connection's reading was held up because the log or an acknowledgement was behind.
    Counter reads_held_up,
    /// Entries that the log refused; the publisher got no acknowledgement.
    Counter log_errors,
    /// Changes that the state refused; the connections concerned were closed.
    Counter state_errors,
    /// Will messages published.
    Counter wills_published,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds `amount`.
pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}

/// Takes `amount` off a gauge.
pub(crate) fn sub(counter: &AtomicU64, amount: usize) {
    counter.fetch_sub(amount as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_everything_once() {
        let counters = Counters::default();
        count(&counters.clients);
        add(&counters.clients, 2);
        sub(&counters.clients, 1);
        let figures = counters.snapshot();
        let clients = figures.iter().find(|figure| figure.name == "clients").unwrap();
        assert_eq!((clients.value, clients.kind), (2, CounterKind::Gauge));
        assert_eq!(clients.help, "Clients with a session, online.");
        let names: std::collections::BTreeSet<_> = figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), figures.len());
    }
}
