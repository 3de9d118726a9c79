//! Fleets of robots: floors, orders, traffic, and the files and languages that others speak about them.
//!
//! Read [`traffic`] first: it turns plans into what may be driven. [`master`] says it to robots, [`vehicle`] is one that
//! answers.
//!
//! [`operation`] brings orders, robots and a floor together; [`desk`] is where people and programs reach it.
//!
//! **Invariant:** pure: no clock, no IO; time, messages and chance are passed in, and [`desk`] writes to the state that it is
//! given.
//!
//! **Invariant:** a robot is released only what nobody else holds, and what it holds stays held until it is seen to have
//! left.

pub mod desk;
pub mod dispatch;
mod effort;
pub mod floor;
pub mod league;
pub mod master;
pub mod operation;
pub mod orders;
pub mod soak;
pub mod traffic;
pub mod vehicle;
pub mod warehouse;
