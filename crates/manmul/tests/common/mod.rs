//! What the tests of the whole program share.
#![expect(dead_code, reason = "each test program uses its own part")]

pub(crate) mod process;
pub(crate) mod raw_mqtt;
