//! Ways that are not like others: slow ones, doors, and narrow places that hold everything up.

#![expect(clippy::unwrap_used, reason = "tests fail where they do")]

use std::collections::HashSet;

use fleet::floor::{Direction, Floor, Fulfilment, Ground, Lane, LineSide, Point, Zone, ZoneRule};
use fleet::warehouse::{FloorSource, Policy, Robots, Shift, Troubles, Warehouse};
use proptest::prelude::*;
use serde_json::json;
use site::run::{Outcome, Quiet};

const SECONDS: f64 = 900.0;

/// A floor of these rows, with a storage at every `a` and a station at every `b`.
fn floor(rows: &[&str]) -> Floor {
    let free: Vec<String> = rows.iter().map(|row| row.replace(['a', 'b'], ".")).collect();
    let all = |what: char| {
        let places = rows.iter().enumerate().flat_map(move |(row, text)| {
            text.chars()
                .enumerate()
                .filter(move |(_, it)| *it == what)
                .map(move |(column, _)| format!("r{row}c{column}"))
        });
        places.collect::<Vec<String>>()
    };
    let storages: Vec<_> = all('a').iter().map(|node| json!({"id": format!("shelf-{node}"), "node": node})).collect();
    let stations: Vec<_> = all('b')
        .iter()
        .map(|node| json!({"id": format!("desk-{node}"), "nodes": [node], "service_seconds": 1.0}))
        .collect();
    let floor = json!({
        "version": 1, "name": "ways", "ground": {"grid": {"cell_metres": 1.0, "rows": free}},
        "storages": storages, "stations": stations,
        "robots": [{"id": "first", "node": all('a')[0]}],
    });
    Floor::from_json(&floor.to_string()).unwrap()
}

fn warehouse(floor: &Floor, robots: u32) -> Warehouse {
    let mut warehouse = Warehouse { floor: FloorSource::Drawn(Box::new(floor.clone())), ..Warehouse::default() };
    warehouse.robots = Robots { count: robots, speed: 1.0, load_seconds: 1.0, ..warehouse.robots };
    warehouse.demand.orders_per_hour = 20_000.0;
    warehouse.troubles = Troubles { stops_per_robot_hour: 0.0, breakdowns_per_robot_day: 0.0, ..warehouse.troubles };
    warehouse
}

fn run(warehouse: &Warehouse) -> Outcome {
    let mut shift = Shift::new(warehouse, Policy::default(), 1).unwrap();
    assert!(shift.run(SECONDS, &mut Quiet));
    shift.close()
}

/// The cells, as rows and columns, that robots were on.
fn visited(warehouse: &Warehouse) -> HashSet<(usize, usize)> {
    let mut shift = Shift::new(warehouse, Policy::default(), 1).unwrap();
    let mut visited = HashSet::new();
    for _ in 0..600 {
        shift.step();
        visited.extend(shift.states().map(|state| shift.grid().place(state.cell)));
    }
    visited
}

fn slow(floor: &mut Floor, from: (f64, f64), to: (f64, f64), limit: f64) {
    let point = |(x, y)| Point { x, y };
    let rule = ZoneRule::SpeedLimit(limit);
    floor.zones.push(Zone { id: "people".into(), from: point(from), to: point(to), rule });
}

const CORRIDOR: [&str; 1] = ["a..........b"];
/// Two ways, of which the lower one is longer by six cells.
const TWO_WAYS: [&str; 4] = ["a.........b", ".@@@@@@@@@.", ".@@@@@@@@@.", "..........."];

