//! The square map that web maps are cut from: spherical Mercator, its cells numbered along a Z-order curve.

use std::f64::consts::PI;
use std::ops::RangeInclusive;

use model::{Bounds, Coordinates};

/// The deepest tile that can be asked for: its side is 15 cm on the ground at the equator.
pub const TILE_LEVEL_MAX: u8 = 28;

/// How many cells of how deep a level a rectangle is looked through by, at most.
const COVER_CELLS_MAX: u32 = 16;

/// Beyond this many degrees from the equator the square map ends.
const LATITUDE_MAX_DEGREES: f64 = 85.051_128_779_806_6;

/// A tile as web maps number them: from the north west corner, 2^level in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileAddress {
    level: u8,
    column: u32,
    row: u32,
}

impl TileAddress {
    /// The tile of a level, column and row; `None` when there is no such tile.
    pub fn new(level: u8, column: u32, row: u32) -> Option<Self> {
        let side = 1_u32.checked_shl(u32::from(level)).filter(|_| level <= TILE_LEVEL_MAX)?;
        (column < side && row < side).then_some(Self { level, column, row })
    }

    /// How deep it lies; 0 is the whole earth.
    pub fn level(self) -> u8 {
        self.level
    }

    /// Where a point lies on the tile, in parts of `extent`, from its upper left corner; beyond the tile's edges too.
    pub fn place(self, point: Square, extent: u32) -> (i32, i32) {
        let along = |at: u32, tile: u32| {
            let corner = i64::from(tile) << (32 - u32::from(self.level));
            (((i64::from(at) - corner) * i64::from(extent)) >> (32 - u32::from(self.level))) as i32
        };
        (along(point.x, self.column), along(point.y, self.row))
    }

    /// The number of the cell that it is.
    pub(super) fn cell(self) -> u64 {
        interleave(self.column, self.row)
    }

    /// The keys of all points on it.
    pub(super) fn keys(self) -> RangeInclusive<u64> {
        keys_of(self.cell(), self.level)
    }

    /// The rectangle that it shows.
    pub fn bounds(self) -> Bounds {
        let side = 1_u64 << (32 - u32::from(self.level));
        let (x, y) = (u64::from(self.column) * side, u64::from(self.row) * side);
        let south_west = Square { x: x as u32, y: (y + side - 1) as u32 }.coordinates();
        let north_east = Square { x: (x + side - 1) as u32, y: y as u32 }.coordinates();
        Bounds { south_west, north_east }
    }
}

/// A point of the square map: 2^32 units from west to east, and from north to south.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    pub(super) x: u32,
    pub(super) y: u32,
}

impl Square {
    /// Where a point of the earth lies on the square map. What lies nearer to a pole than the map goes lies on its edge.
    pub fn of(point: Coordinates) -> Self {
        let latitude = point.latitude().clamp(-LATITUDE_MAX_DEGREES, LATITUDE_MAX_DEGREES).to_radians();
        let units = |share: f64| (share * 4_294_967_296.0).clamp(0.0, 4_294_967_295.0) as u32;
        Self { x: units((point.longitude() + 180.0) / 360.0), y: units((1.0 - latitude.tan().asinh() / PI) / 2.0) }
    }

    /// Where it lies on the earth.
    pub fn coordinates(self) -> Coordinates {
        let share = |units: u32| f64::from(units) / 4_294_967_296.0;
        let latitude = ((1.0 - 2.0 * share(self.y)) * PI).sinh().atan().to_degrees();
        Coordinates::new(share(self.x) * 360.0 - 180.0, latitude).expect("the square map lies on the earth")
    }

    /// Its place along the Z-order curve: the cell at any level is the key without its last bits.
    pub(super) fn key(self) -> u64 {
        interleave(self.x, self.y)
    }
}

/// The number of the cell of a level in which a key lies.
pub(super) fn cell_of(key: u64, level: u8) -> u64 {
    key.checked_shr(64 - 2 * u32::from(level)).unwrap_or(0)
}

