//! Things: the list, one thing, its model, the inbox and virtual things.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{SpaceId, ThingId, ThingModel};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::Page;
use super::types::{ModelChoice, NewCredential, Presence, Thing, ThingStatus, ThingSummary};
use super::{App, unbuilt};
use crate::http::{IfMatch, Json, Path, Problem, Query, Revised};

/// How a list of things is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// By title.
    #[default]
    Title,
    /// Newest first.
    LastSeen,
    /// Online, unknown, offline; then by title.
    Presence,
}

/// Which things.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ThingsQuery {
    /// Words that id, title, kind or tags contain.
    pub search: Option<String>,
    /// Only things in this space or one below it.
    #[param(value_type = Option<String>)]
    pub space: Option<SpaceId>,
    /// Only things with this tag.
    pub tag: Option<String>,
    /// Only things of this kind.
    pub kind: Option<String>,
    /// Only things of this presence.
    #[param(inline)]
    pub presence: Option<Presence>,
    /// Only things of this status; `accepted` when not given.
    #[param(inline)]
    pub status: Option<ThingStatus>,
    /// Only things of this protocol.
    pub adapter: Option<String>,
    /// How to sort.
    #[param(inline)]
    pub sort: Option<Sort>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A thing made by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThing {
    /// Unique; also its MQTT username.
    pub id: ThingId,
    /// What people call it.
    #[serde(default)]
    pub title: Option<String>,
    /// What it can tell and do; inferred from what it says when not given.
    #[serde(default)]
    pub model: Option<ModelChoice>,
    /// Where it is.
    #[serde(default)]
    pub space: Option<SpaceId>,
    /// What people sort it by.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A thing made by hand, with the secret it signs in with.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeThing {
    /// The thing.
    pub thing: Thing,
    /// Its credential, shown this once.
    pub credential: NewCredential,
}

/// What to change of a thing; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThingChange {
    /// What people call it.
    #[serde(default)]
    pub title: Option<String>,
    /// Where it is; null takes it out of its space.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<SpaceId>)]
    pub space: Option<Option<SpaceId>>,
    /// What people sort it by.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Accept or ignore it.
    #[serde(default)]
    pub status: Option<ThingStatus>,
}

/// Tells "null" from "left out".
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// How a model is shown.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ModelQuery {
    /// `wot` for a W3C Web of Things Thing Model.
    #[param(inline)]
    pub format: Option<ModelFormat>,
}

/// The forms of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelFormat {
    /// A W3C Web of Things Thing Model (`application/tm+json`).
    Wot,
}

/// Which things of the inbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxChoice {
    /// These.
    #[serde(default)]
    pub things: Vec<ThingId>,
    /// Every thing in the inbox.
    #[serde(default)]
    pub all: bool,
    /// Where to put them.
    #[serde(default)]
    pub space: Option<SpaceId>,
}

/// How many things an inbox operation moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboxDone {
    /// How many.
    pub accepted: usize,
}

/// How many things were ignored.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboxIgnored {
    /// How many.
    pub ignored: usize,
}

/// A thing that this server plays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVirtualThing {
    /// What it shall be.
    pub model: ModelChoice,
    /// Its id; made from the model's when not given.
    #[serde(default)]
    pub id: Option<ThingId>,
    /// What people call it.
    #[serde(default)]
    pub title: Option<String>,
}

/// Lists things.
#[utoipa::path(get, path = "/things", tag = "things", params(ThingsQuery),
    responses((status = 200, body = Page<ThingSummary>)))]
pub async fn list_things(
    State(_app): State<App>,
    Query(_query): Query<ThingsQuery>,
) -> Result<Json<Page<ThingSummary>>, Problem> {
    Err(unbuilt())
}

/// Makes a thing by hand. It is accepted at once and gets a credential.
#[utoipa::path(post, path = "/things", tag = "things", responses((status = 201, body = MadeThing)))]
pub async fn make_thing(
    State(_app): State<App>,
    Json(_new): Json<NewThing>,
) -> Result<(StatusCode, Json<MadeThing>), Problem> {
    Err(unbuilt())
}

