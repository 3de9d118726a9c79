//! Days and devices that are measured on, different for every seed and the same for the same.

use home::device::{Appliance, Battery, Car, Departure, Device, DeviceKind, Switched, Tank, Zone};
use home::horizon::Horizon;
use home::outlook::{Aims, Outlook};
use model::{ThingId, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Steps of a day in quarters of an hour.
pub(super) const STEPS: usize = 96;

/// A day with sun, two dear times and noise, of midnight 2026-09-22.
pub(super) fn outlook(seed: u64) -> Outlook {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let (sun, usual) = (chance.random_range(2_000.0..9_000.0), chance.random_range(250.0..700.0));
    let hour = |step: usize| step as f64 / 4.0;
    let bump = |step: usize, at: f64, width: f64| (-((hour(step) - at) / width).powi(2)).exp();
    let mut series = |of: &dyn Fn(usize) -> f64, noise: f64| -> Vec<f64> {
        (0..STEPS).map(|step| of(step) * chance.random_range(1.0 - noise..1.0 + noise)).collect()
    };
    Outlook {
        horizon: Horizon { start: Timestamp::from_seconds(1_790_035_200), step_seconds: 900, steps: STEPS },
        load_watts: series(&|step| usual * (0.6 + 1.2 * bump(step, 7.5, 1.5) + 2.5 * bump(step, 19.0, 2.0)), 0.3),
        solar_watts: series(&|step| sun * ((hour(step) - 6.5) / 12.0 * std::f64::consts::PI).sin().max(0.0), 0.3),
        import_price: series(
            &|step| 0.18 + 0.12 * bump(step, 8.0, 1.5) + 0.22 * bump(step, 19.0, 2.0) - 0.06 * bump(step, 13.0, 2.5),
            0.05,
        ),
        export_price: vec![0.08; STEPS],
        carbon_grams: series(&|step| 250.0 + 150.0 * bump(step, 19.0, 3.0), 0.1),
        outdoor_celsius: series(&|step| 6.0 + 4.0 * bump(step, 15.0, 4.0), 0.02),
        scenarios: Vec::new(),
    }
}

/// What counts beside the tariff.
pub(super) fn aims() -> Aims {
    Aims {
        carbon_price_per_kilogram: 0.05,
        peak_price_per_kilowatt: 1.0,
        peak_watts_so_far: 4_000.0,
        ramp_price_per_kilowatt: 0.0,
        end_price_per_kilowatt_hour: 0.12,
        import_watts_max: 40_000.0,
        export_watts_max: 40_000.0,
    }
}

/// So many devices of all kinds, of any size that homes have them.
pub(super) fn devices(count: usize, seed: u64) -> Vec<Device> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    (0..count)
        .map(|place| {
            let kind = match place % 10 {
                0 | 6 => DeviceKind::Battery(battery(&mut chance)),
                1 | 7 => DeviceKind::Car(car(&mut chance)),
                2 | 8 => DeviceKind::Zone(zone(&mut chance)),
                3 | 9 => DeviceKind::Tank(tank(&mut chance)),
                4 => DeviceKind::Appliance(appliance(&mut chance)),
                _ => DeviceKind::Switched(switched(&mut chance)),
            };
            let thing = ThingId::new(format!("device-{place}")).expect("a name of letters and digits");
            Device { title: thing.to_string(), thing, kind }
        })
        .collect()
}

fn battery(chance: &mut ChaCha8Rng) -> Battery {
    let capacity = chance.random_range(4.0..14.0);
    Battery {
        stored_kilowatt_hours: capacity * chance.random_range(0.1..0.9),
        capacity_kilowatt_hours: capacity,
        reserve_kilowatt_hours: 0.1 * capacity,
        charge_watts_max: 500.0 * capacity,
        discharge_watts_max: 500.0 * capacity,
        charge_efficiency: 0.95,
        discharge_efficiency: 0.95,
        loss_per_hour: 0.0,
        wear_per_kilowatt_hour: 0.01,
    }
}

fn car(chance: &mut ChaCha8Rng) -> Car {
    let capacity = chance.random_range(40.0..80.0);
    let leaves = chance.random_range(26..34);
    let battery = Battery {
        stored_kilowatt_hours: capacity * chance.random_range(0.2..0.5),
        capacity_kilowatt_hours: capacity,
        reserve_kilowatt_hours: 0.0,
        charge_watts_max: 11_000.0,
        discharge_watts_max: 0.0,
        ..battery(chance)
    };
    let departures = vec![Departure { step: leaves, kilowatt_hours: 0.6 * capacity }];
    Car {
        battery,
        charge_watts_min: 0.0,
        plugged: (0..STEPS).map(|step| step < leaves || step > 70).collect(),
        departures,
    }
}

fn zone(chance: &mut ChaCha8Rng) -> Zone {
    Zone {
        air_celsius: chance.random_range(19.5..21.5),
        mass_celsius: 20.0,
        air_kilowatt_hours_per_kelvin: chance.random_range(0.2..1.0),
        mass_kilowatt_hours_per_kelvin: chance.random_range(4.0..15.0),
        inner_watts_per_kelvin: chance.random_range(300.0..700.0),
        outer_watts_per_kelvin: chance.random_range(80.0..200.0),
        gain_watts: vec![200.0; STEPS],
        celsius_min: (0..STEPS).map(|step| if (26..90).contains(&step) { 20.0 } else { 18.0 }).collect(),
        celsius_max: vec![23.0; STEPS],
        discomfort_per_kelvin_hour: 1.0,
        watts_max: 2_500.0,
        performance: vec![3.2; STEPS],
    }
}

fn tank(chance: &mut ChaCha8Rng) -> Tank {
    let drawn = |step: usize| if [28, 29, 50, 78, 79].contains(&step) { 4_000.0 } else { 0.0 };
    Tank {
        celsius: chance.random_range(46.0..55.0),
        celsius_min: 45.0,
        celsius_max: 65.0,
        kilowatt_hours_per_kelvin: chance.random_range(0.15..0.4),
        loss_watts_per_kelvin: 1.8,
        ambient_celsius: 18.0,
        watts_max: 2_000.0,
        performance: vec![2.4; STEPS],
        drawn_watts: (0..STEPS).map(drawn).collect(),
    }
}

fn appliance(chance: &mut ChaCha8Rng) -> Appliance {
    let steps = chance.random_range(4..9);
    let programme_watts = (0..steps).map(|_| chance.random_range(100.0..2_200.0)).collect();
    Appliance { programme_watts, earliest_start: 28, latest_end: 88 }
}

fn switched(chance: &mut ChaCha8Rng) -> Switched {
    Switched {
        watts: chance.random_range(300.0..1_000.0),
        steps_on: 16,
        run_steps_min: 4,
        allowed: (0..STEPS).map(|step| step >= 24).collect(),
    }
}
