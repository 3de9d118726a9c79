//! The program as a library, so that tests can start the whole of it.
//!
//! Read [`assemble`] first: how the parts are put together into one running process.
//!
//! **Invariant:** `main` parses, loads, assembles, runs and drains; whatever else there is to know stands below.

pub mod assemble;
pub mod cli;
pub mod config;
mod demo;
mod doors;
mod fleet;
mod home;
mod ngsi;
mod push;
mod stage;
mod warehouse;

pub use assemble::{Running, assemble};
pub use config::Config;
pub use doors::Addresses;
