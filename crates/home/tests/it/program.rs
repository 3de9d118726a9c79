//! Plans of homes: what pays is done, what is asked for is kept or told, and whatever home comes, the plan can be.

use crate::homes::*;
use home::device::{Appliance, Departure, DeviceKind, Switched};
use home::outlook::Scenario;
use home::program::{PlanFailed, plan};
use home::schedule::Schedule;
use proptest::prelude::*;

/// What a kilowatt hour between morning and evening may be off.
const OFF: f64 = 0.02;

fn energy(schedule: &Schedule, device: usize, steps: std::ops::Range<usize>) -> f64 {
    schedule.devices[device].watts[steps].iter().sum::<f64>() / 1_000.0 * schedule.horizon.step_hours()
}

#[test]
fn a_battery_is_filled_when_power_is_cheap_and_emptied_when_it_is_dear() {
    let mut outlook = outlook(24, 3_600);
    outlook.import_price = (0..24).map(|hour| if hour < 6 { 0.1 } else { 0.4 }).collect();
    outlook.load_watts = vec![1_000.0; 24];
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    // 8 kWh of room, through 95 % each way.
    assert!((energy(&schedule, 0, 0..6) - 8.0 / 0.95).abs() < OFF, "{schedule:#?}");
    assert!((energy(&schedule, 0, 6..24) + 10.0 * 0.95).abs() < OFF);
    let saved = home_cost(&outlook) - schedule.cost;
    assert!((saved - (10.0 * 0.95 * 0.4 - 8.0 / 0.95 * 0.1)).abs() < 0.02, "{saved}");
    assert!(schedule.shortfalls.is_empty());
}

#[test]
fn a_battery_takes_the_sun_before_the_grid() {
    let mut outlook = sunny(96, 900);
    outlook.load_watts = vec![1_500.0; 96];
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    assert!(
        schedule.devices[0].watts.iter().zip(&schedule.grid_watts).all(|(watts, grid)| *watts <= 1.0 || *grid <= 1.0)
    );
    assert!(schedule.devices[0].states.iter().copied().fold(0.0, f64::max) > 9.0, "the sun fills it");
    let words: Vec<&str> = schedule.devices[0].reasons.iter().map(|reason| &*reason.words).collect();
    assert!(words.iter().any(|words| words.contains("the sun gives more than the house takes")), "{words:#?}");
}

