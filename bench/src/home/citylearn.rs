//! Homes of CityLearn under [`home::keeper`], over MQTT.
//!
//! CityLearn runs in a process of its own (`bridge.py`) and is a client of a running Manmul like any other: every meter, roof
//! and battery is a thing. A second client keeps the homes: it hears what the things say, and tells each battery by its action
//! what power to take; the homes stand behind one connection, and settle there what they draw together. Nobody here sees a row of
//! the data before CityLearn shows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::foresight::{Building, Care, Ratios, ratios};
use super::kept;
use crate::link::Link;
use crate::pipeline::program;
use crate::report::{Row, Target};

const BRIDGE: &str = include_str!("bridge.py");

/// The year of the challenge, and how much of it is a minute's worth.
const HOURS: usize = 8_760;
const HOURS_QUICK: usize = 240;
/// How much is driven with another future, and from where on it is another.
const HOURS_CAUSAL: usize = 144;
const HOURS_KNOWN: usize = 120;
/// Where CityLearn is, and the buildings.
pub(super) struct Place {
    python: PathBuf,
    schema: PathBuf,
    bridge: tempfile::NamedTempFile,
}

/// What came of driving.
#[derive(Debug, Deserialize)]
struct Driven {
    figures: BTreeMap<String, f64>,
    drawn: BTreeMap<String, Vec<f64>>,
    #[serde(default)]
    actions: Vec<Vec<f64>>,
}

impl Driven {
    fn ratios(&self) -> Ratios {
        let figure = |name: &str| self.figures.get(name).copied().unwrap_or(f64::NAN);
        Ratios {
            cost: figure("cost_total"),
            carbon: figure("carbon_emissions_total"),
            daily_peak: figure("daily_peak_average"),
            peak: figure("all_time_peak_average"),
            ramping: figure("ramping_average"),
            load_factor: figure("daily_one_minus_load_factor_average"),
        }
    }
}

impl Place {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let python = std::env::var_os("BENCH_CITYLEARN").context(
            "BENCH_CITYLEARN does not name a Python that has CityLearn\nhint: run `cargo xtask bench home`, which installs it",
        )?;
        let schema = folder.join("schema.json");
        ensure!(schema.exists(), "{} is not there\nhint: name the folder with --citylearn", schema.display());
        let bridge = tempfile::Builder::new().suffix(".py").tempfile()?;
        std::fs::write(bridge.path(), BRIDGE)?;
        Ok(Self { python: python.into(), schema, bridge })
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.bridge.path()).arg(what).arg(&self.schema);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }

    fn start(&self, what: &str, arguments: &[String]) -> anyhow::Result<Child> {
        let mut command = self.command(what);
        command.args(arguments).spawn().with_context(|| format!("{}: cannot be started", self.python.display()))
    }
}

/// Waits for CityLearn's last word.
fn answer<T: serde::de::DeserializeOwned>(child: Child) -> anyhow::Result<T> {
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "CityLearn failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("CityLearn said nothing")?;
    Ok(serde_json::from_str(last)?)
}

/// What the bridge says of a set.
#[derive(Deserialize)]
struct Facts {
    buildings: Vec<Building>,
    actions: Vec<String>,
}

