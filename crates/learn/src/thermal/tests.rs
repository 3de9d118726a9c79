//! On simulated homes, where the truth is known.

use super::recursive::Recursive;
use super::*;
use crate::chance::Chance;
use crate::slots::SLOT_SECONDS;

const START: i64 = 2_000_000;

/// A home whose thermostat keeps a programme, with people, clouds and a noisy sensor.
struct Simulated {
    truth: ZoneModel,
    readings: Vec<Reading>,
}

fn truth(chance: &mut Chance) -> ZoneModel {
    let outer = 80.0 + 220.0 * chance.unit();
    ZoneModel {
        air_kilowatt_hours_per_kelvin: outer * (2.0 + 5.0 * chance.unit()) / 1_000.0,
        mass_kilowatt_hours_per_kelvin: outer * (25.0 + 50.0 * chance.unit()) / 1_000.0,
        inner_watts_per_kelvin: outer * (3.0 + 5.0 * chance.unit()),
        outer_watts_per_kelvin: outer,
        sun_square_metres: 1.0 + 4.0 * chance.unit(),
        gain_watts: [150.0, 150.0, 350.0, 300.0, 250.0, 300.0, 600.0, 400.0],
    }
}

/// `changed` is the model from a slot on.
fn simulate(seed: u64, days: usize, noise: f64, changed: impl Fn(usize, ZoneModel) -> ZoneModel) -> Simulated {
    let mut chance = Chance::new(seed);
    let truth = truth(&mut chance);
    let mut state = [20.0_f64, 19.8];
    let (mut front, mut cloud, mut gain) = (0.0, 0.5, 0.0);
    let mut readings = Vec::new();
    for slot in 0..days * SLOTS_PER_DAY {
        let model = changed(slot, truth);
        let steps = model.steps_of(60.0);
        let hour = (slot % SLOTS_PER_DAY) as f64 / 4.0;
        front += 0.01 * (0.0 - front) + 0.12 * chance.normal();
        cloud = (cloud + 0.05 * (0.5 - cloud) + 0.1 * chance.normal()).clamp(0.0, 1.0);
        let outdoor = 3.0 + 3.0 * front.clamp(-3.0, 3.0) + 3.0 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let sun = (520.0 * ((hour - 12.5) / 9.0 * std::f64::consts::PI).cos().max(0.0) * (1.0 - 0.8 * cloud)).max(0.0);
        // Nobody is at home at the same time every day.
        gain += 0.2 * (0.0 - gain) + 60.0 * chance.normal();
        let target = if (6.0..22.0).contains(&hour) { 21.0 } else { 18.0 };
        let (mut heat, mut mean) = (0.0, 0.0);
        for minute in 0..15 {
            let watts = ((target - state[0] + 0.4) / 0.8).clamp(0.0, 1.0) * truth.outer_watts_per_kelvin * 36.0;
            let second = ((START + slot as i64) * SLOT_SECONDS + minute * 60).rem_euclid(86_400);
            let all = watts + model.sun_square_metres * sun + model.gain_at(second) + gain;
            state = steps.after(state, outdoor, all);
            (heat, mean) = (heat + watts / 15.0, mean + state[0] / 15.0);
        }
        readings.push(Reading {
            indoor_celsius: Some(((mean + noise * chance.normal()) * 10.0).round() / 10.0),
            outdoor_celsius: Some(outdoor + 0.2 * chance.normal()),
            heating_watts: Some(heat),
            irradiance: Some(sun),
        });
    }
    Simulated { truth, readings }
}

fn learn(readings: &[Reading]) -> Thermal {
    let mut zone = Thermal::new(Settings::default());
    for (slot, reading) in readings.iter().enumerate() {
        zone.observe(START + slot as i64, reading);
    }
    zone
}

fn same(_: usize, model: ZoneModel) -> ZoneModel {
    model
}

#[test]
fn what_homes_lose_and_store_is_found_and_the_doubt_is_honest() {
    let (mut losses, mut covered) = (Vec::new(), 0);
    let seeds = 11..23;
    let count = seeds.clone().count();
    for seed in seeds {
        let home = simulate(seed, 21, 0.1, same);
        let mut zone = learn(&home.readings);
        let known = zone.fit().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let error = (known.model.outer_watts_per_kelvin / home.truth.outer_watts_per_kelvin).ln();
        losses.push(error.abs());
        covered += u32::from(error.abs() < 2.0 * known.unsure.outer);
        let quality = known.quality;
        assert!(quality.day_kelvin < 0.6 * quality.day_persistence_kelvin, "seed {seed}: {quality:?}");
        assert!(quality.step_kelvin < quality.step_persistence_kelvin, "seed {seed}: {quality:?}");
    }
    losses.sort_by(f64::total_cmp);
    assert!(losses[count / 2] < 0.12 && losses[count - 1] < 0.4, "{losses:?}");
    assert!(covered as usize >= count * 8 / 10, "{covered} of {count} truths lie within two standard errors");
}

