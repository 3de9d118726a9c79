//! Questions about rules: one in full, what is wrong with a text, what rules do to each other, why one does not run, and
//! rules from elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Name, PropertyRole, ThingId, Timestamp};
use rule::conflicts::Conflict;
use rule::graph::Graph;
use rule::import::LeftOut;
use rule::import::home_assistant::{Group, Home};
use rule::testing::TestResult;
use rule::{Enlisted, Problem, Rule, TraceLevel, WhyNot};
use serde::Serialize;
use twin::ThingStatus;

use super::book::RuleSummary;
use super::error::RuleError;
use super::replay::Replay;
use crate::site::Site;

/// How much of the past an engine is shown to say why a rule did not run at a moment of it.
const WHY_SPAN: Duration = Duration::from_hours(24);

/// A moment that is ahead by less is meant to be now.
const CLOCKS_APART: Duration = Duration::from_mins(5);

/// A rule in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleDetail {
    /// In short.
    #[serde(flatten)]
    pub summary: RuleSummary,
    /// The newest text.
    pub text: String,
    /// What it is for.
    pub description: String,
    /// What happens when it is set off while it runs.
    pub mode: String,
    /// What is wrong with it.
    pub problem_list: Vec<Problem>,
    /// As boxes and arrows.
    pub graph: Graph,
    /// In sentences.
    pub words: Vec<String>,
    /// How its tests went.
    pub tests: Vec<TestResult>,
}

/// What can be said of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Checked {
    /// What people call it.
    pub title: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// In sentences.
    pub words: Vec<String>,
    /// As boxes and arrows.
    pub graph: Graph,
    /// How its tests went.
    pub tests: Vec<TestResult>,
}

/// A rule that was brought in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportedRule {
    /// What it was called.
    pub title: String,
    /// The draft that was made of it; null when none was.
    #[cfg_attr(feature = "schema", schema(required))]
    pub id: Option<String>,
    /// Our text; null when nothing of use was left.
    #[cfg_attr(feature = "schema", schema(required))]
    pub text: Option<String>,
    /// What was carried over.
    pub carried: Vec<String>,
    /// What was not.
    pub left_out: Vec<LeftOut>,
    /// What was guessed.
    pub guessed: Vec<String>,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Imports {
    /// Each rule.
    pub items: Vec<ImportedRule>,
    /// How many there were.
    pub rules: usize,
    /// Carried over whole.
    pub whole: usize,
    /// Carried over in part.
    pub partly: usize,
    /// Not carried over.
    pub refused: usize,
}

/// What a text that is no rule's yet is called among rules. No rule has such an id.
const NO_RULE_YET: &str = "this rule";

impl Site {
    /// One rule in full.
    pub fn rule(&self, id: &str) -> Result<RuleDetail, RuleError> {
        let row = self.rules.row(id)?;
        let text = self.rule_version(id, row.version)?.text;
        let (checked, parsed) = self.look_at(&text, Some(id));
        let mut summary = self.summary(row);
        summary.problems = checked.problems.len();
        let Checked { problems, words, graph, tests, .. } = checked;
        Ok(RuleDetail {
            summary,
            text,
            description: parsed.as_ref().map(|rule| rule.description.clone()).unwrap_or_default(),
            mode: parsed.as_ref().map_or("single", |rule| rule.mode.as_str()).to_owned(),
            problem_list: problems,
            graph,
            words,
            tests,
        })
    }

    /// What can be said of a text, whatever it is. `id` is the rule that it is a text of, which it does not conflict
    /// with.
    pub fn check_rule(&self, text: &str, id: Option<&str>) -> Checked {
        self.look_at(text, id).0
    }

    fn look_at(&self, text: &str, id: Option<&str>) -> (Checked, Option<Arc<Rule>>) {
        let read = self.read_rule(text);
        let mut problems = read.problems;
        let Some(parsed) = &read.parsed else {
            let (title, graph) = (read.title, Graph::default());
            return (Checked { title, problems, words: Vec::new(), graph, tests: Vec::new() }, None);
        };
        problems.extend(self.conflicts_with(id.unwrap_or(NO_RULE_YET), parsed));
        let checked = Checked {
            title: read.title,
            problems,
            words: rule::words::sentences(parsed),
            graph: rule::graph::of(parsed),
            tests: rule::testing::run(parsed, &self.place()),
        };
        (checked, read.parsed)
    }

    /// The rules that run, each once: live rather than in shadow.
    fn running_rules(&self) -> Vec<(Arc<str>, Arc<Rule>)> {
        let work = self.rules.work.lock();
        let mut seen = BTreeSet::new();
        let each = work.enlisted().filter(|enlisted| seen.insert(Arc::clone(&enlisted.id)));
        each.map(|enlisted| (Arc::clone(&enlisted.id), Arc::clone(&enlisted.rule))).collect()
    }

    /// What a text would do to the rules that run, and they to it.
    fn conflicts_with(&self, id: &str, parsed: &Arc<Rule>) -> Vec<Problem> {
        let mut rules = self.running_rules();
        rules.retain(|(other, _)| **other != *id);
        rules.push((Arc::from(id), Arc::clone(parsed)));
        let found = rule::rehearsal::of_one(id, &rules, &self.options.place).into_iter();
        let problem = |conflict: Conflict| Problem {
            severity: conflict.severity,
            line: 1,
            column: 1,
            path: String::new(),
            message: conflict.words,
            hint: None,
            other_rule: conflict.rules.into_iter().find(|of| of != id),
        };
        found.map(problem).collect()
    }

