//! Beside the past: what the bill would have been, and what was saved.
//!
//! What was recorded stays as it was: load, sun, weather, prices and the meter. What the battery, the car, the rooms and the tank would
//! have done is not recorded: the fitted home answers. How wrong it is shows on the days themselves, where the policy that really ran
//! is replayed beside the meter, and that error is part of every interval. Days hang together, so intervals come from resampling blocks
//! of days (Künsch 1989).

use serde::Deserialize;
use serde_json::{Value as Json, json};
use site::run::{Complaint, OperationDescription, PolicyChoice};

use super::figures::{Figures, live};
use super::policy;
use crate::chance::Chance;
use crate::world::{Course, HomeWorld, PastDay, PolicyKind, STEP_HOURS, cost};

/// The name of the question what the bill would have been.
pub(super) const BILL: &str = "bill";
/// The name of the question what was saved.
pub(super) const SAVINGS: &str = "savings";
/// The most days of one answer.
const DAYS_MAX: usize = 400;
/// The fewest days on which a fitted home is tried before it is believed.
const CALIBRATION_DAYS_MIN: usize = 7;
/// Days that are resampled together.
const BLOCK_DAYS: usize = 4;
/// Resamples.
const RESAMPLES: usize = 2_000;
/// A fitted home that misses a day's cost by more than this share of it, on average, promises nothing.
const MODEL_ERROR_MAX: f64 = 0.35;

/// What is asked of the bill.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct BillQuestion {
    /// The fitted home with the days of the bill, each with what the meter counted.
    world: HomeWorld,
    /// When the first of the days began.
    start: model::Timestamp,
    /// What was paid for them, without what is not energy.
    paid: Option<f64>,
    /// What ran on these days.
    ran: PolicyChoice,
    /// What would have run.
    instead: PolicyChoice,
}

/// What is asked of the savings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavingsQuestion {
    /// The fitted home with the days since the optimiser runs, each with what the meter counted.
    world: HomeWorld,
    /// When the first of these days began.
    start: model::Timestamp,
    /// Days before that, on which `before` really ran, with what the meter counted.
    #[serde(default)]
    calibration: Vec<PastDay>,
    /// When the first of them began.
    calibration_start: Option<model::Timestamp>,
    /// What ran before, and would have gone on.
    before: PolicyChoice,
}

pub(super) fn descriptions() -> Vec<OperationDescription> {
    let choice = json!({"type": "object", "required": ["name"]});
    vec![
        OperationDescription {
            name: BILL,
            summary: "what the bill of past days would have been under another policy, beside what the meter counted and what was paid",
            input: json!({
                "type": "object",
                "required": ["world", "start", "ran", "instead"],
                "properties": {
                    "world": {"type": "object"}, "start": {"type": "integer"}, "paid": {"type": "number"},
                    "ran": choice, "instead": choice,
                },
            }),
            output: json!({"type": "object", "properties": {"saving": {"type": "object"}, "words": {"type": "string"}}}),
        },
        OperationDescription {
            name: SAVINGS,
            summary: "what was saved since another policy runs, beside what would have happened without it",
            input: json!({
                "type": "object",
                "required": ["world", "start", "before"],
                "properties": {
                    "world": {"type": "object"}, "start": {"type": "integer"}, "before": choice,
                    "calibration": {"type": "array"}, "calibration_start": {"type": "integer"},
                },
            }),
            output: json!({"type": "object", "properties": {"saving": {"type": "object"}, "words": {"type": "string"}}}),
        },
    ]
}

fn read<T: for<'a> Deserialize<'a>>(input: &Json) -> Result<T, Vec<Complaint>> {
    T::deserialize(input).map_err(|error| {
        let hint = "compare with the schema of the operation".to_owned();
        vec![Complaint { place: String::new(), problem: error.to_string(), hint }]
    })
}

fn choice(place: &str, choice: &PolicyChoice) -> Result<PolicyKind, Vec<Complaint>> {
    policy(&choice.name, &choice.parameters).map_err(|complaints| {
        let moved = |one: Complaint| Complaint { place: one.place.replacen("/policy", place, 1), ..one };
        complaints.into_iter().map(moved).collect()
    })
}

