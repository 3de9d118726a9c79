//! How the site is doing: figures, queues, sizes.

use std::sync::atomic::Ordering;

use model::Position;
use store::history::Statistics;
use store::log::Bounds;
use twin::{DiagnosticCount, ThingStatus};

use crate::counters::{CounterKind, Figure};
use crate::options::PRESENCE_QUEUE_MAX;
use crate::site::Site;

/// A queue or bounded store, and what it does when it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub length: u64,
    /// What fits.
    pub limit: u64,
    /// What did not.
    pub dropped: u64,
    /// What happens to what does not fit.
    pub policy: &'static str,
}

/// Sizes and positions.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemState {
    /// What the log holds.
    pub log: Bounds,
    /// What the history holds.
    pub history: Statistics,
    /// Everything up to here has been folded in.
    pub applied: Position,
    /// What could not be understood and is about no known thing: code and count.
    pub diagnostics: Vec<(std::sync::Arc<str>, DiagnosticCount)>,
}

impl Site {
    /// Everything that is counted or measured, for `/metrics`.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = self.counters.figures();
        let things = self.things.read();
        let bounds = self.log.bounds();
        let gauges = [
            (
                "things_accepted",
                "Things that are part of the site.",
                things.registry.count(ThingStatus::Accepted) as f64,
            ),
            ("things_ignored", "Things that are not wanted.", things.registry.count(ThingStatus::Ignored) as f64),
            ("things_inbox", "Things that wait to be accepted or ignored.", things.registry.in_inbox() as f64),
            ("commands_open", "Commands that are not over.", things.commands.open() as f64),
            ("commands_kept", "Commands that are kept, open or over.", things.commands.len() as f64),
            ("live_clients", "Clients of live views.", self.live.receivers() as f64),
            ("position_applied", "The log position that the fold has applied.", things.applied.0 as f64),
            (
                "entries_behind",
                "Durable entries that are not folded yet.",
                bounds.durable.0.saturating_sub(things.applied.next().0) as f64,
            ),
        ];
        let gauge = |(name, help, value)| Figure { name, help, kind: CounterKind::Gauge, value };
        figures.extend(gauges.map(gauge));
        drop(things);
        figures.extend(self.mind.figures());
        figures.extend(self.inference.figures());
        figures.extend(self.rules.figures());
        figures
    }

    /// Every queue and bounded store with what happens when it is full.
    pub fn queues(&self) -> Vec<Queue> {
        let counted = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (live, live_limit) = self.live.fill();
        let waiting = self.links.lock().waiting();
        let things = self.things.read();
        let limits = things.registry.limits();
        let [values, answers] = self.inference.queues();
        let mut queues = vec![
            Queue {
                name: "inbox",
                length: things.registry.in_inbox() as u64,
                limit: limits.inbox as u64,
                dropped: counted(&self.counters.things_refused),
                policy: "new things are refused",
            },
            Queue {
                name: "things",
                length: things.registry.len() as u64,
                limit: limits.total as u64,
                dropped: counted(&self.counters.things_refused),
                policy: "new things are refused",
            },
            Queue {
                name: "live records",
                length: live as u64,
                limit: live_limit as u64,
                dropped: counted(&self.counters.live_gaps),
                policy: "the oldest go; slow clients get the newest value of each property, and a gap",
            },
            Queue {
                name: "comings and goings",
                length: waiting as u64,
                limit: PRESENCE_QUEUE_MAX as u64,
                dropped: counted(&self.counters.presence_dropped),
                policy: "new ones are not noted",
            },
            Queue {
                name: "commands over",
                length: (things.commands.len() - things.commands.open()) as u64,
                limit: twin::commands::OVER_TOTAL_MAX as u64,
                dropped: 0,
                policy: "the oldest are forgotten",
            },
            self.mind.queue(counted(&self.counters.mind_samples_dropped)),
            self.mind.book_queue(counted(&self.counters.mind_insights_refused)),
            values,
            answers,
        ];
        let (dropped, refused) = (&self.counters.rule_records_dropped, &self.counters.rule_alarms_refused);
        queues.extend(self.rules.queues(counted(dropped), counted(refused)));
        queues
    }

    /// Sizes and positions.
    pub fn system(&self) -> SystemState {
        let things = self.things.read();
        let diagnostics = things.diagnostics.iter();
        SystemState {
            log: self.log.bounds(),
            history: self.history.statistics(),
            applied: things.applied,
            diagnostics: diagnostics.map(|(code, count)| (code.clone(), count.clone())).collect(),
        }
    }
}
