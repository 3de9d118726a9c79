//! Alarms: what wants somebody to act, until somebody says that they do.
//!
//! An alarm is one for each rule and name, however often it is raised. It is active until somebody acknowledges it; while
//! nobody does, it escalates, which notifies people again. Once acknowledged, it is over when it was not raised for a while.
//! A shelved alarm is quiet until its time has come.

use std::time::Duration;

use model::{ThingId, Timestamp};
use rule::effect::AlarmSeverity as Severity;
use serde::{Deserialize, Serialize};
use store::state::Table;

use super::error::RuleError;
use super::shelf::{self, Kept};
use crate::mind::NOTE_MAX;
use crate::site::Site;

/// The most alarms that are kept. The oldest that are over go first; while there are only others, new ones are refused
/// and counted.
pub const ALARMS_MAX: usize = 5_000;

/// An alarm that somebody acknowledged is over when it was not raised for so long.
pub const OVER_AFTER: Duration = Duration::from_hours(1);

/// For how long an alarm may be shelved.
pub const SHELVED_MAX: Duration = Duration::from_hours(30 * 24);

/// How often an alarm escalates at most; the time doubles from one to the next.
pub const ESCALATIONS_MAX: u32 = 4;

/// After how long an alarm of a severity escalates for the first time; a notice never does.
fn escalates_after(severity: Severity) -> Option<Duration> {
    match severity {
        Severity::Notice => None,
        Severity::Warning => Some(Duration::from_hours(1)),
        Severity::Alarm => Some(Duration::from_mins(10)),
    }
}

/// Where an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Nobody has looked at it.
    Active,
    /// Somebody looks after it.
    Acknowledged,
    /// Somebody wants to hear no more of it for a while.
    Shelved,
    /// It is over.
    Over,
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alarm {
    /// Unique; ids sort by when it was first raised.
    pub id: String,
    /// As its rule calls it.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is the matter.
    pub message: String,
    /// Where it stands.
    pub state: AlarmState,
    /// When it was first raised.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub raised: Timestamp,
    /// When it was raised last.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub last: Timestamp,
    /// How often it was raised.
    pub count: u64,
    /// By which rule.
    pub rule: String,
    /// The thing that led to it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// Who looks after it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub acknowledged_by: Option<String>,
    /// What they said about it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub note: Option<String>,
    /// Until when it is quiet.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub shelved_until: Option<Timestamp>,
    /// How often it escalated.
    pub escalated: u32,
}

impl Kept for Alarm {
    const TABLE: Table = Table::Alarm;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Alarm {
    /// When it escalates next, unless somebody looks after it.
    fn escalates(&self) -> Option<Timestamp> {
        let first = escalates_after(self.severity)?;
        let is_due = self.state == AlarmState::Active && self.escalated < ESCALATIONS_MAX;
        is_due.then(|| self.raised + first * ((2 << self.escalated) - 1))
    }
}

/// What raises an alarm.
#[derive(Debug, Clone)]
pub(super) struct Raised<'a> {
    pub(super) rule: &'a str,
    pub(super) name: &'a str,
    pub(super) severity: Severity,
    pub(super) message: &'a str,
    pub(super) thing: Option<ThingId>,
}

impl Site {
    /// Alarms in these states (`None` is any), the newest first.
    pub fn alarms(&self, state: Option<AlarmState>) -> Vec<Alarm> {
        let shelf = self.rules.alarms.lock();
        shelf.iter().rev().filter(|alarm| state.is_none_or(|state| alarm.state == state)).cloned().collect()
    }

    /// One alarm.
    pub fn alarm(&self, id: &str) -> Result<Alarm, RuleError> {
        self.rules.alarms.lock().get(id).cloned().ok_or_else(|| RuleError::UnknownAlarm(id.to_owned()))
    }

    /// Somebody looks after an alarm.
    pub fn acknowledge_alarm(&self, id: &str, by: &str, note: Option<&str>) -> Result<Alarm, RuleError> {
        self.change_alarm(id, |alarm| {
            if alarm.state == AlarmState::Over {
                return Err(RuleError::AlarmOver(alarm.id.clone()));
            }
            alarm.state = AlarmState::Acknowledged;
            alarm.shelved_until = None;
            alarm.acknowledged_by = Some(by.to_owned());
            alarm.note = note.map(|note| note.chars().take(NOTE_MAX).collect()).or(alarm.note.take());
            Ok(())
        })
    }

    /// Somebody wants to hear no more of an alarm until a time.
    pub fn shelve_alarm(&self, id: &str, until: Timestamp) -> Result<Alarm, RuleError> {
        let now = self.clock.now();
        if until <= now || until > now + SHELVED_MAX {
            return Err(RuleError::ShelvedFor);
        }
        self.change_alarm(id, |alarm| {
            if alarm.state == AlarmState::Over {
                return Err(RuleError::AlarmOver(alarm.id.clone()));
            }
            (alarm.state, alarm.shelved_until) = (AlarmState::Shelved, Some(until));
            Ok(())
        })
    }

