//! Spaces and things from GeoJSON (RFC 7946): every row is looked at before the first one is taken, and then all are taken
//! at once or none.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use model::{Coordinates, Geometry, Space, SpaceId, SpaceKind, ThingId, ThingModel};
use serde::{Deserialize, Serialize};
use store::state::{Change, Table};
use twin::{RegistryError, Spaces, Thing, ThingEdit, ThingStatus};

use crate::error::SiteError;
use crate::site::Site;
use crate::things::Things;

/// The largest file, in bytes.
pub const IMPORT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The most rows of a file.
pub const IMPORT_ROWS_MAX: usize = 1_000_000;

/// The most errors that are told; the rest is counted.
pub const IMPORT_ERRORS_MAX: usize = 100;

/// Farther than this from the middle of all rows, a row is taken for a mistake.
const STRAY_METRES: f64 = 500_000.0;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MapRowError))]
pub struct RowError {
    /// Which feature, counted from 1.
    pub row: usize,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What is wrong, with a hint after a new line where there is one.
    pub error: String,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportOutcome {
    /// Features in the file.
    pub rows: usize,
    /// Spaces that are new.
    pub spaces_added: usize,
    /// Spaces that were there already, and have a new shape or name.
    pub spaces_changed: usize,
    /// Things that are new.
    pub things_added: usize,
    /// Things that were there already, and stand elsewhere or have a new name.
    pub things_changed: usize,
    /// What is wrong, at most a hundred of it; with any error nothing was done.
    pub errors: Vec<RowError>,
    /// How many rows are wrong.
    pub errors_total: usize,
    /// Whether it was done.
    pub done: bool,
}

impl ImportOutcome {
    fn refuse(&mut self, row: usize, id: Option<&str>, error: impl ToString) {
        self.errors_total += 1;
        if self.errors.len() < IMPORT_ERRORS_MAX {
            self.errors.push(RowError { row, id: id.map(str::to_owned), error: error.to_string() });
        }
    }
}

/// Why a file is no collection of features.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not even JSON of that form.
    #[error("this is no GeoJSON FeatureCollection: {0}")]
    NotGeoJson(#[from] serde_json::Error),
    /// Another datum.
    #[error("the file is in {0}\nhint: convert it to WGS 84 (EPSG:4326), longitude first, as RFC 7946 asks")]
    OtherDatum(String),
    /// Too many rows.
    #[error("the file has {0} features, and at most {IMPORT_ROWS_MAX} are taken at once\nhint: split it")]
    TooMany(usize),
    /// The site refused.
    #[error(transparent)]
    Site(#[from] SiteError),
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, borrow)]
    features: Vec<&'a serde_json::value::RawValue>,
    #[serde(default)]
    crs: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default)]
    geometry: Option<serde_json::Value>,
    #[serde(default)]
    properties: Option<Properties>,
}

/// What is read of a feature's properties; what else there is is left alone.
#[derive(Deserialize, Default)]
struct Properties {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default, alias = "name")]
    title: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    space: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// A row that is as it should be.
enum Row {
    Space(Space),
    Thing(ThingRow),
}

struct ThingRow {
    id: ThingId,
    title: Option<String>,
    kind: String,
    space: Option<SpaceId>,
    tags: Vec<String>,
    location: Coordinates,
}

/// A file that was read.
pub struct MapImport {
    rows: Vec<(usize, Row)>,
    outcome: ImportOutcome,
}

impl MapImport {
    /// Reads a FeatureCollection. A feature whose `kind` is that of a space (`district`, `street`, `junction`,
    /// `building`, …), or that is no point, is a space; every other point is a thing. `id`, `title` (or `name`), `kind`,
    /// `space` and `tags` are read from its properties.
    pub fn read(text: &[u8]) -> Result<Self, ImportError> {
        let collection: Collection<'_> = serde_json::from_slice(text)?;
        if collection.kind != "FeatureCollection" {
            let error = format!("its type is {:?}", collection.kind);
            return Err(ImportError::NotGeoJson(serde::de::Error::custom(error)));
        }
        check_datum(collection.crs.as_ref())?;
        if collection.features.len() > IMPORT_ROWS_MAX {
            return Err(ImportError::TooMany(collection.features.len()));
        }
        let mut import = Self {
            rows: Vec::with_capacity(collection.features.len()),
            outcome: ImportOutcome { rows: collection.features.len(), ..ImportOutcome::default() },
        };
        let mut seen: HashSet<String> = HashSet::new();
        for (at, text) in collection.features.iter().enumerate() {
            import.read_row(at + 1, text.get(), &mut seen);
        }
        import.refuse_strays();
        Ok(import)
    }

