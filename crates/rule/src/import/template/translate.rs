//! Expressions of Home Assistant as ours.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};
use serde_json::Value as Json;

use super::DEPTH_MAX;
use crate::expression::functions::Function;
use crate::import::entities::{Entities, is_sun, state_value, state_words};

/// Translates what stands within `{{ … }}`.
pub(super) struct Translation<'a> {
    pub(super) entities: &'a Entities<'a>,
    /// What `{% set … %}` has set before.
    pub(super) set: &'a BTreeMap<String, String>,
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value as it is written in an expression.
pub(in crate::import) fn value_text(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// The text of a constant.
pub(super) fn constant<'t>(tree: &'t Expr<'_>) -> Option<&'t str> {
    match tree {
        Expr::Const(constant) => constant.value.as_str(),
        _ => None,
    }
}

/// The names of a path: `trigger.to_state.state`.
pub(super) fn path(tree: &Expr<'_>) -> Option<Vec<String>> {
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

/// A call of a name: which, and with what.
pub(super) fn call_of<'t>(tree: &'t Expr<'_>) -> Option<(&'t str, &'t [CallArg<'t>])> {
    match tree {
        Expr::Call(call) => match &call.expr {
            Expr::Var(variable) => Some((variable.id, call.args.as_slice())),
            _ => None,
        },
        _ => None,
    }
}

/// A call of a method: of what, which, and with what.
pub(super) fn method_of<'t>(tree: &'t Expr<'_>) -> Option<(&'t Expr<'t>, &'t str, &'t [CallArg<'t>])> {
    match tree {
        Expr::Call(call) => match &call.expr {
            Expr::GetAttr(get) => Some((&get.expr, get.name, call.args.as_slice())),
            _ => None,
        },
        _ => None,
    }
}

