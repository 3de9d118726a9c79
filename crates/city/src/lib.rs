//! Cities: streets, junctions, and signals that are planned.
//!
//! [`network`] is the streets as they are drawn, [`signal`] one junction with its phases, its detectors and the safety layer,
//! [`policy`] who decides which phase is next, [`world`] the streets as queues, [`domain`] all of it as a field of work that the
//! loop can run.
//!
//! **Invariant:** pure: no clock, no IO; time, what detectors tell and chance are passed in.
//!
//! **Invariant:** no policy passes [`signal::Controller`]: greens that conflict are never shown together, least greens,
//! yellow and all-red are kept, nobody has red for longer than the limit while others have green.
//!
//! **Invariant:** whoever plans sees what detectors tell and never where somebody is going.

pub mod domain;
pub mod network;
pub mod policy;
pub mod signal;
pub mod world;
