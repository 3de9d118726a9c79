//! The things of one kind, or of all kinds, in order along the curve, and counted by cells.

use std::collections::{BTreeSet, HashMap};

use model::{Bounds, Coordinates};

use super::Mark;
use super::grid::{Square, TileAddress, cell_of, cover, keys_of};
use crate::presence::PresenceState;
use crate::registry::ThingIndex;

/// The deepest level at which cells are counted as things come and go; deeper ones are counted when they are asked for.
const COUNTED_LEVEL_MAX: u8 = 18;

/// Only every so many levels are counted: a tile in between shows larger clusters.
const COUNTED_LEVEL_STEP: u8 = 2;

/// How many levels deeper than a tile its clusters are cells: at most 16 in each direction.
const CLUSTER_LEVELS: u8 = 4;

/// Things that are shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Amid them.
    pub middle: Square,
    /// How many there are.
    pub things: u32,
    /// How many of them are not there.
    pub offline: u32,
}

/// The sums of a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    things: u32,
    offline: u32,
    x: u64,
    y: u64,
}

impl Sums {
    fn add(&mut self, at: Square, is_offline: bool) {
        self.things += 1;
        self.offline += u32::from(is_offline);
        self.x += u64::from(at.x);
        self.y += u64::from(at.y);
    }

    fn remove(&mut self, at: Square, is_offline: bool) {
        self.things -= 1;
        self.offline -= u32::from(is_offline);
        self.x -= u64::from(at.x);
        self.y -= u64::from(at.y);
    }

    fn cluster(self) -> Cluster {
        let mean = |sum: u64| (sum / u64::from(self.things.max(1))) as u32;
        Cluster { middle: Square { x: mean(self.x), y: mean(self.y) }, things: self.things, offline: self.offline }
    }
}

type Cells = HashMap<u64, Sums, ahash::RandomState>;

#[derive(Debug, Default)]
pub(super) struct Layer {
    ordered: BTreeSet<(u64, ThingIndex, bool)>,
    /// By level, 0 and every second one after it.
    levels: [Cells; (COUNTED_LEVEL_MAX / COUNTED_LEVEL_STEP + 1) as usize],
}

fn parts(mark: &Mark) -> (Square, bool) {
    (Square::of(mark.coordinates), mark.presence == PresenceState::Offline)
}

impl Layer {
    pub(super) fn add(&mut self, index: ThingIndex, mark: &Mark) {
        let (at, is_offline) = parts(mark);
        self.ordered.insert((at.key(), index, is_offline));
        for (step, cells) in self.levels.iter_mut().enumerate() {
            cells.entry(cell_of(at.key(), step as u8 * COUNTED_LEVEL_STEP)).or_default().add(at, is_offline);
        }
    }

    pub(super) fn remove(&mut self, index: ThingIndex, mark: &Mark) {
        let (at, is_offline) = parts(mark);
        self.ordered.remove(&(at.key(), index, is_offline));
        for (step, cells) in self.levels.iter_mut().enumerate() {
            let cell = cell_of(at.key(), step as u8 * COUNTED_LEVEL_STEP);
            if let Some(sums) = cells.get_mut(&cell) {
                sums.remove(at, is_offline);
                if sums.things == 0 {
                    cells.remove(&cell);
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ordered.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    /// A rectangle around the deepest cells that are counted.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let cells = self.levels.last()?.keys();
        let corners = cells.flat_map(|cell| {
            let keys = keys_of(*cell, COUNTED_LEVEL_MAX);
            [Square::from_key(*keys.start()), Square::from_key(*keys.end())]
        });
        Bounds::around(corners.map(Square::coordinates))
    }

    /// The things in the cells that cover a rectangle: some of them lie beyond its edges.
    pub(super) fn within(&self, bounds: Bounds) -> impl Iterator<Item = ThingIndex> {
        let ranges = cover(bounds).into_iter();
        ranges.flat_map(|keys| self.keyed(keys)).map(|(_, index, _)| *index)
    }

    fn keyed(&self, keys: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = &(u64, ThingIndex, bool)> {
        let from = (*keys.start(), ThingIndex(0), false);
        self.ordered.range(from..=(*keys.end(), ThingIndex(u32::MAX), true))
    }

    /// The clusters of a tile, and the things on it that stand alone or are few enough to be shown one by one.
    pub(super) fn tile(&self, address: TileAddress, points_max: usize) -> (Vec<Cluster>, Vec<ThingIndex>) {
        let few: Vec<ThingIndex> =
            self.keyed(address.keys()).take(points_max + 1).map(|(_, index, _)| *index).collect();
        if few.len() <= points_max {
            return (Vec::new(), few);
        }
        let level = (address.level() + CLUSTER_LEVELS) / COUNTED_LEVEL_STEP * COUNTED_LEVEL_STEP;
        let cells: Vec<(u64, Sums)> = match self.levels.get(usize::from(level / COUNTED_LEVEL_STEP)) {
            Some(cells) => {
                let deeper = 2 * u32::from(level - address.level());
                let first = address.cell() << deeper;
                (first..first + (1 << deeper)).filter_map(|cell| Some((cell, *cells.get(&cell)?))).collect()
            }
            None => self.count(address, level),
        };
        let (alone, many): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(_, sums)| sums.things == 1);
        let alone = alone.into_iter().filter_map(|(cell, _)| {
            let (_, index, _) = self.keyed(keys_of(cell, level)).next()?;
            Some(*index)
        });
        (many.into_iter().map(|(_, sums)| sums.cluster()).collect(), alone.collect())
    }

    /// Things and those offline, as every counted level has them.
    #[cfg(test)]
    pub(super) fn counted_everywhere(&self) -> (u32, u32) {
        let sums = self.levels.iter().map(|cells| {
            cells.values().fold((0, 0), |(things, offline), sums| (things + sums.things, offline + sums.offline))
        });
        let sums: BTreeSet<(u32, u32)> = sums.collect();
        assert_eq!(sums.len(), 1, "levels differ: {sums:?}");
        sums.into_iter().next().unwrap_or_default()
    }

    /// The cells of a deep level on a tile, counted now.
    fn count(&self, address: TileAddress, level: u8) -> Vec<(u64, Sums)> {
        let mut cells: Vec<(u64, Sums)> = Vec::new();
        // In order along the curve, the things of a cell come one after another.
        for (key, _, is_offline) in self.keyed(address.keys()) {
            let cell = cell_of(*key, level);
            if cells.last().is_none_or(|(last, _)| *last != cell) {
                cells.push((cell, Sums::default()));
            }
            if let Some((_, sums)) = cells.last_mut() {
                sums.add(Square::from_key(*key), *is_offline);
            }
        }
        cells
    }
}

impl Square {
    fn from_key(key: u64) -> Self {
        let gather = |key: u64| {
            let mut bits = key & 0x5555_5555_5555_5555;
            bits = (bits | (bits >> 1)) & 0x3333_3333_3333_3333;
            bits = (bits | (bits >> 2)) & 0x0f0f_0f0f_0f0f_0f0f;
            bits = (bits | (bits >> 4)) & 0x00ff_00ff_00ff_00ff;
            bits = (bits | (bits >> 8)) & 0x0000_ffff_0000_ffff;
            ((bits | (bits >> 16)) & 0x0000_0000_ffff_ffff) as u32
        };
        Self { x: gather(key), y: gather(key >> 1) }
    }
}

impl From<Cluster> for Coordinates {
    fn from(cluster: Cluster) -> Self {
        cluster.middle.coordinates()
    }
}
