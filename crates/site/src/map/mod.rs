//! The map: which things are where, what a tile shows, and sums by space.

pub mod import;

use std::collections::HashMap;
use std::sync::Arc;

use model::{Bounds, Coordinates, Geometry, Name, SpaceId, ThingId};
use twin::{PresenceState, Slot, SpaceRow, ThingStatus, TileAddress};

use crate::overview::{Headline, Level, attention_of};
use crate::query::{ThingSummary, headlines, summarise};
use crate::site::Site;
use crate::things::Things;

/// The most things of one answer.
pub const FOUND_MAX: usize = 500;

/// How many things one question looks at before it gives up and says so.
pub const LOOKED_AT_MAX: usize = 200_000;

/// The longest way from a point or a line that can be asked for, in metres.
pub const DISTANCE_METRES_MAX: f64 = 100_000.0;

/// Where things are looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Where {
    /// In a rectangle.
    Within(Bounds),
    /// Inside a shape.
    Inside(Arc<Geometry>),
    /// Around a point.
    Near {
        /// Of which point.
        point: Coordinates,
        /// How far away at most, in metres.
        metres_max: f64,
    },
    /// Beside a line or a shape, or inside it.
    Along {
        /// Of what.
        geometry: Arc<Geometry>,
        /// How far away at most, in metres.
        metres_max: f64,
    },
}

impl Where {
    /// A rectangle around all of it.
    fn bounds(&self) -> Bounds {
        match self {
            Self::Within(bounds) => *bounds,
            Self::Inside(geometry) => geometry.bounds(),
            Self::Near { point, metres_max } => Bounds { south_west: *point, north_east: *point }.widened(*metres_max),
            Self::Along { geometry, metres_max } => geometry.bounds().widened(*metres_max),
        }
    }

    /// How far a point is from it, in metres: 0 within a rectangle or inside a shape, `None` when it does not lie there.
    pub fn distance_metres(&self, at: Coordinates) -> Option<f64> {
        match self {
            Self::Within(bounds) => bounds.contains(at).then_some(0.0),
            Self::Inside(geometry) => geometry.contains(at).then_some(0.0),
            Self::Near { point, metres_max } => Some(point.distance_metres(at)).filter(|far| far <= metres_max),
            Self::Along { geometry, metres_max } => Some(geometry.distance_metres(at)).filter(|far| far <= metres_max),
        }
    }
}

/// A thing that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The thing.
    pub summary: ThingSummary,
    /// How far away, where that was asked, in metres.
    pub distance_metres: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPage {
    /// Nearest first where distances were asked for, else in order of id.
    pub items: Vec<Found>,
    /// How many fit; more than `items` when the limit cut them off.
    pub total: usize,
    /// False when there were more than [`LOOKED_AT_MAX`] things to look at, and the rest was left out.
    pub complete: bool,
}

/// A thing on a tile.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPoint {
    /// Which.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// Whether it is there.
    pub presence: PresenceState,
    /// Where it is.
    pub location: Coordinates,
    /// How much it wants attention.
    pub level: Option<Level>,
    /// The value that stands for it.
    pub headline: Option<Headline>,
}

/// What a tile shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MapTile {
    /// Many things in one.
    pub clusters: Vec<twin::Cluster>,
    /// Single things.
    pub points: Vec<MapPoint>,
}

/// What there is on the map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapSummary {
    /// The rectangle around everything on it; `None` when nothing is.
    pub bounds: Option<Bounds>,
    /// How many things are on it.
    pub things: usize,
    /// How many accepted things are not.
    pub elsewhere: usize,
    /// How many of each kind, the most first.
    pub kinds: Vec<(Arc<str>, usize)>,
}

