//! Forecasts: a forecaster for each stream that is worth it, fed from the history.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use learn::forecast::{Forecast, Forecaster, Settings};
use model::{DataType, Name, ThingId, Timestamp, Unit};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::History;
use store::history::{HistoryError, SeriesId};

use crate::error::SiteError;
use crate::site::Site;

/// The most forecasters that are kept. What is asked beyond is worked out from the history and forgotten.
pub const FORECASTERS_MAX: usize = 500;

/// How much of the past a forecaster is fed.
pub const FORECAST_SPAN: Duration = Duration::from_hours(42 * 24);

/// The furthest that is forecast, in hours.
pub const FORECAST_HOURS_MAX: u32 = 48;

/// The history is read in means over so much.
const COLUMN: Duration = Duration::from_mins(5);
/// So many of them at a time: a day, so that what is live does not wait.
const COLUMNS: u32 = 288;
/// How often a forecaster is fed that is not asked.
const FEED_EVERY: Duration = Duration::from_mins(15);
/// How often it is looked which streams have become worth a forecaster.
const CHOOSE_EVERY: Duration = Duration::from_mins(1);
/// From so much past on, and from so many samples, a stream is worth a forecaster.
const WORTH: (Duration, u64) = (Duration::from_hours(24), 48);

/// The quantiles that are given: the outer pair and the inner one.
const LEVELS: [f64; 4] = [0.1, 0.25, 0.75, 0.9];

/// Two quantiles along time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Band {
    /// The level of the lower one.
    pub low_quantile: f64,
    /// The level of the upper one.
    pub high_quantile: f64,
    /// The lower one, a slot each.
    pub low: Vec<f64>,
    /// The upper one, a slot each.
    pub high: Vec<f64>,
}

/// What is to be expected of a stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Foretold {
    /// Which property.
    pub name: Name,
    /// Its unit.
    #[cfg_attr(feature = "schema", schema(required))]
    pub unit: Option<Unit>,
    /// The start of the first slot.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub start: Timestamp,
    /// The length of a slot.
    pub step_seconds: u32,
    /// What is as likely to be exceeded as not, a slot each.
    pub median: Vec<f64>,
    /// Around it, the widest first.
    pub bands: Vec<Band>,
    /// The card of the model that says so, if it is kept.
    #[cfg_attr(feature = "schema", schema(required))]
    pub card: Option<String>,
}

/// A forecaster, and up to when it was fed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Foreseen {
    pub(crate) forecaster: Forecaster,
    pub(crate) fed_from: Timestamp,
    pub(crate) fed_to: Timestamp,
    pub(crate) samples: u64,
    /// Up to when it was fed when it was last written down.
    #[serde(skip)]
    pub(crate) saved_to: Timestamp,
}

impl Foreseen {
    fn new(until: Timestamp) -> Self {
        let from = until - FORECAST_SPAN;
        Self {
            forecaster: Forecaster::new(Settings::default()),
            fed_from: from,
            fed_to: from,
            samples: 0,
            saved_to: from,
        }
    }

    /// Feeds a piece of the history, up to `until` at most. True when there is more.
    fn feed(&mut self, history: &dyn History, series: SeriesId, until: Timestamp) -> Result<bool, HistoryError> {
        let end = until.min(self.fed_to + COLUMN * COLUMNS);
        let columns = end.since(self.fed_to).as_micros() / COLUMN.as_micros();
        if columns == 0 {
            return Ok(false);
        }
        let end = self.fed_to + COLUMN * columns as u32;
        let (_, buckets) = history.buckets(series, self.fed_to, end, columns as usize)?;
        for bucket in buckets {
            if self.samples == 0 {
                self.fed_from = bucket.time;
            }
            self.samples += bucket.count;
            self.forecaster.observe(bucket.time, bucket.sum / bucket.count.max(1) as f64, &[]);
        }
        self.forecaster.advance(end);
        self.fed_to = end;
        Ok(end + COLUMN <= until)
    }

    fn feed_all(&mut self, history: &dyn History, series: SeriesId, until: Timestamp) -> Result<(), HistoryError> {
        while self.feed(history, series, until)? {}
        Ok(())
    }

    fn forecast(&self, hours: u32) -> Option<Forecast> {
        let step = self.forecaster.forecast(1, &LEVELS)?.step;
        let slots = (Duration::from_hours(u64::from(hours)).as_micros()).div_ceil(step.as_micros().max(1));
        self.forecaster.forecast(slots as usize, &LEVELS)
    }
}

type Shared = Arc<Mutex<Foreseen>>;

/// The forecasters.
#[derive(Default)]
pub(crate) struct Foresight {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_series: HashMap<SeriesId, Shared, ahash::RandomState>,
    /// In the order in which they are fed.
    queue: VecDeque<SeriesId>,
    chosen: Option<Timestamp>,
}

impl Kept {
    /// The forecaster of a series; a new one is kept if there is room.
    fn get_or_make(&mut self, series: SeriesId, now: Timestamp) -> (Shared, bool) {
        if let Some(found) = self.by_series.get(&series) {
            return (Arc::clone(found), true);
        }
        let made: Shared = Arc::new(Mutex::new(Foreseen::new(now)));
        let is_kept = self.by_series.len() < FORECASTERS_MAX;
        if is_kept {
            self.by_series.insert(series, Arc::clone(&made));
            self.queue.push_back(series);
        }
        (made, is_kept)
    }
}

