//! Lists and pages of things.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use memchr::memmem;
use model::{Coordinates, DataType, Name, PropertyModel, PropertyRole, SpaceId, ThingId, Timestamp, Unit, Value};
use twin::{Desired, DiagnosticCount, Diagnostics, Presence, PresenceState, Reported, Slot, Thing, ThingStatus};

use crate::mind::{Book, Health, HealthLevel, health};
use crate::overview::Headline;
use crate::site::Site;

/// The most rows of one page.
pub const PAGE_MAX: usize = 500;

/// How many values stand for a thing in a list.
pub const HEADLINES_MAX: usize = 3;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThingSort {
    /// Title, then id.
    #[default]
    Title,
    /// Last heard first.
    LastSeen,
    /// Offline, unknown, online; then title.
    Presence,
}

/// Which things; `None` is any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThingQuery {
    /// Words, all of which appear in the title, id, kind or tags.
    pub search: Option<String>,
    /// In this space or within it.
    pub space: Option<SpaceId>,
    /// With this tag.
    pub tag: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// With this presence.
    pub presence: Option<PresenceState>,
    /// With this status; accepted ones when not given.
    pub status: Option<ThingStatus>,
    /// Of this adapter.
    pub adapter: Option<String>,
    /// In this order.
    pub sort: ThingSort,
    /// From after the last row of the page before.
    pub cursor: Option<String>,
    /// So many rows further on.
    pub offset: usize,
    /// How many; at most [`PAGE_MAX`].
    pub limit: usize,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page goes on; `None` at the end.
    pub next_cursor: Option<String>,
    /// How many rows there are on all pages.
    pub total: usize,
}

/// A thing in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ThingSummary {
    /// The registry's row.
    pub thing: Arc<Thing>,
    /// Whether it is there.
    pub presence: Presence,
    /// When it last said anything.
    pub last_seen: Option<Timestamp>,
    /// Where on the earth it is.
    pub location: Option<Coordinates>,
    /// At most [`HEADLINES_MAX`] values that stand for it.
    pub primary: Vec<Headline>,
    /// How well it is; `None` before it has said anything.
    pub health: Option<Health>,
}

/// A thing with everything that is known of it now.
#[derive(Debug, Clone, PartialEq)]
pub struct ThingDetail {
    /// As in a list.
    pub summary: ThingSummary,
    /// What it reports, with units.
    pub properties: Vec<(Reported, Option<Unit>)>,
    /// What is desired of it.
    pub desired: Vec<(Name, Desired)>,
    /// What is desired and not so.
    pub delta: Vec<(Name, Value)>,
    /// The things that speak through it.
    pub sub_things: Vec<ThingId>,
    /// What was not understood.
    pub diagnostics: Vec<(Arc<str>, DiagnosticCount)>,
}

pub(crate) fn summarise(slot: &Slot, book: &Book) -> ThingSummary {
    let (health, _) = health(slot, book.of(&slot.thing.id));
    ThingSummary {
        thing: Arc::clone(&slot.thing),
        presence: slot.twin.presence().clone(),
        last_seen: slot.twin.last_seen(),
        location: slot.location(),
        primary: headlines(slot, HEADLINES_MAX),
        health: (health.level != HealthLevel::Unknown).then_some(health),
    }
}

/// The values that stand for a thing: its primary properties, or those that are not diagnostic; a person's first
/// question is answered first.
pub(crate) fn headlines(slot: &Slot, limit: usize) -> Vec<Headline> {
    let properties = &slot.thing.model.properties;
    let of_role = |wanted: PropertyRole| {
        let reported = slot.twin.properties().iter().filter(|reported| !matches!(reported.value, Value::Json(_)));
        let of_model = reported.map(|reported| (reported, properties.get(&reported.name)));
        of_model.filter(move |(_, model)| model.map_or(PropertyRole::Normal, |model| model.role) == wanted)
    };
    let mut found: Vec<(&Reported, Option<&PropertyModel>)> = of_role(PropertyRole::Primary).collect();
    if found.is_empty() {
        found = of_role(PropertyRole::Normal).collect();
    }
    found.sort_by_key(|(_, model)| model.map_or(Standing::Other, Standing::of));
    found.into_iter().take(limit).map(|(reported, model)| Headline::of(slot, reported, model)).collect()
}

