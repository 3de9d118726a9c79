//! MQTT topics and filters as plain text rules (MQTT 5, section 4.7).

/// The longest topic or filter accepted, in bytes.
pub const TOPIC_BYTES_MAX: usize = 65_535;

/// Whether a text may be published to: not empty, no wildcard, no NUL.
pub fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= TOPIC_BYTES_MAX && !text.contains(['+', '#', '\0'])
}

/// Whether a text is a filter: wildcards stand alone in their level, `#` only last.
pub fn is_filter(text: &str) -> bool {
    if text.is_empty() || text.len() > TOPIC_BYTES_MAX || text.contains('\0') {
        return false;
    }
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => {}
            "#" => return levels.peek().is_none(),
            level if level.contains(['+', '#']) => return false,
            _ => {}
        }
    }
    true
}

/// Whether `topic` matches `filter`. Topics that start with `$` are not matched by a leading wildcard.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    covers(filter, topic)
}

/// Whether everything that `narrow` matches is also matched by `wide`: what an access rule needs to know of a
/// subscription. For a plain topic this is the same as matching.
pub fn covers(wide: &str, narrow: &str) -> bool {
    let mut wide = wide.split('/');
    let mut narrow = narrow.split('/');
    loop {
        match (wide.next(), narrow.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(w), Some(n)) if w == n => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        for good in ["a", "/", "a/+/b", "#", "a/#", "+", "a//b"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a#", "a/#/b", "a+/b", "a\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }

    #[test]
    fn matching_follows_the_standard() {
        assert!(matches("sport/#", "sport"));
        assert!(matches("sport/+/player1", "sport/tennis/player1"));
        assert!(matches("+/+", "/finance"));
        assert!(!matches("+", "/finance"));
        assert!(!matches("#", "$SYS/uptime"));
        assert!(matches("$SYS/#", "$SYS/uptime"));
    }

    #[test]
    fn covering_is_matching_of_filters() {
        assert!(covers("a/#", "a/+/b") && covers("a/+", "a/+") && covers("#", "#"));
        assert!(!covers("a/+", "a/#") && !covers("a/b", "a/+") && !covers("a/+", "a/b/c"));
    }
}
