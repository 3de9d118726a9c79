//! Reading a thing's claim of when something was so.
//!
//! The rule: text is RFC 3339. A number is seconds since 1970 below 1e11, milliseconds below 1e14, microseconds below
//! 1e17 and nanoseconds from there on; a fraction counts. (1e11 s, 1e14 ms and 1e17 us all are the year 5138.)

use model::Timestamp;

const SECONDS_BELOW: f64 = 1e11;
const MILLIS_BELOW: f64 = 1e14;
const MICROS_BELOW: f64 = 1e17;

/// The moment that a whole number means; saturates at the ends of what can be named.
fn from_integer(number: i64) -> Timestamp {
    let size = number.unsigned_abs();
    if size < SECONDS_BELOW as u64 {
        Timestamp::from_seconds(number)
    } else if size < MILLIS_BELOW as u64 {
        Timestamp::from_millis(number)
    } else if size < MICROS_BELOW as u64 {
        Timestamp(number)
    } else {
        Timestamp(number / 1_000)
    }
}

/// The moment that a number with a fraction means.
fn from_float(number: f64) -> Timestamp {
    let size = number.abs();
    let micros = if size < SECONDS_BELOW {
        number * 1e6
    } else if size < MILLIS_BELOW {
        number * 1e3
    } else if size < MICROS_BELOW {
        number
    } else {
        number / 1e3
    };
    Timestamp(micros.round() as i64)
}

/// The moment that a JSON value means, or why it means none.
pub(crate) fn from_json(json: &serde_json::Value) -> Result<Timestamp, String> {
    match json {
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Ok(from_integer(integer)),
            (None, Some(float)) => Ok(from_float(float)),
            (None, None) => Err(format!("time {number} is out of range")),
        },
        serde_json::Value::String(text) => {
            Timestamp::parse(text).ok_or_else(|| format!("time {:?} is not RFC 3339", crate::text::shortened(text)))
        }
        serde_json::Value::Null => Err("time is null".to_owned()),
        other => Err(format!("time is {}, expected a number or RFC 3339 text", crate::text::json_kind(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_by_their_size() {
        let moment = Timestamp(1_763_840_000_250_000);
        for said in [
            json!(1_763_840_000.25),
            json!(1_763_840_000_250_i64),
            json!(1_763_840_000_250_000_i64),
            json!(1_763_840_000_250_000_000_i64),
            json!("2025-11-22T19:33:20.25Z"),
            json!("2025-11-23T04:33:20.250+09:00"),
        ] {
            assert_eq!(from_json(&said), Ok(moment), "{said}");
        }
        assert_eq!(from_json(&json!(-5)), Ok(Timestamp(-5_000_000)));
        assert_eq!(from_json(&json!(u64::MAX)), Ok(Timestamp(18_446_744_073_709_552)));
        assert_eq!(from_json(&json!(1e300)), Ok(Timestamp::MAX));
    }

    #[test]
    fn what_is_no_time_says_why() {
        assert_eq!(from_json(&json!("yesterday")).unwrap_err(), "time \"yesterday\" is not RFC 3339");
        assert_eq!(from_json(&json!([1])).unwrap_err(), "time is an array, expected a number or RFC 3339 text");
    }
}
