//! Max pressure: green where the queues in front are longest beside those behind.

use super::{City, Policy, each, highest, is_turn};
use crate::signal::Phase;

/// Max pressure (Varaiya, "Max pressure control of a network of signalized intersections", 2013), on counts within reach.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Seconds between decisions.
    pub period_seconds: u32,
}

impl Default for Pressure {
    fn default() -> Self {
        Self { period_seconds: 10 }
    }
}

impl Policy for Pressure {
    fn decide(&mut self, city: &City) -> Vec<Option<usize>> {
        if !is_turn(city, self.period_seconds) {
            return vec![None; city.junctions.len()];
        }
        each(city, |_, junction, current, _| {
            let (layout, network) = (junction.layout(), &city.network);
            let score = |phase: &Phase| -> f64 {
                let with_green = (0..layout.lanes.len()).filter(|lane| layout.has_green(network, *lane, phase));
                let into: f64 = with_green.map(|lane| junction.seen.within_reach(network, lane)).sum();
                let mut exits: Vec<usize> =
                    layout.green_links(network, phase).map(|link| network.links[link].to).collect();
                exits.sort_unstable();
                exits.dedup();
                into - exits.into_iter().map(|exit| junction.seen.on_exit(exit)).sum::<f64>()
            };
            Some(highest(current, layout.phases.iter().map(score)))
        })
    }
}
