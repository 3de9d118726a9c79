//! MQTT 3.1, 3.1.1 and 5 packets, both directions: decoded in place from a byte slice, encoded straight into an output
//! buffer. Clients inside this process use it as well as the broker.
//!
//! **Invariant:** decoding never panics, and allocates nothing.

mod code;
mod decode;
mod encode;
mod packet;
mod property;
mod read;

pub use code::{ReasonCode, Version};
pub use decode::{DecodeError, Frame, decode, frame};
pub(crate) use encode::{Outgoing, acknowledge};
pub use encode::{encode, variable_length_bytes};
pub use packet::{
    Ack, Connect, ConnectAck, Disconnect, Filter, Packet, Publish, Subscribe, SubscribeAck, Unsubscribe, Will,
};
pub use property::{Properties, Property, PropertyBuffer, PropertyId, PropertyValue};
