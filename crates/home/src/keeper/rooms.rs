//! Rooms that are kept comfortable: how they warm and cool is learned while they are lived in, and planned with as soon as it is known well enough. Until then their
//! heater or cooler is led by what the thermometer says.

use learn::slots::{SLOT_SECONDS, slot_of};
use learn::thermal::{Reading, Thermal};
use model::{ThingId, Timestamp};
use serde::{Deserialize, Serialize};

use super::SetPoint;
use crate::device::{Device, DeviceKind};
use crate::horizon::Horizon;
use crate::learned::{RoomsWanted, zone_device};

/// How often the model is found anew.
const FIT_SECONDS: u64 = 86_400;
/// How much more of its power a heater or cooler takes for each degree that is missing, and for each that went missing in a step.
const LEAD_PER_KELVIN: f64 = 0.03;
const LEAD_PER_KELVIN_STEP: f64 = 0.06;
/// The plan stays away from the edge of comfort by so many of its usual misses, and by so much of the band at most.
const MARGIN_MISSES: f64 = 1.3;
const MARGIN_SHARE_MAX: f64 = 0.6;
/// A miss so many steps ago counts a third.
const MISSES_MEMORY: f64 = 72.0;
/// The least power that says how much heat is made of it, as a share of the most.
const TELLING_SHARE: f64 = 0.02;
/// What a watt brings is between these.
const PERFORMANCE: (f64, f64) = (0.5, 20.0);
/// More sun than this is none.
const SUN_MAX: f64 = 1_500.0;

/// What is known of rooms and what heats or cools them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomsPlate {
    /// The heater or cooler.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// The most power that it takes.
    pub watts_max: f64,
    /// Whether it cools.
    pub cools: bool,
    /// How far from what is wanted the air may be and still be comfortable.
    pub band_kelvin: f64,
}

/// What rooms tell when a step begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoomsReading {
    /// Their air now.
    pub celsius: f64,
    /// What is wanted from now on.
    pub target_celsius: f64,
    /// What the heater or cooler took over the step before, and the heat that it brought or took away; both at least 0.
    pub watts: f64,
    /// See `watts`.
    pub heat_watts: f64,
}

/// Rooms, as far as they are known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rooms {
    pub(super) plate: RoomsPlate,
    thermal: Thermal,
    fitted: Option<Timestamp>,
    performance: Line,
    /// The newest reading and when, and the air before it.
    last: Option<(Timestamp, f64, f64)>,
    before_celsius: Option<f64>,
    watts: f64,
    /// Outside air and sun of the step that has begun.
    weather: Option<(f64, f64)>,
    mass_celsius: Option<f64>,
    /// What the air was foretold to be at the end of the step, and the usual square of how far off that was.
    foretold: Option<f64>,
    missed: f64,
}

/// What a watt brings, over outside air: the watts for a watt of heat follow a line (Carnot), which is fitted with old values fading.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Line {
    weight: f64,
    outdoor: f64,
    watts: f64,
    spread: f64,
    together: f64,
}

impl Line {
    fn learn(&mut self, outdoor: f64, watts_for_heat: f64) {
        let keep = 1.0 - 1.0 / 500.0;
        self.weight = self.weight * keep + 1.0;
        let (off, above) = (outdoor - self.outdoor, watts_for_heat - self.watts);
        self.outdoor += off / self.weight;
        self.watts += above / self.weight;
        self.spread = self.spread * keep + off * (outdoor - self.outdoor);
        self.together = self.together * keep + above * (outdoor - self.outdoor);
    }

    /// Heat of a watt; none before anything was seen.
    fn at(&self, outdoor: f64) -> Option<f64> {
        let slope = if self.spread > 1.0 { self.together / self.spread } else { 0.0 };
        let watts = self.watts + slope * (outdoor - self.outdoor);
        (self.weight > 0.0).then(|| (1.0 / watts.max(1e-3)).clamp(PERFORMANCE.0, PERFORMANCE.1))
    }
}

impl Rooms {
    pub(super) fn new(plate: RoomsPlate, utc_offset_s: i64) -> Self {
        Self {
            plate,
            thermal: Thermal::new(learn::thermal::Settings { utc_offset_s }),
            fitted: None,
            performance: Line::default(),
            last: None,
            before_celsius: None,
            watts: 0.0,
            weather: None,
            mass_celsius: None,
            foretold: None,
            missed: 0.0,
        }
    }

    /// Takes in what they tell at the begin of a step, with outside air and sun of that step.
    pub(super) fn tell(&mut self, now: Timestamp, reading: &RoomsReading, weather: Option<(f64, f64)>) {
        let RoomsReading { celsius, target_celsius, watts, heat_watts } = *reading;
        if ![celsius, target_celsius, watts, heat_watts].iter().all(|value| value.is_finite()) {
            return;
        }
        if let Some((outdoor, _)) = self.weather
            && watts > TELLING_SHARE * self.plate.watts_max
            && heat_watts > 0.0
        {
            self.performance.learn(outdoor, watts / heat_watts);
        }
        self.miss(celsius);
        self.learn(now, celsius, if self.plate.cools { -heat_watts } else { heat_watts });
        self.before_celsius = self.last.map(|(_, celsius, _)| celsius);
        self.last = Some((now, celsius, target_celsius));
        self.watts = watts;
        self.weather = weather;
    }

