//! Tests of the language.

use super::*;
use crate::calendar::Place;
use crate::engine::SeriesId;
use model::Timestamp;
use proptest::prelude::*;

fn spot() -> Spot {
    Spot { path: "actions[0]".into(), line: 3, column: 9 }
}

fn reading(value: Value, previous: Value) -> Reading {
    Reading {
        value,
        previous,
        time: Timestamp::from_seconds(1_700_000_000),
        since: Timestamp::from_seconds(1_699_999_940),
    }
}

fn evaluate(text: &str) -> String {
    let mut references = References::default();
    let expression = match parse(text, &spot(), true, &mut references) {
        Ok(expression) => expression,
        Err(fault) => return format!("fault at {}: {} ({})", fault.at, fault.message, fault.hint.unwrap_or_default()),
    };
    let known = |reference: &Reference| match reference.name.as_str() {
        "temperature" => reading(Value::Float(21.5), Value::Integer(20)),
        "on" => reading(Value::Boolean(true), Value::Null),
        "presence" => reading(Value::text("online"), Value::Null),
        "state" => reading(Value::from_json(serde_json::json!({"mode": "heat", "list": [1, 2.5]})), Value::Null),
        _ => Reading::default(),
    };
    let readings: Vec<Reading> = references.list.iter().map(known).collect();
    let slots: Vec<SeriesId> = (0..readings.len() as u32).map(SeriesId).collect();
    let variables =
        Variables::from([(Arc::from("limit"), Value::Integer(20)), (Arc::from("name"), Value::text("Kim"))]);
    let place = Place::new("Europe/Berlin", Some((52.52, 13.405))).unwrap();
    let fired =
        Fired { id: Some("came".into()), value: Value::text("double"), kind: "event".into(), ..Fired::default() };
    let scope = Scope {
        readings: &readings,
        slots: &slots,
        references: &references.list,
        variables: &variables,
        fired: Some(&fired),
        round: Some((2, &Value::Null)),
        now: Timestamp::from_seconds(1_700_000_030),
        place: &place,
    };
    match expression.evaluate(&scope) {
        Ok(value) => value.to_json().to_string(),
        Err(error) if error.unknown => format!("unknown: {error}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn expressions_come_to_values() {
    for (text, expected) in [
        ("1 + 2 * 3", "7"),
        ("7 / 2", "3.5"),
        ("7 // 2", "3"),
        ("-7 % 3", "2"),
        ("2 ** 10", "1024"),
        ("0.1 + 0.2 == 0.3", "false"),
        ("(0.1 + 0.2) | round(2) == 0.3", "true"),
        ("value('bath.climate/temperature') > limit and not value('hall.lamp/on')", "false"),
        ("limit < value('bath.climate/temperature') < 22", "true"),
        ("value('x/missing', 4) + 1", "5"),
        ("value('x/missing') | default(4)", "4"),
        ("previous('bath.climate/temperature')", "20"),
        ("age('bath.climate/temperature')", "30.0"),
        ("since('bath.climate/temperature')", "90.0"),
        ("known('x/missing')", "false"),
        ("value('x/missing') is defined", "false"),
        ("online('hall.lamp')", "true"),
        ("trigger.value == 'double' and trigger.id == 'came'", "true"),
        ("'it is ' ~ value('bath.climate/temperature') ~ ' degrees'", "\"it is 21.5 degrees\""),
        ("name in ['Kim', 'Lee']", "true"),
        ("'on' if value('hall.lamp/on') else 'off'", "\"on\""),
        ("value('a/state').mode", "\"heat\""),
        ("value('a/state')['list'][-1]", "2.5"),
        ("max(1, 2.5, limit)", "20.0"),
        ("mean([1, 2, 3])", "2.0"),
        ("round(2.5) + floor(-1.5) + ceil(1.2)", "3"),
        ("clamp(50, 0, 10)", "10.0"),
        ("int('12') + float('0.5')", "12.5"),
        ("bool('on')", "true"),
        ("name | upper | length", "3"),
        ("'a-b' | replace('-', '+')", "\"a+b\""),
        ("([1, 2] + [3]) | join(',')", "\"1,2,3\""),
        ("now.hour * 60 + now.minute == now.minute_of_day", "true"),
        ("now.weekday", "\"tue\""),
        ("now.weekday_number", "2"),
        ("now.clock == '23:13' and minute_of_day(now.clock) == now.minute_of_day", "true"),
        ("sun.up", "false"),
        ("sun.sunrise < sun.sunset", "true"),
        ("repeat.index", "2"),
        ("1 == 1.0 and none == none", "true"),
    ] {
        assert_eq!(evaluate(text), expected, "{text}");
    }
}

#[test]
fn mistakes_have_clear_messages() {
    insta::assert_snapshot!(
        [
            "1 / 0",
            "5 % (limit - 20)",
            "value('x/missing') > 3",
            "value('bath.climate/temperature') and true",
            "name + 1",
            "10 ** 400",
            "sqrt(-1)",
            "value('bath.climate/temperature').unit",
            "value('bath.climate')",
            "value('a+b/c')",
            "value('hall' ~ '/on')",
            "vlaue('hall.lamp/on')",
            "name | uper",
            "clamp(1, 2)",
            "trigger",
            "trigger.vlaue",
            "sun.hight",
            "1 +",
            "a && b",
            "x = 3",
            "'a' if true",
            "round(x=3)",
            "minute_of_day('25:00')",
            "}}]",
            "(1}}",
            "{'a': {'b': 1}}.a.b",
            "'}}' ~ 1",
            "",
        ]
        .map(|text| format!("{text:?} -> {}", evaluate(text)))
        .join("\n"),
        @r###"
"1 / 0" -> error: division by zero
"5 % (limit - 20)" -> error: division by zero
"value('x/missing') > 3" -> unknown: x/missing is not known yet
"value('bath.climate/temperature') and true" -> error: and wants true or false, and got 21.5
"name + 1" -> error: counting wants a number, and got "Kim"
"10 ** 400" -> error: the number is too large
"sqrt(-1)" -> error: the square root of a negative number
"value('bath.climate/temperature').unit" -> error: 21.5 has no parts
"value('bath.climate')" -> fault at 6: "bath.climate" is no property of a thing; it is written thing/name ()
"value('a+b/c')" -> fault at 6: "a+b/c" names no thing: an id must not contain '+' ()
"value('hall' ~ '/on')" -> fault at 0: value() wants the place written down as text (what a rule reads is known before it runs, so it cannot be worked out)
"vlaue('hall.lamp/on')" -> fault at 0: there is no function vlaue (did you mean value?)
"name | uper" -> fault at 7: there is no function uper (did you mean upper?)
"clamp(1, 2)" -> fault at 0: clamp() takes 3 arguments, 2 are given ()
"trigger" -> fault at 0: trigger has parts; one has to be named (for example trigger.value)
"trigger.vlaue" -> fault at 0: trigger has no vlaue (did you mean value?)
"sun.hight" -> fault at 0: sun has no hight (known are up, elevation, sunrise, sunset)
"1 +" -> fault at 0: unexpected end of input, expected expression ()
"a && b" -> fault at 0: unexpected character (write and for &&)
"x = 3" -> fault at 0: unexpected input after expression ()
"'a' if true" -> fault at 0: the other case is missing (write a if condition else b)
"round(x=3)" -> fault at 0: arguments are given by their place, without names ()
"minute_of_day('25:00')" -> error: "25:00" is no time of day
"}}]" -> fault at 0: this closes nothing that was opened ()
"(1}}" -> fault at 3: this closes nothing that was opened ()
"{'a': {'b': 1}}.a.b" -> 1
"'}}' ~ 1" -> "}}1"
"" -> fault at 0: the expression is empty ()
"###
    );
}

#[test]
fn what_is_huge_ends_early() {
    assert!(evaluate(&format!("{}1", "1+".repeat(1_500))).contains("deep in each other"));
    assert!(evaluate(&"x".repeat(5_000)).contains("4096 bytes long"));
    assert!(evaluate(&format!("{}1{}", "(".repeat(400), ")".repeat(400))).starts_with("fault"));
    let mut text = "'xxxxxxxxxxxxxxxx'".to_owned();
    for _ in 0..4 {
        text = format!("replace({text}, 'x', 'xxxxxxxxxxxxxxxx')");
    }
    assert_eq!(evaluate(&text), "error: the text that is made is longer than 16384 bytes");
}

#[test]
fn holes_are_found() {
    let shown = |text: &str| match pieces(text) {
        Ok(pieces) => format!("{pieces:?}"),
        Err(fault) => format!("{}: {}", fault.at, fault.message),
    };
    assert_eq!(shown("a ${ b } c"), r#"[Text("a "), Hole(4, " b "), Text(" c")]"#);
    assert_eq!(shown("${ {'a': '}'}['a'] }"), r#"[Hole(2, " {'a': '}'}['a'] ")]"#);
    assert_eq!(shown("costs $${5} and $5"), r#"[Text("costs ${5} and $5")]"#);
    assert_eq!(shown("x ${ y"), "2: a ${ has no } that ends it");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c0-9 +*/%<>=().,'\\[\\]{}|~!&-]{0,80}") {
        let _said = evaluate(&text);
        let _pieces = pieces(&text);
    }

    #[test]
    fn counting_is_what_it_seems(a in -1_000i64..1_000, b in -1_000i64..1_000, c in 1i64..100) {
        prop_assert_eq!(evaluate(&format!("({a} + {b}) * {c}")), ((a + b) * c).to_string());
        prop_assert_eq!(evaluate(&format!("({a}) % {c}")), a.rem_euclid(c).to_string());
        prop_assert_eq!(evaluate(&format!("({a}) < ({b})")), (a < b).to_string());
    }
}
