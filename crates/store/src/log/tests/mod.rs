//! The log on disks that fail.

mod damage;
mod failures;
mod faulty;
mod power;

use bytes::Bytes;
use faulty::Faulty;
use model::{Cause, Entry, Position, Timestamp};

use super::{Log, SegmentLog, SegmentOptions, Urgency};

/// An entry whose payload tells which one it is.
fn entry(number: u64, bytes: usize) -> Entry {
    let mut payload = format!("{number:08}").into_bytes();
    payload.resize(payload.len().max(bytes), number as u8);
    Entry {
        position: Position::START,
        received: Timestamp(number as i64),
        topic: "t".into(),
        payload: payload.into(),
        qos: 1,
        retain: false,
        client: "c".into(),
        cause: Cause::device("d"),
        properties: Bytes::new(),
    }
}

/// Which entry it is.
fn number(entry: &Entry) -> u64 {
    std::str::from_utf8(&entry.payload[..8]).unwrap().parse().unwrap()
}

fn open(media: &Faulty, options: SegmentOptions) -> SegmentLog {
    SegmentLog::open_on(Box::new(media.clone()), options).unwrap()
}

fn small() -> SegmentOptions {
    SegmentOptions { segment_bytes: 1000, tail_bytes: 1, ..SegmentOptions::default() }
}

/// Everything in the log, as a reader finds it.
fn all(log: &SegmentLog) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut from = Position::START;
    loop {
        let read = log.read(from, 7).unwrap();
        let Some(last) = read.last() else { return found };
        from = last.position.next();
        found.extend(read);
    }
}

/// Everything in the log, as a reader finds it that goes backwards, oldest first.
fn all_backwards(log: &SegmentLog) -> Vec<Entry> {
    let back = log.read_back(Position(u64::MAX), usize::MAX, usize::MAX, &mut |_| true).unwrap();
    assert_eq!(back.before, None);
    back.entries.into_iter().rev().collect()
}

/// A log with entries numbered by their positions.
fn filled(options: SegmentOptions, count: u64) -> Faulty {
    let media = Faulty::default();
    let log = open(&media, options);
    for number in 1..=count {
        assert_eq!(log.append(entry(number, 8), Urgency::Lazy).unwrap(), Position(number));
    }
    drop(log);
    media
}
