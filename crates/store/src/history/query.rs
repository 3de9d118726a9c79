//! Queries over head and segments together. What overlaps in time is merged, the last written of a time wins; what
//! does not is read on its own, from the roll-ups where they suffice.

use std::sync::Arc;

use model::{Timestamp, Value};

use super::chunk::{ChunkEntry, PackedChunk, take_points};
use super::commit::Segment;
use super::engine::SegmentHistory;
use super::head::Head;
use super::overlap::overlap_groups;
use super::points::Points;
use super::summary::{Rollup, Summary};
use super::{Block, Bucket, HistoryError, Point, Scan, SeriesId, Tier};

/// Some points of a series that lie together in one place.
#[derive(Debug)]
struct Piece {
    first: i64,
    last: i64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Points or buckets in a segment.
    File(Arc<Segment>, Tier, ChunkEntry),
    /// Points in the head, packed.
    Packed(Arc<PackedChunk>),
    /// Points in the head.
    Open(Arc<Points>),
}

impl Piece {
    fn of_entry(segment: &Arc<Segment>, tier: Tier, entry: &ChunkEntry) -> Self {
        let source = Source::File(Arc::clone(segment), tier, entry.clone());
        Self { first: entry.first, last: entry.last, source }
    }

    fn tier(&self) -> Tier {
        if let Source::File(_, tier, _) = &self.source { *tier } else { Tier::Raw }
    }

    fn entry(&self) -> Option<&ChunkEntry> {
        match &self.source {
            Source::File(_, _, entry) => Some(entry),
            Source::Packed(chunk) => Some(&chunk.entry),
            Source::Open(_) => None,
        }
    }
}

/// Pieces that overlap; see [`overlap_groups`].
fn groups(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    overlap_groups(pieces, |piece| (piece.first, piece.last))
}

/// The pieces of a series in a head, in order of writing.
fn head_pieces(head: &Head, series: SeriesId, from: i64, to: i64, pieces: &mut Vec<Piece>) {
    let Some(head) = head.get(series) else { return };
    for chunk in head.packed.iter().filter(|chunk| chunk.entry.first < to && chunk.entry.last >= from) {
        let (first, last) = (chunk.entry.first, chunk.entry.last);
        pieces.push(Piece { first, last, source: Source::Packed(Arc::clone(chunk)) });
    }
    if head.open.times.iter().any(|time| (from..to).contains(time)) {
        let mut open = head.open.clone();
        open.normalise();
        let (first, last) = (open.times[0], open.times[open.len() - 1]);
        pieces.push(Piece { first, last, source: Source::Open(Arc::new(open)) });
    }
}

/// Tiers in the order in which they may stand in for the first.
fn preference(tier: Tier) -> &'static [Tier] {
    match tier {
        Tier::Raw => &[Tier::Raw, Tier::Minute, Tier::Hour],
        Tier::Minute => &[Tier::Minute, Tier::Raw, Tier::Hour],
        Tier::Hour => &[Tier::Hour, Tier::Minute, Tier::Raw],
    }
}

impl SegmentHistory {
    /// What holds points of a series with `from <= time < to`, in order of writing. Each segment gives its first tier
    /// of `tiers`.
    fn pieces(&self, series: SeriesId, from: i64, to: i64, tiers: &[Tier]) -> Result<Vec<Piece>, HistoryError> {
        let mut in_head = Vec::new();
        let segments = {
            let memory = self.memory.read();
            for head in memory.frozen.as_deref().into_iter().chain([&memory.head]) {
                head_pieces(head, series, from, to, &mut in_head);
            }
            Arc::clone(&memory.segments)
        };
        let mut pieces = Vec::new();
        for segment in segments.iter() {
            let (first, last) = segment.span();
            if first < to && last >= from {
                self.segment_pieces(segment, series, from, to, tiers, &mut pieces)?;
            }
        }
        pieces.append(&mut in_head);
        Ok(pieces)
    }

    fn segment_pieces(
        &self,
        segment: &Arc<Segment>,
        series: SeriesId,
        from: i64,
        to: i64,
        tiers: &[Tier],
        pieces: &mut Vec<Piece>,
    ) -> Result<(), HistoryError> {
        let Some((tier, file)) = tiers.iter().find_map(|tier| segment.file(*tier).map(|file| (*tier, file))) else {
            return Ok(());
        };
        self.reader.entries(file, series, |entry| {
            if entry.first < to && entry.last >= from {
                pieces.push(Piece::of_entry(segment, tier, entry));
            }
        })
    }

    /// The points of a raw piece.
    fn points(&self, piece: &Piece) -> Result<Arc<Points>, HistoryError> {
        match &piece.source {
            Source::File(segment, tier, entry) => match segment.file(*tier) {
                Some(file) => self.reader.points(file, entry),
                None => Ok(Arc::default()),
            },
            Source::Packed(chunk) => {
                Ok(Arc::new(take_points(&chunk.bytes).expect("a chunk that was packed in memory can be unpacked")))
            }
            Source::Open(points) => Ok(Arc::clone(points)),
        }
    }

