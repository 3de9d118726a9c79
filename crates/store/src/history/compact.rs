//! Compaction: the segments of a window become one. What overlaps is merged, small chunks become large ones, and the
//! minutes and hours are written anew from the merged points.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::chunk::{ChunkEntry, PackedChunk};
use super::column::Effort;
use super::commit::{Segment, SegmentDraft, split};
use super::engine::SegmentHistory;
use super::format::failed;
use super::head::DAY;
use super::overlap::overlap_groups;
use super::points::Points;
use super::summary::Rollup;
use super::{HistoryError, SeriesId, Tier};

/// The most points of a merged chunk: large enough to pack well, small enough to read an hour out of it quickly.
const CHUNK_POINTS: usize = 3_000;

/// Merged chunks of at least this many points are not packed again.
const FULL_POINTS: u32 = 1_500;

/// Buckets in a merged chunk.
const CHUNK_BUCKETS: usize = 4_096;

/// Segments of a day that is not over are merged when there are so many.
const OPEN_SEGMENTS_MAX: usize = 8;

/// How long after its end a day is merged, in microseconds: most of what comes late has come by then.
const DAY_GRACE: i64 = 2 * 3_600_000_000;

/// The start of the eight days, the window of old segments, that `time` lies in.
pub(super) fn eight_days_of(time: i64) -> i64 {
    time - time.rem_euclid(8 * DAY)
}

/// A segment and its chunks of one series.
type Holder = (Arc<Segment>, Vec<ChunkEntry>);

/// Segments that become one.
#[derive(Debug)]
struct Job {
    window: (i64, i64),
    inputs: Vec<Arc<Segment>>,
}

impl SegmentHistory {
    /// Merges what should be merged. A window that cannot be merged stays as it is; the first error is returned after
    /// the others are done.
    pub(super) fn compact(&self) -> Result<(), HistoryError> {
        let mut outcome = Ok(());
        for job in self.plan() {
            let merged = self.merge(&job);
            outcome = outcome.and(merged);
        }
        outcome
    }

    fn plan(&self) -> Vec<Job> {
        let segments = Arc::clone(&self.memory.read().segments);
        let mut windows: BTreeMap<i64, Vec<Arc<Segment>>> = BTreeMap::new();
        for segment in segments.iter().filter(|segment| segment.file(Tier::Raw).is_some()) {
            windows.entry(eight_days_of(segment.note.start)).or_default().push(Arc::clone(segment));
        }
        let mut jobs = Vec::new();
        for (start, inputs) in windows {
            let end = start + 8 * DAY;
            let is_mixed = inputs.len() > 1 && inputs.iter().any(|input| input.note.end - input.note.start > DAY);
            if is_mixed || self.is_over(end, DAY) {
                jobs.push(Job { window: (start, end), inputs });
                continue;
            }
            let mut days: BTreeMap<(i64, i64), Vec<Arc<Segment>>> = BTreeMap::new();
            for input in inputs {
                days.entry((input.note.start, input.note.end)).or_default().push(input);
            }
            for (window, inputs) in days {
                if self.is_over(window.1, DAY_GRACE) || inputs.len() >= OPEN_SEGMENTS_MAX {
                    jobs.push(Job { window, inputs });
                }
            }
        }
        jobs.retain(|job| {
            let is_done = matches!(job.inputs.as_slice(), [input] if input.note.level > 0);
            let is_damaged =
                job.inputs.iter().flat_map(|input| input.files.iter().flatten()).any(|file| file.problem().is_some());
            !is_done && !is_damaged
        });
        jobs
    }

    /// Merges the segments that lie in a window, so that its raw points can be dropped.
    pub(super) fn merge_window(&self, window: (i64, i64)) -> Result<(), HistoryError> {
        let segments = Arc::clone(&self.memory.read().segments);
        let inside = |segment: &&Arc<Segment>| {
            segment.file(Tier::Raw).is_some() && segment.note.start >= window.0 && segment.note.end <= window.1
        };
        self.merge(&Job { window, inputs: segments.iter().filter(inside).cloned().collect() })
    }

    fn merge(&self, job: &Job) -> Result<(), HistoryError> {
        let number = self.next_number();
        let merged = self.merge_into(job, number);
        let (segment, replaced) = match merged {
            Ok(merged) => merged,
            Err(error) => {
                self.discard(number);
                return Err(error);
            }
        };
        let removed: Vec<u64> = job.inputs.iter().map(|input| input.note.segment).collect();
        self.commit(vec![segment], &removed, false, |_| {}).inspect_err(|_| self.discard(number))?;
        self.replaced.fetch_add(replaced, Ordering::Relaxed);
        Ok(())
    }

    fn merge_into(&self, job: &Job, number: u64) -> Result<(Segment, u64), HistoryError> {
        let mut draft = SegmentDraft::create(&self.folder, number)?;
        let mut replaced = 0;
        for series in self.series_of(&job.inputs)? {
            let holders = self.holders(job, series)?;
            match holders.as_slice() {
                [(input, _)] if input.note.level > 0 && input.file(Tier::Raw).is_some() => {
                    self.copy_series(input, series, &mut draft)?;
                }
                _ => replaced += self.merge_series(series, &holders, &mut draft)?,
            }
        }
        let sequence = job.inputs.iter().map(|input| input.note.sequence).max().unwrap_or(number);
        let segment = draft.finish(job.window, 1, sequence)?;
        crate::files::sync_folder(&self.folder).map_err(failed(&self.folder))?;
        Ok((segment, replaced))
    }

