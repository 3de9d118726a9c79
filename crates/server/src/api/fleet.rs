//! The fleet in operation: how it does, its floor and its robots. Orders are in `fleet_orders`, what is watched in
//! `fleet_watch`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use connect::vda5050::{self, Address, Version};
use fleet::desk::{Desk, DeskError, FloorView};
use fleet::master::{MasterError, Weight};
use fleet::operation::{Figures, RobotState, RobotView};
use fleet::orders::OrderError;
use fleet::warehouse::FloorSource;
use model::{ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use site::run::{Mode, PolicyChoice, SCENARIO_BYTES_MAX};
use utoipa::ToSchema;

use super::App;
use crate::http::{IfMatch, Json, LargeJson, Made, Path, Problem, Revised};

/// The interface that robots are spoken to on when nobody says; the first word of a robot corrects it.
const INTERFACE: &str = "uagv";

/// The most parameters that a robot's maker may want.
const PARAMETERS_MAX: usize = 20;

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NoFloor => Self::no_floor(),
            DeskError::UnknownRobot(robot) => Self::not_found("robot", robot),
            DeskError::UnknownPlace(_) => Self::invalid(error.to_string()).at("nodes"),
            DeskError::Changed { .. } => Self::changed_meanwhile("floor", "of the fleet"),
            DeskError::Order(error) => error.into(),
            DeskError::Complaints(complaints) => Self::complaints(complaints),
            DeskError::Master(MasterError::Unknown(robot)) => Self::not_found("robot", robot),
            DeskError::Master(_) | DeskError::Full => Self::conflict(error.to_string()),
            DeskError::Saved(_) => Self::internal(&error),
            DeskError::Run(error) => error.into(),
            DeskError::State(error) => error.into(),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Unknown(id) => Self::not_found("order", id),
            OrderError::Other(id) => Self::conflict(format!("order {id} is there already, with other content"))
                .hint("give this one another id"),
            OrderError::Over { .. } => Self::conflict(error.to_string()),
            OrderError::Field { field, problem, hint } => Self::invalid(problem).at(field).hint(hint),
            OrderError::Full => Self::unavailable("too many orders are open").hint("wait until some are done"),
        }
    }
}

/// A moment as text.
pub(super) fn text(moment: Timestamp) -> String {
    moment.to_string()
}

/// Does at the desk what may wait for the disk.
pub(super) async fn at_desk<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
) -> Result<T, Problem> {
    let desk = Arc::clone(&app.fleet);
    let done = tokio::task::spawn_blocking(move || work(&desk)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}

/// How the fleet does.
#[derive(Debug, Serialize, ToSchema)]
pub struct FleetOut {
    /// The floor's name.
    title: String,
    /// Who decides.
    mode: FleetMode,
    /// What decides.
    #[schema(required)]
    policy: Option<PolicyChoice>,
    /// The run that shows for it.
    #[schema(required)]
    run: Option<String>,
    /// The figures.
    figures: Figures,
    /// What was noticed last, the newest first, at most 50.
    findings: Vec<FindingOut>,
    /// Grows with everything that is shown.
    revision: u64,
}

/// Who decides in a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetMode {
    /// The policy, for real.
    Operate,
    /// Nobody; what the policy would do is told.
    Shadow,
    /// Nobody.
    HandsOff,
}

/// Something that was noticed about a robot.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingOut {
    /// When, as RFC 3339.
    at: String,
    /// The robot's number.
    robot: u32,
    /// A stable short word.
    code: String,
    /// How much it matters.
    weight: Weight,
    /// What, in words.
    words: String,
}

/// The floor of the fleet.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloorOut {
    /// Where it comes from: drawn, or a shape that it is made from.
    #[schema(value_type = Object)]
    source: FloorSource,
    /// The same as the operation of the domain that draws floors.
    #[schema(value_type = Object)]
    drawing: Arc<serde_json::Value>,
    /// Its revision.
    revision: i64,
}

impl From<&FloorView> for FloorOut {
    fn from(view: &FloorView) -> Self {
        Self { source: view.source.clone(), drawing: Arc::clone(&view.drawing), revision: view.revision }
    }
}

