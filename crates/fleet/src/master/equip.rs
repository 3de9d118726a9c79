//! What robots have on board before they work, and what they may enter: maps, zone sets, and answers to their requests.
//!
//! A robot whose map has another version than the floor's gets the floor's before it is given orders, or nothing and a
//! finding. Robots of 3.0 get the floor's zones as far as they know such, and ask before they enter some. Whatever they
//! know, what they are released to keeps to the zones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connect::vda5050::state::{ActionStatus, Enabled, RequestStatus, RequestType, State, ZoneRequest};
use connect::vda5050::zone::{Grant, ReleaseLoss, Response, Vertex, Zone, ZoneSet, ZoneType};
use connect::vda5050::{Action, Body, Responses, Version, ZoneSetMessage};

use super::{Master, Robot, Unit, Weight};
use crate::floor::{Floor, NodeIndex, Point, ZoneRule};
use crate::traffic::Traffic;

/// How many instant actions a robot tells of before it is asked to tell of them no more.
pub(super) const ACTIONS_TOLD_MAX: usize = 10;
const CLEAR: &str = "clearInstantActions";

/// What of a floor robots are told besides their orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Equipment {
    /// The version of the map that robots need; empty when it does not matter.
    map_version: String,
    /// Where robots get the map; empty when they have it from somebody else.
    map_link: String,
    zones: Vec<Zone>,
    /// The nodes of each zone that one robot at a time may enter, by the zone's id.
    exclusive: BTreeMap<String, BTreeSet<NodeIndex>>,
}

impl Equipment {
    fn zones_for(&self, supported: &[String]) -> Vec<Zone> {
        let is_known = |zone: &&Zone| supported.iter().any(|it| it == zone.zone_type.as_str(Version::V3_0));
        self.zones.iter().filter(is_known).cloned().collect()
    }

    /// Who is in which of the zones that one robot at a time may enter, or was released into it.
    pub(super) fn holders(
        &self,
        units: &BTreeMap<Robot, Unit>,
        traffic: &Traffic,
    ) -> Vec<(&BTreeSet<NodeIndex>, BTreeSet<Robot>)> {
        let mut found = Vec::new();
        for (id, nodes) in &self.exclusive {
            let holds = |(robot, unit): &(&Robot, &Unit)| {
                let requests = unit.state.iter().flat_map(|state| state.zone_requests.iter().flatten());
                // Some of it may still stand in a zone whose nodes it has left.
                let mut granted = requests.filter(|it| it.request_status == RequestStatus::Granted);
                traffic.base(**robot).iter().any(|visit| nodes.contains(&visit.cell))
                    || granted.any(|it| it.zone_id == *id)
            };
            found.push((nodes, units.iter().filter(holds).map(|(robot, _)| *robot).collect()));
        }
        found
    }
}

/// The zone of a floor in the words of the standard.
fn zone(zone: &crate::floor::Zone) -> Zone {
    let (a, b) = (zone.from, zone.to);
    let (left, right) = (a.x.min(b.x), a.x.max(b.x));
    let (low, high) = (a.y.min(b.y), a.y.max(b.y));
    // Counterclockwise.
    let corners = [(left, low), (right, low), (right, high), (left, high)];
    let (zone_type, maximum_speed, release_loss_behavior) = match zone.rule {
        ZoneRule::Closed => (ZoneType::Blocked, None, None),
        ZoneRule::SpeedLimit(limit) => (ZoneType::SpeedLimit, Some(limit), None),
        ZoneRule::Release => (ZoneType::Release, None, Some(ReleaseLoss::Stop)),
    };
    Zone {
        zone_id: zone.id.clone(),
        zone_type,
        vertices: corners.into_iter().map(|(x, y)| Vertex { x, y }).collect(),
        maximum_speed,
        release_loss_behavior,
        ..Zone::default()
    }
}

/// The id of a zone set: its content must never change, so it is named by it.
fn zone_set_id(zones: &[Zone]) -> String {
    let text = serde_json::to_string(zones).expect("zones have text keys and finite numbers");
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    format!("zones-{:016x}", text.bytes().fold(0xCBF2_9CE4_8422_2325, fold))
}

impl Master {
    /// Takes over what robots need to know of a floor besides its nodes: the version of its map, and its zones.
    pub fn equip(&mut self, floor: &Floor) {
        let zones = floor.zones.iter().map(zone).collect();
        let nodes_in = |zone: &crate::floor::Zone| {
            let is_in = |node: &NodeIndex| {
                let Point { x, y } = self.network.point(*node);
                zone.contains(x, y)
            };
            (0..self.network.len() as NodeIndex).filter(is_in).collect()
        };
        let releases = floor.zones.iter().filter(|zone| zone.rule == ZoneRule::Release);
        let exclusive = releases.map(|zone| (zone.id.clone(), nodes_in(zone))).collect();
        let (map_version, map_link) = (floor.map_version.clone(), floor.map_link.clone());
        self.equipment = Equipment { map_version, map_link, zones, exclusive };
        let robots: Vec<Robot> = self.units.keys().copied().collect();
        for robot in robots {
            self.note_zones(robot);
        }
    }

