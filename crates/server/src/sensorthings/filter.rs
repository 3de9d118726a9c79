//! `$filter`: what an entity has to be like (OGC 18-088, section 9.3.3.5).

use model::{Coordinates, Geometry, Timestamp};
use serde_json::Value;

/// The longest filter, in bytes.
const FILTER_BYTES_MAX: usize = 4_096;

/// How deep parentheses may go.
const DEPTH_MAX: usize = 32;

/// A filter that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    /// A path: `result`, `Thing/name`, `properties/kind`.
    Path(Vec<String>),
    Geometry(Box<Geometry>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    fn of(word: &str) -> Option<(Self, u8)> {
        Some(match word {
            "or" => (Self::Or, 1),
            "and" => (Self::And, 2),
            "eq" => (Self::Equal, 3),
            "ne" => (Self::NotEqual, 3),
            "lt" => (Self::Less, 3),
            "le" => (Self::LessOrEqual, 3),
            "gt" => (Self::Greater, 3),
            "ge" => (Self::GreaterOrEqual, 3),
            "add" => (Self::Add, 4),
            "sub" => (Self::Subtract, 4),
            "mul" => (Self::Multiply, 5),
            "div" => (Self::Divide, 5),
            "mod" => (Self::Remainder, 5),
            _ => return None,
        })
    }
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    #[error("the filter has {0} bytes, and at most {FILTER_BYTES_MAX} are read")]
    TooLong(usize),
    #[error("the filter is nested deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("the filter ends where {0} was expected")]
    Ended(&'static str),
    #[error("{found:?} stands where {expected} was expected")]
    Unexpected { found: String, expected: &'static str },
    #[error("there is no function {0:?}")]
    NoFunction(String),
    #[error("{name} takes {takes} arguments, not {given}")]
    Arguments { name: String, takes: usize, given: usize },
    #[error("{0:?} is no shape\nhint: geography'POINT (6.95 50.93)', longitude first")]
    Shape(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Geography(String),
    Open,
    Close,
    Comma,
}

/// The functions, and how many arguments each takes.
const FUNCTIONS: &[(&str, usize)] = &[
    ("substringof", 2),
    ("startswith", 2),
    ("endswith", 2),
    ("contains", 2),
    ("length", 1),
    ("indexof", 2),
    ("tolower", 1),
    ("toupper", 1),
    ("trim", 1),
    ("concat", 2),
    ("round", 1),
    ("floor", 1),
    ("ceiling", 1),
    ("now", 0),
    ("geo.distance", 2),
    ("geo.intersects", 2),
    ("st_within", 2),
];

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(FilterError::TooLong(text.len()));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let expression = parser.expression(0, 0)?;
    match parser.next() {
        None => Ok(expression),
        Some(token) => Err(unexpected(&token, "the end")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '(' => (tokens.push(Token::Open), after).1,
            ')' => (tokens.push(Token::Close), after).1,
            ',' => (tokens.push(Token::Comma), after).1,
            '\'' => {
                let (content, after) = quoted(after)?;
                let is_shape = matches!(tokens.last(), Some(Token::Word(word)) if word == "geography");
                if is_shape {
                    tokens.pop();
                }
                tokens.push(if is_shape { Token::Geography(content) } else { Token::Text(content) });
                after
            }
            _ => {
                let end =
                    rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'')).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                &rest[end..]
            }
        };
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// The text up to the closing quote, two quotes standing for one, and what comes after it.
fn quoted(text: &str) -> Result<(String, &str), FilterError> {
    let (mut content, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('\'').ok_or(FilterError::Ended("a closing quote"))?;
        content.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => (content.push('\''), rest = more).1,
            None => return Ok((content, rest)),
        }
    }
}

fn unexpected(token: &Token, expected: &'static str) -> FilterError {
    let found = match token {
        Token::Word(text) | Token::Text(text) | Token::Geography(text) => text.clone(),
        Token::Open => "(".to_owned(),
        Token::Close => ")".to_owned(),
        Token::Comma => ",".to_owned(),
    };
    FilterError::Unexpected { found, expected }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Operator::of(word),
            _ => None,
        }
    }

    /// Everything that binds at least as strongly as `binds`.
    fn expression(&mut self, binds: u8, depth: usize) -> Result<Expression, FilterError> {
        if depth > DEPTH_MAX {
            return Err(FilterError::TooDeep);
        }
        let mut left = self.operand(depth)?;
        while let Some((operator, strength)) = self.operator().filter(|(_, strength)| *strength > binds) {
            self.at += 1;
            let right = self.expression(strength, depth + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, FilterError> {
        match self.next().ok_or(FilterError::Ended("a value"))? {
            Token::Open => {
                let inner = self.expression(0, depth + 1)?;
                self.close()?;
                Ok(inner)
            }
            Token::Text(text) => Ok(Expression::Literal(text.into())),
            Token::Geography(text) => shape(&text).map(|shape| Expression::Geometry(Box::new(shape))),
            Token::Word(word) if word == "not" => {
                // It binds more strongly than a comparison, except to one in parentheses, which is an operand.
                Ok(Expression::Not(Box::new(self.expression(3, depth + 1)?)))
            }
            Token::Word(word) if self.tokens.get(self.at) == Some(&Token::Open) => self.call(word, depth),
            Token::Word(word) => Ok(literal_or_path(word)),
            token => Err(unexpected(&token, "a value")),
        }
    }

    fn call(&mut self, name: String, depth: usize) -> Result<Expression, FilterError> {
        let takes = FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, takes)| *takes);
        let takes = takes.ok_or_else(|| FilterError::NoFunction(name.clone()))?;
        self.at += 1;
        let mut arguments = Vec::new();
        if self.tokens.get(self.at) != Some(&Token::Close) {
            loop {
                arguments.push(self.expression(0, depth + 1)?);
                if self.tokens.get(self.at) != Some(&Token::Comma) {
                    break;
                }
                self.at += 1;
            }
        }
        self.close()?;
        let given = arguments.len();
        if given != takes {
            return Err(FilterError::Arguments { name, takes, given });
        }
        Ok(Expression::Call(name, arguments))
    }

    fn close(&mut self) -> Result<(), FilterError> {
        match self.next() {
            Some(Token::Close) => Ok(()),
            Some(token) => Err(unexpected(&token, "a closing parenthesis")),
            None => Err(FilterError::Ended("a closing parenthesis")),
        }
    }
}

