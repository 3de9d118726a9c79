//! The one place through which people and programs reach the fleet in operation: orders, floor and robots, each change
//! written down before it is acknowledged, and each message to a robot before it is sent.
//!
//! The state, the clock and the book of runs are passed in. There are three locks, taken in this order:
//! - the thinker is held by [`Desk::turn`] as long as it takes, so that there is one turn at a time; nothing else needs it;
//! - the room, with the operation, is held for at most a commit: by changes, and by a turn between its thoughts;
//! - what is shown and the changes of orders lie beside it and are held for a moment; the webhook is for at most a commit.
//!
//! **Invariant:** nobody waits for a plan, and who only looks waits for nothing at all.

mod changes;
mod shown;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use connect::Message;
use connect::vda5050::{Address, Read, Topic, Version};
use model::{Clock, Timestamp};
use parking_lot::{Mutex, RwLock};
use site::run::{Complaint, Mode, Promotion, RunBook, RunError};
use store::state::{Change, StateError, Table};
use store::{Seal, State};

use crate::floor::{Floor, Network};
use crate::master::MasterError;
use crate::operation::{
    Figures, Hand, Operation, Question, ROBOTS_MAX, RobotView, Saved, Think, Thinker, Thought, Told,
};
use crate::orders::{Book, Created, Order, OrderError, OrderState, RowError, Wanted, read_csv};
use crate::traffic::Robot;
use crate::warehouse::{Fleet, FloorSource, Policy, draw_floor, floor_complaints};
use changes::ChangeLog;
pub use changes::{CHANGES_MAX, Changes};
pub use shown::FloorView;
use shown::Shown;
use webhook::Hook;
pub use webhook::{Webhook, WebhookFigures};

/// The setting in which the floor is kept.
const FLOOR_SETTING: &str = "fleet.floor";
/// Where the ids of closed nodes are.
const CLOSED_SETTING: &str = "fleet.closed";
/// Rows that are read at a time.
const ROWS: usize = 1_000;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is nothing to operate.
    #[error("there is no floor yet\nhint: draw or choose one, and put it with PUT /api/v1/fleet/floor")]
    NoFloor,
    /// There is no such robot.
    #[error("there is no robot {0}")]
    UnknownRobot(Robot),
    /// There is no such node.
    #[error("there is no node, station or charger {0} on the floor")]
    UnknownPlace(String),
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

/// The fleet at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The floor.
    pub floor: Arc<FloorView>,
    /// What decides, with the run that shows for it; nothing: hands off.
    pub live: Option<Promotion>,
    /// How the fleet does.
    pub figures: Figures,
    /// What was noticed last, the newest first.
    pub findings: Arc<[Told]>,
    /// Grows with everything that is shown.
    pub revision: u64,
}

/// What became of a table of orders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Orders that were taken, those that were there already included.
    pub accepted: usize,
    /// What is wrong with the others.
    pub errors: Vec<RowError>,
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
    floor: Arc<FloorView>,
}

/// The fleet in operation, for people, programs and the loop that runs it.
#[derive(Debug)]
pub struct Desk {
    thinker: Mutex<Box<dyn Think>>,
    room: Mutex<Option<Place>>,
    shown: RwLock<Option<Arc<Shown>>>,
    changes: Mutex<ChangeLog>,
    hook: Mutex<Hook>,
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    runs: Arc<RunBook>,
}

impl Desk {
    /// Opens the desk, and the operation that was written down, if there was one. `seal` is for secrets.
    pub fn open(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        runs: Arc<RunBook>,
        seal: Seal,
        seed: u64,
    ) -> Result<Arc<Self>, DeskError> {
        Self::open_with(state, clock, runs, seal, Box::new(Thinker::new(seed)))
    }

    /// The same, with somebody else who thinks.
    fn open_with(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        runs: Arc<RunBook>,
        seal: Seal,
        thinker: Box<dyn Think>,
    ) -> Result<Arc<Self>, DeskError> {
        let place = read(&*state, clock.now())?;
        let book = place.as_ref().map(|place| place.operation.book());
        let newest = book.map_or(0, Book::last_change);
        let hook = Hook::open(&*state, seal, newest, clock.now())?;
        let mut changes = ChangeLog::new(newest);
        // What was not told when the program ended is told now.
        if let Some((book, told)) = book.zip(hook.told()) {
            book.changed_since(told).into_iter().for_each(|order| changes.push(order.clone()));
        }
        let desk = Self {
            thinker: Mutex::new(thinker),
            room: Mutex::new(place),
            shown: RwLock::default(),
            changes: Mutex::new(changes),
            hook: Mutex::new(hook),
            state,
            clock,
            runs,
        };
        desk.refresh();
        Ok(Arc::new(desk))
    }

