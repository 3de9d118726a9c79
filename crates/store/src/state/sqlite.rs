//! The state in one SQLite file: a writer thread that gathers commits, and a pool of connections that read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use model::Timestamp;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params_from_iter};

use super::migrations::{APPLICATION, SCHEMA, application, migrate, schema};
use super::sqlite_writer::{Job, Writer};
use super::{Change, Row, State, StateError, Table};
use crate::files;

/// How many commits may wait for the writer. More callers wait for room.
const COMMITS_WAITING_MAX: usize = 1024;

/// How many connections read at the same time. More callers wait for one.
const READERS_MAX: usize = 4;

/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 128;

/// How long SQLite waits for a lock that another connection holds, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 10_000;

/// The largest size that the write-ahead file keeps after a checkpoint, in bytes.
const WAL_KEPT_BYTES: u32 = 16 * 1024 * 1024;

/// The size of the smallest SQLite file: one page.
const SQLITE_BYTES_MIN: u64 = 512;

/// The state in one SQLite file.
#[derive(Debug)]
pub struct SqliteState {
    path: PathBuf,
    readers: Readers,
    /// `None` only while the state is being dropped.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    failures: Arc<AtomicU64>,
}

impl SqliteState {
    /// Opens the state in `file`, which is made if need be, and brings it to the schema of this program. A file of a
    /// newer schema is left untouched.
    pub fn open(file: &Path) -> Result<Self, StateError> {
        prepare_file(file)?;
        let failed = |error| engine_error(file, &error);
        let mut connection = connect(file).map_err(failed)?;
        migrate(&mut connection).map_err(failed)?;
        Self::start(file, connection)
    }

    /// Starts the writer on a connection.
    fn start(file: &Path, connection: Connection) -> Result<Self, StateError> {
        let (jobs, queue) = sync_channel(COMMITS_WAITING_MAX);
        let failures = Arc::default();
        let writer = Writer::new(connection, file.to_owned(), Arc::clone(&failures));
        let writer = std::thread::Builder::new()
            .name("state-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| io_error(file, &error))?;
        let readers = Readers::default();
        Ok(Self { path: file.to_owned(), readers, jobs: Some(jobs), writer: Some(writer), failures })
    }

    /// Runs a query on one of the reading connections.
    fn query<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StateError> {
        self.readers.with(&self.path, query).map_err(|error| engine_error(&self.path, &error))
    }
}

impl State for SqliteState {
    fn get(&self, table: Table, id: &str) -> Result<Option<Row>, StateError> {
        let sql = format!("SELECT id, rev, updated, key, document FROM {} WHERE id = ?", table.name());
        self.query(|connection| connection.prepare_cached(&sql)?.query_row([id], row).optional())
    }

    fn list(&self, table: Table, key: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<Row>, StateError> {
        let mut sql = format!("SELECT id, rev, updated, key, document FROM {}", table.name());
        sql.push_str(match (key, after) {
            (None, None) => "",
            (Some(_), None) => " WHERE key = ?",
            (None, Some(_)) => " WHERE id > ?",
            (Some(_), Some(_)) => " WHERE key = ? AND id > ?",
        });
        sql.push_str(" ORDER BY id LIMIT ");
        sql.push_str(&i64::try_from(limit).unwrap_or(i64::MAX).to_string());
        self.query(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map(params_from_iter(key.into_iter().chain(after)), row)?.collect()
        })
    }

