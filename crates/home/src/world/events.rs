//! What happens beside the ordinary: weather, prices, the grid, the car.

use serde::{Deserialize, Serialize};

use super::settings::Within;

/// What happens, counted from the begin of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// Days that are hotter.
    pub heat_wave: Option<Spell>,
    /// Days that are colder.
    pub cold_snap: Option<Spell>,
    /// Days on which electricity from the grid costs more.
    pub price_spike: Option<PriceSpike>,
    /// The grid is gone.
    pub outage: Option<Outage>,
    /// The car leaves before it usually does.
    pub car_leaves_early: Option<CarLeavesEarly>,
}

/// Some days of other weather.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spell {
    /// The first day, from 0.
    pub from_day: u32,
    /// How many.
    pub days: u32,
    /// By how much it is hotter, or colder.
    pub kelvin: f64,
}

/// Some days of higher prices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSpike {
    /// The first day, from 0.
    pub from_day: u32,
    /// How many.
    pub days: u32,
    /// What import prices are multiplied by.
    pub factor: f64,
}

/// Some hours without the grid. Nobody knows of it before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// From which hour, from 0.
    pub from_hour: f64,
    /// How many.
    pub hours: f64,
}

/// A day on which the car leaves early. Nobody knows of it before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarLeavesEarly {
    /// Which day, from 0.
    pub day: u32,
    /// By how many minutes.
    pub minutes: u32,
}

impl Events {
    pub(super) fn complain(&self, within: &mut Within) {
        for (name, spell) in [("heat_wave", self.heat_wave), ("cold_snap", self.cold_snap)] {
            let Some(spell) = spell else { continue };
            within.number(&format!("/world/events/{name}/kelvin"), spell.kelvin, 0.0, 30.0);
            within.number(&format!("/world/events/{name}/days"), f64::from(spell.days), 1.0, 366.0);
        }
        if let Some(spike) = self.price_spike {
            within.number("/world/events/price_spike/factor", spike.factor, 0.0, 100.0);
            within.number("/world/events/price_spike/days", f64::from(spike.days), 1.0, 366.0);
        }
        if let Some(outage) = self.outage {
            within.number("/world/events/outage/from_hour", outage.from_hour, 0.0, 366.0 * 24.0);
            within.number("/world/events/outage/hours", outage.hours, 0.25, 14.0 * 24.0);
        }
        if let Some(early) = self.car_leaves_early {
            within.number("/world/events/car_leaves_early/minutes", f64::from(early.minutes), 1.0, 720.0);
        }
    }

    /// By how much a day is hotter than drawn.
    pub(super) fn kelvin_on(&self, day: u32) -> f64 {
        let on = |spell: Option<Spell>| {
            let now = spell.filter(|spell| (spell.from_day..spell.from_day.saturating_add(spell.days)).contains(&day));
            now.map_or(0.0, |spell| spell.kelvin)
        };
        on(self.heat_wave) - on(self.cold_snap)
    }

    /// What import prices of a day are multiplied by.
    pub(super) fn price_factor_on(&self, day: u32) -> f64 {
        let now =
            self.price_spike.filter(|spike| (spike.from_day..spike.from_day.saturating_add(spike.days)).contains(&day));
        now.map_or(1.0, |spike| spike.factor)
    }

    /// Whether the grid is gone at an hour of the run.
    pub(super) fn is_out_at(&self, hour: f64) -> bool {
        self.outage.is_some_and(|outage| (outage.from_hour..outage.from_hour + outage.hours).contains(&hour))
    }

    /// By how many minutes the car leaves early on a day.
    pub(super) fn early_minutes_on(&self, day: u32) -> u32 {
        self.car_leaves_early.filter(|early| early.day == day).map_or(0, |early| early.minutes)
    }
}
