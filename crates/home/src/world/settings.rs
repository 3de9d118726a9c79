//! What a scenario says of a home.

use serde::{Deserialize, Serialize};
use site::run::Complaint;

use super::body::Body;
use super::climate;
use super::events::Events;
use crate::tariff::{Price, PriceWindow, Tariff};

/// The most past days of a scenario: two years.
pub const DAYS_MAX: usize = 732;

/// A home: what stands in it, how it behaves, what it was like so far, and what may happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HomeWorld {
    /// The time zone of the home: `Europe/Berlin`.
    pub zone: String,
    /// What electricity costs.
    pub tariff: Tariff,
    /// How large what stands in it is.
    pub sizes: Sizes,
    /// How large it is today: what is larger has to be bought, and what it saves is told. Without it nothing is compared.
    pub present: Option<Sizes>,
    /// What electricity costs today; the same when left out.
    pub present_tariff: Option<Tariff>,
    /// What larger things cost.
    pub purchase: Purchase,
    /// How it behaves.
    pub body: Body,
    /// What happens beside the ordinary.
    pub events: Events,
    /// Past days from which new ones are drawn; a sample year of a family in a temperate climate when there are none.
    pub days: Vec<PastDay>,
    /// What a kilowatt hour from the grid emits where days do not say, in grams of carbon dioxide.
    pub carbon_grams: f64,
}

/// How large what stands in a home is; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sizes {
    /// The battery.
    pub battery_kilowatt_hours: f64,
    /// The modules on the roof, at full sun.
    pub solar_kilowatts: f64,
    /// The most that the heat pump takes from the mains.
    pub heat_pump_kilowatts: f64,
}

/// What things cost that are bought, in the currency of the tariff.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purchase {
    /// A battery, whatever its size.
    pub battery: f64,
    /// Each kilowatt hour of it.
    pub battery_per_kilowatt_hour: f64,
    /// How many years it lasts.
    pub battery_years: f64,
    /// Modules, whatever their number.
    pub solar: f64,
    /// Each kilowatt of them.
    pub solar_per_kilowatt: f64,
    /// How many years they last.
    pub solar_years: f64,
    /// A heat pump, whatever its size.
    pub heat_pump: f64,
    /// Each kilowatt of its electric power.
    pub heat_pump_per_kilowatt: f64,
    /// How many years it lasts.
    pub heat_pump_years: f64,
    /// What money costs in a year: 0.03 for 3 %.
    pub interest: f64,
}

/// A day as it was. Lists have 24 values or 96, by the wall clock; one that is empty is not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PastDay {
    /// Which day of the year, from 1.
    pub day_of_year: u16,
    /// Which day of the week, Monday is 1.
    pub weekday: u8,
    /// What the home took, without battery, car, heat pump, tank and the machines that are told apart.
    pub load_watts: Vec<f32>,
    /// What each kilowatt of modules gave, in watts.
    pub sun_watts_per_kilowatt: Vec<f32>,
    /// Outside air.
    pub outdoor_celsius: Vec<f32>,
    /// The dynamic price, before the tariff's factor and fee.
    pub price: Vec<f32>,
    /// What a kilowatt hour from the grid emitted, in grams.
    pub carbon_grams: Vec<f32>,
    /// What the meter counted from the grid, for what is compared with the past.
    pub import_watts: Vec<f32>,
    /// What the meter counted to the grid.
    pub export_watts: Vec<f32>,
}

impl Default for HomeWorld {
    fn default() -> Self {
        let window = |from_hour: u16, to_hour: u16, price: f64| PriceWindow {
            days: Vec::new(),
            months: Vec::new(),
            from_minute: from_hour * 60,
            to_minute: to_hour * 60,
            price,
        };
        Self {
            zone: "Europe/Berlin".to_owned(),
            tariff: Tariff {
                currency: "EUR".to_owned(),
                import: Price::TimeOfUse {
                    otherwise: Some(0.31),
                    windows: vec![window(17, 21, 0.42), window(1, 5, 0.22)],
                },
                export: Price::Flat { price: 0.08 },
                capacity_price_per_kilowatt_month: 0.0,
            },
            sizes: Sizes::default(),
            present: None,
            present_tariff: None,
            purchase: Purchase::default(),
            body: Body::default(),
            events: Events::default(),
            days: Vec::new(),
            carbon_grams: 360.0,
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self { battery_kilowatt_hours: 10.0, solar_kilowatts: 8.0, heat_pump_kilowatts: 3.0 }
    }
}

impl Default for Purchase {
    fn default() -> Self {
        Self {
            battery: 1_500.0,
            battery_per_kilowatt_hour: 450.0,
            battery_years: 15.0,
            solar: 2_500.0,
            solar_per_kilowatt: 1_100.0,
            solar_years: 25.0,
            heat_pump: 9_000.0,
            heat_pump_per_kilowatt: 2_500.0,
            heat_pump_years: 18.0,
            interest: 0.03,
        }
    }
}

impl Purchase {
    /// What is to be bought so that a home of one size becomes one of another, and what that costs in each year of its life (as an
    /// annuity). What becomes smaller brings nothing.
    pub fn cost(&self, from: &Sizes, to: &Sizes) -> (f64, f64) {
        let parts = [
            (
                from.battery_kilowatt_hours,
                to.battery_kilowatt_hours,
                self.battery,
                self.battery_per_kilowatt_hour,
                self.battery_years,
            ),
            (from.solar_kilowatts, to.solar_kilowatts, self.solar, self.solar_per_kilowatt, self.solar_years),
            (
                from.heat_pump_kilowatts,
                to.heat_pump_kilowatts,
                self.heat_pump,
                self.heat_pump_per_kilowatt,
                self.heat_pump_years,
            ),
        ];
        let (mut all, mut yearly) = (0.0, 0.0);
        for (from, to, fixed, each, years) in parts.into_iter().filter(|(from, to, ..)| to > from) {
            let cost = if from > 0.0 { 0.0 } else { fixed } + each * (to - from);
            all += cost;
            let kept = (1.0 + self.interest).powi(-(years.round() as i32));
            yearly += if self.interest > 0.0 { cost * self.interest / (1.0 - kept) } else { cost / years };
        }
        (all, yearly)
    }
}

impl HomeWorld {
    /// The days that new ones are drawn from.
    pub fn past(&self) -> &[PastDay] {
        if self.days.is_empty() { climate::sample_days() } else { &self.days }
    }

