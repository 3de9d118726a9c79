//! Who decides in a simulated home. A policy sees how everything stands, what has been, and forecasts; nothing of what will be.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::course::{Course, Slot};
use super::plant::{Commands, Flow, Home, Machine};
use super::settings::PastDay;
use super::{STEP_HOURS, STEP_SECONDS};
use crate::device;
use crate::device::{Device, DeviceKind};
use crate::horizon::Horizon;
use crate::outlook::{Aims, Outlook};
use crate::program;
use crate::schedule::Schedule;

/// Which policy, with its knobs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PolicyKind {
    /// Nothing is shifted: the battery stands still, the car charges when it comes.
    NoControl,
    /// Self-consumption: the battery follows the house, the car waits for sun as long as it can.
    Rules,
    /// Plans over a receding horizon.
    Optimiser(Optimiser),
}

/// The knobs of the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimiser {
    /// How far it looks ahead.
    pub horizon_hours: u32,
    /// The length of its steps.
    pub step_minutes: u32,
    /// How often it plans anew.
    pub replan_minutes: u32,
    /// What a kilogram of carbon dioxide is worth avoiding.
    pub carbon_price_per_kilogram: f64,
    /// How wrong the forecasts of sun are, from 0 (never) to 1 (no better than a mean of the last days).
    pub forecast_error: f64,
}

/// The means of a figure of slots over the steps of a plan.
type Mean<'a> = dyn Fn(&dyn Fn(&Slot) -> f64) -> Vec<f64> + 'a;

impl Default for Optimiser {
    fn default() -> Self {
        Self {
            horizon_hours: 24,
            step_minutes: 30,
            replan_minutes: 120,
            carbon_price_per_kilogram: 0.0,
            forecast_error: 0.5,
        }
    }
}

impl PolicyKind {
    /// The names in scenarios.
    pub const NAMES: [&'static str; 3] = ["optimiser", "rules", "no_control"];

    /// The JSON Schema of the optimiser's knobs.
    pub fn schema() -> Json {
        let default = Optimiser::default();
        let number = |title: &str, default: f64, low: f64, high: f64| json!({"type": "number", "minimum": low, "maximum": high, "default": default, "title": title});
        let whole = |title: &str, default: u32, low: u32, high: u32| json!({"type": "integer", "minimum": low, "maximum": high, "default": default, "title": title});
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "horizon_hours": whole("Hours ahead", default.horizon_hours, 6, 48),
                "step_minutes": whole("Minutes of a step: 15, 30 or 60", default.step_minutes, 15, 60),
                "replan_minutes": whole("Minutes until it plans anew", default.replan_minutes, 15, 1_440),
                "carbon_price_per_kilogram": number("Worth of a kilogram of carbon dioxide", default.carbon_price_per_kilogram, 0.0, 100.0),
                "forecast_error": number("How wrong forecasts of sun are, 0 to 1", default.forecast_error, 0.0, 1.0),
            },
        })
    }
}

/// What is known of the load beforehand: the means of past workdays and weekends.
#[derive(Debug, Clone)]
pub struct Forecast {
    load_watts: [[f64; 96]; 2],
    error: f64,
}

impl Forecast {
    /// From the home's own past.
    pub fn new(past: &[PastDay], error: f64) -> Self {
        let (mut sums, mut counts) = ([[0.0; 96]; 2], [0.0_f64; 2]);
        for day in past {
            let kind = usize::from(day.weekday >= 6);
            counts[kind] += 1.0;
            for (quarter, sum) in sums[kind].iter_mut().enumerate() {
                *sum += PastDay::value(&day.load_watts, quarter).unwrap_or(0.0);
            }
        }
        let all = counts[0] + counts[1];
        let both: Vec<f64> =
            (0..96).map(|quarter| (sums[0][quarter] + sums[1][quarter]) / f64::max(all, 1.0)).collect();
        for kind in 0..2 {
            for (quarter, sum) in sums[kind].iter_mut().enumerate() {
                *sum = if counts[kind] > 0.0 { *sum / counts[kind] } else { both[quarter] };
            }
        }
        Self { load_watts: sums, error }
    }

