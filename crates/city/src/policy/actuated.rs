//! Actuated control: phases in turn, each as long as vehicles come in short gaps.

use super::{City, Policy, each};

/// Gap-based actuation, as field controllers have it (NTCIP 1202: minimum, passage and maximum time).
#[derive(Debug, Clone)]
pub struct Actuated {
    /// A green ends when nobody came for so many seconds.
    pub gap_seconds: f64,
    /// A green ends at the latest after so many seconds when others wait.
    pub green_seconds_max: u32,
}

impl Default for Actuated {
    fn default() -> Self {
        Self { gap_seconds: 3.0, green_seconds_max: 50 }
    }
}

impl Policy for Actuated {
    fn decide(&mut self, city: &City) -> Vec<Option<usize>> {
        each(city, |_, junction, current, seconds| {
            let (layout, network) = (junction.layout(), &city.network);
            let waits = |lane: usize| {
                let (standing, coming) = junction.seen.expected(network, lane);
                standing >= 0.5 || coming.iter().any(|(after, vehicles)| *after <= self.gap_seconds && *vehicles >= 0.5)
            };
            let is_wanted = |phase: usize| {
                let phase = &layout.phases[phase];
                (0..layout.lanes.len()).any(|lane| layout.has_green(network, lane, phase) && waits(lane))
            };
            let next = (1..layout.phases.len()).map(|ahead| (current + ahead) % layout.phases.len());
            // What the current phase serves anyway is no reason to leave it.
            let next = next.into_iter().find(|phase| {
                let (now, then) = (&layout.phases[current], &layout.phases[*phase]);
                (0..layout.lanes.len()).any(|lane| {
                    layout.has_green(network, lane, then) && !layout.has_green(network, lane, now) && waits(lane)
                })
            })?;
            let goes_on = is_wanted(current) && seconds < self.green_seconds_max;
            (!goes_on).then_some(next)
        })
    }
}
