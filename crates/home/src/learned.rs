//! How the things of *this* home behave, found from their own past: battery, rooms, tank, machines, with what speaks for each model, and
//! a sentence for what is not known. Nothing is promised below the thresholds of fit that [`learn`] states.

use std::ops::Range;

use learn::slots::{SLOTS_PER_DAY, begin_of, means, slot_of};
use learn::{appliance, battery, tank, thermal};
use model::{ThingId, Timestamp};

use crate::device;
use crate::horizon::Horizon;
use crate::world::{ApplianceHabit, BatteryBody, HomeWorld, PastDay, TankBody};

/// A value holds for so long when nothing is told: things that report changes only are silent while nothing changes.
const HOLD_SECONDS: f64 = 3.0 * 3_600.0;
/// Temperatures and charges move by themselves: their silence says less.
const HOLD_STATE_SECONDS: f64 = 1.0 * 3_600.0;

/// Samples of one property, in the order of time.
pub type Series<'a> = &'a [(Timestamp, f64)];

/// A thing that is to be learned, with what it told.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The thing.
    pub thing: &'a ThingId,
    /// What people call it.
    pub title: &'a str,
    /// What it told.
    pub told: Told<'a>,
}

/// What a thing told.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// A battery, or a car at its charger.
    Battery {
        /// How full it is.
        charge_percent: Series<'a>,
        /// What it takes; negative while it gives.
        watts: Series<'a>,
        /// What its maker says it holds, in kilowatt hours.
        capacity_told: Option<f64>,
    },
    /// Rooms.
    Rooms {
        /// Their air.
        celsius: Series<'a>,
        /// Heat that was brought; negative for cooling.
        heating_watts: Series<'a>,
    },
    /// A tank of hot water.
    Tank {
        /// Its temperature.
        celsius: Series<'a>,
        /// What heats it.
        heat_watts: Series<'a>,
        /// The room that it stands in, if that is known.
        room_celsius: Series<'a>,
    },
    /// A machine with programmes.
    Appliance {
        /// What it takes.
        watts: Series<'a>,
    },
}

/// The past of a home.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How far local time is ahead of UTC, in seconds.
    pub utc_offset_s: i64,
    /// Outside air.
    pub outdoor_celsius: Series<'a>,
    /// Sun on a level surface, if that is known.
    pub irradiance: Series<'a>,
    /// What nobody shifts.
    pub load_watts: Series<'a>,
    /// What the modules gave.
    pub solar_watts: Series<'a>,
    /// How many kilowatts of them there are.
    pub solar_kilowatts: f64,
    /// From the grid; negative while the home fed in.
    pub grid_watts: Series<'a>,
}

/// A model that was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// A battery.
    Battery(battery::BatteryModel),
    /// Rooms, and how their air and mass stand now.
    Rooms(Box<thermal::Known>, Option<[f64; 2]>),
    /// A tank.
    Tank(Box<tank::TankModel>),
    /// The usual programme of a machine.
    Appliance(appliance::Programme),
}

/// What is known of a thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// The thing.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// Its model; none below the threshold of fit.
    pub model: Option<Model>,
    /// What is known and how well, or what is missing, in a sentence.
    pub words: String,
    /// Since when it behaves in another way than its model says.
    pub drifted: Option<Timestamp>,
}

/// What is known of a home.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Each thing, in the order in which they were given.
    pub things: Vec<Learnt>,
    /// Its past days that are known whole enough to be lived again.
    pub days: Vec<PastDay>,
}

