//! The tree of places.

use std::collections::{BTreeMap, HashSet};

use model::{Space, SpaceId, SpaceKind};
use serde::{Deserialize, Serialize};

/// The most spaces of a site.
pub const SPACES_MAX: usize = 10_000;

/// A place with its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceRow {
    /// The place.
    #[serde(flatten)]
    pub space: Space,
    /// Grows by one with every change.
    pub rev: i64,
}

/// Why a change of the tree was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// There is no such place.
    #[error("there is no space {0}")]
    Unknown(SpaceId),
    /// There is one already.
    #[error("there is a space {0} already")]
    Exists(SpaceId),
    /// A place cannot lie within itself.
    #[error("{0} would lie within itself")]
    Cycle(SpaceId),
    /// The root stays: one, without a parent, of kind site.
    #[error("{0} is the whole site: it can be renamed, not moved or removed")]
    Root(SpaceId),
    /// Every other place lies in some place and is not a site.
    #[error("a space of kind site is the root of the tree, and there is one already")]
    SecondRoot,
    /// Others lie within it.
    #[error("{0} still holds other spaces\nhint: move or remove them first")]
    NotEmpty(SpaceId),
    /// Somebody else changed it in between.
    #[error("{id} is at rev {found}, not {expected}")]
    Stale {
        /// Which.
        id: SpaceId,
        /// What was expected.
        expected: i64,
        /// What was found.
        found: i64,
    },
    /// There are [`SPACES_MAX`] already.
    #[error("there are {SPACES_MAX} spaces, which is the limit")]
    Full,
}

/// The tree. Always has exactly one root.
#[derive(Debug, Clone)]
pub struct Spaces {
    rows: BTreeMap<SpaceId, SpaceRow>,
    root: SpaceId,
}

impl Spaces {
    /// A tree of one place.
    pub fn new(root: SpaceId, title: impl Into<String>) -> Self {
        let space = Space::new(root.clone(), None, SpaceKind::Site, title);
        Self { rows: BTreeMap::from([(root.clone(), SpaceRow { space, rev: 1 })]), root }
    }

    /// The tree of these rows; `None` when they have no root. Rows whose parent is missing, or that lie in a circle,
    /// hang from the root.
    pub fn restore(rows: impl IntoIterator<Item = SpaceRow>) -> Option<Self> {
        let rows: BTreeMap<SpaceId, SpaceRow> = rows.into_iter().map(|row| (row.space.id.clone(), row)).collect();
        let root = rows.values().find(|row| row.space.parent.is_none())?.space.id.clone();
        let mut tree = Self { rows, root: root.clone() };
        let ids: Vec<SpaceId> = tree.rows.keys().filter(|id| **id != root).cloned().collect();
        for id in ids {
            if !tree.path(&id).contains(&&root) {
                tree.rows.get_mut(&id).expect("taken from the rows").space.parent = Some(root.clone());
            }
        }
        Some(tree)
    }

    /// The whole site.
    pub fn root(&self) -> &SpaceRow {
        &self.rows[&self.root]
    }

    /// One place.
    pub fn get(&self, id: &SpaceId) -> Option<&SpaceRow> {
        self.rows.get(id)
    }