    /// The series in some segments that were not removed, in order.
    fn series_of(&self, inputs: &[Arc<Segment>]) -> Result<Vec<SeriesId>, HistoryError> {
        let mut all = Vec::new();
        for file in inputs.iter().filter_map(|input| input.file(Tier::Raw)) {
            self.reader.all_entries(file, |entry| {
                if all.last() != Some(&entry.series) {
                    all.push(entry.series);
                }
                Ok(())
            })?;
        }
        all.sort_unstable();
        all.dedup();
        let catalog = self.catalog.read();
        all.retain(|series| catalog.key(*series).is_some());
        Ok(all)
    }

    /// The segments that have chunks of a series, in order of writing.
    fn holders(&self, job: &Job, series: SeriesId) -> Result<Vec<Holder>, HistoryError> {
        let mut holders = Vec::new();
        for input in &job.inputs {
            let Some(file) = input.file(Tier::Raw) else { continue };
            let mut entries = Vec::new();
            self.reader.entries(file, series, |entry| entries.push(entry.clone()))?;
            if !entries.is_empty() {
                holders.push((Arc::clone(input), entries));
            }
        }
        Ok(holders)
    }

    /// Copies a series, in all tiers, as it is.
    pub(super) fn copy_series(
        &self,
        input: &Segment,
        series: SeriesId,
        draft: &mut SegmentDraft,
    ) -> Result<(), HistoryError> {
        for file in input.files.iter().flatten() {
            let mut entries = Vec::new();
            self.reader.entries(file, series, |entry| entries.push(entry.clone()))?;
            for entry in entries {
                draft.add(file.tier(), &entry, &self.reader.packed(file, &entry)?)?;
            }
        }
        Ok(())
    }

    /// Merges a series; says how many points were replaced.
    fn merge_series(
        &self,
        series: SeriesId,
        holders: &[Holder],
        draft: &mut SegmentDraft,
    ) -> Result<u64, HistoryError> {
        let mut merge = SeriesMerge::new(series);
        let mut replaced = 0;
        let chunks = holders.iter().flat_map(|(input, entries)| entries.iter().map(move |entry| (input, entry)));
        for group in overlap_groups(chunks.collect(), |(_, entry)| (entry.first, entry.last)) {
            let mut points = Points::default();
            for (input, entry) in &group {
                let Some(file) = input.file(Tier::Raw) else { continue };
                points.extend(&self.reader.points_once(file, entry)?);
            }
            replaced += points.normalise() as u64;
            match group.as_slice() {
                [(input, entry)] if input.note.level > 0 && entry.count >= FULL_POINTS => {
                    merge.flush(draft)?;
                    merge.note(&points);
                    if let Some(file) = input.file(Tier::Raw) {
                        draft.add(Tier::Raw, entry, &self.reader.packed(file, entry)?)?;
                    }
                }
                _ => merge.add(&points, draft)?,
            }
        }
        merge.finish(draft)?;
        Ok(replaced)
    }
}

/// The merged points of one series on their way into a segment.
struct SeriesMerge {
    series: SeriesId,
    waiting: Points,
    minutes: Rollup,
    hours: Rollup,
    span: (i64, i64),
}

impl SeriesMerge {
    fn new(series: SeriesId) -> Self {
        let (minutes, hours) = (Rollup::default(), Rollup::default());
        Self { series, waiting: Points::default(), minutes, hours, span: (i64::MAX, i64::MIN) }
    }

    /// Puts points into the roll-ups.
    fn note(&mut self, points: &Points) {
        if let (Some(first), Some(last)) = (points.times.first(), points.times.last()) {
            self.span = (self.span.0.min(*first), self.span.1.max(*last));
            self.minutes.add_points(Tier::Minute, points);
            self.hours.add_points(Tier::Hour, points);
        }
    }

    fn add(&mut self, points: &Points, draft: &mut SegmentDraft) -> Result<(), HistoryError> {
        self.note(points);
        self.waiting.extend(points);
        // Two chunks' worth stay, so that the last chunk is never a small one.
        while self.waiting.len() >= 3 * CHUNK_POINTS {
            let chunk = self.waiting.slice(0..CHUNK_POINTS);
            self.waiting = self.waiting.slice(CHUNK_POINTS..self.waiting.len());
            draft.add_packed(Tier::Raw, &PackedChunk::of_points(self.series, &chunk, Effort::Thorough))?;
        }
        Ok(())
    }

    /// Writes the points that wait.
    fn flush(&mut self, draft: &mut SegmentDraft) -> Result<(), HistoryError> {
        let waiting = std::mem::take(&mut self.waiting);
        split(self.series, &waiting, CHUNK_POINTS, Effort::Thorough)
            .try_for_each(|chunk| draft.add_packed(Tier::Raw, &chunk))
    }

    fn finish(mut self, draft: &mut SegmentDraft) -> Result<(), HistoryError> {
        self.flush(draft)?;
        for (tier, rollup) in [(Tier::Minute, &self.minutes), (Tier::Hour, &self.hours)] {
            for (starts, summaries) in rollup.starts.chunks(CHUNK_BUCKETS).zip(rollup.summaries.chunks(CHUNK_BUCKETS)) {
                let part = Rollup { starts: starts.to_vec(), summaries: summaries.to_vec() };
                let end = starts[starts.len() - 1] + tier.width() - 1;
                let span = (self.span.0.max(starts[0]), self.span.1.min(end));
                let chunk = PackedChunk::of_rollup(self.series, tier, &part, span, Effort::Quick);
                draft.add_packed(tier, &chunk)?;
            }
        }
        Ok(())
    }
}
