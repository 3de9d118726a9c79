//! The miner beside homes whose habits are known.

use super::home::{Judged, made_up, sun};
use super::*;

fn setting() -> Setting<'static> {
    Setting { utc_offset_s: &|_| 0, sun: &sun }
}

/// Homes of seeds that change with the day the test is run on would be no test; the benchmark draws fresh ones.
#[test]
fn planted_routines_are_found_and_little_else() {
    let mut judged = Judged::default();
    for seed in 1..=40 {
        let home = made_up(seed, 42);
        judged.add(&home, &mine(&home.acts, &home.happenings, &setting()));
    }
    let (precision, recall, wrong) = (judged.precision(), judged.recall(), judged.wrong_a_month());
    assert!(precision >= 0.8 && recall >= 0.5 && wrong <= 1.0, "{judged:?} {precision:.2} {recall:.2} {wrong:.2}");
}

/// The same people without routines: what they do is whim, and nothing is made of it.
#[test]
fn whims_are_no_habits() {
    let mut proposed = 0;
    for seed in 100..130 {
        let mut home = made_up(seed, 42);
        let planted: Vec<What> = home.planted.iter().map(|planted| planted.act.clone()).collect();
        let is_planted = |act: &Occurrence| {
            planted.iter().any(|what| what.thing == act.thing && what.name == act.name && what.value == act.value)
        };
        home.acts.retain(|act| !is_planted(act));
        proposed += mine(&home.acts, &home.happenings, &setting()).len();
    }
    assert!(proposed <= 3, "{proposed} of 30 homes");
}

#[test]
fn nothing_is_proposed_of_a_few_days_or_of_nothing() {
    let home = made_up(1, 10);
    assert_eq!(mine(&home.acts, &home.happenings, &setting()), []);
    assert_eq!(mine(&[], &[], &setting()), []);
}

#[test]
fn a_candidate_is_a_rule_that_people_can_read() {
    let what = |thing: &str, value: bool| What {
        thing: ThingId::new(thing).unwrap(),
        name: Name::new("on").unwrap(),
        value: Value::Boolean(value),
        is_event: false,
    };
    let candidate = Candidate {
        act: what("lamp", true),
        trigger: Trigger::Clock { second: 7 * 3_600 + 28 * 60 + 40 },
        days: Weekdays::WORK,
        support: 20,
        precision: 0.9,
        coverage: 0.8,
        surprise: 12.0,
        times: Vec::new(),
    };
    insta::assert_snapshot!(candidate.rule_text("The lamp in the \"morning\""), @r#"
    rule: "The lamp in the \"morning\""
    triggers:
      - time: "07:30"
        on: [mon, tue, wed, thu, fri]
    actions:
      - set: lamp/on
        to: true
    "#);
    let after = Trigger::After { what: what("motion", true), dark: true };
    insta::assert_snapshot!(Candidate { trigger: after, days: Weekdays::WEEKEND, ..candidate }.rule_text("b"), @r#"
    rule: "b"
    triggers:
      - property: motion/on
        to: true
    conditions:
      - sun: { after: sunset, before: sunrise }
      - time: { on: [sat, sun] }
    actions:
      - set: lamp/on
        to: true
    "#);
}

#[test]
fn days_of_the_week_are_counted_from_a_thursday() {
    // 2026-01-05 was a Monday.
    let monday = Timestamp::parse("2026-01-05T00:00:00Z").unwrap().micros() / 86_400_000_000;
    assert!(
        Weekdays::only(0).contains(monday) && Weekdays::WORK.contains(monday) && !Weekdays::WEEKEND.contains(monday)
    );
    assert!(Weekdays::WEEKEND.contains(monday - 1) && Weekdays::WEEKEND.contains(monday + 5));
}
