//! Disks that refuse to write.

use super::*;
use crate::log::LogError;

/// Appends until the log breaks and returns what was announced by then, and the message.
fn until_broken(log: &SegmentLog) -> (Position, String) {
    let mut number = log.bounds().next.0;
    loop {
        let appended = log.append(entry(number, 50), Urgency::Now).and_then(|_| log.sync());
        number += 1;
        if let Err(error) = appended {
            assert!(matches!(error, LogError::Broken(_)), "{error}");
            return (*log.durable().borrow(), error.to_string());
        }
    }
}

/// Opens the folder in a healthy machine: all that was announced is there, and the log goes on.
fn check_reopened(media: &Faulty, announced: Position) {
    let log = open(&media.moved(), small());
    let found = all(&log);
    for (index, entry) in found.iter().enumerate() {
        assert_eq!((entry.position.0, number(entry)), (index as u64 + 1, index as u64 + 1));
    }
    assert!(found.len() as u64 + 1 >= announced.0, "{announced} was announced, {} are there", found.len());
    assert!(log.append(entry(0, 8), Urgency::Now).unwrap() >= announced);
    log.sync().unwrap();
}

#[test]
fn a_full_disk_holds_the_log_up_until_there_is_room() {
    for room in (0..200).chain((200..1500).step_by(7)) {
        let media = Faulty::default();
        media.world(|world| world.room_bytes = Some(room));
        let log = open(&media, small());
        let (announced, problem) = loop {
            log.append(entry(log.bounds().next.0, 50), Urgency::Now).unwrap();
            match log.sync() {
                Ok(()) => {}
                Err(LogError::NoRoom(problem)) => break (*log.durable().borrow(), problem),
                Err(error) => panic!("{error}"),
            }
        };
        assert!(problem.contains("hint: make room on the disk; the log goes on by itself"), "{problem}");
        assert!(matches!(log.sync(), Err(LogError::NoRoom(_))), "it is tried again, and says so again");
        assert!(log.full_disks() >= 2);
        assert_eq!(all(&log).len() as u64 + 1, announced.0, "what is durable can still be read");
        check_files(&media, announced);

        media.world(|world| world.room_bytes = None);
        log.append(entry(log.bounds().next.0, 50), Urgency::Now).unwrap();
        log.sync().unwrap();
        let next = log.bounds().next;
        assert_eq!((all(&log).len() as u64 + 1, *log.durable().borrow()), (next.0, next), "what waited is there");
        drop(log);
        check_reopened(&media, next);
    }
}

/// On the full disk there is nothing by half: a crash finds the entries that were announced, and no torn tail.
fn check_files(media: &Faulty, announced: Position) {
    let log = open(&media.moved(), small());
    assert!(log.recovery().problems.is_empty(), "{:?}", log.recovery());
    assert_eq!(all(&log).len() as u64 + 1, announced.0);
}

#[test]
fn what_waits_for_room_is_bounded_and_a_log_that_is_closed_gives_it_up() {
    let media = Faulty::default();
    let log = open(&media, SegmentOptions { pending_bytes: 10_000, ..small() });
    log.append(entry(1, 8), Urgency::Now).unwrap();
    log.sync().unwrap();
    media.world(|world| world.room_bytes = Some(100));
    let mut number = 2;
    let refused = loop {
        match log.append(entry(number, 50), Urgency::Now) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LogError::Full { bytes: 9_000..=10_000 }), "{refused}");
    assert!(matches!(log.sync(), Err(LogError::NoRoom(_))));
    let announced = *log.durable().borrow();
    drop(log);
    check_reopened(&media, announced);
}

#[test]
fn a_full_disk_that_cannot_even_be_tidied_breaks_the_log() {
    let media = Faulty::default();
    media.world(|world| (world.room_bytes, world.stays_torn) = (Some(300), true));
    let log = open(&media, small());
    let (announced, problem) = until_broken(&log);
    assert!(problem.contains("hint: check the disk and start again"), "{problem}");
    drop(log);
    media.world(|world| world.stays_torn = false);
    check_reopened(&media, announced);
}

#[tokio::test]
async fn a_failed_sync_breaks_the_log_for_good() {
    for syncs in 0..12 {
        let media = Faulty::default();
        media.world(|world| world.syncs_left = Some(syncs));
        let log = open(&media, small());
        let mut durable = log.durable();
        let (announced, problem) = until_broken(&log);
        assert!(problem.contains("the disk is on fire\nhint: "), "{problem}");
        // The disk recovers, the log must not: nobody knows what became of the bytes that were not synced.
        media.world(|world| world.syncs_left = None);
        assert!(matches!(log.append(entry(0, 8), Urgency::Now), Err(LogError::Broken(_))));
        assert!(matches!(log.sync(), Err(LogError::Broken(_))));
        assert_eq!(*log.durable().borrow(), announced);
        assert!(durable.wait_for(|end| *end > announced).await.is_err(), "whoever waits is told");
        drop(log);
        check_reopened(&media, announced);
    }
}

