//! The state of every thing now: who is registered, what each thing reports, what is desired of it, whether it is
//! there, which commands it has, and where it stands.
//!
//! Read [`Registry`] first, then [`Twin`].
//!
//! **Invariant:** everything here is a pure fold in memory: no IO, no clock, no locks. The caller passes the time,
//! keeps the rows in `store::State` and replays the log.
//!
//! **Invariant:** folding the same record twice is the same as folding it once.

pub mod commands;
pub mod diagnostics;
pub mod map;
pub mod presence;
pub mod recent;
pub mod registry;
pub mod reported;
pub mod spaces;
pub mod thing;
pub mod twin;

pub use commands::{CommandBook, CommandRow, CommandsFull, Step};
pub use diagnostics::{DiagnosticCount, Diagnostics};
pub use map::{Cluster, Map, Mark, Square, TILE_LEVEL_MAX, TileAddress, TileContents};
pub use presence::{Presence, PresenceState};
pub use registry::{Registry, RegistryError, RegistryLimits, Slot, ThingIndex};
pub use reported::{Folded, Reported};
pub use spaces::{SpaceError, SpaceRow, Spaces};
pub use thing::{Origin, Thing, ThingEdit, ThingStatus};
pub use twin::{Applied, Checkpoint, Desired, Twin};
