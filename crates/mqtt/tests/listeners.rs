//! The thin layer around the core: real sockets, TLS, WebSocket, links in this process, the end of the broker.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use model::access::{TopicGrant, TopicRules};
use model::{Cause, CauseKind, Principal, WallClock};
use mqtt::codec::{Connect, Packet, Properties, Subscribe, encode};
use mqtt::{Broker, Config, Everybody, Nobody, Parts, Publish, ReasonCode, Version};
use store::log::MemoryLog;
use store::state::MemoryState;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn broker() -> Broker {
    let grants = vec![TopicGrant { filter: "#".to_owned(), publish: true, subscribe: true }];
    let rules = TopicRules { grants, ..TopicRules::default() };
    let parts = Parts {
        log: Arc::new(MemoryLog::default()),
        state: Arc::new(MemoryState::new()),
        clock: Arc::new(WallClock),
        authenticate: Arc::new(Everybody(Principal::Anonymous(Arc::new(rules)))),
        observe: Arc::new(Nobody),
    };
    Broker::start(Config::default(), parts).unwrap()
}

/// CONNECT and SUBSCRIBE to `a`.
fn hello(id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive_seconds: 0,
        client_id: id,
        will: None,
        username: None,
        password: None,
        properties: Properties::default(),
    };
    encode(&Packet::Connect(connect), Version::V5, &mut bytes);
    let subscribe = Subscribe { packet_id: 1, properties: Properties::default(), body: &[0, 1, b'a', 1] };
    encode(&Packet::Subscribe(subscribe), Version::V5, &mut bytes);
    bytes
}

/// Reads until `wanted` came.
async fn expect(link: &mut (impl AsyncRead + Unpin), wanted: &[u8]) {
    let mut seen = Vec::new();
    while !seen.windows(wanted.len()).any(|window| window == wanted) {
        let read = timeout(PATIENCE, link.read_buf(&mut seen)).await.expect("it comes in time").unwrap();
        assert!(read > 0, "the link ended after {seen:?}");
    }
}

const SUBACK: &[u8] = &[0x90, 4, 0, 1, 0, 1];
const MESSAGE: &[u8] = b"\x00\x01a\x00\x01\x00hello";
const SHUTTING_DOWN: &[u8] = &[0xE0, 1, 0x8B];

/// Subscribes, gets a message of the broker itself, and is told when the broker goes.
async fn converse(broker: &Broker, mut link: impl AsyncRead + AsyncWrite + Unpin) {
    link.write_all(&hello("c")).await.unwrap();
    expect(&mut link, SUBACK).await;
    assert_eq!(broker.clients().len(), 1);
    let message = Publish {
        topic: Arc::from("a"),
        payload: Bytes::from_static(b"hello"),
        qos: 1,
        retain: false,
        expiry_seconds: None,
    };
    let position = broker.publish(message, Cause::new(CauseKind::System, "test")).unwrap();
    assert_eq!(position.0, 1);
    expect(&mut link, MESSAGE).await;
    let (told, ()) = tokio::join!(expect(&mut link, SHUTTING_DOWN), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        broker.drain(PATIENCE).await;
    });
    let () = told;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_tcp() {
    let broker = broker();
    let address = broker.listen_tcp(ANY_PORT).await.unwrap();
    converse(&broker, tokio::net::TcpStream::connect(address).await.unwrap()).await;
    assert!(broker.clients().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_in_this_process() {
    let broker = broker();
    let link = broker.connect_local(Principal::System);
    converse(&broker, link).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let broker = broker();
    let address = broker.listen_tls(ANY_PORT, Arc::new(config)).await.unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    converse(&broker, connector.connect(name, stream).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket() {
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let broker = broker();
    let address = broker.listen_websocket(ANY_PORT).await.unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/mqtt").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
    let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
    // A packet may be cut anywhere.
    for part in hello("c").chunks(7) {
        socket.send(Message::Binary(Bytes::copy_from_slice(part))).await.unwrap();
    }
    let mut seen = Vec::new();
    while !seen.ends_with(SUBACK) {
        let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        seen.extend_from_slice(&message.into_data());
    }
    assert!(broker.disconnect("c", ReasonCode::AdministrativeAction));
    let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(message.into_data(), &[0xE0, 1, 0x98][..]);
}
