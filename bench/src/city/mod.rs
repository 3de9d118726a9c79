//! Signals of junctions under [`city`], in the streets of SUMO over MQTT, beside simple controllers under the same limits.

mod broker;
mod drive;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use self::drive::{Driven, Map, Setting, Who, drive};
use crate::report::{Report, Row, Target};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// A minute's worth.
    pub quick: bool,
    /// The folder of maps, a folder each.
    pub maps: PathBuf,
    /// Only these maps; all when empty.
    pub only: Vec<String>,
    /// How many seeds.
    pub seeds: u64,
    /// The first seed.
    pub first_seed: u64,
    /// How many times the demand of the files.
    pub demand: f64,
}

/// Steps of a quick run.
const STEPS_QUICK: u64 = 900;
/// Runs at a time.
const WORKERS: usize = 2;

/// The folders of maps, by name.
fn maps(options: &Options) -> anyhow::Result<Vec<Map>> {
    let list = std::fs::read_dir(&options.maps)
        .with_context(|| format!("{} cannot be read\nhint: name the folder with --maps", options.maps.display()))?;
    let mut folders: Vec<PathBuf> = list.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    let name = |folder: &Path| folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folders.retain(|folder| folder.is_dir() && (options.only.is_empty() || options.only.contains(&name(folder))));
    ensure!(!folders.is_empty(), "there is no such map in {}", options.maps.display());
    folders.iter().map(|folder| Map::open(folder)).collect()
}

/// Drives all of them, some at a time; gives what came of each in their order.
fn drive_all(runs: &[(&Map, Setting)]) -> anyhow::Result<Vec<Driven>> {
    let results: Mutex<BTreeMap<usize, anyhow::Result<Driven>>> = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((map, setting)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let number = runs.iter().position(|(_, other)| std::ptr::eq(other, setting)).unwrap_or_default();
                    let driven = drive(map, setting);
                    #[expect(clippy::print_stderr, reason = "whoever watches a long run wants to see it go on")]
                    if let Ok(driven) = &driven {
                        eprintln!(
                            "{} {} seed {}: delay {:.1} s, {} of {} trips, red {} s, refused {}, forced {}, {:.2} ms a decision",
                            map.name,
                            setting.who.name(),
                            setting.seed,
                            driven.delay,
                            driven.finished,
                            driven.trips,
                            driven.red_longest,
                            driven.refused,
                            driven.forced,
                            1e3 * driven.deciding_seconds / driven.decisions.max(1) as f64
                        );
                    }
                    if let Ok(mut results) = results.lock() {
                        results.insert(number, driven);
                    }
                }
            });
        }
    });
    let results = results.into_inner().map_err(|_| anyhow::anyhow!("a run panicked"))?;
    results.into_values().collect()
}

/// Measures everything; every figure is told as it comes.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    let maps = maps(options)?;
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };
    let seeds: Vec<u64> = (options.first_seed..options.first_seed + options.seeds.max(1)).collect();
    let steps = if options.quick { STEPS_QUICK } else { 0 };
    for map in &maps {
        let all: Vec<Who> = [Who::Programme, Who::Planned].into_iter().chain(Who::PEERS).collect();
        let mut runs = Vec::new();
        for who in &all {
            for seed in &seeds {
                let setting = Setting {
                    who: *who,
                    seed: *seed,
                    scale: options.demand,
                    steps,
                    more: Json::Null,
                    killed_after: None,
                };
                runs.push((map, setting));
            }
        }
        let driven = drive_all(&runs)?;
        let of: BTreeMap<Who, &[Driven]> = all.iter().copied().zip(driven.chunks(seeds.len())).collect();
        tell(map, &of, &mut add);
        let fixed = of.get(&Who::Fixed).map_or(f64::NAN, |driven| mean(driven, |driven| driven.delay));
        faults(map, options, &seeds, fixed, &mut add)?;
    }
    ensure!(!rows.is_empty(), "nothing was measured");
    Ok(Report::new("city", rows))
}

fn mean(driven: &[Driven], figure: impl Fn(&Driven) -> f64) -> f64 {
    driven.iter().map(figure).sum::<f64>() / driven.len() as f64
}