    /// The points of overlapping raw pieces, each time once.
    fn merged(&self, group: &[Piece]) -> Result<Arc<Points>, HistoryError> {
        if let [piece] = group {
            return self.points(piece);
        }
        let mut merged = Points::default();
        for piece in group {
            merged.extend(&*self.points(piece)?);
        }
        merged.normalise();
        Ok(Arc::new(merged))
    }

    fn is_known(&self, series: SeriesId) -> bool {
        self.catalog.read().key(series).is_some()
    }

    /// Raw points with `from <= time < to`.
    pub(super) fn raw_range(
        &self,
        series: SeriesId,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<Point>, HistoryError> {
        let mut found = Vec::new();
        if !self.is_known(series) {
            return Ok(found);
        }
        for group in groups(self.pieces(series, from, to, &[Tier::Raw])?) {
            if found.len() >= limit {
                break;
            }
            let points = self.merged(&group)?;
            let span = points.span(from, to);
            found.extend(span.take(limit - found.len()).map(|index| points.point(index)));
        }
        Ok(found)
    }

    /// A reader of the raw points with `from <= time < to`.
    pub(super) fn raw_scan(&self, series: SeriesId, from: i64, to: i64) -> Result<RawScan<'_>, HistoryError> {
        let pieces = if self.is_known(series) { self.pieces(series, from, to, &[Tier::Raw])? } else { Vec::new() };
        Ok(RawScan { history: self, groups: groups(pieces).into_iter(), from, to })
    }

    /// The newest point at or before `at`.
    pub(super) fn newest_at(&self, series: SeriesId, at: Timestamp) -> Result<Option<Point>, HistoryError> {
        let (mut pieces, mut segments) = {
            let memory = self.memory.read();
            match memory.last.get(series) {
                None => return Ok(None),
                Some(point) if point.time <= at => return Ok(Some(point.clone())),
                Some(_) => {}
            }
            let mut pieces = Vec::new();
            for head in memory.frozen.as_deref().into_iter().chain([&memory.head]) {
                head_pieces(head, series, i64::MIN, at.0.saturating_add(1), &mut pieces);
            }
            (pieces, memory.segments.iter().map(Arc::clone).collect::<Vec<_>>())
        };
        let mut best: Option<(i64, Value)> = None;
        // The head was written last, so its own order decides, and a segment only wins with a later time.
        for piece in &pieces {
            self.improve(&mut best, piece, at.0, true)?;
        }
        segments.sort_by_key(|segment| std::cmp::Reverse((segment.span().1, segment.note.sequence)));
        pieces.clear();
        let mut from_segments: Option<(i64, Value, u64)> = None;
        for segment in segments.iter().filter(|segment| segment.span().0 <= at.0) {
            let reached = from_segments.as_ref().map(|(time, ..)| *time).max(best.as_ref().map(|(time, _)| *time));
            if reached.is_some_and(|reached| segment.span().1 < reached) {
                break;
            }
            self.segment_pieces(segment, series, i64::MIN, at.0.saturating_add(1), &[Tier::Raw], &mut pieces)?;
            // Within a segment nothing overlaps: the last piece is the newest.
            let Some(piece) = pieces.pop() else { continue };
            pieces.clear();
            let mut found = None;
            self.improve(&mut found, &piece, at.0, true)?;
            if let Some((time, value)) = found
                && from_segments
                    .as_ref()
                    .is_none_or(|(before, _, sequence)| (*before, *sequence) < (time, segment.note.sequence))
            {
                from_segments = Some((time, value, segment.note.sequence));
            }
        }
        let from_segments = from_segments.map(|(time, value, _)| (time, value));
        let newest = match (best, from_segments) {
            (Some(head), Some(segment)) => Some(if segment.0 > head.0 { segment } else { head }),
            (head, segment) => head.or(segment),
        };
        Ok(newest.map(|(time, value)| Point { time: Timestamp(time), value }))
    }

    /// Takes the newest point of a piece at or before `at`, if it is newer than the best, or as new and written later.
    fn improve(
        &self,
        best: &mut Option<(i64, Value)>,
        piece: &Piece,
        at: i64,
        written_later: bool,
    ) -> Result<(), HistoryError> {
        let beats =
            |time: i64| best.as_ref().is_none_or(|(before, _)| *before < time || (written_later && *before == time));
        if !beats(piece.last.min(at)) {
            return Ok(());
        }
        if piece.last <= at
            && let Some(value) = piece.entry().and_then(ChunkEntry::last_value)
        {
            *best = Some((piece.last, value));
            return Ok(());
        }
        let points = self.points(piece)?;
        let count = points.times.partition_point(|time| *time <= at);
        if count > 0 && beats(points.times[count - 1]) {
            *best = Some((points.times[count - 1], points.value(count - 1)));
        }
        Ok(())
    }

