//! Single cases: what is refused, what is removed, what retention drops, what stays exact.

use std::time::Duration;

use model::{DataType, Position, ThingId, Timestamp, Value};
use store::History;
use store::history::{Batch, HistoryError, HistoryOptions, Retention, SeriesId, Tier};

use crate::bed::{DAY, HOUR, SECOND, START, all, append, clock, floats, keep_all, key, open, open_with};

#[test]
fn bad_points_are_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path(), &clock(START));
    let series = history.series(&key("thing", "a")).unwrap();
    let bad = [
        (series, START, Value::Float(f64::NAN)),
        (series, START, Value::Float(f64::NEG_INFINITY)),
        (series, i64::MIN, Value::Float(1.0)),
        (series, i64::MAX, Value::Float(1.0)),
        (series, START + DAY + 1, Value::Float(1.0)),
    ];
    append(
        &history,
        1,
        bad.into_iter().chain([(series, START + DAY, Value::Float(2.0)), (series, 0, true.into())]).collect(),
    );
    assert_eq!(all(&history, series), [(0, true.into()), (START + DAY, Value::Float(2.0))]);
    let statistics = history.statistics();
    assert_eq!((statistics.refused, statistics.late, statistics.points), (5, 1, 2));
    let unknown = Batch { points: vec![(SeriesId(9), Timestamp(START), Value::Null)] };
    assert!(matches!(history.append(&unknown, Position(2)), Err(HistoryError::UnknownId(SeriesId(9)))));
    history.sync().unwrap();
    assert_eq!(history.applied(), Position(1), "a refused batch applies nothing");
    // The whole of time can be asked for.
    let (tier, buckets) = history.buckets(series, Timestamp::MIN, Timestamp::MAX, 1).unwrap();
    assert_eq!((tier, buckets.len(), buckets[0].count), (Tier::Hour, 1, 2));
    assert_eq!(history.buckets(series, Timestamp(5), Timestamp(5), 0).unwrap().1, []);
    assert_eq!(history.buckets(series, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap().1.len(), 2);
}

#[test]
fn old_points_are_refused_when_the_options_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = HistoryOptions { past_max: Some(Duration::from_hours(1)), ..HistoryOptions::default() };
    let history = open_with(folder.path(), &clock(START), options);
    let series = history.series(&key("thing", "a")).unwrap();
    append(&history, 1, vec![(series, START - HOUR - 1, 1.into()), (series, START - HOUR, 2.into())]);
    assert_eq!(all(&history, series), [(START - HOUR, 2.into())]);
}

#[test]
fn the_number_of_series_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let options = HistoryOptions { series_max: 2, ..HistoryOptions::default() };
    let history = open_with(folder.path(), &clock(START), options);
    history.series(&key("thing", "a")).unwrap();
    history.series(&key("thing", "b")).unwrap();
    assert_eq!(history.series(&key("thing", "a")).unwrap(), SeriesId(0));
    let error = history.series(&key("thing", "c")).unwrap_err().to_string();
    assert!(error.starts_with("there are 2 series, which is the limit\nhint: "), "{error}");
}

#[test]
fn a_removed_thing_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock(START + 2 * DAY);
    let history = open(folder.path(), &clock);
    let [gone, stays] = ["gone", "stays"].map(|thing| history.series(&key(thing, "a")).unwrap());
    let secret = || Value::text("a secret that must not stay on the disk");
    append(&history, 1, vec![(gone, START, secret()), (stays, START, 1.into())]);
    history.sync().unwrap();
    clock.advance(Duration::from_hours(3));
    history.maintain(&keep_all()).unwrap();
    append(&history, 2, vec![(gone, START + HOUR, secret()), (stays, START + HOUR, 2.into())]);
    history.remove(&ThingId::new("gone").unwrap()).unwrap();
    append(&history, 3, vec![(gone, START + 2 * HOUR, secret())]);
    let check = |history: &store::history::SegmentHistory| {
        assert_eq!((all(history, gone).len(), all(history, stays).len(), history.last(gone)), (0, 2, None));
        assert_eq!((history.list(None).len(), history.statistics().series), (1, 1));
        assert_eq!(history.state_at(Timestamp(START + DAY)).unwrap().len(), 1);
        assert_eq!(history.buckets(gone, Timestamp(START), Timestamp(START + DAY), 1).unwrap().1, []);
    };
    check(&history);
    assert_eq!(history.statistics().refused, 1);
    history.sync().unwrap();
    drop(history);
    let history = open(folder.path(), &clock);
    check(&history);
    clock.advance(Duration::from_hours(3));
    history.maintain(&keep_all()).unwrap();
    check(&history);
    for item in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(item.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"a secret"));
    }
    let again = history.series(&key("gone", "a")).unwrap();
    assert!(again != gone && all(&history, again).is_empty());
}

/// Sixteen days of one series, merged.
fn sixteen_days(folder: &std::path::Path) -> (store::history::SegmentHistory, SeriesId) {
    let clock = clock(START + 16 * DAY);
    let history = open(folder, &clock);
    let series = history.series(&key("thing", "a")).unwrap();
    append(&history, 1, floats(series, START, 16 * 8_640));
    history.sync().unwrap();
    clock.advance(Duration::from_hours(20 * 24));
    history.maintain(&keep_all()).unwrap();
    (history, series)
}

