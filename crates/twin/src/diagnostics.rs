//! What could not be understood of a thing, counted by kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The most different codes that are kept of one thing; further ones are counted under [`OTHER`].
pub const CODES_MAX: usize = 32;

/// The longest detail kept, in bytes.
pub const DETAIL_BYTES_MAX: usize = 400;

/// The code under which everything is counted once [`CODES_MAX`] is reached.
pub const OTHER: &str = "other";

/// How often something of one kind happened, and the last of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosticCount {
    /// How often.
    pub count: u64,
    /// What and where, in words, of the last one.
    pub detail: String,
    /// When the last one happened.
    pub last: Timestamp,
}

/// What could not be understood, by code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostics {
    by_code: BTreeMap<Arc<str>, DiagnosticCount>,
}

impl Diagnostics {
    /// Counts one.
    pub fn add(&mut self, code: &str, detail: &str, time: Timestamp) {
        let code = if self.by_code.contains_key(code) || self.by_code.len() < CODES_MAX { code } else { OTHER };
        let detail = &detail[..detail.floor_char_boundary(DETAIL_BYTES_MAX)];
        if let Some(known) = self.by_code.get_mut(code) {
            known.count += 1;
            known.last = time;
            detail.clone_into(&mut known.detail);
        } else {
            let count = DiagnosticCount { count: 1, detail: detail.to_owned(), last: time };
            self.by_code.insert(Arc::from(code), count);
        }
    }

    /// Codes with their counts, in order of code.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &DiagnosticCount)> {
        self.by_code.iter()
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.by_code.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_details_are_bounded() {
        let mut diagnostics = Diagnostics::default();
        for number in 0..100 {
            diagnostics.add(&format!("code{number}"), &"만".repeat(1_000), Timestamp(number));
        }
        assert_eq!(diagnostics.iter().count(), CODES_MAX + 1);
        let other = diagnostics.iter().find(|(code, _)| &***code == OTHER).unwrap().1;
        assert_eq!((other.count, other.last), (100 - CODES_MAX as u64, Timestamp(99)));
        assert!(other.detail.len() <= DETAIL_BYTES_MAX);
    }
}
