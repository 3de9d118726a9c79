//! Conditions. One that cannot be carried over becomes one that is false.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::Import;
use super::triggers::whole_expression;
use crate::import::entities::state_value;
use crate::import::template;
use crate::yaml::Node;

impl Import<'_> {
    pub(super) fn conditions(&mut self, node: &Node, path: &str) -> Vec<Json> {
        let items = node.items().iter().enumerate();
        items.filter_map(|(at, item)| self.condition(item, &format!("{path}[{at}]"))).collect()
    }

    /// A condition; `None` when it was switched off.
    pub(super) fn condition(&mut self, node: &Node, path: &str) -> Option<Json> {
        if self.is_off(node, path) {
            return None;
        }
        let (sort, made) = self.condition_of(node, path);
        Some(match made {
            Ok(condition) => {
                self.carry("condition", &sort);
                condition
            }
            Err(message) => {
                self.left(node, path, format!("{message}; a condition that is false stands in its place"));
                json!({ "expression": "${ false }" })
            }
        })
    }

    fn condition_of(&mut self, node: &Node, path: &str) -> (String, Result<Json, String>) {
        if let Some(text) = node.text() {
            let expression = template::text(text, &self.entities).and_then(whole_expression);
            return ("template".to_owned(), expression.map(|text| json!({ "expression": text })));
        }
        for (key, ours) in [("and", "all"), ("or", "any"), ("not", "not")] {
            if let Some(inner) = node.get(key) {
                let inner = self.conditions(inner, &format!("{path}.{key}"));
                return (key.to_owned(), Ok(json!({ ours: inner })));
            }
        }
        let sort = node.get("condition").and_then(Node::text).unwrap_or_default().to_owned();
        let made = match sort.as_str() {
            "and" | "or" | "not" => {
                let ours = match sort.as_str() {
                    "and" => "all",
                    "or" => "any",
                    _ => "not",
                };
                let inner = node.get("conditions").map(|inner| self.conditions(inner, &format!("{path}.conditions")));
                match inner.filter(|inner| !inner.is_empty()) {
                    Some(inner) => Ok(json!({ ours: inner })),
                    None => Err(format!("{sort} holds no conditions")),
                }
            }
            "state" => self.state_condition(node),
            "numeric_state" => self.numeric_condition(node),
            "time" => Self::time_condition(node),
            "sun" => self.sun_condition(node),
            "template" => match node.get("value_template").and_then(Node::text) {
                Some(text) => template::text(text, &self.entities)
                    .and_then(whole_expression)
                    .map(|text| json!({ "expression": text })),
                None => Err("no template".to_owned()),
            },
            "zone" => self.zone_condition(node),
            "trigger" => {
                let ids: Vec<Json> = node
                    .get("id")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Node::text)
                    .map(Json::from)
                    .collect();
                Ok(json!({ "trigger": ids }))
            }
            "device" => self.device_condition(node),
            "" => Err("the condition does not say what it is".to_owned()),
            other => Err(format!("the condition {other} has no counterpart")),
        };
        (sort, made)
    }

    /// One condition for each entity: all of them, or any of them with `match: any`.
    fn of_each(&mut self, node: &Node, make: impl Fn(&Self, &str) -> Result<Json, String>) -> Result<Json, String> {
        let entities = Self::entity_ids(node.get("entity_id"));
        let made: Vec<Json> = entities.iter().map(|entity| make(self, entity)).collect::<Result<_, String>>()?;
        let word = if node.get("match").and_then(Node::text) == Some("any") { "any" } else { "all" };
        match made.len() {
            0 => Err("no entity is named".to_owned()),
            1 => Ok(made.into_iter().next().unwrap_or_default()),
            _ => Ok(json!({ word: made })),
        }
    }

    fn state_condition(&mut self, node: &Node) -> Result<Json, String> {
        let attribute = node.get("attribute").and_then(Node::text);
        let states = node.get("state").ok_or("no state is named")?;
        let hold = node.get("for").map(|hold| self.fixed_duration(hold)).transpose()?;
        self.of_each(node, |import, entity| {
            let values = states.items().iter().map(|item| match item.text() {
                Some(text) if template::is_template(text) => Ok(template::text(text, &import.entities)?.into()),
                _ => Ok(state_value(entity, attribute, &item.to_json())),
            });
            let values = values.collect::<Result<Vec<Json>, String>>()?;
            let mut condition = JsonMap::new();
            condition.insert("property".into(), import.entities.place(entity, attribute)?.into());
            let is = if values.len() == 1 { values[0].clone() } else { Json::Array(values) };
            condition.insert("is".into(), is);
            if let Some(hold) = &hold {
                condition.insert("for".into(), hold.clone().into());
            }
            Ok(Json::Object(condition))
        })
    }

    fn numeric_condition(&mut self, node: &Node) -> Result<Json, String> {
        if node.get("value_template").is_some() {
            return Err("value_template has no counterpart; write an expression".to_owned());
        }
        let attribute = node.get("attribute").and_then(Node::text);
        self.of_each(node, |import, entity| {
            let mut condition = JsonMap::new();
            condition.insert("property".into(), import.entities.place(entity, attribute)?.into());
            for key in ["above", "below"] {
                if let Some(bound) = node.get(key) {
                    condition.insert(key.into(), import.bound(bound)?);
                }
            }
            Ok(Json::Object(condition))
        })
    }

    fn time_condition(node: &Node) -> Result<Json, String> {
        let mut time = JsonMap::new();
        for key in ["after", "before"] {
            if let Some(text) = node.get(key) {
                time.insert(key.into(), Self::time(text)?);
            }
        }
        if let Some(days) = node.get("weekday") {
            time.insert("on".into(), Self::weekdays(days));
        }
        if time.is_empty() { Err("no time is named".to_owned()) } else { Ok(json!({ "time": time })) }
    }

    fn sun_condition(&mut self, node: &Node) -> Result<Json, String> {
        let mut sun = JsonMap::new();
        for (key, offset) in [("after", "after_offset"), ("before", "before_offset")] {
            if let Some(event) = node.get(key).and_then(Node::text) {
                sun.insert(key.into(), event.into());
                if let Some(span) = node.get(offset) {
                    sun.insert(offset.into(), self.fixed_duration(span)?.into());
                }
            }
        }
        if sun.is_empty() { Err("nothing is said of the sun".to_owned()) } else { Ok(json!({ "sun": sun })) }
    }

    fn zone_condition(&mut self, node: &Node) -> Result<Json, String> {
        let zone = node.get("zone").and_then(Node::text).and_then(|zone| zone.strip_prefix("zone."));
        let Some(zone) = zone.map(str::to_owned) else { return Err("one zone has to be named".to_owned()) };
        self.of_each(node, |import, entity| match zone.as_str() {
            "home" => Ok(json!({ "property": import.entities.place(entity, None)?, "is": true })),
            name => Ok(json!({ "property": import.entities.place(entity, Some("zone"))?, "is": name })),
        })
    }

    fn device_condition(&mut self, node: &Node) -> Result<Json, String> {
        let entity = node.get("entity_id").and_then(Node::text).filter(|entity| entity.contains('.'));
        match (entity, node.get("type").and_then(Node::text)) {
            (Some(entity), Some(word @ ("is_on" | "is_off"))) => {
                Ok(json!({ "property": self.entities.place(entity, None)?, "is": word == "is_on" }))
            }
            _ => Err("conditions of devices are known by numbers that mean nothing here".to_owned()),
        }
    }
}
