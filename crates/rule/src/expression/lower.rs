//! From minijinja's syntax tree to ours. minijinja's tree is read here and nowhere else.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;
use model::{Name, RecordKind, ThingId, Value};

use super::functions::Function;
use super::{
    Comparison, Expression, Node, NodeKind, NowPart, Operator, Read, References, SunPart, SyntaxFault, Test,
    TriggerPart, split_reference,
};
use crate::hint::did_you_mean;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::rule::Spot;

/// How deep parts of an expression may lie in each other.
const DEPTH_MAX: usize = 64;

/// The functions that read things.
const READS: [(&str, Read); 6] = [
    ("value", Read::Value),
    ("previous", Read::Previous),
    ("age", Read::Age),
    ("since", Read::Since),
    ("known", Read::Known),
    ("online", Read::Online),
];

/// Reads an expression; `exact` when `spot` is where its first character stands.
pub(crate) fn parse(
    text: &str,
    spot: &Spot,
    exact: bool,
    references: &mut References,
) -> Result<Expression, SyntaxFault> {
    let tree = tree(text)?;
    let mut lower = Lower { references, spot };
    let node = lower.node(&tree, 0)?;
    Ok(Expression { spot: spot.clone(), text: text.into(), exact, node })
}

/// The syntax tree of a text: the one door to minijinja's parser.
fn tree(text: &str) -> Result<Expr<'_>, SyntaxFault> {
    if text.len() > TEMPLATE_BYTES_MAX {
        let message = format!("an expression may be {TEMPLATE_BYTES_MAX} bytes long, this one has {}", text.len());
        return Err(SyntaxFault::new(0, message));
    }
    if text.trim().is_empty() {
        return Err(SyntaxFault::new(0, "the expression is empty"));
    }
    // Its lexer takes two braces too many for the end of a template, and panics.
    if let Some(at) = closes_nothing(text) {
        return Err(SyntaxFault::new(at, "this closes nothing that was opened"));
    }
    parse_expr(text).map_err(|error| {
        let detail = error.detail().unwrap_or("this is no expression").to_owned();
        let mut fault = SyntaxFault::new(0, detail);
        let operators = [("&&", "and"), ("||", "or"), ("!", "not "), ("? ", "a if condition else b")];
        let meant = operators.iter().find(|(wrong, _)| text.contains(wrong) && !text.contains("!="));
        fault.hint = meant.map(|(wrong, right)| format!("write {} for {}", right.trim(), wrong.trim()));
        fault
    })
}

