//! The one place through which people and programs reach the fleet in operation: orders, floor and robots, each change
//! written down before it is acknowledged, and each message to a robot before it is sent.
//!
//! The state, the clock and the book of runs are passed in; calls block for at most a commit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use connect::Message;
use connect::vda5050::{Address, Read, Topic, Version};
use model::{Clock, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use site::run::{Complaint, Mode, Promotion, RunBook, RunError};
use store::State;
use store::state::{Change, StateError, Table};

use crate::floor::{Floor, Network};
use crate::master::MasterError;
use crate::operation::{Figures, Operation, ROBOTS_MAX, RobotView, Saved, Told};
use crate::orders::{Created, Order, OrderError, OrderState, RowError, Wanted, read_csv};
use crate::traffic::Robot;
use crate::warehouse::{Fleet, FloorSource, Policy, draw_floor, floor_complaints};

/// The setting in which the floor is kept.
const FLOOR_SETTING: &str = "fleet.floor";
/// The setting in which the webhook is kept.
const WEBHOOK_SETTING: &str = "fleet.webhook";
/// Rows that are read at a time.
const ROWS: usize = 1_000;
/// How many changes of orders are kept for those who follow them; who is further behind misses the oldest, and is told how
/// many.
pub const CHANGES_MAX: usize = 5_000;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is nothing to operate.
    #[error("there is no floor yet\nhint: draw or choose one, and put it with PUT /api/v1/fleet/floor")]
    NoFloor,
    /// There is no such robot.
    #[error("there is no robot {0}")]
    UnknownRobot(Robot),
    /// The floor was changed by somebody else.
    #[error("the floor has revision {found}, not {expected}")]
    Changed {
        /// What was expected.
        expected: i64,
        /// What is there.
        found: i64,
    },
    /// An order does not fit.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A floor does not fit.
    #[error("{} things are wrong with the floor", .0.len())]
    Complaints(Vec<Complaint>),
    /// A robot does not fit.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// There are too many robots.
    #[error("there are {ROBOTS_MAX} robots already")]
    Full,
    /// What was written down cannot be read.
    #[error("the fleet cannot be read: {0}")]
    Saved(#[from] serde_json::Error),
    /// Which policy is live cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Where changes of orders are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where they are posted.
    pub url: String,
    /// What they are signed with, if anything.
    pub secret: Option<String>,
}

/// How the webhook does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct WebhookFigures {
    /// Changes that were taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Changes that were left out because too many waited.
    pub skipped: u64,
    /// Why the last attempt failed, if it did.
    pub problem: Option<String>,
}

/// The fleet at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The floor's name.
    pub title: String,
    /// What decides, with the run that shows for it; nothing: hands off.
    pub live: Option<Promotion>,
    /// How the fleet does.
    pub figures: Figures,
    /// What was noticed last, the newest first.
    pub findings: Vec<Told>,
    /// Grows with everything that is shown.
    pub revision: u64,
}

/// The floor as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct FloorView {
    /// Where it comes from.
    pub source: FloorSource,
    /// How a page draws it.
    pub drawing: Arc<Json>,
    /// Its revision.
    pub revision: i64,
}

/// What became of a table of orders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Orders that were taken, those that were there already included.
    pub accepted: usize,
    /// What is wrong with the others.
    pub errors: Vec<RowError>,
}

/// Changes of orders since somebody looked last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Orders as they were after each change, the oldest first.
    pub orders: Vec<Arc<Order>>,
    /// How many were missed.
    pub skipped: u64,
    /// From where to go on.
    pub next: u64,
}

/// What is to be published, and what decided it.
#[derive(Debug, Default)]
pub struct Turned {
    /// Messages to robots, and facts about them.
    pub messages: Vec<Message>,
    /// What is live.
    pub live: Option<Promotion>,
}

/// What stands on the floor.
#[derive(Debug)]
struct Place {
    operation: Operation,
    source: FloorSource,
    drawing: Arc<Json>,
    revision: i64,
}

