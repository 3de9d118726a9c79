//! What comes after: asking when a week in shadow is over, and retiring what people do otherwise again and again.

use std::time::Duration;

use model::{Name, ThingId, Timestamp, Value};
use twin::reported::same_value;

use super::super::error::RuleError;
use super::super::past::Course;
use super::past::Commands;
use super::{Row, SuggestionState};
use crate::site::Site;

/// How long a suggestion runs in shadow before somebody is asked.
const SHADOWED_FOR: Duration = Duration::from_hours(7 * 24);

/// How far back is looked at what people did otherwise.
const JUDGED: Duration = Duration::from_hours(14 * 24);

/// How long before and after what a rule in shadow would have done people may have done the same.
const NEAR: Duration = Duration::from_mins(30);

/// How soon after a rule's doing people undo it who did not want it.
const UNDONE_WITHIN: Duration = Duration::from_mins(15);

/// How often people must have done otherwise before anything is retired; and it must be the most.
const OTHERWISE_MIN: usize = 4;

/// How it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Judged {
    right: usize,
    wrong: usize,
}

impl Judged {
    fn is_hopeless(self) -> bool {
        self.wrong >= OTHERWISE_MIN && self.wrong > self.right
    }

    fn add(&mut self, is_right: bool) {
        if is_right {
            self.right += 1;
        } else {
            self.wrong += 1;
        }
    }
}

impl Site {
    /// What the passing of time brings for suggestions: a look for habits once a day, a question after a week in shadow,
    /// and the end of what people do otherwise. Blocks for as long as it takes to read what it needs.
    pub fn look_after_suggestions(&self) -> Result<(), RuleError> {
        let now = self.clock.now();
        self.look_when_due(now)?;
        let followed: Vec<Row> = {
            let shelf = self.rules.suggestions.shelf.lock();
            let is_followed =
                |row: &&Row| matches!(row.suggestion.state, SuggestionState::Shadow | SuggestionState::Accepted);
            shelf.iter().filter(is_followed).cloned().collect()
        };
        for row in followed {
            self.look_after(&row, now)?;
        }
        Ok(())
    }

    fn look_after(&self, row: &Row, now: Timestamp) -> Result<(), RuleError> {
        let suggestion = &row.suggestion;
        let Some(rule) = &suggestion.rule else { return Ok(()) };
        let Ok(kept) = self.rules.row(rule) else {
            let note = Some("its rule was removed".to_owned());
            return self.decided(&suggestion.id, SuggestionState::Dismissed, None, note).map(drop);
        };
        let judged = if kept.live.is_some() {
            self.judge_live(rule, now)?
        } else if kept.shadow.is_some() {
            self.judge_shadow(rule, now)?
        } else {
            return Ok(());
        };
        if judged.is_hopeless() {
            return self.retire(row, rule, judged, kept.live.is_some());
        }
        let week_is_over = now >= suggestion.since && now.since(suggestion.since) >= SHADOWED_FOR;
        if suggestion.state == SuggestionState::Shadow && week_is_over && !row.asked {
            self.ask_about(row, judged)?;
        }
        Ok(())
    }

    fn ask_about(&self, row: &Row, judged: Judged) -> Result<(), RuleError> {
        let Judged { right, wrong } = judged;
        let went = match right + wrong {
            0 => "For a week it ran in shadow, and would have done nothing.".to_owned(),
            all => format!("For a week it ran in shadow: {right} of {all} times people did the same."),
        };
        if let Some(row) = self.rules.suggestions.shelf.lock().get_mut(&row.suggestion.id) {
            row.asked = true;
            row.suggestion.note = Some(went.clone());
        }
        self.rules.suggestions.write_down(&*self.state, self.clock.now())?;
        let title = format!("Shall this go live? {}", row.suggestion.title);
        let message = format!("{went} Accept or dismiss it among the suggestions.");
        self.notify(&title, &message, Vec::new(), row.suggestion.rule.as_deref());
        Ok(())
    }

    fn retire(&self, row: &Row, rule: &str, judged: Judged, was_live: bool) -> Result<(), RuleError> {
        self.switch_off_rule(rule)?;
        let Judged { right, wrong } = judged;
        let why = if was_live { "people undid what it did" } else { "people did not do the same" };
        let note = format!("Retired: {wrong} of {} times {why}.", right + wrong);
        self.decided(&row.suggestion.id, SuggestionState::Dismissed, Some(rule.to_owned()), Some(note.clone()))?;
        self.notify(&format!("{} was retired", row.suggestion.title), &note, Vec::new(), Some(rule));
        Ok(())
    }

    /// Whether people did what the rule in shadow would have done.
    fn judge_shadow(&self, rule: &str, now: Timestamp) -> Result<Judged, RuleError> {
        let settled = now - NEAR;
        let mut judged = Judged::default();
        for would in self.would_have(rule, now - JUDGED, settled)? {
            let course = Course::read(&*self.history, &would.thing, &would.name, would.time - NEAR, would.time + NEAR)?;
            let is_it = |value: &Value| same_value(value, &would.value, None);
            let was_so = course.at(would.time + NEAR).is_some_and(is_it);
            judged.add(was_so || course.became().iter().any(|(_, value)| is_it(value)));
        }
        Ok(judged)
    }

    /// Whether people undid what the live rule did.
    fn judge_live(&self, rule: &str, now: Timestamp) -> Result<Judged, RuleError> {
        let (notes, _) = self.rules.suggestions.notes(now - JUDGED);
        let commands = Commands::new(&notes);
        let settled = now - UNDONE_WITHIN;
        let mut judged = Judged::default();
        let done = notes.iter().filter(|note| note.write && note.time <= settled && note.rule.as_deref() == Some(rule));
        for note in done {
            judged.add(!self.is_undone(&commands, &note.thing, &note.name, &note.value, note.time)?);
        }
        Ok(judged)
    }

    fn is_undone(
        &self,
        commands: &Commands<'_>,
        thing: &ThingId,
        name: &Name,
        value: &Value,
        time: Timestamp,
    ) -> Result<bool, RuleError> {
        let course = Course::read(&*self.history, thing, name, time, time + UNDONE_WITHIN)?;
        let undone = course
            .became()
            .iter()
            .any(|(at, became)| !same_value(became, value, None) && commands.is_by_hand(thing, name, became, *at));
        Ok(undone)
    }
}
