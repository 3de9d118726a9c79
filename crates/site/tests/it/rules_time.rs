//! Rules and time: delays over restarts, clocks that are set, days of 23 and 25 hours, the sun.

use std::time::Duration;

use model::{Clock, Timestamp, Value};
use rule::{Outcome, Place};
use site::rules::{BacktestAsked, PlaceSettings};

use crate::common::{Bench, id};
use crate::rules::{COMES, home, live, move_to, outcomes, runs, sent};

const DELAYED: &str = "rule: Light for two minutes
triggers:
  - property: motion/occupancy
    to: true
actions:
  - set: lamp/on
    to: true
  - delay: 2 min
  - set: lamp/on
    to: false
";

fn berlin() -> Place {
    Place::new("Europe/Berlin", Some((52.52, 13.4))).unwrap()
}

/// A bench in a time zone, at a moment.
fn bench_at(place: Place, time: &str) -> Bench {
    let mut bench = Bench::new();
    bench.options.place = place;
    bench.clock.set(Timestamp::parse(time).unwrap());
    bench
}

fn values(site: &site::Site) -> Vec<Value> {
    sent(site, "lamp").into_iter().map(|(_, value)| value).collect()
}

#[test]
fn a_restart_in_the_middle_of_a_delay_goes_on_with_it() {
    for kept in [true, false] {
        let bench = Bench::new();
        let site = home(&bench);
        let rule = live(&site, DELAYED);
        move_to(&bench, &site, true);
        assert_eq!(outcomes(&site, &rule), [Outcome::Running]);
        bench.pass(Duration::from_secs(30));
        site.turn().unwrap();
        if kept {
            site.checkpoint().unwrap();
        }
        drop(site);
        bench.pass(Duration::from_secs(30));
        let site = bench.open();
        site.turn().unwrap();
        assert_eq!((values(&site), outcomes(&site, &rule)), (vec![Value::Boolean(true)], vec![Outcome::Running]));
        bench.pass(Duration::from_secs(59));
        site.turn().unwrap();
        assert_eq!(values(&site).len(), 1, "not before its time");
        bench.pass(Duration::from_secs(1));
        site.turn().unwrap();
        assert_eq!(values(&site), [Value::Boolean(false), Value::Boolean(true)]);
        let run = runs(&site, &rule).remove(0);
        assert_eq!((run.summary.outcome, run.summary.seconds), (Outcome::Finished, 120.0));
        drop(site);
        let site = bench.open();
        site.turn().unwrap();
        assert_eq!((values(&site).len(), runs(&site, &rule).len()), (2, 1), "and never a second time");
    }
}

#[test]
fn a_delay_that_ended_while_nothing_ran_ends_at_the_start() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, DELAYED);
    move_to(&bench, &site, true);
    bench.pass(Duration::from_secs(3));
    site.turn().unwrap();
    drop(site);
    bench.pass(Duration::from_hours(5));
    let site = bench.open();
    site.turn().unwrap();
    assert_eq!(values(&site), [Value::Boolean(false), Value::Boolean(true)]);
    assert_eq!(outcomes(&site, &rule), [Outcome::Finished]);
}

#[test]
fn what_was_said_while_the_program_was_down_sets_rules_off_once() {
    let bench = Bench::new();
    let site = home(&bench);
    live(&site, COMES);
    site.turn().unwrap();
    drop(site);
    bench.pass(Duration::from_secs(5));
    bench.say("things/motion/properties/occupancy", "true");
    for _ in 0..2 {
        let site = bench.open();
        site.turn().unwrap();
        assert_eq!(values(&site), [Value::Boolean(true)]);
    }
}

#[test]
fn an_hour_that_comes_twice_fires_once_and_one_that_is_left_out_fires_after_it() {
    // 2026-03-29: at 02:00 it becomes 03:00. 2026-10-25: at 03:00 it becomes 02:00.
    for (from, moment) in
        [("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"), ("2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z")]
    {
        let bench = bench_at(berlin(), from);
        let site = home(&bench);
        let rule = live(
            &site,
            "rule: Night
triggers:
  - time: \"02:30\"
actions:
  - set: lamp/on
    to: true
",
        );
        for _ in 0..6 * 60 {
            bench.pass(Duration::from_mins(1));
            site.turn().unwrap();
        }
        let began: Vec<String> = runs(&site, &rule).iter().map(|run| run.summary.began.to_string()).collect();
        assert_eq!(began.len(), 1, "{began:?}");
        let wanted = Timestamp::parse(moment).unwrap();
        let came = runs(&site, &rule)[0].summary.began;
        assert!(came >= wanted && came.since(wanted) <= Duration::from_mins(1), "{came} for {moment}");
    }
}