#[derive(Debug, Default)]
struct Room {
    place: Option<Place>,
    /// Changes of orders, and the number of the first.
    changes: VecDeque<Arc<Order>>,
    first_change: u64,
    /// The newest frame, and the revision that it shows.
    frame: Option<(u64, Bytes)>,
    webhook: Option<Webhook>,
    webhook_figures: WebhookFigures,
}

/// The fleet in operation, for people, programs and the loop that runs it.
#[derive(Debug)]
pub struct Desk {
    room: Mutex<Room>,
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    runs: Arc<RunBook>,
    seed: u64,
}

impl Desk {
    /// Opens the desk, and the operation that was written down, if there was one.
    pub fn open(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        runs: Arc<RunBook>,
        seed: u64,
    ) -> Result<Arc<Self>, DeskError> {
        let webhook = state.get(Table::Setting, WEBHOOK_SETTING)?.map(|row| row.parse(Table::Setting)).transpose()?;
        let room = Room { webhook, ..Room::default() };
        let desk = Self { room: Mutex::new(room), state, clock, runs, seed };
        let place = desk.read()?;
        desk.room.lock().place = place;
        Ok(Arc::new(desk))
    }

    /// What was written down.
    fn read(&self) -> Result<Option<Place>, DeskError> {
        let Some(row) = self.state.get(Table::Setting, FLOOR_SETTING)? else { return Ok(None) };
        let source: FloorSource = row.parse(Table::Setting)?;
        let (floor, network) = floor_of(&source)?;
        let mut saved = Saved::default();
        self.each(Table::FleetOrder, |row| {
            saved.orders.push(row.parse(Table::FleetOrder)?);
            Ok(())
        })?;
        self.each(Table::FleetRobot, |row| {
            if let Ok(robot) = row.id.parse() {
                saved.robots.push((robot, row.parse(Table::FleetRobot)?));
            }
            Ok(())
        })?;
        let drawing = Arc::new(draw_floor(&floor, &network));
        let operation = Operation::open(floor, network, saved, self.seed, self.clock.now())?;
        Ok(Some(Place { operation, source, drawing, revision: row.rev }))
    }

    fn each(
        &self,
        table: Table,
        mut act: impl FnMut(&store::state::Row) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let mut after: Option<String> = None;
        loop {
            let rows = self.state.list(table, None, after.as_deref(), ROWS)?;
            rows.iter().try_for_each(&mut act)?;
            match rows.into_iter().last() {
                Some(row) => after = Some(row.id),
                None => return Ok(()),
            }
        }
    }

    /// Writes down what has changed, and `more`; gives the revision of the last row of `more`.
    fn commit(&self, room: &mut Room, more: Vec<Change>) -> Result<i64, StateError> {
        let Some(place) = room.place.as_mut() else { return Ok(0) };
        let unsaved = place.operation.unsaved();
        let orders = unsaved.orders.iter().map(|(id, order)| match order {
            Some(order) => Change::put(Table::FleetOrder, id.as_str(), None, order),
            None => Change::delete(Table::FleetOrder, id.as_str()),
        });
        let robots = unsaved.robots.iter().map(|(robot, record)| match record {
            Some(record) => Change::put(Table::FleetRobot, format!("{robot:05}"), None, record),
            None => Change::delete(Table::FleetRobot, format!("{robot:05}")),
        });
        let changes: Vec<Change> = orders.chain(robots).chain(more).collect();
        if changes.is_empty() {
            return Ok(0);
        }
        let revisions = self.state.commit(changes, self.clock.now())?;
        place.operation.saved();
        for order in unsaved.orders.into_iter().filter_map(|(_, order)| order) {
            if room.changes.len() >= CHANGES_MAX {
                room.changes.pop_front();
                room.first_change += 1;
            }
            room.changes.push_back(Arc::new(order));
        }
        Ok(revisions.last().copied().unwrap_or(0))
    }