/// How well a property stands for its thing, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// A switch: a light is on or off before it is bright.
    Switch,
    /// One of the named states of a machine.
    State,
    /// The air.
    Air,
    /// The temperature.
    Temperature,
    /// What else is measured.
    Measured,
    /// What was counted until now.
    Counted,
    /// Text, and what is so or not.
    Other,
    /// A wish: what it is comes before what it shall be.
    Setting,
}

impl Standing {
    fn of(model: &PropertyModel) -> Self {
        match (model.data_type, model.unit.as_ref().map(Unit::as_str)) {
            (DataType::Boolean, _) if model.writable => Self::Switch,
            _ if model.writable => Self::Setting,
            (DataType::String, _) if !model.choices.is_empty() => Self::State,
            (DataType::Integer | DataType::Number, unit) => match unit {
                Some("ppm") => Self::Air,
                Some("°C" | "°F") => Self::Temperature,
                Some("Wh" | "kWh" | "MWh" | "L" | "m³") => Self::Counted,
                _ => Self::Measured,
            },
            _ => Self::Other,
        }
    }
}

/// Where a thing stands in a list.
type Key = (i64, Arc<str>, ThingId);

fn key(slot: &Slot, sort: ThingSort) -> Key {
    (rank(slot, sort), Arc::clone(slot.words()), slot.thing.id.clone())
}

/// What comes before the title.
fn rank(slot: &Slot, sort: ThingSort) -> i64 {
    match sort {
        ThingSort::Title => 0,
        ThingSort::LastSeen => slot.twin.last_seen().map_or(i64::MAX, |seen| i64::MAX - 1 - seen.0.max(0)),
        ThingSort::Presence => match slot.twin.presence().state {
            PresenceState::Offline => 0,
            PresenceState::Unknown => 1,
            PresenceState::Online => 2,
        },
    }
}

fn write_cursor(key: &Key) -> String {
    serde_json::to_string(&(key.0, &*key.1, &key.2)).expect("plain data is JSON")
}

fn read_cursor(cursor: &str) -> Option<Key> {
    let (first, title, id): (i64, String, ThingId) = serde_json::from_str(cursor).ok()?;
    Some((first, title.into(), id))
}

/// A query with its words and spaces looked up.
struct Wanted<'a> {
    query: &'a ThingQuery,
    words: Vec<memmem::Finder<'static>>,
    spaces: Option<HashSet<SpaceId>>,
}

/// What finds the words of a search, ready to look through many texts.
fn finders(search: &str) -> Vec<memmem::Finder<'static>> {
    search.split_whitespace().map(|word| memmem::Finder::new(&word.to_lowercase()).into_owned()).collect()
}

impl Wanted<'_> {
    /// Whether every thing of the status is wanted.
    fn is_all(&self) -> bool {
        let ThingQuery { presence, kind, adapter, tag, .. } = self.query;
        let nothing_else = self.spaces.is_none() && presence.is_none() && self.words.is_empty();
        nothing_else && kind.is_none() && adapter.is_none() && tag.is_none()
    }

    fn has_words(&self, words: &str) -> bool {
        self.words.iter().all(|word| word.find(words.as_bytes()).is_some())
    }

    fn matches(&self, slot: &Slot) -> bool {
        let (thing, query) = (&slot.thing, self.query);
        query.presence.is_none_or(|presence| slot.twin.presence().state == presence)
            && query.kind.as_ref().is_none_or(|kind| thing.kind() == kind)
            && query.adapter.as_ref().is_none_or(|adapter| *thing.adapter == **adapter)
            && query.tag.as_ref().is_none_or(|tag| thing.tags.contains(tag))
            && self.spaces.as_ref().is_none_or(|spaces| thing.space.as_ref().is_some_and(|at| spaces.contains(at)))
    }
}

