//! `simulate`, `plan`, `runs` and `operate`: the loop from the command line, on a running Manmul or right here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use fleet::warehouse::{Fleet, Warehouse, read_orders};
use home::domain::Energy;
use home::world::HomeWorld;
use model::WallClock;
use serde_json::{Value, json};
use site::run::{PlanRequest, RunBook, Scenario};
use store::files;
use store::state::MemoryState;

use super::client::{Client, escaped};
use super::fleet::bar;
use super::{Remote, say};
use crate::assemble::{domains, simulation_threads};

/// How often it is looked how far something is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The width of the longest bar of a plan's picture, in characters.
const PICTURE_WIDTH: f64 = 40.0;

/// How many wrong rows of a file are listed.
const FAULTS_SHOWN: usize = 20;

/// A progress bar's steps.
const BAR_STEPS: f64 = 1_000.0;

/// What is simulated.
#[derive(Debug, Args)]
struct Subject {
    /// A scenario (JSON); when left out, a fulfilment centre with twenty robots, or a sample home with --domain home
    scenario: Option<PathBuf>,
    /// The field of work of the scenario that is left out: fleet or home
    #[arg(long, default_value = Fleet::NAME, conflicts_with = "scenario")]
    domain: String,
    /// Changes a value of the scenario: /world/robots/count=40
    #[arg(long, value_name = "PLACE=VALUE")]
    set: Vec<String>,
    /// Known orders (CSV: time or second, from, to, priority, due) instead of those that come by chance
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Virtual hours
    #[arg(long)]
    hours: Option<f64>,
    /// How many seeds
    #[arg(long)]
    seeds: Option<u64>,
    /// Here in this process: needs no running Manmul, and keeps nothing
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Simulate a policy in a world
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    subject: Subject,
}

/// Search over candidates: how many robots, stations, which policy
#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    subject: Subject,
    /// What is varied: /world/robots/count=10,20,40; several make a grid
    #[arg(long, value_name = "PLACE=VALUE,...", required = true)]
    vary: Vec<String>,
    /// Which figure ranks the candidates; the domain's first when left out
    #[arg(long, default_value = "")]
    objective: String,
}

/// List runs, show one, or compare two
#[derive(Debug, Args)]
pub(super) struct Runs {
    /// A run to show
    run: Option<String>,
    /// Another one to compare it with
    #[arg(long, requires = "run")]
    compare: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Take the policy of a run live, or hand off
#[derive(Debug, Args)]
pub(super) struct Operate {
    /// The run to show for it
    #[arg(required_unless_present = "hands_off")]
    run: Option<String>,
    /// Only watch what it would do
    #[arg(long)]
    shadow: bool,
    /// No policy shall be live in this domain
    #[arg(long, value_name = "DOMAIN", conflicts_with = "run")]
    hands_off: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Where runs are made.
enum Bench {
    There(Client),
    Here(Arc<RunBook>),
}

impl Bench {
    fn of(subject: &Subject) -> anyhow::Result<Self> {
        if !subject.local {
            return Ok(Self::There(Client::new(&subject.remote)?));
        }
        let state = Arc::new(MemoryState::new());
        let book = RunBook::open(state, Arc::new(WallClock), domains(), simulation_threads())?;
        book.start();
        Ok(Self::Here(book))
    }

    /// Asks for a run or plan and waits for its end.
    fn finish(&self, kind: &str, body: Value) -> anyhow::Result<Value> {
        let asked = match self {
            Self::There(client) => client.post(&format!("/{kind}"), &body)?,
            Self::Here(book) if kind == "plans" => {
                let request: PlanRequest = serde_json::from_value(body)?;
                serde_json::to_value(book.plan(request, "here")?)?
            }
            Self::Here(book) => serde_json::to_value(book.simulate(serde_json::from_value(body)?, "here")?)?,
        };
        let id = asked["id"].as_str().context("the answer names no run")?.to_owned();
        let bar = bar(BAR_STEPS as u64);
        loop {
            let now = self.look(kind, &id)?;
            bar.set_position((now["progress"].as_f64().unwrap_or(0.0) * BAR_STEPS) as u64);
            match now["state"].as_str() {
                Some("waiting" | "running") => std::thread::sleep(LOOK_EVERY),
                Some("finished") => {
                    bar.finish_and_clear();
                    return Ok(now);
                }
                state => {
                    bar.finish_and_clear();
                    bail!(
                        "{id} {}: {}",
                        state.unwrap_or("is lost"),
                        now["problem"].as_str().unwrap_or("no reason given")
                    );
                }
            }
        }
    }

