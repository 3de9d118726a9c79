//! The home as a field of work that the loop can run.

mod bill;
mod figures;
#[cfg(test)]
mod tests;
mod what_if;

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use site::run::{
    Better, Complaint, Domain, DomainDescription, Failed, OperationDescription, Outcome, PolicyDescription, Scenario,
    Turn, Watch, Watched,
};

use crate::world::{Course, HomeWorld, Optimiser, PolicyKind};
pub use what_if::PayBack;

use figures::{YEAR_DAYS, descriptions, live};

/// A pay-back longer than this is none.
const PAY_BACK_YEARS_MAX: f64 = 100.0;
/// When a run begins that does not say: a winter's Monday.
const START_SECONDS: i64 = 1_767_571_200;

/// Energy of homes: what to buy, what it costs, what happens when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Energy;

impl Energy {
    /// The name in scenarios.
    pub const NAME: &'static str = "home";
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

/// A scenario that was read and has nothing wrong.
struct Checked {
    world: HomeWorld,
    policy: PolicyKind,
}

fn check(scenario: &Scenario) -> Result<Checked, Vec<Complaint>> {
    let policy = policy(&scenario.policy.name, &scenario.policy.parameters)?;
    let world: HomeWorld = read("/world", &scenario.world)?;
    let complaints = world.complaints();
    if complaints.is_empty() { Ok(Checked { world, policy }) } else { Err(complaints) }
}

fn policy(name: &str, parameters: &Json) -> Result<PolicyKind, Vec<Complaint>> {
    let complain = |place: &str, problem: String, hint: &str| {
        vec![Complaint { place: format!("/policy/{place}"), problem, hint: hint.to_owned() }]
    };
    match name {
        "optimiser" => {
            let knobs: Optimiser = read("/policy/parameters", parameters)?;
            if !matches!(knobs.step_minutes, 15 | 30 | 60) {
                return Err(complain(
                    "parameters/step_minutes",
                    format!("steps of {} minutes", knobs.step_minutes),
                    "15, 30 or 60",
                ));
            }
            if !(6..=48).contains(&knobs.horizon_hours) || !(15..=1_440).contains(&knobs.replan_minutes) {
                let problem = "it looks ahead 6 to 48 hours and plans anew after 15 to 1440 minutes".to_owned();
                return Err(complain("parameters", problem, ""));
            }
            if !(0.0..=1.0).contains(&knobs.forecast_error) || !(0.0..=100.0).contains(&knobs.carbon_price_per_kilogram)
            {
                return Err(complain("parameters", "forecast errors are 0 to 1, carbon prices 0 to 100".into(), ""));
            }
            Ok(PolicyKind::Optimiser(knobs))
        }
        "rules" => Ok(PolicyKind::Rules),
        "no_control" => Ok(PolicyKind::NoControl),
        other => {
            let hint = format!("choose one of {}", PolicyKind::NAMES.join(", "));
            Err(complain("name", format!("homes have no policy {other:?}"), &hint))
        }
    }
}

/// When a run begins.
fn start(scenario: &Scenario) -> model::Timestamp {
    if scenario.start == model::Timestamp::EPOCH {
        model::Timestamp::from_seconds(START_SECONDS)
    } else {
        scenario.start
    }
}

/// One seed of a home, and of today's home beside it when the scenario names one.
fn simulate(
    checked: &Checked,
    start: model::Timestamp,
    seconds: u64,
    seed: u64,
    goes_on: &mut dyn FnMut(f64) -> bool,
) -> Option<Outcome> {
    let Checked { world, policy } = checked;
    let course = Course::drawn(world, start, seconds, seed);
    let compares = world.present.is_some_and(|present| present != world.sizes) || world.present_tariff.is_some();
    let parts = if compares { 2.0 } else { 1.0 };
    let figures = live(world, *policy, &course, &mut |part| goes_on(part / parts))?;
    let mut kpis = figures.kpis(world, &course);
    let mut trace = figures.trace;
    if let Some(present) = world.present {
        let (purchase, yearly) = world.purchase.cost(&present, &world.sizes);
        let mut saving = 0.0;
        if compares {
            let mut today = world.clone();
            today.sizes = present;
            today.tariff = world.present_tariff.clone().unwrap_or_else(|| world.tariff.clone());
            let course = Course::drawn(&today, start, seconds, seed);
            let before = live(&today, *policy, &course, &mut |part| goes_on(0.5 + part / 2.0))?;
            trace ^= before.trace.rotate_left(17);
            saving =
                (before.energy_cost(&today, &course) - figures.energy_cost(world, &course)) / course.days() * YEAR_DAYS;
        }
        *kpis.entry("yearly_cost".to_owned()).or_default() += yearly;
        kpis.insert("saving_per_year".to_owned(), saving);
        kpis.insert("purchase".to_owned(), purchase);
        if purchase > 0.0 {
            let years = if saving > 0.0 { (purchase / saving).min(PAY_BACK_YEARS_MAX) } else { PAY_BACK_YEARS_MAX };
            kpis.insert("pay_back_years".to_owned(), years);
        }
    }
    Some(Outcome { kpis, trace, findings: figures.findings(world, &course), ..Outcome::default() })
}

impl Domain for Energy {
    fn description(&self) -> DomainDescription {
        let nothing = json!({"type": "object", "additionalProperties": false, "properties": {}});
        DomainDescription {
            name: Self::NAME,
            title: "Energy",
            policies: vec![
                PolicyDescription {
                    name: "optimiser",
                    title: "Plans ahead",
                    summary: "plans battery, car, warmth and machines for the hours to come at the least cost, again and again",
                    parameters: PolicyKind::schema(),
                },
                PolicyDescription {
                    name: "rules",
                    title: "Own sun first",
                    summary: "the battery takes what the sun gives too much and gives what is missing; the car waits for sun as long as it can",
                    parameters: nothing.clone(),
                },
                PolicyDescription {
                    name: "no_control",
                    title: "Hands off",
                    summary: "the battery stands still, the car charges when it comes, machines run when they are filled",
                    parameters: nothing,
                },
            ],
            kpis: descriptions(),
            world: json!({"type": "object", "default": HomeWorld::default()}),
        }
    }