/// The first bracket outside of quotes that closes nothing.
fn closes_nothing(text: &str) -> Option<u32> {
    let mut depth = 0u32;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') if depth == 0 => return Some(at as u32),
            (None, ')' | ']' | '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

struct Lower<'a> {
    references: &'a mut References,
    spot: &'a Spot,
}

impl Lower<'_> {
    fn node(&mut self, tree: &Expr<'_>, depth: usize) -> Result<Node, SyntaxFault> {
        let at = tree.span().start_offset;
        if depth > DEPTH_MAX {
            return Err(SyntaxFault::new(at, format!("the parts lie more than {DEPTH_MAX} deep in each other")));
        }
        let deeper = depth + 1;
        let kind = match tree {
            Expr::Const(constant) => NodeKind::Literal(literal(&constant.value, at)?),
            Expr::Var(variable) => match variable.id {
                "true" | "True" => NodeKind::Literal(Value::Boolean(true)),
                "false" | "False" => NodeKind::Literal(Value::Boolean(false)),
                "none" | "None" | "null" => NodeKind::Literal(Value::Null),
                "now" | "sun" | "trigger" | "repeat" => {
                    let mut fault = SyntaxFault::new(at, format!("{} has parts; one has to be named", variable.id));
                    fault.hint = Some(format!("for example {}", example(variable.id)));
                    return Err(fault);
                }
                name => NodeKind::Variable(name.into()),
            },
            Expr::UnaryOp(operation) => {
                let inner = Box::new(self.node(&operation.expr, deeper)?);
                match (&operation.op, &inner.kind) {
                    (UnaryOpKind::Not, _) => NodeKind::Not(inner),
                    (UnaryOpKind::Neg, NodeKind::Literal(Value::Integer(number))) => {
                        NodeKind::Literal(Value::Integer(number.saturating_neg()))
                    }
                    (UnaryOpKind::Neg, NodeKind::Literal(Value::Float(number))) => {
                        NodeKind::Literal(Value::Float(-number))
                    }
                    (UnaryOpKind::Neg, _) => NodeKind::Negative(inner),
                }
            }
            Expr::BinOp(operation) => {
                let left = self.node(&operation.left, deeper)?;
                let right = self.node(&operation.right, deeper)?;
                match operator(operation.op) {
                    Ok(operator) => NodeKind::Binary(operator, Box::new((left, right))),
                    Err(comparison) => NodeKind::Compare(Box::new(left), vec![(comparison, right)]),
                }
            }
            Expr::Compare(compare) => {
                let first = Box::new(self.node(&compare.expr, deeper)?);
                let rest = compare.ops.iter().map(|op| Ok((comparison(op.op), self.node(&op.expr, deeper)?)));
                NodeKind::Compare(first, rest.collect::<Result<_, SyntaxFault>>()?)
            }
            Expr::IfExpr(choice) => {
                let Some(otherwise) = &choice.false_expr else {
                    let mut fault = SyntaxFault::new(at, "the other case is missing");
                    fault.hint = Some("write a if condition else b".to_owned());
                    return Err(fault);
                };
                let test = self.node(&choice.test_expr, deeper)?;
                let then = self.node(&choice.true_expr, deeper)?;
                NodeKind::If(Box::new((test, then, self.node(otherwise, deeper)?)))
            }
            Expr::Filter(filter) => {
                let Some(subject) = &filter.expr else {
                    return Err(SyntaxFault::new(at, "a filter needs a value before it"));
                };
                let mut arguments = vec![self.node(subject, deeper)?];
                arguments.extend(self.arguments(&filter.args, at, deeper)?);
                call(filter.name, arguments, at)?
            }
            Expr::Test(test) => {
                let inner = Box::new(self.node(&test.expr, deeper)?);
                let Some(found) = Test::find(if test.name == "known" { "defined" } else { test.name }) else {
                    let mut fault = SyntaxFault::new(at, format!("there is no test \"is {}\"", test.name));
                    fault.hint = did_you_mean(test.name, Test::NAMES.iter().map(|(name, _)| *name));
                    return Err(fault);
                };
                NodeKind::Is(found, inner)
            }
            Expr::GetAttr(get) => match &get.expr {
                Expr::Var(variable) if matches!(variable.id, "now" | "sun" | "trigger" | "repeat") => {
                    part(variable.id, get.name, at)?
                }
                subject => {
                    let key = Node { at, kind: NodeKind::Literal(Value::text(get.name)) };
                    NodeKind::Item(Box::new((self.node(subject, deeper)?, key)))
                }
            },
            Expr::GetItem(get) => {
                let subject = self.node(&get.expr, deeper)?;
                NodeKind::Item(Box::new((subject, self.node(&get.subscript_expr, deeper)?)))
            }
            Expr::Call(call) => self.call(call, at, deeper)?,
            Expr::List(list) => {
                let items = list.items.iter().map(|item| self.node(item, deeper));
                NodeKind::List(items.collect::<Result<_, SyntaxFault>>()?)
            }
            Expr::Map(map) => {
                let entries = map.keys.iter().zip(&map.values);
                let entries = entries.map(|(key, value)| Ok((self.node(key, deeper)?, self.node(value, deeper)?)));
                NodeKind::Map(entries.collect::<Result<_, SyntaxFault>>()?)
            }
            Expr::Slice(_) => return Err(SyntaxFault::new(at, "slices are not known here")),
        };
        Ok(Node { at, kind })
    }

    fn arguments(&mut self, args: &[CallArg<'_>], at: u32, depth: usize) -> Result<Vec<Node>, SyntaxFault> {
        args.iter()
            .map(|arg| match arg {
                CallArg::Pos(tree) => self.node(tree, depth),
                CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                    Err(SyntaxFault::new(at, "arguments are given by their place, without names"))
                }
            })
            .collect()
    }

    fn call(&mut self, tree: &Call<'_>, at: u32, depth: usize) -> Result<NodeKind, SyntaxFault> {
        let name = match &tree.expr {
            Expr::Var(variable) => variable.id,
            Expr::GetAttr(get) => {
                let mut arguments = vec![self.node(&get.expr, depth)?];
                arguments.extend(self.arguments(&tree.args, at, depth)?);
                return call(get.name, arguments, at);
            }
            _ => return Err(SyntaxFault::new(at, "this cannot be called")),
        };
        let mut arguments = self.arguments(&tree.args, at, depth)?;
        let Some((_, read)) = READS.iter().find(|(known, _)| *known == name) else {
            return call(name, arguments, at);
        };
        let takes_default = matches!(read, Read::Value | Read::Previous);
        if arguments.is_empty() || arguments.len() > 1 + usize::from(takes_default) {
            let mut fault = SyntaxFault::new(at, format!("{name}() takes a place in a thing"));
            fault.hint =
                Some(format!("for example {name}('hall.lamp{}')", if *read == Read::Online { "" } else { "/on" }));
            return Err(fault);
        }
        let default = (arguments.len() == 2).then(|| Box::new(arguments.remove(1)));
        let NodeKind::Literal(Value::Text(text)) = &arguments[0].kind else {
            let mut fault = SyntaxFault::new(at, format!("{name}() wants the place written down as text"));
            fault.hint = Some("what a rule reads is known before it runs, so it cannot be worked out".to_owned());
            return Err(fault);
        };
        let fault = |message| SyntaxFault::new(arguments[0].at, message);
        let (kind, (thing, property)) = match read {
            Read::Online => {
                let thing = ThingId::new(text).map_err(|error| fault(format!("{text:?} is no thing: {error}")))?;
                (RecordKind::Presence, (thing, presence_name()))
            }
            _ => (RecordKind::Property, split_reference(text).map_err(fault)?),
        };
        let slot = self.references.refer(kind, thing, property, self.spot).slot;
        Ok(NodeKind::Read(*read, slot, default))
    }
}

