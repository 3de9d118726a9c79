//! What comes out of planning: what every device does in every step, and why.

use model::ThingId;

use crate::horizon::Horizon;
use crate::reason::{Missing, Relaxation, Why};

/// A plan for the devices of a home.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The steps.
    pub horizon: Horizon,
    /// In the order of the devices that were planned for.
    pub devices: Vec<DeviceSchedule>,
    /// What is taken from the grid in each step; negative while it is fed in.
    pub grid_watts: Vec<f64>,
    /// What it is expected to cost by the tariff, peaks included.
    pub cost: f64,
    /// What it is expected to emit.
    pub carbon_kilograms: f64,
    /// What could not be kept, with the least that would have to give.
    pub shortfalls: Vec<Shortfall>,
}

/// What one device does.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSchedule {
    /// The thing.
    pub thing: ThingId,
    /// What it takes in each step; negative while it gives.
    pub watts: Vec<f64>,
    /// Its state at the begin of each step and at the end: kilowatt hours of a battery or car, degrees of a tank or zone; empty for what has none.
    pub states: Vec<f64>,
    /// Why, for each stretch of steps in which the reason is the same.
    pub reasons: Vec<Reason>,
}

/// Why a device does what it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// From this step on.
    pub from: usize,
    /// Up to the step before this.
    pub to: usize,
    /// In one sentence.
    pub words: String,
    /// What the sentence is made of; none when somebody else than the planner gives the reason.
    pub why: Option<Why>,
}

/// Something that was asked for and cannot be.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// Whose; none when it is of the home as a whole.
    pub thing: Option<ThingId>,
    /// What is impossible and what is missing, in one sentence.
    pub words: String,
    /// The smallest change that helps, in one sentence.
    pub relaxation: String,
    /// What the sentences are made of; none when somebody else than the planner tells it.
    pub what: Option<(Missing, Relaxation)>,
}