#[test]
fn a_slow_zone_slows_robots_down_by_what_it_says() {
    let mut slowed = floor(&CORRIDOR);
    let free = run(&warehouse(&slowed, 1));
    slow(&mut slowed, (0.0, 0.0), (12.0, 1.0), 0.4);
    let outcome = run(&warehouse(&slowed, 1));
    assert!(!free.kpis.contains_key("slowed_share"), "{:?}", free.kpis);
    // 22 steps of the way back and forth, 4 turns and 3 stops; with the limit each step takes 2.5 as long.
    let share = outcome.kpis["orders_per_hour"] / free.kpis["orders_per_hour"];
    assert!((0.4..0.6).contains(&share), "{share}: {:?}", outcome.kpis);
    assert!(outcome.kpis["slowed_share"] > 40.0, "{:?}", outcome.kpis);
    assert_eq!(outcome.kpis["waiting_share"], 0.0, "slow is not held up: {:?}", outcome.kpis);
}

#[test]
fn a_way_around_a_slow_zone_is_taken_when_it_is_faster() {
    let mut two = floor(&TWO_WAYS);
    slow(&mut two, (3.0, 3.0), (8.0, 4.0), 0.8);
    let is_through = |floor: &Floor| visited(&warehouse(floor, 1)).contains(&(0, 5));
    assert!(is_through(&two), "a little slower is still faster than around");
    two.zones.clear();
    slow(&mut two, (3.0, 3.0), (8.0, 4.0), 0.2);
    assert!(!is_through(&two));
}

#[test]
fn a_door_costs_its_opening_time_and_stays_open_while_it_is_in_use() {
    let with_door = |rows: &[&str], opening_seconds: f64, a: &str, b: &str| {
        let mut floor = floor(rows);
        floor.doors = vec![
            serde_json::from_value(json!({"id": "gate", "a": a, "b": b, "opening_seconds": opening_seconds})).unwrap(),
        ];
        floor
    };
    let orders = |seconds| run(&warehouse(&with_door(&CORRIDOR, seconds, "r0c5", "r0c6"), 1)).kpis;
    let (none, some, long) = (orders(0.0), orders(5.0), orders(20.0));
    assert_eq!(none["door_share"], 0.0, "{none:?}");
    // There and back: an order of about 30 s waits twice.
    assert!(none["orders_per_hour"] > some["orders_per_hour"] && some["orders_per_hour"] > long["orders_per_hour"]);
    assert!((10.0..50.0).contains(&some["door_share"]), "{some:?}");
    assert!(long["door_share"] > 50.0, "{long:?}");
    let findings = run(&warehouse(&with_door(&CORRIDOR, 20.0, "r0c5", "r0c6"), 1)).findings;
    assert!(findings.iter().any(|finding| finding.contains("before doors")), "{findings:?}");

    // Where many pass one after the other, the door is opened once for several.
    let rows = ["aaaa....bbbb", "aaaa....bbbb"];
    let mut wide = floor(&rows);
    for (number, row) in (0..2).enumerate() {
        let door = json!({"id": format!("gate-{number}"), "a": format!("r{row}c5"), "b": format!("r{row}c6"), "opening_seconds": 6.0});
        wide.doors.push(serde_json::from_value(door).unwrap());
    }
    let crowd = run(&warehouse(&wide, 8)).kpis;
    let alone = run(&warehouse(&wide, 1)).kpis;
    assert!(crowd["door_share"] < alone["door_share"] / 1.5, "{crowd:?} {alone:?}");

    let around = |seconds| visited(&warehouse(&with_door(&TWO_WAYS, seconds, "r0c5", "r0c6"), 1)).contains(&(0, 5));
    assert!(around(2.0) && !around(60.0), "a door that takes too long is gone around");
}

#[test]
fn nobody_passes_a_door_before_it_is_open() {
    let mut gate = floor(&CORRIDOR);
    gate.doors =
        vec![serde_json::from_value(json!({"id": "gate", "a": "r0c5", "b": "r0c6", "opening_seconds": 7.0})).unwrap()];
    let mut shift = Shift::new(&warehouse(&gate, 1), Policy::default(), 1).unwrap();
    let column = |shift: &Shift| shift.grid().place(shift.states().next().unwrap().cell).1;
    let (mut before, mut stood, mut passed) = (column(&shift), 0.0, 0);
    for _ in 0..600 {
        shift.step();
        let now = column(&shift);
        if (before.min(now), before.max(now)) == (5, 6) {
            assert!(stood >= 7.0, "it passed after {stood} s");
            passed += 1;
        }
        stood = if now == before { stood + shift.step_seconds() } else { 0.0 };
        before = now;
    }
    assert!(passed > 4, "{passed}");
}

