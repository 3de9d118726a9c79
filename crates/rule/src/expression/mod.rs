//! The expression language: the grammar of Jinja, read by minijinja's parser, with types and errors of its own.
//!
//! | what | for example |
//! |---|---|
//! | what things report | `value('hall.lamp/on')`, `value('a/b', 0)` (0 while it is not known), `previous('a/b')` |
//! | when | `age('a/b')` and `since('a/b')` in seconds: since it was said, since it changed |
//! | whether | `known('a/b')`, `online('hall.lamp')`, `x is defined` |
//! | what set it off | `trigger.value`, `.previous`, `.thing`, `.name`, `.id`, `.kind`, `.body` |
//! | time | `now.hour`, `.minute`, `.second`, `.minute_of_day`, `.clock` (`'07:30'`), `.day`, `.month`, `.year`, `.unix` |
//! | the weekday | `now.weekday` (`'mon'`), `now.weekday_number` (Monday is 1) |
//! | the sun | `sun.up`, `sun.elevation`, `sun.sunrise`, `sun.sunset` (minutes of the day) |
//! | in a `repeat` | `repeat.index` (from 1), `repeat.item` |
//! | operators | `+ - * / // % **`, `~` joins texts, `== != < <= > >=`, `in`, `and or not`, `a if c else b` |
//! | functions, also as filters | see [`functions::Function`] |
//!
//! Types are kept apart: what is compared or counted has to fit, and what is not known is an error that says so, unless
//! a default is given. Nothing is converted silently.

mod evaluate;
pub mod functions;
mod infer;
mod lower;

use std::sync::Arc;

use model::{Name, RecordKind, ThingId, Value};

pub(crate) use evaluate::{EvaluateError, Fired, Reading, Scope, Variables, equal, number_text};
pub(crate) use infer::{Environment, Type};
pub(crate) use lower::{parse, presence_name};

use crate::limits::TEMPLATE_BYTES_MAX;
use crate::rule::{Reference, Spot};
use crate::yaml::At;
use functions::Function;

/// An expression: `value('bath.climate/temperature') > limit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// Where it stands.
    pub spot: Spot,
    /// As it was written.
    pub text: Arc<str>,
    /// Whether `spot` is the place of the first character of `text`.
    pub(crate) exact: bool,
    pub(crate) node: Node,
}

/// A value that may have expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// As it is.
    Literal(Value),
    /// `${ … }` alone: what it comes to, with its type.
    Expression(Expression),
    /// Text with holes.
    Text(Vec<Part>),
    /// A list.
    List(Vec<Template>),
    /// A map.
    Map(Vec<(Arc<str>, Template)>),
}

/// A part of a text with holes.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(Arc<str>),
    /// A hole.
    Hole(Expression),
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins in the expression's text, in bytes.
    pub(crate) at: u32,
    pub(crate) kind: NodeKind,
}

/// The sorts of parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Literal(Value),
    /// Something of a series, and what stands for it while it is not known.
    Read(Read, u32, Option<Box<Node>>),
    Variable(Arc<str>),
    Now(NowPart),
    Sun(SunPart),
    Trigger(TriggerPart),
    RoundIndex,
    RoundItem,
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    If(Box<(Node, Node, Node)>),
    Call(Function, Vec<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Item(Box<(Node, Node)>),
    /// Whether the inner part is known, or of some type.
    Is(Test, Box<Node>),
}

/// What of a series is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Value,
    Previous,
    Age,
    Since,
    Known,
    Online,
}

macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $enum { $($variant),* }

        impl $enum {
            pub(crate) const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),*];

            pub(crate) fn find(name: &str) -> Option<Self> {
                Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, it)| *it)
            }
        }
    };
}

named!(
    /// Parts of the present moment.
    NowPart {
        Hour = "hour",
        Minute = "minute",
        Second = "second",
        MinuteOfDay = "minute_of_day",
        Clock = "clock",
        Weekday = "weekday",
        WeekdayNumber = "weekday_number",
        Day = "day",
        Month = "month",
        Year = "year",
        Unix = "unix",
    }
);
named!(
    /// What the sun does.
    SunPart { Up = "up", Elevation = "elevation", Sunrise = "sunrise", Sunset = "sunset" }
);
named!(
    /// What set the run off.
    TriggerPart {
        Id = "id",
        Kind = "kind",
        Thing = "thing",
        Name = "name",
        Value = "value",
        Previous = "previous",
        Body = "body",
    }
);
named!(
    /// What may be asked of a value.
    Test {
        Known = "defined",
        Unknown = "undefined",
        None = "none",
        Number = "number",
        Text = "string",
        Boolean = "boolean",
    }
);

/// What is worked out of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    And,
    Or,
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Power,
    Join,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// The series that a rule reads, each once.
#[derive(Debug, Default)]
pub(crate) struct References {
    pub(crate) list: Vec<Reference>,
}

impl References {
    /// The reference to a series.
    pub(crate) fn refer(&mut self, kind: RecordKind, thing: ThingId, name: Name, spot: &Spot) -> Reference {
        let known = self.list.iter().find(|it| it.kind == kind && it.thing == thing && it.name == name);
        let slot = known.map_or(self.list.len() as u32, |known| known.slot);
        let reference = Reference { spot: spot.clone(), kind, thing, name, slot };
        if known.is_none() {
            self.list.push(reference.clone());
        }
        reference
    }
}