/// Learns a home.
pub fn learn(past: &Past<'_>, subjects: &[Subject<'_>]) -> Learned {
    let slots = slot_of(past.from)..slot_of(past.until);
    let outdoor = means(past.outdoor_celsius, &slots, HOLD_STATE_SECONDS);
    let irradiance = means(past.irradiance, &slots, HOLD_STATE_SECONDS);
    let things = subjects.iter().map(|subject| {
        let (model, words, drifted) = match subject.told {
            Told::Battery { charge_percent, watts, capacity_told } => {
                of_battery(&slots, charge_percent, watts, capacity_told)
            }
            Told::Rooms { celsius, heating_watts } => {
                of_rooms(&slots, past.utc_offset_s, celsius, heating_watts, [&outdoor, &irradiance])
            }
            Told::Tank { celsius, heat_watts, room_celsius } => {
                of_tank(&slots, past.utc_offset_s, [celsius, heat_watts, room_celsius])
            }
            Told::Appliance { watts } => of_appliance(watts),
        };
        Learnt {
            thing: subject.thing.clone(),
            title: subject.title.to_owned(),
            model,
            words: format!("{}: {words}", subject.title),
            drifted: drifted.map(begin_of),
        }
    });
    let days = days(past).into_iter().map(|(_, day)| day);
    Learned { things: things.collect(), days: days.collect() }
}

type Found = (Option<Model>, String, Option<i64>);

fn not_known(why: impl std::fmt::Display) -> Found {
    (None, format!("not known yet, {why}"), None)
}

fn of_battery(slots: &Range<i64>, charge: Series<'_>, watts: Series<'_>, capacity_told: Option<f64>) -> Found {
    let mut learner = battery::Battery::new(capacity_told);
    let charges = at_ends(charge, slots);
    let taken: Vec<(Timestamp, f64)> = watts.iter().map(|(time, watts)| (*time, watts.max(0.0))).collect();
    let given: Vec<(Timestamp, f64)> = watts.iter().map(|(time, watts)| (*time, (-watts).max(0.0))).collect();
    let (taken, given) = (means(&taken, slots, HOLD_SECONDS), means(&given, slots, HOLD_SECONDS));
    for (at, slot) in slots.clone().enumerate() {
        let reading =
            battery::Reading { charge_percent: charges[at], charge_watts: taken[at], discharge_watts: given[at] };
        learner.observe(slot, &reading);
    }
    match learner.known() {
        Err(why) => not_known(why),
        Ok(model) => {
            let words = format!(
                "holds {:.1} kWh (± {:.0} %), {:.0} % of what it takes comes back, from {} days",
                model.capacity_kilowatt_hours,
                196.0 * model.capacity_unsure,
                100.0 * model.charge_efficiency * model.discharge_efficiency,
                model.days
            );
            (Some(Model::Battery(model)), words, None)
        }
    }
}

fn of_rooms(
    slots: &Range<i64>,
    utc_offset_s: i64,
    celsius: Series<'_>,
    heating: Series<'_>,
    [outdoor, irradiance]: [&[Option<f64>]; 2],
) -> Found {
    let mut learner = thermal::Thermal::new(thermal::Settings { utc_offset_s });
    let (indoor, heating) = (means(celsius, slots, HOLD_STATE_SECONDS), means(heating, slots, HOLD_SECONDS));
    // The last days are foretold by a model that has not seen them, to see whether the rooms have changed.
    let watched = slots.end - 7 * SLOTS_PER_DAY as i64;
    for (at, slot) in slots.clone().enumerate() {
        if slot == watched {
            // Whether it is known by then shows in what it says of drift: nothing, when it is not.
            let _known_by_then = learner.fit();
        }
        learner.observe(
            slot,
            &thermal::Reading {
                indoor_celsius: indoor[at],
                outdoor_celsius: outdoor[at],
                heating_watts: heating[at],
                irradiance: irradiance[at],
            },
        );
    }
    let drifted = learner.drifted();
    match learner.fit().cloned() {
        Err(why) => not_known(why),
        Ok(known) => {
            let state = learner.state();
            let words = format!(
                "lose {:.0} W for each degree (± {:.0} %); a day is foretold to {:.1} K, where \"it stays as it is\" misses by {:.1} K",
                known.model.outer_watts_per_kelvin,
                196.0 * known.unsure.outer,
                known.quality.day_kelvin,
                known.quality.day_persistence_kelvin
            );
            (Some(Model::Rooms(Box::new(known), state)), words, drifted)
        }
    }
}

