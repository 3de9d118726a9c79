//! Fleets of robots: floors, orders, traffic, and the files and languages that others speak about them.

pub mod league;
