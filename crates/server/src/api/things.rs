//! Things: the list, one thing, its model, the inbox and virtual things.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::access::TopicRules;
use model::{Coordinates, ModelError, Name, Principal, SpaceId, ThingId, ThingModel};
use mqtt::ReasonCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::access::CredentialRules;
use super::convert::no_thing;
use super::page::{self, Page};
use super::types::{ModelChoice, NewCredential, Presence, Thing, ThingStatus, ThingSummary};
use crate::application::SensorFault;
use crate::http::extract::parse_json;
use crate::http::{IfMatch, Json, Made, Path, Problem, Query, Revised};

/// The most topic rules of one credential.
const RULES_MAX: usize = 100;

/// The most virtual things of one model that get their ids from it.
const VIRTUAL_OF_ONE_MODEL_MAX: usize = 1_000;

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
    /// How many items to leave out first, to jump in a long list; things that come and go in between move it.
    pub offset: Option<usize>,
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
    /// Where on the earth it stands.
    #[serde(default)]
    pub location: Option<Coordinates>,
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
    /// Where on the earth it stands; null takes it off the map.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Coordinates>)]
    pub location: Option<Option<Coordinates>>,
    /// What people sort it by.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Accept or ignore it.
    #[serde(default)]
    pub status: Option<ThingStatus>,
}

/// Tells "null" from "left out".
#[expect(clippy::option_option, reason = "a merge patch has three cases: left out, null, a value")]
pub(super) fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
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
    /// Where it is.
    #[serde(default)]
    pub space: Option<SpaceId>,
    /// Where on the earth it stands.
    #[serde(default)]
    pub location: Option<Coordinates>,
}

/// Lists things.
#[utoipa::path(get, path = "/things", tag = "things", params(ThingsQuery),
    responses((status = 200, body = Page<ThingSummary>)))]
pub async fn list_things(
    State(app): State<App>,
    Query(query): Query<ThingsQuery>,
) -> Result<Json<Page<ThingSummary>>, Problem> {
    let found = app.site.things(&site::ThingQuery {
        search: query.search,
        space: query.space,
        tag: query.tag,
        kind: query.kind,
        presence: query.presence.map(Into::into),
        status: query.status.map(Into::into),
        adapter: query.adapter,
        sort: match query.sort.unwrap_or_default() {
            Sort::Title => site::ThingSort::Title,
            Sort::LastSeen => site::ThingSort::LastSeen,
            Sort::Presence => site::ThingSort::Presence,
        },
        cursor: query.cursor.as_deref().map(page::decode).transpose()?,
        offset: query.offset.unwrap_or(0),
        limit: page::limit(query.limit),
    });
    Ok(Json(Page {
        items: found.items.into_iter().map(ThingSummary::from).collect(),
        next_cursor: found.next_cursor.as_deref().map(page::encode),
        total: found.total as u64,
    }))
}

/// Makes a thing by hand. It is accepted at once and gets a credential.
#[utoipa::path(post, path = "/things", tag = "things", responses((status = 201, body = MadeThing)))]
pub async fn make_thing(
    State(app): State<App>,
    Json(new): Json<NewThing>,
) -> Result<(StatusCode, Extension<Made>, Json<MadeThing>), Problem> {
    let model = new.model.map(|choice| choose(&app, choice)).transpose()?;
    let thing = site::NewThing {
        id: new.id.clone(),
        title: new.title,
        model: model.map(|model| (*model).clone()),
        space: new.space,
        location: new.location,
        tags: new.tags,
        origin: twin::Origin::Physical,
    };
    app.blocking(move |site| site.create_thing(thing)).await?;
    let secret = app.access.rotate_credential(&new.id, None).await?;
    let thing = show(&app, &new.id)?.1;
    let credential = NewCredential { username: new.id.to_string(), secret };
    Ok((StatusCode::CREATED, Extension(Made(new.id.to_string())), Json(MadeThing { thing, credential })))
}

