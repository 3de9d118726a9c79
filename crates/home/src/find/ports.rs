//! What the properties of a thing are good for.

use std::collections::BTreeMap;

use model::{DataType, Name, PropertyModel, PropertyRole, ThingModel, Unit, Value};

use super::words::{carbon, has, kilowatt_hours, price, watts};
use super::{Candidate, Modes, Port, Purpose, Role};

/// A property that is looked at.
struct Look<'a> {
    name: &'a Name,
    model: &'a PropertyModel,
    unit: &'a str,
}

impl Look<'_> {
    fn has(&self, words: &[&str]) -> bool {
        has(self.name.as_str(), words) || has(&self.model.title, words)
    }

    fn is_number(&self) -> bool {
        matches!(self.model.data_type, DataType::Number | DataType::Integer)
    }

    /// How well it stands for its thing among others that would do.
    fn weight(&self, exact: &[&str]) -> u8 {
        let is_exact = exact.contains(&self.name.as_str());
        let role = match self.model.role {
            PropertyRole::Primary => 2,
            PropertyRole::Normal => 1,
            PropertyRole::Diagnostic => 0,
        };
        role + if is_exact { 4 } else { 0 }
    }
}

/// The properties of a thing that a role can use, the best of each sort.
pub(super) fn ports_of(candidate: &Candidate<'_>, role: Role) -> BTreeMap<Purpose, Port> {
    let mut best: BTreeMap<Purpose, (u8, Port)> = BTreeMap::new();
    for (name, model) in &candidate.model.properties {
        let unit = model.unit.as_ref().map_or("", Unit::as_str);
        let look = Look { name, model, unit };
        let Some((purpose, scale, weight)) = purpose_of(&look, role) else { continue };
        let is_better = best.get(&purpose).is_none_or(|(known, _)| weight > *known);
        if is_better {
            let bound = |bound: Option<f64>| bound.map(|bound| bound * scale);
            let port =
                Port { property: name.clone(), scale, minimum: bound(model.minimum), maximum: bound(model.maximum) };
            best.insert(purpose, (weight, port));
        }
    }
    best.into_iter().map(|(purpose, (_, port))| (purpose, port)).collect()
}

/// What a property is good for, how its numbers become ours, and how well it does.
fn purpose_of(look: &Look<'_>, role: Role) -> Option<(Purpose, f64, u8)> {
    if look.is_number() {
        return watts(look.unit)
            .and_then(|scale| power_of(look, role, scale))
            .or_else(|| kilowatt_hours(look.unit).map(|scale| energy_of(look, role, scale)))
            .or_else(|| measure_of(look, role));
    }
    match look.model.data_type {
        DataType::Boolean => switch_of(look, role),
        DataType::String => word_of(look),
        DataType::Json => ahead_of(look, role),
        DataType::Number | DataType::Integer => None,
    }
}

fn power_of(look: &Look<'_>, role: Role, scale: f64) -> Option<(Purpose, f64, u8)> {
    if look.model.writable {
        let is_set = look.has(&["set", "setpoint", "set point", "target", "charge", "power", "current limit"]);
        return is_set.then(|| (Purpose::SetPower, scale, look.weight(&["set_power", "power_setpoint"])));
    }
    let limits = ["limit", "max", "maximum", "rated", "peak", "nominal", "standby", "apparent", "available"];
    if look.has(&limits) {
        return None;
    }
    let exact: &[&str] = match role {
        Role::Consumption => &["consumption", "total", "power"],
        Role::Grid => &["power", "active_power", "total_power", "grid_power", "net_power"],
        _ => &["power", "active_power", "total_power"],
    };
    // Heat is no electricity.
    let is_power = look.has(&["power", "consumption", "load", "watts", "w", "production", "전력"]);
    let is_heat = look.has(&["heat", "thermal", "cooling output"]) && !look.has(&["power"]);
    if is_heat && role == Role::HeatPump && !look.has(&["cooling", "source", "rejected"]) {
        return Some((Purpose::Heat, scale, look.weight(&["heat", "heat_output", "thermal_output"])));
    }
    (is_power && !is_heat).then(|| (Purpose::Power, scale, look.weight(exact)))
}

fn energy_of(look: &Look<'_>, role: Role, scale: f64) -> (Purpose, f64, u8) {
    // A counter that begins anew is worth less than one that counts for ever.
    let resets = look.has(&["today", "session", "day", "daily", "month", "monthly", "year", "yesterday", "hour"]);
    let given = look.has(&[
        "exported",
        "export",
        "returned",
        "return",
        "feed in",
        "fed",
        "delivered",
        "discharged",
        "discharge",
        "out",
        "produced",
        "production",
        "yield",
    ]);
    let taken =
        look.has(&["imported", "import", "consumed", "consumption", "charged", "drawn", "received", "in", "bought"]);
    let (purpose, exact): (Purpose, &[&str]) = match role {
        _ if look.has(&["capacity"]) => (Purpose::Capacity, &["capacity", "battery_capacity"]),
        Role::Battery | Role::Car if look.has(&["stored", "remaining", "content"]) => {
            (Purpose::Stored, &["energy_stored"])
        }
        _ if given => (Purpose::Exported, &["energy_exported", "energy_discharged", "energy"]),
        _ if taken => (Purpose::Imported, &["energy_imported", "energy_charged", "energy"]),
        Role::Solar => (Purpose::Exported, &["energy", "energy_total"]),
        _ => (Purpose::Imported, &["energy", "energy_total", "total_energy"]),
    };
    let weight = look.weight(exact);
    (purpose, scale, if resets { weight.saturating_sub(3) } else { weight + 3 })
}

