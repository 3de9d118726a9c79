//! Spaces and the overview.

use axum::extract::State;
use axum::http::StatusCode;
use model::{Name, SpaceId, SpaceKind, ThingId, Timestamp, Unit, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, unbuilt};
use crate::http::{IfMatch, Json, Path, Problem, Revised};

/// A place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Space {
    /// Unique in the site.
    pub id: SpaceId,
    /// The space around it; null for the root.
    #[schema(required)]
    pub parent: Option<SpaceId>,
    /// The sort of place.
    pub kind: SpaceKind,
    /// What people call it.
    pub title: String,
    /// Its revision, also the ETag.
    pub rev: i64,
    /// Accepted things in it, without those of the spaces below.
    pub things: usize,
}

/// A new place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSpace {
    /// Unique in the site; made from the title when not given.
    #[serde(default)]
    pub id: Option<SpaceId>,
    /// The space around it; the root when not given.
    #[serde(default)]
    pub parent: Option<SpaceId>,
    /// The sort of place.
    pub kind: SpaceKind,
    /// What people call it.
    pub title: String,
}

/// What to change of a place; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceChange {
    /// The space around it.
    #[serde(default)]
    pub parent: Option<SpaceId>,
    /// The sort of place.
    #[serde(default)]
    pub kind: Option<SpaceKind>,
    /// What people call it.
    #[serde(default)]
    pub title: Option<String>,
}

/// How pressing something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttentionLevel {
    /// Look at it some time.
    Amber,
    /// Look at it now.
    Red,
}

/// Something that wants to be looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attention {
    /// About which thing; null when it is about the site.
    #[schema(required)]
    pub thing: Option<ThingId>,
    /// What people call the thing.
    pub title: String,
    /// What is wrong, in words.
    pub text: String,
    /// How pressing it is.
    pub level: AttentionLevel,
}

/// One headline figure of a space.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceHeadline {
    /// Whose.
    pub thing: ThingId,
    /// Which property.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub value: Value,
    /// The unit.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// When it was so.
    #[schema(value_type = i64)]
    pub time: Timestamp,
}

/// A space at a glance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceOverview {
    /// The space.
    pub space: Space,
    /// Accepted things in it.
    pub things: usize,
    /// How many of them are online.
    pub online: usize,
    /// What wants to be looked at.
    pub attention: Vec<Attention>,
    /// The figures to show.
    pub headline: Vec<SpaceHeadline>,
}

/// The site in numbers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Totals {
    /// Accepted things.
    pub things: usize,
    /// How many of them are online.
    pub online: usize,
    /// Things waiting to be accepted.
    pub inbox: usize,
    /// Records a second, over the last ten seconds.
    pub records_per_second: f64,
    /// Messages that no adapter could decode.
    pub undecodable: u64,
}

/// The site at a glance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Overview {
    /// The spaces that have things, and those above them.
    pub spaces: Vec<SpaceOverview>,
    /// The site in numbers.
    pub totals: Totals,
    /// What wants to be looked at, most pressing first.
    pub attention: Vec<Attention>,
}

/// All spaces, parents before their children.
#[utoipa::path(get, path = "/spaces", tag = "spaces", responses((status = 200, body = Vec<Space>)))]
pub async fn list_spaces(State(_app): State<App>) -> Result<Json<Vec<Space>>, Problem> {
    Err(unbuilt())
}

/// Makes a space.
#[utoipa::path(post, path = "/spaces", tag = "spaces", responses((status = 201, body = Space)))]
pub async fn make_space(
    State(_app): State<App>,
    Json(_new): Json<NewSpace>,
) -> Result<(StatusCode, Revised<Space>), Problem> {
    Err(unbuilt())
}

/// One space.
#[utoipa::path(get, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 200, body = Space, headers(("etag" = String)))))]
pub async fn get_space(State(_app): State<App>, Path(_id): Path<SpaceId>) -> Result<Revised<Space>, Problem> {
    Err(unbuilt())
}

/// Names or moves a space.
#[utoipa::path(patch, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 200, body = Space, headers(("etag" = String)))))]
pub async fn change_space(
    State(_app): State<App>,
    Path(_id): Path<SpaceId>,
    _if_match: IfMatch,
    Json(_change): Json<SpaceChange>,
) -> Result<Revised<Space>, Problem> {
    Err(unbuilt())
}

/// Removes a space that has no spaces in it. Its things go to the space around it.
#[utoipa::path(delete, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_space(
    State(_app): State<App>,
    Path(_id): Path<SpaceId>,
    _if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}

/// The site at a glance.
#[utoipa::path(get, path = "/overview", tag = "spaces", responses((status = 200, body = Overview)))]
pub async fn overview(State(_app): State<App>) -> Result<Json<Overview>, Problem> {
    Err(unbuilt())
}
