//! A virtual mobile robot that speaks VDA 5050: it drives, turns, loads, charges, is late, breaks down and loses its link.
//!
//! It is a pure state machine: messages and passed time go in, messages come out. It judges orders as strictly as the
//! standard lets a robot judge them, so that master control is held to the standard too.
//!
//! **Invariant:** the same settings, messages and seed give the same robot, whatever machine it runs on.

mod actions;
mod hall;
mod motion;
mod orders;
mod zones;

use std::collections::VecDeque;

use connect::Message;
use connect::vda5050::factsheet::{PhysicalParameters, TypeSpecification};
use connect::vda5050::order::{Edge, Node};
use connect::vda5050::state::{
    ActionState, Connection, ConnectionState, EdgeState, Enabled, Error, ErrorLevel, Load, MapState, NodeState,
    OperatingMode, Position, PowerSupply, Reference, SafetyState, State, Velocity, ZoneRequest,
};
use connect::vda5050::zone::ZoneSet;
use connect::vda5050::{self, Address, Body, Kind, Stamp, Topic, Version};
use model::Timestamp;
use plan::Random;
use serde::{Deserialize, Serialize};

use actions::Job;
pub use hall::{Hall, Links, Near};

/// The most errors kept; the oldest is forgotten first.
const ERRORS_MAX: usize = 10;

/// How a virtual robot is built, and how well it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The version that it speaks.
    pub version: Version,
    /// Metres a second.
    pub speed: f64,
    /// Metres a second squared.
    pub acceleration: f64,
    /// Radians a second.
    pub turn_rate: f64,
    /// Seconds to take a load.
    pub pick_seconds: f64,
    /// Seconds to give a load.
    pub drop_seconds: f64,
    /// Percent of the battery for a kilometre.
    pub percent_per_kilometre: f64,
    /// Percent of the battery for an hour of waiting.
    pub percent_per_idle_hour: f64,
    /// Percent of the battery that an hour at the charger gives.
    pub charge_percent_per_hour: f64,
    /// Seconds between two states when nothing happens.
    pub state_interval_seconds: f64,
    /// The actions that it can do besides the standard's.
    pub further_actions: Vec<String>,
    /// What goes wrong.
    pub troubles: Troubles,
}

/// What goes wrong with a robot, and how often.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Troubles {
    /// Short stops a second.
    pub delays_per_second: f64,
    /// The longest stop in seconds; all lengths up to it are equally likely.
    pub delay_seconds_max: f64,
    /// Breakdowns an hour.
    pub breakdowns_per_hour: f64,
    /// Seconds until a breakdown is repaired, on average.
    pub repair_seconds: f64,
    /// Losses of the link an hour.
    pub link_losses_per_hour: f64,
    /// Seconds until the link is back, on average.
    pub link_loss_seconds: f64,
    /// The share of load handlings that fail.
    pub failed_handlings: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version::V2_1,
            speed: 1.5,
            acceleration: 1.0,
            turn_rate: 1.6,
            pick_seconds: 5.0,
            drop_seconds: 4.0,
            percent_per_kilometre: 3.0,
            percent_per_idle_hour: 1.0,
            charge_percent_per_hour: 60.0,
            state_interval_seconds: 5.0,
            further_actions: Vec::new(),
            troubles: Troubles::default(),
        }
    }
}

/// A place to be put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// Radians.
    pub theta: f64,
    /// The map.
    pub map: String,
    /// The node, if it stands on one.
    pub node: String,
}

/// A virtual robot. It can be written down and goes on where it was; its link has to be made anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vehicle {
    settings: Settings,
    address: Address,
    pose: Pose,
    speed: f64,
    turning: bool,
    order_id: String,
    order_update_id: u32,
    last_sequence_id: u32,
    /// Nodes and edges ahead; the edge to a node comes before it.
    nodes: VecDeque<Node>,
    edges: VecDeque<Edge>,
    cancelled: bool,
    jobs: Vec<Job>,
    instant_jobs: Vec<Job>,
    action_states: Vec<ActionState>,
    instant_states: Vec<ActionState>,
    /// The ids of instant actions heard last.
    #[serde(default)]
    instant_heard: VecDeque<String>,
    loads: Vec<Load>,
    battery_percent: f64,
    charging: bool,
    paused: bool,
    mode: OperatingMode,
    errors: Vec<Error>,
    maps: Vec<MapState>,
    #[serde(default)]
    zone_sets: Vec<(ZoneSet, Enabled)>,
    #[serde(default)]
    zone_requests: Vec<ZoneRequest>,
    #[serde(default)]
    requests_made: u64,
    delayed_seconds: f64,
    broken_seconds: f64,
    silent_seconds: f64,
    #[serde(skip)]
    is_linked: bool,
    wants_state: bool,
    wants_factsheet: bool,
    since_state_seconds: f64,
    headers: [u32; 8],
    now: Timestamp,
}

