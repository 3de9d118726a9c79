//! A rule made ready to run: its actions as a row of operations with jumps, so that where a run stands is a number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::RecordKind;

use super::SeriesKey;
use crate::expression::{Template, Variables};
use crate::rule::{
    Action, ActionKind, AfterTimeout, Condition, ConditionKind, Operand, Rounds, Rule, Spot, Trigger, TriggerKind,
};
use crate::walk;
use crate::words;

/// A rule made ready to run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) rule: Arc<Rule>,
    /// The rule's own triggers, then those it waits for.
    pub(super) triggers: Vec<Trigger>,
    /// How many of them are its own.
    pub(super) own_triggers: usize,
    pub(super) operations: Vec<Operation>,
    /// Conditions that ask for how long: since when they hold is followed.
    pub(super) trackers: Vec<Condition>,
    /// The variables that are written down: triggers know them.
    pub(super) constants: Variables,
    /// What parts say, by path.
    words: BTreeMap<Arc<str>, Arc<str>>,
}

/// One operation, and which part of the rule it comes from.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) spot: Spot,
    pub(super) kind: OperationKind,
}

/// The sorts of operations. Jumps name an operation by its place in the row.
#[derive(Debug)]
pub(super) enum OperationKind {
    /// An action that takes no time.
    Do(ActionKind),
    /// Stands still for a time.
    Delay(crate::rule::Delay),
    /// Stands still until one of these triggers fires.
    Wait {
        first: u32,
        count: u32,
        timeout: Option<Duration>,
        then: AfterTimeout,
    },
    /// Goes on if all hold, and else jumps.
    If {
        conditions: Vec<Condition>,
        otherwise: usize,
    },
    Jump(usize),
    /// Begins to count rounds.
    Enter,
    /// Counts a round, and jumps when there is none left.
    Round {
        rounds: Rounds,
        exit: usize,
    },
    /// Jumps when all hold.
    Until {
        conditions: Vec<Condition>,
        exit: usize,
    },
    /// Ends counting rounds.
    Leave,
    Stop(Option<Template>),
}

impl Program {
    pub(super) fn new(rule: Arc<Rule>) -> Self {
        let triggers: Vec<Trigger> = walk::triggers(&rule).into_iter().cloned().collect();
        let mut trackers = Vec::new();
        let mut words: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        walk::conditions(&rule, &mut |condition| {
            words.insert(Arc::clone(&condition.spot.path), words::condition(condition).into());
            let hold = match &condition.kind {
                ConditionKind::Is { hold, .. }
                | ConditionKind::Range { hold, .. }
                | ConditionKind::Presence { hold, .. } => *hold,
                _ => None,
            };
            if hold.is_some() {
                trackers.push(condition.clone());
            }
        });
        walk::actions(&rule.actions, &mut |action| {
            words.insert(Arc::clone(&action.spot.path), words::action(action).into());
        });
        let constants = rule.variables.iter();
        let constants = constants.filter_map(|it| Some((Arc::clone(&it.name), it.value.literal()?.clone()))).collect();
        let mut compiler = Compiler { operations: Vec::new(), next_trigger: rule.triggers.len() as u32 };
        compiler.actions(&rule.actions);
        let own_triggers = rule.triggers.len();
        Self { triggers, own_triggers, operations: compiler.operations, trackers, constants, words, rule }
    }

    /// What a part says.
    pub(super) fn words(&self, path: &str) -> Arc<str> {
        self.words.get(path).cloned().unwrap_or_else(|| path.into())
    }

    /// The series that a slot stands for.
    pub(super) fn key(&self, slot: u32) -> SeriesKey {
        let reference = &self.rule.references[slot as usize];
        SeriesKey { kind: reference.kind, thing: reference.thing.clone(), name: reference.name.clone() }
    }

