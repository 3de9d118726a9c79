//! What the things of a home say now.

use std::sync::Arc;
use std::time::Duration;

use model::{Name, Quality, ThingId, Timestamp, Value};
use site::{Site, ThingDetail, ThingQuery};
use twin::PresenceState;

use crate::find::{Candidate, Found, Home, Purpose, find};
use crate::settings::Settings;

/// From this age on a power is not what is so now. Meters tell every few seconds, or when something changes.
const POWER_STALE: Duration = Duration::from_mins(15);
/// From this age on a charge or a temperature is not what is so now.
const STATE_STALE: Duration = Duration::from_hours(6);
/// Things that are read at a time.
const THINGS_PER_READ: usize = 500;

/// What the things say.
pub(super) struct Seen {
    pub(super) home: Arc<Home>,
    things: std::collections::BTreeMap<ThingId, ThingDetail>,
    pub(super) now: Timestamp,
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The thing has no such property.
    NotThere,
    /// It was never told, or is known to be wrong.
    Unknown,
    /// The thing is gone, or has not told it for long.
    Stale,
}

/// Looks through the things of a site.
pub(super) fn look_around(site: &Site, settings: &Settings) -> Home {
    let mut rows = Vec::new();
    let mut query = ThingQuery { limit: THINGS_PER_READ, ..ThingQuery::default() };
    loop {
        let page = site.things(&query);
        rows.extend(page.items.into_iter().map(|item| item.thing));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || rows.len() >= crate::find::THINGS_MAX {
            break;
        }
    }
    let candidates = rows.iter().map(|row| Candidate {
        thing: &row.id,
        title: &row.title,
        space: row.space.as_ref(),
        model: &row.model,
    });
    find(candidates, &settings.things)
}

impl Seen {
    pub(super) fn new(site: &Site, home: Arc<Home>, now: Timestamp) -> Self {
        let things = home.found.iter().filter_map(|found| Some((found.thing.clone(), site.thing(&found.thing)?)));
        Self { things: things.collect(), home, now }
    }

    /// What a property says, as long as it is told.
    pub(super) fn value(&self, thing: &ThingId, name: &Name, stale: Duration) -> Result<&Value, Missing> {
        let detail = self.things.get(thing).ok_or(Missing::NotThere)?;
        let reported = detail.properties.iter().find(|(reported, _)| reported.name == *name);
        let (reported, _) = reported.ok_or(Missing::Unknown)?;
        if reported.quality == Quality::Bad || reported.value == Value::Null {
            return Err(Missing::Unknown);
        }
        let heard = detail.summary.last_seen.map_or(reported.received, |seen| seen.max(reported.received));
        // A value that has not changed need not be told again by a thing that is there.
        let is_old = self.now.since(heard) > stale || detail.summary.presence.state == PresenceState::Offline;
        if is_old { Err(Missing::Stale) } else { Ok(&reported.value) }
    }

    /// A number in our unit.
    pub(super) fn number(&self, found: &Found, purpose: Purpose) -> Result<f64, Missing> {
        let port = found.port(purpose).ok_or(Missing::NotThere)?;
        let stale = if matches!(purpose, Purpose::Power | Purpose::Plugged) { POWER_STALE } else { STATE_STALE };
        let value = self.value(&found.thing, &port.property, stale)?;
        value.as_f64().map(|number| number * port.scale).filter(|number| number.is_finite()).ok_or(Missing::Unknown)
    }

    /// A word.
    pub(super) fn word(&self, found: &Found, purpose: Purpose) -> Option<&str> {
        let port = found.port(purpose)?;
        match self.value(&found.thing, &port.property, STATE_STALE) {
            Ok(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A document.
    pub(super) fn document(&self, found: &Found, purpose: Purpose) -> Option<serde_json::Value> {
        let port = found.port(purpose)?;
        // What was told of the time to come stays true when its feed falls silent.
        let value = self.value(&found.thing, &port.property, Duration::MAX);
        let told = match value {
            Ok(value) => Some(value.to_json()),
            Err(_) => {
                let detail = self.things.get(&found.thing)?;
                let reported = detail.properties.iter().find(|(reported, _)| reported.name == port.property)?;
                Some(reported.0.value.to_json())
            }
        };
        // A list may come as text.
        told.map(|told| match told.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or_default(),
            None => told,
        })
    }

    /// Whether a car is at its charger, as far as either says so.
    pub(super) fn plugged(&self, charger: &Found, car: Option<&Found>) -> Option<bool> {
        for found in [Some(charger), car].into_iter().flatten() {
            if let Ok(plugged) = self.number(found, Purpose::Plugged) {
                return Some(plugged > 0.5);
            }
            if let Some(state) = self.word(found, Purpose::State) {
                let away = ["unplugged", "disconnected", "available", "no_car", "no car", "a", "idle"];
                return Some(!away.contains(&state.to_lowercase().as_str()));
            }
        }
        None
    }
}
