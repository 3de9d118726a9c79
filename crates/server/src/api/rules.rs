//! Rules: written, shown on the past, tried in shadow, taken live, taken back, and asked why.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Decision, Resource, Right, ThingId, Timestamp, Value, decide};
use rule::conflicts::Conflict;
use rule::{Outcome, Trace, TraceSummary, WhyNot};
use serde::{Deserialize, Serialize};
use site::RuleError;
use site::rules::{
    Backtest, BacktestAsked, Checked, Imports, Promotion, RuleDetail, RuleGuard, RuleQuery, RuleStage, RuleState,
    RuleSummary, RuleVersion, TraceQuery, WouldHave,
};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::page;
use crate::http::{Caller, Json, Made, Path, Problem, Query};

/// Which rules.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RulesQuery {
    /// Where they stand; any when not given.
    #[param(inline)]
    pub state: Option<RuleState>,
    /// That read or command this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// With these words in title or id.
    pub search: Option<String>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A page of rules.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rules {
    /// In order of id.
    pub items: Vec<RuleSummary>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A new rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// The text (YAML).
    pub text: String,
    /// Its id; made of the title when left out.
    #[serde(default)]
    pub id: Option<String>,
}

/// A new text of a rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleChange {
    /// The text (YAML).
    pub text: String,
    /// The version that the writer has seen; refused when there is a newer one.
    pub version: u64,
    /// What is to be said about the change.
    #[serde(default)]
    pub note: Option<String>,
}

/// A text to be looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// The text (YAML).
    pub text: String,
    /// The rule that it is a text of, if it is one of an existing rule.
    #[serde(default)]
    pub id: Option<String>,
}

/// What is to be shown on the past.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// From here on; thirty days before the end when left out.
    #[serde(default)]
    pub from: Option<i64>,
    /// Up to here; now when left out.
    #[serde(default)]
    pub to: Option<i64>,
    /// Another text than the newest version.
    #[serde(default)]
    pub text: Option<String>,
}

/// The cards of a rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Backtests {
    /// The newest first.
    pub items: Vec<Backtest>,
}

/// How a rule shall go live.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteRule {
    /// The backtest or shadow that shows it; any of this version when left out.
    #[serde(default)]
    pub run: Option<String>,
    /// Without anything to show for it; for owners.
    #[serde(default)]
    pub force: bool,
    /// For which part of its things; for all when left out.
    #[serde(default)]
    pub stage: Option<RuleStage>,
    /// What takes it back.
    #[serde(default)]
    pub guard: Option<RuleGuard>,
}

/// Which version is wanted back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertRule {
    /// Which.
    pub version: u64,
}

/// The versions of a rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleVersions {
    /// The newest first.
    pub items: Vec<RuleVersion>,
}

/// A span of time.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SpanQuery {
    /// From here on, in microseconds.
    pub from: Option<i64>,
    /// Up to here, in microseconds.
    pub to: Option<i64>,
}

/// What a rule in shadow would have done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WouldHaveDone {
    /// Oldest first.
    pub items: Vec<WouldHave>,
}

/// Which runs.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TracesQuery {
    /// That ended so; any when not given.
    #[param(inline)]
    pub outcome: Option<Outcome>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A page of runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Traces {
    /// The newest first; those that go on before those that are over.
    pub items: Vec<TraceSummary>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// At which moment.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AtQuery {
    /// In microseconds; now when not given.
    pub at: Option<i64>,
}

/// What rules do to each other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Conflicts {
    /// Each of them.
    pub items: Vec<Conflict>,
}

/// Rules from elsewhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRules {
    /// `home_assistant`.
    pub format: String,
    /// Their text.
    pub text: String,
    /// Whether each becomes a draft.
    #[serde(default)]
    pub save: bool,
}

/// How many rules a call set off.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Called {
    /// So many.
    pub rules: usize,
}

