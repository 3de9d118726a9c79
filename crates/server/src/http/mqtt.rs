//! MQTT over WebSocket on the HTTP port: the upgrade is agreed here, the broker does the rest.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Caller, Problem};
use crate::api::App;

/// Where MQTT over WebSocket is.
pub const MQTT_PATH: &str = "/mqtt";

/// The subprotocols that clients ask for; the second one is that of MQTT 3.1.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Agrees to the upgrade and hands the connection to the broker.
pub(crate) async fn upgrade(State(app): State<App>, caller: Caller, mut request: Request) -> Response {
    let headers = request.headers();
    let agreed = match agree(headers) {
        Ok(agreed) => agreed,
        Err(problem) => return problem.into_response(),
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let broker = app.broker.clone();
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => {
                let peer = ::mqtt::Peer::remote(caller.peer.address, ::mqtt::Transport::WebSocket);
                broker.serve_websocket(TokioIo::new(upgraded), peer).await;
            }
            Err(error) => tracing::debug!(%error, "an upgrade to MQTT failed"),
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, agreed).into_response()
}

fn agree(headers: &HeaderMap) -> Result<[(HeaderName, HeaderValue); 4], Problem> {
    let says = |name: HeaderName, word: &str| {
        let values = headers.get_all(name);
        let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(key), true, true, true) = (
        key,
        says(header::CONNECTION, "upgrade"),
        says(header::UPGRADE, "websocket"),
        says(header::SEC_WEBSOCKET_VERSION, "13"),
    ) else {
        return Err(Problem::malformed("MQTT is spoken here over a WebSocket, version 13"));
    };
    let Some(protocol) = PROTOCOLS.into_iter().find(|word| says(header::SEC_WEBSOCKET_PROTOCOL, word)) else {
        return Err(Problem::malformed("ask for the subprotocol mqtt").at("sec-websocket-protocol"));
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is a header value");
    Ok([
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ])
}
