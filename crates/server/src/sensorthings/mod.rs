//! OGC SensorThings API 1.1, Part 1 (18-088): the same things, for those who speak the standard.
//!
//! A thing is a `Thing`, a `Sensor`, and where it is known where it stands a `Location`, a `HistoricalLocation` and a
//! `FeatureOfInterest`; each of its properties is a `Datastream`, the properties of one name an `ObservedProperty`, and
//! every point of the history an `Observation`. Nothing is kept twice.
//!
//! **Invariant:** what is made here goes the way of everything else: observations over the log, things into the registry.

mod entities;
mod filter;
mod options;
mod path;
mod write;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::api::App;
use crate::http::{Caller, Json, Path, Problem};
use entities::{Entities, ReadError};
use options::{OptionError, Options};
use path::{Kind, Nowhere, Part, Target};

pub(crate) use write::{change, create, remove};

/// Where it is served.
pub const PATH: &str = "/sensorthings/v1.1";

/// What of the standard is met.
const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/resource-path",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/create-update-delete/create-entity",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/create-update-delete/update-entity",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/create-update-delete/delete-entity",
];

/// What there is.
pub(crate) async fn root(headers: HeaderMap, caller: Caller) -> Json<Value> {
    let root = address(&headers, &caller);
    let sets = entities::sets().into_iter().map(|set| json!({"name": set, "url": format!("{root}/{set}")}));
    Json(json!({"value": sets.collect::<Vec<_>>(), "serverSettings": {"conformance": CONFORMANCE}}))
}

/// Answers a question.
pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let target = Target::parse(&path)?;
    let query = query.unwrap_or_default();
    let options = Options::parse(&query)?;
    let (root, now) = (address(&headers, &caller), app.clock.now());
    app.blocking(move |site| {
        let entities = Entities { site, root, now };
        answer(&entities, &target, &options, &path, &query)
    })
    .await
}

fn answer(
    entities: &Entities<'_>,
    target: &Target,
    options: &Options,
    path: &str,
    query: &str,
) -> Result<Response, Problem> {
    if !target.many {
        let entity = entities.get(target.kind, &target.scope, options)?;
        return match &target.part {
            None => Ok(Json(Value::Object(entity)).into_response()),
            Some(part) => part_of(&entity, part, path),
        };
    }
    let listed = entities.list(target.kind, &target.scope, options)?;
    let mut body = Map::new();
    if let Some(total) = listed.total {
        body.insert("@iot.count".to_owned(), total.into());
    }
    if listed.more {
        body.insert("@iot.nextLink".to_owned(), next(&entities.root, path, query, options).into());
    }
    body.insert("value".to_owned(), listed.entities.into_iter().map(Value::Object).collect());
    Ok(Json(Value::Object(body)).into_response())
}

fn part_of(entity: &Map<String, Value>, part: &Part, path: &str) -> Result<Response, Problem> {
    let value = entity.get(&part.name).ok_or_else(|| Problem::not_found("property", path))?;
    if !part.bare {
        return Ok(Json(json!({ part.name.as_str(): value })).into_response());
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// The address of the next part of a set.
fn next(root: &str, path: &str, query: &str, options: &Options) -> String {
    let mut next = form_urlencoded::Serializer::new(String::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != "$skip" && key != "$top") {
        next.append_pair(&key, &value);
    }
    next.append_pair("$top", &options.top().to_string());
    next.append_pair("$skip", &(options.skip + options.top()).to_string());
    format!("{root}/{}?{}", encoded(path), next.finish())
}

/// A path as it stands in an address.
fn encoded(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let text: String = form_urlencoded::byte_serialize(segment.as_bytes()).collect();
        text.replace('+', "%20").replace("%28", "(").replace("%29", ")").replace("%27", "'")
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The address under which the caller found the service.
fn address(headers: &HeaderMap, caller: &Caller) -> String {
    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let word = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = word(FORWARDED).filter(|scheme| *scheme == "https").map_or(caller.peer.secure, |_| true);
    format!("{}://{}{PATH}", if scheme { "https" } else { "http" }, word(header::HOST).unwrap_or("localhost"))
}

/// A problem of a text whose second line may be a hint.
fn invalid(text: &str) -> Problem {
    match text.split_once("\nhint: ") {
        Some((detail, hint)) => Problem::invalid(detail).hint(hint),
        None => Problem::invalid(text),
    }
}

impl From<Nowhere> for Problem {
    fn from(error: Nowhere) -> Self {
        Self::not_found("entity", error.step).hint("the service's root lists what there is")
    }
}

impl From<OptionError> for Problem {
    fn from(error: OptionError) -> Self {
        invalid(&error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound { kind } => Self::not_found(kind, "of this id"),
            ReadError::NoLink { .. } | ReadError::TooMuch => invalid(&error.to_string()),
            ReadError::History(error) => Self::internal(&error),
        }
    }
}

/// What was made, with where it is.
fn made(root: &str, kind: Kind, id: &str) -> Response {
    let place = format!("{root}/{}('{}')", kind.set(), id.replace('\'', "''"));
    let body = json!({"@iot.id": id, "@iot.selfLink": place});
    let Ok(place) = axum::http::HeaderValue::try_from(encoded_place(&place)) else {
        return (StatusCode::CREATED, Json(body)).into_response();
    };
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(body)).into_response()
}

/// An address whose words may be of any script, as a header takes it.
fn encoded_place(place: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && byte != b'"';
    place.bytes().map(|byte| if is_plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
