//! Subscriptions and what waits for them; the way to a service is tested with the whole program.

use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use store::seal::KEY_BYTES;
use store::state::MemoryState;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn options() -> PushOptions {
    PushOptions { enabled: true, contact: "mailto:owner@example.org".to_owned(), private_services: false }
}

fn open(state: &Arc<MemoryState>, key: u8) -> Push {
    let state = Arc::clone(state) as Arc<dyn State>;
    Push::open(state, Seal::of([key; KEY_BYTES]), options(), NOW).unwrap()
}

fn browser(number: usize) -> (EphemeralPrivateKey, NewSubscription) {
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let keys = SubscriptionKeys {
        p256dh: BASE64.encode(own.compute_public_key().unwrap().as_ref()),
        auth: base64::prelude::BASE64_URL_SAFE.encode([number as u8; 16]),
    };
    let endpoint = format!("https://push.example.net/{number}");
    (own, NewSubscription { endpoint, keys, expiration_time: None })
}

fn notification(number: u32) -> Notification {
    Notification {
        id: format!("notification-{number:06}"),
        time: NOW,
        title: format!("title {number}"),
        message: "물이 샌다".repeat(400),
        rule: None,
        to: Vec::new(),
        read_by: Vec::new(),
    }
}

fn take_up(push: &Push, told: std::ops::RangeInclusive<u32>, now: Timestamp) {
    let newest = |limit: usize| told.clone().rev().take(limit).map(notification).collect();
    push.take_up(&newest, &|user, _| (user != "gone").then_some(user == "kim"), now).unwrap();
}

#[test]
fn what_is_new_is_sealed_for_each_browser_of_those_who_may_read_it() {
    let state = Arc::new(MemoryState::new());
    let push = open(&state, 1);
    take_up(&push, 1..=3, NOW);
    let (own, wanted) = browser(1);
    push.subscribe("kim", &wanted, NOW).unwrap();
    push.subscribe("lee", &browser(2).1, NOW).unwrap();
    push.subscribe("gone", &browser(3).1, NOW).unwrap();
    take_up(&push, 1..=3, NOW);
    assert_eq!(push.parcels(NOW, 10), [], "what was there before is not told");
    take_up(&push, 1..=5, NOW);
    assert_eq!(push.figures().subscriptions, 2, "who is gone is told no more");
    let parcels = push.parcels(NOW, 1);
    let [first] = &parcels[..] else { panic!("{parcels:?}") };
    assert_eq!((push.figures().waiting, first.url.as_str()), (1, "https://push.example.net/1"));
    let keys = keys_of(&wanted.keys).unwrap();
    let text: serde_json::Value = serde_json::from_slice(&sealed::tests::open(&first.body, own, &keys)).unwrap();
    assert_eq!((&text["title"], text["message"].as_str().unwrap().chars().count()), (&"title 4".into(), MESSAGE_MAX));
    let header = |name: &str| first.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    assert!(header("authorization").starts_with("vapid t=") && header("ttl") == "3600");
    // Over a restart nothing is told twice, and the key is the same.
    let again = open(&state, 1);
    assert_eq!((again.key().unwrap(), again.figures().subscriptions), (push.key().unwrap(), 2));
    take_up(&again, 1..=5, NOW);
    assert_eq!(again.parcels(NOW, 10), []);
    // What is too old to matter is left out.
    take_up(&again, 1..=6, NOW + WORTH);
    assert_eq!(again.parcels(NOW + WORTH, 10), []);
}

#[test]
fn what_fails_is_tried_again_within_bounds_and_who_is_gone_is_forgotten() {
    let state = Arc::new(MemoryState::new());
    let push = open(&state, 1);
    take_up(&push, 1..=1, NOW);
    push.subscribe("kim", &browser(1).1, NOW).unwrap();
    take_up(&push, 1..=2, NOW);
    let mut now = NOW;
    for attempt in 1..=ATTEMPTS_MAX {
        let mut parcels = push.parcels(now, 10);
        assert_eq!(parcels.len(), 1, "attempt {attempt}");
        push.posted(parcels.remove(0), if attempt % 2 == 0 { Posted::Unreachable } else { Posted::Answered(503) }, now)
            .unwrap();
        assert_eq!(push.parcels(now, 10), [], "not at once");
        now = now + PAUSE * 2_u32.pow(attempt - 1);
    }
    let figures = push.figures();
    assert_eq!((figures.failed, figures.dropped, figures.waiting), (u64::from(ATTEMPTS_MAX), 1, 0));
    take_up(&push, 1..=3, NOW);
    push.posted(push.parcels(now, 1).remove(0), Posted::Answered(400), now).unwrap();
    assert_eq!((push.figures().dropped, push.figures().waiting), (2, 0), "it will never be taken");
    take_up(&push, 1..=4, NOW);
    push.posted(push.parcels(now, 1).remove(0), Posted::Answered(201), now).unwrap();
    take_up(&push, 1..=5, NOW);
    push.posted(push.parcels(now, 1).remove(0), Posted::Answered(410), now).unwrap();
    let figures = push.figures();
    assert_eq!((figures.delivered, figures.removed, figures.subscriptions), (1, 1, 0));
    assert_eq!(open(&state, 1).figures().subscriptions, 0);
}

#[test]
fn what_waits_and_who_is_told_is_bounded_and_sealed_at_rest() {
    let state = Arc::new(MemoryState::new());
    let push = open(&state, 1);
    take_up(&push, 1..=1, NOW);
    for number in 0..=SUBSCRIPTIONS_PER_PERSON_MAX {
        let at = NOW + Duration::from_secs(number as u64);
        push.subscribe("kim", &browser(number).1, at).unwrap();
    }
    assert_eq!(push.figures().subscriptions, SUBSCRIPTIONS_PER_PERSON_MAX, "the oldest went");
    take_up(&push, 1..=70, NOW);
    let figures = push.figures();
    assert_eq!(
        (figures.waiting, figures.dropped),
        (WAITING_MAX, (69 * SUBSCRIPTIONS_PER_PERSON_MAX - WAITING_MAX) as u64)
    );
    let rows = state.list(Table::PushSubscription, None, None, 100).unwrap();
    assert_eq!(rows.len(), SUBSCRIPTIONS_PER_PERSON_MAX);
    let written = format!("{rows:?}");
    assert!(!written.contains("push.example.net"), "an address is a secret");
    // With another key nothing can be read, and a new key is made.
    let other = open(&state, 2);
    assert_ne!(other.key().unwrap(), push.key().unwrap());
    assert_eq!(other.figures().subscriptions, 0);
}

#[test]
fn what_is_no_browser_is_refused() {
    let push = open(&Arc::new(MemoryState::new()), 1);
    let refused = |change: fn(&mut NewSubscription)| {
        let mut wanted = browser(1).1;
        change(&mut wanted);
        push.subscribe("kim", &wanted, NOW).unwrap_err().to_string()
    };
    assert_eq!(refused(|it| it.endpoint = "https://127.0.0.1/x".to_owned()), "this leads into a private network");
    assert_eq!(refused(|it| it.keys.auth = "x".to_owned()), "auth is no key of a browser");
    assert_eq!(refused(|it| it.keys.p256dh = BASE64.encode([4; 65])), "p256dh is no key of a browser");
    let id = push.subscribe("kim", &browser(1).1, NOW).unwrap();
    assert!(matches!(push.unsubscribe("lee", &id, NOW), Err(PushError::Unknown(_))));
    push.unsubscribe("kim", &id, NOW).unwrap();
    assert_eq!(push.figures().subscriptions, 0);
}
