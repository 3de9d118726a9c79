//! Making, changing and removing entities (OGC 18-088, section 10).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::{
    Coordinates, DataType, Decision, Geometry, Name, PropertyModel, Resource, Right, SpaceId, ThingId, Unit, decide,
};
use serde_json::{Map, Value, json};
use twin::ThingEdit;

use super::path::{Kind, Scope, Target};
use super::{address, invalid, made};
use crate::api::App;
use crate::api::convert::no_thing;
use crate::api::ingest;
use crate::http::{Caller, Path, Problem, extract};

/// The largest entity that is taken, in bytes.
const ENTITY_BYTES_MAX: usize = 1024 * 1024;

/// How many things may get the same name before no more ids are made of it.
const SAME_NAME_MAX: usize = 10_000;

/// What can be made on its own, for those who try otherwise.
const CAN_BE_MADE: &str = "make Things, Locations, Datastreams and Observations; a Datastream brings its ObservedProperty, \
    a Thing is its own Sensor";

type Document = Map<String, Value>;

/// Makes an entity in a set.
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let target = Target::parse(&path)?;
    if !target.many {
        return Err(Problem::method_not_allowed("entities are made in sets").hint(CAN_BE_MADE));
    }
    let root = address(&headers, &caller);
    let document = document(request).await?;
    let id = match target.kind {
        Kind::Observation => observe(&app, &caller, &target.scope, &document).await?,
        Kind::Thing => {
            may_configure(&caller)?;
            let thing = make_thing(&app, &document).await?;
            record(&app, &caller, "thing.create", &thing).await;
            thing
        }
        Kind::Location => {
            may_configure(&caller)?;
            let thing = thing_of(&target.scope, &document, "Things")?;
            place(&app, &thing, &document).await?;
            record(&app, &caller, "thing.change", thing.as_str()).await;
            thing.to_string()
        }
        Kind::Datastream => {
            may_configure(&caller)?;
            let thing = thing_of(&target.scope, &document, "Thing")?;
            let name = add_datastream(&app, &thing, &document).await?;
            record(&app, &caller, "thing.model", thing.as_str()).await;
            format!("{thing}/{name}")
        }
        kind => {
            let detail = format!("{} are not made on their own", kind.set());
            return Err(Problem::method_not_allowed(detail).hint(CAN_BE_MADE));
        }
    };
    Ok(made(&root, target.kind, &id))
}

/// Changes what an entity says of itself; what is left out stays. A whole entity (PUT) is taken the same way.
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let Target { kind, scope, many: false, part: None } = Target::parse(&path)? else {
        return Err(Problem::method_not_allowed("only one entity can be changed at a time"));
    };
    may_configure(&caller)?;
    let document = document(request).await?;
    let thing = scope.thing.clone().ok_or_else(|| Problem::method_not_allowed(NOT_CHANGED))?;
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    match (kind, &scope.name) {
        (Kind::Thing, _) => {
            let edit = edit_of(&document)?;
            let id = thing.clone();
            app.blocking(move |site| site.edit_thing(&id, None, edit)).await?;
            for location in documents(&document, "Locations") {
                place(&app, &thing, location).await?;
            }
        }
        (Kind::Location, _) => place(&app, &thing, &document).await?,
        (Kind::Datastream, Some(name)) => set_datastream(&app, &thing, name, &document).await?,
        _ => return Err(Problem::method_not_allowed(NOT_CHANGED)),
    }
    record(&app, &caller, "thing.change", thing.as_str()).await;
    Ok(StatusCode::OK.into_response())
}

const NOT_CHANGED: &str = "only Things, Locations and Datastreams can be changed";

/// Removes a thing, or takes it off the map.
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Problem> {
    let Target { kind, scope, many: false, part: None } = Target::parse(&path)? else {
        return Err(Problem::method_not_allowed("only one entity can be removed at a time"));
    };
    may_configure(&caller)?;
    let (Kind::Thing | Kind::Location, Some(thing)) = (kind, scope.thing) else {
        return Err(Problem::method_not_allowed("only Things and Locations can be removed")
            .hint("what a thing told goes with the thing, or when retention says so"));
    };
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    if kind == Kind::Thing {
        crate::api::things::forget(&app, &thing, None).await?;
        record(&app, &caller, "thing.delete", thing.as_str()).await;
    } else {
        let (id, edit) = (thing.clone(), ThingEdit { location: Some(None), ..ThingEdit::default() });
        app.blocking(move |site| site.edit_thing(&id, None, edit)).await?;
        record(&app, &caller, "thing.change", thing.as_str()).await;
    }
    Ok(StatusCode::OK)
}

fn may_configure(caller: &Caller) -> Result<(), Problem> {
    match decide(&caller.identity.principal, Right::Configure, Resource::Site) {
        Decision::Deny(reason) => Err(Problem::forbidden(reason)),
        Decision::Allow => Ok(()),
    }
}

