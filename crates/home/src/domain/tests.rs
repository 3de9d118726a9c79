//! Runs of homes: what must hold whatever is drawn.

use serde_json::json;
use site::run::{Domain as _, Quiet, Scenario, Summary};

use super::*;
use crate::world::{CarLeavesEarly, Decide, Events, Home, Outage, PastDay, PriceSpike, Sizes, Spell};

/// A Monday in July, and one in January, at midnight in Berlin.
const JULY: i64 = 1_783_288_800;
const JANUARY: i64 = START_SECONDS - 3_600;

fn at(seconds: i64) -> model::Timestamp {
    model::Timestamp::from_seconds(seconds)
}

fn run(world: &HomeWorld, kind: PolicyKind, start: i64, days: u64, seed: u64) -> (figures::Figures, Course) {
    let course = Course::drawn(world, at(start), days * 86_400, seed);
    (live(world, kind, &course, &mut |_| true).unwrap(), course)
}

fn cost(world: &HomeWorld, kind: PolicyKind, start: i64, days: u64, seed: u64) -> f64 {
    let (figures, course) = run(world, kind, start, days, seed);
    figures.energy_cost(world, &course)
}

fn optimiser() -> PolicyKind {
    PolicyKind::Optimiser(Optimiser { step_minutes: 60, replan_minutes: 240, ..Optimiser::default() })
}

fn all() -> [PolicyKind; 3] {
    [optimiser(), PolicyKind::Rules, PolicyKind::NoControl]
}

fn scenario(policy: &str, world: Json) -> Scenario {
    serde_json::from_value(json!({
        "domain": "home", "policy": {"name": policy}, "world": world, "duration_seconds": 3 * 86_400, "seeds": [1, 2],
    }))
    .unwrap()
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for policy in PolicyKind::NAMES {
        let scenario = scenario(policy, Json::Null);
        assert_eq!(Energy.check(&scenario), []);
        let [first, again, other] = [1, 1, 2].map(|seed| Energy.simulate(&scenario, seed, &mut Quiet).unwrap());
        assert_eq!(first, again, "{policy}");
        assert_ne!(first.trace, other.trace, "{policy}");
        assert!(first.findings[0].contains("sample family"), "{:?}", first.findings);
    }
}

#[test]
fn who_plans_pays_less_than_rules_and_those_less_than_nobody() {
    for start in [JANUARY, JULY] {
        let world = HomeWorld::default();
        let of = |kind| -> f64 { (1..=2).map(|seed| cost(&world, kind, start, 5, seed)).sum() };
        let [plans, rules, nobody] = all().map(of);
        println!("5 days from {start}, two seeds: plans {plans:.2}, rules {rules:.2}, nobody {nobody:.2}");
        assert!(plans < rules && rules < nobody, "{plans} {rules} {nobody}");
    }
    let (figures, course) = run(&HomeWorld::default(), optimiser(), JANUARY, 7, 3);
    let kpis = figures.kpis(&HomeWorld::default(), &course);
    assert!(figures.failed_plans == 0 && figures.plans >= 42, "{} {}", figures.failed_plans, figures.plans);
    assert!(kpis["discomfort_kelvin_hours"] < 14.0 && kpis["missed_departures"] < 1.0, "{kpis:?}");
}

#[test]
fn a_bigger_battery_never_costs_more() {
    for kind in [optimiser(), PolicyKind::Rules] {
        for start in [JANUARY, JULY] {
            let mut last = f64::INFINITY;
            for kilowatt_hours in [0.0, 4.0, 8.0, 16.0] {
                let sizes = Sizes { battery_kilowatt_hours: kilowatt_hours, ..Sizes::default() };
                let own = cost(&HomeWorld { sizes, ..HomeWorld::default() }, kind, start, 7, 5);
                assert!(
                    own <= last + 0.02 * last.abs().min(30.0) + 0.15,
                    "{kind:?} {start} {kilowatt_hours} kWh: {own} after {last}"
                );
                last = own;
            }
        }
    }
}

#[test]
fn heat_cold_and_spikes_cost() {
    let spell = |kelvin| Some(Spell { from_day: 1, days: 3, kelvin });
    let hot = Events { heat_wave: spell(9.0), ..Events::default() };
    let cold = Events { cold_snap: spell(9.0), ..Events::default() };
    let dear = Events { price_spike: Some(PriceSpike { from_day: 1, days: 2, factor: 3.0 }), ..Events::default() };
    for (name, events, start) in [("heat", hot, JULY), ("cold", cold, JANUARY), ("price", dear, JANUARY)] {
        for kind in all() {
            let usual = cost(&HomeWorld::default(), kind, start, 4, 1);
            let with = cost(&HomeWorld { events, ..HomeWorld::default() }, kind, start, 4, 1);
            assert!(with > usual + 0.3, "{name} {kind:?}: {with} beside {usual}");
        }
    }
}

