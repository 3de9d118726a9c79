//! Single values and points to bytes, for the write-ahead log and the table of last points.

use model::{Timestamp, Value};

use super::SeriesId;
use super::chunk::take_json;
use super::wire::{Decoded, Malformed, Reader, put_bytes, put_signed};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const JSON: u8 = 6;

/// The point has the time of the one before it.
const SAME_TIME: u8 = 0x10;
/// The point's series is the one after that of the point before it.
const NEXT_SERIES: u8 = 0x20;

/// Where the point before stands; points are written as differences to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    series: u32,
    time: i64,
}

impl Before {
    /// Before the first point.
    pub(crate) fn start() -> Self {
        Self { series: u32::MAX, time: 0 }
    }
}

/// Appends a point. A tick of many series in order costs nine bytes a float.
#[inline]
pub(crate) fn put_point(out: &mut Vec<u8>, before: &mut Before, series: SeriesId, time: Timestamp, value: &Value) {
    let same_time = if time.0 == before.time { SAME_TIME } else { 0 };
    let next_series = if series.0 == before.series.wrapping_add(1) { NEXT_SERIES } else { 0 };
    let kind = match value {
        Value::Null => NULL,
        Value::Boolean(false) => FALSE,
        Value::Boolean(true) => TRUE,
        Value::Integer(_) => INTEGER,
        Value::Float(_) => FLOAT,
        Value::Text(_) => TEXT,
        Value::Json(_) => JSON,
    };
    out.push(kind | same_time | next_series);
    if next_series == 0 {
        put_signed(out, i64::from(series.0) - i64::from(before.series));
    }
    if same_time == 0 {
        put_signed(out, time.0.wrapping_sub(before.time));
    }
    *before = Before { series: series.0, time: time.0 };
    match value {
        Value::Null | Value::Boolean(_) => {}
        Value::Integer(integer) => put_signed(out, *integer),
        Value::Float(float) => out.extend_from_slice(&float.to_le_bytes()),
        Value::Text(text) => put_bytes(out, text.as_bytes()),
        Value::Json(json) => put_bytes(out, json.to_string().as_bytes()),
    }
}

/// Reads what [`put_point`] wrote.
pub(crate) fn take_point(reader: &mut Reader<'_>, before: &mut Before) -> Decoded<(SeriesId, Timestamp, Value)> {
    let tag = reader.u8()?;
    let series = if tag & NEXT_SERIES == 0 {
        let series = i64::from(before.series).wrapping_add(reader.signed()?);
        u32::try_from(series).map_err(|_| Malformed::new("a series number that is out of range"))?
    } else {
        before.series.wrapping_add(1)
    };
    let time = if tag & SAME_TIME == 0 { before.time.wrapping_add(reader.signed()?) } else { before.time };
    *before = Before { series, time };
    let value = match tag & 0x0f {
        NULL => Value::Null,
        FALSE => Value::Boolean(false),
        TRUE => Value::Boolean(true),
        INTEGER => Value::Integer(reader.signed()?),
        FLOAT => Value::Float(reader.f64()?),
        TEXT => Value::text(reader.text()?),
        JSON => take_json(reader.text()?)?,
        other => return Err(Malformed::new(format!("unknown kind {other} of a value"))),
    };
    Ok((SeriesId(series), Timestamp(time), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn points_survive(points in prop::collection::vec((any::<u32>(), any::<i64>(), any::<i64>(), -1e9..1e9_f64, ".{0,9}"), 0..50)) {
            let mut out = Vec::new();
            let mut before = Before::start();
            let mut expected = Vec::new();
            for (series, time, integer, float, text) in points {
                let json = Value::Json(std::sync::Arc::new(serde_json::json!({"integer": integer})));
                let values = [Value::Integer(integer), Value::Float(float), Value::text(text), json, true.into(), Value::Null];
                for (step, value) in values.into_iter().enumerate() {
                    let point = (SeriesId(series.wrapping_add(step as u32)), Timestamp(time), value);
                    put_point(&mut out, &mut before, point.0, point.1, &point.2);
                    expected.push(point);
                }
            }
            let mut reader = Reader::new(&out);
            let mut before = Before::start();
            for point in expected {
                prop_assert_eq!(take_point(&mut reader, &mut before).unwrap(), point);
            }
            prop_assert!(reader.finish().is_ok());
        }
    }
}
