//! What is wrong with a rule, where, and what to do about it.

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleProblemSeverity))]
#[serde(rename_all = "snake_case")]
pub enum ProblemSeverity {
    /// Worth knowing.
    Notice,
    /// The rule runs, and probably not as meant.
    Warning,
    /// The rule cannot run.
    Error,
}

/// One problem of a rule's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleProblem))]
pub struct Problem {
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The part of the rule: `actions[0].set`.
    pub path: String,
    /// What is wrong, lowercase, no full stop.
    pub message: String,
    /// What to do about it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub hint: Option<String>,
    /// The other rule, when two do not fit together.
    #[cfg_attr(feature = "schema", schema(required))]
    pub other_rule: Option<String>,
}

impl Problem {
    /// A problem at a place of the text.
    pub fn new(severity: ProblemSeverity, place: &crate::rule::Spot, message: impl Into<String>) -> Self {
        Self {
            severity,
            line: place.line,
            column: place.column,
            path: place.path.to_string(),
            message: message.into(),
            hint: None,
            other_rule: None,
        }
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the rule cannot run.
    pub fn is_error(&self) -> bool {
        self.severity == ProblemSeverity::Error
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            ProblemSeverity::Notice => "notice",
            ProblemSeverity::Warning => "warning",
            ProblemSeverity::Error => "error",
        };
        write!(f, "{}:{}: {severity}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}
