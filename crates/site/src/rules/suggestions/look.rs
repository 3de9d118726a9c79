//! The look for habits: mined once a day and on request, and kept as suggestions with evidence and a backtest.

use std::time::Duration;

use learn::habit::{Candidate, OBSERVED_DAYS_MIN, Setting, SunTimes, mine};
use model::Timestamp;
use store::state::{Change, Table};

use super::super::error::RuleError;
use super::super::known::written;
use super::{
    GoesBy, HABIT_SPAN, Habit, LOOKED_SETTING, Looked, Row, SUGGESTIONS_MAX, SUGGESTIONS_NEW_MAX, Suggestion,
    SuggestionState,
};
use crate::site::Site;

/// How often habits are looked for unasked.
const LOOK_EVERY: Duration = Duration::from_hours(24);

/// How often while there are not days enough yet.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// A suggestion that nobody looked at goes when its habit was not found for this long.
const FADES_AFTER: Duration = Duration::from_hours(14 * 24);

/// The most moments of the past that are kept with a suggestion.
const MOMENTS_KEPT: usize = 20;

/// The most habits of a look that are considered; the most certain.
const CONSIDERED_MAX: usize = 200;

impl Site {
    /// Looks for habits when it is time to.
    pub(super) fn look_when_due(&self, now: Timestamp) -> Result<(), RuleError> {
        let last = self.rules.suggestions.looked.lock().as_ref().map(|looked| (looked.at, looked.days));
        let is_due = last.is_none_or(|(at, days)| {
            now < at || now.since(at) >= if days < OBSERVED_DAYS_MIN { LOOK_AGAIN } else { LOOK_EVERY }
        });
        if is_due { self.look_for_habits().map(drop) } else { Ok(()) }
    }

    /// Looks for habits now. Reads weeks of history: blocks for as long as that takes.
    pub fn look_for_habits(&self) -> Result<Looked, RuleError> {
        let _one = self.rules.suggestions.looking.lock();
        let now = self.clock.now();
        self.rules.suggestions.forget_notes_before(now - HABIT_SPAN);
        let past = self.past_of_people(now - HABIT_SPAN, now)?;
        let place = self.place();
        let utc_offset_s = |moment| place.utc_offset_seconds(moment);
        let sun = |day| place.sun_of_day(day).map(|(rise_s, set_s)| SunTimes { rise_s, set_s });
        let candidates = mine(&past.acts, &past.happenings, &Setting { utc_offset_s: &utc_offset_s, sun: &sun });
        let mut days: Vec<i64> = past.acts.iter().map(|act| act.time.micros().div_euclid(86_400_000_000)).collect();
        days.dedup();
        let mut looked = Looked {
            at: now,
            from: past.from,
            days: days.len(),
            acts: past.acts.len(),
            happenings: past.happenings.len(),
            found: candidates.len(),
            suggested: 0,
            left_out: candidates.len().saturating_sub(CONSIDERED_MAX),
            series_left_out: past.series_left_out,
        };
        let mut titles = Vec::new();
        for candidate in candidates.iter().take(CONSIDERED_MAX) {
            self.consider(candidate, days.len(), &mut looked, &mut titles)?;
        }
        self.fade(now);
        self.keep_look(&looked, now)?;
        if !titles.is_empty() {
            let more = if titles.len() > 3 { format!(" and {} more", titles.len() - 3) } else { String::new() };
            let named = titles[..titles.len().min(3)].join("; ");
            let title = if titles.len() == 1 { "A habit was noticed" } else { "Habits were noticed" };
            let message = format!("{named}{more}. Nothing is done unless you accept it among the suggestions.");
            self.notify(title, &message, Vec::new(), None);
        }
        Ok(looked)
    }

    fn keep_look(&self, looked: &Looked, now: Timestamp) -> Result<(), RuleError> {
        self.rules.suggestions.write_down(&*self.state, now)?;
        self.state.commit(vec![Change::put(Table::Setting, LOOKED_SETTING, None, looked)], now)?;
        *self.rules.suggestions.looked.lock() = Some(looked.clone());
        Ok(())
    }

