//! What both versions of the protocol have in common.

use std::sync::atomic::Ordering;

use store::State;

use super::world::{Options, World};
use crate::codec::{Packet, Version};
use crate::config::{Config, Limits};

#[test]
fn a_message_reaches_subscribers_with_the_lesser_quality() {
    let world = World::new();
    let (mut one, mut two, mut source) = (world.client("one"), world.client("two"), world.client("source"));
    one.subscribe("a/+", 1);
    two.subscribe("a/b", 2);
    assert_eq!(one.read(), ["SUBACK [01]"]);
    assert_eq!(two.read(), ["SUBACK [02]"]);
    for qos in 0..3 {
        source.publish("a/b", "x", qos);
    }
    assert_eq!(source.read(), ["PUBACK #10 0x00", "PUBREC #20 0x00"]);
    assert_eq!(one.read(), ["PUBLISH a/b x", "PUBLISH a/b x qos1 #1", "PUBLISH a/b x qos1 #2"]);
    assert_eq!(two.read(), ["PUBLISH a/b x", "PUBLISH a/b x qos1 #1", "PUBLISH a/b x qos2 #2"]);
    two.ack(4, 1);
    two.ack(5, 2);
    assert_eq!(two.read(), ["PUBREL #2 0x00"]);
    two.ack(7, 2);
    source.ack(6, 20);
    assert_eq!(source.read(), ["PUBCOMP #20 0x00"]);
    assert!(two.read().is_empty());
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let world = World::new();
    let (mut sink, mut source) = (world.client("sink"), world.client("source"));
    sink.subscribe("#", 2);
    sink.read();
    world.log.open.store(false, Ordering::Relaxed);
    for qos in 0..3 {
        source.publish("a", &qos.to_string(), qos);
    }
    assert!(source.read().is_empty());
    assert_eq!(sink.read(), ["PUBLISH a 0"], "QoS 0 does not wait");
    world.log.flush();
    assert_eq!(source.read(), ["PUBACK #10 0x00", "PUBREC #20 0x00"]);
    assert_eq!(sink.read(), ["PUBLISH a 1 qos1 #1", "PUBLISH a 2 qos2 #2"]);
}

#[test]
fn a_repeated_qos_2_message_is_delivered_once() {
    let world = World::new();
    let (mut sink, mut source) = (world.client("sink"), world.client("source"));
    sink.subscribe("a", 2);
    sink.read();
    source.publish("a", "x", 2);
    source.publish("a", "x", 2);
    assert_eq!(source.read(), ["PUBREC #20 0x00", "PUBREC #20 0x00"]);
    source.ack(6, 20);
    source.publish("a", "y", 2);
    assert_eq!(source.read(), ["PUBCOMP #20 0x00", "PUBREC #20 0x00"]);
    assert_eq!(sink.read(), ["PUBLISH a x qos2 #1", "PUBLISH a y qos2 #2"]);
    source.ack(6, 99);
    assert_eq!(source.read(), ["PUBCOMP #99 0x92"]);
}

