//! The broker as its callers see it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Cause, Clock, Position, Principal};
use store::{Log, State};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use crate::codec::ReasonCode;
use crate::config::Config;
use crate::counters::Counters;
use crate::hooks::{Authenticate, Client, Observe, Peer};

/// What a broker stands on.
#[derive(Clone)]
pub struct Parts {
    /// Where messages are kept before they are acknowledged.
    pub log: Arc<dyn Log>,
    /// Where sessions and retained messages are kept.
    pub state: Arc<dyn State>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who may connect.
    pub authenticate: Arc<dyn Authenticate>,
    /// Who hears of comings and goings.
    pub observe: Arc<dyn Observe>,
}

/// A message that Manmul itself publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where.
    pub topic: Arc<str>,
    /// What.
    pub payload: Bytes,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is kept for later subscribers.
    pub retain: bool,
    /// Seconds after which it is not delivered any more.
    pub expiry_seconds: Option<u32>,
}

/// Why a message of our own was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The topic is not one.
    #[error("{0:?} is not a topic that can be published to")]
    Topic(String),
    /// The log did not take it; nothing was published.
    #[error(transparent)]
    Log(#[from] store::log::LogError),
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The sessions or retained messages could not be read.
    #[error("cannot read sessions and retained messages: {0}")]
    State(#[from] store::state::StateError),
    /// The log could not be read.
    #[error("cannot read the log: {0}")]
    Log(#[from] store::log::LogError),
}

/// The broker. Cheap to clone; all clones are the same broker.
#[derive(Clone)]
pub struct Broker {}

impl Broker {
    /// Restores sessions and retained messages and starts the broker's tasks. Blocks while it reads; call it inside a
    /// tokio runtime.
    pub fn start(_config: Config, _parts: Parts) -> Result<Self, StartError> {
        unimplemented!("skeleton")
    }

    /// Listens for plain MQTT; returns the bound address (port 0 picks one).
    pub async fn listen_tcp(&self, _address: SocketAddr) -> io::Result<SocketAddr> {
        unimplemented!("skeleton")
    }

    /// Listens for MQTT over TLS.
    pub async fn listen_tls(&self, _address: SocketAddr, _tls: Arc<rustls::ServerConfig>) -> io::Result<SocketAddr> {
        unimplemented!("skeleton")
    }

    /// Listens for MQTT over WebSocket (any path, subprotocol `mqtt`).
    pub async fn listen_websocket(&self, _address: SocketAddr) -> io::Result<SocketAddr> {
        unimplemented!("skeleton")
    }

    /// Serves one client on a link that carries MQTT bytes, until it ends.
    pub async fn serve<L: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, _link: L, _peer: Peer) {
        unimplemented!("skeleton")
    }

    /// Serves one client on a stream of WebSocket messages that carry MQTT bytes: what is left of an HTTP upgrade
    /// once the subprotocol `mqtt` was agreed.
    pub async fn serve_websocket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, _upgraded: S, _peer: Peer) {
        unimplemented!("skeleton")
    }

    /// A link for a client inside this process: the far end of an ordinary connection whose principal is settled. The
    /// client speaks MQTT over it like any other, its CONNECT included.
    pub fn connect_local(&self, _principal: Principal) -> DuplexStream {
        unimplemented!("skeleton")
    }

    /// Publishes a message of our own: appended to the log and routed once it is durable (QoS 0: at once). Returns its
    /// position without waiting for the disk; [`Position::START`] for topics that start with `$`, which are not logged.
    pub fn publish(&self, _message: Publish, _cause: Cause) -> Result<Position, PublishError> {
        unimplemented!("skeleton")
    }

    /// The clients that are connected now.
    pub fn clients(&self) -> Vec<Client> {
        unimplemented!("skeleton")
    }

    /// Ends a client's connection; true when there was one.
    pub fn disconnect(&self, _client_id: &str, _reason: ReasonCode) -> bool {
        unimplemented!("skeleton")
    }

    /// Ends every connection of a principal (its credential was withdrawn); returns how many there were.
    pub fn disconnect_principal(&self, _principal: &Principal, _reason: ReasonCode) -> usize {
        unimplemented!("skeleton")
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        unimplemented!("skeleton")
    }

    /// The oldest log entry that a restart would still need: `needed_from` of the log's retention.
    pub fn needed_from(&self) -> Position {
        unimplemented!("skeleton")
    }

    /// Stops accepting, says goodbye to every client (0x8B), writes everything down and ends the broker's tasks.
    /// What has not ended after `patience` is cut off.
    pub async fn drain(&self, _patience: Duration) {
        unimplemented!("skeleton")
    }
}
