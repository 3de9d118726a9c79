//! The head: points that are in the write-ahead log but in no segment yet. A series collects points in open columns;
//! when there are enough they are packed, in memory, as they will be in the segment.

use std::sync::Arc;

use model::{Timestamp, Value};

use super::SeriesId;
use super::chunk::PackedChunk;
use super::column::Effort;
use super::points::{Points, value_bytes};

/// One day in microseconds: the smallest window of a segment. No chunk crosses the border of one.
pub(crate) const DAY: i64 = 86_400_000_000;

/// The most points that a series collects before they are packed.
pub(crate) const OPEN_POINTS_MAX: usize = 1_024;

/// The same while the write-ahead log is read again, so that a start does not wait for packing.
const REPLAY_POINTS_MAX: usize = 16 * OPEN_POINTS_MAX;

/// The fewest: with a million series memory is scarcer than bytes on disk.
const OPEN_POINTS_MIN: usize = 64;

/// Points that all series together may have open before each of them packs earlier.
const OPEN_POINTS_TOTAL: usize = 8 << 20;

/// Texts and objects of a series are packed when they take this much memory.
const OPEN_BYTES_MAX: usize = 4 << 20;

/// The points of one series.
#[derive(Debug, Default)]
pub(crate) struct SeriesHead {
    /// In order of arrival.
    pub(crate) open: Points,
    open_bytes: usize,
    /// In the order in which they were packed.
    pub(crate) packed: Vec<Arc<PackedChunk>>,
}

/// The head. An unused series costs eight bytes.
#[derive(Debug, Default)]
pub(crate) struct Head {
    series: Vec<Option<Box<SeriesHead>>>,
    active: usize,
    /// Open points at which a series packs; falls as more series become active.
    open_limit: usize,
    is_replaying: bool,
    points: u64,
    bytes: usize,
    /// Points that were replaced by a later one of the same time when they were packed.
    replaced: u64,
}

impl Head {
    pub(crate) fn is_empty(&self) -> bool {
        self.points == 0
    }

    /// Points in it; replaced ones count until they are packed.
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// Roughly the memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What packing replaced since the last call.
    pub(crate) fn take_replaced(&mut self) -> u64 {
        std::mem::take(&mut self.replaced)
    }

    pub(crate) fn get(&self, series: SeriesId) -> Option<&SeriesHead> {
        self.series.get(series.0 as usize)?.as_deref()
    }

    /// Every series that has points, in order of id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &SeriesHead)> {
        let series = self.series.iter().enumerate();
        series.filter_map(|(index, head)| head.as_deref().map(|head| (SeriesId(index as u32), head)))
    }

    /// Whether series have so many open points that packing them one by one would keep readers waiting.
    pub(crate) fn has_backlog(&self) -> bool {
        self.iter().any(|(_, head)| head.open.len() > OPEN_POINTS_MAX)
    }

    /// Packs late while the write-ahead log is read, whose size bounds the memory.
    pub(crate) fn set_replaying(&mut self, is_replaying: bool) {
        self.is_replaying = is_replaying;
        self.open_limit = Self::open_limit(self.active, is_replaying);
    }

    fn open_limit(active: usize, is_replaying: bool) -> usize {
        let most = if is_replaying { REPLAY_POINTS_MAX } else { OPEN_POINTS_MAX };
        (OPEN_POINTS_TOTAL / active.max(1)).clamp(OPEN_POINTS_MIN, most)
    }

    /// Adds a point.
    #[inline]
    pub(crate) fn push(&mut self, series: SeriesId, time: Timestamp, value: &Value) {
        let index = series.0 as usize;
        if index >= self.series.len() {
            self.series.resize_with(index + 1, || None);
        }
        let slot = &mut self.series[index];
        if slot.is_none() {
            self.active += 1;
            self.open_limit = Self::open_limit(self.active, self.is_replaying);
            self.bytes += size_of::<SeriesHead>();
        }
        let head = slot.get_or_insert_default();
        let bytes = 8 + if matches!(value, Value::Float(_) | Value::Integer(_)) { 8 } else { value_bytes(value) };
        head.open.push(time.0, value);
        head.open_bytes += bytes;
        self.points += 1;
        self.bytes += bytes;
        // Series that tick together must not pack together, or readers would wait for all of them at once.
        let limit = self.open_limit - index.wrapping_mul(37) % (self.open_limit / 4);
        if head.open.len() >= limit || head.open_bytes >= OPEN_BYTES_MAX {
            self.pack(series);
        }
    }

    fn pack(&mut self, series: SeriesId) {
        let Some(head) = &mut self.series[series.0 as usize] else { return };
        let open = std::mem::take(&mut head.open);
        self.bytes -= std::mem::take(&mut head.open_bytes);
        let (chunks, replaced) = pack_by_day(series, open);
        self.bytes += chunks.iter().map(|chunk| chunk.bytes.len() + size_of::<PackedChunk>()).sum::<usize>();
        head.packed.extend(chunks.into_iter().map(Arc::new));
        self.points -= replaced as u64;
        self.replaced += replaced as u64;
    }

    /// Forgets a series.
    pub(crate) fn remove(&mut self, series: SeriesId) {
        if let Some(head) = self.series.get_mut(series.0 as usize).and_then(Option::take) {
            let packed: u64 = head.packed.iter().map(|chunk| u64::from(chunk.entry.count)).sum();
            let packed_bytes: usize =
                head.packed.iter().map(|chunk| chunk.bytes.len() + size_of::<PackedChunk>()).sum();
            self.points -= head.open.len() as u64 + packed;
            self.bytes -= head.open_bytes + packed_bytes + size_of::<SeriesHead>();
            self.active -= 1;
        }
    }
}

/// Packs points in order of arrival into one chunk a day; says how many were replaced.
pub(crate) fn pack_by_day(series: SeriesId, mut points: Points) -> (Vec<PackedChunk>, usize) {
    let replaced = points.normalise();
    let mut chunks = Vec::with_capacity(1);
    let mut start = 0;
    while start < points.len() {
        let day_end = day_of(points.times[start]) + DAY;
        let end = start + points.times[start..].partition_point(|time| *time < day_end);
        if start == 0 && end == points.len() {
            chunks.push(PackedChunk::of_points(series, &points, Effort::Quick));
        } else {
            chunks.push(PackedChunk::of_points(series, &points.slice(start..end), Effort::Quick));
        }
        start = end;
    }
    (chunks, replaced)
}

/// The start of the day that `time` lies in.
pub(crate) fn day_of(time: i64) -> i64 {
    time - time.rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_do_not_cross_midnight_and_sizes_add_up() {
        let mut head = Head::default();
        for i in 0..OPEN_POINTS_MAX as i64 {
            head.push(SeriesId(3), Timestamp(DAY - 500 + i), &Value::Float(i as f64));
        }
        head.push(SeriesId(3), Timestamp(5), &Value::text("late, and of another type"));
        let series = head.get(SeriesId(3)).unwrap();
        let counts: Vec<u32> = series.packed.iter().map(|chunk| chunk.entry.count).collect();
        assert_eq!((counts.as_slice(), series.open.len()), ([500, 413].as_slice(), 112));
        assert_eq!(head.points(), 1_025);
        head.remove(SeriesId(3));
        assert_eq!((head.points(), head.bytes(), head.iter().count()), (0, 0, 0));
    }
}
