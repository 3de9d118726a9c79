//! `rules` and `alarms`: what happens by itself, shown on the past before it touches a thing, and asked why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use model::{Clock as _, Timestamp, WallClock};
use serde_json::{Value, json};
use store::files;

use super::client::{Client, escaped};
use super::things::text;
use super::{Remote, say};

/// Write rules, see what they would have done, let them act, ask why
#[derive(Debug, Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List rules
    List(List),
    /// Show a rule: what it says, what is wrong with it, how its tests went
    Show(OfRule),
    /// Check a file and run its tests, without keeping it
    Check(Check),
    /// Keep a file as a draft, or as a new version of a rule
    Add(Add),
    /// Show what a rule would have done in the past
    Backtest(Backtest),
    /// Let the newest version run in shadow: it acts on nothing
    Shadow(OfRule),
    /// Take the newest version live
    Promote(Promote),
    /// Switch a rule off
    Off(OfRule),
    /// Go back to the text of an earlier version
    Revert(Revert),
    /// List the versions of a rule
    Versions(OfRule),
    /// List the runs of a rule, or show one step by step
    Traces(Traces),
    /// Say why a rule does not run
    WhyNot(WhyNot),
    /// Say what rules do to each other
    Conflicts(Only),
    /// Bring the automations of a Home Assistant file, and say what could not be carried over
    Import(Import),
}

