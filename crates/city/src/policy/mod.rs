//! Who decides which phase is next, for all junctions of a city together.

mod actuated;
mod fixed;
mod greedy;
mod planned;
mod pressure;

pub use actuated::Actuated;
pub use fixed::Fixed;
pub use greedy::Greedy;
pub use planned::{Planned, Settings};
pub use pressure::Pressure;

use std::sync::Arc;

use crate::network::Network;
use crate::signal::{Controller, Layout, Limits, Seen, Showing};

/// A junction in operation: its safety layer and what is seen of it.
#[derive(Debug, Clone)]
pub struct Junction {
    /// The safety layer.
    pub controller: Controller,
    /// What detectors tell.
    pub seen: Seen,
}

impl Junction {
    /// Its phases, lanes and limits.
    pub const fn layout(&self) -> &Layout {
        self.controller.layout()
    }
}

/// All junctions of a network.
#[derive(Debug, Clone)]
pub struct City {
    /// The streets.
    pub network: Arc<Network>,
    /// The junctions, in the order of the network's signals.
    pub junctions: Vec<Junction>,
    /// The second of the day.
    pub second: f64,
}

impl City {
    /// Everything as the fixed programmes have it, and nothing seen.
    pub fn new(network: Arc<Network>, limits: Limits, second: f64) -> Self {
        let junction = |signal: usize| {
            let layout = Layout::new(&network, signal, limits);
            let seen = Seen::new(&network, &layout);
            Junction { controller: Controller::new(layout, second), seen }
        };
        let junctions = (0..network.signals.len()).map(junction).collect();
        Self { network, junctions, second }
    }

    /// What each junction shall do: the policy's wishes, as far as the safety layer follows them. `None` leaves a junction as
    /// it is.
    pub fn decide(&mut self, policy: &mut dyn Policy) -> Vec<Option<usize>> {
        let wishes = policy.decide(self);
        let follow = |(junction, wish): (&Junction, Option<usize>)| {
            let controller = &junction.controller;
            let current = match controller.showing() {
                Showing::Green { phase, .. } => phase,
                Showing::Changing { .. } => return None,
            };
            let wish = controller.overdue().or(wish)?;
            (wish != current && controller.may(wish).is_ok()).then_some(wish)
        };
        self.junctions.iter().zip(wishes).map(follow).collect()
    }
}

/// Decides from what is seen; it cannot tell whether the city is real.
pub trait Policy: Send {
    /// The phase that each junction should have; `None` for no wish. Called once a second.
    fn decide(&mut self, city: &City) -> Vec<Option<usize>>;
}

/// Asks once for each junction that shows green and may change: the current phase and for how long it has been shown.
fn each(city: &City, mut wish: impl FnMut(usize, &Junction, usize, u32) -> Option<usize>) -> Vec<Option<usize>> {
    let ask = |(number, junction): (usize, &Junction)| match junction.controller.showing() {
        Showing::Green { phase, seconds } => wish(number, junction, phase, seconds),
        Showing::Changing { .. } => None,
    };
    city.junctions.iter().enumerate().map(ask).collect()
}

/// Whether policies that decide in turns of some seconds decide now.
fn is_turn(city: &City, period_seconds: u32) -> bool {
    period_seconds <= 1 || (city.second as u64).is_multiple_of(u64::from(period_seconds))
}

/// The phase with the highest score; the current one when none is higher.
fn highest(current: usize, scores: impl Iterator<Item = f64>) -> usize {
    let scores: Vec<f64> = scores.collect();
    let mut best = current;
    for (phase, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = phase;
        }
    }
    best
}