    fn check(&self, scenario: &Scenario) -> Vec<Complaint> {
        check(scenario).err().unwrap_or_default()
    }

    fn simulate(&self, scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, Failed> {
        let checked = check(scenario).map_err(|complaints| {
            let first = complaints.into_iter().next();
            Failed::Broken(first.map_or_else(String::new, |first| format!("{}: {}", first.place, first.problem)))
        })?;
        simulate(&checked, start(scenario), scenario.duration_seconds, seed, &mut |part| watch.goes_on(part))
            .ok_or(Failed::Cancelled)
    }

    fn watched(&self) -> Vec<Watched> {
        let watched = |place| Watched { place, kpi: "yearly_cost", better: Better::Lower };
        vec![watched("/world/sizes/battery_kilowatt_hours"), watched("/world/sizes/solar_kilowatts")]
    }

    fn words(&self, turn: &Turn) -> String {
        let Some(last) = turn.falls.last() else { return String::new() };
        let what = if turn.place.contains("battery") { "kWh of battery" } else { "kW of modules" };
        format!(
            "more than {} {what} do not pay: {} cost {:.0} ± {:.0} a year more",
            turn.best,
            last.value,
            last.difference.mean,
            last.difference.half_width.unwrap_or(0.0)
        )
    }

    fn operations(&self) -> Vec<OperationDescription> {
        std::iter::once(what_if::description()).chain(bill::descriptions()).collect()
    }

    fn operate(&self, name: &str, input: Json) -> Result<Json, Vec<Complaint>> {
        match name {
            what_if::NAME => what_if::answer(&input),
            bill::SAVINGS => bill::savings(&input),
            _ => bill::bill(&input),
        }
    }
}
