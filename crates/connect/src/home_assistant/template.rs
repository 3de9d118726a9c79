//! Templates of discovery messages: the part of Jinja2 that producers use, decided when a thing is discovered.
//!
//! A template that we do not know to render as Home Assistant does is refused with a reason, and never rendered.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value as Json};

use super::{filters, lexer, python};

/// The longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;

/// The most different templates kept.
pub const TEMPLATES_MAX: usize = 20_000;

/// How many steps one rendering may take.
pub const TEMPLATE_FUEL: u64 = 50_000;

/// The longest text that one rendering may give, in bytes.
const RENDERED_BYTES_MAX: usize = 256 << 10;

/// Variables that value and command templates get.
const VARIABLES: &[&str] = &["value", "value_json"];

/// A template that can be rendered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Template {
    /// `{{ value }}`.
    Whole,
    /// `{{ value_json.a['b'] }}`, which is what nearly all of them are.
    Path(Arc<[Step]>),
    /// Anything else: its name in the environment.
    Jinja(Arc<str>),
}

/// One step into a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Member(String),
    Item(usize),
}

/// What a payload says through a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rendered {
    /// Nothing: the payload is about something else.
    Nothing,
    /// Text, as Home Assistant would see it.
    Text(String),
    /// A JSON value taken as it is.
    Json(Json),
}

impl Rendered {
    /// The text as Home Assistant would see it; `None` for nothing.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text),
            Self::Json(json) => Some(python::text_of(&json)),
        }
    }
}

/// A payload, parsed when first needed and then shared by all templates.
pub(super) struct Payload<'a> {
    text: &'a str,
    json: OnceCell<Option<Json>>,
    value: OnceCell<Value>,
}

impl<'a> Payload<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, json: OnceCell::new(), value: OnceCell::new() }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn json(&self) -> Option<&Json> {
        self.json.get_or_init(|| serde_json::from_str(self.text).ok()).as_ref()
    }

    fn value(&self) -> Value {
        self.value.get_or_init(|| self.json().map_or(Value::UNDEFINED, Value::from_serialize)).clone()
    }
}

/// All templates in use, each kept once.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    by_source: HashMap<Arc<str>, Result<Template, String>, ahash::RandomState>,
}

impl Templates {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_fuel(Some(TEMPLATE_FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_formatter(|out, _, value| Ok(std::fmt::Write::write_str(out, &python::text(value))?));
        filters::add_to(&mut environment);
        Self { environment, by_source: HashMap::default() }
    }

    /// The template of this source, or why it cannot be used. `variables` are known beside the usual ones.
    pub(super) fn get(&mut self, source: &str, variables: &[&str]) -> Result<Template, String> {
        if let Some(known) = self.by_source.get(source) {
            return known.clone();
        }
        if self.by_source.len() >= TEMPLATES_MAX {
            return Err(format!("{TEMPLATES_MAX} different templates are in use already"));
        }
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("{} bytes, at most {TEMPLATE_BYTES_MAX} are accepted", source.len()));
        }
        let source: Arc<str> = Arc::from(source);
        let template = match simple(&source) {
            Some(template) => Ok(template),
            None => self.compile(&source, variables),
        };
        self.by_source.insert(source, template.clone());
        template
    }

    fn compile(&mut self, source: &Arc<str>, variables: &[&str]) -> Result<Template, String> {
        lexer::check(source)?;
        let name: Arc<str> = Arc::from(format!("template {}", self.by_source.len()));
        self.environment
            .add_template_owned(name.to_string(), source.to_string())
            .map_err(|error| error.detail().map_or_else(|| error.to_string(), str::to_owned))?;
        let undeclared =
            self.environment.get_template(&name).map_err(|error| error.to_string())?.undeclared_variables(false);
        let mut unknown: Vec<&String> = undeclared
            .iter()
            .filter(|variable| {
                let variable = variable.as_str();
                !VARIABLES.contains(&variable) && !variables.contains(&variable) && !filters::is_global(variable)
            })
            .collect();
        unknown.sort_unstable();
        match unknown.first() {
            None => Ok(Template::Jinja(name)),
            Some(unknown) => {
                let problem = format!("{unknown} is not available");
                self.environment.remove_template(&name);
                Err(problem)
            }
        }
    }

    /// What a payload says through a template.
    pub(super) fn read(&self, template: &Template, payload: &Payload<'_>) -> Result<Rendered, String> {
        match template {
            Template::Whole => Ok(Rendered::Text(payload.text.to_owned())),
            Template::Path(steps) => match payload.json() {
                None => Err("the payload is not JSON".to_owned()),
                Some(json) => Ok(follow(json, steps).map_or(Rendered::Nothing, |json| Rendered::Json(json.clone()))),
            },
            Template::Jinja(name) => {
                let context = Value::from_iter([("value", Value::from(payload.text)), ("value_json", payload.value())]);
                let text = self.render(name, context)?;
                Ok(if text.is_empty() { Rendered::Nothing } else { Rendered::Text(text) })
            }
        }
    }

    /// The payload of a command.
    pub(super) fn write(&self, template: &Template, variables: &Map<String, Json>) -> Result<String, String> {
        match template {
            Template::Whole => Ok(variables.get("value").map(python::text_of).unwrap_or_default()),
            Template::Path(_) => Err("a command has no value_json".to_owned()),
            Template::Jinja(name) => self.render(name, Value::from_serialize(variables)),
        }
    }

    fn render(&self, name: &str, context: Value) -> Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| error.to_string())?;
        let text = template.render(context).map_err(|error| {
            let detail = error.detail().unwrap_or_default();
            let separator = if detail.is_empty() { "" } else { ": " };
            format!("{}{separator}{detail}", error.kind())
        })?;
        if text.len() > RENDERED_BYTES_MAX {
            return Err(format!("gives {} bytes, at most {RENDERED_BYTES_MAX} are accepted", text.len()));
        }
        Ok(text.trim().to_owned())
    }
}

fn follow<'a>(json: &'a Json, steps: &[Step]) -> Option<&'a Json> {
    steps.iter().try_fold(json, |json, step| match step {
        Step::Member(name) => json.get(name),
        Step::Item(index) => json.get(index),
    })
}

/// The template of a source that needs no Jinja.
fn simple(source: &str) -> Option<Template> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
    if inner == "value" {
        return Some(Template::Whole);
    }
    let mut rest = inner.strip_prefix("value_json")?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = step(rest)?;
        steps.push(step);
        rest = after;
    }
    (!steps.is_empty()).then(|| Template::Path(steps.into()))
}

/// `.name`, `['name']`, `["name"]` or `[0]`, and what follows.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        // A dictionary's methods win over its members in Python.
        let method = matches!(name, "items" | "keys" | "values" | "get" | "copy" | "pop" | "update" | "clear");
        let member = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        return (member && !method).then(|| (Step::Member(name.to_owned()), after));
    }
    let (inner, after) = text.strip_prefix('[')?.split_once(']')?;
    let inner = inner.trim();
    if let Ok(index) = inner.parse() {
        return Some((Step::Item(index), after));
    }
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = inner[1..].strip_suffix(quote)?;
    (!name.contains([quote, '\\'])).then(|| (Step::Member(name.to_owned()), after))
}
