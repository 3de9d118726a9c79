//! The index answers as a plain list would, at every scale.

use proptest::prelude::*;

use super::grid::Square;
use super::*;

fn at(longitude: f64, latitude: f64) -> Coordinates {
    Coordinates::new(longitude, latitude).unwrap()
}

fn mark(coordinates: Coordinates, presence: PresenceState) -> Mark {
    Mark { coordinates, kind: Arc::from("light"), presence }
}

/// The tile of a level on which a point lies.
fn tile_at(level: u8, point: Coordinates) -> TileAddress {
    let Square { x, y } = Square::of(point);
    let shift = |units: u32| units.checked_shr(32 - u32::from(level)).unwrap_or(0);
    TileAddress::new(level, shift(x), shift(y)).unwrap()
}

/// `count` lights in rows of 100, 10 m apart.
fn rows_of_lights(count: u32) -> Map {
    let mut map = Map::default();
    for number in 0..count {
        let (column, row) = (f64::from(number % 100), f64::from(number / 100));
        let presence = if number % 10 == 0 { PresenceState::Offline } else { PresenceState::Online };
        map.put(ThingIndex(number), Some(mark(at(7.0 + column * 0.000_14, 51.0 + row * 0.000_09), presence)));
    }
    map
}

#[test]
fn a_tile_shows_things_one_by_one_or_as_clusters_that_add_up() {
    let map = rows_of_lights(5_000);
    for level in [0, 9, 12, 13, 14, 15] {
        let contents = map.tile(tile_at(level, at(7.005, 51.002)), None);
        assert!(contents.clusters.len() <= 256, "level {level}");
        if level <= 12 {
            let sums = |of: fn(&Cluster) -> u32| contents.clusters.iter().map(of).sum::<u32>();
            let alone = contents.things.len() as u32;
            assert_eq!(sums(|cluster| cluster.things) + alone, 5_000, "level {level}");
            assert!(sums(|cluster| cluster.offline) <= 500);
        }
    }
    let close = map.tile(tile_at(18, at(7.005, 51.002)), None);
    assert!(close.clusters.is_empty());
    assert!(!close.things.is_empty() && close.things.len() <= TILE_POINTS_MAX);
    assert_eq!(map.tile(tile_at(0, at(7.0, 51.0)), Some("meter")), TileContents::default());
}

#[test]
fn many_things_in_one_place_are_one_cluster_at_every_depth() {
    let mut map = Map::default();
    for number in 0..=TILE_POINTS_MAX as u32 {
        map.put(ThingIndex(number), Some(mark(at(7.0, 51.0), PresenceState::Online)));
    }
    for level in 0..=TILE_LEVEL_MAX {
        let contents = map.tile(tile_at(level, at(7.0, 51.0)), Some("light"));
        let counts: Vec<u32> = contents.clusters.iter().map(|cluster| cluster.things).collect();
        assert_eq!((counts, contents.things.len()), (vec![TILE_POINTS_MAX as u32 + 1], 0), "level {level}");
    }
}

proptest! {
    /// Whatever things come, move, change and go: the index answers as a plain list would.
    #[test]
    fn the_index_answers_as_a_list_would(
        changes in proptest::collection::vec((0_u32..40, proptest::option::of((0.0..0.02, 0.0..0.02, 0..3_usize))), 1..120),
        (west, south, width, height) in (0.0..0.02, 0.0..0.02, 0.0..0.01, 0.0..0.01),
        (x, y, metres, limit) in (0.0..0.02, 0.0..0.02, 1.0..3_000.0, 1_usize..20),
    ) {
        let mut map = Map::default();
        let mut list: BTreeMap<ThingIndex, Mark> = BTreeMap::new();
        for (number, place) in changes {
            let presence = |number: usize| [PresenceState::Online, PresenceState::Offline, PresenceState::Unknown][number];
            let new = place.map(|(east, north, state)| mark(at(7.0 + east, 51.0 + north), presence(state)));
            map.put(ThingIndex(number), new.clone());
            match new {
                Some(new) => list.insert(ThingIndex(number), new),
                None => list.remove(&ThingIndex(number)),
            };
        }
        prop_assert_eq!(map.len(), list.len());

        let bounds = Bounds { south_west: at(7.0 + west, 51.0 + south), north_east: at(7.0 + west + width, 51.0 + south + height) };
        let mut within: Vec<ThingIndex> = map.within(bounds).map(|(index, _)| index).collect();
        within.sort_unstable();
        let listed: Vec<ThingIndex> =
            list.iter().filter(|(_, mark)| bounds.contains(mark.coordinates)).map(|(index, _)| *index).collect();
        prop_assert_eq!(within, listed);

        let point = at(7.0 + x, 51.0 + y);
        let near: Vec<ThingIndex> = map.near(point, metres, limit).into_iter().map(|(index, _)| index).collect();
        let mut listed: Vec<(f64, ThingIndex)> =
            list.iter().map(|(index, mark)| (mark.coordinates.distance_metres(point), *index)).collect();
        listed.retain(|(far, _)| *far <= metres);
        listed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let listed: Vec<ThingIndex> = listed.into_iter().take(limit).map(|(_, index)| index).collect();
        prop_assert_eq!(near, listed);

        let offline = list.values().filter(|mark| mark.presence == PresenceState::Offline).count() as u32;
        let whole = map.tile(tile_at(0, point), None);
        prop_assert_eq!(whole.things.len(), list.len());
        prop_assert_eq!(map.all.counted_everywhere(), (list.len() as u32, offline));
    }
}
