//! The book of findings: bounded, one that goes on for each stream and sort.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use model::{Name, ThingId, Timestamp, Unit};

use super::insight::{Insight, InsightKind, InsightSeverity, InsightState};
use super::seam::Verdict;

/// The most findings that are kept. The oldest that are over, or were called normal, are let go.
pub const INSIGHTS_MAX: usize = 10_000;

/// The most findings that go on at the same time. While there are so many, new ones are counted and not kept.
pub const INSIGHTS_OPEN_MAX: usize = 2_000;

/// A finding of a sort that has no end of its own is over when it was not repeated for so long.
pub const CALM_AFTER: Duration = Duration::from_mins(10);

/// The longest note, in characters; what is longer is cut.
pub const NOTE_MAX: usize = 1_000;

/// What a verdict is about.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) thing: ThingId,
    pub(crate) name: Name,
    pub(crate) unit: Option<Unit>,
    pub(crate) words: String,
}

/// What came of a verdict.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// A new finding.
    Opened(Insight),
    /// One that goes on got worse.
    Raised(Insight),
    /// One that goes on was seen again.
    Repeated,
    /// There are too many.
    Refused,
}

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Book {
    insights: BTreeMap<String, Insight>,
    open: HashMap<(ThingId, Name, InsightKind), String>,
    by_thing: HashMap<ThingId, BTreeSet<String>>,
    changed: BTreeSet<String>,
    removed: Vec<String>,
    newest: i64,
}

impl Book {
    /// Goes on with what was written down.
    pub(crate) fn restore(insights: Vec<Insight>) -> Self {
        let mut book = Self::default();
        for insight in insights {
            book.newest = book.newest.max(insight.found.micros());
            book.index(&insight);
            book.insights.insert(insight.id.clone(), insight);
        }
        book
    }

    fn index(&mut self, insight: &Insight) {
        if insight.state.goes_on() {
            let key = (insight.thing.clone(), insight.name.clone(), insight.kind);
            self.open.insert(key, insight.id.clone());
            self.by_thing.entry(insight.thing.clone()).or_default().insert(insight.id.clone());
        }
    }

    fn unindex(&mut self, insight: &Insight) {
        self.open.remove(&(insight.thing.clone(), insight.name.clone(), insight.kind));
        if let Some(ids) = self.by_thing.get_mut(&insight.thing) {
            ids.remove(&insight.id);
            if ids.is_empty() {
                self.by_thing.remove(&insight.thing);
            }
        }
    }

    /// Something was found, or found again.
    pub(crate) fn found(&mut self, about: About, verdict: &Verdict, now: Timestamp) -> Outcome {
        let key = (about.thing.clone(), about.name.clone(), verdict.kind);
        if let Some(id) = self.open.get(&key) {
            let insight = self.insights.get_mut(id).expect("the index names insights of the book");
            let worse = repeat(insight, verdict, about.words);
            self.changed.insert(insight.id.clone());
            return if worse { Outcome::Raised(insight.clone()) } else { Outcome::Repeated };
        }
        if self.open.len() >= INSIGHTS_OPEN_MAX {
            return Outcome::Refused;
        }
        // Ids sort by time and are unique: two of one microsecond get numbers one after the other.
        self.newest = now.micros().max(self.newest + 1);
        let insight = Insight {
            id: format!("insight-{:014x}", self.newest),
            thing: about.thing,
            name: about.name,
            kind: verdict.kind,
            severity: severity(verdict.score, verdict.time.since(verdict.began)),
            state: InsightState::Open,
            began: verdict.began,
            found: now,
            ended: None,
            last: verdict.time,
            count: 1,
            expected: verdict.expected,
            came: verdict.came,
            unit: about.unit,
            score: verdict.score,
            words: about.words,
            acknowledged_by: None,
            note: None,
        };
        self.index(&insight);
        self.changed.insert(insight.id.clone());
        self.insights.insert(insight.id.clone(), insight.clone());
        self.shrink();
        Outcome::Opened(insight)
    }

    /// What was found is so no more.
    pub(crate) fn over(&mut self, thing: &ThingId, name: &Name, kind: InsightKind, time: Timestamp) -> Option<Insight> {
        let id = self.open.get(&(thing.clone(), name.clone(), kind))?.clone();
        Some(self.end(&id, InsightState::Over, time))
    }

    fn end(&mut self, id: &str, state: InsightState, time: Timestamp) -> Insight {
        let insight = self.insights.get_mut(id).expect("the caller found it in the book");
        insight.state = state;
        insight.ended = Some(time.max(insight.began));
        self.changed.insert(id.to_owned());
        let insight = insight.clone();
        self.unindex(&insight);
        insight
    }

    /// Findings without an end of their own that were not repeated for [`CALM_AFTER`] are over.
    pub(crate) fn calm(&mut self, now: Timestamp) -> Vec<Insight> {
        let is_calm =
            |insight: &Insight| !insight.kind.lasts() && now.since(insight.last.max(insight.found)) >= CALM_AFTER;
        let calm: Vec<(String, Timestamp)> = self
            .going_on()
            .filter(|insight| is_calm(insight))
            .map(|insight| (insight.id.clone(), insight.last))
            .collect();
        calm.into_iter().map(|(id, last)| self.end(&id, InsightState::Over, last)).collect()
    }

