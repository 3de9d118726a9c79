//! What people arrange: things, models and spaces. Every change is on disk before it is acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, CauseKind, Coordinates, Space, SpaceId, ThingId, ThingModel};
use store::state::{Change, Table};
use twin::{Origin, SpaceRow, Thing, ThingEdit, ThingStatus};

use crate::error::SiteError;
use crate::publish::Outgoing;
use crate::site::Site;
use crate::things::Things;

/// A thing made by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct NewThing {
    /// Its id.
    pub id: ThingId,
    /// What people call it.
    pub title: Option<String>,
    /// What it can tell and do; inferred from what it says when not given.
    pub model: Option<ThingModel>,
    /// Where it stands.
    pub space: Option<SpaceId>,
    /// Where on the earth it stands.
    pub location: Option<Coordinates>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether there is a body behind it.
    pub origin: Origin,
}

/// Which things of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// These.
    Things(Vec<ThingId>),
}

impl Site {
    /// Makes a thing by hand; it is accepted at once. One that waits in the inbox, or was ignored, is taken from there.
    pub fn create_thing(&self, new: NewThing) -> Result<Arc<Thing>, SiteError> {
        let adapter: Arc<str> = self.adapters.lock().names.first().cloned().unwrap_or_else(|| Arc::from("native"));
        let now = self.clock.now();
        let id = new.id.clone();
        self.change(|things| {
            check_space(things, new.space.as_ref())?;
            if things.registry.get(&id).is_some_and(|slot| slot.thing.status == ThingStatus::Accepted) {
                return Err(twin::RegistryError::Exists(id.clone()).into());
            }
            let applied = things.applied;
            if things.registry.find(&id).is_none() {
                let mut thing = Thing::new(id.clone(), ThingStatus::Accepted, &adapter, now);
                thing.origin = new.origin;
                things.registry.add(thing, applied)?;
            }
            let edit = ThingEdit {
                title: new.title,
                space: new.space.map(Some),
                location: new.location.map(Some),
                tags: Some(new.tags),
                status: Some(ThingStatus::Accepted),
                model: new.model,
            };
            Ok(things.registry.edit(&id, None, edit)?)
        })
    }

    /// Changes a thing as a person wants it. `expected` is the rev it must have.
    pub fn edit_thing(&self, id: &ThingId, expected: Option<i64>, edit: ThingEdit) -> Result<Arc<Thing>, SiteError> {
        self.change(|things| {
            check_space(things, edit.space.as_ref().and_then(Option::as_ref))?;
            Ok(things.registry.edit(id, expected, edit)?)
        })
    }

    /// Accepts things that wait in the inbox, or were ignored when they are named. Without a space, the producer's
    /// suggestion decides, when there is a space of that title. Returns how many there were.
    pub fn accept(&self, selection: &Selection, space: Option<&SpaceId>) -> Result<usize, SiteError> {
        self.change(|things| {
            check_space(things, space)?;
            let ids = selected(things, selection, ThingStatus::Accepted)?;
            for id in &ids {
                let place = space.cloned().or_else(|| suggested(things, id));
                let edit =
                    ThingEdit { status: Some(ThingStatus::Accepted), space: place.map(Some), ..ThingEdit::default() };
                things.registry.edit(id, None, edit)?;
            }
            Ok(ids.len())
        })
    }

    /// Ignores things that wait in the inbox, or were accepted when they are named. Returns how many there were.
    pub fn ignore(&self, selection: &Selection) -> Result<usize, SiteError> {
        self.change(|things| {
            let ids = selected(things, selection, ThingStatus::Ignored)?;
            for id in &ids {
                let edit = ThingEdit { status: Some(ThingStatus::Ignored), ..ThingEdit::default() };
                things.registry.edit(id, None, edit)?;
            }
            Ok(ids.len())
        })
    }

    /// Deletes a thing with everything that was kept of it but the log. If it speaks again it comes back as a new one.
    pub fn remove_thing(&self, id: &ThingId, expected: Option<i64>) -> Result<(), SiteError> {
        let row = self.change(|things| {
            let row = things.forget(id, expected)?;
            // Under the lock: had the thing spoken in between, its new series would go too.
            self.history.remove(id)?;
            Ok(row)
        })?;
        self.clear_retained(&row);
        for adapter in &mut self.adapters.lock().list {
            adapter.forget(id);
        }
        self.mind_forgets(id, self.clock.now());
        Ok(())
    }

    /// Takes back what is retained for or by a thing.
    fn clear_retained(&self, row: &Thing) {
        let Some(publisher) = self.publisher.get() else { return };
        let adapters = self.fresh_adapters();
        let about = |topic: &str| adapters.iter().any(|adapter| adapter.is_about(&row.id, topic));
        for retained in publisher.retained("#").into_iter().filter(|retained| about(&retained.topic)) {
            let cause = Cause::new(CauseKind::System, "manmul");
            let topic = retained.topic.to_string();
            let message = Outgoing { topic, payload: Bytes::new(), qos: 1, retain: true, cause };
            if let Err(error) = self.publish(message) {
                tracing::warn!(%error, "a retained message of a deleted thing stays");
            }
        }
    }

