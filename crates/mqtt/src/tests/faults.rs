//! Clients on bad links: cut connections, doubled clients, delays and deaths of the broker, from a seed.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::{Client, World};
use crate::codec::{Packet, Properties, Publish, ReasonCode, Version, acknowledge};

/// A subscriber that acknowledges as the standard says, whatever happens to its connections.
#[derive(Default)]
struct Sink {
    /// QoS 2 packet ids between PUBLISH and PUBREL.
    received: BTreeMap<u16, String>,
    got: BTreeMap<String, usize>,
}

impl Sink {
    fn work(&mut self, client: &mut Client<'_>, random: &mut ChaCha8Rng) {
        let lines = client.read();
        self.hear(lines, client, random);
    }

    fn hear(&mut self, lines: Vec<String>, client: &mut Client<'_>, random: &mut ChaCha8Rng) {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let id = words.iter().find_map(|word| word.strip_prefix('#')).and_then(|id| id.parse().ok());
            let Some(id) = id else { continue };
            match (words[0], words.get(3).copied()) {
                ("PUBLISH", Some("qos1")) => {
                    *self.got.entry(words[2].to_owned()).or_default() += 1;
                    client.ack(4, id);
                }
                ("PUBLISH", _) => {
                    if !self.received.contains_key(&id) {
                        *self.got.entry(words[2].to_owned()).or_default() += 1;
                        self.received.insert(id, words[2].to_owned());
                    }
                    // Sometimes the connection will break before this is heard.
                    if random.random_bool(0.8) {
                        client.ack(5, id);
                    }
                }
                ("PUBREL", _) => {
                    self.received.remove(&id);
                    client.ack(7, id);
                }
                _ => {}
            }
        }
    }
}

/// A publisher that repeats until it is acknowledged. One message at a time.
struct Source {
    sent: u32,
    /// The message under way and whether PUBREC came.
    open: Option<(String, u8, bool)>,
    acknowledged: Vec<(String, u8)>,
}

impl Source {
    fn work(&mut self, client: &mut Client<'_>, fresh: bool, random: &mut ChaCha8Rng) {
        let repeat = self.open.is_some();
        if self.open.is_none() {
            self.sent += 1;
            let qos = random.random_range(1..3);
            self.open = Some((format!("m{}", self.sent), qos, false));
        }
        let Some((payload, qos, received)) = self.open.clone() else { return };
        if received && fresh {
            client.ack(6, 1);
        } else if !repeat || fresh {
            client.send(&Packet::Publish(Publish {
                duplicate: repeat,
                qos,
                retain: false,
                topic: "t",
                packet_id: 1,
                properties: Properties::default(),
                payload: payload.as_bytes(),
            }));
        }
        for line in client.read() {
            let Some((payload, qos, _)) = self.open.clone() else { continue };
            if line.starts_with("PUBACK #1") || line.starts_with("PUBCOMP #1") {
                self.acknowledged.push((payload, qos));
                self.open = None;
            } else if line.starts_with("PUBREC #1") {
                self.open = Some((payload, qos, true));
                let mut bytes = Vec::new();
                acknowledge(6, 1, ReasonCode::Success, Version::V5, &mut bytes);
                client.send_raw(&bytes);
            }
        }
        for line in client.read() {
            if line.starts_with("PUBCOMP #1")
                && let Some((payload, qos, _)) = self.open.take()
            {
                self.acknowledged.push((payload, qos));
            }
        }
    }
}

fn run(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::new();
    {
        let (mut client, _) = world.persistent("sink");
        client.subscribe("t", 2);
    }
    let mut sink = Sink::default();
    let mut source = Source { sent: 0, open: None, acknowledged: Vec::new() };
    for _life in 0..6 {
        {
            for _connection in 0..4 {
                let (mut from, _) = world.persistent("source");
                let is_sink = random.random_bool(0.8);
                let (mut to, greeting) = world.persistent(if is_sink { "sink" } else { "idle" });
                if is_sink {
                    sink.hear(greeting, &mut to, &mut random);
                }
                let mut fresh = true;
                for _step in 0..random.random_range(1..12) {
                    source.work(&mut from, fresh, &mut random);
                    fresh = false;
                    if is_sink && random.random_bool(0.7) {
                        sink.work(&mut to, &mut random);
                    }
                    if random.random_bool(0.1) {
                        world.wait(1);
                    }
                    if random.random_bool(0.05) {
                        world.core.checkpoint(world.now());
                    }
                }
            }
        }
        world = world.restart();
    }
    for _ in 0..4 {
        let (mut from, _) = world.persistent("source");
        let (mut to, greeting) = world.persistent("sink");
        sink.hear(greeting, &mut to, &mut random);
        source.work(&mut from, true, &mut random);
        for _ in 0..200 {
            sink.work(&mut to, &mut random);
        }
    }
    for (payload, qos) in &source.acknowledged {
        let got = sink.got.get(payload).copied().unwrap_or(0);
        assert!(got >= 1, "seed {seed}: {payload} (QoS {qos}) was acknowledged and lost");
        assert!(got == 1 || *qos == 1, "seed {seed}: {payload} (QoS 2) was delivered {got} times");
    }
    assert!(source.acknowledged.len() > 20, "seed {seed}: only {} messages got through", source.acknowledged.len());
}

#[test]
fn nothing_acknowledged_is_lost_and_qos_2_comes_once() {
    for seed in 0..40 {
        run(seed);
    }
}
