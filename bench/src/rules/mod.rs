//! Rules: the past through many of them, many of them live, and many brought in at once.

mod backtest;
mod engine;
mod import;
mod way;

use crate::report::Report;

/// Measures the rules.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    backtest::measure(if quick { 2_000_000 } else { 10_000_000 }, &mut rows)?;
    engine::measure(quick, &mut rows)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(import::measure(500, &mut rows))?;
    runtime.block_on(way::measure(quick, &mut rows))?;
    Ok(Report::new("rules", rows))
}

/// So much of sorted figures lies below.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}
