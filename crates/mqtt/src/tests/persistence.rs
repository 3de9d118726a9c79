//! What is left when the process dies.

use std::sync::atomic::Ordering;

use super::world::{Options, World};
use crate::codec::Version;

#[test]
fn a_session_survives_a_restart_with_what_was_said_meanwhile() {
    let world = World::new();
    let (mut sink, read) = world.persistent("sink");
    assert_eq!(read, ["CONNACK 0x00"]);
    sink.subscribe("a", 2);
    sink.vanish();
    world.client("source").publish("a", "before", 1);
    let world = world.restart();
    // The scenario that loses messages elsewhere: published after the restart, before the client is back.
    let mut source = world.client("source");
    source.publish("a", "between", 2);
    source.publish("b", "other", 1);
    let (mut sink, read) = world.persistent("sink");
    assert_eq!(read, ["CONNACK 0x00 present", "PUBLISH a before qos1 #1", "PUBLISH a between qos2 #2"]);
    source.publish("a", "after", 1);
    assert_eq!(sink.read(), ["PUBLISH a after qos1 #3"]);
}

#[test]
fn session_present_is_truthful() {
    let world = World::new();
    let (client, _) = world.persistent("c");
    client.vanish();
    world.client("c").vanish();
    let world = world.restart();
    assert_eq!(world.persistent("c").1, ["CONNACK 0x00"], "clean start ended it");
    let world = world.restart();
    assert_eq!(world.persistent("c").1, ["CONNACK 0x00 present"], "it was connected when the process died");
    world.wait(1);
    let world = world.restart();
    world.wait(3601);
    let world = world.restart();
    assert_eq!(world.persistent("c").1, ["CONNACK 0x00"], "it expired");
}

#[test]
fn outbound_qos_2_is_never_delivered_twice() {
    let world = World::new();
    let (mut sink, _) = world.persistent("sink");
    sink.subscribe("a", 2);
    sink.read();
    let mut source = world.client("source");
    source.publish("a", "done", 2);
    source.ack(6, 20);
    source.publish("a", "received", 2);
    source.ack(6, 20);
    source.publish("a", "sent", 2);
    let expected = ["PUBLISH a done qos2 #1", "PUBLISH a received qos2 #2", "PUBLISH a sent qos2 #3"];
    assert_eq!(sink.read(), expected);
    sink.ack(5, 1);
    sink.ack(7, 1);
    sink.ack(5, 2);
    assert_eq!(sink.read(), ["PUBREL #1 0x00", "PUBREL #2 0x00"]);
    drop((sink, source));
    let world = world.restart();
    let (mut sink, read) = world.persistent("sink");
    assert_eq!(read, ["CONNACK 0x00 present", "PUBREL #2 0x00", "PUBLISH a sent qos2 #3 dup"]);
    sink.ack(7, 2);
    sink.ack(5, 3);
    assert_eq!(sink.read(), ["PUBREL #3 0x00"]);
}

#[test]
fn inbound_qos_2_is_never_taken_twice() {
    let world = World::new();
    let (mut source, _) = world.persistent("source");
    source.publish("a", "x", 2);
    assert_eq!(source.read(), ["PUBREC #20 0x10"]);
    drop(source);
    let world = world.restart();
    let (mut source, _) = world.persistent("source");
    source.publish("a", "x", 2);
    source.ack(6, 20);
    assert_eq!(source.read(), ["PUBREC #20 0x00", "PUBCOMP #20 0x00"]);
    drop(source);
    let world = world.restart();
    let (mut source, _) = world.persistent("source");
    source.publish("a", "y", 2);
    assert_eq!(source.read(), ["PUBREC #20 0x10"], "after PUBCOMP the packet id stands for a new message");
    assert_eq!(world.log.all().len(), 2);
}

#[test]
fn retained_messages_survive_with_and_without_a_checkpoint() {
    let world = World::new();
    let mut source = world.client("source");
    source.retain("a", "1", 1);
    source.retain("b", "1", 0);
    world.core.checkpoint(world.now());
    source.retain("a", "2", 0);
    source.retain("b", "", 1);
    source.retain("c", "3", 1);
    drop(source);
    let world = world.restart();
    let mut client = world.client("c");
    client.subscribe("#", 0);
    assert_eq!(client.read(), ["SUBACK [00]", "PUBLISH a 2 retain", "PUBLISH c 3 retain"]);
    world.core.checkpoint(world.now());
    assert!(world.core.saved_checkpoint.load(Ordering::Relaxed) > 5);
}

#[test]
fn a_retained_message_in_flight_is_found_again() {
    let world = World::new();
    world.client("source").retain("a", "kept", 2);
    let (mut sink, _) = world.persistent("sink");
    sink.subscribe_with("a", 2, 9);
    assert_eq!(sink.read()[1], "PUBLISH a kept qos2 #1 retain SubscriptionId=Variable(9)");
    drop(sink);
    let world = world.restart();
    let (_, read) = world.persistent("sink");
    assert_eq!(read[1], "PUBLISH a kept qos2 #1 retain dup SubscriptionId=Variable(9)");
}

#[test]
fn a_new_subscription_does_not_see_the_past() {
    let world = World::new();
    let (mut sink, _) = world.persistent("sink");
    sink.subscribe("a", 1);
    sink.vanish();
    let mut source = world.client("source");
    source.publish("a", "1", 1);
    source.publish("b", "past", 1);
    let mut sink = world.open(Version::V5);
    sink.connect("sink", &Options { clean: false, expiry: 60, ..Options::default() });
    sink.subscribe("b", 1);
    assert_eq!(sink.read(), ["CONNACK 0x00 present", "PUBLISH a 1 qos1 #1", "SUBACK [01]"]);
}

#[test]
fn unacknowledged_messages_come_again_with_their_ids() {
    let world = World::new();
    let (mut sink, _) = world.persistent("sink");
    sink.subscribe("a", 1);
    let mut source = world.client("source");
    source.publish("a", "1", 1);
    source.publish("a", "2", 1);
    sink.read();
    sink.ack(4, 1);
    sink.vanish();
    source.publish("a", "3", 1);
    let (sink, read) = world.persistent("sink");
    assert_eq!(read, ["CONNACK 0x00 present", "PUBLISH a 2 qos1 #2 dup", "PUBLISH a 3 qos1 #3"]);
    sink.vanish();
    let world = world.restart();
    let (_, read) = world.persistent("sink");
    assert_eq!(read, ["CONNACK 0x00 present", "PUBLISH a 2 qos1 #2 dup", "PUBLISH a 3 qos1 #3 dup"]);
}

#[test]
fn a_pending_will_survives() {
    let world = World::new();
    let mut dying = world.open(Version::V5);
    dying.connect("c", &Options { clean: false, expiry: 60, will: Some(("will", "bye", 5)), ..Options::default() });
    drop(dying);
    world.settle();
    let world = world.restart();
    let mut sink = world.client("sink");
    sink.subscribe("will", 0);
    sink.read();
    world.wait(6);
    assert_eq!(sink.read(), ["PUBLISH will bye"]);
}
