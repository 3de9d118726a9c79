//! Green for whoever has the most vehicles within reach.

use super::{City, Policy, each, highest, is_turn};

/// The most vehicles first (RESCO's MAXWAVE; Ault and Sharon, "Reinforcement learning benchmarks for traffic signal control",
/// 2021).
#[derive(Debug, Clone, Copy)]
pub struct Greedy {
    /// Seconds between decisions.
    pub period_seconds: u32,
}

impl Default for Greedy {
    fn default() -> Self {
        Self { period_seconds: 10 }
    }
}

impl Policy for Greedy {
    fn decide(&mut self, city: &City) -> Vec<Option<usize>> {
        if !is_turn(city, self.period_seconds) {
            return vec![None; city.junctions.len()];
        }
        each(city, |_, junction, current, _| {
            let layout = junction.layout();
            let score = |phase: &crate::signal::Phase| -> f64 {
                let with_green = (0..layout.lanes.len()).filter(|lane| layout.has_green(&city.network, *lane, phase));
                with_green.map(|lane| junction.seen.within_reach(&city.network, lane)).sum()
            };
            Some(highest(current, layout.phases.iter().map(score)))
        })
    }
}
