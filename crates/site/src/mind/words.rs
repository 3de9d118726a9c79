//! Findings in words.

use model::{Timestamp, Unit};

use super::insight::{Expected, InsightKind};
use super::seam::Verdict;

/// One plain English sentence.
///
/// `others` are the properties that it does not fit.
pub(crate) fn sentence(
    (property, others): (&str, &[String]),
    thing: &str,
    unit: Option<&Unit>,
    verdict: &Verdict,
) -> String {
    let what = format!("{property} of {thing}");
    let since = minute(verdict.began);
    let came = verdict.came.map(|came| amount(came, unit));
    let usual = verdict.expected.as_ref().map(|expected| range(expected, unit));
    let came_text = came.as_deref().unwrap_or("something else");
    let against = usual.as_ref().map_or_else(String::new, |usual| format!("; usual is {usual}"));
    match verdict.kind {
        InsightKind::Stuck => format!("{what} has been stuck at {came_text} since {since}{against}."),
        InsightKind::Drift => format!("{what} has been drifting since {since} and is at {came_text}{against}."),
        InsightKind::Spike => format!("{what} jumped to {came_text} at {since}{against}."),
        InsightKind::Dropout => format!("{what} has not been reported since {since}."),
        InsightKind::Noise => format!("{what} has scattered more than it did since {since}{against}."),
        InsightKind::ClockSkew => format!("The clock behind {what} has been wrong since {since}."),
        InsightKind::Oscillation => format!("{what} has been swinging to and fro since {since}{against}."),
        InsightKind::Joint => {
            let against = usual.map_or_else(String::new, |usual| format!("; they speak of {usual}"));
            format!("{what} has not fitted {} since {since}: it is {came_text}{against}.", list(others))
        }
        InsightKind::Anomaly => format!("{what} has been unusual since {since}: {came_text}{against}."),
    }
}

/// Names in a row.
fn list(names: &[String]) -> String {
    match names {
        [] => "the other values".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A time to the minute, in UTC.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    match text.get(..16) {
        Some(minute) if text.as_bytes()[10] == b'T' => format!("{} UTC", minute.replace('T', " ")),
        _ => text,
    }
}

fn amount(number: f64, unit: Option<&Unit>) -> String {
    let number = number_text(number);
    unit.map_or_else(|| number.clone(), |unit| format!("{number} {}", unit.as_str()))
}

fn range(expected: &Expected, unit: Option<&Unit>) -> String {
    if expected.low == expected.high {
        return amount(expected.value, unit);
    }
    format!("{} to {}", number_text(expected.low), amount(expected.high, unit))
}

/// Four digits that matter, and no more.
fn number_text(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return "0".to_owned();
    }
    let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_said_in_one_sentence() {
        let began = Timestamp::from_seconds(1_767_225_600);
        let expected = Some(Expected { value: 21.0, low: 20.412_34, high: 22.3 });
        let said = |kind, came, expected| {
            let verdict = Verdict { kind, began, time: began, expected, came, score: 7.0 };
            sentence(
                ("Temperature", &["Humidity".to_owned(), "CO2".to_owned()]),
                "Living room",
                Some(&Unit::new("°C")),
                &verdict,
            )
        };
        assert_eq!(
            said(InsightKind::Stuck, Some(21.4), expected),
            "Temperature of Living room has been stuck at 21.4 °C since 2026-01-01 00:00 UTC; usual is 20.41 to 22.3 °C."
        );
        assert_eq!(
            said(InsightKind::Dropout, None, None),
            "Temperature of Living room has not been reported since 2026-01-01 00:00 UTC."
        );
        let fitting = Some(Expected { value: 20.5, low: 20.5, high: 20.5 });
        assert_eq!(
            said(InsightKind::Joint, Some(21.4), fitting),
            "Temperature of Living room has not fitted Humidity and CO2 since 2026-01-01 00:00 UTC: it is 21.4 °C; they speak of 20.5 °C."
        );
        assert_eq!(number_text(123_456.7), "123457");
        assert_eq!(number_text(-0.000_123_456), "-0.0001235");
    }
}
