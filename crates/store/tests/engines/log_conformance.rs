//! One suite for every engine of the log.

use std::sync::Arc;

use crate::entries::{entry, entry_of};
use model::{Position, Timestamp};
use store::log::{Log, LogError, MemoryLog, Retention, SegmentLog, SegmentOptions, Urgency};

/// A fresh log and what must stay alive as long as it does.
type Made = (Arc<dyn Log>, Option<tempfile::TempDir>);

/// Every engine, small enough that a few hundred entries reach all of its parts.
fn engines() -> Vec<(&'static str, Made)> {
    let segments = |options: SegmentOptions| -> Made {
        let folder = tempfile::tempdir().unwrap();
        let log = SegmentLog::open(folder.path(), options).unwrap();
        (Arc::new(log), Some(folder))
    };
    let small = SegmentOptions { segment_bytes: 4096, tail_bytes: 2048, ..SegmentOptions::default() };
    vec![
        ("memory", (Arc::new(MemoryLog::default()), None)),
        ("segments", segments(SegmentOptions::default())),
        ("small segments", segments(small)),
    ]
}

fn fill(log: &dyn Log, count: u64) {
    for index in 0..count {
        let urgency = if index % 3 == 0 { Urgency::Now } else { Urgency::Lazy };
        assert_eq!(log.append(entry(index), urgency).unwrap(), Position(index + 1));
    }
    log.sync().unwrap();
}

fn positions(entries: &[model::Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.position.0).collect()
}

#[test]
fn an_empty_log_says_so() {
    for (name, (log, _folder)) in engines() {
        let bounds = log.bounds();
        let one = Position(1);
        assert_eq!((bounds.first, bounds.next, bounds.durable), (one, one, one), "{name}");
        assert_eq!(*log.durable().borrow(), one, "{name}");
        assert!(log.read(Position::START, 10).unwrap().is_empty(), "{name}");
        assert!(log.read(one, 10).unwrap().is_empty(), "{name}");
        let back = log.read_back(one, 10, 1000, &mut |_| true).unwrap();
        assert_eq!((back.entries.len(), back.before), (0, None), "{name}");
        log.sync().unwrap();
    }
}

