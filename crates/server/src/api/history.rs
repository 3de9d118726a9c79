//! History: which series there are, their points or buckets, and the state of the site at any time.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use model::{DataType, Name, ThingId, Timestamp, Unit, Value};
use serde::{Deserialize, Serialize};
use site::{HistoryPoints, SeriesHistory, Window};
use store::history::{Bucket, HistoryError, SeriesKey, Tier};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::convert::no_thing;
use crate::http::{Json, Problem, Query};

/// The most series of one question.
pub const SERIES_MAX: usize = 64;

/// How many buckets a series gets when nobody says.
pub const PIXELS_DEFAULT: usize = 800;

/// How far back a question goes when nobody says.
const BACK_DEFAULT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The columns of a series of numbers.
const BUCKET_COLUMNS: [&str; 7] = ["time", "min", "max", "first", "last", "mean", "count"];

/// The columns of any other series.
const VALUE_COLUMNS: [&str; 2] = ["time", "value"];

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

/// Which series there are.
#[utoipa::path(get, path = "/history/series", tag = "history", params(SeriesQuery),
    responses((status = 200, body = Vec<Series>)))]
pub async fn list_series(
    State(app): State<App>,
    Query(query): Query<SeriesQuery>,
) -> Result<Json<Vec<Series>>, Problem> {
    app.blocking(move |site| {
        let series = site.series(query.thing.as_ref());
        Ok::<_, Problem>(Json(series.into_iter().map(Series::from).collect()))
    })
    .await
}

/// The points of one or more series, at most one bucket for each pixel. Minimum and maximum are exact.
#[utoipa::path(get, path = "/history", tag = "history", params(PointsQuery),
    responses((status = 200, body = Points)))]
pub async fn points(State(app): State<App>, OriginalUri(uri): OriginalUri) -> Result<Json<Points>, Problem> {
    let query = read_points_query(uri.query().unwrap_or_default())?;
    let keys = keys(&query)?;
    let to = query.to.map_or_else(|| app.clock.now(), Timestamp);
    let from = query.from.map_or(to - BACK_DEFAULT, Timestamp);
    if from >= to {
        return Err(Problem::invalid("from must lie before to").at("from"));
    }
    let window = Window { from, to, pixels: query.pixels.unwrap_or(PIXELS_DEFAULT) };
    let (tier, series) = app.blocking(move |site| read_all(site, keys, window)).await?;
    let tier = match tier {
        Tier::Raw => TierName::Raw,
        Tier::Minute => TierName::Minute,
        Tier::Hour => TierName::Hour,
    };
    let simulated_until_us = app.simulation().until.filter(|until| *until > from).map(Timestamp::micros);
    Ok(Json(Points { tier, simulated_until_us, series }))
}

/// The state of the site at any time.
#[utoipa::path(get, path = "/history/state", tag = "history", params(StateQuery),
    responses((status = 200, body = PastState)))]
pub async fn state_at(State(app): State<App>, Query(query): Query<StateQuery>) -> Result<Json<PastState>, Problem> {
    let rows = app.blocking(move |site| site.state_at(Timestamp(query.at))).await?;
    let wanted = rows.into_iter().filter(|row| query.thing.as_ref().is_none_or(|thing| row.key.thing == *thing));
    let properties = wanted.map(|row| PastProperty {
        thing: row.key.thing.clone(),
        name: row.key.name.clone(),
        value: row.point.value,
        time: row.point.time,
    });
    Ok(Json(PastState { at: query.at, properties: properties.collect() }))
}

/// A query with `series` repeated, which the usual extractor cannot read.
fn read_points_query(text: &str) -> Result<PointsQuery, Problem> {
    let mut query = PointsQuery::default();
    let malformed = |key: &str, problem: String| Problem::malformed(problem).at(key.to_owned());
    for (key, value) in form_urlencoded::parse(text.as_bytes()) {
        let number = || value.parse::<i64>().map_err(|error| malformed(&key, error.to_string()));
        match &*key {
            "thing" => query.thing = Some(ThingId::new(&value).map_err(|error| malformed(&key, error.to_string()))?),
            "name" => query.name = Some(Name::new(&value).map_err(|error| malformed(&key, error.to_string()))?),
            "series" => query.series.push(value.into_owned()),
            "from" => query.from = Some(number()?),
            "to" => query.to = Some(number()?),
            "pixels" => query.pixels = Some(number()?.clamp(1, site::history::COLUMNS_MAX as i64) as usize),
            other => {
                let problem = format!("unknown parameter {other}");
                return Err(malformed(other, problem).hint("thing, name, series, from, to and pixels are known"));
            }
        }
    }
    Ok(query)
}

