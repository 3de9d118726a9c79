//! Models of things that told none: inferred from what they say.
//!
//! [`observe`] is pure and only ever widens, so the outcome does not depend on how often a record is seen:
//! - a property's type is what its first value suggests; a value that does not fit makes it text if both are scalars,
//!   and JSON otherwise; `null` says nothing;
//! - its unit comes from the end of its name (`temperature_c`, `power_w`) or from a word whose unit is not in doubt
//!   (`humidity`); its role from words in the name;
//! - its decimals are as many as were seen, at most [`DECIMALS_MAX`];
//! - its choices are the words seen, as long as they are few and look like words of a state (`open`, `heat_cool`).
//!
//! A model that a person or the thing itself made is never touched.

use model::thing_model::AFFORDANCES_MAX;
use model::{DataType, EventModel, PropertyModel, PropertyRole, Record, RecordKind, ThingModel, Unit, Value};

/// More different words than this are no choices.
pub const CHOICES_MAX: usize = 12;

/// The longest word that is taken for a choice, in bytes.
const CHOICE_BYTES_MAX: usize = 24;

/// The most decimals inferred; more digits than that are noise.
pub const DECIMALS_MAX: u8 = 3;

/// Units by the last word of a name: `outdoor_temperature_c`.
const UNITS_BY_SUFFIX: &[(&str, &str)] = &[
    ("c", "°C"),
    ("celsius", "°C"),
    ("degc", "°C"),
    ("f", "°F"),
    ("fahrenheit", "°F"),
    ("degf", "°F"),
    ("k", "K"),
    ("kelvin", "K"),
    ("pct", "%"),
    ("percent", "%"),
    ("w", "W"),
    ("watt", "W"),
    ("watts", "W"),
    ("kw", "kW"),
    ("wh", "Wh"),
    ("kwh", "kWh"),
    ("mwh", "MWh"),
    ("va", "VA"),
    ("var", "var"),
    ("v", "V"),
    ("volt", "V"),
    ("volts", "V"),
    ("mv", "mV"),
    ("a", "A"),
    ("amp", "A"),
    ("amps", "A"),
    ("ma", "mA"),
    ("hz", "Hz"),
    ("pa", "Pa"),
    ("hpa", "hPa"),
    ("kpa", "kPa"),
    ("bar", "bar"),
    ("mbar", "hPa"),
    ("lx", "lx"),
    ("lux", "lx"),
    ("lm", "lm"),
    ("ppm", "ppm"),
    ("ppb", "ppb"),
    ("ugm3", "µg/m³"),
    ("db", "dB"),
    ("dbm", "dBm"),
    ("mm", "mm"),
    ("cm", "cm"),
    ("m", "m"),
    ("km", "km"),
    ("ms", "ms"),
    ("s", "s"),
    ("sec", "s"),
    ("seconds", "s"),
    ("min", "min"),
    ("minutes", "min"),
    ("h", "h"),
    ("hours", "h"),
    ("rpm", "rpm"),
    ("kg", "kg"),
    ("g", "g"),
    ("l", "L"),
    ("m3", "m³"),
    ("m2", "m²"),
    ("deg", "°"),
    ("bytes", "B"),
    ("kb", "kB"),
    ("mb", "MB"),
    ("gb", "GB"),
    ("mps", "m/s"),
    ("kmh", "km/h"),
];

/// Units of last words that are almost always given in one unit. No temperature: that is °C or °F.
const UNITS_BY_WORD: &[(&str, &str)] = &[
    ("humidity", "%"),
    ("battery", "%"),
    ("soc", "%"),
    ("co2", "ppm"),
    ("voc", "ppb"),
    ("pm1", "µg/m³"),
    ("pm25", "µg/m³"),
    ("pm10", "µg/m³"),
    ("illuminance", "lx"),
    ("voltage", "V"),
    ("current", "A"),
    ("power", "W"),
    ("frequency", "Hz"),
    ("rssi", "dBm"),
    ("cpu", "%"),
];

/// Words of what a person wants to see first.
const PRIMARY_WORDS: &[&str] = &[
    "temperature",
    "humidity",
    "power",
    "energy",
    "co2",
    "on",
    "state",
    "brightness",
    "position",
    "motion",
    "occupancy",
    "contact",
    "target",
    "setpoint",
    "soc",
    "level",
    "pm25",
    "flow",
    "speed",
    "mode",
    "lock",
    "open",
];

/// Words of what only matters when something is wrong; they win over [`PRIMARY_WORDS`].
const DIAGNOSTIC_WORDS: &[&str] = &[
    "rssi",
    "lqi",
    "linkquality",
    "snr",
    "uptime",
    "heap",
    "firmware",
    "version",
    "ip",
    "mac",
    "ssid",
    "bssid",
    "wifi",
    "reboots",
    "reset",
    "debug",
    "error",
    "errors",
    "serial",
    "battery",
    "voltage",
    "update",
    "last",
    "seen",
    "build",
];

