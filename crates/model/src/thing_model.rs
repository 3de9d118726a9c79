//! What a kind of thing can tell and do (W3C Web of Things, Thing Model). The page, the validation on write, the
//! permissions and the simulated twin all derive from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Name, Unit, Value};

/// The most properties, events or actions that one model may have.
pub const AFFORDANCES_MAX: usize = 1_000;

/// The type of a property or of one input field of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A real number.
    #[default]
    Number,
    /// Text.
    String,
    /// An object or array.
    Json,
}

/// How much a property matters to a person who looks at the thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PropertyRole {
    /// Shown in lists and on overviews.
    Primary,
    /// Shown on the thing's page.
    #[default]
    Normal,
    /// Shown on the thing's page, further down.
    Diagnostic,
}

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Information,
    /// Wants attention.
    Warning,
    /// A fault.
    Fault,
}

fn yes() -> bool {
    true
}

/// One property: its type, unit, range and access. Also the shape of an action's input fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PropertyModel {
    /// What people call it; empty to show the name.
    pub title: String,
    /// One sentence for a person.
    pub description: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// The unit of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The least value accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest value accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The step of a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Digits after the point that are worth showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// The only values accepted, if not empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// Whether the thing reports it.
    #[serde(default = "yes")]
    pub readable: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// How much it matters.
    pub role: PropertyRole,
}

impl Default for PropertyModel {
    fn default() -> Self {
        Self {
            title: String::new(),
            description: String::new(),
            data_type: DataType::Number,
            unit: None,
            minimum: None,
            maximum: None,
            step: None,
            decimals: None,
            choices: Vec::new(),
            readable: true,
            writable: false,
            role: PropertyRole::Normal,
        }
    }
}

/// One kind of event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EventModel {
    /// What people call it; empty to show the name.
    pub title: String,
    /// One sentence for a person.
    pub description: String,
    /// How bad it is.
    pub severity: Severity,
}

/// One action and the fields of its input.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ActionModel {
    /// What people call it; empty to show the name.
    pub title: String,
    /// One sentence for a person.
    pub description: String,
    /// The input fields by name; empty when the action takes none.
    pub input: BTreeMap<Name, PropertyModel>,
    /// Whether a person must hold the button, because something moves, heats or opens.
    pub hold: bool,
}

/// What a kind of thing can tell and do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ThingModel {
    /// Unique among models: `demo.thermostat`, or the thing's own id for a model of one.
    pub id: String,
    /// What people call this kind of thing.
    pub title: String,
    /// One sentence for a person.
    pub description: String,
    /// The kind in one word: `light`, `thermostat`, `meter`, `host`.
    pub kind: String,
    /// The version of this model.
    pub version: String,
    /// True while it was only inferred from what the thing said, and nobody corrected it.
    pub inferred: bool,
    /// Properties by name.
    pub properties: BTreeMap<Name, PropertyModel>,
    /// Events by name.
    pub events: BTreeMap<Name, EventModel>,
    /// Actions by name.
    pub actions: BTreeMap<Name, ActionModel>,
}

/// Why a value, a model or a document does not fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The value has another type than the model says.
    #[error("expected {expected}, got {got}")]
    Type {
        /// The type of the model.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The value lies outside the range.
    #[error("{value} is outside {minimum} to {maximum}")]
    Range {
        /// What came.
        value: f64,
        /// The least accepted; negative infinity for none.
        minimum: f64,
        /// The greatest accepted; infinity for none.
        maximum: f64,
    },
    /// The value is not one of the choices.
    #[error("{got} is not one of {choices}")]
    Choice {
        /// What came.
        got: String,
        /// What is accepted, as a list.
        choices: String,
    },
    /// The property cannot be written.
    #[error("{0} cannot be written")]
    ReadOnly(Name),
    /// There is no such property, event, action or field.
    #[error("there is no {what} {name:?}")]
    Unknown {
        /// Property, action or field.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The document is not a model that we can read.
    #[error("{place}: {problem}")]
    Document {
        /// Where in the document.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

impl DataType {
    /// As people name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Json => "json",
        }
    }

    /// The type that a first value suggests.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Boolean(_) => Self::Boolean,
            // A meter that says 21 now may say 21.5 later; only a model made by a person promises whole numbers.
            Value::Integer(_) | Value::Float(_) => Self::Number,
            Value::Text(_) => Self::String,
            Value::Null | Value::Json(_) => Self::Json,
        }
    }
}