    /// Works out which of the floor's zones a robot should have, from its factsheet.
    pub(super) fn note_zones(&mut self, robot: Robot) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        unit.refused.clear();
        let supported = unit.factsheet.as_ref().and_then(|it| it.type_specification.supported_zones.as_ref());
        let zones = match supported.filter(|_| unit.version == Version::V3_0) {
            Some(supported) => self.equipment.zones_for(supported),
            None => Vec::new(),
        };
        unit.zone_set = (!zones.is_empty()).then(|| zone_set_id(&zones));
    }

    /// Sees to it that a robot has what it needs on board, one step after the other.
    pub(super) fn hear_equipment(&mut self, robot: Robot, state: &State) {
        self.hear_map(robot, state);
        self.clear_actions(robot, state);
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if let Some((action_id, action_type)) = unit.equipping.clone() {
            match state.action(&action_id).map(|action| action.action_status) {
                Some(ActionStatus::Finished) => unit.equipping = None,
                Some(ActionStatus::Failed) => {
                    unit.equipping = None;
                    unit.refused.insert(action_type);
                }
                _ => return,
            }
        }
        if !self.equip_map(robot, state) {
            self.equip_zones(robot, state);
        }
        self.answer_requests(robot, state);
    }

    /// Robots of 3.0 tell of every instant action until they are told that it is known.
    fn clear_actions(&mut self, robot: Robot, state: &State) {
        let is_long = state.instant_action_states.len() > ACTIONS_TOLD_MAX;
        let Some(unit) = self.units.get(&robot).filter(|unit| is_long && unit.can_do_at_once(CLEAR)) else { return };
        let is_clear = |it: &Action| it.action_type == CLEAR;
        let is_asked = unit.unanswered.iter().any(|it| match &it.body {
            Body::InstantActions(asked) => asked.actions.iter().any(is_clear),
            _ => false,
        });
        if !is_asked && unit.version == Version::V3_0 {
            self.ask(robot, CLEAR);
        }
    }

    /// Whether the robot may work with the map that it has.
    fn hear_map(&mut self, robot: Robot, state: &State) {
        let (id, version) = (&self.map, &self.equipment.map_version);
        // A robot that says nothing of its maps, as in 2.0, has none to choose from.
        let maps = state.maps.as_ref().filter(|_| !version.is_empty());
        let is_right = maps.is_none_or(|maps| {
            let is_ours = |map: &&_| is_map(map, id, version);
            maps.iter().find(is_ours).is_some_and(|map| map.map_status == Enabled::Enabled)
        });
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if unit.lacks_map == is_right {
            unit.lacks_map = !is_right;
            self.is_plan_wanted = true;
        }
        let words = || {
            let has: Vec<&str> = state.maps.iter().flatten().map(|map| map.map_version.as_str()).collect();
            format!("it has map {id} in version {}, the floor has {version}; it gets no orders", has.join(", "))
        };
        let words = (!is_right).then(words);
        self.find(robot, "map_version", Weight::Warning, !is_right, || words.unwrap_or_default());
    }

    /// Asks for the next step towards the floor's map. False when there is nothing to do.
    fn equip_map(&mut self, robot: Robot, state: &State) -> bool {
        let Some(unit) = self.units.get(&robot) else { return false };
        let (id, version) = (self.map.clone(), self.equipment.map_version.clone());
        let Some(maps) = state.maps.as_ref().filter(|_| !version.is_empty()) else { return false };
        let said = [("mapId", id.as_str()), ("mapVersion", version.as_str())];
        let stands = state.is_idle() && !state.driving;
        let ours = maps.iter().find(|map| is_map(map, &id, &version));
        let old = maps.iter().find(|map| map.map_id == id && map.map_version != version);
        let is_stuck = |action: &str| unit.refused.contains(action) || !unit.can_do_at_once(action);
        match ours {
            Some(map) if map.map_status == Enabled::Disabled => {
                self.tell_stuck(robot, "enableMap", is_stuck("enableMap"));
                stands && self.equip_by(robot, "enableMap", &said)
            }
            Some(_) => {
                self.tell_stuck(robot, "enableMap", false);
                // What is no longer used only takes room.
                let old = old.filter(|map| map.map_status == Enabled::Disabled).map(|map| map.map_version.clone());
                old.is_some_and(|old| self.equip_by(robot, "deleteMap", &[("mapId", &id), ("mapVersion", &old)]))
            }
            None => {
                let link = self.equipment.map_link.clone();
                self.tell_stuck(robot, "downloadMap", link.is_empty() || is_stuck("downloadMap"));
                let [map, version] = said;
                !link.is_empty() && self.equip_by(robot, "downloadMap", &[map, version, ("mapDownloadLink", &link)])
            }
        }
    }

    /// Tells people that a robot cannot get the floor's map by itself.
    fn tell_stuck(&mut self, robot: Robot, action: &str, is_stuck: bool) {
        self.find(robot, "map_stuck", Weight::Alarm, is_stuck, || {
            format!("it cannot get the floor's map by {action}; give it the map, or it stays without orders")
        });
    }

    /// Asks for an instant action that changes what is on board. False when the robot cannot, or has refused it before.
    fn equip_by(&mut self, robot: Robot, action_type: &str, said: &[(&str, &str)]) -> bool {
        let is_hopeless = |unit: &Unit| unit.refused.contains(action_type) || !unit.can_do_at_once(action_type);
        if self.units.get(&robot).is_none_or(is_hopeless) {
            return false;
        }
        let asked = self.ask_with(robot, action_type, said);
        if let Some(unit) = self.units.get_mut(&robot) {
            unit.equipping = asked.map(|action_id| (action_id, action_type.to_owned()));
        }
        true
    }

    fn equip_zones(&mut self, robot: Robot, state: &State) {
        let (now, wait) = (self.now, Duration::from_secs_f64(self.settings.resend_seconds));
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let Some(id) = unit.zone_set.clone() else { return };
        let sets = state.zone_sets.iter().flatten().filter(|set| set.map_id == self.map);
        let (ours, old): (Vec<_>, Vec<_>) = sets.partition(|set| set.zone_set_id == id);
        match ours.first().map(|set| set.zone_set_status) {
            None if now >= unit.zones_sent + wait => {
                unit.zones_sent = now;
                let supported = unit.factsheet.iter().filter_map(|it| it.type_specification.supported_zones.clone());
                let zones = self.equipment.zones_for(&supported.flatten().collect::<Vec<_>>());
                let zone_set = ZoneSet { map_id: self.map.clone(), zone_set_id: id, zone_set_descriptor: None, zones };
                self.send(robot, &Body::ZoneSet(ZoneSetMessage { zone_set }));
            }
            None => {}
            Some(Enabled::Disabled) => {
                self.equip_by(robot, "enableZoneSet", &[("zoneSetId", &id)]);
            }
            Some(Enabled::Enabled) => {
                if let Some(old) = old.first().map(|set| set.zone_set_id.clone()) {
                    self.equip_by(robot, "deleteZoneSet", &[("zoneSetId", &old)]);
                }
            }
        }
    }

    /// Answers what a robot asks for, again until it shows that it has heard.
    fn answer_requests(&mut self, robot: Robot, state: &State) {
        let (now, wait) = (self.now, Duration::from_secs_f64(self.settings.resend_seconds));
        let edges = state.edge_requests.iter().flatten().filter(|it| it.request_status == RequestStatus::Requested);
        // No way of ours has a corridor to leave it by.
        let edges: Vec<(String, Grant)> = edges.map(|it| (it.request_id.clone(), Grant::Rejected)).collect();
        let zones = state.zone_requests.iter().flatten();
        let zones = zones.filter(|it| it.request_status == RequestStatus::Requested);
        let zones: Vec<(String, Grant)> =
            zones.map(|it| (it.request_id.clone(), self.judge_request(robot, it))).collect();
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let wanted: BTreeMap<String, Grant> = zones.into_iter().chain(edges).collect();
        unit.answered.retain(|id, _| wanted.contains_key(id));
        let mut responses = Vec::new();
        for (request_id, grant_type) in wanted {
            let before = unit.answered.get(&request_id);
            // Who waits knows that it does; a lost grant would leave it waiting for ever.
            let is_due = before.is_none_or(|(grant, sent)| {
                *grant != grant_type || grant_type == Grant::Granted && now >= *sent + wait
            });
            if is_due {
                unit.answered.insert(request_id.clone(), (grant_type, now));
                responses.push(Response { request_id, grant_type, lease_expiry: None });
            }
        }
        if !responses.is_empty() {
            self.send(robot, &Body::Responses(Responses { responses }));
        }
    }

    /// Whoever was released into a zone has leave; whoever is about to be waits for it. Ways are planned here, so nobody
    /// has leave to plan their own.
    fn judge_request(&self, robot: Robot, request: &ZoneRequest) -> Grant {
        let is_known = self.units.get(&robot).is_some_and(|unit| unit.zone_set.as_ref() == Some(&request.zone_set_id));
        let nodes = self.equipment.exclusive.get(&request.zone_id).filter(|_| is_known);
        match nodes.filter(|_| request.request_type == RequestType::Access) {
            None => Grant::Rejected,
            Some(nodes) if self.traffic.base(robot).iter().any(|visit| nodes.contains(&visit.cell)) => Grant::Granted,
            Some(_) => Grant::Queued,
        }
    }
}

fn is_map(map: &connect::vda5050::state::MapState, id: &str, version: &str) -> bool {
    map.map_id == id && map.map_version == version
}
