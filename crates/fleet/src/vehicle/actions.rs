//! What a robot does besides driving: loads, charging, and what it is told to do at once.

use connect::vda5050::order::{Action, BlockingType};
use connect::vda5050::state::{ActionStatus, Enabled, Load, MapState};
use plan::Random;
use serde::{Deserialize, Serialize};

use super::Vehicle;
use super::orders::waiting;

/// Seconds that the actions take which a robot knows; below zero for those whose time its settings say.
pub(super) const DURATIONS: &[(&str, f64)] = &[
    ("pick", -1.0),
    ("drop", -2.0),
    ("startCharging", 1.0),
    ("stopCharging", 1.0),
    ("detectObject", 1.0),
    ("finePositioning", 2.0),
    ("waitForTrigger", f64::INFINITY),
    ("initPosition", 0.5),
    ("initializePosition", 0.5),
    ("downloadMap", 5.0),
    ("enableMap", 0.5),
    ("deleteMap", 0.5),
    ("enableZoneSet", 0.5),
    ("deleteZoneSet", 0.5),
    ("logReport", 0.5),
];

/// The most states of instant actions kept, and the most that are known again when they are heard twice; the oldest is
/// forgotten first.
const INSTANT_STATES_MAX: usize = 50;

/// An action that is being done, or waits for others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) action: Action,
    /// `None` before it begins.
    left_seconds: Option<f64>,
}

impl Job {
    pub(super) fn new(action: Action) -> Self {
        Self { action, left_seconds: None }
    }

    fn blocks_driving(&self) -> bool {
        matches!(self.action.blocking_type, BlockingType::Soft | BlockingType::Hard)
    }

    fn blocks_others(&self) -> bool {
        matches!(self.action.blocking_type, BlockingType::Single | BlockingType::Hard)
    }
}

impl Vehicle {
    /// Whether an action forbids driving.
    pub(super) fn is_held(&self) -> bool {
        self.jobs.iter().any(Job::blocks_driving)
    }

    pub(super) fn hear_instant(&mut self, action: Action) {
        self.wants_state = true;
        if self.instant_heard.contains(&action.action_id) {
            return; // A message that was sent twice.
        }
        if self.instant_heard.len() >= INSTANT_STATES_MAX {
            self.instant_heard.pop_front();
        }
        self.instant_heard.push_back(action.action_id.clone());
        if self.instant_states.len() >= INSTANT_STATES_MAX {
            self.instant_states.remove(0);
        }
        self.instant_states.push(waiting(&action));
        let outcome = match action.action_type.as_str() {
            "startPause" => {
                self.paused = true;
                Some(ActionStatus::Finished)
            }
            "stopPause" => {
                self.paused = false;
                Some(ActionStatus::Finished)
            }
            "stateRequest" => Some(ActionStatus::Finished),
            "clearInstantActions" => {
                self.instant_states.retain(|state| !state.action_status.is_final());
                Some(ActionStatus::Finished)
            }
            "factsheetRequest" => {
                self.wants_factsheet = true;
                Some(ActionStatus::Finished)
            }
            "cancelOrder" if self.is_idle() => {
                let reference = [("actionId", action.action_id.as_str())];
                self.complain("noOrderToCancel", "there is no order to cancel", &reference);
                Some(ActionStatus::Failed)
            }
            "cancelOrder" => {
                self.cancel();
                Some(ActionStatus::Finished)
            }
            kind if self.supports(kind) => {
                self.instant_jobs.push(Job::new(action.clone()));
                None
            }
            _ => Some(ActionStatus::Failed),
        };
        if let Some(status) = outcome {
            self.set_status(&action.action_id, status);
        }
    }

    fn set_status(&mut self, action_id: &str, status: ActionStatus) {
        let states = self.action_states.iter_mut().chain(&mut self.instant_states);
        for state in states.filter(|state| state.action_id == action_id && state.action_status != status) {
            state.action_status = status;
            self.wants_state = true;
        }
    }

    fn seconds_of(&self, action_type: &str) -> f64 {
        match DURATIONS.iter().find(|(known, _)| *known == action_type) {
            Some(("pick", _)) => self.settings.pick_seconds,
            Some(("drop", _)) => self.settings.drop_seconds,
            Some((_, seconds)) => *seconds,
            None => 1.0,
        }
    }

