//! The engines at work: they follow what the fold made, and what they ask for is carried out.

use std::collections::HashMap;
use std::time::Duration;

use model::{Name, Position, RecordKind, ThingId, Timestamp, Value};
use rule::rule::TriggerKind;
use rule::view::Nothing;
use rule::{Effect, Engine, Enlisted, RecordView, Rule, Saved, Trace};
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

use super::activity::Activity;
use super::error::RuleError;
use super::feed::Batch;
use super::known::Twins;
use super::promotion::RuleGuard;
use super::shelf;
use crate::counters::{add, count};
use crate::site::{Site, setting};

/// The setting in which the engines are kept.
const ENGINES_SETTING: &str = "site.rules";

/// The setting that says up to when effects were carried out.
const DONE_SETTING: &str = "site.rules.done";

/// How many entries the fold replays for the rules at most; after a crash there are those of a few seconds.
const REPLAY_ENTRIES_MAX: u64 = 1_000_000;

/// How often the engines are written down.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Writing the engines down may take at most one part in this many of the time.
const SAVE_SHARE: u32 = 20;

/// How often runs and counts are written down, and alarms looked after.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// How often forecasts are looked at.
const FORESEE_EVERY: Duration = Duration::from_mins(5);

/// What of the engines is written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Everything up to here was fed.
    position: Position,
    live: Saved,
    shadow: Saved,
    /// Which versions ran: live, then in shadow.
    enlisted: [Vec<(String, u64)>; 2],
}

/// A guard that watches a live rule.
#[derive(Debug)]
struct Watched {
    rule: String,
    guard: RuleGuard,
    thing: ThingId,
    name: Name,
    hold: Duration,
    /// Since when the property is out of bounds.
    since: Option<Timestamp>,
}

impl Watched {
    fn see(&mut self, value: &Value, time: Timestamp) {
        self.since = if self.guard.is_missed(value) { self.since.or(Some(time)) } else { None };
    }
}

/// The engines.
#[derive(Debug)]
pub(super) struct Work {
    /// `None` until they go on.
    engines: Option<Engines>,
    kept: Option<Kept>,
    guards: Vec<Watched>,
    /// Records up to here are in what was written down.
    fed_before: Position,
    /// Everything up to here was fed.
    position: Position,
    /// What was decided by then was carried out before the last stop.
    done: Timestamp,
    /// The log's end when the site opened; up to there it is a replay.
    end: Option<Position>,
    is_live: bool,
    is_changed: bool,
    saved: Timestamp,
    save_pause: Duration,
    written: Timestamp,
    foreseen: Timestamp,
}

#[derive(Debug)]
struct Engines {
    live: Engine,
    shadow: Engine,
}

impl Engines {
    fn each(&mut self, mut tell: impl FnMut(&mut Engine)) {
        tell(&mut self.live);
        tell(&mut self.shadow);
    }
}