fn hours(history: &store::history::SegmentHistory, series: SeriesId, columns: usize) -> (Tier, u64, Option<f64>) {
    let (tier, buckets) = history.buckets(series, Timestamp(START), Timestamp(START + 16 * DAY), columns).unwrap();
    let maximum = buckets.iter().map(|bucket| bucket.maximum).max_by(f64::total_cmp);
    (tier, buckets.iter().map(|bucket| bucket.count).sum(), maximum)
}

#[test]
fn retention_by_time_drops_tier_by_tier_and_the_rest_stays_exact() {
    let folder = tempfile::tempdir().unwrap();
    let (history, series) = sixteen_days(folder.path());
    let points = 16 * 8_640;
    assert_eq!(hours(&history, series, 384), (Tier::Hour, points, Some(9.99)));
    let before = history.statistics();
    let middle = Timestamp(START + 10 * DAY);
    let raw = Retention { raw_before: middle, ..keep_all() };
    history.maintain(&raw).unwrap();
    let raw_left = all(&history, series);
    assert!(raw_left.len() < points as usize && raw_left[0].0 <= middle.0, "whole windows only");
    assert_eq!(hours(&history, series, 384), (Tier::Hour, points, Some(9.99)), "hours are as they were");
    let (tier, count, maximum) = hours(&history, series, 1_000_000);
    assert_eq!((tier, count, maximum), (Tier::Minute, points, Some(9.99)), "minutes stand in for raw points");
    assert!(history.statistics().bytes < before.bytes);
    assert_eq!(history.list(None)[0].points, raw_left.len() as u64);
    assert!(history.list(None)[0].first.0 <= START, "its oldest point, in any tier");

    // What is gone cannot be corrected any more.
    append(&history, 2, vec![(series, START + HOUR, 99.into())]);
    assert_eq!(history.statistics().refused, 1);

    let minutes = Retention { minute_before: middle, ..raw };
    history.maintain(&minutes).unwrap();
    assert_eq!(hours(&history, series, 1_000_000), (Tier::Hour, points, Some(9.99)), "hours stand in for minutes");
    let everything = Timestamp(START + 30 * DAY);
    let none = Retention { raw_before: everything, minute_before: everything, hour_before: everything, ..keep_all() };
    history.maintain(&none).unwrap();
    assert_eq!((history.statistics().points, all(&history, series).len()), (0, 0));
    assert!(history.last(series).is_some(), "the newest point is kept");
}

#[test]
fn the_budget_takes_the_oldest_raw_points_first() {
    let folder = tempfile::tempdir().unwrap();
    let (history, series) = sixteen_days(folder.path());
    let before = history.statistics();
    let budget = |bytes_max| Retention { bytes_max, ..keep_all() };
    history.maintain(&budget(before.bytes - 1)).unwrap();
    let left = all(&history, series);
    assert!(!left.is_empty() && left.len() < 16 * 8_640 && left[0].0 > START, "only the oldest window went");
    assert_eq!(hours(&history, series, 384).1, 16 * 8_640);
    history.maintain(&budget(0)).unwrap();
    assert_eq!(hours(&history, series, 1).1, 0, "with no budget nothing stays");
    drop(history);
    let history = open(folder.path(), &clock(START + 36 * DAY));
    append(&history, 2, vec![(series, START, 1.into())]);
    assert_eq!(history.statistics().refused, 1, "what was dropped stays closed after a restart");
}

#[test]
fn a_type_change_is_a_union_and_names_the_newest_type() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock(START + 10 * DAY);
    let history = open(folder.path(), &clock);
    let series = history.series(&key("thing", "a")).unwrap();
    let json: Value = Value::Json(std::sync::Arc::new(serde_json::json!({"a": [1, "x"]})));
    let values = [21.into(), Value::Float(21.5), true.into(), "on".into(), json, Value::Null, i64::MAX.into()];
    let points: Vec<_> =
        values.iter().enumerate().map(|(i, value)| (series, START + i as i64 * SECOND, value.clone())).collect();
    append(&history, 1, points[..4].to_vec());
    history.sync().unwrap();
    clock.advance(Duration::from_hours(3));
    history.maintain(&keep_all()).unwrap();
    append(&history, 2, points[4..].to_vec());
    let expected: Vec<(i64, Value)> = points.into_iter().map(|(_, time, value)| (time, value)).collect();
    assert_eq!(all(&history, series), expected);
    assert_eq!(history.list(None)[0].data_type, DataType::Integer);
    assert_eq!(history.last_at(series, Timestamp(START + 4 * SECOND)).unwrap().unwrap().value, expected[4].1);
    clock.advance(Duration::from_hours(240));
    history.maintain(&keep_all()).unwrap();
    assert_eq!(all(&history, series), expected);
    let (_, buckets) = history.buckets(series, Timestamp(START), Timestamp(START + 6 * SECOND), 1).unwrap();
    assert_eq!((buckets[0].count, buckets[0].minimum, buckets[0].maximum), (3, 1.0, 21.5));
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock(START);
    let _history = open(folder.path(), &clock);
    let error = store::history::SegmentHistory::open(folder.path(), HistoryOptions::default(), clock).unwrap_err();
    assert!(error.to_string().contains("in use by process"), "{error}");
}