#[test]
fn a_clock_that_steps_back_repeats_nothing_and_one_that_jumps_ahead_passes_moments_over() {
    let bench = bench_at(Place::utc(), "2026-05-01T07:00:00Z");
    let site = home(&bench);
    let daily = live(&site, "rule: Daily\ntriggers:\n  - time: \"07:30\"\nactions:\n  - set: lamp/on\n    to: true\n");
    let delayed = live(&site, &DELAYED.replace("Light", "Lamp"));
    bench.pass(Duration::from_mins(31));
    site.turn().unwrap();
    assert_eq!(runs(&site, &daily).len(), 1);
    move_to(&bench, &site, true);
    bench.clock.set(bench.clock.now() - Duration::from_mins(20));
    site.turn().unwrap();
    bench.pass(Duration::from_mins(1));
    site.turn().unwrap();
    assert_eq!(outcomes(&site, &delayed), [Outcome::Running], "a delay lasts as long as it would have");
    bench.pass(Duration::from_mins(1) + Duration::from_secs(1));
    site.turn().unwrap();
    assert_eq!(outcomes(&site, &delayed), [Outcome::Finished], "{:?}", runs(&site, &delayed));
    bench.pass(Duration::from_mins(30));
    site.turn().unwrap();
    assert_eq!(runs(&site, &daily).len(), 1, "half past seven was already");

    // The next day at noon: half past seven is long past, and is said to have been missed.
    bench.clock.set(Timestamp::parse("2026-05-02T12:00:00Z").unwrap());
    site.turn().unwrap();
    assert_eq!(runs(&site, &daily).len(), 1);
    let why = site.why_not(&daily, None).unwrap();
    assert!(why.triggers[0].off_by.as_ref().unwrap().contains("passed over"), "{why:?}");
    bench.clock.set(Timestamp::parse("2026-05-03T07:30:10Z").unwrap());
    site.turn().unwrap();
    assert_eq!(runs(&site, &daily).len(), 2);
}

#[test]
fn the_sun_needs_a_place_and_days_are_counted_where_the_site_is() {
    let dusk =
        "rule: Dusk\ntriggers:\n  - sun: sunset\n    offset: -30 min\nactions:\n  - set: lamp/on\n    to: true\n";
    let nowhere = Bench::new();
    let site = home(&nowhere);
    let problems = site.check_rule(dusk, None).problems;
    assert!(
        problems.iter().any(|problem| problem.message.contains("sun") || problem.message.contains("where")),
        "{problems:?}"
    );

    // In Berlin the sun sets at a quarter past three UTC on the 10th of January.
    let bench = bench_at(berlin(), "2026-01-10T06:00:00Z");
    let site = home(&bench);
    assert!(site.check_rule(dusk, None).problems.is_empty());
    let rule = live(&site, dusk);
    for _ in 0..24 * 60 {
        bench.pass(Duration::from_mins(1));
        site.turn().unwrap();
    }
    let began = runs(&site, &rule).iter().map(|run| run.summary.began).collect::<Vec<_>>();
    assert_eq!(began.len(), 1);
    let wanted = Timestamp::parse("2026-01-10T14:45:00Z").unwrap();
    assert!(began[0].micros().abs_diff(wanted.micros()) < 5 * 60_000_000, "{}", began[0]);
    // A time of day is one of the place: 07:30 in Berlin is 06:30 in winter.
    let timed = live(&site, "rule: Up\ntriggers:\n  - time: \"07:30\"\nactions:\n  - set: lamp/on\n    to: true\n");
    bench.clock.set(Timestamp::parse("2026-01-11T06:29:30Z").unwrap());
    site.turn().unwrap();
    assert!(runs(&site, &timed).is_empty());
    bench.pass(Duration::from_mins(1));
    site.turn().unwrap();
    assert_eq!(runs(&site, &timed).len(), 1);
}

