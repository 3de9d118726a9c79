//! How attributes were over time (ETSI GS CIM 009, clauses 4.5.7 to 4.5.9 and 5.7.3).

use model::Timestamp;
use serde_json::{Map, Value, json};
use site::{Site, ThingDetail};
use store::history::Point;

use super::Failure;
use super::entity::{id_of, sort_of, type_of};

/// The most points of one attribute in an answer.
const POINTS_MAX: usize = 10_000;

/// How many there are when neither times nor a number are given.
const POINTS: usize = 100;

/// Which part of the past.
#[derive(Debug, Clone)]
pub(super) struct Span {
    from: Timestamp,
    to: Timestamp,
    /// Only the newest so many.
    newest: Option<usize>,
    attributes: Vec<String>,
    /// Values and times only.
    simplified: bool,
}

impl Span {
    /// Reads the parameters of an address.
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, Failure> {
        let get = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        let time = |key: &str| {
            let text = get(key).ok_or_else(|| Failure::bad(format!("{key} is missing")))?;
            Timestamp::parse(text)
                .ok_or_else(|| Failure::bad(format!("{key} is {text:?}, not a time: 2026-01-31T12:00:00Z is one")))
        };
        let after = |time: Timestamp| Timestamp(time.0.saturating_add(1));
        let (from, to) = match get("timerel") {
            None => (Timestamp::MIN, Timestamp::MAX),
            Some("before") => (Timestamp::MIN, time("timeAt")?),
            Some("after") => (after(time("timeAt")?), Timestamp::MAX),
            Some("between") => (after(time("timeAt")?), time("endTimeAt")?),
            Some(other) => return Err(Failure::bad(format!("timerel is {other:?}, not before, after or between"))),
        };
        let number =
            |text: &str| text.parse().map_err(|_| Failure::bad(format!("lastN is {text:?}, not a whole number")));
        let newest = get("lastN").map(number).transpose()?;
        let newest = newest.or_else(|| get("timerel").is_none().then_some(POINTS));
        let words =
            |key: &str| get(key).into_iter().flat_map(|text| text.split(',')).map(str::to_owned).collect::<Vec<_>>();
        let simplified = words("options").iter().chain(&words("format")).any(|word| word == "temporalValues");
        Ok(Self { from, to, newest, attributes: words("attrs"), simplified })
    }

    /// An entity with its past.
    pub(super) fn entity(&self, site: &Site, detail: &ThingDetail) -> Result<Map<String, Value>, Failure> {
        let thing = &detail.summary.thing;
        let mut entity =
            Map::from_iter([("id".to_owned(), id_of(thing).into()), ("type".to_owned(), type_of(thing).into())]);
        let history = site.history_engine();
        for series in history.list(Some(&thing.id)) {
            let name = series.key.name.to_string();
            if !self.attributes.is_empty() && !self.attributes.contains(&name) {
                continue;
            }
            let points = match self.newest {
                Some(newest) => self.newest(history, series.id, newest.min(POINTS_MAX)),
                None => history.range(series.id, self.from, self.to, POINTS_MAX),
            };
            let points = points.map_err(|error| Failure::internal(&error))?;
            if !points.is_empty() {
                entity.insert(name, self.shown(&points));
            }
        }
        Ok(entity)
    }

    fn newest(
        &self,
        history: &dyn store::History,
        series: store::history::SeriesId,
        count: usize,
    ) -> Result<Vec<Point>, store::history::HistoryError> {
        let (mut points, mut until) = (Vec::new(), Timestamp(self.to.0.saturating_sub(1)));
        while points.len() < count {
            let Some(point) = history.last_at(series, until)?.filter(|point| point.time >= self.from) else { break };
            until = Timestamp(point.time.0.saturating_sub(1));
            points.push(point);
        }
        points.reverse();
        Ok(points)
    }

    fn shown(&self, points: &[Point]) -> Value {
        if self.simplified {
            let values = points.iter().map(|point| json!([point.value.to_json(), point.time.to_string()]));
            return json!({"type": "Property", "values": values.collect::<Vec<_>>()});
        }
        let one = |point: &Point| {
            let mut attribute = sort_of(&point.value.to_json());
            attribute.insert("observedAt".to_owned(), point.time.to_string().into());
            Value::Object(attribute)
        };
        points.iter().map(one).collect()
    }
}
