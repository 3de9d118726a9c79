//! Sentences with what they mean in one home: hundreds of them, in both languages.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test fails where something is wrong")]

mod home;

use home::{home, line};
use speech::understand;

fn check(corpus: &str) {
    let home = home();
    let mut wrong = Vec::new();
    let mut sentences = 0;
    for row in corpus.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (sentence, expected) = row.split_once(" => ").unwrap_or((row, "?"));
        sentences += 1;
        let found = line(&understand(sentence, &home, None));
        if found != expected {
            wrong.push(format!("{sentence} => {found}"));
        }
    }
    assert!(sentences >= 90, "{sentences} sentences");
    assert!(wrong.is_empty(), "{} of {sentences} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn english_is_understood() {
    check(include_str!("corpus/english.txt"));
}

#[test]
fn korean_is_understood() {
    check(include_str!("corpus/korean.txt"));
}
