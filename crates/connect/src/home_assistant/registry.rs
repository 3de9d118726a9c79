//! Everything that discovery messages described: things, their components, and who listens to which topic.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{DataType, Name, ThingId};
use serde_json::{Map, Value as Json, json};

use super::device::{Device, thing_id};
use super::discovery::{self, Component, Place};
use super::entity::{Entity, Step};
use super::kinds;
use super::template::{Payload, Templates};
use super::thing::{EntityKey, Member, Rule, Thing, base, title};
use crate::Decoded;
use crate::sink::{Counters, Sink};

/// The most things; what further devices say is shown as `too_many_things`.
pub const THINGS_MAX: usize = 100_000;

/// The most components of all things; further ones are shown as `too_many_entities`.
pub const ENTITIES_MAX: usize = 500_000;

/// The most components of one thing; further ones are shown as `too_many_entities`.
pub const ENTITIES_PER_THING_MAX: usize = model::thing_model::AFFORDANCES_MAX;

/// The most payload bytes of an availability topic that are kept to compare.
const AVAILABILITY_BYTES_MAX: usize = 4 << 10;

type Hashed<K, V> = HashMap<K, V, ahash::RandomState>;

/// A component and which of its readers.
type Route = (EntityKey, usize);

/// A discovery message as it was said last.
#[derive(Debug)]
struct Said {
    /// Where it stands among the others.
    order: u64,
    payload: Bytes,
    members: Vec<EntityKey>,
}