    fn read_row(&mut self, number: usize, text: &str, seen: &mut HashSet<String>) {
        let feature: Feature = match serde_json::from_str(text) {
            Ok(feature) => feature,
            Err(error) => return self.outcome.refuse(number, None, format!("this is no feature: {error}")),
        };
        let properties = feature.properties.unwrap_or_default();
        let Some(id) = properties.id.as_ref().or(feature.id.as_ref()).and_then(word) else {
            let error = "the feature has no id\nhint: give it one, in its properties or beside them";
            return self.outcome.refuse(number, None, error);
        };
        if !seen.insert(id.clone()) {
            return self.outcome.refuse(number, Some(&id), "this id stands in the file before");
        }
        match row(&id, feature.geometry, properties) {
            Ok(row) => self.rows.push((number, row)),
            Err(error) => self.outcome.refuse(number, Some(&id), error),
        }
    }

    /// Rows far from all others: most often, somebody swapped longitude and latitude where both orders are degrees.
    fn refuse_strays(&mut self) {
        let place = |row: &Row| match row {
            Row::Space(space) => space.geometry.as_ref().map(|shape| shape.middle()),
            Row::Thing(thing) => Some(thing.location),
        };
        let places: Vec<Coordinates> = self.rows.iter().filter_map(|(_, row)| place(row)).collect();
        let Some(middle) = median(&places) else { return };
        let (near, far): (Vec<_>, Vec<_>) = std::mem::take(&mut self.rows)
            .into_iter()
            .partition(|(_, row)| place(row).is_none_or(|at| at.distance_metres(middle) <= STRAY_METRES));
        self.rows = near;
        for (number, row) in far {
            let kilometres = place(&row).map_or(0.0, |at| at.distance_metres(middle) / 1_000.0);
            let id = match &row {
                Row::Space(space) => space.id.to_string(),
                Row::Thing(thing) => thing.id.to_string(),
            };
            let error = format!(
                "it lies {kilometres:.0} km from the middle of the others\nhint: longitude comes first; import what is meant to be far away on its own"
            );
            self.outcome.refuse(number, Some(&id), error);
        }
    }
}

