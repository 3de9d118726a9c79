//! Files that are not as they were written.

use super::*;
use crate::log::frame;
use crate::log::{LogError, Remedy};

/// Opens the log, checks that it is in order, and appends to it. Returns what it holds, without what was appended.
fn use_all(media: &Faulty, options: SegmentOptions, durable: u64) -> Vec<u64> {
    let log = open(media, options);
    let found = all(&log);
    assert_eq!(all_backwards(&log), found);
    let end = found.last().map_or(log.bounds().first, |last| last.position.next());
    assert_eq!(*log.durable().borrow(), end, "a reader that has read all waits");
    log.sync().unwrap();
    assert!(found.is_sorted_by_key(|entry| entry.position));
    for entry in &found {
        assert_eq!(number(entry), entry.position.0, "an entry is never another one");
    }
    let position = log.append(entry(0, 8), Urgency::Now).unwrap();
    assert!(position.0 > durable, "{position} was given out before");
    log.sync().unwrap();
    assert_eq!(log.read(position, 9).unwrap().len(), 1);
    let again = all(&log);
    assert_eq!((&again[..found.len()], again.len()), (&found[..], found.len() + 1));
    drop(log);
    // What was repaired stays repaired.
    let log = open(media, options);
    assert_eq!(all(&log), again);
    assert!(log.recovery().problems.iter().all(|problem| problem.remedy != Remedy::Cut), "{:?}", log.recovery());
    found.iter().map(|entry| entry.position.0).collect()
}

