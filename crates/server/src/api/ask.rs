//! Sentences and plans: what somebody wants is told command by command first, and done once when it is applied.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use model::{Name, Principal, Resource, Right, SpaceId, ThingId, Timestamp, Value, decide};
use serde::{Deserialize, Serialize};
use site::plans::{Asked, Asking, Plan, PlanError, TimedCommand, WantedCommand};
use utoipa::ToSchema;

use super::App;
use super::types::Command;
use crate::access::secret;
use crate::http::{Caller, Json, Made, Path, Problem};

/// The longest sentence, in bytes; the grammar has a limit of its own in characters.
const TEXT_BYTES_MAX: usize = 4_096;

/// How far clocks can be from UTC, in minutes.
const UTC_OFFSET_MINUTES_MAX: i32 = 15 * 60;

/// A sentence.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What somebody wants, in English or Korean.
    pub text: String,
    /// The language of the answer: `en` or `ko`; that of the sentence when not given.
    #[serde(default)]
    pub language: Option<String>,
    /// Where whoever asks is: what "the light" means there.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub space: Option<SpaceId>,
    /// How far the clocks of whoever asks are ahead of UTC; those of the site when not given.
    #[serde(default)]
    pub utc_offset_minutes: Option<i32>,
}

/// A command that a plan shall be made of.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanCommand {
    /// To which thing.
    #[schema(value_type = String)]
    pub thing: ThingId,
    /// The property to write, or the action.
    #[schema(value_type = String)]
    pub name: Name,
    /// Whether it writes a property; an action otherwise.
    #[serde(default = "yes")]
    pub write: bool,
    /// What is written, or what the action gets.
    #[serde(default)]
    pub input: Value,
    /// When, in microseconds since 1970 UTC; at once when not given.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub at: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

/// The commands of a plan.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakePlan {
    /// In the order in which they shall go out.
    pub commands: Vec<PlanCommand>,
}

/// What became of one command of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppliedCommand {
    /// To which thing.
    pub thing: ThingId,
    /// The property or action.
    pub name: Name,
    /// When it goes out; null when it did.
    #[schema(value_type = Option<i64>, required)]
    pub at: Option<Timestamp>,
    /// The command that went out.
    #[schema(required)]
    pub command: Option<Command>,
    /// The id of the command that waits for its time.
    #[schema(required)]
    pub timed: Option<String>,
    /// Why nothing went out.
    #[schema(required)]
    pub error: Option<String>,
}

/// What became of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppliedPlan {
    /// Which plan.
    pub plan: String,
    /// Command by command, as the plan lists them.
    pub results: Vec<AppliedCommand>,
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let text = error.to_string();
        let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        let problem = match &error {
            PlanError::Unknown(id) => Self::not_found("plan", id),
            PlanError::NotWaiting(id) => Self::not_found("command that waits", id),
            PlanError::Expired(_) => Self::gone(detail),
            PlanError::Applied(_) => Self::conflict(detail),
            PlanError::Empty | PlanError::TooMany(_) => Self::invalid(detail).at("commands"),
            PlanError::State(error) => return Self::internal(error),
        };
        if hint.is_empty() { problem } else { problem.hint(hint) }
    }
}

/// Whether a principal may command a thing; the error says why not.
fn may(principal: &Principal, thing: &ThingId) -> Result<(), String> {
    match decide(principal, Right::Command, Resource::Thing(thing)) {
        model::Decision::Allow => Ok(()),
        model::Decision::Deny(reason) => Err(reason.to_owned()),
    }
}

fn new_plan_id() -> String {
    secret::new_id('p')
}

/// Understands a sentence for a caller.
pub(crate) async fn understood(app: &App, caller: &Caller, ask: Ask) -> Result<Asked, Problem> {
    if ask.text.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(format!("a sentence has at most {TEXT_BYTES_MAX} bytes")).at("text"));
    }
    if ask.language.as_deref().is_some_and(|tag| !matches!(tag.split('-').next(), Some("en" | "ko"))) {
        return Err(Problem::invalid("answers are in English or Korean").at("language").hint("en or ko"));
    }
    if ask.utc_offset_minutes.is_some_and(|minutes| minutes.abs() > UTC_OFFSET_MINUTES_MAX) {
        return Err(Problem::invalid("no clock is so far from UTC").at("utc_offset_minutes"));
    }
    if let Some(space) = ask.space.as_ref().filter(|space| !app.site.has_space(space)) {
        return Err(Problem::not_found("space", space));
    }
    let principal = caller.identity.principal.clone();
    let minutes = ask.utc_offset_minutes;
    app.blocking(move |site| {
        site.ask(
            new_plan_id(),
            &Asking {
                text: &ask.text,
                language: ask.language.as_deref(),
                space: ask.space.as_ref(),
                utc_offset_s: &|moment| {
                    minutes.map_or_else(|| site.utc_offset_seconds(moment), |minutes| i64::from(minutes) * 60)
                },
                by: principal.id(),
                may: &|thing| may(&principal, thing),
            },
        )
    })
    .await
}

