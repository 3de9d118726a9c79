//! A discovery message, then a state: the lines are the component, the configuration and the payload on topic `s`.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use connect::{Adapter, Decoded, HomeAssistant};
use libfuzzer_sys::fuzz_target;
use model::{Cause, Entry, Position, Timestamp};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(3, |byte| *byte == b'\n').map(Bytes::copy_from_slice);
    let component = lines.next().unwrap_or_default();
    let Ok(component) = std::str::from_utf8(&component) else { return };
    let (mut adapter, mut out) = (HomeAssistant::default(), Decoded::default());
    let topics = [format!("homeassistant/{component}/x/config"), "s".to_owned()];
    for (topic, payload) in topics.into_iter().zip(lines) {
        let entry = Entry {
            position: Position(1),
            received: Timestamp(1),
            topic: Arc::from(topic),
            payload,
            qos: 0,
            retain: false,
            client: Arc::from("fuzz"),
            cause: Cause::device("fuzz"),
            properties: Bytes::new(),
        };
        adapter.decode(&entry, &mut out);
    }
    let mut restored = HomeAssistant::default();
    restored.restore(adapter.save());
    assert_eq!(restored.save(), adapter.save());
});