/// The keys of all points in a cell.
pub(super) fn keys_of(cell: u64, level: u8) -> RangeInclusive<u64> {
    let bits = 64 - 2 * u32::from(level);
    let first = cell.checked_shl(bits).unwrap_or(0);
    first..=first | u64::MAX.checked_shr(64 - bits).unwrap_or(0)
}

/// The key ranges of the few cells that cover a rectangle.
pub(super) fn cover(bounds: Bounds) -> Vec<RangeInclusive<u64>> {
    // The square map runs from north to south.
    let low = Square::of(
        Coordinates::new(bounds.south_west.longitude(), bounds.north_east.latitude()).unwrap_or(bounds.south_west),
    );
    let high = Square::of(
        Coordinates::new(bounds.north_east.longitude(), bounds.south_west.latitude()).unwrap_or(bounds.north_east),
    );
    let cells = |level: u8| {
        let shift = 32 - u32::from(level);
        let of = |units: u32| units.checked_shr(shift).unwrap_or(0);
        (of(low.x)..=of(high.x), of(low.y)..=of(high.y))
    };
    let count = |range: &RangeInclusive<u32>| range.end() - range.start() + 1;
    let is_small = |level: &u8| {
        let (columns, rows) = cells(*level);
        u64::from(count(&columns)) * u64::from(count(&rows)) <= u64::from(COVER_CELLS_MAX)
    };
    let level = (0..=TILE_LEVEL_MAX).rev().find(is_small).unwrap_or(0);
    let (columns, rows) = cells(level);
    let numbers = columns.flat_map(|column| rows.clone().map(move |row| interleave(column, row)));
    numbers.map(|cell| keys_of(cell, level)).collect()
}

/// Every other bit from each of two numbers; the row's is the higher one of a pair.
fn interleave(column: u32, row: u32) -> u64 {
    spread(column) | (spread(row) << 1)
}

/// The bits of a number with a zero between each two.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    bits = (bits | (bits << 16)) & 0x0000_ffff_0000_ffff;
    bits = (bits | (bits << 8)) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | (bits << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | (bits << 2)) & 0x3333_3333_3333_3333;
    (bits | (bits << 1)) & 0x5555_5555_5555_5555
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tiles_are_numbered_as_everywhere() {
        // The tile of level 14 with Cologne cathedral, by the formula of the OpenStreetMap wiki ("Slippy map tilenames").
        let point = Coordinates::new(6.958_3, 50.941_3).unwrap();
        let square = Square::of(point);
        let (column, row) = (square.x >> 18, square.y >> 18);
        assert_eq!((column, row), (8508, 5489));
        let tile = TileAddress::new(14, column, row).unwrap();
        assert!(tile.bounds().contains(point));
        assert!(tile.keys().contains(&square.key()));
        let (x, y) = tile.place(square, 4_096);
        assert!((0..4_096).contains(&x) && (0..4_096).contains(&y), "{x}, {y}");
        assert_eq!(TileAddress::new(3, 8, 0), None);
        assert_eq!(TileAddress::new(0, 0, 0).unwrap().keys(), 0..=u64::MAX);
    }

    proptest! {
        #[test]
        fn a_point_comes_back(longitude in -180.0..180.0, latitude in -85.0..85.0) {
            let point = Coordinates::new(longitude, latitude).unwrap();
            prop_assert!(Square::of(point).coordinates().distance_metres(point) < 0.05);
        }

        #[test]
        fn a_rectangle_is_covered_by_few_cells(west in -179.0..179.0, south in -84.0..84.0,
                                              width in 0.0..1.0, height in 0.0..1.0, x in 0.0..1.0, y in 0.0..1.0) {
            let corner = |longitude, latitude| Coordinates::new(longitude, latitude).unwrap();
            let bounds = Bounds { south_west: corner(west, south), north_east: corner(west + width, south + height) };
            let inside = corner(west + x * width, south + y * height);
            let cover = cover(bounds);
            prop_assert!(cover.len() <= COVER_CELLS_MAX as usize);
            let key = Square::of(inside).key();
            prop_assert!(cover.iter().any(|keys| keys.contains(&key)));
        }
    }
}
