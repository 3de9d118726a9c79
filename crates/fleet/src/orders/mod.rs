//! The order book: what has to be carried, where it stands, and what became of it.
//!
//! The book is plain data. Whoever keeps it writes down what [`Book::changes`] tells before acknowledging anything, and then
//! says [`Book::saved`], or [`Book::undo`] when it could not be written.
//!
//! **Invariant:** an order only ever goes from open to over; what is over is changed no more.

mod csv;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::traffic::Robot;
pub(crate) use csv::read_csv_with;
pub use csv::{ROWS_MAX, Row, RowError, read_csv};

/// The most orders that may be open; more are refused.
pub const OPEN_MAX: usize = 50_000;
/// How many orders are kept once they are over; the oldest is forgotten.
pub const HISTORY_MAX: usize = 20_000;
/// The highest priority.
pub const PRIORITY_MAX: u8 = 9;
/// The longest id and the longest name of a place, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// How often an order may come back from robots that could not begin it.
pub const ATTEMPTS_MAX: u32 = 3;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// No robot has it.
    Waiting,
    /// A robot is on its way to take the load; it may still change the robot.
    Assigned,
    /// A robot has the load.
    UnderWay,
    /// The load is where it is wanted.
    Done,
    /// It could not be done.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Assigned, Self::UnderWay, Self::Done, Self::Failed, Self::Cancelled];

    /// Whether nothing happens to it any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Assigned => "assigned",
            Self::UnderWay => "under_way",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The station or storage where the load is taken.
    pub from: String,
    /// The station or storage to which it is brought.
    pub to: String,
    /// More urgent orders have a higher one, up to [`PRIORITY_MAX`].
    pub priority: u8,
    /// When the load must be there.
    pub due: Option<Timestamp>,
    /// It is not begun before this moment.
    pub not_before: Option<Timestamp>,
}

/// That somebody called an order off whose load is, or may be, on a robot: it is over once the load is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledOff {
    /// By whom, in words.
    pub why: String,
    /// The station or storage to which the load is brought.
    pub to: String,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Unique in the book.
    pub id: String,
    /// Counts orders as they come.
    pub number: u64,
    /// What was asked for, as it was asked for.
    pub wanted: Wanted,
    /// How urgent it is now.
    pub priority: u8,
    /// Where it stands.
    pub state: OrderState,
    /// Who has it, or had it last.
    pub robot: Option<Robot>,
    /// When it came.
    pub created: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// When it was over.
    pub done: Option<Timestamp>,
    /// Why it failed, was cancelled, or has to wait.
    pub why: Option<String>,
    /// Who asked for it.
    pub by: String,
    /// How often robots gave it back.
    pub attempts: u32,
    /// That somebody called it off, while its load is still to be put down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_off: Option<CalledOff>,
    /// The number of its last change: changes of all orders are counted together.
    #[serde(default)]
    pub change: u64,
}

impl Order {
    /// Whether it is or was late at `now`.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.wanted.due.is_some_and(|due| self.done.unwrap_or(now) > due) && self.state != OrderState::Cancelled
    }
}

/// Why the book does not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such order.
    #[error("there is no order {0}")]
    Unknown(String),
    /// There is another order with this id.
    #[error("order {0} is there already, with other content\nhint: give this one another id")]
    Other(String),
    /// It is over.
    #[error("order {id} is {} already", state.as_str())]
    Over {
        /// Which.
        id: String,
        /// How it ended.
        state: OrderState,
    },
    /// A field does not fit.
    #[error("{field}: {problem}\nhint: {hint}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Too many orders are open.
    #[error("{OPEN_MAX} orders are open\nhint: wait until some are done")]
    Full,
}

fn field(field: &'static str, problem: String, hint: &'static str) -> OrderError {
    OrderError::Field { field, problem, hint }
}

/// An order that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The order.
    pub order: Order,
    /// Whether it is new; false when it was asked for before.
    pub is_new: bool,
}

/// A change of the book that has to be written down: the order as it is now, or nothing once it is forgotten.
pub type OrderChange = (String, Option<Order>);

