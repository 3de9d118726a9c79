//! The vocabulary of Manmul: things and their models, values and units, time, records and their causes, access.
//!
//! Read [`record::Record`] first: everything that Manmul knows is a fold of records.
//!
//! **Invariant:** this crate is pure. It has no async runtime, no IO and no unseeded randomness; the only door to
//! the wall clock is [`clock::WallClock`].
//!
//! **Invariant:** nothing here names a protocol. Vendor formats end in `connect`.

pub mod access;
pub mod clock;
pub mod command;
pub mod geo;
pub mod id;
pub mod record;
pub mod space;
pub mod thing_model;
pub mod time;
pub mod topic;
pub mod unit;
pub mod value;
mod wot;

pub use access::{Decision, Principal, Resource, Right, Role, decide};
pub use clock::{Clock, SteppedClock, WallClock};
pub use command::{Command, CommandState};
pub use geo::{Bounds, Coordinates, CoordinatesError, Geometry, GeometryError};
pub use id::{CommandId, IdError, Name, SiteId, SpaceId, ThingId};
pub use record::{Cause, CauseKind, Entry, Position, Quality, Record, RecordKind};
pub use space::{Space, SpaceKind};
pub use thing_model::{
    ActionModel, DataType, EventModel, ModelError, PropertyModel, PropertyRole, Severity, ThingModel,
};
pub use time::Timestamp;
pub use unit::Unit;
pub use value::Value;
