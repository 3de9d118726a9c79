//! The devices that a plan can tell what to do, as far as enough is known of them.

use std::time::Duration;

use model::{Timestamp, Value};
use rule::Place;
use site::Site;

use super::heat::{Acts, Weather};
use super::known::Known;
use super::past::means;
use super::seen::Seen;
use super::shown::Note;
use crate::device::{Battery, Car, Departure, Device, DeviceKind};
use crate::find::{Found, Purpose, Role};
use crate::horizon::Horizon;
use crate::learned::Model;
use crate::settings::Settings;

/// The part that survives one way through a battery, when its counters do not say.
const EFFICIENCY: f64 = 0.95;
/// The part of what a car's charger takes that arrives in its battery.
const CAR_EFFICIENCY: f64 = 0.92;
/// The part of its content that a battery loses in an hour.
const LOSS_PER_HOUR: f64 = 0.000_1;
/// What a kilowatt hour through a battery wears off, as a part of what one costs.
const WEAR_SHARE: f64 = 0.05;
/// A battery that does not say how much it takes takes this part of its content in an hour.
const RATE_PER_HOUR: f64 = 0.4;
/// Charging begins at six ampere on one phase.
const CAR_WATTS_MIN: f64 = 1_380.0;
/// What a charger is taken to have when it does not say: sixteen ampere on one phase.
const CAR_WATTS_MAX: f64 = 3_680.0;
/// Counters say how much survives once so many fillings went through.
const FILLINGS_MIN: f64 = 20.0;
/// How often the same time of the week is looked at to know whether a car will be there.
const WEEKS: u32 = 3;

/// A device, and what a plan has to be told beside it.
pub(super) struct Planned {
    pub(super) device: Device,
    /// Multiplies its states to show them.
    pub(super) shown: f64,
    /// The least and the most of its states that are asked for, as shown.
    pub(super) band: (Vec<f64>, Vec<f64>),
    /// Through what it is told.
    pub(super) acts: Acts,
}

/// Where and when a plan is made, and by which settings.
pub(super) struct Setting<'a> {
    pub(super) site: &'a Site,
    pub(super) seen: &'a Seen,
    pub(super) settings: &'a Settings,
    pub(super) place: &'a Place,
    pub(super) horizon: Horizon,
    /// The mean price of a kilowatt hour.
    pub(super) price: f64,
    /// What is known of the home from its past.
    pub(super) known: Option<&'a Known>,
    /// What the weather is expected to be.
    pub(super) weather: &'a Weather,
}