#[derive(Debug, Args)]
struct Only {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct OfRule {
    /// The rule
    rule: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct List {
    /// Only those that stand so
    #[arg(long, value_enum)]
    state: Option<Standing>,
    /// Only those about this thing
    #[arg(long)]
    thing: Option<String>,
    /// Only those with these words in their title
    #[arg(long)]
    search: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Standing {
    Draft,
    Shadow,
    Live,
    Off,
}

#[derive(Debug, Args)]
struct Check {
    /// The file (YAML)
    file: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Add {
    /// The file (YAML)
    file: PathBuf,
    /// The id of a new rule; made of its title when left out
    #[arg(long, conflicts_with = "rule")]
    id: Option<String>,
    /// The rule that this is a new version of
    #[arg(long)]
    rule: Option<String>,
    /// What to say about the new version
    #[arg(long, requires = "rule")]
    note: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Backtest {
    /// The rule
    rule: String,
    /// Over how many days up to now
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Promote {
    /// The rule
    rule: String,
    /// The backtest or shadow that shows what it does; any of this version when left out
    #[arg(long)]
    run: Option<String>,
    /// Without anything to show for it; for owners
    #[arg(long)]
    force: bool,
    /// Only for things in this space; more than once for more
    #[arg(long)]
    space: Vec<String>,
    /// Only for this share of its things, from 0 to 1
    #[arg(long)]
    share: Option<f64>,
    /// A property (thing/name) that takes it back when it leaves its bounds
    #[arg(long)]
    guard: Option<String>,
    /// The guard must not be more than this
    #[arg(long, requires = "guard", allow_hyphen_values = true)]
    above: Option<f64>,
    /// The guard must not be less than this
    #[arg(long, requires = "guard", allow_hyphen_values = true)]
    below: Option<f64>,
    /// For how long the guard may be out of bounds: "5 min"
    #[arg(long = "for", requires = "guard")]
    hold: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Revert {
    /// The rule
    rule: String,
    /// The version to go back to
    version: u64,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Traces {
    /// The rule, or a run with --run
    #[arg(required_unless_present = "run")]
    rule: Option<String>,
    /// Show this run step by step
    #[arg(long, conflicts_with_all = ["rule", "outcome"])]
    run: Option<String>,
    /// Only those that ended so
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    Finished,
    Stopped,
    Failed,
    KeptFromRunning,
    Running,
}

#[derive(Debug, Args)]
struct WhyNot {
    /// The rule
    rule: String,
    /// At which moment (RFC 3339); now when left out
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Import {
    /// The file (YAML)
    file: PathBuf,
    /// Keep each as a draft
    #[arg(long)]
    save: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The word of the API for a choice of the command line.
fn word(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().replace('-', "_")).unwrap_or_default()
}

fn read(file: &Path) -> anyhow::Result<String> {
    files::read_text(file).with_context(|| file.display().to_string())
}

fn of(rule: &str) -> String {
    format!("/rules/{}", escaped(rule))
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

/// A moment as people read it; nothing for none.
fn moment(value: &Value) -> String {
    value.as_i64().map_or_else(|| "never".to_owned(), |micros| Timestamp(micros).to_string())
}

fn query(pairs: &[(&str, Option<String>)]) -> String {
    let given = pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
    given.collect::<Vec<_>>().join("&")
}

/// Prints the answer as it is, or in words.
fn answer(remote: &Remote, value: &Value, words: impl FnOnce(&Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if remote.json { say(&value.to_string()) } else { words(value) }
}

impl Rules {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            RulesCommand::List(list) => list.run(),
            RulesCommand::Show(of_rule) => of_rule.show(),
            RulesCommand::Check(check) => check.run(),
            RulesCommand::Add(add) => add.run(),
            RulesCommand::Backtest(backtest) => backtest.run(),
            RulesCommand::Shadow(of_rule) => of_rule.change("shadow"),
            RulesCommand::Promote(promote) => promote.run(),
            RulesCommand::Off(of_rule) => of_rule.change("off"),
            RulesCommand::Revert(revert) => revert.run(),
            RulesCommand::Versions(of_rule) => of_rule.versions(),
            RulesCommand::Traces(traces) => traces.run(),
            RulesCommand::WhyNot(why_not) => why_not.run(),
            RulesCommand::Conflicts(only) => only.conflicts(),
            RulesCommand::Import(import) => import.run(),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<()> {
        let state = self.state.as_ref().map(word);
        let limit = Some(self.limit.to_string());
        let asked = query(&[("state", state), ("thing", self.thing), ("search", self.search), ("limit", limit)]);
        let found = Client::new(&self.remote)?.get(&format!("/rules?{asked}"))?;
        answer(&self.remote, &found, |found| items(found).try_for_each(|rule| say(&line(rule))))
    }
}

fn line(rule: &Value) -> String {
    let problems = rule["problems"].as_u64().unwrap_or(0);
    let problems = if problems > 0 { format!("  {problems} problems") } else { String::new() };
    format!(
        "{:<32} {:<7} version {:<4} ran {:<5} {}{problems}",
        text(&rule["id"]),
        text(&rule["state"]),
        text(&rule["version"]),
        text(&rule["fired_day"]),
        text(&rule["title"]),
    )
}

fn tell_problems(problems: &Value, name: &str) -> anyhow::Result<()> {
    for problem in list(problems, name) {
        say(&format!(
            "{} in line {}, column {}: {}",
            text(&problem["severity"]),
            problem["line"],
            problem["column"],
            text(&problem["message"])
        ))?;
        if let Some(hint) = problem["hint"].as_str() {
            say(&format!("  hint: {hint}"))?;
        }
    }
    Ok(())
}

fn tell_tests(checked: &Value) -> anyhow::Result<()> {
    for test in list(checked, "tests") {
        let passed = test["passed"].as_bool().unwrap_or(false);
        say(&format!("test {}: {}", if passed { "passed" } else { "FAILED" }, text(&test["name"])))?;
        if !passed {
            list(test, "expected").try_for_each(|expected| say(&format!("  expected {}", text(expected))))?;
            list(test, "came").try_for_each(|came| say(&format!("  came     {}", text(came))))?;
        }
    }
    Ok(())
}

impl OfRule {
    fn show(self) -> anyhow::Result<()> {
        let rule = Client::new(&self.remote)?.get(&of(&self.rule))?;
        answer(&self.remote, &rule, |rule| {
            say(&line(rule))?;
            list(rule, "words").try_for_each(|words| say(&format!("  {}", text(words))))?;
            tell_problems(rule, "problem_list")?;
            tell_tests(rule)
        })
    }

    fn change(self, what: &str) -> anyhow::Result<()> {
        let rule = Client::new(&self.remote)?.post(&format!("{}/{what}", of(&self.rule)), &json!({}))?;
        answer(&self.remote, &rule, |rule| say(&line(rule)))
    }

    fn versions(self) -> anyhow::Result<()> {
        let versions = Client::new(&self.remote)?.get(&format!("{}/versions", of(&self.rule)))?;
        answer(&self.remote, &versions, |versions| {
            items(versions).try_for_each(|version| {
                let live = match (&version["live_from"], &version["live_to"]) {
                    (Value::Null, _) => String::new(),
                    (from, Value::Null) => format!("  live since {}", moment(from)),
                    (from, to) => format!("  was live {} to {}", moment(from), moment(to)),
                };
                let note = version["note"].as_str().map(|note| format!("  {note}")).unwrap_or_default();
                let (number, time, by) = (&version["version"], moment(&version["time"]), text(&version["by"]));
                say(&format!("{number:<4} {time:<27} {by}{note}{live}"))
            })
        })
    }
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let checked = Client::new(&self.remote)?.post("/rules/check", &json!({"text": read(&self.file)?}))?;
        answer(&self.remote, &checked, |checked| {
            list(checked, "words").try_for_each(|words| say(&text(words)))?;
            tell_problems(checked, "problems")?;
            tell_tests(checked)
        })?;
        let is_error = |problem: &Value| problem["severity"] == "error";
        if list(&checked, "problems").any(is_error) {
            bail!("{} cannot run", self.file.display());
        }
        if list(&checked, "tests").any(|test| test["passed"] != true) {
            bail!("a test of {} failed", self.file.display());
        }
        Ok(())
    }
}

impl Add {
    fn run(self) -> anyhow::Result<()> {
        let (client, text) = (Client::new(&self.remote)?, read(&self.file)?);
        let rule = match &self.rule {
            None => client.post("/rules", &json!({"text": text, "id": self.id}))?,
            Some(rule) => {
                let version = client.get(&of(rule))?["version"].clone();
                client.put(&of(rule), &json!({"text": text, "version": version, "note": self.note}))?
            }
        };
        answer(&self.remote, &rule, |rule| {
            say(&line(rule))?;
            tell_problems(rule, "problem_list")?;
            tell_tests(rule)
        })
    }
}

impl Backtest {
    fn run(self) -> anyhow::Result<()> {
        let to = WallClock.now();
        let from = to - Duration::from_secs(u64::from(self.days) * 24 * 3600);
        let body = json!({"from": from.micros()});
        let card = Client::new(&self.remote)?.post(&format!("{}/backtest", of(&self.rule)), &body)?;
        answer(&self.remote, &card, |card| {
            say(&format!("{}  {} records in {:.1} s", text(&card["run"]), card["records"], number(&card["seconds"])))?;
            say(&format!(
                "would have run {} times and given {} commands; {} failed, {} were kept from running",
                card["fired"], card["commands"], card["failed"], card["kept_from_running"]
            ))?;
            let differences = &card["differences"];
            say(&format!(
                "the same happened for {}, not for {}; {} happened without it",
                differences["same"], differences["only_rule"], differences["only_history"]
            ))?;
            if let Some(energy) = card["energy_kilowatt_hours"].as_f64() {
                say(&format!("energy: {energy:+.2} kWh"))?;
            }
            list(card, "not_replayed").try_for_each(|what| say(&format!("not in the history: {}", text(what))))?;
            card["shaped_by"].as_str().map_or(Ok(()), say)?;
            list(card, "per_day").try_for_each(|day| {
                say(&format!("  {}  {:>5} runs {:>5} commands", text(&day["day"]), day["fired"], day["commands"]))
            })
        })
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

impl Promote {
    fn run(self) -> anyhow::Result<()> {
        let mut body = json!({"force": self.force});
        if let Some(run) = &self.run {
            body["run"] = json!(run);
        }
        if self.share.is_some() || !self.space.is_empty() {
            body["stage"] = json!({"spaces": self.space, "share": self.share.unwrap_or(1.0)});
        }
        if let Some(property) = &self.guard {
            body["guard"] = json!({"property": property, "above": self.above, "below": self.below, "for": self.hold});
        }
        let rule = Client::new(&self.remote)?.post(&format!("{}/promote", of(&self.rule)), &body)?;
        answer(&self.remote, &rule, |rule| say(&line(rule)))
    }
}

impl Revert {
    fn run(self) -> anyhow::Result<()> {
        let body = json!({"version": self.version});
        let rule = Client::new(&self.remote)?.post(&format!("{}/revert", of(&self.rule)), &body)?;
        answer(&self.remote, &rule, |rule| say(&line(rule)))
    }
}

impl Traces {
    fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        if let Some(run) = &self.run {
            let trace = client.get(&format!("/rules/traces/{}", escaped(run)))?;
            return answer(&self.remote, &trace, tell_trace);
        }
        let rule = self.rule.unwrap_or_default();
        let asked = query(&[("outcome", self.outcome.as_ref().map(word)), ("limit", Some(self.limit.to_string()))]);
        let found = client.get(&format!("{}/traces?{asked}", of(&rule)))?;
        answer(&self.remote, &found, |found| items(found).try_for_each(|trace| say(&trace_line(trace))))
    }
}

fn trace_line(trace: &Value) -> String {
    let shadow = if trace["shadow"] == true { "  in shadow" } else { "" };
    format!(
        "{:<18} {:<27} {:<17} {}{shadow}",
        text(&trace["id"]),
        moment(&trace["began"]),
        text(&trace["outcome"]).replace('_', " "),
        text(&trace["trigger_words"]),
    )
}

fn tell_trace(trace: &Value) -> anyhow::Result<()> {
    say(&trace_line(trace))?;
    list(trace, "steps").try_for_each(|step| {
        let detail = step["detail"].as_str().map(|detail| format!(": {detail}")).unwrap_or_default();
        say(&format!("  line {:<4} {:<8} {}{detail}", step["line"], text(&step["outcome"]), text(&step["words"])))
    })
}

impl WhyNot {
    fn run(self) -> anyhow::Result<()> {
        let at = self
            .at
            .as_ref()
            .map(|at| Timestamp::parse(at).with_context(|| format!("{at:?} is no moment\nhint: 2026-03-01T22:00:00Z")));
        let asked = query(&[("at", at.transpose()?.map(|at| at.micros().to_string()))]);
        let why = Client::new(&self.remote)?.get(&format!("{}/why-not?{asked}", of(&self.rule)))?;
        answer(&self.remote, &why, |why| {
            say(&text(&why["words"]))?;
            let off_by = |one: &Value| one["off_by"].as_str().map(|words| format!(": {words}")).unwrap_or_default();
            for trigger in list(why, "triggers") {
                let last = moment(&trigger["last"]);
                say(&format!("  trigger   {}{}; fired last: {last}", text(&trigger["words"]), off_by(trigger)))?;
            }
            list(why, "conditions").try_for_each(|condition| {
                let holds = if condition["held"] == true { "holds" } else { "MISSED" };
                say(&format!("  condition {holds}  {}{}", text(&condition["words"]), off_by(condition)))
            })
        })
    }
}

impl Only {
    fn conflicts(self) -> anyhow::Result<()> {
        let found = Client::new(&self.remote)?.get("/rules/conflicts")?;
        answer(&self.remote, &found, |found| {
            items(found).try_for_each(|conflict| {
                say(&format!(
                    "{:<14} {:<8} {}",
                    text(&conflict["kind"]),
                    text(&conflict["severity"]),
                    text(&conflict["words"])
                ))
            })
        })
    }
}

impl Import {
    fn run(self) -> anyhow::Result<()> {
        let body = json!({"format": "home_assistant", "text": read(&self.file)?, "save": self.save});
        let report = Client::new(&self.remote)?.post("/rules/import", &body)?;
        answer(&self.remote, &report, |report| {
            for item in items(report) {
                let id = item["id"].as_str().map(|id| format!("  kept as {id}")).unwrap_or_default();
                say(&format!("{}{id}", text(&item["title"])))?;
                list(item, "left_out").try_for_each(|left| {
                    say(&format!(
                        "  left out, line {}, {}: {}",
                        left["line"],
                        text(&left["path"]),
                        text(&left["message"])
                    ))
                })?;
                list(item, "guessed").try_for_each(|guessed| say(&format!("  guessed: {}", text(guessed))))?;
            }
            say(&format!(
                "{} rules: {} whole, {} partly, {} refused",
                report["rules"], report["whole"], report["partly"], report["refused"]
            ))
        })
    }
}

/// List alarms, or say what is to become of one
#[derive(Debug, Args)]
pub(super) struct Alarms {
    /// Which ones
    #[arg(long, value_enum, default_value_t = AlarmState::Active)]
    state: AlarmState,
    /// Say that somebody looks after this one
    #[arg(long, value_name = "ID", conflicts_with_all = ["shelve", "unshelve"])]
    acknowledge: Option<String>,
    /// What to note with it
    #[arg(long, requires = "acknowledge")]
    note: Option<String>,
    /// Hear no more of this one for a while
    #[arg(long, value_name = "ID", conflicts_with = "unshelve")]
    shelve: Option<String>,
    /// For how many hours
    #[arg(long, requires = "shelve", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=720))]
    hours: u64,
    /// Hear of this one again
    #[arg(long, value_name = "ID")]
    unshelve: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AlarmState {
    Active,
    Acknowledged,
    Shelved,
    Over,
    All,
}

impl Alarms {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let change = |id: &str, what: &str, body: &Value| client.post(&format!("/alarms/{}/{what}", escaped(id)), body);
        let changed = if let Some(id) = &self.acknowledge {
            Some(change(id, "acknowledge", &json!({"note": self.note}))?)
        } else if let Some(id) = &self.shelve {
            let until = WallClock.now() + Duration::from_hours(self.hours);
            Some(change(id, "shelve", &json!({"until": until.micros()}))?)
        } else if let Some(id) = &self.unshelve {
            Some(change(id, "unshelve", &json!({}))?)
        } else {
            None
        };
        if let Some(changed) = changed {
            return answer(&self.remote, &changed, |alarm| say(&alarm_line(alarm)));
        }
        let found = client.get(&format!("/alarms?state={}", word(&self.state)))?;
        answer(&self.remote, &found, |found| items(found).try_for_each(|alarm| say(&alarm_line(alarm))))
    }
}

fn alarm_line(alarm: &Value) -> String {
    format!(
        "{:<22} {:<12} {:<8} {:<27} {}x {}: {}",
        text(&alarm["id"]),
        text(&alarm["state"]),
        text(&alarm["severity"]),
        moment(&alarm["raised"]),
        alarm["count"],
        text(&alarm["name"]),
        text(&alarm["message"]),
    )
}