    /// What is expected of a slot when it is seen from another one.
    fn of(&self, course: &Course, now: usize, slot: usize) -> Slot {
        let truth = course.slots[slot.min(course.slots.len() - 1)];
        let ahead = (slot - now) as f64 / 96.0;
        let usual = |slot: &Slot| self.load_watts[usize::from(slot.weekday >= 6)][(slot.minute / 15) as usize];
        // What was unusual in the last hour fades within some hours.
        let seen = now.saturating_sub(4)..now;
        let unusual = seen.clone().map(|at| course.slots[at].load_watts - usual(&course.slots[at])).sum::<f64>()
            / seen.len().max(1) as f64;
        let load_watts = (usual(&truth) + unusual * (0.5 - 4.0 * ahead).max(0.0)).max(0.0);
        // The weather service is right in part; for the rest it says what the last days were like.
        let share = (self.error * (0.3 + 0.7 * ahead)).clamp(0.0, 1.0);
        let days = (1..=5).filter_map(|day| slot.checked_sub(96 * day).filter(|before| *before < now));
        let (sum, count) = days
            .fold((0.0, 0.0), |(sum, count), before| (sum + course.slots[before].sun_watts_per_kilowatt, count + 1.0));
        let mean = if count > 0.0 { sum / count } else { truth.sun_watts_per_kilowatt };
        let sun_watts_per_kilowatt = (1.0 - share) * truth.sun_watts_per_kilowatt + share * mean;
        let priced = course.slots[Self::priced_as(course, now, slot.min(course.slots.len() - 1))];
        Slot {
            load_watts,
            sun_watts_per_kilowatt,
            import_price: priced.import_price,
            export_price: priced.export_price,
            carbon_grams: priced.carbon_grams,
            ..truth
        }
    }

    /// Dynamic prices are known until midnight, and from 13:00 on until the midnight after; behind that it is taken to be as a day before.
    fn priced_as(course: &Course, now: usize, slot: usize) -> usize {
        if !course.is_dynamic {
            return slot;
        }
        let known = course.slots[now].day + u32::from(course.slots[now].minute >= 13 * 60);
        let behind = course.slots[slot].day.saturating_sub(known) as usize;
        slot.saturating_sub(96 * behind).max(now)
    }
}

/// A policy at work.
#[derive(Debug, Clone)]
pub struct Decide {
    kind: PolicyKind,
    forecast: Forecast,
    plan: Option<Planned>,
    tank_heats: bool,
    peak_watts: f64,
    /// How many plans were made, and how many could not be.
    pub plans: u32,
    /// How many could not be made: rules decided instead.
    pub failed: u32,
}

#[derive(Debug, Clone)]
struct Planned {
    made: usize,
    slots_per_step: usize,
    schedule: Schedule,
    /// Which device of the plan is which.
    roles: Vec<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Battery,
    Car,
    Tank,
    Rooms,
    Machine(usize),
}

impl Decide {
    /// A policy that has decided nothing yet.
    pub fn new(kind: PolicyKind, past: &[PastDay]) -> Self {
        let error = if let PolicyKind::Optimiser(knobs) = kind { knobs.forecast_error } else { 1.0 };
        Self {
            kind,
            forecast: Forecast::new(past, error),
            plan: None,
            tank_heats: false,
            peak_watts: 0.0,
            plans: 0,
            failed: 0,
        }
    }

    /// What is to be done in a slot.
    pub fn decide(&mut self, home: &Home<'_>, course: &Course, at: usize) -> Commands {
        match self.kind {
            PolicyKind::NoControl => {
                let mut commands = self.by_rules(home, course, at);
                commands.battery = Flow::IDLE;
                commands.car_watts = f64::INFINITY;
                commands
            }
            PolicyKind::Rules => self.by_rules(home, course, at),
            PolicyKind::Optimiser(knobs) => self.by_plan(home, course, at, &knobs),
        }
    }

    /// Told what came of it, so that peaks that are paid for are known.
    pub fn learn(&mut self, grid_watts: f64) {
        self.peak_watts = self.peak_watts.max(grid_watts);
    }

    fn by_rules(&mut self, home: &Home<'_>, course: &Course, at: usize) -> Commands {
        // What the sun gave too much in the slot before is what a charger follows.
        let before = course.slots[at.saturating_sub(1)];
        let surplus = before.sun_watts_per_kilowatt * home.world.sizes.solar_kilowatts - before.load_watts;
        let slot = course.slots[at];
        Commands {
            battery: Flow::FOLLOW,
            car_watts: Self::car_by_rules(home, course, at, surplus),
            tank_watts: self.tank_by_rules(home),
            rooms_watts: rooms_by_thermostat(home, &slot, 0.2),
            start: vec![true; home.state.machines.len()],
        }
    }

    fn car_by_rules(home: &Home<'_>, course: &Course, at: usize, surplus: f64) -> f64 {
        let Some(car) = &home.world.body.car else { return 0.0 };
        // As late as it can be, and an hour earlier.
        if has_to_charge(home, course, at, 5) {
            return car.charge_watts_max;
        }
        if surplus >= car.charge_watts_min && home.state.car < 0.9 * car.capacity_kilowatt_hours {
            surplus
        } else {
            0.0
        }
    }

