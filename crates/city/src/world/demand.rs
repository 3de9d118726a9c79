//! Who comes from where, and which ways they take.

use std::collections::BTreeMap;

use crate::network::{Network, Turn};

/// Vehicles that enter where streets begin, and the shares of ways.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Demand {
    /// Vehicles a second by lane.
    flows: BTreeMap<usize, f64>,
    /// Shares of links that are known; others have what is usual.
    turns: BTreeMap<usize, f64>,
    /// For each moment from when on how many times as much comes, in seconds from the begin.
    courses: Vec<(f64, f64)>,
}

impl Demand {
    /// So many vehicles an hour on every lane on which streets begin.
    pub fn even(network: &Network, vehicles_per_hour: f64) -> Self {
        let begins = (0..network.lanes.len()).filter(|lane| {
            let lane = &network.lanes[*lane];
            lane.incoming.is_empty() && !lane.outgoing.is_empty()
        });
        let flows = begins.map(|lane| (lane, vehicles_per_hour / 3_600.0)).collect();
        Self { flows, turns: BTreeMap::new(), courses: Vec::new() }
    }

    /// Sets the flow on a lane, in vehicles an hour.
    pub fn set_flow(&mut self, lane: usize, vehicles_per_hour: f64) {
        self.flows.insert(lane, vehicles_per_hour / 3_600.0);
    }

    /// Sets how often a link is taken beside the others of its lane.
    pub fn set_turn(&mut self, link: usize, share: f64) {
        self.turns.insert(link, share);
    }

    /// From a second on so many times as much comes.
    pub fn change(&mut self, second: f64, times: f64) {
        self.courses.push((second, times));
        self.courses.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// Vehicles a second by lane at a second from the begin.
    pub(super) fn at(&self, second: f64) -> Vec<(usize, f64)> {
        let course = self.courses.iter().rev().find(|(from, _)| *from <= second);
        let times = course.map_or(1.0, |(_, times)| *times);
        self.flows.iter().map(|(lane, flow)| (*lane, flow * times)).collect()
    }

    pub(super) fn turn_share(&self, link: usize, turn: Turn) -> f64 {
        self.turns.get(&link).copied().unwrap_or_else(|| super::usual_share(turn))
    }
}
