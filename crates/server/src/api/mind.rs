//! What the mind finds, foretells and has learned.

use axum::extract::State;
use model::{Name, ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use site::mind::{
    CardKind, CardQuery, Foretold, HealthDetail, Insight, InsightKind, InsightState, MindSettings, ModelCard,
};
use site::{InsightQuery, SiteError};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::page;
use crate::http::{Caller, Json, Path, Problem, Query};

/// Which findings, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InsightFilter {
    /// Those that nobody has looked at.
    #[default]
    Open,
    /// Those that somebody has looked at, and that go on.
    Acknowledged,
    /// Those that are over, or were called normal.
    Over,
    /// Every one.
    All,
}

impl InsightFilter {
    fn states(self) -> Option<Vec<InsightState>> {
        match self {
            Self::Open => Some(vec![InsightState::Open]),
            Self::Acknowledged => Some(vec![InsightState::Acknowledged]),
            Self::Over => Some(vec![InsightState::Over, InsightState::Normal]),
            Self::All => None,
        }
    }
}

/// Which findings.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InsightsQuery {
    /// Where they stand; `open` when not given.
    #[param(inline)]
    pub state: Option<InsightFilter>,
    /// About this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// Of this sort.
    #[param(inline)]
    pub kind: Option<InsightKind>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A finding as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownInsight {
    /// The finding.
    #[serde(flatten)]
    pub insight: Insight,
    /// What people call the thing.
    pub thing_title: String,
}

/// A page of findings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Insights {
    /// The newest first.
    pub items: Vec<ShownInsight>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
    /// How many findings are open, whatever was asked for.
    pub open_count: usize,
}

/// What somebody says about a finding.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InsightLabel {
    /// In their own words, at most 1000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which forecast.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForecastQuery {
    /// Of which property.
    #[param(value_type = String)]
    pub name: Name,
    /// For how many hours; a day when not given, two at most.
    #[param(minimum = 1, maximum = 48)]
    pub hours: Option<u32>,
    /// As it would have been made at this time, in microseconds; now when not given.
    pub at: Option<i64>,
}

/// Which model cards.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardsQuery {
    /// Of this sort.
    #[param(inline)]
    pub kind: Option<CardKind>,
    /// Of this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A page of model cards.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cards {
    /// In order of id.
    pub items: Vec<ModelCard>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

fn shown(site: &site::Site, insight: Insight) -> ShownInsight {
    let thing_title = site.thing_row(&insight.thing).map_or_else(|| insight.thing.to_string(), |row| row.title.clone());
    ShownInsight { insight, thing_title }
}

/// What the mind found, the newest first.
#[utoipa::path(get, path = "/insights", tag = "mind", params(InsightsQuery),
    responses((status = 200, body = Insights)))]
pub async fn list_insights(State(app): State<App>, Query(query): Query<InsightsQuery>) -> Json<Insights> {
    let found = app.site.insights(&InsightQuery {
        states: query.state.unwrap_or_default().states(),
        thing: query.thing,
        kind: query.kind,
        after: query.after,
        limit: page::limit(query.limit),
    });
    let items = found.items.into_iter().map(|insight| shown(&app.site, insight)).collect();
    Json(Insights { items, next: found.next, open_count: found.open_count })
}

/// One finding.
#[utoipa::path(get, path = "/insights/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 200, body = ShownInsight)))]
pub async fn get_insight(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ShownInsight>, Problem> {
    Ok(Json(shown(&app.site, app.site.insight(&id)?)))
}

/// Says that somebody has looked at a finding. It goes on, and wants less attention.
#[utoipa::path(post, path = "/insights/{id}/acknowledge", tag = "mind", params(("id" = String, Path)),
    request_body = Option<InsightLabel>,
    responses((status = 200, body = ShownInsight)))]
pub async fn acknowledge_insight(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    label: Option<Json<InsightLabel>>,
) -> Result<Json<ShownInsight>, Problem> {
    let (by, note) = (caller.identity.principal.id().to_owned(), label.and_then(|Json(label)| label.note));
    let insight = app.blocking(move |site| site.acknowledge_insight(&id, &by, note.as_deref())).await?;
    Ok(Json(shown(&app.site, insight)))
}

/// Says that what was found is normal: the finding is over, and its detector learns.
#[utoipa::path(post, path = "/insights/{id}/normal", tag = "mind", params(("id" = String, Path)),
    request_body = Option<InsightLabel>,
    responses((status = 200, body = ShownInsight)))]
pub async fn call_insight_normal(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    label: Option<Json<InsightLabel>>,
) -> Result<Json<ShownInsight>, Problem> {
    let (by, note) = (caller.identity.principal.id().to_owned(), label.and_then(|Json(label)| label.note));
    let insight = app.blocking(move |site| site.call_insight_normal(&id, &by, note.as_deref())).await?;
    Ok(Json(shown(&app.site, insight)))
}

/// How well a thing is, and what is watched of it.
#[utoipa::path(get, path = "/things/{thing}/health", tag = "mind", params(("thing" = String, Path)),
    responses((status = 200, body = HealthDetail)))]
pub async fn get_health(State(app): State<App>, Path(thing): Path<ThingId>) -> Result<Json<HealthDetail>, Problem> {
    Ok(Json(app.site.health(&thing)?))
}

/// What is to be expected of a property. 404 with `not_yet` while too little was seen.
#[utoipa::path(get, path = "/things/{thing}/forecast", tag = "mind",
    params(("thing" = String, Path), ForecastQuery), responses((status = 200, body = Foretold)))]
pub async fn get_forecast(
    State(app): State<App>,
    Path(thing): Path<ThingId>,
    Query(query): Query<ForecastQuery>,
) -> Result<Json<Foretold>, Problem> {
    let ForecastQuery { name, hours, at } = query;
    let forecast = move |site: &std::sync::Arc<site::Site>| -> Result<Foretold, SiteError> {
        site.forecast(&thing, &name, hours.unwrap_or(24), at.map(Timestamp))
    };
    Ok(Json(app.blocking(forecast).await?))
}

/// What was learned: the cards of forecasters and detectors.
#[utoipa::path(get, path = "/model-cards", tag = "mind", params(CardsQuery), responses((status = 200, body = Cards)))]
pub async fn list_model_cards(State(app): State<App>, Query(query): Query<CardsQuery>) -> Json<Cards> {
    let CardsQuery { kind, thing, after, limit } = query;
    let (items, next) = app.site.model_cards(&CardQuery { kind, thing, after, limit: page::limit(limit) });
    Json(Cards { items, next })
}

/// One model card.
#[utoipa::path(get, path = "/model-cards/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 200, body = ModelCard)))]
pub async fn get_model_card(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ModelCard>, Problem> {
    Ok(Json(app.site.model_card(&id)?))
}

/// What is set of the mind.
#[utoipa::path(get, path = "/settings/mind", tag = "mind", responses((status = 200, body = MindSettings)))]
pub async fn get_mind_settings(State(app): State<App>) -> Json<MindSettings> {
    Json(app.site.mind_settings())
}

/// Sets the mind.
#[utoipa::path(put, path = "/settings/mind", tag = "mind", responses((status = 200, body = MindSettings)))]
pub async fn put_mind_settings(
    State(app): State<App>,
    Json(settings): Json<MindSettings>,
) -> Result<Json<MindSettings>, Problem> {
    app.blocking(move |site| site.set_mind_settings(settings)).await?;
    Ok(Json(app.site.mind_settings()))
}
