//! What a kilowatt hour is worth when, and how much more it is worth to keep what was asked for.

use plan::linear::Solution;

use super::build::{Flow, Grid};
use crate::outlook::{Aims, Outlook};

/// How much more a kilowatt hour that is missing costs than the dearest that could be bought.
const SHORTFALL_FACTOR: f64 = 10.0;

/// How much more it costs to take or feed in more than the connection carries.
const OVERLOAD_FACTOR: f64 = 10.0;

/// The part of what a kilowatt hour costs that full power costs more than half of it, so that plans are steady.
const SMOOTHING: f64 = 1e-3;

/// Prices are told apart down to this.
const PRICE_MIN: f64 = 1e-3;

/// Prices of the steps, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worth {
    /// What a kilowatt hour from the grid costs in each step, emissions included.
    pub(super) import: Vec<f64>,
    /// What the grid pays for one.
    pub(super) export: Vec<f64>,
    /// What a kilowatt hour that is missing costs.
    pub(super) shortfall: f64,
    /// What a kilowatt hour above what the connection carries costs.
    pub(super) overload: f64,
    /// The usual price, which smoothing is measured by.
    level: f64,
    hours: f64,
}

impl Worth {
    pub(super) fn of(outlook: &Outlook, aims: &Aims, wear_max: f64) -> Self {
        let hours = outlook.horizon.step_hours();
        let carbon = aims.carbon_price_per_kilogram / 1_000.0;
        let import: Vec<f64> = outlook
            .import_price
            .iter()
            .zip(&outlook.carbon_grams)
            .map(|(price, grams)| price + carbon * grams)
            .collect();
        let prices = || import.iter().chain(&outlook.export_price).map(|price| price.abs());
        let dearest = prices().fold(PRICE_MIN, f64::max) + aims.end_price_per_kilowatt_hour.abs() + wear_max;
        let peaks = (aims.peak_price_per_kilowatt + 2.0 * aims.ramp_price_per_kilowatt) / hours;
        let shortfall = SHORTFALL_FACTOR * (dearest + peaks);
        let level = (import.iter().map(|price| price.abs()).sum::<f64>() / import.len() as f64).max(PRICE_MIN);
        Self {
            import,
            export: outlook.export_price.clone(),
            shortfall,
            overload: OVERLOAD_FACTOR * shortfall,
            level,
            hours,
        }
    }

    /// The weight of a power's square that spreads power among steps of the same price, and no further.
    pub(super) fn smoothing(&self, kilowatts_max: f64) -> f64 {
        SMOOTHING * self.level * self.hours / kilowatts_max.max(1e-3)
    }

    /// What all that flows between home and grid is worth, which differences of cost are measured by.
    pub(super) fn size(&self, grid: &Grid, solution: &Solution) -> f64 {
        let flows = grid.flows.iter().zip(self.import.iter().zip(&self.export));
        let of = |(flow, (import, export)): (&Flow, (&f64, &f64))| {
            flow.kilowatts(solution).abs() * import.abs().max(export.abs())
        };
        flows.map(of).sum::<f64>() * self.hours + self.level
    }
}
