//! What the site counts, and how full its queues are.

use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// It only grows until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One figure with its name and meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Snake case, without prefix.
    pub name: &'static str,
    /// What it means, one line.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: CounterKind,
    /// The value now.
    pub value: f64,
}

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident),+ $(,)?) => {
        /// Everything that the site counts.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[doc = $help])+ pub(crate) $name: AtomicU64,)+
        }

        impl Counters {
            /// All of them, as they are now.
            pub(crate) fn figures(&self) -> Vec<Figure> {
                vec![$(Figure {
                    name: stringify!($name),
                    help: concat!($($help),+).trim_ascii(),
                    kind: CounterKind::Counter,
                    value: self.$name.load(Ordering::Relaxed) as f64,
                }),+]
            }
        }
    };
}

counters! {
    /// Entries of the log that were folded.
    entries,
    /// Entries that no adapter claimed.
    entries_unclaimed,
    /// Entries that retention removed before they were folded.
    entries_missed,
    /// Records decoded.
    records,
    /// Records older than what was reported already: they only correct the history.
    records_late,
    /// Records whose claim of time was replaced, because it was too far in the future or too long ago.
    times_replaced,
    /// Records of ignored things, which are not kept.
    records_ignored,
    /// Records of things that were refused because there are too many.
    records_refused,
    /// Times that a thing spoke of another one that is not its own.
    claims_refused,
    /// Values that do not fit the model's type and are not kept in the history.
    values_misfit,
    /// Things that were not taken in because there are too many.
    things_refused,
    /// Things that appeared in the inbox.
    things_found,
    /// Times that something could not be understood.
    diagnostics,
    /// Points handed to the history.
    points,
    /// Batches that the history refused; they are folded again after a restart.
    history_errors,
    /// Checkpoints written.
    checkpoints,
    /// Checkpoints that could not be written.
    checkpoint_errors,
    /// Commands that went out.
    commands,
    /// Commands that a guard refused.
    commands_guarded,
    /// Commands that had no answer before their deadline.
    commands_timed_out,
    /// Messages of ours that could not be published.
    publish_errors,
    /// Comings and goings of clients that were not noted because too many waited.
    presence_dropped,
    /// Records that live clients did not get, because a newer one of the same property came before they read it.
    live_conflated,
    /// Times that a live client read so slowly that events may have passed it by.
    live_gaps,
    /// Samples that the mind took in.
    mind_samples,
    /// Samples that detectors learned from in the history.
    mind_samples_learned,
    /// Samples that the mind did not get, because too many waited.
    mind_samples_dropped,
    /// Streams that are not watched, because too many are.
    mind_streams_refused,
    /// Streams that began anew, because their type or unit changed.
    mind_streams_anew,
    /// Detectors that panicked and were put away.
    mind_failures,
    /// Findings made.
    mind_insights,
    /// Findings that were not made, because too many go on.
    mind_insights_refused,
    /// Silent streams of things whose silence was found already.
    mind_dropouts_merged,
    /// Records that models said.
    inference_records,
    /// Records that the rules did not get, because too many waited.
    rule_records_dropped,
    /// Runs of live rules.
    rule_runs,
    /// Runs of live rules that failed.
    rule_runs_failed,
    /// Runs that were kept from running: by their mode, a loop or a flood.
    rule_runs_kept,
    /// Runs of rules in shadow.
    rule_runs_shadow,
    /// Commands that rules sent.
    rule_commands,
    /// Commands of rules that were refused, by guards or because they do not fit.
    rule_commands_refused,
    /// Rules that were rolled back by their guard.
    rule_roll_backs,
    /// Alarms that were not raised, because too many are kept.
    rule_alarms_refused,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds `amount`.
pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}
