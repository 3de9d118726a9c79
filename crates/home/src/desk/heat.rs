//! Hot water and rooms as a plan sees them: by what was learned of them, and told through the temperatures that people set.

use model::{Name, ThingId, Timestamp, Value};
use rule::Place;

use super::devices::{Planned, Setting};
use super::known::{Known, Pump, air};
use super::outlook::quarter;
use super::seen::Seen;
use crate::device::DeviceKind;
use crate::find::{Found, Home, Purpose, Role};
use crate::learned::{self, Model, RoomsWanted, TankWanted};
use crate::settings::Settings;

/// Water is not heated further by a plan, for scale and for skin.
const WATER_CELSIUS_MAX: f64 = 60.0;
/// A plan has at least so many degrees to move in.
const WATER_ROOM_KELVIN: f64 = 5.0;
/// The room of a tank that nobody measures.
const TANK_ROOM_CELSIUS: f64 = 20.0;
/// What a tank's own heater takes when it does not say.
const HEATER_WATTS: f64 = 2_000.0;
/// From this part of the most on, something heats.
const HEATS_SHARE: f64 = 0.2;
/// Targets are set in steps of half a degree.
const TARGET_STEPS_PER_KELVIN: f64 = 2.0;
/// How much heat a watt makes.
const PERFORMANCE: (f64, f64) = (1.0, 8.0);

/// Through what a planned device is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Acts {
    /// Through its own power, mode or switch.
    Itself,
    /// Through the temperature that water is kept at: the least and the most of it, and the most power.
    Water { celsius_min: f64, celsius_max: f64, watts_max: f64 },
    /// Through the thermostats of its rooms; with the most power.
    Rooms { thermostats: Vec<ThingId>, watts_max: f64 },
}

impl Acts {
    /// Whether a thing is told through this.
    pub(super) fn through(&self, thing: &ThingId) -> bool {
        matches!(self, Self::Rooms { thermostats, .. } if thermostats.contains(thing))
    }
}

/// What the weather is expected to be, step by step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weather {
    pub(super) outdoor_celsius: Vec<f64>,
    pub(super) irradiance: Vec<f64>,
}

/// What is comfortable in the rooms that thermostats keep, taken together.
pub(super) fn band(home: &Home, settings: &Settings, place: &Place, moment: Timestamp) -> Option<(f64, f64)> {
    let rooms = home.of(Role::Thermostat).filter(|found| found.port(Purpose::Target).is_some());
    let bands: Vec<(f64, f64)> = rooms.filter_map(|room| settings.band(room.space.as_ref(), moment, place)).collect();
    let count = bands.len() as f64;
    let sum = bands.iter().fold((0.0, 0.0), |(least, most), band| (least + band.0, most + band.1));
    (!bands.is_empty()).then(|| (sum.0 / count, sum.1 / count))
}