impl Work {
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let kept: Option<Kept> = setting(state, ENGINES_SETTING)
            .inspect_err(|error| tracing::error!(%error, "the rules begin anew: what they were at cannot be read"))
            .unwrap_or_default();
        let done = setting(state, DONE_SETTING)?.unwrap_or(Timestamp::MIN);
        let position = kept.as_ref().map(|kept| kept.position).unwrap_or_default();
        Ok(Self {
            engines: None,
            kept,
            guards: Vec::new(),
            fed_before: position,
            position,
            done,
            end: None,
            is_live: false,
            is_changed: false,
            saved: Timestamp::MIN,
            save_pause: SAVE_EVERY,
            written: Timestamp::MIN,
            foreseen: Timestamp::MIN,
        })
    }

    /// Up to where the engines were fed that were written down.
    pub(super) fn fed_before(&self) -> Option<Position> {
        self.kept.as_ref().map(|kept| kept.position)
    }

    /// The runs that go on.
    pub(super) fn running(&self, now: Timestamp) -> Vec<Trace> {
        let engines = self.engines.iter().flat_map(|engines| [&engines.live, &engines.shadow]);
        engines.flat_map(|engine| engine.running(now)).collect()
    }

    /// Why a rule that runs does not fire; the live version before the one in shadow.
    pub(super) fn why_not(&self, id: &str, now: Timestamp) -> Option<rule::WhyNot> {
        let engines = self.engines.as_ref()?;
        engines.live.why_not(id, now).or_else(|| engines.shadow.why_not(id, now))
    }

    /// What runs, live before shadow.
    pub(super) fn enlisted(&self) -> impl Iterator<Item = &Enlisted> {
        let engines = self.engines.iter().flat_map(|engines| [&engines.live, &engines.shadow]);
        engines.flat_map(Engine::rules)
    }

    fn take(&mut self, batch: &Batch, effects: &mut Vec<Effect>) {
        let Some(engines) = &mut self.engines else { return };
        for record in &*batch.records {
            // Records of commands carry the position that the fold has reached, and are no news for rules.
            let is_news = match record.kind {
                RecordKind::Property | RecordKind::Event | RecordKind::Insight | RecordKind::Presence => true,
                RecordKind::Action | RecordKind::Decision => false,
            };
            if !is_news || record.position <= self.fed_before {
                continue;
            }
            let view = RecordView::from(record);
            engines.each(|engine| engine.feed(&view, effects));
            if record.kind == RecordKind::Property {
                let guards = self.guards.iter_mut();
                let watching = guards.filter(|guard| guard.thing == record.thing && guard.name == record.name);
                watching.for_each(|guard| guard.see(&record.value, record.received));
            }
        }
        self.position = self.position.max(batch.newest);
    }

    /// The rules whose guards were missed for too long.
    fn take_missed(&mut self, now: Timestamp) -> Vec<(String, RuleGuard)> {
        let is_over =
            |guard: &mut Watched| guard.since.is_some_and(|since| now >= since && now.since(since) >= guard.hold);
        let missed = self.guards.extract_if(.., is_over);
        missed.map(|guard| (guard.rule, guard.guard)).collect()
    }

    fn keep(&self) -> Option<Kept> {
        let Engines { live, shadow } = self.engines.as_ref()?;
        let enlisted = |engine: &Engine| engine.rules().map(|rule| (rule.id.to_string(), rule.version)).collect();
        Some(Kept {
            position: self.position,
            live: live.save(),
            shadow: shadow.save(),
            enlisted: [enlisted(live), enlisted(shadow)],
        })
    }
}

impl super::Rules {
    /// Where the fold has to begin for the rules to miss nothing; `None` when no rule ran.
    pub(crate) fn goes_on_after(&self, applied: Position) -> Option<Position> {
        let earliest = Position(applied.0.saturating_sub(REPLAY_ENTRIES_MAX));
        self.fed_before.map(|fed| fed.max(earliest))
    }
}

impl Site {
    /// Lets the engines go on where they were written down. Called once, before anything is folded.
    pub(crate) fn restore_rules(&self) {
        let mut work = self.rules.work.lock();
        let rows: Vec<_> = self.rules.book.lock().iter().cloned().collect();
        let (mut live, mut shadow) = (Vec::new(), Vec::new());
        for row in &rows {
            if let Some(promoted) = &row.live {
                live.extend(self.enlisted(&row.id, promoted.version, false));
                self.watch_guard(&mut work, &row.id, promoted.guard.as_ref());
            }
            if let Some(in_shadow) = &row.shadow {
                shadow.extend(self.enlisted(&row.id, in_shadow.version, true));
            }
        }
        let kept = work.kept.take().unwrap_or_default();
        let [was_live, was_shadow] = kept.enlisted;
        let live = self.restore_engine(live, kept.live, &was_live);
        let shadow = self.restore_engine(shadow, kept.shadow, &was_shadow);
        work.engines = Some(Engines { live, shadow });
        let durable = self.log.bounds().durable;
        work.end = (durable > Position::START).then(|| Position(durable.0.saturating_sub(1)));
    }

