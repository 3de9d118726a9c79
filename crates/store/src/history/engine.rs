//! The engine: opening, appending, making durable, and what is answered from memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use model::{Clock, DataType, Position, ThingId, Timestamp, Value};
use parking_lot::{Mutex, RwLock};

use super::ahead::{self, AheadWriter};
use super::catalog::{Catalog, CatalogFile};
use super::commit::{Segment, SetAside};
use super::format::{damaged, failed, unsynced};
use super::head::{DAY, Head};
use super::last::LastPoints;
use super::manifest::Manifest;
use super::points::data_type;
use super::segment::SegmentReader;
use super::wire::Malformed;
use super::{
    Batch, Bucket, History, HistoryError, Point, Retention, Scan, SeriesId, SeriesInfo, SeriesKey, Statistics, Tier,
};
use crate::files;

/// Points earlier or later than this are refused whatever the options say (the years 1 and 9999), so that no
/// arithmetic on windows can overflow.
const TIME_MIN: i64 = -62_135_596_800_000_000;
const TIME_MAX: i64 = 253_402_300_800_000_000;

/// Points that are put into the head at a time; between, readers get their turn.
const APPLY_POINTS: usize = 1_024;

/// Older generations of the write-ahead log that a start leaves as they are.
const GENERATIONS_MAX: u64 = 16;

/// What can be chosen about the engine.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// The most series, removed ones included.
    pub series_max: usize,
    /// How far ahead of the clock a point may be.
    pub future_max: Duration,
    /// How far behind the clock a point may be; `None` for as far as raw points are kept.
    pub past_max: Option<Duration>,
    /// The head is flushed when it takes this much memory, in bytes.
    pub head_bytes_max: usize,
    /// The head is flushed when the write-ahead log has this size, in bytes; bounds the time of a start.
    pub ahead_bytes_max: u64,
    /// `maintain` flushes a head whose first point came longer ago than this.
    pub head_age_max: Duration,
    /// Memory for index pages and decoded chunks, in bytes.
    pub cache_bytes_max: usize,
    /// The most segment files open at a time.
    pub open_files_max: usize,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            series_max: 2_000_000,
            future_max: Duration::from_hours(24),
            past_max: None,
            head_bytes_max: 256 << 20,
            ahead_bytes_max: 48 << 20,
            head_age_max: Duration::from_hours(2),
            cache_bytes_max: 64 << 20,
            open_files_max: 256,
        }
    }
}

/// What opening found.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Frames of the write-ahead log that were applied again.
    pub frames: u64,
    /// Points in them.
    pub points: u64,
    /// What was cut because it was not whole, with file and offset. Nothing of it had been acknowledged, unless the
    /// disk damaged it; then [`History::applied`] lies before it and the log has the points.
    pub cut: Vec<String>,
    /// Files that are damaged, with the offset. What they hold is missing, the rest is served.
    pub damaged: Vec<String>,
    /// Files that a crash had left behind and that were removed.
    pub leftovers: usize,
}

/// What readers see. Changed as a whole under one lock, so that no point is seen twice or not at all.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) head: Head,
    /// A head that is being flushed.
    pub(super) frozen: Option<Arc<Head>>,
    /// In order of sequence.
    pub(super) segments: Arc<Vec<Arc<Segment>>>,
    pub(super) last: LastPoints,
}

/// What appending needs.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) ahead: AheadWriter,
    pub(super) generation: u64,
    /// Bytes of the older generations.
    pub(super) ahead_older: u64,
    pub(super) catalog: CatalogFile,
    pub(super) applied: Position,
    /// Appends so far.
    pub(super) appends: u64,
    /// The head that was read again on start is flushed before the next point: its points are not packed yet.
    pub(super) has_backlog: bool,
    /// When the head got its first point.
    pub(super) head_since: Option<Timestamp>,
    /// Why nothing is accepted any more.
    pub(super) broken: Option<String>,
}

