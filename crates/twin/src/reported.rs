//! One property as its thing last reported it.

use std::sync::Arc;

use model::{
    Cause, DataType, ModelError, Name, Position, PropertyModel, Quality, Record, ThingModel, Timestamp, Value,
};
use serde::{Deserialize, Serialize};
use store::history::SeriesId;

/// The reported state of one property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Which property.
    pub name: Name,
    /// What is so.
    pub value: Value,
    /// The thing's claim of when it was so.
    pub time: Timestamp,
    /// When we heard it.
    pub received: Timestamp,
    /// The time of the report that brought the value to what it is.
    pub changed: Timestamp,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Who or what led to it.
    pub cause: Arc<Cause>,
    /// The entry that said so.
    pub position: Position,
    /// How many reports there were, up to [`LESSONS`].
    #[serde(default)]
    pub(crate) lessons: u8,
    /// Its history series, once it has one. Not saved: the history knows.
    #[serde(skip)]
    pub series: Option<SeriesId>,
    /// What the model expects, close at hand.
    #[serde(skip)]
    pub(crate) rule: Rule,
}

/// From so many reports of a property a model is inferred; later ones count only when they do not fit it.
pub const LESSONS: u8 = 32;

/// What a record did to the reported state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// It is the newest, with another value than before.
    Changed,
    /// It is the newest, with the same value as before.
    Same,
    /// A newer one was there already: it only corrects the history.
    Late,
}

/// What orders reports. A claim that lies ahead of our own clock is a wrong clock: such a report counts from when we
/// heard it, so that it does not hide everything that the thing says after its clock was put right.
fn order(time: Timestamp, received: Timestamp, position: Position) -> (Timestamp, Position) {
    (time.min(received), position)
}

impl Reported {
    /// The first report of a property.
    pub fn first(record: &Record) -> Self {
        Self {
            name: record.name.clone(),
            value: record.value.clone(),
            time: record.time,
            received: record.received,
            changed: record.time,
            quality: record.quality,
            cause: Arc::clone(&record.cause),
            position: record.position,
            lessons: 0,
            series: None,
            rule: Rule::default(),
        }
    }

    /// Takes in a report of this property. Whatever the order in which reports come, the newest is what stays.
    pub fn apply(&mut self, record: &Record) -> Folded {
        let newest = order(self.time, self.received, self.position);
        if order(record.time, record.received, record.position) < newest {
            return Folded::Late;
        }
        let changed = self.value != record.value;
        if changed {
            self.changed = record.time;
            self.value.clone_from(&record.value);
        }
        self.time = record.time;
        self.received = record.received;
        self.quality = record.quality;
        if !Arc::ptr_eq(&self.cause, &record.cause) && self.cause != record.cause {
            self.cause = Arc::clone(&record.cause);
        }
        self.position = record.position;
        if changed { Folded::Changed } else { Folded::Same }
    }

    /// Whether a report teaches an inferred model something: one of the first ones, or one that does not fit.
    pub(crate) fn teaches(&mut self, widens: bool, value: &Value) -> bool {
        let early = self.lessons < LESSONS;
        self.lessons += u8::from(early);
        *value != Value::Null && (early || widens || !self.rule.is_known())
    }

    /// Whether the reported value is the wanted one, as far as the model's decimals can tell.
    pub fn is(&self, wanted: &Value, model: &ThingModel) -> bool {
        same_value(&self.value, wanted, model.properties.get(&self.name).and_then(|property| property.decimals))
    }
}

/// Whether two values are the same: numbers within half a unit of the last decimal worth showing, or within rounding.
pub fn same_value(a: &Value, b: &Value, decimals: Option<u8>) -> bool {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Integer(_) | Value::Float(_), Value::Integer(_) | Value::Float(_)) => {
            let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return false };
            let tolerance = match decimals {
                Some(decimals) => 0.500_001 * 10f64.powi(-i32::from(decimals)),
                None => 1e-6 * a.abs().max(b.abs()).max(1e-6),
            };
            (a - b).abs() <= tolerance
        }
        _ => a == b,
    }
}

/// What the model expects of a property, without looking it up for every record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    data_type: Option<DataType>,
    has_choices: bool,
    minimum: f64,
    maximum: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { data_type: None, has_choices: false, minimum: f64::NEG_INFINITY, maximum: f64::INFINITY }
    }
}

/// What the model says of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    pub(crate) quality: Quality,
    /// The diagnostic's code and detail.
    pub(crate) complaint: Option<(&'static str, String)>,
}

impl Rule {
    pub(crate) fn of(property: Option<&PropertyModel>) -> Self {
        property.map_or_else(Self::default, |property| Self {
            data_type: Some(property.data_type),
            has_choices: !property.choices.is_empty(),
            minimum: property.minimum.unwrap_or(f64::NEG_INFINITY),
            maximum: property.maximum.unwrap_or(f64::INFINITY),
        })
    }

    /// Whether the model says anything about the property.
    pub(crate) fn is_known(&self) -> bool {
        self.data_type.is_some()
    }

