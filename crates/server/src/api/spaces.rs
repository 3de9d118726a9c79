//! Spaces and the overview.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Geometry, Name, SpaceId, SpaceKind, ThingId, Timestamp, Unit, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use crate::http::{IfMatch, Json, Made, Path, Problem, Revised};

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
    /// Where it lies on the earth, as GeoJSON has it; null when nobody said so.
    #[schema(required)]
    pub geometry: Option<Arc<Geometry>>,
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
    /// Where it lies on the earth, as GeoJSON has it.
    #[serde(default)]
    pub geometry: Option<Arc<Geometry>>,
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
    /// Where it lies on the earth, as GeoJSON has it; null takes it off the map.
    #[serde(default, deserialize_with = "super::things::present")]
    #[schema(value_type = Option<Geometry>)]
    pub geometry: Option<Option<Arc<Geometry>>>,
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
    /// What people call the thing.
    pub thing_title: String,
    /// Which property.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub value: Value,
    /// The unit.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// Digits after the point that are worth showing, if the model says so.
    #[schema(required)]
    pub decimals: Option<u8>,
    /// Whether it can be written.
    pub writable: bool,
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
    /// Findings that nobody has looked at.
    pub insights_open: usize,
    /// What wants to be looked at, most pressing first.
    pub attention: Vec<Attention>,
}

/// All spaces, parents before their children.
#[utoipa::path(get, path = "/spaces", tag = "spaces", responses((status = 200, body = Vec<Space>)))]
pub async fn list_spaces(State(app): State<App>) -> Result<Json<Vec<Space>>, Problem> {
    let spaces = app.site.spaces().into_iter().map(|(row, things)| Space::new(row, things));
    Ok(Json(parents_first(spaces.collect())))
}

/// Makes a space.
#[utoipa::path(post, path = "/spaces", tag = "spaces", responses((status = 201, body = Space)))]
pub async fn make_space(
    State(app): State<App>,
    Json(new): Json<NewSpace>,
) -> Result<(StatusCode, Extension<Made>, Revised<Space>), Problem> {
    let title = new.title.trim().to_owned();
    if title.is_empty() {
        return Err(Problem::invalid("a space needs a title").at("title"));
    }
    let spaces = app.site.spaces();
    let id = match new.id {
        Some(id) => id,
        None => free_id(&title, &spaces)?,
    };
    let root = spaces.iter().find(|(row, _)| row.space.parent.is_none()).map(|(row, _)| row.space.id.clone());
    let space = model::Space { id, parent: new.parent.or(root), kind: new.kind, title, geometry: new.geometry };
    let row = app.blocking(move |site| site.add_space(space)).await?;
    Ok((StatusCode::CREATED, Extension(Made(row.space.id.to_string())), Revised(row.rev, Space::new(row, 0))))
}

/// One space.
#[utoipa::path(get, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 200, body = Space, headers(("etag" = String)))))]
pub async fn get_space(State(app): State<App>, Path(id): Path<SpaceId>) -> Result<Revised<Space>, Problem> {
    let (row, things) = find(&app, &id)?;
    Ok(Revised(row.rev, Space::new(row, things)))
}

/// Names or moves a space.
#[utoipa::path(patch, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 200, body = Space, headers(("etag" = String)))))]
pub async fn change_space(
    State(app): State<App>,
    Path(id): Path<SpaceId>,
    if_match: IfMatch,
    Json(change): Json<SpaceChange>,
) -> Result<Revised<Space>, Problem> {
    let (row, things) = find(&app, &id)?;
    let mut space = row.space;
    space.parent = change.parent.or(space.parent);
    space.kind = change.kind.unwrap_or(space.kind);
    space.title = change.title.unwrap_or(space.title);
    space.geometry = change.geometry.unwrap_or(space.geometry);
    let row = app.blocking(move |site| site.replace_space(space, if_match.0.or(Some(row.rev)))).await?;
    Ok(Revised(row.rev, Space::new(row, things)))
}

/// Removes a space that has no spaces in it. Its things go to the space around it.
#[utoipa::path(delete, path = "/spaces/{id}", tag = "spaces", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_space(
    State(app): State<App>,
    Path(id): Path<SpaceId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    app.blocking(move |site| site.remove_space(&id, if_match.0)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The site at a glance.
#[utoipa::path(get, path = "/overview", tag = "spaces", responses((status = 200, body = Overview)))]
pub async fn overview(State(app): State<App>) -> Result<Json<Overview>, Problem> {
    Ok(Json(Overview::from(&*app.site.overview())))
}

fn find(app: &App, id: &SpaceId) -> Result<(twin::SpaceRow, usize), Problem> {
    let found = app.site.spaces().into_iter().find(|(row, _)| row.space.id == *id);
    found.ok_or_else(|| Problem::not_found("space", id))
}

/// An id that no space has, made from a title: `Living room` is `living-room`.
fn free_id(title: &str, spaces: &[(twin::SpaceRow, usize)]) -> Result<SpaceId, Problem> {
    let words: Vec<String> =
        title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let stem = if words.is_empty() { "space".to_owned() } else { words.join("-") };
    let numbered = std::iter::once(stem.clone()).chain((2..=spaces.len() + 2).map(|number| format!("{stem}-{number}")));
    let free = |id: &SpaceId| spaces.iter().all(|(row, _)| row.space.id != *id);
    let found = numbered.filter_map(|id| SpaceId::new(id).ok()).find(free);
    found.ok_or_else(|| Problem::invalid("no id can be made from this title").at("title").hint("give an id"))
}

/// Sorts parents before their children, and siblings by title.
fn parents_first(spaces: Vec<Space>) -> Vec<Space> {
    let mut children: HashMap<Option<SpaceId>, Vec<Space>> = HashMap::new();
    for space in spaces {
        children.entry(space.parent.clone()).or_default().push(space);
    }
    let mut sorted = Vec::new();
    let mut next = vec![None];
    while let Some(parent) = next.pop() {
        let mut level = children.remove(&parent).unwrap_or_default();
        level.sort_by(|a, b| a.title.cmp(&b.title));
        next.extend(level.iter().rev().map(|space| Some(space.id.clone())));
        sorted.extend(level);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(id: &str, parent: Option<&str>) -> Space {
        let parent = parent.map(|parent| SpaceId::new(parent).unwrap());
        let (id, title) = (SpaceId::new(id).unwrap(), id.to_owned());
        Space { id, parent, kind: SpaceKind::Room, title, geometry: None, rev: 1, things: 0 }
    }

    #[test]
    fn parents_come_before_their_children() {
        let spaces =
            vec![space("b", Some("root")), space("c", Some("a")), space("a", Some("root")), space("root", None)];
        let sorted: Vec<String> = parents_first(spaces).into_iter().map(|space| space.id.to_string()).collect();
        assert_eq!(sorted, ["root", "a", "b", "c"]);
    }

    #[test]
    fn ids_are_made_from_titles_and_are_free() {
        let row = |id: &str| {
            let space = model::Space::new(SpaceId::new(id).unwrap(), None, SpaceKind::Room, id);
            (twin::SpaceRow { space, rev: 1 }, 0)
        };
        assert_eq!(free_id("Living room!", &[]).unwrap().as_str(), "living-room");
        assert_eq!(free_id("Bath", &[row("bath"), row("bath-2")]).unwrap().as_str(), "bath-3");
        assert_eq!(free_id("거실", &[]).unwrap().as_str(), "거실");
        assert_eq!(free_id("///", &[]).unwrap().as_str(), "space");
    }
}
