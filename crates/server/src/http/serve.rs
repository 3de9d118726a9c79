//! Listeners: accepting, TLS, HTTP/1.1, draining. Own loop, because a slow client must not hold up the others: TLS
//! handshakes and request heads have time limits, and connections are counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::Peer;

/// Open HTTP connections, WebSockets included; one more waits to be accepted.
pub const CONNECTIONS_MAX: usize = 4_096;

/// How long a TLS handshake may take.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How long the head of a request may take, and how long an idle connection is kept.
pub const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// How long to wait when accepting fails: usually there are no file descriptors left.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Everything that serves HTTP.
#[derive(Debug, Clone)]
pub struct HttpServer {
    router: Router,
    places: Arc<Semaphore>,
    connections: TaskTracker,
    draining: CancellationToken,
}

/// A listener that accepts until it is closed.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    closing: CancellationToken,
    accepting: tokio::task::JoinHandle<()>,
}

impl Listening {
    /// Stops accepting and frees the port. Open connections go on.
    pub async fn close(self) {
        self.closing.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "a listener failed");
        }
    }
}

impl HttpServer {
    /// Serves `router`. When `draining` is cancelled, connections end after the answer they are at.
    pub fn new(router: Router, draining: CancellationToken) -> Self {
        Self { router, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), connections: TaskTracker::new(), draining }
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Accepts connections on `listener` from now on.
    pub fn listen(&self, listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>) -> std::io::Result<Listening> {
        let address = listener.local_addr()?;
        let closing = self.draining.child_token();
        let accepting = tokio::spawn(self.clone().accept(listener, tls.map(TlsAcceptor::from), closing.clone()));
        Ok(Listening { address, closing, accepting })
    }

    /// Waits until every connection has ended, at most `patience`. True when all have.
    pub async fn drained(&self, patience: Duration) -> bool {
        self.connections.close();
        tokio::time::timeout(patience, self.connections.wait()).await.is_ok()
    }

    async fn accept(self, listener: TcpListener, tls: Option<TlsAcceptor>, closing: CancellationToken) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            let accepted = async {
                let place = place.await.expect("the semaphore is never closed");
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = closing.cancelled() => return,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let (server, tls) = (self.clone(), tls.clone());
                    self.connections.spawn(async move {
                        server.serve(stream, address, tls).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay could not be set");
        }
        let Some(tls) = tls else {
            return self.speak(stream, Peer { address, secure: false }).await;
        };
        match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream, Peer { address, secure: true }).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        }
    }

    async fn speak<Stream>(&self, stream: Stream, peer: Peer)
    where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(address = %peer.address, %error, "connection ended");
        }
    }
}
