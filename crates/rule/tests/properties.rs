//! What holds whatever is written and whatever happens: comments change nothing, the index of triggers finds what
//! checking every rule would find, a restart at any point is not noticed, and no text does harm.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Position, Quality, RecordKind, Timestamp, Value};
use proptest::prelude::*;
use rule::view::Nothing;
use rule::{Effect, Engine, Enlisted, Options, Pace, Place, RecordView, Rule, Said, Saved, TraceLevel, What};

const EVERYTHING: &str = include_str!("../src/text/everything.yaml");
const REPLAY: Options = Options { pace: Pace::Replay, traces: TraceLevel::All };

fn place() -> Place {
    Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap()
}

fn start() -> Timestamp {
    Timestamp::parse("2026-03-28T22:00:00Z").unwrap()
}

fn enlisted(at: usize, text: &str) -> Enlisted {
    let parsed = Rule::parse(text);
    let rule = parsed.rule.unwrap_or_else(|| panic!("{text}\n{:?}", parsed.problems));
    Enlisted { id: format!("rule-{at}").into(), version: 1, rule, shadow: false }
}

fn said(value: &Value, now: Timestamp) -> Said<'_> {
    Said { value, quality: Quality::Good, time: now, received: now, position: Position(1), cause: None }
}

/// What a test beside a rule came to: its name, whether it passed, and what came.
type Outcome = (String, bool, Vec<String>);

/// A rule without the places at which its parts stand.
fn meaning(text: &str) -> (Vec<String>, Vec<Outcome>) {
    let rule = Rule::parse(text).rule.unwrap_or_else(|| panic!("{text}\n{:?}", Rule::parse(text).problems));
    let tests = rule::testing::run(&rule, &place()).into_iter().map(|test| (test.name, test.passed, test.came));
    (rule::words::sentences(&rule), tests.collect())
}

/// What sets a rule off, as a checker without an index looks at it.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Change,
    To(i64),
    Above(i64),
    Below(i64),
}

#[derive(Debug, Clone)]
struct Simple {
    thing: u8,
    wanted: Wanted,
    /// Another thing that must be above something.
    condition: Option<(u8, i64)>,
}

impl Simple {
    fn text(&self) -> String {
        let trigger = match self.wanted {
            Wanted::Change => String::new(),
            Wanted::To(value) => format!(", to: {value}"),
            Wanted::Above(bound) => format!(", above: {bound}"),
            Wanted::Below(bound) => format!(", below: {bound}"),
        };
        let condition = self.condition.map(|(thing, bound)| format!("{{ property: t{thing}/x, above: {bound} }}"));
        format!(
            "rule: r\nmode: parallel\ntriggers: [{{ property: t{}/x{trigger} }}]\nconditions: [{}]\nactions: [{{ scene: s }}]\n",
            self.thing,
            condition.unwrap_or_default()
        )
    }

    /// Whether a change of its thing sets it off.
    fn is_set_off(&self, old: Option<i64>, new: i64) -> bool {
        match self.wanted {
            Wanted::Change => old.is_some(),
            Wanted::To(value) => new == value,
            Wanted::Above(bound) => new > bound && old.is_none_or(|old| old <= bound),
            Wanted::Below(bound) => new < bound && old.is_none_or(|old| old >= bound),
        }
    }
}

fn simple() -> impl Strategy<Value = Simple> {
    let wanted = prop_oneof![
        Just(Wanted::Change),
        (0i64..6).prop_map(Wanted::To),
        (0i64..6).prop_map(Wanted::Above),
        (0i64..6).prop_map(Wanted::Below),
    ];
    (0u8..4, wanted, proptest::option::of((0u8..4, 0i64..6))).prop_map(|(thing, wanted, condition)| Simple {
        thing,
        wanted,
        condition,
    })
}

