//! Rows of one sort: in memory to be read, and written down when they changed.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::State;
use store::state::{Change, StateError, Table};

use crate::site::each_row;

/// A row that a shelf keeps.
pub(super) trait Kept: Clone + Serialize + DeserializeOwned {
    /// Where it is written down.
    const TABLE: Table;

    /// Unique on the shelf.
    fn id(&self) -> &str;

    /// The indexed column.
    fn key(&self) -> Option<String> {
        None
    }
}

/// Rows in order of id.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    rows: BTreeMap<String, T>,
    changed: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: BTreeSet::new(), removed: BTreeSet::new() }
    }
}

/// What of a shelf is not written down yet.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) changes: Vec<Change>,
    changed: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl<T: Kept> Shelf<T> {
    /// Goes on with what was written down. A row that cannot be read is left where it is and not shown.
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let mut shelf = Self::default();
        each_row(state, T::TABLE, |row| {
            match row.parse::<T>(T::TABLE) {
                Ok(kept) => drop(shelf.rows.insert(row.id, kept)),
                Err(error) => tracing::error!(%error, "a row cannot be read"),
            }
            Ok(())
        })?;
        Ok(shelf)
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id)
    }

    /// A row to be changed.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(id)?;
        if !self.changed.contains(id) {
            self.changed.insert(id.to_owned());
        }
        Some(row)
    }

    pub(super) fn put(&mut self, row: T) {
        let id = row.id().to_owned();
        self.removed.remove(&id);
        self.changed.insert(id.clone());
        self.rows.insert(id, row);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<T> {
        let row = self.rows.remove(id)?;
        self.changed.remove(id);
        self.removed.insert(id.to_owned());
        Some(row)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    /// From after an id on, going back.
    pub(super) fn back_from(&self, after: Option<&str>) -> impl Iterator<Item = &T> {
        let before = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.rows.range::<str, _>((std::ops::Bound::Unbounded, before)).rev().map(|(_, row)| row)
    }

    /// Takes what is not written down yet.
    pub(super) fn take(&mut self) -> Unwritten {
        let (changed, removed) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.removed));
        let rows = changed.iter().filter_map(|id| self.rows.get(id));
        let puts = rows.map(|row| Change::put(T::TABLE, row.id(), row.key(), row));
        let deletes = removed.iter().map(|id| Change::delete(T::TABLE, id.as_str()));
        Unwritten { changes: puts.chain(deletes).collect(), changed, removed }
    }

    /// What was taken could not be written down after all.
    pub(super) fn give_back(&mut self, unwritten: Unwritten) {
        self.changed.extend(unwritten.changed.into_iter().filter(|id| self.rows.contains_key(id)));
        self.removed.extend(unwritten.removed.into_iter().filter(|id| !self.rows.contains_key(id)));
    }
}

/// Writes down what changed on a shelf.
pub(super) fn write<T: Kept>(
    shelf: &parking_lot::Mutex<Shelf<T>>,
    state: &dyn State,
    now: Timestamp,
) -> Result<(), StateError> {
    let mut unwritten = shelf.lock().take();
    let changes = std::mem::take(&mut unwritten.changes);
    if changes.is_empty() {
        return Ok(());
    }
    let written = state.commit(changes, now);
    if written.is_err() {
        shelf.lock().give_back(unwritten);
    }
    written.map(drop)
}

/// Makes ids that sort by time and are never given twice.
#[derive(Debug, Default)]
pub(super) struct Ids(std::sync::atomic::AtomicI64);

impl Ids {
    /// None of the ids given out from now on is as old as this one, which was written down before.
    pub(super) fn pass(&self, id: &str) {
        let time = id.rsplit('-').next().and_then(|digits| i64::from_str_radix(digits, 16).ok());
        self.0.fetch_max(time.unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn next(&self, kind: &str, now: Timestamp) -> String {
        use std::sync::atomic::Ordering::Relaxed;
        let now = now.micros();
        let last = self.0.fetch_max(now, Relaxed);
        let id = if last >= now { self.0.fetch_add(1, Relaxed) + 1 } else { now };
        format!("{kind}-{id:014x}")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use store::state::MemoryState;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Word(String, u32);

    impl Kept for Word {
        const TABLE: Table = Table::Scene;

        fn id(&self) -> &str {
            &self.0
        }
    }

    #[test]
    fn what_changed_is_written_down_once_and_read_again() {
        let state = MemoryState::new();
        let shelf = parking_lot::Mutex::new(Shelf::default());
        for (number, word) in ["a", "b", "c"].into_iter().enumerate() {
            shelf.lock().put(Word(word.to_owned(), number as u32));
        }
        write(&shelf, &state, Timestamp(1)).unwrap();
        assert!(shelf.lock().take().changes.is_empty());
        shelf.lock().get_mut("b").unwrap().1 = 7;
        shelf.lock().remove("a");
        let unwritten = shelf.lock().take();
        assert_eq!(unwritten.changes.len(), 2);
        shelf.lock().give_back(unwritten);
        write(&shelf, &state, Timestamp(2)).unwrap();
        let again = Shelf::<Word>::open(&state).unwrap();
        assert_eq!(again.iter().map(|word| word.1).collect::<Vec<_>>(), [7, 2]);
        assert_eq!(again.back_from(Some("c")).map(Kept::id).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn ids_never_repeat_although_the_clock_stands_or_steps_back() {
        let ids = Ids::default();
        let given = [5, 5, 3, 9].map(|time| ids.next("x", Timestamp(time)));
        assert!(given.windows(2).all(|two| two[0] < two[1]), "{given:?}");
        ids.pass("x-00000000000020");
        assert_eq!(ids.next("x", Timestamp(1)), "x-00000000000021");
    }
}
