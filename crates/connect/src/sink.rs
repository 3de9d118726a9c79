//! Where adapters put what they could not make sense of: shown, counted, bounded.

use std::collections::BTreeMap;

use model::ThingId;

use crate::{Decoded, Diagnostic};

/// The most diagnostics that one entry produces; more of them are only counted.
pub const DIAGNOSTICS_PER_ENTRY_MAX: usize = 20;

/// How often each diagnostic code occurred since the adapter was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    /// How often this code occurred.
    pub fn get(&self, code: &str) -> u64 {
        self.0.get(code).copied().unwrap_or(0)
    }

    /// All codes that occurred, in order, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(code, count)| (*code, *count))
    }
}

/// The output of one entry's decoding.
pub(crate) struct Sink<'a> {
    /// What the entry says.
    pub(crate) out: &'a mut Decoded,
    counters: &'a mut Counters,
    diagnosed: usize,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(out: &'a mut Decoded, counters: &'a mut Counters) -> Self {
        Self { out, counters, diagnosed: 0 }
    }

    /// Notes what made no sense.
    pub(crate) fn diagnose(&mut self, thing: Option<&ThingId>, code: &'static str, detail: impl Into<String>) {
        *self.counters.0.entry(code).or_default() += 1;
        if self.diagnosed < DIAGNOSTICS_PER_ENTRY_MAX {
            self.diagnosed += 1;
            self.out.diagnostics.push(Diagnostic { thing: thing.cloned(), code, detail: detail.into() });
        }
    }

    /// Where the output stands now, for [`Sink::roll_back`].
    pub(crate) fn mark(&self) -> usize {
        self.out.diagnostics.len()
    }

    /// Takes back the diagnostics shown since `mark`.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        for diagnostic in self.out.diagnostics.drain(mark..) {
            self.diagnosed -= 1;
            if let Some(count) = self.counters.0.get_mut(diagnostic.code) {
                *count -= 1;
            }
        }
    }
}
