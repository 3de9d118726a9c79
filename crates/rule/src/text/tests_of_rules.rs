//! Reading the tests beside a rule.

use model::{RecordKind, Value};

use super::actions::TEST_WAIT_MAX;
use super::{Reader, spot};
use crate::calendar::Date;
use crate::effect::AlarmSeverity;
use crate::limits::TESTS_MAX;
use crate::rule::{Expected, ExpectedKind, Happening, Test};
use crate::yaml::{Data, Node};

const HAPPENINGS: &[&str] = &["set", "event", "presence", "webhook", "insight", "forecast", "wait", "time"];
const EXPECTED: &[&str] = &["set", "action", "scene", "notify", "alarm", "policy", "none"];

impl Reader {
    pub(super) fn tests(&mut self, node: &Node, path: &str) -> Vec<Test> {
        self.too_many(node, path, node.items().len(), TESTS_MAX);
        let items = node.items().iter().take(TESTS_MAX).enumerate();
        items.filter_map(|(at, item)| self.test(item, &format!("{path}[{at}]"))).collect()
    }

    fn test(&mut self, node: &Node, path: &str) -> Option<Test> {
        let fields = self.fields(node, path, &["name", "at", "given", "when", "then"])?;
        let name = fields.get("name").and_then(|node| self.name(node, &fields.path("name")));
        let at = fields.get("at").and_then(|node| {
            let text = self.words(node, &fields.path("at"))?;
            let date = Date::parse(&text);
            if date.is_none() {
                let message = format!("{text:?} is no date with a time");
                self.error_with(node, &fields.path("at"), message, "for example \"2026-03-01T23:00\"");
            }
            date
        });
        let given = fields.get("given").map(|node| self.assignments(node, &fields.path("given"))).unwrap_or_default();
        let when = fields.get("when").map(|node| self.each(node, &fields.path("when"), Self::happening));
        let then = fields.get("then").map(|node| self.each(node, &fields.path("then"), Self::expected));
        let (when, then) = (when.unwrap_or_default(), then.unwrap_or_default());
        if when.is_empty() {
            self.error_with(node, path, "nothing happens in the test", "add when: with set, event, wait or time");
        }
        if then.is_empty() {
            self.error_with(node, path, "the test expects nothing", "add then: with what must come, or none: true");
        }
        Some(Test { spot: spot(node, path), name: name.unwrap_or_else(|| path.to_owned()), at, given, when, then })
    }

