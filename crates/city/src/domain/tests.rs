//! Signal policies in the loop.

use site::run::{PolicyChoice, Quiet};

use super::*;

fn scenario(policy: &str, world: Json) -> Scenario {
    Scenario {
        title: String::new(),
        domain: Signals::NAME.to_owned(),
        policy: PolicyChoice { name: policy.to_owned(), parameters: Json::Null },
        world,
        start: serde_json::from_value(json!(0)).unwrap(),
        duration_seconds: 900,
        seeds: vec![1],
    }
}

#[test]
fn the_same_seed_gives_the_same_and_policies_are_told_apart() {
    let world =
        json!({"columns": 2, "rows": 1, "incidents": [{"from_seconds": 300, "seconds": 200, "demand_times": 1.4}]});
    let run = |policy: &str, seed| Signals.simulate(&scenario(policy, world.clone()), seed, &mut Quiet).unwrap();
    let (planned, fixed) = (run("planned", 3), run("fixed", 3));
    assert_eq!(planned, run("planned", 3));
    assert_ne!(planned.trace, run("planned", 4).trace);
    assert!(planned.kpis["mean_delay"] < fixed.kpis["mean_delay"], "{:?} {:?}", planned.kpis, fixed.kpis);
    let described: Vec<&str> = Signals.description().kpis.iter().map(|kpi| kpi.name).collect();
    assert!(described.iter().all(|name| planned.kpis.contains_key(*name)) && described.len() == planned.kpis.len());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let places = |policy: &str, world: Json| -> Vec<String> {
        Signals.check(&scenario(policy, world)).into_iter().map(|complaint| complaint.place).collect()
    };
    assert!(places("planned", Json::Null).is_empty());
    assert_eq!(places("clever", Json::Null), ["/policy/name"]);
    assert_eq!(places("fixed", json!({"columns": 0, "block_meters": 1.0})), ["/world/columns", "/world/block_meters"]);
    assert_eq!(places("fixed", json!({"network": "<net/>"})), ["/world/network"]);
    assert_eq!(places("fixed", json!({"limits": {"red_seconds_max": 10}})), ["/world/limits"]);
    assert_eq!(places("fixed", json!({"colums": 3})), ["/world"]);
}
