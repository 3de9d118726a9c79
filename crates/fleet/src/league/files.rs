//! Readers of the League's plain-text files. Every error names the line.

use plan::{Cell, Grid, PlanError};

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A line is not what it should be.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The file ends too early.
    #[error("the file ends before {missing}")]
    End {
        /// What was still to come.
        missing: String,
    },
    /// The floor is too large.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

fn fault(line: usize, problem: impl Into<String>) -> FileError {
    FileError::Line { line, problem: problem.into() }
}

/// The rows or columns that a map may have at most.
const SIDE_MAX: usize = 10_000;

/// Reads an octile map: `.`, `E`, `S` and `G` can be stood on, `@`, `T`, `O` and `W` cannot.
pub(crate) fn read_map(text: &str) -> Result<Grid, FileError> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    let mut next = |missing: &str| lines.next().ok_or_else(|| FileError::End { missing: missing.to_owned() });
    let (line, first) = next("the type")?;
    if first.split_whitespace().next() != Some("type") {
        return Err(fault(line, "a map begins with its type, as in `type octile`"));
    }
    let mut size = |word: &str| -> Result<usize, FileError> {
        let (line, text) = next(word)?;
        let number = text.strip_prefix(word).map(str::trim).and_then(|number| number.parse().ok());
        number
            .filter(|number| (1..=SIDE_MAX).contains(number))
            .ok_or_else(|| fault(line, format!("expected `{word}` and a number from 1 to {SIDE_MAX}")))
    };
    let rows = size("height")?;
    let columns = size("width")?;
    let (line, word) = next("the word map")?;
    if word.trim() != "map" {
        return Err(fault(line, "expected the word `map` before the rows"));
    }
    let mut free = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let (line, text) = next(&format!("row {row} of {rows}"))?;
        if text.chars().count() != columns {
            return Err(fault(line, format!("a row of {} cells on a map {columns} wide", text.chars().count())));
        }
        for (column, cell) in text.chars().enumerate() {
            free.push(match cell {
                '.' | 'E' | 'S' | 'G' => true,
                '@' | 'T' | 'O' | 'W' => false,
                other => return Err(fault(line, format!("column {column}: `{other}` is no kind of cell"))),
            });
        }
    }
    Ok(Grid::new(rows, columns, |row, column| free[row * columns + column])?)
}

/// The lines that say something, with their numbers from 1: no comments, nothing empty.
fn content(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn count<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, of: &str) -> Result<usize, FileError> {
    let (line, text) = lines.next().ok_or_else(|| FileError::End { missing: format!("the number of {of}") })?;
    text.parse().map_err(|_| fault(line, format!("`{text}` is not the number of {of}")))
}

/// The cell that a number of the files means: row times columns plus column.
fn place(grid: &Grid, line: usize, text: &str) -> Result<Cell, FileError> {
    let number: usize = text.trim().parse().map_err(|_| fault(line, format!("`{text}` is not a cell")))?;
    if number >= grid.rows() * grid.columns() {
        let (rows, columns) = (grid.rows(), grid.columns());
        return Err(fault(line, format!("cell {number} is outside a map of {rows} rows and {columns} columns")));
    }
    let (row, column) = (number / grid.columns(), number % grid.columns());
    grid.cell(row, column)
        .ok_or_else(|| fault(line, format!("cell {number} (row {row}, column {column}) is an obstacle")))
}

/// Reads where agents start: `team` of them, all on different cells.
pub(crate) fn read_agents(text: &str, grid: &Grid, team: usize) -> Result<Vec<Cell>, FileError> {
    let mut lines = content(text);
    let listed = count(&mut lines, "agents")?;
    if listed < team {
        return Err(FileError::End { missing: format!("agent {} of a team of {team}", listed + 1) });
    }
    let mut line_of = vec![0; grid.len()];
    let mut starts = Vec::new();
    for agent in 0..team {
        let Some((line, text)) = lines.next() else {
            return Err(FileError::End { missing: format!("agent {} of {team}", agent + 1) });
        };
        let cell = place(grid, line, text)?;
        let taken = &mut line_of[cell as usize];
        if *taken != 0 {
            return Err(fault(line, format!("cell {text} is where the agent of line {taken} starts")));
        }
        *taken = line;
        starts.push(cell);
    }
    Ok(starts)
}

/// Reads tasks: one a line, its errands separated by commas.
pub(crate) fn read_tasks(text: &str, grid: &Grid) -> Result<Vec<Vec<Cell>>, FileError> {
    let mut lines = content(text);
    let listed = count(&mut lines, "tasks")?;
    let mut tasks = Vec::new();
    for (line, text) in lines.take(listed) {
        tasks.push(text.split(',').map(|errand| place(grid, line, errand)).collect::<Result<Vec<Cell>, _>>()?);
    }
    if tasks.is_empty() || tasks.len() < listed {
        return Err(FileError::End { missing: format!("task {} of {}", tasks.len() + 1, listed.max(1)) });
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "type octile\nheight 2\nwidth 3\nmap\n.@E\n..S\n";

    #[test]
    fn maps_are_read() {
        let grid = read_map(MAP).unwrap();
        assert_eq!((grid.rows(), grid.columns(), grid.len()), (2, 3, 5));
        assert_eq!(grid.cell(0, 1), None);
    }

    #[test]
    fn what_is_wrong_with_a_map_is_said() {
        let said = |text: &str| read_map(text).unwrap_err().to_string();
        assert_eq!(said(""), "the file ends before the type");
        assert_eq!(said("type octile\nheight x\n"), "line 2: expected `height` and a number from 1 to 10000");
        assert_eq!(said("type octile\nheight 2\nwidth 3\nmap\n...\n"), "the file ends before row 1 of 2");
        assert_eq!(said("type octile\nheight 1\nwidth 3\nmap\n..\n"), "line 5: a row of 2 cells on a map 3 wide");
        assert_eq!(said("type octile\nheight 1\nwidth 3\nmap\n.?.\n"), "line 5: column 1: `?` is no kind of cell");
    }

    #[test]
    fn what_is_wrong_with_agents_and_tasks_is_said() {
        let grid = read_map(MAP).unwrap();
        assert_eq!(read_agents("# version\n2\n0\n5\n", &grid, 2).unwrap().len(), 2);
        let said = |text: &str| read_agents(text, &grid, 2).unwrap_err().to_string();
        assert_eq!(said("2\n0\n0\n"), "line 3: cell 0 is where the agent of line 2 starts");
        assert_eq!(said("2\n0\n1\n"), "line 3: cell 1 (row 0, column 1) is an obstacle");
        assert_eq!(said("2\n0\n6\n"), "line 3: cell 6 is outside a map of 2 rows and 3 columns");
        assert_eq!(said("1\n0\n"), "the file ends before agent 2 of a team of 2");
        assert_eq!(read_tasks("2\n0,2\n3\n", &grid).unwrap(), [vec![0, 1], vec![2]]);
        let said = |text: &str| read_tasks(text, &grid).unwrap_err().to_string();
        assert_eq!(said("1\n0,,2\n"), "line 2: `` is not a cell");
        assert_eq!(said("2\n0\n"), "the file ends before task 2 of 2");
    }
}
