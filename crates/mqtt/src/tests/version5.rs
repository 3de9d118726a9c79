//! What MQTT 5 adds.

use super::world::{Options, World};
use crate::codec::{Disconnect, Packet, Properties, PropertyBuffer, PropertyId as Id, PropertyValue as Value, Version};
use crate::config::{Config, Limits};

const NO_LOCAL: u8 = 0b100;
const AS_PUBLISHED: u8 = 0b1000;

fn connect<'w>(world: &'w World, id: &str, properties: Vec<(Id, Value<'_>)>) -> super::world::Client<'w> {
    let mut client = world.open(Version::V5);
    client.connect(id, &Options { properties, ..Options::default() });
    assert_eq!(client.read(), ["CONNACK 0x00"]);
    client
}

#[test]
fn connack_tells_what_was_decided_for_the_client() {
    let limits = Limits { session_expiry_seconds: 100, receive_maximum: 5, topic_aliases: 3, ..Limits::default() };
    let world = World::with(Config { keep_alive_seconds_max: 60, limits, ..Config::default() });
    let mut client = world.open(Version::V5);
    client.connect("", &Options { expiry: 1000, keep_alive: 120, ..Options::default() });
    let (bytes, _) = client.channel.link.take_output(None);
    let found = crate::codec::frame(&bytes, u32::MAX).unwrap().unwrap();
    let Packet::ConnectAck(ack) = crate::codec::decode(found, Version::V5).unwrap() else { panic!("{bytes:?}") };
    let number = |id| ack.properties.number(id);
    assert_eq!((number(Id::SessionExpiry), number(Id::ReceiveMaximum)), (Some(100), Some(5)));
    assert_eq!((number(Id::ServerKeepAlive), number(Id::TopicAliasMaximum)), (Some(60), Some(3)));
    assert!(ack.properties.text(Id::AssignedClientId).is_some_and(|id| id.starts_with("auto-")));
}

#[test]
fn properties_are_forwarded_untouched() {
    let world = World::new();
    let mut client = world.client("c");
    client.subscribe("a", 0);
    client.read();
    let properties = [
        (Id::UserProperty, Value::Pair("k", "1")),
        (Id::PayloadFormat, Value::Byte(1)),
        (Id::ResponseTopic, Value::Text("r")),
        (Id::CorrelationData, Value::Binary(b"\x01")),
        (Id::ContentType, Value::Text("text/plain")),
        (Id::UserProperty, Value::Pair("k", "2")),
    ];
    client.publish_with("a", "x", 0, false, &properties);
    let expected = "PUBLISH a x UserProperty=Pair(\"k\", \"1\") PayloadFormat=Byte(1) ResponseTopic=Text(\"r\") \
                    CorrelationData=Binary([1]) ContentType=Text(\"text/plain\") UserProperty=Pair(\"k\", \"2\")";
    assert_eq!(client.read(), [expected]);
}

#[test]
fn aliases_work_in_both_directions() {
    let world = World::new();
    let mut client = connect(&world, "c", vec![(Id::TopicAliasMaximum, Value::Two(1))]);
    client.subscribe("#", 0);
    client.read();
    client.publish_with("a", "1", 0, false, &[(Id::TopicAlias, Value::Two(5))]);
    client.publish_with("", "2", 0, false, &[(Id::TopicAlias, Value::Two(5))]);
    client.publish("b", "3", 0);
    assert_eq!(
        client.read(),
        ["PUBLISH a 1 TopicAlias=Two(1)", "PUBLISH  2 TopicAlias=Two(1)", "PUBLISH b 3"],
        "the second topic gets no alias, because the client allows one"
    );
    for (alias, topic) in [(0, "a"), (6, ""), (33, "a")] {
        let mut wrong = world.client("wrong");
        wrong.publish_with(topic, "x", 0, false, &[(Id::TopicAlias, Value::Two(alias))]);
        assert_eq!(wrong.read(), ["DISCONNECT 0x94"]);
    }
}

#[test]
fn the_receive_maximum_holds_both_ways() {
    let limits = Limits { receive_maximum: 2, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() });
    let mut sink = connect(&world, "sink", vec![(Id::ReceiveMaximum, Value::Two(1))]);
    sink.subscribe("a", 1);
    sink.read();
    let mut source = world.client("source");
    source.publish("a", "1", 1);
    source.publish("a", "2", 1);
    assert_eq!(sink.read(), ["PUBLISH a 1 qos1 #1"]);
    sink.ack(4, 1);
    assert_eq!(sink.read(), ["PUBLISH a 2 qos1 #2"]);
    source.read();
    world.log.open.store(false, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        source.publish("a", "x", 1);
    }
    assert_eq!(source.read(), ["DISCONNECT 0x93"]);
}

#[test]
fn packets_larger_than_the_client_accepts_are_left_out() {
    let world = World::new();
    let mut client = connect(&world, "c", vec![(Id::MaximumPacketSize, Value::Four(30))]);
    client.subscribe("a", 1);
    client.read();
    client.publish("a", &"x".repeat(40), 1);
    client.publish("a", "small", 1);
    let read = client.read();
    assert_eq!(read.iter().filter(|line| line.starts_with("PUBLISH")).collect::<Vec<_>>(), ["PUBLISH a small qos1 #2"]);
    assert_eq!(world.counted("dropped_too_large"), 1);
}

