//! Words about foreign data for diagnostics: short, and never more than a little of it.

use serde_json::Value as Json;

/// The most characters of foreign text that a diagnostic shows.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// The start of a text, with an ellipsis when there is more.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What sort of JSON value this is, with its article.
pub(crate) fn json_kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
