//! Warehouses as the loop simulates and searches them.

use std::time::Instant;

use anyhow::anyhow;
use fleet::floor::Fulfilment;
use fleet::warehouse::{Fleet, FloorSource, Policy, Shift, Warehouse};
use model::Timestamp;
use serde_json::json;
use site::run::{Better, Domain, Plan, PlanRequest, PolicyChoice, Quiet, Scenario, Variation};

use crate::report::{Row, Target};

/// Candidates, seeds and robots of the measured search.
const CANDIDATES: u32 = 50;
const SEEDS: u64 = 5;
const ROBOTS: u32 = 200;

/// A fulfilment centre that is large enough for hundreds of robots.
fn warehouse(robots: u32, orders_per_hour: f64) -> Warehouse {
    let shape = Fulfilment {
        block_columns: 12,
        block_rows: 16,
        block_length: 8,
        stations: 40,
        chargers: 60,
        robots: robots as usize,
        seed: 1,
        ..Fulfilment::default()
    };
    let mut warehouse = Warehouse { floor: FloorSource::Fulfilment(shape), ..Warehouse::default() };
    warehouse.robots.count = robots;
    warehouse.demand.orders_per_hour = orders_per_hour;
    warehouse
}

pub(super) fn rows(quick: bool, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    shift(if quick { 120.0 } else { 900.0 })?.into_iter().for_each(&mut *add);
    add(search(if quick { 180 } else { 3_600 })?);
    Ok(())
}

/// Five hundred robots at work.
fn shift(seconds: f64) -> anyhow::Result<Vec<Row>> {
    let mut shift = Shift::new(&warehouse(500, 4_000.0), Policy::default(), 1).map_err(|said| anyhow!("{said:?}"))?;
    let began = Instant::now();
    shift.run(seconds, &mut Quiet);
    let took = began.elapsed().as_secs_f64();
    let (kpis, _) = shift.close();
    let shape = format!("500 robots, {seconds} s of a shift");
    Ok(vec![
        Row::absolute(format!("{shape}: faster than real"), "x", seconds / took, Target::AtLeast(100.0)),
        Row::absolute(format!("{shape}: a step of 1 s"), "ms", took / seconds * 1e3, Target::AtMost(20.0)),
        Row::absolute(format!("{shape}: orders done"), "1/h", kpis["orders_per_hour"], Target::None),
    ])
}

/// A search over fifty candidates; the time of a shortened one is given pro rata.
fn search(seconds: u64) -> anyhow::Result<Row> {
    let base = Scenario {
        title: String::new(),
        domain: Fleet::NAME.into(),
        policy: PolicyChoice { name: Policy::NAME.into(), parameters: json!({}) },
        world: serde_json::to_value(warehouse(ROBOTS, 2_000.0))?,
        start: Timestamp(0),
        duration_seconds: seconds,
        seeds: (1..=SEEDS).collect(),
    };
    let counts = (0..CANDIDATES).map(|number| json!(ROBOTS - CANDIDATES + 2 * number)).collect();
    let vary = vec![Variation { place: "/world/robots/count".into(), values: counts }];
    let request = PlanRequest { base, vary, objective: "cost_per_order".into() };
    let plan = Plan::new(&request, &request.objective, Better::Lower).map_err(|said| anyhow!("{said:?}"))?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let simulate = |scenario: &Scenario, seed| Fleet.simulate(scenario, seed, &mut Quiet);
    let began = Instant::now();
    let found = plan.search(threads, &simulate, &|_| true).map_err(|error| anyhow!("{error}"))?;
    let took = began.elapsed().as_secs_f64() * 3_600.0 / seconds as f64;
    let note = if seconds < 3_600 { format!(", pro rata of {seconds} s") } else { String::new() };
    let metric = format!(
        "plan: {CANDIDATES} candidates, {SEEDS} seeds, 1 h{note}, about {ROBOTS} robots ({} simulations)",
        found.simulations
    );
    Ok(Row::absolute(metric, "s", took, Target::AtMost(120.0)))
}
