//! Suggestions: what people do by hand again and again, as rules that they may take.

use axum::Extension;
use axum::extract::State;
use serde::Serialize;
use site::rules::{Looked, RuleState, Suggestion};
use utoipa::ToSchema;

use super::App;
use super::rules::by;
use crate::http::{Caller, Json, Made, Path, Problem};

/// What is suggested and was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Suggestions {
    /// The newest first.
    pub items: Vec<Suggestion>,
    /// The last look for habits; null before the first.
    #[schema(required)]
    pub looked: Option<Looked>,
}

/// A suggestion after a decision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecidedSuggestion {
    /// The suggestion.
    #[serde(flatten)]
    pub suggestion: Suggestion,
    /// Where the rule stands that was made of it.
    #[schema(required)]
    pub rule_state: Option<RuleState>,
}

/// What is suggested, and what became of earlier suggestions.
#[utoipa::path(get, path = "/suggestions", tag = "rules", responses((status = 200, body = Suggestions)))]
pub async fn list_suggestions(State(app): State<App>) -> Json<Suggestions> {
    let (items, looked) = app.site.suggestions();
    Json(Suggestions { items, looked })
}

/// Looks for habits now; otherwise that happens once a day.
#[utoipa::path(post, path = "/suggestions/look", tag = "rules", responses((status = 200, body = Looked)))]
pub async fn look_for_habits(State(app): State<App>) -> Result<Json<Looked>, Problem> {
    app.blocking(|site| site.look_for_habits()).await.map(Json)
}

async fn decided(
    app: App,
    id: String,
    decide: impl FnOnce(&site::Site, &str) -> Result<Suggestion, site::RuleError> + Send + 'static,
) -> Result<(Extension<Made>, Json<DecidedSuggestion>), Problem> {
    let made = Made(id.clone());
    let decided = move |site: &std::sync::Arc<site::Site>| -> Result<DecidedSuggestion, site::RuleError> {
        let suggestion = decide(site, &id)?;
        let rule_state = site.rule_of_suggestion(&suggestion).map(|rule| rule.summary.state);
        Ok(DecidedSuggestion { suggestion, rule_state })
    };
    app.blocking(decided).await.map(|decided| (Extension(made), Json(decided)))
}

/// Lets a suggestion run in shadow. After a week somebody is asked whether it shall go live.
#[utoipa::path(post, path = "/suggestions/{id}/shadow", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = DecidedSuggestion)))]
pub async fn shadow_suggestion(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<(Extension<Made>, Json<DecidedSuggestion>), Problem> {
    let by = by(&caller);
    decided(app, id, move |site, id| site.shadow_suggestion(id, &by)).await
}

/// Makes a suggestion a rule, which runs in shadow first. One that runs in shadow goes live.
#[utoipa::path(post, path = "/suggestions/{id}/accept", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = DecidedSuggestion)))]
pub async fn accept_suggestion(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<(Extension<Made>, Json<DecidedSuggestion>), Problem> {
    let by = by(&caller);
    decided(app, id, move |site, id| site.accept_suggestion(id, &by)).await
}

/// Dismisses a suggestion: the same is not suggested again, and what ran in shadow for it stops.
#[utoipa::path(post, path = "/suggestions/{id}/dismiss", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = DecidedSuggestion)))]
pub async fn dismiss_suggestion(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<(Extension<Made>, Json<DecidedSuggestion>), Problem> {
    decided(app, id, site::Site::dismiss_suggestion).await
}