impl Vehicle {
    /// A robot that stands somewhere with a full battery. It says that it is there with its first step.
    pub fn new(settings: Settings, address: Address, pose: Pose) -> Self {
        Self {
            settings,
            address,
            pose,
            speed: 0.0,
            turning: false,
            order_id: String::new(),
            order_update_id: 0,
            last_sequence_id: 0,
            nodes: VecDeque::new(),
            edges: VecDeque::new(),
            cancelled: false,
            jobs: Vec::new(),
            instant_jobs: Vec::new(),
            action_states: Vec::new(),
            instant_states: Vec::new(),
            instant_heard: VecDeque::new(),
            loads: Vec::new(),
            battery_percent: 100.0,
            charging: false,
            paused: false,
            mode: OperatingMode::Automatic,
            errors: Vec::new(),
            maps: Vec::new(),
            zone_sets: Vec::new(),
            zone_requests: Vec::new(),
            requests_made: 0,
            delayed_seconds: 0.0,
            broken_seconds: 0.0,
            silent_seconds: 0.0,
            is_linked: false,
            wants_state: true,
            wants_factsheet: false,
            since_state_seconds: 0.0,
            headers: [0; 8],
            now: Timestamp::EPOCH,
        }
    }

    /// Where it is spoken to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where it really is.
    pub fn pose(&self) -> &Pose {
        &self.pose
    }

    /// Whether its link is up.
    pub fn is_linked(&self) -> bool {
        self.is_linked
    }

    /// Percent of its battery.
    pub fn battery_percent(&self) -> f64 {
        self.battery_percent
    }

    /// Sets the battery, in percent.
    pub fn set_battery(&mut self, percent: f64) {
        self.battery_percent = percent.clamp(0.0, 100.0);
    }

    /// Errors that it reports.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// The last will that its link leaves behind.
    pub fn will(&mut self) -> Message {
        self.message(&Body::Connection(Connection { connection_state: ConnectionState::Broken }))
    }

    /// What it says when it is switched off in good order.
    pub fn goodbye(&mut self) -> Message {
        self.message(&Body::Connection(Connection { connection_state: ConnectionState::Offline }))
    }

    /// Puts a map on it, and uses it.
    pub fn give_map(&mut self, map_id: &str, map_version: &str) {
        let (map_id, map_version) = (map_id.to_owned(), map_version.to_owned());
        self.maps.push(MapState { map_id, map_version, map_description: None, map_status: Enabled::Enabled });
        self.wants_state = true;
    }

    /// The maps that it has.
    pub fn maps(&self) -> &[MapState] {
        &self.maps
    }

    /// Breaks it down for a while.
    pub fn break_down(&mut self, seconds: f64) {
        self.broken_seconds = seconds;
    }

    /// Cuts its link for a while. Whoever runs it publishes [`Vehicle::will`] when the link breaks.
    pub fn lose_link(&mut self, seconds: f64) {
        self.silent_seconds = seconds;
        self.is_linked = false;
    }

    /// A person takes it over, or gives it back.
    pub fn set_mode(&mut self, mode: OperatingMode) {
        self.mode = mode;
        if mode.clears_order() {
            self.clear_order();
        }
        self.wants_state = true;
    }

    /// A person carries it somewhere else.
    pub fn relocate(&mut self, pose: Pose) {
        (self.pose, self.speed, self.last_sequence_id) = (pose, 0.0, 0);
        self.clear_order();
        self.wants_state = true;
    }

