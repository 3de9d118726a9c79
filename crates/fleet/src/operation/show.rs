//! What people see of a fleet in operation: robots, figures, and frames for pages that draw it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use connect::vda5050::Address;
use connect::vda5050::state::EmergencyStop;
use model::Timestamp;
use serde::Serialize;

use super::Operation;
use super::places::is_charging;
use crate::master::{Phase, Unit};
use crate::orders::OrderState;
use crate::traffic::Robot;
use crate::warehouse::{FrameRobot, frame_of};

/// Figures are about this last time.
const FIGURES_OF: Duration = Duration::from_secs(3_600);
/// The shortest work that says anything about an hour.
const FIGURES_OF_MIN: Duration = Duration::from_secs(300);
/// From how many orders that were done last the usual time is taken.
const LEADS: usize = 500;

/// The most nodes of its way that are shown of a robot.
pub const WAY_MAX: usize = 50;

/// What a robot is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RobotState {
    /// It has nothing to do.
    Idle,
    /// It drives.
    Moving,
    /// It has something to do and waits for its way.
    Waiting,
    /// Something is done with its load.
    Serving,
    /// It is charged.
    Charging,
    /// It cannot drive.
    Broken,
    /// Its link is lost, or was never there.
    Unlinked,
    /// A person has it, or has to look after it.
    SetAside,
}

/// A robot as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct RobotView {
    /// Its number in the fleet.
    pub number: Robot,
    /// Where it is spoken to.
    pub address: Address,
    /// Metres to the east, when it has said where it is.
    pub x: Option<f64>,
    /// Metres to the north.
    pub y: Option<f64>,
    /// Its heading in radians.
    pub theta: Option<f64>,
    /// The node that it reached last.
    pub node: Option<String>,
    /// Where the nodes are that are still before it, at most [`WAY_MAX`].
    pub way: Vec<[f64; 2]>,
    /// What it is at.
    pub state: RobotState,
    /// Percent of its battery.
    pub battery_percent: Option<f64>,
    /// The order that it has.
    pub order: Option<String>,
    /// Metres a second.
    pub speed: Option<f64>,
    /// Since when it is at that.
    pub since: Timestamp,
    /// What keeps it from working.
    pub problem: Option<String>,
    /// Whether a person has stopped it.
    pub is_paused: bool,
    /// What its maker wants to be told with every action.
    pub parameters: BTreeMap<String, serde_json::Value>,
}

/// How a fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Figures {
    /// All robots.
    pub robots: usize,
    /// Robots that drive.
    pub moving: usize,
    /// Robots that wait for their way.
    pub waiting: usize,
    /// Robots that are charged.
    pub charging: usize,
    /// Robots that cannot drive, or that a person has.
    pub broken: usize,
    /// Robots without a link.
    pub unlinked: usize,
    /// Orders that no robot has.
    pub orders_waiting: u64,
    /// Orders that robots are on their way to.
    pub orders_assigned: u64,
    /// Orders whose load is on a robot.
    pub orders_under_way: u64,
    /// Orders that are done, as far as they are kept.
    pub orders_done: u64,
    /// Orders that failed.
    pub orders_failed: u64,
    /// Orders that were called off.
    pub orders_cancelled: u64,
    /// Orders done in the last hour; while the work is younger, as many as that would be in one.
    pub orders_per_hour: f64,
    /// How long orders usually take from their coming until they are done.
    #[cfg_attr(feature = "schema", schema(required))]
    pub median_lead_seconds: Option<f64>,
    /// Open orders that are late, and those of the last hour that were.
    pub late: u64,
}

fn state_of(unit: &Unit) -> RobotState {
    let Some(state) = unit.state.as_ref().filter(|_| unit.is_linked) else { return RobotState::Unlinked };
    let is_stopped = state.safety_state.emergency_stop != EmergencyStop::None
        || state.errors.iter().any(|error| error.error_level.stops());
    match unit.phase {
        Phase::SetAside | Phase::Manual => RobotState::SetAside,
        _ if is_stopped => RobotState::Broken,
        Phase::Lost => RobotState::Broken,
        _ if state.power_supply.charging => RobotState::Charging,
        _ if state.driving => RobotState::Moving,
        _ if unit.is_served() => RobotState::Serving,
        _ if unit.mission.is_some() => RobotState::Waiting,
        _ => RobotState::Idle,
    }
}

fn problem_of(unit: &Unit) -> Option<String> {
    let Some(state) = &unit.state else { return Some("it has not said anything yet".to_owned()) };
    let error = state.errors.iter().find(|error| error.error_level.stops());
    let words = error.map(|error| error.error_description.clone().unwrap_or_else(|| error.error_type.clone()));
    let place = state.position.as_ref().map(|it| format!("{:.1}, {:.1}", it.x, it.y)).unwrap_or_default();
    match unit.phase {
        _ if !unit.is_linked => Some("its link is lost; what it holds stays held".to_owned()),
        Phase::SetAside => {
            let why = unit.why_aside.as_deref().unwrap_or("it refuses its orders");
            Some(format!("{why}; look after it, then put it to work again"))
        }
        Phase::Manual => Some("a person has it".to_owned()),
        _ if words.is_some() => words,
        _ if state.safety_state.emergency_stop != EmergencyStop::None => Some("it is in an emergency stop".to_owned()),
        Phase::Lost => Some(format!("it stands at ({place}), where it cannot be used")),
        _ => None,
    }
}

