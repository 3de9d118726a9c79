//! From text to rule: YAML in, every problem out, with line and column.

mod actions;
mod conditions;
mod scalars;
mod tests_of_rules;
mod triggers;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::RecordKind;

use crate::expression::{Environment, Expression, References, SyntaxFault, Template, Type};
use crate::hint::did_you_mean;
use crate::limits::{
    ACTIONS_MAX, CONDITIONS_MAX, NAME_BYTES_MAX, PROBLEMS_MAX, RUNS_DEFAULT, RUNS_MAX, TEXT_BYTES_MAX, TRIGGERS_MAX,
    VARIABLES_MAX,
};
use crate::problem::{Problem, ProblemSeverity};
use crate::rule::{Condition, ConditionKind, Mode, Parsed, Rule, Spot, Variable};
use crate::walk;
use crate::yaml::{self, Data, Key, Node};

const KEYS: &[&str] =
    &["rule", "description", "mode", "max", "variables", "triggers", "conditions", "actions", "tests"];

/// Reads a rule.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    let rule = reader.document(text);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    problems.truncate(PROBLEMS_MAX);
    let rule = rule.filter(|_| !problems.iter().any(Problem::is_error));
    Parsed { rule: rule.map(Arc::new), problems }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    references: References,
    triggers: usize,
    conditions: usize,
    actions: usize,
}

/// The entries of a map whose keys are known.
struct Fields<'n> {
    path: String,
    node: &'n Node,
}

impl<'n> Fields<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key)
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn spot(node: &Node, path: &str) -> Spot {
    Spot { path: path.into(), line: node.at.line, column: node.at.column }
}

fn key_spot(key: &Key, path: &str) -> Spot {
    Spot { path: path.into(), line: key.at.line, column: key.at.column }
}

impl Reader {
    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn error(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        self.tell(Problem::new(ProblemSeverity::Error, &spot(node, path), message));
    }

    fn error_with(&mut self, node: &Node, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.tell(Problem::new(ProblemSeverity::Error, &spot(node, path), message).hint(hint));
    }

