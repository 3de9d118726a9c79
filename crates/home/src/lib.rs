//! Energy of homes and buildings: what their devices are, what is to come, and the plan that costs and emits least with comfort kept.
//!
//! **Invariant:** pure: no clock, no IO, no unseeded randomness; time, values and chance are passed in.
//! **Invariant:** a plan uses nothing that is not known at the time of its making.

pub mod check;
pub mod device;
pub mod heat;
pub mod horizon;
pub mod keeper;
pub mod outlook;
pub mod program;
pub mod reason;
pub mod schedule;
pub mod tariff;

pub use program::group;
