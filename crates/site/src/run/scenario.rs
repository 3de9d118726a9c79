//! What a run is of.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::domain::Complaint;

/// The most seeds of one run.
pub const SEEDS_MAX: usize = 100;
/// The longest virtual time of one run.
pub const DURATION_SECONDS_MAX: u64 = 366 * 24 * 3_600;
/// The longest scenario as JSON.
pub const SCENARIO_BYTES_MAX: usize = 8 << 20;

/// Which policy, and how it is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyChoice {
    /// One of the domain's policies.
    pub name: String,
    /// Its parameters; what is left out has the policy's default.
    #[serde(default)]
    pub parameters: Json,
}

/// A policy, the world that answers it, and how long and how often it is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Scenario {
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// The domain that knows the policy and the world: `fleet`.
    pub domain: String,
    /// Who decides.
    pub policy: PolicyChoice,
    /// What answers: the domain's own description of layout, bodies and demand.
    #[serde(default)]
    pub world: Json,
    /// When the virtual time begins.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub start: Timestamp,
    /// How long, in virtual seconds.
    pub duration_seconds: u64,
    /// One repetition each. The same seeds in two scenarios meet the same chance events, so that their results can be
    /// compared pair by pair.
    pub seeds: Vec<u64>,
}

impl Scenario {
    /// What is wrong with it that needs no domain to see.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut complain = |place: &str, problem: String, hint: &str| {
            complaints.push(Complaint { place: place.into(), problem, hint: hint.into() });
        };
        if self.duration_seconds == 0 || self.duration_seconds > DURATION_SECONDS_MAX {
            let problem = format!("{} s is not between 1 and {DURATION_SECONDS_MAX}", self.duration_seconds);
            complain("/duration_seconds", problem, "give the virtual time of one repetition");
        }
        if self.seeds.is_empty() || self.seeds.len() > SEEDS_MAX {
            let problem = format!("{} seeds are not between 1 and {SEEDS_MAX}", self.seeds.len());
            complain("/seeds", problem, "five give a first idea of the spread");
        }
        let mut sorted = self.seeds.clone();
        sorted.sort_unstable();
        if let Some([twice, ..]) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            complain("/seeds", format!("{twice} is there twice"), "a seed again is the same run again");
        }
        complaints
    }
}
