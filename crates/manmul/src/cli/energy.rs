//! `energy`: where energy flows, what is planned and why, what days came to, what is saved, what would be, who decides.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use model::Timestamp;
use serde_json::{Value, json};
use store::files;

use super::client::Client;
use super::{Remote, say};

/// See where energy flows, what is planned and why; say who decides
#[derive(Debug, Args)]
pub(super) struct Energy {
    #[command(subcommand)]
    command: EnergyCommand,
}

#[derive(Debug, Subcommand)]
enum EnergyCommand {
    /// Show what flows now
    Now(Look),
    /// Show what the devices do and why
    Plan(Look),
    /// Show what the last days cost and emitted
    Days(Days),
    /// Show what the plan saved and would have saved, and what is known of the home
    Savings(Look),
    /// Ask what another battery, more solar or an event would come to, on the same days
    WhatIf(WhatIf),
    /// Compare the last days with what they would have cost under the plan
    Backtest(Backtest),
    /// Print this home as a scenario, for `manmul simulate` and `manmul plan`
    Scenario(Look),
    /// Show what was found and is asked, or say what holds
    Settings(Settings),
    /// Say who decides
    Mode(Mode),
}

/// Only look.
#[derive(Debug, Args)]
struct Look {
    #[command(flatten)]
    remote: Remote,
}

/// The last days.
#[derive(Debug, Args)]
struct Days {
    /// How many
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=62))]
    days: u32,
    #[command(flatten)]
    remote: Remote,
}

/// What would be different.
#[derive(Debug, Args)]
struct WhatIf {
    /// A place in the scenario and what would be there, as in `/world/sizes/battery_kilowatt_hours=15`
    #[arg(long = "set", value_name = "PLACE=VALUE", required = true)]
    set: Vec<String>,
    /// How many days are lived
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=28))]
    days: u64,
    /// How often other days are drawn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10))]
    seeds: u64,
    #[command(flatten)]
    remote: Remote,
}

/// What past days are compared with.
#[derive(Debug, Args)]
struct Backtest {
    /// What was paid for them, without what is not energy
    #[arg(long)]
    paid: Option<f64>,
    #[command(flatten)]
    remote: Remote,
}