    /// Everything of a thing that is gone, or of a stream that begins anew, is over.
    pub(crate) fn end_all(&mut self, thing: &ThingId, name: Option<&Name>, now: Timestamp) -> Vec<Insight> {
        let ids: Vec<String> = self
            .of(thing)
            .filter(|insight| name.is_none_or(|name| insight.name == *name))
            .map(|insight| insight.id.clone())
            .collect();
        ids.into_iter().map(|id| self.end(&id, InsightState::Over, now)).collect()
    }

    /// Somebody has seen it. `None` when there is no such finding; an error when it was called normal.
    pub(crate) fn acknowledge(&mut self, id: &str, by: &str, note: Option<&str>) -> Option<Result<Insight, ()>> {
        let insight = self.insights.get_mut(id)?;
        match insight.state {
            InsightState::Normal => return Some(Err(())),
            InsightState::Open => insight.state = InsightState::Acknowledged,
            InsightState::Acknowledged | InsightState::Over => {}
        }
        label(insight, by, note);
        self.changed.insert(id.to_owned());
        Some(Ok(insight.clone()))
    }

    /// Somebody said that it is normal. Returns it, and whether that is new.
    pub(crate) fn normal(&mut self, id: &str, by: &str, note: Option<&str>, now: Timestamp) -> Option<(Insight, bool)> {
        let insight = self.insights.get_mut(id)?;
        if insight.state == InsightState::Normal {
            return Some((insight.clone(), false));
        }
        label(insight, by, note);
        let ended = insight.ended.unwrap_or(now);
        Some((self.end(id, InsightState::Normal, ended), true))
    }

    /// One finding.
    pub(crate) fn get(&self, id: &str) -> Option<&Insight> {
        self.insights.get(id)
    }

    /// All findings, the newest first, from after `after`.
    pub(crate) fn newest_first(&self, after: Option<&str>) -> impl Iterator<Item = &Insight> {
        let end = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.insights.range::<str, _>((std::ops::Bound::Unbounded, end));
        range.rev().map(|(_, insight)| insight)
    }

    /// What goes on with a thing.
    pub(crate) fn of(&self, thing: &ThingId) -> impl Iterator<Item = &Insight> {
        self.by_thing.get(thing).into_iter().flatten().filter_map(|id| self.insights.get(id))
    }

    fn going_on(&self) -> impl Iterator<Item = &Insight> {
        self.open.values().filter_map(|id| self.insights.get(id))
    }

    /// How many go on and were not looked at.
    pub(crate) fn open_count(&self) -> usize {
        self.going_on().filter(|insight| insight.state == InsightState::Open).count()
    }

    /// How many there are, and how many of them go on.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.insights.len(), self.open.len())
    }

    /// Whether something is not written down.
    pub(crate) fn is_changed(&self) -> bool {
        !self.changed.is_empty() || !self.removed.is_empty()
    }

    /// What is to be written down: findings that changed, and ids of those that are gone.
    pub(crate) fn take_changes(&mut self) -> (Vec<Insight>, Vec<String>) {
        let changed = std::mem::take(&mut self.changed);
        let changed = changed.iter().filter_map(|id| self.insights.get(id).cloned()).collect();
        (changed, std::mem::take(&mut self.removed))
    }

    /// The disk did not take them.
    pub(crate) fn give_back(&mut self, changed: &[Insight], removed: Vec<String>) {
        self.changed.extend(changed.iter().map(|insight| insight.id.clone()));
        self.removed.extend(removed);
    }

    /// Lets go of the oldest that do not go on.
    fn shrink(&mut self) {
        while self.insights.len() > INSIGHTS_MAX {
            let oldest =
                self.insights.values().find(|insight| !insight.state.goes_on()).map(|insight| insight.id.clone());
            let Some(oldest) = oldest else { return };
            self.insights.remove(&oldest);
            self.changed.remove(&oldest);
            self.removed.push(oldest);
        }
    }
}

/// Seen again. Returns whether it got worse.
fn repeat(insight: &mut Insight, verdict: &Verdict, words: String) -> bool {
    insight.last = insight.last.max(verdict.time);
    insight.began = insight.began.min(verdict.began);
    insight.count += 1;
    insight.came = verdict.came;
    insight.expected = verdict.expected;
    insight.score = insight.score.max(verdict.score);
    insight.words = words;
    let severity = severity(insight.score, insight.last.since(insight.began));
    let worse = severity > insight.severity;
    insight.severity = severity.max(insight.severity);
    worse
}

fn label(insight: &mut Insight, by: &str, note: Option<&str>) {
    insight.acknowledged_by = Some(by.to_owned());
    if let Some(note) = note {
        insight.note = Some(note.chars().take(NOTE_MAX).collect());
    }
}

/// From this score on a finding is a warning, and from the second one on an alarm.
const SCORES: (f64, f64) = (6.0, 12.0);

/// What lasts longer is one step worse.
const LONG: Duration = Duration::from_hours(1);

/// How bad it is, from how unlikely it is and for how long it has been so.
fn severity(score: f64, duration: Duration) -> InsightSeverity {
    let steps = u8::from(score >= SCORES.0) + u8::from(score >= SCORES.1) + u8::from(duration >= LONG);
    match steps {
        0 => InsightSeverity::Notice,
        1 => InsightSeverity::Warning,
        _ => InsightSeverity::Alarm,
    }
}

#[cfg(test)]
mod tests;
