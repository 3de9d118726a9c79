//! The whole of Manmul, started as the program starts it, on port 0 in a temporary folder.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::field_reassign_with_default,
    clippy::items_after_statements,
    unreachable_pub,
    reason = "a test of the whole program fails where something is wrong"
)]

mod access;
mod api;
mod ask;
mod bad_input;
mod common;
mod fleet;
mod home;
mod inference;
mod links;
mod live;
mod lives;
mod map;
mod mind;
mod ngsi;
mod push;
mod rules;
mod sensorthings;
mod warehouse;
