//! Lines good and bad, and what they come to.

use std::fmt::Write as _;

use model::Value;
use proptest::prelude::*;

use super::*;
use crate::testing::{self, lines, thing};

fn decode(precision: &str, batch: impl AsRef<[u8]>) -> String {
    lines(&testing::decode(&mut Influx::new(), &format!("ingest/influx/{precision}"), batch))
}

#[test]
fn lines_become_records() {
    let batch = "# a comment\n\
        weather,location=us-midwest temperature=82,humidity=40i 1763840001000000000\n\
        \r\n\
        temperature,thing=kitchen value=21.5\r\n\
        cpu,cpu=cpu0,host=web/1 usage=1e-3,hot=f,note=\"a \\\"b\\\" \\\\ c\",count=18446744073709551615u\n";
    insta::assert_snapshot!(decode("ns", batch), @r#"
    property weather-us-midwest.temperature = Float(82.0) at +1
    property weather-us-midwest.humidity = Integer(40) at +1
    property kitchen.temperature = Float(21.5)
    property cpu-web_1-cpu0.usage = Float(0.001)
    property cpu-web_1-cpu0.hot = Boolean(false)
    property cpu-web_1-cpu0.note = Text("a \"b\" \\ c")
    property cpu-web_1-cpu0.count = Float(1.8446744073709552e19)
    "#);
}

#[test]
fn escapes_follow_the_specification() {
    let batch = r#"my\ meas\,urement,tag\ key=tag\,\=value,b=c\d fie\=ld="new
line",x=-1.5"#;
    let (_, line) = Lines::new(batch.as_bytes()).next().unwrap();
    let line = line.unwrap();
    assert_eq!(line.measurement, "my meas,urement");
    assert_eq!(line.tags, [("tag key".into(), "tag,=value".into()), ("b".into(), r"c\d".into())]);
    assert_eq!(line.fields, [("fie=ld".into(), Value::from("new\nline")), ("x".into(), Value::Float(-1.5))]);
    assert_eq!(Lines::new(batch.as_bytes()).count(), 1);
}

#[test]
fn every_precision_is_known() {
    for (precision, timestamp) in
        [("ns", "1763840000000000999"), ("us", "1763840000000000"), ("ms", "1763840000000"), ("s", "1763840000")]
    {
        assert_eq!(decode(precision, format!("m v=1 {timestamp}")), "property m.v = Float(1.0)\n");
    }
    insta::assert_snapshot!(decode("fortnight", "m v=1"), @r#"! unknown_topic -: "ingest/influx/fortnight" is no precision"#);
}

#[test]
fn bad_lines_name_their_place_and_cost_only_themselves() {
    let batch = b"good v=1\nbad\nm v=1 x\nm,t v=1\nm v=\nm v=1i2\nm v=NaN\nm v=99999999999999999999i\nm v=abc\nm,t=1,=2 v=1\nm v=\"open\ngood v=2 5 6\nm v\xff=1\nm  v=1,\nm v=1 9223372036854775808\nm,a=b=c v=1\n,a=b v=1\ngood v=3";
    insta::assert_snapshot!(decode("s", batch), @r#"
    property good.v = Float(1.0)
    property good.v = Float(3.0)
    ! bad_line -: line 2, column 4: expected a space and the fields
    ! bad_line -: line 3, column 7: "x" is not a timestamp
    ! bad_line -: line 4, column 4: expected '=' after the name of the tag
    ! bad_line -: line 5, column 5: the value is missing
    ! bad_line -: line 6, column 5: "1i2" is not a value; text needs quotes
    ! bad_line -: line 7, column 5: "NaN" is not finite
    ! bad_line -: line 8, column 5: "99999999999999999999i" is not an integer: number too large to fit in target type
    ! bad_line -: line 9, column 5: "abc" is not a value; text needs quotes
    ! bad_line -: line 10, column 7: the name of a tag is missing
    ! bad_line -: line 11, column 5: the quote is never closed
    ! bad_line -: line 12, column 12: expected the end of the line after the timestamp
    ! bad_line -: line 13, column 4: this is not UTF-8
    ! bad_line -: line 14, column 8: the name of a field is missing
    ! bad_line -: line 15, column 7: "9223372036854775808" is not a timestamp
    ! bad_line -: line 16, column 6: an equals sign in the value of a tag must be escaped
    ! bad_line -: line 17, column 1: the measurement is missing
    "#);
}

#[test]
fn a_batch_is_checked_before_it_is_kept() {
    let batch = Bytes::from_static(b"m,thing=a v=1\n\nnonsense\nm,thing=b v=2");
    let checked = check(&batch);
    assert_eq!(checked.accepted, "m,thing=a v=1\nm,thing=b v=2\n");
    assert_eq!((checked.lines, checked.things), (2, BTreeSet::from([thing("a"), thing("b")])));
    assert_eq!(checked.refused[0].to_string(), "line 3, column 9: expected a space and the fields");

    let whole = Bytes::from_static(b"# said\nm v=1\n");
    assert_eq!(check(&whole).accepted, whole, "a good batch is kept as it was said");

    let long = Bytes::from(format!("m v=1\nm,thing={} v=1", "x".repeat(129)));
    assert_eq!(check(&long).refused[0].line, 2);
}

#[test]
fn the_state_is_what_things_are_known() {
    let mut adapter = Influx::new();
    testing::decode(&mut adapter, "ingest/influx/ns", "m,thing=a v=1");
    let mut restored = Influx::new();
    restored.restore(adapter.save());
    assert!(restored.knows(&thing("a")) && restored.is_about(&thing("a"), "ingest/influx/ns"));
    let command = testing::command("a", "v", true, serde_json::json!(1));
    assert_eq!(restored.encode(&command).unwrap_err().to_string(), "a takes no command v");
    restored.forget(&thing("a"));
    assert!(!restored.knows(&thing("a")));
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if special.contains(&character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn print(line: &Line<'_>) -> String {
    let key = |text: &str| escaped(text, &[',', '=', ' ']);
    let mut out = key(&line.measurement);
    for (name, value) in &line.tags {
        write!(out, ",{}={}", key(name), key(value)).unwrap();
    }
    for (i, (name, value)) in line.fields.iter().enumerate() {
        let value = match value {
            Value::Integer(integer) => format!("{integer}i"),
            Value::Float(float) => format!("{float}"),
            Value::Boolean(boolean) => format!("{boolean}"),
            other => format!("\"{}\"", escaped(&other.to_string(), &['"', '\\'])),
        };
        write!(out, "{}{}={value}", if i == 0 { ' ' } else { ',' }, key(name)).unwrap();
    }
    if let Some(timestamp) = line.timestamp {
        write!(out, " {timestamp}").unwrap();
    }
    out
}

prop_compose! {
    // Ends in a letter: a backslash at the end of a name escapes what follows it, which the protocol cannot express.
    fn word()(text in "[a-z,= \\\\é]{0,6}[a-z]") -> String { text }
}

fn field() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        (-1e300..1e300f64).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,12}".prop_map(Value::text),
        "[a\n\"\\\\]{0,8}".prop_map(Value::text),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(batch in prop::collection::vec(any::<u8>(), 0..300)) {
        let checked = check(&Bytes::from(batch.clone()));
        prop_assert_eq!(Lines::new(&batch).filter(|(_, line)| line.is_err()).count() <= checked.refused.len(), true);
    }

    #[test]
    fn nearly_lines_do_not_make_it_panic(batch in r#"([mtf]|[,= "\\#]|1i|2u|true|\n){0,60}"#) {
        let checked = check(&Bytes::from(batch));
        prop_assert!(check(&checked.accepted).refused.is_empty(), "what was accepted once is accepted again");
    }

    #[test]
    fn what_is_printed_is_read_again(
        measurement in word().prop_filter("a comment", |text| !text.starts_with('#')),
        tags in prop::collection::vec((word(), word()), 0..4),
        fields in prop::collection::vec((word(), field()), 1..4),
        timestamp in proptest::option::of(any::<i64>()),
    ) {
        let line = Line {
            series: "",
            measurement: measurement.into(),
            tags: tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            fields: fields.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            timestamp,
        };
        let printed = print(&line);
        let (bytes, read) = Lines::new(printed.as_bytes()).next().unwrap();
        prop_assert_eq!(bytes, printed.as_bytes());
        prop_assert_eq!(Line { series: "", ..read.unwrap() }, line);
    }
}