/// Plans commands for a caller.
pub(crate) async fn planned(app: &App, caller: &Caller, plan: MakePlan) -> Result<Plan, Problem> {
    let principal = caller.identity.principal.clone();
    let wanted = plan.commands.into_iter().map(|command| {
        let PlanCommand { thing, name, write, input, at } = command;
        WantedCommand { thing, name, write, input, at }
    });
    let wanted: Vec<WantedCommand> = wanted.collect();
    app.blocking(move |site| site.plan_commands(new_plan_id(), wanted, principal.id(), &|thing| may(&principal, thing)))
        .await
}

/// Applies a plan for a caller.
pub(crate) async fn applied(app: &App, caller: &Caller, id: String) -> Result<AppliedPlan, Problem> {
    let asked = site::Asked { cause: caller.cause(), timeout: None };
    let (principal, plan) = (caller.identity.principal.clone(), id.clone());
    let applied = app.blocking(move |site| site.apply_plan(&plan, &asked, &|thing| may(&principal, thing))).await?;
    let results = applied.into_iter().map(|applied| AppliedCommand {
        thing: applied.thing,
        name: applied.name,
        at: applied.at,
        command: applied.command.map(Command::from),
        timed: applied.timed,
        error: applied.error,
    });
    Ok(AppliedPlan { plan: id, results: results.collect() })
}

/// Understands a sentence: a wish becomes a plan, which does nothing until it is applied, and a question an answer.
#[utoipa::path(post, path = "/ask", tag = "ask", request_body = Ask, responses((status = 200, body = Asked)))]
pub async fn ask(State(app): State<App>, caller: Caller, Json(ask): Json<Ask>) -> Result<Json<Asked>, Problem> {
    understood(&app, &caller, ask).await.map(Json)
}

/// The plans of sentences and programs, the newest first.
#[utoipa::path(get, path = "/ask/plans", tag = "ask", responses((status = 200, body = Vec<Plan>)))]
pub async fn list_command_plans(State(app): State<App>) -> Json<Vec<Plan>> {
    Json(app.site.command_plans())
}

/// Plans some commands. Nothing goes out.
#[utoipa::path(post, path = "/ask/plans", tag = "ask", request_body = MakePlan, responses((status = 200, body = Plan)))]
pub async fn plan_commands(
    State(app): State<App>,
    caller: Caller,
    Json(plan): Json<MakePlan>,
) -> Result<Json<Plan>, Problem> {
    planned(&app, &caller, plan).await.map(Json)
}

/// One plan.
#[utoipa::path(get, path = "/ask/plans/{id}", tag = "ask", params(("id" = String, Path)),
    responses((status = 200, body = Plan)))]
pub async fn get_command_plan(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Plan>, Problem> {
    Ok(Json(app.site.command_plan(&id)?))
}

/// Does exactly what a plan lists, once, with the rights of whoever applies it.
#[utoipa::path(post, path = "/plans/{id}/apply", tag = "ask", params(("id" = String, Path)),
    responses((status = 200, body = AppliedPlan)))]
pub async fn apply_plan(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(Extension<Made>, Json<AppliedPlan>), Problem> {
    Ok((Extension(Made(id.clone())), Json(applied(&app, &caller, id).await?)))
}

/// The commands that wait for their time, and the newest that are over.
#[utoipa::path(get, path = "/ask/timed", tag = "ask", responses((status = 200, body = Vec<TimedCommand>)))]
pub async fn list_timed(State(app): State<App>) -> Json<Vec<TimedCommand>> {
    Json(app.site.timed_commands())
}

/// Calls off a command that waits for its time.
#[utoipa::path(delete, path = "/ask/timed/{id}", tag = "ask", params(("id" = String, Path)),
    responses((status = 200, body = TimedCommand)))]
pub async fn cancel_timed(State(app): State<App>, Path(id): Path<String>) -> Result<Json<TimedCommand>, Problem> {
    let site = Arc::clone(&app.site);
    let done = tokio::task::spawn_blocking(move || site.cancel_timed(&id)).await;
    Ok(Json(done.map_err(|error| Problem::internal(&error))??))
}
