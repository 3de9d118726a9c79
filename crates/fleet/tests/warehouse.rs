//! Warehouses at work: nobody runs into anybody, orders get done, the same again is the same, and what cannot be is said.

#![expect(clippy::unwrap_used, reason = "tests fail where they do")]

use std::collections::HashSet;

use fleet::floor::{Fulfilment, LineSide, Sortation};
use fleet::warehouse::{Fleet, FloorSource, OrderRow, Policy, Shift, Troubles, Warehouse};
use model::Timestamp;
use plan::Heading;
use serde_json::json;
use site::run::{Better, Domain, Plan, PlanRequest, PolicyChoice, Quiet, Scenario, Variation};

fn warehouse(floor: FloorSource, robots: u32, orders_per_hour: f64) -> Warehouse {
    let mut warehouse = Warehouse { floor, ..Warehouse::default() };
    warehouse.robots.count = robots;
    warehouse.demand.orders_per_hour = orders_per_hour;
    warehouse
}

fn scenario(warehouse: &Warehouse, seconds: u64) -> Scenario {
    Scenario {
        title: String::new(),
        domain: Fleet::NAME.into(),
        policy: PolicyChoice { name: Policy::NAME.into(), parameters: json!({}) },
        world: serde_json::to_value(warehouse).unwrap(),
        start: Timestamp(0),
        duration_seconds: seconds,
        seeds: vec![1],
    }
}

fn kpi(warehouse: &Warehouse, seconds: u64, name: &str) -> f64 {
    Fleet.simulate(&scenario(warehouse, seconds), 1, &mut Quiet).unwrap().kpis[name]
}

#[test]
fn nobody_runs_into_anybody_on_any_floor_whatever_goes_wrong() {
    let floors = [
        (FloorSource::Fulfilment(Fulfilment::default()), 40),
        (FloorSource::Sortation(Sortation::default()), 60),
        (FloorSource::LineSide(LineSide::default()), 12),
    ];
    for (floor, robots) in floors {
        let mut busy = warehouse(floor, robots, 1_200.0);
        busy.troubles = Troubles {
            stops_per_robot_hour: 30.0,
            stop_seconds: 10.0,
            breakdowns_per_robot_day: 48.0,
            repair_minutes: 2.0,
        };
        let mut shift = Shift::new(&busy, Policy::default(), 7).unwrap();
        let mut before: Vec<_> = shift.states().collect();
        for _ in 0..900 {
            shift.step();
            let after: Vec<_> = shift.states().collect();
            let cells: HashSet<_> = after.iter().map(|state| state.cell).collect();
            assert_eq!(cells.len(), after.len(), "two robots on one cell");
            let moves: HashSet<_> = before.iter().zip(&after).map(|(b, a)| (b.cell, a.cell)).collect();
            assert!(moves.iter().all(|(from, to)| from == to || !moves.contains(&(*to, *from))), "two robots swapped");
            for (before, after) in before.iter().zip(&after) {
                let ahead = shift.grid().ahead(before.cell, before.heading);
                assert!(after.cell == before.cell || (after.cell == ahead && after.heading == before.heading));
            }
            before = after;
        }
        let kpis = shift.close().kpis;
        assert!(kpis["orders_per_hour"] > 0.0, "{kpis:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_shift_and_another_is_another() {
    let small = scenario(&warehouse(FloorSource::default(), 20, 300.0), 600);
    let run = |seed| Fleet.simulate(&small, seed, &mut Quiet).unwrap();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).trace, run(2).trace);
}

#[test]
fn more_robots_do_more_until_the_stations_have_enough() {
    let done = |robots| kpi(&warehouse(FloorSource::default(), robots, 2_000.0), 1_200, "orders_per_hour");
    let (few, some, many) = (done(5), done(20), done(60));
    assert!(some > few * 2.5, "{few} {some}");
    assert!(many < some * 2.8, "eight stations serve one robot after the other: {some} {many}");
    let full = warehouse(FloorSource::default(), 60, 2_000.0);
    let outcome = Fleet.simulate(&scenario(&full, 1_200), 1, &mut Quiet).unwrap();
    assert!(outcome.kpis["orders_per_hour"] <= outcome.kpis["bound_orders_per_hour"] * 1.05);
    assert_eq!(outcome.findings.len(), 1, "{:?} {:?}", outcome.findings, outcome.kpis);
}

