//! Listeners: TCP, TLS and WebSocket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
use crate::counters::count;
use crate::hooks::{Authenticate, Peer, Transport};
use crate::serve::serve;
use crate::websocket;

/// Silence after which the system asks whether the other end is still there: NATs forget connections without a word.
const TCP_KEEPALIVE_AFTER: Duration = Duration::from_mins(1);

/// How often it asks again.
const TCP_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How long to wait when no connection can be accepted (too many open files).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What every listener shares.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) core: Arc<Core>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// What is spoken on a listener below MQTT.
#[derive(Clone)]
pub(crate) enum Below {
    Tcp,
    Tls(TlsAcceptor),
    WebSocket,
}

impl Host {
    /// Binds an address and serves it until the broker stops.
    pub(crate) async fn listen(self, address: SocketAddr, below: Below) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        tokio::spawn(self.accept(listener, below));
        Ok(bound)
    }

    async fn accept(mut self, listener: TcpListener, below: Below) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, address)) if self.admits(address) => {
                    tokio::spawn(self.clone().serve_tcp(stream, address, below.clone()));
                }
                Ok(_) => count(&self.core.counters.connections_refused),
                Err(problem) => {
                    tracing::warn!(%problem, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Whether one more connection may come from there.
    pub(crate) fn admits(&self, address: SocketAddr) -> bool {
        let limits = &self.core.config.limits;
        self.core.counters.connections.load(Ordering::Relaxed) < limits.connections as u64
            && self.core.rates.admit(address.ip(), limits.connects_per_address_per_second, self.core.clock.now())
    }

    async fn serve_tcp(self, stream: TcpStream, address: SocketAddr, below: Below) {
        let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE_AFTER).with_interval(TCP_KEEPALIVE_INTERVAL);
        let set = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive));
        if let Err(problem) = set {
            tracing::debug!(%address, %problem, "a connection was gone before it was served");
            return;
        }
        let patience = Duration::from_secs(self.core.config.limits.connect_seconds.into());
        match below {
            Below::Tcp => serve(self.core, self.authenticate, stream, Peer::remote(address, Transport::Tcp)).await,
            Below::Tls(acceptor) => {
                // The handshake's future is large; it is gone once the connection is served.
                let handshake = Box::pin(tokio::time::timeout(patience, acceptor.accept(stream)));
                match handshake.await {
                    Ok(Ok(stream)) => {
                        let certificates = stream.get_ref().1.peer_certificates();
                        let certificate = certificates.and_then(<[_]>::first).map(|first| Arc::from(first.as_ref()));
                        let peer = Peer { certificate, ..Peer::remote(address, Transport::Tls) };
                        Box::pin(serve(self.core, self.authenticate, stream, peer)).await;
                    }
                    Ok(Err(problem)) => tracing::debug!(%address, %problem, "a TLS handshake failed"),
                    Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
                }
            }
            Below::WebSocket => {
                let limit = self.core.config.limits.packet_bytes as usize;
                let handshake = Box::pin(tokio::time::timeout(patience, websocket::accept(stream, limit)));
                match handshake.await {
                    Ok(Ok(stream)) => {
                        let peer = Peer::remote(address, Transport::WebSocket);
                        Box::pin(serve(self.core, self.authenticate, stream, peer)).await;
                    }
                    Ok(Err(problem)) => tracing::debug!(%address, %problem, "a WebSocket handshake failed"),
                    Err(_) => tracing::debug!(%address, "a WebSocket handshake took too long"),
                }
            }
        }
    }
}
