//! The demo home as a whole: the same for the same seed, plausible over weeks, and live where history ends.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use model::{RecordKind, Timestamp, Value};
use world::{Batch, Point, Report, Said, backfill, home};

fn start() -> Timestamp {
    Timestamp::parse("2026-10-23T00:00:00Z").unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn history(seed: u64, from: Timestamp, length: Duration) -> Vec<Point> {
    let mut world = home(seed, from).world;
    let mut all = Vec::new();
    let mut last_done = 0.0;
    let sink = |batch: Batch<'_>| {
        assert!(batch.done > last_done && batch.done <= 1.0);
        last_done = batch.done;
        all.extend_from_slice(batch.points);
        Ok::<(), Infallible>(())
    };
    backfill(&mut world, from + length, sink).unwrap();
    assert_eq!((world.time(), last_done), (from + length, 1.0));
    all
}

/// FNV-1a over the text of every point.
fn fingerprint(points: &[Point]) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for point in points {
        let line = format!("{} {:?} {} {} {:?}\n", point.thing, point.kind, point.name, point.time.0, point.value);
        hash = line.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    }
    format!("{} points, {hash:016x}", points.len())
}

/// The same on every machine: a change of this line is a change of the demo's world.
#[test]
fn the_same_seed_tells_the_same_history() {
    let points = history(42, start(), days(2));
    assert!(points.windows(2).all(|pair| pair[0].time <= pair[1].time), "in the order of time");
    insta::assert_snapshot!(fingerprint(&points), @"53066 points, 28a162b2d97daaa3");
    assert_ne!(fingerprint(&points), fingerprint(&history(43, start(), days(2))));
}

/// The values of one series.
fn series(points: &[Point], thing: &str, name: &str) -> Vec<(Timestamp, Value)> {
    let of = |point: &&Point| point.thing.as_str() == thing && point.name.as_str() == name;
    points.iter().filter(of).map(|point| (point.time, point.value.clone())).collect()
}

fn numbers(points: &[Point], thing: &str, name: &str) -> Vec<(Timestamp, f64)> {
    let numbers: Vec<_> =
        series(points, thing, name).into_iter().filter_map(|(time, value)| Some((time, value.as_f64()?))).collect();
    assert!(!numbers.is_empty(), "{thing}/{name} tells something");
    numbers
}

fn range(numbers: &[(Timestamp, f64)]) -> (f64, f64) {
    numbers.iter().fold((f64::MAX, f64::MIN), |(low, high), (_, x)| (low.min(*x), high.max(*x)))
}

fn within(points: &[Point], thing: &str, name: &str, low: f64, high: f64) {
    let (least, most) = range(&numbers(points, thing, name));
    assert!(least >= low && most <= high, "{thing}/{name} goes from {least} to {most}");
}

fn hour(time: Timestamp) -> f64 {
    time.seconds().rem_euclid(86_400.0) / 3_600.0
}

