//! The history: typed time series in compressed segments.
//!
//! [`SegmentHistory`] is the embedded engine. A point goes to the write-ahead log (`ahead`) and to the head (`head`);
//! a full head is flushed to immutable segment files (`segment`, `chunk`, `column`), which are merged, rolled up and
//! dropped by `maintain`. The manifest says which files there are. Queries (`query`) merge head and segments.

mod ahead;
mod cache;
mod catalog;
mod chunk;
mod column;
mod commit;
mod compact;
mod engine;
mod export;
mod format;
mod fuzzing;
mod head;
mod last;
mod manifest;
mod overlap;
mod points;
mod query;
mod retain;
mod segment;
mod summary;
mod value_codec;
mod wire;

use std::sync::Arc;

pub use engine::{HistoryOptions, Recovery, SegmentHistory};
pub use export::{ExportError, ExportProgress, Selection, export_csv, export_parquet};
#[doc(hidden)]
pub use fuzzing::decode_anything;

use model::{DataType, Name, Position, ThingId, Timestamp, Value};

/// A series is one property or event of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Whose.
    pub thing: ThingId,
    /// Which property or event.
    pub name: Name,
}

/// A series as the engine knows it. Small, dense, valid for the lifetime of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// What is known of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesInfo {
    /// Its id.
    pub id: SeriesId,
    /// Whose and which.
    pub key: SeriesKey,
    /// The type of its newest chunk. A type change starts a new chunk; a query returns the union.
    pub data_type: DataType,
    /// Its oldest point, in any tier.
    pub first: Timestamp,
    /// Its newest point.
    pub last: Timestamp,
    /// Raw points kept.
    pub points: u64,
}

/// One point of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When.
    pub time: Timestamp,
    /// What.
    pub value: Value,
}

/// Some points of one series that lie together, oldest first; none by default.
#[derive(Debug, Clone, Default)]
pub struct Block {
    points: Arc<points::Points>,
    span: std::ops::Range<usize>,
}

impl Block {
    /// How many points.
    pub fn len(&self) -> usize {
        self.span.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.span.is_empty()
    }

    /// When a point was.
    #[inline]
    pub fn time(&self, index: usize) -> Timestamp {
        Timestamp(self.points.times[self.span.start + index])
    }

    /// What a point says.
    #[inline]
    pub fn value(&self, index: usize) -> Value {
        self.points.value(self.span.start + index)
    }
}

/// A reader that goes through the raw points of one series.
pub trait Scan: Send {
    /// The next points, later than those before; `None` at the end. What lies together is decoded when it is asked for.
    fn next(&mut self) -> Result<Option<Block>, HistoryError>;
}

/// One aggregated interval of a numeric series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The start of the interval.
    pub time: Timestamp,
    /// The least value.
    pub minimum: f64,
    /// The greatest value.
    pub maximum: f64,
    /// The first value.
    pub first: f64,
    /// The last value.
    pub last: f64,
    /// The sum of the values.
    pub sum: f64,
    /// How many points.
    pub count: u64,
}

/// The tiers of resolution, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Every point.
    Raw,
    /// One bucket a minute.
    Minute,
    /// One bucket an hour.
    Hour,
}

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Raw points older than this go.
    pub raw_before: Timestamp,
    /// Minute buckets older than this go.
    pub minute_before: Timestamp,
    /// Hour buckets older than this go.
    pub hour_before: Timestamp,
    /// While the history is larger than this, the oldest raw segments go first, then minutes, then hours.
    pub bytes_max: u64,
}

/// Sizes and counters of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Series known.
    pub series: u64,
    /// Raw points kept.
    pub points: u64,
    /// Bytes on disk, write-ahead log included.
    pub bytes: u64,
    /// Bytes of compacted raw chunks only (the figure behind "bytes per point").
    pub raw_bytes: u64,
    /// Points that came late: older than the newest of their series.
    pub late: u64,
    /// Points that replaced one with the same time.
    pub replaced: u64,
    /// Points refused: outside the accepted window of time, not finite, or of a removed series.
    pub refused: u64,
    /// Writes that failed because the disk had no room. Each of them was, or is, tried again.
    pub full_disks: u64,
}

