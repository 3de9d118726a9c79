//! What a scenario says of the streets.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use site::run::Complaint;

use crate::network::{District, Network};
use crate::policy;
use crate::signal::Limits;
use crate::world::Demand;

/// The most junctions of a district that is drawn.
const JUNCTIONS_MAX: usize = 100;
/// The most vehicles that come on one lane, an hour.
const FLOW_MAX: f64 = 1_800.0;

/// Something that changes how much comes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// When it begins, in seconds from the begin of the run.
    pub from_seconds: f64,
    /// How long it lasts.
    pub seconds: f64,
    /// How many times as much comes while it lasts.
    pub demand_times: f64,
}

/// Streets, who comes, and what is wrong with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Streets {
    /// A network of SUMO (`.net.xml`) as text; empty for a district that is drawn.
    pub network: String,
    /// Junctions of the drawn district from west to east.
    pub columns: usize,
    /// Junctions of the drawn district from south to north.
    pub rows: usize,
    /// From junction to junction of the drawn district.
    pub block_meters: f64,
    /// Vehicles that come on every lane on which streets begin, an hour.
    pub vehicles_per_hour: f64,
    /// How many times of that.
    pub demand_times: f64,
    /// Times in which more or less comes.
    pub incidents: Vec<Incident>,
    /// The share of lanes whose detectors say nothing.
    pub dead_detector_share: f64,
    /// The times that every change of a signal keeps.
    pub limits: Limits,
}

impl Default for Streets {
    fn default() -> Self {
        Self {
            network: String::new(),
            columns: 3,
            rows: 2,
            block_meters: 240.0,
            vehicles_per_hour: 250.0,
            demand_times: 1.0,
            incidents: Vec::new(),
            dead_detector_share: 0.0,
            limits: Limits::default(),
        }
    }
}

impl Streets {
    /// The network, read or drawn; everything that is wrong with these settings otherwise.
    pub(super) fn network(&self) -> Result<Network, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let mut complain = |place: &str, problem: String, hint: &str| {
            complaints.push(Complaint { place: format!("/world/{place}"), problem, hint: hint.to_owned() });
        };
        if self.columns * self.rows == 0 || self.columns * self.rows > JUNCTIONS_MAX {
            complain("columns", format!("{} by {} junctions", self.columns, self.rows), "1 to 100 junctions are drawn");
        }
        if !(60.0..=2_000.0).contains(&self.block_meters) {
            complain("block_meters", format!("blocks of {} m", self.block_meters), "60 to 2000 m");
        }
        let flow = self.vehicles_per_hour * self.demand_times;
        if !(0.0..=FLOW_MAX).contains(&flow) {
            complain("vehicles_per_hour", format!("{flow} vehicles an hour on a lane"), "0 to 1800");
        }
        if !(0.0..=1.0).contains(&self.dead_detector_share) {
            complain("dead_detector_share", format!("a share of {}", self.dead_detector_share), "0 to 1");
        }
        let is_sound = |incident: &Incident| {
            incident.from_seconds >= 0.0 && incident.seconds > 0.0 && (0.0..=10.0).contains(&incident.demand_times)
        };
        if !self.incidents.iter().all(is_sound) {
            complain(
                "incidents",
                "an incident makes no sense".to_owned(),
                "it lasts, and brings 0 to 10 times as much",
            );
        }
        let limits = self.limits;
        let turn = limits.green_seconds_min + limits.intergreen_seconds();
        if limits.green_seconds_min == 0 || limits.yellow_seconds == 0 || limits.red_seconds_max < 4 * turn {
            complain(
                "limits",
                "the times cannot be kept".to_owned(),
                "give green, yellow, and four turns within the most red",
            );
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        if self.network.is_empty() {
            let (columns, rows, block_meters) = (self.columns, self.rows, self.block_meters);
            return Ok(District { columns, rows, block_meters, ..District::default() }.network());
        }
        let complaint = |fault: crate::network::Fault| Complaint {
            place: "/world/network".into(),
            problem: fault.to_string(),
            hint: String::new(),
        };
        Network::from_sumo(&self.network).map_err(|faults| faults.into_iter().map(complaint).collect())
    }

    pub(super) fn demand(&self, network: &Network) -> Demand {
        let mut demand = Demand::even(network, self.vehicles_per_hour * self.demand_times);
        for incident in &self.incidents {
            demand.change(incident.from_seconds, incident.demand_times);
            demand.change(incident.from_seconds + incident.seconds, 1.0);
        }
        demand
    }
}

/// The JSON Schema of the knobs of planned control.
pub(super) fn planned_schema() -> Json {
    let default = policy::Settings::default();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "horizon_seconds": {
                "type": "integer", "minimum": 20, "maximum": 300, "default": default.horizon_seconds, "title": "Seconds ahead",
            },
            "beam": {"type": "integer", "minimum": 1, "maximum": 64, "default": default.beam, "title": "Partial plans kept"},
            "stop_seconds": {
                "type": "number", "minimum": 0, "maximum": 60, "default": default.stop_seconds,
                "title": "What a stop costs, in seconds",
            },
            "shares": {"type": "boolean", "default": default.shares, "title": "Junctions tell each other what comes"},
        },
    })
}
