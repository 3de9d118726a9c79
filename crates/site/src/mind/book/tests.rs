//! One finding for each stream and sort, labels, bounds.

use super::*;

fn about(thing: usize) -> About {
    let thing = ThingId::new(format!("t{thing}")).expect("an id");
    About { thing, name: Name::new("x").expect("a name"), unit: None, words: "It is so.".to_owned() }
}

fn verdict(kind: InsightKind, second: i64) -> Verdict {
    let time = Timestamp::from_seconds(second);
    Verdict { kind, began: time, time, expected: None, came: Some(1.0), score: 4.0 }
}

fn opened(outcome: Outcome) -> Insight {
    let Outcome::Opened(insight) = outcome else { panic!("{outcome:?}") };
    insight
}

#[test]
fn one_goes_on_for_each_stream_and_sort_and_repeats_count() {
    let mut book = Book::default();
    let now = Timestamp::from_seconds(10);
    let first = opened(book.found(about(1), &verdict(InsightKind::Stuck, 5), now));
    assert_eq!(book.found(about(1), &verdict(InsightKind::Stuck, 7), now), Outcome::Repeated);
    opened(book.found(about(1), &verdict(InsightKind::Spike, 7), now));
    let long = Verdict { score: 6.5, ..verdict(InsightKind::Stuck, 5 + 3600) };
    let Outcome::Raised(raised) = book.found(about(1), &long, now) else { panic!("it lasts") };
    assert_eq!((raised.count, raised.severity, raised.id), (3, InsightSeverity::Alarm, first.id.clone()));
    assert_eq!(book.open_count(), 2);
    let thing = about(1).thing;
    let over = book.over(&thing, &about(1).name, InsightKind::Stuck, Timestamp::from_seconds(9_000));
    assert_eq!(over.map(|insight| insight.state), Some(InsightState::Over));
    assert_eq!(book.calm(now + CALM_AFTER).len(), 1, "a spike that is not repeated is over");
    assert_eq!((book.open_count(), book.of(&thing).count()), (0, 0));
    let again = opened(book.found(about(1), &verdict(InsightKind::Stuck, 20_000), now));
    assert!(again.id > first.id);
}

#[test]
fn the_newest_label_counts_but_normal_stays() {
    let mut book = Book::default();
    let now = Timestamp::from_seconds(10);
    let id = opened(book.found(about(1), &verdict(InsightKind::Stuck, 5), now)).id;
    let seen = book.acknowledge(&id, "kim", Some("I look at it"));
    assert_eq!(seen.map(|done| done.map(|insight| insight.state)), Some(Ok(InsightState::Acknowledged)));
    let (normal, is_new) = book.normal(&id, "lee", None, now).expect("it is there");
    assert_eq!((normal.state, is_new, normal.note.as_deref()), (InsightState::Normal, true, Some("I look at it")));
    assert!(!book.normal(&id, "kim", None, now).expect("it is there").1, "a lesson counts once");
    assert_eq!(book.acknowledge(&id, "kim", None), Some(Err(())));
    assert_eq!(book.acknowledge("insight-0", "kim", None), None);
}

#[test]
fn the_book_is_bounded_and_lets_go_of_the_oldest_that_is_over() {
    let mut book = Book::default();
    let now = Timestamp::from_seconds(10);
    let keep = opened(book.found(about(0), &verdict(InsightKind::Stuck, 1), now)).id;
    for number in 1..=INSIGHTS_MAX + 5 {
        let found = about(number);
        opened(book.found(found.clone(), &verdict(InsightKind::Stuck, 1), now));
        book.over(&found.thing, &found.name, InsightKind::Stuck, now);
    }
    assert_eq!(book.lengths(), (INSIGHTS_MAX, 1));
    assert!(book.get(&keep).is_some(), "what goes on stays");
    let (changed, removed) = book.take_changes();
    assert_eq!((changed.len(), removed.len()), (INSIGHTS_MAX, 6));
    for number in 0..INSIGHTS_OPEN_MAX {
        book.found(about(100_000 + number), &verdict(InsightKind::Stuck, 1), now);
    }
    assert_eq!(book.found(about(1), &verdict(InsightKind::Stuck, 1), now), Outcome::Refused);
    assert_eq!(book.lengths().1, INSIGHTS_OPEN_MAX);
    let restored = Book::restore(book.newest_first(None).cloned().collect());
    assert_eq!(restored.lengths(), book.lengths());
}
