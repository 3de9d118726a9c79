//! The card of a rule over the past: what it would have done, and how that differs from what happened.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::{Name, RecordKind, ThingId, Timestamp, Unit, Value};
use rule::{Enlisted, Outcome, Rule, StepOutcome, Trace, TraceLevel, What};
use serde::{Deserialize, Serialize};
use store::state::{Change, Table};
use twin::reported::same_value;

use super::error::RuleError;
use super::known::written;
use super::past::{Course, OnTime};
use super::replay::{Happened, Replay, SPAN_MAX, Tally};
use crate::site::Site;

/// How far back a backtest goes unless somebody says otherwise.
const SPAN: Duration = Duration::from_hours(30 * 24);

/// The most cards of one rule that are kept; the oldest go.
pub const BACKTESTS_MAX: usize = 10;

/// The most moments that a card shows.
pub const MOMENTS_MAX: usize = 1_000;

/// What happened within this time of a command counts as the same.
const NEAR: Duration = Duration::from_mins(1);

/// The most different values of one property that are looked for in what really happened.
const VALUES_MAX: usize = 100;

/// What is asked of a backtest.
#[derive(Debug, Clone, Default)]
pub struct BacktestAsked {
    /// From here on; thirty days before the end when not given.
    pub from: Option<Timestamp>,
    /// Up to here; now when not given.
    pub to: Option<Timestamp>,
    /// Another text than the newest version.
    pub text: Option<String>,
}

/// How what a rule would have done differs from what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Differences {
    /// Commands after which the thing really was so.
    pub same: u64,
    /// Commands after which it was not.
    pub only_rule: u64,
    /// Times that a thing became what the rule sets, and the rule did nothing.
    pub only_history: u64,
}

/// One day of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CardDay {
    /// The day, by the calendar of the site: `2026-03-01`.
    pub day: String,
    /// Runs that began.
    pub fired: u64,
    /// Commands.
    pub commands: u64,
}

/// A command that would have been given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CardCommand {
    /// To which thing.
    pub thing: ThingId,
    /// Which property or action.
    pub name: Name,
    /// The value, or the input of an action.
    pub value: Value,
    /// What the property really was a minute later; null when nobody knows.
    pub really: Value,
}

/// A moment at which a rule would have run, or was kept from running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CardMoment {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// Whether it would have run.
    pub fired: bool,
    /// What it would have done.
    pub commands: Vec<CardCommand>,
    /// What set it off, or what kept it from running.
    pub why: String,
}

/// What a rule would have done in the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Backtest {
    /// Unique; ids sort by time. What a promotion rests on.
    pub run: String,
    /// Which rule.
    pub rule: String,
    /// Which version; null for a text that is no version.
    #[cfg_attr(feature = "schema", schema(required))]
    pub version: Option<u64>,
    /// When it was made.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub made: Timestamp,
    /// From here on.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub from: Timestamp,
    /// Up to here.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub to: Timestamp,
    /// How many records of the past were looked at.
    pub records: u64,
    /// How long that took.
    pub seconds: f64,
    /// Runs that would have begun.
    pub fired: u64,
    /// Runs that would have failed.
    pub failed: u64,
    /// Commands that would have been given.
    pub commands: u64,
    /// Runs that were set off and would not have begun.
    pub kept_from_running: u64,
    /// How that differs from what happened.
    pub differences: Differences,
    /// How much more energy it would have taken; negative for less, null when that is not known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub energy_kilowatt_hours: Option<f64>,
    /// By what the history was shaped, in words.
    #[cfg_attr(feature = "schema", schema(required))]
    pub shaped_by: Option<String>,
    /// What the history does not keep and was left out, in words.
    pub not_replayed: Vec<String>,
    /// Day by day; those on which nothing would have happened are left out.
    pub per_day: Vec<CardDay>,
    /// The moments, oldest first, at most a thousand; runs before those that were kept from running.
    pub timeline: Vec<CardMoment>,
    /// How many moments are not shown.
    pub left_out: u64,
}

/// A command of a replay.
#[derive(Debug, Clone)]
struct Did {
    time: Timestamp,
    run: Arc<str>,
    thing: ThingId,
    name: Name,
    value: Value,
    is_action: bool,
}

