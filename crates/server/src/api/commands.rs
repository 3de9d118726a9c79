//! Commands: writing properties, invoking actions, and what became of it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use model::{CommandId, Name, ThingId, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{Page, PageQuery};
use super::types::Command;
use super::{App, unbuilt};
use crate::http::{Json, Path, Problem, Query};

/// The commands that a write led to, one for each property.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// The commands.
    pub commands: Vec<Command>,
}

/// An invocation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// The input fields; left out when the action takes none.
    #[serde(default)]
    pub input: Value,
    /// After how long it counts as timed out.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// Writes properties: sets what is desired and tells the thing.
#[utoipa::path(patch, path = "/things/{thing}/desired", tag = "commands", params(("thing" = String, Path)),
    request_body = BTreeMap<String, Value>, responses((status = 202, body = Written)))]
pub async fn write_properties(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    Json(_values): Json<BTreeMap<Name, Value>>,
) -> Result<(StatusCode, Json<Written>), Problem> {
    Err(unbuilt())
}

/// Invokes an action. The answer comes at once; follow the command for what becomes of it.
#[utoipa::path(post, path = "/things/{thing}/actions/{action}", tag = "commands",
    params(("thing" = String, Path), ("action" = String, Path)), responses((status = 202, body = Command)))]
pub async fn invoke_action(
    State(_app): State<App>,
    Path((_thing, _action)): Path<(ThingId, Name)>,
    Json(_invocation): Json<Invocation>,
) -> Result<(StatusCode, Json<Command>), Problem> {
    Err(unbuilt())
}

/// The newest commands of a thing.
#[utoipa::path(get, path = "/things/{thing}/commands", tag = "commands", params(("thing" = String, Path), PageQuery),
    responses((status = 200, body = Page<Command>)))]
pub async fn list_commands(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    Query(_page): Query<PageQuery>,
) -> Result<Json<Page<Command>>, Problem> {
    Err(unbuilt())
}

/// One command.
#[utoipa::path(get, path = "/commands/{id}", tag = "commands", params(("id" = String, Path)),
    responses((status = 200, body = Command)))]
pub async fn get_command(State(_app): State<App>, Path(_id): Path<CommandId>) -> Result<Json<Command>, Problem> {
    Err(unbuilt())
}
