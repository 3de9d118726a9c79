//! What was said and what was made of it: records, raw messages, and the chain of causes behind an entry.

use axum::extract::State;
use model::{Cause, Position, ThingId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::convert::no_thing;
use super::page;
use super::types::{Message, Record};
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

/// One page of the past, newest first. How long the whole is, is not known without reading all of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Backwards<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `before` for the next page; null at the beginning of the log.
    #[schema(required)]
    pub next_cursor: Option<String>,
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
    responses((status = 200, body = Backwards<Record>)))]
pub async fn list_records(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Query(query): Query<BeforeQuery>,
) -> Result<Json<Backwards<Record>>, Problem> {
    let (before, limit) = (query.before.map(Position), page::limit(query.limit));
    let found = app.blocking(move |site| site.records(&thing, before, limit)).await?;
    let items = found.records.into_iter().map(Record::from).collect();
    Ok(Json(Backwards { items, next_cursor: found.before.map(|before| before.to_string()) }))
}

/// The newest messages of and to a thing as they were said, newest first. `next_cursor` is the next `before`.
#[utoipa::path(get, path = "/things/{thing}/messages", tag = "records", params(("thing" = String, Path), BeforeQuery),
    responses((status = 200, body = Backwards<Message>)))]
pub async fn list_messages(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Query(query): Query<BeforeQuery>,
) -> Result<Json<Backwards<Message>>, Problem> {
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    let (before, limit) = (query.before.map(Position), page::limit(query.limit));
    let found = app.blocking(move |site| site.messages(&thing, before, limit)).await?;
    let items = found.messages.into_iter().map(Message::from).collect();
    Ok(Json(Backwards { items, next_cursor: found.before.map(|before| before.to_string()) }))
}

/// One entry of the log and the chain of causes behind it: why is it so?
#[utoipa::path(get, path = "/entries/{position}", tag = "records", params(("position" = u64, Path)),
    responses((status = 200, body = EntryWithChain)))]
pub async fn get_entry(State(app): State<App>, Path(position): Path<u64>) -> Result<Json<EntryWithChain>, Problem> {
    let found = app.blocking(move |site| site.entry(Position(position))).await?;
    let found = found.ok_or_else(|| Problem::not_found("entry", position))?;
    let link = |link: site::Link| ChainLink { position: link.position, summary: link.summary, cause: link.cause };
    Ok(Json(EntryWithChain { entry: found.message.into(), chain: found.chain.into_iter().map(link).collect() }))
}