    /// Brings `value` to the model's type in place and judges it.
    pub(crate) fn judge(&self, name: &Name, value: &mut Value, model: &ThingModel) -> Judged {
        let good = Judged { quality: Quality::Good, complaint: None };
        let Some(data_type) = self.data_type else {
            if model.inferred || *value == Value::Null {
                // The first of its kind: a model inferred from it will call it a number, so it is kept as one.
                if let (true, Value::Integer(integer)) = (model.inferred, &*value) {
                    *value = Value::Float(*integer as f64);
                }
                return good;
            }
            return Judged { complaint: Some(("not_in_model", format!("{name} is not in the model"))), ..good };
        };
        let number = match (data_type, &*value) {
            (DataType::Number, Value::Float(number)) => *number,
            (DataType::Number, Value::Integer(integer)) => {
                let number = *integer as f64;
                *value = Value::Float(number);
                number
            }
            (DataType::Integer, Value::Integer(integer)) => *integer as f64,
            _ => f64::NAN,
        };
        if !self.has_choices && number >= self.minimum && number <= self.maximum {
            return good;
        }
        let Some(property) = model.properties.get(name) else { return good };
        let error = match property.check(value.clone()) {
            Ok(fitting) => {
                *value = fitting;
                return good;
            }
            Err(error) => error,
        };
        let (quality, code) = match error {
            ModelError::Range { .. } => (Quality::Uncertain, "out_of_range"),
            ModelError::Choice { .. } => (Quality::Uncertain, "not_a_choice"),
            _ => (Quality::Bad, "wrong_type"),
        };
        Judged { quality, complaint: Some((code, format!("{name}: {error}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{RecordKind, ThingId};
    use proptest::prelude::*;

    fn record(position: u64, time: i64, value: i64) -> Record {
        Record {
            position: Position(position),
            time: Timestamp(time),
            received: Timestamp(1_000 + position as i64),
            thing: ThingId::new("lamp").unwrap(),
            kind: RecordKind::Property,
            name: Name::new("level").unwrap(),
            value: Value::Integer(value),
            quality: Quality::Good,
            cause: Arc::new(Cause::device("lamp")),
        }
    }

    #[test]
    fn a_clock_that_ran_ahead_does_not_hide_what_follows() {
        let mut reported = Reported::first(&record(1, 900_000, 1));
        assert_eq!(reported.apply(&record(2, 1_002, 2)), Folded::Changed);
        assert_eq!(reported.value, Value::Integer(2));
        assert_eq!(reported.apply(&record(3, 1_001, 3)), Folded::Late);
    }

    #[test]
    fn equality_knows_decimals() {
        let same = |a: f64, b: f64, decimals| same_value(&Value::Float(a), &Value::Float(b), decimals);
        assert!(same(21.04, 21.0, Some(1)) && !same(21.2, 21.0, Some(1)));
        assert!(same(0.1 + 0.2, 0.3, None) && !same(0.1, 0.2, None));
        assert!(same_value(&Value::Integer(21), &Value::Float(21.0), None));
        assert!(!same_value(&Value::Boolean(true), &Value::Integer(1), None));
    }

    #[test]
    fn the_model_judges() {
        let model: ThingModel = serde_json::from_value(serde_json::json!({"properties": {
            "level": {"type": "number", "minimum": 0.0, "maximum": 100.0},
            "mode": {"type": "string", "choices": ["heat", "off"]},
            "count": {"type": "integer"}}}))
        .unwrap();
        let judge = |name: &str, mut value: Value| {
            let name = Name::new(name).unwrap();
            let judged = Rule::of(model.properties.get(&name)).judge(&name, &mut value, &model);
            (value, judged.quality, judged.complaint.map_or("", |(code, _)| code))
        };
        assert_eq!(judge("level", Value::Integer(7)), (Value::Float(7.0), Quality::Good, ""));
        assert_eq!(judge("level", Value::Integer(700)), (Value::Float(700.0), Quality::Uncertain, "out_of_range"));
        assert_eq!(judge("level", Value::text("hot")), (Value::text("hot"), Quality::Bad, "wrong_type"));
        assert_eq!(judge("level", Value::Null), (Value::Null, Quality::Good, ""));
        assert_eq!(judge("mode", Value::text("cool")).1, Quality::Uncertain);
        assert_eq!(judge("count", Value::Float(3.0)), (Value::Integer(3), Quality::Good, ""));
        assert_eq!(judge("colour", Value::Integer(1)), (Value::Integer(1), Quality::Good, "not_in_model"));
    }

    proptest! {
        #[test]
        fn any_order_of_reports_leaves_the_same_state(
            times in proptest::collection::vec(0i64..2_000, 1..20), seed in any::<u64>(),
        ) {
            let records: Vec<Record> =
                times.iter().enumerate().map(|(at, time)| record(at as u64 + 1, *time, at as i64)).collect();
            let mut shuffled = records.clone();
            let mut state = seed | 1;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            let fold = |records: &[Record]| {
                let mut reported = Reported::first(&records[0]);
                for record in records {
                    reported.apply(record);
                }
                (reported.value, reported.time, reported.received, reported.position)
            };
            prop_assert_eq!(fold(&records), fold(&shuffled));
        }
    }
}
