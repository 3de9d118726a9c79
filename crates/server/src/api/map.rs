//! The map: tiles of things, the shapes of spaces, questions about places, sums by space, import.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Bounds, Coordinates, Geometry, Name, SpaceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use site::map::import::{IMPORT_BYTES_MAX, ImportError, ImportOutcome, MapImport};
use site::map::{DISTANCE_METRES_MAX, FOUND_MAX, MapPoint, MapTile, Where};
use twin::{PresenceState, Square, TileAddress};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::types::ThingSummary;
use crate::http::mvt::{EXTENT, Layer, TileValue};
use crate::http::{Json, Path, Problem, Query, extract, mvt};

/// The media type of a vector tile.
const TILE_TYPE: &str = "application/vnd.mapbox-vector-tile";

/// The corners of a rectangle.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct MapBounds {
    /// Its lower left corner.
    pub south_west: Coordinates,
    /// Its upper right corner.
    pub north_east: Coordinates,
}

/// How many things of a kind are on the map.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KindCount {
    /// The kind in one word; empty when nobody knows.
    pub kind: String,
    /// How many.
    pub things: usize,
}

/// What there is on the map.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MapSummary {
    /// The rectangle around everything on it; null when nothing is.
    #[schema(required)]
    pub bounds: Option<MapBounds>,
    /// Things on it.
    pub things: usize,
    /// Accepted things that are not: nobody said where they are.
    pub elsewhere: usize,
    /// How many of each kind, the most first.
    pub kinds: Vec<KindCount>,
}

/// A shape with what is known of its space.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceFeature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The space.
    pub id: SpaceId,
    /// Where it lies.
    pub geometry: Arc<Geometry>,
    /// What is known of it.
    pub properties: SpaceProperties,
}

/// What is known of a space on the map.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceProperties {
    /// The space.
    pub id: SpaceId,
    /// What people call it.
    pub title: String,
    /// The sort of place.
    pub kind: model::SpaceKind,
    /// Accepted things in it or within it.
    pub things: usize,
    /// How many of them are online.
    pub online: usize,
    /// A point to hang its name on.
    pub middle: Coordinates,
}

/// The spaces that have a shape, as GeoJSON.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceFeatures {
    /// Always `FeatureCollection`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// One for each space.
    pub features: Vec<SpaceFeature>,
}

/// Which tile.
#[derive(Debug, Clone, Deserialize)]
pub struct TilePath {
    level: u8,
    column: u32,
    row: u32,
}

/// What of it.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TileQuery {
    /// Only things of this kind.
    pub kind: Option<String>,
}

/// Where to look: exactly one of a rectangle, a space, or a point; with `metres`, around it.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlaceQuery {
    /// A rectangle: `west,south,east,north` in degrees.
    pub bounds: Option<String>,
    /// A space that has a shape: what lies inside it, or with `metres` what lies inside or along it.
    #[param(value_type = Option<String>)]
    pub space: Option<SpaceId>,
    /// A point: `longitude,latitude` in degrees; needs `metres`.
    pub point: Option<String>,
    /// How far away at most, up to 100,000.
    pub metres: Option<f64>,
    /// Only things of this kind.
    pub kind: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A thing that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundThing {
    /// The thing.
    #[serde(flatten)]
    pub thing: ThingSummary,
    /// How far away in metres; null when a rectangle or the inside of a space was asked for.
    #[schema(required)]
    pub distance_metres: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundThings {
    /// Nearest first, or in order of id.
    pub items: Vec<FoundThing>,
    /// How many fit.
    pub total: usize,
    /// False when there was so much to look at that the rest was left out.
    pub complete: bool,
}

/// Of what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RollUpQuery {
    /// Which property.
    #[param(value_type = String)]
    pub name: Name,
    /// Only things of this kind.
    pub kind: Option<String>,
}

/// The sums of a property over a space and what is within it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpaceSums {
    /// The space.
    pub space: SpaceId,
    /// How many things told it.
    pub things: usize,
    /// The sum.
    pub sum: f64,
    /// The mean.
    pub mean: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// How to take a file in.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Only say what would be done.
    pub dry_run: Option<bool>,
}

/// What there is on the map.
#[utoipa::path(get, path = "/map", tag = "map", responses((status = 200, body = MapSummary)))]
pub async fn map_summary(State(app): State<App>) -> Json<MapSummary> {
    let summary = app.site.map_summary();
    let bounds = |bounds: Bounds| MapBounds { south_west: bounds.south_west, north_east: bounds.north_east };
    let kinds = summary.kinds.into_iter().map(|(kind, things)| KindCount { kind: kind.to_string(), things });
    Json(MapSummary {
        bounds: summary.bounds.map(bounds),
        things: summary.things,
        elsewhere: summary.elsewhere,
        kinds: kinds.collect(),
    })
}

