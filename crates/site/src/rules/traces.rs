//! The runs of rules that are kept to be looked at, failures longest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rule::trace::Book;
use rule::{Outcome, StepOutcome, Trace};
use store::State;
use store::state::{Change, StateError, Table};

use super::error::RuleError;
use crate::site::{Site, each_row};

/// The most runs that are kept.
pub const TRACES_MAX: usize = 10_000;

/// The most runs of one rule that are kept.
pub const TRACES_PER_RULE_MAX: usize = 200;

/// The most runs that go on and have steps that the site could not do; the oldest are forgotten.
const UNTOLD_MAX: usize = 1_000;

/// A step that an engine asked for and the site could not do.
#[derive(Debug, Clone)]
pub(super) struct NotDone {
    pub(super) run: Arc<str>,
    pub(super) path: Arc<str>,
    pub(super) problem: String,
}

/// The runs.
#[derive(Debug)]
pub(super) struct Traces {
    book: Book,
    changed: BTreeSet<Arc<str>>,
    removed: BTreeSet<Arc<str>>,
    /// What could not be done in runs that are not over, by run.
    untold: BTreeMap<Arc<str>, Vec<NotDone>>,
}

impl Traces {
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let mut kept: Vec<Trace> = Vec::new();
        each_row(state, Table::RuleTrace, |row| {
            match row.parse::<Trace>(Table::RuleTrace) {
                Ok(trace) => kept.push(trace),
                Err(error) => tracing::error!(%error, "a run of a rule cannot be read"),
            }
            Ok(())
        })?;
        kept.sort_by_key(|trace| trace.summary.began);
        let mut traces = Self {
            book: Book::new(TRACES_PER_RULE_MAX, TRACES_MAX),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
            untold: BTreeMap::new(),
        };
        for trace in kept {
            traces.forget_gone(&trace);
        }
        Ok(traces)
    }

    fn forget_gone(&mut self, trace: &Trace) {
        for gone in self.book.add(Arc::new(trace.clone())) {
            self.changed.remove(&gone.summary.id);
            self.removed.insert(Arc::clone(&gone.summary.id));
        }
    }

    /// Notes what could not be done; it is told with the run.
    pub(super) fn not_done(&mut self, not_done: NotDone) {
        self.untold.entry(Arc::clone(&not_done.run)).or_default().push(not_done);
        if self.untold.len() > UNTOLD_MAX {
            self.untold.pop_first();
        }
    }

    /// Adds a run that is over, with what could not be done of it. Returns how it ended.
    pub(super) fn add(&mut self, mut trace: Trace) -> Outcome {
        for not_done in self.untold.remove(&trace.summary.id).into_iter().flatten() {
            trace.summary.outcome = Outcome::Failed;
            let step = trace.steps.iter_mut().rev().find(|step| step.path == not_done.path);
            if let Some(step) = step {
                (step.outcome, step.detail) = (StepOutcome::Failed, Some(not_done.problem));
            }
        }
        // A replay after a restart tells a run again that was over before.
        if self.book.get(&trace.summary.id).is_none() {
            self.changed.insert(Arc::clone(&trace.summary.id));
            self.forget_gone(&trace);
        }
        trace.summary.outcome
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Trace>> {
        self.book.get(id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.book.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Trace>> {
        self.book.iter()
    }

    /// Forgets the runs of a rule that is gone.
    pub(super) fn forget(&mut self, rule: &str) {
        let mut book = Book::new(TRACES_PER_RULE_MAX, TRACES_MAX);
        let kept: Vec<Arc<Trace>> = self.book.iter().filter(|trace| &*trace.summary.rule != rule).cloned().collect();
        for trace in kept.into_iter().rev() {
            book.add(trace);
        }
        self.book = book;
        let book = &self.book;
        self.changed.retain(|id| book.get(id).is_some());
    }

    /// What is not written down yet.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter().filter_map(|id| self.book.get(&id).cloned());
        let puts = changed.map(|trace| {
            let (id, rule) = (trace.summary.id.to_string(), trace.summary.rule.to_string());
            Change::put(Table::RuleTrace, id, Some(rule), &*trace)
        });
        let removed = std::mem::take(&mut self.removed);
        puts.chain(removed.into_iter().map(|id| Change::delete(Table::RuleTrace, &*id))).collect()
    }
}

/// Which runs.
#[derive(Debug, Clone, Default)]
pub struct TraceQuery {
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// After this one, going back in time.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Site {
    /// The runs of a rule, the newest first, and whether there are more. Those that go on come first.
    pub fn rule_traces(&self, rule: &str, query: &TraceQuery) -> Result<(Vec<Arc<Trace>>, Option<String>), RuleError> {
        self.rules.row(rule)?;
        let now = self.clock.now();
        let running = self.rules.work.lock().running(now);
        let mut all: Vec<Arc<Trace>> = running.into_iter().map(Arc::new).collect();
        all.extend(self.rules.traces.lock().iter().cloned());
        all.retain(|trace| &*trace.summary.rule == rule);
        let after = query.after.as_ref();
        let start = after.and_then(|after| all.iter().position(|trace| *trace.summary.id == **after));
        let rest = all.into_iter().skip(start.map_or(0, |at| at + 1));
        let wants = |trace: &Arc<Trace>| query.outcome.is_none_or(|outcome| trace.summary.outcome == outcome);
        let limit = query.limit.max(1);
        let mut found: Vec<Arc<Trace>> = rest.filter(wants).take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|trace| trace.summary.id.to_string());
        Ok((found, next))
    }

    /// One run.
    pub fn rule_trace(&self, id: &str) -> Result<Arc<Trace>, RuleError> {
        if let Some(trace) = self.rules.traces.lock().get(id) {
            return Ok(trace);
        }
        let now = self.clock.now();
        let running = self.rules.work.lock().running(now);
        let found = running.into_iter().find(|trace| &*trace.summary.id == id).map(Arc::new);
        found.ok_or_else(|| RuleError::UnknownTrace(id.to_owned()))
    }
}
