//! Robots as things: their states become properties, their errors events, instant actions commands.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::{Cause, Command, CommandId, CommandState, Entry, Name, Quality, Record, RecordKind, ThingId, Value};
use serde_json::{Map, Value as Json, json};

use super::order::{BlockingType, InstantActions};
use super::state::{ActionStatus, Connection, ConnectionState, State, Visualization};
use super::topic::{Address, Kind, Topic};
use super::wire::Version;
use super::{Action, Body, Factsheet, Read, Stamp, thing_model};
use crate::intern::Names;
use crate::sink::{Counters, Sink};
use crate::{Adapter, CommandStep, Decoded, Discovered, EncodeError, Encoded, Message, text};

/// The most robots that the adapter knows; what further ones say is shown as `too_many_things`.
pub const ROBOTS_MAX: usize = 100_000;

/// The most commands of one robot whose end is awaited; the oldest is forgotten first and then times out.
const COMMANDS_AWAITED_MAX: usize = 64;

/// A robot that spoke.
#[derive(Debug)]
struct Robot {
    thing: ThingId,
    address: Address,
    version: Version,
    series: String,
    cause: Arc<Cause>,
    /// Counts our instant actions. Decoding never looks at it, so replaying the log gives the same.
    header_id: Cell<u32>,
    errors: BTreeSet<String>,
    awaited: VecDeque<Awaited>,
}

/// A command that the robot has not ended.
#[derive(Debug)]
struct Awaited {
    id: CommandId,
    action: Name,
    state: CommandState,
}

/// The adapter of VDA 5050.
#[derive(Debug, Default)]
pub struct Vda5050 {
    robots: HashMap<ThingId, Robot, ahash::RandomState>,
    names: Names,
    counters: Counters,
    revision: u64,
}

/// The thing that a robot is: `manufacturer-serialNumber`.
pub fn thing_of(manufacturer: &str, serial_number: &str) -> Result<ThingId, model::IdError> {
    ThingId::new(format!("{manufacturer}-{serial_number}"))
}

impl Vda5050 {
    /// An adapter that knows no robot yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gets the robot of a topic, learning of it if it is new. True when it is new.
    fn robot(&mut self, topic: &Topic<'_>, entry: &Entry) -> Result<(&mut Robot, bool), (&'static str, String)> {
        let thing = thing_of(topic.manufacturer, topic.serial_number)
            .map_err(|error| ("bad_thing", format!("{}: {error}", text::shortened(&entry.topic))))?;
        let is_new = !self.robots.contains_key(&thing);
        if is_new {
            if self.robots.len() >= ROBOTS_MAX {
                return Err(("too_many_things", format!("{thing}: {ROBOTS_MAX} robots are known already")));
            }
            self.revision += 1;
            self.robots.insert(thing.clone(), Robot::new(thing.clone(), topic.address()));
        }
        let robot = self.robots.get_mut(&thing).expect("it was there or was put there");
        let (maker, number) = (&robot.address.manufacturer, &robot.address.serial_number);
        if (maker.as_str(), number.as_str()) != (topic.manufacturer, topic.serial_number) {
            let detail = format!("{thing} is robot {number} of {maker}; {} shares the name", entry.topic);
            return Err(("vda5050_ambiguous", detail));
        }
        Ok((robot, is_new))
    }

    fn decode_topic(&mut self, topic: &Topic<'_>, entry: &Entry, sink: &mut Sink<'_>) {
        if matches!(topic.kind, Kind::Order | Kind::ZoneSet | Kind::Responses) {
            return;
        }
        let read = match super::read(topic, &entry.payload) {
            Ok(read) => read,
            Err(error) => {
                let thing = thing_of(topic.manufacturer, topic.serial_number).ok();
                return sink.diagnose(thing.as_ref(), "vda5050_unreadable", format!("{}: {error}", entry.topic));
            }
        };
        let mut names = std::mem::take(&mut self.names);
        match self.robot(topic, entry) {
            Err((code, detail)) => sink.diagnose(None, code, detail),
            Ok((robot, is_new)) => {
                let was_known = robot.learn(topic, entry, &read) && !is_new;
                if topic.kind != Kind::InstantActions {
                    for violation in &read.violations {
                        let detail = format!("{}: {violation}", topic.kind.as_str());
                        sink.diagnose(Some(&robot.thing), violation.problem.code(), detail);
                    }
                }
                if !was_known {
                    sink.out.discovered.push(robot.discovered());
                }
                Writer { robot, entry, read: &read, names: &mut names, sink }.body();
                self.revision += u64::from(!was_known && !is_new);
            }
        }
        self.names = names;
    }
}