#[test]
fn short_writes_are_finished() {
    let media = Faulty::default();
    media.world(|world| world.write_bytes_max = Some(7));
    let log = open(&media, small());
    for number in 1..=100 {
        log.append(entry(number, 30), Urgency::Lazy).unwrap();
    }
    log.sync().unwrap();
    assert_eq!(all(&log).len(), 100);
    assert_eq!(all_backwards(&log), all(&log));
    drop(log);
    check_reopened(&media, Position(101));
}

#[test]
fn what_waits_for_a_slow_disk_is_bounded_and_shares_one_sync() {
    let media = Faulty::default();
    let options = SegmentOptions { pending_bytes: 100_000, ..SegmentOptions::default() };
    let log = open(&media, options);
    log.append(entry(1, 8), Urgency::Now).unwrap();
    log.sync().unwrap();
    media.world(|world| world.hold_syncs = true);
    let mut accepted = 1;
    let bytes = loop {
        match log.append(entry(accepted + 1, 100), Urgency::Now) {
            Ok(position) => accepted = position.0,
            Err(LogError::Full { bytes }) => break bytes,
            Err(error) => panic!("{error}"),
        }
    };
    assert!((99_000..=100_000).contains(&bytes), "{bytes}");
    assert_eq!(log.bounds().durable, Position(2));
    assert!(log.read(Position(2), 10).unwrap().is_empty(), "what is not durable is not read");
    let before = media.world(|world| std::mem::take(&mut world.hold_syncs).then_some(world.syncs).unwrap());
    log.sync().unwrap();
    let syncs = media.world(|world| world.syncs) - before;
    assert!(syncs <= 2, "{accepted} entries took {syncs} syncs");
    assert_eq!(log.append(entry(accepted + 1, 8), Urgency::Now).unwrap(), Position(accepted + 1));
    drop(log);
    check_reopened(&media, Position(accepted + 2));
}

#[test]
fn closing_the_log_writes_what_waits() {
    let media = filled(small(), 30);
    check_reopened(&media, Position(31));
}

#[test]
fn retention_beside_readers_ends_their_reading_with_gone() {
    let media = filled(small(), 1000);
    let log = open(&media, small());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            loop {
                match log.read(Position(400), 100) {
                    Ok(found) => assert_eq!(found[0].position, Position(400)),
                    Err(LogError::Gone { asked: Position(400), first }) => {
                        assert!(first > Position(400));
                        return reads;
                    }
                    Err(error) => panic!("{error}"),
                }
                log.read_back(Position(400), 100, usize::MAX, &mut |_| true).unwrap();
                reads += 1;
            }
        });
        for before in (0..900).step_by(5) {
            let policy = crate::log::Retention {
                received_before: Timestamp(before),
                bytes_max: u64::MAX,
                needed_from: Position(u64::MAX),
            };
            log.retain(&policy).unwrap();
        }
        reader.join().unwrap();
    });
    assert_eq!(media.segments().len() as u64, media.moved().segments().len() as u64);
    assert!(log.bounds().first > Position(800), "{:?}", log.bounds());
    assert_eq!(all(&log).last().unwrap().position, Position(1000));
}

#[test]
fn an_old_entry_in_the_newest_segment_goes_after_the_next_one_came() {
    let media = filled(SegmentOptions::default(), 10);
    let log = open(&media, SegmentOptions::default());
    let policy =
        crate::log::Retention { received_before: Timestamp(100), bytes_max: u64::MAX, needed_from: Position(u64::MAX) };
    assert_eq!(log.retain(&policy).unwrap(), 0);
    log.append(entry(101, 8), Urgency::Now).unwrap();
    log.sync().unwrap();
    assert_eq!(log.retain(&policy).unwrap(), 10);
    assert_eq!(all(&log).len(), 1);
}

#[test]
fn one_process_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let log = SegmentLog::open(folder.path(), small()).unwrap();
    let error = SegmentLog::open(folder.path(), small()).unwrap_err();
    assert!(matches!(error, LogError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("hint: stop the other process"), "{error}");
    drop(log);
    SegmentLog::open(folder.path(), small()).unwrap();
}
