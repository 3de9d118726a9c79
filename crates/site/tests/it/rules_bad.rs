//! Rules that would do harm: loops, floods, contradictions, guards, things that are not there, texts that are too much.

use std::time::Duration;

use model::Value;
use rule::{Outcome, StepOutcome};
use site::RuleError;
use site::rules::{TRACES_PER_RULE_MAX, VERSIONS_MAX};

use crate::common::{Bench, id};
use crate::rules::{COMES, forced, home, live, move_to, outcomes, runs, sent};

fn flip(title: &str, from: bool) -> String {
    format!(
        "rule: {title}\ntriggers:\n  - property: lamp/on\n    to: {from}\nactions:\n  - set: lamp/on\n    to: {}\n",
        !from
    )
}

/// The lamp does what it was told last.
fn obey(bench: &Bench, site: &site::Site) {
    if let Some((_, value)) = sent(site, "lamp").first() {
        bench.say("things/lamp/properties/on", &value.to_json().to_string());
    }
    site.turn().unwrap();
}

#[test]
fn rules_that_set_each_other_off_are_found_and_stopped() {
    let bench = Bench::new();
    let site = home(&bench);
    let on = live(&site, &flip("On", false));
    let problems = site.check_rule(&flip("Off", true), None).problems;
    let found = problems.iter().find(|problem| problem.other_rule.as_deref() == Some(&on)).expect("it is told before");
    assert!(!found.message.is_empty());
    let off = live(&site, &flip("Off", true));
    let conflicts = site.rule_conflicts();
    let is_loop = |conflict: &&rule::conflicts::Conflict| conflict.rules.contains(&on) && conflict.rules.contains(&off);
    assert!(conflicts.iter().any(|conflict| is_loop(&conflict)), "{conflicts:?}");

    bench.say("things/lamp/properties/on", "true");
    site.turn().unwrap();
    for _ in 0..60 {
        bench.pass(Duration::from_millis(500));
        obey(&bench, &site);
    }
    let commands = sent(&site, "lamp").len();
    assert!((10..=30).contains(&commands), "{commands} commands in half a minute");
    let mut told = runs(&site, &on);
    told.extend(runs(&site, &off));
    let loops = told.iter().filter(|run| run.summary.outcome == Outcome::Failed);
    let words: Vec<&str> = loops.flat_map(|run| &run.steps).filter_map(|step| step.detail.as_deref()).collect();
    assert!(words.iter().any(|words| words.contains("set it off again") && words.contains(&*on)), "{words:?}");
    site.switch_off_rule(&off).unwrap();
    assert!(site.rule_conflicts().is_empty(), "what is off is in nobody's way");
}

#[test]
fn a_rule_that_floods_a_thing_is_stopped_by_its_limit_and_the_things_guard() {
    let bench = Bench { rate: 20, ..Bench::new() };
    let site = home(&bench);
    let rule = live(
        &site,
        "rule: Flood\ntriggers:\n  - property: motion/occupancy\n    to: true\nactions:
  - repeat:\n      times: 100\n      do:\n        - set: lamp/level\n          to: ${ round }\n"
            .replace("${ round }", "50")
            .as_str(),
    );
    move_to(&bench, &site, true);
    let passed = sent(&site, "lamp");
    assert!((1..=20).contains(&passed.len()), "the guard let {} commands pass", passed.len());
    let run = runs(&site, &rule).remove(0);
    assert_eq!(run.summary.outcome, Outcome::Failed);
    let refused = run.steps.iter().filter(|step| step.outcome == StepOutcome::Failed);
    assert!(refused.filter_map(|step| step.detail.as_deref()).any(|detail| detail.contains("rate guard")), "{run:?}");
    assert_eq!(site.rule(&rule).unwrap().summary.failed_day, 1);
}