impl Site {
    /// Runs a rule over the past. The newest version, once it has gone through, can be promoted with this to show for it.
    pub fn backtest_rule(&self, id: &str, asked: &BacktestAsked) -> Result<Backtest, RuleError> {
        let row = self.rules.row(id)?;
        let newest = self.rule_version(id, row.version)?.text;
        let text = asked.text.as_ref().unwrap_or(&newest);
        let version = (*text == newest).then_some(row.version);
        let read = self.read_rule(text);
        let parsed = match read.parsed {
            Some(parsed) if !read.problems.iter().any(rule::Problem::is_error) => parsed,
            _ => return Err(RuleError::CannotRun { rule: id.to_owned(), problems: read.problems }),
        };
        let now = self.clock.now();
        let to = asked.to.unwrap_or(now);
        let from = asked.from.unwrap_or(to - SPAN);
        if from >= to || to > now || to.since(from) > SPAN_MAX {
            return Err(RuleError::Span);
        }
        let card = self.make_card(id, version, &parsed, (from, to))?;
        self.keep_card(&card)?;
        if let Some(version) = version {
            self.note_shown(id, version, &card.run)?;
        }
        Ok(card)
    }

    /// The cards of a rule, the newest first.
    pub fn backtests(&self, id: &str) -> Result<Vec<Backtest>, RuleError> {
        self.rules.row(id)?;
        let rows = self.state.list(Table::RuleBacktest, Some(id), None, BACKTESTS_MAX + 1)?;
        Ok(rows.iter().rev().map(|row| row.parse(Table::RuleBacktest)).collect::<Result<_, _>>()?)
    }

    fn keep_card(&self, card: &Backtest) -> Result<(), RuleError> {
        let rows = self.state.list(Table::RuleBacktest, Some(&card.rule), None, 2 * BACKTESTS_MAX)?;
        let surplus = (rows.len() + 1).saturating_sub(BACKTESTS_MAX);
        let old = rows.iter().take(surplus).map(|row| Change::delete(Table::RuleBacktest, row.id.as_str()));
        let new = Change::put(Table::RuleBacktest, card.run.as_str(), Some(card.rule.clone()), card);
        self.state.commit(old.chain([new]).collect(), self.clock.now())?;
        Ok(())
    }

    /// What a rule that is not kept would have done in the last thirty days.
    pub(super) fn card_of(&self, parsed: &Arc<Rule>) -> Result<Backtest, RuleError> {
        let to = self.clock.now();
        self.make_card("", None, parsed, (to - SPAN, to))
    }