#[test]
fn subscription_options_are_followed() {
    let world = World::new();
    let (mut client, mut other) = (world.client("c"), world.client("other"));
    client.subscribe("a", NO_LOCAL | AS_PUBLISHED);
    client.publish("a", "mine", 0);
    other.retain("a", "theirs", 0);
    assert_eq!(client.read(), ["SUBACK [00]", "PUBLISH a theirs retain"]);
    client.subscribe("a", 0b01_0000);
    assert_eq!(client.read(), ["SUBACK [00]"], "handling 1: only for new subscriptions");
    client.subscribe("a", 0);
    assert_eq!(client.read(), ["SUBACK [00]", "PUBLISH a theirs retain"]);
    other.subscribe("a", 0b10_0000);
    assert_eq!(other.read(), ["SUBACK [00]"], "handling 2: never");
    other.subscribe("$share/g/a", NO_LOCAL);
    assert_eq!(other.read(), ["DISCONNECT 0x82"]);
}

#[test]
fn messages_expire_while_they_wait() {
    let world = World::new();
    let (mut client, _) = world.persistent("c");
    client.subscribe("a", 1);
    client.vanish();
    let mut source = world.client("source");
    source.publish_with("a", "short", 1, false, &[(Id::MessageExpiry, Value::Four(2))]);
    source.publish_with("a", "long", 1, false, &[(Id::MessageExpiry, Value::Four(60))]);
    world.wait(10);
    let (mut client, read) = world.persistent("c");
    assert_eq!(read, ["CONNACK 0x00 present", "PUBLISH a long qos1 #1 MessageExpiry=Four(50)"]);
    assert!(client.read().is_empty());
}

#[test]
fn sessions_expire_when_they_should() {
    let world = World::new();
    let (client, _) = world.persistent("c");
    client.vanish();
    world.wait(3599);
    let (mut client, read) = world.persistent("c");
    assert_eq!(read, ["CONNACK 0x00 present"]);
    let mut properties = PropertyBuffer::new();
    properties.put(Id::SessionExpiry, Value::Four(2));
    client.send(&Packet::Disconnect(Disconnect { code: 0, properties: properties.as_properties() }));
    drop(client);
    world.wait(3);
    assert_eq!(world.persistent("c").1, ["CONNACK 0x00"]);
    let mut clean = world.client("clean");
    clean.send(&Packet::Disconnect(Disconnect { code: 0, properties: properties.as_properties() }));
    assert_eq!(clean.read(), ["DISCONNECT 0x82"], "an expiry of 0 cannot be changed");
}

#[test]
fn shares_are_split_and_wait_for_a_member() {
    let world = World::new();
    let (mut one, mut two, mut source) = (world.client("one"), world.client("two"), world.client("source"));
    one.subscribe("$share/g/a", 1);
    two.subscribe("$share/g/a", 1);
    one.read();
    two.read();
    for number in 0..4 {
        source.publish("a", &number.to_string(), 1);
    }
    let got = (one.read(), two.read());
    assert_eq!((got.0.len(), got.1.len()), (2, 2), "{got:?}");
    let (mut keeper, _) = world.persistent("keeper");
    keeper.subscribe("$share/h/b", 1);
    keeper.vanish();
    source.publish("b", "later", 1);
    let (mut keeper, mut read) = world.persistent("keeper");
    world.core.tick(world.now());
    read.extend(keeper.read());
    assert_eq!(read, ["CONNACK 0x00 present", "PUBLISH b later qos1 #1"]);
    source.subscribe("$share/bad", 0);
    assert!(source.read().contains(&"SUBACK [8f]".to_owned()));
}

#[test]
fn a_share_waits_while_every_member_is_full() {
    let world = World::new();
    let mut sink = connect(&world, "sink", vec![(Id::ReceiveMaximum, Value::Two(1))]);
    sink.subscribe("$share/g/a", 2);
    sink.read();
    let mut source = world.client("source");
    for number in 0..3 {
        source.publish("a", &number.to_string(), 1);
    }
    for number in 0u16..3 {
        assert_eq!(sink.read(), [format!("PUBLISH a {number} qos1 #{}", number + 1)]);
        sink.ack(4, number + 1);
    }
    source.publish("a", "live", 1);
    assert_eq!(sink.read(), ["PUBLISH a live qos1 #4"]);
}

#[test]
fn enhanced_authentication_is_refused_properly() {
    let world = World::new();
    let mut client = world.open(Version::V5);
    let properties = vec![(Id::AuthenticationMethod, Value::Text("SCRAM-SHA-1"))];
    client.connect("c", &Options { properties, ..Options::default() });
    assert_eq!(client.read(), ["CONNACK 0x8c"]);
    let mut client = world.client("c");
    client.send(&Packet::Auth(Disconnect { code: 0x18, properties: Properties::default() }));
    assert_eq!(client.read(), ["DISCONNECT 0x82"]);
}
