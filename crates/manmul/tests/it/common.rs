//! A running Manmul and the clients that talk to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use manmul::{Config, Running, assemble};
use model::WallClock;
use mqtt::Version;
use mqtt::codec::{self, Ack, Connect, Packet, Properties, Publish, Subscribe};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::block_in_place;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const PASSWORD: &str = "correct horse";

/// A running Manmul.
pub struct Site {
    pub running: Running,
    pub folder: Arc<TempDir>,
}

/// What an HTTP request was answered with.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}

pub fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.data_directory = folder.join("data");
    let picked = |port: u16| manmul::config::Address(Some(SocketAddr::from(([127, 0, 0, 1], port))));
    config.http.listen = picked(0);
    config.mqtt.listen = picked(0);
    config.http.tls_listen = manmul::config::Address(None);
    config.mqtt.tls_listen = manmul::config::Address(None);
    config
}

impl Site {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    pub async fn start_in(folder: Arc<TempDir>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(folder.path());
        change(&mut config);
        let running = assemble(config, Arc::new(WallClock)).await.unwrap();
        Self { running, folder }
    }

    /// Stops as the program stops, and starts again on the same data.
    pub async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    pub async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::clone(&self.folder);
        self.running.drain().await.unwrap();
        Self::start_in(folder, change).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.http_addr())
    }

    /// A request with these headers.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(&self.url(path), method, headers, body, None)
    }

    /// A request of the local administrator.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_as(&self.running.local_secret, method, path, body)
    }

    /// A request with a token.
    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let json = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &json, text.as_bytes())
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).expect(200)
    }

    /// Makes a thing and returns its secret.
    pub fn thing(&self, id: &str) -> String {
        let made = self.ask("POST", "/api/v1/things", &json!({"id": id})).expect(201);
        made["credential"]["secret"].as_str().unwrap().to_owned()
    }

    /// Looks until what is found at `path` is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = self.ask("GET", path, &Value::Null);
            if found.status == 200 && wanted(&found.json()) {
                return found.json();
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} stays {}", found.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes the owner and returns the answer.
    pub fn set_up(&self) -> Answer {
        let token = self.running.set_up_token.clone().unwrap();
        let body = json!({"token": token, "name": "Kim", "password": PASSWORD, "site_title": "Kim's home"});
        self.json_request("POST", "/api/v1/setup", &body)
    }

    /// A request with a JSON body and nothing else.
    pub fn json_request(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.request(method, path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }
}

pub fn request(url: &str, method: &str, headers: &[(&str, &str)], body: &[u8], certificate: Option<&[u8]>) -> Answer {
    let mut tls = ureq::tls::TlsConfig::builder();
    if let Some(pem) = certificate {
        let certificate = ureq::tls::Certificate::from_pem(pem).unwrap();
        tls = tls.root_certs(ureq::tls::RootCerts::new_with_certs(&[certificate]));
    }
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .tls_config(tls.build())
        .allow_non_standard_methods(true)
        .build()
        .new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    block_in_place(|| {
        let mut response = if body.is_empty() {
            agent.run(request.body(()).unwrap()).unwrap()
        } else {
            agent.run(request.body(body).unwrap()).unwrap()
        };
        let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body: bytes }
    })
}

/// An MQTT 3.1.1 client of the simplest sort.
pub struct Mqtt<Stream> {
    stream: Stream,
    received: Vec<u8>,
    /// Messages that came while something else was waited for.
    waiting: std::collections::VecDeque<Got>,
}

/// What an MQTT client got.
#[derive(Debug, PartialEq, Eq)]
pub struct Got {
    pub topic: String,
    pub payload: String,
}

impl Mqtt<TcpStream> {
    /// Connects to the plain port; the return code of the broker.
    pub async fn connect(site: &Site, user: Option<(&str, &str)>) -> (Self, u8) {
        let stream = TcpStream::connect(site.running.mqtt_addr().unwrap()).await.unwrap();
        Mqtt::over(stream, user).await
    }
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> Mqtt<Stream> {
    pub async fn over(stream: Stream, user: Option<(&str, &str)>) -> (Self, u8) {
        let mut client = Self { stream, received: Vec::new(), waiting: std::collections::VecDeque::new() };
        client
            .send(&Packet::Connect(Connect {
                version: Version::V311,
                clean_start: true,
                keep_alive_seconds: 0,
                client_id: "",
                will: None,
                username: user.map(|(name, _)| name),
                password: user.map(|(_, password)| password.as_bytes()),
                properties: Properties::default(),
            }))
            .await;
        let code = client.read(|packet| if let Packet::ConnectAck(ack) = packet { Some(ack.code) } else { None }).await;
        (client, code.unwrap_or(255))
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        codec::encode(packet, Version::V311, &mut bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Reads packets until one is wanted; `None` when the broker closes.
    pub async fn read<T>(&mut self, wanted: impl Fn(&Packet<'_>) -> Option<T>) -> Option<T> {
        loop {
            while let Some(frame) = codec::frame(&self.received, 1 << 20).unwrap() {
                let length = frame.length;
                let packet = codec::decode(frame, Version::V311).unwrap();
                if let Packet::Publish(publish) = packet {
                    let (topic, payload) =
                        (publish.topic.to_owned(), String::from_utf8_lossy(publish.payload).into_owned());
                    self.waiting.push_back(Got { topic, payload });
                }
                let found = wanted(&packet);
                self.received.drain(..length);
                if found.is_some() {
                    return found;
                }
            }
            let mut piece = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("no answer");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.received.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// Publishes with QoS 1 and waits for the acknowledgement; false when the broker closes instead.
    pub async fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> bool {
        self.send(&Packet::Publish(Publish {
            duplicate: false,
            qos: 1,
            retain: false,
            topic,
            packet_id: 7,
            properties: Properties::default(),
            payload: payload.as_ref(),
        }))
        .await;
        self.read(|packet| matches!(packet, Packet::PublishAck(Ack { packet_id: 7, .. })).then_some(())).await.is_some()
    }

    /// Subscribes; the code of the broker.
    pub async fn subscribe(&mut self, filter: &str) -> u8 {
        let mut body = (filter.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(filter.as_bytes());
        body.push(1);
        self.send(&Packet::Subscribe(Subscribe { packet_id: 8, properties: Properties::default(), body: &body })).await;
        self.read(|packet| if let Packet::SubscribeAck(ack) = packet { ack.codes.first().copied() } else { None })
            .await
            .unwrap_or(255)
    }

    /// The next message; `None` when the broker closes.
    pub async fn next(&mut self) -> Option<Got> {
        if self.waiting.is_empty() {
            self.read(|packet| matches!(packet, Packet::Publish(_)).then_some(())).await?;
        }
        self.waiting.pop_front()
    }
}
