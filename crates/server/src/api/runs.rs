//! Runs of policies: simulate, plan, compare, watch again, take live.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use site::run::{
    Comparison, DomainDescription, Live, Mode, OperationDescription, PlanRequest, PlanRun, PolicyChoice, Run, RunBook,
    RunError, SCENARIO_BYTES_MAX, Scenario,
};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::http::{Caller, Json, LargeJson, Made, Path, Problem, Query};

/// Which two runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Two {
    /// What is compared with.
    first: String,
    /// What is compared.
    second: String,
}

/// How a policy shall go live.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// `shadow` or `operate`.
    mode: Mode,
}

/// A policy that shall go live with nothing to show for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Force {
    /// Which policy.
    policy: PolicyChoice,
    /// `shadow` or `operate`.
    mode: Mode,
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::UnknownDomain(name) => Self::not_found("domain", name),
            RunError::Unknown(id) => Self::not_found("run", id),
            RunError::UnknownOperation(_, name) => Self::not_found("operation", name),
            RunError::Complaints(complaints) => Self::complaints(complaints),
            RunError::Busy => Self::unavailable(error.to_string()),
            RunError::NotOver(_) | RunError::NothingToShow(_) => Self::conflict(error.to_string()),
            RunError::State(error) => error.into(),
        }
    }
}

/// Runs blocking work on the book.
async fn on_book<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&RunBook) -> Result<T, RunError> + Send + 'static,
) -> Result<T, Problem> {
    let book = Arc::clone(&app.runs);
    let done = tokio::task::spawn_blocking(move || work(&book)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}

/// What can go live is watched or sent; the past and the made up cannot.
fn live_mode(mode: Mode) -> Result<Mode, Problem> {
    match mode {
        Mode::Shadow | Mode::Operate => Ok(mode),
        Mode::Backtest | Mode::Simulate => {
            Err(Problem::invalid(format!("{} does not go live", mode.as_str())).at("mode").hint("shadow or operate"))
        }
    }
}

/// The fields of work with their policies and figures.
#[utoipa::path(get, path = "/domains", tag = "runs", responses((status = 200, body = Vec<DomainDescription>)))]
pub async fn list_domains(State(app): State<App>) -> Json<Vec<DomainDescription>> {
    Json(app.runs.domains().map(|domain| domain.description()).collect())
}

/// The questions that a domain answers, each at its name below.
#[utoipa::path(get, path = "/domains/{domain}/operations", tag = "runs", params(("domain" = String, Path)),
    responses((status = 200, body = Vec<OperationDescription>)))]
pub async fn list_operations(
    State(app): State<App>,
    Path(domain): Path<String>,
) -> Result<Json<Vec<OperationDescription>>, Problem> {
    Ok(Json(app.runs.domain(&domain)?.operations()))
}

/// Has a domain answer a question; nothing is changed by it.
#[utoipa::path(post, path = "/domains/{domain}/operations/{operation}", tag = "runs",
    params(("domain" = String, Path), ("operation" = String, Path)), request_body = serde_json::Value,
    responses((status = 200, body = serde_json::Value)))]
pub async fn operate(
    State(app): State<App>,
    Path((domain, operation)): Path<(String, String)>,
    LargeJson(input): LargeJson<serde_json::Value, SCENARIO_BYTES_MAX>,
) -> Result<Json<serde_json::Value>, Problem> {
    on_book(&app, move |book| book.operate(&domain, &operation, input)).await.map(Json)
}

/// Which policy is live in a domain, and which were before.
#[utoipa::path(get, path = "/domains/{domain}/live", tag = "runs", params(("domain" = String, Path)),
    responses((status = 200, body = Live)))]
pub async fn get_live(State(app): State<App>, Path(domain): Path<String>) -> Result<Json<Live>, Problem> {
    on_book(&app, move |book| book.live(&domain)).await.map(Json)
}

/// Takes a policy live without a run to show for it. For owners; what is live says that it was forced.
#[utoipa::path(put, path = "/domains/{domain}/live", tag = "runs", params(("domain" = String, Path)),
    responses((status = 200, body = Live)))]
pub async fn force_live(
    State(app): State<App>,
    Path(domain): Path<String>,
    caller: Caller,
    Json(force): Json<Force>,
) -> Result<Json<Live>, Problem> {
    let (mode, by) = (live_mode(force.mode)?, by(&caller));
    on_book(&app, move |book| book.force(&domain, force.policy, mode, &by)).await.map(Json)
}

/// Hands off: no policy is live in the domain.
#[utoipa::path(delete, path = "/domains/{domain}/live", tag = "runs", params(("domain" = String, Path)),
    responses((status = 200, body = Live)))]
pub async fn withdraw_live(State(app): State<App>, Path(domain): Path<String>) -> Result<Json<Live>, Problem> {
    on_book(&app, move |book| book.withdraw(&domain)).await.map(Json)
}

/// Goes back to the policy that was live before.
#[utoipa::path(post, path = "/domains/{domain}/live/roll-back", tag = "runs", params(("domain" = String, Path)),
    responses((status = 200, body = Live)))]