    /// Goes on with actions.
    pub(super) fn work(&mut self, dt_seconds: f64, random: &mut Random) {
        for is_instant in [false, true] {
            let mut jobs = std::mem::take(if is_instant { &mut self.instant_jobs } else { &mut self.jobs });
            let mut index = 0;
            while index < jobs.len() {
                let others_block = jobs[..index].iter().any(Job::blocks_others);
                if others_block || (jobs[index].blocks_others() && index > 0) {
                    break;
                }
                let begins = self.seconds_of(&jobs[index].action.action_type);
                let left = jobs[index].left_seconds.unwrap_or(begins) - dt_seconds;
                jobs[index].left_seconds = Some(left);
                if left > 0.0 {
                    self.set_status(&jobs[index].action.action_id, ActionStatus::Running);
                    index += 1;
                    continue;
                }
                let job = jobs.remove(index);
                let status = self.finish(&job.action, random);
                self.set_status(&job.action.action_id, status);
            }
            *(if is_instant { &mut self.instant_jobs } else { &mut self.jobs }) = jobs;
        }
    }

    fn finish(&mut self, action: &Action, random: &mut Random) -> ActionStatus {
        let text = |key: &str| action.parameter(key).and_then(|value| value.as_str()).map(str::to_owned);
        let number = |key: &str| action.parameter(key).and_then(serde_json::Value::as_f64);
        match action.action_type.as_str() {
            "pick" | "drop" if random.unit() < self.settings.troubles.failed_handlings => {
                let reference = [("actionId", action.action_id.as_str())];
                self.complain("loadHandlingError", "the load is not where it should be", &reference);
                return ActionStatus::Failed;
            }
            "pick" => self.loads.push(Load { load_id: text("loadId"), load_type: text("loadType"), ..Load::default() }),
            "drop" => {
                self.loads.pop();
            }
            "startCharging" => self.charging = true,
            "stopCharging" => self.charging = false,
            "initPosition" | "initializePosition" => {
                self.pose.x = number("x").unwrap_or(self.pose.x);
                self.pose.y = number("y").unwrap_or(self.pose.y);
                self.pose.theta = number("theta").unwrap_or(self.pose.theta);
                self.pose.map = text("mapId").unwrap_or_else(|| self.pose.map.clone());
                self.pose.node = text("lastNodeId").unwrap_or_default();
            }
            "downloadMap" | "enableMap" | "deleteMap" => {
                let (Some(id), Some(version)) = (text("mapId"), text("mapVersion")) else {
                    return ActionStatus::Failed;
                };
                if !self.change_maps(&action.action_type, &id, &version) {
                    return ActionStatus::Failed;
                }
            }
            "enableZoneSet" | "deleteZoneSet" => {
                let id = text("zoneSetId").unwrap_or_default();
                let is_enabled = action.action_type == "enableZoneSet";
                if !(if is_enabled { self.enable_zone_set(&id) } else { self.delete_zone_set(&id) }) {
                    return ActionStatus::Failed;
                }
            }
            _ => {}
        }
        ActionStatus::Finished
    }

    /// Gets a map, uses one that is there, or forgets one that is not used. False when that cannot be.
    fn change_maps(&mut self, action: &str, id: &str, version: &str) -> bool {
        let is_it = |map: &MapState| map.map_id == id && map.map_version == version;
        match (action, self.maps.iter().position(is_it)) {
            ("downloadMap", None) => {
                let (map_id, map_version) = (id.to_owned(), version.to_owned());
                let map_status = Enabled::Disabled;
                self.maps.push(MapState { map_id, map_version, map_description: None, map_status });
            }
            ("enableMap", Some(_)) => {
                for map in self.maps.iter_mut().filter(|map| map.map_id == id) {
                    map.map_status = if is_it(map) { Enabled::Enabled } else { Enabled::Disabled };
                }
            }
            ("deleteMap", Some(at)) if self.maps[at].map_status == Enabled::Disabled => {
                self.maps.remove(at);
            }
            _ => return false,
        }
        true
    }
}
