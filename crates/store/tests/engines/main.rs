//! The log and the state as others see them: conformance of every engine, damage, kill -9.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests look at the files of the store")]

mod crash;
mod entries;
mod full;
mod log_conformance;
mod log_crash;
mod state_conformance;
mod state_crash;
mod state_file;
