//! The types of expressions, worked out before they run.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{DataType, Value};

use super::functions::Function;
use super::{
    Comparison, Expression, Node, NodeKind, NowPart, Operator, Read, SunPart, SyntaxFault, Template, TriggerPart,
};
use crate::hint::did_you_mean;

/// What sort of value something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Any,
    Nothing,
    Boolean,
    Number,
    Text,
    List,
    Map,
}

impl Type {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Nothing => "nothing",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) | Value::Float(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::Json(json) if json.is_array() => Self::List,
            Value::Json(_) => Self::Map,
        }
    }

    pub(crate) fn of_data(data: DataType) -> Self {
        match data {
            DataType::Boolean => Self::Boolean,
            DataType::Integer | DataType::Number => Self::Number,
            DataType::String => Self::Text,
            DataType::Json => Self::Any,
        }
    }

    /// Whether a value of this type may be of the other.
    pub(crate) fn fits(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }

    /// The type of a value that may be of either.
    fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }
}

/// What an expression may name, and of which type it is.
pub(crate) struct Environment<'a> {
    pub(crate) series: &'a dyn Fn(u32) -> Type,
    pub(crate) variables: BTreeMap<Arc<str>, Type>,
    pub(crate) in_repeat: bool,
    pub(crate) trigger_value: Type,
}

/// Where faults are told: the expression, and what is wrong in it.
pub(crate) type Faults<'f, 'e> = &'f mut Vec<(&'e Expression, SyntaxFault)>;

