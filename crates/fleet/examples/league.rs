//! Plays or checks League files from the command line, to measure planners.
//!
//! `league run INSTANCE.json STEPS STEP_MS [key=value...]` with the keys depth, threads, seed, urgency, temperature, busy, lanes, prepare, out, clock;
//! `league check RESULT.json [INSTANCE.json]`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool for measuring, no part of the product")]

use std::path::Path;
use std::time::Duration;

use fleet::league::{Instance, PREPARATION, Progress, RunSettings, check, run};
use model::{Clock, Timestamp, WallClock};

/// Time as this process has spent it on its processors, for measuring on a machine that others use too.
#[derive(Debug)]
struct ProcessorClock {
    threads: i64,
}

impl Clock for ProcessorClock {
    fn now(&self) -> Timestamp {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Timestamp((time.tv_sec * 1_000_000 + time.tv_nsec / 1_000) / self.threads)
    }
}

fn read(path: &str) -> Instance {
    let folder = Path::new(path).parent().expect("a file is in a folder").to_owned();
    let text = std::fs::read_to_string(path).expect("the instance can be read");
    let open = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    Instance::read(&text, &open).unwrap_or_else(|error| panic!("{error}"))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned));
    if words[0] == "check" {
        let text = std::fs::read_to_string(&words[1]).expect("the result can be read");
        let report = check(text.as_bytes(), words.get(2).map(|path| read(path)).as_ref())
            .unwrap_or_else(|error| panic!("{error}"));
        println!("{:?} of {} stated, {} faults", report.count, report.stated, report.faults_total);
        report.faults.iter().take(20).for_each(|fault| println!("{fault}"));
        return;
    }
    let mut instance = read(&words[1]);
    let mut planner = plan::Settings::default();
    let number = |key: &str| value(key).map(|text| text.parse::<f64>().expect("a number"));
    if let Some(depth) = number("depth") {
        planner.depth = Some(depth as usize);
    }
    if let Some(threads) = number("threads") {
        planner.threads = threads as usize;
    }
    if let Some(seed) = number("seed") {
        planner.seed = seed as u64;
    }
    if let Some(urgency) = number("urgency") {
        planner.urgency = Some(urgency);
    }
    if let Some(share) = number("busy") {
        planner.busy_share_max = share;
    }
    if let Some(temperature) = number("temperature") {
        planner.temperature = temperature;
    }
    if let Some(against) = number("lanes") {
        instance.grid = plan::Lanes { against: against as u8, ..plan::Lanes::default() }.apply(&instance.grid);
    }
    let settings = RunSettings {
        steps: words[2].parse().expect("steps"),
        preparation: value("prepare").map_or(PREPARATION, |text| Duration::from_secs(text.parse().expect("seconds"))),
        step_time: Duration::from_millis(words[3].parse().expect("milliseconds")),
        planner,
    };
    let processor = ProcessorClock { threads: planner.threads as i64 };
    let clock: &dyn Clock = if value("clock").as_deref() == Some("cpu") { &processor } else { &WallClock };
    let mut tried = 0;
    let mut report = |progress: Progress| {
        tried += progress.tried;
        if progress.step.is_multiple_of(100) || progress.step < 4 {
            println!(
                "{} {} {:?} late {} tried {}",
                progress.step, progress.finished, progress.took, progress.late, progress.tried
            );
        }
    };
    let outcome = run(&instance, settings, clock, &mut report).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{} {words:?} finished {} in {} steps, late {}, slowest {:?}, {} tried a step, {} errors",
        words[1].rsplit('/').next().unwrap_or_default(),
        outcome.finished,
        outcome.steps,
        outcome.late,
        outcome.slowest,
        tried / outcome.steps as u64,
        outcome.errors.len()
    );
    outcome.errors.iter().take(5).for_each(|error| println!("{error}"));
    if let Some(out) = value("out") {
        std::fs::write(out, outcome.file).expect("the result can be written");
    }
}