    /// Every model that is known by its id: those that were put, and those that things declared.
    pub fn models(&self) -> Vec<Arc<ThingModel>> {
        let mut models = self.models.read().clone();
        for (_, slot) in self.things.read().registry.iter() {
            let model = &slot.thing.model;
            if !model.inferred && !model.id.is_empty() && !models.contains_key(&model.id) {
                models.insert(model.id.clone(), Arc::clone(model));
            }
        }
        models.into_values().collect()
    }

    /// A model by its id.
    pub fn model(&self, id: &str) -> Result<Arc<ThingModel>, SiteError> {
        if let Some(model) = self.models.read().get(id) {
            return Ok(Arc::clone(model));
        }
        let found = self.models().into_iter().find(|model| model.id == id);
        found.ok_or_else(|| SiteError::UnknownModel(id.to_owned()))
    }

    /// Adds a model to the known ones, or replaces it. Things that have it keep theirs.
    pub fn put_model(&self, model: ThingModel) -> Result<(), SiteError> {
        let change = Change::put(Table::Model, model.id.clone(), Some(model.kind.clone()), &model);
        self.state.commit(vec![change], self.clock.now())?;
        self.models.write().insert(model.id.clone(), Arc::new(model));
        Ok(())
    }

    /// Every space with the number of accepted things that stand in it or within it.
    pub fn spaces(&self) -> Vec<(SpaceRow, usize)> {
        let things = self.things.read();
        let counts = things.counts_by_space();
        things.spaces.iter().map(|row| (row.clone(), counts.get(&row.space.id).copied().unwrap_or(0))).collect()
    }

    /// Adds a space.
    pub fn add_space(&self, space: Space) -> Result<SpaceRow, SiteError> {
        self.change_space(|things| Ok(things.spaces.add(space)?.clone()))
    }

    /// Changes a space. `expected` is the rev it must have.
    pub fn replace_space(&self, space: Space, expected: Option<i64>) -> Result<SpaceRow, SiteError> {
        self.change_space(|things| Ok(things.spaces.replace(space, expected)?.clone()))
    }

    /// Removes a space with nothing within it. Things that stood in it stand in the space around it.
    pub fn remove_space(&self, id: &SpaceId, expected: Option<i64>) -> Result<(), SiteError> {
        self.change(|things| {
            let around = things.spaces.get(id).and_then(|row| row.space.parent.clone());
            things.spaces.remove(id, expected)?;
            for thing in things.registry.stands_in(id) {
                let edit = ThingEdit { space: Some(around.clone()), ..ThingEdit::default() };
                things.registry.edit(&thing, None, edit)?;
            }
            things.registry.rearranged();
            Ok(())
        })?;
        self.state.commit(vec![Change::delete(Table::Space, id.to_string())], self.clock.now())?;
        Ok(())
    }

    fn change_space(
        &self,
        edit: impl FnOnce(&mut Things) -> Result<SpaceRow, SiteError>,
    ) -> Result<SpaceRow, SiteError> {
        let _one = self.keeping.lock();
        let row = {
            let mut things = self.things.write();
            let row = edit(&mut things)?;
            things.registry.rearranged();
            row
        };
        let parent = row.space.parent.as_ref().map(ToString::to_string);
        let change = Change::put(Table::Space, row.space.id.to_string(), parent, &row);
        self.state.commit(vec![change], self.clock.now())?;
        *self.overview.lock() = None;
        Ok(row)
    }

    /// Makes a change and writes it down. A change that the disk did not take is tried again with the next checkpoint.
    fn change<T>(&self, edit: impl FnOnce(&mut Things) -> Result<T, SiteError>) -> Result<T, SiteError> {
        let done = edit(&mut self.things.write())?;
        self.write_rows()?;
        *self.overview.lock() = None;
        Ok(done)
    }
}

fn check_space(things: &Things, space: Option<&SpaceId>) -> Result<(), SiteError> {
    match space {
        Some(space) if things.spaces.get(space).is_none() => Err(SiteError::UnknownSpace(space.clone())),
        _ => Ok(()),
    }
}

/// The things that a selection means and that do not have the status already.
fn selected(things: &Things, selection: &Selection, status: ThingStatus) -> Result<Vec<ThingId>, SiteError> {
    match selection {
        Selection::All => {
            let waiting = things.registry.iter().filter(|(_, slot)| slot.thing.status == ThingStatus::Inbox);
            Ok(waiting.map(|(_, slot)| slot.thing.id.clone()).collect())
        }
        Selection::Things(ids) => {
            if let Some(unknown) = ids.iter().find(|id| things.registry.find(id).is_none()) {
                return Err(twin::RegistryError::Unknown(unknown.clone()).into());
            }
            let other = |id: &&ThingId| things.registry.get(id).is_some_and(|slot| slot.thing.status != status);
            Ok(ids.iter().filter(other).cloned().collect())
        }
    }
}

/// The space that a thing's producer suggests, if there is one of that title.
fn suggested(things: &Things, id: &ThingId) -> Option<SpaceId> {
    let slot = things.registry.get(id)?;
    if slot.thing.space.is_some() {
        return None;
    }
    let title = slot.thing.suggested_space.as_ref()?.to_lowercase();
    let mut rows = things.spaces.iter();
    rows.find(|row| row.space.title.to_lowercase() == title || row.space.id.as_str().to_lowercase() == title)
        .map(|row| row.space.id.clone())
}
