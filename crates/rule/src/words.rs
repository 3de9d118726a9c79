//! A rule in plain English sentences.

use crate::rule::Rule;

/// One sentence for each trigger, condition and action, in order.
pub fn sentences(_rule: &Rule) -> Vec<String> {
    Vec::new()
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[impl AsRef<str>], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", first.join(", "), last.as_ref())
        }
    }
}
