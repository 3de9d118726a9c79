//! Which things are where: an index that counts cells of the map at every scale, so that a tile costs the same for a
//! hundred things as for a million.

mod grid;
mod layer;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Bounds, Coordinates};

use crate::presence::PresenceState;
use crate::registry::ThingIndex;

pub use grid::{Square, TILE_LEVEL_MAX, TileAddress};
pub use layer::Cluster;

use layer::Layer;

/// The most kinds of things with a count of their own; things of further kinds are only among all.
pub const KINDS_MAX: usize = 256;

/// How many things a tile shows one by one before it shows clusters.
pub const TILE_POINTS_MAX: usize = 1_000;

/// What the map knows of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where it is.
    pub coordinates: Coordinates,
    /// Its kind.
    pub kind: Arc<str>,
    /// Whether it is there.
    pub presence: PresenceState,
}

/// What a tile shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TileContents {
    /// Many things in one.
    pub clusters: Vec<Cluster>,
    /// Single things, and where they are.
    pub things: Vec<(ThingIndex, Coordinates)>,
}

/// The index.
#[derive(Debug, Default)]
pub struct Map {
    marks: Vec<Option<Mark>>,
    all: Layer,
    kinds: BTreeMap<Arc<str>, Layer>,
}

impl Map {
    /// Puts a thing where it is now, or takes it off the map. Costs nothing when nothing changed.
    pub fn put(&mut self, index: ThingIndex, mark: Option<Mark>) {
        let at = index.0 as usize;
        if self.marks.get(at).map_or(mark.is_none(), |known| *known == mark) {
            return;
        }
        if self.marks.len() <= at {
            self.marks.resize(at + 1, None);
        }
        if let Some(old) = self.marks[at].take() {
            self.all.remove(index, &old);
            if let Some(layer) = self.kinds.get_mut(&old.kind) {
                layer.remove(index, &old);
                if layer.is_empty() {
                    self.kinds.remove(&old.kind);
                }
            }
        }
        if let Some(new) = &mark {
            self.all.add(index, new);
            if self.kinds.contains_key(&new.kind) || self.kinds.len() < KINDS_MAX {
                self.kinds.entry(Arc::clone(&new.kind)).or_default().add(index, new);
            }
        }
        self.marks[at] = mark;
    }

    /// Where a thing is.
    pub fn get(&self, index: ThingIndex) -> Option<&Mark> {
        self.marks.get(index.0 as usize)?.as_ref()
    }

    /// How many things are on the map.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A rectangle around all of them, up to 150 m wider; `None` when there are none.
    pub fn bounds(&self) -> Option<Bounds> {
        self.all.bounds()
    }

    /// How many things of each kind are on the map.
    pub fn kinds(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.kinds.iter().map(|(kind, layer)| (kind, layer.len()))
    }

    /// What is on a tile: of one kind, or of all.
    pub fn tile(&self, address: TileAddress, kind: Option<&str>) -> TileContents {
        let layer = match kind {
            Some(kind) => self.kinds.get(kind),
            None => Some(&self.all),
        };
        let Some(layer) = layer else { return TileContents::default() };
        let (clusters, single) = layer.tile(address, TILE_POINTS_MAX);
        TileContents { clusters, things: self.placed(single.into_iter()).collect() }
    }

    /// The things within a rectangle, in no order.
    pub fn within(&self, bounds: Bounds) -> impl Iterator<Item = (ThingIndex, Coordinates)> {
        self.placed(self.all.within(bounds)).filter(move |(_, at)| bounds.contains(*at))
    }

    /// The things nearest to a point, nearest first, with their distances in metres: at most `limit`, and none farther
    /// than `metres_max`.
    pub fn near(&self, point: Coordinates, metres_max: f64, limit: usize) -> Vec<(ThingIndex, f64)> {
        let around = Bounds { south_west: point, north_east: point };
        let mut radius_metres = FIRST_RADIUS_METRES.min(metres_max);
        loop {
            let nearby = self.within(around.widened(radius_metres));
            let mut found: Vec<(ThingIndex, f64)> = nearby
                .map(|(index, at)| (index, at.distance_metres(point)))
                .filter(|(_, far)| *far <= radius_metres)
                .collect();
            if found.len() >= limit || radius_metres >= metres_max {
                found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                found.truncate(limit);
                return found;
            }
            radius_metres = (radius_metres * 2.0).min(metres_max);
        }
    }

    fn placed(&self, things: impl Iterator<Item = ThingIndex>) -> impl Iterator<Item = (ThingIndex, Coordinates)> {
        things.filter_map(|index| Some((index, self.get(index)?.coordinates)))
    }
}

/// How far around a point is looked first.
const FIRST_RADIUS_METRES: f64 = 50.0;

#[cfg(test)]
mod tests;