impl Robot {
    fn new(thing: ThingId, address: Address) -> Self {
        Self {
            cause: Arc::new(Cause::device(&thing)),
            thing,
            address,
            version: Version::default(),
            series: String::new(),
            header_id: Cell::new(0),
            errors: BTreeSet::new(),
            awaited: VecDeque::new(),
        }
    }

    /// Takes over where the robot is spoken to and what it is. False when that is news.
    fn learn(&mut self, topic: &Topic<'_>, entry: &Entry, read: &Read) -> bool {
        if topic.kind == Kind::InstantActions {
            return true;
        }
        if *self.cause != entry.cause {
            self.cause = Arc::new(entry.cause.clone());
        }
        let address = topic.address();
        let mut same = self.version == read.version && self.address == address;
        self.version = read.version;
        self.address = address;
        if let Body::Factsheet(sheet) = &read.body
            && self.series != sheet.type_specification.series_name
        {
            self.series.clone_from(&sheet.type_specification.series_name);
            same = false;
        }
        same
    }

    fn discovered(&self) -> Discovered {
        let Address { manufacturer, serial_number, .. } = &self.address;
        let title = match self.series.as_str() {
            "" => format!("{manufacturer} {serial_number}"),
            series => format!("{series} {serial_number}"),
        };
        Discovered {
            thing: self.thing.clone(),
            title,
            model: thing_model::robot(self.version, manufacturer, &self.series),
            via: None,
            suggested_space: None,
            expires_after: BTreeMap::new(),
        }
    }

    /// Remembers what was asked, from the message that asks it.
    fn await_commands(&mut self, actions: &[Action]) {
        for action in actions {
            let (Ok(id), Ok(name)) = (CommandId::new(&action.action_id), Name::new(&action.action_type)) else {
                continue;
            };
            self.awaited.push_back(Awaited { id, action: name, state: CommandState::Sent });
            if self.awaited.len() > COMMANDS_AWAITED_MAX {
                self.awaited.pop_front();
            }
        }
    }
}

/// Turns one message of a robot into facts.
struct Writer<'a, 's> {
    robot: &'a mut Robot,
    entry: &'a Entry,
    read: &'a Read,
    names: &'a mut Names,
    sink: &'a mut Sink<'s>,
}

impl Writer<'_, '_> {
    fn body(&mut self) {
        match &self.read.body {
            Body::State(state) => self.state(state),
            Body::Visualization(visualization) => self.visualization(visualization),
            Body::Connection(connection) => self.connection(connection),
            Body::Factsheet(sheet) => self.factsheet(sheet),
            Body::InstantActions(InstantActions { actions }) => self.robot.await_commands(actions),
            Body::Order(_) | Body::ZoneSet(_) | Body::Responses(_) => {}
        }
    }

    fn push(&mut self, kind: RecordKind, name: &str, value: Value) {
        let Ok(name) = self.names.get(name) else { return };
        // A last will is as old as the connection that left it, and a message without a time says nothing of it.
        let is_will = self.read.body.kind() == Kind::Connection;
        let said = self.read.header.timestamp;
        let time = if is_will || said.micros() == 0 { self.entry.received } else { said };
        self.sink.out.records.push(Record {
            position: self.entry.position,
            time,
            received: self.entry.received,
            thing: self.robot.thing.clone(),
            kind,
            name,
            value,
            quality: Quality::Good,
            cause: self.robot.cause.clone(),
        });
    }

