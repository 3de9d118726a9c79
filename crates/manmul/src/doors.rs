//! The listeners: on loopback only until somebody owns the installation, then as configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use mqtt::{Broker, Peer, Transport};
use parking_lot::Mutex;
use rustls::ServerConfig;
use server::api::system::ListenerInfo;
use server::http::serve::{HttpServer, Listening};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How often binding is tried again after a loopback listener on the same port was closed.
const BIND_ATTEMPTS: u32 = 20;

/// How long to wait between attempts.
const BIND_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// Where the program listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    /// Pages and API.
    pub http: Option<SocketAddr>,
    /// Pages and API over TLS.
    pub https: Option<SocketAddr>,
    /// MQTT.
    pub mqtt: Option<SocketAddr>,
    /// MQTT over TLS.
    pub mqtts: Option<SocketAddr>,
}

impl Addresses {
    /// As the system page shows them.
    pub(crate) fn infos(&self) -> Vec<ListenerInfo> {
        let all = [("http", self.http), ("https", self.https), ("mqtt", self.mqtt), ("mqtts", self.mqtts)];
        let info = |(protocol, address): (&'static str, Option<SocketAddr>)| {
            Some(ListenerInfo { protocol, address: address?.to_string() })
        };
        all.into_iter().filter_map(info).collect()
    }
}

/// What listeners are opened with.
pub(crate) struct Doors {
    pub(crate) server: HttpServer,
    pub(crate) broker: Broker,
    pub(crate) configured: Addresses,
    pub(crate) https: Option<Arc<ServerConfig>>,
    pub(crate) mqtts: Option<Arc<ServerConfig>>,
    /// Cancelled when the program drains.
    closing: CancellationToken,
    open: tokio::sync::Mutex<Open>,
    addresses: Mutex<Addresses>,
}

#[derive(Default)]
struct Open {
    http: Vec<Listening>,
    guarded_mqtt: Option<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

impl Doors {
    pub(crate) fn new(
        server: HttpServer,
        broker: Broker,
        config: &Config,
        https: Option<Arc<ServerConfig>>,
        mqtts: Option<Arc<ServerConfig>>,
        closing: CancellationToken,
    ) -> Self {
        let configured = Addresses {
            http: config.http.listen.0,
            https: config.http.tls_listen.0.filter(|_| https.is_some()),
            mqtt: config.mqtt.listen.0,
            mqtts: config.mqtt.tls_listen.0.filter(|_| mqtts.is_some()),
        };
        Self {
            server,
            broker,
            configured,
            https,
            mqtts,
            closing,
            open: tokio::sync::Mutex::default(),
            addresses: Mutex::default(),
        }
    }

    /// Where the program listens now.
    pub(crate) fn addresses(&self) -> Addresses {
        *self.addresses.lock()
    }

    /// Opens everything on loopback: nobody from elsewhere can come before there is an owner. TLS for MQTT waits until
    /// then, because the broker's own listeners cannot be closed again.
    pub(crate) async fn open_guarded(&self) -> anyhow::Result<()> {
        let mut open = self.open.lock().await;
        let mut addresses = Addresses::default();
        let loopback = |address: Option<SocketAddr>| address.map(loopback_of);
        addresses.http = self.open_http(&mut open, loopback(self.configured.http), None).await?;
        addresses.https = self.open_http(&mut open, loopback(self.configured.https), self.https.clone()).await?;
        if let Some(address) = loopback(self.configured.mqtt) {
            let listener = bind(address).await.with_context(|| format!("cannot listen at {address} for MQTT"))?;
            addresses.mqtt = Some(listener.local_addr()?);
            let stop = self.closing.child_token();
            let accepting = tokio::spawn(accept_mqtt(listener, self.broker.clone(), stop.clone()));
            open.guarded_mqtt = Some((stop, accepting));
        }
        *self.addresses.lock() = addresses;
        Ok(())
    }

