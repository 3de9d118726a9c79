//! Carries plans out, each once.

use model::{Command, Name, ThingId, Timestamp};

use super::{May, Plan, PlanError, PlanState, PlannedCommand};
use crate::Site;
use crate::command::Asked;

/// What became of one command of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// To which thing.
    pub thing: ThingId,
    /// The property or action.
    pub name: Name,
    /// When it goes out; `None` when it did.
    pub at: Option<Timestamp>,
    /// The command that went out.
    pub command: Option<Command>,
    /// The command that waits for its time, by its id.
    pub timed: Option<String>,
    /// Why nothing went out.
    pub error: Option<String>,
}

impl Site {
    /// Does what a plan lists, in its order, as `asked` by somebody who may; once. A command that fails stops none of the
    /// others.
    pub fn apply_plan(&self, id: &str, asked: &Asked, may: May<'_>) -> Result<Vec<Applied>, PlanError> {
        let plan = self.take_plan(id)?;
        // So that every command leads back to its plan.
        let mut asked = asked.clone();
        asked.cause.run = Some(plan.id.as_str().into());
        Ok(plan.commands.into_iter().map(|command| self.apply_one(&plan.id, command, &asked, may)).collect())
    }

    /// From here on nobody else applies it.
    fn take_plan(&self, id: &str) -> Result<Plan, PlanError> {
        let now = self.clock.now();
        let mut open = self.plans.open.lock();
        let plan = open.iter_mut().find(|plan| plan.id == id).ok_or_else(|| PlanError::Unknown(id.to_owned()))?;
        match plan.seen_at(now).state {
            PlanState::Applied => Err(PlanError::Applied(id.to_owned())),
            PlanState::Expired => Err(PlanError::Expired(id.to_owned())),
            PlanState::Open if plan.commands.is_empty() => Err(PlanError::Empty),
            PlanState::Open => {
                plan.state = PlanState::Applied;
                Ok(plan.clone())
            }
        }
    }

    fn apply_one(&self, plan: &str, command: PlannedCommand, asked: &Asked, may: May<'_>) -> Applied {
        let (thing, name, at) = (command.thing.clone(), command.name.clone(), command.at);
        let applied = Applied { thing, name, at, command: None, timed: None, error: None };
        if let Err(reason) = may(&command.thing) {
            return Applied { error: Some(reason), ..applied };
        }
        if at.is_some() {
            return match self.put_off(plan, command, &asked.cause) {
                Ok(timed) => Applied { timed: Some(timed), ..applied },
                Err(reason) => Applied { error: Some(reason), ..applied },
            };
        }
        match self.give(&command, asked) {
            Ok(command) => Applied { command: Some(command), ..applied },
            Err(reason) => Applied { error: Some(reason), ..applied },
        }
    }

    /// Sends one command of a plan.
    pub(super) fn give(&self, command: &PlannedCommand, asked: &Asked) -> Result<Command, String> {
        let (thing, name, input) = (&command.thing, &command.name, command.input.clone());
        let sent = if command.write {
            self.write(asked, thing, vec![(name.clone(), input)]).map(|mut commands| commands.remove(0))
        } else {
            self.invoke(asked, thing, name, input)
        };
        sent.map_err(|error| error.to_string())
    }
}
