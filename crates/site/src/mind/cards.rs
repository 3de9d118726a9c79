//! Model cards: what was learned, from what, and how good it is.

use std::time::Duration;

use learn::forecast::{Ahead, Restart, STATE_BYTES_MAX};
use model::{Name, ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use store::history::SeriesId;

use super::foresight::Foreseen;
use super::stream::Stream;
use crate::error::SiteError;
use crate::inference::{InferenceModel, ModelStage, Port};
use crate::site::Site;

/// The most cards of one page.
pub const CARDS_MAX: usize = 500;

/// The sorts of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CardKind {
    /// What comes next.
    Forecast,
    /// What is unusual.
    Detector,
    /// Brought by a person.
    Inference,
}

/// How good a model is beside a simple one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CardError {
    /// How the error is measured.
    pub measure: &'static str,
    /// The model's.
    pub value: f64,
    /// What it is compared with.
    pub baseline: &'static str,
    /// Whose error this is.
    pub baseline_value: f64,
    /// By how many percent the model is better.
    pub better_percent: f64,
}

/// When a model ceased to be as good as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CardDrift {
    /// Since when.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub since: Timestamp,
    /// What is so.
    pub words: String,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelCard {
    /// Unique.
    pub id: String,
    /// The sort.
    pub kind: CardKind,
    /// In words.
    pub title: String,
    /// Of which thing; a model that somebody brought is of none.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, required))]
    pub thing: Option<ThingId>,
    /// Of which property.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, required))]
    pub name: Option<Name>,
    /// Which of its models is the best now.
    #[cfg_attr(feature = "schema", schema(required))]
    pub champion: Option<String>,
    /// The oldest sample that it learned from.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub learned_from: Option<Timestamp>,
    /// The newest.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub learned_to: Option<Timestamp>,
    /// How many.
    pub samples: u64,
    /// How good it is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub error: Option<CardError>,
    /// When it ceased to be as good as it was.
    #[cfg_attr(feature = "schema", schema(required))]
    pub drift: Option<CardDrift>,
    /// Findings a month that people called normal.
    #[cfg_attr(feature = "schema", schema(required))]
    pub false_alarms_a_month: Option<f64>,
    /// At most so many bytes it takes.
    pub state_bytes: u64,
    /// When it last learned.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub updated: Timestamp,
    /// More of a model that somebody brought.
    #[serde(flatten)]
    pub brought: Brought,
}

/// What only the card of a model has that somebody brought.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Brought {
    /// Its licence, an SPDX name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The SHA-256 of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Which engine runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<&'static str>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<ModelStage>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its inputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Port>,
    /// Its outputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Port>,
    /// Runs since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// Milliseconds of a run, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds_mean: Option<f64>,
    /// Milliseconds of the longest run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds_most: Option<f64>,
    /// Runs without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Runs that took longer than they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<u64>,
    /// Values that were not taken, because it was stuck or suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

fn brought_card(model: InferenceModel) -> ModelCard {
    ModelCard {
        id: format!("{BROUGHT}{}", model.id),
        kind: CardKind::Inference,
        title: format!("{} {}", model.name, model.version),
        thing: None,
        name: None,
        champion: None,
        learned_from: None,
        learned_to: None,
        samples: model.runs.runs,
        error: None,
        drift: None,
        false_alarms_a_month: None,
        state_bytes: model.bytes,
        updated: model.added,
        brought: Brought {
            licence: Some(model.licence),
            sha256: Some(model.sha256),
            engine: model.engine,
            stage: Some(model.stage),
            problem: model.problem,
            inputs: model.inputs,
            outputs: model.outputs,
            runs: Some(model.runs.runs),
            milliseconds_mean: model.runs.milliseconds_mean,
            milliseconds_most: Some(model.runs.milliseconds_most),
            failed: Some(model.runs.failed),
            late: Some(model.runs.late),
            refused: Some(model.runs.refused),
            last_error: model.runs.last_error,
        },
    }
}

/// What the id of the card of a model that somebody brought begins with.
const BROUGHT: &str = "inference-";