    fn tank_by_rules(&mut self, home: &Home<'_>) -> f64 {
        let Some(tank) = &home.world.body.tank else { return 0.0 };
        let until = (tank.celsius_min + 8.0).min(tank.celsius_max);
        self.tank_heats = home.state.tank_celsius < if self.tank_heats { until } else { tank.celsius_min + 2.5 };
        if self.tank_heats { tank.watts_max } else { 0.0 }
    }

    fn by_plan(&mut self, home: &Home<'_>, course: &Course, at: usize, knobs: &Optimiser) -> Commands {
        let slots_per_step = (knobs.step_minutes * 60 / STEP_SECONDS).max(1) as usize;
        let every = (knobs.replan_minutes * 60 / STEP_SECONDS).max(1) as usize;
        let slot = course.slots[at];
        // Who comes or goes other than was planned for makes a plan old.
        let surprised = slot.returns || slot.leaves || slot.filled != 0;
        let is_old = self.plan.as_ref().is_none_or(|plan| at >= plan.made + every || surprised);
        if is_old && !slot.is_out {
            self.plans += 1;
            self.plan = self.make(home, course, at, knobs, slots_per_step);
            self.failed += u32::from(self.plan.is_none());
        }
        let mut commands = self.by_rules(home, course, at);
        let Some(plan) = &self.plan else { return commands };
        let step = (at - plan.made) / plan.slots_per_step;
        if step >= plan.schedule.grid_watts.len() {
            return commands;
        }
        let grid = plan.schedule.grid_watts[step];
        for (role, device) in plan.roles.iter().zip(&plan.schedule.devices) {
            let watts = device.watts[step];
            match role {
                Role::Battery => commands.battery = flow(watts, grid),
                // What was promised is kept where the plan went astray: the car leaves with what it needs, nobody freezes.
                Role::Car if has_to_charge(home, course, at, 1) => commands.car_watts = f64::INFINITY,
                Role::Car => commands.car_watts = watts,
                Role::Tank if home.world.body.tank.is_some_and(|tank| home.state.tank_celsius < tank.celsius_min) => {
                    commands.tank_watts = f64::INFINITY;
                }
                Role::Tank => commands.tank_watts = watts,
                Role::Rooms => commands.rooms_watts = watts.max(rooms_by_thermostat(home, &slot, 0.0)),
                Role::Machine(number) => commands.start[*number] = watts > 0.0,
            }
        }
        commands
    }

    fn make(
        &self,
        home: &Home<'_>,
        course: &Course,
        at: usize,
        knobs: &Optimiser,
        slots_per_step: usize,
    ) -> Option<Planned> {
        let steps = (knobs.horizon_hours as usize * 4 / slots_per_step).max(1);
        let ahead: Vec<Vec<Slot>> = (0..steps)
            .map(|step| {
                (0..slots_per_step)
                    .map(|slot| self.forecast.of(course, at, at + step * slots_per_step + slot))
                    .collect()
            })
            .collect();
        let mean = |of: &dyn Fn(&Slot) -> f64| -> Vec<f64> {
            ahead.iter().map(|step| step.iter().map(of).sum::<f64>() / step.len() as f64).collect()
        };
        let horizon = Horizon { start: course.begin(at), step_seconds: STEP_SECONDS * slots_per_step as u32, steps };
        let outlook = Outlook {
            horizon,
            load_watts: mean(&|slot| slot.load_watts),
            solar_watts: mean(&|slot| slot.sun_watts_per_kilowatt * home.world.sizes.solar_kilowatts),
            import_price: mean(&|slot| slot.import_price),
            export_price: mean(&|slot| slot.export_price),
            carbon_grams: mean(&|slot| slot.carbon_grams),
            outdoor_celsius: mean(&|slot| slot.outdoor_celsius),
            scenarios: Vec::new(),
        };
        let (devices, roles) = Self::devices(home, course, at, &ahead, &mean);
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let aims = Aims {
            carbon_price_per_kilogram: knobs.carbon_price_per_kilogram,
            peak_price_per_kilowatt: home.world.tariff.capacity_price_per_kilowatt_month,
            peak_watts_so_far: self.peak_watts,
            ramp_price_per_kilowatt: 0.0,
            // What is left is worth what it saves tomorrow: between what the sun's surplus brings and what the grid costs.
            end_price_per_kilowatt_hour: average(&outlook.export_price)
                .midpoint(average(&outlook.import_price))
                .max(0.0),
            import_watts_max: 100_000.0,
            export_watts_max: 100_000.0,
        };
        if devices.is_empty() {
            return None;
        }
        let schedule = program::plan(&devices, &outlook, &aims).ok()?;
        Some(Planned { made: at, slots_per_step, schedule, roles })
    }