#[test]
fn where_the_site_is_can_be_said_while_rules_run_and_is_kept() {
    let bench = bench_at(Place::utc(), "2026-01-10T05:00:00Z");
    let site = home(&bench);
    let up = live(&site, "rule: Up\ntriggers:\n  - time: \"07:30\"\nactions:\n  - set: lamp/on\n    to: true\n");
    let draft = site.add_rule(
        "rule: Dusk\ntriggers:\n  - sun: sunset\nactions:\n  - set: lamp/on\n    to: true\n",
        None,
        "kim",
    );
    let draft = draft.unwrap();
    let problems = |site: &site::Site| {
        let (all, _) = site.rules(&site::rules::RuleQuery { limit: 9, ..<_>::default() });
        all.into_iter().find(|rule| rule.id == draft).unwrap().problems
    };
    assert_eq!((problems(&site), site.place_settings().1), (1, false));
    let wanted = PlaceSettings { time_zone: "Europe/Berlin".into(), latitude: Some(52.5), longitude: Some(13.4) };
    site.set_place(&wanted).unwrap();
    assert_eq!((problems(&site), site.place_settings()), (0, (wanted.clone(), true)));
    for wrong in [
        PlaceSettings { time_zone: "Europe/Atlantis".into(), ..wanted.clone() },
        PlaceSettings { latitude: None, ..wanted.clone() },
        PlaceSettings { latitude: Some(99.0), ..wanted.clone() },
    ] {
        assert!(site.set_place(&wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(site.place_settings().0, wanted, "what is wrong changes nothing");
    // Half past seven is an hour earlier than it was in UTC, and does not come twice.
    bench.clock.set(Timestamp::parse("2026-01-10T06:30:20Z").unwrap());
    site.turn().unwrap();
    assert_eq!(runs(&site, &up).len(), 1);
    bench.clock.set(Timestamp::parse("2026-01-10T07:30:20Z").unwrap());
    site.turn().unwrap();
    assert_eq!(runs(&site, &up).len(), 1);
    drop(site);
    assert_eq!(bench.open().place_settings(), (wanted, true));
}

#[test]
fn a_time_zone_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let error = Place::new("Europe/Berlinn", None).unwrap_err().to_string();
    assert!(error.contains("hint: did you mean Europe/Berlin?"), "{error}");
    assert!(Place::new("Mars/Olympus", None).unwrap_err().to_string().contains("hint: "));
    assert!(Place::new("Europe/Berlin", Some((91.0, 0.0))).is_err());
    assert!(Place::new("Europe/Berlin", Some((f64::NAN, 0.0))).is_err());
}

#[test]
fn a_value_that_must_last_is_counted_over_a_restart() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(
        &site,
        "rule: Damp\ntriggers:\n  - property: climate/humidity\n    above: 70\n    for: 5 min\nactions:\n  - set: lamp/on\n    to: true\n",
    );
    bench.pass(Duration::from_mins(1));
    bench.say("things/climate/properties/humidity", "75");
    site.turn().unwrap();
    bench.pass(Duration::from_mins(3));
    site.turn().unwrap();
    drop(site);
    let site = bench.open();
    site.turn().unwrap();
    bench.pass(Duration::from_mins(1));
    site.turn().unwrap();
    assert!(runs(&site, &rule).is_empty());
    bench.pass(Duration::from_mins(1));
    site.turn().unwrap();
    assert_eq!(outcomes(&site, &rule), [Outcome::Finished]);
    assert_eq!(site.thing(&id("lamp")).unwrap().delta.len(), 1);
}

#[test]
fn a_card_counts_the_days_of_the_calendar_on_the_wall() {
    // Half past eleven at night in summer is half past nine in UTC; an hour later it is the next day there, and only there.
    let bench = bench_at(berlin(), "2026-07-01T21:30:00Z");
    let site = home(&bench);
    for _ in 0..2 {
        bench.pass(Duration::from_mins(5));
        move_to(&bench, &site, true);
        bench.pass(Duration::from_mins(5));
        move_to(&bench, &site, false);
        bench.pass(Duration::from_mins(50));
        site.turn().unwrap();
    }
    let rule = site.add_rule(COMES, None, "kim").unwrap();
    let card = site.backtest_rule(&rule, &BacktestAsked::default()).unwrap();
    let days: Vec<(&str, u64)> = card.per_day.iter().map(|day| (day.day.as_str(), day.fired)).collect();
    assert_eq!(days, [("2026-07-01", 1), ("2026-07-02", 1)]);
}
