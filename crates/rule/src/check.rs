//! Compares a rule with what is known of things: missing things, values that do not fit, what cannot be written.

use crate::calendar::Place;
use crate::problem::Problem;
use crate::rule::Rule;
use crate::view::Known;

/// What is wrong with a rule in this place with these things.
pub fn check(_rule: &Rule, _known: &dyn Known, _place: &Place) -> Vec<Problem> {
    Vec::new()
}
