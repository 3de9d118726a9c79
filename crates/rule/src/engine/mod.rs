//! The state machine that runs many rules: records and time in, effects and traces out.

mod condition;
mod feed;
mod program;
mod run;
mod save;
mod state;
mod table;
mod timing;
mod trigger;
mod why;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use model::{Name, RecordKind, ThingId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::calendar::Place;
use crate::expression::Variables;
use crate::limits::REPLAY_TRACES_MAX;
use crate::rule::{Rule, TriggerKind};
use crate::trace::{Outcome, Trace};
use crate::view::View;
use program::Program;
pub use save::Saved;
use state::{Answer, Listener, RuleState, Running, Timer, TimerWhat, TriggerState};
use table::Table;

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

/// A run of a replay that is counted and not traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Of which rule.
    pub rule: Arc<str>,
    /// When it began.
    pub began: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
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
    /// What went wrong last while one of its triggers was looked at.
    pub trouble: Option<String>,
}

/// Runs rules. See the crate's documentation for the shape.
#[derive(Debug)]
pub struct Engine {
    place: Place,
    options: Options,
    /// The latest moment that it was told.
    now: Timestamp,
    table: Table,
    /// Rules keep their place for as long as the engine lives, so that the order of effects does not change.
    rules: Vec<Option<Box<Running>>>,
    by_id: HashMap<Arc<str>, u32, ahash::RandomState>,
    /// Triggers by the name that programs call.
    webhooks: HashMap<Arc<str>, Vec<(u32, u32)>, ahash::RandomState>,
    timers: BinaryHeap<Reverse<Timer>>,
    /// What rules commanded of series that rules read, until it is answered.
    answers: HashMap<SeriesId, Answer, ahash::RandomState>,
    traces: VecDeque<Trace>,
    /// Runs of a replay that are counted only.
    untold: VecDeque<Untold>,
    /// Rules that were stopped because they set each other off, in the order of the circle.
    circles: Vec<Vec<Arc<str>>>,
    counters: Counters,
    next_run: u64,
}

impl Engine {
    /// An engine without rules.
    pub fn new(place: Place, options: Options) -> Self {
        Self {
            place,
            options,
            now: Timestamp::MIN,
            table: Table::default(),
            rules: Vec::new(),
            by_id: HashMap::default(),
            webhooks: HashMap::default(),
            timers: BinaryHeap::new(),
            answers: HashMap::default(),
            traces: VecDeque::new(),
            untold: VecDeque::new(),
            circles: Vec::new(),
            counters: Counters::default(),
            next_run: 0,
        }
    }

    /// Lets a rule run from now on, in the place of the one that had its id. What things report now is where it starts
    /// from: it is set off by what changes after this. The same version in another state (shadow or live) keeps what
    /// its triggers have seen; its runs are stopped.
    pub fn enlist(&mut self, enlisted: Enlisted, view: &dyn View, now: Timestamp) {
        self.now = self.now.max(now);
        let known = self.by_id.get(&enlisted.id).copied();
        if let Some(at) = known {
            let same = self.rules[at as usize].as_ref().is_some_and(|it| it.enlisted.version == enlisted.version);
            if same {
                self.with(at, |engine, running| {
                    engine.stop_all(running, "the rule was switched");
                    running.enlisted.shadow = enlisted.shadow;
                });
                return;
            }
            self.dismiss(&enlisted.id, now);
        }
        // Its old place, if it had one, so that the order of rules stays.
        let at = known.unwrap_or(self.rules.len() as u32);
        if known.is_none() {
            self.rules.push(None);
        }
        let mut running = self.prepare(enlisted, view);
        self.start_from_what_is(&mut running);
        self.install(at, running);
    }

    /// A rule made ready, with its series.
    fn prepare(&mut self, enlisted: Enlisted, view: &dyn View) -> Running {
        let program = Program::new(Arc::clone(&enlisted.rule));
        let mut slots = Vec::with_capacity(enlisted.rule.references.len());
        for slot in 0..enlisted.rule.references.len() as u32 {
            let key = program.key(slot);
            if !Program::is_read(key.kind) {
                slots.push(SeriesId(u32::MAX));
                continue;
            }
            let before = self.table.keys.len();
            let id = self.table.intern(key);
            if self.table.keys.len() > before {
                self.look_up(id, view);
            }
            slots.push(id);
        }
        let state = RuleState {
            triggers: vec![TriggerState::default(); program.triggers.len()],
            trackers: vec![None; program.trackers.len()],
            ..RuleState::default()
        };
        Running { enlisted, program, slots, state, traces_left: (REPLAY_TRACES_MAX, REPLAY_TRACES_MAX) }
    }

    /// What the view knows of a series becomes its reading.
    fn look_up(&mut self, id: SeriesId, view: &dyn View) {
        let key = &self.table.keys[id.0 as usize];
        if let Some(latest) = view.latest(key.kind, key.thing.as_str(), key.name.as_str()) {
            let reading = &mut self.table.readings[id.0 as usize];
            reading.value = latest.value;
            reading.time = latest.time;
            reading.since = latest.since;
        }
    }

    /// What is so already when a rule is enlisted does not set it off.
    fn start_from_what_is(&self, running: &mut Running) {
        for index in 0..running.program.triggers.len() {
            let on = self.is_on(running, index).unwrap_or(false);
            let schedule = self.next_schedule(&running.program.triggers[index], self.now);
            let state = &mut running.state.triggers[index];
            state.on = on;
            state.schedule = schedule;
        }
        for index in 0..running.program.trackers.len() {
            let tracker = &running.program.trackers[index];
            let constants = &running.program.constants;
            let holds = condition::is_so(tracker, &self.look(running, constants, None, false));
            let slot = Program::tracker_slot(tracker).unwrap_or(0);
            let since = self.table.readings[running.slots[slot as usize].0 as usize].since;
            running.state.trackers[index] = holds.then_some(since);
        }
    }