/// The coordinates in the middle of all, each on its own.
fn median(places: &[Coordinates]) -> Option<Coordinates> {
    let middle = |of: fn(Coordinates) -> f64| {
        let mut values: Vec<f64> = places.iter().map(|place| of(*place)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Coordinates::new(middle(Coordinates::longitude)?, middle(Coordinates::latitude)?).ok()
}

/// An id is text or a number.
fn word(id: &serde_json::Value) -> Option<String> {
    match id {
        serde_json::Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn check_datum(crs: Option<&serde_json::Value>) -> Result<(), ImportError> {
    let Some(crs) = crs.filter(|crs| !crs.is_null()) else { return Ok(()) };
    let name = crs.pointer("/properties/name").and_then(serde_json::Value::as_str).unwrap_or("a datum without a name");
    let is_wgs84 = ["CRS84", "EPSG::4326", "EPSG:4326"].iter().any(|known| name.ends_with(known));
    if is_wgs84 { Ok(()) } else { Err(ImportError::OtherDatum(name.to_owned())) }
}

fn row(id: &str, geometry: Option<serde_json::Value>, properties: Properties) -> Result<Row, String> {
    let space_kind: Option<SpaceKind> =
        properties.kind.as_ref().and_then(|kind| serde_json::from_value(kind.as_str().into()).ok());
    let Some(geometry) = geometry.filter(|geometry| !geometry.is_null()) else {
        return Err("the feature has no geometry".to_owned());
    };
    let geometry: Geometry = serde_json::from_value(geometry).map_err(|error| error.to_string())?;
    let space = properties.space.as_deref().map(SpaceId::new).transpose().map_err(|error| format!("space: {error}"))?;
    let title = properties.title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    let location = match &geometry {
        Geometry::Point(point) if space_kind.is_none() => *point,
        _ => {
            let kind = space_kind.unwrap_or(SpaceKind::Zone);
            if kind == SpaceKind::Site {
                return Err("the site is there already\nhint: import what lies within it".to_owned());
            }
            let id = SpaceId::new(id).map_err(|error| error.to_string())?;
            let title = title.unwrap_or_else(|| id.to_string());
            return Ok(Row::Space(Space { id, parent: space, kind, title, geometry: Some(Arc::new(geometry)) }));
        }
    };
    let id = ThingId::new(id).map_err(|error| error.to_string())?;
    let kind = properties.kind.unwrap_or_default();
    Ok(Row::Thing(ThingRow { id, title, kind, space, tags: properties.tags, location }))
}

impl Site {
    /// Takes in a file that was read, or tells what taking it in would do. With a wrong row nothing is done.
    pub fn import_map(&self, import: MapImport, dry_run: bool) -> Result<ImportOutcome, SiteError> {
        let MapImport { rows, mut outcome } = import;
        let (spaces, things): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| matches!(row, Row::Space(_)));
        let adapter: Arc<str> = self.adapters.lock().names.first().cloned().unwrap_or_else(|| Arc::from("native"));
        let changes = {
            let mut now = self.things.write();
            let mut tree = now.spaces.clone();
            let changes = arrange(&mut tree, spaces, &mut outcome);
            let things: Vec<(usize, ThingRow)> = things
                .into_iter()
                .filter_map(|(number, row)| if let Row::Thing(thing) = row { Some((number, thing)) } else { None })
                .collect();
            check_things(&now, &tree, &things, &mut outcome);
            outcome.errors.sort_by_key(|error| error.row);
            if outcome.errors_total > 0 || dry_run {
                return Ok(outcome);
            }
            now.spaces = tree;
            self.place_things(&mut now, things, &adapter)?;
            now.registry.rearranged();
            changes
        };
        self.write_rows_with(changes)?;
        *self.overview.lock() = None;
        outcome.done = true;
        Ok(outcome)
    }

    fn place_things(
        &self,
        now: &mut Things,
        rows: Vec<(usize, ThingRow)>,
        adapter: &Arc<str>,
    ) -> Result<(), SiteError> {
        let (time, applied) = (self.clock.now(), now.applied);
        let mut models: BTreeMap<String, Arc<ThingModel>> = BTreeMap::new();
        for (_, row) in rows {
            if now.registry.find(&row.id).is_some() {
                let edit = ThingEdit {
                    title: row.title,
                    space: row.space.map(Some),
                    location: Some(Some(row.location)),
                    status: Some(ThingStatus::Accepted),
                    tags: Some(row.tags).filter(|tags| !tags.is_empty()),
                    model: None,
                };
                now.registry.edit(&row.id, None, edit)?;
                continue;
            }
            let mut thing = Thing::new(row.id, ThingStatus::Accepted, adapter, time);
            let model = models.entry(row.kind).or_insert_with_key(|kind| {
                Arc::new(ThingModel { kind: kind.clone(), inferred: true, ..ThingModel::default() })
            });
            thing.model = Arc::clone(model);
            thing.named = row.title.is_some();
            thing.title = row.title.unwrap_or(thing.title);
            (thing.space, thing.tags, thing.location) = (row.space, row.tags, Some(row.location));
            now.registry.add(thing, applied)?;
        }
        Ok(())
    }
}

/// Puts spaces into a tree, those around others first, and gives the rows to be written.
fn arrange(tree: &mut Spaces, rows: Vec<(usize, Row)>, outcome: &mut ImportOutcome) -> Vec<Change> {
    let mut waiting: Vec<(usize, Space)> = rows
        .into_iter()
        .filter_map(|(number, row)| if let Row::Space(space) = row { Some((number, space)) } else { None })
        .collect();
    let mut changes = Vec::new();
    loop {
        let here: HashSet<SpaceId> = waiting.iter().map(|(_, space)| space.id.clone()).collect();
        let is_ready = |space: &Space| space.parent.as_ref().is_none_or(|parent| !here.contains(parent));
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, space)| is_ready(space));
        if ready.is_empty() {
            for (number, space) in rest {
                outcome.refuse(number, Some(space.id.as_str()), "it would lie within itself");
            }
            return changes;
        }
        waiting = rest;
        for (number, space) in ready {
            let id = space.id.clone();
            let known = tree.get(&id).map(|row| row.space.parent.clone());
            let put = match known {
                // Without a word about it, a space stays where it is.
                Some(parent) => {
                    outcome.spaces_changed += 1;
                    tree.replace(Space { parent: space.parent.clone().or(parent), ..space }, None)
                }
                None => {
                    outcome.spaces_added += 1;
                    tree.add(space)
                }
            };
            match put {
                Ok(row) => {
                    let parent = row.space.parent.as_ref().map(ToString::to_string);
                    changes.push(Change::put(Table::Space, id.to_string(), parent, row));
                }
                Err(error) => outcome.refuse(number, Some(id.as_str()), error),
            }
        }
    }
}

fn check_things(now: &Things, tree: &Spaces, rows: &[(usize, ThingRow)], outcome: &mut ImportOutcome) {
    let limit = now.registry.limits().total;
    let mut free = limit.saturating_sub(now.registry.len());
    for (number, row) in rows {
        if let Some(space) = row.space.as_ref().filter(|space| tree.get(space).is_none()) {
            outcome.refuse(*number, Some(row.id.as_str()), SiteError::UnknownSpace(space.clone()));
        } else if now.registry.find(&row.id).is_some() {
            outcome.things_changed += 1;
        } else if free == 0 {
            outcome.refuse(*number, Some(row.id.as_str()), RegistryError::Full { place: "altogether", limit });
        } else {
            free -= 1;
            outcome.things_added += 1;
        }
    }
}