    fn count(&self, table: Table, key: Option<&str>) -> Result<u64, StateError> {
        let condition = if key.is_some() { " WHERE key = ?" } else { "" };
        let sql = format!("SELECT count(*) FROM {}{condition}", table.name());
        self.query(|connection| {
            let count: i64 = connection.prepare_cached(&sql)?.query_row(params_from_iter(key), |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<Vec<i64>, StateError> {
        let stopped = || StateError::Engine {
            place: self.path.display().to_string(),
            problem: "the writer has stopped\nhint: start again, and report this".to_owned(),
        };
        let (reply, answer) = sync_channel(1);
        let jobs = self.jobs.as_ref().expect("the queue is there until the state is dropped");
        jobs.send(Job { changes, now, reply }).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }

    fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn backup(&self, file: &Path) -> Result<(), StateError> {
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        let temporary = PathBuf::from(name);
        let failed = |error: std::io::Error| io_error(&temporary, &error);
        files::remove(&temporary).map_err(failed)?;
        files::create_private(&temporary).map_err(failed)?;
        // One statement is one snapshot: those who write meanwhile neither wait nor show.
        let target = temporary.to_str().ok_or(std::io::ErrorKind::InvalidFilename.into()).map_err(failed)?;
        self.query(|connection| connection.execute("VACUUM INTO ?", [target]))?;
        probe(&temporary)?;
        files::publish(&temporary, file).map_err(|error| io_error(file, &error))
    }
}

impl Drop for SqliteState {
    /// Commits what waits, and closes the file.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            tracing::error!("the state's writer had stopped");
        }
    }
}

/// The connections that read.
#[derive(Debug, Default)]
struct Readers {
    idle: Mutex<Idle>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Connections that exist, idle or not.
    count: usize,
}

impl Readers {
    fn with<T>(&self, path: &Path, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = {
            let mut idle = self.idle.lock();
            while idle.connections.is_empty() && idle.count >= READERS_MAX {
                self.returned.wait(&mut idle);
            }
            let connection = idle.connections.pop();
            idle.count += usize::from(connection.is_none());
            connection
        };
        let mut lent = Lent { readers: self, connection: None };
        let connection = match idle {
            Some(connection) => connection,
            None => connect_to_read(path)?,
        };
        query(lent.connection.insert(connection))
    }
}

/// Gives the connection back, or its place if it could not be opened; also when the query panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.readers.idle.lock();
        match self.connection.take() {
            Some(connection) => idle.connections.push(connection),
            None => idle.count -= 1,
        }
        self.readers.returned.notify_one();
    }
}

/// Checks a file that is there, and makes one that is not, for the owner only.
fn prepare_file(file: &Path) -> Result<(), StateError> {
    let failed = |error: std::io::Error| io_error(file, &error);
    if !files::exists(file) {
        return files::create_private(file).map_err(failed);
    }
    let bytes = files::size(file).map_err(failed)?;
    if (1..SQLITE_BYTES_MIN).contains(&bytes) {
        // SQLite would take such a rest for a new file, and write over it.
        return Err(damaged(file, format!("it has only {bytes} bytes")));
    }
    probe(file)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        if files::exists(Path::new(&name)) {
            files::restrict(Path::new(&name), false).map_err(failed)?;
        }
    }
    Ok(())
}

fn damaged(file: &Path, problem: String) -> StateError {
    StateError::Damaged { place: file.display().to_string(), problem }
}

/// Looks at a file without changing it: whether it is ours, whole, and of a schema that we know.
fn probe(file: &Path) -> Result<(), StateError> {
    let failed = |error| engine_error(file, &error);
    let connection = connect_to_read(file).map_err(failed)?;
    let found = schema(&connection).map_err(failed)?;
    let application = application(&connection).map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if application != APPLICATION && (application, found, tables) != (0, 0, 0) {
        return Err(damaged(file, "it was made by another program".to_owned()));
    }
    if found > SCHEMA {
        return Err(StateError::Newer { found, known: SCHEMA });
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(file, verdict)) }
}

/// The connection that writes.
fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    Ok(connection)
}

fn connect_to_read(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS.into()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "cell_size_check", true)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        rev: row.get(1)?,
        updated: Timestamp(row.get(2)?),
        key: row.get(3)?,
        document: row.get(4)?,
    })
}

/// SQLite's error with what a person can do about it.
pub(super) fn engine_error(file: &Path, error: &rusqlite::Error) -> StateError {
    let place = file.display().to_string();
    let problem = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StateError::Damaged { place, problem },
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            StateError::Engine { place, problem: format!("{problem}\nhint: make room on the disk, or check it") }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StateError::Engine {
            place,
            problem: format!("{problem}\nhint: check the permissions of the file and its folder"),
        },
        _ => StateError::Engine { place, problem },
    }
}

fn io_error(file: &Path, error: &std::io::Error) -> StateError {
    StateError::Engine { place: file.display().to_string(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlites_own_full_disk_is_an_error_that_passes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.sqlite");
        drop(SqliteState::open(&file).unwrap());
        let connection = connect(&file).unwrap();
        let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 20), [], |_| Ok(())).unwrap();
        let state = SqliteState::start(&file, connection).unwrap();
        let put = |number: u32| {
            let change = Change::put(Table::Setting, format!("{number:04}"), None, &vec![number; 2_000]);
            state.commit(vec![change], Timestamp(1))
        };
        let refused = (0..).find_map(|number| put(number).err().map(|error| (number, error)));
        let (number, error) = refused.unwrap();
        assert!(error.to_string().contains("is full\nhint: make room on the disk"), "{error}");
        assert_eq!((state.count(Table::Setting, None).unwrap(), state.failures()), (u64::from(number), 1));
        state
            .commit(vec![Change::delete(Table::Setting, "0000"), Change::delete(Table::Setting, "0001")], Timestamp(2))
            .unwrap();
        put(number).unwrap();
    }
}
