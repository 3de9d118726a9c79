//! Conditions. One that cannot be carried over becomes one that is false.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::Import;
use crate::import::entities::{is_sun, state_value};
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
        if let Err(message) = Self::whole_here(node) {
            return (String::new(), Err(message));
        }
        if let Some(text) = node.text() {
            return ("template".to_owned(), self.template_condition(text));
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
            "time" => self.time_condition(node),
            "sun" => self.sun_condition(node),
            "template" => match node.get("value_template").and_then(Node::text) {
                Some(text) => self.template_condition(text),
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

    fn template_condition(&self, text: &str) -> Result<Json, String> {
        let expression = match text.trim() {
            // Templates that were taken apart to words.
            "true" | "True" => "true".to_owned(),
            "false" | "False" => "false".to_owned(),
            text => template::whole(text, &self.entities)?,
        };
        Ok(json!({ "expression": format!("${{ {expression} }}") }))
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
            let mut values = values.collect::<Result<Vec<Json>, String>>()?;
            if is_sun(entity) {
                let wanted = values.iter().any(|value| value == "above_horizon");
                return Ok(json!({ "expression": if wanted { "${ sun.up }" } else { "${ not sun.up }" } }));
            }
            let may_be_gone = values.iter().any(Json::is_null);
            values.retain(|value| !value.is_null());
            let gone = if may_be_gone {
                let (place, thing) = (import.entities.place(entity, attribute)?, import.entities.thing(entity)?);
                Some(json!({ "expression": format!("${{ not known('{place}') or not online('{thing}') }}") }))
            } else {
                None
            };
            if let Some(gone) = gone.clone().filter(|_| values.is_empty()) {
                return if hold.is_none() {
                    Ok(gone)
                } else {
                    Err("unavailable for a time has no counterpart".to_owned())
                };
            }
            let mut condition = JsonMap::new();
            condition.insert("property".into(), import.entities.place(entity, attribute)?.into());
            let is = if values.len() == 1 { values[0].clone() } else { Json::Array(values) };
            condition.insert("is".into(), is);
            if let Some(hold) = &hold {
                condition.insert("for".into(), hold.clone().into());
            }
            let condition = Json::Object(condition);
            Ok(gone.map_or(condition.clone(), |gone| json!({ "any": [condition, gone] })))
        })
    }

    fn numeric_condition(&mut self, node: &Node) -> Result<Json, String> {
        let attribute = node.get("attribute").and_then(Node::text);
        self.of_each(node, |import, entity| {
            if let Some(expression) = import.numeric_expression(node, entity)? {
                return Ok(json!({ "expression": expression }));
            }
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

    fn time_condition(&self, node: &Node) -> Result<Json, String> {
        let (mut time, mut helpers) = (JsonMap::new(), Vec::new());
        for (key, op) in [("after", ">="), ("before", "<")] {
            let Some(text) = node.get(key) else { continue };
            match self.helper_time(text) {
                Some(minute) => helpers.push(format!("now.minute_of_day {op} {}", minute?)),
                None => drop(time.insert(key.into(), Self::time(text)?)),
            }
        }
        if let Some(days) = node.get("weekday") {
            time.insert("on".into(), Self::weekdays(days));
        }
        match (time.is_empty(), helpers.as_slice()) {
            (true, []) => Err("no time is named".to_owned()),
            (false, []) => Ok(json!({ "time": time })),
            (_, [one]) if !time.contains_key("after") && !time.contains_key("before") => {
                let expression = json!({ "expression": format!("${{ {one} }}") });
                Ok(if time.is_empty() { expression } else { json!({ "all": [{ "time": time }, expression] }) })
            }
            // It may go over midnight, which is not known before it is looked at.
            _ => Err("two times of helpers have no counterpart".to_owned()),
        }
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