#[test]
fn a_plan_says_from_which_number_on_more_robots_do_less_and_where() {
    // Two halls and a single cell between them: a few robots use it fully, many block it.
    let rows = ["......@......", "............."];
    let storages: Vec<_> =
        (0..4).map(|column| json!({"id": format!("shelf-{column}"), "node": format!("r0c{column}")})).collect();
    let stations: Vec<_> = (9..13)
        .map(
            |column| json!({"id": format!("desk-{column}"), "nodes": [format!("r0c{column}")], "service_seconds": 2.0}),
        )
        .collect();
    let floor = json!({
        "version": 1, "name": "halls", "ground": {"grid": {"cell_metres": 1.0, "rows": rows}},
        "storages": storages, "stations": stations,
    });
    let floor = FloorSource::Drawn(Box::new(serde_json::from_value(floor).unwrap()));
    let base = Scenario { seeds: (1..=5).collect(), ..scenario(&warehouse(floor, 4, 5_000.0), 600) };
    let vary =
        vec![Variation { place: "/world/robots/count".into(), values: [2, 4, 8, 20].map(|count| json!(count)).into() }];
    let request = PlanRequest { base, vary, objective: "cost_per_order".into() };
    let plan = Plan::new(&request, "cost_per_order", Better::Lower).unwrap().watching(&Fleet.watched());
    let simulate = |scenario: &Scenario, seed: u64| Fleet.simulate(scenario, seed, &mut Quiet);
    let found = plan.search(2, &simulate, &|_| true).unwrap();
    let [turn] = found.turns.as_slice() else { panic!("{:?}", found.turns) };
    assert_eq!((turn.falls.last().unwrap().value, turn.spots.is_empty()), (20.0, false), "{turn:?}");
    let words = Fleet.words(turn);
    let parts = ["more than ", " robots do less: ", "orders an hour (", "they hold each other up around "];
    assert!(parts.iter().all(|part| words.contains(part)), "{words}");
}

#[test]
fn known_orders_are_carried_and_counted_when_late() {
    let mut known = warehouse(FloorSource::default(), 4, 0.0);
    known.troubles = Troubles { stops_per_robot_hour: 0.0, breakdowns_per_robot_day: 0.0, ..known.troubles };
    let floor = known.floor.floor().unwrap();
    let row = |second, due| OrderRow {
        second,
        from: floor.storages[5].id.clone(),
        to: floor.stations[2].id.clone(),
        priority: 0,
        due,
    };
    known.demand.list = vec![row(10.0, None), row(60.0, Some(61.0))];
    let outcome = Fleet.simulate(&scenario(&known, 900), 1, &mut Quiet).unwrap();
    assert_eq!((outcome.kpis["orders_per_hour"], outcome.kpis["orders_open"]), (2.0 / 900.0 * 3_600.0, 0.0));
    assert_eq!(outcome.kpis["late_share"], 50.0);
}

#[test]
fn low_batteries_are_charged_and_nobody_stands_empty() {
    let mut thirsty = warehouse(FloorSource::default(), 12, 600.0);
    thirsty.robots.battery_hours = 0.5;
    let outcome = Fleet.simulate(&scenario(&thirsty, 3_600), 1, &mut Quiet).unwrap();
    assert!(outcome.kpis["charging_share"] > 5.0, "{:?}", outcome.kpis);
    assert!(outcome.kpis["stuck_share"] < 15.0, "{:?}", outcome.kpis);
    assert!(outcome.kpis["orders_per_hour"] > 20.0, "{:?}", outcome.kpis);
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let complaints = |change: &dyn Fn(&mut Scenario)| -> Vec<String> {
        let mut wrong = scenario(&warehouse(FloorSource::default(), 20, 300.0), 60);
        change(&mut wrong);
        let said = Fleet.check(&wrong);
        said.iter().map(|complaint| format!("{}: {}", complaint.place, complaint.problem)).collect()
    };
    assert!(complaints(&|_| {}).is_empty());
    let many = complaints(&|scenario| scenario.world["robots"]["count"] = json!(9_000));
    assert!(many[0].starts_with("/world/robots/count: 9000 robots do not fit on"), "{many:?}");
    let none = complaints(&|scenario| scenario.world["robots"]["count"] = json!(0));
    assert!(none[0].starts_with("/world/robots/count: 0 is not between 1"), "{none:?}");
    let odd = complaints(&|scenario| scenario.world["robots"]["wheels"] = json!(4));
    assert!(odd[0].contains("unknown field `wheels`"), "{odd:?}");
    let list = json!([{"second": 1.0, "from": "nowhere", "to": "station-1"}]);
    let unknown = complaints(&|scenario| scenario.world["demand"]["list"] = list.clone());
    assert_eq!(unknown, ["/world/demand/list/0/from: the floor has no storage or station \"nowhere\""]);
    let policy = complaints(&|scenario| scenario.policy.name = "chaos".into());
    assert_eq!(policy, ["/policy/name: the fleet has no policy \"chaos\""]);
}

#[test]
fn headings_are_quarters_clockwise_from_east() {
    assert_eq!(
        [Heading::East, Heading::South, Heading::West, Heading::North].map(|heading| heading as u8),
        [0, 1, 2, 3]
    );
}

