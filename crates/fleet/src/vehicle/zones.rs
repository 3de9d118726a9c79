//! What a robot of 3.0 makes of zones: it keeps the sets that it is sent, drives slowly where it must, and asks before it
//! enters where it needs leave.

use connect::vda5050::state::{Enabled, RequestStatus, RequestType, ZoneRequest, ZoneSetState};
use connect::vda5050::zone::{Grant, Response, Zone, ZoneSet, ZoneType};

use super::Vehicle;

impl Vehicle {
    /// Keeps a zone set; one that it has already is refused.
    pub(super) fn hear_zone_set(&mut self, zone_set: ZoneSet) {
        self.wants_state = true;
        if self.zone_sets.iter().any(|(known, _)| known.zone_set_id == zone_set.zone_set_id) {
            let reference = [("zoneSetId", zone_set.zone_set_id.as_str())];
            return self.complain("DUPLICATE_ZONE_SET", "it is there already", &reference);
        }
        self.zone_sets.push((zone_set, Enabled::Disabled));
    }

    /// Uses a zone set, and no other of its map. False when it is not there.
    pub(super) fn enable_zone_set(&mut self, id: &str) -> bool {
        let found = self.zone_sets.iter().find(|(set, _)| set.zone_set_id == id);
        let Some(map) = found.map(|(set, _)| set.map_id.clone()) else { return false };
        for (set, status) in self.zone_sets.iter_mut().filter(|(set, _)| set.map_id == map) {
            *status = if set.zone_set_id == id { Enabled::Enabled } else { Enabled::Disabled };
        }
        true
    }

    /// Forgets a zone set. False when it is used or not there.
    pub(super) fn delete_zone_set(&mut self, id: &str) -> bool {
        let before = self.zone_sets.len();
        self.zone_sets.retain(|(set, status)| set.zone_set_id != id || *status == Enabled::Enabled);
        self.zone_sets.len() < before
    }

    pub(super) fn zone_set_states(&self) -> Vec<ZoneSetState> {
        let state = |(set, status): &(ZoneSet, Enabled)| ZoneSetState {
            zone_set_id: set.zone_set_id.clone(),
            map_id: set.map_id.clone(),
            zone_set_status: *status,
        };
        self.zone_sets.iter().map(state).collect()
    }

    /// The zones of the set that is used, and its id.
    fn zones(&self) -> impl Iterator<Item = (&str, &Zone)> {
        let used = self.zone_sets.iter().filter(|(set, it)| *it == Enabled::Enabled && set.map_id == self.pose.map);
        used.flat_map(|(set, _)| set.zones.iter().map(|zone| (set.zone_set_id.as_str(), zone)))
    }

    /// The speed limit where it is.
    pub(super) fn zone_limit(&self) -> f64 {
        let here = self.zones().filter(|(_, zone)| contains(zone, self.pose.x, self.pose.y));
        here.filter_map(|(_, zone)| zone.maximum_speed).fold(f64::INFINITY, f64::min)
    }

    /// Whether it may drive to a point; asks for leave where it needs it and has none.
    pub(super) fn has_leave(&mut self, x: f64, y: f64) -> bool {
        let needed = self.zones().filter(|(_, zone)| {
            zone.zone_type == ZoneType::Release && contains(zone, x, y) && !contains(zone, self.pose.x, self.pose.y)
        });
        let needed: Vec<(String, String)> = needed.map(|(set, zone)| (set.to_owned(), zone.zone_id.clone())).collect();
        let mut has_leave = true;
        for (zone_set_id, zone_id) in needed {
            let request = self.zone_requests.iter().find(|it| it.zone_id == zone_id && it.zone_set_id == zone_set_id);
            has_leave &= request.is_some_and(|it| it.request_status == RequestStatus::Granted);
            if request.is_none() {
                self.requests_made += 1;
                self.zone_requests.push(ZoneRequest {
                    request_id: format!("request-{}", self.requests_made),
                    request_type: RequestType::Access,
                    zone_id,
                    zone_set_id,
                    request_status: RequestStatus::Requested,
                    trajectory: None,
                });
                self.wants_state = true;
            }
        }
        has_leave
    }

    /// Hears answers to what it asked for.
    pub(super) fn hear_response(&mut self, response: &Response) {
        let asked = self.zone_requests.iter_mut().filter(|it| it.request_id == response.request_id);
        for request in asked {
            if response.grant_type == Grant::Granted {
                request.request_status = RequestStatus::Granted;
            }
        }
        if matches!(response.grant_type, Grant::Rejected | Grant::Revoked) {
            self.zone_requests.retain(|request| request.request_id != response.request_id);
        }
        self.wants_state = true;
    }

    /// Gives back leave for zones that it has left, and has no way into any more.
    pub(super) fn leave_zones(&mut self) {
        if self.zone_requests.is_empty() {
            return;
        }
        let places = self.nodes.iter().filter(|node| node.released).filter_map(|node| node.node_position.as_ref());
        let places: Vec<(f64, f64)> = places.map(|it| (it.x, it.y)).chain([(self.pose.x, self.pose.y)]).collect();
        let is_needed = |request: &ZoneRequest| {
            let zone = self.zones().find(|(set, it)| *set == request.zone_set_id && it.zone_id == request.zone_id);
            zone.is_some_and(|(_, zone)| places.iter().any(|(x, y)| contains(zone, *x, *y)))
        };
        let needed: Vec<bool> = self.zone_requests.iter().map(is_needed).collect();
        let mut needed = needed.into_iter();
        let before = self.zone_requests.len();
        self.zone_requests.retain(|_| needed.next().unwrap_or(true));
        self.wants_state |= self.zone_requests.len() < before;
    }
}

/// Whether a point lies within the outline of a zone, its border included as far as numbers allow.
fn contains(zone: &Zone, x: f64, y: f64) -> bool {
    let ends = zone.vertices.iter().zip(zone.vertices.iter().cycle().skip(1));
    let mut is_inside = false;
    for (a, b) in ends {
        let along = (b.x - a.x) * (x - a.x) + (b.y - a.y) * (y - a.y);
        let across = (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x);
        let length = (b.x - a.x).powi(2) + (b.y - a.y).powi(2);
        if across.abs() < 1e-9 && (0.0..=length).contains(&along) {
            return true;
        }
        if (a.y > y) != (b.y > y) && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x {
            is_inside = !is_inside;
        }
    }
    is_inside
}
