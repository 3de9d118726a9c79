//! Files that are not as they were written, and a disk that fails.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use model::{Position, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryError, HistoryOptions, SegmentHistory, SeriesId};

use crate::bed::{DAY, HOUR, START, all, append, clock, floats, keep_all, key, open};

/// Two series over three days, compacted.
fn compacted(folder: &Path) -> [SeriesId; 2] {
    let clock = clock(START + 2 * DAY);
    let history = open(folder, &clock);
    let series = ["a", "b"].map(|name| history.series(&key("thing", name)).unwrap());
    for (position, series) in (1..).zip(series) {
        append(&history, position, floats(series, START, 8_640 * 2));
    }
    history.sync().unwrap();
    clock.advance(std::time::Duration::from_hours(9 * 24));
    history.maintain(&keep_all()).unwrap();
    series
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

#[test]
fn a_flipped_chunk_is_named_and_the_rest_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = compacted(folder.path());
    let [raw] = &files(folder.path(), ".raw")[..] else { panic!("one merged segment") };
    flip(raw, 200);
    let history = open(folder.path(), &clock(START + 11 * DAY));
    let error = history.range(a, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} at 16: ", raw.display())), "{error}");
    assert_eq!(all(&history, b).len(), 8_640 * 2);
    // The later chunk of the same series is whole.
    let later = history.range(a, Timestamp(START + 2 * DAY - 10_000_000), Timestamp::MAX, usize::MAX).unwrap();
    assert_eq!(later.len(), 1);
    // Hours come from their own file.
    let hour = START - START % HOUR + HOUR;
    assert_eq!(history.buckets(a, Timestamp(hour), Timestamp(hour + DAY), 24).unwrap().1.len(), 24);
    // The state leaves out what cannot be read, and it can be written to.
    assert_eq!(history.state_at(Timestamp(START + 1_000_000)).unwrap().len(), 1);
    append(&history, 3, floats(a, START + 10 * DAY, 10));
    history.sync().unwrap();
    assert_eq!(history.last(a).unwrap().time, Timestamp(START + 10 * DAY + 90_000_000));
}

#[test]
fn a_segment_without_its_end_is_reported_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = compacted(folder.path());
    let [raw] = &files(folder.path(), ".raw")[..] else { panic!("one merged segment") };
    let size = std::fs::metadata(raw).unwrap().len();
    OpenOptions::new().write(true).open(raw).unwrap().set_len(size / 2).unwrap();
    let history = open(folder.path(), &clock(START + 11 * DAY));
    assert_eq!(history.recovery().damaged.len(), 1);
    let error = history.range(a, Timestamp(START), Timestamp::MAX, 1).unwrap_err();
    assert!(matches!(error, HistoryError::Damaged { .. }), "{error}");
    history.maintain(&keep_all()).unwrap();
    assert!(raw.exists(), "a person may still want to rescue something");
    // Outside its window nothing is wrong.
    assert_eq!(history.range(a, Timestamp(START + 10 * DAY), Timestamp::MAX, 1).unwrap(), []);
}

#[test]
fn the_newest_points_are_found_again_without_their_table() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = compacted(folder.path());
    let [table] = &files(folder.path(), ".table")[..] else { panic!("one table") };
    flip(table, 30);
    let history = open(folder.path(), &clock(START + 11 * DAY));
    assert_eq!(history.recovery().damaged.len(), 1);
    let last = all(&history, a).pop().unwrap();
    assert_eq!(history.last(a).map(|point| (point.time.0, point.value)), Some(last));
}

#[test]
fn a_flip_in_the_log_ahead_takes_back_the_position() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock(START + DAY);
    let history = open(folder.path(), &clock);
    let series = history.series(&key("thing", "a")).unwrap();
    for position in 1..=10 {
        append(&history, position, floats(series, START + position as i64 * 1_000_000_000, 10));
        history.sync().unwrap();
    }
    drop(history);
    let [ahead] = &files(folder.path(), ".wal")[..] else { panic!("one generation") };
    flip(ahead, std::fs::metadata(ahead).unwrap().len() / 2);
    for _ in 0..2 {
        // The second time nothing is cut any more, and nothing of what was behind the cut comes back.
        let history = open(folder.path(), &clock);
        let applied = history.applied().0;
        assert!((3..8).contains(&applied), "{applied}");
        assert_eq!(all(&history, series).len() as u64, applied * 10);
    }
}

#[test]
fn a_newer_format_and_a_missing_manifest_are_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    compacted(folder.path());
    let open = || SegmentHistory::open(folder.path(), HistoryOptions::default(), clock(START));
    let manifest = folder.path().join("manifest");
    let whole = std::fs::read(&manifest).unwrap();
    let mut newer = whole.clone();
    newer[8] = 2;
    let checksum = crc32fast::hash(&newer[..12]);
    newer[12..16].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&manifest, newer).unwrap();
    let error = open().unwrap_err().to_string();
    let place = manifest.display();
    assert_eq!(
        error,
        format!(
            "{place}: the file has format 2, this program knows formats up to 1\n\
             hint: start the newer version, or restore a backup"
        )
    );
    std::fs::remove_file(&manifest).unwrap();
    let error = open().unwrap_err().to_string();
    assert_eq!(error, format!("{place} at 0: the file is missing although the history is not empty"));
    std::fs::write(&manifest, whole).unwrap();
    open().unwrap();
}

#[test]
fn a_failed_sync_is_final() {
    for device in ["/dev/full", "/dev/null"] {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock(START + DAY);
        let history = open(folder.path(), &clock);
        let series = history.series(&key("thing", "a")).unwrap();
        append(&history, 1, floats(series, START, 10));
        history.sync().unwrap();
        // The next generation will be this device, which takes no bytes or cannot make them durable.
        symlink(device, folder.path().join("ahead-00000002.wal")).unwrap();
        let later = Timestamp(START);
        clock.advance(std::time::Duration::from_hours(3));
        history.maintain(&keep_all()).unwrap();
        let batch = Batch { points: vec![(series, later, Value::Float(1.0))] };
        history.append(&batch, Position(2)).unwrap();
        let error = history.sync().unwrap_err().to_string();
        assert!(
            error.starts_with("the history cannot be written: ") && error.contains("ahead-00000002.wal"),
            "{error}"
        );
        assert!(matches!(history.append(&batch, Position(3)), Err(HistoryError::Broken(_))), "{device}");
        assert!(matches!(history.sync(), Err(HistoryError::Broken(_))));
        assert_eq!(history.applied(), Position(1), "what was not made durable is not applied");
        assert_eq!(all(&history, series).len(), 10, "reading goes on");
    }
}
