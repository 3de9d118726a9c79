//! Forecasts of homes' loads and solar generation a day ahead, beside "as yesterday" and "as a week ago".
//!
//! The homes are CityLearn's, one file each. Two of them were looked at while the models were made; they are left out here.
//! Only the past of each series is used: the set's weather is of another year than its solar generation, so it says nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use learn::forecast::{Forecaster, Settings};
use model::Timestamp;

use crate::report::{Row, Target};

/// The homes that the models were designed on.
const DESIGNED_ON: [&str; 2] = ["Building_1", "Building_2"];
/// What is forecast, and the columns' names.
const SERIES: [(&str, &str); 2] = [("load", "non_shiftable_load"), ("solar generation", "solar_generation")];
const LEVELS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const DAY: usize = 24;
const WEEK: usize = 7 * DAY;
/// So much is seen before the first forecast is compared.
const WARM_UP: usize = 28 * DAY;

/// The sums over all forecasts of one series.
#[derive(Default)]
struct Sums {
    forecasts: f64,
    ours: f64,
    day: f64,
    week: f64,
    pinball: f64,
    /// The naive ones, with quantiles of their own errors of the last four weeks at that time of the day.
    naive_pinball: [f64; 2],
    within: f64,
    spent: Duration,
    updates: u32,
}

/// The table's rows. `quick` takes a third of the year.
pub(super) fn rows(quick: bool, directory: &Path) -> anyhow::Result<Vec<Row>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_table = path.extension().is_some_and(|extension| extension == "csv");
            is_table && name.starts_with("Building_") && !DESIGNED_ON.contains(&name.as_str())
        })
        .collect();
    files.sort();
    ensure!(!files.is_empty(), "there is no Building_N.csv in {}", directory.display());
    let mut rows = Vec::new();
    let (mut spent, mut updates) = (Duration::ZERO, 0);
    for (name, column) in SERIES {
        let mut all = Vec::new();
        for file in &files {
            let mut values = read(file, column)?;
            if quick {
                values.truncate(values.len() / 3);
            }
            if values.iter().any(|value| *value != 0.0) {
                all.push(forecast(&values));
            }
        }
        let homes = all.len() as f64;
        let mean = |figure: &dyn Fn(&Sums) -> f64| all.iter().map(figure).sum::<f64>() / homes;
        let naive = |sums: &Sums| sums.day.min(sums.week);
        let naive_pinball = |sums: &Sums| sums.naive_pinball[0].min(sums.naive_pinball[1]);
        let peer = "better of daily and weekly naive";
        let what = format!("{name}, 24 h ahead, {homes} homes");
        rows.push(Row::beside(
            format!("{what}: MASE"),
            "",
            mean(&|sums| sums.ours / sums.day),
            peer,
            mean(&|sums| naive(sums) / sums.day),
            Target::RatioAtMost(0.8),
        ));
        rows.push(Row::beside(
            format!("{what}: pinball, in daily naive errors"),
            "",
            mean(&|sums| sums.pinball / sums.day),
            peer,
            mean(&|sums| naive(sums) / 2.0 / sums.day),
            Target::RatioAtMost(0.8),
        ));
        rows.push(Row::beside(
            format!("{what}: pinball beside naive with quantiles of its errors"),
            "",
            mean(&|sums| sums.pinball / sums.day),
            peer,
            mean(&|sums| naive_pinball(sums) / sums.day),
            Target::None,
        ));
        rows.push(Row::absolute(
            format!("{what}: values within the band of 80 %"),
            "%",
            100.0 * mean(&|sums| sums.within / sums.forecasts),
            Target::None,
        ));
        spent += all.iter().map(|sums| sums.spent).sum::<Duration>();
        updates += all.iter().map(|sums| sums.updates).sum::<u32>();
    }
    rows.push(Row::absolute(
        "a sample and a forecast of 24 h with 9 quantiles",
        "µs",
        spent.as_secs_f64() * 1e6 / f64::from(updates.max(1)),
        Target::AtMost(1_000.0),
    ));
    Ok(rows)
}

/// One column of a file of comma-separated values.
fn read(file: &Path, column: &str) -> anyhow::Result<Vec<f64>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let at = head
        .split(',')
        .position(|name| name == column)
        .with_context(|| format!("{} has no column {column}", file.display()))?;
    lines
        .map(|line| {
            let field = line.split(',').nth(at).unwrap_or_default();
            field.parse().with_context(|| format!("{field:?} in {} is not a number", file.display()))
        })
        .collect()
}

fn pinball(quantile: f64, came: f64, level: f64) -> f64 {
    let over = came - quantile;
    if over >= 0.0 { level * over } else { (level - 1.0) * over }
}

/// Feeds a series hour by hour and forecasts the next day at every hour.
fn forecast(values: &[f64]) -> Sums {
    let at = |hour: usize| Timestamp::from_seconds(1_600_000_000 / 3_600 * 3_600 + hour as i64 * 3_600);
    let mut forecaster = Forecaster::new(Settings::default());
    let mut sums = Sums::default();
    for hour in 0..values.len() {
        let start = Instant::now();
        forecaster.observe(at(hour), values[hour], &[]);
        forecaster.advance(at(hour + 1));
        let forecast = forecaster.forecast(DAY, &LEVELS);
        sums.spent += start.elapsed();
        sums.updates += 1;
        let Some(forecast) = forecast.filter(|_| hour >= WARM_UP + WEEK && hour + DAY < values.len()) else { continue };
        for ahead in 1..=DAY {
            let came = values[hour + ahead];
            sums.forecasts += 1.0;
            sums.ours += (forecast.median[ahead - 1] - came).abs();
            for (level, row) in LEVELS.iter().zip(&forecast.quantiles) {
                sums.pinball += pinball(row[ahead - 1], came, *level) / LEVELS.len() as f64;
            }
            let band = forecast.quantiles[0][ahead - 1]..=forecast.quantiles[LEVELS.len() - 1][ahead - 1];
            sums.within += f64::from(u8::from(band.contains(&came)));
            let naive = [DAY, WEEK].map(|season| values[hour + ahead - season]);
            sums.day += (naive[0] - came).abs();
            sums.week += (naive[1] - came).abs();
            for (which, season) in [DAY, WEEK].into_iter().enumerate() {
                let mut errors: Vec<f64> = (1..=WARM_UP / DAY)
                    .map(|day| hour + ahead - day * DAY)
                    .filter_map(|past| Some(values[past] - values[past.checked_sub(season)?]))
                    .collect();
                errors.sort_by(f64::total_cmp);
                for level in LEVELS {
                    let error = errors[(level * (errors.len() - 1) as f64).round() as usize];
                    sums.naive_pinball[which] += pinball(naive[which] + error, came, level) / LEVELS.len() as f64;
                }
            }
        }
    }
    sums
}
