//! Whatever comes, the broker answers with the right reason or hangs up, and never falls over.

use proptest::prelude::*;

use super::world::World;
use crate::codec::{
    Ack, Connect, ConnectAck, DecodeError, Disconnect, Packet, Properties, PropertyBuffer, PropertyId as Id,
    PropertyValue as Value, Publish, ReasonCode, Subscribe, SubscribeAck, Unsubscribe, Version, Will, decode, encode,
    frame,
};

fn properties() -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    buffer.put(Id::UserProperty, Value::Pair("a", "b"));
    buffer
}

/// One packet of each kind with everything in it, as a client may send it.
fn samples(visit: &mut dyn FnMut(&Packet<'_>)) {
    let user = properties();
    let user = user.as_properties();
    let will = Will { qos: 1, retain: true, topic: "w", payload: b"bye", properties: user };
    visit(&Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive_seconds: 10,
        client_id: "c",
        will: Some(will),
        username: Some("u"),
        password: Some(b"p"),
        properties: user,
    }));
    visit(&Packet::Publish(Publish {
        duplicate: false,
        qos: 1,
        retain: false,
        topic: "a",
        packet_id: 1,
        properties: user,
        payload: b"",
    }));
    let ack = Ack { packet_id: 7, reason: ReasonCode::Unspecified, properties: user };
    visit(&Packet::PublishAck(ack));
    visit(&Packet::PublishReceived(ack));
    visit(&Packet::PublishRelease(ack));
    visit(&Packet::PublishComplete(ack));
    visit(&Packet::Subscribe(Subscribe { packet_id: 1, properties: user, body: &[0, 1, b'a', 0] }));
    visit(&Packet::Unsubscribe(Unsubscribe { packet_id: 1, properties: user, body: &[0, 1, b'a'] }));
    visit(&Packet::Disconnect(Disconnect { code: 4, properties: user }));
    visit(&Packet::PingRequest);
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    decode(frame(bytes, u32::MAX)?.expect("a whole packet"), version)
}

#[test]
fn every_truncation_is_refused() {
    let world = World::new();
    samples(&mut |packet| {
        let bytes = encoded(packet, Version::V5);
        for cut in 2..bytes.len() {
            let mut short = bytes[..cut].to_vec();
            short[1] = cut as u8 - 2;
            let verdict = decoded(&short, Version::V5).err();
            let optional =
                matches!(packet, Packet::PublishAck(_) | Packet::PublishReceived(_) | Packet::PublishRelease(_));
            let optional = optional || matches!(packet, Packet::PublishComplete(_) | Packet::Disconnect(_));
            let Some(problem) = verdict else {
                assert!(optional || matches!(packet, Packet::Publish(_)), "{packet:?} cut to {cut}");
                continue;
            };
            if matches!(packet, Packet::Connect(_)) {
                let mut client = world.open(Version::V5);
                client.send_raw(&short);
                assert!(client.is_ended() && client.channel.link.take_output(None).0.is_empty());
            } else {
                let mut client = world.client("c");
                client.send_raw(&short);
                assert_eq!(client.read(), [format!("DISCONNECT {:#04x}", problem.reason() as u8)]);
            }
        }
    });
}

#[test]
fn reserved_bits_are_refused() {
    let world = World::new();
    let mut refused = 0;
    samples(&mut |packet| {
        let bytes = encoded(packet, Version::V5);
        if matches!(packet, Packet::Publish(_) | Packet::Connect(_)) {
            return;
        }
        for bit in 0..4 {
            let mut wrong = bytes.clone();
            wrong[0] ^= 1 << bit;
            let mut client = world.client("c");
            client.send_raw(&wrong);
            assert_eq!(client.read(), ["DISCONNECT 0x81"], "{wrong:?}");
            refused += 1;
        }
    });
    assert_eq!(refused, 32);
    for first in [0x00, 0x36, 0x38] {
        let mut client = world.client("c");
        client.send_raw(&[first, 5, 0, 1, b'a', 0, 0]);
        assert_eq!(client.read(), ["DISCONNECT 0x81"], "{first:#x}");
    }
    for options in [0b11, 0b0100_0000, 0b1000_0000] {
        let mut client = world.client("c");
        client.subscribe("a", options);
        assert_eq!(client.read(), ["DISCONNECT 0x81"]);
    }
    let mut client = world.client("c");
    client.subscribe("a", 0b11_0000);
    assert_eq!(client.read(), ["DISCONNECT 0x82"]);
}