#[test]
fn floors_are_made_with_gates_and_slow_strips() {
    let busy = |floor: FloorSource| {
        let floor = floor.floor().unwrap();
        assert!(floor.network().is_ok() && floor.stranded().is_empty());
        run(&warehouse(&floor, 10)).kpis
    };
    let line = busy(FloorSource::LineSide(LineSide { gate_seconds: 8, ..LineSide::default() }));
    assert!(line["door_share"] > 2.0 && line["orders_per_hour"] > 50.0, "{line:?}");
    let slow = Fulfilment { slow_centimetres_per_second: 40, ..Fulfilment::default() };
    let slow = busy(FloorSource::Fulfilment(slow));
    assert!(slow["slowed_share"] > 5.0 && slow["orders_per_hour"] > 50.0, "{slow:?}");
}

#[test]
fn a_narrow_place_is_named_as_the_bottleneck() {
    let halls = floor(&["aaa...@...bbb", "aaa.......bbb", "aaa...@...bbb"]);
    let outcome = run(&warehouse(&halls, 18));
    let bound = outcome.kpis["cut_orders_per_hour"];
    // One cell, there and back, a step of 1 s: 900 passages and the robots' first orders.
    assert_eq!(bound, 0.5 * (SECONDS + 18.0) * 3_600.0 / SECONDS);
    assert_eq!(outcome.kpis["bound_orders_per_hour"], bound);
    assert!(outcome.kpis["orders_per_hour"] <= bound, "{:?}", outcome.kpis);
    let named = "the way between loads and stations is the bottleneck: 1 cells around";
    assert!(outcome.findings[0].starts_with(named), "{:?}", outcome.findings);
    assert!(!outcome.spots.is_empty(), "robots wait somewhere");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_does_more_than_the_cut_lets_through(
        walls in proptest::collection::vec(proptest::bool::weighted(0.2), 5 * 11),
        ends in proptest::collection::vec((0_usize..5, 0_usize..3), 1..5),
        lane in proptest::option::of((0_usize..5, proptest::bool::ANY)),
        limit in proptest::option::of(0.2_f64..1.0),
        robots in 2_u32..10,
    ) {
        let mut rows = vec![vec!['.'; 11]; 5];
        for (place, is_wall) in walls.iter().enumerate() {
            let column = place % 11;
            if *is_wall && (3..8).contains(&column) {
                rows[place / 11][column] = '@';
            }
        }
        for (row, column) in &ends {
            rows[*row][*column] = 'a';
            rows[4 - *row][10 - *column] = 'b';
        }
        let rows: Vec<String> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
        let mut floor = floor(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        if let (Some((row, east)), Ground::Grid(ground)) = (lane, &mut floor.ground) {
            let direction = if east { Direction::East } else { Direction::West };
            ground.lanes.push(Lane { from: (row, 3), to: (row, 7), direction });
        }
        if let Some(limit) = limit {
            slow(&mut floor, (5.0, 0.0), (6.0, 5.0), limit);
        }
        let mut busy = warehouse(&floor, robots);
        busy.robots.load_seconds = 0.0;
        let shift = Shift::new(&busy, Policy::default(), 1);
        prop_assume!(shift.is_ok(), "the floor falls apart");
        let mut shift = shift.unwrap();
        prop_assert!(shift.run(300.0, &mut Quiet));
        let kpis = shift.close().kpis;
        prop_assert!(kpis["orders_per_hour"] <= kpis["cut_orders_per_hour"], "{:?}", kpis);
        prop_assert!(kpis["bound_orders_per_hour"] <= kpis["cut_orders_per_hour"]);
    }
}
