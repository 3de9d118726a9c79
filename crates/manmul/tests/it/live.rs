//! The live stream.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::common::{PATIENCE, Site};

struct Stream(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Stream {
    async fn open(site: &Site, format: &str, token: &str) -> Self {
        let url = format!("ws://{}/api/v1/live?format={format}", site.running.http_addr());
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    async fn wish(&mut self, wish: &Value) {
        self.0.send(Message::text(wish.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("silence").expect("the stream ended").unwrap()
    }

    /// The next JSON frame of this type.
    async fn frame(&mut self, kind: &str) -> Value {
        loop {
            let message = self.message().await;
            let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The values of a property as they come, until `last`.
    async fn values_until(&mut self, name: &str, last: i64) -> Vec<i64> {
        let mut values = Vec::new();
        while values.last() != Some(&last) {
            let frame = self.frame("records").await;
            let records = frame["records"].as_array().unwrap().iter();
            values.extend(
                records.filter(|record| record["name"] == name).map(|record| record["value"].as_f64().unwrap() as i64),
            );
        }
        values
    }
}

fn everything(resume: Value) -> Value {
    json!({"subscribe": {"things": null, "spaces": null, "kinds": null}, "resume": resume})
}

fn report(site: &Site, thing: &str, value: i64) {
    site.ask("POST", &format!("/api/v1/ingest/things/{thing}"), &json!({"n": value})).expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_as_they_happen_and_a_client_goes_on_where_it_stopped() {
    let site = Site::start().await;
    site.thing("a");
    site.thing("b");
    let secret = site.running.local_secret.clone();
    let mut stream = Stream::open(&site, "json", &secret).await;
    stream.frame("hello").await;
    stream.wish(&json!({"subscribe": {"things": ["a"], "kinds": ["property"]}})).await;
    // A heartbeat after the wish says that it was heard: the server answers messages in order.
    stream.frame("heartbeat").await;
    report(&site, "b", 1);
    report(&site, "a", 2);
    assert_eq!(stream.values_until("n", 2).await, [2]);
    let newest = stream.frame("heartbeat").await["newest"].clone();
    drop(stream);

    report(&site, "a", 3);
    report(&site, "a", 4);
    let mut again = Stream::open(&site, "json", &secret).await;
    again.wish(&everything(newest)).await;
    let values = again.values_until("n", 4).await;
    assert!(values == [3, 4] || values == [4], "{values:?}");

    let mut lost = Stream::open(&site, "json", &secret).await;
    lost.wish(&everything(json!(1_000_000))).await;
    assert_eq!(lost.frame("gap").await["type"], "gap", "a position that never was");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_form_says_the_same() {
    let site = Site::start().await;
    site.thing("a");
    let mut stream = Stream::open(&site, "binary", &site.running.local_secret.clone()).await;
    let hello = stream.message().await.into_data();
    assert_eq!(&hello[..2], [1, 0]);
    stream.wish(&everything(Value::Null)).await;
    while stream.message().await.into_data()[1] != 2 {}
    report(&site, "a", 5);
    loop {
        let frame = stream.message().await.into_data();
        if frame[1] == 1 && frame.windows(3).any(|window| window == [1, 0, b'n']) {
            assert!(u32::from_le_bytes(frame[18..22].try_into().unwrap()) >= 1);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_right_does() {
    let site = Site::start().await;
    let made = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let mut stream = Stream::open(&site, "json", made["secret"].as_str().unwrap()).await;
    stream.frame("hello").await;
    site.ask("DELETE", &format!("/api/v1/tokens/{}", made["token"]["id"].as_str().unwrap()), &Value::Null).expect(204);
    loop {
        match stream.message().await {
            Message::Close(close) => return assert_eq!(close.unwrap().reason.as_str(), "signed out"),
            other => assert!(other.is_text(), "{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_cannot_listen_in() {
    let site = Site::start().await;
    let made = site.set_up();
    let cookie = made.header("set-cookie").split(';').next().unwrap().to_owned();
    let open = |origin: String| {
        let mut request = format!("ws://{}/api/v1/live", site.running.http_addr()).into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    assert!(open("http://evil.example".into()).await.is_err());
    assert!(open(format!("http://{}", site.running.http_addr())).await.is_ok());
}
