//! What the site knows, as entities: things, their properties as datastreams, their history as observations.

use std::collections::{BTreeMap, BTreeSet};

use model::{DataType, Name, PropertyModel, ThingId, Timestamp};
use serde_json::{Map, Value, json};
use site::{Site, ThingQuery, ThingSummary};
use store::history::{Point, SeriesInfo};

use super::filter::{Expression, compare};
use super::options::{Expand, Options};
use super::path::{Kind, Scope};

/// How many entities one question looks at.
pub(super) const LOOKED_AT_MAX: usize = 100_000;

/// How many points are read from the history at a time.
const POINTS_AT_A_TIME: usize = 1_000;

/// How many things are read at a time.
const THINGS_AT_A_TIME: usize = 500;

/// How many entities behind a link a filter looks at.
const LINKED_MAX: usize = 100;

/// The type of observations that are numbers (OGC 10-004, table D.2).
const MEASUREMENT: &str = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement";

/// An entity, and what it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) row: Map<String, Value>,
    scope: Scope,
}

/// A part of a set.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) entities: Vec<Map<String, Value>>,
    /// How many there are altogether, where that was asked.
    pub(super) total: Option<usize>,
    pub(super) more: bool,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("there is no {kind} of this id")]
    NotFound { kind: &'static str },
    #[error("{link:?} does not lead on from {from}")]
    NoLink { from: &'static str, link: String },
    #[error(
        "more than {LOOKED_AT_MAX} entities would have to be looked at\nhint: narrow it with $filter, or ask below one Thing or Datastream"
    )]
    TooMuch,
    #[error(transparent)]
    History(#[from] store::history::HistoryError),
}

/// Reads entities of a site.
pub(super) struct Entities<'a> {
    pub(super) site: &'a Site,
    /// The address of the service.
    pub(super) root: String,
    pub(super) now: Timestamp,
}

type Rows<'a> = Box<dyn Iterator<Item = Result<Entity, ReadError>> + 'a>;

impl<'a> Entities<'a> {
    /// One entity.
    pub(super) fn get(&self, kind: Kind, scope: &Scope, options: &Options) -> Result<Map<String, Value>, ReadError> {
        let found = self.rows(kind, scope, (i64::MIN, i64::MAX), false).next().transpose()?;
        let entity = found.ok_or(ReadError::NotFound { kind: kind.single() })?;
        self.shown(kind, entity, options)
    }

    /// A part of a set.
    pub(super) fn list(&self, kind: Kind, scope: &Scope, options: &Options) -> Result<Listed, ReadError> {
        let span = options.filter.as_ref().map_or((i64::MIN, i64::MAX), Expression::span);
        let by_time = order_of_time(kind, scope, options);
        let falling = by_time == Some(true);
        let is_in_order = options.order.is_empty() || by_time.is_some();
        let wanted = self.rows(kind, scope, span, falling).enumerate().filter_map(|(at, entity)| {
            if at >= LOOKED_AT_MAX && (options.filter.is_some() || !is_in_order || options.count) {
                return Some(Err(ReadError::TooMuch));
            }
            entity.map(|entity| self.is_wanted(kind, &entity, options).then_some(entity)).transpose()
        });
        let (top, skip) = (options.top(), options.skip);
        if is_in_order && !options.count {
            let mut found = wanted.skip(skip).take(top + 1).collect::<Result<Vec<_>, _>>()?;
            let more = found.len() > top;
            found.truncate(top);
            return Ok(Listed { entities: self.all_shown(kind, found, options)?, total: None, more });
        }
        let mut found = wanted.collect::<Result<Vec<_>, _>>()?;
        if !is_in_order {
            self.sort(kind, &mut found, options);
        }
        let total = found.len();
        let page: Vec<Entity> = found.into_iter().skip(skip).take(top).collect();
        let more = skip + page.len() < total;
        Ok(Listed { entities: self.all_shown(kind, page, options)?, total: options.count.then_some(total), more })
    }

    fn is_wanted(&self, kind: Kind, entity: &Entity, options: &Options) -> bool {
        let lookup = |path: &[String]| self.lookup(kind, entity, path);
        options.filter.as_ref().is_none_or(|filter| filter.holds(&lookup, self.now))
    }