    /// Changes something: it counts once it is written down, and has not happened when it could not be.
    fn change<T>(&self, act: impl FnOnce(&mut Operation, Timestamp) -> Result<T, DeskError>) -> Result<T, DeskError> {
        let mut room = self.room.lock();
        let now = self.clock.now();
        self.commit(&mut room, Vec::new())?;
        let operation = &mut room.place.as_mut().ok_or(DeskError::NoFloor)?.operation;
        let done = act(operation, now);
        let written = done.and_then(|done| Ok((done, self.commit(&mut room, Vec::new())?)));
        if written.is_err()
            && let Some(place) = &mut room.place
        {
            place.operation.undo_orders(now);
        }
        written.map(|(done, _)| done)
    }

    fn look<T>(&self, look: impl FnOnce(&Place) -> T) -> Result<T, DeskError> {
        self.room.lock().place.as_ref().map(look).ok_or(DeskError::NoFloor)
    }

    /// Whether there is a floor.
    pub fn is_open(&self) -> bool {
        self.room.lock().place.is_some()
    }

    /// The fleet at a glance.
    pub fn summary(&self) -> Result<Summary, DeskError> {
        let live = self.runs.live(Fleet::NAME)?.now;
        let now = self.clock.now();
        self.look(|place| Summary {
            title: place.operation.floor().name.clone(),
            live,
            figures: place.operation.figures(now),
            findings: place.operation.findings().cloned().collect(),
            revision: place.operation.revision(),
        })
    }

    /// The floor.
    pub fn floor(&self) -> Result<FloorView, DeskError> {
        self.look(view)
    }

    /// The floor's revision.
    pub fn floor_revision(&self) -> Option<i64> {
        self.room.lock().place.as_ref().map(|place| place.revision)
    }

