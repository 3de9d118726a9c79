//! One device with its components: names of its properties, its model and whether it is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::{Name, ThingId, ThingModel};

use super::Component;
use super::device::{Device, slug};
use super::entity::{Availability, AvailabilityMode, Entity};
use crate::Discovered;

/// What a component is known by: its kind and discovery id.
pub(super) type EntityKey = Arc<str>;

/// A component in use.
#[derive(Debug)]
pub(super) struct Member {
    /// Its models are moved into its thing's.
    pub(super) entity: Entity,
    /// Its properties, events and actions.
    pub(super) names: Vec<Name>,
    pub(super) kind: String,
    pub(super) thing: ThingId,
    /// What its properties' names begin with; kept for as long as the component is known.
    pub(super) base: String,
    /// The discovery topic that described it last.
    pub(super) owner: Arc<str>,
    pub(super) unique: Option<String>,
}

/// One device.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) device: Device,
    /// The models of all its components.
    pub(super) model: ThingModel,
    /// In the order of their discovery.
    pub(super) members: Vec<EntityKey>,
    /// Whose each name is.
    pub(super) names: HashMap<Name, EntityKey, ahash::RandomState>,
    pub(super) rules: Vec<Rule>,
    /// What was told last of its presence.
    pub(super) told: Option<bool>,
    /// Whether anybody was told of it.
    pub(super) is_announced: bool,
    /// Where in the caller's output it was announced last.
    pub(super) announced_at: Option<usize>,
}

/// When some of its components are there.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) availability: Availability,
    /// How many components have it.
    pub(super) members: usize,
    /// What each topic said last.
    pub(super) said: Vec<Option<bool>>,
    pub(super) latest: Option<bool>,
}

impl Rule {
    /// Whether the components are there, if enough is known.
    fn is_available(&self) -> Option<bool> {
        let any = |wanted: bool| self.said.contains(&Some(wanted));
        let all = |wanted: bool| self.said.iter().all(|said| *said == Some(wanted));
        match self.availability.mode {
            AvailabilityMode::All if any(false) => Some(false),
            AvailabilityMode::All => all(true).then_some(true),
            AvailabilityMode::Any if any(true) => Some(true),
            AvailabilityMode::Any => all(false).then_some(false),
            AvailabilityMode::Latest => self.latest,
        }
    }
}

/// Kinds that say what the whole device is, most telling first.
const TELLING_KINDS: &[(&str, &str)] = &[
    ("climate", "thermostat"),
    ("water_heater", "water_heater"),
    ("humidifier", "humidifier"),
    ("vacuum", "vacuum"),
    ("lawn_mower", "lawn_mower"),
    ("alarm_control_panel", "alarm"),
    ("lock", "lock"),
    ("cover", "cover"),
    ("valve", "valve"),
    ("fan", "fan"),
    ("light", "light"),
    ("siren", "siren"),
    ("switch", "switch"),
    ("camera", "camera"),
    ("device_tracker", "tracker"),
    ("sensor", "sensor"),
    ("binary_sensor", "sensor"),
];

impl Thing {
    pub(super) fn new(device: Device) -> Self {
        Self {
            device,
            model: ThingModel::default(),
            members: Vec::new(),
            names: HashMap::default(),
            rules: Vec::new(),
            told: None,
            is_announced: false,
            announced_at: None,
        }
    }

    /// Takes over the models of a component. Returns their names.
    pub(super) fn add_models(&mut self, key: &EntityKey, entity: &mut Entity) -> Vec<Name> {
        let properties = std::mem::take(&mut entity.properties);
        let events = std::mem::take(&mut entity.events);
        let actions = std::mem::take(&mut entity.actions);
        let names: Vec<Name> = properties.keys().chain(events.keys()).chain(actions.keys()).cloned().collect();
        self.names.extend(names.iter().map(|name| (name.clone(), key.clone())));
        self.model.properties.extend(properties);
        self.model.events.extend(events);
        self.model.actions.extend(actions);
        names
    }

    /// Drops the models of a component.
    pub(super) fn remove_models(&mut self, names: &[Name]) {
        for name in names {
            self.names.remove(name);
            self.model.properties.remove(name);
            self.model.events.remove(name);
            self.model.actions.remove(name);
        }
    }

    /// Whether it is there: as soon as one part of it is, and not when all parts are known not to be.
    pub(super) fn presence(&self) -> Option<bool> {
        let parts: Vec<Option<bool>> = self.rules.iter().map(Rule::is_available).collect();
        if parts.contains(&Some(true)) {
            return Some(true);
        }
        (!parts.is_empty() && parts.iter().all(|part| *part == Some(false))).then_some(false)
    }

    /// What is known of it.
    pub(super) fn discovered(
        &self,
        id: &ThingId,
        members: &HashMap<EntityKey, Member, ahash::RandomState>,
        via: Option<ThingId>,
    ) -> Discovered {
        let mut model = ThingModel {
            id: id.to_string(),
            title: self.device.product.clone(),
            version: self.device.version.clone(),
            ..self.model.clone()
        };
        let mut expires_after = BTreeMap::new();
        let mut kind = TELLING_KINDS.len();
        for member in self.members.iter().filter_map(|key| members.get(key)) {
            if let Some(seconds) = member.entity.expires_after_seconds {
                let after = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
                let properties = member.names.iter().filter(|name| self.model.properties.contains_key(*name));
                expires_after.extend(properties.map(|name| (name.clone(), after)));
            }
            let rank = TELLING_KINDS.iter().position(|(known, _)| *known == member.kind);
            kind = kind.min(rank.unwrap_or(TELLING_KINDS.len()));
        }
        TELLING_KINDS.get(kind).map_or("", |(_, kind)| kind).clone_into(&mut model.kind);
        Discovered {
            thing: id.clone(),
            title: self.device.name.clone(),
            model,
            via,
            suggested_space: self.device.area.clone(),
            expires_after,
        }
    }
}

/// What a component's names begin with: the producer's short name of it, without the name of its device.
pub(super) fn base(component: &Component, thing: &ThingId, device: &Device) -> String {
    let base = slug(&component.object);
    let node = component.node.as_deref().map(slug).unwrap_or_default();
    let mut prefixes: Vec<String> = device.keys.iter().map(|key| slug(key)).collect();
    prefixes.extend([slug(thing.as_str()), slug(&device.name), node.clone()]);
    // `host1_cpu` of node `linux` and device `host1_linux`: the device's words, without the node's.
    prefixes
        .extend(device.keys.iter().filter_map(|key| slug(key).strip_suffix(&format!("_{node}")).map(str::to_owned)));
    prefixes.retain(|prefix| !prefix.is_empty());
    prefixes.sort_unstable_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    for prefix in prefixes {
        if base == prefix {
            return slug(&component.kind);
        }
        if let Some(rest) = base.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')) {
            let rest = rest.to_owned();
            return if rest.is_empty() { slug(&component.kind) } else { rest };
        }
    }
    if base.is_empty() { slug(&component.kind) } else { base }
}

/// What people call a component.
pub(super) fn title(component: &Component, base: &str, device: &Device) -> String {
    let config = &component.config;
    if let Some(name) = config.str("name") {
        let own = name.strip_prefix(device.name.as_str()).map(str::trim).unwrap_or_default();
        return if own.is_empty() || device.name.is_empty() { name.to_owned() } else { own.to_owned() };
    }
    let text = if config.has("name") { component.kind.as_str() } else { config.str("device_class").unwrap_or(base) };
    let spaced = text.replace('_', " ");
    let mut characters = spaced.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
