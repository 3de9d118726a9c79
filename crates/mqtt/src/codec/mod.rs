//! MQTT 3.1, 3.1.1 and 5 packets: decoded in place from a byte slice, encoded straight into an output buffer.
//!
//! **Invariant:** decoding never panics and never allocates more than the packet's own size.

mod code;

pub use code::{ReasonCode, Version};