impl Translation<'_> {
    /// A part with brackets around it, to stand for a name.
    pub(super) fn bracketed(&self, tree: &Expr<'_>) -> Result<String, String> {
        Ok(format!("({})", self.node(tree, 0)?))
    }

    /// A part that decides.
    pub(super) fn truth(&self, tree: &Expr<'_>) -> Result<String, String> {
        self.operand(tree, 0)
    }

    /// The words that a choice between words comes to, each with its condition.
    pub(super) fn words(&self, tree: &Expr<'_>) -> Option<Vec<(Option<String>, String)>> {
        match tree {
            Expr::IfExpr(choice) => {
                let word = constant(&choice.true_expr)?.to_owned();
                let mut all = vec![(Some(self.truth(&choice.test_expr).ok()?), word)];
                all.extend(self.words(choice.false_expr.as_ref()?)?);
                Some(all)
            }
            other => Some(vec![(None, constant(other)?.to_owned())]),
        }
    }

    /// What the state of an entity is called when it is on and off, for those that are true and false here.
    pub(super) fn state_words(&self, tree: &Expr<'_>) -> Option<(&'static str, &'static str)> {
        if let Some(entity) = Self::state_of(tree) {
            return state_words(&entity);
        }
        Self::trigger_state(tree)?;
        let all: Vec<_> = self.entities.triggering().iter().map(|(entity, _)| state_words(entity)).collect();
        let first = all.first().copied().flatten()?;
        all.iter().all(|words| *words == Some(first)).then_some(first)
    }

    /// The state of what set the rule off, now or before.
    fn trigger_state(tree: &Expr<'_>) -> Option<&'static str> {
        if let Some(("states", [CallArg::Pos(entity)])) = call_of(tree) {
            let names = path(entity)?;
            return (names == ["trigger", "entity_id"]).then_some("trigger.value");
        }
        let names = path(tree)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["trigger", "to_state", "state"] => Some("trigger.value"),
            ["trigger", "from_state", "state"] => Some("trigger.previous"),
            _ => None,
        }
    }

    pub(super) fn node(&self, tree: &Expr<'_>, depth: usize) -> Result<String, String> {
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
                name => self.set.get(name).cloned().unwrap_or_else(|| name.to_owned()),
            },
            Expr::UnaryOp(op) => {
                let inner = self.node(&op.expr, deeper)?;
                match op.op {
                    UnaryOpKind::Not => format!("not ({inner})"),
                    UnaryOpKind::Neg => format!("-({inner})"),
                }
            }
            Expr::BinOp(op) => {
                if let Some(span) = self.span(tree) {
                    return Ok(span);
                }
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
                function(filter.name, arguments)?
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
            Expr::Call(call) => {
                if let Some(found) = self.span(tree) {
                    return Ok(found);
                }
                if let Some(found) = Self::present(tree) {
                    return found;
                }
                if let Some(state) = Self::trigger_state(tree) {
                    return self.of_trigger(state);
                }
                self.call(call, deeper)?
            }
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

    /// A comparison; `'on'` against the state of a light becomes `true`, and what is not known is equal to nothing else.
    fn compare(&self, left: &Expr<'_>, op: &str, right: &Expr<'_>, depth: usize) -> Result<String, String> {
        for read in [Self::moment, Self::span] {
            if let (Some(left), Some(right)) = (read(self, left), read(self, right)) {
                return Ok(format!("{left} {op} {right}"));
            }
        }
        let is_equality = matches!(op, "==" | "!=" | "in" | "not in");
        let side = |tree: &Expr<'_>, other: &Expr<'_>| {
            let words = |word: &str| self.states_for(other, word);
            match tree {
                Expr::Const(_) if let Some(found) = constant(tree).and_then(words) => Ok(found),
                Expr::List(list) => {
                    let items = list.items.iter().map(|item| match constant(item).and_then(words) {
                        Some(found) => Ok(found),
                        None => self.node(item, depth),
                    });
                    Ok(format!("[{}]", items.collect::<Result<Vec<_>, String>>()?.join(", ")))
                }
                _ => match Self::state_of(tree).filter(|_| is_equality) {
                    Some(entity) if !is_sun(&entity) => {
                        Ok(format!("value('{}', none)", self.entities.place(&entity, None)?))
                    }
                    _ => self.operand(tree, depth),
                },
            }
        };
        Ok(format!("{} {op} {}", side(left, right)?, side(right, left)?))
    }

    /// What a word is as a state of what it is compared with; `None` when that is no state.
    fn states_for(&self, other: &Expr<'_>, word: &str) -> Option<String> {
        let value = |entity: &str| value_text(&state_value(entity, None, &Json::String(word.to_owned())));
        if let Some(entity) = Self::state_of(other) {
            let is_up = || (word == "above_horizon").to_string();
            return Some(if is_sun(&entity) { is_up() } else { value(&entity) });
        }
        Self::trigger_state(other)?;
        let mut values: Vec<String> = self.entities.triggering().iter().map(|(entity, _)| value(entity)).collect();
        values.sort();
        values.dedup();
        match values.as_slice() {
            [one] => Some(one.clone()),
            _ if matches!(word, "unknown" | "unavailable") => Some("none".to_owned()),
            // Things of several sorts set the rule off, and say it in different ways.
            _ => None,
        }
    }

    fn arguments(&self, args: &[CallArg<'_>], depth: usize) -> Result<Vec<String>, String> {
        args.iter()
            .map(|arg| match arg {
                CallArg::Pos(tree) => self.node(tree, depth),
                CallArg::Kwarg("default" | "precision", tree) => self.node(tree, depth),
                _ => Err("named arguments have no counterpart".to_owned()),
            })
            .collect()
    }

    fn attribute(&self, tree: &Expr<'_>, depth: usize) -> Result<String, String> {
        if let Some(entity) = Self::state_of(tree) {
            return self.state(&entity);
        }
        if let Some(span) = self.span(tree) {
            return Ok(span);
        }
        if let Some(state) = Self::trigger_state(tree) {
            return self.of_trigger(state);
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
                ["trigger", "to_state"] => Ok("trigger.value".to_owned()),
                ["trigger", "from_state"] => Ok("trigger.previous".to_owned()),
                ["trigger", "to_state", "attributes", name] if *name != "friendly_name" => self.trigger_attribute(name),
                ["trigger", "id"] => Ok("trigger.id".to_owned()),
                ["trigger", "platform"] => Ok("trigger.kind".to_owned()),
                ["trigger", "payload"] => Ok("trigger.value".to_owned()),
                ["trigger", "payload_json", rest @ ..] => Ok(part("trigger.value", rest)),
                ["trigger", "event", "data", rest @ ..] => Ok(part("trigger.value", rest)),
                ["trigger", "json", rest @ ..] => Ok(part("trigger.body", rest)),
                ["trigger", "to_state" | "from_state", "attributes", "friendly_name"]
                | ["trigger", "to_state" | "from_state", "name" | "entity_id" | "object_id"]
                | ["trigger", "entity_id"] => Ok("trigger.thing".to_owned()),
                ["states", domain, object, "attributes", name] => {
                    self.attribute_of(&format!("{domain}.{object}"), name)
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

    /// The state of an entity.
    fn state(&self, entity: &str) -> Result<String, String> {
        if is_sun(entity) {
            return Ok("sun.up".to_owned());
        }
        Ok(format!("value('{}')", self.entities.place(entity, None)?))
    }

    /// An attribute of an entity. Home Assistant counts brightness to 255, and we in per cent.
    fn attribute_of(&self, entity: &str, attribute: &str) -> Result<String, String> {
        match (entity, attribute) {
            ("sun.sun", "elevation") => Ok("sun.elevation".to_owned()),
            ("sun.sun", other) => Err(format!("{other} of the sun has no counterpart")),
            (_, "brightness") => Ok(format!("(value('{}') * 2.55)", self.entities.place(entity, Some(attribute))?)),
            _ => Ok(format!("value('{}')", self.entities.place(entity, Some(attribute))?)),
        }
    }

    /// The state of what set the rule off: what the trigger looked at, if that is the state.
    fn of_trigger(&self, state: &str) -> Result<String, String> {
        match self.entities.triggering() {
            [(entity, Some(_))] if state == "trigger.value" => self.state(entity),
            all if all.iter().any(|(_, attribute)| attribute.is_some()) => {
                Err("the state of what set it off is not known when attributes do".to_owned())
            }
            _ => Ok(state.to_owned()),
        }
    }

    fn trigger_attribute(&self, attribute: &str) -> Result<String, String> {
        match self.entities.triggering() {
            [(_, Some(own))] if own == attribute => Ok("trigger.value".to_owned()),
            [(entity, _)] => self.attribute_of(entity, attribute),
            _ => Err(format!("the attribute {attribute} of what set it off has no counterpart when several things do")),
        }
    }

    /// `is_state('light.a', 'on')`, of several states too, and of what set the rule off.
    fn is_state(&self, arguments: &[CallArg<'_>], depth: usize) -> Result<String, String> {
        let [CallArg::Pos(entity), CallArg::Pos(state)] = arguments else {
            return Err("is_state() wants an entity and a state".to_owned());
        };
        let op = if matches!(state, Expr::List(_)) { "in" } else { "==" };
        let Some(name) = constant(entity) else {
            let is_trigger = path(entity).is_some_and(|names| names == ["trigger", "entity_id"]);
            if !is_trigger {
                return Err("is_state() of an entity that is worked out has no counterpart".to_owned());
            }
            let values: Vec<Option<&str>> = match state {
                Expr::List(list) => list.items.iter().map(constant).collect(),
                other => vec![constant(other)],
            };
            let own = |word: &str| {
                let all = self.entities.triggering().iter();
                all.map(|(entity, _)| value_text(&state_value(entity, None, &Json::String(word.to_owned())))).collect()
            };
            let values = values.into_iter().map(|word| word.map(own)).collect::<Option<Vec<Vec<String>>>>();
            let mut values = values.ok_or("a state that is worked out has no counterpart")?.concat();
            values.sort();
            values.dedup();
            return Ok(format!("({} in [{}])", self.of_trigger("trigger.value")?, values.join(", ")));
        };
        if is_sun(name) {
            return match constant(state) {
                Some("above_horizon") => Ok("sun.up".to_owned()),
                Some("below_horizon") => Ok("(not sun.up)".to_owned()),
                _ => Err("the sun is above_horizon or below_horizon".to_owned()),
            };
        }
        let value = |tree: &Expr<'_>| match constant(tree) {
            Some(word) => Ok(value_text(&state_value(name, None, &Json::String(word.to_owned())))),
            None => self.operand(tree, depth),
        };
        let wanted = match state {
            Expr::List(list) => {
                let items = list.items.iter().map(value).collect::<Result<Vec<_>, String>>()?;
                format!("[{}]", items.join(", "))
            }
            other => value(other)?,
        };
        Ok(format!("(value('{}', none) {op} {wanted})", self.entities.place(name, None)?))
    }

    fn call(&self, call: &Call<'_>, depth: usize) -> Result<String, String> {
        let deeper = depth + 1;
        let Expr::Var(variable) = &call.expr else {
            let Expr::GetAttr(get) = &call.expr else { return Err("this call has no counterpart".to_owned()) };
            if get.name == "total_seconds" && matches!(get.expr, Expr::BinOp(_)) {
                return Err("a span between these two has no counterpart".to_owned());
            }
            let mut arguments = vec![self.node(&get.expr, depth)?];
            arguments.extend(self.arguments(&call.args, depth)?);
            return function(get.name, arguments);
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
            ("states", [_, ..]) => {
                self.state(words[0].ok_or("states() of an entity that is worked out has no counterpart")?)?
            }
            ("has_value", [_]) => format!("known('{}')", place(None)?),
            ("state_attr", [Some(entity), Some(attribute)]) => self.attribute_of(entity, attribute)?,
            ("is_state", [_, _]) => self.is_state(&call.args, deeper)?,
            ("is_state_attr", [Some(entity), Some(attribute), _]) => {
                let value = self.arguments(&call.args[2..], deeper)?.join("");
                format!("({} == {value})", self.attribute_of(entity, attribute)?.replace("')", "', none)"))
            }
            ("is_number", [_]) => format!("({} is number)", self.arguments(&call.args, deeper)?.join("")),
            ("iif", _) => match call.args.as_slice() {
                [CallArg::Pos(test), CallArg::Pos(then), CallArg::Pos(otherwise), ..] => {
                    let (then, otherwise) = (self.operand(then, deeper)?, self.operand(otherwise, deeper)?);
                    format!("{then} if {} else {otherwise}", self.operand(test, deeper)?)
                }
                _ => return Err("iif() wants a condition and two values".to_owned()),
            },
            ("float" | "int" | "bool" | "min" | "max" | "round" | "abs", _) => {
                function(variable.id, self.arguments(&call.args, depth)?)?
            }
            (name, _) => return Err(format!("{name}() has no counterpart")),
        })
    }
}

/// A function or filter, by the name that it has there.
fn function(name: &str, mut arguments: Vec<String>) -> Result<String, String> {
    let way = match (name, arguments.get(2).or(arguments.get(1)).map(String::as_str)) {
        ("round", Some("'floor'")) => "floor",
        ("round", Some("'ceil'")) => "ceil",
        ("average" | "mean", _) => "mean",
        ("count", _) => "length",
        ("default" | "d", _) => "default",
        ("capitalize" | "title", _) => return Err(format!("the filter {name} has no counterpart")),
        _ => name,
    };
    match (way, arguments.as_slice()) {
        ("floor" | "ceil", [_, digits, _]) if digits != "0" => {
            return Err("rounding down or up to digits has no counterpart".to_owned());
        }
        ("floor" | "ceil", [_, _, ..]) => arguments.truncate(1),
        // The third says what is taken for empty.
        ("default", [_, _, _]) => arguments.truncate(2),
        ("multiply", [a, b]) => return Ok(format!("({a} * {b})")),
        ("add", [a, b]) => return Ok(format!("({a} + {b})")),
        ("first", [list]) => return Ok(format!("{list}[0]")),
        ("last", [list]) => return Ok(format!("{list}[-1]")),
        ("is_number", [value]) => return Ok(format!("({value} is number)")),
        ("list", [list]) => return Ok(list.clone()),
        ("iif", [test, then, otherwise]) => return Ok(format!("{then} if {test} else {otherwise}")),
        _ => {}
    }
    match Function::find(way) {
        Some((_, least, most)) if (least..=most).contains(&arguments.len()) => {
            Ok(format!("{way}({})", arguments.join(", ")))
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
