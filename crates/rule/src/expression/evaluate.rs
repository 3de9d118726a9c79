//! What an expression comes to. Bounded in steps and in what it makes; every failure says what is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::functions::Function;
use super::infer::Type;
use super::{
    Comparison, Expression, Node, NodeKind, NowPart, Operator, Part, Read, SunPart, Template, Test, TriggerPart,
};
use crate::calendar::{Place, TimeOfDay, Weekdays, seconds_of_day};
use crate::engine::SeriesId;
use crate::limits::{FUEL_MAX, MADE_BYTES_MAX};
use crate::rule::Reference;
use crate::sun::{self, SunEvent};

/// Variables by name.
pub(crate) type Variables = BTreeMap<Arc<str>, Value>;

/// What is known of a series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Null while it is not known.
    pub(crate) value: Value,
    /// What it was before it changed last.
    pub(crate) previous: Value,
    /// When it was said last.
    pub(crate) time: Timestamp,
    /// Since when it is what it is.
    pub(crate) since: Timestamp,
}

/// What set a run off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fired {
    /// Which trigger of the rule.
    pub(crate) index: u32,
    /// Its id.
    pub(crate) id: Option<Arc<str>>,
    /// Its sort.
    pub(crate) kind: Arc<str>,
    /// The thing, if one did.
    pub(crate) thing: Option<Arc<str>>,
    /// The property or event, if one did.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) value: Value,
    pub(crate) previous: Value,
    pub(crate) body: Value,
}

/// What an expression can see.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) readings: &'a [Reading],
    pub(crate) slots: &'a [SeriesId],
    pub(crate) references: &'a [Reference],
    pub(crate) variables: &'a Variables,
    pub(crate) fired: Option<&'a Fired>,
    pub(crate) round: Option<(u32, &'a Value)>,
    pub(crate) now: Timestamp,
    pub(crate) place: &'a Place,
}

/// Why an expression comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EvaluateError {
    /// Something is not known yet; anything else is a mistake.
    pub(crate) unknown: bool,
    pub(crate) message: String,
}

type Outcome = Result<Value, EvaluateError>;

fn failed(message: impl Into<String>) -> EvaluateError {
    EvaluateError { unknown: false, message: message.into() }
}

fn unknown(message: impl Into<String>) -> EvaluateError {
    EvaluateError { unknown: true, message: message.into() }
}

impl<'a> Scope<'a> {
    /// The reading of a reference, if its value is known.
    pub(crate) fn reading(&self, slot: u32) -> Option<&'a Reading> {
        let series = self.slots.get(slot as usize)?;
        self.readings.get(series.0 as usize).filter(|reading| reading.value != Value::Null)
    }

    fn name_of(&self, slot: u32) -> String {
        self.references.get(slot as usize).map(ToString::to_string).unwrap_or_default()
    }
}

impl Expression {
    /// What it comes to.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Outcome {
        Evaluation { scope, fuel: FUEL_MAX }.node(&self.node)
    }

    /// Whether it is true.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluateError> {
        boolean(&self.evaluate(scope)?, "a condition")
    }

    /// The number that it comes to.
    pub(crate) fn number(&self, scope: &Scope<'_>) -> Result<f64, EvaluateError> {
        number(&self.evaluate(scope)?, "this")
    }
}

impl Template {
    /// What it comes to.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Outcome {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Text(_) => self.text(scope).map(Value::text),
            Self::List(items) => {
                let items = items.iter().map(|item| Ok(item.evaluate(scope)?.to_json()));
                Ok(Value::from_json(serde_json::Value::Array(items.collect::<Result<_, EvaluateError>>()?)))
            }
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, item)| Ok((key.to_string(), item.evaluate(scope)?.to_json())));
                Ok(Value::from_json(serde_json::Value::Object(entries.collect::<Result<_, EvaluateError>>()?)))
            }
        }
    }

    /// What it comes to as text.
    pub(crate) fn text(&self, scope: &Scope<'_>) -> Result<String, EvaluateError> {
        match self {
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Hole(expression) => text.push_str(&shown(&expression.evaluate(scope)?)),
                    }
                    short_enough(text.len())?;
                }
                Ok(text)
            }
            other => Ok(shown(&other.evaluate(scope)?)),
        }
    }
}