fn of_tank(slots: &Range<i64>, utc_offset_s: i64, [celsius, heat, room]: [Series<'_>; 3]) -> Found {
    let mut learner = tank::Tank::new(utc_offset_s);
    let (celsius, heat) = (at_ends(celsius, slots), means(heat, slots, HOLD_SECONDS));
    let room = means(room, slots, HOLD_SECONDS);
    for (at, slot) in slots.clone().enumerate() {
        learner.observe(slot, &tank::Reading { celsius: celsius[at], heat_watts: heat[at], room_celsius: room[at] });
    }
    match learner.known() {
        Err(why) => not_known(why),
        Ok(model) => {
            let drawn: f64 = (model.drawn_watts[0].iter().sum::<f64>() * 5.0
                + model.drawn_watts[1].iter().sum::<f64>() * 2.0)
                / 7_000.0;
            let words = format!(
                "takes {:.2} kWh for a degree (± {:.0} %), loses {:.1} W for each; {drawn:.1} kWh are drawn a day",
                model.kilowatt_hours_per_kelvin,
                196.0 * model.capacity_unsure,
                model.loss_watts_per_kelvin
            );
            (Some(Model::Tank(Box::new(model))), words, None)
        }
    }
}

fn of_appliance(watts: Series<'_>) -> Found {
    let mut learner = appliance::Appliance::default();
    watts.iter().for_each(|(time, watts)| learner.observe(*time, *watts));
    match learner.known() {
        Err(why) => not_known(why),
        Ok(programme) => {
            let words = format!(
                "its usual programme takes {:.2} kWh in {} minutes; it was seen {} times",
                programme.kilowatt_hours(),
                programme.minutes(),
                programme.runs
            );
            (Some(Model::Appliance(programme.clone())), words, None)
        }
    }
}

/// The value at the end of each slot: the last that was told, unless that is long ago.
fn at_ends(samples: Series<'_>, slots: &Range<i64>) -> Vec<Option<f64>> {
    let mut next = 0;
    let of = |slot: i64| {
        let end = begin_of(slot + 1);
        while samples.get(next).is_some_and(|(time, _)| *time <= end) {
            next += 1;
        }
        let (time, value) = samples.get(next.checked_sub(1)?)?;
        (value.is_finite() && end.since(*time).as_secs_f64() <= HOLD_SECONDS).then_some(*value)
    };
    slots.clone().map(of).collect()
}

/// Local days of which load, sun and outside air are known but for short gaps, with their begins.
pub(crate) fn days(past: &Past<'_>) -> Vec<(Timestamp, PastDay)> {
    let slots = slot_of(past.from)..slot_of(past.until);
    let outdoor = means(past.outdoor_celsius, &slots, HOLD_STATE_SECONDS);
    let load = means(past.load_watts, &slots, HOLD_SECONDS);
    let solar = means(past.solar_watts, &slots, HOLD_SECONDS);
    let grid = means(past.grid_watts, &slots, HOLD_SECONDS);
    let first =
        slots.clone().find(|slot| (slot * 900 + past.utc_offset_s).rem_euclid(86_400) < 900).unwrap_or(slots.end);
    let mut days = Vec::new();
    let mut from = (first - slots.start) as usize;
    while from + SLOTS_PER_DAY <= load.len() {
        let range = from..from + SLOTS_PER_DAY;
        let whole = |column: &[Option<f64>], scale: f64| filled(&column[range.clone()], scale);
        let local =
            (begin_of(slots.start + from as i64).micros().div_euclid(1_000_000) + past.utc_offset_s).div_euclid(86_400);
        let sun = if past.solar_kilowatts > 0.0 {
            whole(&solar, 1.0 / past.solar_kilowatts)
        } else {
            Some(vec![0.0; SLOTS_PER_DAY])
        };
        if let (Some(load_watts), Some(sun), Some(outdoor_celsius)) = (whole(&load, 1.0), sun, whole(&outdoor, 1.0)) {
            let grid = whole(&grid, 1.0).unwrap_or_default();
            let day = PastDay {
                day_of_year: (((local as f64 + 0.5).rem_euclid(365.2425)) as u16 + 1).min(366),
                weekday: (local + 3).rem_euclid(7) as u8 + 1,
                load_watts: load_watts.iter().map(|watts| watts.max(0.0)).collect(),
                sun_watts_per_kilowatt: sun.iter().map(|watts| watts.clamp(0.0, 2_000.0)).collect(),
                outdoor_celsius,
                import_watts: grid.iter().map(|watts| watts.max(0.0)).collect(),
                export_watts: grid.iter().map(|watts| (-watts).max(0.0)).collect(),
                ..PastDay::default()
            };
            days.push((begin_of(slots.start + from as i64), day));
        }
        from += SLOTS_PER_DAY;
    }
    days
}

/// A day without gaps: short ones keep the value before. None when more than an eighth is missing.
fn filled(day: &[Option<f64>], scale: f64) -> Option<Vec<f32>> {
    let known = day.iter().flatten().count();
    let mut last = *day.iter().flatten().next()?;
    (known * 8 >= day.len() * 7).then(|| {
        day.iter()
            .map(|value| {
                last = value.unwrap_or(last);
                (last * scale) as f32
            })
            .collect()
    })
}

impl Learned {
    /// What is not known, a sentence each.
    pub fn not_known(&self) -> Vec<&str> {
        self.things.iter().filter(|thing| thing.model.is_none()).map(|thing| thing.words.as_str()).collect()
    }

    /// This home as a world: what was learned stands in the place of what is assumed. What is not known stays as it is in `base`.
    pub fn world(&self, base: &HomeWorld) -> HomeWorld {
        let mut world = HomeWorld { days: self.days.clone(), ..base.clone() };
        let mut machines = Vec::new();
        for thing in &self.things {
            match &thing.model {
                Some(Model::Battery(model)) => {
                    world.sizes.battery_kilowatt_hours = model.capacity_kilowatt_hours;
                    world.body.battery = BatteryBody {
                        charge_efficiency: model.charge_efficiency,
                        discharge_efficiency: model.discharge_efficiency,
                        loss_per_hour: model.loss_per_hour,
                        watts_per_kilowatt_hour: (model.charge_watts_seen.max(model.discharge_watts_seen)
                            / model.capacity_kilowatt_hours)
                            .clamp(10.0, 10_000.0),
                        ..world.body.battery
                    };
                }
                Some(Model::Rooms(known, _)) => {
                    if let Some(rooms) = &mut world.body.rooms {
                        rooms.model = known.model;
                    }
                }
                Some(Model::Tank(model)) => {
                    let drawn_watts = std::array::from_fn(|hour| {
                        (5.0 * model.drawn_watts[0][hour] + 2.0 * model.drawn_watts[1][hour]) / 7.0
                    });
                    world.body.tank = Some(TankBody {
                        kilowatt_hours_per_kelvin: model.kilowatt_hours_per_kelvin,
                        loss_watts_per_kelvin: model.loss_watts_per_kelvin,
                        drawn_watts,
                        ..world.body.tank.unwrap_or_default()
                    });
                }
                Some(Model::Appliance(programme)) => {
                    let (hour, _) = programme
                        .starts_by_hour
                        .iter()
                        .enumerate()
                        .max_by_key(|(_, count)| **count)
                        .unwrap_or((19, &0));
                    let weeks = (self.days.len() as f64 / 7.0).max(1.0);
                    machines.push(ApplianceHabit {
                        title: thing.title.clone(),
                        programme_watts: programme.watts_per_step(900),
                        runs_per_week: (f64::from(programme.runs) / weeks).min(7.0),
                        ready_minute: hour as u16 * 60,
                        hours: 10.0,
                    });
                }
                None => {}
            }
        }
        if !machines.is_empty() {
            world.body.appliances = machines;
        }
        world
    }
}

/// A learned battery as a plan needs it.
pub fn battery_device(
    model: &battery::BatteryModel,
    charge_percent: f64,
    reserve_percent: f64,
    wear_per_kilowatt_hour: f64,
) -> device::Battery {
    let capacity = model.capacity_kilowatt_hours;
    device::Battery {
        stored_kilowatt_hours: (charge_percent / 100.0).clamp(0.0, 1.0) * capacity,
        capacity_kilowatt_hours: capacity,
        reserve_kilowatt_hours: (reserve_percent / 100.0).clamp(0.0, 1.0) * capacity,
        charge_watts_max: model.charge_watts_seen,
        discharge_watts_max: model.discharge_watts_seen,
        charge_efficiency: model.charge_efficiency,
        discharge_efficiency: model.discharge_efficiency,
        loss_per_hour: model.loss_per_hour,
        wear_per_kilowatt_hour,
    }
}

/// What is wanted of rooms, and what acts on them, for each step of a horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomsWanted {
    /// The least that is comfortable.
    pub celsius_min: Vec<f64>,
    /// The most.
    pub celsius_max: Vec<f64>,
    /// What a degree out of the band for an hour is worth avoiding.
    pub discomfort_per_kelvin_hour: f64,
    /// The most that heater or cooler takes.
    pub watts_max: f64,
    /// Heat of a watt; below 0 for what cools.
    pub performance: Vec<f64>,
    /// Sun on a level surface, as it is forecast.
    pub irradiance: Vec<f64>,
}

