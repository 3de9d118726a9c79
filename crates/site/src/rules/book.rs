//! The book of rules: their texts in versions, and which version runs how.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use model::{SpaceId, ThingId, Timestamp};
use rule::Rule;
use serde::{Deserialize, Serialize};
use store::state::{Change, StateError, Table};

use super::error::RuleError;
use super::promotion::{Promoted, Shown};
use super::shelf::Kept;
use crate::site::Site;

/// The most rules that are kept; more are refused.
pub const RULES_MAX: usize = 20_000;

/// The most versions of one rule that are kept; of those that do not run, the oldest go.
pub const VERSIONS_MAX: usize = 100;

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It is written, and does not run.
    Draft,
    /// It runs, and what it would do is written down.
    Shadow,
    /// It runs.
    Live,
    /// It ran, and was switched off.
    Off,
}

impl RuleState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::Off => "off",
        }
    }
}

/// A version that runs in shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct InShadow {
    pub(super) version: u64,
    pub(super) since: Timestamp,
}

/// One rule: everything but its texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleRow {
    pub(super) id: String,
    /// Of the newest version, as are the next ones.
    pub(super) title: String,
    pub(super) problems: usize,
    pub(super) things: Vec<ThingId>,
    pub(super) version: u64,
    pub(super) live: Option<Promoted>,
    pub(super) shadow: Option<InShadow>,
    pub(super) is_off: bool,
    /// What was live before, the newest first.
    pub(super) earlier: VecDeque<Promoted>,
    /// What shows which version.
    pub(super) shown: VecDeque<Shown>,
}

impl RuleRow {
    pub(super) fn state(&self) -> RuleState {
        match (&self.live, &self.shadow) {
            (Some(_), _) => RuleState::Live,
            (None, Some(_)) => RuleState::Shadow,
            (None, None) if self.is_off => RuleState::Off,
            (None, None) => RuleState::Draft,
        }
    }

    fn runs(&self, version: u64) -> bool {
        self.live.as_ref().is_some_and(|live| live.version == version)
            || self.shadow.as_ref().is_some_and(|shadow| shadow.version == version)
            || self.earlier.front().is_some_and(|earlier| earlier.version == version)
    }
}

impl Kept for RuleRow {
    const TABLE: Table = Table::Rule;

    fn id(&self) -> &str {
        &self.id
    }

    fn key(&self) -> Option<String> {
        Some(self.state().as_str().to_owned())
    }
}

/// A version of a rule's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleVersion {
    /// Which; they grow by one.
    pub version: u64,
    /// When it was written.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// By whom.
    pub by: String,
    /// The text.
    pub text: String,
    /// What was said about it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub note: Option<String>,
    /// Since when it was live, the last time.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub live_from: Option<Timestamp>,
    /// Until when; null while it is.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub live_to: Option<Timestamp>,
}

/// What the text of a rule says, as far as it can be read.
pub(super) struct Read {
    pub(super) parsed: Option<Arc<Rule>>,
    pub(super) problems: Vec<rule::Problem>,
    pub(super) title: String,
    pub(super) things: Vec<ThingId>,
}

fn version_id(rule: &str, version: u64) -> String {
    format!("{rule}/{version:08}")
}

impl Site {
    /// Reads a text, and compares it with what is known of things.
    pub(super) fn read_rule(&self, text: &str) -> Read {
        let rule::Parsed { rule: parsed, mut problems } = Rule::parse(text);
        let mut things: Vec<ThingId> = Vec::new();
        if let Some(rule) = &parsed {
            problems.extend(rule::check::check(rule, &super::known::Models(self), &self.place()));
            things = super::known::things_of(rule);
        }
        let title = parsed.as_ref().map_or_else(|| title_of(text), |rule| rule.title.clone());
        Read { parsed, problems, title, things }
    }

    /// One version of a rule.
    pub(super) fn rule_version(&self, rule: &str, version: u64) -> Result<RuleVersion, RuleError> {
        let unknown = || RuleError::UnknownVersion { rule: rule.to_owned(), version };
        let row = self.state.get(Table::RuleVersion, &version_id(rule, version))?.ok_or_else(unknown)?;
        Ok(row.parse(Table::RuleVersion)?)
    }