/// As a person reads it: numbers without the noise of binary fractions.
fn shown(value: &Value) -> String {
    match value {
        Value::Float(number) => number_text(*number),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A number without the noise of binary fractions: at most six digits after the point.
pub(crate) fn number_text(number: f64) -> String {
    if number.abs() >= 1e15 || (number != 0.0 && number.abs() < 1e-6) {
        return format!("{number:e}");
    }
    let text = format!("{number:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn short_enough(bytes: usize) -> Result<(), EvaluateError> {
    if bytes > MADE_BYTES_MAX {
        return Err(failed(format!("the text that is made is longer than {MADE_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn boolean(value: &Value, what: &str) -> Result<bool, EvaluateError> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Null => Err(unknown(format!("{what} wants true or false, and the value is not known"))),
        other => Err(failed(format!("{what} wants true or false, and got {}", brief(other)))),
    }
}

fn number(value: &Value, what: &str) -> Result<f64, EvaluateError> {
    match value {
        Value::Integer(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Null => Err(unknown(format!("{what} wants a number, and the value is not known"))),
        other => Err(failed(format!("{what} wants a number, and got {}", brief(other)))),
    }
}

fn text<'v>(value: &'v Value, what: &str) -> Result<&'v str, EvaluateError> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Null => Err(unknown(format!("{what} wants text, and the value is not known"))),
        other => Err(failed(format!("{what} wants text, and got {}", brief(other)))),
    }
}

/// A value in few words.
fn brief(value: &Value) -> String {
    let json = value.to_json().to_string();
    match json.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &json[..at]),
        None => json,
    }
}

fn float(value: f64) -> Outcome {
    Value::float(value).ok_or_else(|| failed("the number is too large"))
}

struct Evaluation<'s, 'a> {
    scope: &'s Scope<'a>,
    fuel: u32,
}

impl Evaluation<'_, '_> {
    fn burn(&mut self, steps: usize) -> Result<(), EvaluateError> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.fuel.checked_sub(steps));
        self.fuel = left.ok_or_else(|| failed(format!("the expression takes more than {FUEL_MAX} steps")))?;
        Ok(())
    }

    fn node(&mut self, node: &Node) -> Outcome {
        self.burn(1)?;
        match &node.kind {
            NodeKind::Literal(value) => Ok(value.clone()),
            NodeKind::Read(read, slot, default) => self.read(*read, *slot, default.as_deref()),
            NodeKind::Variable(name) => {
                self.scope.variables.get(name).cloned().ok_or_else(|| unknown(format!("{name} is not set")))
            }
            NodeKind::Now(part) => Ok(self.now(*part)),
            NodeKind::Sun(part) => self.sun(*part),
            NodeKind::Trigger(part) => self.trigger(*part),
            NodeKind::RoundIndex => match self.scope.round {
                Some((index, _)) => Ok(Value::Integer(i64::from(index))),
                None => Err(unknown("repeat is known within a repeat only")),
            },
            NodeKind::RoundItem => match self.scope.round {
                Some((_, item)) => Ok(item.clone()),
                None => Err(unknown("repeat is known within a repeat only")),
            },
            NodeKind::Not(inner) => Ok(Value::Boolean(!boolean(&self.node(inner)?, "not")?)),
            NodeKind::Negative(inner) => match self.node(inner)? {
                Value::Integer(number) => Ok(Value::Integer(number.saturating_neg())),
                other => float(-number(&other, "a minus")?),
            },
            NodeKind::Binary(operator, pair) => self.binary(*operator, pair),
            NodeKind::Compare(first, rest) => {
                let mut left = self.node(first)?;
                for (comparison, right) in rest {
                    let right = self.node(right)?;
                    if !compare(&left, *comparison, &right)? {
                        return Ok(Value::Boolean(false));
                    }
                    left = right;
                }
                Ok(Value::Boolean(true))
            }
            NodeKind::If(parts) => {
                let test = boolean(&self.node(&parts.0)?, "if")?;
                self.node(if test { &parts.1 } else { &parts.2 })
            }
            NodeKind::Call(Function::Default, arguments) => match self.node(&arguments[0]) {
                Ok(Value::Null) => self.node(&arguments[1]),
                Err(error) if error.unknown => self.node(&arguments[1]),
                other => other,
            },
            NodeKind::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.node(argument));
                let arguments = arguments.collect::<Result<Vec<Value>, EvaluateError>>()?;
                self.call(*function, &arguments)
            }
            NodeKind::List(items) => {
                let items = items.iter().map(|item| Ok(self.node(item)?.to_json()));
                let items = items.collect::<Result<Vec<_>, EvaluateError>>()?;
                Ok(Value::Json(Arc::new(serde_json::Value::Array(items))))
            }
            NodeKind::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (key, value) in entries {
                    let key = text(&self.node(key)?, "a key")?.to_owned();
                    map.insert(key, self.node(value)?.to_json());
                }
                Ok(Value::Json(Arc::new(serde_json::Value::Object(map))))
            }
            NodeKind::Item(pair) => {
                let of = self.node(&pair.0)?;
                let key = self.node(&pair.1)?;
                item(&of, &key)
            }
            NodeKind::Is(test, inner) => {
                let value = match self.node(inner) {
                    Err(error) if error.unknown => Value::Null,
                    other => other?,
                };
                Ok(Value::Boolean(match test {
                    Test::Known => value != Value::Null,
                    Test::Unknown | Test::None => value == Value::Null,
                    Test::Number => Type::of(&value) == Type::Number,
                    Test::Text => Type::of(&value) == Type::Text,
                    Test::Boolean => Type::of(&value) == Type::Boolean,
                }))
            }
        }
    }

    fn read(&mut self, read: Read, slot: u32, default: Option<&Node>) -> Outcome {
        let reading = self.scope.reading(slot);
        let seconds = |since: Timestamp| float(self.scope.now.since(since).as_secs_f64());
        match (read, reading) {
            (Read::Known, reading) => Ok(Value::Boolean(reading.is_some())),
            (Read::Online, reading) => {
                Ok(Value::Boolean(reading.is_some_and(|reading| reading.value == Value::text("online"))))
            }
            (Read::Value, Some(reading)) => Ok(reading.value.clone()),
            (Read::Previous, Some(reading)) if reading.previous != Value::Null => Ok(reading.previous.clone()),
            (Read::Age, Some(reading)) => seconds(reading.time),
            (Read::Since, Some(reading)) => seconds(reading.since),
            _ => match default {
                Some(default) => self.node(default),
                None if read == Read::Previous => {
                    Err(unknown(format!("what {} was before is not known", self.scope.name_of(slot))))
                }
                None => Err(unknown(format!("{} is not known yet", self.scope.name_of(slot)))),
            },
        }
    }

    fn now(&self, part: NowPart) -> Value {
        let local = self.scope.place.local(self.scope.now);
        let number = |number: i8| Value::Integer(i64::from(number));
        match part {
            NowPart::Hour => number(local.hour()),
            NowPart::Minute => number(local.minute()),
            NowPart::Second => number(local.second()),
            NowPart::MinuteOfDay => Value::Integer(i64::from(seconds_of_day(local) / 60)),
            NowPart::Clock => Value::text(format!("{:02}:{:02}", local.hour(), local.minute())),
            NowPart::WeekdayNumber => number(local.weekday().to_monday_one_offset()),
            NowPart::Weekday => {
                Value::text(Weekdays::NAMES[local.weekday().to_monday_zero_offset().unsigned_abs() as usize % 7])
            }
            NowPart::Day => number(local.day()),
            NowPart::Month => number(local.month()),
            NowPart::Year => Value::Integer(i64::from(local.year())),
            NowPart::Unix => Value::Integer(self.scope.now.micros().div_euclid(1_000_000)),
        }
    }

    fn sun(&self, part: SunPart) -> Outcome {
        let Some(at) = self.scope.place.coordinates else {
            return Err(unknown("where the site lies is not known, and so the sun is not\nhint: set its coordinates"));
        };
        let minute = |event| {
            let today = self.scope.place.local(self.scope.now).date();
            match sun::event_on(self.scope.place, today, event) {
                Some(moment) => Ok(Value::Integer(i64::from(seconds_of_day(self.scope.place.local(moment)) / 60))),
                None => Err(unknown("the sun neither rises nor sets today")),
            }
        };
        match part {
            SunPart::Up => Ok(Value::Boolean(sun::is_up(at, self.scope.now))),
            SunPart::Elevation => float(sun::elevation(at, self.scope.now)),
            SunPart::Sunrise => minute(SunEvent::Sunrise),
            SunPart::Sunset => minute(SunEvent::Sunset),
        }
    }

    fn trigger(&self, part: TriggerPart) -> Outcome {
        let Some(fired) = self.scope.fired else { return Err(unknown("nothing set this off")) };
        let named = |text: &Option<Arc<str>>| text.as_ref().map_or(Value::Null, |text| Value::Text(Arc::clone(text)));
        Ok(match part {
            TriggerPart::Id => named(&fired.id),
            TriggerPart::Kind => Value::Text(Arc::clone(&fired.kind)),
            TriggerPart::Thing => named(&fired.thing),
            TriggerPart::Name => named(&fired.name),
            TriggerPart::Value => fired.value.clone(),
            TriggerPart::Previous => fired.previous.clone(),
            TriggerPart::Body => fired.body.clone(),
        })
    }

    fn binary(&mut self, operator: Operator, pair: &(Node, Node)) -> Outcome {
        let left = self.node(&pair.0)?;
        match operator {
            Operator::And | Operator::Or => {
                let what = if operator == Operator::And { "and" } else { "or" };
                if boolean(&left, what)? == (operator == Operator::Or) {
                    return Ok(left);
                }
                return Ok(Value::Boolean(boolean(&self.node(&pair.1)?, what)?));
            }
            _ => {}
        }
        let right = self.node(&pair.1)?;
        if let (Value::Integer(left), Value::Integer(right)) = (&left, &right)
            && let Some(whole) = whole(operator, *left, *right)
        {
            return Ok(Value::Integer(whole));
        }
        if operator == Operator::Join {
            return self.join(&shown(&left), &shown(&right));
        }
        if operator == Operator::Add {
            match (&left, &right) {
                (Value::Text(left), Value::Text(right)) => return self.join(left, right),
                (Value::Json(a), Value::Json(b)) if a.is_array() && b.is_array() => {
                    let items: Vec<_> =
                        [a, b].into_iter().filter_map(|list| list.as_array()).flatten().cloned().collect();
                    self.burn(items.len())?;
                    return Ok(Value::Json(Arc::new(serde_json::Value::Array(items))));
                }
                _ => {}
            }
        }
        let (a, b) = (number(&left, "counting")?, number(&right, "counting")?);
        let divides = matches!(operator, Operator::Divide | Operator::DivideWhole | Operator::Remainder);
        if divides && b == 0.0 {
            return Err(failed("division by zero"));
        }
        float(match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            Operator::DivideWhole => libm::floor(a / b),
            Operator::Remainder => a - b * libm::floor(a / b),
            _ => libm::pow(a, b),
        })
    }

    fn join(&mut self, left: &str, right: &str) -> Outcome {
        short_enough(left.len() + right.len())?;
        self.burn((left.len() + right.len()) / 64)?;
        Ok(Value::text([left, right].concat()))
    }

    fn call(&mut self, function: Function, arguments: &[Value]) -> Outcome {
        let name = function.name();
        let first = &arguments[0];
        match function {
            Function::Absolute => match first {
                Value::Integer(number) => Ok(Value::Integer(number.saturating_abs())),
                other => float(number(other, name)?.abs()),
            },
            Function::Minimum | Function::Maximum | Function::Sum | Function::Mean => self.fold(function, arguments),
            Function::Round => {
                let digits = arguments.get(1).map_or(Ok(0.0), |digits| number(digits, name))?;
                let scale = libm::pow(10.0, digits.clamp(-12.0, 12.0).trunc());
                let rounded = libm::round(number(first, name)? * scale) / scale;
                if arguments.len() == 1 { whole_value(rounded) } else { float(rounded) }
            }
            Function::Floor => whole_value(libm::floor(number(first, name)?)),
            Function::Ceiling => whole_value(libm::ceil(number(first, name)?)),
            Function::SquareRoot => match number(first, name)? {
                negative if negative < 0.0 => Err(failed("the square root of a negative number")),
                number => float(libm::sqrt(number)),
            },
            Function::Clamp => {
                let (low, high) = (number(&arguments[1], name)?, number(&arguments[2], name)?);
                if low > high {
                    return Err(failed("clamp() wants the lower bound first"));
                }
                float(number(first, name)?.clamp(low, high))
            }
            Function::Number | Function::Integer => {
                let found = match first {
                    Value::Text(text) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
                    other => other.as_f64(),
                };
                match (found, arguments.get(1)) {
                    (Some(found), _) if function == Function::Integer => whole_value(libm::trunc(found)),
                    (Some(found), _) => float(found),
                    (None, Some(default)) => Ok(default.clone()),
                    (None, None) if *first == Value::Null => Err(unknown("the value is not known")),
                    (None, None) => Err(failed(format!("{} is no number", brief(first)))),
                }
            }
            Function::Text => Ok(Value::text(shown(first))),
            Function::Boolean => truth(first, arguments.get(1)),
            Function::Lower => Ok(Value::text(text(first, name)?.to_lowercase())),
            Function::Upper => Ok(Value::text(text(first, name)?.to_uppercase())),
            Function::Trim => Ok(Value::text(text(first, name)?.trim())),
            Function::Length => match first {
                Value::Text(text) => Ok(Value::Integer(text.chars().count() as i64)),
                Value::Json(json) => {
                    let length = json.as_array().map(Vec::len).or_else(|| json.as_object().map(serde_json::Map::len));
                    Ok(Value::Integer(length.unwrap_or(0) as i64))
                }
                other => Err(failed(format!("{} has no length", brief(other)))),
            },
            Function::Contains => Ok(Value::Boolean(compare(&arguments[1], Comparison::In, first)?)),
            Function::StartsWith => Ok(Value::Boolean(text(first, name)?.starts_with(text(&arguments[1], name)?))),
            Function::EndsWith => Ok(Value::Boolean(text(first, name)?.ends_with(text(&arguments[1], name)?))),
            Function::Replace => {
                let (of, from, to) = (text(first, name)?, text(&arguments[1], name)?, text(&arguments[2], name)?);
                if from.is_empty() {
                    return Err(failed("replace() wants something to replace"));
                }
                // Worked out before it is made, so that nothing huge is.
                short_enough(of.len() + of.matches(from).count() * to.len())?;
                self.burn(of.len() / 16)?;
                Ok(Value::text(of.replace(from, to)))
            }
            Function::Join => {
                let between = arguments.get(1).map_or(Ok(""), |between| text(between, name))?;
                let Value::Json(json) = first else { return Err(failed(format!("{} is no list", brief(first)))) };
                let mut made = String::new();
                for (index, item) in json.as_array().into_iter().flatten().enumerate() {
                    self.burn(1)?;
                    if index > 0 {
                        made.push_str(between);
                    }
                    made.push_str(&shown(&Value::from_json(item.clone())));
                    short_enough(made.len())?;
                }
                Ok(Value::text(made))
            }
            Function::MinuteOfDay => match TimeOfDay::parse(text(first, name)?) {
                Some(time) => Ok(Value::Integer(i64::from(time.second / 60))),
                None => Err(failed(format!("{} is no time of day", brief(first)))),
            },
            Function::Default => Ok(first.clone()),
        }
    }

    fn fold(&mut self, function: Function, arguments: &[Value]) -> Outcome {
        let name = function.name();
        let numbers: Vec<f64> = match arguments {
            [Value::Json(json)] => {
                let items = json.as_array().into_iter().flatten();
                self.burn(json.as_array().map_or(0, Vec::len))?;
                items.map(|item| number(&Value::from_json(item.clone()), name)).collect::<Result<_, _>>()?
            }
            arguments => arguments.iter().map(|argument| number(argument, name)).collect::<Result<_, _>>()?,
        };
        if numbers.is_empty() && function != Function::Sum {
            return Err(failed(format!("{name}() of an empty list")));
        }
        let sum = numbers.iter().sum::<f64>();
        float(match function {
            Function::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Function::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Function::Mean => sum / numbers.len() as f64,
            _ => sum,
        })
    }
}

