//! Goes through a rule in the order in which it runs.

use std::sync::Arc;

use crate::expression::{Environment, Expression, Template, Type};
use crate::rule::{
    Action, ActionKind, Branch, Condition, ConditionKind, Delay, Operand, Range, Reference, Rounds, Rule, Spot,
    Trigger, TriggerKind, Variable,
};

/// All triggers: the rule's own, then those that it waits for, in the order of the text. Their place here is their
/// number.
pub(crate) fn triggers(rule: &Rule) -> Vec<&Trigger> {
    let mut all: Vec<&Trigger> = rule.triggers.iter().collect();
    actions(&rule.actions, &mut |action| {
        if let ActionKind::Wait { triggers, .. } = &action.kind {
            all.extend(triggers);
        }
    });
    all
}

/// Each action and those within it, in the order of the text.
pub(crate) fn actions<'r>(list: &'r [Action], visit: &mut dyn FnMut(&'r Action)) {
    for action in list {
        visit(action);
        match &action.kind {
            ActionKind::Choose { branches, otherwise } => {
                branches.iter().for_each(|branch| actions(&branch.actions, visit));
                actions(otherwise, visit);
            }
            ActionKind::Repeat { actions: inner, .. } => actions(inner, visit),
            _ => {}
        }
    }
}

/// Each condition and those within it, wherever it stands.
pub(crate) fn conditions<'r>(rule: &'r Rule, visit: &mut dyn FnMut(&'r Condition)) {
    each_condition(&rule.conditions, visit);
    actions(&rule.actions, &mut |action| match &action.kind {
        ActionKind::Choose { branches, .. } => {
            branches.iter().for_each(|branch| each_condition(&branch.conditions, visit));
        }
        ActionKind::Repeat { rounds: Rounds::While(inner) | Rounds::Until(inner), .. } => each_condition(inner, visit),
        _ => {}
    });
}

/// Each condition and those within it.
pub(crate) fn each_condition<'r>(list: &'r [Condition], visit: &mut dyn FnMut(&'r Condition)) {
    for condition in list {
        visit(condition);
        if let ConditionKind::All(inner) | ConditionKind::Any(inner) | ConditionKind::Not(inner) = &condition.kind {
            each_condition(inner, visit);
        }
    }
}

/// Each property that the actions set, and to what.
pub(crate) fn sets<'r>(list: &'r [Action], visit: &mut dyn FnMut(&'r Action, &'r Reference, &'r Template)) {
    actions(list, &mut |action| {
        if let ActionKind::Set(sets) = &action.kind {
            sets.iter().for_each(|(reference, value)| visit(action, reference, value));
        }
    });
}

/// What an expression is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role<'r> {
    /// It decides.
    Condition,
    /// It is counted with.
    Number,
    /// It becomes a variable.
    Variable,
    /// It is what a property is compared with.
    Compared(&'r Reference),
    /// It is what a property is set to.
    Set(&'r Reference),
    /// It is the input of an action.
    Input(&'r Reference),
    /// It is shown or passed on.
    Passed,
}

/// Where an expression stands, and what for.
pub(crate) struct Site<'r> {
    pub(crate) spot: Spot,
    pub(crate) what: What<'r>,
    pub(crate) role: Role<'r>,
}

impl Site<'_> {
    /// The type that it must have.
    pub(crate) fn wanted(&self) -> Option<Type> {
        match self.role {
            Role::Condition => Some(Type::Boolean),
            Role::Number => Some(Type::Number),
            _ => None,
        }
    }
}

/// An expression, or a value with expressions in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'r> {
    Expression(&'r Expression),
    Template(&'r Template),
}

/// Is shown each expression with what it may name there, and says of which type it is.
pub(crate) type Visit<'v, 'r> = &'v mut dyn FnMut(&Site<'r>, &Environment<'_>) -> Type;

/// Each expression of a rule, with what it may name.
pub(crate) fn expressions<'r>(rule: &'r Rule, environment: &mut Environment<'_>, visit: Visit<'_, 'r>) {
    // Triggers are looked at before a run begins: they know the variables that are written down.
    for variable in rule.variables.iter().filter(|variable| variable.value.literal().is_some()) {
        self::variable(variable, environment, visit);
    }
    let before = environment.variables.clone();
    for trigger in &rule.triggers {
        trigger_expressions(trigger, environment, visit);
    }
    environment.variables = before;
    for variable in rule.variables.iter().filter(|variable| variable.value.literal().is_none()) {
        self::variable(variable, environment, visit);
    }
    condition_expressions(&rule.conditions, environment, visit);
    action_expressions(&rule.actions, environment, visit);
}

