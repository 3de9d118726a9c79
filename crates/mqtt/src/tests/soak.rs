//! A million client ids that nobody has seen before: memory stays within the bounds, and what was forgotten is counted.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::State;

use super::world::{Options, World};
use crate::codec::Version;
use crate::config::{Config, Limits};

/// How many clients come.
const CLIENTS: u64 = 1_000_000;

/// How many sessions may stay.
const SESSIONS: usize = 10_000;

/// How much more memory the last nine tenths of the clients may take than the first one, in bytes.
const GROWTH_MAX: usize = 24 << 20;

/// Memory of this process that is in use, in bytes (Linux; elsewhere nothing is known of it).
fn resident() -> usize {
    let text = store::files::read_text(Path::new("/proc/self/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

#[test]
#[ignore = "takes minutes: cargo test -p mqtt --release a_million -- --ignored --nocapture"]
fn a_million_random_client_ids_stay_within_the_bounds() {
    let limits = Limits { sessions: SESSIONS, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() });
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut kept, mut after_a_tenth) = (0, 0);
    for number in 1..=CLIENTS {
        let id = format!("{:032x}", random.random::<u128>());
        let mut client = world.open([Version::V311, Version::V5][number as usize % 2]);
        let stays = random.random_bool(0.5);
        kept += u64::from(stays);
        client.connect(&id, &Options { clean: !stays, expiry: if stays { 3_600 } else { 0 }, ..Options::default() });
        client.subscribe(&format!("dev/{id}/#"), 1);
        let said = client.read();
        assert_eq!(said, ["CONNACK 0x00".to_owned(), "SUBACK [01]".to_owned()], "client {number}");
        if random.random_bool(0.5) {
            client.disconnect();
        } else {
            client.vanish();
        }
        world.guests.0.lock().clear();
        if number % 1_000 == 0 {
            world.wait(1);
            world.core.checkpoint(world.now());
        }
        if number % (CLIENTS / 20) == 0 {
            println!("{number} clients: {} MB", resident() >> 20);
        }
        if number == CLIENTS / 10 {
            after_a_tenth = resident();
        }
    }
    let counted = |name| world.counted(name);
    println!("{kept} asked to stay, {} stayed, {} evicted", counted("sessions"), counted("sessions_evicted"));
    assert_eq!((counted("sessions"), counted("subscriptions")), (SESSIONS as u64, SESSIONS as u64));
    assert_eq!(counted("sessions_evicted") + counted("sessions_expired") + SESSIONS as u64, kept);
    assert_eq!(world.core.registry.lock().all().len(), SESSIONS);
    assert_eq!(world.state.count(store::state::Table::Session, None).unwrap(), SESSIONS as u64);
    assert!(resident() < after_a_tenth + GROWTH_MAX, "{} after {after_a_tenth}", resident());
}
