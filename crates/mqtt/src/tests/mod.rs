//! The broker without sockets, driven step by step: every behaviour of the standard, restarts, faults.

mod basics;
mod faults;
mod malformed;
mod persistence;
mod soak;
mod version5;
mod world;
