//! The seam of the simulation kernel.

use crate::random::Random;

/// A physical process, or the habits of people: whatever answers to what is done to it as time passes.
///
/// A step is pure: it has no clock, no IO and no randomness but the stream it is handed, so the same state, inputs and
/// stream always give the same outputs. Roll-outs of plans call it directly, thousands of times.
pub trait Plant {
    /// What acts on it during a step.
    type Inputs: ?Sized;
    /// What it shows at the end of the step.
    type Outputs;

    /// Lets `dt_seconds` pass.
    fn step(&mut self, dt_seconds: f64, inputs: &Self::Inputs, random: &mut Random) -> Self::Outputs;
}
