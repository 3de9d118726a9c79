//! Suggestions: rules that would do what people do by hand, found in what they did, and never acted on unasked.
//!
//! Who did what is [`noted`](self) as commands go out; what became of switches is in the history. Once a day, and when
//! somebody asks, [`past`](self) takes the machines' doings out of both, `learn::habit` mines the rest, and
//! [`look`](self) keeps what is new with its evidence and its thirty days. A person lets it run in shadow for a week,
//! accepts it or dismisses it ([`decide`](self)); [`after`](self) asks when the week is over, and retires what people
//! do otherwise again and again.
//!
//! **Invariant:** nothing here sends a command, and no rule is made, shadowed or promoted that no person asked for.

mod after;
mod decide;
mod look;
mod noted;
mod past;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use learn::habit::{Candidate, Sun, Trigger, What};
use model::{Name, ThingId, Timestamp, Value};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{StateError, Table};

use super::card::Backtest;
use super::shelf::{self, Kept, Shelf};
use crate::site::{Site, setting};

pub use noted::HABIT_NOTES_MAX;

/// How far back habits are looked for.
pub const HABIT_SPAN: Duration = Duration::from_hours(60 * 24);

/// The most suggestions that are kept; of those that were decided on, the oldest go.
pub const SUGGESTIONS_MAX: usize = 500;

/// The most suggestions that wait for somebody to look at them; the least certain habits are left out, and counted.
pub const SUGGESTIONS_NEW_MAX: usize = 20;

/// The setting in which the last look is kept.
const LOOKED_SETTING: &str = "site.habits";

/// Where a suggestion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SuggestionState {
    /// Nobody has said anything about it.
    New,
    /// It is a rule in shadow, to be asked about after a week.
    Shadow,
    /// It is a rule.
    Accepted,
    /// Nobody wants it; or it was retired, which its note says.
    Dismissed,
}

impl SuggestionState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Shadow => "shadow",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
        }
    }
}

/// What speaks for a suggestion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// In a sentence.
    pub words: String,
    /// On how many days it could have been expected.
    pub days: usize,
    /// When it was done, at most the newest two hundred.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<i64>))]
    pub times: Vec<Timestamp>,
    /// How often it was done when it could have been expected, of 1.
    pub precision: f64,
    /// How often it was done.
    pub support: usize,
}

/// A rule that is suggested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// Unique; ids sort by time.
    pub id: String,
    /// What the rule would be called.
    pub title: String,
    /// The text of the rule.
    pub text: String,
    /// What speaks for it.
    pub evidence: Evidence,
    /// Where it stands.
    pub state: SuggestionState,
    /// Since when it stands there.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub since: Timestamp,
    /// The rule that was made of it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub rule: Option<String>,
    /// What it did in shadow, or why it was retired.
    #[cfg_attr(feature = "schema", schema(required))]
    pub note: Option<String>,
    /// What it would have done in the thirty days before it was suggested, with its newest moments only.
    #[cfg_attr(feature = "schema", schema(required))]
    pub backtest: Option<Backtest>,
}

/// A look for habits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Looked {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub at: Timestamp,
    /// How far back.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub from: Timestamp,
    /// On how many days anybody did anything by hand; nothing can be found in a few.
    pub days: usize,
    /// How much was done by hand.
    pub acts: usize,
    /// How much else happened that could be a reason.
    pub happenings: usize,
    /// How many habits were found.
    pub found: usize,
    /// How many of them were suggested for the first time.
    pub suggested: usize,
    /// How many were left out because enough wait to be looked at.
    pub left_out: usize,
    /// How many properties and events were not looked at, because there are too many.
    pub series_left_out: usize,
}

/// What makes a habit the same as one that was seen before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Habit {
    thing: ThingId,
    name: Name,
    value: Value,
    goes_by: GoesBy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum GoesBy {
    Clock { second: i64 },
    Sun { rises: bool, offset_s: i64 },
    After { thing: ThingId, name: Name, value: Value },
}

/// Times that lie this near to each other are of one habit.
const SAME_HABIT_S: i64 = 3_600;

impl Habit {
    fn of(candidate: &Candidate) -> Self {
        let What { thing, name, value, .. } = candidate.act.clone();
        let goes_by = match &candidate.trigger {
            Trigger::Clock { second } => GoesBy::Clock { second: *second },
            Trigger::Sun { sun, offset_s } => GoesBy::Sun { rises: *sun == Sun::Rise, offset_s: *offset_s },
            Trigger::After { what, .. } => {
                GoesBy::After { thing: what.thing.clone(), name: what.name.clone(), value: what.value.clone() }
            }
        };
        Self { thing, name, value, goes_by }
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_act = self.thing == other.thing && self.name == other.name && self.value == other.value;
        let goes_alike = match (&self.goes_by, &other.goes_by) {
            (GoesBy::Clock { second: a }, GoesBy::Clock { second: b }) => {
                let apart = (a - b).rem_euclid(86_400);
                apart.min(86_400 - apart) <= SAME_HABIT_S
            }
            (GoesBy::Sun { rises: a, offset_s: first }, GoesBy::Sun { rises: b, offset_s: second }) => {
                a == b && (first - second).abs() <= SAME_HABIT_S
            }
            (a, b) => a == b,
        };
        same_act && goes_alike
    }
}

/// A suggestion as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    suggestion: Suggestion,
    habit: Habit,
    /// How unlikely chance is.
    surprise: f64,
    /// When a look found it last.
    seen: Timestamp,
    /// Somebody was asked after its week in shadow.
    asked: bool,
}

impl Kept for Row {
    const TABLE: Table = Table::Suggestion;

    fn id(&self) -> &str {
        &self.suggestion.id
    }
}

/// Everything about suggestions. Each lock is taken alone.
#[derive(Debug)]
pub(crate) struct Suggestions {
    notes: Mutex<Shelf<noted::Note>>,
    shelf: Mutex<Shelf<Row>>,
    looked: Mutex<Option<Looked>>,
    /// One look at a time.
    looking: Mutex<()>,
}

impl Suggestions {
    /// Goes on with what was written down.
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        Ok(Self {
            notes: Mutex::new(Shelf::open(state)?),
            shelf: Mutex::new(Shelf::open(state)?),
            looked: Mutex::new(setting(state, LOOKED_SETTING)?),
            looking: Mutex::default(),
        })
    }

    pub(super) fn each_id(&self, mut each: impl FnMut(&str)) {
        self.shelf.lock().iter().for_each(|row| each(row.id()));
    }

    /// Writes down what changed.
    pub(super) fn write_down(&self, state: &dyn State, now: Timestamp) -> Result<(), StateError> {
        shelf::write(&self.notes, state, now)?;
        shelf::write(&self.shelf, state, now)
    }
}

impl Site {
    /// What is suggested and was, the newest first, and the last look for habits.
    pub fn suggestions(&self) -> (Vec<Suggestion>, Option<Looked>) {
        let items = {
            let shelf = self.rules.suggestions.shelf.lock();
            shelf.iter().rev().map(|row| row.suggestion.clone()).collect()
        };
        (items, self.rules.suggestions.looked.lock().clone())
    }
}
