//! The first page: what there is where, what it says, and what wants attention.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{Name, PropertyModel, SpaceId, ThingId, Timestamp, Unit, Value};
use twin::{PresenceState, Reported, Slot, SpaceRow, ThingStatus};

use crate::mind::{Book, InsightSeverity, InsightState};
use crate::query::headlines;
use crate::site::Site;
use crate::things::Things;

/// The most rows of the attention list; the worst come first.
pub const ATTENTION_MAX: usize = 100;

/// The most values shown of a space.
pub const SPACE_HEADLINES_MAX: usize = 6;

/// How old an overview may be: many pages show it, and it looks at every thing.
const OVERVIEW_AGE_MAX: Duration = Duration::from_millis(500);

/// How long ago something that was not understood still wants attention.
const DIAGNOSTIC_AGE_MAX: Duration = Duration::from_hours(1);

/// A value that stands for a thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// Whose.
    pub thing: ThingId,
    /// What people call the thing.
    pub thing_title: String,
    /// Which property.
    pub name: Name,
    /// What people call the property.
    pub title: String,
    /// What is so.
    pub value: Value,
    /// In which unit.
    pub unit: Option<Unit>,
    /// Digits after the point that are worth showing.
    pub decimals: Option<u8>,
    /// Whether it can be written.
    pub writable: bool,
    /// Since when.
    pub time: Timestamp,
}

impl Headline {
    pub(crate) fn of(slot: &Slot, reported: &Reported, property: Option<&PropertyModel>) -> Self {
        let title = property.map(|property| property.title.as_str()).filter(|title| !title.is_empty());
        Self {
            thing: slot.thing.id.clone(),
            thing_title: slot.thing.title.clone(),
            name: reported.name.clone(),
            title: title.unwrap_or(reported.name.as_str()).to_owned(),
            value: reported.value.clone(),
            unit: property.and_then(|property| property.unit.clone()),
            decimals: property.and_then(|property| property.decimals),
            writable: property.is_some_and(|property| property.writable),
            time: reported.time,
        }
    }
}

/// How much something wants attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A fault.
    Red,
    /// Worth a look.
    Amber,
}

/// Something that wants attention.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Of which thing.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub space: Option<SpaceId>,
    /// What is the matter.
    pub text: String,
    /// How much.
    pub level: Level,
}

/// One space.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceOverview {
    /// Which.
    pub space: SpaceRow,
    /// Accepted things in it or within it.
    pub things: usize,
    /// Those of them that are there.
    pub online: usize,
    /// What wants attention in it, not within it.
    pub attention: Vec<Attention>,
    /// The values that stand for it.
    pub headline: Vec<Headline>,
}

/// The sums.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Accepted things.
    pub things: usize,
    /// Those of them that are there.
    pub online: usize,
    /// Things that wait in the inbox.
    pub inbox: usize,
    /// Records a second, about.
    pub records_per_second: f64,
    /// Times that something could not be understood.
    pub undecodable: u64,
    /// Findings that nobody has looked at.
    pub insights_open: usize,
}

/// The first page.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// When it was made.
    pub time: Timestamp,
    /// Every space, in order of id.
    pub spaces: Vec<SpaceOverview>,
    /// The sums.
    pub totals: Totals,
    /// What wants attention, the worst first; at most [`ATTENTION_MAX`].
    pub attention: Vec<Attention>,
}

impl Site {
    /// The first page, at most half a second old.
    pub fn overview(&self) -> Arc<Overview> {
        let now = self.clock.now();
        let mut kept = self.overview.lock();
        if let Some(overview) = &*kept
            && now >= overview.time
            && now.since(overview.time) < OVERVIEW_AGE_MAX
        {
            return Arc::clone(overview);
        }
        let records_per_second =
            self.fold.lock().records_per_second(self.counters.records.load(Ordering::Relaxed), now);
        let undecodable = self.counters.diagnostics.load(Ordering::Relaxed);
        let overview =
            Arc::new(self.things.read().overview(now, records_per_second, undecodable, &self.mind.book.lock()));
        *kept = Some(Arc::clone(&overview));
        overview
    }
}

