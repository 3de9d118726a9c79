//! Homes: how fast and how well they are planned, and CityLearn's homes under the keeper, beside others in the same run.

mod battery;
mod citylearn;
mod day;
mod emhass;
mod foresight;
mod kept;
mod speed;

use std::path::PathBuf;

use crate::report::{Report, Row};

/// Measures everything, or only some parts; every figure is told as it comes. `citylearn` are the folders of its data sets.
pub fn run(quick: bool, citylearn: &[PathBuf], only: &[String]) -> anyhow::Result<Report> {
    const PARTS: [&str; 3] = ["speed", "emhass", "citylearn"];
    if let Some(unknown) = only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        anyhow::bail!("there is no part {unknown}\nhint: one of {}", PARTS.join(", "));
    }
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| only == part);
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    if wanted("speed") {
        speed::rows(quick, &mut add)?;
    }
    if wanted("emhass") {
        emhass::rows(quick, &mut add)?;
    }
    if wanted("citylearn") {
        citylearn.iter().try_for_each(|folder| citylearn::rows(quick, folder, &mut add))?;
    }
    Ok(Report::new("home", rows))
}
