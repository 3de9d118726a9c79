//! Thing models to and from W3C WoT Thing Descriptions 1.1 (<https://www.w3.org/TR/wot-thing-description11/>).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::thing_model::AFFORDANCES_MAX;
use crate::{
    ActionModel, DataType, EventModel, ModelError, Name, PropertyModel, PropertyRole, Severity, ThingModel, Unit, Value,
};

fn wot_type(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Json => "object",
        other => other.as_str(),
    }
}

fn schema(property: &PropertyModel) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("type".into(), wot_type(property.data_type).into());
    if !property.title.is_empty() {
        out.insert("title".into(), property.title.clone().into());
    }
    if !property.description.is_empty() {
        out.insert("description".into(), property.description.clone().into());
    }
    if let Some(unit) = &property.unit {
        out.insert("unit".into(), unit.as_str().into());
    }
    for (key, number) in [("minimum", property.minimum), ("maximum", property.maximum), ("multipleOf", property.step)] {
        if let Some(number) = number {
            out.insert(key.into(), number.into());
        }
    }
    if let Some(decimals) = property.decimals {
        out.insert("mm:decimals".into(), decimals.into());
    }
    if property.role != PropertyRole::Normal {
        out.insert("mm:role".into(), json!(property.role));
    }
    if !property.choices.is_empty() {
        out.insert("enum".into(), property.choices.iter().map(Value::to_json).collect());
    }
    out
}

pub(crate) fn to_wot(model: &ThingModel) -> Json {
    let properties: Map<String, Json> = model
        .properties
        .iter()
        .map(|(name, property)| {
            let mut out = schema(property);
            out.insert("readOnly".into(), (!property.writable).into());
            out.insert("writeOnly".into(), (!property.readable).into());
            out.insert("observable".into(), property.readable.into());
            (name.to_string(), Json::Object(out))
        })
        .collect();
    let events: Map<String, Json> = model
        .events
        .iter()
        .map(|(name, event)| {
            let event = json!({"title": event.title, "description": event.description, "mm:severity": event.severity});
            (name.to_string(), event)
        })
        .collect();
    let actions: Map<String, Json> = model
        .actions
        .iter()
        .map(|(name, action)| {
            let mut out = json!({"title": action.title, "description": action.description, "mm:hold": action.hold});
            if !action.input.is_empty() {
                let fields: Map<String, Json> =
                    action.input.iter().map(|(name, field)| (name.to_string(), schema(field).into())).collect();
                out["input"] = json!({"type": "object", "properties": fields});
            }
            (name.to_string(), out)
        })
        .collect();
    json!({
        "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"mm": "urn:manmul:model:"}],
        "@type": ["tm:ThingModel", format!("mm:{}", model.kind)],
        "id": format!("urn:manmul:model:{}", model.id),
        "title": if model.title.is_empty() { &model.id } else { &model.title },
        "description": model.description,
        "version": {"model": model.version},
        "properties": properties,
        "events": events,
        "actions": actions,
    })
}

fn wrong(place: &str, problem: impl Into<String>) -> ModelError {
    ModelError::Document { place: place.to_owned(), problem: problem.into() }
}

fn text(object: &Map<String, Json>, key: &str) -> String {
    object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// A named member of `properties`, `events` or `actions`.
type Member<'a> = (Name, &'a Map<String, Json>);

fn members<'a>(document: &'a Map<String, Json>, key: &str) -> Result<Vec<Member<'a>>, ModelError> {
    let Some(members) = document.get(key) else { return Ok(Vec::new()) };
    let members = members.as_object().ok_or_else(|| wrong(key, "expected an object"))?;
    if members.len() > AFFORDANCES_MAX {
        return Err(wrong(key, format!("{} entries, at most {AFFORDANCES_MAX} are accepted", members.len())));
    }
    members
        .iter()
        .map(|(name, member)| {
            let place = format!("{key}.{name}");
            let member = member.as_object().ok_or_else(|| wrong(&place, "expected an object"))?;
            Ok((Name::new(name).map_err(|error| wrong(&place, error.to_string()))?, member))
        })
        .collect()
}

