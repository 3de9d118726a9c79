//! EMHASS on the same days, with the same forecasts and devices, both plans judged by the same bill.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use home::device::{Appliance, Battery, Device, DeviceKind};
use home::outlook::{Aims, Outlook};
use home::program::plan;
use model::ThingId;
use serde::Deserialize;
use serde_json::json;

use super::day;
use crate::machine;
use crate::report::{Row, Target};

/// How often a day is planned anew, for a time that the kernel's clock can tell.
const AGAIN: u32 = 50;

/// Watts and kilowatt hours that a plan may be off without being called wrong.
const WATTS_OFF_MAX: f64 = 5.0;
const STORED_OFF_MAX: f64 = 0.02;

/// What EMHASS says of a day.
#[derive(Deserialize)]
struct Answer {
    first: f64,
    again: f64,
    battery: Vec<f64>,
    machines: Vec<Vec<f64>>,
}

/// A process with EMHASS.
struct Peer {
    process: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
    _scratch: tempfile::TempDir,
}

impl Peer {
    fn start() -> anyhow::Result<(Self, String)> {
        let scratch = tempfile::tempdir()?;
        let script = scratch.path().join("emhass_peer.py");
        std::fs::write(&script, include_str!("emhass_peer.py"))?;
        let python = std::env::var_os("BENCH_EMHASS").unwrap_or_else(|| "python3".into());
        let mut process = Command::new(python)
            .arg(&script)
            .arg(scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("EMHASS\nhint: run `cargo xtask bench home`, which installs it")?;
        let asks = process.stdin.take().context("no way to the peer")?;
        let says = BufReader::new(process.stdout.take().context("no way from the peer")?);
        let mut peer = Self { process, asks, says, _scratch: scratch };
        let version = peer.line()?;
        Ok((peer, serde_json::from_str(&version)?))
    }

    /// The next line of JSON; what its solver says beside is passed over.
    fn line(&mut self) -> anyhow::Result<String> {
        loop {
            let mut line = String::new();
            let read = self.says.read_line(&mut line)?;
            ensure!(read > 0, "EMHASS ended\nhint: run `cargo xtask bench home`, which installs it");
            if line.starts_with(['{', '"']) {
                return Ok(line);
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(super) fn rows(quick: bool, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let days = if quick { 3 } else { 10 };
    let (mut peer, version) = Peer::start()?;
    let beside = format!("EMHASS {version}");
    let aims = Aims {
        carbon_price_per_kilogram: 0.0,
        peak_price_per_kilowatt: 0.0,
        end_price_per_kilowatt_hour: 0.0,
        ..day::aims()
    };
    let (mut ours, mut theirs, mut size) = (0.0, 0.0, 0.0);
    let (mut our_time, mut their_first, mut their_again) = (0.0, 0.0, f64::INFINITY);
    for seed in 0..days {
        let outlook = day::outlook(1_000 + seed);
        let (battery, machines) = devices(seed);
        let home = home_of(&battery, &machines)?;
        let schedule = plan(&home, &outlook, &aims)?;
        let watts: Vec<&[f64]> = schedule.devices.iter().map(|device| &*device.watts).collect();
        ours += bill(&outlook, &battery, &machines, &watts).with_context(|| format!("our plan of day {seed}"))?;
        let before = machine::cpu_time(std::process::id())?;
        for _ in 0..AGAIN {
            plan(&home, &outlook, &aims)?;
        }
        our_time += machine::cpu_time(std::process::id())?.saturating_sub(before).as_secs_f64() / f64::from(AGAIN);
        writeln!(peer.asks, "{}", question(&outlook, &aims, &battery, &machines))?;
        let answer: Answer = serde_json::from_str(&peer.line()?)?;
        let watts: Vec<&[f64]> =
            std::iter::once(&answer.battery).chain(&answer.machines).map(|watts| &**watts).collect();
        theirs +=
            bill(&outlook, &battery, &machines, &watts).with_context(|| format!("the peer's plan of day {seed}"))?;
        size += bill(&outlook, &battery, &[], &[&vec![0.0; day::STEPS]])?.abs();
        their_first += answer.first;
        their_again = f64::min(their_again, answer.again);
    }
    let shape = format!("{days} days, 96 steps, a battery and two machines");
    add(Row::beside(format!("{shape}: cost of all"), "currency", ours, &beside, theirs, Target::None));
    let dearer = (ours - theirs) / size.max(theirs.abs()) * 100.0;
    add(Row::absolute(format!("{shape}: dearer than {beside}"), "%", dearer, Target::AtMost(0.5)));
    let count = days as f64;
    let (our_time, their_first) = (our_time / count * 1e3, their_first / count * 1e3);
    add(Row::beside(
        format!("{shape}: a plan anew; of the peer the fastest"),
        "CPU ms",
        our_time,
        &beside,
        their_again * 1e3,
        Target::RatioAtMost(0.1),
    ));
    add(Row::beside(
        format!("{shape}: the first plan"),
        "CPU ms",
        our_time,
        &beside,
        their_first,
        Target::RatioAtMost(0.1),
    ));
    Ok(())
}

/// A battery that begins and ends at its least, and two machines with programmes of one power, since EMHASS knows no others that run as a whole.
fn devices(seed: u64) -> (Battery, Vec<Appliance>) {
    let capacity = 6.0 + seed as f64;
    let battery = Battery {
        stored_kilowatt_hours: 0.2 * capacity,
        capacity_kilowatt_hours: capacity,
        reserve_kilowatt_hours: 0.2 * capacity,
        charge_watts_max: 4_000.0,
        // EMHASS takes the efficiency off the greatest power too.
        discharge_watts_max: 0.95 * 4_000.0,
        charge_efficiency: 0.95,
        discharge_efficiency: 0.95,
        loss_per_hour: 0.0,
        wear_per_kilowatt_hour: 0.0,
    };
    let machine =
        |watts, steps| Appliance { programme_watts: vec![watts; steps], earliest_start: 0, latest_end: day::STEPS };
    (battery, vec![machine(2_000.0, 8), machine(1_200.0, 4)])
}

fn home_of(battery: &Battery, machines: &[Appliance]) -> anyhow::Result<Vec<Device>> {
    let kinds = std::iter::once(DeviceKind::Battery(battery.clone()))
        .chain(machines.iter().cloned().map(DeviceKind::Appliance));
    let device = |(place, kind)| {
        let thing = ThingId::new(format!("device-{place}")).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Device { title: thing.to_string(), thing, kind })
    };
    kinds.enumerate().map(device).collect()
}

fn question(outlook: &Outlook, aims: &Aims, battery: &Battery, machines: &[Appliance]) -> serde_json::Value {
    json!({
        "step_minutes": outlook.horizon.step_seconds / 60,
        "load_watts": outlook.load_watts,
        "solar_watts": outlook.solar_watts,
        "import_price": outlook.import_price,
        "export_price": outlook.export_price,
        "import_watts_max": aims.import_watts_max,
        "export_watts_max": aims.export_watts_max,
        "battery": {
            "capacity": battery.capacity_kilowatt_hours,
            "charge_watts_max": battery.charge_watts_max,
            "discharge_watts_max": battery.discharge_watts_max / battery.discharge_efficiency,
            "charge_efficiency": battery.charge_efficiency,
            "discharge_efficiency": battery.discharge_efficiency,
            "least": battery.reserve_kilowatt_hours / battery.capacity_kilowatt_hours,
        },
        "machines": machines.iter().map(|machine| &machine.programme_watts).collect::<Vec<_>>(),
    })
}

/// What a plan costs, whoever made it: from its powers alone, which must be possible and do all that is asked for.
fn bill(outlook: &Outlook, battery: &Battery, machines: &[Appliance], watts: &[&[f64]]) -> anyhow::Result<f64> {
    let hours = outlook.horizon.step_hours();
    let mut stored = battery.stored_kilowatt_hours;
    for power in watts[0] {
        ensure!(*power <= battery.charge_watts_max + WATTS_OFF_MAX, "the battery charges with {power} W");
        ensure!(-power <= battery.discharge_watts_max + WATTS_OFF_MAX, "the battery gives {power} W");
        let moved = power / 1_000.0 * hours;
        stored += if moved > 0.0 { moved * battery.charge_efficiency } else { moved / battery.discharge_efficiency };
        let (least, most) =
            (battery.reserve_kilowatt_hours - STORED_OFF_MAX, battery.capacity_kilowatt_hours + STORED_OFF_MAX);
        ensure!((least..=most).contains(&stored), "the battery holds {stored} kWh");
    }
    for (machine, watts) in machines.iter().zip(&watts[1..]) {
        let runs = |start: usize| {
            machine
                .programme_watts
                .iter()
                .zip(&watts[start..])
                .all(|(asked, watts)| (asked - watts).abs() < WATTS_OFF_MAX)
        };
        let energy = |watts: &[f64]| watts.iter().sum::<f64>() / 1_000.0 * hours;
        ensure!((0..=watts.len() - machine.programme_watts.len()).any(runs), "a machine does not run as a whole");
        ensure!(
            (energy(watts) - energy(&machine.programme_watts)).abs() < STORED_OFF_MAX,
            "a machine runs more than once"
        );
    }
    let of = |step: usize| {
        let devices: f64 = watts.iter().map(|watts| watts[step]).sum();
        let kilowatt_hours = (outlook.load_watts[step] - outlook.solar_watts[step] + devices) / 1_000.0 * hours;
        kilowatt_hours * if kilowatt_hours > 0.0 { outlook.import_price[step] } else { outlook.export_price[step] }
    };
    Ok((0..outlook.horizon.steps).map(of).sum())
}
