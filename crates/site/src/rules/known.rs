//! What rules are told of things: their models for the check, their values to start from.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Name, RecordKind, ThingId, ThingModel, Value};
use rule::rule::ActionKind;
use rule::{Known, Latest, Rule, View};
use twin::ThingStatus;

use crate::site::Site;

/// The models of things, and the scenes.
pub(super) struct Models<'a>(pub(super) &'a Site);

impl Known for Models<'_> {
    fn model(&self, thing: &str) -> Option<Arc<ThingModel>> {
        let things = self.0.things.read();
        let slot = things.registry.get(&ThingId::new(thing).ok()?)?;
        (slot.thing.status != ThingStatus::Ignored).then(|| Arc::clone(&slot.thing.model))
    }

    fn things(&self) -> Vec<ThingId> {
        let things = self.0.things.read();
        let accepted = things.registry.iter().filter(|(_, slot)| slot.thing.status == ThingStatus::Accepted);
        accepted.map(|(_, slot)| slot.thing.id.clone()).collect()
    }

    fn scenes(&self) -> Option<Vec<String>> {
        let scenes = self.0.rules.scenes.lock();
        Some(scenes.iter().flat_map(|scene| [scene.id.clone(), scene.title.clone()]).collect())
    }

    fn policies(&self) -> Option<Vec<String>> {
        // No policy can be called by name yet.
        Some(Vec::new())
    }

    fn is_held(&self, thing: &str, name: &str) -> bool {
        let action = |model: Arc<ThingModel>| model.actions.get(&Name::new(name).ok()?).map(|action| action.hold);
        self.model(thing).and_then(action).unwrap_or(false)
    }
}

/// What things report now.
pub(super) struct Twins<'a>(pub(super) &'a Site);

impl View for Twins<'_> {
    fn latest(&self, kind: RecordKind, thing: &str, name: &str) -> Option<Latest> {
        let things = self.0.things.read();
        let slot = things.registry.get(&ThingId::new(thing).ok()?)?;
        match kind {
            RecordKind::Property => {
                let reported = slot.twin.property(&Name::new(name).ok()?)?;
                Some(Latest { value: reported.value.clone(), time: reported.time, since: reported.changed })
            }
            RecordKind::Presence => {
                let presence = slot.twin.presence();
                let value = Value::text(presence.state.as_str());
                Some(Latest { value, time: presence.since, since: presence.since })
            }
            _ => None,
        }
    }
}

/// The things that a rule reads or commands, each once, those that it commands first.
pub(super) fn things_of(rule: &Rule) -> Vec<ThingId> {
    let mut written: Vec<ThingId> = written(rule).into_iter().map(|(thing, _)| thing).collect();
    written.dedup();
    let read: BTreeSet<&ThingId> = rule.references.iter().map(|reference| &reference.thing).collect();
    let rest: Vec<ThingId> = read.into_iter().filter(|thing| !written.contains(thing)).cloned().collect();
    written.into_iter().chain(rest).collect()
}

/// The properties that a rule writes, in order of thing.
pub(super) fn written(rule: &Rule) -> BTreeSet<(ThingId, Name)> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&rule::rule::Action> = rule.actions.iter().collect();
    while let Some(action) = waiting.pop() {
        match &action.kind {
            ActionKind::Set(sets) => {
                found.extend(sets.iter().map(|(of, _)| (of.thing.clone(), of.name.clone())));
            }
            ActionKind::Act { of, .. } => drop(found.insert((of.thing.clone(), of.name.clone()))),
            ActionKind::Choose { branches, otherwise } => {
                waiting.extend(branches.iter().flat_map(|branch| &branch.actions).chain(otherwise));
            }
            ActionKind::Repeat { actions, .. } => waiting.extend(actions),
            _ => {}
        }
    }
    found
}
