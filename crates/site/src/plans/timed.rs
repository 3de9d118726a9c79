//! Commands that wait for their time: kept on disk, so that a restart loses none of them.
//!
//! **Invariant:** a command goes out at most once: that it is on its way is on disk before it is sent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::{Cause, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

use super::{PlanError, PlannedCommand};
use crate::Site;
use crate::command::Asked;
use crate::site::setting;

/// The most commands that wait; more are refused.
pub const TIMED_MAX: usize = 1_000;

/// How many of those that are over are still shown; the oldest go first.
const OVER_KEPT: usize = 100;

/// How late a command may be, because the program did not run; what is later is given up.
pub const LATE_MAX: Duration = Duration::from_hours(1);

/// The setting in which they are kept, all in one: there are few, and seldom a change.
const SETTING: &str = "site.timed";

/// Where a command that was put off stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimedState {
    /// Its time has not come.
    Waiting,
    /// It is on its way. After a restart: whether it went out is not known, and it is not tried again.
    Sending,
    /// It went out.
    Sent,
    /// It was refused when its time came.
    Refused,
    /// Its time came while the program did not run, too long ago.
    Missed,
    /// Somebody called it off.
    Cancelled,
}

/// A command that waits for its time, or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TimedCommand {
    /// Unique.
    pub id: String,
    /// The plan it was part of.
    pub plan: String,
    /// What goes out.
    pub command: PlannedCommand,
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub at: Timestamp,
    /// Who applied the plan: their rights count when the time comes.
    pub cause: Cause,
    /// Where it stands.
    pub state: TimedState,
    /// Why it was refused.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: Option<String>,
}

/// Says whether whoever put a command off may still give it. Implemented by whoever knows people and tokens.
pub trait Rights: Send + Sync {
    /// Whether `cause` may command `thing` now; the error says why not.
    fn may_command(&self, cause: &Cause, thing: &model::ThingId) -> Result<(), String>;
}

/// The commands that were put off.
pub(super) struct Clockwork {
    rows: Mutex<Vec<TimedCommand>>,
    rights: OnceLock<Arc<dyn Rights>>,
}

impl std::fmt::Debug for Clockwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clockwork").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Clockwork {
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let rows = setting(state, SETTING)?.unwrap_or_default();
        Ok(Self { rows: Mutex::new(rows), rights: OnceLock::new() })
    }
}

/// Forgets the oldest of those that are over.
fn tidy(rows: &mut Vec<TimedCommand>) {
    let over = rows.iter().filter(|row| row.state != TimedState::Waiting).count();
    let mut surplus = over.saturating_sub(OVER_KEPT);
    rows.retain(|row| {
        let goes = surplus > 0 && !matches!(row.state, TimedState::Waiting | TimedState::Sending);
        surplus -= usize::from(goes);
        !goes
    });
}

impl Site {
    /// Says who knows whether a command that was put off may still go out. The first one stays; without one, none goes out.
    pub fn decide_by(&self, rights: Arc<dyn Rights>) {
        if self.plans.clockwork.rights.set(rights).is_err() {
            tracing::warn!("the site knew already who decides on rights, which stays");
        }
    }

    /// The commands that wait for their time, and the newest that are over, by time.
    pub fn timed_commands(&self) -> Vec<TimedCommand> {
        let mut rows = self.plans.clockwork.rows.lock().clone();
        rows.sort_by_key(|row| row.at);
        rows
    }

    /// Calls off a command that waits.
    pub fn cancel_timed(&self, id: &str) -> Result<TimedCommand, PlanError> {
        let mut rows = self.plans.clockwork.rows.lock();
        let mut changed = rows.clone();
        let waiting = changed.iter_mut().find(|row| row.id == id && row.state == TimedState::Waiting);
        let row = waiting.ok_or_else(|| PlanError::NotWaiting(id.to_owned()))?;
        row.state = TimedState::Cancelled;
        let row = row.clone();
        self.save_timed(&changed)?;
        *rows = changed;
        Ok(row)
    }

    /// Writes a command down until its time comes; gives its id.
    pub(super) fn put_off(&self, plan: &str, command: PlannedCommand, cause: &Cause) -> Result<String, String> {
        let at = command.at.unwrap_or_else(|| self.clock.now());
        let mut rows = self.plans.clockwork.rows.lock();
        let waiting = rows.iter().filter(|row| row.state == TimedState::Waiting).count();
        if waiting >= TIMED_MAX {
            return Err(format!(
                "{waiting} commands wait for their time, which is the limit\nhint: call some of them off"
            ));
        }
        let mut changed = rows.clone();
        tidy(&mut changed);
        let number = changed.iter().filter(|row| row.plan == plan).count();
        let id = format!("{plan}-{number}");
        let (plan, cause, state) = (plan.to_owned(), cause.clone(), TimedState::Waiting);
        changed.push(TimedCommand { id: id.clone(), plan, command, at, cause, state, reason: None });
        self.save_timed(&changed).map_err(|error| error.to_string())?;
        *rows = changed;
        Ok(id)
    }

    /// Sends the commands whose time has come. Cheap when there are none.
    pub fn send_timed(&self) -> Result<(), StateError> {
        let now = self.clock.now();
        let due: Vec<TimedCommand> = {
            let mut rows = self.plans.clockwork.rows.lock();
            let is_due = |row: &TimedCommand| row.state == TimedState::Waiting && row.at <= now;
            if !rows.iter().any(is_due) {
                return Ok(());
            }
            let mut changed = rows.clone();
            let coming = changed.iter_mut().filter(|row| is_due(row));
            coming.for_each(|row| {
                row.state = if now.since(row.at) > LATE_MAX { TimedState::Missed } else { TimedState::Sending }
            });
            self.save_timed(&changed)?;
            let due = |row: &&TimedCommand| rows.iter().any(|known| known.id == row.id && is_due(known));
            let due = changed.iter().filter(due).filter(|row| row.state == TimedState::Sending).cloned().collect();
            *rows = changed;
            due
        };
        for row in due {
            let sent = self.send_due(&row);
            if let Err(reason) = &sent {
                tracing::warn!(id = row.id, thing = %row.command.thing, reason, "a command that was put off did not go out");
            }
            let mut rows = self.plans.clockwork.rows.lock();
            if let Some(known) = rows.iter_mut().find(|known| known.id == row.id) {
                known.state = if sent.is_ok() { TimedState::Sent } else { TimedState::Refused };
                known.reason = sent.err();
            }
            self.save_timed(&rows)?;
        }
        Ok(())
    }

    fn send_due(&self, row: &TimedCommand) -> Result<(), String> {
        let rights = self.plans.clockwork.rights.get().ok_or("nobody can say whether it is still allowed")?;
        rights.may_command(&row.cause, &row.command.thing)?;
        let asked = Asked { cause: row.cause.clone(), timeout: None };
        let command = self.give(&row.command, &asked)?;
        self.rules.suggestions.is_not_by_hand(&command.id);
        Ok(())
    }

    fn save_timed(&self, rows: &[TimedCommand]) -> Result<(), StateError> {
        self.state.commit(vec![Change::put(Table::Setting, SETTING, None, &rows)], self.clock.now()).map(drop)
    }
}