    /// The versions of a rule, the newest first.
    pub fn rule_versions(&self, rule: &str) -> Result<Vec<RuleVersion>, RuleError> {
        self.rules.row(rule)?;
        let rows = self.state.list(Table::RuleVersion, Some(rule), None, 2 * VERSIONS_MAX)?;
        Ok(rows.iter().rev().map(|row| row.parse(Table::RuleVersion)).collect::<Result<_, _>>()?)
    }

    /// The text of a version, ready to run.
    pub(super) fn runnable(&self, rule: &str, version: u64) -> Result<Arc<Rule>, RuleError> {
        let read = self.read_rule(&self.rule_version(rule, version)?.text);
        match read.parsed {
            Some(parsed) if !read.problems.iter().any(rule::Problem::is_error) => Ok(parsed),
            _ => Err(RuleError::CannotRun { rule: rule.to_owned(), problems: read.problems }),
        }
    }

    /// Adds a rule as a draft. One that cannot run yet is kept all the same, and says what is wrong.
    pub fn add_rule(&self, text: &str, id: Option<&str>, by: &str) -> Result<String, RuleError> {
        Ok(self.add_rules(&[(text, id)], by)?.remove(0))
    }

    /// Adds rules as drafts, each a text with the id that it is to have, if any: all of them, or none. Their ids.
    pub(super) fn add_rules(&self, drafts: &[(&str, Option<&str>)], by: &str) -> Result<Vec<String>, RuleError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        drafts.iter().try_for_each(|(text, _)| check_length(text))?;
        let read: Vec<Read> = drafts.iter().map(|(text, _)| self.read_rule(text)).collect();
        let _one = self.rules.writing.lock();
        let ids = self.choose_ids(drafts, &read)?;
        // The texts before the rows, so that whoever sees a row finds its text.
        let version = |text: &str| self.new_version(1, text, by, None);
        self.keep_rules(ids.iter().zip(drafts).map(|(id, (text, _))| put_version(id, &version(text))).collect())?;
        {
            let mut book = self.rules.book.lock();
            for (id, Read { title, problems, things, .. }) in ids.iter().zip(read) {
                book.put(RuleRow {
                    id: id.clone(),
                    title,
                    problems: problems.len(),
                    things,
                    version: 1,
                    live: None,
                    shadow: None,
                    is_off: false,
                    earlier: VecDeque::new(),
                    shown: VecDeque::new(),
                });
            }
        }
        self.keep_rules(Vec::new())?;
        Ok(ids)
    }

    fn choose_ids(&self, drafts: &[(&str, Option<&str>)], read: &[Read]) -> Result<Vec<String>, RuleError> {
        let book = self.rules.book.lock();
        if book.len() + drafts.len() > RULES_MAX {
            return Err(RuleError::Full { what: "rules", limit: RULES_MAX });
        }
        let mut chosen = BTreeSet::new();
        let mut choose = |((_, id), read): (&(&str, Option<&str>), &Read)| {
            let is_taken = |id: &str| book.get(id).is_some() || chosen.contains(id);
            let id = super::ids::choose(*id, &read.title, "rule", is_taken)?;
            chosen.insert(id.clone());
            Ok(id)
        };
        drafts.iter().zip(read).map(&mut choose).collect()
    }

    /// Writes a new version of a rule's text, on top of the version that the writer has seen. What runs goes on as it is.
    pub fn change_rule(&self, id: &str, text: &str, seen: u64, by: &str, note: Option<&str>) -> Result<(), RuleError> {
        check_length(text)?;
        let read = self.read_rule(text);
        let _one = self.rules.writing.lock();
        let found = self.rules.row(id)?.version;
        if found != seen {
            return Err(RuleError::Changed { rule: id.to_owned(), expected: seen, found });
        }
        if self.rule_version(id, found)?.text == text {
            return Ok(());
        }
        let version = self.new_version(seen + 1, text, by, note);
        self.keep_rules(vec![put_version(id, &version)])?;
        {
            let mut book = self.rules.book.lock();
            let row = book.get_mut(id).ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
            (row.version, row.title, row.things) = (version.version, read.title, read.things);
            row.problems = read.problems.len();
        }
        self.keep_rules(self.old_versions(id)?)
    }

    /// Goes back to the text of an earlier version, as a new one. When the rule is live and what shows the earlier
    /// version is known, that is live again at once.
    pub fn revert_rule(&self, id: &str, to: u64, by: &str) -> Result<(), RuleError> {
        let earlier = self.rule_version(id, to)?;
        let row = self.rules.row(id)?;
        self.change_rule(id, &earlier.text, row.version, by, Some(&format!("as version {to}")))?;
        let version = self.rules.row(id)?.version;
        let run = row.shown.iter().rev().find(|shown| shown.version == to).map(|shown| shown.run.clone());
        if let Some(run) = &run {
            // What the same text did is shown by what showed it before.
            self.note_shown(id, version, run)?;
        }
        let was_live = row.live.iter().chain(&row.earlier).any(|promoted| promoted.version == to);
        if let (Some(live), true) = (&row.live, run.is_some() || was_live) {
            let promoted = Promoted { version, run, by: by.to_owned(), since: self.clock.now(), ..live.clone() };
            self.take_live(id, promoted)?;
        }
        Ok(())
    }

    /// Removes a rule with all that is kept of it.
    pub fn remove_rule(&self, id: &str) -> Result<(), RuleError> {
        let removed = self.rules.book.lock().remove(id);
        removed.ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
        self.dismiss_rule(id);
        self.rules.traces.lock().forget(id);
        self.rules.activity.lock().remove(id);
        let tables = [Table::RuleVersion, Table::RuleTrace, Table::RuleBacktest];
        self.keep_rules(tables.map(|table| Change::DeleteKey { table, key: id.to_owned() }).into())
    }

    /// Counts anew what is wrong with the rules, because what they are compared with has changed.
    pub(super) fn recount_problems(&self) -> Result<(), RuleError> {
        let versions: Vec<(String, u64)> =
            self.rules.book.lock().iter().map(|row| (row.id.clone(), row.version)).collect();
        for (id, version) in versions {
            let problems = self.read_rule(&self.rule_version(&id, version)?.text).problems.len();
            let mut book = self.rules.book.lock();
            let is_other = |row: &RuleRow| row.version == version && row.problems != problems;
            if book.get(&id).is_some_and(is_other)
                && let Some(row) = book.get_mut(&id)
            {
                row.problems = problems;
            }
        }
        self.keep_rules(Vec::new())
    }

    fn new_version(&self, version: u64, text: &str, by: &str, note: Option<&str>) -> RuleVersion {
        RuleVersion {
            version,
            time: self.clock.now(),
            by: by.to_owned(),
            text: text.to_owned(),
            note: note.map(|note| note.chars().take(crate::mind::NOTE_MAX).collect()),
            live_from: None,
            live_to: None,
        }
    }

    /// Takes the versions away that are too many.
    fn old_versions(&self, id: &str) -> Result<Vec<Change>, RuleError> {
        let count = self.state.count(Table::RuleVersion, Some(id))? as usize;
        if count <= VERSIONS_MAX {
            return Ok(Vec::new());
        }
        let row = self.rules.row(id)?;
        let versions = self.rule_versions(id)?;
        let old = versions.iter().rev().filter(|version| !row.runs(version.version));
        let gone = old.take(count - VERSIONS_MAX);
        Ok(gone.map(|version| Change::delete(Table::RuleVersion, version_id(id, version.version))).collect())
    }

    /// Notes since or until when a version is live.
    pub(super) fn note_live(&self, id: &str, version: u64, is_live: bool) -> Result<(), RuleError> {
        let mut row = self.rule_version(id, version)?;
        let now = self.clock.now();
        if is_live {
            (row.live_from, row.live_to) = (Some(now), None);
        } else {
            row.live_to = Some(now);
        }
        self.state.commit(vec![put_version(id, &row)], now)?;
        Ok(())
    }

    /// Writes down what changed in the book, with other changes in one go.
    pub(super) fn keep_rules(&self, mut changes: Vec<Change>) -> Result<(), RuleError> {
        let mut unwritten = self.rules.book.lock().take();
        changes.append(&mut unwritten.changes);
        let written: Result<_, StateError> = self.state.commit(changes, self.clock.now());
        if written.is_err() {
            self.rules.book.lock().give_back(unwritten);
        }
        self.rules_changed();
        written?;
        Ok(())
    }
}