    /// What a path leads to from an entity.
    fn lookup(&self, kind: Kind, entity: &Entity, path: &[String]) -> Vec<Value> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        if let Some((linked, _)) = kind.link(first).filter(|_| !rest.is_empty()) {
            let rows = self.rows(linked, &entity.scope, (i64::MIN, i64::MAX), false).take(LINKED_MAX);
            return rows.filter_map(Result::ok).flat_map(|row| self.lookup(linked, &row, rest)).collect();
        }
        let key = if first == "id" { "@iot.id" } else { first };
        let found = entity.row.get(key).and_then(|value| rest.iter().try_fold(value, |value, step| value.get(step)));
        found.cloned().into_iter().collect()
    }

    fn sort(&self, kind: Kind, found: &mut Vec<Entity>, options: &Options) {
        let key = |entity: &Entity| -> Vec<Value> {
            let first = |path: &[String]| self.lookup(kind, entity, path).into_iter().next().unwrap_or_default();
            options.order.iter().map(|order| first(&order.path)).collect()
        };
        let mut keyed: Vec<(Vec<Value>, Entity)> = found.drain(..).map(|entity| (key(&entity), entity)).collect();
        keyed.sort_by(|(left, _), (right, _)| {
            let parts = left.iter().zip(right).zip(&options.order).map(|((left, right), order)| {
                let way = compare(left, right).unwrap_or(std::cmp::Ordering::Equal);
                if order.falling { way.reverse() } else { way }
            });
            parts.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        found.extend(keyed.into_iter().map(|(_, entity)| entity));
    }

    fn all_shown(
        &self,
        kind: Kind,
        found: Vec<Entity>,
        options: &Options,
    ) -> Result<Vec<Map<String, Value>>, ReadError> {
        found.into_iter().map(|entity| self.shown(kind, entity, options)).collect()
    }

    /// An entity with what was asked to stand beside it, and without what was not asked for.
    fn shown(&self, kind: Kind, entity: Entity, options: &Options) -> Result<Map<String, Value>, ReadError> {
        let Entity { mut row, scope } = entity;
        if !options.select.is_empty() {
            let is_selected = |key: &str| {
                let own = key.split("@iot.navigationLink").next().unwrap_or(key);
                options.select.iter().any(|word| word == own || (word == "id" && own == "@iot.id"))
            };
            row.retain(|key, _| is_selected(key));
        }
        for Expand { link, options } in &options.expand {
            let no_link = || ReadError::NoLink { from: kind.single(), link: link.clone() };
            let (linked, many) = kind.link(link).ok_or_else(no_link)?;
            row.shift_remove(&format!("{link}@iot.navigationLink"));
            if !many {
                let one = self.rows(linked, &scope, (i64::MIN, i64::MAX), false).next().transpose()?;
                let one = one.map(|one| self.shown(linked, one, options)).transpose()?;
                row.insert(link.clone(), one.map_or(Value::Null, Value::Object));
                continue;
            }
            let listed = self.list(linked, &scope, options)?;
            if let Some(total) = listed.total {
                row.insert(format!("{link}@iot.count"), total.into());
            }
            if listed.more {
                let next = format!(
                    "{}/{link}?$skip={}&$top={}",
                    self.address(kind, &scope),
                    options.skip + options.top(),
                    options.top()
                );
                row.insert(format!("{link}@iot.nextLink"), next.into());
            }
            row.insert(link.clone(), listed.entities.into_iter().map(Value::Object).collect());
        }
        Ok(row)
    }

    /// Every entity of a kind that belongs to a scope. `span` says which times observations are wanted of.
    fn rows(&self, kind: Kind, scope: &Scope, span: (i64, i64), falling: bool) -> Rows<'_> {
        match kind {
            Kind::Thing | Kind::Sensor => {
                Box::new(self.things(scope).map(move |thing| Ok(self.of_thing(kind, &thing))))
            }
            Kind::Location | Kind::HistoricalLocation | Kind::FeatureOfInterest => {
                let located = self.things(scope).filter(|thing| thing.location.is_some());
                Box::new(located.map(move |thing| Ok(self.of_thing(kind, &thing))))
            }
            Kind::Datastream => {
                Box::new(self.datastreams(scope).map(|(thing, name)| Ok(self.datastream(&thing, &name))))
            }
            Kind::ObservedProperty => {
                let mut names: BTreeMap<Name, PropertyModel> = BTreeMap::new();
                for (thing, name) in self.datastreams(scope).take(LOOKED_AT_MAX) {
                    names.entry(name.clone()).or_insert_with(|| thing.thing.model.properties[&name].clone());
                }
                Box::new(names.into_iter().map(|(name, property)| Ok(self.observed_property(&name, &property))))
            }
            Kind::Observation => {
                let time = scope.time;
                let (from, to) = time.map_or(span, |Timestamp(at)| (at, at.saturating_add(1)));
                let streams = self.datastreams(scope);
                Box::new(
                    streams
                        .flat_map(move |(thing, name)| self.observations(&thing.thing.id, &name, (from, to), falling)),
                )
            }
        }
    }

    /// Accepted things, in order of title; of a scope with a thing, that one.
    fn things(&self, scope: &Scope) -> Box<dyn Iterator<Item = ThingSummary> + '_> {
        if let Some(thing) = &scope.thing {
            let found = self.site.thing(thing).map(|detail| detail.summary);
            return Box::new(found.filter(|summary| summary.thing.status == twin::ThingStatus::Accepted).into_iter());
        }
        let mut cursor = Some(None);
        let pages = std::iter::from_fn(move || {
            let query = ThingQuery { cursor: cursor.take()?, limit: THINGS_AT_A_TIME, ..ThingQuery::default() };
            let page = self.site.things(&query);
            cursor = page.next_cursor.map(Some);
            Some(page.items)
        });
        Box::new(pages.flatten())
    }

    /// Things and the names of their properties that are told.
    fn datastreams(&self, scope: &Scope) -> impl Iterator<Item = (ThingSummary, Name)> + '_ {
        let wanted = scope.name.clone();
        self.things(scope).flat_map(move |thing| {
            let properties = thing.thing.model.properties.iter().filter(|(_, property)| property.readable);
            let named = properties.map(|(name, _)| name.clone());
            let names: Vec<Name> = named.filter(|name| wanted.as_ref().is_none_or(|wanted| wanted == name)).collect();
            names.into_iter().map(move |name| (thing.clone(), name))
        })
    }

    fn address(&self, kind: Kind, scope: &Scope) -> String {
        let id = id_of(kind, scope).replace('\'', "''");
        let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        // In a path a plus is a plus.
        format!("{}/{}('{}')", self.root, kind.set(), encoded.replace('+', "%20").replace("%2F", "/"))
    }

    /// What every entity has: its id, where it is, and where it leads.
    fn entity(&self, kind: Kind, scope: Scope, own: Value) -> Entity {
        let address = self.address(kind, &scope);
        let mut row = Map::new();
        row.insert("@iot.id".to_owned(), id_of(kind, &scope).into());
        row.insert("@iot.selfLink".to_owned(), address.clone().into());
        if let Value::Object(own) = own {
            row.extend(own);
        }
        for (linked, many) in kind.links() {
            let link = if *many { linked.set() } else { linked.single() };
            row.insert(format!("{link}@iot.navigationLink"), format!("{address}/{link}").into());
        }
        Entity { row, scope }
    }

    /// The entities that every thing is, each in another way.
    fn of_thing(&self, kind: Kind, thing: &ThingSummary) -> Entity {
        let row = &thing.thing;
        let scope = Scope { thing: Some(row.id.clone()), ..Scope::default() };
        let place = json!(thing.location.map(model::Geometry::Point));
        let own = match kind {
            Kind::Thing => {
                let space = row.space.as_ref().map(ToString::to_string);
                let properties = json!({"kind": row.kind(), "space": space, "tags": row.tags});
                json!({"name": row.title, "description": described(&row.model.description, &row.title), "properties": properties})
            }
            Kind::HistoricalLocation => json!({"time": thing.last_seen.unwrap_or(row.created).to_string()}),
            Kind::Sensor => {
                let metadata = self.root.replace(super::PATH, &format!("/api/v1/things/{}/model?format=wot", row.id));
                json!({"name": row.title, "description": format!("what {} measures with", row.title),
                    "encodingType": "application/tm+json", "metadata": metadata})
            }
            Kind::FeatureOfInterest => json!({"name": row.title, "description": format!("around {}", row.title),
                "encodingType": "application/geo+json", "feature": place}),
            _ => json!({"name": row.title, "description": format!("where {} is", row.title),
                "encodingType": "application/geo+json", "location": place}),
        };
        self.entity(kind, scope, own)
    }

    fn series(&self, thing: &ThingId, name: &Name) -> Option<SeriesInfo> {
        self.site.history_engine().list(Some(thing)).into_iter().find(|info| info.key.name == *name)
    }

    fn datastream(&self, summary: &ThingSummary, name: &Name) -> Entity {
        let thing = &summary.thing;
        let property = &thing.model.properties[name];
        let title = if property.title.is_empty() { name.as_str() } else { &property.title };
        let unit = property.unit.as_ref().map(model::Unit::as_str);
        let is_number = matches!(property.data_type, DataType::Integer | DataType::Number);
        let mut own = json!({"name": format!("{} {title}", thing.title), "description": described(&property.description, title),
            "observationType": observation_type(property.data_type),
            "unitOfMeasurement": {"name": unit.filter(|_| is_number), "symbol": unit, "definition": null}});
        let series = self.series(&thing.id, name).filter(|series| series.points > 0);
        if let (Value::Object(own), Some(series)) = (&mut own, series) {
            let span = format!("{}/{}", series.first, series.last);
            own.insert("phenomenonTime".to_owned(), span.clone().into());
            own.insert("resultTime".to_owned(), span.into());
        }
        let scope = Scope { thing: Some(thing.id.clone()), name: Some(name.clone()), time: None };
        self.entity(Kind::Datastream, scope, own)
    }

    fn observed_property(&self, name: &Name, property: &PropertyModel) -> Entity {
        let title = if property.title.is_empty() { name.as_str() } else { &property.title };
        // A definition has to be an address; ours says the word itself (RFC 8141 leaves this space to examples and locals).
        let definition = format!("urn:manmul:property:{name}");
        let own =
            json!({"name": name, "definition": definition, "description": described(&property.description, title)});
        self.entity(Kind::ObservedProperty, Scope { name: Some(name.clone()), ..Scope::default() }, own)
    }

    /// What was told of a property within a span of time.
    fn observations(&self, thing: &ThingId, name: &Name, (from, to): (i64, i64), falling: bool) -> Rows<'a> {
        let Some(series) = self.series(thing, name) else { return Box::new(std::iter::empty()) };
        let scope = Scope { thing: Some(thing.clone()), name: Some(name.clone()), time: None };
        let root = self.root.clone();
        let (site, now) = (self.site, self.now);
        let entity = move |point: Point| {
            let scope = Scope { time: Some(point.time), ..scope.clone() };
            let time = point.time.to_string();
            let own = json!({"phenomenonTime": time, "resultTime": time, "result": point.value.to_json()});
            Entities { site, root: root.clone(), now }.entity(Kind::Observation, scope, own)
        };
        let history = site.history_engine();
        if falling {
            let mut until = Timestamp(to.saturating_sub(1));
            let mut ended = false;
            return Box::new(std::iter::from_fn(move || {
                if ended {
                    return None;
                }
                let point = history.last_at(series.id, until);
                match point {
                    Ok(Some(point)) if point.time.0 >= from => {
                        until = Timestamp(point.time.0.saturating_sub(1));
                        Some(Ok(entity(point)))
                    }
                    Ok(_) => None,
                    Err(error) => {
                        ended = true;
                        Some(Err(error.into()))
                    }
                }
            }));
        }
        let mut next = Some(Timestamp(from));
        let pages = std::iter::from_fn(move || {
            let from = next.take()?;
            let read = history.range(series.id, from, Timestamp(to), POINTS_AT_A_TIME);
            Some(match read {
                Ok(points) => {
                    let is_full = points.len() == POINTS_AT_A_TIME;
                    next = points.last().filter(|_| is_full).map(|last| Timestamp(last.time.0.saturating_add(1)));
                    points.into_iter().map(|point| Ok(entity(point))).collect::<Vec<_>>()
                }
                Err(error) => vec![Err(error.into())],
            })
        });
        Box::new(pages.flatten())
    }
}