fn grown(points: &[Point], thing: &str, name: &str) -> f64 {
    let numbers = numbers(points, thing, name);
    assert!(numbers.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{thing}/{name} only grows");
    numbers[numbers.len() - 1].1 - numbers[0].1
}

#[test]
fn two_autumn_weeks_are_plausible() {
    let points = history(7, start(), days(14));
    for room in ["living-room", "kitchen", "childrens-room", "study", "bathroom"] {
        within(&points, &format!("thermostat-{room}"), "temperature", 13.0, 28.0);
    }
    within(&points, "air-quality-bedroom", "co2", 400.0, 2_600.0);
    assert!(range(&numbers(&points, "air-quality-bedroom", "co2")).1 > 900.0, "people breathe at night");
    within(&points, "air-quality-living-room", "pm25", 0.0, 80.0);
    within(&points, "hot-water-tank", "temperature", 25.0, 62.0);
    within(&points, "fridge", "temperature", 2.0, 10.0);
    within(&points, "weather-station", "temperature", -12.0, 30.0);
    within(&points, "grid-meter", "power", -9_000.0, 16_000.0);
    within(&points, "grid-meter", "voltage", 215.0, 245.0);
    within(&points, "home-battery", "charge", 5.0, 100.0);

    let night = |time| !(5.0..19.0).contains(&hour(time));
    let solar = numbers(&points, "solar-inverter", "power");
    assert!(solar.iter().all(|(time, watts)| !night(*time) || *watts == 0.0), "no sun at night");
    assert!(range(&solar).1 > 3_000.0);
    let lit = series(&points, "light-living-room", "on").into_iter().filter(|(_, on)| *on == Value::Boolean(true));
    assert!(lit.clone().count() >= 8 && lit.clone().all(|(time, _)| !(10.0..14.0).contains(&hour(time))));

    let per_day = |kilowatt_hours: f64| kilowatt_hours / 14.0;
    let imported = per_day(grown(&points, "grid-meter", "energy_imported"));
    let solar = per_day(grown(&points, "solar-inverter", "energy"));
    let heat_pump = per_day(grown(&points, "heat-pump", "energy"));
    assert!((3.0..40.0).contains(&imported), "{imported} kWh imported a day");
    assert!((4.0..40.0).contains(&solar), "{solar} kWh of sun a day");
    assert!((1.0..30.0).contains(&heat_pump), "{heat_pump} kWh for heat a day");
    let litres = grown(&points, "water-meter", "total") * 1_000.0 / 14.0;
    assert!((80.0..600.0).contains(&litres), "{litres} l of water a day");
    let washes = grown(&points, "washing-machine", "cycles");
    assert!((3.0..12.0).contains(&washes), "{washes} washes");

    let happened = |kind: RecordKind, name: &str| points.iter().any(|p| p.kind == kind && p.name.as_str() == name);
    assert!(happened(RecordKind::Event, "pressed") && happened(RecordKind::Event, "finished"));
    let offline = points.iter().filter(|point| point.kind == RecordKind::Presence && point.value == "offline".into());
    let offline: Vec<&str> = offline.map(|point| point.thing.as_str()).collect();
    assert!(!offline.is_empty() && offline.iter().all(|thing| *thing == "motion-garage"), "{offline:?}");
    assert!(range(&numbers(&points, "smoke-detector-hall", "battery")).1 < 15.0, "its battery is low");
}

#[test]
fn working_days_differ_from_weekends_and_summer_from_winter() {
    let points = history(7, start(), days(14));
    let mut away = BTreeMap::<bool, u32>::new();
    for (time, home) in series(&points, "car", "home") {
        let weekday = (time.0.div_euclid(86_400_000_000) + 3).rem_euclid(7);
        if home == Value::Boolean(false) && (7.0..9.0).contains(&hour(time)) {
            *away.entry(weekday < 5).or_default() += 1;
        }
    }
    assert!(away.get(&true).copied().unwrap_or(0) > away.get(&false).copied().unwrap_or(0) + 4, "{away:?}");
    let sun = |from: &str| grown(&history(7, Timestamp::parse(from).unwrap(), days(5)), "solar-inverter", "energy");
    let (summer, winter) = (sun("2026-06-20T00:00:00Z"), sun("2026-12-15T00:00:00Z"));
    assert!(summer > winter * 1.5, "{summer} {winter}");
}

#[test]
fn live_goes_on_where_history_ends() {
    let from = start();
    let mut world = home(5, from).world;
    backfill(&mut world, from + days(1), |_| Ok::<(), Infallible>(())).unwrap();
    let mut reports: Vec<Report> = Vec::new();
    for _ in 0..30 {
        world.step(Duration::from_secs(1), &mut reports);
    }
    assert!(reports.iter().all(|report| !matches!(report.said, Said::Online(_))), "nothing begins anew");
    assert!(reports.len() < 200, "{} reports in half a minute", reports.len());
    // A world that is saved and restored in another life goes on, down to the last digit.
    let mut restored = home(1, Timestamp::EPOCH).world;
    let text = world.save().to_string();
    restored.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!((restored.time(), restored.save()), (world.time(), world.save()));
    world.step(Duration::from_hours(3), &mut Vec::new());
    restored.step(Duration::from_hours(3), &mut Vec::new());
    assert_eq!(restored.save(), world.save());
    assert!(restored.restore(&serde_json::json!({"seed": 1})).is_err());
    // A world that is reset lives the same life again.
    let tell = |world: &mut world::World| {
        let mut reports = Vec::new();
        world.step(Duration::from_hours(1), &mut reports);
        reports
    };
    world.reset(5, from);
    let again = tell(&mut world);
    assert_eq!(again, tell(&mut home(5, from).world));
}