pub async fn roll_back_live(State(app): State<App>, Path(domain): Path<String>) -> Result<Json<Live>, Problem> {
    on_book(&app, move |book| book.roll_back(&domain)).await.map(Json)
}

/// All runs, the newest first.
#[utoipa::path(get, path = "/runs", tag = "runs", responses((status = 200, body = Vec<Run>)))]
pub async fn list_runs(State(app): State<App>) -> Result<Json<Vec<Run>>, Problem> {
    on_book(&app, RunBook::runs).await.map(Json)
}

/// Simulates a scenario. The answer comes at once; look at the run for how it does.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = Scenario, responses((status = 202, body = Run)))]
pub async fn simulate(
    State(app): State<App>,
    caller: Caller,
    LargeJson(scenario): LargeJson<Scenario, SCENARIO_BYTES_MAX>,
) -> Result<(StatusCode, Extension<Made>, Json<Run>), Problem> {
    let by = by(&caller);
    let run = on_book(&app, move |book| book.simulate(scenario, &by)).await?;
    Ok((StatusCode::ACCEPTED, Extension(Made(run.id.clone())), Json(run)))
}

/// One run.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Run)))]
pub async fn get_run(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Run>, Problem> {
    on_book(&app, move |book| book.run(&id)).await.map(Json)
}

/// Removes a run that is over.
#[utoipa::path(delete, path = "/runs/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 204)))]
pub async fn delete_run(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    on_book(&app, move |book| book.remove(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops a run or a plan.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn cancel_run(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    on_book(&app, move |book| book.cancel(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Simulates a run again; its traces must come out the same.
#[utoipa::path(post, path = "/runs/{id}/repeat", tag = "runs", params(("id" = String, Path)),
    responses((status = 202, body = Run)))]
pub async fn repeat_run(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<(StatusCode, Extension<Made>, Json<Run>), Problem> {
    let by = by(&caller);
    let run = on_book(&app, move |book| book.repeat(&id, &by)).await?;
    Ok((StatusCode::ACCEPTED, Extension(Made(run.id.clone())), Json(run)))
}

/// Takes the policy of a run that went through live, with the run to show for it.
#[utoipa::path(post, path = "/runs/{id}/promote", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Live)))]
pub async fn promote_run(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    Json(promote): Json<Promote>,
) -> Result<Json<Live>, Problem> {
    let (mode, by) = (live_mode(promote.mode)?, by(&caller));
    on_book(&app, move |book| book.promote(&id, mode, &by)).await.map(Json)
}

/// What a run's first seed looked like: frames one after the other, each a little-endian 64-bit float (virtual
/// seconds), a 32-bit length, and as many bytes in the domain's own form.
#[utoipa::path(get, path = "/runs/{id}/frames", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn get_frames(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let frames = on_book(&app, move |book| book.frames(&id)).await?;
    let pieces = frames.into_iter().flat_map(|frame| {
        let mut head = BytesMut::with_capacity(12);
        head.put_f64_le(frame.second);
        head.put_u32_le(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX));
        [head.freeze(), frame.bytes]
    });
    let pieces: Vec<Result<Bytes, std::convert::Infallible>> = pieces.map(Ok).collect();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// Two runs side by side, seed by seed.
#[utoipa::path(get, path = "/comparison", tag = "runs", params(Two), responses((status = 200, body = Vec<Comparison>)))]
pub async fn compare_runs(State(app): State<App>, Query(two): Query<Two>) -> Result<Json<Vec<Comparison>>, Problem> {
    on_book(&app, move |book| book.compare(&two.first, &two.second)).await.map(Json)
}

/// All plans, the newest first.
#[utoipa::path(get, path = "/plans", tag = "runs", responses((status = 200, body = Vec<PlanRun>)))]
pub async fn list_plans(State(app): State<App>) -> Result<Json<Vec<PlanRun>>, Problem> {
    on_book(&app, RunBook::plans).await.map(Json)
}

/// Searches over candidates. The answer comes at once; look at the plan for how it does.
#[utoipa::path(post, path = "/plans", tag = "runs", request_body = PlanRequest,
    responses((status = 202, body = PlanRun)))]
pub async fn plan(
    State(app): State<App>,
    caller: Caller,
    LargeJson(request): LargeJson<PlanRequest, SCENARIO_BYTES_MAX>,
) -> Result<(StatusCode, Extension<Made>, Json<PlanRun>), Problem> {
    let by = by(&caller);
    let plan = on_book(&app, move |book| book.plan(request, &by)).await?;
    Ok((StatusCode::ACCEPTED, Extension(Made(plan.id.clone())), Json(plan)))
}

/// One plan.
#[utoipa::path(get, path = "/plans/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = PlanRun)))]
pub async fn get_plan(State(app): State<App>, Path(id): Path<String>) -> Result<Json<PlanRun>, Problem> {
    on_book(&app, move |book| book.plan_run(&id)).await.map(Json)
}

/// Removes a plan that is over.
#[utoipa::path(delete, path = "/plans/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 204)))]
pub async fn delete_plan(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    on_book(&app, move |book| book.remove_plan(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn by(caller: &Caller) -> String {
    caller.identity.principal.id().to_owned()
}