async fn record(app: &App, caller: &Caller, action: &str, target: &str) {
    app.access.record(&caller.identity.principal, Some(caller.address()), action, target, true).await;
}

async fn document(request: Request) -> Result<Document, Problem> {
    extract::parse_json(&extract::body(request, ENTITY_BYTES_MAX).await?)
}

/// The documents under a key: one, or several.
fn documents<'a>(document: &'a Document, key: &str) -> Vec<&'a Document> {
    match document.get(key) {
        Some(Value::Object(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

fn text<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    document.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The id of an entity that a document names: `{"@iot.id": …}`.
fn linked<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    documents(document, key).first()?.get("@iot.id")?.as_str()
}

/// The thing below which something is made, from the address or from the document.
fn thing_of(scope: &Scope, document: &Document, key: &str) -> Result<ThingId, Problem> {
    if let Some(thing) = &scope.thing {
        return Ok(thing.clone());
    }
    let id = linked(document, key).ok_or_else(|| {
        Problem::invalid("it belongs to no thing")
            .at(key.to_owned())
            .hint(format!("{{\"{key}\": {{\"@iot.id\": \"…\"}}}}"))
    })?;
    ThingId::new(id).map_err(|error| Problem::invalid(error.to_string()).at(key.to_owned()))
}

/// Takes what was observed, as if the thing had said it.
async fn observe(app: &App, caller: &Caller, scope: &Scope, document: &Document) -> Result<String, Problem> {
    let named = || {
        let id = linked(document, "Datastream")?;
        let (thing, name) = id.split_once('/')?;
        Some((ThingId::new(thing).ok()?, Name::new(name).ok()?))
    };
    let below = scope.thing.clone().zip(scope.name.clone());
    let (thing, name) = below.or_else(named).ok_or_else(|| {
        Problem::invalid("it belongs to no datastream")
            .at("Datastream")
            .hint("{\"Datastream\": {\"@iot.id\": \"THING/PROPERTY\"}}")
    })?;
    if let Decision::Deny(reason) = decide(&caller.identity.principal, Right::Ingest, Resource::Thing(&thing)) {
        return Err(Problem::forbidden(reason).at(thing.to_string()));
    }
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    let result =
        document.get("result").ok_or_else(|| Problem::invalid("an observation needs a result").at("result"))?;
    let time = match text(document, "phenomenonTime") {
        // Of an interval, when it ended: that is when it was known.
        Some(text) => {
            let moment = text.rsplit('/').next().unwrap_or(text);
            let wrong =
                || Problem::invalid(format!("{text:?} is no time")).at("phenomenonTime").hint("2026-01-31T12:00:00Z");
            model::Timestamp::parse(moment).ok_or_else(wrong)?
        }
        None => app.clock.now(),
    };
    let report = json!({"time": time.to_string(), "properties": {name.as_str(): result}});
    let message = connect::http_ingest::reports(&thing, &Bytes::from(report.to_string()))?;
    ingest::publish(app, caller, message.topic, message.payload).await?;
    Ok(format!("{thing}/{name}/{}", time.0))
}

/// What a document changes of a thing.
fn edit_of(document: &Document) -> Result<ThingEdit, Problem> {
    let properties = documents(document, "properties").first().copied();
    let space = properties.and_then(|properties| text(properties, "space")).map(SpaceId::new).transpose();
    let space = space.map_err(|error| Problem::invalid(error.to_string()).at("properties.space"))?;
    let tags = properties.and_then(|properties| properties.get("tags")).and_then(Value::as_array);
    Ok(ThingEdit {
        title: text(document, "name").map(str::to_owned),
        space: space.map(Some),
        tags: tags.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        ..ThingEdit::default()
    })
}

async fn make_thing(app: &App, document: &Document) -> Result<String, Problem> {
    let title = text(document, "name").ok_or_else(|| Problem::invalid("a thing needs a name").at("name"))?.to_owned();
    let id = match text(document, "@iot.id") {
        Some(id) => ThingId::new(id).map_err(|error| Problem::invalid(error.to_string()).at("@iot.id"))?,
        None => free_id(app, &title)?,
    };
    let edit = edit_of(document)?;
    let kind = documents(document, "properties").first().and_then(|properties| text(properties, "kind"));
    let mut model = model::ThingModel {
        title: title.clone(),
        kind: kind.unwrap_or_default().to_owned(),
        ..model::ThingModel::default()
    };
    text(document, "description").unwrap_or_default().clone_into(&mut model.description);
    model.inferred = true;
    for datastream in documents(document, "Datastreams") {
        let (name, property) = property_of(datastream)?;
        model.properties.insert(name, property);
    }
    let location = documents(document, "Locations").first().map(|location| coordinates(location)).transpose()?;
    let new = site::NewThing {
        id: id.clone(),
        title: Some(title),
        model: Some(model),
        space: edit.space.flatten(),
        location,
        tags: edit.tags.unwrap_or_default(),
        origin: <_>::default(),
    };
    app.blocking(move |site| site.create_thing(new)).await?;
    Ok(id.to_string())
}

/// An id that no thing has, made from a name: `Street lamp` is `street-lamp`.
fn free_id(app: &App, title: &str) -> Result<ThingId, Problem> {
    let stem = slug(title, "thing");
    let numbered = std::iter::once(stem.clone()).chain((2..=SAME_NAME_MAX).map(|number| format!("{stem}-{number}")));
    let found = numbered.filter_map(|id| ThingId::new(id).ok()).find(|id| app.site.thing_row(id).is_none());
    found.ok_or_else(|| Problem::conflict("there are too many things of this name").hint("give an @iot.id"))
}

fn slug(text: &str, otherwise: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    if words.is_empty() { otherwise.to_owned() } else { words.join("-") }
}

/// Where a document says that something is: GeoJSON, a point or a feature that is one.
fn coordinates(document: &Document) -> Result<Coordinates, Problem> {
    let location = document.get("location").ok_or_else(|| Problem::invalid("it says not where").at("location"))?;
    let geometry = location.get("geometry").unwrap_or(location).clone();
    match serde_json::from_value(geometry) {
        Ok(Geometry::Point(point)) => Ok(point),
        Ok(_) => Err(Problem::invalid("a thing stands at a point").at("location")),
        Err(error) => Err(invalid(&error.to_string()).at("location")),
    }
}

async fn place(app: &App, thing: &ThingId, document: &Document) -> Result<(), Problem> {
    let edit = ThingEdit { location: Some(Some(coordinates(document)?)), ..ThingEdit::default() };
    let thing = thing.clone();
    app.blocking(move |site| site.edit_thing(&thing, None, edit)).await?;
    Ok(())
}

/// The property that a datastream is.
fn property_of(document: &Document) -> Result<(Name, PropertyModel), Problem> {
    let observed = documents(document, "ObservedProperty").first().copied();
    let name = observed.and_then(|observed| text(observed, "@iot.id").or_else(|| text(observed, "name")));
    let name = name.or_else(|| text(document, "name")).ok_or_else(|| {
        Problem::invalid("a datastream needs an observed property")
            .at("ObservedProperty")
            .hint("{\"ObservedProperty\": {\"name\": \"…\"}}")
    })?;
    let name = Name::new(slug(name, "value").replace('-', "_"));
    let name = name.map_err(|error| Problem::invalid(error.to_string()).at("ObservedProperty"))?;
    let mut property = PropertyModel::default();
    describe(&mut property, document)?;
    Ok((name, property))
}

fn describe(property: &mut PropertyModel, document: &Document) -> Result<(), Problem> {
    if let Some(title) = text(document, "name") {
        title.clone_into(&mut property.title);
    }
    if let Some(description) = text(document, "description") {
        description.clone_into(&mut property.description);
    }
    if let Some(symbol) = documents(document, "unitOfMeasurement").first().and_then(|unit| text(unit, "symbol")) {
        let unit: Result<Unit, _> = serde_json::from_value(symbol.into());
        property.unit = Some(unit.map_err(|error| Problem::invalid(error.to_string()).at("unitOfMeasurement"))?);
    }
    if let Some(kind) = text(document, "observationType") {
        property.data_type = match kind.rsplit('/').next() {
            Some("OM_CountObservation") => DataType::Integer,
            Some("OM_TruthObservation") => DataType::Boolean,
            Some("OM_CategoryObservation") => DataType::String,
            _ => DataType::Number,
        };
    }
    Ok(())
}

async fn add_datastream(app: &App, thing: &ThingId, document: &Document) -> Result<Name, Problem> {
    let (name, property) = property_of(document)?;
    let row = app.site.thing_row(thing).ok_or_else(|| no_thing(thing))?;
    if row.model.properties.contains_key(&name) {
        return Err(Problem::conflict(format!("{thing} has a datastream {name} already")).hint("change it with PATCH"));
    }
    let mut model = (*row.model).clone();
    model.properties.insert(name.clone(), property);
    set_model(app, thing, row.rev, model).await?;
    Ok(name)
}

async fn set_datastream(app: &App, thing: &ThingId, name: &Name, document: &Document) -> Result<(), Problem> {
    let row = app.site.thing_row(thing).ok_or_else(|| no_thing(thing))?;
    let mut model = (*row.model).clone();
    let property =
        model.properties.get_mut(name).ok_or_else(|| Problem::not_found("Datastream", format!("{thing}/{name}")))?;
    describe(property, document)?;
    set_model(app, thing, row.rev, model).await
}

async fn set_model(app: &App, thing: &ThingId, rev: i64, model: model::ThingModel) -> Result<(), Problem> {
    let edit = ThingEdit { model: Some(model), ..ThingEdit::default() };
    let thing = thing.clone();
    app.blocking(move |site| site.edit_thing(&thing, Some(rev), edit)).await?;
    Ok(())
}
