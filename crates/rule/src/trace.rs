//! What happened in a run, step by step, and why a rule did not run. Bounded; failures are kept longest.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Cause, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleOutcome))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It came to its end.
    Finished,
    /// A `stop`, a newer run, or a change of the rule ended it.
    Stopped,
    /// Something went wrong.
    Failed,
    /// It was set off and did not begin: a condition was false, or it was running already.
    KeptFromRunning,
    /// It goes on.
    Running,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleStepOutcome))]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The condition held; the action was done.
    Passed,
    /// The condition did not hold, and held the run back.
    Held,
    /// It went wrong.
    Failed,
    /// It was passed over.
    Skipped,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleStep))]
pub struct Step {
    /// The part of the rule: `actions[0]`.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub path: Arc<str>,
    /// Its line.
    pub line: u32,
    /// What it says, in words.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub words: Arc<str>,
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub began: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// How it went.
    pub outcome: StepOutcome,
    /// What it came to.
    pub value: Value,
    /// More in words: by how much a condition was missed, why something failed.
    #[cfg_attr(feature = "schema", schema(required))]
    pub detail: Option<String>,
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleTraceSummary))]
pub struct TraceSummary {
    /// The run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub id: Arc<str>,
    /// Which rule.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub rule: Arc<str>,
    /// Which version of it.
    pub version: u64,
    /// When it was set off.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub began: Timestamp,
    /// How long it went on.
    pub seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the rule ran in shadow.
    pub shadow: bool,
    /// What set it off, in words.
    pub trigger_words: String,
    /// What led to what set it off.
    #[cfg_attr(feature = "schema", schema(required))]
    pub cause: Option<Cause>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleTrace))]
pub struct Trace {
    /// In short.
    #[serde(flatten)]
    pub summary: TraceSummary,
    /// Step by step.
    pub steps: Vec<Step>,
    /// Steps that were not kept, because there were too many.
    pub steps_left_out: u32,
    /// The variables at the end.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// Why a rule did not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WhyNot {
    /// At which moment.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub at: Timestamp,
    /// In one sentence.
    pub words: String,
    /// Each trigger.
    pub triggers: Vec<WhyTrigger>,
    /// Each condition.
    pub conditions: Vec<WhyCondition>,
}

/// Why a trigger did not fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WhyTrigger {
    /// What it says.
    pub words: String,
    /// Its line.
    pub line: u32,
    /// Whether it has fired since the rule was enlisted.
    pub fired: bool,
    /// When it fired last.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub last: Option<Timestamp>,
    /// By how much it was missed, in words.
    #[cfg_attr(feature = "schema", schema(required))]
    pub off_by: Option<String>,
    /// How near it was: 1 is there.
    pub near: f64,
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WhyCondition {
    /// What it says.
    pub words: String,
    /// Its line.
    pub line: u32,
    /// Whether it holds.
    pub held: bool,
    /// What it looked at.
    pub value: Value,
    /// By how much it is missed, in words.
    #[cfg_attr(feature = "schema", schema(required))]
    pub off_by: Option<String>,
}

/// Keeps traces within bounds: the newest of each rule; when there are too many, those that were kept from running go
/// first, then those that went well, and failures last.
#[derive(Debug, Default)]
pub struct Book {
    traces: VecDeque<Arc<Trace>>,
    per_rule_max: usize,
    max: usize,
}

impl Book {
    /// A book of at most `max` traces, and `per_rule_max` of one rule.
    pub fn new(per_rule_max: usize, max: usize) -> Self {
        Self { traces: VecDeque::new(), per_rule_max: per_rule_max.max(1), max: max.max(1) }
    }

    /// Adds a run; what gives way for it is returned.
    pub fn add(&mut self, trace: Arc<Trace>) -> Vec<Arc<Trace>> {
        let rule = Arc::clone(&trace.summary.rule);
        self.traces.push_back(trace);
        let mut gone = Vec::new();
        while self.traces.iter().filter(|kept| kept.summary.rule == rule).count() > self.per_rule_max {
            gone.extend(self.drop_least(Some(&rule)));
        }
        while self.traces.len() > self.max {
            gone.extend(self.drop_least(None));
        }
        gone
    }

    fn drop_least(&mut self, rule: Option<&str>) -> Option<Arc<Trace>> {
        let worth = |trace: &Trace| match trace.summary.outcome {
            Outcome::KeptFromRunning => 0,
            Outcome::Running | Outcome::Finished | Outcome::Stopped => 1,
            Outcome::Failed => 2,
        };
        let candidates = self.traces.iter().enumerate();
        let of_rule = candidates.filter(|(_, trace)| rule.is_none_or(|rule| *trace.summary.rule == *rule));
        // The oldest of the least worth: `min_by_key` keeps the first of equals.
        let (at, _) = of_rule.min_by_key(|(_, trace)| worth(trace))?;
        self.traces.remove(at)
    }

    /// One run.
    pub fn get(&self, id: &str) -> Option<&Arc<Trace>> {
        self.traces.iter().rev().find(|trace| &*trace.summary.id == id)
    }

    /// The runs, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Trace>> {
        self.traces.iter().rev()
    }

    /// How many runs are kept.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }
}