    /// Everything that is wrong with it; places are JSON pointers into the scenario.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = self.tariff.check("/world/tariff");
        complaints.extend(self.present_tariff.iter().flat_map(|tariff| tariff.check("/world/present_tariff")));
        if let Err(problem) = rule::Place::new(&self.zone, None) {
            let problem = problem.to_string();
            let (problem, hint) = problem.split_once("\nhint: ").unwrap_or((problem.as_str(), ""));
            complaints.push(Complaint { place: "/world/zone".into(), problem: problem.into(), hint: hint.into() });
        }
        let mut within = Within { complaints };
        within.sizes("/world/sizes", &self.sizes);
        if let Some(present) = &self.present {
            within.sizes("/world/present", present);
        }
        within.number("/world/carbon_grams", self.carbon_grams, 0.0, 5_000.0);
        let purchase = &self.purchase;
        for (name, value) in [
            ("battery", purchase.battery),
            ("battery_per_kilowatt_hour", purchase.battery_per_kilowatt_hour),
            ("solar", purchase.solar),
            ("solar_per_kilowatt", purchase.solar_per_kilowatt),
            ("heat_pump", purchase.heat_pump),
            ("heat_pump_per_kilowatt", purchase.heat_pump_per_kilowatt),
        ] {
            within.number(&format!("/world/purchase/{name}"), value, 0.0, 1e9);
        }
        for (name, years) in [
            ("battery_years", purchase.battery_years),
            ("solar_years", purchase.solar_years),
            ("heat_pump_years", purchase.heat_pump_years),
        ] {
            within.number(&format!("/world/purchase/{name}"), years, 1.0, 100.0);
        }
        within.number("/world/purchase/interest", purchase.interest, 0.0, 1.0);
        self.body.complain(&mut within);
        self.events.complain(&mut within);
        if self.days.len() > DAYS_MAX {
            within.complain(
                "/world/days",
                format!("{} days are more than {DAYS_MAX}", self.days.len()),
                "leave older ones out",
            );
        }
        for (at, day) in self.days.iter().enumerate().take(DAYS_MAX) {
            day.complain(&format!("/world/days/{at}"), &mut within);
        }
        within.complaints
    }
}

impl PastDay {
    fn complain(&self, place: &str, within: &mut Within) {
        within.number(&format!("{place}/day_of_year"), f64::from(self.day_of_year), 1.0, 366.0);
        within.number(&format!("{place}/weekday"), f64::from(self.weekday), 1.0, 7.0);
        let lists = [
            ("load_watts", &self.load_watts, true, 0.0, 1e6),
            ("sun_watts_per_kilowatt", &self.sun_watts_per_kilowatt, true, 0.0, 2_000.0),
            ("outdoor_celsius", &self.outdoor_celsius, true, -80.0, 70.0),
            ("price", &self.price, false, -1e5, 1e5),
            ("carbon_grams", &self.carbon_grams, false, 0.0, 5_000.0),
            ("import_watts", &self.import_watts, false, 0.0, 1e6),
            ("export_watts", &self.export_watts, false, 0.0, 1e6),
        ];
        for (name, list, needed, low, high) in lists {
            let place = format!("{place}/{name}");
            if !matches!(list.len(), 24 | 96) && (needed || !list.is_empty()) {
                let problem = format!("{} values are no day", list.len());
                within.complain(&place, problem, "give 24 values, or 96");
            }
            if let Some(wrong) = list.iter().position(|value| !(low..=high).contains(&f64::from(*value))) {
                within.complain(
                    &format!("{place}/{wrong}"),
                    format!("{} is not between {low} and {high}", list[wrong]),
                    "",
                );
            }
        }
    }

    /// The value of a list at a quarter of the local day; `None` when it is not known.
    pub(super) fn value(list: &[f32], quarter: usize) -> Option<f64> {
        list.get(quarter * list.len() / 96).map(|value| f64::from(*value))
    }
}

/// Collects what is not within its limits.
pub(super) struct Within {
    complaints: Vec<Complaint>,
}

impl Within {
    pub(super) fn complain(&mut self, place: &str, problem: String, hint: &str) {
        self.complaints.push(Complaint { place: place.to_owned(), problem, hint: hint.to_owned() });
    }

    pub(super) fn number(&mut self, place: &str, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            self.complain(place, format!("{value} is not between {low} and {high}"), "");
        }
    }

    fn sizes(&mut self, place: &str, sizes: &Sizes) {
        self.number(&format!("{place}/battery_kilowatt_hours"), sizes.battery_kilowatt_hours, 0.0, 10_000.0);
        self.number(&format!("{place}/solar_kilowatts"), sizes.solar_kilowatts, 0.0, 10_000.0);
        self.number(&format!("{place}/heat_pump_kilowatts"), sizes.heat_pump_kilowatts, 0.0, 1_000.0);
    }
}
