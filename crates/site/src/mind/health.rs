//! How well a thing is, from what was found about it, whether it is there, and what it says.

use model::{Name, ThingId, Timestamp, Value};
use serde::Serialize;
use twin::{PresenceState, Slot};

use super::insight::{Insight, InsightSeverity, InsightState};
use super::stream::Stream;
use crate::error::SiteError;
use crate::site::Site;

/// How well a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// Nothing that matters is wrong.
    Good,
    /// Worth a look.
    Fair,
    /// Something is wrong.
    Poor,
    /// It has said nothing yet.
    Unknown,
}

/// How well a thing is, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Health {
    /// From 0 to 100.
    pub score: u8,
    /// In a word.
    pub level: HealthLevel,
}

/// What a stream's detector does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// It has not seen enough yet.
    Learning,
    /// It finds nothing.
    Watching,
    /// It finds something.
    Finding,
}

/// One watched property of a thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StreamHealth {
    /// Which property.
    pub name: Name,
    /// What its detector does.
    pub state: StreamState,
    /// How much of what it has to learn first is learned, from 0 to 1.
    pub learned_share: f64,
    /// The finding that goes on, the worst of them.
    #[cfg_attr(feature = "schema", schema(required))]
    pub insight: Option<String>,
}

/// How well a thing is, with what it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HealthDetail {
    /// From 0 to 100.
    pub score: u8,
    /// In a word.
    pub level: HealthLevel,
    /// Since when something is wrong; if nothing is, since when it is there.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub since: Timestamp,
    /// The properties that are watched, in order of name.
    pub streams: Vec<StreamHealth>,
}

/// What a thing loses that is not there.
const OFFLINE: u32 = 50;
/// What it loses for each value that is known to be wrong or missing, and at most for all of them.
const BAD_VALUE: (u32, u32) = (15, 45);
/// From these scores on a thing is well, and fairly well.
const LEVELS: (u32, u32) = (80, 50);

/// What a finding that goes on costs; half of it once somebody has seen it.
fn cost(insight: &Insight) -> u32 {
    let whole = match insight.severity {
        InsightSeverity::Notice => 10,
        InsightSeverity::Warning => 25,
        InsightSeverity::Alarm => 50,
    };
    if insight.state == InsightState::Acknowledged { whole / 2 } else { whole }
}

/// The health of a thing with what goes on with it, and since when it is so.
pub(crate) fn health<'a>(slot: &Slot, going_on: impl Iterator<Item = &'a Insight>) -> (Health, Timestamp) {
    let presence = slot.twin.presence();
    if slot.twin.last_seen().is_none() && presence.state == PresenceState::Unknown {
        return (Health { score: 0, level: HealthLevel::Unknown }, presence.since);
    }
    let (mut lost, mut since) = (0, None::<Timestamp>);
    let mut lose = |amount: u32, time: Timestamp| {
        lost += amount;
        since = Some(since.map_or(time, |since| since.min(time)));
    };
    going_on.for_each(|insight| lose(cost(insight), insight.began));
    if presence.state == PresenceState::Offline {
        lose(OFFLINE, presence.since);
    }
    let bad = slot.twin.bad().filter(|reported| reported.value != Value::Null).map(|reported| reported.changed);
    let bad: Vec<Timestamp> = bad.collect();
    if let Some(first) = bad.iter().min() {
        lose((bad.len() as u32).saturating_mul(BAD_VALUE.0).min(BAD_VALUE.1), *first);
    }
    let score = 100_u32.saturating_sub(lost);
    let level = match score {
        score if score >= LEVELS.0 => HealthLevel::Good,
        score if score >= LEVELS.1 => HealthLevel::Fair,
        _ => HealthLevel::Poor,
    };
    (Health { score: score as u8, level }, since.unwrap_or(presence.since))
}

fn stream_health(stream: &Stream, going_on: &[Insight]) -> StreamHealth {
    let of_stream = going_on.iter().filter(|insight| insight.name == stream.name);
    let worst = of_stream.max_by_key(|insight| insight.severity).map(|insight| insight.id.clone());
    let learned_share = if stream.learning { 0.0 } else { stream.learned_share() };
    let state = match &worst {
        Some(_) => StreamState::Finding,
        None if learned_share < 1.0 => StreamState::Learning,
        None => StreamState::Watching,
    };
    StreamHealth { name: stream.name.clone(), state, learned_share, insight: worst }
}

impl Site {
    /// How well a thing is.
    pub fn health(&self, thing: &ThingId) -> Result<HealthDetail, SiteError> {
        let going_on: Vec<Insight> = self.mind.book.lock().of(thing).cloned().collect();
        let (Health { score, level }, since) = {
            let things = self.things.read();
            let slot = things.registry.get(thing).ok_or_else(|| twin::RegistryError::Unknown(thing.clone()))?;
            health(slot, going_on.iter())
        };
        let watched = self.mind.watched.lock();
        let mut streams: Vec<StreamHealth> = watched.of(thing).map(|stream| stream_health(stream, &going_on)).collect();
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(HealthDetail { score, level, since, streams })
    }
}