    fn look(&self, kind: &str, id: &str) -> anyhow::Result<Value> {
        Ok(match self {
            Self::There(client) => client.get(&format!("/{kind}/{}", escaped(id)))?,
            Self::Here(book) if kind == "plans" => serde_json::to_value(book.plan_run(id)?)?,
            Self::Here(book) => serde_json::to_value(book.run(id)?)?,
        })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Self::Here(book) = self {
            book.close();
        }
    }
}

impl Subject {
    /// The scenario with everything that was changed on the command line.
    fn scenario(&self) -> anyhow::Result<Value> {
        let mut scenario = match &self.scenario {
            Some(path) => read(path)?,
            None if self.domain == Energy::NAME => {
                json!({"domain": Energy::NAME, "policy": {"name": "optimiser"}, "duration_seconds": 7 * 86_400, "start": 0,
                "seeds": [1, 2, 3], "world": HomeWorld::default()})
            }
            None => {
                json!({"domain": self.domain, "policy": {"name": "central"}, "duration_seconds": 3_600, "start": 0,
                "seeds": [1, 2, 3], "world": Warehouse::default()})
            }
        };
        if let Some(hours) = self.hours {
            scenario["duration_seconds"] = json!((hours * 3_600.0).round() as u64);
        }
        if let Some(seeds) = self.seeds {
            scenario["seeds"] = json!((1..=seeds).collect::<Vec<_>>());
        }
        for change in &self.set {
            let (place, value) = assignment(change)?;
            put(&mut scenario, place, literal(value))?;
        }
        if let Some(path) = &self.orders {
            take_orders(&mut scenario, path)?;
        }
        // What cannot be a scenario is said here, where the file is known.
        let _: Scenario = serde_json::from_value(scenario.clone()).context("this is no scenario")?;
        Ok(scenario)
    }
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let place = || path.display().to_string();
    serde_json::from_str(&files::read_text(path).with_context(place)?).with_context(place)
}

/// Puts the orders of a file into a scenario of a warehouse.
fn take_orders(scenario: &mut Value, path: &Path) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let world: Option<Warehouse> = serde_json::from_value(scenario["world"].take()).context("this is no warehouse")?;
    let mut warehouse = world.unwrap_or_default();
    let floor = warehouse.floor.floor().map_err(|complaints| {
        anyhow!(
            "{}",
            complaints.iter().map(|it| format!("{}: {}", it.place, it.problem)).collect::<Vec<_>>().join("\n")
        )
    })?;
    warehouse.demand.orders_per_hour = 0.0;
    warehouse.demand.list = read_orders(&files::read_text(path).with_context(place)?, &floor).map_err(|errors| {
        let told = errors.iter().map(|it| {
            let column = if it.column.is_empty() { String::new() } else { format!(" {}", it.column) };
            format!("row {}{column}: {}; {}", it.row, it.problem, it.hint)
        });
        anyhow!(
            "{}: {} rows are wrong\n{}",
            place(),
            errors.len(),
            told.take(FAULTS_SHOWN).collect::<Vec<_>>().join("\n")
        )
    })?;
    scenario["world"] = serde_json::to_value(warehouse)?;
    Ok(())
}

fn assignment(text: &str) -> anyhow::Result<(&str, &str)> {
    let found = text.split_once('=').filter(|(place, _)| place.starts_with('/'));
    found.ok_or_else(|| anyhow!("{text:?} changes nothing\nhint: write it like /world/robots/count=40"))
}

/// JSON where it is JSON, else the text itself.
fn literal(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Puts a value at a JSON pointer; its last part may be new.
fn put(document: &mut Value, place: &str, value: Value) -> anyhow::Result<()> {
    if let Some(found) = document.pointer_mut(place) {
        *found = value;
        return Ok(());
    }
    let (parent, name) = place.rsplit_once('/').unwrap_or(("", place));
    let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
    let parent = parent.ok_or_else(|| anyhow!("the scenario has nothing at {place}"))?;
    parent.insert(name.to_owned(), value);
    Ok(())
}

impl Simulate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let scenario = self.subject.scenario()?;
        let run = Bench::of(&self.subject)?.finish("runs", scenario)?;
        if self.subject.remote.json { say(&run.to_string()) } else { show_run(&run) }
    }
}