#[test]
fn beside_a_recursion() {
    let (mut ours, mut theirs) = (0.0, 0.0);
    for seed in 101..109 {
        let home = simulate(seed, 28, 0.1, same);
        let known_until = 21 * SLOTS_PER_DAY;
        let mut zone = learn(&home.readings[..known_until]);
        let model = zone.fit().unwrap_or_else(|why| panic!("seed {seed}: {why}")).model;
        let inputs = |at: usize| {
            let reading = &home.readings[at];
            [
                reading.outdoor_celsius.unwrap(),
                reading.heating_watts.unwrap() / 1_000.0,
                reading.irradiance.unwrap() / 1_000.0,
            ]
        };
        let air = |at: usize| home.readings[at].indoor_celsius.unwrap();
        let mut recursive = Recursive::new();
        for at in 1..known_until - 1 {
            recursive.learn([air(at), air(at - 1)], [inputs(at), inputs(at - 1)], air(at + 1));
        }
        // Days of which neither has seen anything.
        for day in 22..27 {
            let from = day * SLOTS_PER_DAY;
            let zone = learn(&home.readings[..=from]);
            let mut state = super::fit::state(&zone.window, zone.settings, &model).unwrap();
            let mut before = [air(from), air(from - 1)];
            let steps = model.steps_of(900.0);
            for at in from..from + SLOTS_PER_DAY - 1 {
                let (now, next) = (inputs(at), inputs(at + 1));
                let mean: [f64; 3] = std::array::from_fn(|index| now[index].midpoint(next[index]));
                let second = (START + at as i64 + 1) * 900;
                let watts = mean[1] * 1_000.0 + model.sun_square_metres * mean[2] * 1_000.0 + model.gain_at(second);
                state = steps.after(state, mean[0], watts);
                before = [recursive.predict(before, [inputs(at), inputs(at - 1)]), before[0]];
                ours += (air(at + 1) - state[0]).powi(2);
                theirs += (air(at + 1) - before[0]).powi(2);
            }
        }
    }
    let (ours, theirs) = ((ours / 8.0 / 5.0 / 95.0).sqrt(), (theirs / 8.0 / 5.0 / 95.0).sqrt());
    println!("24 h free run: fit over a window {ours:.3} K, recursion {theirs:.3} K");
    assert!(ours < theirs, "{ours} {theirs}");
}

#[test]
fn gaps_spikes_jumps_and_nonsense_do_little() {
    let home = simulate(7, 21, 0.1, same);
    let mut chance = Chance::new(3);
    let mut readings = home.readings.clone();
    for (slot, reading) in readings.iter_mut().enumerate() {
        if chance.unit() < 0.04 {
            reading.indoor_celsius = Some(if chance.unit() < 0.5 { 85.0 } else { f64::NAN });
        }
        if chance.unit() < 0.02 {
            reading.indoor_celsius = reading.indoor_celsius.map(|celsius| celsius + 12.0);
        }
        if (600..640).contains(&slot) || chance.unit() < 0.02 {
            *reading = Reading::default();
        }
        // The sensor is moved to a warmer shelf.
        if slot > 1_400 {
            reading.indoor_celsius = reading.indoor_celsius.map(|celsius| celsius + 4.0);
        }
    }
    let mut zone = learn(&readings);
    zone.observe(START, &Reading::default());
    assert_eq!(zone.late(), 1);
    let known = zone.fit().unwrap();
    let error = known.model.outer_watts_per_kelvin / home.truth.outer_watts_per_kelvin;
    assert!((0.6..1.5).contains(&error), "{error} {known:?}");
}

#[test]
fn what_cannot_be_known_is_not_promised() {
    let home = simulate(5, 21, 0.1, same);
    let short = learn(&home.readings[..3 * SLOTS_PER_DAY]).fit().unwrap_err();
    assert!(matches!(short, NotKnown::TooShort { days } if days < 3.0), "{short}");
    let cold: Vec<Reading> =
        home.readings.iter().map(|reading| Reading { heating_watts: Some(0.0), ..*reading }).collect();
    assert_eq!(learn(&cold).fit().unwrap_err(), NotKnown::NoHeat);
    // A sensor that has nothing to do with the heater.
    let mut chance = Chance::new(9);
    let mut walk = 20.0;
    let elsewhere: Vec<Reading> = home
        .readings
        .iter()
        .map(|reading| {
            walk += 0.01 * (20.0 - walk) + 0.3 * chance.normal();
            Reading { indoor_celsius: Some(walk), ..*reading }
        })
        .collect();
    let why = learn(&elsewhere).fit().unwrap_err();
    assert!(matches!(why, NotKnown::NoBetter { .. } | NotKnown::Unsure { .. }), "{why}");
    assert_eq!(learn(&[]).fit().unwrap_err(), NotKnown::TooShort { days: 0.0 });
}

#[test]
fn a_window_that_stays_open_is_noticed_and_a_quiet_month_is_not() {
    let opened = 21 * SLOTS_PER_DAY;
    for seed in [31, 32, 33, 34] {
        let open = |slot: usize, model: ZoneModel| {
            let factor = if slot >= opened + 10 * SLOTS_PER_DAY { 1.7 } else { 1.0 };
            ZoneModel { outer_watts_per_kelvin: model.outer_watts_per_kelvin * factor, ..model }
        };
        let home = simulate(seed, 38, 0.1, open);
        let mut zone = learn(&home.readings[..opened]);
        zone.fit().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let mut noticed = None;
        for (slot, reading) in home.readings.iter().enumerate().skip(opened) {
            zone.observe(START + slot as i64, reading);
            if noticed.is_none() && zone.drifted().is_some() {
                noticed = Some(slot / SLOTS_PER_DAY);
            }
        }
        assert!(noticed.is_some_and(|day| (32..37).contains(&day)), "seed {seed}: {noticed:?}");
    }
}

#[test]
fn a_learner_is_taken_up_again_from_what_was_written() {
    let home = simulate(2, 10, 0.1, same);
    let mut zone = learn(&home.readings);
    let known = zone.fit().cloned();
    let written = serde_json::to_string(&zone).unwrap();
    let read: Thermal = serde_json::from_str(&written).unwrap();
    assert_eq!(read.known().cloned(), known);
    assert_eq!(read.state(), zone.state());
}