/// Drives the buildings of a folder, and measures beside CityLearn's own controllers and the perfect foresight.
pub(super) fn rows(quick: bool, folder: &Path, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let place = Place::new(folder)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().replace('_', " ")).unwrap_or_default();
    let name = name.trim_start_matches("citylearn challenge ").to_owned();
    let Facts { buildings, actions } = answer::<Facts>(place.start("facts", &[])?)?;
    let hours = if quick { HOURS_QUICK } else { HOURS };
    if actions.iter().any(|action| action != "electrical_storage") {
        return rows_of_comfort(&place, &name, hours, add);
    }
    let anchor = |agent: &str| -> anyhow::Result<Child> { place.start("rule", &[hours.to_string(), agent.to_owned()]) };

    let best = anchor("BasicBatteryRBC")?;
    let ours = drive(&place, hours)?;
    let best = answer::<Driven>(best)?.ratios();
    let others = [("BasicRBC", anchor("BasicRBC")?), ("OptimizedRBC", anchor("OptimizedRBC")?)];
    for (agent, child) in others {
        tell_anchor(&name, agent, &answer::<Driven>(child)?.ratios(), add);
    }
    tell_anchor(&name, "BasicBatteryRBC", &best, add);
    // CityLearn has the last hour of an episode in its series, and does not act in it.
    let hours = ours.drawn.values().map(Vec::len).min().unwrap_or(hours);
    let foreseen = |care| -> anyhow::Result<Ratios> {
        let drawn: Result<Vec<_>, _> = buildings.iter().map(|building| building.foreseen(hours, care)).collect();
        Ok(ratios(&buildings, &drawn?))
    };
    tell_anchor(&name, "foresight for cost", &foreseen(Care::Cost)?, add);
    tell_anchor(&name, "foresight for carbon", &foreseen(Care::Carbon)?, add);
    let optimum = foreseen(Care::Both)?;
    tell_anchor(&name, "foresight for both", &optimum, add);
    add(Row::absolute(
        format!("{name}: our battery beside CityLearn's, largest difference in an hour"),
        "kWh",
        replica_error(&buildings, &ours),
        Target::AtMost(1e-6),
    ));
    tell_ours(&name, hours, &ours.ratios(), &best, &optimum, add);
    add(Row::absolute(
        format!("{name}: actions of {HOURS_KNOWN} h changed by another future"),
        "actions",
        changed_by_future(&place, folder)? as f64,
        Target::AtMost(0.0),
    ));
    Ok(())
}

/// Homes with cooling and hot water: the least cost and discomfort of CityLearn's own controllers beside ours. What could be reached with foresight is not known here.
fn rows_of_comfort(place: &Place, name: &str, hours: usize, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let figure = |driven: &Driven, name: &str| driven.figures.get(name).copied().unwrap_or(f64::NAN);
    let ours = drive(place, hours)?;
    let hours = ours.drawn.values().map(Vec::len).min().unwrap_or(hours);
    for agent in ["BasicRBC", "OptimizedRBC", "BasicBatteryRBC"] {
        let theirs = answer::<Driven>(place.start("rule", &[(hours + 1).to_string(), agent.to_owned()])?)?;
        let mut beside = |what: &str, unit: &'static str, of: &str, by: f64, target| {
            let metric = format!("{name}, {hours} h: {what}");
            add(Row::beside(metric, unit, by * figure(&ours, of), agent, by * figure(&theirs, of), target));
        };
        beside("cost", "x no control", "cost_total", 1.0, Target::RatioAtMost(1.0));
        beside("discomfort, of the hours with people", "%", "discomfort_proportion", 100.0, Target::RatioAtMost(1.0));
        beside("carbon", "x no control", "carbon_emissions_total", 1.0, Target::None);
        beside("daily peak", "x no control", "daily_peak_average", 1.0, Target::None);
        beside("ramping", "x no control", "ramping_average", 1.0, Target::None);
    }
    Ok(())
}

fn tell_anchor(name: &str, who: &str, ratios: &Ratios, add: &mut dyn FnMut(Row)) {
    add(Row::absolute(format!("{name}: {who}, cost"), "x no control", ratios.cost, Target::None));
    add(Row::absolute(format!("{name}: {who}, carbon"), "x no control", ratios.carbon, Target::None));
    add(Row::absolute(format!("{name}: {who}, mean"), "x no control", ratios.mean(), Target::None));
    add(Row::absolute(format!("{name}: {who}, daily peak"), "x no control", ratios.daily_peak, Target::None));
    add(Row::absolute(format!("{name}: {who}, highest peak"), "x no control", ratios.peak, Target::None));
    add(Row::absolute(format!("{name}: {who}, ramping"), "x no control", ratios.ramping, Target::None));
    add(Row::absolute(format!("{name}: {who}, 1 - load factor"), "x no control", ratios.load_factor, Target::None));
}

