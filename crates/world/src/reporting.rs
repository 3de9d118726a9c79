//! When a property is told: on change beyond a deadband, not too often, and again from time to time.

use std::time::Duration;

use model::{DataType, PropertyModel, PropertyRole, Timestamp, Value};

/// The rule by which a thing tells one property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reporting {
    /// The least change of a number that is told.
    pub deadband: f64,
    /// The shortest time between two reports that nobody asked for.
    pub interval: Duration,
    /// The longest time without a report.
    pub refresh: Duration,
}

impl Reporting {
    /// The rule that suits a property of this model.
    pub fn of(model: &PropertyModel) -> Self {
        if is_state(model) {
            return Self { deadband: 0.0, interval: Duration::ZERO, refresh: Duration::from_hours(1) };
        }
        let range = match (model.minimum, model.maximum) {
            (Some(low), Some(high)) if high > low => (high - low) * 0.002,
            _ => 0.0,
        };
        Self {
            deadband: range.max(libm::pow(10.0, -f64::from(decimals(model)))),
            interval: Duration::from_secs(10),
            refresh: Duration::from_secs(if model.role == PropertyRole::Diagnostic { 3_600 } else { 900 }),
        }
    }
}

/// Whether a property is a state (told at once and for certain) rather than a measurement.
pub(crate) fn is_state(model: &PropertyModel) -> bool {
    let is_number = matches!(model.data_type, DataType::Integer | DataType::Number);
    model.writable || !is_number || !model.choices.is_empty()
}

/// Digits after the point that a property is told with.
pub(crate) fn decimals(model: &PropertyModel) -> u8 {
    match model.data_type {
        DataType::Integer => 0,
        _ => model.decimals.unwrap_or(2).min(9),
    }
}

/// Whole numbers beyond this are not exact any more.
const WHOLE_MAX: f64 = 9.0e15;

/// How a property of some model tells numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    /// Ten to the power of the digits after the point.
    digits: f64,
    integer: bool,
}

impl Scale {
    pub(crate) fn of(model: &PropertyModel) -> Self {
        let integer = model.data_type == DataType::Integer;
        let (low, high) = (model.minimum.unwrap_or(f64::NEG_INFINITY), model.maximum.unwrap_or(f64::INFINITY));
        let (low, high) =
            if integer { (libm::ceil(low).max(-WHOLE_MAX), libm::floor(high).min(WHOLE_MAX)) } else { (low, high) };
        Self { low, high, digits: libm::pow(10.0, f64::from(decimals(model))), integer }
    }

    /// A number as it is told: within the range, with its digits, of its type. `Null` when there is no such value.
    pub(crate) fn fit(&self, number: f64) -> Value {
        if !number.is_finite() || self.low > self.high {
            return Value::Null;
        }
        let rounded = libm::round(number * self.digits) / self.digits;
        // A number too great to have digits stays what it is; the bounds themselves may have more digits than are told.
        let rounded = if rounded.is_finite() { rounded } else { number };
        let within = rounded.max(self.low).min(self.high) + 0.0;
        if self.integer { Value::Integer(within as i64) } else { Value::Float(within) }
    }
}

/// Remembers what was told of one property, and decides when to tell it again.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    rule: Reporting,
    told: Option<(Timestamp, Value)>,
}

impl Reporter {
    pub(crate) fn new(rule: Reporting) -> Self {
        Self { rule, told: None }
    }

    /// Whether `value` is to be told at `now`; if so it counts as told.
    pub(crate) fn wants(&mut self, now: Timestamp, value: &Value) -> bool {
        let due = match &self.told {
            None => true,
            Some((time, last)) => {
                let age = now.since(*time);
                age >= self.rule.refresh || (age >= self.rule.interval && self.differs(last, value))
            }
        };
        if due {
            self.tell(now, value);
        }
        due
    }

    /// Whether so much time has passed since a value was told.
    pub(crate) fn is_older(&self, now: Timestamp, age: Duration) -> bool {
        self.told.as_ref().is_none_or(|(time, _)| now.since(*time) >= age)
    }

    /// As if nothing had been told.
    pub(crate) fn forget(&mut self) {
        self.told = None;
    }

    /// Counts `value` as told.
    pub(crate) fn tell(&mut self, now: Timestamp, value: &Value) {
        self.told = Some((now, value.clone()));
    }

    fn differs(&self, last: &Value, value: &Value) -> bool {
        match (last, value) {
            (Value::Float(a), Value::Float(b)) => a != b && (a - b).abs() >= self.rule.deadband * (1.0 - 1e-9),
            (Value::Integer(a), Value::Integer(b)) => a != b && a.abs_diff(*b) as f64 >= self.rule.deadband,
            _ => last != value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn small_changes_wait_and_everything_is_refreshed() {
        let rule = Reporting { deadband: 0.5, interval: Duration::from_secs(10), refresh: Duration::from_mins(1) };
        let mut reporter = Reporter::new(rule);
        assert!(reporter.wants(at(0), &Value::Float(20.0)), "the first one");
        assert!(!reporter.wants(at(20), &Value::Float(20.4)), "within the deadband");
        assert!(reporter.wants(at(21), &Value::Float(20.5)), "at the deadband");
        assert!(!reporter.wants(at(25), &Value::Float(30.0)), "too soon");
        assert!(reporter.wants(at(31), &Value::Float(30.0)));
        assert!(!reporter.wants(at(80), &Value::Float(30.0)));
        assert!(reporter.wants(at(91), &Value::Float(30.0)), "refreshed");
    }

    #[test]
    fn numbers_are_fitted_to_the_model() {
        let model = |json| serde_json::from_value::<PropertyModel>(json).unwrap();
        let percent = model(serde_json::json!({"type": "number", "minimum": 0, "maximum": 100, "decimals": 1}));
        let fitted = |model: &PropertyModel, number| Scale::of(model).fit(number);
        assert_eq!(fitted(&percent, 100.4), Value::Float(100.0));
        assert_eq!(fitted(&percent, 20.26), Value::Float(20.3));
        assert_eq!(fitted(&percent, -0.01).to_json().to_string(), "0.0", "no negative zero");
        let level = model(serde_json::json!({"type": "integer", "minimum": 0.5, "maximum": 3.5}));
        assert_eq!((fitted(&level, 0.0), fitted(&level, 9.0)), (Value::Integer(1), Value::Integer(3)));
        let none = model(serde_json::json!({"type": "integer", "minimum": 0.2, "maximum": 0.8}));
        assert_eq!(fitted(&none, 0.5), Value::Null);
        let depth = model(serde_json::json!({"type": "integer", "maximum": -1e300}));
        assert_eq!(fitted(&depth, 0.5), Value::Null);
    }
}
