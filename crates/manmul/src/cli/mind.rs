//! `insights`, `forecast` and `demo`: what the mind found and foretells, and how to give it something to find.

use clap::{Args, Subcommand, ValueEnum};
use model::Timestamp;
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::{Remote, say};

/// List what was found, or say what it is.
#[derive(Debug, Args)]
pub(super) struct Insights {
    /// Which ones
    #[arg(long, value_enum, default_value_t = State::Open)]
    state: State,
    /// Only about this thing
    #[arg(long)]
    thing: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 40)]
    limit: usize,
    /// Say that this one was looked at
    #[arg(long, value_name = "ID", conflicts_with = "normal")]
    acknowledge: Option<String>,
    /// Say that this one is normal: its detector learns it
    #[arg(long, value_name = "ID")]
    normal: Option<String>,
    /// What to note with it
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Where findings stand.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Open,
    Acknowledged,
    Over,
    All,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Over => "over",
            Self::All => "all",
        }
    }
}

impl Insights {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let label =
            self.acknowledge.as_ref().map(|id| (id, "acknowledge")).or(self.normal.as_ref().map(|id| (id, "normal")));
        if let Some((id, what)) = label {
            let body = self.note.as_ref().map_or_else(|| json!({}), |note| json!({ "note": note }));
            let done = client.post(&format!("/insights/{}/{what}", escaped(id)), &body)?;
            return say(&if self.remote.json { done.to_string() } else { line(&done) });
        }
        let thing = self.thing.as_ref().map(|thing| format!("&thing={}", escaped(thing))).unwrap_or_default();
        let found = client.get(&format!("/insights?state={}&limit={}{thing}", self.state.as_str(), self.limit))?;
        if self.remote.json {
            return say(&found.to_string());
        }
        for insight in found["items"].as_array().into_iter().flatten() {
            say(&line(insight))?;
        }
        Ok(())
    }
}

fn line(insight: &Value) -> String {
    let text = |name: &str| insight[name].as_str().unwrap_or_default().to_owned();
    format!("{:<22} {:<12} {:<8} {:<11} {}", text("id"), text("state"), text("severity"), text("kind"), text("words"))
}

/// Show what is to be expected of a property.
#[derive(Debug, Args)]
pub(super) struct Forecast {
    /// The thing
    thing: String,
    /// The property
    name: String,
    /// For how many hours
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=48))]
    hours: u32,
    #[command(flatten)]
    remote: Remote,
}

impl Forecast {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let (thing, name) = (escaped(&self.thing), escaped(&self.name));
        let found = client.get(&format!("/things/{thing}/forecast?name={name}&hours={}", self.hours))?;
        if self.remote.json {
            return say(&found.to_string());
        }
        let (start, step) = (found["start"].as_i64().unwrap_or(0), found["step_seconds"].as_i64().unwrap_or(0));
        let band = &found["bands"][0];
        let percent = |name: &str| band[name].as_f64().unwrap_or(0.0) * 100.0;
        let head = format!("{:.0} %", percent("low_quantile"));
        say(&format!("{:<27}{head:>12} {:>12} {:>11.0} %", "time", "median", percent("high_quantile")))?;
        for (slot, median) in found["median"].as_array().into_iter().flatten().enumerate() {
            let time = Timestamp(start + step * 1_000_000 * slot as i64);
            let cell = |value: &Value| format!("{:>12.3}", value.as_f64().unwrap_or(f64::NAN));
            let cells = [&band["low"][slot], median, &band["high"][slot]].map(cell);
            say(&format!("{:<27}{}", time.to_string(), cells.join(" ")))?;
        }
        Ok(())
    }
}

/// Play with the virtual things of the demo.
#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(subcommand)]
    command: DemoCommand,
}

#[derive(Debug, Subcommand)]
enum DemoCommand {
    /// Break a sensor of a virtual thing, to see what is found
    Break(Break),
}

/// Break a sensor.
#[derive(Debug, Args)]
struct Break {
    /// The virtual thing
    thing: String,
    /// The property
    name: String,
    /// How it is broken; none makes it whole again
    #[arg(value_enum)]
    kind: Fault,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fault {
    None,
    Stuck,
    Drift,
    Spike,
    Noise,
    Dropout,
    Oscillation,
}

impl Fault {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stuck => "stuck",
            Self::Drift => "drift",
            Self::Spike => "spike",
            Self::Noise => "noise",
            Self::Dropout => "dropout",
            Self::Oscillation => "oscillation",
        }
    }
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let DemoCommand::Break(Break { thing, name, kind, remote }) = self.command;
        let body = json!({ "name": name, "kind": kind.as_str() });
        Client::new(&remote)?.post(&format!("/virtual-things/{}/faults", escaped(&thing)), &body)?;
        match kind {
            Fault::None => say(&format!("{name} of {thing} is whole again")),
            kind => say(&format!("{name} of {thing} is broken: {}; see `manmul insights`", kind.as_str())),
        }
    }
}
