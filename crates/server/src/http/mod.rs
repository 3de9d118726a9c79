//! What every route shares: problems, extractors, layers, listeners and the embedded UI.

pub mod extract;
pub mod problem;

pub use extract::{IfMatch, Json, Path, Query, Revised};
pub use problem::Problem;
