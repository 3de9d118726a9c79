//! Virtual things and the worlds that they live in.
//!
//! Read [`Plant`] first, then [`World`]. A plant is a physical process; a [`VirtualThing`] measures one and acts on it,
//! or behaves generically by its model, and speaks the native protocol as an ordinary client on an in-memory link.
//! [`home`](mod@home) is the demo home.
//!
//! **Invariant:** a plant's step is pure and deterministic for its seed: no clock, no IO, no unseeded randomness. The
//! same seed gives the same world on every machine.
//!
//! **Invariant:** nothing above the link can tell a virtual thing from a real one.

mod body;
mod fault;
mod generic;
mod history;
pub mod home;
mod instrument;
pub mod live;
pub mod native;
mod plant;
mod random;
mod reporting;
mod thing;
mod world;

pub use body::{Body, Happening, Progress};
pub use fault::FaultKind;
pub use history::{BACKFILL_STEP, Batch, Point, backfill};
pub use home::place::Place;
pub use home::{DemoHome, DemoThing, Newcomer, home, home_at, newcomer};
pub use instrument::{Declared, Instrumented, Told};
pub use plant::Plant;
pub use random::Random;
pub use reporting::Reporting;
pub use thing::{ActionStatus, COMMANDS_OPEN_MAX, COMMANDS_REMEMBERED_MAX, Instruction, Report, Said, VirtualThing};
pub use world::{STEP_MAX, THINGS_MAX, World, WorldError};