impl Environment<'_> {
    /// The type of a template.
    pub(crate) fn template<'e>(&self, template: &'e Template, faults: Faults<'_, 'e>) -> Type {
        match template {
            Template::Literal(value) => Type::of(value),
            Template::Expression(expression) => self.expression(expression, faults),
            Template::Text(_) => {
                let mut holes = Vec::new();
                template.expressions(&mut holes);
                for hole in holes {
                    self.expression(hole, faults);
                }
                Type::Text
            }
            Template::List(items) => {
                for item in items {
                    self.template(item, faults);
                }
                Type::List
            }
            Template::Map(entries) => {
                for (_, item) in entries {
                    self.template(item, faults);
                }
                Type::Map
            }
        }
    }

    /// The type of an expression.
    pub(crate) fn expression<'e>(&self, expression: &'e Expression, faults: Faults<'_, 'e>) -> Type {
        let mut found = Vec::new();
        let type_ = self.node(&expression.node, &mut found);
        faults.extend(found.into_iter().map(|fault| (expression, fault)));
        type_
    }

    fn want(&self, node: &Node, wanted: Type, what: &str, faults: &mut Vec<SyntaxFault>) {
        let found = self.node(node, faults);
        if !found.fits(wanted) {
            faults.push(SyntaxFault::new(
                node.at,
                format!("{what} wants {}, and this is {}", wanted.words(), found.words()),
            ));
        }
    }

    fn node(&self, node: &Node, faults: &mut Vec<SyntaxFault>) -> Type {
        match &node.kind {
            NodeKind::Literal(value) => Type::of(value),
            NodeKind::Read(read, slot, default) => {
                let default = default.as_ref().map(|default| self.node(default, faults));
                match read {
                    Read::Value | Read::Previous => {
                        let type_ = (self.series)(*slot);
                        default.map_or(type_, |default| type_.or(default))
                    }
                    Read::Age | Read::Since => Type::Number,
                    Read::Known | Read::Online => Type::Boolean,
                }
            }
            NodeKind::Variable(name) => self.variable(name, node.at, faults),
            NodeKind::Now(NowPart::Weekday | NowPart::Clock) => Type::Text,
            NodeKind::Now(_) => Type::Number,
            NodeKind::Sun(SunPart::Up) => Type::Boolean,
            NodeKind::Sun(_) => Type::Number,
            NodeKind::Trigger(part) => match part {
                TriggerPart::Kind => Type::Text,
                TriggerPart::Value | TriggerPart::Previous => self.trigger_value,
                TriggerPart::Id | TriggerPart::Thing | TriggerPart::Name | TriggerPart::Body => Type::Any,
            },
            NodeKind::RoundIndex | NodeKind::RoundItem => {
                if !self.in_repeat {
                    let mut fault = SyntaxFault::new(node.at, "repeat is known within a repeat only");
                    fault.hint = Some("move the action into the do of a repeat".to_owned());
                    faults.push(fault);
                }
                if node.kind == NodeKind::RoundIndex { Type::Number } else { Type::Any }
            }
            NodeKind::Not(inner) => {
                self.want(inner, Type::Boolean, "not", faults);
                Type::Boolean
            }
            NodeKind::Negative(inner) => {
                self.want(inner, Type::Number, "a minus", faults);
                Type::Number
            }
            NodeKind::Binary(operator, pair) => self.binary(*operator, pair, faults),
            NodeKind::Compare(first, rest) => {
                let mut left = first.as_ref();
                for (comparison, right) in rest {
                    self.compare(left, *comparison, right, faults);
                    left = right;
                }
                Type::Boolean
            }
            NodeKind::If(parts) => {
                self.want(&parts.0, Type::Boolean, "if", faults);
                self.node(&parts.1, faults).or(self.node(&parts.2, faults))
            }
            NodeKind::Call(function, arguments) => self.call(*function, arguments, faults),
            NodeKind::List(items) => {
                for item in items {
                    self.node(item, faults);
                }
                Type::List
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    self.want(key, Type::Text, "a key", faults);
                    self.node(value, faults);
                }
                Type::Map
            }
            NodeKind::Item(pair) => {
                let of = self.node(&pair.0, faults);
                self.node(&pair.1, faults);
                if !of.fits(Type::Map) && !of.fits(Type::List) {
                    faults.push(SyntaxFault::new(pair.0.at, format!("{} has no parts", of.words())));
                }
                Type::Any
            }
            NodeKind::Is(_, inner) => {
                // A variable that may be missing may be asked for.
                if !matches!(inner.kind, NodeKind::Variable(_)) {
                    self.node(inner, faults);
                }
                Type::Boolean
            }
        }
    }

    fn variable(&self, name: &str, at: u32, faults: &mut Vec<SyntaxFault>) -> Type {
        if let Some(type_) = self.variables.get(name) {
            return *type_;
        }
        let mut fault = SyntaxFault::new(at, format!("there is no variable {name}"));
        let known = self.variables.keys().map(|name| &**name).chain(["now", "sun", "trigger", "true", "false"]);
        fault.hint = match crate::hint::nearest(name, known.clone()) {
            Some(near) => Some(format!("did you mean {near}?")),
            None if name.contains('_') || name.len() < 2 => did_you_mean(name, known),
            None => Some(format!("a text stands in quotes: '{name}'; a property is value('thing/name')")),
        };
        faults.push(fault);
        Type::Any
    }

    fn binary(&self, operator: Operator, pair: &(Node, Node), faults: &mut Vec<SyntaxFault>) -> Type {
        match operator {
            Operator::And | Operator::Or => {
                let what = if operator == Operator::And { "and" } else { "or" };
                self.want(&pair.0, Type::Boolean, what, faults);
                self.want(&pair.1, Type::Boolean, what, faults);
                Type::Boolean
            }
            Operator::Join => {
                self.node(&pair.0, faults);
                self.node(&pair.1, faults);
                Type::Text
            }
            Operator::Add => {
                let (left, right) = (self.node(&pair.0, faults), self.node(&pair.1, faults));
                let adds = |type_: Type| matches!(type_, Type::Any | Type::Number | Type::Text | Type::List);
                if !adds(left) || !adds(right) || !left.fits(right) {
                    let message = format!("{} and {} cannot be added", left.words(), right.words());
                    let mut fault = SyntaxFault::new(pair.0.at, message);
                    fault.hint = Some("~ joins anything to a text".to_owned());
                    faults.push(fault);
                }
                if left == Type::Any { right } else { left }
            }
            Operator::Divide | Operator::DivideWhole | Operator::Remainder => {
                self.want(&pair.0, Type::Number, "a division", faults);
                self.want(&pair.1, Type::Number, "a division", faults);
                if let NodeKind::Literal(value) = &pair.1.kind
                    && value.as_f64() == Some(0.0)
                {
                    faults.push(SyntaxFault::new(pair.1.at, "this divides by zero"));
                }
                Type::Number
            }
            Operator::Subtract | Operator::Multiply | Operator::Power => {
                self.want(&pair.0, Type::Number, "counting", faults);
                self.want(&pair.1, Type::Number, "counting", faults);
                Type::Number
            }
        }
    }

    fn compare(&self, left: &Node, comparison: Comparison, right: &Node, faults: &mut Vec<SyntaxFault>) {
        let (a, b) = (self.node(left, faults), self.node(right, faults));
        let fault = match comparison {
            Comparison::In | Comparison::NotIn => {
                let holds = matches!(b, Type::Any | Type::List | Type::Text | Type::Map);
                (!holds).then(|| format!("nothing can be in {}", b.words()))
            }
            Comparison::Equal | Comparison::NotEqual => {
                let never = !a.fits(b) && a != Type::Nothing && b != Type::Nothing;
                never.then(|| format!("{} is never {}", a.words(), b.words()))
            }
            _ => {
                let orders = |type_: Type| matches!(type_, Type::Any | Type::Number | Type::Text);
                let fits = orders(a) && orders(b) && a.fits(b);
                (!fits).then(|| format!("{} and {} have no order", a.words(), b.words()))
            }
        };
        faults.extend(fault.map(|message| SyntaxFault::new(left.at, message)));
    }

    fn call(&self, function: Function, arguments: &[Node], faults: &mut Vec<SyntaxFault>) -> Type {
        let name = function.name();
        let wants: &[Type] = match function {
            Function::Absolute
            | Function::Round
            | Function::Floor
            | Function::Ceiling
            | Function::SquareRoot
            | Function::Clamp => &[Type::Number; 3],
            Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::StartsWith
            | Function::EndsWith
            | Function::MinuteOfDay
            | Function::Replace => &[Type::Text; 3],
            Function::Join => &[Type::List, Type::Text],
            _ => &[Type::Any; 0],
        };
        if wants.is_empty() {
            let types: Vec<Type> = arguments.iter().map(|argument| self.node(argument, faults)).collect();
            if function == Function::Default {
                return types.iter().copied().reduce(Type::or).unwrap_or(Type::Any);
            }
        }
        for (argument, wanted) in arguments.iter().zip(wants) {
            self.want(argument, *wanted, &format!("{name}()"), faults);
        }
        match function {
            Function::Text
            | Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::Replace
            | Function::Join => Type::Text,
            Function::Contains | Function::StartsWith | Function::EndsWith | Function::Boolean => Type::Boolean,
            Function::Default => Type::Any,
            _ => Type::Number,
        }
    }
}
