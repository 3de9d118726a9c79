//! What a thing is, from its kind, its names and what it measures.

use model::{DataType, PropertyModel, ThingModel, Unit};

use super::words::{carbon, has, kilowatt_hours, price, watts};
use super::{Candidate, Role};

/// The words that a role goes by, in the kind of a thing or in its names; the first role that fits is taken, so the more
/// particular come first.
const WORDS: &[(Role, &[&str])] = &[
    (
        Role::Charger,
        &["ev charger", "charger", "wallbox", "evse", "charging station", "charge point", "chargepoint", "충전기"],
    ),
    (Role::Car, &["car", "vehicle", "electric vehicle", "ev", "전기차", "자동차"]),
    (
        Role::Grid,
        &[
            "grid meter",
            "grid",
            "mains",
            "smart meter",
            "utility meter",
            "smartmeter",
            "p1",
            "net meter",
            "계통",
            "한전",
        ],
    ),
    (Role::Solar, &["solar", "solar inverter", "pv", "photovoltaic", "inverter", "태양광"]),
    (Role::Battery, &["home battery", "battery", "battery storage", "powerwall", "energy storage", "ess", "배터리"]),
    (Role::Tank, &["water heater", "hot water tank", "hot water", "boiler", "tank", "dhw", "온수"]),
    (Role::HeatPump, &["heat pump", "heatpump", "air conditioner", "aircon", "히트펌프", "에어컨"]),
    (Role::Thermostat, &["thermostat", "climate", "trv", "radiator", "온도조절기"]),
    (
        Role::Appliance,
        &["washing machine", "washer", "dishwasher", "dryer", "tumble dryer", "세탁기", "식기세척기", "건조기"],
    ),
    (
        Role::Consumption,
        &["circuit meter", "distribution board", "consumption", "house meter", "home consumption", "load meter"],
    ),
    (Role::Weather, &["weather", "weather station", "outdoor", "날씨"]),
    (Role::Switched, &["plug", "outlet", "socket", "smart plug", "switch", "pump", "relay", "콘센트"]),
];

/// What a thing is; none when nothing says so.
pub(super) fn role_of(candidate: &Candidate<'_>) -> Option<Role> {
    let model = candidate.model;
    if let Some(role) = role_of_units(model) {
        return Some(role);
    }
    // What its maker says it is stands above what it is called.
    let names = [candidate.title, candidate.thing.as_str(), model.title.as_str()];
    let of_kind = WORDS.iter().filter(|(_, words)| has(&model.kind, words)).map(|(role, _)| *role);
    let of_names = WORDS.iter().filter(|(_, words)| names.iter().any(|name| has(name, words))).map(|(role, _)| *role);
    // A plug in front of something is what is behind it, if its name says that.
    let particular = of_kind.clone().filter(|role| *role != Role::Switched);
    particular.chain(of_names).chain(of_kind).find(|role| fits(*role, model))
}

/// Prices and carbon are told by their units alone.
fn role_of_units(model: &ThingModel) -> Option<Role> {
    let any = |is: fn(&str) -> Option<f64>| numbers(model).any(|(_, unit)| is(unit).is_some());
    if any(price) {
        return Some(Role::Prices);
    }
    any(carbon).then_some(Role::Carbon)
}

fn numbers(model: &ThingModel) -> impl Iterator<Item = (&PropertyModel, &str)> {
    let properties = model.properties.values().filter(|property| property.readable);
    let numbers = properties.filter(|property| matches!(property.data_type, DataType::Number | DataType::Integer));
    numbers.map(|property| (property, property.unit.as_ref().map_or("", Unit::as_str)))
}

/// Whether a thing measures what one of its role must: a phone's battery is no store of a home.
fn fits(role: Role, model: &ThingModel) -> bool {
    let measures = |is: fn(&str) -> Option<f64>| numbers(model).any(|(_, unit)| is(unit).is_some());
    let (power, energy) = (measures(watts), measures(kilowatt_hours));
    let percent = numbers(model).any(|(_, unit)| unit == "%");
    let degrees = |writable: bool| {
        numbers(model).any(|(property, unit)| matches!(unit, "°C" | "°F") && (!writable || property.writable))
    };
    let switch = model.properties.values().any(|property| property.writable && property.data_type == DataType::Boolean);
    match role {
        Role::Grid | Role::Solar | Role::Consumption => power || energy,
        Role::Battery => percent && power,
        Role::Charger => power || (energy && (switch || model.properties.values().any(|it| it.writable))),
        Role::Car => percent && !power,
        Role::HeatPump => power || degrees(true),
        Role::Tank => degrees(false),
        Role::Thermostat => degrees(true),
        Role::Appliance => power || !model.actions.is_empty() || switch,
        Role::Switched => switch && power,
        Role::Weather => degrees(false) && !degrees(true),
        Role::Prices | Role::Carbon | Role::Nothing => false,
    }
}
