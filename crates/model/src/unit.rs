//! Units of measurement, shown as people write them (UCUM print symbols).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A unit as it is shown: `°C`, `kWh`, `%`. Spellings of the same unit are folded into one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(from = "String", into = "String")]
pub struct Unit(Arc<str>);

/// Other spellings that producers use, and the one that we show.
const SPELLINGS: &[(&str, &str)] = &[
    ("C", "°C"),
    ("celsius", "°C"),
    ("degC", "°C"),
    ("Cel", "°C"),
    ("℃", "°C"),
    ("F", "°F"),
    ("fahrenheit", "°F"),
    ("degF", "°F"),
    ("[degF]", "°F"),
    ("percent", "%"),
    ("pct", "%"),
    ("watt", "W"),
    ("watts", "W"),
    ("kilowatt", "kW"),
    ("kilowatt-hour", "kWh"),
    ("kwh", "kWh"),
    ("volt", "V"),
    ("ampere", "A"),
    ("lux", "lx"),
    ("second", "s"),
    ("seconds", "s"),
    ("minute", "min"),
    ("hour", "h"),
    ("m3", "m³"),
    ("m^3", "m³"),
    ("m3/h", "m³/h"),
    ("ug/m3", "µg/m³"),
    ("µg/m3", "µg/m³"),
    ("μg/m³", "µg/m³"),
    ("hertz", "Hz"),
    ("pascal", "Pa"),
    ("hectopascal", "hPa"),
    ("mbar", "hPa"),
];

impl Unit {
    /// The unit that a producer's spelling means.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let shown = SPELLINGS.iter().find(|(spelling, _)| *spelling == text).map_or(text, |(_, shown)| shown);
        Self(Arc::from(shown))
    }

    /// The unit as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Unit {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        unit.0.to_string()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_fold_and_unknown_units_stay() {
        assert_eq!(Unit::new("celsius"), Unit::new("°C"));
        assert_eq!(Unit::new("furlong").as_str(), "furlong");
    }
}
