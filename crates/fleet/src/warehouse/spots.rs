//! Words for parts of a floor, so that a figure can say where.

use std::collections::BTreeMap;

use plan::Cell;

use super::layout::Ground;
use crate::floor::Point;

/// The side of an area, in cells.
const AREA: usize = 4;
/// How many areas are told at most.
const AREAS_MAX: usize = 12;

/// Figures of cells summed over areas, those of the largest sums, by what people would call the area.
pub(super) fn by_area(ground: &Ground, of_cells: &[f32]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<(usize, usize), (f64, Vec<Cell>)> = BTreeMap::new();
    for (cell, figure) in of_cells.iter().enumerate().filter(|(_, figure)| **figure > 0.0) {
        let (row, column) = ground.view.grid.place(cell as Cell);
        let (sum, cells) = sums.entry((row / AREA, column / AREA)).or_default();
        *sum += f64::from(*figure);
        cells.push(cell as Cell);
    }
    let mut areas: Vec<(usize, usize, f64)> =
        sums.iter().map(|((row, column), (sum, _))| (*row, *column, *sum)).collect();
    areas.sort_by(|a, b| b.2.total_cmp(&a.2));
    areas.truncate(AREAS_MAX);
    let middle = |row: usize, column: usize| {
        let any = ground.network.point(ground.view.node(sums[&(row, column)].1[0]));
        let (any_row, any_column) = ground.view.grid.place(sums[&(row, column)].1[0]);
        let off = |of: usize, place: usize| (of * AREA) as f64 + (AREA as f64 - 1.0) / 2.0 - place as f64;
        let step = ground.view.step_metres;
        Point { x: any.x + off(column, any_column) * step, y: any.y - off(row, any_row) * step }
    };
    areas.into_iter().map(|(row, column, sum)| (words(ground, middle(row, column)), sum)).collect()
}

/// What people would call the middle of some cells.
pub(super) fn around(ground: &Ground, cells: &[Cell]) -> String {
    let points = cells.iter().map(|cell| ground.network.point(ground.view.node(*cell)));
    let (x, y) = points.fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
    let count = cells.len().max(1) as f64;
    words(ground, Point { x: x / count, y: y / count })
}

/// A point by the nearest thing that has a name.
fn words(ground: &Ground, point: Point) -> String {
    let floor = &ground.floor;
    let stations = floor.stations.iter().flat_map(|it| it.nodes.iter().map(|node| (&it.id, node)));
    let storages = floor.storages.iter().map(|it| (&it.id, &it.node));
    let chargers = floor.chargers.iter().map(|it| (&it.id, &it.node));
    let doors = floor.doors.iter().map(|it| (&it.id, &it.a));
    let named = doors.chain(stations).chain(chargers).chain(storages);
    let metres = |node: &String| {
        let there = ground.network.node(node).map(|node| ground.network.point(node));
        there.map_or(f64::INFINITY, |there| (there.x - point.x).hypot(there.y - point.y))
    };
    let nearest = named.map(|(id, node)| (metres(node), id)).min_by(|a, b| a.0.total_cmp(&b.0));
    let at = format!("x {:.1} m, y {:.1} m", point.x, point.y);
    nearest.map_or_else(|| at.clone(), |(_, id)| format!("{id} ({at})"))
}
