//! kill -9 while the log is being written: what was announced as durable is there.

use std::path::PathBuf;

use crate::crash::{self, Child, FOLDER};
use crate::entries::{entry, entry_of};
use model::Position;
use store::log::{Log, SegmentLog, SegmentOptions, Urgency};

fn open(folder: &std::path::Path) -> SegmentLog {
    let options = SegmentOptions { segment_bytes: 64 * 1024, tail_bytes: 8 * 1024, ..SegmentOptions::default() };
    SegmentLog::open(folder, options).unwrap()
}

/// The child: appends from several threads and announces every durable end.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let log = open(&folder);
    let mut durable = log.durable();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let log = &log;
            scope.spawn(move || {
                for index in 0_u64.. {
                    let urgency = if index.is_multiple_of(5) { Urgency::Now } else { Urgency::Lazy };
                    let entry = if writer == 0 { entry_of(index, vec![7; 3000]) } else { entry(index) };
                    log.append(entry, urgency).unwrap();
                    if index.is_multiple_of(10) {
                        log.sync().unwrap();
                    }
                }
            });
        }
        let mut announced = Position::START;
        loop {
            let end = *durable.borrow_and_update();
            if end > announced {
                crash::announce(&end.to_string());
                announced = end;
            }
            std::thread::yield_now();
        }
    });
}

#[test]
fn nothing_announced_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut announced = 1;
    let mut kept: Vec<model::Entry> = Vec::new();
    for round in 0..12 {
        let lines = Child::start("log_crash::child", folder.path()).kill_after_lines(3 + round * 7);
        announced = lines.iter().map(|line| line.parse::<u64>().unwrap()).fold(announced, u64::max);
        let log = open(folder.path());
        let mut all = Vec::new();
        let mut from = Position(1);
        loop {
            let read = log.read(from, 1000).unwrap();
            let Some(last) = read.last() else { break };
            from = last.position.next();
            all.extend(read);
        }
        assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position), "round {round}");
        assert!(from.0 >= announced, "round {round}: {announced} was announced, only {from} is there");
        assert!(all.starts_with(&kept), "round {round}: what was there before has changed");
        // SIGKILL loses nothing that was written, so not even a position is skipped unless a frame was cut.
        if log.recovery().problems.is_empty() && kept.len() as u64 + 1 == announced {
            assert_eq!(all.len() as u64 + 1, from.0, "round {round}");
        }
        kept = all;
    }
    assert!(kept.len() > 500, "{}", kept.len());
}