#[test]
fn a_floor_is_drawn_and_one_that_is_too_large_is_refused() {
    let drawn = Fleet.operate("floor", json!({"floor": {"line_side": {"cells": 4}}})).unwrap();
    let [_, south, _, north] = serde_json::from_value::<[f64; 4]>(drawn["bounds"].clone()).unwrap();
    assert_eq!(drawn["stations"].as_array().unwrap().len(), 4);
    let y = drawn["stations"][0]["at"][0][1].as_f64().unwrap();
    assert!(south < y && y < north);
    assert_eq!(drawn["rows"].as_array().unwrap().len(), 9);
    let refused = |floor| Fleet.operate("floor", json!({"floor": floor})).unwrap_err().remove(0).place;
    assert_eq!(
        refused(json!({"fulfilment": {"block_columns": u64::MAX, "block_length": u64::MAX}})),
        "/floor/fulfilment"
    );
    assert_eq!(refused(json!({"sortation": {"chute_rows": u64::MAX}})), "/floor/sortation");
    assert_eq!(refused(json!({"line_side": {"cells": u64::MAX}})), "/floor/line_side");
    assert_eq!(refused(json!({"round": {}})), "/floor");
}

#[test]
fn floors_go_to_files_and_come_back() {
    let shape = json!({"line_side": {"cells": 4}});
    let exported = |format| Fleet.operate("floor_export", json!({"floor": shape, "format": format})).unwrap();
    let imported =
        |text: &serde_json::Value| Fleet.operate("floor_import", json!({"text": text, "name": "hall"})).unwrap();
    let own = exported("floor");
    let floor = Fleet.operate("floor", json!({"floor": shape})).unwrap()["floor"].clone();
    assert_eq!(imported(&own["text"]), json!({"format": "floor", "floors": [floor]}));
    let layout = imported(&exported("lif")["text"]);
    assert_eq!(layout["format"], "lif");
    assert_eq!(layout["floors"][0]["stations"].as_array().unwrap().len(), floor["stations"].as_array().unwrap().len());
    let map = imported(&exported("map")["text"]);
    assert_eq!(map["floors"][0]["ground"]["grid"]["rows"], floor["ground"]["grid"]["rows"]);
    assert_eq!(map["floors"][0]["name"], "hall");

    let refused = |text: &str| Fleet.operate("floor_import", json!({"text": text})).unwrap_err().remove(0);
    assert_eq!(refused("hello").problem, "this is no floor that can be read");
    assert_eq!(refused("type octile\nheight 1\nwidth 2\nmap\n.\n").problem, "line 5: 1 cells, the width is 2");
    assert!(!refused("type hex").hint.is_empty(), "the hint is apart from the problem");
    let graph = json!({"drawn": layout["floors"][0]});
    let complaint = Fleet.operate("floor_export", json!({"floor": graph, "format": "map"})).unwrap_err().remove(0);
    assert_eq!((complaint.place.as_str(), complaint.hint.as_str()), ("/format", "export it as LIF"));
}

#[test]
fn a_drawn_floor_is_told_its_faults_where_they_are() {
    let floor = json!({
        "version": 1, "name": "two halves",
        "ground": {"grid": {"cell_metres": 1.0, "rows": ["...@..", "...@..", "@.@@.."]}},
        "stations": [{"id": "pick-1", "nodes": ["r0c5"]}],
        "chargers": [{"id": "charger-1", "node": "r0c3"}],
    });
    let checked = |floor: &serde_json::Value| Fleet.operate("floor_check", json!({"floor": {"drawn": floor}})).unwrap();
    let found = checked(&floor);
    let places: Vec<_> =
        found["faults"].as_array().unwrap().iter().map(|fault| fault["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["station pick-1", "charger charger-1", "floor"]);
    assert_eq!(found["stranded"], json!(["r0c4", "r0c5", "r1c4", "r1c5", "r2c4", "r2c5"]));
    let whole = json!({"version": 1, "name": "", "ground": {"grid": {"cell_metres": 1.0, "rows": ["..", ".."]}}});
    assert_eq!(checked(&whole), json!({"faults": [], "stranded": []}));
}

#[test]
fn the_same_seed_is_the_same_shift_on_every_machine() {
    let trace = |floor, robots, orders_per_hour, policy| {
        let mut shift = Shift::new(&warehouse(floor, robots, orders_per_hour), policy, 1).unwrap();
        assert!(shift.run(300.0, &mut Quiet));
        format!("{:016x}", shift.trace())
    };
    let pinned = [
        trace(FloorSource::Fulfilment(Fulfilment::default()), 40, 2_000.0, Policy::default()),
        trace(
            FloorSource::Sortation(Sortation::default()),
            60,
            3_000.0,
            Policy { reassign: false, ..Policy::default() },
        ),
        trace(FloorSource::LineSide(LineSide::default()), 12, 600.0, Policy { improvement: 4, ..Policy::default() }),
    ];
    let known = ["4c1057d0d4e51345", "bab00a44ad3853f8", "07a1dbd3e0e97ed0"];
    assert_eq!(pinned, known, "what happens has changed, not only how it is worked out");
}
