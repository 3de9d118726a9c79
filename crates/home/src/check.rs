//! Whether a schedule can be: states that follow from the powers, powers and states within what the devices can, and a grid that takes exactly what is left over.
//!
//! It shares no arithmetic with the planner: heat is followed in small steps of its equations.

use crate::device::{Appliance, Battery, Car, Device, DeviceKind, Switched, Tank, Zone};
use crate::outlook::{Aims, Outlook};
use crate::schedule::{DeviceSchedule, Schedule};

/// How far a power may be off, in watts.
const WATTS_OFF_MAX: f64 = 1.0;

/// How far a store may be off, in kilowatt hours, and beside that of its capacity.
const STORED_OFF_MAX: (f64, f64) = (1e-3, 1e-4);

/// How far a temperature may be off, in degrees.
const CELSIUS_OFF_MAX: f64 = 0.02;

/// How far a sum of money or carbon may be off, of its size.
const SUM_OFF_MAX: f64 = 1e-6;

/// Longest part of a step that heat is followed in, of the time in which half of a difference is gone.
const PART_MAX: f64 = 0.1;

/// Most parts of a step.
const PARTS_MAX: f64 = 400.0;

/// What is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It is of other devices or has other lengths.
    #[error("the schedule of {whose} has other devices or lengths than what was planned for")]
    Shape {
        /// Which device, or the home.
        whose: String,
    },
    /// A value is not what it must be, or not within its limits.
    #[error("{what} of {whose} in step {step} is {found}, not within {least} and {most}")]
    Value {
        /// Which device, or the home.
        whose: String,
        /// What it is.
        what: &'static str,
        /// When.
        step: usize,
        /// What the schedule says.
        found: f64,
        /// The least that it can be.
        least: f64,
        /// The most.
        most: f64,
    },
}

/// Checks a schedule against what it was made for.
pub fn check(devices: &[Device], outlook: &Outlook, aims: &Aims, schedule: &Schedule) -> Result<(), Fault> {
    let steps = outlook.horizon.steps;
    let home = Of { whose: "the home", steps, hours: outlook.horizon.step_hours() };
    if schedule.devices.len() != devices.len()
        || schedule.grid_watts.len() != steps
        || schedule.horizon != outlook.horizon
    {
        return Err(home.shape());
    }
    for (device, planned) in devices.iter().zip(&schedule.devices) {
        let of = Of { whose: device.thing.as_ref(), ..home };
        if planned.thing != device.thing || planned.watts.len() != steps {
            return Err(of.shape());
        }
        match &device.kind {
            DeviceKind::Battery(battery) => of.battery(battery, planned)?,
            DeviceKind::Car(car) => of.car(car, planned)?,
            DeviceKind::Tank(tank) => of.tank(tank, planned)?,
            DeviceKind::Zone(zone) => of.zone(zone, &outlook.outdoor_celsius, planned)?,
            DeviceKind::Appliance(appliance) => of.appliance(appliance, planned)?,
            DeviceKind::Switched(switched) => of.switched(switched, planned)?,
        }
    }
    of_grid(home, outlook, aims, schedule)
}

/// The balance of every step, and the sums.
fn of_grid(home: Of<'_>, outlook: &Outlook, aims: &Aims, schedule: &Schedule) -> Result<(), Fault> {
    let (mut cost, mut carbon, mut size, mut peak) = (0.0, 0.0, 1.0, aims.peak_watts_so_far);
    for step in 0..home.steps {
        let devices: f64 = schedule.devices.iter().map(|device| device.watts[step]).sum();
        let needed = outlook.load_watts[step] - outlook.solar_watts[step] + devices;
        let grid = schedule.grid_watts[step];
        home.near("the balance", step, grid, needed, WATTS_OFF_MAX)?;
        let kilowatt_hours = grid / 1_000.0 * home.hours;
        let price = if grid > 0.0 { outlook.import_price[step] } else { outlook.export_price[step] };
        cost += kilowatt_hours * price;
        size += (kilowatt_hours * price).abs();
        carbon += kilowatt_hours.max(0.0) * outlook.carbon_grams[step] / 1_000.0;
        peak = peak.max(grid);
    }
    cost += (peak - aims.peak_watts_so_far) / 1_000.0 * aims.peak_price_per_kilowatt;
    home.near("the cost", 0, schedule.cost, cost, SUM_OFF_MAX * (size + cost.abs()))?;
    home.near("the carbon", 0, schedule.carbon_kilograms, carbon, SUM_OFF_MAX * (1.0 + carbon))
}

