//! One run: SUMO in a process of its own, and the junctions decided over MQTT.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, ensure};
use city::network::Network;
use city::policy::{Actuated, City, Fixed, Greedy, Planned, Policy, Pressure, Settings};
use city::signal::{ExitCount, LaneCount, Limits, Showing, Zone};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::broker::Broker;
use crate::link::Link;

const BRIDGE: &str = include_str!("bridge.py");

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The network's own programme without our limits, in SUMO itself.
    Programme,
    /// The network's own programme.
    Fixed,
    /// SUMO's own actuation.
    SumoActuated,
    /// Our actuation.
    Actuated,
    /// Max pressure.
    Pressure,
    /// The most vehicles first.
    Greedy,
    /// Planned control.
    Planned,
}

impl Who {
    /// Those that planned control is measured beside under the same limits.
    pub(super) const PEERS: [Self; 5] = [Self::Fixed, Self::SumoActuated, Self::Actuated, Self::Pressure, Self::Greedy];

    /// In words.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Programme => "programme of the file, no limits",
            Self::Fixed => "fixed",
            Self::SumoActuated => "actuated (SUMO)",
            Self::Actuated => "actuated",
            Self::Pressure => "max pressure",
            Self::Greedy => "greedy",
            Self::Planned => "planned",
        }
    }

    const fn native(self) -> &'static str {
        match self {
            Self::Programme => "programme",
            Self::SumoActuated => "actuated",
            _ => "",
        }
    }

    fn policy(self) -> Box<dyn Policy> {
        match self {
            Self::Programme | Self::SumoActuated | Self::Fixed => Box::new(Fixed),
            Self::Actuated => Box::new(Actuated::default()),
            Self::Pressure => Box::new(Pressure::default()),
            Self::Greedy => Box::new(Greedy::default()),
            Self::Planned => Box::new(Planned::new(Settings::default())),
        }
    }
}

/// A map: a folder `NAME` with `NAME.net.xml`, `NAME.sumocfg` and what that names.
#[derive(Debug, Clone)]
pub(super) struct Map {
    /// Its name.
    pub(super) name: String,
    configuration: PathBuf,
    network: Arc<Network>,
}

impl Map {
    /// Reads the network.
    pub(super) fn open(folder: &std::path::Path) -> anyhow::Result<Self> {
        let name = folder.file_name().context("a map is a folder")?.to_string_lossy().into_owned();
        let configuration = folder.join(format!("{name}.sumocfg"));
        ensure!(configuration.exists(), "{} is not there", configuration.display());
        let file = folder.join(format!("{name}.net.xml"));
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let network = Network::from_sumo(&text).map_err(|faults| {
            let told: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
            anyhow::anyhow!("{}: {} faults\n{}", file.display(), faults.len(), told.join("\n"))
        })?;
        Ok(Self { name, configuration: std::path::absolute(configuration)?, network: Arc::new(network) })
    }
}

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) who: Who,
    pub(super) seed: u64,
    /// How many times the demand of the file.
    pub(super) scale: f64,
    /// Steps of a second; all of the file when zero.
    pub(super) steps: u64,
    /// What the bridge is told beside.
    pub(super) more: Json,
    /// After so many steps nobody decides any more.
    pub(super) killed_after: Option<u64>,
}

/// What came of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Driven {
    /// RESCO's average delay, in seconds.
    pub(super) delay: f64,
    pub(super) trips: f64,
    pub(super) finished: f64,
    /// Wishes that the field controllers refused.
    #[serde(default)]
    pub(super) refused: u64,
    /// Phases that the field controllers brought about because of the most red.
    #[serde(default)]
    pub(super) forced: u64,
    /// Seconds in which no answer came in time.
    #[serde(default)]
    pub(super) misses: u64,
    /// Lanes whose detectors were dead.
    #[serde(default)]
    pub(super) dead: u64,
    /// When nobody decided for the first time.
    #[serde(default)]
    pub(super) silent_from: Option<f64>,
    /// The longest red of all, in seconds.
    #[serde(default)]
    pub(super) red_longest: u64,
    /// The second at which each field controller went back to its programme.
    #[serde(default)]
    pub(super) fallback: Vec<Option<f64>>,
    /// Wall time of all decisions, in seconds.
    #[serde(skip)]
    pub(super) deciding_seconds: f64,
    #[serde(skip)]
    pub(super) decisions: u64,
    /// SUMO's version.
    pub(super) version: String,
}