#[test]
fn a_full_log_holds_up_the_reader_and_loses_nothing() {
    let world = World::new();
    let mut source = world.client("source");
    world.log.full.store(true, Ordering::Relaxed);
    source.publish("a", "1", 1);
    source.publish("a", "2", 0);
    assert!(source.read().is_empty() && !source.is_ended());
    world.log.full.store(false, Ordering::Relaxed);
    world.core.tick(world.now());
    source.channel.resume(world.now());
    assert_eq!(source.read(), ["PUBACK #10 0x10"]);
    assert_eq!(world.log.all().iter().map(|entry| entry.payload.clone()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(world.counted("reads_held_up") >= 1);
}

#[test]
fn a_broken_log_is_never_a_false_acknowledgement() {
    let world = World::new();
    let (mut five, mut old) = (world.client("five"), world.open(Version::V311));
    old.connect("old", &Options::default());
    old.read();
    world.log.broken.store(true, Ordering::Relaxed);
    five.publish("a", "1", 1);
    five.publish("a", "2", 2);
    assert_eq!(five.read(), ["PUBACK #10 0x80", "PUBREC #20 0x80"]);
    old.publish("a", "1", 1);
    assert!(old.read().is_empty() && old.is_ended());
}

#[test]
fn retained_messages_greet_new_subscribers() {
    let world = World::new();
    let mut source = world.client("source");
    source.retain("a/1", "one", 0);
    source.retain("a/2", "two", 1);
    source.retain("a/3", "three", 1);
    source.retain("a/3", "", 0);
    let mut sink = world.client("sink");
    sink.subscribe("a/#", 1);
    assert_eq!(sink.read(), ["SUBACK [01]", "PUBLISH a/1 one retain", "PUBLISH a/2 two qos1 #1 retain"]);
    source.retain("a/1", "uno", 0);
    assert_eq!(sink.read(), ["PUBLISH a/1 uno"], "live messages do not carry the flag");
}

#[test]
fn overlapping_filters_deliver_once_with_the_best_quality() {
    let world = World::new();
    let mut client = world.client("c");
    client.subscribe_with("a/#", 0, 7);
    client.subscribe_with("a/+", 1, 8);
    client.read();
    client.publish("a/b", "x", 2);
    let read = client.read();
    assert_eq!(read[0], "PUBLISH a/b x qos1 #1 SubscriptionId=Variable(7) SubscriptionId=Variable(8)");
    client.unsubscribe("a/+");
    client.unsubscribe("a/+");
    client.publish("a/b", "y", 1);
    let read = client.read();
    assert_eq!(&read[..2], ["UNSUBACK [00]", "UNSUBACK [11]"]);
    assert_eq!(read[2], "PUBLISH a/b y SubscriptionId=Variable(7)");
}

#[test]
fn dollar_topics_are_not_logged_and_not_matched_by_wildcards() {
    let world = World::new();
    let mut client = world.client("c");
    client.subscribe("#", 1);
    client.subscribe("$own/#", 1);
    client.read();
    client.publish("$own/x", "1", 1);
    assert_eq!(client.read(), ["PUBLISH $own/x 1 qos1 #1", "PUBACK #10 0x00"]);
    assert!(world.log.all().is_empty());
}

#[test]
fn what_is_not_allowed_is_refused_in_the_words_of_the_version() {
    let world = World::new();
    let mut five = world.client("five");
    let mut old = world.open(Version::V311);
    old.connect("old", &Options::default());
    assert_eq!(old.read(), ["CONNACK 0x00"]);
    for client in [&mut five, &mut old] {
        client.subscribe("forbidden/x", 1);
        client.publish("readonly/x", "1", 1);
        client.publish("readonly/x", "1", 2);
    }
    assert_eq!(five.read(), ["SUBACK [80]", "PUBACK #10 0x87", "PUBREC #20 0x87"]);
    assert_eq!(old.read(), ["SUBACK [80]", "PUBACK #10 0x00", "PUBREC #20 0x00"]);
    old.ack(6, 20);
    assert_eq!(old.read(), ["PUBCOMP #20 0x00"]);
    assert!(world.log.all().is_empty());
    assert_eq!(world.counted("publishes_denied"), 4);
    five.subscribe("#", 0);
    five.read();
    five.publish("forbidden/x", "1", 0);
    five.publish("fine", "1", 0);
    assert_eq!(five.read(), ["PUBLISH fine 1"], "a wide filter does not open what is shut");
}

#[test]
fn a_known_principal_is_told_why() {
    let world = World::new();
    let lamp = model::Principal::thing(model::ThingId::new("lamp").unwrap());
    let mut client = world.open(Version::V5);
    client.connect("lamp", &Options { principal: Some(lamp), ..Options::default() });
    client.read();
    client.subscribe("things/other/#", 0);
    client.subscribe("things/lamp/#", 1);
    client.publish("things/lamp/properties/on", "true", 1);
    let read = client.read();
    assert_eq!(&read[..2], ["SUBACK [87]", "SUBACK [01]"]);
    assert_eq!(world.log.all()[0].cause, model::Cause::device("lamp"));
}

#[test]
fn the_newer_connection_takes_over() {
    let world = World::new();
    let mut first = world.client("c");
    first.subscribe("a", 0);
    first.read();
    let second = world.client("c");
    assert_eq!(first.read(), ["DISCONNECT 0x8e"]);
    first.vanish();
    second.disconnect();
    let guests = world.guests.0.lock().clone();
    assert_eq!(guests, ["c came", "c went: TakenOver", "c came", "c went: Client"]);
    assert_eq!((world.counted("clients"), world.counted("subscriptions")), (0, 0));
}

#[test]
fn somebody_else_cannot_take_a_session_over() {
    let world = World::new();
    let (mut mine, _) = world.persistent("c");
    mine.subscribe("a", 1);
    mine.read();
    let other = model::Principal::thing(model::ThingId::new("other").unwrap());
    let options = Options { clean: false, expiry: 60, principal: Some(other), ..Options::default() };
    let mut thief = world.open(Version::V5);
    thief.connect("c", &options);
    assert_eq!(thief.read(), ["CONNACK 0x85"]);
    assert!(!mine.is_ended());
    mine.vanish();
    let mut thief = world.open(Version::V5);
    thief.connect("c", &options);
    assert_eq!(thief.read(), ["CONNACK 0x00"], "what was left behind is not shown to anybody else");
}

#[test]
fn wills_are_published_unless_taken_back() {
    let world = World::new();
    let mut sink = world.client("sink");
    sink.subscribe("will", 1);
    sink.read();
    let dying = |id: &str, delay: u32, expiry: u32| {
        let mut client = world.open(Version::V5);
        client.connect(id, &Options { will: Some(("will", "bye", delay)), expiry, ..Options::default() });
        client.read();
        client
    };
    dying("a", 0, 0).disconnect();
    assert!(sink.read().is_empty());
    dying("b", 0, 0).vanish();
    assert_eq!(sink.read(), ["PUBLISH will bye qos1 #1"]);
    dying("c", 5, 60).vanish();
    world.wait(4);
    assert!(sink.read().is_empty());
    world.wait(2);
    assert_eq!(sink.read(), ["PUBLISH will bye qos1 #2"]);
    dying("d", 5, 60).vanish();
    let mut back = world.open(Version::V5);
    back.connect("d", &Options { clean: false, expiry: 60, ..Options::default() });
    assert_eq!(back.read(), ["CONNACK 0x00 present"]);
    world.wait(10);
    assert!(sink.read().is_empty(), "whoever comes back in time has no will");
    dying("e", 50, 2).vanish();
    world.wait(3);
    assert_eq!(sink.read(), ["PUBLISH will bye qos1 #3"], "the end of the session does not wait");
}

#[test]
fn silence_ends_a_connection() {
    let world = World::new();
    let mut client = world.open(Version::V5);
    client.connect("c", &Options { keep_alive: 10, ..Options::default() });
    client.read();
    world.wait(14);
    client.send(&Packet::PingRequest);
    assert_eq!(client.read(), ["PingResponse"]);
    world.wait(14);
    assert!(!client.is_ended());
    world.wait(2);
    assert_eq!(client.read(), ["DISCONNECT 0x8d"]);
    let silent = world.open(Version::V5);
    world.wait(11);
    assert!(silent.is_ended(), "no CONNECT at all");
}

#[test]
fn a_slow_client_loses_qos_0_only() {
    let limits = Limits { inflight: 2, queued_messages: 4, outgoing_bytes: 100, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() });
    let (mut sink, mut source) = (world.client("sink"), world.client("source"));
    sink.subscribe("#", 1);
    sink.read();
    for number in 0..20 {
        source.publish("a", &number.to_string(), 1);
        source.publish("a", "telemetry telemetry telemetry", 0);
    }
    let mut got = Vec::new();
    loop {
        let read = sink.read();
        let ids: Vec<u16> = read.iter().filter_map(|line| line.split('#').nth(1)?.parse().ok()).collect();
        if ids.is_empty() {
            break;
        }
        got.extend(
            read.iter().filter(|line| line.contains('#')).map(|line| line.split(' ').nth(2).unwrap().to_owned()),
        );
        for id in ids {
            sink.ack(4, id);
        }
    }
    assert_eq!(got, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(world.counted("dropped_slow") > 0 && world.counted("sessions_fell_behind") > 0);
    source.publish("a", "live", 1);
    assert_eq!(sink.read(), ["PUBLISH a live qos1 #21"]);
}

#[test]
fn limits_are_kept_with_the_right_words() {
    let limits = Limits { subscriptions_per_session: 1, topic_levels: 3, client_id_bytes: 8, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() });
    let mut client = world.client("c");
    client.subscribe("a", 0);
    client.subscribe("b", 0);
    client.subscribe("a", 1);
    client.unsubscribe("a");
    client.subscribe("a/b/c/d", 0);
    client.subscribe("a/#/b", 0);
    let expected = ["SUBACK [00]", "SUBACK [97]", "SUBACK [01]", "UNSUBACK [00]", "SUBACK [8f]", "SUBACK [8f]"];
    assert_eq!(client.read(), expected);
    client.publish("a/b/c/d", "x", 0);
    assert_eq!(client.read(), ["DISCONNECT 0x90"]);
    let mut long = world.open(Version::V311);
    long.connect("much-too-long", &Options::default());
    assert_eq!(long.read(), ["CONNACK 0x02"]);
}

#[test]
fn random_client_ids_leave_nothing_behind() {
    let world = World::with(Config { limits: Limits { sessions: 10, ..Limits::default() }, ..Config::default() });
    for number in 0..50 {
        world.client(&format!("clean-{number}")).vanish();
        let (client, read) = world.persistent(&format!("kept-{number}"));
        assert_eq!(read, ["CONNACK 0x00"]);
        client.vanish();
    }
    assert_eq!((world.counted("sessions"), world.counted("sessions_evicted")), (10, 40));
    assert_eq!(world.core.registry.lock().all().len(), 10);
    assert_eq!(world.state.count(store::state::Table::Session, None).unwrap(), 10);
}

#[test]
fn each_version_answers_in_its_own_way() {
    let world = World::new();
    let mut unnamed = world.open(Version::V311);
    unnamed.connect("", &Options { clean: false, ..Options::default() });
    assert_eq!(unnamed.read(), ["CONNACK 0x02"]);
    let mut old = world.open(Version::V31);
    old.connect("old", &Options::default());
    assert_eq!(old.read(), ["CONNACK 0x00"]);
    old.connect("old", &Options::default());
    assert!(old.is_ended(), "a second CONNECT");
    let mut future = world.open(Version::V311);
    future.send_raw(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 9, 2, 0, 0, 0, 0]);
    let (bytes, _) = future.channel.link.take_output(None);
    assert_eq!(bytes, [0x20, 3, 0, 0x84, 0]);
}
