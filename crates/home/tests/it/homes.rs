//! Homes to plan for.

use home::device::{Appliance, Battery, Car, Departure, Device, DeviceKind, Switched, Tank, Zone};
use home::horizon::Horizon;
use home::outlook::{Aims, Outlook, Scenario};
use model::{ThingId, Timestamp};
use proptest::prelude::*;

pub(crate) fn device(name: &str, kind: DeviceKind) -> Device {
    Device { thing: ThingId::new(name).expect("a name"), title: name.to_owned(), kind }
}

/// A flat day: a load of 500 W, no sun, 0.30 a kilowatt hour.
pub(crate) fn outlook(steps: usize, step_seconds: u32) -> Outlook {
    Outlook {
        horizon: Horizon { start: Timestamp::from_seconds(1_790_035_200), step_seconds, steps },
        load_watts: vec![500.0; steps],
        solar_watts: vec![0.0; steps],
        import_price: vec![0.3; steps],
        export_price: vec![0.08; steps],
        carbon_grams: vec![300.0; steps],
        outdoor_celsius: vec![5.0; steps],
        scenarios: Vec::new(),
    }
}

/// The same with sun from 6 to 18 and dearer evenings.
pub(crate) fn sunny(steps: usize, step_seconds: u32) -> Outlook {
    let mut outlook = outlook(steps, step_seconds);
    for step in 0..steps {
        let hour = (step as f64 * f64::from(step_seconds) / 3_600.0) % 24.0;
        outlook.solar_watts[step] = 5_000.0 * f64::sin((hour - 6.0) / 12.0 * std::f64::consts::PI).max(0.0);
        outlook.import_price[step] = if (17.0..22.0).contains(&hour) { 0.4 } else { 0.25 };
    }
    outlook
}

pub(crate) fn aims() -> Aims {
    Aims {
        carbon_price_per_kilogram: 0.0,
        peak_price_per_kilowatt: 0.0,
        peak_watts_so_far: 0.0,
        ramp_price_per_kilowatt: 0.0,
        end_price_per_kilowatt_hour: 0.0,
        import_watts_max: f64::INFINITY,
        export_watts_max: f64::INFINITY,
    }
}

pub(crate) fn battery() -> Battery {
    Battery {
        stored_kilowatt_hours: 2.0,
        capacity_kilowatt_hours: 10.0,
        reserve_kilowatt_hours: 0.0,
        charge_watts_max: 5_000.0,
        discharge_watts_max: 5_000.0,
        charge_efficiency: 0.95,
        discharge_efficiency: 0.95,
        loss_per_hour: 0.0,
        wear_per_kilowatt_hour: 0.0,
    }
}

pub(crate) fn car(steps: usize, departures: &[Departure]) -> Car {
    let battery = Battery {
        stored_kilowatt_hours: 20.0,
        capacity_kilowatt_hours: 60.0,
        charge_watts_max: 11_000.0,
        discharge_watts_max: 0.0,
        charge_efficiency: 0.9,
        ..battery()
    };
    Car { battery, charge_watts_min: 0.0, plugged: vec![true; steps], departures: departures.to_vec() }
}

pub(crate) fn tank(steps: usize) -> Tank {
    let mut drawn_watts = vec![0.0; steps];
    drawn_watts[14 % steps] = 6_000.0;
    drawn_watts[40 % steps] = 6_000.0;
    Tank {
        celsius: 46.0,
        celsius_min: 45.0,
        celsius_max: 65.0,
        kilowatt_hours_per_kelvin: 0.25,
        loss_watts_per_kelvin: 2.0,
        ambient_celsius: 18.0,
        watts_max: 1_500.0,
        performance: vec![2.5; steps],
        drawn_watts,
    }
}

pub(crate) fn zone(steps: usize) -> Zone {
    Zone {
        air_celsius: 20.0,
        mass_celsius: 20.0,
        air_kilowatt_hours_per_kelvin: 0.8,
        mass_kilowatt_hours_per_kelvin: 10.0,
        inner_watts_per_kelvin: 500.0,
        outer_watts_per_kelvin: 150.0,
        gain_watts: vec![200.0; steps],
        celsius_min: vec![20.0; steps],
        celsius_max: vec![23.0; steps],
        discomfort_per_kelvin_hour: 2.0,
        watts_max: 3_000.0,
        performance: vec![3.0; steps],
    }
}

/// What the home costs when no device does anything.
pub(crate) fn home_cost(outlook: &Outlook) -> f64 {
    let hours = outlook.horizon.step_hours();
    (0..outlook.horizon.steps)
        .map(|step| {
            let kilowatt_hours = (outlook.load_watts[step] - outlook.solar_watts[step]) / 1_000.0 * hours;
            kilowatt_hours * if kilowatt_hours > 0.0 { outlook.import_price[step] } else { outlook.export_price[step] }
        })
        .sum()
}

