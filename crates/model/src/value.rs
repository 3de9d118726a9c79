//! What a property or event says.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value as a thing reported it. A float is always finite: NaN and infinities are refused where bytes are decoded.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Known to be unknown.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite real number.
    Float(f64),
    /// UTF-8 text.
    Text(Arc<str>),
    /// An object or array.
    Json(Arc<serde_json::Value>),
}

impl Value {
    /// Text from anything text-like.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// A float, or `None` when it is not finite.
    pub fn float(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Float(number))
    }

    /// The number that a chart would draw: booleans are 0 and 1; text, objects and null have none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Boolean(b) => Some(f64::from(u8::from(*b))),
            Self::Integer(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            Self::Null | Self::Text(_) | Self::Json(_) => None,
        }
    }

    /// The JSON of this value.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(b) => (*b).into(),
            Self::Integer(i) => (*i).into(),
            Self::Float(f) => (*f).into(),
            Self::Text(t) => serde_json::Value::String(t.to_string()),
            Self::Json(json) => (**json).clone(),
        }
    }

    /// The value of a JSON document. Whole numbers that fit become integers, larger ones floats.
    pub fn from_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(b) => Self::Boolean(b),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => number.as_f64().and_then(Self::float).unwrap_or(Self::Null),
            },
            serde_json::Value::String(text) => Self::Text(Arc::from(text)),
            json => Self::Json(Arc::new(json)),
        }
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Value {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
            .description(Some("A boolean, number, text, object, array or null."))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Value {}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Boolean(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Integer(i)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// As a person would read it, without a unit.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("—"),
            Self::Boolean(b) => write!(f, "{b}"),
            Self::Integer(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(text) => f.write_str(text),
            Self::Json(json) => write!(f, "{json}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(b) => serializer.serialize_bool(*b),
            Self::Integer(i) => serializer.serialize_i64(*i),
            Self::Float(f) => serializer.serialize_f64(*f),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(json) => json.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self::from_json).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_keeps_its_kind() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse("1"), Value::Integer(1));
        assert_eq!(parse("1.0"), Value::Float(1.0));
        assert_eq!(parse("18446744073709551615"), Value::Float(18_446_744_073_709_551_615.0));
        assert_eq!(parse("[1]").to_json().to_string(), "[1]");
        assert_eq!(Value::float(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn scalars_survive_json(integer in any::<i64>(), float in -1e300..1e300f64, text in ".*") {
            for value in [Value::Integer(integer), Value::Float(float), Value::text(&text)] {
                let json = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
            }
        }
    }
}
