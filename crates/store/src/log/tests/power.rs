//! Power cuts at any moment, over and over.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append { bytes: usize, urgency: Urgency },
    Sync,
    Retain { before: i64 },
    Close,
    PowerCut { luck: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let urgency = prop_oneof![Just(Urgency::Now), Just(Urgency::Lazy)];
    let step = prop_oneof![
        20 => (prop_oneof![8..60_usize, 500..3000_usize], urgency).prop_map(|(bytes, urgency)| Step::Append { bytes, urgency }),
        4 => Just(Step::Sync),
        1 => (0..200_i64).prop_map(|before| Step::Retain { before }),
        1 => Just(Step::Close),
        3 => any::<u64>().prop_map(|luck| Step::PowerCut { luck }),
    ];
    proptest::collection::vec(step, 1..150)
}

/// What was announced is there and unchanged, nothing else was given its position, and what is there is in order.
fn check(log: &SegmentLog, announced: &BTreeMap<Position, u64>) {
    let found = all(log);
    assert!(all_backwards(log) == found, "both directions find the same");
    assert!(found.is_sorted_by_key(|entry| entry.position));
    let end = found.last().map_or(log.bounds().first, |last| last.position.next());
    assert_eq!(*log.durable().borrow(), end, "a reader that has read all waits");
    let first = log.bounds().first;
    let by_position: BTreeMap<Position, u64> = found.iter().map(|entry| (entry.position, number(entry))).collect();
    for (position, number) in announced.range(first..) {
        assert_eq!(by_position.get(position), Some(number), "{position} was announced");
    }
    if let Some((newest, _)) = announced.last_key_value() {
        assert!(log.bounds().next > *newest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_announced_is_lost(steps in steps(), segment_bytes in 100..5000_u64) {
        let options = SegmentOptions { segment_bytes, tail_bytes: 2000, ..SegmentOptions::default() };
        let mut media = Faulty::default();
        let mut log = open(&media, options);
        let mut said: BTreeMap<Position, u64> = BTreeMap::new();
        let mut announced: BTreeMap<Position, u64> = BTreeMap::new();
        let mut count = 0;
        for step in steps {
            match step {
                Step::Append { bytes, urgency } => {
                    count += 1;
                    said.insert(log.append(entry(count, bytes), urgency).unwrap(), count);
                }
                Step::Sync => log.sync().unwrap(),
                Step::Retain { before } => {
                    let needed_from = Position(u64::MAX);
                    let policy =
                        crate::log::Retention { received_before: Timestamp(before), bytes_max: u64::MAX, needed_from };
                    log.retain(&policy).unwrap();
                }
                Step::Close => {
                    drop(log);
                    announced.append(&mut said);
                    log = open(&media, options);
                    assert!(log.recovery().problems.is_empty(), "{:?}", log.recovery());
                    check(&log, &announced);
                }
                Step::PowerCut { luck } => {
                    let end = *log.durable().borrow();
                    announced.extend(said.range(..end));
                    said.clear();
                    media = media.after_power_cut(luck);
                    log = open(&media, options);
                    check(&log, &announced);
                }
            }
        }
        log.sync().unwrap();
        announced.append(&mut said);
        check(&log, &announced);
    }
}