/// Another floor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorIn {
    /// Drawn, or a shape that it is made from.
    #[schema(value_type = Object)]
    source: FloorSource,
}

/// All robots of the fleet.
#[derive(Debug, Serialize, ToSchema)]
pub struct RobotsOut {
    /// In the order of their numbers, which is the order of frames too.
    items: Vec<RobotOut>,
}

/// A robot of the fleet.
#[derive(Debug, Serialize, ToSchema)]
pub struct RobotOut {
    /// Its number in the fleet.
    number: u32,
    /// The thing that it is.
    #[schema(required, value_type = Option<String>)]
    thing: Option<ThingId>,
    /// What people call it.
    title: String,
    /// Where it is spoken to: interface, version, manufacturer and serial number.
    address: String,
    /// Metres to the east; null when it has not said where it is.
    #[schema(required)]
    x: Option<f64>,
    /// Metres to the north.
    #[schema(required)]
    y: Option<f64>,
    /// Its heading in radians.
    #[schema(required)]
    theta: Option<f64>,
    /// The node that it reached last.
    #[schema(required)]
    node: Option<String>,
    /// Where the nodes are that are still before it, in metres to the east and to the north; the nearest 50.
    way: Vec<[f64; 2]>,
    /// What it is at.
    state: RobotState,
    /// Percent of its battery.
    #[schema(required)]
    battery_percent: Option<f64>,
    /// The order that it has.
    #[schema(required)]
    order: Option<String>,
    /// Metres a second.
    #[schema(required)]
    speed: Option<f64>,
    /// Since when it is at that, as RFC 3339.
    since: String,
    /// What keeps it from working.
    #[schema(required)]
    problem: Option<String>,
    /// Whether a person has stopped it.
    paused: bool,
    /// What its maker wants to be told with every action.
    #[schema(value_type = Object)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, serde_json::Value>,
}

/// A robot that speaks VDA 5050.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RobotIn {
    /// Who made it.
    manufacturer: String,
    /// Which one it is.
    serial: String,
    /// The version that it speaks: `2.0`, `2.1` or `3.0`.
    version: String,
    /// The first level of its topics; learnt from its first word when left out.
    #[serde(default)]
    interface: Option<String>,
    /// What its maker wants to be told with every action of an order, by key; left as it is when left out.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<BTreeMap<String, serde_json::Value>>,
}

pub(super) fn robot_out(app: &App, view: &RobotView) -> RobotOut {
    let address = &view.address;
    let thing = vda5050::thing_of(&address.manufacturer, &address.serial_number).ok();
    let row = thing.as_ref().and_then(|thing| app.site.thing_row(thing));
    let title = row.map_or_else(|| address.serial_number.clone(), |row| row.title.clone());
    RobotOut {
        number: view.number,
        title,
        address: address.to_string(),
        thing,
        x: view.x,
        y: view.y,
        theta: view.theta,
        node: view.node.clone(),
        way: view.way.clone(),
        state: view.state,
        battery_percent: view.battery_percent,
        order: view.order.clone(),
        speed: view.speed,
        since: text(view.since),
        problem: view.problem.clone(),
        paused: view.is_paused,
        parameters: view.parameters.clone(),
    }
}

/// The fleet at a glance.
#[utoipa::path(get, path = "/fleet", tag = "fleet", responses((status = 200, body = FleetOut)))]
pub async fn get_fleet(State(app): State<App>) -> Result<Json<FleetOut>, Problem> {
    let summary = at_desk(&app, Desk::summary).await?;
    let mode = match summary.live.as_ref().map(|live| live.mode) {
        Some(Mode::Operate) => FleetMode::Operate,
        Some(Mode::Shadow) => FleetMode::Shadow,
        Some(Mode::Backtest | Mode::Simulate) | None => FleetMode::HandsOff,
    };
    let (policy, run) = summary.live.map_or((None, None), |live| (Some(live.policy), live.run));
    let findings = summary.findings.iter().map(|told| FindingOut {
        at: text(told.at),
        robot: told.finding.robot,
        code: told.finding.code.clone(),
        weight: told.finding.weight,
        words: told.finding.words.clone(),
    });
    Ok(Json(FleetOut {
        title: summary.floor.title.clone(),
        mode,
        policy,
        run,
        figures: summary.figures,
        findings: findings.collect(),
        revision: summary.revision,
    }))
}

