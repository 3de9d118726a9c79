//! The state in memory, for tests and throw-away sites.

use std::collections::BTreeMap;
use std::ops::Bound;

use model::Timestamp;
use parking_lot::RwLock;

use super::{Change, Expect, Row, State, StateError, Table};

type Tables = BTreeMap<Table, BTreeMap<String, Row>>;

/// A state that forgets everything when the process ends.
#[derive(Debug, Default)]
pub struct MemoryState {
    tables: RwLock<Tables>,
}

impl MemoryState {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }
}

impl State for MemoryState {
    fn get(&self, table: Table, id: &str) -> Result<Option<Row>, StateError> {
        Ok(self.tables.read().get(&table).and_then(|rows| rows.get(id)).cloned())
    }

    fn list(&self, table: Table, key: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<Row>, StateError> {
        let tables = self.tables.read();
        let Some(rows) = tables.get(&table) else { return Ok(Vec::new()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = rows.range::<str, _>((start, Bound::Unbounded)).map(|(_, row)| row);
        Ok(rows.filter(|row| key.is_none() || row.key.as_deref() == key).take(limit).cloned().collect())
    }

    fn count(&self, table: Table, key: Option<&str>) -> Result<u64, StateError> {
        let tables = self.tables.read();
        let Some(rows) = tables.get(&table) else { return Ok(0) };
        Ok(rows.values().filter(|row| key.is_none() || row.key.as_deref() == key).count() as u64)
    }

    fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<Vec<i64>, StateError> {
        let mut tables = self.tables.write();
        let mut undo = Vec::with_capacity(changes.len());
        let mut revs = Vec::with_capacity(changes.len());
        for change in changes {
            match apply(&mut tables, change, now, &mut undo) {
                Ok(rev) => revs.push(rev),
                Err(error) => {
                    roll_back(&mut tables, undo);
                    return Err(error);
                }
            }
        }
        Ok(revs)
    }

    fn backup(&self, file: &std::path::Path) -> Result<(), StateError> {
        let problem = "a state in memory cannot be backed up".to_owned();
        Err(StateError::Engine { place: file.display().to_string(), problem })
    }
}

/// What a row was before a change.
type Before = (Table, String, Option<Row>);

fn apply(tables: &mut Tables, change: Change, now: Timestamp, undo: &mut Vec<Before>) -> Result<i64, StateError> {
    match change {
        Change::Put { table, id, key, document, expect } => {
            let rows = tables.entry(table).or_default();
            let found = rows.get(&id).map(|row| row.rev);
            expect.check(table, &id, found)?;
            let rev = found.unwrap_or(0) + 1;
            let before = rows.insert(id.clone(), Row { id: id.clone(), rev, updated: now, key, document });
            undo.push((table, id, before));
            Ok(rev)
        }
        Change::Delete { table, id, expect } => {
            let rows = tables.entry(table).or_default();
            expect.check(table, &id, rows.get(&id).map(|row| row.rev))?;
            let before = rows.remove(&id);
            undo.push((table, id, before));
            Ok(0)
        }
        Change::DeleteKey { table, key } => {
            let rows = tables.entry(table).or_default();
            let gone = rows.extract_if(.., |_, row| row.key.as_deref() == Some(&*key));
            undo.extend(gone.map(|(id, row)| (table, id, Some(row))));
            Ok(0)
        }
    }
}

fn roll_back(tables: &mut Tables, undo: Vec<Before>) {
    for (table, id, before) in undo.into_iter().rev() {
        let rows = tables.entry(table).or_default();
        match before {
            Some(row) => rows.insert(id, row),
            None => rows.remove(&id),
        };
    }
}

impl Expect {
    /// Compares the expectation with the `rev` that was found.
    pub(super) fn check(self, table: Table, id: &str, found: Option<i64>) -> Result<(), StateError> {
        let expected = match self {
            Self::Any => return Ok(()),
            Self::Absent => None,
            Self::Rev(rev) => Some(rev),
        };
        if expected == found {
            return Ok(());
        }
        Err(StateError::Conflict { table, id: id.to_owned(), expected, found })
    }
}