fn tell_ours(name: &str, hours: usize, ours: &Ratios, best: &Ratios, optimum: &Ratios, add: &mut dyn FnMut(Row)) {
    let mut beside = |what: &str, ours: f64, theirs: f64, target| {
        let metric = format!("{name}, {hours} h: {what}");
        add(Row::beside(metric, "x no control", ours, "BasicBatteryRBC", theirs, target));
    };
    beside("cost", ours.cost, best.cost, Target::None);
    beside("carbon", ours.carbon, best.carbon, Target::None);
    beside("mean of cost and carbon", ours.mean(), best.mean(), Target::AtMost(0.85));
    beside("daily peak", ours.daily_peak, best.daily_peak, Target::AtMost(1.0));
    beside("highest peak", ours.peak, best.peak, Target::AtMost(1.0));
    beside("ramping", ours.ramping, best.ramping, Target::AtMost(1.0));
    beside("1 - load factor", ours.load_factor, best.load_factor, Target::None);
    let share = (best.mean() - ours.mean()) / (best.mean() - optimum.mean());
    add(Row::absolute(
        format!("{name}, {hours} h: way from BasicBatteryRBC to the perfect foresight"),
        "%",
        100.0 * share,
        Target::AtLeast(80.0),
    ));
}

/// The largest difference between what CityLearn's buildings drew and what ours draw when asked for the same.
fn replica_error(buildings: &[Building], driven: &Driven) -> f64 {
    let mut largest = 0.0_f64;
    for (at, building) in buildings.iter().enumerate() {
        let ours = building.replayed(driven.actions.iter().map(|actions| actions[at]));
        let theirs = driven.drawn.get(&building.name).map(Vec::as_slice).unwrap_or_default();
        for (ours, theirs) in ours.iter().zip(theirs) {
            largest = largest.max((ours - theirs).abs());
        }
    }
    largest
}

/// How many actions are others when everything behind an hour is.
fn changed_by_future(place: &Place, folder: &Path) -> anyhow::Result<usize> {
    let other = tempfile::tempdir()?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let text = std::fs::read(&path)?;
        let name = path.file_name().context("a file has a name")?;
        let is_table = path.extension().is_some_and(|extension| extension == "csv");
        std::fs::write(
            other.path().join(name),
            if is_table { reversed(&String::from_utf8(text)?).into_bytes() } else { text },
        )?;
    }
    let usual = drive(place, HOURS_CAUSAL)?;
    let changed = drive(&Place::new(other.path())?, HOURS_CAUSAL)?;
    let pairs = usual.actions.iter().zip(&changed.actions);
    ensure!(
        pairs.clone().skip(HOURS_KNOWN + 1).any(|(ours, theirs)| ours != theirs),
        "the other future is not another"
    );
    Ok(pairs.take(HOURS_KNOWN + 1).map(|(ours, theirs)| ours.iter().zip(theirs).filter(|(a, b)| a != b).count()).sum())
}

/// A table with the rows behind the known ones in reverse order.
fn reversed(table: &str) -> String {
    let mut lines: Vec<&str> = table.lines().collect();
    if let Some(unknown) = lines.get_mut(HOURS_KNOWN + 2..) {
        unknown.reverse();
    }
    lines.join("\n") + "\n"
}

/// One run: the program, CityLearn and the keeper.
fn drive(place: &Place, hours: usize) -> anyhow::Result<Driven> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("manmul.toml");
    let grants = "[http]\ntls_listen = \"\"\n[mqtt]\ntls_listen = \"\"\n[mqtt.anonymous]\n\
                  grants = [{ filter = \"things/#\", publish = true, subscribe = true }]\n";
    std::fs::write(&config, grants)?;
    let (http, mqtt) = (program::free_address()?, program::free_address()?);
    let (program, _) = program::start(&config, &folder.path().join("data"), http, mqtt)?;
    let link = Link::connect(mqtt, "keeper", &["things/+/properties", "things/citylearn/events/+"])?;
    let child = place.start("serve", &[hours.to_string(), mqtt.ip().to_string(), mqtt.port().to_string()])?;
    let kept = kept::keep(link, hours);
    let driven = answer(child);
    drop(program);
    kept?;
    driven
}