/// The floor that is driven on.
#[utoipa::path(get, path = "/fleet/floor", tag = "fleet", responses((status = 200, body = FloorOut)))]
pub async fn get_floor(State(app): State<App>) -> Result<Revised<FloorOut>, Problem> {
    let view = at_desk(&app, Desk::floor).await?;
    Ok(Revised(view.revision, (&*view).into()))
}

/// Puts another floor under the fleet. Robots with work must find their places on it.
#[utoipa::path(put, path = "/fleet/floor", tag = "fleet", request_body = FloorIn, responses((status = 200, body = FloorOut)))]
pub async fn put_floor(
    State(app): State<App>,
    expected: IfMatch,
    LargeJson(floor): LargeJson<FloorIn, SCENARIO_BYTES_MAX>,
) -> Result<Revised<FloorOut>, Problem> {
    let view = at_desk(&app, move |desk| desk.set_floor(floor.source, expected.0)).await?;
    Ok(Revised(view.revision, (&*view).into()))
}

/// The robots of the fleet.
#[utoipa::path(get, path = "/fleet/robots", tag = "fleet", responses((status = 200, body = RobotsOut)))]
pub async fn list_robots(State(app): State<App>) -> Result<Json<RobotsOut>, Problem> {
    let views = at_desk(&app, Desk::robots).await?;
    Ok(Json(RobotsOut { items: views.iter().map(|view| robot_out(&app, view)).collect() }))
}

/// Takes a robot that speaks VDA 5050 into the fleet. Taking it again changes nothing but its
/// parameters.
#[utoipa::path(post, path = "/fleet/robots", tag = "fleet",
    responses((status = 201, body = RobotOut), (status = 200, body = RobotOut)))]
pub async fn add_robot(
    State(app): State<App>,
    Json(robot): Json<RobotIn>,
) -> Result<(StatusCode, Extension<Made>, Json<RobotOut>), Problem> {
    let version = Version::of_header(&robot.version).ok_or_else(|| {
        Problem::invalid(format!("{:?} is no version", robot.version)).at("version").hint("2.0, 2.1 or 3.0")
    })?;
    let interface = robot.interface.as_deref().unwrap_or(INTERFACE);
    for (place, level) in [("interface", interface), ("manufacturer", &robot.manufacturer), ("serial", &robot.serial)] {
        if level.is_empty() || level.contains(['/', '+', '#', '$']) || level.chars().any(char::is_control) {
            let problem = Problem::invalid(format!("{level:?} cannot be a level of a topic"));
            return Err(problem.at(place).hint("use text without /, +, # and $"));
        }
    }
    vda5050::thing_of(&robot.manufacturer, &robot.serial)
        .map_err(|error| Problem::invalid(error.to_string()).at("serial"))?;
    let parameters = robot.parameters;
    let is_odd = |it: &BTreeMap<String, serde_json::Value>| {
        it.len() > PARAMETERS_MAX || it.values().any(serde_json::Value::is_null)
    };
    if parameters.as_ref().is_some_and(is_odd) {
        let problem = Problem::invalid(format!("at most {PARAMETERS_MAX} parameters are accepted, and none is null"));
        return Err(problem.at("parameters"));
    }
    let address = Address::new(interface, version, &robot.manufacturer, &robot.serial);
    let (view, is_new) = at_desk(&app, move |desk| desk.add_robot(address, version, parameters)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Extension(Made(view.number.to_string())), Json(robot_out(&app, &view))))
}

/// Lets go of a robot. An order that it has not begun goes to another; one that it has begun fails.
#[utoipa::path(delete, path = "/fleet/robots/{number}", tag = "fleet", params(("number" = u32, Path)),
    responses((status = 204)))]
pub async fn remove_robot(State(app): State<App>, Path(number): Path<u32>) -> Result<StatusCode, Problem> {
    at_desk(&app, move |desk| desk.remove_robot(number)).await?;
    Ok(StatusCode::NO_CONTENT)
}
