//! The server: HTTP and WebSocket API, OpenAPI, sign-in, the embedded UI.
//!
//! Read [`api::service`] first: every route stands there and in [`http::rules`].
//!
//! **Invariant:** every route has a row that says what it asks of a caller; `model::decide` says whether they may.
//!
//! **Invariant:** this crate knows no domain. It serves what the site says of itself.

pub mod access;
pub mod api;
mod application;
pub mod http;
pub mod mcp;
mod metrics;
pub mod ngsi;
pub mod push;
pub mod sensorthings;

pub use access::Access;
pub use application::{Application, Parts, SensorFault, Simulation, Stage, VERSION};