impl Operation {
    /// A robot as people see it.
    pub fn robot(&self, number: Robot) -> Option<RobotView> {
        self.master.unit(number).map(|unit| self.view(number, unit))
    }

    /// All robots as people see them.
    pub fn robots(&self) -> impl Iterator<Item = RobotView> + '_ {
        self.master.robots().map(|(number, unit)| self.view(number, unit))
    }

    fn view(&self, number: Robot, unit: &Unit) -> RobotView {
        let said = unit.state.as_ref();
        let position = said.and_then(|state| state.position.as_ref());
        let velocity = said.and_then(|state| state.velocity.as_ref());
        let traffic = self.master.traffic();
        let ahead = traffic.base(number).iter().skip(1).chain(traffic.horizon(number)).take(WAY_MAX);
        let place = |node| {
            let point = self.network.point(node);
            [point.x, point.y]
        };
        let node = traffic.base(number).first().map(|visit| self.network.id(visit.cell).to_owned());
        let order = unit.mission.as_ref().and_then(|mission| super::order_of(&mission.id)).map(str::to_owned);
        let speed = velocity.map(|it| it.vx.unwrap_or(0.0).hypot(it.vy.unwrap_or(0.0)));
        let problem = problem_of(unit).or_else(|| {
            self.unable.contains(&number).then(|| "its factsheet says that it cannot carry loads".to_owned())
        });
        RobotView {
            number,
            address: unit.address.clone(),
            x: position.map(|it| it.x),
            y: position.map(|it| it.y),
            theta: position.map(|it| it.theta),
            node,
            way: ahead.map(|visit| place(visit.cell)).collect(),
            state: state_of(unit),
            battery_percent: said.map(|state| state.power_supply.state_of_charge),
            order,
            speed,
            since: self.since.get(&number).map_or(Timestamp::EPOCH, |(_, since)| *since),
            problem,
            is_paused: unit.is_paused(),
            parameters: unit.parameters.clone(),
        }
    }

    /// Notes since when robots are at what they are at.
    pub(super) fn note_states(&mut self, now: Timestamp) {
        for (robot, unit) in self.master.robots() {
            let state = state_of(unit);
            let entry = self.since.entry(robot).or_insert((state, now));
            if entry.0 != state {
                *entry = (state, now);
            }
        }
    }

    /// How the fleet does.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let mut figures = Figures::default();
        for (_, unit) in self.master.robots() {
            figures.robots += 1;
            match state_of(unit) {
                RobotState::Moving => figures.moving += 1,
                RobotState::Waiting => figures.waiting += 1,
                RobotState::Charging => figures.charging += 1,
                RobotState::Broken | RobotState::SetAside => figures.broken += 1,
                RobotState::Unlinked => figures.unlinked += 1,
                RobotState::Idle | RobotState::Serving => {}
            }
        }
        figures.orders_waiting = self.book.count(OrderState::Waiting);
        figures.orders_assigned = self.book.count(OrderState::Assigned);
        figures.orders_under_way = self.book.count(OrderState::UnderWay);
        figures.orders_done = self.book.count(OrderState::Done);
        figures.orders_failed = self.book.count(OrderState::Failed);
        figures.orders_cancelled = self.book.count(OrderState::Cancelled);
        let is_recent = |done: Option<Timestamp>| done.is_some_and(|done| now.since(done) <= FIGURES_OF);
        let recent = || self.book.over().take_while(|order| is_recent(order.done));
        let began = recent().chain(self.book.open()).map(|order| order.created).min();
        let worked = began.map_or(FIGURES_OF, |began| now.since(began).clamp(FIGURES_OF_MIN, FIGURES_OF));
        let done = recent().filter(|order| order.state == OrderState::Done).count() as f64;
        figures.orders_per_hour = (done * 3_600.0 / worked.as_secs_f64()).round();
        let late = recent().chain(self.book.open()).filter(|order| order.is_late(now));
        figures.late = late.count() as u64;
        let done = self.book.over().filter(|order| order.state == OrderState::Done).take(LEADS);
        let mut leads: Vec<f64> =
            done.filter_map(|order| Some(order.done?.since(order.created).as_secs_f64())).collect();
        leads.sort_by(f64::total_cmp);
        figures.median_lead_seconds = leads.get(leads.len() / 2).copied();
        figures
    }

    /// What the floor looks like now, in the form of recorded frames. Robots stand in the order of their numbers.
    pub fn frame(&self) -> Bytes {
        let robots = self.master.robots().map(|(_, unit)| {
            let position = unit.state.as_ref().and_then(|state| state.position.as_ref());
            let state = state_of(unit);
            let is_to_charger = unit.mission.as_ref().is_some_and(is_charging);
            FrameRobot {
                x: position.map_or(f64::NAN, |it| it.x),
                y: position.map_or(f64::NAN, |it| it.y),
                theta: position.map_or(0.0, |it| it.theta),
                doing: match state {
                    RobotState::Idle => 0,
                    RobotState::Charging => 4,
                    RobotState::Serving => 2,
                    RobotState::Moving | RobotState::Waiting if is_to_charger => 3,
                    RobotState::Moving if unit.mission.is_none() => 0,
                    RobotState::Moving | RobotState::Waiting => 1,
                    RobotState::Broken | RobotState::Unlinked | RobotState::SetAside => 5,
                },
                battery_percent: unit.state.as_ref().map_or(0.0, |state| state.power_supply.state_of_charge),
            }
        });
        frame_of(robots)
    }
}
