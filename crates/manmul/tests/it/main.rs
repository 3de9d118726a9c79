//! The whole of Manmul, started as the program starts it, on port 0 in a temporary folder.

mod access;
mod api;
mod common;
mod links;
mod live;
mod lives;
