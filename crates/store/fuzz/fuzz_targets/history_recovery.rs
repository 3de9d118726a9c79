//! A history one of whose files was patched or cut anywhere opens or says why not, and answers or says why not. The first
//! byte chooses the file, the next two cut it, each further four are where a byte changes and into what. Every run syncs
//! files, so let TMPDIR be in memory.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use model::{Name, Position, SteppedClock, ThingId, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryError, HistoryOptions, Retention, SegmentHistory, SeriesKey};

const START: i64 = 1_700_000_000_000_000;

fn open(folder: &Path) -> Result<SegmentHistory, HistoryError> {
    let options = HistoryOptions { head_age_max: Duration::ZERO, ..HistoryOptions::default() };
    SegmentHistory::open(folder, options, Arc::new(SteppedClock::new(Timestamp(START + 3_600_000_000))))
}

/// Every file of a history with segments and a write-ahead log.
static WHOLE: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path()).unwrap();
    let values = [Value::Float(1.5), Value::Integer(7), Value::Boolean(true), Value::Text("on".into()), Value::Null];
    for round in 0..2 {
        let mut points = Vec::new();
        for (series, value) in values.iter().enumerate() {
            let key =
                SeriesKey { thing: ThingId::new("thing").unwrap(), name: Name::new(&format!("name{series}")).unwrap() };
            let id = history.series(&key).unwrap();
            points.extend((0..50).map(|i| (id, Timestamp(START + (round * 50 + i) * 1_000_000), value.clone())));
        }
        history.append(&Batch { points }, Position(round as u64 + 1)).unwrap();
        history.sync().unwrap();
        if round == 0 {
            let never = Timestamp::MIN;
            let all = Retention { raw_before: never, minute_before: never, hour_before: never, bytes_max: u64::MAX };
            history.maintain(&all).unwrap();
        }
    }
    drop(history);
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|item| item.unwrap())
        .map(|item| (item.file_name().into_string().unwrap(), std::fs::read(item.path()).unwrap()))
        .filter(|(name, _)| name != "lock")
        .collect();
    files.sort();
    files
});

fuzz_target!(|data: &[u8]| {
    let Some((head, patches)) = data.split_at_checked(3) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (index, (name, bytes)) in WHOLE.iter().enumerate() {
        let mut bytes = bytes.clone();
        if index == usize::from(head[0]) % WHOLE.len() {
            bytes.truncate(usize::from(u16::from_le_bytes([head[1], head[2]])));
            for patch in patches.chunks_exact(4) {
                let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= patch[2];
                }
            }
        }
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let Ok(history) = open(folder.path()) else { return };
    let (from, to) = (Timestamp::MIN, Timestamp::MAX);
    for info in history.list(None) {
        drop(history.range(info.id, from, to, usize::MAX));
        drop(history.buckets(info.id, Timestamp(START), Timestamp(START + 100_000_000), 10));
        drop(history.last_at(info.id, to));
    }
    drop(history.state_at(to));
    // What is served once is served again.
    let applied = history.applied();
    drop(history);
    assert!(open(folder.path()).is_ok_and(|history| history.applied() == applied));
});