    fn number(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value.and_then(Value::float) {
            self.push(RecordKind::Property, name, value);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.push(RecordKind::Property, name, Value::Boolean(value));
    }

    fn word(&mut self, name: &str, value: impl AsRef<str>) {
        self.push(RecordKind::Property, name, Value::text(value));
    }

    fn position(&mut self, position: Option<&super::state::Position>, velocity: Option<&super::state::Velocity>) {
        if let Some(position) = position {
            self.number("x", Some(position.x));
            self.number("y", Some(position.y));
            self.number("heading", Some(position.theta));
            self.word("map", &position.map_id);
            self.flag("localized", position.localized);
        }
        if let Some(velocity) = velocity {
            let (vx, vy) = (velocity.vx.unwrap_or(0.0), velocity.vy.unwrap_or(0.0));
            self.number("speed", Some(vx.hypot(vy)));
        }
    }

    fn state(&mut self, state: &State) {
        let version = self.read.version;
        self.number("battery", Some(state.power_supply.state_of_charge));
        self.number("battery_voltage", state.power_supply.battery_voltage);
        self.flag("charging", state.power_supply.charging);
        self.position(state.position.as_ref(), state.velocity.as_ref());
        self.flag("driving", state.driving);
        self.flag("paused", state.paused.unwrap_or(false));
        self.word("operating_mode", state.operating_mode.as_str(version).to_ascii_lowercase());
        self.word("order", &state.order_id);
        self.push(RecordKind::Property, "order_update", Value::Integer(i64::from(state.order_update_id)));
        self.word("last_node", &state.last_node_id);
        self.push(RecordKind::Property, "nodes_ahead", Value::Integer(state.node_states.len() as i64));
        if let Some(loads) = &state.loads {
            self.push(RecordKind::Property, "loads", Value::Integer(loads.len() as i64));
        }
        self.word("emergency_stop", state.safety_state.emergency_stop.as_str(version).to_ascii_lowercase());
        self.flag("field_violation", state.safety_state.field_violation);
        self.errors(state);
        self.commands(state);
    }

    /// The errors as a property, and every new one as an event.
    fn errors(&mut self, state: &State) {
        let version = self.read.version;
        self.push(RecordKind::Property, "errors", Value::Integer(state.errors.len() as i64));
        let mut now = BTreeSet::new();
        for error in &state.errors {
            let description = error.error_description.as_deref().unwrap_or_default();
            let level = error.error_level.as_str(version).to_ascii_lowercase();
            let is_new = !self.robot.errors.contains(&error.error_type) && now.insert(error.error_type.clone());
            if is_new {
                let json = json!({ "type": error.error_type, "level": level, "description": description });
                self.push(RecordKind::Event, "error", Value::from_json(json));
            }
            now.insert(error.error_type.clone());
        }
        self.robot.errors = now;
    }

    /// What became of the commands that are awaited.
    fn commands(&mut self, state: &State) {
        let thing = &self.robot.thing;
        let steps = &mut self.sink.out.command_steps;
        self.robot.awaited.retain_mut(|awaited| {
            let Some(action) = state.action(awaited.id.as_str()) else { return true };
            let next = match action.action_status {
                ActionStatus::Waiting | ActionStatus::Initializing => CommandState::Accepted,
                ActionStatus::Running | ActionStatus::Paused | ActionStatus::Retriable => CommandState::Running,
                ActionStatus::Finished => CommandState::Finished,
                ActionStatus::Failed => CommandState::Failed,
            };
            if awaited.state.may_become(next) {
                awaited.state = next;
                let result = action.result.clone();
                steps.push(CommandStep {
                    command: Some(awaited.id.clone()),
                    thing: thing.clone(),
                    action: awaited.action.clone(),
                    state: next,
                    output: result.as_deref().map_or(Value::Null, Value::text),
                    error: (next == CommandState::Failed).then(|| failure(state, awaited.id.as_str(), result)),
                });
            }
            !awaited.state.is_final()
        });
    }

    fn visualization(&mut self, visualization: &Visualization) {
        self.position(visualization.position.as_ref(), visualization.velocity.as_ref());
    }

    fn connection(&mut self, connection: &Connection) {
        let word = match connection.connection_state {
            ConnectionState::Online => "online",
            ConnectionState::Offline | ConnectionState::Hibernating | ConnectionState::Broken => "offline",
        };
        self.push(RecordKind::Presence, "presence", Value::text(word));
        self.word("connection", connection.connection_state.as_str(self.read.version).to_ascii_lowercase());
    }

    fn factsheet(&mut self, sheet: &Factsheet) {
        let physical = &sheet.physical_parameters;
        self.word("series", &sheet.type_specification.series_name);
        self.number("maximum_speed", Some(physical.maximum_speed));
        self.number("length", Some(physical.length));
        self.number("width", Some(physical.width));
        self.number("maximum_load", Some(sheet.type_specification.maximum_load_mass));
    }
}

/// Why an action failed, in the robot's words.
fn failure(state: &State, action_id: &str, result: Option<String>) -> String {
    let error = state.errors.iter().find(|error| error.reference("actionId") == Some(action_id));
    error
        .map(|error| error.error_description.clone().unwrap_or_else(|| error.error_type.clone()))
        .or(result)
        .unwrap_or_else(|| "the robot gives no reason".to_owned())
}

impl Adapter for Vda5050 {
    fn name(&self) -> &'static str {
        "vda5050"
    }

