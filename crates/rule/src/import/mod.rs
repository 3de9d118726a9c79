//! Rules from elsewhere.

use serde::{Deserialize, Serialize};

pub mod home_assistant;

/// What could not be carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// The part of the text.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// What, and why.
    pub message: String,
}

/// One rule of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Imported {
    /// What it was called.
    pub title: String,
    /// Its line, from 1.
    pub line: u32,
    /// Our text; null when nothing of use was left.
    #[cfg_attr(feature = "schema", schema(required))]
    pub text: Option<String>,
    /// What was carried over.
    pub carried: Vec<String>,
    /// What was not.
    pub left_out: Vec<LeftOut>,
    /// What was guessed: which entity became which thing.
    pub guessed: Vec<String>,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// Each rule.
    pub items: Vec<Imported>,
    /// How many there were.
    pub rules: usize,
    /// Carried over whole.
    pub whole: usize,
    /// Carried over in part.
    pub partly: usize,
    /// Not carried over.
    pub refused: usize,
}
