//! Triggers.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::Import;
use crate::import::entities::state_value;
use crate::import::template;
use crate::yaml::Node;

/// Keys that every trigger may have.
const COMMON: &[&str] = &["platform", "trigger", "id", "alias", "enabled", "variables"];

impl Import<'_> {
    pub(super) fn triggers(&mut self, node: &Node, path: &str) -> Vec<Json> {
        let items = node.items().iter().enumerate();
        items.flat_map(|(at, item)| self.trigger(item, &format!("{path}[{at}]"))).collect()
    }

    fn trigger(&mut self, node: &Node, path: &str) -> Vec<Json> {
        if self.is_off(node, path) {
            return Vec::new();
        }
        if let Some(inner) = node.get("triggers") {
            return self.triggers(inner, &format!("{path}.triggers"));
        }
        let Some(sort) = node.get("platform").or_else(|| node.get("trigger")).and_then(Node::text) else {
            self.left(node, path, "the trigger does not say what it is");
            return Vec::new();
        };
        let made = match sort {
            "state" => self.state_trigger(node, path),
            "numeric_state" => self.numeric_trigger(node, path),
            "time" => self.time_trigger(node, path),
            "time_pattern" => time_pattern(node).map(|it| vec![it]),
            "sun" => self.sun_trigger(node),
            "event" => self.event_trigger(node),
            "mqtt" => self.mqtt_trigger(node),
            "webhook" => match node.get("webhook_id").and_then(Node::text) {
                Some(id) => Ok(vec![json!({ "webhook": id })]),
                None => Err("the webhook has no id".to_owned()),
            },
            "zone" => self.zone_trigger(node),
            "template" => self.template_trigger(node),
            "calendar" => self.calendar_trigger(node),
            "tag" => match node.get("tag_id").and_then(Node::text) {
                Some(tag) => {
                    self.entities.guess(format!("the tag {tag}"), &format!("the event tag of {}", "tag-reader"));
                    Ok(vec![
                        json!({ "event": "tag-reader/tag", "where": format!("${{ trigger.value == '{}' }}", tag.replace('\'', "")) }),
                    ])
                }
                None => Err("the tag has no id".to_owned()),
            },
            "device" => self.device_trigger(node),
            "homeassistant" => Err("starting and stopping set no rule off".to_owned()),
            other => Err(format!("the trigger {other} has no counterpart")),
        };
        match made {
            Ok(triggers) => {
                self.carry("trigger", sort);
                let id = node.get("id").and_then(Node::text);
                let with_id = triggers.into_iter().map(|mut trigger| {
                    if let (Some(id), Json::Object(map)) = (id, &mut trigger) {
                        map.insert("id".into(), id.into());
                    }
                    trigger
                });
                with_id.collect()
            }
            Err(message) => {
                self.left(node, path, message);
                Vec::new()
            }
        }
    }

    /// Tells keys that are not read.
    fn unread(&mut self, node: &Node, path: &str, read: &[&str]) {
        for (key, value) in node.entries().unwrap_or_default() {
            let known = read.contains(&key.text.as_str()) || COMMON.contains(&key.text.as_str());
            if !known {
                self.left(value, &format!("{path}.{}", key.text), format!("{} has no counterpart", key.text));
            }
        }
    }

    fn hold(&mut self, node: &Node, path: &str, trigger: &mut JsonMap<String, Json>) {
        if let Some(hold) = node.get("for") {
            match self.fixed_duration(hold) {
                Ok(hold) => drop(trigger.insert("for".into(), hold.into())),
                Err(message) => self.left(hold, &format!("{path}.for"), message),
            }
        }
    }

    fn state_trigger(&mut self, node: &Node, path: &str) -> Result<Vec<Json>, String> {
        self.unread(node, path, &["entity_id", "from", "to", "for", "attribute", "not_to", "not_from"]);
        for key in ["not_to", "not_from"] {
            if let Some(value) = node.get(key) {
                self.left(value, &format!("{path}.{key}"), format!("{key} has no counterpart; add a condition"));
            }
        }
        let attribute = node.get("attribute").and_then(Node::text);
        let mut all = Vec::new();
        for entity in Self::entity_ids(node.get("entity_id")) {
            let mut trigger = JsonMap::new();
            trigger.insert("property".into(), self.entities.place(&entity, attribute)?.into());
            for key in ["from", "to"] {
                let states = node.get(key).map(|node| {
                    let states = node.items().iter().map(|item| state_value(&entity, attribute, &item.to_json()));
                    states.collect::<Vec<Json>>()
                });
                match states.as_deref() {
                    None | Some([]) => {}
                    Some([one]) => drop(trigger.insert(key.into(), one.clone())),
                    Some(several) => drop(trigger.insert(key.into(), several.to_vec().into())),
                }
            }
            self.hold(node, path, &mut trigger);
            all.push(Json::Object(trigger));
        }
        if all.is_empty() { Err("no entity is named".to_owned()) } else { Ok(all) }
    }

    fn numeric_trigger(&mut self, node: &Node, path: &str) -> Result<Vec<Json>, String> {
        self.unread(node, path, &["entity_id", "above", "below", "for", "attribute", "value_template"]);
        if node.get("value_template").is_some() {
            return Err("value_template has no counterpart; write an expression".to_owned());
        }
        let attribute = node.get("attribute").and_then(Node::text);
        let mut all = Vec::new();
        for entity in Self::entity_ids(node.get("entity_id")) {
            let mut trigger = JsonMap::new();
            trigger.insert("property".into(), self.entities.place(&entity, attribute)?.into());
            for key in ["above", "below"] {
                if let Some(bound) = node.get(key) {
                    trigger.insert(key.into(), self.bound(bound)?);
                }
            }
            self.hold(node, path, &mut trigger);
            all.push(Json::Object(trigger));
        }
        if all.is_empty() { Err("no entity is named".to_owned()) } else { Ok(all) }
    }

    fn time_trigger(&mut self, node: &Node, path: &str) -> Result<Vec<Json>, String> {
        self.unread(node, path, &["at", "weekday"]);
        let mut times = Vec::new();
        for item in node.get("at").map(Node::items).unwrap_or_default() {
            match Self::time(item) {
                Ok(time) => times.push(time),
                Err(message) => self.left(item, &format!("{path}.at"), message),
            }
        }
        let Some(first) = times.first().cloned() else { return Err("no time is left".to_owned()) };
        let mut trigger = JsonMap::new();
        trigger.insert("time".into(), if times.len() == 1 { first } else { Json::Array(times) });
        if let Some(days) = node.get("weekday") {
            trigger.insert("on".into(), Self::weekdays(days));
        }
        Ok(vec![Json::Object(trigger)])
    }

    fn sun_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        let event = node.get("event").and_then(Node::text).filter(|event| matches!(*event, "sunrise" | "sunset"));
        let Some(event) = event else { return Err("the sun rises or sets".to_owned()) };
        let mut trigger = JsonMap::new();
        trigger.insert("sun".into(), event.into());
        if let Some(offset) = node.get("offset") {
            trigger.insert("offset".into(), self.fixed_duration(offset)?.into());
        }
        Ok(vec![Json::Object(trigger)])
    }

    fn event_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        let types = node.get("event_type").map(Node::items).unwrap_or_default();
        let data = node.get("event_data");
        let entity = data.and_then(|data| data.get("entity_id")).and_then(Node::text);
        let thing = match entity {
            Some(entity) => self.entities.thing(entity)?,
            None => "home-assistant".to_owned(),
        };
        let mut tests = Vec::new();
        for (key, value) in data.and_then(Node::entries).unwrap_or_default() {
            if key.text == "entity_id" {
                continue;
            }
            let value = match self.value(value)? {
                Json::String(text) if text.contains("${") => return Err("event data that is worked out".to_owned()),
                Json::String(text) => format!("'{}'", text.replace('\'', "")),
                Json::Object(_) | Json::Array(_) => return Err("event data within event data".to_owned()),
                other => other.to_string(),
            };
            tests.push(format!("trigger.value.{} == {value}", key.text));
        }
        if let Some(context) = node.get("context") {
            self.left(context, "context", "who caused an event is not looked at");
        }
        let mut all = Vec::new();
        for event in types.iter().filter_map(Node::text) {
            let place = format!("{thing}/{event}");
            if entity.is_none() {
                self.entities.guess(format!("the event {event}"), &place);
            }
            let mut trigger = JsonMap::new();
            trigger.insert("event".into(), place.into());
            if !tests.is_empty() {
                trigger.insert("where".into(), format!("${{ {} }}", tests.join(" and ")).into());
            }
            all.push(Json::Object(trigger));
        }
        if all.is_empty() { Err("no event is named".to_owned()) } else { Ok(all) }
    }

    fn mqtt_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        if node.get("value_template").is_some() {
            return Err("a template over a payload has no counterpart; let an adapter decode the topic".to_owned());
        }
        let topic = node.get("topic").and_then(Node::text).unwrap_or_default();
        let levels: Vec<&str> = topic.split('/').filter(|level| !level.is_empty()).collect();
        let [.., thing, name] = levels.as_slice() else { return Err(format!("{topic:?} names no thing and event")) };
        if topic.contains(['+', '#']) {
            return Err(format!("{topic:?} is a pattern; one trigger looks at one event"));
        }
        let place = format!("{thing}/{name}");
        self.entities.guess(format!("the topic {topic}"), &format!("the event {place}"));
        let mut trigger = JsonMap::new();
        trigger.insert("event".into(), place.into());
        if let Some(payload) = node.get("payload") {
            let payload = match self.value(payload)? {
                Json::String(text) => format!("'{}'", text.replace('\'', "")),
                other => other.to_string(),
            };
            trigger.insert("where".into(), format!("${{ trigger.value == {payload} }}").into());
        }
        Ok(vec![Json::Object(trigger)])
    }

    fn zone_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        let zone = node.get("zone").and_then(Node::text).unwrap_or_default();
        let enters = node.get("event").and_then(Node::text).unwrap_or("enter") != "leave";
        let mut all = Vec::new();
        for entity in Self::entity_ids(node.get("entity_id")) {
            let trigger = match zone.strip_prefix("zone.") {
                Some("home") => json!({ "property": self.entities.place(&entity, None)?, "to": enters }),
                Some(name) => {
                    let key = if enters { "to" } else { "from" };
                    json!({ "property": self.entities.place(&entity, Some("zone"))?, key: name })
                }
                None => return Err("no zone is named".to_owned()),
            };
            all.push(trigger);
        }
        if all.is_empty() { Err("nobody is named".to_owned()) } else { Ok(all) }
    }

    fn template_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        let Some(text) = node.get("value_template").and_then(Node::text) else { return Err("no template".to_owned()) };
        let mut trigger = JsonMap::new();
        trigger.insert("expression".into(), whole_expression(template::text(text, &self.entities)?)?.into());
        self.hold(node, "", &mut trigger);
        Ok(vec![Json::Object(trigger)])
    }

    fn calendar_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        if node.get("offset").is_some() {
            return Err("an offset to the events of a calendar has no counterpart".to_owned());
        }
        let Some(entity) = node.get("entity_id").and_then(Node::text) else {
            return Err("no calendar is named".to_owned());
        };
        let begins = node.get("event").and_then(Node::text).unwrap_or("start") != "end";
        Ok(vec![json!({ "property": self.entities.place(entity, None)?, "to": begins })])
    }

    fn device_trigger(&mut self, node: &Node) -> Result<Vec<Json>, String> {
        let entity = node.get("entity_id").and_then(Node::text).filter(|entity| entity.contains('.'));
        let to = match node.get("type").and_then(Node::text) {
            Some("turned_on" | "opened" | "motion" | "occupied") => true,
            Some("turned_off" | "not_opened" | "no_motion" | "not_occupied") => false,
            _ => {
                return Err(
                    "triggers of devices are known by numbers that mean nothing here; name an entity".to_owned()
                );
            }
        };
        let Some(entity) = entity else {
            return Err("triggers of devices are known by numbers that mean nothing here; name an entity".to_owned());
        };
        let mut trigger = JsonMap::new();
        trigger.insert("property".into(), self.entities.place(entity, None)?.into());
        trigger.insert("to".into(), to.into());
        self.hold(node, "", &mut trigger);
        Ok(vec![Json::Object(trigger)])
    }
}

