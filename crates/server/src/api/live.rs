//! The live stream: records as they happen, over a WebSocket.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{App, unbuilt};
use crate::http::{Problem, Query};

/// The forms of a live stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveFormat {
    /// JSON text messages.
    #[default]
    Json,
    /// Binary frames, version 1.
    Binary,
}

/// The form of a live stream.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// `json` when not given.
    #[param(inline)]
    pub format: Option<LiveFormat>,
}

/// Records as they happen, over a WebSocket. Send `{"subscribe":{"things":[…]|null,"spaces":[…]|null,"kinds":[…]|null},
/// "resume":position|null}` first.
#[utoipa::path(get, path = "/live", tag = "live", params(LiveQuery),
    responses((status = 101, description = "the stream begins")))]
pub async fn live(State(_app): State<App>, Query(_query): Query<LiveQuery>) -> Result<Response, Problem> {
    Err(unbuilt())
}