#[test]
fn what_was_appended_is_read_as_it_was_said() {
    for (name, (log, _folder)) in engines() {
        fill(&*log, 300);
        let mut read = Vec::new();
        while read.len() < 300 {
            let from = Position(read.len() as u64 + 1);
            let some = log.read(from, 7).unwrap();
            assert!(!some.is_empty() && some.len() <= 7, "{name}");
            read.extend(some);
        }
        for (index, found) in read.iter().enumerate() {
            let mut said = entry(index as u64);
            said.position = Position(index as u64 + 1);
            assert_eq!(*found, said, "{name}");
        }
        assert!(log.read(Position(301), 7).unwrap().is_empty(), "{name}");
        assert!(log.read(Position(9999), 7).unwrap().is_empty(), "{name}");
        assert_eq!(log.read(Position::START, 2).unwrap()[0].position, Position(1), "{name}");
        assert!(log.read(Position(1), 0).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_read_stops_after_some_bytes_but_always_goes_on() {
    for (name, (log, _folder)) in engines() {
        for index in 0..6 {
            log.append(entry_of(index, vec![index as u8; 2 * 1024 * 1024]), Urgency::Lazy).unwrap();
        }
        log.sync().unwrap();
        let first = log.read(Position(1), 100).unwrap();
        assert!((1..=3).contains(&first.len()), "{name}: {}", first.len());
        let mut next = Position(1);
        for _ in 0..6 {
            let some = log.read(next, 1).unwrap();
            assert_eq!(some[0].payload[0], (next.0 - 1) as u8, "{name}");
            next = next.next();
        }
    }
}

#[test]
fn reading_back_finds_what_is_wanted_newest_first() {
    for (name, (log, _folder)) in engines() {
        fill(&*log, 300);
        let mut wanted = |entry: &model::Entry| entry.position.0.is_multiple_of(10);
        let back = log.read_back(Position(u64::MAX), 5, usize::MAX, &mut wanted).unwrap();
        assert_eq!(positions(&back.entries), [300, 290, 280, 270, 260], "{name}");
        assert_eq!(back.before, Some(Position(260)), "{name}");
        let mut found = Vec::new();
        let mut before = Some(Position(201));
        let mut calls = 0;
        while let Some(position) = before {
            let back = log.read_back(position, 100, 3000, &mut wanted).unwrap();
            found.extend(positions(&back.entries));
            assert!(back.before.is_none_or(|next| next < position), "{name}: the cursor moves");
            before = back.before;
            calls += 1;
        }
        assert!(calls > 5, "{name}: the budget bounds a call, {calls}");
        assert_eq!(found, (1..=20).rev().map(|index| index * 10).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn retention_by_time_and_need() {
    for (name, (log, _folder)) in engines() {
        fill(&*log, 300);
        let keep = Retention { received_before: Timestamp::MIN, bytes_max: u64::MAX, needed_from: Position(u64::MAX) };
        assert_eq!(log.retain(&keep).unwrap(), 0, "{name}");
        let needed = Retention { received_before: Timestamp::MAX, needed_from: Position(1), ..keep };
        assert_eq!(log.retain(&needed).unwrap(), 0, "{name}");
        let gone = log.retain(&Retention { received_before: entry(150).received, ..keep }).unwrap();
        let first = log.bounds().first;
        assert!(gone <= 150 && first.0 == gone + 1, "{name}: {gone} went, the first is {first}");
        if gone > 0 {
            assert!(matches!(log.read(Position(1), 1), Err(LogError::Gone { .. })), "{name}");
            let back = log.read_back(Position(gone + 5), 100, usize::MAX, &mut |_| true).unwrap();
            assert_eq!((back.entries.len(), back.before), (4, None), "{name}");
        } else {
            assert_eq!(name, "segments", "only one large segment holds on to all");
        }
        assert_eq!(log.read(Position::START, 1).unwrap()[0].position, first, "{name}");
        assert_eq!(log.read(Position(200), 1).unwrap()[0].position.0, 200, "{name}");
    }
}

#[test]
fn retention_by_bytes_keeps_the_newest() {
    for (name, (log, _folder)) in engines() {
        fill(&*log, 300);
        let bytes = log.bounds().bytes;
        let policy =
            Retention { received_before: Timestamp::MIN, bytes_max: bytes / 3, needed_from: Position(u64::MAX) };
        log.retain(&policy).unwrap();
        // One more entry: an engine of segments may have had to start a new one first.
        log.append(entry(300), Urgency::Now).unwrap();
        log.sync().unwrap();
        log.retain(&policy).unwrap();
        assert!(log.bounds().bytes <= bytes / 3 + 500, "{name}: {} of {bytes}", log.bounds().bytes);
        assert_eq!(log.read(Position(301), 9).unwrap().len(), 1, "{name}");
        assert_eq!(log.append(entry(301), Urgency::Now).unwrap(), Position(302), "{name}");
    }
}

#[test]
fn an_entry_that_is_too_large_is_refused() {
    for (name, (log, _folder)) in engines() {
        let large = entry_of(0, vec![0; store::log::ENTRY_BYTES_MAX]);
        assert!(matches!(log.append(large, Urgency::Now), Err(LogError::TooLarge { .. })), "{name}");
        assert_eq!(log.append(entry(0), Urgency::Now).unwrap(), Position(1), "{name}: no position was used up");
    }
}

#[test]
fn many_writers_get_one_order_and_readers_see_only_what_is_durable() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 500;
    for (name, (log, _folder)) in engines() {
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let log = &log;
                scope.spawn(move || {
                    for index in 0..EACH {
                        log.append(entry_of(index, vec![writer as u8]), Urgency::Now).unwrap();
                    }
                });
            }
            let mut durable = log.durable();
            let mut next = Position(1);
            let mut newest = vec![None; WRITERS as usize];
            while next.0 <= WRITERS * EACH {
                let end = *durable.borrow_and_update();
                let read = log.read(next, 100).unwrap();
                if read.is_empty() {
                    assert!(next >= end, "{name}: {next} was announced and cannot be read");
                    std::thread::yield_now();
                }
                for found in read {
                    assert_eq!(found.position, next, "{name}");
                    let newest = &mut newest[usize::from(found.payload[0])];
                    assert!(*newest < Some(found.received), "{name}: a writer's entries keep their order");
                    *newest = Some(found.received);
                    next = next.next();
                }
            }
        });
        assert_eq!(log.bounds().durable, Position(WRITERS * EACH + 1), "{name}");
    }
}

#[tokio::test]
async fn a_lazy_entry_becomes_durable_by_itself() {
    for (name, (log, _folder)) in engines() {
        let mut durable = log.durable();
        let position = log.append(entry(0), Urgency::Lazy).unwrap();
        durable.wait_for(|end| *end > position).await.unwrap();
        assert_eq!(log.read(position, 1).unwrap().len(), 1, "{name}");
    }
}
