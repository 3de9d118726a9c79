//! Every thing that is known, with its twin, found quickly by id, status, title and words.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Weak};

use model::{Coordinates, Position, SpaceId, ThingId, ThingModel};

use crate::map::{Map, Mark};
use crate::thing::{Thing, ThingEdit, ThingStatus};
use crate::twin::{Checkpoint, Twin};

/// The longest title kept, in bytes.
pub const TITLE_BYTES_MAX: usize = 200;

/// The most tags of a thing.
pub const TAGS_MAX: usize = 64;

/// How many things there may be. Whatever comes after that is refused and counted, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryLimits {
    /// Things waiting in the inbox.
    pub inbox: usize,
    /// Things of any status.
    pub total: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self { inbox: 20_000, total: 1_200_000 }
    }
}

/// Why a change of the registry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is no such thing.
    #[error("there is no thing {0}")]
    Unknown(ThingId),
    /// There is one already.
    #[error("there is a thing {0} already")]
    Exists(ThingId),
    /// There are as many as there may be.
    #[error("there are {limit} things {place}, which is the limit\nhint: accept, ignore or delete some of them")]
    Full {
        /// In the inbox, or altogether.
        place: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Somebody else changed it in between.
    #[error("{id} is at rev {found}, not {expected}")]
    Stale {
        /// Which.
        id: ThingId,
        /// What was expected.
        expected: i64,
        /// What was found.
        found: i64,
    },
}

/// The properties by which a thing tells where it is, in degrees of WGS 84.
const LONGITUDE: &str = "longitude";
const LATITUDE: &str = "latitude";

/// Where a thing stands in the registry: small, dense, valid until the thing is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThingIndex(pub u32);

/// A thing and its twin.
#[derive(Debug)]
pub struct Slot {
    /// The registry's row.
    pub thing: Arc<Thing>,
    /// Its state.
    pub twin: Twin,
    /// What a search looks through and a list is sorted by: title, id, kind and tags in lower case.
    words: Arc<str>,
    /// Its model has the properties `longitude` and `latitude`.
    tells_location: bool,
    row_changed: bool,
}

/// What orders things: by status, words and id. `None` comes before every id.
type TitleKey = (ThingStatus, Arc<str>, Option<ThingId>);

impl Slot {
    fn title_key(&self) -> TitleKey {
        (self.thing.status, Arc::clone(&self.words), Some(self.thing.id.clone()))
    }

    fn new(thing: Arc<Thing>, twin: Twin) -> Self {
        let words = words(&thing);
        let tells_location = [LONGITUDE, LATITUDE].iter().all(|name| thing.model.properties.contains_key(*name));
        Self { thing, twin, words, tells_location, row_changed: true }
    }

    /// Where on the earth it is: where it says it is, or else where people put it.
    pub fn location(&self) -> Option<Coordinates> {
        self.reported_location().or(self.thing.location)
    }

    fn reported_location(&self) -> Option<Coordinates> {
        if !self.tells_location {
            return None;
        }
        let degrees = |name: &str| {
            let reported = self.twin.properties().iter().find(|reported| reported.name.as_str() == name)?;
            reported.value.as_f64()
        };
        Coordinates::new(degrees(LONGITUDE)?, degrees(LATITUDE)?).ok()
    }

    fn mark(&self) -> Option<Mark> {
        if self.thing.status != ThingStatus::Accepted {
            return None;
        }
        let (kind, presence) = (Arc::from(self.thing.kind()), self.twin.presence().state);
        self.location().map(|coordinates| Mark { coordinates, kind, presence })
    }

    /// What a search looks through and a list is sorted by, in lower case; the title comes first.
    pub fn words(&self) -> &Arc<str> {
        &self.words
    }
}

fn words(thing: &Thing) -> Arc<str> {
    let mut words = String::with_capacity(64);
    let parts = [thing.title.as_str(), thing.id.as_str(), thing.kind()];
    for part in parts.into_iter().chain(thing.tags.iter().map(String::as_str)) {
        words.push_str(part);
        words.push('\n');
    }
    Arc::from(words.to_lowercase())
}

/// Every thing that is known.
#[derive(Debug)]
pub struct Registry {
    limits: RegistryLimits,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    by_id: HashMap<ThingId, ThingIndex, ahash::RandomState>,
    by_title: BTreeMap<TitleKey, ThingIndex>,
    /// Sub-things by gateway.
    behind: HashMap<ThingId, BTreeSet<ThingIndex>, ahash::RandomState>,
    counts: [usize; 3],
    map: Map,
    models: Models,
    /// Things whose rows have to be written, and ids of rows to be removed.
    changed: Vec<ThingIndex>,
    removed: HashSet<ThingId, ahash::RandomState>,
    arrangement: u64,
}