#[test]
fn a_file_that_ends_anywhere_keeps_what_comes_before() {
    const COUNT: u64 = 6;
    let good = filled(SegmentOptions::default(), COUNT);
    let name = good.file(".log");
    let length = good.world(|world| world.files[&name].bytes.len());
    let frame = (length - frame::HEADER_BYTES) / COUNT as usize;
    for end in 0..length {
        let media = good.moved();
        media.world(|world| world.files.get_mut(&name).unwrap().bytes.truncate(end));
        let whole = end.saturating_sub(frame::HEADER_BYTES) / frame;
        let expected: Vec<u64> = (1..=whole as u64).collect();
        // Whole frames that are gone leave no trace. That happens to no file that was synced.
        assert_eq!(use_all(&media, SegmentOptions::default(), whole as u64), expected, "cut at {end}");
        let torn = end > 0 && (end < frame::HEADER_BYTES || !(end - frame::HEADER_BYTES).is_multiple_of(frame));
        let media = good.moved();
        media.world(|world| world.files.get_mut(&name).unwrap().bytes.truncate(end));
        let log = open(&media, SegmentOptions::default());
        let problems = &log.recovery().problems;
        assert_eq!(problems.len(), usize::from(torn || end == 0), "cut at {end}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.remedy == Remedy::Cut), "cut at {end}: {problems:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_one_entry_at_most() {
    const COUNT: u64 = 6;
    for options in [SegmentOptions::default(), SegmentOptions { segment_bytes: 170, ..small() }] {
        let good = filled(options, COUNT);
        let segments = good.segments();
        for (segment, name) in segments.iter().enumerate() {
            let length = good.world(|world| world.files[name].bytes.len());
            for at in 0..length {
                let media = good.moved();
                media.world(|world| world.files.get_mut(name).unwrap().bytes[at] ^= 1 << (at % 8));
                let found = use_all(&media, options, COUNT);
                let expected = if at < frame::HEADER_BYTES { COUNT } else { COUNT - 1 };
                assert_eq!(found.len() as u64, expected, "segment {segment}, byte {at}: {found:?}");
            }
        }
        assert_eq!(segments.len() > 1, options.segment_bytes < 1000);
    }
}

#[test]
fn a_large_hole_is_skipped_reported_and_kept_aside() {
    for verify_bytes in [0, u64::MAX] {
        let options = SegmentOptions { verify_bytes, ..small() };
        let media = filled(options, 100);
        let segments = media.segments();
        assert!(segments.len() > 3);
        let damaged: Vec<u8> = media.world(|world| {
            let bytes = &mut world.files.get_mut(&segments[1]).unwrap().bytes;
            bytes[300..600].fill(0xa5);
            bytes.clone()
        });
        let log = open(&media, options);
        let found = all(&log);
        let gone: Vec<u64> =
            (1..=100).filter(|number| !found.iter().any(|entry| entry.position.0 == *number)).collect();
        assert!((4..10).contains(&gone.len()) && gone.is_sorted(), "{gone:?}");
        assert_eq!(gone.last().unwrap() - gone[0] + 1, gone.len() as u64, "one hole: {gone:?}");
        assert_eq!(all_backwards(&log), found);
        // A reader that asks for a position in the hole gets the first one after it.
        assert_eq!(log.read(Position(gone[1]), 1).unwrap()[0].position.0, gone.last().unwrap() + 1);
        let aside = media.file(".damaged");
        let kept = media.world(|world| world.files[&aside].bytes.clone());
        assert!(damaged.windows(kept.len()).any(|window| window == kept) && kept.len() >= 300);
        let problems = &log.recovery().problems;
        if verify_bytes == 0 {
            assert!(problems.is_empty(), "older segments are looked at when they are read");
        } else {
            assert_eq!((problems.len(), problems[0].remedy), (1, Remedy::Skipped));
            assert!(problems[0].to_string().contains("bytes skipped and kept aside"), "{}", problems[0]);
        }
    }
}

#[test]
fn a_payload_that_looks_like_entries_is_never_taken_for_some() {
    let media = Faulty::default();
    let log = open(&media, SegmentOptions::default());
    let mut forged = Vec::new();
    for position in 2..10 {
        // The best that an attacker can do who does not know the salt.
        frame::encode(&mut forged, 0, Position(position), &entry(666, 8));
    }
    log.append(entry(1, 8), Urgency::Lazy).unwrap();
    log.append(Entry { payload: forged.into(), ..entry(0, 8) }, Urgency::Lazy).unwrap();
    log.append(entry(3, 8), Urgency::Lazy).unwrap();
    drop(log);
    let name = media.file(".log");
    media.world(|world| {
        let bytes = &mut world.files.get_mut(&name).unwrap().bytes;
        let second = frame::HEADER_BYTES + frame::head(&bytes[frame::HEADER_BYTES..]).unwrap().bytes;
        bytes[second + 1] ^= 0x40;
    });
    let numbers: Vec<u64> = all(&open(&media, SegmentOptions::default())).iter().map(number).collect();
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn a_missing_segment_is_a_gap() {
    let media = filled(small(), 100);
    let segments = media.segments();
    media.world(|world| world.files.remove(&segments[1]));
    let log = open(&media, small());
    let found = all(&log);
    assert!(found.len() < 100 && found[0].position.0 == 1 && found.last().unwrap().position.0 == 100);
    assert_eq!(all_backwards(&log), found);
}

#[test]
fn a_newer_file_is_refused_and_left_as_it_is() {
    let media = filled(small(), 100);
    let name = media.segments()[2].clone();
    media.world(|world| {
        let bytes = &mut world.files.get_mut(&name).unwrap().bytes;
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        // Something that would be repaired in a file of ours.
        world.files.last_entry().unwrap().get_mut().bytes.pop();
    });
    let before = media.world(|world| world.files.values().map(|file| file.bytes.clone()).collect::<Vec<_>>());
    let error = SegmentLog::open_on(Box::new(media.clone()), small()).unwrap_err();
    assert!(matches!(error, LogError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("hint: start the newer program"), "{error}");
    assert_eq!(media.world(|world| world.files.values().map(|file| file.bytes.clone()).collect::<Vec<_>>()), before);
}

#[test]
fn positions_go_on_after_those_that_others_remember() {
    let options = SegmentOptions { next_at_least: Position(5000), ..small() };
    let media = Faulty::default();
    let log = open(&media, options);
    assert_eq!((log.bounds().first, log.bounds().next), (Position(5000), Position(5000)));
    assert_eq!(log.append(entry(0, 8), Urgency::Now).unwrap(), Position(5000));
    drop(log);
    let log = open(&media, small());
    assert_eq!((log.bounds().first, log.bounds().next), (Position(5000), Position(5001)));
}

#[test]
fn files_of_others_are_left_alone() {
    let media = filled(small(), 10);
    let others = ["lock", "notes.txt", "1-2.log", "00000000000000000001-zzzzzzzz.log"];
    media.world(|world| others.map(|name| world.files.insert(name.to_owned(), faulty::Content::default())));
    let log = open(&media, small());
    assert_eq!(all(&log).len(), 10);
    assert!(log.recovery().problems.is_empty());
    assert!(media.world(|world| others.iter().all(|name| world.files.contains_key(*name))));
}
