//! What another home would cost: a size or a tariff against the present home, on the same days.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use site::run::{Complaint, OperationDescription, Scenario, Summary};

use super::{YEAR_DAYS, check, start};
use crate::domain::figures::live;
use crate::world::{Course, HomeWorld};

/// The name of the question.
pub(super) const NAME: &str = "what_if";
/// The most virtual days of one answer, over all seeds: a person waits for it.
const DAYS_MAX: f64 = 400.0;

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The present home, its policy, how long and which seeds.
    scenario: Scenario,
    /// What would be different: JSON pointers into the scenario with their values.
    change: BTreeMap<String, Json>,
}

/// The years until something has paid, between bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PayBack {
    /// What is likely; `None` when it never does.
    pub years: Option<f64>,
    /// Where the interval begins.
    pub least: Option<f64>,
    /// Where it ends; `None` when it may never pay.
    pub most: Option<f64>,
}

impl PayBack {
    /// Of a purchase and what is saved in a year. The bounds are those of the saving, turned round.
    pub fn of(purchase: f64, saving: &Summary) -> Self {
        let years = |saving: f64| (saving > 0.0 && purchase > 0.0).then(|| purchase / saving);
        let half = saving.half_width;
        Self {
            years: years(saving.mean),
            least: half.and_then(|half| years(saving.mean + half)),
            most: half.and_then(|half| years(saving.mean - half)),
        }
    }
}

pub(super) fn description() -> OperationDescription {
    OperationDescription {
        name: NAME,
        summary: "what another size or tariff would save beside the present home, on the same days, with the years until it has paid",
        input: json!({
            "type": "object",
            "required": ["scenario", "change"],
            "properties": {
                "scenario": {"type": "object", "title": "The present home"},
                "change": {"type": "object", "title": "JSON pointers into the scenario, with what would be there"},
            },
        }),
        output: json!({
            "type": "object",
            "properties": {
                "saving_per_year": {"type": "object"},
                "purchase": {"type": "number"},
                "pay_back": {"type": "object"},
                "present": {"type": "object"},
                "changed": {"type": "object"},
                "findings": {"type": "array"},
                "words": {"type": "string"},
            },
        }),
    }
}

pub(super) fn answer(input: &Json) -> Result<Json, Vec<Complaint>> {
    let question = Question::deserialize(input).map_err(|error| {
        vec![Complaint { place: String::new(), problem: error.to_string(), hint: "give scenario and change".into() }]
    })?;
    let under = |complaints: Vec<Complaint>| -> Vec<Complaint> {
        complaints.into_iter().map(|one| Complaint { place: format!("/scenario{}", one.place), ..one }).collect()
    };
    let present = &question.scenario;
    let days = present.duration_seconds as f64 / 86_400.0 * present.seeds.len() as f64;
    if present.seeds.is_empty() || present.duration_seconds == 0 || days > DAYS_MAX {
        let problem = format!("{days:.0} days over all seeds are not between 1 and {DAYS_MAX}");
        let hint = "ask for fewer days or seeds, or make a plan of it, which goes on by itself".to_owned();
        return Err(vec![Complaint { place: "/scenario/duration_seconds".into(), problem, hint }]);
    }
    let changed = changed(present, &question.change)?;
    let (before, after) = (check(present).map_err(under)?, check(&changed).map_err(under)?);
    let mut savings = Vec::new();
    let mut figures: [BTreeMap<String, Vec<f64>>; 2] = Default::default();
    let mut findings = Vec::new();
    for seed in &present.seeds {
        let mut costs = [0.0; 2];
        for (at, one) in [&before, &after].into_iter().enumerate() {
            let course = Course::drawn(&one.world, start(present), present.duration_seconds, *seed);
            let lived = live(&one.world, one.policy, &course, &mut |_| true).expect("nobody gives up");
            costs[at] = lived.energy_cost(&one.world, &course) / course.days() * YEAR_DAYS;
            for (name, figure) in lived.kpis(&one.world, &course) {
                figures[at].entry(name).or_default().push(figure);
            }
            for finding in lived.findings(&one.world, &course) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        savings.push(costs[0] - costs[1]);
    }
    let saving = Summary::of(&savings).expect("costs are finite");
    let (purchase, _) = after.world.purchase.cost(&before.world.sizes, &after.world.sizes);
    let pay_back = PayBack::of(purchase, &saving);
    let summaries = |figures: &BTreeMap<String, Vec<f64>>| -> BTreeMap<String, Option<Summary>> {
        figures.iter().map(|(name, figures)| (name.clone(), Summary::of(figures))).collect()
    };
    Ok(json!({
        "saving_per_year": saving,
        "purchase": purchase,
        "pay_back": pay_back,
        "present": summaries(&figures[0]),
        "changed": summaries(&figures[1]),
        "findings": findings,
        "words": words(&saving, purchase, &pay_back, &after.world),
    }))
}

fn changed(present: &Scenario, change: &BTreeMap<String, Json>) -> Result<Scenario, Vec<Complaint>> {
    let mut document = serde_json::to_value(present).expect("a scenario is JSON");
    // What the scenario leaves out has its default, which can be changed like the rest.
    let given: HomeWorld = super::read("/scenario/world", &present.world)?;
    document["world"] = serde_json::to_value(given).expect("a home is JSON");
    let mut complaints = Vec::new();
    for (place, value) in change {
        match document.pointer_mut(place) {
            Some(found) => *found = value.clone(),
            None => complaints.push(Complaint {
                place: format!("/change/{}", place.replace('~', "~0").replace('/', "~1")),
                problem: format!("the scenario has nothing at {place}"),
                hint: "name a value like /world/sizes/battery_kilowatt_hours".into(),
            }),
        }
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    serde_json::from_value(document)
        .map_err(|error| vec![Complaint { place: "/change".into(), problem: error.to_string(), hint: String::new() }])
}

fn words(saving: &Summary, purchase: f64, pay_back: &PayBack, world: &HomeWorld) -> String {
    let currency = &world.tariff.currency;
    let Some(half) = saving.half_width else {
        return format!(
            "about {:.0} {currency} a year saved; with one seed nobody knows how sure that is",
            saving.mean
        );
    };
    let saved = format!("{:.0} ± {half:.0} {currency} a year saved", saving.mean);
    if purchase <= 0.0 {
        return saved;
    }
    match (pay_back.years, pay_back.least, pay_back.most) {
        (Some(years), Some(least), Some(most)) => {
            format!("{saved}: {purchase:.0} {currency} are back in {years:.1} years ({least:.1} to {most:.1})")
        }
        (Some(years), Some(least), None) => {
            format!("{saved}: {purchase:.0} {currency} may be back in {years:.1} years (at best {least:.1}), or never")
        }
        _ => format!("{saved}: {purchase:.0} {currency} do not come back"),
    }
}
