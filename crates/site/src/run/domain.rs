//! What a domain contributes to the loop.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::kpi::{KpiDescription, Kpis};
use super::scenario::Scenario;
use super::search::{Turn, Watched};

/// A kind of policy that a domain has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyDescription {
    /// Unique in its domain.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// JSON Schema of its parameters, with defaults.
    pub parameters: Json,
}

/// What a domain can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DomainDescription {
    /// The word in scenarios and in the API's paths.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Who can decide.
    pub policies: Vec<PolicyDescription>,
    /// What is measured. The first one ranks the candidates of a plan that names no other.
    pub kpis: Vec<KpiDescription>,
    /// JSON Schema of a scenario's world.
    pub world: Json,
}

/// A question that a domain answers: it computes something, and changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OperationDescription {
    /// Unique in its domain; the last word of the API's path.
    pub name: &'static str,
    /// What it answers, in a sentence.
    pub summary: &'static str,
    /// JSON Schema of what it is given.
    pub input: Json,
    /// JSON Schema of what it answers.
    pub output: Json,
}

/// One thing that is wrong with what somebody gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Complaint {
    /// Where, as a JSON pointer into the scenario.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// What one seed of a scenario came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// The domain's figures.
    pub kpis: Kpis,
    /// A digest of everything that happened: the same scenario and seed always give the same.
    pub trace: u64,
    /// What a person should know: a bottleneck, a robot that could not move.
    pub findings: Vec<String>,
    /// Where it was worst, by the names of places, in a measure of the domain: hours of waiting.
    pub spots: BTreeMap<String, f64>,
}

/// Why a simulation ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Somebody asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The world could not be simulated.
    #[error("{0}")]
    Broken(String),
}

/// Who watches a simulation.
pub trait Watch {
    /// Told now and then how much is done, from 0 to 1. False: give up and return [`Failed::Cancelled`].
    fn goes_on(&mut self, part: f64) -> bool;

    /// Whether frames are wanted at all; making them costs.
    fn wants_frames(&self) -> bool {
        false
    }

    /// What the world looks like at a virtual second, in the domain's own versioned binary form.
    fn frame(&mut self, _second: f64, _frame: Bytes) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Watch for Quiet {
    fn goes_on(&mut self, _part: f64) -> bool {
        true
    }
}

/// A field of work: energy, signals, robots.
pub trait Domain: Send + Sync {
    /// What it can do.
    fn description(&self) -> DomainDescription;

    /// Everything that is wrong with a scenario, found without running it.
    fn check(&self, scenario: &Scenario) -> Vec<Complaint>;

    /// Simulates one seed of a scenario that [`Domain::check`] has nothing against. Pure: the same scenario and seed
    /// give the same outcome, on any machine and beside any other run.
    fn simulate(&self, scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, Failed>;

    /// Where plans look whether more of a number brings less of a figure.
    fn watched(&self) -> Vec<Watched> {
        Vec::new()
    }

    /// A turn of a watched figure in words.
    fn words(&self, turn: &Turn) -> String {
        let less: Vec<String> = turn.falls.iter().map(|fall| fall.value.to_string()).collect();
        format!("{} is best with {} at {}; worse with {}", turn.kpi, turn.best, turn.place, less.join(", "))
    }

    /// The questions that it answers.
    fn operations(&self) -> Vec<OperationDescription> {
        Vec::new()
    }

    /// Answers one of them. Places in complaints are JSON pointers into the input.
    fn operate(&self, name: &str, _input: Json) -> Result<Json, Vec<Complaint>> {
        let problem = format!("{} does not answer {name:?}", self.description().name);
        Err(vec![Complaint { place: String::new(), problem, hint: String::new() }])
    }
}
