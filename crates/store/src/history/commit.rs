//! From the head to segments, and from one set of segments to the next: files first, then the manifest, then memory,
//! then the old files go.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::Timestamp;

use super::ahead::{self, AheadWriter};
use super::catalog::Catalog;
use super::chunk::{ChunkEntry, PackedChunk, take_points};
use super::column::Effort;
use super::engine::SegmentHistory;
use super::format::{failed, unsynced};
use super::head::{Head, day_of, pack_by_day};
use super::last::LastPoints;
use super::manifest::{Manifest, SegmentNote};
use super::points::Points;
use super::segment::{SegmentFile, SegmentReader, SegmentWriter};
use super::summary::Rollup;
use super::{HistoryError, SeriesId, Statistics, Tier};

/// A segment: up to three files of one window.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) note: SegmentNote,
    /// By tier.
    pub(crate) files: [Option<Arc<SegmentFile>>; 3],
}

impl Segment {
    pub(crate) fn file(&self, tier: Tier) -> Option<&Arc<SegmentFile>> {
        self.files[tier as usize].as_ref()
    }

    /// The times between which its points lie.
    pub(crate) fn span(&self) -> (i64, i64) {
        let spans = self.files.iter().flatten().map(|file| file.span());
        let (first, last) = spans.fold((i64::MAX, i64::MIN), |(a, b), (first, last)| (a.min(first), b.max(last)));
        (first.max(self.note.start), last.min(self.note.end - 1))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().flatten().map(|file| file.bytes()).sum()
    }
}

/// Opens all segments. A damaged one stays in the list, so that queries of its window say so.
pub(super) fn open_segments(
    folder: &Path,
    manifest: &Manifest,
    damaged: &mut Vec<String>,
) -> Result<Vec<Arc<Segment>>, HistoryError> {
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for note in &manifest.segments {
        let mut files = [None, None, None];
        for tier in Tier::ALL.into_iter().filter(|tier| note.tiers[*tier as usize]) {
            let file = SegmentFile::open(folder, note.segment, tier)?;
            damaged.extend(file.problem().map(|problem| problem.to_string()));
            files[tier as usize] = Some(Arc::new(file));
        }
        segments.push(Arc::new(Segment { note: note.clone(), files }));
    }
    Ok(segments)
}

