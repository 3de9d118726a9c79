//! The domain by whose name the policy of a home is live, for an installation that has no world of the home to simulate.

use serde_json::json;
use site::run::{
    Better, Complaint, Domain, DomainDescription, Failed, KpiDescription, Outcome, PolicyDescription, Scenario, Watch,
};

use super::{DOMAIN, POLICY};
use crate::calendar::complaint;

/// A home that can be operated and not simulated: nothing shows for its policy, so only an owner takes it live.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsimulated;

const WHY: &str = "this home cannot be simulated";

impl Domain for Unsimulated {
    fn description(&self) -> DomainDescription {
        DomainDescription {
            name: DOMAIN,
            title: "Home",
            policies: vec![PolicyDescription {
                name: POLICY,
                title: "Optimiser",
                summary: "Plans the next day at the least cost, and says why",
                parameters: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            }],
            kpis: vec![KpiDescription { name: "cost", title: "Cost", unit: "", better: Better::Lower, decimals: 2 }],
            world: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        }
    }

    fn check(&self, _scenario: &Scenario) -> Vec<Complaint> {
        vec![complaint("/domain", WHY, "watch it in shadow instead")]
    }

    fn simulate(&self, _scenario: &Scenario, _seed: u64, _watch: &mut dyn Watch) -> Result<Outcome, Failed> {
        Err(Failed::Broken(WHY.to_owned()))
    }
}
