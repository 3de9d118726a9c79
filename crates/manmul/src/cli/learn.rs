//! `learn`: what the detectors make of files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use learn::anomaly::Detector;
use model::Timestamp;
use store::files;

use super::{say, tell};

/// The name that results are written under.
const DETECTOR: &str = "manmul";

/// The share of a file that a detector may learn from before it is scored, and the most rows of it: rules of the
/// Numenta Anomaly Benchmark.
const PROBATION_SHARE: f64 = 0.15;
const PROBATION_ROWS_MAX: usize = 750;

/// See what the detectors make of files
#[derive(Debug, Args)]
pub(super) struct Learn {
    #[command(subcommand)]
    command: LearnCommand,
}

#[derive(Debug, Subcommand)]
enum LearnCommand {
    /// Write result files of the Numenta Anomaly Benchmark for every data file of a folder
    Nab(Nab),
}

/// Write result files of the Numenta Anomaly Benchmark.
#[derive(Debug, Args)]
struct Nab {
    /// The folder of the data: CSV files with timestamp and value, in folders by category
    #[arg(long)]
    data: PathBuf,
    /// Where OUT/manmul/CATEGORY/manmul_FILE.csv is written
    #[arg(long)]
    out: PathBuf,
}

impl Learn {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            LearnCommand::Nab(nab) => nab.run(),
        }
    }
}

impl Nab {
    fn run(&self) -> anyhow::Result<()> {
        let mut done = 0;
        for path in data_files(&self.data)? {
            let text = files::read_text(&path).with_context(|| path.display().to_string())?;
            let results = results(&text).with_context(|| path.display().to_string())?;
            let place = result_path(&path, &self.data, &self.out)?;
            if let Some(folder) = place.parent() {
                files::create_folder(folder).with_context(|| folder.display().to_string())?;
            }
            files::write_atomic(&place, results.as_bytes()).with_context(|| place.display().to_string())?;
            done += 1;
        }
        if done == 0 {
            bail!("there is no CSV file in {}\nhint: give the folder that holds the categories", self.data.display());
        }
        tell(&format!("{done} files"));
        say(&self.out.join(DETECTOR).display().to_string())
    }
}

/// The CSV files below a folder, in the order of their names.
fn data_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}\nhint: give an existing folder", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "csv") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// OUT/manmul/CATEGORY/manmul_FILE.csv.
fn result_path(path: &Path, data: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let inside = path.strip_prefix(data).context("a data file is inside its folder")?;
    let name = inside.file_name().context("a file has a name")?.to_string_lossy();
    let category = inside.parent().unwrap_or(Path::new(""));
    Ok(out.join(DETECTOR).join(category).join(format!("{DETECTOR}_{name}")))
}

/// The result file of a data file.
fn results(text: &str) -> anyhow::Result<String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let (Some(time), Some(value)) = (column("timestamp"), column("value")) else {
        bail!("there is no column timestamp or value\nhint: the first line names the columns");
    };
    let rows: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    let probation = ((PROBATION_SHARE * rows.len() as f64) as usize).min(PROBATION_ROWS_MAX);
    let mut detector = Detector::new(probation.max(1) as u32, false);
    let mut out = String::from("timestamp,value,anomaly_score,label\n");
    for (row, line) in rows.iter().enumerate() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let moment = Timestamp::parse(&format!("{}Z", cell(time).replacen(' ', "T", 1)))
            .with_context(|| format!("row {}: {:?} is no time", row + 1, cell(time)))?;
        let number: f64 =
            cell(value).parse().with_context(|| format!("row {}: {:?} is no number", row + 1, cell(value)))?;
        let microseconds = moment.micros();
        // What is told is ranked only here: the scorer chooses the threshold.
        let told = if number.is_finite() { detector.observe(microseconds, number, 0.0).alarm } else { 0.0 };
        out.push_str(&format!("{},{},{:.6},0\n", cell(time), cell(value), told / (told + 1.0)));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(rows: usize, spike_at: usize) -> String {
        let mut text = String::from("timestamp,value\n");
        for row in 0..rows {
            let value = if row == spike_at { 90.0 } else { 10.0 + (row % 7) as f64 };
            text.push_str(&format!(
                "2015-01-{:02} {:02}:{:02}:00,{value}\n",
                row / 288 + 1,
                row / 12 % 24,
                row % 12 * 5
            ));
        }
        text
    }

    #[test]
    fn a_spike_after_the_probation_scores_the_most() {
        let results = results(&data(1_000, 700)).unwrap();
        let scores: Vec<f64> = results.lines().skip(1).map(|l| l.split(',').nth(2).unwrap().parse().unwrap()).collect();
        assert_eq!(scores.len(), 1_000);
        assert!(scores[..150].iter().all(|score| *score == 0.0));
        let most = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert_eq!(most.0, 700);
        assert!(*most.1 > 0.5 && *most.1 <= 1.0, "{most:?}");
    }

    #[test]
    fn results_lie_where_the_scorer_looks() {
        let place = result_path(Path::new("d/realTweets/a.csv"), Path::new("d"), Path::new("o")).unwrap();
        assert_eq!(place, Path::new("o/manmul/realTweets/manmul_a.csv"));
    }

    #[test]
    fn what_is_not_data_is_named() {
        assert!(results("a,b\n1,2\n").unwrap_err().to_string().contains("no column timestamp"));
        let error = results("timestamp,value\n2015-01-01 00:00:00,much\n").unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
    }
}
