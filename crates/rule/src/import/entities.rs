//! Entities of Home Assistant as properties of things, and their states as values.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::home_assistant::{Group, Home};

/// Turns entities into places in things, and remembers what was guessed.
pub(super) struct Entities<'a> {
    home: &'a dyn Home,
    guessed: RefCell<BTreeMap<String, String>>,
    /// What sets the automation off: entities, and the attributes that are looked at.
    triggering: Vec<(String, Option<String>)>,
}

/// Domains whose state is on or off.
const SWITCHED: [&str; 13] = [
    "light",
    "switch",
    "fan",
    "input_boolean",
    "binary_sensor",
    "siren",
    "humidifier",
    "group",
    "automation",
    "schedule",
    "calendar",
    "remote",
    "update",
];

impl<'a> Entities<'a> {
    pub(super) fn new(home: &'a dyn Home) -> Self {
        Self { home, guessed: RefCell::default(), triggering: Vec::new() }
    }

    /// Says what sets the automation off, so that templates can be read that ask for it.
    pub(super) fn set_off_by(&mut self, triggering: Vec<(String, Option<String>)>) {
        self.triggering = triggering;
    }

    /// What sets the automation off.
    pub(super) fn triggering(&self) -> &[(String, Option<String>)] {
        &self.triggering
    }

    /// The entities of a domain in an area or the like, if that is known.
    pub(super) fn members(&self, group: Group<'_>, domain: &str) -> Option<Vec<String>> {
        self.home.members(group, domain).filter(|members| !members.is_empty())
    }

    /// What was guessed, one sentence each.
    pub(super) fn guessed(&self) -> Vec<String> {
        self.guessed.borrow().iter().map(|(entity, place)| format!("{entity} is taken to be {place}")).collect()
    }

    /// The place of an entity's state, or of one of its attributes: `thing/name`.
    pub(super) fn place(&self, entity: &str, attribute: Option<&str>) -> Result<String, String> {
        let (domain, object) = split(entity)?;
        if let Some((thing, name)) = self.home.property(entity, attribute) {
            return Ok(format!("{thing}/{name}"));
        }
        let name = attribute.map_or_else(|| state_name(domain).to_owned(), attribute_name);
        let place = format!("{}/{name}", guess(domain, object));
        let what = attribute.map_or_else(|| entity.to_owned(), |attribute| format!("{attribute} of {entity}"));
        self.guessed.borrow_mut().insert(what, place.clone());
        Ok(place)
    }

    /// The thing of an entity.
    pub(super) fn thing(&self, entity: &str) -> Result<String, String> {
        let place = self.place(entity, None)?;
        Ok(place.split_once('/').map_or(place.clone(), |(thing, _)| thing.to_owned()))
    }

    /// Notes something else that was guessed.
    pub(super) fn guess(&self, what: String, place: &str) {
        self.guessed.borrow_mut().insert(what, place.to_owned());
    }
}

fn split(entity: &str) -> Result<(&str, &str), String> {
    let is_word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    match entity.split_once('.') {
        Some((domain, object)) if is_word(domain) && is_word(object) => Ok((domain, object)),
        _ => Err(format!("{entity:?} is no entity; it is written domain.name")),
    }
}

fn guess(domain: &str, object: &str) -> String {
    format!("{domain}-{object}").replace('_', "-")
}

/// What an entity's state is called as a property.
fn state_name(domain: &str) -> &'static str {
    match domain {
        domain if SWITCHED.contains(&domain) => "on",
        "lock" => "locked",
        "cover" | "valve" => "open",
        "person" | "device_tracker" => "home",
        "climate" | "water_heater" => "mode",
        "sensor" | "number" | "input_number" | "counter" => "value",
        "zone" => "persons",
        "input_datetime" | "time" => "time",
        "select" | "input_select" => "option",
        "input_text" | "text" => "text",
        "weather" => "condition",
        _ => "state",
    }
}

fn attribute_name(attribute: &str) -> String {
    match attribute {
        "current_temperature" => "temperature",
        "temperature" => "target",
        "current_position" => "position",
        "hvac_mode" => "mode",
        "volume_level" => "volume",
        "battery_level" => "battery",
        other => return other.replace('_', "-").trim_matches('-').to_owned(),
    }
    .to_owned()
}

/// A state of an entity as a value: `on` of a light is true.
pub(super) fn state_value(entity: &str, attribute: Option<&str>, state: &Json) -> Json {
    let domain = entity.split_once('.').map_or("", |(domain, _)| domain);
    let word = match state {
        Json::String(text) => text.clone(),
        Json::Bool(state) if attribute.is_none() => (if *state { "on" } else { "off" }).to_owned(),
        other => return other.clone(),
    };
    if matches!(word.as_str(), "unknown" | "unavailable") && attribute.is_none() {
        return Json::Null;
    }
    let truth = match (domain, word.as_str()) {
        _ if attribute.is_some() => match word.as_str() {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => None,
        },
        (domain, "on" | "off") if SWITCHED.contains(&domain) => Some(word == "on"),
        ("lock", "locked" | "unlocked") => Some(word == "locked"),
        ("cover" | "valve", "open" | "closed") => Some(word == "open"),
        ("person" | "device_tracker", "home" | "not_home") => Some(word == "home"),
        _ => None,
    };
    match truth {
        Some(truth) => Json::Bool(truth),
        None => match word.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            Some(number) if matches!(domain, "sensor" | "number" | "input_number" | "counter" | "zone") => {
                Json::Number(number)
            }
            _ => Json::String(word),
        },
    }
}

/// What a state is called when it is true and when it is false, for entities whose state is one or the other here.
pub(super) fn state_words(entity: &str) -> Option<(&'static str, &'static str)> {
    let domain = entity.split_once('.').map_or("", |(domain, _)| domain);
    match domain {
        domain if SWITCHED.contains(&domain) => Some(("on", "off")),
        "lock" => Some(("locked", "unlocked")),
        "cover" | "valve" => Some(("open", "closed")),
        "person" | "device_tracker" => Some(("home", "not_home")),
        _ => None,
    }
}

/// Whether an entity is the sun, which is an entity there and is worked out here.
pub(super) fn is_sun(entity: &str) -> bool {
    entity == "sun.sun"
}
