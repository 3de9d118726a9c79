//! What people and programs did to access and configuration, and who was refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

/// Entries kept; beyond, the oldest go.
pub(super) const ENTRIES_MAX: u64 = 20_000;

/// How many entries are written between two looks at [`ENTRIES_MAX`].
const TRIM_EVERY: u64 = 500;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When.
    pub time: Timestamp,
    /// Who: `user u-…`, `token t-…`, `anonymous`.
    pub who: String,
    /// From which address.
    pub address: Option<IpAddr>,
    /// What: `sign_in`, `user.create`.
    pub action: String,
    /// On what.
    pub target: String,
    /// Whether it was done or refused.
    pub allowed: bool,
}

/// The audit log. Its rows' ids sort the newest first.
#[derive(Debug)]
pub(super) struct Audit {
    state: Arc<dyn State>,
    written: AtomicU64,
}

impl Audit {
    pub(super) fn new(state: Arc<dyn State>) -> Self {
        Self { state, written: AtomicU64::new(0) }
    }

    /// Writes an entry; blocks for a commit.
    pub(super) fn write(&self, row: &AuditRow) -> Result<(), StateError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let newest_first = i64::MAX - row.time.micros().max(0);
        let id = format!("{newest_first:019}-{:06}", 999_999 - number % 1_000_000);
        self.state.commit(vec![Change::put(Table::Audit, id, None, row)], row.time)?;
        if number % TRIM_EVERY == TRIM_EVERY - 1 {
            self.trim(row.time)?;
        }
        Ok(())
    }

    /// Entries from after `after`, newest first, and how many there are.
    pub(super) fn list(&self, after: Option<&str>, limit: usize) -> Result<(Vec<(String, AuditRow)>, u64), StateError> {
        let rows = self.state.list(Table::Audit, None, after, limit)?;
        let rows: Result<Vec<_>, _> =
            rows.into_iter().map(|row| Ok((row.id.clone(), row.parse(Table::Audit)?))).collect();
        Ok((rows?, self.state.count(Table::Audit, None)?))
    }

    fn trim(&self, now: Timestamp) -> Result<(), StateError> {
        let (mut kept, mut after) = (0, None::<String>);
        loop {
            let rows = self.state.list(Table::Audit, None, after.as_deref(), TRIM_EVERY as usize)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id.clone());
            if kept >= ENTRIES_MAX {
                let gone = rows.into_iter().map(|row| Change::delete(Table::Audit, row.id)).collect();
                self.state.commit(gone, now)?;
            } else {
                kept += rows.len() as u64;
            }
        }
    }
}