#[test]
fn rules_that_want_opposites_at_once_are_told() {
    let bench = Bench::new();
    let site = home(&bench);
    let comes = live(&site, COMES);
    let opposite = COMES
        .replace("Light", "Dark")
        .replace("lamp/on\n    to: true", "lamp/on\n    to: false")
        .replace("is: false", "is: true");
    let same = opposite.replace("conditions:\n  - property: lamp/on\n    is: true\n", "");
    let other = live(&site, &same);
    let conflicts = site.rule_conflicts();
    let both =
        |conflict: &&rule::conflicts::Conflict| conflict.rules.contains(&comes) && conflict.rules.contains(&other);
    let found = conflicts.iter().find(both).unwrap_or_else(|| panic!("{conflicts:?}"));
    assert_eq!(found.thing.as_ref().map(ToString::to_string).as_deref(), Some("lamp"));
}

#[test]
fn what_wants_a_person_at_the_button_is_not_done_by_a_rule() {
    let bench = Bench::new();
    let site = home(&bench);
    let text = "rule: Open\ntriggers:\n  - event: door/rung\nactions:\n  - action: door/unlock\n";
    let told = site.check_rule(text, None).problems;
    assert!(told.iter().any(|problem| problem.message.contains("person")), "it is told before: {told:?}");
    let rule = site.add_rule(text, None, "kim").unwrap();
    if site.promote_rule(&rule, forced(), "kim").is_ok() {
        bench.say("things/door/events/rung", "1");
        site.turn().unwrap();
        assert!(sent(&site, "door").is_empty());
        assert_eq!(outcomes(&site, &rule), [Outcome::Failed]);
        let run = runs(&site, &rule).remove(0);
        assert!(
            run.steps.iter().any(|step| step.detail.as_ref().is_some_and(|it| it.contains("person guard"))),
            "{run:?}"
        );
    }
    let lock = live(&site, &text.replace("unlock", "lock").replace("Open", "Lock"));
    bench.say("things/door/events/rung", "2");
    site.turn().unwrap();
    assert_eq!((sent(&site, "door").len(), outcomes(&site, &lock)), (1, vec![Outcome::Finished]));
}

#[test]
fn a_thing_that_is_gone_fails_the_action_and_not_the_rules() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    site.remove_thing(&id("lamp"), None).unwrap();
    let detail = site.rule(&rule).unwrap();
    assert!(
        detail.problem_list.iter().any(|problem| problem.is_error() && problem.message.contains("lamp")),
        "{detail:?}"
    );
    let text = COMES.replace("conditions:\n  - property: lamp/on\n    is: false\n", "");
    let other = site.add_rule(&text, None, "kim").unwrap();
    assert!(matches!(site.promote_rule(&other, forced(), "kim"), Err(RuleError::CannotRun { .. })));
    move_to(&bench, &site, true);
    assert_eq!(runs(&site, &rule).len(), 1, "it is told why it did nothing");
}

#[test]
fn a_division_by_zero_fails_the_run_and_is_told_with_its_line() {
    let bench = Bench::new();
    let site = home(&bench);
    let text = "rule: Divide\ntriggers:\n  - property: motion/occupancy\n    to: true\nactions:
  - set: lamp/level\n    to: ${ 100 / (value('climate/humidity') - 50) }\n";
    let rule = live(&site, text);
    move_to(&bench, &site, true);
    let run = runs(&site, &rule).remove(0);
    assert_eq!((run.summary.outcome, sent(&site, "lamp").len()), (Outcome::Failed, 0));
    let step = run.steps.iter().find(|step| step.outcome == StepOutcome::Failed).unwrap();
    assert!(step.line == 6 && step.detail.as_ref().unwrap().contains("zero"), "{step:?}");
    bench.say("things/climate/properties/humidity", "52");
    move_to(&bench, &site, false);
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp"), [("level".to_owned(), Value::Float(50.0))]);
}

