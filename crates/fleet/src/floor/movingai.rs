//! The maps of the movingai benchmark and of the League of Robot Runners.

use super::{Floor, GridGround, Ground, NODES_MAX, Point};

/// Why a text is no map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The lines before the cells are not as they should be.
    #[error(
        "line {line}: expected {expected}, got {got:?}\nhint: a map begins with type octile, height H, width W, map"
    )]
    Head {
        /// Which line, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// A row is too long or too short.
    #[error("line {line}: {got} cells, the width is {width}")]
    Width {
        /// Which line, from 1.
        line: usize,
        /// How many cells it has.
        got: usize,
        /// How many it should have.
        width: usize,
    },
    /// There are too few rows.
    #[error("{got} rows, the height is {height}")]
    Height {
        /// How many there are.
        got: usize,
        /// How many there should be.
        height: usize,
    },
    /// The map is too large.
    #[error("{0} cells, at most {NODES_MAX} are read")]
    Size(usize),
    /// A character means nothing.
    #[error("line {line}: {character:?} is no kind of cell")]
    Character {
        /// Which line, from 1.
        line: usize,
        /// What is there.
        character: char,
    },
    /// The floor is a graph.
    #[error("a map has cells, and this floor has nodes and edges\nhint: export it as LIF")]
    Graph,
}

/// Reads a map; `cell_metres` is the side of a cell.
pub fn import_map(name: &str, text: &str, cell_metres: f64) -> Result<Floor, MapError> {
    let mut lines = text.lines().enumerate();
    let mut head = |expected: &'static str, key: &str| {
        let (index, line) = lines.next().unwrap_or((0, ""));
        let rest = line.trim().strip_prefix(key).map(str::trim);
        rest.map(str::to_owned).ok_or_else(|| MapError::Head { line: index + 1, expected, got: line.to_owned() })
    };
    head("type octile", "type")?;
    let number = |text: String, line| {
        text.parse::<usize>().map_err(|_| MapError::Head { line, expected: "a whole number", got: text })
    };
    let height = number(head("height H", "height")?, 2)?;
    let width = number(head("width W", "width")?, 3)?;
    head("map", "map")?;
    let cells = height.saturating_mul(width);
    if cells > NODES_MAX {
        return Err(MapError::Size(cells));
    }
    let mut rows = Vec::with_capacity(height);
    for (index, line) in lines.take(height) {
        let row = line.trim_end_matches('\r');
        let got = row.chars().count();
        if got != width {
            return Err(MapError::Width { line: index + 1, got, width });
        }
        let unknown = row.chars().find(|c| !GridGround::is_free(*c) && !matches!(c, '@' | 'T' | 'O' | 'W'));
        if let Some(character) = unknown {
            return Err(MapError::Character { line: index + 1, character });
        }
        rows.push(row.to_owned());
    }
    if rows.len() != height {
        return Err(MapError::Height { got: rows.len(), height });
    }
    let ground = GridGround {
        cell_metres,
        lower_left: Point::default(),
        rows,
        speed_limit: None,
        lanes: Vec::new(),
        walls: Vec::new(),
    };
    Ok(Floor::new(name, Ground::Grid(ground)))
}

/// Writes the cells of a floor as a map. Walls, lanes and everything that stands on the floor have no place in it.
pub fn export_map(floor: &Floor) -> Result<String, MapError> {
    let Ground::Grid(ground) = &floor.ground else { return Err(MapError::Graph) };
    let head = format!("type octile\nheight {}\nwidth {}\nmap\n", ground.rows.len(), ground.columns());
    Ok(ground.rows.iter().fold(head, |text, row| text + row + "\n"))
}
