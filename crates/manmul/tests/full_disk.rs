//! A disk that is full for a while: nothing is acknowledged that is not kept, reading goes on, the program says what is
//! wrong, and goes on by itself when there is room. Linux only: room is taken and given by the limit of file sizes.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "this drives other processes, and fails where they do"
)]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::process::Server;
use common::raw_mqtt::Client;

/// How large a file may be while there is little room.
const FILE_BYTES_MAX: u64 = 300_000;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets both clients work until `done`. A connection that the server closes is made anew.
fn work(server: &Server, clients: &mut [&mut Client], done: impl Fn(&[&mut Client]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(clients) {
        assert!(Instant::now() < deadline, "{clients:?}");
        for client in &mut *clients {
            if client.run(Duration::from_millis(20)).is_err() {
                // While the disk is full it may be refused, and tries again.
                drop(client.connect(server.mqtt));
            }
        }
    }
}

#[test]
fn a_full_disk_holds_everything_up_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_open_with_limits(folder.path());
    let (mut publisher, mut subscriber) = (Client::new("publisher"), Client::new("subscriber"));
    for client in [&mut publisher, &mut subscriber] {
        client.connect(server.mqtt).unwrap();
    }
    subscriber.subscribe("things/full/#", 1).unwrap();
    publisher.publish(1, "things/full/properties/first", b"1").unwrap();
    work(&server, &mut [&mut publisher, &mut subscriber], |clients| clients[0].in_flight() == 0);
    server.wait_for_thing("full", "its first value", |thing| thing["properties"][0]["value"].as_f64());

    server.room(Some(FILE_BYTES_MAX));
    let is_full = || {
        let figures = server.get("/metrics");
        let count = figures.lines().find_map(|line| line.strip_prefix("manmul_log_full_disks_total "));
        count.unwrap().parse::<f64>().unwrap() > 0.0
    };
    let mut number = 0;
    let deadline = Instant::now() + PATIENCE;
    while !is_full() {
        assert!(Instant::now() < deadline, "the disk never became full");
        for _ in 0..20 {
            number += 1;
            let payload = format!("{number:08}{}", " ".repeat(1_000));
            if publisher.publish(1, "things/full/properties/number", payload.as_bytes()).is_err() {
                drop(publisher.connect(server.mqtt));
            }
        }
        if publisher.run(Duration::from_millis(50)).is_err() {
            drop(publisher.connect(server.mqtt));
        }
    }
    assert!(publisher.in_flight() > 0, "what finds no room is not acknowledged");
    let acknowledged = publisher.acknowledged.len();
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("hint: make room on the disk"), "{ready}");
    let read = server.json(&["things", "full"]);
    assert_eq!(read[0]["id"], "full", "reading goes on");

    server.room(None);
    work(&server, &mut [&mut publisher, &mut subscriber], |clients| clients[0].in_flight() == 0);
    assert!(publisher.acknowledged.len() > acknowledged, "it went on by itself");
    let deadline = Instant::now() + PATIENCE;
    while !server.get("/readyz").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "{}", server.get("/readyz"));
        std::thread::sleep(Duration::from_millis(200));
    }
    server.kill();

    let server = Server::start_open_with_limits(folder.path());
    let acknowledged: BTreeSet<Vec<u8>> = publisher.acknowledged.iter().cloned().collect();
    subscriber.connect(server.mqtt).unwrap();
    work(&server, &mut [&mut subscriber], |clients| {
        let received: BTreeSet<&[u8]> = clients[0].received.iter().map(|(_, payload)| payload.as_slice()).collect();
        acknowledged.iter().all(|payload| received.contains(payload.as_slice()))
    });
    server.stop();
}
