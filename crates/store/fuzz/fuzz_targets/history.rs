//! The history's decoders on any bytes: frames of the write-ahead log, chunks, roll-ups, index pages. They never panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::history::decode_anything(bytes));
