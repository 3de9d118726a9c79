//! Any body about one thing or many: what is accepted is a message that the native adapter claims.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use connect::{Adapter, Decoded, Message, Native, http_ingest};
use libfuzzer_sys::fuzz_target;
use model::{Cause, Entry, Position, ThingId, Timestamp};

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    let thing = ThingId::new("probe").expect("a valid id");
    let one = http_ingest::reports(&thing, &body).into_iter();
    let many = http_ingest::reports_by_thing(&body).into_iter().flatten().map(|(_, message)| message);
    for Message { topic, payload, qos, retain } in one.chain(many) {
        let entry = Entry {
            position: Position(1),
            received: Timestamp(1),
            topic: Arc::from(topic),
            payload,
            qos,
            retain,
            client: Arc::from("fuzz"),
            cause: Cause::device("fuzz"),
            properties: Bytes::new(),
        };
        let mut out = Decoded::default();
        assert!(Native::new().decode(&entry, &mut out));
        assert!(out.records.iter().all(|record| record.value.as_f64().is_none_or(f64::is_finite)));
    }
});
