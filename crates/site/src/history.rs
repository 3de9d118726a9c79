//! Questions about the past, in the words of things and their models.

use std::sync::Arc;

use model::{DataType, Name, ThingId, Timestamp, Unit};
use store::History;
use store::history::{Bucket, HistoryError, Point, Selection, SeriesId, SeriesInfo, SeriesKey, Tier};

use crate::counters::count;
use crate::error::SiteError;
use crate::site::Site;

/// The most columns that one question may ask for.
pub const COLUMNS_MAX: usize = 10_000;

/// The most points given of a series that has no numbers; older ones are left out.
pub const WORDS_MAX: usize = 10_000;

/// A part of time: `from <= time < to`, drawn this many pixels wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where it starts.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// The most buckets wanted.
    pub pixels: usize,
}

/// A series as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// Whose.
    pub thing: ThingId,
    /// Which property or event.
    pub name: Name,
    /// The type of its newest points.
    pub data_type: DataType,
    /// The unit that the thing's model says.
    pub unit: Option<Unit>,
    /// Its oldest point.
    pub first: Timestamp,
    /// Its newest point.
    pub last: Timestamp,
    /// Raw points kept.
    pub points: u64,
}

/// What there is of a series in a window.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryPoints {
    /// Numbers, at most one bucket a pixel.
    Buckets(Vec<Bucket>),
    /// Words and documents, each as it came.
    Points(Vec<Point>),
}

/// One series in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesHistory {
    /// Which series.
    pub series: SeriesSummary,
    /// What it says. The first of [`HistoryPoints::Points`] may lie before the window: it is what held when it began.
    pub points: HistoryPoints,
}

/// The value of one series at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRow {
    /// Whose and which.
    pub key: Arc<SeriesKey>,
    /// What was so, and since when.
    pub point: Point,
}

impl Site {
    /// The id of a series for writing; `None` when the history cannot give one, which is counted.
    pub(crate) fn series_of(&self, key: &SeriesKey) -> Option<SeriesId> {
        self.history.series(key).inspect_err(|_| count(&self.counters.history_errors)).ok()
    }

    /// The series of a thing, or all.
    pub fn series(&self, thing: Option<&ThingId>) -> Vec<SeriesSummary> {
        let series = self.history.list(thing);
        let things = self.things.read();
        let unit = |key: &SeriesKey| {
            let slot = things.registry.get(&key.thing)?;
            slot.thing.model.properties.get(&key.name)?.unit.clone()
        };
        series.into_iter().map(|info| summary(unit(&info.key), info)).collect()
    }

    pub(crate) fn find_series(&self, thing: &ThingId, name: &Name) -> Result<SeriesInfo, SiteError> {
        let found = self.history.list(Some(thing)).into_iter().find(|info| info.key.name == *name);
        let unknown = || HistoryError::UnknownSeries(SeriesKey { thing: thing.clone(), name: name.clone() });
        Ok(found.ok_or_else(unknown)?)
    }

    /// What some series say in a window, and the coarsest tier that was read for it.
    pub fn history(&self, keys: &[SeriesKey], window: Window) -> Result<(Tier, Vec<SeriesHistory>), SiteError> {
        let columns = window.pixels.clamp(1, COLUMNS_MAX);
        let mut tier = Tier::Raw;
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let info = self.find_series(&key.thing, &key.name)?;
            let points = if matches!(info.data_type, DataType::String | DataType::Json) {
                HistoryPoints::Points(self.words(info.id, window)?)
            } else {
                let (read, buckets) = self.history.buckets(info.id, window.from, window.to, columns)?;
                tier = tier.max(read);
                HistoryPoints::Buckets(buckets)
            };
            all.push(SeriesHistory { series: summary(self.unit_of(key), info), points });
        }
        Ok((tier, all))
    }

    fn words(&self, series: SeriesId, window: Window) -> Result<Vec<Point>, SiteError> {
        let before = self.history.last_at(series, Timestamp(window.from.0.saturating_sub(1)))?;
        let mut points: Vec<Point> = before.into_iter().collect();
        points.extend(self.history.range(series, window.from, window.to, WORDS_MAX)?);
        Ok(points)
    }

    fn unit_of(&self, key: &SeriesKey) -> Option<Unit> {
        let things = self.things.read();
        things.registry.get(&key.thing)?.thing.model.properties.get(&key.name)?.unit.clone()
    }

    /// The state of the site at a time: the newest value of every series at or before it.
    pub fn state_at(&self, at: Timestamp) -> Result<Vec<StateRow>, SiteError> {
        let rows = self.history.state_at(at)?;
        Ok(rows.into_iter().map(|(key, point)| StateRow { key, point }).collect())
    }

    /// The series of an export, for `store::history::{export_csv, export_parquet}`: those of a thing, or all; of one
    /// name, or all.
    pub fn export(&self, thing: Option<&ThingId>, name: Option<&Name>, from: Timestamp, to: Timestamp) -> Selection {
        let mut series = self.history.list(thing);
        series.retain(|info| name.is_none_or(|name| info.key.name == *name));
        Selection { series, from, to }
    }

    /// The history's engine, for reading.
    pub fn history_engine(&self) -> &dyn History {
        &*self.history
    }
}

fn summary(unit: Option<Unit>, info: SeriesInfo) -> SeriesSummary {
    SeriesSummary {
        thing: info.key.thing,
        name: info.key.name,
        data_type: info.data_type,
        unit,
        first: info.first,
        last: info.last,
        points: info.points,
    }
}
