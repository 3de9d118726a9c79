//! The InfluxDB line protocol: `measurement[,tag=value...] field=value[,field=value...] [timestamp]`.
//!
//! Lines end at a newline outside a quoted string. Lines that start with `#` and blank lines say nothing. A line that
//! cannot be read costs only itself.

use std::borrow::Cow;
use std::fmt;

use model::{Timestamp, Value};

/// The most tags of one line.
pub const TAGS_PER_LINE_MAX: usize = 256;

/// The most fields of one line.
pub const FIELDS_PER_LINE_MAX: usize = 4_096;

/// What a timestamp counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Precision {
    /// The precision that a client's word means, in any dialect of the protocol; `None` for an unknown word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "ns" | "n" | "nanosecond" => Self::Nanoseconds,
            "us" | "u" | "µ" | "µs" | "microsecond" => Self::Microseconds,
            "ms" | "millisecond" => Self::Milliseconds,
            "s" | "second" => Self::Seconds,
            _ => return None,
        })
    }

    /// The word used in topics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    /// The moment of a timestamp; saturates.
    pub fn moment(self, count: i64) -> Timestamp {
        match self {
            Self::Nanoseconds => Timestamp(count.div_euclid(1_000)),
            Self::Microseconds => Timestamp(count),
            Self::Milliseconds => Timestamp::from_millis(count),
            Self::Seconds => Timestamp::from_seconds(count),
        }
    }
}

/// The name of a tag and its value.
pub type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Measurement and tags as they were written: the same text is the same series.
    pub series: &'a str,
    /// What was measured.
    pub measurement: Cow<'a, str>,
    /// Of what.
    pub tags: Vec<Tag<'a>>,
    /// The values.
    pub fields: Vec<(Cow<'a, str>, Value)>,
    /// When, in the batch's precision.
    pub timestamp: Option<i64>,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct LineError {
    /// The line in the batch, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads a batch line by line. Yields the bytes of each line with what they say.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    batch: &'a [u8],
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    /// Starts at the first line.
    pub fn new(batch: &'a [u8]) -> Self {
        Self { batch, at: 0, number: 1 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], Result<Line<'a>, LineError>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.batch[self.at..];
            if rest.is_empty() {
                return None;
            }
            let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            let physical_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            if blank == physical_end || rest[blank] == b'#' {
                self.skip(physical_end);
                continue;
            }
            let mut cursor = Cursor { bytes: rest, at: blank };
            let outcome = cursor.line();
            let end = match &outcome {
                Ok(_) => cursor.at,
                // A quote that is never closed would swallow the batch: only its own line is given up.
                Err(fault) if fault.unclosed => physical_end,
                Err(fault) => {
                    let at = fault.at.min(rest.len());
                    at + rest[at..].iter().position(|byte| *byte == b'\n').unwrap_or(rest.len() - at)
                }
            };
            let number = self.number;
            let outcome = outcome.map_err(|fault| {
                let before = &rest[..fault.at.min(rest.len())];
                let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
                LineError {
                    line: number + newlines(before),
                    column: before.len() - line_start + 1,
                    problem: fault.problem,
                }
            });
            self.skip(end);
            return Some((&rest[..end], outcome));
        }
    }
}

impl Lines<'_> {
    /// Goes on after `length` bytes and the newline behind them.
    fn skip(&mut self, length: usize) {
        let end = (self.at + length + 1).min(self.batch.len());
        self.number += newlines(&self.batch[self.at..end]);
        self.at = end;
    }
}

/// How many lines end within these bytes.
pub(super) fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

struct Fault {
    at: usize,
    problem: String,
    unclosed: bool,
}