/// Learned rooms as a plan needs them, with air and mass as they stand.
pub fn zone_device(
    model: &thermal::ZoneModel,
    [air, mass]: [f64; 2],
    horizon: &Horizon,
    utc_offset_s: i64,
    wanted: RoomsWanted,
) -> device::Zone {
    let gain = |(step, irradiance): (usize, &f64)| {
        let second = horizon.begin(step).micros().div_euclid(1_000_000) + utc_offset_s;
        model.gain_at(second) + model.sun_square_metres * irradiance
    };
    device::Zone {
        air_celsius: air,
        mass_celsius: mass,
        air_kilowatt_hours_per_kelvin: model.air_kilowatt_hours_per_kelvin,
        mass_kilowatt_hours_per_kelvin: model.mass_kilowatt_hours_per_kelvin,
        inner_watts_per_kelvin: model.inner_watts_per_kelvin,
        outer_watts_per_kelvin: model.outer_watts_per_kelvin,
        gain_watts: wanted.irradiance.iter().enumerate().map(gain).collect(),
        celsius_min: wanted.celsius_min,
        celsius_max: wanted.celsius_max,
        discomfort_per_kelvin_hour: wanted.discomfort_per_kelvin_hour,
        watts_max: wanted.watts_max,
        performance: wanted.performance,
    }
}

