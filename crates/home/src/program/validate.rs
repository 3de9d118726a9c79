//! What a plan can be made of: lengths that fit, numbers that are numbers, limits that make sense.

use std::collections::HashSet;

use super::PlanFailed;
use crate::device::{Appliance, Battery, Car, Device, DeviceKind, Switched, Tank, Zone};
use crate::horizon::STEPS_MAX;
use crate::outlook::{Aims, Outlook};

/// Most devices of one plan.
pub const DEVICES_MAX: usize = 256;

/// Most scenarios of one plan.
pub const SCENARIOS_MAX: usize = 16;

/// The most that a kilowatt hour, a kilowatt or a kilogram may cost, whatever the currency.
pub const PRICE_MAX: f64 = 1e6;

/// The most of all other quantities: watts, kilowatt hours, degrees.
pub const QUANTITY_MAX: f64 = 1e9;

/// Chances of scenarios add up to 1 within this.
const CHANCE_MISSED_MAX: f64 = 1e-3;

/// Refuses what no plan can be made of.
pub(super) fn validate(devices: &[Device], outlook: &Outlook, aims: &Aims) -> Result<(), PlanFailed> {
    let horizon = outlook.horizon;
    if horizon.steps == 0 || horizon.steps > STEPS_MAX || horizon.step_seconds == 0 {
        return Err(PlanFailed::Horizon { steps: horizon.steps, step_seconds: horizon.step_seconds });
    }
    if devices.len() > DEVICES_MAX {
        return Err(PlanFailed::TooMany { what: "devices", found: devices.len(), most: DEVICES_MAX });
    }
    of_outlook(outlook)?;
    of_aims(aims)?;
    let mut seen = HashSet::new();
    for device in devices {
        if !seen.insert(&device.thing) {
            return Err(PlanFailed::Twice { thing: device.thing.to_string() });
        }
        let asked = Asked { whose: device.thing.as_ref(), steps: horizon.steps };
        match &device.kind {
            DeviceKind::Battery(battery) => asked.battery(battery)?,
            DeviceKind::Car(car) => asked.car(car)?,
            DeviceKind::Tank(tank) => asked.tank(tank)?,
            DeviceKind::Zone(zone) => asked.zone(zone)?,
            DeviceKind::Appliance(appliance) => asked.appliance(appliance)?,
            DeviceKind::Switched(switched) => asked.switched(switched)?,
        }
    }
    Ok(())
}

fn of_outlook(outlook: &Outlook) -> Result<(), PlanFailed> {
    let asked = Asked { whose: "the outlook", steps: outlook.horizon.steps };
    asked.series("load_watts", &outlook.load_watts, -QUANTITY_MAX, QUANTITY_MAX)?;
    asked.series("solar_watts", &outlook.solar_watts, 0.0, QUANTITY_MAX)?;
    asked.series("import_price", &outlook.import_price, -PRICE_MAX, PRICE_MAX)?;
    asked.series("export_price", &outlook.export_price, -PRICE_MAX, PRICE_MAX)?;
    asked.series("carbon_grams", &outlook.carbon_grams, 0.0, PRICE_MAX)?;
    asked.series("outdoor_celsius", &outlook.outdoor_celsius, -QUANTITY_MAX, QUANTITY_MAX)?;
    if outlook.scenarios.len() > SCENARIOS_MAX {
        return Err(PlanFailed::TooMany { what: "scenarios", found: outlook.scenarios.len(), most: SCENARIOS_MAX });
    }
    for scenario in &outlook.scenarios {
        asked.number("the chance of a scenario", scenario.chance, 0.0, 1.0)?;
        asked.series("load_watts of a scenario", &scenario.load_watts, -QUANTITY_MAX, QUANTITY_MAX)?;
        asked.series("solar_watts of a scenario", &scenario.solar_watts, 0.0, QUANTITY_MAX)?;
    }
    let chances: f64 = outlook.scenarios.iter().map(|scenario| scenario.chance).sum();
    if !outlook.scenarios.is_empty() && (chances - 1.0).abs() > CHANCE_MISSED_MAX {
        return Err(asked.out_of_range("the sum of all chances", chances, 1.0, 1.0));
    }
    Ok(())
}

fn of_aims(aims: &Aims) -> Result<(), PlanFailed> {
    let asked = Asked { whose: "the aims", steps: 0 };
    asked.number("carbon_price_per_kilogram", aims.carbon_price_per_kilogram, 0.0, PRICE_MAX)?;
    asked.number("peak_price_per_kilowatt", aims.peak_price_per_kilowatt, 0.0, PRICE_MAX)?;
    asked.number("peak_watts_so_far", aims.peak_watts_so_far, 0.0, QUANTITY_MAX)?;
    asked.number("ramp_price_per_kilowatt", aims.ramp_price_per_kilowatt, 0.0, PRICE_MAX)?;
    asked.number("end_price_per_kilowatt_hour", aims.end_price_per_kilowatt_hour, -PRICE_MAX, PRICE_MAX)?;
    // A connection without a limit is an infinite one.
    asked.number("import_watts_max", aims.import_watts_max, 0.0, f64::INFINITY)?;
    asked.number("export_watts_max", aims.export_watts_max, 0.0, f64::INFINITY)
}

/// Whose values are looked at.
#[derive(Clone, Copy)]
struct Asked<'a> {
    whose: &'a str,
    steps: usize,
}

