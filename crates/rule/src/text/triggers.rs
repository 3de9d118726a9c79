//! Reading triggers.

use std::time::Duration;

use model::{Name, RecordKind, ThingId, Value};

use super::{Fields, Reader, spot};
use crate::calendar::Weekdays;
use crate::effect::AlarmSeverity;
use crate::expression::split_reference;
use crate::limits::EVERY_MIN;
use crate::rule::{ANY_NAME, Reference, Trigger, TriggerKind};
use crate::sun::SunEvent;
use crate::yaml::Node;

const KINDS: &[&str] = &[
    "property",
    "time",
    "every",
    "sun",
    "calendar",
    "event",
    "insight",
    "forecast",
    "webhook",
    "presence",
    "expression",
];
/// What things may be.
const PRESENCES: &[&str] = &["online", "offline", "unknown"];

impl Reader {
    pub(super) fn triggers(&mut self, node: &Node, path: &str) -> Vec<Trigger> {
        let is_list = matches!(node.data, crate::yaml::Data::List(_));
        let items = node.items().iter().enumerate();
        let paths = items.map(|(at, item)| (if is_list { format!("{path}[{at}]") } else { path.to_owned() }, item));
        paths.filter_map(|(path, item)| self.trigger(item, &path)).collect()
    }

    fn trigger(&mut self, node: &Node, path: &str) -> Option<Trigger> {
        self.triggers += 1;
        let kind = self.kind_of(node, path, "trigger", KINDS)?;
        let known: &[&str] = match kind {
            "property" => &["property", "from", "to", "above", "below", "for", "id"],
            "time" => &["time", "on", "id"],
            "every" => &["every", "id"],
            "sun" => &["sun", "offset", "id"],
            "calendar" => &["calendar", "id"],
            "event" => &["event", "where", "id"],
            "insight" => &["insight", "kind", "severity", "id"],
            "forecast" => &["forecast", "above", "below", "within", "id"],
            "webhook" => &["webhook", "id"],
            "presence" => &["presence", "to", "for", "id"],
            _ => &["expression", "for", "id"],
        };
        let fields = self.fields(node, path, known)?;
        let id = fields.get("id").and_then(|node| self.name_arc(node, &fields.path("id")));
        let hold = fields.get("for").and_then(|node| self.duration(node, &fields.path("for")));
        let subject = fields.get(kind)?;
        let at = fields.path(kind);
        let kind = match kind {
            "property" => self.property_trigger(&fields, subject, &at)?,
            "time" => {
                let times = self.list(subject, &at, Self::time);
                TriggerKind::Time { at: times, on: self.on(&fields) }
            }
            "every" => {
                let interval = self.duration(subject, &at)?;
                if interval < EVERY_MIN {
                    self.error(subject, &at, format!("the shortest interval is {} s", EVERY_MIN.as_secs()));
                    return None;
                }
                TriggerKind::Every { interval }
            }
            "sun" => {
                let event = self.sun_event(subject, &at)?;
                let offset = fields.get("offset").and_then(|node| self.offset(node, &fields.path("offset")));
                TriggerKind::Sun { event, offset_seconds: offset.unwrap_or(0) / 1_000_000 }
            }
            "calendar" => self.calendar(subject, &at)?,
            "event" => {
                let of = self.refer(subject, &at, RecordKind::Event)?;
                let filter = match fields.get("where") {
                    Some(node) => Some(self.expression(node, &fields.path("where"))?),
                    None => None,
                };
                TriggerKind::Event { of, filter }
            }
            "insight" => {
                let of = self.insight_of(subject, &at)?;
                let sort = fields.get("kind").and_then(|node| self.name_arc(node, &fields.path("kind")));
                let severity = fields.get("severity").and_then(|node| self.severity(node, &fields.path("severity")));
                TriggerKind::Insight { of, sort, severity: severity.unwrap_or(AlarmSeverity::Notice) }
            }
            "forecast" => {
                let of = self.refer(subject, &at, RecordKind::Property)?;
                let within = fields.get("within").and_then(|node| self.duration(node, &fields.path("within")));
                let range = self.range(&fields)?;
                TriggerKind::Forecast { of, range, within: within.unwrap_or(Duration::from_hours(24)) }
            }
            "webhook" => TriggerKind::Webhook { name: self.name_arc(subject, &at)? },
            "presence" => {
                let of = self.presence_of(subject, &at)?;
                let to = fields.get("to").map(|node| self.presences(node, &fields.path("to"))).unwrap_or_default();
                TriggerKind::Presence { of, to }
            }
            _ => TriggerKind::Expression { expression: self.expression(subject, &at)? },
        };
        Some(Trigger { spot: spot(node, path), id, hold, kind })
    }

