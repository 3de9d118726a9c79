//! The state machine that runs many rules: records and time in, effects and traces out.

use std::sync::Arc;

use model::{Name, RecordKind, ThingId, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::calendar::Place;
use crate::effect::Effect;
use crate::rule::Rule;
use crate::trace::{Trace, WhyNot};
use crate::view::{RecordView, Said, View};

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// With a clock: what was noticed late happens now, and schedules that are more than
    /// [`crate::limits::LATE_MAX`] late are passed over.
    #[default]
    Live,
    /// In a replay or a simulation: everything happens at the moment it is due, however far apart records lie.
    Replay,
}

/// Which runs are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceLevel {
    /// None: for replays that only count effects.
    Off,
    /// Those that began.
    Runs,
    /// Also those that were kept from running.
    #[default]
    All,
}

/// How an engine works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How time passes.
    pub pace: Pace,
    /// Which runs are traced.
    pub traces: TraceLevel,
}

/// A rule that is to run.
#[derive(Debug, Clone)]
pub struct Enlisted {
    /// Its id.
    pub id: Arc<str>,
    /// Its version.
    pub version: u64,
    /// The rule.
    pub rule: Arc<Rule>,
    /// Whether its effects are only written down.
    pub shadow: bool,
}

/// A series that rules read, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// A series that rules read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The sort of fact.
    pub kind: RecordKind,
    /// The thing.
    pub thing: ThingId,
    /// The name; [`crate::rule::ANY_NAME`] for all that is found about a thing.
    pub name: Name,
}

/// How often what happened, since the engine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Records that a rule reads.
    pub records: u64,
    /// Records older than what was known already: they set nothing off.
    pub records_late: u64,
    /// Triggers that fired.
    pub fired: u64,
    /// Runs that began.
    pub runs: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs kept from running.
    pub kept_from_running: u64,
    /// Runs kept from running because rules set each other off.
    pub loops_stopped: u64,
    /// Moments of the clock that were noticed too late to fire.
    pub moments_missed: u64,
    /// Traces that gave way before they were taken.
    pub traces_dropped: u64,
}

/// How things stand with one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// When it was set off last.
    pub last_fired: Option<Timestamp>,
    /// Its runs that go on.
    pub running: usize,
    /// Runs that wait for those.
    pub queued: usize,
    /// When it does something next by itself.
    pub next: Option<Timestamp>,
}

/// What an engine knows beside its rules: as plain data, to go on after a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {}

/// Runs rules. See the crate's documentation for the shape.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// An engine without rules.
    pub fn new(_place: Place, _options: Options) -> Self {
        Self {}
    }

    /// An engine that goes on where another was saved. Runs of rules that have another version now are stopped; a rule
    /// that is not given is forgotten.
    pub fn restore(place: Place, options: Options, _rules: Vec<Enlisted>, _saved: Saved, _view: &dyn View) -> Self {
        Self::new(place, options)
    }

    /// What is needed to go on.
    pub fn save(&self) -> Saved {
        Saved {}
    }

    /// Lets a rule run from now on, in the place of the one that had its id. What things report now is where it starts
    /// from: it is set off by what changes after this.
    pub fn enlist(&mut self, _enlisted: Enlisted, _view: &dyn View, _now: Timestamp) {}

    /// Lets a rule run no more. Its runs are stopped.
    pub fn dismiss(&mut self, _id: &str, _now: Timestamp) {}

    /// The ids of the rules that run.
    pub fn rules(&self) -> impl Iterator<Item = &Enlisted> {
        std::iter::empty()
    }

    /// How things stand with a rule.
    pub fn standing(&self, _id: &str) -> Option<Standing> {
        None
    }

    /// The number of a series, if any rule reads it. It stays as long as the engine lives.
    pub fn series(&self, _kind: RecordKind, _thing: &str, _name: &str) -> Option<SeriesId> {
        None
    }

    /// All series that rules read: what a replay has to read from the history.
    pub fn all_series(&self) -> impl Iterator<Item = (SeriesId, &SeriesKey)> {
        std::iter::empty()
    }

    /// Tells a record. First everything happens that is due by then.
    pub fn feed(&mut self, _record: &RecordView<'_>, _effects: &mut Vec<Effect>) {}

    /// The same where the caller has the number of the series.
    pub fn feed_bound(&mut self, _series: SeriesId, _said: &Said<'_>, _effects: &mut Vec<Effect>) {}

    /// Tells a forecast: what a property will be, at these moments.
    pub fn forecast(
        &mut self,
        _thing: &str,
        _name: &str,
        _points: &[(Timestamp, f64)],
        _now: Timestamp,
        _effects: &mut Vec<Effect>,
    ) {
    }

    /// A program calls. How many rules it set off.
    pub fn webhook(&mut self, _name: &str, _body: Value, _now: Timestamp, _effects: &mut Vec<Effect>) -> usize {
        0
    }

    /// Lets time pass.
    pub fn tick(&mut self, _now: Timestamp, _effects: &mut Vec<Effect>) {}

    /// When [`Engine::tick`] has to be called at the latest.
    pub fn next_wake(&self) -> Option<Timestamp> {
        None
    }

    /// The runs that are over since this was asked last, oldest first.
    pub fn take_traces(&mut self) -> Vec<Trace> {
        Vec::new()
    }

    /// The runs that go on, as they are now.
    pub fn running(&self, _now: Timestamp) -> Vec<Trace> {
        Vec::new()
    }

    /// Why a rule does not run at this moment.
    pub fn why_not(&self, _id: &str, _now: Timestamp) -> Option<WhyNot> {
        None
    }

    /// What happened how often.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
