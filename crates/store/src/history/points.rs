//! Points of one series as columns.

use model::{DataType, Timestamp, Value};

use super::Point;

/// The values of some points. A series of one type stays in a compact column; texts, objects, nulls and mixtures are
/// kept as values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    /// Real numbers.
    Float(Vec<f64>),
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Truths.
    Boolean(Vec<bool>),
    /// Everything else, and mixtures.
    Mixed(Vec<Value>),
}

impl Default for Column {
    fn default() -> Self {
        Self::Float(Vec::new())
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Mixed(values) => values.len(),
        }
    }

    /// A column that `value` fits into.
    fn fitting(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float(Vec::new()),
            Value::Integer(_) => Self::Integer(Vec::new()),
            Value::Boolean(_) => Self::Boolean(Vec::new()),
            Value::Null | Value::Text(_) | Value::Json(_) => Self::Mixed(Vec::new()),
        }
    }

    #[inline]
    fn push(&mut self, value: &Value) {
        match (&mut *self, value) {
            (Self::Float(values), Value::Float(value)) => values.push(*value),
            (Self::Integer(values), Value::Integer(value)) => values.push(*value),
            (Self::Boolean(values), Value::Boolean(value)) => values.push(*value),
            (Self::Mixed(values), value) => values.push(value.clone()),
            _ => self.change_type(value),
        }
    }

    /// Pushes a value that does not fit into the column as it is.
    fn change_type(&mut self, value: &Value) {
        *self = match self.len() {
            0 => Self::fitting(value),
            count => Self::Mixed((0..count).map(|index| self.get(index)).collect()),
        };
        self.push(value);
    }

    fn get(&self, index: usize) -> Value {
        match self {
            Self::Float(values) => Value::Float(values[index]),
            Self::Integer(values) => Value::Integer(values[index]),
            Self::Boolean(values) => Value::Boolean(values[index]),
            Self::Mixed(values) => values[index].clone(),
        }
    }

    /// The values at `indices`, in that order.
    fn gather(&self, indices: &[u32]) -> Self {
        fn pick<T: Clone>(values: &[T], indices: &[u32]) -> Vec<T> {
            indices.iter().map(|index| values[*index as usize].clone()).collect()
        }
        match self {
            Self::Float(values) => Self::Float(pick(values, indices)),
            Self::Integer(values) => Self::Integer(pick(values, indices)),
            Self::Boolean(values) => Self::Boolean(pick(values, indices)),
            Self::Mixed(values) => Self::Mixed(pick(values, indices)),
        }
    }

    fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Float(values) => Self::Float(values[range].to_vec()),
            Self::Integer(values) => Self::Integer(values[range].to_vec()),
            Self::Boolean(values) => Self::Boolean(values[range].to_vec()),
            Self::Mixed(values) => Self::Mixed(values[range].to_vec()),
        }
    }
}

/// Points of one series. In order of arrival until [`Points::normalise`], then in order of time, each time once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Points {
    /// Microseconds since 1970.
    pub(crate) times: Vec<i64>,
    /// The value at each time.
    pub(crate) values: Column,
}

