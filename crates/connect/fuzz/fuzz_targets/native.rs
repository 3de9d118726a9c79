//! Any payload on any native topic: the first line is the topic below `things/`.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use connect::{Adapter, Decoded, Native};
use libfuzzer_sys::fuzz_target;
use model::{Cause, Entry, Position, Timestamp};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let Ok(topic) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let entry = Entry {
        position: Position(1),
        received: Timestamp(1),
        topic: Arc::from(format!("things/{topic}")),
        payload: Bytes::copy_from_slice(parts.next().unwrap_or_default()),
        qos: 0,
        retain: false,
        client: Arc::from("fuzz"),
        cause: Cause::device("fuzz"),
        properties: Bytes::new(),
    };
    let mut out = Decoded::default();
    assert!(Native::new().decode(&entry, &mut out));
    for record in &out.records {
        assert!(record.value.as_f64().is_none_or(f64::is_finite));
    }
});
