//! What imported automations do: their own words say what has to happen, and the rules that were made of them do it.
//!
//! The reports on what was carried over stand in `home_assistant.rs`.

use rule::import::home_assistant::{Unmapped, import};
use rule::{Place, Rule};

const CORPUS: [&str; 7] = [
    include_str!("corpus/lights.yaml"),
    include_str!("corpus/climate.yaml"),
    include_str!("corpus/safety.yaml"),
    include_str!("corpus/energy.yaml"),
    include_str!("corpus/mixed.yaml"),
    include_str!("corpus/hard.yaml"),
    include_str!("corpus/wild.yaml"),
];

/// Automations by title, and tests in our language: what is given, what happens, what must come.
const BEHAVIOUR: &str = include_str!("corpus/behaviour.txt");

/// Titles with the tests below them.
fn chapters() -> Vec<(&'static str, &'static str)> {
    let chapters = BEHAVIOUR.split("\n== ").skip(1);
    chapters.map(|chapter| chapter.split_once('\n').expect("a title and tests")).collect()
}

#[test]
fn imported_automations_do_what_they_say() {
    let place = Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap();
    let items: Vec<_> = CORPUS.iter().flat_map(|text| import(text, &Unmapped).unwrap().items).collect();
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for (title, tests) in chapters() {
        let item = items.iter().find(|item| item.title == title).unwrap_or_else(|| panic!("no automation {title}"));
        let text = item.text.as_ref().unwrap_or_else(|| panic!("{title}: {:?}", item.left_out));
        let parsed = Rule::parse(&format!("{text}tests:\n{tests}\n"));
        let Some(rule) = parsed.rule else { panic!("{title}: {:?}\n{text}", parsed.problems) };
        for result in rule::testing::run(&rule, &place) {
            if result.passed {
                passed += 1;
            } else {
                let steps = result.trace.iter().flat_map(|trace| &trace.steps).map(|step| format!("{step:?}"));
                let steps = steps.collect::<Vec<_>>().join("\n    ");
                wrong.push(format!(
                    "{title}, {}:\n  wanted {:?}\n  came   {:?}\n    {steps}\n{text}",
                    result.name, result.expected, result.came
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    println!("{passed} tests of {} automations passed", chapters().len());
    assert!(chapters().len() >= 40);
}

#[test]
fn the_example_in_the_documentation_works() {
    let text = include_str!("../../../docs/rules.md");
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let parsed = Rule::parse(example);
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    let results = rule::testing::run(&parsed.rule.unwrap(), &Place::new("UTC", Some((50.0, 8.0))).unwrap());
    assert!(!results.is_empty() && results.iter().all(|result| result.passed), "{results:?}");
    for name in rule::expression::functions::Function::ALL.map(|(name, ..)| name) {
        let is_other_spelling = ["float", "int", "string", "bool"].contains(&name);
        assert!(is_other_spelling || text.contains(&format!("`{name}")), "{name} is not told");
    }
}
