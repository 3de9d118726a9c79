//! How a zone of rooms warms and cools: a grey box of two stores of heat and two resistances (2R2C), found from what was measured.
//!
//! ```text
//! air:   C_air  · dT_air/dt  = U_inner (T_mass - T_air) + U_outer (T_out - T_air) + heating + A_sun · irradiance + gains(hour)
//! mass:  C_mass · dT_mass/dt = U_inner (T_air - T_mass)
//! ```
//!
//! The structure is that of Bacher and Madsen, "Identifying suitable models for the heat dynamics of buildings" (Energy and
//! Buildings 43, 2011), with the envelope's outer half left out, so that it is the zone that `home` plans with. Since the mass
//! touches the air alone, its temperature is the measured air's, smoothed: nothing hidden has to be estimated beside it.
//!
//! The unknowns are those that foretell a day best: the squares of free runs of up to a day are least (identification for
//! prediction over a horizon: Zacekova and Privara, "Control relevant identification and predictive control of a building",
//! Chinese Control and Decision Conference 2012), by Levenberg-Marquardt over a window of three weeks, with weak
//! priors and weights against outliers (Huber). That takes a bounded window instead of a recursion of fixed state; on simulated homes of
//! fresh seeds it foretells better than a recursive least squares of second order with forgetting (the test `beside_a_recursion`).
//!
//! How sure it is comes from how much the days disagree (a sandwich estimate with a cluster for each free run; White, "A
//! heteroskedasticity-consistent covariance matrix", Econometrica 48, 1980). A model is given only when it foretold days that it
//! was not fitted to better than a naive forecast does, and when what plans need of it is sure enough; else it says what is missing.

mod drift;
mod fit;
mod model;
#[cfg(test)]
mod recursive;
#[cfg(test)]
mod tests;
mod window;

use serde::{Deserialize, Serialize};

pub use drift::Drift;
pub use model::{Discrete, GAIN_BINS, ZoneModel};

use crate::slots::SLOTS_PER_DAY;
use window::Window;

/// The most slots that are looked back on: three weeks.
pub const WINDOW_SLOTS: usize = 21 * SLOTS_PER_DAY;
/// The fewest days with all that is needed before a model is fitted.
pub const DAYS_MIN: f64 = 5.0;
/// A model's error over a day is at most this share of that of "it stays as it is".
pub const ERROR_SHARE_MAX: f64 = 0.6;
/// The relative standard error that losses to the outside, and the heat that the air takes, may have. The mass is often known worse; what that does to
/// a day is in the error of the day.
pub const UNSURE_MAX: f64 = 0.35;

/// What is known of a zone without looking.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// How far local time is ahead of UTC, in seconds: people's gains follow their clock. The hour of daylight saving is ignored.
    pub utc_offset_s: i64,
}

/// What was measured in a slot; what is missing is a gap.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// The air of the zone.
    pub indoor_celsius: Option<f64>,
    /// Outside air.
    pub outdoor_celsius: Option<f64>,
    /// Heat from heaters; negative from what cools. In the unit in which it is measured: when only a valve is known, its opening
    /// times what the radiator gives.
    pub heating_watts: Option<f64>,
    /// Sun on a level surface, in watts a square metre. A home without such a sensor never has it.
    pub irradiance: Option<f64>,
}

/// How well a model foretold days that it was not fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// How many days the window had with all that is needed.
    pub days: f64,
    /// Error of the next quarter of an hour, as a root of mean squares, in kelvin.
    pub step_kelvin: f64,
    /// The same, of "it stays as it is".
    pub step_persistence_kelvin: f64,
    /// Error of free runs over a day.
    pub day_kelvin: f64,
    /// The same, of "it stays as it is".
    pub day_persistence_kelvin: f64,
    /// The same, of "as a day ago"; `None` when there was no day before.
    pub day_yesterday_kelvin: Option<f64>,
}

/// How sure what was found is: relative standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unsure {
    /// Of the heat that a degree of the air takes.
    pub air: f64,
    /// Of the heat that a degree of the mass takes.
    pub mass: f64,
    /// Of what goes between them.
    pub inner: f64,
    /// Of what goes outside.
    pub outer: f64,
    /// Of all that stores heat.
    pub stored: f64,
    /// Of the sun, in square metres.
    pub sun_square_metres: f64,
}

/// A model of a zone, with what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The model.
    pub model: ZoneModel,
    /// How well it foretells.
    pub quality: Quality,
    /// How sure it is.
    pub unsure: Unsure,
}

/// Why a zone's model is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum NotKnown {
    /// Too little was measured.
    #[error("{days:.1} days with air, outside and heating are too few, {DAYS_MIN} are needed")]
    TooShort {
        /// How many there are.
        days: f64,
    },
    /// Nothing was heated or cooled.
    #[error("nothing was heated or cooled, so that nobody can say what a watt brings")]
    NoHeat,
    /// It foretells no better than a naive forecast.
    #[error(
        "the model misses a day by {day_kelvin:.2} K, and only below {naive_kelvin:.2} K it would be of more use than no model"
    )]
    NoBetter {
        /// The model's error.
        day_kelvin: f64,
        /// What it would have to be below.
        naive_kelvin: f64,
    },
    /// What was measured does not say how much goes outside or how much is stored.
    #[error("what the rooms lose and store is only known to {percent:.0} %")]
    Unsure {
        /// The larger relative standard error.
        percent: f64,
    },
}

/// Learns a zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Thermal {
    settings: Settings,
    window: Window,
    known: Result<Known, NotKnown>,
    drift: Drift,
}

impl Thermal {
    /// Nothing measured yet.
    pub fn new(settings: Settings) -> Self {
        let (window, known) = (Window::new(), Err(NotKnown::TooShort { days: 0.0 }));
        Self { settings, window, known, drift: Drift::default() }
    }

    /// Takes in what was measured in a slot. What comes for a slot that is over is left out and counted; slots that are left out are gaps.
    pub fn observe(&mut self, slot: i64, reading: &Reading) {
        self.window.push(slot, reading);
        if let Ok(known) = &self.known
            && slot.rem_euclid(SLOTS_PER_DAY as i64) == 0
        {
            let error = fit::last_day(&self.window, self.settings, &known.model);
            self.drift.observe(slot, error);
        }
    }

    /// Finds the model anew from the window.
    pub fn fit(&mut self) -> Result<&Known, NotKnown> {
        let (known, errors) = fit::fit(&self.window, self.settings);
        self.known = known;
        self.drift.reset(&errors);
        self.known()
    }

    /// The model as it was found last, or why there is none.
    pub fn known(&self) -> Result<&Known, NotKnown> {
        self.known.as_ref().map_err(|why| *why)
    }

    /// Since which slot the zone behaves in another way than its model says.
    pub fn drifted(&self) -> Option<i64> {
        self.drift.since()
    }

    /// How many readings came for slots that were over.
    pub fn late(&self) -> u64 {
        self.window.late()
    }

    /// Where air and mass stand now, for a plan that begins here; `None` when the air was not measured lately.
    pub fn state(&self) -> Option<[f64; 2]> {
        let known = self.known.as_ref().ok()?;
        fit::state(&self.window, self.settings, &known.model)
    }
}