/// The settings.
#[derive(Debug, Args)]
struct Settings {
    /// A file (JSON) with the settings that shall hold
    #[arg(long)]
    put: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// Who decides.
#[derive(Debug, Args)]
struct Mode {
    /// Who
    #[arg(value_enum, value_name = "MODE")]
    who: Who,
    /// The finished run that shows for it; the newest when left out
    #[arg(long)]
    run: Option<String>,
    /// Without anything to show for it; for owners
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    /// Every device by itself
    Off,
    /// The plan, and nothing is sent
    Shadow,
    /// The plan
    Operate,
}

impl Energy {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            EnergyCommand::Now(look) => now(&look.remote),
            EnergyCommand::Plan(look) => plan(&look.remote),
            EnergyCommand::Days(days) => days.run(),
            EnergyCommand::Savings(look) => savings(&look.remote),
            EnergyCommand::WhatIf(asked) => asked.run(),
            EnergyCommand::Backtest(asked) => {
                let answer = Client::new(&asked.remote)?.post("/home/backtest", &json!({"paid": asked.paid}))?;
                tell(&asked.remote, &answer)
            }
            EnergyCommand::Scenario(look) => {
                say(&serde_json::to_string_pretty(&Client::new(&look.remote)?.get("/home/scenario")?)?)
            }
            EnergyCommand::Settings(settings) => settings.run(),
            EnergyCommand::Mode(mode) => mode.run(),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn now(remote: &Remote) -> anyhow::Result<()> {
    let now = Client::new(remote)?.get("/home/now")?;
    if remote.json {
        return say(&now.to_string());
    }
    let title = |id: &Value| {
        let node = list(&now["nodes"]).find(|node| node["id"] == *id);
        let title = node.map_or("", |node| text(&node["title"]));
        if title.is_empty() { text(id).to_owned() } else { title.to_owned() }
    };
    for flow in list(&now["flows"]) {
        let watts = flow["watts"].as_f64().unwrap_or_default();
        say(&format!("{:<24} > {:<24} {watts:>8.0} W", title(&flow["from"]), title(&flow["to"])))?;
    }
    match (&now["import_price"], text(&now["currency"])) {
        (Value::Null, _) => say("nobody said what electricity costs"),
        (price, currency) => say(&format!("{:.3} {currency}/kWh", price.as_f64().unwrap_or_default())),
    }
}

fn plan(remote: &Remote) -> anyhow::Result<()> {
    let plan = Client::new(remote)?.get("/home/plan")?;
    if remote.json {
        return say(&plan.to_string());
    }
    say(&format!("mode {}, going by: {}", text(&plan["mode"]), text(&plan["standing"])))?;
    for note in list(&plan["notes"]) {
        say(&format!("note: {}", text(&note["words"])))?;
    }
    let course = &plan["course"];
    let (start, step) = (course["start"].as_i64().unwrap_or(0), course["step_seconds"].as_i64().unwrap_or(0));
    let time = |index: &Value| Timestamp(start + step * 1_000_000 * index.as_i64().unwrap_or(0)).to_string();
    for device in list(&course["devices"]) {
        say(text(&device["title"]))?;
        for reason in list(&device["reasons"]) {
            say(&format!("  {} to {}  {}", time(&reason["from"]), time(&reason["to"]), text(&reason["words"])))?;
        }
    }
    for shortfall in list(&course["shortfalls"]) {
        say(&format!("cannot be: {} {}", text(&shortfall["words"]), text(&shortfall["relaxation"])))?;
    }
    if let Some(cost) = course["cost"].as_f64() {
        let kilograms = course["carbon_kilograms"].as_f64().unwrap_or_default();
        say(&format!("{cost:.2} {} and {kilograms:.1} kg of carbon dioxide", text(&plan["currency"])))?;
    }
    Ok(())
}

fn savings(remote: &Remote) -> anyhow::Result<()> {
    let savings = Client::new(remote)?.get("/home/savings")?;
    if remote.json {
        return say(&savings.to_string());
    }
    for (title, saved) in [("since it is carried out", &savings["since"]), ("before", &savings["before"])] {
        if saved.is_object() {
            say(&format!("{title}: {}", text(&saved["words"])))?;
        }
    }
    for learnt in list(&savings["learnt"]) {
        say(text(&learnt["words"]))?;
    }
    Ok(())
}

/// An answer in its words, and what is to be known with it.
fn tell(remote: &Remote, answer: &Value) -> anyhow::Result<()> {
    if remote.json {
        return say(&answer.to_string());
    }
    say(text(&answer["words"]))?;
    list(&answer["findings"]).try_for_each(|finding| say(&format!("note: {}", text(finding))))
}

impl WhatIf {
    fn run(self) -> anyhow::Result<()> {
        let mut change = serde_json::Map::new();
        for set in &self.set {
            let (place, value) = set.split_once('=').with_context(|| format!("{set:?} is not PLACE=VALUE"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            change.insert(place.to_owned(), value);
        }
        let body = json!({"change": change, "days": self.days, "seeds": self.seeds});
        tell(&self.remote, &Client::new(&self.remote)?.post("/home/what-if", &body)?)
    }
}

impl Days {
    fn run(self) -> anyhow::Result<()> {
        let found = Client::new(&self.remote)?.get(&format!("/home/days?days={}", self.days))?;
        if self.remote.json {
            return say(&found.to_string());
        }
        let head = ["from grid", "fed in", "from sun", "used", "cost", "carbon", "own", "comfort"];
        say(&format!("{:<11}{}", "day", head.map(|name| format!("{name:>10}")).concat()))?;
        for day in list(&found["days"]) {
            let cell = |name: &str, scale: f64, digits: usize, unit: &str| match day[name].as_f64() {
                Some(value) => format!("{:>10}", format!("{:.digits$}{unit}", value * scale)),
                None => format!("{:>10}", "-"),
            };
            let cells = [
                cell("imported_kilowatt_hours", 1.0, 1, " kWh"),
                cell("exported_kilowatt_hours", 1.0, 1, " kWh"),
                cell("solar_kilowatt_hours", 1.0, 1, " kWh"),
                cell("consumed_kilowatt_hours", 1.0, 1, " kWh"),
                cell("cost", 1.0, 2, ""),
                cell("carbon_kilograms", 1.0, 1, " kg"),
                cell("self_sufficiency", 100.0, 0, " %"),
                cell("comfort", 100.0, 0, " %"),
            ];
            say(&format!("{:<11}{}", text(&day["date"]), cells.concat()))?;
        }
        Ok(())
    }
}

impl Settings {
    fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let view = match &self.put {
            Some(path) => {
                let text = files::read_text(path).with_context(|| path.display().to_string())?;
                let settings = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
                client.put("/home/settings", &settings)?
            }
            None => client.get("/home/settings")?,
        };
        if self.remote.json {
            return say(&view.to_string());
        }
        for found in list(&view["home"]["found"]) {
            let by = if found["said"] == true { "  as somebody said" } else { "" };
            say(&format!("{:<12} {:<24} {}{by}", text(&found["role"]), text(&found["thing"]), text(&found["title"])))?;
        }
        for question in list(&view["home"]["questions"]) {
            say(&format!("question: {} Without an answer {}.", text(&question["words"]), text(&question["without"])))?;
        }
        say(&serde_json::to_string_pretty(&view["settings"])?)
    }
}

impl Mode {
    fn run(self) -> anyhow::Result<()> {
        let mode = match self.who {
            Who::Off => "off",
            Who::Shadow => "shadow",
            Who::Operate => "operate",
        };
        let body = json!({"mode": mode, "run": self.run, "force": self.force});
        let live = Client::new(&self.remote)?.post("/home/mode", &body)?;
        if self.remote.json {
            return say(&live.to_string());
        }
        match (&live["now"], live["now"]["run"].as_str()) {
            (Value::Null, _) => say("every device does what it does by itself"),
            (now, Some(run)) => say(&format!("{}, with {run} to show for it", text(&now["mode"]))),
            (now, None) => say(&format!("{}, with nothing to show for it", text(&now["mode"]))),
        }
    }
}