/// The name under which presence is recorded.
pub(crate) fn presence_name() -> Name {
    Name::new("presence").expect("a plain word is a name")
}

fn example(name: &str) -> &'static str {
    match name {
        "now" => "now.hour",
        "sun" => "sun.up",
        "trigger" => "trigger.value",
        _ => "repeat.index",
    }
}

fn part(of: &str, name: &str, at: u32) -> Result<NodeKind, SyntaxFault> {
    let known: Vec<&str> = match of {
        "now" => NowPart::NAMES.iter().map(|(name, _)| *name).collect(),
        "sun" => SunPart::NAMES.iter().map(|(name, _)| *name).collect(),
        "trigger" => TriggerPart::NAMES.iter().map(|(name, _)| *name).collect(),
        _ => vec!["index", "item"],
    };
    let found = match of {
        "now" => NowPart::find(name).map(NodeKind::Now),
        "sun" => SunPart::find(name).map(NodeKind::Sun),
        "trigger" => TriggerPart::find(name).map(NodeKind::Trigger),
        _ => match name {
            "index" => Some(NodeKind::RoundIndex),
            "item" => Some(NodeKind::RoundItem),
            _ => None,
        },
    };
    found.ok_or_else(|| {
        let mut fault = SyntaxFault::new(at, format!("{of} has no {name}"));
        fault.hint = did_you_mean(name, known.iter().copied());
        fault
    })
}

fn call(name: &str, arguments: Vec<Node>, at: u32) -> Result<NodeKind, SyntaxFault> {
    let Some((function, least, most)) = Function::find(name) else {
        let mut fault = SyntaxFault::new(at, format!("there is no function {name}"));
        let known: Vec<&str> =
            Function::ALL.iter().map(|(name, ..)| *name).chain(READS.iter().map(|(name, _)| *name)).collect();
        fault.hint = did_you_mean(name, known.iter().copied());
        return Err(fault);
    };
    if arguments.len() < least || arguments.len() > most {
        let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let message = format!("{name}() takes {wanted} arguments, {} are given", arguments.len());
        return Err(SyntaxFault::new(at, message));
    }
    Ok(NodeKind::Call(function, arguments))
}

fn literal(value: &minijinja::Value, at: u32) -> Result<Value, SyntaxFault> {
    let text = value.as_str();
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Boolean(value.is_true())),
        ValueKind::Number if value.is_integer() => i64::try_from(value.clone())
            .map(Value::Integer)
            .map_err(|_| SyntaxFault::new(at, format!("{value} is too large a number"))),
        ValueKind::Number => f64::try_from(value.clone())
            .ok()
            .and_then(Value::float)
            .ok_or_else(|| SyntaxFault::new(at, "this is no number")),
        ValueKind::String => Ok(Value::text(text.unwrap_or_default())),
        _ => Err(SyntaxFault::new(at, "this constant is not known here")),
    }
}

fn operator(op: BinOpKind) -> Result<Operator, Comparison> {
    Ok(match op {
        BinOpKind::ScAnd => Operator::And,
        BinOpKind::ScOr => Operator::Or,
        BinOpKind::Add => Operator::Add,
        BinOpKind::Sub => Operator::Subtract,
        BinOpKind::Mul => Operator::Multiply,
        BinOpKind::Div => Operator::Divide,
        BinOpKind::FloorDiv => Operator::DivideWhole,
        BinOpKind::Rem => Operator::Remainder,
        BinOpKind::Pow => Operator::Power,
        BinOpKind::Concat => Operator::Join,
        BinOpKind::Eq => return Err(Comparison::Equal),
        BinOpKind::Ne => return Err(Comparison::NotEqual),
        BinOpKind::Lt => return Err(Comparison::Less),
        BinOpKind::Lte => return Err(Comparison::LessOrEqual),
        BinOpKind::Gt => return Err(Comparison::Greater),
        BinOpKind::Gte => return Err(Comparison::GreaterOrEqual),
        BinOpKind::In => return Err(Comparison::In),
    })
}

fn comparison(op: CompareOpKind) -> Comparison {
    match op {
        CompareOpKind::Eq => Comparison::Equal,
        CompareOpKind::Ne => Comparison::NotEqual,
        CompareOpKind::Lt => Comparison::Less,
        CompareOpKind::Lte => Comparison::LessOrEqual,
        CompareOpKind::Gt => Comparison::Greater,
        CompareOpKind::Gte => Comparison::GreaterOrEqual,
        CompareOpKind::In => Comparison::In,
        CompareOpKind::NotIn => Comparison::NotIn,
    }
}
