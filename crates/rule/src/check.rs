//! Compares a rule with what is known of things: missing things, values that do not fit, what cannot be written.

use std::collections::HashMap;
use std::sync::Arc;

use model::{DataType, ModelError, PropertyModel, RecordKind, ThingModel, Value};

use crate::calendar::Place;
use crate::conflicts;
use crate::expression::{Environment, NodeKind, Template, Type};
use crate::hint::did_you_mean;
use crate::problem::{Problem, ProblemSeverity};
use crate::rule::{ANY_NAME, ActionKind, ConditionKind, Operand, Range, Reference, Rule, Spot, TriggerKind};
use crate::text::type_problems;
use crate::view::Known;
use crate::walk::{self, What};

/// What is wrong with a rule in this place with these things, in the order of the text.
pub fn check(rule: &Rule, known: &dyn Known, place: &Place) -> Vec<Problem> {
    let models = rule.references.iter().map(|reference| known.model(reference.thing.as_str())).collect();
    let mut check = Check { rule, known, place, models, problems: Vec::new() };
    check.references();
    check.types();
    check.triggers();
    check.conditions();
    check.actions();
    check.sun();
    for words in conflicts::of_one(rule) {
        let spot = rule.actions.first().map_or_else(start, |action| action.spot.clone());
        check.problems.push(Problem::new(ProblemSeverity::Warning, &spot, words));
    }
    check.problems.sort_by_key(|problem| (problem.line, problem.column));
    check.problems.dedup();
    check.problems
}

fn start() -> Spot {
    Spot { path: Arc::from(""), line: 1, column: 1 }
}

