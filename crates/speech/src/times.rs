//! When something shall be done: `in ten minutes`, `at half past seven tomorrow`, `10분 뒤에`, `내일 아침 7시 반에`.

use std::time::Duration;

use crate::intent::{Day, When};
use crate::numbers;
use crate::words::Token;

/// The furthest that a command can be put off, in days.
const DELAY_DAYS_MAX: f64 = 30.0;

const DAY_SECONDS: u32 = 86_400;

/// Korean words of time, for cutting words that hold them.
pub(crate) const KOREAN_WORDS: &[&str] = &[
    "분",
    "시",
    "시간",
    "초",
    "일",
    "뒤",
    "후",
    "이따가",
    "있다가",
    "지나서",
    "오전",
    "오후",
    "아침",
    "저녁",
    "밤",
    "새벽",
    "낮",
    "오늘",
    "내일",
    "모레",
    "정오",
    "자정",
    "반",
];

/// A time, or words about time that do not say one.
pub(crate) type Found = Result<When, ()>;

/// Reads tokens from a place on.
#[derive(Clone, Copy)]
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Reader<'a> {
    fn word(&self) -> &'a str {
        self.word_after(0)
    }

    fn word_after(&self, more: usize) -> &'a str {
        self.tokens.get(self.at + more).filter(|token| !token.quoted).map_or("", |token| token.text.as_str())
    }

    fn take(&mut self, words: &[&str]) -> bool {
        let found = words.contains(&self.word()) && !self.word().is_empty();
        self.at += usize::from(found);
        found
    }

    fn number(&mut self) -> Option<f64> {
        let (number, length) = numbers::at(self.tokens, self.at)?;
        self.at += length;
        Some(number)
    }
}

/// The time that begins at a token, and how many tokens it takes.
pub(crate) fn at(tokens: &[Token], start: usize) -> Option<(Found, usize)> {
    let reader = Reader { tokens, at: start };
    let found = after_a_while(reader).or_else(|| by_the_clock(reader));
    found.map(|(when, reader)| (when, reader.at - start))
}

fn unit_seconds(word: &str) -> Option<f64> {
    Some(match word {
        "second" | "seconds" | "sec" | "secs" | "s" | "초" => 1.0,
        "minute" | "minutes" | "min" | "mins" | "분" => 60.0,
        "hour" | "hours" | "h" | "hr" | "hrs" | "시간" => 3_600.0,
        "day" | "days" | "일" => f64::from(DAY_SECONDS),
        _ => return None,
    })
}

/// `ten minutes`, `an hour and a half`, `half an hour`, `1시간 30분`.
fn duration(reader: &mut Reader<'_>) -> Option<f64> {
    let mut seconds = 0.0;
    let mut parts = 0;
    loop {
        let mut look = *reader;
        if parts > 0 {
            look.take(&["and", ","]);
        }
        let half_first = look.take(&["half"]);
        look.take(&["of"]);
        let article = look.take(&["a", "an"]);
        let amount = match look.number() {
            Some(number) => number,
            None if look.take(&["quarter"]) => {
                look.take(&["of"]);
                look.take(&["a", "an"]);
                0.25
            }
            None if article || half_first => 1.0,
            None => break,
        };
        // `two and a half hours`
        let before_unit = look;
        let halves = look.take(&["and"]) && look.take(&["a"]) && look.take(&["half"]);
        if !halves {
            look = before_unit;
        }
        let Some(unit) = unit_seconds(look.word()) else { break };
        look.at += 1;
        let amount = if half_first { amount / 2.0 } else { amount } + if halves { 0.5 } else { 0.0 };
        seconds += amount * unit;
        // `an hour and a half`, `한 시간 반`
        let mut half = look;
        if (half.take(&["and"]) && half.take(&["a"]) && half.take(&["half"])) || half.take(&["반"]) {
            seconds += unit / 2.0;
            look = half;
        }
        *reader = look;
        parts += 1;
    }
    (parts > 0).then_some(seconds)
}

fn after(seconds: f64) -> Found {
    if seconds <= 0.0 || seconds > DELAY_DAYS_MAX * f64::from(DAY_SECONDS) {
        return Err(());
    }
    Ok(When::After(Duration::from_secs_f64(seconds)))
}