#[test]
fn wrong_contents_have_their_own_reasons() {
    let world = World::new();
    let check = |bytes: &[u8], reason: &str| {
        let mut client = world.client("c");
        client.send_raw(bytes);
        assert_eq!(client.read(), [format!("DISCONNECT {reason}")], "{bytes:?}");
    };
    check(&[0x30, 5, 0, 1, b'+', 0, b'x'], "0x90");
    check(&[0x30, 4, 0, 0, 0, b'x'], "0x82");
    check(&[0x30, 5, 0, 2, 0xC3, 0x28, 0], "0x81");
    check(&[0x30, 5, 0, 2, b'a', 0, 0], "0x81");
    check(&[0x32, 6, 0, 1, b'a', 0, 0, 0], "0x82");
    check(&[0x30, 7, 0, 1, b'a', 3, 0x0B, 1, 0], "0x81");
    check(&[0x30, 6, 0, 1, b'a', 2, 0x0B, 1], "0x82");
    check(&[0x30, 8, 0, 1, b'a', 4, 0x01, 0, 0x01, 0], "0x82");
    check(&[0x30, 6, 0, 1, b'a', 2, 0x7F, 0], "0x81");
    check(&[0x82, 3, 0, 1, 0], "0x82");
    check(&[0x10, 0], "0x81");
    check(&[0x20, 3, 0, 0, 0], "0x82");
    check(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF], "0x81");
    check(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], "0x95");
    check(&[0xC0, 1, 0], "0x81");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), connected in any::<bool>()) {
        let world = World::new();
        let mut client = world.open(Version::V5);
        if connected {
            client.connect("c", &super::world::Options::default());
        }
        client.send_raw(&bytes);
    }

    #[test]
    fn a_stream_may_be_cut_anywhere(cuts in proptest::collection::vec(1usize..20, 1..40)) {
        let world = World::new();
        let mut client = world.client("c");
        client.subscribe("a", 1);
        client.read();
        let mut bytes = Vec::new();
        samples(&mut |packet| if matches!(packet, Packet::Publish(_) | Packet::PingRequest) {
            bytes.extend(encoded(packet, Version::V5));
        });
        let bytes = bytes.repeat(3);
        let mut rest = &bytes[..];
        for cut in cuts.into_iter().cycle() {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            client.send_raw(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let read = client.read();
        prop_assert_eq!(read.iter().filter(|line| line.starts_with("PUBLISH a ")).count(), 3);
        prop_assert_eq!(read.iter().filter(|line| *line == "PingResponse").count(), 3);
    }

    #[test]
    fn packets_survive_the_wire(
        text in "[a-zé/]{1,40}",
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        (packet_id, qos, retain, duplicate) in (1u16.., 0u8..3, any::<bool>(), any::<bool>()),
        number in any::<u32>(),
        version in prop_oneof![Just(Version::V311), Just(Version::V5)],
    ) {
        let mut buffer = PropertyBuffer::new();
        if version == Version::V5 {
            buffer.put(Id::MessageExpiry, Value::Four(number)).put(Id::UserProperty, Value::Pair(&text, "é"));
        }
        let mut reasons = PropertyBuffer::new();
        if version == Version::V5 {
            reasons.put(Id::ReasonString, Value::Text(&text));
        }
        let (message, reason) = (buffer.as_properties(), reasons.as_properties());
        let none = Properties::default();
        let code = if version == Version::V5 { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
        let ack = Ack { packet_id, reason: code, properties: reason };
        let mut body = (text.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(text.as_bytes());
        let unsubscribe = body.clone();
        body.push(qos);
        let packets = [
            Packet::Publish(Publish {
                duplicate: duplicate && qos > 0,
                qos,
                retain,
                topic: &text,
                packet_id: if qos == 0 { 0 } else { packet_id },
                properties: message,
                payload: &payload,
            }),
            Packet::Connect(Connect {
                version,
                clean_start: retain,
                keep_alive_seconds: packet_id,
                client_id: &text,
                will: Some(Will { qos, retain, topic: &text, payload: &payload, properties: message }),
                username: Some(&text),
                password: Some(&payload),
                properties: none,
            }),
            Packet::ConnectAck(ConnectAck { session_present: retain, code: 0, properties: reason }),
            Packet::PublishAck(ack),
            Packet::PublishReceived(ack),
            Packet::PublishRelease(ack),
            Packet::PublishComplete(ack),
            Packet::Subscribe(Subscribe { packet_id, properties: none, body: &body }),
            Packet::SubscribeAck(SubscribeAck { packet_id, properties: reason, codes: &[0, 0x80] }),
            Packet::Unsubscribe(Unsubscribe { packet_id, properties: none, body: &unsubscribe }),
            Packet::PingRequest,
            Packet::PingResponse,
        ];
        for packet in packets {
            let bytes = encoded(&packet, version);
            prop_assert_eq!(decoded(&bytes, version), Ok(packet));
        }
    }
}