    /// Puts a rule where it is heard and woken.
    fn install(&mut self, at: u32, mut running: Running) {
        for (index, trigger) in running.program.triggers.iter().enumerate() {
            let index = index as u32;
            for slot in Program::trigger_slots(trigger) {
                self.table.listen(running.slots[slot as usize], Listener::Trigger { rule: at, index });
            }
            match &trigger.kind {
                TriggerKind::Forecast { of, .. } => {
                    let listeners = &mut self.table.forecasts[running.slots[of.slot as usize].0 as usize];
                    listeners.push((at, index));
                    listeners.sort_unstable();
                }
                TriggerKind::Webhook { name } => {
                    let listeners = self.webhooks.entry(Arc::clone(name)).or_default();
                    listeners.push((at, index));
                    listeners.sort_unstable();
                }
                _ => {}
            }
            let state = &mut running.state.triggers[index as usize];
            state.queued = state.armed.as_ref().map(|armed| armed.due);
            for due in [state.schedule, state.queued].into_iter().flatten() {
                self.timers.push(Reverse(Timer { due, rule: at, what: TimerWhat::Trigger(index) }));
            }
        }
        for (index, tracker) in running.program.trackers.iter().enumerate() {
            if let Some(slot) = Program::tracker_slot(tracker) {
                let listener = Listener::Tracker { rule: at, index: index as u32 };
                self.table.listen(running.slots[slot as usize], listener);
            }
        }
        for due in running.state.runs.iter().filter_map(|run| run.wake) {
            self.timers.push(Reverse(Timer { due, rule: at, what: TimerWhat::Run }));
        }
        self.by_id.insert(Arc::clone(&running.enlisted.id), at);
        self.rules[at as usize] = Some(Box::new(running));
    }

    /// Lets a rule run no more. Its runs are stopped.
    pub fn dismiss(&mut self, id: &str, now: Timestamp) {
        self.now = self.now.max(now);
        let Some(at) = self.by_id.get(id).copied() else { return };
        let Some(mut running) = self.rules[at as usize].take() else { return };
        self.stop_all(&mut running, "the rule was changed or taken away");
        let read: Vec<SeriesId> = running.slots.iter().copied().filter(|slot| slot.0 != u32::MAX).collect();
        self.table.forget(at, &read);
        self.webhooks.values_mut().for_each(|listeners| listeners.retain(|(rule, _)| *rule != at));
        self.webhooks.retain(|_, listeners| !listeners.is_empty());
    }

    /// The rules that run.
    pub fn rules(&self) -> impl Iterator<Item = &Enlisted> {
        self.rules.iter().flatten().map(|running| &running.enlisted)
    }

    /// How things stand with a rule.
    pub fn standing(&self, id: &str) -> Option<Standing> {
        let running = self.running_rule(id)?;
        let dues = running.state.triggers.iter().flat_map(|trigger| {
            [trigger.schedule, trigger.armed.as_ref().map(|armed| armed.due)].into_iter().flatten()
        });
        let wakes = running.state.runs.iter().filter_map(|run| run.wake);
        Some(Standing {
            last_fired: running.state.last_fired,
            running: running.state.runs.len(),
            queued: running.state.queue.len(),
            next: dues.chain(wakes).min(),
            trouble: running.state.trouble.clone(),
        })
    }

    fn running_rule(&self, id: &str) -> Option<&Running> {
        self.rules[*self.by_id.get(id)? as usize].as_deref()
    }

    /// The number of a series, if any rule reads it. It stays as long as the engine lives.
    pub fn series(&self, kind: RecordKind, thing: &str, name: &str) -> Option<SeriesId> {
        self.table.find(kind, thing, name)
    }

    /// All series that rules read or set: what a replay has to read from the history.
    pub fn all_series(&self) -> impl Iterator<Item = (SeriesId, &SeriesKey)> {
        self.table.keys.iter().enumerate().map(|(id, key)| (SeriesId(id as u32), key))
    }

    /// The runs that are over since this was asked last, oldest first.
    pub fn take_traces(&mut self) -> Vec<Trace> {
        self.traces.drain(..).collect()
    }

    /// The runs of a replay that are over since this was asked last and were not traced, because many of their rule were.
    pub fn take_untold(&mut self) -> impl Iterator<Item = Untold> {
        self.untold.drain(..)
    }

    /// The circles of rules that were stopped since this was asked last, each once; the oldest, if there are many.
    pub fn take_circles(&mut self) -> Vec<Vec<Arc<str>>> {
        std::mem::take(&mut self.circles)
    }

    /// The runs that go on, as they are now.
    pub fn running(&self, now: Timestamp) -> Vec<Trace> {
        let rules = self.rules.iter().flatten();
        let runs = rules.flat_map(|running| running.state.runs.iter().map(move |run| (running, run)));
        runs.map(|(running, run)| run::trace(running, run.clone(), Outcome::Running, now)).collect()
    }

    /// What happened how often.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Works on a rule beside the rest of the engine.
    fn with(&mut self, at: u32, work: impl FnOnce(&mut Self, &mut Running)) {
        if let Some(mut running) = self.rules[at as usize].take() {
            work(self, &mut running);
            self.rules[at as usize] = Some(running);
        }
    }

    fn constants_scope<'a>(&'a self, running: &'a Running) -> crate::expression::Scope<'a> {
        let constants: &Variables = &running.program.constants;
        self.scope(running, constants, None, None)
    }
}

#[cfg(test)]
mod tests;