impl Setting<'_> {
    fn learned(&self, found: &Found) -> Result<(&Known, &Model), String> {
        let nothing = || format!("{}: not known yet, its past is being looked through", found.title);
        let known = self.known.ok_or_else(nothing)?;
        let model = known.model(&found.thing);
        let why = || known.words(&found.thing).map_or_else(nothing, str::to_owned);
        Ok((known, model.ok_or_else(why)?))
    }

    /// None for a tank that cannot be told a temperature: nobody expects that it is planned.
    pub(super) fn tank(&self, found: &Found) -> Option<Result<Planned, String>> {
        let most = found.port(Purpose::Target)?.maximum.unwrap_or(WATER_CELSIUS_MAX);
        Some(self.tank_up_to(found, most.min(WATER_CELSIUS_MAX)))
    }

    fn tank_up_to(&self, found: &Found, most: f64) -> Result<Planned, String> {
        let (known, model) = self.learned(found)?;
        let Model::Tank(model) = model else { return Err(format!("{} is no tank", found.title)) };
        let celsius = self.seen.number(found, Purpose::Temperature);
        let celsius = celsius.map_err(|_| format!("{} does not tell how warm it is", found.title))?;
        let celsius_min = known.kept.get(&found.thing).copied().unwrap_or(most - WATER_ROOM_KELVIN);
        let celsius_max = most.max(celsius_min + WATER_ROOM_KELVIN);
        // Where a heat pump makes hot water, it is what heats the tank.
        let pump =
            known.pump.filter(|_| self.seen.home.of(Role::HeatPump).any(|pump| pump.port(Purpose::State).is_some()));
        let own = self.settings.things.get(&found.thing).and_then(|correction| correction.watts_max);
        let (watts_max, performance) =
            pump.map_or((own.unwrap_or(HEATER_WATTS), 1.0), |pump| (pump.watts_max, pump.water_performance));
        let wanted = TankWanted {
            celsius_min,
            celsius_max,
            room_celsius: TANK_ROOM_CELSIUS,
            watts_max,
            performance: vec![performance; self.horizon.steps],
        };
        let offset = self.place.utc_offset_seconds(self.seen.now);
        let tank = learned::tank_device(model, celsius, &self.horizon, offset, wanted);
        let bounds = |celsius: f64| vec![celsius; self.horizon.steps + 1];
        Ok(Planned {
            acts: Acts::Water { celsius_min, celsius_max, watts_max },
            ..Planned::of(found, DeviceKind::Tank(tank), 1.0, (bounds(celsius_min), bounds(celsius_max)))
        })
    }

    /// None for a heat pump without rooms that can be told a temperature, or without anybody who said what is comfortable.
    pub(super) fn rooms(&self, pump: &Found) -> Option<Result<Planned, String>> {
        let home = &self.seen.home;
        band(home, self.settings, self.place, self.seen.now)?;
        let is_free = |found: &&Found| {
            let correction = self.settings.things.get(&found.thing);
            found.port(Purpose::Target).is_some() && correction.and_then(|it| it.planned) != Some(false)
        };
        let thermostats: Vec<ThingId> =
            home.of(Role::Thermostat).filter(is_free).map(|found| found.thing.clone()).collect();
        (!thermostats.is_empty()).then(|| self.rooms_of(pump, thermostats))
    }

    fn rooms_of(&self, found: &Found, thermostats: Vec<ThingId>) -> Result<Planned, String> {
        let (known, model) = self.learned(found)?;
        let Model::Rooms(fitted, state) = model else { return Err(format!("{} heats no rooms", found.title)) };
        let pump = known.pump.ok_or_else(|| format!("{} did not run in its past", found.title))?;
        let [air, mass] = self.standing(known, &fitted.model, *state);
        let air = air.ok_or_else(|| format!("no room of {} tells how warm it is", found.title))?;
        let steps = self.horizon.steps;
        let (celsius_min, celsius_max): (Vec<f64>, Vec<f64>) = (0..steps)
            .map(|step| {
                band(&self.seen.home, self.settings, self.place, self.horizon.begin(step)).unwrap_or((5.0, 35.0))
            })
            .unzip();
        let wanted = RoomsWanted {
            celsius_min: celsius_min.clone(),
            celsius_max: celsius_max.clone(),
            discomfort_per_kelvin_hour: self.settings.aims.discomfort_per_kelvin_hour,
            watts_max: pump.watts_max,
            performance: self.weather.outdoor_celsius.iter().map(|celsius| pump.performance_at(*celsius)).collect(),
            irradiance: self.weather.irradiance.clone(),
        };
        let offset = self.place.utc_offset_seconds(self.seen.now);
        let zone = learned::zone_device(&fitted.model, [air, mass.unwrap_or(air)], &self.horizon, offset, wanted);
        let shown = |mut bounds: Vec<f64>| {
            bounds.extend(bounds.last().copied());
            bounds
        };
        Ok(Planned {
            acts: Acts::Rooms { thermostats, watts_max: pump.watts_max },
            ..Planned::of(found, DeviceKind::Zone(zone), 1.0, (shown(celsius_min), shown(celsius_max)))
        })
    }

    /// Air and mass now: the air is measured, the mass has followed it since the home was learned.
    fn standing(&self, known: &Known, model: &learn::thermal::ZoneModel, state: Option<[f64; 2]>) -> [Option<f64>; 2] {
        let rooms = self.seen.home.of(Role::Thermostat);
        let airs: Vec<f64> = rooms.filter_map(|room| self.seen.number(room, Purpose::Temperature).ok()).collect();
        let now = (!airs.is_empty()).then(|| airs.iter().sum::<f64>() / airs.len() as f64);
        let since = air(self.site, &self.seen.home, quarter(known.made), quarter(self.seen.now));
        let hours_per_kelvin = model.mass_kilowatt_hours_per_kelvin * 1_000.0 / model.inner_watts_per_kelvin;
        let follows = 1.0 - (-0.25 / hours_per_kelvin).exp();
        let mass = state.map(|[_, mass]| since.iter().fold(mass, |mass, (_, air)| mass + (air - mass) * follows));
        [now, mass]
    }
}

impl Pump {
    /// Heat of a watt while it warms rooms.
    fn performance_at(&self, outdoor_celsius: f64) -> f64 {
        let performance = self.performance + self.performance_per_kelvin * (outdoor_celsius - 7.0);
        performance.clamp(PERFORMANCE.0, PERFORMANCE.1)
    }
}

/// What water is to be kept at for a power of the plan: as warm as it may become while it is heated, as cool as it may be else.
pub(super) fn tell_water(
    found: &Found,
    watts: f64,
    [celsius_min, celsius_max, watts_max]: [f64; 3],
) -> Vec<(Name, Value)> {
    let heats = watts > HEATS_SHARE * watts_max;
    target(found, if heats { celsius_max } else { celsius_min })
}

/// What a room is to be kept at: the least that is comfortable, and as much above as the plan has all rooms be.
pub(super) fn tell_room(
    seen: &Seen,
    (settings, place): (&Settings, &Place),
    found: &Found,
    lift_kelvin: f64,
) -> Vec<(Name, Value)> {
    let Some((least, most)) = settings.band(found.space.as_ref(), seen.now, place) else { return Vec::new() };
    let mut values = target(found, (least + lift_kelvin.max(0.0)).clamp(least, most.max(least)));
    let told = found.port(Purpose::Mode).zip(found.modes.told.as_ref());
    values.extend(told.map(|(port, word)| (port.property.clone(), Value::text(word))));
    values
}

fn target(found: &Found, celsius: f64) -> Vec<(Name, Value)> {
    let Some(port) = found.port(Purpose::Target) else { return Vec::new() };
    let celsius = (celsius * TARGET_STEPS_PER_KELVIN).round() / TARGET_STEPS_PER_KELVIN;
    let celsius = celsius.clamp(port.minimum.unwrap_or(f64::NEG_INFINITY), port.maximum.unwrap_or(f64::INFINITY));
    vec![(port.property.clone(), Value::Float(celsius / port.scale))]
}

/// How far above the least that is comfortable the plan has rooms be at the end of a step, while it heats them.
pub(super) fn lift(watts: f64, watts_max: f64, celsius_after: f64, celsius_min: f64) -> f64 {
    if watts > HEATS_SHARE / 2.0 * watts_max { (celsius_after - celsius_min).max(0.0) } else { 0.0 }
}
