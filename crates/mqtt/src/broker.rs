//! The broker as its callers see it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Cause, Clock, Position, Principal};
use parking_lot::Mutex;
use store::{Log, State};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::codec::ReasonCode;
use crate::config::Config;
use crate::core::Core;
use crate::counters::{Counters, count};
use crate::hooks::{Authenticate, Client, Ending, Observe, Peer};
use crate::listen::{Below, Host};
use crate::message::Message;
use crate::serve::serve;
use crate::tasks;
use crate::websocket;

/// Bytes on their way between this process and a client in it.
const LOCAL_LINK_BYTES: usize = 64 * 1024;

/// How often [`Broker::drain`] looks whether everybody has gone.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

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

/// The broker. Cheap to clone; all clones are the same broker. It ends when the last clone is dropped.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

struct Inner {
    host: Host,
    stop: watch::Sender<bool>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.host.core.jobs.close();
        self.host.core.reads.close();
    }
}

impl Broker {
    /// Restores sessions and retained messages and starts the broker's tasks. Blocks while it reads; call it inside a
    /// tokio runtime.
    pub fn start(config: Config, parts: Parts) -> Result<Self, StartError> {
        let authenticate = Arc::clone(&parts.authenticate);
        let core = Core::new(config, parts)?;
        let (stop, stopped) = watch::channel(false);
        let threads = tasks::spawn(&core, &stopped);
        let host = Host { core, authenticate, stop: stopped };
        Ok(Self { inner: Arc::new(Inner { host, stop, threads: Mutex::new(threads) }) })
    }

    fn core(&self) -> &Arc<Core> {
        &self.inner.host.core
    }

    /// Listens for plain MQTT; returns the bound address (port 0 picks one).
    pub async fn listen_tcp(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.inner.host.clone().listen(address, Below::Tcp).await
    }

    /// Listens for MQTT over TLS.
    pub async fn listen_tls(&self, address: SocketAddr, tls: Arc<rustls::ServerConfig>) -> io::Result<SocketAddr> {
        self.inner.host.clone().listen(address, Below::Tls(TlsAcceptor::from(tls))).await
    }

    /// Listens for MQTT over WebSocket (any path, subprotocol `mqtt`).
    pub async fn listen_websocket(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.inner.host.clone().listen(address, Below::WebSocket).await
    }

    /// Serves one client on a link that carries MQTT bytes, until it ends.
    pub async fn serve<L: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, link: L, peer: Peer) {
        let host = self.inner.host.clone();
        if peer.address.is_some_and(|address| !host.admits(address)) || *host.stop.borrow() {
            count(&host.core.counters.connections_refused);
            return;
        }
        serve(host.core, host.authenticate, link, peer).await;
    }

    /// Serves one client on a stream of WebSocket frames that carry MQTT bytes: what is left of an HTTP upgrade once
    /// the subprotocol `mqtt` was agreed.
    pub async fn serve_websocket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, upgraded: S, peer: Peer) {
        let limit = self.core().config.limits.packet_bytes as usize;
        self.serve(websocket::upgraded(upgraded, limit).await, peer).await;
    }

    /// A link for a client inside this process: the far end of an ordinary connection whose principal is settled. The
    /// client speaks MQTT over it like any other, its CONNECT included; [`crate::codec`] reads and writes packets.
    pub fn connect_local(&self, principal: Principal) -> DuplexStream {
        let (far, near) = tokio::io::duplex(LOCAL_LINK_BYTES);
        let host = self.inner.host.clone();
        tokio::spawn(serve(host.core, host.authenticate, near, Peer::local(principal)));
        far
    }

    /// Publishes a message of our own: appended to the log and routed once it is durable (QoS 0: at once). Returns its
    /// position without waiting for the disk; [`Position::START`] for topics that start with `$`, which are not logged.
    pub fn publish(&self, message: Publish, cause: Cause) -> Result<Position, PublishError> {
        if !model::topic::is_topic(&message.topic) {
            return Err(PublishError::Topic(message.topic.to_string()));
        }
        let core = self.core();
        let now = core.clock.now();
        let message = Message {
            position: Position::START,
            topic: message.topic,
            payload: message.payload,
            qos: message.qos.min(2),
            retain: message.retain,
            received: now,
            expiry_seconds: message.expiry_seconds,
            properties: Bytes::new(),
            client: Arc::from(CLIENT_OURSELVES),
        };
        let position = core.accept(message, cause, None, now)?;
        core.route_durable(now);
        Ok(position)
    }

    /// The retained messages on topics that match a filter: topic and payload.
    pub fn retained(&self, filter: &str) -> Vec<(Arc<str>, Bytes)> {
        let core = self.core();
        let messages = core.retained.matching(filter, core.clock.now());
        messages.iter().map(|message| (Arc::clone(&message.topic), message.payload.clone())).collect()
    }

    /// The clients that are connected now.
    pub fn clients(&self) -> Vec<Client> {
        let sessions = self.core().registry.lock().all();
        let clients = sessions.iter().filter_map(|session| {
            let state = session.state.lock();
            state.online.as_ref().map(|online| (*online.client).clone())
        });
        clients.collect()
    }

    /// Ends a client's connection; true when there was one.
    pub fn disconnect(&self, client_id: &str, reason: ReasonCode) -> bool {
        let session = self.core().registry.lock().find(client_id);
        session.is_some_and(|session| {
            let state = session.state.lock();
            state.online.as_ref().map(|online| online.link.end(Ending::Server(reason))).is_some()
        })
    }

    /// Ends every connection of a principal (its credential was withdrawn); returns how many there were.
    pub fn disconnect_principal(&self, principal: &Principal, reason: ReasonCode) -> usize {
        let owner = principal.to_string();
        let clients = self.clients();
        let theirs = clients.iter().filter(|client| client.principal.to_string() == owner);
        theirs.filter(|client| self.disconnect(&client.client_id, reason)).count()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.core().counters
    }

    /// The oldest log entry that a restart would still need: `needed_from` of the log's retention.
    pub fn needed_from(&self) -> Position {
        Position(self.core().saved_checkpoint.load(std::sync::atomic::Ordering::Acquire))
    }

    /// Stops accepting, says goodbye to every client (0x8B), writes everything down and ends the broker's tasks.
    /// What has not ended after `patience` is cut off.
    pub async fn drain(&self, patience: Duration) {
        self.inner.stop.send_replace(true);
        for client in self.clients() {
            self.disconnect(&client.client_id, ReasonCode::ServerShuttingDown);
        }
        let counters = self.counters();
        let gone = async {
            while counters.connections.load(std::sync::atomic::Ordering::Acquire) > 0 {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        if tokio::time::timeout(patience, gone).await.is_err() {
            tracing::info!("some connections did not close in time and are cut off");
        }
        self.core().jobs.close();
        self.core().reads.close();
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        let ended = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        if !matches!(ended.await, Ok(true)) {
            tracing::error!("a thread of the broker panicked");
        }
    }
}

/// The client that our own messages come from.
const CLIENT_OURSELVES: &str = "manmul";