/// The order book.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// By number.
    orders: BTreeMap<u64, Order>,
    numbers: HashMap<String, u64>,
    open: BTreeSet<u64>,
    /// Those that are over, in the order in which they were.
    over: VecDeque<u64>,
    /// Open ones whose load is still to be put down.
    called_off: BTreeSet<u64>,
    counts: BTreeMap<OrderState, u64>,
    next: u64,
    /// The number of the last change.
    change: u64,
    /// What orders were before they were changed, by number; nothing for those that were not there.
    before: BTreeMap<u64, Option<Order>>,
}

impl Book {
    /// A book with orders that were written down.
    pub fn restore(mut orders: Vec<Order>) -> Self {
        let mut book = Self::default();
        orders.sort_by_key(|order| (order.done, order.number));
        for order in orders {
            book.next = book.next.max(order.number + 1);
            book.change = book.change.max(order.change);
            book.put(order);
        }
        book
    }

    fn put(&mut self, order: Order) {
        self.numbers.insert(order.id.clone(), order.number);
        *self.counts.entry(order.state).or_default() += 1;
        if order.state.is_over() {
            self.over.push_back(order.number);
        } else {
            self.open.insert(order.number);
            if order.called_off.is_some() {
                self.called_off.insert(order.number);
            }
        }
        self.orders.insert(order.number, order);
    }

    fn take(&mut self, number: u64) -> Option<Order> {
        let order = self.orders.remove(&number)?;
        self.numbers.remove(&order.id);
        if let Some(count) = self.counts.get_mut(&order.state) {
            *count -= 1;
        }
        self.called_off.remove(&number);
        if !self.open.remove(&number) {
            self.over.retain(|other| *other != number);
        }
        Some(order)
    }

    fn remember(&mut self, number: u64) {
        let before = self.orders.get(&number).cloned();
        self.before.entry(number).or_insert(before);
    }

    /// Changes an order that is not over.
    fn change(&mut self, id: &str, now: Timestamp, change: impl FnOnce(&mut Order)) -> Result<Order, OrderError> {
        let number = *self.numbers.get(id).ok_or_else(|| OrderError::Unknown(id.to_owned()))?;
        if !self.open.contains(&number) {
            return Err(OrderError::Over { id: id.to_owned(), state: self.orders[&number].state });
        }
        self.remember(number);
        let mut order = self.take(number).expect("an open order is in the book");
        change(&mut order);
        self.change += 1;
        (order.changed, order.change) = (now, self.change);
        if order.state.is_over() {
            order.done = Some(now);
        }
        self.put(order.clone());
        self.forget_oldest();
        Ok(order)
    }

    fn forget_oldest(&mut self) {
        while self.over.len() > HISTORY_MAX {
            let oldest = self.over[0];
            self.remember(oldest);
            self.over.pop_front();
            if let Some(order) = self.orders.remove(&oldest) {
                self.numbers.remove(&order.id);
                if let Some(count) = self.counts.get_mut(&order.state) {
                    *count -= 1;
                }
            }
        }
    }

