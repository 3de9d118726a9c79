//! What was asked for and cannot be, and the smallest change that helps.

use super::{Missing, Relaxation};
use crate::device::{Appliance, Battery, Car, Device, DeviceKind, Switched, Tank, Zone};
use crate::outlook::{Aims, Outlook};
use crate::program::{band, possible_starts, runnable};
use crate::schedule::{DeviceSchedule, Schedule, Shortfall};

/// Energy that is missing below this is not told, in kilowatt hours.
const ENERGY_MIN: f64 = 0.05;

/// Degrees that are missing below this are not told.
const KELVIN_MIN: f64 = 0.1;

/// Power above a limit below this is not told, in watts.
const OVER_WATTS_MIN: f64 = 10.0;

/// Everything that cannot be, device by device, then what is of the home as a whole.
pub(super) fn shortfalls(devices: &[Device], outlook: &Outlook, aims: &Aims, schedule: &Schedule) -> Vec<Shortfall> {
    let mut shortfalls = Vec::new();
    for (device, planned) in devices.iter().zip(&schedule.devices) {
        let of = Of { outlook, aims, grid_watts: &schedule.grid_watts, planned };
        let found = match &device.kind {
            DeviceKind::Battery(battery) => of.battery(battery),
            DeviceKind::Car(car) => of.car(car),
            DeviceKind::Tank(tank) => of.tank(tank),
            DeviceKind::Zone(zone) => of.zone(zone),
            DeviceKind::Appliance(appliance) => of.appliance(appliance),
            DeviceKind::Switched(switched) => of.switched(switched),
        };
        let of_device = |what| Shortfall {
            thing: Some(device.thing.clone()),
            words: String::new(),
            relaxation: String::new(),
            what: Some(what),
        };
        shortfalls.extend(found.into_iter().map(of_device));
    }
    let of_home = |what| Shortfall { thing: None, words: String::new(), relaxation: String::new(), what: Some(what) };
    shortfalls.extend(connection(outlook, aims, &schedule.grid_watts).into_iter().map(of_home));
    shortfalls
}

pub(crate) type Found = Vec<(Missing, Relaxation)>;

struct Of<'a> {
    outlook: &'a Outlook,
    aims: &'a Aims,
    grid_watts: &'a [f64],
    planned: &'a DeviceSchedule,
}