impl Setting<'_> {
    /// What of a thing can be planned; why not as a note, when somebody would expect it to be.
    pub(super) fn device(&self, found: &Found, notes: &mut Vec<Note>) -> Option<Planned> {
        let correction = self.settings.things.get(&found.thing);
        if correction.and_then(|correction| correction.planned) == Some(false) {
            return None;
        }
        let made = match found.role {
            Role::Battery => self.battery(found),
            Role::Charger => self.car(found)?,
            Role::Tank => self.tank(found)?,
            Role::HeatPump => self.rooms(found)?,
            _ => return None,
        };
        made.map_err(|words| notes.push(Note { about: "device", thing: Some(found.thing.clone()), words })).ok()
    }

    fn battery(&self, found: &Found) -> Result<Planned, String> {
        let title = &found.title;
        if !can_be_told(found) {
            return Err(format!("{title} cannot be told what to do, and does what it does by itself"));
        }
        let capacity = self.capacity(found).ok_or_else(|| format!("it is not known how much {title} holds"))?;
        let stored = self.stored(found, capacity).ok_or_else(|| format!("{title} does not tell how full it is"))?;
        let rate = self.correction_watts(found).unwrap_or(capacity * RATE_PER_HOUR * 1_000.0);
        let port = found.port(Purpose::SetPower);
        let bound = |bound: Option<f64>| bound.map(f64::abs).filter(|watts| *watts > 0.0).unwrap_or(rate);
        let learned = self.known.and_then(|known| known.model(&found.thing));
        let (charge_efficiency, discharge_efficiency, loss_per_hour) = match learned {
            Some(Model::Battery(model)) => (model.charge_efficiency, model.discharge_efficiency, model.loss_per_hour),
            _ => {
                let one_way = self.efficiency(found, capacity);
                (one_way, one_way, LOSS_PER_HOUR)
            }
        };
        let reserve = self.seen.number(found, Purpose::Reserve).unwrap_or(0.0).clamp(0.0, 100.0) / 100.0 * capacity;
        let battery = Battery {
            stored_kilowatt_hours: stored,
            capacity_kilowatt_hours: capacity,
            reserve_kilowatt_hours: reserve,
            charge_watts_max: bound(port.and_then(|port| port.maximum)),
            discharge_watts_max: bound(port.and_then(|port| port.minimum)),
            charge_efficiency,
            discharge_efficiency,
            loss_per_hour,
            wear_per_kilowatt_hour: (self.price * WEAR_SHARE).max(0.0),
        };
        let low = vec![reserve / capacity * 100.0; self.horizon.steps + 1];
        Ok(Planned::of(found, DeviceKind::Battery(battery), 100.0 / capacity, (low, Vec::new())))
    }

    /// None for a charger of which nobody expects anything: one without a car.
    fn car(&self, charger: &Found) -> Option<Result<Planned, String>> {
        let car = self.seen.home.thing(charger.car.as_ref()?)?;
        Some(self.car_at(charger, car))
    }

    fn car_at(&self, charger: &Found, car: &Found) -> Result<Planned, String> {
        if !can_be_told(charger) {
            return Err(format!("{} cannot be told what to do, and does what it does by itself", charger.title));
        }
        let title = &car.title;
        let capacity = self.capacity(car).ok_or_else(|| format!("it is not known how much {title} holds"))?;
        let stored = self.stored(car, capacity).ok_or_else(|| format!("{title} does not tell how full it is"))?;
        let end = self.horizon.begin(self.horizon.steps);
        let leaves = self.settings.leaves(&car.thing, self.seen.now, end, self.place);
        if !self.settings.departures.iter().any(|leaves| leaves.car == car.thing) {
            return Err(format!("nobody said when {title} leaves, so its charger does what it does by itself"));
        }
        // It does not charge beyond what it was told itself.
        let limit = self.seen.number(car, Purpose::Limit).unwrap_or(100.0).clamp(0.0, 100.0);
        let port = charger.port(Purpose::SetPower);
        let most = self.correction_watts(charger).or_else(|| port.and_then(|port| port.maximum));
        let battery = Battery {
            stored_kilowatt_hours: stored.min(capacity),
            capacity_kilowatt_hours: (capacity * limit / 100.0).max(stored),
            reserve_kilowatt_hours: 0.0,
            charge_watts_max: most.filter(|watts| *watts > 0.0).unwrap_or(CAR_WATTS_MAX),
            discharge_watts_max: 0.0,
            charge_efficiency: CAR_EFFICIENCY,
            discharge_efficiency: CAR_EFFICIENCY,
            loss_per_hour: 0.0,
            wear_per_kilowatt_hour: 0.0,
        };
        let plugged = self.plugged(charger, car, leaves.first().map(|(time, _)| *time));
        let departures: Vec<Departure> = leaves
            .iter()
            .map(|(time, percent)| Departure {
                step: self.horizon.step_at(*time).unwrap_or(self.horizon.steps),
                kilowatt_hours: (capacity * percent / 100.0).min(battery.capacity_kilowatt_hours),
            })
            .filter(|departure| departure.step > 0)
            .collect();
        let mut low = vec![0.0; self.horizon.steps + 1];
        for departure in &departures {
            low[departure.step] = departure.kilowatt_hours / capacity * 100.0;
        }
        let charge_watts_min = CAR_WATTS_MIN.min(battery.charge_watts_max);
        let car = Car { battery, charge_watts_min, plugged, departures };
        Ok(Planned::of(charger, DeviceKind::Car(car), 100.0 / capacity, (low, Vec::new())))
    }

    fn correction_watts(&self, found: &Found) -> Option<f64> {
        self.settings.things.get(&found.thing)?.watts_max
    }

    /// What it holds: as people say, as it says, as was learned, by the range of what it tells, or by what it tells beside its
    /// percent.
    fn capacity(&self, found: &Found) -> Option<f64> {
        let said = self.settings.things.get(&found.thing).and_then(|correction| correction.capacity_kilowatt_hours);
        let told = || self.seen.number(found, Purpose::Capacity).ok();
        let learned = || match self.known?.model(&found.thing)? {
            Model::Battery(model) => Some(model.capacity_kilowatt_hours),
            _ => None,
        };
        let range = || found.port(Purpose::Stored).and_then(|port| port.maximum);
        let ratio = || {
            let percent = self.seen.number(found, Purpose::Charge).ok().filter(|percent| *percent >= 10.0)?;
            Some(self.seen.number(found, Purpose::Stored).ok()? / percent * 100.0)
        };
        let known = said.or_else(told).or_else(learned).or_else(range).or_else(ratio);
        known.filter(|capacity| capacity.is_finite() && *capacity > 0.0)
    }

    fn stored(&self, found: &Found, capacity: f64) -> Option<f64> {
        let told = self.seen.number(found, Purpose::Stored).ok();
        let stored = told.or_else(|| Some(self.seen.number(found, Purpose::Charge).ok()? / 100.0 * capacity))?;
        Some(stored.clamp(0.0, capacity))
    }

    /// The part that survives one way, by what went in and came out since ever.
    fn efficiency(&self, found: &Found, capacity: f64) -> f64 {
        let counter = |purpose| self.seen.number(found, purpose).ok();
        let both = counter(Purpose::Imported).zip(counter(Purpose::Exported));
        let whole = both.filter(|(taken, _)| *taken > capacity * FILLINGS_MIN).map(|(taken, given)| given / taken);
        whole.filter(|whole| (0.5..=1.0).contains(whole)).map_or(EFFICIENCY, f64::sqrt)
    }

    /// Whether a car is at its charger: now as it says, until it leaves; then as it mostly was at that time of the week.
    fn plugged(&self, charger: &Found, car: &Found, leaves: Option<Timestamp>) -> Vec<bool> {
        const AWAY: Duration = Duration::from_hours(9);
        let now = self.seen.plugged(charger, Some(car)).unwrap_or(true);
        let usual = self.usually_there(charger, car);
        let mut is_there = now;
        let mut left = None;
        (0..self.horizon.steps)
            .map(|step| {
                let begin = self.horizon.begin(step);
                if leaves.is_some_and(|leaves| begin >= leaves) && left.is_none() && is_there {
                    (is_there, left) = (false, Some(begin));
                } else if !is_there && step > 0 {
                    let back = usual.as_ref().map_or_else(
                        || begin.since(left.unwrap_or(self.horizon.start)) >= AWAY,
                        |usual| usual[step] && left.is_none_or(|left| begin.since(left) >= Duration::from_hours(1)),
                    );
                    is_there = back;
                }
                is_there
            })
            .collect()
    }

    /// For each step whether it was there at that time in most of the last weeks.
    fn usually_there(&self, charger: &Found, car: &Found) -> Option<Vec<bool>> {
        const WEEK: Duration = Duration::from_hours(7 * 24);
        let (found, port) = [car, charger].into_iter().find_map(|one| Some((one, one.port(Purpose::Plugged)?)))?;
        let quarters_a_step = (u64::from(self.horizon.step_seconds) / 900).max(1) as usize;
        let (mut there, mut all) = (vec![0.0; self.horizon.steps], vec![0.0; self.horizon.steps]);
        for week in 1..=WEEKS {
            let from = self.horizon.start - WEEK * week;
            let to = self.horizon.begin(self.horizon.steps) - WEEK * week;
            let mut last = None;
            for (column, mean) in means(self.site, &found.thing, port, from, to).into_iter().enumerate() {
                // It is told when it changes.
                last = mean.or(last);
                let step = column / quarters_a_step;
                if let (Some(value), Some(there), Some(all)) = (last, there.get_mut(step), all.get_mut(step)) {
                    (*there, *all) = (*there + value, *all + 1.0);
                }
            }
        }
        let known = all.iter().any(|count| *count > 0.0);
        known.then(|| there.iter().zip(&all).map(|(there, all)| *there > all / 2.0).collect())
    }
}