    /// Takes an order, or finds the one that was asked for with the same id and content before.
    pub fn create(
        &mut self,
        id: Option<&str>,
        wanted: Wanted,
        is_place: impl Fn(&str) -> bool,
        by: &str,
        now: Timestamp,
    ) -> Result<Created, OrderError> {
        if let Some(known) = id.and_then(|id| self.get(id)) {
            return if known.wanted == wanted {
                Ok(Created { order: known.clone(), is_new: false })
            } else {
                Err(OrderError::Other(known.id.clone()))
            };
        }
        if let Some(id) = id {
            let is_fine = !id.trim().is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control);
            if !is_fine {
                return Err(field("id", format!("{id:?} cannot be an id"), "use 1 to 128 bytes of text"));
            }
        }
        for (name, place) in [("from", &wanted.from), ("to", &wanted.to)] {
            if !is_place(place) {
                let place: String = place.chars().take(ID_BYTES_MAX).collect();
                let problem = format!("the floor has no station or storage {place:?}");
                return Err(field(name, problem, "name a station or storage of the floor"));
            }
        }
        if wanted.from == wanted.to {
            return Err(field("to", format!("{:?} is where the load is already", wanted.to), "name another place"));
        }
        if wanted.priority > PRIORITY_MAX {
            return Err(field("priority", format!("{} is too high", wanted.priority), "use 0 to 9"));
        }
        if self.open.len() >= OPEN_MAX {
            return Err(OrderError::Full);
        }
        let number = self.next;
        (self.next, self.change) = (number + 1, self.change + 1);
        let id = id.map_or_else(|| self.fresh_id(number), str::to_owned);
        let order = Order {
            id,
            number,
            priority: wanted.priority,
            wanted,
            state: OrderState::Waiting,
            robot: None,
            created: now,
            changed: now,
            done: None,
            why: None,
            by: by.to_owned(),
            attempts: 0,
            called_off: None,
            change: self.change,
        };
        self.remember(number);
        self.put(order.clone());
        Ok(Created { order, is_new: true })
    }

    fn fresh_id(&self, number: u64) -> String {
        let ids = std::iter::once(format!("order-{}", number + 1))
            .chain((2..).map(|again| format!("order-{}-{again}", number + 1)));
        ids.into_iter().find(|id| !self.numbers.contains_key(id)).expect("there are more numbers than orders")
    }

    /// An order.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.orders.get(self.numbers.get(id)?)
    }

    /// The order with a number.
    pub fn numbered(&self, number: u64) -> Option<&Order> {
        self.orders.get(&number)
    }

    /// Orders that are not over, in the order of their coming.
    pub fn open(&self) -> impl Iterator<Item = &Order> {
        self.open.iter().map(|number| &self.orders[number])
    }

    /// The newest orders, from before number `before` on.
    pub fn newest(&self, state: Option<OrderState>, before: Option<u64>) -> impl Iterator<Item = &Order> {
        let orders = self.orders.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, order)| order);
        orders.filter(move |order| state.is_none_or(|state| order.state == state))
    }

    /// Open orders that were called off and whose load is still to be put down.
    pub fn called_off(&self) -> impl Iterator<Item = &Order> {
        self.called_off.iter().map(|number| &self.orders[number])
    }

    /// The number of the last change.
    pub fn last_change(&self) -> u64 {
        self.change
    }

    /// Orders that have changed after the change with this number, the oldest change first. Of several changes of an order
    /// only the last is known.
    pub fn changed_since(&self, change: u64) -> Vec<&Order> {
        let mut changed: Vec<&Order> = self.orders.values().filter(|order| order.change > change).collect();
        changed.sort_by_key(|order| order.change);
        changed
    }

    /// Orders that were over last, the newest first.
    pub fn over(&self) -> impl Iterator<Item = &Order> {
        self.over.iter().rev().map(|number| &self.orders[number])
    }

    /// How many orders are in a state; of those that are over, as far as they are kept.
    pub fn count(&self, state: OrderState) -> u64 {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// How many orders are not over.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Changes how urgent an order is.
    pub fn set_priority(&mut self, id: &str, priority: u8, now: Timestamp) -> Result<Order, OrderError> {
        if priority > PRIORITY_MAX {
            return Err(field("priority", format!("{priority} is too high"), "use 0 to 9"));
        }
        self.change(id, now, |order| order.priority = priority)
    }

    /// Calls an order off. Calling it off again is fine.
    pub fn cancel(&mut self, id: &str, why: &str, now: Timestamp) -> Result<Order, OrderError> {
        if let Some(order) = self.get(id).filter(|order| order.state == OrderState::Cancelled) {
            return Ok(order.clone());
        }
        self.change(id, now, |order| (order.state, order.why) = (OrderState::Cancelled, Some(why.to_owned())))
    }

    /// Calls an order off whose load is still to be put down; it stays open until it is cancelled, or fails.
    pub fn call_off(&mut self, id: &str, off: CalledOff, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| {
            order.why = Some(format!("{}; a load that its robot has is brought to {}", off.why, off.to));
            order.called_off = Some(off);
        })
    }

    /// A robot gets an order.
    pub fn assign(&mut self, id: &str, robot: Robot, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| {
            (order.state, order.robot, order.why) = (OrderState::Assigned, Some(robot), None);
        })
    }

    /// The robot has the load.
    pub fn begin(&mut self, id: &str, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| order.state = OrderState::UnderWay)
    }

    /// The load is where it is wanted.
    pub fn finish(&mut self, id: &str, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| (order.state, order.why) = (OrderState::Done, None))
    }

    /// It cannot be done.
    pub fn fail(&mut self, id: &str, why: &str, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| (order.state, order.why) = (OrderState::Failed, Some(why.to_owned())))
    }

    /// A robot gives an order back that it has not begun. `counts` when that was its fault or the order's: after
    /// [`ATTEMPTS_MAX`] of those the order has failed.
    pub fn give_back(&mut self, id: &str, why: &str, counts: bool, now: Timestamp) -> Result<Order, OrderError> {
        self.change(id, now, |order| {
            order.attempts += u32::from(counts);
            order.why = Some(why.to_owned());
            if order.attempts >= ATTEMPTS_MAX {
                order.state = OrderState::Failed;
            } else {
                (order.state, order.robot) = (OrderState::Waiting, None);
            }
        })
    }

    /// What has to be written down.
    pub fn changes(&self) -> Vec<OrderChange> {
        let changed = self.before.iter().filter_map(|(number, before)| match self.orders.get(number) {
            Some(order) => Some((order.id.clone(), Some(order.clone()))),
            None => before.as_ref().map(|before| (before.id.clone(), None)),
        });
        changed.collect()
    }

    /// Everything is written down.
    pub fn saved(&mut self) {
        self.before.clear();
    }

    /// Takes back everything that is not written down.
    pub fn undo(&mut self) {
        let mut is_history_touched = false;
        for (number, before) in std::mem::take(&mut self.before) {
            self.take(number);
            if let Some(order) = before {
                is_history_touched |= order.state.is_over();
                self.put(order);
            }
        }
        if is_history_touched {
            // What was forgotten and came back is the oldest.
            let orders = &self.orders;
            self.over.make_contiguous().sort_by_key(|number| (orders[number].done, *number));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(from: &str, to: &str) -> Wanted {
        Wanted { from: from.into(), to: to.into(), priority: 0, due: None, not_before: None }
    }

    fn is_place(name: &str) -> bool {
        ["a", "b", "c"].contains(&name)
    }

    fn create(book: &mut Book, id: Option<&str>, from: &str, to: &str) -> Result<Created, OrderError> {
        book.create(id, wanted(from, to), is_place, "test", Timestamp(1))
    }

    #[test]
    fn asking_twice_gives_the_same_order_and_asking_for_something_else_does_not() {
        let mut book = Book::default();
        let first = create(&mut book, Some("x"), "a", "b").unwrap();
        assert!(first.is_new);
        book.set_priority("x", 5, Timestamp(2)).unwrap();
        let again = create(&mut book, Some("x"), "a", "b").unwrap();
        assert_eq!((again.is_new, again.order.priority), (false, 5));
        assert_eq!(create(&mut book, Some("x"), "a", "c"), Err(OrderError::Other("x".into())));
        book.cancel("x", "no", Timestamp(3)).unwrap();
        assert!(!create(&mut book, Some("x"), "a", "b").unwrap().is_new);
        assert_eq!(book.open_count(), 0);
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_field() {
        let mut book = Book::default();
        let fields = |error| match error {
            OrderError::Field { field, .. } => field,
            other => panic!("{other}"),
        };
        assert_eq!(fields(create(&mut book, None, "nowhere", "b").unwrap_err()), "from");
        assert_eq!(fields(create(&mut book, None, "a", "a").unwrap_err()), "to");
        assert_eq!(fields(create(&mut book, Some(" "), "a", "b").unwrap_err()), "id");
        let urgent = Wanted { priority: 10, ..wanted("a", "b") };
        assert_eq!(fields(book.create(None, urgent, is_place, "", Timestamp(1)).unwrap_err()), "priority");
        assert_eq!(book.changes(), []);
    }

    #[test]
    fn an_order_that_is_over_stays_as_it_is() {
        let mut book = Book::default();
        create(&mut book, Some("x"), "a", "b").unwrap();
        book.assign("x", 3, Timestamp(2)).unwrap();
        book.begin("x", Timestamp(3)).unwrap();
        let done = book.finish("x", Timestamp(4)).unwrap();
        assert_eq!((done.state, done.robot, done.done), (OrderState::Done, Some(3), Some(Timestamp(4))));
        assert!(matches!(book.cancel("x", "no", Timestamp(5)), Err(OrderError::Over { .. })));
        assert!(matches!(book.assign("x", 1, Timestamp(5)), Err(OrderError::Over { .. })));
        assert!(matches!(book.finish("y", Timestamp(5)), Err(OrderError::Unknown(_))));
    }

    #[test]
    fn orders_that_nobody_can_begin_fail_in_the_end() {
        let mut book = Book::default();
        create(&mut book, Some("x"), "a", "b").unwrap();
        for _ in 0..10 {
            book.give_back("x", "its link was lost", false, Timestamp(2)).unwrap();
        }
        for _ in 1..ATTEMPTS_MAX {
            assert_eq!(book.give_back("x", "no load", true, Timestamp(2)).unwrap().state, OrderState::Waiting);
        }
        let failed = book.give_back("x", "no load", true, Timestamp(3)).unwrap();
        assert_eq!((failed.state, failed.why.as_deref()), (OrderState::Failed, Some("no load")));
    }

    #[test]
    fn ids_that_are_made_are_never_taken() {
        let mut book = Book::default();
        create(&mut book, Some("order-2"), "a", "b").unwrap();
        assert_eq!(create(&mut book, None, "a", "b").unwrap().order.id, "order-2-2");
        assert_eq!(create(&mut book, None, "a", "b").unwrap().order.id, "order-3");
    }

    #[test]
    fn the_newest_come_first_and_go_on_from_a_number() {
        let mut book = Book::default();
        for id in ["x", "y", "z"] {
            create(&mut book, Some(id), "a", "b").unwrap();
        }
        book.cancel("y", "no", Timestamp(2)).unwrap();
        let ids = |state, before| book.newest(state, before).map(|order| order.id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids(None, None), ["z", "y", "x"]);
        assert_eq!(ids(Some(OrderState::Waiting), Some(2)), ["x"]);
    }

    fn told(book: &Book) -> (Vec<Order>, Vec<u64>, Vec<u64>) {
        let counts = OrderState::ALL.map(|state| book.count(state)).to_vec();
        (book.orders.values().cloned().collect(), book.over.iter().copied().collect(), counts)
    }

    proptest! {
        /// Whatever happens: what is written down and read again is the book, and what is taken back never happened.
        #[test]
        fn written_down_or_taken_back(steps in prop::collection::vec((0..8_usize, 0..7_usize, any::<bool>()), 1..60)) {
            let mut book = Book::default();
            let mut disk: BTreeMap<String, Order> = BTreeMap::new();
            for (now, (which, what, is_kept)) in steps.into_iter().enumerate() {
                let (id, now) = (format!("o{which}"), Timestamp(now as i64));
                let before = told(&book);
                // Refusals are fine: they must change nothing.
                let taken = match what {
                    0 => create(&mut book, Some(&id), "a", "b").map(|created| created.order),
                    1 => book.assign(&id, 1, now),
                    2 => book.begin(&id, now),
                    3 => book.finish(&id, now),
                    4 => book.fail(&id, "why", now),
                    5 => book.give_back(&id, "why", true, now),
                    _ => book.cancel(&id, "why", now),
                };
                if taken.is_err() {
                    prop_assert_eq!(&told(&book), &before);
                }
                if is_kept {
                    for (id, order) in book.changes() {
                        match order {
                            Some(order) => disk.insert(id, order),
                            None => disk.remove(&id),
                        };
                    }
                    book.saved();
                } else {
                    book.undo();
                    prop_assert_eq!(&told(&book), &before);
                }
                let again = Book::restore(disk.values().cloned().collect());
                prop_assert_eq!(told(&again), told(&book));
            }
        }
    }
}
