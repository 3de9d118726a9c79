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
use home::device::{self, Device, DeviceKind};
use home::keeper::district::{District, Member};
use home::keeper::{CarbonWorth, Keeper, Quantity, Settings};
use model::{ThingId, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::foresight::{Building, Care, Ratios, ratios};
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
/// A day of the keeper's looking ahead: as far as prices are foreseen.
const AHEAD_HOURS: usize = 24;

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
}

/// Drives the buildings of a folder, and measures beside CityLearn's own controllers and the perfect foresight.
pub(super) fn rows(quick: bool, folder: &Path, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let place = Place::new(folder)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().replace('_', " ")).unwrap_or_default();
    let name = name.trim_start_matches("citylearn challenge ").to_owned();
    let buildings = answer::<Facts>(place.start("facts", &[])?)?.buildings;
    let hours = if quick { HOURS_QUICK } else { HOURS };
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
    let kept = keep(link);
    let driven = answer(child);
    drop(program);
    kept?;
    driven
}

/// One home: its keeper, and its battery as its thing tells.
struct Home {
    keeper: Keeper,
    battery: Device,
}

#[derive(Deserialize)]
struct Step {
    step: u64,
    time: String,
}

/// Hears what things say and tells batteries what to do, until there is nothing more to do.
fn keep(mut link: Link) -> anyhow::Result<()> {
    let mut homes: BTreeMap<String, Home> = BTreeMap::new();
    let mut district = District::default();
    loop {
        let (topic, payload) = link.next()?;
        let parts: Vec<&str> = topic.split('/').collect();
        match parts[..] {
            ["things", "citylearn", "events", "begin"] => homes = begin(&payload)?,
            ["things", "citylearn", "events", "end"] => return Ok(()),
            ["things", "citylearn", "events", "step"] => {
                let step: Step = serde_json::from_slice(&payload)?;
                let now = Timestamp::parse(&step.time).context("no time")?;
                for (thing, watts) in decide(&mut homes, &mut district, now) {
                    let command = serde_json::json!({"id": format!("{}-{thing}", step.step), "input": watts});
                    link.publish(&format!("things/{thing}/actions/set_power"), &command.to_string())?;
                }
            }
            ["things", thing, "properties"] => {
                let values: Vec<BTreeMap<String, Json>> = serde_json::from_slice(&payload)?;
                values.iter().try_for_each(|values| hear(&mut homes, thing, values))?;
            }
            _ => {}
        }
    }
}

fn begin(payload: &[u8]) -> anyhow::Result<BTreeMap<String, Home>> {
    #[derive(Deserialize)]
    struct Begin {
        homes: BTreeMap<String, Plate>,
    }
    /// What stands on the plate of a battery.
    #[derive(Deserialize)]
    struct Plate {
        capacity: f64,
        power: f64,
        efficiency: f64,
        depth_of_discharge: f64,
    }
    let begin: Begin = serde_json::from_slice(payload)?;
    let settings =
        Settings { step_seconds: 3_600, steps: AHEAD_HOURS, carbon: CarbonWorth::AsMuchAsCost, ..Settings::default() };
    let home = |(name, plate): (String, Plate)| {
        let battery = device::Battery {
            stored_kilowatt_hours: 0.0,
            capacity_kilowatt_hours: plate.capacity,
            reserve_kilowatt_hours: (1.0 - plate.depth_of_discharge).max(0.0) * plate.capacity,
            charge_watts_max: plate.power * 1_000.0,
            discharge_watts_max: plate.power * 1_000.0,
            // What it says is for there and back.
            charge_efficiency: plate.efficiency.sqrt(),
            discharge_efficiency: plate.efficiency.sqrt(),
            loss_per_hour: 0.0,
            wear_per_kilowatt_hour: 0.0,
        };
        let thing = ThingId::new(format!("{name}-battery"))?;
        let battery = Device { thing, title: "Battery".to_owned(), kind: DeviceKind::Battery(battery) };
        Ok((name, Home { keeper: Keeper::new(settings), battery }))
    };
    begin.homes.into_iter().map(home).collect()
}

/// What a thing said goes to the homes that it concerns.
fn hear(homes: &mut BTreeMap<String, Home>, thing: &str, values: &BTreeMap<String, Json>) -> anyhow::Result<()> {
    let time = values.get("time").and_then(Json::as_str).and_then(Timestamp::parse).context("no time")?;
    let value = |name: &str| values.get(name).and_then(Json::as_f64);
    let shared = [
        ("import_price", Quantity::ImportPrice),
        ("carbon_grams", Quantity::Carbon),
        ("outdoor_celsius", Quantity::Outdoor),
        ("direct_sun", Quantity::DirectSun),
        ("diffuse_sun", Quantity::DiffuseSun),
    ];
    for (name, quantity) in shared {
        let Some(value) = value(name) else { continue };
        for home in homes.values_mut() {
            if thing.ends_with("-forecast") {
                home.keeper.foresee(quantity, time, value);
            } else {
                home.keeper.tell(quantity, time, value);
            }
        }
    }
    let Some((name, role)) = thing.rsplit_once('-') else { return Ok(()) };
    let Some(home) = homes.get_mut(name) else { return Ok(()) };
    match role {
        "meter" => drop(value("load").map(|watts| home.keeper.tell(Quantity::Load, time, watts))),
        "solar" => drop(value("power").map(|watts| home.keeper.tell(Quantity::Solar, time, watts))),
        "battery" => {
            if let (Some(stored), DeviceKind::Battery(battery)) = (value("stored"), &mut home.battery.kind) {
                battery.stored_kilowatt_hours = stored;
            }
            if let Some(watts) = value("power") {
                home.keeper.tell_exchange(&home.battery.thing, time, watts);
            }
        }
        _ => {}
    }
    Ok(())
}

/// What every battery is to take.
fn decide(homes: &mut BTreeMap<String, Home>, district: &mut District, now: Timestamp) -> Vec<(ThingId, f64)> {
    let mut members: Vec<Member<'_>> = homes
        .values_mut()
        .map(|home| Member { keeper: &mut home.keeper, devices: std::slice::from_ref(&home.battery) })
        .collect();
    let decisions = district.decide(now, &mut members);
    let watts = decisions.iter().map(|decision| decision.set_points.first().map_or(0.0, |point| point.watts));
    homes.values().map(|home| home.battery.thing.clone()).zip(watts).collect()
}