    /// Puts a floor under the fleet. `expected` is the revision that the caller has seen.
    pub fn set_floor(&self, source: FloorSource, expected: Option<i64>) -> Result<FloorView, DeskError> {
        let (floor, network) = floor_of(&source)?;
        let drawing = Arc::new(draw_floor(&floor, &network));
        let mut room = self.room.lock();
        let found = room.place.as_ref().map_or(0, |place| place.revision);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(DeskError::Changed { expected, found });
        }
        self.commit(&mut room, Vec::new())?;
        let row = Change::put(Table::Setting, FLOOR_SETTING, None, &source);
        match &mut room.place {
            Some(place) => {
                place.operation.set_floor(floor, network).map_err(DeskError::Complaints)?;
                (place.source, place.drawing) = (source, drawing);
            }
            None => {
                let now = self.clock.now();
                let operation = Operation::open(floor, network, Saved::default(), self.seed, now)?;
                room.place = Some(Place { operation, source, drawing, revision: 0 });
            }
        }
        match self.commit(&mut room, vec![row]) {
            Ok(revision) => {
                let place = room.place.as_mut().expect("it was put there above");
                place.revision = revision;
                Ok(view(place))
            }
            Err(error) => {
                // What is on disk counts.
                room.place = self.read()?;
                Err(error.into())
            }
        }
    }

    /// All robots.
    pub fn robots(&self) -> Result<Vec<RobotView>, DeskError> {
        self.look(|place| place.operation.robots().collect())
    }

    /// A robot.
    pub fn robot(&self, robot: Robot) -> Result<RobotView, DeskError> {
        self.look(|place| place.operation.robot(robot))?.ok_or(DeskError::UnknownRobot(robot))
    }

    /// Takes many robots into the fleet, and lets go of others.
    pub fn change_robots(&self, add: Vec<(Address, Version)>, remove: &[Robot]) -> Result<(), DeskError> {
        self.change(|operation, now| {
            for robot in remove {
                operation.remove_robot(*robot, now)?;
            }
            for (address, version) in add.into_iter().take(ROBOTS_MAX) {
                operation.add_robot(address, version)?;
            }
            Ok(())
        })
    }

    /// Takes a robot into the fleet; true when it is new. `parameters` is what its maker wants to be told with every action;
    /// `None` leaves that as it is.
    pub fn add_robot(
        &self,
        address: Address,
        version: Version,
        parameters: Option<BTreeMap<String, serde_json::Value>>,
    ) -> Result<(RobotView, bool), DeskError> {
        let (robot, is_new) = self.change(|operation, _| {
            if operation.master().robots().count() >= ROBOTS_MAX {
                return Err(DeskError::Full);
            }
            let (robot, is_new) = operation.add_robot(address, version)?;
            if let Some(parameters) = parameters {
                operation.set_parameters(robot, parameters)?;
            }
            Ok((robot, is_new))
        })?;
        Ok((self.robot(robot)?, is_new))
    }

    /// Lets go of a robot.
    pub fn remove_robot(&self, robot: Robot) -> Result<(), DeskError> {
        self.change(|operation, now| match operation.remove_robot(robot, now) {
            Err(MasterError::Unknown(robot)) => Err(DeskError::UnknownRobot(robot)),
            other => Ok(other?),
        })
    }

    /// Takes an order, once it is written down.
    pub fn create(&self, id: Option<&str>, wanted: Wanted, by: &str) -> Result<Created, DeskError> {
        self.change(|operation, now| Ok(operation.create(id, wanted, by, now)?))
    }

    /// Takes a table of orders: all of them, or none when one is wrong and not `partly`.
    pub fn import(&self, text: &str, partly: bool, by: &str) -> Result<Imported, DeskError> {
        let (rows, mut errors) = read_csv(text);
        if !errors.is_empty() && !partly {
            self.look(|_| ())?;
            return Ok(Imported { accepted: 0, errors });
        }
        let mut accepted = 0;
        let done = self.change(|operation, now| {
            for (row, id, wanted) in rows {
                match operation.create(id.as_deref(), wanted, by, now) {
                    Ok(_) => accepted += 1,
                    Err(error) => errors.push(row_error(row, &error)),
                }
            }
            // What was taken so far is taken back.
            if errors.is_empty() || partly { Ok(()) } else { Err(OrderError::Full.into()) }
        });
        if !errors.is_empty() && !partly {
            errors.sort_by_key(|error| error.row);
            return Ok(Imported { accepted: 0, errors });
        }
        done?;
        errors.sort_by_key(|error| error.row);
        Ok(Imported { accepted, errors })
    }

    /// An order.
    pub fn order(&self, id: &str) -> Result<Order, DeskError> {
        let found = self.look(|place| place.operation.book().get(id).cloned())?;
        found.ok_or_else(|| OrderError::Unknown(id.to_owned()).into())
    }

    /// The newest orders from before number `before` on, and whether there are more.
    pub fn orders(
        &self,
        state: Option<OrderState>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Order>, bool), DeskError> {
        self.look(|place| {
            let mut found = place.operation.book().newest(state, before);
            let orders: Vec<Order> = found.by_ref().take(limit).cloned().collect();
            (orders, found.next().is_some())
        })
    }

    /// How many orders wait for a robot.
    pub fn waiting(&self) -> Result<u64, DeskError> {
        self.look(|place| place.operation.book().count(OrderState::Waiting))
    }

    /// Calls an order off.
    pub fn cancel(&self, id: &str, by: &str) -> Result<Order, DeskError> {
        self.change(|operation, now| Ok(operation.cancel(id, by, now)?))
    }

    /// Changes how urgent an order is.
    pub fn set_priority(&self, id: &str, priority: u8) -> Result<Order, DeskError> {
        self.change(|operation, now| Ok(operation.set_priority(id, priority, now)?))
    }

    /// Changes of orders from `from` on, at most `limit`; from now on when there is no `from`.
    pub fn changes(&self, from: Option<u64>, limit: usize) -> Changes {
        let room = self.room.lock();
        let end = room.first_change + room.changes.len() as u64;
        let from = from.unwrap_or(end);
        let begin = from.clamp(room.first_change, end);
        let orders = room.changes.iter().skip((begin - room.first_change) as usize).take(limit).cloned();
        let orders: Vec<Arc<Order>> = orders.collect();
        Changes { next: begin + orders.len() as u64, orders, skipped: begin - from.min(begin) }
    }

    /// The newest frame, in the form of recorded ones, and its revision.
    pub fn frame(&self) -> Option<(u64, Bytes)> {
        let mut room = self.room.lock();
        let Room { place, frame, .. } = &mut *room;
        let operation = &place.as_ref()?.operation;
        let revision = operation.revision();
        if frame.as_ref().is_none_or(|(shown, _)| *shown != revision) {
            *frame = Some((revision, operation.frame()));
        }
        frame.clone()
    }

    /// Where changes of orders are told, and how that does.
    pub fn webhook(&self) -> (Option<Webhook>, WebhookFigures) {
        let room = self.room.lock();
        (room.webhook.clone(), room.webhook_figures.clone())
    }

    /// Says where changes of orders are told from now on.
    pub fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), DeskError> {
        let mut room = self.room.lock();
        let change = match &webhook {
            Some(webhook) => Change::put(Table::Setting, WEBHOOK_SETTING, None, webhook),
            None => Change::delete(Table::Setting, WEBHOOK_SETTING),
        };
        self.state.commit(vec![change], self.clock.now())?;
        (room.webhook, room.webhook_figures) = (webhook, WebhookFigures::default());
        Ok(())
    }

    /// Notes how telling did.
    pub fn note_webhook(&self, note: impl FnOnce(&mut WebhookFigures)) {
        note(&mut self.room.lock().webhook_figures);
    }

    /// Hears a message of a robot.
    pub fn hear(&self, topic: &Topic<'_>, read: &Read) {
        let now = self.clock.now();
        if let Some(place) = &mut self.room.lock().place {
            place.operation.hear(topic, read, now);
        }
    }

    /// Hears whether the thing that a door is stands open.
    pub fn hear_door(&self, thing: &str, is_open: bool) {
        if let Some(place) = &mut self.room.lock().place {
            place.operation.hear_door(thing, is_open);
        }
    }

    /// Lets what is live do what is due. What comes out may be published: what it rests on is written down.
    pub fn turn(&self) -> Result<Turned, DeskError> {
        let mut room = self.room.lock();
        let Some(place) = &mut room.place else { return Ok(Turned::default()) };
        // Who does not know whether it may act does not.
        let live = self.runs.live(Fleet::NAME)?.now;
        let decides = live.as_ref().map(|promotion| (promotion.mode, policy(promotion)));
        let messages = place.operation.turn(self.clock.now(), decides);
        // What is not sent now because it could not be written down is sent again.
        self.commit(&mut room, Vec::new())?;
        Ok(Turned { messages, live })
    }

    /// Does something with the operation itself; for whoever sets a demo up.
    pub fn with<T>(&self, act: impl FnOnce(&Operation) -> T) -> Option<T> {
        let room: MutexGuard<'_, Room> = self.room.lock();
        room.place.as_ref().map(|place| act(&place.operation))
    }
}