fn literal_or_path(word: String) -> Expression {
    match word.as_str() {
        "true" => return Expression::Literal(true.into()),
        "false" => return Expression::Literal(false.into()),
        "null" => return Expression::Literal(Value::Null),
        _ => {}
    }
    if let Ok(number) = word.parse::<f64>() {
        return Expression::Literal(number.into());
    }
    if Timestamp::parse(&word).is_some() {
        return Expression::Literal(word.into());
    }
    Expression::Path(word.split('/').map(str::to_owned).collect())
}

/// A shape in well-known text, of the sorts that a filter needs.
fn shape(text: &str) -> Result<Geometry, FilterError> {
    let wrong = || FilterError::Shape(text.to_owned());
    let (kind, rest) = text.split_once('(').ok_or_else(wrong)?;
    let inner = rest.trim().strip_suffix(')').ok_or_else(wrong)?;
    let point = |text: &str| -> Option<Vec<f64>> { text.split_whitespace().map(|part| part.parse().ok()).collect() };
    let line = |text: &str| -> Option<Vec<Vec<f64>>> { text.split(',').map(point).collect() };
    let coordinates = match kind.trim().to_ascii_uppercase().as_str() {
        "POINT" => point(inner).map(|point| ("Point", serde_json::json!(point))),
        "LINESTRING" => line(inner).map(|line| ("LineString", serde_json::json!(line))),
        "POLYGON" => {
            let rings = inner.split("),").map(|ring| line(ring.trim().trim_matches(['(', ')'])));
            rings.collect::<Option<Vec<_>>>().map(|rings| ("Polygon", serde_json::json!(rings)))
        }
        _ => None,
    };
    let (kind, coordinates) = coordinates.ok_or_else(wrong)?;
    serde_json::from_value(serde_json::json!({"type": kind, "coordinates": coordinates})).map_err(|_| wrong())
}

/// Looks up what a path leads to: nothing, one value, or those of several entities.
pub(super) type Lookup<'a> = &'a dyn Fn(&[String]) -> Vec<Value>;

impl Expression {
    /// Whether an entity is wanted. `now` is when that is asked.
    pub(super) fn holds(&self, lookup: Lookup<'_>, now: Timestamp) -> bool {
        self.values(lookup, now).iter().any(|value| *value == Value::Bool(true))
    }