fn show_run(run: &Value) -> anyhow::Result<()> {
    say(&format!("{}  {}", run["id"].as_str().unwrap_or_default(), run["state"].as_str().unwrap_or_default()))?;
    for (name, summary) in run["kpis"].as_object().into_iter().flatten() {
        say(&format!("  {name:<24} {}", interval(summary)))?;
    }
    for finding in run["findings"].as_array().into_iter().flatten() {
        say(&format!("  {}", finding.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// A figure with how sure it is.
fn interval(summary: &Value) -> String {
    let mean = summary["mean"].as_f64().unwrap_or(f64::NAN);
    match summary["half_width"].as_f64() {
        Some(half) => format!("{mean:>12.3} ± {half:.3}"),
        None => format!("{mean:>12.3}"),
    }
}

impl Plan {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let base = self.subject.scenario()?;
        let vary = self.vary.iter().map(|text| {
            let (place, values) = assignment(text)?;
            Ok(json!({"place": place, "values": values.split(',').map(literal).collect::<Vec<_>>()}))
        });
        let vary: Vec<Value> = vary.collect::<anyhow::Result<_>>()?;
        let request = json!({"base": base, "vary": vary, "objective": self.objective});
        let plan = Bench::of(&self.subject)?.finish("plans", request)?;
        if self.subject.remote.json { say(&plan.to_string()) } else { show_plan(&plan) }
    }
}

/// The ranking, a bar for each candidate, and the best in a sentence.
fn show_plan(plan: &Value) -> anyhow::Result<()> {
    let found = &plan["found"];
    let objective = found["objective"].as_str().unwrap_or_default();
    let ranked: Vec<&Value> = found["ranked"].as_array().into_iter().flatten().collect();
    let mean = |one: &Value| one["kpis"][objective]["mean"].as_f64();
    let most = ranked.iter().filter_map(|one| mean(one)).fold(f64::MIN_POSITIVE, f64::max);
    say(&format!("{objective}, the best first; {} simulations", found["simulations"]))?;
    for one in &ranked {
        let values: Vec<String> =
            one["candidate"]["values"].as_array().into_iter().flatten().map(ToString::to_string).collect();
        let values = values.join("  ");
        match mean(one) {
            Some(figure) => {
                let width = (figure / most * PICTURE_WIDTH).max(0.0) as usize;
                let summary = &one["kpis"][objective];
                let seeds = &summary["seeds"];
                say(&format!("  {values:<20} {}  {seeds:>3} seeds  {}", interval(summary), "█".repeat(width)))?;
            }
            None => say(&format!("  {values:<20} {}", one["failed"].as_str().unwrap_or("no figure")))?,
        }
    }
    let Some(best) = ranked.first() else { return Ok(()) };
    let places: Vec<&str> =
        plan["request"]["vary"].as_array().into_iter().flatten().filter_map(|one| one["place"].as_str()).collect();
    let chosen = |candidate: &Value, without: &str| -> String {
        let values = candidate["values"].as_array().into_iter().flatten();
        let pairs = places.iter().zip(values).filter(|(place, _)| **place != without);
        pairs.map(|(place, value)| format!("{place} = {value}")).collect::<Vec<_>>().join(", ")
    };
    say(&format!("best: {}", chosen(&best["candidate"], "")))?;
    for finding in best["findings"].as_array().into_iter().flatten() {
        say(&format!("  {}", finding.as_str().unwrap_or_default()))?;
    }
    for turn in found["turns"].as_array().into_iter().flatten() {
        let others = chosen(&turn["candidate"], turn["place"].as_str().unwrap_or_default());
        let others = if others.is_empty() { others } else { format!(" ({others})") };
        say(&format!("  {}{others}", turn["words"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

impl Runs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        match (&self.run, &self.compare) {
            (None, _) => {
                for run in client.get("/runs")?.as_array().into_iter().flatten() {
                    let title = run["scenario"]["title"].as_str().unwrap_or_default();
                    let (id, state) =
                        (run["id"].as_str().unwrap_or_default(), run["state"].as_str().unwrap_or_default());
                    let domain = run["scenario"]["domain"].as_str().unwrap_or_default();
                    say(&if self.remote.json {
                        run.to_string()
                    } else {
                        format!("{id}  {state:<10} {domain:<8} {title}")
                    })?;
                }
                Ok(())
            }
            (Some(run), None) => {
                let run = client.get(&format!("/runs/{}", escaped(run)))?;
                if self.remote.json { say(&run.to_string()) } else { show_run(&run) }
            }
            (Some(first), Some(second)) => {
                let compared =
                    client.get(&format!("/comparison?first={}&second={}", escaped(first), escaped(second)))?;
                if self.remote.json { say(&compared.to_string()) } else { show_comparison(&compared) }
            }
        }
    }
}

fn show_comparison(compared: &Value) -> anyhow::Result<()> {
    say(&format!("{:<24} {:>24} {:>24}  difference", "", "first", "second"))?;
    for one in compared.as_array().into_iter().flatten() {
        let verdict = match one["second_is_better"].as_bool() {
            Some(true) => "better",
            Some(false) => "worse",
            None => "no sure difference",
        };
        let name = one["name"].as_str().unwrap_or_default();
        let (first, second) = (interval(&one["first"]), interval(&one["second"]));
        say(&format!("{name:<24} {first:>24} {second:>24}  {} {verdict}", interval(&one["difference"]).trim_start()))?;
    }
    Ok(())
}

impl Operate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let live = match (&self.run, &self.hands_off) {
            (Some(run), _) => {
                let mode = if self.shadow { "shadow" } else { "operate" };
                client.post(&format!("/runs/{}/promote", escaped(run)), &json!({ "mode": mode }))?
            }
            (None, Some(domain)) => client.delete(&format!("/domains/{}/live", escaped(domain)))?,
            (None, None) => bail!("neither a run nor a domain was named"),
        };
        if self.remote.json {
            return say(&live.to_string());
        }
        match live["now"].as_object() {
            Some(now) => say(&format!(
                "{} is live: {}",
                now["policy"]["name"].as_str().unwrap_or_default(),
                now["mode"].as_str().unwrap_or_default()
            )),
            None => say("hands off: no policy is live"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_a_file_replace_those_by_chance_and_wrong_rows_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        let taken = |text: &str| {
            files::write_atomic(&path, text.as_bytes()).unwrap();
            let mut scenario = json!({"world": Warehouse::default()});
            take_orders(&mut scenario, &path)
                .map(|()| scenario["world"]["demand"].take())
                .map_err(|error| error.to_string())
        };
        let demand = taken("second,from,to\n5,shelf-r3c3,station-1\n").unwrap();
        assert_eq!((&demand["orders_per_hour"], demand["list"].as_array().unwrap().len()), (&json!(0.0), 1));
        let told = taken("second,from,to\n5,shelf-r3c3,moon\nlate,shelf-r3c3,station-1\n").unwrap_err();
        assert!(told.contains("orders.csv: 2 rows are wrong\nrow 3 time: \"late\" is no time"), "{told}");
        assert!(told.contains("row 2 to: the floor has no storage or station \"moon\""), "{told}");
    }

    #[test]
    fn values_are_put_where_they_belong() {
        let mut document = json!({"world": {"robots": {"count": 1}}});
        put(&mut document, "/world/robots/count", literal("40")).unwrap();
        put(&mut document, "/world/floor", literal(r#"{"sortation": {}}"#)).unwrap();
        put(&mut document, "/title", literal("Monday")).unwrap();
        assert_eq!(
            document,
            json!({"world": {"robots": {"count": 40}, "floor": {"sortation": {}}}, "title": "Monday"})
        );
        assert!(put(&mut document, "/moon/base", json!(1)).is_err());
        assert!(assignment("count=4").is_err() && assignment("/count").is_err());
    }
}