/// Why the history could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no such series.
    #[error("there is no series {name} of {thing}", name = .0.name, thing = .0.thing)]
    UnknownSeries(SeriesKey),
    /// There is no series with this id, and there never was.
    #[error("there is no series with id {}", .0.0)]
    UnknownId(SeriesId),
    /// No more series are made.
    #[error(
        "there are {limit} series, which is the limit\nhint: raise history.series_max, or remove things that are gone"
    )]
    TooManySeries {
        /// The limit.
        limit: usize,
    },
    /// One append holds more than a frame of the write-ahead log may.
    #[error("an append of {bytes} bytes is more than the history accepts ({limit} bytes)")]
    TooLarge {
        /// The append's encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A file was written by a newer Manmul.
    #[error(
        "{place}: the file has format {found}, this program knows formats up to {known}\nhint: start the newer version, or restore a backup"
    )]
    Newer {
        /// The file.
        place: String,
        /// Its format.
        found: u16,
        /// The newest we know.
        known: u16,
    },
    /// The disk has no room. Nothing is lost: what was appended waits in memory, what was refused can be appended again.
    #[error("the history waits for room on the disk: {0}\nhint: make room on the disk; the history goes on by itself")]
    NoRoom(String),
    /// The disk failed. The history has stopped accepting points; the log still has them.
    #[error("the history cannot be written: {0}")]
    Broken(String),
    /// A file is damaged.
    #[error("{place}: {problem}")]
    Damaged {
        /// The file and offset.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{place}: {source}")]
    Io {
        /// The file.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Points to append, column-wise for speed: `(series, time, value)` each.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The points, in order of arrival.
    pub points: Vec<(SeriesId, Timestamp, Value)>,
}

/// The history. All methods may be called from many threads. Numeric queries see integers and booleans as floats.
pub trait History: Send + Sync + std::fmt::Debug {
    /// The id of a series; makes it if it is new.
    fn series(&self, key: &SeriesKey) -> Result<SeriesId, HistoryError>;

    /// Every series, or those of one thing, in order of key.
    fn list(&self, thing: Option<&ThingId>) -> Vec<SeriesInfo>;

    /// Appends points. `applied` is the log position up to which (inclusive) the caller has folded; it is kept with the
    /// points in one write, so that after a crash the fold goes on from [`History::applied`] and nothing is lost or
    /// counted twice. A point with the same series and time replaces the earlier one.
    ///
    /// Points outside the accepted window of time, floats that are not finite and points of series that were removed
    /// are refused and counted; an id that never was is an error, and nothing of the batch is kept. While the disk is
    /// full some appends are taken, up to a limit; then they are refused with [`HistoryError::NoRoom`], and nothing of
    /// the batch is kept.
    fn append(&self, batch: &Batch, applied: Position) -> Result<(), HistoryError>;

    /// The log position up to which points are *durable*.
    fn applied(&self) -> Position;

    /// Makes everything appended before the call durable.
    fn sync(&self) -> Result<(), HistoryError>;

    /// The newest point of a series; from memory.
    fn last(&self, series: SeriesId) -> Option<Point>;

    /// The newest point of a series at or before `at`.
    fn last_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>, HistoryError>;

    /// Raw points with `from <= time < to`, oldest first, at most `limit`.
    fn range(&self, series: SeriesId, from: Timestamp, to: Timestamp, limit: usize)
    -> Result<Vec<Point>, HistoryError>;

    /// Goes through the raw points with `from <= time < to`, however many they are. What is appended meanwhile may be
    /// missed.
    fn scan(&self, series: SeriesId, from: Timestamp, to: Timestamp) -> Result<Box<dyn Scan + '_>, HistoryError>;

    /// Buckets of equal width (the least whole microseconds that make at most `columns` of them) over
    /// `from <= time < to`, empty ones left out, from the coarsest tier that still has at least one bucket a column.
    /// The borders between columns lie on borders of that tier, the outer ones are exact; every point is in exactly one
    /// bucket and nothing is estimated. Where a tier is no longer kept, the next coarser one stands in. Returns the
    /// coarsest tier that was read.
    fn buckets(
        &self,
        series: SeriesId,
        from: Timestamp,
        to: Timestamp,
        columns: usize,
    ) -> Result<(Tier, Vec<Bucket>), HistoryError>;

    /// [`History::buckets`] of several series. The tier is the coarsest that any of them needed.
    fn aggregate(
        &self,
        series: &[SeriesId],
        from: Timestamp,
        to: Timestamp,
        columns: usize,
    ) -> Result<(Tier, Vec<Vec<Bucket>>), HistoryError> {
        let mut coarsest = Tier::Raw;
        let mut all = Vec::with_capacity(series.len());
        for series in series {
            let (tier, buckets) = self.buckets(*series, from, to, columns)?;
            coarsest = coarsest.max(tier);
            all.push(buckets);
        }
        Ok((coarsest, all))
    }

    /// The newest point of every series at or before `at`: the state of the site at any time.
    fn state_at(&self, at: Timestamp) -> Result<Vec<(Arc<SeriesKey>, Point)>, HistoryError>;

    /// Forgets a thing and all its series.
    fn remove(&self, thing: &ThingId) -> Result<(), HistoryError>;

    /// Merges small segments, writes roll-ups and drops what retention allows. Called now and then, off the hot path.
    fn maintain(&self, retention: &Retention) -> Result<(), HistoryError>;

    /// Sizes and counters.
    fn statistics(&self) -> Statistics;
}