#[test]
fn taking_power_that_pays_wastes_nothing_at_once() {
    let mut outlook = outlook(24, 3_600);
    outlook.import_price = (0..24).map(|hour| if (2..10).contains(&hour) { -0.2 } else { 0.1 }).collect();
    outlook.export_price = vec![-0.3; 24];
    let devices = [device("battery", DeviceKind::Battery(battery())), device("other", DeviceKind::Battery(battery()))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    // The check would find a state that does not follow from one power a step.
    assert!(schedule.cost < home_cost(&outlook) - 1.0);
}

#[test]
fn an_export_price_above_the_import_price_stays_within_the_home() {
    let mut outlook = sunny(48, 1_800);
    outlook.export_price = vec![0.5; 48];
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    for limit in [f64::INFINITY, 11_000.0] {
        let aims = home::outlook::Aims { import_watts_max: limit, export_watts_max: limit, ..aims() };
        let schedule = plan(&devices, &outlook, &aims).expect("a plan");
        assert!(schedule.cost <= home_cost(&outlook) + 1e-6);
        assert!(schedule.grid_watts.iter().all(|watts| watts.abs() < 13_000.0));
    }
}

#[test]
fn a_car_is_charged_by_its_departure_where_it_is_cheapest() {
    let mut outlook = outlook(48, 1_800);
    outlook.import_price = (0..48).map(|step| if (8..16).contains(&step) { 0.1 } else { 0.3 }).collect();
    let devices = [device("car", DeviceKind::Car(car(48, &[Departure { step: 24, kilowatt_hours: 40.0 }])))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    let states = &schedule.devices[0].states;
    assert!(states[24] > 39.9 && states[8] < 20.1, "{states:?}");
    assert!(schedule.shortfalls.is_empty());
    let words: Vec<&str> = schedule.devices[0].reasons.iter().map(|reason| &*reason.words).collect();
    assert!(words[0].starts_with("waits because a kilowatt hour costs 0.30 now and 0.10 at 04:00"), "{words:#?}");
}

#[test]
fn what_a_car_cannot_have_is_told_with_what_helps() {
    let outlook = outlook(24, 1_800);
    let mut of = car(24, &[Departure { step: 12, kilowatt_hours: 36.0 }]);
    (of.battery.stored_kilowatt_hours, of.battery.charge_watts_max, of.battery.charge_efficiency) =
        (18.0, 2_000.0, 1.0);
    let schedule = plan(&[device("car", DeviceKind::Car(of.clone()))], &outlook, &aims()).expect("a plan");
    assert_eq!(schedule.shortfalls.len(), 1);
    assert_eq!(schedule.shortfalls[0].words, "60 % by 06:00 is impossible: 3 h at 2.0 kW are missing");
    assert_eq!(schedule.shortfalls[0].relaxation, "ask for 50 %");
    // More than it holds: only less helps.
    of.departures[0].kilowatt_hours = 90.0;
    let schedule = plan(&[device("car", DeviceKind::Car(of))], &outlook, &aims()).expect("a plan");
    assert_eq!(schedule.shortfalls[0].relaxation, "ask for 50 %");
}

#[test]
fn a_car_that_cannot_charge_slowly_charges_fast_or_not() {
    let outlook = sunny(96, 900);
    let mut of = car(96, &[Departure { step: 80, kilowatt_hours: 27.0 }]);
    of.charge_watts_min = 1_400.0;
    let schedule = plan(&[device("car", DeviceKind::Car(of))], &outlook, &aims()).expect("a plan");
    assert!(
        schedule.devices[0].watts.iter().all(|watts| *watts < 0.2 || *watts > 1_399.0),
        "{:?}",
        schedule.devices[0].watts
    );
    assert!(schedule.devices[0].states[80] > 26.9);
}

#[test]
fn a_car_that_is_away_neither_takes_nor_gives() {
    let outlook = outlook(24, 3_600);
    let mut of = car(24, &[Departure { step: 8, kilowatt_hours: 40.0 }]);
    of.plugged[3..12].fill(false);
    let schedule = plan(&[device("car", DeviceKind::Car(of))], &outlook, &aims()).expect("a plan");
    assert!(schedule.devices[0].watts[3..12].iter().all(|watts| *watts == 0.0));
}

#[test]
fn water_is_hot_when_it_is_drawn_and_heated_when_it_is_cheap() {
    let mut outlook = outlook(48, 1_800);
    outlook.import_price = (0..48).map(|step| if (4..10).contains(&step) { 0.1 } else { 0.35 }).collect();
    let schedule = plan(&[device("tank", DeviceKind::Tank(tank(48)))], &outlook, &aims()).expect("a plan");
    assert!(schedule.devices[0].states[14] > 44.9, "{:?}", schedule.devices[0].states);
    let cheap = energy(&schedule, 0, 4..10);
    assert!(cheap > 0.6 * energy(&schedule, 0, 0..48), "{cheap}");
    assert!(schedule.shortfalls.is_empty(), "{:?}", schedule.shortfalls);
}

#[test]
fn rooms_are_warmed_before_power_is_dear_and_stay_in_their_band() {
    let mut outlook = outlook(96, 900);
    outlook.import_price = (0..96).map(|step| if (64..80).contains(&step) { 0.6 } else { 0.2 }).collect();
    outlook.outdoor_celsius = vec![0.0; 96];
    let schedule = plan(&[device("zone", DeviceKind::Zone(zone(96)))], &outlook, &aims()).expect("a plan");
    let states = &schedule.devices[0].states;
    assert!(states[8..].iter().all(|celsius| (19.95..23.05).contains(celsius)), "{states:?}");
    assert!(states[64] > 20.5, "it is warmer when power becomes dear: {}", states[64]);
    let words: Vec<&str> = schedule.devices[0].reasons.iter().map(|reason| &*reason.words).collect();
    assert!(words.iter().any(|words| words.contains("because a kilowatt hour costs 0.2")), "{words:#?}");
}

#[test]
fn rooms_are_cooled_too() {
    let mut outlook = outlook(48, 1_800);
    outlook.outdoor_celsius = vec![34.0; 48];
    let mut of = zone(48);
    of.performance = vec![-3.0; 48];
    (of.celsius_max, of.air_celsius, of.mass_celsius) = (vec![25.0; 48], 27.0, 26.0);
    let schedule = plan(&[device("zone", DeviceKind::Zone(of))], &outlook, &aims()).expect("a plan");
    assert!(schedule.devices[0].states[12..].iter().all(|celsius| *celsius < 25.1), "{:?}", schedule.devices[0].states);
}

#[test]
fn contradicting_bands_meet_in_their_middle_and_are_told() {
    let outlook = outlook(48, 1_800);
    let mut of = zone(48);
    (of.celsius_min, of.celsius_max) = (vec![22.0; 48], vec![20.0; 48]);
    let mut water = tank(48);
    (water.celsius_min, water.celsius_max) = (60.0, 50.0);
    let devices = [device("zone", DeviceKind::Zone(of)), device("tank", DeviceKind::Tank(water))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    assert!((schedule.devices[0].states[40] - 21.0).abs() < 0.1, "{:?}", schedule.devices[0].states);
    let words: Vec<&str> = schedule.shortfalls.iter().map(|shortfall| &*shortfall.words).collect();
    assert!(words.iter().filter(|words| words.contains("contradict each other")).count() == 2, "{words:?}");
}

#[test]
fn a_machine_runs_as_a_whole_where_it_is_cheapest() {
    let mut outlook = outlook(48, 1_800);
    outlook.import_price = (0..48).map(|step| if (30..36).contains(&step) { 0.1 } else { 0.3 }).collect();
    let of = Appliance { programme_watts: vec![2_000.0, 200.0, 0.0, 1_500.0], earliest_start: 4, latest_end: 48 };
    let schedule = plan(&[device("washer", DeviceKind::Appliance(of))], &outlook, &aims()).expect("a plan");
    let watts = &schedule.devices[0].watts;
    assert!((30..=32).any(|start| watts[start] == 2_000.0 && watts[start + 3] == 1_500.0), "{watts:?}");
    assert!((energy(&schedule, 0, 0..48) - 1.85).abs() < 1e-9);
}

#[test]
fn several_machines_do_not_run_into_a_limit_together() {
    let outlook = outlook(48, 1_800);
    let aims = home::outlook::Aims { import_watts_max: 3_000.0, ..aims() };
    let of =
        |watts| DeviceKind::Appliance(Appliance { programme_watts: vec![watts; 3], earliest_start: 0, latest_end: 9 });
    let devices = [device("washer", of(2_000.0)), device("dryer", of(2_200.0)), device("dishes", of(1_800.0))];
    let schedule = plan(&devices, &outlook, &aims).expect("a plan");
    assert!(schedule.grid_watts.iter().all(|watts| *watts <= 3_000.5), "{:?}", schedule.grid_watts);
    assert!(schedule.shortfalls.is_empty(), "{:?}", schedule.shortfalls);
}

#[test]
fn a_machine_that_fits_nowhere_is_told() {
    let outlook = outlook(24, 1_800);
    let of = Appliance { programme_watts: vec![500.0; 4], earliest_start: 4, latest_end: 6 };
    let schedule = plan(&[device("washer", DeviceKind::Appliance(of))], &outlook, &aims()).expect("a plan");
    assert_eq!(schedule.shortfalls[0].words, "it needs 2 h and may take only 1 h");
    assert_eq!(schedule.shortfalls[0].relaxation, "let it end 1 h later");
}

#[test]
fn a_pump_runs_long_enough_at_a_time_where_it_may() {
    let mut outlook = outlook(48, 1_800);
    outlook.import_price = (0..48).map(|step| if step % 4 == 0 { 0.1 } else { 0.3 }).collect();
    let mut allowed = vec![true; 48];
    allowed[0..6].fill(false);
    let of = Switched { watts: 800.0, steps_on: 9, run_steps_min: 3, allowed };
    let schedule = plan(&[device("pump", DeviceKind::Switched(of))], &outlook, &aims()).expect("a plan");
    let on: Vec<bool> = schedule.devices[0].watts.iter().map(|watts| *watts > 0.0).collect();
    assert_eq!(on.iter().filter(|on| **on).count(), 9);
    let runs: Vec<usize> = on.split(|on| !on).map(<[bool]>::len).filter(|run| *run > 0).collect();
    assert!(runs.iter().all(|run| *run >= 3), "{runs:?}");
    let cheap = (0..48).filter(|step| on[*step] && step % 4 == 0).count();
    assert_eq!(cheap, 3, "each run has a cheap step: {on:?}");
}

#[test]
fn a_peak_is_shaved_down_to_the_one_that_has_been_paid_for() {
    let mut outlook = outlook(24, 3_600);
    outlook.load_watts[18] = 6_000.0;
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let aims = home::outlook::Aims { peak_price_per_kilowatt: 8.0, peak_watts_so_far: 3_000.0, ..aims() };
    let schedule = plan(&devices, &outlook, &aims).expect("a plan");
    assert!(schedule.grid_watts.iter().all(|watts| *watts < 3_001.0), "{:?}", schedule.grid_watts);
}

#[test]
fn changes_of_the_grids_power_cost() {
    let mut outlook = outlook(24, 3_600);
    outlook.load_watts = (0..24).map(|hour| if hour % 2 == 0 { 400.0 } else { 1_600.0 }).collect();
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let change =
        |schedule: &Schedule| schedule.grid_watts.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>();
    let rough = plan(&devices, &outlook, &aims()).expect("a plan");
    let smooth =
        plan(&devices, &outlook, &home::outlook::Aims { ramp_price_per_kilowatt: 0.5, ..aims() }).expect("a plan");
    assert!(change(&smooth) < 0.3 * change(&rough), "{} {}", change(&smooth), change(&rough));
}

#[test]
fn scenarios_share_their_first_step() {
    let mut outlook = outlook(24, 3_600);
    outlook.import_price = vec![0.3; 24];
    outlook.import_price[0] = 0.2;
    // As expected nothing will be needed; in one way of two very much.
    outlook.load_watts = vec![0.0; 24];
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let idle = plan(&devices, &outlook, &aims()).expect("a plan");
    let scenario = |load: f64, chance| Scenario { chance, load_watts: vec![load; 24], solar_watts: vec![0.0; 24] };
    outlook.scenarios = vec![scenario(0.0, 0.2), scenario(2_000.0, 0.8)];
    let careful = plan(&devices, &outlook, &aims()).expect("a plan");
    assert!(idle.devices[0].watts[0] < 1.0 && careful.devices[0].watts[0] > 1_000.0, "{:?}", careful.devices[0].watts);
}

#[test]
fn what_is_left_at_the_end_has_its_worth() {
    let outlook = outlook(24, 3_600);
    let devices = [device("battery", DeviceKind::Battery(battery()))];
    let aims = home::outlook::Aims { end_price_per_kilowatt_hour: 1.0, ..aims() };
    let schedule = plan(&devices, &outlook, &aims).expect("a plan");
    assert!(schedule.devices[0].states[24] > 9.95);
}

#[test]
fn nothing_to_decide_is_a_plan_too() {
    let outlook = sunny(96, 900);
    let schedule = plan(&[], &outlook, &aims()).expect("a plan");
    assert!((schedule.cost - home_cost(&outlook)).abs() < 1e-9);
}

#[test]
fn more_than_the_connection_carries_is_told() {
    let mut outlook = outlook(24, 3_600);
    outlook.load_watts[12] = 9_000.0;
    let schedule = plan(&[], &outlook, &home::outlook::Aims { import_watts_max: 5_000.0, ..aims() }).expect("a plan");
    assert_eq!(
        schedule.shortfalls[0].words,
        "9.0 kW must be taken from the grid at 12:00, and the connection gives 5.0 kW"
    );
}

#[test]
fn what_is_no_home_is_refused_with_what_and_where() {
    let good = || outlook(24, 3_600);
    let battery_of = |change: fn(&mut home::device::Battery)| {
        let mut battery = battery();
        change(&mut battery);
        [device("battery", DeviceKind::Battery(battery))]
    };
    let refused = |devices: &[home::device::Device], outlook: &home::outlook::Outlook| {
        plan(devices, outlook, &aims()).expect_err("refused").to_string()
    };
    let mut short = good();
    short.import_price.pop();
    assert_eq!(
        refused(&[], &short),
        "import_price of the outlook has 23 values for 24 steps\nhint: give one value a step"
    );
    let mut hollow = good();
    hollow.load_watts[3] = f64::NAN;
    assert!(refused(&[], &hollow).starts_with("load_watts of the outlook is NaN"));
    let mut dear = good();
    dear.import_price[3] = 1e9;
    assert!(refused(&[], &dear).starts_with("import_price of the outlook is 1000000000"));
    for steps in [0, 289] {
        assert!(matches!(plan(&[], &outlook(steps, 900), &aims()), Err(PlanFailed::Horizon { .. })));
    }
    assert!(
        refused(&battery_of(|battery| battery.capacity_kilowatt_hours = -1.0), &good())
            .starts_with("capacity_kilowatt_hours of battery is -1")
    );
    assert!(
        refused(&battery_of(|battery| battery.reserve_kilowatt_hours = 11.0), &good())
            .starts_with("reserve_kilowatt_hours of battery is 11")
    );
    assert!(
        refused(&battery_of(|battery| battery.charge_efficiency = 0.0), &good())
            .starts_with("charge_efficiency of battery is 0")
    );
    let twice = [battery_of(|_| ()), battery_of(|_| ())].concat();
    assert!(refused(&twice, &good()).starts_with("battery is among the devices twice"));
    let late = [device("car", DeviceKind::Car(car(24, &[Departure { step: 25, kilowatt_hours: 1.0 }])))];
    assert!(refused(&late, &good()).starts_with("the step of a departure of car is 25"));
    let mut unlikely = good();
    unlikely.scenarios = vec![Scenario { chance: 0.4, load_watts: vec![0.0; 24], solar_watts: vec![0.0; 24] }];
    assert!(refused(&[], &unlikely).starts_with("the sum of all chances of the outlook is 0.4"));
}

#[test]
fn huge_and_negative_prices_are_prices() {
    let mut outlook = sunny(48, 1_800);
    outlook.import_price = (0..48).map(|step| [0.2, -5.0, 9_000.0, 0.0][step % 4]).collect();
    outlook.export_price = outlook.import_price.iter().map(|price| price - 0.1).collect();
    let devices = [device("battery", DeviceKind::Battery(battery())), device("car", DeviceKind::Car(car(48, &[])))];
    let schedule = plan(&devices, &outlook, &aims()).expect("a plan");
    assert!(schedule.cost < home_cost(&outlook));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The plan has passed its check, or there would be none.
    #[test]
    fn any_home_has_a_plan((devices, outlook, aims) in any_home()) {
        let schedule = plan(&devices, &outlook, &aims);
        prop_assert!(schedule.is_ok(), "{}", schedule.expect_err("none"));
    }

    #[test]
    fn any_sunny_hour_has_a_plan((devices, outlook, aims) in any_sunny_hour()) {
        let schedule = plan(&devices, &outlook, &aims);
        prop_assert!(schedule.is_ok(), "{}", schedule.expect_err("none"));
    }

    #[test]
    fn batteries_never_cost_more_than_doing_nothing((devices, outlook, _) in any_home()) {
        let of = |mut device: home::device::Device| match &mut device.kind {
            // Keeping a reserve costs what standing loses.
            DeviceKind::Battery(battery) => { battery.reserve_kilowatt_hours = 0.0; Some(device) }
            _ => None,
        };
        let batteries: Vec<_> = devices.into_iter().filter_map(of).collect();
        let schedule = plan(&batteries, &outlook, &aims()).expect("a plan");
        let nothing = home_cost(&outlook);
        prop_assert!(schedule.cost <= nothing + 1e-3 * (1.0 + nothing.abs()), "{} {nothing}", schedule.cost);
    }

    #[test]
    fn the_order_of_devices_does_not_matter((devices, mut outlook, aims) in any_home()) {
        // What is best for all that may come in the first step need not be the cheapest for what is expected.
        outlook.scenarios.clear();
        let reversed: Vec<_> = devices.iter().cloned().rev().collect();
        let one = plan(&devices, &outlook, &aims).expect("a plan");
        let other = plan(&reversed, &outlook, &aims).expect("a plan");
        let size = one.grid_watts.iter().map(|watts| watts.abs()).sum::<f64>() / 1_000.0 * one.horizon.step_hours();
        prop_assert!((one.cost - other.cost).abs() < 0.01 * (1.0 + size), "{} {}", one.cost, other.cost);
    }
}
