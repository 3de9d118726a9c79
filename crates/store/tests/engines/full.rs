//! A full disk: the log and the state say so, serve what they have, and go on when there is room.

use std::path::{Path, PathBuf};

use model::{Position, Timestamp};
use store::log::{Log, LogError, SegmentLog, SegmentOptions, Urgency};
use store::state::{Change, SqliteState, State, StateError, Table};

use crate::crash::{FOLDER, room, run_with_little_room};
use crate::entries::entry_of;

fn open_log(folder: &Path) -> SegmentLog {
    // Nothing of it stays in memory, so that reading reads files.
    SegmentLog::open(&folder.join("log"), SegmentOptions { tail_bytes: 1, ..SegmentOptions::default() }).unwrap()
}

#[test]
#[ignore = "started by the test below"]
fn log() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let log = open_log(&folder);
    room(Some(20_000));
    let announced = loop {
        log.append(entry_of(1, vec![7; 300]), Urgency::Now).unwrap();
        match log.sync() {
            Ok(()) => {}
            Err(error @ LogError::NoRoom(_)) => {
                assert!(error.to_string().contains("hint: make room on the disk"), "{error}");
                break log.bounds().durable;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(announced > Position(20) && log.full_disks() > 0, "{announced}");
    assert_eq!(log.read(Position::START, usize::MAX).unwrap().len() as u64 + 1, announced.0);
    room(None);
    log.sync().unwrap();
    assert_eq!(log.bounds().durable, announced.next(), "what waited is written");
    drop(log);
    let log = open_log(&folder);
    assert!(log.recovery().problems.is_empty(), "{:?}", log.recovery());
    assert_eq!(log.read(Position::START, usize::MAX).unwrap().len() as u64, announced.0);
}

#[test]
fn the_log_waits_for_room() {
    run_with_little_room("full::log", tempfile::tempdir().unwrap().path());
}

#[test]
#[ignore = "started by the test below"]
fn state() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let file = folder.join("state.sqlite");
    let state = SqliteState::open(&file).unwrap();
    let put = |number: u64| {
        let change = Change::put(Table::Setting, format!("{number:06}"), None, &vec![number; 200]);
        state.commit(vec![change], Timestamp(1))
    };
    put(0).unwrap();
    room(Some(1_000_000));
    let mut number = 1;
    let error = loop {
        match put(number) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, StateError::Engine { place, .. } if place.ends_with("state.sqlite")), "{error}");
    assert!(error.to_string().contains("hint: make room on the disk"), "{error}");
    assert!(number > 20 && put(number).is_err() && state.failures() >= 2, "{number}");
    let ids = |state: &SqliteState| -> Vec<String> {
        state.list(Table::Setting, None, None, usize::MAX).unwrap().into_iter().map(|row| row.id).collect()
    };
    let answered: Vec<String> = (0..number).map(|number| format!("{number:06}")).collect();
    assert_eq!(ids(&state), answered, "reading goes on, and nothing is there by half");
    room(None);
    put(number).unwrap();
    drop(state);
    assert_eq!(ids(&SqliteState::open(&file).unwrap()).len() as u64, number + 1);
}

#[test]
fn the_state_refuses_changes_until_there_is_room() {
    run_with_little_room("full::state", tempfile::tempdir().unwrap().path());
}