/// The embedded engine: write-ahead log, head in memory, immutable segments.
#[derive(Debug)]
pub struct SegmentHistory {
    pub(super) folder: PathBuf,
    pub(super) options: HistoryOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: RwLock<Catalog>,
    pub(super) memory: RwLock<Memory>,
    pub(super) writer: Mutex<Writer>,
    pub(super) manifest: Mutex<Manifest>,
    pub(super) reader: SegmentReader,
    /// One flush at a time, one compaction at a time, one sync at a time. A flush that had no room leaves what it set
    /// aside to the next one.
    pub(super) flushing: Mutex<Option<SetAside>>,
    pub(super) compacting: Mutex<()>,
    syncing: Mutex<()>,
    /// Appends that are durable, and the position they reach.
    pub(super) durable: AtomicU64,
    pub(super) applied: AtomicU64,
    /// Points before this are refused.
    pub(super) floor: AtomicI64,
    /// Whether segments may still hold points of removed series.
    pub(super) purge: AtomicBool,
    pub(super) late: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) refused: AtomicU64,
    full_disks: AtomicU64,
    recovery: Recovery,
    _lock: files::Lock,
}

impl SegmentHistory {
    /// Opens the history in a folder, or makes it. What was durable is there again; what was torn is cut and reported.
    pub fn open(folder: &Path, options: HistoryOptions, clock: Arc<dyn Clock>) -> Result<Self, HistoryError> {
        files::create_folder(folder).map_err(failed(folder))?;
        let lock = files::Lock::take(folder).map_err(failed(folder))?;
        let mut recovery = Recovery::default();
        let manifest = Self::read_manifest(folder)?;
        let (catalog_file, catalog, torn) = CatalogFile::open(folder, manifest.series)?;
        recovery.cut.extend(torn.map(|torn| torn.to_string()));
        recovery.leftovers = super::commit::remove_leftovers(folder, &manifest)?;

        let reader = SegmentReader::new(options.open_files_max, options.cache_bytes_max);
        let segments = super::commit::open_segments(folder, &manifest, &mut recovery.damaged)?;
        let mut last = match LastPoints::read(folder, manifest.last) {
            _ if manifest.last == 0 => LastPoints::default(),
            Ok(last) => last,
            Err(newer @ HistoryError::Newer { .. }) => return Err(newer),
            Err(error) => {
                recovery.damaged.push(error.to_string());
                super::commit::rebuild_last(&reader, &segments, &catalog)
            }
        };
        for series in catalog.removed() {
            last.remove(series);
        }
        let mut memory = Memory { segments: Arc::new(segments), last, ..Memory::default() };
        let replay = replay_ahead(folder, &manifest, &catalog, &mut memory, &mut recovery)?;
        let ahead = AheadWriter::create(folder, replay.next)?;
        for text in recovery.cut.iter().chain(&recovery.damaged) {
            tracing::warn!(folder = %folder.display(), "history: {text}");
        }
        let writer = Writer {
            ahead,
            generation: replay.next,
            ahead_older: replay.bytes,
            catalog: catalog_file,
            applied: replay.applied,
            appends: 0,
            has_backlog: memory.head.has_backlog(),
            head_since: (!memory.head.is_empty()).then(|| clock.now()),
            broken: None,
        };
        let this = Self {
            folder: folder.to_owned(),
            options,
            clock,
            purge: AtomicBool::new(!catalog.removed().is_empty()),
            catalog: RwLock::new(catalog),
            memory: RwLock::new(memory),
            writer: Mutex::new(writer),
            floor: AtomicI64::new(manifest.floor),
            manifest: Mutex::new(manifest),
            reader,
            flushing: Mutex::new(None),
            compacting: Mutex::new(()),
            syncing: Mutex::new(()),
            durable: AtomicU64::new(0),
            applied: AtomicU64::new(replay.applied.0),
            late: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            full_disks: AtomicU64::new(0),
            recovery,
            _lock: lock,
        };
        let older = replay.next - this.manifest.lock().generation;
        let nothing = older > 0 && this.memory.read().head.is_empty();
        // What was cut must not be read again next time; nor should generations pile up when starts are frequent.
        if replay.cut || nothing || older > GENERATIONS_MAX || this.wants_flush(&this.writer.lock()) {
            this.flush()?;
        }
        Ok(this)
    }