/// One thing with everything that is known of it.
#[utoipa::path(get, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn get_thing(State(app): State<App>, Path(thing): Path<ThingId>) -> Result<Revised<Thing>, Problem> {
    show(&app, &thing)
}

/// Names, places, tags, accepts or ignores a thing.
#[utoipa::path(patch, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn change_thing(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    if_match: IfMatch,
    Json(change): Json<ThingChange>,
) -> Result<Revised<Thing>, Problem> {
    let edit = twin::ThingEdit {
        title: change.title,
        space: change.space,
        location: change.location,
        tags: change.tags,
        status: change.status.map(Into::into),
        model: None,
    };
    let id = thing.clone();
    app.blocking(move |site| site.edit_thing(&id, if_match.0, edit)).await?;
    show(&app, &thing)
}

/// Forgets a thing with its credential and history. Its messages stay on the log until retention removes them.
#[utoipa::path(delete, path = "/things/{thing}", tag = "things", params(("thing" = String, Path)),
    responses((status = 204)))]
pub async fn delete_thing(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let id = thing.clone();
    app.blocking(move |site| {
        let row = site.thing_row(&id).ok_or_else(|| no_thing(&id))?;
        if_match.check(row.rev, "thing", &id)
    })
    .await?;
    forget(&app, &thing, if_match.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops a thing, takes its credential and deletes it. `expected` is the rev it must have.
pub(crate) async fn forget(app: &App, thing: &ThingId, expected: Option<i64>) -> Result<(), Problem> {
    app.stage.stop(thing);
    app.access.remove_credential(thing).await?;
    app.broker.disconnect_principal(&Principal::thing(thing.clone()), ReasonCode::AdministrativeAction);
    app.gone(thing).await;
    let thing = thing.clone();
    app.blocking(move |site| site.remove_thing(&thing, expected)).await
}

/// What a thing can tell and do.
#[utoipa::path(get, path = "/things/{thing}/model", tag = "things", params(("thing" = String, Path), ModelQuery),
    responses((status = 200, content(
        (ThingModel = "application/json"),
        (serde_json::Value = "application/tm+json"),
    ))))]
pub async fn get_model(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Query(query): Query<ModelQuery>,
) -> Result<Response, Problem> {
    let model = app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?.model_of_its_own();
    Ok(match query.format {
        None => Json(model).into_response(),
        Some(ModelFormat::Wot) => {
            let document = axum::Json(model.to_wot());
            ([(header::CONTENT_TYPE, "application/tm+json")], document).into_response()
        }
    })
}

/// Corrects what a thing can tell and do: our form, or a W3C Thing Model or Description.
#[utoipa::path(put, path = "/things/{thing}/model", tag = "things", params(("thing" = String, Path)),
    request_body = ThingModel, responses((status = 200, body = Thing, headers(("etag" = String)))))]
pub async fn correct_model(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    if_match: IfMatch,
    Json(document): Json<serde_json::Value>,
) -> Result<Revised<Thing>, Problem> {
    let mut model = read_model(&document)?;
    model.inferred = false;
    let (id, edit) = (thing.clone(), twin::ThingEdit { model: Some(model), ..twin::ThingEdit::default() });
    app.blocking(move |site| site.edit_thing(&id, if_match.0, edit)).await?;
    show(&app, &thing)
}

/// Accepts things from the inbox.
#[utoipa::path(post, path = "/inbox/accept", tag = "things", responses((status = 200, body = InboxDone)))]
pub async fn accept_inbox(State(app): State<App>, Json(choice): Json<InboxChoice>) -> Result<Json<InboxDone>, Problem> {
    let (selection, space) = selection(choice)?;
    let accepted = app.blocking(move |site| site.accept(&selection, space.as_ref())).await?;
    Ok(Json(InboxDone { accepted }))
}