impl Of<'_> {
    fn hours(&self) -> f64 {
        self.outlook.horizon.step_hours()
    }

    fn battery(&self, battery: &Battery) -> Found {
        let reserve = battery.reserve_kilowatt_hours;
        let below = |stored: &f64| *stored < reserve - ENERGY_MIN;
        if !self.planned.states.iter().skip(1).any(below) {
            return Vec::new();
        }
        let until = self.planned.states.iter().position(|stored| !below(stored)).filter(|step| *step > 0);
        let until = until.map(|step| self.outlook.horizon.begin(step));
        vec![(
            Missing::Reserve { reserve, until },
            if until.is_some() { Relaxation::Patience } else { self.more_power(battery) },
        )]
    }

    fn more_power(&self, battery: &Battery) -> Relaxation {
        let last = self.planned.states.last().copied().unwrap_or_default();
        let hours = self.hours() * self.outlook.horizon.steps as f64;
        let more = (battery.reserve_kilowatt_hours - last) / battery.charge_efficiency / hours;
        Relaxation::MorePower { kilowatts: battery.charge_watts_max / 1_000.0 + more }
    }

    fn car(&self, car: &Car) -> Found {
        let mut found = self.battery(&car.battery);
        for departure in &car.departures {
            let reached = self.planned.states[departure.step];
            let missing = departure.kilowatt_hours - reached;
            if missing > ENERGY_MIN {
                found.push(self.departure(car, departure.step, departure.kilowatt_hours, reached));
            }
        }
        found
    }

    fn departure(&self, car: &Car, step: usize, asked: f64, reached: f64) -> (Missing, Relaxation) {
        let (battery, hours) = (&car.battery, self.hours());
        let (capacity, at) = (battery.capacity_kilowatt_hours, self.outlook.horizon.begin(step));
        let kilowatts = battery.charge_watts_max / 1_000.0;
        let plugged: Vec<usize> = (0..step).filter(|step| car.plugged[*step]).collect();
        // Where it could charge faster if the connection let it.
        let held = |step: &usize| {
            self.planned.watts[*step] < battery.charge_watts_max - OVER_WATTS_MIN
                && self.grid_watts[*step] > self.aims.import_watts_max - OVER_WATTS_MIN
        };
        let held_steps = plugged.iter().filter(|step| held(step)).count();
        let missing = (asked.min(capacity) - reached).max(0.0) / battery.charge_efficiency;
        let told = Missing::Departure {
            asked,
            capacity,
            reached,
            at,
            kilowatts,
            hours: if kilowatts > 0.0 {
                (asked - reached) / battery.charge_efficiency / kilowatts
            } else {
                f64::INFINITY
            },
            by_connection: held_steps > 0,
        };
        let less = Relaxation::LessEnergy { kilowatt_hours: reached, capacity };
        if asked > capacity + ENERGY_MIN || kilowatts <= 0.0 || missing <= 0.0 {
            return (told, less);
        }
        // How much each change is of what it changes: time until then, energy, power.
        let later_hours = missing / kilowatts;
        let later_steps = (later_hours / hours).ceil();
        let mut changes = vec![((asked - reached) / asked.max(1e-9), less)];
        let later = Relaxation::Later { at: at + std::time::Duration::from_secs_f64(later_steps * hours * 3_600.0) };
        changes.push((later_steps / step.max(1) as f64, later));
        if held_steps > 0 {
            let more = missing / (held_steps as f64 * hours);
            changes.push((
                more * 1_000.0 / self.aims.import_watts_max.max(1.0),
                Relaxation::Connection { kilowatts: self.aims.import_watts_max / 1_000.0 + more },
            ));
        } else if !plugged.is_empty() {
            let more = missing / (plugged.len() as f64 * hours);
            changes.push((more / kilowatts, Relaxation::MorePower { kilowatts: kilowatts + more }));
        }
        let smallest = changes.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        (told, smallest.map_or(Relaxation::Patience, |(_, relaxation)| relaxation))
    }

    fn tank(&self, tank: &Tank) -> Found {
        if let Some(found) = self.contradiction(tank.celsius_min, tank.celsius_max, 0) {
            return vec![found];
        }
        let drawn = |state: usize| tank.drawn_watts.get(state).is_some_and(|watts| *watts > 0.0);
        let below = |state: usize| {
            if drawn(state) || state > 0 && drawn(state - 1) {
                tank.celsius_min - self.planned.states[state]
            } else {
                0.0
            }
        };
        self.worst(below, |state| (tank.celsius_min, true, self.planned.states[state]), tank.watts_max, 0.0)
    }

    fn zone(&self, zone: &Zone) -> Found {
        let contradictory =
            (0..self.planned.watts.len()).find(|step| zone.celsius_min[*step] > zone.celsius_max[*step]);
        let mut found: Found = contradictory
            .and_then(|step| self.contradiction(zone.celsius_min[step], zone.celsius_max[step], step))
            .into_iter()
            .collect();
        let out = |state: usize| {
            let (least, most) = band(zone, state);
            (least - self.planned.states[state]).max(self.planned.states[state] - most)
        };
        let which = |state: usize| {
            let (least, most) = band(zone, state);
            let below = self.planned.states[state] < least;
            // Whether a heater could help at all: what is too warm needs a cooler.
            let helps = below == (zone.performance[state.saturating_sub(1)] > 0.0);
            (if below { least } else { most }, helps, self.planned.states[state])
        };
        found.extend(self.worst(out, which, zone.watts_max, zone.discomfort_per_kelvin_hour));
        found
    }

    /// The worst moment at which a temperature is out of its band by `off`.
    fn worst(
        &self,
        off: impl Fn(usize) -> f64,
        which: impl Fn(usize) -> (f64, bool, f64),
        watts_max: f64,
        comfort: f64,
    ) -> Found {
        let states = 1..self.planned.states.len();
        let Some(worst) = states.max_by(|a, b| off(*a).total_cmp(&off(*b)).then(b.cmp(a))) else { return Vec::new() };
        let by = off(worst);
        if by <= KELVIN_MIN {
            return Vec::new();
        }
        let (asked, helps, reached) = which(worst);
        let before = &self.planned.watts[..worst];
        let full = before.iter().all(|watts| *watts >= watts_max - OVER_WATTS_MIN);
        let by_power = helps && !full;
        let relaxation = if by_power && comfort > 0.0 {
            // It could be, and costs more than comfort is said to be worth.
            Relaxation::ComfortWorth { price: comfort * 2.0 }
        } else {
            Relaxation::Celsius { celsius: reached }
        };
        let at = self.outlook.horizon.begin(worst);
        vec![(Missing::Celsius { asked, reached, at, hottest: reached > asked, by_power }, relaxation)]
    }

    fn contradiction(&self, least: f64, most: f64, step: usize) -> Option<(Missing, Relaxation)> {
        let at = self.outlook.horizon.begin(step);
        (least > most)
            .then(|| (Missing::Band { least, most, at }, Relaxation::Celsius { celsius: f64::midpoint(least, most) }))
    }

    fn appliance(&self, appliance: &Appliance) -> Found {
        let steps = self.planned.watts.len();
        // What may also run behind the horizon is not missing yet.
        if !possible_starts(appliance, steps).is_empty()
            || appliance.latest_end > steps
            || appliance.programme_watts.is_empty()
        {
            return Vec::new();
        }
        let length = appliance.programme_watts.len();
        let room = appliance.latest_end.saturating_sub(appliance.earliest_start);
        let missing = Missing::Programme { hours: length as f64 * self.hours(), room: room as f64 * self.hours() };
        let later = (appliance.earliest_start + length - appliance.latest_end) as f64;
        vec![(missing, Relaxation::EndsLater { hours: later * self.hours() })]
    }

    fn switched(&self, switched: &Switched) -> Found {
        let possible = runnable(&switched.allowed, switched.run_steps_min.max(1), switched.steps_on);
        if possible >= switched.steps_on {
            return Vec::new();
        }
        let hours = |steps: usize| steps as f64 * self.hours();
        let missing = Missing::Stretches { asked: hours(switched.steps_on), possible: hours(possible) };
        vec![(missing, Relaxation::ShorterOn { hours: hours(possible) })]
    }
}

/// The most that flows above what the connection carries, each way.
pub(crate) fn connection(outlook: &Outlook, aims: &Aims, grid_watts: &[f64]) -> Found {
    let worst = |import: bool, limit: f64| {
        let over = |step: usize| if import { grid_watts[step] } else { -grid_watts[step] } - limit;
        let step = (0..grid_watts.len()).max_by(|a, b| over(*a).total_cmp(&over(*b)).then(b.cmp(a)))?;
        let at = outlook.horizon.begin(step);
        let (kilowatts, limit) = ((over(step) + limit) / 1_000.0, limit / 1_000.0);
        (over(step) > OVER_WATTS_MIN)
            .then_some((Missing::Connection { import, kilowatts, limit, at }, Relaxation::Connection { kilowatts }))
    };
    [worst(true, aims.import_watts_max), worst(false, aims.export_watts_max)].into_iter().flatten().collect()
}
