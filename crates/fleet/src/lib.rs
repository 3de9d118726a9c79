//! Fleets of robots: floors, orders, traffic, and the files and languages that others speak about them.

pub mod floor;
pub mod league;
pub mod master;
pub mod traffic;
pub mod vehicle;
pub mod warehouse;