impl From<RuleError> for Problem {
    fn from(error: RuleError) -> Self {
        let text = error.to_string();
        let hinted = |make: fn(String) -> Self| match text.split_once("\nhint: ") {
            Some((detail, hint)) => make(detail.to_owned()).hint(hint),
            None => make(text.clone()),
        };
        match error {
            RuleError::UnknownRule(id) => Self::not_found("rule", id),
            RuleError::UnknownVersion { version, .. } => Self::not_found("version", version),
            RuleError::UnknownTrace(id) => Self::not_found("trace", id),
            RuleError::UnknownScene(id) => Self::not_found("scene", id),
            RuleError::UnknownAlarm(id) => Self::not_found("alarm", id),
            RuleError::UnknownSuggestion(id) => Self::not_found("suggestion", id),
            RuleError::UnknownWebhook(name) => Self::not_found("webhook", name),
            RuleError::AlarmOver(_)
            | RuleError::Decided { .. }
            | RuleError::Taken(_)
            | RuleError::Full { .. }
            | RuleError::Changed { .. }
            | RuleError::NothingToShow { .. }
            | RuleError::ShowsAnother { .. } => hinted(Self::conflict),
            RuleError::ShelvedFor => hinted(Self::invalid).at("until"),
            RuleError::BadId(_) => hinted(Self::invalid).at("id"),
            RuleError::BadTitle => hinted(Self::invalid).at("title"),
            RuleError::NothingToSet => hinted(Self::invalid).at("sets"),
            RuleError::TooLong(_) | RuleError::CannotRun { .. } => hinted(Self::invalid).at("text"),
            RuleError::Promotion { place, problem } => Self::invalid(problem).at(place),
            RuleError::Span => hinted(Self::invalid).at("from"),
            RuleError::HalfAPlace | RuleError::Place(rule::PlaceError::Coordinates { .. }) => {
                hinted(Self::invalid).at("latitude")
            }
            RuleError::Place(rule::PlaceError::Zone { .. }) => hinted(Self::invalid).at("time_zone"),
            RuleError::UnknownFormat(_) => hinted(Self::invalid).at("format"),
            RuleError::Site(error) => error.into(),
            RuleError::History(error) => site::SiteError::from(error).into(),
            RuleError::State(error) => error.into(),
        }
    }
}

pub(super) fn by(caller: &Caller) -> String {
    caller.identity.principal.id().to_owned()
}

/// Rules in order of id.
#[utoipa::path(get, path = "/rules", tag = "rules", params(RulesQuery), responses((status = 200, body = Rules)))]
pub async fn list_rules(State(app): State<App>, Query(query): Query<RulesQuery>) -> Json<Rules> {
    let RulesQuery { state, thing, search, after, limit } = query;
    let (items, next) = app.site.rules(&RuleQuery { state, thing, search, after, limit: page::limit(limit) });
    Json(Rules { items, next })
}

/// Adds a rule as a draft. A text that cannot run yet is kept, and says what is wrong with it.
#[utoipa::path(post, path = "/rules", tag = "rules", responses((status = 201, body = RuleDetail)))]
pub async fn add_rule(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewRule>,
) -> Result<(StatusCode, Extension<Made>, Json<RuleDetail>), Problem> {
    let by = by(&caller);
    let added = move |site: &std::sync::Arc<site::Site>| {
        let id = site.add_rule(&new.text, new.id.as_deref(), &by)?;
        site.rule(&id)
    };
    let rule = app.blocking(added).await?;
    Ok((StatusCode::CREATED, Extension(Made(rule.summary.id.clone())), Json(rule)))
}

