//! Tests of reading.

use proptest::prelude::*;

use crate::Rule;

/// Every part of the language.
pub(crate) const EVERYTHING: &str = include_str!("everything.yaml");

fn problems(text: &str) -> String {
    Rule::parse(text).problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_part_of_the_language_is_read() {
    assert_eq!(problems(EVERYTHING), "");
    let rule = Rule::parse(EVERYTHING).rule.unwrap();
    assert_eq!((rule.triggers.len(), rule.conditions.len(), rule.actions.len(), rule.tests.len()), (16, 8, 14, 1));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "\
rule: Wrong
mode: singel
max: 3
trigers: []
triggers:
  - property: hall.motion
    to: true
  - property: hall.motion/occupancy
    to: true
    above: 3
    for: 30
  - time: \"25:00\"
    on: [mon, tueday]
  - suns: sunset
  - property: a/b
    below: 1
    above: 2
    id: came
  - time: \"07:00\"
    id: came
conditions:
  - trigger: cme
  - expression: ${ limit > 3 }
  - property: a/b
  - any: []
actions:
  - set: hall.lamp/on
  - set: hall.lamp/on
    to: ${ value('a/b' }
  - delay: 5
  - notify: \"x ${ 1 +  } y\"
  - scene: a
    set: b/c
  - repeat: { times: 5000, do: [ { stop: done } ] }
tests:
  - name: nothing
";
    insta::assert_snapshot!(problems(text), @"");
}

#[test]
fn what_is_huge_is_refused() {
    let said = |text: &str| problems(text).lines().next().unwrap_or_default().to_owned();
    assert_eq!(said(&"x".repeat(70_000)), "1:1: error: the text may be 65536 bytes long, this one has 70000");
    let many = |line: &str, count: usize| line.repeat(count);
    let rule = |triggers: &str, actions: &str| format!("rule: a\ntriggers:\n{triggers}actions:\n{actions}");
    let (trigger, action) = ("  - every: 1 h\n", "  - scene: a\n");
    assert!(said(&rule(&many(trigger, 65), action)).ends_with("a rule may have 64 triggers, this one has 65"));
    assert!(said(&rule(trigger, &many(action, 513))).ends_with("a rule may have 512 actions, this one has 513"));
    let mut nested = "scene: a".to_owned();
    for _ in 0..20 {
        nested = format!("choose: [{{ if: [ {{ trigger: x }} ], do: [ {{ {nested} }} ] }}]");
    }
    assert!(
        problems(&rule("  - every: 1 h\n    id: x\n", &format!("  - {nested}\n")))
            .contains("actions lie more than 16 deep")
    );
    let template = format!("  - notify: \"${{ 1 }}{}\"\n", "x".repeat(5_000));
    assert!(said(&rule(trigger, &template)).contains("text with holes may be 4096 bytes long"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(rule|triggers|actions|set|to|choose|if|do|[-:{}\\[\\]$ a-z0-9/.\"'\\n]){0,60}") {
        let _parsed = Rule::parse(&text);
    }

    #[test]
    fn no_change_of_a_rule_makes_it_panic(at in 0usize..3_000, with in "[-:{}\\[\\]$ a\\n\"0%]{0,3}") {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        let at = at.min(text.len() - 1);
        text.splice(at..=at, with.chars());
        let parsed = Rule::parse(&text.into_iter().collect::<String>());
        prop_assert_eq!(parsed.rule.is_none(), parsed.problems.iter().any(crate::Problem::is_error));
        for problem in &parsed.problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
        }
    }
}
