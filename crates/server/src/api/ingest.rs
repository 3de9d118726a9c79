//! Telemetry that comes by HTTP: native JSON and the Influx line protocol.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use connect::http_ingest::{self, IngestError};
use connect::influx::{self, Precision};
use model::{Position, Resource, Right, ThingId, decide};
use mqtt::{Publish, PublishError};
use serde::{Deserialize, Serialize};
use store::log::LogError;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::http::extract::body;
use crate::http::{Caller, Json, Path, Problem, Query};

/// The largest body accepted, in bytes, after unpacking.
pub const INGEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The message was taken; what was made of it comes on the live stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// Its place on the log.
    #[schema(value_type = u64)]
    pub position: Position,
}

/// What Influx clients say in the query.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InfluxQuery {
    /// The unit of the timestamps: `ns` (when not given), `us`, `ms`, `s`.
    pub precision: Option<String>,
}

/// Takes what a thing says: an object of properties, or an array of timed objects, as native MQTT does.
#[utoipa::path(post, path = "/ingest/things/{thing}", tag = "ingest", params(("thing" = String, Path)),
    request_body = serde_json::Value, responses((status = 202, body = Taken)))]
pub async fn ingest_thing(
    State(app): State<App>,
    caller: Caller,
    Path(thing): Path<ThingId>,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let bytes = body(request, INGEST_BYTES_MAX).await?;
    let parsed: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(&bytes);
    if let Err(error) = parsed {
        return Err(Problem::malformed(error.to_string()));
    }
    let message = http_ingest::reports(&thing, &bytes)?;
    let position = publish(&app, &caller, message.topic, message.payload).await?;
    Ok((StatusCode::ACCEPTED, Json(Taken { position })))
}

/// Takes Influx line protocol. The thing is the tag `thing`; without it every series is a thing of its own.
#[utoipa::path(post, path = "/ingest/influx", tag = "ingest", params(InfluxQuery), request_body = String,
    responses((status = 204)))]
pub async fn ingest_influx(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<InfluxQuery>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let precision = match query.precision.as_deref() {
        None | Some("") => Precision::Nanoseconds,
        Some(word) => Precision::parse(word)
            .ok_or_else(|| Problem::malformed(format!("unknown precision {word:?}")).at("precision"))?,
    };
    let checked = influx::check(&body(request, INGEST_BYTES_MAX).await?);
    may_speak_for(&caller, &checked.things)?;
    if checked.lines > 0 {
        publish(&app, &caller, influx::topic(precision), checked.accepted).await?;
    }
    match checked.refused.first() {
        None => Ok(StatusCode::NO_CONTENT),
        Some(first) => {
            let (lines, refused) = (checked.lines, checked.refused.len());
            let detail = format!("{lines} lines were taken and {refused} were not; the first of those: {first}");
            Err(Problem::malformed(detail).at(format!("line {}", first.line)))
        }
    }
}

/// Tells Influx clients that somebody is here.
pub async fn ping() -> Response {
    (StatusCode::NO_CONTENT, [("x-influxdb-version", "2.7-manmul")]).into_response()
}

fn may_speak_for(caller: &Caller, things: &BTreeSet<ThingId>) -> Result<(), Problem> {
    for thing in things {
        if let model::Decision::Deny(reason) = decide(&caller.identity.principal, Right::Ingest, Resource::Thing(thing))
        {
            return Err(Problem::forbidden(reason).at(thing.to_string()));
        }
    }
    Ok(())
}

/// Puts a message on the log and waits until it is on disk.
pub(crate) async fn publish(app: &App, caller: &Caller, topic: String, payload: Bytes) -> Result<Position, Problem> {
    let message = Publish { topic: topic.into(), payload, qos: 1, retain: false, expiry_seconds: None };
    let position = app.broker.publish(message, caller.cause())?;
    app.durable(position).await?;
    Ok(position)
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match &error {
            PublishError::Topic(_) => Self::malformed(error.to_string()),
            PublishError::Log(LogError::TooLarge { limit, .. }) => Self::too_large(*limit),
            PublishError::Log(LogError::Full { .. } | LogError::NoRoom(_) | LogError::Broken(_)) => {
                Self::unavailable(error.to_string()).hint("look at /api/v1/system; most often the disk is full")
            }
            PublishError::Log(_) => Self::internal(&error),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        Self::invalid(error.to_string())
    }
}
