//! Any batch of line protocol: what was accepted once is accepted again.
#![no_main]

use bytes::Bytes;
use connect::influx::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let checked = check(&Bytes::copy_from_slice(data));
    let again = check(&checked.accepted);
    assert_eq!((again.lines, again.refused.len()), (checked.lines, 0));
});
