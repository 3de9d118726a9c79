//! What many rules do to each other, found without running them.

use std::sync::Arc;

use model::{Name, ThingId};
use serde::{Deserialize, Serialize};

use crate::problem::ProblemSeverity;
use crate::rule::Rule;

/// The sorts of conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleConflictKind))]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two rules set a property to different values at the same moment.
    Contradiction,
    /// Rules set each other off in a circle.
    Loop,
    /// A rule may give more commands than a thing should take.
    Flood,
    /// A rule does nothing that another one does not do.
    Shadowed,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleConflict))]
pub struct Conflict {
    /// The sort.
    pub kind: ConflictKind,
    /// The rules, in the order of the circle for a loop.
    pub rules: Vec<String>,
    /// About which thing, if about one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// About which property, if about one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub name: Option<Name>,
    /// In a sentence.
    pub words: String,
    /// How bad it is.
    pub severity: ProblemSeverity,
}

/// The conflicts among rules, by id.
pub fn find(_rules: &[(Arc<str>, Arc<Rule>)]) -> Vec<Conflict> {
    Vec::new()
}
