//! Entries for the log's tests.

use model::{Cause, CauseKind, Entry, Position, Timestamp};

/// An entry whose every field depends on `index`, so that a mix-up shows.
pub(crate) fn entry(index: u64) -> Entry {
    let mut entry = entry_of(index, format!("{{\"value\":{index}}}").into_bytes());
    if index.is_multiple_of(5) {
        entry.properties = vec![index as u8; (index % 40) as usize].into();
        entry.cause.run = Some(format!("run-{index}").into());
        entry.cause.position = Some(Position(index * 1_000_003));
    }
    entry
}

/// An entry with this payload.
pub(crate) fn entry_of(index: u64, payload: Vec<u8>) -> Entry {
    Entry {
        position: Position::START,
        received: Timestamp::from_millis(1_000_000 + index as i64),
        topic: format!("things/thing-{}/properties/temperature", index % 50).into(),
        payload: payload.into(),
        qos: (index % 3) as u8,
        retain: index.is_multiple_of(7),
        client: format!("client-{}", index % 50).into(),
        cause: Cause::new(CauseKind::from_code((index % 7) as u8).unwrap(), format!("thing-{}", index % 50)),
        properties: bytes::Bytes::new(),
    }
}