    /// Rules that were written down go on with what they knew, and are told what came after; the others start from what
    /// things report now.
    fn restore_engine(&self, rules: Vec<Enlisted>, saved: Saved, was: &[(String, u64)]) -> Engine {
        let was: HashMap<&str, u64> = was.iter().map(|(id, version)| (id.as_str(), *version)).collect();
        let knew = |one: &Enlisted| was.get(&*one.id) == Some(&one.version);
        let (known, new): (Vec<Enlisted>, Vec<Enlisted>) = rules.into_iter().partition(knew);
        let place = (*self.place()).clone();
        let mut engine = Engine::restore(place, rule::Options::default(), known, saved, &Nothing);
        for one in new {
            engine.enlist(one, &Twins(self), self.clock.now());
        }
        engine
    }

    fn enlisted(&self, id: &str, version: u64, shadow: bool) -> Option<Enlisted> {
        // It could run when it was promoted; a thing that is gone since makes its actions fail, which is told.
        let parsed = self.rule_version(id, version).map(|version| Rule::parse(&version.text).rule);
        match parsed {
            Ok(Some(rule)) => Some(Enlisted { id: id.into(), version, rule, shadow }),
            Ok(None) => {
                tracing::error!(rule = id, version, "a rule that ran cannot be read any more");
                None
            }
            Err(error) => {
                tracing::error!(%error, rule = id, "a rule that ran cannot be read any more");
                None
            }
        }
    }

    fn watch_guard(&self, work: &mut Work, id: &str, guard: Option<&RuleGuard>) {
        work.guards.retain(|watched| watched.rule != id);
        let Some((guard, (thing, name), hold)) =
            guard.and_then(|guard| Some((guard, guard.property()?, guard.hold()?)))
        else {
            return;
        };
        let mut watched = Watched { rule: id.to_owned(), guard: guard.clone(), thing, name, hold, since: None };
        let things = self.things.read();
        if let Some(slot) = things.registry.get(&watched.thing)
            && let Some(reported) = slot.twin.property(&watched.name)
        {
            watched.see(&reported.value, self.clock.now());
        }
        drop(things);
        work.guards.push(watched);
    }

    /// Lets a version run from now on.
    pub(super) fn enlist_rule(&self, enlisted: Enlisted) {
        let now = self.clock.now();
        let mut work = self.rules.work.lock();
        let row = self.rules.book.lock().get(&enlisted.id).cloned();
        let id = enlisted.id.to_string();
        if !enlisted.shadow {
            self.watch_guard(&mut work, &id, row.as_ref().and_then(|row| row.live.as_ref()?.guard.as_ref()));
        }
        if let Some(engines) = &mut work.engines {
            let is_shadowed = row.is_some_and(|row| row.shadow.is_some());
            if enlisted.shadow {
                engines.shadow.enlist(enlisted, &Twins(self), now);
            } else {
                engines.live.enlist(enlisted, &Twins(self), now);
                if !is_shadowed {
                    engines.shadow.dismiss(&id, now);
                }
            }
        }
        self.engines_changed(&mut work, now);
        work.foreseen = Timestamp::MIN;
        drop(work);
        self.rules.feed.wake();
    }

    /// The engines go by another clock and another sun.
    pub(super) fn move_engines(&self, place: &rule::Place) {
        let mut work = self.rules.work.lock();
        if let Some(engines) = &mut work.engines {
            engines.each(|engine| engine.set_place(place.clone()));
        }
        self.save_engines(&mut work, self.clock.now());
        drop(work);
        self.rules.feed.wake();
    }

    /// Lets a rule run no more.
    pub(super) fn dismiss_rule(&self, id: &str) {
        let now = self.clock.now();
        let mut work = self.rules.work.lock();
        work.guards.retain(|watched| watched.rule != id);
        if let Some(engines) = &mut work.engines {
            engines.each(|engine| engine.dismiss(id, now));
        }
        self.engines_changed(&mut work, now);
    }