fn put_version(rule: &str, version: &RuleVersion) -> Change {
    Change::put(Table::RuleVersion, version_id(rule, version.version), Some(rule.to_owned()), version)
}

fn check_length(text: &str) -> Result<(), RuleError> {
    if text.len() > rule::limits::TEXT_BYTES_MAX { Err(RuleError::TooLong(text.len())) } else { Ok(()) }
}

/// The title of a text that cannot be read as a whole.
fn title_of(text: &str) -> String {
    let title = text.lines().find_map(|line| line.strip_prefix("rule:"));
    let title = title.map(|title| title.trim().trim_matches(['"', '\'']).chars().take(super::ids::TITLE_MAX).collect());
    title.filter(|title: &String| !title.is_empty()).unwrap_or_else(|| "Rule".to_owned())
}

/// A rule in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleSummary {
    /// Unique.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub state: RuleState,
    /// The newest version.
    pub version: u64,
    /// The version that is live.
    #[cfg_attr(feature = "schema", schema(required))]
    pub live_version: Option<u64>,
    /// The version that runs in shadow.
    #[cfg_attr(feature = "schema", schema(required))]
    pub shadow_version: Option<u64>,
    /// How much is wrong with the newest version.
    pub problems: usize,
    /// How often it ran within the last day.
    pub fired_day: u64,
    /// How often that failed.
    pub failed_day: u64,
    /// When it ran last.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub last_fired: Option<Timestamp>,
    /// How often it would have run within the last day, had it not been in shadow.
    pub would_have_fired_day: u64,
    /// The things that it reads or commands.
    pub things: Vec<ThingId>,
    /// Where the first of them stands.
    #[cfg_attr(feature = "schema", schema(required))]
    pub space: Option<SpaceId>,
    /// For which part of its things it is live.
    #[cfg_attr(feature = "schema", schema(required))]
    pub stage: Option<super::RuleStage>,
    /// What takes it back.
    #[cfg_attr(feature = "schema", schema(required))]
    pub guard: Option<super::RuleGuard>,
}

