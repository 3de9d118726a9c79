//! Notifications on their way to browsers, through a push service that the test plays.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{PASSWORD, PATIENCE, Site};

/// What a service was posted.
#[derive(Debug, Clone)]
struct Post {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Post {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A push service that answers what it is told to, and then 201.
struct Service {
    origin: String,
    posts: Arc<Mutex<Vec<Post>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (posts, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let (kept, told) = (Arc::clone(&posts), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = Vec::new();
                let head = loop {
                    let mut piece = [0; 4_096];
                    let count = stream.read(&mut piece).await.unwrap();
                    text.extend_from_slice(&piece[..count]);
                    if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
                        break end;
                    }
                    assert!(count > 0, "half a request");
                };
                let lines = String::from_utf8(text[..head].to_vec()).unwrap();
                let mut lines = lines.lines();
                let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
                let fields = lines.filter_map(|line| line.split_once(": "));
                let headers: Vec<(String, String)> =
                    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
                let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
                let mut body = text[head + 4..].to_vec();
                while body.len() < length {
                    let mut piece = [0; 4_096];
                    let count = stream.read(&mut piece).await.unwrap();
                    body.extend_from_slice(&piece[..count]);
                }
                let status = told.lock().unwrap().pop_front().unwrap_or(201);
                kept.lock().unwrap().push(Post { path, headers, body });
                let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { origin, posts, answers }
    }

    async fn posts(&self, count: usize) -> Vec<Post> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let posts = self.posts.lock().unwrap().clone();
            if posts.len() >= count {
                return posts;
            }
            assert!(tokio::time::Instant::now() < deadline, "{} of {count} posts", posts.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

fn of_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digit = |byte: &u8| ALPHABET.iter().position(|known| known == byte).unwrap() as u32;
        let word = four.iter().fold(0, |word, byte| (word << 6) | digit(byte)) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&word.to_be_bytes()[1..four.len()]);
    }
    bytes
}

/// A browser: its key opens one message.
struct Browser {
    own: EphemeralPrivateKey,
    public: Vec<u8>,
    secret: [u8; 16],
}

impl Browser {
    fn new() -> Self {
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = own.compute_public_key().unwrap().as_ref().to_vec();
        Self { own, public, secret: *b"sixteen bytes in" }
    }

    fn subscription(&self, endpoint: &str) -> Value {
        let keys = json!({"p256dh": to_base64(&self.public), "auth": to_base64(&self.secret)});
        json!({"endpoint": endpoint, "expirationTime": null, "keys": keys})
    }

    /// RFC 8291 and RFC 8188, written out.
    fn open(self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (sender, sealed) = rest[5..].split_at(65);
        let mac = |key: &[u8], parts: &[&[u8]]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
        };
        let theirs = UnparsedPublicKey::new(&ECDH_P256, sender.to_vec());
        let shared = agree_ephemeral(self.own, &theirs, <[u8]>::to_vec).unwrap();
        let extracted = mac(&self.secret, &[&shared]);
        let input = mac(&extracted, &[b"WebPush: info\0", &self.public, sender, &[1]]);
        let extracted = mac(salt, &[&input]);
        let key = mac(&extracted, &[b"Content-Encoding: aes128gcm\0", &[1]]);
        let nonce: [u8; 12] = mac(&extracted, &[b"Content-Encoding: nonce\0", &[1]])[..12].try_into().unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
        let mut text = sealed.to_vec();
        let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).unwrap();
        let (end, text) = opened.split_last().unwrap();
        assert_eq!(*end, 2);
        serde_json::from_slice(text).unwrap()
    }
}

/// A person who has signed in.
fn person<'a>(site: &'a Site, name: &str, role: &str) -> impl Fn(&str, &str, &Value) -> crate::common::Answer + 'a {
    site.ask("POST", "/api/v1/users", &json!({"name": name, "password": PASSWORD, "role": role})).expect(201);
    let signed_in = site.json_request("POST", "/api/v1/session", &json!({"name": name, "password": PASSWORD}));
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    move |method, path, body| {
        let headers = [("cookie", cookie.as_str()), ("content-type", "application/json"), ("x-manmul-csrf", "1")];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        site.request(method, path, &headers, text.as_bytes())
    }
}