/// Rules that use all that an engine remembers.
const REMEMBERING: [&str; 4] = [
    "rule: a\nmode: queued\nmax: 4\ntriggers: [{ event: b/pressed, where: \"${ trigger.value > 1 }\" }, { presence: b, to: offline, for: 9 s }]\nconditions: [{ presence: b, is: online, for: 3 s }, { expression: \"${ since('a/x') | default(0) < 60 }\" }]\nactions: [{ set: a/y, to: \"${ previous('a/x', 0) + trigger.value | default(1) }\" }, { delay: 7 s }, { scene: after }]",
    "rule: b\nmode: parallel\nmax: 3\ntriggers: [{ insight: c, severity: warning }, { forecast: a/x, above: 3, within: 1 h }, { webhook: go }]\nactions: [{ wait: { for: [{ property: a/x, above: 2 }, { event: b/pressed }], timeout: 20 s, then: stop } }, { repeat: { each: [1, 2], do: [{ notify: \"${ repeat.item } ${ trigger.kind } ${ waited }\" }, { delay: 2 s }] } }]",
    "rule: c\nmode: restart\ntriggers: [{ time: ['02:30', '23:59'] }, { sun: sunrise }, { every: 90 min }, { calendar: { days: [29], at: '03:10' } }, { property: a/x, from: [1, 2], to: [3, 4], for: 5 s }]\nactions: [{ variables: { n: \"${ age('a/x') | default(0) | round }\" } }, { delay: \"${ 5 + n % 3 }\" }, { alarm: { name: n, message: \"${ n }\" } }]",
    "rule: d\ntriggers: [{ expression: \"${ value('a/y', 0) > value('a/x', 0) }\", for: 4 s }, { expression: \"${ now.minute % 7 == 0 }\" }]\nactions: [{ choose: [{ if: [{ property: a/x, below: 3, for: 6 s }], do: [{ set: a/x, to: 5 }] }], otherwise: [{ stop: no }] }]",
];

#[derive(Debug, Clone)]
enum Step {
    Say(bool, i64),
    Event(i64),
    Presence(bool),
    Insight(u8, bool),
    Forecast(i64),
    Webhook,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0i64..6).prop_map(|(which, value)| Step::Say(which, value)),
        2 => (0i64..4).prop_map(Step::Event),
        2 => any::<bool>().prop_map(Step::Presence),
        1 => (0u8..3, any::<bool>()).prop_map(|(id, bad)| Step::Insight(id, bad)),
        1 => (0i64..6).prop_map(Step::Forecast),
        1 => Just(Step::Webhook),
        3 => (0u32..30).prop_map(Step::Wait),
        1 => (600u32..20_000).prop_map(Step::Wait),
    ]
}

