//! Homes: how fast and how well they are planned, and CityLearn's homes under the keeper, beside others in the same run.

mod battery;
mod citylearn;
mod day;
mod emhass;
mod foresight;
mod speed;

use std::path::Path;

use crate::report::{Report, Row};

/// Measures everything; every figure is told as it comes. `citylearn` is the folder of one of its data sets.
pub fn run(quick: bool, citylearn: &Path) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    speed::rows(quick, &mut add)?;
    emhass::rows(quick, &mut add)?;
    citylearn::rows(quick, citylearn, &mut add)?;
    Ok(Report::new("home", rows))
}
