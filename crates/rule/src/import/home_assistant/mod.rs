//! Automations of Home Assistant as rules, in both spellings: `trigger`, `platform`, `service` and `triggers`, `trigger`,
//! `action`. What cannot be carried over is told by line, and never silently changed: a condition that is lost becomes
//! one that is false, so that a rule does less than it did and not more.

mod actions;
mod conditions;
mod scalars;
mod triggers;

use serde_json::{Map as JsonMap, Value as Json, json};

use super::entities::Entities;
use super::{Imported, LeftOut, Report, emit, template};
use crate::problem::{Problem, ProblemSeverity};
use crate::rule::{Rule, Spot};
use crate::yaml::{self, Data, Node};

/// The longest text that is imported, in bytes.
pub const IMPORT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A property of a thing that stands for an entity: `("light-kitchen", "on")`.
pub type Mapped = (String, String);

/// What is known of the home that automations are brought into.
pub trait Home {
    /// Which property of which thing an entity (and one of its attributes) is; `None` to let it be guessed.
    fn property(&self, entity: &str, attribute: Option<&str>) -> Option<Mapped>;

    /// The entities of a domain that a target means with an area or the like; `None` when that is not known.
    fn members(&self, _group: Group<'_>, _domain: &str) -> Option<Vec<String>> {
        None
    }
}

impl<F: Fn(&str, Option<&str>) -> Option<Mapped>> Home for F {
    fn property(&self, entity: &str, attribute: Option<&str>) -> Option<Mapped> {
        self(entity, attribute)
    }
}

/// Nothing is known: all entities are guessed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmapped;

impl Home for Unmapped {
    fn property(&self, _entity: &str, _attribute: Option<&str>) -> Option<Mapped> {
        None
    }
}

/// Several entities at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group<'a> {
    /// An area by its id.
    Area(&'a str),
    /// A floor by its id.
    Floor(&'a str),
    /// All there are.
    All,
}

/// Keys of an automation that change nothing here.
const WITHOUT_EFFECT: &[&str] = &["id", "trace", "max_exceeded", "hide_entity", "initial_state"];
/// Keys of an automation that are read.
const READ: &[&str] = &[
    "alias",
    "description",
    "mode",
    "max",
    "variables",
    "trigger_variables",
    "trigger",
    "triggers",
    "condition",
    "conditions",
    "action",
    "actions",
];

/// Reads a text of automations: a list of them, one alone, or a configuration with `automation:`. An error when it is
/// no YAML.
pub fn import(text: &str, home: &dyn Home) -> Result<Report, Problem> {
    let start = Spot { path: "".into(), line: 1, column: 1 };
    if text.len() > IMPORT_BYTES_MAX {
        let message = format!("the text may be {IMPORT_BYTES_MAX} bytes long, this one has {}", text.len());
        return Err(Problem::new(ProblemSeverity::Error, &start, message));
    }
    let mut report = Report::default();
    for (line, piece) in pieces(text) {
        let root = yaml::read(piece).map_err(|fault| {
            let spot = Spot { line: fault.at.line + line, column: fault.at.column.max(1), ..start.clone() };
            let problem = Problem::new(ProblemSeverity::Error, &spot, fault.message);
            fault.hint.map_or(problem.clone(), |hint| problem.hint(hint))
        })?;
        for node in automations(&root) {
            report.items.push(automation(node, line, home));
        }
    }
    report.rules = report.items.len();
    report.whole = report.items.iter().filter(|item| item.text.is_some() && item.left_out.is_empty()).count();
    report.refused = report.items.iter().filter(|item| item.text.is_none()).count();
    report.partly = report.rules - report.whole - report.refused;
    Ok(report)
}

/// The automations of a text: it is a list of them or one alone, or a configuration with `automation:`, which may have a
/// label (`automation kitchen:`) and lie in packages.
fn automations(root: &Node) -> Vec<&Node> {
    let Some(entries) = root.entries() else { return root.items().iter().collect() };
    if let Some(packages) = root.get("homeassistant").and_then(|core| core.get("packages")).and_then(Node::entries) {
        return packages.iter().flat_map(|(_, package)| automations(package)).collect();
    }
    let is_section = |key: &str| key == "automation" || key.starts_with("automation ");
    let mut sections = entries.iter().filter(|(key, _)| is_section(&key.text)).peekable();
    if sections.peek().is_none() {
        return vec![root];
    }
    sections.flat_map(|(_, section)| section.items()).collect()
}

/// A long list is read item by item, so that the limits of one text hold for one automation: how many lines stand before
/// each piece, and the piece.
fn pieces(text: &str) -> Vec<(u32, &str)> {
    let begins = |line: &str| line.starts_with("- ");
    let lines = || text.split_inclusive('\n');
    let meaningful = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let is_list = lines().find(meaningful).is_some_and(begins)
        && lines().filter(meaningful).all(|line| line.starts_with([' ', '-']))
        && !text.contains('&');
    if !is_list {
        return vec![(0, text)];
    }
    let mut pieces: Vec<(u32, usize)> = Vec::new();
    let mut at = 0;
    for (number, line) in lines().enumerate() {
        if begins(line) {
            pieces.push((number as u32, at));
        }
        at += line.len();
    }
    let ends = pieces.iter().skip(1).map(|(_, at)| *at).chain([text.len()]).collect::<Vec<usize>>();
    pieces.into_iter().zip(ends).map(|((line, begin), end)| (line, &text[begin..end])).collect()
}

/// What is read of one automation.
struct Import<'a> {
    entities: Entities<'a>,
    /// How many lines stand before the piece that is read.
    lines_before: u32,
    carried: Vec<String>,
    left_out: Vec<LeftOut>,
    /// What has to hold beside the conditions, because a trigger excludes something.
    guards: Vec<Json>,
    /// Whether triggers without an id go by their number.
    has_ids: bool,
}

