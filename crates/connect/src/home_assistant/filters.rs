//! Filters, tests and functions of Home Assistant's templates, with its meaning where it differs from Jinja2's.
//!
//! What depends on the wall clock, on the state of other things or on a time zone is left out: a template with it is
//! unsupported.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use model::Timestamp;
use regex::{Regex, RegexBuilder};

use super::python;

/// Every filter that is available.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "add",
    "as_timestamp",
    "average",
    "batch",
    "bitwise_and",
    "bitwise_or",
    "bool",
    "capitalize",
    "clamp",
    "contains",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "from_json",
    "groupby",
    "iif",
    "indent",
    "int",
    "is_defined",
    "is_number",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "multiply",
    "ord",
    "regex_findall",
    "regex_findall_index",
    "regex_match",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "sqrt",
    "string",
    "sum",
    "timestamp_utc",
    "title",
    "to_json",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// Every test that is available.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "match",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "search",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Every method of text, lists and objects that is available.
pub(super) const METHODS: &[&str] = &[
    "capitalize",
    "count",
    "endswith",
    "find",
    "format",
    "get",
    "isalnum",
    "isalpha",
    "isascii",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "isupper",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "replace",
    "rfind",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "title",
    "upper",
    "values",
];

/// Functions of Home Assistant that are not available, although they look like macros could define them.
pub(super) const UNAVAILABLE: &[&str] = &[
    "states",
    "state_attr",
    "is_state",
    "is_state_attr",
    "has_value",
    "now",
    "utcnow",
    "today_at",
    "as_local",
    "relative_time",
    "time_since",
    "time_until",
    "device_attr",
    "device_id",
    "area_id",
    "area_name",
    "expand",
    "random",
];

/// Functions and constants that are available.
const GLOBALS: &[&str] = &[
    "as_timestamp",
    "average",
    "bool",
    "clamp",
    "dict",
    "e",
    "float",
    "iif",
    "int",
    "is_number",
    "max",
    "min",
    "namespace",
    "pi",
    "range",
    "sqrt",
    "tau",
];

/// The most compiled regular expressions kept; they are all forgotten when there are more.
const REGEXES_CACHED_MAX: usize = 1_000;

