//! Guards: checks on commands that no caller can pass, whoever asks.

use std::collections::HashMap;
use std::time::Duration;

use model::{CauseKind, Command, ThingId, Timestamp, Value};
use parking_lot::Mutex;
use twin::{Thing, Twin};

/// A command that is about to go out.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// To whom.
    pub thing: &'a Thing,
    /// What the thing reports now.
    pub twin: &'a Twin,
    /// What it shall do. A write names the property in `action`.
    pub command: &'a Command,
    /// The present moment.
    pub now: Timestamp,
}

impl Attempt<'_> {
    /// What the property to be written is now.
    pub fn reported(&self) -> Option<&Value> {
        self.twin.property(&self.command.action).map(|reported| &reported.value)
    }
}

/// Why a guard refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{guard} refused {action} of {thing}: {reason}")]
pub struct Refusal {
    /// The guard's name.
    pub guard: &'static str,
    /// Whom the command was for.
    pub thing: ThingId,
    /// What it was.
    pub action: model::Name,
    /// Why, and when it may be tried again, in words.
    pub reason: String,
}

/// A check that every command has to pass.
pub trait Guard: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Lets the command pass, or says why not.
    fn check(&self, attempt: &Attempt<'_>) -> Result<(), String>;

    /// As [`Guard::check`] would answer, for a command that is only planned: nothing counts.
    fn look(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        self.check(attempt)
    }
}

/// Keeps rules and policies from actions that want a person at the button, because something moves, heats or opens.
#[derive(Debug, Clone, Copy, Default)]
pub struct PersonGuard;

impl Guard for PersonGuard {
    fn name(&self) -> &'static str {
        "person guard"
    }

    fn check(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        let by_itself = matches!(attempt.command.cause.kind, CauseKind::Rule | CauseKind::Policy);
        let action = attempt.thing.model.actions.get(&attempt.command.action).filter(|_| !attempt.command.write);
        if by_itself && action.is_some_and(|action| action.hold) {
            return Err("only a person may do this, with a finger on the button".to_owned());
        }
        Ok(())
    }
}

/// Lets each thing have only so many commands a minute, so that nobody wears out a relay or floods a radio network.
#[derive(Debug)]
pub struct RateGuard {
    per_minute: u32,
    /// When each thing's allowance will be full again.
    full_at: Mutex<HashMap<ThingId, Timestamp, ahash::RandomState>>,
}

/// From how many things on the allowances that are full again are forgotten.
const ALLOWANCES_KEPT: usize = 4_096;

impl RateGuard {
    /// At most `per_minute` commands a minute to one thing, all of which may come at once.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), full_at: Mutex::default() }
    }
}

impl Guard for RateGuard {
    fn name(&self) -> &'static str {
        "rate guard"
    }

    fn check(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        let mut full_at = self.full_at.lock();
        if full_at.len() >= ALLOWANCES_KEPT {
            full_at.retain(|_, at| *at > attempt.now);
        }
        let at = full_at.entry(attempt.thing.id.clone()).or_insert(attempt.now);
        *at = self.full_after(*at, attempt.now)?;
        Ok(())
    }

    fn look(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        let full_at = self.full_at.lock().get(&attempt.thing.id).copied();
        self.full_after(full_at.unwrap_or(attempt.now), attempt.now).map(drop)
    }
}

impl RateGuard {
    /// When an allowance that is full again at `at` will be full after one more command now.
    fn full_after(&self, at: Timestamp, now: Timestamp) -> Result<Timestamp, String> {
        const MINUTE: Duration = Duration::from_mins(1);
        // Further ahead than any allowance gets: the clock was set back since, and that shuts nobody out.
        let at = if at > now + MINUTE { now } else { at.max(now) };
        let after = at + MINUTE / self.per_minute;
        if after > now + MINUTE {
            let wait = after.since(now + MINUTE);
            return Err(format!(
                "more than {} commands in a minute\nhint: try again in {:.1} s",
                self.per_minute,
                wait.as_secs_f64()
            ));
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use model::{Cause, CauseKind, CommandId, CommandState, Name, Position};
    use twin::ThingStatus;

    #[test]
    fn a_minute_has_only_so_many_commands() {
        let id = ThingId::new("relay").unwrap();
        let thing = Thing::new(id.clone(), ThingStatus::Accepted, &Arc::from("native"), Timestamp(0));
        let twin = Twin::new(Timestamp(0), Position(0));
        let command = Command {
            id: CommandId::new("c").unwrap(),
            thing: id,
            action: Name::new("on").unwrap(),
            write: true,
            input: Value::Boolean(true),
            state: CommandState::Sent,
            output: Value::Null,
            error: None,
            created: Timestamp(0),
            deadline: Timestamp(0),
            updated: Timestamp(0),
            cause: Cause::new(CauseKind::User, "kim"),
        };
        let guard = RateGuard::new(6);
        let pass = |second: i64| {
            let now = Timestamp::from_seconds(second);
            guard.check(&Attempt { thing: &thing, twin: &twin, command: &command, now }).is_ok()
        };
        assert_eq!((0..8).filter(|_| pass(1_000)).count(), 6);
        assert!(!pass(1_009) && pass(1_010) && !pass(1_011));
        assert_eq!((0..8).filter(|_| pass(10)).count(), 6, "a clock that was set back shuts nobody out");
        assert!(!pass(19) && pass(20));
    }
}
