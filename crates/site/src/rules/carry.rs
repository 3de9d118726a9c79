//! Carrying out what the engines ask for: the same way down as everybody's commands.

use std::sync::Arc;

use model::{Name, Quality, Record, RecordKind, ThingId, Value};
use rule::{Effect, What};

use super::activity::WouldHave;
use super::alarms::Raised;
use super::scenes::SceneSet;
use super::traces::NotDone;
use crate::command::{Asked, Ready};
use crate::counters::{add, count};
use crate::site::Site;

/// The most notifications of one rule within a minute; more are refused, which the run tells.
pub const NOTIFICATIONS_PER_MINUTE_MAX: u32 = 20;

/// From how many rules on their counts of notifications are forgotten.
const TOLD_KEPT: usize = 4_096;

/// The most steps that are sent together. Writing down waits for the disk, so many go at once; the first of them waits
/// until the last is checked.
const SENT_TOGETHER_MAX: usize = 256;

/// What was asked of one thing in one step of a run.
struct Step<'a> {
    effect: &'a Effect,
    thing: ThingId,
    values: Vec<(Name, Value)>,
    /// An action, not a write.
    is_action: bool,
}

/// Steps that passed everything and are still to be sent, at most one a thing.
type Waiting<'a> = Vec<(Step<'a>, Ready)>;

impl Site {
    /// Carries out effects in their order.
    pub(super) fn carry_out(&self, effects: Vec<Effect>) {
        if let Some(latest) = effects.iter().filter(|effect| !effect.shadow).map(|effect| effect.time).max() {
            self.note_done(latest);
        }
        let tells = |effect: &Effect| matches!(effect.what, What::Notify { .. } | What::Alarm { .. }) && !effect.shadow;
        let is_told = effects.iter().any(tells);
        let mut waiting = Waiting::new();
        let mut rest = effects.iter().peekable();
        while let Some(effect) = rest.next() {
            match &effect.what {
                What::Set { thing, name, value } => {
                    let mut values = vec![(name.clone(), value.clone())];
                    // Values of one thing in one step fit together, or none goes out.
                    while let Some((name, value)) = rest.peek().and_then(|next| with(effect, thing, &values, next)) {
                        values.push((name.clone(), value.clone()));
                        rest.next();
                    }
                    self.command_for(Step { effect, thing: thing.clone(), values, is_action: false }, &mut waiting);
                }
                What::Act { thing, name, input } => {
                    let values = vec![(name.clone(), input.clone())];
                    self.command_for(Step { effect, thing: thing.clone(), values, is_action: true }, &mut waiting);
                }
                What::Scene { scene } => self.scene_for(effect, scene, &mut waiting),
                What::Notify { title, message, to } => self.notify_for(effect, title, message, to),
                What::Alarm { name, severity, message, thing } => {
                    let thing = thing.clone();
                    let raised = Raised { rule: &effect.rule, name, severity: *severity, message, thing };
                    self.alarm_for(effect, &raised);
                }
                What::CallPolicy { policy, .. } => {
                    self.not_done(effect, format!("no policy {policy:?} can be called by a rule"));
                }
            }
        }
        self.send_waiting(&mut waiting);
        // What is done is not done again after a crash, so what people have to hear of is written down at once.
        if is_told && let Err(error) = self.keep_told(self.clock.now()) {
            tracing::error!(%error, "alarms and notifications could not be written down; it is tried again");
        }
    }

