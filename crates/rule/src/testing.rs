//! The tests beside a rule, run with a virtual clock and virtual things.

use serde::{Deserialize, Serialize};

use crate::calendar::Place;
use crate::rule::Rule;
use crate::trace::Trace;

/// How one test went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleTestResult))]
pub struct TestResult {
    /// What people call it.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Whether what came is what was expected.
    pub passed: bool,
    /// What was expected.
    pub expected: Vec<String>,
    /// What came.
    pub came: Vec<String>,
    /// The last run that began, or else the last one that was kept from running.
    #[cfg_attr(feature = "schema", schema(required))]
    pub trace: Option<Trace>,
}

/// Runs all tests of a rule.
pub fn run(_rule: &std::sync::Arc<Rule>, _place: &Place) -> Vec<TestResult> {
    Vec::new()
}