/// What is being looked at.
#[derive(Clone, Copy)]
struct Of<'a> {
    whose: &'a str,
    steps: usize,
    hours: f64,
}

impl Of<'_> {
    fn battery(self, battery: &Battery, planned: &DeviceSchedule) -> Result<(), Fault> {
        self.has_states(planned)?;
        let capacity = battery.capacity_kilowatt_hours;
        let off = STORED_OFF_MAX.0 + STORED_OFF_MAX.1 * capacity;
        let mut stored = battery.stored_kilowatt_hours.min(capacity);
        let mut alone = stored;
        self.near("what is stored", 0, planned.states[0], stored, off)?;
        for (step, watts) in planned.watts.iter().enumerate() {
            self.within(
                "the power",
                step,
                *watts,
                -battery.discharge_watts_max,
                battery.charge_watts_max,
                WATTS_OFF_MAX,
            )?;
            // What stands below its reserve from the begin, or falls below it by itself, may be there.
            alone *= (1.0 - battery.loss_per_hour).powf(self.hours);
            let reserve = battery.reserve_kilowatt_hours.min(alone);
            let moved = watts / 1_000.0 * self.hours;
            let factor = if *watts > 0.0 { battery.charge_efficiency } else { 1.0 / battery.discharge_efficiency };
            stored = stored * (1.0 - battery.loss_per_hour).powf(self.hours) + moved * factor;
            self.near("what is stored", step + 1, planned.states[step + 1], stored, off)?;
            self.within("what is stored", step + 1, stored, reserve, capacity, off)?;
        }
        Ok(())
    }

    fn car(self, car: &Car, planned: &DeviceSchedule) -> Result<(), Fault> {
        self.battery(&car.battery, planned)?;
        for (step, watts) in planned.watts.iter().enumerate() {
            if !car.plugged[step] {
                self.near("the power while it is away", step, *watts, 0.0, WATTS_OFF_MAX)?;
            } else if *watts > WATTS_OFF_MAX {
                self.within("the power", step, *watts, car.charge_watts_min, f64::INFINITY, WATTS_OFF_MAX)?;
            }
        }
        Ok(())
    }

    fn tank(self, tank: &Tank, planned: &DeviceSchedule) -> Result<(), Fault> {
        self.has_states(planned)?;
        let mut celsius = tank.celsius;
        self.near("the temperature", 0, planned.states[0], celsius, CELSIUS_OFF_MAX)?;
        for (step, watts) in planned.watts.iter().enumerate() {
            self.within("the power", step, *watts, 0.0, tank.watts_max, WATTS_OFF_MAX)?;
            let heat = tank.kilowatt_hours_per_kelvin * 1_000.0;
            let drawn = tank.drawn_watts[step];
            let change = |[celsius, _]: [f64; 2], watts: f64| {
                let loss = tank.loss_watts_per_kelvin * (celsius - tank.ambient_celsius);
                [(tank.performance[step] * watts - loss - drawn) / heat, 0.0]
            };
            let pace = tank.loss_watts_per_kelvin / heat;
            let alone = follow([celsius, 0.0], self.hours, pace, |state| change(state, 0.0))[0];
            celsius = follow([celsius, 0.0], self.hours, pace, |state| change(state, *watts))[0];
            self.near("the temperature", step + 1, planned.states[step + 1], celsius, CELSIUS_OFF_MAX)?;
            let most = tank.celsius_max.max(tank.celsius_min).max(alone);
            self.within("the temperature", step + 1, celsius, f64::NEG_INFINITY, most, CELSIUS_OFF_MAX)?;
        }
        Ok(())
    }

    fn zone(self, zone: &Zone, outdoor_celsius: &[f64], planned: &DeviceSchedule) -> Result<(), Fault> {
        self.has_states(planned)?;
        let mut state = [zone.air_celsius, zone.mass_celsius];
        self.near("the temperature", 0, planned.states[0], state[0], CELSIUS_OFF_MAX)?;
        for (step, watts) in planned.watts.iter().enumerate() {
            self.within("the power", step, *watts, 0.0, zone.watts_max, WATTS_OFF_MAX)?;
            let air_heat = zone.air_kilowatt_hours_per_kelvin * 1_000.0;
            let mass_heat = zone.mass_kilowatt_hours_per_kelvin * 1_000.0;
            let (inner, outer) = (zone.inner_watts_per_kelvin, zone.outer_watts_per_kelvin);
            let brought = zone.gain_watts[step] + zone.performance[step] * watts;
            let pace = (inner + outer) / air_heat + inner / mass_heat;
            state = follow(state, self.hours, pace, |[air, mass]| {
                let into_air = inner * (mass - air) + outer * (outdoor_celsius[step] - air) + brought;
                [into_air / air_heat, inner * (air - mass) / mass_heat]
            });
            self.near("the temperature", step + 1, planned.states[step + 1], state[0], CELSIUS_OFF_MAX)?;
        }
        Ok(())
    }

    /// It runs once as a whole within its time, or not at all.
    fn appliance(self, appliance: &Appliance, planned: &DeviceSchedule) -> Result<(), Fault> {
        let programme = &appliance.programme_watts;
        let last = appliance.latest_end.min(self.steps).checked_sub(programme.len());
        let mut starts = appliance.earliest_start..=last.unwrap_or(0);
        let runs_at = |start: usize| {
            planned.watts.iter().enumerate().all(|(step, watts)| {
                let of = step.checked_sub(start).and_then(|at| programme.get(at)).copied().unwrap_or(0.0);
                (watts - of).abs() <= WATTS_OFF_MAX
            })
        };
        let idle = planned.watts.iter().all(|watts| watts.abs() <= WATTS_OFF_MAX);
        if idle || (last.is_some() && starts.any(runs_at)) { Ok(()) } else { Err(self.shape()) }
    }

    /// It is on where it may be, long enough at a time, and no longer than asked for but to fill a shortest run.
    fn switched(self, switched: &Switched, planned: &DeviceSchedule) -> Result<(), Fault> {
        let (mut on_steps, mut run) = (0, 0);
        for (step, watts) in planned.watts.iter().enumerate() {
            let on = watts.abs() > WATTS_OFF_MAX;
            let most = if switched.allowed[step] { switched.watts } else { 0.0 };
            self.within("the power", step, *watts, if on { most } else { 0.0 }, most, WATTS_OFF_MAX)?;
            if on {
                (on_steps, run) = (on_steps + 1, run + 1);
            } else {
                self.run(switched, step, run)?;
                run = 0;
            }
        }
        self.run(switched, self.steps, run)?;
        let most = switched.steps_on.max(switched.run_steps_min) as f64;
        self.within("the steps that are on", self.steps, f64::from(on_steps), 0.0, most, 0.0)
    }

    fn run(self, switched: &Switched, step: usize, run: u32) -> Result<(), Fault> {
        let least = if run == 0 { 0.0 } else { switched.run_steps_min as f64 };
        self.within("the steps of a run", step, f64::from(run), least, f64::INFINITY, 0.0)
    }

    fn has_states(self, planned: &DeviceSchedule) -> Result<(), Fault> {
        if planned.states.len() == self.steps + 1 { Ok(()) } else { Err(self.shape()) }
    }

    fn near(self, what: &'static str, step: usize, found: f64, wanted: f64, off: f64) -> Result<(), Fault> {
        self.within(what, step, found, wanted, wanted, off)
    }

    fn within(self, what: &'static str, step: usize, found: f64, least: f64, most: f64, off: f64) -> Result<(), Fault> {
        if found >= least - off && found <= most + off {
            return Ok(());
        }
        Err(Fault::Value { whose: self.whose.to_owned(), what, step, found, least, most })
    }

    fn shape(self) -> Fault {
        Fault::Shape { whose: self.whose.to_owned() }
    }
}

/// Follows two temperatures through so many hours, by the rule of Runge and Kutta; `pace` is how much of a difference goes in an hour.
fn follow(mut state: [f64; 2], hours: f64, pace: f64, change: impl Fn([f64; 2]) -> [f64; 2]) -> [f64; 2] {
    let parts = (hours * pace / PART_MAX).ceil().clamp(1.0, PARTS_MAX);
    let part = hours / parts;
    let moved = |state: [f64; 2], by: [f64; 2], hours: f64| [state[0] + hours * by[0], state[1] + hours * by[1]];
    for _ in 0..parts as usize {
        let first = change(state);
        let second = change(moved(state, first, part / 2.0));
        let third = change(moved(state, second, part / 2.0));
        let fourth = change(moved(state, third, part));
        state = [0, 1].map(|place| {
            let slope = first[place] + 2.0 * (second[place] + third[place]) + fourth[place];
            state[place] + part / 6.0 * slope
        });
    }
    state
}
