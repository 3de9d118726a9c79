//! The energy of a home: settings, flows, the plan, its days, and who decides.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use home::desk::{DAYS_MAX, DayPlan, Days, Desk, DeskError, HomeMode, Now, SettingsView};
use home::settings::Settings;
use model::{Decision, Resource, Right, decide};
use serde::Deserialize;
use site::run::Live;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::http::{Caller, IfMatch, Json, Made, Problem, Query, Revised};

/// How many days are given when nobody says.
const DAYS: u32 = 14;

/// How many days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DaysQuery {
    /// Today included, up to 62; 14 when left out.
    days: Option<u32>,
}

/// Who shall decide.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMode {
    /// `off`, `shadow` or `operate`.
    mode: HomeMode,
    /// The finished run that shows for it; the newest when left out.
    #[serde(default)]
    run: Option<String>,
    /// Without anything to show for it; for owners.
    #[serde(default)]
    force: bool,
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Complaints(complaints) => Self::complaints(complaints),
            DeskError::Changed { .. } => Self::changed_meanwhile("settings", "of the home"),
            DeskError::NothingToShow => Self::conflict("there is no finished run of this home to show for it")
                .hint("simulate it first, watch it in shadow, or ask an owner to force it"),
            DeskError::OtherDomain(_) => Self::invalid(error.to_string()).at("run"),
            DeskError::Run(error) => error.into(),
            DeskError::State(error) => error.into(),
        }
    }
}

/// Does at the desk what may wait for the disk.
async fn at_desk<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
) -> Result<T, Problem> {
    let desk = Arc::clone(&app.home);
    let done = tokio::task::spawn_blocking(move || work(&desk)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}

/// What people said about the energy of the home, what was found of it, and what could not be decided.
#[utoipa::path(get, path = "/home/settings", tag = "home", responses((status = 200, body = SettingsView)))]
pub async fn get_home_settings(State(app): State<App>) -> Result<Revised<SettingsView>, Problem> {
    let view = at_desk(&app, |desk| Ok(desk.settings_view())).await?;
    Ok(Revised(view.rev, view))
}

/// Says what electricity costs and emits, what is comfortable, when the car leaves, and what things are.
#[utoipa::path(put, path = "/home/settings", tag = "home", responses((status = 200, body = SettingsView)))]
pub async fn put_home_settings(
    State(app): State<App>,
    expected: IfMatch,
    Json(settings): Json<Settings>,
) -> Result<Revised<SettingsView>, Problem> {
    let view = at_desk(&app, move |desk| {
        desk.set(settings, expected.0)?;
        Ok(desk.settings_view())
    })
    .await?;
    Ok(Revised(view.rev, view))
}

/// Where energy comes from and goes to now.
#[utoipa::path(get, path = "/home/now", tag = "home", responses((status = 200, body = Now)))]
pub async fn get_home_now(State(app): State<App>) -> Result<Json<Now>, Problem> {
    at_desk(&app, Desk::now).await.map(Json)
}

/// The plan of the day with its reasons, what it goes by, and what was decided last.
#[utoipa::path(get, path = "/home/plan", tag = "home", responses((status = 200, body = DayPlan)))]
pub async fn get_home_plan(State(app): State<App>) -> Json<Arc<DayPlan>> {
    Json(app.home.day_plan())
}

/// What the last days cost and emitted, how much of them was the home's own, and how comfortable they were.
#[utoipa::path(get, path = "/home/days", tag = "home", params(DaysQuery), responses((status = 200, body = Days)))]
pub async fn get_home_days(State(app): State<App>, Query(query): Query<DaysQuery>) -> Result<Json<Days>, Problem> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Problem::invalid(format!("{days} days cannot be given")).at("days").hint("1 to 62"));
    }
    at_desk(&app, move |desk| Ok(desk.days(days))).await.map(Json)
}

/// Says who decides: nobody, the plan in shadow, or the plan in earnest. 409 when nothing shows what it does; an owner may
/// force it.
#[utoipa::path(post, path = "/home/mode", tag = "home", request_body = SetMode,
    responses((status = 200, body = Live)))]
pub async fn set_home_mode(
    State(app): State<App>,
    caller: Caller,
    Json(wanted): Json<SetMode>,
) -> Result<(Extension<Made>, Json<Live>), Problem> {
    let SetMode { mode, run, force } = wanted;
    if force && let Decision::Deny(reason) = decide(&caller.identity.principal, Right::Administer, Resource::Access) {
        return Err(Problem::forbidden(reason).at("force").hint("simulate it first, or ask an owner"));
    }
    let by = caller.identity.principal.id().to_owned();
    let name = match mode {
        HomeMode::Off => "off",
        HomeMode::Shadow => "shadow",
        HomeMode::Operate => "operate",
    };
    let live = at_desk(&app, move |desk| desk.set_mode(mode, run.as_deref(), force, &by)).await?;
    let is_forced = live.now.as_ref().is_some_and(|now| now.run.is_none());
    let made = Made(if is_forced { format!("{name} (forced)") } else { name.to_owned() });
    Ok((Extension(made), Json(live)))
}
