//! Triggers.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::Import;
use crate::import::entities::{is_sun, state_value};
use crate::import::template;
use crate::yaml::Node;

/// Keys that every trigger may have.
const COMMON: &[&str] = &["platform", "trigger", "id", "alias", "enabled", "variables"];

impl Import<'_> {
    /// The automation's own triggers: where it asks for them by number they get their numbers as ids.
    pub(super) fn own_triggers(&mut self, node: &Node, path: &str) -> Vec<Json> {
        let mut all = Vec::new();
        for (at, item) in node.items().iter().enumerate() {
            let path = format!("{path}[{at}]");
            let mut made = self.trigger(item, &path);
            let guard = Self::guard(item);
            let needs_id = self.has_ids || (guard.is_some() && node.items().len() > 1);
            for trigger in made.iter_mut().filter_map(Json::as_object_mut).filter(|_| needs_id) {
                trigger.entry("id").or_insert_with(|| at.to_string().into());
            }
            if let (Some(guard), Some(first)) = (guard, made.first()) {
                self.guarded(item, node, &path, guard, first.get("id").and_then(Json::as_str));
            }
            all.extend(made);
        }
        all
    }

    /// What must hold because a trigger excludes states: `not_from` and `not_to`.
    fn guard(node: &Node) -> Option<String> {
        let attribute = node.get("attribute").and_then(Node::text);
        let entities = Self::entity_ids(node.get("entity_id"));
        let excluded = |key: &str| {
            let states = node.get(key).map(Node::items).unwrap_or_default();
            let values = states
                .iter()
                .flat_map(|state| entities.iter().map(|entity| state_value(entity, attribute, &state.to_json())));
            let mut texts: Vec<String> = values.map(|value| template::value_text(&value)).collect();
            texts.sort();
            texts.dedup();
            texts
        };
        let mut parts = Vec::new();
        let has_to = node.get("to").is_some_and(|to| !to.items().is_empty());
        for (key, part, is_known) in
            // A change is one between values that are known.
            [("not_from", "trigger.previous", !has_to), ("not_to", "trigger.value", true)]
        {
            let mut texts = excluded(key);
            texts.retain(|text| !(is_known && text == "none"));
            if !texts.is_empty() {
                parts.push(format!("{part} not in [{}]", texts.join(", ")));
            }
        }
        (!parts.is_empty()).then(|| parts.join(" and "))
    }

    /// Puts what a trigger excludes among the conditions, for the runs that it sets off.
    fn guarded(&mut self, node: &Node, all: &Node, path: &str, guard: String, id: Option<&str>) {
        let same = |other: &&Node| id.is_some() && other.get("id").and_then(Node::text) == id;
        if all.items().iter().filter(same).count() > 1 {
            return self.left(node, path, "not_from and not_to have no counterpart when triggers share an id");
        }
        let expression = match id {
            Some(id) => format!("${{ trigger.id != {} or ({guard}) }}", template::value_text(&Json::from(id))),
            None => format!("${{ {guard} }}"),
        };
        self.guards.push(json!({ "expression": expression }));
    }

    /// Triggers that something waits for.
    pub(super) fn triggers(&mut self, node: &Node, path: &str) -> Vec<Json> {
        let mut all = Vec::new();
        for (at, item) in node.items().iter().enumerate() {
            let path = format!("{path}[{at}]");
            if Self::guard(item).is_some() {
                self.left(item, &path, "not_from and not_to have no counterpart here");
            }
            all.extend(self.trigger(item, &path));
        }
        all
    }

    fn trigger(&mut self, node: &Node, path: &str) -> Vec<Json> {
        if self.is_off(node, path) {
            return Vec::new();
        }
        if let Some(inner) = node.get("triggers") {
            return self.triggers(inner, &format!("{path}.triggers"));
        }
        if let Err(message) = Self::whole_here(node) {
            self.left(node, path, message);
            return Vec::new();
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
            "conversation" => Err("sentences set no rule off; ask has a grammar of its own".to_owned()),
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
        let attribute = node.get("attribute").and_then(Node::text);
        let mut all = Vec::new();
        for entity in Self::entity_ids(node.get("entity_id")) {
            let states = |key: &str| {
                let items = node.get(key).map(Node::items).unwrap_or_default();
                items.iter().map(|item| state_value(&entity, attribute, &item.to_json())).collect::<Vec<Json>>()
            };
            let (mut from, mut to) = (states("from"), states("to"));
            if is_sun(&entity) {
                all.extend(self.sun_changes(node, path, &from, &to, attribute)?);
                continue;
            }
            let mut trigger = JsonMap::new();
            let is_gone = |states: &[Json]| !states.is_empty() && states.iter().all(Json::is_null);
            if is_gone(&to) || (is_gone(&from) && to.is_empty()) {
                let word = if is_gone(&to) { "offline" } else { "online" };
                trigger.insert("presence".into(), self.entities.thing(&entity)?.into());
                trigger.insert("to".into(), word.into());
                self.hold(node, path, &mut trigger);
                all.push(Json::Object(trigger));
                continue;
            }
            if is_gone(&from) {
                return Err("from unavailable to a state has no counterpart".to_owned());
            }
            for (key, states) in [("from", &mut from), ("to", &mut to)] {
                let told = states.len();
                states.retain(|state| !state.is_null());
                if states.len() < told {
                    self.left(node, &format!("{path}.{key}"), "unavailable beside other states; look at presence");
                }
            }
            trigger.insert("property".into(), self.entities.place(&entity, attribute)?.into());
            for (key, states) in [("from", from), ("to", to)] {
                match states.as_slice() {
                    [] => {}
                    [one] => drop(trigger.insert(key.into(), one.clone())),
                    several => drop(trigger.insert(key.into(), several.to_vec().into())),
                }
            }
            self.hold(node, path, &mut trigger);
            all.push(Json::Object(trigger));
        }
        if all.is_empty() { Err("no entity is named".to_owned()) } else { Ok(all) }
    }

    /// The sun becomes something: it rises or sets.
    fn sun_changes(
        &mut self,
        node: &Node,
        path: &str,
        from: &[Json],
        to: &[Json],
        attribute: Option<&str>,
    ) -> Result<Vec<Json>, String> {
        if attribute.is_some() {
            return Err("changes of what the sun does have no counterpart; look at its elevation".to_owned());
        }
        let is = |states: &[Json], word: &str| states.is_empty() || states.iter().any(|state| state == word);
        let mut all = Vec::new();
        for (event, before, after) in
            [("sunrise", "below_horizon", "above_horizon"), ("sunset", "above_horizon", "below_horizon")]
        {
            if is(from, before) && is(to, after) {
                let mut trigger = JsonMap::new();
                trigger.insert("sun".into(), event.into());
                self.hold(node, path, &mut trigger);
                // It stays so for hours: having been so for a while is that much later.
                if let Some(hold) = trigger.remove("for") {
                    trigger.insert("offset".into(), hold);
                }
                all.push(Json::Object(trigger));
            }
        }
        Ok(all)
    }

    fn numeric_trigger(&mut self, node: &Node, path: &str) -> Result<Vec<Json>, String> {
        self.unread(node, path, &["entity_id", "above", "below", "for", "attribute", "value_template"]);
        let attribute = node.get("attribute").and_then(Node::text);
        let mut all = Vec::new();
        for entity in Self::entity_ids(node.get("entity_id")) {
            let mut trigger = JsonMap::new();
            match self.numeric_expression(node, &entity)? {
                Some(expression) => drop(trigger.insert("expression".into(), expression.into())),
                None => {
                    trigger.insert("property".into(), self.entities.place(&entity, attribute)?.into());
                    for key in ["above", "below"] {
                        if let Some(bound) = node.get(key) {
                            trigger.insert(key.into(), self.bound(bound)?);
                        }
                    }
                }
            }
            self.hold(node, path, &mut trigger);
            all.push(Json::Object(trigger));
        }
        if all.is_empty() { Err("no entity is named".to_owned()) } else { Ok(all) }
    }

    /// A range of something that is no property as it is: of the sun, of a brightness, or of a template.
    pub(super) fn numeric_expression(&self, node: &Node, entity: &str) -> Result<Option<String>, String> {
        let attribute = node.get("attribute").and_then(Node::text);
        let subject = match (node.get("value_template").and_then(Node::text), attribute) {
            (Some(text), _) => {
                // Within it `state` is the entity.
                let text = text.replace("state.state", &format!("states('{entity}')"));
                let text = text.replace("state.attributes.", &format!("states.{entity}.attributes."));
                template::whole(&text, &self.entities)?
            }
            (None, Some(attribute @ ("brightness" | "elevation"))) => {
                template::whole(&format!("{{{{ state_attr('{entity}', '{attribute}') }}}}"), &self.entities)?
            }
            _ if is_sun(entity) => return Err("the sun has an elevation and no other number".to_owned()),
            _ => return Ok(None),
        };
        let mut parts = Vec::new();
        for (key, op) in [("above", ">"), ("below", "<")] {
            if let Some(bound) = node.get(key) {
                let bound = match self.bound(bound)? {
                    Json::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                        Some(inner) => format!("({})", inner.trim()),
                        None => text,
                    },
                    number => number.to_string(),
                };
                parts.push(format!("number({subject}) {op} {bound}"));
            }
        }
        if parts.is_empty() {
            return Err("above or below is missing".to_owned());
        }
        Ok(Some(format!("${{ {} }}", parts.join(" and "))))
    }

    fn time_trigger(&mut self, node: &Node, path: &str) -> Result<Vec<Json>, String> {
        self.unread(node, path, &["at", "weekday"]);
        let days = node.get("weekday").map(Self::weekdays);
        let (mut times, mut all) = (Vec::new(), Vec::new());
        for item in node.get("at").map(Node::items).unwrap_or_default() {
            match self.helper_time(item) {
                // The time of a helper: looked at every minute.
                Some(Ok(minute)) if days.is_none() => {
                    all.push(json!({ "expression": format!("${{ now.minute_of_day == {minute} }}") }));
                }
                Some(Ok(_)) => self.left(item, &format!("{path}.at"), "weekdays do not go with the time of a helper"),
                Some(Err(message)) => self.left(item, &format!("{path}.at"), message),
                None => match Self::time(item) {
                    Ok(time) => times.push(time),
                    Err(message) => self.left(item, &format!("{path}.at"), message),
                },
            }
        }
        if let Some(first) = times.first().cloned() {
            let mut trigger = JsonMap::new();
            trigger.insert("time".into(), if times.len() == 1 { first } else { Json::Array(times) });
            if let Some(days) = days {
                trigger.insert("on".into(), days);
            }
            all.insert(0, Json::Object(trigger));
        }
        if all.is_empty() { Err("no time is left".to_owned()) } else { Ok(all) }
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
            let name: String =
                event.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
            let place = format!("{thing}/{name}");
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
        let topic = node.get("topic").and_then(Node::text).unwrap_or_default();
        let levels: Vec<&str> = topic.split('/').filter(|level| !level.is_empty()).collect();
        if topic.contains(['+', '#']) {
            return Err(format!("{topic:?} is a pattern; one trigger looks at one event"));
        }
        let place = match node.get("value_template").and_then(Node::text) {
            // One part of what a thing says is a property or event of it.
            Some(text) => match (value_of_json(text), levels.last()) {
                (Some(part), Some(thing)) => format!("{thing}/{part}"),
                _ => return Err("this template over a payload has no counterpart; let an adapter decode it".to_owned()),
            },
            None => match levels.as_slice() {
                [.., thing, name] => format!("{thing}/{name}"),
                _ => return Err(format!("{topic:?} names no thing and event")),
            },
        };
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
        let expression = template::whole(text, &self.entities)?;
        trigger.insert("expression".into(), format!("${{ {expression} }}").into());
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

/// The part of a payload that `{{ value_json.action }}` takes.
fn value_of_json(template: &str) -> Option<&str> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let part = inner.strip_prefix("value_json.")?;
    part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(part)
}

