//! A home as a world that can be simulated: what stands in it, how it behaves as it was learned, and its own past days, from which
//! new ones are drawn.
//!
//! Virtual time goes in quarters of an hour of UTC; people, prices and past days go by the wall clock of the home, so that the day on which an
//! hour is missing has 92 quarters and the one on which an hour comes twice has 100.

mod body;
mod climate;
mod course;
mod events;
mod plant;
mod policy;
mod settings;

pub use body::{ApplianceHabit, BatteryBody, Body, CarHabit, TankBody, ZoneBody};
pub use climate::sample_days;
pub use course::{Course, Slot};
pub use events::{CarLeavesEarly, Events, Outage, PriceSpike, Spell};
pub use plant::{Commands, Flow, Flows, Home, Machine, State};
pub(crate) use plant::{cost, peak_cost};
pub use policy::{Decide, Forecast, Optimiser, PolicyKind};
pub use settings::{DAYS_MAX, HomeWorld, PastDay, Purchase, Sizes};

/// The length of a virtual step, in seconds.
pub const STEP_SECONDS: u32 = 900;
/// The same in hours.
pub const STEP_HOURS: f64 = 0.25;