/// Plays steps; the engine is saved and restored before each of those that are named.
fn play(steps: &[Step], restarts: &[usize]) -> (Vec<Effect>, Vec<rule::Trace>, String) {
    let mut engine = Engine::new(place(), REPLAY);
    let rules: Vec<Enlisted> = REMEMBERING.iter().enumerate().map(|(at, text)| enlisted(at, text)).collect();
    rules.iter().for_each(|rule| engine.enlist(rule.clone(), &Nothing, start()));
    let (mut now, mut effects, mut traces) = (start(), Vec::new(), Vec::new());
    for (at, step) in steps.iter().enumerate() {
        if restarts.contains(&at) {
            traces.extend(engine.take_traces());
            let text = serde_json::to_string(&engine.save()).unwrap();
            let saved: Saved = serde_json::from_str(&text).unwrap();
            engine = Engine::restore(place(), REPLAY, rules.clone(), saved, &Nothing);
        }
        let mut say = |engine: &mut Engine, kind, thing, name, value: Value| {
            engine.feed(&RecordView { thing, name, kind, said: said(&value, now) }, &mut effects);
        };
        match step {
            Step::Say(which, value) => {
                let name = if *which { "x" } else { "y" };
                say(&mut engine, RecordKind::Property, "a", name, Value::Integer(*value));
            }
            Step::Event(value) => say(&mut engine, RecordKind::Event, "b", "pressed", Value::Integer(*value)),
            Step::Presence(online) => {
                let word = if *online { "online" } else { "offline" };
                say(&mut engine, RecordKind::Presence, "b", "presence", Value::text(word));
            }
            Step::Insight(id, bad) => {
                let severity = if *bad { "alarm" } else { "notice" };
                let found = serde_json::json!({ "id": id.to_string(), "kind": "stuck", "severity": severity });
                say(&mut engine, RecordKind::Insight, "c", "flow", Value::from_json(found));
            }
            Step::Forecast(value) => {
                engine.forecast("a", "x", &[(now + Duration::from_mins(9), *value as f64)], now, &mut effects);
            }
            Step::Webhook => drop(engine.webhook("go", Value::Null, now, &mut effects)),
            Step::Wait(seconds) => {
                now = now + Duration::from_secs(u64::from(*seconds));
                engine.tick(now, &mut effects);
            }
        }
    }
    engine.tick(now + Duration::from_hours(7), &mut effects);
    traces.extend(engine.take_traces());
    (effects, traces, serde_json::to_string(&engine.save()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn comments_change_nothing(comments in proptest::collection::vec((0usize..200, 0usize..9, "[ -~]{0,20}", any::<bool>()), 1..12)) {
        let mut lines: Vec<String> = EVERYTHING.lines().map(str::to_owned).collect();
        for (at, indent, words, is_own_line) in comments {
            // The description goes over two lines, and a comment ends it.
            let at = 5 + at % (lines.len() - 5);
            if is_own_line {
                lines.insert(at, format!("{}# {words}", " ".repeat(indent)));
            } else {
                lines[at].push_str(&format!(" # {words}"));
            }
        }
        let text = lines.join("\n");
        prop_assert_eq!(meaning(&text), meaning(EVERYTHING));
    }

    #[test]
    fn the_index_finds_what_checking_every_rule_finds(
        rules in proptest::collection::vec(simple(), 1..25),
        records in proptest::collection::vec((0u8..5, 0i64..7), 0..80),
    ) {
        let mut engine = Engine::new(place(), REPLAY);
        for (at, rule) in rules.iter().enumerate() {
            engine.enlist(enlisted(at, &rule.text()), &Nothing, start());
        }
        let mut known: HashMap<u8, i64> = HashMap::new();
        let (mut now, mut effects, mut expected) = (start(), Vec::new(), Vec::new());
        for (thing, value) in records {
            now = now + Duration::from_secs(1);
            let old = known.insert(thing, value);
            for (at, rule) in rules.iter().enumerate().filter(|_| old != Some(value)) {
                let holds = rule.condition.is_none_or(|(of, bound)| known.get(&of).is_some_and(|it| *it > bound));
                if rule.thing == thing && rule.is_set_off(old, value) && holds {
                    expected.push((now, format!("rule-{at}")));
                }
            }
            let (id, value) = (format!("t{thing}"), Value::Integer(value));
            let view = RecordView { thing: &id, name: "x", kind: RecordKind::Property, said: said(&value, now) };
            engine.feed(&view, &mut effects);
        }
        let came: Vec<(Timestamp, String)> = effects.iter().map(|it| (it.time, it.rule.to_string())).collect();
        prop_assert_eq!(came, expected);
    }

    #[test]
    fn restarts_are_not_noticed(
        steps in proptest::collection::vec(step(), 1..60),
        restarts in proptest::collection::vec(0usize..60, 1..6),
    ) {
        let (straight, traces, end) = play(&steps, &[]);
        let (effects, traces_after, end_after) = play(&steps, &restarts);
        prop_assert_eq!(straight, effects);
        prop_assert_eq!(traces, traces_after);
        prop_assert_eq!(end, end_after);
    }

    #[test]
    fn whatever_is_read_can_be_told_run_and_compared(at in 0usize..6_000, cut in 0usize..12, with in "[-:{}\\[\\]$ a1\\n\"'%|/]{0,4}") {
        let text: Vec<char> = EVERYTHING.chars().collect();
        let at = at % text.len();
        let changed: String =
            text[..at].iter().copied().chain(with.chars()).chain(text[(at + cut).min(text.len())..].iter().copied()).collect();
        let parsed = Rule::parse(&changed);
        if let Some(rule) = parsed.rule {
            let told = rule::words::sentences(&rule);
            prop_assert!(!told.is_empty() && !rule::graph::of(&rule).nodes.is_empty());
            let _tested = rule::testing::run(&rule, &place());
            let both = [(Arc::from("one"), Arc::clone(&rule)), (Arc::from("two"), rule)];
            let _found = rule::conflicts::find(&both);
        } else {
            prop_assert!(parsed.problems.iter().any(rule::Problem::is_error));
        }
    }
}

#[test]
fn what_rules_do_is_in_the_order_of_rules() {
    let mut engine = Engine::new(place(), REPLAY);
    for at in 0..20 {
        let text = format!("rule: r\ntriggers: [{{ property: a/x }}]\nactions: [{{ scene: s{at} }}]");
        engine.enlist(enlisted(at, &text), &Nothing, start());
    }
    let mut effects = Vec::new();
    for value in 0..2 {
        let value = Value::Integer(value);
        let view = RecordView { thing: "a", name: "x", kind: RecordKind::Property, said: said(&value, start()) };
        engine.feed(&view, &mut effects);
    }
    let scenes = effects.iter().map(|effect| match &effect.what {
        What::Scene { scene } => scene.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(scenes.collect::<Vec<_>>(), (0..20).map(|at| format!("s{at}")).collect::<Vec<_>>());
}