fn truth(value: &Value, default: Option<&Value>) -> Outcome {
    let found = match value {
        Value::Boolean(value) => Some(*value),
        Value::Integer(_) | Value::Float(_) => value.as_f64().map(|number| number != 0.0),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => None,
        },
        Value::Null | Value::Json(_) => None,
    };
    match (found, default) {
        (Some(found), _) => Ok(Value::Boolean(found)),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) if *value == Value::Null => Err(unknown("the value is not known")),
        (None, None) => Err(failed(format!("{} is neither true nor false", brief(value)))),
    }
}

/// Whole numbers stay whole where they fit.
fn whole(operator: Operator, left: i64, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::DivideWhole => (right > 0).then(|| left.div_euclid(right)),
        Operator::Remainder => (right > 0).then(|| left.rem_euclid(right)),
        Operator::Power => left.checked_pow(u32::try_from(right).ok()?),
        _ => None,
    }
}

fn whole_value(number: f64) -> Outcome {
    if number.abs() < 9e15 { Ok(Value::Integer(number as i64)) } else { float(number) }
}

/// Equal as people mean it: 1 and 1.0 are.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(_) | Value::Float(_), Value::Integer(_) | Value::Float(_)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> Result<bool, EvaluateError> {
    use std::cmp::Ordering;
    match comparison {
        Comparison::Equal => return Ok(equal(left, right)),
        Comparison::NotEqual => return Ok(!equal(left, right)),
        Comparison::In | Comparison::NotIn => {
            let holds = match right {
                Value::Text(whole) => whole.contains(text(left, "in")?),
                Value::Json(json) => match &**json {
                    serde_json::Value::Array(items) => {
                        items.iter().any(|item| equal(&Value::from_json(item.clone()), left))
                    }
                    serde_json::Value::Object(map) => map.contains_key(text(left, "in")?),
                    _ => false,
                },
                Value::Null => return Err(unknown("in wants a list or text, and the value is not known")),
                other => return Err(failed(format!("nothing can be in {}", brief(other)))),
            };
            return Ok(holds == (comparison == Comparison::In));
        }
        _ => {}
    }
    let ordering = match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (left, right) => {
            let (left, right) = (number(left, "a comparison")?, number(right, "a comparison")?);
            left.partial_cmp(&right).unwrap_or(Ordering::Equal)
        }
    };
    Ok(match comparison {
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    })
}

fn item(of: &Value, key: &Value) -> Outcome {
    let Value::Json(json) = of else {
        return match of {
            Value::Null => Err(unknown("the value is not known")),
            other => Err(failed(format!("{} has no parts", brief(other)))),
        };
    };
    let found = match (&**json, key) {
        (serde_json::Value::Object(map), Value::Text(key)) => map.get(&**key),
        (serde_json::Value::Array(items), Value::Integer(index)) => {
            let index = if *index < 0 { items.len() as i64 + index } else { *index };
            usize::try_from(index).ok().and_then(|index| items.get(index))
        }
        _ => None,
    };
    found.map(|found| Value::from_json(found.clone())).ok_or_else(|| unknown(format!("there is no {}", brief(key))))
}