impl Points {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: &Value) {
        self.times.push(time);
        self.values.push(value);
    }

    pub(crate) fn value(&self, index: usize) -> Value {
        self.values.get(index)
    }

    pub(crate) fn point(&self, index: usize) -> Point {
        Point { time: Timestamp(self.times[index]), value: self.value(index) }
    }

    /// The number at `index`, if it is one.
    #[inline]
    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        match &self.values {
            Column::Float(values) => Some(values[index]),
            Column::Integer(values) => Some(values[index] as f64),
            Column::Boolean(values) => Some(f64::from(u8::from(values[index]))),
            Column::Mixed(values) => values[index].as_f64(),
        }
    }

    /// Appends later written points; they win over earlier ones of the same time.
    pub(crate) fn extend(&mut self, later: &Self) {
        if self.is_empty() {
            self.clone_from(later);
            return;
        }
        self.times.extend_from_slice(&later.times);
        match (&mut self.values, &later.values) {
            (Column::Float(ours), Column::Float(theirs)) => ours.extend_from_slice(theirs),
            (Column::Integer(ours), Column::Integer(theirs)) => ours.extend_from_slice(theirs),
            (Column::Boolean(ours), Column::Boolean(theirs)) => ours.extend_from_slice(theirs),
            (ours, theirs) => (0..theirs.len()).for_each(|index| ours.push(&theirs.get(index))),
        }
    }

    /// Sorts by time and keeps the last written of each time; returns how many were replaced.
    pub(crate) fn normalise(&mut self) -> usize {
        if self.times.is_sorted_by(|a, b| a < b) {
            return 0;
        }
        let mut order: Vec<u32> = (0..self.times.len() as u32).collect();
        order.sort_by_key(|index| self.times[*index as usize]);
        let mut kept: Vec<u32> = Vec::with_capacity(order.len());
        for index in order {
            match kept.last_mut() {
                Some(last) if self.times[*last as usize] == self.times[index as usize] => *last = index,
                _ => kept.push(index),
            }
        }
        let replaced = self.times.len() - kept.len();
        self.times = kept.iter().map(|index| self.times[*index as usize]).collect();
        self.values = self.values.gather(&kept);
        replaced
    }

    /// Where `from <= time < to` lies in normalised points.
    pub(crate) fn span(&self, from: i64, to: i64) -> std::ops::Range<usize> {
        let start = self.times.partition_point(|time| *time < from);
        let end = self.times.partition_point(|time| *time < to);
        start..end.max(start)
    }

    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self { times: self.times[range.clone()].to_vec(), values: self.values.slice(range) }
    }

    /// Roughly the memory that the points take.
    pub(crate) fn bytes(&self) -> usize {
        let values = match &self.values {
            Column::Float(_) | Column::Integer(_) => 8 * self.len(),
            Column::Boolean(_) => self.len(),
            Column::Mixed(values) => values.iter().map(value_bytes).sum(),
        };
        8 * self.len() + values + size_of::<Self>()
    }
}

/// Roughly the memory that a value takes.
pub(crate) fn value_bytes(value: &Value) -> usize {
    let own = size_of::<Value>();
    match value {
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => own,
        Value::Text(text) => own + 16 + text.len(),
        Value::Json(json) => own + 64 + json_bytes(json),
    }
}

fn json_bytes(json: &serde_json::Value) -> usize {
    use serde_json::Value as Json;
    let own = size_of::<Json>();
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => own,
        Json::String(text) => own + text.len(),
        Json::Array(items) => own + items.iter().map(json_bytes).sum::<usize>(),
        Json::Object(members) => {
            own + members.iter().map(|(key, item)| 64 + key.len() + json_bytes(item)).sum::<usize>()
        }
    }
}

/// The type of a value; a null has none.
pub(crate) fn data_type(value: &Value) -> Option<DataType> {
    match value {
        Value::Null => None,
        Value::Boolean(_) => Some(DataType::Boolean),
        Value::Integer(_) => Some(DataType::Integer),
        Value::Float(_) => Some(DataType::Number),
        Value::Text(_) => Some(DataType::String),
        Value::Json(_) => Some(DataType::Json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_written_of_a_time_wins() {
        let mut points = Points::default();
        for (time, value) in [(3, 30.0), (1, 10.0), (2, 20.0), (1, 11.0)] {
            points.push(time, &Value::Float(value));
        }
        assert_eq!(points.normalise(), 1);
        assert_eq!(points.times, [1, 2, 3]);
        assert_eq!(points.values, Column::Float(vec![11.0, 20.0, 30.0]));
        assert_eq!(points.span(2, 9), 1..3);
    }

    #[test]
    fn a_type_change_keeps_every_value() {
        let mut points = Points::default();
        points.push(1, &Value::Integer(1));
        points.push(2, &Value::Float(1.5));
        points.push(3, &Value::text("off"));
        assert_eq!(points.point(0).value, Value::Integer(1));
        assert_eq!(points.number(1), Some(1.5));
        assert_eq!(points.number(2), None);
    }
}
