//! What a broker is told when it starts: its limits, each with what happens when it is reached.

use std::time::Duration;

/// Every bound of the broker. What lies beyond a bound is refused or dropped as the field says, and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; one more is closed at once. Default 100,000.
    pub connections: usize,
    /// Open connections of one principal; one more is refused with 0x97. Default 10,000.
    pub connections_per_principal: usize,
    /// New connections a second from one address, with bursts of ten times that; one more is closed at once. 0 is no
    /// limit. Default 1,000.
    pub connects_per_address_per_second: u32,
    /// Seconds that a client has for its CONNECT; then it is closed. Default 10.
    pub connect_seconds: u32,
    /// Persistent sessions kept; beyond, the one that has been offline for longest is forgotten, and when none is
    /// offline the newcomer is refused with 0x97. Default 100,000.
    pub sessions: usize,
    /// Persistent sessions of one principal; one more is refused with 0x97. Default 20,000.
    pub sessions_per_principal: usize,
    /// Longest time that a session outlives its connection, in seconds; longer wishes are shortened (and told so in
    /// MQTT 5). Default 30 days.
    pub session_expiry_seconds: u32,
    /// Longest client id in bytes; longer ones are refused with 0x85. Default 256.
    pub client_id_bytes: usize,
    /// Largest packet accepted in bytes; larger ones close the connection with 0x95. Default 1 MiB.
    pub packet_bytes: u32,
    /// Levels of a topic or filter; more close the connection with 0x90 or are refused with 0x8F. Default 128.
    pub topic_levels: usize,
    /// Subscriptions of one session; one more is refused with 0x97. Default 1,000.
    pub subscriptions_per_session: usize,
    /// QoS 1 and 2 messages that a client may have unacknowledged towards us (receive maximum); more close an MQTT 5
    /// connection with 0x93, and slow down a 3.1.1 connection. Default 1,024.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages in flight to one client, if it allows as many; more wait. Default 256.
    pub inflight: u16,
    /// Messages that wait in memory for one session; beyond, they are read from the log again when there is room
    /// (and dropped when they are not on the log). Default 1,000.
    pub queued_messages: usize,
    /// Bytes that wait in memory for one session; as above. Default 1 MiB.
    pub queued_bytes: usize,
    /// How far a session may fall behind on the log, in entries; older ones are skipped. Default 10,000,000.
    pub queued_window_entries: u64,
    /// How old an entry may be that is still delivered to a session that was away; older ones are skipped.
    /// Default 30 days.
    pub queued_age: Duration,
    /// Bytes written to one connection that the network has not taken; beyond, QoS 0 messages are dropped and others
    /// wait. Default 4 MiB.
    pub outgoing_bytes: usize,
    /// Retained messages; a new topic beyond is not retained. Default 1,000,000.
    pub retained_messages: usize,
    /// Bytes of retained messages, topics included; as above. Default 1 GiB.
    pub retained_bytes: usize,
    /// Topic aliases that a client may set, and that we set at most for it. Default 32.
    pub topic_aliases: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_principal: 10_000,
            connects_per_address_per_second: 1_000,
            connect_seconds: 10,
            sessions: 100_000,
            sessions_per_principal: 20_000,
            session_expiry_seconds: 30 * 24 * 3600,
            client_id_bytes: 256,
            packet_bytes: 1024 * 1024,
            topic_levels: 128,
            subscriptions_per_session: 1_000,
            receive_maximum: 1_024,
            inflight: 256,
            queued_messages: 1_000,
            queued_bytes: 1024 * 1024,
            queued_window_entries: 10_000_000,
            queued_age: Duration::from_hours(30 * 24),
            outgoing_bytes: 4 * 1024 * 1024,
            retained_messages: 1_000_000,
            retained_bytes: 1024 * 1024 * 1024,
            topic_aliases: 32,
        }
    }
}

/// What a broker is told when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The bounds.
    pub limits: Limits,
    /// Longest keepalive that an MQTT 5 client may have, in seconds; it is told to use this one instead of a longer
    /// one or none. 0 leaves it to the client. Default 0.
    pub keep_alive_seconds_max: u16,
    /// How often changed cursors and retained messages are written down. What came later is read from the log again
    /// after a crash. Default 5 s.
    pub checkpoint_interval: Duration,
    /// How often `$SYS` topics are published; zero is never. Default 10 s.
    pub sys_interval: Duration,
    /// What assigned client ids are drawn from.
    pub seed: [u8; 32],
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            keep_alive_seconds_max: 0,
            checkpoint_interval: Duration::from_secs(5),
            sys_interval: Duration::from_secs(10),
            seed: [0; 32],
        }
    }
}
