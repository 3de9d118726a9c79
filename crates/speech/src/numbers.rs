//! Numbers in digits and in the words of both languages.

use crate::words::Token;

/// The largest number in words that is read.
const WORDS_MAX: u32 = 9_999;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

const SINO: [&str; 10] = ["영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];

/// Korean numbers as they are counted, in front of what is counted; each of a ten and a one.
const NATIVE_ONES: [&str; 10] = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"];
const NATIVE_TENS: [&str; 6] = ["", "열", "스물", "서른", "마흔", "쉰"];

/// A number in digits, as tokens hold it; not a clock time.
fn digits(text: &str) -> Option<f64> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.contains(':') {
        return None;
    }
    text.replace(',', "").parse().ok()
}

fn position(list: &[&str], word: &str) -> Option<u32> {
    list.iter().position(|known| *known == word).and_then(|at| u32::try_from(at).ok())
}

/// The number that begins at a token, and how many tokens it takes.
pub(crate) fn at(tokens: &[Token], start: usize) -> Option<(f64, usize)> {
    let first = tokens.get(start).filter(|token| !token.quoted)?;
    if let Some(number) = digits(&first.text) {
        return Some((number, 1));
    }
    if let Some(number) = korean(&first.text) {
        return Some((f64::from(number), 1));
    }
    english(tokens, start)
}

/// English words: `twenty one`, `two thousand seven hundred`, `twenty one point five`.
fn english(tokens: &[Token], start: usize) -> Option<(f64, usize)> {
    let word = |at: usize| tokens.get(at).filter(|token| !token.quoted).map_or("", |token| token.text.as_str());
    let (mut sum, mut part, mut length, mut found) = (0_u32, 0_u32, 0, false);
    // What may follow: after a one only hundred and thousand, after a ten also a one.
    let mut ones_may_follow = true;
    let mut tens_may_follow = true;
    loop {
        let at = start + length;
        if let Some(one) = position(&ONES, word(at)).filter(|_| ones_may_follow) {
            if !tens_may_follow && one > 9 {
                break;
            }
            (part, ones_may_follow, tens_may_follow) = (part + one, false, false);
        } else if let Some(ten) = position(&TENS, word(at)).filter(|_| tens_may_follow) {
            (part, tens_may_follow) = (part + (ten + 2) * 10, false);
        } else if word(at) == "hundred" && (1..=9).contains(&part) {
            (part, ones_may_follow, tens_may_follow) = (part * 100, true, true);
        } else if word(at) == "thousand" && (1..=9).contains(&part) && sum == 0 {
            (sum, part, ones_may_follow, tens_may_follow) = (part * 1_000, 0, true, true);
        } else if matches!(word(at), "a" | "an") && !found && matches!(word(at + 1), "hundred" | "thousand") {
            (part, ones_may_follow, tens_may_follow) = (1, false, false);
        } else if word(at) == "and" && part % 100 == 0 && part > 0 && position(&ONES, word(at + 1)).is_some() {
            length += 1;
            continue;
        } else {
            break;
        }
        (found, length) = (true, length + 1);
    }
    if !found || sum + part > WORDS_MAX {
        return None;
    }
    let whole = f64::from(sum + part);
    match (word(start + length), position(&ONES[..10], word(start + length + 1))) {
        ("point", Some(tenth)) => Some((whole + f64::from(tenth) / 10.0, length + 2)),
        _ => Some((whole, length)),
    }
}

/// One Korean number word: `이십일`, `열두`, `백`.
pub(crate) fn korean(text: &str) -> Option<u32> {
    if text.is_empty() || text.chars().count() > 8 {
        return None;
    }
    native(text).or_else(|| sino(text))
}

fn native(text: &str) -> Option<u32> {
    if text == "스무" {
        return Some(20);
    }
    let spoken = [("하나", 1), ("둘", 2), ("셋", 3), ("넷", 4)];
    if let Some((_, number)) = spoken.iter().find(|(word, _)| *word == text) {
        return Some(*number);
    }
    (1..60_u32).find(|number| {
        let (ten, one) = ((number / 10) as usize, (number % 10) as usize);
        text.strip_prefix(NATIVE_TENS[ten]) == Some(NATIVE_ONES[one])
    })
}

fn sino(text: &str) -> Option<u32> {
    let (mut sum, mut digit, mut last_scale) = (0_u32, None::<u32>, u32::MAX);
    for c in text.chars() {
        let scale = match c {
            '십' => 10,
            '백' => 100,
            '천' => 1_000,
            c => {
                let mut buffer = [0; 4];
                if digit.is_some() {
                    return None;
                }
                digit = Some(position(&SINO, c.encode_utf8(&mut buffer))?);
                continue;
            }
        };
        if scale >= last_scale || digit == Some(0) {
            return None;
        }
        sum += digit.take().unwrap_or(1) * scale;
        last_scale = scale;
    }
    Some(sum + digit.unwrap_or(0))
}

/// Every Korean number word up to a hundred, for cutting words that hold one.
pub(crate) fn korean_words() -> impl Iterator<Item = String> {
    let sino = (0..=100_usize).map(|number| {
        let (ten, one) = (number / 10, number % 10);
        let tens = match ten {
            0 => String::new(),
            1 => "십".to_owned(),
            10 => "백".to_owned(),
            ten => format!("{}십", SINO[ten]),
        };
        if number > 0 && one == 0 { tens } else { format!("{tens}{}", SINO[one]) }
    });
    let native = (1..60_usize).map(|number| format!("{}{}", NATIVE_TENS[number / 10], NATIVE_ONES[number % 10]));
    sino.chain(native).chain(["스무", "하나", "둘", "셋", "넷"].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tokens;

    fn read(text: &str) -> Option<(f64, usize)> {
        at(&tokens(text), 0)
    }

    #[test]
    fn english_numbers_are_read_as_far_as_they_go() {
        assert_eq!(read("twenty-one degrees"), Some((21.0, 2)));
        assert_eq!(read("two thousand seven hundred"), Some((2_700.0, 4)));
        assert_eq!(read("a hundred and five"), Some((105.0, 4)));
        assert_eq!(read("twenty one point five"), Some((21.5, 4)));
        assert_eq!(read("seven thirty"), Some((7.0, 1)));
        assert_eq!(read("twenty twelve"), Some((20.0, 1)));
        assert_eq!(read("hundred"), None);
        assert_eq!(read("1,000"), Some((1_000.0, 1)));
        assert_eq!(read("7:30"), None);
    }

    #[test]
    fn korean_numbers_are_read_in_both_ways_of_counting() {
        let read = |text: &str| korean(text);
        assert_eq!(
            (read("이십일"), read("십"), read("백"), read("백오"), read("삼십오")),
            (Some(21), Some(10), Some(100), Some(105), Some(35))
        );
        assert_eq!((read("열두"), read("스물"), read("한"), read("쉰아홉")), (Some(12), Some(20), Some(1), Some(59)));
        assert_eq!((read("십십"), read("일이"), read("거실"), read("영십")), (None, None, None, None));
        assert!(korean_words().all(|word| korean(&word).is_some()));
    }
}
