//! Orders from a table: `time,from,to,priority,due`, columns in any order, and every fault with its row and column.

use std::collections::HashMap;

use model::Timestamp;
use serde::Serialize;

use super::Wanted;

/// The most rows of a table.
pub const ROWS_MAX: usize = 50_000;

/// The most faults that are told.
const ERRORS_MAX: usize = 200;

/// The columns that are known; the first names are those of this program, others what exports call the same.
const COLUMNS: &[(&str, &[&str])] = &[
    ("id", &["id", "order", "order_id", "order id"]),
    ("time", &["time", "second", "not_before", "release", "release_time", "start"]),
    ("from", &["from", "source", "origin", "pickup", "pick"]),
    ("to", &["to", "target", "destination", "dropoff", "drop"]),
    ("priority", &["priority", "prio"]),
    ("due", &["due", "deadline", "due_time", "due time"]),
];

/// The columns of a table without a head.
const USUAL: [&str; 5] = ["time", "from", "to", "priority", "due"];

/// Something wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RowError {
    /// The line of the file, from 1.
    pub row: usize,
    /// The column's name; empty when it is about the whole row.
    pub column: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl RowError {
    /// A fault of a row.
    pub fn new(row: usize, column: &str, problem: impl Into<String>, hint: &str) -> Self {
        Self { row, column: column.to_owned(), problem: problem.into(), hint: hint.to_owned() }
    }
}

/// A row that can be read: its line, its id if it has one, and what is wanted.
pub type Row = (usize, Option<String>, Wanted);

/// Reads a table. Rows that are wrong are told and left out.
pub fn read_csv(text: &str) -> (Vec<Row>, Vec<RowError>) {
    read_csv_with(text, &Timestamp::parse)
}

/// The same where moments are written otherwise.
pub(crate) fn read_csv_with(text: &str, moment: &dyn Fn(&str) -> Option<Timestamp>) -> (Vec<Row>, Vec<RowError>) {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    let mut lines = records(text).peekable();
    let Some((line, first)) = lines.peek() else {
        errors.push(RowError::new(1, "", "the table is empty", "give rows of time, from, to, priority and due"));
        return (rows, errors);
    };
    let columns = match head(*line, first, &mut errors) {
        Some(columns) => {
            lines.next();
            columns
        }
        None => USUAL.iter().enumerate().map(|(at, name)| (*name, at)).collect(),
    };
    for (line, fields) in lines {
        if errors.len() >= ERRORS_MAX {
            errors.push(RowError::new(line, "", "further rows were not looked at", "put the first ones right"));
            break;
        }
        if rows.len() >= ROWS_MAX {
            let problem = format!("there are more than {ROWS_MAX} rows");
            errors.push(RowError::new(line, "", problem, "import them in parts"));
            break;
        }
        rows.extend(row(line, &fields, &columns, moment, &mut errors));
    }
    (rows, errors)
}

/// The columns by name, if the first row names them.
fn head(line: usize, fields: &[String], errors: &mut Vec<RowError>) -> Option<HashMap<&'static str, usize>> {
    let name_of = |field: &String| {
        let plain = field.trim().trim_start_matches('\u{feff}').to_ascii_lowercase();
        COLUMNS.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(name, _)| *name)
    };
    let names: Vec<Option<&'static str>> = fields.iter().map(name_of).collect();
    let known = names.iter().flatten().count();
    if !(names.contains(&Some("from")) && names.contains(&Some("to"))) && known < 2 {
        return None;
    }
    let mut columns = HashMap::new();
    for (at, name) in names.into_iter().enumerate() {
        let Some(name) = name else { continue };
        if columns.insert(name, at).is_some() {
            errors.push(RowError::new(line, name, "there are two columns of this name", "leave one out"));
        }
    }
    for needed in ["from", "to"] {
        if !columns.contains_key(needed) {
            errors.push(RowError::new(line, needed, "there is no such column", "name the columns in the first row"));
        }
    }
    Some(columns)
}