    /// Hears a message; false when the link is down, so that it is lost.
    pub fn hear(&mut self, topic: &str, payload: &[u8]) -> bool {
        if !self.is_linked {
            return false;
        }
        let Some(topic) = Topic::parse(topic) else { return true };
        match vda5050::read(&topic, payload) {
            Ok(read) => {
                if let Some(violation) = read.violations.first() {
                    self.complain("validationError", &violation.to_string(), &[]);
                    return true;
                }
                match read.body {
                    Body::Order(order) => self.hear_order(order),
                    Body::InstantActions(asked) => asked.actions.into_iter().for_each(|it| self.hear_instant(it)),
                    Body::ZoneSet(said) => self.hear_zone_set(said.zone_set),
                    Body::Responses(said) => said.responses.iter().for_each(|it| self.hear_response(it)),
                    _ => {}
                }
            }
            Err(error) => self.complain("validationError", &error.to_string(), &[]),
        }
        true
    }

    /// Lets time pass, and tells what it says meanwhile.
    pub fn step(&mut self, dt_seconds: f64, now: Timestamp, random: &mut Random) -> Vec<Message> {
        self.now = now;
        self.suffer(dt_seconds, random);
        let was_driving = self.is_driving();
        if self.broken_seconds <= 0.0 {
            self.work(dt_seconds, random);
            self.drive(dt_seconds);
        } else {
            (self.speed, self.turning) = (0.0, false);
        }
        self.leave_zones();
        self.burn(dt_seconds);
        self.wants_state |= was_driving != self.is_driving();
        self.speak(dt_seconds)
    }

    fn suffer(&mut self, dt_seconds: f64, random: &mut Random) {
        let troubles = self.settings.troubles.clone();
        let mut happens = |per_second: f64| per_second > 0.0 && random.unit() < per_second * dt_seconds;
        let (delays, breaks, loses) = (
            happens(troubles.delays_per_second),
            happens(troubles.breakdowns_per_hour / 3_600.0),
            happens(troubles.link_losses_per_hour / 3_600.0),
        );
        self.delayed_seconds = (self.delayed_seconds - dt_seconds).max(0.0);
        if delays {
            self.delayed_seconds = troubles.delay_seconds_max * random.unit();
        }
        let was_broken = self.broken_seconds > 0.0;
        self.broken_seconds = (self.broken_seconds - dt_seconds).max(0.0);
        if breaks && !was_broken {
            self.broken_seconds = troubles.repair_seconds * (0.5 + random.unit());
        }
        let is_broken = self.broken_seconds > 0.0;
        if is_broken && !self.errors.iter().any(|error| error.error_type == "breakdown") {
            self.report("breakdown", ErrorLevel::Fatal, "the drive does not answer", &[]);
        } else if !is_broken && self.errors.iter().any(|error| error.error_type == "breakdown") {
            self.errors.retain(|error| error.error_type != "breakdown");
            self.wants_state = true;
        }
        if loses && self.silent_seconds <= 0.0 {
            self.lose_link(troubles.link_loss_seconds * (0.5 + random.unit()));
        }
    }

    fn burn(&mut self, dt_seconds: f64) {
        let hours = dt_seconds / 3_600.0;
        let kilometres = self.speed * dt_seconds / 1_000.0;
        let spent = self.settings.percent_per_kilometre * kilometres + self.settings.percent_per_idle_hour * hours;
        let gained = if self.charging { self.settings.charge_percent_per_hour * hours } else { 0.0 };
        self.battery_percent = (self.battery_percent - spent + gained).clamp(0.0, 100.0);
    }

    fn is_driving(&self) -> bool {
        self.speed > 0.0 || self.turning
    }

    /// Messages that are due; none while the link is down.
    fn speak(&mut self, dt_seconds: f64) -> Vec<Message> {
        self.silent_seconds = (self.silent_seconds - dt_seconds).max(0.0);
        self.since_state_seconds += dt_seconds;
        if self.silent_seconds > 0.0 {
            return Vec::new();
        }
        let mut messages = Vec::new();
        if !self.is_linked {
            self.is_linked = true;
            self.wants_state = true;
            messages.push(self.message(&Body::Connection(Connection { connection_state: ConnectionState::Online })));
        }
        if std::mem::take(&mut self.wants_factsheet) {
            messages.push(self.message(&Body::Factsheet(Box::new(self.factsheet()))));
        }
        if self.wants_state || self.since_state_seconds >= self.settings.state_interval_seconds {
            (self.wants_state, self.since_state_seconds) = (false, 0.0);
            messages.push(self.message(&Body::State(Box::new(self.state()))));
        }
        messages
    }