fn property(place: &str, schema: &Map<String, Json>) -> Result<PropertyModel, ModelError> {
    let data_type = match schema.get("type").and_then(Json::as_str) {
        Some("boolean") => DataType::Boolean,
        Some("integer") => DataType::Integer,
        Some("number") => DataType::Number,
        Some("string") => DataType::String,
        Some("object" | "array" | "null") | None => DataType::Json,
        Some(other) => return Err(wrong(place, format!("unknown type {other:?}"))),
    };
    let flag = |key: &str| schema.get(key).and_then(Json::as_bool).unwrap_or(false);
    let number = |key: &str| schema.get(key).and_then(Json::as_f64);
    Ok(PropertyModel {
        title: text(schema, "title"),
        description: text(schema, "description"),
        data_type,
        unit: schema.get("unit").and_then(Json::as_str).map(Unit::new),
        minimum: number("minimum"),
        maximum: number("maximum"),
        step: number("multipleOf"),
        decimals: schema.get("mm:decimals").and_then(Json::as_u64).and_then(|digits| u8::try_from(digits).ok()),
        choices: schema
            .get("enum")
            .and_then(Json::as_array)
            .map(|choices| choices.iter().cloned().map(Value::from_json).collect())
            .unwrap_or_default(),
        readable: !flag("writeOnly"),
        writable: !flag("readOnly"),
        role: schema
            .get("mm:role")
            .and_then(|role| serde_json::from_value(role.clone()).ok())
            .unwrap_or(PropertyRole::Normal),
    })
}

pub(crate) fn from_wot(document: &Json) -> Result<ThingModel, ModelError> {
    let document = document.as_object().ok_or_else(|| wrong("document", "expected a JSON object"))?;
    let types: Vec<&str> = match document.get("@type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = types.iter().find(|kind| !kind.ends_with("ThingModel") && **kind != "Thing").copied().unwrap_or("");
    let mut model = ThingModel {
        id: text(document, "id").trim_start_matches("urn:manmul:model:").to_owned(),
        title: text(document, "title"),
        description: text(document, "description"),
        kind: kind.rsplit(':').next().unwrap_or_default().to_lowercase(),
        version: document
            .get("version")
            .and_then(|version| version.get("model").or_else(|| version.get("instance")))
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned(),
        ..ThingModel::default()
    };
    for (name, schema) in members(document, "properties")? {
        let place = format!("properties.{name}");
        model.properties.insert(name, property(&place, schema)?);
    }
    for (name, event) in members(document, "events")? {
        let severity: Option<Severity> =
            event.get("mm:severity").and_then(|severity| serde_json::from_value(severity.clone()).ok());
        let event = EventModel {
            title: text(event, "title"),
            description: text(event, "description"),
            severity: severity.unwrap_or_default(),
        };
        model.events.insert(name, event);
    }
    for (name, action) in members(document, "actions")? {
        let mut input = BTreeMap::new();
        if let Some(fields) = action.get("input").and_then(Json::as_object) {
            for (field, schema) in members(fields, "properties")? {
                let place = format!("actions.{name}.input.{field}");
                input.insert(field, PropertyModel { writable: true, ..property(&place, schema)? });
            }
        }
        let action = ActionModel {
            title: text(action, "title"),
            description: text(action, "description"),
            input,
            hold: action.get("mm:hold").and_then(Json::as_bool).unwrap_or(false),
        };
        model.actions.insert(name, action);
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_the_round_trip() {
        let model: ThingModel = serde_json::from_value(json!({
            "id": "lamp", "title": "Lamp", "kind": "light", "version": "1",
            "properties": {"on": {"type": "boolean", "writable": true, "role": "primary"},
                           "power": {"type": "number", "unit": "W", "minimum": 0.0, "decimals": 1}},
            "events": {"overheated": {"title": "Too hot", "severity": "fault"}},
            "actions": {"fade": {"input": {"level": {"type": "integer", "minimum": 0.0, "maximum": 100.0, "writable": true}}, "hold": true}}
        }))
        .unwrap();
        assert_eq!(ThingModel::from_wot(&model.to_wot()).unwrap(), model);
    }

    #[test]
    fn errors_name_the_place() {
        let error = ThingModel::from_wot(&json!({"properties": {"on": {"type": "bool"}}})).unwrap_err();
        assert_eq!(error.to_string(), "properties.on: unknown type \"bool\"");
        assert_eq!(
            ThingModel::from_wot(&json!({"actions": {"a/b": {}}})).unwrap_err().to_string(),
            "actions.a/b: an id must not contain '/'"
        );
    }
}
