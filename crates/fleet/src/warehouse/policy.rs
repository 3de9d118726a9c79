//! How the fleet is managed: the knobs of a policy.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::settings::Robots;
use crate::dispatch::Rules;

/// How robots get orders and ways.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How many orders for one place of a station may be on robots at a time; more wait.
    pub robots_per_station: u32,
    /// Whether an order may still change its robot until it is taken up.
    pub reassign: bool,
    /// The steps that ways are planned ahead, 3 to 6.
    pub depth: usize,
    /// How many changes of the plan are tried for each robot and step.
    pub improvement: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { robots_per_station: 8, reassign: true, depth: 3, improvement: 0 }
    }
}

impl Policy {
    /// The name of the policy in scenarios.
    pub const NAME: &'static str = "central";

    /// What dispatch goes by.
    pub(super) fn rules(&self, robots: &Robots) -> Rules {
        Rules {
            reassign: self.reassign,
            orders_per_cell: self.robots_per_station,
            charge_below_percent: robots.charge_below_percent,
        }
    }

    /// The JSON Schema of the knobs.
    pub(super) fn schema() -> Json {
        let default = Self::default();
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "robots_per_station": {
                    "type": "integer", "minimum": 1, "maximum": 100, "default": default.robots_per_station,
                    "title": "Orders on robots for each place of a station",
                },
                "reassign": {"type": "boolean", "default": default.reassign, "title": "Orders may change their robot"},
                "depth": {
                    "type": "integer", "minimum": 3, "maximum": 6, "default": default.depth, "title": "Steps ahead",
                },
                "improvement": {
                    "type": "integer", "minimum": 0, "maximum": 1_000, "default": default.improvement,
                    "title": "Attempts to improve, for each robot and step",
                },
            },
        })
    }
}