    /// Buckets of equal width; see [`super::History::buckets`].
    pub(super) fn fold_buckets(
        &self,
        series: SeriesId,
        from: i64,
        to: i64,
        columns: usize,
    ) -> Result<(Tier, Vec<Bucket>), HistoryError> {
        let mut grid = Grid::new(from, to, columns);
        let mut coarsest = grid.tier;
        if from < to && self.is_known(series) {
            let pieces = self.pieces(series, from, to, preference(grid.tier))?;
            self.fold(series, pieces, from, to, &mut grid, &mut coarsest)?;
        }
        Ok((coarsest, grid.finish()))
    }

    fn fold(
        &self,
        series: SeriesId,
        pieces: Vec<Piece>,
        from: i64,
        to: i64,
        grid: &mut Grid,
        coarsest: &mut Tier,
    ) -> Result<(), HistoryError> {
        for group in groups(pieces) {
            let rolled = group.iter().any(|piece| piece.tier() != Tier::Raw);
            match group.as_slice() {
                [piece] if rolled => self.fold_rollup(series, piece, from, to, grid, coarsest)?,
                [piece] => self.fold_raw(piece, from, to, grid)?,
                _ if rolled => self.fold_overlap(series, &group, from, to, grid, coarsest)?,
                _ => grid.add_points(&*self.merged(&group)?, from, to),
            }
        }
        Ok(())
    }

    /// A piece of raw points on its own: not decoded when it lies inside a column.
    fn fold_raw(&self, piece: &Piece, from: i64, to: i64, grid: &mut Grid) -> Result<(), HistoryError> {
        if let Some(entry) = piece.entry() {
            let Some(summary) = &entry.summary else { return Ok(()) };
            let is_inside = piece.first >= from && piece.last < to;
            // A summary counts numbers only; its times are those of all points, which is just as well.
            if is_inside && grid.holds(piece.first, piece.last) {
                grid.add(piece.first, summary);
                return Ok(());
            }
        }
        grid.add_points(&*self.points(piece)?, from, to);
        Ok(())
    }

    /// A piece of buckets on its own. A bucket that sticks out of the query is looked at more closely.
    fn fold_rollup(
        &self,
        series: SeriesId,
        piece: &Piece,
        from: i64,
        to: i64,
        grid: &mut Grid,
        coarsest: &mut Tier,
    ) -> Result<(), HistoryError> {
        let Source::File(segment, tier, entry) = &piece.source else { return Ok(()) };
        let Some(file) = segment.file(*tier) else { return Ok(()) };
        *coarsest = (*coarsest).max(*tier);
        if let Some(summary) = &entry.summary
            && piece.first >= from
            && piece.last < to
            && grid.holds(piece.first, piece.last)
        {
            grid.add(piece.first, summary);
            return Ok(());
        }
        let rollup = self.reader.rollup(file, entry)?;
        let start = rollup.starts.partition_point(|start| start.saturating_add(tier.width()) <= from);
        for (start, summary) in rollup.starts[start..].iter().zip(&rollup.summaries[start..]) {
            if *start >= to {
                break;
            }
            let end = start.saturating_add(tier.width());
            // The whole piece may lie inside although its outer buckets do not.
            if (*start >= from || piece.first >= from) && (end <= to || piece.last < to) {
                grid.add(*start, summary);
                continue;
            }
            let (inner_from, inner_to) = (from.max(*start), to.min(end));
            let finer: &[Tier] = match tier {
                Tier::Hour => &[Tier::Minute, Tier::Raw],
                Tier::Minute | Tier::Raw => &[Tier::Raw],
            };
            if finer.iter().any(|finer| segment.file(*finer).is_some()) {
                let mut pieces = Vec::new();
                self.segment_pieces(segment, series, inner_from, inner_to, finer, &mut pieces)?;
                self.fold(series, pieces, inner_from, inner_to, grid, coarsest)?;
            } else {
                grid.add(*start, summary);
            }
        }
        Ok(())
    }

