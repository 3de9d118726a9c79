//! Small parts: durations, times, entities, numbers.

use serde_json::Value as Json;

use super::Import;
use crate::import::template;
use crate::yaml::{Data, Node};

/// A span in our words, exactly: `1 h 30 min 5 s`.
pub(super) fn span(seconds: f64) -> String {
    let whole = seconds.abs().floor() as u64;
    let millis = ((seconds.abs() - whole as f64) * 1_000.0).round() as u64;
    let parts = [(whole / 3_600, "h"), (whole / 60 % 60, "min"), (whole % 60, "s"), (millis, "ms")];
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}")).collect();
    let sign = if seconds < 0.0 { "-" } else { "" };
    if parts.is_empty() { "0 s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

/// `HH:MM`, `HH:MM:SS`, a number of seconds: seconds.
fn clock_seconds(text: &str) -> Option<f64> {
    let (sign, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.trim().trim_start_matches('+')),
    };
    let parts: Vec<f64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = match parts.as_slice() {
        [seconds] => *seconds,
        [hours, minutes] => hours * 3_600.0 + minutes * 60.0,
        [hours, minutes, seconds] => hours * 3_600.0 + minutes * 60.0 + seconds,
        _ => return None,
    };
    (seconds.is_finite() && seconds < 1e9).then_some(sign * seconds)
}

impl Import<'_> {
    /// A duration in our words, or an expression of seconds.
    pub(super) fn duration(&self, node: &Node) -> Result<String, String> {
        match &node.data {
            Data::Scalar(scalar) if template::is_template(&scalar.text) => template::text(&scalar.text, &self.entities),
            Data::Scalar(scalar) => {
                clock_seconds(&scalar.text).map(span).ok_or_else(|| format!("{:?} is no duration", scalar.text))
            }
            Data::Map(entries) => {
                let mut seconds = 0.0;
                let mut terms = Vec::new();
                for (key, value) in entries {
                    let unit = match key.text.as_str() {
                        "days" => 86_400.0,
                        "hours" => 3_600.0,
                        "minutes" => 60.0,
                        "seconds" => 1.0,
                        "milliseconds" => 1e-3,
                        other => return Err(format!("there is no unit {other}")),
                    };
                    let text = value.text().unwrap_or("0");
                    if template::is_template(text) {
                        let inner = template::text(text, &self.entities)?;
                        let inner = inner.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                        terms.push(format!("({}) * {unit}", inner.unwrap_or("0").trim()));
                    } else {
                        seconds += unit * text.parse::<f64>().map_err(|_| format!("{text:?} is no number"))?;
                    }
                }
                if terms.is_empty() {
                    return Ok(span(seconds));
                }
                if seconds != 0.0 {
                    terms.push(seconds.to_string());
                }
                Ok(format!("${{ {} }}", terms.join(" + ")))
            }
            Data::List(_) => Err("a list is no duration".to_owned()),
        }
    }

    /// A duration that is written down.
    pub(super) fn fixed_duration(&self, node: &Node) -> Result<String, String> {
        match self.duration(node)? {
            worked_out if worked_out.contains("${") => {
                Err("a duration that is worked out has no counterpart here".to_owned())
            }
            fixed => Ok(fixed),
        }
    }

    /// The entities that are named: a list, or text with commas.
    pub(super) fn entity_ids(node: Option<&Node>) -> Vec<String> {
        let texts = node.into_iter().flat_map(Node::items).filter_map(Node::text);
        texts
            .flat_map(|text| text.split(','))
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// A bound: a number, or the state of another entity.
    pub(super) fn bound(&self, node: &Node) -> Result<Json, String> {
        let value = node.to_json();
        match &value {
            Json::Number(_) => Ok(value),
            Json::String(text) if template::is_template(text) => Ok(template::text(text, &self.entities)?.into()),
            Json::String(text) => match text.parse::<f64>() {
                Ok(number) => Ok(number.into()),
                Err(_) => Ok(format!("${{ number(value('{}')) }}", self.entities.place(text, None)?).into()),
            },
            _ => Err(format!("a bound is a number, and this is {}", node.sort())),
        }
    }

    /// The minute of the day that a helper holds; `None` when a time is written down.
    pub(super) fn helper_time(&self, node: &Node) -> Option<Result<String, String>> {
        let entity = match &node.data {
            Data::Map(_) if node.get("offset").is_some() => {
                return Some(Err("an offset to the time of a helper has no counterpart".to_owned()));
            }
            Data::Map(_) => node.get("entity_id").and_then(Node::text)?,
            _ => node.text()?,
        };
        if !entity.starts_with("input_datetime.") && !entity.starts_with("time.") {
            return None;
        }
        Some(self.entities.place(entity, None).map(|place| format!("minute_of_day(value('{place}'))")))
    }

    /// A time of day.
    pub(super) fn time(node: &Node) -> Result<Json, String> {
        let text = node.text().unwrap_or_default();
        match crate::calendar::TimeOfDay::parse(text) {
            Some(time) => Ok(time.to_string().into()),
            // YAML 1.1 takes 7:30:00 for a number of seconds, and people write it so.
            None => match text.parse::<u32>() {
                Ok(second) if second < 86_400 => Ok(crate::calendar::TimeOfDay { second }.to_string().into()),
                _ => Err(format!("{text:?} is no time of day")),
            },
        }
    }

    /// Weekdays.
    pub(super) fn weekdays(node: &Node) -> Json {
        Json::Array(node.items().iter().filter_map(Node::text).map(Json::from).collect())
    }
}
