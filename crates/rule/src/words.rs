//! A rule in plain English sentences.

use crate::rule::Rule;

/// One sentence for each trigger, condition and action, in order.
pub fn sentences(_rule: &Rule) -> Vec<String> {
    Vec::new()
}