impl Registry {
    /// An empty registry.
    pub fn new(limits: RegistryLimits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            by_title: BTreeMap::new(),
            behind: HashMap::default(),
            counts: [0; 3],
            map: Map::default(),
            models: Models::default(),
            changed: Vec::new(),
            removed: HashSet::default(),
            arrangement: 0,
        }
    }

    /// Puts back a thing that was kept, with its twin's checkpoint or, without one, a twin that has seen nothing.
    pub fn restore(&mut self, mut thing: Thing, checkpoint: Option<Checkpoint>) {
        thing.model = self.models.share(&thing.model);
        let twin = match checkpoint {
            Some(checkpoint) => Twin::restore(checkpoint, &thing.model),
            None => Twin::new(thing.created, Position::START),
        };
        let mut slot = Slot::new(Arc::new(thing), twin);
        slot.row_changed = false;
        self.place(slot);
    }

    /// Adds a thing that has said nothing since `after`. Refused when there are too many.
    pub fn add(&mut self, mut thing: Thing, after: Position) -> Result<ThingIndex, RegistryError> {
        if self.by_id.contains_key(&thing.id) {
            return Err(RegistryError::Exists(thing.id));
        }
        if self.by_id.len() >= self.limits.total {
            return Err(RegistryError::Full { place: "altogether", limit: self.limits.total });
        }
        if thing.status == ThingStatus::Inbox && self.in_inbox() >= self.limits.inbox {
            return Err(RegistryError::Full { place: "in the inbox", limit: self.limits.inbox });
        }
        tidy(&mut thing);
        thing.model = self.models.share(&thing.model);
        let twin = Twin::new(thing.created, after);
        let index = self.place(Slot::new(Arc::new(thing), twin));
        self.changed.push(index);
        Ok(index)
    }

    fn place(&mut self, slot: Slot) -> ThingIndex {
        let index = ThingIndex(self.free.pop().unwrap_or(self.slots.len() as u32));
        if index.0 as usize == self.slots.len() {
            self.slots.push(None);
        }
        let thing = &slot.thing;
        self.by_id.insert(thing.id.clone(), index);
        self.removed.remove(&thing.id);
        self.by_title.insert(slot.title_key(), index);
        if let Some(via) = &thing.via {
            self.behind.entry(via.clone()).or_default().insert(index);
        }
        self.counts[thing.status as usize] += 1;
        self.map.put(index, slot.mark());
        self.slots[index.0 as usize] = Some(slot);
        self.arrangement += 1;
        index
    }

    fn unplace(&mut self, index: ThingIndex) -> Option<Slot> {
        let slot = self.slots.get_mut(index.0 as usize)?.take()?;
        self.by_id.remove(&slot.thing.id);
        self.by_title.remove(&slot.title_key());
        if let Some(via) = &slot.thing.via
            && let Some(behind) = self.behind.get_mut(via)
        {
            behind.remove(&index);
            if behind.is_empty() {
                self.behind.remove(via);
            }
        }
        self.counts[slot.thing.status as usize] -= 1;
        self.map.put(index, None);
        self.free.push(index.0);
        self.arrangement += 1;
        Some(slot)
    }

    /// Removes a thing.
    pub fn remove(&mut self, id: &ThingId, expected: Option<i64>) -> Result<Arc<Thing>, RegistryError> {
        let index = self.expect(id, expected)?;
        let slot = self.unplace(index).expect("it was just found");
        self.removed.insert(id.clone());
        Ok(slot.thing)
    }

    fn expect(&self, id: &ThingId, expected: Option<i64>) -> Result<ThingIndex, RegistryError> {
        let index = self.find(id).ok_or_else(|| RegistryError::Unknown(id.clone()))?;
        let found = self.slot(index).thing.rev;
        match expected {
            Some(expected) if expected != found => Err(RegistryError::Stale { id: id.clone(), expected, found }),
            _ => Ok(index),
        }
    }

    /// Changes a thing's row as a person wants it.
    pub fn edit(&mut self, id: &ThingId, expected: Option<i64>, edit: ThingEdit) -> Result<Arc<Thing>, RegistryError> {
        let index = self.expect(id, expected)?;
        let status = edit.status;
        if status == Some(ThingStatus::Inbox)
            && self.slot(index).thing.status != ThingStatus::Inbox
            && self.in_inbox() >= self.limits.inbox
        {
            return Err(RegistryError::Full { place: "in the inbox", limit: self.limits.inbox });
        }
        self.change(index, |thing| {
            if let Some(title) = edit.title {
                thing.named = !title.trim().is_empty();
                thing.title = title;
            }
            if let Some(space) = edit.space {
                thing.space = space;
            }
            if let Some(location) = edit.location {
                thing.location = location;
            }
            if let Some(tags) = edit.tags {
                thing.tags = tags;
            }
            if let Some(status) = status {
                thing.status = status;
            }
            if let Some(model) = edit.model {
                thing.corrected = true;
                thing.model = Arc::new(ThingModel { inferred: false, ..model });
            }
        });
        Ok(Arc::clone(&self.slot(index).thing))
    }

    /// Changes a thing's row. The rev grows when something did change; returns whether it did.
    pub fn change(&mut self, index: ThingIndex, edit: impl FnOnce(&mut Thing)) -> bool {
        let mut thing = (*self.slot(index).thing).clone();
        edit(&mut thing);
        tidy(&mut thing);
        if thing == *self.slot(index).thing {
            return false;
        }
        thing.rev += 1;
        let mut slot = self.unplace(index).expect("the caller holds a valid index");
        let was_ignored = slot.thing.status == ThingStatus::Ignored;
        if !Arc::ptr_eq(&thing.model, &slot.thing.model) {
            thing.model = self.models.share(&thing.model);
            slot.twin.model_changed(&thing.model);
        }
        if thing.status == ThingStatus::Ignored && !was_ignored {
            slot.twin = Twin::new(thing.created, slot.twin.applied());
        }
        let row_was_changed = slot.row_changed;
        let slot = Slot::new(Arc::new(thing), slot.twin);
        // The freed index is on top of the free list, so the slot comes back to its place.
        let index = self.place(slot);
        if !row_was_changed {
            self.changed.push(index);
        }
        true
    }

    /// Where a thing stands.
    pub fn find(&self, id: &ThingId) -> Option<ThingIndex> {
        self.by_id.get(id).copied()
    }

    /// The thing at a valid index.
    pub fn slot(&self, index: ThingIndex) -> &Slot {
        self.slots[index.0 as usize].as_ref().expect("an index is valid until its thing is removed")
    }

    /// The thing at a valid index, to change its twin.
    pub fn slot_mut(&mut self, index: ThingIndex) -> &mut Slot {
        self.slots[index.0 as usize].as_mut().expect("an index is valid until its thing is removed")
    }

    /// A thing by id.
    pub fn get(&self, id: &ThingId) -> Option<&Slot> {
        self.find(id).map(|index| self.slot(index))
    }

    /// A thing by id, to change its twin.
    pub fn get_mut(&mut self, id: &ThingId) -> Option<&mut Slot> {
        self.find(id).map(|index| self.slot_mut(index))
    }

    /// Every thing, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (ThingIndex, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((ThingIndex(at as u32), slot.as_ref()?)))
    }

    /// The things of a status in order of their words, so of title, and then of id; only those after `after`, if given.
    /// Their words come along, so that a search need not look at each thing.
    pub fn by_title(
        &self,
        status: ThingStatus,
        after: Option<(Arc<str>, ThingId)>,
    ) -> impl Iterator<Item = (&Arc<str>, ThingIndex)> {
        let from = match after {
            Some((words, id)) => Bound::Excluded((status, words, Some(id))),
            None => Bound::Included((status, Arc::from(""), None)),
        };
        let range = self.by_title.range((from, Bound::Unbounded));
        range.take_while(move |((of, ..), _)| *of == status).map(|((_, words, _), index)| (words, *index))
    }

    /// Which things are where. What a twin was told since its last [`Registry::chart`] is not on it.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Brings the map up to date with what a thing's twin knows.
    pub fn chart(&mut self, index: ThingIndex) {
        let slot = self.slot(index);
        if slot.tells_location || slot.thing.location.is_some() {
            let mark = slot.mark();
            self.map.put(index, mark);
        }
    }

    /// The things that speak through a gateway.
    pub fn behind(&self, gateway: &ThingId) -> Vec<ThingId> {
        let behind = self.behind.get(gateway).into_iter().flatten();
        behind.map(|index| self.slot(*index).thing.id.clone()).collect()
    }

    /// Whether a place is still used by a thing.
    pub fn stands_in(&self, space: &SpaceId) -> Vec<ThingId> {
        let here = self.iter().filter(|(_, slot)| slot.thing.space.as_ref() == Some(space));
        here.map(|(_, slot)| slot.thing.id.clone()).collect()
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many wait in the inbox.
    pub fn in_inbox(&self) -> usize {
        self.count(ThingStatus::Inbox)
    }

    /// How many have a status.
    pub fn count(&self, status: ThingStatus) -> usize {
        self.counts[status as usize]
    }

    /// The limits it was made with.
    pub fn limits(&self) -> RegistryLimits {
        self.limits
    }

    /// Grows whenever a row changes: what was derived from rows has to be derived again.
    pub fn arrangement(&self) -> u64 {
        self.arrangement
    }

    /// The spaces changed: what was derived from where things stand has to be derived again.
    pub fn rearranged(&mut self) {
        self.arrangement += 1;
    }

    /// The rows that changed and the ids of those that went since the last call: what has to be written down.
    pub fn take_changes(&mut self) -> (Vec<Arc<Thing>>, Vec<ThingId>) {
        let mut rows = Vec::new();
        for index in std::mem::take(&mut self.changed) {
            // The index may be free or another thing's by now.
            if let Some(slot) = self.slots[index.0 as usize].as_mut().filter(|slot| slot.row_changed) {
                slot.row_changed = false;
                rows.push(Arc::clone(&slot.thing));
            }
        }
        (rows, self.removed.drain().collect())
    }

    /// What [`Registry::take_changes`] gave could not be written: it has to be given again.
    pub fn give_back(&mut self, rows: &[Arc<Thing>], removed: Vec<ThingId>) {
        for row in rows {
            if let Some(index) = self.find(&row.id) {
                self.slot_mut(index).row_changed = true;
                self.changed.push(index);
            }
        }
        self.removed.extend(removed.into_iter().filter(|id| !self.by_id.contains_key(id)));
    }

    /// The checkpoints of the twins that changed since the last call.
    pub fn take_checkpoints(&mut self) -> Vec<(ThingId, Checkpoint)> {
        let changed = self.slots.iter_mut().flatten().filter(|slot| slot.twin.changed);
        changed
            .map(|slot| {
                slot.twin.changed = false;
                (slot.thing.id.clone(), slot.twin.checkpoint())
            })
            .collect()
    }

    /// Checkpoints that could not be written have to be given again.
    pub fn give_back_checkpoints(&mut self, things: impl IntoIterator<Item = ThingId>) {
        for thing in things {
            if let Some(slot) = self.get_mut(&thing) {
                slot.twin.changed = true;
            }
        }
    }
}

