//! The state's file: schema, damage, permissions, backup.

use std::path::Path;

use model::Timestamp;
use store::state::{Change, SqliteState, State, StateError, Table};

fn fill(state: &SqliteState, count: u32) {
    let changes = (0..count).map(|index| Change::put(Table::Thing, format!("thing-{index:05}"), None, &index));
    state.commit(changes.collect(), Timestamp(1)).unwrap();
}

#[test]
fn it_is_there_after_opening_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.sqlite");
    for round in 1..=3_i64 {
        let state = SqliteState::open(&file).unwrap();
        fill(&state, 100);
        assert_eq!(state.get(Table::Thing, "thing-00099").unwrap().unwrap().rev, round);
    }
}

#[test]
#[cfg(unix)]
fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.sqlite");
    drop(SqliteState::open(&file).unwrap());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let state = SqliteState::open(&file).unwrap();
    fill(&state, 1);
    let backup = folder.path().join("backup.sqlite");
    state.backup(&backup).unwrap();
    let mut files = 0;
    for item in std::fs::read_dir(folder.path()).unwrap() {
        let item = item.unwrap();
        assert_eq!(item.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", item.file_name());
        files += 1;
    }
    assert!(files >= 3, "the state, its write-ahead file and the backup");
}

#[test]
fn a_newer_file_is_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.sqlite");
    fill(&SqliteState::open(&file).unwrap(), 10);
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.execute_batch("CREATE TABLE later (id TEXT)").unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    let error = SqliteState::open(&file).unwrap_err();
    assert!(matches!(error, StateError::Newer { found: 99, known: 6 }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_not_ours_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no database at all\n".repeat(100)).unwrap();
    let foreign = folder.path().join("foreign.sqlite");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE cookies (id TEXT)").unwrap();
    for file in [text, foreign] {
        let before = std::fs::read(&file).unwrap();
        let error = SqliteState::open(&file).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("hint: restore a backup"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

/// Opens the file and reads all of it. Never panics; an error must be one that names the file.
fn use_all(file: &Path) -> Result<Vec<String>, StateError> {
    let state = SqliteState::open(file)?;
    let rows = state.list(Table::Thing, None, None, usize::MAX)?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[test]
fn damage_anywhere_is_an_error_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.sqlite");
    fill(&SqliteState::open(&file).unwrap(), 300);
    let good = std::fs::read(&file).unwrap();
    let mut refused = 0;
    // The header and every page's start are the sensitive places.
    let places = (0..100).step_by(7).chain((0..good.len()).step_by(1024)).chain((0..good.len()).step_by(1777));
    for at in places {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        std::fs::write(&file, &bad).unwrap();
        match use_all(&file) {
            Ok(_) => {}
            Err(error) => {
                assert!(
                    error.to_string().contains("state.sqlite") || matches!(error, StateError::Newer { .. }),
                    "{error}"
                );
                refused += 1;
            }
        }
        for name in ["state.sqlite-wal", "state.sqlite-shm"] {
            drop(std::fs::remove_file(folder.path().join(name)));
        }
    }
    assert!(refused > 10, "{refused}");
    for length in [1, 50, 4096, good.len() / 2] {
        std::fs::write(&file, &good[..length]).unwrap();
        let error = use_all(&file).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{length}: {error}");
    }
}

#[test]
fn a_backup_is_one_moment_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&folder.path().join("state.sqlite")).unwrap();
    fill(&state, 2000);
    let copy = folder.path().join("backup.sqlite");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..20 {
                fill(&state, 2000);
            }
        });
        while !writer.is_finished() {
            state.backup(&copy).unwrap();
            let copied = SqliteState::open(&copy).unwrap();
            let rows = copied.list(Table::Thing, None, None, usize::MAX).unwrap();
            assert_eq!(rows.len(), 2000);
            assert!(
                rows.iter().all(|row| row.rev == rows[0].rev),
                "every transaction is in the copy whole or not at all"
            );
        }
    });
    let error = state.backup(&folder.path().join("no/such/folder/backup.sqlite")).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}