    /// Writes down what has changed, and `more`; gives the revision of the last row of `more`.
    fn commit(&self, operation: &mut Operation, more: Vec<Change>) -> Result<i64, StateError> {
        let unsaved = operation.unsaved();
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
        operation.saved();
        let mut changed: Vec<Order> = unsaved.orders.into_iter().filter_map(|(_, order)| order).collect();
        changed.sort_by_key(|order| order.change);
        let mut told = self.changes.lock();
        changed.into_iter().for_each(|order| told.push(order));
        Ok(revisions.last().copied().unwrap_or(0))
    }

    /// Shows a place as it is now: figures always, and robots when there is something new about them.
    fn show(&self, place: &Place, is_robots: bool) {
        let now = self.clock.now();
        let before = self.shown.read().clone().filter(|it| Arc::ptr_eq(&it.floor, &place.floor));
        let shown = match before.filter(|it| !is_robots || it.revision == place.operation.revision()) {
            Some(before) => Shown { figures: place.operation.figures(now), ..(*before).clone() },
            None => Shown::of(Arc::clone(&place.floor), &place.operation, now),
        };
        *self.shown.write() = Some(Arc::new(shown));
    }

    /// Shows what was heard since the last turn, for as long as one thinks.
    pub fn refresh(&self) {
        if let Some(place) = &*self.room.lock() {
            self.show(place, true);
        }
    }

    /// Changes something: it counts once it is written down, and has not happened when it could not be.
    fn change<T>(&self, act: impl FnOnce(&mut Operation, Timestamp) -> Result<T, DeskError>) -> Result<T, DeskError> {
        let mut room = self.room.lock();
        let now = self.clock.now();
        let place = room.as_mut().ok_or(DeskError::NoFloor)?;
        let operation = &mut place.operation;
        self.commit(operation, Vec::new())?;
        let before = operation.revision();
        let done = act(operation, now);
        let written = done.and_then(|done| Ok((done, self.commit(operation, Vec::new())?)));
        if written.is_err() {
            operation.undo_orders(now);
        }
        // What robots said meanwhile is shown by the next turn.
        self.show(place, place.operation.revision() != before);
        written.map(|(done, _)| done)
    }

    /// Looks at the operation itself.
    fn look<T>(&self, look: impl FnOnce(&Operation) -> T) -> Result<T, DeskError> {
        self.with(look).ok_or(DeskError::NoFloor)
    }

    fn shown(&self) -> Result<Arc<Shown>, DeskError> {
        self.shown.read().clone().ok_or(DeskError::NoFloor)
    }

    /// Whether there is a floor.
    pub fn is_open(&self) -> bool {
        self.shown.read().is_some()
    }

    /// The fleet at a glance.
    pub fn summary(&self) -> Result<Summary, DeskError> {
        let shown = self.shown()?;
        Ok(Summary {
            floor: Arc::clone(&shown.floor),
            live: self.runs.live(Fleet::NAME)?.now,
            figures: shown.figures,
            findings: Arc::clone(&shown.findings),
            revision: shown.revision,
        })
    }

    /// The floor.
    pub fn floor(&self) -> Result<Arc<FloorView>, DeskError> {
        Ok(Arc::clone(&self.shown()?.floor))
    }