/// The id of an entity within its set.
pub(super) fn id_of(kind: Kind, scope: &Scope) -> String {
    let thing = scope.thing.as_ref().map(ThingId::as_str).unwrap_or_default();
    let name = scope.name.as_ref().map(Name::as_str).unwrap_or_default();
    match kind {
        Kind::ObservedProperty => name.to_owned(),
        Kind::Datastream => format!("{thing}/{name}"),
        Kind::Observation => format!("{thing}/{name}/{}", scope.time.unwrap_or_default().0),
        _ => thing.to_owned(),
    }
}

fn is_time(path: &[String]) -> bool {
    matches!(path, [only] if only == "phenomenonTime" || only == "resultTime")
}

/// Whether the order that is wanted is one in which entities can be read: observations of one series, by time. True when
/// the newest come first.
fn order_of_time(kind: Kind, scope: &Scope, options: &Options) -> Option<bool> {
    let is_one_series = kind == Kind::Observation && scope.thing.is_some() && scope.name.is_some();
    match &options.order[..] {
        [order] if is_one_series && is_time(&order.path) => Some(order.falling),
        _ => None,
    }
}

fn described(description: &str, otherwise: &str) -> String {
    if description.is_empty() { otherwise.to_owned() } else { description.to_owned() }
}

fn observation_type(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Number => MEASUREMENT,
        DataType::Integer => "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_CountObservation",
        DataType::Boolean => "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_TruthObservation",
        DataType::String => "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_CategoryObservation",
        DataType::Json => "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Observation",
    }
}

/// The names of the sets, for the service's root.
pub(super) fn sets() -> BTreeSet<&'static str> {
    Kind::ALL.iter().map(|kind| kind.set()).collect()
}
