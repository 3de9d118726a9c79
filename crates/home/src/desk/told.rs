//! What feeds tell of prices and carbon: now, for the time to come, and what they told of the past.

use std::time::Duration;

use model::{Name, ThingId, Timestamp};
use site::Site;

use super::past::{QUARTER, means};
use super::seen::{Missing, Seen};
use super::shown::Note;
use crate::find::{Port, Purpose};
use crate::horizon::Horizon;
use crate::prices::{Priced, Told, read_told};
use crate::settings::{CarbonSource, Settings, split_property};
use crate::tariff::Price;

/// A price of now holds to the end of its hour, as markets have it.
const HOUR_US: i64 = 3_600_000_000;
/// A feed that has told nothing for so long is gone, whatever it told last.
const FEED_STALE: Duration = Duration::from_hours(2);

/// What feeds tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Feeds {
    pub(super) import: Vec<Told>,
    pub(super) export: Vec<Told>,
    pub(super) carbon: Vec<Told>,
    /// Feeds that are silent.
    pub(super) notes: Vec<Note>,
}

/// What feeds tell of the time from now on.
pub(super) fn ahead(seen: &Seen, settings: &Settings) -> Feeds {
    let mut feeds = Feeds::default();
    if let Some(tariff) = &settings.tariff {
        feeds.import = of_price(seen, &tariff.import, &mut feeds.notes);
        feeds.export = of_price(seen, &tariff.export, &mut feeds.notes);
    }
    if let Some(CarbonSource::Told { property, .. }) = &settings.carbon {
        let (told, silent) = of_property(seen, property, Purpose::CarbonAhead);
        feeds.carbon = told;
        feeds.notes.extend(silent.map(|Silent { thing }| Note {
            about: "carbon",
            words: match &thing {
                Some(thing) => {
                    format!("{thing} is silent: hours of which it told nothing are taken as your settings say")
                }
                None => format!("{property} tells nothing: what electricity emits is taken as your settings say"),
            },
            thing,
        }));
    }
    feeds
}

fn of_price(seen: &Seen, price: &Price, notes: &mut Vec<Note>) -> Vec<Told> {
    let Price::Dynamic { property, otherwise, .. } = price else { return Vec::new() };
    let (told, silent) = of_property(seen, property, Purpose::PricesAhead);
    notes.extend(silent.map(|Silent { thing }| Note {
        about: "prices",
        words: match &thing {
            Some(thing) => format!("{thing} is silent: hours whose price it did not tell are taken at {otherwise}"),
            None => format!("{property} tells no price: {otherwise} is taken for every hour"),
        },
        thing,
    }));
    told
}

/// A feed that tells nothing.
struct Silent {
    /// Which thing it is, as far as there is one.
    thing: Option<ThingId>,
}

/// What a feed tells, and whether it is silent.
fn of_property(seen: &Seen, property: &str, ahead: Purpose) -> (Vec<Told>, Option<Silent>) {
    let Some((thing, name)) = split_property(property) else { return (Vec::new(), Some(Silent { thing: None })) };
    let found = seen.home.thing(&thing);
    let mut told = Vec::new();
    if let Some(found) = found {
        let scale = found.port(ahead).map_or(1.0, |port| port.scale);
        told = seen.document(found, ahead).map(|document| read_told(&document, scale)).unwrap_or_default();
    }
    let scale = found
        .and_then(|found| found.ports.values().find(|port| port.property == name).map(|port| port.scale))
        .unwrap_or(1.0);
    let now = seen.value(&thing, &name, FEED_STALE);
    if let Ok(value) = now {
        if let Some(value) = value.as_f64().filter(|value| value.is_finite()) {
            let hour = Timestamp(seen.now.micros().div_euclid(HOUR_US) * HOUR_US);
            let listed = told.iter().any(|one| (one.from..one.to).contains(&seen.now));
            if !listed {
                told.push(Told { from: hour, to: Timestamp(hour.micros() + HOUR_US), value: value * scale });
            }
        } else {
            told.extend(read_told(&value.to_json(), scale));
        }
    }
    let silent = match now {
        Ok(_) => None,
        Err(Missing::NotThere) => Some(Silent { thing: None }),
        Err(Missing::Unknown | Missing::Stale) => Some(Silent { thing: Some(thing) }),
    };
    (told, silent)
}

/// What feeds told of the past.
pub(super) fn past(site: &Site, settings: &Settings, from: Timestamp, to: Timestamp) -> Feeds {
    let of = |property: &str| match split_property(property) {
        Some((thing, name)) => of_history(site, &thing, &name, from, to),
        None => Vec::new(),
    };
    let of_price = |price: &Price| match price {
        Price::Dynamic { property, .. } => of(property),
        Price::Flat { .. } | Price::TimeOfUse { .. } => Vec::new(),
    };
    let carbon = match &settings.carbon {
        Some(CarbonSource::Told { property, .. }) => of(property),
        _ => Vec::new(),
    };
    let tariff = settings.tariff.as_ref();
    Feeds {
        import: tariff.map(|tariff| of_price(&tariff.import)).unwrap_or_default(),
        export: tariff.map(|tariff| of_price(&tariff.export)).unwrap_or_default(),
        carbon,
        notes: Vec::new(),
    }
}

fn of_history(site: &Site, thing: &ThingId, name: &Name, from: Timestamp, to: Timestamp) -> Vec<Told> {
    let scale = site
        .thing_row(thing)
        .and_then(|row| row.model.properties.get(name)?.unit.clone())
        .and_then(|unit| crate::find::unit_scale(unit.as_str()))
        .unwrap_or(1.0);
    let port = Port { property: name.clone(), scale, minimum: None, maximum: None };
    let means = means(site, thing, &port, from, to).into_iter().enumerate();
    let told = means.filter_map(|(column, mean)| {
        let begin = from + QUARTER * column as u32;
        Some(Told { from: begin, to: begin + QUARTER, value: mean? })
    });
    told.collect()
}

/// What electricity emits at a moment, and whether that is known.
pub(super) fn carbon_at(settings: &Settings, moment: Timestamp, told: &[Told]) -> (f64, bool) {
    match &settings.carbon {
        None => (0.0, true),
        Some(CarbonSource::Flat { grams }) => (*grams, true),
        Some(CarbonSource::Told { otherwise, .. }) => {
            let told = told.iter().rev().find(|told| (told.from..told.to).contains(&moment));
            told.map_or((*otherwise, false), |told| (told.value, true))
        }
    }
}

/// What electricity emits in every step.
pub(super) fn carbon_over(settings: &Settings, horizon: &Horizon, told: &[Told]) -> Priced {
    let (values, known) = (0..horizon.steps).map(|step| carbon_at(settings, horizon.begin(step), told)).unzip();
    Priced { values, known }
}
