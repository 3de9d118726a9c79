//! Where bytes rest: the log, the history and the state, each a trait with an embedded engine.
//!
//! - [`Log`]: everything that was said, in one order, durable before it is acknowledged.
//! - [`History`]: typed time series decoded from the log, kept in compressed immutable segments.
//! - [`State`]: rows that are looked up by id: things, twins, sessions, users, settings.
//! - [`Blobs`]: large files that are known by what is in them, such as models.
//!
//! [`DataDirectory`] lays out the folder that all of them live in; [`files`] reads and writes small files there.
//!
//! **Invariant:** this is the only crate that opens files.
//!
//! **Invariant:** whatever a trait method acknowledged survives the death of the process at any moment.

pub mod blobs;
mod directory;
pub mod files;
pub mod history;
pub mod log;
pub mod seal;
pub mod state;

pub use blobs::Blobs;
pub use directory::{DataDirectory, DirectoryError};
pub use history::History;
pub use log::Log;
pub use seal::Seal;
pub use state::State;