    /// A shelved alarm is heard again.
    pub fn unshelve_alarm(&self, id: &str) -> Result<Alarm, RuleError> {
        self.change_alarm(id, |alarm| {
            if alarm.state == AlarmState::Shelved {
                unshelve(alarm);
            }
            Ok(())
        })
    }

    fn change_alarm(
        &self,
        id: &str,
        change: impl FnOnce(&mut Alarm) -> Result<(), RuleError>,
    ) -> Result<Alarm, RuleError> {
        let alarm = {
            let mut shelf = self.rules.alarms.lock();
            let alarm = shelf.get_mut(id).ok_or_else(|| RuleError::UnknownAlarm(id.to_owned()))?;
            change(alarm)?;
            alarm.clone()
        };
        shelf::write(&self.rules.alarms, &*self.state, self.clock.now())?;
        Ok(alarm)
    }

    /// A rule raises an alarm. True when somebody has to hear of it: it is new, or was over.
    pub(super) fn raise_alarm(&self, raised: &Raised<'_>) -> Result<bool, RuleError> {
        let now = self.clock.now();
        let mut shelf = self.rules.alarms.lock();
        let same =
            |alarm: &&Alarm| alarm.state != AlarmState::Over && alarm.rule == raised.rule && alarm.name == raised.name;
        let raised_before = shelf.iter().find(same).map(|alarm| alarm.id.clone());
        if let Some(id) = raised_before {
            let alarm = shelf.get_mut(&id).expect("it was just found");
            alarm.count += 1;
            alarm.last = now;
            raised.message.clone_into(&mut alarm.message);
            alarm.severity = alarm.severity.max(raised.severity);
            alarm.thing = raised.thing.clone().or(alarm.thing.take());
            return Ok(false);
        }
        if shelf.len() >= ALARMS_MAX {
            let oldest = shelf.iter().find(|alarm| alarm.state == AlarmState::Over).map(|alarm| alarm.id.clone());
            let Some(oldest) = oldest else { return Err(RuleError::Full { what: "alarms", limit: ALARMS_MAX }) };
            shelf.remove(&oldest);
        }
        shelf.put(Alarm {
            id: self.rules.ids.next("alarm", now),
            name: raised.name.to_owned(),
            severity: raised.severity,
            message: raised.message.to_owned(),
            state: AlarmState::Active,
            raised: now,
            last: now,
            count: 1,
            rule: raised.rule.to_owned(),
            thing: raised.thing.clone(),
            acknowledged_by: None,
            note: None,
            shelved_until: None,
            escalated: 0,
        });
        Ok(true)
    }

    /// What time brings: alarms escalate, come off the shelf, and end.
    pub(super) fn look_after_alarms(&self, now: Timestamp) {
        let mut escalated = Vec::new();
        {
            let mut shelf = self.rules.alarms.lock();
            let due = |alarm: &&Alarm| match alarm.state {
                AlarmState::Active => alarm.escalates().is_some_and(|at| now >= at),
                AlarmState::Acknowledged => now.since(alarm.last) >= OVER_AFTER,
                AlarmState::Shelved => alarm.shelved_until.is_none_or(|until| now >= until),
                AlarmState::Over => false,
            };
            let due: Vec<String> = shelf.iter().filter(due).map(|alarm| alarm.id.clone()).collect();
            for id in due {
                let alarm = shelf.get_mut(&id).expect("it was just found");
                match alarm.state {
                    AlarmState::Active => {
                        alarm.escalated += 1;
                        escalated.push(alarm.clone());
                    }
                    AlarmState::Acknowledged => alarm.state = AlarmState::Over,
                    AlarmState::Shelved => unshelve(alarm),
                    AlarmState::Over => {}
                }
            }
        }
        for alarm in escalated {
            let title = format!("{} is still not looked after", alarm.name);
            self.notify(&title, &alarm.message, Vec::new(), Some(&alarm.rule));
        }
    }
}

/// What was looked after before it was shelved still is.
fn unshelve(alarm: &mut Alarm) {
    alarm.shelved_until = None;
    alarm.state = if alarm.acknowledged_by.is_some() { AlarmState::Acknowledged } else { AlarmState::Active };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escalations_come_at_growing_distances_and_end() {
        let mut alarm = Alarm {
            id: "alarm-1".to_owned(),
            name: "flood".to_owned(),
            severity: Severity::Alarm,
            message: String::new(),
            state: AlarmState::Active,
            raised: Timestamp(0),
            last: Timestamp(0),
            count: 1,
            rule: "r".to_owned(),
            thing: None,
            acknowledged_by: None,
            note: None,
            shelved_until: None,
            escalated: 0,
        };
        let minutes: Vec<f64> = std::iter::from_fn(|| {
            let at = alarm.escalates()?;
            alarm.escalated += 1;
            Some(at.seconds() / 60.0)
        })
        .collect();
        assert_eq!(minutes, [10.0, 30.0, 70.0, 150.0]);
        alarm.severity = Severity::Notice;
        alarm.escalated = 0;
        assert_eq!(alarm.escalates(), None);
    }
}
