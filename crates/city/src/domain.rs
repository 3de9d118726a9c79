//! Signals as a field of work that the loop can run: policies tried in a district of queues.

mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use site::run::{
    Better, Complaint, Domain, DomainDescription, Failed, KpiDescription, Kpis, Outcome, PolicyDescription, Scenario,
    Watch,
};

use crate::network::Network;
use crate::policy::{self, Actuated, Fixed, Greedy, Planned, Policy, Pressure};
use crate::world::{Totals, World};
pub use settings::{Incident, Streets};

/// How often it is told how much is done, in steps of a second.
const WATCH_STEPS: u64 = 60;
/// When a run begins that does not say: seven in the morning.
const START_SECONDS: f64 = 7.0 * 3_600.0;
/// A signal in front of which somebody waited for so long is worth a word.
const LONG_WAIT_SECONDS: f64 = 180.0;

/// Signals of junctions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signals;

impl Signals {
    /// The name in scenarios.
    pub const NAME: &'static str = "city";
    /// Who can decide: names, titles and what they do.
    const POLICIES: [(&'static str, &'static str, &'static str); 5] = [
        (
            "planned",
            "Plans ahead",
            "searches over the next minute of each junction, with what its neighbours are about to let go",
        ),
        ("fixed", "Fixed programme", "follows the programme of each junction by the clock"),
        ("actuated", "Actuated", "gives each phase green in turn, for as long as vehicles come in short gaps"),
        ("greedy", "Most vehicles first", "gives green to whoever has the most vehicles in sight"),
        ("max_pressure", "Max pressure", "gives green where queues in front are longest beside those behind"),
    ];
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

fn policy(name: &str, parameters: &Json) -> Result<Box<dyn Policy>, Vec<Complaint>> {
    Ok(match name {
        "planned" => {
            let settings: policy::Settings = read("/policy/parameters", parameters)?;
            let is_sound = (20..=300).contains(&settings.horizon_seconds)
                && (1..=64).contains(&settings.beam)
                && (0.0..=60.0).contains(&settings.stop_seconds);
            if !is_sound {
                let problem = "it looks 20 to 300 s ahead, keeps 1 to 64 plans, and a stop costs 0 to 60 s".to_owned();
                return Err(vec![Complaint { place: "/policy/parameters".into(), problem, hint: String::new() }]);
            }
            Box::new(Planned::new(settings))
        }
        "fixed" => Box::new(Fixed),
        "actuated" => Box::new(Actuated::default()),
        "greedy" => Box::new(Greedy::default()),
        "max_pressure" => Box::new(Pressure::default()),
        other => {
            let names: Vec<&str> = Signals::POLICIES.iter().map(|(name, _, _)| *name).collect();
            let problem = format!("signals have no policy {other:?}");
            let hint = format!("choose one of {}", names.join(", "));
            return Err(vec![Complaint { place: "/policy/name".into(), problem, hint }]);
        }
    })
}

/// A scenario that was read and has nothing wrong.
struct Checked {
    streets: Streets,
    network: Arc<Network>,
    policy: Box<dyn Policy>,
}

fn check(scenario: &Scenario) -> Result<Checked, Vec<Complaint>> {
    let policy = policy(&scenario.policy.name, &scenario.policy.parameters)?;
    let streets: Streets = read("/world", &scenario.world)?;
    let network = Arc::new(streets.network()?);
    Ok(Checked { streets, network, policy })
}

fn descriptions() -> Vec<KpiDescription> {
    let kpi = |name, title, unit, better, decimals| KpiDescription { name, title, unit, better, decimals };
    vec![
        kpi("mean_delay", "Mean delay", "s", Better::Lower, 1),
        kpi("worst_approach_wait", "Longest wait at a signal", "s", Better::Lower, 0),
        kpi("finished_trips", "Finished trips", "", Better::Higher, 0),
        kpi("stops_per_trip", "Stops a trip", "", Better::Lower, 2),
        kpi("unfinished_trips", "Trips that are not over", "", Better::Lower, 0),
        kpi("refused_wishes", "Wishes that the safety layer refused", "", Better::Lower, 0),
    ]
}

fn kpis(totals: &Totals) -> Kpis {
    let trips = (totals.finished + totals.unfinished).max(1) as f64;
    let figures = [
        ("mean_delay", totals.delay_mean()),
        ("worst_approach_wait", totals.wait_longest()),
        ("finished_trips", totals.finished as f64),
        ("stops_per_trip", totals.stops as f64 / trips),
        ("unfinished_trips", (totals.unfinished + totals.turned_away) as f64),
        ("refused_wishes", totals.refused as f64),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
}

fn findings(network: &Network, totals: &Totals) -> Vec<String> {
    let waits = network.signals.iter().zip(&totals.waits);
    let long = waits.filter(|(_, (_, _, longest))| *longest > LONG_WAIT_SECONDS);
    let mut found: Vec<String> = long
        .map(|(signal, (_, _, longest))| format!("somebody waited for {longest:.0} s in front of {}", signal.id))
        .collect();
    if totals.turned_away > 0 {
        found.push(format!("the streets are full: {} vehicles found no place to wait", totals.turned_away));
    }
    found
}

impl Domain for Signals {
    fn description(&self) -> DomainDescription {
        let nothing = json!({"type": "object", "additionalProperties": false, "properties": {}});
        let describe = |(name, title, summary): (&'static str, &'static str, &'static str)| PolicyDescription {
            name,
            title,
            summary,
            parameters: if name == "planned" { settings::planned_schema() } else { nothing.clone() },
        };
        DomainDescription {
            name: Self::NAME,
            title: "Signals",
            policies: Self::POLICIES.into_iter().map(describe).collect(),
            kpis: descriptions(),
            world: json!({"type": "object", "default": Streets::default()}),
        }
    }

    fn check(&self, scenario: &Scenario) -> Vec<Complaint> {
        check(scenario).err().unwrap_or_default()
    }

    fn simulate(&self, scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, Failed> {
        let Checked { streets, network, mut policy } = check(scenario).map_err(|complaints| {
            let first = complaints.into_iter().next();
            Failed::Broken(first.map_or_else(String::new, |first| format!("{}: {}", first.place, first.problem)))
        })?;
        let demand = streets.demand(&network);
        let dead = streets.dead_detector_share;
        let mut world = World::new(network.clone(), streets.limits, demand, dead, seed, START_SECONDS);
        for step in 0..scenario.duration_seconds {
            if step.is_multiple_of(WATCH_STEPS) && !watch.goes_on(step as f64 / scenario.duration_seconds as f64) {
                return Err(Failed::Cancelled);
            }
            world.step(policy.as_mut());
        }
        let totals = world.totals();
        let spot =
            |(signal, (sum, _, _)): (&crate::network::Signal, &(f64, u64, f64))| (signal.id.clone(), sum / 3_600.0);
        let spots: BTreeMap<String, f64> = network.signals.iter().zip(&totals.waits).map(spot).collect();
        let trace = world.trace();
        Ok(Outcome { kpis: kpis(&totals), trace, findings: findings(&network, &totals), spots })
    }
}