fn tell(map: &Map, of: &BTreeMap<Who, &[Driven]>, add: &mut dyn FnMut(Row)) {
    let name = &map.name;
    let delay = |who: Who| of.get(&who).map_or(f64::NAN, |driven| mean(driven, |driven| driven.delay));
    let version =
        of.values().flat_map(|driven| driven.iter()).map(|driven| driven.version.as_str()).next().unwrap_or("SUMO");
    for (who, driven) in of {
        let each: Vec<String> = driven.iter().map(|driven| format!("{:.1}", driven.delay)).collect();
        add(Row::absolute(
            format!("{name}, {version}: {}, delay [{}]", who.name(), each.join(" ")),
            "s",
            delay(*who),
            Target::None,
        ));
    }
    let best = Who::PEERS.into_iter().min_by(|a, b| delay(*a).total_cmp(&delay(*b))).unwrap_or(Who::Fixed);
    add(Row::beside(
        format!("{name}: planned beside the best simple controller, delay"),
        "s",
        delay(Who::Planned),
        best.name(),
        delay(best),
        Target::RatioAtMost(1.0),
    ));
    let (Some(planned), Some(fixed)) = (of.get(&Who::Planned), of.get(&Who::Fixed)) else { return };
    let mut delays: Vec<f64> = planned.iter().map(|driven| driven.delay).collect();
    delays.sort_by(f64::total_cmp);
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    add(Row::absolute(
        format!("{name}: planned, worst seed beside the median"),
        "x",
        worst / median,
        Target::AtMost(1.3),
    ));
    let finished = mean(planned, |driven| driven.finished);
    add(Row::beside(
        format!("{name}: planned, finished trips"),
        "trips",
        finished,
        "fixed",
        mean(fixed, |driven| driven.finished),
        Target::RatioAtLeast(0.97),
    ));
    let sum = |figure: fn(&Driven) -> u64| planned.iter().map(figure).sum::<u64>() as f64;
    add(Row::absolute(
        format!("{name}: planned, refused wishes"),
        "wishes",
        sum(|driven| driven.refused),
        Target::AtMost(0.0),
    ));
    add(Row::absolute(
        format!("{name}: planned, late decisions"),
        "s",
        sum(|driven| driven.misses),
        Target::AtMost(0.0),
    ));
    let red = planned.iter().map(|driven| driven.red_longest).max().unwrap_or_default();
    add(Row::absolute(format!("{name}: planned, longest red"), "s", red as f64, Target::AtMost(120.0)));
}

/// The share of lanes whose detectors are dead.
const DEAD_SHARE: f64 = 0.2;
/// After so many seconds nobody decides any more.
const KILLED_AFTER: u64 = 600;

/// What is left when detectors die, and when nobody decides any more.
fn faults(map: &Map, options: &Options, seeds: &[u64], fixed: f64, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let name = &map.name;
    let steps = if options.quick { STEPS_QUICK } else { 0 };
    let setting = |seed: u64, more: Json, killed_after| Setting {
        who: Who::Planned,
        seed,
        scale: options.demand,
        steps,
        more,
        killed_after,
    };
    let dead = |seed: &u64| (map, setting(*seed, json!({"dead": DEAD_SHARE, "dead_seed": seed}), None));
    let mut runs: Vec<(&Map, Setting)> = seeds.iter().map(dead).collect();
    // Long enough for a slow machine while somebody decides, and no wait when nobody does.
    runs.push((map, setting(seeds[0], json!({"deadline_seconds": 5.0}), Some(KILLED_AFTER))));
    let mut driven = drive_all(&runs)?;
    let Some(killed) = driven.pop() else { return Ok(()) };
    let lanes = mean(&driven, |driven| driven.dead as f64);
    add(Row::beside(
        format!("{name}: planned with the detectors of {lanes:.0} lanes dead, delay"),
        "s",
        mean(&driven, |driven| driven.delay),
        "fixed",
        fixed,
        Target::RatioAtMost(0.8),
    ));
    let back = killed.fallback.iter().map(|second| second.unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
    add(Row::absolute(
        format!("{name}: killed, until every junction is back on its programme"),
        "s",
        back - killed.silent_from.unwrap_or(f64::NAN),
        Target::AtMost(30.0),
    ));
    add(Row::beside(
        format!("{name}: killed after {KILLED_AFTER} s, delay"),
        "s",
        killed.delay,
        "fixed",
        fixed,
        Target::RatioAtMost(1.05),
    ));
    Ok(())
}