    fn miss(&mut self, celsius: f64) {
        if let Some(foretold) = self.foretold.take() {
            self.missed += ((celsius - foretold).powi(2) - self.missed) / MISSES_MEMORY;
        }
    }

    /// Gives the step before to the model.
    fn learn(&mut self, now: Timestamp, celsius: f64, heat_watts: f64) {
        let (Some((before, air, _)), Some((outdoor, sun))) = (self.last, self.weather) else { return };
        for slot in slot_of(before)..slot_of(now) {
            self.thermal.observe(
                slot,
                &Reading {
                    indoor_celsius: (slot == slot_of(before)).then_some(air),
                    outdoor_celsius: Some(outdoor),
                    heating_watts: Some(heat_watts),
                    irradiance: Some(sun.clamp(0.0, SUN_MAX)),
                },
            );
        }
        if self.fitted.is_none_or(|fitted| now.since(fitted).as_secs() >= FIT_SECONDS) {
            self.fitted = Some(now);
            let is_known = self.thermal.fit().is_ok();
            self.mass_celsius = self.thermal.state().filter(|_| is_known).map(|[_, mass]| mass);
        }
        if let (Some(mass), Ok(known)) = (&mut self.mass_celsius, self.thermal.known()) {
            let hours = (slot_of(now) - slot_of(before)) as f64 * SLOT_SECONDS as f64 / 3_600.0;
            let pace = known.model.inner_watts_per_kelvin / (known.model.mass_kilowatt_hours_per_kelvin * 1_000.0);
            *mass += (f64::midpoint(air, celsius) - *mass) * (1.0 - (-hours * pace).exp());
        }
    }

    /// They as a device, when they are known; `outdoor_celsius`, `irradiance` and what is wanted are those of the steps ahead.
    pub(super) fn device(
        &self,
        horizon: &Horizon,
        outdoor_celsius: &[f64],
        irradiance: &[f64],
        targets: &[f64],
        discomfort_per_kelvin_hour: f64,
        utc_offset_s: i64,
    ) -> Option<Device> {
        let (known, (_, air, _), mass) = (self.thermal.known().ok()?, self.last?, self.mass_celsius?);
        let sign = if self.plate.cools { -1.0 } else { 1.0 };
        let performance: Option<Vec<f64>> =
            outdoor_celsius.iter().map(|celsius| self.performance.at(*celsius).map(|heat| sign * heat)).collect();
        let band = self.plate.band_kelvin;
        let inner = band - (MARGIN_MISSES * self.missed.sqrt()).min(MARGIN_SHARE_MAX * band);
        // What is wanted in a step is to hold when it ends, since its begin is over.
        let wanted = |off: f64| -> Vec<f64> {
            let shifted = std::iter::once(&targets[0]).chain(targets);
            shifted.take(targets.len()).map(|target| target + off).collect()
        };
        let wanted = RoomsWanted {
            celsius_min: wanted(-inner),
            celsius_max: wanted(inner),
            discomfort_per_kelvin_hour,
            watts_max: self.plate.watts_max,
            performance: performance?,
            irradiance: irradiance.iter().map(|sun| sun.clamp(0.0, SUN_MAX)).collect(),
        };
        let zone = zone_device(&known.model, [air, mass], horizon, utc_offset_s, wanted);
        let RoomsPlate { thing, title, .. } = &self.plate;
        Some(Device { thing: thing.clone(), title: title.clone(), kind: DeviceKind::Zone(zone) })
    }

    /// Notes what the air is foretold to be at the end of the step.
    pub(super) fn foretell(&mut self, celsius: Option<f64>) {
        self.foretold = celsius;
    }

    /// What heater or cooler does by the thermometer alone: a little more or less than before.
    pub(super) fn held(&self) -> Option<SetPoint> {
        let (_, celsius, target) = self.last?;
        let sign = if self.plate.cools { 1.0 } else { -1.0 };
        let missing = sign * (celsius - target);
        let went = sign * (celsius - self.before_celsius.unwrap_or(celsius));
        let more = LEAD_PER_KELVIN * missing + LEAD_PER_KELVIN_STEP * went;
        let watts = (self.watts + more * self.plate.watts_max).clamp(0.0, self.plate.watts_max);
        let words = format!("keeps {target:.1} °C by the thermometer: it is {celsius:.1} °C");
        Some(SetPoint { thing: self.plate.thing.clone(), watts, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_watt_brings_follows_the_air_outside() {
        let mut line = Line::default();
        assert_eq!(line.at(20.0), None);
        for hour in 0..50 {
            let outdoor = 20.0 + f64::from(hour % 17);
            line.learn(outdoor, (outdoor - 7.0) / 75.0);
        }
        assert!((line.at(30.0).unwrap_or(0.0) - 75.0 / 23.0).abs() < 1e-6);
    }
}
