//! Robots: the League of Robot Runners' instances beside the best known results, and warehouses in figures.

mod league;
mod soak;
mod warehouse;

use std::path::Path;

use crate::report::{Report, Row};

/// The share of each instance's steps that is run.
const SHARE: f64 = 0.05;

/// The same when there is little time.
const SHARE_QUICK: f64 = 0.01;

/// Runs a fault soak of so many virtual hours and tells what it came to.
pub fn soak(hours: f64) -> Report {
    Report::new("fleet-soak", soak::rows(hours))
}

/// Measures everything; every figure is told as it comes. `instances` is the folder of League rounds; shortened runs are compared with as many steps of the best
/// solutions known. `only` names instances beside which nothing else is measured.
pub fn run(quick: bool, instances: &Path, share: Option<f64>, only: &[String]) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    let share = share.unwrap_or(if quick { SHARE_QUICK } else { SHARE });
    if only.is_empty() {
        warehouse::rows(quick, &mut add)?;
        league::rows(instances, share, quick, &mut add)?;
    } else {
        league::only(instances, share, only, &mut add)?;
    }
    Ok(Report::new("fleet", rows))
}
