//! A component ready for use: which topics it is read from, what they mean, and how its commands are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{ActionModel, DataType, EventModel, Name, PropertyModel, Value};
use serde_json::{Map, Value as Json};

use super::python;
use super::template::{Payload, Rendered, Template, Templates};
use crate::{Message, text};

/// One component of a thing.
#[derive(Debug, Default)]
pub(super) struct Entity {
    pub(super) properties: BTreeMap<Name, PropertyModel>,
    pub(super) events: BTreeMap<Name, EventModel>,
    pub(super) actions: BTreeMap<Name, ActionModel>,
    pub(super) readers: Vec<Reader>,
    /// How properties are written.
    pub(super) writes: BTreeMap<Name, Vec<Step>>,
    /// How actions are invoked.
    pub(super) invokes: BTreeMap<Name, Vec<Step>>,
    pub(super) availability: Option<Availability>,
    /// Seconds after which a value that was not said again is unknown.
    pub(super) expires_after_seconds: Option<f64>,
}

/// When a component is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Availability {
    pub(super) mode: AvailabilityMode,
    pub(super) topics: Vec<AvailabilityTopic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AvailabilityMode {
    All,
    Any,
    Latest,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct AvailabilityTopic {
    pub(super) topic: Arc<str>,
    pub(super) template: Option<Template>,
    pub(super) available: String,
    pub(super) not_available: String,
}

impl AvailabilityTopic {
    /// Whether the payload says that the component is there; `None` when it says something else.
    pub(super) fn says(&self, payload: &Payload<'_>, templates: &Templates) -> Result<Option<bool>, String> {
        let text = match &self.template {
            None => payload.text().to_owned(),
            Some(template) => templates.read(template, payload)?.into_text().unwrap_or_default(),
        };
        let there = text == self.available;
        Ok((there || text == self.not_available).then_some(there))
    }
}

/// One topic that a component is read from.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) topic: Arc<str>,
    pub(super) template: Option<Template>,
    /// The member to take when the payload is a JSON object.
    pub(super) pick: Option<Pick>,
    /// The property or event.
    pub(super) name: Name,
    pub(super) meaning: Meaning,
}

/// A member of payloads that may be JSON objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pick {
    pub(super) member: &'static str,
    /// Whether a payload that is no object is the value itself.
    pub(super) or_plain: bool,
}

/// How what was said becomes a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    Number,
    Integer,
    Text,
    /// A sensor without unit or class: a number as long as nothing else was said.
    Untyped,
    Boolean {
        on: String,
        off: String,
    },
    /// The producer's word and ours.
    Words(Vec<(String, Value)>),
    /// One of these.
    Choice(Vec<String>),
    /// Whole per cent of a range.
    Percent {
        low: f64,
        high: f64,
    },
    /// Any JSON.
    Json,
    /// Numbers separated by commas, as an object with these members.
    Channels(&'static [&'static str]),
    /// An event of one of these types.
    Event(Vec<String>),
    /// An event; with a payload only when that was said.
    Trigger(Option<String>),
}

/// What a reader makes of a payload.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is about something else.
    Nothing,
    Value(Value),
    Problem(&'static str, String),
}

/// Words that mean "nothing is known" wherever a value is expected.
fn is_unknown(text: &str) -> bool {
    matches!(text, "None" | "unknown" | "unavailable" | "null")
}

impl Reader {
    /// What the payload says.
    pub(super) fn read(&self, payload: &Payload<'_>, templates: &Templates) -> Outcome {
        let rendered = match &self.template {
            None => Rendered::Text(payload.text().to_owned()),
            Some(template) => match templates.read(template, payload) {
                Ok(rendered) => rendered,
                Err(problem) => return Outcome::Problem("template_failed", problem),
            },
        };
        match self.pick.map_or(Some(rendered.clone()), |pick| pick.take(rendered)) {
            None | Some(Rendered::Nothing) => Outcome::Nothing,
            Some(rendered) => self.meaning.value(rendered),
        }
    }
}

impl Pick {
    fn take(self, rendered: Rendered) -> Option<Rendered> {
        let json = match &rendered {
            Rendered::Nothing => return None,
            Rendered::Text(text) if text.trim_start().starts_with('{') => serde_json::from_str(text).ok(),
            Rendered::Text(_) => None,
            Rendered::Json(json) => Some(json.clone()),
        };
        match json {
            Some(Json::Object(mut members)) => members.remove(self.member).map(Rendered::Json),
            _ => self.or_plain.then_some(rendered),
        }
    }
}

impl Meaning {
    fn value(&self, rendered: Rendered) -> Outcome {
        if let (Self::Json, Rendered::Json(json)) = (self, &rendered) {
            return Outcome::Value(Value::from_json(json.clone()));
        }
        let Some(said) = rendered.into_text() else { return Outcome::Nothing };
        let said = if *self == Self::Text { said.as_str() } else { said.trim() };
        if let Self::Trigger(wanted) = self {
            return match wanted {
                Some(wanted) if wanted != said => Outcome::Nothing,
                _ => Outcome::Value(Value::text(said)),
            };
        }
        if said.is_empty() {
            return Outcome::Nothing;
        }
        self.word(said)
    }