    fn command_for<'a>(&self, step: Step<'a>, waiting: &mut Waiting<'a>) {
        let Step { effect, thing, values, is_action } = &step;
        if effect.shadow || !self.is_in_stage(&effect.rule, thing) {
            self.would_have_done(effect, thing, values);
            return;
        }
        // What a thing was asked before is on its way before it is asked for more.
        if waiting.len() >= SENT_TOGETHER_MAX || waiting.iter().any(|(before, _)| before.thing == *thing) {
            self.send_waiting(waiting);
        }
        let asked = Asked { cause: effect.cause(), timeout: None };
        let ready = match (is_action, values.as_slice()) {
            (true, [(name, input)]) => self.ready_to_invoke(&asked, thing, name, input.clone()),
            _ => self.ready_to_write(&asked, thing, values.clone()),
        };
        match ready {
            Ok(ready) => waiting.push((step, ready)),
            Err(error) => self.refused(&step, &error.to_string()),
        }
    }

    fn send_waiting(&self, waiting: &mut Waiting<'_>) {
        let (steps, batch): (Vec<Step<'_>>, Vec<Ready>) = waiting.drain(..).unzip();
        if steps.is_empty() {
            return;
        }
        match self.send(batch) {
            Ok(sent) => {
                for (step, sent) in steps.iter().zip(sent) {
                    match sent {
                        Ok(commands) => {
                            add(&self.counters.rule_commands, commands.len());
                            self.tell_step(step, None);
                        }
                        Err(error) => self.refused(step, &error.to_string()),
                    }
                }
            }
            Err(error) => steps.iter().for_each(|step| self.refused(step, &error.to_string())),
        }
    }

    fn refused(&self, step: &Step<'_>, problem: &str) {
        self.tell_step(step, Some(problem));
        count(&self.counters.rule_commands_refused);
        self.not_done(step.effect, problem.to_owned());
    }

    /// Tells live views of a step that was sent, or what kept it.
    fn tell_step(&self, step: &Step<'_>, problem: Option<&str>) {
        for (name, value) in &step.values {
            self.tell_decision(step.effect, &step.thing, (name, value), problem.is_none(), problem);
        }
    }

    fn scene_for<'a>(&self, effect: &'a Effect, wanted: &str, waiting: &mut Waiting<'a>) {
        let found = {
            let scenes = self.rules.scenes.lock();
            scenes.get(wanted).or_else(|| scenes.iter().find(|scene| scene.title == wanted)).cloned()
        };
        let Some(scene) = found else { return self.not_done(effect, format!("there is no scene {wanted:?}")) };
        for SceneSet { thing, name, value } in scene.sets {
            self.command_for(Step { effect, thing, values: vec![(name, value)], is_action: false }, waiting);
        }
    }

    fn notify_for(&self, effect: &Effect, title: &str, message: &str, to: &[Arc<str>]) {
        if effect.shadow {
            return;
        }
        let minute = effect.time.micros().div_euclid(60_000_000);
        let is_too_much = {
            let mut told = self.rules.told.lock();
            if told.len() >= TOLD_KEPT {
                told.retain(|_, (of, _)| *of == minute);
            }
            let (of, told) = told.entry(Arc::clone(&effect.rule)).or_insert((minute, 0));
            if *of != minute {
                (*of, *told) = (minute, 0);
            }
            *told += 1;
            *told > NOTIFICATIONS_PER_MINUTE_MAX
        };
        if is_too_much {
            let problem = format!("more than {NOTIFICATIONS_PER_MINUTE_MAX} notifications of one rule in a minute");
            return self.not_done(effect, problem);
        }
        let to = to.iter().map(ToString::to_string).collect();
        self.notify(title, message, to, Some(&effect.rule));
    }

    fn alarm_for(&self, effect: &Effect, raised: &Raised<'_>) {
        if effect.shadow {
            return;
        }
        match self.raise_alarm(raised) {
            Ok(true) => {
                let message = if raised.message.is_empty() { raised.name } else { raised.message };
                self.notify(raised.name, message, Vec::new(), Some(raised.rule));
            }
            Ok(false) => {}
            Err(error) => {
                count(&self.counters.rule_alarms_refused);
                self.not_done(effect, error.to_string());
            }
        }
    }

    fn would_have_done(&self, effect: &Effect, thing: &ThingId, values: &[(Name, Value)]) {
        self.note_activity(&effect.rule, |activity| {
            for (name, value) in values {
                activity.would_have(WouldHave {
                    time: effect.time,
                    thing: thing.clone(),
                    name: name.clone(),
                    value: value.clone(),
                    run: effect.run.to_string(),
                    version: effect.version,
                });
            }
        });
        for (name, value) in values {
            self.tell_decision(effect, thing, (name, value), false, None);
        }
    }

    fn not_done(&self, effect: &Effect, problem: String) {
        let (run, path) = (Arc::clone(&effect.run), Arc::clone(&effect.path));
        self.rules.traces.lock().not_done(NotDone { run, path, problem });
    }

    /// Tells live views what a rule decided about a thing.
    fn tell_decision(
        &self,
        effect: &Effect,
        thing: &ThingId,
        (name, value): (&Name, &Value),
        was_sent: bool,
        problem: Option<&str>,
    ) {
        let mut things = self.things.write();
        let Some(index) = things.registry.find(thing) else { return };
        let mut decided = serde_json::json!({
            "rule": effect.rule, "version": effect.version, "run": effect.run, "value": value.to_json(),
            "sent": was_sent,
        });
        if let Some(problem) = problem {
            decided["problem"] = problem.into();
        }
        let now = self.clock.now();
        let record = Record {
            position: things.applied.max(effect.position),
            time: effect.time,
            received: now,
            thing: thing.clone(),
            kind: RecordKind::Decision,
            name: name.clone(),
            value: Value::from_json(decided),
            quality: Quality::Good,
            cause: Arc::new(effect.cause()),
        };
        things.remember(index, &record);
        let newest = things.applied;
        self.live.push(newest, [record].into());
    }
}

/// What an effect sets of the same thing in the same step. A step that is repeated begins anew with a property that it
/// has set before.
fn with<'e>(
    effect: &Effect,
    thing: &ThingId,
    before: &[(Name, Value)],
    next: &'e Effect,
) -> Option<(&'e Name, &'e Value)> {
    let same_step = next.run == effect.run && next.path == effect.path && next.shadow == effect.shadow;
    match &next.what {
        What::Set { thing: other, name, value } if same_step && other == thing => {
            before.iter().all(|(set, _)| set != name).then_some((name, value))
        }
        _ => None,
    }
}