/// `minutes: "/5"` and the like.
fn time_pattern(node: &Node) -> Result<Json, String> {
    let part = |key: &str| node.get(key).and_then(Node::text);
    let (hours, minutes, seconds) = (part("hours"), part("minutes"), part("seconds"));
    // What does not divide an hour or a day begins anew with each.
    let step_of = |text: &str, whole: u64| {
        let step = text.strip_prefix('/').and_then(|text| text.parse::<u64>().ok());
        step.filter(|step| *step > 0 && whole.is_multiple_of(*step))
    };
    let step = |text: &str| step_of(text, 60);
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
        (Some(text), None | Some("0" | "00"), None | Some("0" | "00")) if step_of(text, 24).is_some() => {
            every(step_of(text, 24).unwrap_or(1), "h")
        }
        (None | Some("*"), Some(text), None | Some("0" | "00")) if at(text, 59).is_some() => {
            let minute = at(text, 59).unwrap_or(0);
            let times: Vec<Json> = (0..24).map(|hour| format!("{hour:02}:{minute:02}").into()).collect();
            Ok(json!({ "time": times }))
        }
        (Some(hour), minute, None | Some("0" | "00")) if at(hour, 23).is_some() => {
            let minute = minute.map_or(Some(0), |minute| at(minute, 59));
            match minute {
                Some(minute) => Ok(json!({ "time": format!("{:02}:{minute:02}", at(hour, 23).unwrap_or(0)) })),
                None => pattern(node),
            }
        }
        _ => pattern(node),
    }
}

/// Any other pattern, as an expression that is looked at every minute: it has to be false in between.
fn pattern(node: &Node) -> Result<Json, String> {
    let none = || Err("this pattern of time has no counterpart".to_owned());
    let part = |key: &str| node.get(key).and_then(Node::text).filter(|text| *text != "*");
    if !matches!(part("seconds"), None | Some("0" | "00")) {
        return none();
    }
    let mut parts = Vec::new();
    for (key, name) in [("hours", "now.hour"), ("minutes", "now.minute")] {
        let Some(text) = part(key) else { continue };
        let number = text.trim_start_matches('/').parse::<u32>().ok().filter(|number| *number < 60);
        match number {
            Some(step @ 2..) if text.starts_with('/') => parts.push(format!("{name} % {step} == 0")),
            Some(number) if !text.starts_with('/') => parts.push(format!("{name} == {number}")),
            _ => return none(),
        }
    }
    match part("minutes") {
        _ if parts.is_empty() => none(),
        None if node.get("minutes").is_some() => none(),
        None => Ok(json!({ "expression": format!("${{ {} and now.minute == 0 }}", parts.join(" and ")) })),
        Some(_) => Ok(json!({ "expression": format!("${{ {} }}", parts.join(" and ")) })),
    }
}