    fn document(&mut self, text: &str) -> Option<Rule> {
        let start = Spot { path: Arc::from(""), line: 1, column: 1 };
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the text may be {TEXT_BYTES_MAX} bytes long, this one has {}", text.len());
            self.tell(Problem::new(ProblemSeverity::Error, &start, message));
            return None;
        }
        let root = match yaml::read(text) {
            Ok(root) => root,
            Err(fault) => {
                let at = Spot { line: fault.at.line.max(1), column: fault.at.column.max(1), ..start };
                let mut problem = Problem::new(ProblemSeverity::Error, &at, fault.message);
                problem.hint = fault.hint;
                self.tell(problem);
                return None;
            }
        };
        if matches!(root.data, Data::List(_)) {
            let hint = "one text holds one rule and begins with rule: and its title";
            self.error_with(&root, "", "this is a list, and a rule is a map", hint);
            return None;
        }
        let fields = self.fields(&root, "", KEYS)?;
        self.rule(&fields)
    }

    fn rule(&mut self, fields: &Fields<'_>) -> Option<Rule> {
        let title = match fields.get("rule") {
            Some(node) => self.name(node, "rule"),
            None => {
                self.error_with(fields.node, "rule", "the rule has no title", "begin with rule: and a title");
                None
            }
        };
        let description = fields.get("description").and_then(|node| self.words(node, "description"));
        let mode = fields.get("mode").and_then(|node| {
            let names: Vec<&str> = Mode::NAMES.iter().map(|(name, _)| *name).collect();
            let name = self.one_of(node, "mode", "mode", &names)?;
            Mode::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
        });
        let mode = mode.unwrap_or_default();
        let max = fields.get("max").and_then(|node| {
            if matches!(mode, Mode::Single | Mode::Restart) {
                let problem = Problem::new(
                    ProblemSeverity::Warning,
                    &spot(node, "max"),
                    format!("max means nothing in the mode {}", mode.as_str()),
                );
                self.tell(problem.hint("it is for queued and parallel"));
            }
            self.whole(node, "max", 1, i64::from(RUNS_MAX)).map(|max| max as u32)
        });
        let variables = fields.get("variables").map(|node| self.variables(node, "variables")).unwrap_or_default();
        let triggers = fields.get("triggers").map(|node| self.triggers(node, "triggers")).unwrap_or_default();
        if triggers.is_empty() && self.triggers == 0 {
            let hint = "add triggers: with at least one of property, time, every, sun, calendar, event, insight, forecast, webhook, presence, expression";
            self.error_with(fields.node, "triggers", "nothing sets the rule off", hint);
        }
        let conditions =
            fields.get("conditions").map(|node| self.conditions(node, "conditions", 0)).unwrap_or_default();
        let actions = fields.get("actions").map(|node| self.actions(node, "actions", 0)).unwrap_or_default();
        if actions.is_empty() && self.actions == 0 {
            let hint = "add actions: with at least one of set, action, scene, notify, alarm, policy";
            self.error_with(fields.node, "actions", "the rule does nothing", hint);
        }
        self.too_many(fields.node, "triggers", self.triggers, TRIGGERS_MAX);
        self.too_many(fields.node, "conditions", self.conditions, CONDITIONS_MAX);
        self.too_many(fields.node, "actions", self.actions, ACTIONS_MAX);
        let tests = fields.get("tests").map(|node| self.tests(node, "tests")).unwrap_or_default();
        let rule = Rule {
            title: title?,
            description: description.unwrap_or_default(),
            mode,
            max: max.unwrap_or(RUNS_DEFAULT),
            variables,
            triggers,
            conditions,
            actions,
            tests,
            references: std::mem::take(&mut self.references.list),
        };
        let unbound = Environment::of_rule(&rule, &|_| Type::Any);
        self.problems.extend(type_problems(&rule, unbound));
        self.trigger_ids(&rule);
        Some(rule)
    }

    fn too_many(&mut self, node: &Node, what: &str, count: usize, most: usize) {
        if count > most {
            self.error(node, what, format!("a rule may have {most} {what}, this one has {count}"));
        }
    }

    /// Ids of triggers are told apart, and conditions name those that there are.
    fn trigger_ids(&mut self, rule: &Rule) {
        let mut ids: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        for trigger in walk::triggers(rule) {
            let Some(id) = &trigger.id else { continue };
            if let Some(line) = ids.insert(Arc::clone(id), trigger.spot.line) {
                let message = format!("the id {id} is taken by the trigger in line {line}");
                self.tell(Problem::new(ProblemSeverity::Error, &trigger.spot, message));
            }
        }
        walk::conditions(rule, &mut |condition: &Condition| {
            let ConditionKind::Trigger { ids: named } = &condition.kind else { return };
            for id in named.iter().filter(|id| !ids.contains_key(*id)) {
                let mut problem = Problem::new(
                    ProblemSeverity::Error,
                    &condition.spot,
                    format!("there is no trigger with the id {id}"),
                );
                problem.hint = did_you_mean(id, ids.keys().map(|id| &**id))
                    .or_else(|| Some("give a trigger an id: to name it here".to_owned()));
                self.tell(problem);
            }
        });
    }

    /// The entries of a map, after its keys were looked at.
    fn fields<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<Fields<'n>> {
        let Some(entries) = node.entries() else {
            self.error_with(node, path, format!("a map is wanted here, and this is {}", node.sort()), {
                format!("it may have {}", known.join(", "))
            });
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let mut problem =
                Problem::new(ProblemSeverity::Error, &key_spot(key, path), format!("{:?} is not known here", key.text));
            problem.hint = did_you_mean(&key.text, known.iter().copied());
            self.tell(problem);
        }
        Some(Fields { path: path.to_owned(), node })
    }

    /// Which of some kinds a map is, by the one key that says so.
    fn kind_of(&mut self, node: &Node, path: &str, what: &str, kinds: &[&'static str]) -> Option<&'static str> {
        let Some(entries) = node.entries() else {
            let hint = format!("{what} is one of {}", kinds.join(", "));
            self.error_with(node, path, format!("{what} is a map, and this is {}", node.sort()), hint);
            return None;
        };
        let found: Vec<&'static str> = kinds.iter().copied().filter(|kind| node.get(kind).is_some()).collect();
        match found.as_slice() {
            [kind] => Some(kind),
            [] => {
                let first = entries.first().map_or("", |(key, _)| key.text.as_str());
                let hint = did_you_mean(first, kinds.iter().copied());
                let at = entries.first().map_or(spot(node, path), |(key, _)| key_spot(key, path));
                let mut problem = Problem::new(ProblemSeverity::Error, &at, format!("{first:?} is no {what}"));
                problem.hint = hint;
                self.tell(problem);
                None
            }
            [first, second, ..] => {
                let hint = "make two of them, each after a dash of its own";
                self.error_with(node, path, format!("{first} and {second} cannot stand in one {what}"), hint);
                None
            }
        }
    }

    fn variables(&mut self, node: &Node, path: &str) -> Vec<Variable> {
        let Some(entries) = node.entries() else {
            self.error(node, path, format!("variables are a map of names and values, and this is {}", node.sort()));
            return Vec::new();
        };
        self.too_many(node, path, entries.len(), VARIABLES_MAX);
        let mut variables = Vec::new();
        for (key, value) in entries {
            let path = format!("{path}.{}", key.text);
            let is_word = key.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && key.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && key.text.len() <= NAME_BYTES_MAX;
            let is_taken = matches!(
                key.text.as_str(),
                "now"
                    | "sun"
                    | "trigger"
                    | "repeat"
                    | "true"
                    | "false"
                    | "none"
                    | "and"
                    | "or"
                    | "not"
                    | "in"
                    | "if"
                    | "else"
                    | "is"
            );
            if !is_word || is_taken {
                let why = if is_taken { "has a meaning of its own" } else { "is no name of letters, digits and _" };
                let message = format!("a variable cannot be called {:?}: it {why}", key.text);
                self.tell(Problem::new(ProblemSeverity::Error, &key_spot(key, &path), message));
                continue;
            }
            if let Some(template) = self.template(value, &path) {
                variables.push(Variable {
                    spot: key_spot(key, &path),
                    name: key.text.as_str().into(),
                    value: template,
                });
            }
        }
        variables
    }

    /// A reference to a property, event or insight.
    fn refer(&mut self, node: &Node, path: &str, kind: RecordKind) -> Option<crate::rule::Reference> {
        let Some(text) = node.text() else {
            self.error_with(
                node,
                path,
                format!("a place in a thing is wanted, and this is {}", node.sort()),
                "write thing/name",
            );
            return None;
        };
        match crate::expression::split_reference(text) {
            Ok((thing, name)) => Some(self.references.refer(kind, thing, name, &spot(node, path))),
            Err(message) => {
                self.error(node, path, message);
                None
            }
        }
    }
}

/// What is wrong with the types of a rule's expressions.
pub(crate) fn type_problems(rule: &Rule, mut environment: Environment<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk::expressions(rule, &mut environment, &mut |site, environment| {
        let mut faults = Vec::new();
        let found = match site.what {
            walk::What::Expression(expression) => environment.expression(expression, &mut faults),
            walk::What::Template(template) => environment.template(template, &mut faults),
        };
        if let Some(wanted) = site.wanted()
            && !found.fits(wanted)
        {
            let message = format!("{} is wanted here, and this is {}", wanted.words(), found.words());
            problems.push(Problem::new(ProblemSeverity::Error, &site.spot, message));
        }
        problems.extend(faults.into_iter().map(|(expression, fault)| expression_problem(expression, fault)));
        found
    });
    problems
}

fn expression_problem(expression: &Expression, fault: SyntaxFault) -> Problem {
    let mut problem = Problem::new(ProblemSeverity::Error, &expression.spot_of(fault.at), fault.message);
    problem.hint = fault.hint;
    problem
}

impl<'a> Environment<'a> {
    /// What the expressions of a rule may name, before any variable is set.
    pub(crate) fn of_rule(_rule: &Rule, series: &'a dyn Fn(u32) -> Type) -> Self {
        Self { series, variables: BTreeMap::new(), in_repeat: false, trigger_value: Type::Any }
    }
}

/// A template without holes.
fn is_plain(template: &Template) -> bool {
    let mut holes = Vec::new();
    template.expressions(&mut holes);
    holes.is_empty()
}

#[cfg(test)]
mod tests;
