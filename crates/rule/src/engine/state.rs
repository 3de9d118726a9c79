//! What changes while rules run, as plain data that can be saved.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Cause, Position, Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::program::Program;
use super::{Enlisted, SeriesId};
use crate::expression::{Fired, Variables};
use crate::trace::Step;

/// How many findings a trigger remembers to have fired for.
pub(super) const FINDINGS_REMEMBERED: usize = 16;

/// A rule that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) enlisted: Enlisted,
    pub(super) program: Program,
    /// The series that the rule's slots stand for.
    pub(super) slots: Vec<SeriesId>,
    pub(super) state: RuleState,
    /// How many runs a replay may still trace: those that begin, and those that are kept from running.
    pub(super) traces_left: (u32, u32),
}

/// What changes of a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleState {
    pub(super) triggers: Vec<TriggerState>,
    /// Since when each followed condition holds.
    pub(super) trackers: Vec<Option<Timestamp>>,
    pub(super) runs: Vec<Run>,
    pub(super) queue: VecDeque<Waiting>,
    pub(super) last_fired: Option<Timestamp>,
    pub(super) commands: Window,
    pub(super) loops: Window,
    /// What went wrong last while a trigger was looked at.
    pub(super) trouble: Option<String>,
}

/// What changes of a trigger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TriggerState {
    /// Whether it was so when it was looked at last.
    pub(super) on: bool,
    /// When it will have been so for long enough, and what fires then.
    pub(super) armed: Option<Box<Armed>>,
    /// When the heap wakes it next; the heap is made anew after a restart.
    #[serde(skip)]
    pub(super) queued: Option<Timestamp>,
    /// When the clock, the calendar or the sun lets it fire next.
    pub(super) schedule: Option<Timestamp>,
    /// When it fired last.
    pub(super) last: Option<Timestamp>,
    /// The last moment that was noticed too late.
    pub(super) missed: Option<Timestamp>,
    /// The value that came nearest since it fired last, by how much it missed, and when.
    pub(super) closest: Option<(f64, f64, Timestamp)>,
    /// The findings that it fired for.
    pub(super) seen: VecDeque<Arc<str>>,
}

/// What fires when it has been so for long enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Armed {
    pub(super) since: Timestamp,
    pub(super) due: Timestamp,
    pub(super) fired: Fired,
    pub(super) lead: Lead,
}

/// What led to something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lead {
    pub(super) position: Position,
    pub(super) cause: Option<Cause>,
    /// The rules whose effects led here, the oldest first.
    pub(super) chain: Vec<Arc<str>>,
}

/// A run that waits for those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) fired: Fired,
    pub(super) lead: Lead,
    pub(super) began: Timestamp,
    pub(super) steps: Vec<Step>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: Arc<str>,
    /// The operation that comes next.
    pub(super) at: usize,
    pub(super) fired: Fired,
    pub(super) lead: Lead,
    pub(super) began: Timestamp,
    pub(super) variables: Variables,
    /// The rounds of each `repeat` that it is in, the outermost first.
    pub(super) rounds: Vec<Round>,
    /// When it goes on by itself.
    pub(super) wake: Option<Timestamp>,
    /// Since when it stands still.
    pub(super) stands_since: Option<Timestamp>,
    /// The numbers of the triggers that let it go on: first, and how many.
    pub(super) waits_for: Option<(u32, u32)>,
    pub(super) steps: Vec<Step>,
    pub(super) steps_left_out: u32,
    /// How many steps it took, kept or not.
    #[serde(default)]
    pub(super) steps_taken: u32,
    /// Whether its steps are not kept.
    #[serde(default)]
    pub(super) is_untold: bool,
}

/// A round of a `repeat`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) index: u32,
    pub(super) item: Value,
}

/// How often something happened within a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    began: Timestamp,
    count: u32,
}

impl Window {
    /// Counts once more; how often it was in this minute.
    pub(super) fn count(&mut self, now: Timestamp) -> u32 {
        let passed = now.micros().saturating_sub(self.began.micros());
        if self.count == 0 || !(0..60_000_000).contains(&passed) {
            *self = Self { began: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

/// A command of a rule, until the thing has answered it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) value: Value,
    pub(super) at: Timestamp,
    pub(super) chain: Vec<Arc<str>>,
}

/// Something that wakes a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    pub(super) due: Timestamp,
    pub(super) rule: u32,
    pub(super) what: TimerWhat,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerWhat {
    /// A trigger: its schedule, or the end of its `for`.
    Trigger(u32),
    /// A run that stands still.
    Run,
}

/// Something that listens to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listener {
    /// A followed condition: told first, so that triggers find it as it is.
    Tracker {
        rule: u32,
        index: u32,
    },
    Trigger {
        rule: u32,
        index: u32,
    },
}

impl Listener {
    pub(super) fn rule(self) -> u32 {
        match self {
            Self::Tracker { rule, .. } | Self::Trigger { rule, .. } => rule,
        }
    }
}