fn after_a_while(mut reader: Reader<'_>) -> Option<(Found, Reader<'_>)> {
    if reader.take(&["in", "after"]) {
        let seconds = duration(&mut reader)?;
        reader.take(&["time"]);
        return Some((after(seconds), reader));
    }
    let seconds = duration(&mut reader)?;
    if reader.take(&["from"]) {
        return reader.take(&["now"]).then_some((after(seconds), reader));
    }
    if reader.take(&["later", "뒤", "후", "이따가", "있다가", "지나서"]) {
        reader.take(&["에"]);
        return Some((after(seconds), reader));
    }
    None
}

/// The part of a day in which a clock time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Morning,
    Afternoon,
    Night,
}

fn day(reader: &mut Reader<'_>) -> Option<(u8, Option<Part>)> {
    let (found, words) = match (reader.word(), reader.word_after(1)) {
        ("tomorrow" | "내일", _) => ((1, None), 1),
        ("today" | "오늘", _) => ((0, None), 1),
        ("tonight", _) => ((0, Some(Part::Night)), 1),
        ("this", "morning") => ((0, Some(Part::Morning)), 2),
        ("this", "afternoon" | "evening") => ((0, Some(Part::Afternoon)), 2),
        ("모레", _) => ((2, None), 1),
        _ => return None,
    };
    reader.at += words;
    Some(found)
}

fn part(reader: &mut Reader<'_>) -> Option<Part> {
    let (found, words) = match (reader.word(), reader.word_after(1), reader.word_after(2)) {
        ("in", "the", "morning") => (Part::Morning, 3),
        ("in", "the", "afternoon" | "evening") => (Part::Afternoon, 3),
        ("at", "night", _) => (Part::Night, 2),
        ("am" | "morning" | "오전" | "아침" | "새벽", _, _) => (Part::Morning, 1),
        ("pm" | "afternoon" | "evening" | "오후" | "저녁" | "낮", _, _) => (Part::Afternoon, 1),
        ("night" | "밤", _, _) => (Part::Night, 1),
        _ => return None,
    };
    reader.at += words;
    Some(found)
}

/// Seconds since midnight of a clock face, and whether only a part of the day can tell it from its twin.
fn clock(reader: &mut Reader<'_>) -> Option<(u32, bool)> {
    let at = reader.take(&["at"]);
    if reader.take(&["noon", "midday", "정오"]) {
        return Some((DAY_SECONDS / 2, false));
    }
    if reader.take(&["midnight", "자정"]) {
        return Some((0, false));
    }
    let mut look = *reader;
    let shift: Option<i32> = if look.take(&["half"]) && look.take(&["past"]) {
        Some(30)
    } else {
        look = *reader;
        look.take(&["a"]);
        let minutes = if look.take(&["quarter"]) { Some(15.0) } else { look.number() };
        match minutes {
            Some(minutes) if look.take(&["past"]) => Some(minutes as i32),
            Some(minutes) if at && look.take(&["to"]) => Some(-(minutes as i32)),
            _ => None,
        }
    };
    if let Some(shift) = shift.filter(|shift| shift.abs() < 60) {
        let hour = look.number().filter(|hour| (1.0..24.0).contains(hour) && hour.fract() == 0.0)?;
        *reader = look;
        let minutes = hour as i32 * 60 + shift;
        return u32::try_from(minutes).ok().map(|minutes| (minutes * 60, true));
    }
    look = *reader;
    if let Some((hour, minute)) = look.word().split_once(':') {
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        look.at += 1;
        *reader = look;
        return (hour < 24 && minute < 60).then_some((hour * 3_600 + minute * 60, true));
    }
    let hour = look.number().filter(|hour| (0.0..24.0).contains(hour) && hour.fract() == 0.0)?;
    let marked = look.take(&["oclock", "시"]);
    let mut minute = 0.0;
    if marked && look.take(&["반"]) {
        minute = 30.0;
    } else if marked || at {
        let mut more = look;
        let found = more.number().filter(|minute| (0.0..60.0).contains(minute) && minute.fract() == 0.0);
        let ends =
            if marked { more.take(&["분"]) } else { found.is_some_and(|found| found >= 10.0) && !is_amount(&more) };
        if let (Some(found), true) = (found, ends) {
            (minute, look) = (found, more);
        }
    }
    let told_by_part = matches!(look.word(), "am" | "pm");
    if !(marked || told_by_part || (at && !is_amount(&look))) {
        return None;
    }
    *reader = look;
    Some((hour as u32 * 3_600 + minute as u32 * 60, true))
}

