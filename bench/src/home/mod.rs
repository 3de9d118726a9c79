//! Homes: CityLearn's under the keeper, beside its own controllers and beside who knows the future.

mod battery;
mod citylearn;
mod foresight;
mod link;

use std::path::Path;

use crate::report::{Report, Row};

/// Measures everything; every figure is told as it comes. `citylearn` is the folder of one of its data sets.
pub fn run(quick: bool, citylearn: &Path) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    citylearn::rows(quick, citylearn, &mut add)?;
    Ok(Report::new("home", rows))
}
