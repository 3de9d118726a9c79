//! A client that keeps homes: it hears what their things say, and tells batteries, tanks and coolers by their actions what power to take.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use home::device::{Battery, Device, DeviceKind, Tank};
use home::keeper::district::{District, Member};
use home::keeper::{CarbonWorth, Decision, Keeper, Quantity, RoomsPlate, RoomsReading, Settings};
use model::{ThingId, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::link::Link;

/// A day of the keeper's looking ahead: as far as prices are foreseen.
const AHEAD_HOURS: usize = 24;
/// Progress is told every so many steps.
const TELL_STEPS: u64 = 500;
/// How long a step is.
const HOUR: Duration = Duration::from_hours(1);
/// A tank that tells what is in it is planned by a temperature, between these.
const EMPTY_CELSIUS: f64 = 40.0;
const FULL_CELSIUS: f64 = 60.0;

/// One home: its keeper, and its devices as their things tell: a battery first, then a tank where there is one.
struct Home {
    keeper: Keeper,
    devices: Vec<Device>,
    cooler: Option<ThingId>,
    /// What the cooler took over the hour before, and the heat that it took away.
    cooled: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Step {
    step: u64,
    time: String,
}

/// What stands on the plates of a home's things.
#[derive(Deserialize)]
struct Plates {
    battery: BatteryPlate,
    tank: Option<TankPlate>,
    cooler: Option<CoolerPlate>,
}

#[derive(Deserialize)]
struct BatteryPlate {
    capacity: f64,
    power: f64,
    efficiency: f64,
    depth_of_discharge: f64,
}

#[derive(Deserialize)]
struct TankPlate {
    capacity: f64,
    loss: f64,
    power: f64,
    efficiency: f64,
}

#[derive(Deserialize)]
struct CoolerPlate {
    power: f64,
    band: f64,
}

/// Hears what things say and tells them what to do, until there is nothing more to do; `steps` are as many as will come.
pub(super) fn keep(mut link: Link, steps: usize) -> anyhow::Result<()> {
    let mut homes: BTreeMap<String, Home> = BTreeMap::new();
    let mut district = District::default();
    let begun = Instant::now();
    loop {
        let (topic, payload) = link.next()?;
        let parts: Vec<&str> = topic.split('/').collect();
        match parts[..] {
            ["things", "citylearn", "events", "begin"] => homes = begin(&payload)?,
            ["things", "citylearn", "events", "end"] => return Ok(()),
            ["things", "citylearn", "events", "step"] => {
                let step: Step = serde_json::from_slice(&payload)?;
                let now = Timestamp::parse(&step.time).context("no time")?;
                for (thing, watts) in decide(&mut homes, &mut district, now) {
                    let command = serde_json::json!({"id": format!("{}-{thing}", step.step), "input": watts});
                    link.publish(&format!("things/{thing}/actions/set_power"), &command.to_string())?;
                }
                if step.step > 0 && step.step.is_multiple_of(TELL_STEPS) {
                    tell_progress(step.step, steps, begun);
                }
            }
            ["things", thing, "properties"] => {
                let values: Vec<BTreeMap<String, Json>> = serde_json::from_slice(&payload)?;
                values.iter().try_for_each(|values| hear(&mut homes, thing, values))?;
            }
            _ => {}
        }
    }
}

#[expect(clippy::print_stderr, reason = "a year takes minutes, and the table comes at the end")]
fn tell_progress(step: u64, steps: usize, begun: Instant) {
    eprintln!("hour {step} of at most {steps}, {:.0} s so far", begun.elapsed().as_secs_f64());
}

fn begin(payload: &[u8]) -> anyhow::Result<BTreeMap<String, Home>> {
    #[derive(Deserialize)]
    struct Begin {
        homes: BTreeMap<String, Plates>,
    }
    let begin: Begin = serde_json::from_slice(payload)?;
    let settings =
        Settings { step_seconds: 3_600, steps: AHEAD_HOURS, carbon: CarbonWorth::AsMuchAsCost, ..Settings::default() };
    let home = |(name, plates): (String, Plates)| {
        let device = |what: &str, title: &str, kind| -> anyhow::Result<Device> {
            Ok(Device { thing: ThingId::new(format!("{name}-{what}"))?, title: title.to_owned(), kind })
        };
        let mut devices = vec![device("battery", "Battery", DeviceKind::Battery(plates.battery.device()))?];
        if let Some(plate) = &plates.tank {
            devices.push(device("tank", "Hot water", DeviceKind::Tank(plate.device()))?);
        }
        let mut keeper = Keeper::new(settings);
        let mut cooler = None;
        if let Some(plate) = &plates.cooler {
            let thing = ThingId::new(format!("{name}-cooler"))?;
            cooler = Some(thing.clone());
            let watts_max = plate.power * 1_000.0;
            let title = "Cooling".to_owned();
            keeper.keep_rooms(RoomsPlate { thing, title, watts_max, cools: true, band_kelvin: plate.band });
        }
        Ok((name, Home { keeper, devices, cooler, cooled: None }))
    };
    begin.homes.into_iter().map(home).collect()
}

impl BatteryPlate {
    fn device(&self) -> Battery {
        Battery {
            stored_kilowatt_hours: 0.0,
            capacity_kilowatt_hours: self.capacity,
            reserve_kilowatt_hours: (1.0 - self.depth_of_discharge).max(0.0) * self.capacity,
            charge_watts_max: self.power * 1_000.0,
            discharge_watts_max: self.power * 1_000.0,
            // What it says is for there and back.
            charge_efficiency: self.efficiency.sqrt(),
            discharge_efficiency: self.efficiency.sqrt(),
            loss_per_hour: 0.0,
            wear_per_kilowatt_hour: 0.0,
        }
    }
}

impl TankPlate {
    fn device(&self) -> Tank {
        let heat = self.capacity / (FULL_CELSIUS - EMPTY_CELSIUS);
        Tank {
            celsius: EMPTY_CELSIUS,
            celsius_min: EMPTY_CELSIUS,
            celsius_max: FULL_CELSIUS,
            kilowatt_hours_per_kelvin: heat,
            loss_watts_per_kelvin: self.loss * heat * 1_000.0,
            ambient_celsius: EMPTY_CELSIUS,
            watts_max: self.power * 1_000.0,
            performance: vec![self.efficiency; AHEAD_HOURS],
            drawn_watts: vec![0.0; AHEAD_HOURS],
        }
    }
}

/// What a thing said goes to the homes that it concerns.
fn hear(homes: &mut BTreeMap<String, Home>, thing: &str, values: &BTreeMap<String, Json>) -> anyhow::Result<()> {
    let time = values.get("time").and_then(Json::as_str).and_then(Timestamp::parse).context("no time")?;
    let value = |name: &str| values.get(name).and_then(Json::as_f64);
    let shared = [
        ("import_price", Quantity::ImportPrice),
        ("carbon_grams", Quantity::Carbon),
        ("outdoor_celsius", Quantity::Outdoor),
        ("direct_sun", Quantity::DirectSun),
        ("diffuse_sun", Quantity::DiffuseSun),
    ];
    for (name, quantity) in shared {
        let Some(value) = value(name) else { continue };
        for home in homes.values_mut() {
            if thing.ends_with("-forecast") {
                home.keeper.foresee(quantity, time, value);
            } else {
                home.keeper.tell(quantity, time, value);
            }
        }
    }
    let Some((name, role)) = thing.rsplit_once('-') else { return Ok(()) };
    if let Some(home) = homes.get_mut(name) {
        home.hear(role, time, &value);
    }
    Ok(())
}

impl Home {
    fn hear(&mut self, role: &str, time: Timestamp, value: &dyn Fn(&str) -> Option<f64>) {
        match role {
            "meter" => drop(value("load").map(|watts| self.keeper.tell(Quantity::Load, time, watts))),
            "solar" => drop(value("power").map(|watts| self.keeper.tell(Quantity::Solar, time, watts))),
            "battery" => {
                let device = &mut self.devices[0];
                if let (Some(stored), DeviceKind::Battery(battery)) = (value("stored"), &mut device.kind) {
                    battery.stored_kilowatt_hours = stored;
                }
                if let Some(watts) = value("power") {
                    self.keeper.tell_exchange(&device.thing, time, watts);
                }
            }
            "tank" => {
                for device in &mut self.devices {
                    if let (Some(stored), DeviceKind::Tank(tank)) = (value("stored"), &mut device.kind) {
                        tank.celsius = EMPTY_CELSIUS + stored / tank.kilowatt_hours_per_kelvin;
                    }
                }
                if let Some(watts) = value("drawn") {
                    self.keeper.tell(Quantity::Water, time - HOUR, watts);
                }
            }
            "cooler" => self.cooled = value("power").zip(value("heat")),
            "rooms" => {
                if let (Some(celsius), Some(target_celsius), Some((watts, heat_watts))) =
                    (value("celsius"), value("target"), self.cooled.take())
                {
                    self.keeper.tell_rooms(time, &RoomsReading { celsius, target_celsius, watts, heat_watts });
                }
            }
            _ => {}
        }
    }

    /// What each of its things is told: batteries and coolers what they take, a tank the heat that goes into it or comes out.
    fn told(&self, decision: &Decision) -> Vec<(ThingId, f64)> {
        let watts = |thing: &ThingId| {
            decision.set_points.iter().find(|point| point.thing == *thing).map_or(0.0, |point| point.watts)
        };
        let of = |device: &Device| {
            let watts = match &device.kind {
                DeviceKind::Tank(tank) => {
                    let planned = decision.schedule.iter().flat_map(|schedule| &schedule.devices);
                    let states = planned.filter(|planned| planned.thing == device.thing).map(|planned| &planned.states);
                    let change: f64 = states.filter_map(|states| Some(states.get(1)? - states.first()?)).sum();
                    change * tank.kilowatt_hours_per_kelvin * 1_000.0
                }
                _ => watts(&device.thing),
            };
            (device.thing.clone(), watts)
        };
        self.devices.iter().map(of).chain(self.cooler.iter().map(|thing| (thing.clone(), watts(thing)))).collect()
    }
}

/// What every thing is told.
fn decide(homes: &mut BTreeMap<String, Home>, district: &mut District, now: Timestamp) -> Vec<(ThingId, f64)> {
    let mut members: Vec<Member<'_>> =
        homes.values_mut().map(|home| Member { keeper: &mut home.keeper, devices: &home.devices }).collect();
    let decisions = district.decide(now, &mut members);
    homes.values().zip(&decisions).flat_map(|(home, decision)| home.told(decision)).collect()
}