    fn decode(&mut self, entry: &Entry, out: &mut Decoded) -> bool {
        let Some(topic) = Topic::parse(&entry.topic) else { return false };
        let mut counters = std::mem::take(&mut self.counters);
        // A retained message that is cleared says nothing.
        if !entry.payload.is_empty() {
            self.decode_topic(&topic, entry, &mut Sink::new(out, &mut counters));
        }
        self.counters = counters;
        true
    }

    fn knows(&self, thing: &ThingId) -> bool {
        self.robots.contains_key(thing)
    }

    fn encode(&self, command: &Command) -> Result<Encoded, EncodeError> {
        let unsupported = || EncodeError::Unsupported { thing: command.thing.clone(), action: command.action.clone() };
        let robot = self.robots.get(&command.thing).filter(|_| !command.write).ok_or_else(unsupported)?;
        let action_type = thing_model::action_type(command.action.as_str(), robot.version).ok_or_else(unsupported)?;
        let format = |problem: String| EncodeError::Format {
            thing: command.thing.clone(),
            action: command.action.clone(),
            problem,
        };
        let mut action = Action::new(action_type, command.id.to_string(), BlockingType::None);
        match command.input.to_json() {
            Json::Null => {}
            Json::Object(input) => {
                for (key, value) in input.into_iter().filter(|(_, value)| !value.is_null()) {
                    action = action.with(&key, value);
                }
            }
            other => return Err(format(format!("its input is {}, expected an object", text::json_kind(&other)))),
        }
        let stamp = Stamp { header_id: robot.header_id.get(), timestamp: command.created };
        robot.header_id.set(stamp.header_id.wrapping_add(1));
        let body = Body::InstantActions(InstantActions { actions: vec![action] });
        let payload =
            super::write(robot.version, &robot.address, stamp, &body).map_err(|error| format(error.to_string()))?;
        let kind = Kind::InstantActions;
        let message =
            Message { topic: robot.address.topic(kind), payload, qos: kind.qos(), retain: kind.is_retained() };
        Ok(Encoded { messages: vec![message], answers: true })
    }

    fn encode_desired(&self, _: &ThingId, _: &Map<String, Json>) -> Vec<Message> {
        Vec::new()
    }

    fn is_about(&self, thing: &ThingId, topic: &str) -> bool {
        Topic::parse(topic)
            .and_then(|topic| thing_of(topic.manufacturer, topic.serial_number).ok())
            .is_some_and(|about| about == *thing)
    }

    fn forget(&mut self, thing: &ThingId) {
        if self.robots.remove(thing).is_some() {
            self.revision += 1;
        }
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn save(&self) -> Json {
        let mut robots: Vec<&Robot> = self.robots.values().collect();
        robots.sort_unstable_by(|a, b| a.thing.cmp(&b.thing));
        let robots = robots.into_iter().map(|robot| {
            json!({ "address": robot.address, "version": robot.version, "series": robot.series, "errors": robot.errors })
        });
        json!({ "robots": robots.collect::<Vec<_>>() })
    }

    fn restore(&mut self, saved: Json) {
        #[derive(serde::Deserialize)]
        struct Saved {
            address: Address,
            version: Version,
            series: String,
            #[serde(default)]
            errors: BTreeSet<String>,
        }
        let robots = saved.get("robots").and_then(Json::as_array).into_iter().flatten();
        for saved in robots.filter_map(|robot| serde_json::from_value::<Saved>(robot.clone()).ok()).take(ROBOTS_MAX) {
            let Ok(thing) = thing_of(&saved.address.manufacturer, &saved.address.serial_number) else { continue };
            let mut robot = Robot::new(thing.clone(), saved.address);
            (robot.version, robot.series, robot.errors) = (saved.version, saved.series, saved.errors);
            self.robots.insert(thing, robot);
        }
    }
}
