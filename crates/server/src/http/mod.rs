//! What every route shares: the guard, problems, extractors, listeners and the embedded pages.
//!
//! Read [`rules`] first: what each route asks of a caller.

pub mod extract;
pub mod guard;
pub(crate) mod health;
pub mod mqtt;
pub(crate) mod multipart;
pub mod mvt;
pub mod observe;
mod pages;
pub mod problem;
pub mod rules;
pub mod serve;
pub mod tls;

use std::net::SocketAddr;

pub use extract::{IfMatch, Json, LargeJson, Path, Query, Revised};
pub use guard::{Caller, Made};
pub(crate) use pages::pages;
pub use problem::Problem;

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address.
    pub address: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}