/// Things on a tile, as a vector tile with the layers `things` and `clusters`.
#[utoipa::path(get, path = "/map/tiles/{level}/{column}/{row}", tag = "map",
    params(("level" = u8, Path), ("column" = u32, Path), ("row" = u32, Path), TileQuery),
    responses((status = 200, content((Vec<u8> = "application/vnd.mapbox-vector-tile"))), (status = 304)))]
pub async fn map_tile(
    State(app): State<App>,
    Path(path): Path<TilePath>,
    Query(query): Query<TileQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let address = TileAddress::new(path.level, path.column, path.row).ok_or_else(|| {
        Problem::invalid(format!("there is no tile {}/{}/{}", path.level, path.column, path.row))
            .hint(format!("levels go to {}, columns and rows to 2^level", twin::TILE_LEVEL_MAX))
    })?;
    let tile = write_tile(address, app.site.map_tile(address, query.kind.as_deref()));
    let tag = format!("\"{}\"", short_hash(&tile));
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { tile.into_response() };
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(TILE_TYPE));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    fields.insert(header::ETAG, HeaderValue::from_str(&tag).map_err(|error| Problem::internal(&error))?);
    Ok(response)
}

/// The spaces that have a shape, as GeoJSON.
#[utoipa::path(get, path = "/map/spaces", tag = "map", responses((status = 200, body = SpaceFeatures)))]
pub async fn map_spaces(State(app): State<App>) -> Json<SpaceFeatures> {
    let feature = |(row, things, online): (twin::SpaceRow, usize, usize)| {
        let model::Space { id, kind, title, geometry, .. } = row.space;
        let geometry = geometry?;
        let middle = geometry.middle();
        let properties = SpaceProperties { id: id.clone(), title, kind, things, online, middle };
        Some(SpaceFeature { kind: "Feature", id, geometry, properties })
    };
    let features = app.site.spaces_on_map().into_iter().filter_map(feature).collect();
    Json(SpaceFeatures { kind: "FeatureCollection", features })
}

/// The things at a place: in a rectangle, inside or along a space, or around a point.
#[utoipa::path(get, path = "/map/things", tag = "map", params(PlaceQuery),
    responses((status = 200, body = FoundThings)))]
pub async fn map_things(State(app): State<App>, Query(query): Query<PlaceQuery>) -> Result<Json<FoundThings>, Problem> {
    let place = place(&app, &query)?;
    let limit = query.limit.unwrap_or(FOUND_MAX).clamp(1, FOUND_MAX);
    let found = app.site.find_on_map(&place, query.kind.as_deref(), limit);
    let items = found
        .items
        .into_iter()
        .map(|found| FoundThing { thing: ThingSummary::from(found.summary), distance_metres: found.distance_metres });
    Ok(Json(FoundThings { items: items.collect(), total: found.total, complete: found.complete }))
}

/// What things tell of a property now, summed up by space.
#[utoipa::path(get, path = "/map/roll-up", tag = "map", params(RollUpQuery),
    responses((status = 200, body = Vec<SpaceSums>)))]
pub async fn map_roll_up(State(app): State<App>, Query(query): Query<RollUpQuery>) -> Json<Vec<SpaceSums>> {
    let sums = app.site.roll_up(&query.name, query.kind.as_deref());
    let row = |(space, sums): (SpaceId, site::map::RollUp)| SpaceSums {
        space,
        things: sums.things,
        sum: sums.sum,
        mean: sums.mean(),
        least: sums.least,
        most: sums.most,
    };
    let mut rows: Vec<SpaceSums> = sums.into_iter().map(row).collect();
    rows.sort_by(|a, b| a.space.cmp(&b.space));
    Json(rows)
}

/// Takes in spaces and things from a GeoJSON FeatureCollection: all of them, or none when a row is wrong.
#[utoipa::path(post, path = "/map/import", tag = "map", params(ImportQuery), request_body = serde_json::Value,
    responses((status = 200, body = ImportOutcome)))]
pub async fn import_map(
    State(app): State<App>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportOutcome>, Problem> {
    let text = extract::body(request, IMPORT_BYTES_MAX).await?;
    let dry_run = query.dry_run.unwrap_or(false);
    let outcome = app
        .blocking(move |site| {
            let import = MapImport::read(&text).map_err(refused)?;
            site.import_map(import, dry_run).map_err(Problem::from)
        })
        .await?;
    Ok(Json(outcome))
}

fn refused(error: ImportError) -> Problem {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((detail, hint)) => Problem::invalid(detail).hint(hint),
        None => Problem::invalid(text),
    }
}