/// Removes files of ours that the manifest does not name.
pub(super) fn remove_leftovers(folder: &Path, manifest: &Manifest) -> Result<usize, HistoryError> {
    let named: HashSet<_> = manifest.names(folder).into_iter().collect();
    let mut removed = 0;
    for item in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = item.map_err(failed(folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let generation = name.strip_prefix("ahead-").and_then(|rest| rest.strip_suffix(".wal")?.parse::<u64>().ok());
        let is_old_ahead = generation.is_some_and(|generation| generation < manifest.generation);
        let is_ours = name.starts_with("segment-")
            || name.starts_with("last-")
            || path.extension().is_some_and(|extension| extension == "new");
        if is_old_ahead || (is_ours && !named.contains(&path)) {
            std::fs::remove_file(&path).map_err(failed(&path))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The newest points from the segments, when the table of them is damaged.
pub(super) fn rebuild_last(reader: &SegmentReader, segments: &[Arc<Segment>], catalog: &Catalog) -> LastPoints {
    let mut last = LastPoints::default();
    for file in segments.iter().filter_map(|segment| segment.file(Tier::Raw)) {
        let read = reader.all_entries(file, |entry| {
            let is_newer = last.get(entry.series).is_none_or(|point| point.time.0 <= entry.last);
            if is_newer && catalog.key(entry.series).is_some() {
                let value = match entry.last_value() {
                    Some(value) => value,
                    None => reader.points_once(file, entry).map(|points| points.value(points.len() - 1))?,
                };
                last.note(entry.series, Timestamp(entry.last), &value);
            }
            Ok(())
        });
        if let Err(error) = read {
            tracing::warn!("history: while looking for the newest points: {error}");
        }
    }
    last
}

/// The oldest point and the number of raw points of a series.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    pub(super) first: Option<i64>,
    pub(super) points: u64,
}

impl Extent {
    fn add(&mut self, first: i64, points: u64) {
        self.first = Some(self.first.map_or(first, |before| before.min(first)));
        self.points += points;
    }
}

/// The files of one new segment, written side by side.
pub(super) struct SegmentDraft {
    number: u64,
    writers: [SegmentWriter; 3],
}

impl SegmentDraft {
    pub(super) fn create(folder: &Path, number: u64) -> Result<Self, HistoryError> {
        let create = |tier| SegmentWriter::create(folder, number, tier);
        Ok(Self { number, writers: [create(Tier::Raw)?, create(Tier::Minute)?, create(Tier::Hour)?] })
    }

    pub(super) fn add(&mut self, tier: Tier, entry: &ChunkEntry, bytes: &[u8]) -> Result<(), HistoryError> {
        self.writers[tier as usize].add(entry, bytes)
    }

    pub(super) fn add_packed(&mut self, tier: Tier, chunk: &PackedChunk) -> Result<(), HistoryError> {
        self.writers[tier as usize].add_packed(chunk)
    }

    /// Makes the files durable, but for their names.
    pub(super) fn finish(self, window: (i64, i64), level: u8, sequence: u64) -> Result<Segment, HistoryError> {
        let [raw, minute, hour] = self.writers;
        let files = [
            raw.finish(self.number, Tier::Raw)?,
            minute.finish(self.number, Tier::Minute)?,
            hour.finish(self.number, Tier::Hour)?,
        ];
        let tiers = [files[0].is_some(), files[1].is_some(), files[2].is_some()];
        let note = SegmentNote { segment: self.number, start: window.0, end: window.1, level, sequence, tiers };
        Ok(Segment { note, files })
    }
}

/// A head that is on its way into segments, with what goes into the manifest with it.
#[derive(Debug)]
pub(super) struct SetAside {
    head: Arc<Head>,
    last: LastPoints,
    applied: model::Position,
    /// The generation of the write-ahead log that came after it.
    generation: u64,
}

/// Chunks of one series that go to one segment.
struct Flushed {
    series: SeriesId,
    chunks: Vec<Arc<PackedChunk>>,
}

impl SegmentHistory {
    /// A number that no file has had.
    pub(super) fn next_number(&self) -> u64 {
        let mut manifest = self.manifest.lock();
        manifest.next += 1;
        manifest.next - 1
    }

    /// Replaces the manifest and then what readers see. `change` must not touch the segments.
    pub(super) fn commit(
        &self,
        added: Vec<Segment>,
        removed: &[u64],
        flushed: bool,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), HistoryError> {
        let mut manifest = self.manifest.lock();
        let before = Arc::clone(&self.memory.read().segments);
        let kept = before.iter().filter(|segment| !removed.contains(&segment.note.segment)).cloned();
        let added = added.into_iter().filter(|segment| segment.note.tiers.contains(&true)).map(Arc::new);
        let mut segments: Vec<Arc<Segment>> = kept.chain(added).collect();
        segments.sort_by_key(|segment| segment.note.sequence);

        let mut next = manifest.clone();
        next.segments = segments.iter().map(|segment| segment.note.clone()).collect();
        change(&mut next);
        next.write(&self.folder)?;
        *manifest = next;

        let mut memory = self.memory.write();
        memory.segments = Arc::new(segments);
        if flushed {
            memory.frozen = None;
        }
        let current = Arc::clone(&memory.segments);
        drop(memory);
        doom_unused(&before, &current);
        Ok(())
    }

    /// Makes segments of the head and starts a new generation of the write-ahead log.
    pub(super) fn flush(&self) -> Result<(), HistoryError> {
        let mut turn = self.flushing.lock();
        if turn.is_some() {
            self.flush_set_aside(&mut turn)?;
        }
        *turn = Some(self.freeze()?);
        self.flush_set_aside(&mut turn)
    }

    /// Makes segments of what was set aside; when there is no room, it stays so.
    fn flush_set_aside(&self, set_aside: &mut Option<SetAside>) -> Result<(), HistoryError> {
        if let Some(head) = set_aside {
            self.write_set_aside(head).map_err(|error| self.stop_or_wait(&mut self.writer.lock(), error))?;
        }
        *set_aside = None;
        Ok(())
    }

    /// Sets the head aside together with its generations of the write-ahead log.
    fn freeze(&self) -> Result<SetAside, HistoryError> {
        let mut writer = self.writer.lock();
        Self::check_unbroken(&writer)?;
        self.write_out(&mut writer)?;
        let rotated = writer.ahead.file().sync_data().map_err(unsynced(writer.ahead.path()));
        let rotated = rotated.and_then(|()| AheadWriter::create(&self.folder, writer.generation + 1));
        let next = rotated.map_err(|error| self.stop_or_wait(&mut writer, error))?;
        writer.ahead_older += std::mem::replace(&mut writer.ahead, next).bytes();
        writer.generation += 1;
        writer.head_since = None;
        writer.has_backlog = false;
        self.note_durable(writer.appends, writer.applied);
        let mut memory = self.memory.write();
        let head = Arc::new(std::mem::take(&mut memory.head));
        memory.frozen = Some(Arc::clone(&head));
        Ok(SetAside { head, last: memory.last.clone(), applied: writer.applied, generation: writer.generation })
    }

    fn write_set_aside(&self, set_aside: &SetAside) -> Result<(), HistoryError> {
        let mut made = Vec::new();
        let committed = self.commit_set_aside(set_aside, &mut made);
        let (old_table, old_generation) =
            committed.inspect_err(|_| made.iter().for_each(|number| self.discard(*number)))?;
        self.writer.lock().ahead_older = 0;
        for generation in old_generation..set_aside.generation {
            ahead::remove(&self.folder, generation)?;
        }
        if old_table > 0 {
            let path = super::last::path(&self.folder, old_table);
            std::fs::remove_file(&path).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// Writes the files and then the manifest. Gives the numbers of the files that it `made`, and the table and the
    /// generation of the write-ahead log that are no longer needed.
    fn commit_set_aside(&self, set_aside: &SetAside, made: &mut Vec<u64>) -> Result<(u64, u64), HistoryError> {
        let segments = self.write_segments(&set_aside.head, made)?;
        let table = self.next_number();
        made.push(table);
        set_aside.last.write(&self.folder, table)?;
        crate::files::sync_folder(&self.folder).map_err(failed(&self.folder))?;
        let series = self.catalog.read().len() as u64;
        let mut old = (0, 0);
        self.commit(segments, &[], true, |manifest| {
            manifest.applied = set_aside.applied;
            let old_generation = std::mem::replace(&mut manifest.generation, set_aside.generation);
            old = (std::mem::replace(&mut manifest.last, table), old_generation);
            manifest.series = series;
        })?;
        Ok(old)
    }

    /// Removes the files of a number that did not come to be.
    pub(super) fn discard(&self, number: u64) {
        // A manifest may be on the disk although replacing it failed in the end; then its files must stay.
        let Ok(Some(manifest)) = Manifest::read(&self.folder) else { return };
        if manifest.last == number || manifest.segments.iter().any(|note| note.segment == number) {
            return;
        }
        let files = Tier::ALL.map(|tier| super::segment::path(&self.folder, number, tier));
        for file in files.into_iter().chain([super::last::path(&self.folder, number)]) {
            // Whatever cannot be removed now is removed when the history is opened again.
            drop(std::fs::remove_file(file));
        }
    }

    /// Writes the head's chunks, one segment a window.
    fn write_segments(&self, frozen: &Head, made: &mut Vec<u64>) -> Result<Vec<Segment>, HistoryError> {
        let floor = self.floor.load(Ordering::Acquire);
        let mut windows: BTreeMap<(i64, i64), Vec<Flushed>> = BTreeMap::new();
        let catalog = self.catalog.read();
        for (series, head) in frozen.iter().filter(|(series, _)| !catalog.is_removed(*series)) {
            let (open, replaced) = pack_by_day(series, head.open.clone());
            self.replaced.fetch_add(replaced as u64, Ordering::Relaxed);
            for chunk in head.packed.iter().cloned().chain(open.into_iter().map(Arc::new)) {
                if chunk.entry.last < floor {
                    // Retention went past it while it waited.
                    self.refused.fetch_add(u64::from(chunk.entry.count), Ordering::Relaxed);
                    continue;
                }
                let flushed = windows.entry(self.window_of(day_of(chunk.entry.first))).or_default();
                match flushed.last_mut() {
                    Some(last) if last.series == series => last.chunks.push(chunk),
                    _ => flushed.push(Flushed { series, chunks: vec![chunk] }),
                }
            }
        }
        drop(catalog);
        windows
            .into_iter()
            .map(|(window, flushed)| {
                let number = self.next_number();
                made.push(number);
                let mut draft = SegmentDraft::create(&self.folder, number)?;
                for series in flushed {
                    self.write_flushed(&mut draft, series)?;
                }
                draft.finish(window, 0, number)
            })
            .collect()
    }

    /// Writes the chunks of one series with its hours. Within a segment the chunks of a series never overlap.
    fn write_flushed(&self, draft: &mut SegmentDraft, flushed: Flushed) -> Result<(), HistoryError> {
        let Flushed { series, mut chunks } = flushed;
        let in_order = chunks.is_sorted_by(|a, b| a.entry.last < b.entry.first);
        let mut decoded = chunks
            .iter()
            .map(|chunk| take_points(&chunk.bytes).expect("a chunk that was packed in memory can be unpacked"));
        let mut hours = Rollup::default();
        if in_order {
            decoded.for_each(|points| hours.add_points(Tier::Hour, &points));
        } else {
            let mut merged = decoded.next().unwrap_or_default();
            decoded.for_each(|points| merged.extend(&points));
            self.replaced.fetch_add(merged.normalise() as u64, Ordering::Relaxed);
            hours.add_points(Tier::Hour, &merged);
            chunks = split(series, &merged, super::head::OPEN_POINTS_MAX, Effort::Quick).map(Arc::new).collect();
        }
        for chunk in &chunks {
            draft.add_packed(Tier::Raw, chunk)?;
        }
        if !hours.starts.is_empty() {
            let span = (chunks[0].entry.first, chunks[chunks.len() - 1].entry.last);
            let hours = PackedChunk::of_rollup(series, Tier::Hour, &hours, span, Effort::Quick);
            draft.add_packed(Tier::Hour, &hours)?;
        }
        Ok(())
    }

    /// Oldest point and number of points of each series, or only of some.
    pub(super) fn extents(&self, only: Option<Vec<SeriesId>>) -> ahash::HashMap<SeriesId, Extent> {
        let mut extents: ahash::HashMap<SeriesId, Extent> = ahash::HashMap::default();
        let segments = {
            let memory = self.memory.read();
            let wanted = |series: &SeriesId| only.as_ref().is_none_or(|only| only.contains(series));
            for head in memory.frozen.as_deref().into_iter().chain([&memory.head]) {
                for (series, head) in head.iter().filter(|(series, _)| wanted(series)) {
                    let extent = extents.entry(series).or_default();
                    head.packed.iter().for_each(|chunk| extent.add(chunk.entry.first, u64::from(chunk.entry.count)));
                    if let Some(first) = head.open.times.iter().min() {
                        extent.add(*first, head.open.len() as u64);
                    }
                }
            }
            Arc::clone(&memory.segments)
        };
        for segment in segments.iter() {
            for file in segment.files.iter().flatten() {
                let mut add = |entry: &ChunkEntry| {
                    let count = if file.tier() == Tier::Raw { u64::from(entry.count) } else { 0 };
                    extents.entry(entry.series).or_default().add(entry.first, count);
                };
                let read = match &only {
                    Some(only) => only.iter().try_for_each(|series| self.reader.entries(file, *series, &mut add)),
                    None => self.reader.all_entries(file, |entry| {
                        add(entry);
                        Ok(())
                    }),
                };
                if let Err(error) = read {
                    tracing::warn!("history: left out of the list: {error}");
                }
            }
        }
        extents
    }

    pub(super) fn memory_statistics(&self) -> Statistics {
        // One lock after the other: an appender holds the catalog while it waits for the memory.
        let series = self.catalog.read().live() as u64;
        let memory = self.memory.read();
        let frozen = memory.frozen.as_ref().map_or(0, |head| head.points());
        let raw = || memory.segments.iter().filter_map(|segment| segment.file(Tier::Raw));
        Statistics {
            series,
            points: memory.head.points() + frozen + raw().map(|file| file.count()).sum::<u64>(),
            bytes: memory.segments.iter().map(|segment| segment.bytes()).sum(),
            raw_bytes: raw().map(|file| file.bytes()).sum(),
            ..Statistics::default()
        }
    }
}

/// Normalised points as chunks of nearly equal size, none of more than `points_max`.
pub(super) fn split(
    series: SeriesId,
    points: &Points,
    points_max: usize,
    effort: Effort,
) -> impl Iterator<Item = PackedChunk> {
    let parts = points.len().div_ceil(points_max);
    (0..parts).map(move |part| {
        let range = points.len() * part / parts..points.len() * (part + 1) / parts;
        PackedChunk::of_points(series, &points.slice(range), effort)
    })
}

/// Marks the files that were there before and are no longer.
fn doom_unused(before: &[Arc<Segment>], current: &[Arc<Segment>]) {
    let files = |segments: &[Arc<Segment>]| -> Vec<Arc<SegmentFile>> {
        segments.iter().flat_map(|segment| segment.files.iter().flatten().cloned()).collect()
    };
    let current: HashSet<*const SegmentFile> = files(current).iter().map(Arc::as_ptr).collect();
    files(before).iter().filter(|file| !current.contains(&Arc::as_ptr(file))).for_each(|file| file.doom());
}
