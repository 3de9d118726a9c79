//! Energy of homes and buildings: what their devices are, what is to come, and the plan that costs and emits least with comfort kept.
//!
//! **Invariant:** pure: no clock, no IO, no unseeded randomness; time, values and chance are passed in, and [`desk`] reads the site
//! and writes to the state that it is given.
//! **Invariant:** a plan uses nothing that is not known at the time of its making.

mod calendar;
mod chance;
pub mod check;
pub mod desk;
pub mod device;
pub mod domain;
pub mod find;
pub mod heat;
pub mod horizon;
pub mod keeper;
pub mod learned;
pub mod outlook;
pub mod prices;
pub mod program;
pub mod reason;
pub mod schedule;
pub mod settings;
pub mod tariff;
pub mod world;

pub use program::group;
