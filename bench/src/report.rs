//! The result of a benchmark: a table for people, `target/bench/NAME.json` for programs.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;

use crate::machine;

/// One measured figure beside a peer's and beside its target.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured, with the shape of the data.
    pub metric: String,
    /// The unit of `ours` and `theirs`.
    pub unit: String,
    /// Our figure.
    pub ours: f64,
    /// Who was measured beside us, with its version; empty when the target is absolute.
    pub peer: String,
    /// The peer's figure.
    pub theirs: Option<f64>,
    /// `ours / theirs`.
    pub ratio: Option<f64>,
    /// The target in words.
    pub target: String,
    /// Whether it was reached; `None` for a figure without a target.
    pub met: Option<bool>,
}

/// A target: on the figure itself, or on the ratio to the peer's.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
    /// Ours is at least so many times theirs.
    RatioAtLeast(f64),
    /// Ours is at most so many times theirs.
    RatioAtMost(f64),
    /// For information.
    None,
}

impl Row {
    /// A figure with an absolute target.
    pub fn absolute(metric: impl Into<String>, unit: &str, ours: f64, target: Target) -> Self {
        Self::build(metric.into(), unit, ours, String::new(), None, target)
    }

    /// A figure beside a peer's.
    pub fn beside(
        metric: impl Into<String>,
        unit: &str,
        ours: f64,
        peer: impl Into<String>,
        theirs: f64,
        target: Target,
    ) -> Self {
        Self::build(metric.into(), unit, ours, peer.into(), Some(theirs), target)
    }

    /// The figure as one line, for whoever watches a long run.
    #[expect(clippy::print_stderr, reason = "the table itself comes at the end")]
    pub fn tell(&self) {
        let beside = self.theirs.map(|theirs| format!(", {} has {}", self.peer, figure(theirs))).unwrap_or_default();
        eprintln!("{}: {} {}{beside}", self.metric, figure(self.ours), self.unit);
    }

    fn build(metric: String, unit: &str, ours: f64, peer: String, theirs: Option<f64>, target: Target) -> Self {
        let ratio = theirs.filter(|theirs| *theirs != 0.0).map(|theirs| ours / theirs);
        let (words, met) = match target {
            Target::AtLeast(limit) => (format!("≥ {}", figure(limit)), Some(ours >= limit)),
            Target::AtMost(limit) => (format!("≤ {}", figure(limit)), Some(ours <= limit)),
            Target::RatioAtLeast(limit) => (format!("≥ {limit}x"), Some(ratio.is_some_and(|ratio| ratio >= limit))),
            Target::RatioAtMost(limit) => (format!("≤ {limit}x"), Some(ratio.is_some_and(|ratio| ratio <= limit))),
            Target::None => (String::new(), None),
        };
        Self { metric, unit: unit.to_owned(), ours, peer, theirs, ratio, target: words, met }
    }
}

/// Everything that one benchmark measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The benchmark's name.
    pub name: String,
    /// The commit that was measured.
    pub commit: String,
    /// The machine it ran on.
    pub machine: String,
    /// The figures.
    pub rows: Vec<Row>,
}

impl Report {
    /// A report of `rows`, stamped with commit and machine.
    pub fn new(name: &str, rows: Vec<Row>) -> Self {
        let commit = Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self { name: name.to_owned(), commit, machine: machine::name(), rows }
    }

    /// Prints the table, in Markdown so that it can stand in the README as it is.
    #[expect(clippy::print_stdout, reason = "the table is what the command is for")]
    pub fn print(&self) {
        println!("\n{} at {} on {}\n", self.name, self.commit, self.machine);
        println!("| metric | unit | ours | peer | theirs | ratio | target | met |");
        println!("|---|---|---:|---|---:|---:|---|---|");
        for row in &self.rows {
            let theirs = row.theirs.map(figure).unwrap_or_default();
            let ratio = row.ratio.map(|ratio| format!("{}x", figure(ratio))).unwrap_or_default();
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            println!(
                "| {} | {} | {} | {} | {theirs} | {ratio} | {} | {met} |",
                row.metric,
                row.unit,
                figure(row.ours),
                row.peer,
                row.target
            );
        }
    }

    /// Writes `NAME.json` into a folder.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self).context("a report is valid JSON")?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Three significant digits, thousands apart.
fn figure(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude >= 1_000.0 {
        let digits = format!("{magnitude:.0}");
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
        return format!("{}{}", if number < 0.0 { "-" } else { "" }, groups.join(","));
    }
    match magnitude {
        m if m >= 100.0 => format!("{number:.0}"),
        m if m >= 10.0 => format!("{number:.1}"),
        m if m >= 1.0 || m == 0.0 => format!("{number:.2}"),
        m if m >= 0.01 => format!("{number:.3}"),
        _ => format!("{number:.5}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_says_so() {
        let row = Row::beside("messages", "1/s", 2.0, "peer 1.0", 4.0, Target::RatioAtLeast(1.0));
        assert_eq!((row.ratio, row.met), (Some(0.5), Some(false)));
        assert_eq!(Row::absolute("size", "B", 1.4, Target::AtMost(1.5)).met, Some(true));
    }

    #[test]
    fn a_ratio_against_nothing_is_not_met() {
        assert_eq!(Row::beside("m", "", 1.0, "p", 0.0, Target::RatioAtMost(2.0)).met, Some(false));
    }

    #[test]
    fn figures_have_three_digits() {
        let shown: Vec<String> = [1_234_567.0, 123.4, 12.34, 1.234, 0.1234, 0.000_123].map(figure).to_vec();
        assert_eq!(shown, ["1,234,567", "123", "12.3", "1.23", "0.123", "0.00012"]);
    }
}
