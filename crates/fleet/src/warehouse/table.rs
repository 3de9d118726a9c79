//! Known orders from a table of a WMS: `time,from,to,priority,due`, with times of day or seconds from the start.

use std::collections::HashSet;

use model::Timestamp;

use super::settings::OrderRow;
use crate::floor::Floor;
use crate::orders::{Row, RowError, read_csv_with};

/// Numbers up to here are seconds from the start, and times after it are times.
const TIMES_FROM: Timestamp = Timestamp::from_seconds(315_532_800);

/// Reads known orders. Without numbers of seconds, the run begins with the first time of the table. All rows that are wrong
/// are told, those that name no storage or station of the floor too.
pub fn read_orders(text: &str, floor: &Floor) -> Result<Vec<OrderRow>, Vec<RowError>> {
    let moment = |text: &str| {
        let seconds = text.parse().ok().filter(|seconds| (0.0..1e8).contains(seconds));
        Timestamp::parse(text).or_else(|| seconds.map(|seconds: f64| Timestamp((seconds * 1e6).round() as i64)))
    };
    let (rows, mut errors) = read_csv_with(text, &moment);
    let stations = floor.stations.iter().map(|station| station.id.as_str());
    let known: HashSet<&str> = stations.chain(floor.storages.iter().map(|storage| storage.id.as_str())).collect();
    let moments = |(_, _, wanted): &Row| [wanted.not_before, wanted.due].into_iter().flatten().collect::<Vec<_>>();
    let is_dated = rows.iter().flat_map(moments).any(|moment| moment >= TIMES_FROM);
    let times = rows.iter().filter_map(|(_, _, wanted)| wanted.not_before);
    let start = if is_dated { times.filter(|time| *time >= TIMES_FROM).min() } else { None };
    let start = start.unwrap_or(Timestamp::EPOCH);
    let mut orders = Vec::with_capacity(rows.len());
    for row in &rows {
        let (line, _, wanted) = row;
        let before = errors.len();
        let mut fault =
            |column: &str, problem: String, hint: &str| errors.push(RowError::new(*line, column, problem, hint));
        for (column, place) in [("from", &wanted.from), ("to", &wanted.to)] {
            if !known.contains(place.as_str()) {
                fault(column, format!("the floor has no storage or station {place:?}"), "name one of the floor's");
            }
        }
        let come = wanted.not_before.unwrap_or(start);
        if is_dated && moments(row).into_iter().any(|moment| moment < TIMES_FROM) {
            fault("time", "seconds among times of day".to_owned(), "use one of both in all rows");
        } else if wanted.due.is_some_and(|due| due < come) {
            fault("due", "it is due before it comes".to_owned(), "look at both times");
        }
        if errors.len() == before {
            let second = |moment: Timestamp| (moment.0 - start.0) as f64 / 1e6;
            let (from, to, priority) = (wanted.from.clone(), wanted.to.clone(), wanted.priority);
            orders.push(OrderRow { second: second(come), from, to, priority, due: wanted.due.map(second) });
        }
    }
    if errors.is_empty() { Ok(orders) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::Fulfilment;

    fn read(text: &str) -> Result<Vec<OrderRow>, Vec<String>> {
        let told = |errors: Vec<RowError>| {
            errors.iter().map(|it| format!("{} {}: {}", it.row, it.column, it.problem)).collect()
        };
        read_orders(text, &Fulfilment::default().floor()).map_err(told)
    }

    #[test]
    fn seconds_and_times_of_day_are_read() {
        let row =
            |second, due| OrderRow { second, from: "shelf-r3c3".into(), to: "station-2".into(), priority: 4, due };
        let seconds = "second,from,to,priority,due\n0,shelf-r3c3,station-2,4,\n90.5,shelf-r3c3,station-2,4,600\n";
        assert_eq!(read(seconds), Ok(vec![row(0.0, None), row(90.5, Some(600.0))]));
        let times = "order;source;target;prio;release;deadline\n\
                     A1;shelf-r3c3;station-2;4;2026-03-02T06:00:00+01:00;\n\
                     A2;shelf-r3c3;station-2;4;2026-03-02T05:01:30Z;2026-03-02T05:10:00Z\n";
        assert_eq!(read(times), Ok(vec![row(0.0, None), row(90.0, Some(600.0))]));
    }

    #[test]
    fn every_fault_is_told_with_its_row() {
        let text = "second,from,to,priority,due\n\
                    0,shelf-r3c3,station-99,,\nsoon,shelf-r3c3,station-1,,\n9,shelf-r3c3,station-1,,3\n1,shelf-r3c3,,,\n";
        let told = [
            "3 time: \"soon\" is no time",
            "5 to: it is empty",
            "2 to: the floor has no storage or station \"station-99\"",
            "4 due: it is due before it comes",
        ];
        assert_eq!(read(text).unwrap_err(), told);
        let mixed = "time,from,to\n5,shelf-r3c3,station-1\n2026-03-02T05:01:30Z,shelf-r3c3,station-1\n";
        assert_eq!(read(mixed).unwrap_err(), ["2 time: seconds among times of day"]);
    }
}