#[test]
fn texts_that_are_too_much_are_refused_with_words() {
    let bench = Bench::new();
    let site = home(&bench);
    let huge = format!("rule: Huge\n# {}\n", "x".repeat(rule::limits::TEXT_BYTES_MAX));
    assert!(matches!(site.add_rule(&huge, None, "kim"), Err(RuleError::TooLong(_))));
    let template = format!("{COMES}  - notify: \"{}\"\n", "${ 1 }".repeat(rule::limits::TEMPLATE_BYTES_MAX));
    let told = |text: &str| site.check_rule(text, None).problems.iter().any(rule::Problem::is_error);
    assert!(told(&template[..rule::limits::TEXT_BYTES_MAX.min(template.len() - 3)]));
    assert!(told(&"[".repeat(5_000)) && told("a: &a [*a, *a]") && told("\u{0}") && told(""));
    assert!(told(&COMES.replace("is: false", "is: false\n    for: -5 min")));
}

#[test]
fn runs_are_kept_within_bounds_and_failures_longest() {
    let bench = Bench { rate: 1_000_000, ..Bench::new() };
    let site = home(&bench);
    let rule = live(
        &site,
        "rule: Level\ntriggers:\n  - property: climate/humidity\nactions:\n  - set: lamp/level\n    to: ${ 1000 / value('climate/humidity') }\n",
    );
    let say = |humidity: usize| {
        bench.pass(Duration::from_secs(10));
        bench.say("things/climate/properties/humidity", &humidity.to_string());
        site.turn().unwrap();
    };
    (0..5).for_each(|failing| {
        say(0);
        say(20 + failing);
    });
    (0..2 * TRACES_PER_RULE_MAX).for_each(|number| say(20 + number % 50 + 10 * (number % 2)));
    let kept = runs(&site, &rule);
    assert_eq!(kept.len(), TRACES_PER_RULE_MAX);
    let failed = kept.iter().filter(|run| run.summary.outcome == Outcome::Failed).count();
    assert_eq!(failed, 5, "the failures are still there");
    drop(site);
    let site = bench.open();
    site.turn().unwrap();
    assert!(runs(&site, &rule).len() <= TRACES_PER_RULE_MAX);
    assert_eq!(outcomes(&site, &rule).iter().filter(|outcome| **outcome == Outcome::Failed).count(), 5);
}

#[test]
fn versions_are_kept_within_bounds_and_what_runs_stays() {
    let bench = Bench::new();
    let site = home(&bench);
    let rule = live(&site, COMES);
    for seen in 1..=VERSIONS_MAX as u64 + 20 {
        site.change_rule(&rule, &format!("{COMES}# {seen}\n"), seen, "kim", None).unwrap();
    }
    let versions = site.rule_versions(&rule).unwrap();
    assert_eq!(
        (versions.len(), versions.last().unwrap().version),
        (VERSIONS_MAX, 1),
        "what is live is never thrown away"
    );
    drop(site);
    let site = bench.open();
    move_to(&bench, &site, true);
    assert_eq!(sent(&site, "lamp").len(), 1);
}

#[test]
fn a_call_sets_off_who_listens_and_nobody_else() {
    let bench = Bench::new();
    let site = home(&bench);
    assert!(matches!(site.call_webhook("bell", Value::Null), Err(RuleError::UnknownWebhook(_))));
    let rule = live(
        &site,
        "rule: Bell\ntriggers:\n  - webhook: bell\nactions:\n  - set: lamp/level\n    to: ${ trigger.body.level }\n",
    );
    let body = Value::from_json(serde_json::json!({"level": 70}));
    assert_eq!(site.call_webhook("bell", body).unwrap(), 1);
    assert_eq!(sent(&site, "lamp"), [("level".to_owned(), Value::Float(70.0))]);
    site.turn().unwrap();
    assert_eq!(outcomes(&site, &rule), [Outcome::Finished]);
    site.call_webhook("bell", Value::from_json(serde_json::json!({"level": 7_000}))).unwrap();
    site.turn().unwrap();
    assert_eq!(outcomes(&site, &rule)[0], Outcome::Failed, "the lamp's model refuses it");
    assert_eq!(sent(&site, "lamp").len(), 1);
}
