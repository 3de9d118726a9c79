//! kill -9 at random moments under QoS 1 and 2 load: nothing acknowledged is lost, nothing of QoS 2 comes twice.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "this drives other processes, and fails where they do"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::process::Server;
use common::raw_mqtt::Client;
use rand::{Rng, SeedableRng};

/// How often the server is killed.
const CYCLES: u32 = 50;

/// The longest that the server lives between two kills.
const LIFE_MS_MAX: u64 = 350;

/// Unacknowledged messages that the publishers keep under way.
const WINDOW: usize = 50;

/// Publishes numbered messages until the connection breaks or the time is over.
fn load(client: &mut Client, qos: u8, next: &mut u64, until: Instant) {
    while Instant::now() < until {
        while client.in_flight() < WINDOW {
            let payload = format!("{qos}:{next}");
            *next += 1;
            if client.publish(qos, &format!("kill/{qos}"), payload.as_bytes()).is_err() {
                return;
            }
        }
        if client.run(Duration::from_millis(2)).is_err() {
            return;
        }
    }
}

fn counts(received: &[(u8, Vec<u8>)]) -> BTreeMap<&[u8], usize> {
    let mut counts = BTreeMap::new();
    for (_, payload) in received {
        *counts.entry(payload.as_slice()).or_default() += 1;
    }
    counts
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let seed: u64 = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (KILL_SEED=... plays another one)");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut once = Client::new("publisher-1");
    let mut exactly = Client::new("publisher-2");
    let mut subscriber = Client::new("subscriber");
    let (mut next_once, mut next_exactly) = (0, 0);

    for cycle in 0..CYCLES {
        let server = Server::start_open(folder.path());
        let killed_at = Instant::now() + Duration::from_millis(rng.random_range(20..LIFE_MS_MAX));
        for client in [&mut subscriber, &mut once, &mut exactly] {
            client.connect(server.mqtt).unwrap();
            assert_eq!(client.session_present, cycle > 0, "{client:?}");
        }
        if cycle == 0 {
            subscriber.subscribe("kill/#", 2).unwrap();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| load(&mut once, 1, &mut next_once, killed_at));
            scope.spawn(|| load(&mut exactly, 2, &mut next_exactly, killed_at));
            scope.spawn(|| while Instant::now() < killed_at && subscriber.run(Duration::from_millis(5)).is_ok() {});
        });
        server.kill();
    }

    let server = Server::start_open(folder.path());
    for client in [&mut subscriber, &mut once, &mut exactly] {
        client.connect(server.mqtt).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut quiet_since = Instant::now();
    while Instant::now() < deadline && quiet_since.elapsed() < Duration::from_secs(2) {
        let before = subscriber.received.len();
        for client in [&mut once, &mut exactly, &mut subscriber] {
            client.run(Duration::from_millis(50)).unwrap();
        }
        if subscriber.received.len() > before || once.in_flight() + exactly.in_flight() > 0 {
            quiet_since = Instant::now();
        }
    }
    server.stop();

    assert_eq!((once.in_flight(), exactly.in_flight()), (0, 0), "everything is acknowledged in the end");
    assert!(once.acknowledged.len() > 500 && exactly.acknowledged.len() > 500, "the load was real");
    let received = counts(&subscriber.received);
    let lost: Vec<_> = once
        .acknowledged
        .iter()
        .chain(&exactly.acknowledged)
        .filter(|payload| !received.contains_key(payload.as_slice()))
        .map(|payload| String::from_utf8_lossy(payload))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let twice: Vec<_> = received
        .iter()
        .filter(|(payload, count)| payload.starts_with(b"2:") && **count > 1)
        .map(|(payload, count)| (String::from_utf8_lossy(payload), count))
        .collect();
    assert!(twice.is_empty(), "came twice: {twice:?}");
}
