//! Bounded caches that turn the same text into the same identifier without allocating again.

use std::collections::HashSet;

use model::{IdError, Name};

/// The most names kept. A full cache is emptied and fills again with what is in use, so that a thing that makes up
/// names cannot grow it or poison it for good.
pub(crate) const NAMES_INTERNED_MAX: usize = 65_536;

/// Names that were seen.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<Name, ahash::RandomState>);

impl Names {
    /// The name that this text is, or why it is none.
    pub(crate) fn get(&mut self, text: &str) -> Result<Name, IdError> {
        if let Some(name) = self.0.get(text) {
            return Ok(name.clone());
        }
        let name = Name::new(text)?;
        if self.0.len() >= NAMES_INTERNED_MAX {
            self.0.clear();
        }
        self.0.insert(name.clone());
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded() {
        let mut names = Names::default();
        for i in 0..=NAMES_INTERNED_MAX {
            names.get(&format!("name-{i}")).unwrap();
        }
        assert_eq!(names.0.len(), 1);
        assert!(names.get("a/b").is_err());
    }
}