/// One thing with everything that is known of it.
#[utoipa::path(get, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn get_thing(State(_app): State<App>, Path(_thing): Path<ThingId>) -> Result<Revised<Thing>, Problem> {
    Err(unbuilt())
}

/// Names, places, tags, accepts or ignores a thing.
#[utoipa::path(patch, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn change_thing(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    _if_match: IfMatch,
    Json(_change): Json<ThingChange>,
) -> Result<Revised<Thing>, Problem> {
    Err(unbuilt())
}

/// Forgets a thing with its credential and history. Its messages stay on the log until retention removes them.
#[utoipa::path(delete, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 204)))]
pub async fn delete_thing(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    _if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}

/// What a thing can tell and do.
#[utoipa::path(get, path = "/things/{thing}/model", tag = "things", params(("thing" = String, Path), ModelQuery),
    responses((status = 200, content(
        (ThingModel = "application/json"),
        (serde_json::Value = "application/tm+json"),
    ))))]
pub async fn get_model(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    Query(_query): Query<ModelQuery>,
) -> Result<Response, Problem> {
    Err::<(), _>(unbuilt()).map(IntoResponse::into_response)
}

/// Corrects what a thing can tell and do: our form, or a W3C Thing Model or Description.
#[utoipa::path(put, path = "/things/{thing}/model", tag = "things", params(("thing" = String, Path)),
    request_body = ThingModel, responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn correct_model(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
    _if_match: IfMatch,
    Json(_model): Json<serde_json::Value>,
) -> Result<Revised<Thing>, Problem> {
    Err(unbuilt())
}

/// Accepts things from the inbox.
#[utoipa::path(post, path = "/inbox/accept", tag = "things", responses((status = 200, body = InboxDone)))]
pub async fn accept_inbox(
    State(_app): State<App>,
    Json(_choice): Json<InboxChoice>,
) -> Result<Json<InboxDone>, Problem> {
    Err(unbuilt())
}

/// Ignores things of the inbox.
#[utoipa::path(post, path = "/inbox/ignore", tag = "things", responses((status = 200, body = InboxIgnored)))]
pub async fn ignore_inbox(
    State(_app): State<App>,
    Json(_choice): Json<InboxChoice>,
) -> Result<Json<InboxIgnored>, Problem> {
    Err(unbuilt())
}

/// Starts a thing that this server plays, of any model.
#[utoipa::path(post, path = "/virtual-things", tag = "things", responses((status = 201, body = Thing)))]
pub async fn make_virtual_thing(
    State(_app): State<App>,
    Json(_new): Json<NewVirtualThing>,
) -> Result<(StatusCode, Json<Thing>), Problem> {
    Err(unbuilt())
}

/// The models that are known.
#[utoipa::path(get, path = "/models", tag = "things", responses((status = 200, body = Vec<ThingModel>)))]
pub async fn list_models(State(_app): State<App>) -> Result<Json<Vec<ThingModel>>, Problem> {
    Err(unbuilt())
}

/// Makes a new secret for a thing; the old one stops working. The secret is shown this once.
#[utoipa::path(post, path = "/things/{thing}/credential", tag = "things", params(("thing" = String, Path)),
    request_body(content = Option<super::access::CredentialRules>),
    responses((status = 201, body = NewCredential)))]
pub async fn rotate_credential(
    State(_app): State<App>,
    Path(_thing): Path<ThingId>,
) -> Result<(StatusCode, Json<NewCredential>), Problem> {
    Err(unbuilt())
}

/// Takes a thing's credential away.
#[utoipa::path(delete, path = "/things/{thing}/credential", tag = "things", params(("thing" = String, Path)),
    responses((status = 204)))]
pub async fn delete_credential(State(_app): State<App>, Path(_thing): Path<ThingId>) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}