impl Planned {
    /// A device that is told itself.
    pub(super) fn of(found: &Found, kind: DeviceKind, shown: f64, band: (Vec<f64>, Vec<f64>)) -> Self {
        let device = Device { thing: found.thing.clone(), title: found.title.clone(), kind };
        Self { device, shown, band, acts: Acts::Itself }
    }

    /// The unit of its states.
    pub(super) fn unit(&self) -> &'static str {
        match &self.device.kind {
            DeviceKind::Battery(_) | DeviceKind::Car(_) => "%",
            DeviceKind::Tank(_) | DeviceKind::Zone(_) => "°C",
            DeviceKind::Appliance(_) | DeviceKind::Switched(_) => "",
        }
    }
}

/// Whether there is a way to tell a device what to do.
fn can_be_told(found: &Found) -> bool {
    let modes = &found.modes;
    found.port(Purpose::SetPower).is_some()
        || (modes.by_itself.is_some() && modes.idle.is_some())
        || found.port(Purpose::Enabled).is_some()
}

/// What a device is told for a power of the plan, and whether the home takes from the grid or feeds in then.
pub(super) fn tell(found: &Found, watts: f64, grid_watts: f64) -> Vec<(model::Name, Value)> {
    /// Below this nothing flows.
    const NOTHING_WATTS: f64 = 50.0;
    let modes = &found.modes;
    let mode = |word: &Option<String>| {
        let port = found.port(Purpose::Mode)?;
        Some((port.property.clone(), Value::text(word.as_ref()?)))
    };
    let is_still = watts.abs() < NOTHING_WATTS;
    // What covers exactly what the home lacks, or takes what it has too much, does so better by itself, second by second.
    let follows = !is_still && grid_watts.abs() < NOTHING_WATTS && found.role == Role::Battery;
    if let (true, Some(told)) = (follows, mode(&modes.by_itself)) {
        return vec![told];
    }
    if let (true, Some(told)) = (is_still, mode(&modes.idle)) {
        return vec![told];
    }
    if let Some(port) = found.port(Purpose::SetPower) {
        let (least, most) = (port.minimum.unwrap_or(f64::NEG_INFINITY), port.maximum.unwrap_or(f64::INFINITY));
        let watts = if is_still { 0.0 } else { watts.clamp(least, most) };
        // Tens of watts are finer than any of them can be told.
        let told = ((watts / 10.0).round() * 10.0 / port.scale * 1e6).round() / 1e6;
        let mut values = vec![(port.property.clone(), Value::Float(told + 0.0))];
        values.extend(mode(&modes.told));
        return values;
    }
    if let Some(port) = found.port(Purpose::Enabled) {
        return vec![(port.property.clone(), Value::Boolean(watts > NOTHING_WATTS))];
    }
    let word = if watts > 0.0 { modes.fast.as_ref().and(mode(&modes.fast)) } else { mode(&modes.by_itself) };
    word.into_iter().collect()
}

