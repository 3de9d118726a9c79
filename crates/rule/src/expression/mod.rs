//! The expression language: the grammar of Jinja, read by minijinja's parser, with types and errors of its own.

use std::sync::Arc;

use model::Value;

use crate::rule::Spot;

/// An expression: `value('bath.climate/temperature') > limit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// Where it stands.
    pub spot: Spot,
    /// As it was written.
    pub text: Arc<str>,
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