/// One rule in full.
#[utoipa::path(get, path = "/rules/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleDetail)))]
pub async fn get_rule(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RuleDetail>, Problem> {
    app.blocking(move |site| site.rule(&id)).await.map(Json)
}

/// Writes a new version. What runs goes on as it is. 409 when somebody else wrote one meanwhile.
#[utoipa::path(put, path = "/rules/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleDetail)))]
pub async fn change_rule(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    Json(change): Json<RuleChange>,
) -> Result<Json<RuleDetail>, Problem> {
    let by = by(&caller);
    let changed = move |site: &std::sync::Arc<site::Site>| {
        site.change_rule(&id, &change.text, change.version, &by, change.note.as_deref())?;
        site.rule(&id)
    };
    app.blocking(changed).await.map(Json)
}

/// Removes a rule with everything that is kept of it.
#[utoipa::path(delete, path = "/rules/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_rule(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.blocking(move |site| site.remove_rule(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What can be said of a text, whatever it is: what is wrong, what it says in words, how its tests went.
#[utoipa::path(post, path = "/rules/check", tag = "rules", responses((status = 200, body = Checked)))]
pub async fn check_rule(State(app): State<App>, Json(asked): Json<RuleText>) -> Result<Json<Checked>, Problem> {
    let checked = move |site: &std::sync::Arc<site::Site>| -> Result<Checked, RuleError> {
        Ok(site.check_rule(&asked.text, asked.id.as_deref()))
    };
    app.blocking(checked).await.map(Json)
}

/// Shows what a rule would have done in the past.
#[utoipa::path(post, path = "/rules/{id}/backtest", tag = "rules", params(("id" = String, Path)),
    request_body = Option<BacktestRequest>, responses((status = 200, body = Backtest)))]
pub async fn backtest_rule(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Option<Json<BacktestRequest>>,
) -> Result<Json<Backtest>, Problem> {
    let BacktestRequest { from, to, text } = request.map(|Json(request)| request).unwrap_or_default();
    let asked = BacktestAsked { from: from.map(Timestamp), to: to.map(Timestamp), text };
    app.blocking(move |site| site.backtest_rule(&id, &asked)).await.map(Json)
}

/// The cards of a rule that are kept.
#[utoipa::path(get, path = "/rules/{id}/backtests", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Backtests)))]
pub async fn list_backtests(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Backtests>, Problem> {
    app.blocking(move |site| site.backtests(&id)).await.map(|items| Json(Backtests { items }))
}

/// Lets the newest version run in shadow, beside what is live.
#[utoipa::path(post, path = "/rules/{id}/shadow", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleDetail)))]
pub async fn shadow_rule(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RuleDetail>, Problem> {
    let shadowed = move |site: &std::sync::Arc<site::Site>| {
        site.shadow_rule(&id)?;
        site.rule(&id)
    };
    app.blocking(shadowed).await.map(Json)
}

/// Takes the newest version live. 409 when nothing shows what it does; an owner may force it.
#[utoipa::path(post, path = "/rules/{id}/promote", tag = "rules", params(("id" = String, Path)),
    request_body = Option<PromoteRule>, responses((status = 200, body = RuleDetail)))]
pub async fn promote_rule(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    request: Option<Json<PromoteRule>>,
) -> Result<(Extension<Made>, Json<RuleDetail>), Problem> {
    let PromoteRule { run, force, stage, guard } = request.map(|Json(request)| request).unwrap_or_default();
    if force && let Decision::Deny(reason) = decide(&caller.identity.principal, Right::Administer, Resource::Access) {
        return Err(Problem::forbidden(reason).at("force").hint("backtest the rule, or ask an owner"));
    }
    let by = by(&caller);
    let made = Made(if force { format!("{id} (forced)") } else { id.clone() });
    let promoted = move |site: &std::sync::Arc<site::Site>| {
        site.promote_rule(&id, Promotion { run, force, stage, guard }, &by)?;
        site.rule(&id)
    };
    app.blocking(promoted).await.map(|rule| (Extension(made), Json(rule)))
}

/// Switches a rule off, live and in shadow.
#[utoipa::path(post, path = "/rules/{id}/off", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleDetail)))]
pub async fn switch_off_rule(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RuleDetail>, Problem> {
    let switched = move |site: &std::sync::Arc<site::Site>| {
        site.switch_off_rule(&id)?;
        site.rule(&id)
    };
    app.blocking(switched).await.map(Json)
}

/// Goes back to the text of an earlier version; live at once when the rule is live and that version was shown before.
#[utoipa::path(post, path = "/rules/{id}/revert", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleDetail)))]
pub async fn revert_rule(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    Json(request): Json<RevertRule>,
) -> Result<Json<RuleDetail>, Problem> {
    let by = by(&caller);
    let reverted = move |site: &std::sync::Arc<site::Site>| {
        site.revert_rule(&id, request.version, &by)?;
        site.rule(&id)
    };
    app.blocking(reverted).await.map(Json)
}

/// The versions of a rule.
#[utoipa::path(get, path = "/rules/{id}/versions", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleVersions)))]
pub async fn list_rule_versions(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RuleVersions>, Problem> {
    app.blocking(move |site| site.rule_versions(&id)).await.map(|items| Json(RuleVersions { items }))
}

/// What a rule in shadow would have done; the last day when no span is given.
#[utoipa::path(get, path = "/rules/{id}/would-have", tag = "rules", params(("id" = String, Path), SpanQuery),
    responses((status = 200, body = WouldHaveDone)))]
