//! A full disk: the history waits for room, serves what it has, and goes on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Position, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryError, HistoryOptions, SegmentHistory, SeriesId};

use crate::bed::{DAY, SECOND, START, all, clock, keep_all, key, open_with};
use crate::crash::{FOLDER, room, run_with_little_room};

const POINTS: u64 = 300;

fn open(folder: &Path) -> SegmentHistory {
    let options = HistoryOptions { head_age_max: Duration::ZERO, ..HistoryOptions::default() };
    open_with(folder, &clock(START + DAY), options)
}

/// The points of one position, which do not pack well.
fn batch(position: u64) -> Batch {
    let points = (0..POINTS).map(|i| {
        let number = (position * POINTS + i) as i64;
        let noise = (number.wrapping_mul(0x5DEE_CE66_D1CE_4E5B) >> 20) as f64;
        (SeriesId(0), Timestamp(START + number * SECOND / 10), Value::Float(noise))
    });
    Batch { points: points.collect() }
}

/// Every point of every position up to this one is there once, and nothing else.
fn check(history: &SegmentHistory, applied: u64) {
    let expected: Vec<(i64, Value)> =
        (1..=applied).flat_map(|position| batch(position).points).map(|(_, time, value)| (time.0, value)).collect();
    assert_eq!(all(history, SeriesId(0)), expected);
}

/// What another process would find after a crash now.
fn check_after_crash(folder: &Path, applied: u64) {
    let copy = tempfile::tempdir().unwrap();
    for item in std::fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        std::fs::copy(item.path(), copy.path().join(item.file_name())).unwrap();
    }
    let history = open(copy.path());
    assert!(history.recovery().cut.is_empty() && history.recovery().damaged.is_empty(), "{:?}", history.recovery());
    assert_eq!(history.applied(), Position(applied));
    check(&history, applied);
}

#[test]
#[ignore = "started by the test below"]
fn appending() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let history = open(&folder);
    history.series(&key("thing", "name")).unwrap();
    let append = |position| history.append(&batch(position), Position(position));
    (1..=5).try_for_each(append).unwrap();
    history.sync().unwrap();
    room(Some(40_000));
    let mut position = 5;
    let refused = loop {
        match append(position + 1) {
            Ok(()) => position += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, HistoryError::NoRoom(_)), "{refused}");
    let text = history.sync().unwrap_err().to_string();
    assert!(text.contains(".wal: ") && text.contains("hint: make room on the disk"), "{text}");
    assert!(position > 50, "some are taken in the meantime: {position}");
    assert!(history.statistics().full_disks >= 2, "{:?}", history.statistics());
    assert_eq!(history.applied(), Position(5), "what was not written is not announced");
    check(&history, position);
    let newcomer = history.series(&key("thing", "new")).unwrap();
    assert!(history.sync().is_err());
    room(None);
    check_after_crash(&folder, 5);
    history.sync().unwrap();
    assert_eq!(history.applied(), Position(position), "it goes on by itself");
    append(position + 1).unwrap();
    history.sync().unwrap();
    check(&history, position + 1);
    drop(history);
    let history = open(&folder);
    assert!(history.recovery().cut.is_empty(), "{:?}", history.recovery());
    assert_eq!(history.series(&key("thing", "new")).unwrap(), newcomer);
    check(&history, position + 1);
}

#[test]
fn appends_wait_for_room_and_are_refused_beyond_a_limit() {
    run_with_little_room("full::appending", tempfile::tempdir().unwrap().path());
}

#[test]
#[ignore = "started by the test below"]
fn flushing() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let history = open(&folder);
    history.series(&key("thing", "name")).unwrap();
    (1..=40).for_each(|position| history.append(&batch(position), Position(position)).unwrap());
    history.sync().unwrap();
    room(Some(2_000));
    let files = || std::fs::read_dir(&folder).unwrap().count();
    let mut counted = Vec::new();
    for _ in 0..4 {
        let error = history.maintain(&keep_all()).unwrap_err();
        assert!(matches!(error, HistoryError::NoRoom(_)), "{error}");
        check(&history, 40);
        counted.push(files());
    }
    assert!(counted.windows(2).all(|pair| pair[0] == pair[1]), "nothing piles up: {counted:?}");
    room(None);
    check_after_crash(&folder, 40);
    history.append(&batch(41), Position(41)).unwrap();
    history.maintain(&keep_all()).unwrap();
    assert_eq!(history.applied(), Position(41));
    assert!(history.statistics().raw_bytes > 2_000, "what was set aside became segments");
    check(&history, 41);
    drop(history);
    check(&open(&folder), 41);
}

#[test]
fn a_head_that_finds_no_room_stays_in_memory_and_goes_later() {
    run_with_little_room("full::flushing", tempfile::tempdir().unwrap().path());
}
