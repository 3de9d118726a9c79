//! What a person decides about a suggestion.

use super::super::answers::RuleDetail;
use super::super::book::RuleState;
use super::super::card::BacktestAsked;
use super::super::error::RuleError;
use super::super::promotion::Promotion;
use super::{Row, Suggestion, SuggestionState};
use crate::site::Site;

impl Site {
    /// Makes a rule of a suggestion and lets it run in shadow. After a week somebody is asked.
    pub fn shadow_suggestion(&self, id: &str, by: &str) -> Result<Suggestion, RuleError> {
        let row = self.suggestion_row(id)?;
        match row.suggestion.state {
            SuggestionState::New => self.make_rule(&row, SuggestionState::Shadow, by),
            SuggestionState::Shadow => Ok(row.suggestion),
            state => Err(RuleError::Decided { id: id.to_owned(), state: state.as_str() }),
        }
    }

    /// Accepts a suggestion. A new one becomes a rule that runs in shadow first; one that runs in shadow goes live, with
    /// its shadow to show for it.
    pub fn accept_suggestion(&self, id: &str, by: &str) -> Result<Suggestion, RuleError> {
        let row = self.suggestion_row(id)?;
        match (row.suggestion.state, &row.suggestion.rule) {
            (SuggestionState::New, _) => self.make_rule(&row, SuggestionState::Accepted, by),
            (SuggestionState::Shadow, Some(rule)) => {
                self.promote_rule(rule, Promotion::default(), by)?;
                self.decided(id, SuggestionState::Accepted, Some(rule.clone()), None)
            }
            (state, _) => Err(RuleError::Decided { id: id.to_owned(), state: state.as_str() }),
        }
    }

    /// Dismisses a suggestion. What ran in shadow for it stops; the same is not suggested again.
    pub fn dismiss_suggestion(&self, id: &str) -> Result<Suggestion, RuleError> {
        let row = self.suggestion_row(id)?;
        match (row.suggestion.state, &row.suggestion.rule) {
            (SuggestionState::New, _) => self.decided(id, SuggestionState::Dismissed, None, None),
            (SuggestionState::Shadow, rule) => {
                if let Some(rule) = rule.as_deref().filter(|rule| self.runs_in_shadow_only(rule)) {
                    self.switch_off_rule(rule)?;
                }
                self.decided(id, SuggestionState::Dismissed, rule.clone(), None)
            }
            (SuggestionState::Dismissed, _) => Ok(row.suggestion),
            (state, _) => Err(RuleError::Decided { id: id.to_owned(), state: state.as_str() }),
        }
    }

    /// The rule that was made of a suggestion, if there still is one.
    pub fn rule_of_suggestion(&self, suggestion: &Suggestion) -> Option<RuleDetail> {
        suggestion.rule.as_deref().and_then(|rule| self.rule(rule).ok())
    }

    pub(super) fn runs_in_shadow_only(&self, rule: &str) -> bool {
        self.rules.row(rule).is_ok_and(|row| row.state() == RuleState::Shadow)
    }

    fn suggestion_row(&self, id: &str) -> Result<Row, RuleError> {
        let shelf = self.rules.suggestions.shelf.lock();
        shelf.get(id).cloned().ok_or_else(|| RuleError::UnknownSuggestion(id.to_owned()))
    }

    /// A rule of the suggestion's text, with its backtest to show for it, in shadow.
    fn make_rule(&self, row: &Row, state: SuggestionState, by: &str) -> Result<Suggestion, RuleError> {
        let rule = self.add_rule(&row.suggestion.text, None, by)?;
        let begun = self.backtest_rule(&rule, &BacktestAsked::default()).and_then(|_| self.shadow_rule(&rule));
        if let Err(error) = begun {
            // Half a rule is none.
            self.remove_rule(&rule)?;
            return Err(error);
        }
        self.decided(&row.suggestion.id, state, Some(rule), None)
    }

    /// Notes where a suggestion stands now.
    pub(super) fn decided(
        &self,
        id: &str,
        state: SuggestionState,
        rule: Option<String>,
        note: Option<String>,
    ) -> Result<Suggestion, RuleError> {
        let now = self.clock.now();
        let suggestion = {
            let mut shelf = self.rules.suggestions.shelf.lock();
            let row = shelf.get_mut(id).ok_or_else(|| RuleError::UnknownSuggestion(id.to_owned()))?;
            (row.suggestion.state, row.suggestion.since, row.suggestion.rule) = (state, now, rule);
            if note.is_some() {
                row.suggestion.note = note;
            }
            row.suggestion.clone()
        };
        self.rules.suggestions.write_down(&*self.state, now)?;
        Ok(suggestion)
    }
}