/// Whether what comes next makes the number before it an amount and no hour.
fn is_amount(reader: &Reader<'_>) -> bool {
    matches!(
        reader.word(),
        "%" | "°" | "℃" | "℉" | "percent" | "per" | "degrees" | "degree" | "celsius" | "kelvin" | "k" | "도"
    ) || unit_seconds(reader.word()).is_some()
}

fn by_the_clock(mut reader: Reader<'_>) -> Option<(Found, Reader<'_>)> {
    let (mut on_day, mut in_part, mut face) = (None, None, None);
    loop {
        if on_day.is_none()
            && let Some((ahead, part)) = day(&mut reader)
        {
            (on_day, in_part) = (Some(ahead), in_part.or(part));
            continue;
        }
        if in_part.is_none()
            && let Some(found) = part(&mut reader)
        {
            in_part = Some(found);
            continue;
        }
        let mut look = reader;
        if face.is_none()
            && let Some(found) = clock(&mut look)
        {
            (face, reader) = (Some(found), look);
            continue;
        }
        break;
    }
    let Some((second, open)) = face else {
        // `in the evening` says nothing that a clock could show.
        return (on_day.is_some() || in_part.is_some()).then_some((Err(()), reader));
    };
    reader.take(&["에", "sharp"]);
    let (noon, hour) = (DAY_SECONDS / 2, second / 3_600);
    let second = match in_part.filter(|_| open) {
        Some(Part::Morning) if hour == 12 => second - noon,
        Some(Part::Afternoon) if hour < 12 => second + noon,
        Some(Part::Night) if (5..12).contains(&hour) => second + noon,
        Some(Part::Night) if hour == 12 => second - noon,
        _ => second,
    };
    // A night goes on after midnight, and midnight is where a day ends.
    let after_midnight = in_part == Some(Part::Night) && second < 5 * 3_600;
    let ahead = on_day.map(|ahead: u8| ahead + u8::from(after_midnight || (!open && second == 0)));
    let day = ahead.map_or(Day::Next, Day::Ahead);
    Some((Ok(When::At { day, second }), reader))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tokens;

    fn read(text: &str) -> Option<(String, usize)> {
        let (found, length) = at(&tokens(text), 0)?;
        let words = match found {
            Ok(When::Now) => "now".to_owned(),
            Ok(When::After(after)) => format!("+{}", after.as_secs_f64()),
            Ok(When::At { day, second }) => {
                let clock = format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
                if let Day::Ahead(ahead) = day { format!("{clock}+{ahead}d") } else { clock }
            }
            Err(()) => "?".to_owned(),
        };
        Some((words, length))
    }

    #[test]
    fn times_of_both_kinds_are_read() {
        let told = |text: &str| read(text).map(|(words, _)| words).unwrap_or_default();
        for (text, expected) in [
            ("in ten minutes", "+600"),
            ("in half an hour", "+1800"),
            ("in an hour and a half", "+5400"),
            ("in two and a half hours", "+9000"),
            ("in 1 hour and 20 minutes", "+4800"),
            ("after 30 seconds", "+30"),
            ("in a quarter of an hour", "+900"),
            ("5 minutes from now", "+300"),
            ("an hour later", "+3600"),
            ("at 7", "07:00"),
            ("at 7:30 pm", "19:30"),
            ("7pm", "19:00"),
            ("at seven thirty in the evening", "19:30"),
            ("at half past six", "06:30"),
            ("at quarter to eight tomorrow morning", "07:45+1d"),
            ("tomorrow at noon", "12:00+1d"),
            ("tonight at 9", "21:00+0d"),
            ("at midnight", "00:00"),
            ("at 12 am", "00:00"),
            ("this evening", "?"),
            ("in 90 days", "?"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        assert_eq!(read("at 21 degrees"), None);
        assert_eq!(read("at 50"), None);
        assert_eq!(read("in the kitchen"), None);
        assert_eq!(read("seven dwarfs"), None);
    }

    /// As the lexicon cuts them.
    #[test]
    fn korean_times_are_read() {
        for (text, expected) in [
            ("10 분 뒤 에", "+600"),
            ("1 시간 30 분 후", "+5400"),
            ("한 시간 반 뒤 에", "+5400"),
            ("오후 7 시 반 에", "19:30"),
            ("내일 아침 일곱 시", "07:00+1d"),
            ("자정 에", "00:00"),
            ("밤 11 시 20 분", "23:20"),
        ] {
            let length = text.split(' ').count();
            assert_eq!(read(text), Some((expected.to_owned(), length)), "{text}");
        }
    }
}
