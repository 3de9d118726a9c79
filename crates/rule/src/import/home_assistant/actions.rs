//! Actions.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::{Group, Import};
use crate::import::template;
use crate::yaml::{Data, Node};

const REFERS_TO_MORE: &str = "labels and devices have no counterpart; name entities";

type Made = Result<Vec<Json>, String>;

impl Import<'_> {
    pub(super) fn actions(&mut self, node: &Node, path: &str) -> Vec<Json> {
        let is_list = matches!(node.data, Data::List(_));
        let items: Vec<(String, &Node)> = node
            .items()
            .iter()
            .enumerate()
            .map(|(at, item)| (if is_list { format!("{path}[{at}]") } else { path.to_owned() }, item))
            .collect();
        self.sequence(&items)
    }

    fn sequence(&mut self, items: &[(String, &Node)]) -> Vec<Json> {
        let mut all = Vec::new();
        for (at, (path, node)) in items.iter().enumerate() {
            if self.is_off(node, path) {
                continue;
            }
            // A condition among actions: what follows is done only if it holds.
            if is_condition(node) {
                if let Some(condition) = self.condition(node, path) {
                    let rest = self.sequence(&items[at + 1..]);
                    if !rest.is_empty() {
                        all.push(json!({ "choose": [{ "if": [condition], "do": rest }] }));
                    }
                    return all;
                }
                continue;
            }
            match self.action(node, path) {
                Ok(actions) => all.extend(actions),
                Err(message) => self.left(node, path, message),
            }
        }
        all
    }

    fn action(&mut self, node: &Node, path: &str) -> Made {
        if let Some(key) = ["response_variable", "continue_on_error"].into_iter().find(|key| node.get(key).is_some()) {
            self.left(node, path, format!("{key} has no counterpart"));
        }
        Self::whole_here(node)?;
        let has = |key: &str| node.get(key);
        if let Some(service) = has("action").or_else(|| has("service")).or_else(|| has("service_template")) {
            let name = service.text().unwrap_or_default();
            if template::is_template(name) {
                return self.chosen_service(name, node, path);
            }
            let made = self.service(name, node, path)?;
            self.carry("action", name);
            return Ok(made);
        }
        let sorts = [
            "scene",
            "delay",
            "wait_template",
            "wait_for_trigger",
            "choose",
            "if",
            "repeat",
            "parallel",
            "sequence",
            "variables",
            "stop",
            "event",
            "device_id",
        ];
        let Some(sort) = sorts.into_iter().find(|sort| node.get(sort).is_some()) else {
            return Err("the action does not say what it is".to_owned());
        };
        let made = match (sort, node.get(sort)) {
            ("scene", Some(scene)) => Ok(vec![json!({ "scene": scene_name(scene.text().unwrap_or_default()) })]),
            ("delay", Some(delay)) => Ok(vec![json!({ "delay": self.duration(delay)? })]),
            ("wait_template", Some(text)) => self.wait_template(node, text, path),
            ("wait_for_trigger", Some(triggers)) => {
                let triggers = self.triggers(triggers, &format!("{path}.wait_for_trigger"));
                self.wait(node, triggers, path).map(|wait| vec![wait])
            }
            ("choose", Some(choose)) => self.choose(node, choose, path),
            ("if", Some(conditions)) => self.if_then(node, conditions, path),
            ("repeat", Some(repeat)) => self.repeat(repeat, &format!("{path}.repeat")),
            ("parallel", Some(branches)) => Ok(self.parallel(node, branches, path)),
            ("sequence", Some(inner)) => Ok(self.actions(inner, &format!("{path}.sequence"))),
            ("variables", Some(variables)) => {
                let variables = self.variables(variables, &format!("{path}.variables"));
                Ok(if variables.is_empty() { Vec::new() } else { vec![json!({ "variables": variables })] })
            }
            ("stop", Some(reason)) => Ok(vec![json!({ "stop": self.value(reason)? })]),
            ("device_id", _) => self.device_action(node),
            (other, _) => Err(format!("the action {other} has no counterpart")),
        }?;
        self.carry("action", sort);
        Ok(made)
    }

    /// A service whose name is worked out: one way for each name that it may come to.
    fn chosen_service(&mut self, name: &str, node: &Node, path: &str) -> Made {
        let mut branches = Vec::new();
        for (under, name) in template::alternatives(name, &self.entities)? {
            let made = self.service(&name, node, path)?;
            self.carry("action", &name);
            match under {
                Some(test) => branches.push(json!({ "if": [{ "expression": format!("${{ {test} }}") }], "do": made })),
                None if branches.is_empty() => return Ok(made),
                None => return Ok(vec![json!({ "choose": branches, "otherwise": made })]),
            }
        }
        Ok(vec![json!({ "choose": branches })])
    }

    fn wait(&mut self, node: &Node, triggers: Vec<Json>, path: &str) -> Result<Json, String> {
        if triggers.is_empty() {
            return Err("nothing is left to wait for".to_owned());
        }
        let mut wait = JsonMap::new();
        wait.insert("for".into(), Json::Array(triggers));
        if let Some(timeout) = node.get("timeout") {
            match self.fixed_duration(timeout) {
                Ok(timeout) => drop(wait.insert("timeout".into(), timeout.into())),
                Err(message) => self.left(timeout, &format!("{path}.timeout"), message),
            }
            let goes_on = node.get("continue_on_timeout").is_none_or(|it| it.to_json() != json!(false));
            if !goes_on {
                wait.insert("then".into(), "stop".into());
            }
        }
        Ok(json!({ "wait": wait }))
    }

    /// What is true already is not waited for.
    fn wait_template(&mut self, node: &Node, text: &Node, path: &str) -> Made {
        let text = text.text().unwrap_or_default();
        let expression = format!("${{ {} }}", template::whole(text, &self.entities)?);
        let wait = self.wait(node, vec![json!({ "expression": expression })], path)?;
        Ok(vec![json!({ "choose": [{ "if": [{ "not": [{ "expression": expression }] }], "do": [wait] }] })])
    }

    fn choose(&mut self, node: &Node, choose: &Node, path: &str) -> Made {
        let mut branches = Vec::new();
        for (at, branch) in choose.items().iter().enumerate() {
            let path = format!("{path}.choose[{at}]");
            if self.is_off(branch, &path) {
                continue;
            }
            let conditions = branch.get("conditions").map(|it| self.conditions(it, &format!("{path}.conditions")));
            let actions = branch.get("sequence").map(|it| self.actions(it, &format!("{path}.sequence")));
            let conditions = conditions.unwrap_or_default();
            if conditions.is_empty() {
                self.left(branch, &path, "a way without conditions");
                continue;
            }
            branches.push(json!({ "if": conditions, "do": actions.unwrap_or_default() }));
        }
        if branches.is_empty() {
            return Err("there is nothing to choose from".to_owned());
        }
        let mut made = JsonMap::new();
        made.insert("choose".into(), Json::Array(branches));
        if let Some(default) = node.get("default") {
            let otherwise = self.actions(default, &format!("{path}.default"));
            if !otherwise.is_empty() {
                made.insert("otherwise".into(), Json::Array(otherwise));
            }
        }
        Ok(vec![Json::Object(made)])
    }

    fn if_then(&mut self, node: &Node, conditions: &Node, path: &str) -> Made {
        let conditions = self.conditions(conditions, &format!("{path}.if"));
        if conditions.is_empty() {
            return Err("no condition is left".to_owned());
        }
        let mut actions =
            |key: &str| node.get(key).map(|it| self.actions(it, &format!("{path}.{key}"))).unwrap_or_default();
        let (then, otherwise) = (actions("then"), actions("else"));
        let mut made = JsonMap::new();
        made.insert("choose".into(), json!([{ "if": conditions, "do": then }]));
        if !otherwise.is_empty() {
            made.insert("otherwise".into(), Json::Array(otherwise));
        }
        Ok(vec![Json::Object(made)])
    }

    fn repeat(&mut self, node: &Node, path: &str) -> Made {
        let actions = node.get("sequence").map(|it| self.actions(it, &format!("{path}.sequence"))).unwrap_or_default();
        if actions.is_empty() {
            return Err("there is nothing to repeat".to_owned());
        }
        let mut repeat = JsonMap::new();
        if let Some(count) = node.get("count") {
            match count.text().filter(|text| template::is_template(text)) {
                Some(text) => {
                    let times = template::whole(text, &self.entities)?;
                    let goes_on = format!("${{ repeat.index < {times} }}");
                    repeat.insert("while".into(), json!([{ "expression": goes_on }]));
                }
                None => {
                    let times = count.to_json().as_i64().filter(|times| (1..=1_000).contains(times));
                    let Some(times) = times else { return Err("a count has to be a number from 1 to 1000".to_owned()) };
                    repeat.insert("times".into(), times.into());
                }
            }
        } else if let Some(items) = node.get("for_each") {
            match self.value(items)? {
                Json::Array(items) => drop(repeat.insert("each".into(), Json::Array(items))),
                _ => return Err("a list that is worked out has no counterpart".to_owned()),
            }
        } else {
            let Some((key, conditions)) = ["while", "until"].into_iter().find_map(|key| Some((key, node.get(key)?)))
            else {
                return Err("it is not said how often".to_owned());
            };
            let conditions = self.conditions(conditions, &format!("{path}.{key}"));
            repeat.insert(key.into(), Json::Array(conditions));
        }
        repeat.insert("do".into(), Json::Array(actions));
        Ok(vec![json!({ "repeat": repeat })])
    }

    /// Branches side by side take no time, and so can follow each other; unless they wait.
    fn parallel(&mut self, node: &Node, branches: &Node, path: &str) -> Vec<Json> {
        let mut all = Vec::new();
        for (at, branch) in branches.items().iter().enumerate() {
            let path = format!("{path}.parallel[{at}]");
            match branch.get("sequence") {
                Some(inner) => all.extend(self.actions(inner, &format!("{path}.sequence"))),
                None => all.extend(self.actions(branch, &path)),
            }
        }
        if all.iter().any(waits) {
            self.left(node, path, "branches that wait are done one after the other");
        }
        all
    }

    fn device_action(&mut self, node: &Node) -> Made {
        let entity =
            node.get("entity_id").and_then(Node::text).filter(|entity| entity.contains('.')).map(str::to_owned);
        match (entity, node.get("type").and_then(Node::text)) {
            (Some(entity), Some(word @ ("turn_on" | "turn_off"))) => {
                Ok(vec![json!({ "set": self.entities.place(&entity, None)?, "to": word == "turn_on" })])
            }
            (Some(entity), Some("toggle")) => self.toggle(&entity).map(|it| vec![it]),
            _ => Err("actions of devices are known by numbers that mean nothing here; name an entity".to_owned()),
        }
    }

    fn toggle(&self, entity: &str) -> Result<Json, String> {
        let place = self.entities.place(entity, None)?;
        Ok(json!({ "set": place, "to": format!("${{ not value('{place}') }}") }))
    }

    /// The entities that a service is for, and its data.
    fn service(&mut self, name: &str, node: &Node, path: &str) -> Made {
        let Some((domain, service)) = name.split_once('.') else {
            return Err(format!("{name:?} is no service; it is written domain.service"));
        };
        let target = node.get("target");
        let data = node.get("data").or_else(|| node.get("data_template"));
        let mut entities = Vec::new();
        for from in [target, data, Some(node)].into_iter().flatten() {
            entities.extend(self.entities_of(from, domain, path));
        }
        let mut fields = JsonMap::new();
        for (key, value) in data.and_then(Node::entries).unwrap_or_default() {
            if matches!(key.text.as_str(), "entity_id" | "area_id" | "device_id" | "label_id" | "floor_id") {
                continue;
            }
            match self.value(value) {
                Ok(value) => drop(fields.insert(key.text.clone(), value)),
                Err(message) => self.left(value, &format!("{path}.data.{}", key.text), message),
            }
        }
        match (domain, service) {
            ("notify", _) | ("persistent_notification", "create") => self.notify(domain, service, node, path, fields),
            ("scene", "turn_on") => {
                Ok(entities.iter().map(|entity| json!({ "scene": scene_name(entity) })).collect::<Vec<Json>>())
                    .and_then(|made| if made.is_empty() { Err("no scene is named".to_owned()) } else { Ok(made) })
            }
            _ if entities.is_empty() => Err(format!("{name} is not for an entity, and has no counterpart")),
            _ => {
                let mut made = Vec::new();
                for entity in &entities {
                    made.extend(self.service_of(domain, service, entity, node, path, &fields)?);
                }
                Ok(made)
            }
        }
    }

    /// The entities that a target names, by themselves or by where they are.
    fn entities_of(&mut self, target: &Node, domain: &str, path: &str) -> Vec<String> {
        let path = format!("{path}.target");
        let mut all = Vec::new();
        for entity in Self::entity_ids(target.get("entity_id")) {
            match entity.as_str() {
                "none" => {}
                "all" => match self.entities.members(Group::All, domain) {
                    Some(members) => all.extend(members),
                    None => self.left(target, &path, format!("which {domain}s there are is not known; name entities")),
                },
                _ => all.push(entity),
            }
        }
        for (key, what) in [("area_id", "area"), ("floor_id", "floor")] {
            for id in Self::entity_ids(target.get(key)) {
                let group = if key == "area_id" { Group::Area(&id) } else { Group::Floor(&id) };
                match self.entities.members(group, domain) {
                    Some(members) => all.extend(members),
                    None => self.left(
                        target,
                        &path,
                        format!("which {domain}s are in the {what} {id} is not known; name entities"),
                    ),
                }
            }
        }
        if ["device_id", "label_id"].into_iter().any(|key| target.get(key).is_some()) {
            self.left(target, &path, REFERS_TO_MORE);
        }
        all
    }

    fn notify(
        &mut self,
        domain: &str,
        service: &str,
        node: &Node,
        path: &str,
        mut fields: JsonMap<String, Json>,
    ) -> Made {
        let Some(message) = fields.remove("message") else { return Err("there is no message".to_owned()) };
        let mut notify = JsonMap::new();
        if let Some(title) = fields.remove("title") {
            notify.insert("title".into(), title);
        }
        notify.insert("message".into(), message);
        let person = service.strip_prefix("mobile_app_").filter(|_| domain == "notify");
        if let Some(person) = person {
            notify.insert("to".into(), json!([person]));
            self.entities.guess(format!("notify.{service}"), &format!("the person {person}"));
        }
        fields.remove("notification_id");
        for key in fields.keys() {
            self.left(node, &format!("{path}.data.{key}"), format!("{key} of a message has no counterpart"));
        }
        Ok(vec![json!({ "notify": notify })])
    }

    /// What a service does to one entity.
    fn service_of(
        &mut self,
        domain: &str,
        service: &str,
        entity: &str,
        node: &Node,
        path: &str,
        fields: &JsonMap<String, Json>,
    ) -> Made {
        let own = entity.split_once('.').map_or(domain, |(own, _)| own).to_owned();
        if matches!(own.as_str(), "script" | "automation") {
            return Err(format!("{own}s are not called; put what they do here"));
        }
        let mut sets = JsonMap::new();
        let mut left: Vec<String> = fields.keys().cloned().collect();
        let mut take = |key: &str| {
            left.retain(|other| other != key);
            fields.get(key).cloned()
        };
        match (own.as_str(), service) {
            (_, "toggle") => {
                let toggle = self.toggle(entity)?;
                return Ok(vec![toggle]);
            }
            (
                "light" | "switch" | "fan" | "input_boolean" | "siren" | "humidifier" | "remote" | "group",
                "turn_on" | "turn_off",
            ) => {
                sets.insert(self.entities.place(entity, None)?, json!(service == "turn_on"));
                for (key, ours) in [
                    ("brightness_pct", "brightness"),
                    ("percentage", "speed"),
                    ("color_temp_kelvin", "color-temperature"),
                    ("kelvin", "color-temperature"),
                    ("rgb_color", "color"),
                    ("color_name", "color"),
                    ("effect", "effect"),
                    ("preset_mode", "preset"),
                ] {
                    if let Some(value) = take(key) {
                        sets.insert(self.entities.place(entity, Some(ours))?, value);
                    }
                }
                if let Some(mired) = take("color_temp").and_then(|value| value.as_f64()).filter(|mired| *mired > 0.0) {
                    let kelvin = (1e6 / mired).round() as i64;
                    sets.insert(self.entities.place(entity, Some("color-temperature"))?, kelvin.into());
                }
                if let Some(value) = take("brightness") {
                    let percent = match value {
                        Json::Number(number) => json!((number.as_f64().unwrap_or(0.0) / 2.55).round() as i64),
                        Json::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                            Some(inner) => json!(format!("${{ round(({}) / 2.55) }}", inner.trim())),
                            None => return Err("a brightness has to be a number".to_owned()),
                        },
                        _ => return Err("a brightness has to be a number".to_owned()),
                    };
                    sets.insert(self.entities.place(entity, Some("brightness"))?, percent);
                }
            }
            ("climate" | "water_heater", "set_temperature") => {
                if let Some(value) = take("temperature") {
                    sets.insert(self.entities.place(entity, Some("temperature"))?, value);
                }
                if let Some(value) = take("hvac_mode") {
                    sets.insert(self.entities.place(entity, None)?, value);
                }
            }
            ("climate", "set_hvac_mode") => {
                if let Some(value) = take("hvac_mode") {
                    sets.insert(self.entities.place(entity, None)?, value);
                }
            }
            ("climate", "turn_off") => drop(sets.insert(self.entities.place(entity, None)?, json!("off"))),
            ("climate" | "fan", "set_preset_mode") => {
                if let Some(value) = take("preset_mode") {
                    sets.insert(self.entities.place(entity, Some("preset"))?, value);
                }
            }
            ("fan", "set_percentage") => {
                if let Some(value) = take("percentage") {
                    sets.insert(self.entities.place(entity, Some("speed"))?, value);
                }
            }
            ("cover" | "valve", "set_cover_position" | "set_valve_position") => {
                if let Some(value) = take("position") {
                    sets.insert(self.entities.place(entity, Some("position"))?, value);
                }
            }
            ("input_number" | "number" | "input_text" | "text", "set_value") => {
                if let Some(value) = take("value") {
                    sets.insert(self.entities.place(entity, None)?, value);
                }
            }
            ("input_select" | "select", "select_option") => {
                if let Some(value) = take("option") {
                    sets.insert(self.entities.place(entity, None)?, value);
                }
            }
            ("media_player", "volume_set") => {
                if let Some(value) = take("volume_level") {
                    sets.insert(self.entities.place(entity, Some("volume_level"))?, value);
                }
            }
            _ => {
                let place = format!("{}/{}", self.entities.thing(entity)?, service.replace('_', "-"));
                self.entities.guess(format!("{domain}.{service} of {entity}"), &format!("the action {place}"));
                let mut action = JsonMap::new();
                action.insert("action".into(), place.into());
                if !fields.is_empty() {
                    action.insert("input".into(), Json::Object(fields.clone()));
                }
                return Ok(vec![Json::Object(action)]);
            }
        }
        if sets.is_empty() {
            return Err(format!("{domain}.{service} says nothing that can be set"));
        }
        for key in left {
            self.left(node, &format!("{path}.data.{key}"), format!("{key} has no counterpart"));
        }
        let first = sets.iter().next().map(|(place, value)| (place.clone(), value.clone()));
        Ok(match (sets.len(), first) {
            (1, Some((place, value))) => vec![json!({ "set": place, "to": value })],
            _ => vec![json!({ "set": sets })],
        })
    }
}

fn is_condition(node: &Node) -> bool {
    let shorthand = ["and", "or", "not"].into_iter().any(|key| node.get(key).is_some());
    node.get("condition").is_some() || shorthand || node.text().is_some_and(template::is_template)
}

fn scene_name(entity: &str) -> String {
    entity.strip_prefix("scene.").unwrap_or(entity).replace('_', "-")
}

fn waits(action: &Json) -> bool {
    match action {
        Json::Object(map) => map.iter().any(|(key, inner)| matches!(key.as_str(), "delay" | "wait") || waits(inner)),
        Json::Array(items) => items.iter().any(waits),
        _ => false,
    }
}