    fn property_trigger(&mut self, fields: &Fields<'_>, subject: &Node, at: &str) -> Option<TriggerKind> {
        let of = self.refer(subject, at, RecordKind::Property)?;
        let is_range = fields.get("above").is_some() || fields.get("below").is_some();
        let is_change = fields.get("from").is_some() || fields.get("to").is_some();
        if is_range && is_change {
            let hint = "one trigger looks at values, or at a range";
            self.error_with(fields.node, &fields.path, "to and from do not go with above and below", hint);
            return None;
        }
        if is_range {
            return Some(TriggerKind::Range { of, range: self.range(fields)? });
        }
        let mut values =
            |key: &str| fields.get(key).map(|node| self.values(node, &fields.path(key))).unwrap_or_default();
        let (from, to) = (values("from"), values("to"));
        Some(TriggerKind::Change { of, from, to })
    }

    /// `on`: every day when nothing is said.
    pub(super) fn on(&mut self, fields: &Fields<'_>) -> Weekdays {
        let on = fields.get("on").and_then(|node| self.weekdays(node, &fields.path("on")));
        on.unwrap_or(Weekdays::ALL)
    }

    pub(super) fn sun_event(&mut self, node: &Node, path: &str) -> Option<SunEvent> {
        match self.one_of(node, path, "event of the sun", &["sunrise", "sunset"])?.as_str() {
            "sunrise" => Some(SunEvent::Sunrise),
            _ => Some(SunEvent::Sunset),
        }
    }

    fn calendar(&mut self, node: &Node, path: &str) -> Option<TriggerKind> {
        let fields = self.fields(node, path, &["months", "days", "on", "at"])?;
        let mut numbers = |key: &str, most: i64| {
            let node = fields.get(key);
            let path = fields.path(key);
            let read = |reader: &mut Self, node: &Node, path: &str| reader.whole(node, path, 1, most);
            let found = node.map(|node| self.list(node, &path, read)).unwrap_or_default();
            found.into_iter().map(|number| number as u8).collect::<Vec<u8>>()
        };
        let (months, days) = (numbers("months", 12), numbers("days", 31));
        let longest = |month: &u8| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !months.is_empty()
            && !days.is_empty()
            && months.iter().all(|month| days.iter().all(|day| *day > longest(month)))
        {
            self.error(node, path, "no month of these has such a day");
        }
        let Some(at) = fields.get("at") else {
            self.error_with(node, path, "the time of day is missing", "add at: \"08:00\"");
            return None;
        };
        let at = self.list(at, &fields.path("at"), Self::time);
        Some(TriggerKind::Calendar { months, days, on: self.on(&fields), at })
    }

    pub(super) fn insight_of(&mut self, node: &Node, path: &str) -> Option<Reference> {
        let text = self.words(node, path)?;
        let found = match text.contains('/') {
            true => split_reference(&text),
            false => ThingId::new(&text)
                .map(|thing| (thing, Name::new(ANY_NAME).expect("a star is a name")))
                .map_err(|error| format!("{text:?} names no thing: {error}")),
        };
        match found {
            Ok((thing, name)) => Some(self.references.refer(RecordKind::Insight, thing, name, &spot(node, path))),
            Err(message) => {
                self.error(node, path, message);
                None
            }
        }
    }

    pub(super) fn presence_of(&mut self, node: &Node, path: &str) -> Option<Reference> {
        let text = self.words(node, path)?;
        match ThingId::new(&text) {
            Ok(thing) => {
                let name = crate::expression::presence_name();
                Some(self.references.refer(RecordKind::Presence, thing, name, &spot(node, path)))
            }
            Err(error) => {
                self.error_with(
                    node,
                    path,
                    format!("{text:?} names no thing: {error}"),
                    "presence is of a thing, without a name after it",
                );
                None
            }
        }
    }

    pub(super) fn presences(&mut self, node: &Node, path: &str) -> Vec<Value> {
        let read = |reader: &mut Self, node: &Node, path: &str| reader.one_of(node, path, "presence", PRESENCES);
        self.list(node, path, read).into_iter().map(Value::text).collect()
    }
}
