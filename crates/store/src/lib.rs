//! Where bytes rest: the log, the history and the state, each a trait with an embedded engine.
//!
//! - [`Log`]: everything that was said, in one order, durable before it is acknowledged.
//! - [`History`]: typed time series decoded from the log, kept in compressed immutable segments.
//! - [`State`]: rows that are looked up by id: things, twins, sessions, users, settings.
//!
//! **Invariant:** this is the only crate that opens files.
//!
//! **Invariant:** whatever a trait method acknowledged survives the death of the process at any moment.

pub mod files;
pub mod history;
pub mod log;
pub mod state;

pub use history::History;
pub use log::Log;
pub use state::State;