    /// Feeds the rules what the fold made since, lets time pass for them, and carries out what they ask for.
    pub(crate) fn follow_rules(&self) {
        // In this order: what was received before `now` and is durable is folded up to `applied`, and waits by then.
        let now = self.clock.now();
        let durable = self.log.bounds().durable;
        let applied = self.applied();
        let batches = self.rules.feed.take();
        let (mut effects, mut missed) = (Vec::new(), Vec::new());
        let traces = {
            let mut work = self.rules.work.lock();
            batches.iter().for_each(|batch| work.take(batch, &mut effects));
            let is_behind = applied.next() < durable;
            let folded = batches.back().and_then(|batch| batch.records.last()).map(|record| record.received);
            let until = if is_behind { folded.map(|received| received.min(now)) } else { Some(now) };
            if let (Some(until), Some(engines)) = (until, &mut work.engines) {
                engines.each(|engine| engine.tick(until, &mut effects));
            }
            if !work.is_live {
                let done = work.done;
                effects.retain(|effect| effect.time > done);
                work.is_live = work.end.is_none_or(|end| applied >= end);
            }
            if applied > work.position {
                work.position = applied;
            }
            work.is_changed |= !batches.is_empty() || !effects.is_empty();
            missed.extend(work.take_missed(now));
            work.engines
                .iter_mut()
                .flat_map(|engines| {
                    let mut traces = engines.live.take_traces();
                    traces.append(&mut engines.shadow.take_traces());
                    traces
                })
                .collect::<Vec<Trace>>()
        };
        self.carry_out(effects);
        self.count_traces(traces);
        for (rule, guard) in missed {
            self.roll_back_rule(&rule, &guard);
        }
        self.look_after_rules(now);
    }

    /// A program calls. The run that it sets off has begun when this returns.
    pub fn call_webhook(&self, name: &str, body: Value) -> Result<usize, RuleError> {
        let now = self.clock.now();
        let mut effects = Vec::new();
        let mut set_off = 0;
        {
            let mut work = self.rules.work.lock();
            if let Some(engines) = &mut work.engines {
                engines.each(|engine| set_off += engine.webhook(name, body.clone(), now, &mut effects));
            }
            work.is_changed = true;
        }
        if set_off == 0 {
            return Err(RuleError::UnknownWebhook(name.to_owned()));
        }
        self.carry_out(effects);
        self.rules.feed.wake();
        Ok(set_off)
    }

    /// Notes that what was decided up to a moment is being carried out, before it is.
    pub(super) fn note_done(&self, time: Timestamp) {
        let mut work = self.rules.work.lock();
        if time <= work.done {
            return;
        }
        work.done = time;
        drop(work);
        let change = Change::put(Table::Setting, DONE_SETTING, None, &time);
        if let Err(error) = self.state.commit(vec![change], self.clock.now()) {
            tracing::error!(%error, "what rules do is not noted; killed now, they may do it again");
        }
    }

    fn count_traces(&self, traces: Vec<Trace>) {
        for trace in traces {
            let (rule, began, shadow) = (trace.summary.rule.clone(), trace.summary.began, trace.summary.shadow);
            let outcome = self.rules.traces.lock().add(trace);
            let kept = outcome == rule::Outcome::KeptFromRunning;
            let failed = outcome == rule::Outcome::Failed;
            match (kept, shadow, failed) {
                (true, ..) => count(&self.counters.rule_runs_kept),
                (_, true, _) => count(&self.counters.rule_runs_shadow),
                (_, _, failed) => {
                    count(&self.counters.rule_runs);
                    add(&self.counters.rule_runs_failed, usize::from(failed));
                }
            }
            if kept || self.rules.book.lock().get(&rule).is_none() {
                continue;
            }
            self.note_activity(&rule, |activity| {
                activity.count(began, |counts| {
                    if shadow {
                        counts.would_have += 1;
                    } else {
                        counts.fired += 1;
                        counts.failed += u64::from(failed);
                    }
                });
                if !shadow {
                    activity.last_fired = activity.last_fired.max(Some(began));
                }
            });
        }
    }

    pub(super) fn note_activity(&self, rule: &str, note: impl FnOnce(&mut Activity)) {
        let mut shelf = self.rules.activity.lock();
        if shelf.get(rule).is_none() {
            shelf.put(Activity::new(rule));
        }
        if let Some(activity) = shelf.get_mut(rule) {
            note(activity);
        }
    }

