//! Text as Python writes it, because producers' payloads and templates were made against Home Assistant's Jinja2.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use serde_json::Value as Json;

/// `str(value)` of a JSON value from a configuration or payload.
pub(super) fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Array(_) | Json::Object(_) => text(&Value::from_serialize(json)),
    }
}

/// `str(value)` of a value in a template.
pub(super) fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_undefined() => String::new(),
        None => {
            let mut out = String::new();
            write_literal(&mut out, value);
            out
        }
    }
}

/// Writes `repr(value)`.
fn write_literal(out: &mut String, value: &Value) {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for character in text.chars() {
                match character {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    character if character == quote => {
                        out.push('\\');
                        out.push(quote);
                    }
                    character => out.push(character),
                }
            }
            out.push(quote);
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_literal(out, &item);
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_literal(out, &key);
                out.push_str(": ");
                write_literal(out, &value.get_item(&key).unwrap_or_default());
            }
            out.push('}');
        }
        _ => write!(out, "{value}").expect("writing to a String cannot fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_in_python() {
        let json = json!({"a": true, "b": [1, 2.0, null, "it's", "say \"it's\""]});
        assert_eq!(text_of(&json), r#"{'a': True, 'b': [1, 2.0, None, "it's", 'say "it\'s"']}"#);
        assert_eq!(text_of(&json!(false)), "False");
        assert_eq!(text_of(&json!("x")), "x");
    }
}
