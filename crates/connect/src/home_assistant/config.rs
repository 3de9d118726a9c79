//! One component's configuration, with typed access to its keys.

use serde_json::{Map, Value as Json};

use super::python;

/// A component's configuration after its short keys and `~` are written out.
#[derive(Debug, Clone, Default)]
pub(super) struct Config(Map<String, Json>);

impl Config {
    /// Writes out the topic base: `~` at either end of whatever ends in `topic`.
    pub(super) fn new(mut config: Map<String, Json>) -> Self {
        if let Some(Json::String(base)) = config.remove("~") {
            replace_base(&mut config, &base);
            if let Some(Json::Array(items)) = config.get_mut("availability") {
                items.iter_mut().filter_map(Json::as_object_mut).for_each(|item| replace_base(item, &base));
            }
        }
        Self(config)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there, even as null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A payload or word: what is no text is written as Python would.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(python::text_of)
    }

    pub(super) fn text_or(&self, key: &str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// Text that is not empty.
    pub(super) fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.flag_or(key, false)
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> bool {
        match self.get(key) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(text)) => matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "1" | "enable"),
            Some(Json::Number(number)) => number.as_f64() != Some(0.0),
            _ => default,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    pub(super) fn number_or(&self, key: &str, default: f64) -> f64 {
        self.number(key).unwrap_or(default)
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Json::Array(items)) => items.iter().map(python::text_of).collect(),
            Some(Json::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    pub(super) fn array(&self, key: &str) -> &[Json] {
        self.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }
}

fn replace_base(config: &mut Map<String, Json>, base: &str) {
    for (key, value) in config.iter_mut() {
        let Json::String(topic) = value else { continue };
        if !key.ends_with("topic") || topic.is_empty() {
            continue;
        }
        if let Some(rest) = topic.strip_prefix('~') {
            *topic = format!("{base}{rest}");
        } else if let Some(rest) = topic.strip_suffix('~') {
            *topic = format!("{rest}{base}");
        }
    }
}
