//! Commands: writing properties, invoking actions, and what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use model::{CommandId, Name, ThingId, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::convert::no_thing;
use super::page::{self, Page, PageQuery};
use super::types::Command;
use crate::http::{Caller, Json, Path, Problem, Query};

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
    State(app): State<App>,
    caller: Caller,
    Path(thing): Path<ThingId>,
    Json(values): Json<BTreeMap<Name, Value>>,
) -> Result<(StatusCode, Json<Written>), Problem> {
    let asked = site::Asked { cause: caller.cause(), timeout: None };
    let values: Vec<(Name, Value)> = values.into_iter().collect();
    let commands = app.blocking(move |site| site.write(&asked, &thing, values)).await?;
    Ok((StatusCode::ACCEPTED, Json(Written { commands: commands.into_iter().map(Command::from).collect() })))
}

/// Invokes an action. The answer comes at once; follow the command for what becomes of it.
#[utoipa::path(post, path = "/things/{thing}/actions/{action}", tag = "commands",
    params(("thing" = String, Path), ("action" = String, Path)), responses((status = 202, body = Command)))]
pub async fn invoke_action(
    State(app): State<App>,
    caller: Caller,
    Path((thing, action)): Path<(ThingId, Name)>,
    invocation: Option<Json<Invocation>>,
) -> Result<(StatusCode, Json<Command>), Problem> {
    let Invocation { input, timeout_ms } = invocation.map(|Json(invocation)| invocation).unwrap_or_default();
    let asked = site::Asked { cause: caller.cause(), timeout: timeout_ms.map(Duration::from_millis) };
    let command = app.blocking(move |site| site.invoke(&asked, &thing, &action, input)).await?;
    Ok((StatusCode::ACCEPTED, Json(command.into())))
}

/// The newest commands of a thing.
#[utoipa::path(get, path = "/things/{thing}/commands", tag = "commands", params(("thing" = String, Path), PageQuery),
    responses((status = 200, body = Page<Command>)))]
pub async fn list_commands(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Command>>, Problem> {
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    let after = query.after()?.map(CommandId::new).transpose();
    let after = after.map_err(|error| Problem::malformed(error.to_string()).at("cursor"))?;
    let limit = query.limit();
    let all = app.site.commands(&thing, None, usize::MAX).len();
    let mut rows = app.site.commands(&thing, after.as_ref(), limit + 1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| page::encode(row.command.id.as_str()));
    let items = rows.into_iter().map(|row| row.command.into()).collect();
    Ok(Json(Page { items, next_cursor, total: all as u64 }))
}

/// One command.
#[utoipa::path(get, path = "/commands/{id}", tag = "commands", params(("id" = String, Path)),
    responses((status = 200, body = Command)))]
pub async fn get_command(State(app): State<App>, Path(id): Path<CommandId>) -> Result<Json<Command>, Problem> {
    Ok(Json(app.site.command(&id)?.command.into()))
}
