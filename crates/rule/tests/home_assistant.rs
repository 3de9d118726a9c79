//! Automations in the style of Home Assistant, of own writing, and what the import says about each.

use rule::import::Report;
use rule::import::home_assistant::{Unmapped, import};
use rule::{Place, Rule};

const CORPUS: [(&str, &str); 7] = [
    ("lights", include_str!("corpus/lights.yaml")),
    ("climate", include_str!("corpus/climate.yaml")),
    ("safety", include_str!("corpus/safety.yaml")),
    ("energy", include_str!("corpus/energy.yaml")),
    ("mixed", include_str!("corpus/mixed.yaml")),
    ("hard", include_str!("corpus/hard.yaml")),
    ("wild", include_str!("corpus/wild.yaml")),
];

fn read(text: &str) -> Report {
    import(text, &Unmapped).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The report and the rules, as a person would look at them.
fn shown(report: &Report) -> String {
    let mut out = format!(
        "{} rules: {} whole, {} partly, {} refused\n",
        report.rules, report.whole, report.partly, report.refused
    );
    for item in &report.items {
        out.push_str(&format!("\n=== line {}: {}\n", item.line, item.title));
        for left in &item.left_out {
            out.push_str(&format!("left out, line {}, {}: {}\n", left.line, left.path, left.message));
        }
        for guessed in &item.guessed {
            out.push_str(&format!("guessed: {guessed}\n"));
        }
        out.push_str(item.text.as_deref().unwrap_or("(nothing)\n"));
    }
    out
}

#[test]
fn each_file_of_the_corpus_is_reported() {
    for (name, text) in CORPUS {
        insta::assert_snapshot!(format!("corpus_{name}"), shown(&read(text)));
    }
}

#[test]
fn most_of_the_corpus_is_carried_whole() {
    let reports = CORPUS.map(|(_, text)| read(text));
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let (rules, whole, refused) = (sum(|it| it.rules), sum(|it| it.whole), sum(|it| it.refused));
    println!("{rules} automations: {whole} whole, {} partly, {refused} refused", rules - whole - refused);
    assert!(rules >= 60);
    // What must not get worse.
    assert!(whole * 100 >= rules * 75, "{whole} of {rules} are carried whole");
}

#[test]
fn every_text_is_a_rule_of_ours() {
    for (_, text) in CORPUS {
        for item in read(text).items {
            let Some(text) = item.text else { continue };
            let rule = Rule::parse(&text).rule.expect("an import is read again");
            assert_eq!(rule.title, item.title);
            let place = Place::new("Europe/Berlin", None).unwrap();
            assert!(rule::testing::run(&rule, &place).is_empty());
        }
    }
}

#[test]
fn entities_are_mapped_by_whoever_knows_them() {
    let text = "- alias: a\n  trigger: {platform: state, entity_id: switch.kettle, to: 'on'}\n  action: {service: light.turn_on, entity_id: light.hall, data: {brightness_pct: 5}}\n";
    let map = |entity: &str, attribute: Option<&str>| {
        let name = attribute.unwrap_or("power");
        (entity == "light.hall").then(|| ("lamp-1".to_owned(), name.to_owned()))
    };
    let item = import(text, &map).unwrap().items.remove(0);
    assert_eq!(item.guessed, ["switch.kettle is taken to be switch-kettle/on"]);
    assert!(item.text.unwrap().contains("set: { lamp-1/power: true, lamp-1/brightness: 5 }"));
}

#[test]
fn what_is_no_automation_does_no_harm() {
    for text in
        ["", "[", "- 5", "- {}", "automation: 7", "- alias: x\n  trigger: {platform: 5}\n  action: [[[]]]", "- &a [*a]"]
    {
        if let Ok(report) = import(text, &Unmapped) {
            assert_eq!(report.whole, 0, "{text}");
        }
    }
}

mod arbitrary {
    use proptest::prelude::*;
    use rule::import::home_assistant::Unmapped;

    proptest! {
        #[test]
        fn no_change_of_an_automation_makes_it_panic(file in 0usize..7, at in 0usize..12_000, with in "[-:{}\\[\\]$ a\\n\"'0%|(]{0,3}") {
            let mut text: Vec<char> = super::CORPUS[file].1.chars().collect();
            let at = at % text.len();
            text.splice(at..=at, with.chars());
            let _report = rule::import::home_assistant::import(&text.into_iter().collect::<String>(), &Unmapped);
        }
    }
}