/// Whether an automation asks which of its triggers set it off by number: `condition: trigger` with `id: "0"`, or a
/// template with `trigger.id`.
fn asks_for_ids(node: &Node) -> bool {
    match &node.data {
        Data::Scalar(scalar) => scalar.text.contains("trigger.id") || scalar.text.contains("trigger.idx"),
        Data::List(items) => items.iter().any(asks_for_ids),
        Data::Map(entries) => {
            let is_asked = node.get("condition").and_then(Node::text) == Some("trigger")
                && node
                    .get("id")
                    .is_some_and(|id| id.items().iter().filter_map(Node::text).any(|id| id.parse::<usize>().is_ok()));
            is_asked || entries.iter().any(|(_, inner)| asks_for_ids(inner))
        }
    }
}

/// The entities that set an automation off, with the attributes that are looked at.
fn triggering(node: &Node) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    for trigger in node.items() {
        if let Some(inner) = trigger.get("triggers") {
            all.extend(triggering(inner));
        }
        let attribute = trigger.get("attribute").and_then(Node::text).map(str::to_owned);
        for entity in Import::entity_ids(trigger.get("entity_id")) {
            let one = (entity, attribute.clone());
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

/// A value that stands in another file, if one does beside what is read by itself (`!secret`, `!input`).
fn elsewhere(node: &Node) -> Option<&str> {
    const READ_BY_ITSELF: [&str; 14] = [
        "sequence",
        "then",
        "else",
        "choose",
        "default",
        "conditions",
        "if",
        "and",
        "or",
        "not",
        "parallel",
        "repeat",
        "triggers",
        "wait_for_trigger",
    ];
    if let Some(tag) = &node.tag {
        return Some(tag);
    }
    match &node.data {
        Data::Scalar(_) => None,
        Data::List(items) => items.iter().find_map(elsewhere),
        Data::Map(entries) => {
            let own = entries.iter().filter(|(key, _)| !READ_BY_ITSELF.contains(&key.text.as_str()));
            own.map(|(_, inner)| inner).find_map(elsewhere)
        }
    }
}

fn automation(node: &Node, lines_before: u32, home: &dyn Home) -> Imported {
    let mut import = Import {
        entities: Entities::new(home),
        lines_before,
        carried: Vec::new(),
        left_out: Vec::new(),
        guards: Vec::new(),
        has_ids: false,
    };
    let line = node.at.line + lines_before;
    let title =
        node.get("alias").and_then(Node::text).map_or_else(|| format!("Automation in line {line}"), str::to_owned);
    let text = import.rule(node, &title);
    let text = text.and_then(|text| match Rule::parse(&text) {
        parsed if parsed.rule.is_some() => Some(text),
        parsed => {
            let errors = parsed.problems.iter().filter(|problem| problem.is_error());
            for problem in errors {
                let message = format!("what came out is no rule of ours: {}: {}", problem.path, problem.message);
                import.left_out.push(LeftOut { path: String::new(), line, message });
            }
            None
        }
    });
    let Import { entities, carried, left_out, .. } = import;
    Imported { title, line, text, carried, left_out, guessed: entities.guessed() }
}

impl Import<'_> {
    /// Notes that something was not carried over.
    fn left(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        let line = node.at.line + self.lines_before;
        self.left_out.push(LeftOut { path: path.to_owned(), line, message: message.into() });
    }

    fn carry(&mut self, what: &str, sort: &str) {
        self.carried.push(format!("{what}: {sort}"));
    }

    fn rule(&mut self, node: &Node, title: &str) -> Option<String> {
        if let Some(tag) = node.tag.as_deref().filter(|tag| tag.starts_with("include")) {
            self.left(node, "", format!("!{tag} names another file; import what stands in that file"));
            return None;
        }
        let Some(entries) = node.entries() else {
            self.left(node, "", format!("an automation is a map, and this is {}", node.sort()));
            return None;
        };
        for (key, message) in [
            (
                "use_blueprint",
                "blueprints are not read; take control of the automation there, and import what it becomes",
            ),
            ("blueprint", "this is a blueprint, and no automation; import the automations that are made of it"),
        ] {
            if let Some(blueprint) = node.get(key) {
                self.left(blueprint, key, message);
                return None;
            }
        }
        for (key, value) in entries {
            let known = READ.contains(&key.text.as_str()) || WITHOUT_EFFECT.contains(&key.text.as_str());
            if !known {
                self.left(value, &key.text, format!("{} has no counterpart", key.text));
            }
        }
        let mut rule = JsonMap::new();
        rule.insert("rule".into(), title.trim().chars().take(200).collect::<String>().into());
        if let Some(text) = node.get("description").and_then(Node::text).filter(|text| !text.trim().is_empty()) {
            rule.insert("description".into(), text.replace("${", "$ {").into());
        }
        self.mode(node, &mut rule);
        let either = |new: &'static str, old: &'static str| match node.get(new) {
            Some(found) => Some((new, found)),
            None => node.get(old).map(|found| (old, found)),
        };
        let triggers = either("triggers", "trigger");
        self.has_ids = asks_for_ids(node);
        self.entities.set_off_by(triggers.map(|(_, node)| triggering(node)).unwrap_or_default());
        let mut variables = JsonMap::new();
        for key in ["trigger_variables", "variables"] {
            if let Some(node) = node.get(key) {
                variables.extend(self.variables(node, key));
            }
        }
        if !variables.is_empty() {
            rule.insert("variables".into(), Json::Object(variables));
        }
        let triggers = triggers.map(|(path, node)| self.own_triggers(node, path)).unwrap_or_default();
        let conditions = either("conditions", "condition").map(|(path, node)| self.conditions(node, path));
        let mut conditions = conditions.unwrap_or_default();
        conditions.splice(0..0, std::mem::take(&mut self.guards));
        let actions = either("actions", "action").map(|(path, node)| self.actions(node, path)).unwrap_or_default();
        if triggers.is_empty() || actions.is_empty() {
            let what = if triggers.is_empty() { "trigger" } else { "action" };
            self.left(node, "", format!("no {what} could be carried over"));
            return None;
        }
        rule.insert("triggers".into(), Json::Array(triggers));
        if !conditions.is_empty() {
            rule.insert("conditions".into(), Json::Array(conditions));
        }
        rule.insert("actions".into(), Json::Array(actions));
        Some(emit::document(&rule))
    }

    fn mode(&mut self, node: &Node, rule: &mut JsonMap<String, Json>) {
        let Some(mode) = node.get("mode") else { return };
        match mode.text() {
            Some(word @ ("single" | "restart" | "queued" | "parallel")) => {
                if word != "single" {
                    rule.insert("mode".into(), word.into());
                }
                let max = node.get("max").and_then(|max| max.to_json().as_i64());
                if let Some(max) = max.filter(|_| matches!(word, "queued" | "parallel")) {
                    rule.insert("max".into(), max.clamp(1, i64::from(crate::limits::RUNS_MAX)).into());
                }
            }
            _ => self.left(mode, "mode", "there is no such mode"),
        }
    }

    fn variables(&mut self, node: &Node, path: &str) -> JsonMap<String, Json> {
        let mut variables = JsonMap::new();
        for (key, value) in node.entries().unwrap_or_default() {
            match self.value(value) {
                Ok(value) => drop(variables.insert(key.text.clone(), value)),
                Err(message) => self.left(value, &format!("{path}.{}", key.text), message),
            }
        }
        variables
    }

    /// Refuses a part with a value that stands in another file.
    fn whole_here(node: &Node) -> Result<(), String> {
        elsewhere(node).map_or(Ok(()), |tag| Err(format!("!{tag} stands for something elsewhere; write it down here")))
    }

    /// A value with its templates translated.
    fn value(&self, node: &Node) -> Result<Json, String> {
        if let Some(tag) = &node.tag {
            return Err(format!("!{tag} has no counterpart"));
        }
        Ok(match &node.data {
            Data::Scalar(scalar) if template::is_template(&scalar.text) => {
                template::text(&scalar.text, &self.entities)?.into()
            }
            Data::Scalar(scalar) => match scalar.value() {
                Json::String(text) => text.replace("${", "$${").into(),
                other => other,
            },
            Data::List(items) => Json::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, String>>()?),
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, item)| Ok((key.text.clone(), self.value(item)?)));
                Json::Object(entries.collect::<Result<_, String>>()?)
            }
        })
    }

    /// Whether a part is switched off; then it is told and passed over.
    fn is_off(&mut self, node: &Node, path: &str) -> bool {
        let off = node.get("enabled").is_some_and(|enabled| enabled.to_json() == json!(false));
        if off {
            self.left(node, path, "it was switched off");
        }
        off
    }
}