impl Asked<'_> {
    fn battery(self, battery: &Battery) -> Result<(), PlanFailed> {
        let capacity = battery.capacity_kilowatt_hours;
        self.number("capacity_kilowatt_hours", capacity, 0.0, QUANTITY_MAX)?;
        self.number("stored_kilowatt_hours", battery.stored_kilowatt_hours, 0.0, QUANTITY_MAX)?;
        self.number("reserve_kilowatt_hours", battery.reserve_kilowatt_hours, 0.0, capacity)?;
        self.number("charge_watts_max", battery.charge_watts_max, 0.0, QUANTITY_MAX)?;
        self.number("discharge_watts_max", battery.discharge_watts_max, 0.0, QUANTITY_MAX)?;
        self.number("charge_efficiency", battery.charge_efficiency, 0.01, 1.0)?;
        self.number("discharge_efficiency", battery.discharge_efficiency, 0.01, 1.0)?;
        self.number("loss_per_hour", battery.loss_per_hour, 0.0, 0.99)?;
        self.number("wear_per_kilowatt_hour", battery.wear_per_kilowatt_hour, 0.0, PRICE_MAX)
    }

    fn car(self, car: &Car) -> Result<(), PlanFailed> {
        self.battery(&car.battery)?;
        self.number("charge_watts_min", car.charge_watts_min, 0.0, car.battery.charge_watts_max)?;
        self.length("plugged", car.plugged.len())?;
        for departure in &car.departures {
            self.step("the step of a departure", departure.step, self.steps)?;
            self.number("the kilowatt hours of a departure", departure.kilowatt_hours, 0.0, QUANTITY_MAX)?;
        }
        Ok(())
    }

    fn tank(self, tank: &Tank) -> Result<(), PlanFailed> {
        self.number("celsius", tank.celsius, -50.0, 200.0)?;
        self.number("celsius_min", tank.celsius_min, -50.0, 200.0)?;
        self.number("celsius_max", tank.celsius_max, -50.0, 200.0)?;
        self.number("kilowatt_hours_per_kelvin", tank.kilowatt_hours_per_kelvin, 1e-4, QUANTITY_MAX)?;
        self.number("loss_watts_per_kelvin", tank.loss_watts_per_kelvin, 0.0, QUANTITY_MAX)?;
        self.number("ambient_celsius", tank.ambient_celsius, -100.0, 100.0)?;
        self.number("watts_max", tank.watts_max, 0.0, QUANTITY_MAX)?;
        self.series("performance", &tank.performance, 0.01, 100.0)?;
        self.series("drawn_watts", &tank.drawn_watts, 0.0, QUANTITY_MAX)
    }

    fn zone(self, zone: &Zone) -> Result<(), PlanFailed> {
        self.number("air_celsius", zone.air_celsius, -100.0, 200.0)?;
        self.number("mass_celsius", zone.mass_celsius, -100.0, 200.0)?;
        self.number("air_kilowatt_hours_per_kelvin", zone.air_kilowatt_hours_per_kelvin, 1e-4, QUANTITY_MAX)?;
        self.number("mass_kilowatt_hours_per_kelvin", zone.mass_kilowatt_hours_per_kelvin, 1e-4, QUANTITY_MAX)?;
        self.number("inner_watts_per_kelvin", zone.inner_watts_per_kelvin, 0.0, 1e6)?;
        self.number("outer_watts_per_kelvin", zone.outer_watts_per_kelvin, 0.0, 1e6)?;
        self.number("discomfort_per_kelvin_hour", zone.discomfort_per_kelvin_hour, 0.0, PRICE_MAX)?;
        self.number("watts_max", zone.watts_max, 0.0, QUANTITY_MAX)?;
        self.series("gain_watts", &zone.gain_watts, -QUANTITY_MAX, QUANTITY_MAX)?;
        self.series("celsius_min", &zone.celsius_min, -100.0, 200.0)?;
        self.series("celsius_max", &zone.celsius_max, -100.0, 200.0)?;
        self.series("performance", &zone.performance, -100.0, 100.0)
    }

    fn appliance(self, appliance: &Appliance) -> Result<(), PlanFailed> {
        self.step("the length of its programme", appliance.programme_watts.len(), STEPS_MAX)?;
        self.numbers("programme_watts", &appliance.programme_watts, 0.0, QUANTITY_MAX)?;
        self.step("earliest_start", appliance.earliest_start, 2 * STEPS_MAX)?;
        self.step("latest_end", appliance.latest_end, 2 * STEPS_MAX)
    }

    fn switched(self, switched: &Switched) -> Result<(), PlanFailed> {
        self.number("watts", switched.watts, 0.0, QUANTITY_MAX)?;
        self.step("steps_on", switched.steps_on, STEPS_MAX)?;
        self.step("run_steps_min", switched.run_steps_min, STEPS_MAX)?;
        self.length("allowed", switched.allowed.len())
    }

    fn length(self, what: &'static str, found: usize) -> Result<(), PlanFailed> {
        if found == self.steps {
            return Ok(());
        }
        Err(PlanFailed::Length { whose: self.whose.to_owned(), what, found, steps: self.steps })
    }

    fn series(self, what: &'static str, values: &[f64], least: f64, most: f64) -> Result<(), PlanFailed> {
        self.length(what, values.len())?;
        self.numbers(what, values, least, most)
    }

    fn numbers(self, what: &'static str, values: &[f64], least: f64, most: f64) -> Result<(), PlanFailed> {
        values.iter().try_for_each(|value| self.number(what, *value, least, most))
    }

    fn number(self, what: &'static str, value: f64, least: f64, most: f64) -> Result<(), PlanFailed> {
        if value >= least && value <= most { Ok(()) } else { Err(self.out_of_range(what, value, least, most)) }
    }

    fn step(self, what: &'static str, step: usize, most: usize) -> Result<(), PlanFailed> {
        self.number(what, step as f64, 0.0, most as f64)
    }

    fn out_of_range(self, what: &'static str, value: f64, least: f64, most: f64) -> PlanFailed {
        PlanFailed::OutOfRange { whose: self.whose.to_owned(), what, value, least, most }
    }
}
