//! `history` and `export`.

use std::io::{IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use model::{Clock as _, Timestamp, WallClock};
use serde_json::Value;

use super::client::{Client, escaped};
use super::{Remote, say};

/// Show the past of a property.
#[derive(Debug, Args)]
pub(super) struct History {
    /// The thing
    thing: String,
    /// The property or event; without it, the series of the thing are listed
    name: Option<String>,
    #[command(flatten)]
    span: Span,
    /// How many rows at most
    #[arg(long, default_value_t = 40)]
    rows: usize,
    #[command(flatten)]
    remote: Remote,
}

/// A part of the past.
#[derive(Debug, Args)]
struct Span {
    /// From when: a time like 2026-11-22T10:00:00Z, or how long ago, like 90m, 24h, 30d
    #[arg(long, default_value = "24h")]
    from: String,
    /// Until when; now when left out
    #[arg(long)]
    to: Option<String>,
}

impl Span {
    fn query(&self) -> anyhow::Result<String> {
        let now = WallClock.now();
        let to = self.to.as_deref().map_or(Ok(now), |to| moment(to, now))?;
        Ok(format!("from={}&to={}", moment(&self.from, now)?.micros(), to.micros()))
    }
}

/// A time, or how long before `now`.
fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Some(moment) = Timestamp::parse(text) {
        return Ok(moment);
    }
    let wrong =
        || anyhow!("{text:?} is no time\nhint: write it like 2026-11-22T10:00:00Z, or how long ago: 90m, 24h, 30d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(now - Duration::from_secs(u64::from(number) * seconds))
}

impl History {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let thing = escaped(&self.thing);
        let Some(name) = &self.name else {
            let series = client.get(&format!("/history/series?thing={thing}"))?;
            for series in series.as_array().into_iter().flatten() {
                let line =
                    format!("{:<28} {:<8} {} points", plain(&series["name"]), plain(&series["type"]), series["points"]);
                say(&if self.remote.json { series.to_string() } else { line })?;
            }
            return Ok(());
        };
        let (name, span) = (escaped(name), self.span.query()?);
        let found = client.get(&format!("/history?thing={thing}&name={name}&{span}&pixels={}", self.rows))?;
        if self.remote.json {
            return say(&found.to_string());
        }
        let series = &found["series"][0];
        let columns = series["columns"].as_array().cloned().unwrap_or_default();
        let head: Vec<String> = columns.iter().map(|column| format!("{:>12}", plain(column))).collect();
        say(&format!("{:<27}{}", "time", head.get(1..).unwrap_or_default().join(" ")))?;
        for point in series["points"].as_array().into_iter().flatten() {
            let time = Timestamp(point[0].as_i64().unwrap_or_default());
            let cells = point.as_array().into_iter().flatten().skip(1);
            let cells: Vec<String> = cells.map(|cell| format!("{:>12}", short(cell))).collect();
            say(&format!("{:<27}{}", time.to_string(), cells.join(" ")))?;
        }
        Ok(())
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn short(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number.fract() != 0.0 => format!("{number:.3}"),
        _ => plain(value),
    }
}

/// Write history to a file.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file; `-` for the standard output
    #[arg(long, short, default_value = "-")]
    output: PathBuf,
    /// csv or parquet
    #[arg(long, default_value = "csv", value_parser = ["csv", "parquet"])]
    format: String,
    /// Only this thing
    #[arg(long)]
    thing: Option<String>,
    /// Only series of this name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    remote: Remote,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut query = format!("format={}&{}", self.format, self.span.query()?);
        for (key, value) in [("thing", &self.thing), ("name", &self.name)] {
            if let Some(value) = value {
                query.push_str(&format!("&{key}={}", escaped(value)));
            }
        }
        let mut body = Client::new(&self.remote)?.stream(&format!("/history/export?{query}"))?;
        let bar = progress_bar();
        if self.output.as_os_str() == "-" {
            copy(&mut body, &mut std::io::stdout().lock(), &bar)?;
        } else {
            let place = || self.output.display().to_string();
            let mut file = create(&self.output).with_context(place)?;
            copy(&mut body, &mut file, &bar).with_context(place)?;
            file.sync_all().with_context(place)?;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the person names the file that the export goes into")]
fn create(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::File::create(path)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {bytes} written, {bytes_per_sec}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write, bar: &ProgressBar) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return to.flush();
        }
        to.write_all(&piece[..length])?;
        bar.inc(length as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_or_ages() {
        let now = Timestamp::from_seconds(1_000_000);
        assert_eq!(moment("90m", now).unwrap(), Timestamp::from_seconds(1_000_000 - 5_400));
        assert_eq!(moment("1970-01-01T00:00:07Z", now).unwrap(), Timestamp::from_seconds(7));
        assert!(moment("yesterday", now).is_err() && moment("", now).is_err() && moment("é", now).is_err());
    }
}