fn check(world: &HomeWorld) -> Result<(), Vec<Complaint>> {
    let mut complaints = world.complaints();
    let mut complain = |place: String, problem: String, hint: &str| {
        complaints.push(Complaint { place, problem, hint: hint.to_owned() });
    };
    if world.days.is_empty() || world.days.len() > DAYS_MAX {
        complain(
            "/world/days".into(),
            format!("{} days are not between 1 and {DAYS_MAX}", world.days.len()),
            "give the days of the bill",
        );
    }
    for (at, day) in world.days.iter().enumerate() {
        if day.import_watts.is_empty() {
            complain(
                format!("/world/days/{at}/import_watts"),
                "the meter is not known".into(),
                "leave the day out, or give what the meter counted",
            );
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// What each day cost by the meter.
fn metered(course: &Course) -> Vec<f64> {
    let mut days: Vec<f64> = Vec::new();
    for slot in &course.slots[..course.lived] {
        let day = slot.day as usize;
        days.resize(days.len().max(day + 1), 0.0);
        days[day] += slot.metered_watts.map_or(0.0, |watts| cost(slot, watts));
    }
    days
}

fn replay(world: &HomeWorld, kind: PolicyKind, course: &Course) -> Figures {
    live(world, kind, course, &mut |_| true).expect("nobody gives up")
}

/// A sum over days, with a 95 % interval by resampling blocks of days.
fn resampled(days: &[f64]) -> [f64; 3] {
    let sum: f64 = days.iter().sum();
    let block = BLOCK_DAYS.min(days.len());
    let mut chance = Chance::new(0xB111, days.len() as u64);
    let mut sums: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut drawn = 0;
            let mut total = 0.0;
            while drawn < days.len() {
                let from = chance.index(days.len() - block + 1);
                let take = block.min(days.len() - drawn);
                total += days[from..from + take].iter().sum::<f64>();
                drawn += take;
            }
            total
        })
        .collect();
    sums.sort_by(f64::total_cmp);
    let at = |part: f64| sums[((RESAMPLES - 1) as f64 * part) as usize];
    [at(0.025), sum, at(0.975)]
}

/// How wrong the fitted home is on days whose truth is known.
struct Trial {
    days: usize,
    /// Mean of metered minus replayed, a day.
    bias: f64,
    /// Standard error of that mean, days taken in blocks.
    bias_error: f64,
    /// Mean of its size, as a share of a day's cost.
    share: f64,
}

impl Trial {
    fn of(metered: &[f64], replayed: &[f64]) -> Self {
        let errors: Vec<f64> = metered.iter().zip(replayed).map(|(metered, replayed)| metered - replayed).collect();
        let count = errors.len().max(1) as f64;
        let [low, sum, high] = resampled(&errors);
        let size: f64 = errors.iter().map(|error| error.abs()).sum();
        let cost: f64 = metered.iter().map(|cost| cost.abs()).sum();
        Self {
            days: errors.len(),
            bias: sum / count,
            bias_error: (high - low) / 3.92 / count,
            share: size / cost.max(1e-9),
        }
    }

    fn promises(&self) -> bool {
        self.days >= CALIBRATION_DAYS_MIN && self.share <= MODEL_ERROR_MAX
    }

    fn words(&self) -> String {
        if self.days < CALIBRATION_DAYS_MIN {
            return format!(
                "the fitted home was tried on {} days, {CALIBRATION_DAYS_MIN} are needed: nothing is promised",
                self.days
            );
        }
        let missed =
            format!("on {} days the fitted home misses a day's cost by {:.0} %", self.days, 100.0 * self.share);
        if self.promises() { missed } else { format!("{missed}: nothing is promised") }
    }
}

pub(super) fn bill(input: &Json) -> Result<Json, Vec<Complaint>> {
    let question: BillQuestion = read(input)?;
    let (ran, instead) = (choice("/ran", &question.ran)?, choice("/instead", &question.instead)?);
    check(&question.world)?;
    let world = &question.world;
    let course = Course::replayed(world, question.start, 0);
    let metered = metered(&course);
    let (as_it_ran, as_it_would) = (replay(world, ran, &course), replay(world, instead, &course));
    let trial = Trial::of(&metered, &as_it_ran.daily_cost);
    // The same error is in both replays, so that their difference is free of most of it; what is left is not known, and at worst all of it.
    let gain: Vec<f64> =
        as_it_ran.daily_cost.iter().zip(&as_it_would.daily_cost).map(|(ran, would)| ran - would).collect();
    let stored = (as_it_ran.energy_cost(world, &course) - as_it_ran.daily_cost.iter().sum::<f64>())
        - (as_it_would.energy_cost(world, &course) - as_it_would.daily_cost.iter().sum::<f64>());
    let [low, mean, high] = resampled(&gain).map(|saving| saving + stored);
    let doubt = trial.share * (high - mean).max(mean - low).max(mean.abs());
    let by_meter: f64 = metered.iter().sum();
    let currency = &world.tariff.currency;
    let off = question.paid.map(|paid| paid - by_meter);
    let promises = trial.promises();
    let mut words = vec![format!("{} days cost {by_meter:.2} {currency} by the meter and the tariff", metered.len())];
    if let (Some(paid), Some(off)) = (question.paid, off) {
        let said = if off.abs() > 0.02 * paid.abs() {
            "the tariff or the meter is not quite the bill's"
        } else {
            "which is the bill's"
        };
        words.push(format!("{paid:.2} were paid ({off:+.2}: {said})"));
    }
    words.push(trial.words());
    if promises {
        words.push(format!(
            "{} would have saved {mean:.2} ({:.2} to {:.2})",
            question.instead.name,
            low - doubt,
            high + doubt
        ));
    }
    Ok(json!({
        "metered_cost": by_meter,
        "paid": question.paid,
        "unexplained": off,
        "model_error_share": trial.share,
        "promised": promises,
        "saving": promises.then(|| json!({"low": low - doubt, "mean": mean, "high": high + doubt})),
        "days": metered.len(),
        "recorded": ["load", "sun", "outdoor air", "prices", "grid meter"],
        "counterfactual": ["battery", "car", "rooms", "hot water", "machines"],
        "words": words.join("; "),
    }))
}

pub(super) fn savings(input: &Json) -> Result<Json, Vec<Complaint>> {
    let question: SavingsQuestion = read(input)?;
    let before = choice("/before", &question.before)?;
    check(&question.world)?;
    let world = &question.world;
    let course = Course::replayed(world, question.start, 0);
    let metered_days = metered(&course);
    let without = replay(world, before, &course);
    let earlier = HomeWorld { days: question.calibration.clone(), ..world.clone() };
    let trial = if earlier.days.is_empty() {
        Trial { days: 0, bias: 0.0, bias_error: 0.0, share: f64::INFINITY }
    } else {
        check(&earlier).map_err(|complaints| {
            let moved =
                |one: Complaint| Complaint { place: one.place.replacen("/world/days", "/calibration", 1), ..one };
            complaints.into_iter().map(moved).collect::<Vec<_>>()
        })?;
        let course = Course::replayed(&earlier, question.calibration_start.unwrap_or(question.start), 0);
        Trial::of(&metered(&course), &replay(&earlier, before, &course).daily_cost)
    };
    // What would have happened is what the home says, and as much more as it was wrong by before.
    let saved: Vec<f64> =
        without.daily_cost.iter().zip(&metered_days).map(|(without, metered)| without + trial.bias - metered).collect();
    let [low, mean, high] = resampled(&saved);
    let doubt = 1.96 * trial.bias_error * saved.len() as f64;
    let (low, high) =
        (mean - ((mean - low).powi(2) + doubt * doubt).sqrt(), mean + ((high - mean).powi(2) + doubt * doubt).sqrt());
    let promises = trial.promises();
    let currency = &world.tariff.currency;
    let words = if promises {
        let sure = if low > 0.0 { "" } else { "; that may be chance" };
        format!("{mean:.2} {currency} saved in {} days ({low:.2} to {high:.2}){sure}; {}", saved.len(), trial.words())
    } else {
        trial.words()
    };
    Ok(json!({
        "metered_cost": metered_days.iter().sum::<f64>(),
        "days": saved.len(),
        "hours": course.lived as f64 * STEP_HOURS,
        "promised": promises,
        "saving": promises.then(|| json!({"low": low, "mean": mean, "high": high})),
        "model_error_share": Some(trial.share).filter(|share| share.is_finite()),
        "counterfactual": "what would have happened without: the fitted home under the policy from before, with the recorded load, sun, weather and prices",
        "words": words,
    }))
}