    /// Every value that it can have: more than one where a path leads to several entities.
    fn values(&self, lookup: Lookup<'_>, now: Timestamp) -> Vec<Value> {
        match self {
            Self::Literal(value) => vec![value.clone()],
            Self::Path(path) => match lookup(path) {
                nothing if nothing.is_empty() => vec![Value::Null],
                found => found,
            },
            Self::Geometry(shape) => vec![serde_json::to_value(shape).unwrap_or_default()],
            Self::Not(inner) => vec![Value::Bool(!inner.holds(lookup, now))],
            Self::Binary(Operator::Or, left, right) => {
                vec![(left.holds(lookup, now) || right.holds(lookup, now)).into()]
            }
            Self::Binary(Operator::And, left, right) => {
                vec![(left.holds(lookup, now) && right.holds(lookup, now)).into()]
            }
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.values(lookup, now), right.values(lookup, now));
                left.iter().flat_map(|left| right.iter().map(move |right| apply(*operator, left, right))).collect()
            }
            Self::Call(name, arguments) if arguments.is_empty() => {
                vec![if name == "now" { now.to_string().into() } else { Value::Null }]
            }
            Self::Call(name, arguments) => {
                let first = arguments[0].values(lookup, now);
                let second = arguments.get(1).map_or_else(|| vec![Value::Null], |second| second.values(lookup, now));
                first.iter().flat_map(|first| second.iter().map(move |second| call(name, first, second))).collect()
            }
        }
    }

    /// The span of times that a filter leaves over, as far as its terms joined by `and` say: from (inclusive) and to
    /// (exclusive), in microseconds.
    pub(super) fn span(&self) -> (i64, i64) {
        match self {
            Self::Binary(Operator::And, left, right) => {
                let (left, right) = (left.span(), right.span());
                (left.0.max(right.0), left.1.min(right.1))
            }
            Self::Binary(operator, left, right) => match (&**left, &**right) {
                (Self::Path(path), Self::Literal(Value::String(text))) if is_time(path) => {
                    span(*operator, Timestamp::parse(text))
                }
                _ => (i64::MIN, i64::MAX),
            },
            _ => (i64::MIN, i64::MAX),
        }
    }
}

fn is_time(path: &[String]) -> bool {
    matches!(path, [only] if only == "phenomenonTime" || only == "resultTime")
}

fn span(operator: Operator, time: Option<Timestamp>) -> (i64, i64) {
    let Some(Timestamp(at)) = time else { return (i64::MIN, i64::MAX) };
    let after = at.saturating_add(1);
    match operator {
        Operator::Equal => (at, after),
        Operator::Less => (i64::MIN, at),
        Operator::LessOrEqual => (i64::MIN, after),
        Operator::Greater => (after, i64::MAX),
        Operator::GreaterOrEqual => (at, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    }
}

/// How two values stand to each other; times by when they are, however they are written.
pub(super) fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => match (Timestamp::parse(left), Timestamp::parse(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => Some(left.cmp(right)),
        },
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    }
}

fn apply(operator: Operator, left: &Value, right: &Value) -> Value {
    let order = compare(left, right);
    let number = |of: fn(f64, f64) -> f64| match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => of(left, right).into(),
        _ => Value::Null,
    };
    match operator {
        Operator::Equal => order.is_some_and(std::cmp::Ordering::is_eq).into(),
        Operator::NotEqual => order.is_none_or(std::cmp::Ordering::is_ne).into(),
        Operator::Less => order.is_some_and(std::cmp::Ordering::is_lt).into(),
        Operator::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le).into(),
        Operator::Greater => order.is_some_and(std::cmp::Ordering::is_gt).into(),
        Operator::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge).into(),
        Operator::Add => number(|left, right| left + right),
        Operator::Subtract => number(|left, right| left - right),
        Operator::Multiply => number(|left, right| left * right),
        Operator::Divide => number(|left, right| left / right),
        Operator::Remainder => number(|left, right| left % right),
        Operator::Or | Operator::And => Value::Null,
    }
}

