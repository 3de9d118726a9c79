//! Any bytes either are packets that encode to something that decodes to the same packets, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt::Version;
use mqtt::codec::{decode, encode, frame};

fuzz_target!(|data: &[u8]| {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut rest = data;
        while let Ok(Some(found)) = frame(rest, u32::MAX) {
            if let Ok(packet) = decode(found, version) {
                let mut bytes = Vec::new();
                encode(&packet, version, &mut bytes);
                let again = frame(&bytes, u32::MAX).expect("our own frame").expect("a whole one");
                assert_eq!(decode(again, version), Ok(packet));
            }
            rest = &rest[found.length..];
        }
    }
});
