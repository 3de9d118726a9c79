//! `fleet`: instances and results of the League of Robot Runners.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use fleet::league::{Instance, PREPARATION, Progress, RunSettings, check, run};
use indicatif::{ProgressBar, ProgressStyle};
use model::WallClock;
use serde_json::json;
use store::files;

use super::{say, tell};
use crate::assemble::simulation_threads;

/// The file beside a round's instances that says how many steps each has.
const STEPS_FILE: &str = "simulation_time.json";

/// The largest result that is replayed, in bytes: five times what ten thousand robots and five thousand steps come to.
const RESULT_BYTES_MAX: u64 = 1 << 30;

/// How many faults of a result are listed.
const FAULTS_SHOWN: usize = 20;

/// Plan for fleets of robots
#[derive(Debug, Args)]
pub(super) struct Fleet {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// Run an instance of the League of Robot Runners (2023 or 2024) under its rules
    League(League),
    /// Replay a result file, count what was finished and report every illegal move
    Check(Check),
}

/// Run an instance under the League's rules.
#[derive(Debug, Args)]
struct League {
    /// The instance (JSON); map, agents and tasks are found beside it
    instance: PathBuf,
    /// Steps; what the round's simulation_time.json says when left out
    #[arg(long)]
    steps: Option<usize>,
    /// Milliseconds for each step; a late step is a step of waits
    #[arg(long, default_value_t = 1_000)]
    step_ms: u64,
    /// Threads to plan on; all of the machine's when left out
    #[arg(long)]
    threads: Option<usize>,
    /// What all chance is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the result is written, in the League's form
    #[arg(long)]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Replay a result file.
#[derive(Debug, Args)]
struct Check {
    /// The result (JSON)
    result: PathBuf,
    /// The instance that it is of, to check walls and tasks too
    #[arg(long)]
    instance: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Fleet {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            FleetCommand::League(league) => league.run(),
            FleetCommand::Check(check) => check.run(),
        }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    files::read_text(path).with_context(|| path.display().to_string())
}

fn read_instance(path: &Path) -> anyhow::Result<Instance> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let open = |name: &str| files::read_text(&folder.join(name)).map_err(|error| error.to_string());
    Instance::read(&text(path)?, &open).with_context(|| path.display().to_string())
}

/// The steps that the round gives an instance: the file lies beside it or in a folder above.
fn steps_of(instance: &Path) -> Option<usize> {
    let name = instance.file_stem()?.to_str()?;
    let list = instance.ancestors().skip(1).find_map(|folder| files::read_text(&folder.join(STEPS_FILE)).ok())?;
    let list: serde_json::Value = serde_json::from_str(&list).ok()?;
    usize::try_from(list.get(name)?.as_u64()?).ok()
}

impl League {
    fn run(self) -> anyhow::Result<()> {
        let instance = read_instance(&self.instance)?;
        let steps = self.steps.or_else(|| steps_of(&self.instance)).ok_or_else(|| {
            anyhow!("nothing says how many steps {} has\nhint: give --steps", self.instance.display())
        })?;
        let threads = self.threads.unwrap_or_else(simulation_threads);
        let settings = RunSettings {
            steps,
            preparation: PREPARATION,
            step_time: Duration::from_millis(self.step_ms),
            planner: plan::Settings { threads, seed: self.seed, ..plan::Settings::default() },
        };
        let bar = bar(steps as u64);
        let mut report = |progress: Progress| {
            bar.set_position(progress.step as u64);
            bar.set_message(format!("{} finished, {} late", progress.finished, progress.late));
        };
        let outcome = run(&instance, settings, &WallClock, &mut report).map_err(|error| anyhow!("{error}"))?;
        bar.finish_and_clear();
        files::write_atomic(&self.out, outcome.file.as_bytes()).with_context(|| self.out.display().to_string())?;
        if self.json {
            let slowest_ms = outcome.slowest.as_secs_f64() * 1e3;
            return say(&json!({"finished": outcome.finished, "steps": outcome.steps, "late": outcome.late,
                "slowest_ms": slowest_ms, "errors": outcome.errors.len()})
            .to_string());
        }
        say(&format!(
            "{} finished in {} steps, {} late, the slowest {:.0} ms",
            outcome.finished,
            outcome.steps,
            outcome.late,
            outcome.slowest.as_secs_f64() * 1e3
        ))?;
        outcome.errors.iter().take(FAULTS_SHOWN).for_each(|error| tell(error));
        Ok(())
    }
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let instance = self.instance.as_deref().map(read_instance).transpose()?;
        let place = || self.result.display().to_string();
        let result = files::open(&self.result, RESULT_BYTES_MAX).with_context(place)?;
        let report = check(result, instance.as_ref()).map_err(|error| anyhow!("{}: {error}", place()))?;
        let counted = report.count.finished();
        if self.json {
            say(&json!({"finished": counted, "stated": report.stated, "faults": report.faults_total}).to_string())?;
        } else {
            say(&format!("{counted} finished, {} stated, {} faults", report.stated, report.faults_total))?;
            report.faults.iter().take(FAULTS_SHOWN).for_each(|fault| tell(fault));
        }
        if report.faults_total > 0 || counted != report.stated {
            bail!("{} does not hold what it says", self.result.display());
        }
        Ok(())
    }
}

/// A bar for so many steps; hidden without a terminal.
pub(super) fn bar(steps: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {eta} {msg}") {
        Ok(style) => ProgressBar::new(steps).with_style(style),
        Err(_) => ProgressBar::new(steps),
    }
}
