//! Answers to questions, in words.

use model::{Name, PropertyModel, ThingId, Value};

use crate::catalogue::Catalogue;
use crate::intent::{Expected, Language, Question, Reading};

/// The most values that an answer tells one by one.
const TOLD_MAX: usize = 20;

/// What a property is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The value.
    pub value: Value,
}

/// What a reading found, with how it is called.
struct Found<'a> {
    thing: &'a str,
    property: String,
    shown: Option<String>,
    holds: Option<bool>,
}

/// The answer to a question in a language; `now` tells what a property is.
pub fn answer(
    question: &Question,
    catalogue: &Catalogue,
    language: Language,
    now: impl Fn(&ThingId, &Name) -> Option<Told>,
) -> String {
    let found: Vec<Found<'_>> =
        question.readings.iter().filter_map(|reading| look(reading, catalogue, language, &now)).collect();
    let is_whether = question.readings.iter().any(|reading| reading.expected.is_some());
    match (is_whether, &found[..]) {
        (_, []) => say(language, "nothing is known of that", "아는 것이 없어요").to_owned(),
        (true, [only]) if !question.which => whether_one(only, language),
        (true, several) => whether_many(several, question.which, language),
        (false, several) => values(several, language),
    }
}

fn say<'a>(language: Language, english: &'a str, korean: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Korean => korean,
    }
}

fn look<'a>(
    reading: &Reading,
    catalogue: &'a Catalogue,
    language: Language,
    now: &impl Fn(&ThingId, &Name) -> Option<Told>,
) -> Option<Found<'a>> {
    let thing = catalogue.things.iter().find(|thing| thing.id == reading.thing)?;
    let model = thing.model.properties.get(&reading.name)?;
    let told = now(&reading.thing, &reading.name).map(|told| told.value).filter(|value| *value != Value::Null);
    let holds = reading.expected.as_ref().and_then(|expected| told.as_ref().map(|value| fits(expected, value)));
    let shown = told.map(|value| shown(&value, model, language));
    let property = if model.title.is_empty() { reading.name.to_string() } else { model.title.clone() };
    Some(Found { thing: &thing.title, property, shown, holds })
}

fn fits(expected: &Expected, value: &Value) -> bool {
    match expected {
        Expected::Is(wanted) => value == wanted,
        Expected::NonZero => value.as_f64().is_some_and(|number| number != 0.0),
        Expected::Zero => value.as_f64().is_some_and(|number| number == 0.0),
    }
}

/// A value as people read it, with as many digits as the model finds worth showing.
fn shown(value: &Value, model: &PropertyModel, language: Language) -> String {
    let number = match value {
        Value::Boolean(true) => say(language, "yes", "예").to_owned(),
        Value::Boolean(false) => say(language, "no", "아니요").to_owned(),
        Value::Text(text) => text.to_string(),
        other => match (other.as_f64(), model.decimals) {
            (Some(number), Some(decimals)) => format!("{number:.*}", usize::from(decimals)),
            (Some(number), None) => format!("{}", (number * 100.0).round() / 100.0),
            (None, _) => other.to_json().to_string(),
        },
    };
    match &model.unit {
        Some(unit) if value.as_f64().is_some() && !unit.as_str().is_empty() => format!("{number} {unit}"),
        _ => number,
    }
}

fn line(found: &Found<'_>, language: Language) -> String {
    let shown = found.shown.as_deref().unwrap_or(say(language, "not known", "알 수 없음"));
    format!("{}: {} {shown}", found.thing, found.property)
}

fn values(found: &[Found<'_>], language: Language) -> String {
    let mut lines: Vec<String> = found.iter().take(TOLD_MAX).map(|found| line(found, language)).collect();
    if found.len() > TOLD_MAX {
        let more = found.len() - TOLD_MAX;
        lines.push(if language == Language::Korean {
            format!("그 밖에 {more}개")
        } else {
            format!("and {more} more")
        });
    }
    lines.join("; ")
}

fn whether_one(found: &Found<'_>, language: Language) -> String {
    let lead = match found.holds {
        Some(true) => say(language, "Yes", "네"),
        Some(false) => say(language, "No", "아니요"),
        None => say(language, "That is not known", "알 수 없어요"),
    };
    format!("{lead}. {}", line(found, language))
}

fn whether_many(found: &[Found<'_>], which: bool, language: Language) -> String {
    let holds: Vec<&str> = found.iter().filter(|found| found.holds == Some(true)).map(|found| found.thing).collect();
    let (total, unknown) = (found.len(), found.iter().filter(|found| found.holds.is_none()).count());
    let names = holds.iter().take(TOLD_MAX).copied().collect::<Vec<&str>>().join(", ");
    let lead = match (holds.len(), which) {
        (0, true) => say(language, "None", "없어요"),
        (0, false) => say(language, "No", "아니요"),
        (count, false) if count == total => say(language, "Yes, all", "네, 모두"),
        (_, false) => say(language, "Some", "일부"),
        (_, true) => "",
    };
    let count = match language {
        Language::English => format!("{} of {total}", holds.len()),
        Language::Korean => format!("{total}개 중 {}개", holds.len()),
    };
    let parts = [lead, &count].into_iter().filter(|part| !part.is_empty()).collect::<Vec<&str>>().join(", ");
    let names = if names.is_empty() { String::new() } else { format!(": {names}") };
    let rest = match (unknown, language) {
        (0, _) => String::new(),
        (unknown, Language::English) => format!(" ({unknown} not known)"),
        (unknown, Language::Korean) => format!(" ({unknown}개는 알 수 없음)"),
    };
    format!("{parts}{names}{rest}")
}
