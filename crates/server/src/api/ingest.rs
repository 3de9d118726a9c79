//! Telemetry that comes by HTTP: native JSON and the Influx line protocol.

use axum::extract::State;
use axum::http::StatusCode;
use model::{Position, ThingId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, unbuilt};
use crate::http::{Json, Path, Problem};

/// The message was taken; what was made of it comes on the live stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// Its place on the log.
    #[schema(value_type = u64)]
    pub position: Position,
}

/// Takes what a thing says: an object of properties, or an array of timed objects, as native MQTT does.
#[utoipa::path(post, path = "/ingest/things/{thing}", tag = "ingest", params(("thing" = String, Path)),
    request_body = serde_json::Value, responses((status = 202, body = Taken)))]
pub async fn ingest_thing(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    _body: String,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    Err(unbuilt())
}

/// Takes Influx line protocol. The thing is the tag `thing`, `device`, `host` or `id`, else the measurement.
#[utoipa::path(post, path = "/ingest/influx", tag = "ingest", request_body = String, responses((status = 204)))]
pub async fn ingest_influx(State(_app): State<App>, _body: String) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}