/// Keeps a row presentable and small, whoever wrote it.
fn tidy(thing: &mut Thing) {
    let trimmed = thing.title.trim();
    let title = if trimmed.is_empty() { thing.id.as_str() } else { trimmed };
    let title = &title[..title.floor_char_boundary(TITLE_BYTES_MAX)];
    if title != thing.title {
        thing.title = title.to_owned();
    }
    let mut seen = HashSet::new();
    thing.tags.retain_mut(|tag| {
        let trimmed = tag.trim();
        let kept = trimmed[..trimmed.floor_char_boundary(TITLE_BYTES_MAX)].to_owned();
        *tag = kept;
        !tag.is_empty() && seen.insert(tag.clone())
    });
    thing.tags.truncate(TAGS_MAX);
}

/// Equal models of many things in one allocation.
#[derive(Debug, Default)]
struct Models {
    by_hash: HashMap<u64, Vec<Weak<ThingModel>>, ahash::RandomState>,
    hasher: RandomState,
    added: usize,
}

impl Models {
    fn share(&mut self, model: &Arc<ThingModel>) -> Arc<ThingModel> {
        let text = serde_json::to_vec(&**model).expect("a model is plain data");
        let same_hash = self.by_hash.entry(self.hasher.hash_one(&text)).or_default();
        same_hash.retain(|weak| weak.strong_count() > 0);
        if let Some(same) = same_hash.iter().filter_map(Weak::upgrade).find(|known| **known == **model) {
            return same;
        }
        same_hash.push(Arc::downgrade(model));
        self.added += 1;
        // Now and then, so that models nobody has any more do not pile up.
        if self.added > 2 * self.by_hash.len().max(1_024) {
            self.by_hash.retain(|_, known| known.iter().any(|weak| weak.strong_count() > 0));
            self.added = self.by_hash.len();
        }
        Arc::clone(model)
    }
}

#[cfg(test)]
mod tests;