/// Runs it.
pub(super) fn drive(map: &Map, setting: &Setting) -> anyhow::Result<Driven> {
    let python = std::env::var_os("BENCH_SUMO").context(
        "BENCH_SUMO does not name a Python that has SUMO\nhint: run `cargo xtask bench city`, which installs it",
    )?;
    let bridge = tempfile::Builder::new().suffix(".py").tempfile()?;
    std::fs::write(bridge.path(), BRIDGE)?;
    let broker = Broker::start()?;
    let mut settings = json!({
        "configuration": map.configuration, "seed": setting.seed, "scale": setting.scale, "steps": setting.steps,
        "native": setting.who.native(), "host": broker.address.ip().to_string(), "port": broker.address.port(),
    });
    if let (Json::Object(settings), Json::Object(more)) = (&mut settings, &setting.more) {
        settings.extend(more.clone());
    }
    let topics = ["things/+/properties", "things/city/events/+"];
    let link = Link::connect(broker.address, "signals", &topics)?;
    let mut command = Command::new(python);
    command.arg(bridge.path()).arg(settings.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let child = command.spawn().context("the bridge cannot be started")?;
    let spent = if setting.who.native().is_empty() { Some(operate(link, map, setting)) } else { None };
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the bridge failed: {}", output.status);
    let (deciding_seconds, decisions) = spent.transpose()?.unwrap_or_default();
    let text = String::from_utf8(output.stdout)?;
    let driven: Driven = serde_json::from_str(text.lines().last().context("the bridge said nothing")?)?;
    Ok(Driven { deciding_seconds, decisions, ..driven })
}

#[derive(Deserialize)]
struct Begin {
    signals: BTreeMap<String, String>,
    second: f64,
}

#[derive(Deserialize)]
struct Step {
    second: f64,
}

/// What a junction says of itself.
#[derive(Deserialize)]
struct Told {
    phase: usize,
    next: Option<usize>,
    seconds: u32,
    lanes: BTreeMap<String, (u64, Vec<f64>, Vec<f64>)>,
    exits: BTreeMap<String, (f64, f64, u64)>,
}

/// Hears what junctions say and tells them their phases, until there is nothing more to do. Gives the seconds spent on deciding
/// and how often it was decided.
fn operate(mut link: Link, map: &Map, setting: &Setting) -> anyhow::Result<(f64, u64)> {
    let mut policy = setting.who.policy();
    let lanes = map.network.lanes_by_id();
    let mut city: Option<City> = None;
    let mut things: BTreeMap<String, usize> = BTreeMap::new();
    let (mut spent, mut decisions) = (0.0, 0);
    loop {
        let (topic, payload) = link.next()?;
        let parts: Vec<&str> = topic.split('/').collect();
        match parts[..] {
            ["things", "city", "events", "begin"] => {
                let begin: Begin = serde_json::from_slice(&payload)?;
                for (signal, thing) in begin.signals {
                    things.insert(thing, map.network.signal(&signal).context("an unknown signal")?);
                }
                city = Some(City::new(map.network.clone(), Limits::default(), begin.second));
            }
            ["things", "city", "events", "end"] => return Ok((spent, decisions)),
            ["things", "city", "events", "step"] => {
                if setting.killed_after.is_some_and(|after| decisions >= after) {
                    return Ok((spent, decisions));
                }
                let step: Step = serde_json::from_slice(&payload)?;
                let city = city.as_mut().context("a step before the begin")?;
                city.second = step.second;
                let begin = std::time::Instant::now();
                let wishes = city.decide(policy.as_mut());
                spent += begin.elapsed().as_secs_f64();
                decisions += 1;
                for (thing, signal) in &things {
                    let controller = &mut city.junctions[*signal].controller;
                    let current = match controller.showing() {
                        Showing::Green { phase, .. } => phase,
                        Showing::Changing { to, .. } => to,
                    };
                    if let Some(phase) = wishes[*signal] {
                        let command = json!({"id": format!("{}", step.second), "input": phase});
                        link.publish(&format!("things/{thing}/actions/set_phase"), &command.to_string())?;
                    }
                    ensure!(
                        controller.step(step.second, Some(wishes[*signal].unwrap_or(current))).is_ok(),
                        "{thing}: the safety layer refused what it had let pass"
                    );
                }
                let done = json!({"id": format!("{}", step.second), "input": step.second});
                link.publish("things/city/actions/step", &done.to_string())?;
            }
            ["things", thing, "properties"] => {
                let told: Told = serde_json::from_slice(&payload)?;
                let (Some(signal), Some(city)) = (things.get(thing), city.as_mut()) else { continue };
                hear(&mut city.junctions[*signal], &map.network, &lanes, told);
            }
            _ => {}
        }
    }
}

fn hear(junction: &mut city::policy::Junction, network: &Network, lanes: &BTreeMap<&str, usize>, told: Told) {
    let Told { phase, next, seconds, lanes: counted, exits } = told;
    junction.controller.observe(match next {
        None => Showing::Green { phase, seconds },
        Some(to) => Showing::Changing { from: phase, to, seconds },
    });
    let count = |(lane, (passed, moving, standing)): (String, (u64, Vec<f64>, Vec<f64>))| {
        let zone = |(moving, standing)| Zone { moving, standing };
        let zones = moving.into_iter().zip(standing).map(zone).collect();
        Some((*lanes.get(lane.as_str())?, LaneCount { zones, passed }))
    };
    let exit = |(lane, (vehicles, standing, entered)): (String, (f64, f64, u64))| {
        Some((*lanes.get(lane.as_str())?, ExitCount { vehicles, standing, entered }))
    };
    let shown = junction.controller.aspects();
    let counts = counted.into_iter().filter_map(count).collect();
    junction.seen.tell(network, counts, exits.into_iter().filter_map(exit).collect(), &shown);
}