impl PropertyModel {
    /// Checks a value against type, range and choices, and brings it to the model's type (21 becomes 21.0 for a
    /// number, 21.0 becomes 21 for an integer). `null` is always accepted: it says "unknown".
    pub fn check(&self, value: Value) -> Result<Value, ModelError> {
        let value = match (self.data_type, value) {
            (_, Value::Null) => return Ok(Value::Null),
            (DataType::Number, Value::Integer(integer)) => Value::Float(integer as f64),
            (DataType::Integer, Value::Float(float)) if float.fract() == 0.0 && float.abs() < 9.0e15 => {
                Value::Integer(float as i64)
            }
            (DataType::Boolean, value @ Value::Boolean(_))
            | (DataType::Integer, value @ Value::Integer(_))
            | (DataType::Number, value @ Value::Float(_))
            | (DataType::String, value @ Value::Text(_))
            | (DataType::Json, value) => value,
            (expected, got) => {
                return Err(ModelError::Type { expected: expected.as_str(), got: got.to_json().to_string() });
            }
        };
        if let (Some(number), DataType::Integer | DataType::Number) = (value.as_f64(), self.data_type) {
            let minimum = self.minimum.unwrap_or(f64::NEG_INFINITY);
            let maximum = self.maximum.unwrap_or(f64::INFINITY);
            if number < minimum || number > maximum {
                return Err(ModelError::Range { value: number, minimum, maximum });
            }
        }
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| same(choice, &value)) {
            let choices: Vec<String> = self.choices.iter().map(|choice| choice.to_json().to_string()).collect();
            return Err(ModelError::Choice { got: value.to_json().to_string(), choices: choices.join(", ") });
        }
        Ok(value)
    }
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

impl ThingModel {
    /// Checks a value that someone wants to write to a property.
    pub fn check_write(&self, name: &Name, value: Value) -> Result<Value, ModelError> {
        let property = self
            .properties
            .get(name)
            .ok_or_else(|| ModelError::Unknown { what: "property", name: name.to_string() })?;
        if !property.writable {
            return Err(ModelError::ReadOnly(name.clone()));
        }
        property.check(value)
    }

    /// Checks the input of an action: an object with known fields, each of which fits.
    pub fn check_input(&self, action: &Name, input: Value) -> Result<Value, ModelError> {
        let model =
            self.actions.get(action).ok_or_else(|| ModelError::Unknown { what: "action", name: action.to_string() })?;
        let fields = match &input {
            Value::Null => return Ok(Value::Null),
            Value::Json(json) => json.as_object().cloned(),
            _ => None,
        };
        let Some(fields) = fields else {
            return Err(ModelError::Type { expected: "an object of input fields", got: input.to_json().to_string() });
        };
        let mut checked = serde_json::Map::new();
        for (name, value) in fields {
            let field = model
                .input
                .get(name.as_str())
                .ok_or_else(|| ModelError::Unknown { what: "input field", name: name.clone() })?;
            checked.insert(name, field.check(Value::from_json(value))?.to_json());
        }
        Ok(Value::from_json(serde_json::Value::Object(checked)))
    }

    /// This model as a W3C WoT Thing Model document (`application/tm+json`).
    pub fn to_wot(&self) -> serde_json::Value {
        crate::wot::to_wot(self)
    }

    /// Reads a W3C WoT Thing Model or Thing Description. What we have no word for is left out.
    pub fn from_wot(document: &serde_json::Value) -> Result<Self, ModelError> {
        crate::wot::from_wot(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn thermostat() -> ThingModel {
        serde_json::from_value(serde_json::json!({
            "id": "thermostat",
            "properties": {
                "target": {"type": "number", "unit": "celsius", "minimum": 5, "maximum": 30, "writable": true},
                "mode": {"type": "string", "choices": ["heat", "off"], "writable": true},
                "temperature": {"type": "number"}
            },
            "actions": {"boost": {"input": {"minutes": {"type": "integer", "minimum": 1}}}}
        }))
        .unwrap()
    }

    #[test]
    fn writes_are_checked_and_brought_to_type() {
        let model = thermostat();
        assert_eq!(model.check_write(&name("target"), Value::Integer(21)), Ok(Value::Float(21.0)));
        let says = |property: &str, value: Value| model.check_write(&name(property), value).unwrap_err().to_string();
        assert_eq!(says("target", Value::Integer(99)), "99 is outside 5 to 30");
        assert_eq!(says("target", Value::text("hot")), "expected number, got \"hot\"");
        assert_eq!(says("mode", Value::text("cool")), "\"cool\" is not one of \"heat\", \"off\"");
        assert_eq!(says("temperature", Value::Integer(1)), "temperature cannot be written");
        assert_eq!(says("nothing", Value::Null), "there is no property \"nothing\"");
    }

    #[test]
    fn action_inputs_are_checked() {
        let model = thermostat();
        let input = |json: serde_json::Value| model.check_input(&name("boost"), Value::from_json(json));
        assert_eq!(input(serde_json::json!({"minutes": 5.0})).unwrap().to_json(), serde_json::json!({"minutes": 5}));
        assert!(input(serde_json::json!({"minutes": 0})).is_err());
        assert!(input(serde_json::json!({"hours": 1})).is_err());
        assert!(input(serde_json::json!(7)).is_err());
    }
}
