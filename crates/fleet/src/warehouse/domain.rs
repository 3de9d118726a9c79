//! The fleet as a field of work that the loop can run.

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use site::run::{
    Better, Complaint, Domain, DomainDescription, Failed, Fall, OperationDescription, Outcome, PolicyDescription,
    Scenario, Summary, Turn, Watch, Watched,
};

use super::figures::descriptions;
use super::policy::Policy;
use super::settings::Warehouse;
use super::shift::Shift;
use super::{drawing, exchange};

/// Robots, stations and orders.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fleet;

impl Fleet {
    /// The name in scenarios.
    pub const NAME: &'static str = "fleet";
}

/// Reads a part of a scenario; nothing at all is the default.
fn read<T: DeserializeOwned + Default>(place: &str, json: &Json) -> Result<T, Vec<Complaint>> {
    if json.is_null() {
        return Ok(T::default());
    }
    T::deserialize(json).map_err(|error| {
        let hint = "compare with the schema that the domain describes".to_owned();
        vec![Complaint { place: place.to_owned(), problem: error.to_string(), hint }]
    })
}

/// A shift that is ready to begin.
fn shift(scenario: &Scenario, seed: u64) -> Result<Shift, Vec<Complaint>> {
    if scenario.policy.name != Policy::NAME {
        let problem = format!("the fleet has no policy {:?}", scenario.policy.name);
        let hint = format!("choose {:?}", Policy::NAME);
        return Err(vec![Complaint { place: "/policy/name".into(), problem, hint }]);
    }
    let policy: Policy = read("/policy/parameters", &scenario.policy.parameters)?;
    let warehouse: Warehouse = read("/world", &scenario.world)?;
    Shift::new(&warehouse, policy, seed)
}

impl Domain for Fleet {
    fn description(&self) -> DomainDescription {
        DomainDescription {
            name: Self::NAME,
            title: "Robots",
            policies: vec![PolicyDescription {
                name: Policy::NAME,
                title: "Central planning",
                summary: "gives orders to the nearest robots and plans the ways of all of them together",
                parameters: Policy::schema(),
            }],
            kpis: descriptions(),
            world: json!({"type": "object", "default": Warehouse::default()}),
        }
    }

    fn check(&self, scenario: &Scenario) -> Vec<Complaint> {
        shift(scenario, 0).err().unwrap_or_default()
    }

    fn simulate(&self, scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, Failed> {
        let mut shift = shift(scenario, seed).map_err(|complaints| {
            let first = complaints.into_iter().next();
            Failed::Broken(first.map_or_else(String::new, |first| format!("{}: {}", first.place, first.problem)))
        })?;
        if !shift.run(scenario.duration_seconds as f64, watch) {
            return Err(Failed::Cancelled);
        }
        Ok(shift.close())
    }

    fn watched(&self) -> Vec<Watched> {
        vec![Watched { place: "/world/robots/count", kpi: "orders_per_hour", better: Better::Higher }]
    }

    fn words(&self, turn: &Turn) -> String {
        let (Some(first), Some(last)) = (turn.falls.first(), turn.falls.last()) else { return String::new() };
        let lost = |fall: &Fall| {
            let Summary { mean, half_width, .. } = fall.difference;
            let share = 100.0 * -mean / turn.figure.mean;
            format!("{:.1} ± {:.1} orders an hour ({share:.1} %) less", -mean, half_width.unwrap_or(0.0))
        };
        let mut words = format!("more than {} robots do less: {} do {}", turn.best, first.value, lost(first));
        if last != first {
            words += &format!(", {} do {}", last.value, lost(last));
        }
        match turn.spots.as_slice() {
            [] => words,
            spots => format!("{words}; they hold each other up around {}", spots.join(" and ")),
        }
    }

    fn operations(&self) -> Vec<OperationDescription> {
        std::iter::once(drawing::description()).chain(exchange::descriptions()).collect()
    }

    fn operate(&self, name: &str, input: Json) -> Result<Json, Vec<Complaint>> {
        match name {
            exchange::IMPORT => exchange::import(input),
            exchange::EXPORT => exchange::export(input),
            exchange::CHECK => exchange::check(input),
            _ => drawing::draw(input),
        }
    }
}