fn measure_of(look: &Look<'_>, role: Role) -> Option<(Purpose, f64, u8)> {
    if let Some(scale) = price(look.unit) {
        // What is paid for what is fed in is another price.
        let is_export = look.has(&["export", "feed", "sell"]);
        return (!is_export).then(|| (Purpose::Price, scale, look.weight(&["price", "current_price"])));
    }
    if let Some(scale) = carbon(look.unit) {
        return Some((Purpose::Carbon, scale, look.weight(&["carbon_intensity", "intensity"])));
    }
    let writable = look.model.writable;
    match look.unit {
        "%" if matches!(role, Role::Battery | Role::Car | Role::Charger) => {
            if look.has(&["reserve", "minimum", "min soc", "backup"]) {
                return Some((Purpose::Reserve, 1.0, look.weight(&["reserve"])));
            }
            if writable || look.has(&["limit", "target"]) {
                return Some((Purpose::Limit, 1.0, look.weight(&["limit", "charge_limit"])));
            }
            let is_charge = look.has(&["charge", "soc", "state of charge", "level", "battery", "잔량"]);
            (is_charge && !look.has(&["health", "soh"]))
                .then(|| (Purpose::Charge, 1.0, look.weight(&["charge", "soc", "state_of_charge"])))
        }
        "°C" if writable => Some((Purpose::Target, 1.0, look.weight(&["target", "target_temperature"]))),
        "°C" => {
            let is_other = look.has(&["supply", "return", "flow", "module", "cell", "dew", "feels", "outdoor"]);
            let weight = look.weight(&["temperature", "current_temperature"]);
            Some((Purpose::Temperature, 1.0, if is_other { weight.saturating_sub(2) } else { weight + 1 }))
        }
        "W/m²" | "W/m2" if role == Role::Weather => Some((Purpose::Irradiance, 1.0, look.weight(&["irradiance"]))),
        _ => None,
    }
}

fn switch_of(look: &Look<'_>, role: Role) -> Option<(Purpose, f64, u8)> {
    let at_home = ["home", "plugged", "plugged in", "connected", "cable", "present", "plug"];
    if !look.model.writable && matches!(role, Role::Car | Role::Charger) && look.has(&at_home) {
        return Some((Purpose::Plugged, 1.0, look.weight(&["plugged", "home", "connected"])));
    }
    let is_switch = look.has(&["on", "enabled", "enable", "switch", "power", "charging", "active", "state"]);
    (look.model.writable && is_switch).then(|| (Purpose::Enabled, 1.0, look.weight(&["enabled", "on"])))
}

fn word_of(look: &Look<'_>) -> Option<(Purpose, f64, u8)> {
    if look.model.choices.is_empty() {
        return None;
    }
    let purpose = if look.model.writable { Purpose::Mode } else { Purpose::State };
    Some((purpose, 1.0, look.weight(&["mode", "operating_mode", "state", "status"])))
}

fn ahead_of(look: &Look<'_>, role: Role) -> Option<(Purpose, f64, u8)> {
    let is_ahead = look.has(&["prices", "forecast", "ahead", "day ahead", "prices ahead", "rates", "raw today"]);
    let purpose = match role {
        Role::Prices => Purpose::PricesAhead,
        Role::Carbon => Purpose::CarbonAhead,
        _ => return None,
    };
    is_ahead.then(|| (purpose, look.unit_scale(purpose), look.weight(&["prices", "forecast"])))
}

impl Look<'_> {
    /// What the numbers within a document are multiplied with; ours when it has no unit.
    fn unit_scale(&self, purpose: Purpose) -> f64 {
        let scale = if purpose == Purpose::PricesAhead { price(self.unit) } else { carbon(self.unit) };
        scale.unwrap_or(1.0)
    }
}

/// What the words of a mode mean.
pub(super) fn modes_of(model: &ThingModel, ports: &BTreeMap<Purpose, Port>) -> Modes {
    let Some(mode) = ports.get(&Purpose::Mode).and_then(|port| model.properties.get(&port.property)) else {
        return Modes::default();
    };
    let words: Vec<&str> = mode
        .choices
        .iter()
        .filter_map(|choice| if let Value::Text(text) = choice { Some(text.as_ref()) } else { None })
        .collect();
    let pick = |wanted: &[&str]| words.iter().find(|word| has(word, wanted)).map(|word| (*word).to_owned());
    Modes {
        by_itself: pick(&["self use", "auto", "automatic", "self consumption", "surplus", "eco", "pv", "smart"]),
        idle: pick(&["hold", "idle", "off", "standby", "stop", "pause"]),
        fast: pick(&["charge", "fast", "boost", "now", "force charge"]),
        told: pick(&["power", "set power", "set point", "setpoint", "remote", "manual", "external", "forced"]),
    }
}