/// Which series a question is about.
fn keys(query: &PointsQuery) -> Result<Vec<SeriesKey>, Problem> {
    let mut keys = Vec::new();
    for text in &query.series {
        let pair = text.split_once('/').and_then(|(thing, name)| {
            Some(SeriesKey { thing: ThingId::new(thing).ok()?, name: Name::new(name).ok()? })
        });
        keys.push(pair.ok_or_else(|| Problem::malformed("a series is written thing/name").at("series"))?);
    }
    match (&query.thing, &query.name) {
        (Some(thing), Some(name)) => keys.push(SeriesKey { thing: thing.clone(), name: name.clone() }),
        (None, None) => {}
        _ => return Err(Problem::malformed("thing and name belong together").at("name")),
    }
    if keys.is_empty() || keys.len() > SERIES_MAX {
        return Err(Problem::malformed(format!("ask for 1 to {SERIES_MAX} series")).at("series"));
    }
    Ok(keys)
}

/// Reads some series, and says the coarsest tier that was read. What is known but has no points yet is empty.
fn read_all(
    site: &Arc<site::Site>,
    keys: Vec<SeriesKey>,
    window: Window,
) -> Result<(Tier, Vec<SeriesPoints>), Problem> {
    let (mut coarsest, mut all) = (Tier::Raw, Vec::with_capacity(keys.len()));
    for key in keys {
        match site.history(std::slice::from_ref(&key), window) {
            Ok((tier, series)) => {
                coarsest = coarsest.max(tier);
                all.extend(series.into_iter().map(SeriesPoints::from));
            }
            Err(site::SiteError::History(HistoryError::UnknownSeries(_))) => all.push(nothing_yet(site, key)?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((coarsest, all))
}

fn nothing_yet(site: &site::Site, key: SeriesKey) -> Result<SeriesPoints, Problem> {
    let row = site.thing_row(&key.thing).ok_or_else(|| no_thing(&key.thing))?;
    let property = row.model.properties.get(&key.name);
    let property = property.ok_or_else(|| Problem::not_found("series", format!("{}/{}", key.thing, key.name)))?;
    let (data_type, unit) = (property.data_type, property.unit.clone());
    let columns = columns(data_type).to_vec();
    Ok(SeriesPoints { thing: key.thing, name: key.name, data_type, unit, columns, points: Vec::new() })
}

fn columns(data_type: DataType) -> &'static [&'static str] {
    match data_type {
        DataType::Number | DataType::Integer => &BUCKET_COLUMNS,
        DataType::Boolean | DataType::String | DataType::Json => &VALUE_COLUMNS,
    }
}

impl From<SeriesHistory> for SeriesPoints {
    fn from(history: SeriesHistory) -> Self {
        let site::SeriesSummary { thing, name, data_type, unit, .. } = history.series;
        let (columns, points): (&[&str], Vec<Vec<Value>>) = match history.points {
            HistoryPoints::Buckets(buckets) => (&BUCKET_COLUMNS, buckets.iter().map(bucket_row).collect()),
            HistoryPoints::Points(points) => {
                let row = |point: store::history::Point| vec![Value::Integer(point.time.micros()), point.value];
                (&VALUE_COLUMNS, points.into_iter().map(row).collect())
            }
        };
        Self { thing, name, data_type, unit, columns: columns.to_vec(), points }
    }
}

fn bucket_row(bucket: &Bucket) -> Vec<Value> {
    let number = |number: f64| Value::float(number).unwrap_or(Value::Null);
    let mean = bucket.sum / bucket.count.max(1) as f64;
    let mut row = vec![Value::Integer(bucket.time.micros())];
    row.extend([bucket.minimum, bucket.maximum, bucket.first, bucket.last, mean].map(number));
    row.push(Value::Integer(bucket.count as i64));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_may_be_repeated_and_typos_are_named() {
        let query =
            read_points_query("series=lamp/on&series=%EA%B1%B0%EC%8B%A4/t&from=1&to=2&pixels=99999999").unwrap();
        assert_eq!(query.pixels, Some(site::history::COLUMNS_MAX));
        let keys = keys(&query).unwrap();
        assert_eq!((keys[0].thing.as_str(), keys[1].thing.as_str(), keys[1].name.as_str()), ("lamp", "거실", "t"));
        let problem = read_points_query("things=lamp").unwrap_err();
        assert_eq!(problem.place.as_deref(), Some("things"));
        assert!(super::keys(&read_points_query("thing=lamp").unwrap()).is_err());
        assert!(super::keys(&read_points_query("series=lamp").unwrap()).is_err());
        assert!(super::keys(&PointsQuery::default()).is_err());
    }
}
