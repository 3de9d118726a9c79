//! The MQTT broker: 3.1, 3.1.1 and 5 on one port, standing on the log and the state.
//!
//! **Invariant:** what was acknowledged with QoS 1 or 2 was durable on the log before.
//!
//! **Invariant:** there is one durable queue, the log. A session that is away or slow is a cursor into it.

mod broker;
mod channel;
pub mod codec;
mod config;
mod core;
mod counters;
mod deliver;
mod hooks;
mod link;
mod listen;
mod message;
mod opening;
mod persist;
mod publish;
mod rate;
mod reads;
mod registry;
mod retained;
mod router;
mod rows;
mod serve;
mod session;
mod share;
mod subscribe;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod websocket;

pub use broker::{Broker, Parts, Publish, PublishError, StartError};
pub use codec::{ReasonCode, Version};
pub use config::{Config, Limits};
pub use counters::{CounterKind, Counters, Figure};
pub use hooks::{
    Authenticate, Authentication, Client, Credentials, Ending, Everybody, Nobody, Observe, Peer, Transport,
};
pub use rows::decode_any_row;
