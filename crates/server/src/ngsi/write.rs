//! Making, changing and removing entities and subscriptions (ETSI GS CIM 009, clauses 5.6 and 5.8).

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::{Coordinates, Decision, Name, Position, Resource, Right, ThingId, decide};
use serde_json::{Map, Value, json};
use site::ThingDetail;
use twin::ThingEdit;

use super::entity::{self, Given, Statement};
use super::query::Query;
use super::{Failure, PATH, Shown, answer, counted, pairs, shown};
use crate::api::App;
use crate::api::ingest;
use crate::http::{Caller, Path, extract};

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most entities of one batch.
const BATCH_MAX: usize = 1_000;

/// How long a writer waits until what it wrote can be read.
const READABLE_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);

type Document = Map<String, Value>;

/// Whoever writes.
struct Writer<'a> {
    app: &'a App,
    caller: &'a Caller,
}

/// Makes an entity, adds to one, runs a batch, or subscribes.
pub(crate) async fn post(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Failure> {
    let (pairs, body) = (pairs(query), body(request).await?);
    let writer = Writer { app: &app, caller: &caller };
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match steps[..] {
        ["entities"] => {
            let id = writer.create(&object(&body)?).await?;
            Ok(made(&format!("{PATH}/entities/{id}")))
        }
        ["entities", id, "attrs"] => {
            writer.append(id, &object(&body)?).await.map(|()| StatusCode::NO_CONTENT.into_response())
        }
        ["entityOperations", "query"] => {
            let query = with_page(Query::from_document(&object(&body)?)?, &pairs)?;
            find(&app, query, shown(&pairs, &headers)).await
        }
        ["entityOperations", operation] => writer.batch(operation, &body, &pairs).await,
        ["subscriptions"] => {
            writer.may(Right::Configure)?;
            let id = app.ngsi.add(object(&body)?, app.clock.now())?;
            writer.record("ngsi.subscribe", &id).await;
            Ok(made(&format!("{PATH}/subscriptions/{id}")))
        }
        _ => Err(Failure::not_found("resource", &path)),
    }
}

/// Changes attributes of an entity (PATCH), or puts a whole one in its place (PUT); changes a subscription.
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let is_whole = request.method() == axum::http::Method::PUT;
    let body = body(request).await?;
    let writer = Writer { app: &app, caller: &caller };
    let document = object(&body)?;
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match steps[..] {
        ["entities", id] if is_whole => writer.replace(id, &document).await?,
        ["entities", id] => writer.append(id, &document).await?,
        ["entities", id, "attrs"] => return writer.update(id, &document).await,
        ["entities", id, "attrs", name] => writer.append(id, &Map::from_iter([(name.to_owned(), body)])).await?,
        ["subscriptions", id] => {
            writer.may(Right::Configure)?;
            app.ngsi.change(id, document, app.clock.now())?;
            writer.record("ngsi.subscribe", id).await;
        }
        _ => return Err(Failure::not_found("resource", &path)),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes an entity, an attribute or a subscription.
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<StatusCode, Failure> {
    let writer = Writer { app: &app, caller: &caller };
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match steps[..] {
        ["entities", id] => writer.delete(id).await?,
        ["entities", id, "attrs", name] => {
            let detail = writer.find(id)?;
            let known = Name::new(entity::short(name)).map_err(|error| Failure::bad(error.to_string()))?;
            if !detail.properties.iter().any(|(reported, _)| reported.name == known) {
                return Err(Failure::not_found("attribute", name));
            }
            writer.say(&detail.summary.thing.id, &nothing([known]), None).await?;
        }
        ["subscriptions", id] => {
            writer.may(Right::Configure)?;
            app.ngsi.remove(id, app.clock.now())?;
            writer.record("ngsi.unsubscribe", id).await;
        }
        _ => return Err(Failure::not_found("resource", &path)),
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, query: Query, shown: Shown) -> Result<Response, Failure> {
    if query.is_open() {
        return Err(Failure::bad("say which entities: entities, attrs, q or geoQ"));
    }
    app.blocking(move |site| {
        Ok::<_, crate::http::Problem>(query.find(site).map(|(page, total)| {
            let entities = page.iter().map(|detail| Value::Object(entity::entity(detail, &shown))).collect();
            counted(answer(entities, &shown), total)
        }))
    })
    .await?
}

fn with_page(query: Query, pairs: &[(String, String)]) -> Result<Query, Failure> {
    let page = Query::parse(pairs)?;
    Ok(Query { limit: page.limit, offset: page.offset, count: page.count, ..query })
}

async fn body(request: Request) -> Result<Value, Failure> {
    let bytes = extract::body(request, BODY_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| Failure {
        status: StatusCode::BAD_REQUEST,
        kind: "InvalidRequest",
        detail: format!("the body is no JSON: {error}"),
    })
}

fn object(body: &Value) -> Result<Document, Failure> {
    body.as_object().cloned().ok_or_else(|| Failure::bad("the body is not an object"))
}

fn made(place: &str) -> Response {
    let place = HeaderValue::try_from(place);
    match place {
        Ok(place) => (StatusCode::CREATED, [(header::LOCATION, place)]).into_response(),
        Err(_) => StatusCode::CREATED.into_response(),
    }
}

/// Nothing is known of these attributes any more.
fn nothing(names: impl IntoIterator<Item = Name>) -> BTreeMap<Name, Statement> {
    names.into_iter().map(|name| (name, Statement { value: Value::Null, observed: None, unit: None })).collect()
}

impl Writer<'_> {
    fn may(&self, right: Right) -> Result<(), Failure> {
        self.allowed(right, Resource::Site)
    }

    fn allowed(&self, right: Right, resource: Resource<'_>) -> Result<(), Failure> {
        match decide(&self.caller.identity.principal, right, resource) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => {
                Err(Failure { status: StatusCode::FORBIDDEN, kind: "OperationNotSupported", detail: reason.to_owned() })
            }
        }
    }

    async fn record(&self, action: &str, target: &str) {
        let (principal, address) = (&self.caller.identity.principal, Some(self.caller.address()));
        self.app.access.record(principal, address, action, target, true).await;
    }

    fn find(&self, id: &str) -> Result<ThingDetail, Failure> {
        entity::find(&self.app.site, id).ok_or_else(|| Failure::not_found("entity", id))
    }

    async fn create(&self, document: &Document) -> Result<String, Failure> {
        let given = entity::read(document)?;
        if entity::find(&self.app.site, given.id.as_str()).is_some() {
            return Err(Failure::exists(format!("there is an entity {} already", given.id)));
        }
        self.make(given).await
    }

    /// Makes a thing of an entity, and says what the entity says.
    async fn make(&self, given: Given) -> Result<String, Failure> {
        self.may(Right::Configure)?;
        let name = given.statements.iter().find(|(name, _)| name.as_str() == "name");
        let title = name.and_then(|(_, statement)| statement.value.as_str()).map(str::to_owned);
        let new = site::NewThing {
            id: given.id.clone(),
            title,
            model: Some(entity::model_of(&given)),
            space: None,
            location: given.location,
            tags: Vec::new(),
            origin: <_>::default(),
        };
        self.app.blocking(move |site| site.create_thing(new)).await?;
        self.say(&given.id, &given.statements, None).await?;
        self.record("thing.create", given.id.as_str()).await;
        Ok(given.id.to_string())
    }

    /// Adds attributes, or replaces those that are there.
    async fn append(&self, id: &str, document: &Document) -> Result<(), Failure> {
        let detail = self.find(id)?;
        let (statements, location) = entity::read_attributes(document)?;
        self.say(&detail.summary.thing.id, &statements, location).await
    }

    /// Replaces attributes that are there; others are left out and told.
    async fn update(&self, id: &str, document: &Document) -> Result<Response, Failure> {
        let detail = self.find(id)?;
        let (statements, location) = entity::read_attributes(document)?;
        let known: Vec<String> = entity::attributes(&detail).into_iter().map(|(name, _)| name).collect();
        let (there, missing): (BTreeMap<_, _>, BTreeMap<_, _>) =
            statements.into_iter().partition(|(name, _)| known.iter().any(|known| known == name.as_str()));
        self.say(&detail.summary.thing.id, &there, location).await?;
        if missing.is_empty() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let not_updated: Vec<Value> = missing
            .keys()
            .map(|name| json!({"attributeName": name, "reason": "the entity has no such attribute"}))
            .collect();
        let updated: Vec<&Name> = there.keys().collect();
        Ok((StatusCode::MULTI_STATUS, axum::Json(json!({"updated": updated, "notUpdated": not_updated})))
            .into_response())
    }

    /// Puts a whole entity in place of what was known.
    async fn replace(&self, id: &str, document: &Document) -> Result<(), Failure> {
        let detail = self.find(id)?;
        let (mut statements, location) = entity::read_attributes(document)?;
        let told = detail.properties.iter().map(|(reported, _)| reported.name.clone());
        let gone: Vec<Name> = told.filter(|name| !statements.contains_key(name)).collect();
        statements.extend(nothing(gone));
        self.say(&detail.summary.thing.id, &statements, location).await
    }

    async fn delete(&self, id: &str) -> Result<(), Failure> {
        self.may(Right::Configure)?;
        let thing = self.find(id)?.summary.thing.id.clone();
        crate::api::things::forget(self.app, &thing, None).await?;
        self.record("thing.delete", thing.as_str()).await;
        Ok(())
    }

    /// Says something as the thing would, and waits until it can be read.
    async fn say(
        &self,
        thing: &ThingId,
        statements: &BTreeMap<Name, Statement>,
        location: Option<Coordinates>,
    ) -> Result<(), Failure> {
        if location.is_some() {
            self.may(Right::Configure)?;
            let (id, edit) = (thing.clone(), ThingEdit { location: Some(location), ..ThingEdit::default() });
            self.app.blocking(move |site| site.edit_thing(&id, None, edit)).await?;
        }
        if statements.is_empty() {
            return Ok(());
        }
        self.allowed(Right::Ingest, Resource::Thing(thing))?;
        let report = entity::report(statements, self.app.clock.now());
        let message = connect::http_ingest::reports(thing, &Bytes::from(report.to_string()))
            .map_err(crate::http::Problem::from)?;
        let position = ingest::publish(self.app, self.caller, message.topic, message.payload).await?;
        self.readable(position).await
    }

    async fn readable(&self, position: Position) -> Result<(), Failure> {
        let applied = async {
            while self.app.site.applied() < position {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(READABLE_WITHIN, applied).await.map_err(|_| Failure {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "InternalError",
            detail: "what was written is on the log and cannot be read yet".to_owned(),
        })
    }

    /// Does the same to many entities; each is done or not on its own.
    async fn batch(&self, operation: &str, body: &Value, pairs: &[(String, String)]) -> Result<Response, Failure> {
        let entities = body.as_array().ok_or_else(|| Failure::bad("the body is not an array"))?;
        if entities.len() > BATCH_MAX {
            return Err(Failure::bad(format!(
                "{} entities, and at most {BATCH_MAX} are taken at once",
                entities.len()
            )));
        }
        let keeps =
            |word: &str| pairs.iter().any(|(key, value)| key == "options" && value.split(',').any(|one| one == word));
        let is_whole = operation == "upsert" && !keeps("update");
        let (mut made, mut done, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for entity in entities {
            let id = entity.as_str().or_else(|| entity.get("id")?.as_str()).unwrap_or_default().to_owned();
            let outcome = match operation {
                "create" => self.create_of(entity).await.map(|_| made.push(id.clone())),
                "delete" => self.delete(&id).await,
                "update" => self.append_of(&id, entity).await,
                "upsert" if self.find(&id).is_err() => self.create_of(entity).await.map(|_| made.push(id.clone())),
                "upsert" if is_whole => self.replace_of(&id, entity).await,
                "upsert" => self.append_of(&id, entity).await,
                _ => return Err(Failure::not_found("operation", operation)),
            };
            match outcome {
                Ok(()) => done.push(id),
                Err(failure) => errors.push(json!({"entityId": id, "error": failure.document()})),
            }
        }
        if !errors.is_empty() {
            let body = json!({"success": done, "errors": errors});
            return Ok((StatusCode::MULTI_STATUS, axum::Json(body)).into_response());
        }
        if made.is_empty() {
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            Ok((StatusCode::CREATED, axum::Json(made)).into_response())
        }
    }

    async fn create_of(&self, entity: &Value) -> Result<String, Failure> {
        self.create(&object(entity)?).await
    }

    async fn append_of(&self, id: &str, entity: &Value) -> Result<(), Failure> {
        self.append(id, &object(entity)?).await
    }

    async fn replace_of(&self, id: &str, entity: &Value) -> Result<(), Failure> {
        self.replace(id, &object(entity)?).await
    }
}
