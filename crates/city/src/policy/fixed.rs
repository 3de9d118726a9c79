//! The programme that the network brings, by the clock.

use super::{City, Policy, each};

/// Follows the fixed programmes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fixed;

impl Policy for Fixed {
    fn decide(&mut self, city: &City) -> Vec<Option<usize>> {
        each(city, |_, junction, _, _| Some(junction.layout().fixed_phase_at(city.second)))
    }
}
