//! What stands in a home and can be told when to take power, as far as a plan needs to know it.
//!
//! Powers are positive when a device takes them. Energies and limits are what the device's own thing says or what was learned from its past.

use model::ThingId;

/// Something that a plan decides about.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// The thing that it is.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// What it does with power.
    pub kind: DeviceKind,
}

/// What a device does with power.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceKind {
    /// Takes energy and gives it back.
    Battery(Battery),
    /// A battery that drives away.
    Car(Car),
    /// A store of hot water.
    Tank(Tank),
    /// Rooms that are heated or cooled together.
    Zone(Zone),
    /// Runs once through its programme, and does not mind when.
    Appliance(Appliance),
    /// On or off, for so long in the horizon.
    Switched(Switched),
}

/// A battery that stands still.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// What is in it now.
    pub stored_kilowatt_hours: f64,
    /// What it holds when full.
    pub capacity_kilowatt_hours: f64,
    /// What is never taken out of it.
    pub reserve_kilowatt_hours: f64,
    /// The most that it takes from the mains.
    pub charge_watts_max: f64,
    /// The most that it gives to the mains.
    pub discharge_watts_max: f64,
    /// The part of what it takes that is stored, in (0, 1].
    pub charge_efficiency: f64,
    /// The part of what leaves the store that it gives, in (0, 1].
    pub discharge_efficiency: f64,
    /// The part that it loses in an hour by standing.
    pub loss_per_hour: f64,
    /// What a kilowatt hour through it costs in wear.
    pub wear_per_kilowatt_hour: f64,
}

/// A car at its charger.
#[derive(Debug, Clone, PartialEq)]
pub struct Car {
    /// What it is as a battery. One that cannot give has `discharge_watts_max` 0.
    pub battery: Battery,
    /// The least power that it charges with, when it charges at all.
    pub charge_watts_min: f64,
    /// For each step whether it is plugged in.
    pub plugged: Vec<bool>,
    /// What must be in it, and by the begin of which step.
    pub departures: Vec<Departure>,
}

/// When a car is to leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Departure {
    /// By the begin of this step; the number of steps means the end of the horizon.
    pub step: usize,
    /// What is to be in it.
    pub kilowatt_hours: f64,
}

/// Hot water that is warmed by electricity or a heat pump.
#[derive(Debug, Clone, PartialEq)]
pub struct Tank {
    /// Its temperature now.
    pub celsius: f64,
    /// What must be there when water is drawn.
    pub celsius_min: f64,
    /// What it may be heated to.
    pub celsius_max: f64,
    /// Heat for a degree.
    pub kilowatt_hours_per_kelvin: f64,
    /// What it loses to its room, for each degree above it.
    pub loss_watts_per_kelvin: f64,
    /// The room that it stands in.
    pub ambient_celsius: f64,
    /// The most power that its heater takes.
    pub watts_max: f64,
    /// For each step how much heat is made of a watt.
    pub performance: Vec<f64>,
    /// For each step the heat that is drawn.
    pub drawn_watts: Vec<f64>,
}

/// Rooms that are kept in a band of comfort by one heater or cooler: two temperatures, the air and what it stands in (2R2C).
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// The air now.
    pub air_celsius: f64,
    /// Walls, floors and furniture now.
    pub mass_celsius: f64,
    /// Heat for a degree of the air and what goes with it at once.
    pub air_kilowatt_hours_per_kelvin: f64,
    /// Heat for a degree of the mass.
    pub mass_kilowatt_hours_per_kelvin: f64,
    /// What goes from the mass to the air, for each degree.
    pub inner_watts_per_kelvin: f64,
    /// What goes from the air to the outside, for each degree.
    pub outer_watts_per_kelvin: f64,
    /// For each step the heat from sun, people and devices.
    pub gain_watts: Vec<f64>,
    /// For each step the least temperature that is comfortable.
    pub celsius_min: Vec<f64>,
    /// For each step the most.
    pub celsius_max: Vec<f64>,
    /// What a degree out of the band for an hour is worth avoiding.
    pub discomfort_per_kelvin_hour: f64,
    /// The most power that its heater or cooler takes.
    pub watts_max: f64,
    /// For each step the heat that a watt brings; below 0 for what cools.
    pub performance: Vec<f64>,
}

/// A machine that runs through a programme.
#[derive(Debug, Clone, PartialEq)]
pub struct Appliance {
    /// What it takes in each step of its programme.
    pub programme_watts: Vec<f64>,
    /// The first step that it may start in.
    pub earliest_start: usize,
    /// The step that it must have ended by the begin of.
    pub latest_end: usize,
}

/// A load that is on or off: a pump, a dehumidifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Switched {
    /// What it takes when on.
    pub watts: f64,
    /// In how many steps it is to be on.
    pub steps_on: usize,
    /// The least steps that it stays on.
    pub run_steps_min: usize,
    /// For each step whether it may be on.
    pub allowed: Vec<bool>,
}