/// What leaves a device to itself; nothing for what is told a temperature, which gets back what it had.
pub(super) fn release(found: &Found) -> Vec<(model::Name, Value)> {
    if matches!(found.role, Role::Tank | Role::Thermostat) {
        return Vec::new();
    }
    let mode = found.port(Purpose::Mode).zip(found.modes.by_itself.as_ref());
    if let Some((port, word)) = mode {
        return vec![(port.property.clone(), Value::text(word))];
    }
    // A charger that only has a switch goes on charging, one that is told a power gets what it can take.
    if found.role == Role::Charger
        && let Some(port) = found.port(Purpose::Enabled)
    {
        return vec![(port.property.clone(), Value::Boolean(true))];
    }
    let power = found.port(Purpose::SetPower);
    let rest = power.map(|port| {
        let watts = if found.role == Role::Charger { port.maximum.unwrap_or(CAR_WATTS_MAX) } else { 0.0 };
        (port.property.clone(), Value::Float(watts / port.scale + 0.0))
    });
    rest.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::ThingId;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::find::{Candidate, Correction, find};

    fn found(kind: &str, properties: Json) -> Found {
        let document = json!({"id": "it", "kind": kind, "description": "positive power is what it gives", "properties": properties});
        let (thing, model) = (ThingId::new("it").unwrap(), serde_json::from_value(document).unwrap());
        let candidate = Candidate { thing: &thing, title: "It", space: None, model: &model };
        find([candidate], &BTreeMap::<ThingId, Correction>::new()).found.remove(0)
    }

    fn words(values: Vec<(model::Name, Value)>) -> String {
        values.iter().map(|(name, value)| format!("{name}={}", value.to_json())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_battery_is_told_a_power_or_left_to_follow_the_house() {
        let battery = found(
            "battery",
            json!({"charge": {"unit": "%"}, "power": {"unit": "W"},
                "set_power": {"unit": "kW", "writable": true, "minimum": -3, "maximum": 5},
                "mode": {"type": "string", "choices": ["self_use", "hold", "set_power"], "writable": true}}),
        );
        let told = |watts: f64, grid: f64| words(tell(&battery, watts, grid));
        assert_eq!(told(1_204.0, 2_000.0), "set_power=-1.2 mode=\"set_power\"", "ours takes, its own gives");
        assert_eq!(told(9_000.0, 9_500.0), "set_power=-3.0 mode=\"set_power\"", "no more than it accepts");
        assert_eq!(told(-800.0, 10.0), "mode=\"self_use\"", "what covers the house exactly follows it");
        assert_eq!(told(0.0, 700.0), "mode=\"hold\"");
        assert_eq!(words(release(&battery)), "mode=\"self_use\"");
    }

    #[test]
    fn a_charger_without_modes_is_told_a_power_or_switched() {
        let told = found(
            "wallbox",
            json!({"power": {"unit": "W"}, "set_power": {"unit": "W", "writable": true, "minimum": 0, "maximum": 11_000}}),
        );
        assert_eq!(words(tell(&told, 3_701.0, 4_000.0)), "set_power=3700.0");
        assert_eq!(words(tell(&told, 12.0, 300.0)), "set_power=0.0");
        assert_eq!(words(release(&told)), "set_power=11000.0");
        let switched =
            found("wallbox", json!({"power": {"unit": "W"}, "enabled": {"type": "boolean", "writable": true}}));
        assert_eq!(
            [words(tell(&switched, 3_000.0, 0.0)), words(tell(&switched, 0.0, 0.0))],
            ["enabled=true", "enabled=false"]
        );
        assert_eq!(words(release(&switched)), "enabled=true");
    }

    #[test]
    fn water_is_told_the_most_while_it_is_heated_and_the_least_else() {
        let tank = found(
            "water-heater",
            json!({"temperature": {"unit": "°C"}, "target": {"unit": "°C", "writable": true, "minimum": 35, "maximum": 58}}),
        );
        let told = |watts: f64| words(super::super::heat::tell_water(&tank, watts, [45.2, 60.0, 2_000.0]));
        assert_eq!([told(1_500.0), told(100.0)], ["target=58.0", "target=45.0"]);
        assert!(release(&tank).is_empty(), "it gets back what it had");
    }
}
