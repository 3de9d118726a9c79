//! The text of the rule that a candidate proposes.

use model::Value;

use super::{Candidate, Sun, Trigger, Weekdays, What};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times are proposed in steps of five minutes: nobody means 07:03.
const STEP_S: i64 = 300;

fn clock(second: i64) -> String {
    let second = ((second + STEP_S / 2).div_euclid(STEP_S) * STEP_S).rem_euclid(super::DAY_S);
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}

/// A text as YAML writes it; JSON is YAML.
fn quoted(text: &str) -> String {
    Value::text(text).to_json().to_string()
}

fn days(days: Weekdays) -> String {
    let named = (0..7_u8).filter(|day| days.0 & (1 << day) != 0).map(|day| DAYS[usize::from(day)]);
    named.collect::<Vec<&str>>().join(", ")
}

/// Whether a text can stand in an expression as it is: what things say never becomes part of a rule otherwise.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '.'))
}

/// The trigger of something that happened.
fn after(what: &What) -> String {
    let What { thing, name, value, is_event } = what;
    match (is_event, value) {
        (false, value) => format!("  - property: {thing}/{name}\n    to: {}\n", value.to_json()),
        (true, Value::Text(text)) if is_plain(text) => {
            format!("  - event: {thing}/{name}\n    where: ${{ trigger.value == '{text}' }}\n")
        }
        (true, Value::Boolean(_) | Value::Integer(_)) => {
            format!("  - event: {thing}/{name}\n    where: ${{ trigger.value == {} }}\n", value.to_json())
        }
        (true, _) => format!("  - event: {thing}/{name}\n"),
    }
}

impl Candidate {
    /// A rule that does the same, as its text.
    pub fn rule_text(&self, title: &str) -> String {
        let mut text = format!("rule: {}\ntriggers:\n", quoted(title));
        let mut conditions = Vec::new();
        let every_day = self.days == Weekdays::ALL;
        match &self.trigger {
            Trigger::Clock { second } => {
                text.push_str(&format!("  - time: \"{}\"\n", clock(*second)));
                if !every_day {
                    text.push_str(&format!("    on: [{}]\n", days(self.days)));
                }
            }
            Trigger::Sun { sun, offset_s } => {
                let sun = if *sun == Sun::Rise { "sunrise" } else { "sunset" };
                text.push_str(&format!("  - sun: {sun}\n"));
                let minutes = (offset_s + STEP_S / 2).div_euclid(STEP_S) * STEP_S / 60;
                if minutes != 0 {
                    text.push_str(&format!("    offset: {minutes} min\n"));
                }
            }
            Trigger::After { what, dark } => {
                text.push_str(&after(what));
                if *dark {
                    conditions.push("  - sun: { after: sunset, before: sunrise }\n".to_owned());
                }
            }
        }
        if !every_day && !matches!(self.trigger, Trigger::Clock { .. }) {
            conditions.push(format!("  - time: {{ on: [{}] }}\n", days(self.days)));
        }
        if !conditions.is_empty() {
            text.push_str("conditions:\n");
            text.push_str(&conditions.concat());
        }
        let act = &self.act;
        text.push_str(&format!("actions:\n  - set: {}/{}\n    to: {}\n", act.thing, act.name, act.value.to_json()));
        text
    }
}