    /// Takes a habit in: what is known of it is brought up to date, what is new is suggested.
    fn consider(
        &self,
        candidate: &Candidate,
        observed_days: usize,
        looked: &mut Looked,
        titles: &mut Vec<String>,
    ) -> Result<(), RuleError> {
        let habit = Habit::of(candidate);
        let known = {
            let mut shelf = self.rules.suggestions.shelf.lock();
            let known = shelf.iter().find(|row| row.habit.is_same(&habit)).map(|row| row.suggestion.id.clone());
            if let Some(row) = known.as_ref().and_then(|id| shelf.get_mut(id)) {
                row.seen = looked.at;
            }
            known
        };
        let is_new = |row: &&Row| row.suggestion.state == SuggestionState::New;
        let waits = |id: &String| {
            let shelf = self.rules.suggestions.shelf.lock();
            shelf.get(id).as_ref().is_some_and(is_new)
        };
        if known.as_ref().is_some_and(|id| !waits(id)) || (known.is_none() && self.is_ruled(&habit)) {
            return Ok(());
        }
        if known.is_none() && self.rules.suggestions.shelf.lock().iter().filter(is_new).count() >= SUGGESTIONS_NEW_MAX {
            looked.left_out += 1;
            return Ok(());
        }
        let title = self.habit_title(candidate);
        let text = candidate.rule_text(&title);
        let read = self.read_rule(&text);
        let Some(parsed) = read.parsed.filter(|_| !read.problems.iter().any(rule::Problem::is_error)) else {
            // The thing has changed since: what cannot run is not suggested.
            tracing::debug!(title, "a habit cannot be a rule");
            return Ok(());
        };
        let mut backtest = self.card_of(&parsed)?;
        let shown = backtest.timeline.len().saturating_sub(MOMENTS_KEPT);
        backtest.timeline.drain(..shown);
        backtest.left_out += shown as u64;
        let is_first = known.is_none();
        let id = known.unwrap_or_else(|| self.rules.ids.next("suggestion", looked.at));
        let evidence = self.evidence_of(candidate, observed_days);
        let mut shelf = self.rules.suggestions.shelf.lock();
        let since = shelf.get(&id).map_or(looked.at, |row| row.suggestion.since);
        if shelf.get(&id).is_some_and(|row| row.suggestion.state != SuggestionState::New) {
            return Ok(());
        }
        let suggestion = Suggestion {
            id,
            title: title.clone(),
            text,
            evidence,
            state: SuggestionState::New,
            since,
            rule: None,
            note: None,
            backtest: Some(backtest),
        };
        shelf.put(Row { suggestion, habit, surprise: candidate.surprise, seen: looked.at, asked: false });
        drop(shelf);
        if is_first {
            looked.suggested += 1;
            titles.push(title);
        }
        Ok(())
    }

    /// Whether a rule that runs sets the same property already, or the other way round: what happens after a rule's own
    /// doing is no habit of people.
    fn is_ruled(&self, habit: &Habit) -> bool {
        let work = self.rules.work.lock();
        work.enlisted().any(|one| {
            let sets = written(&one.rule);
            let is_same = sets.contains(&(habit.thing.clone(), habit.name.clone()));
            let is_reason = match &habit.goes_by {
                GoesBy::After { thing, name, .. } => sets.contains(&(thing.clone(), name.clone())),
                _ => false,
            };
            is_same || is_reason
        })
    }

    /// Lets go of what nobody looked at and is not done any more, and of the oldest that were decided on.
    fn fade(&self, now: Timestamp) {
        let mut shelf = self.rules.suggestions.shelf.lock();
        let fades = |row: &&Row| {
            row.suggestion.state == SuggestionState::New && now >= row.seen && now.since(row.seen) >= FADES_AFTER
        };
        let mut gone: Vec<String> = shelf.iter().filter(fades).map(|row| row.suggestion.id.clone()).collect();
        let surplus = (shelf.len() - gone.len()).saturating_sub(SUGGESTIONS_MAX);
        let decided = shelf
            .iter()
            .filter(|row| matches!(row.suggestion.state, SuggestionState::Dismissed | SuggestionState::Accepted));
        gone.extend(decided.take(surplus).map(|row| row.suggestion.id.clone()));
        gone.iter().for_each(|id| drop(shelf.remove(id)));
    }
}
