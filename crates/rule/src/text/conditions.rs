//! Reading conditions.

use model::RecordKind;

use super::{Fields, Reader, spot};
use crate::limits::DEPTH_MAX;
use crate::rule::{Condition, ConditionKind};
use crate::sun::SunEvent;
use crate::yaml::{Data, Node};

const KINDS: &[&str] = &["property", "presence", "time", "sun", "trigger", "all", "any", "not", "expression"];

impl Reader {
    pub(super) fn conditions(&mut self, node: &Node, path: &str, depth: usize) -> Vec<Condition> {
        if depth > DEPTH_MAX {
            self.error(node, path, format!("conditions lie more than {DEPTH_MAX} deep in each other"));
            return Vec::new();
        }
        let is_list = matches!(node.data, Data::List(_));
        let items = node.items().iter().enumerate();
        let paths = items.map(|(at, item)| (if is_list { format!("{path}[{at}]") } else { path.to_owned() }, item));
        paths.filter_map(|(path, item)| self.condition(item, &path, depth)).collect()
    }

    fn condition(&mut self, node: &Node, path: &str, depth: usize) -> Option<Condition> {
        self.conditions += 1;
        if node.text().is_some_and(|text| text.trim_start().starts_with("${")) {
            let kind = ConditionKind::Expression(self.expression(node, path)?);
            return Some(Condition { spot: spot(node, path), kind });
        }
        let kind = self.kind_of(node, path, "condition", KINDS)?;
        let known: &[&str] = match kind {
            "property" => &["property", "is", "above", "below", "for"],
            "presence" => &["presence", "is", "for"],
            other => &[other],
        };
        let fields = self.fields(node, path, known)?;
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        let kind = match kind {
            "property" => self.property_condition(&fields, subject, &at)?,
            "presence" => {
                let of = self.presence_of(subject, &at)?;
                let values = fields.get("is").map(|node| self.presences(node, &fields.path("is"))).unwrap_or_default();
                if values.is_empty() {
                    self.error_with(node, path, "it is not said what the presence has to be", "add is: online");
                }
                let hold = fields.get("for").and_then(|node| self.duration(node, &fields.path("for")));
                ConditionKind::Presence { of, values, hold }
            }
            "time" => self.time_condition(subject, &at)?,
            "sun" => self.sun_condition(subject, &at)?,
            "trigger" => ConditionKind::Trigger { ids: self.names(subject, &at) },
            "expression" => ConditionKind::Expression(self.expression(subject, &at)?),
            group => {
                let inner = self.conditions(subject, &at, depth + 1);
                if inner.is_empty() {
                    self.error(subject, &at, format!("{group} wants conditions within it"));
                }
                match group {
                    "all" => ConditionKind::All(inner),
                    "any" => ConditionKind::Any(inner),
                    _ => ConditionKind::Not(inner),
                }
            }
        };
        Some(Condition { spot: spot(node, path), kind })
    }

    fn property_condition(&mut self, fields: &Fields<'_>, subject: &Node, at: &str) -> Option<ConditionKind> {
        let of = self.refer(subject, at, RecordKind::Property)?;
        let hold = fields.get("for").and_then(|node| self.duration(node, &fields.path("for")));
        let is_range = fields.get("above").is_some() || fields.get("below").is_some();
        match fields.get("is") {
            Some(_) if is_range => {
                self.error(fields.node, &fields.path, "is does not go with above and below");
                None
            }
            Some(node) => {
                let values = self.list(node, &fields.path("is"), Self::template);
                Some(ConditionKind::Is { of, values, hold })
            }
            None if is_range => Some(ConditionKind::Range { of, range: self.range(fields)?, hold }),
            None => {
                let hint = "add is:, above: or below:";
                self.error_with(fields.node, &fields.path, "it is not said what the property has to be", hint);
                None
            }
        }
    }

    fn time_condition(&mut self, node: &Node, path: &str) -> Option<ConditionKind> {
        let fields = self.fields(node, path, &["after", "before", "on"])?;
        let mut time = |key: &str| fields.get(key).and_then(|node| self.time(node, &fields.path(key)));
        let (after, before) = (time("after"), time("before"));
        if fields.node.entries().is_some_and(<[_]>::is_empty) {
            self.error(node, path, "after, before or on is missing");
        }
        Some(ConditionKind::Time { after, before, on: self.on(&fields) })
    }

    fn sun_condition(&mut self, node: &Node, path: &str) -> Option<ConditionKind> {
        let fields = self.fields(node, path, &["after", "before", "after_offset", "before_offset"])?;
        let after = self.sun_edge(&fields, "after", "after_offset");
        let before = self.sun_edge(&fields, "before", "before_offset");
        if after.is_none() && before.is_none() {
            self.error_with(node, path, "after or before is missing", "for example { after: sunset, before: sunrise }");
        }
        Some(ConditionKind::Sun { after, before })
    }

    fn sun_edge(&mut self, fields: &Fields<'_>, key: &str, offset: &str) -> Option<(SunEvent, i64)> {
        let event = self.sun_event(fields.get(key)?, &fields.path(key))?;
        let micros = fields.get(offset).and_then(|node| self.offset(node, &fields.path(offset))).unwrap_or(0);
        Some((event, micros / 1_000_000))
    }
}
