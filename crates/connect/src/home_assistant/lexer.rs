//! A look at a template's words, to know before rendering whether all its filters, tests and methods are known.

use super::filters;

/// Why a template cannot be used, judged by its words; what is grammatically wrong is found when it is compiled.
pub(super) fn check(source: &str) -> Result<(), String> {
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        let (end, is_tag) = match rest.as_bytes().get(1) {
            Some(b'{') => ("}}", false),
            Some(b'%') => ("%}", true),
            Some(b'#') => {
                rest = rest.split_once("#}").map_or("", |(_, after)| after);
                continue;
            }
            _ => {
                rest = &rest[1..];
                continue;
            }
        };
        rest = check_block(&rest[2..], end, is_tag)?;
    }
    Ok(())
}

/// A word or symbol of an expression.
#[derive(Clone, Copy, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(char),
    Literal,
}

/// Checks one block and returns what follows it.
fn check_block<'a>(block: &'a str, end: &str, is_tag: bool) -> Result<&'a str, String> {
    let mut rest = block;
    let mut before = [Token::Literal; 2];
    let mut first_word = is_tag;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(rest);
        }
        if let Some(after) = rest.strip_prefix(end) {
            return Ok(after);
        }
        let (token, after) = token(rest);
        if let Token::Word(word) = token {
            let is_call = after.trim_start().starts_with('(');
            if first_word {
                check_tag(word)?;
                first_word = false;
            } else {
                check_word(word, before, is_call)?;
            }
        }
        // `is not` is one operator.
        if !(token == Token::Word("not") && before[1] == Token::Word("is")) {
            before = [before[1], token];
        }
        rest = after;
    }
}

fn token(rest: &str) -> (Token<'_>, &str) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (Token::Word(&rest[..end]), &rest[end..]);
    }
    if first.is_ascii_digit() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        return (Token::Literal, &rest[end..]);
    }
    if matches!(first, '\'' | '"') {
        let mut escaped = false;
        let end = rest[1..].find(|c: char| {
            let closes = c == first && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        return (Token::Literal, end.map_or("", |end| &rest[end + 2..]));
    }
    (Token::Symbol(first), &rest[first.len_utf8()..])
}

fn check_tag(word: &str) -> Result<(), String> {
    const TAGS: &[&str] = &[
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "endfor",
        "set",
        "endset",
        "macro",
        "endmacro",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "with",
        "endwith",
    ];
    if TAGS.contains(&word) { Ok(()) } else { Err(format!("the tag {word} is not supported")) }
}

fn check_word(word: &str, before: [Token<'_>; 2], is_call: bool) -> Result<(), String> {
    match before[1] {
        Token::Symbol('|') | Token::Word("filter") if !filters::FILTERS.contains(&word) => {
            Err(format!("the filter {word} is not supported"))
        }
        Token::Word("is") if word != "not" && !filters::TESTS.contains(&word) => {
            Err(format!("the test {word} is not supported"))
        }
        Token::Symbol('.') if is_call && !filters::METHODS.contains(&word) => {
            Err(format!("the method {word}() is not supported"))
        }
        Token::Symbol('.' | '|') | Token::Word("is" | "filter") => Ok(()),
        _ if is_call && filters::UNAVAILABLE.contains(&word) => Err(format!("{word}() is not available")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn known_words_pass() {
        for source in [
            "{{ value_json.x | int(0) * 2 }}",
            "{% if value is not defined %}a{% elif value is number %}b{% endif %}",
            "{{ value.split(',')[0] | upper ~ '| magic' }}",
            "{# value | magic #}{ value | magic }",
            "{{ '\\'' | magic_is_text_here if false else 1 }}".replace("| magic_is_text_here ", "").as_str(),
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn unknown_words_are_named() {
        let says = |source: &str| check(source).unwrap_err();
        assert_eq!(says("{{ value | magic }}"), "the filter magic is not supported");
        assert_eq!(says("{{ value is not magic }}"), "the test magic is not supported");
        assert_eq!(says("{{ value.magic(1) }}"), "the method magic() is not supported");
        assert_eq!(says("{% include 'x' %}"), "the tag include is not supported");
        assert_eq!(says("{{ states('sensor.x') }}"), "states() is not available");
        assert_eq!(says("{{ '}}' | magic }}"), "the filter magic is not supported");
    }
}
