//! What people do by hand on the floor of the fleet: robots are stopped and looked after, places are closed.

use axum::extract::State;
use fleet::desk::Desk;
use fleet::operation::Hand;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fleet::{RobotOut, at_desk, robot_out};
use crate::api::App;
use crate::http::{Json, Path, Problem};

/// The most places that may be closed.
const CLOSED_MAX: usize = 10_000;
/// The most characters that a reason has.
const WHY_MAX: usize = 200;

/// What is done with a robot.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandIn {
    /// What is done.
    hand: Hand,
    /// Why, in words, for whoever sees the robot set aside.
    #[serde(default)]
    why: Option<String>,
}

/// Places that are closed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The ids of the nodes that no robot may enter. A station or a charger stands for all of its nodes.
    nodes: Vec<String>,
}

/// Stops a robot where it is, lets it go on, sets it aside, or puts it to work again. A robot that is set aside gives up
/// its order: it goes to another robot, or fails when its load is on this one.
#[utoipa::path(post, path = "/fleet/robots/{number}/hand", tag = "fleet", params(("number" = u32, Path)),
    responses((status = 200, body = RobotOut)))]
pub async fn take_robot_in_hand(
    State(app): State<App>,
    Path(number): Path<u32>,
    Json(asked): Json<HandIn>,
) -> Result<Json<RobotOut>, Problem> {
    let why = asked.why.unwrap_or_else(|| "a person set it aside".to_owned());
    if why.chars().count() > WHY_MAX {
        return Err(Problem::invalid(format!("the reason is longer than {WHY_MAX} characters")).at("why"));
    }
    let view = at_desk(&app, move |desk| {
        desk.take_in_hand(number, asked.hand, &why)?;
        desk.robot(number)
    })
    .await?;
    Ok(Json(robot_out(&app, &view)))
}

/// The places that are closed.
#[utoipa::path(get, path = "/fleet/closed", tag = "fleet", responses((status = 200, body = Closed)))]
pub async fn get_closed(State(app): State<App>) -> Result<Json<Closed>, Problem> {
    Ok(Json(Closed { nodes: at_desk(&app, Desk::closed_nodes).await? }))
}

/// Closes these places to every robot and opens all others. Robots go around them; one that was released over a place may
/// still pass it.
#[utoipa::path(put, path = "/fleet/closed", tag = "fleet", responses((status = 200, body = Closed)))]
pub async fn put_closed(State(app): State<App>, Json(closed): Json<Closed>) -> Result<Json<Closed>, Problem> {
    if closed.nodes.len() > CLOSED_MAX {
        return Err(Problem::invalid(format!("more than {CLOSED_MAX} places cannot be closed")).at("nodes"));
    }
    let nodes = at_desk(&app, move |desk| {
        desk.close_places(&closed.nodes)?;
        desk.closed_nodes()
    })
    .await?;
    Ok(Json(Closed { nodes }))
}