    /// Puts a floor under the fleet. `expected` is the revision that the caller has seen.
    pub fn set_floor(&self, source: FloorSource, expected: Option<i64>) -> Result<Arc<FloorView>, DeskError> {
        let row = Change::put(Table::Setting, FLOOR_SETTING, None, &source);
        let (floor, network, mut view) = floor_of(source)?;
        let mut room = self.room.lock();
        let found = room.as_ref().map_or(0, |place| place.floor.revision);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(DeskError::Changed { expected, found });
        }
        if let Some(place) = &mut *room {
            self.commit(&mut place.operation, Vec::new())?;
            place.operation.set_floor(floor, network).map_err(DeskError::Complaints)?;
        } else {
            let operation = Operation::open(floor, network, Saved::default(), self.clock.now())?;
            *room = Some(Place { operation, floor: Arc::new(view.clone()) });
        }
        let place = room.as_mut().expect("it was put there above");
        match self.commit(&mut place.operation, vec![row]) {
            Ok(revision) => {
                view.revision = revision;
                place.floor = Arc::new(view);
                self.show(place, true);
                Ok(Arc::clone(&place.floor))
            }
            Err(error) => {
                // What is on disk counts.
                *room = read(&*self.state, self.clock.now())?;
                match &*room {
                    Some(place) => self.show(place, true),
                    None => *self.shown.write() = None,
                }
                Err(error.into())
            }
        }
    }

    /// All robots, in the order of their numbers.
    pub fn robots(&self) -> Result<Arc<[RobotView]>, DeskError> {
        Ok(Arc::clone(&self.shown()?.robots))
    }

    /// A robot.
    pub fn robot(&self, robot: Robot) -> Result<RobotView, DeskError> {
        self.shown()?.robot(robot).cloned().ok_or(DeskError::UnknownRobot(robot))
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

    /// Stops a robot, sets it aside, or puts it to work again.
    pub fn take_in_hand(&self, robot: Robot, hand: Hand, why: &str) -> Result<(), DeskError> {
        self.change(|operation, now| match operation.take_in_hand(robot, hand, why, now) {
            Err(MasterError::Unknown(robot)) => Err(DeskError::UnknownRobot(robot)),
            other => Ok(other?),
        })
    }

    /// The ids of the nodes that people have closed.
    pub fn closed_nodes(&self) -> Result<Vec<String>, DeskError> {
        self.look(|operation| operation.closed_nodes().map(str::to_owned).collect())
    }

    /// Closes these places (nodes, stations or chargers) to every robot, and opens all others.
    pub fn close_places(&self, ids: &[String]) -> Result<(), DeskError> {
        let mut room = self.room.lock();
        let place = room.as_mut().ok_or(DeskError::NoFloor)?;
        let before: Vec<String> = place.operation.closed_nodes().map(str::to_owned).collect();
        place.operation.close_places(ids).map_err(DeskError::UnknownPlace)?;
        let closed: Vec<&str> = place.operation.closed_nodes().collect();
        let row = Change::put(Table::Setting, CLOSED_SETTING, None, &closed);
        if let Err(error) = self.commit(&mut place.operation, vec![row]) {
            place.operation.close_places(&before).expect("they were closed before");
            return Err(error.into());
        }
        self.show(place, true);
        Ok(())
    }

    /// Takes an order, once it is written down.
    pub fn create(&self, id: Option<&str>, wanted: Wanted, by: &str) -> Result<Created, DeskError> {
        self.change(|operation, now| Ok(operation.create(id, wanted, by, now)?))
    }

    /// Takes a table of orders: all of them, or none when one is wrong and not `partly`.
    pub fn import(&self, text: &str, partly: bool, by: &str) -> Result<Imported, DeskError> {
        let (rows, mut errors) = read_csv(text);
        if !errors.is_empty() && !partly {
            self.shown()?;
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
        let found = self.look(|operation| operation.book().get(id).cloned())?;
        found.ok_or_else(|| OrderError::Unknown(id.to_owned()).into())
    }

    /// The newest orders from before number `before` on, and whether there are more.
    pub fn orders(
        &self,
        state: Option<OrderState>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Order>, bool), DeskError> {
        self.look(|operation| {
            let mut found = operation.book().newest(state, before);
            let orders: Vec<Order> = found.by_ref().take(limit).cloned().collect();
            (orders, found.next().is_some())
        })
    }

    /// How many orders wait for a robot.
    pub fn waiting(&self) -> Result<u64, DeskError> {
        Ok(self.shown()?.figures.orders_waiting)
    }

    /// Calls an order off.
    /// A load that is on its robot is brought to the place `to`, or back to where it came from, before the order is over.
    pub fn cancel(&self, id: &str, to: Option<&str>, by: &str) -> Result<Order, DeskError> {
        self.change(|operation, now| Ok(operation.cancel(id, to, by, now)?))
    }

    /// Changes how urgent an order is.
    pub fn set_priority(&self, id: &str, priority: u8) -> Result<Order, DeskError> {
        self.change(|operation, now| Ok(operation.set_priority(id, priority, now)?))
    }

    /// Changes of orders from `from` on, at most `limit`; from now on when there is no `from`.
    pub fn changes(&self, from: Option<u64>, limit: usize) -> Changes {
        self.changes.lock().since(from, limit)
    }

    /// The newest frame, in the form of recorded ones, and its revision.
    pub fn frame(&self) -> Option<(u64, Bytes)> {
        self.shown.read().as_ref().map(|shown| (shown.revision, shown.frame.clone()))
    }

    /// Where changes of orders are told, and how that does.
    pub fn webhook(&self) -> (Option<Webhook>, WebhookFigures) {
        self.hook.lock().get()
    }

    /// Says where changes of orders are told from now on.
    pub fn set_webhook(&self, webhook: Option<Webhook>) -> Result<(), DeskError> {
        let newest = self.changes.lock().newest();
        Ok(self.hook.lock().set(webhook, newest, &*self.state, self.clock.now())?)
    }

    /// Notes that all changes up to the one with this number are told: they are not told again after a restart.
    pub fn set_told(&self, change: u64) -> Result<(), DeskError> {
        Ok(self.hook.lock().set_told(change, &*self.state, self.clock.now())?)
    }

    /// Notes how telling did.
    pub fn note_webhook(&self, note: impl FnOnce(&mut WebhookFigures)) {
        note(self.hook.lock().figures());
    }

    /// Hears a message of a robot.
    pub fn hear(&self, topic: &Topic<'_>, read: &Read) {
        let now = self.clock.now();
        if let Some(place) = &mut *self.room.lock() {
            place.operation.hear(topic, read, now);
        }
    }

    /// Hears whether the thing that a door is stands open.
    pub fn hear_door(&self, thing: &str, is_open: bool) {
        if let Some(place) = &mut *self.room.lock() {
            place.operation.hear_door(thing, is_open);
        }
    }

    /// Lets what is live do what is due, as long as it takes. What is given to `send` may be published: what it rests on is
    /// written down.
    pub fn turn(&self, mut send: impl FnMut(Turned)) -> Result<(), DeskError> {
        let mut thinker = self.thinker.lock();
        let mut thought = None;
        loop {
            let (turned, question) = self.step(thought)?;
            send(turned);
            let Some(question) = question else { return Ok(()) };
            thought = Some(thinker.think(question));
        }
    }

    /// A turn up to the next question.
    fn step(&self, thought: Option<Thought>) -> Result<(Turned, Option<Question>), DeskError> {
        // Who does not know whether it may act does not.
        let live = self.runs.live(Fleet::NAME)?.now;
        let decides = live.as_ref().map(|promotion| (promotion.mode, policy(promotion)));
        let mut room = self.room.lock();
        let Some(place) = &mut *room else { return Ok((Turned::default(), None)) };
        let (messages, question) = place.operation.turn(self.clock.now(), decides, thought);
        // What is not sent now because it could not be written down is sent again.
        self.commit(&mut place.operation, Vec::new())?;
        self.show(place, true);
        Ok((Turned { messages, live }, question))
    }

    /// Looks at the operation itself, if there is one.
    pub fn with<T>(&self, look: impl FnOnce(&Operation) -> T) -> Option<T> {
        self.room.lock().as_ref().map(|place| look(&place.operation))
    }
}

/// What was written down.
fn read(state: &dyn State, now: Timestamp) -> Result<Option<Place>, DeskError> {
    let Some(row) = state.get(Table::Setting, FLOOR_SETTING)? else { return Ok(None) };
    let source: FloorSource = row.parse(Table::Setting)?;
    let (floor, network, view) = floor_of(source)?;
    let mut saved = Saved::default();
    each(state, Table::FleetOrder, |row| {
        saved.orders.push(row.parse(Table::FleetOrder)?);
        Ok(())
    })?;
    each(state, Table::FleetRobot, |row| {
        if let Ok(robot) = row.id.parse() {
            saved.robots.push((robot, row.parse(Table::FleetRobot)?));
        }
        Ok(())
    })?;
    let mut operation = Operation::open(floor, network, saved, now)?;
    if let Some(row) = state.get(Table::Setting, CLOSED_SETTING)? {
        // Nodes that another floor no longer has need not be closed.
        let closed: Vec<String> = row.parse(Table::Setting)?;
        let known: Vec<String> = closed.into_iter().filter(|id| operation.network().node(id).is_some()).collect();
        operation.close_places(&known).expect("all of them are known");
    }
    Ok(Some(Place { operation, floor: Arc::new(FloorView { revision: row.rev, ..view }) }))
}

fn each(
    state: &dyn State,
    table: Table,
    mut act: impl FnMut(&store::state::Row) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let mut after: Option<String> = None;
    loop {
        let rows = state.list(table, None, after.as_deref(), ROWS)?;
        rows.iter().try_for_each(&mut act)?;
        match rows.into_iter().last() {
            Some(row) => after = Some(row.id),
            None => return Ok(()),
        }
    }
}

/// The knobs of what is live; a run that was simulated with them has shown that they can be read.
fn policy(promotion: &Promotion) -> Policy {
    let is_known = matches!(promotion.mode, Mode::Operate | Mode::Shadow);
    let parameters = is_known.then(|| promotion.policy.parameters.clone());
    parameters.and_then(|parameters| serde_json::from_value(parameters).ok()).unwrap_or_default()
}

/// The floor of a source and how it is shown, or everything that is wrong with it.
fn floor_of(source: FloorSource) -> Result<(Floor, Network, FloorView), DeskError> {
    let floor = source.floor().map_err(in_source)?;
    let network = floor.network().map_err(|error| in_source(floor_complaints(error)))?;
    let drawing = Arc::new(draw_floor(&floor, &network));
    let view = FloorView { title: floor.name.clone(), source, drawing, revision: 0 };
    Ok((floor, network, view))
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