/// Which cards.
#[derive(Debug, Clone, Default)]
pub struct CardQuery {
    /// Of this sort.
    pub kind: Option<CardKind>,
    /// Of this thing.
    pub thing: Option<ThingId>,
    /// After this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The id of a forecaster's card.
pub(crate) fn forecast_id(series: SeriesId) -> String {
    format!("forecast-{:010}", series.0)
}

fn detector_id(series: SeriesId) -> String {
    format!("detector-{:010}", series.0)
}

fn parse(id: &str) -> Option<(CardKind, SeriesId)> {
    let (kind, number) = id.split_once('-')?;
    let kind = match kind {
        "forecast" => CardKind::Forecast,
        "detector" => CardKind::Detector,
        _ => return None,
    };
    Some((kind, SeriesId(number.parse().ok()?)))
}

fn detector_card(stream: &Stream) -> Option<ModelCard> {
    let updated = stream.last?;
    let month_us = 30.44 * 24.0 * 3600.0 * 1e6;
    let months = stream.first.zip(stream.last).map(|(first, last)| last.since(first).as_micros() as f64 / month_us);
    let called_normal = stream.called_normal as f64;
    Some(ModelCard {
        id: detector_id(stream.series),
        kind: CardKind::Detector,
        title: format!("Detector of {} of {}", stream.name, stream.thing),
        thing: Some(stream.thing.clone()),
        name: Some(stream.name.clone()),
        champion: None,
        learned_from: stream.first,
        learned_to: stream.last,
        samples: stream.samples,
        error: None,
        drift: None,
        false_alarms_a_month: months.filter(|months| *months > 0.0).map(|months| called_normal / months.max(1.0)),
        state_bytes: stream.state_bytes() as u64,
        updated,
        brought: Brought::default(),
    })
}

fn forecast_card(series: SeriesId, thing: ThingId, name: Name, foreseen: &Foreseen) -> ModelCard {
    let learned = foreseen.forecaster.card();
    let day = learned.as_ref().and_then(a_day_ahead);
    ModelCard {
        id: forecast_id(series),
        kind: CardKind::Forecast,
        title: format!("Forecast of {name} of {thing}"),
        thing: Some(thing),
        name: Some(name),
        champion: day.and_then(|day| serde_json::to_value(day.champion).ok()?.as_str().map(str::to_owned)),
        learned_from: learned.as_ref().map(|learned| learned.since),
        learned_to: learned.as_ref().map(|learned| learned.until),
        samples: foreseen.samples,
        error: day.and_then(card_error),
        drift: learned.as_ref().and_then(card_drift),
        false_alarms_a_month: None,
        state_bytes: STATE_BYTES_MAX as u64,
        updated: foreseen.fed_to,
        brought: Brought::default(),
    }
}

/// How good the forecasts a day ahead are, or those of the furthest distance that could be compared.
fn a_day_ahead(card: &learn::forecast::ModelCard) -> Option<&Ahead> {
    let within_a_day = card.ahead.iter().rev().find(|ahead| ahead.distance <= Duration::from_hours(24));
    within_a_day.or(card.ahead.first())
}

/// The error as a multiple of that of the better of "as a day before" and "as a week before".
fn card_error(ahead: &Ahead) -> Option<CardError> {
    let value = (ahead.naive_error > 0.0).then(|| ahead.error / ahead.naive_error)?;
    let better_percent = (1.0 - value) * 100.0;
    let baseline = "the better of as a day before and as a week before";
    Some(CardError { measure: "MASE", value, baseline, baseline_value: 1.0, better_percent })
}

/// Errors of the last day beyond this multiple of the usual ones mean that the series behaves differently.
const DRIFT: f64 = 2.0;

fn card_drift(card: &learn::forecast::ModelCard) -> Option<CardDrift> {
    let worst = card.ahead.iter().map(|ahead| ahead.drift).fold(0.0, f64::max);
    if worst > DRIFT {
        let words = format!("Over the last day the error was {worst:.1} times the usual one.");
        return Some(CardDrift { since: card.until - Duration::from_hours(24), words });
    }
    let (since, why) = card.last_restart?;
    let words = match why {
        Restart::Time => "It was silent for long, or its clock was set, and is learned afresh.",
        Restart::Values => "Its values left everything that was ever seen, and are learned afresh.",
    };
    Some(CardDrift { since, words: words.to_owned() })
}

impl Site {
    /// A page of model cards in order of id, and where the next one goes on.
    pub fn model_cards(&self, query: &CardQuery) -> (Vec<ModelCard>, Option<String>) {
        let limit = query.limit.clamp(1, CARDS_MAX);
        let mut ids: Vec<String> = Vec::new();
        let wants = |kind: CardKind| query.kind.is_none_or(|wanted| wanted == kind);
        {
            let watched = self.mind.watched.lock();
            let of_thing = |stream: &Stream| query.thing.as_ref().is_none_or(|thing| stream.thing == *thing);
            if wants(CardKind::Detector) {
                ids.extend(
                    watched.iter().filter(|(_, stream)| of_thing(stream)).map(|(_, stream)| detector_id(stream.series)),
                );
            }
            if wants(CardKind::Forecast) {
                let series = self.mind.foresight.all().into_iter().map(|(series, _)| series);
                let of_thing = series.filter(|series| watched.find(*series).is_some_and(of_thing));
                ids.extend(of_thing.map(forecast_id));
            }
        }
        if wants(CardKind::Inference) && query.thing.is_none() {
            ids.extend(self.inference_models().into_iter().map(|model| format!("{BROUGHT}{}", model.id)));
        }
        ids.retain(|id| query.after.as_ref().is_none_or(|after| id > after));
        ids.sort_unstable();
        let next = (ids.len() > limit).then(|| ids[limit - 1].clone());
        ids.truncate(limit);
        (ids.iter().filter_map(|id| self.model_card(id).ok()).collect(), next)
    }

    /// One card.
    pub fn model_card(&self, id: &str) -> Result<ModelCard, SiteError> {
        let unknown = || SiteError::UnknownCard(id.to_owned());
        if let Some(model) = id.strip_prefix(BROUGHT) {
            return self.inference_model(model).map(brought_card).map_err(|_unknown| unknown());
        }
        let (kind, series) = parse(id).ok_or_else(unknown)?;
        let (thing, name) = {
            let watched = self.mind.watched.lock();
            let stream = watched.find(series).ok_or_else(unknown)?;
            if kind == CardKind::Detector {
                return detector_card(stream).ok_or_else(unknown);
            }
            (stream.thing.clone(), stream.name.clone())
        };
        let foreseen = self.mind.foresight.get(series).ok_or_else(unknown)?;
        let foreseen = foreseen.lock();
        Ok(forecast_card(series, thing, name, &foreseen))
    }
}