/// A template that is one expression.
pub(super) fn whole_expression(text: String) -> Result<String, String> {
    let text = text.trim().to_owned();
    let one = text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1;
    if one { Ok(text) } else { Err("a template that decides has to be one {{ … }}".to_owned()) }
}

/// `minutes: "/5"` and the like.
fn time_pattern(node: &Node) -> Result<Json, String> {
    let part = |key: &str| node.get(key).and_then(Node::text);
    let (hours, minutes, seconds) = (part("hours"), part("minutes"), part("seconds"));
    let step = |text: &str| text.strip_prefix('/').and_then(|text| text.parse::<u64>().ok()).filter(|step| *step > 0);
    let every = |number: u64, unit: &str| Ok(json!({ "every": format!("{number} {unit}") }));
    let at = |text: &str, most: u32| text.parse::<u32>().ok().filter(|number| *number <= most);
    match (hours, minutes, seconds) {
        (None | Some("*"), None | Some("*"), Some(text)) if step(text).is_some() => every(step(text).unwrap_or(1), "s"),
        (None | Some("*"), None | Some("*"), Some("*")) => every(1, "s"),
        (None | Some("*"), Some("*"), None | Some("0" | "00")) => every(1, "min"),
        (None | Some("*"), Some(text), None | Some("0" | "00")) if step(text).is_some() => {
            every(step(text).unwrap_or(1), "min")
        }
        (Some("*"), None | Some("0" | "00"), None | Some("0" | "00")) => every(1, "h"),
        (Some(text), None | Some("0" | "00"), None | Some("0" | "00")) if step(text).is_some() => {
            every(step(text).unwrap_or(1), "h")
        }
        (None | Some("*"), Some(text), None | Some("0" | "00")) if at(text, 59).is_some() => {
            let minute = at(text, 59).unwrap_or(0);
            let times: Vec<Json> = (0..24).map(|hour| format!("{hour:02}:{minute:02}").into()).collect();
            Ok(json!({ "time": times }))
        }
        (Some(hour), minute, None | Some("0" | "00")) if at(hour, 23).is_some() => {
            let minute = minute.map_or(Some(0), |minute| at(minute, 59));
            let Some(minute) = minute else { return Err("this pattern of time has no counterpart".to_owned()) };
            Ok(json!({ "time": format!("{:02}:{minute:02}", at(hour, 23).unwrap_or(0)) }))
        }
        _ => Err("this pattern of time has no counterpart".to_owned()),
    }
}