#[test]
fn an_outage_finds_the_reserve_and_the_battery_bridges_it() {
    let events = Events { outage: Some(Outage { from_hour: 42.0, hours: 5.0 }), ..Events::default() };
    let mut world = HomeWorld { events, ..HomeWorld::default() };
    world.body.battery.reserve_percent = 40.0;
    for kind in all() {
        let (figures, course) = run(&world, kind, JANUARY, 3, 1);
        let reserve = 0.4 * world.sizes.battery_kilowatt_hours;
        let stored = figures.stored_at_outage.unwrap();
        // Standing takes a little of it, which nobody can keep.
        assert!(stored > 0.98 * reserve, "{kind:?}: {stored} of {reserve}");
        let unserved = figures.kpis(&world, &course)["unserved_kilowatt_hours"];
        let none = HomeWorld { sizes: Sizes { battery_kilowatt_hours: 0.0, ..world.sizes }, ..world.clone() };
        let (without, course) = run(&none, kind, JANUARY, 3, 1);
        let dark = without.kpis(&none, &course)["unserved_kilowatt_hours"];
        assert!(unserved < 0.5 * dark, "{kind:?}: {unserved} beside {dark}");
        assert!(figures.findings(&world, &course).iter().any(|finding| finding.contains("the grid went")));
    }
}

#[test]
fn a_car_that_leaves_early_is_missed_and_told() {
    let early = Events { car_leaves_early: Some(CarLeavesEarly { day: 1, minutes: 600 }), ..Events::default() };
    let missed = |events| {
        let mut world = HomeWorld { events, ..HomeWorld::default() };
        let car = world.body.car.as_mut().unwrap();
        (car.trip_kilowatt_hours, car.wanted_percent) = (22.0, 80.0);
        let (figures, course) = run(&world, optimiser(), JANUARY, 3, 1);
        (figures.kpis(&world, &course)["missed_departures"], figures.findings(&world, &course))
    };
    let (usual, _) = missed(Events::default());
    let (surprised, findings) = missed(early);
    assert!(usual < 1.0 && surprised >= 1.0, "{usual} {surprised}");
    assert!(findings.iter().any(|finding| finding.contains("the car left")), "{findings:?}");
}

