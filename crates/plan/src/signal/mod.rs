//! When the signals of a junction change: a rolling-horizon search over sequences of phases.
//!
//! The junction is a set of vertical queues, one a lane (Webster, "Traffic signal settings", 1958, without the random part):
//! vehicles that are expected join their lane's queue when they would reach the stop line unhindered; while its lane has
//! green the queue discharges at its saturation flow. A change of phase loses the intergreen. The search is a beam search
//! over moments at which the phase is held or changed, in the manner of rolling-horizon control (Sen and Head, "Controlled
//! optimization of phases at an intersection", 1997; Xie et al., "Schedule-driven coordination", 2012). The cost is the
//! delay in vehicle seconds, with what a stop costs on top.
//!
//! One step is one second.

mod judge;
mod search;

pub use judge::{Fault, check};
pub use search::solve;

/// The most lanes of a junction.
pub const LANES_MAX: usize = 64;
/// The most phases of a junction.
pub const PHASES_MAX: usize = 32;
/// The longest horizon, in steps of a second.
pub const STEPS_MAX: usize = 300;

/// Steps of yellow in which vehicles that are close still pass.
pub const PASSING_STEPS: usize = 1;
/// Steps of green that are lost until a standing queue moves.
pub const START_UP_STEPS: usize = 1;
/// A lane with more standing vehicles than this is in the way of those who yield to it.
pub const IN_THE_WAY_VEHICLES: f32 = 0.5;
/// So many expected vehicles within [`GAP_STEPS`] leave no gap for those who yield.
pub const GAP_VEHICLES: f32 = 0.3;
/// The steps that a gap must be long.
pub const GAP_STEPS: usize = 4;
/// What is left of the saturation flow for those who yield and find no gap.
pub const SNEAKING: f32 = 0.08;
/// Who waits for less than this when it arrives only slows down.
pub const SLOWING_SECONDS: f32 = 3.0;

/// A lane in front of the stop line.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Vehicles that stand.
    pub queue: f32,
    /// Vehicles that would reach the stop line in each coming step; what is missing at the end is zero.
    pub arrivals: Vec<f32>,
    /// How much a vehicle second of this lane counts; 1 is usual.
    pub weight: f32,
}

/// What a lane gets from a phase.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Service {
    /// Vehicles a second that pass when nothing is in the way; zero when the lane has red.
    pub rate: f32,
    /// The share of its vehicles that yields, 0 to 1.
    pub yielding: f32,
    /// The lanes that they yield to, a bit each.
    pub yields_to: u64,
}

/// A set of movements that have green together.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What each lane gets.
    pub service: Vec<Service>,
    /// The steps of green before which it may not end.
    pub green_steps_min: usize,
    /// The steps between the end of this phase's green and the begin of each phase's green; zero for itself.
    pub intergreen_steps: Vec<usize>,
}

/// A junction at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Junction {
    /// What stands and comes.
    pub lanes: Vec<Lane>,
    /// What can have green.
    pub phases: Vec<Phase>,
    /// The phase that has green.
    pub current: usize,
    /// For how many steps it has had it.
    pub age_steps: usize,
    /// How far is looked ahead, in steps.
    pub horizon_steps: usize,
    /// What one stop costs besides the waiting, in vehicle seconds.
    pub stop_seconds: f32,
    /// How many partial plans are kept a moment and phase.
    pub beam: usize,
}

/// A part of a plan: a phase and when its green begins, in steps from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Green {
    /// Which phase.
    pub phase: usize,
    /// When its green begins; for the current phase 0.
    pub start_step: usize,
    /// When its green ends and the intergreen begins; the horizon for the last one.
    pub end_step: usize,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The greens in turn; the first is the current phase, and ends at step 0 when it is to be changed now.
    pub greens: Vec<Green>,
    /// The delay over the horizon in vehicle seconds, with stops, weights and what waits at the end.
    pub cost: f32,
    /// The cost of the best plan found for each way to begin: hold the current phase, or change to another now.
    pub options: Vec<Option<f32>>,
    /// Vehicles that leave each lane in each step.
    pub leaving: Vec<Vec<f32>>,
}

impl Plan {
    /// The phase that shall have green next, when a change is due now.
    pub fn change(&self) -> Option<usize> {
        match self.greens.as_slice() {
            [first, next, ..] if first.end_step == 0 => Some(next.phase),
            _ => None,
        }
    }
}

/// Why a junction cannot be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// Too many of something, or none.
    #[error("{lanes} lanes and {phases} phases\nhint: 1 to {LANES_MAX} lanes and 1 to {PHASES_MAX} phases are planned")]
    Size {
        /// How many lanes.
        lanes: usize,
        /// How many phases.
        phases: usize,
    },
    /// The horizon is none.
    #[error("a horizon of {steps} steps\nhint: use 1 to {STEPS_MAX}")]
    Horizon {
        /// What was asked for.
        steps: usize,
    },
    /// A list has another length than there are lanes or phases, or the current phase is none.
    #[error("phase {phase} does not fit the junction")]
    Shape {
        /// Which phase.
        phase: usize,
    },
    /// A figure is negative or no number.
    #[error("a figure of lane {lane} is negative or no number")]
    Figure {
        /// Which lane.
        lane: usize,
    },
    /// The plan breaks a rule; nobody sees such a plan.
    #[error("the plan is not valid: {0}")]
    Invalid(Fault),
}

impl Junction {
    /// Everything that would make a search meaningless.
    fn validate(&self) -> Result<(), SignalError> {
        let (lanes, phases) = (self.lanes.len(), self.phases.len());
        if !(1..=LANES_MAX).contains(&lanes) || !(1..=PHASES_MAX).contains(&phases) {
            return Err(SignalError::Size { lanes, phases });
        }
        if !(1..=STEPS_MAX).contains(&self.horizon_steps) {
            return Err(SignalError::Horizon { steps: self.horizon_steps });
        }
        let sound = |number: f32| number.is_finite() && number >= 0.0;
        for (number, lane) in self.lanes.iter().enumerate() {
            let figures = [lane.queue, lane.weight, self.stop_seconds];
            let services = self.phases.iter().filter_map(|phase| phase.service.get(number));
            let is_served_soundly = services.clone().all(|service| sound(service.rate) && sound(service.yielding));
            if !is_served_soundly || !figures.iter().chain(&lane.arrivals).all(|figure| sound(*figure)) {
                return Err(SignalError::Figure { lane: number });
            }
        }
        for (number, phase) in self.phases.iter().enumerate() {
            if phase.service.len() != lanes || phase.intergreen_steps.len() != phases {
                return Err(SignalError::Shape { phase: number });
            }
        }
        if self.current >= phases { Err(SignalError::Shape { phase: self.current }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
