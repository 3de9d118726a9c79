//! Time: timers, schedules, and clocks that are set.

use std::cmp::Reverse;

use model::Timestamp;

use super::state::{Running, Timer, TimerWhat};
use super::{Engine, Pace};
use crate::calendar::{Days, Place};
use crate::effect::Effect;
use crate::expression::Fired;
use crate::limits::{BACK_MAX, LATE_MAX};
use crate::rule::{Trigger, TriggerKind};
use crate::sun;

/// A clock that goes back by less is not taken as set: what comes from several sources is a little out of order.
const BACK_NOTICED_MICROS: i64 = 60_000_000;
/// How often expressions are looked at that read the time.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

impl Engine {
    /// Lets time pass: what is due happens.
    pub fn tick(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.advance(now, effects);
    }

    /// When [`Engine::tick`] has to be called at the latest.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse(timer)| timer.due)
    }

    /// The site is somewhere else from now on: what comes at a time of the clock or with the sun is looked for anew.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
        for at in 0..self.rules.len() as u32 {
            self.with(at, |engine, running| {
                for (index, trigger) in running.program.triggers.iter().enumerate() {
                    let schedule = engine.next_schedule(trigger, engine.now);
                    running.state.triggers[index].schedule = schedule;
                    if let Some(due) = schedule {
                        engine.push_timer(Timer { due, rule: at, what: TimerWhat::Trigger(index as u32) });
                    }
                }
            });
        }
    }

    pub(super) fn push_timer(&mut self, timer: Timer) {
        self.timers.push(Reverse(timer));
    }

    /// Everything that is due by `now` happens.
    pub(super) fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if now.micros() < self.now.micros().saturating_sub(BACK_NOTICED_MICROS) && self.options.pace == Pace::Live {
            self.clock_set_back(now);
        }
        while let Some(Reverse(timer)) = self.timers.peek().copied()
            && timer.due <= now
        {
            self.timers.pop();
            self.now = match self.options.pace {
                Pace::Live => self.now.max(now),
                Pace::Replay => self.now.max(timer.due),
            };
            self.with(timer.rule, |engine, running| match timer.what {
                TimerWhat::Run => engine.wake_runs(timer.rule, running, effects),
                TimerWhat::Trigger(index) => engine.trigger_due(timer, index as usize, running, effects),
            });
        }
        self.now = self.now.max(now);
    }

    /// The schedule of a trigger has come, or it has been so for long enough; or the timer is an old one.
    fn trigger_due(&mut self, timer: Timer, index: usize, running: &mut Running, effects: &mut Vec<Effect>) {
        let now = self.now;
        let Some(state) = running.state.triggers.get_mut(index) else { return };
        if state.queued == Some(timer.due) {
            state.queued = None;
        }
        if state.schedule.is_some_and(|due| due <= now) {
            self.scheduled(timer.rule, index, running, effects);
        }
        let state = &mut running.state.triggers[index];
        let Some(armed) = &state.armed else { return };
        if armed.due > now {
            let due = armed.due;
            if state.queued.is_none() {
                state.queued = Some(due);
                self.push_timer(Timer { due, ..timer });
            }
            return;
        }
        if let Some(armed) = state.armed.take() {
            self.fire(timer.rule, running, armed.fired, armed.lead, effects);
        }
    }

    fn scheduled(&mut self, rule: u32, index: usize, running: &mut Running, effects: &mut Vec<Effect>) {
        let now = self.now;
        let trigger = &running.program.triggers[index];
        let state = &mut running.state.triggers[index];
        let due = state.schedule.unwrap_or(now);
        let is_live = self.options.pace == Pace::Live;
        // What comes again and again comes once, however many were slept through.
        let again = matches!(trigger.kind, TriggerKind::Every { .. } | TriggerKind::Expression { .. });
        let is_late = is_live && !again && now.since(due) > LATE_MAX;
        let after = match is_live {
            true if again => now,
            true => due.max(now - LATE_MAX),
            false => due,
        };
        let next = self.next_schedule(trigger, after);
        let state = &mut running.state.triggers[index];
        state.schedule = next;
        if is_late {
            state.missed = Some(due);
            self.counters.moments_missed += 1;
        }
        if let Some(due) = next {
            self.push_timer(Timer { due, rule, what: TimerWhat::Trigger(index as u32) });
        }
        if matches!(trigger.kind, TriggerKind::Expression { .. }) {
            self.expression_trigger(rule, index, running, None, effects);
        } else if !is_late {
            let trigger = &running.program.triggers[index];
            let fired =
                Fired { index: index as u32, id: trigger.id.clone(), kind: trigger.sort().into(), ..Fired::default() };
            self.fire(rule, running, fired, super::state::Lead::default(), effects);
        }
    }

    /// When the clock, the calendar or the sun lets a trigger fire next.
    pub(super) fn next_schedule(&self, trigger: &Trigger, after: Timestamp) -> Option<Timestamp> {
        if after == Timestamp::MIN {
            return None;
        }
        match &trigger.kind {
            TriggerKind::Time { at, on } => {
                self.place.next_time(after, at, &Days { months: &[], of_month: &[], on: *on })
            }
            TriggerKind::Calendar { months, days, on, at } => {
                self.place.next_time(after, at, &Days { months, of_month: days, on: *on })
            }
            TriggerKind::Every { interval } => Some(self.place.next_interval(after, *interval)),
            TriggerKind::Sun { event, offset_seconds } => sun::next_event(&self.place, after, *event, *offset_seconds),
            TriggerKind::Expression { expression } if expression.reads_time() => {
                Some(self.place.next_interval(after, LOOK_EVERY))
            }
            _ => None,
        }
    }

    /// The clock was set back. What lasts a time lasts as long as it would have: deadlines move with the clock. What
    /// comes at a time of the clock does not come a second time, unless the clock went back by more than a day: then
    /// schedules begin anew.
    fn clock_set_back(&mut self, now: Timestamp) {
        let step = self.now.micros().saturating_sub(now.micros());
        let back = |moment: &mut Timestamp| *moment = Timestamp(moment.micros().saturating_sub(step));
        for reading in &mut self.table.readings {
            back(&mut reading.time);
            back(&mut reading.since);
        }
        self.answers.values_mut().for_each(|answer| back(&mut answer.at));
        let anew = step > i64::try_from(BACK_MAX.as_micros()).unwrap_or(i64::MAX);
        self.now = now;
        self.timers.clear();
        for at in 0..self.rules.len() as u32 {
            self.with(at, |engine, running| {
                running.state.trackers.iter_mut().flatten().for_each(back);
                for index in 0..running.state.triggers.len() {
                    let trigger = &running.program.triggers[index];
                    let again = matches!(trigger.kind, TriggerKind::Every { .. } | TriggerKind::Expression { .. });
                    let schedule = if anew || again {
                        engine.next_schedule(trigger, now)
                    } else {
                        running.state.triggers[index].schedule
                    };
                    let state = &mut running.state.triggers[index];
                    state.schedule = schedule;
                    state.queued = None;
                    if let Some(armed) = &mut state.armed {
                        back(&mut armed.since);
                        back(&mut armed.due);
                        state.queued = Some(armed.due);
                    }
                    let what = TimerWhat::Trigger(index as u32);
                    for due in [state.schedule, state.queued].into_iter().flatten() {
                        engine.timers.push(Reverse(Timer { due, rule: at, what }));
                    }
                }
                for run in &mut running.state.runs {
                    back(&mut run.began);
                    run.stands_since.iter_mut().for_each(back);
                    run.wake.iter_mut().for_each(back);
                    if let Some(due) = run.wake {
                        engine.timers.push(Reverse(Timer { due, rule: at, what: TimerWhat::Run }));
                    }
                }
            });
        }
    }
}