impl Foresight {
    /// Forgets series that are gone.
    pub(crate) fn forget(&self, series: &[SeriesId]) {
        let mut kept = self.kept.lock();
        for one in series {
            kept.by_series.remove(one);
        }
        let Kept { by_series, queue, .. } = &mut *kept;
        queue.retain(|one| by_series.contains_key(one));
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.lock().by_series.len()
    }

    /// The forecasters that are kept.
    pub(crate) fn all(&self) -> Vec<(SeriesId, Shared)> {
        let kept = self.kept.lock();
        kept.by_series.iter().map(|(series, shared)| (*series, Arc::clone(shared))).collect()
    }

    /// Goes on with a forecaster that was written down.
    pub(crate) fn restore(&self, series: SeriesId, mut foreseen: Foreseen) {
        let mut kept = self.kept.lock();
        if kept.by_series.len() < FORECASTERS_MAX && !kept.by_series.contains_key(&series) {
            foreseen.saved_to = foreseen.fed_to;
            kept.by_series.insert(series, Arc::new(Mutex::new(foreseen)));
            kept.queue.push_back(series);
        }
    }

    pub(crate) fn get(&self, series: SeriesId) -> Option<Shared> {
        self.kept.lock().by_series.get(&series).cloned()
    }
}

impl Site {
    /// What is to be expected of a property over the next hours, as seen now or at an earlier time.
    pub fn forecast(
        &self,
        thing: &ThingId,
        name: &Name,
        hours: u32,
        at: Option<Timestamp>,
    ) -> Result<Foretold, SiteError> {
        if self.thing_row(thing).is_none() {
            return Err(twin::RegistryError::Unknown(thing.clone()).into());
        }
        let not_yet = || SiteError::NoForecastYet { thing: thing.clone(), name: name.clone() };
        let info = self.find_series(thing, name)?;
        if !matches!(info.data_type, DataType::Number | DataType::Integer) {
            return Err(not_yet());
        }
        let now = self.clock.now();
        let (shared, is_kept) = match at.filter(|at| *at < now) {
            Some(at) => (Arc::new(Mutex::new(Foreseen::new(at))), false),
            None => self.mind.foresight.kept.lock().get_or_make(info.id, now),
        };
        let (until, hours) = (at.unwrap_or(now).min(now), hours.clamp(1, FORECAST_HOURS_MAX));
        let mut foreseen = shared.lock();
        let is_new = foreseen.fed_to == foreseen.fed_from;
        foreseen.feed_all(&*self.history, info.id, until)?;
        let mut forecast = foreseen.forecast(hours);
        if forecast.is_none() && !is_new {
            // A past that was told afterwards lies before what was fed.
            *foreseen = Foreseen::new(until);
            foreseen.feed_all(&*self.history, info.id, until)?;
            forecast = foreseen.forecast(hours);
        }
        let forecast = forecast.ok_or_else(not_yet)?;
        let unit = self.thing_row(thing).and_then(|row| row.model.properties.get(name)?.unit.clone());
        let band = |low: usize, high: usize| Band {
            low_quantile: LEVELS[low],
            high_quantile: LEVELS[high],
            low: forecast.quantiles[low].clone(),
            high: forecast.quantiles[high].clone(),
        };
        Ok(Foretold {
            name: name.clone(),
            unit,
            start: forecast.start,
            step_seconds: forecast.step.as_secs() as u32,
            bands: vec![band(0, 3), band(1, 2)],
            median: forecast.median,
            card: is_kept.then(|| super::cards::forecast_id(info.id)),
        })
    }

    /// Feeds the forecaster that waits longest with a piece of its history, and looks for streams worth one.
    pub(crate) fn foresee_some(&self, now: Timestamp) {
        let due = {
            let mut kept = self.mind.foresight.kept.lock();
            let is_time = kept.chosen.is_none_or(|chosen| now < chosen || now.since(chosen) >= CHOOSE_EVERY);
            if is_time && kept.by_series.len() < FORECASTERS_MAX {
                kept.chosen = Some(now);
                drop(kept);
                let worth = self.worth_forecasting(now);
                kept = self.mind.foresight.kept.lock();
                for series in worth {
                    kept.get_or_make(series, now);
                }
            }
            let Some(series) = kept.queue.front().copied() else { return };
            kept.by_series.get(&series).map(|shared| (series, Arc::clone(shared)))
        };
        let Some((series, shared)) = due else { return };
        let mut foreseen = shared.lock();
        if now.since(foreseen.fed_to) < FEED_EVERY {
            return;
        }
        let more = foreseen.feed(&*self.history, series, now).unwrap_or_else(|error| {
            tracing::warn!(%error, "a forecaster learns nothing from the history");
            false
        });
        drop(foreseen);
        if !more {
            let mut kept = self.mind.foresight.kept.lock();
            if kept.queue.front() == Some(&series) {
                kept.queue.rotate_left(1);
            }
        }
    }

    /// Streams that have a day behind them and have no forecaster.
    fn worth_forecasting(&self, now: Timestamp) -> Vec<SeriesId> {
        let watched = self.mind.watched.lock();
        let is_worth = |stream: &&super::stream::Stream| {
            !stream.learning
                && stream.about.is_number()
                && stream.samples >= WORTH.1
                && stream.first.is_some_and(|first| now.since(first) >= WORTH.0)
        };
        watched.iter().map(|(_, stream)| stream).filter(is_worth).map(|stream| stream.series).collect()
    }
}