/// The knobs of what is live; a run that was simulated with them has shown that they can be read.
fn policy(promotion: &Promotion) -> Policy {
    let is_known = matches!(promotion.mode, Mode::Operate | Mode::Shadow);
    let parameters = is_known.then(|| promotion.policy.parameters.clone());
    parameters.and_then(|parameters| serde_json::from_value(parameters).ok()).unwrap_or_default()
}

fn view(place: &Place) -> FloorView {
    FloorView { source: place.source.clone(), drawing: Arc::clone(&place.drawing), revision: place.revision }
}

/// The floor of a source, or everything that is wrong with it.
fn floor_of(source: &FloorSource) -> Result<(Floor, Network), DeskError> {
    let floor = source.floor().map_err(in_source)?;
    let network = floor.network().map_err(|error| in_source(floor_complaints(error)))?;
    Ok((floor, network))
}

fn in_source(mut complaints: Vec<Complaint>) -> DeskError {
    for complaint in &mut complaints {
        complaint.place = complaint.place.replacen("/world/floor", "/source", 1);
    }
    DeskError::Complaints(complaints)
}

fn row_error(row: usize, error: &OrderError) -> RowError {
    match error {
        OrderError::Field { field, problem, hint } => RowError::new(row, field, problem.clone(), hint),
        other => {
            let text = other.to_string();
            let (problem, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            RowError::new(row, if matches!(other, OrderError::Other(_)) { "id" } else { "" }, problem, hint)
        }
    }
}
