//! NGSI-LD (ETSI GS CIM 009): the same things as entities, to read, write, ask for, follow, and look back at.
//!
//! An accepted thing is an entity: `urn:ngsi-ld:KIND:ID`, or its own id where that is a URN. Its properties are its
//! attributes, with where it stands and its name. What is written goes over the log as if the thing had said it.
//!
//! Contexts are not fetched: terms are kept as they are given, and names that were expanded to addresses by their last part.

mod entity;
mod query;
mod subscriptions;
mod temporal;
mod write;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::api::App;
use crate::http::{Path, Problem};
use entity::{CORE_CONTEXT, Shown};
use query::Query;
use temporal::Span;

pub use subscriptions::{Notification, Subscriptions};
pub(crate) use write::{change, post, remove};

/// Where it is served.
pub const PATH: &str = "/ngsi-ld/v1";

/// The header with how many entities there are.
const RESULTS_COUNT: HeaderName = HeaderName::from_static("ngsild-results-count");

/// Why something was not done, in the standard's words (clause 5.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    kind: &'static str,
    detail: String,
}

impl Failure {
    fn bad(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "BadRequestData", detail: detail.into() }
    }

    fn unsupported(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "OperationNotSupported", detail: detail.into() }
    }

    fn exists(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, kind: "AlreadyExists", detail: detail.into() }
    }

    fn not_found(what: &str, id: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "ResourceNotFound", detail: format!("there is no {what} {id}") }
    }

    fn too_many(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, kind: "TooManyResults", detail: detail.into() }
    }

    fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "an entity could not be served");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "InternalError", detail: error.to_string() }
    }

    fn document(&self) -> Value {
        let kind = format!("https://uri.etsi.org/ngsi-ld/errors/{}", self.kind);
        json!({"type": kind, "title": self.kind, "detail": self.detail, "status": self.status.as_u16()})
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self.document())).into_response()
    }
}

/// What one of our own problems is in the standard's words.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match status {
            StatusCode::NOT_FOUND => "ResourceNotFound",
            StatusCode::CONFLICT => "AlreadyExists",
            status if status.is_server_error() => "InternalError",
            _ => "BadRequestData",
        };
        Self { status, kind, detail: problem.detail.into() }
    }
}

/// The parameters of an address.
fn pairs(query: Option<String>) -> Vec<(String, String)> {
    let text = query.unwrap_or_default();
    form_urlencoded::parse(text.as_bytes()).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

/// How the caller wants entities shown.
fn shown(pairs: &[(String, String)], headers: &HeaderMap) -> Shown {
    let words = |key: &str| -> Vec<&str> {
        let values = pairs.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str());
        values.flat_map(|value| value.split(',')).collect()
    };
    let options: Vec<&str> = words("options").into_iter().chain(words("format")).collect();
    let attributes: Vec<String> = words("attrs").into_iter().map(|name| entity::short(name).to_owned()).collect();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let link = headers.get(header::LINK).and_then(|value| value.to_str().ok());
    let own = link.and_then(|link| link.split_once('<')?.1.split_once('>')).map(|(address, _)| address);
    let context = match own {
        Some(own) if own != CORE_CONTEXT => json!([own, CORE_CONTEXT]),
        _ => CORE_CONTEXT.into(),
    };
    Shown {
        key_values: options.iter().any(|word| matches!(*word, "keyValues" | "simplified")),
        with_system: options.contains(&"sysAttrs"),
        attributes: Some(attributes).filter(|attributes| !attributes.is_empty()),
        context: accept.contains("application/ld+json").then_some(context),
    }
}

/// An answer in the form that was asked for.
fn answer(body: Value, shown: &Shown) -> Response {
    let media_type = if shown.context.is_some() { "application/ld+json" } else { "application/json" };
    let mut response = axum::Json(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if shown.context.is_none() {
        let link =
            format!("<{CORE_CONTEXT}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

/// Answers a question.
pub(crate) async fn get(
    State(app): State<App>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let pairs = pairs(query);
    let shown = shown(&pairs, &headers);
    let steps: Vec<String> = path.trim_matches('/').split('/').map(str::to_owned).collect();
    let now = app.clock.now();
    let subscriptions = std::sync::Arc::clone(&app.ngsi);
    let done = app.blocking(move |site| {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        Ok::<_, Problem>(match steps[..] {
            ["entities"] => list(site, &pairs, &shown),
            ["entities", id] => {
                let found = entity::find(site, id).ok_or_else(|| Failure::not_found("entity", id));
                found.map(|detail| answer(Value::Object(entity::entity(&detail, &shown)), &shown))
            }
            ["temporal", "entities"] => past_of_many(site, &pairs, &shown),
            ["temporal", "entities", id] => past_of_one(site, id, &pairs, &shown),
            ["types"] => Ok(answer(types(site), &shown)),
            ["subscriptions"] => Ok(answer(Value::Array(subscriptions.list(now)), &shown)),
            ["subscriptions", id] => subscriptions.get(id, now).map(|one| answer(one, &shown)),
            _ => Err(Failure::not_found("resource", &steps.join("/"))),
        })
    });
    done.await?
}

fn list(site: &site::Site, pairs: &[(String, String)], shown: &Shown) -> Result<Response, Failure> {
    let query = Query::parse(pairs)?;
    if query.is_open() {
        return Err(Failure::bad("say which entities: type, id, idPattern, attrs, q or georel"));
    }
    let (page, total) = query.find(site)?;
    let entities = page.iter().map(|detail| Value::Object(entity::entity(detail, shown))).collect();
    Ok(counted(answer(entities, shown), total))
}

fn counted(mut response: Response, total: Option<usize>) -> Response {
    if let Some(total) = total {
        response.headers_mut().insert(RESULTS_COUNT, HeaderValue::from(total));
    }
    response
}

fn past_of_one(site: &site::Site, id: &str, pairs: &[(String, String)], shown: &Shown) -> Result<Response, Failure> {
    let detail = entity::find(site, id).ok_or_else(|| Failure::not_found("entity", id))?;
    let past = with_context(Span::parse(pairs)?.entity(site, &detail)?, shown);
    Ok(answer(past, shown))
}

fn past_of_many(site: &site::Site, pairs: &[(String, String)], shown: &Shown) -> Result<Response, Failure> {
    let (query, span) = (Query::parse(pairs)?, Span::parse(pairs)?);
    if query.is_open() {
        return Err(Failure::bad("say which entities: type, id, idPattern, attrs, q or georel"));
    }
    let (page, total) = query.find(site)?;
    let pasts: Result<Vec<Value>, Failure> =
        page.iter().map(|detail| span.entity(site, detail).map(|past| with_context(past, shown))).collect();
    Ok(counted(answer(Value::Array(pasts?), shown), total))
}

fn with_context(mut entity: Map<String, Value>, shown: &Shown) -> Value {
    if let Some(context) = &shown.context {
        entity.insert("@context".to_owned(), context.clone());
    }
    Value::Object(entity)
}

/// The types that there are.
fn types(site: &site::Site) -> Value {
    let kinds = site.kinds();
    let names = kinds.into_iter().map(|kind| if kind.is_empty() { "Thing".to_owned() } else { kind });
    json!({"id": "urn:ngsi-ld:EntityTypeList:all", "type": "EntityTypeList", "typeList": names.collect::<Vec<_>>()})
}