#[derive(Debug)]
pub(super) struct Registry {
    templates: Templates,
    said: Hashed<Arc<str>, Said>,
    members: Hashed<EntityKey, Member>,
    things: Hashed<ThingId, Thing>,
    /// Things by the identifiers and connections of their devices.
    by_key: Hashed<String, ThingId>,
    /// Components by kind and unique id.
    by_unique: Hashed<String, EntityKey>,
    routes: Hashed<Arc<str>, Arc<Vec<Route>>>,
    availability: Hashed<Arc<str>, Vec<ThingId>>,
    /// What availability topics said last.
    availability_said: Hashed<Arc<str>, String>,
    /// What sensors that did not tell their type turned out to say.
    settled: Hashed<(EntityKey, Name), DataType>,
    /// Names from a saved state, for components that are described again.
    bases: Hashed<EntityKey, String>,
    order: u64,
    revision: u64,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self {
            templates: Templates::new(),
            said: HashMap::default(),
            members: HashMap::default(),
            things: HashMap::default(),
            by_key: HashMap::default(),
            by_unique: HashMap::default(),
            routes: HashMap::default(),
            availability: HashMap::default(),
            availability_said: HashMap::default(),
            settled: HashMap::default(),
            bases: HashMap::default(),
            order: 0,
            revision: 0,
        }
    }

    pub(super) fn templates(&self) -> &Templates {
        &self.templates
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn knows(&self, thing: &ThingId) -> bool {
        self.things.contains_key(thing)
    }

    pub(super) fn member(&self, key: &EntityKey) -> Option<&Member> {
        self.members.get(key)
    }

    pub(super) fn routes(&self, topic: &str) -> Option<Arc<Vec<Route>>> {
        self.routes.get(topic).cloned()
    }

    pub(super) fn listens_to(&self, topic: &str) -> bool {
        self.routes.contains_key(topic) || self.availability.contains_key(topic)
    }

    pub(super) fn is_unchanged(&self, topic: &str, payload: &Bytes) -> bool {
        self.said.get(topic).is_some_and(|said| said.payload == *payload)
    }

    /// Takes in what a discovery topic describes now. Returns the things that changed.
    pub(super) fn describe(
        &mut self,
        topic: &Arc<str>,
        payload: &Bytes,
        components: Vec<Component>,
        sink: &mut Sink<'_>,
    ) -> Vec<ThingId> {
        self.revision += 1;
        self.order += 1;
        let before = self.said.remove(topic.as_ref());
        let order = before.as_ref().map_or(self.order, |said| said.order);
        let mut changed = Vec::new();
        let mut members = Vec::with_capacity(components.len());
        for component in components {
            if let Some((key, thing)) = self.add(component, topic, sink) {
                members.push(key);
                if !changed.contains(&thing) {
                    changed.push(thing);
                }
            }
        }
        for key in before.map(|said| said.members).unwrap_or_default() {
            if !members.contains(&key) && self.owns(topic, &key) {
                let left = self.remove(&key, sink.out);
                changed.extend(left.filter(|thing| !changed.contains(thing)));
            }
        }
        // A copy, because the entry's payload is a slice of everything that was read from the log with it.
        let payload = Bytes::copy_from_slice(payload);
        self.said.insert(topic.clone(), Said { order, payload, members });
        changed
    }

    /// A producer withdrew what it described on this topic.
    pub(super) fn withdraw(&mut self, topic: &Arc<str>, sink: &mut Sink<'_>) {
        let Some(said) = self.said.remove(topic.as_ref()) else { return };
        self.revision += 1;
        let mut changed = Vec::new();
        for key in said.members {
            if self.owns(topic, &key) {
                let left = self.remove(&key, sink.out);
                changed.extend(left.filter(|thing| !changed.contains(thing)));
            }
        }
        for thing in changed {
            self.announce(&thing, sink);
        }
    }

    fn owns(&self, topic: &Arc<str>, key: &EntityKey) -> bool {
        self.members.get(key).is_some_and(|member| member.owner == *topic)
    }

    fn add(&mut self, component: Component, topic: &Arc<str>, sink: &mut Sink<'_>) -> Option<(EntityKey, ThingId)> {
        let key: EntityKey = Arc::from(format!("{} {}", component.kind, component.id));
        let unique = component.config.str("unique_id").map(|unique| format!("{} {unique}", component.kind));
        let device = component.device.clone().unwrap_or_else(|| lone(&component));
        let thing = self.thing_of(&device, sink)?;
        // The same component on another topic, or described anew.
        let moved_from = unique.as_ref().and_then(|unique| self.by_unique.get(unique)).unwrap_or(&key).clone();
        let before = self.members.get(&moved_from).map(|member| (member.base.clone(), member.thing.clone()));
        let kept_base = before.as_ref().filter(|(_, of)| *of == thing).map(|(base, _)| base.clone());
        let full = self.members.len() >= ENTITIES_MAX
            || self.things.get(&thing).is_some_and(|thing| thing.members.len() >= ENTITIES_PER_THING_MAX);
        if before.is_none() && full {
            let detail = format!("{key}: as many components as are accepted are known already");
            sink.diagnose(Some(&thing), "too_many_entities", detail);
            self.drop_if_empty(&thing, sink.out);
            return None;
        }
        let position = self.take(&moved_from);
        let base = kept_base.or_else(|| self.bases.remove(&key)).unwrap_or_else(|| base(&component, &thing, &device));
        let mut problems = Vec::new();
        let built = self.build(&component, &thing, &device, base, &mut problems);
        for (code, detail) in problems {
            sink.diagnose(Some(&thing), code, detail);
        }
        let Some((entity, base)) = built else {
            self.drop_if_empty(&thing, sink.out);
            return None;
        };
        let member = Member {
            entity,
            names: Vec::new(),
            kind: component.kind,
            thing: thing.clone(),
            base,
            owner: topic.clone(),
            unique,
        };
        self.insert(&key, member, position, device, sink);
        if let Some((_, old)) = before.filter(|(_, old)| *old != thing) {
            self.drop_if_empty(&old, sink.out);
            self.announce(&old, sink);
        }
        Some((key, thing))
    }

    /// Builds a component, with names that no other component of the thing has.
    fn build(
        &mut self,
        component: &Component,
        thing: &ThingId,
        device: &Device,
        base: String,
        problems: &mut Vec<kinds::Problem>,
    ) -> Option<(Entity, String)> {
        let title = title(component, &base, device);
        let mut candidate = base.clone();
        for attempt in 1.. {
            problems.clear();
            let entity =
                kinds::build(&component.kind, &component.config, &candidate, &title, &mut self.templates, problems)?;
            let taken = self.things.get(thing).is_some_and(|thing| {
                let names = entity.properties.keys().chain(entity.events.keys()).chain(entity.actions.keys());
                names.into_iter().any(|name| thing.names.contains_key(name))
            });
            if !taken {
                return Some((entity, candidate));
            }
            candidate = match attempt {
                1 => format!("{base}_{}", component.kind),
                attempt => format!("{base}_{}_{attempt}", component.kind),
            };
        }
        None
    }

    /// The thing of a device, made if it is new.
    fn thing_of(&mut self, device: &Device, sink: &mut Sink<'_>) -> Option<ThingId> {
        let known = device.keys.iter().find_map(|key| self.by_key.get(key)).cloned();
        let Some(id) = known.or_else(|| device.keys.first().and_then(|key| thing_id(key))) else {
            sink.diagnose(None, "bad_thing", "a device whose identifier is no id of a thing");
            return None;
        };
        if !self.things.contains_key(&id) {
            if self.things.len() >= THINGS_MAX {
                let detail = format!("{id} was described, but {THINGS_MAX} things are known already");
                sink.diagnose(None, "too_many_things", detail);
                return None;
            }
            self.things.insert(id.clone(), Thing::new(device.clone()));
        }
        for key in &device.keys {
            if !self.by_key.contains_key(key) {
                self.by_key.insert(key.clone(), id.clone());
            }
        }
        Some(id)
    }

    fn insert(
        &mut self,
        key: &EntityKey,
        member: Member,
        position: Option<usize>,
        device: Device,
        sink: &mut Sink<'_>,
    ) {
        for (index, reader) in member.entity.readers.iter().enumerate() {
            if !self.listens_to(&reader.topic) {
                sink.out.retained_wanted.push(reader.topic.clone());
            }
            Arc::make_mut(self.routes.entry(reader.topic.clone()).or_default()).push((key.clone(), index));
        }
        if let Some(unique) = &member.unique {
            self.by_unique.insert(unique.clone(), key.clone());
        }
        let thing = self.things.get_mut(&member.thing).expect("the component's thing was made before it");
        update_device(&mut thing.device, device);
        let position = position.unwrap_or(thing.members.len()).min(thing.members.len());
        thing.members.insert(position, key.clone());
        let mut member = member;
        member.names = thing.add_models(key, &mut member.entity);
        for name in &member.names {
            if let (Some(data_type), Some(property)) =
                (self.settled.get(&(key.clone(), name.clone())), thing.model.properties.get_mut(name))
            {
                property.data_type = *data_type;
            }
        }
        if let Some(availability) = member.entity.availability.clone() {
            if let Some(rule) = thing.rules.iter_mut().find(|rule| rule.availability == availability) {
                rule.members += 1;
            } else {
                let said = vec![None; availability.topics.len()];
                thing.rules.push(Rule { availability: availability.clone(), members: 1, said, latest: None });
                for topic in &availability.topics {
                    self.listen_for_availability(&topic.topic, &member.thing, sink);
                }
            }
        }
        self.members.insert(key.clone(), member);
    }

    fn listen_for_availability(&mut self, topic: &Arc<str>, thing: &ThingId, sink: &mut Sink<'_>) {
        if !self.listens_to(topic) {
            sink.out.retained_wanted.push(topic.clone());
        }
        let things = self.availability.entry(topic.clone()).or_default();
        if !things.contains(thing) {
            things.push(thing.clone());
        }
        if let Some(said) = self.availability_said.get(topic).cloned() {
            self.apply_availability(topic, &Payload::new(&said), std::slice::from_ref(thing), sink);
        }
    }

    /// Takes a component out of all indices. Returns where it stood in its thing.
    fn take(&mut self, key: &EntityKey) -> Option<usize> {
        let member = self.members.remove(key)?;
        for reader in &member.entity.readers {
            if let Some(routes) = self.routes.get_mut(&reader.topic) {
                let routes = Arc::make_mut(routes);
                routes.retain(|(of, _)| of != key);
                if routes.is_empty() {
                    self.routes.remove(&reader.topic);
                }
            }
        }
        if let Some(unique) = &member.unique {
            self.by_unique.remove(unique);
        }
        let thing = self.things.get_mut(&member.thing)?;
        let position = thing.members.iter().position(|of| of == key);
        thing.members.retain(|of| of != key);
        thing.remove_models(&member.names);
        if let Some(availability) = &member.entity.availability {
            if let Some(rule) = thing.rules.iter_mut().find(|rule| rule.availability == *availability) {
                rule.members -= 1;
            }
            thing.rules.retain(|rule| rule.members > 0);
            for topic in &availability.topics {
                let listens = |rule: &Rule| rule.availability.topics.iter().any(|other| other.topic == topic.topic);
                if thing.rules.iter().any(listens) {
                    continue;
                }
                if let Some(things) = self.availability.get_mut(&topic.topic) {
                    things.retain(|id| *id != member.thing);
                    if things.is_empty() {
                        self.availability.remove(&topic.topic);
                        self.availability_said.remove(&topic.topic);
                    }
                }
            }
        }
        position
    }

    /// Removes a component for good. Returns its thing if that is still there.
    fn remove(&mut self, key: &EntityKey, out: &mut Decoded) -> Option<ThingId> {
        let member = self.members.get(key)?;
        let thing = member.thing.clone();
        for name in member.names.clone() {
            self.settled.remove(&(key.clone(), name));
        }
        self.take(key);
        self.drop_if_empty(&thing, out);
        self.things.contains_key(&thing).then_some(thing)
    }

    fn drop_if_empty(&mut self, id: &ThingId, out: &mut Decoded) {
        if self.things.get(id).is_none_or(|thing| !thing.members.is_empty()) {
            return;
        }
        let was_announced = self.things.remove(id).is_some_and(|thing| thing.is_announced);
        self.by_key.retain(|_, of| of != id);
        if was_announced {
            out.removed.push(id.clone());
        }
    }

    /// Tells what is known of a thing; a telling of it that was not yet taken is replaced.
    pub(super) fn announce(&mut self, id: &ThingId, sink: &mut Sink<'_>) {
        let Some(thing) = self.things.get(id) else { return };
        let via = thing.device.via.as_ref().and_then(|via| self.by_key.get(via).cloned().or_else(|| thing_id(via)));
        let discovered = thing.discovered(id, &self.members, via.filter(|via| via != id));
        let out = &mut sink.out.discovered;
        let place = thing.announced_at.filter(|at| out.get(*at).is_some_and(|found| found.thing == *id));
        let place = place.unwrap_or(out.len());
        if place == out.len() {
            out.push(discovered);
        } else {
            out[place] = discovered;
        }
        if let Some(thing) = self.things.get_mut(id) {
            thing.is_announced = true;
            thing.announced_at = Some(place);
        }
    }

    /// A message on an availability topic. Returns the things that listen to it.
    pub(super) fn hear_availability(
        &mut self,
        topic: &Arc<str>,
        payload: &Payload<'_>,
        sink: &mut Sink<'_>,
    ) -> Vec<ThingId> {
        let Some(things) = self.availability.get(topic).cloned() else { return Vec::new() };
        let understood = self.apply_availability(topic, payload, &things, sink);
        let text = payload.text();
        let new = self.availability_said.get(topic).is_none_or(|said| said != text);
        if understood && new && text.len() <= AVAILABILITY_BYTES_MAX {
            self.availability_said.insert(topic.clone(), text.to_owned());
            self.revision += 1;
        }
        things
    }

    /// Applies an availability message to the things' rules. Returns whether any of them knows what it says.
    fn apply_availability(
        &mut self,
        topic: &Arc<str>,
        payload: &Payload<'_>,
        things: &[ThingId],
        sink: &mut Sink<'_>,
    ) -> bool {
        let mut understood = false;
        for id in things {
            let rules = self.things.get_mut(id).map(|thing| &mut thing.rules);
            for rule in rules.into_iter().flatten() {
                for (item, said) in rule.availability.topics.iter().zip(&mut rule.said) {
                    if item.topic != *topic {
                        continue;
                    }
                    match item.says(payload, &self.templates) {
                        Ok(None) => {}
                        Ok(Some(available)) => {
                            understood = true;
                            *said = Some(available);
                            rule.latest = Some(available);
                        }
                        Err(problem) => {
                            sink.diagnose(Some(id), "template_failed", format!("availability: {problem}"));
                        }
                    }
                }
            }
        }
        understood
    }

    /// Whether the thing came or went since this was asked last.
    pub(super) fn presence_change(&mut self, id: &ThingId) -> Option<bool> {
        let thing = self.things.get_mut(id)?;
        let presence = thing.presence()?;
        if thing.told == Some(presence) {
            return None;
        }
        thing.told = Some(presence);
        Some(presence)
    }

    /// The type of a sensor that did not tell it, after it said something of type `said`, and its thing if that is new.
    pub(super) fn settle_type(&mut self, key: &EntityKey, name: &Name, said: DataType) -> (DataType, Option<ThingId>) {
        let place = (key.clone(), name.clone());
        let before = self.settled.get(&place).copied();
        let settled = if before.is_none() || before == Some(said) { said } else { DataType::String };
        if before == Some(settled) {
            return (settled, None);
        }
        self.revision += 1;
        self.settled.insert(place, settled);
        let Some(id) = self.members.get(key).map(|member| member.thing.clone()) else { return (settled, None) };
        let thing = self.things.get_mut(&id);
        let Some(property) = thing.and_then(|thing| thing.model.properties.get_mut(name)) else {
            return (settled, None);
        };
        let changed = property.data_type != settled;
        property.data_type = settled;
        (settled, changed.then_some(id))
    }

    /// The messages of a command.
    pub(super) fn steps(&self, thing: &ThingId, name: &Name, write: bool) -> Option<&[Step]> {
        let key = self.things.get(thing)?.names.get(name)?;
        let entity = &self.members.get(key)?.entity;
        let steps = if write { entity.writes.get(name) } else { entity.invokes.get(name) };
        steps.map(Vec::as_slice)
    }

    pub(super) fn is_about(&self, id: &ThingId, topic: &str) -> bool {
        let Some(thing) = self.things.get(id) else { return false };
        let of_thing = |key: &EntityKey| self.members.get(key).is_some_and(|member| member.thing == *id);
        self.routes.get(topic).is_some_and(|routes| routes.iter().any(|(key, _)| of_thing(key)))
            || self.availability.get(topic).is_some_and(|things| things.contains(id))
            || self.said.get(topic).is_some_and(|said| said.members.iter().any(of_thing))
            || thing.members.iter().filter_map(|key| self.members.get(key)).any(|member| {
                let steps = member.entity.writes.values().chain(member.entity.invokes.values());
                steps.flatten().any(|step| *step.topic == *topic)
            })
    }

    pub(super) fn forget(&mut self, id: &ThingId) {
        let Some(thing) = self.things.get(id) else { return };
        self.revision += 1;
        let members = thing.members.clone();
        for key in members {
            if let Some(owner) = self.members.get(&key).map(|member| member.owner.clone()) {
                // Forgotten as well, so that the thing is found again when it is described again.
                self.said.remove(&owner);
            }
            self.remove(&key, &mut Decoded::default());
        }
    }

    pub(super) fn save(&self) -> Json {
        let mut said: Vec<(&Arc<str>, &Said)> = self.said.iter().collect();
        said.sort_unstable_by_key(|(_, said)| said.order);
        let discovery: Vec<Json> =
            said.iter().map(|(topic, said)| json!([topic, String::from_utf8_lossy(&said.payload)])).collect();
        let names: Map<String, Json> =
            self.members.iter().map(|(key, member)| (key.to_string(), member.base.clone().into())).collect();
        let availability: Map<String, Json> =
            self.availability_said.iter().map(|(topic, said)| (topic.to_string(), said.clone().into())).collect();
        let types: Vec<Json> =
            self.settled.iter().map(|((key, name), data_type)| json!([key, name, data_type])).collect();
        json!({ "discovery": discovery, "names": names, "availability": availability, "types": types })
    }

    pub(super) fn restore(&mut self, saved: &Json, prefix: &str) {
        for (key, base) in saved.get("names").and_then(Json::as_object).into_iter().flatten() {
            self.bases.insert(Arc::from(key.as_str()), base.as_str().unwrap_or_default().to_owned());
        }
        for item in saved.get("types").and_then(Json::as_array).into_iter().flatten() {
            if let Ok((key, name, data_type)) = serde_json::from_value::<(String, Name, DataType)>(item.clone()) {
                self.settled.insert((Arc::from(key), name), data_type);
            }
        }
        for (topic, said) in saved.get("availability").and_then(Json::as_object).into_iter().flatten() {
            self.availability_said.insert(Arc::from(topic.as_str()), said.as_str().unwrap_or_default().to_owned());
        }
        // What this says was told, counted and shown before.
        let (mut out, mut counters) = (Decoded::default(), Counters::default());
        let mut sink = Sink::new(&mut out, &mut counters);
        for item in saved.get("discovery").and_then(Json::as_array).into_iter().flatten() {
            let (Some(topic), Some(payload)) = (item[0].as_str(), item[1].as_str()) else { continue };
            let Some(place) = topic.strip_prefix(prefix).and_then(Place::parse) else { continue };
            if let Ok(discovery::Message::Components(components)) = discovery::parse(&place, payload.as_bytes()) {
                self.describe(&Arc::from(topic), &Bytes::copy_from_slice(payload.as_bytes()), components, &mut sink);
            }
        }
        self.bases.clear();
        for thing in self.things.values_mut() {
            thing.told = thing.presence();
            thing.is_announced = true;
        }
    }
}

/// What stands for the device of a component that has none.
fn lone(component: &Component) -> Device {
    let id = component.config.str("unique_id").map_or_else(|| component.id.replace(' ', "_"), str::to_owned);
    let name = component.config.str("name").unwrap_or(&component.object).to_owned();
    Device { keys: vec![id], name, ..Device::default() }
}

/// Takes over what a later message says of the device; what it leaves out stays.
fn update_device(known: &mut Device, said: Device) {
    let newer = |known: &mut String, said: String| {
        if !said.is_empty() {
            *known = said;
        }
    };
    newer(&mut known.name, said.name);
    newer(&mut known.product, said.product);
    newer(&mut known.version, said.version);
    known.area = said.area.or(known.area.take());
    known.via = said.via.or(known.via.take());
}
