//! Reading actions.

use std::time::Duration;

use model::RecordKind;

use super::{Fields, Reader, spot};
use crate::expression::Template;
use crate::limits::{DEPTH_MAX, ROUNDS_MAX};
use crate::rule::{Action, ActionKind, AfterTimeout, Branch, Delay, Reference, Rounds};
use crate::yaml::{Data, Node, Scalar};

const KINDS: &[&str] =
    &["set", "action", "scene", "notify", "alarm", "delay", "wait", "choose", "repeat", "policy", "variables", "stop"];

impl Reader {
    pub(super) fn actions(&mut self, node: &Node, path: &str, depth: usize) -> Vec<Action> {
        if depth > DEPTH_MAX {
            self.error(node, path, format!("actions lie more than {DEPTH_MAX} deep in each other"));
            return Vec::new();
        }
        let is_list = matches!(node.data, Data::List(_));
        let items = node.items().iter().enumerate();
        let paths = items.map(|(at, item)| (if is_list { format!("{path}[{at}]") } else { path.to_owned() }, item));
        paths.filter_map(|(path, item)| self.action(item, &path, depth)).collect()
    }

    fn action(&mut self, node: &Node, path: &str, depth: usize) -> Option<Action> {
        self.actions += 1;
        let kind = self.kind_of(node, path, "action", KINDS)?;
        let known: &[&str] = match kind {
            "set" => &["set", "to"],
            "action" => &["action", "input"],
            "choose" => &["choose", "otherwise"],
            "policy" => &["policy", "input"],
            other => &[other],
        };
        let fields = self.fields(node, path, known)?;
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        let kind = match kind {
            "set" => self.set(&fields, subject, &at)?,
            "action" => {
                let of = self.refer(subject, &at, RecordKind::Action)?;
                ActionKind::Act { of, input: self.optional(&fields, "input")? }
            }
            "scene" => ActionKind::Scene(self.name_arc(subject, &at)?),
            "notify" => self.notify(subject, &at)?,
            "alarm" => self.alarm(subject, &at)?,
            "delay" => self.delay(subject, &at)?,
            "wait" => self.wait(subject, &at)?,
            "choose" => self.choose(&fields, subject, &at, depth),
            "repeat" => self.repeat(subject, &at, depth)?,
            "policy" => {
                let name = self.name_arc(subject, &at)?;
                ActionKind::Policy { name, input: self.optional(&fields, "input")? }
            }
            "variables" => ActionKind::Variables(self.variables(subject, &at)),
            _ => ActionKind::Stop(if subject.is_null() { None } else { Some(self.template(subject, &at)?) }),
        };
        Some(Action { spot: spot(node, path), kind })
    }

    /// A value that may be missing; `None` when it is there and wrong.
    #[expect(clippy::option_option, reason = "missing, wrong and there are three things")]
    fn optional(&mut self, fields: &Fields<'_>, key: &str) -> Option<Option<Template>> {
        match fields.get(key) {
            Some(node) => self.template(node, &fields.path(key)).map(Some),
            None => Some(None),
        }
    }

    fn set(&mut self, fields: &Fields<'_>, subject: &Node, at: &str) -> Option<ActionKind> {
        let Some(entries) = subject.entries() else {
            let of = self.refer(subject, at, RecordKind::Property)?;
            let Some(to) = fields.get("to") else {
                self.error_with(fields.node, &fields.path, "it is not said what to set it to", "add to: and a value");
                return None;
            };
            let value = self.template(to, &fields.path("to"))?;
            return Some(ActionKind::Set(vec![(of, value)]));
        };
        if let Some(to) = fields.get("to") {
            self.error(to, &fields.path("to"), "to goes with one property, and this is a map of several");
        }
        if entries.is_empty() {
            self.error(subject, at, "nothing is set here");
        }
        let sets = entries.iter().map(|(key, value)| {
            let scalar = Scalar { text: key.text.clone(), plain: false, inner: None };
            let key_node = Node { at: key.at, tag: None, data: Data::Scalar(scalar) };
            let path = format!("{at}.{}", key.text);
            let of = self.refer(&key_node, &path, RecordKind::Property);
            Some((of?, self.template(value, &path)?))
        });
        let sets: Vec<(Reference, Template)> = sets.collect::<Vec<_>>().into_iter().flatten().collect();
        Some(ActionKind::Set(sets))
    }

    fn notify(&mut self, node: &Node, path: &str) -> Option<ActionKind> {
        if node.text().is_some() {
            return Some(ActionKind::Notify { title: None, message: self.template(node, path)?, to: Vec::new() });
        }
        let fields = self.fields(node, path, &["title", "message", "to"])?;
        let title = self.optional(&fields, "title")?;
        let Some(message) = fields.get("message") else {
            self.error_with(node, path, "there is no message", "add message: and a sentence");
            return None;
        };
        let message = self.template(message, &fields.path("message"))?;
        let to = fields.get("to").map(|node| self.names(node, &fields.path("to"))).unwrap_or_default();
        Some(ActionKind::Notify { title, message, to })
    }