/// The sums of a property over the things of a space and of those within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollUp {
    /// How many things told it.
    pub things: usize,
    /// The sum of what they told.
    pub sum: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl RollUp {
    fn of(value: f64) -> Self {
        Self { things: 1, sum: value, least: value, most: value }
    }

    fn add(&mut self, other: Self) {
        self.things += other.things;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> f64 {
        self.sum / self.things as f64
    }
}

impl Site {
    /// What there is on the map.
    pub fn map_summary(&self) -> MapSummary {
        let things = self.things.read();
        let map = things.registry.map();
        let mut kinds: Vec<(Arc<str>, usize)> = map.kinds().map(|(kind, count)| (Arc::clone(kind), count)).collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let shapes = things.spaces.iter().filter_map(|row| row.space.geometry.as_ref()).map(|shape| shape.bounds());
        let corners = shapes.chain(map.bounds()).flat_map(|bounds| [bounds.south_west, bounds.north_east]);
        let elsewhere = things.registry.count(ThingStatus::Accepted).saturating_sub(map.len());
        MapSummary { bounds: Bounds::around(corners), things: map.len(), elsewhere, kinds }
    }

    /// What a tile shows: things of one kind, or of all.
    pub fn map_tile(&self, address: TileAddress, kind: Option<&str>) -> MapTile {
        let things = self.things.read();
        let contents = things.registry.map().tile(address, kind);
        let (now, book) = (self.clock.now(), self.mind.book.lock());
        let point = |(index, location)| {
            let slot = things.registry.slot(index);
            MapPoint {
                thing: slot.thing.id.clone(),
                title: slot.thing.title.clone(),
                kind: slot.thing.kind().to_owned(),
                presence: slot.twin.presence().state,
                location,
                level: attention_of(slot, now, &book).map(|attention| attention.level),
                headline: headlines(slot, 1).pop(),
            }
        };
        MapTile { clusters: contents.clusters, points: contents.things.into_iter().map(point).collect() }
    }

    /// The things at a place, of one kind or of all; at most `limit`, and never more than [`FOUND_MAX`].
    pub fn find_on_map(&self, place: &Where, kind: Option<&str>, limit: usize) -> FoundPage {
        let things = self.things.read();
        let (mut found, complete) = things.find_on_map(place, kind);
        let is_by_distance = matches!(place, Where::Near { .. } | Where::Along { .. });
        if is_by_distance {
            found.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.thing.id.cmp(&b.0.thing.id)));
        } else {
            found.sort_by(|a, b| a.0.thing.id.cmp(&b.0.thing.id));
        }
        let book = self.mind.book.lock();
        let shown = found.iter().take(limit.min(FOUND_MAX));
        let items = shown.map(|(slot, distance)| Found {
            summary: summarise(slot, &book),
            distance_metres: is_by_distance.then_some(*distance),
        });
        FoundPage { items: items.collect(), total: found.len(), complete }
    }

    /// The spaces that have a shape, each with how many accepted things stand in it or within it, and how many of them
    /// are there.
    pub fn spaces_on_map(&self) -> Vec<(SpaceRow, usize, usize)> {
        let overview = self.overview();
        let on_map = overview.spaces.iter().filter(|space| space.space.space.geometry.is_some());
        on_map.map(|space| (space.space.clone(), space.things, space.online)).collect()
    }

    /// What the things of a kind, or of all, tell of a property now, summed up by space; a space takes in what is within
    /// it. Values that cannot be trusted are left out.
    pub fn roll_up(&self, name: &Name, kind: Option<&str>) -> HashMap<SpaceId, RollUp> {
        let things = self.things.read();
        let mut direct: HashMap<&SpaceId, RollUp> = HashMap::new();
        let root = &things.spaces.root().space.id;
        for (_, slot) in things.registry.iter().filter(|(_, slot)| is_wanted(slot, kind)) {
            let reported = slot.twin.properties().iter().find(|reported| reported.name == *name);
            let good = reported.filter(|reported| reported.quality == model::Quality::Good);
            let Some(value) = good.and_then(|reported| reported.value.as_f64()) else { continue };
            let here = RollUp::of(value);
            let space = slot.thing.space.as_ref().unwrap_or(root);
            direct.entry(space).and_modify(|sums| sums.add(here)).or_insert(here);
        }
        let mut sums: HashMap<SpaceId, RollUp> = HashMap::new();
        for (space, here) in direct {
            for around in things.spaces.path(space) {
                sums.entry(around.clone()).and_modify(|sums| sums.add(here)).or_insert(here);
            }
        }
        sums
    }
}

fn is_wanted(slot: &Slot, kind: Option<&str>) -> bool {
    slot.thing.status == ThingStatus::Accepted && kind.is_none_or(|kind| slot.thing.kind() == kind)
}

impl Things {
    /// What is at a place, with distances, and whether everything was looked at.
    fn find_on_map(&self, place: &Where, kind: Option<&str>) -> (Vec<(&Slot, f64)>, bool) {
        let mut looked_at = 0;
        let mut found = Vec::new();
        for (index, at) in self.registry.map().within(place.bounds()) {
            looked_at += 1;
            if looked_at > LOOKED_AT_MAX {
                return (found, false);
            }
            let slot = self.registry.slot(index);
            if is_wanted(slot, kind)
                && let Some(distance) = place.distance_metres(at)
            {
                found.push((slot, distance));
            }
        }
        (found, true)
    }
}