fn place(app: &App, query: &PlaceQuery) -> Result<Where, Problem> {
    let one_of = "say where: exactly one of bounds, space and point";
    let metres_max = query.metres.unwrap_or(0.0);
    if !(0.0..=DISTANCE_METRES_MAX).contains(&metres_max) {
        return Err(Problem::invalid(format!("a distance is at most {DISTANCE_METRES_MAX} m")).at("metres"));
    }
    match (&query.bounds, &query.space, &query.point) {
        (Some(text), None, None) => {
            let [west, south, east, north] = numbers(text).ok_or_else(|| {
                Problem::invalid("a rectangle is four numbers").at("bounds").hint("west,south,east,north in degrees")
            })?;
            let (south_west, north_east) = (corner(west, south, "bounds")?, corner(east, north, "bounds")?);
            if west > east || south > north {
                let hint = "west,south,east,north; what crosses the 180th meridian needs two questions";
                return Err(Problem::invalid("the rectangle is inside out").at("bounds").hint(hint));
            }
            Ok(Where::Within(Bounds { south_west, north_east }))
        }
        (None, Some(id), None) => {
            let spaces = app.site.spaces();
            let row = spaces.into_iter().map(|(row, _)| row).find(|row| row.space.id == *id);
            let row = row.ok_or_else(|| Problem::not_found("space", id).at("space"))?;
            let geometry = row.space.geometry.ok_or_else(|| {
                Problem::invalid(format!("{id} has no shape")).at("space").hint("give it a geometry first")
            })?;
            Ok(match query.metres {
                Some(metres_max) => Where::Along { geometry, metres_max },
                None => Where::Inside(geometry),
            })
        }
        (None, None, Some(text)) => {
            let [longitude, latitude] = numbers(text).ok_or_else(|| {
                Problem::invalid("a point is two numbers").at("point").hint("longitude,latitude in degrees")
            })?;
            if query.metres.is_none() {
                return Err(Problem::invalid("a point needs a distance").at("metres"));
            }
            Ok(Where::Near { point: corner(longitude, latitude, "point")?, metres_max })
        }
        _ => Err(Problem::invalid(one_of)),
    }
}

fn corner(longitude: f64, latitude: f64, at: &'static str) -> Result<Coordinates, Problem> {
    Coordinates::new(longitude, latitude).map_err(|error| {
        let text = error.to_string();
        let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        let problem = Problem::invalid(detail).at(at);
        if hint.is_empty() { problem } else { problem.hint(hint) }
    })
}

fn numbers<const COUNT: usize>(text: &str) -> Option<[f64; COUNT]> {
    let parsed: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    parsed.ok()?.try_into().ok()
}

fn write_tile(address: TileAddress, tile: MapTile) -> Vec<u8> {
    let place = |square: Square| address.place(square, EXTENT);
    let mut clusters = Layer::new("clusters");
    for cluster in &tile.clusters {
        let count = |count: u32| TileValue::Count(u64::from(count));
        let tags = [("things", count(cluster.things)), ("offline", count(cluster.offline))];
        clusters.point(place(cluster.middle), tags);
    }
    let mut things = Layer::new("things");
    for point in tile.points {
        let at = place(Square::of(point.location));
        things.point(at, tags(point));
    }
    mvt::write(&[clusters, things])
}

/// What a page is told of a thing on the map.
fn tags(point: MapPoint) -> Vec<(&'static str, TileValue)> {
    let text = |text: &str| TileValue::Text(text.to_owned());
    let presence = match point.presence {
        PresenceState::Online => "online",
        PresenceState::Offline => "offline",
        PresenceState::Unknown => "unknown",
    };
    let mut tags = vec![
        ("id", text(point.thing.as_str())),
        ("title", TileValue::Text(point.title)),
        ("kind", TileValue::Text(point.kind)),
        ("presence", text(presence)),
    ];
    if let Some(level) = point.level {
        tags.push(("attention", text(if level == site::Level::Red { "red" } else { "amber" })));
    }
    if let Some(headline) = point.headline {
        let unit = headline.unit.as_ref().map(model::Unit::as_str).unwrap_or_default();
        tags.push(("name", text(headline.name.as_str())));
        tags.push(("value", TileValue::Text(headline.value.to_string())));
        tags.push(("unit", text(unit)));
    }
    tags
}

fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}