fn variable<'r>(variable: &'r Variable, environment: &mut Environment<'_>, visit: Visit<'_, 'r>) {
    let type_ = template(&variable.value, &variable.spot, Role::Variable, environment, visit);
    environment.variables.insert(Arc::clone(&variable.name), type_);
}

fn template<'r>(
    what: &'r Template,
    spot: &Spot,
    role: Role<'r>,
    environment: &Environment<'_>,
    visit: Visit<'_, 'r>,
) -> Type {
    visit(&Site { spot: spot.clone(), what: What::Template(what), role }, environment)
}

fn expression<'r>(what: &'r Expression, role: Role<'r>, environment: &Environment<'_>, visit: Visit<'_, 'r>) {
    visit(&Site { spot: what.spot.clone(), what: What::Expression(what), role }, environment);
}

fn range_expressions<'r>(range: &'r Range, environment: &Environment<'_>, visit: Visit<'_, 'r>) {
    for bound in [&range.above, &range.below] {
        if let Some(Operand::Expression(bound)) = bound {
            expression(bound, Role::Number, environment, visit);
        }
    }
}

fn trigger_expressions<'r>(trigger: &'r Trigger, environment: &Environment<'_>, visit: Visit<'_, 'r>) {
    match &trigger.kind {
        TriggerKind::Range { range, .. } | TriggerKind::Forecast { range, .. } => {
            range_expressions(range, environment, visit);
        }
        TriggerKind::Event { filter: Some(filter), .. } => expression(filter, Role::Condition, environment, visit),
        TriggerKind::Expression { expression: inner } => expression(inner, Role::Condition, environment, visit),
        _ => {}
    }
}

fn condition_expressions<'r>(list: &'r [Condition], environment: &Environment<'_>, visit: Visit<'_, 'r>) {
    for condition in list {
        match &condition.kind {
            ConditionKind::Is { of, values, .. } => {
                for value in values {
                    template(value, &condition.spot, Role::Compared(of), environment, visit);
                }
            }
            ConditionKind::Range { range, .. } => range_expressions(range, environment, visit),
            ConditionKind::All(inner) | ConditionKind::Any(inner) | ConditionKind::Not(inner) => {
                condition_expressions(inner, environment, visit);
            }
            ConditionKind::Expression(inner) => expression(inner, Role::Condition, environment, visit),
            ConditionKind::Presence { .. }
            | ConditionKind::Time { .. }
            | ConditionKind::Sun { .. }
            | ConditionKind::Trigger { .. } => {}
        }
    }
}

fn action_expressions<'r>(list: &'r [Action], environment: &mut Environment<'_>, visit: Visit<'_, 'r>) {
    for action in list {
        let spot = &action.spot;
        match &action.kind {
            ActionKind::Set(sets) => {
                for (of, value) in sets {
                    template(value, spot, Role::Set(of), environment, visit);
                }
            }
            ActionKind::Act { of, input } => {
                if let Some(input) = input {
                    template(input, spot, Role::Input(of), environment, visit);
                }
            }
            ActionKind::Notify { title, message, .. } => {
                for text in title.iter().chain([message]) {
                    template(text, spot, Role::Passed, environment, visit);
                }
            }
            ActionKind::Alarm { message: Some(text), .. }
            | ActionKind::Policy { input: Some(text), .. }
            | ActionKind::Stop(Some(text)) => {
                template(text, spot, Role::Passed, environment, visit);
            }
            ActionKind::Delay(Delay::Seconds(seconds)) => expression(seconds, Role::Number, environment, visit),
            ActionKind::Wait { triggers, .. } => {
                triggers.iter().for_each(|trigger| trigger_expressions(trigger, environment, visit));
            }
            ActionKind::Choose { branches, otherwise } => {
                for Branch { conditions, actions, .. } in branches {
                    condition_expressions(conditions, environment, visit);
                    action_expressions(actions, environment, visit);
                }
                action_expressions(otherwise, environment, visit);
            }
            ActionKind::Repeat { rounds, actions } => {
                let outside = std::mem::replace(&mut environment.in_repeat, true);
                if let Rounds::While(conditions) = rounds {
                    condition_expressions(conditions, environment, visit);
                }
                action_expressions(actions, environment, visit);
                if let Rounds::Until(conditions) = rounds {
                    condition_expressions(conditions, environment, visit);
                }
                environment.in_repeat = outside;
            }
            ActionKind::Variables(variables) => {
                variables.iter().for_each(|variable| self::variable(variable, environment, visit));
            }
            ActionKind::Scene(_)
            | ActionKind::Delay(Delay::Fixed(_))
            | ActionKind::Alarm { message: None, .. }
            | ActionKind::Policy { input: None, .. }
            | ActionKind::Stop(None) => {}
        }
    }
}