/// Learns from a record. Returns whether the model changed; never changes a model that is not inferred.
pub fn observe(model: &mut ThingModel, record: &Record) -> bool {
    if !model.inferred {
        return false;
    }
    match record.kind {
        RecordKind::Property => observe_property(model, record),
        RecordKind::Event => {
            let new = !model.events.contains_key(&record.name) && model.events.len() < AFFORDANCES_MAX;
            if new {
                model.events.insert(record.name.clone(), EventModel::default());
            }
            new
        }
        RecordKind::Action | RecordKind::Presence | RecordKind::Decision | RecordKind::Insight => false,
    }
}

fn observe_property(model: &mut ThingModel, record: &Record) -> bool {
    if let Some(property) = model.properties.get_mut(&record.name) {
        return widen(property, &record.value);
    }
    if matches!(record.value, Value::Null) || model.properties.len() >= AFFORDANCES_MAX {
        return false;
    }
    let words = words(record.name.as_str());
    let data_type = DataType::of(&record.value);
    let unit = if data_type == DataType::Number { unit(&words) } else { None };
    let mut property = PropertyModel {
        data_type,
        unit,
        role: role(&words),
        decimals: decimals(&record.value),
        ..PropertyModel::default()
    };
    if let Value::Text(text) = &record.value
        && is_choice(text)
    {
        property.choices.push(record.value.clone());
    }
    model.properties.insert(record.name.clone(), property);
    true
}

/// Makes the property fit a further value.
fn widen(property: &mut PropertyModel, value: &Value) -> bool {
    let said = match value {
        Value::Null => return false,
        value => DataType::of(value),
    };
    let fits = match (property.data_type, said) {
        (DataType::Json, _) => true,
        (DataType::String, said) => said != DataType::Json,
        (had, said) => had == said,
    };
    if !fits {
        let scalar = said != DataType::Json;
        property.data_type = if scalar { DataType::String } else { DataType::Json };
        property.unit = None;
        property.decimals = None;
        property.choices.clear();
        return true;
    }
    match value {
        Value::Text(text) => widen_choices(property, text),
        _ if property.data_type == DataType::String => {
            let had = !property.choices.is_empty();
            property.choices.clear();
            had
        }
        value => {
            let seen = decimals(value);
            let more = property.data_type == DataType::Number && seen > property.decimals;
            if more {
                property.decimals = seen;
            }
            more
        }
    }
}

/// Adds a word to the choices; or gives them up for good when they are too many, or no words of a state.
fn widen_choices(property: &mut PropertyModel, text: &str) -> bool {
    if property.choices.is_empty()
        || property.choices.iter().any(|choice| matches!(choice, Value::Text(t) if **t == *text))
    {
        return false;
    }
    if property.choices.len() == CHOICES_MAX || !is_choice(text) {
        property.choices.clear();
    } else {
        property.choices.push(Value::text(text));
    }
    true
}

/// Whether a text looks like the word of a state: short, starting with a letter, without digits that count something.
fn is_choice(text: &str) -> bool {
    text.len() <= CHOICE_BYTES_MAX
        && text.starts_with(char::is_alphabetic)
        && text.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | ' '))
}

/// The digits after the point of a number.
fn decimals(value: &Value) -> Option<u8> {
    let Value::Float(number) = value else { return None };
    let text = number.to_string();
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    Some(u8::try_from(digits).unwrap_or(u8::MAX).min(DECIMALS_MAX))
}

/// The words of a name in lower case: `outdoorTemp_C` is `outdoor`, `temp`, `c`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (after_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            words.last_mut().expect("there is always a last word").extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn unit(words: &[String]) -> Option<Unit> {
    let last = words.last()?;
    let find = |units: &[(&str, &str)]| units.iter().find(|(word, _)| word == last).map(|(_, unit)| Unit::new(unit));
    // A name of one word that happens to be a symbol (`a`, `min`) says nothing about its unit.
    let by_suffix = if words.len() > 1 { find(UNITS_BY_SUFFIX) } else { None };
    by_suffix.or_else(|| find(UNITS_BY_WORD))
}