fn call(name: &str, first: &Value, second: &Value) -> Value {
    let (text, other) = (first.as_str(), second.as_str());
    let both = |of: fn(&str, &str) -> Value| match (text, other) {
        (Some(text), Some(other)) => of(text, other),
        _ => Value::Null,
    };
    let one = |of: fn(&str) -> Value| text.map_or(Value::Null, of);
    let number = |of: fn(f64) -> f64| first.as_f64().map_or(Value::Null, |number| of(number).into());
    match name {
        // The word looked for comes first here, and only here.
        "substringof" => both(|word, text| text.contains(word).into()),
        "contains" => both(|text, word| text.contains(word).into()),
        "startswith" => both(|text, word| text.starts_with(word).into()),
        "endswith" => both(|text, word| text.ends_with(word).into()),
        "indexof" => both(|text, word| text.find(word).map_or(-1, |at| text[..at].chars().count() as i64).into()),
        "concat" => both(|text, more| format!("{text}{more}").into()),
        "length" => one(|text| text.chars().count().into()),
        "tolower" => one(|text| text.to_lowercase().into()),
        "toupper" => one(|text| text.to_uppercase().into()),
        "trim" => one(|text| text.trim().into()),
        "round" => number(f64::round),
        "floor" => number(f64::floor),
        "ceiling" => number(f64::ceil),
        "geo.distance" => degrees_between(first, second),
        "st_within" | "geo.intersects" => {
            match (point(first).or_else(|| point(second)), area(second).or_else(|| area(first))) {
                (Some(point), Some(area)) => area.contains(point).into(),
                _ => Value::Null,
            }
        }
        _ => Value::Null,
    }
}

fn point(value: &Value) -> Option<Coordinates> {
    match serde_json::from_value(value.clone()) {
        Ok(Geometry::Point(point)) => Some(point),
        _ => None,
    }
}

fn area(value: &Value) -> Option<Geometry> {
    serde_json::from_value(value.clone()).ok().filter(Geometry::is_area)
}

/// The standard leaves the unit to the datum: in WGS 84 a distance is in degrees, of a great circle.
fn degrees_between(first: &Value, second: &Value) -> Value {
    let (Some(from), Ok(to)) = (point(first), serde_json::from_value::<Geometry>(second.clone())) else {
        return Value::Null;
    };
    (to.distance_metres(from) / model::geo::EARTH_RADIUS_METRES).to_degrees().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> bool {
        let row = json!({"result": 21.5, "name": "Lamp's", "phenomenonTime": "2026-01-01T00:00:00Z", "ok": true,
            "properties": {"kind": "light"}, "location": {"type": "Point", "coordinates": [6.95, 50.93]}});
        let lookup = |path: &[String]| {
            let found = path.iter().try_fold(&row, |value, step| value.get(step));
            if path[0] == "Datastreams" {
                vec![json!("power"), json!("energy")]
            } else {
                found.cloned().into_iter().collect()
            }
        };
        let now = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
        parse(filter).unwrap().holds(&lookup, now)
    }

    #[test]
    fn filters_hold_or_not() {
        for filter in [
            "result gt 20 and result lt 30",
            "not (result gt 30) and ok eq true",
            "result add 2 mul 3 eq 27.5",
            "name eq 'Lamp''s' or result eq 0",
            "substringof('amp', name) and startswith(tolower(name),'lamp')",
            "properties/kind eq 'light' and missing ne 1",
            "phenomenonTime ge 2025-12-31T23:00:00-01:00 and phenomenonTime lt now()",
            "Datastreams/name eq 'energy'",
            "st_within(location, geography'POLYGON ((6 50, 7 50, 7 51, 6 51, 6 50))')",
            "geo.distance(location, geography'POINT (6.96 50.93)') lt 0.01",
            "length(name) eq 6 and round(result) eq 22 and indexof(name,'m') eq 2",
        ] {
            assert!(holds(filter), "{filter}");
        }
        for filter in [
            "result gt 30",
            "missing eq 1",
            "result eq '21.5'",
            "phenomenonTime gt 2026-01-01T00:00:00Z",
            "Datastreams/name eq 'water'",
            "st_within(location, geography'POLYGON ((7 50, 8 50, 8 51, 7 51, 7 50))')",
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_told() {
        let told = |text: &str| parse(text).unwrap_err().to_string();
        let deep = "(".repeat(40);
        let all = [
            "result gt",
            "result gt 1)",
            "(result",
            "frob(1)",
            "length()",
            "name eq 'x",
            "geo.distance(location, geography'CIRCLE (1)')",
            &deep,
        ];
        let told: Vec<String> = all.iter().map(|text| told(text)).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_span_of_time_is_found_in_a_filter() {
        let span = |text: &str| parse(text).unwrap().span();
        let (from, to) =
            span("phenomenonTime ge 2026-01-01T00:00:00Z and result gt 3 and phenomenonTime lt 2026-01-02T00:00:00Z");
        assert_eq!((to - from) / 1_000_000, 86_400);
        assert_eq!(span("phenomenonTime ge 2026-01-01T00:00:00Z or result gt 3"), (i64::MIN, i64::MAX));
    }
}
