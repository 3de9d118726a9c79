//! What runs besides the connections: one tick for all timers, one task that routes what became durable, and two
//! threads that may wait for the disk.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::core::Core;
use crate::counters::Figure;

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);

pub(crate) fn spawn(core: &Arc<Core>, stop: &watch::Receiver<bool>) -> Vec<thread::JoinHandle<()>> {
    tokio::spawn(until(stop.clone(), tick(Arc::clone(core))));
    tokio::spawn(until(stop.clone(), route(Arc::clone(core))));
    let run = |name: &str, serve: fn(&Arc<Core>)| {
        let core = Arc::clone(core);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || serve(&core));
        thread.expect("a thread can be started when a broker is")
    };
    vec![run("mqtt-state", Core::serve_jobs), run("mqtt-read", |core| core.serve_reads())]
}

async fn until(mut stop: watch::Receiver<bool>, task: impl Future<Output = ()>) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = task => {}
    }
}

async fn tick(core: Arc<Core>) {
    let start = core.clock.now();
    let mut checkpoint_at = start + core.config.checkpoint_interval;
    let mut system_at = start;
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let now = core.clock.now();
        core.tick(now);
        if now >= checkpoint_at {
            checkpoint_at = now + core.config.checkpoint_interval;
            core.retained.expire(now);
            core.jobs.checkpoint();
        }
        if now >= system_at && !core.config.sys_interval.is_zero() {
            system_at = now + core.config.sys_interval;
            publish_system(&core, now.since(start));
        }
    }
}

/// Routes entries as the log reports them durable. While nothing waits, the log's reports wake nobody.
async fn route(core: Arc<Core>) {
    let mut durable = core.durable();
    loop {
        core.appended.notified().await;
        while core.has_pending() {
            durable.borrow_and_update();
            core.route_durable(core.clock.now());
            if core.has_pending() && durable.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The broker's own topics.
fn publish_system(core: &Core, uptime: Duration) {
    let now = core.clock.now();
    let (messages, bytes) = core.retained.size();
    core.counters.retained_messages.store(messages as u64, std::sync::atomic::Ordering::Relaxed);
    core.counters.retained_bytes.store(bytes as u64, std::sync::atomic::Ordering::Relaxed);
    let say = |topic: &str, text: String| core.publish_system(&format!("$SYS/broker/{topic}"), Bytes::from(text), now);
    say("version", concat!("manmul ", env!("CARGO_PKG_VERSION")).to_owned());
    say("uptime", format!("{} seconds", uptime.as_secs()));
    let figures = core.counters.snapshot();
    let of = |name: &str| figures.iter().find(|figure| figure.name == name).map_or(0, |figure| figure.value);
    say("clients/connected", of("clients").to_string());
    say("messages/received", of("messages_received").to_string());
    say("messages/sent", of("messages_sent").to_string());
    for Figure { name, value, .. } in &figures {
        say(name, value.to_string());
    }
}