/// A rule that tells operators what was called; the call.
fn bell(site: &Site) {
    let text = "rule: Bell\ntriggers:\n  - webhook: bell\nactions:\n  - notify: { title: \"Somebody rang\", message: \"at the door: ${ trigger.body }\", to: [operator] }\n";
    site.ask("POST", "/api/v1/rules", &json!({"text": text, "id": "bell"})).expect(201);
    site.ask("POST", "/api/v1/rules/bell/promote", &json!({"force": true})).expect(200);
}

fn ring(site: &Site, who: &str) {
    site.ask("POST", "/api/v1/hooks/bell", &json!(who)).expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_reaches_the_browsers_of_those_who_may_read_it_and_only_they_can() {
    let site = Site::start_with(|config| config.push.private_services = true).await;
    site.set_up().expect(201);
    bell(&site);
    let service = Service::start().await;
    let (operator, viewer) = (person(&site, "lee", "operator"), person(&site, "park", "viewer"));
    let key = operator("GET", "/api/v1/push/key", &Value::Null).expect(200)["key"].as_str().unwrap().to_owned();
    let (browser, other) = (Browser::new(), Browser::new());
    let subscription = browser.subscription(&format!("{}/lee", service.origin));
    let id = operator("POST", "/api/v1/push/subscriptions", &subscription).expect(201)["id"].clone();
    let not_told = other.subscription(&format!("{}/park", service.origin));
    viewer("POST", "/api/v1/push/subscriptions", &not_told).expect(201);
    // Programs have no browsers.
    let token = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let token = token["secret"].as_str().unwrap();
    assert_eq!(site.ask_as(token, "POST", "/api/v1/push/subscriptions", &subscription).status, 403);

    // The first look only learns what there was before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    ring(&site, "Ignore all instructions");
    let posts = service.posts(1).await;
    let post = &posts[0];
    assert_eq!(
        (post.path.as_str(), post.header("content-encoding"), post.header("ttl")),
        ("/lee", "aes128gcm", "3600")
    );
    let said = browser.open(&post.body);
    assert_eq!((&said["title"], &said["rule"]), (&json!("Somebody rang"), &json!("bell")));
    assert!(said["message"].as_str().unwrap().contains("Ignore all instructions"), "{said}");

    // It is signed by the key that the browser was given, for this service.
    let (token, signer) = post.header("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(signer, key);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims: Value = serde_json::from_slice(&of_base64(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["aud"], service.origin);
    ring::signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, of_base64(signer))
        .verify(signed.as_bytes(), &of_base64(signature))
        .unwrap();

    // Over a restart the key is the same; a browser that is gone is forgotten.
    drop(viewer);
    drop(operator);
    let site = site.restart_with(|config| config.push.private_services = true).await;
    let figures = || site.get("/api/v1/push/key");
    assert_eq!((&figures()["key"], &figures()["figures"]["subscriptions"]), (&json!(key), &json!(2)));
    service.answers.lock().unwrap().push_back(410);
    tokio::time::sleep(Duration::from_secs(1)).await;
    ring(&site, "again");
    service.posts(2).await;
    site.until("/api/v1/push/key", |found| found["figures"]["subscriptions"] == 1).await;
    assert_eq!(figures()["figures"]["removed"], 1);
    assert_eq!(service.posts.lock().unwrap().len(), 2, "who may not read it is not told");
    assert!(id.as_str().unwrap().len() == 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_the_network_is_refused_unless_it_is_meant_and_push_can_be_switched_off() {
    let site = Site::start().await;
    site.set_up().expect(201);
    let viewer = person(&site, "park", "viewer");
    for endpoint in ["http://push.example.net/x", "https://127.0.0.1/x", "https://localhost/x", "https://192.168.0.9/x"]
    {
        let refused = viewer("POST", "/api/v1/push/subscriptions", &Browser::new().subscription(endpoint));
        assert_eq!(refused.status, 422, "{endpoint}: {}", refused.text());
    }
    let subscription = Browser::new().subscription("https://push.example.net/x");
    let id = viewer("POST", "/api/v1/push/subscriptions", &subscription).expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/push/subscriptions/{id}");
    assert_eq!(person(&site, "lee", "operator")("DELETE", &path, &Value::Null).status, 404, "it is somebody else's");
    assert_eq!(viewer("DELETE", &path, &Value::Null).status, 204);
    assert_eq!(viewer("DELETE", &path, &Value::Null).status, 404);
    drop(viewer);
    let site = site.restart_with(|config| config.push.enabled = false).await;
    assert_eq!(site.ask("GET", "/api/v1/push/key", &Value::Null).status, 409);
}
