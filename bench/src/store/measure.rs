//! CPU time and wall time of what is run.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::machine;

/// What some work cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.wall += other.wall;
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Runs something in this process.
pub(super) fn cpu(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Cost> {
    of_process(std::process::id(), work)
}

/// Runs something that another process, with its children, works on.
pub(super) fn of_process(pid: u32, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Cost> {
    let (started, before) = (now(), machine::cpu_time_with_children(pid)?);
    work()?;
    Ok(Cost { cpu: machine::cpu_time_with_children(pid)?.saturating_sub(before), wall: started.elapsed() })
}

/// CPU milliseconds of one of so many runs.
pub(super) fn cpu_each(runs: usize, mut work: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let cost = cpu(|| (0..runs).try_for_each(&mut work))?;
    Ok(cost.cpu.as_secs_f64() * 1e3 / runs as f64)
}

/// Wall milliseconds of the median of so many runs.
pub(super) fn wall_median(runs: usize, mut work: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..runs {
        let started = now();
        work(run)?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[runs / 2].as_secs_f64() * 1e3)
}