    fn devices(
        home: &Home<'_>,
        course: &Course,
        at: usize,
        ahead: &[Vec<Slot>],
        mean: &Mean<'_>,
    ) -> (Vec<Device>, Vec<Role>) {
        let body = &home.world.body;
        let mut devices = Vec::new();
        let mut add = |role: Role, name: &str, kind: DeviceKind| {
            let thing = model::ThingId::new(name).expect("names of roles are ids");
            devices.push((Device { thing, title: name.to_owned(), kind }, role));
        };
        let capacity = home.world.sizes.battery_kilowatt_hours;
        if capacity > 0.0 {
            let battery = device::Battery {
                stored_kilowatt_hours: home.state.battery.min(capacity),
                capacity_kilowatt_hours: capacity,
                reserve_kilowatt_hours: home.reserve().min(home.state.battery),
                charge_watts_max: home.battery_watts_max(),
                discharge_watts_max: home.battery_watts_max(),
                charge_efficiency: body.battery.charge_efficiency,
                discharge_efficiency: body.battery.discharge_efficiency,
                loss_per_hour: body.battery.loss_per_hour,
                wear_per_kilowatt_hour: body.battery.wear_per_kilowatt_hour,
            };
            add(Role::Battery, "battery", DeviceKind::Battery(battery));
        }
        if let Some(car) = &body.car {
            add(Role::Car, "car", DeviceKind::Car(car_device(home, car, course, at, ahead)));
        }
        if let Some(tank) = &body.tank {
            let tank = device::Tank {
                celsius: home.state.tank_celsius.min(tank.celsius_max),
                celsius_min: tank.celsius_min,
                celsius_max: tank.celsius_max,
                kilowatt_hours_per_kelvin: tank.kilowatt_hours_per_kelvin,
                loss_watts_per_kelvin: tank.loss_watts_per_kelvin,
                ambient_celsius: tank.room_celsius,
                watts_max: tank.watts_max,
                performance: vec![tank.performance; ahead.len()],
                // What was drawn on average lately, and a bit more: nobody wants to shower cold.
                drawn_watts: mean(&|slot| tank.drawn_watts[(slot.minute / 60) as usize] * 1.15),
            };
            add(Role::Tank, "tank", DeviceKind::Tank(tank));
        }
        if let (Some(rooms), true) = (&body.rooms, home.world.sizes.heat_pump_kilowatts > 0.0) {
            let model = &rooms.model;
            let [air_celsius, mass_celsius] = home.state.rooms_celsius;
            let zone = device::Zone {
                air_celsius,
                mass_celsius,
                air_kilowatt_hours_per_kelvin: model.air_kilowatt_hours_per_kelvin,
                mass_kilowatt_hours_per_kelvin: model.mass_kilowatt_hours_per_kelvin,
                inner_watts_per_kelvin: model.inner_watts_per_kelvin,
                outer_watts_per_kelvin: model.outer_watts_per_kelvin,
                gain_watts: mean(&|slot| {
                    model.sun_square_metres * slot.sun_watts_per_kilowatt + model.gain_at(i64::from(slot.minute) * 60)
                }),
                celsius_min: mean(&|slot| rooms.band(slot.minute)[0]),
                celsius_max: mean(&|slot| rooms.band(slot.minute)[1]),
                discomfort_per_kelvin_hour: rooms.discomfort_per_kelvin_hour,
                watts_max: home.world.sizes.heat_pump_kilowatts * 1_000.0,
                performance: mean(&|slot| rooms.performance_at(slot.outdoor_celsius, slot.is_summer)),
            };
            add(Role::Rooms, "rooms", DeviceKind::Zone(zone));
        }
        let slots_per_step = ahead.first().map_or(1, Vec::len);
        for (number, machine) in home.state.machines.iter().enumerate() {
            let habit = &body.appliances[number];
            let left = match *machine {
                Machine::Waiting(left) => left,
                Machine::Idle if course.slots[at].filled & (1 << number) != 0 => (habit.hours * 4.0) as usize,
                _ => continue,
            };
            let chunk = |chunk: &[f64]| chunk.iter().sum::<f64>() / slots_per_step as f64;
            let programme_watts: Vec<f64> = habit.programme_watts.chunks(slots_per_step).map(chunk).collect();
            let latest_end =
                (left / slots_per_step).clamp(programme_watts.len(), ahead.len().max(programme_watts.len()));
            let appliance =
                device::Appliance { programme_watts, earliest_start: 0, latest_end: latest_end.min(ahead.len()) };
            add(Role::Machine(number), &format!("machine-{number}"), DeviceKind::Appliance(appliance));
        }
        devices.into_iter().unzip()
    }
}