    fn alarm(&mut self, node: &Node, path: &str) -> Option<ActionKind> {
        if node.text().is_some() {
            let name = self.name_arc(node, path)?;
            return Some(ActionKind::Alarm { name, severity: Default::default(), message: None });
        }
        let fields = self.fields(node, path, &["name", "severity", "message"])?;
        let Some(name) = fields.get("name") else {
            self.error_with(
                node,
                path,
                "the alarm has no name",
                "add name:; the same alarm raised again is counted, not doubled",
            );
            return None;
        };
        let name = self.name_arc(name, &fields.path("name"))?;
        let severity = fields.get("severity").and_then(|node| self.severity(node, &fields.path("severity")));
        let message = self.optional(&fields, "message")?;
        Some(ActionKind::Alarm { name, severity: severity.unwrap_or_default(), message })
    }

    fn delay(&mut self, node: &Node, path: &str) -> Option<ActionKind> {
        let is_worked_out = node.text().is_some_and(|text| text.trim_start().starts_with("${"));
        let delay = match is_worked_out {
            true => Delay::Seconds(self.expression(node, path)?),
            false => Delay::Fixed(self.duration(node, path)?),
        };
        Some(ActionKind::Delay(delay))
    }

    fn wait(&mut self, node: &Node, path: &str) -> Option<ActionKind> {
        let fields = self.fields(node, path, &["for", "timeout", "then"])?;
        let triggers = fields.get("for").map(|node| self.triggers(node, &fields.path("for"))).unwrap_or_default();
        if triggers.is_empty() {
            self.error_with(node, path, "it is not said what to wait for", "add for: with triggers");
        }
        let timeout = fields.get("timeout").and_then(|node| self.duration(node, &fields.path("timeout")));
        let then = fields
            .get("then")
            .and_then(|node| self.one_of(node, &fields.path("then"), "way to go on", &["continue", "stop"]));
        let then = if then.as_deref() == Some("stop") { AfterTimeout::Stop } else { AfterTimeout::Continue };
        Some(ActionKind::Wait { triggers, timeout, then })
    }

    fn choose(&mut self, fields: &Fields<'_>, subject: &Node, at: &str, depth: usize) -> ActionKind {
        let mut branches = Vec::new();
        for (index, branch) in subject.items().iter().enumerate() {
            let path = format!("{at}[{index}]");
            let Some(parts) = self.fields(branch, &path, &["if", "do"]) else { continue };
            let conditions =
                parts.get("if").map(|node| self.conditions(node, &parts.path("if"), depth + 1)).unwrap_or_default();
            if conditions.is_empty() {
                self.error_with(branch, &path, "the branch has no condition", "add if: with conditions");
            }
            let actions =
                parts.get("do").map(|node| self.actions(node, &parts.path("do"), depth + 1)).unwrap_or_default();
            branches.push(Branch { spot: spot(branch, &path), conditions, actions });
        }
        if branches.is_empty() {
            self.error(subject, at, "there is nothing to choose from");
        }
        let otherwise = fields.get("otherwise");
        let otherwise = otherwise.map(|node| self.actions(node, &fields.path("otherwise"), depth + 1));
        ActionKind::Choose { branches, otherwise: otherwise.unwrap_or_default() }
    }

    fn repeat(&mut self, node: &Node, path: &str, depth: usize) -> Option<ActionKind> {
        let fields = self.fields(node, path, &["times", "while", "until", "each", "do"])?;
        let kinds = ["times", "while", "until", "each"];
        let said: Vec<&str> = kinds.iter().copied().filter(|kind| fields.get(kind).is_some()).collect();
        let &[kind] = said.as_slice() else {
            self.error_with(node, path, "it is not clear how often", "add one of times:, while:, until:, each:");
            return None;
        };
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        let rounds = match kind {
            "times" => Rounds::Times(self.whole(subject, &at, 1, i64::from(ROUNDS_MAX))? as u32),
            "while" => Rounds::While(self.conditions(subject, &at, depth + 1)),
            "until" => Rounds::Until(self.conditions(subject, &at, depth + 1)),
            _ => Rounds::Each(self.values(subject, &at)),
        };
        if matches!(&rounds, Rounds::While(conditions) | Rounds::Until(conditions) if conditions.is_empty()) {
            self.error(subject, &at, "a condition is wanted here");
        }
        let actions =
            fields.get("do").map(|node| self.actions(node, &fields.path("do"), depth + 1)).unwrap_or_default();
        if actions.is_empty() {
            self.error_with(node, path, "there is nothing to repeat", "add do: with actions");
        }
        Some(ActionKind::Repeat { rounds, actions })
    }
}

/// A time that a test or a wait may take at most.
pub(super) const TEST_WAIT_MAX: Duration = Duration::from_hours(32 * 24);
