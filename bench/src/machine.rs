//! What the machine tells of itself and of a process: name, CPU time, memory.

use std::time::Duration;

use anyhow::Context;

/// Kernel clock ticks a second, as `/proc` counts CPU time; fixed by the Linux ABI.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor and its number of cores, in words.
pub fn name() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("model name").map(str::to_owned)))
        .map_or_else(|| "unknown processor".to_owned(), |line| line.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{model}, {cores} cores")
}

/// User and system time that a process and its threads have used so far.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    ticks(pid, &[11, 12])
}

/// The same with the child processes it has: those that are over, and those that run.
pub fn cpu_time_with_children(pid: u32) -> anyhow::Result<Duration> {
    let mut time = ticks(pid, &[11, 12, 13, 14])?;
    let path = format!("/proc/{pid}/task/{pid}/children");
    for child in std::fs::read_to_string(&path).unwrap_or_default().split_whitespace() {
        // A child may end at any moment; then it counts among those that are over.
        time += child.parse().ok().and_then(|child| ticks(child, &[11, 12]).ok()).unwrap_or_default();
    }
    Ok(time)
}

/// The sum of some fields of `/proc/PID/stat`, counted from behind the command's name.
fn ticks(pid: u32, wanted: &[usize]) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path}: is the process still there?"))?;
    // The command's name stands in parentheses and may hold spaces; fields are counted from behind it.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: &usize| fields.get(*index).and_then(|field| field.parse::<u64>().ok());
    let sum: Option<u64> = wanted.iter().map(ticks).sum();
    let sum = sum.with_context(|| format!("{path}: not the format of proc(5)"))?;
    Ok(Duration::from_secs_f64(sum as f64 / TICKS_PER_SECOND))
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path}: is the process still there?"))?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path}: no VmRSS line"))? * 1024)
}