impl Site {
    /// A page of the things that match.
    pub fn things(&self, query: &ThingQuery) -> Page<ThingSummary> {
        let things = self.things.read();
        let root = &things.spaces.root().space.id;
        let wanted = Wanted {
            query,
            words: finders(query.search.as_deref().unwrap_or_default()),
            // Everything is within the root, also what stands nowhere in particular.
            spaces: query.space.as_ref().filter(|space| *space != root).map(|space| things.spaces.within(space)),
        };
        let status = query.status.unwrap_or(ThingStatus::Accepted);
        let limit = query.limit.clamp(1, PAGE_MAX);
        let after = query.cursor.as_deref().and_then(read_cursor);
        let registry = &things.registry;
        let (mut page, total): (Vec<&Slot>, usize) = if wanted.is_all() && query.sort == ThingSort::Title {
            let rest = registry.by_title(status, after.map(|(_, words, id)| (words, id)));
            let rest = rest.skip(query.offset).take(limit + 1);
            (rest.map(|(_, index)| registry.slot(index)).collect(), registry.count(status))
        } else {
            let found = registry.by_title(status, None).filter(|(words, _)| wanted.has_words(words));
            let found = found.map(|(_, index)| registry.slot(index)).filter(|slot| wanted.matches(slot));
            let mut found: Vec<(i64, &Slot)> = found.map(|slot| (rank(slot, query.sort), slot)).collect();
            // They come in order of title, which a stable sort keeps among equals.
            found.sort_by_key(|(rank, _)| *rank);
            let start = after.map_or(0, |after| found.partition_point(|(_, slot)| key(slot, query.sort) <= after));
            let rest = found[start..].iter().skip(query.offset).take(limit + 1);
            (rest.map(|(_, slot)| *slot).collect(), found.len())
        };
        let more = page.len() > limit;
        page.truncate(limit);
        let book = self.mind.book.lock();
        Page {
            items: page.iter().map(|slot| summarise(slot, &book)).collect(),
            next_cursor: page.last().filter(|_| more).map(|slot| write_cursor(&key(slot, query.sort))),
            total,
        }
    }

    /// The kinds of the accepted things; the empty one when nobody knows it of some.
    pub fn kinds(&self) -> BTreeSet<String> {
        let things = self.things.read();
        let accepted = things.registry.iter().filter(|(_, slot)| slot.thing.status == ThingStatus::Accepted);
        accepted.map(|(_, slot)| slot.thing.kind().to_owned()).collect()
    }

    /// A thing with everything that is known of it now.
    pub fn thing(&self, id: &ThingId) -> Option<ThingDetail> {
        let things = self.things.read();
        let slot = things.registry.get(id)?;
        let model = &slot.thing.model;
        let unit = |name: &Name| model.properties.get(name).and_then(|property| property.unit.clone());
        let twin = &slot.twin;
        let diagnostics = twin.diagnostics().into_iter().flat_map(Diagnostics::iter);
        Some(ThingDetail {
            summary: summarise(slot, &self.mind.book.lock()),
            properties: twin.properties().iter().map(|property| (property.clone(), unit(&property.name))).collect(),
            desired: twin.desired().iter().map(|(name, desired)| (name.clone(), desired.clone())).collect(),
            delta: twin.delta(model).map(|(name, desired)| (name.clone(), desired.value.clone())).collect(),
            sub_things: things.registry.behind(id),
            diagnostics: diagnostics.map(|(code, count)| (Arc::clone(code), count.clone())).collect(),
        })
    }

    /// The registry's row of a thing.
    pub fn thing_row(&self, id: &ThingId) -> Option<Arc<Thing>> {
        self.things.read().registry.get(id).map(|slot| Arc::clone(&slot.thing))
    }
}