    fn message(&mut self, body: &Body) -> Message {
        let kind = body.kind();
        let header = &mut self.headers[kind as usize];
        let stamp = Stamp { header_id: *header, timestamp: self.now };
        *header = header.wrapping_add(1);
        let payload = vda5050::write(self.settings.version, &self.address, stamp, body)
            .expect("a virtual robot says finite numbers only");
        Message { topic: self.address.topic(kind), payload, qos: kind.qos(), retain: kind.is_retained() }
    }

    /// Its state as it would tell it now.
    pub fn state(&self) -> State {
        let node_state = |node: &Node| NodeState {
            node_id: node.node_id.clone(),
            sequence_id: node.sequence_id,
            released: node.released,
            ..NodeState::default()
        };
        let edge_state = |edge: &Edge| EdgeState {
            edge_id: edge.edge_id.clone(),
            sequence_id: edge.sequence_id,
            released: edge.released,
            ..EdgeState::default()
        };
        let released = self.nodes.iter().filter(|node| node.released).count();
        State {
            maps: (!self.maps.is_empty()).then(|| self.maps.clone()),
            zone_sets: (!self.zone_sets.is_empty()).then(|| self.zone_set_states()),
            zone_requests: (!self.zone_requests.is_empty()).then(|| self.zone_requests.clone()),
            order_id: self.order_id.clone(),
            order_update_id: self.order_update_id,
            last_node_id: self.pose.node.clone(),
            last_node_sequence_id: self.last_sequence_id,
            node_states: self.nodes.iter().map(node_state).collect(),
            edge_states: self.edges.iter().map(edge_state).collect(),
            position: Some(Position {
                x: self.pose.x,
                y: self.pose.y,
                theta: motion::half_turn(self.pose.theta),
                map_id: self.pose.map.clone(),
                localized: true,
                ..Position::default()
            }),
            velocity: Some(Velocity { vx: Some(self.speed), ..Velocity::default() }),
            loads: Some(self.loads.clone()),
            driving: self.is_driving(),
            paused: Some(self.paused),
            new_base_request: Some(released <= 1 && self.nodes.len() > released),
            action_states: self.action_states.clone(),
            instant_action_states: self.instant_states.clone(),
            power_supply: PowerSupply {
                state_of_charge: self.battery_percent,
                charging: self.charging,
                ..PowerSupply::default()
            },
            operating_mode: self.mode,
            errors: self.errors.clone(),
            safety_state: SafetyState::default(),
            ..State::default()
        }
    }

    fn report(&mut self, error_type: &str, error_level: ErrorLevel, words: &str, references: &[(&str, &str)]) {
        let reference = |(key, value): &(&str, &str)| Reference { key: (*key).to_owned(), value: (*value).to_owned() };
        self.errors.push(Error {
            error_type: error_type.to_owned(),
            error_references: Some(references.iter().map(reference).collect()),
            error_description: Some(words.to_owned()),
            error_level,
            ..Error::default()
        });
        self.wants_state = true;
    }

    /// A warning about something that was asked; kept until an order is accepted.
    fn complain(&mut self, error_type: &str, words: &str, references: &[(&str, &str)]) {
        self.report(error_type, ErrorLevel::Warning, words, references);
        if self.errors.len() > ERRORS_MAX {
            self.errors.remove(0);
        }
    }

    fn supports(&self, action_type: &str) -> bool {
        actions::DURATIONS.iter().any(|(known, _)| *known == action_type)
            || self.settings.further_actions.iter().any(|known| known == action_type)
    }

    fn factsheet(&self) -> vda5050::Factsheet {
        vda5050::Factsheet {
            type_specification: TypeSpecification {
                series_name: "Virtual carrier".to_owned(),
                kinematics: "DIFF".to_owned(),
                class: "CARRIER".to_owned(),
                maximum_load_mass: 300.0,
                supported_zones: Some(vec!["RELEASE".to_owned(), "SPEED_LIMIT".to_owned()]),
                ..TypeSpecification::default()
            },
            physical_parameters: PhysicalParameters {
                maximum_speed: self.settings.speed,
                maximum_acceleration: self.settings.acceleration,
                maximum_deceleration: self.settings.acceleration,
                minimum_height: Some(0.3),
                maximum_height: 0.3,
                length: 0.8,
                width: 0.6,
                ..PhysicalParameters::default()
            },
            ..vda5050::Factsheet::default()
        }
    }

    /// How many messages of a kind it has sent.
    pub fn sent(&self, kind: Kind) -> u32 {
        self.headers[kind as usize]
    }
}
