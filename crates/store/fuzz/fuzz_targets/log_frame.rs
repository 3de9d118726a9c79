//! The log's decoder on any bytes: it never panics, and what it decodes it encodes to the same entry again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use store::log::frame::{self, FRAME_HEAD_BYTES, Header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }
    let _ = frame::check(bytes, 0);
    // With its length put right a frame reaches the decoder of bodies, which the checksum would protect from the fuzzer.
    let mut frame = bytes.to_vec();
    let Some(length) = bytes.len().checked_sub(FRAME_HEAD_BYTES) else { return };
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    let Ok(entry) = frame::decode(&Bytes::from(frame)) else { return };
    let mut again = Vec::new();
    frame::encode(&mut again, 7, entry.position, &entry);
    assert!(again.len() <= frame::size_bound(&entry));
    if frame::check(&again, 7).is_ok() {
        assert_eq!(frame::decode(&Bytes::from(again)), Ok(entry));
    }
});
