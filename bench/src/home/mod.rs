//! Homes: how fast and how well they are planned, beside others in the same run.

mod day;
mod emhass;
mod speed;

use crate::report::{Report, Row};

/// Measures everything; every figure is told as it comes.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    speed::rows(quick, &mut add)?;
    emhass::rows(quick, &mut add)?;
    Ok(Report::new("home", rows))
}