/// Reads `thing/name`.
pub(crate) fn split_reference(text: &str) -> Result<(ThingId, Name), String> {
    let Some((thing, name)) = text.split_once('/') else {
        return Err(format!("{text:?} is no property of a thing; it is written thing/name"));
    };
    let thing = ThingId::new(thing).map_err(|error| format!("{text:?} names no thing: {error}"))?;
    let name = Name::new(name).map_err(|error| format!("{text:?} names no property: {error}"))?;
    Ok((thing, name))
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    /// Where in the text, in bytes.
    pub(crate) at: u32,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl SyntaxFault {
    pub(crate) fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }
}

/// A piece of a text with holes: text as it is, or an expression and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Hole(u32, String),
}

/// Takes a text apart at its `${ … }`. `$${` stands for `${`.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, SyntaxFault> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let hole = at + found;
        if text[..hole].ends_with('$') {
            plain.push_str(&text[at..hole - 1]);
            plain.push_str("${");
            at = hole + 2;
            continue;
        }
        plain.push_str(&text[at..hole]);
        let begin = hole + 2;
        let Some(length) = hole_length(&text[begin..]) else {
            return Err(SyntaxFault::new(hole as u32, "a ${ has no } that ends it"));
        };
        if length > TEMPLATE_BYTES_MAX {
            let message = format!("an expression may be {TEMPLATE_BYTES_MAX} bytes long, this one has {length}");
            return Err(SyntaxFault::new(begin as u32, message));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Hole(begin as u32, text[begin..begin + length].to_owned()));
        at = begin + length + 1;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// The length up to the brace that ends a hole; braces in quotes and in pairs do not count.
fn hole_length(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

impl Expression {
    /// Where a byte of the expression stands in the rule's text, as far as that can be told.
    pub(crate) fn spot_of(&self, at: u32) -> Spot {
        let mut spot = self.spot.clone();
        if self.exact {
            let before = self.text.get(..at as usize).unwrap_or_default();
            spot.column += before.chars().count() as u32;
        }
        spot
    }

    /// The series that it reads.
    pub(crate) fn slots(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        self.node.visit(&mut |node| {
            if let NodeKind::Read(_, slot, _) = node.kind
                && !slots.contains(&slot)
            {
                slots.push(slot);
            }
        });
        slots
    }

    /// Whether it looks at the clock or the sun.
    pub(crate) fn reads_time(&self) -> bool {
        let mut reads = false;
        self.node.visit(&mut |node| {
            let ages = matches!(node.kind, NodeKind::Read(Read::Age | Read::Since, ..));
            reads |= ages || matches!(node.kind, NodeKind::Now(_) | NodeKind::Sun(_));
        });
        reads
    }
}

impl Node {
    /// Visits this part and all within.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&Node)) {
        visit(self);
        match &self.kind {
            NodeKind::Literal(_)
            | NodeKind::Variable(_)
            | NodeKind::Now(_)
            | NodeKind::Sun(_)
            | NodeKind::Trigger(_)
            | NodeKind::RoundIndex
            | NodeKind::RoundItem
            | NodeKind::Read(_, _, None) => {}
            NodeKind::Read(_, _, Some(inner))
            | NodeKind::Not(inner)
            | NodeKind::Negative(inner)
            | NodeKind::Is(_, inner) => inner.visit(visit),
            NodeKind::Binary(_, pair) | NodeKind::Item(pair) => {
                pair.0.visit(visit);
                pair.1.visit(visit);
            }
            NodeKind::Compare(first, rest) => {
                first.visit(visit);
                rest.iter().for_each(|(_, node)| node.visit(visit));
            }
            NodeKind::If(parts) => {
                parts.0.visit(visit);
                parts.1.visit(visit);
                parts.2.visit(visit);
            }
            NodeKind::Call(_, nodes) | NodeKind::List(nodes) => nodes.iter().for_each(|node| node.visit(visit)),
            NodeKind::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.visit(visit);
                value.visit(visit);
            }),
        }
    }
}

impl Template {
    /// All expressions within.
    pub(crate) fn expressions<'t>(&'t self, out: &mut Vec<&'t Expression>) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(expression) => out.push(expression),
            Self::Text(parts) => out.extend(parts.iter().filter_map(|part| match part {
                Part::Hole(expression) => Some(expression),
                Part::Text(_) => None,
            })),
            Self::List(items) => items.iter().for_each(|item| item.expressions(out)),
            Self::Map(entries) => entries.iter().for_each(|(_, item)| item.expressions(out)),
        }
    }

    /// The value, when it has no holes.
    pub(crate) fn literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }
}

/// The place of a byte of a scalar, when the text shows it as it is.
pub(crate) fn place_within(inner: Option<At>, text: &str, at: u32) -> Option<At> {
    let inner = inner?;
    let before = text.get(..at as usize)?;
    Some(At { line: inner.line, column: inner.column + before.chars().count() as u32 })
}

#[cfg(test)]
mod tests;