    fn word(&self, said: &str) -> Outcome {
        let unexpected = |code: &'static str, wanted: &str| {
            if is_unknown(said) {
                Outcome::Value(Value::Null)
            } else {
                Outcome::Problem(code, format!("{:?} is not {wanted}", text::shortened(said)))
            }
        };
        match self {
            Self::Number => match number(said) {
                Some(number) => Outcome::Value(Value::Float(number)),
                None => not_a_number(said),
            },
            Self::Integer => match number(said) {
                Some(number) => Outcome::Value(Value::Integer(number.round() as i64)),
                None => not_a_number(said),
            },
            Self::Percent { low, high } => match number(said) {
                Some(number) => Outcome::Value(Value::Integer(percent(number, *low, *high))),
                None => not_a_number(said),
            },
            Self::Untyped => Outcome::Value(match number(said) {
                Some(number) => Value::Float(number),
                None if is_unknown(said) => Value::Null,
                None => Value::text(said),
            }),
            Self::Text if is_unknown(said) => Outcome::Value(Value::Null),
            Self::Text => Outcome::Value(Value::text(said)),
            Self::Boolean { on, .. } if said == on => Outcome::Value(Value::Boolean(true)),
            Self::Boolean { off, .. } if said == off => Outcome::Value(Value::Boolean(false)),
            Self::Boolean { on, off } => unexpected("unknown_word", &format!("{on} or {off}")),
            Self::Words(words) => {
                let ours = words.iter().find(|(word, _)| word == said).map(|(_, value)| Outcome::Value(value.clone()));
                ours.unwrap_or_else(|| {
                    let known: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
                    unexpected("unknown_word", &format!("one of {}", known.join(", ")))
                })
            }
            Self::Choice(choices) if choices.is_empty() || choices.iter().any(|choice| choice == said) => {
                Outcome::Value(Value::text(said))
            }
            Self::Choice(choices) => unexpected("unknown_word", &format!("one of {}", choices.join(", "))),
            Self::Json => match serde_json::from_str(said) {
                Ok(json) => Outcome::Value(Value::from_json(json)),
                Err(error) => Outcome::Problem("bad_json", error.to_string()),
            },
            Self::Channels(names) => channels(names, said),
            Self::Event(types) => event(types, said),
            Self::Trigger(_) => Outcome::Nothing,
        }
    }
}

