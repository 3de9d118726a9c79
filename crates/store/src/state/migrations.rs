//! The schema of the state file: numbered steps forwards, embedded in the program.
//!
//! A step that was released never changes; what is wrong with it is put right by a later one.

use rusqlite::Connection;

/// The steps; the first one leads to schema 1.
const STEPS: [&str; 6] = [
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_runs.sql"),
    include_str!("migrations/0003_fleet.sql"),
    include_str!("migrations/0004_mind.sql"),
    include_str!("migrations/0005_rules.sql"),
    include_str!("migrations/0006_habits.sql"),
];

/// The schema that this program writes.
pub(super) const SCHEMA: i64 = STEPS.len() as i64;

/// Marks a file as ours: "Mnml".
pub(super) const APPLICATION: i64 = 0x4d6e_6d6c;

/// The schema of a file; 0 when it is new.
pub(super) fn schema(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The mark of the program that made the file; 0 when it is new.
pub(super) fn application(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Takes the steps that a file still lacks, all or none.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = schema(connection)?;
    if found >= SCHEMA {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()
}
