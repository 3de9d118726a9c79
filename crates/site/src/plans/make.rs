//! Makes plans: every command is tried as far as it can be without doing anything.

use model::{Name, Timestamp, Value};

use super::{
    May, PLAN_AHEAD_MAX, PLAN_COMMANDS_MAX, PLAN_LIFE, Plan, PlanError, PlanRefusal, PlanState, PlannedCommand,
    Refuser, WantedCommand,
};
use crate::Site;
use crate::command::Asked;
use crate::error::SiteError;

/// The most commands that are told one by one in the words of a plan.
const WORDS_COMMANDS_MAX: usize = 8;

/// What is known of a plan before it is made.
pub(super) struct Draft {
    pub(super) wanted: Vec<WantedCommand>,
    pub(super) refusals: Vec<PlanRefusal>,
    pub(super) confirm: Vec<String>,
    pub(super) korean: bool,
}

impl Site {
    /// Makes a plan of some commands. Nothing goes out. `id` has to be unique and not to be guessed.
    pub fn plan_commands(
        &self,
        id: String,
        wanted: Vec<WantedCommand>,
        by: &str,
        may: May<'_>,
    ) -> Result<Plan, PlanError> {
        if wanted.is_empty() {
            return Err(PlanError::Empty);
        }
        let draft = Draft { wanted, refusals: Vec::new(), confirm: Vec::new(), korean: false };
        self.plan(id, draft, by, may)
    }

    pub(super) fn plan(&self, id: String, draft: Draft, by: &str, may: May<'_>) -> Result<Plan, PlanError> {
        let Draft { wanted, mut refusals, confirm, korean } = draft;
        if wanted.len() > PLAN_COMMANDS_MAX {
            return Err(PlanError::TooMany(wanted.len()));
        }
        let now = self.clock.now();
        let asked = Asked { cause: model::Cause::new(model::CauseKind::System, by), timeout: None };
        let mut commands: Vec<PlannedCommand> = Vec::with_capacity(wanted.len());
        for one in wanted {
            let refused = |by: Refuser, reason: String| PlanRefusal {
                thing: one.thing.clone(),
                name: one.name.clone(),
                by,
                reason: reason.lines().next().unwrap_or_default().to_owned(),
            };
            if let Some(reason) = one.at.and_then(|at| not_then(at, now)) {
                refusals.push(refused(Refuser::Model, reason.to_owned()));
                continue;
            }
            match self.rehearse(&asked, &one) {
                Ok(input) => {
                    if let Err(reason) = may(&one.thing) {
                        refusals.push(refused(Refuser::Access, reason));
                    }
                    let words = self.command_words(&one, &input, korean);
                    let hold = self.holds(&one);
                    let WantedCommand { thing, name, write, at, .. } = one;
                    commands.push(PlannedCommand { thing, name, write, input, at, hold, words });
                }
                Err(SiteError::Guard(refusal)) => refusals.push(refused(Refuser::Guard, refusal.to_string())),
                Err(error) => refusals.push(refused(Refuser::Model, error.to_string())),
            }
        }
        let plan = Plan {
            id,
            words: plan_words(&commands, korean),
            commands,
            refusals,
            confirm,
            rule_text: None,
            by: by.to_owned(),
            created: now,
            expires: now + PLAN_LIFE,
            state: PlanState::Open,
        };
        self.plans.keep(plan.clone());
        Ok(plan)
    }

    /// Whether something moves, heats or opens by it.
    fn holds(&self, wanted: &WantedCommand) -> bool {
        let row = self.thing_row(&wanted.thing);
        !wanted.write && row.is_some_and(|row| row.model.actions.get(&wanted.name).is_some_and(|action| action.hold))
    }

    fn command_words(&self, wanted: &WantedCommand, input: &Value, korean: bool) -> String {
        let Some(row) = self.thing_row(&wanted.thing) else { return format!("{}/{}", wanted.thing, wanted.name) };
        let title = |title: &str| if title.is_empty() { wanted.name.to_string() } else { title.to_owned() };
        if !wanted.write {
            let action = row.model.actions.get(&wanted.name).map_or("", |action| action.title.as_str());
            return format!("{}: {}", row.title, title(action));
        }
        let property = row.model.properties.get(&wanted.name);
        let called = title(property.map_or("", |property| property.title.as_str()));
        let shown = match (input, korean) {
            (Value::Boolean(true), true) => "켬".to_owned(),
            (Value::Boolean(false), true) => "끔".to_owned(),
            (Value::Boolean(true), false) => "yes".to_owned(),
            (Value::Boolean(false), false) => "no".to_owned(),
            (value, _) => value.to_string(),
        };
        let unit = property.and_then(|property| property.unit.as_ref()).filter(|_| input.as_f64().is_some());
        let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        format!("{}: {called} → {shown}{unit}", row.title)
    }
}

/// Why nothing can be put off until then.
fn not_then(at: Timestamp, now: Timestamp) -> Option<&'static str> {
    if at < now {
        return Some("that time has passed");
    }
    (at.since(now) > PLAN_AHEAD_MAX).then_some("that is too far ahead")
}

fn plan_words(commands: &[PlannedCommand], korean: bool) -> String {
    let mut words: Vec<String> =
        commands.iter().take(WORDS_COMMANDS_MAX).map(|command| command.words.clone()).collect();
    if commands.len() > WORDS_COMMANDS_MAX {
        let more = commands.len() - WORDS_COMMANDS_MAX;
        words.push(if korean { format!("그 밖에 {more}개") } else { format!("and {more} more") });
    }
    if words.is_empty() {
        return (if korean { "할 수 있는 것이 없어요" } else { "nothing of it can be done" }).to_owned();
    }
    words.join("; ")
}

/// A value that a property shall be more or less by.
pub(super) fn changed(site: &Site, thing: &model::ThingId, name: &Name, by: f64) -> Result<Value, String> {
    let things = site.things.read();
    let slot = things.registry.get(thing).ok_or("it is not there any more")?;
    let reported = slot.twin.property(name).and_then(|reported| reported.value.as_f64());
    let number = reported.ok_or("what it is now is not known")? + by;
    let model = slot.thing.model.properties.get(name);
    let number = (number * 1_000.0).round() / 1_000.0;
    // More than all of it is all of it.
    let number = match model {
        Some(model) => number.clamp(model.minimum.unwrap_or(f64::MIN), model.maximum.unwrap_or(f64::MAX)),
        None => number,
    };
    Value::float(number).ok_or_else(|| "the number is too large".to_owned())
}