fn fault<T>(at: usize, problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, problem: problem.into(), unclosed: false })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied().filter(|byte| *byte != b'\n')
    }

    fn line(&mut self) -> Result<Line<'a>, Fault> {
        let start = self.at;
        let measurement = self.word(b", ", "the measurement")?;
        let tags = self.tags()?;
        let series = utf8(self.bytes, start, self.at)?;
        if self.spaces() == 0 {
            return fault(self.at, "expected a space and the fields");
        }
        let fields = self.fields()?;
        let spaces = self.spaces();
        let timestamp = match self.peek() {
            None => None,
            Some(_) if spaces == 0 => return fault(self.at, "expected a comma, a space or the end of the line"),
            Some(_) => Some(self.timestamp()?),
        };
        Ok(Line { series, measurement, tags, fields, timestamp })
    }

    fn tags(&mut self) -> Result<Vec<Tag<'a>>, Fault> {
        let mut tags = Vec::new();
        while self.peek() == Some(b',') {
            self.at += 1;
            if tags.len() == TAGS_PER_LINE_MAX {
                return fault(self.at, format!("more than {TAGS_PER_LINE_MAX} tags"));
            }
            let key = self.word(b",= ", "the name of a tag")?;
            self.expect(b'=', "after the name of the tag")?;
            let value = self.word(b",= ", "the value of the tag")?;
            if self.peek() == Some(b'=') {
                return fault(self.at, "an equals sign in the value of a tag must be escaped");
            }
            tags.push((key, value));
        }
        Ok(tags)
    }

    fn fields(&mut self) -> Result<Vec<(Cow<'a, str>, Value)>, Fault> {
        let mut fields = Vec::with_capacity(4);
        loop {
            if fields.len() == FIELDS_PER_LINE_MAX {
                return fault(self.at, format!("more than {FIELDS_PER_LINE_MAX} fields"));
            }
            let key = self.word(b",= ", "the name of a field")?;
            self.expect(b'=', "after the name of the field")?;
            fields.push((key, self.value()?));
            if self.peek() != Some(b',') {
                return Ok(fields);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: u8, place: &str) -> Result<(), Fault> {
        if self.peek() != Some(wanted) {
            return fault(self.at, format!("expected {:?} {place}", char::from(wanted)));
        }
        self.at += 1;
        Ok(())
    }

    fn spaces(&mut self) -> usize {
        let count = self.bytes[self.at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        self.at += count;
        count
    }

    /// A name or tag value: everything up to an unescaped byte of `ends`. A backslash before one of `, =` or space
    /// escapes it; any other backslash is itself.
    fn word(&mut self, ends: &[u8], what: &str) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        let mut escaped = false;
        while let Some(byte) = self.peek() {
            if byte == b'\\' && self.bytes.get(self.at + 1).is_some_and(|next| b",= ".contains(next)) {
                escaped = true;
                self.at += 2;
            } else if ends.contains(&byte) || matches!(byte, b'\r' | b'\t') {
                break;
            } else {
                self.at += 1;
            }
        }
        if start == self.at {
            return fault(start, format!("{what} is missing"));
        }
        let text = utf8(self.bytes, start, self.at)?;
        Ok(if escaped { Cow::Owned(unescaped(text, &[',', '=', ' '])) } else { Cow::Borrowed(text) })
    }

    fn value(&mut self) -> Result<Value, Fault> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let start = self.at;
        while self.peek().is_some_and(|byte| !matches!(byte, b',' | b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
        let text = utf8(self.bytes, start, self.at)?;
        match scalar(text) {
            Ok(value) => Ok(value),
            Err(problem) => fault(start, problem),
        }
    }

    fn string(&mut self) -> Result<Value, Fault> {
        let quote = self.at;
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.bytes.get(self.at) {
                None => {
                    let problem = "the quote is never closed".to_owned();
                    return Err(Fault { at: quote, problem, unclosed: true });
                }
                Some(b'\\') if self.bytes.get(self.at + 1).is_some_and(|next| b"\"\\".contains(next)) => {
                    escaped = true;
                    self.at += 2;
                }
                Some(b'"') => break,
                Some(_) => self.at += 1,
            }
        }
        let text = utf8(self.bytes, start, self.at)?;
        self.at += 1;
        Ok(if escaped { Value::text(unescaped(text, &['"', '\\'])) } else { Value::text(text) })
    }

    fn timestamp(&mut self) -> Result<i64, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
        let text = utf8(self.bytes, start, self.at)?;
        let Ok(timestamp) = text.parse() else {
            return fault(start, format!("{:?} is not a timestamp", crate::text::shortened(text)));
        };
        self.spaces();
        match self.peek() {
            None => Ok(timestamp),
            Some(_) => fault(self.at, "expected the end of the line after the timestamp"),
        }
    }
}

fn utf8(bytes: &[u8], start: usize, end: usize) -> Result<&str, Fault> {
    match std::str::from_utf8(&bytes[start..end]) {
        Ok(text) => Ok(text),
        Err(error) => fault(start + error.valid_up_to(), "this is not UTF-8"),
    }
}

/// Takes the backslash from before each of `special`.
fn unescaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if character == '\\' && special.contains(next) => {
                out.push(*next);
                characters.next();
            }
            _ => out.push(character),
        }
    }
    out
}

/// A value without quotes: a boolean, an integer `1i`, an unsigned integer `1u` or a float.
fn scalar(text: &str) -> Result<Value, String> {
    let shown = || crate::text::shortened(text);
    let value = match text {
        "" => return Err("the value is missing".to_owned()),
        "t" | "T" | "true" | "True" | "TRUE" => Value::Boolean(true),
        "f" | "F" | "false" | "False" | "FALSE" => Value::Boolean(false),
        _ => {
            if let Some(digits) = text.strip_suffix('i') {
                return digits
                    .parse()
                    .map(Value::Integer)
                    .map_err(|error| format!("{:?} is not an integer: {error}", shown()));
            }
            if let Some(digits) = text.strip_suffix('u') {
                return digits
                    .parse::<u64>()
                    .map(|number| i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
                    .map_err(|error| format!("{:?} is not an unsigned integer: {error}", shown()));
            }
            // Rust also reads `nan` and `infinity`, which the protocol does not have.
            let number = text.parse().map_err(|_| format!("{:?} is not a value; text needs quotes", shown()))?;
            Value::float(number).ok_or_else(|| format!("{:?} is not finite", shown()))?
        }
    };
    Ok(value)
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
