//! How long planning takes, in time of the processor.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use home::group::{Feeder, Member, plan_group};
use home::outlook::Outlook;
use home::program::plan;

use super::day::{self, STEPS};
use crate::machine;
use crate::report::{Row, Target};

/// Devices of the large home, and homes of the group with the devices of each.
const DEVICES: usize = 20;
const HOMES: usize = 100;
const DEVICES_EACH: usize = 5;

/// The part that the feeder carries of what the homes would take together, each alone.
const FEEDER_PART: f64 = 0.8;

pub(super) fn rows(quick: bool, add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let days = if quick { 10 } else { 50 };
    let shape = format!("a plan of {DEVICES} devices, {STEPS} steps");
    let (usual, worst) = large_home(days)?;
    add(Row::absolute(format!("{shape}, mean of {days} days"), "CPU ms", usual * 1e3, Target::AtMost(100.0)));
    add(Row::absolute(format!("{shape}, the slowest day"), "ms", worst * 1e3, Target::None));
    add(Row::absolute("a plan of one battery, 96 steps", "CPU ms", battery(days * 10)? * 1e3, Target::None));
    group(add)
}

/// What a plan of a large home takes: the mean of the processor, and the longest by the clock.
fn large_home(days: u64) -> anyhow::Result<(f64, f64)> {
    let aims = day::aims();
    let mut worst = Duration::ZERO;
    let before = machine::cpu_time(std::process::id())?;
    for seed in 0..days {
        let (devices, outlook) = (day::devices(DEVICES, seed), day::outlook(seed));
        let begun = Instant::now();
        plan(&devices, &outlook, &aims).with_context(|| format!("day {seed}"))?;
        worst = worst.max(begun.elapsed());
    }
    let spent = machine::cpu_time(std::process::id())?.saturating_sub(before);
    Ok((spent.as_secs_f64() / days as f64, worst.as_secs_f64()))
}

fn battery(days: u64) -> anyhow::Result<f64> {
    let aims = day::aims();
    let before = machine::cpu_time(std::process::id())?;
    for seed in 0..days {
        plan(&day::devices(1, seed), &day::outlook(seed), &aims).with_context(|| format!("day {seed}"))?;
    }
    let spent = machine::cpu_time(std::process::id())?.saturating_sub(before);
    Ok(spent.as_secs_f64() / days as f64)
}

/// A hundred homes behind a feeder that cannot carry what they would take one by one.
fn group(add: &mut dyn FnMut(Row)) -> anyhow::Result<()> {
    let aims = day::aims();
    let homes: Vec<_> = (0..HOMES as u64).map(|seed| (day::devices(DEVICES_EACH, seed), day::outlook(seed))).collect();
    let members: Vec<Member<'_>> =
        homes.iter().map(|(devices, outlook)| Member { devices, outlook, aims: &aims }).collect();
    let wide = Feeder { import_watts_max: f64::INFINITY, export_watts_max: f64::INFINITY };
    let peak = |watts: &[f64]| watts.iter().copied().fold(0.0, f64::max);
    let alone = plan_group(&members, &wide)?;
    let narrow = Feeder { import_watts_max: FEEDER_PART * peak(&alone.grid_watts), ..wide };
    let before = machine::cpu_time(std::process::id())?;
    let begun = Instant::now();
    let together = plan_group(&members, &narrow)?;
    let (took, spent) = (begun.elapsed(), machine::cpu_time(std::process::id())?.saturating_sub(before));
    let shape = format!(
        "{HOMES} homes of {DEVICES_EACH} devices behind a feeder for {:.0} % of their peak",
        FEEDER_PART * 100.0
    );
    add(Row::absolute(format!("{shape}: re-planned"), "s", took.as_secs_f64(), Target::AtMost(2.0)));
    add(Row::absolute(format!("{shape}: re-planned"), "CPU s", spent.as_secs_f64(), Target::None));
    let over = peak(&together.grid_watts) / narrow.import_watts_max;
    add(Row::absolute(format!("{shape}: peak, of the limit"), "", over, Target::AtMost(1.001)));
    let cost = |plan: &home::group::GroupPlan| plan.homes.iter().map(|schedule| schedule.cost).sum::<f64>();
    let without = homes.iter().map(|(_, outlook)| idle_cost(outlook)).sum::<f64>();
    add(Row::absolute(
        format!("{shape}: dearer than without the feeder"),
        "%",
        (cost(&together) / cost(&alone) - 1.0) * 100.0,
        Target::None,
    ));
    add(Row::absolute("the same homes, all devices off", "cost", without, Target::None));
    Ok(())
}

fn idle_cost(outlook: &Outlook) -> f64 {
    let steps =
        outlook.load_watts.iter().zip(&outlook.solar_watts).zip(outlook.import_price.iter().zip(&outlook.export_price));
    let of = |((load, solar), (import, export)): ((&f64, &f64), (&f64, &f64))| {
        let kilowatt_hours = (load - solar) / 1_000.0 * outlook.horizon.step_hours();
        kilowatt_hours * if kilowatt_hours > 0.0 { import } else { export }
    };
    steps.map(of).sum()
}