/// What stands in one space, not within it.
#[derive(Default)]
struct Here {
    things: usize,
    online: usize,
    headline: Vec<Headline>,
    attention: Vec<Attention>,
}

impl Things {
    fn overview(&self, now: Timestamp, records_per_second: f64, undecodable: u64, book: &Book) -> Overview {
        let root = &self.spaces.root().space.id;
        let mut here: HashMap<&SpaceId, Here> = HashMap::new();
        let mut attention: Vec<Attention> = Vec::new();
        let accepted = self.registry.iter().filter(|(_, slot)| slot.thing.status == ThingStatus::Accepted);
        for (_, slot) in accepted {
            let here = here.entry(slot.thing.space.as_ref().unwrap_or(root)).or_default();
            here.things += 1;
            here.online += usize::from(slot.twin.presence().state == PresenceState::Online);
            if here.headline.len() < SPACE_HEADLINES_MAX {
                here.headline.extend(headlines(slot, 1));
            }
            attention.extend(attention_of(slot, now, book));
        }
        let mut within: HashMap<&SpaceId, (usize, usize)> = HashMap::new();
        for (space, here) in &here {
            for around in self.spaces.path(space) {
                let (things, online) = within.entry(around).or_default();
                *things += here.things;
                *online += here.online;
            }
        }
        let sums = |space: &SpaceId| within.get(space).copied().unwrap_or_default();
        attention.sort_by_key(|attention| attention.level);
        for one in &attention {
            let shown = self.spaces.get(one.space.as_ref().unwrap_or(root)).map(|row| &row.space.id);
            if let Some(here) = shown.and_then(|space| here.get_mut(space))
                && here.attention.len() < ATTENTION_MAX
            {
                here.attention.push(one.clone());
            }
        }
        let mut spaces: Vec<SpaceOverview> = Vec::new();
        for space in self.spaces.iter() {
            let id = &space.space.id;
            let (things, online) = sums(id);
            let Here { attention, headline, .. } = here.remove(id).unwrap_or_default();
            spaces.push(SpaceOverview { space: space.clone(), things, online, attention, headline });
        }
        attention.truncate(ATTENTION_MAX);
        let (things, online) = sums(root);
        let (inbox, insights_open) = (self.registry.in_inbox(), book.open_count());
        let totals = Totals { things, online, inbox, records_per_second, undecodable, insights_open };
        Overview { time: now, spaces, totals, attention }
    }
}

/// What is the matter with a thing: the worst of it.
pub(crate) fn attention_of(slot: &Slot, now: Timestamp, book: &Book) -> Option<Attention> {
    let presence = slot.twin.presence();
    let attention = |text: String, level: Level| Attention {
        thing: slot.thing.id.clone(),
        title: slot.thing.title.clone(),
        space: slot.thing.space.clone(),
        text,
        level,
    };
    if let Some(wrong) = slot.twin.bad().find(|reported| reported.value != Value::Null) {
        return Some(attention(format!("{} cannot be trusted: {}", wrong.name, wrong.value), Level::Red));
    }
    let open = book.of(&slot.thing.id).filter(|insight| insight.state == InsightState::Open);
    let worst =
        open.filter(|insight| insight.severity > InsightSeverity::Notice).max_by_key(|insight| insight.severity);
    if let Some(worst) = worst {
        let level = if worst.severity == InsightSeverity::Alarm { Level::Red } else { Level::Amber };
        return Some(attention(worst.words.clone(), level));
    }
    if let Some(unknown) = slot.twin.bad().next() {
        return Some(attention(format!("{} is not known any more", unknown.name), Level::Amber));
    }
    if presence.state == PresenceState::Offline {
        let reason = if presence.reason.is_empty() { "" } else { ": " };
        return Some(attention(format!("offline{reason}{}", presence.reason), Level::Amber));
    }
    let recent = |count: &&twin::DiagnosticCount| now.since(count.last) < DIAGNOSTIC_AGE_MAX;
    let diagnostics = slot.twin.diagnostics()?.iter().map(|(_, count)| count);
    let newest = diagnostics.filter(recent).max_by_key(|count| count.last)?;
    Some(attention(newest.detail.clone(), Level::Amber))
}