/// What is wanted of a tank.
#[derive(Debug, Clone, PartialEq)]
pub struct TankWanted {
    /// What must be there.
    pub celsius_min: f64,
    /// What it may be heated to.
    pub celsius_max: f64,
    /// The room that it stands in.
    pub room_celsius: f64,
    /// The most that its heater takes.
    pub watts_max: f64,
    /// Heat of a watt in each step.
    pub performance: Vec<f64>,
}

/// A learned tank as a plan needs it.
pub fn tank_device(
    model: &tank::TankModel,
    celsius: f64,
    horizon: &Horizon,
    utc_offset_s: i64,
    wanted: TankWanted,
) -> device::Tank {
    let drawn = |step: usize| {
        let second = horizon.begin(step).micros().div_euclid(1_000_000) + utc_offset_s;
        let is_weekend = usize::from((second.div_euclid(86_400) + 3).rem_euclid(7) >= 5);
        model.drawn_watts[is_weekend][second.rem_euclid(86_400) as usize / 3_600]
    };
    device::Tank {
        celsius,
        celsius_min: wanted.celsius_min,
        celsius_max: wanted.celsius_max,
        kilowatt_hours_per_kelvin: model.kilowatt_hours_per_kelvin,
        loss_watts_per_kelvin: model.loss_watts_per_kelvin,
        ambient_celsius: wanted.room_celsius,
        watts_max: wanted.watts_max,
        performance: wanted.performance,
        drawn_watts: (0..horizon.steps).map(drawn).collect(),
    }
}