fn row(
    line: usize,
    fields: &[String],
    columns: &HashMap<&'static str, usize>,
    read_moment: &dyn Fn(&str) -> Option<Timestamp>,
    errors: &mut Vec<RowError>,
) -> Option<Row> {
    let faults = errors.len();
    let get = |name: &str| columns.get(name).and_then(|at| fields.get(*at)).map(|text| text.trim()).unwrap_or_default();
    let mut fault = |column: &str, problem: String, hint: &str| errors.push(RowError::new(line, column, problem, hint));
    for name in ["from", "to"] {
        if get(name).is_empty() && columns.contains_key(name) {
            fault(name, "it is empty".to_owned(), "name a station or storage of the floor");
        }
    }
    let mut moment = |name: &str| {
        let text = get(name);
        let moment = read_moment(text);
        if !text.is_empty() && moment.is_none() {
            fault(name, format!("{text:?} is no time"), "write it like 2026-01-31T08:30:00Z");
        }
        moment
    };
    let (not_before, due) = (moment("time"), moment("due"));
    let priority = match get("priority") {
        "" => 0,
        text => text.parse().ok().filter(|priority| *priority <= super::PRIORITY_MAX).unwrap_or_else(|| {
            fault("priority", format!("{text:?} is no priority"), "use 0 to 9");
            0
        }),
    };
    let id = Some(get("id")).filter(|id| !id.is_empty()).map(str::to_owned);
    let wanted = Wanted { from: get("from").to_owned(), to: get("to").to_owned(), priority, due, not_before };
    (errors.len() == faults && !wanted.from.is_empty() && !wanted.to.is_empty()).then_some((line, id, wanted))
}

/// The rows with their lines: fields between commas, semicolons or tabs, whichever the first line has, in quotes where
/// they hold such. Empty lines are left out.
fn records(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let first = text.lines().next().unwrap_or_default();
    let separator = [';', '\t'].into_iter().find(|it| first.contains(*it) && !first.contains(',')).unwrap_or(',');
    let mut characters = text.chars().peekable();
    let mut line = 1;
    std::iter::from_fn(move || {
        loop {
            characters.peek()?;
            let begin = line;
            let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
            while let Some(character) = characters.next() {
                line += usize::from(character == '\n');
                match character {
                    '"' if is_quoted && characters.peek() == Some(&'"') => {
                        characters.next();
                        field.push('"');
                    }
                    '"' if is_quoted || field.trim().is_empty() => is_quoted = !is_quoted,
                    _ if is_quoted => field.push(character),
                    '\n' => break,
                    '\r' => {}
                    _ if character == separator => fields.push(std::mem::take(&mut field)),
                    _ => field.push(character),
                }
            }
            fields.push(field);
            if fields.iter().any(|field| !field.trim().is_empty()) {
                return Some((begin, fields));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From, to and priority of a row.
    type Row = (String, String, u8);

    /// The rows of a text, and the places of what is wrong with others.
    fn read(text: &str) -> (Vec<Row>, Vec<(usize, String)>) {
        let (rows, errors) = read_csv(text);
        let rows = rows.into_iter().map(|(_, _, it)| (it.from, it.to, it.priority)).collect();
        (rows, errors.into_iter().map(|it| (it.row, it.column)).collect())
    }

    #[test]
    fn columns_stand_in_any_order_or_in_the_usual_one() {
        let one = vec![("a".to_owned(), "b, c".to_owned(), 3)];
        assert_eq!(read("\u{feff}To;from ;Prio\r\n\"b, c\";a;3\r\n"), (one.clone(), vec![]));
        assert_eq!(read("2026-01-31T08:30:00Z,a,\"b, c\",3,\n\n"), (one, vec![]));
        let (rows, _) = read_csv("time,from,to,priority,due\n,a,b,,2026-01-31T08:30:00+01:00\n");
        assert_eq!(rows[0].2.due, Timestamp::parse("2026-01-31T07:30:00Z"));
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "from,to,priority,due\na,b,1,\n\n,b,12,soon\n\"a\nb\",c,0,\n\"x\"\"y\",,0,\n";
        let (rows, errors) = read(text);
        assert_eq!(rows, [("a".into(), "b".into(), 1), ("a\nb".into(), "c".into(), 0)]);
        let places: Vec<(usize, &str)> = errors.iter().map(|(row, column)| (*row, column.as_str())).collect();
        assert_eq!(places, [(4, "from"), (4, "due"), (4, "priority"), (7, "to")]);
        assert_eq!(read("").1, [(1, String::new())]);
        assert_eq!(read("from,priority\na,1\n").1, [(1, "to".to_owned())]);
    }

    #[test]
    fn a_table_without_end_is_read_to_its_limit() {
        let text = "a,b,c\n".repeat(ROWS_MAX + 1_000);
        let (rows, errors) = read_csv(&text.replace("a,b,c", ",b,c"));
        assert_eq!((rows.len(), errors.len()), (ROWS_MAX, 1));
        let (_, errors) = read_csv(&text);
        assert_eq!(errors.len(), ERRORS_MAX + 1);
    }
}
