//! Writes our own text for an imported rule: block style, short lists and maps on one line.

use serde_json::Value as Json;

/// How long a list or map may be to stand on one line.
const LINE_MAX: usize = 100;

/// The YAML of a map.
pub(super) fn document(rule: &serde_json::Map<String, Json>) -> String {
    let mut out = String::new();
    map(rule, 0, &mut out);
    out
}

fn map(entries: &serde_json::Map<String, Json>, indent: usize, out: &mut String) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&key_text(key));
        out.push(':');
        below(value, indent, key, out);
    }
}

/// A value after its key.
fn below(value: &Json, indent: usize, key: &str, out: &mut String) {
    let is_block = matches!(key, "triggers" | "conditions" | "actions" | "do" | "otherwise" | "choose" | "if" | "for");
    match value {
        Json::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Json::Array(items) if is_block || flow(value).len() > LINE_MAX => {
            out.push('\n');
            for item in items {
                out.push_str(&" ".repeat(indent + 2));
                out.push_str("- ");
                self::item(item, indent + 4, out);
            }
        }
        Json::Object(entries) if !entries.is_empty() && (flow(value).len() > LINE_MAX || has_block(value)) => {
            out.push('\n');
            out.push_str(&" ".repeat(indent + 2));
            map(entries, indent + 2, out);
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

fn item(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(entries) if !entries.is_empty() => map(entries, indent, out),
        other => {
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

/// Whether a list of actions or conditions is within.
fn has_block(value: &Json) -> bool {
    match value {
        Json::Object(entries) => {
            entries.iter().any(|(key, inner)| matches!(key.as_str(), "do" | "for") && inner.is_array())
        }
        _ => false,
    }
}

/// A value on one line.
fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar_text(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, inner)| format!("{}: {}", key_text(key), flow(inner)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Text with quotes where YAML would take it for something else.
fn scalar_text(text: &str) -> String {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let begins = text.starts_with(|c: char| c.is_alphabetic());
    let plain = text.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '*'));
    let is_plain = begins && plain && !text.ends_with(' ') && !words.contains(&text.to_lowercase().as_str());
    // `30 s` and `2 min` read better without quotes, and are text in any case.
    let is_span = crate::calendar::parse_span(text).is_some() && !text.contains('.');
    if is_plain || is_span { text.to_owned() } else { Json::String(text.to_owned()).to_string() }
}

/// A key: `on` is one of ours, and needs no quotes.
fn key_text(key: &str) -> String {
    if key == "on" { key.to_owned() } else { scalar_text(key) }
}
