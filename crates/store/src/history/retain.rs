//! Maintenance: flush what is old, merge, forget removed series, and drop what retention and the budget allow.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::commit::{Segment, SegmentDraft};
use super::engine::SegmentHistory;
use super::manifest::SegmentNote;
use super::{History, HistoryError, Retention, SeriesId, Tier};

impl SegmentHistory {
    pub(super) fn maintain_all(&self, retention: &Retention) -> Result<(), HistoryError> {
        let _turn = self.compacting.lock();
        self.floor.fetch_max(retention.raw_before.0, Ordering::AcqRel);
        // What was removed also leaves the write-ahead log and the table of newest points.
        // A flush that had no room left its head in memory.
        let has_set_aside = self.memory.read().frozen.is_some();
        let must_flush = has_set_aside || self.is_head_old() || self.purge.load(Ordering::Acquire);
        let flushed = if must_flush { self.flush() } else { Ok(()) };
        // On a full disk what retention drops is what makes room.
        if flushed.as_ref().is_err_and(|error| !matches!(error, HistoryError::NoRoom(_))) {
            return flushed;
        }
        // Damage in one window must not keep the others from being looked after.
        let compacted = self.compact();
        let purged = self.purge_removed();
        let dropped = self.drop_old(retention).and_then(|()| self.drop_over_budget(retention.bytes_max));
        flushed.and(compacted).and(purged).and(dropped)
    }

    fn is_head_old(&self) -> bool {
        let since = self.writer.lock().head_since;
        since.is_some_and(|since| self.clock.now().since(since) >= self.options.head_age_max)
    }

    /// Drops each tier of the segments whose window lies before its limit.
    fn drop_old(&self, retention: &Retention) -> Result<(), HistoryError> {
        let limits = [retention.raw_before.0, retention.minute_before.0, retention.hour_before.0];
        let segments = Arc::clone(&self.memory.read().segments);
        for segment in segments.iter() {
            let is_old = |tier: &Tier| segment.file(*tier).is_some() && segment.note.end <= limits[*tier as usize];
            let old: Vec<Tier> = Tier::ALL.into_iter().filter(is_old).collect();
            if !old.is_empty() {
                self.drop_tiers(segment, &old)?;
            }
        }
        Ok(())
    }

    /// Drops the oldest windows, raw points first, then minutes, then hours, until the history is small enough.
    fn drop_over_budget(&self, bytes_max: u64) -> Result<(), HistoryError> {
        for tier in Tier::ALL {
            while self.statistics().bytes > bytes_max {
                let segments = Arc::clone(&self.memory.read().segments);
                let with_tier = segments.iter().filter(|segment| segment.file(tier).is_some());
                let Some(oldest) = with_tier.min_by_key(|segment| (segment.note.start, segment.note.sequence)) else {
                    break;
                };
                let window = (oldest.note.start, oldest.note.end);
                let is_inside =
                    |segment: &&Arc<Segment>| segment.note.start >= window.0 && segment.note.end <= window.1;
                // Roll-ups of unmerged segments may overlap, and without raw points nobody could tell them apart.
                if tier == Tier::Raw
                    && oldest.note.level == 0
                    && let Err(error) = self.merge_window(window)
                {
                    tracing::warn!("history: dropped without being merged: {error}");
                }
                let segments = Arc::clone(&self.memory.read().segments);
                for segment in segments.iter().filter(is_inside).filter(|segment| segment.file(tier).is_some()) {
                    self.drop_tiers(segment, &[tier])?;
                }
            }
        }
        Ok(())
    }

    /// Drops tiers of a segment. Without raw points nothing of its window can be corrected, so later points of that
    /// time are refused.
    fn drop_tiers(&self, segment: &Segment, tiers: &[Tier]) -> Result<(), HistoryError> {
        let mut note: SegmentNote = segment.note.clone();
        let mut files = segment.files.clone();
        for tier in tiers {
            note.tiers[*tier as usize] = false;
            files[*tier as usize] = None;
        }
        if tiers.contains(&Tier::Raw) {
            self.floor.fetch_max(note.end, Ordering::AcqRel);
        }
        let floor = self.floor.load(Ordering::Acquire);
        let removed = [note.segment];
        self.commit(vec![Segment { note, files }], &removed, false, |manifest| {
            manifest.floor = manifest.floor.max(floor);
        })
    }

    /// Writes segments anew that still hold chunks of removed series.
    fn purge_removed(&self) -> Result<(), HistoryError> {
        if !self.purge.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let removed = self.catalog.read().removed();
        let segments = Arc::clone(&self.memory.read().segments);
        for segment in segments.iter() {
            let purged = self
                .holds_any(segment, &removed)
                .and_then(|holds| if holds { self.rewrite_without(segment, &removed) } else { Ok(()) });
            if purged.is_err() {
                self.purge.store(true, Ordering::Release);
                return purged;
            }
        }
        Ok(())
    }

    fn holds_any(&self, segment: &Segment, wanted: &[SeriesId]) -> Result<bool, HistoryError> {
        for file in segment.files.iter().flatten().filter(|file| file.problem().is_none()) {
            for series in wanted {
                let mut found = false;
                self.reader.entries(file, *series, |_| found = true)?;
                if found {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn rewrite_without(&self, segment: &Segment, removed: &[SeriesId]) -> Result<(), HistoryError> {
        let number = self.next_number();
        let write = || {
            let mut draft = SegmentDraft::create(&self.folder, number)?;
            for file in segment.files.iter().flatten() {
                self.reader.all_entries(file, |entry| {
                    if removed.binary_search(&entry.series).is_ok() {
                        return Ok(());
                    }
                    draft.add(file.tier(), entry, &self.reader.packed(file, entry)?)
                })?;
            }
            let note = &segment.note;
            let rewritten = draft.finish((note.start, note.end), note.level, note.sequence)?;
            crate::files::sync_folder(&self.folder).map_err(super::format::failed(&self.folder))?;
            self.commit(vec![rewritten], &[note.segment], false, |_| {})
        };
        write().inspect_err(|_| self.discard(number))
    }
}