/// Ignores things of the inbox.
#[utoipa::path(post, path = "/inbox/ignore", tag = "things", responses((status = 200, body = InboxIgnored)))]
pub async fn ignore_inbox(
    State(app): State<App>,
    Json(choice): Json<InboxChoice>,
) -> Result<Json<InboxIgnored>, Problem> {
    let (selection, _) = selection(choice)?;
    let ignored = app.blocking(move |site| site.ignore(&selection)).await?;
    Ok(Json(InboxIgnored { ignored }))
}

/// Starts a thing that this server plays, of any model.
#[utoipa::path(post, path = "/virtual-things", tag = "things", responses((status = 201, body = Thing)))]
pub async fn make_virtual_thing(
    State(app): State<App>,
    Json(new): Json<NewVirtualThing>,
) -> Result<(StatusCode, Extension<Made>, Json<Thing>), Problem> {
    let model = choose(&app, new.model)?;
    let id = match new.id {
        Some(id) => id,
        None => free_id(&app, &model)?,
    };
    let title = new.title.unwrap_or_else(|| if model.title.is_empty() { id.to_string() } else { model.title.clone() });
    let thing = site::NewThing {
        id: id.clone(),
        title: Some(title.clone()),
        model: Some((*model).clone()),
        space: new.space,
        location: new.location,
        tags: Vec::new(),
        origin: twin::Origin::Virtual,
    };
    app.blocking(move |site| site.create_thing(thing)).await?;
    app.stage.play(&id, &title, model).map_err(Problem::conflict)?;
    Ok((StatusCode::CREATED, Extension(Made(id.to_string())), Json(show(&app, &id)?.1)))
}

/// Which instrument of a virtual thing is to be broken, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    /// The property behind which it is.
    pub name: Name,
    /// How; `none` makes it whole again.
    pub kind: SensorFault,
}

/// Breaks an instrument of a thing that this server plays, to see what is found. While it is broken it tells its value
/// every second; it is whole again after a restart.
#[utoipa::path(post, path = "/virtual-things/{thing}/faults", tag = "things", params(("thing" = String, Path)),
    responses((status = 204)))]
pub async fn break_virtual_thing(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Json(fault): Json<NewFault>,
) -> Result<StatusCode, Problem> {
    let row = app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    if !row.model.properties.contains_key(&fault.name) {
        return Err(Problem::not_found("property", &fault.name).at("name"));
    }
    let broken = app.stage.fault(&thing, &fault.name, fault.kind);
    let is_played = broken.map_err(|problem| match problem.split_once("\nhint: ") {
        Some((detail, hint)) => Problem::invalid(detail).hint(hint).at("name"),
        None => Problem::invalid(problem).at("name"),
    })?;
    if !is_played {
        return Err(Problem::conflict(format!("{thing} is not played by this server"))
            .hint("only virtual things can be broken, as those of the demo"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The models that are known.
#[utoipa::path(get, path = "/models", tag = "things", responses((status = 200, body = Vec<ThingModel>)))]
pub async fn list_models(State(app): State<App>) -> Result<Json<Vec<Arc<ThingModel>>>, Problem> {
    Ok(Json(app.site.models()))
}

/// Makes a new secret for a thing; the old one stops working. The secret is shown this once.
#[utoipa::path(post, path = "/things/{thing}/credential", tag = "things", params(("thing" = String, Path)),
    request_body = Option<CredentialRules>,
    responses((status = 201, body = NewCredential)))]
pub async fn rotate_credential(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    rules: Option<Json<CredentialRules>>,
) -> Result<(StatusCode, Json<NewCredential>), Problem> {
    app.site.thing_row(&thing).ok_or_else(|| no_thing(&thing))?;
    let rules = rules.map(|Json(rules)| rules.rules);
    if let Some(rules) = &rules {
        check_rules(rules)?;
    }
    let secret = app.access.rotate_credential(&thing, rules).await?;
    app.broker.disconnect_principal(&Principal::thing(thing.clone()), ReasonCode::NotAuthorized);
    Ok((StatusCode::CREATED, Json(NewCredential { username: thing.to_string(), secret })))
}

/// Takes a thing's credential away.
#[utoipa::path(delete, path = "/things/{thing}/credential", tag = "things", params(("thing" = String, Path)),
    responses((status = 204)))]
