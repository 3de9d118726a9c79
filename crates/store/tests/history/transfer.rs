//! Export as CSV and Parquet.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use model::{Timestamp, Value};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use store::History;
use store::history::{Selection, export_csv, export_parquet};

use crate::bed::{SECOND, START, append, clock, floats, key, open};

#[test]
fn csv_holds_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path(), &clock(START));
    let series = history.series(&key("lamp, \"the\" one", "state")).unwrap();
    let json = Value::Json(std::sync::Arc::new(serde_json::json!({"a": 1})));
    let values = [Value::Float(21.5), 3.into(), true.into(), "a,b\n\"c\"".into(), "".into(), json, Value::Null];
    append(&history, 1, values.into_iter().zip(0..).map(|(value, i)| (series, START + i * SECOND, value)).collect());
    let selection = Selection { series: history.list(None), from: Timestamp::MIN, to: Timestamp::MAX };
    let mut out = Vec::new();
    let done = export_csv(&history, &selection, &mut out, &mut |_| {}).unwrap();
    assert_eq!((done.series, done.points), (1, 7));
    insta::assert_snapshot!(String::from_utf8(out).unwrap().replace("\r\n", "\n"), @r#"
    time,thing,name,value_float,value_integer,value_bool,value_text
    2023-11-14T22:15:23Z,"lamp, ""the"" one",state,21.5,,,
    2023-11-14T22:15:24Z,"lamp, ""the"" one",state,,3,,
    2023-11-14T22:15:25Z,"lamp, ""the"" one",state,,,true,
    2023-11-14T22:15:26Z,"lamp, ""the"" one",state,,,,"a,b
    ""c"""
    2023-11-14T22:15:27Z,"lamp, ""the"" one",state,,,,""
    2023-11-14T22:15:28Z,"lamp, ""the"" one",state,,,,"{""a"":1}"
    2023-11-14T22:15:29Z,"lamp, ""the"" one",state,,,,
    "#);
}

#[test]
fn parquet_is_read_back_by_its_own_reader() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path(), &clock(START + 90 * 86_400 * SECOND));
    for (position, name) in (1..).zip(["a", "b"]) {
        let series = history.series(&key("thing", name)).unwrap();
        append(&history, position, floats(series, START, 100_000));
    }
    let selection = Selection {
        series: history.list(None),
        from: Timestamp(START + 10 * SECOND),
        to: Timestamp(START + 10 * 99_999 * SECOND),
    };
    let path = folder.path().join("export.parquet");
    let mut steps = Vec::new();
    let mut file = std::fs::File::create(&path).unwrap();
    let done = export_parquet(&history, &selection, &mut file, &mut |progress| steps.push(progress)).unwrap();
    assert_eq!(done.points, 2 * 99_998);
    assert!(steps.len() > 10 && steps.windows(2).all(|pair| pair[0].points <= pair[1].points));
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    assert!(reader.metadata().num_row_groups() > 1, "the writer does not hold everything");
    let (mut rows, mut sum) = (0, 0.0);
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        if rows == 0 {
            let first = batch.column(0).as_primitive::<TimestampMicrosecondType>().value(0);
            assert_eq!((first, batch.column(1).as_string::<i32>().value(0)), (START + 10 * SECOND, "thing"));
        }
        sum += batch.column(3).as_primitive::<Float64Type>().values().iter().sum::<f64>();
        rows += batch.num_rows();
    }
    assert_eq!(rows as u64, done.points);
    let expected: f64 = (1..99_999_i64).map(|i| (i * 37 % 1_000) as f64 / 100.0).sum();
    assert!((sum - 2.0 * expected).abs() < 1e-3);
}