    fn each<T>(
        &mut self,
        node: &Node,
        path: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Vec<T> {
        let is_list = matches!(node.data, Data::List(_));
        let items = node.items().iter().enumerate();
        let paths = items.map(|(at, item)| (if is_list { format!("{path}[{at}]") } else { path.to_owned() }, item));
        paths.filter_map(|(path, item)| read(self, item, &path)).collect()
    }

    fn happening(&mut self, node: &Node, path: &str) -> Option<Happening> {
        let kind = self.kind_of(node, path, "happening", HAPPENINGS)?;
        let known: &[&str] = match kind {
            "set" => &["set", "to"],
            "event" => &["event", "value"],
            "presence" => &["presence", "to"],
            "webhook" => &["webhook", "body"],
            "insight" => &["insight", "kind", "severity"],
            "forecast" => &["forecast", "value", "within"],
            other => &[other],
        };
        let fields = self.fields(node, path, known)?;
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        Some(match kind {
            "set" if subject.entries().is_some() => Happening::Set(self.assignments(subject, &at)),
            "set" => {
                let of = self.refer(subject, &at, RecordKind::Property)?;
                let value = self.value_of(&fields, "to")?;
                Happening::Set(vec![(of, value)])
            }
            "event" => {
                let of = self.refer(subject, &at, RecordKind::Event)?;
                let value = match fields.get("value") {
                    Some(node) => self.literal(node, &fields.path("value"))?,
                    None => Value::Null,
                };
                Happening::Event(of, value)
            }
            "presence" => {
                let of = self.presence_of(subject, &at)?;
                let to = fields.get("to").map(|node| self.presences(node, &fields.path("to"))).unwrap_or_default();
                let Some(to) = to.into_iter().next() else {
                    self.error_with(node, path, "it is not said what it becomes", "add to: offline");
                    return None;
                };
                Happening::Presence(of, to)
            }
            "webhook" => {
                let body = match fields.get("body") {
                    Some(node) => self.literal(node, &fields.path("body"))?,
                    None => Value::Null,
                };
                Happening::Webhook(self.name_arc(subject, &at)?, body)
            }
            "insight" => {
                let of = self.insight_of(subject, &at)?;
                let sort = fields.get("kind").and_then(|node| self.name_arc(node, &fields.path("kind")));
                let severity = fields.get("severity").and_then(|node| self.severity(node, &fields.path("severity")));
                Happening::Insight(
                    of,
                    sort.unwrap_or_else(|| "anomaly".into()),
                    severity.unwrap_or(AlarmSeverity::Warning),
                )
            }
            "forecast" => {
                let of = self.refer(subject, &at, RecordKind::Property)?;
                let value = self.value_of(&fields, "value")?;
                let within = fields.get("within").and_then(|node| self.duration(node, &fields.path("within")));
                let Some(number) = value.as_f64() else {
                    self.error(node, path, "a forecast is a number");
                    return None;
                };
                Happening::Forecast(of, number, within.unwrap_or_default())
            }
            "wait" => {
                let duration = self.duration(subject, &at)?;
                if duration > TEST_WAIT_MAX {
                    self.error(subject, &at, "a test may wait for 32 days at most");
                    return None;
                }
                Happening::Wait(duration)
            }
            _ => Happening::Time(self.time(subject, &at)?),
        })
    }

    fn value_of(&mut self, fields: &super::Fields<'_>, key: &str) -> Option<Value> {
        match fields.get(key) {
            Some(node) => self.literal(node, &fields.path(key)),
            None => {
                self.error(fields.node, &fields.path, format!("{key} is missing"));
                None
            }
        }
    }

    fn expected(&mut self, node: &Node, path: &str) -> Option<Expected> {
        let kind = self.kind_of(node, path, "expectation", EXPECTED)?;
        let known: &[&str] = match kind {
            "set" => &["set", "to"],
            "action" => &["action", "input"],
            other => &[other],
        };
        let fields = self.fields(node, path, known)?;
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        let value = |reader: &mut Self, key: &str| match fields.get(key) {
            Some(node) => reader.literal(node, &fields.path(key)).map(Some),
            None => Some(None),
        };
        let kind = match kind {
            "set" if subject.entries().is_some() => {
                let mut assignments = self.assignments(subject, &at);
                if assignments.len() != 1 {
                    self.error_with(subject, &at, "one property is expected at a time", "each after a dash of its own");
                    return None;
                }
                let (of, value) = assignments.remove(0);
                ExpectedKind::Set(of, Some(value))
            }
            "set" => ExpectedKind::Set(self.refer(subject, &at, RecordKind::Property)?, value(self, "to")?),
            "action" => ExpectedKind::Act(self.refer(subject, &at, RecordKind::Action)?, value(self, "input")?),
            "scene" => ExpectedKind::Scene(self.name_arc(subject, &at)?),
            "notify" => {
                let text = subject.get("message").unwrap_or(subject);
                ExpectedKind::Notify(if text.is_null() || text.text() == Some("true") {
                    String::new()
                } else {
                    self.words(text, &at)?
                })
            }
            "alarm" => ExpectedKind::Alarm(self.name_arc(subject.get("name").unwrap_or(subject), &at)?),
            "policy" => ExpectedKind::Policy(self.name_arc(subject, &at)?),
            _ => ExpectedKind::Nothing,
        };
        Some(Expected { spot: spot(node, path), kind })
    }
}