fn any_battery() -> impl Strategy<Value = Battery> {
    (0.1..30.0, 0.0..1.0, 0.0..0.5, 0.0..8_000.0, 0.0..8_000.0, (0.7..1.0, 0.7..1.0), (0.0..0.02, 0.0..0.1)).prop_map(
        |(capacity, stored, reserve, charge, discharge, (of_charge, of_discharge), (loss, wear))| Battery {
            stored_kilowatt_hours: stored * capacity,
            capacity_kilowatt_hours: capacity,
            reserve_kilowatt_hours: reserve * capacity,
            charge_watts_max: charge,
            discharge_watts_max: discharge,
            charge_efficiency: of_charge,
            discharge_efficiency: of_discharge,
            loss_per_hour: loss,
            wear_per_kilowatt_hour: wear,
        },
    )
}

fn any_car(steps: usize) -> impl Strategy<Value = Car> {
    let departures = prop::collection::vec((0..=steps, 0.0..40.0), 0..3);
    (any_battery(), 0.0..1.0, prop::collection::vec(any::<bool>(), steps), departures).prop_map(
        |(battery, least, plugged, departures)| {
            let departures = departures.into_iter().map(|(step, kilowatt_hours)| Departure { step, kilowatt_hours });
            Car {
                charge_watts_min: least * battery.charge_watts_max * 0.5,
                battery,
                plugged,
                departures: departures.collect(),
            }
        },
    )
}

fn any_tank(steps: usize) -> impl Strategy<Value = Tank> {
    let drawn = prop::collection::vec(prop_oneof![3 => Just(0.0), 1 => 0.0..4_000.0], steps);
    (10.0..80.0, 30.0..60.0, 40.0..80.0, 0.02..1.0, 0.0..5.0, (0.0..4_000.0, 0.8..4.0), drawn).prop_map(
        move |(celsius, celsius_min, celsius_max, heat, loss, (watts_max, performance), drawn_watts)| Tank {
            celsius,
            celsius_min,
            celsius_max,
            kilowatt_hours_per_kelvin: heat,
            loss_watts_per_kelvin: loss,
            ambient_celsius: 18.0,
            watts_max,
            performance: vec![performance; steps],
            drawn_watts,
        },
    )
}

fn any_zone(steps: usize) -> impl Strategy<Value = Zone> {
    let band = prop::collection::vec((17.0..24.0, 19.0..27.0), steps);
    (5.0..35.0, (0.05..3.0, 0.5..30.0), (0.0..1_500.0, 0.0..600.0), band, 0.0..5.0, 0.0..6_000.0, -4.0..4.0).prop_map(
        move |(celsius, (air, mass), (inner, outer), band, comfort, watts_max, performance)| Zone {
            air_celsius: celsius,
            mass_celsius: celsius - 1.0,
            air_kilowatt_hours_per_kelvin: air,
            mass_kilowatt_hours_per_kelvin: mass,
            inner_watts_per_kelvin: inner,
            outer_watts_per_kelvin: outer,
            gain_watts: vec![150.0; steps],
            celsius_min: band.iter().map(|band| band.0).collect(),
            celsius_max: band.iter().map(|band| band.1).collect(),
            discomfort_per_kelvin_hour: comfort,
            watts_max,
            performance: vec![performance; steps],
        },
    )
}

fn any_kind(steps: usize) -> impl Strategy<Value = DeviceKind> {
    let appliance = (prop::collection::vec(0.0..2_500.0, 1..6), 0..steps, 0..steps + 8).prop_map(
        |(programme_watts, earliest_start, latest_end)| {
            DeviceKind::Appliance(Appliance { programme_watts, earliest_start, latest_end })
        },
    );
    let switched = (0.0..2_000.0, 0..steps, 0_usize..4, prop::collection::vec(any::<bool>(), steps)).prop_map(
        |(watts, steps_on, run_steps_min, allowed)| {
            DeviceKind::Switched(Switched { watts, steps_on, run_steps_min, allowed })
        },
    );
    prop_oneof![
        3 => any_battery().prop_map(DeviceKind::Battery),
        2 => any_car(steps).prop_map(DeviceKind::Car),
        1 => any_tank(steps).prop_map(DeviceKind::Tank),
        1 => any_zone(steps).prop_map(DeviceKind::Zone),
        1 => appliance,
        1 => switched,
    ]
}

fn any_outlook(steps: usize, step_seconds: u32) -> impl Strategy<Value = Outlook> {
    let series = |least: f64, most: f64| prop::collection::vec(least..most, steps);
    (series(0.0, 4_000.0), series(-3_000.0, 6_000.0), series(-0.2, 0.6), series(-0.1, 0.3), series(-15.0, 35.0))
        .prop_map(move |(load, solar, import, export, outdoor)| Outlook {
            load_watts: load,
            solar_watts: solar.into_iter().map(|watts| watts.max(0.0)).collect(),
            import_price: import,
            export_price: export,
            outdoor_celsius: outdoor,
            ..outlook(steps, step_seconds)
        })
}

