//! The server: HTTP and WebSocket API, OpenAPI, sign-in, the embedded UI.
//!
//! Read [`api::router`] first: every route of the API stands there.

pub mod access;
pub mod api;
pub mod http;
