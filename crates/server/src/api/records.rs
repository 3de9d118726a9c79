//! What was said and what was made of it: records, raw messages, and the chain of causes behind an entry.

use axum::extract::State;
use model::{Cause, Position, ThingId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::Page;
use super::types::{Message, Record};
use super::{App, unbuilt};
use crate::http::{Json, Path, Problem, Query};

/// Which part of the past, newest first.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BeforeQuery {
    /// Only what lies before this position on the log.
    pub before: Option<u64>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// One step back in the chain of causes.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainLink {
    /// The entry.
    #[schema(value_type = u64)]
    pub position: Position,
    /// What it said, in words.
    pub summary: String,
    /// Who or what led to it.
    pub cause: Cause,
}

/// An entry with what led to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryWithChain {
    /// The entry.
    pub entry: Message,
    /// What led to it, nearest first.
    pub chain: Vec<ChainLink>,
}

/// The newest records of a thing, newest first. `next_cursor` is the next `before`.
#[utoipa::path(get, path = "/things/{thing}/records", tag = "records", params(("thing" = String, Path), BeforeQuery),
    responses((status = 200, body = Page<Record>)))]
pub async fn list_records(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    Query(_query): Query<BeforeQuery>,
) -> Result<Json<Page<Record>>, Problem> {
    Err(unbuilt())
}

/// The newest messages of and to a thing as they were said, newest first. `next_cursor` is the next `before`.
#[utoipa::path(get, path = "/things/{thing}/messages", tag = "records", params(("thing" = String, Path), BeforeQuery),
    responses((status = 200, body = Page<Message>)))]
pub async fn list_messages(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    Query(_query): Query<BeforeQuery>,
) -> Result<Json<Page<Message>>, Problem> {
    Err(unbuilt())
}

/// One entry of the log and the chain of causes behind it: why is it so?
#[utoipa::path(get, path = "/entries/{position}", tag = "records", params(("position" = u64, Path)),
    responses((status = 200, body = EntryWithChain)))]
pub async fn get_entry(State(_app): State<App>, Path(_position): Path<u64>) -> Result<Json<EntryWithChain>, Problem> {
    Err(unbuilt())
}
