//! What a home expects of the hours to come.

use crate::horizon::Horizon;

/// What is expected, each with one value a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The steps.
    pub horizon: Horizon,
    /// What nobody can shift.
    pub load_watts: Vec<f64>,
    /// What the sun gives.
    pub solar_watts: Vec<f64>,
    /// What a kilowatt hour from the grid costs.
    pub import_price: Vec<f64>,
    /// What the grid pays for one.
    pub export_price: Vec<f64>,
    /// What a kilowatt hour from the grid emits, in grams of carbon dioxide.
    pub carbon_grams: Vec<f64>,
    /// Outside air.
    pub outdoor_celsius: Vec<f64>,
    /// Other ways that it may come, each with how likely it is; empty when only the expected counts. Chances of all scenarios add up to 1.
    pub scenarios: Vec<Scenario>,
}

/// One way that load and sun may come.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// How likely it is.
    pub chance: f64,
    /// What nobody can shift.
    pub load_watts: Vec<f64>,
    /// What the sun gives.
    pub solar_watts: Vec<f64>,
}

/// What is worth how much, beside the tariff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aims {
    /// What a kilogram of carbon dioxide is worth avoiding, in the tariff's currency.
    pub carbon_price_per_kilogram: f64,
    /// What a kilowatt of the highest import within the horizon costs.
    pub peak_price_per_kilowatt: f64,
    /// The highest import that has been paid for already: below it a peak costs nothing.
    pub peak_watts_so_far: f64,
    /// What changing the grid's power from one step to the next costs, for a kilowatt.
    pub ramp_price_per_kilowatt: f64,
    /// What a kilowatt hour is worth that is left in stores at the end.
    pub end_price_per_kilowatt_hour: f64,
    /// The most that may be taken from the grid.
    pub import_watts_max: f64,
    /// The most that may be fed in.
    pub export_watts_max: f64,
}
