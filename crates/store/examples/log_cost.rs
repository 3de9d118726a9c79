//! What the log costs: CPU and wall time per entry, on disk and in memory.
//!
//! `cargo run --release -p store --example log_cost [FOLDER]`
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, not the product"
)]

use std::time::{Duration, Instant};

use model::{Cause, Entry, Position, Timestamp};
use store::log::{Log, LogError, MemoryLog, SegmentLog, SegmentOptions, Urgency};

const ENTRIES: u64 = 1_000_000;

fn entry(index: u64) -> Entry {
    let thing: std::sync::Arc<str> = format!("thing-{:04}", index % 1000).into();
    Entry {
        position: Position::START,
        received: Timestamp(index as i64),
        topic: format!("things/{thing}/properties").into(),
        payload: format!("{{\"temperature\":{}.25,\"humidity\":41.5,\"power\":12.75,\"on\":true}}", index % 40).into(),
        qos: 1,
        retain: false,
        client: std::sync::Arc::clone(&thing),
        cause: Cause { kind: model::CauseKind::Device, id: thing, run: None, position: None },
        properties: bytes::Bytes::new(),
    }
}

/// CPU time of this process, all threads: in the program and in the system.
fn cpu() -> [Duration; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    [11, 12].map(|field| Duration::from_millis(fields[field].parse::<u64>().unwrap() * 10))
}

/// Appends with at most `window` entries in flight, as that many clients with one QoS 1 message each would.
fn pump(name: &str, log: &dyn Log, window: u64, count: u64, urgency: Urgency) {
    let samples: Vec<Entry> = (0..1000).map(entry).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (wall, before) = (Instant::now(), cpu());
    let mut durable = log.durable();
    for index in 0..count {
        let position = loop {
            match log.append(samples[(index % 1000) as usize].clone(), urgency) {
                Ok(position) => break position,
                Err(LogError::Full { .. }) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("{error}"),
            }
        };
        if position.0 > window {
            let needed = Position(position.0 - window);
            if *durable.borrow() <= needed {
                runtime.block_on(durable.wait_for(|end| *end > needed)).unwrap();
            }
        }
    }
    log.sync().unwrap();
    report(name, count, wall.elapsed(), before);
}

fn report(name: &str, count: u64, wall: Duration, before: [Duration; 2]) {
    let per = |time: Duration| time.as_nanos() as f64 / count as f64;
    let [program, system] = cpu();
    println!(
        "{name:28} {count:>8} entries, ns each: wall {:>8.0}, CPU {:>6.0} in the program, {:>6.0} in the system",
        per(wall),
        per(program.saturating_sub(before[0])),
        per(system.saturating_sub(before[1]))
    );
}

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/log_cost".to_owned());
    let folder = std::path::Path::new(&folder);
    drop(std::fs::remove_dir_all(folder));
    pump("memory", &MemoryLog::default(), u64::MAX, ENTRIES, Urgency::Now);
    let log = SegmentLog::open(folder, SegmentOptions::default()).unwrap();
    pump("disk, nobody waits (lazy)", &log, u64::MAX, ENTRIES, Urgency::Lazy);
    pump("disk, 4096 in flight", &log, 4096, ENTRIES / 2, Urgency::Now);
    pump("disk, 256 in flight", &log, 256, ENTRIES / 10, Urgency::Now);
    pump("disk, 1 in flight", &log, 1, 500, Urgency::Now);
    let bounds = log.bounds();
    println!("{:.1} bytes an entry on disk", bounds.bytes as f64 / (bounds.next.0 - 1) as f64);
    drop(log);

    let (wall, before) = (Instant::now(), cpu());
    let log = SegmentLog::open(folder, SegmentOptions::default()).unwrap();
    let count = log.recovery().entries;
    report("opening and verifying", count, wall.elapsed(), before);

    let (wall, before) = (Instant::now(), cpu());
    let mut from = Position(1);
    while let Some(last) = log.read(from, 10_000).unwrap().last() {
        from = last.position.next();
    }
    report("reading all from disk", from.0 - 1, wall.elapsed(), before);
    drop(std::fs::remove_dir_all(folder));
}