    /// What the rules that run do to each other.
    pub fn rule_conflicts(&self) -> Arc<Vec<Conflict>> {
        if let Some(found) = &*self.rules.conflicts.lock() {
            return Arc::clone(found);
        }
        let found = Arc::new(rule::rehearsal::all(&self.running_rules(), &self.options.place));
        *self.rules.conflicts.lock() = Some(Arc::clone(&found));
        found
    }

    /// Why a rule does not run now, or did not at a moment of the past.
    pub fn why_not(&self, id: &str, at: Option<Timestamp>) -> Result<WhyNot, RuleError> {
        let row = self.rules.row(id)?;
        let now = self.clock.now();
        // Whoever asks has a clock of their own.
        let at = at.filter(|at| *at < now || at.since(now) > CLOCKS_APART);
        if at.is_none()
            && let Some(why) = self.rules.work.lock().why_not(id, now)
        {
            return Ok(why);
        }
        let version = row.live.as_ref().map(|live| live.version).or(row.shadow.as_ref().map(|shadow| shadow.version));
        let version = version.unwrap_or(row.version);
        let rule = self.runnable(id, version)?;
        let to = at.unwrap_or(now);
        if to > now {
            return Err(RuleError::Span);
        }
        let from = to - WHY_SPAN;
        let happened = self.findings_between(from, to);
        let place = self.place();
        let (history, place) = (&*self.history, &*place);
        let replay = Replay { history, place, happened: &happened, from, to, traces: TraceLevel::Off };
        let enlisted = Enlisted { id: id.into(), version, rule, shadow: true };
        let (_, engine) = replay.drive(&[enlisted], &mut |_, effects| effects.clear())?;
        engine.why_not(id, to).ok_or_else(|| RuleError::UnknownRule(id.to_owned()))
    }

    /// Reads rules from elsewhere; with `save` each becomes a draft.
    pub fn import_rules(&self, format: &str, text: &str, save: bool, by: &str) -> Result<Imports, RuleError> {
        if format != "home_assistant" {
            return Err(RuleError::UnknownFormat(format.to_owned()));
        }
        let report = rule::import::home_assistant::import(text, &Place(self))
            .map_err(|problem| RuleError::CannotRun { rule: "the import".to_owned(), problems: vec![problem] })?;
        let mut items = Vec::with_capacity(report.items.len());
        for item in report.items {
            let wanted = item.text.as_ref().filter(|_| save);
            let id = wanted.map(|text| self.add_rule(text, None, by)).transpose()?;
            items.push(ImportedRule {
                title: item.title,
                id,
                text: item.text,
                carried: item.carried,
                left_out: item.left_out,
                guessed: item.guessed,
            });
        }
        let (rules, whole, partly, refused) = (report.rules, report.whole, report.partly, report.refused);
        Ok(Imports { items, rules, whole, partly, refused })
    }
}

/// The site as what entities of Home Assistant are looked for in.
struct Place<'a>(&'a Site);

impl Home for Place<'_> {
    /// An entity is a property when a thing is called like it: `light.porch_lamp` is `porch-lamp` or `light-porch-lamp`.
    fn property(&self, entity: &str, attribute: Option<&str>) -> Option<(String, String)> {
        let (domain, object) = entity.split_once('.')?;
        let dashed = object.replace('_', "-");
        let candidates =
            [object.to_owned(), dashed.clone(), format!("{domain}-{dashed}"), format!("{domain}_{object}")];
        let things = self.0.things.read();
        let slot = candidates.iter().find_map(|id| things.registry.get(&ThingId::new(id).ok()?))?;
        let properties = &slot.thing.model.properties;
        let named = attribute.and_then(|name| properties.get_key_value(&Name::new(name).ok()?));
        let primary = || properties.iter().find(|(_, property)| property.role == PropertyRole::Primary);
        let (name, _) = if attribute.is_some() { named? } else { primary()? };
        Some((slot.thing.id.to_string(), name.to_string()))
    }

    /// An area or floor is a space of that id or title; in it are the things of that kind.
    fn members(&self, group: Group<'_>, domain: &str) -> Option<Vec<String>> {
        let things = self.0.things.read();
        let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
        let wanted = match group {
            Group::Area(id) | Group::Floor(id) => Some(plain(id)),
            Group::All => None,
        };
        let space = match &wanted {
            Some(wanted) => {
                let is_it = |id: &str, title: &str| plain(id) == *wanted || plain(title) == *wanted;
                things.spaces.iter().find(|row| is_it(row.space.id.as_str(), &row.space.title))?
            }
            None => things.spaces.root(),
        };
        let within = things.spaces.within(&space.space.id);
        let stands = |slot: &twin::Slot| match &slot.thing.space {
            Some(space) => within.contains(space),
            None => wanted.is_none(),
        };
        let members = things.registry.iter().map(|(_, slot)| slot);
        let members = members.filter(|slot| slot.thing.status == ThingStatus::Accepted && stands(slot));
        let members = members.filter(|slot| slot.thing.model.kind == domain);
        Some(members.map(|slot| format!("{domain}.{}", slot.thing.id)).collect())
    }
}
