//! Around every request: its id, its span, its time limit, its figures, and the headers of every answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::{Peer, Problem};
use crate::api::App;

/// How long a route may take until its answer begins. Streams may go on for longer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The header that names a request in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page may load and do: our own files and the API, nothing inline, nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Numbers requests from the start of the process on.
#[derive(Debug, Default)]
pub struct RequestNumbers(AtomicU64);

impl RequestNumbers {
    fn next(&self, start: i64) -> String {
        format!("{:x}-{:x}", start, self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The layer.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.requests.next(app.started.micros());
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let peer = request.extensions().get::<Peer>().copied();
    let span = tracing::info_span!("request", id, %method, route, peer = peer.map(|peer| peer.address.to_string()));
    let began = tokio::time::Instant::now();
    let answer = async {
        match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::timed_out(format!("no answer within {} s", ANSWER_WITHIN.as_secs())).into_response(),
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    let took = began.elapsed();
    app.metrics.answered(method.as_str(), &route, response.status().as_u16(), took);
    span.in_scope(|| {
        tracing::debug!(status = response.status().as_u16(), took_us = took.as_micros() as u64, "answered");
    });
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if peer.is_some_and(|peer| peer.secure) {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("hexadecimal digits are a header value"));
    response
}
