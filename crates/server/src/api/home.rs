//! The energy of a home: settings, flows, the plan, its days and savings, what would be, and who decides.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use home::desk::{DAYS_MAX, DayPlan, Days, Desk, DeskError, HomeMode, Now, Savings, SettingsView};
use home::settings::Settings;
use model::{Decision, Resource, Right, decide};
use serde::Deserialize;
use site::run::{Live, Scenario};
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

/// What would be different.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = HomeWhatIf)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// JSON pointers into the scenario of this home with what would be there, as in
    /// `{"/world/sizes/battery_kilowatt_hours": 15}`.
    change: serde_json::Value,
    /// How many days are lived, 1 to 28; 7 when left out.
    #[serde(default)]
    days: Option<u64>,
    /// How often other days are drawn, 1 to 10; 3 when left out.
    #[serde(default)]
    seeds: Option<u64>,
}

/// What past days are compared with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = HomeBacktest)]
#[serde(deny_unknown_fields)]
pub struct Backtest {
    /// What was paid for them, without what is not energy.
    #[serde(default)]
    paid: Option<f64>,
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Complaints(complaints) => Self::complaints(complaints),
            DeskError::Changed { .. } => Self::changed_meanwhile("settings", "of the home"),
            DeskError::NothingToShow => Self::conflict("there is no finished run of this home to show for it")
                .hint("simulate it first, watch it in shadow, or ask an owner to force it"),
            DeskError::NotKnown => Self::conflict("too little of the past of this home is known yet")
                .hint("whole days of its meter are needed; look again in an hour"),
            DeskError::NoTariff => {
                Self::conflict("nobody said what electricity costs").hint("say it in the settings of the home")
            }
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

/// What the plan saved since it is carried out and what it would have saved before, with intervals, and what is known of the home.
#[utoipa::path(get, path = "/home/savings", tag = "home", responses((status = 200, body = Savings)))]
pub async fn get_home_savings(State(app): State<App>) -> Json<Arc<Savings>> {
    Json(app.home.savings())
}

/// A scenario of this home as it was learned, to be simulated and planned with.
#[utoipa::path(get, path = "/home/scenario", tag = "home", responses((status = 200, body = Scenario)))]
pub async fn get_home_scenario(State(app): State<App>) -> Result<Json<Scenario>, Problem> {
    at_desk(&app, Desk::scenario).await.map(Json)
}

/// What another size, tariff or event would come to beside this home, on the same days; nothing is changed by it.
#[utoipa::path(post, path = "/home/what-if", tag = "home", request_body = WhatIf,
    responses((status = 200, body = serde_json::Value)))]
pub async fn ask_what_if(
    State(app): State<App>,
    Json(asked): Json<WhatIf>,
) -> Result<Json<serde_json::Value>, Problem> {
    let (days, seeds) = (asked.days.unwrap_or(7), asked.seeds.unwrap_or(3));
    for (at, value, most) in [("days", days, 28), ("seeds", seeds, 10)] {
        if !(1..=most).contains(&value) {
            let problem = format!("{value} {at} are not lived while you wait");
            return Err(Problem::invalid(problem).at(at).hint(format!("1 to {most}; make a plan of more")));
        }
    }
    at_desk(&app, move |desk| desk.what_if(&asked.change, days, seeds)).await.map(Json)
}

/// What the last days would have cost under the plan, beside the meter and what was paid; nothing is changed by it.
#[utoipa::path(post, path = "/home/backtest", tag = "home", request_body = Backtest,
    responses((status = 200, body = serde_json::Value)))]
pub async fn backtest_home(
    State(app): State<App>,
    Json(asked): Json<Backtest>,
) -> Result<Json<serde_json::Value>, Problem> {
    at_desk(&app, move |desk| desk.backtest(asked.paid)).await.map(Json)
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
