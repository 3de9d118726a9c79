//! The row of a retained message or of one in flight, from a damaged state: it is read or it is not, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mqtt::decode_any_row(data));
