//! The `device` of discovery messages, which becomes a thing.

use model::ThingId;
use model::id::ID_BYTES_MAX;
use serde_json::{Map, Value as Json};

use super::python;

/// What a producer says of the device that a component belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Device {
    /// What identifies it: its identifiers, then its connections as `kind:address`.
    pub(super) keys: Vec<String>,
    pub(super) name: String,
    /// Manufacturer and model.
    pub(super) product: String,
    pub(super) version: String,
    pub(super) area: Option<String>,
    /// An identifier of the gateway that it speaks through.
    pub(super) via: Option<String>,
}

impl Device {
    /// Reads the object; `None` when nothing in it identifies the device.
    pub(super) fn parse(device: &Map<String, Json>) -> Option<Self> {
        let text =
            |key: &str| device.get(key).filter(|value| !value.is_null()).map(python::text_of).unwrap_or_default();
        let mut keys: Vec<String> = match device.get("identifiers") {
            Some(Json::Array(items)) => items.iter().map(python::text_of).collect(),
            Some(Json::Null) | None => Vec::new(),
            Some(one) => vec![python::text_of(one)],
        };
        for connection in device.get("connections").and_then(Json::as_array).into_iter().flatten() {
            if let Some([kind, address]) = connection.as_array().map(Vec::as_slice) {
                keys.push(format!("{}:{}", python::text_of(kind), python::text_of(address).to_lowercase()));
            }
        }
        keys.retain(|key| !key.is_empty());
        if keys.is_empty() {
            return None;
        }
        let product = format!("{} {}", text("manufacturer"), text("model")).trim().to_owned();
        Some(Self {
            keys,
            name: text("name"),
            product,
            version: text("sw_version"),
            area: Some(text("suggested_area")).filter(|area| !area.is_empty()),
            via: Some(text("via_device")).filter(|via| !via.is_empty()),
        })
    }
}

/// The thing that an identifier names: itself, with `_` for what an id cannot have.
pub(super) fn thing_id(key: &str) -> Option<ThingId> {
    let mut id: String = key
        .trim()
        .chars()
        .map(|c| if matches!(c, '/' | '+' | '#' | ' ') || c.is_control() { '_' } else { c })
        .collect();
    if id.len() > ID_BYTES_MAX {
        // Long identifiers often differ at their ends only.
        let start = (id.len() - ID_BYTES_MAX..id.len()).find(|start| id.is_char_boundary(*start))?;
        id.drain(..start);
    }
    ThingId::new(&id).ok()
}

/// Text as the name of a property: lower case, `_` between words.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() {
            out.extend(character.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    let end = (0..=out.len().min(SLUG_BYTES_MAX)).rev().find(|end| out.is_char_boundary(*end)).unwrap_or(0);
    out.truncate(end);
    out
}

/// The longest slug, in bytes: leaves room for the name of an aspect.
const SLUG_BYTES_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_and_ids_are_valid() {
        assert_eq!(slug("Soil temperature (°C)"), "soil_temperature_c");
        assert_eq!(slug("__"), "");
        assert_eq!(slug(&"é".repeat(100)).len(), SLUG_BYTES_MAX);
        assert_eq!(thing_id("a/b c").unwrap().as_str(), "a_b_c");
        assert_eq!(thing_id(&"é".repeat(100)).unwrap().as_str().len(), ID_BYTES_MAX);
        assert_eq!(thing_id(" "), None);
    }

    #[test]
    fn devices_are_identified_by_identifiers_or_connections() {
        let parse = |json: Json| Device::parse(json.as_object().unwrap());
        assert_eq!(parse(serde_json::json!({"name": "x"})), None);
        let device =
            parse(serde_json::json!({"identifiers": [12], "connections": [["mac", "AA:BB"]], "manufacturer": "A"}));
        assert_eq!(device.unwrap().keys, ["12", "mac:aa:bb"]);
    }
}