fn car_device(
    home: &Home<'_>,
    car: &super::body::CarHabit,
    course: &Course,
    at: usize,
    ahead: &[Vec<Slot>],
) -> device::Car {
    // Who is away now is taken to come back when it usually does.
    let is_here = course.slots[at].plugged;
    let mut seen_away = is_here;
    let mut plugged = Vec::with_capacity(ahead.len());
    for step in ahead {
        let usually = step.iter().all(|slot| slot.plugged_usually);
        seen_away |= !usually;
        plugged.push(usually && seen_away);
    }
    let wanted = car.capacity_kilowatt_hours * car.wanted_percent / 100.0;
    let departures = (1..plugged.len()).filter(|step| plugged[step - 1] && !plugged[*step]);
    let departures = departures.enumerate().map(|(number, step)| device::Departure {
        step,
        // By the second departure it will have been driven.
        kilowatt_hours: (wanted + number as f64 * car.trip_kilowatt_hours).min(car.capacity_kilowatt_hours),
    });
    device::Car {
        battery: device::Battery {
            stored_kilowatt_hours: home.state.car.min(car.capacity_kilowatt_hours),
            capacity_kilowatt_hours: car.capacity_kilowatt_hours,
            reserve_kilowatt_hours: 0.0,
            charge_watts_max: car.charge_watts_max,
            discharge_watts_max: 0.0,
            charge_efficiency: car.charge_efficiency,
            discharge_efficiency: 1.0,
            loss_per_hour: 0.0,
            wear_per_kilowatt_hour: 0.0,
        },
        charge_watts_min: car.charge_watts_min,
        departures: departures.collect(),
        plugged,
    }
}

/// What a planned power means for a battery that sees what really is too much or missing. Where the plan leaves nothing for the grid,
/// the battery follows; what it was to take or give beside the grid is kept, but it does not feed in what the house needs less.
fn flow(watts: f64, grid_watts: f64) -> Flow {
    const NOTHING: f64 = 30.0;
    if grid_watts.abs() < NOTHING {
        Flow::FOLLOW
    } else if watts > NOTHING {
        if grid_watts > 0.0 {
            Flow { least: watts, most: f64::INFINITY }
        } else {
            Flow { least: 0.0, most: f64::INFINITY }
        }
    } else if watts < -NOTHING {
        if grid_watts > 0.0 { Flow { least: watts, most: f64::INFINITY } } else { Flow { least: watts, most: watts } }
    } else if grid_watts > 0.0 {
        Flow { least: 0.0, most: f64::INFINITY }
    } else {
        Flow::IDLE
    }
}

/// Whether the car has to charge now so that it has what is wanted when it usually leaves, with some slots to spare.
fn has_to_charge(home: &Home<'_>, course: &Course, at: usize, spare: usize) -> bool {
    let Some(car) = &home.world.body.car else { return false };
    let lack = car.capacity_kilowatt_hours * car.wanted_percent / 100.0 - home.state.car;
    let slots = lack / (car.charge_watts_max * STEP_HOURS / 1_000.0 * car.charge_efficiency);
    let ahead = (at + 1..course.slots.len()).take(96);
    let until = ahead.take_while(|slot| course.slots[*slot].plugged_usually).count();
    lack > 0.0 && slots + spare as f64 >= until as f64 && until < 95
}

/// What keeps the rooms within their band, by so much.
fn rooms_by_thermostat(home: &Home<'_>, slot: &Slot, within_kelvin: f64) -> f64 {
    let Some(rooms) = &home.world.body.rooms else { return 0.0 };
    let [least, most] = rooms.band(slot.minute);
    let cools = rooms.performance_at(slot.outdoor_celsius, slot.is_summer) < 0.0;
    let target = if cools { most - within_kelvin } else { least + within_kelvin };
    let [without, _] = home.rooms_after(slot, 0.0);
    let [with, _] = home.rooms_after(slot, 1_000.0);
    let needed = (target - without) / (with - without) * 1_000.0;
    if needed.is_finite() { needed.clamp(0.0, home.world.sizes.heat_pump_kilowatts * 1_000.0) } else { 0.0 }
}
