//! The plan of a home: a linear program of its devices and what is expected, solved, with what is on or off chosen beside it, checked, and put into words.

mod build;
mod choices;
mod extract;
pub mod group;
mod heat;
mod solve;
mod stores;
mod validate;
mod worth;

use plan::linear::LinearError;

pub(crate) use choices::{possible_starts, runnable};
pub(crate) use heat::band;
pub use validate::{DEVICES_MAX, PRICE_MAX, QUANTITY_MAX, SCENARIOS_MAX};

use crate::check::{self, Fault};
use crate::device::Device;
use crate::outlook::{Aims, Outlook};
use crate::reason;
use crate::schedule::Schedule;

/// Plans what the devices do, at the least cost of energy, emissions, peaks, changes and wear. What cannot be kept is missed by as little as can be and told as a
/// shortfall. The same input gives the same plan.
///
/// Where there are scenarios, what is done in the first step is best for all of them together; the steps behind it are planned for what is expected.
pub fn plan(devices: &[Device], outlook: &Outlook, aims: &Aims) -> Result<Schedule, PlanFailed> {
    validate::validate(devices, outlook, aims)?;
    let home = solve::Home::new(devices, outlook, aims, choices::EFFORT_MAX);
    let (_, solved) = home.solve()?;
    finish(&home, &solved)
}

/// Makes a schedule of what was solved, checks it, and gives the reasons.
fn finish(home: &solve::Home<'_>, solved: &solve::Solved) -> Result<Schedule, PlanFailed> {
    let mut schedule = extract::schedule(home, solved);
    check::check(home.devices, home.outlook, home.aims, &schedule)?;
    reason::explain(home.devices, home.outlook, home.aims, &extract::worths(home, solved), &mut schedule);
    Ok(schedule)
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanFailed {
    /// No steps, or too many.
    #[error(
        "a horizon of {steps} steps of {step_seconds} s cannot be planned\nhint: use 1 to {} steps",
        crate::horizon::STEPS_MAX
    )]
    Horizon {
        /// How many steps.
        steps: usize,
        /// How long each.
        step_seconds: u32,
    },
    /// Homes of a group that look ahead differently.
    #[error("the homes of the group have different horizons\nhint: plan all from the same step on")]
    Horizons,
    /// A series that does not fit the horizon.
    #[error("{what} of {whose} has {found} values for {steps} steps\nhint: give one value a step")]
    Length {
        /// Which device, the outlook or the aims.
        whose: String,
        /// Which series.
        what: &'static str,
        /// How many values it has.
        found: usize,
        /// How many there must be.
        steps: usize,
    },
    /// A number that is none, or beyond what makes sense.
    #[error("{what} of {whose} is {value}\nhint: it must be a number from {least} to {most}")]
    OutOfRange {
        /// Which device, the outlook or the aims.
        whose: String,
        /// Which value.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The least that makes sense.
        least: f64,
        /// The most.
        most: f64,
    },
    /// More than one plan is made for.
    #[error("{found} {what} are more than {most}\nhint: plan them in several groups")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A thing that comes twice.
    #[error("{thing} is among the devices twice\nhint: plan a thing as one device")]
    Twice {
        /// The thing.
        thing: String,
    },
    /// The solver found nothing.
    #[error("the program of the home has no solution: {0}")]
    Solver(#[from] LinearError),
    /// The plan is not possible, which its judge found before anybody saw it.
    #[error("the plan is not valid: {0}")]
    Invalid(#[from] Fault),
}