#[test]
fn days_of_23_and_25_hours_are_lived_by_the_wall_clock() {
    for (start, slots) in [("2026-03-28T23:00:00Z", 92), ("2026-10-24T22:00:00Z", 100)] {
        let start = model::Timestamp::parse(start).unwrap();
        let world = HomeWorld::default();
        let course = Course::drawn(&world, start, 3 * 86_400, 1);
        assert_eq!(course.slots.iter().filter(|slot| slot.day == 0).count(), slots);
        assert_eq!(course.slots.iter().filter(|slot| slot.day == 1).count(), 96);
        let evening = course.slots[..slots].iter().filter(|slot| (17 * 60..21 * 60).contains(&slot.minute));
        assert!(evening.clone().count() == 16 && evening.clone().all(|slot| (slot.import_price - 0.42).abs() < 1e-9));
        let night = course.slots[..slots].iter().filter(|slot| (slot.import_price - 0.22).abs() < 1e-9).count();
        assert_eq!(night, slots - 80, "from one to five o'clock");
        let figures = live(&world, optimiser(), &course, &mut |_| true).unwrap();
        assert_eq!(figures.failed_plans, 0);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let places = |policy: &str, world: Json| -> Vec<String> {
        Energy.check(&scenario(policy, world)).into_iter().map(|one| one.place).collect()
    };
    assert_eq!(places("magic", Json::Null), ["/policy/name"]);
    assert_eq!(places("rules", json!({"zone": "Moon/Base"})), ["/world/zone"]);
    assert_eq!(
        places("rules", json!({"sizes": {"battery_kilowatt_hours": -1.0}})),
        ["/world/sizes/battery_kilowatt_hours"]
    );
    assert_eq!(places("rules", json!({"sizes": {"baterie": 1.0}})), ["/world"]);
    assert_eq!(
        places("rules", json!({"body": {"rooms": {"day_celsius_min": 22.0, "celsius_max": 21.0}}})),
        ["/world/body/rooms/celsius_max"]
    );
    assert_eq!(
        places("rules", json!({"days": [{"day_of_year": 400, "weekday": 1, "load_watts": [1.0]}]})),
        [
            "/world/days/0/day_of_year",
            "/world/days/0/load_watts",
            "/world/days/0/sun_watts_per_kilowatt",
            "/world/days/0/outdoor_celsius"
        ]
    );
    assert_eq!(
        places(
            "rules",
            json!({"tariff": {"currency": "EUR", "import": {"kind": "time_of_use", "otherwise": null, "windows": []},
            "export": {"kind": "flat", "price": 0.1}, "capacity_price_per_kilowatt_month": 0.0}})
        ),
        ["/world/tariff/import/windows"]
    );
    let mut steps = scenario("optimiser", Json::Null);
    steps.policy.parameters = json!({"step_minutes": 17});
    assert_eq!(Energy.check(&steps)[0].place, "/policy/parameters/step_minutes");
}

#[test]
fn the_interval_of_a_saving_covers_what_is_true() {
    // A battery under rules, which cost little to simulate: the truth is the mean over very many seeds.
    let present =
        HomeWorld { sizes: Sizes { battery_kilowatt_hours: 0.0, ..Sizes::default() }, ..HomeWorld::default() };
    let larger = HomeWorld::default();
    let saving = |seed: u64| {
        let year = |world: &HomeWorld| cost(world, PolicyKind::Rules, JULY, 3, seed) / 3.0 * YEAR_DAYS;
        year(&present) - year(&larger)
    };
    let savings: Vec<f64> = (0..120).map(saving).collect();
    let truth = savings.iter().sum::<f64>() / savings.len() as f64;
    let (purchase, _) = larger.purchase.cost(&present.sizes, &larger.sizes);
    assert!((purchase - 6_000.0).abs() < 1e-9);
    let groups: Vec<&[f64]> = savings.chunks(5).collect();
    let covered = groups.iter().filter(|group| {
        let pay_back = PayBack::of(purchase, &Summary::of(group).unwrap());
        let years = purchase / truth;
        pay_back.least.is_some_and(|least| least <= years) && pay_back.most.is_none_or(|most| years <= most)
    });
    let (covered, all) = (covered.count(), groups.len());
    println!("pay-back: {covered} of {all} intervals of five seeds cover the truth");
    assert!(covered * 100 >= all * 85, "{covered} of {all}");
}

#[test]
fn pay_back_of_what_saves_nothing_is_never() {
    let summary = |figures: &[f64]| Summary::of(figures).unwrap();
    let sure = PayBack::of(1_000.0, &summary(&[100.0, 101.0, 99.0]));
    assert!(sure.years.is_some_and(|years| (years - 10.0).abs() < 1e-9) && sure.most.is_some_and(|most| most < 10.3));
    let doubtful = PayBack::of(1_000.0, &summary(&[300.0, -100.0, 100.0]));
    assert!(doubtful.years.is_some() && doubtful.most.is_none());
    assert_eq!(PayBack::of(1_000.0, &summary(&[-5.0, -6.0])).years, None);
}

#[test]
fn another_size_is_compared_on_the_same_days() {
    let mut base = scenario("rules", json!({"sizes": {"battery_kilowatt_hours": 0.0}}));
    base.start = at(JULY);
    let input = json!({"scenario": base, "change": {"/world/sizes/battery_kilowatt_hours": 8.0}});
    let answer = Energy.operate("what_if", input.clone()).unwrap();
    assert!(answer["saving_per_year"]["mean"].as_f64().unwrap() > 100.0, "{answer}");
    assert!((answer["purchase"].as_f64().unwrap() - 5_100.0).abs() < 1e-9);
    assert!(answer["words"].as_str().unwrap().contains("EUR a year saved"), "{}", answer["words"]);
    let mut wrong = input;
    wrong["change"] = json!({"/world/sizes/battery": 8.0});
    assert_eq!(Energy.operate("what_if", wrong).unwrap_err()[0].place, "/change/~1world~1sizes~1battery");
}

/// Days as a meter would have recorded them while a policy ran a home.
fn recorded(world: &HomeWorld, kind: PolicyKind, start: i64, days: u64, seed: u64) -> Vec<PastDay> {
    let course = Course::drawn(world, at(start), days * 86_400, seed);
    let (mut home, mut policy) = (Home::new(world), Decide::new(kind, world.past()));
    let mut recorded: Vec<PastDay> = Vec::new();
    for slot in 0..course.lived {
        let commands = policy.decide(&home, &course, slot);
        let now = course.slots[slot];
        let flows = home.step(&now, &commands);
        policy.learn(flows.grid);
        if recorded.len() <= now.day as usize {
            recorded.push(PastDay { day_of_year: 180, weekday: now.weekday, ..PastDay::default() });
        }
        let day = recorded.last_mut().unwrap();
        day.load_watts.push(now.load_watts as f32);
        day.sun_watts_per_kilowatt.push(now.sun_watts_per_kilowatt as f32);
        day.outdoor_celsius.push(now.outdoor_celsius as f32);
        day.import_watts.push(flows.grid.max(0.0) as f32);
        day.export_watts.push((-flows.grid).max(0.0) as f32);
    }
    recorded
}

/// A home without people's chances, so that a replay meets what was recorded.
fn still() -> HomeWorld {
    let mut world = HomeWorld::default();
    (world.body.car, world.body.tank) = (None, None);
    world.body.appliances.clear();
    world
}

#[test]
fn the_bill_is_met_and_what_another_policy_would_have_cost_is_said() {
    let mut world = still();
    world.days = recorded(&world, PolicyKind::NoControl, JULY, 14, 4);
    let ask = |world: &HomeWorld| {
        let input = json!({"world": world, "start": JULY * 1_000_000, "paid": 20.0,
            "ran": {"name": "no_control"}, "instead": {"name": "rules"}});
        Energy.operate("bill", input).unwrap()
    };
    let answer = ask(&world);
    assert_eq!(answer["promised"], json!(true), "{answer}");
    let truth = {
        let cost_of = |kind| {
            let course = Course::replayed(&world, at(JULY), 0);
            live(&world, kind, &course, &mut |_| true).unwrap().energy_cost(&world, &course)
        };
        cost_of(PolicyKind::NoControl) - cost_of(PolicyKind::Rules)
    };
    let of = |name: &str| answer["saving"][name].as_f64().unwrap();
    assert!(of("low") <= truth && truth <= of("high") && of("mean") > 3.0, "{truth} {answer}");
    assert!(answer["words"].as_str().unwrap().contains("were paid"), "{}", answer["words"]);
    // Another home than the one that was recorded.
    let mut other = world.clone();
    other.body.rooms.as_mut().unwrap().model.outer_watts_per_kelvin *= 3.0;
    other.sizes.solar_kilowatts = 1.0;
    let answer = ask(&other);
    assert_eq!((&answer["promised"], &answer["saving"]), (&json!(false), &Json::Null), "{answer}");
    let mut blind = world;
    blind.days[3].import_watts.clear();
    let input = json!({"world": blind, "start": 0, "ran": {"name": "rules"}, "instead": {"name": "rules"}});
    assert_eq!(Energy.operate("bill", input).unwrap_err()[0].place, "/world/days/3/import_watts");
}

#[test]
fn savings_are_told_with_an_interval_or_not_at_all() {
    let mut world = still();
    let before = recorded(&world, PolicyKind::NoControl, JULY, 14, 8);
    world.days = recorded(&world, PolicyKind::Rules, JULY, 21, 9);
    let mut input = json!({"world": world, "start": JULY * 1_000_000, "before": {"name": "no_control"},
        "calibration": before, "calibration_start": JULY * 1_000_000});
    let answer = Energy.operate("savings", input.clone()).unwrap();
    let of = |name: &str| answer["saving"][name].as_f64().unwrap();
    assert!(of("low") > 0.0 && of("low") < of("mean") && of("mean") < of("high"), "{answer}");
    let course = Course::replayed(&world, at(JULY), 0);
    let [with, without] = [PolicyKind::Rules, PolicyKind::NoControl]
        .map(|kind| live(&world, kind, &course, &mut |_| true).unwrap().daily_cost.iter().sum::<f64>());
    assert!(of("low") <= without - with && without - with <= of("high"), "{} {answer}", without - with);
    input["calibration"] = json!([]);
    let answer = Energy.operate("savings", input).unwrap();
    assert_eq!((&answer["promised"], &answer["saving"]), (&json!(false), &Json::Null));
    assert!(answer["words"].as_str().unwrap().contains("nothing is promised"), "{answer}");
}