/// What is said instead of a number.
fn not_a_number(said: &str) -> Outcome {
    if is_unknown(said) {
        return Outcome::Value(Value::Null);
    }
    let code = if said.parse::<f64>().is_ok() { "not_finite" } else { "bad_number" };
    Outcome::Problem(code, format!("{:?} is not a finite number", text::shortened(said)))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whole per cent of a range; what is not the bottom of it is at least 1 %.
fn percent(number: f64, low: f64, high: f64) -> i64 {
    if high == low {
        return 0;
    }
    let share = ((number - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    if share > 0.0 { (share.round() as i64).max(1) } else { 0 }
}

fn channels(names: &[&'static str], said: &str) -> Outcome {
    let numbers: Option<Vec<f64>> = said.split(',').map(|part| number(part.trim())).collect();
    match numbers {
        Some(numbers) if numbers.len() == names.len() => {
            let members: Map<String, Json> =
                names.iter().zip(numbers).map(|(name, number)| ((*name).to_owned(), whole_json(number))).collect();
            Outcome::Value(Value::from_json(Json::Object(members)))
        }
        _ => Outcome::Problem(
            "bad_number",
            format!("{:?} is not {} numbers separated by commas", text::shortened(said), names.len()),
        ),
    }
}

fn event(types: &[String], said: &str) -> Outcome {
    let Ok(Json::Object(members)) = serde_json::from_str(said) else {
        return Outcome::Problem("bad_event", "the payload is not a JSON object with an event_type".to_owned());
    };
    match members.get("event_type").and_then(Json::as_str) {
        Some(kind) if types.iter().any(|known| known == kind) => {
            Outcome::Value(Value::from_json(Json::Object(members)))
        }
        Some(kind) => Outcome::Problem(
            "unknown_word",
            format!("event_type {:?} is not one of {}", text::shortened(kind), types.join(", ")),
        ),
        None => Outcome::Problem("bad_event", "the payload has no event_type".to_owned()),
    }
}

/// A number as JSON without a needless point.
fn whole_json(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9.0e15 { Json::from(number as i64) } else { Json::from(number) }
}

/// One message of a command.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) topic: Arc<str>,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) template: Option<Template>,
    /// The template's name for the value.
    pub(super) variable: &'static str,
    pub(super) form: Form,
    /// What the template gets besides.
    pub(super) extra: Map<String, Json>,
}

/// How a value is said.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// As text.
    Plain,
    /// Always this.
    Fixed(String),
    /// This, and only for this value.
    Only { value: Value, word: String },
    /// Our value and the producer's word.
    Words(Vec<(Value, String)>),
    /// Of whole per cent, a number of this range.
    Percent { low: f64, high: f64 },
    /// Of an object with these members, numbers separated by commas; a template gets them under these names.
    Channels { members: &'static [&'static str], variables: &'static [&'static str] },
    /// A JSON object with this text member `state`, and the value as this member.
    State { state: &'static str, member: Option<&'static str>, scale: Option<f64> },
    /// One field of an action's input.
    Field(&'static str),
}

impl Step {
    /// The message for a value or an action's input; `None` when this step is not for that value.
    pub(super) fn message(&self, input: &Value, templates: &Templates) -> Result<Option<Message>, String> {
        if let Form::Only { value, .. } = &self.form
            && value != input
        {
            return Ok(None);
        }
        let mut variables = self.extra.clone();
        if let (Form::Fixed(_) | Form::Field(_), Value::Json(json)) = (&self.form, input)
            && let Some(fields) = json.as_object()
        {
            variables.extend(fields.clone());
        }
        let said = self.form.say(input, &mut variables)?;
        let payload = match &self.template {
            None => python::text_of(&said),
            Some(template) => {
                variables.insert(self.variable.to_owned(), said);
                templates.write(template, &variables).map_err(|problem| format!("template: {problem}"))?
            }
        };
        let payload = Bytes::from(payload);
        Ok(Some(Message { topic: self.topic.to_string(), payload, qos: self.qos, retain: self.retain }))
    }
}

impl Form {
    fn say(&self, input: &Value, variables: &mut Map<String, Json>) -> Result<Json, String> {
        let not = |wanted: &str| format!("expected {wanted}, got {input}");
        match self {
            Self::Plain => Ok(match input {
                Value::Float(number) => whole_json(*number),
                other => other.to_json(),
            }),
            Self::Fixed(payload) | Self::Only { word: payload, .. } => Ok(payload.clone().into()),
            Self::Words(words) => words
                .iter()
                .find(|(value, _)| value == input)
                .map(|(_, word)| word.clone().into())
                .ok_or_else(|| not("one of the values of the model")),
            Self::Percent { low, high } => {
                let percent = input.as_f64().ok_or_else(|| not("a number"))?;
                let percent = percent.clamp(0.0, 100.0);
                let scaled = (low + (high - low) * percent / 100.0).round();
                // Templates of covers get the number of the range as `value`, and the per cent under these names.
                for name in ["position", "tilt_position"] {
                    variables.insert(name.to_owned(), whole_json(percent));
                }
                Ok(whole_json(scaled))
            }
            Self::Channels { members, variables: names } => {
                let object = match input {
                    Value::Json(json) => json.as_object().cloned().unwrap_or_default(),
                    _ => Map::new(),
                };
                let numbers: Option<Vec<f64>> =
                    members.iter().map(|member| object.get(*member).and_then(Json::as_f64)).collect();
                let numbers = numbers.ok_or_else(|| not(&format!("an object with {}", members.join(", "))))?;
                for (name, number) in names.iter().zip(&numbers) {
                    variables.insert((*name).to_owned(), whole_json(*number));
                }
                let texts: Vec<String> = numbers.into_iter().map(|number| whole_json(number).to_string()).collect();
                Ok(texts.join(",").into())
            }
            Self::State { state, member, scale } => {
                let mut object = Map::new();
                object.insert("state".to_owned(), (*state).into());
                if let Some(member) = member {
                    let value = match scale {
                        None => Self::Plain.say(input, variables)?,
                        Some(scale) => {
                            let percent = input.as_f64().ok_or_else(|| not("a number"))?;
                            whole_json((scale * percent.clamp(0.0, 100.0) / 100.0).round().max(1.0))
                        }
                    };
                    object.insert((*member).to_owned(), value);
                }
                Ok(Json::Object(object).to_string().into())
            }
            Self::Field(field) => match input {
                Value::Json(json) => json.get(*field).cloned().ok_or_else(|| format!("{field} is missing")),
                _ => Err(format!("{field} is missing")),
            },
        }
    }
}

/// The data type of a meaning's values.
pub(super) fn data_type(meaning: &Meaning) -> DataType {
    match meaning {
        Meaning::Number => DataType::Number,
        Meaning::Integer | Meaning::Percent { .. } => DataType::Integer,
        Meaning::Boolean { .. } => DataType::Boolean,
        Meaning::Words(words) if words.iter().all(|(_, value)| matches!(value, Value::Boolean(_))) => DataType::Boolean,
        Meaning::Text | Meaning::Untyped | Meaning::Choice(_) | Meaning::Words(_) => DataType::String,
        Meaning::Json | Meaning::Channels(_) | Meaning::Event(_) | Meaning::Trigger(_) => DataType::Json,
    }
}