    fn read_manifest(folder: &Path) -> Result<Manifest, HistoryError> {
        if let Some(manifest) = Manifest::read(folder)? {
            return Ok(manifest);
        }
        if ahead::path(folder, 1).exists() || folder.join("series.catalog").exists() {
            let missing = Malformed::new("the file is missing although the history is not empty");
            return Err(damaged(&folder.join("manifest"), 0, missing));
        }
        let manifest = Manifest::empty();
        manifest.write(folder)?;
        Ok(manifest)
    }

    /// What opening found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether a point of this time is accepted.
    fn window(&self) -> std::ops::RangeInclusive<i64> {
        let now = self.clock.now();
        let past = self.options.past_max.map_or(TIME_MIN, |past| (now - past).0);
        let earliest = past.max(self.floor.load(Ordering::Relaxed)).max(TIME_MIN);
        earliest..=(now + self.options.future_max).0.min(TIME_MAX)
    }

    /// Hands what waits to the system: first the catalog, durably, then the frames that refer to it.
    pub(super) fn write_out(&self, writer: &mut Writer) -> Result<(), HistoryError> {
        let written = self.catalog.write().write_pending(&mut writer.catalog).and_then(|()| writer.ahead.write());
        written.map_err(|error| self.stop_or_wait(writer, error))
    }

    /// What follows from a failed write: a full disk is waited for, everything else is final.
    pub(super) fn stop_or_wait(&self, writer: &mut Writer, error: HistoryError) -> HistoryError {
        if !matches!(error, HistoryError::NoRoom(_)) {
            return Self::break_with(writer, &error);
        }
        self.full_disks.fetch_add(1, Ordering::Relaxed);
        error
    }

    /// Makes room in memory for another append, which is refused when there is none.
    fn make_way(&self) -> Result<(), HistoryError> {
        let must_flush = {
            let mut writer = self.writer.lock();
            Self::check_unbroken(&writer)?;
            if writer.ahead.is_full() {
                self.write_out(&mut writer)?;
            }
            writer.has_backlog || self.wants_flush(&writer)
        };
        if must_flush { self.flush() } else { Ok(()) }
    }

    /// After a failed write nobody knows what is on the disk, so nothing more is accepted.
    pub(super) fn break_with(writer: &mut Writer, error: &HistoryError) -> HistoryError {
        let reason = match error {
            HistoryError::Broken(reason) => reason.clone(),
            other => other.to_string(),
        };
        HistoryError::Broken(writer.broken.get_or_insert(reason).clone())
    }

    pub(super) fn check_unbroken(writer: &Writer) -> Result<(), HistoryError> {
        writer.broken.as_ref().map_or(Ok(()), |reason| Err(HistoryError::Broken(reason.clone())))
    }

    /// Takes note that everything up to here is durable.
    pub(super) fn note_durable(&self, appends: u64, applied: Position) {
        self.durable.fetch_max(appends, Ordering::AcqRel);
        self.applied.fetch_max(applied.0, Ordering::AcqRel);
    }

    /// Whether the head should become segments.
    fn wants_flush(&self, writer: &Writer) -> bool {
        writer.ahead.bytes() + writer.ahead_older >= self.options.ahead_bytes_max
            || self.memory.read().head.bytes() >= self.options.head_bytes_max
    }

    /// Puts accepted points into the head and takes note of the newest ones.
    fn apply<'a>(&self, mut points: impl Iterator<Item = (SeriesId, Timestamp, &'a Value)>) {
        let mut late = 0;
        loop {
            let mut memory = self.memory.write();
            let Memory { head, last, .. } = &mut *memory;
            let mut count = 0;
            for (series, time, value) in points.by_ref().take(APPLY_POINTS) {
                head.push(series, time, value);
                late += u64::from(last.note(series, time, value));
                count += 1;
            }
            self.replaced.fetch_add(head.take_replaced(), Ordering::Relaxed);
            if count < APPLY_POINTS {
                break;
            }
        }
        self.late.fetch_add(late, Ordering::Relaxed);
    }
}