fn role(words: &[String]) -> PropertyRole {
    let any_of = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if any_of(DIAGNOSTIC_WORDS) {
        PropertyRole::Diagnostic
    } else if any_of(PRIMARY_WORDS) {
        PropertyRole::Primary
    } else {
        PropertyRole::Normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, thing};
    use model::Name;
    use proptest::prelude::*;

    fn record(name: &str, value: Value) -> Record {
        let mut decoded = testing::decode(&mut crate::Native::new(), "things/t/properties/x", "1");
        Record { name: Name::new(name).unwrap(), value, thing: thing("t"), ..decoded.records.remove(0) }
    }

    fn inferred(said: &[(&str, Value)]) -> ThingModel {
        let mut model = ThingModel { inferred: true, ..ThingModel::default() };
        for (name, value) in said {
            observe(&mut model, &record(name, value.clone()));
        }
        model
    }

    fn line(said: &[(&str, Value)]) -> String {
        let model = inferred(said);
        let (name, property) = model.properties.iter().next().unwrap();
        let unit = property.unit.as_ref().map_or("-", Unit::as_str);
        let choices: Vec<String> = property.choices.iter().map(Value::to_string).collect();
        format!(
            "{name}: {} {unit} {:?} {:?} [{}]",
            property.data_type.as_str(),
            property.role,
            property.decimals,
            choices.join(" ")
        )
    }

    #[test]
    fn names_suggest_units_and_roles() {
        let one = |name: &str| line(&[(name, Value::Float(21.5))]);
        assert_eq!(one("temperature_c"), "temperature_c: number °C Primary Some(1) []");
        assert_eq!(one("outdoorTempC"), "outdoorTempC: number °C Normal Some(1) []");
        assert_eq!(one("power_w"), "power_w: number W Primary Some(1) []");
        assert_eq!(one("temperature"), "temperature: number - Primary Some(1) []");
        assert_eq!(one("room.humidity"), "room.humidity: number % Primary Some(1) []");
        assert_eq!(one("battery_voltage"), "battery_voltage: number V Diagnostic Some(1) []");
        assert_eq!(one("wifi-rssi"), "wifi-rssi: number dBm Diagnostic Some(1) []");
        assert_eq!(one("a"), "a: number - Normal Some(1) []");
    }

    #[test]
    fn values_widen_the_type() {
        use Value::{Boolean, Float, Integer, Null, Text};
        assert_eq!(
            line(&[("x", Null), ("x", Integer(1)), ("x", Float(1.25)), ("x", Float(0.123_456_7))]),
            "x: number - Normal Some(3) []"
        );
        assert_eq!(line(&[("x_w", Integer(1)), ("x_w", Text("n/a".into()))]), "x_w: string - Normal None []");
        assert_eq!(line(&[("x", Boolean(true)), ("x", Integer(1))]), "x: string - Normal None []");
        assert_eq!(
            line(&[("x", Integer(1)), ("x", Value::from_json(serde_json::json!([1]))), ("x", Integer(1))]),
            "x: json - Normal None []"
        );
        assert!(inferred(&[("x", Null)]).properties.is_empty());
    }

    #[test]
    fn few_words_are_choices() {
        let text = |text: &str| ("mode", Value::text(text));
        assert_eq!(line(&[text("heat"), text("off"), text("heat")]), "mode: string - Primary None [heat off]");
        assert_eq!(line(&[text("heat"), text("12:30"), text("heat")]), "mode: string - Primary None []");
        let many: Vec<String> = ('a'..='z').map(|c| format!("word {c}")).collect();
        let many: Vec<_> = many.iter().map(|word| text(word)).collect();
        assert_eq!(line(&many), "mode: string - Primary None []");
    }

    #[test]
    fn only_inferred_models_learn_and_only_so_much() {
        let mut made = ThingModel::default();
        assert!(!observe(&mut made, &record("x", Value::Integer(1))));
        let names: Vec<String> = (0..=AFFORDANCES_MAX).map(|i| format!("p{i}")).collect();
        let said: Vec<_> = names.iter().map(|name| (name.as_str(), Value::Integer(1))).collect();
        assert_eq!(inferred(&said).properties.len(), AFFORDANCES_MAX);

        let mut model = inferred(&[]);
        let event = Record { kind: RecordKind::Event, ..record("pressed", Value::Null) };
        assert!(observe(&mut model, &event) && !observe(&mut model, &event));
        assert_eq!(model.events.len(), 1);
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Integer),
            (-1e9..1e9f64).prop_map(Value::Float),
            "[a-d]{1,2}".prop_map(Value::text),
        ]
    }

    proptest! {
        #[test]
        fn seeing_it_all_again_changes_nothing(values in prop::collection::vec(value(), 1..30)) {
            let mut model = inferred(&[]);
            let records: Vec<Record> = values.into_iter().map(|value| record("x", value)).collect();
            for record in &records {
                observe(&mut model, record);
            }
            let settled = model.clone();
            for record in &records {
                prop_assert!(!observe(&mut model, record));
            }
            prop_assert_eq!(model, settled);
        }
    }
}