    /// The slots that can make a trigger fire.
    pub(super) fn trigger_slots(trigger: &Trigger) -> Vec<u32> {
        match &trigger.kind {
            TriggerKind::Range { of, range } => {
                let bounds = [&range.above, &range.below];
                let mut slots = vec![of.slot];
                for bound in bounds.into_iter().flatten() {
                    if let Operand::Expression(expression) = bound {
                        slots.extend(expression.slots());
                    }
                }
                slots
            }
            TriggerKind::Change { of, .. }
            | TriggerKind::Event { of, .. }
            | TriggerKind::Insight { of, .. }
            | TriggerKind::Presence { of, .. } => vec![of.slot],
            TriggerKind::Expression { expression } => expression.slots(),
            TriggerKind::Time { .. }
            | TriggerKind::Every { .. }
            | TriggerKind::Sun { .. }
            | TriggerKind::Calendar { .. }
            | TriggerKind::Forecast { .. }
            | TriggerKind::Webhook { .. } => Vec::new(),
        }
    }

    /// The slot that a followed condition looks at.
    pub(super) fn tracker_slot(condition: &Condition) -> Option<u32> {
        match &condition.kind {
            ConditionKind::Is { of, .. } | ConditionKind::Range { of, .. } | ConditionKind::Presence { of, .. } => {
                Some(of.slot)
            }
            _ => None,
        }
    }

    /// Whether a slot is something that is read and not only commanded.
    pub(super) fn is_read(kind: RecordKind) -> bool {
        kind != RecordKind::Action
    }
}

struct Compiler {
    operations: Vec<Operation>,
    next_trigger: u32,
}

impl Compiler {
    fn push(&mut self, spot: &Spot, kind: OperationKind) -> usize {
        self.operations.push(Operation { spot: spot.clone(), kind });
        self.operations.len() - 1
    }

    fn actions(&mut self, actions: &[Action]) {
        actions.iter().for_each(|action| self.action(action));
    }

    fn action(&mut self, action: &Action) {
        let spot = &action.spot;
        match &action.kind {
            ActionKind::Delay(delay) => {
                self.push(spot, OperationKind::Delay(delay.clone()));
            }
            ActionKind::Wait { triggers, timeout, then } => {
                let (first, count) = (self.next_trigger, triggers.len() as u32);
                self.next_trigger += count;
                self.push(spot, OperationKind::Wait { first, count, timeout: *timeout, then: *then });
            }
            ActionKind::Choose { branches, otherwise } => {
                let mut ends = Vec::new();
                for branch in branches {
                    let test = OperationKind::If { conditions: branch.conditions.clone(), otherwise: 0 };
                    let test = self.push(&branch.spot, test);
                    self.actions(&branch.actions);
                    ends.push(self.push(spot, OperationKind::Jump(0)));
                    self.land(test);
                }
                self.actions(otherwise);
                ends.into_iter().for_each(|end| self.land(end));
            }
            ActionKind::Repeat { rounds, actions } => {
                self.push(spot, OperationKind::Enter);
                let round = self.push(spot, OperationKind::Round { rounds: rounds.clone(), exit: 0 });
                self.actions(actions);
                let until = match rounds {
                    Rounds::Until(conditions) => {
                        Some(self.push(spot, OperationKind::Until { conditions: conditions.clone(), exit: 0 }))
                    }
                    _ => None,
                };
                self.push(spot, OperationKind::Jump(round));
                self.land(round);
                until.into_iter().for_each(|until| self.land(until));
                self.push(spot, OperationKind::Leave);
            }
            ActionKind::Stop(reason) => {
                self.push(spot, OperationKind::Stop(reason.clone()));
            }
            other => {
                self.push(spot, OperationKind::Do(other.clone()));
            }
        }
    }

    /// Lets an operation jump to where the next one will stand.
    fn land(&mut self, operation: usize) {
        let here = self.operations.len();
        match &mut self.operations[operation].kind {
            OperationKind::If { otherwise: to, .. }
            | OperationKind::Jump(to)
            | OperationKind::Round { exit: to, .. }
            | OperationKind::Until { exit: to, .. } => *to = here,
            _ => {}
        }
    }
}