pub async fn delete_credential(State(app): State<App>, Path(thing): Path<ThingId>) -> Result<StatusCode, Problem> {
    if withdraw_credential(&app, &thing).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("credential of", &thing))
    }
}

/// A thing as it is shown, with its revision.
fn show(app: &App, id: &ThingId) -> Result<Revised<Thing>, Problem> {
    let detail = app.site.thing(id).ok_or_else(|| no_thing(id))?;
    Ok(Revised(detail.summary.thing.rev, Thing::new(detail, &app.access)))
}

/// The model that somebody chose.
fn choose(app: &App, choice: ModelChoice) -> Result<Arc<ThingModel>, Problem> {
    match choice {
        ModelChoice::Known(id) => Ok(app.site.model(&id)?),
        ModelChoice::Given(model) => Ok(Arc::from(model)),
    }
}

/// A model in our form, or a W3C Thing Model or Description.
fn read_model(document: &serde_json::Value) -> Result<ThingModel, Problem> {
    if document.get("@context").is_some() {
        return ThingModel::from_wot(document).map_err(|error| match error {
            ModelError::Document { place, problem } => Problem::invalid(problem).at(place),
            error => Problem::invalid(error.to_string()),
        });
    }
    let bytes = serde_json::to_vec(document).expect("JSON that was parsed can be written");
    parse_json(&bytes)
}

fn selection(choice: InboxChoice) -> Result<(site::Selection, Option<SpaceId>), Problem> {
    match (choice.all, choice.things.is_empty()) {
        (true, true) => Ok((site::Selection::All, choice.space)),
        (false, false) => Ok((site::Selection::Things(choice.things), choice.space)),
        (true, false) => Err(Problem::invalid("say either all or which things").at("things")),
        (false, true) => {
            Err(Problem::invalid("no things were named").at("things").hint("send {\"all\": true} for all"))
        }
    }
}

/// An id that nobody has, made from a model's.
fn free_id(app: &App, model: &ThingModel) -> Result<ThingId, Problem> {
    let stem = if model.id.is_empty() { "virtual" } else { &model.id };
    (1..=VIRTUAL_OF_ONE_MODEL_MAX)
        .filter_map(|number| ThingId::new(format!("{stem}-{number}")).ok())
        .find(|id| app.site.thing_row(id).is_none())
        .ok_or_else(|| Problem::conflict("there are too many virtual things of this model").hint("give an id"))
}

fn check_rules(rules: &TopicRules) -> Result<(), Problem> {
    let granted = rules.grants.iter().map(|grant| &grant.filter);
    let filters = granted.chain(&rules.deny_publish).chain(&rules.deny_subscribe);
    if rules.grants.len() + rules.deny_publish.len() + rules.deny_subscribe.len() > RULES_MAX {
        return Err(Problem::invalid(format!("at most {RULES_MAX} rules are accepted")).at("rules"));
    }
    for filter in filters {
        if !model::topic::is_filter(filter) {
            return Err(Problem::invalid(format!("{filter:?} is no MQTT filter")).at("rules"));
        }
    }
    Ok(())
}

/// Takes a thing's credential away and ends its connections; false when it had none.
async fn withdraw_credential(app: &App, thing: &ThingId) -> Result<bool, Problem> {
    let had = app.access.remove_credential(thing).await?;
    if had {
        app.broker.disconnect_principal(&Principal::thing(thing.clone()), ReasonCode::NotAuthorized);
    }
    Ok(had)
}