/// Which rules.
#[derive(Debug, Clone, Default)]
pub struct RuleQuery {
    /// Where they stand.
    pub state: Option<RuleState>,
    /// About this thing.
    pub thing: Option<ThingId>,
    /// With these words in their title or id.
    pub search: Option<String>,
    /// After this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Site {
    /// Rules in order of id, and whether there are more.
    pub fn rules(&self, query: &RuleQuery) -> (Vec<RuleSummary>, Option<String>) {
        let words = query.search.as_ref().map(|search| search.to_lowercase());
        let wants = |row: &&RuleRow| {
            query.state.is_none_or(|state| row.state() == state)
                && query.thing.as_ref().is_none_or(|thing| row.things.contains(thing))
                && words.as_ref().is_none_or(|words| row.title.to_lowercase().contains(words) || row.id.contains(words))
                && query.after.as_ref().is_none_or(|after| row.id > *after)
        };
        let limit = query.limit.max(1);
        let mut rows: Vec<RuleRow> = {
            let book = self.rules.book.lock();
            book.iter().filter(wants).take(limit + 1).cloned().collect()
        };
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.id.clone());
        (rows.into_iter().map(|row| self.summary(row)).collect(), next)
    }

    pub(super) fn summary(&self, row: RuleRow) -> RuleSummary {
        let now = self.clock.now();
        let (day, last_fired) = self
            .rules
            .activity
            .lock()
            .get(&row.id)
            .map_or_else(Default::default, |activity| (activity.day(now), activity.last_fired));
        let space = {
            let things = self.things.read();
            row.things.iter().find_map(|thing| things.registry.get(thing)?.thing.space.clone())
        };
        RuleSummary {
            state: row.state(),
            live_version: row.live.as_ref().map(|live| live.version),
            shadow_version: row.shadow.as_ref().map(|shadow| shadow.version),
            stage: row.live.as_ref().and_then(|live| live.stage.clone()),
            guard: row.live.as_ref().and_then(|live| live.guard.clone()),
            id: row.id,
            title: row.title,
            version: row.version,
            problems: row.problems,
            fired_day: day.fired,
            failed_day: day.failed,
            last_fired,
            would_have_fired_day: day.would_have,
            things: row.things,
            space,
        }
    }
}
