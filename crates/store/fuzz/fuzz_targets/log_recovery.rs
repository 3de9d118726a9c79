//! A log whose segment was patched or cut anywhere opens, serves what is whole, and goes on; opening it once more finds
//! the same. The first two bytes cut the file, each further four are where a byte changes and into what. Every run syncs
//! files, so let TMPDIR be in memory.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use model::{Cause, Entry, Position, Timestamp};
use store::Log;
use store::log::{SegmentLog, SegmentOptions, Urgency};

fn entry(number: u8) -> Entry {
    Entry {
        position: Position::START,
        received: Timestamp(i64::from(number)),
        topic: format!("t/{number}").into(),
        payload: Bytes::from(vec![number; usize::from(number) * 3]),
        qos: 1,
        retain: false,
        client: "c".into(),
        cause: Cause::device("c"),
        properties: Bytes::new(),
    }
}

/// The name and the bytes of a whole segment.
static WHOLE: LazyLock<(String, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let log = SegmentLog::open(folder.path(), SegmentOptions::default()).unwrap();
    (1..=20).for_each(|number| assert!(log.append(entry(number), Urgency::Lazy).is_ok()));
    drop(log);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let name = names.into_iter().find(|name| name.ends_with(".log")).unwrap();
    let bytes = std::fs::read(folder.path().join(&name)).unwrap();
    (name, bytes)
});

fuzz_target!(|data: &[u8]| {
    let Some((cut, patches)) = data.split_at_checked(2) else { return };
    let (name, mut bytes) = WHOLE.clone();
    bytes.truncate(usize::from(u16::from_le_bytes([cut[0], cut[1]])));
    for patch in patches.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= patch[2];
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    // A newer version is an error, and the only one.
    let Ok(log) = SegmentLog::open(folder.path(), SegmentOptions::default()) else { return };
    let found = log.read(Position::START, usize::MAX).unwrap();
    let next = log.append(entry(99), Urgency::Now).unwrap();
    log.sync().unwrap();
    drop(log);
    let log = SegmentLog::open(folder.path(), SegmentOptions::default()).unwrap();
    let again = log.read(Position::START, usize::MAX).unwrap();
    assert_eq!(again[..found.len()], found);
    assert_eq!((again.len(), again.last().unwrap().position), (found.len() + 1, next));
});
