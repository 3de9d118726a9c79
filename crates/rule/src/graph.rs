//! A rule as boxes and arrows.

use serde::{Deserialize, Serialize};

use crate::rule::Rule;

/// A rule as boxes and arrows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleGraph))]
pub struct Graph {
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleNode))]
pub struct Node {
    /// The part of the rule: `actions[0]`.
    pub id: String,
    /// `trigger`, `condition`, `action`, `choose`, `repeat`, `wait` or `end`.
    pub kind: String,
    /// What it says.
    pub words: String,
    /// Its line.
    pub line: u32,
}

/// An arrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleEdge))]
pub struct Edge {
    /// From which box.
    pub from: String,
    /// To which one.
    pub to: String,
    /// When it is taken; empty for always.
    pub label: String,
}

/// The graph of a rule.
pub fn of(_rule: &Rule) -> Graph {
    Graph::default()
}
