//! The demo home under the mind's eyes, second by second in stepped time: sensors that are broken are found within
//! seconds, by their names, and a quiet hour stays quiet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Name, Position, RecordKind, ThingId};
use site::mind::{Insight, InsightKind};
use site::{InsightQuery, NewThing, Site};
use store::history::{Batch, SeriesKey};
use world::{DemoThing, FaultKind, Said, World};

use crate::common::{Bench, id, name};

/// So much past the detectors learn from, as in the demo.
const PAST: Duration = Duration::from_hours(8 * 24);
/// A broken sensor is found within so much.
const FOUND_WITHIN_SECONDS: u32 = 20;

/// So many of the sensors may take longer.
const LATE_MAX: usize = 1;

/// Sensors of different make. Left out are those whose ordinary changes are as large and as quick as what the demo breaks
/// them by: appliances that are switched, a bathroom's humidity, a tank that is drawn from.
const SENSORS: [(&str, &str); 9] = [
    ("thermostat-living-room", "temperature"),
    ("air-quality-bedroom", "co2"),
    ("weather-station", "pressure"),
    ("air-quality-living-room", "humidity"),
    ("weather-station", "humidity"),
    ("weather-station", "temperature"),
    ("air-quality-bedroom", "temperature"),
    ("home-battery", "temperature"),
    ("grid-meter", "frequency"),
];

/// The demo home of a seed, its past known to the site.
struct Demo {
    bench: Bench,
    site: Arc<Site>,
    world: World,
    things: BTreeSet<ThingId>,
}

impl Demo {
    fn new(seed: u64) -> Self {
        let bench = Bench::new();
        let site = bench.open();
        let world::DemoHome { things, mut world, .. } = world::home(seed, crate::common::START - PAST);
        let known: BTreeSet<ThingId> = SENSORS.iter().map(|(thing, _)| id(thing)).collect();
        for DemoThing { id, title, model, .. } in things.into_iter().filter(|thing| known.contains(&thing.id)) {
            let (model, origin) = (Some((*model).clone()), <_>::default());
            let new = NewThing { id, title: Some(title), model, space: None, location: None, tags: Vec::new(), origin };
            site.create_thing(new).unwrap();
        }
        let history = site.history_engine();
        world::backfill(&mut world, crate::common::START, |batch| {
            let mut points = Vec::new();
            for point in batch.points.iter().filter(|point| known.contains(&point.thing)) {
                if point.kind == RecordKind::Property {
                    let key = SeriesKey { thing: point.thing.clone(), name: point.name.clone() };
                    points.push((history.series(&key)?, point.time, point.value.clone()));
                }
            }
            history.append(&Batch { points }, Position::START)
        })
        .unwrap();
        Self { bench, site, world, things: known }
    }

    /// Lets seconds pass.
    fn live(&mut self, seconds: u32) {
        let mut reports = Vec::new();
        for _ in 0..seconds {
            self.bench.pass(Duration::from_secs(1));
            self.world.step(Duration::from_secs(1), &mut reports);
            for report in reports.drain(..).filter(|report| self.things.contains(&report.thing)) {
                let Said::Properties { values, .. } = report.said else { continue };
                let values: serde_json::Map<String, serde_json::Value> =
                    values.into_iter().map(|(name, value)| (name.to_string(), value.to_json())).collect();
                let payload = serde_json::Value::Object(values).to_string();
                self.bench.say(&format!("things/{}/properties", report.thing), &payload);
            }
            self.site.turn().unwrap();
        }
    }

    fn found(&self) -> Vec<Insight> {
        self.site.insights(&InsightQuery { limit: 500, ..InsightQuery::default() }).items
    }

    fn words(&self) -> Vec<String> {
        self.found().into_iter().map(|insight| format!("{:?}: {}", insight.kind, insight.words)).collect()
    }

    /// How many seconds it takes until a broken sensor is found by its name; it is whole again afterwards.
    fn seconds_until_found(&mut self, (thing, property): (&str, &str), kind: FaultKind, named: InsightKind) -> u32 {
        let (thing, property): (ThingId, Name) = (id(thing), name(property));
        self.world.fault(&thing, &property, Some(kind)).unwrap();
        let is_it = |insight: &Insight| {
            (&insight.thing, &insight.name, insight.kind) == (&thing, &property, named) && insight.state.goes_on()
        };
        let seconds = (1..=3 * FOUND_WITHIN_SECONDS).find(|_| {
            self.live(1);
            self.found().iter().any(is_it)
        });
        let words: Vec<String> = self.found().into_iter().filter(is_it).map(|insight| insight.words).collect();
        assert!(words.iter().all(|words| words.contains(" of ") && words.ends_with('.')), "{words:?}");
        self.world.fault(&thing, &property, None).unwrap();
        seconds.unwrap_or(u32::MAX)
    }
}

#[test]
fn a_broken_sensor_of_the_demo_is_found_within_seconds_and_named() {
    let kinds = [
        (FaultKind::Stuck, InsightKind::Stuck),
        (FaultKind::Drift, InsightKind::Drift),
        (FaultKind::Spike, InsightKind::Spike),
    ];
    for seed in [5_081, 90_210] {
        let mut demo = Demo::new(seed);
        // A quarter of an hour in which nothing is broken.
        demo.live(900);
        let quiet = demo.words();
        assert!(quiet.len() <= 1, "seed {seed}: {quiet:?}");
        let mut late = Vec::new();
        for (place, sensor) in SENSORS.into_iter().enumerate() {
            let (fault, named) = kinds[(place + seed as usize) % kinds.len()];
            let seconds = demo.seconds_until_found(sensor, fault, named);
            if seconds > FOUND_WITHIN_SECONDS {
                late.push((sensor, named, seconds));
            }
        }
        assert!(late.len() <= LATE_MAX, "seed {seed}: {late:?} of {:?}", demo.words());
    }
}

#[test]
fn an_hour_of_a_demo_in_which_nothing_is_broken_is_quiet() {
    let found: Vec<(u64, String)> = [17, 404, 7_331]
        .into_iter()
        .flat_map(|seed| {
            let mut demo = Demo::new(seed);
            demo.live(3_600);
            demo.words().into_iter().map(move |words| (seed, words))
        })
        .collect();
    assert!(found.len() <= 2, "{found:#?}");
}
