//! Extractors whose rejections are problems: JSON bodies, queries, paths and revisions.

use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path as AxumPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::state::Expect;

use super::Problem;

/// The largest JSON body that ordinary routes accept, in bytes. Ingest has its own limit.
pub const JSON_BYTES_MAX: usize = 1024 * 1024;

/// A JSON body, in or out. The content type must say so: a browser then asks before it sends one across origins.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        LargeJson::<T, JSON_BYTES_MAX>::from_request(request, state).await.map(|LargeJson(value)| Self(value))
    }
}

/// A JSON body of at most `BYTES_MAX` bytes, for routes that take whole documents.
#[derive(Debug)]
pub struct LargeJson<T, const BYTES_MAX: usize>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for LargeJson<T, BYTES_MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(Problem::media_type("application/json"));
        }
        let bytes = body(request, BYTES_MAX).await?;
        parse_json(&bytes).map(Self)
    }
}

/// No body at all is none.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, Problem> {
        let says_json = says_json(request.headers());
        let bytes = body(request, JSON_BYTES_MAX).await?;
        match (bytes.is_empty(), says_json) {
            (true, _) => Ok(None),
            (false, true) => parse_json(&bytes).map(|value| Some(Self(value))),
            (false, false) => Err(Problem::media_type("application/json")),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn says_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

/// What of a body that is too large is still read, so that the client gets to read the answer.
const DISCARD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The whole body, at most `bytes_max` of it.
pub async fn body(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut stream = request.into_body().into_data_stream();
    let (mut body, mut length) = (BytesMut::new(), 0);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Problem::malformed(format!("the body ended early: {error}")))?;
        length += piece.len();
        if length <= bytes_max {
            body.extend_from_slice(&piece);
        } else if length > bytes_max + DISCARD_BYTES_MAX {
            break;
        }
    }
    if length > bytes_max { Err(Problem::too_large(bytes_max)) } else { Ok(body.freeze()) }
}

/// Parses JSON; a failure names the field.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().to_string();
        let error = error.into_inner();
        let problem =
            if error.is_data() { Problem::invalid(error.to_string()) } else { Problem::malformed(error.to_string()) };
        if place == "." { problem } else { problem.at(place) }
    })?;
    deserializer.end().map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(value)
}

/// Query parameters.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Problem::malformed(error.body_text()).at("query"))
    }
}

/// Path parameters.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        AxumPath::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| Problem::malformed(error.body_text()).at("path"))
    }
}

/// What `If-Match` expects of the row that is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    /// As the store wants it.
    pub fn expect(self) -> Expect {
        self.0.map_or(Expect::Any, Expect::Rev)
    }

    /// Refuses when the row has another revision.
    pub fn check(self, rev: i64, what: &str, id: impl std::fmt::Display) -> Result<(), Problem> {
        if self.0.is_some_and(|expected| expected != rev) { Err(Problem::changed_meanwhile(what, id)) } else { Ok(()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        text.strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .and_then(|text| text.parse().ok())
            .map(|rev| Self(Some(rev)))
            .ok_or_else(|| {
                Problem::malformed("If-Match must be one ETag that this server gave, like \"3\"").at("if-match")
            })
    }
}

/// An object with its revision as `ETag`.
#[derive(Debug)]
pub struct Revised<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Revised<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.1).into_response();
        let tag = HeaderValue::from_str(&format!("\"{}\"", self.0)).expect("digits in quotes are a header value");
        response.headers_mut().insert(header::ETAG, tag);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Sample {
        name: String,
        inner: Vec<u8>,
    }

    #[test]
    fn json_problems_name_the_field() {
        let problem = parse_json::<Sample>(br#"{"name":"a","inner":[1,"x"]}"#).unwrap_err();
        assert_eq!((problem.status, problem.place.as_deref()), (422, Some("inner[1]")));
        let problem = parse_json::<Sample>(br#"{"name":"a","inner":[],"nmae":1}"#).unwrap_err();
        assert!(problem.detail.contains("unknown field `nmae`"), "{}", problem.detail);
        assert_eq!(parse_json::<Sample>(b"{").unwrap_err().status, 400);
        assert_eq!(parse_json::<Sample>(br#"{"name":"a","inner":[]} x"#).unwrap_err().status, 400);
    }

    #[test]
    fn only_json_is_json() {
        let headers = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            headers
        };
        assert!(says_json(&headers("application/json; charset=utf-8")));
        assert!(says_json(&headers("application/tm+json")));
        assert!(!says_json(&headers("text/plain")) && !says_json(&HeaderMap::new()));
    }
}
