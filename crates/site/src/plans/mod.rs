//! Plans of commands: what a sentence or a program wants is first only said, command by command, and done once when
//! somebody applies it.
//!
//! Read [`Plan`] first. `make` makes plans, `apply` carries them out, `timed` keeps the commands that wait for their time.
//!
//! **Invariant:** a plan is a dry run: nothing goes out, counts for a guard or is written down until it is applied.
//!
//! **Invariant:** what is applied is exactly what the plan lists, at most once; rights, models and guards are asked again.

mod apply;
mod ask;
mod make;
mod timed;

use std::collections::VecDeque;
use std::time::Duration;

use model::{Name, SpaceId, ThingId, Timestamp, Value};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::StateError;

pub use apply::Applied;
pub use timed::{LATE_MAX, Rights, TIMED_MAX, TimedCommand, TimedState};

use timed::Clockwork;

/// Plans kept in memory, applied ones included; when another one comes, the oldest goes.
pub const PLANS_MAX: usize = 500;

/// How long a plan can be applied.
pub const PLAN_LIFE: Duration = Duration::from_mins(10);

/// The most commands of a plan.
pub const PLAN_COMMANDS_MAX: usize = speech::STEPS_MAX;

/// The longest that a command of a plan can be put off.
pub const PLAN_AHEAD_MAX: Duration = Duration::from_hours(31 * 24);

/// A command of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedCommand {
    /// To which thing.
    pub thing: ThingId,
    /// The property to write, or the action.
    pub name: Name,
    /// Whether it writes a property.
    pub write: bool,
    /// What is written, or what the action gets.
    pub input: Value,
    /// When, in microseconds since 1970 UTC; null for as soon as it is applied.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub at: Option<Timestamp>,
    /// Whether something moves, heats or opens.
    pub hold: bool,
    /// In words.
    pub words: String,
}

/// A command that is not part of a plan, or that whoever asked may not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanRefusal {
    /// To which thing.
    pub thing: ThingId,
    /// The property or action.
    pub name: Name,
    /// Who refuses.
    pub by: Refuser,
    /// Why.
    pub reason: String,
}

/// Who refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refuser {
    /// The model of the thing, or the thing is not there: the command is not part of the plan.
    Model,
    /// A guard: the command is not part of the plan.
    Guard,
    /// Whoever asked has no right to it: the command stays in the plan, for somebody who has.
    Access,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It can be applied.
    Open,
    /// It was applied.
    Applied,
    /// Its time is over.
    Expired,
}

/// Exactly which commands would go out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Unique, and not to be guessed.
    pub id: String,
    /// What it does, in words.
    pub words: String,
    /// The commands, in the order in which they go out.
    pub commands: Vec<PlannedCommand>,
    /// What was meant and is refused.
    pub refusals: Vec<PlanRefusal>,
    /// What was only guessed and has to be confirmed, in words.
    pub confirm: Vec<String>,
    /// The text of a rule that does the same; null when there is none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub rule_text: Option<String>,
    /// Who asked for it.
    pub by: String,
    /// When it was made.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub created: Timestamp,
    /// Until when it can be applied.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub expires: Timestamp,
    /// Where it stands.
    pub state: PlanState,
}

/// A command that a plan shall be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedCommand {
    /// To which thing.
    pub thing: ThingId,
    /// The property or action.
    pub name: Name,
    /// Whether it writes a property.
    pub write: bool,
    /// What is written, or what the action gets.
    pub input: Value,
    /// When; at once when not given.
    pub at: Option<Timestamp>,
}

/// What whoever asks may command; the error says why not.
pub type May<'a> = &'a dyn Fn(&ThingId) -> Result<(), String>;

/// A sentence, and who says it.
pub struct Asking<'a> {
    /// The sentence.
    pub text: &'a str,
    /// The language of the answer, as a tag; that of the sentence when not given.
    pub language: Option<&'a str>,
    /// Where whoever asks is.
    pub space: Option<&'a SpaceId>,
    /// How far their clocks are ahead of UTC at a moment, in seconds.
    pub utc_offset_s: &'a dyn Fn(Timestamp) -> i64,
    /// Who they are.
    pub by: &'a str,
    /// What they may command.
    pub may: May<'a>,
}

/// A sentence that can be said instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AskChoice {
    /// The sentence.
    pub text: String,
    /// In a few words.
    pub words: String,
}

/// What came of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Asked {
    /// Whether it was understood.
    pub understood: bool,
    /// What it would do, if it is a wish.
    #[cfg_attr(feature = "schema", schema(required))]
    pub plan: Option<Plan>,
    /// The answer to a question, or why it was not understood.
    #[cfg_attr(feature = "schema", schema(required))]
    pub answer: Option<String>,
    /// What can be said instead.
    pub choices: Vec<AskChoice>,
}

/// Why a plan was not made or applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such plan, or it is too long ago.
    #[error("there is no plan {0}\nhint: plans are kept for a while only; make it again")]
    Unknown(String),
    /// Its time is over.
    #[error("the plan {0} has expired\nhint: what was true when it was made may not be any more; make it again")]
    Expired(String),
    /// It was applied before.
    #[error("the plan {0} was applied already\nhint: a plan is applied once; make it again")]
    Applied(String),
    /// There is nothing in it.
    #[error("the plan has no commands")]
    Empty,
    /// There is too much in it.
    #[error("{0} commands are more than the {PLAN_COMMANDS_MAX} that a plan may have")]
    TooMany(usize),
    /// There is no such command that waits.
    #[error("there is no command {0} that waits for its time")]
    NotWaiting(String),
    /// It could not be written down.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The plans of a site, and the commands that wait for their time.
#[derive(Debug)]
pub(crate) struct Plans {
    open: Mutex<VecDeque<Plan>>,
    clockwork: Clockwork,
}

impl Plans {
    pub(crate) fn open(state: &dyn State) -> Result<Self, StateError> {
        Ok(Self { open: Mutex::default(), clockwork: Clockwork::open(state)? })
    }

    fn keep(&self, plan: Plan) {
        let mut open = self.open.lock();
        while open.len() >= PLANS_MAX {
            open.pop_front();
        }
        open.push_back(plan);
    }
}

impl Plan {
    fn seen_at(&self, now: Timestamp) -> Self {
        let mut plan = self.clone();
        if plan.state == PlanState::Open && now >= plan.expires {
            plan.state = PlanState::Expired;
        }
        plan
    }
}

impl crate::Site {
    /// The plans that are kept, the newest first.
    pub fn command_plans(&self) -> Vec<Plan> {
        let now = self.clock.now();
        self.plans.open.lock().iter().rev().map(|plan| plan.seen_at(now)).collect()
    }

    /// One plan.
    pub fn command_plan(&self, id: &str) -> Result<Plan, PlanError> {
        let now = self.clock.now();
        let open = self.plans.open.lock();
        let found = open.iter().find(|plan| plan.id == id);
        found.map(|plan| plan.seen_at(now)).ok_or_else(|| PlanError::Unknown(id.to_owned()))
    }
}