pub async fn would_have(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<SpanQuery>,
) -> Result<Json<WouldHaveDone>, Problem> {
    const DAY: std::time::Duration = std::time::Duration::from_hours(24);
    let to = query.to.map_or(Timestamp::MAX, Timestamp);
    let from = query.from.map_or_else(|| app.clock.now().min(to) - DAY, Timestamp);
    Ok(Json(WouldHaveDone { items: app.site.would_have(&id, from, to)? }))
}

/// The runs of a rule.
#[utoipa::path(get, path = "/rules/{id}/traces", tag = "rules", params(("id" = String, Path), TracesQuery),
    responses((status = 200, body = Traces)))]
pub async fn list_traces(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<TracesQuery>,
) -> Result<Json<Traces>, Problem> {
    let TracesQuery { outcome, after, limit } = query;
    let (found, next) = app.site.rule_traces(&id, &TraceQuery { outcome, after, limit: page::limit(limit) })?;
    Ok(Json(Traces { items: found.iter().map(|trace| trace.summary.clone()).collect(), next }))
}

/// One run, step by step.
#[utoipa::path(get, path = "/rules/traces/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Trace)))]
pub async fn get_trace(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Trace>, Problem> {
    Ok(Json((*app.site.rule_trace(&id)?).clone()))
}

/// Why a rule does not run: which trigger nearly fired, which condition is missed and by how much.
#[utoipa::path(get, path = "/rules/{id}/why-not", tag = "rules", params(("id" = String, Path), AtQuery),
    responses((status = 200, body = WhyNot)))]
pub async fn why_not(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<AtQuery>,
) -> Result<Json<WhyNot>, Problem> {
    app.blocking(move |site| site.why_not(&id, query.at.map(Timestamp))).await.map(Json)
}

/// What the rules that run do to each other.
#[utoipa::path(get, path = "/rules/conflicts", tag = "rules", responses((status = 200, body = Conflicts)))]
pub async fn list_conflicts(State(app): State<App>) -> Result<Json<Conflicts>, Problem> {
    let found = move |site: &std::sync::Arc<site::Site>| -> Result<Conflicts, RuleError> {
        Ok(Conflicts { items: (*site.rule_conflicts()).clone() })
    };
    app.blocking(found).await.map(Json)
}

/// Reads rules from elsewhere, and says what could not be carried over.
#[utoipa::path(post, path = "/rules/import", tag = "rules", responses((status = 200, body = Imports)))]
pub async fn import_rules(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ImportRules>,
) -> Result<Json<Imports>, Problem> {
    let by = by(&caller);
    let ImportRules { format, text, save } = request;
    app.blocking(move |site| site.import_rules(&format, &text, save, &by)).await.map(Json)
}

/// A program calls the rules that listen to a name; the body is any JSON.
#[utoipa::path(post, path = "/hooks/{name}", tag = "rules", params(("name" = String, Path)),
    request_body = Option<serde_json::Value>, responses((status = 202, body = Called)))]
pub async fn call_webhook(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Option<Json<serde_json::Value>>,
) -> Result<(StatusCode, Json<Called>), Problem> {
    let body = body.map_or(Value::Null, |Json(body)| Value::from_json(body));
    let rules = app.blocking(move |site| site.call_webhook(&name, body)).await?;
    Ok((StatusCode::ACCEPTED, Json(Called { rules })))
}
