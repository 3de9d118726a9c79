//! The state's writer thread: everything that waits becomes one transaction, each caller's part a savepoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::sqlite::engine_error;
use super::{Change, Expect, StateError, Table};

/// How many callers share a transaction at most.
const JOBS_TOGETHER_MAX: usize = 256;

/// After this long without work the writer tidies up: it folds the write-ahead file into the state file.
const IDLE: Duration = Duration::from_secs(30);

/// After this many transactions the writer tidies up although there is more work.
const TRANSACTIONS_UNTIDY_MAX: u32 = 20_000;

/// One caller's changes, and where it waits for the answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    pub(super) now: Timestamp,
    pub(super) reply: SyncSender<Answer>,
}

type Answer = Result<Vec<i64>, StateError>;

/// The writer thread's own state.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// Transactions since the writer last tidied up.
    untidy: u32,
    /// How often the engine could not write.
    failures: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn new(connection: Connection, path: PathBuf, failures: Arc<AtomicU64>) -> Self {
        // What the last process left behind is tidied up at the first quiet moment.
        Self { connection, path, untidy: 1, failures }
    }

    /// Works until the state is dropped.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        loop {
            match queue.recv_timeout(IDLE) {
                Ok(first) => {
                    let mut jobs = vec![first];
                    jobs.extend(queue.try_iter().take(JOBS_TOGETHER_MAX - 1));
                    self.commit_together(jobs);
                }
                Err(RecvTimeoutError::Timeout) => self.tidy(),
                Err(RecvTimeoutError::Disconnected) => return self.tidy(),
            }
            if self.untidy >= TRANSACTIONS_UNTIDY_MAX {
                self.tidy();
            }
        }
    }

    fn commit_together(&mut self, jobs: Vec<Job>) {
        self.untidy += 1;
        let (work, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|Job { changes, now, reply }| ((changes, now), reply)).unzip();
        match self.transaction(work) {
            Ok(answers) => {
                let failed = answers.iter().filter(|answer| matches!(answer, Err(StateError::Engine { .. }))).count();
                self.failures.fetch_add(failed as u64, Ordering::Relaxed);
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // A caller that no longer waits needs no answer.
                    drop(reply.send(answer));
                }
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    // Should this fail as well, the next transaction cannot begin, and says so.
                    drop(self.connection.execute_batch("ROLLBACK"));
                }
                self.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, file = %self.path.display(), "a transaction failed");
                for reply in replies {
                    drop(reply.send(Err(engine_error(&self.path, &error))));
                }
            }
        }
    }

    /// Makes all callers' changes durable together. On an error nothing of any of them is kept.
    fn transaction(&mut self, work: Vec<(Vec<Change>, Timestamp)>) -> rusqlite::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(work.len());
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for (changes, now) in work {
            self.connection.prepare_cached("SAVEPOINT job")?.execute([])?;
            let answer =
                apply_all(&self.connection, changes, now).unwrap_or_else(|error| Err(engine_error(&self.path, &error)));
            if answer.is_err() {
                // When the engine has undone the whole transaction, this fails, and with it everybody's.
                self.connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
            }
            self.connection.prepare_cached("RELEASE job")?.execute([])?;
            answers.push(answer);
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(answers)
    }

    /// Folds the write-ahead file into the state file and lets SQLite renew its statistics.
    fn tidy(&mut self) {
        if self.untidy == 0 {
            return;
        }
        self.untidy = 0;
        let tidied = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;");
        if let Err(error) = tidied {
            tracing::warn!(%error, file = %self.path.display(), "the state could not be tidied up, it is tried again later");
        }
    }
}

/// One caller's changes. The outer error is the engine's, the inner one the caller's.
fn apply_all(connection: &Connection, changes: Vec<Change>, now: Timestamp) -> rusqlite::Result<Answer> {
    let mut revs = Vec::with_capacity(changes.len());
    for change in changes {
        match apply(connection, &change, now)? {
            Ok(rev) => revs.push(rev),
            Err(conflict) => return Ok(Err(conflict)),
        }
    }
    Ok(Ok(revs))
}

fn apply(connection: &Connection, change: &Change, now: Timestamp) -> rusqlite::Result<Result<i64, StateError>> {
    match change {
        Change::Put { table, id, expect, .. } | Change::Delete { table, id, expect } => {
            if let Err(conflict) = check(connection, *table, id, *expect)? {
                return Ok(Err(conflict));
            }
        }
        Change::DeleteKey { .. } => {}
    }
    let rev = match change {
        Change::Put { table, id, key, document, .. } => {
            let sql = format!(
                "INSERT INTO {} (id, rev, updated, key, document) VALUES (?1, 1, ?2, ?3, ?4) \
                 ON CONFLICT (id) DO UPDATE SET rev = rev + 1, updated = ?2, key = ?3, document = ?4 RETURNING rev",
                table.name()
            );
            connection.prepare_cached(&sql)?.query_row(params![id, now.0, key, document], |row| row.get(0))?
        }
        Change::Delete { table, id, .. } => {
            connection.prepare_cached(&format!("DELETE FROM {} WHERE id = ?", table.name()))?.execute([id])?;
            0
        }
        Change::DeleteKey { table, key } => {
            connection.prepare_cached(&format!("DELETE FROM {} WHERE key = ?", table.name()))?.execute([key])?;
            0
        }
    };
    Ok(Ok(rev))
}

fn check(connection: &Connection, table: Table, id: &str, expect: Expect) -> rusqlite::Result<Result<(), StateError>> {
    if expect == Expect::Any {
        return Ok(Ok(()));
    }
    let sql = format!("SELECT rev FROM {} WHERE id = ?", table.name());
    let found = connection.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(expect.check(table, id, found))
}