    fn make_card(
        &self,
        id: &str,
        version: Option<u64>,
        parsed: &Arc<Rule>,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Backtest, RuleError> {
        let _one = self.rules.replaying.lock();
        let began = tokio::time::Instant::now();
        let happened = self.findings_between(from, to);
        let place = self.place();
        let replay =
            Replay { history: &*self.history, place: &place, happened: &happened, from, to, traces: TraceLevel::All };
        let enlisted =
            Enlisted { id: id.into(), version: version.unwrap_or(0), rule: Arc::clone(parsed), shadow: true };
        let mut replayed = replay.run(&[enlisted], 1)?;
        let tally = replayed.tallies.remove(id).unwrap_or_default();
        let did = self.commands_of(&tally);
        let courses = self.courses(&did, from, to)?;
        let made = self.clock.now();
        let (timeline, left_out) = moments(&tally, &did, &courses);
        let per_day = tally.days.iter().map(|(day, (fired, commands))| {
            let day = Timestamp::from_seconds(day * 86_400).to_string();
            CardDay { day: day.get(..10).unwrap_or(&day).to_owned(), fired: *fired, commands: *commands }
        });
        Ok(Backtest {
            run: self.rules.ids.next("backtest", made),
            rule: id.to_owned(),
            version,
            made,
            from,
            to,
            records: replayed.records,
            seconds: began.elapsed().as_secs_f64(),
            fired: tally.fired,
            failed: tally.failed,
            commands: tally.commands,
            kept_from_running: tally.kept_from_running,
            differences: self.differences(&did, &courses),
            energy_kilowatt_hours: self.energy_difference(&did, &courses, from, to)?,
            shaped_by: self.shaped_by(id, parsed, from, to)?,
            not_replayed: not_replayed(parsed),
            per_day: per_day.collect(),
            timeline,
            left_out,
        })
    }

    /// What the mind found, as it told it.
    pub(super) fn findings_between(&self, from: Timestamp, to: Timestamp) -> Vec<Happened> {
        let book = self.mind.book.lock();
        let found = book.newest_first(None).filter(|insight| insight.found >= from && insight.found < to);
        let mut happened: Vec<Happened> = found
            .map(|insight| Happened {
                time: insight.found,
                thing: insight.thing.clone(),
                kind: RecordKind::Insight,
                name: insight.name.clone(),
                // As it was when it was found: later it may be over.
                value: Value::from_json(serde_json::json!({
                    "kind": insight.kind, "severity": insight.severity, "state": "open", "words": insight.words,
                })),
            })
            .collect();
        happened.sort_by_key(|one| one.time);
        happened
    }

    /// The commands of a replay; a scene is what it sets today.
    fn commands_of(&self, tally: &Tally) -> Vec<Did> {
        let mut did = Vec::new();
        for effect in &tally.effects {
            let mut add = |thing: &ThingId, name: &Name, value: &Value, is_action: bool| {
                let (time, run) = (effect.time, Arc::clone(&effect.run));
                did.push(Did { time, run, thing: thing.clone(), name: name.clone(), value: value.clone(), is_action });
            };
            match &effect.what {
                What::Set { thing, name, value } => add(thing, name, value, false),
                What::Act { thing, name, input } => add(thing, name, input, true),
                What::Scene { scene } => {
                    let scenes = self.rules.scenes.lock();
                    let found = scenes.get(scene).or_else(|| scenes.iter().find(|one| one.title == **scene));
                    for set in found.into_iter().flat_map(|scene| &scene.sets) {
                        add(&set.thing, &set.name, &set.value, false);
                    }
                }
                What::Notify { .. } | What::Alarm { .. } | What::CallPolicy { .. } => {}
            }
        }
        did
    }

    /// What really became of everything that the rule would have written.
    fn courses(&self, did: &[Did], from: Timestamp, to: Timestamp) -> Result<Courses, RuleError> {
        let written: BTreeSet<_> = did.iter().filter(|did| !did.is_action).map(|did| (&did.thing, &did.name)).collect();
        let mut courses = HashMap::new();
        for (thing, name) in written {
            let course = Course::read(&*self.history, thing, name, from, to + NEAR)?;
            courses.insert((thing.clone(), name.clone()), course);
        }
        Ok(courses)
    }

    fn differences(&self, did: &[Did], courses: &Courses) -> Differences {
        let mut differences = Differences::default();
        for one in did {
            let is_same =
                if one.is_action { self.was_called(one) } else { same_value(&really(one, courses), &one.value, None) };
            if is_same {
                differences.same += 1;
            } else {
                differences.only_rule += 1;
            }
        }
        for ((thing, name), course) in courses {
            // In the order of time, as they came out of the replay.
            let ours: Vec<&Did> = did.iter().filter(|did| did.thing == *thing && did.name == *name).collect();
            let mut values: Vec<&Value> = Vec::new();
            for one in &ours {
                if values.len() < VALUES_MAX && !values.contains(&&one.value) {
                    values.push(&one.value);
                }
            }
            for (time, value) in course.changes() {
                let first = ours.partition_point(|did| did.time + NEAR < *time);
                let mut near = ours[first..].iter().take_while(|did| did.time <= *time + NEAR);
                let sets = |wanted: &Value| same_value(value, wanted, None);
                if values.iter().any(|wanted| sets(wanted)) && !near.any(|did| sets(&did.value)) {
                    differences.only_history += 1;
                }
            }
        }
        differences
    }

    /// Whether an action was really called near that time, as far as commands are kept.
    fn was_called(&self, did: &Did) -> bool {
        let things = self.things.read();
        things.commands.of(&did.thing).any(|row| {
            let command = &row.command;
            let near = command.created <= did.time + NEAR && did.time <= command.created + NEAR;
            !command.write && command.action == did.name && near
        })
    }

    /// How much more energy it would have taken: by how much longer each switch would have been on, times the power that
    /// its thing took while it was.
    fn energy_difference(
        &self,
        did: &[Did],
        courses: &Courses,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<f64>, RuleError> {
        let mut sum = None;
        for ((thing, name), course) in courses {
            let switched: Vec<(Timestamp, bool)> = did
                .iter()
                .filter(|did| did.thing == *thing && did.name == *name)
                .filter_map(|did| if let Value::Boolean(on) = did.value { Some((did.time, on)) } else { None })
                .collect();
            if switched.is_empty() {
                continue;
            }
            let Some((power, kilowatts_each)) = self.power_of(thing) else { continue };
            let on_time = OnTime { course, from, to };
            let Some(mean) = on_time.mean_while_on(&*self.history, thing, &power)? else { continue };
            let hours = on_time.longer_by(&switched) / 3_600.0;
            *sum.get_or_insert(0.0) += hours * mean * kilowatts_each;
        }
        Ok(sum)
    }

    /// The property in which a thing tells its power, and how many kilowatts its unit is.
    fn power_of(&self, thing: &ThingId) -> Option<(Name, f64)> {
        let kilowatts = |unit: &Unit| match unit.as_str() {
            "W" => Some(0.001),
            "kW" => Some(1.0),
            _ => None,
        };
        let row = self.thing_row(thing)?;
        let mut properties = row.model.properties.iter();
        properties.find_map(|(name, property)| Some((name.clone(), kilowatts(property.unit.as_ref()?)?)))
    }

    /// The plain words about what made the history what it is.
    fn shaped_by(&self, id: &str, parsed: &Rule, from: Timestamp, to: Timestamp) -> Result<Option<String>, RuleError> {
        let mut versions: Vec<u64> = Vec::new();
        let kept = if id.is_empty() { Vec::new() } else { self.rule_versions(id)? };
        for version in kept {
            let (Some(began), ended) = (version.live_from, version.live_to) else { continue };
            if began < to && ended.is_none_or(|ended| ended > from) {
                versions.push(version.version);
            }
        }
        versions.sort_unstable();
        if !versions.is_empty() {
            let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
            let plural = if versions.len() == 1 { "" } else { "s" };
            return Ok(Some(format!(
                "This rule was live in that time with version{plural} {}: the history shows what that did, and with \
                 this text things would have gone another way.",
                versions.join(", ")
            )));
        }
        let ours = written(parsed);
        let titles: BTreeSet<String> = {
            let work = self.rules.work.lock();
            let others = work.enlisted().filter(|other| &*other.id != id && !other.shadow);
            let same = others.filter(|other| !written(&other.rule).is_disjoint(&ours));
            same.map(|other| other.rule.title.clone()).collect()
        };
        if titles.is_empty() {
            return Ok(None);
        }
        let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
        Ok(Some(format!(
            "Other rules set the same in that time, and the history shows what they did: {}.",
            titles.join(", ")
        )))
    }
}

/// What really became of properties.
type Courses = HashMap<(ThingId, Name), Course>;

fn really(did: &Did, courses: &Courses) -> Value {
    let course = courses.get(&(did.thing.clone(), did.name.clone()));
    course.and_then(|course| course.at(did.time + NEAR)).cloned().unwrap_or(Value::Null)
}

/// The timeline of a card, and how many moments are not on it.
fn moments(tally: &Tally, did: &[Did], courses: &Courses) -> (Vec<CardMoment>, u64) {
    let mut by_run: HashMap<&Arc<str>, Vec<&Did>> = HashMap::new();
    for one in did {
        by_run.entry(&one.run).or_default().push(one);
    }
    let fired = |trace: &&Trace| trace.summary.outcome != Outcome::KeptFromRunning;
    let runs = tally.runs.iter().filter(fired);
    let kept = tally.runs.iter().filter(|trace| !fired(trace));
    let shown = runs.chain(kept).take(MOMENTS_MAX);
    let mut moments: Vec<CardMoment> = shown
        .map(|trace| {
            let commands = by_run.get(&trace.summary.id).into_iter().flatten().map(|did| CardCommand {
                thing: did.thing.clone(),
                name: did.name.clone(),
                value: did.value.clone(),
                really: if did.is_action { Value::Null } else { really(did, courses) },
            });
            CardMoment {
                time: trace.summary.began,
                fired: fired(&trace),
                commands: commands.collect(),
                why: why(trace),
            }
        })
        .collect();
    moments.sort_by_key(|moment| moment.time);
    let left_out = (tally.fired + tally.kept_from_running).saturating_sub(moments.len() as u64);
    (moments, left_out)
}

/// What set a run off, and what kept it from running.
fn why(trace: &Trace) -> String {
    let held = trace.steps.iter().find(|step| step.outcome == StepOutcome::Held);
    let held = held.map(|step| {
        let detail = step.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        format!("; kept back: {}{detail}", step.words)
    });
    format!("{}{}", trace.summary.trigger_words, held.unwrap_or_default())
}

/// What a rule reads and the history does not keep.
fn not_replayed(parsed: &Rule) -> Vec<String> {
    let mut left_out = BTreeSet::new();
    for reference in &parsed.references {
        if reference.kind == RecordKind::Presence {
            left_out.insert(format!("whether {} was there", reference.thing));
        }
    }
    for trigger in &parsed.triggers {
        match &trigger.kind {
            rule::rule::TriggerKind::Webhook { name } => drop(left_out.insert(format!("calls of the webhook {name}"))),
            rule::rule::TriggerKind::Forecast { of, .. } => drop(left_out.insert(format!("forecasts of {of}"))),
            _ => {}
        }
    }
    left_out.into_iter().collect()
}
