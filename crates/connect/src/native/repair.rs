//! A second chance for JSON that is broken in places: numbers that are none (`NaN`, `Infinity`, `1e999`), text that is
//! not UTF-8 and nesting that is too deep are replaced by marks, so that the rest of the payload can still be used.

/// The deepest nesting of objects and arrays that is decoded, the payload itself included.
pub(crate) const DEPTH_MAX: usize = 32;

/// A mark is text that starts with this, followed by a diagnostic code. JSON text may hold a NUL only as an escape, so
/// a mark never looks like a name that can be valid.
const MARK: char = '\0';

/// The diagnostic code of a mark.
pub(crate) fn marked(text: &str) -> Option<&'static str> {
    let code = text.strip_prefix(MARK)?;
    ["not_finite", "bad_utf8", "too_deep"].into_iter().find(|known| *known == code)
}

fn put_mark(out: &mut Vec<u8>, code: &str) {
    out.extend_from_slice(b"\"\\u0000");
    out.extend_from_slice(code.as_bytes());
    out.push(b'"');
}

/// The payload with marks in place of what cannot be read, or `None` when there is nothing of that sort in it.
pub(crate) fn repaired(payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let mut changed = false;
    let mut depth = 0_usize;
    let mut at = 0;
    while at < payload.len() {
        let (end, code) = match payload[at] {
            b'"' => text(payload, at),
            b'{' | b'[' if depth == DEPTH_MAX => (closing(payload, at), Some("too_deep")),
            b'{' | b'[' => {
                depth += 1;
                (at + 1, None)
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                (at + 1, None)
            }
            b'-' | b'+' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => word(payload, at),
            _ => (at + 1, None),
        };
        match code {
            Some(code) => put_mark(&mut out, code),
            None => out.extend_from_slice(&payload[at..end]),
        }
        changed |= code.is_some();
        at = end;
    }
    changed.then_some(out)
}

/// The end of the text that starts at `at`, and whether it must be marked.
fn text(payload: &[u8], at: usize) -> (usize, Option<&'static str>) {
    let end = text_end(payload, at);
    (end, std::str::from_utf8(&payload[at..end]).is_err().then_some("bad_utf8"))
}

fn text_end(payload: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < payload.len() {
        match payload[end] {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    payload.len()
}

/// The end of the number or word that starts at `at`, and whether it must be marked.
fn word(payload: &[u8], at: usize) -> (usize, Option<&'static str>) {
    let length = payload[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let end = at + length;
    let word = std::str::from_utf8(&payload[at..end]).unwrap_or_default();
    // `f64` also reads the words `nan`, `inf` and `infinity` in any case, with a sign.
    let not_finite = word.parse::<f64>().is_ok_and(|number| !number.is_finite());
    (end, not_finite.then_some("not_finite"))
}

/// Just after the bracket that closes the one at `at`.
fn closing(payload: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut end = at;
    while end < payload.len() {
        match payload[end] {
            b'"' => {
                end = text_end(payload, end);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        end += 1;
        if depth == 0 {
            return end;
        }
    }
    payload.len()
}

/// The first mark in a value, and whether it is nested deeper than [`DEPTH_MAX`] below `depth`.
pub(crate) fn problem(json: &serde_json::Value, depth: usize) -> Option<&'static str> {
    match json {
        serde_json::Value::String(text) => marked(text),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) if depth >= DEPTH_MAX => Some("too_deep"),
        serde_json::Value::Array(items) => items.iter().find_map(|item| problem(item, depth + 1)),
        serde_json::Value::Object(members) => {
            members.iter().find_map(|(key, member)| marked(key).or_else(|| problem(member, depth + 1)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(text: &str) -> Option<String> {
        repaired(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_cannot_be_read_is_marked() {
        assert_eq!(
            repair(r#"{"a":NaN,"b":-Infinity,"c":1e999,"d":"NaN","e":1.5e3}"#).unwrap(),
            r#"{"a":"\u0000not_finite","b":"\u0000not_finite","c":"\u0000not_finite","d":"NaN","e":1.5e3}"#
        );
        assert_eq!(repair(r#"{"a":1,"b":[true,null,"x\"NaN"]}"#), None);
        assert_eq!(repaired(b"[\"\xff\",1]").unwrap(), b"[\"\\u0000bad_utf8\",1]");
    }

    #[test]
    fn deep_nesting_is_cut_at_the_limit() {
        let deep = "[".repeat(DEPTH_MAX + 500) + &"]".repeat(DEPTH_MAX + 500);
        let cut = repair(&deep).unwrap();
        assert_eq!(cut, "[".repeat(DEPTH_MAX) + r#""\u0000too_deep""# + &"]".repeat(DEPTH_MAX));
        assert!(repair(&"[".repeat(DEPTH_MAX + 1)).is_some(), "an unclosed one ends with the payload");
    }
}
