//! The score of the Numenta Anomaly Benchmark, as its scorer computes it (github.com/numenta/NAB, nab/sweeper.py and
//! nab/runner.py at ea702d7): each window rewards its earliest detection, each detection outside one costs, and the
//! sum is brought to a scale on which no detection at all is 0 and perfect is 100.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A detection far behind a window counts as a false one in full.
const FAR_BEHIND: f64 = 3.0;
/// The share of a file that is not scored, and the most rows of it.
const PROBATION_SHARE: f64 = 0.15;
const PROBATION_ROWS_MAX: f64 = 750.0;

/// One file: what each row is worth.
#[derive(Debug)]
pub(super) struct File {
    /// CATEGORY/FILE.csv.
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    windows: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    scored: bool,
    window: Option<usize>,
    worth: f64,
}

/// The files of a corpus and their windows.
pub(super) fn corpus(folder: &Path) -> anyhow::Result<Vec<File>> {
    let labels = folder.join("labels/combined_windows.json");
    let text = std::fs::read_to_string(&labels).with_context(|| labels.display().to_string())?;
    let windows: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(&text)?;
    let mut files = Vec::new();
    for (name, windows) in windows {
        let path = folder.join("data").join(&name);
        if path.is_file() {
            let (times, values) = columns(&path, "value")?;
            let rows = rows(&times, &windows).with_context(|| name.clone())?;
            files.push(File { name, values, windows: windows.len(), rows });
        }
    }
    if files.is_empty() {
        bail!(
            "there is no data file in {}\nhint: give a folder with data/ and labels/ of the corpus",
            folder.display()
        );
    }
    Ok(files)
}

/// The results of a detector, one score a row.
pub(super) fn results(folder: &Path, detector: &str, files: &[File]) -> anyhow::Result<Vec<Vec<f64>>> {
    let path = |file: &File| -> PathBuf {
        let (category, name) = file.name.split_once('/').unwrap_or(("", &file.name));
        folder.join(detector).join(category).join(format!("{detector}_{name}"))
    };
    files.iter().map(|file| Ok(columns(&path(file), "anomaly_score")?.1)).collect()
}

fn columns(path: &Path, wanted: &str) -> anyhow::Result<(Vec<String>, Vec<f64>)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = header.iter().position(|name| *name == wanted).with_context(|| format!("no column {wanted}"))?;
    let mut columns = (Vec::new(), Vec::new());
    for line in lines.filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        columns.0.push(cells[0].get(..19).unwrap_or(cells[0]).to_owned());
        columns.1.push(cells.get(place).and_then(|cell| cell.parse().ok()).context("a cell is no number")?);
    }
    Ok(columns)
}

/// From 1 at the left edge of a window over 0 at its right edge to -1 far behind it.
fn sigmoid(position: f64) -> f64 {
    if position > FAR_BEHIND { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

fn rows(times: &[String], windows: &[(String, String)]) -> anyhow::Result<Vec<Row>> {
    let index = |time: &str| times.iter().position(|other| *other == time[..19]).context("a window's edge is no row");
    let edges: Vec<(usize, usize)> =
        windows.iter().map(|(from, to)| Ok((index(from)?, index(to)?))).collect::<anyhow::Result<_>>()?;
    let probation = (PROBATION_SHARE * times.len() as f64).floor().min(PROBATION_ROWS_MAX);
    let worth = |row: usize| {
        if let Some(window) = edges.iter().position(|(from, to)| (*from..=*to).contains(&row)) {
            let (from, to) = edges[window];
            let width = (to - from + 1) as f64;
            (Some(window), sigmoid(-((to - row + 1) as f64) / width) / sigmoid(-1.0))
        } else if let Some((from, to)) = edges.iter().rfind(|(_, to)| *to < row) {
            (None, sigmoid((row - to) as f64 / (to - from) as f64))
        } else {
            (None, -1.0)
        }
    };
    let row = |row: usize| {
        let (window, worth) = worth(row);
        Row { scored: row as f64 >= probation, window, worth }
    };
    Ok((0..times.len()).map(row).collect())
}

/// What a detector gains on one file as its threshold falls.
#[derive(Debug)]
pub(super) struct Curve {
    /// With no detection at all.
    nothing: f64,
    windows: usize,
    /// Threshold and gain, from the highest threshold down.
    steps: Vec<(f64, f64)>,
}

impl Curve {
    /// The curve of these scores where a false detection costs so much.
    pub(super) fn new(file: &File, scores: &[f64], false_cost: f64) -> Self {
        let mut order: Vec<usize> =
            (0..scores.len().min(file.rows.len())).filter(|row| file.rows[*row].scored && scores[*row] > 0.0).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let mut best: BTreeMap<usize, f64> = file
            .rows
            .iter()
            .filter(|row| row.scored)
            .filter_map(|row| row.window)
            .map(|window| (window, -1.0))
            .collect();
        let nothing = -(best.len() as f64);
        let gain = |row: usize| {
            let Row { window, worth, .. } = file.rows[row];
            let Some(best) = window.and_then(|window| best.get_mut(&window)) else { return worth * false_cost };
            let gain = (worth - *best).max(0.0);
            *best += gain;
            gain
        };
        let gains: Vec<f64> = order.iter().copied().map(gain).collect();
        Self { nothing, windows: file.windows, steps: order.iter().map(|row| scores[*row]).zip(gains).collect() }
    }

    /// The score at a threshold.
    pub(super) fn at(&self, threshold: f64) -> f64 {
        let gains = self.steps.iter().take_while(|(score, _)| *score >= threshold).map(|(_, gain)| gain);
        self.nothing + gains.sum::<f64>()
    }
}

/// The threshold that is best for all these files at once.
pub(super) fn fit(curves: &[&Curve]) -> f64 {
    let mut steps: Vec<(f64, f64)> = curves.iter().flat_map(|curve| curve.steps.iter().copied()).collect();
    steps.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut sum, mut best) = (0.0, (1.1, 0.0));
    for (place, (threshold, gain)) in steps.iter().enumerate() {
        sum += gain;
        let last = steps.get(place + 1).is_none_or(|next| next.0 != *threshold);
        if last && sum > best.1 {
            best = (*threshold, sum);
        }
    }
    best.0
}

/// On the scale of the benchmark: 0 for no detection at all, 100 for perfect.
pub(super) fn normalised(curves: &[&Curve], scores: impl Iterator<Item = f64>) -> f64 {
    let nothing: f64 = curves.iter().map(|curve| curve.nothing).sum();
    let perfect: f64 = curves.iter().map(|curve| curve.windows as f64).sum();
    100.0 * (scores.sum::<f64>() - nothing) / (perfect - nothing)
}