    /// Every place, in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &SpaceRow> {
        self.rows.values()
    }

    /// From a place up to the root, itself first. Ends early in a tree that is not one.
    pub fn path(&self, id: &SpaceId) -> Vec<&SpaceId> {
        let mut path: Vec<&SpaceId> = Vec::new();
        let mut next = self.rows.get(id);
        while let Some(row) = next {
            if path.contains(&&row.space.id) {
                break;
            }
            path.push(&row.space.id);
            next = row.space.parent.as_ref().and_then(|parent| self.rows.get(parent));
        }
        path
    }

    /// A place and everything within it.
    pub fn within(&self, id: &SpaceId) -> HashSet<SpaceId> {
        self.rows.keys().filter(|space| self.path(space).contains(&id)).cloned().collect()
    }

    /// Adds a place. Without a parent it lies in the root.
    pub fn add(&mut self, mut space: Space) -> Result<&SpaceRow, SpaceError> {
        if self.rows.contains_key(&space.id) {
            return Err(SpaceError::Exists(space.id));
        }
        if self.rows.len() >= SPACES_MAX {
            return Err(SpaceError::Full);
        }
        if space.kind == SpaceKind::Site {
            return Err(SpaceError::SecondRoot);
        }
        let parent = space.parent.get_or_insert_with(|| self.root.clone());
        if !self.rows.contains_key(parent) {
            return Err(SpaceError::Unknown(parent.clone()));
        }
        let id = space.id.clone();
        Ok(self.rows.entry(id).or_insert(SpaceRow { space, rev: 1 }))
    }

    /// Changes a place: title, kind and parent. `expected` is the rev it must have.
    pub fn replace(&mut self, space: Space, expected: Option<i64>) -> Result<&SpaceRow, SpaceError> {
        self.expect(&space.id, expected)?;
        match &space.parent {
            None if space.id != self.root => return Err(SpaceError::SecondRoot),
            None => {}
            Some(_) if space.id == self.root => return Err(SpaceError::Root(space.id)),
            Some(parent) if !self.rows.contains_key(parent) => return Err(SpaceError::Unknown(parent.clone())),
            Some(parent) if self.path(parent).contains(&&space.id) => return Err(SpaceError::Cycle(space.id)),
            Some(_) => {}
        }
        if (space.kind == SpaceKind::Site) != (space.id == self.root) {
            return Err(if space.id == self.root { SpaceError::Root(space.id) } else { SpaceError::SecondRoot });
        }
        let row = self.rows.get_mut(&space.id).expect("expect found it");
        row.rev += 1;
        row.space = space;
        Ok(row)
    }

    /// Removes a place with nothing within it.
    pub fn remove(&mut self, id: &SpaceId, expected: Option<i64>) -> Result<(), SpaceError> {
        self.expect(id, expected)?;
        if *id == self.root {
            return Err(SpaceError::Root(id.clone()));
        }
        if self.rows.values().any(|row| row.space.parent.as_ref() == Some(id)) {
            return Err(SpaceError::NotEmpty(id.clone()));
        }
        self.rows.remove(id);
        Ok(())
    }

    fn expect(&self, id: &SpaceId, expected: Option<i64>) -> Result<(), SpaceError> {
        let found = self.rows.get(id).ok_or_else(|| SpaceError::Unknown(id.clone()))?.rev;
        match expected {
            Some(expected) if expected != found => Err(SpaceError::Stale { id: id.clone(), expected, found }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> SpaceId {
        SpaceId::new(text).unwrap()
    }

    fn space(name: &str, parent: &str) -> Space {
        Space::new(id(name), Some(id(parent)), SpaceKind::Room, name)
    }

    #[test]
    fn a_tree_stays_a_tree() {
        let mut tree = Spaces::new(id("home"), "Home");
        tree.add(space("floor", "home")).unwrap();
        tree.add(space("kitchen", "floor")).unwrap();
        assert_eq!(tree.replace(space("floor", "kitchen"), None), Err(SpaceError::Cycle(id("floor"))));
        assert_eq!(tree.replace(space("floor", "floor"), None), Err(SpaceError::Cycle(id("floor"))));
        assert_eq!(tree.add(space("x", "nowhere")), Err(SpaceError::Unknown(id("nowhere"))));
        assert_eq!(tree.remove(&id("floor"), None), Err(SpaceError::NotEmpty(id("floor"))));
        assert_eq!(tree.remove(&id("home"), None), Err(SpaceError::Root(id("home"))));
        assert_eq!(tree.within(&id("floor")).len(), 2);
        assert_eq!(tree.path(&id("kitchen")), [&id("kitchen"), &id("floor"), &id("home")]);
        let stale = SpaceError::Stale { id: id("kitchen"), expected: 9, found: 1 };
        assert_eq!(tree.remove(&id("kitchen"), Some(9)), Err(stale));
        assert_eq!(tree.replace(space("kitchen", "home"), Some(1)).unwrap().rev, 2);
        tree.remove(&id("floor"), Some(1)).unwrap();
    }

    #[test]
    fn broken_rows_hang_from_the_root() {
        let root = Spaces::new(id("home"), "Home").root().clone();
        let row = |name, parent| SpaceRow { space: space(name, parent), rev: 1 };
        let tree = Spaces::restore([root, row("a", "b"), row("b", "a"), row("c", "gone")]).unwrap();
        assert_eq!(tree.within(&id("home")).len(), 4);
    }

    proptest! {
        #[test]
        fn every_place_always_reaches_the_root(moves in proptest::collection::vec((0usize..8, 0usize..8), 0..40)) {
            let names = ["home", "a", "b", "c", "d", "e", "f", "g"];
            let mut tree = Spaces::new(id("home"), "Home");
            for (child, parent) in moves {
                let wanted = space(names[child], names[parent]);
                let _ignored = tree.add(wanted.clone()).map(|_| ()).or_else(|_| tree.replace(wanted, None).map(|_| ()));
                for row in tree.iter() {
                    prop_assert_eq!(tree.path(&row.space.id).last().copied(), Some(&id("home")));
                }
            }
        }
    }
}