struct Check<'a> {
    rule: &'a Rule,
    known: &'a dyn Known,
    place: &'a Place,
    /// By slot.
    models: Vec<Option<Arc<ThingModel>>>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn tell(&mut self, severity: ProblemSeverity, spot: &Spot, message: String, hint: Option<String>) {
        let mut problem = Problem::new(severity, spot, message);
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn error(&mut self, spot: &Spot, message: String, hint: Option<String>) {
        self.tell(ProblemSeverity::Error, spot, message, hint);
    }

    /// The model of a property, if there is one.
    fn property(&self, of: &Reference) -> Option<&PropertyModel> {
        self.models.get(of.slot as usize)?.as_ref()?.properties.get(&of.name)
    }

    /// Whether there is what the rule names.
    fn references(&mut self) {
        let rule = self.rule;
        let mut things: Option<Vec<String>> = None;
        for reference in &rule.references {
            let Some(model) = self.models[reference.slot as usize].clone() else {
                let all = things.get_or_insert_with(|| self.known.things().iter().map(ToString::to_string).collect());
                let hint = crate::hint::nearest(reference.thing.as_str(), all.iter().map(String::as_str))
                    .map(|near| format!("did you mean {near}?"));
                let message = format!("there is no thing {}", reference.thing);
                self.error(&reference.spot, message, hint);
                continue;
            };
            let names = |what: &[&model::Name]| what.iter().map(ToString::to_string).collect::<Vec<String>>();
            let (sort, names) = match reference.kind {
                RecordKind::Event => ("event", names(&model.events.keys().collect::<Vec<_>>())),
                RecordKind::Action => ("action", names(&model.actions.keys().collect::<Vec<_>>())),
                RecordKind::Presence => continue,
                _ if reference.name.as_str() == ANY_NAME => continue,
                _ => ("property", names(&model.properties.keys().collect::<Vec<_>>())),
            };
            if !names.iter().any(|name| name == reference.name.as_str()) {
                let message = format!("{} has no {sort} {}", reference.thing, reference.name);
                let hint = did_you_mean(reference.name.as_str(), names.iter().map(String::as_str));
                self.error(&reference.spot, message, hint);
            }
        }
    }

    /// Whether expressions fit the types of what they read.
    fn types(&mut self) {
        let rule = self.rule;
        let types: HashMap<u32, Type> = rule
            .references
            .iter()
            .filter(|reference| reference.kind == RecordKind::Property)
            .filter_map(|of| Some((of.slot, Type::of_data(self.property(of)?.data_type))))
            .collect();
        let series = |slot: u32| types.get(&slot).copied().unwrap_or(Type::Any);
        self.problems.extend(type_problems(rule, Environment::of_rule(&series)));
        let mut problems = Vec::new();
        let mut environment = Environment::of_rule(&series);
        walk::expressions(rule, &mut environment, &mut |site, environment| {
            let mut faults = Vec::new();
            let found = match site.what {
                What::Expression(expression) => environment.expression(expression, &mut faults),
                What::Template(template) => environment.template(template, &mut faults),
            };
            let (walk::Role::Compared(of) | walk::Role::Set(of)) = site.role else { return found };
            let is_literal = matches!(site.what, What::Template(template) if template.literal().is_some());
            let wanted = types.get(&of.slot).copied().unwrap_or(Type::Any);
            if !is_literal && !found.fits(wanted) {
                let message = format!("{of} is {}, and this comes to {}", wanted.words(), found.words());
                problems.push(Problem::new(ProblemSeverity::Error, &site.spot, message));
            }
            found
        });
        self.problems.extend(problems);
    }

    fn triggers(&mut self) {
        let rule = self.rule;
        for trigger in walk::triggers(rule) {
            match &trigger.kind {
                TriggerKind::Change { of, from, to } => {
                    for value in from.iter().chain(to) {
                        self.compared(of, value, &trigger.spot);
                    }
                }
                TriggerKind::Range { of, range } | TriggerKind::Forecast { of, range, .. } => {
                    self.ranged(of, range, &trigger.spot);
                }
                _ => {}
            }
        }
    }

    fn conditions(&mut self) {
        let mut all = Vec::new();
        walk::conditions(self.rule, &mut |condition| all.push(condition));
        for condition in all {
            match &condition.kind {
                ConditionKind::Is { of, values, .. } => {
                    for value in values.iter().filter_map(Template::literal) {
                        self.compared(of, value, &condition.spot);
                    }
                }
                ConditionKind::Range { of, range, .. } => self.ranged(of, range, &condition.spot),
                _ => {}
            }
        }
    }

    /// A value that a property is compared with is one that it can have.
    fn compared(&mut self, of: &Reference, value: &Value, spot: &Spot) {
        let Some(property) = self.property(of) else { return };
        let Err(error) = property.check(value.clone()) else { return };
        let hint = match (&error, property.data_type) {
            (ModelError::Type { .. }, DataType::Boolean) => Some("it is true or false".to_owned()),
            _ => None,
        };
        let severity = match error {
            ModelError::Type { .. } | ModelError::Choice { .. } => ProblemSeverity::Error,
            _ => ProblemSeverity::Warning,
        };
        self.tell(severity, spot, format!("{of} is never so: {error}"), hint);
    }

    /// A range is one that a property can be in.
    fn ranged(&mut self, of: &Reference, range: &Range, spot: &Spot) {
        let Some(property) = self.property(of) else { return };
        if matches!(property.data_type, DataType::Boolean | DataType::String) {
            let hint = "above and below are for numbers; say to: or is:".to_owned();
            let message = format!("{of} is {}, and no number", Type::of_data(property.data_type).words());
            return self.error(spot, message, Some(hint));
        }
        let never = match (&range.above, &range.below, property.maximum, property.minimum) {
            (Some(Operand::Number(above)), _, Some(maximum), _) if *above >= maximum => {
                Some(format!("{of} never rises above {above}: its greatest value is {maximum}"))
            }
            (_, Some(Operand::Number(below)), _, Some(minimum)) if *below <= minimum => {
                Some(format!("{of} never falls below {below}: its least value is {minimum}"))
            }
            _ => None,
        };
        if let Some(message) = never {
            self.tell(ProblemSeverity::Warning, spot, message, None);
        }
    }

    fn actions(&mut self) {
        let mut all = Vec::new();
        walk::actions(&self.rule.actions, &mut |action| all.push(action));
        for action in all {
            match &action.kind {
                ActionKind::Set(sets) => {
                    for (of, value) in sets {
                        self.set(of, value, &action.spot);
                    }
                }
                ActionKind::Act { of, input } => self.act(of, input.as_ref(), &action.spot),
                ActionKind::Scene(scene) => {
                    let scenes = self.known.scenes();
                    self.among("scene", scene, scenes, &action.spot);
                }
                ActionKind::Policy { name, .. } => {
                    let policies = self.known.policies();
                    self.among("policy", name, policies, &action.spot);
                }
                _ => {}
            }
        }
    }

    fn among(&mut self, what: &str, name: &str, known: Option<Vec<String>>, spot: &Spot) {
        let Some(known) = known.filter(|known| !known.iter().any(|it| it == name)) else { return };
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        self.error(spot, format!("there is no {what} {name}"), hint);
    }

    fn set(&mut self, of: &Reference, value: &Template, spot: &Spot) {
        if self.known.is_held(of.thing.as_str(), of.name.as_str()) {
            self.held(of, spot);
        }
        let Some(model) = self.models[of.slot as usize].clone().filter(|model| model.properties.contains_key(&of.name))
        else {
            return;
        };
        let checked = match value.literal() {
            Some(value) => model.check_write(&of.name, value.clone()).err(),
            None => model.check_write(&of.name, Value::Null).err(),
        };
        if let Some(error) = checked {
            let hint = matches!(error, ModelError::ReadOnly(_)).then(|| {
                let writable = model.properties.iter().filter(|(_, property)| property.writable);
                let names: Vec<&str> = writable.map(|(name, _)| name.as_str()).collect();
                if names.is_empty() {
                    format!("nothing of {} can be set", of.thing)
                } else {
                    format!("what can be set is {}", names.join(", "))
                }
            });
            self.error(spot, format!("{of}: {error}"), hint);
        }
    }

    fn held(&mut self, of: &Reference, spot: &Spot) {
        let message = format!("{of} is kept from rules: a person has to be there");
        self.error(spot, message, Some("let the rule tell somebody instead: notify".to_owned()));
    }

    fn act(&mut self, of: &Reference, input: Option<&Template>, spot: &Spot) {
        let Some(model) = self.models[of.slot as usize].clone() else { return };
        let Some(action) = model.actions.get(&of.name) else { return };
        if action.hold || self.known.is_held(of.thing.as_str(), of.name.as_str()) {
            self.held(of, spot);
        }
        let error = match input {
            None | Some(Template::Literal(_)) => {
                let input = input.and_then(Template::literal).cloned().unwrap_or_default();
                model.check_input(&of.name, input).err()
            }
            Some(Template::Map(entries)) => entries.iter().find_map(|(name, value)| match action.input.get(&**name) {
                None => Some(ModelError::Unknown { what: "input field", name: name.to_string() }),
                Some(field) => value.literal().and_then(|value| field.check(value.clone()).err()),
            }),
            Some(_) => None,
        };
        if let Some(error) = error {
            let hint = did_you_mean("", action.input.keys().map(model::Name::as_str));
            self.error(spot, format!("{of}: {error}"), hint);
        }
    }

    /// The sun is asked for only where the site lies somewhere.
    fn sun(&mut self) {
        if self.place.coordinates.is_some() {
            return;
        }
        let mut spots: Vec<Spot> = Vec::new();
        for trigger in walk::triggers(self.rule) {
            if matches!(trigger.kind, TriggerKind::Sun { .. }) {
                spots.push(trigger.spot.clone());
            }
        }
        walk::conditions(self.rule, &mut |condition| {
            if matches!(condition.kind, ConditionKind::Sun { .. }) {
                spots.push(condition.spot.clone());
            }
        });
        let any = |_| Type::Any;
        let mut environment = Environment::of_rule(&any);
        walk::expressions(self.rule, &mut environment, &mut |site, _| {
            let mut found = Vec::new();
            match site.what {
                What::Expression(expression) => found.push(expression),
                What::Template(template) => template.expressions(&mut found),
            }
            for expression in found {
                expression.node.visit(&mut |node| {
                    if matches!(node.kind, NodeKind::Sun(_)) {
                        spots.push(expression.spot_of(node.at));
                    }
                });
            }
            Type::Any
        });
        for spot in spots {
            let hint = "set the latitude and longitude of the site in its configuration".to_owned();
            self.error(&spot, "where the site lies is not known, and so the sun is not".to_owned(), Some(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ThingId;

    struct Home;

    impl Known for Home {
        fn model(&self, thing: &str) -> Option<Arc<ThingModel>> {
            let model = match thing {
                "hall.lamp" => serde_json::json!({
                    "properties": {
                        "on": {"type": "boolean", "writable": true},
                        "brightness": {"type": "number", "minimum": 0, "maximum": 100, "writable": true},
                        "mode": {"type": "string", "choices": ["day", "night"], "writable": true}
                    }
                }),
                "bath.climate" => serde_json::json!({"properties": {"humidity": {"type": "number", "maximum": 100}}}),
                "door.lock" => serde_json::json!({
                    "actions": {
                        "lock": {"input": {"minutes": {"type": "integer", "minimum": 1}}},
                        "unlock": {"hold": true}
                    },
                    "events": {"forced": {}}
                }),
                _ => return None,
            };
            Some(Arc::new(serde_json::from_value(model).unwrap()))
        }

        fn things(&self) -> Vec<ThingId> {
            ["hall.lamp", "bath.climate", "door.lock"].map(|id| ThingId::new(id).unwrap()).to_vec()
        }

        fn scenes(&self) -> Option<Vec<String>> {
            Some(vec!["evening".to_owned()])
        }
    }

    fn problems(text: &str) -> String {
        let parsed = Rule::parse(text);
        let rule = parsed.rule.unwrap_or_else(|| panic!("{:?}", parsed.problems));
        let problems = check(&rule, &Home, &Place::utc());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_does_not_fit_the_things_is_told() {
        let text = "\
rule: Wrong
triggers:
  - property: hall.lmap/on
  - property: hall.lamp/om
    to: true
  - property: hall.lamp/on
    to: 'on'
  - property: hall.lamp/on
    above: 3
  - property: bath.climate/humidity
    above: 100
  - sun: sunset
  - event: door.lock/forcd
conditions:
  - property: hall.lamp/mode
    is: [dawn]
  - expression: ${ value('hall.lamp/mode') > 3 }
  - expression: ${ sun.up }
actions:
  - set: hall.lamp/brightness
    to: 120
  - set: hall.lamp/on
    to: ${ value('hall.lamp/brightness') }
  - set: bath.climate/humidity
    to: 50
  - action: door.lock/unlock
  - action: door.lock/lock
    input: { hours: 3 }
  - scene: evenng
";
        insta::assert_snapshot!(problems(text), @r###"
3:15: error: triggers[0].property: there is no thing hall.lmap
hint: did you mean hall.lamp?
4:15: error: triggers[1].property: hall.lamp has no property om
hint: did you mean on?
6:5: error: triggers[2]: hall.lamp/on is never so: expected boolean, got "on"
hint: it is true or false
8:5: error: triggers[3]: hall.lamp/on is true or false, and no number
hint: above and below are for numbers; say to: or is:
10:5: warning: triggers[4]: bath.climate/humidity never rises above 100: its greatest value is 100
12:5: error: triggers[5]: where the site lies is not known, and so the sun is not
hint: set the latitude and longitude of the site in its configuration
13:12: error: triggers[6].event: door.lock has no event forcd
hint: did you mean forced?
15:5: error: conditions[0]: hall.lamp/mode is never so: "dawn" is not one of "day", "night"
17:20: error: conditions[1].expression: text and a number have no order
18:20: error: conditions[2].expression: where the site lies is not known, and so the sun is not
hint: set the latitude and longitude of the site in its configuration
20:5: error: actions[0]: hall.lamp/brightness: 120 is outside 0 to 100
20:5: warning: actions[0]: this rule sets itself off again through hall.lamp/on
22:5: error: actions[1]: hall.lamp/on is true or false, and this comes to a number
24:5: error: actions[2]: bath.climate/humidity: humidity cannot be written
hint: nothing of bath.climate can be set
26:5: error: actions[3]: door.lock/unlock is kept from rules: a person has to be there
hint: let the rule tell somebody instead: notify
27:5: error: actions[4]: door.lock/lock: there is no input field "hours"
hint: known are minutes
29:5: error: actions[5]: there is no scene evenng
hint: did you mean evening?
"###);
    }

    #[test]
    fn what_fits_is_let_through() {
        let text = "\
rule: Right
triggers:
  - property: bath.climate/humidity
    above: 70
actions:
  - set: { hall.lamp/on: true, hall.lamp/brightness: \"${ value('bath.climate/humidity') }\", hall.lamp/mode: night }
  - action: door.lock/lock
    input: { minutes: 3 }
  - scene: evening
";
        assert_eq!(problems(text), "");
    }
}
