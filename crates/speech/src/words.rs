//! Cuts a sentence into tokens.

/// One word, number or sign of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// In lower case; what was in quotes is one token with all its words.
    pub(crate) text: String,
    /// Where it begins in the sentence, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// Whether it was in quotes: then it is a name and nothing else.
    pub(crate) quoted: bool,
}

/// Hangul syllables, which carry their particles and endings with them.
pub(crate) fn is_hangul(c: char) -> bool {
    ('가'..='힣').contains(&c)
}

/// What a character belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Letter,
    Hangul,
    Sign,
    Gap,
}

fn class(c: char) -> Class {
    match c {
        c if c.is_ascii_digit() => Class::Digit,
        c if is_hangul(c) => Class::Hangul,
        c if c.is_alphabetic() => Class::Letter,
        '%' | '°' | '℃' | '℉' | ',' | '?' | '+' | '٪' => Class::Sign,
        c if c.is_numeric() => Class::Letter,
        _ => Class::Gap,
    }
}

/// The pairs of quotes that are understood.
const QUOTES: [(char, char); 3] = [('"', '"'), ('“', '”'), ('「', '」')];

/// The words of a sentence in order. Numbers stand apart from their units.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let quoted = QUOTES.iter().find(|(open, _)| *open == c).and_then(|(open, close)| {
            let inner = at + open.len_utf8();
            let length = text[inner..].find(*close)?;
            Some((inner, inner + length, inner + length + close.len_utf8()))
        });
        if let Some((start, end, next)) = quoted {
            if !text[start..end].trim().is_empty() {
                tokens.push(Token { text: folded(&text[start..end]), start, end, quoted: true });
            }
            at = next;
            continue;
        }
        let end = match class(c) {
            Class::Gap => {
                at += c.len_utf8();
                continue;
            }
            Class::Sign => at + c.len_utf8(),
            Class::Digit => number_end(text, at),
            Class::Letter => word_end(text, at),
            Class::Hangul => at + text[at..].chars().take_while(|c| is_hangul(*c)).map(char::len_utf8).sum::<usize>(),
        };
        tokens.push(Token { text: folded(&text[at..end]), start: at, end, quoted: false });
        at = end;
    }
    tokens
}

/// Digits with one point or colon between them: `21`, `21.5`, `7:30`, `1,000`.
fn number_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut joined = false;
    while let Some(byte) = bytes.get(at) {
        let next_is_digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        let thousands = *byte == b','
            && bytes[at + 1..].iter().take(3).filter(|byte| byte.is_ascii_digit()).count() == 3
            && !bytes.get(at + 4).is_some_and(u8::is_ascii_digit);
        match byte {
            b'0'..=b'9' => {}
            b'.' | b':' if next_is_digit && !joined => joined = true,
            b',' if thousands => {}
            _ => break,
        }
        at += 1;
    }
    at
}

/// Letters with apostrophes inside: `children's`, `o'clock`; and digits behind letters: `co2`, `pm25`.
fn word_end(text: &str, start: usize) -> usize {
    let mut end = start;
    let mut rest = text[start..].char_indices().peekable();
    while let Some((offset, c)) = rest.next() {
        let follows = rest.peek().is_some_and(|(_, next)| next.is_alphabetic() && !is_hangul(*next));
        let inside = matches!(class(c), Class::Letter | Class::Digit) || (matches!(c, '\'' | '’') && follows);
        if !inside {
            break;
        }
        end = start + offset + c.len_utf8();
    }
    end
}

/// As words are compared: lower case, without apostrophes.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase().replace(['’', '\''], "")
}

/// The words of a name, as they are compared: cut at what ids and titles use between words.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    let apart: String =
        name.chars().map(|c| if matches!(c, '"' | '“' | '”' | '「' | '」') { ' ' } else { c }).collect();
    tokens(&apart).into_iter().map(|token| token.text).filter(|text| text != "," && text != "?").collect()
}

/// A word without the ending of its plural.
pub(crate) fn singular(word: &str) -> &str {
    if word.len() < 4 || word.ends_with("ss") || !word.is_ascii() {
        return word;
    }
    for ending in ["ches", "shes", "xes", "sses"] {
        if word.ends_with(ending) {
            return &word[..word.len() - 2];
        }
    }
    word.strip_suffix('s').unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn numbers_stand_apart_from_units_and_quotes_hold_together() {
        assert_eq!(cut("Dim it to 30%, at 7:30pm!"), ["dim", "it", "to", "30", "%", ",", "at", "7:30", "pm"]);
        assert_eq!(cut("10분 뒤에 꺼줘"), ["10", "분", "뒤에", "꺼줘"]);
        assert_eq!(cut("the children’s room’s CO2"), ["the", "childrens", "rooms", "co2"]);
        assert_eq!(cut("turn on \"Open Sign\" now"), ["turn", "on", "open sign", "now"]);
        assert_eq!(cut("\" 1,000 2,00"), ["1,000", "2", ",", "00"]);
    }

    #[test]
    fn plurals_lose_their_ending() {
        let words = ["lights", "switches", "bus", "glass", "boxes", "blinds"];
        assert_eq!(words.map(singular), ["light", "switch", "bus", "glass", "box", "blind"]);
    }
}
