//! What the plan has saved since it is carried out, and what it would have saved before, with how sure that is.

use model::{ThingId, Timestamp};
use rule::Place;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use site::run::{Complaint, Domain as _, Mode, Promotion};

use super::known::Known;
use super::own_world::replayed;
use super::{Desk, POLICY};
use crate::domain::Energy;
use crate::settings::Settings;
use crate::tariff::Tariff;

/// What was saved on some days, or would have been.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeSaved))]
pub struct Saved {
    /// The begin of the first of the days.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub start: Timestamp,
    /// How many.
    pub days: usize,
    /// What they cost by the meter.
    pub metered_cost: f64,
    /// What was saved; none when it is not known well enough to say.
    #[cfg_attr(feature = "schema", schema(required))]
    pub saving: Option<Between>,
    /// In a sentence, with what is wrong with it.
    pub words: String,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeBetween))]
pub struct Between {
    /// Where the interval begins.
    pub low: f64,
    /// What is likely.
    pub mean: f64,
    /// Where it ends.
    pub high: f64,
}

/// What is known of a thing from its past.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeLearnt))]
pub struct LearntThing {
    /// The thing.
    pub thing: ThingId,
    /// What is known, or what is missing.
    pub words: String,
    /// Whether it is known well enough to be planned with.
    pub known: bool,
    /// Since when it behaves in another way than was learned.
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<i64>))]
    pub drifted: Option<Timestamp>,
}

/// What was learned of a home, and what its plan is worth.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeSavings))]
pub struct Savings {
    /// When this was found; none before.
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<i64>))]
    pub made: Option<Timestamp>,
    /// Three letters.
    #[cfg_attr(feature = "schema", schema(required))]
    pub currency: Option<String>,
    /// Since the plan is carried out; none before a whole day of that.
    #[cfg_attr(feature = "schema", schema(required))]
    pub since: Option<Saved>,
    /// What it would have saved on the days before.
    #[cfg_attr(feature = "schema", schema(required))]
    pub before: Option<Saved>,
    /// What is known of the things.
    pub learnt: Vec<LearntThing>,
}

impl Desk {
    /// What the plan saved and would have saved, as it was found when the home was learned last.
    pub fn savings(&self) -> std::sync::Arc<Savings> {
        std::sync::Arc::clone(&self.savings.read())
    }
}

/// A policy without knobs.
pub(super) fn choice(name: &str) -> Json {
    json!({"name": name, "parameters": null})
}

/// Looks back at what the days cost.
pub(super) fn look_back(known: &Known, settings: &Settings, place: &Place, live: Option<&Promotion>) -> Savings {
    let learnt = known.learned.things.iter().map(|one| LearntThing {
        thing: one.thing.clone(),
        words: one.words.clone(),
        known: one.model.is_some(),
        drifted: one.drifted,
    });
    let mut savings = Savings { made: Some(known.made), learnt: learnt.collect(), ..Savings::default() };
    let Some(tariff) = &settings.tariff else { return savings };
    savings.currency = Some(tariff.currency.clone());
    let operates = live.filter(|live| live.mode == Mode::Operate).map(|live| live.time);
    savings.before = before(known, settings, tariff, place, operates);
    savings.since = operates.and_then(|operates| since(known, settings, tariff, place, operates));
    savings
}

/// The days on which nothing was planned.
fn is_before(operates: Option<Timestamp>) -> impl Fn(Timestamp) -> bool {
    const DAY: std::time::Duration = std::time::Duration::from_hours(24);
    move |begin| operates.is_none_or(|operates| begin + DAY <= operates)
}

fn before(
    known: &Known,
    settings: &Settings,
    tariff: &Tariff,
    place: &Place,
    operates: Option<Timestamp>,
) -> Option<Saved> {
    let (world, start) = replayed(known, settings, tariff, place, is_before(operates))?;
    if world.sizes.battery_kilowatt_hours <= 0.0 {
        return None;
    }
    let question = json!({"world": world, "start": start, "ran": choice("rules"), "instead": choice(POLICY)});
    saved(start, Energy.operate("bill", question))
}

fn since(known: &Known, settings: &Settings, tariff: &Tariff, place: &Place, operates: Timestamp) -> Option<Saved> {
    let (world, start) = replayed(known, settings, tariff, place, |begin| begin >= operates)?;
    let earlier = replayed(known, settings, tariff, place, is_before(Some(operates)));
    let (calibration, calibration_start) =
        earlier.map_or((Vec::new(), None), |(world, start)| (world.days, Some(start)));
    let question = json!({
        "world": world, "start": start, "calibration": calibration, "calibration_start": calibration_start,
        "before": choice("rules"),
    });
    saved(start, Energy.operate("savings", question))
}

fn saved(start: Timestamp, answer: Result<Json, Vec<Complaint>>) -> Option<Saved> {
    match answer {
        Ok(answer) => Some(Saved {
            start,
            days: answer["days"].as_u64().unwrap_or(0) as usize,
            metered_cost: answer["metered_cost"].as_f64().unwrap_or(0.0),
            saving: Between::deserialize(&answer["saving"]).ok(),
            words: answer["words"].as_str().unwrap_or_default().to_owned(),
        }),
        Err(complaints) => {
            let first = complaints.first().map(|one| format!("{}: {}", one.place, one.problem));
            tracing::warn!(problem = first, "what the plan saves cannot be said");
            None
        }
    }
}
