//! Templates of Home Assistant as expressions of ours. What we have no word for is an error that names it.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};
use serde_json::Value as Json;

use super::entities::{Entities, state_value};
use crate::expression::functions::Function;
use crate::expression::tree;

/// How deep parts of a template may lie in each other.
const DEPTH_MAX: usize = 64;

/// Whether a text is a template.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A template as text of ours with holes.
pub(super) fn text(template: &str, entities: &Entities<'_>) -> Result<String, String> {
    if template.contains("{%") {
        return Err("blocks ({% … %}) have no counterpart; write an expression".to_owned());
    }
    let mut out = String::new();
    let mut rest = template.trim();
    while let Some(begin) = rest.find("{{") {
        let Some(length) = rest[begin..].find("}}") else { return Err("a {{ has no }}".to_owned()) };
        out.push_str(&rest[..begin]);
        let inner = rest[begin + 2..begin + length].trim_matches('-').trim();
        out.push_str(&format!("${{ {} }}", expression(inner, entities)?));
        rest = &rest[begin + length + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The expression within `{{ … }}`.
pub(super) fn expression(inner: &str, entities: &Entities<'_>) -> Result<String, String> {
    let parsed = tree(inner).map_err(|fault| format!("the template cannot be read: {}", fault.message))?;
    Translation { entities }.node(&parsed, 0)
}

struct Translation<'a> {
    entities: &'a Entities<'a>,
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn value_text(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// The text of a constant.
fn constant<'t>(tree: &'t Expr<'_>) -> Option<&'t str> {
    match tree {
        Expr::Const(constant) => constant.value.as_str(),
        _ => None,
    }
}

/// The names of a path: `trigger.to_state.state`.
fn path(tree: &Expr<'_>) -> Option<Vec<String>> {
    match tree {
        Expr::Var(variable) => Some(vec![variable.id.to_owned()]),
        Expr::GetAttr(get) => {
            let mut names = path(&get.expr)?;
            names.push(get.name.to_owned());
            Some(names)
        }
        _ => None,
    }
}

impl Translation<'_> {
    fn node(&self, tree: &Expr<'_>, depth: usize) -> Result<String, String> {
        if depth > DEPTH_MAX {
            return Err("the template lies too deep".to_owned());
        }
        let deeper = depth + 1;
        Ok(match tree {
            Expr::Const(constant) => match constant.value.as_str() {
                Some(text) => quoted(text),
                None => constant.value.to_string(),
            },
            Expr::Var(variable) => match variable.id {
                "trigger" | "this" | "states" | "now" => {
                    return Err(format!("{} as a whole has no counterpart", variable.id));
                }
                name => name.to_owned(),
            },
            Expr::UnaryOp(op) => {
                let inner = self.node(&op.expr, deeper)?;
                match op.op {
                    UnaryOpKind::Not => format!("not ({inner})"),
                    UnaryOpKind::Neg => format!("-({inner})"),
                }
            }
            Expr::BinOp(op) => {
                if let Some(compare) = as_comparison(op.op) {
                    return self.compare(&op.left, compare, &op.right, deeper);
                }
                let (left, right) = (self.operand(&op.left, deeper)?, self.operand(&op.right, deeper)?);
                format!("{left} {} {right}", operator(op.op))
            }
            Expr::Compare(compare) => {
                let mut parts = Vec::new();
                let mut left = &compare.expr;
                for op in &compare.ops {
                    parts.push(self.compare(left, comparison(op.op), &op.expr, deeper)?);
                    left = &op.expr;
                }
                parts.join(" and ")
            }
            Expr::IfExpr(choice) => {
                let Some(otherwise) = &choice.false_expr else { return Err("an if without else".to_owned()) };
                let test = self.operand(&choice.test_expr, deeper)?;
                let then = self.operand(&choice.true_expr, deeper)?;
                format!("{then} if {test} else {}", self.operand(otherwise, deeper)?)
            }
            Expr::Filter(filter) => {
                let Some(subject) = &filter.expr else { return Err("a filter without a value".to_owned()) };
                let mut arguments = vec![self.node(subject, deeper)?];
                arguments.extend(self.arguments(&filter.args, deeper)?);
                // The fallback of states('…') | float(0) is for what is not known, as ours is.
                if matches!(filter.name, "float" | "int") && arguments.len() == 2 && arguments[0].starts_with("value('")
                {
                    let default = arguments.pop().unwrap_or_default();
                    arguments[0] = arguments[0].replacen("')", &format!("', {default})"), 1);
                }
                function(filter.name, &arguments)?
            }
            Expr::Test(test) => match test.name {
                "defined" | "none" | "number" | "string" | "boolean" => {
                    format!("{} is {}", self.operand(&test.expr, deeper)?, test.name)
                }
                other => return Err(format!("the test \"is {other}\" has no counterpart")),
            },
            Expr::GetAttr(_) => self.attribute(tree, deeper)?,
            Expr::GetItem(get) => {
                let subject = self.node(&get.expr, deeper)?;
                format!("{subject}[{}]", self.node(&get.subscript_expr, deeper)?)
            }
            Expr::Call(call) => self.call(call, deeper)?,
            Expr::List(list) => {
                let items = list.items.iter().map(|item| self.node(item, deeper)).collect::<Result<Vec<_>, _>>()?;
                format!("[{}]", items.join(", "))
            }
            Expr::Map(_) | Expr::Slice(_) => return Err("maps and slices have no counterpart".to_owned()),
        })
    }

    /// A part with brackets where it needs them.
    fn operand(&self, tree: &Expr<'_>, depth: usize) -> Result<String, String> {
        let text = self.node(tree, depth)?;
        let is_composed = matches!(tree, Expr::BinOp(_) | Expr::Compare(_) | Expr::IfExpr(_) | Expr::Test(_));
        Ok(if is_composed { format!("({text})") } else { text })
    }

    /// The entity whose state a part is, if it is one.
    fn state_of(tree: &Expr<'_>) -> Option<String> {
        match tree {
            Expr::Call(call) => match (&call.expr, call.args.as_slice()) {
                (Expr::Var(variable), [CallArg::Pos(entity)]) if variable.id == "states" => {
                    constant(entity).map(ToOwned::to_owned)
                }
                _ => None,
            },
            Expr::GetAttr(_) => match path(tree)?.as_slice() {
                [states, domain, object, state] if states == "states" && state == "state" => {
                    Some(format!("{domain}.{object}"))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A comparison; `'on'` against the state of a light becomes `true`.
    fn compare(&self, left: &Expr<'_>, op: &str, right: &Expr<'_>, depth: usize) -> Result<String, String> {
        let side = |tree: &Expr<'_>, other: &Expr<'_>| match (Self::state_of(other), constant(tree)) {
            (Some(entity), Some(word)) => Ok(value_text(&state_value(&entity, None, &Json::String(word.to_owned())))),
            (Some(entity), None) if matches!(tree, Expr::List(_)) => {
                let Expr::List(list) = tree else { return self.operand(tree, depth) };
                let items = list.items.iter().map(|item| match constant(item) {
                    Some(word) => Ok(value_text(&state_value(&entity, None, &Json::String(word.to_owned())))),
                    None => self.node(item, depth),
                });
                Ok(format!("[{}]", items.collect::<Result<Vec<_>, String>>()?.join(", ")))
            }
            _ => self.operand(tree, depth),
        };
        Ok(format!("{} {op} {}", side(left, right)?, side(right, left)?))
    }

    fn arguments(&self, args: &[CallArg<'_>], depth: usize) -> Result<Vec<String>, String> {
        args.iter()
            .map(|arg| match arg {
                CallArg::Pos(tree) => self.node(tree, depth),
                CallArg::Kwarg("default", tree) => self.node(tree, depth),
                _ => Err("named arguments have no counterpart".to_owned()),
            })
            .collect()
    }

    fn attribute(&self, tree: &Expr<'_>, depth: usize) -> Result<String, String> {
        if let Some(entity) = Self::state_of(tree) {
            return Ok(format!("value('{}')", self.entities.place(&entity, None)?));
        }
        if let Expr::GetAttr(get) = tree
            && let Expr::Call(call) = &get.expr
            && matches!(&call.expr, Expr::Var(variable) if variable.id == "now")
        {
            return match get.name {
                "hour" | "minute" | "second" | "day" | "month" | "year" => Ok(format!("now.{}", get.name)),
                other => Err(format!("now().{other} has no counterpart")),
            };
        }
        if let Some(names) = path(tree) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return match names.as_slice() {
                ["trigger", "to_state", "state"] => Ok("trigger.value".to_owned()),
                ["trigger", "from_state", "state"] => Ok("trigger.previous".to_owned()),
                ["trigger", "id"] => Ok("trigger.id".to_owned()),
                ["trigger", "platform"] => Ok("trigger.kind".to_owned()),
                ["trigger", "payload"] => Ok("trigger.value".to_owned()),
                ["trigger", "payload_json", rest @ ..] => Ok(part("trigger.value", rest)),
                ["trigger", "event", "data", rest @ ..] => Ok(part("trigger.value", rest)),
                ["trigger", "json", rest @ ..] => Ok(part("trigger.body", rest)),
                ["trigger", "to_state", "attributes", "friendly_name"] | ["trigger", "entity_id"] => {
                    Ok("trigger.thing".to_owned())
                }
                ["states", domain, object, "attributes", name] => {
                    Ok(format!("value('{}')", self.entities.place(&format!("{domain}.{object}"), Some(name))?))
                }
                ["repeat", "index"] => Ok("repeat.index".to_owned()),
                ["repeat", "item", rest @ ..] => Ok(part("repeat.item", rest)),
                ["wait", "completed"] => Ok("waited".to_owned()),
                [first @ ("trigger" | "this" | "states" | "wait" | "repeat"), ..] => {
                    Err(format!("{} has no counterpart", names.join(".")).replace("this.", &format!("{first}.")))
                }
                [name, rest @ ..] => Ok(part(name, rest)),
                [] => Err("an empty path".to_owned()),
            };
        }
        match tree {
            Expr::GetAttr(get) => Ok(format!("{}.{}", self.node(&get.expr, depth)?, get.name)),
            _ => Err("this has no counterpart".to_owned()),
        }
    }

    fn call(&self, call: &Call<'_>, depth: usize) -> Result<String, String> {
        let Expr::Var(variable) = &call.expr else {
            let Expr::GetAttr(get) = &call.expr else { return Err("this call has no counterpart".to_owned()) };
            let mut arguments = vec![self.node(&get.expr, depth)?];
            arguments.extend(self.arguments(&call.args, depth)?);
            return function(get.name, &arguments);
        };
        let words: Vec<Option<&str>> = call
            .args
            .iter()
            .map(|arg| match arg {
                CallArg::Pos(tree) => constant(tree),
                _ => None,
            })
            .collect();
        let place = |attribute: Option<&str>| match words.first().copied().flatten() {
            Some(entity) => self.entities.place(entity, attribute),
            None => Err(format!("{}() of an entity that is worked out has no counterpart", variable.id)),
        };
        Ok(match (variable.id, words.as_slice()) {
            ("states", [_]) => format!("value('{}')", place(None)?),
            ("has_value", [_]) => format!("known('{}')", place(None)?),
            ("state_attr", [_, Some(attribute)]) => format!("value('{}')", place(Some(attribute))?),
            ("is_state", [Some(entity), Some(state)]) => {
                let value = state_value(entity, None, &Json::String((*state).to_owned()));
                format!("(value('{}') == {})", place(None)?, value_text(&value))
            }
            ("is_state_attr", [Some(_), Some(attribute), _]) => {
                let value = self.arguments(&call.args[2..], depth)?.join("");
                format!("(value('{}') == {value})", place(Some(attribute))?)
            }
            ("float" | "int" | "bool" | "min" | "max" | "round" | "abs", _) => {
                function(variable.id, &self.arguments(&call.args, depth)?)?
            }
            (name, _) => return Err(format!("{name}() has no counterpart")),
        })
    }
}

fn function(name: &str, arguments: &[String]) -> Result<String, String> {
    let name = match name {
        "average" => "mean",
        "count" => "length",
        other => other,
    };
    match Function::find(name) {
        Some((_, least, most)) if (least..=most).contains(&arguments.len()) => {
            Ok(format!("{name}({})", arguments.join(", ")))
        }
        _ => Err(format!("the filter {name} has no counterpart")),
    }
}

fn part(of: &str, names: &[&str]) -> String {
    std::iter::once(of).chain(names.iter().copied()).collect::<Vec<_>>().join(".")
}

fn operator(op: BinOpKind) -> &'static str {
    match op {
        BinOpKind::ScAnd => "and",
        BinOpKind::ScOr => "or",
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        _ => "~",
    }
}

fn as_comparison(op: BinOpKind) -> Option<&'static str> {
    Some(match op {
        BinOpKind::Eq => "==",
        BinOpKind::Ne => "!=",
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::In => "in",
        _ => return None,
    })
}

fn comparison(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}