/// The size limit of one compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Whether a name is a function or constant that every template has.
pub(super) fn is_global(name: &str) -> bool {
    GLOBALS.contains(&name)
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

/// The number that Python's `float()` makes of a value.
fn number(value: &Value) -> Option<f64> {
    match value.kind() {
        ValueKind::Bool => Some(if value.is_true() { 1.0 } else { 0.0 }),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value.as_str()?.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

fn required(value: &Value, what: &str) -> Result<f64, Error> {
    number(value).ok_or_else(|| invalid(format!("{what} got {:?}, which is no number", shown(value))))
}

fn shown(value: &Value) -> String {
    if value.is_undefined() { "nothing".to_owned() } else { crate::text::shortened(&python::text(value)) }
}

/// The `default` that a filter was given, by name or by place.
fn default(place: Option<Value>, named: &Kwargs) -> Result<Option<Value>, Error> {
    let default = named.get::<Option<Value>>("default")?;
    named.assert_all_used()?;
    Ok(default.or(place))
}

/// The value, or else the default, or else an error: Home Assistant's forgiving filters.
fn or_default(result: Option<Value>, default: Option<Value>, value: &Value, filter: &str) -> Result<Value, Error> {
    result.or(default).ok_or_else(|| invalid(format!("{filter} got {:?}, and has no default", shown(value))))
}

/// A whole number where it fits, because Python's integers have no point.
fn whole(number: f64) -> Value {
    if number.abs() < 9.0e15 { Value::from(number as i64) } else { Value::from(number) }
}

fn float(value: &Value, place: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    or_default(number(value).map(Value::from), default(place, &named)?, value, "float")
}

fn int(value: &Value, place: Option<Value>, base: Option<u32>, named: Kwargs) -> Result<Value, Error> {
    let base = named.get::<Option<u32>>("base")?.or(base).unwrap_or(10);
    let default = default(place, &named)?;
    let result = match value.as_str().map(str::trim) {
        Some(_) if !(2..=36).contains(&base) => return Err(invalid(format!("int has no base {base}"))),
        Some(text) if base != 10 => {
            let digits = match base {
                16 => text.trim_start_matches("0x").trim_start_matches("0X"),
                2 => text.trim_start_matches("0b"),
                8 => text.trim_start_matches("0o"),
                _ => text,
            };
            i64::from_str_radix(digits, base).ok().map(Value::from)
        }
        Some(text) if text.parse::<i64>().is_ok() => text.parse::<i64>().ok().map(Value::from),
        _ if value.is_integer() => Some(value.clone()),
        _ => number(value).map(|number| whole(number.trunc())),
    };
    or_default(result, default, value, "int")
}

/// Rounds as Home Assistant does: half to even, and to a whole number without a precision.
fn round(value: &Value, precision: Option<i32>, method: Option<String>, named: Kwargs) -> Result<Value, Error> {
    let precision = named.get::<Option<i32>>("precision")?.or(precision).unwrap_or(0);
    let method = named.get::<Option<String>>("method")?.or(method);
    let default = default(None, &named)?;
    if !(-15..=15).contains(&precision) {
        return Err(invalid(format!("round has no precision {precision}")));
    }
    let result = number(value).map(|number| {
        let scale = 10f64.powi(precision);
        let rounded = match method.as_deref() {
            Some("ceil") => (number * scale).ceil() / scale,
            Some("floor") => (number * scale).floor() / scale,
            Some("half") => (number * 2.0).round_ties_even() / 2.0,
            _ if precision > 0 => {
                // Decimal digits decide, as in Python: 2.675 is a little less than that.
                format!("{number:.*}", precision.unsigned_abs() as usize).parse().unwrap_or(number)
            }
            _ => (number * scale).round_ties_even() / scale,
        };
        if precision == 0 { whole(rounded) } else { Value::from(rounded) }
    });
    or_default(result, default, value, "round")
}

fn to_bool(value: &Value, place: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let result = match value.as_str().map(|text| text.trim().to_lowercase()) {
        Some(text) => match text.as_str() {
            "1" | "true" | "yes" | "on" | "enable" => Some(true),
            "0" | "false" | "no" | "off" | "disable" => Some(false),
            _ => None,
        },
        None => number(value).map(|number| number != 0.0),
    };
    or_default(result.map(Value::from), default(place, &named)?, value, "bool")
}

/// Keeps whole numbers whole, as Python's arithmetic does.
fn arithmetic(
    value: &Value,
    other: &Value,
    place: Option<Value>,
    named: &Kwargs,
    filter: &str,
) -> Result<Value, Error> {
    let default = default(place, named)?;
    let result =
        number(value).zip(number(other)).map(|(a, b)| Value::from(if filter == "add" { a + b } else { a * b }));
    or_default(result, default, value, filter)
}

fn iif(value: &Value, then: Option<Value>, otherwise: Option<Value>, none: Option<Value>) -> Value {
    if value.is_none()
        && let Some(none) = none
    {
        return none;
    }
    if value.is_true() {
        then.unwrap_or_else(|| Value::from(true))
    } else {
        otherwise.unwrap_or_else(|| Value::from(false))
    }
}

/// Numbers given one by one or as one list.
fn numbers(values: &[Value], what: &str) -> Result<Vec<f64>, Error> {
    let list: Vec<Value> = match values {
        [only] if matches!(only.kind(), ValueKind::Seq | ValueKind::Iterable) => only.try_iter()?.collect(),
        values => values.to_vec(),
    };
    if list.is_empty() {
        return Err(invalid(format!("{what} got no numbers")));
    }
    list.iter().map(|value| required(value, what)).collect()
}

fn extreme(values: &[Value], least: bool) -> Result<Value, Error> {
    let list: Vec<Value> = match values {
        [only] if matches!(only.kind(), ValueKind::Seq | ValueKind::Iterable) => only.try_iter()?.collect(),
        values => values.to_vec(),
    };
    let found = if least { list.into_iter().min() } else { list.into_iter().max() };
    found.ok_or_else(|| invalid("max and min got no values"))
}

fn clamp(value: &Value, least: &Value, most: &Value) -> Result<Value, Error> {
    let (number, least_number, most_number) =
        (required(value, "clamp")?, required(least, "clamp")?, required(most, "clamp")?);
    Ok(if number < least_number {
        least.clone()
    } else if number > most_number {
        most.clone()
    } else {
        value.clone()
    })
}

fn timestamp(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => Timestamp::parse(text).map(Timestamp::seconds),
        None => number(value),
    }
}

/// RFC 3339 in UTC as Python's `isoformat` writes it.
fn timestamp_utc(value: &Value, place: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let moment = number(value).map(|seconds| Timestamp((seconds * 1e6).round() as i64).to_string());
    let result = moment.and_then(|text| text.strip_suffix('Z').map(|start| Value::from(format!("{start}+00:00"))));
    or_default(result, default(place, &named)?, value, "timestamp_utc")
}

/// Compiled regular expressions by pattern and whether case is ignored.
#[derive(Default, Clone)]
struct Regexes(Arc<Mutex<HashMap<(String, bool), Regex>>>);

impl Regexes {
    fn get(&self, pattern: &str, ignore_case: bool) -> Result<Regex, Error> {
        let mut cached = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (pattern.to_owned(), ignore_case);
        if let Some(regex) = cached.get(&key) {
            return Ok(regex.clone());
        }
        let regex =
            RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(REGEX_BYTES_MAX).build().map_err(
                |_| invalid(format!("the regular expression {:?} is not supported", crate::text::shortened(pattern))),
            )?;
        if cached.len() >= REGEXES_CACHED_MAX {
            cached.clear();
        }
        cached.insert(key, regex.clone());
        Ok(regex)
    }

    fn matches(&self, value: &Value, pattern: &str, ignore_case: Option<bool>, at_start: bool) -> Result<bool, Error> {
        let regex = self.get(pattern, ignore_case.unwrap_or(false))?;
        let text = python::text(value);
        Ok(regex.find(&text).is_some_and(|found| !at_start || found.start() == 0))
    }

    fn find_all(&self, value: &Value, pattern: &str, ignore_case: Option<bool>) -> Result<Vec<Value>, Error> {
        let regex = self.get(pattern, ignore_case.unwrap_or(false))?;
        let text = python::text(value);
        let group = |found: &regex::Captures<'_>, index: usize| {
            Value::from(found.get(index).map_or("", |group| group.as_str()))
        };
        Ok(regex
            .captures_iter(&text)
            .map(|found| match found.len() {
                1 => group(&found, 0),
                2 => group(&found, 1),
                count => (1..count).map(|index| group(&found, index)).collect(),
            })
            .collect())
    }

    fn replace(&self, value: &Value, pattern: &str, with: &str, ignore_case: Option<bool>) -> Result<String, Error> {
        let regex = self.get(pattern, ignore_case.unwrap_or(false))?;
        let mut template = String::with_capacity(with.len());
        let mut characters = with.chars().peekable();
        while let Some(character) = characters.next() {
            match (character, characters.peek()) {
                ('$', _) => template.push_str("$$"),
                ('\\', Some(digit)) if digit.is_ascii_digit() => {
                    template.extend(['$', '{', *digit, '}']);
                    characters.next();
                }
                (character, _) => template.push(character),
            }
        }
        Ok(regex.replace_all(&python::text(value), template.as_str()).into_owned())
    }
}

fn add_regexes(environment: &mut Environment<'static>) {
    let regexes = Regexes::default();
    let with = regexes.clone();
    let matches = move |value: &Value, pattern: &str, ignore: Option<bool>| with.matches(value, pattern, ignore, true);
    environment.add_test("match", matches.clone());
    environment.add_filter("regex_match", matches);
    let with = regexes.clone();
    let search = move |value: &Value, pattern: &str, ignore: Option<bool>| with.matches(value, pattern, ignore, false);
    environment.add_test("search", search.clone());
    environment.add_filter("regex_search", search);
    let with = regexes.clone();
    environment.add_filter("regex_findall", move |value: &Value, pattern: &str, ignore: Option<bool>| {
        with.find_all(value, pattern, ignore)
    });
    let with = regexes.clone();
    environment.add_filter(
        "regex_findall_index",
        move |value: &Value, pattern: &str, index: Option<usize>, ignore: Option<bool>| {
            let found = with.find_all(value, pattern, ignore)?;
            found
                .into_iter()
                .nth(index.unwrap_or(0))
                .ok_or_else(|| invalid("regex_findall_index found too few matches"))
        },
    );
    environment.add_filter(
        "regex_replace",
        move |value: &Value, pattern: Option<&str>, replacement: Option<&str>, ignore: Option<bool>| {
            regexes.replace(value, pattern.unwrap_or_default(), replacement.unwrap_or_default(), ignore)
        },
    );
}

/// Adds everything that is not built in.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("float", float);
    environment.add_function("float", float);
    environment.add_filter("int", int);
    environment.add_function("int", int);
    environment.add_filter("round", round);
    environment.add_filter("bool", to_bool);
    environment.add_function("bool", to_bool);
    environment.add_filter("add", |value: &Value, other: &Value, place: Option<Value>, named: Kwargs| {
        arithmetic(value, other, place, &named, "add")
    });
    environment.add_filter("multiply", |value: &Value, other: &Value, place: Option<Value>, named: Kwargs| {
        arithmetic(value, other, place, &named, "multiply")
    });
    environment.add_filter("iif", iif);
    environment.add_function("iif", iif);
    environment.add_filter("is_number", |value: &Value| number(value).is_some());
    environment.add_function("is_number", |value: &Value| number(value).is_some());
    environment.add_filter("is_defined", |value: &Value| {
        if value.is_undefined() { Err(invalid("the value is not defined")) } else { Ok(value.clone()) }
    });
    environment.add_filter("contains", |list: &Value, value: &Value| -> Result<bool, Error> {
        match list.as_str().zip(value.as_str()) {
            Some((text, part)) => Ok(text.contains(part)),
            None => Ok(list.try_iter()?.any(|item| item == *value)),
        }
    });
    environment.add_filter("ord", |text: &str| text.chars().next().map(u32::from));
    environment.add_filter("from_json", |text: &str| {
        serde_json::from_str::<serde_json::Value>(text)
            .map(|json| Value::from_serialize(&json))
            .map_err(|error| invalid(format!("from_json: {error}")))
    });
    let to_json = |value: &Value| serde_json::to_string(value).map_err(|error| invalid(format!("to_json: {error}")));
    environment.add_filter("to_json", to_json);
    environment.add_filter("tojson", to_json);
    let average = |values: Rest<Value>| -> Result<f64, Error> {
        let numbers = numbers(&values, "average")?;
        Ok(numbers.iter().sum::<f64>() / numbers.len() as f64)
    };
    environment.add_filter("average", average);
    environment.add_function("average", average);
    environment.add_function("max", |values: Rest<Value>| extreme(&values, false));
    environment.add_function("min", |values: Rest<Value>| extreme(&values, true));
    environment.add_filter("clamp", clamp);
    environment.add_function("clamp", clamp);
    environment.add_filter("sqrt", |value: &Value| required(value, "sqrt").map(f64::sqrt));
    environment.add_function("sqrt", |value: &Value| required(value, "sqrt").map(f64::sqrt));
    let bits = |value: &Value| i64::try_from(value.clone()).map_err(|_| invalid("bitwise filters need whole numbers"));
    environment.add_filter("bitwise_and", move |a: &Value, b: &Value| Ok::<_, Error>(bits(a)? & bits(b)?));
    environment.add_filter("bitwise_or", move |a: &Value, b: &Value| Ok::<_, Error>(bits(a)? | bits(b)?));
    let as_timestamp = |value: &Value, place: Option<Value>, named: Kwargs| {
        or_default(timestamp(value).map(Value::from), default(place, &named)?, value, "as_timestamp")
    };
    environment.add_filter("as_timestamp", as_timestamp);
    environment.add_function("as_timestamp", as_timestamp);
    environment.add_filter("timestamp_utc", timestamp_utc);
    environment.add_global("pi", std::f64::consts::PI);
    environment.add_global("e", std::f64::consts::E);
    environment.add_global("tau", std::f64::consts::TAU);
    add_regexes(environment);
}
