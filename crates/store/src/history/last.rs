//! The newest point of every series: in memory, and in a table that is written with every flush, so that a start needs
//! no segment and a value is known after its points were dropped.

use std::path::{Path, PathBuf};

use model::{Timestamp, Value};

use super::format::{FileKind, check_header, damaged, frames_of, read_optional, walk_frames, write_frames};
use super::value_codec::{Before, put_point, take_point};
use super::wire::Reader;
use super::{HistoryError, Point, SeriesId};

/// Points in one frame of the table.
const FRAME_POINTS: usize = 4_096;

/// The newest point of each series.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastPoints(Vec<Option<Point>>);

impl LastPoints {
    /// The newest point of a series.
    pub(crate) fn get(&self, series: SeriesId) -> Option<&Point> {
        self.0.get(series.0 as usize)?.as_ref()
    }

    /// Takes note of a point; true when it is older than the newest.
    #[inline]
    pub(crate) fn note(&mut self, series: SeriesId, time: Timestamp, value: &Value) -> bool {
        let index = series.0 as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        match &mut self.0[index] {
            Some(point) if point.time > time => return true,
            // Scalars are written in place, which spares dropping the old value.
            Some(point) => {
                point.time = time;
                point.value.clone_from(value);
            }
            empty => *empty = Some(Point { time, value: value.clone() }),
        }
        false
    }

    /// Forgets a series.
    pub(crate) fn remove(&mut self, series: SeriesId) {
        if let Some(point) = self.0.get_mut(series.0 as usize) {
            *point = None;
        }
    }

    /// Writes the table durably.
    pub(crate) fn write(&self, folder: &Path, number: u64) -> Result<(), HistoryError> {
        let known: Vec<(SeriesId, &Point)> = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(index, point)| point.as_ref().map(|point| (SeriesId(index as u32), point)))
            .collect();
        let frames = frames_of(&known, FRAME_POINTS, |out, (series, point)| {
            put_point(out, &mut Before::start(), *series, point.time, &point.value);
        });
        write_frames(&path(folder, number), FileKind::Last, frames)
    }

    /// Reads a table.
    pub(crate) fn read(folder: &Path, number: u64) -> Result<Self, HistoryError> {
        let path = path(folder, number);
        let mut last = Self::default();
        let bytes = read_optional(&path)?.unwrap_or_default();
        check_header(&bytes, FileKind::Last, &path)?;
        let (end, problem) = walk_frames(&bytes, |payload| {
            let mut reader = Reader::new(payload);
            for _ in 0..reader.count(payload.len())? {
                let (series, time, value) = take_point(&mut reader, &mut Before::start())?;
                last.note(series, time, &value);
            }
            reader.finish()
        });
        match problem {
            Some(malformed) => Err(damaged(&path, end as u64, malformed)),
            None => Ok(last),
        }
    }
}

/// The file of a table.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("last-{number:08}.table"))
}