fn any_aims() -> impl Strategy<Value = Aims> {
    (
        0.0..0.2,
        prop_oneof![Just(0.0), 0.0..10.0],
        0.0..3_000.0,
        prop_oneof![Just(0.0), 0.0..0.2],
        -0.1..0.3,
        prop_oneof![Just(f64::INFINITY), 1_000.0..9_000.0],
    )
        .prop_map(|(carbon, peak, so_far, ramp, end, limit)| Aims {
            carbon_price_per_kilogram: carbon,
            peak_price_per_kilowatt: peak,
            peak_watts_so_far: so_far,
            ramp_price_per_kilowatt: ramp,
            end_price_per_kilowatt_hour: end,
            import_watts_max: limit,
            export_watts_max: limit,
        })
}

/// Little sun and much load, what is expected, much sun and little load.
fn with_scenarios(mut outlook: Outlook, spread: f64) -> Outlook {
    let scaled = |series: &[f64], by: f64| series.iter().map(|value| value * by).collect::<Vec<f64>>();
    let scenario = |chance, by: f64| Scenario {
        chance,
        load_watts: scaled(&outlook.load_watts, 1.0 - by),
        solar_watts: scaled(&outlook.solar_watts, 1.0 + by),
    };
    outlook.scenarios = vec![scenario(0.25, -spread), scenario(0.5, 0.0), scenario(0.25, spread)];
    outlook
}

/// An hour of a sunny home as a keeper sees it: smooth sun, few prices, a store that is empty, full or between.
pub(crate) fn any_sunny_hour() -> impl Strategy<Value = (Vec<Device>, Outlook, Aims)> {
    let stored = prop_oneof![Just(0.0), Just(1.0), Just(0.1), 0.0..1.0];
    let of_battery = (stored, 0.0..0.3, 2.0..15.0, 0.85..1.0, prop_oneof![Just(0.0), 0.0..0.05]);
    let of_day = (0_usize..24, 0.0..9_000.0, prop_oneof![Just(0.0), 100.0..800.0], 0.0..0.6, any::<bool>());
    let of_prices = (prop_oneof![Just(0.0), 0.0..0.15], prop_oneof![Just(0.0), 0.0..0.3], any::<bool>());
    (of_battery, of_day, of_prices, any_kind(24)).prop_map(
        |(
            (stored, reserve, capacity, part, wear),
            (begin, peak, base, spread, quarters),
            (export, end, alone),
            other,
        )| {
            let (steps, seconds) = if quarters { (96, 900) } else { (24, 3_600) };
            let mut outlook = sunny(steps, seconds);
            let turn = begin * steps / 24;
            outlook.solar_watts.iter_mut().for_each(|watts| *watts *= peak / 5_000.0);
            outlook.load_watts =
                (0..steps).map(|step| base * if (17..22).contains(&(step * 24 / steps)) { 3.0 } else { 1.0 }).collect();
            outlook.export_price = vec![export; steps];
            for series in [&mut outlook.solar_watts, &mut outlook.load_watts, &mut outlook.import_price] {
                series.rotate_left(turn);
            }
            let store = Battery {
                stored_kilowatt_hours: stored * capacity,
                capacity_kilowatt_hours: capacity,
                reserve_kilowatt_hours: reserve * capacity,
                charge_efficiency: part,
                discharge_efficiency: part,
                wear_per_kilowatt_hour: wear,
                ..battery()
            };
            let mut devices = vec![device("battery", DeviceKind::Battery(store))];
            if !alone && !quarters {
                devices.push(device("other", other));
            }
            let aims =
                Aims { end_price_per_kilowatt_hour: end, import_watts_max: 1e6, export_watts_max: 1e6, ..aims() };
            (devices, with_scenarios(outlook, spread), aims)
        },
    )
}

/// A home of up to five devices of any kind and condition, with any outlook and aims.
pub(crate) fn any_home() -> impl Strategy<Value = (Vec<Device>, Outlook, Aims)> {
    (4_usize..40, prop_oneof![Just(900_u32), Just(3_600)]).prop_flat_map(|(steps, step_seconds)| {
        let devices = prop::collection::vec(any_kind(steps), 0..5).prop_map(|kinds| {
            kinds.into_iter().enumerate().map(|(place, kind)| device(&format!("device-{place}"), kind)).collect()
        });
        let outlook = (any_outlook(steps, step_seconds), prop_oneof![Just(None), (0.0..0.9).prop_map(Some)]).prop_map(
            |(outlook, spread)| match spread {
                Some(spread) => with_scenarios(outlook, spread),
                None => outlook,
            },
        );
        (devices, outlook, any_aims())
    })
}