    /// Opens everything as configured, and closes the loopback listeners. Ports that were picked stay, and so do
    /// listeners that are where they shall be.
    pub(crate) async fn open_configured(&self) -> anyhow::Result<()> {
        let mut open = self.open.lock().await;
        let before = self.addresses();
        let wanted = Addresses {
            http: with_port_of(self.configured.http, before.http),
            https: with_port_of(self.configured.https, before.https),
            mqtt: with_port_of(self.configured.mqtt, before.mqtt),
            mqtts: self.configured.mqtts,
        };
        let stays = |listening: &Listening| [wanted.http, wanted.https].contains(&Some(listening.address));
        let (staying, leaving): (Vec<_>, Vec<_>) = open.http.drain(..).partition(stays);
        open.http = staying;
        for listening in leaving {
            listening.close().await;
        }
        if let Some((stop, accepting)) = open.guarded_mqtt.take() {
            stop.cancel();
            accepting.await?;
        }
        let mut addresses = Addresses {
            http: self.open_http(&mut open, wanted.http, None).await?,
            https: self.open_http(&mut open, wanted.https, self.https.clone()).await?,
            ..Addresses::default()
        };
        let for_mqtt = |address: SocketAddr| move || format!("cannot listen at {address} for MQTT{IN_USE}");
        if let Some(address) = wanted.mqtt {
            addresses.mqtt = Some(self.broker.listen_tcp(address).await.with_context(for_mqtt(address))?);
        }
        if let (Some(address), Some(tls)) = (wanted.mqtts, &self.mqtts) {
            let listening = self.broker.listen_tls(address, Arc::clone(tls)).await;
            addresses.mqtts = Some(listening.with_context(for_mqtt(address))?);
        }
        *self.addresses.lock() = addresses;
        Ok(())
    }

    /// Listens for HTTP at an address, unless that is open already. Returns the address.
    async fn open_http(
        &self,
        open: &mut Open,
        address: Option<SocketAddr>,
        tls: Option<Arc<ServerConfig>>,
    ) -> anyhow::Result<Option<SocketAddr>> {
        let Some(address) = address else { return Ok(None) };
        if open.http.iter().all(|listening| listening.address != address) {
            open.http.push(self.listen(address, tls).await?);
            return Ok(open.http.last().map(|listening| listening.address));
        }
        Ok(Some(address))
    }

    async fn listen(&self, address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> anyhow::Result<Listening> {
        let listener = bind(address).await.with_context(|| format!("cannot listen at {address} for HTTP{IN_USE}"))?;
        Ok(self.server.listen(listener, tls)?)
    }
}

/// What to do when a port is taken.
const IN_USE: &str = "\nhint: another program may have the port; choose another one with http.listen or mqtt.listen";

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let mut attempt = 1;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && attempt < BIND_ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(BIND_AGAIN_AFTER).await;
            }
            bound => return bound,
        }
    }
}

fn loopback_of(address: SocketAddr) -> SocketAddr {
    if address.ip().is_loopback() {
        return address;
    }
    let ip = match address.ip() {
        IpAddr::V6(ip) if !ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

fn with_port_of(configured: Option<SocketAddr>, before: Option<SocketAddr>) -> Option<SocketAddr> {
    let mut address = configured?;
    if let (0, Some(before)) = (address.port(), before) {
        address.set_port(before.port());
    }
    Some(address)
}

async fn accept_mqtt(listener: TcpListener, broker: Broker, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let broker = broker.clone();
                    tokio::spawn(async move { broker.serve(stream, Peer::remote(address, Transport::Tcp)).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "an MQTT connection could not be accepted");
                    tokio::time::sleep(BIND_AGAIN_AFTER).await;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_there_is_an_owner_every_address_is_loopback() {
        let guarded = |text: &str| loopback_of(text.parse().unwrap()).to_string();
        assert_eq!(guarded("0.0.0.0:7700"), "127.0.0.1:7700");
        assert_eq!(guarded("192.168.1.5:7700"), "127.0.0.1:7700");
        assert_eq!(guarded("[::]:7700"), "127.0.0.1:7700");
        assert_eq!(guarded("[2001:db8::1]:7700"), "[::1]:7700");
        assert_eq!(guarded("127.0.0.2:7700"), "127.0.0.2:7700");
    }

    #[test]
    fn a_port_that_was_picked_stays() {
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(with_port_of(at("0.0.0.0:0"), at("127.0.0.1:5")), at("0.0.0.0:5"));
        assert_eq!(with_port_of(at("0.0.0.0:6"), at("127.0.0.1:5")), at("0.0.0.0:6"));
        assert_eq!(with_port_of(None, at("127.0.0.1:5")), None);
    }
}
