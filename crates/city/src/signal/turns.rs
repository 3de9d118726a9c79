//! Which ways vehicles take at a junction, estimated from what leaves its lanes and what enters the roads behind it.
//!
//! Each vehicle that enters a road behind the junction is laid to the lanes that it can have come from, by what left them in
//! the last seconds and by the shares so far: an expectation maximisation that runs along (Nihan and Davis, "Recursive
//! estimation of origin-destination matrices from input/output counts", 1987, poses the problem).

use std::collections::BTreeMap;

use super::seen::ExitCount;
use crate::network::{Network, Turn};

/// How much of what left a lane is still on its way after another second.
const CROSSING_KEEP: f64 = 0.7;
/// How fast what was counted is forgotten, in seconds.
const MEMORY_SECONDS: f64 = 1_200.0;
/// How far what was counted is believed; what nobody took so far may be taken next.
const LEARNED_SHARE: f64 = 0.7;
/// The weight of what is thought before anything was counted, in vehicles.
const PRIOR_VEHICLES: f64 = 8.0;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Turns {
    /// What left each lane and may still be crossing, by lane.
    crossing: BTreeMap<usize, f64>,
    /// The counters of the exits.
    entered: BTreeMap<usize, u64>,
    /// Vehicles laid to each link.
    taken: BTreeMap<usize, f64>,
}

impl Turns {
    /// Takes in what left each lane in the last second and what the exits tell.
    pub(super) fn tell(&mut self, network: &Network, left: &[(usize, f64)], exits: &BTreeMap<usize, ExitCount>) {
        let keep = libm::exp(-1.0 / MEMORY_SECONDS);
        for taken in self.taken.values_mut() {
            *taken *= keep;
        }
        for (lane, left) in left {
            let crossing = self.crossing.entry(*lane).or_default();
            *crossing = *crossing * CROSSING_KEEP + left;
        }
        for (exit, count) in exits {
            let before = self.entered.insert(*exit, count.entered).unwrap_or(count.entered);
            let came = count.entered.saturating_sub(before) as f64;
            if came > 0.0 {
                self.lay(network, *exit, came);
            }
        }
    }

    fn lay(&mut self, network: &Network, exit: usize, came: f64) {
        let weight = |link: &usize| {
            let from = network.links[*link].from;
            let crossing = self.crossing.get(&from).copied().unwrap_or_default();
            (*link, crossing * self.share(network, &network.lanes[from].outgoing, *link))
        };
        let weights: Vec<(usize, f64)> = network.lanes[exit].incoming.iter().map(weight).collect();
        let all: f64 = weights.iter().map(|(_, weight)| weight).sum();
        for (link, weight) in weights.into_iter().filter(|(_, weight)| *weight > 0.0) {
            *self.taken.entry(link).or_default() += came * weight / all;
        }
    }

    /// The share of a lane's vehicles that take one of its links.
    pub(super) fn share(&self, network: &Network, links: &[usize], link: usize) -> f64 {
        let thought = |link: usize| match network.links[link].turn {
            Turn::Straight => 1.0,
            Turn::Left | Turn::Right => 0.4,
            Turn::Around => 0.02,
        };
        let all: f64 = links.iter().map(|link| thought(*link)).sum();
        let taken =
            |link: usize| self.taken.get(&link).copied().unwrap_or_default() + PRIOR_VEHICLES * thought(link) / all;
        let learned = taken(link) / links.iter().map(|link| taken(*link)).sum::<f64>();
        LEARNED_SHARE * learned + (1.0 - LEARNED_SHARE) * thought(link) / all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::District;

    #[test]
    fn shares_are_found_from_counts_alone() {
        let network = District { columns: 1, rows: 1, ..District::default() }.network();
        let mut turns = Turns::default();
        // The outer lanes: every fourth vehicle turns right, all others go ahead.
        let lanes: Vec<usize> = (0..4).map(|heading| network.links[heading * 3].from).collect();
        let mut entered: BTreeMap<usize, u64> = BTreeMap::new();
        let mut on_their_way = vec![0_usize; 3];
        for second in 0..3_000_usize {
            let heading = second / 40 % 4;
            let leaves = second.is_multiple_of(3);
            let link = heading * 3 + usize::from(!(second / 3).is_multiple_of(4));
            on_their_way.push(if leaves { network.links[link].to + 1 } else { 0 });
            if let Some(lane) = on_their_way.remove(0).checked_sub(1) {
                *entered.entry(lane).or_default() += 1;
            }
            let left: Vec<(usize, f64)> = lanes
                .iter()
                .enumerate()
                .map(|(number, lane)| (*lane, f64::from(u8::from(leaves && number == heading))))
                .collect();
            let exits = network.signals[0].links.iter().map(|links| network.links[links[0]].to);
            let exits = exits.map(|lane| {
                (lane, ExitCount { entered: entered.get(&lane).copied().unwrap_or_default(), ..ExitCount::default() })
            });
            turns.tell(&network, &left, &exits.collect());
        }
        for lane in lanes {
            let links = &network.lanes[lane].outgoing;
            let right = turns.share(&network, links, links[0]);
            assert!((right - 0.25).abs() < 0.05, "{right}");
        }
    }
}
