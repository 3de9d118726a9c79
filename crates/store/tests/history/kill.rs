//! kill -9 while the history is being written: what was announced as applied is there, once, and it goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{Position, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryOptions, SegmentHistory, SeriesId};

use crate::bed::{DAY, HOUR, START, all, clock, keep_all, key, open_with};
use crate::crash::{self, Child, FOLDER};

const SERIES: u32 = 4;
const POINTS: u64 = 300;

fn open(folder: &Path) -> SegmentHistory {
    let options = HistoryOptions {
        head_bytes_max: 60_000,
        ahead_bytes_max: 40_000,
        head_age_max: Duration::ZERO,
        ..HistoryOptions::default()
    };
    // Some days are over, some are not.
    open_with(folder, &Arc::clone(&clock(START + 3 * DAY)), options)
}

/// The points of one position: all values tell the position, a few are late.
fn batch(position: u64) -> Batch {
    let points = (0..POINTS).map(|i| {
        let late = if i % 50 == 0 { 5 * HOUR } else { 0 };
        let time = START + (position * POINTS + i) as i64 * 2_000_001 - late;
        (SeriesId((i % u64::from(SERIES)) as u32), Timestamp(time), Value::Integer(position as i64))
    });
    Batch { points: points.collect() }
}

/// The child: appends position after position, maintains beside it, announces what is durable.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let history = open(&folder);
    for series in 0..SERIES {
        history.series(&key("thing", &format!("name{series}"))).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                history.maintain(&keep_all()).unwrap();
            }
        });
        for position in history.applied().0 + 1.. {
            history.append(&batch(position), Position(position)).unwrap();
            if position % 3 == 0 {
                history.sync().unwrap();
                crash::announce(&history.applied().to_string());
            }
        }
    });
}

#[test]
fn nothing_announced_is_lost_or_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut announced = 0;
    for round in 0..10 {
        let lines = Child::start("kill::child", folder.path()).kill_after_lines(2 + round * 3);
        announced = lines.iter().map(|line| line.parse::<u64>().unwrap()).fold(announced, u64::max);
        let history = open(folder.path());
        let applied = history.applied().0;
        assert!(applied >= announced, "round {round}: {announced} was announced, {applied} is there");
        assert!(history.recovery().damaged.is_empty(), "round {round}: {:?}", history.recovery());
        // Exactly the points of all positions up to the applied one, and nothing of a later one.
        for series in 0..SERIES {
            let mut expected: Vec<(i64, Value)> = (1..=applied)
                .flat_map(|position| batch(position).points)
                .filter(|(id, ..)| id.0 == series)
                .map(|(_, time, value)| (time.0, value))
                .collect();
            expected.sort_by_key(|(time, _)| *time);
            assert_eq!(all(&history, SeriesId(series)), expected, "round {round}, series {series}");
        }
        history.append(&batch(applied + 1), Position(applied + 1)).unwrap();
        history.sync().unwrap();
        assert_eq!(history.applied().0, applied + 1);
    }
}