    /// Buckets that overlap with others or with points: the raw points decide, because only they tell which of them
    /// replaced which.
    fn fold_overlap(
        &self,
        series: SeriesId,
        group: &[Piece],
        from: i64,
        to: i64,
        grid: &mut Grid,
        coarsest: &mut Tier,
    ) -> Result<(), HistoryError> {
        let mut points = Points::default();
        let mut buckets: Vec<(i64, Summary)> = Vec::new();
        for piece in group {
            let Source::File(segment, tier, entry) = &piece.source else {
                points.extend(&*self.points(piece)?);
                continue;
            };
            if segment.file(Tier::Raw).is_some() {
                let (from, to) = (from.max(piece.first), to.min(piece.last + 1));
                let mut pieces = Vec::new();
                self.segment_pieces(segment, series, from, to, &[Tier::Raw], &mut pieces)?;
                for piece in pieces {
                    points.extend(&*self.points(&piece)?);
                }
            } else if let Some(file) = segment.file(*tier) {
                // Only when the budget took raw points that late ones then overlapped.
                *coarsest = (*coarsest).max(*tier);
                let rollup: Arc<Rollup> = self.reader.rollup(file, entry)?;
                buckets.extend(rollup.starts.iter().copied().zip(rollup.summaries.iter().copied()));
            }
        }
        points.normalise();
        if buckets.is_empty() {
            grid.add_points(&points, from, to);
            return Ok(());
        }
        let span = points.span(from, to);
        let numbers =
            span.filter_map(|index| points.number(index).map(|value| (points.times[index], Summary::of(value))));
        buckets.retain(|(start, _)| (from..to).contains(start));
        buckets.extend(numbers);
        buckets.sort_by_key(|(time, _)| *time);
        for (time, summary) in &buckets {
            grid.add(*time, summary);
        }
        Ok(())
    }
}

/// Goes through raw points, one group of pieces at a time.
#[derive(Debug)]
pub(super) struct RawScan<'a> {
    history: &'a SegmentHistory,
    groups: std::vec::IntoIter<Vec<Piece>>,
    from: i64,
    to: i64,
}

impl Scan for RawScan<'_> {
    fn next(&mut self) -> Result<Option<Block>, HistoryError> {
        for group in self.groups.by_ref() {
            let points = self.history.merged(&group)?;
            let span = points.span(self.from, self.to);
            if !span.is_empty() {
                return Ok(Some(Block { points, span }));
            }
        }
        Ok(None)
    }
}

/// Columns that are filled from left to right.
#[derive(Debug)]
struct Grid {
    from: i64,
    to: i64,
    width: i128,
    tier: Tier,
    /// The borders of the column that is being filled.
    start: i64,
    end: i64,
    filling: Option<Summary>,
    buckets: Vec<Bucket>,
}

impl Grid {
    fn new(from: i64, to: i64, columns: usize) -> Self {
        let span = (i128::from(to) - i128::from(from)).max(1);
        let columns = i128::try_from(columns.max(1)).unwrap_or(i128::MAX);
        let width = (span / columns) + i128::from(span % columns != 0);
        let tier = match width {
            width if width >= i128::from(Tier::Hour.width()) => Tier::Hour,
            width if width >= i128::from(Tier::Minute.width()) => Tier::Minute,
            _ => Tier::Raw,
        };
        Self { from, to, width, tier, start: i64::MAX, end: i64::MIN, filling: None, buckets: Vec::new() }
    }

    /// The border left of a column: on a border of the tier, but for the outer ones.
    fn border(&self, column: i128) -> i64 {
        if column == 0 {
            return self.from;
        }
        let exact = i128::from(self.from) + column * self.width;
        let exact = i64::try_from(exact).unwrap_or(i64::MAX).min(self.to);
        self.tier.floor(exact.saturating_add(self.tier.width() - 1))
    }

    /// Goes to the column of `time`.
    #[inline]
    fn seek(&mut self, time: i64) {
        if time >= self.start && time < self.end {
            return;
        }
        // Never back: a bucket that stands in for finer ones may begin in a column that is already full.
        let time = if self.end == i64::MIN { time } else { time.max(self.start) };
        if time >= self.start && time < self.end {
            return;
        }
        self.close();
        let snapped = self.tier.floor(time).max(self.from);
        let column = (i128::from(snapped) - i128::from(self.from)) / self.width;
        self.start = self.border(column);
        self.end = self.border(column + 1);
    }

    fn close(&mut self) {
        if let Some(summary) = self.filling.take() {
            self.buckets.push(summary.bucket(self.start));
        }
    }

    /// Whether one column holds both times.
    fn holds(&mut self, first: i64, last: i64) -> bool {
        self.seek(first);
        last < self.end
    }

    fn add(&mut self, time: i64, summary: &Summary) {
        self.seek(time.max(self.from));
        match &mut self.filling {
            Some(filling) => filling.merge(summary),
            None => self.filling = Some(*summary),
        }
    }

    fn add_points(&mut self, points: &Points, from: i64, to: i64) {
        for index in points.span(from, to) {
            let Some(value) = points.number(index) else { continue };
            self.seek(points.times[index]);
            match &mut self.filling {
                Some(filling) => filling.add(value),
                None => self.filling = Some(Summary::of(value)),
            }
        }
    }

    fn finish(mut self) -> Vec<Bucket> {
        self.close();
        self.buckets
    }
}
