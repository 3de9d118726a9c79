//! What the caller of a broker supplies: who somebody is, and who wants to know of comings and goings.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use model::{Principal, Timestamp};

use crate::codec::{ReasonCode, Version};

/// The way a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket, with or without TLS.
    WebSocket,
    /// In this process.
    Local,
}

/// The other end of a connection, as far as it is known before it says anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address; none in memory.
    pub address: Option<SocketAddr>,
    /// The way it came.
    pub transport: Transport,
    /// Its own certificate (DER), when TLS has verified one.
    pub certificate: Option<Arc<[u8]>>,
    /// Who it is, when that is settled without credentials: [`Authenticate`] is then not asked.
    pub principal: Option<Principal>,
}

impl Peer {
    /// A peer that came by network.
    pub fn remote(address: SocketAddr, transport: Transport) -> Self {
        Self { address: Some(address), transport, certificate: None, principal: None }
    }

    /// A part of this process, known to be `principal`.
    pub fn local(principal: Principal) -> Self {
        Self { address: None, transport: Transport::Local, certificate: None, principal: Some(principal) }
    }
}

/// What a client shows when it connects.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Its client id; empty when it wants one assigned.
    pub client_id: Arc<str>,
    /// The user name.
    pub username: Option<String>,
    /// The password; MQTT allows any bytes.
    pub password: Option<Vec<u8>>,
    /// The version it speaks.
    pub version: Version,
    /// Where it came from, with its certificate.
    pub peer: Peer,
}

/// The future of an authentication.
pub type Authentication<'a> = Pin<Box<dyn Future<Output = Result<Principal, ReasonCode>> + Send + 'a>>;

/// Decides who a client is. Supplied by whoever owns credentials.
pub trait Authenticate: Send + Sync {
    /// The principal behind these credentials, or the reason to refuse: [`ReasonCode::BadUserNameOrPassword`],
    /// [`ReasonCode::NotAuthorized`], [`ReasonCode::Banned`], [`ReasonCode::ServerBusy`], ...
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> Authentication<'a>;
}

/// Lets everybody in as one and the same principal.
#[derive(Debug, Clone)]
pub struct Everybody(pub Principal);

impl Authenticate for Everybody {
    fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> Authentication<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said DISCONNECT.
    Client,
    /// The connection broke.
    Lost,
    /// The client was silent for longer than its keepalive allows.
    Silent,
    /// A newer connection took its client id over. The session goes on with that one.
    TakenOver,
    /// We ended it: a protocol error, a limit, an administrator, or the end of the broker.
    Server(ReasonCode),
}

/// One client that is or was connected.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its client id.
    pub client_id: Arc<str>,
    /// Who it is.
    pub principal: Principal,
    /// Counts connections: the later one of two with the same client id has the greater number.
    pub connection: u64,
    /// The version it speaks.
    pub version: Version,
    /// Where it came from.
    pub address: Option<SocketAddr>,
    /// The way it came.
    pub transport: Transport,
    /// When it connected.
    pub since: Timestamp,
    /// The keepalive that holds, in seconds; 0 is none.
    pub keep_alive_seconds: u16,
    /// Whether its session outlives the connection.
    pub persistent: bool,
}

/// Hears of comings and goings. Called by the thread that serves the connection: be quick and never block. It may
/// publish ([`crate::Broker::publish`]) but not ask for clients or disconnect them: the registry is locked.
///
/// The `connected` of a connection always comes before its `disconnected`; a takeover gives the `disconnected` of the
/// old connection ([`Ending::TakenOver`]) before the `connected` of the new one.
pub trait Observe: Send + Sync {
    /// A client was accepted.
    fn connected(&self, client: &Client);
    /// It is gone. `at` is when.
    fn disconnected(&self, client: &Client, ending: Ending, at: Timestamp);
}

/// Wants to know nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observe for Nobody {
    fn connected(&self, _client: &Client) {}
    fn disconnected(&self, _client: &Client, _ending: Ending, _at: Timestamp) {}
}
