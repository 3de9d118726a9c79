//! History: which series there are, their points or buckets, and the state of the site at any time.

use axum::extract::{RawQuery, State};
use model::{DataType, Name, ThingId, Timestamp, Unit, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{App, unbuilt};
use crate::http::{Json, Problem, Query};

/// Which series.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// Only those of this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
}

/// A series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series {
    /// Whose.
    pub thing: ThingId,
    /// Which property or event.
    pub name: Name,
    /// The type of its values.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// The unit of its values.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// Its oldest point.
    pub first_us: i64,
    /// Its newest point.
    pub last_us: i64,
    /// Raw points kept.
    pub points: u64,
}

/// Which points.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PointsQuery {
    /// Whose series; with `name`.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// Which series; with `thing`.
    #[param(value_type = Option<String>)]
    pub name: Option<Name>,
    /// Instead of `thing` and `name`: `thing/name`, may be repeated.
    #[serde(default)]
    pub series: Vec<String>,
    /// From this time on, in microseconds.
    pub from: Option<i64>,
    /// Before this time, in microseconds; now when not given.
    pub to: Option<i64>,
    /// How many columns the picture has: at most one bucket each.
    pub pixels: Option<usize>,
}

/// How fine the points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum TierName {
    /// As they were reported.
    #[serde(rename = "raw")]
    Raw,
    /// From one bucket a minute.
    #[serde(rename = "1m")]
    Minute,
    /// From one bucket an hour.
    #[serde(rename = "1h")]
    Hour,
}

/// The points of one series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesPoints {
    /// Whose.
    pub thing: ThingId,
    /// Which property or event.
    pub name: Name,
    /// The type of its values.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// The unit of its values.
    #[schema(required)]
    pub unit: Option<Unit>,
    /// What the numbers of a point are: `time,min,max,first,last,mean,count`, or `time,value` for what is not a number.
    pub columns: Vec<&'static str>,
    /// The points, oldest first. Times are microseconds.
    pub points: Vec<Vec<Value>>,
}

/// The points of some series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Points {
    /// The coarsest tier that was read.
    pub tier: TierName,
    /// Points before this time were made up by a simulation; null when none were.
    #[schema(required)]
    pub simulated_until_us: Option<i64>,
    /// The series, as asked.
    pub series: Vec<SeriesPoints>,
}

/// Which moment.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StateQuery {
    /// The moment, in microseconds.
    pub at: i64,
    /// Only this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
}

/// A property as it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PastProperty {
    /// Whose.
    pub thing: ThingId,
    /// Which property.
    pub name: Name,
    /// What it was.
    pub value: Value,
    /// When it was reported.
    #[schema(value_type = i64)]
    pub time: Timestamp,
}

/// The site as it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PastState {
    /// The moment, in microseconds.
    pub at: i64,
    /// Every property as it was.
    pub properties: Vec<PastProperty>,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// `thing,name,time,value` with a head line; times as RFC 3339.
    #[default]
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What to export.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The form.
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Only this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// Only series of this name.
    #[param(value_type = Option<String>)]
    pub name: Option<Name>,
    /// From this time on, in microseconds.
    pub from: Option<i64>,
    /// Before this time, in microseconds.
    pub to: Option<i64>,
}

/// Which series there are.
#[utoipa::path(get, path = "/history/series", tag = "history", params(SeriesQuery),
    responses((status = 200, body = Vec<Series>)))]
pub async fn list_series(
    State(_app): State<App>,
    Query(_query): Query<SeriesQuery>,
) -> Result<Json<Vec<Series>>, Problem> {
    Err(unbuilt())
}

/// The points of one or more series, at most one bucket for each pixel. Minimum and maximum are exact.
#[utoipa::path(get, path = "/history", tag = "history", params(PointsQuery),
    responses((status = 200, body = Points)))]
pub async fn points(State(_app): State<App>, RawQuery(_query): RawQuery) -> Result<Json<Points>, Problem> {
    Err(unbuilt())
}

/// The state of the site at any time.
#[utoipa::path(get, path = "/history/state", tag = "history", params(StateQuery),
    responses((status = 200, body = PastState)))]
pub async fn state_at(State(_app): State<App>, Query(_query): Query<StateQuery>) -> Result<Json<PastState>, Problem> {
    Err(unbuilt())
}

/// Points as a file.
#[utoipa::path(get, path = "/history/export", tag = "history", params(ExportQuery),
    responses((status = 200, content((String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")))))]
pub async fn export(
    State(_app): State<App>,
    Query(_query): Query<ExportQuery>,
) -> Result<axum::response::Response, Problem> {
    Err(unbuilt())
}