    /// What time brings beside the engines: forecasts, alarms, and what is to be written down.
    fn look_after_rules(&self, now: Timestamp) {
        let is_due = |last: &mut Timestamp, every: Duration| {
            let due = now < *last || now.since(*last) >= every;
            if due {
                *last = now;
            }
            due
        };
        let (foresees, looks, saves) = {
            let mut work = self.rules.work.lock();
            let (pause, mut saved) = (work.save_pause, work.saved);
            let saves = work.is_changed && is_due(&mut saved, pause);
            (is_due(&mut work.foreseen, FORESEE_EVERY), is_due(&mut work.written, WRITE_EVERY), saves)
        };
        if foresees {
            self.foresee_for_rules(now);
        }
        if looks {
            self.look_after_alarms(now);
        }
        if (looks || saves)
            && let Err(error) = self.write_rules_down(now)
        {
            tracing::error!(%error, "what rules did could not be written down; it is tried again");
        }
        // Last: an engine that was written down does not tell again what is over.
        if saves {
            self.save_engines(&mut self.rules.work.lock(), now);
        }
    }

    /// Tells the engines the forecasts that rules wait for.
    fn foresee_for_rules(&self, now: Timestamp) {
        const HOUR: Duration = Duration::from_hours(1);
        let mut wanted: Vec<(ThingId, Name, Duration)> = Vec::new();
        for enlisted in self.rules.work.lock().enlisted() {
            for trigger in &enlisted.rule.triggers {
                if let TriggerKind::Forecast { of, within, .. } = &trigger.kind {
                    wanted.push((of.thing.clone(), of.name.clone(), *within));
                }
            }
        }
        let mut effects = Vec::new();
        for (thing, name, within) in wanted {
            let hours = (within.as_secs().div_ceil(HOUR.as_secs()) as u32).max(1);
            // There is none in the first days of a thing; then nothing fires.
            let Ok(foretold) = self.forecast(&thing, &name, hours, None) else { continue };
            let step = Duration::from_secs(u64::from(foretold.step_seconds));
            let slots = foretold.median.iter().enumerate();
            let points: Vec<(Timestamp, f64)> =
                slots.map(|(slot, value)| (foretold.start + step * slot as u32, *value)).collect();
            if let Some(engines) = &mut self.rules.work.lock().engines {
                engines.each(|engine| engine.forecast(thing.as_str(), name.as_str(), &points, now, &mut effects));
            }
        }
        self.carry_out(effects);
    }

    /// Writes the engines down at once, unless that takes so long that it has to wait for its turn: with thousands of
    /// rules, promoting all of them would write all of them down thousands of times.
    fn engines_changed(&self, work: &mut Work, now: Timestamp) {
        if work.save_pause > SAVE_EVERY {
            work.is_changed = true;
        } else {
            self.save_engines(work, now);
        }
    }

    fn save_engines(&self, work: &mut Work, now: Timestamp) {
        let began = tokio::time::Instant::now();
        let Some(kept) = work.keep() else { return };
        let change = Change::put(Table::Setting, ENGINES_SETTING, None, &kept);
        match self.state.commit(vec![change], now) {
            Ok(_) => (work.is_changed, work.saved) = (false, now),
            Err(error) => tracing::error!(%error, "what rules are at could not be written down; it is tried again"),
        }
        work.save_pause = SAVE_EVERY.max(began.elapsed() * SAVE_SHARE);
    }

    /// Writes down what people have to hear of.
    pub(super) fn keep_told(&self, now: Timestamp) -> Result<(), StateError> {
        shelf::write(&self.rules.alarms, &*self.state, now)?;
        shelf::write(&self.rules.notifications, &*self.state, now)
    }

    fn write_rules_down(&self, now: Timestamp) -> Result<(), StateError> {
        self.keep_told(now)?;
        shelf::write(&self.rules.activity, &*self.state, now)?;
        self.rules.suggestions.write_down(&*self.state, now)?;
        let changes = self.rules.traces.lock().take_changes();
        if !changes.is_empty() {
            self.state.commit(changes, now)?;
        }
        Ok(())
    }

    /// Writes everything down, at the end.
    pub(crate) fn keep_rules_state(&self) -> Result<(), crate::SiteError> {
        let now = self.clock.now();
        let mut work = self.rules.work.lock();
        work.position = work.position.max(self.applied());
        self.save_engines(&mut work, now);
        drop(work);
        Ok(self.write_rules_down(now)?)
    }
}