/// What the write-ahead log held.
struct ReplayEnd {
    applied: Position,
    next: u64,
    bytes: u64,
    cut: bool,
}

/// Reads all generations into the head. Behind a cut nothing is applied: the log is contiguous, so the rest comes again.
fn replay_ahead(
    folder: &Path,
    manifest: &Manifest,
    catalog: &Catalog,
    memory: &mut Memory,
    recovery: &mut Recovery,
) -> Result<ReplayEnd, HistoryError> {
    memory.head.set_replaying(true);
    let mut end = ReplayEnd { applied: manifest.applied, next: manifest.generation, bytes: 0, cut: false };
    while ahead::path(folder, end.next).exists() {
        if !end.cut {
            let replayed = ahead::replay(folder, end.next, |applied, points| {
                if points.iter().any(|(series, ..)| series.0 as usize >= catalog.len()) {
                    return Err(Malformed::new("a point of a series that the catalog does not have"));
                }
                for (series, time, value) in points.iter().filter(|(series, ..)| !catalog.is_removed(*series)) {
                    memory.head.push(*series, *time, value);
                    memory.last.note(*series, *time, value);
                }
                recovery.points += points.len() as u64;
                end.applied = end.applied.max(applied);
                Ok(())
            })?;
            recovery.frames += replayed.frames;
            end.bytes += replayed.bytes;
            end.cut = replayed.torn.is_some();
            recovery.cut.extend(replayed.torn.map(|torn| torn.to_string()));
        }
        end.next += 1;
    }
    memory.head.set_replaying(false);
    Ok(end)
}

impl History for SegmentHistory {
    fn series(&self, key: &SeriesKey) -> Result<SeriesId, HistoryError> {
        if let Some(series) = self.catalog.read().find(key) {
            return Ok(series);
        }
        let mut catalog = self.catalog.write();
        if let Some(series) = catalog.find(key) {
            return Ok(series);
        }
        if catalog.len() >= self.options.series_max {
            return Err(HistoryError::TooManySeries { limit: self.options.series_max });
        }
        Ok(catalog.add(key))
    }

    fn list(&self, thing: Option<&ThingId>) -> Vec<SeriesInfo> {
        let listed = self.catalog.read().list(thing);
        let extents = self.extents(thing.is_some().then(|| listed.iter().map(|(id, _)| *id).collect()));
        let memory = self.memory.read();
        listed
            .into_iter()
            .filter_map(|(id, key)| {
                let last = memory.last.get(id)?;
                let extent = extents.get(&id).copied().unwrap_or_default();
                Some(SeriesInfo {
                    id,
                    key: (*key).clone(),
                    data_type: data_type(&last.value).unwrap_or(DataType::Json),
                    first: extent.first.map_or(last.time, |first| Timestamp(first.min(last.time.0))),
                    last: last.time,
                    points: extent.points,
                })
            })
            .collect()
    }

    fn append(&self, batch: &Batch, applied: Position) -> Result<(), HistoryError> {
        self.make_way()?;
        let window = self.window();
        {
            let mut writer = self.writer.lock();
            Self::check_unbroken(&writer)?;
            let catalog = self.catalog.read();
            if let Some((series, ..)) = batch.points.iter().find(|(id, ..)| id.0 as usize >= catalog.len()) {
                return Err(HistoryError::UnknownId(*series));
            }
            let accepted = |(series, time, value): &&(SeriesId, Timestamp, Value)| {
                window.contains(&time.0)
                    && !matches!(value, Value::Float(float) if !float.is_finite())
                    && !catalog.is_removed(*series)
            };
            let points = || batch.points.iter().filter(accepted).map(|(series, time, value)| (*series, *time, value));
            let count = points().count();
            writer.ahead.append(applied, count, points())?;
            writer.applied = writer.applied.max(applied);
            writer.appends += 1;
            if count > 0 {
                writer.head_since.get_or_insert_with(|| self.clock.now());
            }
            self.apply(points());
            self.refused.fetch_add((batch.points.len() - count) as u64, Ordering::Relaxed);
        }
        match self.make_way() {
            // These points are in; the next ones will be refused.
            Err(HistoryError::NoRoom(_)) => Ok(()),
            made => made,
        }
    }

    fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    fn sync(&self) -> Result<(), HistoryError> {
        let asked = self.writer.lock().appends;
        let _turn = self.syncing.lock();
        if self.durable.load(Ordering::Acquire) >= asked {
            return Self::check_unbroken(&self.writer.lock());
        }
        let (file, appends, applied) = {
            let mut writer = self.writer.lock();
            Self::check_unbroken(&writer)?;
            self.write_out(&mut writer)?;
            (writer.ahead.file(), writer.appends, writer.applied)
        };
        // Without the writer's lock: others append meanwhile and share the next sync.
        if let Err(error) = file.sync_data() {
            let mut writer = self.writer.lock();
            let error = unsynced(writer.ahead.path())(error);
            return Err(Self::break_with(&mut writer, &error));
        }
        self.note_durable(appends, applied);
        Ok(())
    }

    fn last(&self, series: SeriesId) -> Option<Point> {
        self.memory.read().last.get(series).cloned()
    }

    fn last_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>, HistoryError> {
        self.newest_at(series, at)
    }

    fn range(
        &self,
        series: SeriesId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Point>, HistoryError> {
        self.raw_range(series, from.0, to.0, limit)
    }

    fn scan(&self, series: SeriesId, from: Timestamp, to: Timestamp) -> Result<Box<dyn Scan + '_>, HistoryError> {
        Ok(Box::new(self.raw_scan(series, from.0, to.0)?))
    }

    fn buckets(
        &self,
        series: SeriesId,
        from: Timestamp,
        to: Timestamp,
        columns: usize,
    ) -> Result<(Tier, Vec<Bucket>), HistoryError> {
        self.fold_buckets(series, from.0, to.0, columns)
    }

    fn state_at(&self, at: Timestamp) -> Result<Vec<(Arc<SeriesKey>, Point)>, HistoryError> {
        let listed = self.catalog.read().list(None);
        let mut state = Vec::with_capacity(listed.len());
        for (series, key) in listed {
            match self.newest_at(series, at) {
                Ok(Some(point)) => state.push((key, point)),
                Ok(None) => {}
                // One damaged chunk must not hide the state of everything else.
                Err(error @ HistoryError::Damaged { .. }) => {
                    tracing::warn!(thing = %key.thing, name = %key.name, "history: left out of the state: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(state)
    }

    fn remove(&self, thing: &ThingId) -> Result<(), HistoryError> {
        let mut writer = self.writer.lock();
        Self::check_unbroken(&writer)?;
        let removed = self.catalog.write().remove(thing);
        if removed.is_empty() {
            return Ok(());
        }
        let mut memory = self.memory.write();
        for series in removed {
            memory.head.remove(series);
            memory.last.remove(series);
        }
        drop(memory);
        self.purge.store(true, Ordering::Release);
        self.write_out(&mut writer)
    }

    fn maintain(&self, retention: &Retention) -> Result<(), HistoryError> {
        self.maintain_all(retention)
    }

    fn statistics(&self) -> Statistics {
        let series = self.memory_statistics();
        let writer = self.writer.lock();
        let ahead = writer.ahead.bytes() + writer.ahead_older;
        Statistics {
            bytes: series.bytes + ahead + writer.catalog.bytes(),
            late: self.late.load(Ordering::Relaxed),
            replaced: self.replaced.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            full_disks: self.full_disks.load(Ordering::Relaxed),
            ..series
        }
    }
}

impl SegmentHistory {
    /// Whether `time` lies far enough back for its day to be over.
    pub(super) fn is_over(&self, window_end: i64, grace: i64) -> bool {
        window_end.saturating_add(grace) <= self.clock.now().0
    }

    /// The window of the segment that a chunk of this day goes to: the day, or eight of them when it is long ago, so
    /// that points from far back do not make a file a day.
    pub(super) fn window_of(&self, day: i64) -> (i64, i64) {
        let eight = super::compact::eight_days_of(day);
        if self.is_over(eight + 8 * DAY, DAY) { (eight, eight + 8 * DAY) } else { (day, day + DAY) }
    }
}
